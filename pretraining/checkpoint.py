"""A training's state as one file that runs no code when it is read: tensors, and in the header the rest as JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from pretraining.network import build_network
from pretraining.settings import Recipe
from pretraining.state import State
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import plain_json, read_guarded, write_atomic
from sdl_cli.learning.device import resolve
from sdl_cli.phrases import typed_line

NAME = "checkpoint.safetensors"
FORMAT = "pretraining-1"
_MOST_BYTES = 4 << 30


def save_checkpoint(state: State, folder: Path) -> None:
    """Write the state into `folder`, in place of an earlier one. Raises DataError as `write_atomic`."""
    values = {"recipe": dataclasses.asdict(state.recipe), "device": state.draws.device.type, **state.values()}
    header = {"format": FORMAT, "state": json.dumps(values)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.tensors().items()}
    write_atomic(folder / NAME, save(tensors, header))


def load_checkpoint(folder: Path) -> State:
    """The state in `folder`, on the kind of device it was on.

    Raises:
        DataError: no checkpoint is there, or it is damaged or of something else. DeviceError: this machine lacks the device.
    """
    path = folder / NAME
    try:
        content = read_guarded(path, _MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"{folder}: there is nothing to resume here ({NAME} is missing).", "Start anew without --resume."
        ) from error
    try:
        header = plain_json(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        if header["format"] != FORMAT:
            raise ValueError("it is of another format")
        values = plain_json(header["state"].encode())
        recipe, device = Recipe(**values["recipe"]), values["device"]
        if device not in ("cpu", "cuda"):
            raise ValueError(f"its device is {device!r}")
        tensors = load(content)
    except (SafetensorError, ConfigError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, error) from error
    state = State(recipe, build_network(recipe, resolve(device).device))
    try:
        state.fill(tensors, values)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, OverflowError) as error:
        raise _unreadable(path, error) from error
    return state


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be resumed from ({typed_line(error, 150)}).", "Start anew in another folder.")
