"""timm's networks as feature extractors: their names, how they are built and fed, and where their weights are kept.

Nothing is downloaded by timm itself: the weights come through `hub_weights` as safetensors, and are compared by name and shape.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sdl_cli.data.vision import import_torchvision
from sdl_cli.errors import ConfigError, DataError
from sdl_cli.files import MOST_JSON_BYTES, plain_json, read_guarded
from sdl_cli.learning.models import hub_weights
from sdl_cli.learning.models.architectures import TIMM
from sdl_cli.learning.models.preprocessing import Preprocessing
from sdl_cli.phrases import first_line, listed, shortened

_IMAGE_PX = "sdl_image_px"  # what a network remembers of how it was built
_MOST_NAMED = 6  # of the names of weights that an error lists
_EXAMPLES = "For example timm/convnext_atto, timm/vit_small_patch14_dinov2, timm/vit_base_patch16_siglip_224."


class _Built(NamedTuple):
    """What timm's builder is told besides the name, and the sizes of what it then gives."""

    arguments: dict[str, Any]
    num_features: int
    num_parameters: int


def import_timm() -> Any:
    """timm; a ConfigError that names the extra where it is missing."""
    import_torchvision()  # first and without torch's compiler: timm imports it too
    return hub_weights.import_extra("timm", "timm", "model.architecture=timm/NAME")


def check(architecture: str, weights: str = "none") -> None:
    """Raise ConfigError for `timm/NAME` or `timm/NAME.TAG` that timm does not list, or that cannot serve here.

    Arguments:
        weights: as `model.weights`; with default, some must be known for this network.
    """
    timm = import_timm()
    name = architecture.removeprefix(TIMM)
    bare, dot, tag = name.partition(".")
    known = timm.list_models()
    if bare not in known:
        newer = timm.models.get_deprecated_models().get(name) or timm.models.get_deprecated_models().get(bare)
        near = [newer] if newer else difflib.get_close_matches(bare.lower(), known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(TIMM + other for other in near)}?" if near else _EXAMPLES
        raise ConfigError(f"model.architecture: timm has no network called {shortened(name)!r}.", hint)
    tags = [other.partition(".")[2] for other in timm.list_models(f"{bare}.*", pretrained=True)]
    if dot and tag not in tags:
        what = f"model.architecture: timm has no weights {shortened(tag)!r} of {bare}."
        there = f"There are: {listed(tags, _MOST_NAMED)}." if tags else f"It has none at all; write {TIMM}{bare}."
        raise ConfigError(what, there)
    if weights == "default" and not tags:
        hint = "Give a file, model.weights=FILE.safetensors, or train from random ones: model.weights=none."
        raise ConfigError(f"model.weights: timm has no pretrained weights of {bare}.", hint)
    if weights == "default":
        _on_hub(architecture)
    channels = _config(architecture).input_size[0]
    if channels != 3:
        hint = "Choose a network for red, green and blue, which grey images are brought to as well."
        raise ConfigError(f"model.architecture: {architecture} sees images of {channels} channels.", hint)


def build(architecture: str, image_px: int | None = None) -> tuple[nn.Module, int]:
    """The network without its classifier, with fresh weights, and the size D of the embeddings `(N, D)` that it then gives.

    Its position embeddings, where it has any, are made for squares of `image_px`; None is the size of its weights.

    Raises ConfigError: no such network, or one that does not take images of that size.
    """
    check(architecture)
    image_px = image_px or preprocessing(architecture).crop_px
    built = _built(architecture, image_px)
    net = _create(architecture, num_classes=0, **built.arguments)
    setattr(net, _IMAGE_PX, image_px)
    return net, built.num_features


def num_parameters(architecture: str, image_px: int | None = None) -> int:
    """Weights of the network with its classifier; nothing is allocated."""
    built = _built(architecture, image_px or preprocessing(architecture).crop_px)
    return built.num_parameters + (built.num_features + 1) * int(_config(architecture).num_classes)


def preprocessing(architecture: str, image_size_px: int | None = None) -> Preprocessing:
    """What timm's own evaluation transform does, by its data config: a side of floor(size / crop fraction), then a crop.

    It resizes tensors in float32 and clamps, where timm resizes Pillow images in 8 bits: values differ by their rounding.
    """
    timm = import_timm()
    found = timm.data.resolve_data_config(pretrained_cfg=_config(architecture).to_dict())
    _, height, width = found["input_size"]
    if height != width and image_size_px is None:
        what = f"model.architecture: {architecture} was trained on images of {height} x {width} px, and sdl reads squares."
        raise ConfigError(what, f"Set the side of the square, for example model.image_size_px={min(height, width)}.")
    side = image_size_px or height
    how = str(found["crop_mode"]), str(found["interpolation"])
    return Preprocessing(math.floor(side / found["crop_pct"]), side, tuple(found["mean"]), tuple(found["std"]), how[1], how[0])


def hub_record(architecture: str) -> hub_weights.HubWeights:
    """Where the pretrained weights are, how large (in float32), and under whose licence, which timm knows without a network."""
    repository, file = _on_hub(architecture)
    num_bytes, licence = 4 * num_parameters(architecture), _config(architecture).license or "not stated"
    return hub_weights.HubWeights(repository, "model.weights", num_bytes, licence, (file,), "timm")


def default_file(architecture: str) -> Path:
    """The file of the pretrained weights, fetched before or now; raises DataError where neither can be."""
    record = hub_record(architecture)
    file = hub_weights.fetch(record) / record.files[0]
    if not file.is_file():
        raise hub_weights.unavailable(record)
    return file


def fitted(net: nn.Module, architecture: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights by the names and shapes of `net` (from `build`), by timm's own conversion where they differ.

    timm renames what older files call otherwise, and brings position embeddings to another image size. What it cannot convert
    comes back as it is.
    """
    own = net.state_dict()
    if all(name in state and state[name].shape == value.shape for name, value in own.items()):
        return state
    config = _config(architecture)
    arguments = _built(architecture, getattr(net, _IMAGE_PX)).arguments
    heads = [config.classifier] if isinstance(config.classifier, str) else list(config.classifier or ())
    found = next((len(state[f"{head}.weight"]) for head in heads if f"{head}.weight" in state), 0)
    for num_classes in dict.fromkeys((found, config.num_classes, 0)):  # timm loads all or nothing where this is right
        with contextlib.suppress(Exception), torch.random.fork_rng(devices=[]):
            overlay = {"state_dict": state, "num_classes": num_classes}
            more = arguments | {"num_classes": num_classes, "pretrained": True, "pretrained_cfg_overlay": overlay}
            converted: Any = _create(architecture, **more)
            converted.reset_classifier(0)
            return {name: value.detach() for name, value in converted.state_dict().items()}
    return state


def check_folder(folder: Path, architecture: str) -> None:
    """Raise DataError where the config.json beside downloaded weights names another network."""
    with contextlib.suppress(OSError, ValueError):
        values = plain_json(read_guarded(folder / "config.json", MOST_JSON_BYTES))
        named = str(values.get("architecture") or "") if isinstance(values, dict) else ""
        own = architecture.removeprefix(TIMM).partition(".")[0]
        if named and named != own:
            what = f"model.weights: {folder} holds weights of {shortened(named)}, not of {own}."
            raise DataError(what, f"Set model.architecture={TIMM}{shortened(named)}, or give the weights of {own}.")


def _on_hub(architecture: str) -> tuple[str, str]:
    """The repository and the file of the pretrained weights; a ConfigError for those that are not there as safetensors."""
    config = _config(architecture)
    file = config.hf_hub_filename or "model.safetensors"
    if not config.hf_hub_id or not file.endswith(".safetensors"):
        what = f"model.weights: timm's weights of {architecture} are not on the hub as safetensors."
        elsewhere = f"Download {config.url}, and set model.weights=FILE" if config.url else "Set model.weights=FILE"
        raise ConfigError(what, f"{elsewhere}; or choose another network.")
    return str(config.hf_hub_id), str(file)


def _config(architecture: str) -> Any:
    """timm's record of the weights that a name stands for: its default ones where no tag is given."""
    timm = import_timm()
    return timm.models.get_pretrained_cfg(architecture.removeprefix(TIMM)) or timm.models.PretrainedCfg()


@functools.lru_cache(maxsize=64)
def _built(architecture: str, image_px: int) -> _Built:
    """How the builder makes a network for squares of that size, tried without allocating anything."""
    config = _config(architecture)
    own_px, sized = config.input_size[1], {"img_size": image_px}
    ways: list[dict[str, Any]] = [{}] if image_px == own_px else [sized, {}] if config.fixed_input_size else [{}, sized]
    why: Exception | None = None
    for arguments in ways:
        try:
            with torch.random.fork_rng(devices=[]), torch.device("meta"), torch.no_grad():
                net = _create(architecture, num_classes=0, **arguments).eval()
                features = net(torch.zeros(2, 3, image_px, image_px))
        except Exception as error:  # builders raise nearly anything for a size that they do not take
            why = why or error
            continue
        if not isinstance(features, Tensor) or features.ndim != 2:
            hint = "Choose one that classifies, or embeds a whole image."
            raise ConfigError(f"model.architecture: {architecture} gives parts of an image, not one embedding of it.", hint)
        return _Built(arguments, features.shape[1], sum(weight.numel() for weight in net.parameters()))
    what = f"model.image_size_px: {architecture} does not take images of {image_px} px"
    raise ConfigError(f"{what} ({first_line(why, 120) if why else ''}).", f"Its weights saw {own_px} px.")


def _create(architecture: str, **arguments: Any) -> nn.Module:
    timm = import_timm()
    with _quiet():
        net: nn.Module = timm.create_model(architecture.removeprefix(TIMM), **({"pretrained": False} | arguments))
    return net


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """timm without its log, which speaks of its own insides."""
    logger = logging.getLogger("timm")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
