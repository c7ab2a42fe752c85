"""CPU seconds of `model=tabular_foundation` with random weights of full size: what it costs, not how good it is.

    python benchmarks/tabular_foundation_speed.py

Each package's own architecture at its default size (27.6 and 7.2 million weights), two members, one thread; `again` is a second
prediction of the same fit, `plain` one of the package's own estimator with its defaults, which reads the labelled rows each time.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tabicl
import tabpfn
import torch
from tabicl._model.tabicl import TabICL
from tabpfn.architectures import ARCHITECTURES

from sdl_cli.learning.models.tabular_foundation.estimator import TabularFoundation

SIZES = ((200, 10), (500, 10))


def write(folder: Path, kind: str) -> Path:
    """A checkpoint of the package's default size."""
    if kind == "tabicl":
        config: dict[str, Any] = {"max_classes": 10, "embed_dim": 128, "row_num_cls": 4, "icl_num_blocks": 12, "zero_init": False}
        network: torch.nn.Module = TabICL(**config)
    else:
        config = {"emsize": 192, "nlayers": 12, "nhead": 6, "features_per_group": 2, "max_num_classes": 10, "num_buckets": 5000}
        network = ARCHITECTURES["tabpfn_v2"].get_architecture(ARCHITECTURES["tabpfn_v2"].parse_config(config)[0])
    torch.save({"config": config, "state_dict": network.state_dict()}, folder / f"{kind}.ckpt")
    return folder / f"{kind}.ckpt"


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def costs(model: Any, X: Any, y: Any, asked: Any) -> list[float]:
    """Of a fit, of a first prediction and of a second one."""
    return [seconds(lambda: model.fit(X, y)), *(seconds(lambda: model.predict_proba(asked)) for _ in range(2))]


def main() -> None:
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    plain = {"tabicl": tabicl.TabICLClassifier, "tabpfn": tabpfn.TabPFNClassifier}
    print("| network | labelled + asked rows x columns | fit | predict | again | plain: fit | predict | again |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in plain:
            file = str(write(Path(folder), kind))
            for rows, columns in SIZES:
                X = np.random.default_rng(0).normal(size=(rows + 50, columns))
                y, asked = (X[:rows, 0] > 0).astype(int), X[rows:]
                ours = TabularFoundation(kind=kind, weights=file, num_members=2, num_threads=1)
                theirs = plain[kind](n_estimators=2, model_path=file, device="cpu")
                cells = [cell for model in (ours, theirs) for cell in costs(model, X[:rows], y, asked)]
                print(f"| {kind} | {rows} + 50 x {columns} | " + " | ".join(f"{each:.1f}" for each in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
