"""How much images of a class differ, against a hand computation."""

from __future__ import annotations

import numpy as np
import pytest

from sdl_cli.learning.models.adversarial.diversity import mean_distance, measure


def flat(*values: int) -> np.ndarray:
    """Images of one pixel value each."""
    return np.stack([np.full((1, 2, 3), value, np.uint8) for value in values])


def test_the_mean_distance_is_over_pairs() -> None:
    assert mean_distance(flat(0, 255)) == pytest.approx(1.0)
    assert mean_distance(flat(0, 51, 102)) == pytest.approx((0.2 + 0.4 + 0.2) / 3)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (4, 3, 5, 5)).astype(np.uint8)
    pairs = [np.sqrt((((X[i].astype(float) - X[j]) / 255) ** 2).mean()) for i in range(4) for j in range(i)]
    assert mean_distance(X) == pytest.approx(np.mean(pairs))


def test_generated_images_are_held_against_real_ones_class_by_class() -> None:
    real, labels = flat(0, 51, 0, 102), np.array([0, 0, 1, 1])
    found = measure(flat(0, 51, 0, 51), real, labels, labels)
    assert (found.generated, found.real) == (pytest.approx(0.2), pytest.approx(0.3))
    assert found.ratio == pytest.approx(2 / 3) and found.least_ratio == pytest.approx(0.5) and found.least_class == 1
    assert found.num_images == 2


def test_real_images_that_do_not_differ_say_nothing() -> None:
    labels = np.array([0, 0, 1, 1])
    found = measure(flat(0, 51, 0, 51), flat(7, 7, 7, 7), labels, labels)
    assert found.ratio is found.least_ratio is found.least_class is None and found.real == 0.0
    one = measure(flat(0, 51, 0, 51), flat(7, 7, 0, 51), labels, labels)
    assert one.least_ratio == pytest.approx(1.0) and one.least_class == 1 and one.ratio == pytest.approx(2.0)
