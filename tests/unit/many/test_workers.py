"""Worker processes: a death costs one task, they are used again, they end with the main process, and know their cores and GPU."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sdl_cli.errors import DataError, RunError
from sdl_cli.many.processes import THREAD_VARIABLES, Slot, WorkerLostError, end_workers, run_tasks, start_workers

TWO = [Slot(), Slot()]


@pytest.fixture(autouse=True)
def no_worker_is_left() -> Iterator[None]:
    yield
    end_workers()


def tasks(function: Callable[[int], Any], num: int) -> list[Callable[[], Any]]:
    return [functools.partial(function, number) for number in range(num)]


def ended(pids: list[int]) -> bool:
    """Whether none of the processes lives any more, ten seconds from now at the latest."""

    def lives(pid: int) -> bool:
        with contextlib.suppress(ChildProcessError):  # one of ours is over when all of its threads are: then it can be waited for
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        stat = Path(f"/proc/{pid}/stat")  # one that nobody has waited for yet is there still, in state Z
        return not stat.is_file() or stat.read_text().rpartition(")")[2].split()[0] != "Z"

    for _ in range(200):
        if not any(map(lives, pids)):
            return True
        time.sleep(0.05)
    return False


class OddError(Exception):
    """Can be pickled, and not read again."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"odd {one} {two}")


class LockedError(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("locked\nand more")
        self.lock = threading.Lock()


def misbehave(number: int) -> Any:
    """Forty tasks, most of them good."""
    if number == 2:
        raise DataError("column 3 is empty.", "Fill it.")
    if number == 4:
        os._exit(3)
    if number == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 8:
        sys.exit("no more")
    if number == 10:
        return threading.Lock()
    if number == 12:
        raise LockedError
    if number == 14:
        raise OddError(1, 2)
    if number == 16:
        os.kill(os.getpid(), signal.SIGTERM)
    if number == 18:
        raise GeneratorExit("an error that is no Exception")
    if number == 20:
        raise KeyboardInterrupt
    return number**2


def test_a_death_costs_one_task_and_every_failure_is_named() -> None:
    found = {number: (value, error) for number, value, error in run_tasks(tasks(misbehave, 40), TWO)}
    assert sorted(found) == list(range(40))
    failed = {number: error for number, (_, error) in found.items() if error is not None}
    assert sorted(failed) == list(range(2, 22, 2))
    assert {number: value for number, (value, error) in found.items() if error is None} == {
        number: number**2 for number in range(40) if number not in failed
    }
    assert isinstance(failed[2], DataError) and failed[2].hint == "Fill it."
    deaths = {number: str(error) for number, error in failed.items() if isinstance(error, WorkerLostError)}
    assert deaths == {
        4: "ended with exit code 3",
        6: "was killed by signal 9 (out of memory?)",
        16: "was killed by signal 15",
        20: "was killed by signal 2",
    }
    assert str(failed[8]) == "it called sys.exit('no more')."
    assert str(failed[10]).startswith("what it returned cannot be sent between processes: TypeError: cannot pickle")
    assert isinstance(failed[12], RunError) and str(failed[12]) == "LockedError: locked"
    assert str(failed[14]).startswith("what it returned or raised cannot be sent between processes: TypeError: ")
    assert isinstance(failed[18], GeneratorExit)


def test_a_task_that_cannot_be_sent_fails_alone() -> None:
    lock = threading.Lock()
    found = sorted(run_tasks([lambda: lock, lambda: 5], [Slot()]), key=lambda each: each[0])
    assert str(found[0][2]).startswith("the task cannot be sent between processes: TypeError: cannot pickle")
    assert found[1] == (1, 5, None), "a lambda can be sent"


def wait_for_file(file: Path, number: int) -> int:
    """Task 0 ends only once the file is there."""
    while number == 0 and not file.exists():
        time.sleep(0.01)
    return number


def test_results_come_as_they_end(tmp_path: Path) -> None:
    order = []
    for number, _, _ in run_tasks(tasks(functools.partial(wait_for_file, tmp_path / "go"), 4), TWO):
        order.append(number)
        if len(order) == 3:
            (tmp_path / "go").touch()
    assert order == [1, 2, 3, 0]
    one = run_tasks(tasks(functools.partial(wait_for_file, tmp_path / "again"), 2)[::-1], [Slot()])
    assert next(one) == (0, 1, None), "with one worker too: the next is still at work"
    (tmp_path / "again").touch()
    assert list(one) == [(1, 0, None)]


def who(number: int) -> int:
    return os.getpid()


def where_and_who(number: int) -> tuple[str, int]:
    return str(Path.cwd()), os.getpid()


def test_idle_workers_are_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {pid for _, pid, _ in run_tasks(tasks(who, 2), TWO)}
    assert {pid for _, pid, _ in run_tasks(tasks(who, 2), TWO)} == first and os.getpid() not in first
    os.kill(min(first), signal.SIGKILL)
    assert ended([min(first)])
    found = list(run_tasks(tasks(who, 2), TWO))
    assert all(error is None for _, _, error in found), "one that died while it was idle costs nothing"
    assert {pid for _, pid, _ in found} - first and {pid for _, pid, _ in found} & first
    again = {pid for _, pid, _ in found}
    monkeypatch.chdir(tmp_path)
    where = list(run_tasks(tasks(where_and_who, 2), TWO))
    assert {pid for _, (_, pid), _ in where} == again and {folder for _, (folder, _), _ in where} == {str(tmp_path)}
    monkeypatch.syspath_prepend("")  # modules come from this folder now: these do not serve any more
    assert not {pid for _, pid, _ in run_tasks(tasks(who, 2), TWO)} & again
    assert ended(list(again))
    end_workers()
    assert not list(run_tasks([], TWO))


def leave_a_mark(file: Path) -> None:
    import poplib  # noqa: F401

    file.write_text(str(os.getpid()))
    raise ValueError("what the preparation raises is lost")


def is_imported(number: int) -> tuple[int, bool]:
    return os.getpid(), "poplib" in sys.modules


def test_workers_started_ahead_have_imported_what_they_need(tmp_path: Path) -> None:
    assert "poplib" not in sys.modules
    start_workers([Slot()], functools.partial(leave_a_mark, tmp_path / "mark"))
    [(_, found, error)] = run_tasks(tasks(is_imported, 1), [Slot()])
    assert error is None and found == (int((tmp_path / "mark").read_text()), True)


def environment(number: int) -> dict[str, str]:
    return dict(os.environ)


def test_a_worker_has_the_threads_and_the_gpu_of_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    before = dict(os.environ)
    slots = [Slot(3, "GPU-7"), Slot(3, "1")]
    for slot in slots:
        [(_, found, _)] = run_tasks(tasks(environment, 1), [slot])
        assert {found[name] for name in THREAD_VARIABLES} == {"3"} and found["CUDA_VISIBLE_DEVICES"] == slot.gpu
    [(_, found, _)] = run_tasks(tasks(environment, 1), [Slot()])
    assert found["CUDA_VISIBLE_DEVICES"] == "5" and found["OMP_NUM_THREADS"] == "1"
    assert dict(os.environ) == before


def hold_the_pipe_and_die(number: int) -> None:
    """Leave a child of the worker that keeps all its files open."""
    if os.fork() == 0:
        time.sleep(3)
        os._exit(0)
    os._exit(7)


def test_a_death_is_seen_though_the_pipe_stays_open() -> None:
    [(_, _, error)] = run_tasks(tasks(hold_the_pipe_and_die, 1), [Slot()])
    assert isinstance(error, WorkerLostError) and str(error) == "ended with exit code 7"


def note_and_wait(folder: Path, number: int) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(60)


def noted(folder: Path) -> list[int]:
    """Ids of the two processes that are at a task."""
    for _ in range(400):
        if len(list(folder.iterdir())) == 2:
            return [int(file.name) for file in folder.iterdir()]
        time.sleep(0.05)
    raise AssertionError("two tasks are not begun after 20 seconds")


def test_tasks_are_killed_where_the_iterator_is_left(tmp_path: Path) -> None:
    def quick_or_slow(number: int) -> None:
        if number < 2:
            note_and_wait(tmp_path, number)

    with contextlib.closing(run_tasks(tasks(quick_or_slow, 4), [*TWO, Slot()])) as found, pytest.raises(ZeroDivisionError):
        for _ in found:
            pids = noted(tmp_path)
            raise ZeroDivisionError
    assert ended(pids)


SCRIPT = """
import functools, os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from unit.many.test_workers import TWO, note_and_wait, tasks
from sdl_cli.many.processes import run_tasks
signal.signal(signal.SIGINT, signal.default_int_handler)
print("begun", flush=True)
try:
    list(run_tasks(tasks(functools.partial(note_and_wait, Path(sys.argv[1])), 3), TWO))
except KeyboardInterrupt:
    left = [name for name in os.listdir(sys.argv[1]) if os.path.exists(f"/proc/{{name}}")]
    print("interrupted", left)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM], ids=["ctrl-c", "kill -9", "kill"])
def test_workers_end_with_the_main_process(tmp_path: Path, number: signal.Signals) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "pids"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parents[2])))
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    pids = noted(folder)
    if number == signal.SIGINT:  # as a terminal does: the workers get it too
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert out.splitlines() == ["begun", *(["interrupted []"] if number == signal.SIGINT else [])] and "Traceback" not in err
    assert process.returncode == (0 if number == signal.SIGINT else -number)
    assert ended(pids)


UNGUARDED = """
import dataclasses, os
from sdl_cli.many.processes import Slot, run_tasks
print("here")
factor = 7

@dataclasses.dataclass
class Found:
    number: int

def times(number):
    return Found(number * factor)

for number, value, error in sorted(run_tasks([lambda n=n: times(n) for n in range(3)], [Slot(), Slot()])):
    print(number, type(value).__name__, value.number, error)
"""


@pytest.mark.parametrize("way", ["stdin", "script", "-m"])
def test_the_main_program_is_not_run_again(tmp_path: Path, way: str) -> None:
    (tmp_path / "unguarded.py").write_text(UNGUARDED)
    if way != "-m":  # there the folder is on the path, and the file would stand in the main program's way too
        (tmp_path / "signal.py").write_text("raise SystemExit('a file of the user stands in for a module of Python')\n")
    arguments = {"stdin": ["-P", "-"], "script": ["-P", "unguarded.py"], "-m": ["-m", "unguarded"]}[way]
    found = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, input=UNGUARDED, capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == ["here", "0 Found 0 None", "1 Found 7 None", "2 Found 14 None"]


def test_a_process_that_cannot_be_started_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(RunError, match=re.escape("A worker process cannot be started: No such file or directory.")):
        list(run_tasks(tasks(who, 1), [Slot()]))
