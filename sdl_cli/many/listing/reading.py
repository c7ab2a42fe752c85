"""One run folder as one record. Whatever is in it, huge, binary or hostile, the worst is a record that says `unreadable`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from sdl_cli.errors import SdlError
from sdl_cli.many import sweep_folder
from sdl_cli.many.listing.untrusted import Values, flat, number, read_json, read_yaml, short_text
from sdl_cli.measure.metrics import main_metric
from sdl_cli.measure.wording import model_name
from sdl_cli.settings.contents import state_of

STATES = ("running", "done", "failed", "interrupted")
KINDS = ("run", "repeats", "curve", "comparison", "claims")  # of folders that are no part of another
FILES_OF_DATA = ("path", "root")
MOST_METRICS = 40
_NAMED = re.compile(r"(\d{4})-(\d\d)-(\d\d)/(\d\d)-(\d\d)-(\d\d)[^/]*$")
_MEASURED = ("value", "low", "high", "n")


@dataclass(frozen=True, slots=True)
class Run:
    """What one line of `sdl runs` says.

    Arguments:
        folder: relative to the folder that was listed, with `/`; `.` is that folder itself.
        kind: run, repeats, job, sweep, curve, comparison or claims; of what these are made of: repeat, cell, arm, recommended,
            study.
        status: running, done, failed, interrupted or unreadable, as its folder says; `find_runs` adds stopped.
        begun: when it started, seconds since 1970.
        config: full key -> plain value; lists hold plain values.
        metric, metrics: the main one, or empty; of the test rows, name -> `{"value", "low", "high", "n"}`.
        verdict: better, worse, no difference, baseline; of a curve or comparison its sentence.
        details: what only some kinds have: `lift` (as in `metrics.json`), `forecast` [size, mean] with twice the labels,
            `recommended` arm, `jobs` planned in a sweep, `process` that is running it (`{"host", "pid"}`).
        sweep: folder of the sweep it is a job of, or empty.
    """

    folder: str
    kind: str = "run"
    status: str = "unreadable"
    reason: str = ""
    begun: float = 0.0
    config: Values = field(default_factory=dict)
    metric: str = ""
    metrics: dict[str, Values] = field(default_factory=dict)
    verdict: str = ""
    seconds: float | None = None
    details: Values = field(default_factory=dict)
    sweep: str = ""

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of its data: that of the file first, where there is one, then that of the kind of source."""
        if "datasets" in self.details:
            return tuple(self.details["datasets"])
        files = (self.config.get(f"dataset.{key}") for key in FILES_OF_DATA)
        stems = [PurePath(file).stem for file in files if isinstance(file, str) and PurePath(file).stem]
        own = [self.config.get(f"dataset.{key}") for key in ("dataset", "name")]
        return tuple(dict.fromkeys([*stems, *(str(name) for name in own if name is not None)]))

    @property
    def models(self) -> tuple[str, ...]:
        """Names of its model, the one to show first: `baseline (forest)`, `baseline`, `forest`."""
        if "models" in self.details:
            return tuple(self.details["models"])
        if self.kind == "comparison":
            return tuple(filter(None, [self.details.get("recommended", "")]))
        model = {key.removeprefix("model."): value for key, value in self.config.items() if key.startswith("model.")}
        if model.get("name") is None:
            return ()
        shown, name = model_name(model), str(model["name"])
        return (shown,) if shown == name else (shown, name, shown.removeprefix(f"{name} (")[:-1])

    def to_json(self, root: Path) -> Values:
        """The object that stands in `items` of `sdl runs --json`; `root` is the folder that was listed."""
        when = datetime.fromtimestamp(self.begun).isoformat(timespec="seconds")
        values: Values = {"folder": str(root / self.folder), "when": when}
        values |= {name: getattr(self, name) for name in ("kind", "status", "reason")}
        values |= {"dataset": next(iter(self.datasets), None), "model": next(iter(self.models), None)}
        values |= {"metric": self.metric or None, "metrics": self.metrics, "lift": self.details.get("lift")}
        values |= {"verdict": self.verdict, "seconds": self.seconds, "jobs": self.details.get("jobs")}
        return values | {"sweep": str(root / self.sweep) if self.sweep else None, "config": self.config}


def read(path: str, folder: str, role: str = "") -> Run:
    """Read one run folder; without a role as a part of another run (repeat, cell, arm, recommended), its files show its kind."""
    begun = _begun(path)
    status, config = read_json(f"{path}/status.json"), None
    if status is None or status.get("state") not in STATES:
        return Run(folder, role or "run", begun=begun)
    found: Values = {"status": state_of(status), "reason": short_text(status.get("reason")).partition("\n")[0]}
    done = found["status"] == "done"
    metrics = read_json(f"{path}/metrics.json")
    curve = read_json(f"{path}/curve.json") if metrics is None else None
    comparison = read_json(f"{path}/comparison.json") if metrics is None and curve is None else None
    if metrics is not None:
        found |= _of_run(metrics)
        config = metrics.get("config")
    elif curve is not None:
        found |= _of_curve(curve)
    elif comparison is not None:
        found |= _of_comparison(comparison)
    elif (claims := read_json(f"{path}/claims.json")) is not None:
        found |= _of_claims(claims)
    elif done:
        found["status"] = "unreadable"
    job = read_json(f"{path}/job.json")
    settings = flat(config if isinstance(config, dict) else read_yaml(f"{path}/config.yaml"))
    found["config"] = settings or flat(_of_overrides(job))
    kind = status.get("kind")
    if kind not in KINDS:  # written before there were kinds
        kind = _kind_before_kinds(settings, curve, comparison)
    if job is not None and kind in ("run", "repeats"):
        kind = "job"
    if found["status"] == "running":
        found["details"] = _process(status.get("process"))
    return Run(folder, role or kind, begun=begun, **found)


def _of_claims(values: Values) -> Values:
    listed = values.get("claims")
    verdicts = [short_text(one.get("verdict")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    said = [f"{verdicts.count(one)} {'hold' if one == 'holds' else one}" for one in dict.fromkeys(verdicts)]
    return {"verdict": ", ".join(said), "seconds": number(values.get("seconds"))}


def _process(values: Any) -> Values:
    pid = values.get("pid") if isinstance(values, dict) else None
    return {"process": {"host": short_text(values.get("host")), "pid": pid}} if type(pid) is int and 0 < pid < 2**31 else {}


def _kind_before_kinds(settings: Values, curve: Values | None, comparison: Values | None) -> str:
    keys = {key.partition(".")[0] for key in settings}
    if comparison is not None or "compare" in keys:
        return "comparison"
    if curve is not None or "curve" in keys:
        return "curve"
    repeats = settings.get("num_repeats", 1)
    return "repeats" if isinstance(repeats, int) and repeats > 1 else "run"


def read_sweep(path: str, folder: str) -> Run:
    """Read the folder of a sweep, for itself: its verb and its number of jobs, or null for a search."""
    try:
        jobs = sweep_folder.read(Path(path)).jobs
    except SdlError:
        return Run(folder, "sweep", begun=_begun(path))
    return Run(folder, "sweep", "done", begun=_begun(path), details={} if jobs is None else {"jobs": len(jobs)})


def _of_run(metrics: Values) -> Values:
    """From a run's `metrics.json`, or that of a cell, which has values without intervals."""
    whole = metrics.get("metrics")
    test = measured(whole.get("test") if isinstance(whole, dict) else metrics.get("test"))
    details, verdict, lift = {}, "", metrics.get("lift")
    if isinstance(lift, dict) and number(lift.get("value")) is not None:
        ends = {end: number(lift.get(end)) for end in ("value", "low", "high")}
        measurable = lift.get("measurable") is True
        details["lift"] = {"metric": short_text(lift.get("metric"), 40), **ends, "measurable": measurable}
        verdict = "no difference" if not measurable else "better" if ends["value"] > 0 else "worse"
    elif "lift" in metrics and metrics.get("baseline") is None:
        verdict = "baseline"
    metric = main_metric(test) if test else ""
    return {"metric": metric, "metrics": test, "details": details, "verdict": verdict, "seconds": _seconds(metrics)}


def _of_curve(curve: Values) -> Values:
    last, ahead = next(reversed(_objects(curve, "points")), {}), next(iter(_objects(curve, "forecast")), {})
    metric = short_text(curve.get("metric"), 40)
    score = {"value": last.get("mean"), "low": None, "high": None, "n": last.get("repeats")}
    forecast = [number(ahead.get(key)) for key in ("size", "mean")]
    return {
        "metric": metric,
        "metrics": measured({metric: score}) if last else {},
        "details": {} if None in forecast else {"forecast": forecast},
        "verdict": short_text(curve.get("verdict")),
        "seconds": _seconds(curve),
    }


def _of_comparison(values: Values) -> Values:
    chosen = next((arm for arm in _objects(values, "arms") if arm.get("recommended") is True), {})
    name = values.get("recommended")
    return {
        "metric": short_text(values.get("metric"), 40),
        "metrics": measured(chosen.get("metrics")),
        "details": {"recommended": short_text(name, 80)} if isinstance(name, str) else {},
        "verdict": short_text(values.get("verdict")),
        "seconds": _seconds(values),
    }


def _of_overrides(job: Values | None) -> Values:
    """The settings of a job that failed before it wrote them, as far as its overrides tell."""
    overrides = job.get("overrides") if job else None
    pairs = [o.partition("=") for o in overrides if isinstance(o, str)] if isinstance(overrides, list) else []
    return {
        (f"{key}.name" if key in ("dataset", "model", "loss", "augment", "reduce") else key.lstrip("+")): v for key, _, v in pairs
    }


def measured(scores: Any) -> dict[str, Values]:
    """Measured numbers `{"value", "low", "high", "n"}` by name, from such, or from values alone."""
    found: dict[str, Values] = {}
    for name, value in scores.items() if isinstance(scores, dict) else ():
        if isinstance(name, str) and len(name) <= 40 and len(found) < MOST_METRICS:
            parts = value if isinstance(value, dict) else {"value": value}
            found[name] = {key: number(parts.get(key)) for key in _MEASURED}
    return found


def _objects(values: Values, key: str) -> list[Values]:
    listed = values.get(key)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _seconds(values: Values) -> float | None:
    taken = values.get("seconds")
    total: float | None = number(taken.get("total") if isinstance(taken, dict) else taken)
    return total


def _begun(path: str) -> float:
    """When a run began: as the folder's name says, or when its settings were written.

    The name knows whole seconds; of runs that began in one second, the one whose settings were written first comes first.
    """
    written = 0.0
    for name in ("config.yaml", "job.json", "status.json", "sweep.json", ""):
        try:
            written = os.stat(f"{path}/{name}").st_mtime  # noqa: PTH116
            break
        except (OSError, ValueError):
            continue
    match = _NAMED.search(path)
    if match:
        try:
            named = datetime(*map(int, match.groups())).timestamp()  # type: ignore[arg-type]
            return _sane(named + min(max(written - named, 0.0), 0.999))
        except (ValueError, OverflowError, OSError):
            pass  # looks like a date and is none
    return _sane(written)


def _sane(seconds: float) -> float:
    """Seconds since 1970 that every calendar can show."""
    return min(max(seconds, 0.0), 32e9)
