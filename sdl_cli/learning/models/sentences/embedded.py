"""Embeddings of texts by frozen weights: each computed once, and kept by the content of the weights and of the text."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.sources.npz import array_header
from sdl_cli.errors import SdlError
from sdl_cli.files import cache_folder, write_atomic
from sdl_cli.learning import loop
from sdl_cli.learning.device import Runtime
from sdl_cli.learning.models.sentences.weights import Weights

Array = np.ndarray[Any, Any]
_AT_ONCE = 2048  # texts that are embedded before they are kept
_MOST_BYTES = 2 << 30  # of embeddings that are kept of the same weights
_MOST_PREDICTED = 20_000  # texts that a process keeps of those it only predicts: a stream of millions would fill the disk
_MANY_PIECES = 1.9  # word pieces for each word from which the weights do not know the language of a text well
_WORD = re.compile(r"\w+")
_predicted = 0


@dataclass(frozen=True)
class Embedded:
    """Embeddings of texts.

    Arguments:
        rows: `float32 (N, D)`. num_pieces: word pieces of each text that were read `(N,)`. cut: whether more were left `(N,)`.
    """

    rows: Array
    num_pieces: Array
    cut: Array


@dataclass
class Embedder:
    """What embeds texts by weights, on a runtime; the network is loaded when the first text is not known yet.

    Arguments:
        max_tokens: word pieces of a text that are read; None is what the weights were trained with.
    """

    weights: Weights
    runtime: Runtime
    max_tokens: int | None = None
    _kept: _Kept = field(init=False, repr=False)

    def __post_init__(self) -> None:
        on = f"{self.runtime.device.partition(':')[0]} {self.runtime.precision} {self.max_tokens}"
        self._kept = _Kept(hashlib.sha256(f"{self.weights.digest} {on}".encode()).hexdigest()[:32])

    def embed(self, texts: Sequence[str], predicting: bool = False) -> Embedded:
        """Embeddings of texts, those that are not kept computed now, with a row of progress for each part of them."""
        global _predicted
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16] for text in texts]
        known = self._kept.find(keys)
        todo = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if len(todo) > _AT_ONCE and loop.current_context().on_epoch is None:
            loop.current_context().notice(f"{len(todo):,} texts are embedded, once.")
        order = sorted(todo, key=lambda key: (len(todo[key]), key))  # about as long as each other, whatever their order was
        for start in range(0, len(order), _AT_ONCE):
            part = order[start : start + _AT_ONCE]
            found = self._computed([todo[key] for key in part])
            known |= dict(zip(part, found, strict=True))
            if not predicting or _predicted < _MOST_PREDICTED:
                _predicted += len(part) if predicting else 0
                self._kept.add(part, found)
            if len(order) > _AT_ONCE:
                self._report(start + len(part), len(order))
        rows = np.stack([known[key] for key in keys]) if keys else np.empty((0, 2), np.float32)
        return Embedded(rows[:, 2:], rows[:, 0].astype(np.int64), rows[:, 1] > 0)

    def _computed(self, texts: Sequence[str]) -> Array:
        """For each text how many pieces were read of it, 1 if there were more, and its embedding `float32 (n, 2 + D)`."""
        from sdl_cli.learning.models.sentences.network import passed

        body, pieces = loaded(self.weights, self.max_tokens)
        body.to(self.runtime.device)
        ids, cut = pieces.of(texts)
        rows = passed(body, pieces, ids, self.runtime).numpy()
        return np.column_stack([[len(own) for own in ids], cut, rows]).astype(np.float32)

    def _report(self, done: int, total: int) -> None:
        surroundings = loop.current_context()
        if surroundings.on_epoch is not None:
            surroundings.on_epoch({"phase": "embedding", "epoch": done, "epochs": total, "unit": "text"})


_loaded: dict[tuple[str, int | None], Any] = {}


def loaded(weights: Weights, max_tokens: int | None) -> tuple[Any, Any]:
    """The network of weights and what makes word pieces for it, read once per process."""
    from sdl_cli.learning.models.sentences.network import Pieces, load_body

    key = (weights.digest, max_tokens)
    if key not in _loaded:
        pieces, body = Pieces(weights.recipe, weights.tokenizer, max_tokens), load_body(weights)
        _loaded.clear()
        _loaded[key] = (body, pieces)
    found: tuple[Any, Any] = _loaded[key]
    return found


class _Kept:
    """Rows kept under 16-byte keys in files of a folder of the cache: NAME.keys.npy `uint8 (n, 16)` beside NAME.rows.npy."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._places: dict[bytes, tuple[str, int]] = {}
        self._seen: set[str] = set()

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Array]:
        """The rows that are kept of these keys."""
        with contextlib.suppress(SdlError, OSError):
            for file in sorted(self._folder().glob("*.keys.npy")):
                if file.name not in self._seen:
                    self._seen.add(file.name)
                    self._places |= {key.tobytes(): (file.name[: -len(".keys.npy")], i) for i, key in enumerate(_array(file, 16))}
        wanted: dict[str, dict[bytes, int]] = {}
        for key in keys:
            if key in self._places:
                name, place = self._places[key]
                wanted.setdefault(name, {})[key] = place
        found: dict[bytes, Array] = {}
        for name, own in wanted.items():
            rows = _array(self._folder() / f"{name}.rows.npy", None)
            if len(rows) > max(own.values()):
                found |= {key: np.array(rows[place]) for key, place in own.items()}
        return found if len({len(row) for row in found.values()}) < 2 else {}

    def add(self, keys: Sequence[bytes], rows: Array) -> None:
        """Keep more rows, unless these weights have enough already; a cache that cannot be written costs time, nothing else."""
        with contextlib.suppress(SdlError, OSError):
            folder = self._folder()
            if sum(file.stat().st_size for file in folder.glob("*.npy")) + rows.nbytes > _MOST_BYTES:
                return
            name = hashlib.sha256(b"".join(keys)).hexdigest()[:32]
            own = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16)
            write_atomic(folder / f"{name}.rows.npy", _saved(rows))  # first: whoever sees the keys finds them
            write_atomic(folder / f"{name}.keys.npy", _saved(own))

    def _folder(self) -> Path:
        folder = cache_folder("embeddings") / self._name
        folder.mkdir(exist_ok=True)
        return folder


def _saved(array: Array) -> Callable[[Any], None]:
    return lambda file: np.save(file, np.ascontiguousarray(array), allow_pickle=False)


def _array(file: Path, width: int | None) -> Array:
    """The keys `(n, 16)` or rows `(n, D)` of a file, read as they are needed; none where it is damaged."""
    dtype: Any = np.uint8 if width else np.float32
    empty = np.empty((0, width or 3), dtype)
    try:
        with file.open("rb") as raw:
            shape, found, start = array_header(raw)
        whole = len(shape) == 2 and found == dtype and (width is None or shape[1] == width)
        if not whole or file.stat().st_size != start + shape[0] * shape[1] * found.itemsize or not shape[0]:
            return empty
        return np.memmap(file, dtype, "r", start, tuple(shape))
    except (OSError, ValueError, EOFError, SdlError):
        return empty


def remarks(texts: Sequence[str], found: Embedded, max_tokens: int) -> list[str]:
    """What a user should know of texts that were embedded: those that were cut, and a language that the weights do not know."""
    notes = []
    if num := int(found.cut.sum()):
        are, they = ("1 text is", "it") if num == 1 else (f"{num:,} texts are", "them")
        notes.append(f"{are} longer than the {max_tokens:,} word pieces that are read: what comes after is cut from {they}.")
    whole = ~found.cut
    words = sum(len(_WORD.findall(text)) for text, is_whole in zip(texts, whole, strict=True) if is_whole)
    own = int(found.num_pieces[whole].sum()) - 2 * int(whole.sum())  # without the marks around them
    if words >= 200 and own > _MANY_PIECES * words:
        notes.append(
            f"The weights cut a word of these texts into {own / words:.1f} pieces, as where they do not know a language well. "
            "The default ones know English; model.weights=paraphrase-multilingual-MiniLM-L12-v2 knows 50 languages."
        )
    return notes
