"""`model.architecture` and `model.weights`, which name one network or several side by side; nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sdl_cli.errors import ConfigError

TIMM = "timm/"  # before the names of timm's networks; the others are torchvision's

MOST = 8  # networks side by side
Names = str | Sequence[str]


def each(names: Names) -> tuple[str, ...]:
    """The names, where one may stand alone."""
    return (names,) if isinstance(names, str) else tuple(names)


def sources(architecture: Names, weights: Names) -> tuple[tuple[str, str], ...]:
    """Each architecture with its own weights, for which one word may stand for all: default, none, or the folder of a run.

    Raises ConfigError where they do not pair up.
    """
    names, own = each(architecture), each(weights)
    if not 1 <= len(names) <= MOST:
        what = f"architecture: it names {len(names)} networks, and must name 1 to {MOST}."
        raise ConfigError(what, "For example [resnet18,timm/vit_tiny_patch16_224].")
    if len(names) > 1 and isinstance(weights, str) and not Path(weights).expanduser().is_file():
        own = (weights,) * len(names)
    if len(own) != len(names):
        example = ",".join(["default"] * (len(names) - 1) + ["FILE"])
        how = f"[{example}]" if len(names) > 1 else "FILE"
        raise ConfigError(f"weights: there are {len(own)} for {len(names)} networks; give one for each: 'model.weights={how}'.")
    pairs = tuple(zip(names, own, strict=True))
    twice = next((pair for pair in pairs if pairs.count(pair) > 1), None)
    if twice is not None:
        raise ConfigError(f"architecture: {twice[0]} stands there twice with the same weights, which adds nothing.")
    return pairs
