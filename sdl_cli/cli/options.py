"""Options and lines of help that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

from sdl_cli.settings.yaml_files import options

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and everything else on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Trust = Annotated[bool, typer.Option("--trust", help="Allow a stored run to import code outside scikit-learn.")]
ConfigDir = Annotated[
    str | None, typer.Option("--config-dir", metavar="FOLDER", help="A folder with your own YAML, besides ./sdl_conf.")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print the result alone.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Print every step, and where each setting comes from.")]
NoOwnFile = Annotated[bool, typer.Option("--no-sdl-yaml", help="Leave out the settings in ./sdl.yaml.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, as printed by sdl train.")]


def settings_line() -> str:
    """The choices of each group that a run composes, for the end of a help text."""
    lines = [f"{group}={', '.join(options(group))}" for group in ("dataset", "model", "loss", "augment", "training")]
    return "Settings: " + "; ".join(lines) + "  (explained by: sdl list, sdl show model=deep_net)"


def arms_line() -> str:
    """The data sets and methods that a comparison composes, for the end of a help text."""
    what = f"Methods for compare.arms: {', '.join(options('arm'))}  (explained by: sdl list arm; null: all that suit)"
    return f"Settings: dataset={', '.join(options('dataset'))}  {what}"
