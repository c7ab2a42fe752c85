"""What the columns of a file are for: found by name or position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from sdl_cli import phrases
from sdl_cli.data.files.sniffing import Asked
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened
from sdl_cli.settings.experiment import DataSettings, Range
from sdl_cli.settings.parse import suggest

CLASS_WORDS = frozenset({"class", "label", "category", "species", "diagnosis", "classes", "labels"})
_TARGET_WORDS = (*sorted(CLASS_WORDS), "target", "outcome", "y")


@dataclass(frozen=True, kw_only=True)
class Roles(DataSettings):
    """What the columns of a file are for; a column is given by its name, or by its position from 0 (or -1 for the last).

    Arguments:
        target: the column to predict.
        group: a column whose rows belong together (one patient, plant or camera): none stands on two sides of a split.
        id: a column that names the rows in predictions; it is not learned from.
        task: classification, regression or auto (text and few whole numbers are classes).
        missing_target: rows without a target: fail (and name them), or drop (and count them).
        min_class_rows: leave out classes with fewer rows; None keeps all.
        missing_values: words that mean a missing cell; None for the empty cell, NA, NaN, null, ? and their like; an empty list
            for the empty cell alone; words for these beside the usual ones.
        target_scale: what models learn of a number to predict: `none` for the number, `log` for the logarithm of a positive one.
            Predictions and scores are in the target's own unit.
    """

    target: str | None = None
    group: str | None = None
    id: str | None = None
    task: Literal["auto", "classification", "regression"] = "auto"
    missing_target: Literal["fail", "drop"] = "fail"
    min_class_rows: Annotated[int, Range(2)] | None = None
    missing_values: tuple[str, ...] | None = None
    target_scale: Literal["none", "log"] = "none"


@dataclass(frozen=True, kw_only=True)
class WrittenRoles(Roles):
    """The same of a file of delimited text.

    Arguments:
        path: the file.
        delimiter, header, encoding: how the text is written; None detects it.
        header_lines: records of names at the top, the further ones of units or of more names; None asks where there may be more.
        decimal: the mark of decimal fractions; None detects it.
        thousands: what divides thousands (a space is any blank); None detects it, and asks if it could be the decimal mark.
    """

    path: str
    delimiter: str | None = None
    header: bool | None = None
    header_lines: Annotated[int, Range(1, 3)] | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal[",", ".", "apostrophe", "space", "none"] | None = None

    def asked(self, *columns: str | None) -> Asked:
        """What the user says about the file, and the columns that must stand in it."""
        names = tuple(name for name in columns if name is not None)
        return Asked(self.delimiter, self.header, self.encoding, self.decimal, self.thousands, self.header_lines, names)

    def written(self) -> dict[str, Any]:
        """The same in JSON-ready values, for new rows."""
        return {key: getattr(self, key) for key in ("delimiter", "header", "encoding", "decimal", "thousands", "header_lines")}


@dataclass(frozen=True, kw_only=True)
class TestFile(WrittenRoles):
    """The same, where a second file may bring the test rows.

    Arguments:
        test_path: a file of the same kind and columns that is the test part; None draws test rows from `path`.

    The other arguments are those of `WrittenRoles`.
    """

    __test__ = False  # not a test of pytest
    test_path: str | None = None


def find_column(source: object, names: Sequence[str], asked: str, key: str) -> int:
    """The position of a column that is named, or given as a position from 0 (or -1 for the last).

    Raises DataError: there is no such column; `source`, the file, and `key`, the setting that asked, are for its message.
    """
    if asked in names:
        return list(names).index(asked)
    alike = [i for i, name in enumerate(names) if name.strip().lower() == asked.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    try:
        position = int(asked)
    except ValueError:
        message = f"{key}: {source} has no column {shortened(asked)!r}.{suggest(asked, names)}"
        unnamed = list(names) == [f"x{i}" for i in range(len(names))]
        more = " If the first line holds their names: dataset.header=true" if unnamed else ""
        raise DataError(message, f"Its columns: {listed(names)}.{more}") from None
    if not -len(names) <= position < len(names):
        message = f"{key}={position}: {source} has {len(names)} columns."
        raise DataError(message, f"Positions count from 0 to {len(names) - 1}, or from -1 for the last; or give a name.")
    return position % len(names)


def without_doubt_of_header(notes: Sequence[str], names: Sequence[str], asked: Sequence[str | None]) -> list[str]:
    """Notes on how a file was read, without the one that its first line may be no header where the user named a column of it."""
    sure = any(name in names for name in asked)
    return [note for note in notes if not (sure and note.startswith("The first line was read as names"))]


class NoTargetError(DataError):
    """A target that was not given: `names` are those of the columns, `likely` those that are called so."""

    names: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()


def which_target(source: object, names: Sequence[str]) -> NoTargetError:
    """The error for a target that was not given: it names the columns, and the likely one."""
    likely = [name for name in names if name.lower() in _TARGET_WORDS]
    hint = f"Add dataset.target={likely[-1]}" if likely else "Add dataset.target= and its name."
    message = f"dataset.target: which column of {source} is to be predicted? There are: {listed(names)}."
    error = NoTargetError(message, hint)
    error.names, error.likely = tuple(names), tuple(likely)
    return error


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names as a list for a message, the first of them where there are many."""
    return phrases.listed([shortened(name, 40) for name in names[:most]], most, len(names), last=", ")
