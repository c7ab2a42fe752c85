"""Where a network's training starts if not from random weights: the layers of a finished run of the same network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import MOST_JSON_BYTES, plain_json, read_guarded
from sdl_cli.learning.models.pretrained import digest_of_tensors
from sdl_cli.phrases import shortened

KEY = "model.start_from"
_SHAPE = ("architecture", "depth", "width", "convolution", "max_frequency")  # settings that decide on the layers
_PREFIX = "0.body."


def require_run(folder: str) -> None:
    """Raise DataError or ConfigError unless this is the folder of a finished run of model=deep_net."""
    _settings(Path(folder).expanduser())


def start(body: nn.Module, folder: str) -> str:
    """Give a body the weights of that of a run's first network; returns their digest.

    Raises DataError if its layers are others: they are compared by name and size before any is read.
    """
    from safetensors import safe_open

    run = Path(folder).expanduser()
    settings = _settings(run)
    wanted = body.state_dict()
    try:
        with safe_open(run / "model.safetensors", framework="pt") as file:
            stored = {key.removeprefix(_PREFIX): key for key in file.keys() if key.startswith(_PREFIX)}  # noqa: SIM118
            if stored.keys() != wanted.keys() or any(
                list(file.get_slice(key).get_shape()) != list(wanted[name].shape) for name, key in stored.items()
            ):
                raise _another(folder, settings)
            tensors: dict[str, Tensor] = {name: file.get_tensor(key) for name, key in stored.items()}
    except DataError:
        raise
    except Exception as error:  # damaged files raise nearly anything
        what = f"{KEY}: {run / 'model.safetensors'} cannot be read ({type(error).__name__})."
        raise DataError(what, "Copy the whole folder, or train that run again.") from error
    body.load_state_dict(tensors)
    return digest_of_tensors(tensors)


def _settings(run: Path) -> dict[str, Any]:
    """The settings of the model of a run."""
    try:
        values = plain_json(read_guarded(run / "model.json", MOST_JSON_BYTES, within=run))
        name, params = values["model"], dict(values["params"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{KEY}: {run} is not a finished run with a model."
        raise DataError(what, "Give the folder of a run of model=deep_net, or null.") from error
    if name != "deep_net":
        what = f"{KEY}: {run} is a run of model={shortened(str(name), 40)}."
        raise ConfigError(what, "Give one of model=deep_net; for a pretrained network see model=finetuned_cnn and model.weights.")
    return params


def _another(folder: str, settings: dict[str, Any]) -> DataError:
    own = ", ".join(f"{key}={'null' if settings.get(key) is None else settings[key]}" for key in _SHAPE if key in settings)
    hint = f"Use its settings ({own}), and inputs of the same kind: channels of images, columns of tables."
    return DataError(f"{KEY}: {folder} has other layers than this network.", hint)
