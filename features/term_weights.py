"""Texts turned into weights by numbers that were fitted before: all that a prediction from words needs.

:class:`~.text.TextVectorizer` learns the numbers and leaves its arithmetic to this module, which imports neither
scikit-learn nor pandas nor NLTK, so that a process answers from a sentence without the second and the memory they take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .text_cleaning import clean_texts, mask_text
from .text_counting import FEATURES, count_text
from .text_numbers import MANY_TEXTS, find_terms, number_texts
from .text_tokens import is_word, mark_negations, stem, tokenize

WEIGHT = 1 / 3
MOST = 4 * WEIGHT
# A few thousand words make up most of what is said; more, or longer ones, would fill the memory.
CACHED_WORDS = 2**12
CACHED_LETTERS = 20


class Entries(NamedTuple):
    """What is not 0 in a matrix, row by row and its columns in order.

    Attributes
    ----------
    rows, columns : ndarray of shape (n_entries,), int
    values : ndarray of shape (n_entries,), float32
    """

    rows: npt.NDArray[np.integer[Any]]
    columns: npt.NDArray[np.integer[Any]]
    values: npt.NDArray[np.float32]


@dataclass(frozen=True)
class TextWeights:
    """The parts of a fitted :class:`~.text.TextVectorizer` side by side.

    Attributes
    ----------
    parts : tuple of TermWeights and CountWeights
        In the order of their columns.

    Examples
    --------
    >>> words = TermWeights("word", (1, 1), ("happy", "so"), np.ones(2, dtype=np.float32))
    >>> TextWeights((words,)).apply(["so happy", None]).toarray().round(2).tolist()
    [[0.7099999785423279, 0.7099999785423279], [0.0, 0.0]]
    """

    parts: tuple[Any, ...]

    def apply(self, texts: Sequence[str | None]) -> sparse.csr_matrix:
        """Return the weights of texts as they were written, shape (n_texts, n_columns), float32; zeros for an absent one.

        Warns
        -----
        EmofuseWarning
            Texts were cut.
        """
        cleaned = [text or "" for text in clean_texts(texts)]
        return self.join([part.weigh(part.count(cleaned)) for part in self.parts], len(cleaned))

    def join(self, entries: Sequence[Entries], n_rows: int) -> sparse.csr_matrix:
        """Put the entries of each part side by side, float32, columns in order."""
        if len(entries) == 1:  # of a million texts every step takes a second, and a gigabyte
            ends = np.concatenate([[0], np.cumsum(np.bincount(entries[0].rows, minlength=n_rows))])
            return sparse.csr_matrix((entries[0].values, entries[0].columns, ends), shape=(n_rows, self.parts[0].width))
        # One matrix is made in the end, as making one takes longer than the weights of a sentence.
        starts = np.cumsum([0, *(part.width for part in self.parts)])
        rows = np.concatenate([part.rows for part in entries])
        columns = np.concatenate([part.columns + start for part, start in zip(entries, starts[:-1], strict=True)])
        order = np.argsort(rows, kind="stable")
        ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n_rows))])
        values = np.concatenate([part.values for part in entries])[order]
        return sparse.csr_matrix((values, columns[order], ends), shape=(n_rows, int(starts[-1])))

    def names(self) -> list[str]:
        """Return the names of the columns: ``word=…``, ``char=…`` and ``count=…``."""
        return [f"{part.kind}={name}" for part in self.parts for name in part.names()]

    def name(self, column: int) -> str:
        """Return the name of one column, without making those of all."""
        for part in self.parts:
            if column < part.width:
                return f"{part.kind}={part.name(column)}"
            column -= part.width
        raise IndexError(column)


@dataclass(frozen=True)
class TermWeights:
    """TF-IDF weights of the n-grams of words, or of characters within words.

    Term frequencies are sublinear, 1 + log(tf), times the inverse document frequency, and a row has unit length [1]_. The
    operations and their precision are those of scikit-learn, so that weights are the same to the last bit.

    Attributes
    ----------
    kind : {"word", "char"}
    ngrams : (int, int)
        Shortest and longest n-gram.
    vocabulary : tuple of str
        The terms, in the order of the columns.
    idf : ndarray of shape (n_terms,), float32
    negation : bool
        Whether words after a negation are counted apart, as ``not_WORD``.
    stemming : bool
        Whether words are counted by their English stem.

    References
    ----------
    .. [1] Manning, Raghavan and Schütze (2008), Introduction to information retrieval, Cambridge, chapter 6.
    """

    kind: str
    ngrams: tuple[int, int]
    vocabulary: tuple[str, ...]
    idf: npt.NDArray[np.float32]
    negation: bool = False
    stemming: bool = False

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.vocabulary)

    def count(self, texts: Sequence[str]) -> Entries:
        """Return how often each term stands in each of some clean texts."""
        if self.kind == "word" and self.ngrams[1] <= 2 and len(texts) >= MANY_TEXTS:
            how = {"negation": self.negation, "stemming": self.stemming}
            rows, columns = find_terms(
                number_texts(
                    texts, partial(words, negation=self.negation, stemming=self.stemming), tuple(how.values())
                ),
                self.vocabulary,
            )
            places = rows * self.width + columns
        else:
            places = self._places(texts)
        places, counts = np.unique(places, return_counts=True)
        return Entries(*np.divmod(places, self.width), counts.astype(np.float32))

    def weigh(self, counts: Entries) -> Entries:
        """Turn counts of terms into weights."""
        weights = (np.log(counts.values) + np.float32(1)) * self.idf[counts.columns]
        # Squares in single precision, summed one by one in double, divided in double: as scikit-learn has it.
        lengths = np.sqrt(np.bincount(counts.rows, weights=weights * weights))
        return counts._replace(values=(weights / lengths[counts.rows]).astype(np.float32))

    def names(self) -> list[str]:
        """Return the terms."""
        return list(self.vocabulary)

    def name(self, column: int) -> str:
        """Return the term of a column."""
        return self.vocabulary[column]

    def _places(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return row times width plus column, once for each time that a term stands in a text."""
        terms = term_counter(self.kind, self.ngrams, negation=self.negation, stemming=self.stemming)
        column_of = self._columns.get
        found: list[int] = []
        sizes = []
        for text in texts:
            before = len(found)
            found += [column for column in map(column_of, terms(text)) if column is not None]
            sizes.append(len(found) - before)
        return np.repeat(np.arange(len(texts)) * self.width, sizes) + np.array(found, dtype=np.int64)

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {term: column for column, term in enumerate(self.vocabulary)}


@dataclass(frozen=True)
class CountWeights:
    """Counts of a text brought to the size of TF-IDF weights: none is negative, and what is not there stays 0.

    A count becomes log(1 + count), times its scale (``WEIGHT`` divided by the root mean square in training), at most
    ``MOST``; a valence below 0 is a column of its own.

    Attributes
    ----------
    scale : ndarray of shape (2 * n_counts,), float32
    """

    scale: npt.NDArray[np.float32]
    kind: str = "count"

    @property
    def width(self) -> int:
        """Number of columns."""
        return 2 * len(FEATURES)

    def count(self, texts: Sequence[str]) -> Entries:
        """Return :func:`count_magnitudes` of clean texts."""
        return count_magnitudes(texts)

    def weigh(self, counts: Entries) -> Entries:
        """Scale and limit what :meth:`count` returns."""
        values = np.minimum(counts.values * self.scale[counts.columns], np.float32(MOST))
        kept = values > 0  # a count that was 0 in all of the training texts has the scale 0
        return Entries(*(of_entry[kept] for of_entry in counts._replace(values=values)))

    def names(self) -> list[str]:
        """Return the names of the counts, and of what is below 0 in them."""
        return [*FEATURES, *(f"{name}<0" for name in FEATURES)]

    def name(self, column: int) -> str:
        """Return the name of one of them."""
        return self.names()[column]


def count_magnitudes(texts: Sequence[str]) -> Entries:
    """Return log(1 + count) of the counts of clean texts, with a column more for what is below 0 in each."""
    counts = np.array([count_text(text) for text in texts], dtype=np.float32).reshape(-1, len(FEATURES))
    magnitudes = np.log1p(np.hstack([np.maximum(counts, 0), np.maximum(-counts, 0)]))
    rows, columns = np.nonzero(magnitudes)
    return Entries(rows, columns, magnitudes[rows, columns])


def term_counter(
    kind: str, ngrams: tuple[int, int], *, negation: bool = False, stemming: bool = False
) -> Callable[[str], list[str]]:
    """Return the function that lists the terms of a clean text, as often as they stand in it."""
    if kind == "char":
        return lambda text: character_ngrams(mask_text(text), *ngrams)
    return lambda text: word_ngrams(words(text, negation=negation, stemming=stemming), *ngrams)


def words(text: str, *, negation: bool = False, stemming: bool = False) -> list[str]:
    """Return the tokens of a clean text as they are counted: those after a negation marked, words as their stems.

    Examples
    --------
    >>> words("I'm not crying!", negation=True, stemming=True)
    ["i'm", 'not', 'not_cri', '!']
    """
    tokens = tokenize(text)
    stems = [stem(token) if is_word(token) else token for token in tokens] if stemming else tokens
    if not negation:
        return stems
    marked = mark_negations(tokens)
    return [f"not_{root}" if mark != token else root for root, token, mark in zip(stems, tokens, marked, strict=True)]


def word_ngrams(tokens: list[str], shortest: int, longest: int) -> list[str]:
    """Return the runs of ``shortest`` to ``longest`` tokens, joined by spaces.

    Examples
    --------
    >>> word_ngrams(["so", "very", "sad"], 1, 2)
    ['so', 'very', 'sad', 'so very', 'very sad']
    """
    terms: list[str] = []
    for size in range(shortest, longest + 1):
        shifted: Iterable[tuple[str, ...]] = zip(*(tokens[start:] for start in range(size)), strict=False)
        terms += tokens if size == 1 else map(" ".join, shifted)
    return terms


def character_ngrams(text: str, shortest: int, longest: int) -> list[str]:
    """Return the runs of ``shortest`` to ``longest`` characters in lower case within each word and the spaces around it.

    A word that is shorter, with its spaces, stands once, whole.

    Examples
    --------
    >>> character_ngrams("So I", 3, 5)
    [' so', 'so ', ' so ', ' i ']
    """
    terms: list[str] = []
    for word in text.lower().split():
        within = _within_word if len(word) <= CACHED_LETTERS else _within_word.__wrapped__
        terms += within(word, shortest, longest)
    return terms


@lru_cache(maxsize=CACHED_WORDS)
def _within_word(word: str, shortest: int, longest: int) -> tuple[str, ...]:
    padded = f" {word} "
    length = len(padded)
    if length <= shortest:
        return (padded,)
    sizes = range(shortest, min(longest, length) + 1)
    return tuple(padded[start : start + size] for size in sizes for start in range(length - size + 1))
