"""A run on pictures deeper than 8 bits, from training to prediction: one scale, stored and used again."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
from integration.conftest import BASELINE, Sdl
from PIL import Image


def scans(folder: Path) -> Path:
    """24 pictures of 12 bits in 16-bit PNG: faint steps of 40 among numbers near 2000, across or down."""
    rng = np.random.default_rng(0)
    for i in range(24):
        step = np.repeat([0, 40], 4)[None] * np.ones((8, 1))
        values = rng.integers(1900, 2000) + (step if i % 2 else step.T) + rng.integers(0, 4, (8, 8))
        path = folder / ("across", "down")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values.astype(np.uint16)).save(path)
    return folder


def test_a_run_on_deep_pictures(sdl: Sdl, tmp_path: Path) -> None:
    data = scans(tmp_path / "scans")
    found = sdl(f"train dataset=image_folder dataset.path={data} dataset.channels=grey dataset.size_px=8 {BASELINE} --json")
    assert found.code == 0, found.err
    folder = Path(found.json["folder"])
    stored = json.loads((folder / "model.json").read_text())["inputs"]["value_range"]
    assert 1900 <= stored["low"] < stored["high"] <= 2045
    assert not stored["with_plain"]
    assert any("becomes black and" in note for note in found.json["notes"])
    again = sdl(f"evaluate {folder} --json")
    assert again.json["reproduced"] is True
    assert sdl(f"predict {folder} {data} -o {tmp_path}/p.csv").code == 0
    predicted = {row["id"]: row for row in csv.DictReader(io.StringIO((tmp_path / "p.csv").read_text()))}
    for row in csv.DictReader(io.StringIO((folder / "predictions.csv").read_text())):
        assert all(predicted[row["id"]][key] == row[key] for key in ("prediction", "probability_across", "probability_down"))
    plain = tmp_path / "plain" / "a.png"
    plain.parent.mkdir()
    Image.new("L", (8, 8), 9).save(plain)
    refused = sdl(f"predict {folder} {plain.parent} -o {tmp_path}/q.csv")
    assert refused.code == 2
    assert "a.png (8 bits, and the images that the run learned from have more)" in " ".join(refused.err.split())
    np.savez(tmp_path / "x.npz", X=np.zeros((2, 8, 8), np.uint16))
    refused = sdl(f"predict {folder} {tmp_path}/x.npz -o {tmp_path}/q.csv")
    assert refused.code == 2 and "an npz file does not say how it is scaled" in " ".join(refused.err.split())
    assert sdl(f"report {folder}").code == 0
    assert sdl(f"check dataset=image_folder dataset.path={data}").code == 0


def test_a_curve_over_deep_pictures(sdl: Sdl, tmp_path: Path) -> None:
    data = scans(tmp_path / "scans")
    curve = "curve.sizes=[4,8,16] curve.num_repeats=2"
    found = sdl(f"curve dataset=image_folder dataset.path={data} dataset.size_px=8 {BASELINE} {curve} --json")
    assert found.code == 0, found.err
    assert [point["size"] for point in found.json["points"]] == [4, 8, 16]
