"""Folders and files that a stranger wrote: refused in a sentence, never believed, and nothing raw on the terminal.

What is changed here is harmless: names, sizes and numbers that our own reader must notice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.conftest import BASELINE, Sdl
from PIL import Image

NET = "dataset=wine model=deep_net model.depth=2 model.width=8 training.epochs=2"


def seal(folder: Path) -> None:
    """Write the digests of a folder's files anew, as whoever changed them would."""
    status = json.loads((folder / "status.json").read_text())
    status["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in status["files"]}
    (folder / "status.json").write_text(json.dumps(status))


def change(folder: Path, name: str, **values: Any) -> None:
    stored = json.loads((folder / name).read_text())
    for key, value in values.items():
        group, _, last = key.rpartition("__")
        (stored[group] if group else stored)[last] = value
    (folder / name).write_text(json.dumps(stored))
    seal(folder)


def grown() -> str:
    """Six lines of YAML that stand for half a million values."""
    rows = [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcde", "bcdef", strict=True)]
    return "\n".join(["a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0]", *rows]) + "\n"


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    seal(folder)


STRANGE: list[tuple[str, Callable[[Path], object], str]] = [
    ("config.yaml of endless aliases", lambda f: write(f, "config.yaml", grown()), "too many values"),
    ("config.yaml of 300 kB", lambda f: write(f, "config.yaml", "a: " + "x" * 300_000), "at most"),
    ("config.yaml of a list", lambda f: write(f, "config.yaml", "[1]"), "no settings object"),
    ("model.json of deep lists", lambda f: write(f, "model.json", "[" * 50_000), "cannot be read"),
    ("a depth of a million", lambda f: change(f, "model.json", params__depth=10**6), "model.depth"),
    ("many networks", lambda f: change(f, "model.json", fitted__num_networks=10**6), "missing or has another shape"),
]


@pytest.mark.parametrize(("what", "craft", "words"), STRANGE, ids=[what for what, _, _ in STRANGE])
def test_a_crafted_run_is_refused_by_every_verb(
    what: str, craft: Callable[[Path], object], words: str, sdl: Sdl, tmp_path: Path
) -> None:
    run = Path(sdl(f"train {NET} --json").json["folder"])
    rows = tmp_path / "rows.npz"
    np.savez(rows, X=np.zeros((3, 13)))
    craft(run)
    for command in (f"evaluate {run}", f"predict {run} {rows}", f"export {run} model.onnx"):
        found = sdl(command)
        assert (found.code, "should not happen" in found.err) == (2, False), (command, found.err)
        assert words in found.err, (command, found.err)
    assert sdl(f"report {run}").code in (0, 2)  # a report leaves out what needs the model


def test_a_pipe_in_a_run_folder_is_not_waited_for(sdl: Sdl) -> None:
    run = Path(sdl(f"train dataset=wine {BASELINE} --json").json["folder"])
    (run / "config.yaml").unlink()
    os.mkfifo(run / "config.yaml")
    for command in (f"evaluate {run}", f"report {run}"):
        assert sdl(command).code == 2


def test_names_with_control_characters_are_shown_without_them(sdl: Sdl, tmp_path: Path) -> None:
    for label in ("a\x1b[2Jb", "c\x07d"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for k in range(6):
            pixels = np.random.default_rng(k).integers(0, 255, (8, 8), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{k}.png")
    found = sdl(f"train dataset=image_folder dataset.path=photos {BASELINE}")
    assert found.code == 0, found.err
    (tmp_path / "photos" / "a\x1b[2Jb" / "bad\x9b1m.png").write_bytes(b"no picture")
    broken = sdl(f"train dataset=image_folder dataset.path=photos {BASELINE}")
    assert broken.code == 2 and "bad?1m.png" in broken.err
    run = next((tmp_path / "runs").glob("*/*"))
    (tmp_path / "photos" / "a\x1b[2Jb" / "bad\x9b1m.png").unlink()
    told = [found, broken, sdl(f"evaluate {run}"), sdl(f"predict {run} photos"), sdl("runs")]
    for outcome in told:
        text = outcome.out + outcome.err
        assert all(c.isprintable() or c in "\n " for c in text), repr(text)
