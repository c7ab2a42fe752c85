"""How many of our own calls stand between the command line and the training loop: `python benchmarks/frames.py [--list]`.

For each verb a small net is trained in this process, and the stack is looked at where the first training loop begins. Counted
are the frames of sdl's own files, from the function that Typer calls to the loop, both included.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import sdl_cli
from sdl_cli.learning import loop

PACKAGE = Path(sdl_cli.__file__).parent
NET = "dataset=wine model=deep_net model.depth=1 model.width=4 training.epochs=1"
COMMANDS = {
    "train": f"train {NET}",
    "curve": f"curve {NET} curve.sizes=[40,80,120] curve.num_repeats=1 parallel.num_jobs=1",
    "compare": "compare dataset=wine compare.arms=[deep_net,majority] compare.num_repeats=1 compare.num_candidates=1 "
    "training.epochs=1 parallel.num_jobs=1",
    "train -m": f"train -m {NET} seed=0,1",
}


class Reached(BaseException):
    """The training loop has begun."""


def frames(command: str) -> list[str]:
    """Our own frames on the way of a command to the training loop, outermost first."""
    from sdl_cli.cli import main

    found: list[str] = []

    def look(*arguments: Any, **settings: Any) -> Any:
        stack = [f for f in traceback.extract_stack()[:-1] if Path(f.filename).is_relative_to(PACKAGE)]
        names = [f"{Path(f.filename).relative_to(PACKAGE)}: {f.name}" for f in stack]
        first = 1 + next(k for k, f in enumerate(stack) if f.name == "_exit_code")  # Typer's own frames are between the two
        found.extend([*names[first:], "learning/loop.py: train"])
        raise Reached

    real, loop.train = loop.train, look
    before, sys.argv = sys.argv, ["sdl", *command.split()]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(folder))
        stack.enter_context(contextlib.suppress(Reached, SystemExit))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        main.main()
    loop.train, sys.argv = real, before
    return found


if __name__ == "__main__":
    for verb, command in COMMANDS.items():
        way = frames(command)
        print(f"{verb:10} {len(way):3}")
        if "--list" in sys.argv:
            print("".join(f"    {place}\n" for place in way), end="")
