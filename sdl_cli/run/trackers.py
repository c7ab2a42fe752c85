"""Runs told to TensorBoard and MLflow as they go, where a run asks for it. Whatever a tracker cannot do, the run goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from sdl_cli.errors import ConfigError, SdlError
from sdl_cli.files import make_folder, typed_path
from sdl_cli.phrases import typed_line
from sdl_cli.run import run_folder, writing
from sdl_cli.run.train import Observer
from sdl_cli.settings.experiment import Experiment

Values = dict[str, Any]
Row = dict[str, Any]
RUN_FILE = "mlflow.json"  # in the run folder: the MLflow run that goes on when the run is resumed
# MLflow's own limits, those of its older servers among them
_MOST_KEY, _MOST_VALUE, _MOST_PARAMS, _MOST_METRICS = 250, 500, 100, 900
_SECONDS_BETWEEN = 5.0  # least time between two messages to MLflow: an epoch may take milliseconds, a message does not
_NO_METRIC = ("phase", "epoch", "epochs", "step")
# set before MLflow is imported, and left to whoever has set them: a server that is gone must not hold a training up for minutes,
# nothing is sent to anyone else, and stdout is the run's own
_MLFLOW_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


class Tracker(Protocol):
    """What is told of a run, in this order; each may raise anything."""

    name: str

    def begin(self, folder: Path) -> None:
        """The run has its folder, with `config.yaml` in it, and is about to train."""

    def epoch(self, row: Row) -> None:
        """A row of its training history."""

    def finish(self, folder: Path, values: Values) -> None:
        """It is done; `values` are its `metrics.json`."""

    def fail(self, reason: str, interrupted: bool) -> None:
        """It has failed, or was stopped."""

    def close(self) -> None:
        """Nothing more will be told."""


@dataclass
class Watched:
    """A run with its trackers.

    Arguments:
        observer: to be handed to the run.
        finish: to be called with the values of `metrics.json` of the run that is done; it returns them.
        parent: id of its MLflow run for the runs that it is made of, called once it has begun; None where there is none.
    """

    observer: Observer
    finish: Callable[[Values], Values]
    parent: Callable[[], str | None]


def check(experiment: Experiment) -> None:
    """Raise ConfigError where a tracker that is asked for is not installed, or MLflow's address is none."""
    if experiment.tensorboard and find_spec("tensorboard") is None:
        raise ConfigError("tensorboard=true: TensorBoard is not installed.", 'Install it: pip install "sdl-cli[tensorboard]"')
    if experiment.mlflow is None:
        return
    if not experiment.mlflow.strip():
        raise ConfigError("mlflow: must be an address, a database or a folder.", "For example mlflow=http://localhost:5000")
    needed = ["mlflow"] + (["sqlalchemy", "alembic"] if address(experiment.mlflow).startswith("sqlite:") else [])
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        found = "MLflow" if missing[0] == "mlflow" else f"MLflow's {missing[0]}"
        raise ConfigError(f"mlflow={experiment.mlflow}: {found} is not installed.", 'Install it: pip install "sdl-cli[mlflow]"')


def address(text: str) -> str:
    """MLflow's tracking address for `mlflow=text`; a folder is that of a database, for MLflow has given up plain folders."""
    if "://" in text or text.startswith("databricks"):
        path = text.removeprefix("sqlite:///")
        return f"sqlite:///{typed_path(path).absolute()}" if path != text else text
    return f"sqlite:///{typed_path(text).absolute() / 'mlflow.db'}"


def settled(experiment: Experiment) -> Experiment:
    """The same experiment with an address that means the same wherever it is gone on with."""
    if experiment.mlflow is None:
        return experiment
    return dataclasses.replace(experiment, mlflow=address(experiment.mlflow))


@contextlib.contextmanager
def watched(experiment: Experiment, observer: Observer | None = None, parent: str | None = None) -> Iterator[Watched]:
    """Tell the trackers that the experiment asks for of the run in the body.

    Arguments:
        experiment: settled.
        observer: of the user; it hears first, and of a tracker that had to be given up.
        parent: MLflow run that this one is a part of, or None.
    """
    observer = observer or Observer()
    trackers: list[Tracker] = [TensorBoard()] if experiment.tensorboard and experiment.num_repeats == 1 else []
    mlflow = MLflow(experiment, parent) if experiment.mlflow is not None else None
    trackers += [mlflow] if mlflow is not None else []
    folders: list[Path] = []

    def tell(message: Callable[[Tracker], None]) -> None:
        for tracker in list(trackers):
            try:
                message(tracker)
            except Exception as error:
                trackers.remove(tracker)
                if observer.on_notice is not None:
                    observer.on_notice(f"{tracker.name} is told no more of this run, which goes on: {typed_line(error, 200)}")
                with contextlib.suppress(Exception):
                    tracker.close()

    def on_folder(folder: Path) -> None:
        if observer.on_folder is not None:
            observer.on_folder(folder)
        folders.append(folder)
        tell(lambda tracker: tracker.begin(folder))

    def on_epoch(row: Row) -> None:
        if observer.on_epoch is not None:
            observer.on_epoch(row)
        tell(lambda tracker: tracker.epoch(row))

    def finish(values: Values) -> Values:
        if folders:
            tell(lambda tracker: tracker.finish(folders[0], values))
        return values

    if not trackers:
        yield Watched(observer, finish, lambda: None)
        return
    try:
        yield Watched(
            dataclasses.replace(observer, on_folder=on_folder, on_epoch=on_epoch),
            finish,
            lambda: mlflow.run_id if mlflow is not None else None,
        )
    except BaseException as error:
        if folders:  # else it never began
            interrupted = isinstance(error, KeyboardInterrupt)
            reason = "interrupted" if interrupted else str(error) or type(error).__name__
            tell(lambda tracker: tracker.fail(reason, interrupted))
        raise
    finally:
        tell(lambda tracker: tracker.close())


class TensorBoard:
    """Curves of a run in `tensorboard/` of its folder; a resumed run goes on in the same place."""

    name = "TensorBoard"

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._opened: Any = None

    @property
    def _writer(self) -> Any:
        """Opened with the first thing to say, so that a run that never got anywhere leaves no folder."""
        if self._opened is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from torch.utils.tensorboard import SummaryWriter
            assert self._folder is not None, "a run begins before it has anything to tell"
            self._opened = SummaryWriter(str(self._folder), flush_secs=10)  # type: ignore[no-untyped-call]
        return self._opened

    def begin(self, folder: Path) -> None:
        self._folder = folder / "tensorboard"

    def epoch(self, row: Row) -> None:
        for name, value in epoch_scalars(row).items():
            self._writer.add_scalar(name, value, row["epoch"])

    def finish(self, folder: Path, values: Values) -> None:
        for name, value in final_scalars(values).items():
            self._writer.add_scalar(name, value, 0)
        rows = [f"|{key}|{value}|" for key, value in settings(values["config"]).items()]
        self._writer.add_text("settings", "\n".join(["|setting|value|", "|---|---|", *rows]))

    def fail(self, reason: str, interrupted: bool) -> None:
        if self._opened is not None:
            self._writer.add_text("failed", reason)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


class MLflow:
    """One MLflow run: settings, metrics of each epoch and of the test part, `config.yaml` and `metrics.json`.

    Arguments:
        experiment: settled.
        parent: MLflow run that it is shown under, or None.
    """

    name = "MLflow"

    def __init__(self, experiment: Experiment, parent: str | None = None) -> None:
        assert experiment.mlflow is not None
        self.run_id: str | None = None
        self._uri, self._parent = experiment.mlflow, parent
        self._tags = {"dataset": experiment.dataset.name, "model": experiment.model.name}
        self._client: Any = None
        self._waiting: list[Any] = []
        self._told_at = 0.0

    def begin(self, folder: Path) -> None:
        self._client = _client(self._uri)
        before = _stored_run(folder)
        if before is not None:
            self._client.update_run(before, status="RUNNING")
            self.run_id = before
            return
        tags = {"mlflow.runName": folder.name, "sdl.folder": str(folder.absolute()), **self._tags}
        tags |= {"mlflow.parentRunId": self._parent} if self._parent else {}
        self.run_id = self._client.create_run(_experiment_id(self._client, self._uri), tags=tags).info.run_id
        writing.write_json(folder, RUN_FILE, {"run_id": self.run_id})
        self._log_settings(run_folder.read_config(folder))

    def _log_settings(self, config: Values) -> None:
        from mlflow.entities import Param

        params = [Param(key[:_MOST_KEY], text[:_MOST_VALUE]) for key, text in settings(config).items()]
        for start in range(0, len(params), _MOST_PARAMS):
            self._client.log_batch(self.run_id, params=params[start : start + _MOST_PARAMS])

    def epoch(self, row: Row) -> None:
        self._add(epoch_scalars(row), row["epoch"])
        if time.monotonic() - self._told_at >= _SECONDS_BETWEEN:
            self._send()

    def finish(self, folder: Path, values: Values) -> None:
        self._add(final_scalars(values), 0)
        self._send()
        for name in ("config.yaml", "metrics.json"):
            self._client.log_artifact(self.run_id, str(folder / name))
        self._client.set_terminated(self.run_id, "FINISHED")

    def fail(self, reason: str, interrupted: bool) -> None:
        self._send()
        self._client.set_tag(self.run_id, "sdl.reason", reason[:_MOST_VALUE])
        self._client.set_terminated(self.run_id, "KILLED" if interrupted else "FAILED")

    def close(self) -> None:
        self._waiting.clear()

    def _add(self, scalars: dict[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [Metric(name, value, now, step) for name, value in scalars.items()]

    def _send(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:_MOST_METRICS], self._waiting[_MOST_METRICS:]
            self._client.log_batch(self.run_id, metrics=some)
        self._told_at = time.monotonic()


def epoch_scalars(row: Row) -> dict[str, float]:
    """What a row of the training history has to plot, each name after its phase: `fit/train_loss`."""
    return {f"{row['phase']}/{k}": float(v) for k, v in row.items() if k not in _NO_METRIC and isinstance(v, (int, float))}


def final_scalars(values: Values) -> dict[str, float]:
    """The results of a run: `test/accuracy`, `validation/accuracy`, `lift`, `seconds`."""
    parts = {part: values["metrics"].get(part) or {} for part in ("test", "validation")}
    found = {f"{part}/{name}": one["value"] for part, scores in parts.items() for name, one in scores.items()}
    found |= {"lift": values["lift"]["value"] if values["lift"] else None, "seconds": values["seconds"]["total"]}
    return {name: float(value) for name, value in found.items() if value is not None}


def settings(config: Values, prefix: str = "") -> dict[str, str]:
    """Nested settings as full key -> text, but for those of the trackers, whose address may hold a password."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, dict) and value:
            found |= settings(value, f"{prefix}{key}.")
        elif f"{prefix}{key}" not in ("tensorboard", "mlflow"):
            found[f"{prefix}{key}"] = str(value)
    return found


def _client(uri: str) -> Any:
    for key, value in _MLFLOW_DEFAULTS.items():
        os.environ.setdefault(key, value)
    if uri.startswith("sqlite:///"):
        make_folder(Path(uri.removeprefix("sqlite:///")).parent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        for name in ("mlflow", "alembic"):  # they say how they make their database
            logging.getLogger(name).setLevel(logging.ERROR)
        return MlflowClient(tracking_uri=uri)


def _experiment_id(client: Any, uri: str) -> str:
    """The MLflow experiment $MLFLOW_EXPERIMENT_NAME, or `sdl`; its files lie beside a database, and where a server says else."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "sdl")
    found = client.get_experiment_by_name(name)
    if found is None:
        beside = Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts" if uri.startswith("sqlite:///") else None
        try:
            return str(client.create_experiment(name, artifact_location=beside.as_uri() if beside is not None else None))
        except Exception:  # another job of a sweep made it in between
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _stored_run(folder: Path) -> str | None:
    if not (folder / RUN_FILE).is_file():
        return None
    with contextlib.suppress(SdlError):
        run_id = run_folder.read_json(folder / RUN_FILE).get("run_id")
        return run_id if isinstance(run_id, str) else None
    return None
