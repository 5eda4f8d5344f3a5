"""Text as a block: strings travel as they are, and TF-IDF is fitted inside the fold."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .errors import EmofuseWarning, TableError
from .samples import is_missing
from .term_weights import WEIGHT, CountWeights, Entries, TermWeights, TextWeights, count_magnitudes, term_counter, words
from .text_cleaning import clean_texts, decode_text
from .text_counting import FEATURES
from .text_numbers import count_terms, number_texts

FEW_TEXTS = 20


class TextVectorizer(TransformerMixin, BaseEstimator):
    """Word and character TF-IDF side by side, fitted on the training texts only.

    Parameters
    ----------
    word_ngrams, char_ngrams : (int, int) or None
        Shortest and longest n-gram of words, and of characters within words; None leaves the part out.
    min_df_words, min_df_chars : int
        Least number of texts a term must stand in; lowered to 1 where there are fewer than 20 texts.
    max_features : int, default=200000
        Most terms kept in each part; a warning says where it was reached.
    negation : bool, default=False
        Whether words after a negation are counted apart, as ``not_WORD``; see :func:`~.text_tokens.mark_negations`.
    counts : bool, default=False
        Whether the counts of :class:`~.text_counts.TextCounts` (English) stand beside the terms; see
        :class:`~.term_weights.CountWeights`.
    stemming : bool, default=False
        Whether words are counted by their English stem; see :func:`~.text_tokens.stem`. Only this imports NLTK, which
        takes a second where one sentence is to be answered.

    Notes
    -----
    Words are those of :func:`~.text_tokens.tokenize`; characters are counted in lower case after
    :func:`~.text_cleaning.mask_text`. Term frequencies are sublinear, 1 + log(tf), and rows have unit length in each
    part. An absent text (None, NaN) and an empty one give a zero row.

    Examples
    --------
    >>> weights = TextVectorizer(char_ngrams=None).fit_transform(["so happy :)", "why so sad?"])
    >>> weights.shape
    (2, 11)
    """

    def __init__(
        self,
        word_ngrams: tuple[int, int] | None = (1, 2),
        char_ngrams: tuple[int, int] | None = (2, 5),
        min_df_words: int = 2,
        min_df_chars: int = 3,
        max_features: int = 200_000,
        negation: bool = False,
        counts: bool = False,
        stemming: bool = False,
    ) -> None:
        self.word_ngrams = word_ngrams
        self.char_ngrams = char_ngrams
        self.min_df_words = min_df_words
        self.min_df_chars = min_df_chars
        self.max_features = max_features
        self.negation = negation
        self.counts = counts
        self.stemming = stemming

    def fit(self, X: Any, y: Any = None) -> TextVectorizer:
        """Learn the vocabulary and the document frequencies.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, 1), or iterable of str

        Raises
        ------
        TableError
            A single string instead of a list, something that is no text, or texts without a single term.
        ValueError
            A parameter out of its range.
        """
        self._learn([text for text in as_texts(X) if text])
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> sparse.csr_matrix:
        """Do what :meth:`fit` and :meth:`transform` do, counting each text once."""
        texts = as_texts(X)
        weights = self._learn([text for text in texts if text])
        ends = np.cumsum([0, *(bool(text) for text in texts)])  # of the rows, where an empty text adds none
        return sparse.csr_matrix(
            (weights.data, weights.indices, weights.indptr[ends]), shape=(len(texts), weights.shape[1])
        )

    def transform(self, X: Any) -> sparse.csr_matrix:
        """Return the weights, a CSR matrix of shape (n_samples, n_terms), float32.

        Warns
        -----
        EmofuseWarning
            No text holds a term of the training texts, or texts were cut.
        """
        texts = _raw_texts(X)
        weights = self.fitted_part().apply(texts)
        if not weights.nnz and any(text and text.strip() for text in texts):
            message = f"no term of the training texts stands in any of these {len(texts)} texts; another language?"
            warnings.warn(message, EmofuseWarning, stacklevel=2)
        return weights

    def fitted_part(self) -> TextWeights:
        """Return what the texts are turned into weights by; see :class:`~.term_weights.TextWeights`."""
        check_is_fitted(self)
        return self.weights_

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``word=…``, ``char=…`` and ``count=…`` names in column order."""
        return np.array(self.fitted_part().names(), dtype=object)

    def _learn(self, texts: list[str]) -> sparse.csr_matrix:
        """Fit the parts to texts that are not empty; return their weights side by side."""
        self._check_parameters()
        if not texts:
            raise TableError("every training text is empty; drop the text block or check the column")
        few = len(texts) < FEW_TEXTS
        kinds = (("word", self.word_ngrams, self.min_df_words), ("char", self.char_ngrams, self.min_df_chars))
        parts: list[TermWeights | CountWeights] = []
        weights: list[Entries] = []
        for kind, ngrams, min_df in kinds:
            if ngrams is None:
                continue
            try:
                part, counted = self._learn_terms(texts, kind, (ngrams[0], ngrams[1]), 1 if few else min_df)
            except ValueError as error:
                if isinstance(error, TypeError):
                    raise  # scikit-learn refuses a parameter
                continue  # no term is frequent enough in this part; the other one may still hold
            parts.append(part)
            weights.append(part.weigh(counted))
            if len(part.vocabulary) == self.max_features:
                message = f"the {kind} vocabulary was cut to the {self.max_features} most frequent terms (max_features)"
                warnings.warn(message, EmofuseWarning, stacklevel=3)
        if not parts:
            raise TableError("no term stands in enough training texts; give more texts or lower min_df")
        if self.counts:
            magnitudes = count_magnitudes(texts)
            scaled = CountWeights(scale_of(magnitudes, len(texts)))
            parts.append(scaled)
            weights.append(scaled.weigh(magnitudes))
        self.weights_ = TextWeights(tuple(parts))
        return self.weights_.join(weights, len(texts))

    def _learn_terms(
        self, texts: list[str], kind: str, ngrams: tuple[int, int], min_df: int
    ) -> tuple[TermWeights, Entries]:
        """Return the vocabulary and inverse document frequencies of one kind of terms, and the terms' counts."""
        how = {"negation": self.negation, "stemming": self.stemming} if kind == "word" else {}
        if kind == "word":
            numbered = number_texts(
                texts, partial(words, negation=self.negation, stemming=self.stemming), tuple(how.values())
            )
            found = count_terms(numbered, *ngrams, min_df=min_df, max_terms=self.max_features)
            if found is None:
                raise ValueError(f"no word stands in {min_df} texts")
            terms, table = found
        else:
            terms, table = self._count_characters(texts, ngrams, min_df)
        # As if one more text held every term, and in single precision: scikit-learn's numbers to the last bit.
        document_frequency = np.bincount(table.indices, minlength=table.shape[1]).astype(np.float32) + np.float32(1)
        idf = np.log(np.float32(len(texts) + 1) / document_frequency) + np.float32(1)
        rows = np.repeat(np.arange(len(texts)), np.diff(table.indptr))
        return TermWeights(kind, ngrams, tuple(terms), idf, **how), Entries(rows, table.indices, table.data)

    def _count_characters(
        self, texts: list[str], ngrams: tuple[int, int], min_df: int
    ) -> tuple[list[str], sparse.csr_matrix]:
        from sklearn.feature_extraction.text import CountVectorizer

        counter = CountVectorizer(
            analyzer=term_counter("char", ngrams), min_df=min_df, max_features=self.max_features, dtype=np.float32
        )
        table = counter.fit_transform(texts)
        table.sort_indices()
        return counter.get_feature_names_out().tolist(), table

    def _check_parameters(self) -> None:
        for name, ngrams in (("word_ngrams", self.word_ngrams), ("char_ngrams", self.char_ngrams)):
            if ngrams is not None and not 1 <= ngrams[0] <= ngrams[1]:
                raise ValueError(f"{name} must be (shortest, longest) from 1 on, or None, got {ngrams!r}")
        for name in ("min_df_words", "min_df_chars", "max_features"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} must be a whole number from 1 on, got {value!r}")
        if self.word_ngrams is None and self.char_ngrams is None:
            raise ValueError("word_ngrams and char_ngrams are both None: nothing to count")


def scale_of(magnitudes: Entries, n_texts: int) -> npt.NDArray[np.float32]:
    """Return what brings each column of the counts of training texts to a root mean square of ``WEIGHT``; 0 where all are 0."""
    squares = np.square(magnitudes.values, dtype=np.float64)
    size = np.sqrt(np.bincount(magnitudes.columns, weights=squares, minlength=2 * len(FEATURES)) / n_texts)
    return np.where(size > 0, WEIGHT / np.where(size > 0, size, 1), 0).astype(np.float32)


def as_texts(X: Any) -> list[str | None]:
    """Return cleaned texts, None where absent, from a one-column table or an iterable of strings.

    Warns
    -----
    EmofuseWarning
        Texts were cut to 20,000 characters.
    """
    return clean_texts(_raw_texts(X))


def _raw_texts(X: Any) -> list[str | None]:
    if isinstance(X, (str, bytes)):
        raise TableError("a list of texts is needed, got a single string; pass [text]")
    if isinstance(X, (pd.DataFrame, np.ndarray)) and X.ndim == 2:
        if X.shape[1] != 1:
            raise TableError(f"one column of texts is needed, got {X.shape[1]}")
        X = X.iloc[:, 0] if isinstance(X, pd.DataFrame) else X[:, 0]
    return [_as_text(value) for value in _items(X)]


def _items(X: Iterable[Any]) -> Iterable[Any]:
    return X.tolist() if isinstance(X, (pd.Series, np.ndarray)) else X


def _as_text(value: Any) -> str | None:
    if is_missing(value):
        return None
    if isinstance(value, bytes):
        try:
            value = decode_text(value)
        except UnicodeDecodeError as error:
            raise TableError(f"byte {error.start} of a text is not UTF-8; decode it first") from None
    if not isinstance(value, str):
        raise TableError(f"a text must be a string, got {type(value).__name__} {value!r:.40}")
    return value
