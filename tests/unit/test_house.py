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
# entry at the top of the package -> layer; imports point strictly downward between entries (docs/ARCHITECTURE.md)
LEVELS: dict[str, int] = {
    "api": 10,
    "cli": 10,
    "report": 9,
    "study": 8,
    "many": 7,
    "run": 6,
    "measure": 5,
    "learning": 4,
    "data": 3,
    "settings": 2,
    "files": 1,
    "errors": 0,
    "phrases": 0,
}
MOST_ENTRIES = 13


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


def wrong(name: str, tree: ast.AST) -> list[str]:
    """Imports of a module from its own layer or from above; those within its entry are its own matter."""
    entry, found = name.partition(".")[0], []
    for other in sorted({full.split(".")[1] for full in imports(tree) if full.startswith("sdl_cli.")} & set(LEVELS)):
        if other != entry and LEVELS[other] >= LEVELS.get(entry, 11):
            found.append(f"{name} (level {LEVELS.get(entry, 11)}) imports {other} (level {LEVELS[other]})")
    return found


TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in modules().items()}


def test_the_package_has_few_entries_and_each_has_a_whole_level() -> None:
    entries = {
        p.stem for p in PACKAGE.iterdir() if p.name not in ("__init__.py", "__main__.py", "__pycache__", "py.typed", "conf")
    }
    assert entries == set(LEVELS)
    assert len(entries) <= MOST_ENTRIES
    assert all(type(level) is int for level in LEVELS.values())


@pytest.mark.parametrize("name", sorted(TREES))
def test_imports_point_strictly_down(name: str) -> None:
    assert not wrong(name, TREES[name])


@pytest.mark.parametrize(
    "text",
    [
        "from sdl_cli.many import cells",
        "from sdl_cli.many.cells import Cell",
        "import sdl_cli.many.cells",
        "def f():\n  import sdl_cli.cli.verbs",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  from sdl_cli.report import words",
    ],
)
def test_an_upward_import_would_be_found(text: str) -> None:
    assert wrong("learning.models.baseline", ast.parse(text))


@pytest.mark.parametrize("text", ["from sdl_cli.api import train", "def f():\n  from sdl_cli import api"])
def test_an_import_from_the_same_level_would_be_found(text: str) -> None:
    assert wrong("cli.main", ast.parse(text))


def test_one_room_imports_hydra() -> None:
    heavy = ("hydra", "omegaconf")
    guilty = {name for name, tree in TREES.items() if any(full.partition(".")[0] in heavy for full in imports(tree))}
    assert guilty
    assert all(name.startswith("run.hydra") for name in guilty), guilty


LIGHT = ("main", "options", "exits", "looking", "stored_runs", "claims", "folder_verbs")


def test_the_command_line_imports_little_at_the_top() -> None:
    allowed = (
        {
            f"sdl_cli.{n}"
            for n in (
                "errors",
                "settings.yaml_files",
                "settings.parts.permission",
                "files",
                "phrases",
                "report.layout",
                "__version__",
            )
        }
        | {f"sdl_cli.cli.{n}" for n in LIGHT}
        | {"typer"}
    )
    everything = {full for name in LIGHT for full in imports(TREES[f"cli.{name}"], top_only=True)}
    outside = {full for full in everything if full.partition(".")[0] not in sys.stdlib_module_names}
    assert all(any(full == name or full.startswith(name + ".") for name in allowed) for full in outside), outside


# what a program does -> what it leaves unimported
OF_A_PROGRAM = {
    "import sdl_cli": "numpy pandas torch sklearn hydra rich typer",
    "import sdl_cli; sdl_cli.SdlError": "numpy pandas torch sklearn hydra rich typer",
    "import sdl_cli as sdl; rows = __import__('pandas').read_csv('rows.csv'); sdl.load('forest').predict(rows)": (
        "torch torchvision hydra skops matplotlib typer"
    ),
    "import sdl_cli as sdl; sdl.forecast([(50, 0.8), (100, 0.85), (200, 0.88)])": "torch hydra skops matplotlib rich typer",
}


@pytest.mark.parametrize("program", OF_A_PROGRAM)
def test_what_a_program_leaves_unimported(program: str, tmp_path: Path) -> None:
    if "forest" in program:
        made = (
            "import pandas, sdl_cli as sdl\n"
            "rows = pandas.DataFrame({'x': range(60), 'y': ['a', 'b'] * 30})\n"
            "rows.to_csv('rows.csv', index=False)\n"
            "sdl.train('rows.csv', 'y', features=['x'], model={'name': 'baseline', 'num_trees': 3}, folder='forest', verbose=False)\n"
        )
        subprocess.run([sys.executable, "-c", made], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    told = f"{program}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120)
    assert not set(done.stdout.split()) & set(OF_A_PROGRAM[program].split())


def test_every_estimator_and_name_that_a_program_gets_is_there() -> None:
    from sdl_cli.learning.models.settings import MODELS

    assert set(sdl_cli.__all__) - {"__version__"} == set(sdl_cli._MODULES)
    for name in sdl_cli.__all__:
        assert getattr(sdl_cli, name).__name__ == name if name != "__version__" else sdl_cli.__version__
    assert set(sdl_cli.__all__) <= set(dir(sdl_cli))
    known = {
        pair
        for kind in MODELS.values()
        for pair in ((kind.estimators[0], kind.estimators[1]), (kind.estimators[0], kind.estimators[2]))
    }
    offered = {(module, name) for name, module in sdl_cli._MODULES.items() if module.startswith("sdl_cli.learning.models.")}
    assert {pair for pair in offered if pair[0] != "sdl_cli.learning.models.preparation"} <= known
    assert (PACKAGE / "py.typed").is_file()
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        sdl_cli.trian  # noqa: B018


HEAVY = "torch sklearn hydra omegaconf numpy"
# command -> what it leaves unimported; they run one after another in one process, so those that may import less come first
LEFT_OUT = {
    "--help": f"{HEAVY} rich",
    "list": f"{HEAVY} rich",
    "list model --json": f"{HEAVY} rich",
    "list modle": f"{HEAVY} rich",
    "show model=deep_net": f"{HEAVY} rich",
    "--version": f"{HEAVY} rich",
    "train --help": HEAVY,
    "predict --help": HEAVY,
    "train model.typo=1": "torch sklearn",
    "train dataset=wine model=baseline model.num_trees=3": "torch torchvision skops matplotlib",
    "train -m dataset=wine model=baseline model.num_trees=3 seed=0,1": "torch torchvision skops matplotlib",
    "compare dataset=wine --cfg job": "torch",
    "train dataset=wine model=deep_net model.depth=1 training.epochs=2": "torchvision torch._dynamo sympy",
    "train dataset=wine model=deep_net model.depth=1 training.epochs=2 training.optimizer=sgd": "torchvision torch._dynamo sympy",
    "compare dataset=wine compare.arms=[forest,deep_net] compare.num_repeats=2 compare.num_candidates=1 compare.curve=false "
    "training.epochs=2 parallel.num_jobs=1": "torchvision torch._dynamo sympy",
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, set[str]]]:
    """Command -> its exit code, and all that is imported once it and those before it have ended."""
    program = (
        "import json, sys\n"
        "from sdl_cli.cli.main import main\n"
        "found = {}\n"
        f"for command in {list(LEFT_OUT)!r}:\n"
        "    sys.argv = ['sdl', *command.split()]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as stop:\n"
        "        found[command] = [stop.code, sorted(sys.modules)]\n"
        "open('modules.json', 'w').write(json.dumps(found))\n"
    )
    folder = tmp_path_factory.mktemp("imported")
    subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, timeout=120, check=True)
    found = json.loads((folder / "modules.json").read_text())
    return {command: (code, set(names)) for command, (code, names) in found.items()}


@pytest.mark.parametrize("command", LEFT_OUT)
def test_what_a_command_leaves_unimported(command: str, imported: dict[str, tuple[int, set[str]]]) -> None:
    code, loaded = imported[command]
    assert code == (2 if "typo" in command or "modle" in command else 0)
    assert "sdl_cli.cli.main" in loaded
    assert not loaded & set(LEFT_OUT[command].split())


def test_lines_are_printed_in_one_place_which_filters_them() -> None:
    """`layout.say`; the one JSON object of `exits` is escaped by itself."""
    found = set()
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                found.add(name)
    assert found == {"report.layout", "cli.exits"}
