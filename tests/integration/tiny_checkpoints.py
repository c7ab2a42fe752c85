"""Checkpoints of tabicl and tabpfn with random weights, of the packages' own architectures, small enough to be quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ICL: dict[str, Any] = {
    "embed_dim": 16, "col_num_blocks": 1, "col_nhead": 2, "col_num_inds": 4, "row_num_blocks": 1, "row_nhead": 2,
    "row_num_cls": 2, "icl_num_blocks": 2, "icl_nhead": 2, "num_quantiles": 9, "zero_init": False,
}  # fmt: skip
PFN: dict[str, Any] = {"emsize": 16, "nlayers": 2, "nhead": 2, "features_per_group": 2, "num_buckets": 20}


def content(kind: str, task: str) -> dict[str, Any]:
    """What a checkpoint holds; the test is skipped where the package is not installed."""
    pytest.importorskip(kind)
    import torch

    classes = 10 if task == "classification" else 0
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if kind == "tabicl":
            from tabicl._model.tabicl import TabICL

            config = ICL | {"max_classes": classes}
            return {"config": config, "state_dict": TabICL(**config).state_dict()}
        from tabpfn.architectures import ARCHITECTURES

        architecture, config = ARCHITECTURES["tabpfn_v2"], PFN | {"max_num_classes": classes}
        state = dict(architecture.get_architecture(architecture.parse_config(config)[0]).state_dict())
    if task == "regression":
        borders = torch.linspace(-4, 4, PFN["num_buckets"] + 1)
        state |= {"criterion.borders": borders, "criterion.losses_per_bucket": torch.zeros(PFN["num_buckets"])}
    return {"config": config, "state_dict": state}


def write(folder: Path, kind: str, task: str = "classification", **more: Any) -> Path:
    """The checkpoint in a folder, with these entries beside or in the place of its own."""
    import torch

    file = folder / f"{kind}-{task}.ckpt"
    torch.save(content(kind, task) | more, file)
    return file
