"""Folders of photos: layouts, notes, refusals, and the cache of decoded images."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data import DATASETS, load
from sdl_cli.data.sources.image_folder import ImageFolder, iter_images
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


def image(path: Path, value: int = 100, size: tuple[int, int] = (10, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 255 - value)).save(path)
    return path


def two_classes(root: Path, num: int = 3) -> Path:
    for k, name in enumerate(("ants", "bees")):
        for i in range(num):
            image(root / name / f"{i}.png", 40 * i + 10 * k)
    return root


def read(root: Path, **settings: Any) -> Any:
    return load(ImageFolder(path=str(root), size_px=settings.pop("size_px", 8), **settings))


def test_one_folder_per_class(tmp_path: Path) -> None:
    data = read(two_classes(tmp_path / "insects"))
    assert (data.name, data.task, data.modality) == ("insects", "classification", "image")
    assert data.X.shape == (6, 3, 8, 8)
    assert data.X.dtype == np.uint8
    assert data.X[:, 0, 0, 0].tolist() == [0, 40, 80, 10, 50, 90]
    assert data.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.classes == ("ants", "bees")
    assert data.ids.tolist() == ["ants/0.png", "ants/1.png", "ants/2.png", "bees/0.png", "bees/1.png", "bees/2.png"]
    assert data.part is None
    assert data.notes == ()


def test_grey_and_preferred_size(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "insects")
    assert load(ImageFolder(path=str(root), channels="grey"), preferred_px=12).X.shape == (6, 1, 12, 12)
    assert load(ImageFolder(path=str(root))).X.shape == (6, 3, 64, 64)
    assert load(ImageFolder(path=str(root), size_px=9), preferred_px=12).X.shape == (6, 3, 9, 9)


@pytest.mark.parametrize(
    ("folders", "parts", "note"),
    [
        (("train", "val", "test"), ["train", "validation", "test"], ""),
        (("train", "valid", "test"), ["train", "validation", "test"], ""),
        (("Train", "validation", "TEST"), ["train", "validation", "test"], ""),
        (("train", "test"), ["train", "test"], ""),
        (("train", "val"), ["train", "test"], "There is no test part: the validation part is used as the test part"),
        (("train",), None, ""),
    ],
)
def test_ready_layouts(tmp_path: Path, folders: tuple[str, ...], parts: list[str] | None, note: str) -> None:
    for folder in folders:
        two_classes(tmp_path / "d" / folder, num=2)
    data = read(tmp_path / "d")
    assert len(data) == 4 * len(folders)
    assert data.classes == ("ants", "bees")
    assert (None if data.part is None else list(dict.fromkeys(data.part.tolist()))) == parts
    assert any(n.startswith(note) for n in data.notes) if note else data.notes == ()


def test_classes_whose_names_hold_the_words_for_parts_stay_classes(tmp_path: Path) -> None:
    names = ("blood test", "crayon", "dev kit", "test", "train set", "validation-dev")
    for k, name in enumerate(names):
        for i in range(2):
            image(tmp_path / "d" / name / f"{i}.png", 100 * i + 10 * k)
    data = read(tmp_path / "d")
    assert data.classes == names and data.part is None
    assert np.bincount(data.y).tolist() == [2] * 6


def test_what_is_left_out(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "insects")
    for name in (".hidden.png", ".DS_Store", "ants/.DS_Store", "ants/._0.png", "__MACOSX/ants/0.png", ".git/x.png"):
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_bytes(b"x")
    (root / "README.md").write_text("beside the classes: no word about it")
    (root / "ants" / "notes.md").write_text("in a class")
    (root / "empty").mkdir()
    image(root / "ants" / "deeper" / "9.PNG")
    image(root / "stray.png")
    data = read(root)
    assert len(data) == 7
    assert "ants/deeper/9.PNG" in data.ids
    assert data.notes == (
        "empty/ holds no images and was left out.",
        "Images next to the class folders of insects/ were left out.",
        "1 files in the class folders are not images (.md) and were left out.",
    )


def test_a_test_folder_without_labels_is_left_out(tmp_path: Path) -> None:
    two_classes(tmp_path / "d" / "train")
    image(tmp_path / "d" / "test" / "1.png")
    data = read(tmp_path / "d")
    assert data.part is None
    assert "test/ holds no class folders with images and was left out." in data.notes


@pytest.mark.parametrize("name", ["with space", "für (größe)", "a,b", "k=v", "no#1", "~x"])
def test_awkward_names(tmp_path: Path, name: str) -> None:
    root = two_classes(tmp_path / name / "data")
    image(root / name / f"{name}.png")
    data = read(root)
    assert name in data.classes
    assert f"{name}/{name}.png" in data.ids


def test_a_name_that_is_not_utf8_can_be_written_to_csv(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "insects")
    (root / "ants" / "0.png").rename(root / "ants" / os.fsdecode(b"\xff.png"))
    assert "�.png" in "".join(read(root).ids.tolist()).encode("utf-8").decode()


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "insects")
    (root / "ants" / "loop").symlink_to(root / "ants", target_is_directory=True)
    assert len(read(root)) == 6


def patients(root: Path, folders: tuple[str, ...] = ("",)) -> Path:
    """Three photos of each of four patients, two patients to a class."""
    for folder in folders:
        for who in range(4):
            for i in range(3):
                image(root / folder / ("ill", "well")[who % 2] / f"patient{who}_{i}.png", 20 * who + i)
    return root


def test_groups_come_from_names(tmp_path: Path) -> None:
    root = patients(tmp_path / "d")
    data = read(root, group=r"(patient\d+)_")
    assert data.groups.tolist() == [name.split("/")[1].split("_")[0] for name in data.ids]
    assert read(root, group=r"patient\d").groups.tolist() == data.groups.tolist()  # no group in it: the whole match
    assert read(root, group="^(ill|well)/").groups.tolist() == [name.split("/")[0] for name in data.ids]
    assert data.fingerprint == read(root).fingerprint
    settings = ImageFolder(path=str(root), test_fraction=0.5)
    for seed in range(5):
        parts = split(data, settings, seed)
        assert not set(data.groups[parts.labelled]) & set(data.groups[parts.test])


def test_groups_follow_skipped_photos(tmp_path: Path) -> None:
    root = patients(tmp_path / "d")
    (root / "ill" / "patient0_1.png").write_bytes(b"x")
    data = read(root, group=r"(patient\d)", on_error="skip")
    assert [name.split("/")[1][:8] for name in data.ids] == data.groups.tolist()
    assert len(data) == 11


def test_groups_that_cross_a_ready_layout_are_noted(tmp_path: Path) -> None:
    root = patients(tmp_path / "d", ("train", "test"))
    assert read(root, group=r"(patient\d)").notes == (
        "4 groups are in both the labelled and the test part (patient0, patient1, patient2, patient3): "
        "the test score may be too good.",
    )
    assert read(root, group=r"(\w+/\w+/patient\d)").notes == ()


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"doctor(\d)", r"finds no group in 12 of 12 names: ill/patient0_0.png, (ill/\S+, ){3}ill/\S+ and 7 more\.$"),
        (r"patient([12])_", r"finds no group in 6 of 12 names: ill/patient0_0.png, ill/patient0_1.png, "),
        (r"(x)?patient", r"finds no group in 12 of 12"),
        (r"()patient", r"finds no group in 12 of 12"),
    ],
)
def test_names_without_a_group_are_refused(tmp_path: Path, pattern: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(patients(tmp_path / "d"), group=pattern)
    assert caught.value.message.startswith("dataset.group: ")
    assert re.search(message, caught.value.message), caught.value.message
    assert r"dataset.group='(patient\d+)_'" in caught.value.hint


@pytest.mark.parametrize("pattern", ["(patient", "[", "*", "(?P<x", "a{99999999999999999999}", "(" * 300 + ")" * 300 + "["])
def test_a_bad_regular_expression_is_a_setting_to_correct(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"^dataset.group: '.*' is not a regular expression: "):
        parse_group("dataset", DATASETS, {"name": "image_folder", "path": "x", "group": pattern})


def bad_layout(kind: str, root: Path) -> Path:
    if kind == "missing":
        two_classes(root / "photos")
        return root / "potos"
    if kind == "file":
        return image(root / "one.png")
    if kind == "npz":
        (root / "a.npz").write_bytes(b"")
        return root / "a.npz"
    root = root / "d"
    root.mkdir()
    if kind == "flat":
        image(root / "1.png")
    elif kind == "one class":
        image(root / "ants" / "1.png")
    elif kind == "other classes":
        two_classes(root / "train")
        image(root / "test" / "ants" / "1.png")
        image(root / "test" / "wasps" / "1.png")
    elif kind == "no train":
        two_classes(root / "test")
        two_classes(root / "val")
    elif kind == "unlabelled train":
        image(root / "train" / "cat.1.png")
        image(root / "test" / "1.png")
    elif kind == "two val":
        for part in ("train", "val", "valid"):
            two_classes(root / part)
    return root


@pytest.mark.parametrize(
    ("kind", "message", "hint"),
    [
        ("missing", r"^dataset.path: .*potos does not exist\.$", "Did you mean photos?"),
        ("file", "is a file, not a folder", "Give the folder"),
        ("npz", "is a file, not a folder", "dataset=npz"),
        ("empty", "no images in this folder", ".jpg"),
        ("flat", "there are images, but no class folders", "one sub-folder per class"),
        ("one class", "only one class, ants", "at least two class folders"),
        ("other classes", r"test/ has no images of bees, which other parts have", "a folder of the same name"),
        ("no train", r"there is no train/ beside test/", "train/<class>/<image>"),
        ("unlabelled train", r"train/ holds no class folders with images", "train/<class>/<image>"),
        ("two val", r"both val/ and valid/ are there", "Keep one"),
    ],
)
def test_layouts_that_are_refused(tmp_path: Path, own_cache: Path, kind: str, message: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        read(bad_layout(kind, tmp_path))
    assert re.search(message, caught.value.message)
    assert hint in caught.value.hint
    assert not list(own_cache.glob("*")) if own_cache.exists() else True


def spoil(root: Path) -> Path:
    """Six kinds of bad image beside good ones."""
    two_classes(root)
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for name, keep in (("cut.jpg", 900), ("cut.png", 3000), ("head.jpg", 10)):
        Image.fromarray(noise).save(root / "ants" / name)
        content = (root / "ants" / name).read_bytes()
        (root / "ants" / name).write_bytes(content[:keep])
    (root / "bees" / "zero.jpg").write_bytes(b"")
    (root / "bees" / "text.png").write_bytes(b"this is text")
    (root / "bees" / "dir").mkdir()
    (root / "bees" / "dir" / "zero.gif").write_bytes(b"")
    return root


def test_bad_images_are_named(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(spoil(tmp_path / "insects"))
    message = caught.value.message
    assert message.startswith("6 of 12 images cannot be read: ants/cut.jpg (image file is truncated")
    assert "bees/dir/zero.gif (empty file, 0 bytes)" in message
    assert message.endswith("and 1 more.")
    assert "dataset.on_error=skip" in caught.value.hint
    assert list(own_cache.iterdir()) == []  # nothing half-written stays behind


def test_bad_images_are_skipped_and_counted(tmp_path: Path) -> None:
    root = spoil(tmp_path / "insects")
    for data in (read(root, on_error="skip"), read(root, on_error="skip")):  # decoded, then from the cache
        assert len(data) == len(data.X) == len(data.ids) == 6
        assert data.y.tolist() == [0, 0, 0, 1, 1, 1]
        assert not any("cut" in name or "zero" in name for name in data.ids)
        assert data.notes[0].startswith("6 of 12 images could not be read and were skipped: ants/cut.jpg (")


def test_nothing_left_after_skipping(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "insects")
    for file in (root / "ants").iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError, match="no image of ants can be read"):
        read(root, on_error="skip")
    for file in (root / "bees").iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError, match="no image can be read"):
        read(root, on_error="skip")


def test_read_images_for_prediction(tmp_path: Path, own_cache: Path) -> None:
    root = tmp_path / "new"
    for i in (2, 0, 1):
        image(root / "b" / f"{i}.png", 10 * i)
    image(root / "a.png", 99)
    ids, images, notes = read_images(root, 8)
    assert ids.tolist() == ["a.png", "b/0.png", "b/1.png", "b/2.png"]
    assert images.shape == (4, 3, 8, 8)
    assert images[:, 0, 0, 0].tolist() == [99, 0, 10, 20]
    assert notes == ()
    assert not own_cache.exists()
    ids, images, _ = read_images(root / "a.png", 8, channels="grey")
    assert ids.tolist() == ["a.png"]
    assert images.shape == (1, 1, 8, 8)
    assert [len(ids) for ids, _ in iter_images(root, 8, batch=3)] == [3, 1]


def test_prediction_equals_training_pixels(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "insects")
    data = read(root)
    ids, images, _ = read_images(root, 8)
    assert np.array_equal(ids, data.ids)
    assert np.array_equal(images, data.X)


def test_prediction_on_bad_images(tmp_path: Path) -> None:
    root = spoil(tmp_path / "new")
    with pytest.raises(DataError, match=r"6 of 12 images cannot be read: ants/cut.jpg"):
        read_images(root, 8)
    ids, images, notes = read_images(root, 8, on_error="skip")
    assert len(ids) == len(images) == 6
    assert notes[0].startswith("6 of 12 images could not be read and were skipped")
    with pytest.raises(DataError, match="no images in this folder"):
        (tmp_path / "empty").mkdir()
        read_images(tmp_path / "empty", 8)
    with pytest.raises(DataError, match="nothing does not exist"):
        read_images(tmp_path / "nothing", 8)
    with pytest.raises(DataError, match=r"no image can be read: zero.jpg \(empty file, 0 bytes\)"):
        read_images(root / "bees" / "zero.jpg", 8)


@pytest.mark.data
def test_ants_and_bees(shared_data: Path) -> None:
    data = read(shared_data / "hymenoptera_256", size_px=64)
    assert data.X.shape == (397, 3, 64, 64)
    assert data.classes == ("ants", "bees")
    assert data.part is not None
    assert [(data.part == p).sum() for p in ("train", "test")] == [244, 153]
    assert data.notes == ("There is no test part: the validation part is used as the test part, and is only scored at the end.",)
