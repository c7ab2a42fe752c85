"""Whether it pays to follow the verdict of `sdl compare`: what each rule recommends, scored on held-out rows.

    python benchmarks/recommendation.py FOLDER_OF_CSV RESULTS [--draws 3] [--stored]

30 % of the rows of each table are held out (seeded, stratified). One comparison of majority, logistic regression, a forest,
gradient boosting and a short deep net runs on the rest. RESULTS stores its scores, and the score of every arm trained on the 70 %
on the held-out rows. Each rule is then applied to the same stored scores: the simplest arm that is not measurably worse (old);
the best mean unless a simpler arm is within the margin, never one that guessing may equal (new); always the best mean. Results
that are already in RESULTS are not computed again. Tables under 60 rows are listed separately.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.draw import hold_out
from sdl_cli.data.split import Split
from sdl_cli.measure.metrics import HIGHER_IS_BETTER
from sdl_cli.run import hydra as bridge
from sdl_cli.run.fit_and_score import Around, fit_and_score
from sdl_cli.run.prepare import load_here, make_ready, resolve_settings
from sdl_cli.study.compare import run as comparing
from sdl_cli.study.compare.composing import with_arms
from sdl_cli.study.compare.judge import FLOOR, Paired, Rule, judge
from sdl_cli.study.compare.margin import margin_of
from sdl_cli.study.compare.plan import MOST_OF_ONE_CLASS, make_plan
from sdl_cli.study.compare.settings import parse_comparison, parse_shared

ARMS = ("majority", "logistic", "forest model.num_trees=100", "gradient_boosting", "deep_net")  # the simplest first
SHORT = ("training.epochs=30", "num_threads=1", "device=cpu", "parallel.num_jobs=1")
QUICK = ("compare.num_repeats=5", "compare.num_candidates=1", "compare.minutes=null", "compare.curve=false")
FEW_ROWS = 60
RULES = ("old", "new", "best mean")


def measure(file: Path, draw: int, place: Path) -> dict[str, Any]:
    """Run one comparison on 70 % of the rows, and score every arm on the others."""
    header, *lines = file.read_text().splitlines()
    _, y = np.unique([line.rsplit(",", 1)[1] for line in lines], return_inverse=True)
    kept, held = hold_out(y, 0.3, 1000 * draw + 7, "classification")
    part, whole = place / f"{file.stem}.csv", place / "whole.csv"
    part.write_text("\n".join([header, *(lines[row] for row in kept)]) + "\n")
    whole.write_text("\n".join([header, *lines]) + "\n")
    data = ["dataset=table", "dataset.target=class", "dataset.task=classification", "dataset.min_class_rows=2"]
    arms = ",".join(f'"{arm}"' for arm in ARMS)
    settings = [f"dataset.path={part}", f"compare.arms=[{arms}]", f'compare.baseline="{ARMS[2]}"', f"seed={100 * draw}"]
    typed = [*data, *settings, *SHORT, *QUICK]
    request = parse_comparison(with_arms(bridge.compose_checked("compare", typed, parse_shared), typed))
    values = comparing.run(request, place / "comparison")
    folder = Path(values["folder"])
    cells = {f"{f.parts[-3]}/{f.parts[-2]}": json.loads(f.read_text()) for f in sorted(folder.glob("arms/*/*/metrics.json"))}
    plan, scores = make_plan(request), {}
    for arm in plan.arms:
        first = plan.candidates(arm, 0)[0].experiment
        settings_of = dataclasses.replace(first.dataset, path=str(whole), min_class_rows=None)
        experiment = dataclasses.replace(first, dataset=settings_of)
        dataset = load_here(experiment)
        parts = Split(np.asarray(kept), None, np.asarray(held))
        labelled, test = parts.parts(dataset)
        ready = make_ready(resolve_settings(experiment, dataset, len(kept)), labelled, lambda sentence: None)
        found = {name: one.value for name, one in fit_and_score(ready, test, Around()).test.items()}
        scores[arm.name] = {name: value if np.isfinite(value) else None for name, value in found.items()}
    shares = (np.bincount(y) / len(y)).tolist()
    return {
        "set": file.stem,
        "draw": draw,
        "rows": len(lines),
        "comparison": values,
        "cells": cells,
        "held_out": scores,
        "shares": shares,
    }


def recommendations(stored: dict[str, Any], metric: str) -> dict[str, str]:
    """What each rule recommends, from the stored scores on all splits."""
    values = stored["comparison"]
    ladder = [arm["name"] for arm in sorted(values["arms"], key=lambda arm: arm["rung"])]
    repeats = range(values["repeats"])
    cells = {name: [stored["cells"][f"{_folder(name)}/{r}"] for r in repeats] for name in ladder}
    scores = {name: np.array([cell["test"][metric] for cell in found], float) for name, found in cells.items()}
    scores[FLOOR] = np.array([cell["majority"][metric] for cell in cells[ladder[0]]], float)
    paired = Paired(scores, values["test_rows"] / values["labelled_rows"])
    baseline = next(name for name in ladder if name.startswith(("forest", "baseline")))
    margin, _ = margin_of(metric, None, float(scores[baseline].mean()))
    new = judge(paired, HIGHER_IS_BETTER[metric], ladder, baseline, Rule("best", margin))
    alike = {arm.name for arm in new.arms if arm.to_best is None or not arm.to_best.measurable}
    return {"old": next(name for name in ladder if name in alike), "new": new.recommended, "best mean": new.best}


def _folder(name: str) -> str:
    return name.replace(" ", "_")


def report(results: Path, asked: str | None) -> None:
    """Print one line per table, and the means over tables and draws, in points of the metric on held-out rows."""
    rows: dict[str, list[tuple[dict[str, float], dict[str, str]]]] = {}
    few: set[str] = set()
    for file in sorted(results.glob("*.json")):
        stored = json.loads(file.read_text())
        metric = asked or ("balanced_accuracy" if max(stored["shares"]) > MOST_OF_ONE_CLASS else "accuracy")
        named = recommendations(stored, metric)
        rows.setdefault(stored["set"], []).append(
            ({rule: 100 * stored["held_out"][named[rule]][metric] for rule in RULES}, named)
        )
        few |= {stored["set"]} if stored["rows"] < FEW_ROWS else set()
    print(f"{'table':<32}{'draws':>6}" + "".join(f"{rule:>11}" for rule in RULES) + "   new recommends")
    for name in sorted(rows, key=lambda one: (one in few, one)):
        means = "".join(f"{np.mean([score[rule] for score, _ in rows[name]]):>11.1f}" for rule in RULES)
        told = ", ".join(named["new"].partition(" ")[0] for _, named in rows[name])
        print(f"{name:<32}{len(rows[name]):>6}{means}   {told}{'  (under 60 rows)' if name in few else ''}")
    for title, chosen in (("60 rows or more", set(rows) - few), ("under 60 rows", few)):
        each = [found for name in sorted(chosen) for found in rows[name]]
        if not each:
            continue
        means = {rule: float(np.mean([score[rule] for score, _ in each])) for rule in RULES}
        by_set = {rule: [np.mean([s[rule] - s["best mean"] for s, _ in rows[name]]) for name in sorted(chosen)] for rule in RULES}
        print(f"\n{len(chosen)} tables of {title}, {len(each)} draws")
        for rule in RULES:
            spread = np.std(by_set[rule], ddof=1) / np.sqrt(len(chosen)) if len(chosen) > 1 else 0.0
            same = np.mean([named[rule] == named["best mean"] for _, named in each])
            guess = sum(named[rule] == "majority" for _, named in each)
            print(
                f"{rule:<10} {means[rule]:6.2f}  to always the best mean {np.mean(by_set[rule]):+.2f} (s.e. {spread:.2f})  "
                f"the same arm in {same:.0%}  majority {guess} times"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--metric", help="for all tables; default: accuracy, or balanced_accuracy if a class holds over 70 %%")
    parser.add_argument("--stored", action="store_true", help="run nothing, only apply the rules to the stored results")
    asked = parser.parse_args()
    asked.results.mkdir(parents=True, exist_ok=True)
    files = sorted(asked.data.glob("*.csv"), key=lambda file: file.stat().st_size)
    for draw, file in ((draw, file) for draw in range(0 if asked.stored else asked.draws) for file in files):
        out = asked.results / f"{file.stem}-{draw}.json"
        if out.exists():
            continue
        started, place = time.perf_counter(), Path(tempfile.mkdtemp())
        stored = measure(file, draw, place)
        out.with_suffix(".part").write_text(json.dumps(stored))
        out.with_suffix(".part").rename(out)
        shutil.rmtree(place)
        print(f"{file.stem} {draw}: {time.perf_counter() - started:.0f} seconds", flush=True)
    report(asked.results, asked.metric)


if __name__ == "__main__":
    main()
