"""One arm on one split: chosen on validation rows alone, scored once, and the numbers are those of a plain training."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sdl_cli.data.draw import hold_out
from sdl_cli.data.split import split
from sdl_cli.errors import OutOfTimeError, RunError
from sdl_cli.learning import stack
from sdl_cli.learning.stages import Stages, finish
from sdl_cli.learning.works import run_together
from sdl_cli.run import hydra as bridge
from sdl_cli.run import prepare, run_folder
from sdl_cli.run.fit_and_score import validation_score
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.experiment import Experiment
from sdl_cli.study.compare import trial as trials
from sdl_cli.study.compare.settings import Candidate
from sdl_cli.study.compare.trial import Trial, quick, read_rows, run_trial, shortened, trial_in_stages, tune
from sdl_cli.study.curve.measure import run_cell


def make(*overrides: str) -> Experiment:
    return parse_experiment(bridge.compose_checked("train", overrides, parse_experiment))


def candidates(*settings: list[str]) -> tuple[Candidate, ...]:
    return tuple(Candidate(" ".join(one), make(*one)) for one in settings)


LOGISTIC = ["dataset=breast_cancer", "model=baseline", "model.kind=logistic"]
CS = (1.0, 0.001, 100.0)


def test_the_candidate_that_is_best_on_validation_rows_is_chosen() -> None:
    found = candidates(*([*LOGISTIC, f"model.c={c}", "seed=3"] for c in CS))
    dataset = prepare.load_here(found[0].experiment)
    parts = split(dataset, found[0].experiment.dataset, 3)
    index, scores = finish(tune(Trial(found, "log_loss"), parts.parts(dataset)[0]))
    X, y = load_breast_cancer(return_X_y=True)
    kept, held = hold_out(dataset.y[parts.labelled], 0.2, 3, "classification")
    kept, held = parts.labelled[kept], parts.labelled[held]
    assert not set(held) & set(parts.test) and not set(held) & set(kept)
    losses = []
    for c in CS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000)).fit(X[kept], y[kept])
        probs = model.predict_proba(X[held])
        losses.append(-np.log(probs[np.arange(len(held)), y[held]]).mean())
    assert scores == pytest.approx(losses) and index == int(np.argmin(losses))


def test_the_choice_does_not_know_the_test_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = candidates(*([*LOGISTIC, f"model.c={c}"] for c in CS))
    honest = run_trial(Trial(found, "accuracy"), tmp_path / "honest")
    dataset = prepare.load_here(found[0].experiment)
    parts = split(dataset, found[0].experiment.dataset, 0)
    y = dataset.y.copy()
    y[parts.test] = 1 - y[parts.test]
    monkeypatch.setattr(trials, "load_here", lambda experiment: dataclasses.replace(dataset, y=y))
    turned_data = dataclasses.replace(dataset, y=y)
    monkeypatch.setattr(trials, "divided", lambda *arguments: (turned_data, parts))
    turned = run_trial(Trial(found, "accuracy"), tmp_path / "turned")
    assert turned["chosen"] == honest["chosen"]
    assert turned["test"]["accuracy"] == pytest.approx(1 - honest["test"]["accuracy"])


def test_of_equal_candidates_the_first_is_kept_and_one_that_fails_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    found = candidates(*([*LOGISTIC, f"model.c={c}"] for c in CS))
    labelled, _ = prepare.divided(found[0].experiment, prepare.load_here(found[0].experiment))[1].parts(
        prepare.load_here(found[0].experiment)
    )
    answers: list[float | Exception] = [0.5, 0.5, 0.4]
    monkeypatch.setattr(trials, "held_out_score", lambda *arguments: _answer(answers.pop(0)))
    assert finish(tune(Trial(found, "accuracy"), labelled))[0] == 0
    answers[:] = [RunError("diverged"), 0.2, 0.3]
    assert finish(tune(Trial(found, "accuracy"), labelled)) == (2, [None, 0.2, 0.3])
    answers[:] = [RunError("diverged"), RunError("too"), RunError("and this")]
    with pytest.raises(RunError, match="diverged"):
        finish(tune(Trial(found, "accuracy"), labelled))


def _answer(value: float | Exception) -> Stages[float]:
    if isinstance(value, Exception):
        raise value
    yield from ()
    return value


def test_trials_whose_networks_are_stacked_come_to_what_each_comes_to_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = ["dataset=wine", "model=deep_net", "model.depth=2", "training.epochs=6", "num_threads=1", "precision=float32"]
    trials_of = [
        Trial(candidates(*([*net, f"model.width={width}", f"seed={seed}"] for width in (4, 12))), "log_loss") for seed in range(3)
    ]
    alone = [run_trial(trial, tmp_path / f"alone{number}") for number, trial in enumerate(trials_of)]
    stacks: list[int] = []
    real = stack.train_stack
    monkeypatch.setattr(stack, "train_stack", lambda jobs: (stacks.append(len(jobs)), real(jobs))[1])
    works = [trial_in_stages(trial, tmp_path / str(number)) for number, trial in enumerate(trials_of)]
    found = {number: value for number, value, _ in run_together(works)}
    assert stacks[:2] == [3, 3], "the same candidate of all three is tried at once"
    for number, expected in enumerate(alone):
        value = found[number]
        assert value is not None and value["chosen"]["index"] == expected["chosen"]["index"]
        assert value["chosen"]["scores"] == pytest.approx(expected["chosen"]["scores"], abs=1e-4)
        assert value["test"] == pytest.approx(expected["test"], abs=1e-4, nan_ok=True)
        assert 0 < value["seconds"]["fit"] <= value["seconds"]["total"]


def test_time_that_runs_out_ends_each_of_the_trials_under_way(tmp_path: Path) -> None:
    net = ["dataset=wine", "model=deep_net", "model.depth=1", "model.width=4", "training.epochs=100000", "num_threads=1"]
    deadline = time.time() + 1.5
    works = [
        trial_in_stages(Trial(candidates([*net, f"seed={seed}"]), "accuracy", deadline=deadline), tmp_path / str(seed))
        for seed in range(2)
    ]
    found = [error for _, _, error in run_together(works)]
    assert [type(error) for error in found] == [OutOfTimeError] * 2
    assert all(run_folder.read_state(tmp_path / str(seed)) == "failed" for seed in range(2))


def test_a_trial_with_one_candidate_is_a_plain_training(tmp_path: Path) -> None:
    one = ["dataset=wine", "model=deep_net", "model.depth=2", "model.width=8", "training.epochs=3", "num_threads=1", "seed=5"]
    found = run_trial(Trial(candidates(one), "accuracy"), tmp_path / "trial")
    plain = run_cell(make(*one), tmp_path / "plain", resume=False, keep_models=False)
    assert {k: found[k] for k in ("test", "majority", "rows")} == {k: plain[k] for k in ("test", "majority", "rows")}
    assert found["chosen"] == {"index": 0, "label": " ".join(one), "scores": []}
    assert run_folder.read_state(tmp_path / "trial") == "done"


def test_networks_try_candidates_for_a_part_of_their_epochs() -> None:
    asked = make("dataset=digits", "model=autoencoder")
    dataset = prepare.load_here(asked)
    net = dataclasses.replace(asked, training=dataclasses.replace(asked.training, epochs=20))
    half = shortened(net, dataset, 0.5, asked)
    assert (half.training.epochs, half.model.pretrain_epochs) == (10, 15)
    assert quick(half, 0.25).training.epochs == 2
    assert shortened(net, dataset, 0.5, net) == net, "epochs that were asked for stay"
    table = make("dataset=wine", "model=deep_net", "training.epochs=20")
    assert shortened(table, prepare.load_here(table), 0.5, table) == table
    assert quick(table, 0.01).training.epochs == 1


def test_forests_try_candidates_with_a_part_of_their_trees() -> None:
    forest = make("dataset=wine", "model=baseline")
    assert quick(forest, 0.25).model.num_trees == 125 and quick(forest, 0.0001).model.num_trees == 1
    assert shortened(forest, prepare.load_here(forest), 0.5, forest) == forest


def test_what_each_test_row_adds_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    found = run_trial(Trial(candidates(LOGISTIC), "accuracy", keep_rows=True), tmp_path / "0")
    rows = read_rows([tmp_path / "0"])
    assert rows is not None and len(rows) == 114 and rows.mean() == pytest.approx(found["test"]["accuracy"])
    assert read_rows([tmp_path / "0", tmp_path / "none"]) is None
    whole = (tmp_path / "0" / "rows.npy").read_bytes()
    huge = whole[:10] + whole[10:128].replace(b"(114,)", b"(2000000000,)").replace(b" " * 7 + b"\n", b"\n") + whole[128:]
    assert len(huge) == len(whole) and b"2000000000" in huge
    for damaged in (b"no array", whole[:-8], whole + b"more", huge, b""):
        (tmp_path / "0" / "rows.npy").write_bytes(damaged)
        assert read_rows([tmp_path / "0"]) is None


def test_training_gives_up_when_the_time_is_over(tmp_path: Path) -> None:
    net = candidates(["dataset=wine", "model=deep_net", "model.depth=1", "model.width=4", "training.epochs=100000"])
    with pytest.raises(OutOfTimeError):
        run_trial(Trial(net, "accuracy", deadline=time.time() + 2), tmp_path / "0")
    assert run_folder.read_state(tmp_path / "0") == "failed"
    with pytest.raises(OutOfTimeError):
        run_trial(Trial(net, "accuracy", deadline=time.time() - 1), tmp_path / "1")
    assert not (tmp_path / "1").exists(), "it was not begun"


def test_the_score_a_search_may_look_at_is_of_held_out_labelled_rows() -> None:
    one = make(*LOGISTIC)
    dataset = prepare.load_here(one)
    labelled, test = split(dataset, one.dataset, 0).parts(dataset)
    kept, held = labelled.divided(one.dataset.validation_fraction, one.seed)
    assert {*kept.rows, *held.rows} == {*labelled.rows} and not {*kept.rows} & {*held.rows} and not {*held.rows} & {*test.rows}
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=2000)).fit(X[kept.rows], y[kept.rows])
    assert validation_score(one) == pytest.approx(model.score(X[held.rows], y[held.rows]))
