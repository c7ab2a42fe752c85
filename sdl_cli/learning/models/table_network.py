"""The prior-fitted network for small tables: every cell is a token; query rows read labelled rows, and are answered in one pass.

Layers attend by turns over the columns of a row and over the rows of a column (Hollmann et al. 2025, Nature 637, 319-326).
What labelled rows contribute, their keys and values in each layer, does not depend on the rows that are asked about: it is
computed once (`remember`) and read by any number of them (`answer`). The computation follows the dtype of the weights.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sdl_cli.errors import DataError
from sdl_cli.files import read_guarded, write_atomic

MAX_CLASSES = 10
SHIPPED = Path(__file__).parent / "weights" / "table.safetensors"
SHIPPED_SHA256 = "9219ff5c56c363a1141b78694e65295f3fc453f188fd521e1f8401dd325a1e4a"
FORMAT = "pfn-1"
PRESETS = {
    "tiny": {"width": 64, "num_layers": 3, "num_heads": 2, "hidden": 128, "num_thinking": 4},
    "small": {"width": 192, "num_layers": 6, "num_heads": 3, "hidden": 384, "num_thinking": 16},
    "base": {"width": 256, "num_layers": 6, "num_heads": 4, "hidden": 512, "num_thinking": 16},
    "deep": {"width": 256, "num_layers": 8, "num_heads": 4, "hidden": 512, "num_thinking": 16},
}
_STORED_NAMES = {"d": "width", "layers": "num_layers", "heads": "num_heads", "ff": "hidden", "think": "num_thinking"}
_MOST = {"width": 1024, "num_layers": 48, "num_heads": 32, "hidden": 4096, "num_thinking": 256}
_MOST_BYTES = 2**29

_SHIFTS = (0, 1, 3)  # a column's token also sees its first and third neighbour in the same row
_FREQUENCIES = (1.0, 2.0, 4.0, 8.0)
NUM_INPUTS = 3 * len(_SHIFTS) + 2 * len(_FREQUENCIES)
_MOST_DEVIATIONS = 5.0
_BLOCK_TOKENS = 8192  # of labelled rows computed at a time
_MOST_SEQUENCES = 60_000  # of one attention call: CUDA kernels count them on an axis of 65,535


@dataclass(frozen=True)
class Scale:
    """What labelled rows say of their columns: mean and standard deviation `(B, 1, F)`, known cells `(B, 1, F)`, sorted
    values `(B, F, n)` with infinity in the place of missing ones."""

    mean: Tensor
    deviation: Tensor
    count: Tensor
    ordered: Tensor

    @classmethod
    def of(cls, labelled: Tensor) -> Scale:
        """Of labelled rows `(B, n, F)`, NaN where missing."""
        missing = torch.isnan(labelled)
        known = (~missing).to(labelled.dtype)
        values = labelled.masked_fill(missing, 0.0)
        count = known.sum(1, keepdim=True).clamp(min=1.0)
        mean = values.sum(1, keepdim=True) / count
        deviation = ((known * (values - mean) ** 2).sum(1, keepdim=True) / count).sqrt()
        ordered = values.masked_fill(missing, math.inf).transpose(1, 2).contiguous().sort(dim=2).values
        return cls(mean, deviation, count, ordered)

    def encode(self, tables: Tensor) -> Tensor:
        """Cells `(B, N, F)` as `(B, N, F, NUM_INPUTS)`: standardised value, mid-rank among the labelled, and whether missing,
        of the column and of its neighbours, then sines and cosines of the rank."""
        missing = torch.isnan(tables)
        values = tables.masked_fill(missing, 0.0)
        z = ((values - self.mean) / (self.deviation + 1e-6)).clamp(-_MOST_DEVIATIONS, _MOST_DEVIATIONS)
        columns = values.transpose(1, 2).contiguous()
        if torch.compiler.is_exporting():  # ONNX has no search in sorted values
            each, known = columns.unsqueeze(-1), self.ordered.unsqueeze(2)
            below = (known < each).sum(-1) + (known <= each).sum(-1)
        else:
            below = torch.searchsorted(self.ordered, columns, right=False) + torch.searchsorted(self.ordered, columns, right=True)
        rank = below.to(tables.dtype).transpose(1, 2) / self.count - 1.0
        z, rank = z.masked_fill(missing, 0.0), rank.masked_fill(missing, 0.0)
        cell = torch.stack([z, rank, missing.to(tables.dtype)], dim=-1)
        places = torch.arange(tables.shape[2], device=tables.device)
        neighbours = [cell[:, :, (places + shift) % tables.shape[2]] for shift in _SHIFTS]
        angles = torch.stack([rank * (0.5 * math.pi * frequency) for frequency in _FREQUENCIES], dim=-1)
        return torch.cat([*neighbours, angles.sin(), angles.cos()], dim=-1)


@dataclass(frozen=True)
class Memory:
    """What a table's labelled rows contribute to every answer: their scale, and per layer keys and values, each
    `(B S, heads, T + n, width / heads)` for S = F + 1 places and T thinking rows."""

    scale: Scale
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    @property
    def num_bytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in (*self.keys, *self.values, self.scale.ordered))


class Linear(nn.Module):
    """`x W^T (+ b)`, with weights of standard deviation `scale / sqrt(in)` and a bias of 0 at the start."""

    def __init__(self, num_in: int, num_out: int, bias: bool = False, scale: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_out, num_in) * (scale / math.sqrt(num_in)))
        self.bias = nn.Parameter(torch.zeros(num_out)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class Norm(nn.Module):
    """Divide by the root mean square over the last axis (Zhang and Sennrich 2019), times a learned weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.divided(x) * self.weight.to(x.dtype)

    def divided(self, x: Tensor) -> Tensor:
        """`x` over its root mean square, summed in float32 at least; torch's own `rms_norm` takes five times as long on a CPU."""
        wide = torch.promote_types(x.dtype, torch.float32)
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
        divided: Tensor = x * (norm.square() / x.shape[-1] + 1e-5).rsqrt().to(x.dtype)
        return divided

    def then(self, x: Tensor, *maps: Linear) -> Tensor:
        """Every map of the normed `x`, side by side on the last axis, as one multiplication: the weight goes into the maps'."""
        weight = torch.cat([each.weight for each in maps]) * self.weight
        return F.linear(self.divided(x), weight.to(x.dtype))


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """`softmax(q k^T / sqrt(D)) v` over `(batch, heads, length, D)`."""
    if not queries.is_cuda or len(queries) <= _MOST_SEQUENCES:
        return F.scaled_dot_product_attention(queries, keys, values)
    parts = zip(*(torch.split(t, _MOST_SEQUENCES) for t in (queries, keys, values)), strict=True)
    return torch.cat([F.scaled_dot_product_attention(*part) for part in parts])


class Layer(nn.Module):
    """Attention along each row, attention along each column, and a hidden layer, each on what a norm leaves and added back."""

    def __init__(self, width: int, num_heads: int, hidden: int, out_scale: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm_col, self.norm_row, self.norm_ff = Norm(width), Norm(width), Norm(width)
        self.col_q, self.col_k, self.col_v = (Linear(width, width) for _ in range(3))
        self.col_o = Linear(width, width, scale=out_scale)
        self.row_q, self.row_k, self.row_v = (Linear(width, width) for _ in range(3))
        self.row_o = Linear(width, width, scale=out_scale)
        self.ff_in, self.ff_out = Linear(width, hidden), Linear(hidden, width, scale=out_scale)

    def along_rows(self, x: Tensor) -> Tensor:
        """The tokens `(B, N, S, width)` after those of each row have attended to each other."""
        B, N, S, width = x.shape
        mixed = attend(*self._by_head(self.norm_col.then(x, self.col_q, self.col_k, self.col_v).view(B * N, S, -1), 3))
        out: Tensor = x + self.col_o(mixed.transpose(1, 2).reshape(B, N, S, width))
        return out

    def contribution(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of context rows `(B, c, S, width)` for every place: each `(B S, heads, c, width / heads)`."""
        keys, values = self._by_head(self._by_place(self.norm_row.then(x, self.row_k, self.row_v)), 2)
        return keys.contiguous(), values.contiguous()

    def along_columns(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """The tokens after each place has attended to the context's keys and values, and the hidden layer."""
        B, N, S, width = x.shape
        (queries,) = self._by_head(self._by_place(self.norm_row.then(x, self.row_q)), 1)
        mixed = attend(queries, keys, values).transpose(1, 2).reshape(B, S, N, width)
        x = x + self.row_o(mixed).transpose(1, 2)
        out: Tensor = x + self.ff_out(F.gelu(self.norm_ff.then(x, self.ff_in)))
        return out

    def _by_head(self, h: Tensor, num_parts: int) -> tuple[Tensor, ...]:
        """`h (M, length, num_parts * width)` cut into its parts, each by head: `(M, heads, length, width / heads)`."""
        split = h.view(*h.shape[:2], num_parts, self.num_heads, -1)
        return tuple(t.transpose(1, 2) for t in split.unbind(2))

    @staticmethod
    def _by_place(h: Tensor) -> Tensor:
        B, N, S, size = h.shape
        return h.transpose(1, 2).reshape(B * S, N, size)


def _blocks(x: Tensor) -> tuple[Tensor, ...]:
    """Tokens `(B, N, S, width)` cut along N, so that what is computed of a block stays small; whole while training."""
    if torch.is_grad_enabled() or torch.compiler.is_exporting():
        return (x,)
    return torch.split(x, max(1, _BLOCK_TOKENS // (len(x) * x.shape[2])), dim=1)


class TableNetwork(nn.Module):
    """The network, for tables of any number of rows and columns and at most `MAX_CLASSES` classes.

    Arguments:
        width: numbers of a token, a multiple of `num_heads`.
        num_layers, num_heads: of the attention. hidden: units of each hidden layer.
        num_thinking: learned rows put before every table.
    """

    def __init__(
        self, width: int = 256, num_layers: int = 6, num_heads: int = 4, hidden: int = 512, num_thinking: int = 16
    ) -> None:
        super().__init__()
        self.sizes = {
            "width": width, "num_layers": num_layers, "num_heads": num_heads, "hidden": hidden, "num_thinking": num_thinking
        }  # fmt: skip
        self.cell = Linear(NUM_INPUTS, width, bias=True)
        self.label = nn.Parameter(torch.randn(MAX_CLASSES + 1, width) * 0.5)  # the last stands for "asked about"
        self.label_cell = nn.Parameter(torch.randn(MAX_CLASSES + 1, width) * 0.3)
        self.think = nn.Parameter(torch.randn(num_thinking, width) * 0.5)
        out_scale = 1.0 / math.sqrt(3 * num_layers)
        self.layers = nn.ModuleList(Layer(width, num_heads, hidden, out_scale) for _ in range(num_layers))
        self.norm_y, self.norm_x = Norm(width), Norm(width)
        self.head_in = Linear(2 * width, hidden, bias=True)
        self.head_out = Linear(hidden, MAX_CLASSES, bias=True, scale=0.1)

    def forward(self, tables: Tensor, labels: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Logits `float (B, N - n, MAX_CLASSES)` of the rows behind the labelled ones.

        Arguments:
            tables: `(B, N, F)`, NaN where missing; the first n rows are labelled.
            labels: classes of those, `int64 (B, n)` in [0, MAX_CLASSES).
            dtype: of the activations.
        """
        n = labels.shape[1]
        memory = self.remember(tables[:, :n], labels, dtype)
        return self.answer(memory, tables[:, n:], dtype)

    def remember(self, labelled: Tensor, labels: Tensor, dtype: torch.dtype = torch.float32) -> Memory:
        """What labelled rows `(B, n, F)` with classes `int64 (B, n)` contribute to every answer."""
        scale = Scale.of(labelled)
        x = self._tokens(scale.encode(labelled).to(dtype), labels)
        thinking = self.think.to(dtype).view(1, len(self.think), 1, -1).expand(len(x), -1, x.shape[2], -1)
        x = torch.cat([thinking, x], dim=1)
        kept = []
        for layer in self._layers():
            x = torch.cat([layer.along_rows(part) for part in _blocks(x)], dim=1)
            parts = zip(*(layer.contribution(part) for part in _blocks(x)), strict=True)
            kept.append(tuple(torch.cat(part, dim=2) for part in parts))
            if len(kept) < len(self.layers):
                x = torch.cat([layer.along_columns(part, *kept[-1]) for part in _blocks(x)], dim=1)
        keys, values = zip(*kept, strict=True)
        return Memory(scale, keys, values)

    def answer(self, memory: Memory, asked: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Logits `(B, m, MAX_CLASSES)` of rows `(B, m, F)`; each row is answered by itself."""
        unknown = torch.full(asked.shape[:2], MAX_CLASSES, device=asked.device)
        x = self._tokens(memory.scale.encode(asked).to(dtype), unknown)
        for layer, keys, values in zip(self._layers(), memory.keys, memory.values, strict=True):
            x = layer.along_columns(layer.along_rows(x), keys, values)
        h = torch.cat([self.norm_y(x[:, :, -1]), self.norm_x(x[:, :, :-1].mean(2))], dim=-1)
        logits: Tensor = self.head_out(F.gelu(self.head_in(h)))
        return logits if logits.dtype == torch.float64 else logits.float()

    def _tokens(self, cells: Tensor, labels: Tensor) -> Tensor:
        """Tokens `(B, N, F + 1, width)`: one for each cell, which carries its row's label too, and one for the label."""
        hot = F.one_hot(labels, MAX_CLASSES + 1).to(cells.dtype)
        of_label, of_cell = (hot @ table.to(cells.dtype) for table in (self.label, self.label_cell))
        return torch.cat([self.cell(cells) + of_cell.unsqueeze(2), of_label.unsqueeze(2)], dim=2)

    def _layers(self) -> Iterator[Layer]:
        for layer in self.layers:
            assert isinstance(layer, Layer)
            yield layer


def save_weights(net: TableNetwork, path: Path, metadata: Mapping[str, object] | None = None) -> None:
    """Write the weights as float16 safetensors, with the sizes of the network and `metadata` in their header."""
    from safetensors.torch import save

    sizes = {short: net.sizes[name] for short, name in _STORED_NAMES.items()}
    header = {"format": FORMAT, "config": json.dumps(sizes), **{k: str(v) for k, v in (metadata or {}).items()}}
    write_atomic(path, save({k: v.detach().cpu().half().contiguous() for k, v in net.state_dict().items()}, header))


def load_weights(path: Path = SHIPPED, sha256: str | None = None) -> TableNetwork:
    """The network in a file of `save_weights`, in float32 on the CPU, ready to answer.

    Arguments:
        sha256: what the file's digest must be, or None for any; the shipped file's is always checked.
    Raises:
        DataError: a file that is missing, too large, damaged, replaced, or not of a network of this kind.
    """
    from safetensors import SafetensorError

    try:
        content = read_guarded(path, _MOST_BYTES)
    except FileNotFoundError as error:
        message = f"{path}: there is no such file of weights."
        raise DataError(message, "Weights are written by: python -m pretraining train") from error
    wanted = SHIPPED_SHA256 if path == SHIPPED else sha256
    if wanted is not None and hashlib.sha256(content).hexdigest() != wanted:
        hint = "Install sdl again: pip install --force-reinstall sdl-cli" if path == SHIPPED else ""
        raise DataError(f"{path}: these are not the weights that belong here: their sha256 is not {wanted[:12]}...", hint)
    try:
        return from_tensors(*_unpacked(content))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        message = f"{path}: no weights of a network for tables can be read here ({type(error).__name__})."
        raise DataError(message, "Give a file that was written by `python -m pretraining train`.") from error


def num_parameters(width: int, num_layers: int, num_heads: int, hidden: int, num_thinking: int) -> int:
    """Weights of a network of these sizes."""
    outside = (NUM_INPUTS + 1) * width + (2 * (MAX_CLASSES + 1) + num_thinking + 2) * width
    head = 2 * width * hidden + hidden + hidden * MAX_CLASSES + MAX_CLASSES
    return outside + num_layers * (8 * width**2 + 3 * width + 2 * width * hidden) + head


def from_tensors(sizes: Mapping[str, int], tensors: Mapping[str, Tensor]) -> TableNetwork:
    """A network of these sizes with these weights, as float32. Raises DataError where they do not belong together."""
    for name, most in _MOST.items():
        if type(sizes[name]) is not int or not (0 if name == "num_thinking" else 1) <= sizes[name] <= most:
            raise DataError(f"The stored network has an impossible size: {name} is {sizes[name]!r}.")
    if sizes["width"] % sizes["num_heads"]:
        raise DataError("The stored network has an impossible size: its width is no multiple of its heads.")
    own = {name: sizes[name] for name in _MOST}
    if sum(t.numel() for t in tensors.values()) != num_parameters(**own):  # before memory is taken
        raise DataError("The weights do not match the stored network: they are more or fewer than its sizes ask for.")
    net = TableNetwork(**own)
    wanted = net.state_dict()
    strange = [name for name, like in wanted.items() if name not in tensors or tensors[name].shape != like.shape]
    strange += sorted(set(tensors) - set(wanted))
    if strange:
        raise DataError(f"The weights do not match the stored network: {strange[0]} is missing or has another shape.")
    if not all(t.is_floating_point() and bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise DataError("The weights of the stored network are not finite numbers.")
    net.load_state_dict({name: tensors[name].float() for name in wanted}, assign=True)
    return net.requires_grad_(False).eval()


def _unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Sizes and tensors of a file of weights."""
    from safetensors.torch import load

    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])["__metadata__"]
    if header["format"] != FORMAT:
        raise ValueError("another format")
    stored = json.loads(header["config"])
    return {name: stored[short] for short, name in _STORED_NAMES.items()}, load(content)
