"""Many runs: all parsed before the first, failures kept apart, nothing shared, and a stopped sweep goes on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.conftest import BASELINE, NET, Sdl, tree

from sdl_cli import experiment, results


def test_a_sweep_runs_every_combination_and_ends_in_a_table(sdl: Sdl, tmp_path: Path) -> None:
    found = sdl("train -m dataset=wine,iris model=baseline model.num_trees=5 seed=0,1")
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert all(len(line) <= 80 or line.startswith("sweep   /") for line in lines)
    head = next(i for i, line in enumerate(lines) if line.startswith("job  test accuracy"))
    assert [line.split()[0] for line in lines[head + 1 : head + 5]] == ["1", "2", "3", "4"]
    assert "dataset=iris seed=1" in lines[head + 4] and "model.num_trees=5" not in lines[head + 4]
    assert "all     model=baseline model.num_trees=5" in lines
    assert "job     4 of 4: dataset=iris model=baseline model.num_trees=5 seed=1" in lines
    [sweep] = (tmp_path / "runs").glob("*/*_sweep")
    assert sorted(p.name for p in sweep.iterdir()) == ["0", "1", "2", "3", "multirun.yaml", "sweep.json"]
    assert sdl(f"evaluate {sweep}/2 --json").json["reproduced"] is True


def test_the_json_of_a_sweep_has_every_job(sdl: Sdl) -> None:
    found = sdl(f"train -m dataset=wine {BASELINE} seed=0,1 --json")
    values = found.json
    assert set(values) >= {"folder", "jobs"} and len(values["jobs"]) == 2
    for number, job in enumerate(values["jobs"]):
        assert set(job) >= {"folder", "status", "overrides", "metrics"} and job["status"] == "done"
        assert Path(job["folder"]) == Path(values["folder"]) / str(number)
        assert job["metrics"]["test"]["accuracy"]["n"] == 36 and f"seed={number}" in job["overrides"]


def test_both_kinds_of_model_in_one_sweep(sdl: Sdl) -> None:
    values = sdl(f"train -m {NET} model=baseline,deep_net ++model.depth=1 seed=0 --json")
    assert values.code == 2 and "model.depth:" in values.err, "a setting must exist for every job"
    values = sdl("train -m dataset=wine model=baseline,deep_net training.epochs=1 seed=0 --json")
    assert values.code == 0, values.err
    assert [job["status"] for job in values.json["jobs"]] == ["done", "done"]


def test_a_job_that_fails_is_named_and_its_siblings_finish(sdl: Sdl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = experiment.run

    def fail_on_one(found: Any, *rest: Any) -> Any:
        if found.seed == 1:
            raise ZeroDivisionError("no luck")
        return real(found, *rest)

    monkeypatch.setattr(experiment, "run", fail_on_one)
    found = sdl(f"train -m dataset=wine {BASELINE} seed=0,1,2")
    assert found.code == 1
    assert "error   job 2: no luck" in found.err and "Traceback" not in found.err
    assert "failed  job 2: no luck" in found.out and "sdl train --resume" in found.out
    [sweep] = (tmp_path / "runs").glob("*/*_sweep")
    assert [results.read_state(sweep / str(n)) for n in range(3)] == ["done", "failed", "done"]
    assert "ZeroDivisionError" in (sweep / "1" / "run.log").read_text()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    again = sdl(f"train --resume {sweep} --json")
    assert again.code == 0, again.err
    assert [job["status"] for job in again.json["jobs"]] == ["done"] * 3
    assert "job     2 of 3" in again.err and "job     1 of 3" not in again.err
    assert "nothing to go on with" in sdl(f"train --resume {sweep}").err


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
    assert {p.name for p in (tmp_path / "s").iterdir()} == {"seed_0", "seed_1", "multirun.yaml", "sweep.json"}
    assert sdl("train --resume s").code == 2


def test_runs_of_the_same_second_do_not_collide(sdl_process: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    processes = [sdl_process(f"train dataset=wine {BASELINE} hydra.run.dir=r --json") for _ in range(2)]
    found = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], found
    assert {json.loads(out)["folder"] for out, _ in found} == {str(tmp_path / "r"), str(tmp_path / "r-2")}
    assert {results.read_state(tmp_path / name) for name in ("r", "r-2")} == {"done"}


def test_with_inspection_a_sweep_makes_no_sense(sdl: Sdl, tmp_path: Path) -> None:
    assert sdl("train -m seed=0,1 --cfg job").code == 2
    assert not tree(tmp_path)
