"""The log of a run: what it says of a good one, of one that is resumed, and of one that fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sdl_cli.run import run_log
from sdl_cli.run.run_log import RunLog
from sdl_cli.run.writing import writing


def test_lines_have_their_time_and_a_note_stands_once(tmp_path: Path) -> None:
    run_log.typed(["/bin/sdl", "train", "dataset.path=a b"])
    log, said = RunLog(), list[str]()
    notice = log.heard(said.append)
    notice("Once.\x1b[31m")
    notice("Once.\x1b[31m")
    log.add("test", "accuracy 1")
    log.seconds({"total": 3.25, "load": 1.0})
    log.write(tmp_path)
    first, second, *lines = (tmp_path / "run.log").read_text().splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}  sdl \S+, Python \S+", first)
    assert second == "command sdl train 'dataset.path=a b'"
    assert [line[9:] for line in lines] == ["note    Once.?[31m", "test    accuracy 1", "seconds 3.2 (load 1.0)"]
    assert said == ["Once.\x1b[31m"] * 2


def test_a_run_that_ends_well_or_badly_and_is_resumed(tmp_path: Path) -> None:
    log = RunLog()
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "run", "run", log=log) as out:
        assert (out.folder / "run.log").is_file()  # from its beginning
        log.add("note", "begun")
        raise ZeroDivisionError("why")
    text = (tmp_path / "run" / "run.log").read_text()
    assert "note    begun" in text and "status  failed" in text and text.endswith("ZeroDivisionError: why\n")
    with writing(tmp_path / "run", "run", resume=True, log=RunLog()) as out:
        out.done()
    both = (tmp_path / "run" / "run.log").read_text()
    assert both.startswith(text) and both.count("command ") == 2 and both.endswith("status  done\n")


def test_a_cell_has_no_log_unless_it_fails(tmp_path: Path) -> None:
    with writing(tmp_path / "cell", "cell") as out:
        out.done()
    assert not (tmp_path / "cell" / "run.log").exists()
