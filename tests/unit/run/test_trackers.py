"""TensorBoard and MLflow hear of a run what they should, and no failure of theirs is one of the run."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import pytest

from sdl_cli.errors import ConfigError, RunError
from sdl_cli.many import repeats
from sdl_cli.run import hydra as bridge
from sdl_cli.run import run_folder, trackers
from sdl_cli.run.request import parse_experiment
from sdl_cli.run.train import Observer
from sdl_cli.settings.experiment import Experiment
from sdl_cli.study.curve.settings import parse_curve

NET = ["dataset=wine", "model=deep_net", "model.depth=1", "model.width=8", "training.epochs=3"]
FOREST = ["dataset=wine", "model=baseline", "model.num_trees=3"]


def composed(*overrides: str) -> dict[str, Any]:
    return bridge.compose_checked("train", list(overrides), lambda values: None)


def asked(*overrides: str) -> Experiment:
    return parse_experiment(composed(*overrides))


@dataclasses.dataclass
class Calls:
    """What a fake tracker was told."""

    made: list[tuple[str, tuple[Any, ...]]] = dataclasses.field(default_factory=list)
    failing: str = ""

    def note(self, name: str, *arguments: Any) -> None:
        if name == self.failing:
            raise ConnectionError("nobody answers\nat all")
        self.made.append((name, arguments))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for made, arguments in self.made if made == name]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: object())


@pytest.fixture
def tensorboard(monkeypatch: pytest.MonkeyPatch, installed: None) -> Calls:
    """A TensorBoard that remembers what it was told."""
    calls = Calls()

    class SummaryWriter:
        def __init__(self, folder: str, **settings: Any) -> None:
            calls.note("open", folder)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            calls.note("scalar", name, value, step)

        def add_text(self, name: str, text: str) -> None:
            calls.note("text", name, text)

        def close(self) -> None:
            calls.note("close")

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return calls


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch, installed: None) -> Calls:
    """An MLflow that remembers what it was told."""
    calls = Calls()

    class Client:
        def __init__(self, tracking_uri: str) -> None:
            calls.note("connect", tracking_uri)

        def get_experiment_by_name(self, name: str) -> Any:
            return None

        def create_experiment(self, name: str, artifact_location: str | None = None) -> str:
            calls.note("experiment", name, artifact_location)
            return "7"

        def create_run(self, experiment_id: str, tags: dict[str, str]) -> Any:
            calls.note("create", experiment_id, tags)
            return types.SimpleNamespace(info=types.SimpleNamespace(run_id=f"run{len(calls.of('create'))}"))

        def update_run(self, run_id: str, status: str) -> None:
            calls.note("update", run_id, status)

        def log_batch(self, run_id: str, metrics: Any = (), params: Any = ()) -> None:
            assert len(params) <= 100 and len(metrics) <= 1000
            calls.note("batch", run_id, list(metrics), list(params))

        def log_artifact(self, run_id: str, path: str) -> None:
            calls.note("artifact", run_id, Path(path).name)

        def set_tag(self, run_id: str, key: str, value: str) -> None:
            calls.note("tag", run_id, key, value)

        def set_terminated(self, run_id: str, status: str) -> None:
            calls.note("end", run_id, status)

    entities, tracking = types.ModuleType("mlflow.entities"), types.ModuleType("mlflow.tracking")
    entities.Param, entities.Metric = lambda *a: a, lambda *a: a  # type: ignore[attr-defined]
    tracking.MlflowClient = Client  # type: ignore[attr-defined]
    for name, module in (("mlflow", types.ModuleType("mlflow")), ("mlflow.entities", entities), ("mlflow.tracking", tracking)):
        monkeypatch.setitem(sys.modules, name, module)
    for name in trackers._MLFLOW_DEFAULTS:
        monkeypatch.setenv(name, "set")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    return calls


def test_by_default_no_tracker_is_told_and_the_observer_is_the_users_own() -> None:
    found, observer = parse_experiment(composed(*FOREST)), Observer()
    assert found.tensorboard is False and found.mlflow is None
    with trackers.watched(found, observer) as watched:
        assert watched.observer is observer and watched.finish({"a": 1}) == {"a": 1} and watched.mlflow_run is None


@pytest.mark.parametrize(
    ("override", "missing", "message"),
    [
        ("tensorboard=true", "tensorboard", "TensorBoard is not installed"),
        ("mlflow=http://localhost:5000", "mlflow", "MLflow is not installed"),
        ("mlflow=sqlite:///a.db", "sqlalchemy", "MLflow's sqlalchemy is not installed"),
        ("mlflow=folder", "alembic", "MLflow's alembic is not installed"),
        ("mlflow='  '", "", "must be an address"),
        ("mlflow=http://localhost:5000", "sqlalchemy", ""),
    ],
)
def test_what_is_not_installed_is_said_before_any_data_is_loaded(
    monkeypatch: pytest.MonkeyPatch, override: str, missing: str, message: str
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None if name == missing else object())
    values = composed(*FOREST, override)
    if not message:
        assert parse_experiment(values)
        return
    with pytest.raises(ConfigError, match=message) as caught:
        parse_experiment(values)
    extra = "tensorboard" if "tensorboard" in override else "mlflow"
    assert caught.value.hint in (f'Install it: pip install "sdl-cli[{extra}]"', "For example mlflow=http://localhost:5000")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://localhost:5000", "http://localhost:5000"),
        ("databricks", "databricks"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("folder", "sqlite:///{here}/folder/mlflow.db"),
        ("sqlite:///a.db", "sqlite:///{here}/a.db"),
        ("sqlite:////abs/a.db", "sqlite:////abs/a.db"),
        ("/abs/a b", "sqlite:////abs/a b/mlflow.db"),
    ],
)
def test_an_address_means_the_same_from_everywhere(
    text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert trackers.address(text) == expected.format(here=tmp_path)
    assert trackers.address(trackers.address(text)) == trackers.address(text)


def test_tensorboard_hears_every_epoch_and_the_results(tensorboard: Calls, tmp_path: Path) -> None:
    values = repeats.train(asked(*NET, "tensorboard=true"), tmp_path / "run")
    assert tensorboard.of("open") == [(str(tmp_path / "run" / "tensorboard"),)]
    scalars = {(name, step): value for name, value, step in tensorboard.of("scalar")}
    rows = (tmp_path / "run" / "history.csv").read_text().splitlines()
    losses = [float(row.split(",")[rows[0].split(",").index("train_loss")]) for row in rows[1:]]
    assert [scalars["fit/train_loss", epoch] for epoch in (1, 2, 3)] == losses
    assert ("fit/learning_rate", 3) in scalars and ("fit/epoch", 1) not in scalars
    assert scalars["test/accuracy", 0] == values["metrics"]["test"]["accuracy"]["value"]
    assert scalars["lift", 0] == values["lift"]["value"]
    ((name, text),) = tensorboard.of("text")
    assert name == "settings" and "|model.depth|1|" in text and "|seed|0|" in text
    assert tensorboard.made[-1][0] == "close"


def test_mlflow_hears_settings_epochs_results_and_files(mlflow: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = repeats.train(asked(*NET, "mlflow=tracked"), tmp_path / "run")
    assert mlflow.of("connect") == [(f"sqlite:///{tmp_path}/tracked/mlflow.db",)]
    assert mlflow.of("experiment") == [("sdl", (tmp_path / "tracked" / "mlartifacts").as_uri())]
    ((_, tags),) = mlflow.of("create")
    assert tags["mlflow.runName"] == "run" and tags["dataset"] == "wine" and "mlflow.parentRunId" not in tags
    params = dict(pair for _, _, some in mlflow.of("batch") for pair in some)
    assert params["model.depth"] == "1" and params["training.epochs"] == "3" and "mlflow" not in params
    metrics = {(name, step): value for _, some, _ in mlflow.of("batch") for name, value, _, step in some}
    assert {step for name, step in metrics if name == "fit/train_loss"} == {1, 2, 3}
    assert metrics["test/accuracy", 0] == values["metrics"]["test"]["accuracy"]["value"]
    assert mlflow.of("artifact") == [("run1", "config.yaml"), ("run1", "metrics.json")]
    assert mlflow.made[-1] == ("end", ("run1", "FINISHED"))
    assert run_folder.read_run(tmp_path / "run").config["mlflow"] == f"sqlite:///{tmp_path}/tracked/mlflow.db"


def test_each_repeat_is_a_run_below_that_of_the_whole(mlflow: Calls, tensorboard: Calls, tmp_path: Path) -> None:
    repeats.train(asked(*FOREST, "num_repeats=2", "mlflow=http://host", "tensorboard=true"), tmp_path / "run")
    tags = [tags for _, tags in mlflow.of("create")]
    assert [t.get("mlflow.parentRunId") for t in tags] == [None, "run1", "run1"]
    assert mlflow.of("experiment")[0] == ("sdl", None), "a server says itself where its files lie"
    assert mlflow.of("end") == [("run2", "FINISHED"), ("run3", "FINISHED"), ("run1", "FINISHED")]
    assert [Path(folder).relative_to(tmp_path) for (folder,) in tensorboard.of("open")] == [
        Path("run/repeats/0/tensorboard"), Path("run/repeats/1/tensorboard"),
    ]  # fmt: skip


def test_a_failed_run_is_failed_there_too_and_goes_on_as_the_same_run(
    mlflow: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = asked(*NET, "mlflow=http://host", "training.checkpoint_seconds=0")

    def stop(row: dict[str, Any]) -> None:
        if row["epoch"] == 2:
            raise RunError("out of luck")

    with pytest.raises(RunError):
        repeats.train(values, tmp_path / "run", Observer(on_epoch=stop))
    assert ("tag", ("run1", "sdl.reason", "out of luck")) in mlflow.made and mlflow.made[-1] == ("end", ("run1", "FAILED"))
    with pytest.raises(KeyboardInterrupt):
        repeats.train(values, tmp_path / "other", Observer(on_epoch=lambda row: (_ for _ in ()).throw(KeyboardInterrupt())))
    assert mlflow.made[-1] == ("end", ("run2", "KILLED"))
    repeats.resume(tmp_path / "run")
    assert len(mlflow.of("create")) == 2 and mlflow.of("update") == [("run1", "RUNNING")]
    assert mlflow.made[-1] == ("end", ("run1", "FINISHED"))
    assert json.loads((tmp_path / "run" / "mlflow.json").read_text()) == {"run_id": "run1"}


@pytest.mark.parametrize("failing", ["connect", "create", "batch", "artifact", "end"])
def test_a_tracker_that_fails_is_a_notice_and_never_the_runs_failure(mlflow: Calls, tmp_path: Path, failing: str) -> None:
    mlflow.failing = failing
    notices: list[str] = []
    values = repeats.train(asked(*NET, "mlflow=http://host"), tmp_path / "run", Observer(on_notice=notices.append))
    (said,) = [notice for notice in notices if "MLflow" in notice]
    assert said == "MLflow failed; the run continues without it: ConnectionError: nobody answers"
    assert run_folder.read_state(tmp_path / "run") == "done"
    assert values["metrics"]["test"]


def test_tensorboard_that_cannot_write_is_a_notice(tensorboard: Calls, tmp_path: Path) -> None:
    tensorboard.failing = "open"
    notices: list[str] = []
    repeats.train(asked(*NET, "tensorboard=true"), tmp_path / "run", Observer(on_notice=notices.append))
    assert sum("TensorBoard" in notice for notice in notices) == 1


def test_a_run_that_is_refused_leaves_nothing_anywhere(mlflow: Calls, tensorboard: Calls, tmp_path: Path) -> None:
    values = asked("dataset=npz", "dataset.path=nowhere.npz", "model=baseline", "mlflow=http://host", "tensorboard=true")
    with pytest.raises(Exception, match=r"nowhere\.npz"):
        repeats.train(values, tmp_path / "run")
    assert not mlflow.made and not tensorboard.of("open") and not (tmp_path / "run").exists()


def test_settings_are_flat_texts_without_an_address() -> None:
    assert trackers.settings({"model": {"name": "a", "params": {}, "c": [1, None]}, "mlflow": "http://u:secret@h", "seed": 0}) == {
        "model.name": "a", "model.params": "{}", "model.c": "[1, None]", "seed": "0",
    }  # fmt: skip


def test_a_curve_refuses_trackers(installed: None) -> None:
    for override, name in (("tensorboard=true", "tensorboard"), ("mlflow=x", "mlflow")):
        with pytest.raises(ConfigError, match=f"{name}: curves are not sent to trackers"):
            parse_curve(bridge.compose_checked("curve", [f"+{override}"], lambda values: None))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs TensorBoard: pip install sdl-cli[tensorboard]")
def test_real_tensorboard_reads_back_what_was_written(tmp_path: Path) -> None:
    values = repeats.train(asked(*NET, "tensorboard=true"), tmp_path / "run")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    read.Reload()
    assert [event.step for event in read.Scalars("fit/train_loss")] == [1, 2, 3]
    found = read.Scalars("test/accuracy")[0].value
    assert found == pytest.approx(values["metrics"]["test"]["accuracy"]["value"])
    assert "settings/text_summary" in read.Tags()["tensors"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("mlflow", "sqlalchemy", "alembic")),
    reason="needs MLflow: pip install sdl-cli[mlflow]",
)
def test_real_mlflow_reads_back_what_was_written(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = repeats.train(asked(*FOREST, f"mlflow={tmp_path}/tracked"), tmp_path / "run")
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/tracked/mlflow.db")
        (run,) = client.search_runs([client.get_experiment_by_name("sdl").experiment_id])
        files = [file.path for file in client.list_artifacts(run.info.run_id)]
    assert run.info.status == "FINISHED" and run.data.params["model.num_trees"] == "3"
    assert run.data.metrics["test/accuracy"] == values["metrics"]["test"]["accuracy"]["value"]
    assert files == ["config.yaml", "metrics.json"]
