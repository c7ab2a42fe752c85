"""How fast photos are decoded into the cache and read from it: 10,000 JPEGs of about 200 px.

    python benchmarks/image_cache.py [--num 10000] [--folder DIR] [--repeats 3]

The first start decodes into an empty cache; the second finds everything there. Each runs in its own process and is timed from the
call of `load` (imports are listed separately). The photos are generated, always the same: smooth colours with noise.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from sdl_cli.settings.machine import available_cores

START = """
import json, sys, time
start = time.perf_counter()
from sdl_cli.data import load
from sdl_cli.data.sources.image_folder import ImageFolder
imported = time.perf_counter()
data = load(ImageFolder(path=sys.argv[1], size_px=int(sys.argv[2])))
done = time.perf_counter()
print(json.dumps({"imports": imported - start, "load": done - imported, "rows": len(data), "fingerprint": data.fingerprint}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="keep the photos here and reuse them")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224])
    arguments = parser.parse_args()
    with _folder(arguments.folder) as folder:
        total = make_photos(folder / "photos", arguments.num)
        print(f"{arguments.num:,} JPEGs, {total / 2**20:.0f} MiB, {available_cores()} cores")
        print(f"{'side':>5}{'first s':>9}{'images/s':>10}{'second s':>10}{'imports s':>11}{'cache MiB':>11}")
        for size in arguments.sizes:
            for _ in range(arguments.repeats):
                with tempfile.TemporaryDirectory(dir=folder) as cache:
                    first = start(folder / "photos", size, cache)
                    second = start(folder / "photos", size, cache)
                assert first["fingerprint"] == second["fingerprint"]
                mib = arguments.num * 3 * size * size / 2**20
                row = f"{size:>5}{first['load']:>9.2f}{arguments.num / first['load']:>10.0f}{second['load']:>10.2f}"
                print(f"{row}{second['imports']:>11.2f}{mib:>11.0f}", flush=True)


def start(photos: Path, size: int, cache: str) -> dict[str, float]:
    """Seconds that one start takes in a fresh process."""
    command = [sys.executable, "-c", START, str(photos), str(size)]
    done = subprocess.run(command, env=os.environ | {"SDL_CACHE": cache}, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def make_photos(folder: Path, num: int) -> int:
    """Write `num` JPEGs into two class folders unless they exist; returns their size in bytes."""

    def make(i: int) -> int:
        path = folder / ("a", "b")[i % 2] / f"{i:05}.jpg"
        if not path.exists():
            rng = np.random.default_rng(i)
            width, height = rng.integers(180, 241, 2)
            smooth = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((int(width), int(height)), 3)
            noisy = np.asarray(smooth, np.int16) + rng.integers(-12, 13, (height, width, 3), dtype=np.int16)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)
        return path.stat().st_size

    for name in ("a", "b"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(available_cores()) as pool:
        total = sum(pool.map(make, range(num)))
    time.sleep(4)  # files changed in the last few seconds are hashed again at the next start
    return total


@contextlib.contextmanager
def _folder(asked: Path | None) -> Iterator[Path]:
    if asked is not None:
        asked.mkdir(parents=True, exist_ok=True)
        yield asked.absolute()
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


if __name__ == "__main__":
    main()
