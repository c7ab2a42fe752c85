"""Runs on scans and photos of phones by the command line: trained, evaluated, and new files predicted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.conftest import BASELINE, Outcome, Sdl
from PIL import Image

pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")
pillow_heif = pytest.importorskip("pillow_heif")
tifffile = pytest.importorskip("tifffile")

from unit.data.images.dicom_files import write  # noqa: E402


def steps(i: int) -> np.ndarray[Any, Any]:
    """Values of 12 bits `(16, 16)` with a step across or down."""
    rng = np.random.default_rng(i)
    step = np.repeat([0, 400], 8)[None] * np.ones((16, 1))
    return (rng.integers(900, 1000) + (step if i % 2 else step.T) + rng.integers(0, 40, (16, 16))).astype(np.uint16)


def as_dicom(path: Path, i: int) -> None:
    write(path.with_suffix(".dcm"), steps(i), 12, PatientID=f"P{i // 2}", RescaleSlope=1, RescaleIntercept=-1024)


def as_frames(path: Path, i: int) -> None:
    write(path.with_suffix(".dcm"), np.stack([steps(i), steps(i + 100)]), 12, NumberOfFrames=2)


def as_nifti(path: Path, i: int) -> None:
    volume = np.stack([steps(i)] * 3, axis=-1).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path.with_suffix(".nii.gz"))


def as_heic(path: Path, i: int) -> None:
    grey = Image.fromarray((steps(i) / 8).astype(np.uint8)).resize((64, 64), Image.Resampling.NEAREST)
    pillow_heif.from_pillow(grey.convert("RGB")).save(path.with_suffix(".heic"), quality=90)


def as_bands(path: Path, i: int) -> None:
    values = np.stack([steps(i) + 7 * band for band in range(5)], axis=-1)
    tifffile.imwrite(path.with_suffix(".tif"), values, photometric="minisblack", planarconfig="contig")


def folder_of(root: Path, write_one: Callable[[Path, int], None]) -> Path:
    for i in range(24):
        path = root / ("down", "across")[i % 2] / f"s{i}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_one(path, i)
    return root


def rows(text: str) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in csv.DictReader(io.StringIO(text))}


KINDS = [
    ("dicom", as_dicom, "dataset.group=PatientID", 24),
    ("frames", as_frames, "dataset.frames=all", 48),
    ("nifti", as_nifti, "", 24),
    ("heic", as_heic, "", 24),
    ("bands", as_bands, "dataset.channels=all", 24),
]


@pytest.mark.parametrize(("write_one", "asked", "num"), [k[1:] for k in KINDS], ids=[k[0] for k in KINDS])
def test_a_run_predicts_new_files_like_its_own(
    sdl: Sdl, tmp_path: Path, write_one: Callable[[Path, int], None], asked: str, num: int
) -> None:
    data = folder_of(tmp_path / "scans", write_one)
    found = sdl(f"train dataset=image_folder dataset.path={data} dataset.size_px=16 {asked} {BASELINE} --json")
    assert found.code == 0, found.err
    folder = Path(found.json["folder"])
    assert sdl(f"evaluate {folder} --json").json["reproduced"] is True
    assert sdl(f"predict {folder} {data} -o {tmp_path}/p.csv").code == 0
    predicted = rows((tmp_path / "p.csv").read_text())
    assert len(predicted) == num
    for name, row in rows((folder / "predictions.csv").read_text()).items():
        assert all(predicted[name][key] == row[key] for key in ("prediction", "probability_across", "probability_down"))
    one = next(path for path in sorted(data.rglob("*")) if path.is_file())
    assert sdl(f"predict {folder} {one} -o {tmp_path}/one.csv").code == 0
    elsewhere = folder_of(tmp_path / "others", lambda path, i: write_one(path, i + 50))
    scored = sdl(f"evaluate {folder} dataset.path={elsewhere} --json")
    assert scored.code == 0, scored.err
    checked = sdl(f"check dataset=image_folder dataset.path={data} {asked}")
    assert checked.code == 0, checked.err


def test_a_network_on_five_bands_and_its_report(sdl: Sdl, tmp_path: Path) -> None:
    data = folder_of(tmp_path / "fields", as_bands)
    own = f"dataset=image_folder dataset.path={data} dataset.size_px=16 dataset.channels=all"
    found = sdl(f"train {own} model=deep_net model.depth=7 model.width=4 training.epochs=1 --json")
    assert found.code == 0, found.err
    folder = Path(found.json["folder"])
    assert json.loads((folder / "model.json").read_text())["inputs"]["shape"] == [5, 16, 16]
    said: Outcome = sdl(f"report {folder}")
    assert said.code == 0 and "Left out" not in said.out + said.err
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    refused = sdl(f"predict {folder} {tmp_path}/a.png -o {tmp_path}/p.csv")
    assert refused.code == 2 and "3 bands, and 5 bands are needed" in " ".join(refused.err.split())
