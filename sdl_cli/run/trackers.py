"""Report runs to TensorBoard and MLflow as they go, if requested. If a tracker fails, the run continues."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError, SdlError
from sdl_cli.files import make_folder, typed_path
from sdl_cli.phrases import typed_line
from sdl_cli.run import run_folder, writing
from sdl_cli.run.train import Observer
from sdl_cli.settings.experiment import Experiment

Values = dict[str, Any]
RUN_FILE = "mlflow.json"  # in the run folder: the MLflow run that continues when the run is resumed
# MLflow's own limits, including those of older servers
_MOST_KEY, _MOST_VALUE, _MOST_PARAMS, _MOST_METRICS = 250, 500, 100, 900
_SECONDS_BETWEEN = 5.0  # least time between two messages to MLflow: an epoch may take milliseconds, a message does not
_NO_METRIC = ("phase", "epoch", "epochs", "step")
# set before MLflow is imported, unless set already: a server that is gone must not hold a training up for minutes, nothing is
# sent to anyone else, and stdout belongs to the run
_MLFLOW_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def check(experiment: Experiment) -> None:
    """Raise ConfigError if a requested tracker is not installed, or MLflow's address is empty."""
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
    """MLflow's tracking address for `mlflow=text`; a folder means a database in it, as MLflow has no plain ones."""
    if "://" in text or text.startswith("databricks"):
        path = text.removeprefix("sqlite:///")
        return f"sqlite:///{typed_path(path).absolute()}" if path != text else text
    return f"sqlite:///{typed_path(text).absolute() / 'mlflow.db'}"


def settled(experiment: Experiment) -> Experiment:
    """The experiment with an address that means the same wherever it is resumed."""
    return experiment if experiment.mlflow is None else dataclasses.replace(experiment, mlflow=address(experiment.mlflow))


class Watched:
    """A run with the trackers that it asks for; see `watched`. `observer` is to be handed to the run.

    A tracker is sent these events in this order, and each may raise anything: `begin`, the run's folder holds `config.yaml`, and
    it is about to train; `epoch`, a row of its training history; `finish` with its `metrics.json`, or `fail`; `close`.
    """

    def __init__(self, experiment: Experiment, observer: Observer, parent: str | None) -> None:
        self.observer, self._own, self._folder = observer, observer, Path()
        self._mlflow = MLflow(experiment, parent) if experiment.mlflow is not None else None
        self._trackers: list[TensorBoard | MLflow] = (
            [TensorBoard()] if experiment.tensorboard and experiment.num_repeats == 1 else []
        )
        self._trackers += [self._mlflow] if self._mlflow is not None else []
        self._begun = False
        if self._trackers:
            self.observer = dataclasses.replace(observer, on_folder=self._on_folder, on_epoch=self._on_epoch)

    @property
    def mlflow_run(self) -> str | None:
        """Id of its MLflow run once it has begun, for the runs that it is made of; None if there is none."""
        return self._mlflow.run_id if self._mlflow is not None else None

    def finish(self, values: Values) -> Values:
        """To be called with the values of `metrics.json` of the finished run; returns them."""
        if self._begun:
            self._tell(lambda tracker: tracker.finish(self._folder, values))
        return values

    def end(self, error: BaseException | None = None) -> None:
        """No more follows; `error` is what stopped the run."""
        if error is not None and self._begun:
            interrupted = isinstance(error, KeyboardInterrupt)
            reason = "interrupted" if interrupted else str(error) or type(error).__name__
            self._tell(lambda tracker: tracker.fail(reason, interrupted))
        self._tell(lambda tracker: tracker.close())

    def _on_folder(self, folder: Path) -> None:
        self._own.on_folder(folder)
        self._folder, self._begun = folder, True
        self._tell(lambda tracker: tracker.begin(folder))

    def _on_epoch(self, row: Values) -> None:
        self._own.on_epoch(row)
        if "train_loss" in row:  # not how far other work is
            self._tell(lambda tracker: tracker.epoch(row))

    def _tell(self, event: Callable[[Any], None]) -> None:
        for tracker in list(self._trackers):
            try:
                event(tracker)
            except Exception as error:
                self._trackers.remove(tracker)
                self._own.on_notice(f"{tracker.name} failed; the run continues without it: {typed_line(error, 200)}")
                with contextlib.suppress(Exception):
                    tracker.close()


@contextlib.contextmanager
def watched(experiment: Experiment, observer: Observer, mlflow_parent: str | None = None) -> Iterator[Watched]:
    """Report the run in the body to the trackers that the experiment asks for.

    Arguments:
        experiment: settled.
        observer: of the user; it is called first, and told about failed trackers.
        mlflow_parent: MLflow run that this one is a part of, or None.
    """
    found = Watched(experiment, observer, mlflow_parent)
    try:
        yield found
    except BaseException as error:
        found.end(error)
        raise
    found.end()


class TensorBoard:
    """Curves of a run in `tensorboard/` of its folder; a resumed run continues in the same place."""

    name = "TensorBoard"
    _folder = Path()
    _opened: Any = None

    @property
    def _writer(self) -> Any:
        """Opened for the first value, so a run that got nowhere leaves no folder."""
        if self._opened is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from torch.utils.tensorboard import SummaryWriter
            self._opened = SummaryWriter(str(self._folder), flush_secs=10)  # type: ignore[no-untyped-call]
        return self._opened

    def begin(self, folder: Path) -> None:
        self._folder = folder / "tensorboard"

    def epoch(self, row: Values) -> None:
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
    """One MLflow run: settings, metrics of each epoch and of the test part, `config.yaml` and `metrics.json`."""

    name = "MLflow"

    def __init__(self, experiment: Experiment, parent: str | None) -> None:
        assert experiment.mlflow is not None
        self.run_id: str | None = None
        self._uri, self._parent = experiment.mlflow, parent
        self._tags = {"dataset": experiment.dataset.name, "model": experiment.model.name}
        self._client: Any = None
        self._waiting: list[Any] = []
        self._told_at = 0.0

    def begin(self, folder: Path) -> None:
        self._client = _client(self._uri)
        before = None
        with contextlib.suppress(SdlError):  # a new run has no such file
            before = run_folder.read_json(folder / RUN_FILE).get("run_id")
        if isinstance(before, str):
            self._client.update_run(before, status="RUNNING")
            self.run_id = before
            return
        tags = {"mlflow.runName": folder.name, "sdl.folder": str(folder.absolute()), **self._tags}
        tags |= {"mlflow.parentRunId": self._parent} if self._parent else {}
        self.run_id = self._client.create_run(_experiment_id(self._client, self._uri), tags=tags).info.run_id
        writing.write_json(folder, RUN_FILE, {"run_id": self.run_id})
        from mlflow.entities import Param

        config = settings(run_folder.read_config(folder))
        params = [Param(key[:_MOST_KEY], text[:_MOST_VALUE]) for key, text in config.items()]
        for start in range(0, len(params), _MOST_PARAMS):
            self._client.log_batch(self.run_id, params=params[start : start + _MOST_PARAMS])

    def epoch(self, row: Values) -> None:
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


def epoch_scalars(row: Values) -> dict[str, float]:
    """The values to plot of a row of the training history, named after its phase: `fit/train_loss`."""
    return {f"{row['phase']}/{k}": float(v) for k, v in row.items() if k not in _NO_METRIC and isinstance(v, (int, float))}


def final_scalars(values: Values) -> dict[str, float]:
    """The results of a run: `test/accuracy`, `validation/accuracy`, `lift`, `seconds`."""
    parts = {part: values["metrics"].get(part) or {} for part in ("test", "validation")}
    found = {f"{part}/{name}": one["value"] for part, scores in parts.items() for name, one in scores.items()}
    found |= {"lift": values["lift"]["value"] if values["lift"] else None, "seconds": values["seconds"]["total"]}
    return {name: float(value) for name, value in found.items() if value is not None}


def settings(config: Values, prefix: str = "") -> dict[str, str]:
    """Nested settings as full key -> text, except those of the trackers, whose address may hold a password."""
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

        for name in ("mlflow", "alembic"):  # they log how they create their database
            logging.getLogger(name).setLevel(logging.ERROR)
        return MlflowClient(tracking_uri=uri)


def _experiment_id(client: Any, uri: str) -> str:
    """The MLflow experiment $MLFLOW_EXPERIMENT_NAME, or `sdl`; its files are next to a database, or where a server puts them."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "sdl")
    found = client.get_experiment_by_name(name)
    if found is None:
        beside = Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts" if uri.startswith("sqlite:///") else None
        try:
            return str(client.create_experiment(name, artifact_location=beside.as_uri() if beside is not None else None))
        except Exception:  # another job created it meanwhile
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)
