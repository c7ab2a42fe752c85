"""The one-shot runs and background alphabets of Omniglot, as published and as damaged by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdl_cli.data.sources.omniglot import SIDE_PX, OmniglotRuns, load, read_background
from sdl_cli.errors import DataError


def draw(file: Path, seed: int, dot: bool = False) -> None:
    """Two black lines on white, which the seed says, and perhaps a dot."""
    ink = np.full((SIDE_PX, SIDE_PX), 255, np.uint8)
    ink[10 + seed % 80, 20:80] = 0
    ink[20:90, 15 + 7 * seed % 80] = 0
    if dot:
        ink[95:100, 95:100] = 0
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ink).convert("1").save(file)


def make_runs(folder: Path, num_runs: int = 2, num_classes: int = 3) -> Path:
    """Runs as published, but smaller: the test drawings show the training ones in the opposite order."""
    for r in range(1, num_runs + 1):
        run, lines = f"run{r:02d}", []
        for k in range(1, num_classes + 1):
            draw(folder / run / "training" / f"class{k:02d}.png", 10 * r + k)
            draw(folder / run / "test" / f"item{k:02d}.png", 10 * r + num_classes + 1 - k)
            lines.append(f"{run}/test/item{k:02d}.png {run}/training/class{num_classes + 1 - k:02d}.png")
        (folder / run / "class_labels.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_a_class_belongs_to_its_run(tmp_path: Path) -> None:
    found = load(OmniglotRuns(path=str(make_runs(tmp_path))))
    assert found.X.shape == (12, 1, SIDE_PX, SIDE_PX) and found.X.dtype == np.uint8
    assert found.classes[:4] == ("run01/class01", "run01/class02", "run01/class03", "run02/class01")
    assert list(found.class_sets) == [0, 0, 0, 1, 1, 1]
    assert list(found.y) == [0, 1, 2, 2, 1, 0, 3, 4, 5, 5, 4, 3]
    assert list(found.part) == 2 * (["train"] * 3 + ["test"] * 3)
    assert found.ids[3] == "run01/test/item01.png"
    assert found.allowed(np.array([3, 11])).tolist() == [[True] * 3 + [False] * 3, [False] * 3 + [True] * 3]


def test_an_archive_and_a_folder_around_it_are_read_alike(tmp_path: Path) -> None:
    runs = make_runs(tmp_path / "runs")
    archive = shutil.make_archive(str(tmp_path / "all_runs"), "zip", runs)
    prints = {load(OmniglotRuns(path=str(path))).fingerprint for path in (runs, archive, tmp_path / "runs" / "..")}
    assert len(prints) == 1


def test_the_published_runs(shared_data: Path) -> None:
    found = load(OmniglotRuns(path=str(shared_data / "omniglot")))
    assert found.X.shape == (800, 1, 105, 105) and len(found.classes) == 400
    assert set(np.unique(found.X)) == {0, 255}
    assert found.classes[found.y[list(found.ids).index("run01/test/item01.png")]] == "run01/class08"


def no_first_run(runs: Path) -> None:
    shutil.rmtree(runs / "run01")


def no_labels(runs: Path) -> None:
    (runs / "run02/class_labels.txt").unlink()


def strange_line(runs: Path) -> None:
    (runs / "run01/class_labels.txt").write_text("run01/test/item01.png run02/training/class01.png\n")


def missing_drawing(runs: Path) -> None:
    (runs / "run01/test/item02.png").unlink()


def damaged_drawing(runs: Path) -> None:
    (runs / "run02/test/item02.png").write_bytes(b"no picture")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (no_first_run, ["holds no run01", "run01 to run20"]),
        (no_labels, ["run02/class_labels.txt is missing"]),
        (strange_line, ["line 1", "is not two drawings of run01", "class08.png"]),
        (missing_drawing, ["run01/test/item02.png", "cannot be found"]),
        (damaged_drawing, ["1 of 12 drawings cannot be read", "run02/test/item02.png (not an image"]),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Path], None], words: list[str]) -> None:
    damage(make_runs(tmp_path))
    with pytest.raises(DataError) as caught:
        load(OmniglotRuns(path=str(tmp_path)))
    assert all(word in f"{caught.value.message} {caught.value.hint}" for word in words), caught.value


def make_background(folder: Path, num_characters: int = 2, num_drawings: int = 3) -> Path:
    """Two alphabets of made-up characters."""
    for a, alphabet in enumerate(("Elvish", "Runes")):
        for c in range(num_characters):
            for d in range(num_drawings):
                draw(folder / alphabet / f"character{c + 1:02d}" / f"{a}{c}_{d:02d}.png", 60 + 9 * a + 4 * c + 17 * d, dot=True)
    return folder


def test_a_background_is_read_from_a_folder_or_archives_each_character_once(tmp_path: Path) -> None:
    folder = make_background(tmp_path / "background")
    found = read_background(folder)
    assert found.alphabets == ("Elvish", "Runes") and found.num_characters == 4
    assert list(found.characters) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3] and list(found.alphabet_of) == [0, 0, 1, 1]
    assert found.sentence().startswith("12 background drawings of 4 characters (2 alphabets: Elvish, Runes)")
    for number in (1, 2):  # as published, with an alphabet in both
        shutil.make_archive(str(tmp_path / f"images_background_small{number}"), "zip", folder)
    again = read_background(tmp_path)
    assert np.array_equal(again.images, found.images) and np.array_equal(again.characters, found.characters)


def test_a_background_with_a_drawing_of_the_task_is_refused(tmp_path: Path) -> None:
    found = read_background(make_background(tmp_path))
    found.refuse_drawings_of(255 - found.images)
    with pytest.raises(DataError, match=r"to be told apart \(Runes\)"):
        found.refuse_drawings_of(found.images[-1:])


def test_a_background_without_characters_says_what_one_looks_like(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 characters") as caught:
        read_background(tmp_path)
    assert "alphabet/character/drawing.png" in caught.value.hint


def test_the_published_background(shared_data: Path) -> None:
    found = read_background(shared_data / "omniglot" / "images_background_small1.zip")
    assert (len(found.images), found.num_characters, len(found.alphabets)) == (2720, 136, 5)
    found.refuse_drawings_of(load(OmniglotRuns(path=str(shared_data / "omniglot"))).X)
