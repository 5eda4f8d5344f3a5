"""Text as a block: strings travel as they are, and TF-IDF is fitted inside the fold."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .errors import TableError
from .samples import decode_text, is_missing

MAX_CHARACTERS = 20_000
UTTERANCE = "utterance"
_MARKS = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\ufeff]")  # direction and byte-order marks
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x9f]")  # all but those that are white space
# C1 controls are how text saved as Windows-1252 and read as Latin-1 shows its quotes and dashes.
_WINDOWS_1252 = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
_SPACES = re.compile(r"\s+")


def clean_text(text: str) -> str:
    """Bring a text to one canonical form without losing what carries emotion (case, punctuation, emoji).

    Unicode NFC; Windows-1252 quotes repaired; control characters, direction overrides and byte-order marks removed;
    lone surrogates replaced by U+FFFD; white space folded; cut after 20,000 characters.

    Examples
    --------
    >>> clean_text("It\\x92s  fine\\u202e!")
    'It’s fine!'
    """
    text = text[: MAX_CHARACTERS * 2].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _MARKS.sub("", _CONTROLS.sub("", text.translate(_WINDOWS_1252)))
    text = _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()
    return text[:MAX_CHARACTERS].rstrip()


def tokenize(text: str) -> list[str]:
    """Split into lower-case words, punctuation, emoticons and emoji (NLTK's ``TweetTokenizer``; no download)."""
    return list(_tweet_tokenizer().tokenize(text))


class TextVectorizer(TransformerMixin, BaseEstimator):
    """Word and character TF-IDF side by side, fitted on the training texts only.

    Parameters
    ----------
    word_ngrams, char_ngrams : (int, int) or None
        Shortest and longest n-gram of words, and of characters within words; None leaves the part out.
    min_df_words, min_df_chars : int
        Least number of texts a term must stand in; lowered to 1 where there are fewer than 20 texts.
    max_features : int, default=200000
        Most terms kept in each part.

    Notes
    -----
    Term frequencies are sublinear, 1 + log(tf), and rows have unit length in each part. An absent text (None, NaN)
    and an empty one give a zero row.
    """

    def __init__(
        self,
        word_ngrams: tuple[int, int] | None = (1, 2),
        char_ngrams: tuple[int, int] | None = (2, 5),
        min_df_words: int = 2,
        min_df_chars: int = 3,
        max_features: int = 200_000,
    ) -> None:
        self.word_ngrams = word_ngrams
        self.char_ngrams = char_ngrams
        self.min_df_words = min_df_words
        self.min_df_chars = min_df_chars
        self.max_features = max_features

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
        from sklearn.feature_extraction.text import TfidfVectorizer

        for name, ngrams in (("word_ngrams", self.word_ngrams), ("char_ngrams", self.char_ngrams)):
            if ngrams is not None and not 1 <= ngrams[0] <= ngrams[1]:
                raise ValueError(f"{name} must be (shortest, longest) from 1 on, or None, got {ngrams!r}")
        if self.word_ngrams is None and self.char_ngrams is None:
            raise ValueError("word_ngrams and char_ngrams are both None: nothing to count")
        texts = [text for text in as_texts(X) if text]
        if not texts:
            raise TableError("every training text is empty; drop the text block or check the column")
        few = len(texts) < 20
        parts: dict[str, Any] = {}
        shared = {"sublinear_tf": True, "max_features": self.max_features, "dtype": np.float32}
        if self.word_ngrams is not None:
            parts["word"] = TfidfVectorizer(
                tokenizer=tokenize,
                token_pattern=None,
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
        fitted = {}
        for name, part in parts.items():
            try:
                fitted[name] = part.fit(texts)
            except ValueError as error:
                if isinstance(error, TypeError):
                    raise  # scikit-learn refuses a parameter
                continue  # no term is frequent enough in this part; the other one may still hold
        if not fitted:
            raise TableError("no term stands in enough training texts; give more texts or lower min_df")
        self.parts_ = fitted
        return self

    def transform(self, X: Any) -> sparse.csr_matrix:
        """Return the weights, a CSR matrix of shape (n_samples, n_terms), float32."""
        check_is_fitted(self)
        texts = [text or "" for text in as_texts(X)]
        return sparse.hstack([part.transform(texts) for part in self.parts_.values()], format="csr", dtype=np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``word=…`` and ``char=…`` names in column order."""
        check_is_fitted(self)
        names = [f"{kind}={term}" for kind, part in self.parts_.items() for term in part.get_feature_names_out()]
        return np.array(names, dtype=object)


def as_texts(X: Any) -> list[str | None]:
    """Return cleaned texts, None where absent, from a one-column table or an iterable of strings."""
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
    return clean_text(value)


@lru_cache(maxsize=1)
def _tweet_tokenizer() -> Any:
    from nltk.tokenize import TweetTokenizer

    return TweetTokenizer(preserve_case=False, reduce_len=True)
