"""Counts of a text as features: how it is written, whom it speaks of, and what a sentiment lexicon says of it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Extractor, FeatureNote, FloatArray
from .errors import SampleError
from .text_cleaning import MAX_CHARACTERS, clean_text, decode_text, is_too_long
from .text_counting import FEATURES, count_text
from .text_tokens import is_word, tokenize
from .vader import vader_lexicon

FOREIGN_SHARE = 0.5


class TextCounts(Extractor):
    """Punctuation, style, pronoun and lexicon counts of a text.

    The text itself is the source: ``extract_one("so happy!")``; what looks like a path is a text and never opened.
    Words and lexicon are English.

    Warns of a text that is ``empty`` or has only marks, was ``cut``, or is for the greater part not in Latin letters
    (``language``).

    Examples
    --------
    >>> row = dict(zip(TextCounts().get_feature_names_out(), TextCounts().extract_one("I am SO happy!!"), strict=True))
    >>> float(row["n_words"]), float(row["n_exclamation_marks"]), float(row["n_positive_words"])
    (4.0, 2.0, 1.0)
    """

    source_column: ClassVar[str] = "text"
    libraries: ClassVar[tuple[str, ...]] = ("ftfy", "vaderSentiment")

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the counts; raise EmofuseError where the lexicon is not installed."""
        vader_lexicon()
        return np.array(list(FEATURES), dtype=object)

    def _read(self, source: Any) -> bytes:
        """Return the text as UTF-8: the cell is the source, and nothing is opened."""
        text = _decoded(source) if isinstance(source, bytes) else self._accept(source)
        return text.encode("utf-8", "surrogatepass")

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> str:
        return _decoded(data)

    def _accept(self, source: Any) -> str:
        if not isinstance(source, str):
            raise SampleError("not_text", f"the text itself is needed, got {type(source).__name__}; pass a string")
        return source

    def _measure(self, signal: str) -> tuple[FloatArray, tuple[str, ...]]:
        text = clean_text(signal)
        return count_text(text).copy(), _warnings(signal, text)

    def _describe(self, feature: str) -> FeatureNote:
        return FeatureNote(*FEATURES[feature])


def _decoded(data: bytes) -> str:
    try:
        return decode_text(data)
    except UnicodeDecodeError as error:
        try:
            return data.decode("utf-8", "surrogatepass")  # a lone half of a pair is a text too
        except UnicodeDecodeError:
            raise SampleError("not_text", f"byte {error.start} of the text is not UTF-8; decode it first") from None


def _warnings(raw: str, text: str) -> tuple[str, ...]:
    warnings = []
    if not any(map(is_word, tokenize(text))):
        warnings.append("empty: the text is empty" if not text else "empty: the text has no words")
    if is_too_long(raw):
        warnings.append(f"cut: {len(raw)} characters, the first {MAX_CHARACTERS} are counted")
    foreign = foreign_share(text)
    if foreign > FOREIGN_SHARE:
        warnings.append(f"language: {foreign:.0%} of the letters are not Latin, words and lexicon are English")
    return tuple(warnings)


def foreign_share(text: str) -> float:
    """Return the share of letters outside the Latin blocks (to U+024F, and U+1E00 to U+1EFF) among all letters.

    Examples
    --------
    >>> foreign_share("ok привет")
    0.75
    """
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(letter > "\u024f" and not "\u1e00" <= letter <= "\u1eff" for letter in letters)
    return foreign / len(letters) if letters else 0.0
