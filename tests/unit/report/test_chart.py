"""The chart in characters: nothing wider than asked, every point where it belongs, and what it shares with the picture."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from sdl_cli.measure.axes import extent, line_at, size_ticks, tick_texts, value_ticks, view
from sdl_cli.measure.curve import Ahead, LabelsNeeded, LearningCurve, Point
from sdl_cli.report.chart import ASCII, UNICODE, chart

SIZES = (22, 44, 89, 179, 359, 718, 1437)


def curve(metric="accuracy", sizes=SIZES, target=None, value=lambda n: 0.97 - 0.9 * n**-0.6, half=0.01, line=True):
    grid = [sizes[0] * (8 * sizes[-1] / sizes[0]) ** (k / 60) for k in range(61)]
    return LearningCurve(
        name="forest",
        dataset="digits",
        metric=metric,
        higher_is_better=metric == "accuracy",
        level=0.9,
        points=tuple(Point(size=n, mean=value(n), se=None, repeats=1, seconds=1.0) for n in sizes),
        line=tuple(Ahead(n, value(n), value(n) - half, value(n) + half) for n in grid) if line else (),
        labels_needed=None if target is None else LabelsNeeded(target, 3900, 6100, None, "yes"),
    )


def rmse(n):
    return 1200 + 9000 * n**-0.6


def cells(lines, sign):
    return [(column, row) for row, text in enumerate(lines) for column, letter in enumerate(text) if letter == sign]


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("metric", ["accuracy", "rmse", "a_metric_with_quite_a_long_name_of_its_own"])
def test_no_line_is_wider_than_asked_or_ends_in_a_space(columns, ascii_only, metric):
    for sizes in (SIZES, (3,), (5, 1_000_000)):
        lines = chart(curve(metric, sizes, target=0.965), columns, ascii_only=ascii_only)
        assert max(map(len, lines)) <= columns
        assert all(line == line.rstrip() for line in lines)
        assert not ascii_only or "".join(lines).isascii()


@pytest.mark.parametrize("columns", [60, 120])
@pytest.mark.parametrize(("metric", "value"), [("accuracy", lambda n: 0.97 - 0.9 * n**-0.6), ("rmse", rmse)])
def test_every_point_has_its_column_and_its_row(columns, metric, value):
    grid = chart(curve(metric, value=value), columns, rows=20)[1:21]
    found = sorted(cells(grid, UNICODE["point"]))
    assert len(found) == len(SIZES)
    columns_of, rows_of = [x for x, _ in found], [y for _, y in found]
    assert rows_of == sorted(rows_of, reverse=metric == "accuracy")
    # sizes double, so the points stand equally far apart
    steps = [b - a for a, b in zip(columns_of, columns_of[1:], strict=False)]
    assert max(steps) - min(steps) <= 1
    low, high = view([curve(metric, value=value)])
    assert [round((high - value(n)) / (high - low) * 19) for n in SIZES] == rows_of


def test_line_band_target_and_legend():
    lines = chart(curve(target=0.965, half=0.05), 80)
    assert lines[0] == "accuracy"
    assert lines[-1] == "● measured  · fitted and forecast  ░ 90 % interval  ─ target 96.5 %"
    (row,) = [line for line in lines if line.startswith("96.5 %")]
    assert row.count("─") > 30 and row.endswith("─")
    assert cells(lines[1:13], UNICODE["line"]) and cells(lines[1:13], UNICODE["band"])
    # the forecast goes on to 8 times the largest size, 0.9 of the 2.8 decades
    assert max(cells(lines[1:13], UNICODE["line"]))[0] > max(cells(lines[1:13], UNICODE["point"]))[0] + 15


def test_sizes_stand_below_their_ticks():
    lines = chart(curve(), 80, ascii_only=True)
    axis, sizes = lines[13], lines[14]
    assert sizes.split() == ["22", "100", "1,000", "10,000"]
    ticks = [column for column, letter in enumerate(axis) if letter == ASCII["tick"]][1:]
    assert len(ticks) == 4
    assert all(sizes[column] != " " for column in ticks)
    point = min(cells(lines[1:13], ASCII["point"]))[0]
    assert point == ticks[0]


def test_without_a_line_or_a_band():
    bare = chart(curve(line=False), 80)
    assert not cells(bare[1:13], UNICODE["line"])
    assert bare[-1] == "● measured"
    single = chart(curve(sizes=(30,), line=False), 80)
    assert len(cells(single[1:13], UNICODE["point"])) == 1
    without = tuple(replace(row, low=None, high=None) for row in curve().line)
    assert chart(replace(curve(), line=without), 80)[-1] == "● measured  · fitted and forecast"


def test_a_wide_band_does_not_widen_the_view():
    assert view([curve(half=0.4)]) == view([curve(half=0.001)])
    low, high = view([curve(value=lambda n: 1.0)])
    assert 0.9 < low < 1.0 < high < 1.03
    low, high = view([curve("rmse", value=rmse, target=1000.0)])
    assert low < 1000.0 and high > rmse(22)


def test_the_line_between_its_sizes():
    line = [Ahead(10, 0.5, 0.4, None), Ahead(1000, 0.7, 0.6, 0.8)]
    row = line_at(line, 100)
    assert row.mean == pytest.approx(0.6) and row.low == pytest.approx(0.5) and row.high is None
    assert line_at(line, 10) == line[0] and line_at(line, 1000) == line[1]
    assert line_at(line, 9) is None and line_at(line, 1001) is None and line_at([], 10) is None


def test_ticks():
    assert size_ticks(*extent([curve()]), 22) == [22, 100, 1000, 10_000]
    assert size_ticks(20, 500, 22) == [22, 50, 100, 200, 500]
    assert size_ticks(90, 2e6, 95) == [95, 1000, 10_000, 100_000, 1_000_000]
    assert tick_texts("accuracy", value_ticks(0.68, 0.99, 7)) == ["70", "75", "80", "85", "90", "95"]
    assert tick_texts("accuracy", value_ticks(0.98, 0.994, 7)) == ["98.0", "98.5", "99.0"]
    assert tick_texts("rmse", value_ticks(-0.3, 0.5, 4)) == ["-0.2", "0.0", "0.2", "0.4"]
    assert len(value_ticks(0.501, 0.999, 2)) >= 2
    assert tick_texts("rmse", [1e9, 2e9]) == ["1e+09", "2e+09"]
    first, last = extent([curve(sizes=(30,), line=False)])
    assert last / first == pytest.approx(4) and math.sqrt(first * last) == pytest.approx(30)
