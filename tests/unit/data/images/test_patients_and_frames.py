"""Pictures of one file stay together, also where a group is asked for and the file has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdl_cli.data.sources.image_table import ImageTable, load
from sdl_cli.data.split import split

tifffile = pytest.importorskip("tifffile")


def test_frames_of_a_file_without_a_group_are_not_torn_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["file,plant,kind"]
    for number in range(16):
        tifffile.imwrite(tmp_path / f"{number}.tif", rng.integers(0, 255, (4, 8, 8)).astype(np.uint8), photometric="minisblack")
        lines.append(f"{number}.tif,{'p' if number < 2 else ''},{'ab'[number % 2]}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    settings = ImageTable(path=str(tmp_path / "t.csv"), target="kind", group="plant", frames="all", size_px=8)
    dataset = load(settings)
    assert len(dataset) == 64
    parts = split(dataset, settings, 0)
    files = np.array([str(name).partition("#")[0] for name in dataset.ids])
    assert not set(files[parts.labelled]) & set(files[parts.test])
