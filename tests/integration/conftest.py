"""The command line inside this process, data to feed it, and finished runs to feed on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.forked import Forked, Server, few_trees

from sdl_cli.cli import main

BASELINE = "model=baseline model.num_trees=5"
NET = "dataset=wine model=deep_net model.depth=1 model.width=8 training.epochs=2"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        assert len(self.out.splitlines()) == 1, self.out
        return json.loads(self.out)


Sdl = Callable[..., Outcome]


@pytest.fixture
def sdl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sdl:
    """`sdl("train dataset=wine", "dataset.path=a b")` in an empty folder: the first text is split, the others are taken whole.

    The forest beside each result has few trees.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(command: str, *more: str) -> Outcome:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["sdl", *shlex.split(command), *more])
        with pytest.raises(SystemExit) as stop, few_trees():
            main.main()
        found = capsys.readouterr()
        return Outcome(int(stop.value.code or 0), found.out, found.err)

    return call


@pytest.fixture(scope="session")
def fork_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.end()


Start = Callable[..., Forked]


@pytest.fixture
def sdl_forked(tmp_path: Path, fork_server: Server) -> Iterator[Start]:
    """`sdl` as a process of its own, started in the test's folder without the time that a fresh interpreter takes."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to fork cleanly")
    started = []

    def start(command: str, *more: str, **changes: str) -> Forked:
        environment = {**os.environ, "COLUMNS": "80", **changes}
        started.append(fork_server.start([*shlex.split(command), *more], tmp_path, environment))
        return started[-1]

    yield start
    for process in started:
        process.close()


def outcome(process: Forked) -> Outcome:
    """How a process ended."""
    out, err = process.communicate()
    assert process.returncode is not None
    return Outcome(process.returncode, out, err)


@pytest.fixture
def sdl_process(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """`sdl` as a process of its own, started in the test's folder."""

    def start(command: str, *more: str, **changes: str) -> subprocess.Popen[str]:
        # a shell starts its background jobs with SIGINT ignored, and children would inherit that: here Ctrl-C is to arrive
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "sdl_cli", *shlex.split(command), *more],
                cwd=tmp_path,
                env={**os.environ, "COLUMNS": "80", **changes},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)

    return start


def run_here(command: str) -> None:
    """Run a command that must succeed, in this process, for a fixture of more than one test; the forest beside it is small."""
    before, sys.argv = sys.argv, ["sdl", *shlex.split(command)]
    try:
        with few_trees():
            main.main()
    except SystemExit as stop:
        assert not stop.code, command
    finally:
        sys.argv = before


def tree(folder: Path) -> set[str]:
    """Everything below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small data, good and bad in every way that a test needs."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    broken = {"nan": np.nan, "inf": np.inf}
    np.savez(folder / "good.npz", X=X + y[:, None], y=y)
    np.savez(folder / "good_images.npz", X=rng.integers(0, 255, (40, 8, 8), dtype=np.uint8), y=y)
    np.savez(folder / "four_columns.npz", X=rng.normal(size=(40, 4)), y=y)
    np.savez(folder / "third_class.npz", X=rng.normal(size=(60, 3)), y=np.arange(60) % 3)
    np.savez(folder / "numbers.npz", X=X, y=X[:, 0] * 1.5)
    for name, value in broken.items():
        np.savez(folder / f"{name}_X.npz", X=np.where(np.arange(40)[:, None] == 3, value, X), y=y)
        np.savez(folder / f"{name}_y.npz", X=X, y=np.where(np.arange(40) == 3, value, X[:, 0]))
    np.savez(folder / "short_y.npz", X=X, y=y[:30])
    np.savez(folder / "pickled.npz", X=X, y=np.array([{"a": 1}] * 40, dtype=object))
    np.savez(folder / "one_class.npz", X=X, y=np.zeros(40, int))
    np.savez(folder / "one_row.npz", X=X, y=np.array([0] * 39 + [1]))
    np.savez(folder / "no_y.npz", X=X)
    np.savez(folder / "text.npz", X=X.astype(str), y=y)
    np.save(folder / "single.npy", X)
    (folder / "empty.npz").write_bytes(b"")
    (folder / "words.npz").write_text("no archive")
    (folder / "half.npz").write_bytes((folder / "good.npz").read_bytes()[:300])
    _write_images(folder, rng)
    return folder


def _write_images(folder: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    def picture(name: str, mode: str = "RGB", shift: int = 0) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(shift, 128 + shift, (12, 16, 3), dtype=np.uint8)
        if mode == "I;16":
            Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(path)
        else:
            Image.fromarray(pixels).convert(mode).save(path)

    for root in ("photos", "bad_photos", "few_photos", "one_photo_class", "modes"):
        for number in range(6):
            picture(f"{root}/ant/{number}.png")
            if root != "one_photo_class" and not (root == "few_photos" and number > 0):
                picture(f"{root}/bee/{number}.png", shift=100)
    for mode in ("I;16", "P", "RGBA", "L", "1", "LA"):
        picture(f"modes/ant/{mode.replace(';', '')}.png", mode)
    for mode in ("CMYK", "L"):
        picture(f"modes/bee/{mode}.jpg", mode)
    whole = (folder / "photos/ant/0.png").read_bytes()
    (folder / "bad_photos/ant/cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "bad_photos/ant/nothing.png").write_bytes(b"")
    (folder / "bad_photos/bee/noise.jpg").write_bytes(b"not an image at all")
    (folder / "no_photos").mkdir()


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Finished runs: wine (a forest), net, table and images (forests on npz), photos; read them, and change only copies."""
    folder = tmp_path_factory.mktemp("finished")
    commands = {
        "wine": f"train dataset=wine {BASELINE}",
        "net": f"train {NET}",
        "table": f"train dataset=npz dataset.path={data}/good.npz {BASELINE}",
        "images": f"train dataset=npz dataset.path={data}/good_images.npz {BASELINE}",
        "photos": f"train dataset=image_folder dataset.path={data}/photos dataset.size_px=8 {BASELINE}",
        "repeats": f"train dataset=wine {BASELINE} num_repeats=2",
    }
    for name, command in commands.items():
        run_here(f"{command} hydra.run.dir={folder / name}")
    return folder
