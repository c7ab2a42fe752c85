"""Thresholds and class weights of decisions, against computations by hand and a search through all others."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from sdl_cli.errors import ConfigError
from sdl_cli.measure.decisions import check_threshold, decide, decision_sentence, decision_weights, rarer

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize(("threshold", "value"), [("most_probable", None), ("balanced", None), ("0.3", 0.3), ("1e-3", 0.001)])
def test_a_threshold_is_a_word_or_a_number(threshold: str, value: float | None) -> None:
    assert check_threshold(threshold) == value


@pytest.mark.parametrize("threshold", ["0", "1", "1.5", "-0.1", "nan", "inf", "half", ""])
def test_any_other_threshold_is_refused(threshold: str) -> None:
    with pytest.raises(ConfigError, match="threshold.*between 0 and 1"):
        check_threshold(threshold)


def test_the_most_probable_class_needs_no_weights() -> None:
    assert decision_weights("most_probable", np.array([5, 1]), ["a", "b"]) is None
    assert decide(np.array([[0.4, 0.6], [0.5, 0.5]]), None).tolist() == [1, 0]


@pytest.mark.parametrize("rare", [0, 1])
@pytest.mark.parametrize("threshold", [0.01, 0.1, 0.2, 0.3, 0.35, 0.5, 0.7, 0.9])
def test_the_rarer_class_is_named_from_the_threshold_on(rare: int, threshold: float) -> None:
    counts = np.array([10, 90] if rare == 0 else [90, 10])
    weights = decision_weights(str(threshold), counts, ["a", "b"])
    # the share of trees in a forest of 100, with the threshold itself among them
    of_rare = np.arange(101) / 100
    probs = np.stack([of_rare, 1 - of_rare] if rare == 0 else [1 - of_rare, of_rare], axis=1)
    named = decide(probs, weights) == rare
    np.testing.assert_array_equal(named, np.arange(101) >= round(100 * threshold))


def test_of_two_classes_as_frequent_the_second_counts_as_the_rarer() -> None:
    assert [rarer(np.array(counts)) for counts in ([3, 3], [2, 3], [3, 2])] == [1, 0, 1]


@pytest.mark.parametrize(("counts", "cut"), [([90, 10], 0.1), ([25, 75], 0.25), ([50, 50], 0.5)])
def test_balanced_is_the_share_of_the_rarer_of_two_classes(counts: list[int], cut: float) -> None:
    weights = decision_weights("balanced", np.array(counts), ["a", "b"])
    rare = rarer(np.array(counts))
    for probability, expected in ((cut - 0.001, 1 - rare), (cut + 0.001, rare)):
        probs = np.array([[probability, 1 - probability]])
        assert decide(probs if rare == 0 else probs[:, ::-1], weights).tolist() == [expected]
    sentence = decision_sentence("balanced", weights, np.array(counts), ["a", "b"])
    assert sentence == (
        f"A row is called {'ab'[rare]} if its probability is at least {cut:.3g} "
        f"(the share of {'ab'[rare]} among the labelled rows), otherwise {'ab'[1 - rare]}."
    )


def calibrated(shares: Array, num: int, seed: int) -> tuple[Array, Array]:
    """Probabilities of classes with these shares, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(2 * shares, num)
    return probs, (rng.random(num)[:, None] > probs.cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize("seed", range(2))
def test_balanced_is_the_best_threshold_for_balanced_accuracy(seed: int) -> None:
    probs, y = calibrated(np.array([0.85, 0.15]), 20_000, seed)
    weights = decision_weights("balanced", np.bincount(y), ["a", "b"])
    reached = balanced_accuracy_score(y, decide(probs, weights))
    all_cuts = [balanced_accuracy_score(y, probs[:, 1] >= cut) for cut in np.linspace(0, 1, 51)]
    assert reached > max(all_cuts) - 0.005
    assert reached > balanced_accuracy_score(y, decide(probs, None)) + 0.05


def test_balanced_is_the_best_weighting_of_three_classes() -> None:
    probs, y = calibrated(np.array([0.7, 0.2, 0.1]), 20_000, 0)
    weights = decision_weights("balanced", np.bincount(y), ["a", "b", "c"])
    reached = balanced_accuracy_score(y, decide(probs, weights))
    grid = itertools.product(np.geomspace(0.5, 30, 8), repeat=2)
    assert reached > max(balanced_accuracy_score(y, decide(probs, np.array([1.0, *w]))) for w in grid) - 0.01
    assert reached > balanced_accuracy_score(y, decide(probs, None)) + 0.1


def test_a_class_without_labelled_rows_is_never_named() -> None:
    weights = decision_weights("balanced", np.array([5, 0, 5]), ["a", "b", "c"])
    assert decide(np.array([[0.1, 0.8, 0.1], [0.0, 0.9, 0.1]]), weights).tolist() == [0, 2]


def test_a_number_needs_two_classes() -> None:
    with pytest.raises(ConfigError, match="a number needs exactly two classes, but there are 3") as error:
        decision_weights("0.3", np.array([1, 2, 3]), ["a", "b", "c"])
    assert error.value.hint == "Use threshold=balanced instead."


def test_what_is_said_of_a_decision() -> None:
    counts = np.array([30, 70])
    assert decision_sentence("most_probable", None, counts, ["a", "b"]) is None
    weights = decision_weights("0.4", counts, ["a", "b"])
    assert (
        decision_sentence("0.4", weights, counts, ["a", "b"])
        == "A row is called a if its probability is at least 0.4 (as set), otherwise b."
    )
    three = decision_weights("balanced", np.array([1, 2, 3]), ["a", "b", "c"])
    sentence = decision_sentence("balanced", three, np.array([1, 2, 3]), ["a", "b", "c"])
    assert sentence is not None and "relative to its share" in sentence
