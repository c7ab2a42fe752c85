"""What could follow on a command line: a table of lines and of what is suggested, and that nothing breaks it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import typer.main

from sdl_cli.cli import main
from sdl_cli.cli.completion import literals, shells, suggestions
from sdl_cli.cli.completion.words import split
from sdl_cli.data import DATASETS
from sdl_cli.run.request import TABLES
from sdl_cli.settings import yaml_lines
from sdl_cli.settings.parse import _hints, _taken_apart
from sdl_cli.settings.yaml_files import options


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, photos and runs."""
    monkeypatch.chdir(tmp_path)
    Path("patients.csv").write_text('age,blood pressure,out come,"a,b"\n61,120,yes,1\n45,110,no,2\n')
    Path("words.csv").write_text("text;label\n" + "a sentence of some words;x\n" * 8)
    Path("photos").mkdir()
    for name, state in (("2026-01-01/10-00-00_wine_forest", "done"), ("2026-01-02/10-00-00_wine_net", "interrupted")):
        Path("runs", name).mkdir(parents=True)
        Path("runs", name, "status.json").write_text(json.dumps({"kind": "run", "state": state}))
    metrics = {"metrics": {"test": {"accuracy": {"value": 0.975}}}}
    Path("runs/2026-01-01/10-00-00_wine_forest/metrics.json").write_text(json.dumps(metrics))
    return tmp_path


def suggested(line: str) -> list[str]:
    """The words that could stand at the end of a line; `FILE` at the end where files fit too."""
    typed = split(line)
    found = suggestions.suggest(typed.words, typed.current)
    assert found is not None, line
    return [*(item.value for item in found.items), *(["FILE"] if found.files else [])]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sdl train dataset=wi", ["dataset=wine"]),
        ("sdl train model=base", ["model=baseline"]),
        ("sdl train mod", ["model=", "model.", "FILE"]),
        ("sdl train model=baseline model.num", ["model.num_trees="]),
        ("sdl train model=baseline model.kind=ex", ["model.kind=extra_trees"]),
        ("sdl train training.opt", ["training.optimizer="]),
        ("sdl train training.optimizer=", ["training.optimizer=adamw", "training.optimizer=adam", "training.optimizer=sgd"]),
        ("sdl train -m model=baseline,deep", ["model=baseline,deep_net"]),
        ("sdl train see", ["seed=", "FILE"]),
        ("sdl train seed=", ["seed=0"]),
        ("sdl train device=c", ["device=cpu", "device=cuda"]),
        ("sdl train tensorboard=", ["tensorboard=true", "tensorboard=false"]),
        ("sdl train patients.csv dataset.target=", ["dataset.target=age", "dataset.target=blood pressure", "dataset.target=out come", "dataset.target='a,b'"]),
        ("sdl train patients.csv target=bl", ["target=blood pressure"]),
        ("sdl train dataset=table dataset.path=patients.csv dataset.target=a", ["dataset.target=age"]),
        ("sdl train patients.csv drop=", ["drop=[age", "drop=[blood pressure", "drop=[out come", "drop=['a,b'"]),
        ("sdl train patients.csv drop=[age,b", ["drop=[age,blood pressure"]),
        ("sdl train patients.csv tar", ["target=", "target_scale="]),
        ("sdl train words.csv label_", ["label_separator="]),
        ("sdl train photos/ on_", ["on_error="]),
        ("sdl train dataset=table dataset.path=", ["FILE"]),
        ("sdl check patients.csv target=ag", ["target=age"]),
        ("sdl check se", ["FILE"]),
        ("sdl curve curve.tar", ["curve.target="]),
        ("sdl curve curve.metric=bal", ["curve.metric=balanced_accuracy"]),
        ("sdl compare compare.arms=[forest,logi", ["compare.arms=[forest,logistic"]),
        ("sdl compare compare.recommend=s", ["compare.recommend=simplest"]),
        ("sdl compare mod", ["FILE"]),
        ("sdl train experiment=digits_f", ["experiment=digits_forest"]),
        ("sdl train --config-dir photos model=base", ["model=baseline"]),
        ("sdl train --config-dir ", ["FILE"]),
        ("sdl train --resume ru", ["runs/2026-01-02/10-00-00_wine_net", "FILE"]),
        ("sdl predict ru", ["runs/2026-01-01/10-00-00_wine_forest", "FILE"]),
        ("sdl predict ", ["runs/2026-01-01/10-00-00_wine_forest", "FILE"]),
        ("sdl predict runs/x pat", ["FILE"]),
        ("sdl serve runs/2026-01-0", ["runs/2026-01-01/10-00-00_wine_forest", "FILE"]),
        ("sdl train model=finetuned_cnn model.weights=r", ["model.weights=runs/2026-01-01/10-00-00_wine_forest", "FILE"]),
        ("sdl evaluate runs/x dataset=wi", ["dataset=wine"]),
        ("sdl show model=bas", ["model=baseline"]),
        ("sdl show los", ["loss="]),
        ("sdl list mo", ["model"]),
        ("sdl config cur", ["FILE"]),
        ("sdl config curve curve.tar", ["curve.target="]),
        ("sdl init patients.csv target=ag", ["target=age"]),
        ("sdl forecast po", ["FILE"]),
        ("sdl train --cfg j", ["job"]),
        ("sdl train nothing.csv target=", []),
    ],
)  # fmt: skip
def test_what_could_follow(line: str, expected: list[str], here: Path) -> None:
    assert suggested(line) == expected


@pytest.mark.parametrize("line", ["sdl tr", "sdl train --js", "sdl "])
def test_verbs_and_options_are_left_to_typer(line: str, here: Path) -> None:
    typed = split(line)
    assert suggestions.suggest(typed.words, typed.current) is None


def test_each_says_what_it_means(here: Path) -> None:
    found = suggestions.suggest(("train",), "model.dep")
    assert found is not None and "hidden layers" in found.items[0].help
    choice = suggestions.suggest(("train",), "dataset=wi")
    assert choice is not None and "178 rows" in choice.items[0].help
    run = suggestions.suggest(("predict",), "runs")
    assert run is not None and run.items[0].help == "run, accuracy 97.5 %"
    column = suggestions.suggest(("train", "patients.csv"), "target=age")
    assert column is not None and column.items[0].help == "61, 45"


def test_settings_of_the_folder_count(here: Path) -> None:
    Path("sdl.yaml").write_text("dataset: table\ndataset.path: patients.csv\nmodel: baseline\n")
    assert suggested("sdl train dataset.target=ag") == ["dataset.target=age"]
    assert suggested("sdl train model.num") == ["model.num_trees="]
    assert suggested("sdl train words.csv target=l") == ["target=label"]


def test_choices_of_the_user_are_there(here: Path) -> None:
    Path("sdl_conf/model").mkdir(parents=True)
    Path("sdl_conf/model/mine.yaml").write_text("# my own\nname: baseline\nnum_trees: 7 # few\n: broken [")
    assert suggested("sdl train model=mi") == ["model=mine"]
    assert suggested("sdl train model=mine model.num") == ["model.num_trees="]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\1\2",
        b"\xff\xfe\xff",
        b"a,b\n" * 3,
        b'"never closed\nx,y\n',
        b"PK\x03\x04broken",
        b"\x1f\x8bbroken",
        b"," * 9000,
        b"1,2\n3,4\n",
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x.xlsx", "x.csv.gz", "x.arff", "x.txt"])
def test_a_broken_file_only_means_fewer_suggestions(name: str, content: bytes, here: Path) -> None:
    Path(name).write_bytes(content)
    suggested(f"sdl train {name} target=")
    suggested(f"sdl train dataset=table dataset.path={name} dataset.target=")


def test_broken_runs_and_settings_are_survived(here: Path) -> None:
    Path("runs/2026-01-01/10-00-00_wine_forest/metrics.json").write_text("[" * 100_000)
    Path("runs/2026-01-02/10-00-00_wine_net/status.json").write_text("{")
    Path("sdl.yaml").write_bytes(b"\xff\xfe: [")
    assert suggested("sdl predict runs") == ["runs/2026-01-01/10-00-00_wine_forest", "FILE"]
    assert suggested("sdl train dataset=wi") == ["dataset=wine"]


@pytest.mark.parametrize("group", [group for group in TABLES if group != "reduce"])
def test_the_words_of_a_setting_are_those_of_its_dataclass(group: str) -> None:
    table = TABLES[group]
    for name, kind in table.items() if isinstance(table, dict) else [("", table)]:
        for key, hint in _hints(kind).items():
            inner, _, _ = _taken_apart(hint)
            expected = [str(word) for word in get_args(inner)] if get_origin(inner) is Literal else []
            if inner is bool:
                expected = ["true", "false"]
            assert literals.allowed(group, name, key) == expected, (group, name, key)


def test_the_settings_of_a_choice_are_those_of_its_file() -> None:
    for name, file in options("dataset").items():
        keys = [one.key for one in yaml_lines.read(file).settings]
        assert {key.partition(".")[0] for key in keys} == {field.name for field in dataclasses.fields(DATASETS[name])}, name


def test_every_option_with_a_value_is_known_as_one() -> None:
    program = typer.main.get_command(main.app)
    commands = program.commands.values()  # type: ignore[attr-defined]
    taking = {
        name
        for command in commands
        for one in command.params
        if one.param_type_name == "option" and not one.is_flag
        for name in one.opts
    }
    assert taking <= set(suggestions.VALUES)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_whole_process_answers_and_imports_little(shell: str, here: Path) -> None:
    line = "sdl train patients.csv dataset.target=bl"
    words = {"COMP_WORDS": "sdl\ntrain\npatients.csv\ndataset.target\n=\nbl", "COMP_CWORD": "5", "_TYPER_COMPLETE_ARGS": line}
    program = (
        "import sys\nfrom sdl_cli.__main__ import main\ntry:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    asked = {"_SDL_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args", **words}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60
    )
    expected = {"bash": "blood\\ pressure\n", "fish": "dataset.target=blood pressure\t120, 110\n"}
    assert done.returncode == 0
    if shell == "zsh":
        assert done.stdout.startswith("compset -P '*=';") and "blood\\x20pressure" in done.stdout
    else:
        assert done.stdout == expected[shell]
    assert not {"typer", "torch", "sklearn", "hydra", "pandas", "numpy", "yaml"} & set(done.stderr.split())


def test_fish_learns_whether_files_are_to_be_completed(here: Path) -> None:
    found = []
    for line in ("sdl train dataset=wi", "sdl train dataset.path=pa"):
        typed = split(line)
        answer = suggestions.suggest(typed.words, typed.current)
        assert answer is not None
        found.append(shells.shown("fish", {"_TYPER_COMPLETE_FISH_ACTION": "is-args"}, typed, answer)[1])
    assert found == [0, 1]


def test_bash_shows_meanings_where_it_only_lists(here: Path) -> None:
    line = "sdl train model=baseline model."
    typed = split(line)
    answer = suggestions.suggest(typed.words, typed.current)
    assert answer is not None
    asked = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_WORDBREAKS": "=:", "COLUMNS": "60"}
    plain, _ = shells.shown("bash", {**asked, "COMP_TYPE": "9"}, typed, answer)
    listed, _ = shells.shown("bash", {**asked, "COMP_TYPE": "63"}, typed, answer)
    assert "model.num_trees=" in plain.splitlines()
    [own] = [text for text in listed.splitlines() if text.startswith("model.num_trees=")]
    assert "(trees of a forest" in own and all(len(text) <= 60 for text in listed.splitlines())
