"""How names and differences are written."""

from __future__ import annotations

import math

import pytest

from sdl_cli.measure.metrics import main_metric
from sdl_cli.measure.wording import axis_label, difference, estimated, gain, interval, judged, model_name, signed_interval, size


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ({"name": "baseline", "kind": "forest"}, "baseline (forest)"),
        ({"name": "deep_net", "depth": 8}, "deep_net"),
        ({"name": "finetuned_cnn", "architecture": "auto"}, "finetuned_cnn"),
        ({"name": "finetuned_cnn", "architecture": "resnet18"}, "finetuned_cnn (resnet18)"),
        ({"name": "finetuned_cnn", "architecture": ["resnet18", "timm/a"]}, "finetuned_cnn (resnet18 + timm/a)"),
        ({"name": "sklearn", "estimator": "sklearn.svm.SVC"}, "sklearn (sklearn.svm.SVC)"),
    ],
)
def test_a_model_by_its_settings(model: dict[str, object], name: str) -> None:
    assert model_name(model) == name


@pytest.mark.parametrize(
    ("metric", "numbers", "text"),
    [
        ("accuracy", (0.017, 0.004, 0.038), "accuracy 1.7 points higher than the baseline's (95 % interval: 0.4 to 3.8 higher)"),
        ("accuracy", (-0.017, -0.038, -0.004), "accuracy 1.7 points lower than the baseline's (95 % interval: 0.4 to 3.8 lower)"),
        (
            "accuracy",
            (0.01, -0.01, 0.03),
            "accuracy 1.0 point higher than the baseline's (95 % interval: 1.0 lower to 3.0 higher)",
        ),
        ("accuracy", (0.0, -0.01, 0.01), "accuracy equal to the baseline's (95 % interval: 1.0 lower to 1.0 higher)"),
        ("rmse", (0.2, -0.1, 0.5), "RMSE 0.2 lower than the baseline's (95 % interval: 0.1 higher to 0.5 lower)"),
        ("rmse", (-0.2, -math.inf, math.inf), "RMSE 0.2 higher than the baseline's"),
    ],
)
def test_a_gain_says_which_way_it_goes_and_has_no_sign(metric: str, numbers: tuple[float, float, float], text: str) -> None:
    assert gain(metric, *numbers) == text
    assert "+" not in text and "-" not in text


def test_differences_and_their_size() -> None:
    assert difference("accuracy", 0.0166, 0.004, 0.03) == "+1.7 points (+0.4 to +3.0)"
    assert difference("accuracy", 0.0166, unit=False) == "+1.7"
    assert difference("rmse", -0.1234) == "-0.123"
    assert [size("accuracy", d) for d in (0.01, -0.017)] == ["1.0 point", "1.7 points"] and size("rmse", -0.5) == "0.5"
    assert signed_interval("accuracy", 0.0, 0.02) == "0.0 to +2.0" and signed_interval("rmse", None, 1.0) == ""


def test_intervals() -> None:
    assert interval("accuracy", 0.9, 0.95) == "90.0 to 95.0"
    assert interval("accuracy", 0.9, 0.95, 0.9) == "90 % interval 90.0 to 95.0"
    assert interval("rmse", -math.inf, 3.0) == interval("rmse", None, 3.0) == ""
    assert estimated("accuracy", None, None, None) == "undefined"


def test_verdicts_and_main_metrics() -> None:
    assert judged(0.1, True) == "measurably better" and judged(-0.1, True) == "measurably worse"
    assert judged(0.1, False) == "no measurable difference" and judged(None, False) == "undefined"
    assert main_metric({"accuracy": 1, "log_loss": 2}) == "accuracy" and main_metric(["rmse", "r2"]) == "rmse"
    assert axis_label("roc_auc") == "ROC AUC (%)" and axis_label("rmse") == "RMSE"
