"""The paragraphs on methods of a run, of repeats, a sweep, a curve or a comparison: from its stored values alone."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sdl_cli.errors import SdlError
from sdl_cli.learning.models import MODELS
from sdl_cli.measure import wording
from sdl_cli.measure.metrics import main_metric
from sdl_cli.phrases import counted, listed
from sdl_cli.report.html.sweep import Sweep
from sdl_cli.report.methods import protocol
from sdl_cli.report.methods.models import model_sentences, short_model
from sdl_cli.report.methods.references import cite, numbered
from sdl_cli.report.methods.training import name_of
from sdl_cli.run.request import TABLES
from sdl_cli.run.result import RunResult
from sdl_cli.settings.experiment import plain
from sdl_cli.settings.parse import parse_group
from sdl_cli.study.compare.result import ComparisonResult
from sdl_cli.study.curve.result import CurveResult

Values = Mapping[str, Any]
Outcome = RunResult | ComparisonResult | CurveResult | Sweep
_COLUMNS = 100


@dataclass(frozen=True)
class Methods:
    """Paragraphs with numbers in brackets, and the works that these stand for, the first as [1]."""

    paragraphs: Sequence[str]
    works: Sequence[str]

    @property
    def text(self) -> str:
        """All of it, to be pasted: `methods.txt`."""
        listing = [f"{number}. {work}" for number, work in enumerate(self.works, 1)]
        whole = [*self.paragraphs, *(["References"] if listing else []), *listing]
        return "\n\n".join(textwrap.fill(part, _COLUMNS) for part in whole) + "\n"


@dataclass(frozen=True)
class Account:
    """What is told of.

    Arguments:
        outcome: the result; None where only settings are known.
        config, environment: of the run whose data and settings are described; those of a comparison hold what its arms share.
        arms: name -> settings of each method of a comparison on the first split.
    """

    outcome: Outcome | None
    config: Values
    environment: Values
    arms: Mapping[str, Values] = field(default_factory=dict)

    @property
    def about(self) -> Values:
        """What the run recorded of its data; empty in runs of older versions."""
        found = self.environment.get("data")
        return found if isinstance(found, Mapping) else {}

    @property
    def data(self) -> str:
        """What people call the data set: the file or folder it came from, or its name."""
        dataset = self.config["dataset"]
        return Path(str(dataset["path"])).name if dataset.get("path") else str(dataset["name"])


def arms_of(config: Values, modality: str = "") -> dict[str, Values]:
    """Name -> settings of each arm in the stored configuration of a comparison: its first candidate for this kind of data."""
    found: dict[str, Values] = {}
    for arm in config.get("arms") or []:
        candidates = arm["candidates"].get(modality) or next(iter(arm["candidates"].values()))
        found[str(arm["name"])] = candidates[0]["config"]
    return found


def methods(account: Account) -> Methods:
    """The paragraphs of whatever there is."""
    account = replace(account, config=_filled(account.config))
    outcome = account.outcome
    if isinstance(outcome, RunResult):
        told = _run(account, outcome)
    elif isinstance(outcome, ComparisonResult):
        told = _comparison(account, outcome)
    elif isinstance(outcome, CurveResult):
        told = _curve(account, outcome)
    else:
        told = [] if outcome is None else _sweep(account, outcome)
    return Methods(*numbered([" ".join(filter(None, sentences)) for sentences in told]))


def _filled(config: Values) -> dict[str, Any]:
    """A configuration with the defaults of what an older version did not know; a choice that is not sdl's own stays as it is."""
    found = {"seed": 0, "threshold": "most_probable", **config}
    for group, table in TABLES.items():
        given = dict(config.get(group) or {})
        if not given and group not in ("reduce", "training", "loss", "augment"):
            continue
        if group != "training":
            given.setdefault("name", {"loss": "auto"}.get(group, "none"))
        try:
            found[group] = plain(parse_group(group, table, given))
        except SdlError:
            found[group] = given
    return found


def _data(account: Account, rows: Values, repeats: int) -> list[str]:
    fingerprint = account.environment.get("data_fingerprint")
    first = protocol.data_sentence(account.data, account.about, fingerprint)
    return [first, *protocol.split_sentences(account.config, account.about, rows, repeats)]


def _model(account: Account, task: str) -> list[str]:
    about = account.about
    if not account.config.get("model"):
        return []
    mixed, dated = bool(about.get("is_mixed")), bool(about.get("has_dates"))
    return model_sentences(account.config, str(about.get("modality", "")), task, mixed, dated)


def _run(account: Account, result: RunResult) -> list[list[str]]:
    repeats, metric = result.repeats, main_metric(result.test)
    compared = []
    if result.baseline:
        on_images = account.about.get("modality") == "image"
        kind, key = ("forest of extremely randomised trees", "extra_trees") if on_images else ("random forest", "forest")
        compared.append(f"For comparison, a quick baseline, a {kind}{cite(key)}, was fitted to and scored on the same rows.")
    scored = [
        *protocol.interval_sentences(list(result.test), repeats, result.same_test_rows),
        protocol.decision_sentence(account.config.get("threshold")),
    ]
    over = (
        f"over {counted(repeats, 'repeat' if result.same_test_rows else 'split')}"
        if repeats > 1
        else f"on {counted(result.test[metric].n, 'test row')}"
    )
    numbers = [protocol.scores_sentence(result.test, f"Scores {over} (95 % intervals)")]
    if result.baseline:
        numbers.append(protocol.scores_sentence({metric: result.baseline[metric]}, "The quick baseline"))
    if result.lift is not None:
        lift = result.lift
        difference = wording.difference(lift.metric, lift.value, lift.low, lift.high)
        numbers.append(f"Difference to it in {wording.label(lift.metric)} (positive is better): {difference}.")
        numbers.append(protocol.lift_sentence(lift.metric, repeats, result.same_test_rows))
    numbers.append(protocol.scores_sentence({metric: result.majority[metric]}, "Ignoring the inputs") if result.majority else "")
    runtime = result.runtime or account.environment.get("runtime")
    software = protocol.software_sentence(account.environment, bool(runtime), runtime)
    return [_data(account, result.rows, repeats), _model(account, result.task), [*compared, *scored, *numbers], [software]]


def _comparison(account: Account, result: ComparisonResult) -> list[list[str]]:
    rows = {"labelled": result.labelled_rows, "test": result.test_rows}
    account_data = {"modality": result.modality, "task": result.task, **account.about}
    told = Account(result, account.config, {**account.environment, "data": account_data}, account.arms)
    compare = dict(account.config.get("compare") or {})
    named = []
    for arm in result.arms:
        model = dict(account.arms.get(arm.name, {}).get("model") or {})
        works = short_model(model, result.modality) if model else ""
        named.append(f"{name_of(arm.name)} ({name_of(arm.summary, 200).rstrip('.')}{works})")
    methods_told = [f"{counted(len(named), 'method')} were compared on the same splits: {'; '.join(named)}."]
    if result.num_candidates > 1:
        held, part = account.config["dataset"].get("validation_fraction", 0.2), compare.get("tuning_fraction", 0.25)
        methods_told.append(
            f"Each chose among up to {result.num_candidates} settings on validation rows, {100 * held:g} % of the labelled rows "
            f"unless the data set brings its own, with {100 * part:g} % of its epochs or trees, was then fitted to the labelled "
            "rows with the chosen settings, and scored once."
        )
    else:
        methods_told.append("None was tuned: each has the settings that it has by itself, and was scored once.")
    given = _given(account.environment)
    if given:
        methods_told.append(f"Settings given for all of them: {', '.join(given)}.")
    if result.modality == "image":
        share = 100 * compare.get("image_epochs_fraction", 0.5)
        methods_told.append(f"Networks trained on images from random weights had {share:g} % of their usual epochs.")
    left = [f"{name_of(one.name)}: {name_of(one.reason)}" for one in (*result.given_up, *result.failed)]
    if left:
        methods_told.append(f"Begun but not complete, and not ranked: {'; '.join(left)}.")
    judged = _judged(result)
    best, chosen = result.arm(result.best), result.arm(result.recommended)
    numbers = [f"{name_of(arm.name)} {wording.estimated(result.metric, arm.mean, arm.low, arm.high)}" for arm in result.arms]
    scores = [f"Mean {wording.label(result.metric)} (95 % interval): {'; '.join(numbers)}."]
    if result.majority.mean is not None:
        scores.append(f"Ignoring the inputs: {wording.shown(result.metric, result.majority.mean)}.")
    scores.append(
        f"The best mean was that of {name_of(best.name)}; the method recommended is {name_of(chosen.name)}."
        if best.name != chosen.name
        else f"The best mean, and the method recommended, is {name_of(best.name)}."
    )
    runtime = account.environment.get("runtime")
    is_network = bool(runtime) or any(MODELS[name].is_network for name in _models_of(account) if name in MODELS)
    software = protocol.software_sentence(account.environment, is_network, runtime)
    intro = f"The recommended method, {name_of(result.recommended)}, as it was fitted on the first split:"
    counts = [f"{name_of(text or 'defaults')} ({counted(n, 'split')})" for text, n in Counter(chosen.chosen).most_common()]
    tuned = f"Settings that it chose: {'; '.join(counts)}." if counts and result.num_candidates > 1 else ""
    return [
        _data(told, rows, result.repeats),
        methods_told,
        [intro, *_model(told, result.task), tuned, protocol.decision_sentence(account.config.get("threshold"))],
        judged,
        scores,
        [software],
    ]


def _given(environment: Values) -> list[str]:
    """Settings of the command that change every method, as they were typed."""
    words = [str(word) for word in environment.get("command_line") or []]
    groups = ("training.", "training=", "model.", "loss", "augment", "reduce", "threshold", "precision")
    return [name_of(word) for word in words if "=" in word and word.startswith(groups)]


def _models_of(account: Account) -> list[str]:
    return [str(dict(one.get("model") or {}).get("name")) for one in account.arms.values()]


def _judged(result: ComparisonResult) -> list[str]:
    if result.fixed_test:
        test = f"a test that inverts the interval of repeats and of test rows, which are the same in every repeat{cite('zou')}"
    else:
        test = f"the paired t test corrected for splits that overlap{cite('nadeau')}"
    told = [
        f"Differences in {wording.label(result.metric)} were tested by {test}, with p values adjusted for the number of methods"
        f"{cite('holm')} and called measurable if the adjusted p was at most 0.05."
    ]
    if result.rule == "simplest":
        told.append("Recommended is the simplest method that was not measurably worse than the best mean.")
    elif result.margin is not None:
        margin = wording.size(result.metric, result.margin)
        told.append(
            "Recommended is the best mean, or the simplest method of which the 95 % interval of the difference to it lies "
            f"within {margin}."
        )
    pairs = [
        f"{name_of(arm.name)} {wording.difference(result.metric, arm.difference)} ({wording.p_value(arm.p)})"
        for arm in result.arms
        if not arm.best and arm.p is not None and arm.difference is not None
    ]
    return [*told, f"Differences to the best mean: {'; '.join(pairs)}."] if pairs else told


def _curve(account: Account, result: CurveResult) -> list[list[str]]:
    task = str(account.about.get("task") or ("regression" if result.metric in ("rmse", "mae", "r2") else "classification"))
    sizes = [f"{point.size:,}" for point in result.points]
    repeats = max(point.repeats for point in result.points)
    rows = {"labelled": result.points[-1].size, "test": result.test_rows or 0}
    measured = [
        f"{wording.label(result.metric)[:1].upper()}{wording.label(result.metric)[1:]} was measured at {listed(sizes)} labelled "
        f"rows, drawn so that smaller subsets lie in larger ones, in {counted(repeats, 'repeat')} of each size."
    ]
    points = [
        f"{point.size:,}: {wording.shown(result.metric, point.mean)}"
        + ("" if point.se is None else f" (standard error {wording.size(result.metric, point.se)})")
        for point in result.points
    ]
    measured.append(f"Means: {'; '.join(points)}.")
    if result.line:
        measured.append(
            "Power laws through the points, a + b (n + d)^-c, were averaged by how well they fit; the "
            f"{100 * result.level:g} % interval is as wide as such forecasts were off on real learning curves"
            f"{cite('lcdb')}."
        )
        ahead = [f"{row.size:,.0f}: {wording.estimated(result.metric, row.mean, row.low, row.high)}" for row in result.forecast]
        measured += [f"Forecast: {'; '.join(ahead)}."] if ahead else []
    runtime = account.environment.get("runtime")
    software = protocol.software_sentence(account.environment, bool(runtime) or "training" in _used(account), runtime)
    return [_data(account, rows, repeats), _model(account, task), measured, [software]]


def _sweep(account: Account, sweep: Sweep) -> list[list[str]]:
    """What all jobs share, and which they are; each job has a report, and so a paragraph, of its own."""
    done = len(sweep.done)
    verb = {"curve": "learning curve", "compare": "comparison"}.get(sweep.verb, "run")
    jobs = [" ".join(name_of(word) for word in job.overrides if word not in sweep.shared) or job.label for job in sweep.done[:20]]
    told = [f"{counted(done, verb)} with settings of their own were made: {listed(jobs, 20, done)}."]
    if sweep.failed:
        told.append(f"{counted(len(sweep.failed), 'more job')} did not finish.")
    shared = "The first of them in full; the report of any other (sdl report FOLDER) has its own words."
    first = sweep.done[0].values or {}
    if sweep.verb == "compare":
        parts = _comparison(account, ComparisonResult.from_json(first))
    elif sweep.verb == "curve":
        parts = _curve(account, CurveResult.from_json(first))
    else:
        chosen = sweep.best.jobs[0] if sweep.best else sweep.done[0]
        if sweep.best:
            shared = "The job with the best validation score in full; test scores played no role in that choice."
        parts = _run(account, chosen.result)
    return [[*told, shared], *parts]


def _used(account: Account) -> set[str]:
    """`training`, where the model of the configuration is a network."""
    from sdl_cli.report.methods.training import training_sentences

    return {"training"} if training_sentences(account.config, "", "classification") else set()
