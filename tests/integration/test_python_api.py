"""`import sdl_cli as sdl`: what a program trains, compares and measures is what the command line would, with its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.metrics import accuracy_score

import sdl_cli as sdl

FOREST = {"name": "baseline", "num_trees": 5}
QUICK = {"model": FOREST, "verbose": False}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def iris() -> pd.DataFrame:
    return load_iris(as_frame=True).frame


def test_a_frame_is_trained_and_its_run_predicts_and_reproduces_its_numbers(place: Path) -> None:
    rows = iris()
    run = sdl.train(rows, target="target", seed=1, **QUICK)
    assert run.folder.parent.parent == place / "runs" and run.config["seed"] == 1 and run.config["model"]["num_trees"] == 5
    stored = json.loads((run.folder / "metrics.json").read_text())
    assert run.metrics["accuracy"].value == stored["metrics"]["test"]["accuracy"]["value"] and run.metrics["accuracy"].n == 30
    predicted = run.predict(rows.drop(columns="target").iloc[::-1])
    assert predicted.index.tolist() == list(range(149, -1, -1)) and predicted.dtype == np.int64
    assert accuracy_score(rows.target.iloc[::-1], predicted) > 0.95
    probs = run.predict_proba(rows)
    assert probs.columns.tolist() == [0, 1, 2] == run.classes_.tolist()
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    again = run.evaluate()
    assert again.reproduced is True and again.same_test_part and again.metrics["accuracy"] == run.metrics["accuracy"]
    ends = run.predictions
    assert len(ends) == 30 and (ends.truth == ends.prediction).mean() == pytest.approx(run.metrics["accuracy"].value)
    loaded = sdl.load(run.folder)
    assert isinstance(loaded, sdl.Run)
    pd.testing.assert_frame_equal(loaded.predict_proba(rows), probs)
    assert run.report("r.html") == Path("r.html") and "<!doctype html>" in Path("r.html").read_text(encoding="utf-8")


def test_the_command_line_makes_the_same_of_the_kept_file(place: Path) -> None:
    from sdl_cli.api.asked import asked
    from sdl_cli.many import repeats
    from sdl_cli.run import hydra as bridge
    from sdl_cli.run.request import parse_experiment

    run = sdl.train(iris(), "target", folder="own", **QUICK)
    [kept] = (place / "data").glob("*.csv")
    assert run.folder == place / "own" and Path(run.config["dataset"]["path"]) == kept
    typed = asked(kept, "target", {"model": FOREST, "dataset": "table"}, {}, place).overrides
    values = repeats.train(parse_experiment(bridge.compose_checked("train", typed, parse_experiment)), place / "typed")
    assert values["metrics"]["test"]["accuracy"] == run.metrics["accuracy"].to_json()


def test_other_rows_are_scored_too() -> None:
    rows = iris()
    run = sdl.train(rows, "target", **QUICK)
    other = rows.sample(40, random_state=0).assign(extra=1.0)
    found = run.evaluate(other)
    assert found.rows == 40 and found.reproduced is None
    assert found.metrics["accuracy"].value == pytest.approx((run.predict(other) == other.target).mean())
    other.rename(columns={"target": "kind"}).to_csv("other.csv", index=False)
    assert run.evaluate("other.csv", "kind").metrics["accuracy"].value == found.metrics["accuracy"].value
    with pytest.raises(sdl.DataError, match="has no column 'target'"):
        run.evaluate("other.csv")
    with pytest.raises(sdl.ConfigError, match="evaluate takes dataset and device settings only"):
        run.evaluate(other, **{"model.num_trees": 3})


@pytest.mark.parametrize(
    "data",
    [
        lambda: (load_digits().images.astype(np.uint8)[:60], load_digits().target[:60]),
        lambda: load_diabetes(return_X_y=True),
        lambda: (["good film indeed", "bad film indeed"] * 30, np.array(["pos", "neg"] * 30)),
    ],
)
def test_arrays_numbers_and_texts(data: Callable[[], tuple[Any, Any]]) -> None:
    X, y = data()
    run = sdl.train(X, y, **QUICK)
    found = run.predict(X[:5])
    assert len(found) == 5
    if y.dtype.kind == "f":
        assert run.metrics["rmse"].value > 0 and found.dtype == np.float64
        with pytest.raises(sdl.DataError, match="predicts a number"):
            run.predict_proba(X)
    else:
        assert accuracy_score(y[:5], found) >= 0.6
        again = run.evaluate(X, y)
        assert again.same_test_part and again.rows == len(y) // 5  # its own rows: only those that it has not learned from


def test_a_network_shows_its_epochs_and_a_stopped_run_is_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    settings: dict[str, Any] = {"training": {"epochs": 2}, "device": "cpu", "precision": "float32"}
    run = sdl.train("iris", model={"name": "deep_net", "depth": 1}, loss="cosine", **settings)
    said = capsys.readouterr()
    assert said.out == "" and "data    iris: 96 train, 24 validation, 30 test" in said.err and "2/2" in said.err
    assert len(run.history) == 2 and run.config["loss"]["name"] == "cosine"
    again = sdl.train(resume=run.folder)
    assert again.metrics == run.metrics and "there is nothing to resume" in capsys.readouterr().err
    with pytest.raises(sdl.ConfigError, match="resume takes no data and no settings"):
        sdl.train("iris", resume=run.folder)


def test_repeats_are_one_run_whose_first_predicts() -> None:
    run = sdl.train("iris", num_repeats=2, **QUICK)
    assert run.metrics["accuracy"].n == 2 and "2 splits" in run.verdict
    assert len(run.predict(load_iris().data)) == 150


def test_a_comparison_has_a_leaderboard_and_a_run_to_use() -> None:
    rows = iris()
    settings: dict[str, Any] = {"arms": ["logistic", "forest"], "num_repeats": 2, "num_candidates": 1, "curve": False}
    found = sdl.compare(rows, target="target", parallel={"num_jobs": 1}, verbose=False, **settings)
    table = found.leaderboard
    assert set(table.arm) == {"logistic", "forest"} and table.score.is_monotonic_decreasing
    assert table.recommended.sum() == 1 and table.arm[table.recommended].item() == found.recommended_arm
    assert found.config["compare"]["num_repeats"] == 2 and found.verdict.startswith("Use ")
    assert len(found.recommended.predict(rows)) == 150 and found.best.folder.parent == found.folder
    loaded = sdl.load(found.folder)
    assert isinstance(loaded, sdl.Comparison)
    pd.testing.assert_frame_equal(loaded.leaderboard, table)
    assert repr(found).startswith("<Comparison ") and "verdict" in str(found) and "<table>" in found._repr_html_()


def test_a_curve_and_a_forecast_are_tables() -> None:
    found = sdl.curve("iris", sizes=[20, 40, 80], num_repeats=2, curve={"target": 0.9}, parallel={"num_jobs": 1}, **QUICK)
    assert found.points["size"].tolist() == [20, 40, 80] and found.points.repeats.tolist() == [2, 2, 2]
    assert found.labels_needed is not None and found.labels_needed.target == 0.9
    assert found.forecast["size"].tolist() == [160, 320, 640]
    loaded = sdl.load(str(found.folder))
    assert isinstance(loaded, sdl.Curve)
    pd.testing.assert_frame_equal(loaded.points, found.points)
    assert "<svg" in found._repr_html_() and "labels" in str(found)
    points = pd.DataFrame({"size": [50, 100, 200], "score": [0.8, 0.85, 0.88]})
    ahead = sdl.forecast(points, at=1000, target=0.9)
    assert ahead.forecast["size"].tolist() == [1000] and ahead.folder is None
    points.to_csv("points.csv", index=False)
    pairs = list(points.itertuples(index=False, name=None))
    for other in ("points.csv", pairs, points.rename(columns={"score": "mean"}).assign(se=0.01, repeats=3)):
        pd.testing.assert_frame_equal(sdl.forecast(other, at=[1000], target=0.9).forecast, ahead.forecast)


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no such model": (lambda: sdl.train("iris", model="forest"), "model=forest: no such model."),
    "setting": (lambda: sdl.train("iris", model={"depht": 3}), "model.depht: no such setting. Did you mean model.depth?"),
    "range": (lambda: sdl.train("iris", training__epochs=0), "training.epochs: 0 is out of range: it must be at least 1."),
    "top": (lambda: sdl.train("iris", traning={"epochs": 3}), "traning: no such setting. Did you mean training?"),
    "column": (lambda: sdl.train(iris(), "targt"), "Did you mean target?"),
    "which": (lambda: sdl.train(iris()), "dataset.target: which column of "),
    "arm": (lambda: sdl.compare("iris", model="deep_net"), "model=deep_net: a comparison compares whole methods"),
    "unknown arm": (lambda: sdl.compare("iris", arms=["forrest"]), "there is no arm called forrest. Did you mean forest?"),
    "sizes": (lambda: sdl.curve("iris", sizes=[5, 4, 3]), "curve.sizes: they must increase"),
    "points": (lambda: sdl.forecast([(1, 0.5)]), "points: a forecast needs at least 3 sizes, and there are 1."),
    "score": (lambda: sdl.forecast([(1, 0.5), (2, 80), (3, 1)]), "points, row 2: 80 is not a valid accuracy"),
    "metric": (
        lambda: sdl.forecast([(1, 0.5)], metric="acuracy"),
        "metric: there is no metric 'acuracy'. Did you mean accuracy?",
    ),
    "level": (lambda: sdl.forecast([(1, 0.5)], level=2), "curve.level: 2.0 is out of range"),
    "rows": (lambda: sdl.forecast([(1, 0.5)], test_rows=0), "test_rows: 0 is out of range"),
    "triples": (lambda: sdl.forecast([(1, 0.5), (2,)]), "Each point is a pair of size and score"),
    "folder": (lambda: sdl.load("nowhere"), "nowhere: there is no such run folder."),
}


@pytest.mark.parametrize("name", BAD)
def test_what_the_command_line_refuses_is_refused_with_its_words(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(sdl.SdlError) as caught:
        call()
    assert message in caught.value.message and caught.value.exit_code == 2


def test_a_program_around_it_keeps_its_own_hydra(tmp_path: Path) -> None:
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    (tmp_path / "own.yaml").write_text("mine: 1\n")
    with hydra.initialize_config_dir(str(tmp_path), version_base=None):
        own = GlobalHydra.instance().hydra
        sdl.train("iris", **QUICK)
        assert GlobalHydra.instance().hydra is own
        assert hydra.compose("own").mine == 1


def test_a_stranger_s_folder_runs_no_code(tmp_path: Path) -> None:
    run = sdl.train("iris", **QUICK)
    (run.folder / "config.yaml").write_text("model: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(sdl.DataError, match="was changed after the run ended"):
        sdl.load(run.folder)
