"""A probe of `sdl train` against the loop of PyTorch's transfer-learning tutorial, on the same photographs and network.

    TORCH_HOME=FOLDER python benchmarks/transfer_learning.py HYMENOPTERA [--epochs 25] [--workers 2]

The other side is the tutorial's recipe for a frozen network ("ConvNet as fixed feature extractor"): SqueezeNet 1.1, random crops
and mirrored images, batches of 4 from a DataLoader with worker processes, SGD with momentum on a new head, the learning rate
divided by 10 every 7 epochs, and a look at the validation photos after each. `sdl` runs as a whole process with empty caches; the
loop is timed from its first batch on, and imports of both sides are counted on sdl's side alone.
HYMENOPTERA has train/ and val/ with a folder for each class.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn
from torchvision import datasets, models, transforms

from sdl_cli.measure.statistics import wilson


def loop(folder: Path, epochs: int, workers: int) -> tuple[float, int, int]:
    """Seconds, how many validation photos the best epoch has right, as the tutorial keeps it, and of how many."""
    torch.manual_seed(0)
    usual = [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    views = {
        "train": transforms.Compose([transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), *usual]),
        "val": transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), *usual]),
    }
    data = {part: datasets.ImageFolder(folder / part, view) for part, view in views.items()}
    batches = {part: torch.utils.data.DataLoader(found, 4, True, num_workers=workers) for part, found in data.items()}
    net = models.squeezenet1_1(weights=models.SqueezeNet1_1_Weights.IMAGENET1K_V1).requires_grad_(False)
    net.classifier[1] = nn.Conv2d(512, len(data["train"].classes), 1)
    optimizer = torch.optim.SGD(net.classifier[1].parameters(), lr=0.001, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 7, 0.1)
    start, best = time.perf_counter(), 0
    for _ in range(epochs):
        net.train()
        for x, t in batches["train"]:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), t).backward()
            optimizer.step()
        schedule.step()
        net.eval()
        with torch.inference_mode():
            right = sum(int((net(x).argmax(1) == t).sum()) for x, t in batches["val"])
        best = max(best, right)
    return time.perf_counter() - start, best, len(data["val"])


def probe(folder: Path) -> tuple[float, int, int]:
    """Seconds of the whole process, how many photos of val/ are right, and of how many."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "sdl_cli", "train", "dataset=image_folder", f"dataset.path={folder}"]
        command += ["model=finetuned_cnn", "model.strategy=probe", "model.architecture=squeezenet1_1"]
        start = time.perf_counter()
        found = subprocess.run(
            [*command, f"hydra.run.dir={scratch}/run", "--json"],
            env={**os.environ, "SDL_CACHE": f"{scratch}/cache"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    if found.returncode:
        raise SystemExit(found.stderr)
    accuracy = json.loads(found.stdout)["metrics"]["test"]["accuracy"]
    return seconds, round(accuracy["value"] * accuracy["n"]), accuracy["n"]


def shown(right: int, num: int) -> str:
    low, high = wilson(right, num)
    return f"{right} of {num} right, {100 * right / num:.1f} % (95 % interval {100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    ours, *accuracy = probe(given.folder)
    print(f"sdl train, whole process, empty caches: {ours:.1f} s, {shown(*accuracy)}", flush=True)
    theirs, *best = loop(given.folder, given.epochs, given.workers)
    print(f"the tutorial's loop, {given.epochs} epochs: {theirs:.1f} s, best epoch {shown(*best)}")
    print(f"ratio {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
