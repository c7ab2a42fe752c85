"""A finished run as one file for other programs: ONNX or torch.export, checked against the run's own predictions."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError, DataError, SdlError
from sdl_cli.files import MOST_JSON_BYTES, plain_json, read_guarded, write_atomic
from sdl_cli.learning.models import traits
from sdl_cli.learning.models.kind import HOLDS_ROWS
from sdl_cli.phrases import shortened
from sdl_cli.run import run_folder, writing
from sdl_cli.run.train import Observer

FORMATS = {".onnx": "onnx", ".pt2": "torch"}
# what each route imports; the extra `onnx` installs all of it
PACKAGES = {"network": ("onnx", "onnxscript", "onnxruntime"), "scikit-learn": ("onnx", "skl2onnx", "onnxruntime")}


def export(stored: run_folder.StoredRun, out: Path, observer: Observer, trust: bool = False) -> dict[str, Any]:
    """Write a finished run's model as one graph, with a description of the preprocessing that stays outside.

    The graph takes what the run's model takes after that preprocessing (images `uint8 (N, C, H, W)` or encoded features
    `(N, D)`) and gives class probabilities `(N, K)` or numbers `(N,)`, for any N. It is compared with the run's own predictions
    before anything is written.

    Arguments:
        stored: a finished run; of a repeated one, the first repeat is exported.
        out: the file; its ending picks the format: `.onnx`, or `.pt2` for torch.export (networks only).
    Returns:
        `{"out", "preprocessing", "format", "opset", "rows_checked", "largest_difference", "allowed_difference",
        "checked_on"}`; opset is None for torch.export, differences are absolute for probabilities and relative to the target's
        scale for numbers.
    Raises:
        ConfigError: no such format, or a model that the format cannot express. DataError: an unwritable place, missing
        packages, or a run that cannot be read. RunError: the graph does not predict what the run does; nothing is written.
    """
    kind = _format_of(out)
    run_folder.require_place(out, "Give the name of a file, for example model.onnx.")
    stored = stored.single("exporting", observer.on_notice)
    name = str(stored.config.get("model", {}).get("name"))
    if traits(name).no_graph:
        raise ConfigError(f"model={name} cannot be exported: {traits(name).no_graph}.", "Use sdl predict with the run itself.")
    if not traits(name).is_one_graph:
        raise ConfigError(f"model={name} is several models, which are not one graph.", "Use sdl predict with the run itself.")
    if kind == "onnx":
        _require_packages("network" if traits(name).is_network else "scikit-learn")
    elif not traits(name).is_network:
        raise ConfigError(f"{out}: model={name} is not a network, and torch.export takes only networks.", "End it in .onnx.")

    beside = out.with_suffix(".preprocessing.json")
    _check_beside(beside, out)
    from sdl_cli.learning.models.storage import load_model
    from sdl_cli.run.export.description import describe
    from sdl_cli.run.export.parity import find_rows, first_equal

    if traits(name).holds_rows:
        observer.on_notice(HOLDS_ROWS)
    with _float32_on_cpu(stored, name, observer):
        model, values = load_model(stored.folder, trust)
        rows = find_rows(stored, model, values, observer)
        described = describe(stored, model, values, out)
        graphs = _graphs(kind, name, rows.inner, described)
        graph, difference, allowed = first_equal(graphs, rows, out)
    writing.write_json(beside.parent, beside.name, described | graph.ports())
    try:
        write_atomic(out, graph.content)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    values = {"out": str(out), "preprocessing": str(beside), "format": kind, "opset": graph.opset}
    differences = {"largest_difference": difference, "allowed_difference": allowed}
    return values | {"rows_checked": len(rows.expected), **differences, "checked_on": rows.source}


def _check_beside(beside: Path, out: Path) -> None:
    """Raise DataError where the description beside `out` is that of another export: each needs its own."""
    try:
        other = plain_json(read_guarded(beside, MOST_JSON_BYTES)).get("file")
    except (OSError, ValueError, SdlError, AttributeError):  # none is there, or something else, which is said when it is written
        return
    if isinstance(other, str) and other != out.name:
        hint = f"Choose another name, for example {out.stem}_{out.suffix[1:]}{out.suffix}"
        raise DataError(f"{out}: {beside.name} beside it belongs to {shortened(other, 80)}.", hint)


def _format_of(out: Path) -> str:
    if out.suffix.lower() not in FORMATS:
        hint = "End it in .onnx (ONNX) or .pt2 (torch.export, only networks)."
        raise ConfigError(f"{out}: the file name must show the format, but it has no known ending.", hint)
    return FORMATS[out.suffix.lower()]


def _require_packages(route: str) -> None:
    missing = [name for name in PACKAGES[route] if importlib.util.find_spec(name) is None]
    if missing:
        what = f"{', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        raise DataError(f"Exporting to ONNX needs {what}.", "Install what it needs: pip install 'sdl-cli[onnx]'")


@contextlib.contextmanager
def _float32_on_cpu(stored: run_folder.StoredRun, name: str, observer: Observer) -> Iterator[None]:
    """Load and run networks in float32 on the CPU, as the graph computes; a notice says so if the run itself does not."""
    if not traits(name).is_network:
        yield
        return
    from sdl_cli.learning import loop
    from sdl_cli.learning.device import Runtime
    from sdl_cli.settings.machine import available_cores

    runtime = Runtime("cpu", "float32", "contiguous", available_cores(), "for export")
    own = stored.environment.get("runtime") or {}
    where = [str(own[key]) for key, same in (("device", "cpu"), ("precision", "float32")) if own.get(key, same) != same]
    if where:
        compared = "They are compared in float32 on the CPU, and sdl predict may differ from that in the third digit."
        observer.on_notice(f"The run predicts in {' and '.join(reversed(where))}, the exported graph in float32. {compared}")
    with loop.context(loop.Context(on_notice=observer.on_notice, runtime=runtime)):
        yield


def _graphs(kind: str, name: str, inner: Any, described: dict[str, Any]) -> Any:
    """The candidates, best first, each built on demand."""
    if not traits(name).is_network:
        from sdl_cli.run.export.scikit import to_onnx

        return to_onnx(inner, described)
    from sdl_cli.run.export import network

    return iter([(network.to_onnx if kind == "onnx" else network.to_program)(inner, described)])
