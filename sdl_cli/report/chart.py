"""A learning curve as a small chart of characters, and what it shares with the picture: its ranges, its ticks and its line."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sdl_cli.report import words

Values = dict[str, Any]
UNICODE = {"point": "●", "line": "·", "band": "░", "target": "─", "side": "│", "corner": "└", "floor": "─", "tick": "┴"}
ASCII = {"point": "o", "line": ".", "band": ":", "target": "-", "side": "|", "corner": "+", "floor": "-", "tick": "+"}
MARGIN = 0.08  # of the range of values, below and above it


def chart(curve: Values, columns: int = 80, rows: int = 12, ascii_only: bool = False) -> list[str]:
    """A curve's score against the number of labelled rows (log scale), in characters without colour.

    Arguments:
        curve: name, dataset, metric, level, points, line and labels_needed, as the forecast of a curve gives them.
        columns: the width that no line exceeds, at least 40.
        rows: height of the part that holds the points, at least 4.
        ascii_only: for a terminal without unicode.
    Returns:
        Lines without trailing spaces: the metric, the rows, the axis with its sizes, and what the signs mean.
    """
    signs = ASCII if ascii_only else UNICODE
    labels = _row_labels(curve, rows)
    before = max(len(text) for text in labels.values())
    first, last = extent([curve])
    width = columns - before - 2
    grid = _grid(curve, width, rows, signs)
    lines = [f"{labels.get(row, ''):>{before}} {signs['side']}{''.join(cells)}" for row, cells in enumerate(grid)]
    places = {
        round(fraction(size, first, last) * (width - 1)): f"{size:,}"
        for size in size_ticks(first, last, curve["points"][0]["size"])
    }
    floor = "".join(signs["tick"] if column in places else signs["floor"] for column in range(width))
    lines += [f"{'':>{before}} {signs['corner']}{floor}", " " * (before + 2) + _below(places, width)]
    lines.append(" " * (before + 2) + "number of labelled rows".center(width))
    title = words.label(curve["metric"])[:columns]
    return [line.rstrip() for line in (title, *lines, *_legend(curve, grid, signs, columns))]


def extent(curves: Sequence[Values]) -> tuple[float, float]:
    """The least and the largest number of rows in view: all sizes with a little room, and at least a factor of 4."""
    sizes = [row["size"] for curve in curves for row in (*curve["points"], *curve["line"])]
    low, high = math.log(min(sizes)), math.log(max(sizes))
    room = max(0.03 * (high - low), (math.log(4) - (high - low)) / 2)
    return math.exp(low - room), math.exp(high + room)


def view(curves: Sequence[Values]) -> tuple[float, float]:
    """The least and the largest value in view: points, lines and targets with a margin; a wide band is cut there."""
    values: list[float] = []
    for curve in curves:
        for point in curve["points"]:
            error = point["se"] or 0.0
            values += [point["mean"] - error, point["mean"] + error]
            values += [] if point["baseline"] is None else [point["baseline"]]
        values += [row["mean"] for row in curve["line"]]
        values += [curve["labels_needed"]["target"]] if curve["labels_needed"] else []
    low, high = min(values), max(values)
    share = curves[0]["metric"] in words.PERCENT
    room = max(MARGIN * (high - low), 0.005 if share else 0.005 * abs(high) or 0.5)
    if share:
        # a point at the very end is drawn whole, and no tick stands beyond 100 %
        end = min(0.03, room / 2)
        return min(low, max(low - room, -end)), max(high, min(high + room, 1 + end))
    return low - room, high + room


def fraction(size: float, first: float, last: float) -> float:
    """Where a size stands on the log axis from `first` (0) to `last` (1)."""
    return math.log(size / first) / math.log(last / first)


def size_ticks(first: float, last: float, smallest: float) -> list[int]:
    """Sizes to label from `first` to `last`: the smallest measured, and beyond it powers of ten (1, 2, 5 where they are few)."""
    ticks: list[int] = []
    for factors in ((1,), (1, 2, 5)):
        powers = range(math.floor(math.log10(first)), math.floor(math.log10(last)) + 1)
        ticks = [factor * 10**power for power in powers if power >= 0 for factor in factors]
        ticks = [tick for tick in ticks if first <= tick <= last]
        if len(ticks) >= 3:
            break
    start = fraction(smallest, first, last)
    return [round(smallest), *(tick for tick in ticks if fraction(tick, first, last) - start > 0.07)]


def value_ticks(low: float, high: float, most: int) -> list[float]:
    """Round values from `low` to `high`, 1, 2 or 5 times a power of ten apart: at least 2, and at most `most` if possible."""
    base = 10.0 ** math.floor(math.log10((high - low) / most))
    choices = []
    for step in (base, 2 * base, 5 * base, 10 * base):
        choices.append([number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)])
    return next((ticks for ticks in choices if 2 <= len(ticks) <= most), next(ticks for ticks in choices[::-1] if len(ticks) > 1))


def tick_texts(metric: str, ticks: Sequence[float]) -> list[str]:
    """Values with as many decimals as their step needs, in per cent (without the sign) where the metric is shown so."""
    scale = 100 if metric in words.PERCENT else 1
    step = scale * (ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) or 1.0)
    if max(scale * abs(tick) for tick in ticks) >= 1e7 or step < 1e-6:
        return [f"{scale * tick:.6g}" for tick in ticks]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{round(scale * tick, decimals) + 0.0:,.{decimals}f}" for tick in ticks]


def line_at(line: Sequence[Values], size: float) -> Values | None:
    """The fitted curve at a size, interpolated over the log of the size; None outside it. Its band is None where it has none."""
    if not line or not line[0]["size"] <= size <= line[-1]["size"]:
        return None
    after = bisect_left(line, size, key=lambda row: row["size"])
    if line[after]["size"] == size:
        return dict(line[after])
    one, other = line[after - 1], line[after]
    share = fraction(size, one["size"], other["size"])
    row: Values = {"size": size}
    for key in ("mean", "low", "high"):
        known = one[key] is not None and other[key] is not None
        row[key] = one[key] + share * (other[key] - one[key]) if known else None
    return row


def _row_labels(curve: Values, rows: int) -> dict[int, str]:
    """Row -> text left of it; the target's own text stands in its row, and no round value beside it."""
    low, high = view([curve])
    metric = curve["metric"]
    ticks = value_ticks(low, high, max(2, rows // 3))
    unit = " %" if metric in words.PERCENT else ""
    labels = {_row(tick, low, high, rows): text + unit for tick, text in zip(ticks, tick_texts(metric, ticks), strict=True)}
    if curve["labels_needed"]:
        target = curve["labels_needed"]["target"]
        labels[_row(target, low, high, rows)] = words.shown(metric, target)
    return labels


def _row(value: float, low: float, high: float, rows: int) -> int:
    return min(max(round((high - value) / (high - low) * (rows - 1)), 0), rows - 1)


def _row_beside(curve: Values, value: float, rows: int) -> int:
    """The row of a value; where the target stands in it, the next one on the value's side, so that it does not seem reached."""
    low, high = view([curve])
    row = _row(value, low, high, rows)
    target = curve["labels_needed"]["target"] if curve["labels_needed"] else None
    if target is None or value == target or row != _row(target, low, high, rows):
        return row
    return min(max(row + (1 if value < target else -1), 0), rows - 1)


def _grid(curve: Values, width: int, rows: int, signs: Mapping[str, str]) -> list[list[str]]:
    """The cells from the top row down; what matters more is drawn over what matters less."""
    low, high = view([curve])
    first, last = extent([curve])
    grid = [[" "] * width for _ in range(rows)]
    fitted = [line_at(curve["line"], first * (last / first) ** (column / (width - 1))) for column in range(width)]
    for column, row in enumerate(fitted):
        if row and row["low"] is not None and row["high"] is not None:
            for number in range(rows):
                if row["low"] <= high - (high - low) * number / (rows - 1) <= row["high"]:
                    grid[number][column] = signs["band"]
    if curve["labels_needed"]:
        grid[_row(curve["labels_needed"]["target"], low, high, rows)] = [signs["target"]] * width
    for column, row in enumerate(fitted):
        if row:
            grid[_row_beside(curve, row["mean"], rows)][column] = signs["line"]
    for point in curve["points"]:
        column = round(fraction(point["size"], first, last) * (width - 1))
        grid[_row_beside(curve, point["mean"], rows)][column] = signs["point"]
    return grid


def _below(places: Mapping[int, str], width: int) -> str:
    """Texts centred below their columns; one that would touch another is left out, the larger sizes first to stay."""
    cells = [" "] * width
    for column, text in sorted(places.items(), reverse=True):
        start = min(max(column - len(text) // 2, 0), width - len(text))
        if not "".join(cells[max(start - 1, 0) : start + len(text) + 1]).strip():
            cells[start : start + len(text)] = text
    return "".join(cells)


def _legend(curve: Values, grid: Iterable[Sequence[str]], signs: Mapping[str, str], columns: int) -> list[str]:
    """What each sign in the grid means, in as many lines as it takes."""
    seen = {cell for row in grid for cell in row}
    meanings = {"point": "measured", "line": "fitted and forecast", "band": f"{100 * curve['level']:g} % interval"}
    if curve["labels_needed"]:
        meanings["target"] = f"target {words.shown(curve['metric'], curve['labels_needed']['target'])}"
    lines = [""]
    for text in (f"{signs[key]} {meaning}" for key, meaning in meanings.items() if signs[key] in seen or key == "target"):
        longer = f"{lines[-1]}  {text}" if lines[-1] else text
        lines = [*lines[:-1], longer] if len(longer) <= columns else [*lines, text]
    return lines
