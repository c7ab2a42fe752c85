"""Predictions as CSV, written a chunk at a time, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np

from sdl_cli.measure.decisions import decide

Array = np.ndarray[Any, Any]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(
    file: IO[bytes],
    chunks: Iterable[tuple[Array, Array]],
    classes: Sequence[str],
    truth: Array | None = None,
    decision: Array | None = None,
) -> int:
    """Write id, truth (where known), prediction, and for classes `probability_<class>`; return the number of rows.

    Arguments:
        chunks: ids `(n,)` and outputs, `(n, K)` probabilities or `(n,)` numbers.
        truth: `(N,)` class indices or numbers of all rows (of a single chunk), or None.
        decision: `(K,)` as `decisions.decision_weights` gives it, or None.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\n")
    names = np.array([safe_cell(name) for name in classes], dtype=object)
    header = ["id", *(["truth"] if truth is not None else []), "prediction"]
    writer.writerow([*header, *(safe_cell(f"probability_{name}") for name in classes)])
    count = 0
    for ids, outputs in chunks:
        columns = [[safe_cell(i) for i in ids.tolist()]]
        if truth is not None:
            columns.append((names[truth] if classes else truth).tolist())
        columns.append((names[decide(outputs, decision)] if classes else outputs).tolist())
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
