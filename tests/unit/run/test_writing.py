"""The life of a run folder: what its status says while it is written, and what is left of it however that ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdl_cli.errors import ConfigError, DataError, RunError, SdlError, StorageError
from sdl_cli.run import locks, run_folder
from sdl_cli.run.writing import claim, record_failure, resumed, write_config, write_status, writing

KINDS = ("run", "repeats", "cell", "curve", "comparison")


def status(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "status.json").read_text())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_written_once_and_stays_through_every_end(tmp_path: Path, kind: str) -> None:
    with writing(tmp_path / "x", kind) as out:
        assert (status(out.folder)["kind"], status(out.folder)["state"]) == (kind, "running")
        out.config({"seed": 1})
        out.done(["config.yaml", "history.csv"])
    assert status(out.folder)["state"] == "done" and list(status(out.folder)["files"]) == ["config.yaml"]  # type: ignore[call-overload]
    record_failure(out.folder, ValueError("why"))
    assert run_folder.kind_of(out.folder) == kind
    with pytest.raises(KeyboardInterrupt), writing(out.folder, kind, resume=True):
        raise KeyboardInterrupt
    assert (status(out.folder)["kind"], status(out.folder)["reason"]) == (kind, "by Ctrl-C")


@pytest.mark.parametrize(
    ("config", "has_repeats", "kind"),
    [
        ({"seed": 0}, False, "run"),
        ({"seed": 0}, True, "repeats"),
        ({"seed": 0, "curve": {"level": 0.9}}, False, "curve"),
        ({"compare": {"arms": ["a"]}}, False, "comparison"),
        ({"dataset": {"path": "curve:\ncompare:\n"}}, False, "run"),
    ],
    ids=str,
)
def test_folders_without_a_kind_are_told_apart_by_their_settings(
    tmp_path: Path, config: dict[str, object], has_repeats: bool, kind: str
) -> None:
    write_config(tmp_path, config)
    (tmp_path / "status.json").write_text('{"state": "failed", "reason": "", "files": {}}')
    if has_repeats:
        (tmp_path / "repeats" / "0").mkdir(parents=True)
    assert run_folder.kind_of(tmp_path) == kind
    write_status(tmp_path, "interrupted")
    assert status(tmp_path)["kind"] == kind, "from now on it is named"


def test_what_is_resumed_runs_from_the_beginning_and_a_refusal_leaves_it_as_it_was(tmp_path: Path) -> None:
    write_status(tmp_path, "failed", "stopped", kind="curve")
    before = (tmp_path / "status.json").read_bytes()
    with pytest.raises(DataError, match="has changed"), resumed(tmp_path):
        assert run_folder.read_state(tmp_path) == "running" and run_folder.kind_of(tmp_path) == "curve"
        assert locks.is_held(tmp_path)
        raise DataError("the data has changed")
    assert (tmp_path / "status.json").read_bytes() == before and not locks.is_held(tmp_path)
    with resumed(tmp_path), writing(tmp_path, "curve", resume=True) as out:
        assert out.folder == tmp_path
        out.done()
    assert run_folder.read_state(tmp_path) == "done" and not locks.is_held(tmp_path)


@pytest.mark.parametrize("part", ["repeats/0", "cells/size-20_repeat-0", "arms/forest/0"])
@pytest.mark.parametrize("got_anywhere", [False, True])
def test_a_mistake_in_every_part_leaves_nothing_and_one_after_a_result_leaves_all(
    tmp_path: Path, part: str, got_anywhere: bool
) -> None:
    with pytest.raises(ConfigError), writing(tmp_path / "x", "curve") as out:
        with pytest.raises(ConfigError), writing(out.folder / part, "cell") as cell:
            cell.config({"seed": 1})
            if got_anywhere:
                cell.json("metrics.json", {"test": {}})
            raise ConfigError("no")
        raise ConfigError("no")
    assert (tmp_path / "x").exists() == got_anywhere
    assert not got_anywhere or run_folder.read_state(tmp_path / "x") == "failed"


@pytest.mark.parametrize(
    ("kind", "done", "raised", "command"),
    [
        ("run", None, StorageError, None),
        ("run", "checkpoint-fit.pt", StorageError, "train"),
        ("repeats", "repeats/0/metrics.json", StorageError, "train"),
        ("cell", None, StorageError, None),
        ("curve", "cells/0/metrics.json", RunError, "curve"),
        ("comparison", "arms/a/0/metrics.json", RunError, "compare"),
    ],
)
def test_a_full_disk_names_the_command_that_resumes(
    tmp_path: Path, kind: str, done: str | None, raised: type[SdlError], command: str | None
) -> None:
    with pytest.raises(raised, match="the disk is full") as caught, writing(tmp_path / "x", kind) as out:
        if done is not None:
            (out.folder / done).parent.mkdir(parents=True, exist_ok=True)
            (out.folder / done).touch()
        raise StorageError("x: the disk is full.", "Free some space.")
    assert caught.value.hint == (
        f"What is done stays. Free some space, then: sdl {command} --resume {tmp_path / 'x'}" if command else "Free some space."
    )
    assert (tmp_path / "x").exists() == (command is not None or kind == "cell")


def test_the_environment_grows_with_what_becomes_known(tmp_path: Path) -> None:
    with writing(tmp_path / "x", "run") as out:
        out.environment(data_fingerprint="abc", runtime=None)
        out.environment(runtime={"device": "cpu"}, seconds={"total": 1.0})
        out.done(["environment.json"])
    found = run_folder.read_json(tmp_path / "x" / "environment.json")
    assert {"versions", "platform", "git_commit", "command_line"} < set(found) and found["data_fingerprint"] == "abc"
    assert found["runtime"] == {"device": "cpu"} and found["seconds"] == {"total": 1.0}
    with writing(tmp_path / "cell", "cell") as out:
        out.environment(data_fingerprint="abc")
        out.done()
    assert run_folder.read_json(tmp_path / "cell" / "environment.json") == {"data_fingerprint": "abc"}


def test_a_claim_takes_the_next_name_and_a_cell_its_own(tmp_path: Path) -> None:
    claim(tmp_path / "x")
    with writing(tmp_path / "x", "run") as out:
        assert out.folder == tmp_path / "x-2"
        out.done()
    with writing(tmp_path / "x", "cell") as out:
        assert out.folder == tmp_path / "x"
        out.done()
