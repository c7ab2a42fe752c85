"""Classes, groups, targets and sizes: each sentence against a count by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from unit.run.check.conftest import interleaved, last_fifth, make_dataset

from sdl_cli.data.split import Split
from sdl_cli.measure.statistics import wilson
from sdl_cli.phrases import counted, shortened
from sdl_cli.run.check import inspect, summary
from sdl_cli.run.check.problem import named, percent


def noise(num, features=3, seed=0):
    return np.random.default_rng(seed).normal(size=(num, features))


def found(problems, word):
    return [problem for problem in problems if word in problem.what]


def test_honest_rows_are_left_alone():
    dataset = make_dataset(noise(2000), ["a", "b"] * 1000)
    assert inspect(dataset, interleaved(dataset)) == []


def test_classes_that_are_small_or_not_tested():
    dataset = make_dataset(noise(100), ["a"] * 50 + ["b"] * 46 + ["c"] * 4)
    parts = Split(np.arange(50, 100), None, np.arange(50))  # of a only
    problems = inspect(dataset, parts)
    (small,), (untested,) = found(problems, "fewer than 5 rows"), found(problems, "no test row")
    assert small.severity == untested.severity == "warning"
    assert (small.what, small.where) == ("1 class has fewer than 5 rows: too few to learn from and to be scored on.", "c (4)")
    assert untested.what == "2 classes have no test row: all 50 are of class a, and always answering a scores 100 %."
    assert untested.where == "b (46), c (4)"


def test_groups_so_few_that_the_score_rests_on_one_class():
    dataset = make_dataset(noise(60), ["a"] * 40 + ["b"] * 20, groups=np.repeat(["p1", "p2", "p3"], 20))
    (problem,) = found(inspect(dataset, Split(np.arange(20, 60), None, np.arange(20))), "no test row")
    assert problem.severity == "warning"
    assert problem.what == (
        "1 class has no test row: all 20 are of class a, and always answering a scores 100 %. The test part is 1 group of 3."
    )
    assert "more groups are tested" in problem.advice
    mixed = make_dataset(noise(60), ["a", "b"] * 30, groups=np.repeat(["p1", "p2", "p3"], 20))
    assert not found(inspect(mixed, Split(np.arange(20, 60), None, np.arange(20))), "no test row")


@pytest.mark.parametrize(
    ("counts", "severity"),
    [((50, 50), None), ((79, 21), None), ((80, 20), "warning"), ((55, 35, 10), None), ((50, 45, 5), "note")],
)
def test_unequal_classes(counts, severity):
    dataset = make_dataset(noise(100), np.repeat(["a", "b", "c"][: len(counts)], counts))
    problems = found(inspect(dataset, interleaved(dataset)), "unequal size")
    assert [problem.severity for problem in problems] == ([severity] if severity else [])
    if severity:
        assert f"always answering a is right in {counts[0]} % of the rows" in problems[0].what
        assert "loss.class_weight=balanced" in problems[0].advice


def test_groups_on_both_sides_are_a_leak():
    groups = np.array(["p1"] * 4 + ["p2"] * 4 + ["p3"] * 2)
    dataset = make_dataset(noise(10), ["a", "b"] * 5, groups=groups)
    crossing = inspect(dataset, Split(np.arange(6), None, np.arange(6, 10)))[0]
    assert crossing.severity == "leak"
    assert crossing.what == "1 group has rows on both sides of the split, 2 test rows among them (50 % of the test part)."
    assert crossing.where == "group p2"
    whole = inspect(dataset, Split(np.arange(8), None, np.arange(8, 10)))
    assert not found(whole, "group")


def test_groups_in_training_and_validation_are_a_warning():
    dataset = make_dataset(noise(10), ["a", "b"] * 5, groups=np.array([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]))
    (problem,) = found(inspect(dataset, Split(np.arange(8), np.array([3, 4]), np.array([8, 9]))), "validation")
    assert (problem.severity, problem.where) == ("warning", "groups 2, 3")


def test_targets_all_the_same_or_far_from_the_rest():
    same = make_dataset(noise(50), np.full(50, 2.5))
    assert inspect(same, last_fifth(same))[0].what == "The target is 2.5 in every row: there is nothing to learn."
    y = np.arange(101) / 100.0  # once y[7] is moved, quartiles 0.26 and 0.76: far is beyond 3.76
    y[7] = 3.77
    dataset = make_dataset(noise(101), y)
    (far,) = found(inspect(dataset, last_fifth(dataset)), "far from the rest")
    assert (far.severity, far.where) == ("note", "3.77 (id 7)")
    y[7] = 3.75
    dataset = make_dataset(noise(101), y)
    assert not found(inspect(dataset, last_fifth(dataset)), "far from the rest")


def test_a_skewed_positive_target_is_noted_with_its_numbers():
    rng = np.random.default_rng(1)
    y = np.exp(rng.normal(size=200))
    dataset = make_dataset(noise(200), y)
    (note,) = found(inspect(dataset, last_fifth(dataset), brief=True), "positive and skewed")
    labelled = y[:160]
    assert note.severity == "note" and f"from {labelled.min():.4g} to {labelled.max():.4g}" in note.what
    assert f"skewness {float((((labelled - labelled.mean()) / labelled.std()) ** 3).mean()):.1f}" in note.what
    for other in (
        y - 1,
        rng.normal(10, 1, 200),
        rng.uniform(1, 9, 200),
        np.where(np.arange(200) == 7, 1e4, 10 + rng.random(200)),
    ):
        same = make_dataset(noise(200), other)
        assert not found(inspect(same, last_fifth(same)), "positive and skewed")
    done = dataclasses.replace(dataset, target_scale="log")
    assert not found(inspect(done, last_fifth(done)), "positive and skewed")


def test_the_interval_of_a_small_test_part():
    dataset = make_dataset(noise(50), ["a", "b"] * 25)
    (problem,) = found(inspect(dataset, last_fifth(dataset)), "10 test rows of 2 classes")
    low, high = wilson(8, 10)
    assert f"an accuracy near 80 % there means {100 * low:.1f} % to {100 * high:.1f} %" in problem.what
    assert "num_repeats=10" in problem.advice
    own = make_dataset(noise(50), ["a", "b"] * 25, part=np.array(["train"] * 40 + ["test"] * 10))
    assert "num_repeats" not in found(inspect(own, last_fifth(own)), "10 test rows")[0].advice


def test_fewer_rows_than_features():
    dataset = make_dataset(noise(50, features=41), ["a", "b"] * 25)
    assert found(inspect(dataset, last_fifth(dataset)), "fewer labelled rows (40) than features (41)")


def test_summary_counts():
    X = noise(10)
    X[:4, 1] = np.nan
    dataset = make_dataset(X, list("aaaaaaabbb"), groups=np.arange(10) // 2)
    values = summary(dataset, Split(np.arange(5), np.array([4]), np.arange(6, 10)))
    assert values["classes"] == {"a": 7, "b": 3}
    assert values["missing"] == {"cells": 4, "columns": 1}
    assert values["parts"] == {"labelled": 5, "validation": 1, "test": 4, "unused": 1}
    assert (values["rows"], values["shape"], values["groups"], values["target"]) == (10, [3], 5, None)
    numbers = summary(make_dataset(X, np.array([1.0, 2, 3, 4, 4] * 2)), Split(np.arange(8), None, np.arange(8, 10)))
    assert numbers["target"] == {"low": 1, "high": 4, "mean": pytest.approx(2.8), "sd": pytest.approx(1.36**0.5), "distinct": 4}


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.0441, "4.4 %"), (1e-5, "under 0.1 %"), (0.99999, "over 99.9 %")],
)
def test_shares_in_words(fraction, text):
    assert percent(fraction) == text


def test_names_and_counts_in_words():
    assert named(list("abcdefg")) == "a, b, c, d, e and 2 more"
    assert named(list("abcde"), 1200) == "a, b, c, d, e and 1,195 more"
    assert named(["a"]) == "a"
    assert shortened("a\x1b[31m\nb") == "a?[31m b"
    assert len(shortened("x" * 10_000)) == 60
    assert counted(1, "class", verbs="has/have") == "1 class has"
    assert counted(1200, "class", verbs="has/have") == "1,200 classes have"
    assert counted(0, "row") == "0 rows"
