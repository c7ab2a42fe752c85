"""From probabilities to a class: the most probable one, or one that a threshold shifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sdl_cli.errors import ConfigError

Array = np.ndarray[Any, Any]
_TIE = 1 + 1e-12  # gives a row whose probability is the threshold itself to the rarer class


def check_threshold(threshold: str) -> float | None:
    """The number in a threshold, or None for `most_probable` and `balanced`. Raises ConfigError for anything else."""
    if threshold in ("most_probable", "balanced"):
        return None
    try:
        value = float(threshold)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise ConfigError(
            f"threshold: {threshold!r} is not most_probable, balanced, or a number between 0 and 1 (both excluded)."
        )
    return value


def decision_weights(threshold: str, counts: Array, classes: Sequence[str]) -> Array | None:
    """What each class's probability is multiplied by before the largest is taken, or None if no weights apply.

    `balanced` divides by the class's share of the labelled rows, which gives the best balanced accuracy that the
    probabilities allow (for two classes: the threshold is the share; Menon et al., ICML 2013). A number t predicts the rarer of
    two classes at probability t or more; with more classes it is a ConfigError.

    Arguments:
        counts: labelled rows of each class `(K,)`. classes: their K names.
    """
    value = check_threshold(threshold)
    if threshold == "most_probable":
        return None
    if value is None:
        shares = np.asarray(counts, dtype=np.float64) / max(1, int(np.sum(counts)))
        return np.where(shares > 0, 1 / np.maximum(shares, 1e-12), 0.0)
    if len(classes) != 2:
        what = f"threshold={threshold}: a number needs exactly two classes, but there are {len(classes)}."
        raise ConfigError(what, "Use threshold=balanced instead.")
    weights = np.full(2, value)
    weights[rarer(counts)] = (1 - value) * _TIE  # "t or more": the shares of a forest's trees can equal a threshold exactly
    return weights


def decide(probs: Array, weights: Array | None) -> Array:
    """Class indices `(N,)` of probabilities `(N, K)`, multiplied by `(K,)` weights if there are any."""
    return np.asarray((probs if weights is None else probs * weights).argmax(axis=1))


def decision_sentence(threshold: str, weights: Array | None, counts: Array, classes: Sequence[str]) -> str | None:
    """A note on how classes are decided, if not simply the most probable one."""
    if weights is None:
        return None
    if len(classes) != 2:
        return "threshold=balanced: a row gets the class whose probability is largest relative to its share of the labelled rows."
    rare = rarer(counts)
    cut = weights[1 - rare] / weights.sum()
    why = f"the share of {classes[rare]} among the labelled rows" if threshold == "balanced" else "as set"
    return f"A row is called {classes[rare]} if its probability is at least {cut:.3g} ({why}), otherwise {classes[1 - rare]}."


def rarer(counts: Array) -> int:
    """The index of the rarer of two classes; the second where both are as frequent."""
    return 0 if counts[0] < counts[1] else 1
