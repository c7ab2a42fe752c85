"""A finished run as one file for other programs: ONNX or torch.export, checked against the run's own predictions."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import write_atomic
from sdl_cli.learning.models import traits
from sdl_cli.run import run_folder, writing
from sdl_cli.run.train import Observer

FORMATS = {".onnx": "onnx", ".pt2": "torch"}
# what each route imports; the extra `onnx` installs all of it
PACKAGES = {"network": ("onnx", "onnxscript", "onnxruntime"), "scikit-learn": ("onnx", "skl2onnx", "onnxruntime")}


def export(stored: run_folder.StoredRun, out: Path, observer: Observer, trust: bool = False) -> dict[str, Any]:
    """Write a finished run's model as one graph, and beside it a description of the preprocessing that stays outside.

    The graph takes what the run's model takes after that preprocessing (images `uint8 (N, C, H, W)` or encoded features
    `(N, D)`) and gives class probabilities `(N, K)` or numbers `(N,)`, for any N. It is compared with the run's own predictions
    before anything is written.

    Arguments:
        stored: a finished run; of a repeated one, the first repeat is exported.
        out: the file; its ending picks the format: `.onnx`, or `.pt2` for torch.export (networks only).
        observer: hears of notices.
        trust: allow estimators outside scikit-learn to be imported.
    Returns:
        `{"out", "preprocessing", "format", "opset", "rows_checked", "largest_difference", "checked_on"}`; opset is None for
        torch.export, the difference is absolute for probabilities and relative to the target's scale for numbers.
    Raises:
        ConfigError: no such format, or a model that has no form in it. DataError: a place that cannot be written to, missing
        packages, or a run that cannot be read. RunError: the graph does not predict what the run does; nothing is written.
    """
    kind = _format_of(out)
    _check_place(out)
    stored = _single(stored, observer)
    name = str(stored.config.get("model", {}).get("name"))
    if kind == "onnx":
        _require_packages("network" if traits(name).is_network else "scikit-learn")
    elif not traits(name).is_network:
        raise ConfigError(f"{out}: model={name} is no network, and torch.export takes networks only.", "End the file in .onnx.")

    from sdl_cli.run.export.description import describe
    from sdl_cli.run.export.parity import find_rows, first_equal

    with _float32_on_cpu(stored, name, observer):
        model, values = _load(stored, trust)
        rows = find_rows(stored, model, values, observer)
        described = describe(stored, model, values, out)
        graphs = _graphs(kind, name, rows.inner, described)
        graph, difference = first_equal(graphs, rows, out)
    text = json.dumps(writing.finite(described | graph.ports()), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    beside = out.with_suffix(".preprocessing.json")
    write_atomic(beside, text)
    try:
        write_atomic(out, graph.content)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return {
        "out": str(out),
        "preprocessing": str(beside),
        "format": kind,
        "opset": graph.opset,
        "rows_checked": len(rows.expected),
        "largest_difference": difference,
        "checked_on": rows.source,
    }


def _format_of(out: Path) -> str:
    if out.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"{out}: the ending of the file says its format, and this one says none.",
            "End it in .onnx (ONNX) or .pt2 (torch.export, networks only).",
        )
    return FORMATS[out.suffix.lower()]


def _check_place(out: Path) -> None:
    if out.is_dir():
        raise DataError(f"{out}: this is a folder.", "Give the name of a file, for example model.onnx.")
    if not out.absolute().parent.is_dir():
        raise DataError(f"{out}: there is no folder {out.absolute().parent}.", "Make it first, or choose another place.")


def _single(stored: run_folder.StoredRun, observer: Observer) -> run_folder.StoredRun:
    if not stored.repeats:
        return stored
    first = stored.repeats[0]
    _tell(observer, f"This run has {len(stored.repeats)} repeats: exporting the first, {first}.")
    return run_folder.read_run(first)


def _require_packages(route: str) -> None:
    missing = [name for name in PACKAGES[route] if importlib.util.find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise DataError(
            f"Exporting to ONNX needs {', '.join(missing)}, which {verb} not installed.",
            "Install what it needs: pip install 'sdl-cli[onnx]'",
        )


@contextlib.contextmanager
def _float32_on_cpu(stored: run_folder.StoredRun, name: str, observer: Observer) -> Iterator[None]:
    """Load and run networks in float32 on the CPU, as the graph computes; say so where the run itself does otherwise."""
    if not traits(name).is_network:
        yield
        return
    from sdl_cli.learning import loop
    from sdl_cli.learning.device import Runtime
    from sdl_cli.machine import available_cores

    runtime = Runtime("cpu", "float32", "contiguous", available_cores(), "for export")
    own = stored.environment.get("runtime") or {}
    where = [str(own[key]) for key, same in (("device", "cpu"), ("precision", "float32")) if own.get(key, same) != same]
    if where:
        _tell(
            observer,
            f"The run predicts in {' and '.join(reversed(where))}, the exported graph in float32: it is compared with the run's "
            "model in float32 on the CPU, and sdl predict may differ from it in the third digit.",
        )
    with loop.context(loop.Context(on_notice=observer.on_notice, runtime=runtime)):
        yield


def _load(stored: run_folder.StoredRun, trust: bool) -> tuple[Any, dict[str, Any]]:
    from sdl_cli.learning.models.storage import load_model

    return load_model(stored.folder, trust)


def _graphs(kind: str, name: str, inner: Any, described: dict[str, Any]) -> Any:
    """The candidates, best first, each built when it is asked for."""
    if not traits(name).is_network:
        from sdl_cli.run.export.scikit import to_onnx

        return to_onnx(inner, described)
    from sdl_cli.run.export import network

    return iter([(network.to_onnx if kind == "onnx" else network.to_program)(inner, described)])


def _tell(observer: Observer, sentence: str) -> None:
    if observer.on_notice is not None:
        observer.on_notice(sentence)


__all__ = ["export"]
