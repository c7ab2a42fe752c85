"""`sdl curve` and `sdl forecast` as a user meets them: the numbers, the files, faults, and what is refused."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.conftest import Sdl, Start, outcome, tree
from integration.forked import WORKER_NAME, Forked, Server
from PIL import Image

from sdl_cli.data.split import split
from sdl_cli.learning import stack, together, turns
from sdl_cli.many import groups
from sdl_cli.run import hydra as bridge
from sdl_cli.run import run_folder, writing
from sdl_cli.study.curve import measure
from sdl_cli.study.curve.settings import parse_curve

WINE = "dataset=wine model.num_trees=5"
HERE = "parallel.num_jobs=1"  # cells in this process: quicker for small ones
# a forest that waits is slow enough to be stopped in the middle, and costs nothing
SLEEPY = """
import time
from sklearn.ensemble import RandomForestClassifier

class Sleepy(RandomForestClassifier):
    def fit(self, X, y):
        time.sleep(0.15)
        return super().fit(X, y)
"""
SLOW = "dataset=digits model=sklearn model.estimator=sleepy.Sleepy model.params.n_estimators=5 curve.num_repeats=3 curve.num_sizes=5 parallel.num_jobs=2"


def numbers(folder: Path) -> dict[str, Any]:
    """All that a curve found, less its place and its times."""
    found = json.loads((folder / "curve.json").read_text())
    assert set(found) >= {"folder", "seconds"}
    cells = {}
    for file in sorted((folder / "cells").glob("*/metrics.json")):
        cell = json.loads(file.read_text())
        cells[file.parent.name] = {key: cell[key] for key in ("test", "baseline", "majority", "rows")}
    points = [{key: value for key, value in point.items() if key != "seconds"} for point in found["points"]]
    rest = {key: value for key, value in found.items() if key not in ("folder", "seconds", "points")}
    return {**rest, "points": points, "cells": cells, "csv": (folder / "curve.csv").read_text()}


def done(folder: Path) -> dict[str, int]:
    """Cell -> when its numbers were written, of those that are done."""
    cells = (folder / "cells").glob("*/metrics.json")
    return {c.parent.name: c.stat().st_mtime_ns for c in cells if run_folder.read_state(c.parent) == "done"}


def workers_of(process: Forked) -> list[int]:
    """The worker processes that a curve has started, by the name that a forked one has."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue
            if int(rest.split()[1]) == process.pid and name == WORKER_NAME:
                found.append(int(entry.name))
    return found


def width_of(picture: Path | str) -> int:
    with Image.open(picture) as image:
        return image.size[0]


def wait_for(condition: Callable[[], object], process: Forked) -> None:
    for _ in range(3000):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("nothing happened for a minute")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, fork_server: Server) -> Path:
    """The slow curve, never stopped: every stopped one is held against it."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "sleepy.py").write_text(SLEEPY)
    command, environment = ["curve", *SLOW.split(), "hydra.run.dir=curve"], {**os.environ, "PYTHONPATH": str(folder)}
    found = outcome(fork_server.start(command, folder, environment))
    assert found.code == 0, found.err
    return folder / "curve"


@pytest.fixture
def sdl_slow(sdl_forked: Start, whole: Path) -> Start:
    """`sdl` as a process that finds the slow forest."""
    return functools.partial(sdl_forked, PYTHONPATH=str(whole.parent))


# what it finds


def test_a_curve_has_its_points_its_forecast_and_its_files(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"curve {WINE} {HERE} curve.target=0.99 curve.num_repeats=2 hydra.run.dir=c --json")
    assert found.code == 0, found.err
    values = found.json
    assert [point["size"] for point in values["points"]] == [17, 35, 71, 142]
    assert all(set(p) >= {"size", "mean", "se", "repeats"} and p["repeats"] == 2 for p in values["points"])
    assert [row["size"] for row in values["forecast"]] == [284, 568, 1136]
    assert all(row["low"] <= row["mean"] <= row["high"] <= 1 for row in values["forecast"])
    assert set(values["labels_needed"]) >= {"target", "low", "mid", "high", "reachable"}
    assert values["labels_needed"]["target"] == 0.99
    assert isinstance(values["verdict"], str) and isinstance(values["warnings"], list) and values["failed"] == []
    files = {name for name in tree(tmp_path / "c") if "/" not in name}
    assert files == {"cells", "config.yaml", "curve.csv", "curve.json", "curve.png", "environment.json", "run.log", "status.json"}
    assert json.loads((tmp_path / "c" / "curve.json").read_text()) == values
    assert width_of(tmp_path / "c" / "curve.png") > 900
    cells = sorted(p.name for p in (tmp_path / "c" / "cells").iterdir())
    assert len(cells) == 8 and cells[0] == "size-017_repeat-0"
    assert tree(tmp_path / "c" / "cells" / cells[0]) == {"config.yaml", "metrics.json", "status.json"}


def test_a_point_is_the_mean_of_the_same_single_runs(sdl: Sdl, tmp_path: Path) -> None:
    curve = sdl(f"curve {WINE} {HERE} curve.sizes=[20,40,80] curve.num_repeats=2 seed=3 hydra.run.dir=c --json").json
    for point in curve["points"]:
        singles = [
            sdl(f"train model=baseline {WINE} dataset.num_train={point['size']} seed={seed} --json").json["metrics"]["test"][
                "accuracy"
            ]
            for seed in (3, 4)
        ]
        scores = [single["value"] for single in singles]
        assert point["mean"] == pytest.approx(np.mean(scores), abs=1e-12)
        assert point["se"] == pytest.approx(np.std(scores, ddof=1) / np.sqrt(2), abs=1e-12)
    lines = (tmp_path / "c" / "curve.csv").read_text().splitlines()
    assert lines[0] == "size,score,repeat,test_rows,same_test_rows" and len(lines) == 7
    assert all(line.endswith(",36,no") for line in lines[1:])


def test_a_curve_is_forecast_from_its_file_as_it_was(sdl: Sdl, tmp_path: Path) -> None:
    curve = sdl(f"curve model=baseline {WINE} {HERE} curve.sizes=[10,15,20,30] curve.num_repeats=3 hydra.run.dir=c --json").json
    again = sdl("forecast c/curve.csv --json").json
    assert again["forecast"] == curve["forecast"] and again["test_rows"] == curve["test_rows"] == 36
    assert sdl("forecast c/curve.csv --test-rows 20 --json").json["test_rows"] == 20


def test_what_it_prints_ends_in_a_verdict(sdl: Sdl) -> None:
    found = sdl(f"curve {WINE} {HERE} curve.target=0.99")
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert all(len(line) <= 80 or "/" in line for line in lines)
    text = " ".join(found.out.split())
    for part in (
        "sizes 17, 35, 71, 142",
        "for 20 cells",
        "labels accuracy s.e. repeats seconds",
        "90 % interval",
        "verdict",
        "●",
    ):
        assert part in text, part
    assert "With twice the labels (284) expect accuracy" in text


def test_the_subsets_are_nested_and_the_test_part_is_the_same(sdl: Sdl, tmp_path: Path) -> None:
    sdl(f"curve {WINE} {HERE} curve.num_repeats=2 curve.keep_models=true hydra.run.dir=c")
    ids = {}
    for cell in sorted((tmp_path / "c" / "cells").iterdir()):
        assert {"model.json", "predictions.csv"} <= tree(cell), "kept"
        ids[cell.name] = [line.partition(",")[0] for line in (cell / "predictions.csv").read_text().splitlines()[1:]]
    repeats = [{tuple(rows) for name, rows in ids.items() if name.endswith(f"repeat-{r}")} for r in (0, 1)]
    assert len(repeats[0]) == len(repeats[1]) == 1 and repeats[0] != repeats[1]
    assert sdl("evaluate c/cells/size-142_repeat-0 --json").json["reproduced"] is True


@pytest.mark.parametrize("how", ["parallel.num_jobs=2", "parallel.num_jobs=2 parallel.backend=threading"])
def test_the_numbers_do_not_depend_on_how_many_cells_run_at_once(sdl: Sdl, tmp_path: Path, how: str) -> None:
    settings = "dataset=wine model.kind=logistic curve.num_repeats=2 curve.sizes=[40,80,140]"
    assert sdl(f"curve {settings} {HERE} hydra.run.dir=one").code == 0
    assert sdl(f"curve {settings} {how} hydra.run.dir=two").code == 0
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")


def test_a_regression_has_a_falling_curve(sdl: Sdl) -> None:
    settings = f"dataset=diabetes model.kind=ridge curve.num_repeats=2 curve.sizes=[40,160,320] {HERE}"
    values = sdl(f"curve {settings} --json").json
    assert values["metric"] == "rmse" and values["higher_is_better"] is False
    assert values["points"][0]["mean"] > values["points"][-1]["mean"] >= values["forecast"][-1]["mean"] > 0
    assert values["labels_needed"]["target"] < values["points"][-1]["mean"]
    assert values["points"][0]["baseline"] > 0, "the forest stands beside it"
    assert sdl(f"curve {settings} curve.metric=r2 --json").json["metric"] == "r2"


@pytest.mark.parametrize("metric", ["balanced_accuracy", "roc_auc", "log_loss", "macro_f1", "calibration_error"])
def test_any_metric_can_be_drawn(sdl: Sdl, metric: str) -> None:
    found = sdl(f"curve {WINE} {HERE} curve.metric={metric} curve.num_repeats=2 --json")
    assert found.code == 0 and found.json["metric"] == metric, found.err


def test_a_network_on_a_table_runs_in_workers_too(sdl: Sdl) -> None:
    found = sdl("curve dataset=wine model=deep_net model.depth=1 model.width=8 training.epochs=2 curve.num_repeats=2 --json")
    assert found.code == 0, found.err
    assert len(found.json["points"]) == 4


def test_cells_of_images_take_turns_on_a_gpu(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    start = turns.Turns.start
    monkeypatch.setattr(turns.Turns, "start", lambda self, entry: (begun.append(len(self.under_way)), start(self, entry))[1])
    monkeypatch.setattr(groups, "trains_on_gpu", lambda experiment: True)
    monkeypatch.setattr(groups, "_IMAGES", 4)
    monkeypatch.setattr(turns, "has_graphs", lambda runtime: True)
    net = "dataset=digits model=deep_net model.depth=5 model.width=4 training.epochs=2 precision=float32 memory_format=contiguous"
    found = sdl(f"curve {net} curve.sizes=[30,60,90] curve.num_repeats=2 num_threads=1 hydra.run.dir=c {HERE} --json")
    assert found.code == 0 and begun[:4] == [0, 1, 2, 3] and len(begun) == 6, found.err
    cell = json.loads((tmp_path / "c" / "cells" / "size-60_repeat-1" / "metrics.json").read_text())
    single = sdl(f"train {net} dataset.num_train=60 num_threads=1 seed=1 hydra.run.dir=s --json").json
    for name in ("accuracy", "log_loss"):
        assert cell["test"][name] == pytest.approx(single["metrics"]["test"][name]["value"], abs=1e-6)


def test_repeats_of_a_network_train_as_one_stack_to_the_numbers_of_single_runs(
    sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stacks = []
    real = stack.train_stack

    def noted(jobs: together.Jobs) -> None:
        stacks.append(len(jobs))
        real(jobs)

    monkeypatch.setattr(stack, "train_stack", noted)
    net = "dataset=wine model=deep_net model.depth=2 model.width=8 training.epochs=4 training.select=best"
    found = sdl(f"curve {net} curve.sizes=[30,60,90] curve.num_repeats=3 seed=3 hydra.run.dir=c {HERE} --json")
    assert found.code == 0 and stacks == [3, 3, 3], found.err
    for size in (30, 90):
        cell = json.loads((tmp_path / "c" / "cells" / f"size-{size}_repeat-1" / "metrics.json").read_text())
        single = sdl(f"train {net} dataset.num_train={size} seed=4 hydra.run.dir=s{size} --json").json
        for name in ("accuracy", "log_loss", "roc_auc"):
            assert cell["test"][name] == pytest.approx(single["metrics"]["test"][name]["value"], abs=1e-4)
        assert cell["baseline"]["log_loss"] == pytest.approx(single["baseline"]["test"]["log_loss"]["value"], abs=1e-9)
        history = [
            (tmp_path / place / "history.csv").read_text().splitlines() for place in (f"s{size}", f"c/cells/size-{size}_repeat-1")
        ]
        assert history[0][0] == history[1][0]
        place = history[0][0].split(",").index("train_loss")
        losses = [[float(line.split(",")[place]) for line in lines[1:]] for lines in history]
        assert len(losses[0]) == 4 and losses[0] == pytest.approx(losses[1], abs=1e-5)
        took = cell["seconds"]
        assert took["fit"] > 0 and took["total"] >= sum(value for name, value in took.items() if name != "total") - 0.01
    shutil.rmtree(tmp_path / "c" / "cells" / "size-60_repeat-2")
    stored = json.loads((tmp_path / "c" / "status.json").read_text())
    (tmp_path / "c" / "status.json").write_text(json.dumps(stored | {"state": "interrupted"}))
    again = sdl("curve --resume c --json")
    assert again.code == 0 and stacks == [3, 3, 3], "a single one is alone"
    for one, other in zip(again.json["points"], found.json["points"], strict=True):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-9)


def test_networks_that_diverge_in_a_stack_end_as_each_would_alone(sdl: Sdl) -> None:
    net = "dataset=wine model=deep_net model.depth=2 model.width=8 training.epochs=4 training.learning_rate=1e30"
    found = sdl(f"curve {net} curve.sizes=[30,60,90] curve.num_repeats=2 {HERE}")
    assert found.code == 1 and "became NaN or infinite" in " ".join(found.err.split()), found.err


def test_a_network_on_images_runs_alone_and_says_so(sdl: Sdl, data: Path) -> None:
    images = (
        f"dataset=npz dataset.path={data}/good_images.npz model=deep_net model.architecture=plain model.depth=1 model.width=4"
    )
    found = sdl(f"curve {images} training.epochs=1 curve.num_repeats=1 curve.sizes=[8,16,32] parallel.num_jobs=2")
    assert found.code == 0, found.err
    said = " ".join(found.err.split())
    assert "parallel.num_jobs=2 has no effect: a network already uses all cores." in said
    assert "One repeat per size" in said


def test_whole_groups_stay_on_one_side_and_subsets_are_nested(sdl: Sdl, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    y = groups % 2
    np.savez(tmp_path / "g.npz", X=rng.normal(size=(200, 3)) + y[:, None], y=y, groups=groups)
    settings = ["dataset=npz", "dataset.path=g.npz", "model.num_trees=5", "curve.num_repeats=3"]
    the_plan = measure.plan(parse_curve(bridge.compose_checked("curve", settings, parse_curve)))
    assert the_plan.sizes[-1] >= 150 and len(the_plan.sizes) >= 3
    tests: list[set[int]] = []
    for repeat in range(3):
        smaller: set[int] = set()
        parts = []
        for size in the_plan.sizes:
            cell = the_plan.request.cell(size, repeat)
            parts.append(split(the_plan.dataset, cell.dataset, cell.seed))
            labelled = set(parts[-1].labelled.tolist())
            assert len(labelled) == size and smaller <= labelled, "nested"
            assert not set(groups[parts[-1].labelled]) & set(groups[parts[-1].test]), "no group on two sides"
            assert set(parts[-1].test) == set(parts[0].test), "the same test rows at every size"
            assert len(set(y[parts[-1].labelled])) == 2, "every class"
            smaller = labelled
        tests.append(set(parts[0].test.tolist()))
    assert tests[0] != tests[1] != tests[2]
    assert sdl(f"curve {' '.join(settings)} {HERE} curve.num_repeats=1").code == 0


def test_a_fixed_test_part_is_the_same_in_every_repeat(sdl: Sdl, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    X = rng.normal(size=(120, 3)) + y[:, None]
    np.savez(tmp_path / "p.npz", X_train=X[:80], y_train=y[:80], X_test=X[80:], y_test=y[80:])
    found = sdl(f"curve dataset=npz dataset.path=p.npz model.num_trees=5 {HERE} curve.num_repeats=2 --json")
    assert found.code == 0, found.err
    assert found.json["test_rows"] == 40 and found.json["same_test_rows"] is True
    assert "Every repeat is scored on the same 40 test rows" in " ".join(found.err.split())
    assert found.json["noise_floor"] == pytest.approx(
        np.sqrt(found.json["points"][-1]["mean"] * (1 - found.json["points"][-1]["mean"]) / 40)
    )


# several


def test_a_sweep_of_curves_ends_in_one_picture_with_where_they_cross(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"curve -m dataset=breast_cancer model.num_trees=5 model.kind=forest,logistic {HERE} curve.num_repeats=2 --json")
    assert found.code == 0, found.err
    values = found.json
    assert [job["curve"]["name"] for job in values["jobs"]] == ["baseline (forest)", "baseline (logistic)"]
    assert width_of(values["picture"]) > 900
    assert all(set(c) >= {"first", "second", "size", "value"} for c in values["crossings"])
    assert "has the best accuracy" in values["sentences"][-1] and values["pictures"] == [values["picture"]]
    shown = sdl(f"curve -m {WINE} seed=0,1 {HERE} curve.num_repeats=2")
    assert shown.code == 0, shown.err
    assert "curves.png" in shown.out and "target needs" not in shown.out, "nobody asked for a target"
    assert "seed=0" in shown.out and "seed=1" in shown.out


def test_a_sweep_of_curves_goes_on_with_what_failed(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdl_cli.study.curve import run

    real = run.plan

    def fails_on_one(request: Any) -> Any:
        if request.seed == 1:
            raise ZeroDivisionError("no luck")
        return real(request)

    monkeypatch.setattr(run, "plan", fails_on_one)
    found = sdl(f"curve -m {WINE} seed=0,1 {HERE} curve.num_repeats=1 hydra.sweep.dir=s")
    assert found.code == 1 and "no luck" in found.err
    assert f"Try the failed jobs again: sdl curve --resume {tmp_path}/s" in found.out
    monkeypatch.setattr(run, "plan", real)
    wrong = sdl("train --resume s")
    assert wrong.code == 2 and f"sdl curve --resume {tmp_path}/s" in wrong.err
    again = sdl("curve --resume s --json")
    assert again.code == 0 and [job["status"] for job in again.json["jobs"]] == ["done", "done"], again.err


def test_curves_of_different_data_are_not_laid_over_each_other(sdl: Sdl) -> None:
    found = sdl(f"curve -m dataset=wine,iris model.num_trees=5 {HERE} curve.num_repeats=2 --json")
    assert found.code == 0, found.err
    assert found.json["picture"] is None and found.json["crossings"] == []
    assert "different data or metrics" in found.json["sentences"][0]
    both = sdl(f"curve -m dataset=wine,iris model.num_trees=5,6 {HERE} curve.num_repeats=2 --json").json
    assert [Path(picture).name for picture in both["pictures"]] == ["curves-1.png", "curves-2.png"]
    assert [sentence.partition(":")[0] for sentence in both["sentences"]] == ["On wine", "On iris"]


# faults


@pytest.mark.parametrize("num_done", [0, 3, 9])
def test_a_killed_curve_goes_on_to_the_same_numbers(sdl_slow: Start, tmp_path: Path, whole: Path, num_done: int) -> None:
    process = sdl_slow(f"curve {SLOW} hydra.run.dir=c")
    folder = tmp_path / "c"
    wait_for(lambda: (folder / "environment.json").is_file() and len(done(folder)) >= num_done, process)
    workers = workers_of(process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    for _ in range(200):  # its workers end with it, and so write no cell beside the resumed curve
        if not any(Path(f"/proc/{pid}").is_dir() for pid in workers):
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the workers outlive their curve")
    before = done(folder)
    assert len(before) >= num_done and not (folder / "curve.json").exists()
    found = outcome(sdl_slow("curve --resume c --trust --json"))
    assert found.code == 0, found.err
    assert before.items() <= done(folder).items(), "what was done is not done again"
    assert numbers(folder) == numbers(whole)
    assert run_folder.read_state(folder) == "done"
    again = outcome(sdl_slow("curve --resume c --trust --json"))
    assert again.code == 0 and again.json == found.json and "nothing to resume" in " ".join(again.err.split())


def test_an_interrupted_curve_names_the_command_that_goes_on(sdl_slow: Start, tmp_path: Path, whole: Path) -> None:
    process = sdl_slow(f"curve {SLOW} hydra.run.dir=c --json")
    wait_for(lambda: len(done(tmp_path / "c")) >= 2, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["error"]["hint"] == f"Resume with: sdl curve --resume {tmp_path}/c --trust"
    assert "Traceback" not in err
    assert outcome(sdl_slow("curve --resume c --trust")).code == 0
    assert numbers(tmp_path / "c") == numbers(whole)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find worker processes")
def test_a_killed_worker_costs_nothing(sdl_slow: Start, tmp_path: Path, whole: Path) -> None:
    process = sdl_slow(f"curve {SLOW} hydra.run.dir=c")
    wait_for(lambda: len(done(tmp_path / "c")) >= 2, process)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "A worker process was killed" in " ".join(err.split())
    assert numbers(tmp_path / "c") == numbers(whole)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find worker processes")
def test_workers_that_are_killed_again_fail_their_cells_alone(sdl_slow: Start, tmp_path: Path, whole: Path) -> None:
    process = sdl_slow(f"curve {SLOW} hydra.run.dir=c")
    folder = tmp_path / "c"
    wait_for(lambda: len(done(folder)) >= 2, process)
    while process.poll() is None:  # whatever comes, as where the memory is too small for any cell
        for pid in workers_of(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert f"Try the failed cells again: sdl curve --resume {folder} --trust" in out
    assert "worker process was killed" in run_folder.read_reason(folder)
    kept = done(folder)
    assert len(kept) >= 2
    assert outcome(sdl_slow("curve --resume c --trust")).code == 0
    assert kept.items() <= done(folder).items()
    assert numbers(folder) == numbers(whole)


KNN = "dataset=wine model=sklearn model.estimator=sklearn.neighbors.KNeighborsClassifier model.params.n_neighbors=30"


def test_cells_that_fail_are_named_and_cost_no_other(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"curve {KNN} {HERE} curve.sizes=[20,40,80,140] curve.num_repeats=2 hydra.run.dir=c --json")
    assert found.code == 1
    values = found.json
    assert [point["size"] for point in values["points"]] == [40, 80, 140] and values["forecast"]
    assert [Path(cell["folder"]).name for cell in values["failed"]] == ["size-020_repeat-0", "size-020_repeat-1"]
    assert all("n_neighbors" in cell["reason"] for cell in values["failed"])
    assert "20 labels, repeat 1 failed: " in " ".join(found.err.split())
    assert f"Try the failed cells again: sdl curve --resume {tmp_path}/c" in found.err
    assert run_folder.read_state(tmp_path / "c") == "failed" and "2 of 8 cells failed" in run_folder.read_reason(tmp_path / "c")
    kept = done(tmp_path / "c")
    again = sdl("curve --resume c --json")
    assert again.code == 1 and kept == done(tmp_path / "c")


def test_a_curve_of_which_nothing_can_be_measured_is_an_error(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"curve {KNN} {HERE} curve.sizes=[5,10,20] curve.num_repeats=1 hydra.run.dir=c")
    assert found.code == 1 and "None of 3 cells could be measured" in found.err
    assert "Try again: sdl curve --resume" in found.err
    wrong = sdl(f"curve {KNN} model.params.neighbours=3 {HERE} curve.num_repeats=1 hydra.run.dir=d")
    assert wrong.code == 2 and "model.params.neighbours" in wrong.err and "Traceback" not in wrong.err


def test_a_disk_that_fills_up_keeps_what_is_done(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to tell which file is written")
    real, seen = os.fsync, []

    def fills_up(descriptor: int) -> None:
        if ".metrics.json." in Path(f"/proc/self/fd/{descriptor}").readlink().name:
            seen.append(1)
        if len(seen) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fills_up)
    found = sdl(f"curve {WINE} {HERE} hydra.run.dir=c")
    assert found.code == 1, found.err
    said = " ".join(found.err.split())
    assert "the disk is full" in said and f"sdl curve --resume {tmp_path}/c" in said and "Traceback" not in said
    assert len(done(tmp_path / "c")) == 3
    monkeypatch.setattr(os, "fsync", real)
    assert sdl("curve --resume c").code == 0
    sdl(f"curve {WINE} {HERE} hydra.run.dir=d")
    assert numbers(tmp_path / "c") == numbers(tmp_path / "d")


def test_a_curve_on_data_that_changed_is_not_mixed(sdl: Sdl, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(100) % 2
    np.savez(tmp_path / "x.npz", X=rng.normal(size=(100, 3)) + y[:, None], y=y)
    folder = sdl(
        f"curve dataset=npz dataset.path=x.npz model.num_trees=5 {HERE} curve.num_repeats=1 hydra.run.dir=c --json"
    ).json["folder"]
    writing.write_status(Path(folder), "failed", "stopped")
    np.savez(tmp_path / "x.npz", X=rng.normal(size=(100, 3)) + y[:, None], y=y)
    found = sdl("curve --resume c")
    assert found.code == 2 and "the data has changed" in found.err


@pytest.mark.parametrize("verb", ["curve", "compare", "train -m"])
def test_rows_in_other_groups_are_other_data(sdl: Sdl, tmp_path: Path, verb: str) -> None:
    def write(groups: int) -> None:
        rows = [f"{n % 13},{n * 7 % 10},{n % groups},{'ab'[n % 2]}" for n in range(80)]
        (tmp_path / "x.csv").write_text("\n".join(["u,v,g,y", *rows]) + "\n")

    write(20)
    own = {
        "curve": f"model.num_trees=5 {HERE} curve.num_repeats=1 hydra.run.dir=s",
        "compare": "'compare.arms=[majority,logistic]' compare.num_repeats=2 compare.num_candidates=1 hydra.run.dir=s",
        "train -m": "model=baseline model.num_trees=5 seed=0,1 hydra.sweep.dir=s",
    }[verb]
    assert sdl(f"{verb} dataset=table dataset.path=x.csv dataset.target=y dataset.group=g dataset.features=[u,v] {own}").code == 0
    writing.write_status(tmp_path / "s", "failed", "stopped")
    write(16)
    found = sdl(f"{verb.split()[0]} --resume s")
    if verb == "train -m":
        assert found.code == 0 and "2 jobs run again from the start: the data has changed." in found.err
    else:
        assert found.code == 2 and "the data has changed" in found.err


def test_a_curve_is_no_run(sdl: Sdl, tmp_path: Path) -> None:
    sdl(f"curve {WINE} {HERE} curve.num_repeats=1 hydra.run.dir=c")
    for command, part in {
        "evaluate c": "this is a learning curve, not a single run",
        "predict c x.npz": "this is a learning curve, not a single run",
        "train --resume c": "sdl curve --resume",
    }.items():
        found = sdl(command)
        assert found.code == 2 and part in found.err, command
    sdl(f"train model=baseline {WINE} hydra.run.dir=t")
    found = sdl("curve --resume t")
    assert found.code == 2 and "not a learning curve" in found.err and "sdl train --resume" in found.err


# what is refused

REFUSED = [
    ("curve.sizes=[10,20]", "curve.sizes: a curve needs at least 3 sizes, not 2 (10, 20)"),
    ("curve.sizes=[50,40,60]", "curve.sizes: they must increase, but 50, 40, 60 do not"),
    ("curve.sizes=[50,50,60]", "curve.sizes: they must increase"),
    ("curve.sizes=[50,100,60000]", "curve.sizes: 60,000 is more than the 142 labelled rows"),
    ("curve.sizes=[2,100,120]", "curve.sizes: 2 rows cannot cover 3 classes"),
    ("curve.sizes=[1,100,120]", "curve.sizes[0]: 1 is out of range"),
    ("curve.sizes=[10,x,120]", "curve.sizes[1]: 'x' is not a whole number"),
    ("curve.sizes=[10,20,30] curve.num_sizes=4", "curve.sizes: num_sizes is set too"),
    ("curve.num_sizes=2", "curve.num_sizes: 2 is out of range"),
    ("curve.num_repeats=0", "curve.num_repeats: 0 is out of range"),
    ("curve.level=1.2", "curve.level: 1.2 is out of range"),
    ("curve.target=97", "curve.target: 97 is no accuracy, which is from 0 to 1"),
    ("curve.target=nan", "curve.target: nan is not a finite number"),
    ("curve.metric=rmse", "curve.metric: rmse does not apply to wine"),
    ("curve.metric=f1", "curve.metric: 'f1' is not one of accuracy"),
    ("curve.at=[0]", "curve.at[0]: 0 is out of range"),
    ("curve.typo=1", "curve.typo: no such setting"),
    ("num_repeats=3", "Set curve.num_repeats=3 instead"),
    ("dataset.num_per_class=4", "dataset.num_per_class: a curve sets the number of labelled rows itself"),
    ("dataset.num_train=6", "There are 6 labelled rows: too few for a curve"),
    ("parallel.num_jobs=0", "parallel.num_jobs: 0 is out of range"),
    ("parallel.backend=slurm", "parallel.backend: 'slurm' is not one of processes, threading, dask, ray"),
    ("model=finetuned_cnn", "model: finetuned_cnn takes images"),
    ("dataset=nothing", "dataset=nothing: there is no such dataset"),
    ("curve.sizes=20,50,100", "For a list write 'curve.sizes=[20,50,100]'"),
    ("curve.target=0,95", "decimal point: curve.target=0.95"),
    ("curve.at=1000", "curve.at: 1000 is not a list. Write 'curve.at=[1000]'"),
    ("target=0.9", "Did you mean curve.target?"),
    ("repeats=3", "Did you mean curve.num_repeats?"),
    ("model=forest", "model=baseline model.kind=forest"),
    ("wine", "Write dataset=wine"),
    ("seed=0,1", "Add -m to run both"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=[settings for settings, _ in REFUSED])
def test_settings_that_cannot_be_are_refused(sdl: Sdl, tmp_path: Path, settings: str, message: str) -> None:
    found = sdl(f"curve dataset=wine {settings}")
    assert found.code == 2 and message in found.err, found.err
    lines = found.err.splitlines()
    assert len(lines) <= 3 and lines[0].startswith("error   ") and not found.out
    assert not (tmp_path / "runs").exists()


def test_a_backend_that_is_not_installed_is_named(sdl: Sdl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdl_cli.settings.parallel.find_spec", lambda name: None)
    for backend in ("dask", "ray"):
        found = sdl(f"curve dataset=wine parallel.backend={backend}")
        assert found.code == 2 and f'pip install "sdl-cli[{backend}]"' in found.err


# forecasts of curves measured elsewhere

POINTS = "size,score\n50,0.80\n100,0.85\n200,0.88\n400,0.90\n"


def test_a_forecast_of_points_from_a_file(sdl: Sdl, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(POINTS)
    found = sdl("forecast p.csv --at 2000 --at 1000 --target 0.93 --json")
    assert found.code == 0, found.err
    values = found.json
    assert "folder" not in values and [row["size"] for row in values["forecast"]] == [2000, 1000]
    assert 0.9 < values["forecast"][1]["mean"] < values["forecast"][0]["mean"] < 1
    assert values["labels_needed"]["reachable"] == "yes" and 800 < values["labels_needed"]["mid"] < 3200
    shown = sdl("forecast p.csv --target 0.93")
    assert shown.code == 0 and "With twice the labels (800) expect accuracy" in " ".join(shown.out.split())
    assert "One repeat" in shown.out


def test_a_curve_and_the_forecast_of_its_own_file_agree(sdl: Sdl, tmp_path: Path) -> None:
    curve = sdl(f"curve {WINE} {HERE} hydra.run.dir=c --json").json
    again = sdl("forecast c/curve.csv --json").json
    assert again["forecast"] == curve["forecast"] and again["labels_needed"] == curve["labels_needed"]


def test_other_metrics_and_levels(sdl: Sdl, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("score;size;repeat\n60;20;a\n58;20;b\n50;40;a\n51;40;b\n44;80;a\n45;80;b\n")
    wide = sdl("forecast p.csv --metric rmse --level 0.95 --json").json
    narrow = sdl("forecast p.csv --metric rmse --level 0.8 --json").json
    first = wide["points"][0]
    assert [first[key] for key in ("size", "mean", "se", "repeats")] == [20, 59.0, 1.0, 2]
    assert first["scores"] == {"a": 60.0, "b": 58.0} and first["seconds"] is first["baseline"] is None
    assert (
        wide["forecast"][0]["low"] < narrow["forecast"][0]["low"] < narrow["forecast"][0]["mean"] == wide["forecast"][0]["mean"]
    )


REFUSED_FILES = [
    ("", "", "no column size; the first line has nothing"),
    ("n,accuracy\n10,0.5\n", "", "no column size; the first line has n, accuracy"),
    ("size,acc\n10,0.5\n", "", "no column score"),
    ("10,0.5\n20,0.6\n30,0.7\n", "", "no column size"),
    ("size,score\n10,0.5\n20,0.6\n", "", "a forecast needs at least 3 sizes, and there are 2"),
    ("size,score\n10,0.5\n30,0.6\n20,0.7\n", "", "line 4: size 20 comes after 30; sizes must increase"),
    ("size,score\n10,0.5\n20,nan\n30,0.7\n", "", "line 3: score 'nan' is not a finite number"),
    ("size,score\n10,0.5\n20,\n30,0.7\n", "", "line 3: score '' is not a finite number"),
    ("size,score\n10,50\n20,60\n30,70\n", "", "Divide percentages by 100"),
    ("size,score\n10,0.5\n20,-0.6\n30,0.7\n", "", "-0.6 is not a valid accuracy, which is from 0 to 1"),
    ("size,score\n10.5,0.5\n20,0.6\n30,0.7\n", "", "size '10.5' is not a whole number of rows"),
    ("size,score\n10,0.5\n20\n30,0.7\n", "", "line 3: 1 values, but the first line names 2 columns"),
    ("size,score,repeat\n10,0.5,1\n10,0.6,1\n30,0.7,1\n", "", "size 10 has repeat 1 twice"),
    ("size,score\n10,80%\n20,81%\n30,82%\n", "", "Write it as a fraction, for example 0.80"),
    ("size,score\n10,0,80\n20,0,81\n30,0,82\n", "", "For a decimal comma"),
    ('size,score\n"1,000",0.8\n2000,0.81\n3000,0.82\n', "", "Write it without a separator: 1000"),
    (POINTS, "--metric f1", "--metric: there is no metric 'f1'"),
    (POINTS, "--target 97", "--target: 97 is no accuracy, which is from 0 to 1"),
    (POINTS, "--level 2", "Invalid value for '--level'"),
    (POINTS, "--at 0", "Invalid value for '--at'"),
    (POINTS, "--at many", "Invalid value for '--at'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "message"), REFUSED_FILES)
def test_points_that_cannot_be_used_are_refused(sdl: Sdl, tmp_path: Path, text: str, options: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    found = sdl(f"forecast p.csv {options}")
    assert found.code == 2 and message in found.err, found.err
    assert len(found.err.splitlines()) <= 3 and not found.out
    assert sdl(f"forecast p.csv {options} --json").json["error"]["kind"] in ("data", "config")


def test_a_file_that_is_not_there_or_no_text(sdl: Sdl, tmp_path: Path) -> None:
    assert "there is no such file" in sdl("forecast nowhere.csv").err
    (tmp_path / "p.csv").write_bytes(bytes(range(256)))
    found = sdl("forecast p.csv")
    assert found.code == 2 and "cannot be read as text" in found.err


def test_neither_needs_torch_for_a_forest(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(POINTS)
    code = (
        "import sys; from sdl_cli.cli import main as cli; sys.argv = ['sdl', *{words}]\n"
        "try: cli.main()\nexcept SystemExit as stop: assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules"
    )
    for words in (["forecast", "p.csv"], f"curve {WINE} {HERE} curve.num_repeats=1".split()):
        subprocess.run([sys.executable, "-c", code.format(words=words)], check=True, cwd=tmp_path, capture_output=True)
