"""Text as a block: strings travel as they are, and TF-IDF is fitted inside the fold."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .errors import EmofuseWarning, TableError
from .samples import decode_text, is_missing
from .text_cleaning import MAX_CHARACTERS, clean_text, is_too_long, mask_text
from .text_counts import FEATURES, count_text
from .text_tokens import mark_negations, tokenize

FEW_TEXTS = 20
WEIGHT = 1 / 3


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
        Whether the counts of :class:`~.text_counts.TextCounts` (English) stand beside the terms; see :class:`CountScaler`.

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
    ) -> None:
        self.word_ngrams = word_ngrams
        self.char_ngrams = char_ngrams
        self.min_df_words = min_df_words
        self.min_df_chars = min_df_chars
        self.max_features = max_features
        self.negation = negation
        self.counts = counts

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
        filled = np.cumsum([bool(text) for text in texts])
        rows = [position - 1 if text else weights.shape[0] for text, position in zip(texts, filled, strict=True)]
        empty = sparse.csr_matrix((1, weights.shape[1]), dtype=np.float32)
        weights = sparse.vstack([weights, empty], format="csr")[rows]
        weights.sort_indices()  # as transform leaves them, so that sums over a row come out the same to the last bit
        return weights

    def transform(self, X: Any) -> sparse.csr_matrix:
        """Return the weights, a CSR matrix of shape (n_samples, n_terms), float32.

        Warns
        -----
        EmofuseWarning
            No text holds a term of the training texts, or texts were cut.
        """
        check_is_fitted(self)
        texts = [text or "" for text in as_texts(X)]
        weights = sparse.hstack(
            [part.transform(self._units(name, texts)) for name, part in self.parts_.items()],
            format="csr",
            dtype=np.float32,
        )
        weights.sort_indices()
        if any(texts) and not weights.nnz:
            message = f"no term of the training texts stands in any of these {len(texts)} texts; another language?"
            warnings.warn(message, EmofuseWarning, stacklevel=2)
        return weights

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``word=…`` and ``char=…`` names in column order."""
        check_is_fitted(self)
        names = [f"{kind}={term}" for kind, part in self.parts_.items() for term in part.get_feature_names_out()]
        return np.array(names, dtype=object)

    def _learn(self, texts: list[str]) -> sparse.csr_matrix:
        """Fit the parts to texts that are not empty; return their weights side by side."""
        parts = self._new_parts(few=len(texts) < FEW_TEXTS)
        if not texts:
            raise TableError("every training text is empty; drop the text block or check the column")
        fitted, weights = {}, []
        for name, part in parts.items():
            try:
                weights.append(part.fit_transform(self._units(name, texts)))
            except ValueError as error:
                if isinstance(error, TypeError):
                    raise  # scikit-learn refuses a parameter
                continue  # no term is frequent enough in this part; the other one may still hold
            fitted[name] = part
            if name in ("word", "char") and len(part.vocabulary_) == self.max_features:
                message = f"the {name} vocabulary was cut to the {self.max_features} most frequent terms (max_features)"
                warnings.warn(message, EmofuseWarning, stacklevel=3)
        if not {"word", "char"} & set(fitted):
            raise TableError("no term stands in enough training texts; give more texts or lower min_df")
        self.parts_ = fitted
        return sparse.hstack(weights, format="csr", dtype=np.float32)

    def _new_parts(self, *, few: bool) -> dict[str, Any]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        for name, ngrams in (("word_ngrams", self.word_ngrams), ("char_ngrams", self.char_ngrams)):
            if ngrams is not None and not 1 <= ngrams[0] <= ngrams[1]:
                raise ValueError(f"{name} must be (shortest, longest) from 1 on, or None, got {ngrams!r}")
        if self.word_ngrams is None and self.char_ngrams is None:
            raise ValueError("word_ngrams and char_ngrams are both None: nothing to count")
        parts: dict[str, Any] = {}
        shared = {"sublinear_tf": True, "max_features": self.max_features, "dtype": np.float32}
        if self.word_ngrams is not None:
            parts["word"] = TfidfVectorizer(
                token_pattern=r"\S+",
                lowercase=False,
                ngram_range=tuple(self.word_ngrams),
                min_df=1 if few else self.min_df_words,
                **shared,
            )
        if self.char_ngrams is not None:
            parts["char"] = TfidfVectorizer(
                analyzer="char_wb",
                ngram_range=tuple(self.char_ngrams),
                min_df=1 if few else self.min_df_chars,
                **shared,
            )
        if self.counts:
            parts["count"] = CountScaler()
        return parts

    def _units(self, part: str, texts: list[str]) -> list[str]:
        """Return the texts as a part counts them: tokens parted by spaces, or masked characters."""
        if part == "count":
            return texts
        if part == "char":
            return [mask_text(text) for text in texts]
        return [" ".join(mark_negations(tokenize(text)) if self.negation else tokenize(text)) for text in texts]


class CountScaler(TransformerMixin, BaseEstimator):
    """Counts of clean texts brought to the size of TF-IDF weights: none is negative, and what is not there stays 0.

    A count becomes log(1 + count), divided by its root mean square in training, clipped at 4 and multiplied by
    ``WEIGHT``; a valence below 0 is a column of its own.
    """

    def fit(self, X: list[str], y: Any = None) -> CountScaler:
        """Learn the root mean squares."""
        size = np.sqrt(np.square(self._magnitudes(X), dtype=np.float64).mean(axis=0))
        self.scale_ = np.where(size > 0, WEIGHT / np.where(size > 0, size, 1), 0).astype(np.float32)
        return self

    def transform(self, X: list[str]) -> sparse.csr_matrix:
        """Return a CSR matrix of shape (n_samples, 2 * n_counts), float32."""
        return sparse.csr_matrix(np.minimum(self._magnitudes(X) * self.scale_, 4 * WEIGHT))

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the counts, and of what is below 0 in them."""
        return np.array([*FEATURES, *(f"{name}<0" for name in FEATURES)], dtype=object)

    def _magnitudes(self, texts: list[str]) -> npt.NDArray[np.float32]:
        counts = np.stack([count_text(text) for text in texts])
        return np.log1p(np.hstack([np.maximum(counts, 0), np.maximum(-counts, 0)]))


def as_texts(X: Any) -> list[str | None]:
    """Return cleaned texts, None where absent, from a one-column table or an iterable of strings.

    Warns
    -----
    EmofuseWarning
        Texts were cut to 20,000 characters.
    """
    if isinstance(X, (str, bytes)):
        raise TableError("a list of texts is needed, got a single string; pass [text]")
    if isinstance(X, (pd.DataFrame, np.ndarray)) and X.ndim == 2:
        if X.shape[1] != 1:
            raise TableError(f"one column of texts is needed, got {X.shape[1]}")
        X = X.iloc[:, 0] if isinstance(X, pd.DataFrame) else X[:, 0]
    texts = [_as_text(value) for value in _items(X)]
    n_cut = sum(text is not None and is_too_long(text) for text in texts)
    if n_cut:
        warnings.warn(f"{n_cut} texts were cut to {MAX_CHARACTERS} characters", EmofuseWarning, stacklevel=3)
    return [None if text is None else clean_text(text) for text in texts]


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
