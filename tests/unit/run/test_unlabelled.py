"""Unlabelled rows of every kind: read as the data set is, without test rows in disguise, and refused in words."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_wine

from sdl_cli.data.dataset import Dataset
from sdl_cli.data.split import Split
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.run import prepare, unlabelled
from sdl_cli.run.hydra import compose_checked
from sdl_cli.run.prepare import divided, load_dataset, settings_without_effect
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.experiment import Experiment

Array = np.ndarray[Any, Any]


def make(*given: str) -> Experiment:
    return parse_experiment(compose_checked("train", list(given), parse_experiment))


def read(*given: str) -> tuple[Dataset, Split]:
    dataset, experiment, _ = load_dataset(make(*given))
    return divided(experiment, dataset)


def photos(folder: Path, num: int, size: tuple[int, int] = (20, 20), seed: int = 0) -> Array:
    """Smooth images in a folder."""
    rng, found = np.random.default_rng(seed), []
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(num):
        small = Image.fromarray(rng.integers(0, 255, (4, 4, 3)).astype(np.uint8))
        image = small.resize(size, Image.Resampling.BICUBIC)
        image.save(folder / f"{i}.png")
        found.append(np.asarray(image).transpose(2, 0, 1))
    return np.stack(found)


def photo_set(folder: Path) -> None:
    for number, name in enumerate(("cat", "dog")):
        photos(folder / name, 12, seed=number)


def table(file: Path, rows: int, columns: tuple[str, ...] = ("age", "dose", "site", "outcome"), seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        for i in range(rows):
            cell = {"age": f"{rng.uniform(20, 80):.4f}", "dose": f"{rng.uniform(0, 9):.4f}", "site": "abc"[i % 3]}
            writer.writerow([cell.get(name, ("ill", "well")[i % 2]) for name in columns])
    return file


def test_rows_that_are_test_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    X = load_wine().data
    near = X.astype(np.float32).astype(np.float64) * (1 + 1e-9)
    other = X + 0.01 * X.std(axis=0)
    np.savez(tmp_path / "more.npz", X=np.concatenate([X, near, other]))
    dataset, parts = read("dataset=wine", f"dataset.unlabeled={tmp_path / 'more.npz'}")
    assert parts.unlabelled is not None and parts.unlabelled.shape == (3 * 178 - 2 * 36, 13)
    said = (
        f"dataset.unlabeled: the model also sees 462 of 534 unlabelled rows of {tmp_path / 'more.npz'}; 72 rows equal or nearly"
    )
    assert any(note.startswith(said) for note in parts.notes)
    assert not unlabelled.equal_or_near(parts.unlabelled, dataset.X[parts.test], dataset).any()
    labelled, test = parts.parts(dataset)
    assert labelled.unlabelled is parts.unlabelled and labelled.divided(0.2, 0)[0].unlabelled is parts.unlabelled
    assert labelled.divided(0.2, 0)[1].unlabelled is None and not hasattr(test, "unlabelled")


def test_numbers_that_are_missing_match_only_missing_ones() -> None:
    dataset, _ = read("dataset=wine")
    test = np.array([[1.0, np.nan, 3.0], [2.0, 5.0, 3.0], [7.0, 1.0, 3.0]])
    X = np.array([[1.0, np.nan, 3.0], [1.0 + 1e-7, np.nan, 3.0], [1.0, 5.0, 3.0], [np.nan, np.nan, 3.0], [2.0, 5.0 - 1e-7, 3.0]])
    assert unlabelled.equal_or_near(X, test, dataset).tolist() == [True, True, False, False, True]


@pytest.mark.parametrize("model", ["deep_net", "autoencoder"])
def test_images_of_another_size_in_a_folder_without_classes_are_resized(tmp_path: Path, model: str) -> None:
    photo_set(tmp_path / "set")
    photos(tmp_path / "more", 7, size=(40, 30), seed=9)
    given = ["dataset=image_folder", f"dataset.path={tmp_path / 'set'}", "dataset.size_px=20", f"model={model}"]
    dataset, parts = read(*given, f"dataset.unlabeled={tmp_path / 'more'}")
    assert parts.unlabelled is not None and parts.unlabelled.shape == (7, 3, 20, 20) and parts.unlabelled.dtype == np.uint8
    again = dataset.X[parts.test][:2]
    lighter = np.clip(again[0].astype(np.int64) + 6, 0, 255).astype(np.uint8)
    disguised = np.stack([again[0], again[1][..., ::-1], lighter])
    assert unlabelled.equal_or_near(disguised, dataset.X[parts.test], dataset).all()
    (tmp_path / "more" / "broken.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"dataset\.unlabeled: .*broken\.png"):
        read(*given, f"dataset.unlabeled={tmp_path / 'more'}")
    _, skipped = read(*given, "dataset.on_error=skip", f"dataset.unlabeled={tmp_path / 'more'}")
    assert skipped.unlabelled is not None and len(skipped.unlabelled) == 7 and "broken.png" in " ".join(skipped.notes)


def test_an_npz_of_larger_colour_images_is_brought_to_the_size_and_channels_of_the_data_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "more.npz", X=rng.integers(0, 255, (6, 16, 24, 3)).astype(np.uint8))
    _, parts = read(f"dataset.unlabeled={tmp_path / 'more.npz'}")
    assert parts.unlabelled is not None and parts.unlabelled.shape == (6, 1, 8, 8)
    assert any("its images of 24 x 16 px in 3 channels were brought to 8 x 8 px in grey" in note for note in parts.notes)


def test_the_training_part_of_an_npz_serves_too_and_its_test_part_never_does(tmp_path: Path) -> None:
    X, y = load_digits(return_X_y=True)
    parts_of = {"x_train": X[:300], "y_train": y[:300], "x_test": X[300:400], "y_test": y[300:400]}
    np.savez(tmp_path / "set.npz", **parts_of)
    path = tmp_path / "set.npz"
    dataset, parts = read("dataset=npz", f"dataset.path={path}", "dataset.num_per_class=3", f"dataset.unlabeled={path}")
    assert parts.unlabelled is not None and len(parts.labelled) == 30
    assert np.array_equal(parts.unlabelled, dataset.X[:300])


def test_a_table_is_matched_by_its_columns_names(tmp_path: Path) -> None:
    given = ["dataset=table", f"dataset.path={table(tmp_path / 'set.csv', 40)}", "dataset.target=outcome"]
    more = table(tmp_path / "more.csv", 15, ("site", "dose", "extra", "age"), seed=1)
    dataset, parts = read(*given, f"dataset.unlabeled={more}")
    assert parts.unlabelled is not None and parts.unlabelled.shape == (15, dataset.X.shape[1])
    own = table(tmp_path / "own.csv", 40, ("dose", "age", "site"))
    _, parts = read(*given, f"dataset.unlabeled={own}")
    assert parts.unlabelled is not None  # columns in another order, and other numbers


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("none.csv", "does not exist", "Give a table or an npz file"),
        ("other.csv", "2 columns that the run needs are missing: age, dose", "the file has: weight, site"),
        ("empty.csv", "no rows", ""),
        ("rows.npz", "an npz file has no columns with names", "like the one of the data set"),
        ("same.csv", "every row of .*same.csv equals a test row", "Give rows that are not among the test rows"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, name: str, message: str, hint: str) -> None:
    given = ["dataset=table", f"dataset.path={table(tmp_path / 'set.csv', 40)}", "dataset.target=outcome"]
    table(tmp_path / "other.csv", 9, ("weight", "site"))
    (tmp_path / "empty.csv").write_text("age,dose,site\n", encoding="utf-8")
    np.savez(tmp_path / "rows.npz", X=np.zeros((3, 3)))
    whole = (tmp_path / "set.csv").read_text(encoding="utf-8").splitlines()
    test = read(*given)[1].test
    (tmp_path / "same.csv").write_text("\n".join([whole[0], *(whole[1 + row] for row in test)]), encoding="utf-8")
    with pytest.raises(DataError, match=rf"dataset\.unlabeled: .*{message}") as caught:
        read(*given, f"dataset.unlabeled={tmp_path / name}")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("dataset", "arrays", "message"),
    [
        ("wine", {"X": np.zeros((3, 5))}, r"rows have shape \(5,\), but those of the data set \(13,\)"),
        ("wine", {"X": np.zeros((3, 1, 8, 8), np.uint8)}, r"shape \(1, 8, 8\)"),
        ("digits", {"X": np.zeros((3, 5))}, r"shape \(5,\), but those of the data set \(1, 8, 8\)"),
        ("wine", {"Z": np.zeros((3, 13))}, "neither X nor x_train is there; it has z"),
        ("wine", {"X": np.full((3, 13), np.nan)}, "NaN or infinity"),
        ("wine", {"X": np.array([{}, {}, {}], dtype=object)}, "pickled"),
    ],
)
def test_an_npz_that_cannot_be_used_is_refused(tmp_path: Path, dataset: str, arrays: dict[str, Array], message: str) -> None:
    np.savez(tmp_path / "more.npz", **arrays)
    with pytest.raises(DataError, match=rf"dataset\.unlabeled: .*{message}"):
        read(f"dataset={dataset}", f"dataset.unlabeled={tmp_path / 'more.npz'}")


def test_texts_are_compared_without_case_and_space(tmp_path: Path) -> None:
    lines = [f"{'good' if i % 2 else 'bad'}\tthe {'fine' if i % 2 else 'poor'} film number {i}" for i in range(40)]
    (tmp_path / "set.txt").write_text("\n".join(lines), encoding="utf-8")
    given = ["dataset=text", f"dataset.path={tmp_path / 'set.txt'}"]
    dataset, plain = read(*given)
    own = [f"  {str(dataset.X[plain.test][0]).upper()}", "another film", "and one more"]
    (tmp_path / "more.txt").write_text("\n".join(own), encoding="utf-8")
    _, parts = read(*given, f"dataset.unlabeled={tmp_path / 'more.txt'}")
    assert parts.unlabelled is not None and list(parts.unlabelled) == ["another film", "and one more"]


def test_numbers_are_refused_and_settings_without_effect_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "more.npz", X=np.zeros((3, 10)))
    given = [f"dataset.unlabeled={tmp_path / 'more.npz'}"]
    dataset = load_dataset(make("dataset=diabetes"))[0]
    with pytest.raises(ConfigError, match="this target is a number") as caught:
        prepare.resolve_settings(make("dataset=diabetes", *given), dataset, 100)
    assert "model=autoencoder" in caught.value.hint
    prepare.resolve_settings(make("dataset=diabetes", "model=autoencoder", *given), dataset, 100)
    wine = load_dataset(make("dataset=wine"))[0]
    ignored = [
        (["model=baseline", *given], "dataset.unlabeled has no effect: model=baseline learns from labelled rows alone."),
        (["model.unlabeled_weight=0", *given], "dataset.unlabeled has no effect: model.unlabeled_weight=0."),
        (["model=autoencoder", "model.pretrain=false", *given], "dataset.unlabeled has no effect: model.pretrain=false."),
        (["model.unlabeled_ratio=5"], "model.unlabeled_ratio has no effect: there are no unlabelled rows (dataset.unlabeled)."),
    ]
    for one, sentence in ignored:
        resolved = prepare.resolve_settings(make("dataset=wine", *one), wine, 100)
        assert sentence in settings_without_effect(resolved)
        assert divided(resolved, wine)[1].unlabelled is None
