"""Estimators of others: their own words, and the files that they read beside a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris

from sdl_cli.errors import ConfigError, DataError, RunError
from sdl_cli.learning.models import foreign
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.open_door import SklearnModel, import_estimator
from sdl_cli.learning.models.settings import BaselineSettings, SklearnSettings
from sdl_cli.learning.models.storage import load_model, save_model
from sdl_cli.measure.baseline import model_outputs

IRIS = load_iris(return_X_y=True)
INPUTS = {"modality": "table", "shape": [4], "classes": ["a", "b", "c"], "features": list("wxyz"), "columns": [], "source": {}}
HERE = f"{__name__}.Reads"


class Reads(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that reads a file to be fitted and again when it is loaded, and fails where it is told to."""

    def __init__(self, weights_path: str = "", fails: str = "") -> None:
        self.weights_path, self.fails = weights_path, fails

    def fit(self, X: Any, y: Any) -> Reads:
        if self.fails == "fit":
            raise ImportError("Missing optional dependency\n'boost'.")
        self.classes_, self.shares_ = np.unique(y), np.bincount(y) / len(y)
        if self.fails == "save":
            self.open_ = type("Unknown", (), {"__reduce__": lambda self: 1 / 0})()
        return self

    def predict(self, X: Any) -> Any:
        return self.classes_[self.predict_proba(X).argmax(1)]

    def predict_proba(self, X: Any) -> Any:
        if self.fails == "predict":
            raise OSError("no route to host")
        if self.fails == "leave":
            raise SystemExit(3)
        return np.tile(self.shares_[: 1 if self.fails == "shape" else None], (len(X), 1))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.fails == "load":
            raise ConnectionError("the hub cannot\nbe reached")


def fitted(**params: Any) -> SklearnModel:
    return SklearnModel(estimator=HERE, params=params).fit(*IRIS)


def test_a_name_is_that_of_an_estimator_of_others_alone() -> None:
    assert foreign.name_of(SklearnSettings(estimator="a.B")) == foreign.name_of(SklearnModel("a.B")) == "a.B"
    assert foreign.name_of(BaselineSettings()) is foreign.name_of(Baseline()) is foreign.name_of(object()) is None


def test_what_others_raise_names_them_and_what_we_raise_does_not_change() -> None:
    model = SklearnModel("a.B")
    with (
        pytest.raises(RunError, match="^model.estimator: a.B failed: ValueError: one two\nChange its model.params"),
        foreign.own_words(model),
    ):
        raise ValueError("one\n  two")
    with pytest.raises(DataError, match="^ours$"), foreign.own_words(model):
        raise DataError("ours")
    with pytest.raises(ZeroDivisionError), foreign.own_words(Baseline()):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("fails", "message"),
    [("predict", "OSError: no route to host"), ("leave", "SystemExit: 3"), ("shape", r"the shape \(150, 1\), not \(150, 3\)")],
)
def test_a_prediction_that_fails_is_said(fails: str, message: str) -> None:
    with pytest.raises(RunError, match=rf"model.estimator: {HERE} failed: .*{message}"):
        model_outputs(fitted(fails=fails), IRIS[0], 3)


def test_what_cannot_be_stored_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=rf"model.estimator: {HERE} cannot be stored: ") as found:
        save_model(fitted(fails="save"), "sklearn", "classification", tmp_path, INPUTS)
    assert "sdl curve and sdl compare" in found.value.hint


def test_what_cannot_be_loaded_again_is_said(tmp_path: Path) -> None:
    save_model(fitted(fails="load"), "sklearn", "classification", tmp_path, INPUTS)
    with pytest.raises(
        DataError, match=f"This run uses {HERE}, which cannot be loaded again: .*the hub cannot be reached"
    ) as found:
        load_model(tmp_path, trust=True)
    assert "(model.params: fails)" in found.value.hint


def test_a_file_that_is_gone_or_changed_is_named_with_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.bin").write_bytes(b"one")
    Path("run").mkdir()
    save_model(fitted(weights_path="weights.bin"), "sklearn", "classification", Path("run"), INPUTS)
    assert load_model(Path("run"), trust=True)[0].predict(IRIS[0]).shape == (150,)
    Path("weights.bin").write_bytes(b"two")
    with pytest.raises(
        DataError, match=rf"This run uses {HERE} with the file weights.bin \(model.params.weights_path\), which has changed"
    ):
        load_model(Path("run"), trust=True)
    Path("weights.bin").unlink()
    with pytest.raises(DataError, match="there is no such file here") as found:
        load_model(Path("run"), trust=True)
    assert f"(it was {tmp_path / 'weights.bin'})" in found.value.hint


def test_files_are_the_values_that_are_paths_of_files(tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    file.write_bytes(b"")
    values = {"path": str(file), "folder": str(tmp_path), "kind": "rbf", "c": 1, "long": "x" * 5000, "null": "\0"}
    assert list(foreign.files_of(values)) == ["path"]


def test_a_package_that_cannot_be_imported_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaks_when_imported.py").write_text("raise RuntimeError('no such\\nversion')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="breaks_when_imported.Thing cannot be imported: RuntimeError: no such version"):
        import_estimator("breaks_when_imported.Thing")
