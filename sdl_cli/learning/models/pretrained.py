"""Pretrained networks as feature extractors: torchvision's builder, or timm's, weights from five places, their preprocessing."""

from __future__ import annotations

import difflib
import hashlib
import socket
import urllib.error
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sdl_cli.data.vision import import_torchvision
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import MOST_JSON_BYTES, plain_json, read_guarded
from sdl_cli.learning.models import timm_networks
from sdl_cli.learning.models.architectures import TIMM, Names, each, sources
from sdl_cli.learning.models.preprocessing import Preprocessing
from sdl_cli.phrases import shortened


def architectures() -> list[str]:
    """Names of all classification builders that torchvision lists."""
    torchvision = import_torchvision()

    return [str(name) for name in torchvision.models.list_models(module=torchvision.models)]


def check_architecture(name: str, weights: str = "none") -> str:
    """`name` if torchvision has it, or timm where it begins with timm/; otherwise a ConfigError with the nearest one.

    `weights`, as of the settings, must exist where they are timm's default ones.
    """
    if name.startswith(TIMM):
        timm_networks.check(name, weights)
        return name
    if name in architectures():
        return name
    if name.startswith(("hf-hub:", "hf_hub:", "local-dir:")):
        hint = "Write timm/NAME for a network that timm lists, with model.weights=FOLDER for weights of your own."
        raise ConfigError(f"model.architecture: {shortened(name)}: networks are not built by what a hub or a folder says.", hint)
    near = difflib.get_close_matches(name.lower(), architectures(), n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else "For example squeezenet1_1, resnet50; timm's are timm/NAME."
    raise ConfigError(f"model.architecture: torchvision has no classification network called {name!r}.", hint)


def build_backbone(architecture: str, image_px: int | None = None) -> tuple[nn.Module, int]:
    """The network without its last layer, with fresh weights, and the size D of the embeddings it then gives.

    A vision transformer is built for squares of `image_px`, which its position embeddings depend on; the others take any size.

    The last layer is the last linear layer or convolution with torchvision's 1000 outputs; identity takes its place, so what
    follows it (SqueezeNet pools there) and what precedes it (dropout) stay.
    """
    if architecture.startswith(TIMM):
        return timm_networks.build(architecture, image_px)
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
    """Weights of the network of that name, its last layer included, as torchvision's own records say."""
    if architecture.startswith(TIMM):
        return timm_networks.num_parameters(architecture)
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
    check_architecture(architecture)
    run = _run_folder(weights)
    if run is not None:
        found = _preprocessing_of_run(run, architecture)
    elif architecture.startswith(TIMM):
        return timm_networks.preprocessing(architecture, image_size_px)
    else:
        how = import_torchvision().models.get_model_weights(architecture).DEFAULT.transforms()
        found = Preprocessing(how.resize_size[0], how.crop_size[0], tuple(how.mean), tuple(how.std), how.interpolation.value)
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
        state, where = _default_weights(architecture), f"the file of the weights for {architecture}"
    elif run is not None:
        state, where = _weights_of_run(run, architecture), str(run)
    else:
        state, where = read_state_dict(_weights_file(Path(weights).expanduser(), architecture)), weights
    if architecture.startswith(TIMM):
        state = timm_networks.fitted(backbone, architecture, state)
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


def weights_key(architecture: Names, weights: Names) -> str:
    """A sha256 of the weights themselves, of all networks together, whatever they are called and wherever they lie."""
    found = []
    for name, own in sources(architecture, weights):
        backbone, _ = build_backbone(name)
        load_weights(backbone, name, own)
        found.append(digest_of_tensors(backbone.state_dict()))
    return found[0] if len(found) == 1 else hashlib.sha256(" ".join(found).encode()).hexdigest()


def digest_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """A sha256 of names and contents, in order."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors in a .pth/.pt file (read with weights_only) or a .safetensors file, without wrappers and prefixes."""
    if not path.is_file():
        what = f"model.weights: there is no file {path}."
        raise DataError(what, "Give default, none, a .pth or .safetensors file or its folder, or the folder of an sdl run.")
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
    if architecture.startswith(TIMM):
        return read_state_dict(timm_networks.default_file(architecture))
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
    """The folder of a run; not that of weights as a hub keeps them, which has no model.json."""
    path = Path(weights).expanduser()
    if weights in ("default", "none") or not path.is_dir():
        return None
    return path if (path / "model.json").exists() or not _weights_in(path) else None


def _weights_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in (".safetensors", ".bin", ".pth", ".pt"))


def _weights_file(path: Path, architecture: str) -> Path:
    """The file itself, or the one in a folder of downloaded weights. Raises DataError: several, or for another network."""
    if not path.is_dir():
        return path
    if architecture.startswith(TIMM):
        timm_networks.check_folder(path, architecture)
    files = _weights_in(path)
    found = [file for file in files if file.suffix == ".safetensors"]
    if not found:
        what = f"model.weights: {path} holds no .safetensors file, and others can hold code."
        raise DataError(what, f"Fetch that one; or name the file, which is then read as tensors alone: model.weights={files[0]}")
    whole = [file for file in found if file.name == "model.safetensors"] or found
    if len(whole) > 1:
        names = ", ".join(file.name for file in whole[:3])
        raise DataError(f"model.weights: {path} holds {len(whole)} files of weights ({names}).", "Name one: model.weights=FILE")
    return whole[0]


def _model_json(run: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = plain_json(read_guarded(run / "model.json", MOST_JSON_BYTES, within=run))
    except (OSError, ValueError) as error:
        what = f"model.weights: {run} is not a finished sdl run with a model, and holds no weights."
        hint = "Give the folder of a finished run of model=finetuned_cnn, or one with a .safetensors file."
        raise DataError(what, hint) from error
    if values.get("model") != "finetuned_cnn":
        what = f"model.weights: {run} is a run of model={values.get('model')}."
        raise DataError(what, "Only runs of model=finetuned_cnn can be fine-tuned further.")
    return values


def _place_in_run(run: Path, architecture: str) -> tuple[int, int]:
    """Which of the networks of a run it is, and how many there are."""
    names = each(_model_json(run)["params"].get("architecture") or ())
    if architecture not in names:
        what = f"model.weights: {run} was trained with {' and '.join(names)}, not {architecture}."
        written = names[0] if len(names) == 1 else f"[{','.join(names)}]"
        raise DataError(what, f"Add model.architecture={written}.")
    if names.count(architecture) > 1:
        what = f"model.weights: {run} has several networks of {architecture}, and it is not known which is meant."
        raise DataError(what, "Start from a run of one of them.")
    return names.index(architecture), len(names)


def _preprocessing_of_run(run: Path, architecture: str) -> Preprocessing:
    place, _ = _place_in_run(run, architecture)
    stored = _model_json(run)["fitted"]["preprocessing"]
    return Preprocessing.from_plain(stored[place] if isinstance(stored, list) else stored)


def _weights_of_run(run: Path, architecture: str) -> dict[str, Tensor]:
    place, number = _place_in_run(run, architecture)
    prefix = "0.body.backbone." if number == 1 else f"0.body.parts.{place}.backbone."
    return {k.removeprefix(prefix): v for k, v in read_state_dict(run / "model.safetensors").items() if k.startswith(prefix)}
