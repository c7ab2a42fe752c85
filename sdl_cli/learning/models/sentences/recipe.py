"""What a sentence network is made of, apart from its tensors: an architecture, its sizes, and the modules behind it.

What a folder or a stored run says of it is held to written lists: kinds of modules, architectures, and those settings of an
architecture that are plain numbers or words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

# the architectures whose inputs and outputs are known here, and the settings that make up the size of each
ARCHITECTURES = ("albert", "bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta")
_SIZES = {
    "vocab_size": 1_000_000, "hidden_size": 16_384, "dim": 16_384, "embedding_size": 16_384, "intermediate_size": 65_536,
    "hidden_dim": 65_536, "num_hidden_layers": 128, "n_layers": 128, "num_attention_heads": 256, "n_heads": 256,
    "max_position_embeddings": 32_768, "type_vocab_size": 16, "num_hidden_groups": 128, "inner_group_num": 128,
    "relative_attention_num_buckets": 1024,
}  # fmt: skip
_NUMBERS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "layer_norm_eps", "initializer_range",
    "sinusoidal_pos_embds", "classifier_dropout_prob",
)  # fmt: skip
_LEAST_VOCABULARY = 30_000  # that transformers gives an architecture whose settings do not say how many pieces it knows
_ACTIVATIONS = ("gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "swish", "tanh")
_DENSE_ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid", "SiLU")
POOLING = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
_OLD_POOLING = {
    "pooling_mode_cls_token": "cls", "pooling_mode_max_tokens": "max", "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}  # fmt: skip
MODULES = ("Transformer", "Pooling", "Dense", "Normalize")


@dataclass(frozen=True)
class Recipe:
    """All that makes a sentence network but its tensors; JSON-ready, and checked.

    Arguments:
        architecture: one of `ARCHITECTURES`. config: its settings.
        modules: what follows it, in order: `{"kind": one of MODULES, ...}` with its settings.
        max_tokens: word pieces of a text that are read, with the marks around them. lower_case: texts are lowered first.
        prompt: what is put before each text.
    """

    architecture: str
    config: dict[str, Any]
    modules: tuple[dict[str, Any], ...]
    max_tokens: int
    lower_case: bool
    prompt: str

    def to_plain(self) -> dict[str, Any]:
        return {**vars(self), "modules": list(self.modules)}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Recipe:
        """From JSON values that anyone may have written. Raises DataError for what no folder could give."""
        try:
            config = checked_config(values["config"], str(values["architecture"]), "the stored network")
            modules = tuple(checked_module(dict(one), "the stored network") for one in values["modules"])
            tokens, lower, prompt = values["max_tokens"], values["lower_case"], values["prompt"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"The stored sentence network is incomplete ({type(error).__name__}).") from error
        sound = type(tokens) is int and 1 <= tokens <= longest(str(values["architecture"]), config)
        if not sound or not isinstance(lower, bool) or not isinstance(prompt, str) or len(prompt) > 10_000:
            raise DataError("The stored sentence network is damaged: its settings contradict each other.")
        return cls(str(values["architecture"]), config, modules, tokens, lower, prompt)


def checked_config(config: Mapping[str, Any], architecture: str, where: str) -> dict[str, Any]:
    """Those settings of an architecture that are known here, each of a type and size that it can have; others are left out."""
    if "auto_map" in config:
        what = f"{where}: its config.json names code of its own (auto_map), which is not run."
        raise DataError(what, "Use weights of an architecture that transformers has itself.")
    if architecture not in ARCHITECTURES:
        what = f"{where}: sdl does not read the architecture {shortened(architecture, 60)}."
        raise DataError(what, f"Use weights of one of these: {', '.join(ARCHITECTURES)}.")
    found: dict[str, Any] = {}
    for key, most in _SIZES.items():
        if key in config:
            if type(config[key]) is not int or not 1 <= config[key] <= most:
                raise DataError(f"{where}: {key} is {shortened(repr(config[key]), 60)}, not a whole number from 1 to {most:,}.")
            found[key] = config[key]
    for key in _NUMBERS:
        if config.get(key) is not None:
            if not isinstance(config[key], (bool, int, float)) or not math.isfinite(config[key]):
                raise DataError(f"{where}: {key} is {shortened(repr(config[key]), 60)}, not a number.")
            found[key] = config[key]
    padding, known = config.get("pad_token_id"), found.get("vocab_size", _LEAST_VOCABULARY)
    if padding is not None:
        if type(padding) is not int or not 0 <= padding < known:
            what = f"{where}: pad_token_id is {shortened(repr(padding), 60)}, not a whole number below vocab_size, {known:,}."
            raise DataError(what, "Fetch or copy the weights again, or use others.")
        found["pad_token_id"] = padding
    for key in ("hidden_act", "activation"):
        if key in config:
            if config[key] not in _ACTIVATIONS:
                raise DataError(f"{where}: {key} is {shortened(repr(config[key]), 60)}, not one of {', '.join(_ACTIVATIONS)}.")
            found[key] = config[key]
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise DataError(f"{where}: sdl does not read {shortened(repr(config['position_embedding_type']), 60)} positions.")
    width, heads = found.get("hidden_size", found.get("dim", 768)), found.get("num_attention_heads", found.get("n_heads", 12))
    if width % heads:
        raise DataError(f"{where}: {width} numbers a token cannot be divided among {heads} attention heads.")
    return found


def longest(architecture: str, config: Mapping[str, Any]) -> int:
    """Word pieces that an architecture has positions for; those of the roberta family begin behind that of padding."""
    behind = 0 if architecture in ("albert", "bert", "distilbert", "electra") else int(config.get("pad_token_id", 1)) + 1
    return max(0, int(config.get("max_position_embeddings", 512)) - behind)


def checked_module(own: dict[str, Any], where: str) -> dict[str, Any]:
    """The settings of a module that are known here. Raises DataError for wrong ones."""
    kind = own.get("kind")
    if kind == "Pooling":
        if not own.get("include_prompt", True):
            raise DataError(f"{where}: sdl does not read weights that leave their prompt out of an embedding.")
        asked = own.get("pooling_mode") or [mode for key, mode in _OLD_POOLING.items() if own.get(key)] or ["mean"]
        modes = [asked] if isinstance(asked, str) else list(asked)
        unknown = [mode for mode in modes if mode not in POOLING]
        if unknown:
            raise DataError(f"{where}: sdl does not know the pooling {shortened(repr(unknown[0]), 60)}.")
        return {"kind": kind, "pooling_mode": modes}
    if kind == "Dense":
        activation = str(own.get("activation_function", "Tanh")).rpartition(".")[2]
        if activation not in _DENSE_ACTIVATIONS:
            what = f"{where}: its activation is {shortened(activation, 60)}, not one of {', '.join(_DENSE_ACTIVATIONS)}."
            raise DataError(what)
        places = {own.get(key) or "sentence_embedding" for key in ("module_input_name", "module_output_name")}
        if own.get("use_residual") or places != {"sentence_embedding"}:
            raise DataError(f"{where}: sdl does not read a Dense module that adds its input, or works on tokens.")
        sizes = {key: _whole(own, key, where) for key in ("in_features", "out_features")}
        return {"kind": kind, **sizes, "bias": bool(own.get("bias", True)), "activation_function": activation}
    if kind == "Normalize":
        return {"kind": kind}
    raise DataError(f"{where}: {shortened(repr(kind), 60)} is no module that sdl reads.")


def _whole(own: Mapping[str, Any], key: str, where: str) -> int:
    value = own.get(key)
    if type(value) is not int or not 1 <= value <= _SIZES["hidden_dim"]:
        raise DataError(f"{where}: {key} is {shortened(repr(value), 60)}, not a whole number from 1 to {_SIZES['hidden_dim']:,}.")
    return value
