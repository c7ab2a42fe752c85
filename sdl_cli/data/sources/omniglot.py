"""Omniglot (Lake, Salakhutdinov and Tenenbaum 2015): the 20 one-shot runs as published, and the background alphabets."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset, digest
from sdl_cli.data.images.decode import SUFFIXES, decode_batches, decode_file
from sdl_cli.data.images.file_tree import FileTree, open_tree
from sdl_cli.data.source import Reading
from sdl_cli.errors import DataError
from sdl_cli.phrases import counted, listed
from sdl_cli.settings.experiment import DataSettings

SIDE_PX = 105
_ARCHIVES = ("all_runs.zip", "one-shot-classification/all_runs.zip")
_LABELS = "class_labels.txt"
_RUN = re.compile(r"(?:(?P<above>.*)/)?(?P<run>run\d\d)/")
_LINE = re.compile(r"(run\d\d/test/\S+)\s+(run\d\d/training/\S+)")
_HINT = "Give the folder that holds run01 to run20, or all_runs.zip as published with Omniglot."
_BACKGROUND_HINT = "Give a folder of alphabet/character/drawing.png, or images_background*.zip as published with Omniglot."


@dataclass(frozen=True, kw_only=True)
class OmniglotRuns(DataSettings):
    """The one-shot runs of Omniglot: in each, new drawings are to be named by one drawing of each of 20 characters.

    Arguments:
        path: the folder that holds run01, run02 and so on, or all_runs.zip.
    """

    name: str = "omniglot_runs"
    path: str


def load(settings: OmniglotRuns) -> Dataset:
    """Read the runs: `X uint8 (N, 1, 105, 105)`, one class for each drawing of `training/`, the drawings of `test/` as test part.

    A class belongs to its run, so that a test drawing is only answered with the classes of its own run (`class_sets`).

    Raises DataError: no run01, a run without class_labels.txt, lines of it that name no drawing, or unreadable drawings.
    """
    path = Path(settings.path).expanduser()
    if path.is_dir() and not any(path.glob("**/run01")):
        path = next((path / name for name in _ARCHIVES if (path / name).is_file()), path)
    with open_tree(path) as tree:
        rows = list(_rows(tree))
        images = _decoded(tree, [name for name, _, _ in rows])
    classes = tuple(of for _, of, part in rows if part == "train")
    runs = sorted({name.partition("/")[0] for name in classes})
    numbers = {name: number for number, name in enumerate(classes)}
    sizes = sorted({sum(name.startswith(f"{run}/") for name in classes) for run in runs})
    characters = " to ".join(str(size) for size in dict.fromkeys((sizes[0], sizes[-1])))
    note = f"{counted(len(runs), 'run')} of {characters} characters: a test drawing is only answered with those of its own run."
    return Reading(
        where=str(path),
        name="omniglot_runs",
        task="classification",
        modality="image",
        X=images,
        y=np.array([numbers[of] for _, of, _ in rows], dtype=np.int64),
        classes=classes,
        class_sets=np.array([runs.index(name.partition("/")[0]) for name in classes], dtype=np.int64),
        part=np.array([part for _, _, part in rows]),
        ids=[_short(name) for name, _, _ in rows],
        notes=(note,),
    ).finish()


def _rows(tree: FileTree) -> Iterator[tuple[str, str, str]]:
    """Name of the file, class and part of each drawing, the training drawings of a run before its test drawings."""
    above = sorted({(found["above"] or "", found["run"]) for name in tree.names if (found := _RUN.match(name))})
    places = {run: f"{folder}/{run}" if folder else run for folder, run in above}
    if "run01" not in places:
        raise DataError(f"dataset.path: {tree.where} holds no run01.", _HINT)
    known = set(tree.names)
    for run, place in sorted(places.items()):
        if f"{place}/{_LABELS}" not in known:
            message = f"dataset.path: {tree.where}: {place}/{_LABELS} is missing, which says what each test drawing shows."
            raise DataError(message, _HINT)
        pairs = list(_pairs(tree, place, run))
        support = [name for name in tree.names if name.startswith(f"{place}/training/") and _is_image(name)]
        files = {f"{place.removesuffix(run)}{name}": name for pair in pairs for name in pair}
        absent = [name for file, name in files.items() if file not in known]
        if absent or len(support) < 2:
            what = (
                f"{listed(absent, 3)} of {place}/{_LABELS} cannot be found"
                if absent
                else f"{place}/training has too few drawings"
            )
            raise DataError(f"dataset.path: {tree.where}: {what}.", _HINT)
        yield from ((name, _class_of(_short(name)), "train") for name in support)
        for query, shown in pairs:
            yield f"{place.removesuffix(run)}{query}", _class_of(shown), "test"


def _pairs(tree: FileTree, place: str, run: str) -> Iterator[tuple[str, str]]:
    """A test drawing and the training drawing of the same character, for each line of a run's labels."""
    lines = tree.read(f"{place}/{_LABELS}").decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None or not all(name.startswith(f"{run}/") for name in found.groups()):
            message = f"dataset.path: {tree.where}: line {number} of {place}/{_LABELS} is not two drawings of {run}."
            raise DataError(message, f"A line reads: {run}/test/item01.png {run}/training/class08.png")
        yield found[1], found[2]


def _short(name: str) -> str:
    """A drawing's name from its run on."""
    found = _RUN.match(name)
    return name[found.start("run") :] if found else name


def _class_of(name: str) -> str:
    """`run01/class08` of `run01/training/class08.png`."""
    path = PurePosixPath(name)
    return f"{path.parts[0]}/{path.stem}"


def _is_image(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def _decoded(tree: FileTree, names: Sequence[str]) -> Array:
    """Drawings `uint8 (N, 1, 105, 105)`. Raises DataError for those that cannot be read."""

    def decode(_row: int, content: bytes) -> Array:
        return decode_file(io.BytesIO(content), SIDE_PX, "grey")

    parts, failures = [], []
    for batch in decode_batches((tree.read(name) for name in names), decode, (1, SIDE_PX, SIDE_PX)):
        parts.append(batch.images)
        failures += batch.failures
    if failures:
        first = listed([f"{_short(names[row])} ({why})" for row, why in failures], 5, last=", ")
        raise DataError(f"{tree.where}: {len(failures)} of {len(names)} drawings cannot be read: {first}.", "Restore them.")
    return np.concatenate(parts).astype(np.uint8)


@dataclass(frozen=True)
class Background:
    """Drawings of characters to learn from before a task begins.

    Arguments:
        images: `uint8 (N, 1, 105, 105)`. characters: `(N,)` index of each drawing's character, from 0.
        alphabets: names, sorted. alphabet_of: `(C,)` index of each character's alphabet.
        where: the folder or archive.
    """

    images: Array
    characters: Array
    alphabets: tuple[str, ...]
    alphabet_of: Array
    where: Path

    @property
    def num_characters(self) -> int:
        return len(self.alphabet_of)

    def sentence(self) -> str:
        """Which drawings these are, for a result."""
        what = f"{len(self.images):,} background drawings of {self.num_characters} characters"
        return f"{what} ({counted(len(self.alphabets), 'alphabet')}: {', '.join(self.alphabets)}) in {self.where}"

    def refuse_drawings_of(self, images: Array) -> None:
        """Raise DataError if an alphabet holds one of these `(M, 1, 105, 105)`: it would know what is to be told apart."""
        asked = {digest(image) for image in images.astype(np.uint8)}
        same = [row for row, image in enumerate(self.images) if digest(image) in asked]
        if same:
            names = sorted({self.alphabets[self.alphabet_of[self.characters[row]]] for row in same})
            message = f"model.background: {self.where} holds drawings that are to be told apart ({listed(names, 3)})."
            raise DataError(message, "Give alphabets that the task has none of: images_background, not images_evaluation.")


def read_background(path: Path) -> Background:
    """Read the drawings of background alphabets, each character of each alphabet once.

    Arguments:
        path: a folder of alphabet/character/drawing (these may lie deeper), a zip archive of it, or a folder that holds
            images_background*.zip.
    Raises DataError: nothing of that kind there, unreadable drawings, or fewer than two characters.
    """
    archives = sorted(path.glob("images_background*.zip")) if path.is_dir() else []
    found: dict[tuple[str, str], list[Array]] = {}
    seen: set[tuple[str, ...]] = set()
    for source in archives or [path]:
        with open_tree(source) as tree:
            places = [(name, parts) for name in tree.names if _is_image(name) and len(parts := name.split("/")[-3:]) == 3]
            new = [(name, parts) for name, parts in places if tuple(parts) not in seen]
            seen |= {tuple(parts) for _, parts in new}
            if new:
                for (_, parts), image in zip(new, _decoded(tree, [name for name, _ in new]), strict=True):
                    found.setdefault((parts[0], parts[1]), []).append(image)
    if len(found) < 2:
        message = f"model.background: {path} holds {counted(len(found), 'character')}, and at least two are needed."
        raise DataError(message, _BACKGROUND_HINT)
    keys = sorted(found)
    alphabets = tuple(sorted({alphabet for alphabet, _ in keys}))
    return Background(
        np.stack([image for key in keys for image in found[key]]),
        np.repeat(np.arange(len(keys)), [len(found[key]) for key in keys]),
        alphabets,
        np.array([alphabets.index(alphabet) for alphabet, _ in keys]),
        path,
    )
