"""The folder of a pretrained sentence network: found or fetched, looked through, and read without running code of it.

What the folder says is held to written lists: kinds of modules, architectures, and those settings of an architecture that are
plain numbers or words. The sizes of its tensors are compared with these settings before memory is taken.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError, SdlError
from sdl_cli.files import MOST_JSON_BYTES, cache_folder, plain_json, read_guarded
from sdl_cli.learning.models.hub_weights import HubWeights, check_plain, fetch, kept, unavailable
from sdl_cli.learning.models.sentences.settings import DEFAULT, EXTRA, is_local
from sdl_cli.phrases import shortened

SETTING = "model.weights"
_OWNER = "sentence-transformers"  # whose models may be named without it, as sentence-transformers does
_MOST_TOKENIZER_BYTES = 64 << 20
_MOST_HEADER_BYTES = 32 << 20
_AGAIN = "With sentence-transformers: SentenceTransformer(NAME).save_pretrained(FOLDER) writes a complete one."

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
    "pad_token_id", "sinusoidal_pos_embds", "classifier_dropout_prob",
)  # fmt: skip
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
            config = _checked_config(values["config"], str(values["architecture"]), "the stored network")
            modules = tuple(_checked_module(dict(one), "the stored network") for one in values["modules"])
            tokens, lower, prompt = values["max_tokens"], values["lower_case"], values["prompt"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"The stored sentence network is incomplete ({type(error).__name__}).") from error
        sound = type(tokens) is int and 1 <= tokens <= _longest(str(values["architecture"]), config)
        if not sound or not isinstance(lower, bool) or not isinstance(prompt, str) or len(prompt) > 10_000:
            raise DataError("The stored sentence network is damaged: its settings contradict each other.")
        return cls(str(values["architecture"]), config, modules, tokens, lower, prompt)


@dataclass(frozen=True)
class Weights:
    """A folder of weights that was looked through.

    Arguments:
        files: of the network's tensors. dense_files: of each Dense module, in order. tokenizer: the content of tokenizer.json.
        digest: sha256 of everything that is read of the folder, whatever it is called.
    """

    folder: Path
    recipe: Recipe
    files: tuple[Path, ...]
    dense_files: tuple[Path, ...]
    tokenizer: bytes
    digest: str


def hub_weights(name: str) -> HubWeights:
    """What is known offline of weights on the hub."""
    repository = name if "/" in name else f"{_OWNER}/{name}"
    known: dict[str, Any] = (
        {"num_bytes": 91_000_000, "licence": "Apache-2.0"} if name.removeprefix(f"{_OWNER}/") == DEFAULT else {}
    )
    return HubWeights(repository, SETTING, extra=EXTRA, **known)


def locate(weights: str, fetches: bool = True) -> Path:
    """The folder of weights that are named by a path or by their name on the hub.

    Raises DataError: there is none, and they cannot be fetched, or `fetches` is false.
    """
    if is_local(weights):
        folder = Path(weights).expanduser()
        if not folder.is_dir():
            raise DataError(
                f"{SETTING}: there is no folder {folder}.", "Give the folder of the weights, or their name on the hub."
            )
        return folder
    named = hub_weights(weights)
    if fetches:
        return fetch(named)
    found = kept(named)
    if found is None:
        what = unavailable(named).message.replace(" and could not be fetched", "")
        choice = f"'compare.arms=[ladder,\"text_probe {SETTING}=FOLDER\"]'"
        raise DataError(what, f"sdl train with model=finetuned_text fetches them once; or name a local folder: {choice}")
    return found


def of_digest(weights: str, digest: str) -> Weights:
    """The weights that a stored run was fitted on: from where they were, or a folder of sdl's cache that has their digest's name.

    Raises DataError: they are nowhere, or what is there is not what the run saw.
    """
    here = cache_folder("text_weights") / digest[:16]
    try:
        found = look_through(here if here.is_dir() else locate(weights))
    except SdlError as error:
        what = f"This run keeps a head alone, on embeddings by the weights {shortened(weights, 200)}. {error.message}"
        hint = f"Copy the folder of these weights (sha256 {digest[:16]}...) to where they were, or to {here}"
        raise DataError(what, hint) from error
    if found.digest != digest:
        raise DataError(
            f"{found.folder}: these are not the weights that this run was fitted on (sha256 {found.digest[:16]}..., then "
            f"{digest[:16]}...).",
            f"Train again, or copy the folder of the weights of then to {here}",
        )
    return found


_looked: dict[tuple[Any, ...], Weights] = {}


def look_through(folder: Path) -> Weights:
    """Check a folder of weights and describe it; nothing of it is imported, and its tensors are not read yet.

    Raises DataError: a file that is missing, code where data should be, or an architecture that is not known here.
    """
    files = (file for pattern in ("*", "*/*") for file in folder.glob(pattern) if file.is_file())
    marks = tuple(sorted((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files))
    key = (str(folder), marks)
    if key not in _looked:
        found = _look_through(folder)
        _looked.clear()
        _looked[key] = found
    return _looked[key]


def _look_through(folder: Path) -> Weights:
    read: dict[str, bytes] = {}

    def json_of(name: str, default: Any = None) -> Any:
        path = folder / name
        if default is not None and not path.is_file():
            return default
        try:
            read[name] = read_guarded(path, MOST_JSON_BYTES)
            found = plain_json(read[name])
        except FileNotFoundError:
            raise DataError(f"{SETTING}: {folder} is incomplete: it has no {name}.", _AGAIN) from None
        except ValueError as error:
            raise DataError(f"{SETTING}: {path} cannot be read: {error}.", _AGAIN) from error
        if not isinstance(found, (list if name == "modules.json" else dict)):
            raise DataError(f"{SETTING}: {path} does not hold what it should.", _AGAIN)
        return found

    config = json_of("config.json")
    kinds = _kinds(folder, json_of("modules.json"))
    if not kinds or kinds[0] != ("Transformer", "") or [kind for kind, _ in kinds].count("Transformer") != 1:
        raise DataError(
            f"{SETTING}: {folder}: modules.json does not begin with a transformer network in the folder itself.", _AGAIN
        )
    architecture = str(config.get("model_type"))
    checked = _checked_config(config, architecture, f"{SETTING}: {folder}")
    modules, dense = [], []
    for kind, place in kinds[1:]:
        own = json_of(f"{place}/config.json", {} if kind == "Normalize" else None)
        modules.append(_checked_module({"kind": kind, **own}, f"{SETTING}: {folder / place}"))
        if kind == "Dense":
            dense.append(_tensors_of(folder / place))
    if not any(kind == "Pooling" for kind, _ in kinds):
        raise DataError(f"{SETTING}: {folder}: no module makes one embedding of a text (Pooling).", _AGAIN)
    reading = json_of("sentence_bert_config.json", {})
    most = _longest(architecture, checked)
    tokens = reading.get("max_seq_length") or json_of("tokenizer_config.json", {}).get("model_max_length")  # where it is now
    prompts = json_of("config_sentence_transformers.json", {})
    prompt = prompts.get("prompts", {}).get(prompts.get("default_prompt_name")) or ""
    try:
        read["tokenizer.json"] = read_guarded(folder / "tokenizer.json", _MOST_TOKENIZER_BYTES)
    except FileNotFoundError:
        raise DataError(f"{SETTING}: {folder} is incomplete: it has no tokenizer.json.", _AGAIN) from None
    tokens = min(tokens, most) if type(tokens) is int and tokens > 0 else most
    recipe = Recipe(architecture, checked, tuple(modules), tokens, bool(reading.get("do_lower_case", False)), str(prompt))
    files = tuple(sorted(folder.glob("model*.safetensors")))
    if not files:
        _refuse_code(folder)
        raise DataError(f"{SETTING}: {folder} is incomplete: it has no model.safetensors.", _AGAIN)
    digest = _digest(read, {path.relative_to(folder).as_posix(): path for path in (*files, *dense)})
    return Weights(folder, recipe, files, tuple(dense), read["tokenizer.json"], digest)


def _kinds(folder: Path, modules: list[Any]) -> list[tuple[str, str]]:
    """Kind and place of each module, in order. Raises DataError for one that is not sentence-transformers' own or known here."""
    found = []
    for one in modules:
        kind, place = (str(one.get(key, "")) if isinstance(one, dict) else "" for key in ("type", "path"))
        package, _, name = kind.rpartition(".")
        if package.partition(".")[0] != "sentence_transformers" or not all(part.isidentifier() for part in kind.split(".")):
            what = f"{SETTING}: {folder}: modules.json names {shortened(kind or repr(one), 120)}, which is code from elsewhere"
            raise DataError(f"{what}, and is not run.", "Use weights made of sentence-transformers' own modules.")
        if name not in MODULES:
            what = f"{SETTING}: {folder}: the module {shortened(name, 60)} is not one that sdl reads ({', '.join(MODULES)})."
            raise DataError(what, "Use other weights.")
        if place and (Path(place).is_absolute() or len(Path(place).parts) != 1 or place in (".", "..")):
            raise DataError(f"{SETTING}: {folder}: modules.json names a place outside its folder, {shortened(place, 60)}.")
        found.append((name, place))
    return found


def _checked_config(config: Mapping[str, Any], architecture: str, where: str) -> dict[str, Any]:
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


def _longest(architecture: str, config: Mapping[str, Any]) -> int:
    """Word pieces that an architecture has positions for; those of the roberta family begin behind that of padding."""
    behind = 0 if architecture in ("albert", "bert", "distilbert", "electra") else int(config.get("pad_token_id", 1)) + 1
    return max(0, int(config.get("max_position_embeddings", 512)) - behind)


def _checked_module(own: dict[str, Any], where: str) -> dict[str, Any]:
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


def _tensors_of(folder: Path) -> Path:
    file = folder / "model.safetensors"
    if not file.is_file():
        _refuse_code(folder)
        raise DataError(f"{SETTING}: {folder} is incomplete: it has no model.safetensors.", _AGAIN)
    return file


def _refuse_code(folder: Path) -> None:
    """Raise DataError where a folder has weights in files that can hold code, which are never read here."""
    try:
        check_plain(folder, SETTING)
    except DataError as error:
        hint = "Use weights in safetensors, as current versions of sentence-transformers save them: .save_pretrained(FOLDER)"
        raise DataError(error.message, hint) from error


def _digest(read: Mapping[str, bytes], files: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for name in sorted({*read, *files}):
        if name in read:
            own = hashlib.sha256(read[name]).hexdigest()
        else:
            with files[name].open("rb") as opened:
                own = hashlib.file_digest(opened, "sha256").hexdigest()
        digest.update(f"{name}\0{own}\n".encode())
    return digest.hexdigest()


def shapes_in(file: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a safetensors file, from its header alone. Raises DataError if it is damaged."""
    damaged = DataError(f"{SETTING}: {file} is damaged or incomplete.", "Fetch or copy the weights again.")
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if not 2 <= length <= min(_MOST_HEADER_BYTES, size - 8):
                raise damaged
            header = json.loads(opened.read(length))
        found, end = {}, 0
        for name, tensor in header.items():
            if name != "__metadata__":
                found[str(name)] = tuple(int(n) for n in tensor["shape"])
                end = max(end, int(tensor["data_offsets"][1]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged from error
    if 8 + length + end != size:
        raise damaged
    return found
