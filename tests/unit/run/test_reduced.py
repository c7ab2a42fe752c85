"""The number that a reduction leaves: chosen on validation rows only, nested in a comparison, refused where it cannot be."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from sdl_cli.errors import ConfigError, RunError
from sdl_cli.learning.stages import finish
from sdl_cli.run import fit_and_score, prepare, reduced
from sdl_cli.run.fit_and_score import Around
from sdl_cli.run.hydra import compose_checked
from sdl_cli.run.prepare import Ready, divided, load_here, make_ready, resolve_settings
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.experiment import Experiment

LOGISTIC = ["model=baseline", "model.kind=logistic"]


def make(*given: str) -> Experiment:
    return parse_experiment(compose_checked("train", list(given), parse_experiment))


def ready_of(*given: str) -> tuple[Ready, list[str]]:
    experiment, said = make(*given), []
    dataset, parts = divided(experiment, load_here(experiment))
    labelled, _ = parts.parts(dataset)
    return make_ready(resolve_settings(experiment, dataset, len(labelled)), labelled, said.append), said


@pytest.mark.parametrize(
    ("most", "numbers"),
    [(1, [1]), (2, [2]), (5, [2, 4, 5]), (8, [2, 4, 8]), (30, [2, 4, 8, 16, 30]), (4000, [2, 4, 8, 16, 32, 64, 128, 256])],
)
def test_the_numbers_that_are_tried(most: int, numbers: list[int]) -> None:
    assert reduced.numbers(most) == numbers


def test_the_smallest_of_the_best_is_taken_and_the_rest_of_the_experiment_stays() -> None:
    ready, said = ready_of("dataset=wine", *LOGISTIC, "reduce=pca")
    scores = {2: 0.5, 4: 0.9, 8: 0.9, 13: float("nan")}
    seen: list[tuple[int, int]] = []

    def score(experiment: Experiment, kept: Any, held: Any) -> float:
        seen.append((len(kept), len(held)))
        assert not set(kept.rows) & set(held.rows) and set(kept.rows) | set(held.rows) == set(ready.labelled.rows)
        return scores[experiment.reduce.num_components]

    found = reduced.settled(ready, "accuracy", score, said.append)
    assert found.experiment == reduced.with_number(ready.experiment, 4) and len(found.fit) == len(ready.labelled) == 142
    assert seen == [(114, 28)] * 4
    assert said[-1].startswith("reduce.num_components=4 was chosen among 2, 4, 8 and 13 by the accuracy of 28 validation rows")
    low = reduced.settled(ready, "rmse", score, said.append)
    assert low.experiment.reduce.num_components == 2
    assert reduced.settled(found, "accuracy", score, said.append) is found


def test_where_nothing_can_be_scored_the_first_error_is_raised() -> None:
    ready, said = ready_of("dataset=wine", *LOGISTIC, "reduce=select")

    def fail(experiment: Experiment, kept: Any, held: Any) -> float:
        raise RunError(f"no {experiment.reduce.num_features}")

    with pytest.raises(RunError, match="no 2"):
        reduced.settled(ready, "accuracy", fail, said.append)


def test_groups_stay_whole_while_a_number_is_chosen(tmp_path: Any) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "g.npz", X=rng.normal(size=(90, 4)), y=np.arange(90) % 2, groups=np.arange(90) // 3)
    ready, said = ready_of("dataset=npz", f"dataset.path={tmp_path / 'g.npz'}", *LOGISTIC, "reduce=pca")
    groups = ready.labelled.dataset.groups
    assert groups is not None

    def score(experiment: Experiment, kept: Any, held: Any) -> float:
        assert not set(groups[kept.rows]) & set(groups[held.rows])
        return 0.5

    assert reduced.settled(ready, "accuracy", score, said.append).experiment.reduce.num_components == 2


def test_a_held_out_score_chooses_inside_the_rows_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    ready, _ = ready_of("dataset=wine", *LOGISTIC, "reduce=pca")
    kept, held = ready.labelled.divided(0.25, 0)
    fitted: list[tuple[int | None, int]] = []
    real = fit_and_score._fit
    monkeypatch.setattr(
        fit_and_score, "_fit",
        lambda one, around: fitted.append((one.experiment.reduce.number, len(one.labelled))) or real(one, around),
    )  # fmt: skip
    value = finish(fit_and_score.held_out_score(ready.experiment, kept, held, "accuracy", Around()))
    assert 0.8 < value <= 1
    inner = len(kept.divided(0.2, 0)[0])
    assert fitted[:-1] == [(number, inner) for number in (2, 4, 8, 13)] and fitted[-1][1] == len(kept)


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (["dataset=digits", "model=deep_net", "reduce=pca"], "reads images as they are", "model=baseline model.kind=logistic"),
        (["dataset=digits", "model=finetuned_cnn", "reduce=pca"], "reads images as they are", "model.strategy=probe"),
        (["dataset=wine", "model=autoencoder", "dataset.unlabeled=x.npz", "reduce=pca"], "dataset.unlabeled", "Leave out reduce"),
    ],
)
def test_inputs_that_cannot_be_reduced_are_refused_with_the_way_out(given: list[str], message: str, hint: str) -> None:
    experiment = make(*given)
    dataset = load_here(make(given[0], *LOGISTIC))
    with pytest.raises(ConfigError) as caught:
        resolve_settings(experiment, dataset, 100)
    assert message in caught.value.message and hint in caught.value.hint


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["dataset=wine", *LOGISTIC, "reduce=pca", "reduce.num_components=14"],
            "num_components=14: there are 13 columns and 142",
        ),
        (["dataset=wine", "dataset.num_train=9", *LOGISTIC, "reduce=pca", "reduce.num_components=9"], "at most 8 components"),
        (["dataset=digits", "model=baseline", "reduce=select", "reduce.num_features=65"], "there are 64 columns"),
    ],
)
def test_a_number_that_is_too_large_is_refused_before_the_fit(given: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ready_of(*given)


def test_directions_need_one_of_two_classes_or_a_number_and_columns_as_they_are() -> None:
    wine = load_here(make("dataset=wine", *LOGISTIC))
    table = make("dataset=table", "dataset.path=x.csv", "dataset.monotone={alcohol: 1}", "model=baseline")
    with pytest.raises(ConfigError, match="with 3 classes there is no one probability"):
        resolve_settings(table, wine, 100)
    two = dataclasses.replace(wine, classes=wine.classes[:2])
    resolve_settings(table, two, 100)
    with pytest.raises(ConfigError, match="reduce=pca mixes the columns"):
        resolve_settings(dataclasses.replace(table, reduce=make("reduce=pca", *LOGISTIC).reduce), two, 100)
    svm = make("dataset=table", "dataset.path=x.csv", "dataset.monotone={alcohol: 1}", "model=baseline", "model.kind=svm")
    resolve_settings(svm, wine, 100)
    [said] = prepare.settings_without_effect(svm)
    assert said.startswith("dataset.monotone has no effect: model.kind=svm cannot be held to a direction; model=baseline with")
    assert prepare.settings_without_effect(table) == []
