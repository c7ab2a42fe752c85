"""The estimator that trains a network: check, encode, standardise, fit, predict."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data
from torch import Tensor, nn

from sdl_cli.data.augment import policies as augmentation
from sdl_cli.data.dataset import Modality
from sdl_cli.data.draw import hold_out
from sdl_cli.errors import ConfigError
from sdl_cli.learning import device, loop, losses, together
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.class_targets import check_classes
from sdl_cli.learning.models.kind import ModelSettings
from sdl_cli.learning.models.network import Array, Network
from sdl_cli.learning.models.stored_network import StoredNetwork
from sdl_cli.learning.models.target_scale import mean_and_spread
from sdl_cli.learning.stages import Stages, finish
from sdl_cli.settings.experiment import Training

Validate = Callable[[nn.Module], dict[str, float]]
_MODALITIES: dict[int, Modality] = {1: "text", 2: "table", 3: "series", 4: "image"}  # by the number of axes


class NetworkEstimator(StoredNetwork):
    """What the estimators of deep_net, finetuned_cnn and autoencoder share; a subclass gives `build_body` and `_fit_networks`.

    Every subclass takes its own settings and the arguments in `arguments.NETWORK`: `loss` and `augment` (settings, or None for
    auto and none), `training` (a Training; None fields take the defaults of its settings), `validation_fraction`, `device`,
    `precision`, `memory_format`, `num_threads` and `random_state`. Those for tables also take `standardize`: centre and scale
    each column, or divide all by one number.

    Learned state: `networks_`, `classes_` (classifiers), `runtime_`, `training_`, `temperature_` (cosine loss),
    `input_shape_`, and for tables the `mean_` and `scale_` of the columns.
    """

    settings: ClassVar[type[ModelSettings]]
    in_own_unit: Callable[[Array], Array] | None = None  # of targets that were put on another scale before

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None, X_unlabeled: Any = None) -> NetworkEstimator:
        """Train on images `uint8 (N, C, H, W)`, series `(N, C, L)` or a table `(N, F)` with targets `(N,)`.

        Validation rows, where the settings need any, are `X_val`, `y_val`, or else a seeded stratified part of the rows given.
        `X_unlabeled` `(U, ...)` are more rows without targets, for a model whose settings use them.

        Raises:
            ValueError: data of the wrong shape or kind. ConfigError: settings that conflict with each other or the data.
            RunError: training diverged.
        """
        finish(self.fitting(X, y, X_val, y_val, X_unlabeled))
        return self

    def fitting(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None, X_unlabeled: Any = None) -> Stages[None]:
        """`fit`, which stops wherever networks are to be trained."""
        self.check_parameters()
        X, y = self._check(X, y, fitting=True)
        modality = _MODALITIES[X.ndim]
        task: Literal["classification", "regression"] = "classification" if is_classifier(self) else "regression"
        policy = self._settle_settings(modality, task, len(X))
        if X_val is None and self.needs_validation:
            kept, held = hold_out(y, self.validation_fraction, self.seed_, task)
            X, y, X_val, y_val = X[kept], y[kept], X[held], y[held]
        elif X_val is not None:
            X_val = validate_data(self, X_val, reset=False, dtype=np.float64) if modality == "table" else np.asarray(X_val)
        targets = self._encode(y, fit=True)
        self.input_shape_ = list(X.shape[1:])
        if modality in ("table", "series"):
            self.mean_, self.scale_ = self._column_scales(X)
        scale = getattr(self, "target_scale_", 1.0)
        self._augment = augmentation.build(policy, self._target_zero, scale) if policy.name != "none" else None
        validate = None
        if X_val is not None and self.needs_validation:
            if task == "classification":
                known = np.isin(y_val, self.classes_)
                X_val, y_val = X_val[known], np.asarray(y_val)[known]
            inputs_val, targets_val = self._as_inputs(X_val), self._encode(y_val)
            validate = self._validator(inputs_val, targets_val)
        self.temperature_ = 1.0
        if X_unlabeled is not None:
            self.settings.check_unlabeled(task, self.loss_)
        self._unlabeled = None if X_unlabeled is None else self._as_inputs(self._check(X_unlabeled)[0])
        yield from self._fit_networks(X, self._as_inputs(X), targets, validate)
        if self._scales_outputs and validate is not None:
            # each member's outputs are scaled before probabilities are averaged, so each counts in choosing the scale
            outputs = torch.cat([loop.apply(net, inputs_val, self.runtime_) for net in self.networks_])
            labels = targets_val.argmax(1).repeat(len(self.networks_))
            self.temperature_ = losses.fit_temperature(nn.functional.normalize(outputs, dim=1), labels)
        del self._augment, self._unlabeled

    def _settle_settings(self, modality: Modality, task: str, num_rows: int) -> Any:
        """Settle loss, training and seed, and return the augmentation policy; all of them checked against the data."""
        if modality not in self.settings.modalities:
            many = {"table": "tables", "series": "series", "image": "images", "text": "texts"}
            takes = " or ".join(many[each] for each in self.settings.modalities)
            this = {"image": "these are images", "table": "this data is a table", "series": "these rows are series"}
            this["text"] = "these are texts"
            what = f"model: {type(self).__name__} takes {takes}, but {this[modality]}."
            raise ConfigError(what, "Choose another, for example model=deep_net.")
        self.loss_ = losses.resolve(self.given("loss") or losses.Auto(), task)
        policy = self.given("augment") or augmentation.NoAugment()
        for sentence in augmentation.check(policy, modality, task):
            loop.current_context().notice(sentence)
        self.training_ = self.filled_training(modality, num_rows)
        self.seed_ = self.random_state
        if not isinstance(self.random_state, int):
            self.seed_ = int(np.random.RandomState(self.random_state).randint(2**31 - 1))
        return policy

    def _column_scales(self, X: Array) -> tuple[Array, Array]:
        """What is taken off each column, and what it is then divided by, both `(F,)`; of the channels of series `(C, 1)`."""
        if X.ndim == 3:
            scale = X.std(axis=(0, 2))[:, None]
            return X.mean(axis=(0, 2))[:, None], np.where(scale > 0, scale, 1.0)
        scale = X.std(axis=0)
        if self.standardize:
            return X.mean(axis=0), np.where(scale > 0, scale, 1.0)
        # one number for all columns, so that they keep their relative sizes
        return np.zeros(X.shape[1]), np.full(X.shape[1], np.sqrt((scale**2).mean()) or 1.0)

    def filled_training(self, modality: str, num_rows: int) -> Training:
        """The training settings with this model's defaults for `modality` and this many rows instead of every None."""
        filled = (self.given("training") or Training()).filled_from(self.settings.default_training[modality])
        num_rows = max(num_rows, 1)
        batch_size = int(min(256, max(32, 2 ** round(math.log2(num_rows / 24)))))  # about 24 steps an epoch
        epochs = min(100, max(20, round(20_000 / num_rows)))  # about 20,000 rows in all: few rows are seen more often
        return filled.filled_from(Training(epochs=epochs, batch_size=batch_size))

    @property
    def needs_validation(self) -> bool:
        """Whether fit sets rows aside: to choose an epoch, or to fit the temperature of the cosine loss."""
        if self._only_probes:
            return False
        training = self.given("training") or Training()
        filled = [training.filled_from(self.settings.default_training[m]) for m in self.settings.modalities]
        return any(f.needs_validation for f in filled) or self._scales_outputs

    @property
    def _scales_outputs(self) -> bool:
        loss = self.given("loss")
        return isinstance(loss, losses.Cosine) and loss.xent_weight == 0 and not self._only_probes

    @property
    def _only_probes(self) -> bool:
        """Whether only a head is fitted: it chooses its C by cross-validation on all rows, by a loss of its own."""
        return False

    @property
    def _target_zero(self) -> float | None:
        """Where a target of 0 is after standardising; None for classes."""
        return None if is_classifier(self) else -self.target_mean_ / self.target_scale_

    @available_if(is_classifier)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`, in the order of `classes_`; of an ensemble, the mean over its members."""
        probs = torch.stack([self._probabilities(outputs) for outputs in self._outputs(X)]).mean(0)
        return np.asarray(probs / probs.sum(1, keepdim=True))

    def predict(self, X: Any) -> Array:
        """The most probable class `(N,)`, or the number for a regressor."""
        if is_classifier(self):
            probs = self.predict_proba(X)  # says first whether it was fitted
            return np.asarray(self.classes_[probs.argmax(1)])
        return self._numbers(torch.stack(self._outputs(X)).double().mean(0))

    def _outputs(self, X: Any) -> list[Tensor]:
        check_is_fitted(self, "networks_")
        inputs = self._as_inputs(self._check(X)[0])
        return [loop.apply(net, inputs, self.runtime_) for net in self.networks_]

    def _numbers(self, outputs: Tensor) -> Array:
        """Outputs `(N, 1)` in the target's own unit, `(N,)`."""
        return np.asarray(outputs[:, 0]) * self.target_scale_ + self.target_mean_

    def image_size(self) -> tuple[int, str] | None:
        """Side in pixels and interpolation at which photographs should be read for this model, or None for no preference."""
        return None

    def build_body(self, input_shape: Sequence[int]) -> tuple[nn.Module, int]:
        """What embeds inputs of this shape (no batch axis), with fresh weights, and the size of the embeddings."""
        raise NotImplementedError

    def _fit_networks(self, X: Array, inputs: Tensor, targets: Tensor, validate: Validate | None) -> Stages[None]:
        """Train on these rows, as they came and as the networks take them, and keep the result in `networks_`.

        The trainings are yielded, and done when it goes on.
        """
        raise NotImplementedError

    def build_network(self, input_shape: Sequence[int], num_outputs: int) -> Network:
        """A network with fresh weights for inputs of this shape (no batch axis)."""
        body, size = self.build_body(input_shape)
        standardises = len(input_shape) == 3 and not self.settings.is_pretrained
        combined = bool(getattr(self.given("loss"), "xent_weight", 0)) and not self._only_probes
        return Network(body, size, num_outputs, input_shape[0] if standardises else None, combined)

    def _job(
        self, net: nn.Module, inputs: Tensor, targets: Tensor, validate: Validate | None = None, phase: str = "fit", **other: Any
    ) -> together.Job:
        """The training of a network on these rows; `other` takes the place of what is this model's own."""
        own: dict[str, Any] = {
            "objective": self.objective,
            "training": self.training_,
            "augment": self._augment,
            "capture": self._capture,
        }
        return together.Job(
            net=net, inputs=inputs, targets=targets, validate=validate, phase=phase, runtime=self.runtime_, seed=self.seed_,
            surroundings=loop.current_context(), **(own | other),
        )  # fmt: skip

    @property
    def _capture(self) -> Literal["all", "network", "nothing"]:
        if isinstance(self.loss_, losses.OwnLoss):
            return "nothing"  # of the user's code nobody knows whether a graph can hold it
        augment = self.given("augment")
        return "network" if augment is not None and augmentation.waits_for_device(augment) else "all"

    def fresh_network(self, phase: str, X: Array, num_outputs: int) -> Network:
        """A network with the weights that belong to this seed and phase; it standardises images as the rows `X` ask."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(loop.phase_seed(self.seed_, f"weights {phase}"))
            net = self.build_network(self.input_shape_, num_outputs)
        if net.mean is not None:
            net.standardise_with(X)
        return net

    def settle_runtime(self, net: nn.Module, inputs: Tensor, targets: Tensor, what: str = "train") -> Runtime:
        """The runtime of this fit: the context's, or resolved from the settings and, for image networks, timed."""
        surroundings = loop.current_context()
        if surroundings.runtime is not None:
            self.runtime_ = surroundings.runtime
        else:
            # a number to predict has more digits than bfloat16 keeps, a class has not
            precision = self.precision if is_classifier(self) or self.precision != "auto" else "float32"
            runtime = device.resolve(self.device, precision, self.memory_format, self.num_threads)
            if what == "probe":  # it never goes back through the network
                what, seconds = "pass", partial(loop.seconds_per_pass, net, inputs[:16])
            else:
                seconds = partial(loop.seconds_per_step, net, self.objective, inputs[:16], targets[:16])
            key = hashlib.sha256(f"{net}|{tuple(inputs.shape[1:])}|{what}".encode()).hexdigest()
            self.runtime_ = device.settle(runtime, key, seconds if inputs.ndim == 4 else None)
        if surroundings.on_runtime is not None:
            surroundings.on_runtime(self.runtime_)
        return self.runtime_

    def objective(self, net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        """Per-row losses `(N,)` of this estimator's loss."""
        return self.losses_of(net(x), t)

    def losses_of(self, outputs: Tensor, t: Tensor) -> Tensor:
        """The same of a network's outputs."""
        rows: Tensor = self.loss_.rows(outputs, t)
        if getattr(self.loss_, "class_weight", "none") == "balanced":
            self._class_weights: Tensor = self._class_weights.to(t)  # once: a GPU that repeats a step cannot be handed them again
            rows = rows * losses.sample_weights(t, self._class_weights)
        return rows

    def _validator(self, inputs: Tensor, targets: Tensor) -> Validate:
        def validate(net: nn.Module) -> dict[str, float]:
            outputs = loop.apply(net, inputs, self.runtime_)
            if not is_classifier(self):
                error = float(nn.functional.mse_loss(outputs, targets))
                return {"loss": error, "rmse": self._rmse(outputs, targets, error)}
            accuracy = float((self._probabilities(outputs).argmax(1) == targets.argmax(1)).float().mean())
            return {"loss": float(self.loss_.checked(outputs, targets).mean()), "accuracy": accuracy}

        return validate

    def _rmse(self, outputs: Tensor, targets: Tensor, error: float) -> float:
        """Root mean squared error in the target's own unit; `error` is the mean square in that of the network."""
        if self.in_own_unit is None:
            return float(error**0.5 * self.target_scale_)
        numbers = (each.double().cpu().numpy() * self.target_scale_ + self.target_mean_ for each in (outputs, targets))
        found, true = map(self.in_own_unit, numbers)
        return float(np.sqrt(np.mean((found - true) ** 2)))

    def _probabilities(self, outputs: Tensor) -> Tensor:
        probs: Tensor = self.loss_.class_logits(outputs.double(), self.temperature_).softmax(1)
        return probs

    def _check(self, X: Any, y: Any = None, fitting: bool = False) -> tuple[Array, Any]:
        if getattr(X, "ndim", None) == 4:
            X = np.asarray(X)
            if X.dtype != np.uint8:
                raise ValueError(f"images must be uint8 (N, C, H, W), not {X.dtype}")
            if fitting:
                y = column_or_1d(y, warn=True)
                check_consistent_length(X, y)
            elif list(X.shape[1:]) != list(self.input_shape_):
                raise ValueError(f"images are {X.shape[1:]} (C, H, W), but the network was trained on {tuple(self.input_shape_)}")
        elif getattr(X, "ndim", None) == 3:
            X = np.asarray(X, dtype=np.float64)
            if not np.isfinite(X).all():
                raise ValueError("series must not hold NaN or infinity")
            if fitting:
                y = column_or_1d(y, warn=True)
                check_consistent_length(X, y)
            elif list(X.shape[1:]) != list(self.input_shape_):
                raise ValueError(f"series are {X.shape[1:]} (C, L), but the network was trained on {tuple(self.input_shape_)}")
        elif fitting:
            X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=not is_classifier(self))
        else:
            X = validate_data(self, X, reset=False, dtype=np.float64)
        if fitting and is_classifier(self):
            check_classes(y)
        return X, y

    def _encode(self, y: Any, fit: bool = False) -> Tensor:
        if not is_classifier(self):
            values = np.asarray(y, dtype=np.float64)
            if fit:
                self.target_mean_, spread = mean_and_spread(values)
                self.target_scale_ = spread or 1.0
            return torch.from_numpy((values - self.target_mean_) / self.target_scale_).float()[:, None]
        if fit:
            self.classes_ = np.unique(y)
        index = torch.from_numpy(np.searchsorted(self.classes_, y))
        if fit:
            self._class_weights = losses.balanced_class_weights(index, len(self.classes_))
        return losses.one_hot(index, len(self.classes_))

    def _as_inputs(self, X: Array) -> Tensor:
        if X.ndim == 4:
            return torch.from_numpy(X if X.flags.writeable and X.flags.c_contiguous else np.array(X))
        return torch.from_numpy(((X - self.mean_) / self.scale_).astype(np.float32))
