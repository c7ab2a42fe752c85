"""The verbs about the folder one is in: what is set here, and a file of settings for its data. Heavy imports are inside each."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sdl_cli.cli import looking
from sdl_cli.cli.exits import check_choice, ending
from sdl_cli.cli.options import ConfigDir, Debug, Json, NoOwnFile
from sdl_cli.errors import ConfigError
from sdl_cli.files import is_there

commands = typer.Typer()
VERBS = ("train", "curve", "compare", "check")


@commands.command(short_help="Show what is set here, and where each value comes from.")
def config(
    given: Annotated[
        list[str] | None, typer.Argument(metavar="[VERB] KEY=VALUE", help="train (the default), curve, compare or check.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show sdl's own values too.")] = False,
    config_dir: ConfigDir = None,
    no_own_file: NoOwnFile = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the settings of a command as it would run here, and the file, line or word that sets each; nothing is run.

    In the order of what goes first: the command line, ./sdl.yaml, your choices in ./sdl_conf (or --config-dir), sdl's own files.
    """
    with ending(as_json, debug) as answer:
        typed = list(given or [])
        verb = typed.pop(0) if typed and "=" not in typed[0] and not is_there(typed[0]) else "train"
        check_choice("VERB", verb, VERBS)
        from sdl_cli.cli import own_file, provenance
        from sdl_cli.report.console import Display

        display = Display(as_json)
        overrides = looking.with_data(typed, display.notice)
        used = own_file.Used(overrides, {}, {}) if no_own_file else own_file.used(verb, overrides, config_dir)
        found = provenance.settings(verb, used, config_dir)
        display.lines(provenance.lines(verb, found, used, config_dir, everything))
        answer(provenance.to_json(verb, found, used, config_dir))


@commands.command(short_help="Write a commented sdl.yaml for a data file that sdl has looked at.")
def init(
    given: Annotated[
        list[str], typer.Argument(metavar="FILE KEY=VALUE", help="The data, and what is known of it: patients.csv target=outcome")
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace an sdl.yaml that is there.")] = False,
    config_dir: ConfigDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Look at a data file or a folder of photos and write ./sdl.yaml: settings, what sdl check found, and choices with comments.

    sdl train, curve, compare and check then use it in this folder; the command line goes before it. The column to predict is
    asked for unless it is given or has a name that says so.
    """
    with ending(as_json, debug) as answer:
        if not is_there(given[0]):
            raise ConfigError(
                f"{given[0]}: there is no such file or folder.", "For example: sdl init patients.csv target=outcome"
            )
        from sdl_cli.cli import init_file
        from sdl_cli.report.console import Display

        display = Display(as_json)
        may_ask = not as_json and sys.stdin.isatty() and sys.stderr.isatty()
        values = init_file.write(looking.with_data(given, display.notice), config_dir, force, may_ask, display)
        answer(values)
