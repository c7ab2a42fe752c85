"""docs/EXTENDING.md: every example is run as it stands there, in a folder with the files that it names."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from pathlib import Path

import pytest
from integration.conftest import Sdl

from sdl_cli.settings.parts.sources import ENTRY_POINTS

pytest_plugins = ["integration.conftest"]
PAGE = (Path(__file__).parents[2] / "docs" / "EXTENDING.md").read_text()
FILE = re.compile(r"[Ii]n `(?P<file>[\w./]+)`:\n\n```\w+\n(?P<text>.*?)```", re.DOTALL)
COMMANDS = re.compile(r"```console\n(.*?)```", re.DOTALL)
SECTIONS = {text.partition("\n")[0]: text for text in PAGE.split("\n## ")[1:]}
KINDS = ("A loss", "An augmentation", "A network", "An estimator", "A source of data", "An arm")


def write_files(folder: Path) -> None:
    """All files that the page shows; what it shows of one file in several places comes one after the other."""
    texts: dict[str, list[str]] = {}
    for match in FILE.finditer(PAGE):
        texts.setdefault(match["file"], []).append(match["text"])
    assert len(texts) >= 7
    for name, parts in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n\n".join(parts))


def test_there_is_an_example_of_each_kind() -> None:
    assert all(COMMANDS.search(SECTIONS[name]) for name in KINDS)
    assert len(FILE.findall(PAGE)) == 11


@pytest.mark.parametrize("name", KINDS)
def test_every_command_of_the_page_works_with_its_files(name: str, sdl: Sdl, tmp_path: Path) -> None:
    write_files(tmp_path)
    runpy.run_path(str(tmp_path / "make_garden.py"))
    commands = [line.removeprefix("$ ") for block in COMMANDS.findall(SECTIONS[name]) for line in block.splitlines()]
    assert commands
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "sdl"
        found = sdl("", *words)
        assert found.code == 0, (command, found.err)


def test_entry_points_have_the_groups_that_sdl_reads() -> None:
    found = tomllib.loads(re.findall(r"```toml\n(.*?)```", SECTIONS["In a package"], re.DOTALL)[0])
    assert set(found["project"]["entry-points"]) == set(ENTRY_POINTS.values())


def test_the_source_is_read_where_the_page_says_so(sdl: Sdl, tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "my_parts.py").write_text((tmp_path / "my_parts.py").read_text() + "\nraise SystemExit('it was run')\n")
    listed = sdl("list")
    assert listed.code == 0
    for name in ("focal", "blot", "gated", "garden", "gated_focal"):
        assert f"  {name}" in listed.out
    assert "Focal loss, which counts rows less" in " ".join(listed.out.split())
    shown = sdl("show loss=focal").out
    assert shown.endswith("# loss.gamma: a number, default 2.0\n")
    assert sdl("train dataset=wine model=deep_net loss=focal").code == 2
