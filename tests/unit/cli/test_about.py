"""`sdl --version --json`: versions as pip knows them, and nothing imported for it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import sdl_cli
from sdl_cli.cli import about


def test_it_says_what_is_installed() -> None:
    found = about.about()
    assert found["sdl"] == sdl_cli.__version__ and found["python"] == platform.python_version()
    for name in ("torch", "numpy", "scikit-learn", "hydra-core", "typer"):
        assert found["packages"][name] == metadata.version(name)
    assert not {"pytest", "ruff", "mypy", "sdl-cli"} & set(found["packages"]), "tools are no part of a run"
    assert found["device"]["cores"] >= 1 and found["device"]["free_memory_gb"] > 0
    assert str(Path.home()) not in json.dumps(found)


def test_the_build_of_torch_is_read_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert about.about()["torch_cuda"] == torch.version.cuda

    class Torch:
        def locate_file(self, name: str) -> Path:
            return tmp_path / "version.py"

    monkeypatch.setattr(about.metadata, "distribution", lambda name: Torch())
    for line, cuda in (
        ("cuda: Optional[str] = None", None),
        ("cuda: Optional[str] = '12.8'", "12.8"),
        ("cuda = '13.0'", "13.0"),
        ("", None),
    ):
        (tmp_path / "version.py").write_text(f"__version__ = '2.9'\n{line}\nhip = None\n")
        assert about._torch_cuda() == cuda
    (tmp_path / "version.py").unlink()
    assert about._torch_cuda() is None


def test_gpus_are_those_that_the_driver_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert about._gpus() == []


def test_the_command_prints_one_object_and_imports_nothing_heavy() -> None:
    code = """
import sys
sys.argv = ["sdl", "--version", "--json"]
from sdl_cli.cli.main import main
try:
    main()
except SystemExit as stop:
    assert not stop.code
heavy = {"torch", "numpy", "pandas", "sklearn", "hydra", "rich"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sdl"] == sdl_cli.__version__


@pytest.mark.parametrize("words", [["--json"], ["--json", "list"]])
def test_json_alone_is_refused(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "sdl_cli", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    found = json.loads(done.stdout)["error"]
    assert (
        found["message"] == "--json: it stands behind a verb, or beside --version."
        and found["hint"] == "For example: sdl list --json"
    )
