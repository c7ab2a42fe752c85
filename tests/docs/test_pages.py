"""Every code block of README and of the pages runs, or is composed where it says so; every command and setting in their text exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs.blocks import PAGES, ROOT, Folder, blocks, compose

from sdl_cli.settings.yaml_files import options

RECORDS = {"LOG.md", "BENCHMARKS.md", "CHANGES.md"}  # what was done once, in words of its time
OWN_TESTS = {"EXTENDING.md", "PYTHON.md"}  # pages that, where they are, have a test of their own
WITH_BLOCKS = [page for page in PAGES if blocks(page) and page.name not in OWN_TESTS]
TEXTS = [page for page in PAGES if page.name not in RECORDS]
INLINE = sorted(
    {(page, found) for page in TEXTS for found in re.findall(r"(?<!`)`(sdl [^`]+)`(?!`)", page.read_text(encoding="utf-8"))}
)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=named)
def test_every_block_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    folder = Folder(tmp_path)
    for block in blocks(page):
        folder.run(block)


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_every_command_in_its_text_exists_and_its_settings_compose(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in [command for of, command in INLINE if of == page]:
        if "..." not in command:
            compose(command, tmp_path)


@pytest.mark.parametrize("page", TEXTS, ids=named)
def test_every_choice_that_it_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for group, name in re.findall(r"`(model|loss|augment|reduce|training|arm)=([a-z]\w+)", text):
        assert name in options(group), f"{group}={name}"
    for found in re.findall(r"`(?:loss|augment)=\w+`((?:, `\w+`)+)", text):
        for name in re.findall(r"\w+", found):
            assert any(name in options(group) for group in ("loss", "augment")), name


def test_a_page_with_a_test_of_its_own_has_one() -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py") if file != Path(__file__))
    for page in PAGES:
        assert page.name not in OWN_TESTS or f'"docs" / "{page.name}"' in tests, page
