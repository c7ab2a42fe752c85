"""Completion of KEY=VALUE and of run folders as a user types, before anything heavy is imported: not even Typer.

Shells ask by environment variables, in Typer's protocol; what is not answered here (verbs and options) Typer answers itself.
Nothing that a file names is executed or imported, and a broken file only means fewer suggestions.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

VARIABLE = "_SDL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


def asks(environ: Mapping[str, str]) -> bool:
    """Whether this process was started by a shell to complete a line, in a way that is answered here."""
    return environ.get(VARIABLE, "").removeprefix("complete_") in SHELLS


def answer(environ: Mapping[str, str]) -> int | None:
    """Print what a shell asks for; the exit code, or None where Typer is to answer: for verbs, options, and lines not understood.

    Arguments:
        environ: the environment of the process, with what the shell's function put there.
    """
    from sdl_cli.cli.completion import shells, suggestions

    shell = environ[VARIABLE].removeprefix("complete_")
    try:
        typed = shells.typed(shell, environ)
        found = suggestions.suggest(typed.words, typed.current)
        if found is None:
            return None
        text, code = shells.shown(shell, environ, typed, found)
    except (OSError, ValueError, LookupError, RecursionError):  # a line or a file that nothing can be said of
        return None
    if text:
        sys.stdout.buffer.write(f"{text}\n".encode("utf-8", "surrogateescape"))
        sys.stdout.flush()
    return code
