"""The settings of a learning curve, beside those of the experiment that it repeats at every size."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from sdl_cli.errors import ConfigError
from sdl_cli.run.prepare import of_repeat
from sdl_cli.run.request import TABLES, check_experiment
from sdl_cli.settings.experiment import Count, Experiment, Range
from sdl_cli.settings.parallel import Parallel, check_backend
from sdl_cli.settings.parse import parse

Metric = Literal[
    "accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "log_loss", "calibration_error", "rmse", "mae", "r2"
]  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """Where a score is measured, and what is asked of its forecast.

    Arguments:
        sizes: numbers of labelled rows, increasing, at least 3; None halves all of them down to the smallest sensible number.
        num_sizes: as many sizes instead, evenly spaced on a log scale; not together with `sizes`.
        num_repeats: splits (seed, seed + 1, ...) at every size.
        metric: what is drawn; None is accuracy for classes, RMSE for numbers.
        target: score to reach; None is the next round number, or a tenth less error for a metric without bounds.
        at: sizes to forecast; None is 2, 4 and 8 times the largest.
        level: coverage of the forecast's interval.
        keep_models: keep the model and the predictions of every cell, and not its numbers alone.
    """

    sizes: tuple[Annotated[int, Range(2)], ...] | None = None
    num_sizes: Annotated[int, Range(3, 100)] | None = None
    num_repeats: Count = 5
    metric: Metric | None = None
    target: float | None = None
    at: tuple[Count, ...] | None = None
    level: Annotated[float, Range(0.5, 0.99)] = 0.9
    keep_models: bool = False

    def __post_init__(self) -> None:
        if self.sizes is None:
            return
        shown = ", ".join(map(str, self.sizes))
        if self.num_sizes is not None:
            raise ConfigError("sizes: num_sizes is set too; set one of them to null.")
        if len(self.sizes) < 3:
            raise ConfigError(f"sizes: a curve needs at least 3 sizes, not {len(self.sizes)} ({shown}).")
        if any(b <= a for a, b in zip(self.sizes, self.sizes[1:], strict=False)):
            raise ConfigError(f"sizes: they must increase, but {shown} do not.")


@dataclass(frozen=True, kw_only=True)
class CurveExperiment(Experiment):
    """An experiment, the sizes it is measured at, and how many of its cells run at once."""

    # never suggested: a curve has curve.num_repeats, and its cells are no runs to be tracked
    HIDDEN: ClassVar[tuple[str, ...]] = ("num_repeats", "tensorboard", "mlflow")

    curve: Curve
    parallel: Parallel

    def __post_init__(self) -> None:
        if self.num_repeats != 1:
            hint = f"Set curve.num_repeats={self.num_repeats} instead."
            raise ConfigError(f"num_repeats={self.num_repeats}: a curve has its own repeats.", hint)
        if self.tensorboard or self.mlflow is not None:
            name = "tensorboard" if self.tensorboard else "mlflow"
            raise ConfigError(f"{name}: curves are not sent to trackers.", "Its table and picture are in its folder.")
        if getattr(self.dataset, "num_per_class", None) is not None:
            raise ConfigError(
                "dataset.num_per_class: a curve sets the number of labelled rows itself.",
                "Set curve.sizes, or dataset.num_train for its largest size.",
            )

    def cell(self, size: int, repeat: int) -> Experiment:
        """The experiment at one size in one repeat: seed + repeat for the model and for the split."""
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(Experiment)}
        dataset = dataclasses.replace(self.dataset, num_train=size)
        return of_repeat(Experiment(**own | {"dataset": dataset}), repeat, self.curve.num_repeats)


def parse_curve(values: dict[str, Any]) -> CurveExperiment:
    """Plain values as the settings of a learning curve; errors as for `parse_experiment`."""
    found: CurveExperiment = parse({**TABLES, "curve": Curve, "parallel": Parallel}, values, into=CurveExperiment)
    check_experiment(found)
    check_backend(found.parallel.backend)
    return found
