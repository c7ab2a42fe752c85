"""README is short and says what is true: CI runs its two commands, its links lead somewhere. Its blocks: `test_pages.py`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 120


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_ci_runs_exactly_its_two_commands() -> None:
    language, first, second = README.split("```")[1].strip().splitlines()
    assert language == "bash"
    assert first == "pip install -e . && sdl train"
    assert second == 'pip install -e ".[test]" && pytest'
    ci = (ROOT / ".ci" / "run").read_text()
    for part in ("pip install --quiet -e .\n", "sdl train", 'pip install --quiet -e ".[test]"', "\npytest\n"):
        assert part in ci


def test_its_transcript_is_of_the_first_command_and_its_links_lead_somewhere() -> None:
    transcript = README.split("```")[3]
    for word in ("data ", "model ", "device ", "accuracy", "lift ", "run "):
        assert word in transcript
    links = re.findall(r"\]\((?!https:)([^)#]+)\)", README)
    for link in links:
        assert (ROOT / link).is_file(), link
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - {"docs/CHANGES.md"} <= set(links), (
        "README has the map"
    )


def test_nothing_names_the_place_it_was_made() -> None:
    for file in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "conf").rglob("*.yaml")]:
        assert "/work/" not in file.read_text() and "/root/" not in file.read_text(), file
