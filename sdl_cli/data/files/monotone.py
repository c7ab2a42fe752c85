"""What a user knows of how a column bears on the target: it only rises, or only falls, with the column."""

from __future__ import annotations

from collections.abc import Mapping

from sdl_cli.data.dataset import Dataset
from sdl_cli.errors import ConfigError
from sdl_cli.phrases import listed, shortened
from sdl_cli.settings.parse import suggest

_MOST_NAMED = 12


def of_columns(monotone: Mapping[str, int], dataset: Dataset) -> tuple[int, ...]:
    """For each of the F columns of X: 1 where the target never falls as it rises, -1 where it never rises, 0 where it is free.

    Raises ConfigError: a column that is not there, or whose values have no order.
    """
    signs = [0] * int(dataset.X.shape[1] if dataset.modality == "table" else 0)
    kinds = {column.name: column.kind for column in dataset.columns}
    places = dict(dataset.own_columns) if dataset.modality == "table" else {}
    for asked, sign in monotone.items():
        name = _find(str(asked), places)
        if kinds.get(name, "number") not in ("number", "boolean"):
            what = {"category": "is a category, whose values have no order", "date": "is a date, which becomes several numbers"}
            hint = f"Columns that can have a direction: {', '.join(_numbers(places, kinds)) or 'none'}."
            raise ConfigError(f"dataset.monotone: {shortened(name)} {what[kinds[name]]}.", hint)
        [place] = places[name]
        signs[place] = int(sign)
    return tuple(signs)


def sentence(monotone: Mapping[str, int], dataset: Dataset) -> str:
    """What the predictions of a model that heeds it do, for the user."""
    signs = {shortened(str(name)): sign for name, sign in monotone.items() if sign}
    verbs = [f"never {'falls' if sign > 0 else 'rises'} as {name} rises" for name, sign in signs.items()]
    what = "The prediction" if not dataset.classes else f"The probability of {shortened(dataset.classes[1])}"
    return f"{what} {listed(verbs)} (dataset.monotone)."


def _numbers(places: Mapping[str, object], kinds: Mapping[str, str]) -> list[str]:
    found = [shortened(name) for name in places if kinds.get(name, "number") in ("number", "boolean")]
    return [*found[:_MOST_NAMED], *(["..."] if len(found) > _MOST_NAMED else [])]


def _find(asked: str, places: Mapping[str, object]) -> str:
    """The column of that name, in whatever case."""
    alike = [name for name in places if name.strip().lower() == asked.strip().lower()]
    if asked in places or len(alike) == 1:
        return asked if asked in places else alike[0]
    if not places:
        raise ConfigError("dataset.monotone: these are not columns of a table.", "Leave it out.")
    named = listed([shortened(name) for name in places], _MOST_NAMED)
    message = f"dataset.monotone: there is no column {shortened(asked)!r} to learn from.{suggest(asked, places)}"
    raise ConfigError(message, f"The columns to learn from: {named}.")
