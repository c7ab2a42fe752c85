"""A large sheet in pieces of whole rows, which a reader parses at the same time, and the cells of all pieces as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sdl_cli.data.formats.workbooks.sheet import Value
from sdl_cli.settings.machine import available_cores

_PIECE_BYTES = 2**23  # below this a piece is not worth a thread
_MOST = 4

Rows = list[list[Value]]


def split(data: bytes) -> list[bytes]:
    """The XML of a sheet (of usual form) as several sheets, one after the other, for as many cores as there are."""
    first, end = data.find(b"<sheetData>") + len(b"<sheetData>"), data.rfind(b"</sheetData>")
    num = min(available_cores(), _MOST, len(data) // _PIECE_BYTES)
    if num < 2 or first < len(b"<sheetData>") or end < first:
        return [data]
    places = [data.find(b"<row ", first + (end - first) * k // num, end) for k in range(1, num)]
    edges = [first, *sorted({place for place in places if place > first}), end]
    whole = memoryview(data)
    return [b"".join((whole[:first], whole[a:b], whole[end:])) for a, b in zip(edges, edges[1:], strict=False)]


def joined(reads: Sequence[Any], rows_of: Callable[[Any], Rows]) -> tuple[Rows, int, int] | None:
    """The rows of all pieces, equally long, and where the first row and column stand; None where pieces are in disorder.

    Arguments:
        reads: what python-calamine gives for each. rows_of: reads its cells.
    """
    filled = [read for read in reads if read.start is not None]
    if not filled:
        return [], 0, 0
    left, right = min(read.start[1] for read in filled), max(read.end[1] for read in filled)
    if any(a.end[0] >= b.start[0] for a, b in zip(filled, filled[1:], strict=False)):
        return None
    rows: Rows = []
    top = filled[0].start[0]
    for read in filled:
        rows += [[""] * (right - left + 1) for _ in range(read.start[0] - top - len(rows))]
        before, behind = [""] * (read.start[1] - left), [""] * (right - read.end[1])
        own = rows_of(read)
        rows += [[*before, *row, *behind] for row in own] if before or behind else own
    return rows, top, left
