"""The network to train: fresh or from a file, on its device. Its definition is the product's own."""

from __future__ import annotations

from pathlib import Path

import torch

from pretraining.packing import fastest_packs, pack_rows
from pretraining.settings import Recipe
from sdl_cli.errors import DataError
from sdl_cli.learning.models.table_network import PRESETS, TableNetwork, load_weights


def build_network(recipe: Recipe, device: str, initial: Path | None = None) -> TableNetwork:
    """The recipe's network on `device`, with weights drawn by its seed, or those of the file `initial`.

    Raises DataError if the file is missing, damaged, or of a network of another size.
    """
    if initial is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            net = TableNetwork(**PRESETS[recipe.preset])
    else:
        net = load_weights(initial)
        if net.sizes != PRESETS[recipe.preset]:
            raise DataError(
                f"{initial}: these weights are not of a network of size {recipe.preset}.", "Choose their own --preset."
            )
    net = net.to(device)
    return pack_rows(net, fastest_packs(net, device)) if device.startswith("cuda") else net
