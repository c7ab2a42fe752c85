"""Whether training time and memory grow with the number of images as they should: linearly, and hardly beyond the images.

    python benchmarks/scaling.py [--sizes 500 5000 50000] [--side 32] [--epochs 1]

Each size is a process of its own that trains the default network from scratch on made-up images `uint8 (N, 3, side, side)` in
batches of 128. Seconds are those of the last epoch; the peak is of the whole process, beside what it holds when it has imported
everything.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys


def one(num_images: int, side: int, epochs: int) -> None:
    import numpy as np

    from sdl_cli.learning import loop
    from sdl_cli.learning.models.deep_net import DeepNet
    from sdl_cli.settings.experiment import Training

    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    X = np.random.default_rng(0).integers(0, 256, (num_images, 3, side, side), dtype=np.uint8)
    y = np.arange(num_images) % 10
    with loop.context(loop.Context()) as surroundings:
        DeepNet(device="cpu", training=Training(epochs=epochs, batch_size=128)).fit(X, y)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(surroundings.history[-1]["seconds"], imported, peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 5000, 50000])
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.side, given.epochs)
        return
    titles = ("images", "MB", "s an epoch", "ms an image", "imports, MB", "peak, MB", "2.2 x images + 700")
    print("  ".join(f"{title:>11s}" for title in titles))
    for size in given.sizes:
        command = [sys.executable, __file__, "--one", str(size), "--side", str(given.side), "--epochs", str(given.epochs)]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        seconds, imported, peak = map(float, found)
        data = size * 3 * given.side**2 / 1e6
        values = (size, data, seconds, 1000 * seconds / size, imported, peak, 2.2 * data + 700)
        shown = (f"{value:11.2f}" if number in (2, 3) else f"{value:11.0f}" for number, value in enumerate(values))
        print("  ".join(shown), flush=True)


if __name__ == "__main__":
    main()
