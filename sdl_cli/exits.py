"""How a verb ends: one JSON object on stdout where that was asked for, plain lines for what went wrong, and an exit code."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from sdl_cli.errors import RunError, SdlError

Values = dict[str, Any]


def carry_out(body: Callable[[], Values], as_json: bool, debug: bool = False) -> int:
    """Run a verb and return its exit code: 0 ok, 1 a run failed, 2 wrong command line, settings or data, 130 interrupted.

    Arguments:
        body: the verb; its values are printed with `as_json`, less an `exit_code` of their own.
        debug: show the traceback of an error.
    """
    code = 0
    with _kept_stdout(as_json) as print_json:
        try:
            values = body()
            code = int(values.pop("exit_code", 0))
            print_json(values)
        except KeyboardInterrupt as stop:
            code = _interrupted(stop, print_json)
        except BrokenPipeError:
            # the reader of a pipe left (`sdl list | head`): nothing is wrong
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except Exception as error:
            code = _fail(error, debug, print_json)
    return code


@contextlib.contextmanager
def _kept_stdout(as_json: bool) -> Iterator[Callable[[Values], None]]:
    """With `as_json`, stdout takes the one object printed with what is yielded; all else goes to stderr, whoever prints it."""
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
    shown = error if isinstance(error, SdlError) else _as_run_error(error)
    say("\n".join(error_lines(shown.message, shown.hint)), sys.stderr)
    found = {"kind": shown.kind, "message": shown.message, "hint": shown.hint}
    print_json({"error": found, "exit_code": shown.exit_code})
    return shown.exit_code


def _as_run_error(error: Exception) -> RunError:
    if isinstance(error, MemoryError):
        return RunError("There is not enough memory for this.", "Use fewer rows (dataset.num_train), or smaller images.")
    folder = getattr(error, "run_folder", None)
    where = f"The traceback is in {folder / 'run.log'}." if folder else "Add --debug to see where."
    first = (str(error).splitlines() or [""])[0][:500]
    return RunError(f"{type(error).__name__}: {first}", f"This should not happen. {where}")


def _interrupted(stop: KeyboardInterrupt, print_json: Callable[[Values], None]) -> int:
    from sdl_cli.report.layout import say

    folder, hint = getattr(stop, "run_folder", None), ""
    if folder is not None:
        from sdl_cli.report.console import resume_command

        hint = f"Go on with: {resume_command(folder)}"
    say(f"\nInterrupted. {hint}".rstrip(), sys.stderr)
    print_json({"error": {"kind": "interrupted", "message": "Interrupted.", "hint": hint}, "exit_code": 130})
    return 130
