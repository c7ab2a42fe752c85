"""`sdl` as a process of its own that starts in milliseconds: forked from a process that has imported everything.

It has a process id, signals, an exit code, files and workers as a real one has; only what it finds imported differs. Tests of
what is imported, of a fresh interpreter and of the console script itself start a real one (`sdl_process`).
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

WORKER_NAME = "sdl-worker"  # of a worker process, in /proc/PID/stat
BEFORE = (
    "os torch torchvision sklearn.ensemble sklearn.linear_model sklearn.svm matplotlib.pyplot pandas skops.io hydra safetensors"
)
OURS = "cli.main cli.composing cli.verbs measure.baseline learning.models.deep_net study.curve.run study.compare.run run.train"
# jemalloc in pyarrow, which pandas imports, starts a thread; GOMP_SPINCOUNT is set as the program does before it imports torch
ONE_THREAD = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "GOMP_SPINCOUNT": "3000"}
_kept: list[Any] = []  # streams of a parent, which would write what is left in them if they were collected


@contextlib.contextmanager
def few_trees() -> Iterator[None]:
    """Inside, the forest beside each result has few trees: where it is not what is looked at, it takes most of the time.

    Worker processes that start inside have few too, and serve no one outside, as a variable of their environment differs.
    """
    from sdl_cli.many import processes
    from sdl_cli.measure import baseline

    before, start, variable = baseline.quick_baseline, processes._START, os.environ.get("SDL_TEST_TREES")
    baseline.quick_baseline = lambda dataset, num_rows: dataclasses.replace(before(dataset, num_rows), num_trees=4)
    if variable is None:
        inside = "from integration.forked import few_trees\nwith few_trees():\n    serve(connection, main_process)"
        processes._START = start.replace("serve(connection, main_process)", inside)
        assert start != processes._START
    os.environ["SDL_TEST_TREES"] = "few"
    try:
        yield
    finally:
        baseline.quick_baseline, processes._START = before, start
        if variable is None:
            del os.environ["SDL_TEST_TREES"]


class Forked:
    """The end of a test: as much of `subprocess.Popen` as a test needs, for a process that the server forks and waits for."""

    def __init__(self, control: socket.socket, arguments: Sequence[str], cwd: Path, environment: dict[str, str]) -> None:
        self.returncode: int | None = None
        out, theirs_out = os.pipe()
        err, theirs_err = os.pipe()
        self._status, theirs = socket.socketpair()
        request = json.dumps([list(arguments), str(cwd), environment]).encode()
        control.sendall(len(request).to_bytes(8, "big"))
        control.sendall(request)
        socket.send_fds(control, [b"f"], [theirs_out, theirs_err, theirs.fileno()])
        for descriptor in (theirs_out, theirs_err):
            os.close(descriptor)
        theirs.close()
        self._pipes = {out: bytearray(), err: bytearray()}
        self._open = {out, err}
        try:
            self.pid = int.from_bytes(_received(self._status, 8), "big")
        except EOFError:
            raise RuntimeError("the process that forks has ended; its standard error says why") from None

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                self.returncode = int.from_bytes(_received(self._status, 8), "big", signed=True)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("sdl", timeout or 0) from None
            self._status.close()
        return self.returncode

    def close(self) -> None:
        """End it if it runs, and close what is open of it."""
        self.kill()
        self.wait(60)
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """Wait until its standard output and error are closed, by its workers too, and it has ended."""
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for descriptor in self._open:
                selector.register(descriptor, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(deadline - time.monotonic())
                if not ready and time.monotonic() >= deadline:
                    raise subprocess.TimeoutExpired("sdl", timeout)
                for key, _ in ready:
                    data = os.read(key.fd, 1 << 16)
                    self._pipes[key.fd] += data
                    if not data:
                        selector.unregister(key.fd)
                        self._open.remove(key.fd)
                        os.close(key.fd)
        self.wait(max(0.1, deadline - time.monotonic()))
        out, err = (bytes(text).decode() for text in self._pipes.values())
        return out, err

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Server:
    """The process that forks; it starts with the first request, and ends with the test session."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Sequence[str], cwd: Path, environment: dict[str, str]) -> Forked:
        if self._control is None:
            self._control, theirs = socket.socketpair()
            command = [sys.executable, "-P", str(Path(__file__)), str(theirs.fileno())]
            env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **ONE_THREAD}
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=env, stdin=subprocess.DEVNULL)
            theirs.close()
        return Forked(self._control, arguments, cwd, environment)

    def end(self) -> None:
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait(timeout=60)


def _received(sender: socket.socket, num: int) -> bytes:
    """Exactly so many bytes. Raises EOFError at the end of what is sent."""
    found = b""
    while len(found) < num:
        part = sender.recv(num - len(found))
        if not part:
            raise EOFError
        found += part
    return found


# in the server


def serve(control: socket.socket) -> None:
    """Fork for every request until the test session is gone; send each process id, and later how the process ended."""
    from sdl_cli.cli.main import main

    assert _num_threads() == 1, "threads do not survive a fork"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the tests: the session ends and this ends with it
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(heard, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if heard in ready:
                heard.recv(4096)
                _report_ended(running)
            if control in ready:
                try:
                    request = json.loads(_received(control, int.from_bytes(_received(control, 8), "big")))
                except EOFError:
                    return
                _, (out, err, status), _, _ = socket.recv_fds(control, 1, 3)
                pid = os.fork()
                if not pid:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    signal.signal(signal.SIGINT, signal.default_int_handler)
                    _run(functools.partial(_command, main, *request), out, err)
                os.close(out)
                os.close(err)
                running[pid] = socket.socket(fileno=status)
                running[pid].sendall(pid.to_bytes(8, "big"))


def _report_ended(running: dict[int, socket.socket]) -> None:
    """Send how each process that has ended did, as `Popen.returncode` has it."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as listener, contextlib.suppress(OSError):
            listener.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))


def _num_threads() -> int:
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208


# in a forked process


def _run(command: Callable[[], Any], out: int, err: int, kept: Sequence[int] = ()) -> NoReturn:
    """End this process as Python would after the command, which finds only its own streams and `kept` open."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor, number in ((os.dup(out), 1), (os.dup(err), 2), (null, 0)):
            os.dup2(descriptor, number)
        _kept.extend([sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__])
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
            if int(name) > 2 and int(name) not in kept:
                with contextlib.suppress(OSError):
                    os.close(int(name))
        sys.stdin = sys.__stdin__ = open(0, closefd=False)  # type: ignore[misc]  # noqa: PTH123, SIM115
        sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # type: ignore[misc]  # noqa: PTH123, SIM115
        sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # type: ignore[misc]  # noqa: PTH123, SIM115
        command()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _command(main: Callable[[], None], arguments: list[str], cwd: str, environment: dict[str, str]) -> None:
    """The `sdl` program in this folder and environment."""
    from sdl_cli.many import processes

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = ["sdl", *arguments]
    sys.path[:0] = [cwd, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    processes.subprocess = _Forking  # type: ignore[attr-defined, assignment]
    try:
        with few_trees():
            main()
    finally:
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()


class _Child:
    """As much of `subprocess.Popen` as `processes` needs, for a worker forked from its main process."""

    def __init__(self, command: list[str], env: dict[str, str], stdin: int, pass_fds: list[int]) -> None:
        _, _, _, program, *arguments = command
        self.returncode: int | None = None
        self.pid = os.fork()
        if not self.pid:
            _run(lambda: _worker(program, arguments, env), 1, 2, pass_fds)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(WORKER_NAME, timeout)
            time.sleep(0.002)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


class _Forking:
    """What `processes` finds as `subprocess` in a forked `sdl`."""

    DEVNULL, TimeoutExpired = subprocess.DEVNULL, subprocess.TimeoutExpired

    @staticmethod
    def Popen(command: list[str], **how: Any) -> Any:  # noqa: N802
        # a thread may hold a lock that would stay locked in the fork for ever
        return _Child(command, **how) if _num_threads() == 1 else subprocess.Popen(command, **how)


def _worker(program: str, arguments: list[str], environment: dict[str, str]) -> None:
    """The program of a worker process, from its own first line on."""
    Path("/proc/self/comm").write_text(WORKER_NAME)
    for number in (signal.SIGTERM, signal.SIGHUP):  # what a new program finds, whatever its parent does at them
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = ["-c", *arguments]
    exec(compile(program, "<worker>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    import gc
    import importlib

    for module in [*BEFORE.split(), *(f"sdl_cli.{name}" for name in OURS.split())]:
        importlib.import_module(module)
    gc.freeze()  # what is imported stays one memory of all forks
    serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)  # without the second that taking down all of it takes
