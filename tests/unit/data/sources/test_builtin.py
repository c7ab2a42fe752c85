"""scikit-learn's own sets, the table of data sets, and their YAML."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sdl_cli.data import DATASETS, load
from sdl_cli.data.sources.builtin import Digits
from sdl_cli.settings.experiment import DataSettings
from sdl_cli.settings.parse import ConfigError, parse

CONF = Path(__file__).parents[4] / "conf" / "dataset"


@pytest.mark.parametrize(
    ("name", "shape", "task", "num_classes"),
    [
        ("digits", (1797, 1, 8, 8), "classification", 10),
        ("breast_cancer", (569, 30), "classification", 2),
        ("wine", (178, 13), "classification", 3),
        ("iris", (150, 4), "classification", 3),
        ("diabetes", (442, 10), "regression", 0),
    ],
)
def test_shapes(name: str, shape: tuple[int, ...], task: str, num_classes: int) -> None:
    data = load(DATASETS[name]())
    assert (data.name, data.X.shape, data.task, len(data.classes)) == (name, shape, task, num_classes)
    assert data.modality == ("image" if len(shape) == 4 else "table")
    assert data.X.dtype == (np.uint8 if len(shape) == 4 else np.float64)
    assert data.y.dtype == (np.int64 if num_classes else np.float64)
    assert len(data.feature_names) == (0 if len(shape) == 4 else shape[1])
    assert len(data.ids) == len(data.y) == len(data) == shape[0]
    assert all(type(c) is str for c in (*data.classes, *data.feature_names))
    assert data.fingerprint == load(DATASETS[name]()).fingerprint


def test_digits_as_images_and_as_table() -> None:
    images, table = load(Digits()), load(Digits(as_table=True))
    assert images.X.max() == 255
    assert table.X.max() == 16
    assert np.array_equal(np.rint(table.X * 255 / 16).astype(np.uint8), images.X.reshape(1797, 64))
    assert images.fingerprint != table.fingerprint


def test_importing_the_package_is_quick() -> None:
    code = "import sys, sdl_cli.data; print([m for m in ('torch', 'torchvision', 'sklearn', 'PIL') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def defaults(kind: type) -> dict[str, Any]:
    shown = {f.name: "???" if f.default is dataclasses.MISSING else f.default for f in dataclasses.fields(kind)}
    shown |= {f.name: f.default_factory() for f in dataclasses.fields(kind) if f.default_factory is not dataclasses.MISSING}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in shown.items()}


def test_yaml_and_dataclass_hold_the_same() -> None:
    seen = 0
    for path in sorted(CONF.glob("*.yaml")):
        kind = DATASETS[path.stem]
        assert yaml.safe_load(path.read_text(encoding="utf-8")) == defaults(kind), path.name
        assert issubclass(kind, DataSettings)
        assert dataclasses.asdict(parse({"dataset": DATASETS}, {"dataset": example(path)}, into=Only).dataset)
        seen += 1
    assert seen == len(DATASETS)


@dataclasses.dataclass(frozen=True)
class Only:
    """An experiment of a data set and nothing else."""

    dataset: Any


def example(path: Path) -> dict[str, Any]:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {key: "somewhere" if value == "???" else value for key, value in values.items()}


def test_every_option_has_a_comment() -> None:
    for path in sorted(CONF.glob("*.yaml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("# "), path.name
        for line in lines[1:]:
            assert line.startswith("name: ") or "  # " in line, (path.name, line)


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("image_folder", "on_error", "skp", "Did you mean skip?"),
        ("image_folder", "size_px", 2, "from 4 to 2048"),
        ("npz", "task", "cluster", "is not one of auto, classification, regression"),
        ("torchvision", "limit", 0, "at least 1"),
        ("digits", "test_fraction", 1.0, "out of range"),
        ("wine", "as_table", True, "no such setting"),
    ],
)
def test_values_out_of_range(name: str, key: str, value: Any, message: str) -> None:
    values = example(CONF / f"{name}.yaml") | {key: value}
    with pytest.raises(ConfigError) as caught:
        parse({"dataset": DATASETS}, {"dataset": values}, into=Only)
    assert f"dataset.{key}" in caught.value.message
    assert message in caught.value.message
