"""An exported model during the check: the bytes of the file, and a way to run them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.settings.machine import available_cores

Array = np.ndarray[Any, Any]
OPSET = 18  # of 2022, which every current ONNX runtime reads


@dataclass(frozen=True)
class Port:
    """The input or output of a graph; the shape is without the batch axis, and the meaning a sentence for the description."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    meaning: str

    def to_plain(self) -> dict[str, Any]:
        return {"name": self.name, "shape": ["batch", *self.shape], "dtype": self.dtype, "meaning": self.meaning}


@dataclass(frozen=True)
class Graph:
    """A model as one file, read back from its own bytes.

    Arguments:
        opset: of ONNX, or None.
        run: the file's model itself: inputs `(N, ...)` of the input's dtype to outputs `(N, ...)`.
        inside: what the graph does to its input before the model proper, one sentence each.
    """

    content: bytes
    opset: int | None
    run: Callable[[Array], Array]
    input: Port
    output: Port
    inside: Sequence[str] = ()

    def ports(self) -> dict[str, Any]:
        """JSON-ready values of the ports, for the description."""
        return {"input": self.input.to_plain(), "output": self.output.to_plain(), "inside_the_graph": list(self.inside)}


def output_port(classes: Sequence[str]) -> Port:
    """The output of every graph here: probabilities of these classes, or numbers where there are none."""
    if classes:
        return Port("probabilities", (len(classes),), "float32", "Class probabilities, in the order of `classes`.")
    return Port("value", (), "float64", "The predicted number, in the target's own unit.")


def finish_onnx(model: Any, described: dict[str, Any], source: Port, target: Port, inside: Sequence[str]) -> Graph:
    """An `onnx.ModelProto`, given its metadata, serialised, checked by onnx and loaded by onnxruntime."""
    import onnx
    import onnxruntime

    facts = {"task": described["task"], "classes": json.dumps(described["classes"])}
    onnx.helper.set_model_props(model, {"written_by": described["written_by"], **facts})
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = available_cores()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def run(inputs: Array) -> Array:
        return np.asarray(session.run([target.name], {source.name: inputs})[0])

    opset = next(int(used.version) for used in model.opset_import if used.domain in ("", "ai.onnx"))
    return Graph(content, opset, run, source, target, inside)
