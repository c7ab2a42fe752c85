"""Many runs: all parsed before the first, failures kept apart, nothing shared, and a stopped sweep goes on."""

from __future__ import annotations

import csv
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from integration.conftest import BASELINE, NET, Sdl, Start, outcome, tree

from sdl_cli.learning import turns
from sdl_cli.many import groups, sweep
from sdl_cli.run import run_folder, train


def test_a_sweep_runs_every_combination_and_ends_in_a_table(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl("train -m dataset=wine,iris model=baseline model.num_trees=5 seed=0,1")
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert all(len(line) <= 80 or line.startswith(("sweep   /", "        /")) for line in lines)
    head = next(i for i, line in enumerate(lines) if line.startswith("job  folder  test accuracy"))
    assert [line.split()[0] for line in lines[head + 1 : head + 5]] == ["1", "2", "3", "4"]
    assert "dataset=iris seed=1" in lines[head + 4] and "model.num_trees=5" not in lines[head + 4]
    assert "all     model=baseline model.num_trees=5" in lines
    assert "job     4 of 4: dataset=iris model=baseline model.num_trees=5 seed=1" in lines
    [sweep] = (tmp_path / "runs").glob("*/*_sweep")
    assert sorted(p.name for p in sweep.iterdir()) == ["0", "1", "2", "3", "multirun.yaml", "results.csv", "sweep.json"]
    assert sdl(f"evaluate {sweep}/2 --json").json["reproduced"] is True


def test_the_json_of_a_sweep_has_every_job(sdl: Sdl) -> None:
    found = sdl(f"train -m dataset=wine {BASELINE} seed=0,1 --json")
    values = found.json
    assert set(values) >= {"folder", "jobs"} and len(values["jobs"]) == 2
    for number, job in enumerate(values["jobs"]):
        assert set(job) >= {"folder", "status", "overrides", "metrics"} and job["status"] == "done"
        assert Path(job["folder"]) == Path(values["folder"]) / str(number)
        assert job["metrics"]["test"]["accuracy"]["n"] == 36 and f"seed={number}" in job["overrides"]


def table(sweep: Path) -> list[dict[str, str]]:
    """The lines of a sweep's results.csv."""
    with (sweep / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def without_times(sweep: Path) -> list[str]:
    """The lines of a sweep's results.csv up to their last two columns."""
    lines = (sweep / "results.csv").read_text().splitlines()
    assert lines[0].endswith(",seconds_total,seconds_fit")
    return [line.rpartition(",")[0].rpartition(",")[0] for line in lines]


def test_the_table_of_a_sweep_has_the_numbers_of_its_runs(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"train -m dataset=wine {BASELINE} seed=0,1 model.kind=forest,logistic hydra.sweep.dir=s --json")
    assert found.code == 0, found.err
    assert found.json["results"] == str(tmp_path / "s" / "results.csv")
    rows = table(tmp_path / "s")
    assert [(r["job"], r["folder"], r["seed"], r["model.kind"]) for r in rows] == [
        *[("1", "0", "0", "forest"), ("2", "1", "0", "logistic")],
        *[("3", "2", "1", "forest"), ("4", "3", "1", "logistic")],
    ]
    assert list(rows[0])[:8] == [
        "job",
        "folder",
        "status",
        "seed",
        "model.kind",
        "test_accuracy",
        "test_accuracy_low",
        "test_accuracy_high",
    ]
    for row in rows:
        stored = json.loads((tmp_path / "s" / row["folder"] / "metrics.json").read_text())
        assert row["status"] == "done" and "model.num_trees" not in row and "dataset" not in row
        assert float(row["test_accuracy"]) == stored["metrics"]["test"]["accuracy"]["value"]
        assert float(row["test_log_loss"]) == stored["metrics"]["test"]["log_loss"]["value"]
        assert float(row["baseline_accuracy"]) == stored["baseline"]["test"]["accuracy"]["value"]
        assert float(row["lift"]) == stored["lift"]["value"] and row["lift_measurable"] in ("true", "false")
        assert (row["labelled_rows"], row["test_rows"], row["validation_accuracy"], row["reason"]) == ("142", "36", "", "")
        assert float(row["seconds_total"]) == stored["seconds"]["total"]
    assert str(tmp_path) not in (tmp_path / "s" / "results.csv").read_text()


@pytest.mark.parametrize("how", ["parallel.num_jobs=2", "hydra/launcher=basic", "parallel.num_jobs=2 parallel.backend=threading"])
def test_the_table_is_the_same_whatever_ran_the_jobs(sdl: Sdl, tmp_path: Path, data: Path, how: str) -> None:
    command = f"train -m dataset=npz {BASELINE} dataset.path={data}/good.npz,{data}/nan_X.npz seed=0,1"
    assert sdl(f"{command} hydra.sweep.dir=one").code == 1
    found = sdl(f"{command} hydra.sweep.dir=other {how}")
    assert found.code == 1 and "nan_X.npz" in found.out
    assert without_times(tmp_path / "one") == without_times(tmp_path / "other")
    assert [row["status"] for row in table(tmp_path / "other")] == ["done", "done", "failed", "failed"]
    config = (tmp_path / "other" / "0" / "config.yaml").read_text()
    assert "parallel" not in config and config == (tmp_path / "one" / "0" / "config.yaml").read_text()


UNRULY = """
import os, time
from pathlib import Path
from sklearn.dummy import DummyClassifier

class Unruly(DummyClassifier):
    def __init__(self, number=0):
        super().__init__()
        self.number = number

    def fit(self, X, y):
        if not (Path(__file__).parent / "cured").exists():
            if self.number == 1:
                os._exit(3)
            if self.number == 2:
                raise ValueError("this one raises")
            if self.number == 3:
                time.sleep(100)
        return super().fit(X, y)
"""


def test_a_process_that_ends_costs_its_job_and_no_other(sdl_forked: Start, tmp_path: Path) -> None:
    (tmp_path / "unruly.py").write_text(UNRULY)
    command = "train -m dataset=wine model=sklearn model.estimator=unruly.Unruly model.params.number=0,1,2,5 hydra.sweep.dir=s"
    found = outcome(sdl_forked(f"{command} parallel.num_jobs=2", PYTHONPATH=str(tmp_path)))
    assert found.code == 1, found.err
    rows = table(tmp_path / "s")
    assert [row["status"] for row in rows] == ["done", "failed", "failed", "done"]
    assert "exit code 3" in rows[1]["reason"] and rows[2]["reason"].endswith("this one raises")
    assert "failed  job 2: its worker process ended with exit code 3" in found.out
    assert f"sdl train --resume {tmp_path / 's'}" in found.out
    assert json.loads((tmp_path / "s" / "sweep.json").read_text())["parallel"] == {"num_jobs": 2, "backend": "processes"}


def test_a_job_on_data_that_has_changed_runs_again(sdl: Sdl, tmp_path: Path, data: Path) -> None:
    for name in ("one.npz", "two.npz"):
        (tmp_path / name).write_bytes((data / "good.npz").read_bytes())
    assert sdl(f"train -m dataset=npz {BASELINE} dataset.path=one.npz,two.npz seed=0,1 hydra.sweep.dir=s").code == 0
    before = without_times(tmp_path / "s")
    (tmp_path / "two.npz").write_bytes((data / "third_class.npz").read_bytes())
    found = sdl("train --resume s")
    assert found.code == 0, found.err
    assert "2 jobs run again from the start: the data has changed." in found.err
    assert "job     3 of 4" in found.out and "job     2 of 4" not in found.out
    after = without_times(tmp_path / "s")
    assert after[:3] == before[:3] and after[3] != before[3]
    (tmp_path / "two.npz").unlink()
    found = sdl("train --resume s")
    assert found.code == 0 and "cannot be read" in found.err and "nothing to resume" in found.err
    assert without_times(tmp_path / "s") == after, "what is done is not given up with its data"


def test_a_job_of_another_configuration_does_not_count_as_done(sdl: Sdl, tmp_path: Path) -> None:
    assert sdl(f"train -m dataset=wine {BASELINE} seed=0,1 hydra.sweep.dir=s").code == 0
    stored = json.loads((tmp_path / "s" / "sweep.json").read_text())
    stored["jobs"][1]["config"]["model"]["num_trees"] = 7
    (tmp_path / "s" / "sweep.json").write_text(json.dumps(stored))
    found = sdl("train --resume s --json")
    assert found.code == 0 and "job     2 of 2" in found.err and "job     1 of 2" not in found.err
    assert "num_trees: 7" in (tmp_path / "s" / "1" / "config.yaml").read_text()


def test_a_job_whose_files_were_changed_does_not_count_as_done(sdl: Sdl, tmp_path: Path) -> None:
    assert sdl(f"train -m dataset=wine {BASELINE} seed=0,1 hydra.sweep.dir=s").code == 0
    before = without_times(tmp_path / "s")
    (tmp_path / "s" / "1" / "predictions.csv").write_text("id\n")
    found = sdl("train --resume s")
    assert found.code == 0 and "job     2 of 2" in found.out and "job     1 of 2" not in found.out
    assert without_times(tmp_path / "s") == before


@pytest.mark.parametrize("text", ["[]", '{"jobs": [3]}', '{"jobs": 3}', '{"jobs": [{"config": {}}]}', "no json"])
def test_a_broken_sweep_is_refused_in_words(sdl: Sdl, tmp_path: Path, text: str) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "sweep.json").write_text(text)
    found = sdl("train --resume s")
    assert found.code == 2 and "sweep.json" in found.err and "Traceback" not in found.err


@pytest.mark.parametrize(("how", "start"), [("", "sdl_forked"), ("parallel.num_jobs=2", "sdl_process")])
def test_an_interrupted_sweep_keeps_what_is_done_and_goes_on(
    request: pytest.FixtureRequest, sdl_forked: Start, tmp_path: Path, how: str, start: str
) -> None:
    (tmp_path / "unruly.py").write_text(UNRULY)
    long = "dataset=wine model=sklearn model.estimator=unruly.Unruly model.params.number=0,3 hydra.sweep.dir=s"
    process = request.getfixturevalue(start)(f"train -m {long} {how}", PYTHONPATH=str(tmp_path))
    deadline = time.monotonic() + 60
    while (run_folder.read_state(tmp_path / "s" / "0"), run_folder.read_state(tmp_path / "s" / "1")) != ("done", "running"):
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"Interrupted. Resume with: sdl train --resume {tmp_path / 's'} --trust" in err and "Traceback" not in err
    assert [(row["status"], row["reason"]) for row in table(tmp_path / "s")] == [("done", ""), ("interrupted", "by Ctrl-C")]
    assert str(tmp_path / "s" / "results.csv") in out
    (tmp_path / "cured").touch()
    again = outcome(sdl_forked("train -m --resume s --trust --json", PYTHONPATH=str(tmp_path)))
    assert again.code == 0, again.err
    assert [job["status"] for job in again.json["jobs"]] == ["done", "done"]
    assert "job     2 of 2" in again.err and "job     1 of 2" not in again.err


def test_sweeps_of_the_same_second_do_not_collide(sdl_forked: Start, tmp_path: Path) -> None:
    processes = [sdl_forked(f"train -m dataset=wine {BASELINE} seed=0,1 hydra.sweep.dir=s --json") for _ in range(2)]
    found = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], found
    assert {json.loads(out)["folder"] for out, _ in found} == {str(tmp_path / "s"), str(tmp_path / "s-2")}
    assert without_times(tmp_path / "s") == without_times(tmp_path / "s-2")


def test_folders_of_ones_own_that_do_not_tell_jobs_apart(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(
        f"train -m dataset=wine {BASELINE} seed=0,1 model.kind=forest,logistic hydra.sweep.dir=s hydra.sweep.subdir=x/$"
        + "{seed}"
    )
    assert found.code == 0, found.err
    assert [row["folder"] for row in table(tmp_path / "s")] == ["x/0", "x/1", "x/0-2", "x/1-2"]


def test_settings_of_the_sweep_itself(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl("train -m dataset=wine parallel.num_jobs=1,2")
    assert found.code == 2 and "one value for all" in found.err and not tree(tmp_path)
    found = sdl(f"train -m dataset=wine {BASELINE} seed=0,1 parallel.num_jobs=0")
    assert found.code == 2 and "parallel.num_jobs: 0 is out of range" in found.err
    found = sdl(f"train dataset=wine {BASELINE} parallel.num_jobs=2 hydra.run.dir=r")
    assert found.code == 0 and "parallel has no effect" in found.err
    assert "parallel" not in (tmp_path / "r" / "config.yaml").read_text()


@pytest.mark.parametrize(("direction", "code"), [("minimize", 2), ("maximize", 0)])
def test_a_search_looks_at_validation_rows_in_the_right_direction(sdl: Sdl, tmp_path: Path, direction: str, code: int) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="needs the extra optuna")
    settings = f"hydra.sweeper.direction={direction} hydra.sweeper.n_trials=3 hydra.sweeper.n_jobs=2 hydra.sweep.dir=s"
    found = sdl(f"train -m dataset=wine model=baseline hydra/sweeper=optuna {settings}", "model.num_trees=int(interval(1,5))")
    assert found.code == code, found.err
    if code:
        assert "it would search for the worst accuracy" in found.err and not tree(tmp_path)
        return
    rows = table(tmp_path / "s")
    assert len(rows) == 3 and "best    job" in found.out
    best = max(float(row["objective"]) for row in rows)
    assert f"best_value: {best}" in (tmp_path / "s" / "optimization_results.yaml").read_text()
    assert sdl("train --resume s").code == 2


def test_both_kinds_of_model_in_one_sweep(sdl: Sdl) -> None:
    values = sdl(f"train -m {NET} model=baseline,deep_net ++model.depth=1 seed=0 --json")
    assert values.code == 2 and "model.depth:" in values.err, "a setting must exist for every job"
    values = sdl("train -m dataset=wine model=baseline,deep_net training.epochs=1 seed=0 --json")
    assert values.code == 0, values.err
    assert [job["status"] for job in values.json["jobs"]] == ["done", "done"]


def test_a_job_that_fails_is_named_and_its_siblings_finish(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = train.in_stages

    def fail_on_one(found: Any, *rest: Any) -> Any:
        if found.seed == 1:
            raise ZeroDivisionError("no luck")
        return real(found, *rest)

    monkeypatch.setattr(train, "in_stages", fail_on_one)
    found = sdl(f"train -m dataset=wine {BASELINE} seed=0,1,2")
    assert found.code == 1
    assert "error   job 2: no luck" in found.err and "Traceback" not in found.err
    assert "failed  job 2: no luck" in found.out and "sdl train --resume" in found.out
    [sweep] = (tmp_path / "runs").glob("*/*_sweep")
    assert [run_folder.read_state(sweep / str(n)) for n in range(3)] == ["done", "failed", "done"]
    assert "ZeroDivisionError" in (sweep / "1" / "run.log").read_text()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    again = sdl(f"train --resume {sweep} --json")
    assert again.code == 0, again.err
    assert [job["status"] for job in again.json["jobs"]] == ["done"] * 3
    assert "job     2 of 3" in again.err and "job     1 of 3" not in again.err
    assert "nothing to resume" in sdl(f"train --resume {sweep}").err


def test_bad_data_fails_its_own_job_only(sdl: Sdl, data: Path) -> None:
    command = f"train -m dataset=npz {BASELINE} dataset.path={data}/good.npz,{data}/nan_X.npz,{data}/numbers.npz --json"
    found = sdl(command)
    assert found.code == 1
    assert [job["status"] for job in found.json["jobs"]] == ["done", "failed", "done"]
    assert "nan_X.npz" in found.json["jobs"][1]["reason"]


def test_a_sweep_over_names_with_commas_beside_another(sdl: Sdl, tmp_path: Path, data: Path) -> None:
    for name in ("a,b (1).npz", "ü.npz"):
        (tmp_path / name).write_bytes((data / "good.npz").read_bytes())
    found = sdl(f"train -m dataset=npz {BASELINE} seed=0,1 --json", "dataset.path=a,b (1).npz,ü.npz", "hydra.sweep.dir=out, (1)")
    assert found.code == 0, found.err
    paths = [
        json.loads((Path(job["folder"]) / "metrics.json").read_text())["config"]["dataset"]["path"] for job in found.json["jobs"]
    ]
    assert sorted(Path(path).name for path in paths) == ["a,b (1).npz", "a,b (1).npz", "ü.npz", "ü.npz"]
    assert Path(found.json["folder"]) == tmp_path / "out, (1)"


def test_one_path_with_a_comma_is_no_sweep(sdl: Sdl, tmp_path: Path, data: Path) -> None:
    (tmp_path / "a,b.npz").write_bytes((data / "good.npz").read_bytes())
    found = sdl(f"train -m dataset=npz {BASELINE} dataset.path=a,b.npz seed=0,1 --json")
    assert found.code == 0 and len(found.json["jobs"]) == 2


def test_a_search_of_ones_own_folders_still_works(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl(f"train -m dataset=wine {BASELINE} seed=0,1 hydra.sweep.dir=s hydra.sweep.subdir=seed_$" + "{seed} --json")
    assert found.code == 0, found.err
    assert {p.name for p in (tmp_path / "s").iterdir()} == {"seed_0", "seed_1", "multirun.yaml", "results.csv", "sweep.json"}
    assert [row["job"] for row in table(tmp_path / "s")] == ["seed_0", "seed_1"]
    assert sdl("train --resume s").code == 2


def test_runs_of_the_same_second_do_not_collide(sdl_forked: Start, tmp_path: Path) -> None:
    processes = [sdl_forked(f"train dataset=wine {BASELINE} hydra.run.dir=r --json") for _ in range(2)]
    found = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], found
    assert {json.loads(out)["folder"] for out, _ in found} == {str(tmp_path / "r"), str(tmp_path / "r-2")}
    assert {run_folder.read_state(tmp_path / name) for name in ("r", "r-2")} == {"done"}


def test_with_inspection_a_sweep_makes_no_sense(sdl: Sdl, tmp_path: Path) -> None:
    assert sdl("train -m seed=0,1 --cfg job").code == 2
    assert not tree(tmp_path)


def test_jobs_that_share_a_gpu_take_turns_there(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    start = turns.Turns.start
    monkeypatch.setattr(turns.Turns, "start", lambda self, entry: (begun.append(len(self.under_way)), start(self, entry))[1])
    monkeypatch.setattr(turns, "has_graphs", lambda runtime: True)
    for module in (groups, sweep):
        monkeypatch.setattr(module, "trains_on_gpu", lambda experiment: True)
    net = "dataset=digits dataset.num_train=60 model=deep_net model.depth=5 model.width=4 training.epochs=2 precision=float32"
    net += " memory_format=contiguous num_threads=1"
    found = sdl(f"train -m {net} seed=0,1 training.learning_rate=0.01,0.002 hydra.sweep.dir=s --json")
    assert found.code == 0 and begun == [0, 1, 2, 3], found.err
    single = sdl(f"train {net} seed=1 training.learning_rate=0.01 hydra.run.dir=t --json").json
    [job] = [job for job in found.json["jobs"] if {*job["overrides"]} >= {"seed=1", "training.learning_rate=0.01"}]
    assert job["metrics"]["test"] == single["metrics"]["test"]
    assert [run_folder.read_state(tmp_path / "s" / str(n)) for n in range(4)] == ["done"] * 4
