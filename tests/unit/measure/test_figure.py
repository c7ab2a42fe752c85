"""The pictures: what stands in the figure, that any name can be drawn, and that nothing global changes."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import matplotlib
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from sdl_cli.measure.curve import Ahead, Averages, Crossing, LabelsNeeded, LearningCurve, Point
from sdl_cli.measure.figure import COLOURS
from sdl_cli.measure.metrics import Measured
from sdl_cli.measure.png import curve_figure, draw_curve, draw_overlay, draw_subnets, overlay_figure, subnets_figure

SIZES = (22, 44, 89, 179, 359, 718, 1437)
NASTY = ["a$\\frac{$", "50$_", "_private", "<b>&amp;", "漢字 🙂 ü", "half \udcff and\nlines\x00", "W" * 300, ""]
DASHED = "--"


def curve(
    name="forest", dataset="digits", metric="accuracy", sizes=SIZES, need=None, value=lambda n: 0.97 - 0.9 * n**-0.6, **other
):
    grid = [sizes[0] * (8 * sizes[-1] / sizes[0]) ** (k / 60) for k in range(61)]
    given = LearningCurve(
        name=name,
        dataset=dataset,
        metric=metric,
        higher_is_better=metric == "accuracy",
        level=0.9,
        points=tuple(Point(size=n, mean=value(n), se=0.01, repeats=5, seconds=3.2) for n in sizes),
        line=tuple(Ahead(n, value(n), value(n) * 0.99, value(n) * 1.01) for n in grid),
        labels_needed=need,
    )
    return replace(given, **other)


def with_points(shown, **changes):
    return replace(shown, points=tuple(replace(point, **changes) for point in shown.points))


def need(target, reachable="yes", low=1900, mid=3100, high=None):
    return LabelsNeeded(target, low, mid, high, reachable)


def size(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image.size


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def lines(figure, style):
    return [line for line in figure.axes[0].lines if line.get_linestyle() == style and len(line.get_xdata()) > 2]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_png_of_its_size_and_the_same_again():
    first = draw_curve(curve(need=need(0.965)))
    assert size(first) == (1800, 1120)
    assert draw_curve(curve(need=need(0.965))) == first


def test_the_line_is_dashed_beyond_the_largest_measured_size():
    figure = curve_figure(curve())
    (solid,), (dashed,) = lines(figure, "-"), lines(figure, DASHED)
    assert (min(solid.get_xdata()), max(solid.get_xdata())) == (22, 1437)
    assert (min(dashed.get_xdata()), max(dashed.get_xdata())) == (1437, pytest.approx(8 * 1437))
    assert solid.get_ydata()[-1] == dashed.get_ydata()[0] == pytest.approx(0.97 - 0.9 * 1437**-0.6, abs=1e-4)
    assert texts(figure) == ["measured", "forecast"]


def test_axes_title_and_legend():
    figure = curve_figure(with_points(curve(), baseline=0.6))
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "digits: forest"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("number of labelled rows", "accuracy (%)")
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["22", "100", "1,000", "10,000"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["60", "70", "80", "90"]
    expected = ["measured (mean of 5 ± 1 s.e.)", "fitted curve", "forecast", "90 % interval", "forest (quick baseline)"]
    assert legend(figure) == expected


def test_a_wide_band_is_cut_at_the_view():
    shown = curve()
    shown = replace(shown, line=tuple(replace(row, low=-3.0, high=4.0) for row in shown.line))
    assert curve_figure(shown).axes[0].get_ylim() == curve_figure(curve()).axes[0].get_ylim()
    low, high = curve_figure(curve(value=lambda n: 1.0)).axes[0].get_ylim()
    assert low > 0.9 and 1.0 < high < 1.03


@pytest.mark.parametrize(
    ("needed", "expected", "marked"),
    [
        (None, [], False),
        (need(0.965), ["target 96.5 %", "about 3,100 rows (1,900 or more)"], True),
        (need(0.965, low=None, high=5000), ["target 96.5 %", "about 3,100 rows (up to 5,000)"], True),
        (need(0.93, low=150, mid=180, high=220), ["target 93.0 %", "about 180 rows (150 to 220)"], True),
        (need(0.99, "beyond", mid=61000), ["target 99.0 %, beyond this forecast"], False),
        (need(0.999, "no", low=None, mid=None), ["target 99.9 %, not reached by this curve"], False),
    ],
)
def test_the_target_and_where_the_forecast_reaches_it(needed, expected, marked):
    figure = curve_figure(curve(need=needed))
    assert texts(figure)[2:] == expected
    diamonds = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in diamonds] == ([needed.mid] if marked else [])
    low, high = figure.axes[0].get_ylim()
    assert needed is None or low < needed.target < high
    assert size(draw_curve(curve(need=needed))) == (1800, 1120)


def test_a_metric_without_bounds_where_lower_is_better():
    shown = curve(metric="rmse", value=lambda n: 1200 + 9000 * n**-0.6, need=need(1250.0))
    figure = curve_figure(shown)
    axes = figure.axes[0]
    assert axes.get_ylabel() == "RMSE"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1,500", "2,000", "2,500"]
    assert texts(figure)[2] == "target 1,250.0"
    # its texts keep away from the curve: below the line, and "measured" above it
    assert [text.get_va() for text in axes.texts] == ["top"] * 4
    assert size(draw_curve(shown)) == (1800, 1120)


@pytest.mark.parametrize("sizes", [(22,), (22, 44)])
def test_too_few_sizes_to_fit(sizes):
    shown = with_points(curve(sizes=sizes, line=()), se=None, repeats=1)
    figure = curve_figure(shown)
    assert legend(figure) == ["measured"]
    assert texts(figure) == [] and not figure.axes[0].containers
    assert size(draw_curve(shown)) == (1800, 1120)


def test_a_missing_standard_error_leaves_the_others():
    shown = curve()
    first, *others = shown.points
    (bars,) = curve_figure(replace(shown, points=(replace(first, se=None, repeats=1), *others))).axes[0].containers
    assert len(bars.lines[2][0].get_segments()) == len(SIZES) - 1


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_any_name_is_drawn_as_it_stands(name):
    shown = curve(name, dataset=name)
    assert size(draw_curve(shown)) == (1800, 1120)
    figure = overlay_figure([shown, curve("other")], [])
    assert len(legend(figure)) == 4
    assert not any(text.get_parse_math() for text in figure.legends[0].get_texts())
    assert size(draw_overlay([shown, curve("other")], [])) == (1800, 1120)


def test_names_are_kept_whole_where_they_fit_and_cut_where_not():
    figure = overlay_figure([curve("_a$b$"), curve("W" * 300)], [])
    first, second = legend(figure)[:2]
    assert first == "_a$b$"
    assert second.endswith("W…") and 10 < len(second) < 40
    title = curve_figure(curve("W" * 300)).axes[0].title
    assert title.get_text() == ""
    left = curve_figure(curve("W" * 300)).axes[0].get_title(loc="left")
    assert left.startswith("digits: WWW") and left.endswith("…")


def test_an_overlay_of_eight_with_their_crossings():
    curves = [curve(f"model {k}", value=lambda n, k=k: 0.9 + 0.01 * k - (0.5 + 0.3 * k) * n**-0.6) for k in range(8)]
    crossings = [Crossing("model 0", "model 1", 310.4, 0.88), Crossing("model 0", "model 2", 1e9, 0.88)]
    figure = overlay_figure(curves, crossings)
    dashed = lines(figure, DASHED)
    assert [to_hex(line.get_color()).upper() for line in dashed] == list(COLOURS)
    assert all(line.get_xdata()[0] == 1437 for line in dashed)
    points = [line for line in figure.axes[0].lines if line.get_label().startswith("measured")]
    assert len({line.get_marker() for line in points}) == len(points) == 8
    names = [f"model {k}" for k in range(8)]
    assert legend(figure) == [*names, "forecast", "90 % interval", "two curves cross (rows)"]
    assert texts(figure) == ["measured", "forecast", "310"]  # the other crossing lies outside the picture
    assert size(draw_overlay(curves, crossings)) == (1800, 1120)


def test_each_curve_of_an_overlay_is_dashed_beyond_its_own_sizes():
    figure = overlay_figure([curve("short", sizes=SIZES[:4]), curve("long")], [])
    assert [line.get_xdata()[0] for line in lines(figure, DASHED)] == [179, 1437]
    assert texts(figure) == []  # no one line divides them


def test_nothing_global_changes_and_the_users_own_settings_do_not_matter():
    plain = draw_curve(curve("50$_"))
    with matplotlib.rc_context({"text.usetex": True, "savefig.bbox": "tight", "font.size": 30.0, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert draw_curve(curve("50$_")) == plain
        assert dict(matplotlib.rcParams) == before
    program = "import sys; import sdl_cli.measure.png; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def shares(*values):
    return tuple(Measured(value, value - 0.05, min(1.0, value + 0.04), 100) for value in values)


def test_averages_stand_above_their_numbers_beside_each_member_and_the_whole():
    shown = Averages("a$_{", "accuracy", (0.9, 0.92, 0.97), shares(0.93, 0.95, 0.96))
    figure = subnets_figure(shown)
    whole, members, means = (line for line in figure.axes[0].lines if not line.get_label().startswith("_"))
    assert set(whole.get_ydata()) == {0.96}
    assert list(members.get_xdata()) == [1, 1, 1] and list(members.get_ydata()) == [0.9, 0.92, 0.97]
    assert list(means.get_xdata()) == [1, 2, 3] and list(means.get_ydata()) == [0.93, 0.95, 0.96]
    assert legend(figure) == ["the whole network", "each sub-net", "averages (mean, 95 % interval)"]
    assert figure.axes[0].get_title(loc="left") == "a$_{: 3 sub-nets that sum to the network"
    low, high = figure.axes[0].get_ylim()
    assert low < 0.88 and high > 1.0
    assert max(figure.axes[0].yaxis.get_major_locator().locs) <= 1.0
    assert size(draw_subnets(shown)) == (1800, 1120)


def test_averages_that_are_all_right_can_be_drawn():
    assert size(draw_subnets(Averages("wine", "accuracy", (1.0, 1.0), (Measured(1.0, 1.0, 1.0, 5),) * 2)))
