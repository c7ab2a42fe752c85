"""The command line: verbs, options and exit codes. Everything heavy is imported inside the verb that needs it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from sdl_cli import __version__
from sdl_cli.errors import ConfigError, SdlError

Values = dict[str, Any]


def _groups() -> str:
    from sdl_cli.conf_files import GROUPS, options

    lines = [f"{group}={'|'.join(options(group))}" for group in GROUPS if group != "experiment"]
    return "Settings: " + "  ".join(lines) + "  (what each means: sdl list, sdl show model=deep_net)"


app = typer.Typer(
    name="sdl",
    help="Deep learning on small data: which approach works best, and would more labels help?",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and everything else on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Trust = Annotated[bool, typer.Option("--trust", help="Allow a stored run to import code outside scikit-learn.")]
ConfigDir = Annotated[
    str | None, typer.Option("--config-dir", metavar="FOLDER", help="A folder of your own YAML, beside ./sdl_conf.")
]  # noqa: UP045
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Settings, for example dataset=wine model.kind=logistic."),
]  # noqa: UP045
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, as sdl train printed it.")]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        print(f"sdl {__version__}")
        raise typer.Exit


@app.command(epilog=_groups())
def train(
    overrides: Overrides = None,
    multirun: Annotated[
        bool, typer.Option("-m", "--multirun", help="Run every combination: model=baseline,deep_net seed=0,1,2")
    ] = False,
    resume: Annotated[Optional[str], typer.Option("--resume", metavar="RUN", help="Go on with a stopped run.")] = None,  # noqa: UP045
    config_dir: ConfigDir = None,
    cfg: Annotated[
        str | None, typer.Option("--cfg", metavar="job|hydra|all", help="Print the composed settings and stop.")
    ] = None,  # noqa: UP045
    resolve: Annotated[bool, typer.Option("--resolve", help="With --cfg: resolve interpolations.")] = False,
    package: Annotated[str | None, typer.Option("--package", metavar="KEY", help="With --cfg: only this part.")] = None,  # noqa: UP045
    info: Annotated[
        str | None,
        typer.Option("--info", metavar="all|config|defaults|searchpath|plugins", help="What hydra knows, and stop."),
    ] = None,  # noqa: UP045
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a model, score it once on the test part, and stand it beside the quick baseline."""

    def body() -> Values | None:
        from sdl_cli import verbs

        given = list(overrides or [])
        if resume is not None:
            if given or multirun:
                raise ConfigError(
                    "--resume: takes no settings; a stopped run goes on as it was.",
                    f"Just: sdl train --resume {resume}",
                )
            return verbs.resume(Path(resume).expanduser(), as_json)
        flags = [x for name, value in (("--cfg", cfg), ("--package", package), ("--info", info)) if value for x in (name, value)]
        return verbs.train(given, multirun, config_dir, [*flags, *(["--resolve"] if resolve else [])], as_json)

    _carry_out(body, as_json, debug)


@app.command()
def evaluate(
    run: Run,
    overrides: Overrides = None,
    config_dir: ConfigDir = None,
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Score a finished run again: on its own test part, or on other data (dataset=npz dataset.path=other.npz)."""

    def body() -> Values:
        from sdl_cli import verbs

        return verbs.evaluate(Path(run).expanduser(), list(overrides or []), config_dir, trust, as_json)

    _carry_out(body, as_json, debug)


@app.command()
def predict(
    run: Run,
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A folder of images, one image, or an npz file.")],
    out: Annotated[str, typer.Option("-o", "--out", metavar="FILE", help="The CSV to write.")] = "predictions.csv",
    on_error: Annotated[
        str, typer.Option("--on-error", metavar="fail|skip", help="What to do with an image that cannot be read.")
    ] = "fail",
    trust: Trust = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Predict new inputs with a finished run: id, prediction and the probability of each class, as CSV."""

    def body() -> Values:
        from sdl_cli import verbs

        if on_error not in ("fail", "skip"):
            raise ConfigError(f"--on-error: {on_error!r} is not one of fail, skip.")
        return verbs.predict(Path(run).expanduser(), Path(source), Path(out), trust, on_error, as_json)

    _carry_out(body, as_json, debug)


@app.command(name="list")
def list_(
    group: Annotated[
        str | None, typer.Argument(metavar="[GROUP]", help="dataset, model, loss, augment, training or experiment.")
    ] = None,  # noqa: UP045
    config_dir: ConfigDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List what there is to choose from: data sets, models, losses, augmentations, experiments."""

    def body() -> Values:
        from sdl_cli import verbs

        return verbs.catalogue(group, config_dir, as_json)

    _carry_out(body, as_json, debug)


@app.command()
def show(
    what: Annotated[str, typer.Argument(metavar="GROUP=NAME", help="For example model=finetuned_cnn.")],
    config_dir: ConfigDir = None,
    debug: Debug = False,
) -> None:
    """Show the settings of one choice, with what each means."""

    def body() -> None:
        from sdl_cli.conf_files import check_group, find, options

        group, _, name = what.partition("=")
        check_group(group)
        if not name:
            raise ConfigError(f"{what}: say which, as GROUP=NAME.", f"There are: {', '.join(options(group, config_dir))}.")
        print(find(group, name, config_dir).read_text(encoding="utf-8").rstrip())

    _carry_out(body, False, debug)


@app.command()
def device(
    name: Annotated[str, typer.Argument(metavar="[DEVICE]", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what a network would run on, and why."""

    def body() -> Values:
        from sdl_cli import verbs

        return verbs.device(name, as_json)

    _carry_out(body, as_json, debug)


def _carry_out(body: Callable[[], Values | None], as_json: bool, debug: bool) -> None:
    """Run a verb; print its JSON; turn what went wrong into plain lines and an exit code."""
    try:
        values = body()
        code = int((values or {}).pop("exit_code", 0))
        if as_json and values is not None:
            print(json.dumps(values, ensure_ascii=False, allow_nan=False))
        if code:
            raise typer.Exit(code)
    except KeyboardInterrupt as stop:
        _interrupted(stop, as_json)
    except BrokenPipeError:
        # the reader of a pipe left (`sdl list | head`): nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except SdlError as error:
        _fail(error, as_json, debug)
    except typer.Exit:
        raise
    except MemoryError as error:
        from sdl_cli.errors import RunError

        _fail(
            RunError("There is not enough memory for this.", "Use fewer rows (dataset.num_train), or smaller images."),
            as_json,
            debug,
            error,
        )
    except Exception as error:
        from sdl_cli.errors import RunError

        folder = getattr(error, "run_folder", None)
        where = f" The traceback is in {folder / 'run.log'}." if folder else " Add --debug to see where."
        _fail(
            RunError(f"{type(error).__name__}: {str(error)[:500]}", f"This should not happen.{where}"),
            as_json,
            debug,
            error,
        )


def _fail(error: SdlError, as_json: bool, debug: bool, cause: BaseException | None = None) -> None:
    if debug:
        import traceback

        traceback.print_exception(cause or error)
    if as_json:
        print(
            json.dumps(
                {
                    "error": {"kind": error.kind, "message": error.message, "hint": error.hint},
                    "exit_code": error.exit_code,
                },
                ensure_ascii=False,
            )
        )
    from sdl_cli.report.console import error_lines

    error_lines(error.message, error.hint)
    raise typer.Exit(error.exit_code) from cause or error


def _interrupted(stop: KeyboardInterrupt, as_json: bool) -> None:
    folder = getattr(stop, "run_folder", None)
    hint = f"Go on with: sdl train --resume {folder}" if folder is not None else ""
    if folder is not None:
        from sdl_cli.report.console import resume_command

        hint = f"Go on with: {resume_command(folder)}"
    if as_json:
        print(json.dumps({"error": {"kind": "interrupted", "message": "Interrupted.", "hint": hint}, "exit_code": 130}))
    print(f"\nInterrupted. {hint}".rstrip(), file=sys.stderr)
    raise typer.Exit(130)


def main() -> None:
    """The `sdl` program."""
    app()
