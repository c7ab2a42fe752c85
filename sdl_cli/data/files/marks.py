"""The marks in written numbers: the decimal mark, and the thousands separator."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

# blanks that typesetting puts between thousands, the typographic apostrophe and the minus sign of mathematics
_ALIKE = str.maketrans({**dict.fromkeys("\u00a0\u2007\u2009\u202f", " "), "\u2019": "'", "\u2212": "-"})
THOUSANDS = {",": ",", ".": ".", "apostrophe": "'", "space": " ", "none": ""}  # as settings call them
NAMES = {",": "commas", ".": "points", "'": "apostrophes", " ": "blanks"}


def unified(cell: str) -> str:
    """A cell with its thin blanks, apostrophes and minus signs written as on a keyboard."""
    return cell if cell.isascii() else cell.translate(_ALIKE)


def without_percent(cell: str) -> str:
    """A stripped cell without a per cent sign at its end."""
    return cell.removesuffix("%").rstrip()


@lru_cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    mark = re.escape(decimal)
    written = [rf"[0-9]+(?:{mark}[0-9]*)?", rf"{mark}[0-9]+"]
    if thousands:
        groups = rf"[1-9][0-9]{{0,2}}(?:{re.escape(thousands)}[0-9]{{3}})+"
        lakhs = r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}" if thousands == "," else ""  # 12,34,567, as in India
        written.insert(0, rf"(?:{groups}{lakhs})(?:{mark}[0-9]*)?")
    return re.compile(rf"[+-]?(?:{'|'.join(written)})(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Marks:
    """How the numbers of a file are written."""

    decimal: str = "."  # or ","
    thousands: str = ""  # what may stand between thousands: ",", ".", "'", " " (any blank), or nothing

    def plain(self, cell: str) -> str | None:
        """A stripped cell as Python writes numbers, or None if it is not one: no inf, no misplaced marks."""
        cell = unified(cell)
        if _pattern(self.decimal, self.thousands).fullmatch(cell) is None:
            return None
        cell = cell.replace(self.thousands, "") if self.thousands else cell
        return cell.replace(self.decimal, ".") if self.decimal != "." else cell

    def is_number(self, cell: str) -> bool:
        """Whether a stripped cell is a number: digits, a sign, these marks in their places, an exponent."""
        return self.plain(cell) is not None

    def part_of_one(self, cell: str) -> str | None:
        """A stripped cell in per cent as Python writes numbers, 58.0% as 0.580 (as workbooks store it); None if it is not one."""
        plain = self.plain(without_percent(cell)) if cell.endswith("%") else None
        return None if plain is None else str(Decimal(plain).scaleb(-2))


PLAIN = Marks()
