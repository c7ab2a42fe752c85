"""Photos listed in a CSV file: roles of columns, paths as people write them, refusals, and new rows for prediction."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data import DATASETS, load
from sdl_cli.data.augment.policies import FlipCrop, Strong
from sdl_cli.data.images.photo_paths import contradictions
from sdl_cli.data.sources.image_folder import ImageFolder
from sdl_cli.data.sources.image_table import ImageTable, iter_image_table
from sdl_cli.data.split import split
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.models.autoencoder import AutoencoderNetRegressor
from sdl_cli.learning.models.baseline import BaselineRegressor
from sdl_cli.learning.models.deep_net import DeepNetRegressor
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNNRegressor
from sdl_cli.settings.experiment import Training
from sdl_cli.settings.parse import parse_group


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


def photos(root: Path, num: int = 6) -> list[str]:
    """Photos i.png whose red value is 40 i; their names."""
    (root / "img").mkdir(parents=True, exist_ok=True)
    for i in range(num):
        Image.new("RGB", (10, 8), (40 * i, 0, 0)).save(root / "img" / f"{i}.png")
    return [f"img/{i}.png" for i in range(num)]


def table(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def simple(root: Path, target: Sequence[object] = ("cat", "dog") * 3, name: str = "target") -> Path:
    names = photos(root, len(target))
    return table(root / "photos.csv", [("file", name), *zip(names, target, strict=True)])


def read(path: Path, **settings: Any) -> Any:
    return load(ImageTable(path=str(path), **({"size_px": 8, "header": True} | settings)))


def test_a_class_called_like_a_missing_cell_is_named_and_kept(tmp_path: Path) -> None:
    path = simple(tmp_path, ("NA", "EU") * 3)
    with pytest.raises(DataError, match=r"it holds 'NA' in 3 of them\.\nIf 'NA' is a value here: dataset\.missing_values=\[\]"):
        read(path)
    assert read(path, missing_values=()).classes == ("EU", "NA")


def test_numbers_beside_photos_have_the_marks_of_their_file(tmp_path: Path) -> None:
    path = simple(tmp_path, ("1,234", "12,345", "750", "2,000", "900", "1,100"))
    assert read(path).y.tolist() == [1234, 12345, 750, 2000, 900, 1100]
    assert read(path, thousands="none", task="regression").y.tolist() == [1.234, 12.345, 750, 2, 900, 1.1]


def test_two_columns_are_all_it_takes(tmp_path: Path) -> None:
    data = load(ImageTable(path=str(simple(tmp_path)), size_px=8))
    assert (data.name, data.task, data.modality) == ("photos", "classification", "image")
    assert data.X.shape == (6, 3, 8, 8) and data.X.dtype == np.uint8 and not data.X.flags.writeable
    assert data.X[:, 0, 0, 0].tolist() == [0, 40, 80, 120, 160, 200]
    assert data.y.tolist() == [0, 1, 0, 1, 0, 1]
    assert data.classes == ("cat", "dog")
    assert data.ids.tolist() == [f"img/{i}.png" for i in range(6)]
    assert data.part is None and data.groups is None
    assert read(simple(tmp_path)).notes == ()


def test_numbers_are_a_regression(tmp_path: Path) -> None:
    data = read(simple(tmp_path, [0.5, -1.25, 3, 1e-3, 7, 2.5]))
    assert data.task == "regression" and data.classes == ()
    assert data.y.tolist() == [0.5, -1.25, 3.0, 0.001, 7.0, 2.5]
    assert read(simple(tmp_path, [0, 1, 0, 1, 0, 1])).task == "classification"
    assert read(simple(tmp_path, [0, 1, 0, 1, 0, 1]), task="regression").task == "regression"


def test_pixels_and_fingerprint_are_those_of_a_folder(tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / "d" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (9, 12, 3), dtype=np.uint8)).save(
            tmp_path / "d" / "ab"[i % 2] / f"{i}.png"
        )
    folder = load(ImageFolder(path=str(tmp_path / "d"), size_px=8))
    listed = read(table(tmp_path / "d" / "t.csv", [("p", "y"), *((name, name[0]) for name in folder.ids)]))
    assert np.array_equal(folder.X, listed.X)
    assert folder.fingerprint == listed.fingerprint


def test_columns_by_name_and_by_position(tmp_path: Path) -> None:
    names = photos(tmp_path)
    rows = [(i, name, name, i / 7, f"p{i // 2}", f"id{i}") for i, name in enumerate(names)]
    path = table(tmp_path / "t.csv", [("n", "left", "right", "angle", "patient", "key"), *rows])
    data = read(path, image="right", target="angle", group="patient", id="key")
    assert data.y.tolist() == pytest.approx([i / 7 for i in range(6)])
    assert data.ids.tolist() == [f"id{i}" for i in range(6)]
    assert data.groups.tolist() == ["p0", "p0", "p1", "p1", "p2", "p2"]
    assert read(path, image="1", target="3", group="patient", id="patient").ids.tolist() == data.groups.tolist()
    assert read(path, image="1", target="-3", id="0").ids.tolist() == list("012345")
    parts = split(data, ImageTable(path="x", test_fraction=0.34), 0)
    assert not set(data.groups[parts.labelled]) & set(data.groups[parts.test])


@pytest.mark.parametrize("target", [[0.0, 1.5, 3.0], ["a", "b", "b"], ["a", "b", "c"]])
def test_no_header(tmp_path: Path, target: list[Any]) -> None:
    names = photos(tmp_path, 3)
    path = table(tmp_path / "t.csv", zip(names, target, strict=True))
    for settings in ({"header": None}, {"header": False, "image": "0", "target": "1"}):
        data = read(path, **settings)
        assert data.ids.tolist() == names
        assert [data.classes[i] for i in data.y] == target if data.classes else data.y.tolist() == target


def test_rows_without_a_group_are_groups_of_their_own(tmp_path: Path) -> None:
    names = photos(tmp_path, 4)
    path = table(tmp_path / "t.csv", [("f", "y", "g"), *zip(names, "abab", ["p", "", "p", ""], strict=True)])
    data = read(path, group="g")
    assert data.groups[0] == data.groups[2] and len(set(data.groups)) == 3
    assert data.notes == ("2 rows have no g: each was taken as a group of its own.",)


@pytest.mark.parametrize(
    ("words", "parts", "note"),
    [
        (["train", "train", "val", "val", "test", "test"], ["train", "validation", "test"], ""),
        (["Train", "TRAIN", "valid", "dev", "Testing", "test"], ["train", "validation", "test"], ""),
        (["train"] * 4 + ["val"] * 2, ["train", "test"], "There is no test part: the validation part is used"),
        (["train"] * 6, None, ""),
    ],
)
def test_a_column_of_parts(tmp_path: Path, words: list[str], parts: list[str] | None, note: str) -> None:
    path = table(tmp_path / "t.csv", [("f", "y", "fold"), *zip(photos(tmp_path), "ababab", words, strict=True)])
    data = read(path, part="fold")
    assert (None if data.part is None else list(dict.fromkeys(data.part.tolist()))) == parts
    assert any(n.startswith(note) for n in data.notes) if note else data.notes == ()


def test_groups_that_cross_parts_are_noted(tmp_path: Path) -> None:
    cells = zip(photos(tmp_path), "ababab", ["train"] * 4 + ["test"] * 2, ["p1", "p1", "p2", "p2", "p2", "p3"], strict=True)
    data = read(table(tmp_path / "t.csv", [("f", "y", "part", "who"), *cells]), part="part", group="who")
    assert data.notes == ("1 group is in both the labelled and the test part (p2): the test score may be too good.",)


def test_paths_as_people_write_them(tmp_path: Path) -> None:
    names = photos(tmp_path / "data")
    (tmp_path / "lists").mkdir()
    written = ["../data/img/0.png", str(tmp_path / "data" / "img" / "1.png"), "..\\data\\img\\2.png", "../data/./img/3.png"]
    assert read(table(tmp_path / "lists" / "t.csv", [("f", "y"), *zip(written, "abab", strict=True)])).X[:, 0, 0, 0].tolist() == [
        0, 40, 80, 120,
    ]  # fmt: skip
    away = table(tmp_path / "lists" / "u.csv", [("f", "y"), *zip(names, "ababab", strict=True)])
    assert len(read(away, root=str(tmp_path / "data"))) == 6
    awkward = tmp_path / "data" / "img" / "ü, (1)=~#\\.png"
    Image.new("RGB", (9, 9)).save(awkward)
    data = read(table(tmp_path / "lists" / "v.csv", [("f", "y"), (awkward.name, "a"), ("1.png", "b")]), root=str(awkward.parent))
    assert data.ids.tolist() == [awkward.name, "1.png"]


def test_any_ending_where_the_column_is_named(tmp_path: Path) -> None:
    photos(tmp_path)
    for i in range(4):
        (tmp_path / "img" / f"{i}.png").rename(tmp_path / "img" / str(i))
    path = table(tmp_path / "t.csv", [("f", "y"), *((f"img/{i}", "ab"[i % 2]) for i in range(4))])
    with pytest.raises(DataError, match="no column holds paths of images"):
        read(path)
    assert len(read(path, image="f")) == 4


def test_one_image_with_two_targets_is_noted(tmp_path: Path) -> None:
    names = photos(tmp_path, 3)
    path = table(tmp_path / "t.csv", [("f", "y"), *zip([*names, f"./img/../{names[1]}", names[2]], "abaab", strict=True)])
    assert read(path).notes == ("2 images are in the table more than once with different targets, such as 1.png in lines 3, 5.",)
    files = [Path("a"), Path("b"), Path("a"), Path("b")]
    assert contradictions(files, np.array(list("xyxy"), object), np.arange(4)) == []
    assert contradictions(files, np.array(list("xyzw"), object), np.arange(4)) == [
        "2 images are in the table more than once with different targets, such as a in lines 0, 2."
    ]


def test_missing_targets_and_small_classes(tmp_path: Path) -> None:
    path = simple(tmp_path, ["a", "b", "", "a", "b", "c"])
    with pytest.raises(DataError, match=r"the target target is missing in 1 row of 6 \(line 4\)"):
        read(path)
    data = read(path, missing_target="drop", min_class_rows=2)
    assert data.ids.tolist() == ["img/0.png", "img/1.png", "img/3.png", "img/4.png"]
    assert data.classes == ("a", "b") and data.X[:, 0, 0, 0].tolist() == [0, 40, 120, 160]
    assert data.notes == (
        "1 of 6 rows have no target and were left out.",
        "Classes of target with fewer than 2 rows were left out: c (1).",
    )
    with pytest.raises(DataError, match="dataset.min_class_rows=9: "):
        read(path, missing_target="drop", min_class_rows=9)
    numbers = read(simple(tmp_path, [0.1, 0.2, 0.3, 0.4]), min_class_rows=2)
    assert len(numbers) == 4 and "has no effect" in numbers.notes[0]


def spoilt(kind: str, root: Path) -> tuple[Path, dict[str, Any]]:
    names = photos(root)
    cells: list[tuple[object, ...]] = list(zip(names, "ababab", strict=True))
    header: tuple[str, ...] = ("f", "y")
    settings: dict[str, Any] = {}
    if kind == "absent":
        cells = [(name.replace("img", "imgs"), y) for name, y in cells]
    elif kind == "two absent":
        cells[1], cells[4] = ("no/1.png", "a"), ("no/2.png", "b")
    elif kind == "no path":
        cells[2] = ("", "a")
    elif kind == "address":
        cells[0], cells[3] = ("https://example.org/a.jpg", "a"), ("HTTP://example.org/b.jpg", "b")
    elif kind == "folder":
        cells[5] = ("img", "b")
    elif kind == "long":
        cells[5] = ("x" * 5000 + ".png", "b")
    elif kind == "control":
        cells[5] = ("a\x1b[31m.png", "b")
    elif kind == "unreadable":
        (root / names[3]).write_bytes(b"text")
        (root / names[4]).write_bytes(b"")
    elif kind == "too large":
        Image.new("1", (20_000, 10_000)).save(root / names[3])
    elif kind == "no images":
        cells = [("one", "a"), ("two", "b")]
    elif kind == "two image columns":
        header, cells = ("f", "g", "y"), [(name, name, y) for name, y in cells]
    elif kind == "two targets":
        header, cells = ("f", "y", "z"), [(name, y, 1) for name, y in cells]
    elif kind == "no target":
        header, cells = ("f",), [(name,) for name in names]
    elif kind == "no column":
        settings = {"target": "yy"}
    elif kind == "same column":
        settings = {"image": "f", "target": "f"}
    elif kind == "group is target":
        settings = {"group": "y", "target": "y"}
    elif kind == "bad part":
        header, cells = ("f", "y", "part"), [(*row, "train" if i < 3 else "fold3") for i, row in enumerate(cells)]
        settings = {"part": "part"}
    elif kind == "one class":
        cells = [(name, "a") for name in names]
    elif kind == "text as numbers":
        settings = {"task": "regression"}
    elif kind == "no rows":
        cells = []
    elif kind == "empty":
        header, cells = (), []
    elif kind == "id is target":
        settings = {"id": "y", "target": "y"}
    elif kind == "no root":
        settings = {"root": str(root / "imgg")}
    return table(root / "t.csv", [header, *cells]), settings


BAD = [
    (
        "absent",
        r"t.csv: 6 of 6 rows have no image: line 2: imgs/0.png does not exist; line 3: .*; and 1 more\.$",
        "dataset.root=",
    ),
    ("two absent", r"2 of 6 rows have no image: line 3: no/1.png does not exist; line 6: no/2.png does not", "on_error=skip"),
    ("no path", r"1 of 6 rows have no image: line 4: the path is missing\.$", "Paths start from"),
    ("address", r"t.csv, line 2: https://example.org/a.jpg is a web address and so are 1 more\.$", "not downloaded"),
    ("folder", r"line 7: img is a folder", ""),
    ("long", r"line 7: x{57}\.\.\. does not exist\.$", ""),
    ("control", r"line 7: a\?\[31m.png does not exist", ""),
    (
        "unreadable",
        r"^2 of 6 images cannot be read: line 5: img/3.png \(not an image.*\), line 6: img/4.png \(empty file",
        "skip",
    ),
    ("too large", r"line 5: img/3.png \(more than 89,478,485 pixels", ""),
    ("no images", r"^dataset.image: .*t.csv: no column holds paths of images", "dataset.image=COLUMN"),
    ("two image columns", r"several columns hold paths of images: f, g", "dataset.image=COLUMN"),
    ("two targets", r"^dataset.target: which column of .*t.csv is to be predicted\? There are: y, z\.$", "Add dataset.target=y"),
    ("no target", r"no column is left to predict", ""),
    ("no column", r"^dataset.target: .* has no column 'yy'\.", "f, y"),
    ("same column", r"dataset.image and dataset.target are both the column f", ""),
    ("group is target", r"dataset.target and dataset.group are both the column y", ""),
    ("bad part", r"^dataset.part: .*t.csv, line 5: 'fold3' is not a part, as in 3 of 6 rows", "train, val and test"),
    ("one class", r"the target y has one value only, 'a'", ""),
    ("text as numbers", r"dataset.task=regression, but the target y holds text", ""),
    ("no rows", r"^dataset.path: .*t.csv has column names but no rows", "Add one row"),
    ("empty", r"t.csv", ""),
    ("id is target", r"dataset.target and dataset.id are both the column y", ""),
    ("no root", r"^dataset.root: .*imgg does not exist\.$", "Did you mean img?"),
]


@pytest.mark.parametrize(("kind", "message", "hint"), BAD, ids=[row[0] for row in BAD])
def test_what_is_refused(tmp_path: Path, own_cache: Path, kind: str, message: str, hint: str) -> None:
    path, settings = spoilt(kind, tmp_path)
    with pytest.raises(DataError) as caught:
        read(path, **settings)
    assert re.search(message, caught.value.message), caught.value.message
    assert hint in caught.value.hint
    assert not list(own_cache.glob("*")) if own_cache.exists() else True


@pytest.mark.parametrize("kind", ["two absent", "no path", "folder", "long", "unreadable"])
def test_rows_are_skipped_and_counted(tmp_path: Path, kind: str) -> None:
    path, settings = spoilt(kind, tmp_path)
    for _ in range(2):  # decoded, then from the cache
        data = read(path, on_error="skip", **settings)
        assert len(data) == len(data.X) == len(data.ids) == (4 if kind in ("two absent", "unreadable") else 5)
        assert [40 * int(name[4]) for name in data.ids] == data.X[:, 0, 0, 0].tolist()
        assert re.match(
            r"\d of 6 (rows have no image and were left out|images could not be read and were skipped): line", data.notes[0]
        )


def test_a_class_that_is_lost_with_its_images(tmp_path: Path) -> None:
    path = simple(tmp_path, ["a", "b", "b", "c", "c", "a"])
    for i in (1, 2):
        (tmp_path / f"img/{i}.png").write_bytes(b"x")
    with pytest.raises(DataError, match="no image of b can be read"):
        read(path, on_error="skip")


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    import os

    path = simple(tmp_path)
    (tmp_path / "img" / "2.png").unlink()
    os.mkfifo(tmp_path / "img" / "2.png")
    with pytest.raises(DataError, match=r"line 4: img/2.png is not a file"):
        read(path)


def test_settings_are_parsed_from_plain_values() -> None:
    values = {"name": "image_table", "path": "x.csv", "target": 3, "min_class_rows": 2}
    assert parse_group("dataset", DATASETS, values) == ImageTable(path="x.csv", target="3", min_class_rows=2)


def test_new_rows_for_prediction(tmp_path: Path, own_cache: Path) -> None:
    names = photos(tmp_path / "a")
    rows = [(f"k{i}", name, i / 7) for i, name in enumerate(names)]
    data = read(table(tmp_path / "a" / "t.csv", [("key", "f", "y"), *rows]), id="key", target="y", channels="grey")
    inputs = json.loads(json.dumps(data.source))  # as stored with a run
    assert inputs["kind"] == "image_table" and (inputs["image"], inputs["id"]) == ("f", "key")
    assert [inputs[k] for k in ("size_px", "channels", "interpolation")] == [8, "grey", "bilinear"]

    photos(tmp_path / "b")
    new = table(tmp_path / "b" / "new.csv", [("f", "other", "key"), *((name, 5, f"n{i}") for i, name in enumerate(names))])
    chunks = list(iter_image_table(new, inputs, chunk=4))
    assert [len(ids) for ids, _ in chunks] == [4, 2]
    assert np.concatenate([ids for ids, _ in chunks]).tolist() == [f"n{i}" for i in range(6)]
    assert np.array_equal(np.concatenate([images for _, images in chunks]), data.X)

    for header in ([("whatever",)], []):
        only = table(tmp_path / "b" / "only.csv", [*header, *((name,) for name in names)])
        [(ids, images)] = iter_image_table(only, inputs | {"asked": {}})
        assert ids.tolist() == names and np.array_equal(images, data.X)
    renamed = table(tmp_path / "b" / "renamed.csv", [("photo", "note"), *((name, "x") for name in names)])
    [(ids, _)] = iter_image_table(renamed, inputs)
    assert ids.tolist() == names
    bare = {"size_px": 8, "channels": "rgb", "interpolation": "bilinear"}  # a run on a folder of photos
    [(_, images)] = iter_image_table(tmp_path / "a" / "t.csv", bare)
    assert images.shape == (6, 3, 8, 8)
    elsewhere = table(tmp_path / "new.csv", [("f",), *((name,) for name in names)])
    [(_, images)] = iter_image_table(elsewhere, inputs, root=tmp_path / "a")
    assert np.array_equal(images, data.X)


def test_bad_new_rows(tmp_path: Path) -> None:
    inputs = {"size_px": 8, "channels": "rgb", "interpolation": "bilinear", "image": "f", "id": None, "header": True}
    path, _ = spoilt("two absent", tmp_path)
    with pytest.raises(DataError, match=r"t.csv: 2 of 6 rows have no image: line 3: no/1.png does not exist") as caught:
        list(iter_image_table(path, inputs))
    assert "--on-error skip" in caught.value.hint and "dataset." not in str(caught.value)
    notes: list[str] = []
    [(ids, images)] = iter_image_table(path, inputs, on_error="skip", notes=notes)
    assert len(ids) == len(images) == 4
    assert notes == [
        "2 of 6 rows have no image and were left out: line 3: no/1.png does not exist; line 6: no/2.png does not exist."
    ]
    path, _ = spoilt("unreadable", tmp_path)
    with pytest.raises(DataError, match=r"2 of 6 images cannot be read: line 5: img/3.png"):
        list(iter_image_table(path, inputs))
    path, _ = spoilt("two image columns", tmp_path)
    with pytest.raises(DataError, match=r"several columns hold paths of images: f, g"):
        list(iter_image_table(path, inputs | {"image": "photo"}))
    with pytest.raises(DataError, match=r"does not exist"):
        list(iter_image_table(tmp_path / "none.csv", inputs))
    for kind in ("no rows", "empty", "address", "no images"):
        path, _ = spoilt(kind, tmp_path)
        for columns in (inputs, inputs | {"image": "photo"}):
            with pytest.raises(DataError, match=r"t.csv"):
                list(iter_image_table(path, columns))


def scene(root: Path, images: np.ndarray, numbers: np.ndarray) -> Any:
    """Grey images `(N, S, S)` and their numbers, written as PNGs and a CSV file and read back."""
    root.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(root / f"{i}.png")
    rows = [(f"{i}.png", f"{number:.6f}") for i, number in enumerate(numbers)]
    data = read(table(root / "t.csv", [("file", "number"), *rows]), size_px=images.shape[1], channels="grey")
    assert data.task == "regression" and np.allclose(data.y, numbers, atol=1e-6)
    assert np.array_equal(data.X[:, 0], images)
    return data


def blobs(positions: np.ndarray, side: int = 16) -> np.ndarray:
    """A bright spot at a height in (-1, 1), at any place across."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    across = rng.uniform(-0.7, 0.7, len(positions))
    away = np.square(y - positions[:, None, None]) + np.square(x - across[:, None, None])
    return (255 * np.exp(-8 * away)).astype(np.uint8)


def lines(angles: np.ndarray, side: int = 16) -> np.ndarray:
    """A line through the middle that leans to the right by an angle in degrees, as a road does: mirrored, it leans left."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    away = np.abs(x - np.tan(np.radians(angles))[:, None, None] * -y)
    return (255 * np.exp(-np.square(away))).astype(np.uint8)


def quick(name: str, **settings: Any) -> Any:
    """A small regressor of each kind."""
    training = Training(epochs=50 if name == "autoencoder" else 15, batch_size=16)
    common = {"precision": "float32", "memory_format": "contiguous", "num_threads": 1} | settings
    if name == "baseline":
        return BaselineRegressor(num_trees=30)
    if name == "deep_net":
        return DeepNetRegressor(depth=8, width=4, training=training, **common)
    if name == "autoencoder":
        return AutoencoderNetRegressor(widths=(16, 32), pretrain_epochs=2, training=training, **common)
    return FinetunedCNNRegressor(strategy="probe", weights="none", image_size_px=32, **common)


@pytest.mark.parametrize("model", ["baseline", "deep_net", "autoencoder", "finetuned_cnn"])
def test_a_number_is_learned_from_images(tmp_path: Path, model: str) -> None:
    heights = np.random.default_rng(1).uniform(-0.8, 0.8, 72)
    data = scene(tmp_path / "blobs", blobs(heights), heights)
    fitted = quick(model).fit(data.X[:54], data.y[:54])
    found = fitted.predict(data.X[54:])
    assert np.corrcoef(found, data.y[54:])[0, 1] > 0.6
    assert np.abs(found - data.y[54:]).mean() < 0.7 * np.abs(data.y[54:] - data.y[:54].mean()).mean()


@pytest.mark.parametrize("model", ["deep_net", "autoencoder"])
def test_a_steering_angle_changes_sign_under_mirroring(tmp_path: Path, model: str) -> None:
    """All labelled lines lean to the right; those that lean to the left are known from mirrored images alone."""
    angles = np.random.default_rng(1).uniform(5, 40, 48)
    data = scene(tmp_path / "lines", lines(angles), angles)
    left = lines(-angles)[:, None]
    assert np.array_equal(left, data.X[..., ::-1])
    errors = {}
    for flip_target in ("negate", "keep"):
        policy = FlipCrop(pad_fraction=0.0, flip_target=flip_target)
        fitted = quick(model, augment=policy).fit(data.X, data.y)
        errors[flip_target] = np.abs(fitted.predict(left) + angles).mean()
    assert errors["negate"] < 10 < 30 < errors["keep"], errors


@pytest.mark.parametrize("model", ["deep_net", "autoencoder", "finetuned_cnn"])
@pytest.mark.parametrize("policy", [FlipCrop(), Strong()])
def test_mirroring_numbers_without_saying_how_is_refused(model: str, policy: Any) -> None:
    with pytest.raises(ConfigError, match="mirrors images, and the target is a number"):
        quick(model, augment=policy).fit(lines(np.arange(8.0))[:, None], np.arange(8.0))
