"""A run folder is held by one process at a time, and by none once that has ended."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from sdl_cli.errors import DataError
from sdl_cli.run import locks

HOLD = """
import sys
from pathlib import Path
from sdl_cli.run import locks
locks.hold(Path(sys.argv[1]))
print("held", flush=True)
input()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_with_host_and_id_of_the_first(tmp_path: Path) -> None:
    process = holder(tmp_path)
    with process, pytest.raises(DataError, match=f"process {process.pid} on {platform.node()} is at it already"):
        try:
            locks.hold(tmp_path)
        finally:
            process.kill()


def test_the_lock_of_a_killed_process_binds_nobody(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
    assert (tmp_path / locks.FILE).read_text() == f"{process.pid} {platform.node()}"
    with locks.alone(tmp_path):
        assert (tmp_path / locks.FILE).read_text() == f"{os.getpid()} {platform.node()}"
    assert not any(tmp_path.iterdir()) and not locks.is_held(tmp_path)


def test_one_process_may_hold_a_folder_within_itself(tmp_path: Path) -> None:
    with locks.alone(tmp_path):
        with locks.alone(tmp_path):
            pass
        assert locks.is_held(tmp_path)


def test_a_folder_that_cannot_be_locked_is_used_all_the_same(tmp_path: Path) -> None:
    locks.hold(tmp_path / "nowhere")
    assert not locks.is_held(tmp_path / "nowhere")


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("years of work")
    (tmp_path / locks.FILE).symlink_to("mine")
    locks.hold(tmp_path)
    assert (tmp_path / "mine").read_text() == "years of work"
