"""Files of one text per line, with or without a label: which layout they have, their labels, and their lines."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sdl_cli.data.files.marks import PLAIN
from sdl_cli.data.files.records import Lines
from sdl_cli.data.files.text_file import check_memory
from sdl_cli.errors import DataError
from sdl_cli.phrases import shortened

Layout = Literal["blank", "tab", "fasttext"]

_FASTTEXT = "__label__"
_LOOKED_AT = 100  # lines by which a table is told from labelled lines
_LEAST_LABELLED = 5  # lines whose first words must all be known labels before these are left out


@dataclass(frozen=True)
class LabelledLines:
    """What a file of labelled lines holds: per text its label (None where there is none) and its line, from 1.

    Beside a tab, `label_first` says on which side the labels are, and `header` is the first line where it names the two.
    """

    layout: Layout
    label_first: bool
    header: str | None
    texts: list[str]
    labels: list[str | None]
    lines: list[int]


def read_labelled(path: Path, encoding: str, like: Mapping[str, Any] | None = None) -> LabelledLines | None:
    """The labels and texts of a file, or None where its lines do not look like a label and a text each.

    Three layouts are known: `__label__x text` (fastText), `label<tab>text` (or the text first, or with a header), and
    `label text` where labels recur or are numbers.

    Arguments:
        like: the `layout`, `label_first` and `header_line` of a file that this one must be like.
    Raises DataError: a file of blank lines, or fastText's layout with a line that has several labels.
    """
    check_memory(path)
    numbered = list(iter_lines(path, encoding))
    if not numbered:
        raise DataError(f"{path}: the file holds blank lines only.", "It needs one label and one text per line, or a table.")
    lines, content = [number for number, _ in numbered], [line for _, line in numbered]
    if all(line.lstrip().startswith(_FASTTEXT) for line in content):
        pairs = [_fasttext(path, number, line.strip()) for number, line in numbered]
        return _labelled("fasttext", [label for label, _ in pairs], [text for _, text in pairs], lines)
    if all(line.count("\t") == 1 for line in content):
        return _beside_tab(content, lines, like)
    if like is None and _is_table(content[:_LOOKED_AT]):
        return None
    halves = [line.split(None, 1) for line in content]
    labels = [half[0] for half in halves]
    if like is None and not _recur_or_numbers(labels):
        return None
    return _labelled("blank", labels, ["".join(half[1:]).strip() for half in halves], lines)


def iter_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """The number (from 1) and content of each line that is not blank."""
    lines = Lines(path, encoding)
    for line in lines:
        lines.pending.clear()
        if line.strip():
            yield lines.number, line.strip("\r\n")


def find_separator(source: object, labels: Sequence[str | None], lines: Sequence[int], asked: str | None) -> str:
    """What ends the class within each label, empty where labels are whole.

    Arguments:
        asked: the separator that the user gave; empty for whole labels; None takes `:` where every label has one behind its
            first character.
    Raises DataError: a label without the separator that was asked for; its line is named.
    """
    known = [(label, line) for label, line in zip(labels, lines, strict=True) if label is not None]
    if asked == "":
        return ""
    if asked is None:
        return ":" if known and all(label.find(":") > 0 for label, _ in known) else ""
    without = [(label, line) for label, line in known if label.find(asked) < 0 or not cut_label(label, asked)]
    if without:
        label, line = without[0]
        more = f", and neither have {len(without) - 1:,} more labels" if len(without) > 1 else ""
        message = (
            f"{source}, line {line}: the label {shortened(label, 30)!r} has no class before a {shortened(asked, 20)!r}{more}."
        )
        raise DataError(message, "Correct dataset.label_separator, or leave it out.")
    return asked


def cut_label(label: str, separator: str) -> str:
    """The class in a label: what stands before the separator."""
    return label.partition(separator)[0] if separator else label


def without_labels(path: Path, encoding: str, inputs: Mapping[str, Any]) -> Callable[[str], str] | None:
    """What removes the labels from the lines of a file to predict, or None where there are none to take off.

    A first word is only taken for a label where every line of the file, of five at least, begins with one that is known.
    """
    layout, known, separator = inputs["layout"], frozenset(inputs.get("labels", ())), inputs.get("separator", "")

    def starts_with_label(line: str) -> bool:
        return cut_label(line.split(None, 1)[0], separator) in known

    def beside_tab(line: str) -> str:
        cells = [_unquoted(cell.strip()) for cell in line.split("\t")]
        if len(cells) != 2:
            return line
        label, text = cells if inputs["label_first"] else reversed(cells)
        return text if cut_label(label, separator) in known else line

    if layout == "fasttext":
        return lambda line: line.strip().partition(" ")[2] if line.lstrip().startswith(_FASTTEXT) else line
    if layout == "tab":
        return beside_tab
    if layout != "blank" or not known:
        return None
    num_labelled = 0
    for _, line in iter_lines(path, encoding):
        if not starts_with_label(line):
            return None
        num_labelled += 1
    return (lambda line: "".join(line.split(None, 1)[1:])) if num_labelled >= _LEAST_LABELLED else None


def _fasttext(path: Path, number: int, line: str) -> tuple[str, str]:
    label, _, text = line.partition(" ")
    text = text.strip()
    if text.startswith(_FASTTEXT):
        second = text.split(None, 1)[0]
        message = f"{path}, line {number}: the text has two labels, {shortened(label, 30)} and {shortened(second, 30)}."
        raise DataError(message, "Keep one label per text.")
    return label.removeprefix(_FASTTEXT), text


def _labelled(
    layout: Layout,
    labels: Sequence[str],
    texts: Sequence[str],
    lines: Sequence[int],
    label_first: bool = True,
    header: str | None = None,
) -> LabelledLines:
    start = int(header is not None)
    known = [label or None for label in labels[start:]]
    return LabelledLines(layout, label_first, header, list(texts[start:]), known, list(lines[start:]))


def _beside_tab(content: Sequence[str], lines: Sequence[int], like: Mapping[str, Any] | None) -> LabelledLines:
    """Labels and texts beside a tab; the side with fewer different cells holds the labels."""
    pairs = [line.split("\t") for line in content]
    first, second = ([_unquoted(pair[i].strip()) for pair in pairs] for i in (0, 1))
    label_first = len(set(first)) <= len(set(second)) if like is None else bool(like["label_first"])
    labels, texts = (first, second) if label_first else (second, first)
    rest = [label for label in labels[1:] if label]
    one_word = len(labels[0].split()) == 1 and len(texts[0].split()) == 1
    recurring = len(set(rest)) <= len(rest) // 2 and labels[0] not in rest
    numbers_below = len(rest) > 1 and all(map(PLAIN.is_number, rest)) and not PLAIN.is_number(labels[0])
    found_header = one_word and (recurring or numbers_below)
    has_header = found_header if like is None else content[0] == like["header_line"]
    return _labelled("tab", labels, texts, lines, label_first, content[0] if has_header else None)


def _unquoted(cell: str) -> str:
    if len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in cell[1:-1].replace('""', ""):
        return cell[1:-1].replace('""', '"')
    return cell


def _is_table(lines: Sequence[str]) -> bool:
    """Whether some delimiter cuts all lines into the same number of cells, two at least."""
    for delimiter in ",;|\t":
        if all(delimiter in line for line in lines):
            try:
                widths = {len(record) for record in csv.reader(lines, delimiter=delimiter)}
            except csv.Error:
                continue
            if len(widths) == 1 and widths.pop() > 1:
                return True
    return False


def _recur_or_numbers(words: Sequence[str]) -> bool:
    different = {cut_label(word, ":") for word in words}
    return 2 <= len(different) <= max(2, len(words) // 2) or all(map(PLAIN.is_number, words))
