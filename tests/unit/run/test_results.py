"""The run folder: claimed by one, written whole, read with every file checked."""

from __future__ import annotations

import csv
import json
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import yaml

from sdl_cli.errors import ConfigError, DataError, RunError, StopSignal
from sdl_cli.run import run_folder, writing


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run folder with a file of each kind."""
    folder = writing.claim(tmp_path / "runs" / "one")
    writing.write_config(folder, {"model": {"name": "baseline"}, "path": "ü x"})
    writing.write_json(folder, "metrics.json", {"metrics": {"test": {"accuracy": {"value": 1.0}}}})
    writing.write_json(folder, "environment.json", {"data_fingerprint": "abc"})
    writing.write_status(folder, "done", files=["config.yaml", "metrics.json", "environment.json"])
    return folder


def test_a_finished_run_is_read_as_it_was_written(run: Path) -> None:
    stored = run_folder.read_run(run)
    assert stored.config == {"model": {"name": "baseline"}, "path": "ü x"}
    assert stored.metrics["metrics"]["test"]["accuracy"]["value"] == 1.0
    assert stored.environment == {"data_fingerprint": "abc"} and stored.state == "done" and stored.repeats == []


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    names = [writing.claim(tmp_path / "x").name for _ in range(3)]
    assert names == ["x", "x-2", "x-3"]
    assert run_folder.read_state(tmp_path / "x") == "running"


def test_a_folder_is_claimed_once_by_many_at_the_same_time(tmp_path: Path) -> None:
    claimed: list[Path] = []
    threads = [threading.Thread(target=lambda: claimed.append(writing.claim(tmp_path / "x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(claimed)) == 8


def test_a_claim_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DataError("the disk is full.")

    monkeypatch.setattr(writing, "write_new", full)
    with pytest.raises(DataError, match="disk is full"):
        writing.claim(tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["config.yaml", "metrics.json", "environment.json"])
def test_an_edited_or_lost_file_is_named(run: Path, name: str, tmp_path: Path) -> None:
    own = (run / name).read_text()
    (run / name).write_text((run / name).read_text() + " ")
    with pytest.raises(DataError, match=f"{name}: this file was changed after the run ended"):
        run_folder.read_run(run)
    (run / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing, so this run is incomplete"):
        run_folder.read_run(run)
    (tmp_path / "elsewhere").write_text(own)
    (run / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=f"{name}: this is a link to a file outside the run"):
        run_folder.read_run(run)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("", "cannot be read as JSON"),
        ("[1]", "holds no JSON object"),
        ('{"state": "running"}', "not finished"),
        ('{"state": "failed", "reason": "interrupted"}', r"not finished \(it is interrupted\)"),
        ('{"state": "done", "files": {"../../secret": "x"}}', "is missing"),
    ],
)
def test_a_status_that_is_not_done_is_not_read_as_a_run(run: Path, status: str, words: str) -> None:
    (run / "status.json").write_text(status)
    with pytest.raises(DataError, match=words):
        run_folder.read_run(run)


def test_a_folder_that_is_no_run_says_what_it_is(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such run folder"):
        run_folder.read_run(tmp_path / "nowhere")
    with pytest.raises(DataError, match="not a run folder") as caught:
        run_folder.read_run(run.parent)
    assert str(run) in caught.value.hint


@pytest.mark.parametrize("text", ["- a list", "a: [", "3", "!!python/object/apply:os.system ['true']"])
def test_a_config_that_is_no_mapping_is_refused_and_runs_nothing(run: Path, text: str) -> None:
    (run / "config.yaml").write_text(text)
    with pytest.raises(DataError, match="config.yaml"):
        run_folder.read_run(run, finished=False)


def test_states_and_reasons(run: Path, tmp_path: Path) -> None:
    assert run_folder.read_state(run) == "done" and run_folder.read_state(tmp_path) == "missing"
    writing.record_failure(run, ValueError("first line\nsecond"))
    assert run_folder.read_state(run) == "failed" and run_folder.read_reason(run) == "first line"
    assert "ValueError: first line" in (run / "run.log").read_text()
    writing.record_failure(run, KeyboardInterrupt())
    assert run_folder.read_state(run) == "interrupted" and run_folder.read_reason(run) == "by Ctrl-C"
    writing.record_failure(run, StopSignal(signal.SIGTERM))
    assert run_folder.read_reason(run) == "by SIGTERM"


def test_a_run_that_was_interrupted_when_that_was_called_failed_is_interrupted(run: Path) -> None:
    (run / "status.json").write_text('{"state": "failed", "reason": "interrupted", "files": {}}')
    assert run_folder.read_state(run) == "interrupted"


def test_a_status_says_what_its_folder_holds_and_keeps_it(tmp_path: Path) -> None:
    folder = writing.claim(tmp_path / "x", "curve")
    assert run_folder.read_json(folder / "status.json")["kind"] == "curve"
    writing.write_status(folder, "failed", "why")
    assert run_folder.read_json(folder / "status.json")["kind"] == "curve"


def test_a_claimed_folder_never_has_an_empty_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = os.link

    def link(source: str, target: Path) -> None:
        assert not target.exists()
        real(source, target)
        sizes.append(target.stat().st_size)

    monkeypatch.setattr(os, "link", link)
    folder = writing.claim(tmp_path / "x")
    assert sizes[0] > 0 and json.loads((folder / "status.json").read_text())["state"] == "running"
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "status.json"]


def test_a_folder_is_claimed_once_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert [writing.claim(tmp_path / "x").name for _ in range(2)] == ["x", "x-2"]
    assert run_folder.read_state(tmp_path / "x") == "running"


@pytest.mark.parametrize("files", [(), ("job.json",), (".status.json.abcd1234",)], ids=str)
def test_a_folder_in_which_nothing_was_begun_is_said_to_be_one(tmp_path: Path, files: tuple[str, ...]) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(DataError, match="nothing was begun here"):
        run_folder.read_run(tmp_path, finished=False)


def test_an_empty_status_of_an_older_sdl_is_nothing_begun(tmp_path: Path) -> None:
    (tmp_path / "status.json").touch()
    with pytest.raises(DataError, match="nothing was begun here"):
        run_folder.read_run(tmp_path, finished=False)


def test_what_a_killed_process_was_writing_is_swept_when_the_run_is_resumed(run: Path) -> None:
    (run / ".metrics.json.ab12_x9z").write_text("{")
    (run / "repeats" / "0").mkdir(parents=True)
    (run / "repeats" / "0" / ".checkpoint-fit.pt.ab12_x9z").write_bytes(b"")
    (run / ".my.settings").write_text("mine")
    with writing.resumed(run):
        pass
    assert {p.name for p in run.rglob(".*")} == {".my.settings"}


@pytest.mark.parametrize(
    ("error", "resumed", "has_checkpoint", "stays"),
    [
        (ConfigError("x"), False, False, False),
        (DataError("x"), False, False, False),
        (DataError("x"), True, False, True),
        (DataError("x"), False, True, True),
        (RunError("x"), False, False, True),
        (ValueError("x"), False, False, True),
        (KeyboardInterrupt(), False, False, True),
    ],
    ids=str,
)
def test_a_mistake_leaves_nothing_and_a_stopped_run_can_go_on(
    tmp_path: Path, error: BaseException, resumed: bool, has_checkpoint: bool, stays: bool
) -> None:
    folder = tmp_path / "x"
    if resumed:
        writing.claim(folder)
    with pytest.raises(type(error)), writing.writing(folder, "run", resumed) as out:
        out.config({"a": 1})
        if has_checkpoint:
            (folder / "checkpoint-fit.pt").write_bytes(b"x")
        raise error
    assert folder.exists() == stays
    if stays:
        assert run_folder.read_state(folder) == ("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        assert error.run_folder == folder  # type: ignore[attr-defined, union-attr]


def test_what_is_not_the_runs_own_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    folder = writing.claim(tmp_path)
    writing.discard(folder)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_json_has_no_numbers_that_json_does_not_know(tmp_path: Path) -> None:
    writing.write_json(tmp_path, "x.json", {"a": float("nan"), "b": [np.float64("inf"), np.int64(3)], "ü": "ü"})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": None, "b": [None, 3], "ü": "ü"}


def test_the_configuration_comes_back_as_it_was(tmp_path: Path) -> None:
    config = {"a": None, "b": [1, 2.5, "x: y", "~", "ü"], "c": {"d": True, "e": "1e3", "f": "null", "g": ""}}
    writing.write_config(tmp_path, config)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8")) == config


def test_predictions_are_a_table_with_names(tmp_path: Path) -> None:
    probs = np.array([[0.25, 0.75], [1.0, 0.0]])
    writing.write_predictions(tmp_path / "p.csv", np.array(["a,b", 'c"d']), np.array([1, 1]), probs, ["x y", "z,"])
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"id": "a,b", "truth": "z,", "prediction": "z,", "probability_x y": "0.25", "probability_z,": "0.75"}
    assert rows[1]["id"] == 'c"d' and rows[1]["prediction"] == "x y"
    writing.write_predictions(tmp_path / "q.csv", np.array(["0"]), None, np.array([2.5]), [])
    assert (tmp_path / "q.csv").read_text() == "id,prediction\n0,2.5\n"


def test_history_has_a_column_for_every_key(tmp_path: Path) -> None:
    writing.write_history(tmp_path, [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "accuracy": 0.5}])
    assert (tmp_path / "history.csv").read_text() == "epoch,loss,accuracy\n1,2.0,\n2,,0.5\n"


def test_a_disk_that_cannot_hold_the_result_is_said_before_training(tmp_path: Path) -> None:
    writing.require_space(tmp_path, 1)
    with pytest.raises(DataError, match="the disk is full"):
        writing.require_space(tmp_path, 2**60)


def test_paths_can_be_pasted_into_a_shell() -> None:
    assert run_folder.quoted("runs/plain") == "runs/plain"
    assert run_folder.quoted("my runs/it's") == "'my runs/it'\"'\"'s'"
