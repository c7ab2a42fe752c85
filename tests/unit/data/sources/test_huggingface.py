"""Sets of Hugging Face's `datasets`, made here and written by its own save_to_disk; nothing is downloaded."""

from __future__ import annotations

import io
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    datasets = pytest.importorskip("datasets", reason="needs the package datasets (extra huggingface)")

from sdl_cli.data import load  # noqa: E402
from sdl_cli.data.images.decode import to_square  # noqa: E402
from sdl_cli.data.images.depth import eight_bit  # noqa: E402
from sdl_cli.data.sources import hub, hub_images  # noqa: E402
from sdl_cli.data.sources.huggingface import HuggingFace  # noqa: E402
from sdl_cli.errors import DataError  # noqa: E402

Features: Any = datasets.Features
Value: Any = datasets.Value
ClassLabel: Any = datasets.ClassLabel


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", refuse)
    monkeypatch.setattr("huggingface_hub.HfApi.hf_hub_download", refuse)


def saved(folder: Path, **splits: Any) -> str:
    """Write a set with `save_to_disk`: one split alone where it is called `only`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (datasets.DatasetDict(splits) if "only" not in splits else splits["only"]).save_to_disk(str(folder))
    return str(folder)


def read(path: str | Path, preferred_px: int | None = None, **settings: Any) -> Any:
    return load(HuggingFace(dataset=str(path), **settings), preferred_px)


def picture(i: int, side: int = 12, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(i).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def pictures(num: int, start: int = 0, names: tuple[str, ...] = ("bee", "ant"), **kwargs: Any) -> Any:
    values = {"image": [picture(start + i, **kwargs) for i in range(num)], "label": [i % len(names) for i in range(num)]}
    return datasets.Dataset.from_dict(
        values, features=Features({"image": datasets.Image(), "label": ClassLabel(names=list(names))})
    )


def flowers(num: int, start: int = 0) -> Any:
    rows = range(start, start + num)
    values = {
        "petal": [float(i % 7) + 0.5 for i in rows],
        "colour": [("red", "blue", None)[i % 3] for i in rows],
        "site": [i % 2 for i in rows],
        "kind": [i % 3 for i in rows],
        "vector": [[i, i + 1] for i in rows],
    }
    kinds = {"site": ClassLabel(names=["north", "south"]), "kind": ClassLabel(names=["z", "y", "x"])}
    plain = {"petal": Value("float64"), "colour": Value("string"), "vector": datasets.List(Value("int64"))}
    return datasets.Dataset.from_dict(values, features=Features({**plain, **kinds}))


def test_images_of_two_parts(tmp_path: Path) -> None:
    data = read(saved(tmp_path / "bugs", train=pictures(6), test=pictures(4, 6)), preferred_px=224)
    assert data.X.shape == (10, 3, 12, 12)  # small square images stay as they are
    for i in (0, 5, 9):
        assert np.array_equal(data.X[i], np.asarray(picture(i)).transpose(2, 0, 1))
    assert data.classes == ("ant", "bee")
    assert data.y.tolist() == [1, 0] * 5
    assert data.part.tolist() == ["train"] * 6 + ["test"] * 4
    assert data.ids[[0, 9]].tolist() == ["train/0", "test/3"]
    assert (data.name, data.task, data.modality) == ("bugs", "classification", "image")
    assert data.source["settings"] == {"dataset": str(tmp_path / "bugs"), "channels": "rgb"}


def test_sizes_and_channels(tmp_path: Path) -> None:
    grey = saved(tmp_path / "grey", only=pictures(4, mode="L"))
    assert read(grey).X.shape == (4, 1, 12, 12)
    assert read(grey).source["settings"]["channels"] == "grey"
    assert read(grey, channels="rgb", size_px=8).X.shape == (4, 3, 8, 8)
    large = saved(tmp_path / "large", only=pictures(4, side=90))
    assert read(large).X.shape[2:] == (64, 64)
    data = read(large, preferred_px=32)
    assert np.array_equal(data.X[2], to_square(picture(2, side=90), 32, "rgb"))
    assert data.part is None and data.ids.tolist() == ["0", "1", "2", "3"]


def test_the_cache_is_used_and_follows_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a", train=pictures(4), test=pictures(4, 4))
    first = read(path)
    monkeypatch.setattr(hub_images, "decode_batches", lambda *a: pytest.fail("decoded again"))
    assert read(path).fingerprint == first.fingerprint
    monkeypatch.undo()
    other = saved(tmp_path / "b", train=pictures(4), test=pictures(4, 5))
    assert read(other).fingerprint != first.fingerprint


def test_images_with_group_id_and_rows_without_a_class(tmp_path: Path) -> None:
    ids = ["a", "b", "c", "d", "e", "f"]
    bugs = pictures(6).add_column("name", ids).add_column("nest", [0, 0, 1, 1, 2, None])
    bugs = bugs.map(lambda row: {"label": -1 if row["name"] == "c" else row["label"]})
    path = saved(tmp_path / "bugs", only=bugs)
    with pytest.raises(DataError, match=r"bugs: the target label is missing in 1 row of 6 \(line 2\)"):
        read(path)
    data = read(path, missing_target="drop", id="name", group="nest")
    assert data.ids.tolist() == ["a", "b", "d", "e", "f"]
    assert data.groups[0] == data.groups[1] != data.groups[2]
    assert len(set(data.groups.tolist())) == 4
    assert np.array_equal(data.X[2], np.asarray(picture(3)).transpose(2, 0, 1))


def test_numbers_to_predict_from_images(tmp_path: Path) -> None:
    bugs = pictures(6).remove_columns("label").add_column("weight", [0.5, 1.5, 2.0, 2.5, 3.0, 3.25])
    data = read(saved(tmp_path / "bugs", only=bugs), target="weight")
    assert data.task == "regression" and data.y.tolist() == [0.5, 1.5, 2.0, 2.5, 3.0, 3.25]


def test_small_classes_can_be_left_out(tmp_path: Path) -> None:
    bugs = pictures(8, names=("ant", "bee", "fly"))
    data = read(saved(tmp_path / "bugs", only=bugs), min_class_rows=3)
    assert data.classes == ("ant", "bee") and data.ids.tolist() == ["0", "1", "3", "4", "6", "7"]
    assert "Classes of label with fewer than 3 rows were left out: fly (2)." in data.notes
    with pytest.raises(DataError, match="dataset.min_class_rows=9: no value of label"):
        read(tmp_path / "bugs", min_class_rows=9)


def test_images_that_are_files(tmp_path: Path) -> None:
    for i in range(4):
        picture(i).save(tmp_path / f"{i}.png")
    paths = [str(tmp_path / f"{i}.png") for i in range(4)]
    listed = datasets.Dataset.from_dict({"photo": paths, "label": ["ant", "bee"] * 2})
    path = saved(tmp_path / "bugs", only=listed)
    data = read(path, image="photo")  # a column of paths, which the set does not call images
    assert np.array_equal(data.X[3], np.asarray(picture(3)).transpose(2, 0, 1))
    (tmp_path / "2.png").write_bytes(b"")
    with pytest.raises(DataError, match="bugs: image 2 cannot be read: not an image"):
        read(path, image="photo")


def test_an_image_that_is_damaged_or_absent(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture(0, side=64).save(buffer, "PNG")
    whole = buffer.getvalue()
    for name, bad, words in (("cut", whole[: len(whole) // 2], "truncated"), ("none", None, "there is none")):
        values = {
            "image": [{"bytes": whole, "path": None}, None if bad is None else {"bytes": bad, "path": None}],
            "label": ["a", "b"],
        }
        path = saved(
            tmp_path / name,
            only=datasets.Dataset.from_dict(values, features=Features({"image": datasets.Image(), "label": Value("string")})),
        )
        with pytest.raises(DataError, match=rf"{name}: image 1 cannot be read: .*{words}"):
            read(path)


def test_a_table(tmp_path: Path) -> None:
    data = read(saved(tmp_path / "flowers", train=flowers(30), validation=flowers(12, 30), test=flowers(9, 42)), target="kind")
    assert data.modality == "table" and data.task == "classification"
    assert data.feature_names == ("petal", "colour", "site")
    assert [column.kind for column in data.columns] == ["number", "category", "category"]
    assert data.columns[2].levels == ("north", "south")
    assert data.classes == ("x", "y", "z")
    assert data.y.tolist() == [2 - i % 3 for i in range(51)]
    assert data.X[:3, 0].tolist() == [0.5, 1.5, 2.5]
    assert np.isnan(data.X[2, 1]) and data.columns[1].levels == ("blue", "red")
    assert [(data.part == part).sum() for part in ("train", "validation", "test")] == [30, 12, 9]
    assert data.ids[[0, 30, 50]].tolist() == ["train/0", "validation/0", "test/8"]
    assert "Columns that hold lists, groups or files were left out: vector." in data.notes
    assert data.source["kind"] == "table"


def test_columns_of_a_table_by_position_count_those_left_out(tmp_path: Path) -> None:
    path = saved(tmp_path / "flowers", only=flowers(30).select_columns(["vector", "petal", "colour", "site", "kind"]))
    data = read(path, target="-1", features=("1",), drop=("vector",))
    assert data.feature_names == ("petal",)
    assert read(path, target="4", id="petal").ids[:2].tolist() == ["0.5", "1.5"]


def test_new_columns_are_read_as_a_run_reads_them(tmp_path: Path) -> None:
    import dataclasses

    first = read(saved(tmp_path / "a", only=flowers(30)), target="kind")
    inputs = {"columns": [dataclasses.asdict(column) for column in first.columns], "classes": list(first.classes)}
    path = saved(tmp_path / "b", only=flowers(2))
    found = load(HuggingFace(dataset=path, target="kind"), like=inputs)
    assert found.X[:, 1].tolist() == [1.0, 0.0]  # red is level 1 of the run, though no missing cell or third word is here


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("train",), None),
        (("all",), None),
        (("train", "test"), ["train", "test"]),
        (("train", "dev"), ["train", "test"]),
        (("training", "valid", "test"), ["train", "validation", "test"]),
        (("train", "unsupervised", "test"), ["train", "test"]),
    ],
)
def test_splits_become_parts(tmp_path: Path, parts: tuple[str, ...], expected: list[str] | None) -> None:
    data = read(saved(tmp_path / "s", **{name: flowers(12) for name in parts}), target="kind")
    assert (None if data.part is None else list(dict.fromkeys(data.part.tolist()))) == expected
    assert any("unsupervised" in note for note in data.notes) == ("unsupervised" in parts)
    assert any("validation part is used as the test part" in note for note in data.notes) == ("dev" in parts)


def test_a_test_part_without_targets_is_left_out(tmp_path: Path) -> None:
    hidden = flowers(9).map(lambda row: {"kind": -1})
    path = saved(tmp_path / "s", train=flowers(30), validation=flowers(12), test=hidden)
    data = read(path, target="kind")
    assert list(dict.fromkeys(data.part.tolist())) == ["train", "test"]
    assert "The rows of the test part have no kind and were left out." in data.notes
    bare = saved(tmp_path / "t", train=flowers(30), test=flowers(9).remove_columns("kind"))
    assert read(bare, target="kind").part is None


def test_one_split_alone(tmp_path: Path) -> None:
    path = saved(tmp_path / "s", train=flowers(30), test=flowers(12))
    assert len(read(path, target="kind", split="test")) == 12


def test_folders_and_files_of_data(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    text = "a,label\n" + "".join(f"{i * 0.37:.2f},{'xy'[i % 2]}\n" for i in range(12))
    (folder / "train.csv").write_text(text)
    (folder / "test.csv").write_text(text)
    (tmp_path / "one.tsv").write_text(text.replace(",", "\t"))
    assert read(folder).part.tolist() == ["train"] * 12 + ["test"] * 12
    assert read(tmp_path / "one.tsv").feature_names == ("a",)
    flowers(6).remove_columns("vector").to_parquet(str(tmp_path / "one.parquet"))
    assert len(read(tmp_path / "one.parquet", target="kind")) == 6


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"target": "kinds"}, "dataset.target: flowers has no column 'kinds'. Did you mean kind?", "Its columns: petal"),
    ({}, "dataset.target: which column of flowers is to be predicted? There are: site, kind.", "dataset.target="),
    ({"target": "vector"}, "dataset.target: the column vector of flowers holds Lists.", "words or numbers"),
    ({"target": "kind", "features": ("vector",)}, "dataset.features: the column vector of flowers holds Lists.", "words"),
    (
        {"target": "kind", "split": "tets"},
        "dataset.split=tets: flowers has no such split with rows. Did you mean test?",
        "train, test",
    ),
    ({"target": "kind", "image": "petal"}, "dataset.image: the column petal of flowers holds no images.", "photos"),
    ({"target": "kind", "id": "name"}, "dataset.id: flowers has no column 'name'.", "Its columns"),
]


@pytest.mark.parametrize(("settings", "message", "hint"), BAD)
def test_settings_that_do_not_fit(tmp_path: Path, settings: dict[str, Any], message: str, hint: str) -> None:
    path = saved(tmp_path / "flowers", train=flowers(30), test=flowers(9))
    with pytest.raises(DataError) as caught:
        read(path, **settings)
    assert caught.value.message == message
    assert hint in caught.value.hint


def test_sets_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no split called train; there are: a, b"):
        read(saved(tmp_path / "s", a=flowers(3), b=flowers(3)), target="kind")
    two = pictures(4).add_column("second", [{"bytes": b"", "path": None}] * 4).cast_column("second", datasets.Image())
    with pytest.raises(DataError, match="several columns of images: image, second"):
        read(saved(tmp_path / "two", only=two))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "state.json").write_text("{")
    with pytest.raises(DataError, match="broken"):
        read(broken)
    (tmp_path / "x.zip").write_text("")
    with pytest.raises(DataError, match="files ending in .zip are not read here"):
        read(tmp_path / "x.zip")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="empty: there is no data that can be read"):
        read(empty)


@pytest.mark.parametrize("name", ["./nothing", "/no/where", "a/b/c", "~/nothing at all", "x\x1b[31m y", "", "a" * 9000 + "/"])
def test_paths_where_nothing_is(name: str) -> None:
    with pytest.raises(DataError, match=r"dataset.dataset=.*: there is no such file or folder") as caught:
        read(name)
    assert len(str(caught.value)) < 400 and str(caught.value).replace("\n", "").isprintable()


def test_a_set_without_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_from_disk", lambda path: flowers(3).select([]))
    with pytest.raises(DataError, match="s: this set has no rows"):
        read(saved(tmp_path / "s", only=flowers(3)), target="kind")


def test_without_network_the_cache_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError) as caught:
        read("someone/flowers")
    assert caught.value.message == (
        f"someone/flowers is not in {tmp_path / 'hf'}, and the Hugging Face Hub cannot be reached: no network in tests."
    )
    assert "Go online once" in caught.value.hint
    assert capfd.readouterr() == ("", "")
    assert not datasets.config.HF_HUB_OFFLINE


def fetched_before(folder: Path, commit: str) -> None:
    """Put a set where `datasets` keeps what it fetched from the Hub as someone/flowers."""
    flowers(20).remove_columns("vector").to_parquet(str(folder / "flowers" / "train.parquet"))
    made = datasets.load_dataset(str(folder / "flowers"), cache_dir=str(folder / "made"))["train"]
    [file] = [Path(file["filename"]) for file in made.cache_files]
    kept = folder / "hf" / "someone___flowers" / "default" / "0.0.0" / commit
    shutil.copytree(file.parent, kept)


def test_without_network_a_fetched_copy_is_used(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    (tmp_path / "flowers").mkdir()
    fetched_before(tmp_path, commit)
    data = read("someone/flowers", target="kind")
    assert len(data) == 20 and data.name == "flowers"
    assert data.notes[0] == (
        "The Hugging Face Hub cannot be reached (no network in tests): someone/flowers was read from the copy fetched before."
    )
    assert data.source["settings"] == {"revision": commit}
    assert read("someone/flowers", target="kind", revision=commit).fingerprint == data.fingerprint
    with pytest.raises(DataError, match=f"dataset.revision={'f' * 40}: someone/flowers was fetched before as commit {commit}"):
        read("someone/flowers", target="kind", revision="f" * 40)
    with pytest.raises(DataError, match="dataset.subset: someone/flowers has several subsets") as caught:
        read("someone/flowers", target="kind", subset="other")
    assert caught.value.hint == "There are: default. For example: dataset.subset=default"


def test_the_commit_is_asked_for_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    class Info:
        sha = "0123abc"

    asked: list[Any] = []

    def fetched(name: str, subset: str | None, revision: str | None) -> Any:
        asked.append((revision, datasets.config.HF_HUB_OFFLINE))
        return datasets.DatasetDict(train=flowers(20), test=flowers(8))

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *a, **k: Info())
    monkeypatch.setattr(datasets, "load_dataset", fetched)
    data = read("someone/flowers", target="kind")
    assert asked == [("0123abc", False)]
    assert data.source["settings"] == {"revision": "0123abc"} and data.name == "flowers"


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (
            ValueError("Config name is missing.\nPlease pick one among the available configs: ['cola', 'sst2']\nExample:\n\t`x`"),
            "dataset.subset: someone/x has several subsets, and one of them must be named.",
            "There are: cola, sst2. For example: dataset.subset=cola",
        ),
        (
            ValueError("BuilderConfig 'colla' not found. Available: ['cola', 'sst2']"),
            "dataset.subset: someone/x has several subsets, and one of them must be named.",
            "There are: cola, sst2. For example: dataset.subset=cola",
        ),
        (RuntimeError("Dataset scripts are no longer supported, but found x.py"), "someone/x: this set can only be read by its own program, which is not run.", "Parquet"),
        (FileNotFoundError("Couldn't find any data file at /x."), "someone/x: there is no data that can be read: Couldn't find any data file at /x.", "owner/name"),
        (TypeError("odd\nlines"), "someone/x: this set cannot be read: odd.", "owner/name"),
    ],
)  # fmt: skip
def test_what_loading_raises_is_reworded(monkeypatch: pytest.MonkeyPatch, error: Exception, message: str, hint: str) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(hub, "_commit", lambda *a: ("0123abc", None))
    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(DataError) as caught:
        read("someone/x")
    assert caught.value.message == message
    assert hint in caught.value.hint
    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_name_on_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import HFValidationError

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise HFValidationError("no")

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", refuse)
    with pytest.raises(DataError, match="the Hugging Face Hub has no such set, or it is private"):
        read("someone/nothing")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError) as caught:
        read("someone/x")
    assert caught.value.hint == "pip install 'sdl-cli[huggingface]'"


def deep_pictures(levels: list[int], mixed: bool = False) -> datasets.Dataset:
    """16-bit PNGs of one value each, and perhaps an 8-bit one at the end."""
    images = [Image.fromarray(np.full((8, 8), level, np.uint16)) for level in levels]
    images += [Image.new("L", (8, 8), 77)] if mixed else []
    content = []
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        content.append({"bytes": buffer.getvalue(), "path": None})
    values = {"image": content, "label": [i % 2 for i in range(len(content))]}
    features = Features({"image": datasets.Image(), "label": ClassLabel(names=["ant", "bee"])})
    return datasets.Dataset.from_dict(values, features=features)


def test_deep_images_have_one_scale(tmp_path: Path) -> None:
    path = saved(tmp_path / "deep", train=deep_pictures([1000, 1100, 1200, 2000]), test=deep_pictures([0, 60_000]))
    data = eight_bit(read(path), np.arange(4))
    assert data.X.shape == (6, 1, 8, 8)
    assert data.X[:, 0, 0, 0].tolist() == [0, 26, 51, 255, 0, 255]  # 25.5 to even
    assert read(path, value_range=(0.0, 4000.0)).X[:, 0, 0, 0].tolist() == [64, 70, 76, 128, 0, 255]
    mixed = saved(tmp_path / "mixed", only=deep_pictures([1000, 2000, 3000], mixed=True))
    with pytest.raises(DataError, match=r"8 bits \(such as image 3\) and deeper ones \(such as image 0\)"):
        read(mixed)
    assert read(mixed, value_range=(0.0, 4000.0)).X[:, 0, 0, 0].tolist() == [64, 128, 191, 77]
