"""Changed copies of texts: how many, from which row, what may change, and the thesaurus."""

from __future__ import annotations

import random
import sys
import types
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdl_cli.data.augment import policies as augment
from sdl_cli.data.augment import texts as text_augment
from sdl_cli.data.augment.policies import TextAugment
from sdl_cli.data.augment.texts import augment_texts, delete, replace, swap
from sdl_cli.errors import ConfigError

TEXTS = np.array(
    ["what is the full form of com", "who was galileo", "yes", "how tall is the sears building in feet"], dtype=object
)
WORDS = {word for text in TEXTS for word in text.split()}


def thesaurus(word: str) -> list[str]:
    return {"tall": ["high", "tall", "..."], "form": ["shape"]}.get(word, [])


def test_the_texts_come_first_and_copies_name_their_row() -> None:
    texts, rows, notes = augment_texts(TEXTS, TextAugment(synonym_fraction=0), seed=3)
    assert notes == []
    assert texts.dtype == object and rows.dtype == np.int64
    assert texts[:4].tolist() == TEXTS.tolist() and rows[:4].tolist() == [0, 1, 2, 3]
    assert len(texts) == len(rows) <= 4 * 5
    for text, row in zip(texts[4:], rows[4:], strict=True):
        assert text and set(text.split()) <= set(TEXTS[row].split())
        assert text != TEXTS[row]


def test_the_seed_decides() -> None:
    def made(seed: int) -> Any:
        return augment_texts(TEXTS, TextAugment(), seed, thesaurus)[0].tolist()

    assert made(1) == made(1) != made(2)


def test_deletion_leaves_out_the_asked_share_and_never_everything() -> None:
    generator = random.Random(0)
    kept = [len(delete(["w"] * 20, 0.1, generator)) for _ in range(2000)]
    assert np.mean(kept) == pytest.approx(18, abs=4 * (20 * 0.09) ** 0.5 / 2000**0.5)
    assert all(delete(["a", "b"], 0.999, generator) in (["a"], ["b"]) for _ in range(50))
    assert delete([], 0.5, generator) == []


def test_swap_moves_words_and_keeps_them() -> None:
    words = [str(i) for i in range(20)]
    moved = []
    for seed in range(200):
        out = swap(words, 0.1, random.Random(seed))
        assert sorted(out) == sorted(words)
        moved.append(sum(a != b for a, b in zip(out, words, strict=True)))
    assert max(moved) == 4 and min(moved) >= 0  # two pairs
    assert swap(["a", "b"], 0.0, random.Random(0)) == ["b", "a"]
    assert swap(["a"], 1.0, random.Random(0)) == ["a"]


def test_synonyms_replace_up_to_the_asked_share() -> None:
    words = ["how", "tall", "is", "that", "form"]
    for seed in range(20):
        one = replace(words, 0.2, thesaurus, random.Random(seed))
        assert sum(a != b for a, b in zip(one, words, strict=True)) == 1
        assert replace(words, 1.0, thesaurus, random.Random(seed)) == ["how", "high", "is", "that", "shape"]
    assert replace(["who"], 1.0, thesaurus, random.Random(0)) == ["who"]


def test_only_what_is_set_changes() -> None:
    only = TextAugment(deletion_probability=0, swap_fraction=0, synonym_fraction=1.0, num_copies=2)
    texts, rows, notes = augment_texts(TEXTS, only, 0, thesaurus)
    assert notes == []
    assert rows[4:].tolist() == [0, 3, 0, 3]
    assert texts[4:].tolist() == ["what is the full shape of com", "how high is the sears building in feet"] * 2


def test_without_a_thesaurus_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_augment, "wordnet_synonyms", lambda: None)
    texts, _, notes = augment_texts(TEXTS, TextAugment(), 0)
    assert len(notes) == 1 and "no thesaurus is installed" in notes[0]
    assert texts.tolist() == augment_texts(TEXTS, TextAugment(synonym_fraction=0), 0)[0].tolist()
    assert {word for text in texts for word in text.split()} == WORDS
    none = TextAugment(deletion_probability=0, swap_fraction=0)
    assert augment_texts(TEXTS, none, 0)[0].tolist() == TEXTS.tolist()


class Synset:
    def lemma_names(self) -> list[str]:
        return ["gangling", "high_up", "tall"]


def fake_nltk(monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None = None) -> None:
    def ensure_loaded() -> None:
        if error is not None:
            raise error("corpus")

    corpus = types.ModuleType("nltk.corpus")
    corpus.wordnet = types.SimpleNamespace(  # type: ignore[attr-defined]
        ensure_loaded=ensure_loaded, synsets=lambda word: [Synset()] if word == "tall" else []
    )
    monkeypatch.setitem(sys.modules, "nltk", types.ModuleType("nltk"))
    monkeypatch.setitem(sys.modules, "nltk.corpus", corpus)


def test_wordnet_is_used_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nltk(monkeypatch)
    found = text_augment.wordnet_synonyms()
    assert found is not None and list(found("tall")) == ["gangling", "high up"] and list(found("is")) == []
    for error in (LookupError, OSError):
        fake_nltk(monkeypatch, error)
        assert text_augment.wordnet_synonyms() is None
    monkeypatch.setitem(sys.modules, "nltk.corpus", None)
    assert text_augment.wordnet_synonyms() is None


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.text(max_size=40), max_size=8), st.integers(1, 5), st.floats(0, 0.99), st.floats(0, 1), st.integers(0, 10))
def test_any_texts_can_be_changed(texts: list[str], num: int, probability: float, fraction: float, seed: int) -> None:
    how = TextAugment(num_copies=num, deletion_probability=probability, swap_fraction=fraction)
    made, rows, _ = augment_texts(texts, how, seed, lambda word: [word + "x"])
    assert made[: len(texts)].tolist() == texts and rows[: len(texts)].tolist() == list(range(len(texts)))
    assert len(made) == len(rows) <= len(texts) * (num + 1)
    assert all(text.strip() for text in made[len(texts) :])


def test_it_is_for_texts_only() -> None:
    assert augment.check(TextAugment(), "text", "classification") == []
    assert augment.check(augment.NoAugment(), "text", "regression") == []
    with pytest.raises(ConfigError, match="text works on texts, and this data set is a table"):
        augment.check(TextAugment(), "table", "classification")
    with pytest.raises(ConfigError, match="noise works on tables, and this data set is made of texts"):
        augment.check(augment.Noise(), "text", "classification")
    none = TextAugment(deletion_probability=0, swap_fraction=0, synonym_fraction=0)
    assert augment.check(none, "text", "classification") == ["augment=text changes nothing as it is set."]
