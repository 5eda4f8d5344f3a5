"""VADER's sentiment scores by its published rules, with the lexicon that the package ``vaderSentiment`` carries.

The rules are written out here, with the words and numbers of the paper and its authors' program, because both packages that
have them import far more than a prediction may cost. What they compute is what NLTK's implementation computes.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from .errors import EmofuseError

# The mean change that raters gave, on the lexicon's scale of -4 to 4: for a word of degree, for capitals, for a negation.
DEGREE = 0.293
CAPITALS = 0.733
NEGATION = -0.74
EXCLAMATION = 0.292
QUESTION = 0.18
MANY_QUESTIONS = 0.96
BEFORE_BUT, AFTER_BUT = 0.5, 1.5
FURTHER_OFF = (1.0, 0.95, 0.9)  # how much a word of degree counts at one, two and three words' distance
NEVER_SO = (1.0, 1.5, 1.25)
SPREAD = 15  # in the norm of the compound score

_MORE = """
    absolutely amazingly awfully completely considerably decidedly deeply effing enormously entirely especially exceptionally
    extremely fabulously flippin flipping frickin fricking friggin frigging fucking fully greatly hella highly hugely
    incredibly intensely majorly more most particularly purely quite really remarkably so substantially thoroughly totally
    tremendously uber unbelievably unusually utterly very
"""
_LESS = """
    almost barely hardly kind-of kinda kindof less little marginally occasionally partly scarcely slightly somewhat sort-of
    sorta sortof
"""
_LESS_IN_TWO_WORDS = frozenset(("just enough", "kind of", "sort of"))
_DEGREES = dict.fromkeys(_MORE.split(), DEGREE) | dict.fromkeys((*_LESS.split(), *_LESS_IN_TWO_WORDS), -DEGREE)
_NEGATIONS = """
    aint arent cannot cant couldnt darent despite didnt doesnt dont hadnt hasnt havent isnt mightnt mustnt neednt neither never
    none nope nor not nothing nowhere oughtnt rarely seldom shant shouldnt uh-uh uhuh wasnt werent without wont wouldnt
"""
_NEGATING = frozenset(_NEGATIONS.split())  # and whatever holds "n't"
_IDIOMS = {
    "the shit": 3.0,
    "the bomb": 3.0,
    "bad ass": 1.5,
    "yeah right": -2.0,
    "cut the mustard": 2.0,
    "kiss of death": -1.5,
    "hand to mouth": -2.0,
}
_MARKS = frozenset((*".!?,;:-'\"", "!!", "!!!", "??", "???", "?!?", "!?!", "?!?!", "!?!?"))
_SIGN = f"[{re.escape(string.punctuation)}]"
_EDGED = re.compile(f"({_SIGN}*)([^{_SIGN[1:-1]}]{{2,}})({_SIGN}*)")


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

    Words of degree, negations, capitals, "but" and punctuation count as in Hutto and Gilbert (2014); an empty text has
    zeros.

    Examples
    --------
    >>> vader_scores("I am so happy!")["compound"]
    0.6468
    """
    words = [_without_marks(word) for word in text.split() if len(word) > 1]
    if not words:
        return {"neg": 0.0, "neu": 0.0, "pos": 0.0, "compound": 0.0}
    return _shares(_weighed_by_but(_valences(words), words), _emphasis(text))


def _without_marks(word: str) -> str:
    """Strip punctuation from one side of a word, which leaves emoticons as they are."""
    if word.isalnum():
        return word
    edged = _EDGED.fullmatch(word)
    if edged is None:
        return word
    before, bare, after = edged.groups()
    return bare if (before in _MARKS and not after) or (after in _MARKS and not before) else word


def _valences(words: list[str]) -> list[float]:
    """Return the valence of each word in its place; 0 for words of degree and for those that are not in the lexicon."""
    lexicon = vader_lexicon()
    lower = [word.lower() for word in words]
    in_capitals = [word.isupper() for word in words]
    if all(in_capitals):
        in_capitals = [False] * len(words)  # then capitals emphasise nothing
    valences = []
    first_place = {word: place for place, word in reversed(tuple(enumerate(words)))}
    for word in words:
        place = first_place[word]  # a word said again counts as where it was said first, as in NLTK
        valence = 0.0
        if lower[place] in lexicon and lower[place] not in _DEGREES and lower[place : place + 2] != ["kind", "of"]:
            valence = lexicon[lower[place]]
            if in_capitals[place]:
                valence += CAPITALS if valence > 0 else -CAPITALS
            valence = _modified(valence, place, words, lower, in_capitals)
        valences.append(valence)
    return valences


def _modified(valence: float, place: int, words: list[str], lower: list[str], in_capitals: list[bool]) -> float:
    """Change a valence by the three words before it, nearest first."""
    lexicon = vader_lexicon()
    for distance in (1, 2, 3):
        before = place - distance
        if before < 0 or lower[before] in lexicon:
            continue
        valence += _degree(lower[before], valence, capitals=in_capitals[before]) * FURTHER_OFF[distance - 1]
        valence = _negated(valence, distance, words[place - distance : place])
        if distance == 3:
            valence = _idiom(valence, place, words)
    if place > 0 and lower[place - 1] == "least" and "least" not in lexicon:
        at_least = place > 1 and lower[place - 2] in ("at", "very")
        valence *= 1 if at_least else NEGATION
    return valence


def _degree(word: str, valence: float, *, capitals: bool) -> float:
    change = _DEGREES.get(word, 0.0)
    if not change:
        return 0.0
    if valence < 0:
        change = -change
    if capitals:
        change += CAPITALS if valence > 0 else -CAPITALS
    return change


def _negated(valence: float, distance: int, before: list[str]) -> float:
    """Turn a valence round where the first of the words before it negates; "never so" and "never this" strengthen it."""
    emphasised = {"so", "this"}
    if distance == 2 and before[0] == "never" and before[1] in emphasised:
        return valence * NEVER_SO[1]
    # "so" and "this" right before the word strengthen it here without a "never" too, as in the authors' own program.
    if distance == 3 and ((before[0] == "never" and before[1] in emphasised) or before[2] in emphasised):
        return valence * NEVER_SO[2]
    word = before[0].lower()
    return valence * NEGATION if word in _NEGATING or "n't" in word else valence


def _idiom(valence: float, place: int, words: list[str]) -> float:
    """Replace a valence by that of an idiom the word stands in, and lessen it after "kind of"."""
    third, second, first, word = words[place - 3 : place + 1]
    spoken = (
        f"{first} {word}",
        f"{second} {first} {word}",
        f"{second} {first}",
        f"{third} {second} {first}",
        f"{third} {second}",
    )
    valence = next((_IDIOMS[phrase] for phrase in spoken if phrase in _IDIOMS), valence)
    for length in (2, 3):
        valence = _IDIOMS.get(" ".join(words[place : place + length]), valence)
    if not _LESS_IN_TWO_WORDS.isdisjoint((spoken[2], spoken[4])):
        valence -= DEGREE
    return valence


def _weighed_by_but(valences: list[float], words: list[str]) -> list[float]:
    lower = [word.lower() for word in words]
    if "but" not in lower:
        return valences
    but = lower.index("but")
    weights = [BEFORE_BUT] * but + [1.0] + [AFTER_BUT] * (len(words) - but - 1)
    return [valence * weight for valence, weight in zip(valences, weights, strict=True)]


def _emphasis(text: str) -> float:
    exclamations, questions = min(text.count("!"), 4), text.count("?")
    if questions < 2:
        return exclamations * EXCLAMATION
    return exclamations * EXCLAMATION + (questions * QUESTION if questions < 4 else MANY_QUESTIONS)


def _shares(valences: list[float], emphasis: float) -> dict[str, float]:
    total = sum(valences)
    if total:
        total += math.copysign(emphasis, total)
    # A neutral word counts 1, so 1 is added to what each of the others carries.
    positive = sum(valence + 1 for valence in valences if valence > 0)
    negative = sum(1 - valence for valence in valences if valence < 0)
    neutral = valences.count(0)
    if positive > negative:
        positive += emphasis
    elif negative > positive:
        negative += emphasis
    size = positive + negative + neutral
    return {
        "neg": round(negative / size, 3),
        "neu": round(neutral / size, 3),
        "pos": round(positive / size, 3),
        "compound": round(total / math.sqrt(total * total + SPREAD), 4),
    }
