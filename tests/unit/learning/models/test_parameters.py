"""Estimators as scikit-learn's tools see them: parameters to the bottom, names for settings, and ranges in the usual words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from sdl_cli.data.augment.policies import FlipCrop
from sdl_cli.errors import ConfigError
from sdl_cli.learning.losses import Cosine, CrossEntropy
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.blend import Blend
from sdl_cli.learning.models.deep_net import DeepNet, DeepNetRegressor
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN
from sdl_cli.learning.models.pretrained_table import PretrainedTable
from sdl_cli.settings.experiment import PCA, Training

X, Y = load_iris(return_X_y=True)
QUICK: dict[str, Any] = {"depth": 1, "width": 4, "device": "cpu", "precision": "float32"}


def test_settings_inside_are_parameters_whether_they_are_given_or_not() -> None:
    found = DeepNet().get_params()
    assert found["training"] is None and found["training__epochs"] is None and found["training__num_restarts"] == 3
    assert found["loss"] is None and found["loss__class_weight"] == "none"
    assert DeepNet(training=Training(epochs=7)).get_params()["training__epochs"] == 7
    assert DeepNet(loss="cosine").get_params()["loss__xent_weight"] == 0.0
    assert "training__epochs" not in DeepNet().get_params(deep=False)
    assert FinetunedCNN(reduce=PCA(num_components=5)).get_params()["reduce__num_components"] == 5
    assert not any("__" in key for key in Baseline().get_params())


def test_a_setting_inside_takes_the_place_of_none_and_leaves_others_as_they_were() -> None:
    model = DeepNet().set_params(training__epochs=5)
    assert model.training == Training(epochs=5)
    shared = Training(epochs=3, patience=2)
    changed = DeepNet(training=shared).set_params(training__epochs=9)
    assert changed.training == Training(epochs=9, patience=2) and shared.epochs == 3
    assert DeepNet().set_params(loss="cosine", loss__xent_weight=0.1).loss == Cosine(xent_weight=0.1)
    assert DeepNet().set_params(augment={"name": "flip_crop", "flip": False}).given("augment") == FlipCrop(flip=False)
    assert clone(DeepNet(training={"epochs": 4})).get_params()["training__epochs"] == 4


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"training__epoch": 5}, r"training__epoch: training has no such setting\. Did you mean epochs\?"),
        ({"loss__xent_weight": 1}, r"loss__xent_weight: loss of auto has no such setting\. .*There are: class_weight\."),
        ({"augment__flip": True}, r"augment__flip: augment of none has no such setting\. It has none\."),
        ({"dept": 1}, "Invalid parameter 'dept'"),
    ],
)
def test_a_parameter_that_there_is_not(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DeepNet().set_params(**params)


def test_a_search_over_settings_inside_finds_the_better() -> None:
    search = GridSearchCV(
        DeepNet(**QUICK, training={"learning_rate": 0.05}, random_state=0), {"training__epochs": [1, 30]}, cv=2, n_jobs=1
    ).fit(X, Y)
    assert search.best_params_ == {"training__epochs": 30}
    assert search.best_estimator_.training_.epochs == 30


def test_a_loss_by_its_name_is_that_loss() -> None:
    named = DeepNet(loss="cosine", training={"epochs": 3}, **QUICK).fit(X, Y)
    given = DeepNet(loss=Cosine(), training=Training(epochs=3), **QUICK).fit(X, Y)
    assert named.loss_ == Cosine()
    np.testing.assert_array_equal(named.predict_proba(X), given.predict_proba(X))
    assert DeepNet(loss="auto", training={"epochs": 1}, **QUICK).fit(X, Y).loss_ == CrossEntropy()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (DeepNet(depth=-1), "model.depth: -1 is out of range: it must be from 1 to 200."),
        (DeepNet(depth=np.int64(0)), "model.depth: 0 is out of range: it must be from 1 to 200."),
        (DeepNet(depth=1.5), "model.depth: 1.5 is not a whole number, from 1 to 200."),
        (DeepNet(architecture="mpl"), "model.architecture: 'mpl' is not one of auto, mlp, resnet, plain. Did you mean mlp?"),
        (DeepNet(training=Training(epochs=0)), "training.epochs: 0 is out of range: it must be at least 1."),
        (DeepNet(training={"epochs": 0}), "training.epochs: 0 is out of range: it must be at least 1."),
        (DeepNet(training={"epoch": 1}), "training.epoch: no such setting. Did you mean training.epochs?"),
        (DeepNet(training=5), "training: 5 is neither None nor settings or a dictionary of them."),
        (DeepNet(loss="cosin"), "loss.name: no loss is called 'cosin'. Did you mean cosine?"),
        (DeepNet(loss=Cosine(xent_weight=-1.0)), "loss.xent_weight: -1.0 is out of range: it must be at least 0."),
        (DeepNet(validation_fraction=2), "dataset.validation_fraction: 2.0 is out of range: it must be from 0 (excluded) to 1"),
        (DeepNet(precision="half"), "precision: 'half' is not one of auto, float32, bfloat16, float16."),
        (DeepNet(num_threads=0), "num_threads: 0 is out of range: it must be at least 1."),
        (DeepNetRegressor(dropout=1.0), "model.dropout: 1.0 is out of range: it must be from 0 to 1 (excluded)."),
        (Baseline(num_trees=0), "model.num_trees: 0 is out of range: it must be at least 1."),
        (Baseline(kind="tree"), "model.kind: 'tree' is not one of forest, extra_trees, logistic"),
        (Blend(num_trees=0), "model.num_trees: 0 is out of range"),
        (PretrainedTable(num_members=0), "model.num_members: 0 is out of range"),
    ],
)
def test_what_is_out_of_range_is_said_as_on_the_command_line_before_anything_is_fitted(model: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model.fit(X, Y)
    assert caught.value.message.startswith(message)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        DeepNet(depth=-1, loss="cosin", training={"epochs": 0}).fit(X, Y)
    assert [line.partition(":")[0] for line in caught.value.message.splitlines()] == [
        "model.depth",
        "loss.name",
        "training.epochs",
    ]
