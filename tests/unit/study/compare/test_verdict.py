"""What a comparison says first, and every rule that its sentences keep, on small made comparisons."""

from __future__ import annotations

from typing import Any

import pytest

from sdl_cli.measure.wording import size
from sdl_cli.report.compare_words import metrics_rows, table_lines
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.compare.verdict import margin_words, verdict

Values = dict[str, Any]


def gap(value: float, p: float = 1.0, plain_low: float = -0.03) -> Values:
    found = {"difference": value, "low": value - 0.05, "high": value + 0.05, "p": p, "measurable": p <= 0.05}
    return {**found, "plain_low": plain_low, "plain_high": value + 0.03}


def measured(value: float) -> Values:
    return {"value": value, "low": None, "high": None, "n": 10}


def arm(name: str, mean: float, **changes: Any) -> Values:
    return {
        "name": name,
        "summary": "",
        "rung": 0.0,
        "mean": mean,
        "low": mean - 0.04,
        "high": mean + 0.04,
        "difference": 0.0,
        "p": 1.0,
        "measurable": False,
        "behind": None,
        "to_baseline": None,
        "to_majority": gap(mean - 0.607, 0.5),
        "metrics": {"accuracy": measured(mean), "log_loss": measured(0.5)},
        "best": False,
        "recommended": False,
        "seconds": 1.0,
    } | changes


def comparison(*arms: Values, recommended: str, best: str, **changes: Any) -> Values:
    for one in arms:
        one |= {"best": one["name"] == best, "recommended": one["name"] == recommended}
    guess = {"mean": 0.607, "beaten": True, "metrics": {"accuracy": measured(0.607), "log_loss": measured(0.93)}}
    return {
        "folder": "",
        "dataset": "made",
        "task": "classification",
        "modality": "table",
        "labelled_rows": 100,
        "test_rows": 50,
        "metric": "accuracy",
        "arms": list(arms),
        "recommended": recommended,
        "best": best,
        "leader": best,
        "rule": "best",
        "margin": 0.01,
        "margin_share": None,
        "majority": guess,
        "baseline": None,
        "repeats": 10,
        "fixed_test": False,
        "given_up": [],
        "failed": [],
    } | changes


def near(**changes: Any) -> Values:
    logistic = arm("logistic", 0.659, difference=-0.039, p=0.3, behind=gap(-0.039, 0.3, -0.081))
    forest = arm("forest", 0.698, to_majority=gap(0.091, 0.015))
    return comparison(forest, logistic, **{"recommended": "forest", "best": "forest"} | changes)


def test_the_best_mean_and_by_how_much_a_simpler_arm_misses_the_margin() -> None:
    assert verdict(near()) == (
        "Use forest: accuracy 69.8 % (95 % interval 65.8 to 73.8). It has the best mean; logistic is not measurably worse. "
        "logistic is simpler, but may be 8.1 points worse (end of the plain paired 95 % interval), over the margin of 1.0 point "
        "(compare.margin). It is measurably better than ignoring the inputs (60.7 %; adjusted p = 0.015)."
    )


def test_a_simpler_arm_within_the_margin_is_said_with_both_numbers() -> None:
    logistic = arm("logistic", 0.696, difference=-0.002, p=0.7, behind=gap(-0.002, 0.7, -0.008), to_majority=gap(0.09, 0.01))
    found = verdict(comparison(arm("forest", 0.698), logistic, recommended="logistic", best="forest"))
    assert found.startswith(
        "Use logistic: accuracy 69.6 % (95 % interval 65.6 to 73.6). forest has the best mean (69.8 %), but logistic is simpler and "
        "at most 0.8 points worse (end of the plain paired 95 % interval), within the margin of 1.0 point"
    )


def test_where_nothing_beats_guessing_that_comes_first() -> None:
    guess = {"mean": 0.607, "beaten": False, "metrics": {}}
    found = verdict(near(majority=guess))
    assert found.startswith(
        "No method is measurably better than ignoring the inputs (accuracy 60.7 %). If you use one anyway: forest, accuracy"
    )
    assert "It is measurably better than ignoring" not in found and "margin" not in found
    one = verdict(near(majority=guess, repeats=1))
    assert one.startswith("One split cannot tell whether any method is better than ignoring the inputs (accuracy 60.7 %).")


def test_a_best_mean_that_guessing_may_equal_is_named_and_not_used() -> None:
    wild = arm("deep_net", 0.71, to_majority=gap(0.1, 0.2))
    forest = arm("forest", 0.698, difference=-0.012, p=0.8, to_majority=gap(0.091, 0.015))
    found = verdict(comparison(wild, forest, recommended="forest", best="deep_net", leader="forest"))
    assert "deep_net has the best mean (71.0 %), but unlike forest it is not measurably better than ignoring the inputs." in found


def test_the_simplest_that_was_asked_for() -> None:
    values = near(rule="simplest", recommended="logistic")
    assert (
        "forest has the best mean (69.8 %), but the difference (-3.9 points, adjusted p = 0.30) may be chance, and logistic is simpler "
        "(compare.recommend=simplest)."
    ) in verdict(values)


def test_probabilities_that_are_worse_than_guessing_are_named() -> None:
    values = near()
    values["arms"][1]["metrics"]["log_loss"]["value"] = 1.85
    assert ("By log loss, the probabilities of logistic (1.850) are worse than guessing the class shares (0.930).") in verdict(
        values
    )
    assert "worse than guessing" not in verdict(near())


@pytest.mark.parametrize(
    ("metric", "margin", "share", "words"),
    [
        ("accuracy", 0.01, None, "1.0 point (compare.margin)"),
        ("accuracy", 0.025, None, "2.5 points (compare.margin)"),
        ("rmse", 0.099, {"per_cent": 2.0, "of": "forest"}, "0.099 (compare.margin, 2 % of the RMSE of forest)"),
        ("r2", 0.002, {"per_cent": 2.0, "of": "forest"}, "0.002 (compare.margin, 2 % of what forest is short of an R2 of 1)"),
    ],
)
def test_the_margin_is_printed_with_what_it_is_of(metric: str, margin: float, share: Values | None, words: str) -> None:
    assert margin_words({"metric": metric, "margin": margin, "margin_share": share}) == words


def test_the_size_of_a_difference_has_no_sign() -> None:
    assert size("accuracy", 0.0349) == "3.5 points" and size("rmse", 0.3349) == "0.335"


def test_all_metrics_are_shown_beside_ignoring_the_inputs() -> None:
    values = near()
    assert metrics_rows(ComparisonResult.from_json(values)) == [
        ["arm", "accuracy", "log loss"],
        ["forest", "69.8 %", "0.500"],
        ["logistic", "65.9 %", "0.500"],
        ["ignoring the inputs", "60.7 %", "0.930"],
    ]
    lines = table_lines(ComparisonResult.from_json(values))
    assert "> forest               69.8 %    0.500" in lines and "  ignoring the inputs  60.7 %    0.930" in lines
    old = {**values, "majority": {"mean": 0.607}}
    assert table_lines(ComparisonResult.from_json(old))[-1] == "Ignoring the inputs gives 60.7 %.", (
        "comparisons of older versions still show"
    )


def test_a_mean_whose_interval_cannot_be_estimated_says_so() -> None:
    perfect = arm("forest", 1.0, low=None, high=None)
    found = comparison(perfect, arm("logistic", 0.9), recommended="forest", best="forest")
    lines = table_lines(ComparisonResult.from_json(found))
    assert any("100.0 % (not estimable)" in line for line in lines)
