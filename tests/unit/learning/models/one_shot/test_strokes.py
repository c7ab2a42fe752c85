"""Drawings as points along their strokes."""

from __future__ import annotations

import numpy as np
import torch

from sdl_cli.learning.models.one_shot.strokes import NUM_POINTS, find_strokes


def lines(*ends: tuple[int, int, int, int], side: int = 105) -> np.ndarray:
    """A mask with straight strokes, three pixels wide, from (row, column) to (row, column)."""
    mask = np.zeros((1, side, side), bool)
    for r0, c0, r1, c1 in ends:
        num = 2 * max(abs(r1 - r0), abs(c1 - c0)) + 1
        for r, c in zip(np.linspace(r0, r1, num).round().astype(int), np.linspace(c0, c1, num).round().astype(int), strict=True):
            mask[0, r - 1 : r + 2, c - 1 : c + 2] = True
    return mask


def test_points_are_centred_scaled_and_weighted() -> None:
    found = find_strokes(np.concatenate([lines((20, 20, 20, 80)), lines((10, 10, 90, 90), (90, 10, 50, 50))]))
    assert found.points.shape == (2, NUM_POINTS, 2)
    torch.testing.assert_close(found.weights.sum(1), torch.ones(2))
    torch.testing.assert_close((found.points * found.weights[..., None]).sum(1), torch.zeros(2, 2), atol=1e-5, rtol=0)
    size = (found.points.square().sum(2) * found.weights).sum(1)
    torch.testing.assert_close(size, torch.ones(2), atol=1e-4, rtol=0)


def test_directions_are_twice_the_angle_to_the_rows() -> None:
    across, down, diagonal = (find_strokes(lines(ends)) for ends in ((50, 20, 50, 80), (20, 50, 80, 50), (20, 20, 80, 80)))
    for found, wanted in ((across, (1.0, 0.0)), (down, (-1.0, 0.0)), (diagonal, (0.0, 1.0))):
        mean = (found.directions * found.weights[..., None]).sum(1)[0]
        torch.testing.assert_close(mean, torch.tensor(wanted), atol=0.06, rtol=0)


def test_a_drawing_without_ink_has_no_weights_and_a_black_page_is_cut_down() -> None:
    found = find_strokes(np.zeros((1, 20, 20), bool))
    assert not found.weights.any() and not found.points.any()
    noise = np.random.default_rng(0).random((1, 200, 200)) < 0.3
    assert torch.isfinite(find_strokes(noise).points).all()
