"""How often `sdl compare` calls two identical arms different, and how often it finds a real difference.

    python benchmarks/false_alarms.py [--comparisons 200] [--repeats 10]

False alarms: a small forest against the same forest with other seeds, on iris, wine, breast_cancer and digits in turn; every
comparison has its own splits. At 5 %, an exact test would call about 10 of 200 different.
Power: the forest against ignoring the inputs, on wine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from sdl_cli.run import hydra as bridge
from sdl_cli.study.compare import run as comparing
from sdl_cli.study.compare.composing import with_arms
from sdl_cli.study.compare.settings import parse_comparison, parse_shared

DATASETS = ("iris", "wine", "breast_cancer", "digits dataset.as_table=true dataset.num_train=200")
FOREST = "forest model.num_trees=20"
QUICK = (
    "compare.num_candidates=1",
    "compare.curve=false",
    "compare.baseline=null",
    "parallel.backend=threading",
    "parallel.num_jobs=2",
)


def called_different(dataset: str, arms: list[str], repeats: int, seed: int, folder: Path) -> bool:
    names = ",".join(f'"{arm}"' for arm in arms)
    name, *more = dataset.split()
    settings = [f"dataset={name}", *more, f"compare.arms=[{names}]", f"compare.num_repeats={repeats}"]
    typed = [*settings, f"seed={seed}", *QUICK]
    request = parse_comparison(with_arms(bridge.compose_checked("compare", typed, parse_shared), typed))
    values = comparing.run(request, folder)
    return any(arm["measurable"] for arm in values["arms"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--power", type=int, default=20)
    asked = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        alarms = {dataset.split()[0]: 0 for dataset in DATASETS}
        for number in range(asked.comparisons):
            dataset = DATASETS[number % len(DATASETS)]
            arms = [FOREST, f"{FOREST} seed={500_000 + 1000 * number}"]
            found = called_different(dataset, arms, asked.repeats, 1000 * number, Path(place) / f"alarm-{number}")
            alarms[dataset.split()[0]] += found
        print(f"identical arms called different: {sum(alarms.values())} of {asked.comparisons}  {alarms}")
        seen = 0
        for number in range(asked.power):
            seen += called_different("wine", ["majority", FOREST], asked.repeats, 1000 * number, Path(place) / f"power-{number}")
        print(f"forest against majority on wine called different: {seen} of {asked.power}")
    print(f"{asked.repeats} splits each; {time.perf_counter() - started:.0f} seconds")


if __name__ == "__main__":
    main()
