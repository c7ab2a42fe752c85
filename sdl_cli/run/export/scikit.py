"""A fitted scikit-learn model as an ONNX graph, through skl2onnx."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sdl_cli.errors import ConfigError
from sdl_cli.learning.models.prepared import MOST_LOG
from sdl_cli.phrases import first_line
from sdl_cli.run.export.graph import OPSET, Graph, Port, finish_onnx, output_port


def to_onnx(estimator: Any, described: dict[str, Any]) -> Iterator[Graph]:
    """Graphs of a scikit-learn model, with float32 features and then float64 if skl2onnx has that; ConfigError for none."""
    failures: list[Exception] = []
    for dtype in ("float32", "float64"):
        try:
            graph = _convert(estimator, described, dtype)
        except Exception as error:  # a converter raises nearly anything for a model that it has no form for
            failures.append(error)
            continue
        yield graph
    if len(failures) == 2:
        last = estimator.model_.steps[-1][1] if isinstance(estimator.model_, Pipeline) else estimator.model_
        hint = "Use sdl predict with the run itself, or train a model that can, such as model=baseline or model=deep_net."
        message = f"{type(last).__name__} cannot be written as ONNX: {first_line(failures[0], 200)}"
        raise ConfigError(message, hint) from failures[0]


def _convert(estimator: Any, described: dict[str, Any], dtype: str) -> Graph:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    num_features = int(estimator.n_features_in_)
    source = Port("features", (num_features,), dtype, "One row of features, in the order that `preprocessing` gives.")
    kind = FloatTensorType if dtype == "float32" else DoubleTensorType
    model, mean, scale = _without_target_scaling(estimator.model_)
    options = {id(model): {"zipmap": False}} if is_classifier(estimator) else None
    with warnings.catch_warnings(), _whole_numbers():  # of attributes that scikit-learn is about to drop and skl2onnx still reads
        warnings.simplefilter("ignore")
        inputs = [(source.name, kind([None, num_features]))]
        proto = convert_sklearn(model, initial_types=inputs, options=options, target_opset=OPSET)
    target = output_port(described["classes"])
    if is_classifier(estimator):
        proto = _give_probabilities(proto, target, estimator.classes_, hasattr(model, "predict_proba"))
    else:
        proto = _give_value(proto, target, mean, scale, described["target_scale"] == "log")
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    return finish_onnx(proto, described, source, target, ())


@contextlib.contextmanager
def _whole_numbers() -> Iterator[None]:
    """Inside, skl2onnx writes whole numbers for yes and no in trees of HistGradientBoosting: newer protobuf insists on them."""
    from skl2onnx.common import tree_ensemble

    real, key = tree_ensemble.add_node, "nodes_missing_value_tracks_true"

    def add_node(*arguments: Any, **named: Any) -> Any:
        return real(*arguments, **named | ({key: int(named[key])} if key in named else {}))

    tree_ensemble.add_node = add_node
    try:
        yield
    finally:
        tree_ensemble.add_node = real


def _without_target_scaling(model: Any) -> tuple[Any, float, float]:
    """A pipeline whose last step standardises the target, without that step, and the target's mean and scale."""
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if not (isinstance(last, TransformedTargetRegressor) and isinstance(last.transformer_, StandardScaler)):
        return model, 0.0, 1.0
    mean, scale = float(last.transformer_.mean_[0]), float(last.transformer_.scale_[0])
    if last is model:
        return last.regressor_, mean, scale
    inner = copy.copy(model)
    inner.steps = [*model.steps[:-1], (model.steps[-1][0], last.regressor_)]
    return inner, mean, scale


def _give_probabilities(proto: Any, target: Port, classes: Any, has_probabilities: bool) -> Any:
    """Keep one output, `float32 (N, K)`; where the model only names classes, 1 for the class it names."""
    from onnx import helper, numpy_helper

    proto, names = _open_end(proto)
    if has_probabilities:
        nodes, constants = [helper.make_node("Cast", [names[1]], [target.name], to=_onnx_type("float32"))], []
    else:
        constants = [
            numpy_helper.from_array(np.asarray(classes, dtype=np.int64)[None], "classes"),
            numpy_helper.from_array(np.array([-1, 1], dtype=np.int64), "column"),
        ]
        nodes = [
            helper.make_node("Reshape", [names[0], "column"], ["named"]),
            helper.make_node("Equal", ["named", "classes"], ["is_named"]),
            helper.make_node("Cast", ["is_named"], [target.name], to=_onnx_type("float32")),
        ]
    return _close_end(proto, nodes, constants, target)


def _give_value(proto: Any, target: Port, mean: float, scale: float, is_log: bool) -> Any:
    """Keep one output, `float64 (N,)`: the model's number times `scale`, plus `mean`; its exponential where it is a logarithm."""
    from onnx import helper, numpy_helper

    proto, names = _open_end(proto)
    constants = [
        numpy_helper.from_array(np.array([-1], dtype=np.int64), "flat"),
        numpy_helper.from_array(np.array(scale), "target_scale"),
        numpy_helper.from_array(np.array(mean), "target_mean"),
    ]
    nodes = [
        helper.make_node("Reshape", [names[0], "flat"], ["number"]),
        helper.make_node("Cast", ["number"], ["double"], to=_onnx_type("float64")),
        helper.make_node("Mul", ["double", "target_scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "target_mean"], ["logarithm" if is_log else target.name]),
    ]
    if is_log:
        constants += [numpy_helper.from_array(np.array(end), name) for name, end in (("least", -MOST_LOG), ("most", MOST_LOG))]
        nodes.append(helper.make_node("Clip", ["logarithm", "least", "most"], ["clipped"]))
        nodes.append(helper.make_node("Exp", ["clipped"], [target.name]))
    return _close_end(proto, nodes, constants, target)


def _open_end(proto: Any) -> tuple[Any, list[str]]:
    """The model with its outputs taken off and every name but its input's out of the way, and the names of those outputs."""
    from onnx.compose import add_prefix

    proto = add_prefix(proto, "model_", rename_inputs=False)
    names = [output.name for output in proto.graph.output]
    del proto.graph.output[:]
    return proto, names


def _close_end(proto: Any, nodes: list[Any], constants: list[Any], target: Port) -> Any:
    from onnx import helper

    proto.graph.node.extend(nodes)
    proto.graph.initializer.extend(constants)
    proto.graph.output.append(helper.make_tensor_value_info(target.name, _onnx_type(target.dtype), ["batch", *target.shape]))
    if not any(used.domain in ("", "ai.onnx") for used in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid("", OPSET))
    return proto


def _onnx_type(dtype: str) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
