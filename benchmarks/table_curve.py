"""A learning curve of `model=deep_net` on a table against a plain loop of torch trainings of the same networks.

    python benchmarks/table_curve.py [--sizes 6] [--repeats 5] [--epochs 100]

The other side is what one would write by hand: for each size and repeat, split, standardise, train 10 x 100 ELU units with
dropout and Adam in batches of 32, and score, with torch's threads on all cores. It fits no forest beside it and writes nothing.
Both are whole processes, alternating, sdl's with empty caches.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

PLAIN = """
import sys, json, torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn
sizes, repeats, epochs = json.loads(sys.argv[1])
X, y = load_breast_cancer(return_X_y=True)
for size in sizes:
    scores = []
    for seed in range(repeats):
        torch.manual_seed(seed)
        X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=size, test_size=114, random_state=seed, stratify=y)
        mean, std = X_train.mean(0), X_train.std(0)
        x, x_test = (torch.tensor((each - mean) / std, dtype=torch.float32) for each in (X_train, X_test))
        t, t_test = torch.tensor(y_train), torch.tensor(y_test)
        layers = [layer for i in range(10) for layer in (nn.Linear(30 if i == 0 else 100, 100), nn.ELU(), nn.Dropout(0.15))]
        net = nn.Sequential(*layers, nn.Linear(100, 2))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
        batches = max(1, -(-size // 32))
        for _ in range(epochs):
            for rows in torch.randperm(size).tensor_split(batches):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x[rows]), t[rows]).backward()
                optimizer.step()
        with torch.inference_mode():
            scores.append(float((net.eval()(x_test).argmax(1) == t_test).float().mean()))
    print(size, sum(scores) / len(scores))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    sizes = [round(10 * 45.5 ** (i / (given.sizes - 1))) for i in range(given.sizes)]
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            ours = [
                sys.executable,
                "-m",
                "sdl_cli",
                "curve",
                "dataset=breast_cancer",
                "model=deep_net",
                "curve.sizes=[" + ",".join(map(str, sizes)) + "]",
            ]
            ours += [
                f"curve.num_repeats={given.repeats}",
                f"training.epochs={given.epochs}",
                f"hydra.run.dir={folder}/run",
                "--json",
            ]
            theirs = [sys.executable, "-c", PLAIN, json.dumps([sizes, given.repeats, given.epochs])]
            seconds = []
            environment = {**os.environ, "SDL_CACHE": f"{folder}/cache"}
            for command in (ours, theirs):
                start = time.perf_counter()
                subprocess.run(command, env=environment, check=True, capture_output=True)
                seconds.append(time.perf_counter() - start)
        print(f"sdl curve {seconds[0]:.1f} s, plain loop {seconds[1]:.1f} s, ratio {seconds[1] / seconds[0]:.2f}", flush=True)


if __name__ == "__main__":
    main()
