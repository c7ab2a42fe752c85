"""Data sets of Hugging Face's `datasets`, tables or images, from the Hub or from a folder here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array
from sdl_cli.data.dataset import Dataset
from sdl_cli.data.files.marks import PLAIN
from sdl_cli.data.files.missing import missing_words, without
from sdl_cli.data.files.roles import find_column, listed, which_target
from sdl_cli.data.files.table_cells import Cells, from_frame
from sdl_cli.data.files.target_rows import read_target
from sdl_cli.data.images.decode import Channels
from sdl_cli.data.images.settings import DepthSettings
from sdl_cli.data.source import Reading, row_names, with_test_part
from sdl_cli.data.sources.hub import Opened, open_splits
from sdl_cli.data.sources.hub_images import decode_column
from sdl_cli.data.sources.table import TableRoles, assemble
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened
from sdl_cli.settings.parse import suggest

_PARTS = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "dev": "validation", "test": "test",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HuggingFace(TableRoles, DepthSettings):
    """A set of `datasets`: images where it has a column of images, otherwise a table.

    Arguments:
        dataset: its name on the Hub (owner/name), or a folder that `save_to_disk` wrote, or a folder or file of data.
        subset: its configuration, where it has several.
        revision: commit, branch or tag on the Hub; None takes the newest. A run's own settings hold the commit.
        split: use this split alone; None takes train, validation and test as the parts of those names.
        target: the column to predict; None takes the one of class labels, or one called label.
        image: the column of images; None takes the one there is.
        channels: rgb or grey; None takes grey where all images looked at are.

    The other arguments are those of `TableRoles`, of which images heed group, id, missing_target, min_class_rows and task, and
    of `DepthSettings`; a `size_px` of None keeps square images of up to 64 px as they are.
    """

    name: str = "huggingface"
    dataset: str
    subset: str | None = None
    revision: str | None = None
    split: str | None = None
    image: str | None = None
    channels: Channels | None = None


@dataclass(frozen=True)
class _Rows:
    """All rows of the parts that are used."""

    source: str  # the name of the set
    data: Any  # one `datasets.Dataset`
    part: Array | None
    rows: Array  # `(N,)` places in their own split

    def ids(self) -> Array:
        return np.array(row_names(self.rows, self.part), dtype=object)


def load(
    settings: HuggingFace, preferred_px: int | None = None, interpolation: str = "bilinear", like: Mapping[str, Any] | None = None
) -> Dataset:
    """Read a set of `datasets`: images `uint8 (N, C, S, S)` as a read-only memory map, or a table `float64 (N, F)`.

    Its `source` holds `settings`, the values that name this very set from anywhere.

    Raises DataError: no such set, no such column or split, cells or images that cannot be used.
    """
    notes: list[str] = []
    opened = open_splits(settings.dataset, settings.subset, settings.revision, notes)
    target = _target(opened, settings)
    rows = _gather(opened, settings, target, notes)
    image = _image_column(settings.image, rows)
    if image is None:
        found = _table(settings, rows, target, notes, like)
    else:
        found = _images(settings, rows, (target, image), notes, preferred_px, interpolation)
    own = opened.settings if image is None else {**opened.settings, "channels": "grey" if found.X.shape[1] == 1 else "rgb"}
    return dataclasses.replace(found, source={**found.source, "settings": own}).finish()


def _target(opened: Opened, settings: HuggingFace) -> str:
    features = next(iter(opened.splits.values())).features
    names: list[str] = list(features)
    if settings.target is not None:
        return names[find_column(opened.name, names, settings.target, "dataset.target")]
    labels = [name for name in names if _class_names(features[name]) is not None]
    likely = [name for name in (labels if len(labels) == 1 else names) if name in labels or name.lower() == "label"]
    if len(likely) > 1:
        likely = [name for name in likely if name.lower() == "label"]
    if len(likely) != 1:
        raise which_target(opened.name, labels or names)
    return likely[0]


def _gather(opened: Opened, settings: HuggingFace, target: str, notes: list[str]) -> _Rows:
    """The rows of the parts that are used, the test part always called test where there are two or more."""
    import datasets

    parts = _parts(opened, settings.split, notes)
    unlabelled = [name for name, split in parts.items() if name != "train" and _has_no_targets(split, target)]
    for name in unlabelled:
        del parts[name]
        notes.append(f"The rows of the {name} part have no {shortened(target)} and were left out.")
    parts = dict(zip(with_test_part(np.array(list(parts)), notes).tolist(), parts.values(), strict=True))
    names = parts["train"].column_names
    for name, split in parts.items():
        lacking = [column for column in names if column not in split.column_names]
        if lacking:
            raise DataError(f"{opened.name}: its {name} part lacks columns that train has: {listed(lacking)}.")
    try:
        data = datasets.concatenate_datasets([split.select_columns(names) for split in parts.values()])
    except Exception as error:
        message = f"{opened.name}: its parts have columns of different kinds: {shortened(str(error).partition(chr(10))[0], 120)}."
        raise DataError(message, "Use one part alone: dataset.split=train") from error
    lengths = [len(split) for split in parts.values()]
    part = np.repeat(list(parts), lengths) if len(parts) > 1 else None
    return _Rows(opened.name, data, part, np.concatenate([np.arange(length) for length in lengths]))


def _parts(opened: Opened, split: str | None, notes: list[str]) -> dict[str, Any]:
    splits = {name: data for name, data in opened.splits.items() if len(data)}
    if not splits:
        raise DataError(f"{opened.name}: this set has no rows.")
    if split is not None:
        if split not in splits:
            message = f"dataset.split={shortened(split)}: {opened.name} has no such split with rows.{suggest(split, splits)}"
            raise DataError(message, f"There are: {listed(list(splits))}.")
        return {"train": splits[split]}
    if len(splits) == 1:
        return {"train": next(iter(splits.values()))}
    own = {_PARTS[name.lower()]: name for name in reversed(splits) if name.lower() in _PARTS}
    if "train" not in own:
        message = f"{opened.name} has no split called train; there are: {listed(list(splits))}."
        raise DataError(message, f"Name the one to use: dataset.split={next(iter(splits))}")
    others = [name for name in splits if name not in own.values()]
    if others:
        kept = "Splits other than train, validation and test"
        notes.append(f"{kept} were left out: {listed(others)} (otherwise: dataset.split=...).")
    return {part: splits[own[part]] for part in ("train", "validation", "test") if part in own}


def _has_no_targets(split: Any, target: str) -> bool:
    """Whether no row has a target, as in the test parts of competitions: -1 stands for an unknown class."""
    if target not in split.column_names:
        return True
    values = split.select_columns([target]).to_pandas()[target]
    return bool(values.isna().all() or (_class_names(split.features[target]) is not None and (values.fillna(-1) < 0).all()))


def _class_names(feature: Any) -> list[str] | None:
    names = getattr(feature, "names", None)
    return [str(name) for name in names] if type(feature).__name__ == "ClassLabel" and names else None


def _image_column(asked: str | None, rows: _Rows) -> str | None:
    names: list[str] = rows.data.column_names
    if asked is not None:
        return names[find_column(rows.source, names, asked, "dataset.image")]
    found = [name for name in names if type(rows.data.features[name]).__name__ == "Image"]
    if len(found) > 1:
        raise DataError(f"{rows.source} has several columns of images: {listed(found)}.", f"Name one: dataset.image={found[0]}")
    return found[0] if found else None


def _cells(rows: _Rows, names: Sequence[str]) -> Cells:
    """Columns of numbers, text, dates and class labels, as text; a class by its name, and None where it is unknown."""
    frame = rows.data.select_columns(list(names)).to_pandas()[list(names)]
    for name in names:
        classes = _class_names(rows.data.features[name])
        if classes is not None:
            indices = frame[name].fillna(-1).astype(np.int64)
            frame[name] = np.array([*classes, None], dtype=object)[np.where(indices < 0, len(classes), indices)]
    return dataclasses.replace(from_frame(frame, rows.source), lines=rows.rows)


def _is_plain(feature: Any) -> bool:
    """A column of one number, word or date per row."""
    return type(feature).__name__ in ("Value", "ClassLabel") and "binary" not in str(getattr(feature, "dtype", ""))


def _require_plain(rows: _Rows, name: str, key: str) -> None:
    if not _is_plain(rows.data.features[name]):
        message = f"{key}: the column {shortened(name)} of {rows.source} holds {type(rows.data.features[name]).__name__}s."
        raise DataError(message, "Choose a column of words or numbers.")


def _table(settings: HuggingFace, rows: _Rows, target: str, notes: list[str], like: Mapping[str, Any] | None) -> Reading:
    _require_plain(rows, target, "dataset.target")
    features = rows.data.features
    nested = [column for column in features if not _is_plain(features[column])]
    if nested:
        notes.append(f"Columns that hold lists, groups or files were left out: {listed(nested)}.")
    cells = _cells(rows, [column for column in features if column not in nested])
    labels = tuple(column for column in features if _class_names(features[column]) is not None)

    def named(key: str) -> tuple[str, ...]:  # positions count the columns left out too
        asked = getattr(settings, key)
        asked = (asked,) if isinstance(asked, str) else asked or ()
        return tuple(list(features)[find_column(rows.source, list(features), one, f"dataset.{key}")] for one in asked)

    for key in ("features", "group", "id", "categorical", "text"):
        for column in named(key):
            _require_plain(rows, column, f"dataset.{key}")
    roles = dataclasses.replace(
        settings,
        target=target,
        features=named("features"),
        drop=tuple(column for column in named("drop") if column not in nested),
        group=next(iter(named("group")), None),
        id=next(iter(named("id")), None),
        categorical=(*named("categorical"), *labels),
        text=named("text"),
        task="classification" if settings.task == "auto" and target in labels else settings.task,
    )
    found = assemble(dataclasses.replace(cells, notes=tuple(notes)), roles, rows.source, rows.part, like)
    return dataclasses.replace(found, ids=rows.ids()) if settings.id is None and len(found.y) == len(rows.rows) else found


def _images(
    settings: HuggingFace, rows: _Rows, columns: tuple[str, str], notes: list[str], preferred_px: int | None, interpolation: str
) -> Reading:
    target, image = columns
    names = list(rows.data.features)
    of = {"target": target}
    for key in ("group", "id"):
        if (asked := getattr(settings, key)) is not None:
            of[key] = names[find_column(rows.source, names, asked, f"dataset.{key}")]
    for key, column in of.items():
        _require_plain(rows, column, f"dataset.{key}")
    found = _cells(rows, list(dict.fromkeys(of.values())))
    cells = {key: found.columns[found.names.index(column.strip())] for key, column in of.items()}
    words = missing_words(settings.missing_values)
    is_label = _class_names(rows.data.features[target]) is not None
    asked_task = dataclasses.replace(settings, task="classification") if settings.task == "auto" and is_label else settings
    written, own = cells["target"], without(cells["target"], words)
    kept, y, classes, task = read_target(rows.source, target, own, rows.rows, asked_task, PLAIN, notes, written=written)
    own_ids, size = rows.ids()[kept], (settings.size_px, preferred_px)
    how = (size, settings.channels, interpolation, settings.value_range)
    cached, scale = decode_column(rows.source, rows.data, image, kept, own_ids, *how, notes)
    return Reading(
        where=rows.source,
        name=rows.source,
        task=task,
        modality="image",
        X=cached.images,
        y=y,
        classes=classes,
        groups=without(cells["group"][kept], words) if "group" in of else None,
        group_name=shortened(of.get("group", "")),
        part=None if rows.part is None else rows.part[kept],
        ids=cells["id"][kept] if "id" in of else own_ids,
        x_digest=cached.digest,
        notes=notes,
        value_range=scale,
    )
