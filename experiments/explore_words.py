"""Which words each class says more often than the others do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..features.text_cleaning import clean_text
from ..features.text_tokens import is_word, tokenize

N_WORDS = 12
FEWEST_TEXTS = 3
TELLING = 1.96


@dataclass(frozen=True)
class Word:
    """A word that a class says more often: ``z`` is its log odds ratio in standard errors, ``n`` its texts in the class."""

    word: str
    z: float
    n: int


def telling_words(texts: Sequence[str], labels: Sequence[str]) -> dict[str, list[Word]]:
    """Return the words that tell each class from the others, the most telling first.

    Parameters
    ----------
    texts, labels : sequence of str

    Returns
    -------
    dict of str to list of Word
        At most twelve for each class, out of words in three texts and more, each with z above 1.96.

    Notes
    -----
    Texts that hold a word are counted, so that nobody is heard twice for repeating it. z is the log odds ratio, with
    the shares of the whole corpus as a prior that weighs as much as the class itself, over its standard error [1]_: a rare
    word needs a larger difference. It ranks; with thousands of words it tests nothing.

    References
    ----------
    .. [1] Monroe, Colaresi and Quinn (2008), Fightin' words: lexical feature selection and evaluation for identifying the
       content of political conflict, Political Analysis 16(4).

    Examples
    --------
    >>> found = telling_words(["so glad"] * 30 + ["so cross"] * 30, ["happy"] * 30 + ["angry"] * 30)
    >>> [word.word for word in found["happy"]]
    ['glad']
    """
    counts: dict[str, Counter[str]] = {label: Counter() for label in sorted(set(labels))}
    for text, label in zip(texts, labels, strict=True):
        counts[label].update({token for token in tokenize(clean_text(text)) if is_word(token)})
    together = sum(counts.values(), Counter[str]())
    words = sorted(word for word, count in together.items() if count >= FEWEST_TEXTS)
    if not words:
        return {label: [] for label in counts}
    everywhere = np.array([together[word] for word in words], dtype=np.float64)
    found = {}
    for label, own in counts.items():
        here = np.array([own[word] for word in words], dtype=np.float64)
        there, prior = everywhere - here, everywhere * max(here.sum(), 1.0) / everywhere.sum()
        odds = [_log_odds(part + prior, part.sum() + prior.sum()) for part in (here, there)]
        z = (odds[0] - odds[1]) / np.sqrt(1 / (here + prior) + 1 / (there + prior))
        best = [place for place in np.argsort(-z, kind="stable")[:N_WORDS] if z[place] > TELLING]
        found[label] = [Word(words[place], float(z[place]), int(here[place])) for place in best]
    return found


def _log_odds(
    counts: np.ndarray[tuple[int], np.dtype[np.float64]], total: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(np.log(counts) - np.log(total - counts))
