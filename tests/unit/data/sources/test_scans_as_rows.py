"""Scans as rows of a data set: names without an ending, patients as groups, several pictures of one file, all bands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data import load
from sdl_cli.data.dataset import ValueRange
from sdl_cli.data.images.pixels import View
from sdl_cli.data.sources.image_folder import ImageFolder, iter_images
from sdl_cli.data.sources.image_table import ImageTable, iter_image_table
from sdl_cli.data.split import split
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.run.new_inputs import as_read
from sdl_cli.settings.parse import parse_group

pytest.importorskip("pydicom")
tifffile = pytest.importorskip("tifffile")

from unit.data.images.dicom_files import GREY, write  # noqa: E402


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))


def clinic(root: Path, num_frames: int = 1) -> Path:
    """Two classes of 6 DICOM files each, of 4 patients; half of the files without an ending."""
    for k, name in enumerate(("healthy", "ill")):
        for i in range(6):
            file = root / name / (f"{i}.dcm" if i % 2 else f"IM00{i}")
            values = np.stack([GREY + 10 * i + k + frame for frame in range(num_frames)])
            more = {"NumberOfFrames": num_frames} if num_frames > 1 else {}
            write(file, values if num_frames > 1 else values[0], 12, PatientID=f"P{k}{i % 2}", **more)
    return root


def folder(root: Path, **settings: Any) -> Any:
    return load(ImageFolder(path=str(root), size_px=8, **settings))


def test_files_without_an_ending_are_found(tmp_path: Path) -> None:
    root = clinic(tmp_path / "scans")
    (root / "healthy" / "README").write_text("no DICOM")
    (root / "ill" / "1.2.840.99").write_bytes((root / "ill" / "1.dcm").read_bytes())
    write(root / "ill" / "DICOMDIR", GREY, 12)
    data = folder(root)
    assert len(data) == 13
    assert {"healthy/IM000", "ill/1.2.840.99"} <= set(data.ids)
    assert "2 files in the class folders are not images (no ending) and were left out." in data.notes
    assert data.X.dtype == np.float32
    scale = ValueRange(0, 4095)
    assert [name for names, _ in iter_images(root, 8, scale=scale) for name in names] == data.ids.tolist()


def test_patients_are_offered_and_used_as_groups(tmp_path: Path) -> None:
    root = clinic(tmp_path / "scans")
    assert any(note.startswith("12 DICOM files are of 4 patients: dataset.group=PatientID keeps") for note in folder(root).notes)
    data = folder(root, group="PatientID")
    assert data.groups.tolist() == ["P01"] * 3 + ["P00"] * 3 + ["P11"] * 3 + ["P10"] * 3
    assert not any("patients" in note for note in data.notes)
    write(root / "ill" / "9.dcm", GREY, 12)
    data = folder(root, group="PatientID")
    assert "1 row has no PatientID: each was taken as a group of its own." in data.notes
    each = tmp_path / "each"
    for k in "ab":
        for i in range(3):
            write(each / k / f"{i}.dcm", GREY, 12, PatientID=f"{k}{i}")
    assert folder(each).notes == ()
    plain = tmp_path / "plain"
    for k in "ab":
        (plain / k).mkdir(parents=True)
        Image.new("L", (8, 8)).save(plain / k / "1.png")
    with pytest.raises(DataError, match="no file is DICOM and names a patient"):
        folder(plain, group="PatientID")


def test_no_patient_stands_on_two_sides(tmp_path: Path) -> None:
    settings = ImageFolder(path=str(clinic(tmp_path / "scans")), size_px=8, group="PatientID", test_fraction=0.4)
    data = load(settings)
    parts = split(data, settings, seed=0)
    assert not set(data.groups[parts.test]) & set(data.groups[parts.labelled])


def test_a_row_for_each_frame(tmp_path: Path) -> None:
    root = clinic(tmp_path / "scans", num_frames=3)
    with pytest.raises(
        DataError, match=r"no image can be read: 3 frames, of which only one could be used.*dataset\.frames=first"
    ):
        folder(root)
    first = folder(root, frames="first")
    assert len(first) == 12
    assert "healthy/IM000" in first.ids
    data = folder(root, frames="all")
    assert len(data) == 36
    assert data.ids[:4].tolist() == ["healthy/1.dcm#1", "healthy/1.dcm#2", "healthy/1.dcm#3", "healthy/3.dcm#1"]
    assert data.X[:3, 0, 0, 0].tolist() == [15, 16, 17]
    assert data.y.tolist() == [0] * 18 + [1] * 18
    assert set(data.groups[:3]) == {"healthy/1.dcm"}
    assert "The pictures of one file stay together on one side of every split." in data.notes
    by_patient = folder(root, frames="all", group="PatientID")
    assert set(by_patient.groups) == {"P00", "P01", "P10", "P11"}
    assert np.array_equal(by_patient.X, data.X)
    again = folder(root, frames="all")  # from the cache
    assert again.ids.tolist() == data.ids.tolist()
    assert again.fingerprint == data.fingerprint


def test_frames_of_moving_pictures(tmp_path: Path) -> None:
    for k in "ab":
        for i in range(2):
            frames = [Image.new("RGB", (8, 8), (40 * shade, 10 * i, 0)) for shade in range(3)]
            (tmp_path / "gifs" / k).mkdir(parents=True, exist_ok=True)
            frames[0].save(tmp_path / "gifs" / k / f"{i}.gif", save_all=True, append_images=frames[1:])
    data = folder(tmp_path / "gifs")
    assert len(data) == 4
    assert any("several frames, and only the first of each was used" in note for note in data.notes)
    data = folder(tmp_path / "gifs", frames="all")
    assert data.X[:3, 0, 0, 0].tolist() == [0, 40, 80]
    assert len(data) == 12
    assert data.groups.tolist() == [name for name in ("a/0.gif", "a/1.gif", "b/0.gif", "b/1.gif") for _ in range(3)]
    assert not any("several frames" in note for note in data.notes)


def test_new_files_are_read_as_those_of_the_run(tmp_path: Path) -> None:
    data = folder(clinic(tmp_path / "scans", num_frames=3), frames="all", window="data", channels="grey")
    inputs = as_read(data)
    assert (inputs["channels"], inputs["source"]) == ("grey", {"view": {"frames": "all"}})
    notes: list[str] = []
    view = View.of_source(inputs["source"])
    found = list(iter_images(tmp_path / "scans", 8, "grey", notes=notes, scale=ValueRange(0, 255), view=view, batch=5))
    ids, images = np.concatenate([i for i, _ in found]), np.concatenate([x for _, x in found])
    assert ids.tolist() == data.ids.tolist()
    assert np.array_equal(images, np.clip(data.X, 0, 255).astype(np.uint8))
    with pytest.raises(DataError, match="how its images were taken"):
        View.of_source({"view": {"frames": "some"}})
    with pytest.raises(DataError, match="how its images were taken"):
        View.of_source({"view": {"slice": -1}})
    with pytest.raises(DataError, match="how its images were taken"):
        View.of_source({"view": ["all"]})


def test_a_table_of_scans(tmp_path: Path) -> None:
    root = clinic(tmp_path / "scans", num_frames=2)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    lines = [f"{file},{file.split('/')[0]}" for file in files]
    (root / "t.csv").write_text("\n".join(["scan,state", *lines]))
    settings = {"path": str(root / "t.csv"), "image": "scan", "size_px": 8, "frames": "all"}
    data = load(ImageTable(**settings))
    assert data.ids[:2].tolist() == [f"{files[0]}#1", f"{files[0]}#2"]
    assert len(set(data.groups)) == 12
    assert any("dataset.group=PatientID" in note for note in data.notes)
    data = load(ImageTable(**settings, group="PatientID"))
    assert set(data.groups) == {"P00", "P01", "P10", "P11"}
    (root / "new.csv").write_text("\n".join(["scan", *files[:3]]))
    inputs = {**data.source, "value_range": {"low": 0, "high": 4095, "with_plain": False}, "num_bands": 3}
    found = list(iter_image_table(root / "new.csv", inputs))
    assert np.concatenate([ids for ids, _ in found]).tolist() == data.ids[:6].tolist()
    with_column = "\n".join(["scan,state,PatientID", *(f"{line},x{i % 5}" for i, line in enumerate(lines))])
    (root / "u.csv").write_text(with_column)
    own = load(ImageTable(**settings | {"path": str(root / "u.csv")}, group="PatientID", target="state"))
    assert set(own.groups) == {f"x{i}" for i in range(5)}


def bands(root: Path, num: int = 5) -> Path:
    rng = np.random.default_rng(0)
    for k in "ab":
        for i in range(4):
            (root / k).mkdir(parents=True, exist_ok=True)
            values = rng.integers(0, 256, (8, 8, num)).astype(np.uint8)
            tifffile.imwrite(root / k / f"{i}.tif", values, photometric="minisblack", planarconfig="contig")
    return root


def test_all_bands_as_channels(tmp_path: Path) -> None:
    data = folder(bands(tmp_path / "fields"), channels="all")
    assert data.X.shape == (8, 5, 8, 8)
    assert data.X.dtype == np.uint8
    inputs = as_read(data)
    assert (inputs["channels"], inputs["shape"]) == ("all", [5, 8, 8])
    Image.new("RGB", (8, 8)).save(tmp_path / "fields" / "a" / "9.png")
    with pytest.raises(DataError, match=r"a/9\.png \(3 bands, and 5 bands are needed, as in the first image\)"):
        folder(tmp_path / "fields", channels="all")
    skipped = folder(tmp_path / "fields", channels="all", on_error="skip")
    assert len(skipped) == 8


def test_a_photo_that_an_older_version_could_not_read_is_tried_again(tmp_path: Path) -> None:
    import json

    root = tmp_path / "photos"
    for k in "ab":
        for i in range(2):
            (root / k).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (10 * i, 0, 0)).save(root / k / f"{i}.png")
    (root / "a" / "7.png").write_bytes(b"damaged")
    assert len(folder(root, on_error="skip")) == 4
    (meta,) = (tmp_path / "cache" / "images").glob("*/meta.json")
    stored = json.loads(meta.read_text())
    assert stored["facts"].pop("readers")
    meta.write_text(json.dumps(stored))
    assert len(folder(root, on_error="skip")) == 4
    assert "readers" in json.loads(meta.read_text())["facts"]


@pytest.mark.parametrize(
    ("key", "value"), [("frames", "second"), ("plane", "top"), ("slice", -1), ("window", "wide"), ("channels", "every")]
)
def test_settings_out_of_bounds(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        parse_group("dataset", ImageFolder, {"path": "x", key: value})
