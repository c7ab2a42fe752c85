"""The estimator that trains a network: encode, standardise, fit, predict, save and load."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from torch import Tensor, nn

from sdl_cli.data.augment import policies as augmentation
from sdl_cli.data.split import hold_out
from sdl_cli.errors import ConfigError, DataError, DeviceError
from sdl_cli.learning import device, loop, losses
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.network import Array, Network, resident
from sdl_cli.learning.models.target_scale import mean_and_spread
from sdl_cli.machine import available_cores
from sdl_cli.settings.parse import Training, parse_group, plain

State = tuple[dict[str, Tensor], dict[str, Any]]
_MOST_CHANNELS, _MOST_SIDE_PX, _MOST_COLUMNS = 64, 16_384, 10_000_000  # of a stored network's rows


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """What the estimators of deep_net, finetuned_cnn and autoencoder share; a subclass gives `build_network` and `_fit_networks`.

    Every subclass takes, besides its own, these keyword arguments: `loss` and `augment` (settings, or None for auto and none),
    `training` (a Training; None fields take the subclass's defaults), `validation_fraction`, `device`, `precision`,
    `memory_format`, `num_threads` and `random_state`. Those for tables also take `standardize`: centre and scale each column,
    or divide all by one number.

    Learned state: `networks_`, `classes_` (classifiers), `runtime_`, `training_`, `temperature_` (cosine loss),
    `input_shape_`, and for tables the `mean_` and `scale_` of the columns.
    """

    default_training: ClassVar[dict[str, Training]]
    modalities: ClassVar[tuple[Literal["image", "table"], ...]] = ("table", "image")

    def fit(self, X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> NetworkEstimator:
        """Train on images `uint8 (N, C, H, W)` or a table `(N, F)` with targets `(N,)`.

        Validation rows, where the settings need any, are `X_val`, `y_val`, or else a seeded stratified part of the rows given.

        Raises:
            ValueError: data of the wrong shape or kind. ConfigError: settings that do not go together or with the data.
            RunError: training diverged.
        """
        X, y = self._check(X, y, fitting=True)
        modality = "image" if X.ndim == 4 else "table"
        task: Literal["classification", "regression"] = "classification" if is_classifier(self) else "regression"
        if modality not in self.modalities:
            raise ConfigError(
                f"model: {type(self).__name__} takes images, and this data is a table.",
                "Choose another, for example model=deep_net.",
            )
        self.loss_ = losses.resolve(self.loss or losses.Auto(), task)
        policy = self.augment or augmentation.NoAugment()
        for sentence in augmentation.check(policy, modality, task):
            loop.current_context().notice(sentence)
        self.training_ = self.filled_training(modality, len(X))
        self.seed_ = (
            int(np.random.RandomState(self.random_state).randint(2**31 - 1))
            if not isinstance(self.random_state, int)
            else self.random_state
        )
        if X_val is None and self.needs_validation:
            kept, held = hold_out(y, self.validation_fraction, self.seed_, task)
            X, y, X_val, y_val = X[kept], y[kept], X[held], y[held]
        elif X_val is not None:
            X_val = validate_data(self, X_val, reset=False, dtype=np.float64) if modality == "table" else np.asarray(X_val)
        targets = self._encode(y, fit=True)
        self.input_shape_ = list(X.shape[1:])
        if modality == "table":
            scale = X.std(axis=0)
            if self.standardize:
                self.mean_, self.scale_ = X.mean(axis=0), np.where(scale > 0, scale, 1.0)
            else:  # one number for all columns, so that they keep their relative sizes
                self.mean_ = np.zeros(X.shape[1])
                self.scale_ = np.full(X.shape[1], np.sqrt((scale**2).mean()) or 1.0)
        target_zero = None if task == "classification" else -self.target_mean_ / self.target_scale_
        self._augment = augmentation.build(policy, target_zero) if policy.name != "none" else None
        validation = None
        if X_val is not None and self.needs_validation:
            if task == "classification":
                known = np.isin(y_val, self.classes_)
                X_val, y_val = X_val[known], np.asarray(y_val)[known]
            validation = (self._as_inputs(X_val), self._encode(y_val))
        self.temperature_ = 1.0
        self._fit_networks(X, self._as_inputs(X), targets, validation)
        if self._scales_outputs and validation is not None:
            # each member's outputs are scaled before probabilities are averaged, so each counts in choosing the scale
            outputs = torch.cat([loop.apply(net, validation[0], self.runtime_) for net in self.networks_])
            labels = validation[1].argmax(1).repeat(len(self.networks_))
            self.temperature_ = losses.fit_temperature(nn.functional.normalize(outputs, dim=1), labels)
        del self._augment
        return self

    def filled_training(self, modality: str, num_rows: int) -> Training:
        """The training settings with this model's defaults for `modality` and this many rows in the place of every None."""
        filled = (self.training or Training()).filled_from(self.default_training[modality])
        if filled.batch_size is None:  # about 24 steps an epoch
            filled = dataclasses.replace(filled, batch_size=int(min(256, max(32, 2 ** round(math.log2(max(num_rows, 1) / 24))))))
        if filled.epochs is None:  # about 20,000 rows in all: few rows are seen more often
            filled = dataclasses.replace(filled, epochs=min(100, max(20, round(20_000 / max(num_rows, 1)))))
        return filled

    @property
    def needs_validation(self) -> bool:
        """Whether fit sets rows aside: to choose an epoch, or to fit the temperature of the cosine loss."""
        training = self.training or Training()
        filled = [training.filled_from(self.default_training[m]) for m in self.modalities]
        return any(f.needs_validation for f in filled) or self._scales_outputs

    @property
    def _scales_outputs(self) -> bool:
        return isinstance(self.loss, losses.Cosine) and self.loss.xent_weight == 0

    @available_if(is_classifier)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Class probabilities `float64 (N, K)`, in the order of `classes_`; of an ensemble, the mean over its members."""
        check_is_fitted(self, "networks_")
        inputs = self._as_inputs(self._check(X)[0])
        members = [self._probabilities(loop.apply(net, inputs, self.runtime_)) for net in self.networks_]
        probs = torch.stack(members).mean(0)
        return np.asarray(probs / probs.sum(1, keepdim=True))

    def predict(self, X: Any) -> Array:
        """The most probable class `(N,)`, or the number for a regressor."""
        check_is_fitted(self, "networks_")
        if is_classifier(self):
            return np.asarray(self.classes_[self.predict_proba(X).argmax(1)])
        inputs = self._as_inputs(self._check(X)[0])
        outputs = torch.stack([loop.apply(net, inputs, self.runtime_) for net in self.networks_]).double().mean(0)
        return np.asarray(outputs[:, 0]) * self.target_scale_ + self.target_mean_

    def image_size(self) -> tuple[int, str] | None:
        """Side in pixels and interpolation at which photographs should be read for this model, or None for no preference."""
        return None

    # what a subclass gives

    def build_network(self, input_shape: Sequence[int], num_outputs: int) -> Network:
        """A network with fresh weights for inputs of this shape (no batch axis)."""
        raise NotImplementedError

    def _fit_networks(self, X: Array, inputs: Tensor, targets: Tensor, validation: tuple[Tensor, Tensor] | None) -> None:
        raise NotImplementedError

    def restore_fitted(self, fitted: dict[str, Any]) -> None:
        """Take back what this subclass added to the stored state, before its networks are built."""

    # saving and loading

    def get_state(self) -> State:
        """Tensors and JSON-ready values from which `from_state` rebuilds this fitted estimator."""
        check_is_fitted(self, "networks_")
        tensors = {
            f"{i}.{k}": v.detach().cpu().contiguous() for i, net in enumerate(self.networks_) for k, v in net.state_dict().items()
        }
        params = {k: plain(v) if dataclasses.is_dataclass(v) else v for k, v in self.get_params(deep=False).items()}
        fitted: dict[str, Any] = {
            "num_networks": len(self.networks_),
            "input_shape": self.input_shape_,
            "temperature": self.temperature_,
            "runtime": self.runtime_.to_plain(),
        }
        if is_classifier(self):
            fitted["classes"] = self.classes_.tolist()
        else:
            fitted |= {"target_mean": self.target_mean_, "target_scale": self.target_scale_}
        if hasattr(self, "mean_"):
            tensors |= {"table.mean": torch.from_numpy(self.mean_), "table.scale": torch.from_numpy(self.scale_)}
        return tensors, {"params": params, "fitted": fitted}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], values: dict[str, Any]) -> NetworkEstimator:
        """Rebuild a fitted estimator. Raises DataError where tensors and values do not belong together."""
        params, fitted = dict(values["params"]), values["fitted"]
        tables: dict[str, Any] = {"loss": losses.LOSSES, "augment": augmentation.AUGMENTS, "training": Training}
        for key, table in tables.items():
            if params.get(key) is not None:
                params[key] = parse_group(key, table, params[key])
        if isinstance(params.get("widths"), list):
            params["widths"] = tuple(params["widths"])
        model = cls(**params)
        model.input_shape_ = [int(n) for n in fitted["input_shape"]]
        model.temperature_ = float(fitted["temperature"])
        model.loss_ = losses.resolve(model.loss or losses.Auto(), "classification" if is_classifier(model) else "regression")
        num_outputs = 1
        if is_classifier(model):
            model.classes_ = np.asarray(fitted["classes"])
            num_outputs = len(model.classes_)
        else:
            model.target_mean_, model.target_scale_ = float(fitted["target_mean"]), float(fitted["target_scale"])
        if "table.mean" in tensors:
            model.mean_, model.scale_ = tensors["table.mean"].numpy(), tensors["table.scale"].numpy()
            model.n_features_in_ = len(model.mean_)
        model.runtime_ = _runtime_here(Runtime.from_plain(fitted["runtime"]))
        model.restore_fitted(fitted)
        model.networks_ = []
        for i in range(int(fitted["num_networks"])):
            own = {k.partition(".")[2]: v for k, v in tensors.items() if k.startswith(f"{i}.")}
            model.check_tensors(own, num_outputs)
            net = model.build_network(model.input_shape_, num_outputs)
            net.load_state_dict(own)
            model.networks_.append(device.place(net, model.runtime_).eval())
        return model

    def check_tensors(self, tensors: Mapping[str, Tensor], num_outputs: int) -> None:
        """Raise DataError unless tensors are those of the network that the settings describe; until then it takes no memory."""
        shape = self.input_shape_
        most = (_MOST_CHANNELS, _MOST_SIDE_PX, _MOST_SIDE_PX) if len(shape) == 3 else (_MOST_COLUMNS,)
        if len(shape) != len(most) or not all(1 <= n <= limit for n, limit in zip(shape, most, strict=True)):
            raise DataError(f"The stored network takes rows of an impossible shape, {tuple(shape)}.")
        with torch.device("meta"):
            wanted = self.build_network(shape, num_outputs).state_dict()
        strange = [k for k, v in wanted.items() if k not in tensors or tensors[k].shape != v.shape] or sorted(
            set(tensors) - set(wanted)
        )
        if strange:
            raise DataError(
                f"The weights do not fit the network they are stored with: {strange[0]} is missing or of another shape."
            )

    # shared by the subclasses

    def settle_runtime(self, net: nn.Module, inputs: Tensor, targets: Tensor, what: str = "train") -> Runtime:
        """The runtime of this fit: the context's, or resolved from the settings and, for image networks, timed."""
        surroundings = loop.current_context()
        if surroundings.runtime is not None:
            self.runtime_ = surroundings.runtime
            if surroundings.on_runtime is not None:
                surroundings.on_runtime(self.runtime_)
            return self.runtime_
        # a number to predict has more digits than bfloat16 keeps, a class has not
        precision = self.precision if is_classifier(self) or self.precision != "auto" else "float32"
        runtime = device.resolve(self.device, precision, self.memory_format, self.num_threads)
        small = inputs.ndim == 2
        key = hashlib.sha256(f"{net}|{tuple(inputs.shape[1:])}|{what}".encode()).hexdigest()

        def seconds(candidate: Runtime) -> float:
            return loop.seconds_per_step(net, self.objective, inputs[:16], targets[:16], candidate)

        self.runtime_ = device.settle(runtime, key, None if small else seconds)
        if surroundings.on_runtime is not None:
            surroundings.on_runtime(self.runtime_)
        return self.runtime_

    def objective(self, net: nn.Module, x: Tensor, t: Tensor) -> Tensor:
        """Per-row losses `(N,)` of this estimator's loss."""
        outputs, loss = net(x), self.loss_
        if isinstance(loss, losses.CrossEntropy):
            rows = losses.cross_entropy(outputs, t, loss.label_smoothing)
        elif isinstance(loss, losses.Cosine) and loss.xent_weight:
            half = outputs.shape[1] // 2
            rows = losses.combined(outputs[:, :half], outputs[:, half:], t, loss.xent_weight)
        elif isinstance(loss, losses.Cosine):
            rows = losses.cosine(outputs, t)
        elif isinstance(loss, losses.Huber):
            rows = losses.huber(outputs, t, loss.delta)
        else:
            rows = losses.mse(outputs, t)
        if getattr(loss, "class_weight", "none") == "balanced":
            rows = rows * losses.sample_weights(t, self._class_weights.to(t))
        return rows

    def train_network(
        self,
        net: Network,
        inputs: Tensor,
        targets: Tensor,
        validation: tuple[Tensor, Tensor] | None,
        phase: str,
        parameters: Sequence[tuple[float, Sequence[nn.Parameter]]] | None = None,
        augment: loop.Augment | None = None,
    ) -> None:
        """Train one network with this estimator's loss and settings, on the settled runtime."""
        runtime = self.runtime_
        device.place(net, runtime)
        loop.train(
            net,
            self.objective,
            resident(inputs, runtime),
            resident(targets, runtime),
            self.training_,
            runtime,
            seed=self.seed_,
            phase=phase,
            augment=augment or self._augment,
            validate=self._validator(validation) if validation is not None else None,
            parameters=parameters,
        )

    def _validator(self, validation: tuple[Tensor, Tensor]) -> Callable[[nn.Module], dict[str, float]]:
        inputs, targets = validation

        def validate(net: nn.Module) -> dict[str, float]:
            outputs = loop.apply(net, inputs, self.runtime_)
            if not is_classifier(self):
                error = float(nn.functional.mse_loss(outputs, targets))
                return {"loss": error, "rmse": error**0.5 * self.target_scale_}
            accuracy = float((self._probabilities(outputs).argmax(1) == targets.argmax(1)).float().mean())
            if isinstance(self.loss_, losses.Cosine):
                half = targets.shape[1]
                return {"loss": float(losses.cosine(outputs[:, :half], targets).mean()), "accuracy": accuracy}
            return {"loss": float(losses.cross_entropy(outputs, targets).mean()), "accuracy": accuracy}

        return validate

    def _probabilities(self, outputs: Tensor) -> Tensor:
        outputs = outputs.double()
        if isinstance(self.loss_, losses.Cosine):
            if self.loss_.xent_weight:
                outputs = outputs[:, outputs.shape[1] // 2 :]
            else:
                outputs = self.temperature_ * nn.functional.normalize(outputs, dim=1)
        return outputs.softmax(1)

    def _check(self, X: Any, y: Any = None, fitting: bool = False) -> tuple[Array, Any]:
        if getattr(X, "ndim", None) == 4:
            X = np.asarray(X)
            if X.dtype != np.uint8:
                raise ValueError(f"images must be uint8 (N, C, H, W), not {X.dtype}")
            if not fitting and list(X.shape[1:]) != list(self.input_shape_):
                raise ValueError(f"images are {X.shape[1:]} (C, H, W), but the network was trained on {tuple(self.input_shape_)}")
            if fitting:
                y = column_or_1d(y, warn=True)
        elif fitting:
            X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=not is_classifier(self))
        else:
            X = validate_data(self, X, reset=False, dtype=np.float64)
        if fitting:
            if len(X) != len(y):
                raise ValueError(f"X has {len(X)} rows and y has {len(y)}")
            if is_classifier(self):
                check_classification_targets(y)
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


def _runtime_here(runtime: Runtime) -> Runtime:
    """The stored runtime where this machine has its device, else the CPU in float32, which every machine has."""
    override = loop.current_context().runtime
    if override is not None:
        return override
    try:
        device.resolve(runtime.device)
    except DeviceError:
        loop.current_context().notice(
            f"This run was trained on {runtime.device}, which is not here: predicting on the CPU in float32."
        )
        return Runtime("cpu", "float32", "contiguous", available_cores(), "the run's own device is not here")
    return runtime
