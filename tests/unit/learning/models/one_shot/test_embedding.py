"""The network that places drawings, and what it is shown while it learns."""

from __future__ import annotations

import numpy as np
import torch
from unit.learning.models.one_shot.test_strokes import lines

from sdl_cli.learning.models.one_shot.embedding import NUM_TURNS, SIDE_PX, Embedder, framed, losses, turned_and_distorted


def test_a_frame_does_not_depend_on_place_and_size() -> None:
    small = framed(lines((20, 20, 60, 20), (60, 20, 60, 60)))
    moved = framed(lines((40, 40, 80, 40), (80, 40, 80, 80)))
    assert small.shape == (1, 1, SIDE_PX, SIDE_PX) and small.dtype == np.uint8
    np.testing.assert_array_equal(small, moved)
    large = framed(lines((10, 10, 90, 10), (90, 10, 90, 90)))
    rows, columns = ((np.argwhere(one[0, 0] > 100).max(0), np.argwhere(one[0, 0] > 100).min(0)) for one in (small, large))
    assert np.abs(np.subtract(rows, columns)).max() <= 1
    assert not framed(np.zeros((1, 50, 50), bool)).any()


def test_places_have_length_one_and_the_loss_is_the_cross_entropy_of_cosines() -> None:
    torch.manual_seed(0)
    net = Embedder(4, 8, 6).eval()
    x, t = torch.rand(3, 1, SIDE_PX, SIDE_PX), torch.tensor([[0.0], [5.0], [2.0]])
    torch.testing.assert_close(net.embed(x).norm(dim=1), torch.ones(3))
    cosines = net(x)
    assert cosines.shape == (3, 6) and cosines.abs().max() <= 1 + 1e-6
    logs = torch.log_softmax(15 * cosines, 1)
    wanted = -0.9 * logs.gather(1, t.long())[:, 0] - 0.1 * logs.mean(1)
    torch.testing.assert_close(losses(net, x, t), wanted)


def test_quarter_turns_are_classes_of_their_own() -> None:
    x = torch.zeros(400, 1, SIDE_PX, SIDE_PX)
    x[:, :, 2:8, 10:18] = 1  # ink above the middle
    t = torch.full((400, 1), 3.0)
    seen, classes = turned_and_distorted(x, t, torch.Generator().manual_seed(0))
    assert seen.shape == x.shape
    quarter = (classes - NUM_TURNS * 3)[:, 0].long()
    assert set(quarter.tolist()) == {0, 1, 2, 3}
    line = torch.arange(SIDE_PX) - (SIDE_PX - 1) / 2
    ink = seen.sum((1, 2, 3)).clamp_min(1e-6)
    down, right = (seen[:, 0].sum(2) @ line) / ink, (seen[:, 0].sum(1) @ line) / ink
    angle = torch.atan2(right, -down)  # 0 is above
    for turn in range(NUM_TURNS):
        mean = torch.atan2(angle[quarter == turn].sin().mean(), angle[quarter == turn].cos().mean())
        assert abs(torch.sin(mean + turn * torch.pi / 2)) < 0.2 or abs(torch.sin(mean - turn * torch.pi / 2)) < 0.2
    again, _ = turned_and_distorted(x, t, torch.Generator().manual_seed(0))
    torch.testing.assert_close(again, seen)
