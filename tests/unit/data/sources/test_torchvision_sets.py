"""torchvision's sets, read from small files in their own on-disk formats; nothing is downloaded."""

from __future__ import annotations

import struct
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from sdl_cli.data import load
from sdl_cli.data.sources.torchvision_sets import _NOT_CLASSIFICATION, TorchvisionSet, available
from sdl_cli.errors import DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def write_mnist(root: Path, name: str = "MNIST", num: int = 40) -> Path:
    """`num` training and `num` test images in MNIST's idx format; image i is filled with i."""
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    for prefix, first in (("train", 0), ("t10k", num)):
        pixels = np.repeat(np.arange(first, first + num, dtype=np.uint8), 28 * 28)
        labels = (np.arange(num) % 10).astype(np.uint8)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, num, 28, 28) + pixels.tobytes())
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, num) + labels.tobytes())
    return root


def read(root: Path, dataset: str = "MNIST", preferred_px: int | None = None, **settings: Any) -> Any:
    return load(TorchvisionSet(dataset=dataset, root=str(root), **settings), preferred_px)


def test_mnist_from_its_files(tmp_path: Path) -> None:
    data = read(write_mnist(tmp_path / "r"), preferred_px=224)
    assert data.X.shape == (80, 1, 28, 28)  # small square images stay as they are
    assert data.X[:, 0, 0, 0].tolist() == list(range(80))
    assert data.y.tolist() == [i % 10 for i in range(40)] * 2
    assert data.classes[0] == "0 - zero"
    assert data.part.tolist() == ["train"] * 40 + ["test"] * 40
    assert data.ids[[0, 79]].tolist() == ["train/0", "test/39"]
    assert data.fingerprint == read(tmp_path / "r").fingerprint


def test_a_size_can_be_asked_for(tmp_path: Path) -> None:
    assert read(write_mnist(tmp_path / "r"), size_px=16).X.shape == (80, 1, 16, 16)


def test_limit_is_the_same_every_time(tmp_path: Path) -> None:
    root = write_mnist(tmp_path / "r")
    data = read(root, limit=25)
    assert (data.part == "train").sum() == (data.part == "test").sum() == 25
    assert np.array_equal(data.ids, read(root, limit=25).ids)
    assert np.array_equal(data.X[:, 0, 0, 0][:25], [int(i.removeprefix("train/")) for i in data.ids[:25]])
    assert data.notes[0] == "25 of the 40 images of the train part are used (dataset.limit)."


def test_the_cache_is_used_and_follows_the_files(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read(write_mnist(tmp_path / "a"))
    monkeypatch.setattr("sdl_cli.data.sources.torchvision_sets.decode_batches", lambda *a: pytest.fail("decoded again"))
    assert read(tmp_path / "a").fingerprint == first.fingerprint
    monkeypatch.undo()
    monkeypatch.setenv("SDL_CACHE", str(own_cache.parent))
    other = read(write_mnist(tmp_path / "b", num=50))
    assert other.fingerprint != first.fingerprint
    assert len(list(own_cache.iterdir())) == 2


def test_a_set_in_one_part(tmp_path: Path) -> None:
    for name in ("Forest", "River"):
        folder = tmp_path / "eurosat" / "2750" / name
        folder.mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (64, 64), (i, 0, 0)).save(folder / f"{name}_{i}.png")
    data = read(tmp_path, "EuroSAT")
    assert data.part is None
    assert data.X.shape == (6, 3, 64, 64)
    assert data.classes == ("Forest", "River")
    assert data.ids.tolist() == [str(i) for i in range(6)]


class Fake:
    """A stand-in with `split`, photos of varying size, and train and val only."""

    splits: tuple[str, ...] = ("train", "val")

    def __init__(self, root: str, split: str = "train", download: bool = False) -> None:
        if split not in self.splits:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {self.splits}.")
        print("torchvision talks")
        self.split = split

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: int) -> tuple[Image.Image, int]:
        return Image.new("RGB" if i else "L", (90 + i, 70), 10 * i if i == 0 else (10 * i, 0, 0)), 5 * (i % 2)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    monkeypatch.setattr(datasets, "Fake", Fake, raising=False)
    monkeypatch.setattr(datasets, "__all__", (*datasets.__all__, "Fake"))
    return Fake


@pytest.mark.parametrize(
    ("splits", "parts"),
    [
        (("train", "val"), ["train", "test"]),
        (("train", "valid"), ["train", "test"]),
        (("train", "test"), ["train", "test"]),
        (("train", "val", "test"), ["train", "validation", "test"]),
    ],
)
def test_sets_with_split(
    tmp_path: Path,
    fake: type[Fake],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    splits: tuple[str, ...],
    parts: list[str],
) -> None:
    monkeypatch.setattr(fake, "splits", splits)
    data = read(tmp_path, "Fake", preferred_px=48)
    assert list(dict.fromkeys(data.part.tolist())) == parts
    assert data.X.shape == (6 * len(parts), 3, 48, 48)
    assert data.classes == ("0", "5")
    assert data.y[:2].tolist() == [0, 1]
    assert any("validation part is used as the test part" in n for n in data.notes) == ("test" not in splits)
    assert capsys.readouterr().out == ""  # stdout belongs to --json


def test_an_image_that_cannot_be_read(tmp_path: Path, fake: type[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    real = fake.__getitem__
    calls = iter(range(100))

    def breaks_late(self: Fake, i: int) -> tuple[Image.Image, int]:
        if next(calls) > 12:  # after the probes
            raise OSError("image file is truncated")
        return real(self, i)

    monkeypatch.setattr(fake, "__getitem__", breaks_late)
    with pytest.raises(DataError, match="Fake: image . cannot be read: image file is truncated"):
        read(tmp_path, "Fake")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CIFAR1O", "Did you mean CIFAR10?"),
        ("mnist", "Did you mean MNIST?"),
        ("fashon_mnist", "Did you mean FashionMNIST?"),
    ],
)
def test_misspelt_names(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"dataset.dataset={name}: torchvision has no such") as caught:
        read(tmp_path, name)
    assert caught.value.hint == hint


def test_a_name_like_no_other(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, "qqqq")
    assert "CIFAR10, CIFAR100" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("MNIST", "MNIST/raw"),
        ("CIFAR10", "cifar-10-batches-py"),
        ("SVHN", ""),
        ("Flowers102", ""),
        ("Food101", ""),
        ("EuroSAT", ""),
        ("OxfordIIITPet", ""),
        ("DTD", ""),
        ("GTSRB", ""),
        ("STL10", "stl10_binary"),
        ("StanfordCars", ""),
        ("EMNIST", "EMNIST/raw"),
        ("QMNIST", "QMNIST/raw"),
        ("ImageNet", ""),
        ("FER2013", ""),
    ],
)
@pytest.mark.parametrize("download", [True, False])
def test_missing_files_are_explained(tmp_path: Path, name: str, where: str, download: bool) -> None:
    root = tmp_path / "sets"
    with pytest.raises(DataError) as caught:
        read(root, name, download=download)
    message, hint = caught.value.message, caught.value.hint
    assert f"{name}: its files are missing or incomplete under dataset.root={root}" in message
    assert ("the download failed" in message) == (download and name not in ("ImageNet", "FER2013"))
    assert f"into {root / where}" in hint
    assert ("dataset.download=true" in hint) == (name not in ("ImageNet", "FER2013"))
    assert len(str(caught.value).splitlines()) == 2


def test_the_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Put its files \(train-images-idx3-ubyte.gz, .*\.\.\.\) into|train-images"):
        read(tmp_path, "MNIST", download=False)
    with pytest.raises(DataError) as caught:
        read(tmp_path, "CIFAR10", download=False)
    assert "data_batch_1" in caught.value.hint


def test_every_set_is_either_offered_or_known_to_be_something_else() -> None:
    names = available()
    wanted = [
        "CIFAR10",
        "CIFAR100",
        "MNIST",
        "FashionMNIST",
        "KMNIST",
        "EMNIST",
        "QMNIST",
        "SVHN",
        "STL10",
        "Flowers102",
        "OxfordIIITPet",
        "Food101",
        "DTD",
        "EuroSAT",
        "GTSRB",
        "FGVCAircraft",
        "StanfordCars",
        "Country211",
        "USPS",
        "Caltech101",
        "Caltech256",
        "SUN397",
        "Imagenette",
        "PCAM",
        "RenderedSST2",
    ]
    assert set(wanted) <= set(names)
    assert not set(names) & _NOT_CLASSIFICATION
    assert len(names) >= 30
