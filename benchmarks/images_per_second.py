"""Images a second in training: sdl's loop against a DataLoader with PIL and torchvision's transforms, the same networks.

    python benchmarks/images_per_second.py [--only WORD ...] [--workers 0 1 2] [--rows N]

The other side is the usual pipeline: each image is opened, cropped and mirrored by itself, batches come from a DataLoader with
the best of some numbers of worker processes, and the network trains in float32. Both sides train the same layers, batches of the
same size, with shifted crops and mirroring, and SGD; an epoch after the first one is timed. Images are made here: what they show
does not matter for speed.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision import models, transforms

from sdl_cli.data.augment.policies import FlipCrop
from sdl_cli.data.images.photos import Decoding, read_photos
from sdl_cli.learning import loop
from sdl_cli.learning.device import describe
from sdl_cli.learning.models.deep_net import DeepNet, PlainNet, ResNet
from sdl_cli.learning.models.finetuned_cnn import FinetunedCNN
from sdl_cli.settings.experiment import Training

EPOCHS = 3  # of which the last is timed
USUAL = [transforms.RandomHorizontalFlip(), transforms.ToTensor()]


class Opened(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """Images that are opened, changed and made a tensor one by one, each time."""

    def __init__(self, images: list[Any], change: Callable[[Any], torch.Tensor]) -> None:
        self.images, self.change = images, change

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        found = self.images[number]
        image = Image.open(found).convert("RGB") if isinstance(found, Path) else Image.fromarray(found)
        return self.change(image), number % 10


def usual(data: Opened, net: nn.Module, batch_size: int, workers: list[int]) -> tuple[float, int]:
    """Images a second in an epoch after the first, and the number of workers that gave the most."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    found = {}
    for number in workers:
        batches = torch.utils.data.DataLoader(data, batch_size, True, num_workers=number, persistent_workers=number > 0)
        for _ in range(EPOCHS - 1):
            start = time.perf_counter()
            for x, t in batches:
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x), t).backward()
                optimizer.step()
        found[number] = len(data) / (time.perf_counter() - start)
        del batches
    best = max(found, key=lambda number: found[number])
    return found[best], best


def ours(model: Any, X: np.ndarray) -> tuple[float, str]:
    """Images a second in the last epoch, and how they were computed."""
    with loop.context(loop.Context()) as surroundings:
        model.fit(X, np.arange(len(X)) % 10)
    found = model.runtime_
    return len(X) / surroundings.history[-1]["seconds"], f"{found.precision}, {found.memory_format}"


def training(batch_size: int) -> Training:
    return Training(
        epochs=EPOCHS, batch_size=batch_size, optimizer="sgd", learning_rate=0.01, clip_norm=0.0, ema_decay=0.0, select="last"
    )


def small(body: Callable[[], nn.Module], architecture: str, num_rows: int, workers: list[int]) -> str:
    """A network of sdl's own on images of 32 px in memory, batches of 128."""
    images = np.random.default_rng(0).integers(0, 256, (num_rows, 32, 32, 3)).astype(np.uint8)
    made = body()
    net = nn.Sequential(made, nn.Linear(int(made.embedding_size), 10))  # type: ignore[arg-type]
    change = transforms.Compose([transforms.RandomCrop(32, padding=4, padding_mode="reflect"), *USUAL])
    theirs, number = usual(Opened(list(images), change), net, 128, workers)
    model = DeepNet(architecture=architecture, augment=FlipCrop(), training=training(128))
    rate, how = ours(model, np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return f"{rate:8.1f} {theirs:8.1f} {rate / theirs:6.2f}x  {how}; {number} workers"


def large(num_rows: int, workers: list[int]) -> str:
    """ResNet-18, all layers, at 224 px from JPEG files, batches of 32."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number:04}.jpg" for number in range(num_rows)]
        for file in files:
            coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3)).astype(np.uint8))
            coarse.resize((341, 256), Image.Resampling.BICUBIC).save(file, quality=90)
        view = [
            transforms.Resize(224),
            transforms.CenterCrop(224),
            transforms.RandomCrop(224, padding=28, padding_mode="reflect"),
        ]
        theirs, number = usual(
            Opened([*files], transforms.Compose([*view, *USUAL])), models.resnet18(num_classes=10), 32, workers
        )
        X = read_photos(files, [file.name for file in files], Decoding(224), Path(folder)).images
        model = FinetunedCNN("resnet18", "none", "finetune", augment=FlipCrop(), training=training(32), image_size_px=224)
        rate, how = ours(model, np.asarray(X))
    return f"{rate:8.1f} {theirs:8.1f} {rate / theirs:6.2f}x  {how}; {number} workers"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--workers", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--rows", type=int, default=2560, help="images of 32 px")
    parser.add_argument("--photos", type=int, default=128)
    given = parser.parse_args()
    print(f"{dict(describe())['machine']}, torch {torch.__version__}, Python {platform.python_version()}")
    rows = {
        "plain, 4 convolutions, 32 px": lambda: small(
            lambda: PlainNet(3, (32, 32), 4, 32, 0.0), "plain", given.rows, given.workers
        ),
        "default ResNet, 32 px": lambda: small(lambda: ResNet(3, (32, 32), 9, 24, 0.0), "resnet", given.rows, given.workers),
        "ResNet-18, 224 px, JPEG files": lambda: large(given.photos, given.workers),
    }
    print(f"{'images a second':32s} {'sdl':>8s} {'usual':>8s} {'ratio':>7s}")
    for name, measure in rows.items():
        if not given.only or any(word in name for word in given.only):
            print(f"{name:32s} {measure()}", flush=True)


if __name__ == "__main__":
    main()
