"""A network pretrained on made-up tables: fitting keeps the labelled rows, and predicting reads them (a prior-fitted network)."""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from sdl_cli.data.draw import hold_out
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.learning import device, loop, losses
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.class_targets import check_classes
from sdl_cli.learning.models.in_context import InContext, Limits
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.learning.models.parameters import Parameters
from sdl_cli.learning.models.settings import PretrainedTableSettings
from sdl_cli.learning.models.stored_network import State, runtime_here
from sdl_cli.learning.models.table_network import MAX_CLASSES, SHIPPED, TableNetwork, from_tensors, load_weights
from sdl_cli.settings.experiment import Training
from sdl_cli.settings.machine import fit_threads
from sdl_cli.settings.parse import parse_group

Array = np.ndarray[Any, Any]

MOST_SCALED = 1e4  # of a standardised cell
_PARTS = 5  # fine-tuning asks about a part of the rows at a time, and reads the others


@takes(PretrainedTableSettings, **NETWORK)
class PretrainedTable(ClassifierMixin, Parameters, BaseEstimator):  # type: ignore[misc]
    """A prior-fitted network as a scikit-learn classifier of a table `(N, F)`, NaN where a cell is missing.

    Its arguments are those of `PretrainedTableSettings` and of every network (`arguments.NETWORK`), of which `training` and
    `validation_fraction` are used by `strategy=finetune` alone, and `loss` and `augment` not at all.

    Learned state: `classes_`, `context_ (n, F')` and `labels_ (n,)` (the labelled rows, standardised, and their classes from 0),
    `columns_ (F',)` (the columns that are read: those that are not constant), `mean_` and `scale_ (F',)`, `network_`, `answers_`
    (the network with the rows that it reads), `runtime_`, `notes_`.

    Sources: Hollmann et al., ICLR 2023 (arXiv 2207.01848) and Nature 637, 2025; docs/PRETRAINING.md has the network's own story.
    """

    settings: ClassVar[type[ModelSettings]]

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> PretrainedTable:
        """Keep the labelled rows `(N, F)` with classes `(N,)`; with `strategy=finetune` the network is trained on them first.

        Validation rows choose the epoch of fine-tuning, and are read like all others afterwards.

        Raises:
            ValueError: data of the wrong shape or kind. DataError: weights that cannot be read.
            ConfigError: fine-tuning on more classes than the network tells apart at a time.
        """
        self.check_parameters()
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classes(y)
        self.seed_ = self.random_state
        if not isinstance(self.random_state, int):
            self.seed_ = int(np.random.RandomState(self.random_state).randint(2**31 - 1))
        self.runtime_ = self._settled_runtime()
        self.network_ = _network(SHIPPED if self.weights == "shipped" else Path(self.weights).expanduser())
        self.notes_: list[str] = []
        if self.strategy != "finetune":
            self._keep(X, y)
            self._open()
            self.notes_ += self._outside()
            return self
        if X_val is None:
            kept, held = hold_out(y, self.validation_fraction, self.seed_, "classification")
            X_val, y_val, X_kept, y_kept = X[held], y[held], X[kept], y[kept]
        else:
            X_val = validate_data(self, X_val, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
            X_kept, y_kept = X, y
            X, y = np.concatenate([X, X_val]), np.concatenate([y, np.asarray(y_val)])
        self._keep(X_kept, y_kept)
        self._finetune(X_val, np.asarray(y_val))
        self._keep(X, y)
        self._open()
        self.notes_ += self._outside()
        return self

    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`, in the order of `classes_`; no row's depend on the others asked about."""
        check_is_fitted(self, "context_")
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        with device.threads(self.runtime_):
            return self.answers_(self._scaled(X))

    def predict(self, X: Any) -> Array:
        """The most probable class `(N,)`."""
        probs = self.predict_proba(X)  # says first whether it was fitted
        return np.asarray(self.classes_[probs.argmax(axis=1)])

    @property
    def needs_validation(self) -> bool:
        """Whether fit sets rows aside, to choose the epoch of fine-tuning."""
        return bool(self.strategy == "finetune")

    def image_size(self) -> tuple[int, str] | None:
        return None

    def filled_training(self, modality: str, num_rows: int) -> Training:
        """The training settings with the defaults of fine-tuning instead of every None, or as they are where there is none."""
        if self.strategy != "finetune":
            return self.given("training") or Training()
        filled = (self.given("training") or Training()).filled_from(self.settings.default_training["table"])
        return filled.filled_from(Training(batch_size=min(256, max(1, math.ceil(num_rows / _PARTS)))))

    def _settled_runtime(self) -> Runtime:
        surroundings = loop.current_context()
        runtime = surroundings.runtime
        if runtime is None:
            runtime = device.resolve(self.device, self.precision, self.memory_format, self.num_threads)
            runtime = runtime.filled("bfloat16", "contiguous", runtime.reason.partition("; this CPU")[0])
            runtime = dataclasses.replace(runtime, num_threads=runtime.num_threads or fit_threads())
        if surroundings.on_runtime is not None:
            surroundings.on_runtime(runtime)
        return runtime

    def _keep(self, X: Array, y: Array) -> None:
        """Take these as the labelled rows."""
        self.classes_, self.labels_ = np.unique(y, return_inverse=True)
        missing = np.isnan(X)
        known = ~missing.all(axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            varies = np.zeros(X.shape[1], bool)
            varies[known] = np.nanmin(X[:, known], axis=0) < np.nanmax(X[:, known], axis=0)
            columns = np.flatnonzero(varies | (known & missing.any(axis=0)))
            self.columns_ = columns if len(columns) else np.arange(1)
            values = np.where(np.isnan(X[:, self.columns_]).all(axis=0), 0.0, X[:, self.columns_])
            self.mean_ = np.nan_to_num(np.nanmean(values, axis=0))
            spread = np.nan_to_num(np.nanstd(values, axis=0))
        self.scale_ = np.where(spread > 0, spread, 1.0)
        self.context_ = self._scaled(X)

    def _scaled(self, X: Array) -> Array:
        with np.errstate(over="ignore"):
            scaled = (X[:, self.columns_] - self.mean_) / self.scale_
        return np.asarray(np.clip(scaled, -MOST_SCALED, MOST_SCALED), dtype=np.float32)

    def _open(self) -> None:
        """Make what answers from the labelled rows."""
        net = self.network_
        if self.runtime_.device != "cpu":
            net = copy.deepcopy(net).to(self.runtime_.device)
        limits, dtype = Limits(self.max_rows, self.max_columns), getattr(torch, self.runtime_.precision)
        self.answers_ = InContext(net, self.context_, self.labels_, self.seed_, self.num_members, limits, dtype)

    def _outside(self) -> list[str]:
        """A sentence for each way in which this table is outside what the network was trained on."""
        rows, columns, classes = len(self.labels_), len(self.columns_), len(self.classes_)
        found = []
        if classes > MAX_CLASSES:
            how = "classes are told apart in groups, then within each"
            found.append(f"{classes} classes, more than the {MAX_CLASSES} that the network was trained on: {how}")
        if rows > self.max_rows:
            how = f"each of {self.num_members} members reads {self.max_rows:,} of them"
            found.append(f"{rows:,} labelled rows, more than the network reads at a time: {how}")
        if columns > self.max_columns:
            how = f"members read {self.max_columns} chosen on the labelled rows, or principal components"
            found.append(f"{columns:,} columns, more than the network reads at a time: {how}")
        return [f"This table has {what}. Compare it with a forest there (model=baseline)." for what in found]

    def _finetune(self, X_val: Array, y_val: Array) -> None:
        """Train a copy of the network: parts of the rows are asked about by turns, and the rest is read."""
        num_classes = len(self.classes_)
        if not 2 <= num_classes <= MAX_CLASSES:
            message = f"model.strategy: finetune takes 2 to {MAX_CLASSES} classes, and this table has {num_classes}."
            raise ConfigError(message, "Use model.strategy=in_context.")
        known = np.isin(y_val, self.classes_)
        inputs_val = torch.from_numpy(self._scaled(X_val[known]))
        labels_val = torch.from_numpy(np.searchsorted(self.classes_, y_val[known]))
        targets_val = losses.one_hot(labels_val, num_classes)
        tuned = _Tuned(copy.deepcopy(self.network_), self.context_, self.labels_, self.max_rows, self.max_columns)
        tuned.requires_grad_(True)

        def validate(net: nn.Module) -> dict[str, float]:
            with device.autocast(self.runtime_), torch.no_grad():
                outputs = net(inputs_val.to(self.runtime_.device)).float().cpu()
            accuracy = float((outputs.argmax(1) == labels_val).float().mean())
            return {"loss": float(losses.cross_entropy(outputs, targets_val).mean()), "accuracy": accuracy}

        device.place(tuned, self.runtime_)
        with device.threads(self.runtime_):
            before = validate(tuned.eval())["loss"]
        rows = torch.arange(len(self.labels_), dtype=torch.float64)[:, None]
        training = self.filled_training("table", len(rows))
        assert training.batch_size is not None
        if training.batch_size > (most := max(1, len(rows) // 2)):
            self.notes_.append(
                f"training.batch_size={training.batch_size} is taken as {most}: half of the rows are left to read."
            )
            training = dataclasses.replace(training, batch_size=most)
        targets = losses.one_hot(torch.from_numpy(self.labels_), num_classes)
        loop.train(
            tuned, lambda net, x, t: losses.cross_entropy(net(x[:, 0].long()).float(), t), rows, targets,
            training, self.runtime_, seed=self.seed_, validate=validate,
            capture="nothing",  # which rows are read is drawn on the CPU
        )  # fmt: skip
        with device.threads(self.runtime_):
            after = validate(tuned.eval())["loss"]
        what = f"validation loss ({len(labels_val)} rows)"
        if after < before:
            self.network_ = tuned.net.cpu().requires_grad_(False).eval()
            self.notes_.append(f"Fine-tuning lowered the {what} from {before:.4f} to {after:.4f}.")
        else:
            kept = "the network answers as it came"
            self.notes_.append(f"Fine-tuning did not lower the {what}, {before:.4f} before and {after:.4f} after: {kept}.")

    def get_state(self) -> State:
        """Tensors (the network's weights, and the labelled rows) and JSON-ready values for `from_state`."""
        check_is_fitted(self, "context_")
        tensors = {f"network.{name}": t.half() if _is_half(t) else t for name, t in self.network_.state_dict().items()}
        tensors |= {
            "context.rows": torch.from_numpy(self.context_), "context.labels": torch.from_numpy(self.labels_),
            "table.columns": torch.from_numpy(self.columns_), "table.mean": torch.from_numpy(self.mean_),
            "table.scale": torch.from_numpy(self.scale_),
        }  # fmt: skip
        params = self.plain_params()
        fitted = {
            "num_features": int(self.n_features_in_), "sizes": self.network_.sizes, "classes": self.classes_.tolist(),
            "seed": self.seed_, "runtime": self.runtime_.to_plain(),
        }  # fmt: skip
        return {name: t.contiguous() for name, t in tensors.items()}, {"params": params, "fitted": fitted}

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], values: dict[str, Any]) -> PretrainedTable:
        """Rebuild a fitted estimator. Raises DataError if tensors and values do not belong together."""
        params, fitted = dict(values["params"]), values["fitted"]
        params |= {"loss": None, "augment": None}
        if params.get("training") is not None:
            params["training"] = parse_group("training", Training, params["training"])
        model = cls(**params)
        own = {name.partition(".")[2]: t for name, t in tensors.items() if name.startswith("network.")}
        model.network_ = from_tensors(fitted["sizes"], own)
        model.n_features_in_, model.seed_ = int(fitted["num_features"]), int(fitted["seed"])
        model.classes_ = np.asarray(fitted["classes"])
        model.context_, model.labels_ = tensors["context.rows"].numpy(), tensors["context.labels"].numpy()
        model.columns_, model.mean_, model.scale_ = (tensors[f"table.{k}"].numpy() for k in ("columns", "mean", "scale"))
        model._check_context()
        model.runtime_ = runtime_here(Runtime.from_plain(fitted["runtime"]))
        model.notes_ = []
        model._open()
        return model

    def _check_context(self) -> None:
        """Raise DataError unless the stored rows, labels and columns fit each other."""
        rows, labels, columns = self.context_, self.labels_, self.columns_
        sound = (
            rows.dtype == np.float32 and rows.ndim == 2 and rows.shape[1] > 0
            and labels.dtype == columns.dtype == np.int64 and labels.shape == rows.shape[:1]
            and columns.shape == self.mean_.shape == self.scale_.shape == rows.shape[1:]
            and self.mean_.dtype == self.scale_.dtype == np.float64
            and columns.min() >= 0 and columns.max() < self.n_features_in_
            and np.array_equal(np.unique(labels), np.arange(len(self.classes_)))
            and bool(np.isfinite(self.mean_).all() and np.isfinite(self.scale_).all() and (self.scale_ > 0).all())
            and not np.isinf(rows).any() and 0 <= self.seed_ < 2**32
        )  # fmt: skip
        if not sound:
            raise DataError("The stored labelled rows are damaged: their parts do not match.")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class _Tuned(nn.Module):
    """The network with the rows that it reads; in training it is given numbers of rows, which it then does not read."""

    def __init__(self, net: TableNetwork, rows: Array, labels: Array, max_rows: int, max_columns: int) -> None:
        super().__init__()
        self.net, self.max_rows, self.max_columns = net, max_rows, max_columns
        self.num_classes = int(labels.max()) + 1
        self.rows: Tensor
        self.labels: Tensor
        self.register_buffer("rows", torch.from_numpy(rows), persistent=False)
        self.register_buffer("labels", torch.from_numpy(labels), persistent=False)

    def forward(self, asked: Tensor) -> Tensor:
        """Logits `(m, K)`: of the rows with these numbers `(m,)` in training, of rows `(m, F)` otherwise."""
        rows, labels = self.rows, self.labels
        numbers, columns = torch.arange(self.num_classes), torch.arange(rows.shape[1])[: self.max_columns]
        if self.training:
            left = torch.ones(len(rows), dtype=torch.bool)
            left[asked.cpu()] = False
            read = torch.randperm(len(rows))[: self.max_rows + len(asked)]
            read = read[left[read]][: self.max_rows].to(rows.device)
            numbers, columns = torch.randperm(self.num_classes), torch.randperm(rows.shape[1])[: self.max_columns]
            asked, rows, labels = rows[asked], rows[read], labels[read]
        elif len(rows) > self.max_rows:
            rows, labels = rows[: self.max_rows], labels[: self.max_rows]
        table = torch.cat([rows, asked])[:, columns.to(rows.device)]
        numbers = numbers.to(rows.device)
        logits: Tensor = self.net(table[None], numbers[labels][None])[0]
        return logits[:, numbers]


def _is_half(tensor: Tensor) -> bool:
    """Whether float16 holds these numbers as they are: those of a file of weights do, fine-tuned ones do not."""
    return bool((tensor.half().float() == tensor).all())


def _network(path: Path) -> TableNetwork:
    """The network in a file of weights, read once for as long as the file stays as it is."""
    try:
        found = path.stat()
    except OSError:
        return load_weights(path)  # which says what is wrong
    return _read(path, found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=2)
def _read(path: Path, _changed: int, _num_bytes: int) -> TableNetwork:
    return load_weights(path)
