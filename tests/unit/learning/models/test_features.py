"""Frozen features: computed once for a whole data set, the same for every subset, and found again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from sdl_cli.data.dataset import Dataset
from sdl_cli.learning.models import build, features, pretrained
from sdl_cli.run import prepare
from sdl_cli.run.hydra import compose_checked
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.experiment import Experiment
from sdl_cli.study.curve.measure import run_cell


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An npz of 24 images in two classes that differ in brightness, and a state dict of an untrained network."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    X = rng.integers(0, 120, (24, 3, 32, 32), dtype=np.uint8) + (100 * y[:, None, None, None]).astype(np.uint8)
    np.savez(folder / "photos.npz", X=X, y=y)
    torch.manual_seed(0)
    torch.save(pretrained.build_backbone("squeezenet1_1")[0].state_dict(), folder / "weights.pth")
    return folder


def settings(photos: Path, *more: str) -> Experiment:
    given = [f"dataset.path={photos}/photos.npz", f"model.weights={photos}/weights.pth", "model.image_size_px=32"]
    common = ["dataset=npz", "model=finetuned_cnn", "precision=float32", "memory_format=contiguous", "num_threads=1"]
    return parse_experiment(compose_checked("train", [*common, *given, *more], parse_experiment))


def load(found: Experiment) -> Dataset:
    return prepare.load_dataset(found)[0]


def test_which_models_use_them(photos: Path) -> None:
    changes: tuple[list[str], ...] = ([], ["model.strategy=probe"], ["model.strategy=finetune"], ["model.weights=none"])
    used = [settings(photos, *change).model.uses_frozen_features for change in changes]
    assert used == [True, True, False, False], "random weights depend on the seed"


def test_they_are_what_the_probe_would_compute_and_are_remembered(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path))
    found = settings(photos, "model.strategy=probe")
    dataset = load(found)
    first = features.frozen_features(found, dataset)
    assert first.shape == (24, 512) and first.dtype == np.float64 and first.std() > 0
    [file] = (tmp_path / "features").iterdir()
    np.save(file, first + 1, allow_pickle=False)
    assert np.array_equal(features.frozen_features(found, dataset), first + 1), "read, not computed again"
    other = settings(photos, "model.strategy=probe", "model.image_size_px=40")
    assert not np.array_equal(features.frozen_features(other, dataset), first + 1)
    file.write_bytes(b"damaged")
    assert np.allclose(features.frozen_features(found, dataset), first)


@pytest.mark.parametrize("strategy", ["probe", "probe_then_finetune"])
def test_a_fit_with_them_comes_to_the_same_numbers(photos: Path, tmp_path: Path, strategy: str) -> None:
    found = settings(photos, f"model.strategy={strategy}", "training.epochs=1", "dataset.num_train=12")
    dataset = load(found)
    known = features.frozen_features(found, dataset)
    without = run_cell(found, tmp_path / "without", False, False, dataset=dataset)
    with_them = run_cell(found, tmp_path / "with", False, False, dataset=dataset, frozen=known)
    for name in ("accuracy", "log_loss"):
        assert with_them["test"][name] == pytest.approx(without["test"][name], abs=1e-4), name


def test_they_reach_the_probe(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(photos, "model.strategy=probe")
    dataset = load(found)
    wrong = np.random.default_rng(0).normal(size=(24, 512))
    misled = run_cell(found, tmp_path / "misled", False, False, dataset=dataset, frozen=wrong)
    right = run_cell(found, tmp_path / "right", False, False, dataset=dataset, frozen=features.frozen_features(found, dataset))
    assert misled["test"]["log_loss"] != right["test"]["log_loss"]


def test_a_probe_predicts_from_features_as_from_images(photos: Path) -> None:
    found = settings(photos, "model.strategy=probe")
    dataset = load(found)
    model = build(found, dataset.task).fit(dataset.X[:16], dataset.y[:16])
    known = features.frozen_features(found, dataset)
    np.testing.assert_allclose(model.outputs_of_features(known[16:]), model.predict_proba(dataset.X[16:]), atol=1e-5)
    numbers = dataclasses.replace(dataset, task="regression", y=dataset.y * 3.0 + 1, classes=())
    regressor = build(found, "regression").fit(numbers.X[:16], numbers.y[:16])
    np.testing.assert_allclose(regressor.outputs_of_features(known[16:]), regressor.predict(numbers.X[16:]), atol=1e-4)


def test_weights_have_a_key_of_their_own(photos: Path, tmp_path: Path) -> None:
    key = pretrained.weights_key("squeezenet1_1", f"{photos}/weights.pth")
    (tmp_path / "copy.pth").write_bytes((photos / "weights.pth").read_bytes())
    assert pretrained.weights_key("squeezenet1_1", f"{tmp_path}/copy.pth") == key
    torch.manual_seed(1)
    torch.save(pretrained.build_backbone("squeezenet1_1")[0].state_dict(), tmp_path / "other.pth")
    assert pretrained.weights_key("squeezenet1_1", f"{tmp_path}/other.pth") != key
