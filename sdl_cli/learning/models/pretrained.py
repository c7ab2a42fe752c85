"""torchvision's networks as feature extractors: the builder, its weights from four places, and their preprocessing."""

from __future__ import annotations

import difflib
import hashlib
import socket
import urllib.error
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sdl_cli.data.vision import import_torchvision
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import MOST_JSON_BYTES, plain_json, read_guarded

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How images become a network's input: short side to `resize_px`, centre crop of `crop_px`, (x - mean) / std on [0, 1]."""

    resize_px: int
    crop_px: int
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    interpolation: str = "bilinear"

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Preprocessing:
        """From JSON values; the numbers are bounded, since the file may be anyone's."""
        resize_px, crop_px = int(values["resize_px"]), int(values["crop_px"])
        mean, std = tuple(map(float, values["mean"])), tuple(map(float, values["std"]))
        interpolation = str(values["interpolation"])
        if not (1 <= crop_px <= 2048 and crop_px <= resize_px <= 4096 and len(mean) == len(std) == 3 and min(std) > 0):
            raise DataError("The stored preprocessing is out of bounds.")
        if interpolation not in ("nearest", "bilinear", "bicubic"):
            raise DataError(f"The stored interpolation {interpolation!r} is unknown.")
        return cls(resize_px, crop_px, mean, std, interpolation)


def architectures() -> list[str]:
    """Names of all classification builders that torchvision lists."""
    torchvision = import_torchvision()

    return [str(name) for name in torchvision.models.list_models(module=torchvision.models)]


def check_architecture(name: str) -> str:
    """`name` if torchvision has it; otherwise a ConfigError with the nearest one."""
    if name in architectures():
        return name
    near = difflib.get_close_matches(name.lower(), architectures(), n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else "For example squeezenet1_1, resnet18, resnet50, convnext_tiny."
    raise ConfigError(f"model.architecture: torchvision has no classification network called {name!r}.", hint)


def build_backbone(architecture: str, image_px: int | None = None) -> tuple[nn.Module, int]:
    """The network without its last layer, with fresh weights, and the size D of the embeddings it then gives.

    A vision transformer is built for squares of `image_px`, which its position embeddings depend on; the others take any size.

    The last layer is the last linear layer or convolution with torchvision's 1000 outputs; identity takes its place, so what
    follows it (SqueezeNet pools there) and what precedes it (dropout) stay.
    """
    torchvision = import_torchvision()

    check_architecture(architecture)
    more: dict[str, Any] = {}
    if architecture in ("googlenet", "inception_v3"):
        more = {"aux_logits": False, "init_weights": True}
    elif architecture.startswith("vit_") and image_px is not None:
        more = {"image_size": image_px}
    net: nn.Module = torchvision.models.get_model(architecture, weights=None, **more)
    name = head_name(net)
    head = net.get_submodule(name)
    parent, _, last = name.rpartition(".")
    setattr(net.get_submodule(parent), last, nn.Identity())
    size = head.in_features if isinstance(head, nn.Linear) else head.in_channels
    assert isinstance(size, int)
    return net, size


def num_parameters(architecture: str) -> int:
    """Weights of torchvision's network of that name, its last layer included, as its own records say."""
    torchvision = import_torchvision()

    return int(torchvision.models.get_model_weights(architecture).DEFAULT.meta["num_params"])


def head_name(net: nn.Module, num_outputs: int = 1000) -> str:
    """Full name of the layer that gives the class scores."""
    sizes = {nn.Linear: "out_features", nn.Conv2d: "out_channels"}
    found = [name for name, part in net.named_modules() if getattr(part, sizes.get(type(part), ""), None) == num_outputs]
    assert found, f"no layer with {num_outputs} outputs in {type(net).__name__}"
    return str(found[-1])


def preprocessing(architecture: str, weights: str, image_size_px: int | None = None) -> Preprocessing:
    """What the weights were trained with; `image_size_px` overrides the crop, keeping the ratio of resize to crop."""
    torchvision = import_torchvision()

    check_architecture(architecture)
    best = torchvision.models.get_model_weights(architecture).DEFAULT
    how = best.transforms()
    found = Preprocessing(how.resize_size[0], how.crop_size[0], tuple(how.mean), tuple(how.std), how.interpolation.value)
    run = _run_folder(weights)
    if run is not None:
        found = Preprocessing.from_plain(_model_json(run)["fitted"]["preprocessing"])
    if image_size_px is not None and image_size_px != found.crop_px:
        resize = round(image_size_px * found.resize_px / found.crop_px)
        found = replace(found, resize_px=resize, crop_px=image_size_px)
    return found


def load_weights(backbone: nn.Module, architecture: str, weights: str) -> None:
    """Fill `backbone` (from `build_backbone`) with weights, named as in `FinetunedCNNSettings`.

    Raises:
        DataError: a file that is missing, damaged or does not fit, or weights that are not here and cannot be downloaded.
    """
    if weights == "none":
        return
    run = _run_folder(weights)
    if weights == "default":
        state, where = _default_weights(architecture), f"torchvision's weights for {architecture}"
    elif run is not None:
        state, where = _weights_of_run(run, architecture), str(run)
    else:
        state, where = read_state_dict(Path(weights).expanduser()), weights
    own = backbone.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}
    missing = [k for k in own if k not in fitting and not k.endswith("num_batches_tracked")]
    if missing:
        raise DataError(
            f"model.weights: {where} does not fit {architecture}: {len(missing)} of its {len(own)} tensors are missing or of "
            f"another shape, the first {missing[0]}.",
            "Set model.architecture to the network these weights belong to.",
        )
    backbone.load_state_dict(fitting, strict=False)


def weights_key(architecture: str, weights: str) -> str:
    """A sha256 of the weights themselves, whatever they are called and wherever they lie."""
    backbone, _ = build_backbone(architecture)
    load_weights(backbone, architecture, weights)
    digest = hashlib.sha256()
    for name, tensor in backbone.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors in a .pth/.pt file (read with weights_only) or a .safetensors file, without wrappers and prefixes."""
    if not path.is_file():
        what = f"model.weights: there is no file {path}."
        raise DataError(what, "Give default, none, a .pth or .safetensors file, or the folder of an sdl run.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files raise nearly anything
        raise DataError(
            f"model.weights: {path} cannot be read as a state dict ({type(error).__name__}).",
            "Save one with torch.save(net.state_dict(), path) or as safetensors; whole pickled models are refused.",
        ) from error
    for wrapper in ("state_dict", "model", "model_state_dict"):
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise DataError(f"model.weights: {path} is not a state dict.", "Save one with torch.save(net.state_dict(), path).")
    return {k.removeprefix("module."): v for k, v in found.items()}


def _default_weights(architecture: str) -> dict[str, Tensor]:
    torchvision = import_torchvision()

    best = torchvision.models.get_model_weights(architecture).DEFAULT
    name = best.url.rpartition("/")[2]
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    waited = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)  # urlopen has none of its own: a network that never answers would hang the run
    try:
        state: dict[str, Tensor] = best.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        raise DataError(
            f"model.weights: the pretrained weights of {architecture} are not on this machine and could not be downloaded.",
            f"Download {best.url} elsewhere and save it as {file}; or set TORCH_HOME, or model.weights to a file or to none.",
        ) from error
    except Exception as error:
        what = f"model.weights: {file} is damaged ({type(error).__name__})."
        raise DataError(what, "Delete it; sdl then downloads it again.") from error
    finally:
        socket.setdefaulttimeout(waited)
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


def _run_folder(weights: str) -> Path | None:
    path = Path(weights).expanduser()
    return path if weights not in ("default", "none") and path.is_dir() else None


def _model_json(run: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = plain_json(read_guarded(run / "model.json", MOST_JSON_BYTES, within=run))
    except (OSError, ValueError) as error:
        what = f"model.weights: {run} is not a finished sdl run with a model."
        raise DataError(what, "Give the folder of a finished run of model=finetuned_cnn.") from error
    if values.get("model") != "finetuned_cnn":
        what = f"model.weights: {run} is a run of model={values.get('model')}."
        raise DataError(what, "Only runs of model=finetuned_cnn can be fine-tuned further.")
    return values


def _weights_of_run(run: Path, architecture: str) -> dict[str, Tensor]:
    stored = _model_json(run)["params"].get("architecture")
    if stored != architecture:
        what = f"model.weights: {run} was trained with {stored}, not {architecture}."
        raise DataError(what, f"Add model.architecture={stored}.")
    prefix = "0.body.backbone."
    return {k.removeprefix(prefix): v for k, v in read_state_dict(run / "model.safetensors").items() if k.startswith(prefix)}
