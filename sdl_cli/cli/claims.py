"""`sdl claims`: the claims of an article, each put to the test."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sdl_cli.cli.exits import check_loudness, check_trust, ending
from sdl_cli.cli.options import Debug, Json, Quiet, Trust, Verbose
from sdl_cli.errors import ConfigError
from sdl_cli.files import is_there, typed_path
from sdl_cli.settings.parts import permission
from sdl_cli.settings.yaml_files import options

if TYPE_CHECKING:
    from sdl_cli.report.console import Display
    from sdl_cli.study.claims.run import ClaimsObserver

commands = typer.Typer()
Values = dict[str, Any]
OWN_ARMS = "claim"  # folder of the YAML files: the claims and, below it, the methods that only they compare


@commands.command(short_help="Put the claims of an article on small data to the test.")
def claims(
    given: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME|KEY=VALUE", help="Claims (all unless named), and claims.data=FOLDER, seed=1, device=cpu."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The small version: under ten minutes in all on two cores.")] = False,
    resume: Annotated[str | None, typer.Option("--resume", metavar="RUN", help="Go on with claims that were stopped.")] = None,
    trust: Trust = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Put the claims of an article on small data to the test: the published number, yours, and whether the claim holds.

    Each claim is an experiment of its own (sdl list claim, sdl show claim=cosine), run as sdl compare runs it: the same splits
    for all methods, settings chosen on validation rows, the test part scored once. Without --quick all of them take a night on
    two cores; how long is said before it starts, and what is done is kept. Data sets that sdl does not bring lie in a folder
    of yours: claims.data=FOLDER (docs/CLAIMS.md lists them).
    """
    with ending(as_json, debug) as answer:
        check_loudness(quiet, verbose)
        check_trust(trust, resume)
        from sdl_cli.report.loudness import display_of

        typed, display = list(given or []), display_of(as_json, quiet, verbose)
        if resume is not None and (typed or quick):
            hint = f"Use only: sdl claims --resume {shlex.quote(resume)}"
            raise ConfigError("--resume takes no settings: stopped claims go on with their own.", hint)
        if resume is not None:
            values = _resumed(typed_path(resume), display, trust)
        else:
            values = _started(_settings(typed, quick), display)
        answer({**values, "exit_code": int(any(claim["failed"] for claim in values["claims"]))})


def _settings(typed: Sequence[str], quick: bool) -> list[str]:
    """What was typed as settings alone: names of claims become `claims.names`."""
    named = [word for word in typed if "=" not in word]
    stray = next((word for word in named if word not in options(OWN_ARMS) and is_there(word)), None)
    if stray is not None:
        raise ConfigError(f"{stray}: a claim is meant here, not data.", f"Its folder is claims.data={shlex.quote(stray)}")
    settings = [word for word in typed if "=" in word]
    settings += [f"claims.names=[{','.join(map(_quoted, named))}]"] if named else []
    return settings + (["claims.quick=true"] if quick else [])


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _started(settings: Sequence[str], display: Display) -> Values:
    from sdl_cli.cli.composing import closed
    from sdl_cli.run import hydra as bridge
    from sdl_cli.study.claims import run
    from sdl_cli.study.claims.settings import parse_claims

    permission.begin(display.notice)
    with closed(display), bridge.composed("claims", settings, parse_claims) as one:
        values = run.run(parse_claims(one.values), one.folder, compose_study, _observer(display))
    return _shown(values, display)


def _resumed(folder: Path, display: Display, trust: bool) -> Values:
    from sdl_cli.cli.composing import closed
    from sdl_cli.run import stored
    from sdl_cli.study.claims import run

    folder = folder.absolute()
    permission.begin(display.notice, trust)
    with closed(display), stored.reading(folder):
        values = run.resume(folder, compose_study, _observer(display))
    return _shown(values, display)


def compose_study(verb: str, settings: Sequence[str]) -> Values:
    """Complete values of a study, as the verb itself composes them, with the methods that only claims compare."""
    from sdl_cli.cli.verbs import VERBS
    from sdl_cli.run import hydra as bridge
    from sdl_cli.settings.yaml_files import conf_dir

    own, entry = str(conf_dir() / OWN_ARMS), VERBS[verb]()
    return entry.complete(bridge.compose_checked(verb, settings, entry.check, own), settings, own)


def _observer(display: Display) -> ClaimsObserver:
    from sdl_cli.study.claims.run import ClaimsObserver

    return ClaimsObserver(display.claims_start, display.claims_job, display.claims_progress, display.claim, display.notice)


def _shown(values: Values, display: Display) -> Values:
    """Show the verdicts, write the report beside them, and say how to go on if a study failed."""
    from sdl_cli.report.console import resume_command
    from sdl_cli.report.html.write import write_report

    report = write_report(Path(values["folder"]), None, on_notice=display.notice)
    display.claims(values, report["out"])
    if any(claim["failed"] for claim in values["claims"]):
        display.lines([f"Try what failed again: {resume_command(values['folder'])}"])
    return {**values, "report": report["out"]}
