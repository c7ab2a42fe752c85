"""Images made smaller by area means, against the formula."""

from __future__ import annotations

import numpy as np
import pytest

from sdl_cli.data.images.area_means import area_weights, reduce_images


def test_images_are_reduced_by_area_means() -> None:
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (3, 2, 64, 24)).astype(np.uint8)  # each side is reduced to 32 by itself, if it is over that
    assert np.allclose(reduce_images(wide, 32), wide.reshape(3, 2, 32, 2, 24).mean(3), atol=1e-3)
    square = rng.integers(0, 256, (3, 1, 64, 64)).astype(np.uint8)
    assert np.allclose(reduce_images(square, 32), square.reshape(3, 1, 32, 2, 32, 2).mean((3, 5)), atol=1e-3)
    assert np.array_equal(reduce_images(square[..., :8, :8], 32), square[..., :8, :8])
    odd = rng.integers(0, 256, (1, 1, 50, 50)).astype(np.uint8)
    assert reduce_images(odd, 32).mean() == pytest.approx(odd.mean(), abs=1e-3)  # areas keep the mean


def test_a_pixel_between_two_new_ones_counts_by_its_share() -> None:
    assert area_weights(5, 2) == pytest.approx(np.array([[2, 2, 1, 0, 0], [0, 0, 1, 2, 2]]) / 5)
