"""tabicl and tabpfn as they are called here: never a download of their own, no browser, no telemetry, and their own words."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.foreign import in_its_words, keep_quiet
from sdl_cli.learning.models.hub_weights import import_extra
from sdl_cli.settings.machine import available_bytes

_SHARE_REMEMBERED = 0.25  # of the free memory, for what is kept of the labelled rows
_CLASSES = {"tabicl": ("TabICLClassifier", "TabICLRegressor"), "tabpfn": ("TabPFNClassifier", "TabPFNRegressor")}


@dataclass(frozen=True)
class Limits:
    """What a network was trained for: labelled rows, columns and classes; None where its package checks that itself."""

    rows: int | None
    columns: int | None
    classes: int | None
    are_hard: bool  # more is refused by the package, and not only less accurate
    cpu_rows: int = 5000  # from so many on, a CPU takes long


# tabicl: README of 2.2 (good from 300 to 100,000 rows, up to 2,000 columns; more than 10 classes in a hierarchy of its own);
# tabpfn: inference_config.py of 9.2, which later checkpoints bring along
_LIMITS = {
    ("tabicl", "v2"): Limits(100_000, 2000, 10, are_hard=False),
    ("tabpfn", "v2"): Limits(10_000, 500, 10, are_hard=True, cpu_rows=1000),
    ("tabpfn", "v2.5"): Limits(50_000, 2000, 10, are_hard=True, cpu_rows=1000),
}
_UNKNOWN = Limits(None, None, None, are_hard=True)


def limits_of(kind: str, version: str) -> Limits:
    """Those that are known before the checkpoint is read."""
    return _LIMITS.get((kind, version), _UNKNOWN)


def outside(kind: str, version: str, num_rows: int, num_columns: int, num_classes: int, on_cpu: bool) -> list[str]:
    """A sentence for each way in which a table is more than the network was trained for.

    Raises ConfigError for what its package refuses.
    """
    limits = limits_of(kind, version)
    ways = {
        "labelled rows": (num_rows, limits.rows, f"Take fewer (dataset.num_train={limits.rows})"),
        "columns": (num_columns, limits.columns, f"Keep fewer (reduce=select reduce.number={limits.columns})"),
        "classes": (num_classes, limits.classes, "Use model=pretrained_table, which tells more apart in groups"),
    }
    found = []
    for what, (number, most, instead) in ways.items():
        if most is None or number <= most:
            continue
        sentence = f"This table has {number:,} {what}, and model.kind={kind} (model.version={version}) was trained for {most:,}"
        if limits.are_hard:
            raise ConfigError(f"{sentence}.", f"{instead}, or another model, such as model=baseline.")
        found.append(f"{sentence}. Compare it with a forest there (model=baseline).")
    if on_cpu and num_rows > limits.cpu_rows:
        found.append(f"model.kind={kind} reads {num_rows:,} labelled rows for every answer, which takes long without a GPU.")
    return found


@contextlib.contextmanager
def own_words(kind: str) -> Iterator[None]:
    """Inside, what the package raises becomes one error that names it; its warnings are not shown."""
    hint = "Change the data, the settings or the model; the traceback is in run.log, and shown with --debug."
    with in_its_words(f"model.kind={kind}: {kind} {version_of(kind)} failed", hint), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def version_of(kind: str) -> str:
    """The installed version of a package, or nothing."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(kind)
    return ""


def imported(kind: str) -> Any:
    """The package. Raises ConfigError where it is not installed, RunError where importing it fails."""
    keep_quiet()
    os.environ.setdefault("TABPFN_ALLOW_CPU_LARGE_DATASET", "1")  # many rows on a CPU are said here, and not refused
    with own_words(kind):
        return import_extra(kind, kind, f"model.kind={kind}")


def remembered_bytes(kind: str, config: Mapping[str, Any], num_rows: int, num_columns: int) -> int | None:
    """What a member keeps of the labelled rows, so that each prediction need not read them again; None where that is unknown.

    Keys and values of each layer in float32: of tabicl for every row, of tabpfn for every row and group of columns.
    """
    try:
        if kind == "tabicl":
            return int(config["icl_num_blocks"] * config["embed_dim"] * config["row_num_cls"] * 8 * num_rows)
        groups = -(-num_columns // config["features_per_group"]) + 1
        return int(config["nlayers"] * config["emsize"] * 8 * num_rows * groups)
    except (KeyError, TypeError):
        return None


def _remembers(kind: str, config: Mapping[str, Any], num_members: int, runtime: Runtime, rows: tuple[Any, Any]) -> bool:
    """Whether the labelled rows are read once, and not again for each prediction: a tenth of the time, if memory allows."""
    one = remembered_bytes(kind, config, *rows[0].shape)
    if one is None or (kind == "tabicl" and rows[1].dtype.kind == "i" and rows[1].max() >= config.get("max_classes", 10)):
        return False
    free = available_bytes()
    if runtime.device.startswith("cuda"):
        import torch

        free = torch.cuda.mem_get_info(runtime.device)[0]
    return one * num_members < free * _SHARE_REMEMBERED


def fitted(
    kind: str,
    task: str,
    checkpoint: Path,
    config: Mapping[str, Any],
    num_members: int,
    seed: int,
    runtime: Runtime,
    rows: tuple[Any, Any],
) -> Any:
    """The package's own estimator, fitted to rows `(N, F)` and targets `(N,)`, its weights from this file with this config."""
    estimator = getattr(imported(kind), _CLASSES[kind][task == "regression"])
    mixed, remembers = runtime.precision != "float32", _remembers(kind, config, num_members, runtime, rows)
    arguments: dict[str, Any] = {
        "n_estimators": num_members,
        "model_path": str(checkpoint),
        "device": runtime.device,
        "random_state": seed,
    }
    if kind == "tabicl":
        arguments |= {"allow_auto_download": False, "use_amp": mixed, "kv_cache": remembers}
    else:
        import torch

        arguments["inference_precision"] = "autocast" if mixed else torch.float32
        arguments["fit_mode"] = "fit_with_cache" if remembers else "fit_preprocessors"
    with own_words(kind):
        return estimator(**arguments).fit(*rows)
