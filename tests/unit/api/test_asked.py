"""What a program asks reaches hydra as it was meant: data, targets, nested settings, and text with any letters in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from sdl_cli.api.asked import asked, flattened, text_of
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning.losses import Cosine
from sdl_cli.run import hydra as bridge
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.experiment import Training


def read_back(value: Any) -> Any:
    parsed = OverridesParser.create().parse_override(bridge.quote_override(f"dataset.target={text_of(value)}"))
    assert not parsed.is_sweep_override()
    return OmegaConf.to_container(OmegaConf.create({"v": parsed.value()}), resolve=True)["v"]  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    "value",
    [
        *("plain", "two words", "a,b", "a=b", "it's", 'say "x"', "ünï", "50 %", "${seed}", r"back\slash", "#1", "~home", ""),
        *("null", "true", "No", "1", "1e5", "nan", "[a]", "{a: 1}", "x'${y}", "a(b)", "-1", "."),
        *(1, -2.5, 1e-12, True, None, ["a b", "c,d"], [1, 2], [], {"C": 1.5}, {"patient age": 1, "a:b": -1}),
    ],
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert read_back(value) == value


def test_values_of_numpy_and_paths_are_what_they_stand_for() -> None:
    assert [
        read_back(value) for value in (np.int64(3), np.float32(0.5), np.bool_(True), np.array([1, 2]), (1, 2), Path("a b"))
    ] == [*(3, 0.5, True, [1, 2], [1, 2], "a b")]
    with pytest.raises(ConfigError, match="cannot be the value of a setting"):
        text_of(object())


def test_settings_may_be_nested_dotted_or_dataclasses() -> None:
    nested = {"model": {"name": "deep_net", "depth": 3}, "training__epochs": 5, "loss": Cosine(xent_weight=0.1)}
    assert flattened(nested) == {
        "model": "deep_net", "model.depth": 3, "training.epochs": 5,
        "loss": "cosine", "loss.xent_weight": 0.1, "loss.class_weight": "none",
    }  # fmt: skip
    assert flattened({"training": Training(epochs=3)})["training.epochs"] == 3
    assert flattened({"model.params": {"C": 1}, "model": {"params": {"C": 2}}}) == {"model.params": {"C": 2}}
    assert flattened({"model": None, "seed": None}) == {"seed": None}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training": {"name": "x"}}, None),
        ({"parallel": {"name": "x"}}, "parallel.name: parallel has no choices"),
        ({"model": ["baseline", "deep_net"]}, r"model: \['baseline', 'deep_net'\] is no choice"),
        ({1: 2}, "1: the name of a setting is text"),
    ],
)
def test_settings_that_are_none(settings: dict[Any, Any], message: str | None) -> None:
    if message is None:
        assert flattened(settings) == {"training": "x"}
        return
    with pytest.raises(ConfigError, match=message):
        flattened(settings)


def overrides_of(data: Any, target: Any = None, folder: Path = Path("kept"), **settings: Any) -> dict[str, str]:
    found = asked(data, target, settings, {"compare": ["minutes", "arms"]}, folder)
    return dict(override.split("=", 1) for override in found.overrides)


def test_a_data_set_by_its_name_takes_its_own_settings_without_their_group() -> None:
    assert overrides_of("wine", model="baseline", test_fraction=0.3, seed=1) == {
        "model": "baseline", "dataset": "wine", "dataset.test_fraction": "0.3", "seed": "1",
    }  # fmt: skip
    assert overrides_of(None, dataset="iris") == {"dataset": "iris"}
    assert overrides_of("wine", minutes=5, arms=["forest"]) == {
        "dataset": "wine", "compare.minutes": "5", "compare.arms": "[forest]",
    }  # fmt: skip


def test_a_path_is_read_as_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "my patients.csv"
    file.write_text("age,outcome\n1,a\n2,b\n")
    found = asked(file, "outcome", {"group": "ward"}, {}, tmp_path)
    assert found.overrides == ["dataset=table", "dataset.group=ward", "dataset.target=outcome", f"dataset.path='{file}'"]
    assert found.notes == (f"{file} is read as a table (dataset=table).",)
    assert asked(str(file), -1, {}, {}, tmp_path).overrides[1] == "dataset.target=-1"


def test_a_frame_is_kept_with_what_its_types_say(tmp_path: Path) -> None:
    frame = pd.DataFrame({"zip": ["01", "02"], "ward": pd.Categorical([1, 2]), "y": [0.5, 1.5]})
    found = overrides_of(frame, "y", tmp_path, categorical=["zip"], drop=[])
    assert found["dataset"] == "table" and found["dataset.target"] == "y"
    assert found["dataset.text"] == "[zip]" and found["dataset.categorical"] == "[ward,zip]"
    assert found["dataset.missing_values"] == "[]" and found["dataset.header"] == "true"
    [file] = tmp_path.glob("table-*.csv")
    assert found["dataset.path"] == f"'{file}'" or found["dataset.path"] == str(file)
    assert file.read_text(encoding="utf-8") == "zip,ward,y\n01,1,0.5\n02,2,1.5\n"


@pytest.mark.parametrize(
    ("data", "target", "message"),
    [
        ("wien", None, "wien: there is no such file or folder, and no data set of this name. Did you mean wine?"),
        ("a/b.csv", None, "a/b.csv: there is no such file or folder"),
        (".", [1, 2], "target: labels of their own need data in memory."),
        ([[1.0], [2.0]], None, "target: which labels belong to these rows?"),
        ([[1.0], [2.0]], "y", "target: these rows have no columns with names"),
        ([[1.0], [2.0]], [1], "target: it has 1 labels for 2 rows."),
        ([[1.0], [2.0]], [[1, 2], [3, 4]], r"target: it has shape \(2, 2\)"),
        ([1.0, 2.0], [1, 2], "This is no data that can be learned from: list."),
        (pd.DataFrame({"y": [1]}), [1], "target: it has 1 labels|the DataFrame has"),
        (pd.DataFrame({"target": [1]}), [1], "target: the DataFrame has a column target too."),
        (pd.DataFrame({"a": []}), "a", "The DataFrame has no rows."),
        (["x.png"], [1], r"x\.png: there is no such file \(1 of 1\)"),
    ],
)
def test_data_that_cannot_be_used(data: Any, target: Any, message: str, tmp_path: Path) -> None:
    if isinstance(data, pd.DataFrame) and list(data.columns) == ["y"]:
        assert overrides_of(data, target, tmp_path)["dataset.target"] == "target"
        return
    with pytest.raises(DataError, match=message.replace("?", r"\?").replace("Did you mean wine\\?", r"Did you mean wine\?")):
        asked(data, target, {}, {}, tmp_path)


def test_what_is_asked_is_composed(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    found = asked(rows, (rows[:, 0] > 0).astype(int), {"model": "baseline", "model__num_trees": 7}, {}, tmp_path)
    values = bridge.compose_checked("train", found.overrides, parse_experiment)
    assert values["dataset"]["name"] == "npz" and values["model"]["num_trees"] == 7
    assert Path(values["dataset"]["path"]).parent == tmp_path
