"""What a policy that changes images does to a number to predict, which only the user knows, and the refusal to guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sdl_cli.errors import ConfigError


@dataclass(frozen=True)
class _Effect:
    """One thing that may happen to an image, and the setting that says what becomes of the number.

    Arguments:
        key: that setting. by: settings of which one over 0 (or true) makes it happen; `trivial` always does.
        verb, done: what the policy does, and what is then true of an image. example: a number that this changes.
        give: how to say what becomes of the number.
    """

    key: str
    by: tuple[str, ...]
    verb: str
    done: str
    example: str
    give: str

    def happens(self, augment: Any) -> bool:
        return any(getattr(augment, key, 0) for key in self.by) or (augment.name == "trivial" and hasattr(augment, self.key))

    def without(self, augment: Any) -> str:
        """The setting under which it does not happen."""
        key = next((key for key in self.by if hasattr(augment, key)), None)
        return "augment=none" if key is None else f"augment.{key}={'false' if key == 'flip' else 0}"


_EFFECTS = (
    _Effect(
        "flip_target",
        ("flip",),
        "mirrors images",
        "mirrored",
        "mirroring may change it, as it does the sign of a steering angle",
        "augment.flip_target=negate if its sign changes, augment.flip_target=keep if it stays",
    ),
    _Effect(
        "shift_target",
        ("max_fraction", "pad_fraction"),
        "moves images",
        "moved",
        "moving may change it, as it does a position",
        "augment.shift_target to what it gains with each pixel to the right (0 if it stays)",
    ),
    _Effect(
        "rotate_target",
        ("max_degrees",),
        "turns images",
        "turned",
        "turning may change it, as it does an angle",
        "augment.rotate_target to what it gains with each degree counter-clockwise (0 if it stays)",
    ),
)


def check_targets(augment: Any, task: str) -> list[str]:
    """Sentences on settings that say what becomes of a number, and have no effect.

    Raises ConfigError: the targets are numbers, and nothing says what becomes of them.
    """
    is_number = task == "regression"
    if is_number and augment.name == "trivial" and (augment.shift_target or augment.rotate_target):
        hint = "Use augment=shift, which only moves and turns them, or set both to 0 if the number stays."
        raise ConfigError("augment=trivial shears images too, and no setting says what that adds to a number.", hint)
    notices = []
    for effect in _EFFECTS:
        given, happens = getattr(augment, effect.key, None), effect.happens(augment)
        if is_number and happens and given is None:
            raise ConfigError(
                f"augment={augment.name} {effect.verb}, and the target is a number: {effect.example}.",
                f"Set {effect.give}, or {effect.without(augment)}",
            )
        if given is not None and not (is_number and happens):
            why = f"no image is {effect.done} ({effect.without(augment)})" if is_number else "the targets are classes"
            notices.append(f"augment.{effect.key}={given} has no effect: {why}.")
    return notices
