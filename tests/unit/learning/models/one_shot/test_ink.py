"""Ink and paper, and thin strokes."""

from __future__ import annotations

import numpy as np

from sdl_cli.learning.models.one_shot.ink import find_ink, thin


def bar(ink: int, paper: int) -> np.ndarray:
    image = np.full((1, 30, 40), paper, np.uint8)
    image[0, 10:15, 8:30] = ink
    return image


def test_ink_is_found_whichever_is_darker() -> None:
    images = np.stack([bar(0, 255), bar(255, 0), bar(90, 140), bar(200, 180)])
    found = find_ink(images)
    assert found.is_light.tolist() == [False, True, False, True]
    for mask in found.mask:
        assert mask.sum() == 5 * 22 and mask[10:15, 8:30].all()


def test_colour_channels_count_alike_and_one_colour_has_no_ink() -> None:
    coloured = np.repeat(bar(0, 255), 3, axis=0)
    coloured[2] = 255  # blue ink
    blank = np.full((3, 30, 40), 7, np.uint8)
    found = find_ink(np.stack([coloured, blank]))
    assert found.mask.sum(axis=(1, 2)).tolist() == [5 * 22, 0] and not found.is_light.any()


def test_a_bar_becomes_a_line_along_its_middle() -> None:
    lines = thin(find_ink(bar(0, 255)[None]).mask)[0]
    rows, columns = np.nonzero(lines)
    assert set(rows) == {12} and len(columns) == len(set(columns))  # one pixel in each column
    assert columns.max() - columns.min() >= 22 - 6


def test_thinning_keeps_a_ring_a_ring_and_each_drawing_is_thinned_alone() -> None:
    y, x = np.mgrid[:41, :41] - 20
    radius = np.hypot(y, x)
    ring = (radius > 9) & (radius < 15)
    both = thin(np.stack([ring, ~ring]))
    assert np.array_equal(both[0], thin(ring[None])[0])
    lines = np.argwhere(both[0]) - 20
    assert np.abs(np.hypot(*lines.T) - 12).max() < 2 and len(lines) < 110
    around = np.sort(np.arctan2(*lines.T))
    assert np.diff(around).max() < 0.2  # closed: no gap in the angle
