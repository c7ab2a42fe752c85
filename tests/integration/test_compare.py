"""`sdl compare` from its command line to its folder, and every way in which it can go wrong."""

from __future__ import annotations

import csv
import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from integration.conftest import Sdl, Start, tree

from sdl_cli.errors import OutOfTimeError, RunError
from sdl_cli.report.html.pooled import PooledRun
from sdl_cli.run import run_folder
from sdl_cli.study.compare import trial as trials
from sdl_cli.study.compare.result import ComparisonResult

QUICK = "parallel.backend=threading parallel.num_jobs=2 compare.num_repeats=3"
TWO = "dataset=wine 'compare.arms=[majority,\"forest model.num_trees=5\"]' compare.baseline=null " + QUICK
THREE = "dataset=wine 'compare.arms=[majority,logistic,\"forest model.num_trees=5\"]' compare.baseline=null " + QUICK
ARM_KEYS = {
    "name",
    "summary",
    "rung",
    "mean",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "measurable",
}
ARM_KEYS |= {"plain_low", "plain_high", "behind", "to_majority"}
ARM_KEYS |= {"to_baseline", "scores", "metrics", "chosen", "seconds", "best", "baseline", "recommended"}


def test_a_comparison_ends_in_a_ranking_a_verdict_and_a_model(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"compare {THREE}")
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert all(len(line) <= 100 or line.startswith(("run ", "model ")) for line in lines)
    assert "arms    majority, logistic, forest model.num_trees=5" in lines
    head = next(i for i, line in enumerate(lines) if line.startswith("arm "))
    assert "accuracy (95 % interval)" in lines[head] and "to the best (points)" in lines[head]
    assert sum(line.startswith("> ") for line in lines[head : head + 4]) == 1
    assert any(line.startswith("verdict Use ") for line in lines) and any(line.startswith("labels  With twice") for line in lines)
    [folder] = (tmp_path / "runs").glob("*/*_wine_compare")
    names = {"config.yaml", "comparison.json", "environment.json", "status.json", "arms", "curve", "recommended"}
    names |= {"leaderboard.csv", "curve.csv"}
    assert names <= {p.name for p in folder.iterdir()}
    assert run_folder.read_state(folder) == "done"
    assert sdl(f"evaluate {folder}/recommended --json").json["reproduced"] is True


def test_the_json_keeps_its_promises(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"compare {THREE} --json").json
    assert json.loads((Path(found["folder"]) / "comparison.json").read_text()) == found
    board = list(csv.DictReader((Path(found["folder"]) / "leaderboard.csv").read_text(encoding="utf-8").splitlines()))
    done = [line for line in board if line["status"] == "done"]
    assert [(line["arm"], float(line["mean"])) for line in done] == [(arm["name"], arm["mean"]) for arm in found["arms"]]
    points = list(csv.DictReader((Path(found["folder"]) / "curve.csv").read_text(encoding="utf-8").splitlines()))
    assert {int(point["size"]) for point in points} == {point["size"] for point in found["curve"]["points"]}
    assert set(found) >= {
        "folder",
        "arms",
        "recommended",
        "best",
        "margin",
        "verdict",
        "metric",
        "repeats",
        "curve",
        "more_labels",
        "given_up",
        "failed",
        "left_out",
    }
    assert all(set(arm) == ARM_KEYS for arm in found["arms"]) and len(found["arms"]) == 3
    means = [arm["mean"] for arm in found["arms"]]
    assert means == sorted(means, reverse=True)
    for arm in found["arms"]:
        stored = [
            json.loads((Path(found["folder"]) / "arms" / _folder(arm["name"]) / str(r) / "metrics.json").read_text())
            for r in range(3)
        ]
        assert arm["scores"] == [one["test"]["accuracy"] for one in stored]
        assert arm["mean"] == pytest.approx(np.mean(arm["scores"])) and arm["metrics"]["accuracy"]["n"] == 3
        assert len(arm["chosen"]) == 3
    majority = next(arm for arm in found["arms"] if arm["name"] == "majority")
    assert majority["measurable"] and majority["difference"] < -0.4 and majority["mean"] == found["majority"]["mean"]
    assert [p["size"] for p in found["curve"]["points"]][-1] == found["labelled_rows"] == 142
    assert found["more_labels"]["size"] == 284
    recommended = json.loads((Path(found["folder"]) / "recommended" / "metrics.json").read_text())
    own = next(arm for arm in found["arms"] if arm["recommended"])
    assert recommended["metrics"]["test"]["accuracy"]["value"] == own["scores"][0], "the model kept is that of the first split"


def _folder(name: str) -> str:
    return name.replace(" ", "_")


def test_the_baseline_is_added_where_it_was_not_named(sdl: Sdl) -> None:
    found = sdl(f"compare dataset=wine compare.arms=[majority] compare.num_candidates=1 compare.curve=false {QUICK} --json").json
    assert [arm["name"] for arm in found["arms"]] == ["forest", "majority"] and found["baseline"] == "forest"
    assert found["arms"][1]["to_baseline"]["measurable"] and found["curve"] is None


def test_numbers_are_compared_by_their_error(sdl: Sdl) -> None:
    arms = "'compare.arms=[mean,ridge]' compare.baseline=null compare.curve=false"
    found = sdl(f"compare dataset=diabetes {arms} {QUICK} --json").json
    assert found["metric"] == "rmse" and [arm["name"] for arm in found["arms"]] == ["ridge", "mean"]
    assert found["arms"][0]["mean"] < found["arms"][1]["mean"] and found["arms"][1]["difference"] < 0
    assert "Use ridge: RMSE" in found["verdict"]


def test_a_test_part_of_the_source_is_compared_over_its_rows(sdl: Sdl, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(160) % 2
    X = rng.normal(size=(160, 3)) + y[:, None]
    np.savez(tmp_path / "a.npz", x_train=X[:100], y_train=y[:100], x_test=X[100:], y_test=y[100:])
    arms = "'compare.arms=[majority,logistic]' compare.baseline=null compare.curve=false"
    found = sdl(f"compare dataset=npz dataset.path=a.npz {arms} {QUICK} --json").json
    assert found["fixed_test"] and found["arms"][0]["name"] == "logistic" and found["arms"][1]["measurable"]
    rows = np.array([np.load(Path(found["folder"]) / "arms" / "logistic" / str(r) / "rows.npy") for r in range(3)])
    assert rows.shape == (3, 60) and found["arms"][0]["mean"] == pytest.approx(rows.mean())


def test_an_arm_that_fails_is_named_and_tried_again(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = trials.fit_and_score

    def fail(ready: Any, *rest: Any, **more: Any) -> Any:
        experiment = ready.experiment
        if experiment.model.name == "baseline" and experiment.model.kind == "logistic" and experiment.seed == 1:
            raise RunError("no luck")
        return real(ready, *rest, **more)

    monkeypatch.setattr(trials, "fit_and_score", fail)
    found = sdl(f"compare {THREE}")
    assert found.code == 1, found.err
    assert "failed  logistic: no luck" in found.out and "Failed and therefore not compared: logistic." in " ".join(
        found.out.split()
    )
    assert "Traceback" not in found.err and "sdl compare --resume" in found.out
    [folder] = (tmp_path / "runs").glob("*/*_wine_compare")
    assert run_folder.read_state(folder) == "failed"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    done = {p: p.stat().st_mtime_ns for p in folder.glob("arms/*/*/metrics.json")}
    assert len(done) == 8
    again = sdl(f"compare --resume {folder} --json")
    assert again.code == 0, again.err
    assert {arm["name"] for arm in again.json["arms"]} == {"majority", "logistic", "forest model.num_trees=5"}
    assert all(p.stat().st_mtime_ns == written for p, written in done.items()), "what was done is not run again"
    kept = yaml.safe_load((folder / "recommended" / "config.yaml").read_text())["model"]["kind"]
    assert again.json["recommended"] == "logistic" == kept == again.json["curve"]["name"], "nothing is left of another arm"
    assert "nothing to resume" in sdl(f"compare --resume {folder}").err
    moved = folder.rename(tmp_path / "moved")
    assert sdl(f"compare --resume {moved} --json").json["folder"] == str(moved)


def test_arms_are_given_up_when_the_time_is_over(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = trials.run_trial

    def slow(trial: Any, folder: Path, resume: bool) -> Any:
        if folder.parent.name == "forest_model.num_trees=5":
            raise OutOfTimeError("the time limit was reached")
        return real(trial, folder, resume)

    monkeypatch.setattr(trials, "run_trial", slow)
    found = sdl(f"compare {THREE} --json").json
    assert [arm["name"] for arm in found["arms"]] == ["logistic", "majority"]
    assert found["given_up"][0]["name"] == "forest model.num_trees=5" and "Dropped for lack of time" in found["verdict"]
    assert run_folder.read_state(Path(found["folder"])) == "done"


def test_an_arm_that_was_too_slow_at_first_is_gone_on_with_while_time_is_left(
    sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, begun = trials.run_trial, []

    def slow_at_first(trial: Any, folder: Path, resume: bool) -> Any:
        if folder.parent.name == "forest_model.num_trees=5":
            begun.append(folder.name)
            if len(begun) == 1:
                raise OutOfTimeError("the time limit was reached")
        return real(trial, folder, resume)

    monkeypatch.setattr(trials, "run_trial", slow_at_first)
    found = sdl(f"compare {THREE} compare.curve=false --json").json
    assert len(found["arms"]) == 3 and not found["given_up"] and "Dropped" not in found["verdict"]
    assert sorted(begun) == ["0", "0", "1", "2"]


def test_the_best_arm_is_kept_where_a_simpler_one_is_recommended(sdl: Sdl, tmp_path: Path) -> None:
    command = f"compare {THREE} compare.curve=false compare.num_candidates=1 hydra.run.dir="
    same = sdl(f"{command}same compare.margin=0 --json").json
    assert same["recommended"] == same["best"] and same["margin"] == 0 and not (tmp_path / "same" / "best").exists()
    found = sdl(f"{command}other compare.margin=100 compare.recommend=best --json").json
    ladder = ["majority", "logistic", "forest model.num_trees=5"]
    beat = [arm["name"] for arm in found["arms"] if arm["to_majority"] and arm["to_majority"]["measurable"]]
    assert found["margin"] == 1 and found["recommended"] == min(beat, key=ladder.index) != "majority"
    assert found["majority"]["beaten"] and len(found["majority"]["scores"]) == 3
    if found["best"] != found["recommended"]:
        kept = yaml.safe_load((tmp_path / "other" / "best" / "config.yaml").read_text())["model"]
        assert kept["kind"] == ("forest" if found["best"].startswith("forest") else "logistic")


def test_the_report_pools_the_predictions_of_all_splits(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"compare {THREE} compare.curve=false compare.num_candidates=1 hydra.run.dir=c --json").json
    arm = next(arm for arm in found["arms"] if arm["recommended"])
    opened = PooledRun(tmp_path / "c", ComparisonResult.from_json(found), tmp_path / "c" / "recommended")
    right = opened.predicted.prediction == opened.predicted.truth
    assert len(right) == 3 * 36 and right.mean() == pytest.approx(arm["mean"]), "the matrix agrees with the ranking"
    assert 0 < opened.predicted.distinct < 1 and len(opened.test_rows) == 108
    text = (tmp_path / "c.html").read_text() if sdl("report c -o c.html").code == 0 else ""
    assert "Of the recommended method over all 3 splits" in text and "ignoring the inputs" in text
    for file in tmp_path.glob("c/arms/*/*/predictions.csv"):
        file.unlink()
    text = (tmp_path / "c.html").read_text() if sdl("report c -o c.html").code == 0 else ""
    assert "Of the recommended method on the first split" in text, "comparisons of older versions are reported as they were"


def test_a_stored_comparison_of_the_old_names_goes_on(sdl: Sdl, tmp_path: Path) -> None:
    sdl(f"compare {TWO} compare.curve=false hydra.run.dir=c")
    (tmp_path / "c" / "arms" / "forest_model.num_trees=5").rename(tmp_path / "c" / "arms" / "baseline")
    config = yaml.safe_load((tmp_path / "c" / "config.yaml").read_text())
    config["compare"] = {k: v for k, v in config["compare"].items() if k not in ("recommend", "margin")} | {
        "baseline": "baseline"
    }
    for arm in config["arms"]:
        arm["name"] = arm["name"].replace("forest model.num_trees=5", "baseline")
    (tmp_path / "c" / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (tmp_path / "c" / "status.json").write_text('{"state": "running", "kind": "compare"}')
    again = sdl("compare --resume c --json")
    assert again.code == 0, again.err
    assert {arm["name"] for arm in again.json["arms"]} == {"majority", "baseline"} and again.json["baseline"] == "baseline"


def test_a_limit_that_leaves_nothing_says_so(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"compare {TWO} compare.minutes=0.00001")
    assert found.code == 1 and "nothing to compare" in found.err and "sdl compare --resume" in found.err
    assert len(found.err.strip().splitlines()) <= 6 and "Traceback" not in found.err


def test_a_killed_comparison_goes_on_where_it_was(sdl_forked: Start, sdl: Sdl, tmp_path: Path) -> None:
    command = "compare dataset=wine 'compare.arms=[majority,\"forest model.num_trees=300\"]' compare.baseline=null compare.num_repeats=4 compare.curve=false hydra.run.dir=c parallel.backend=threading"
    process = sdl_forked(command)
    deadline = time.monotonic() + 60

    def ended() -> list[Path]:
        return [p.parent for p in tmp_path.glob("c/arms/*/*/status.json") if json.loads(p.read_text())["state"] == "done"]

    while len(ended()) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "sdl compare --resume" in err
    done = {folder / "metrics.json": (folder / "metrics.json").stat().st_mtime_ns for folder in ended()}
    assert 4 <= len(done) < 8
    again = sdl("compare --resume c --json")
    assert again.code == 0, again.err
    assert all(p.stat().st_mtime_ns == written for p, written in done.items())
    assert len(list(tmp_path.glob("c/arms/*/*/metrics.json"))) == 8 and len(again.json["arms"]) == 2


def test_other_verbs_know_what_it_is(sdl: Sdl, tmp_path: Path) -> None:
    sdl(f"compare {TWO} compare.curve=false hydra.run.dir=c")
    for command, words in (
        ("predict c x.csv", ["using its recommended run, c/recommended", "x.csv: not found"]),
        ("train --resume c", ["this is a comparison, not a", "sdl compare --resume"]),
        ("curve --resume c", ["this is a comparison, not a", "sdl compare --resume"]),
    ):
        found = sdl(command)
        assert found.code == 2 and all(word in " ".join(found.err.split()) for word in words), (command, found.err)
    found = sdl("evaluate c")
    assert found.code == 0 and "c/recommended" in found.err
    (tmp_path / "c" / "status.json").write_text('{"state": "running"}')
    config = yaml.safe_load((tmp_path / "c" / "config.yaml").read_text())
    (tmp_path / "c" / "config.yaml").write_text(yaml.safe_dump({**config, "arms": [{"name": "x"}]}, sort_keys=False))
    found = sdl("compare --resume c")
    assert found.code == 2 and "the arms in it cannot be read" in found.err


def test_several_comparisons_end_in_one_table(sdl: Sdl, tmp_path: Path) -> None:
    arms = "'compare.arms=[majority,logistic]' compare.baseline=null compare.curve=false compare.num_candidates=1"
    found = sdl(f"compare -m dataset=wine,iris {arms} {QUICK} --json")
    assert found.code == 0, found.err
    assert [job["comparison"]["dataset"] for job in found.json["jobs"]] == ["wine", "iris"]
    assert [job["comparison"]["recommended"] for job in found.json["jobs"]] == ["logistic", "logistic"]
    table = Path(found.json["results"]).read_text().splitlines()
    assert len(table) == 3 and "recommended" in table[0] and "dataset" in table[0]
    folder = Path(found.json["folder"])
    (folder / "1" / "status.json").write_text('{"state": "running"}')
    (folder / "1" / "arms" / "logistic" / "2" / "status.json").unlink()
    again = sdl(f"compare --resume {folder}")
    assert again.code == 0, again.err
    assert "iris" in again.out and "wine" in again.out
    assert sdl(f"compare -m dataset=wine,iris {arms} hydra/launcher=basic").code == 2


BAD = [
    ("compare dataset=wine model=deep_net", ["model=deep_net", "compare.arms=[ladder,"]),
    ("compare dataset=wine loss=cosine", ["loss=cosine", "each arm decides"]),
    ("compare dataset=wine num_repeats=5", ["num_repeats=5", "compare.num_repeats=5"]),
    ("compare dataset=wine compare.arms=deep_net", ["compare.arms", "is not a list", "compare.arms=[deep_net]"]),
    ("compare dataset=wine compare.arms=[deep_nut]", ["no arm called deep_nut", "Did you mean deep_net?"]),
    ("compare dataset=wine compare.arms=[deep_net,deep_net]", ["appears twice"]),
    ("compare dataset=wine compare.baseline=forrest", ["no arm called forrest", "Did you mean forest?"]),
    ("compare dataset=wine compare.repeats=5", ["compare.repeats", "no such setting", "num_repeats"]),
    ("compare dataset=wine compare.num_repeats=0", ["compare.num_repeats", "at least 1"]),
    ("compare dataset=wine compare.num_candidates=7", ["compare.num_candidates", "from 1 to 6"]),
    ("compare dataset=wine compare.recommend=cheapest", ["compare.recommend", "best", "simplest"]),
    ("compare dataset=wine compare.margin=-1", ["compare.margin", "at least 0"]),
    ("compare dataset=wine compare.minutes=0", ["compare.minutes", "more than 0"]),
    ("compare dataset=wine compare.metric=rmse compare.arms=[majority,logistic]", ["compare.metric", "accuracy"]),
    ("compare dataset=wine compare.arms=[ridge,logistic]", ["ridge", "predicts numbers"]),
    ("compare dataset=wine parallel.backend=spark", ["parallel.backend", "processes"]),
    ("compare dataset=wine seed=0,1", ["makes a sweep", "-m"]),
    ("compare dataset=nope", ["dataset=nope", "There are"]),
    ("compare dataset=npz dataset.path=none.npz compare.arms=[majority,logistic]", ["none.npz"]),
    ("compare --resume none", ["none", "no such run folder"]),
    ("compare --resume x dataset=wine", ["takes no settings"]),
]


@pytest.mark.parametrize(("command", "words"), BAD, ids=[command for command, _ in BAD])
def test_bad_input(sdl: Sdl, tmp_path: Path, command: str, words: list[str]) -> None:
    found = sdl(command)
    assert found.code == 2, (found.out, found.err)
    assert all(word in found.err for word in words), found.err
    assert "Traceback" not in found.err and len(found.err.strip().splitlines()) <= 6
    assert not tree(tmp_path), "nothing is left of what was not begun"
