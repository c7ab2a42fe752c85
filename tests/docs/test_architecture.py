"""docs/ARCHITECTURE.md is short and true: its paths exist, and who touches the files of its lists has added what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
MOST_LINES = 40
LISTS = {
    kind: re.findall(r"`([^`]+)`", paths) for kind, paths in re.findall(r"^- To add an? ([\w ]+): (.*)$", TEXT, re.MULTILINE)
}
Edit = Callable[[str], str]


def before(*places: tuple[str, str]) -> Edit:
    """Put each second text before the first, which must stand in the file once."""

    def edit(text: str) -> str:
        for anchor, new in places:
            assert text.count(anchor) == 1, f"{anchor!r} stands {text.count(anchor)} times where it was to be found once"
            text = text.replace(anchor, new + anchor)
        return text

    return edit


def new(content: str) -> Edit:
    """A file that was not there."""

    def write(text: str) -> str:
        assert not text
        return content

    return write


# What is done to each file of a list: whoever moves such a place changes the document and its line here together.
EDITS: dict[str, dict[str, Edit]] = {
    "loss": {
        "sdl_cli/learning/losses.py": before(
            (
                "LOSSES: dict",
                "@dataclass(frozen=True)\nclass Absolute(MSE):\n"
                '    """The absolute error."""\n\n    name: str = "absolute"\n\n'
                "    def rows(self, outputs, targets):\n"
                '        print("the added loss is asked", file=__import__("sys").stderr)\n'
                "        return (outputs - targets).abs().flatten(1).mean(dim=1)\n\n\n",
            ),
            ('"huber": Huber', '"absolute": Absolute, '),
            ('"huber")', '"absolute", '),
        ),
        "conf/loss/absolute.yaml": new("# the absolute error\nname: absolute\n"),
    },
    "model": {
        "sdl_cli/learning/models/settings.py": before(
            (
                "MODELS: dict",
                "@dataclass(frozen=True)\nclass ShallowSettings(DeepNetSettings):\n"
                '    """A network of one layer."""\n\n    name: str = "shallow"\n\n'
                '    estimators = ("sdl_cli.learning.models.shallow", "Shallow", "ShallowRegressor")\n\n\n',
            ),
            ('    "deep_net": DeepNetSettings', '    "shallow": ShallowSettings,\n'),
        ),
        "sdl_cli/learning/models/shallow.py": new(
            "from sdl_cli.learning.models.deep_net import DeepNet, DeepNetRegressor\n\n\n"
            "class Shallow(DeepNet):\n    pass\n\n\nclass ShallowRegressor(DeepNetRegressor):\n    pass\n"
        ),
        "conf/model/shallow.yaml": new(
            "# a network of one layer\nname: shallow\narchitecture: auto\ndepth: 1\nwidth: 4\ndropout: 0.0\nnum_members: 1\n"
        ),
    },
    "data kind": {
        "sdl_cli/data/__init__.py": before(
            ("_KINDS: tuple", "from sdl_cli.data.sources import line  # noqa: E402\n\n"),
            ("    *(npz.Npz, ", "    line.Line,\n"),
            (
                "    assert isinstance(settings, builtin.Builtin)",
                "    if isinstance(settings, line.Line):\n        return line.load()\n",
            ),
        ),
        "sdl_cli/data/sources/line.py": new(
            "from dataclasses import dataclass\n\nimport numpy as np\n\nfrom sdl_cli.data.source import Reading\n"
            "from sdl_cli.settings.experiment import DataSettings\n\n\n"
            '@dataclass(frozen=True, kw_only=True)\nclass Line(DataSettings):\n    name: str = "line"\n\n\n'
            "def load():\n"
            "    X = np.arange(60.0)[:, None]\n"
            '    return Reading(where="line", name="line", task="regression", modality="table", X=X, y=X[:, 0] * 2, classes=(),\n'
            '        feature_names=("x",), ids=range(60)).finish()\n'
        ),
        "conf/dataset/line.yaml": new(
            "# numbers on a line\nname: line\ntest_fraction: 0.2\nvalidation_fraction: 0.2\nnum_per_class: null\nnum_train: null\nseed: null\n"
        ),
    },
    "verb": {
        "sdl_cli/cli/looking.py": before(
            (
                '@commands.command(name="list"',
                '@commands.command(short_help="Say what would be trained.")\n'
                "def count(overrides: list[str], as_json: Json = False, debug: Debug = False) -> None:\n"
                '    """Say what would be trained."""\n'
                "    with ending(as_json, debug) as answer:\n"
                "        from sdl_cli.run import hydra as bridge\n"
                "        from sdl_cli.run.count import count_rows\n"
                "        from sdl_cli.run.request import parse_experiment\n\n"
                '        answer(count_rows(bridge.compose_checked("train", overrides, parse_experiment, None)))\n\n\n',
            )
        ),
        "sdl_cli/run/count.py": new(
            'def count_rows(values):\n    return {"dataset": values["dataset"]["name"], "model": values["model"]["name"]}\n'
        ),
    },
}
NAMES = {"loss": "absolute", "model": "shallow", "data kind": "line", "verb": "count"}


def touch(root: Path, paths: list[str], edits: Mapping[str, Edit]) -> None:
    for path in paths:
        file = root / path
        file.write_text(edits[path](file.read_text(encoding="utf-8") if file.exists() else ""), encoding="utf-8")


def test_it_is_short_and_every_path_in_it_exists() -> None:
    assert len(TEXT.splitlines()) <= MOST_LINES
    paths = [word for word in re.findall(r"`([^`\s]+)`", TEXT) if "/" in word]
    assert len(paths) >= 15
    for path in paths:
        assert list(ROOT.glob(path.replace("NAME", "*"))), f"docs/ARCHITECTURE.md names {path}, which is not there"


def test_it_says_where_to_add_the_four_things() -> None:
    assert set(LISTS) == set(EDITS)
    for kind, paths in LISTS.items():
        assert sorted(path.replace("NAME", NAMES[kind]) for path in paths) == sorted(EDITS[kind]), kind


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package in which exactly the files of the four lists are touched, and each of them is touched once."""
    root = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("sdl_cli", "conf"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for kind, paths in LISTS.items():
        touch(root, [path.replace("NAME", NAMES[kind]) for path in paths], EDITS[kind])
    return root


def sdl(house: Path, folder: Path, *words: str) -> tuple[Any, str]:
    """What `sdl ... --json` of the copy prints, as JSON, and what it says beside that."""
    environment = {**os.environ, "PYTHONPATH": str(house)}
    command = [sys.executable, "-m", "sdl_cli", *words, "--json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_what_was_added_by_its_list_is_listed_and_trains(house: Path, tmp_path: Path) -> None:
    items = sdl(house, tmp_path, "list")[0]["items"]
    listed = {(item["group"], item["name"]): item["summary"] for item in items}
    assert listed["loss", "absolute"] == "the absolute error"
    assert listed["model", "shallow"] == "a network of one layer"
    assert listed["dataset", "line"] == "numbers on a line"
    settings = ["dataset=line", "model=shallow", "loss=absolute", "training.epochs=2", "hydra.run.dir=run"]
    values, said = sdl(house, tmp_path, "train", *settings)
    assert "the added loss is asked" in said
    assert values["metrics"]["test"]["rmse"]["n"] == 12
    stored = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert [stored[group]["name"] for group in ("dataset", "model", "loss")] == ["line", "shallow", "absolute"]


def test_a_verb_that_was_added_by_its_list_is_there(house: Path, tmp_path: Path) -> None:
    found, _ = sdl(house, tmp_path, "count", "dataset=line", "model=shallow")
    assert found == {"dataset": "line", "model": "shallow"}
