"""Every YAML file says what the dataclass of its name says: the same keys, the same values, and a comment for each."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sdl_cli.errors import ConfigError
from sdl_cli.run import hydra as bridge
from sdl_cli.run.request import TABLES, parse_experiment
from sdl_cli.settings.experiment import Experiment, Training
from sdl_cli.settings.parallel import Parallel
from sdl_cli.settings.parse import parse
from sdl_cli.settings.yaml_files import conf_dir, summary
from sdl_cli.study.compare.settings import Compare, Shared, parse_shared
from sdl_cli.study.curve.settings import Curve, CurveExperiment, parse_curve

CONF = conf_dir()
GROUPS = ("dataset", "model", "loss", "augment", "reduce", "training")
FILES = [file for group in GROUPS for file in sorted((CONF / group).glob("*.yaml"))]
REQUIRED = {"path": "x", "dataset": "CIFAR10"}  # values of ???, for composing
OPTION = re.compile(r"^\s*(?P<key>\w+):(?P<value>\s.*)?$")


def kind_of(file: Path) -> type:
    """The dataclass that belongs to a YAML file."""
    table = TABLES[file.parent.name]
    return table if isinstance(table, type) else table[file.stem]


def values_of(file: Path) -> dict[str, Any]:
    loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    loaded.pop("defaults", None)
    return loaded


def composed(file: Path) -> dict[str, Any]:
    group, name = file.parent.name, file.stem
    given = [f"{group}.{key}={REQUIRED[key]}" for key, value in values_of(file).items() if value == "???"]
    return bridge.compose_checked("train", [f"{group}={name}", *given], parse_experiment)


def test_every_choice_has_its_file_and_its_dataclass() -> None:
    assert len(FILES) >= 25
    for group, table in TABLES.items():
        names = {file.stem for file in FILES if file.parent.name == group}
        if not isinstance(table, type):
            assert names == set(table), group


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}={file.stem}")
def test_a_choice_composes_parses_and_survives_being_written_down(file: Path) -> None:
    found = parse_experiment(composed(file))
    again = parse(TABLES, yaml.safe_load(yaml.safe_dump(found.to_plain())))
    assert again == found


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}={file.stem}")
def test_keys_and_values_are_those_of_the_dataclass(file: Path) -> None:
    values, fields = composed(file)[file.parent.name], {f.name: f for f in dataclasses.fields(kind_of(file))}
    assert set(values) == set(fields)
    if file.parent.name == "training" and file.stem != "default":
        return  # another set of values of the same dataclass
    for key, field in fields.items():
        if field.default_factory is not dataclasses.MISSING:
            assert values[key] == field.default_factory(), key
        elif field.default is not dataclasses.MISSING:
            written = list(field.default) if isinstance(field.default, tuple) else field.default
            same_path = isinstance(field.default, str) and Path(field.default).expanduser() == Path(str(values[key])).expanduser()
            assert values[key] == written or same_path, key
            assert type(values[key]) is type(written), key
        else:
            assert values_of(file)[key] == "???", key


def test_the_primary_config_has_the_fields_of_an_experiment() -> None:
    composed = bridge.compose_checked("train", [], parse_experiment)
    assert composed.pop("parallel") == {**{f.name: f.default for f in dataclasses.fields(Parallel)}, "num_jobs": 1}
    assert set(composed) == {f.name for f in dataclasses.fields(Experiment)}
    for field in dataclasses.fields(Experiment):
        if field.default is not dataclasses.MISSING:
            assert composed[field.name] == field.default, field.name
    assert parse_experiment(composed).training == Training()


def test_the_primary_config_of_curves_has_its_own_fields_too() -> None:
    composed = bridge.compose_checked("curve", [], parse_curve)
    found = parse_curve(composed)
    own = {f.name for f in dataclasses.fields(CurveExperiment)} - set(CurveExperiment.HIDDEN)
    assert set(composed) == own
    for group, kind in (("curve", Curve), ("parallel", Parallel)):
        defaults = {f.name: f.default for f in dataclasses.fields(kind)}
        assert composed[group] == defaults, group
    assert found.curve == Curve() and found.parallel == Parallel() and found.training == Training()
    for field in dataclasses.fields(Experiment):
        if field.default is not dataclasses.MISSING and field.name in composed:
            assert composed[field.name] == field.default, field.name
    tables = {**TABLES, "curve": Curve, "parallel": Parallel}
    assert parse(tables, yaml.safe_load(yaml.safe_dump(found.to_plain())), into=CurveExperiment) == found


def test_the_primary_config_of_comparisons_is_what_arms_share() -> None:
    composed = bridge.compose_checked("compare", [], parse_shared)
    found = parse_shared(composed)
    assert set(composed) == {f.name for f in dataclasses.fields(Shared)}
    for group, kind in (("compare", Compare), ("parallel", Parallel)):
        assert composed[group] == {f.name: f.default for f in dataclasses.fields(kind)}, group
    train = bridge.compose_checked("train", [], parse_experiment)
    for key in set(composed) & {f.name for f in dataclasses.fields(Experiment)}:
        assert composed[key] == train[key], key
    assert found.compare == Compare() and found.training == Training()


def option_lines(file: Path) -> Iterator[tuple[str, str]]:
    """(key, rest of the line) of every setting in a file: not the name, nor what is inside a defaults list."""
    in_defaults = False
    for line in file.read_text(encoding="utf-8").splitlines():
        match = OPTION.match(line)
        if not line.startswith((" ", "#")):
            in_defaults = line.startswith("defaults:")
        if match and not in_defaults and match["key"] != "name" and (match["value"] or "").strip():
            yield match["key"], match["value"]


ALL_FILES = sorted(CONF.rglob("*.yaml"))


@pytest.mark.parametrize("file", ALL_FILES, ids=lambda file: str(file.relative_to(CONF)))
def test_every_option_has_a_comment_and_every_file_a_summary(file: Path) -> None:
    assert summary(file)
    if file.parent.name in ("experiment", "claim"):
        return  # an experiment's header explains it; a claim is text, and docs/CLAIMS.md explains its keys
    bare = [key for key, rest in option_lines(file) if not re.search(r"\s#\s*\S", rest)]
    assert not bare


def test_options_without_a_comment_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("# x\ndefaults:\n  - a: b\nname: x\ndepth: 3\nwidth: 4  # how wide\n")
    assert [key for key, rest in option_lines(file) if "#" not in rest] == ["depth"]


@pytest.mark.parametrize("file", sorted((CONF / "augment").glob("*.yaml")), ids=lambda file: file.stem)
def test_an_augmentation_says_what_it_assumes_about_the_label(file: Path) -> None:
    assert "# Assumes" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted((CONF / "experiment").glob("*.yaml")), ids=lambda file: file.stem)
def test_an_experiment_composes_and_says_how_it_is_run(file: Path) -> None:
    values = bridge.compose_checked("train", [f"experiment={file.stem}"], lambda values: None)
    values["dataset"] |= {key: REQUIRED[key] for key, value in values["dataset"].items() if value == "???"}
    parse_experiment(values)
    assert "sdl train" in file.read_text(encoding="utf-8")


def test_a_file_that_is_not_like_its_dataclass_is_refused() -> None:
    values = bridge.compose_checked("train", [], parse_experiment)
    values["model"]["depths"] = 3
    with pytest.raises(ConfigError, match=r"model.depths: no such setting. Did you mean model.depth\?"):
        parse_experiment(values)
