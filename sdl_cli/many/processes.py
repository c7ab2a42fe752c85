"""Our own worker processes: if one dies, only its current task is lost.

A worker is a fresh interpreter that receives tasks through a pipe. It never runs the main program again, so tasks may come from
a console script, a notebook, or a script without a guard. Pickles only pass between a process and its own workers.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from sdl_cli.errors import RunError
from sdl_cli.phrases import typed_line

Task = Callable[[], Any]
Answer = tuple[Any, BaseException | None]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_DEATH_CHECK_SECONDS = 0.5  # where a child of a dead worker holds its pipe open, so that the pipe tells nothing
# It ignores Ctrl-C, which a terminal sends to it too: the main process ends it. Modules come from where that finds them.
_START = """\
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
try:
    sys.path[:], sys.argv[:], main_process = connection.recv()
except (EOFError, OSError):
    sys.exit()
from sdl_cli.many.processes import serve
serve(connection, main_process)
"""


class WorkerLostError(Exception):
    """A worker process ended while it was at a task; says how: `was killed by signal 9 (out of memory?)`."""


@dataclass(frozen=True)
class Slot:
    """What one worker process may use: threads of its OpenMP and BLAS, and the one GPU it sees; empty leaves that as it is."""

    cores: int = 1
    gpu: str = ""

    def environment(self) -> dict[str, str]:
        """The environment of its process: it has to be there before anything is imported."""
        found = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(self.cores))}
        return {**found, "CUDA_VISIBLE_DEVICES": self.gpu} if self.gpu else found


def run_tasks(tasks: Sequence[Task], slots: Sequence[Slot]) -> Generator[tuple[int, Any, BaseException | None], None, None]:
    """Run tasks in worker processes, one per slot, and yield each as it ends.

    Close the iterator (`contextlib.closing`) to leave early; unfinished tasks are then killed. Tasks are picklable, or lambdas
    and functions of the main program, and start in this order.

    Yields:
        (number of the task, its value, None), or (number, None, the error): what the task raised; WorkerLostError; or RunError
        if it called sys.exit, and for what cannot be sent between processes. It is raised if no process can be started.
    """
    assert slots
    _end_others([_setting(slot) for slot in slots])
    waiting, free = deque(enumerate(tasks)), list(reversed(slots))
    busy: dict[_Worker, int] = {}
    ended: list[tuple[int, Any, BaseException | None]] = []
    try:
        while waiting or busy:
            while waiting and free:
                number, task = waiting.popleft()
                try:
                    data = _placed(task)
                except Exception as error:
                    ended.append((number, None, _unsendable("the task", error)))
                    continue
                worker = _take(free.pop())
                busy[worker] = number
                worker.send(data)
            yield from ended  # only after the workers have new tasks
            ended = []
            for worker in _ready(busy):
                answer = worker.receive()
                if answer is not None:
                    ended.append((busy.pop(worker), *answer))
                    free.append(worker.slot)
                    _keep([worker])  # where it died, only until the next look at the idle ones
        yield from ended
    finally:
        _end(list(busy))


def start_workers(slots: Sequence[Slot], prepare: Task) -> None:
    """Start idle worker processes that run `prepare`, without waiting. Its exceptions are lost."""
    data = _placed(prepare)
    started = [_take(slot) for slot in slots]
    for worker in started:
        worker.send(data)
        worker.unheard += 1
    _keep(started)


def end_workers() -> None:
    """Kill the idle worker processes: they hold nothing unsaved."""
    _end_others([])


class _Worker:
    """A worker process and our end of its pipe. A new one is made for every slot whose process died."""

    def __init__(self, slot: Slot) -> None:
        from multiprocessing.connection import Pipe

        self.slot, self.setting = slot, _setting(slot)
        self.unheard = 0  # pending answers that nobody waits for
        self.connection, theirs = Pipe()
        command = [sys.executable, "-P", "-c", _START, str(theirs.fileno())]
        # until the worker has learnt to ignore it, an interrupt would end it with a traceback
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            self.process = subprocess.Popen(command, env=slot.environment(), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        except OSError as error:
            self.connection.close()
            hint = "Free some memory, or run fewer at once: parallel.num_jobs=1"
            raise RunError(f"A worker process cannot be started: {error.strerror or error}.", hint) from error
        finally:
            theirs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self.send(pickle.dumps((sys.path, sys.argv, os.getpid())))

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # a worker that has died is found by `receive`
            self.connection.send_bytes(data)

    def receive(self) -> Answer | None:
        """The answer that has come, or how the process ended; None for an answer that nobody waits for."""
        try:
            if not self.connection.poll():
                raise EOFError
            data = self.connection.recv_bytes()
        except (EOFError, OSError):
            return None, self._death()
        if self.unheard:
            self.unheard -= 1
            return None
        try:
            answer: Answer = pickle.loads(data)  # noqa: S301  from our own process
        except Exception as error:
            return None, _unsendable("what it returned or raised", error)
        return answer

    def _death(self) -> WorkerLostError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)  # its pipe closes a moment before it is gone
        code = self.process.returncode
        _end([self])
        if code is None:
            return WorkerLostError("closed its pipe")
        if code >= 0:
            return WorkerLostError(f"ended with exit code {code}")
        return WorkerLostError(f"was killed by signal {-code}" + (" (out of memory?)" if -code == signal.SIGKILL else ""))


_idle: list[_Worker] = []
_lock = threading.Lock()
atexit.register(end_workers)


def _setting(slot: Slot) -> tuple[Any, ...]:
    """What a worker keeps from its start, and must share with a task that is handed to it: where modules come from, for one."""
    places = [os.path.abspath(place) for place in sys.path]  # noqa: PTH100
    return slot, places, {name: value for name, value in os.environ.items() if name.startswith("SDL_")}


def _take(slot: Slot) -> _Worker:
    """An idle worker of this kind, or a new one."""
    setting = _setting(slot)
    with _lock:
        for worker in _idle:
            if worker.setting == setting and worker.process.poll() is None:
                _idle.remove(worker)
                return worker
    return _Worker(slot)


def _keep(workers: Sequence[_Worker]) -> None:
    with _lock:
        _idle.extend(workers)


def _end_others(settings: Sequence[tuple[Any, ...]]) -> None:
    """End the idle workers that are of none of these kinds, or dead."""
    with _lock:
        ended = [worker for worker in _idle if worker.setting not in settings or worker.process.poll() is not None]
        _idle[:] = [worker for worker in _idle if worker not in ended]
    _end(ended)


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.connection.close()
        worker.process.wait()


def _ready(busy: dict[_Worker, int]) -> list[_Worker]:
    """Wait for workers that have answered, or died."""
    from multiprocessing.connection import wait

    if not busy:
        return []
    heard = wait([worker.connection for worker in busy], timeout=_DEATH_CHECK_SECONDS)
    return [worker for worker in busy if worker.connection in heard or worker.process.poll() is not None]


def _placed(task: Task) -> bytes:
    """A pickle of the task and of the folder that its relative paths start from."""
    return pickle.dumps((os.getcwd(), _pickled(task)))  # noqa: PTH109


def _pickled(value: Any) -> bytes:
    """A pickle that can be read in another process: what is defined in the main program goes along whole."""
    try:
        data = pickle.dumps(value)
        if b"__main__" not in data:
            return data
    except Exception:  # a lambda, or a function within a function
        pass
    import cloudpickle

    found: bytes = cloudpickle.dumps(value)
    return found


def _unsendable(what: str, error: Exception) -> RunError:
    return RunError(f"{what} cannot be sent between processes: {as_run_error(error).message.rstrip('.')}.")


def as_run_error(error: BaseException) -> RunError:
    """The same in one line, for an error whose class may not survive the way between processes."""
    if isinstance(error, SystemExit):
        return RunError(f"it called sys.exit({'' if error.code is None else repr(error.code)[:500]}).")
    return RunError(typed_line(error))


# in the worker process


def serve(connection: Any, main_process: int) -> None:
    """Run the tasks that come through a `multiprocessing.connection.Connection` until it closes or its other end has died."""
    _end_with(main_process)
    os.set_inheritable(connection.fileno(), False)
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send_bytes(_carry_out(connection.recv_bytes()))


def _carry_out(data: bytes) -> bytes:
    """Run one pickled task in its folder. What it raises is its answer, but for KeyboardInterrupt, which ends the process."""
    answer: Answer
    try:
        folder, task = pickle.loads(data)  # noqa: S301  from the process that started this one
        os.chdir(folder)
        answer = pickle.loads(task)(), None  # noqa: S301
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        answer = None, as_run_error(error) if isinstance(error, SystemExit) else error
    try:
        return _pickled(answer)
    except Exception as error:
        return _pickled((None, as_run_error(answer[1]) if answer[1] else _unsendable("what it returned", error)))


def _end_with(main_process: int) -> None:
    """End this process soon after its parent, however that ended, so that no two processes write one cell."""

    def watch() -> None:
        while os.getppid() == main_process:
            time.sleep(0.25)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
