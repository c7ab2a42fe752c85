"""The `sdl` program, also as `python -m sdl_cli`: completion is answered before anything else is imported."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Complete a command line where a shell asks for it, and otherwise run the command."""
    from sdl_cli.cli import completion

    if completion.asks(os.environ):
        code = completion.answer(os.environ)
        if code is not None:
            sys.exit(code)
    from sdl_cli.cli.main import main as program

    program()


if __name__ == "__main__":
    main()
