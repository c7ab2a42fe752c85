"""The walls of the house: imports point down only, one module knows hydra, and help needs nothing heavy."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import sdl_cli

PACKAGE = Path(sdl_cli.__file__).parent
# module or package -> level; the longest name that fits counts
LEVELS: dict[str, float] = {
    "sdl_cli": 0,
    "errors": 0,
    "files": 1,
    "locks": 2,
    "wording": 0,
    "quoting": 2,
    "conf_files": 1,
    "config": 1,
    "device": 1,
    "losses": 2,
    "decisions": 1,
    "predictions": 2,
    "metrics": 2,
    "statistics": 2,
    "optimization": 2,
    "loop": 3,
    "results": 3,
    "run_files": 1,
    "data": 3,
    "models": 4,
    "reference": 4.5,
    "preparation": 4.8,
    "check": 4.9,
    "experiment": 5,
    "evaluation": 5.5,
    "export": 5.5,
    "prediction": 5.5,
    "workers": 5.9,
    "cells": 6,
    "compare": 7,
    "curve": 7,
    "report": 7,
    "runs": 7,
    "trackers": 6,
    "jobs": 8,
    "stored": 4,
    "exits": 8,
    "sweep_job": 8.5,
    "bridge": 9,
    "sweep_summary": 9.4,
    "sweeps": 9.5,
    "comparisons": 9.5,
    "verbs": 10,
    "cli": 11,
    "__main__": 11,
}


def modules() -> dict[str, Path]:
    """Dotted name below sdl_cli -> file."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "sdl_cli"] = file
    return found


def imports(tree: ast.AST, top_only: bool = False) -> set[str]:
    """Full names of all that is imported: `from a import b` counts as a.b."""
    nodes = ast.iter_child_nodes(tree) if top_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def level(name: str) -> float:
    """Level of a dotted name below sdl_cli; a class or function has its module's."""
    return LEVELS[name.partition(".")[0]] if name.partition(".")[0] in LEVELS else LEVELS["sdl_cli"]


def upward(name: str, tree: ast.AST) -> list[str]:
    own = level(name)
    ours = [full.removeprefix("sdl_cli.") for full in imports(tree) if full.startswith("sdl_cli.")]
    return [f"{name} (level {own}) imports {other} (level {level(other)})" for other in ours if level(other) > own]


TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in modules().items()}


def test_every_module_has_a_level() -> None:
    assert len(TREES) > 30
    assert not [name for name in TREES if name.partition(".")[0] not in LEVELS]


@pytest.mark.parametrize("name", TREES)
def test_imports_point_down_only(name: str) -> None:
    assert not upward(name, TREES[name])


def test_an_upward_import_would_be_found() -> None:
    for text in (
        "from sdl_cli import cells",
        "from sdl_cli.many.cells import Cell",
        "import sdl_cli.many.cells",
        "def f():\n  import sdl_cli.cli.jobs",
    ):
        assert upward("models.baseline", ast.parse(text)), text


def test_only_bridge_imports_hydra() -> None:
    heavy = ("hydra", "omegaconf")
    guilty = {name for name, tree in TREES.items() if any(full.partition(".")[0] in heavy for full in imports(tree))}
    assert {name.partition(".")[0] for name in guilty} == {"bridge"}


def test_the_command_line_imports_little_at_the_top() -> None:
    allowed = {f"sdl_cli.{n}" for n in ("errors", "conf_files", "exits", "files", "report.layout", "__version__")} | {"typer"}
    outside = {full for full in imports(TREES["cli"], top_only=True) if full.partition(".")[0] not in sys.stdlib_module_names}
    assert all(any(full == name or full.startswith(name + ".") for name in allowed) for full in outside), outside


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], "torch sklearn hydra omegaconf numpy rich"),
        (["train", "--help"], "torch sklearn hydra omegaconf numpy"),
        (["predict", "--help"], "torch sklearn hydra omegaconf numpy"),
        (["list"], "torch sklearn hydra omegaconf numpy rich"),
        (["list", "model", "--json"], "torch sklearn hydra omegaconf numpy rich"),
        (["list", "modle"], "torch sklearn hydra omegaconf numpy rich"),
        (["show", "model=deep_net"], "torch sklearn hydra omegaconf numpy rich"),
        (["--version"], "torch sklearn hydra omegaconf numpy rich"),
        (["train", "dataset=wine", "model=baseline", "model.num_trees=3"], "torch torchvision skops matplotlib"),
        (
            ["train", "-m", "dataset=wine", "model=baseline", "model.num_trees=3", "seed=0,1"],
            "torch torchvision skops matplotlib",
        ),
        (["train", "model.typo=1"], "torch sklearn"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_command_leaves_unimported(arguments: list[str], absent: str, tmp_path: Path) -> None:
    program = (
        "import atexit, json, sys\n"
        "from sdl_cli.cli.main import main\n"
        "atexit.register(lambda: open('modules.json', 'w').write(json.dumps(sorted(sys.modules))) and None)\n"
        f"sys.argv = ['sdl', *{arguments!r}]\n"
        "main()\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    loaded = set(json.loads((tmp_path / "modules.json").read_text()))
    assert "sdl_cli.cli.main" in loaded
    assert not loaded & set(absent.split())


def test_lines_are_printed_in_one_place_which_filters_them() -> None:
    """`layout.say`; the one JSON object of `exits` is escaped by itself."""
    found = set()
    for name, file in modules().items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.add(name)
    assert found == {"report.layout", "exits"}
