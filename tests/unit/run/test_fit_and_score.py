"""One function scores a test part: nothing else can, and no model meets a test row before it is scored."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sdl_cli
from sdl_cli.data.split import LabelledPart, Split, TestPart
from sdl_cli.errors import RunError
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.deep_net import DeepNet
from sdl_cli.many import repeats
from sdl_cli.run import fit_and_score, prepare, train
from sdl_cli.run.fit_and_score import validation_score
from sdl_cli.run.hydra import compose_checked
from sdl_cli.run.request import parse_experiment
from sdl_cli.settings.experiment import Experiment
from sdl_cli.study.compare import trial as trials
from sdl_cli.study.compare.settings import Candidate
from sdl_cli.study.compare.trial import Trial, run_trial
from sdl_cli.study.curve.measure import run_cell

PACKAGE = Path(sdl_cli.__file__).parent
MODELS = {
    "logistic": ["model=baseline", "model.kind=logistic"],
    "net": ["model=deep_net", "model.depth=1", "model.width=4", "training.epochs=2", "num_threads=1"],
}


def make(*settings: str) -> Experiment:
    return parse_experiment(compose_checked("train", ["dataset=wine", *settings], parse_experiment))


def test_one_module_imports_what_scores_rows() -> None:
    found = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [f"{node.module}.{alias.name}" for alias in node.names]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if any(name.startswith("sdl_cli.measure.scoring") for name in names):
                found.add(file.relative_to(PACKAGE).as_posix())
    assert found == {"run/fit_and_score.py"}


@dataclass
class Spy:
    """Rows that models are given, split by split."""

    parts: list[tuple[set[bytes], set[bytes]]] = field(default_factory=list)  # rows of the labelled and of the test part
    scored: list[int] = field(default_factory=list)  # for each split, how often test rows were predicted
    met: list[Any] = field(default_factory=list)  # test rows that a model was fitted on
    fits: int = 0

    def divided(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            dataset, parts = real(*arguments)
            labelled, test = (keys(dataset.X[rows]) for rows in (parts.labelled, parts.test))
            self.parts.append((labelled, test - labelled))
            self.scored.append(0)
            return dataset, parts

        return watched

    def fit(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def watched(model: Any, *rows: Any) -> Any:
            self.fits += 1
            seen = set().union(*(keys(part) for part in rows if np.ndim(part) > 1))
            assert seen
            split = self.split_of(lambda labelled, test: seen <= labelled)
            self.met += sorted(seen & self.parts[split][1])
            self.met += ["a fit after the test part was scored"] * (self.scored[split] and type(model) is not Baseline)
            return real(model, *rows)

        return watched

    def predict(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def watched(model: Any, X: Any) -> Any:
            asked = keys(X)
            split = self.split_of(lambda labelled, test: test <= asked)
            self.scored[split] += bool(asked & self.parts[split][1])
            return real(model, X)

        return watched

    def split_of(self, fits: Callable[[set[bytes], set[bytes]], bool]) -> int:
        """The number of the split whose rows these are, of several under way; the last if they are of none."""
        return next((number for number, parts in enumerate(self.parts) if fits(*parts)), len(self.parts) - 1)


def keys(X: Any) -> set[bytes]:
    return {np.ascontiguousarray(row).tobytes() for row in np.asarray(X, dtype=np.float64)}


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_forests: None) -> Spy:
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))  # else a remembered baseline would not be fitted
    found = Spy()
    for kind, name in ((Baseline, "fit"), (DeepNet, "fitting")):
        monkeypatch.setattr(kind, name, found.fit(getattr(kind, name)))
    for kind in (Baseline, DeepNet):
        monkeypatch.setattr(kind, "predict_proba", found.predict(kind.predict_proba))
    real = prepare.divided
    for module in (prepare, fit_and_score, trials):
        monkeypatch.setattr(module, "divided", found.divided(real))
    return found


def carry_out(way: str, settings: Sequence[str], folder: Path) -> None:
    if way == "train":
        train.run(make(*settings), folder)
    elif way == "repeats":
        repeats.train(make(*settings, "num_repeats=2"), folder)
    elif way == "curve":
        run_cell(make(*settings, "dataset.num_train=60"), folder, resume=False, keep_models=False)
    else:
        few = ["model.c=0.1", "model.c=10.0"] if "model.kind=logistic" in settings else ["model.width=3", "model.width=5"]
        candidates = tuple(Candidate(one, make(*settings, one)) for one in few)
        run_trial(Trial(candidates, "accuracy"), folder)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("way", "num_splits", "num_fits", "num_scored"), [
    ("train", 1, 2, 2), ("repeats", 2, 4, 2), ("curve", 1, 2, 2), ("compare", 1, 3, 1),
])  # fmt: skip
def test_no_model_meets_a_test_row_before_it_is_scored(
    spy: Spy, tmp_path: Path, model: str, way: str, num_splits: int, num_fits: int, num_scored: int
) -> None:
    """The method and the quick baseline beside it; a comparison tries two candidates and scores the better one."""
    carry_out(way, MODELS[model], tmp_path / "run")
    assert not spy.met
    assert len(spy.parts) == num_splits and spy.fits == num_fits
    assert spy.scored == [num_scored] * num_splits, "each method answers once for the test part"


def test_the_spy_sees_a_leak(spy: Spy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Split.parts

    def leaking(self: Split, dataset: Any) -> tuple[LabelledPart, TestPart]:
        labelled, test = real(self, dataset)
        return LabelledPart(dataset, np.concatenate([labelled.rows, test.rows[:1]])), test

    monkeypatch.setattr(Split, "parts", leaking)
    carry_out("train", MODELS["logistic"], tmp_path / "run")
    assert len(spy.met) == 2, "the method and the quick baseline"


def test_a_search_is_told_nothing_of_the_test_part(spy: Spy) -> None:
    assert 0.5 < validation_score(make(*MODELS["logistic"])) <= 1
    assert spy.fits == 1 and spy.scored == [0] and not spy.met


@pytest.mark.parametrize(
    ("settings", "stands_beside"),
    [
        (["model=baseline"], False),
        (["model=baseline", "model.num_trees=5"], True),
        (["model=baseline", "model.kind=logistic"], True),
    ],
    ids=str,
)
def test_the_baseline_is_left_out_beside_a_run_of_its_own_settings_alone(
    tmp_path: Path, settings: list[str], stands_beside: bool
) -> None:
    result = train.run(make(*settings), tmp_path / "run")
    assert bool(result.baseline) == (result.lift is not None) == stands_beside
    cell = run_cell(make(*settings), tmp_path / "cell", resume=False, keep_models=False)
    assert (cell["baseline"] is not None) == stands_beside
    assert cell["test"] == {name: measured.value for name, measured in result.test.items()}
    assert not stands_beside or cell["baseline"] == {name: measured.value for name, measured in result.baseline.items()}


def test_beside_a_gpu_the_baseline_is_fitted_while_the_network_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_forests: None
) -> None:
    expected = train.run(make(*MODELS["net"]), tmp_path / "after")
    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fit_and_score, "trains_on_gpu", lambda experiment: True)
    begun, fit_network, fit_forest = threading.Event(), DeepNet.fit, Baseline.fit
    threads = []

    def waiting(model: Any, *rows: Any) -> Any:
        assert begun.wait(timeout=60), "the network is fitted only once the forest has begun"
        return fit_network(model, *rows)

    def noted(model: Any, *rows: Any) -> Any:
        threads.append(threading.current_thread())
        begun.set()
        return fit_forest(model, *rows)

    monkeypatch.setattr(DeepNet, "fit", waiting)
    monkeypatch.setattr(Baseline, "fit", noted)
    found = train.run(make(*MODELS["net"]), tmp_path / "beside")
    assert (found.baseline, found.lift, found.test) == (expected.baseline, expected.lift, expected.test)
    assert threads != [threading.main_thread()] and len(threads) == 1


def test_a_baseline_that_fails_beside_a_gpu_fails_as_it_would_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_forests: None
) -> None:
    def failing(model: Any, *rows: Any) -> Any:
        raise RunError("no trees today")

    monkeypatch.setenv("SDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Baseline, "fit", failing)
    for elsewhere in (False, True):
        monkeypatch.setattr(fit_and_score, "trains_on_gpu", lambda experiment, elsewhere=elsewhere: elsewhere)
        with pytest.raises(RunError, match="no trees today"):
            train.run(make(*MODELS["net"]), tmp_path / str(elsewhere))


@pytest.mark.parametrize(("settings", "on_gpu"), [(["model=baseline"], False), (["model=deep_net", "device=cpu"], False)])
def test_what_trains_on_the_cpu_has_its_baseline_afterwards(settings: list[str], on_gpu: bool) -> None:
    assert fit_and_score.trains_on_gpu(make(*settings)) is on_gpu
