"""Numbers of claims against hand computations, scipy and simulation."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from sdl_cli.measure.metrics import Measured
from sdl_cli.measure.statistics import two_way_interval, wilson
from sdl_cli.study.claims.definition import Claim, Row
from sdl_cli.study.claims.findings import findings
from sdl_cli.study.claims.jobs import Job
from sdl_cli.study.claims.measures import (
    Done,
    Number,
    coverage,
    difference,
    mean_of,
    of_networks,
    over_clusters,
    over_sets,
    rank,
    score,
)
from sdl_cli.study.claims.result import UNCLEAR
from sdl_cli.study.compare.plan import arm_folder
from sdl_cli.study.compare.result import ArmResult, ComparisonResult, Majority


def arm(name: str, scores: list[float | None]) -> ArmResult:
    known = [s for s in scores if s is not None]
    mean = float(np.mean(known)) if known else None
    return ArmResult(
        name=name,
        summary="",
        rung=1,
        mean=mean,
        low=None,
        high=None,
        difference=None,
        measurable=False,
        metrics={"accuracy": Measured(mean or 0.0, 0, 1, 3)},
        scores=tuple(scores),
    )


def done(
    scores: dict[str, list[float | None]],
    folder: Path = Path("x"),
    metric: str = "accuracy",
    fixed: bool = False,
    arms: dict[str, str] | None = None,
) -> Done:
    found = ComparisonResult(
        folder=folder,
        dataset="d",
        task="classification",
        modality="table",
        metric=metric,
        labelled_rows=80,
        test_rows=20,
        repeats=len(next(iter(scores.values()))),
        fixed_test=fixed,
        arms=tuple(arm(name, values) for name, values in scores.items()),
        majority=Majority(None),
        recommended="a",
        best="a",
    )
    job = Job("study", "d", None, "compare", (), folder, arms or {})
    return Done(job, found.to_json())


def test_a_difference_over_random_splits_is_the_corrected_resampled_t() -> None:
    found = difference(done({"a": [0.9, 0.8, 0.85], "b": [0.8, 0.75, 0.85]}), "a", "b")
    pairs = np.array([10.0, 5.0, 0.0])
    half = stats.t.ppf(0.975, 2) * math.sqrt(pairs.var(ddof=1) * (1 / 3 + 20 / 80))
    assert (found.value, found.low, found.high) == pytest.approx((5, 5 - half, 5 + half))
    assert (found.unit, found.n) == ("points", "3 splits")


def test_a_smaller_error_is_better_in_per_cent_of_the_other() -> None:
    found = difference(done({"a": [40.0, 44.0], "b": [50.0, 50.0]}, metric="rmse"), "a", "b")
    assert found.value == pytest.approx(16.0)  # (50 - 42) / 50
    assert found.unit == "% of the error"


def test_a_fixed_test_part_is_judged_over_draws_and_rows(tmp_path: Path) -> None:
    scores = {"a": [0.75, 1.0], "b": [0.5, 0.5]}
    rows = {"a": [[1, 1, 1, 0], [1, 1, 1, 1]], "b": [[1, 0, 1, 0], [0, 1, 1, 0]]}
    for name, each in rows.items():
        for repeat, one in enumerate(each):
            folder = arm_folder(tmp_path, name) / str(repeat)
            folder.mkdir(parents=True)
            np.save(folder / "rows.npy", np.array(one, dtype=float))
    found = difference(done(scores, tmp_path, fixed=True), "a", "b")
    by_row = 100 * (np.mean(rows["a"], axis=0) - np.mean(rows["b"], axis=0))
    assert (found.value, found.low, found.high) == pytest.approx(two_way_interval(np.array([25.0, 50.0]), by_row))
    assert found.n == "2 seeds, all labelled rows, the same 20 test rows"
    few = done(scores, tmp_path, fixed=True)
    few = Done(dataclasses.replace(few.job, size=5), few.values)
    assert difference(few, "a", "b").n == "2 draws of labelled rows, the same 20 test rows"
    alone = done({"a": [0.75], "b": [0.5]}, tmp_path, fixed=True)
    one = difference(alone, "a", "b")
    assert "one draw" in one.note and math.isfinite(one.low) and one.is_partial
    share = score(alone, "a")
    assert (share.low, share.high) == pytest.approx([100 * end for end in wilson(3, 4)]) and share.is_partial
    row = Row(what="a minus b", measure="difference", studies=("study",), arm="a", minus="b", more_than=-1000.0)
    [found_alone] = findings(Claim("c", "", "", "", "", {}, (row,)), [alone], {})
    assert found_alone.verdict == UNCLEAR and "gives no verdict" in found_alone.note
    two = [mean_of([one, difference(few, "a", "b")], "studies"), mean_of([found, found], "studies")]
    assert two[0].is_partial and two[0].note.startswith("1 of them: one draw") and not two[1].is_partial


def test_a_score_on_the_same_rows_varies_with_draws_and_rows(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((3, 400)) < 0.7
    for repeat, one in enumerate(rows):
        folder = arm_folder(tmp_path, "a") / str(repeat)
        folder.mkdir(parents=True)
        np.save(folder / "rows.npy", one.astype(float))
    found = score(done({"a": list(rows.mean(axis=1))}, tmp_path, fixed=True), "a")
    expected = two_way_interval(rows.mean(axis=1), rows.mean(axis=0))
    assert (found.value, found.low, found.high) == pytest.approx([100 * end for end in expected])
    assert found.n == "3 seeds, all labelled rows, the same 20 test rows" and not found.is_partial


def test_of_rows_that_are_gone_the_draws_alone_are_left(tmp_path: Path) -> None:
    found = difference(done({"a": [0.75, 1.0], "b": [0.5, 0.5]}, tmp_path, fixed=True), "a", "b")
    assert found.is_partial and "leaves them out" in found.note


def test_a_ratio_has_the_interval_of_its_linear_approximation() -> None:
    one, other = np.array([40.0, 44.0, 39.0]), np.array([50.0, 52.0, 45.0])
    found = difference(done({"a": list(one), "b": list(other)}, metric="rmse"), "a", "b")
    ratio = one.mean() / other.mean()
    left = 100 * (one - ratio * other) / other.mean()
    half = stats.t.ppf(0.975, 2) * math.sqrt(left.var(ddof=1) * (1 / 3 + 20 / 80))
    assert (found.value, found.low, found.high) == pytest.approx(
        (100 * (1 - ratio), *100 * (1 - ratio) + np.array([-half, half]))
    )


def test_rows_of_a_cluster_count_as_one(tmp_path: Path) -> None:
    lines = ["id,truth,prediction", "run1/a,x,x", "run1/b,x,y", "run2/a,x,x", "run2/b,x,x", "run3/a,x,y", "run3/b,x,y"]
    (tmp_path / "predictions.csv").write_text("\n".join(lines) + "\n")
    one = Done(Job("s", "omniglot", None, "train", (), tmp_path), {})
    found = over_clusters(one, "^run\\d+", error=True)
    expected = stats.t.interval(0.95, 2, loc=50.0, scale=stats.sem([50.0, 0.0, 100.0]))
    assert (found.value, found.low, found.high) == pytest.approx((50.0, max(expected[0], 0), min(expected[1], 100)))
    assert found.n == "6 test rows in 3 clusters"
    with pytest.raises(KeyError, match="run1/a has no cluster"):
        over_clusters(one, "^sheet")
    row = Row(what="wrong", measure="error", studies=("s",), clusters="^run", at_most=60.0)
    claim = Claim("c", "", "", "", "", {}, (row,))
    [known] = findings(claim, [one], {})
    assert known.value == pytest.approx(50.0)
    (tmp_path / "predictions.csv").unlink()  # of several repeats each has its own
    [unknown] = findings(claim, [one], {})
    assert unknown.verdict == UNCLEAR and unknown.note == "not measured: its predictions are not one file"


def test_equal_means_are_equal_whatever_the_order_of_their_scores() -> None:
    sets = [done({"a": [0.1, 0.2, 0.3], "b": [0.3, 0.2, 0.1], "c": [0.3, 0.1, 0.2]})]
    assert [rank(sets, name).value for name in "abc"] == [2.0, 2.0, 2.0]
    assert over_sets(sets, "a", "b").note == "better on 0, worse on 0 of 1 sets"


def test_a_correlation_has_an_interval_of_correlations() -> None:
    def network(value: float) -> Done:
        return Done(Job("s", f"set{value}", None, "decompose", (), Path("x")), {"correlation": {"value": value, "n": 9}})

    found = of_networks([network(0.39), network(0.59)], "correlation")
    ends = np.tanh(stats.t.interval(0.95, 1, *[f(np.arctanh([0.39, 0.59])) for f in (np.mean, stats.sem)]))
    assert (found.value, found.low, found.high) == pytest.approx((0.49, *ends)) and found.low > -1


def test_an_arm_is_found_by_the_name_that_its_claim_has_for_it() -> None:
    found = done(
        {"probe model.weights=/x/run": [0.9, 0.9], "b": [0.8, 0.7]}, arms={"probe {study:s}": "probe model.weights=/x/run"}
    )
    assert difference(found, "probe {study:s}", "b").value == pytest.approx(15)


def test_an_arm_without_a_result_is_named() -> None:
    with pytest.raises(KeyError, match="c has no result"):
        difference(done({"a": [0.9], "b": [0.8]}), "a", "c")
    with pytest.raises(KeyError, match="b has no result"):
        difference(done({"a": [0.9, 0.9], "b": [0.8, None]}), "a", "b")


def test_over_sets_each_counts_once() -> None:
    sets = [done({"a": [0.9, 0.8], "b": [0.8, 0.8]}), done({"a": [0.6], "b": [0.7]}), done({"a": [0.5], "b": [0.5]})]
    found = over_sets(sets, "a", "b")
    expected = stats.t.interval(0.95, 2, loc=-5 / 3, scale=stats.sem([5.0, -10.0, 0.0]))
    assert (found.value, found.low, found.high) == pytest.approx((-5 / 3, *expected))
    assert found.note == "better on 1, worse on 1 of 3 sets"


def test_equal_methods_share_their_rank() -> None:
    sets = [done({"a": [0.9], "b": [0.8], "c": [0.7]}), done({"a": [0.5], "b": [0.8], "c": [0.8]})]
    assert rank(sets, "a").value == pytest.approx(2.0)  # 1 and 3
    assert rank(sets, "b").value == pytest.approx(1.75)  # 2 and 1.5
    assert rank(sets, "b").note == "of 3 methods; the best or equal to it on 1 of 2"


def test_a_mean_of_dependent_numbers_is_as_wide_as_they_are() -> None:
    found = mean_of([Number(1, 0, 2, "points", "3 draws"), Number(3, 0, 6, "points", "3 draws")], "sizes")
    assert (found.value, found.low, found.high) == (2, 0, 4)
    assert found.n == "2 sizes, each 3 draws"
    assert mean_of([Number(1, 0, 2, "points", "3 draws"), Number(3, 0, 6, "points", "9 draws")], "sizes").n == "2 sizes"


def test_an_error_is_what_is_left_of_a_score() -> None:
    test = {"accuracy": {"value": 0.98, "low": 0.961, "high": 0.99, "n": 400}}
    one = Done(Job("s", "omniglot", None, "train", (), Path("x")), {"metrics": {"test": test}})
    found = score(one, None, error=True)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 1.0, 3.9))
    assert found.n == "400 test rows"


def curve(points: list[tuple[int, float]]) -> Done:
    values: dict[str, Any] = {
        "metric": "accuracy",
        "points": [{"size": size, "mean": mean, "se": 0.002, "repeats": 5} for size, mean in points],
    }
    return Done(Job("s", "digits", None, "curve", (), Path("x")), values)


def test_forecasts_hold_a_power_law_and_not_a_jump() -> None:
    law = curve([(n, 0.98 - 2.0 * n**-0.5) for n in (25, 50, 100, 200, 400, 800)])
    found = coverage([law])
    assert found.note.startswith("6 of 6 hold the truth, which is ")  # from 3 sizes to 3 more, from 4 to 2, from 5 to 1
    assert (found.low, found.high) == pytest.approx([100 * end for end in wilson(3, 3)])  # three starts
    jump = curve([(25, 0.3), (50, 0.4), (100, 0.45), (200, 0.999), (400, 0.9995)])
    assert coverage([jump]).note.startswith("0 of ") or coverage([jump]).value < 50
    far = curve([(10, 0.3), (20, 0.4), (40, 0.5), (320, 0.8), (330, 0.81)])
    assert coverage([far]).n == "2 forecasts from 2 starts"  # 330 is more than 8 times 40; from 4 sizes it is near


def test_networks_taken_apart_are_averaged_over_sets() -> None:
    def network(gain: float) -> Done:
        job = Job("s", f"set{gain}", None, "decompose", (), Path("x"))
        return Done(job, {"gain": {"value": gain, "low": gain - 0.01, "high": gain + 0.01, "n": 100}})

    one = of_networks([network(0.02)], "gain")
    assert (one.value, one.low, one.high) == pytest.approx((2, 1, 3)) and one.n == "set0.02, 100 test rows"
    several = of_networks([network(0.02), network(0.04)], "gain")
    assert several.value == pytest.approx(3) and several.n == "2 sets"


def test_a_trend_needs_two_sizes() -> None:
    row = Row(what="few minus many", measure="trend", studies=("study",), arm="a", minus="b", more_than=0.0)
    claim = Claim("c", "", "", "", "", {}, (row,))
    few = done({"a": [0.9, 0.8], "b": [0.5, 0.4]})
    few = Done(dataclasses.replace(few.job, size=5), few.values)
    [alone] = findings(claim, [few], {})
    assert math.isnan(alone.value) and alone.note == "not measured: it takes two sizes, and there is one"
    many = Done(dataclasses.replace(few.job, size=None), done({"a": [0.9, 0.8], "b": [0.8, 0.7]}).values)
    [both] = findings(claim, [many, few], {})
    assert both.value == pytest.approx(40 - 10)


def test_the_same_difference_in_every_split_is_no_certainty() -> None:
    found = difference(done({"a": [0.9, 0.8, 0.85], "b": [0.8, 0.7, 0.75]}), "a", "b")
    share = math.sqrt(0.1 * 0.9 / 20 * (1 / 3 + 20 / 80))  # what 20 test rows leave open
    half = 100 * stats.t.ppf(0.975, 2) * share
    assert (found.value, found.low, found.high) == pytest.approx((10, 10 - half, 10 + half))
