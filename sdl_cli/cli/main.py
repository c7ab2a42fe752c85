"""The `sdl` program, and its verbs that compose settings and run jobs. Heavy imports are inside the verb that needs them."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import shlex
import sys
from typing import Annotated

import typer

from sdl_cli import __version__
from sdl_cli.cli import claims, folder_verbs, looking, stored_runs
from sdl_cli.cli.exits import check_choice, check_loudness, check_trust, ending, stop_signals
from sdl_cli.cli.options import ConfigDir, Debug, Json, NoOwnFile, Quiet, Trust, Verbose, arms_line, settings_line
from sdl_cli.errors import ConfigError
from sdl_cli.files import typed_path
from sdl_cli.report.layout import say

app = typer.Typer(
    name="sdl",
    help="Deep learning on small data: which approach works best, and would more labels help?",
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Cfg = Annotated[str | None, typer.Option("--cfg", metavar="job|hydra|all", help="Print the composed settings and stop.")]
Resolve = Annotated[bool, typer.Option("--resolve", help="With --cfg: resolve interpolations.")]
Package = Annotated[str | None, typer.Option("--package", metavar="KEY", help="With --cfg: only this part.")]
Info = Annotated[
    str | None, typer.Option("--info", metavar="all|config|defaults|plugins|...", help="Print what Hydra knows, and stop.")
]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --version: all versions, and the machine.")] = False,
) -> None:
    if version and as_json:
        from sdl_cli.cli.about import about

        with ending(as_json) as answer:
            answer(about())
        raise typer.Exit
    if version:
        say(f"sdl {__version__}")
        raise typer.Exit
    if as_json:
        with ending(as_json):
            raise ConfigError("--json: it stands behind a verb, or beside --version.", "For example: sdl list --json")


def composing_verb(name: str, short: str, text: str, data: str, several: str, stopped: str, settings: str) -> None:
    """Register a verb that composes settings and runs jobs, with its help; `VERBS` in `verbs` says what it does."""
    given = typer.Argument(None, metavar="KEY=VALUE", help=f"Data and settings: {data}.")
    many = typer.Option(False, "-m", "--multirun", help=several)
    again = typer.Option(None, "--resume", metavar="RUN", help=f"Resume {stopped}.")

    @app.command(name, short_help=short, help=text, epilog=settings)
    def command(
        overrides: list[str] | None = given,
        multirun: bool = many,
        resume: str | None = again,
        config_dir: ConfigDir = None,
        no_own_file: NoOwnFile = False,
        cfg: Cfg = None,
        resolve: Resolve = False,
        package: Package = None,
        info: Info = None,
        trust: Trust = False,
        quiet: Quiet = False,
        verbose: Verbose = False,
        as_json: Json = False,
        debug: Debug = False,
    ) -> None:
        with ending(as_json, debug) as answer:
            check_loudness(quiet, verbose)
            check_trust(trust, resume)
            flags = _information(name, cfg, resolve, package, info)
            from sdl_cli.cli import composing
            from sdl_cli.report.loudness import display_of

            display = display_of(as_json, quiet, verbose)
            typed = looking.with_data(overrides, looking.told(display))
            if resume is not None:
                if typed:
                    hint = f"Use only: sdl {name} --resume {shlex.quote(resume)}"
                    raise ConfigError("--resume takes no settings: a stopped run resumes with its own.", hint)
                answer(composing.resume(name, typed_path(resume), display, trust))
                return
            given = looking.with_own_file(name, typed, config_dir, no_own_file, display)
            with given.blamed():
                if flags:
                    answer(composing.inspect(name, given.overrides, config_dir, flags, multirun, as_json))
                elif multirun:
                    answer(composing.sweep(name, given.overrides, config_dir, display))
                else:
                    answer(composing.start(name, given.overrides, config_dir, display))


composing_verb(
    "train",
    "Train a model and compare it with the quick baseline.",
    "Train a model, score it once on the test part, and compare it with the quick baseline.",
    data="patients.csv target=outcome, photos/, or dataset=wine model=baseline",
    several="Run every combination: model=baseline,deep_net seed=0,1,2",
    stopped="a stopped run, or a stopped sweep",
    settings=settings_line(),
)
composing_verb(
    "curve",
    "Measure a learning curve and forecast what more labels would bring.",
    """Measure the score at growing numbers of labelled rows, forecast it, and estimate how many labels a target needs.

    Its own settings: curve.target=0.95 'curve.sizes=[50,100,200]' curve.num_repeats=10 curve.metric=roc_auc
    parallel.num_jobs=2 (all of them: sdl show curve).
    """,
    data="patients.csv target=outcome curve.target=0.95, or dataset=wine",
    several="One curve for every combination, and one picture: model=baseline,deep_net",
    stopped="a stopped curve, or a stopped sweep of them",
    settings=settings_line(),
)
composing_verb(
    "compare",
    "Compare every method fairly on your data and recommend one.",
    """Compare the methods that suit your data on the same splits, equally tuned, and recommend one.

    Its own settings: 'compare.arms=[forest,deep_net]' compare.num_repeats=10 compare.minutes=15 parallel.num_jobs=2
    (all of them: sdl show compare; the methods there are: sdl list arm).
    """,
    data="patients.csv target=outcome, or dataset=wine 'compare.arms=[logistic,deep_net]'",
    several="One comparison for every combination: dataset=wine,breast_cancer",
    stopped="a stopped comparison, or a stopped sweep of them",
    settings=arms_line(),
)
for room in (claims, stored_runs, looking, folder_verbs):
    app.registered_commands += room.commands.registered_commands


_WITH_SETTINGS = ("sdl train", "sdl curve", "sdl compare", "sdl claims", "sdl check")


def main() -> None:
    """The `sdl` program."""
    # Waiting threads soon give up their core: two trainings at once ran four times faster, and a single one no slower. torch's
    # OpenMP reads this once, when it is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal that lacks a letter
    try:
        with stop_signals():
            code = _exit_code()
    finally:
        gc.freeze()  # on exit Python would search every object for cycles, which takes longer than many verbs
    sys.exit(code)


def _exit_code() -> int:
    """Run the verb on the command line. Raises SystemExit where `ending` does."""
    wrong: BaseException
    if {"--install-completion", "--show-completion"} & set(sys.argv):
        from sdl_cli.cli.completion.shells import teach_typer

        teach_typer()
    try:
        return int(app(sys.argv[1:] or ["--help"], standalone_mode=False) or 0)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort as stop:
        wrong = stop.__cause__ if isinstance(stop.__cause__, KeyboardInterrupt) else KeyboardInterrupt()
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        message = " ".join(str(error.format_message()).split())
        option = re.match(r"No such option: --([a-z][\w.-]*)", message)
        setting = f". A setting has no dashes: {option[1]}=VALUE" if option and _verb() in _WITH_SETTINGS else ""
        wrong = ConfigError(message, f"See: {_verb()} --help{setting}")
    with ending("--json" in sys.argv):
        raise wrong
    return 1


def _information(verb: str, cfg: str | None, resolve: bool, package: str | None, info: str | None) -> list[str]:
    """The options that ask hydra for information, checked, as hydra takes them."""
    check_choice("--cfg", cfg, ("job", "hydra", "all"))
    check_choice("--info", info, ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"))
    if cfg is not None and info is not None:
        raise ConfigError("--cfg and --info: use one of them, not both.", "Leave one out.")
    if cfg is None and (resolve or package is not None):
        option = "--resolve" if resolve else "--package"
        hint = f"Add --cfg job: sdl {verb} --cfg job {option}{'' if resolve else f' {package}'}"
        raise ConfigError(f"{option}: this option only works with --cfg.", hint)
    named = {"--cfg": cfg, "--package": package, "--info": info}
    return [part for name, value in named.items() if value for part in (name, value)] + (["--resolve"] if resolve else [])


def _verb() -> str:
    """The verb on the command line, with `sdl` before it."""
    verbs = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    return " ".join(["sdl", *(word for word in sys.argv[1:2] if word in verbs)])
