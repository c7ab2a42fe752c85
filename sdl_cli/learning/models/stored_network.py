"""A fitted network as tensors and JSON-ready values, and back, with every size checked before memory is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sdl_cli.data.augment.policies import AUGMENTS
from sdl_cli.errors import DataError, DeviceError
from sdl_cli.learning import device, loop, losses
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.parameters import Parameters
from sdl_cli.learning.models.settings import MODELS
from sdl_cli.settings.experiment import REDUCTIONS, Training
from sdl_cli.settings.machine import available_cores
from sdl_cli.settings.parse import parse_group

State = tuple[dict[str, Tensor], dict[str, Any]]
PRETRAINED = ("architecture", "weights", "digest")  # of what a network began with, as it is recorded
_MOST_CHANNELS, _MOST_SIDE_PX, _MOST_COLUMNS = 64, 16_384, 10_000_000  # of a stored network's rows
_MOST: dict[int, tuple[int, ...]] = {  # by the number of axes of a row
    1: (_MOST_COLUMNS,),
    2: (100_000, _MOST_COLUMNS),
    3: (_MOST_CHANNELS, _MOST_SIDE_PX, _MOST_SIDE_PX),
}


class StoredNetwork(Parameters, BaseEstimator):  # type: ignore[misc]
    """How a `NetworkEstimator` is saved and loaded."""

    def get_state(self) -> State:
        """Tensors and JSON-ready values from which `from_state` rebuilds this fitted estimator."""
        check_is_fitted(self, "networks_")
        tensors = {
            f"{i}.{k}": v.detach().cpu().contiguous() for i, net in enumerate(self.networks_) for k, v in net.state_dict().items()
        }
        params = self.plain_params()
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
    def from_state(cls, tensors: dict[str, Tensor], values: dict[str, Any]) -> Any:
        """Rebuild a fitted estimator. Raises DataError if tensors and values do not belong together."""
        params, fitted = dict(values["params"]), values["fitted"]
        tables: dict[str, Any] = {"loss": losses.LOSSES, "augment": AUGMENTS, "training": Training, "reduce": REDUCTIONS}
        tables["own"] = MODELS
        for key, table in tables.items():
            if params.get(key) is not None:
                params[key] = parse_group(key, table, params[key])
        params = {key: tuple(value) if isinstance(value, list) else value for key, value in params.items()}
        model = cls(**params)
        model.input_shape_ = [int(n) for n in fitted["input_shape"]]
        model.temperature_ = float(fitted["temperature"])
        given = model.given("loss")
        model.loss_ = given  # of the user's own, it is what was trained with, and nothing here needs its code
        if not isinstance(given, losses.OwnLoss):
            model.loss_ = losses.resolve(given or losses.Auto(), "classification" if is_classifier(model) else "regression")
        num_outputs = 1
        if is_classifier(model):
            model.classes_ = np.asarray(fitted["classes"])
            num_outputs = len(model.classes_)
        else:
            model.target_mean_, model.target_scale_ = float(fitted["target_mean"]), float(fitted["target_scale"])
        if "table.mean" in tensors:
            model.mean_, model.scale_ = tensors["table.mean"].numpy(), tensors["table.scale"].numpy()
            if model.mean_.ndim == 1:  # of columns, not of the channels of series
                model.n_features_in_ = len(model.mean_)
        model.runtime_ = runtime_here(Runtime.from_plain(fitted["runtime"]))
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
        most = _MOST.get(len(shape), ())
        if not most or not all(1 <= n <= limit for n, limit in zip(shape, most, strict=True)):
            raise DataError(f"The stored network has an impossible input shape, {tuple(shape)}.")
        with torch.device("meta"):
            wanted = self.build_network(shape, num_outputs).state_dict()
        strange = [k for k, v in wanted.items() if k not in tensors or tensors[k].shape != v.shape]
        strange += sorted(set(tensors) - set(wanted))
        if strange:
            raise DataError(f"The weights do not match the stored network: {strange[0]} is missing or has another shape.")

    def restore_fitted(self, fitted: dict[str, Any]) -> None:
        """Restore what this subclass added to the stored state, before its networks are built."""


def runtime_here(runtime: Runtime) -> Runtime:
    """The stored runtime if this machine has its device, otherwise the CPU in float32, which every machine has."""
    surroundings = loop.current_context()
    if surroundings.runtime is not None:
        return surroundings.runtime
    try:
        device.resolve(runtime.device)
    except DeviceError:
        surroundings.notice(
            f"This run was trained on {runtime.device}, which is not available: predicting on the CPU in float32."
        )
        return Runtime("cpu", "float32", "contiguous", available_cores(), "the run's own device is not available")
    return runtime
