"""The folder of a pretrained sentence network: found or fetched, looked through, and read without running code of it.

What the folder says is held to the written lists of `recipe`; the sizes of its tensors are compared before memory is taken.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.errors import DataError, SdlError
from sdl_cli.files import MOST_JSON_BYTES, cache_folder, plain_json, read_guarded
from sdl_cli.learning.models.hub_weights import HubWeights, check_plain, fetch, kept, unavailable
from sdl_cli.learning.models.sentences.recipe import MODULES, Recipe, checked_config, checked_module, longest
from sdl_cli.learning.models.sentences.settings import DEFAULT, EXTRA, is_local
from sdl_cli.phrases import shortened

SETTING = "model.weights"
_OWNER = "sentence-transformers"  # whose models may be named without it, as sentence-transformers does
_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)  # on the hub
_MOST_TOKENIZER_BYTES = 64 << 20
_MOST_HEADER_BYTES = 32 << 20
_INDEX = "model.safetensors.index.json"
_AGAIN = "With sentence-transformers: SentenceTransformer(NAME).save_pretrained(FOLDER) writes a complete one."


@dataclass(frozen=True)
class Weights:
    """A folder of weights that was looked through.

    Arguments:
        files: of the network's tensors. dense_files: of each Dense module, in order. tokenizer: the content of tokenizer.json.
        digest: of everything that is read of the folder, whatever it is called: a sha256 of sha256s, so no one file has it.
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
    needed = ("model*.safetensors", "modules.json", "config.json", "tokenizer.json")
    return HubWeights(repository, SETTING, extra=EXTRA, needed=needed, **known)


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

    Only the default ones are fetched: whoever wrote the run could name others of any size.

    Raises DataError: they are nowhere, or what is there is not what the run saw.
    """
    here = cache_folder("text_weights") / digest[:16]
    is_default = weights.removeprefix(f"{_OWNER}/") == DEFAULT
    try:
        found = look_through(here if here.is_dir() else locate(weights, fetches=is_default))
    except SdlError as error:
        what = f"This run keeps a head alone, on embeddings by the weights {shortened(weights, 200)}. {error.message}"
        hint = f"Copy the folder of these weights (digest {digest[:16]}...) to where they were, or to {here}"
        if not is_local(weights) and _NAME.fullmatch(weights):  # the name in a command is the run's word
            hint = f"If you trust that name: {hub_weights(weights).command}; copy that folder to {here}"
        raise DataError(what, hint) from error
    if found.digest != digest:
        raise DataError(
            f"{found.folder}: these are not the weights that this run was fitted on (digest {found.digest[:16]}..., then "
            f"{digest[:16]}...).",
            f"Train again, or copy the folder of the weights of then to {here}",
        )
    return found


_looked: dict[tuple[Any, ...], Weights] = {}


def look_through(folder: Path) -> Weights:
    """Check a folder of weights and describe it; nothing of it is imported, and its tensors are not read yet.

    Raises DataError: a file that is missing or cannot be read, code where data should be, or an unknown architecture.
    """
    try:
        files = (file for pattern in ("*", "*/*") for file in folder.glob(pattern) if file.is_file())
        marks = tuple(sorted((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files))
        key = (str(folder), marks)
        if key not in _looked:
            found = _look_through(folder)
            _looked.clear()
            _looked[key] = found
    except OSError as error:
        raise DataError(
            f"{SETTING}: {folder} cannot be read: {error.strerror or error}.", "Give whoever runs sdl the right to read it."
        ) from error
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
    checked = checked_config(config, architecture, f"{SETTING}: {folder}")
    modules, dense = [], []
    for kind, place in kinds[1:]:
        own = json_of(f"{place}/config.json", {} if kind == "Normalize" else None)
        modules.append(checked_module({"kind": kind, **own}, f"{SETTING}: {folder / place}"))
        if kind == "Dense":
            dense.append(_tensors_of(folder / place))
            shapes_in(dense[-1])  # damaged ones are refused now
    if not any(kind == "Pooling" for kind, _ in kinds):
        raise DataError(f"{SETTING}: {folder}: no module makes one embedding of a text (Pooling).", _AGAIN)
    reading = json_of("sentence_bert_config.json", {})
    most = longest(architecture, checked)
    tokens = reading.get("max_seq_length") or json_of("tokenizer_config.json", {}).get("model_max_length")  # where it is now
    prompt = _prompt(json_of("config_sentence_transformers.json", {}), f"{SETTING}: {folder}")
    try:
        read["tokenizer.json"] = read_guarded(folder / "tokenizer.json", _MOST_TOKENIZER_BYTES)
    except FileNotFoundError:
        raise DataError(f"{SETTING}: {folder} is incomplete: it has no tokenizer.json.", _AGAIN) from None
    tokens = min(tokens, most) if type(tokens) is int and tokens > 0 else most
    recipe = Recipe(architecture, checked, tuple(modules), tokens, bool(reading.get("do_lower_case", False)), prompt)
    files = _files_of_network(folder, json_of)
    _check_tensors(files, architecture)
    digest = _digest(read, {path.relative_to(folder).as_posix(): path for path in (*files, *dense)})
    return Weights(folder, recipe, files, tuple(dense), read["tokenizer.json"], digest)


def _prompt(values: Mapping[str, Any], where: str) -> str:
    """What is put before each text where none is named: mostly nothing. Raises DataError for what is no text."""
    prompts, name = values.get("prompts") or {}, values.get("default_prompt_name")
    if name is None:
        return ""
    prompt = prompts.get(name) or "" if isinstance(prompts, dict) and isinstance(name, str) else None
    if not isinstance(prompt, str):
        raise DataError(
            f"{where}: config_sentence_transformers.json: prompts has no text of the name default_prompt_name.", _AGAIN
        )
    return prompt


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


def _files_of_network(folder: Path, json_of: Callable[[str], Any]) -> tuple[Path, ...]:
    """model.safetensors, or the files of its index where it was saved in parts; what else lies beside them is not read."""
    if (folder / "model.safetensors").is_file() or not (folder / _INDEX).is_file():
        return (_tensors_of(folder),)
    named = json_of(_INDEX).get("weight_map")
    names = sorted({str(name) for name in named.values()}) if isinstance(named, dict) else []
    if not names:
        raise DataError(f"{SETTING}: {folder / _INDEX} names no files.", _AGAIN)
    for name in names:
        if Path(name).name != name or "\\" in name or not name.endswith(".safetensors"):
            raise DataError(f"{SETTING}: {folder / _INDEX} names {shortened(name, 60)}, which is no file of tensors beside it.")
        if not (folder / name).is_file():
            raise DataError(f"{SETTING}: {folder} is incomplete: it has no {shortened(name, 60)}.", _AGAIN)
    return tuple(folder / name for name in names)


def _check_tensors(files: tuple[Path, ...], architecture: str) -> None:
    """Raise DataError for a damaged file, or a tensor that is there twice: which of them is the right one, nobody can tell."""
    seen: dict[str, Path] = {}
    for file in files:
        for name in shapes_in(file):
            own = plain_name(name, architecture)
            if own in seen:
                where = f"in {seen[own].name} and in {file.name}" if seen[own] != file else f"in {file.name}, by two names"
                what = f"{SETTING}: {file.parent}: the tensor {shortened(own, 120)} stands there twice, {where}."
                raise DataError(what, "Fetch or copy the weights again.")
            seen[own] = file


def plain_name(name: str, architecture: str) -> str:
    """The name of a tensor as the network has it, whatever head or age of transformers its file was saved with."""
    prefix = {"xlm-roberta": "roberta", "camembert": "roberta"}.get(architecture, architecture)
    name = name.removeprefix(f"{prefix}.")
    return name.replace(".LayerNorm.gamma", ".LayerNorm.weight").replace(".LayerNorm.beta", ".LayerNorm.bias")


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
