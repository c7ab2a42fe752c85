"""Texts as numbers: TF-IDF of words, neighbouring words and word pieces, of the terms that tell the targets apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import chi2, f_regression
from sklearn.utils.validation import check_is_fitted

from sdl_cli.errors import DataError

Array = np.ndarray[Any, Any]
State = tuple[dict[str, Array], dict[str, Any]]

_WORD = re.compile(r"\w+|[^\w\s]")
_START = "\x02"  # stands before the first word, so that how a text begins is a term of its own
_BLOCKS = ("words", "pieces")
_FEW_TEXTS = 20  # below this a term may stand in one text alone
_MAX_VALUES = 100_000_000  # features of all training texts: 400 MB as float32
_MAX_CHARACTERS = 5_000_000  # of the texts that terms are chosen on, all together
MAX_TEXT_CHARACTERS = 20_000  # of one text; what comes after is not read
_CHUNK_ROWS = 2_000


class TextEncoder(BaseEstimator):  # type: ignore[misc]
    """TF-IDF features of texts, dense, learned from training texts.

    Terms are lower-case words and punctuation marks, pairs of neighbours, the first two after a mark for the start, and pieces of
    2 to 5 characters within words. A term counts (1 + log of how often) times its smoothed inverse document frequency (Salton and
    Buckley, Information Processing and Management 1988; as in scikit-learn); the words and the pieces of a text form a vector of
    one length each. Of all terms in two training texts or more, the `max_features` are kept that depend most on the targets, by
    the chi-squared statistic (Yang and Pedersen, ICML 1997) for classes and by the F statistic for numbers; without targets, the
    most frequent. All columns are on one scale, and rare terms are small for a reason: a model should not standardise them.

    Arguments:
        max_features: most terms that are kept, at least 1; fewer where the training texts would take more than 100 million
            numbers.
        row_length: length of the feature vector of a text; 3 is right for logistic regression with C = 1.
        random_state: seed of the sample of texts that terms are chosen on, where they have more than 5 million characters.

    Learned state: `terms_`, per block the terms in the order of its columns; `idf_`, per block their weights.
    """

    same_scale: ClassVar[bool] = True  # columns need no standardising

    def __init__(self, max_features: int = 4000, row_length: float = 3.0, random_state: int | None = 0) -> None:
        self.max_features = max_features
        self.row_length = row_length
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> TextEncoder:
        """Choose terms and their weights from training texts `(N,)` of str and, if given, their targets `(N,)`.

        Raises DataError if all texts are empty.
        """
        texts = _shortened(X)
        rows = _rows_for_terms(texts, self.random_state)
        sample = [texts[i] for i in rows]
        if not any(text.strip() for text in sample):
            raise DataError("All training texts are empty.", "Is dataset.text the column with the texts?")
        counted = {block: _counted(block, sample) for block in _BLOCKS}
        weights = sparse.hstack([matrix for _, _, matrix in counted.values()]).tocsr()
        num_kept = max(1, min(self.max_features, _MAX_VALUES // max(len(texts), 1)))
        kept = _most_telling(weights, None if y is None else np.asarray(y)[rows], num_kept)
        self.terms_: dict[str, list[str]] = {}
        self.idf_: dict[str, Array] = {}
        start = 0
        for block, (terms, idf, _) in counted.items():
            own = kept[(kept >= start) & (kept < start + len(terms))] - start
            self.terms_[block], self.idf_[block] = [terms[i] for i in own], idf[own]
            start += len(terms)
        return self

    def transform(self, X: Any) -> Array:
        """Features `float32 (N, D)` of texts `(N,)` of str; rows have length 3, or less where a text has no known term."""
        check_is_fitted(self, "terms_")
        texts = _shortened(X)
        out = np.zeros((len(texts), self.num_outputs), np.float32)
        column = 0
        for block, terms in self.terms_.items():
            if not terms:
                continue
            vectorizer = _vectorizer(block, vocabulary=terms)
            vectorizer.idf_ = self.idf_[block]
            for start in range(0, len(texts), _CHUNK_ROWS):
                found = vectorizer.transform(texts[start : start + _CHUNK_ROWS])
                out[start : start + _CHUNK_ROWS, column : column + len(terms)] = found.toarray()
            column += len(terms)
        out *= self.row_length / np.sqrt(sum(bool(terms) for terms in self.terms_.values()))
        return out

    @property
    def num_outputs(self) -> int:
        """Number of features D."""
        return sum(len(terms) for terms in self.terms_.values())

    def get_state(self) -> State:
        """Arrays and JSON-ready values from which `from_state` rebuilds this fitted encoder, bit for bit."""
        check_is_fitted(self, "terms_")
        arrays = {f"idf.{block}": self.idf_[block] for block in _BLOCKS}
        return arrays, {"kind": "text", **self.get_params(), "terms": {block: list(self.terms_[block]) for block in _BLOCKS}}

    @classmethod
    def from_state(cls, arrays: dict[str, Array], values: dict[str, Any]) -> TextEncoder:
        """Rebuild a fitted encoder. Raises DataError if terms and weights do not belong together."""
        try:
            encoder = cls(int(values["max_features"]), float(values["row_length"]), values["random_state"])
            terms = {block: values["terms"][block] for block in _BLOCKS}
            idf = {block: np.asarray(arrays[f"idf.{block}"]) for block in _BLOCKS}
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"The stored text features are incomplete ({type(error).__name__}: {error}).") from error
        encoder.terms_, encoder.idf_ = terms, idf
        wrong = "" if any(terms.values()) else "there are no terms"
        for block, own in terms.items():
            if not isinstance(own, list) or not all(isinstance(term, str) for term in own) or len(set(own)) != len(own):
                wrong = f"the {block} are not a list of different terms"
            elif idf[block].shape != (len(own),) or idf[block].dtype != np.float32 or not np.isfinite(idf[block]).all():
                wrong = f"the weights of the {block} do not match the terms"
        if wrong:
            raise DataError(f"The stored text features are damaged: {wrong}.")
        return encoder


def word_terms(text: str) -> list[str]:
    """The words and marks of a text, its pairs of neighbours, and its first three, the start counting as one."""
    words = _WORD.findall(text.lower())
    marked = [_START, *words]
    first = [" ".join(marked[:3])] if len(words) > 1 else []
    return [*words, *map(" ".join, zip(marked, words, strict=False)), *first]


def _vectorizer(block: str, min_df: int = 1, vocabulary: Sequence[str] | None = None) -> Any:
    own: dict[str, Any] = {"analyzer": word_terms} if block == "words" else {"analyzer": "char_wb", "ngram_range": (2, 5)}
    return TfidfVectorizer(**own, sublinear_tf=True, min_df=min_df, vocabulary=vocabulary, dtype=np.float32)


def _counted(block: str, texts: Sequence[str]) -> tuple[list[str], Array, Any]:
    """The terms of a block, their inverse document frequencies, and the weights of the texts `(N, terms)`, sparse."""
    for min_df in (1,) if len(texts) < _FEW_TEXTS else (2, 1):
        vectorizer = _vectorizer(block, min_df)
        try:
            weights = vectorizer.fit_transform(texts)
        except ValueError:  # no term stands in that many texts
            continue
        return vectorizer.get_feature_names_out().tolist(), vectorizer.idf_.astype(np.float32), weights
    return [], np.empty(0, np.float32), sparse.csr_matrix((len(texts), 0), dtype=np.float32)


def _most_telling(weights: Any, y: Array | None, num: int) -> Array:
    """Columns `(at most num,)`, ascending, that depend most on the targets; of equal ones the first."""
    if y is None or len(np.unique(y)) < 2:
        scores = np.asarray((weights > 0).sum(axis=0), dtype=np.float64).ravel()
    elif y.dtype.kind == "f":
        with np.errstate(all="ignore"):
            scores = np.asarray(f_regression(weights.astype(np.float64), y)[0])
    else:
        scores = np.asarray(chi2(weights, y)[0])
    scores = np.nan_to_num(scores, nan=0.0, posinf=np.finfo(np.float64).max)
    return np.sort(np.argsort(-scores, kind="stable")[:num])


def _rows_for_terms(texts: Sequence[str], seed: int | None) -> Array:
    """Rows, ascending, whose texts together are short enough to choose terms on; all of them where they are few."""
    order = np.random.RandomState(seed).permutation(len(texts))
    ends = np.cumsum([len(texts[i]) for i in order])
    return np.sort(order[: max(1, int(np.searchsorted(ends, _MAX_CHARACTERS, side="right")))])


def _shortened(X: Any) -> list[str]:
    texts = np.asarray(X, dtype=object)
    if texts.ndim != 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"texts must be (N,) of str, not {texts.shape}")
    return [text[:MAX_TEXT_CHARACTERS] for text in texts]
