"""scikit-learn's own checks on every estimator that takes tables."""

from __future__ import annotations

import warnings

from sklearn.utils.estimator_checks import parametrize_with_checks

from sdl_cli.learning.models.autoencoder import AutoencoderNet, AutoencoderNetRegressor
from sdl_cli.learning.models.baseline import Baseline, BaselineRegressor
from sdl_cli.learning.models.deep_net import DeepNet, DeepNetRegressor
from sdl_cli.learning.models.open_door import SklearnModel, SklearnModelRegressor
from sdl_cli.settings.experiment import Training

FEW = Training(epochs=20, learning_rate=0.02)
ROUNDING = "matrix products of other batch shapes differ in the last bits of float32, and the check compares to 1e-7"
FLOAT32 = {"check_methods_subset_invariance": ROUNDING, "check_methods_sample_order_invariance": ROUNDING}

ESTIMATORS = [
    Baseline(num_trees=10),
    Baseline(kind="extra_trees", num_trees=10),
    Baseline(kind="logistic"),
    Baseline(kind="svm"),
    Baseline(kind="gradient_boosting"),
    BaselineRegressor(num_trees=10),
    BaselineRegressor(kind="ridge"),
    BaselineRegressor(kind="svm"),
    SklearnModel(),
    SklearnModelRegressor(estimator="sklearn.linear_model.Ridge"),
    DeepNet(depth=2, width=32, dropout=0.0, training=FEW),
    DeepNetRegressor(depth=2, width=32, dropout=0.0, training=FEW),
    AutoencoderNet(widths=(32, 16), pretrain_epochs=2, training=FEW),
    AutoencoderNetRegressor(widths=(32, 16), pretrain_epochs=2, training=FEW),
]


FEW_TREES = "the check asks scikit-learn's own trees for larger leaves first; ten full-grown extra trees learn every row"

PURE_LEAVES = "a leaf of rows of one class is fitted whatever their weight, and the check's classes are noise"


def expected_failures(estimator: object) -> dict[str, str]:
    if getattr(estimator, "kind", "") in ("extra_trees", "gradient_boosting"):
        return {"check_class_weight_classifiers": FEW_TREES if estimator.kind == "extra_trees" else PURE_LEAVES}  # type: ignore[attr-defined]
    return FLOAT32 if type(estimator).__name__.startswith(("DeepNet", "Autoencoder")) else {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learn_checks(estimator, check) -> None:  # type: ignore[no-untyped-def]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks feed degenerate data on purpose
        check(estimator)


def test_the_checks_are_many() -> None:
    assert len(ESTIMATORS) == 14
