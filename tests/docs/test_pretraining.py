"""docs/PRETRAINING.md says what is true: it is short, the digest is that of the shipped weights, its options and paths exist."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import typer.main

from pretraining.__main__ import app
from sdl_cli.learning.models.table_network import SHIPPED, SHIPPED_SHA256

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "PRETRAINING.md").read_text(encoding="utf-8")


def test_it_is_short_and_every_path_in_it_exists() -> None:
    assert len(TEXT.splitlines()) <= 120
    paths = [word for word in re.findall(r"`([^`\s]+)`", TEXT) if "/" in word]
    assert len(paths) >= 4
    for path in paths:
        assert (ROOT / path).exists(), path


def test_its_digest_is_that_of_the_shipped_weights() -> None:
    assert re.findall(r"`([0-9a-f]{64})`", TEXT) == [SHIPPED_SHA256]
    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() == SHIPPED_SHA256


def test_its_commands_and_options_exist() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    found = re.findall(r"python -m pretraining (\w+)([^\n#`]*)", TEXT)
    assert len(found) >= 4
    for name, rest in found:
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", rest)) <= options, name


def test_the_wheel_does_not_hold_the_training_and_the_product_does_not_import_it() -> None:
    import tomllib

    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build["packages"] == ["sdl_cli"] and "pretraining" not in str(build["force-include"])
    for file in (ROOT / "sdl_cli").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) pretraining\b", file.read_text(encoding="utf-8"), re.MULTILINE), file
