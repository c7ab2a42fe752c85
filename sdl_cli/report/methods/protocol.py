"""How rows were divided, scores measured and differences judged, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdl_cli.measure import wording
from sdl_cli.phrases import counted
from sdl_cli.report.methods.references import cite
from sdl_cli.report.methods.training import name_of

Values = Mapping[str, Any]


def data_sentence(named: str, about: Values, fingerprint: str | None) -> str:
    """What the data set is; `about` is what the run recorded of it, empty in runs of older versions."""
    parts = []
    if about.get("rows"):
        parts.append(counted(about["rows"], "row"))
    if about.get("classes"):
        parts.append(counted(about["classes"], "class", "classes"))
    if about.get("columns"):
        parts.append(counted(about["columns"], "column"))
    kind = {"image": "images", "text": "texts", "series": "series", "table": "a table"}.get(str(about.get("modality")), "")
    told = f"The data set was {name_of(named)}" + (f" ({', '.join([kind, *parts] if kind else parts)})" if parts or kind else "")
    return told + (f"; the SHA-256 digest of its content begins with {name_of(fingerprint)[:16]}." if fingerprint else ".")


def split_sentences(config: Values, about: Values, rows: Values, repeats: int) -> list[str]:
    """How rows became labelled and test rows.

    Arguments:
        about: as of `data_sentence`. rows: counts of `labelled`, `test` and perhaps `validation` and `unlabelled` rows.
        repeats: splits.
    """
    dataset, division = config["dataset"], about.get("division")
    seed = config["seed"] if dataset.get("seed") is None else dataset["seed"]
    share = f"{100 * dataset.get('test_fraction', 0.2):g} %"
    order, group = name_of(dataset.get("order")), name_of(dataset.get("group"))
    how = {
        "classes": f"Rows were divided at random, stratified by class, with a share of {share} for the test part (seed {seed}).",
        "random": f"Rows were divided at random, with a share of {share} for the test part (seed {seed}).",
        "groups": (
            f"Whole groups (by {group}) were divided at random, about {share} of the rows into the test part (seed {seed}), so "
            "that no group had rows on both sides."
        ),
        "time": f"The latest rows, by {order}, about {share} of them, were the test part, and models learned from earlier ones.",
        "source": "The test part was the one that the data set itself brings.",
    }
    told = [how[division]] if division in how else []
    if division == "time" and dataset.get("gap"):
        told.append(f"A stretch of {dataset['gap']:g} (days, or the unit of that column) before the test part was left out.")
    first = " in the first split" if repeats > 1 and division not in ("classes", "random", "source") else ""
    counts = counted(rows.get("labelled", 0), "labelled row"), counted(rows.get("test", 0), "test row")
    told.append(f"There were {' and '.join(counts)}{first}.")
    if dataset.get("num_train") or dataset.get("num_per_class"):
        asked = dataset.get("num_per_class")
        what = f"up to {asked} of each class" if asked else "a subset"
        told.append(f"The labelled rows are {what}, drawn from all rows outside the test part by the same seed.")
    if rows.get("validation"):
        told.append(f"Of the labelled rows, {rows['validation']:,} were set aside for validation and not fitted on.")
    if rows.get("unlabelled"):
        told.append(f"A further {counted(rows['unlabelled'], 'row')} without targets took part in training.")
    if repeats > 1:
        told.append(_repeats(division, seed, repeats))
    if dataset.get("target_scale") == "log":
        told.append("Models learned the logarithm of the target; all scores are in its own unit.")
    return [*told, "The test part played no role in fitting, tuning or any other choice and was scored once."]


def _repeats(division: Any, seed: Any, repeats: int) -> str:
    if division == "source":
        return f"Everything was repeated {repeats} times (seeds {seed} to {seed + repeats - 1}) with the same test part."
    if division == "time":
        return f"Everything was repeated for {repeats} test parts that follow each other in time{cite('tashman')}."
    return f"Everything was repeated over {repeats} such splits (seeds {seed} to {seed + repeats - 1})."


def decision_sentence(threshold: Any) -> str:
    """How probabilities became a class, where that is not the most probable one."""
    if threshold in (None, "most_probable"):
        return ""
    if threshold == "balanced":
        return "Each row was given the class with the largest ratio of its probability to the class's share of the labelled rows."
    return f"The rarer of the two classes was predicted from a probability of {name_of(threshold)} on."


def interval_sentences(metrics: list[str], repeats: int, same_test_rows: bool = False) -> list[str]:
    """Where the intervals of a run's scores come from."""
    if repeats > 1 and same_test_rows:
        both = "the distances of the ends of Student's t interval over repeats and of that over test rows, added as squares"
        return [f"Scores are means over the repeats; their 95 % intervals have {both}{cite('zou')}."]
    if repeats > 1:
        return ["Scores are means over the splits with 95 % Student t intervals."]
    told = []
    if "accuracy" in metrics:
        told.append(f"Accuracy has a 95 % Wilson interval{cite('wilson')}.")
    others = [name for name in metrics if name != "accuracy"]
    if others:
        rest = "The other metrics have" if "accuracy" in metrics else "Metrics have"
        told.append(f"{rest} 95 % percentile bootstrap intervals over test rows (1,000 resamples{cite('bootstrap')}).")
    if "calibration_error" in metrics:
        told.append(f"The calibration error is the expected one with 15 bins{cite('calibration')}.")
    return told


def lift_sentence(metric: str, repeats: int, same_test_rows: bool = False) -> str:
    """How the difference to the quick baseline was measured."""
    if repeats > 1 and same_test_rows:
        return "Its interval is made in the same way, of paired differences."
    if repeats > 1:
        return f"Its interval is that of the t statistic corrected for overlapping splits{cite('nadeau')}."
    if metric == "accuracy":
        return f"It is paired over test rows, with Newcombe's interval{cite('newcombe')}."
    return f"It is paired over test rows, with a bootstrap interval{cite('bootstrap')}."


def software_sentence(environment: Values, is_network: bool, runtime: Values | None) -> str:
    """Versions and machine; PyTorch is named where a network ran."""
    versions = dict(environment.get("versions", {}))
    wanted = {"numpy": "NumPy", "scikit-learn": "scikit-learn", "torch": "PyTorch", "torchvision": "torchvision"}
    named = [
        f"{called} {name_of(versions[name])}{cite('torch') if name == 'torch' else ''}"
        for name, called in wanted.items()
        if name in versions and (is_network or not name.startswith("torch"))
    ]
    told = f"Computations were done with sdl {name_of(versions.get('sdl', '(version unknown)'))} (Python "
    told += f"{name_of(versions.get('python', 'unknown'))}{''.join(f', {one}' for one in named)})"
    if environment.get("platform"):
        told += f" on {name_of(environment['platform'])}"
    if runtime:
        told += f", networks on {name_of(runtime.get('device'))} in {name_of(runtime.get('precision'))}"
    return told + "."


def scores_sentence(metrics: Mapping[str, Any], who: str) -> str:
    """All scores of one method with their intervals, `metric -> Measured`."""
    parts = [f"{wording.label(name)} {wording.measured(name, found)}" for name, found in metrics.items()]
    return f"{who}: {', '.join(parts)}." if parts else ""
