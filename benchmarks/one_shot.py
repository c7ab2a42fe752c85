"""How the constants of `model=one_shot model.kind=alignment` were chosen: one-shot tasks made of background alphabets alone.

    python benchmarks/one_shot.py ~/omniglot                                  # the constants as they are
    python benchmarks/one_shot.py ~/omniglot direction=0.5 narrowest=0.08     # others, and the costs that suit them

A task is like a published run: 20 characters of one alphabet, one drawing of each by one drawer to learn from, and one by another
drawer to name. Of the maps that are found, the weights in the cost and the sharpness of the softmax are fitted by the mean log
loss of naming. It prints that loss and the error; the 20 published runs are never read.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from sdl_cli.data.sources.omniglot import Background, read_background
from sdl_cli.learning.models.one_shot.alignment import CONSTANTS, Constants, parts_of_cost
from sdl_cli.learning.models.one_shot.ink import find_ink
from sdl_cli.learning.models.one_shot.strokes import Strokes, find_strokes

NUM_TASKS, WAYS = 24, 20


def tasks(background: Background, seed: int = 0) -> list[Strokes]:
    """Strokes of 20 labelled drawings and 20 to name, in the same order of characters, for each task."""
    rng = np.random.default_rng(seed)
    sizes = np.bincount(background.alphabet_of)
    large = np.flatnonzero(sizes >= WAYS)
    found = []
    for number in range(NUM_TASKS):
        characters = rng.choice(np.flatnonzero(background.alphabet_of == large[number % len(large)]), WAYS, replace=False)
        drawers = rng.choice(20, 2, replace=False)
        rows = [np.flatnonzero(background.characters == character)[drawer] for drawer in drawers for character in characters]
        found.append(find_strokes(find_ink(background.images[rows]).mask))
    return found


def parts(strokes: Strokes, constants: Constants) -> torch.Tensor:
    """Parts of the cost `(20 asked, 20 known, 5)`, both directions summed."""
    asked, known = torch.cartesian_prod(torch.arange(WAYS, 2 * WAYS), torch.arange(WAYS)).T
    a, b = strokes.rows(asked), strokes.rows(known)
    return (parts_of_cost(a, b, constants) + parts_of_cost(b, a, constants)).view(WAYS, WAYS, -1)


def fitted(found: torch.Tensor) -> tuple[float, float, torch.Tensor]:
    """Log loss, error and the weights of the parts that suit them, of parts `(T, 20, 20, 5)`; all weights are positive."""
    logs = torch.tensor([3.0, 3.0, 2.0, 0.5, 0.0]).requires_grad_()
    optimizer = torch.optim.Adam([logs], lr=0.05)
    truth = torch.arange(WAYS).repeat(len(found))
    for _ in range(400):
        cost = (found * logs.exp()).sum(-1).reshape(-1, WAYS)
        loss = torch.nn.functional.cross_entropy(-cost, truth)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return float(loss.detach()), float((cost.argmin(1) != truth).float().mean()), logs.exp().detach()


def main() -> None:
    folder, *changes = sys.argv[1:]
    changed = {key: type(getattr(CONSTANTS, key))(value) for key, value in (change.split("=") for change in changes)}
    constants = CONSTANTS._replace(**changed)
    found = torch.stack([parts(strokes, constants) for strokes in tasks(read_background(Path(folder).expanduser()))])
    loss, error, weights = fitted(found)
    names = ("away", "back_cost", "stretch_cost", "bending_cost", "shift_cost")
    shares = ", ".join(f"{name} {weight:.3f}" for name, weight in zip(names, (weights / weights[0]).tolist(), strict=True))
    print(f"{NUM_TASKS} tasks, {NUM_TASKS * WAYS} drawings: log loss {loss:.3f}, error {error:.1%}")
    print(f"weights: {shares}; sharpness {weights[0]:.0f}")


if __name__ == "__main__":
    main()
