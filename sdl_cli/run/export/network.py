"""A fitted network, with its members and everything around them, as one graph."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier
from torch import Tensor, nn
from torch.nn import functional as F

from sdl_cli.errors import ConfigError, RunError
from sdl_cli.learning import losses
from sdl_cli.learning.models.backbone import backbones_of
from sdl_cli.learning.models.estimator import NetworkEstimator
from sdl_cli.learning.models.prepared import MOST_LOG
from sdl_cli.learning.models.pretrained_table import MOST_SCALED, PretrainedTable
from sdl_cli.phrases import first_line
from sdl_cli.run import writing
from sdl_cli.run.export.graph import OPSET, Array, Graph, Port, finish_onnx, output_port

_ROW = "One row of features, in the order that `preprocessing` gives."
LARGEST_BYTES = 2**31 - 2**20  # protobuf, and so an ONNX file, ends at 2 GB


class Predictor(nn.Module):
    """All of `predict_proba` or `predict` of a fitted estimator as one module, in float32.

    It maps images `uint8 (N, C, H, W)` or a table `float64 (N, F)` to class probabilities `float32 (N, K)`, or to numbers
    `float64 (N,)`. A table is standardised in float64, as the estimator does, and so is a predicted number restored to its unit:
    float32 would lose the digits of a small spread around a large mean. The networks are shared, not copied.
    """

    def __init__(self, estimator: NetworkEstimator, is_log: bool = False) -> None:
        super().__init__()
        self.is_log = is_log  # it learned the logarithm of the target
        self.members = nn.ModuleList(estimator.networks_)
        self.classify = bool(is_classifier(estimator))
        cosine = isinstance(estimator.loss_, losses.Cosine)
        self.combined = cosine and estimator.loss_.xent_weight > 0
        self.temperature = estimator.temperature_ if cosine and not self.combined else None
        self.mean: Tensor | None
        self.scale: Tensor | None
        self.register_buffer("mean", torch.from_numpy(estimator.mean_) if hasattr(estimator, "mean_") else None)
        self.register_buffer("scale", torch.from_numpy(estimator.scale_) if hasattr(estimator, "scale_") else None)
        if not self.classify:  # as tensors: the exporter writes a plain number as float32
            self.target_mean: Tensor
            self.target_scale: Tensor
            self.register_buffer("target_mean", torch.tensor(estimator.target_mean_, dtype=torch.float64))
            self.register_buffer("target_scale", torch.tensor(estimator.target_scale_, dtype=torch.float64))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            x = x.float() / 255
        elif self.mean is not None and self.scale is not None:
            x = ((x - self.mean) / self.scale).float()
        else:
            x = x.float()
        outputs = torch.stack([member(x).float() for member in self.members])
        if not self.classify:
            # the mean in units of the scale: optimizers drop a constant near 0 that is added
            found = (outputs.double().mean(0)[:, 0] + self.target_mean / self.target_scale) * self.target_scale
            return found.clamp(-MOST_LOG, MOST_LOG).exp() if self.is_log else found
        if self.combined:
            outputs = outputs[..., outputs.shape[-1] // 2 :]
        elif self.temperature is not None:
            outputs = self.temperature * F.normalize(outputs, dim=-1)
        return outputs.softmax(-1).mean(0)


class Reader(nn.Module):
    """All of `predict_proba` of a fitted `PretrainedTable`, with its labelled rows, as one module in float32.

    It maps a table `float64 (N, F)` to class probabilities `float32 (N, K)`. Raises ConfigError for classes in groups, whose
    questions depend on each other.
    """

    def __init__(self, estimator: PretrainedTable) -> None:
        super().__init__()
        answers = estimator.answers_
        self.net, self.node = answers.net, answers.root
        if self.node.inside:
            message = f"This model tells {answers.num_classes} classes apart in groups, which is not one graph."
            raise ConfigError(message, "Use sdl predict with the run itself.")
        for name in ("columns", "mean", "scale"):
            self.register_buffer(f"table_{name}", torch.from_numpy(getattr(estimator, f"{name}_")))
        for number, each in enumerate(self.node.passes):
            rows, labels = answers.labelled(self.node, (each,))
            self.register_buffer(f"table_rows{number}", torch.from_numpy(rows).float())
            self.register_buffer(f"table_labels{number}", torch.from_numpy(labels))
            self.register_buffer(f"table_order{number}", torch.from_numpy(each.columns))
            self.register_buffer(f"table_numbers{number}", torch.from_numpy(each.numbers))
            for name, axes in zip(("center", "directions"), each.axes or (), strict=False):
                self.register_buffer(f"table_{name}{number}", torch.from_numpy(np.ascontiguousarray(axes)))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        known = dict(self.named_buffers(recurse=False))
        asked = (
            ((x[:, known["table_columns"]] - known["table_mean"]) / known["table_scale"]).clamp(-MOST_SCALED, MOST_SCALED).float()
        )
        total = torch.zeros(x.shape[0], 1)
        for number, each in enumerate(self.node.passes):
            rows = asked
            if each.axes is not None:
                rows = (
                    (rows.nan_to_num(0.0).double() - known[f"table_center{number}"]) @ known[f"table_directions{number}"]
                ).float()
            memory = self.net.remember(known[f"table_rows{number}"], known[f"table_labels{number}"])
            logits = self.net.answer(memory, rows[None][:, :, known[f"table_order{number}"]])[0, :, : len(self.node.classes)]
            total = total + each.weight * logits.softmax(-1)[:, known[f"table_numbers{number}"]]
        return total / total.sum(1, keepdim=True)


def to_onnx(estimator: NetworkEstimator | PretrainedTable, described: dict[str, Any]) -> Graph:
    """The estimator as an ONNX graph. Raises ConfigError where it is over 2 GB, RunError where torch cannot write it."""
    predictor, source, inside = _prepare(estimator, described["target_scale"] == "log")
    num_bytes = sum(t.numel() * t.element_size() for t in predictor.state_dict().values())
    if num_bytes > LARGEST_BYTES:
        message = f"This network has {num_bytes / 1e9:.1f} GB, but an ONNX file holds at most 2 GB."
        raise ConfigError(message, "End the file in .pt2.")
    target = output_port(described["classes"])
    try:
        # torch's exporter warns of its own insides, which no reader can act on; what it writes is compared afterwards
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                predictor, (_example(source),), dynamo=True, input_names=[source.name], output_names=[target.name],
                dynamic_shapes=({0: torch.export.Dim("batch")},), opset_version=OPSET, external_data=False, verbose=False,
                optimize=not isinstance(estimator, PretrainedTable),  # it would compute what the labelled rows contribute, slowly
            )  # fmt: skip
        assert program is not None
        return finish_onnx(program.model_proto, described, source, target, inside)
    except Exception as error:  # an exporter raises nearly anything
        raise RunError(f"This network cannot be written as ONNX: {first_line(error)}", "End the file in .pt2 instead.") from error


def to_program(estimator: NetworkEstimator | PretrainedTable, described: dict[str, Any]) -> Graph:
    """The estimator as a program of torch.export; the description is inside it too. Raises RunError where torch cannot."""
    predictor, source, inside = _prepare(estimator, described["target_scale"] == "log")
    target = output_port(described["classes"])
    ports = {"input": source.to_plain(), "output": target.to_plain()}
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(predictor, (_example(source),), dynamic_shapes=({0: torch.export.Dim("batch")},))
            torch.export.save(program, buffer, extra_files={"sdl.json": json.dumps(writing.finite(described | ports))})
            again = torch.export.load(io.BytesIO(buffer.getvalue())).module()
    except Exception as error:
        raise RunError(f"torch.export cannot take this network: {first_line(error)}", "End the file in .onnx instead.") from error

    def run(inputs: Array) -> Array:
        with torch.no_grad():
            return np.asarray(again(torch.from_numpy(inputs)))

    return Graph(buffer.getvalue(), None, run, source, target, inside)


def _prepare(estimator: NetworkEstimator | PretrainedTable, is_log: bool) -> tuple[nn.Module, Port, list[str]]:
    if isinstance(estimator, PretrainedTable):
        source = Port("features", (int(estimator.n_features_in_),), "float64", _ROW)
        return Reader(estimator), source, ["The labelled rows are inside, and every call reads them."]
    shape = tuple(estimator.input_shape_)
    if len(shape) == 3:
        source = Port("images", shape, "uint8", "Images (channel, row, column), pixel values 0 to 255.")
        inside = ["Pixels are divided by 255 and standardised per channel."]
        hows = list(dict.fromkeys((part.how.resize_px, part.how.crop_px) for part in backbones_of(estimator.networks_[0].body)))
        for resize_px, crop_px in reversed(hows):  # of several networks, each for its own
            resized = f"Images whose shorter side is not {resize_px} pixels are resized to it"
            inside.insert(0, f"{resized}, and the centre square of {crop_px} pixels is cropped.")
    else:
        what = "One series: its channels, and the steps of each in order." if len(shape) == 2 else _ROW
        source = Port("series" if len(shape) == 2 else "features", shape, "float64", what)
        inside = ["Features are standardised with the mean and standard deviation of the training rows."]
    if len(estimator.networks_) > 1:
        inside.append(f"The outputs of {len(estimator.networks_)} networks are averaged.")
    if is_log:
        inside.append("The networks predict a logarithm; its exponential comes out.")
    return Predictor(estimator, is_log), source, inside


def _example(source: Port) -> Tensor:
    return torch.zeros((2, *source.shape), dtype=getattr(torch, source.dtype))
