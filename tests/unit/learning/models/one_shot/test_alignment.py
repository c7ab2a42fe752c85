"""What bringing a drawing onto another costs: nothing for itself, little for a near kin, and alike in both directions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from unit.learning.models.one_shot.test_strokes import lines

from sdl_cli.learning.models.one_shot import alignment
from sdl_cli.learning.models.one_shot.alignment import CONSTANTS, cost, costs, parts_of_cost
from sdl_cli.learning.models.one_shot.strokes import Strokes, find_strokes

CROSS = ((20, 50, 80, 50), (50, 20, 50, 80))
HOOK = ((20, 30, 80, 30), (80, 30, 80, 70))
ANGLE = ((20, 30, 80, 30), (20, 30, 20, 70))


def mapped(strokes: Strokes, linear: list[list[float]]) -> Strokes:
    """Strokes under a linear map, their directions with them."""
    matrix = torch.tensor(linear)
    return Strokes(strokes.points @ matrix, alignment._turned(strokes.directions, matrix), strokes.weights)


def test_a_drawing_costs_nothing_itself_and_others_cost_more() -> None:
    strokes = find_strokes(np.concatenate([lines(*CROSS), lines(*HOOK), lines(*ANGLE)]))
    found = costs(strokes, strokes)
    assert found.shape == (3, 3) and found.dtype == np.float64
    assert np.diag(found).max() < 0.02
    assert (found + np.eye(3)).min() > 5 * np.diag(found).max()
    np.testing.assert_allclose(found, found.T, rtol=1e-4, atol=1e-5)  # both directions are in it


def test_an_affine_map_is_undone_at_little_cost() -> None:
    one = find_strokes(lines(*HOOK))
    linear = [[1.15, 0.1], [-0.1, 0.9]]
    away, back, *of_the_map = parts_of_cost(one, mapped(one, linear), CONSTANTS)[0].tolist()
    assert max(away, back) < 0.01 and min(of_the_map) >= 0 and max(of_the_map) < 0.3
    no_map = cost(one, mapped(one, linear), CONSTANTS._replace(stiffness=1e6, shift=1e6, bending=1e6))
    assert cost(one, mapped(one, linear)) < no_map


def test_directions_turn_with_the_map() -> None:
    quarter = torch.tensor([[[0.0, 1.0], [-1.0, 0.0]]])
    along_rows = torch.tensor([[[0.8, 0.0]]])
    torch.testing.assert_close(alignment._turned(along_rows, quarter), -along_rows)


def test_squares_are_distances_and_differences_of_directions() -> None:
    generator = torch.Generator().manual_seed(0)
    points, others, turns, other_turns = (torch.randn(1, 5, 2, generator=generator) for _ in range(4))
    fixed = Strokes(others, other_turns, torch.full((1, 5), 0.2))
    found = alignment._squares(points, turns, alignment._as_target(fixed, 0.5))
    wanted = torch.cdist(points, others).square()
    wanted += 0.5 * (turns.norm(dim=2)[:, :, None] * other_turns.norm(dim=2)[:, None] - turns @ other_turns.transpose(1, 2))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_no_strokes_are_infinitely_far_and_others_do_not_notice() -> None:
    strokes = find_strokes(np.concatenate([lines(*CROSS), np.zeros((1, 105, 105), bool)]))
    found = costs(strokes, strokes)
    assert np.isinf(found[[0, 1, 1], [1, 0, 1]]).all() and np.isfinite(found[0, 0])


def test_pairs_in_several_batches_cost_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    strokes = find_strokes(np.concatenate([lines(*CROSS), lines(*HOOK), lines(*ANGLE)]))
    whole = costs(strokes, strokes)
    monkeypatch.setattr(alignment, "_PAIRS_AT_ONCE", 2)
    np.testing.assert_allclose(costs(strokes, strokes), whole, rtol=1e-4, atol=1e-6)
