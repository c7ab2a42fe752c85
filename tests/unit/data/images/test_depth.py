"""One scale for all deep images of a data set: learned from labelled rows, stored, and used again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data import DATASETS, load
from sdl_cli.data.dataset import Dataset, ValueRange
from sdl_cli.data.images import cache
from sdl_cli.data.images.depth import as_in_run, eight_bit, stored_scale, to_eight_bit
from sdl_cli.data.sources.image_folder import ImageFolder, iter_images
from sdl_cli.data.sources.image_table import ImageTable, iter_image_table
from sdl_cli.data.split import split
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.settings.parse import parse_group


def read_images(*what: Any, **how: Any) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """All photos that `iter_images` gives: ids, images and notes."""
    notes: list[str] = []
    pairs = list(iter_images(*what, **how, notes=notes))
    return np.concatenate([ids for ids, _ in pairs]), np.concatenate([images for _, images in pairs]), tuple(notes)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


def scan(path: Path, level: int, one_pixel: int | None = None) -> Path:
    """A 16-bit PNG of 8 x 8 pixels of one value, and perhaps one of another."""
    values = np.full((8, 8), level, np.uint16)
    if one_pixel is not None:
        values[0, 0] = one_pixel
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def scans(root: Path) -> Path:
    """Two classes of train/ with values 1000, 1200, ... 2000, and a test/ that reaches from 0 to 65535."""
    for i in range(6):
        scan(root / "train" / "ab"[i % 2] / f"{i}.png", 1000 + 200 * i)
    for i, level in enumerate((0, 65535)):
        scan(root / "test" / "ab"[i] / f"{i}.png", level)
    return root


def settings_of(root: Path, **more: Any) -> ImageFolder:
    return ImageFolder(path=str(root), size_px=8, channels="grey", **more)


def read(root: Path, **more: Any) -> Dataset:
    """The data set as a run uses it."""
    settings = settings_of(root, **more)
    found = load(settings)
    return eight_bit(found, split(found, settings, 0).labelled)


def firsts(dataset: Dataset) -> dict[str, int]:
    return {str(name): int(image.ravel()[-1]) for name, image in zip(dataset.ids, dataset.X, strict=True)}


def test_the_labelled_images_set_the_scale_and_the_test_part_never_does(tmp_path: Path) -> None:
    data = read(scans(tmp_path / "d"))
    assert data.X.dtype == np.uint8
    assert data.value_range == ValueRange(1000, 2000)
    assert firsts(data) == {
        "train/a/0.png": 0, "train/b/1.png": 51, "train/a/2.png": 102, "train/b/3.png": 153, "train/a/4.png": 204,
        "train/b/5.png": 255, "test/a/0.png": 0, "test/b/1.png": 255,
    }  # fmt: skip
    assert data.notes == (
        "The images hold more than 8 bits: 1000 becomes black and 2000 white, the lowest and the highest value of the 6 labelled "
        "images at the size they are read; dataset.value_range=[1000,2000] sets them.",
        "2 images hold values outside 1000 to 2000, which were cut off there: test/a/0.png, test/b/1.png.",
    )


def test_the_scale_follows_the_rows_that_are_used(tmp_path: Path) -> None:
    root = scans(tmp_path / "d")
    (root / "train" / "a" / "0.png").unlink()
    assert read(root).value_range == ValueRange(1200, 2000)
    whole = load(settings_of(root))
    assert eight_bit(whole, np.flatnonzero(whole.ids == "train/a/2.png")).value_range == ValueRange(1400, 1401)  # one value only


def test_no_image_is_scaled_by_itself(tmp_path: Path) -> None:
    """One pixel of 300 used to change all others of its file from 200 to 1."""
    for i in range(4):
        scan(tmp_path / "d" / "ab"[i % 2] / f"{i}.png", 200, 300 if i == 2 else None)
        scan(tmp_path / "d" / "ab"[i % 2] / f"{i + 4}.png", 100)
    found = load(settings_of(tmp_path / "d"))
    data = eight_bit(found, np.arange(len(found)))
    assert data.value_range == ValueRange(100, 300)
    assert firsts(data) == {f"{'ab'[i % 2]}/{i}.png": 128 if i < 4 else 0 for i in range(8)}
    assert data.X[list(data.ids).index("a/2.png"), 0, 0, 0] == 255


def test_a_range_that_is_set(tmp_path: Path) -> None:
    data = load(settings_of(scans(tmp_path / "d"), value_range=(0.0, 4095.0)))
    assert data.X.dtype == np.uint8
    assert data.value_range == ValueRange(0, 4095)
    assert firsts(data)["train/a/0.png"] == round(1000 / 4095 * 255) == 62
    assert data.notes == ("1 image holds values outside 0 to 4095, which were cut off there: test/b/1.png.",)
    again = load(settings_of(tmp_path / "d", value_range=(0.0, 4095.0)))
    assert (again.notes, again.fingerprint) == (data.notes, data.fingerprint)  # from the cache


def test_eight_bits_beside_deeper_ones(tmp_path: Path) -> None:
    root = scans(tmp_path / "d")
    Image.new("L", (8, 8), 99).save(root / "train" / "a" / "plain.png")
    with pytest.raises(DataError) as caught:
        load(settings_of(root))
    assert "8 bits (such as train/a/plain.png) and deeper ones (such as train/a/0.png)" in caught.value.message
    assert "dataset.value_range=[0,65535]" in caught.value.hint
    data = load(settings_of(root, value_range=(1000.0, 2000.0)))
    assert firsts(data)["train/a/plain.png"] == 99
    assert data.value_range == ValueRange(1000, 2000, with_plain=True)


def test_eight_bit_sets_do_not_change(tmp_path: Path, own_cache: Path) -> None:
    for i in range(4):
        path = tmp_path / "d" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 50 * i).save(path)
    found = load(settings_of(tmp_path / "d"))
    assert found.value_range is None
    assert eight_bit(found, np.arange(4)) is found
    assert as_in_run(found, None) is found
    assert load(settings_of(tmp_path / "d", value_range=(0.0, 9.0))).notes == (
        "dataset.value_range has no effect: all images have 8 bits.",
    )


def older(entry: Path) -> None:
    """Make a cache entry look as older versions wrote it."""
    meta = json.loads((entry / "meta.json").read_text())
    (entry / "meta.json").write_text(json.dumps(meta | {"facts": {"skipped": []}}))


def test_caches_of_older_versions(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(4):
        path = tmp_path / "d" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (50 * i, 0, 0)).save(path)
    first = load(settings_of(tmp_path / "d"))
    (entry,) = own_cache.iterdir()
    older(entry)
    with monkeypatch.context() as patch:
        patch.setattr("sdl_cli.data.images.photos.decode_file", lambda *a: pytest.fail("decoded again"))
        assert load(settings_of(tmp_path / "d")).fingerprint == first.fingerprint
    assert json.loads((entry / "meta.json").read_text())["facts"]["deep"] == 0  # asked once
    deep = load(settings_of(scans(tmp_path / "deep")))
    (entry,) = set(own_cache.iterdir()) - {entry}
    images = np.zeros(deep.X.shape, np.uint8)  # as an older version scaled them
    np.save(entry / "images.npy", images)
    meta = json.loads((entry / "meta.json").read_text()) | {"digest": cache.digest(images)}
    (entry / "meta.json").write_text(json.dumps(meta))
    older(entry)
    assert load(settings_of(tmp_path / "deep")).fingerprint == deep.fingerprint


def test_a_stored_scale_is_used_again(tmp_path: Path) -> None:
    trained = read(scans(tmp_path / "d"))
    assert trained.value_range is not None
    stored = json.loads(json.dumps(dataclasses.asdict(trained.value_range)))
    scan(tmp_path / "new" / "a" / "x.png", 1500)
    scan(tmp_path / "new" / "b" / "y.png", 3000)
    assert firsts(as_in_run(load(settings_of(tmp_path / "new")), stored)) == {"a/x.png": 128, "b/y.png": 255}
    notes: list[str] = []
    images = list(iter_images(tmp_path / "new", 8, "grey", notes=notes, scale=stored_scale(stored)))
    assert images[0][1][:, 0, 0, 0].tolist() == [128, 255]
    assert notes == ["1 image holds values outside 1000 to 2000, which were cut off there: b/y.png."]
    again = as_in_run(load(settings_of(tmp_path / "d")), stored)
    assert np.array_equal(again.X, trained.X)
    assert again.fingerprint == trained.fingerprint


def test_pictures_of_another_depth_than_the_run_are_refused(tmp_path: Path) -> None:
    scan(tmp_path / "deep" / "a" / "x.png", 1500)
    scan(tmp_path / "deep" / "b" / "y.png", 1600)
    for name in ("a/x.png", "b/y.png"):
        path = tmp_path / "plain" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 50).save(path)
    stored = {"low": 1000, "high": 2000, "with_plain": False}
    with pytest.raises(DataError, match="hold more than 8 bits, and this run stores no scale"):
        as_in_run(load(settings_of(tmp_path / "deep")), None)
    with pytest.raises(DataError, match="have 8 bits, but the run learned from deeper images, of values from 1000 to 2000"):
        as_in_run(load(settings_of(tmp_path / "plain")), stored)
    with pytest.raises(DataError, match=r"a/x.png \(more than 8 bits, and the run stores no scale for them"):
        read_images(tmp_path / "deep", 8)
    with pytest.raises(DataError, match=r"a/x.png \(8 bits, and the images that the run learned from have more"):
        list(iter_images(tmp_path / "plain", 8, scale=stored_scale(stored)))
    scan(tmp_path / "plain" / "deep.png", 9)
    ids, images, notes = read_images(tmp_path / "plain", 8, "grey", on_error="skip")
    assert ids.tolist() == ["a/x.png", "b/y.png"]
    assert images.dtype == np.uint8
    assert (images == 50).all()
    assert "deep.png (more than 8 bits" in notes[0]
    both = stored | {"with_plain": True}
    (pair,) = iter_images(tmp_path / "plain", 8, "grey", scale=stored_scale(both))
    assert pair[1][:, 0, 0, 0].tolist() == [50, 50, 0]


def test_tables_of_photos_learn_and_use_the_scale(tmp_path: Path) -> None:
    root = scans(tmp_path / "d")
    rows = [f"train/{'ab'[i % 2]}/{i}.png,{'ab'[i % 2]}" for i in range(6)]
    (root / "photos.csv").write_text("\n".join(["file,label", *rows]))
    found = eight_bit(load(ImageTable(path=str(root / "photos.csv"), size_px=8, channels="grey")), np.arange(6))
    assert found.X[:, 0, 0, 0].tolist() == [0, 51, 102, 153, 204, 255]
    assert found.value_range is not None
    inputs = {"size_px": 8, "channels": "grey", "interpolation": "bilinear", "value_range": dataclasses.asdict(found.value_range)}
    (pair,) = iter_image_table(root / "photos.csv", inputs)
    assert np.array_equal(pair[1], found.X)


def test_a_few_values_far_off_are_named(tmp_path: Path) -> None:
    for i in range(60):
        scan(tmp_path / "d" / "ab"[i % 2] / f"{i}.png", 1000 + i, 65535 if i == 7 else None)
    found = load(settings_of(tmp_path / "d"))
    notes = eight_bit(found, np.arange(60)).notes
    assert notes[-1] == (
        "Nearly all of these values (99.8%) lie from 1000 to 1059: if the others are faults, set dataset.value_range=[1000,1059]"
    )


@pytest.mark.parametrize("bad", [[1], [1, 2, 3], [2, 1], [1, 1], ["a", 2], [0, float("inf")], 7])
@pytest.mark.parametrize("name", ["image_folder", "image_table", "huggingface"])
def test_a_range_that_is_none_is_refused(bad: Any, name: str) -> None:
    values = {"name": name, "dataset" if name == "huggingface" else "path": "x", "value_range": bad}
    with pytest.raises(ConfigError, match="dataset.value_range"):
        parse_group("dataset", DATASETS, values)


@pytest.mark.parametrize(
    "stored",
    [{}, {"low": 2, "high": 1, "with_plain": False}, {"low": "x", "high": 1, "with_plain": 0}, {"low": 0, "high": 1}, [1]],
)
def test_a_damaged_stored_scale_is_refused(stored: Any) -> None:
    with pytest.raises(DataError, match="value_range is damaged"):
        stored_scale(stored)


def test_scaling_by_hand() -> None:
    values = np.array([711, 2500, 1605.5, 0, 9999, 718], np.float32)
    assert to_eight_bit(values, ValueRange(711, 2500)).tolist() == [0, 255, 128, 0, 255, 1]
