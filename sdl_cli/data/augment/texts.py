"""Changed copies of training texts: words left out, swapped, or replaced by synonyms."""

from __future__ import annotations

import importlib
import random
import re
from collections.abc import Callable, Sequence

import numpy as np

from sdl_cli.data.arrays import Array, objects
from sdl_cli.data.augment.policies import TextAugment

Synonyms = Callable[[str], Sequence[str]]

_NO_THESAURUS = (
    "augment=text: no thesaurus is installed (NLTK with its corpus wordnet), so no copies with synonyms are made; "
    "augment.synonym_fraction=0 says so."
)
_WORD = re.compile(r"\w")


def augment_texts(
    texts: Sequence[str] | Array, settings: TextAugment, seed: int, synonyms: Synonyms | None = None
) -> tuple[Array, Array, list[str]]:
    """The training texts, followed by changed copies of them.

    Each copy undergoes one change, dealt in turn among those that are set: random deletion, random swap and synonym replacement,
    as in EDA (Wei and Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks",
    EMNLP 2019). A text that a change leaves unchanged (such as one word) gets no copy.

    Arguments:
        synonyms: gives the synonyms of a lower-case word; None takes WordNet where NLTK and its corpus are installed. Nothing is
            ever downloaded.
    Returns: texts `(M,)` of str, M at least N, the first N as given; `int64 (M,)`, the row that each comes from; and sentences
        that a user should read.
    """
    notes = []
    if settings.synonym_fraction > 0 and synonyms is None:
        synonyms = wordnet_synonyms()
        if synonyms is None:
            notes.append(_NO_THESAURUS)
    generator = random.Random(seed)
    changes: list[Callable[[list[str]], list[str]]] = []
    if settings.deletion_probability > 0:
        changes.append(lambda words: delete(words, settings.deletion_probability, generator))
    if settings.swap_fraction > 0:
        changes.append(lambda words: swap(words, settings.swap_fraction, generator))
    if settings.synonym_fraction > 0 and synonyms is not None:
        known = synonyms
        changes.append(lambda words: replace(words, settings.synonym_fraction, known, generator))
    made, rows = list(texts), list(range(len(texts)))
    for copy in range(settings.num_copies if changes else 0):
        for row, text in enumerate(texts):
            words = text.split()
            changed = changes[(copy + row) % len(changes)](words)
            if changed != words:
                made.append(" ".join(changed))
                rows.append(row)
    return objects(made), np.array(rows, dtype=np.int64), notes


def delete(words: list[str], probability: float, generator: random.Random) -> list[str]:
    """The words, each left out with a probability; always keeping at least one."""
    kept = [word for word in words if generator.random() >= probability]
    return kept or ([generator.choice(words)] if words else [])


def swap(words: list[str], fraction: float, generator: random.Random) -> list[str]:
    """The words after pairs of them change places, at least one pair and up to a fraction of the words."""
    out = list(words)
    for _ in range(max(1, round(fraction * len(words))) if len(words) > 1 else 0):
        i, j = generator.sample(range(len(out)), 2)
        out[i], out[j] = out[j], out[i]
    return out


def replace(words: list[str], fraction: float, synonyms: Synonyms, generator: random.Random) -> list[str]:
    """The words with some replaced by a synonym, at least one where any has one and up to a fraction of the words."""
    out = list(words)
    left = max(1, round(fraction * len(words)))
    for i in generator.sample(range(len(words)), len(words)):
        found = [other for other in synonyms(words[i].lower()) if other.lower() != words[i].lower() and _WORD.search(other)]
        if found and left:
            out[i] = generator.choice(found)
            left -= 1
    return out


def wordnet_synonyms() -> Synonyms | None:
    """Synonyms by WordNet (Miller, CACM 1995), or None where NLTK or its corpus is not installed."""
    try:
        wordnet = importlib.import_module("nltk.corpus").wordnet
        wordnet.ensure_loaded()
    except (ImportError, LookupError, OSError):
        return None

    def synonyms(word: str) -> list[str]:
        names = {name.replace("_", " ") for synset in wordnet.synsets(word) for name in synset.lemma_names()}
        return sorted(names - {word})

    return synonyms
