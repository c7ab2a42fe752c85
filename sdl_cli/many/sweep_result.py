"""What a sweep comes to, as the code holds it and as `-m --json` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdl_cli.run.result import RunResult

Values = dict[str, Any]
_OF_A_RUN = ("metrics", "baseline", "lift", "rows", "seconds", "same_test_rows")
_OPTIONAL = ("reason", "curve", "comparison", "objective")


@dataclass(frozen=True)
class JobResult:
    """One job.

    Arguments:
        status: done, failed, interrupted, running or not run; `reason` says why it is not done.
        run: of a training that is done, as far as the sweep keeps it.
        curve, comparison: of one that is done, as in `curve.json` and `comparison.json`.
        objective: the value reported to a search.
    """

    folder: Path
    status: str
    overrides: tuple[str, ...]
    reason: str | None = None
    run: RunResult | None = None
    curve: Values | None = None
    comparison: Values | None = None
    objective: float | None = None

    def to_json(self) -> Values:
        """An item of `jobs`."""
        values: Values = {"folder": str(self.folder), "status": self.status, "overrides": list(self.overrides), "metrics": None}
        if self.run is not None:
            whole = self.run.to_json()
            values |= {key: whole[key] for key in _OF_A_RUN}
        return values | {name: value for name in _OPTIONAL if (value := getattr(self, name)) is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> JobResult:
        """What `to_json` gave."""
        run = RunResult.from_json(values) if values.get("metrics") else None
        optional = {name: values.get(name) for name in _OPTIONAL}
        return cls(Path(values["folder"]), values["status"], tuple(values["overrides"]), run=run, **optional)


@dataclass(frozen=True)
class SweepResult:
    """A sweep: its jobs, the table of their results, and what its verb says of all of them together (a picture, say)."""

    folder: Path
    jobs: tuple[JobResult, ...]
    results: Path
    together: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> Values:
        """The object of `-m --json`."""
        jobs = [job.to_json() for job in self.jobs]
        return {"folder": str(self.folder), "jobs": jobs, "results": str(self.results), **self.together}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SweepResult:
        """What `to_json` gave."""
        together = {key: value for key, value in values.items() if key not in ("folder", "jobs", "results")}
        return cls(Path(values["folder"]), tuple(map(JobResult.from_json, values["jobs"])), Path(values["results"]), together)
