"""The measured points of a curve: scores by size and repeat, from cells or from a file, and their means."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sdl_cli.errors import DataError
from sdl_cli.measure.metrics import RANGE
from sdl_cli.phrases import shortened
from sdl_cli.settings.parse import suggest

Scores = dict[int, dict[str, float]]
TEST_ROWS, SAME_ROWS = "test_rows", "same_test_rows"  # further columns of what sdl writes


@dataclass(frozen=True)
class Points:
    """Scores of a metric.

    Arguments:
        metric: its key, as in `metrics.RANGE`.
        scores: size -> repeat -> score; sizes increase, and no size is empty.
        seconds: size -> seconds of all its repeats together.
        baseline, majority: size -> mean score in the same repeats of the quick baseline, and of ignoring the inputs.
        test_rows: rows that each score was measured on, if known. same_test_rows: whether they are the same in every repeat.
    """

    metric: str
    scores: Scores
    seconds: dict[int, float] = field(default_factory=dict)
    baseline: dict[int, float] = field(default_factory=dict)
    majority: dict[int, float] = field(default_factory=dict)
    test_rows: int | None = None
    same_test_rows: bool = False

    @property
    def sizes(self) -> list[int]:
        return list(self.scores)

    @property
    def repeats(self) -> list[int]:
        """Repeats at each size."""
        return [len(scores) for scores in self.scores.values()]

    @property
    def means(self) -> list[float]:
        return [float(np.mean(list(scores.values()))) for scores in self.scores.values()]

    @property
    def standard_errors(self) -> list[float | None]:
        """Of the means, over repeats; None where there is one repeat."""
        return [_standard_error(list(scores.values())) for scores in self.scores.values()]

    def difference(self, earlier: int, later: int) -> tuple[float, float | None]:
        """Score at one size minus that at another, and its standard error, paired over the repeats that both have."""
        one, other = self.scores[earlier], self.scores[later]
        paired = [other[repeat] - one[repeat] for repeat in self.pairs(earlier, later)]
        if len(paired) > 1:
            return float(np.mean(paired)), _standard_error(paired)
        spread = [_standard_error(list(scores.values())) for scores in (one, other)]
        error = None if None in spread else math.hypot(*(s for s in spread if s is not None))
        return float(np.mean(list(other.values())) - np.mean(list(one.values()))), error

    def pairs(self, earlier: int, later: int) -> list[str]:
        """The repeats that both sizes have."""
        return [repeat for repeat in self.scores[earlier] if repeat in self.scores[later]]

    def to_csv(self) -> str:
        """One line per size and repeat: size, score, repeat, and the test rows if known; `sdl forecast` reads it back."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        more = [] if self.test_rows is None else [self.test_rows, "yes" if self.same_test_rows else "no"]
        writer.writerow(["size", "score", "repeat", *([TEST_ROWS, SAME_ROWS] if more else [])])
        for size, scores in self.scores.items():
            writer.writerows([size, score, repeat, *more] for repeat, score in scores.items())
        return buffer.getvalue()


def read_csv(file: Path, metric: str) -> Points:
    """Points measured elsewhere: columns size and score, and repeat where a size was measured more than once.

    Raises:
        DataError: no such file or columns, a cell that is no number, a score that the metric cannot have, sizes that do not
            increase (where there is no column repeat) or fewer than 3 of them; the message names the line.
    """
    return points_of(str(file), _rows(file), metric)


def points_of(file: str, rows: Sequence[tuple[int, Sequence[str]]], metric: str, unit: str = "line") -> Points:
    """The same of the lines of a table with their numbers, the first one its names; `file` and `unit` are for messages."""
    header = [name.strip().lower() for name in rows[0][1]] if rows else []
    columns = {name: header.index(name) for name in ("size", "score", "repeat") if name in header}
    if "repeat" not in columns and (near := next((name for name in header if name.startswith("rep")), None)):
        raise DataError(f"{file}: name the column {near} repeat.", "The first line then is: size,score,repeat")
    missing = [name for name in ("size", "score") if name not in columns]
    if missing:
        shown = ", ".join(name or "''" for name in header[:8]) or "nothing"
        raise DataError(
            f"{file}: no column {missing[0]}; the first line has {shown}.{suggest(missing[0], header)}",
            "The first line must name the columns: size,score or size,score,repeat",
        )
    scores: Scores = {}
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            hint = "For a decimal comma, use a decimal point: 0.95" if len(cells) > len(header) else ""
            raise DataError(f"{file}, {unit} {line}: {len(cells)} values, but the first line names {len(header)} columns.", hint)
        size = _size(f"{file}, {unit} {line}", cells[columns["size"]].strip())
        score = _score(f"{file}, {unit} {line}", cells[columns["score"]].strip(), metric)
        repeat = cells[columns["repeat"]].strip() if "repeat" in columns else "0"
        if "repeat" not in columns and scores and size <= next(reversed(scores)):
            hint = "Sort the lines by size, or add a column repeat if a size was measured more than once."
            raise DataError(
                f"{file}, {unit} {line}: size {size} comes after {next(reversed(scores))}; sizes must increase.", hint
            )
        if repeat in scores.setdefault(size, {}):
            raise DataError(f"{file}, {unit} {line}: size {size} has repeat {repeat} twice.")
        scores[size][repeat] = score
    if len(scores) < 3:
        raise DataError(f"{file}: a forecast needs at least 3 sizes, and there are {len(scores)}.", "Measure at more sizes.")
    found = Points(metric, {size: scores[size] for size in sorted(scores)})
    if TEST_ROWS not in header:
        return found
    known = [_size(f"{file}, {unit} {line}", cells[header.index(TEST_ROWS)].strip(), TEST_ROWS) for line, cells in rows[1:]]
    same = SAME_ROWS in header and all(cells[header.index(SAME_ROWS)].strip() == "yes" for _, cells in rows[1:])
    return dataclasses.replace(found, test_rows=min(known), same_test_rows=same)


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """Line number and cells of every line that is not empty."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(
            f"{file}: there is no such file.", "Give a CSV with columns size, score and optionally repeat."
        ) from error
    except IsADirectoryError as error:
        raise DataError(f"{file}: this is a folder.", "Give a CSV; a curve's own is curve.csv in its folder.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read as text ({type(error).__name__}).", "Save it as CSV in UTF-8.") from error
    first = re.sub(r'"[^"]*"', "", next((line for line in text.splitlines() if line.strip()), ""))
    delimiter = max(",;\t", key=first.count)
    try:
        return [
            (i, row) for i, row in enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), 1) if any(c.strip() for c in row)
        ]
    except csv.Error as error:
        raise DataError(f"{file}: is not a CSV ({error}).", "Save it as CSV in UTF-8.") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _size(where: str, text: str, what: str = "size") -> int:
    size = _number(text)
    if not (1 <= size <= 1e12 and size == int(size)):
        hint = "Write it without a separator: 1000" if re.fullmatch(r"\d{1,3}([,.' ]\d{3})+", text) else ""
        raise DataError(f"{where}: {what} {shortened(text, 40)!r} is not a whole number of rows.", hint)
    return int(size)


def _score(where: str, text: str, metric: str) -> float:
    score, (low, high) = _number(text), RANGE[metric]
    if re.fullmatch(r"\d+(\.\d+)?\s*%", text):
        hint = "Write it as a fraction, for example 0.80."
        raise DataError(f"{where}: score {shortened(text, 40)!r} is a percentage.", hint)
    if not math.isfinite(score):
        hint = "The line has no score: delete it, or fill it in." if not text else ""
        hint = "Use a decimal point: 0.95" if re.fullmatch(r"\d+,\d+", text) else hint
        raise DataError(f"{where}: score {shortened(text, 40)!r} is not a finite number.", hint)
    if not low <= score <= high:
        per_cent = " Divide percentages by 100." if high == 1 and 1 < score <= 100 else ""
        bounds = f"at most {high:g}" if math.isfinite(high) else f"at least {low:g}"
        bounds = f"from {low:g} to {high:g}" if math.isfinite(low) and math.isfinite(high) else bounds
        hint = "For another metric add --metric, for example --metric rmse."
        raise DataError(f"{where}: {score:g} is not a valid {metric}, which is {bounds}.{per_cent}", hint)
    return score


def _standard_error(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))
