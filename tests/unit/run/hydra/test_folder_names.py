"""Run folders carry the names of their data and their method, in letters that every shell takes."""

from __future__ import annotations

from typing import Any

import pytest

from sdl_cli.run.hydra.folder_names import data_name, method_name


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "table", "path": "/data/patients.csv"}, "patients"),
        ({"name": "table", "path": "my data (2).csv.gz"}, "my_data_2"),
        ({"name": "image_folder", "path": "photos/"}, "photos"),
        ({"name": "image_folder", "path": "../.."}, "data"),
        ({"name": "table", "path": "$(reboot);x"}, "reboot_x"),
        ({"name": "table", "path": "a" * 300}, "a" * 40),
        ({"name": "table", "path": "???"}, "table"),
        ({"name": "table", "path": "${oc.env:HOME}"}, "table"),
        ({"name": "huggingface", "dataset": "owner/set"}, "set"),
        ({"name": "torchvision", "dataset": "CIFAR10"}, "CIFAR10"),
        ({"name": "wine"}, "wine"),
        ({}, "data"),
    ],
    ids=str,
)
def test_the_name_of_the_data(settings: dict[str, Any], expected: str) -> None:
    assert data_name(settings) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "baseline", "kind": "forest"}, "forest"),
        ({"name": "baseline"}, "baseline"),
        ({"name": "sklearn", "estimator": "sklearn.svm.SVC"}, "SVC"),
        ({"name": "deep_net", "architecture": "auto"}, "deep_net"),
    ],
    ids=str,
)
def test_the_name_of_the_method(settings: dict[str, Any], expected: str) -> None:
    assert method_name(settings) == expected
