"""A learning curve as a small chart of characters, and what it shares with the picture: its ranges, its ticks and its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sdl_cli.measure import wording
from sdl_cli.measure.axes import extent, fraction, line_at, size_ticks, tick_texts, value_ticks, view
from sdl_cli.measure.curve import LearningCurve

UNICODE = {"point": "●", "line": "·", "band": "░", "target": "─", "side": "│", "corner": "└", "floor": "─", "tick": "┴"}
ASCII = {"point": "o", "line": ".", "band": ":", "target": "-", "side": "|", "corner": "+", "floor": "-", "tick": "+"}


def chart(curve: LearningCurve, columns: int = 80, rows: int = 12, ascii_only: bool = False) -> list[str]:
    """A curve's score against the number of labelled rows (log scale), in characters without colour.

    Arguments:
        columns, rows: of characters, at least 40 and 4; the metric, the axis and the signs' meanings take further rows.
    """
    signs = ASCII if ascii_only else UNICODE
    labels = _row_labels(curve, rows)
    before = max(len(text) for text in labels.values())
    first, last = extent([curve])
    width = columns - before - 2
    grid = _grid(curve, width, rows, signs)
    lines = [f"{labels.get(row, ''):>{before}} {signs['side']}{''.join(cells)}" for row, cells in enumerate(grid)]
    places = {
        round(fraction(size, first, last) * (width - 1)): f"{size:,}" for size in size_ticks(first, last, curve.points[0].size)
    }
    floor = "".join(signs["tick"] if column in places else signs["floor"] for column in range(width))
    lines += [f"{'':>{before}} {signs['corner']}{floor}", " " * (before + 2) + _below(places, width)]
    lines.append(" " * (before + 2) + "number of labelled rows".center(width))
    title = wording.label(curve.metric)[:columns]
    return [line.rstrip() for line in (title, *lines, *_legend(curve, grid, signs, columns))]


def _row_labels(curve: LearningCurve, rows: int) -> dict[int, str]:
    """Row -> text left of it; the target's own text stands in its row, and no round value beside it."""
    low, high = view([curve])
    metric = curve.metric
    ticks = value_ticks(low, high, max(2, rows // 3))
    unit = " %" if metric in wording.PERCENT else ""
    labels = {_row(tick, low, high, rows): text + unit for tick, text in zip(ticks, tick_texts(metric, ticks), strict=True)}
    if curve.labels_needed:
        target = curve.labels_needed.target
        labels[_row(target, low, high, rows)] = wording.shown(metric, target)
    return labels


def _row(value: float, low: float, high: float, rows: int) -> int:
    return min(max(round((high - value) / (high - low) * (rows - 1)), 0), rows - 1)


def _row_beside(curve: LearningCurve, value: float, rows: int) -> int:
    """The row of a value; where the target stands in it, the next one on the value's side, so that it does not seem reached."""
    low, high = view([curve])
    row = _row(value, low, high, rows)
    target = curve.labels_needed.target if curve.labels_needed else None
    if target is None or value == target or row != _row(target, low, high, rows):
        return row
    return min(max(row + (1 if value < target else -1), 0), rows - 1)


def _grid(curve: LearningCurve, width: int, rows: int, signs: Mapping[str, str]) -> list[list[str]]:
    """The cells from the top row down; what matters more is drawn over what matters less."""
    low, high = view([curve])
    first, last = extent([curve])
    grid = [[" "] * width for _ in range(rows)]
    fitted = [line_at(curve.line, first * (last / first) ** (column / (width - 1))) for column in range(width)]
    for column, row in enumerate(fitted):
        if row and row.low is not None and row.high is not None:
            for number in range(rows):
                if row.low <= high - (high - low) * number / (rows - 1) <= row.high:
                    grid[number][column] = signs["band"]
    if curve.labels_needed:
        grid[_row(curve.labels_needed.target, low, high, rows)] = [signs["target"]] * width
    for column, row in enumerate(fitted):
        if row:
            grid[_row_beside(curve, row.mean, rows)][column] = signs["line"]
    for point in curve.points:
        column = round(fraction(point.size, first, last) * (width - 1))
        grid[_row_beside(curve, point.mean, rows)][column] = signs["point"]
    return grid


def _below(places: Mapping[int, str], width: int) -> str:
    """Texts centred below their columns; one that would touch another is left out, the larger sizes first to stay."""
    cells = [" "] * width
    for column, text in sorted(places.items(), reverse=True):
        start = min(max(column - len(text) // 2, 0), width - len(text))
        if not "".join(cells[max(start - 1, 0) : start + len(text) + 1]).strip():
            cells[start : start + len(text)] = text
    return "".join(cells)


def _legend(curve: LearningCurve, grid: Iterable[Sequence[str]], signs: Mapping[str, str], columns: int) -> list[str]:
    """What each sign in the grid means, in as many lines as it takes."""
    seen = {cell for row in grid for cell in row}
    meanings = {"point": "measured", "line": "fitted and forecast", "band": f"{100 * curve.level:g} % interval"}
    if curve.labels_needed:
        meanings["target"] = f"target {wording.shown(curve.metric, curve.labels_needed.target)}"
    lines = [""]
    for text in (f"{signs[key]} {meaning}" for key, meaning in meanings.items() if signs[key] in seen or key == "target"):
        longer = f"{lines[-1]}  {text}" if lines[-1] else text
        lines = [*lines[:-1], longer] if len(longer) <= columns else [*lines, text]
    return lines
