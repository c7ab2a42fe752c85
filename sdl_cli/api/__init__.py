"""sdl from Python: train, compare, curve and forecast as on the command line, and stored results as objects.

`import sdl_cli as sdl` brings these names. What a command line refuses, these refuse with the same words, as an `SdlError`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdl_cli.api.run import Evaluation, Run
from sdl_cli.api.stored import load
from sdl_cli.api.studies import Comparison, Curve

if TYPE_CHECKING:
    from sdl_cli.report.console import Display

Values = dict[str, Any]

__all__ = ["Comparison", "Curve", "Evaluation", "Run", "compare", "curve", "forecast", "load", "train"]


def train(
    data: Any = None,
    target: Any = None,
    *,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    config_dir: str | Path | None = None,
    trust: bool = False,
    verbose: bool = True,
    **settings: Any,
) -> Run:
    """Train a model, score it once on its test part beside the quick baseline, and keep everything in a run folder.

    Arguments:
        data: the name of a data set that comes with sdl (`"digits"`, `"wine"`, ...), the path of a file or a folder of photos, a
            DataFrame, an array `(N, F)` or of images `uint8 (N, C, H, W)`, a list of texts or of paths of photos, or a pair
            `(X, y)`. What is in memory is kept as a file beside the run.
        target: the column to predict, by its name or its place, or the labels `(N,)`.
        folder: of the run; None makes one below `./runs`, named by date and time.
        resume: the folder of a stopped run to resume, instead of data and settings.
        config_dir: a folder with YAML of yours, beside `./sdl_conf`.
        trust: with `resume`, allow the run to import code of its own.
        verbose: show what is read, noticed and trained, on stderr or below the cell of a notebook.
        settings: as on the command line: `model="deep_net"`, `training={"epochs": 50}`, `model__depth=3`, or with dots,
            `**{"model.depth": 3}`. Settings of the data set need no prefix: `group="patient"`.
    Returns: the finished run.
    Raises: ConfigError, DataError, DeviceError: something is to be corrected first. RunError: training failed.
    """
    from sdl_cli.many import repeats
    from sdl_cli.report.watching import observe_run
    from sdl_cli.run.request import parse_experiment

    with _shown(verbose) as display:
        if resume is not None:
            _refuse_more(data, target, settings)
            values = _resumed("train", repeats.resume, resume, observe_run(display), trust)
            return Run(_folder_of(values), display)
        overrides = _overrides("train", data, target, folder, settings, {}, display)
        with _composed("train", overrides, parse_experiment, config_dir, display) as one:
            values = repeats.train(parse_experiment(one.values), one.folder, observe_run(display))
    return Run(_folder_of(values), display)


def compare(
    data: Any = None,
    target: Any = None,
    *,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    config_dir: str | Path | None = None,
    trust: bool = False,
    verbose: bool = True,
    **settings: Any,
) -> Comparison:
    """Compare the methods that suit the data on the same splits, equally tuned, and recommend one.

    Arguments:
        data, target, folder, resume, config_dir, trust, verbose: as of `train`.
        settings: as of `train`, for all methods; those of the comparison need no prefix: `arms=["forest", "deep_net"]`,
            `num_repeats=5`, `minutes=10`.
    Returns: the comparison: `.leaderboard` is a DataFrame, `.recommended` the run to use.
    Raises: as `train`.
    """
    from sdl_cli.report.watching import observe_comparison
    from sdl_cli.study.compare import run as comparing
    from sdl_cli.study.compare.arms import shared_overrides
    from sdl_cli.study.compare.composing import with_arms
    from sdl_cli.study.compare.settings import Compare, parse_comparison, parse_shared

    with _shown(verbose) as display:
        if resume is not None:
            _refuse_more(data, target, settings)
            values = _resumed("compare", comparing.resume, resume, observe_comparison(display), trust)
            return Comparison(_folder_of(values), display)
        overrides = _overrides("compare", data, target, folder, settings, {"compare": _fields(Compare)}, display)
        shared_overrides(overrides)
        with _composed("compare", overrides, parse_shared, config_dir, display) as one:
            whole = with_arms(one.values, overrides, None if config_dir is None else str(config_dir))
            values = comparing.run(parse_comparison(whole), one.folder, observe_comparison(display))
            _say_failed("compare", values, display.notice)
    return Comparison(_folder_of(values), display)


def curve(
    data: Any = None,
    target: Any = None,
    *,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    config_dir: str | Path | None = None,
    trust: bool = False,
    verbose: bool = True,
    **settings: Any,
) -> Curve:
    """Measure the score at growing numbers of labelled rows, forecast it, and estimate how many labels a target needs.

    Arguments:
        data, target, folder, resume, config_dir, trust, verbose: as of `train`.
        settings: as of `train`; those of the curve need no prefix: `sizes=[50, 100, 200]`, `num_repeats=10`, `metric="roc_auc"`;
            but the score to reach is `curve={"target": 0.95}`, since `target` is the column.
    Returns: the curve: `.points` and `.forecast` are DataFrames, `.labels_needed` says how many.
    Raises: as `train`.
    """
    from sdl_cli.report.watching import observe_curve
    from sdl_cli.study.curve import run as curving
    from sdl_cli.study.curve.settings import Curve as CurveSettings
    from sdl_cli.study.curve.settings import parse_curve

    with _shown(verbose) as display:
        if resume is not None:
            _refuse_more(data, target, settings)
            values = _resumed("curve", curving.resume, resume, observe_curve(display), trust)
            return Curve.stored(_folder_of(values))
        short = {"curve": [name for name in _fields(CurveSettings) if name != "target"]}
        overrides = _overrides("curve", data, target, folder, settings, short, display)
        with _composed("curve", overrides, parse_curve, config_dir, display) as one:
            values = curving.run(parse_curve(one.values), one.folder, observe_curve(display))
            _say_failed("curve", values, display.notice)
    return Curve.stored(_folder_of(values))


def forecast(
    points: Any,
    *,
    at: int | Sequence[int] | None = None,
    target: float | None = None,
    metric: str = "accuracy",
    level: float = 0.9,
    test_rows: int | None = None,
) -> Curve:
    """Forecast a learning curve that was measured elsewhere.

    Arguments:
        points: a CSV (the `curve.csv` of a curve is one) or a DataFrame with columns `size` and `score`, and `repeat` where a
            size has several; `curve.points`, of which the means count; or pairs `[(50, 0.81), (100, 0.86), ...]`. At least 3
            sizes.
        at: numbers of labelled rows to forecast, at least 1; None is 2, 4 and 8 times the largest.
        target: the score to reach; None is the next round one.
        metric: what the score is: accuracy, roc_auc, rmse, log_loss, ...
        level: coverage of the interval, 0.5 to 0.99.
        test_rows: rows that each score was measured on, at least 1.
    Returns: the curve, without a folder.
    Raises: DataError: points that are none. ConfigError: another metric, or a question out of range.
    """
    from sdl_cli.api.points import forecast_points

    return Curve(forecast_points(points, at, target, metric, level, test_rows))


@contextlib.contextmanager
def _shown(verbose: bool) -> Iterator[Display]:
    """A display; after the body, no progress bar and no worker process is left."""
    from sdl_cli.many import cells
    from sdl_cli.report.notebook import display_here

    display = display_here(verbose)
    try:
        yield display
    finally:
        display.stop()
        cells.end_workers()


@contextlib.contextmanager
def _composed(verb: str, overrides: list[str], check: Any, config_dir: str | Path | None, display: Display) -> Iterator[Any]:
    """What hydra composes of overrides, checked, with its folder; the run is in the body."""
    from sdl_cli.run import hydra as bridge
    from sdl_cli.settings import older_names
    from sdl_cli.settings.parts import permission

    folder = None if config_dir is None else str(config_dir)
    with permission.during(display.notice, typed=overrides), bridge.composed(verb, overrides, check, folder) as one:
        for sentence in older_names.sentences(one.values, overrides):
            display.notice(sentence)
        yield one


def _overrides(
    verb: str,
    data: Any,
    target: Any,
    folder: str | Path | None,
    settings: Mapping[str, Any],
    short: Mapping[str, Sequence[str]],
    display: Display,
) -> list[str]:
    from sdl_cli.api.asked import asked, text_of

    kept_in = (Path("runs") if folder is None else _typed(folder).absolute().parent) / "data"
    found = asked(data, target, settings, short, kept_in)
    for sentence in found.notes:
        display.notice(sentence)
    own = [] if folder is None else [f"hydra.run.dir={text_of(str(_typed(folder).absolute()))}"]
    return [*found.overrides, *own]


def _resumed(verb: str, resume: Any, folder: str | Path, observer: Any, trust: bool) -> Values:
    from sdl_cli.run import stored
    from sdl_cli.settings.parts import permission

    path = _typed(folder).absolute()
    with permission.during(observer.on_notice, trust), stored.reading(path):
        found: Values = resume(path, observer)
    _say_failed(verb, found, observer.on_notice)
    return found


def _say_failed(verb: str, values: Mapping[str, Any], notice: Callable[[str], None]) -> None:
    """Say that parts failed, and how they are tried again; they are named in the result."""
    if values.get("failed"):
        parts = "cells" if verb == "curve" else "arms"
        notice(f"Some {parts} failed. Try them again: sdl.{verb}(resume={str(values['folder'])!r})")


def _refuse_more(data: Any, target: Any, settings: Mapping[str, Any]) -> None:
    from sdl_cli.errors import ConfigError

    if data is not None or target is not None or settings:
        raise ConfigError("resume takes no data and no settings: a stopped run resumes with its own.", "Leave them out.")


def _fields(kind: Any) -> list[str]:
    import dataclasses

    return [field.name for field in dataclasses.fields(kind)]


def _typed(path: str | Path) -> Path:
    from sdl_cli.files import typed_path

    return typed_path(str(path))


def _folder_of(values: Mapping[str, Any]) -> Path:
    return Path(str(values["folder"])).absolute()
