"""The results of a run, as the code holds them and as `metrics.json` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdl_cli.measure.metrics import Lift, Measured
from sdl_cli.run.writing import finite

Values = dict[str, Any]
Scores = Mapping[str, Measured]


@dataclass(frozen=True)
class RunResult:
    """A run over one split, or the means of several.

    Arguments:
        config: complete and resolved, plain values.
        test, validation, baseline, majority: metric -> Measured; validation and baseline may be empty.
        lift: improvement over the quick baseline, or None if the run is the baseline.
        seconds: per phase and `total`; over repeats their sum.
        rows: counts of `labelled`, `validation` and `test` rows of the first split.
        runtime: device, precision, memory format and threads of a network; None for scikit-learn.
        notes: sentences on how data and settings were read.
        repeats: splits that it is the mean of.
        reduction: what `reduced.described` says of a model whose inputs were made smaller; of repeats, of the first.
        same_test_rows: the source sets the test part, so that repeats and other seeds are scored on the same rows.
        generated: of a model that learned from generated images, how much these differ (`Diversity`); of repeats, of the first.
    """

    folder: Path
    config: Values
    test: Scores
    validation: Scores
    baseline: Scores
    majority: Scores
    lift: Lift | None
    seconds: Mapping[str, float]
    rows: Mapping[str, int]
    runtime: Values | None = None
    notes: Sequence[str] = ()
    repeats: int = 1
    reduction: Values | None = None
    generated: Values | None = None
    same_test_rows: bool = False

    @property
    def task(self) -> str:
        """`classification` or `regression`."""
        return "classification" if "accuracy" in self.test else "regression"

    def to_json(self) -> Values:
        """The object that `sdl train --json` prints and `metrics.json` holds."""
        values: Values = finite(
            {
                "folder": str(self.folder),
                "config": self.config,
                "metrics": {"test": _plain(self.test), "validation": _plain(self.validation)},
                "baseline": {"name": "forest", "test": _plain(self.baseline)} if self.baseline else None,
                "lift": self.lift.to_json() if self.lift else None,
                "majority": {"test": _plain(self.majority)},
                "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
                "rows": self.rows,
                "runtime": self.runtime,
                "notes": self.notes,
                "repeats": self.repeats,
                "reduction": self.reduction,
                "generated": self.generated,
                "same_test_rows": self.same_test_rows,
            }
        )
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunResult:
        """What `to_json` gave, with what an older sdl did not write left empty; `contents.METRICS` checks a stranger's file."""

        def scores(of: str, part: str = "test") -> Scores:
            return {name: Measured.from_json(value) for name, value in ((values.get(of) or {}).get(part) or {}).items()}

        lift = Lift.from_json(values["lift"]) if values.get("lift") else None
        parts = scores("metrics"), scores("metrics", "validation"), scores("baseline"), scores("majority")
        counts = dict(values.get("seconds", {})), dict(values.get("rows", {})), values.get("runtime")
        more = tuple(values.get("notes", ())), values.get("repeats", 1), values.get("reduction")
        whole = Path(values.get("folder", "")), values.get("config", {}), *parts, lift, *counts, *more
        return cls(*whole, generated=values.get("generated"), same_test_rows=values.get("same_test_rows") is True)


def _plain(scores: Scores) -> Values:
    return {name: value.to_json() for name, value in scores.items()}
