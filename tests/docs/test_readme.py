"""README says what is true: its commands exist and compose, CI runs its two commands, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sdl_cli.run import hydra as bridge
from sdl_cli.run.hydra.bare_paths import with_bare_path
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.yaml_files import GROUPS, options
from sdl_cli.study.compare.settings import parse_shared
from sdl_cli.study.curve.settings import parse_curve

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = sorted(set(re.findall(r"`(sdl [^`]+)`", README)))
VERBS = {
    "train",
    "compare",
    "curve",
    "decompose",
    "forecast",
    "evaluate",
    "predict",
    "check",
    "export",
    "list",
    "report",
    "runs",
    "show",
    "device",
    "--version",
}


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 14


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists_and_its_settings_compose(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patients.csv").write_text("age,outcome\n50,yes\n")
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    _, verb, *rest = shlex.split(command)
    assert verb in VERBS
    if verb in ("train", "compare", "curve", "check") and rest[:1] != ["--resume"]:
        rest = with_bare_path([word for word in rest if not word.startswith("-")])[0] + [w for w in rest if w.startswith("-")]
    overrides = [word for word in rest if "=" in word and not word.startswith("-")]
    if verb == "show" and rest[0] not in ("train", "curve", "compare"):
        group, _, name = rest[0].partition("=")
        assert name in options(group)
    elif verb in ("train", "curve", "check", "compare"):
        check = {"curve": parse_curve, "compare": parse_shared}.get(verb, parse_experiment)
        first = [re.sub(r",.*", "", o) for o in overrides] if "-m" in rest else overrides
        assert check(bridge.compose_checked("train" if verb == "check" else verb, first, check))
    elif verb == "list" and rest:
        assert rest[0] in GROUPS


def test_every_setting_it_names_exists() -> None:
    for group, names in re.findall(r"`(model|loss|augment)=(\w+)`", README):
        assert names in options(group), f"{group}={names}"
    for found in re.findall(r"`(?:loss|augment)=\w+`((?:, `\w+`)+)", README):
        for name in re.findall(r"\w+", found):
            assert any(name in options(group) for group in ("loss", "augment")), name


def test_ci_runs_exactly_its_two_commands() -> None:
    first, second = README.split("```")[1].strip().splitlines()
    assert first == "pip install -e . && sdl train"
    assert second == 'pip install -e ".[test]" && pytest'
    ci = (ROOT / ".ci" / "run").read_text()
    for part in ("pip install --quiet -e .\n", "sdl train", 'pip install --quiet -e ".[test]"', "\npytest\n"):
        assert part in ci


def test_its_transcript_is_of_the_first_command_and_its_links_lead_somewhere() -> None:
    transcript = README.split("```")[3]
    for word in ("data ", "model ", "device ", "accuracy", "lift ", "run "):
        assert word in transcript
    for link in re.findall(r"\]\((?!https:)([^)#]+)\)", README):
        assert (ROOT / link).is_file(), link


def test_nothing_names_the_place_it_was_made() -> None:
    for file in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "conf").rglob("*.yaml")]:
        assert "/work/" not in file.read_text() and "/root/" not in file.read_text(), file
