"""What a pretrained sentence network brings for few labelled texts: accuracy on TREC, and texts a second.

    python benchmarks/texts.py ../shared/data/text/trec ../shared/data/minilm            # 5 seeds
    python benchmarks/texts.py TREC WEIGHTS --seeds 2 --sizes 50 --methods logistic probe

TREC is the folder with TREC.train.all and TREC.test.all (Li and Roth 2002), WEIGHTS a folder that sentence-transformers saved.
Labelled rows are those of `sdl train dataset=text dataset.num_train=N seed=S`; all 500 test texts are scored. The rate of
embedding is that of one thread, by its CPU seconds, on training texts that are batched by length; fits are on one thread too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.draw import nested_subset
from sdl_cli.learning.device import Runtime, cpu_has_bfloat16
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.prepared import Prepared
from sdl_cli.learning.models.sentences.embedded import loaded
from sdl_cli.learning.models.sentences.estimator import FinetunedText
from sdl_cli.learning.models.sentences.network import passed
from sdl_cli.learning.models.sentences.weights import look_through
from sdl_cli.learning.models.text_features import TextEncoder

Array = np.ndarray[Any, Any]
METHODS = ["logistic", "probe", "probe_with_words", "finetune"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trec", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 500])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    arguments = parser.parse_args()
    (X, y), (X_test, y_test) = (read(arguments.trec / f"TREC.{part}.all") for part in ("train", "test"))
    for precision in ("float32", "bfloat16") if cpu_has_bfloat16() else ("float32",):
        print(f"{precision}: {rate(arguments.weights, list(X[:2000]), precision):.0f} texts a second on one core", flush=True)
    print(f"{'labels':<8}{'method':<18}{'accuracy':>10}{'s.d.':>8}{'log loss':>10}{'seconds':>9}{'seeds':>7}")
    for size in arguments.sizes:
        for method in arguments.methods:
            seeds = range(arguments.seeds)
            found = np.array(list(scores(method, arguments.weights, (X, y), (X_test, y_test), size, seeds)))
            spread = found[:, 0].std(ddof=1) if len(found) > 1 else np.nan
            accuracy, loss, seconds = found.mean(axis=0)
            print(f"{size:<8}{method:<18}{accuracy:>10.3f}{spread:>8.3f}{loss:>10.3f}{seconds:>9.1f}{len(found):>7}", flush=True)


def read(path: Path) -> tuple[Array, Array]:
    """Texts and classes of one line each."""
    rows = [line.strip().split(" ", 1) for line in path.read_text(encoding="cp1252").splitlines() if line.strip()]
    return np.array([text for _, text in rows], dtype=object), np.array([label.partition(":")[0] for label, _ in rows])


def scores(
    method: str, weights: Path, train: tuple[Array, Array], test: tuple[Array, Array], size: int, seeds: range
) -> Iterator[tuple[float, float, float]]:
    """Accuracy, log loss and CPU seconds of fitting, with each seed."""
    (X, y), (X_test, y_test) = train, test
    for seed in seeds:
        rows = nested_subset(y, size, seed, "classification")
        model: Any
        if method == "logistic":
            model = Prepared(TextEncoder(random_state=seed), Baseline(kind="logistic", random_state=seed))
        else:
            model = FinetunedText(weights=str(weights), strategy=method, random_state=seed, num_threads=1)
        start = time.process_time()
        probs = model.fit(X[rows], y[rows]).predict_proba(X_test)
        seconds = time.process_time() - start
        own = probs[np.arange(len(y_test)), np.searchsorted(model.classes_, y_test)]
        yield float((model.classes_[probs.argmax(1)] == y_test).mean()), float(-np.log(np.maximum(own, 1e-15)).mean()), seconds


def rate(folder: Path, texts: list[str], precision: str) -> float:
    """Texts a second through the network on one thread."""
    body, pieces = loaded(look_through(folder), None)
    runtime = Runtime("cpu", precision, "contiguous", 1)
    passed(body, pieces, pieces.of(texts[:64])[0], runtime)
    start = time.process_time()
    passed(body, pieces, pieces.of(texts)[0], runtime)
    return len(texts) / (time.process_time() - start)


if __name__ == "__main__":
    main()
