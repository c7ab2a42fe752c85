"""`sdl.yaml`: what of it a command uses, what goes before it, and what it may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdl_cli.cli import own_file
from sdl_cli.errors import ConfigError

TEXT = """# mine
dataset: table
dataset.path: patients.csv
dataset.target: "blood pressure"
dataset.drop: [id, "a,b"]
model: baseline
model.num_trees: 10
seed: 3
curve:
  target: 0.9
compare.minutes: 5
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("patients.csv").write_text("id,age\n1,2\n")
    Path("other.csv").write_text("id,age\n1,2\n")
    Path("sdl.yaml").write_text(TEXT)


DATA = ["dataset=table", "dataset.path=patients.csv", "dataset.target='blood pressure'", "dataset.drop=[id,'a,b']"]


@pytest.mark.parametrize(
    ("verb", "typed", "overrides"),
    [
        ("train", [], [*DATA, "model=baseline", "model.num_trees=10", "seed=3"]),
        ("check", [], [*DATA, "model=baseline", "model.num_trees=10", "seed=3"]),
        ("curve", [], [*DATA, "model=baseline", "model.num_trees=10", "seed=3", "curve.target=0.9"]),
        ("compare", [], [*DATA, "seed=3", "compare.minutes=5"]),
        ("train", ["seed=4"], [*DATA, "model=baseline", "model.num_trees=10", "seed=4"]),
        ("train", ["model=deep_net"], [*DATA, "seed=3", "model=deep_net"]),
        ("train", ["model=baseline"], [*DATA, "model.num_trees=10", "seed=3", "model=baseline"]),
        ("train", ["dataset=wine"], ["model=baseline", "model.num_trees=10", "seed=3", "dataset=wine"]),
        (
            "train",
            ["target=age"],
            [DATA[0], DATA[1], DATA[3], "model=baseline", "model.num_trees=10", "seed=3", "dataset.target=age"],
        ),
        (
            "train",
            ["dataset=table", "dataset.target=age", "dataset.path=other.csv"],
            ["model=baseline", "model.num_trees=10", "seed=3", "dataset=table", "dataset.target=age", "dataset.path=other.csv"],
        ),
        (
            "train",
            ["dataset=table", "dataset.path=./patients.csv"],
            [DATA[2], DATA[3], "model=baseline", "model.num_trees=10", "seed=3", "dataset=table", "dataset.path=./patients.csv"],
        ),
        ("train", ["experiment=digits_forest"], ["experiment=digits_forest"]),
    ],
)
def test_the_command_line_goes_before_it(verb: str, typed: list[str], overrides: list[str]) -> None:
    assert own_file.used(verb, typed).overrides == overrides


def test_it_says_what_it_uses_and_where_that_stands() -> None:
    found = own_file.used("train", ["seed=4"])
    assert found.sentence == (
        "sdl.yaml sets dataset=table, dataset.path=patients.csv, dataset.target=blood pressure, dataset.drop=[id,a,b], "
        "model=baseline and model.num_trees=10; the command line goes before it."
    )
    assert found.place("model.num_trees") == "sdl.yaml, line 7"
    with pytest.raises(ConfigError, match=r"out of range: it must be at least 1. \(sdl.yaml, line 7\)"), found.blamed():
        raise ConfigError("model.num_trees: 0 is out of range: it must be at least 1.")
    with pytest.raises(ConfigError) as other, found.blamed():
        raise ConfigError("seed: -1 is out of range.")
    assert "sdl.yaml" not in other.value.message


def test_no_file_changes_nothing() -> None:
    Path("sdl.yaml").unlink()
    assert own_file.used("train", ["seed=4"]) == own_file.Used(["seed=4"], {}, {})
    Path("sdl.yaml").write_text("# only comments\n")
    assert own_file.used("train", ["seed=4"]).sentence == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modle: baseline", "sdl.yaml, line 1: modle: no such setting. Did you mean model?"),
        ("# x\nmodel: baselin", "sdl.yaml, line 2: model=baselin: there is no such model. Did you mean baseline?"),
        ("model: [a]", "sdl.yaml, line 1: model: choose by name."),
        ("hydra.run.dir: /tmp/x", "sdl.yaml, line 1: hydra.run.dir cannot be set here."),
        ("experiment: digits_forest", "sdl.yaml, line 1: experiment cannot be set here."),
        (
            "model.estimator: os.system",
            "sdl.yaml, line 1: model.estimator: os.system would be imported, which this file may not do.",
        ),
        ("dataset.path: ${oc.env:HOME}", "sdl.yaml, line 1: dataset.path: ${...} is not read here."),
        ("mlflow: http://somewhere", "sdl.yaml, line 1: mlflow: a server is not named here."),
        ("loss: mine", "sdl.yaml, line 1: loss: mine names code that would be imported, which this file may not do."),
        ("- a\n- b", "sdl.yaml: holds no settings."),
        ("a: [", "sdl.yaml: cannot be read as settings: "),
        ("seed: 1\nseed: 2", "sdl.yaml: seed stands there twice."),
        ("dataset:\n  name: table\n  path: a\ndataset.path: b", "sdl.yaml: dataset.path stands there twice."),
        ("a: &x [*x]", None),
        ("x: !!python/object/apply:os.system [ls]", "sdl.yaml: cannot be read as settings: "),
    ],
)
def test_what_it_may_not_say(text: str, words: str | None) -> None:
    Path("sdl_conf/loss").mkdir(parents=True)
    Path("sdl_conf/loss/mine.yaml").write_text("_target_: my_parts.Focal\n")
    Path("sdl.yaml").write_text(text + "\n")
    if words is None:
        try:
            own_file.used("train", [])
        except ConfigError as error:
            assert "sdl.yaml" in error.message
        return
    with pytest.raises(ConfigError) as found:
        own_file.used("train", [])
    assert found.value.message.startswith(words)


def test_a_file_that_is_no_text() -> None:
    Path("sdl.yaml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ConfigError, match="sdl.yaml: cannot be read"):
        own_file.used("train", [])
    Path("sdl.yaml").write_text("x" * 300_000)
    with pytest.raises(ConfigError, match="sdl.yaml: cannot be read"):
        own_file.used("train", [])


def test_a_group_may_be_nested() -> None:
    Path("sdl.yaml").write_text(
        "dataset:\n  name: table\n  path: patients.csv\n  monotone: {age: 1}\nmodel: {name: sklearn, params: {C: 10}}\n"
    )
    found = own_file.used("train", [])
    assert found.overrides == [
        "dataset=table",
        "dataset.path=patients.csv",
        "dataset.monotone={age: 1}",
        "model=sklearn",
        "model.params={C: 10}",
    ]
    assert found.place("dataset") == "sdl.yaml, line 2" and found.place("dataset.path") == "sdl.yaml, line 3"
