"""Every experiment file: its header says what it claims, it composes, and a shortened version of it runs to a scored result."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from sdl_cli.run import hydra as bridge
from sdl_cli.run import train
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.yaml_files import conf_dir

FILES = sorted((conf_dir() / "experiment").glob("*.yaml"))
HEADER = {
    "command": r"sdl train experiment=(?P<name>\w+)( \S+=\S+)*",
    "expected": r"(accuracy|RMSE) [\d.]+ \+- [\d.]+.*\(\d+ (splits|seeds|subsets)\)",
    "device": r".+",
    "minutes": r"[\d.]+",
}


def test_there_are_the_experiments_that_were_written() -> None:
    assert len(FILES) == 20


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_the_header_gives_command_expectation_device_and_minutes(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("# @package _global_\n")
    for key, pattern in HEADER.items():
        found = re.search(rf"^# {key}:\s+(?P<value>.*)$", text, re.MULTILINE)
        assert found, f"{file.name} has no line '# {key}:'"
        match = re.fullmatch(pattern, found["value"])
        assert match, f"{file.name}: {found['value']!r}"
        if key == "command":
            assert match["name"] == file.stem


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_short_version_runs(
    file: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, small_forests: None
) -> None:
    overrides = [f"experiment={file.stem}"]
    if file.stem.startswith("hymenoptera"):
        shared = request.getfixturevalue("shared_data")
        monkeypatch.setenv("TORCH_HOME", str(shared / "torch_home"))
        overrides += [f"dataset.path={shared / 'hymenoptera_256'}", "dataset.num_per_class=8", "model.image_size_px=64"]
    elif file.stem.startswith("cifar10"):
        rng = np.random.default_rng(0)
        arrays = {"x_train": rng.integers(0, 255, (40, 32, 32, 3), np.uint8), "y_train": np.arange(40) % 4,
                  "x_test": rng.integers(0, 255, (20, 32, 32, 3), np.uint8), "y_test": np.arange(20) % 4}  # fmt: skip
        np.savez(tmp_path / "small.npz", **arrays)
        overrides += [f"dataset.path={tmp_path / 'small.npz'}", "dataset.num_per_class=8", "model.width=4"]
    else:
        overrides.append("dataset.num_train=60")
    found = parse_experiment(bridge.compose_checked("train", overrides, parse_experiment))
    assert found.num_repeats >= 5
    training = dataclasses.replace(found.training, epochs=2)
    short = dataclasses.replace(found, num_repeats=1, training=training, precision="float32", num_threads=2)
    if found.model.name == "baseline":
        short = dataclasses.replace(short, model=dataclasses.replace(found.model, num_trees=20), training=found.training)
    if found.model.name == "autoencoder":
        short = dataclasses.replace(short, model=dataclasses.replace(found.model, pretrain_epochs=1))
    result = train.run(short, tmp_path / "run")
    main = result.test["accuracy" if "accuracy" in result.test else "rmse"]
    assert main.low <= main.value <= main.high
    assert (result.folder / "metrics.json").is_file()
