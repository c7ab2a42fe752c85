"""What it costs to bring one drawing onto another: first by an affine map, then by bending, in both directions.

A drawing is a set of points along its strokes (`strokes`). A map is found by turns: each point is drawn to the points of the
other drawing that are near and run in the same direction, softly at first and then ever more sharply (deterministic annealing, as
in Chui and Rangarajan, CVIU 89, 2003), and the map nearest to that is solved for. What it costs is how far points stay from the
other drawing's, in both directions, and how much the map stretches, shears and bends. The constants were chosen on one-shot tasks
made of background alphabets alone (docs/BENCHMARKS.md); lengths are in units of a drawing's own size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sdl_cli.learning.models.one_shot.strokes import Strokes

Array = np.ndarray[Any, Any]

_PAIRS_AT_ONCE = 400


class Constants(NamedTuple):
    """How drawings are brought together.

    Arguments:
        direction: weight of a difference of directions beside squared distances.
        affine_steps, bending_steps: alternations of drawing points and solving for the map.
        widest, narrowest: standard deviation within which points draw each other, at the first and at the last step.
        stiffness: of the affine map against leaving the identity. shift: against moving. bending: of the rest against bending.
        grid: bends are placed on a grid of so many rows and columns. reach: standard deviation of each.
        furthest: squared distance that a point left behind counts at most.
        back_cost: of distances from the fixed strokes to the moved ones, beside those from the moved ones.
        stretch_cost, bending_cost, shift_cost: of the map.
    """

    direction: float = 0.07
    affine_steps: int = 10
    bending_steps: int = 10
    widest: float = 0.4
    narrowest: float = 0.12
    stiffness: float = 0.2
    shift: float = 0.05
    bending: float = 0.1
    grid: int = 6
    reach: float = 0.6
    furthest: float = 0.3
    back_cost: float = 0.52
    stretch_cost: float = 0.032
    bending_cost: float = 0.003
    shift_cost: float = 0.085


CONSTANTS = Constants()


def costs(asked: Strokes, known: Strokes, constants: Constants = CONSTANTS) -> Array:
    """Costs `float64 (N, M)` of bringing each of N drawings onto each of M and back; infinite where one has no strokes."""
    pairs = torch.cartesian_prod(torch.arange(len(asked)), torch.arange(len(known)))
    parts = []
    for one, other in (some.T for some in torch.split(pairs, _PAIRS_AT_ONCE)):
        a, b = asked.rows(one), known.rows(other)
        parts.append(cost(a, b, constants) + cost(b, a, constants))
    found = torch.cat(parts).view(len(asked), len(known)).double().numpy()
    is_empty = (asked.weights.sum(1) == 0)[:, None] | (known.weights.sum(1) == 0)
    return np.where(is_empty.numpy(), np.inf, found)


def cost(moved: Strokes, fixed: Strokes, constants: Constants = CONSTANTS) -> Tensor:
    """Cost `(N,)` of bringing each drawing of `moved` onto the same row of `fixed`."""
    return parts_of_cost(moved, fixed, constants) @ torch.tensor(
        [1.0, constants.back_cost, constants.stretch_cost, constants.bending_cost, constants.shift_cost]
    )


def parts_of_cost(moved: Strokes, fixed: Strokes, constants: Constants) -> Tensor:
    """Distances from the moved to the fixed strokes and back, stretch, bending and shift of the map, all unweighted, `(N, 5)`."""
    bends = _Bends(moved, constants)
    target = _as_target(fixed, constants.direction)
    linear, offset = torch.eye(2).repeat(len(moved), 1, 1), torch.zeros(len(moved), 1, 2)
    bent, coefficients = torch.zeros_like(moved.points), None
    num_steps = constants.affine_steps + constants.bending_steps
    for step in range(num_steps):
        width = constants.widest * (constants.narrowest / constants.widest) ** (step / (num_steps - 1))
        placed = moved.points @ linear + offset + bent
        wanted, pull = _drawn(_squares(placed, _turned(moved.directions, linear), target), moved.weights, fixed, width)
        if step >= constants.affine_steps:
            bent, coefficients = bends.solved(wanted - moved.points @ linear - offset, pull)
        linear, offset = _affine(moved.points, wanted - bent, pull, constants)
    squares = _squares(moved.points @ linear + offset + bent, _turned(moved.directions, linear), target)
    away = (squares.amin(2).clamp_max(constants.furthest) * moved.weights).sum(1)
    no_point = (moved.weights == 0)[:, :, None] * 1e3
    back = ((squares + no_point).amin(1).clamp_max(constants.furthest) * fixed.weights).sum(1)
    stretch, shift = (linear - torch.eye(2)).square().sum((1, 2)), offset.square().sum((1, 2))
    assert coefficients is not None
    return torch.stack([away, back, stretch, bends.energy(coefficients), shift], dim=1)


def _as_target(fixed: Strokes, weight: float) -> Tensor:
    """What `_squares` multiplies moved points with, `(N, 7, P)`."""
    straight = fixed.directions.norm(dim=2, keepdim=True)
    square = fixed.points.square().sum(2, keepdim=True) + (fixed.weights == 0)[:, :, None] * 1e3
    rows = [-2 * fixed.points, torch.ones_like(square), square, weight * straight, -weight * fixed.directions]
    return torch.cat(rows, dim=2).transpose(1, 2).contiguous()


def _squares(points: Tensor, directions: Tensor, target: Tensor) -> Tensor:
    """Squared distances of all points to all of the other drawing, with what differing directions add, `(N, P, P)`."""
    straight = directions.norm(dim=2, keepdim=True)
    rows = [points, points.square().sum(2, keepdim=True), torch.ones_like(straight), straight, directions]
    squares: Tensor = torch.cat(rows, dim=2) @ target
    return squares.clamp_min_(0)


def _turned(directions: Tensor, linear: Tensor) -> Tensor:
    """Directions as the linear map leaves them, as straight as before."""
    straight = directions.norm(dim=2, keepdim=True)
    half = torch.atan2(directions[..., 1], directions[..., 0]) / 2
    turned = torch.stack([half.sin(), half.cos()], dim=2) @ linear
    turned = turned / turned.norm(dim=2, keepdim=True).clamp_min(1e-6)
    row, column = turned[..., 0], turned[..., 1]
    doubled: Tensor = torch.stack([column.square() - row.square(), 2 * row * column], dim=2) * straight
    return doubled


def _drawn(squares: Tensor, weights: Tensor, fixed: Strokes, width: float) -> tuple[Tensor, Tensor]:
    """Where each moved point is drawn to `(N, P, 2)`, and how strongly `(N, P, 1)`, by points of the other drawing.

    Each moved point shares itself out among the fixed ones, and each fixed one among the moved: so nothing is left out on either.
    """
    near = (squares * (-0.5 / width**2)).exp_()
    homogeneous = torch.cat([fixed.points, torch.ones_like(fixed.points[..., :1])], dim=2) * fixed.weights[:, :, None]
    reached = near.transpose(1, 2) @ weights[:, :, None]
    both = near @ torch.cat([homogeneous, homogeneous / reached.clamp_min(1e-12)], dim=2)
    drawn = both[..., :3] / both[..., 2:3].clamp_min(1e-12) + both[..., 3:]
    drawn = drawn * weights[:, :, None]
    pull = drawn[..., 2:]
    return drawn[..., :2] / pull.clamp_min(1e-12), pull


def _affine(points: Tensor, wanted: Tensor, pull: Tensor, constants: Constants) -> tuple[Tensor, Tensor]:
    """The linear map `(N, 2, 2)` and offset `(N, 1, 2)` that bring points where they are wanted, held to the identity."""
    whole = torch.cat([points, torch.ones_like(pull)], dim=2)
    pulled = (whole * pull).transpose(1, 2)
    hold = torch.diag(torch.tensor([constants.stiffness, constants.stiffness, constants.shift]))
    found = torch.linalg.solve(pulled @ whole + hold, pulled @ wanted + hold @ torch.eye(3, 2))
    return found[:, :2], found[:, 2:]


class _Bends:
    """Smooth bends of the plane around points: bumps on a grid (Gaussian radial basis functions), with their energy."""

    def __init__(self, moved: Strokes, constants: Constants) -> None:
        line = torch.linspace(-2.0, 2.0, constants.grid)
        centers = torch.cartesian_prod(line, line)
        scale = -0.5 / constants.reach**2
        self.bumps = torch.exp(scale * torch.cdist(moved.points, centers.expand(len(moved), -1, -1)).square())
        self.stiff = torch.exp(scale * torch.cdist(centers, centers).square()) + 1e-3 * torch.eye(len(centers))
        self.bending = constants.bending

    def solved(self, wanted: Tensor, pull: Tensor) -> tuple[Tensor, Tensor]:
        """Displacements `(N, P, 2)` near those wanted, and their coefficients `(N, B, 2)`."""
        pulled = (self.bumps * pull).transpose(1, 2)
        found = torch.linalg.solve(pulled @ self.bumps + self.bending * self.stiff, pulled @ wanted)
        return self.bumps @ found, found

    def energy(self, coefficients: Tensor) -> Tensor:
        """Squared norm `(N,)` of displacements in the bumps' own space."""
        return (coefficients * (self.stiff @ coefficients)).sum((1, 2))
