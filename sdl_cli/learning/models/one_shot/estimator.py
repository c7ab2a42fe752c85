"""Drawings named by the labelled drawing that is nearest: the distance is what is known beforehand, or learned from others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d
from torch import Tensor

from sdl_cli.data.sources.omniglot import read_background
from sdl_cli.errors import DataError, RunError
from sdl_cli.learning import device, loop
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.arguments import NETWORK, takes
from sdl_cli.learning.models.class_targets import check_classes
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.learning.models.one_shot import alignment, distances, embedding
from sdl_cli.learning.models.one_shot.ink import find_ink
from sdl_cli.learning.models.one_shot.settings import OneShotSettings
from sdl_cli.learning.models.one_shot.strokes import Strokes, find_strokes
from sdl_cli.learning.models.parameters import Parameters
from sdl_cli.learning.models.stored_network import State, runtime_here
from sdl_cli.phrases import counted
from sdl_cli.settings.experiment import Training
from sdl_cli.settings.machine import fit_threads
from sdl_cli.settings.parse import parse_group

Array = np.ndarray[Any, Any]

# what a difference of distances is worth in log-odds: alignment's was fitted on background alphabets, others are round guesses
_SHARPNESS = {"hausdorff": 2.0, "pixels": 0.3, "alignment": 86.0, "metric_net": 12.0}
_MOST_SIDE_PX, _MOST_DRAWINGS = 2048, 100_000  # of a stored model


@takes(OneShotSettings, **NETWORK)
class OneShot(ClassifierMixin, Parameters, BaseEstimator):  # type: ignore[misc]
    """The nearest labelled drawing as a scikit-learn classifier of drawings `uint8 (N, C, H, W)`.

    Its arguments are those of `OneShotSettings` and of every network (`arguments.NETWORK`), of which `training`, `device` and
    `precision` matter to `kind=metric_net` alone, and `loss`, `augment` and `validation_fraction` to none. Where a class has
    several labelled drawings, the nearest of them counts.

    Learned state: `classes_`, `support_` (ink of the labelled drawings, `bool (n, H, W)`), `labels_ (n,)`, `network_` (an
    `Embedder`, or None), `runtime_`, `notes_`.

    Sources: Lake, Salakhutdinov and Tenenbaum, Science 350, 2015 (the task); see `distances`, `alignment` and `embedding`.
    """

    settings: ClassVar[type[ModelSettings]]
    needs_validation = False

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> OneShot:
        """Keep the labelled drawings `uint8 (N, C, H, W)` with classes `(N,)`; metric_net learns from its background first.

        Raises:
            ValueError: data of the wrong shape or kind. DataError: labelled drawings without ink, or a background that cannot
                be read or holds what is to be told apart. RunError: training diverged.
        """
        self.check_parameters()
        X, y = _drawings(X), column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        check_classes(y)
        self.seed_ = self.random_state
        if not isinstance(self.random_state, int):
            self.seed_ = int(np.random.RandomState(self.random_state).randint(2**31 - 1))
        self.notes_: list[str] = []
        self.network_: embedding.Embedder | None = None
        self.runtime_ = self._settled_runtime()
        self.keep(X, y)
        if self.kind == "metric_net":
            self._learn(X)
        return self

    def keep(self, X: Array, y: Array) -> None:
        """Take drawings `uint8 (N, C, H, W)` with classes `(N,)` as the labelled ones; what was learned stays.

        Raises DataError: drawings without ink.
        """
        ink = find_ink(_drawings(X))
        self.classes_, self.labels_ = np.unique(y, return_inverse=True)
        empty = np.flatnonzero(~ink.mask.any(axis=(1, 2)))
        if len(empty):
            names = ", ".join(str(self.classes_[label]) for label in self.labels_[empty][:5])
            message = f"{counted(len(empty), 'labelled drawing')} of one colour, in which nothing is drawn (class {names})."
            raise DataError(message, "Replace them, or leave them out.")
        self.support_ = ink.mask
        self._known: Any = None
        if ink.is_light.any():
            self.notes_.append(_light(int(ink.is_light.sum()), len(X), "labelled "))
        counts = np.bincount(self.labels_)
        if counts.max() > 1:
            several = f"{counted(int((counts > 1).sum()), 'class', 'classes')} of {len(counts)}"
            self.notes_.append(f"{several} with more than one labelled drawing: the nearest of them counts.")

    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`, in the order of `classes_`; alike for all classes where nothing is drawn."""
        check_is_fitted(self, "support_")
        return self.predict_among(X, np.ones((len(X), len(self.classes_)), bool))

    def predict_among(self, X: Any, allowed: Array) -> Array:
        """The same where row i may only be answered with the classes of `allowed bool (N, K)`; the others have 0."""
        check_is_fitted(self, "support_")
        X = _drawings(X)
        if X.shape[2:] != self.support_.shape[1:]:
            raise ValueError(f"drawings are {X.shape[2:]} pixels, but the labelled ones {self.support_.shape[1:]}")
        ink = find_ink(X)
        if ink.is_light.any():
            loop.current_context().notice(_light(int(ink.is_light.sum()), len(X), ""))
        has_ink = np.asarray(ink.mask.any(axis=(1, 2)))
        if not has_ink.all():
            what = f"{counted(int((~has_ink).sum()), 'drawing')} of {len(X):,} of one colour, in which nothing is drawn"
            loop.current_context().notice(f"{what}: all classes are given the same probability.")
        asked = self._described(ink.mask)
        known = self._known = self._described(self.support_) if self._known is None else self._known
        logits = np.full(allowed.shape, -np.inf)
        for choice in np.unique(allowed, axis=0):
            rows = np.flatnonzero((allowed == choice).all(axis=1))
            drawings = np.flatnonzero(choice[self.labels_])
            far = self._distances(_rows(asked, rows), _rows(known, drawings))
            for label in np.flatnonzero(choice):
                nearest = far[:, self.labels_[drawings] == label].min(axis=1)
                logits[rows, label] = -_SHARPNESS[self.kind] * np.where(has_ink[rows], nearest, 0.0)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Array:
        """The class of the nearest labelled drawing `(N,)`."""
        probs = self.predict_proba(X)  # says first whether it was fitted
        return np.asarray(self.classes_[probs.argmax(axis=1)])

    def filled_training(self, modality: str, num_rows: int) -> Training:
        """The training settings with this model's defaults instead of every None, or as they are where nothing is trained."""
        training = self.given("training") or Training()
        return training.filled_from(self.settings.default_training["image"]) if self.kind == "metric_net" else training

    def image_size(self) -> tuple[int, str] | None:
        return None

    def _described(self, mask: Array) -> Any:
        """What drawings with this ink `(N, H, W)` are compared by."""
        if self.kind == "alignment":
            return find_strokes(mask)
        if self.network_ is None:
            return mask
        placer = device.place(embedding.Placer(self.network_), self.runtime_)
        return loop.apply(placer, torch.from_numpy(embedding.framed(mask)), self.runtime_).double().numpy()

    def _distances(self, asked: Any, known: Any) -> Array:
        """Distances `(N, M)` of described drawings."""
        if self.kind == "alignment":
            with device.threads(self.runtime_):
                return alignment.costs(asked, known)
        if self.kind == "metric_net":
            return 1 - np.asarray(asked @ known.T)
        return (distances.hausdorff if self.kind == "hausdorff" else distances.pixels)(asked, known)

    def _settled_runtime(self) -> Runtime:
        surroundings = loop.current_context()
        runtime = surroundings.runtime
        if runtime is None:
            wanted = self.device if self.kind == "metric_net" else "cpu"
            runtime = device.resolve(wanted, self.precision, self.memory_format, self.num_threads)
            runtime = runtime.filled("float32", "channels_last", runtime.reason.partition("; this CPU")[0])
            runtime = dataclasses.replace(runtime, num_threads=runtime.num_threads or fit_threads())
        if surroundings.on_runtime is not None:
            surroundings.on_runtime(runtime)
        return runtime

    def _learn(self, X: Array) -> None:
        """Train the network on the background, none of which may be a labelled drawing `uint8 (N, C, H, W)`."""
        if self.background is None:
            raise DataError("model.background: metric_net learns from drawings of other characters, and none are given.")
        background = read_background(Path(self.background).expanduser())
        if X.shape[1:] == background.images.shape[1:]:
            background.refuse_drawings_of(X)
        ink = find_ink(background.images)
        self.notes_.append(f"metric_net learned from {background.sentence()}.")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(loop.phase_seed(self.seed_, "weights background"))
            net = self._fresh_network(background.num_characters * embedding.NUM_TURNS)
        inputs = torch.from_numpy(embedding.framed(ink.mask))
        targets = torch.from_numpy(background.characters).float()[:, None]
        loop.train(
            net, embedding.losses, inputs, targets, self.filled_training("image", len(inputs)), self.runtime_,
            seed=self.seed_, phase="background", augment=embedding.turned_and_distorted, capture="network",
        )  # fmt: skip
        self.network_ = net.eval()

    def _fresh_network(self, num_characters: int) -> embedding.Embedder:
        return embedding.Embedder(self.width, self.embedding_size, num_characters)

    def get_state(self) -> State:
        """Tensors (ink of the labelled drawings, and the network's weights) and JSON-ready values for `from_state`."""
        check_is_fitted(self, "support_")
        tensors = {"support.ink": torch.from_numpy(self.support_), "support.labels": torch.from_numpy(self.labels_)}
        num_characters = 0
        if self.network_ is not None:
            num_characters = len(self.network_.characters)
            tensors |= {f"network.{name}": t.detach().cpu() for name, t in self.network_.state_dict().items()}
        params = self.plain_params()
        fitted = {"classes": self.classes_.tolist(), "num_characters": num_characters, "runtime": self.runtime_.to_plain()}
        return {name: t.contiguous() for name, t in tensors.items()}, {"params": params, "fitted": fitted}

    @classmethod
    def from_state(cls, tensors: Mapping[str, Tensor], values: dict[str, Any]) -> OneShot:
        """Rebuild a fitted estimator. Raises DataError if tensors and values do not belong together."""
        params, fitted = dict(values["params"]), values["fitted"]
        params |= {"loss": None, "augment": None}
        if params.get("training") is not None:
            params["training"] = parse_group("training", Training, params["training"])
        model = cls(**params)
        model.classes_ = np.asarray(fitted["classes"])
        model.support_, model.labels_ = tensors["support.ink"].numpy(), tensors["support.labels"].numpy()
        model._check_support()
        model.runtime_ = runtime_here(Runtime.from_plain(fitted["runtime"]))
        model.notes_, model._known, model.network_ = [], None, None
        if model.kind == "metric_net":
            model.network_ = model._network_of(tensors, int(fitted["num_characters"]))
        return model

    def _check_support(self) -> None:
        """Raise DataError unless the stored drawings and labels fit each other."""
        ink, labels = self.support_, self.labels_
        sound = (
            ink.dtype == np.bool_ and ink.ndim == 3 and max(ink.shape[1:]) <= _MOST_SIDE_PX and 0 < len(ink) <= _MOST_DRAWINGS
            and labels.dtype == np.int64 and labels.shape == ink.shape[:1] and ink.any(axis=(1, 2)).all()
            and np.array_equal(np.unique(labels), np.arange(len(self.classes_)))
        )  # fmt: skip
        if not sound:
            raise DataError("The stored labelled drawings are damaged: their parts do not match.")

    def _network_of(self, tensors: Mapping[str, Tensor], num_characters: int) -> embedding.Embedder:
        """The network with stored weights; nothing is built unless they are those of the settings."""
        own = {name.partition(".")[2]: t for name, t in tensors.items() if name.startswith("network.")}
        with torch.device("meta"):
            wanted = self._fresh_network(min(max(num_characters, 0), 10_000_000)).state_dict()
        strange = [k for k, v in wanted.items() if k not in own or own[k].shape != v.shape] + sorted(set(own) - set(wanted))
        if strange:
            raise DataError(f"The weights do not match the stored network: {strange[0]} is missing or has another shape.")
        if not all(bool(torch.isfinite(t).all()) for t in own.values()):
            raise RunError("The stored network has weights that are no finite numbers.", "Train again.")
        net = self._fresh_network(num_characters)
        net.load_state_dict(own)
        return net.eval()


def _drawings(X: Any) -> Array:
    found: Array = np.asarray(X)
    if found.ndim != 4 or found.dtype != np.uint8:
        raise ValueError(f"drawings must be uint8 (N, C, H, W), not {found.dtype} {found.shape}")
    return found


def _rows(described: Any, rows: Array) -> Any:
    return described.rows(torch.from_numpy(rows)) if isinstance(described, Strokes) else described[rows]


def _light(num: int, of: int, which: str) -> str:
    what = "is" if num == 1 else "are"
    return f"{num:,} of {counted(of, which + 'drawing')} {what} taken as light ink on dark paper, as the borders are mostly dark."
