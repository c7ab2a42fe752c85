"""The quick baseline is fitted once and remembered; the majority predictor is the class shares or the mean."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from sdl_cli import data
from sdl_cli.data import DATASETS
from sdl_cli.data.split import LabelledPart, TestPart
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.settings import BaselineSettings
from sdl_cli.measure import baseline


@pytest.fixture
def wine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("SDL_CACHE", str(tmp_path))
    dataset = data.load(DATASETS["wine"]())
    order = np.random.default_rng(0).permutation(len(dataset))
    return LabelledPart(dataset, order[:140]), TestPart(dataset, order[140:])


def test_it_is_the_default_forest_fitted_on_the_labelled_rows(wine) -> None:  # type: ignore[no-untyped-def]
    labelled, test = wine
    expected = RandomForestClassifier(500, random_state=7, n_jobs=1).fit(labelled.X, labelled.y)
    assert np.array_equal(baseline.baseline_outputs(labelled, test, 7), expected.predict_proba(test.X))


@pytest.mark.parametrize(
    ("modality", "task", "num_rows", "expected"),
    [
        ("table", "classification", 400, {}),
        ("table", "regression", 10_000, {}),
        ("table", "regression", 20_000, {"num_trees": 250}),
        ("text", "classification", 10**6, {"num_trees": 100}),
        ("image", "classification", 80, {"kind": "extra_trees", "num_trees": 200}),
        ("image", "classification", 15_000, {"kind": "extra_trees", "num_trees": 133}),
        ("image", "classification", 50_000, {"kind": "extra_trees", "num_trees": 100}),
        ("image", "regression", 80, {"kind": "extra_trees", "num_trees": 200, "features_fraction": 1 / 3}),
    ],
)
def test_it_is_another_forest_where_the_default_takes_long(
    wine: Any, modality: Any, task: Any, num_rows: int, expected: dict[str, Any]
) -> None:
    dataset = dataclasses.replace(wine[0].dataset, task=task, modality=modality)
    found = baseline.quick_baseline(dataset, num_rows)
    assert found == BaselineSettings(**expected)
    said = baseline.unlike_default(found, num_rows)
    assert (f"has {found.num_trees} " in said) if said else not expected


def test_on_images_it_is_extremely_randomised_trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path))
    dataset = data.load(DATASETS["digits"]())
    labelled, test = LabelledPart(dataset, np.arange(100)), TestPart(dataset, np.arange(100, 130))
    expected = ExtraTreesClassifier(200, random_state=7, n_jobs=1).fit(labelled.X.reshape(100, -1).astype(np.float32), labelled.y)
    assert np.array_equal(baseline.baseline_outputs(labelled, test, 7), expected.predict_proba(test.X.reshape(30, -1)))


def test_it_is_fitted_once_per_data_split_and_seed(wine, small_forests: None, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    labelled, test = wine
    fits = []
    original = Baseline.fit
    monkeypatch.setattr(Baseline, "fit", lambda self, X, y: (fits.append(len(y)), original(self, X, y))[1])
    first = baseline.baseline_outputs(labelled, test, 0)
    assert np.array_equal(baseline.baseline_outputs(labelled, test, 0), first) and fits == [140]
    baseline.baseline_outputs(LabelledPart(labelled.dataset, labelled.rows[:100]), test, 0)
    baseline.baseline_outputs(labelled, TestPart(test.dataset, test.rows[:20]), 0)
    baseline.baseline_outputs(labelled, test, 1)
    assert fits == [140, 100, 140, 140]


def test_a_damaged_memory_is_made_anew(wine, small_forests: None, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    labelled, test = wine
    first = baseline.baseline_outputs(labelled, test, 0)
    [file] = (tmp_path / "baselines").iterdir()
    for content in (b"", b"garbage", file.read_bytes()[:-50]):
        file.write_bytes(content)
        assert np.array_equal(baseline.baseline_outputs(labelled, test, 0), first)


def test_the_majority_predictor(wine) -> None:  # type: ignore[no-untyped-def]
    labelled, test = wine
    shares = np.bincount(labelled.y, minlength=3) / 140
    assert np.allclose(baseline.majority_outputs(labelled, len(test)), shares)
    diabetes = data.load(DATASETS["diabetes"]())
    assert np.allclose(baseline.majority_outputs(LabelledPart(diabetes, np.arange(100)), 20), diabetes.y[:100].mean())


def test_a_class_the_model_never_saw_gets_probability_zero(wine) -> None:  # type: ignore[no-untyped-def]
    dataset = wine[0].dataset
    rows = np.flatnonzero(dataset.y != 1)
    model = Baseline(num_trees=10).fit(dataset.X[rows], dataset.y[rows])
    outputs = baseline.model_outputs(model, dataset.X, 3)
    assert outputs.shape == (178, 3) and (outputs[:, 1] == 0).all() and np.allclose(outputs.sum(1), 1)


def test_rows_are_answered_among_the_classes_that_they_allow() -> None:
    probs = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
    allowed = np.array([[True, True, True], [False, True, True], [False, True, True]])
    np.testing.assert_allclose(baseline.among(probs, allowed), [[0.5, 0.3, 0.2], [0.0, 0.6, 0.4], [0.0, 0.5, 0.5]])
    assert baseline.among(probs, None) is probs
    forest = Baseline(num_trees=5, random_state=0).fit(np.eye(6)[:, :4], np.array([0, 1, 2, 0, 1, 2]))
    own = baseline.model_outputs(forest, np.eye(3, 4), 3, allowed)
    np.testing.assert_allclose(own, baseline.among(forest.predict_proba(np.eye(3, 4)), allowed))
