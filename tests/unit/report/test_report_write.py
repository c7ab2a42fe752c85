"""`write_report` on every kind of folder: what it contains, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from unit.report import made
from unit.report.test_section import Reader

from sdl_cli.errors import DataError
from sdl_cli.report.html.write import kind_of, write_report
from sdl_cli.run import run_folder, writing

Values = dict[str, Any]
ALWAYS = ["data", "configuration", "machine", "methods", "reproduce"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    made.train(folder, {"name": "wine"})
    return folder


def test_a_run(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "my report.html"
    found = write_report(run, out)
    assert found == {**found, "folder": str(run), "out": str(out), "kind": "run", "bytes": out.stat().st_size}
    assert found["sections"][0] == "scores" and set(ALWAYS) <= set(found["sections"])
    page = Reader(out.read_text(encoding="utf-8"))
    ids = [value for name, value in page.attributes if name == "id"]
    assert set(found["sections"]) <= set(ids) and len(ids) == len(set(ids))
    assert {"script", "link", "iframe"}.isdisjoint(page.tags)
    assert not [v for n, v in page.attributes if n in ("src", "href") and not str(v).startswith(("data:", "#"))]
    accuracy = made.read(run / "metrics.json")["metrics"]["test"]["accuracy"]
    assert f"Accuracy {100 * accuracy['value']:.1f}\u00a0%" in page.text


def test_it_goes_into_the_folder_and_replaces_an_earlier_one(run: Path) -> None:
    first = write_report(run, None)
    assert first["out"] == str(run / "report.html")
    (run / "report.html").write_text("old")
    assert write_report(run, None)["bytes"] == (run / "report.html").stat().st_size > 1000
    run_folder.read_run(run)  # the run is as whole as before


def test_repeats(tmp_path: Path) -> None:
    made.train(tmp_path / "run", {"name": "wine"}, num_repeats=3)
    found = write_report(tmp_path / "run", None)
    assert found["kind"] == "repeats" and found["sections"][0] == "leaderboard" and set(ALWAYS) <= set(found["sections"])
    assert "over 3 splits" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_sweep_with_a_failed_job(tmp_path: Path) -> None:
    runs = [(["a=1"], made.metrics_of(0.9)), (["a=2"], made.metrics_of(0.95))]
    made.write_sweep(tmp_path / "sweep", runs, [(["a=3"], "it broke")])
    found = write_report(tmp_path / "sweep", None)
    assert found["kind"] == "sweep" and found["sections"] == ["leaderboard", *ALWAYS]
    assert "it broke" in (tmp_path / "sweep" / "report.html").read_text(encoding="utf-8")


def write_curve(folder: Path, state: str = "done", failed: list[Values] | None = None, dataset: str = "wine") -> None:
    folder.mkdir(parents=True)
    config = {"dataset": {"name": "wine"}, "model": {"name": "baseline", "num_trees": 10}, "curve": {"num_repeats": 5}}
    writing.write_config(folder, config)
    curve = {**made.curve_of("baseline (forest)", dataset), "failed": failed or [], "notes": [], "seconds": 12.0}
    writing.write_json(folder, "curve.json", curve)
    writing.write_status(folder, state, "2 of 20 cells failed" if failed else "")


def test_a_curve_also_with_failed_cells(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve")
    found = write_report(tmp_path / "curve", None)
    assert found["kind"] == "curve" and found["sections"] == ["curve", *ALWAYS]
    write_curve(tmp_path / "holes", "failed", [{"folder": "cells/3", "reason": "out of memory"}])
    write_report(tmp_path / "holes", None)
    text = (tmp_path / "holes" / "report.html").read_text(encoding="utf-8")
    assert "out of memory" in text and "1 of its measurements failed" in text


@pytest.mark.parametrize(("datasets", "sections"), [(("wine", "wine"), ["curve"]), (("wine", "iris"), ["curve-1", "curve-2"])])
def test_a_sweep_of_curves(tmp_path: Path, datasets: tuple[str, str], sections: list[str]) -> None:
    for number, dataset in enumerate(datasets):
        write_curve(tmp_path / "sweep" / str(number), dataset=dataset)
        writing.write_json(tmp_path / "sweep" / str(number), "job.json", {"overrides": [f"model.kind={number}"]})
    writing.write_json(tmp_path / "sweep", "sweep.json", {"verb": "curve", "jobs": None})
    found = write_report(tmp_path / "sweep", None)
    assert found["kind"] == "sweep" and found["sections"] == [*sections, *ALWAYS]


def test_a_comparison(run: Path, tmp_path: Path) -> None:
    made.write_comparison(tmp_path / "compare", made.comparison())
    shutil.copytree(run, tmp_path / "compare" / "recommended")
    found = write_report(tmp_path / "compare", None)
    assert found["kind"] == "comparison" and found["sections"][:2] == ["leaderboard", "curve"]
    assert {"notes", *ALWAYS} <= set(found["sections"]) and found["bytes"] < 3_000_000
    shutil.rmtree(tmp_path / "compare" / "recommended")
    without = write_report(tmp_path / "compare", None)
    assert without["sections"] == ["leaderboard", "curve", *ALWAYS, "notes"]


def test_a_sweep_of_comparisons(tmp_path: Path) -> None:
    for number in range(2):
        made.write_comparison(tmp_path / "sweep" / str(number), made.comparison(dataset=f"set {number}"))
        writing.write_json(tmp_path / "sweep" / str(number), "job.json", {"overrides": [f"dataset={number}"]})
    writing.write_json(tmp_path / "sweep", "sweep.json", {"verb": "compare", "jobs": None})
    found = write_report(tmp_path / "sweep", None)
    assert found["kind"] == "sweep" and found["sections"] == ["leaderboard-1", "leaderboard-2", *ALWAYS]
    assert "dataset=1: nearest is the simplest method" in (tmp_path / "sweep" / "report.html").read_text(encoding="utf-8")


def test_hostile_names_show_as_text(tmp_path: Path) -> None:
    settings = made.hostile_table(tmp_path / "rows '\"<b>.csv")
    made.train(tmp_path / "run", settings)
    found = write_report(tmp_path / "run", None)
    page = Reader((tmp_path / "run" / "report.html").read_text(encoding="utf-8"))
    assert {"confusion", "importance"} <= set(found["sections"])
    assert "script" not in page.tags and page.tags.count("style") == 1 and "b" in page.tags
    assert [str(value)[:5] for name, value in page.attributes if name == "src"] in ([], ["data:"] * page.tags.count("img"))
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    for text in made.HOSTILE:
        assert text in page.text
    assert "rows '\"<b>.csv" in page.text


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda folder: None, "there is no such run folder", "for example one under runs/"),
        (lambda folder: folder.mkdir(), "this is not a run folder", "status.json"),
        (lambda folder: unfinished(folder, {"seed": 0}), "this run is not finished", "sdl train --resume"),
        (
            lambda folder: unfinished(folder, {"seed": 0, "curve": {"at": 1}}),
            "learning curve is not finished",
            "sdl curve --resume",
        ),
        (
            lambda folder: unfinished(folder, {"seed": 0, "compare": {"x": 1}}),
            "comparison is not finished",
            "sdl compare --resume",
        ),
    ],
)
def test_what_cannot_be_reported(make: Any, message: str, hint: str, tmp_path: Path) -> None:
    make(tmp_path / "run")
    with pytest.raises(DataError, match=message) as error:
        write_report(tmp_path / "run", tmp_path / "out.html")
    assert hint in error.value.hint
    assert not (tmp_path / "out.html").exists()


def unfinished(folder: Path, config: Values) -> None:
    folder.mkdir()
    writing.write_config(folder, config)
    writing.write_status(folder, "running")


def test_a_folder_is_no_file_to_write(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is a folder") as error:
        write_report(run, tmp_path)
    assert "report.html" in error.value.hint
    with pytest.raises(DataError):
        write_report(run, tmp_path / "no" / "such" / "folder.html")


def test_a_report_in_a_folder_does_not_change_what_it_is(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve")
    write_report(tmp_path / "curve", None)
    assert kind_of(tmp_path / "curve") == "curve"
