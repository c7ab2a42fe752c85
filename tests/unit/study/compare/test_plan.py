"""What suits the data, whose seed is whose, and what fits the time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.run import hydra as bridge
from sdl_cli.study.compare.composing import with_arms
from sdl_cli.study.compare.plan import Budget, _of_arm, make_plan
from sdl_cli.study.compare.settings import parse_comparison, parse_shared


def plan(*overrides: str) -> Any:
    jobs = [] if any(o.startswith("parallel.num_jobs") for o in overrides) else ["parallel.num_jobs=1"]
    typed = [*overrides, *jobs]
    return make_plan(parse_comparison(with_arms(bridge.compose_checked("compare", typed, parse_shared), typed)))


def test_the_ladder_of_a_table_of_classes() -> None:
    found = plan("dataset=wine")
    networks = ["deep_net", "augmented", "cosine_loss", "autoencoder"]
    assert [arm.name for arm in found.arms] == ["logistic", "forest", "pretrained_table", "blend", *networks]
    assert not found.left_out and found.metric == "accuracy" and not found.fixed_test and found.test_rows == 36


def test_the_ladder_of_a_table_of_numbers() -> None:
    found = plan("dataset=diabetes")
    assert [arm.name for arm in found.arms] == ["ridge", "forest", "deep_net", "augmented", "autoencoder"]
    assert found.metric == "rmse"


def test_the_ladder_of_small_images() -> None:
    found = plan("dataset=digits")
    assert [arm.name for arm in found.arms] == ["logistic", "forest", "deep_net", "augmented", "cosine_loss", "autoencoder"]
    assert set(found.left_out) == {"probe", "finetune"} and "8 px" in found.left_out["probe"]


def test_splits_are_the_same_for_every_arm_and_weights_are_not() -> None:
    found = plan("dataset=wine", "seed=7", "compare.arms=[baseline,deep_net,'deep_net seed=100']")
    for repeat in (0, 2):
        experiments = [found.candidates(arm, repeat)[0].experiment for arm in found.arms]
        assert {e.dataset.seed for e in experiments} == {7 + repeat}
        assert [e.seed for e in experiments] == [7 + repeat, 7 + repeat, 100 + repeat]


def test_every_arm_has_the_same_budget() -> None:
    found = plan("dataset=wine", "compare.num_candidates=2")
    assert {arm.name for arm in found.arms if len(found.candidates(arm, 0)) != 2} == {"pretrained_table"}, "nothing to choose"


def test_networks_do_not_run_in_threads_and_one_job_has_all_cores() -> None:
    found = plan("dataset=wine", "parallel.backend=threading", "parallel.num_jobs=2", "compare.arms=[logistic,deep_net]")
    assert found.parallel.backend == "processes" and any("backend=threading has no effect" in note for note in found.notes)
    assert plan("dataset=wine", "compare.arms=[logistic,baseline]").parallel is None


def test_a_test_part_of_the_source_is_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "a.npz",
        x_train=rng.normal(size=(60, 3)),
        y_train=np.arange(60) % 2,
        x_test=rng.normal(size=(20, 3)),
        y_test=np.arange(20) % 2,
    )
    found = plan("dataset=npz", f"dataset.path={tmp_path / 'a.npz'}", "compare.arms=[logistic,baseline]")
    assert found.fixed_test and any("its own 20 test rows" in note for note in found.notes)
    with pytest.raises(ConfigError, match="cannot be compared on a test part"):
        plan("dataset=npz", f"dataset.path={tmp_path / 'a.npz'}", "compare.arms=[logistic,baseline]", "compare.metric=roc_auc")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["dataset=wine", "compare.arms=[ridge,baseline]"], ["ridge", "predicts numbers"]),
        (["dataset=wine", "compare.arms=[probe,baseline]"], ["probe", "image", "a table"]),
        (["dataset=wine", "compare.arms=[baseline]"], ["at least two arms", "forest"]),
        (["dataset=wine", "compare.arms=[baseline]", "compare.baseline=null"], ["at least two arms"]),
        (["dataset=wine", "compare.metric=rmse"], ["compare.metric", "accuracy"]),
        (["dataset=diabetes", "compare.metric=accuracy"], ["compare.metric", "rmse"]),
        (["dataset=wine", "compare.arms=[baseline,'deep_net augment=shift']"], ["augment"]),
    ],
)
def test_what_cannot_be_compared(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as stop:
        plan(*overrides)
    assert all(word in str(stop.value) for word in words), str(stop.value)


def test_arms_are_given_up_from_the_end_of_the_ladder() -> None:
    budget = Budget(100.0, started=time.time())
    costs = {"a": 10.0, "b": 20.0, "c": 30.0, "d": 40.0, "e": 5.0}
    assert 85 < budget.left() <= 90 and budget.first_deadline == pytest.approx(budget.started + 30)
    assert budget.fitting(costs, list("abcde")) == ["a", "b", "c", "e"], "what is given up is taken back where it still fits"
    assert budget.fitting({**costs, "e": 50.0}, list("abcde")) == list("abc")
    assert budget.fitting({"a": 5.0, "b": 5.0, "c": 500.0, "d": 0.0}, list("abcd")) == ["a", "b", "d"], "what is done stays"
    assert budget.fitting(dict.fromkeys("abc", 1000.0), list("abc")) == list("ab"), "two are needed to compare"
    free = Budget(None)
    assert (
        free.deadline is None
        and free.first_deadline is None
        and free.fitting(dict.fromkeys("abc", 1e9), list("abc")) == list("abc")
    )


def table_of(tmp_path: Path, rare: int, rows: int = 100) -> list[str]:
    rng = np.random.default_rng(0)
    lines = [f"{value:.3f},{'ill' if row < rare else 'well'}" for row, value in enumerate(rng.normal(size=rows))]
    (tmp_path / "t.csv").write_text("\n".join(["x,state", *lines]))
    arms = "compare.arms=[logistic,forest]"
    return ["dataset=table", f"dataset.path={tmp_path / 't.csv'}", "dataset.target=state", arms]


def test_balanced_accuracy_is_compared_where_one_class_holds_most_rows(tmp_path: Path) -> None:
    found = plan(*table_of(tmp_path, 20))
    assert found.metric == "balanced_accuracy"
    [note] = [note for note in found.notes if "sdl compares balanced accuracy" in note]
    assert note.startswith("80 % of the labelled rows are well") and "compare.metric=accuracy" in note
    assert plan(*table_of(tmp_path, 30)).metric == "accuracy", "70 per cent are not over 70"


def test_accuracy_that_was_asked_for_is_kept_and_commented(tmp_path: Path) -> None:
    found = plan(*table_of(tmp_path, 20), "compare.metric=accuracy")
    assert found.metric == "accuracy" and any("always guessing that is right that often" in note for note in found.notes)
    asked = plan(*table_of(tmp_path, 20), "compare.metric=log_loss")
    assert asked.metric == "log_loss" and not any("labelled rows are well" in note for note in asked.notes)


def test_the_old_name_of_the_forest_is_still_read() -> None:
    found = plan("dataset=wine", "compare.arms=[baseline,'baseline model.num_trees=5']", "compare.baseline=baseline")
    assert [arm.name for arm in found.arms] == ["forest", "forest model.num_trees=5"]
    assert found.request.shared.compare.baseline == "forest"
    with pytest.raises(ConfigError, match="forest appears twice"):
        plan("dataset=wine", "compare.arms=[baseline,forest]")


def test_unlabelled_rows_bring_an_arm_that_learns_from_them_and_the_other_networks_do_not(tmp_path: Path) -> None:
    np.savez(tmp_path / "more.npz", X=np.random.default_rng(0).normal(size=(30, 13)))
    given = f"dataset.unlabeled={tmp_path / 'more.npz'}"
    found = plan("dataset=wine", given)
    assert [arm.name for arm in found.arms][-2:] == ["unlabeled", "autoencoder"]
    using = [arm.name for arm in found.arms if found.candidates(arm, 0)[0].experiment.model.uses_unlabeled]
    assert using == ["unlabeled", "autoencoder"]
    notes = " ".join(found.notes)
    assert "unlabeled and autoencoder learn from them; the other arms see labelled rows alone" in notes and "more.npz" in notes
    named = plan("dataset=wine", given, "compare.arms=[forest,unlabeled,'deep_net model.unlabeled_weight=0.5']")
    assert sum(found.candidates(arm, 0)[0].experiment.model.uses_unlabeled for arm in named.arms) == 2
    none = plan("dataset=wine", given, "compare.arms=[forest,deep_net]")
    assert any("dataset.unlabeled has no effect on these arms" in note for note in none.notes)


def test_a_mistake_in_unlabelled_rows_is_found_before_any_arm_runs_and_numbers_have_no_such_arm(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.unlabeled: .* does not exist"):
        plan("dataset=wine", f"dataset.unlabeled={tmp_path / 'none.npz'}")
    np.savez(tmp_path / "more.npz", X=np.random.default_rng(0).normal(size=(30, 10)))
    found = plan("dataset=diabetes", f"dataset.unlabeled={tmp_path / 'more.npz'}")
    assert "unlabeled" not in [arm.name for arm in found.arms] and "autoencoder" in [arm.name for arm in found.arms]


def test_an_arm_without_its_weights_is_named_with_the_setting_as_an_arm_takes_it() -> None:
    hint = "Where there is a network: hf download a/b; copy that folder here and set model.weights=FOLDER."
    found = _of_arm("text_probe", DataError("model.weights: the weights a/b are not on this machine.", hint))
    assert type(found) is DataError
    assert found.message == "text_probe: model.weights: the weights a/b are not on this machine."
    assert found.hint.endswith(
        """copy that folder here and name it for this arm: 'compare.arms=[ladder,"text_probe model.weights=FOLDER"]'."""
    )
