"""Predictions as CSV, written a chunk at a time, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np

from sdl_cli.measure.decisions import decide

Array = np.ndarray[Any, Any]

CODE = "_code"  # behind the name of a column: the code of its class
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(
    file: IO[bytes],
    chunks: Iterable[tuple[Array, Array]],
    classes: Sequence[str],
    truth: Array | None = None,
    decision: Array | None = None,
    codes: Sequence[str] | None = None,
) -> int:
    """Write id, truth (where known), prediction, and for classes `probability_<class>`; return the number of rows.

    Where classes are words for codes, `truth_code` and `prediction_code` stand behind the prediction.

    Arguments:
        chunks: ids `(n,)` and outputs, `(n, K)` probabilities or `(n,)` numbers.
        truth: `(N,)` class indices or numbers of all rows (of a single chunk), or None.
        decision: `(K,)` as `decisions.decision_weights` gives it, or None. codes: of the classes in the file, or None.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\n")
    names = np.array([safe_cell(name) for name in classes], dtype=object)
    header = ["id", *(["truth"] if truth is not None else []), "prediction"]
    numbers = None if codes is None else np.array([safe_cell(code) for code in codes], dtype=object)
    header += [f"{name}{CODE}" for name in header[1:]] if numbers is not None else []
    writer.writerow([*header, *(safe_cell(f"probability_{name}") for name in classes)])
    count = 0
    for ids, outputs in chunks:
        columns = [[safe_cell(i) for i in ids.tolist()]]
        answers = [*([] if truth is None else [truth]), decide(outputs, decision) if classes else outputs]
        columns += [(names[each] if classes else each).tolist() for each in answers]
        columns += [] if numbers is None else [numbers[each].tolist() for each in answers]
        columns += [outputs[:, k].tolist() for k in range(len(classes))]
        writer.writerows(zip(*columns, strict=True))
        count += len(ids)
    text.flush()
    text.detach()
    return count


def safe_cell(cell: object) -> str:
    """A cell that no spreadsheet reads as a formula: text that starts with = + - @ gets a leading apostrophe (OWASP)."""
    text = str(cell)
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
