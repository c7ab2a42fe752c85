"""An estimator of the user's, in a file beside the data: found there, asked for what it must give, and never imported unnamed."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from integration.conftest import Sdl

METHODS = """
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

Path("was_imported").touch()


class Nearest(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.means_ = np.stack([X[y == k].mean(axis=0) for k in self.classes_])
        return self

    def predict(self, X):
        return self.classes_[((X[:, None] - self.means_) ** 2).sum(axis=2).argmin(axis=1)]


class Names(Nearest):
    def predict(self, X):
        return np.array([f"class_{k}" for k in super().predict(X)])


class Short(Nearest):
    def predict(self, X):
        return super().predict(X)[:1]


class Three(Nearest):
    def predict_proba(self, X):
        return np.ones((len(X), 3))


class Negative(Nearest):
    def predict_proba(self, X):
        return np.tile([2.0, -1.0, 0.0], (len(X), 1))


class NotFinite(Nearest):
    def predict_proba(self, X):
        return np.full((len(X), 3), np.nan)


class Forgets(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


class Plain:
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))
"""
TRAIN = "train dataset=wine model=sklearn model.estimator=my_methods"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("my_methods", None)
    (tmp_path / "my_methods.py").write_text(METHODS)
    return tmp_path


def forget(folder: Path) -> None:
    sys.modules.pop("my_methods", None)
    (folder / "was_imported").unlink(missing_ok=True)


def test_one_in_the_working_folder_is_trained_and_trusted_when_asked(sdl: Sdl, folder: Path) -> None:
    found = sdl(f"{TRAIN}.Nearest hydra.run.dir=one")
    assert found.code == 0, found.err
    said = " ".join(found.err.split())
    assert "imported: model.estimator=my_methods.Nearest is my_methods.Nearest (my_methods.py)" in said
    forget(folder)
    refused = sdl("evaluate one")
    assert refused.code == 2 and "add --trust" in refused.err and not (folder / "was_imported").exists()
    again = sdl("evaluate one --trust")
    assert again.code == 0 and "Without probabilities" not in again.out
    rows = list(csv.DictReader((folder / "one" / "predictions.csv").read_text().splitlines()))
    assert {row["probability_class_0"] for row in rows} == {"0.0", "1.0"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Names", ["predict gave 'class_", "its y in fit had only 0, 1, 2"]),
        ("Short", ["predict gave 1 classes for 36 rows"]),
        ("Three", ["its probabilities of a row add up to 3, not to 1"]),
        ("Negative", ["one of its probabilities is -1, less than 0"]),
        ("NotFinite", ["108 of its probabilities are not finite numbers", "model.params"]),
        ("Forgets", ["does not look fitted", "attributes that end with _"]),
        ("Plain", ["no estimator as scikit-learn understands it", "ClassifierMixin and BaseEstimator"]),
        ("Missing", ["my_methods.Missing", "Missing"]),
    ],
)
def test_what_it_does_wrong_is_said(sdl: Sdl, folder: Path, name: str, words: list[str]) -> None:
    found = sdl(f"{TRAIN}.{name}")
    assert found.code in (1, 2)
    said = " ".join(found.err.split())
    assert all(word in said for word in words), found.err


def test_classes_without_probabilities_are_said_to_be_that(sdl: Sdl, folder: Path) -> None:
    assert "each class gets 0 or 1" in " ".join(sdl(f"{TRAIN}.Nearest").err.split())


def test_a_folder_alone_has_nothing_imported(sdl: Sdl, folder: Path) -> None:
    """Neither a configuration file of the folder, nor a stopped run, names code by itself."""
    (folder / "sdl.yaml").write_text("model: sklearn\nmodel.estimator: my_methods.Nearest\n")
    found = sdl("train dataset=wine")
    assert found.code == 2 and "Say so on the command line: model.estimator=my_methods.Nearest" in found.err, found.err
    assert not (folder / "was_imported").exists()
    (folder / "sdl.yaml").unlink()
    assert sdl(f"{TRAIN}.Nearest hydra.run.dir=one").code == 0
    forget(folder)
    (folder / "one" / "status.json").write_text('{"kind": "train", "state": "interrupted"}')
    resumed = sdl("train --resume one")
    assert resumed.code == 2 and "--trust" in resumed.err and not (folder / "was_imported").exists()
    assert sdl("train --resume one --trust").code == 0
    arm = folder / "sdl_conf" / "arm" / "nearest.yaml"
    arm.parent.mkdir(parents=True)
    arm.write_text(
        "# the nearest mean\nrung: 1\nladder: true\ntasks: [classification]\nmodalities: [table]\nmin_px: null\n"
        "overrides: [model=sklearn, model.estimator=my_methods.Nearest]\ncandidates: [[]]\n"
    )
    forget(folder)
    one = "compare dataset=wine compare.num_repeats=2 compare.curve=false compare.minutes=null parallel.backend=threading"
    sdl(f"{one} compare.minutes=0.1")
    assert not (folder / "was_imported").exists()
    named = sdl(f"{one} compare.baseline=logistic compare.arms=[nearest,logistic]")
    assert named.code == 0 and (folder / "was_imported").exists(), named.err
