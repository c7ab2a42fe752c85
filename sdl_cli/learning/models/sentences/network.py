"""A sentence network: a transformer from transformers, then the modules that make one embedding of a text."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sdl_cli.errors import DataError
from sdl_cli.learning.device import Runtime, autocast, threads
from sdl_cli.learning.models.sentences.recipe import Recipe
from sdl_cli.learning.models.sentences.weights import SETTING, Weights, plain_name, shapes_in

Array = np.ndarray[Any, Any]
MOST_CHARACTERS = 20_000  # of one text; what comes after is not read, as by TF-IDF
_BATCH_TOKENS = 1024  # word pieces of a batch, the padding among them: more at once are slower on a CPU
_BATCH_ROWS = 64
_CLASSES = {  # of transformers: the configuration and the network of each architecture
    "albert": ("AlbertConfig", "AlbertModel"), "bert": ("BertConfig", "BertModel"),
    "camembert": ("CamembertConfig", "CamembertModel"), "distilbert": ("DistilBertConfig", "DistilBertModel"),
    "electra": ("ElectraConfig", "ElectraModel"), "mpnet": ("MPNetConfig", "MPNetModel"),
    "roberta": ("RobertaConfig", "RobertaModel"), "xlm-roberta": ("XLMRobertaConfig", "XLMRobertaModel"),
}  # fmt: skip


class SentenceBody(nn.Module):
    """Word pieces `int32 (N, 1 + L)`, the number of each text's own in front, to embeddings `(N, D)`."""

    most_rows = 64

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        with quiet():
            import transformers

            config_class, model_class = (getattr(transformers, name) for name in _CLASSES[recipe.architecture])
            attention = "sdpa" if getattr(model_class, "_supports_sdpa", False) else "eager"
            config = config_class(**recipe.config, attn_implementation=attention)
            self.transformer = model_class(config)
        if getattr(self.transformer, "pooler", None) is not None:
            self.transformer.pooler = None  # its output is not used
        self.embedding_size = int(getattr(config, "hidden_size", None) or config.dim)
        self.after = nn.ModuleList()
        for own in recipe.modules:
            module = _MODULES[own["kind"]](own, self.embedding_size)
            self.embedding_size = module.embedding_size
            self.after.append(module)

    def forward(self, x: Tensor) -> Tensor:
        lengths = x[:, 0]
        ids = x[:, 1 : 1 + max(1, int(lengths.max()))].long()
        mask = torch.arange(ids.shape[1], device=x.device) < lengths[:, None]
        out = self.transformer(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        for module in self.after:
            out = module(out, mask)
        return out  # type: ignore[no-any-return]


class Pooling(nn.Module):
    """One embedding of the embeddings of tokens `(N, L, D)`, several ways behind each other; after sentence-transformers."""

    def __init__(self, own: Mapping[str, Any], size: int) -> None:
        super().__init__()
        self.modes = tuple(own["pooling_mode"])
        self.embedding_size = size * len(self.modes)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        own = mask.unsqueeze(2).to(torch.float32)
        count = own.sum(1).clamp_min(1.0)
        found = []
        for mode in self.modes:
            if mode == "cls":
                found.append(tokens[:, 0].float())
            elif mode == "lasttoken":
                last = (mask.sum(1) - 1).clamp_min(0)
                found.append(tokens[torch.arange(len(tokens), device=tokens.device), last].float())
            elif mode == "max":
                found.append(tokens.float().masked_fill(own == 0, -math.inf).amax(1))
            else:
                places = torch.arange(1, mask.shape[1] + 1, device=mask.device, dtype=torch.float32)[:, None]
                weights = own * places if mode == "weightedmean" else own
                total = weights.sum(1).clamp_min(1e-9) if mode == "weightedmean" else count
                scale = total.sqrt() if mode == "mean_sqrt_len_tokens" else total
                found.append((tokens.float() * weights).sum(1) / scale)
        return torch.cat(found, dim=1)


class Dense(nn.Module):
    """A linear layer on embeddings, with its activation."""

    def __init__(self, own: Mapping[str, Any], size: int) -> None:
        super().__init__()
        if own["in_features"] != size:
            raise DataError(f"{SETTING}: a Dense module takes {own['in_features']} numbers, but it is handed {size}.")
        self.linear = nn.Linear(own["in_features"], own["out_features"], bias=own["bias"])
        self.activation = getattr(nn, own["activation_function"])()
        self.embedding_size = int(own["out_features"])

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        out: Tensor = self.activation(self.linear(x))
        return out


class Normalize(nn.Module):
    """Embeddings of length 1."""

    def __init__(self, own: Mapping[str, Any], size: int) -> None:
        super().__init__()
        self.embedding_size = size

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return F.normalize(x.float(), dim=1)


_MODULES: dict[str, Callable[[Mapping[str, Any], int], Any]] = {"Pooling": Pooling, "Dense": Dense, "Normalize": Normalize}


def load_body(weights: Weights) -> SentenceBody:
    """The network of a folder, with its tensors as float32; their names and shapes are compared before they are read.

    Raises DataError: tensors that are missing or have other shapes than the settings of the folder give them.
    """
    with torch.device("meta"):
        wanted = SentenceBody(weights.recipe).state_dict()
    found: dict[str, Tensor] = {}
    transformer = {name.removeprefix("transformer."): each for name, each in wanted.items() if name.startswith("transformer.")}
    for file in weights.files:
        names = {plain_name(name, weights.recipe.architecture): name for name in shapes_in(file)}
        found |= {f"transformer.{name}": tensor for name, tensor in _read(file, names, transformer).items()}
    numbers = [number for number, own in enumerate(weights.recipe.modules) if own["kind"] == "Dense"]
    for number, file in zip(numbers, weights.dense_files, strict=True):
        start = f"after.{number}."
        own = {name.removeprefix(start): each for name, each in wanted.items() if name.startswith(start)}
        found |= {start + name: tensor for name, tensor in _read(file, {name: name for name in shapes_in(file)}, own).items()}
    missing = sorted(set(wanted) - set(found))
    if missing:
        what = f"{SETTING}: {weights.folder} is incomplete: it lacks {len(missing)} of {len(wanted)} tensors, {missing[0]} first."
        raise DataError(what, "Fetch or copy the weights again.")
    body = SentenceBody(weights.recipe)
    body.load_state_dict(found)
    return body.eval()


def _read(file: Any, names: Mapping[str, str], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The wanted tensors that a file has under these names. Raises DataError for one of another shape."""
    from safetensors import safe_open

    shapes = shapes_in(file)
    found = {}
    with safe_open(file, "pt") as opened:
        for own, name in names.items():
            if own not in wanted:
                continue
            if shapes[name] != tuple(wanted[own].shape):
                what = (
                    f"{SETTING}: {file} does not match its config.json: {name} is {shapes[name]}, not {tuple(wanted[own].shape)}."
                )
                raise DataError(what, "Fetch or copy the weights again.")
            found[own] = opened.get_tensor(name).float()
    return found


class Pieces:
    """Texts as word pieces, by the tokenizer of a folder of weights.

    Arguments:
        tokenizer: the content of its tokenizer.json. max_tokens: most pieces of a text, or None for as many as its weights read.
    Raises DataError: it is no tokenizer, or one of more pieces than the weights know.
    """

    def __init__(self, recipe: Recipe, tokenizer: bytes, max_tokens: int | None = None) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_buffer(tokenizer)
            self.max_tokens = min(max_tokens or recipe.max_tokens, recipe.max_tokens)
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(self.max_tokens)
        except Exception as error:  # the library raises Exception itself
            raise DataError(f"{SETTING}: the tokenizer of the weights cannot be read ({error}).", "Use other weights.") from error
        self._recipe = recipe
        self._most = int(recipe.config.get("vocab_size", 0)) or 10**9
        self._padding = int(recipe.config.get("pad_token_id", 0 if recipe.architecture != "mpnet" else 1))

    def of(self, texts: Sequence[str]) -> tuple[list[list[int]], Array]:
        """The pieces of each text, at least one, and which texts were cut `bool (N,)`."""
        found = self._tokenizer.encode_batch([self._prepared(text) for text in texts])
        ids = [one.ids or [self._padding] for one in found]
        if any(max(one) >= self._most for one in ids):
            raise DataError(
                f"{SETTING}: the tokenizer of the weights knows more pieces than their network.", "Use other weights."
            )
        long = [len(text) > MOST_CHARACTERS for text in texts]
        return ids, np.array([bool(one.overflowing) for one in found], dtype=bool) | np.array(long, dtype=bool)

    def _prepared(self, text: str) -> str:
        text = self._recipe.prompt + text[:MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8").strip()
        return text.lower() if self._recipe.lower_case else text

    def as_rows(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Pieces as `int32 (N, 1 + L)`: how many a text has, then these, filled up with padding."""
        rows = np.full((len(ids), 1 + max(map(len, ids), default=1)), self._padding, np.int32)
        for row, own in zip(rows, ids, strict=True):
            row[0], row[1 : 1 + len(own)] = len(own), own
        return torch.from_numpy(rows)


def passed(net: nn.Module, pieces: Pieces, ids: Sequence[Sequence[int]], runtime: Runtime) -> Tensor:
    """Outputs `float32 (N, ...)` of a network in eval mode, in batches of texts that are about as long as each other."""
    net.eval()
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    found: list[tuple[list[int], Tensor]] = []
    scale = 1 if runtime.device == "cpu" else 16
    with threads(runtime), torch.inference_mode():
        start = 0
        while start < len(order):
            longest = len(ids[order[start]])
            rows = order[start : start + max(1, min(scale * _BATCH_ROWS, scale * _BATCH_TOKENS // longest))]
            with autocast(runtime):
                out = net(pieces.as_rows([ids[i] for i in rows]).to(runtime.device))
            found.append((rows, out.float().cpu()))
            start += len(rows)
    outputs = torch.empty((len(ids), *found[0][1].shape[1:])) if found else torch.empty(0)
    for rows, out in found:
        outputs[rows] = out
    return outputs


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside, transformers neither logs nor warns, and shows no bars."""
    names = ("transformers", "huggingface_hub")
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in names:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
