"""Folders for reports to be made of, written by hand: what the verbs would leave, without their minutes."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from integration.forked import few_trees

from sdl_cli.many import repeats
from sdl_cli.measure import statistics
from sdl_cli.run import writing
from sdl_cli.run.request import parse_experiment

Values = dict[str, Any]
SCRIPT, COLUMN, STYLE = "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'\"</style>&amp;"
HOSTILE = (SCRIPT, COLUMN, STYLE)
METHODS = {
    "deep_net": ("A network trained from nothing on the labelled rows.", 0.985, 4, 60.0),
    "autoencoder": ("A network that first learns to redraw the images.", 0.98, 5, 75.0),
    "nearest": ("The labels of the nearest labelled rows.", 0.975, 2, 0.2),
    "baseline": ("A forest of 500 trees, the quick baseline.", 0.965, 1, 2.0),
    "logistic": ("A linear model of the classes.", 0.94, 0, 0.4),
}


def train(folder: Path, dataset: Values, **changes: Any) -> Values:
    """A finished run of a small forest beside a smaller one, by the job that `sdl train` carries out."""
    values: Values = {
        "dataset": dataset,
        "model": {"name": "baseline", "num_trees": 10},
        "loss": {"name": "auto"},
        "augment": {"name": "none"},
        "training": {},
        **changes,
    }
    with few_trees():
        return repeats.train(parse_experiment(values), folder)


def hostile_table(file: Path, rows: int = 62) -> Values:
    """A table whose classes, columns and texts are written to break out of HTML; settings to train on it."""
    rng = np.random.default_rng(0)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow([COLUMN, f"size {STYLE}", "colour", f"kind {SCRIPT}"])
        for row in range(rows):
            kind = HOSTILE[row % 3]
            writer.writerow([f"{row % 3 + rng.normal(0, 0.8):.3f}", f"{rng.normal():.3f}", SCRIPT if row % 2 else "red", kind])
    return {"name": "table", "path": str(file), "target": f"kind {SCRIPT}"}


def write_history(folder: Path, epochs: int = 20) -> None:
    """A training history with a validation part, beside the files of a run."""
    steps = range(1, epochs + 1)
    rows = [
        {
            "phase": "fit",
            "epoch": e,
            "epochs": epochs,
            "step": 10 * e,
            "learning_rate": 0.01,
            "train_loss": 2.0 * 0.7**e,
            "validation_loss": 0.3 + 1.5 * 0.7**e + 0.01 * e,
            "validation_accuracy": 0.95 - 0.6 * 0.75**e,
            "seconds": 0.5,
        }
        for e in steps
    ]
    writing.write_history(folder, rows)


def curve_of(name: str, dataset: str) -> Values:
    """What `sdl forecast --json` prints for a made-up curve."""
    from sdl_cli.study.curve.points import Points
    from sdl_cli.study.curve.summary import Question, summarise

    rng = np.random.default_rng(1)
    sizes = (90, 180, 360, 720, 1437)
    scores = {n: {str(r): float(1 - 2.2 * n**-0.68 + rng.normal(0, 0.1 * n**-0.5)) for r in range(5)} for n in sizes}
    points = Points(metric="accuracy", scores=scores)
    return summarise(points, Question(test_rows=360), name, dataset).to_json()


def comparison(names: list[str] | None = None, dataset: str = "digits", repeats: int = 10) -> Values:
    """A `comparison.json` of five methods whose intervals, differences and p values follow from made-up scores.

    Arguments:
        names: of the methods, where they are not to be the usual five.
    """
    rng = np.random.default_rng(3)
    hard = rng.normal(0, 0.006, repeats)  # a split that is hard for one method is so for all
    scores = {name: (mean + hard + rng.normal(0, 0.004, repeats)).clip(0, 1).tolist() for name, (_, mean, *_) in METHODS.items()}
    best, ratio = "deep_net", 360 / 1437
    arms = []
    adjusted = _adjusted([_p(scores[best], scores[name], ratio) for name in METHODS if name != best])
    for name, (summary, _, rung, seconds) in METHODS.items():
        mean, low, high = statistics.t_interval(scores[name])
        arm: Values = {"name": name, "summary": summary, "rung": rung, "mean": mean, "low": low, "high": high}
        arm |= {"difference": 0.0, "difference_low": None, "difference_high": None, "p": 1.0, "measurable": False}
        if name != best:
            p = adjusted.pop(0)
            difference, low, high = _difference(scores[name], scores[best], ratio)
            arm |= {"difference": difference, "difference_low": low, "difference_high": high, "p": p, "measurable": p <= 0.05}
        arm["to_baseline"] = None
        if name != "baseline":
            difference, low, high = _difference(scores[name], scores["baseline"], ratio)
            p = _p(scores[name], scores["baseline"], ratio)
            arm["to_baseline"] = {"difference": difference, "low": low, "high": high, "p": p, "measurable": p <= 0.05}
        arm |= {"scores": scores[name], "metrics": {}, "chosen": ["training.learning_rate=0.005"] * (repeats - 2) + [""] * 2}
        arm |= {"seconds": seconds, "best": name == best, "baseline": name == "baseline", "recommended": name == "nearest"}
        arms.append(arm)
    for arm, new in zip(arms, names or METHODS, strict=False):
        arm["name"] = new
    shown = dict(zip(METHODS, names or METHODS, strict=False))
    verdict = (
        f"{shown['nearest']} is the simplest method that is not measurably worse than the best, {shown[best]}: accuracy 97.5 % "
        "against 98.5 % over 10 splits. Both are measurably better than the quick baseline."
    )
    return {
        "folder": "",
        "dataset": dataset,
        "task": "classification",
        "modality": "image",
        "metric": "accuracy",
        "labelled_rows": 1437,
        "test_rows": 360,
        "repeats": repeats,
        "fixed_test": False,
        "arms": arms,
        "majority": {"mean": 0.101},
        "left_out": [{"name": "text_net", "reason": "It takes texts, and digits holds images."}],
        "given_up": [{"name": "finetuned_cnn", "reason": "It would have taken about 9 minutes, and 2 were left."}],
        "failed": [{"name": "wide_net", "folder": "arms/wide_net", "reason": "The loss became infinite in epoch 3."}],
        "recommended": shown["nearest"],
        "best": shown[best],
        "baseline": shown["baseline"],
        "curve": curve_of(shown["nearest"], dataset),
        "more_labels": {
            "size": 2874,
            "mean": 0.984,
            "low": 0.976,
            "high": 0.991,
            "gain": 0.009,
            "method_gain": 0.01,
            "more_than_methods": False,
            "sentence": "Twice the labels (2,874) would bring nearest to about 98.4 %, as much as the best method does.",
        },
        "verdict": verdict,
        "notes": ["Each method had 8 trials on validation rows."],
        "seconds": {"total": 212.4},
    }


def write_comparison(folder: Path, values: Values) -> None:
    """The folder of a comparison, but for `recommended/`, which a caller trains or copies into it."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {**copy.deepcopy(values), "folder": str(folder)}
    config = {"dataset": {"name": "digits"}, "compare": {"num_repeats": values["repeats"]}, "seed": 0}
    writing.write_config(folder, config)
    writing.write_json(folder, "comparison.json", values)
    writing.write_json(
        folder, "environment.json", writing.environment("0" * 64) | {"command_line": ["sdl compare", "dataset=digits"]}
    )
    writing.write_status(folder, "done", files=["config.yaml", "comparison.json"])


def write_sweep(folder: Path, jobs_done: list[tuple[list[str], Values]], failed: list[tuple[list[str], str]] = []) -> None:  # noqa: B006
    """The folder of a sweep of finished runs and failed ones, each given by its overrides and its metrics or reason."""
    folder.mkdir(parents=True)
    writing.write_json(folder, "sweep.json", {"verb": "train", "jobs": None})
    for number, (overrides, found) in enumerate([*jobs_done, *failed]):
        job = folder / str(number)
        job.mkdir(exist_ok=True)
        writing.write_json(job, "job.json", {"overrides": overrides})
        if isinstance(found, str):
            writing.write_status(job, "failed", found)
            continue
        writing.write_config(job, found["config"])
        writing.write_json(job, "metrics.json", found)
        writing.write_json(job, "environment.json", writing.environment("0" * 64))
        writing.write_status(job, "done", files=["config.yaml", "metrics.json"])


def metrics_of(accuracy: float, validation: float | None = None, rows: int = 100, dataset: str = "wine") -> Values:
    """A `metrics.json` of a classifier with the given scores."""

    def measured(value: float) -> Values:
        low, high = statistics.wilson(round(value * rows), rows)
        return {"accuracy": {"value": value, "low": low, "high": high, "n": rows}}

    return {
        "folder": "",
        "config": {"dataset": {"name": dataset}, "model": {"name": "baseline", "kind": "forest"}, "loss": {"name": "auto"}}
        | {"augment": {"name": "none"}, "training": {}},
        "metrics": {"test": measured(accuracy), "validation": {} if validation is None else measured(validation)},
        "baseline": {"name": "forest", "test": measured(0.9)},
        "lift": {
            "metric": "accuracy",
            "value": accuracy - 0.9,
            "low": accuracy - 0.95,
            "high": accuracy - 0.85,
            "measurable": False,
        },
        "majority": {"test": measured(0.4)},
        "seconds": {"total": 1.0},
        "rows": {"labelled": 400, "validation": 0, "test": rows},
        "runtime": None,
        "notes": [],
        "repeats": 1,
    }


def read(file: Path) -> Values:
    found: Values = json.loads(file.read_text(encoding="utf-8"))
    return found


def _difference(one: list[float], other: list[float], ratio: float) -> tuple[float, float, float]:
    return statistics.corrected_t_interval([a - b for a, b in zip(one, other, strict=True)], ratio)


def _p(one: list[float], other: list[float], ratio: float) -> float:
    return statistics.corrected_t_test([a - b for a, b in zip(one, other, strict=True)], ratio)


def _adjusted(p_values: list[float]) -> list[float]:
    return list(statistics.holm(p_values))
