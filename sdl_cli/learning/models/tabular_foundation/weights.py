"""The checkpoints of tabicl and tabpfn: where the hub has them, under which licence, and what is looked at before one is used.

Most of them are files of torch, which may hold any object. They are read by torch's reader of plain tensors alone
(`weights_only=True`), and compared with the network that they describe, before the library is given the same file.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError
from sdl_cli.files import MOST_JSON_BYTES, cache_folder, write_atomic
from sdl_cli.learning.models import hub_weights
from sdl_cli.learning.models.hub_weights import HubWeights
from sdl_cli.learning.models.tabular_foundation.settings import OPEN_VERSION, repository_of
from sdl_cli.phrases import reason, shortened

Shapes = dict[str, tuple[int, ...]]

ATTRIBUTION = "Built with PriorLabs-TabPFN"
_NOT_COMMERCIAL = "of Prior Labs for non-commercial use only"
_MOST_CONFIG_NUMBER = 1_000_000
_TABPFN_FILES = {  # version -> classifier, regressor
    "v2": ("tabpfn-v2-classifier-finetuned-zk73skhh.ckpt", "tabpfn-v2-regressor.ckpt"),
    "v2.5": ("tabpfn-v2.5-classifier-v2.5_default.ckpt", "tabpfn-v2.5-regressor-v2.5_default.ckpt"),
    "v2.6": ("tabpfn-v2.6-classifier-v2.6_default.ckpt", "tabpfn-v2.6-regressor-v2.6_default.ckpt"),
    "v3": ("tabpfn-v3-classifier-v3_default.ckpt", "tabpfn-v3-regressor-v3_default.ckpt"),
    "v3.5": ("tabpfn-v3.5-20260909.safetensors", "tabpfn-v3.5-20260909.safetensors"),
}


def on_hub(kind: str, version: str, task: str) -> HubWeights:
    """The weights that a kind and version take for `classification` or `regression`, as the hub has them."""
    classes = task == "classification"
    if kind == "tabicl":
        file = f"tabicl-{'classifier' if classes else 'regressor'}-v2-20260212.ckpt"
        # 27.6 and 28.5 million parameters in float32
        num_bytes = 110_600_000 if classes else 114_200_000
        return HubWeights("jingang/TabICL", "model.weights", num_bytes, "BSD-3-Clause", (file,), "tabicl")
    file = _TABPFN_FILES[version][0 if classes else 1]
    if version == OPEN_VERSION:
        repository = f"Prior-Labs/TabPFN-v2-{'clf' if classes else 'reg'}"
        licence = f'Apache-2.0, and "{ATTRIBUTION}" must be shown'
        return HubWeights(repository, "model.weights", None, licence, (file,), "tabpfn")
    return HubWeights(repository_of(version), "model.weights", None, _NOT_COMMERCIAL, (file,), "tabpfn")


def located(kind: str, version: str, task: str, weights: str, stored: bool = False) -> Path:
    """The checkpoint that the settings mean, fetched from the hub if it is theirs and was not fetched before.

    Arguments:
        stored: of a run that was stored, where another file is not asked for.
    Raises DataError: a file that is gone, or weights that are not here and cannot be fetched.
    """
    if weights != "default":
        file = Path(weights).expanduser().absolute()
        if not file.is_file():
            hint = f"Bring the file back there, or train again with model.weights=FILE, a checkpoint of {kind}."
            raise DataError(f"model.weights: model.kind={kind} answers with {file}, and there is no such file.", hint)
        return file
    known = on_hub(kind, version, task)
    try:
        return hub_weights.fetch(known) / known.files[0]
    except DataError as error:
        if not stored:
            raise
        hint = f"Where there is a network: hf download {known.repository} {known.files[0]}; then bring the hub's cache here."
        raise DataError(f"This run answers with {kind}. {error.message}", hint) from error


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says of itself, and the shapes of its tensors.

    Arguments:
        architecture: of tabpfn the name of the network, or None in files of v2. config: the settings of the network.
    """

    architecture: str | None
    config: dict[str, Any]
    shapes: Shapes

    def check_task(self, kind: str, task: str, file: Path) -> None:
        """Raise DataError where this network answers `classification` and the data asks for `regression`, or the reverse."""
        classes = self.config.get("max_classes" if kind == "tabicl" else "max_num_classes", 10 if kind == "tabicl" else -1)
        numbers = not classes if kind == "tabicl" else any("borders" in name for name in self.shapes)
        if (classes >= 2) if task == "classification" else numbers:
            return
        wanted, other = ("classes", "numbers") if task == "classification" else ("numbers", "classes")
        what = f"model.weights: {shortened(str(file), 200)} predicts {other}, and this data set needs {wanted}"
        raise DataError(f"{what}.", f"Give the {kind} checkpoint for {wanted}, or model.weights=default.")

    @property
    def version(self) -> str:
        """The version of the weights, as `model.version` names it."""
        if self.architecture in (None, "tabicl", "tabpfn_v2"):
            return OPEN_VERSION
        name = "tabpfn_v2_5" if self.architecture == "base" else str(self.architecture)
        return name.removeprefix("tabpfn_").replace("_", ".")


def examined(kind: str, file: Path) -> Checkpoint:
    """What a checkpoint holds, read as plain tensors; looked at once for as long as the file stays as it is.

    Raises DataError for a file that is none, or holds anything else.
    """
    found = file.stat()
    return _examined(kind, file, found.st_mtime_ns, found.st_size)


def digest_of_file(file: Path) -> str:
    """The digest of a checkpoint, computed once for as long as the file stays as it is."""
    found = file.stat()
    return _digest(file, found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=4)
def _digest(file: Path, _changed: int, _num_bytes: int) -> str:
    return hub_weights.digest_of(file)


@functools.lru_cache(maxsize=4)
def _examined(kind: str, file: Path, _changed: int, _num_bytes: int) -> Checkpoint:
    no_weights = f"model.weights: {shortened(str(file), 200)} is no checkpoint of {kind}"
    hint = "Give one that the package itself wrote or fetched, or model.weights=default."
    try:
        found = _header(file) if file.suffix == ".safetensors" else _torch_file(file)
    except Exception as error:  # a damaged or crafted file can raise nearly anything
        why = "it holds more than tensors and settings, or is damaged" if file.suffix != ".safetensors" else "it is damaged"
        raise DataError(f"{no_weights}: {why} ({reason(error)}).", hint) from error
    config, shapes = found.get("config"), found.get("state_dict")
    if not isinstance(config, Mapping) or not isinstance(shapes, Mapping) or not shapes:
        raise DataError(f"{no_weights}: it has no settings (config) or no tensors (state_dict).", hint)
    name = found.get("architecture_name")
    checkpoint = Checkpoint(None if name is None else str(name), dict(config), dict(shapes))
    is_of_kind = "icl_num_blocks" in config if kind == "tabicl" else name not in (None, "tabicl") or "emsize" in config
    if not is_of_kind:
        raise DataError(f"{no_weights}: its settings are those of another network.", hint)
    try:
        wanted = _wanted(kind, checkpoint)
    except Exception as error:
        raise DataError(f"{no_weights} that is known here ({reason(error)}).", hint) from error
    if wanted is not None:
        own = {name: shape for name, shape in checkpoint.shapes.items() if not name.startswith("criterion.")}
        strange = [name for name, shape in wanted.items() if own.get(name) != shape] + sorted(set(own) - set(wanted))
        if strange:
            what = f"its settings and its tensors do not match: {shortened(strange[0])} is missing or has another shape"
            raise DataError(f"{no_weights}: {what}.", hint)
    return checkpoint


def _torch_file(file: Path) -> dict[str, Any]:
    """Settings and shapes of a file of torch, none of whose tensors is brought into memory."""
    import torch

    with zipfile.ZipFile(file) as stored:
        entries = stored.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("its parts are compressed, which torch never does")
        if sum(entry.file_size for entry in entries) > file.stat().st_size:
            raise ValueError("its parts are larger than the file")
    found = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    if not isinstance(found, dict) or not isinstance(found.get("state_dict"), Mapping):
        return {}
    return {**found, "state_dict": {name: tuple(tensor.shape) for name, tensor in found["state_dict"].items()}}


def _header(file: Path) -> dict[str, Any]:
    """The same of a file of safetensors whose settings are JSON in its header."""
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as opened:
        about = {name: json.loads(text) for name, text in (opened.metadata() or {}).items() if len(text) <= MOST_JSON_BYTES}
        shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    return {**about, "state_dict": shapes}


def _wanted(kind: str, checkpoint: Checkpoint) -> Shapes | None:
    """The shapes of the network that these settings describe, which takes no memory; None where the package hides it.

    Raises whatever the package does about settings that it does not know, and ValueError for sizes out of all proportion.
    """
    import torch

    for name, value in checkpoint.config.items():
        is_depth = any(word in name for word in ("block", "layer"))
        most = len(checkpoint.shapes) if is_depth else _MOST_CONFIG_NUMBER
        if isinstance(value, int) and not -1 <= value <= most:
            raise ValueError(f"{shortened(name)} is {value}")
    if kind == "tabicl":
        with contextlib.suppress(ImportError, AttributeError):
            network = importlib.import_module("tabicl._model.tabicl").TabICL
            with torch.device("meta"):
                return _shapes(network(**checkpoint.config))
        return None
    with contextlib.suppress(ImportError, AttributeError):
        architectures = importlib.import_module("tabpfn.architectures").ARCHITECTURES
        name = checkpoint.architecture or "tabpfn_v2"
        architecture = architectures["tabpfn_v2_5" if name == "base" else name]
        config, _ = architecture.parse_config(checkpoint.config)
        with torch.device("meta"):
            return _shapes(architecture.get_architecture(config))
    return None


def _shapes(network: Any) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def as_torch_file(file: Path, digest: str) -> Path:
    """A checkpoint in safetensors as the file of torch that tabicl reads, kept in the cache under its digest."""
    import io

    import torch
    from safetensors.torch import load_file

    converted = cache_folder("tabular_foundation") / f"{digest[:32]}.ckpt"
    if not converted.is_file():
        content = io.BytesIO()
        torch.save({"config": _header(file)["config"], "state_dict": load_file(file)}, content)
        write_atomic(converted, content.getvalue())
    return converted
