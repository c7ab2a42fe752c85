"""A learning curve that a program brings: its points, forecast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdl_cli.data.sources.new_in_memory import is_frame
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import typed_path
from sdl_cli.study.curve.elsewhere import forecast, forecast_rows
from sdl_cli.study.curve.settings import Curve
from sdl_cli.study.curve.summary import Question

if TYPE_CHECKING:
    from sdl_cli.study.curve.result import CurveResult


def forecast_points(
    points: Any, at: int | Sequence[int] | None, target: float | None, metric: str, level: float, test_rows: int | None
) -> CurveResult:
    """As of `sdl_cli.forecast`."""
    from sdl_cli.settings.parse import parse_group
    from sdl_cli.study.curve.result import CurveResult

    sizes = [at] if isinstance(at, int) else None if at is None else list(at)
    asked: Curve = parse_group("curve", Curve, {"at": sizes, "level": level, "target": target})
    if test_rows is not None and (isinstance(test_rows, bool) or int(test_rows) != test_rows or test_rows < 1):
        raise ConfigError(f"test_rows: {test_rows!r} is out of range: it must be at least 1.")
    question = Question(asked.target, asked.at, asked.level, test_rows)
    if isinstance(points, (str, Path)):
        return CurveResult.from_json(forecast(typed_path(str(points)), metric, question))
    return CurveResult.from_json(forecast_rows(_rows(points), metric, question))


def _rows(points: Any) -> list[tuple[int, list[str]]]:
    """The lines of a table of points, as a file would have them."""
    if is_frame(points):
        names = [str(name) for name in points.columns]
        if "score" not in names and "mean" in names:  # of a curve: its means
            points, names = points[["size", "mean"]], ["size", "score"]
        rows = points.to_numpy(dtype=object).tolist()
    else:
        rows = [list(row) if isinstance(row, (Sequence, tuple)) or hasattr(row, "tolist") else [row] for row in points]
        width = max(map(len, rows), default=2)
        names = ["size", "score", "repeat"][: max(2, width)]
        if width > 3 or any(len(row) != width for row in rows):
            raise DataError("Each point is a pair of size and score, or of size, score and repeat.", "[(50, 0.81), (100, 0.86)]")
    lines = [[_cell(cell) for cell in row] for row in rows]
    return list(enumerate([names, *lines]))


def _cell(cell: Any) -> str:
    """A number as text; a whole one without a fraction."""
    plain = cell.item() if hasattr(cell, "item") else cell
    if isinstance(plain, float) and plain.is_integer():
        return str(int(plain))
    return "" if plain is None else str(plain)
