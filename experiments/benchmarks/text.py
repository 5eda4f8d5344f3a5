"""Text: our vectoriser and counts against scikit-learn's and NLTK's as a user would string them together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...features import text_counting, text_tokens
from ...features.text import TextVectorizer
from . import Options, Row, side_by_side

N_TEXTS, N_QUICK = 4000, 100
N_WORDS = 6000


def benchmark(options: Options) -> list[Row]:
    """Time made-up utterances: TF-IDF once, and TF-IDF again as in the next fold."""
    texts = made_up_utterances(N_QUICK if options.quick else N_TEXTS)
    return [
        Row("text: TF-IDF, first fold", *side_by_side(lambda: _ours_cold(texts), lambda: _plain(texts)), 1.0),
        Row("text: TF-IDF, next folds", *side_by_side(lambda: _ours(texts), lambda: _plain(texts)), 1.3),
    ]


def made_up_utterances(n_texts: int, *, seed: int = 0) -> list[str]:
    """Return utterances of 1 to 20 words whose frequencies follow Zipf's law, with the punctuation of chat."""
    random = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlu"))
    words = ["".join(random.choice(letters, size=size)) for size in random.integers(2, 9, size=N_WORDS)]
    shares = 1 / np.arange(1, N_WORDS + 1)
    marks = ["", "", ".", "!", "?!", "...", " :)", " 😀", ", @ann"]
    return [
        " ".join(random.choice(words, size=random.integers(1, 21), p=shares / shares.sum())) + str(random.choice(marks))
        for _ in range(n_texts)
    ]


def _ours(texts: list[str]) -> Any:
    return TextVectorizer().fit_transform(texts)


def _ours_cold(texts: list[str]) -> Any:
    text_tokens._tokens.cache_clear()
    text_counting._counted.cache_clear()
    return _ours(texts)


def _plain(texts: list[str]) -> Any:
    from nltk.tokenize import TweetTokenizer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    tokenizer = TweetTokenizer(preserve_case=False, reduce_len=True)
    words = TfidfVectorizer(
        tokenizer=tokenizer.tokenize,
        token_pattern=None,
        ngram_range=(1, 2),
        min_df=2,
        sublinear_tf=True,
        dtype=np.float32,
    )
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True, dtype=np.float32)
    return make_union(words, characters).fit_transform(texts)
