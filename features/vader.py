"""VADER's sentiment scores by NLTK's implementation, with the lexicon that the package ``vaderSentiment`` carries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .errors import EmofuseError


@lru_cache(maxsize=1)
def vader_lexicon() -> Mapping[str, float]:
    """Return the mean valence, -4 to 4, of VADER's 7500 words, abbreviations and emoticons [1]_.

    The package that carries the list is found, not imported: its module would import a client for the web.

    Raises
    ------
    EmofuseError
        The package or its list is not installed.

    References
    ----------
    .. [1] Hutto and Gilbert (2014), VADER: A parsimonious rule-based model for sentiment analysis of social media text,
       ICWSM.

    Examples
    --------
    >>> vader_lexicon()["happy"]
    2.7
    """
    found = find_spec("vaderSentiment")
    folders = [] if found is None else list(found.submodule_search_locations or [])
    for folder in folders:
        path = Path(folder) / "vader_lexicon.txt"
        if path.is_file():
            lines = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if "\t" in line)
            return MappingProxyType({word: float(valence) for word, valence, *_ in lines})
    raise EmofuseError(
        "VADER's lexicon is not installed; install the package vaderSentiment (nothing is downloaded at run time)"
    )


def vader_scores(text: str) -> dict[str, float]:
    """Return VADER's ``pos``, ``neg``, ``neu`` (shares that add up to 1) and ``compound`` (-1 to 1) of a text.

    Boosters, negations, capitals, "but" and punctuation count as in Hutto and Gilbert (2014); an empty text has zeros.

    Examples
    --------
    >>> vader_scores("I am so happy!")["compound"]
    0.6468
    """
    scores: dict[str, float] = _analyzer().polarity_scores(text)
    return scores


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    from nltk.sentiment.vader import SentimentIntensityAnalyzer, VaderConstants

    class Analyzer(SentimentIntensityAnalyzer):  # type: ignore[misc, unused-ignore]
        """NLTK's analyser, which would look for the lexicon among its own downloads."""

        def __init__(self, lexicon: Mapping[str, float]) -> None:
            self.lexicon = lexicon
            self.constants = VaderConstants()

    return Analyzer(vader_lexicon())
