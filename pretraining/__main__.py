"""The commands `python -m pretraining train` and `python -m pretraining evaluate`. Heavy imports are inside them."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from sdl_cli.cli.exits import ending
from sdl_cli.errors import ConfigError

app = typer.Typer(
    name="python -m pretraining",
    help="Make and judge the weights of sdl's network for small tables.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_SMOKE: dict[str, Any] = {"preset": "tiny", "minutes": 3.0, "device": "cpu"}
_ON_CPU: dict[str, Any] = {"cells": 6_000, "warmup_steps": 30}  # many small steps: it computes slowly
_LOG = "log.txt"

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for weights, checkpoint and log; it must be new.")]
Preset = Annotated[str | None, typer.Option(help="Size of the network: tiny, small, base or deep.  [default: base]")]
Minutes = Annotated[float | None, typer.Option(help="Length of the training, by the clock.  [default: 5]")]
Steps = Annotated[int | None, typer.Option(help="Length of the training in steps, in place of minutes.")]
Seed = Annotated[int | None, typer.Option(help="Seed of weights and tables.  [default: 0]")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.  [default: auto]")]
Cells = Annotated[int | None, typer.Option(help="Table cells per batch.  [default: 256000 on a GPU, 6000 on the CPU]")]
Workers = Annotated[
    int | None, typer.Option(help="Processes that make tables.  [default: up to 13 beside a GPU, none beside the CPU]")
]
Init = Annotated[Path | None, typer.Option("--init", metavar="FILE", help="Start from these weights instead of random ones.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="Try all of it on the CPU: --preset tiny --minutes 3 --device cpu.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the stopped training in --out, with its own settings.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error came from.")]


@app.command("train")
def train_command(
    out: Out,
    preset: Preset = None,
    minutes: Minutes = None,
    steps: Steps = None,
    seed: Seed = None,
    device: Device = None,
    cells: Cells = None,
    workers: Workers = None,
    init: Init = None,
    smoke: Smoke = False,
    resume: Resume = False,
    debug: Debug = False,
) -> None:
    """Train the network on synthetic tables and write its weights.

    Ctrl-C stops after the step at hand; --resume goes on from there. With --steps and --workers 0 on the CPU, the same seed
    gives the same weights, stopped in between or not.
    """
    given = {"preset": preset, "minutes": minutes, "steps": steps, "seed": seed, "device": device, "cells": cells}
    chosen = {name: value for name, value in given.items() if value is not None}
    with ending(False, debug) as answer:
        if workers is not None and not 0 <= workers <= 256:
            raise ConfigError(f"--workers: {workers} is out of bounds.", "It must be at least 0, and at most 256.")
        if resume and (chosen or init or smoke):
            hint = f"Use only: python -m pretraining train --out {shlex.quote(str(out))} --resume"
            raise ConfigError("--resume takes no settings: a stopped training resumes with its own.", hint)
        state = _stored(out) if resume else _fresh(out, init, {**(_SMOKE if smoke else {}), **chosen})
        code = _train(state, out, workers)
        answer({"exit_code": code})


@app.command("evaluate")
def evaluate_command(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="A file written by train.")],
    tables: Annotated[Path | None, typer.Option("--tables", metavar="DIR", help="Folder of CSV files with numbers.")] = None,
    members: Annotated[int, typer.Option(help="Passes per table, averaged.")] = 8,
    device: Device = None,
    debug: Debug = False,
) -> None:
    """Score weights on real tables, beside a forest of 500 trees and logistic regression.

    The tables are scikit-learn's four, and those of --tables; each is divided once, 80 to 20. A CSV file has a line of names,
    then numbers, and in its last column the class as a whole number. Tables with more than 10 classes are left out.
    """
    with ending(False, debug):
        if not 1 <= members <= 64:
            raise ConfigError(f"--members: {members} is out of bounds.", "It must be at least 1, and at most 64.")
        from pretraining.evaluate import evaluate
        from pretraining.real_tables import read_tables
        from sdl_cli.learning.device import resolve
        from sdl_cli.learning.models.table_network import load_weights

        load_weights(weights)  # what is wrong with it is said first
        evaluate(weights, read_tables(tables), members, resolve(device or "auto").device)


def _fresh(out: Path, init: Path | None, chosen: dict[str, Any]) -> Any:
    """The state of a new training, and its folder. Raises an SdlError for what cannot be used, before anything is made."""
    from pretraining.network import build_network
    from pretraining.settings import Recipe
    from pretraining.state import State
    from sdl_cli.files import make_folder
    from sdl_cli.learning.device import resolve

    wanted = chosen.pop("device", "auto")
    recipe = Recipe(**chosen)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        hint = "Choose another folder, or continue that training with --resume."
        raise ConfigError(f"--out: {out} exists already.", hint)
    device = resolve(wanted).device
    if device != "cpu" and not device.startswith("cuda"):
        raise ConfigError(f"--device: {device} is not supported here.", "Use --device cpu.")
    if device == "cpu":
        recipe = Recipe(**{**_ON_CPU, **chosen})
    state = State(recipe, build_network(recipe, device, init))
    make_folder(out)
    return state


def _stored(out: Path) -> Any:
    from pretraining.checkpoint import load_checkpoint

    return load_checkpoint(out)


def _train(state: Any, out: Path, workers: int | None) -> int:
    """Train, and return the exit code: 0, or 128 and the number of the signal that stopped it."""
    from pretraining.train import train
    from sdl_cli.settings.machine import available_cores

    on_gpu = state.draws.device.type == "cuda"
    if workers is None:
        workers = max(0, min(13, available_cores() - 3)) if on_gpu else 0
    with (out / _LOG).open("a", encoding="utf-8") as log, _stop_requests() as requests:

        def say(line: str) -> None:
            print(line, flush=True)
            print(line, file=log, flush=True)

        size = f"{state.recipe.preset}: {sum(p.numel() for p in state.parameters):,} parameters"
        say(f"{size} on {state.draws.device}, {workers} processes make tables, from step {state.step}")
        if train(state, out, num_workers=workers, should_stop=lambda _: bool(requests), say=say):
            return 0
    print(f"Stopped. Continue with: python -m pretraining train --out {shlex.quote(str(out))} --resume", file=sys.stderr)
    return 128 + requests[0]


@contextlib.contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """A list that takes the number of the first signal to stop, of Ctrl-C or SIGTERM; the second Ctrl-C ends at once."""
    requests: list[int] = []

    def note(number: int, _: object) -> None:
        if requests:
            raise KeyboardInterrupt
        requests.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> None:
    """The program: a wrong command line gives two plain lines and exit code 2, as in sdl itself."""
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")  # as in sdl itself: waiting threads soon give up their core
    try:
        code = int(app(sys.argv[1:] or ["--help"], standalone_mode=False) or 0)
    except typer.Exit as stop:
        code = stop.exit_code
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        with ending(False):
            raise ConfigError(" ".join(str(error.format_message()).split()), "See: python -m pretraining --help") from error
    sys.exit(code)


if __name__ == "__main__":
    main()
