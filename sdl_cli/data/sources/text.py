"""Texts with a class or a number each: a column of a CSV file, or one label and one text per line; and new texts to predict."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.dataset import Dataset, digest_parts
from sdl_cli.data.files.columns import to_numbers
from sdl_cli.data.files.delimited import read
from sdl_cli.data.files.marks import PLAIN, Marks
from sdl_cli.data.files.missing import missing_words, without
from sdl_cli.data.files.roles import TestFile, find_column, listed, which_target, without_doubt_of_header
from sdl_cli.data.files.sniffing import Format, Known, sniff, sniff_like
from sdl_cli.data.files.target_rows import drop_missing_targets, read_target
from sdl_cli.data.files.text_file import existing_file, find_encoding
from sdl_cli.data.files.text_lines import LabelledLines, cut_label, find_separator, read_labelled
from sdl_cli.data.files.two_files import respelled
from sdl_cli.data.source import Reading, row_names
from sdl_cli.data.sources.new_texts import TEXT_NAMES, is_table
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

_TARGET_NAMES = ("label", "class", "target", "category", "sentiment", "topic", "y", "score", "rating")
_MOST_LABELS = 1000  # that are kept with a run


@dataclass(frozen=True, kw_only=True)
class Text(TestFile):
    """Texts and their labels: a CSV file, or lines of a label and a text.

    Lines are `label text` (the label ends at the first blank), `label<tab>text` or `__label__x text` as fastText has it; which of
    these a file is, is found out. A column is given by its name, or by its position from 0 (or -1 for the last).

    Arguments:
        text: the column of the texts; None takes one called text, sentence, ..., or the one with the longest cells.
        target: the column to predict; None takes the only other one, or one called label, class, target, ....
        label_separator: the class is what stands before this in a label (`:` makes DESC of DESC:manner); None does so for `:`
            where every line's label has one; an empty text keeps labels whole.

    The other arguments are those of `TestFile`; without `id` the lines of the file name the rows.
    """

    name: str = "text"
    text: str | None = None
    label_separator: str | None = None


@dataclass(frozen=True)
class _Rows:
    """What one file holds: per row the text, the target's and the group's cell (str or None), and the line it starts on."""

    texts: Array
    targets: Array
    groups: Array | None
    lines: Array
    ids: Array
    target_name: str
    marks: Marks
    source: dict[str, Any]
    notes: tuple[str, ...]

    def take(self, kept: Array, notes: Sequence[str]) -> _Rows:
        """Some of the rows, and more notes."""
        of_rows: dict[str, Any] = {key: getattr(self, key) for key in ("texts", "targets", "groups", "lines", "ids")}
        taken = {key: own[kept] for key, own in of_rows.items() if own is not None}
        return dataclasses.replace(self, **taken, notes=(*self.notes, *notes))


def load(settings: Text) -> Dataset:
    """Read texts and their targets: X is an object array `(N,)` of str.

    Raises DataError: files, columns, labels or targets that cannot be used; the message names the file and the line.
    """
    train = _with_targets(settings.path, settings, "dataset.path")
    files = [train]
    if settings.test_path is not None:
        files.append(_with_targets(settings.test_path, settings, "dataset.test_path", train.source))
    source = Path(settings.path).name
    notes = [note for file in files for note in file.notes]
    part = np.repeat(["train", "test"][: len(files)], [len(file.lines) for file in files])
    texts, names = np.concatenate([file.texts for file in files]), np.concatenate([file.ids for file in files])
    targets = np.concatenate([file.targets for file in files])
    groups = None if train.groups is None else np.concatenate([g for file in files if (g := file.groups) is not None])

    name, lines = train.target_name, np.concatenate([file.lines for file in files])
    kept, y, classes, task = read_target(source, name, targets, lines, settings, train.marks, notes, counted=part == "train")
    texts, names, part = texts[kept], names[kept], part[kept]
    empty = int((texts == "").sum())
    if empty:
        notes.append(f"{empty:,} of {len(texts):,} texts are empty.")
    if len(files) > 1:
        if not (part == "test").any():
            raise DataError("dataset.test_path: no row is of a class with enough training rows.", "Lower dataset.min_class_rows.")
        notes += _unknown_classes(y, classes, part)
    return Reading(
        where=source,
        name=source.removesuffix(".gz").rpartition(".")[0] or source,
        task=task,
        modality="text",
        X=texts,
        y=y,
        classes=classes,
        groups=None if groups is None else groups[kept],
        group_name=str(settings.group),
        part=part if len(files) > 1 else None,
        ids=row_names(names, part if len(files) > 1 and settings.id is None else None),
        x_digest=digest_parts(text.encode("utf-8", "surrogatepass") for text in texts),
        notes=notes,
        source=train.source,
    ).finish()


def _with_targets(path: str, settings: Text, key: str, like: Mapping[str, Any] | None = None) -> _Rows:
    """The rows of one file that have a target."""
    rows = _read(existing_file(path, key), settings, key, like)
    notes: list[str] = []
    name, written = Path(path).name, rows.targets
    words = missing_words(settings.missing_values if rows.source["layout"] == "table" else ())  # a label of a line is a word
    groups = None if rows.groups is None else without(rows.groups, words)
    rows = dataclasses.replace(rows, targets=without(written, words), groups=groups)
    kept = drop_missing_targets(name, rows.target_name, rows.targets, rows.lines, settings.missing_target, notes, written)
    return rows.take(kept, notes)


def _read(path: Path, settings: Text, key: str, like: Mapping[str, Any] | None = None) -> _Rows:
    """The rows of one file; `like` says how the first file was read, which the second must be like."""
    columns = (settings.text, settings.target, settings.group, settings.id, settings.delimiter, settings.header)
    name = path.name.lower().removesuffix(".gz")
    if like is not None:
        tries_lines = like["layout"] != "table" and not name.endswith(".csv")
    else:
        tries_lines = all(asked is None for asked in columns) and (name.endswith(".tsv") or not is_table(path))
    if tries_lines:
        encoding, notes = find_encoding(path, settings.encoding, "dataset.encoding")
        found = read_labelled(path, encoding, like)
        if found is not None and (like is None or found.layout == like["layout"]):
            return _labelled_rows(path, settings, found, notes, like)
    if like is not None and like["layout"] != "table":
        raise DataError(f"{key}: {path} is not written like {settings.path}.", "Both must be of one kind.")
    return _table_rows(path, settings, key, like)


def _labelled_rows(
    path: Path, settings: Text, found: LabelledLines, notes: Sequence[str], like: Mapping[str, Any] | None
) -> _Rows:
    asked = settings.label_separator if like is None else str(like["separator"])
    separator = find_separator(path, found.labels, found.lines, asked)
    labels = [None if label is None else cut_label(label, separator) for label in found.labels]
    whole, classes = {label for label in found.labels if label}, sorted({label for label in labels if label})
    more = []
    if found.layout == "blank" and like is None:
        shown = listed(classes, 6)
        more.append(f"{path.name}: read as one label and one text per line; a label ends at the first blank ({shown}).")
    if asked is None and len(classes) < len(whole):
        example = shortened(min(whole), 30)
        more.append(
            f"Labels such as {example} were cut at the colon: {len(classes)} classes instead of {len(whole)} "
            "(otherwise: dataset.label_separator='')."
        )
    source = {
        "kind": "text",
        "layout": found.layout,
        "asked": {"delimiter": None, "header": None, "encoding": settings.encoding},
        "text": None,
        "label_first": found.label_first,
        "header_line": found.header,
        "labels": classes if len(classes) <= _MOST_LABELS else [],
        "separator": separator,
    }
    texts, targets = np.array(found.texts, dtype=object), np.array(labels, dtype=object)
    lines = np.array(found.lines)
    return _Rows(texts, targets, None, lines, lines.astype(str), "label", PLAIN, source, (*notes, *more))


def _table_rows(path: Path, settings: Text, key: str, like: Mapping[str, Any] | None) -> _Rows:
    asked = settings.asked(settings.text, settings.target, settings.group, settings.id)
    if like is None:
        form = sniff(path, asked, key)
    else:
        form = sniff_like(path, asked, key, Known.of(like), [str(like["text"]), str(like["target"])])
    columns, lines = read(path, form)
    if not len(lines):
        raise DataError(f"{path}: there is a header but no row below it.", "Give a file with rows.")
    if len(form.names) < 2:
        raise DataError(
            f"{key}: {path} is neither a table of a text and a target nor one label and one text per line.",
            "Write a CSV file with a header such as text,label, or lines such as: spam<tab>Hello.",
        )
    group = None if settings.group is None else find_column(path, form.names, settings.group, "dataset.group")
    text = _text_column(path, settings, form, columns, like)
    id_place = None if settings.id is None else find_column(path, form.names, settings.id, "dataset.id")
    target = _target_column(path, settings, form, {text, group, id_place}, like)
    roles = [text, target] if group is None else [text, target, group]
    if len(set(roles)) < len(roles):
        hint = "Give dataset.text, dataset.target and dataset.group different columns."
        raise DataError(f"{path}: one column has two roles.", hint)
    labels: Sequence[str | None] = columns[target].tolist()
    if like is not None and form.marks != Known.of(like).marks:
        labels = respelled(columns[target], form.marks, Known.of(like).marks).tolist()
    if settings.label_separator:
        separator = find_separator(path, labels, lines.tolist(), settings.label_separator)
        labels = [None if label is None else cut_label(label, separator) for label in labels]
    words = missing_words(settings.missing_values)
    source = {
        "kind": "text",
        "layout": "table",
        "missing": sorted(words),
        "asked": {**settings.written(), "header": form.header},
        "decimal": form.marks.decimal,
        "thousands": form.marks.thousands,
        "header_lines": form.header_lines,
        "text": form.names[text],
        "target": form.names[target],
        "id": None if id_place is None else form.names[id_place],
    }
    texts = objects(["" if cell is None or cell in words else cell for cell in columns[text]])
    notes = without_doubt_of_header(form.notes, form.names, [settings.text, settings.target])
    if settings.text is None and like is None:
        notes.append(f"The texts are in the column {shortened(form.names[text])}, the target is {shortened(form.names[target])}.")
    groups = None if group is None else columns[group]
    name = form.names[target]
    ids = lines.astype(str) if id_place is None else objects([cell or "" for cell in columns[id_place]])
    return _Rows(texts, np.array(labels, dtype=object), groups, lines, ids, name, form.marks, source, tuple(notes))


def _text_column(path: Path, settings: Text, form: Format, columns: Sequence[Array], like: Mapping[str, Any] | None) -> int:
    asked = settings.text if like is None else str(like["text"])
    if asked is not None:
        return find_column(path, form.names, asked, "dataset.text")
    roles = ((role, getattr(settings, role)) for role in ("target", "group", "id"))
    taken = {find_column(path, form.names, name, f"dataset.{role}") for role, name in roles if name is not None}
    free = [i for i in range(len(form.names)) if i not in taken]
    lengths = {i: np.mean([len(cell) for cell in columns[i] if cell is not None] or [0]) for i in free}
    named = [i for word in TEXT_NAMES for i in free if form.names[i].lower() == word]
    best = named[0] if named else max(free, key=lambda i: lengths[i], default=-1)
    if best < 0 or np.isfinite(to_numbers(columns[best], form.marks)).mean() > 0.5:
        raise DataError(
            f"dataset.text: which column of {path} holds the texts? There are: {listed(form.names)}.",
            "Add dataset.text=..., or dataset=table for columns of numbers and categories.",
        )
    return best


def _target_column(path: Path, settings: Text, form: Format, taken: set[int | None], like: Mapping[str, Any] | None) -> int:
    asked = settings.target if like is None else str(like["target"])
    if asked is not None:
        return find_column(path, form.names, asked, "dataset.target")
    free = [i for i in range(len(form.names)) if i not in taken]
    if len(free) == 1:
        return free[0]
    named = [i for word in _TARGET_NAMES for i in free if form.names[i].lower() == word]
    if not named:
        raise which_target(path, [form.names[i] for i in free])
    return named[0]


def _unknown_classes(y: Array, classes: Sequence[str], part: Array) -> list[str]:
    new = np.setdiff1d(y[part == "test"], y[part == "train"])
    if not len(new) or not classes:
        return []
    num, names = int(np.isin(y[part == "test"], new).sum()), listed([classes[i] for i in new], 5)
    return [f"{num:,} test rows are of classes without a training row ({names}): they count as wrong."]
