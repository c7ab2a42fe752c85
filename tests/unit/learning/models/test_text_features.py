"""TF-IDF features: against a formula and scikit-learn, chosen terms, a bit-exact round trip, and damaged state."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer

from sdl_cli.errors import DataError
from sdl_cli.learning.models import text_features
from sdl_cli.learning.models.baseline import Baseline
from sdl_cli.learning.models.text_features import TextEncoder, word_terms

ANIMALS = [
    f"The {a} {v} {p} ." for a in ("cat", "dog", "horse") for v in ("sleeps", "eats") for p in ("here", "there", "now", "again")
]
SHIPS = [
    f"A {s} {v} {p} !" for s in ("ship", "boat", "ferry") for v in ("sails", "sinks") for p in ("here", "there", "now", "again")
]
TEXTS = np.array(ANIMALS + SHIPS, dtype=object)
LABELS = np.repeat([0, 1], len(ANIMALS))


def test_terms_of_a_text() -> None:
    assert word_terms("Who's there ?") == [
        "who", "'", "s", "there", "?", "\x02 who", "who '", "' s", "s there", "there ?", "\x02 who '",
    ]  # fmt: skip
    assert word_terms("Yes") == ["yes", "\x02 yes"]
    assert word_terms("") == []


def test_a_weight_is_that_of_the_formula() -> None:
    """One term of known counts: (1 + ln tf) (1 + ln((1 + n) / (1 + df))), relative to the others of its block."""
    texts = [*["a b"] * 10, *["a a a b"] * 10, *["c d"] * 20]
    encoder = TextEncoder().fit(texts)
    features = encoder.transform(["a a a b"])[0]
    n, terms = 40, encoder.terms_["words"]
    idf = {"a": 1 + math.log((1 + n) / (1 + 20)), "a a": 1 + math.log((1 + n) / (1 + 10))}
    expected = (1 + math.log(3)) * idf["a"] / ((1 + math.log(2)) * idf["a a"])
    assert features[terms.index("a")] / features[terms.index("a a")] == pytest.approx(expected, rel=1e-5)
    assert np.linalg.norm(features) == pytest.approx(3, rel=1e-5)
    assert np.linalg.norm(features[: len(terms)]) == pytest.approx(3 / math.sqrt(2), rel=1e-5)


def test_pieces_are_those_of_scikit_learn() -> None:
    encoder = TextEncoder(max_features=10**6).fit(TEXTS)
    reference = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    expected = reference.fit_transform(TEXTS).toarray()
    assert encoder.terms_["pieces"] == reference.get_feature_names_out().tolist()
    found = encoder.transform(TEXTS)
    assert found.dtype == np.float32
    assert found[:, len(encoder.terms_["words"]) :] * math.sqrt(2) / 3 == pytest.approx(expected, abs=1e-6)


def test_targets_choose_terms_that_tell_them_apart() -> None:
    first, second = ("the", "a")
    encoder = TextEncoder(max_features=8).fit(TEXTS, LABELS)
    kept = {*encoder.terms_["words"], *encoder.terms_["pieces"]}
    assert encoder.num_outputs == 8
    assert {".", "!", first, second} & kept and not {"here", "there", "now", "again"} & kept
    numbers = TextEncoder(max_features=8).fit(TEXTS, LABELS.astype(float) + 0.01 * np.arange(len(LABELS)) % 0.1)
    assert not {"here", "there", "now", "again"} & {*numbers.terms_["words"], *numbers.terms_["pieces"]}
    frequent = TextEncoder(max_features=4).fit(TEXTS)
    counts = [sum(term in word_terms(text) for text in TEXTS) for term in frequent.terms_["words"]]
    assert min(counts, default=24) >= 24


def test_a_model_learns_from_them_and_unknown_words_are_zeros() -> None:
    encoder = TextEncoder().fit(TEXTS[::2], LABELS[::2])
    model = Baseline(kind="logistic").fit(encoder.transform(TEXTS[::2]), LABELS[::2])
    assert model.score(encoder.transform(TEXTS[1::2]), LABELS[1::2]) == 1
    assert not encoder.transform(["", "   ", "\u4e16\u754c"]).any()


@pytest.mark.parametrize(
    "texts", [TEXTS.tolist(), ["Gr\u00fc\u00dfe \U0001f600", "\x00 \x02", "a", "b b"], ["one"] * 3], ids=["many", "odd", "equal"]
)
def test_saved_and_read_back_bit_for_bit(texts: list[str]) -> None:
    encoder = TextEncoder(max_features=50).fit(texts)
    arrays, values = encoder.get_state()
    again = TextEncoder.from_state({k: v.copy() for k, v in arrays.items()}, json.loads(json.dumps(values)))
    assert np.array_equal(encoder.transform(texts), again.transform(texts))
    assert again.get_params() == encoder.get_params()
    assert again.num_outputs == encoder.num_outputs <= 50


def broken(key: str, value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    arrays, values = TextEncoder(max_features=50).fit(TEXTS).get_state()
    if key.startswith("idf"):
        arrays[key] = value(arrays[key])
    elif key in ("words", "pieces"):
        values["terms"][key] = value(values["terms"][key])
    else:
        values[key] = value(values[key])
    return arrays, values


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("idf.words", lambda a: a[:-1]),
        ("idf.words", lambda a: a[:, None]),
        ("idf.pieces", lambda a: a.astype(np.float64)),
        ("idf.pieces", lambda a: np.full_like(a, np.nan)),
        ("words", lambda terms: terms[:-1]),
        ("words", lambda terms: [*terms[:-1], terms[0]]),
        ("words", lambda terms: [*terms[:-1], 3]),
        ("words", lambda terms: "".join(terms)),
        ("pieces", lambda terms: None),
        ("terms", lambda terms: {}),
        ("terms", lambda terms: None),
        ("max_features", lambda n: "many"),
    ],
)
def test_damaged_state_is_refused(key: str, value: Any) -> None:
    with pytest.raises(DataError, match="stored text features"):
        TextEncoder.from_state(*broken(key, value))


def test_state_without_terms_is_refused() -> None:
    empty = {f"idf.{block}": np.empty(0, np.float32) for block in ("words", "pieces")}
    with pytest.raises(DataError, match="there are no terms"):
        TextEncoder.from_state(
            empty, {"max_features": 5, "row_length": 3.0, "random_state": 0, "terms": {"words": [], "pieces": []}}
        )


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(DataError, match="All training texts are empty"):
        TextEncoder().fit(["", "  "])
    with pytest.raises(ValueError, match="texts must be"):
        TextEncoder().fit(np.ones((3, 2)))
    with pytest.raises(ValueError, match="texts must be"):
        TextEncoder().fit(["a", None])


def test_small_sets_one_class_and_marks_alone() -> None:
    assert TextEncoder().fit(["red", "blue"], [0, 1]).transform(["red"]).any()
    assert TextEncoder().fit(TEXTS, np.zeros(len(TEXTS), int)).num_outputs > 10
    assert TextEncoder().fit(["?", "!"]).transform(["?"]).any()
    different = [f"{chr(97 + i % 26)}{i}" for i in range(40)]  # no word stands in two texts
    assert TextEncoder().fit(different).num_outputs > 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_features, "_MAX_VALUES", 10 * len(TEXTS))
    assert TextEncoder().fit(TEXTS, LABELS).transform(TEXTS).shape == (len(TEXTS), 10)
    monkeypatch.undo()
    whole = TextEncoder().fit(TEXTS, LABELS)
    monkeypatch.setattr(text_features, "_MAX_CHARACTERS", 100)
    some = TextEncoder().fit(TEXTS, LABELS)
    assert 0 < some.num_outputs < whole.num_outputs
    assert some.terms_ == clone(some).fit(TEXTS, LABELS).terms_
    monkeypatch.setattr(text_features, "MAX_TEXT_CHARACTERS", 3)
    assert np.array_equal(some.transform(["The cat"]), some.transform(["The dog"]))


def test_questions_are_told_apart(shared_data: Path) -> None:
    """50 of each class of TREC's training questions (Li and Roth 2002) to learn from, 500 others to predict."""
    lines = (shared_data / "text" / "trec" / "raw" / "TREC.train").read_text(encoding="latin-1").splitlines()
    y, X = (
        np.array([line.partition(":")[0] for line in lines]),
        np.array([line.partition(" ")[2] for line in lines], dtype=object),
    )
    train = np.concatenate([np.flatnonzero(y == label)[:50] for label in np.unique(y)])
    other = np.setdiff1d(np.arange(len(y)), train)[:500]
    encoder = TextEncoder().fit(X[train], y[train])
    model = Baseline(kind="logistic").fit(encoder.transform(X[train]), y[train])
    assert model.score(encoder.transform(X[other]), y[other]) > 0.55  # the largest class is 0.23
