"""The settings of a table in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sdl_cli.data.files.order_column import InTimeOrder
from sdl_cli.data.files.roles import Roles, TestFile


@dataclass(frozen=True, kw_only=True)
class TableRoles(Roles):
    """What the columns of a table are for, beside the `Roles` of every file.

    Arguments:
        features: the columns to learn from; empty takes all that have no other role.
        drop: columns to leave out.
        categorical: columns of categories, whatever their cells look like (postal codes, numbered sites).
        text: columns to keep as text, the target among them: 01 is not 1, and NA is not missing.
        monotone: by column, 1 where the target is known never to fall as the column rises, -1 where it never rises, 0 where
            nothing is known; a model that can then learns only that. Of two classes, the probability of the second.
    """

    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    monotone: dict[str, Literal[-1, 0, 1]] = field(default_factory=dict)

    @classmethod
    def from_older(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Stored settings as they are written now: an empty list of missing words once meant the usual ones."""
        return values if "text" in values or values.get("missing_values") != [] else {**values, "missing_values": None}


@dataclass(frozen=True, kw_only=True)
class Table(TableRoles, TestFile, InTimeOrder):
    """A table in a file.

    Arguments:
        path: the file: delimited text (.csv, .tsv, ...), the same in gzip, a workbook (.xlsx, .xls, .xlsb, .ods),
            Parquet, a survey file, ARFF, MATLAB or R.
        variable: which of its tables, where a file (MATLAB, R) holds several; None takes the one that fits, or asks.
        codes: columns of a survey file whose value labels are left aside: their codes are read.
        missing_reasons: what becomes of the reasons why a cell of a survey file is missing: they are counted and left out, or
            stand in a column of categories beside, called NAME.missing.
        sheet: of a workbook, by its name; None takes the only one that has cells and is not hidden.
        range: of a sheet, the cells of the table with its names, such as B4:H120, or B4:H down to the last row; None finds it.
        fill_down: columns of a sheet in which a blank cell repeats the one above; None asks where cells are merged.

    The other arguments are those of `TableRoles`, `TestFile` and `InTimeOrder`; the column of the order is learned from like any
    other, unless it is among `drop`.
    """

    name: str = "table"
    variable: str | None = None
    sheet: str | None = None
    range: str | None = None
    fill_down: tuple[str, ...] | None = None
    codes: tuple[str, ...] = ()
    missing_reasons: Literal["missing", "column"] = "missing"

    def set_for_words(self) -> str:
        """The settings that only a file with words for its values heeds, where they are set."""
        return " and ".join(
            ["dataset.codes"] * bool(self.codes) + ["dataset.missing_reasons"] * (self.missing_reasons == "column")
        )

    def written(self) -> dict[str, Any]:
        """As for text, and what is wanted of a survey file, a workbook or a file of several tables."""
        wanted: dict[str, Any] = {"codes": list(self.codes), "missing_reasons": self.missing_reasons, "variable": self.variable}
        wanted |= {"sheet": self.sheet, "range": self.range, "fill_down": self.fill_down}
        return {**super().written(), **{key: value for key, value in wanted.items() if value not in ([], "missing", None)}}
