""".ci/run with every program replaced by a stub: when it gives up for want of Chromium, and what its last line counts."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("bash", "cat", "dirname", "grep", "mkdir", "mktemp", "rm", "wc")
SKIPPED = '<testcase><skipped type="pytest.skip" message="needs Chromium, which is not installed here">t.py:1: needs Chromium</skipped></testcase>'
STUBS = {
    "python3": "",
    "pip": "",
    "sdl": "",
    "ruff": "",
    "mypy": "echo types are checked",
    "sleep": 'echo "slept $1" >>"$HERE/log"',
    "pytest": 'file=${PYTEST_ADDOPTS#--junit-xml=}; [ "$file" ] && printf "%s" "$SUITE" >"$file"',
}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that is the whole PATH: the few real programs that the script needs, and stubs of the others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    for name, body in STUBS.items():
        stub(folder, name, body)
    return folder


def stub(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/bash\n{body}\n")
    (folder / name).chmod(0o755)


def run(programs: Path, suite: str = "") -> subprocess.CompletedProcess[str]:
    here = programs.parent
    (here / "project" / ".ci").mkdir(parents=True)
    script = shutil.copy(ROOT / ".ci" / "run", here / "project" / ".ci" / "run")
    environment = {"PATH": str(programs), "HERE": str(here), "SUITE": suite, "TMPDIR": str(here)}
    return subprocess.run(["bash", script], env=environment, capture_output=True, text=True, timeout=60)


def calls(programs: Path) -> list[str]:
    log = programs.parent / "log"
    return log.read_text().splitlines() if log.exists() else []


APT = 'echo "$1" >>"$HERE/log"; [ "$1" = update ] || [ "$(grep -c install "$HERE/log")" -gt {failures} ] || {{ echo "no such host" >&2; exit 100; }}'


@pytest.mark.parametrize(
    ("failures", "code", "called"),
    [
        (0, 0, ["update", "install"]),
        (1, 0, ["update", "install", "slept 30", "update", "install"]),
        (2, 1, ["update", "install", "slept 30", "update", "install"]),
    ],
)
def test_chromium_is_tried_twice_where_it_can_be_installed(programs: Path, failures: int, code: int, called: list[str]) -> None:
    stub(programs, "id", "echo 0")
    stub(programs, "apt-get", APT.format(failures=failures))
    done = run(programs)
    assert (done.returncode, calls(programs)) == (code, called), done.stderr
    if code:
        assert "no such host" in done.stderr and "Chromium could not be installed, in two tries" in done.stderr
        assert "README command" not in done.stdout, "nothing else was begun"
    else:
        assert done.stdout.splitlines()[-2:] == ["types are checked", "== page tests skipped for want of Chromium: 0"]


@pytest.mark.parametrize("missing", ["root", "apt"])
def test_elsewhere_the_last_line_counts_the_skipped_page_tests(programs: Path, missing: str) -> None:
    stub(programs, "id", "echo 1000" if missing == "root" else "echo 0")
    if missing == "root":
        stub(programs, "apt-get", APT.format(failures=9))
    done = run(
        programs, f'<testsuite><testcase name="a"/>{SKIPPED * 5}<testcase><skipped message="needs a GPU"/></testcase></testsuite>'
    )
    assert done.returncode == 0 and not calls(programs), done.stderr
    assert done.stdout.splitlines()[-1] == "== page tests skipped for want of Chromium: 5"


def test_nothing_is_installed_beside_a_browser_that_is_there(programs: Path) -> None:
    stub(programs, "id", "echo 0")
    stub(programs, "apt-get", APT.format(failures=9))
    stub(programs, "google-chrome", "")
    assert run(programs).returncode == 0 and not calls(programs)


def test_a_red_suite_is_a_red_run(programs: Path) -> None:
    stub(programs, "id", "echo 1000")
    stub(programs, "pytest", "exit 1")
    done = run(programs)
    assert done.returncode == 1 and "== lint" not in done.stdout
    assert not list(programs.parent.glob("tmp.*")), "its scratch folder is removed"
