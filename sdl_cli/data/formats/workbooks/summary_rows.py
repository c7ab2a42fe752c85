"""Rows below a table that sum it up: totals, means and counts are no cases to learn from."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from sdl_cli.data.formats.workbooks.sheet import Sheet, Value
from sdl_cli.data.formats.workbooks.table_area import is_blank

_WORD = re.compile(
    r"(?:(?:grand |sub|over)?-?totals?|sums?|averages?|avg|means?|medians?|counts?|std(?:ev)?\.?|sd|min(?:imum)?|max(?:imum)?|n|"
    r"(?:gesamt|zwischen)?summen?|gesamt|insgesamt|mittelwerte?|mittel|durchschnitt|anzahl|somme|moyenne|ensemble|suma|media|"
    r"promedio|totale|totaal|gemiddelde|итого|всего|合計|总计|合计|總計)(?: ?[:=]| \(.{0,20}\))?",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"(?:grand |sub)?-?totals?|(?:gesamt|zwischen)?summen?|sums?|totale|totaal|итого|合計|总计|合计|總計", re.IGNORECASE
)
_MOST = 8
_TOLERANCE = 1e-9


def num_summary_rows(
    sheet: Sheet, grid: Sequence[Sequence[Value]], rows: Sequence[int], columns: Sequence[int]
) -> tuple[int, str]:
    """How many rows at the end sum up those above, for sure, and the word in one that may be such a row and is not confirmed.

    Arguments:
        grid: rows of data `(N, F)`, which stand in these rows and columns of the sheet.
    """
    named = 0
    while named < min(_MOST, len(grid) - 2) and _label(grid, len(grid) - 1 - named):
        named += 1
    if not named:
        bare = len(grid) > 3 and _is_bare(grid) and _sums_up(sheet, grid, rows, columns, len(grid) - 1, every=True)
        return (1, "") if bare else (0, "")
    first = len(grid) - named
    if any(_sums_up(sheet, grid, rows, columns, i, first) for i in range(first, len(grid))):
        return named, ""
    word = _label(grid, len(grid) - 1)
    return 0, word if _STRONG.fullmatch(word.rstrip(" :=")) else ""


def _label(grid: Sequence[Sequence[Value]], i: int) -> str:
    """The word for a total in a row whose other cells are numbers or blank, if no row above has the same word."""
    words = [(j, value.strip()) for j, value in enumerate(grid[i]) if isinstance(value, str) and not is_blank(value)]
    if len(words) != 1 or not _WORD.fullmatch(words[0][1]):
        return ""
    j, word = words[0]
    above = (grid[k][j] for k in range(i))
    return "" if any(isinstance(value, str) and value.strip() == word for value in above) else word


def _is_bare(grid: Sequence[Sequence[Value]]) -> bool:
    """Whether the last row has no text or date where all others have some."""
    empty = [j for j, value in enumerate(grid[-1]) if is_blank(value)]
    return any(
        all(not isinstance(row[j], (float, int)) and not is_blank(row[j]) for row in grid[:-1]) for j in empty
    ) and not any(isinstance(value, str) and not is_blank(value) for value in grid[-1])


def _sums_up(
    sheet: Sheet,
    grid: Sequence[Sequence[Value]],
    rows: Sequence[int],
    columns: Sequence[int],
    i: int,
    end: int | None = None,
    every: bool = False,
) -> bool:
    """Whether numbers of row i are sums, means or counts of those above (rows before `end`), or formulas for them."""
    end = i if end is None else end
    seen, right = 0, 0
    for j, value in enumerate(grid[i]):
        formula = (rows[i], columns[j]) in sheet.totals and (rows[end - 1], columns[j]) not in sheet.totals
        if formula:
            seen, right = seen + 1, right + 1
            continue
        if isinstance(value, bool) or not isinstance(value, (float, int)):
            continue
        above = [float(v) for v in (grid[k][j] for k in range(end)) if isinstance(v, (float, int)) and not isinstance(v, bool)]
        if not above:
            continue
        total = math.fsum(above)
        seen += 1
        right += any(
            math.isclose(value, found, rel_tol=_TOLERANCE)
            for found in (total, total / len(above), len(above), min(above), max(above))
        )
    return right > 0 and (not every or (right == seen and (seen > 1 or len(grid) > 5)))
