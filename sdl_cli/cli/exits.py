"""How a verb ends: one JSON object on stdout with --json, plain lines for errors, and an exit code."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sdl_cli.errors import ConfigError, DataError, RunError, SdlError, StopSignal
from sdl_cli.phrases import shortened, typed_line
from sdl_cli.settings.parts import permission

Values = dict[str, Any]


@contextlib.contextmanager
def ending(as_json: bool, debug: bool = False) -> Iterator[Callable[[Values], None]]:
    """Inside, a verb does its work and hands over its values, once; what it raises becomes plain lines and an exit code.

    With `as_json` the values are printed without their `exit_code`.

    Raises:
        SystemExit: for an exit code that is not 0: 1 a run failed, 2 wrong command line, settings or data, 130 Ctrl-C,
            143 SIGTERM, 129 SIGHUP.
    """
    code, values = 0, Values()
    permission.reset()
    permission.names(sys.argv[1:])
    with _kept_stdout(as_json) as print_json:
        try:
            yield values.update
            code = int(values.pop("exit_code", 0))
            print_json(values)
        except KeyboardInterrupt as stop:
            code = _interrupted(stop, print_json)
        except BrokenPipeError:
            # the reader of the pipe is gone (`sdl list | head`): nothing is wrong
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except Exception as error:
            code = _fail(error, debug, print_json)
    if code:
        raise SystemExit(code)


def check_choice(option: str, value: str | None, choices: tuple[str, ...]) -> None:
    """Raise ConfigError for an option's value that is not one of its choices."""
    if value is not None and value not in choices:
        raise ConfigError(f"{option}: {value!r} is not one of {', '.join(choices)}.")


def check_loudness(quiet: bool, verbose: bool) -> None:
    """Raise ConfigError for -q and -v together."""
    if quiet and verbose:
        raise ConfigError("-q and -v: use one of them, not both.", "Leave one out.")


def check_trust(trust: bool, resume: str | None) -> None:
    """Raise ConfigError for --trust where nothing is resumed."""
    if trust and resume is None:
        raise ConfigError("--trust only works with --resume: what this command names itself is imported.", "Leave it out.")


@contextlib.contextmanager
def _kept_stdout(as_json: bool) -> Iterator[Callable[[Values], None]]:
    """With `as_json`, stdout carries only the one object printed through the yielded function; all else goes to stderr."""
    if not as_json:
        yield lambda values: None
        return
    real = sys.stdout
    real.flush()
    descriptor = copy = None
    with contextlib.suppress(OSError, ValueError):  # a stdout that is no file, in a notebook or a test
        if real.fileno() == 1:
            descriptor, copy = 1, os.dup(1)
            os.dup2(2, 1)  # C code prints there too

    def print_json(values: Values) -> None:
        if descriptor is not None and copy is not None:
            os.dup2(copy, descriptor)
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        if real.encoding.lower() != "utf-8" or not text.isprintable():
            text = json.dumps(values, allow_nan=False)
        print(text, file=real, flush=True)

    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield print_json
    finally:
        if descriptor is not None and copy is not None:
            os.dup2(copy, descriptor)
            os.close(copy)


def _fail(error: Exception, debug: bool, print_json: Callable[[Values], None]) -> int:
    from sdl_cli.report.layout import error_lines, say

    if debug:
        import traceback

        traceback.print_exception(error)
    shown = error if isinstance(error, SdlError) else as_mistake(error) or _as_run_error(error)
    say("\n".join(error_lines(shown.message, shown.hint)), sys.stderr)
    found = {"kind": shown.kind, "message": shown.message, "hint": shown.hint}
    print_json({"error": found, "exit_code": shown.exit_code})
    return shown.exit_code


def as_mistake(error: Exception) -> SdlError | None:
    """Errors that no earlier check caught but that are the user's: an unusable file, name or value."""
    if isinstance(error, MemoryError):
        return RunError("Not enough memory.", "Use fewer rows (dataset.num_train), or smaller images.")
    if isinstance(error, RecursionError):
        return DataError("A setting or a file is nested too deeply to be read.", "Use fewer levels.")
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename)
        if error.errno == errno.ENAMETOOLONG:
            longest = max(Path(name).parts, key=len, default=name) if len(name) < 4096 else name
            return DataError(f"{shortened(longest)}: this file name is too long (at most 255 characters).", "Use a shorter one.")
        return DataError(f"{name}: cannot be used: {error.strerror}.", "Use another file, or change its permissions.")
    return None


def _as_run_error(error: Exception) -> RunError:
    folder = getattr(error, "run_folder", None)
    where = f"The traceback is in {folder / 'run.log'}." if folder else "Add --debug to see where."
    return RunError(typed_line(error), f"This should not happen. {where}")


def _interrupted(stop: KeyboardInterrupt, print_json: Callable[[Values], None]) -> int:
    from sdl_cli.report.layout import say

    folder, hint = getattr(stop, "run_folder", None), ""
    if folder is not None:
        from sdl_cli.report.console import resume_command

        hint = f"Resume with: {resume_command(folder)}"
    number = stop.number if isinstance(stop, StopSignal) else signal.SIGINT
    message = f"Interrupted by {signal.Signals(number).name}." if isinstance(stop, StopSignal) else "Interrupted."
    say(f"\n{message} {hint}".rstrip(), sys.stderr)
    print_json({"error": {"kind": "interrupted", "message": message, "hint": hint}, "exit_code": 128 + number})
    return 128 + number


@contextlib.contextmanager
def stop_signals() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise StopSignal once; ignored signals (nohup) stay ignored."""

    def stop(number: int, _: object) -> None:
        for other in before:
            signal.signal(other, signal.SIG_IGN)  # a shutdown in progress is not interrupted
        if number == signal.SIGHUP:
            _leave_dead_terminal()
        raise StopSignal(number)

    before: list[signal.Signals] = []
    with contextlib.suppress(ValueError, AttributeError):  # not in the main thread; Windows has no SIGHUP
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, stop)
                before.append(number)
    try:
        yield
    finally:
        for number in before:
            signal.signal(number, signal.SIG_DFL)


def _leave_dead_terminal() -> None:
    """Discard output once the terminal is gone; otherwise every line would raise an error."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
