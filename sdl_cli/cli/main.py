"""The command line: verbs, options and exit codes. Everything heavy is imported inside the verb that needs it."""

from __future__ import annotations

import contextlib
import gc
import os
import shlex
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from sdl_cli import __version__
from sdl_cli.cli.exits import carry_out, stop_signals
from sdl_cli.errors import ConfigError
from sdl_cli.files import is_there, typed_path
from sdl_cli.report.layout import say
from sdl_cli.settings.yaml_files import GROUPS, check_group, conf_dir, find, options, summary

Values = dict[str, Any]


def _groups(names: tuple[str, ...] = ("dataset", "model", "loss", "augment", "training")) -> str:
    lines = [f"{group}={'|'.join(options(group))}" for group in names]
    return "Settings: " + "  ".join(lines) + "  (what each means: sdl list, sdl show model=deep_net)"


def _arms() -> str:
    what = f"Methods for compare.arms: {', '.join(options('arm'))}  (what each is: sdl list arm; null: the ladder, all that suit)"
    return f"Settings: dataset={'|'.join(options('dataset'))}  {what}"


app = typer.Typer(
    name="sdl",
    help="Deep learning on small data: which approach works best, and would more labels help?",
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and everything else on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Trust = Annotated[bool, typer.Option("--trust", help="Allow a stored run to import code outside scikit-learn.")]
ConfigDir = Annotated[
    str | None, typer.Option("--config-dir", metavar="FOLDER", help="A folder of your own YAML, beside ./sdl_conf.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Data and settings: patients.csv target=outcome, photos/, or dataset=wine model=baseline.",
    ),
]
CurveOverrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Data and settings: patients.csv target=outcome curve.target=0.95, or dataset=wine.",
    ),
]
CompareOverrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Data and settings: patients.csv target=outcome, or dataset=wine 'compare.arms=[logistic,deep_net]'.",
    ),
]
Cfg = Annotated[str | None, typer.Option("--cfg", metavar="job|hydra|all", help="Print the composed settings and stop.")]
Resolve = Annotated[bool, typer.Option("--resolve", help="With --cfg: resolve interpolations.")]
Package = Annotated[str | None, typer.Option("--package", metavar="KEY", help="With --cfg: only this part.")]
Info = Annotated[
    str | None, typer.Option("--info", metavar="all|config|defaults|plugins|...", help="What hydra knows, and stop.")
]
CheckOverrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="The data, for example patients.csv target=outcome, photos/, or dataset=wine."),
]
OtherData = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Other data or device: dataset=npz dataset.path=other.npz, or device=cpu."),
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, as sdl train printed it.")]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        say(f"sdl {__version__}")
        raise typer.Exit


@app.command(epilog=_groups(), short_help="Train a model and score it beside the quick baseline.")
def train(
    overrides: Overrides = None,
    multirun: Annotated[
        bool, typer.Option("-m", "--multirun", help="Run every combination: model=baseline,deep_net seed=0,1,2")
    ] = False,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Resume a stopped run, or a stopped sweep.")
    ] = None,
    config_dir: ConfigDir = None,
    cfg: Cfg = None,
    resolve: Resolve = False,
    package: Package = None,
    info: Info = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a model, score it once on the test part, and stand it beside the quick baseline."""

    def body() -> Values:
        given = _with_data(overrides, as_json)
        flags = _information("train", given, multirun, resume, cfg, resolve, package, info)
        from sdl_cli.cli import verbs

        if resume is not None:
            return verbs.resume(typed_path(resume), as_json)
        if flags:
            return verbs.inspect("train", given, config_dir, flags, multirun, as_json)
        return (verbs.sweep if multirun else verbs.train)(given, config_dir, as_json)

    _carry_out(body, as_json, debug)


@app.command(epilog=_groups(), short_help="Measure a learning curve and say what more labels would bring.")
def curve(
    overrides: CurveOverrides = None,
    multirun: Annotated[
        bool, typer.Option("-m", "--multirun", help="One curve for every combination, and one picture: model=baseline,deep_net")
    ] = False,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Resume a stopped curve, or a stopped sweep of them.")
    ] = None,
    config_dir: ConfigDir = None,
    cfg: Cfg = None,
    resolve: Resolve = False,
    package: Package = None,
    info: Info = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure the score at growing numbers of labelled rows, forecast it, and say how many labels a target needs.

    Settings of its own: curve.target=0.95 'curve.sizes=[50,100,200]' curve.num_repeats=10 curve.metric=roc_auc
    parallel.num_jobs=2 (all of them: sdl show curve).
    """

    def body() -> Values:
        given = _with_data(overrides, as_json)
        flags = _information("curve", given, multirun, resume, cfg, resolve, package, info)
        from sdl_cli.cli import verbs

        if resume is not None:
            return verbs.resume_curve(typed_path(resume), as_json)
        if flags:
            return verbs.inspect("curve", given, config_dir, flags, multirun, as_json)
        return (verbs.curve_sweep if multirun else verbs.curve)(given, config_dir, as_json)

    _carry_out(body, as_json, debug)


@app.command(epilog=_arms(), short_help="Compare every method on your data, fairly, and say which to use.")
def compare(
    overrides: CompareOverrides = None,
    multirun: Annotated[
        bool, typer.Option("-m", "--multirun", help="One comparison for every combination: dataset=wine,breast_cancer")
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="RUN", help="Resume a stopped comparison, or a stopped sweep of them."),
    ] = None,
    config_dir: ConfigDir = None,
    cfg: Cfg = None,
    resolve: Resolve = False,
    package: Package = None,
    info: Info = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Compare the methods that suit your data on the same splits, each with the same tuning, and say which one to use.

    Settings of its own: 'compare.arms=[baseline,deep_net]' compare.num_repeats=10 compare.minutes=15 parallel.num_jobs=2
    (all of them: sdl show compare; the methods there are: sdl list arm).
    """

    def body() -> Values:
        given = _with_data(overrides, as_json)
        flags = _information("compare", given, multirun, resume, cfg, resolve, package, info)
        if flags:
            from sdl_cli.cli import verbs

            return verbs.inspect("compare", given, config_dir, flags, multirun, as_json)
        from sdl_cli.cli import comparisons

        if resume is not None:
            return comparisons.resume(typed_path(resume), as_json)
        return (comparisons.sweep if multirun else comparisons.compare)(given, config_dir, as_json)

    _carry_out(body, as_json, debug)


@app.command(short_help="Forecast a learning curve that was measured elsewhere, from a CSV.")
def forecast(
    source: Annotated[
        str, typer.Argument(metavar="POINTS.csv", help="Columns size and score, and repeat where there are several.")
    ],
    at: Annotated[
        list[int] | None, typer.Option("--at", min=1, help="A number of labelled rows to forecast; may be repeated.")
    ] = None,
    target: Annotated[float | None, typer.Option("--target", help="The score to reach; by itself the next round number.")] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="What the score is: accuracy, roc_auc, rmse, log_loss, ...")
    ] = "accuracy",
    level: Annotated[float, typer.Option("--level", min=0.5, max=0.99, help="Coverage of the interval.")] = 0.9,
    test_rows: Annotated[int | None, typer.Option("--test-rows", min=1, help="Rows that each score was measured on.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Forecast a learning curve from its points: what twice the labels would bring, and how many a target needs."""

    def body() -> Values:
        from sdl_cli.cli import verbs

        return verbs.forecast(typed_path(source), list(at or []), target, metric, level, test_rows, as_json)

    _carry_out(body, as_json, debug)


@app.command(short_help="Score a finished run again, or on other data.")
def evaluate(
    run: Run,
    overrides: OtherData = None,
    config_dir: ConfigDir = None,
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Score a finished run again: on its own test part, or on other data (dataset=npz dataset.path=other.npz)."""

    def body() -> Values:
        from sdl_cli.cli import verbs

        return verbs.evaluate(typed_path(run), list(overrides or []), config_dir, trust, as_json)

    _carry_out(body, as_json, debug)


@app.command(epilog=_groups(), short_help="Look at data before training: leaks, duplicates, missing values.")
def check(
    overrides: CheckOverrides = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Look at a data set before training, worst problem first. Exit code 1 where something would make a result untrustworthy."""

    def body() -> Values:
        from sdl_cli.cli import verbs

        return verbs.check(_with_data(overrides, as_json), config_dir, as_json)

    _carry_out(body, as_json, debug)


@app.command(short_help="Write a finished run's model as ONNX or torch.export.")
def export(
    run: Run,
    out: Annotated[str, typer.Argument(metavar="FILE", help="model.onnx, or model.pt2 for torch.export.")],
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a finished run's model as ONNX (.onnx) or torch.export (.pt2), check it against the run, and describe its inputs."""

    def body() -> Values:
        from sdl_cli.cli import verbs

        return verbs.export(typed_path(run), typed_path(out), trust, as_json)

    _carry_out(body, as_json, debug)


@app.command(short_help="Predict new inputs with a finished run, as CSV.")
def predict(
    run: Run,
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A table, texts, a folder of images, an image, or an npz.")],
    out: Annotated[str, typer.Option("-o", "--out", metavar="FILE", help="The CSV to write; - for stdout.")] = "predictions.csv",
    on_error: Annotated[
        str, typer.Option("--on-error", metavar="fail|skip", help="What to do with an image that cannot be read.")
    ] = "fail",
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Predict new inputs with a finished run: id, prediction and the probability of each class, as CSV."""

    def body() -> Values:
        _check_choice("--on-error", on_error, ("fail", "skip"))
        from sdl_cli.cli import verbs

        return verbs.predict(typed_path(run), typed_path(source), typed_path(out), trust, on_error, as_json)

    _carry_out(body, as_json, debug)


@app.command(short_help="Write a report of a run, a sweep, a curve or a comparison as one HTML file.")
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run, a sweep, a curve or a comparison.")],
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="FILE", help="The HTML file to write; by itself report.html in RUN.")
    ] = None,
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Write a report as one HTML file that needs no network: the verdict first, then what it rests on."""

    def body() -> Values:
        from sdl_cli.cli import verbs

        return verbs.report(typed_path(run), None if out is None else typed_path(out), trust, as_json)

    _carry_out(body, as_json, debug)


@app.command(name="list", short_help="List data sets, models, losses, augmentations, experiments.")
def list_(
    group: Annotated[str | None, typer.Argument(metavar="GROUP", help=f"{', '.join(GROUPS[:-1])} or {GROUPS[-1]}.")] = None,
    config_dir: ConfigDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List what there is to choose from: data sets, models, losses, augmentations, experiments."""

    def body() -> Values:
        if group is not None:
            check_group(group)
        groups = GROUPS if group is None else (group,)
        items = [{"group": g, "name": n, "summary": summary(f)} for g in groups for n, f in options(g, config_dir).items()]
        if not as_json:
            from sdl_cli.report.layout import catalogue

            say("\n".join(catalogue(items)))
            say("Settings of a choice and what they mean: sdl show GROUP=NAME")
        return {"items": items}

    _carry_out(body, as_json, debug)


@app.command(short_help="Show the settings of a choice, and what each means.")
def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="GROUP[=NAME]", help="For example model=finetuned_cnn; model for all; train, curve, compare for the rest."
        ),
    ],
    config_dir: ConfigDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the settings of one choice, with what each means; without =NAME, those of all choices of a group."""

    def body() -> Values:
        group, _, name = what.partition("=")
        if what in ("train", "curve", "compare"):  # the settings that stand in no group
            text = (conf_dir() / f"{what}.yaml").read_text(encoding="utf-8").rstrip()
            if not as_json:
                say(text)
            return {"items": [{"group": "", "name": what, "text": text}]}
        check_group(group)
        files = {name: find(group, name, config_dir)} if name else options(group, config_dir)
        items = [{"group": group, "name": key, "text": file.read_text(encoding="utf-8").rstrip()} for key, file in files.items()]
        if not as_json:
            say("\n\n".join(item["text"] if name else f"# {group}={item['name']}\n{item['text']}" for item in items))
        return {"items": items}

    _carry_out(body, as_json, debug)


@app.command(short_help="List every run, one line each, the newest last.")
def runs(
    folder: Annotated[str | None, typer.Argument(metavar="FOLDER", help="Where the runs are; ./runs without it.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="KEY=VALUE", help="Only runs of which this holds, see above; may be repeated."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="KEY", help="Sort by date (as without), seconds, lift, a metric or a setting: best last."),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Newest or best first; --sort -KEY does so too.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only so many: the newest, or the best.")] = None,
    parts: Annotated[
        bool, typer.Option("--all", help="List the repeats, cells and arms that runs, curves and comparisons are made of too.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List every run below a folder: when, what, on which data, its score, its verdict, and where it is.

    The newest run, or with --sort the best, stands last, right above the prompt. The verdict is that beside the quick baseline.

    --where dataset=digits, model=baseline, kind=sweep, status=failed, verdict=better, date=2026-11, or any setting in full,
    as in model.kind=logistic. Numbers can be compared, in quotes: --where 'accuracy>0.9' --where 'seconds<10'.
    """

    def body() -> Values:
        from pathlib import Path

        from sdl_cli.many.listing import find_runs, select
        from sdl_cli.phrases import counted
        from sdl_cli.report.run_words import pasted, run_lines, shown_root

        root = typed_path(folder) if folder is not None else Path("runs")
        found = find_runs(root, parts) if folder is not None or root.exists() else []
        chosen = select(found, where or [], sort, limit, reverse)
        if not as_json:
            if chosen:
                say("\n".join(run_lines(chosen, root, sort)))
            elif found:
                say(f"None of {counted(len(found), 'run')} in {pasted(shown_root(root))} is like that.")
            else:
                say(f"There are no runs in {pasted(shown_root(root))} yet. Train one with: sdl train")
        return {"items": [run.to_json(root.absolute()) for run in chosen]}

    _carry_out(body, as_json, debug)


@app.command()
def device(
    name: Annotated[str, typer.Argument(metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what a network would run on, and why."""

    def body() -> Values:
        from sdl_cli.cli import verbs

        return verbs.device(name, as_json)

    _carry_out(body, as_json, debug)


def main() -> None:
    """The `sdl` program."""
    # Threads that wait for each other give their core away soon: two trainings at once were seen four times quicker for it,
    # and one alone no slower. torch's OpenMP reads this once, when it is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal that lacks a letter
    with stop_signals():
        code = _exit_code()
    gc.freeze()  # at the end Python would look through every object for cycles, which takes longer than many a verb
    sys.exit(code)


def _exit_code() -> int:
    try:
        return int(app(sys.argv[1:] or ["--help"], standalone_mode=False) or 0)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort as stop:
        interrupted = stop.__cause__ if isinstance(stop.__cause__, KeyboardInterrupt) else KeyboardInterrupt()
        return carry_out(_raising(interrupted), "--json" in sys.argv)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        wrong = ConfigError(" ".join(str(error.format_message()).split()), f"See: {_verb()} --help")
        return carry_out(_raising(wrong), "--json" in sys.argv)


def _raising(error: BaseException) -> Callable[[], Values]:
    def body() -> Values:
        raise error

    return body


def _information(
    verb: str,
    given: list[str],
    multirun: bool,
    resume: str | None,
    cfg: str | None,
    resolve: bool,
    package: str | None,
    info: str | None,
) -> list[str]:
    """Check the options of a verb that composes settings; those that ask hydra for information, as it takes them."""
    if resume is not None and given:
        hint = f"Just: sdl {verb} --resume {shlex.quote(resume)}"
        raise ConfigError("--resume: takes no settings; a stopped run is resumed as it was.", hint)
    _check_choice("--cfg", cfg, ("job", "hydra", "all"))
    _check_choice("--info", info, ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"))
    if cfg is not None and info is not None:
        raise ConfigError("--cfg and --info: each prints something of its own.", "Leave one of them out.")
    if cfg is None and (resolve or package is not None):
        option = "--resolve" if resolve else "--package"
        raise ConfigError(
            f"{option}: it says how --cfg prints the settings, and goes with it.",
            f"Add --cfg job: sdl {verb} --cfg job {option}{'' if resolve else f' {package}'}",
        )
    named = {"--cfg": cfg, "--package": package, "--info": info}
    return [part for name, value in named.items() if value for part in (name, value)] + (["--resolve"] if resolve else [])


def _with_data(overrides: list[str] | None, as_json: bool) -> list[str]:
    """The settings as typed, with a file or folder that stands by itself as the data."""
    given = list(overrides or [])
    if all("=" in o and not is_there(o) for o in given):
        return given
    from sdl_cli.cli.hydra.bare_paths import with_bare_path
    from sdl_cli.report.console import Display

    found, sentence = with_bare_path(given)
    if sentence:
        Display(as_json).notice(sentence)
    return found


def _check_choice(option: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise ConfigError(f"{option}: {value!r} is not one of {', '.join(choices)}.")


def _carry_out(body: Callable[[], Values], as_json: bool, debug: bool) -> None:
    code = carry_out(body, as_json, debug)
    if code:
        raise typer.Exit(code)


def _verb() -> str:
    """The verb on the command line, with `sdl` before it."""
    verbs = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    return " ".join(["sdl", *(word for word in sys.argv[1:2] if word in verbs)])
