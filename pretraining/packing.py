"""Faster attention along the rows of tables on a GPU: rows have few columns, and several of them fill one tile of a kernel.

The result is that of the product's network up to rounding. Only the choice by time needs a GPU.
"""

from __future__ import annotations

import math
import time
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from sdl_cli.learning.models.table_network import Layer, TableNetwork, attend

_MOST_PACKED = 64  # tokens of a kernel's tile
_TIMED_LENGTHS = (2, 4, 6, 8, 11, 16, 22, 32, 41)  # tokens of a row: its columns and the label
_TIMED_TOKENS, _TIMED_ROWS = 180_000, 59_968  # the latter divides by 16
_NUM_TRIALS = 3


class PackedLayer(Layer):
    """A layer whose rows attend to themselves several at a time.

    Arguments:
        packs: tokens of a row -> rows per sequence; other lengths take the nearest of these.
    """

    def __init__(self, width: int, num_heads: int, hidden: int, packs: dict[int, int]) -> None:
        super().__init__(width, num_heads, hidden, 1.0)
        self.packs = packs

    def along_rows(self, x: Tensor) -> Tensor:
        B, N, S, width = x.shape
        pack = self.packs[min(self.packs, key=lambda length: abs(math.log(length / S)))] if self.packs else 1
        pack = max(1, min(pack, _MOST_PACKED // S))
        q, k, v = self._by_head(self.norm_col.then(x, self.col_q, self.col_k, self.col_v).view(B * N, S, -1), 3)
        mixed = packed_attention(q, k, v, pack)
        added: Tensor = self.col_o(mixed.transpose(1, 2).reshape(B, N, S, width))
        return x + added


def packed_attention(queries: Tensor, keys: Tensor, values: Tensor, pack: int) -> Tensor:
    """`attend` over `(M, heads, S, D)`, with `pack` sequences at a time as one sequence in which each sees itself alone."""
    if pack == 1:
        return attend(queries, keys, values)
    M, heads, S, D = queries.shape
    whole = M // pack * pack
    mask = _block_mask(S, pack, queries.device, queries.dtype)
    q, k, v = (t[:whole].transpose(1, 2).reshape(-1, pack * S, heads, D).transpose(1, 2) for t in (queries, keys, values))
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    mixed = mixed.transpose(1, 2).reshape(whole, S, heads, D).transpose(1, 2)
    if whole == M:
        return mixed
    return torch.cat([mixed, attend(queries[whole:], keys[whole:], values[whole:])])


@lru_cache(maxsize=256)
def _block_mask(length: int, pack: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """`(pack S, pack S)`: 0 within each block of S, minus infinity elsewhere; rows start at multiples of 8 in memory."""
    block = torch.arange(pack * length, device=device) // length
    mask = torch.zeros(pack * length, 8 * math.ceil(pack * length / 8), device=device, dtype=dtype)[:, : pack * length]
    return mask.masked_fill_(block[:, None] != block[None, :], -math.inf)


def pack_rows(net: TableNetwork, packs: dict[int, int]) -> TableNetwork:
    """`net` with packed layers in the place of its own; the names and values of its weights stay."""
    for number, layer in enumerate(net.layers):
        assert isinstance(layer, Layer)
        packed = PackedLayer(net.sizes["width"], net.sizes["num_heads"], net.sizes["hidden"], packs)
        packed.load_state_dict(layer.state_dict())
        net.layers[number] = packed.to(next(layer.parameters()).device)
    return net


def fastest_packs(net: TableNetwork, device: str) -> dict[int, int]:
    """For some lengths of rows, how many to pack: the fastest of a few, forward and backward in bfloat16 on this GPU."""
    heads, D = net.sizes["num_heads"], net.sizes["width"] // net.sizes["num_heads"]
    best = {}
    for S in _TIMED_LENGTHS:
        num_rows = min(_TIMED_ROWS, _TIMED_TOKENS // S // 16 * 16)
        seconds = {}
        for pack in [1, *[pack for pack in (8, 4, 2) if pack * S <= _MOST_PACKED]]:
            given = torch.randn(num_rows, S, 3, heads, D, device=device, dtype=torch.bfloat16, requires_grad=True)
            start = 0.0
            for trial in range(_NUM_TRIALS + 1):
                if trial == 1:  # the first one prepares
                    torch.cuda.synchronize()
                    start = time.monotonic()
                q, k, v = (t.transpose(1, 2) for t in given.unbind(2))
                mixed = packed_attention(q, k, v, pack)
                mixed.backward(mixed.detach())  # type: ignore[no-untyped-call]
            torch.cuda.synchronize()
            seconds[pack] = time.monotonic() - start
        best[S] = min(seconds, key=seconds.__getitem__)
    return best
