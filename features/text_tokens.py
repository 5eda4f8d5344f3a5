"""Tokens of a text: words, punctuation, emoticons and emoji, counted once for all who need them.

A sentence is tokenised on its way to every prediction, so nothing is imported here but the standard library; NLTK, whose
import takes a second, comes in only where :func:`stem` is asked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from .text_cleaning import mask_text

ELONGATED = "<elongated>"
LONGEST_EMOTICON = 4  # whose case is kept, as in ":-D"
# Texts of utterance length are met again in every fold; longer ones would fill the memory.
CACHED_CHARACTERS = 400
CACHED_TEXTS = 2**15
_NEGATION = re.compile(
    r"no|not|never|none|nothing|nobody|nowhere|neither|nor|cannot|without|\w+n't|"
    r"(?:ai|are|ca|could|did|do|does|had|has|have|is|should|was|were|wo|would)nt"
)
_CLAUSE_END = re.compile(r"[.,:;!?]+|\.{2,}")
_WORD = re.compile(r"[^\W_](?:[^\s()\[\]{}:;=<>|\\/]|[:/](?=\d))*")  # with combining marks; no emoticon such as D:
_STRETCHED = re.compile(r"([^\W\d_])\1\1", re.IGNORECASE)
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_FIRST_SYMBOL = "\u2010"  # below it stand signs such as © and °, which are no emoji

# Every alternative can only grow or be cut back once, so that a text takes time in proportion to its length.
_MOUTH = r"[)(\]\[dDpP/:}{@|\\]"
_EYES = "[:;=8]"
_TOP_LEVEL = r"\.[A-Za-z]{2,13}"
_TONE = "[\U0001f3fb-\U0001f3ff]"
_TOKEN = re.compile(
    "|".join(
        (
            # What is left of addresses once they are masked: "https:x", "and.or/else", "okay.well".
            rf"(?:[hH][tT]{{2}}[pP][sS]?:[A-Za-z0-9%/]|[A-Za-z0-9.-]{{1,255}}{_TOP_LEVEL}/)"
            r"(?:[^\s(){}<>\[\]]|\([^\s()]{1,255}+\)){2,}(?<![`!;:'\".,?«»“”‘’])",
            rf"[A-Za-z0-9](?<!@.)[A-Za-z0-9]*+(?:[.-][A-Za-z0-9]++){{0,126}}{_TOP_LEVEL}\b(?:/(?!@)|(?!@))",
            rf"[<>]?{_EYES}[oO'*-]?{_MOUTH}|{_MOUTH}[oO'*-]?{_EYES}[<>]?|</?3",
            r"<[^>\s]{1,500}+>",
            r"-++>|<-++",
            r"@\w++",
            r"\#++\w[\w'-]*\w",
            r"[\w.+-]{1,64}+@[\w-]{1,63}+\.[\w-](?:\.?[\w-]){1,251}",
            rf"\S(?:(?:{_TONE}?\u200d\S{_TONE}?)++|{_TONE})",
            r"[\U0001f1e6-\U0001f1ff]{2}|\U0001f3f4[\U000e0030-\U000e007a]{1,6}\U000e007f",  # flags of lands and regions
            r"[^\W\d_](?:[^\W\d]|['-])+[^\W\d_]",  # with apostrophes and hyphens inside
            r"[+-]?\d++[,/.:-]\d++[+-]?",
            r"\w++",
            r"\.(?: ?\.)++",
            r"\S",
        )
    )
)
# What stands for characters that this module's "\w" takes for something else than Unicode's definition of words does.
_STAND_INS = {"Mn": "\u01c0", "Mc": "\u01c0", "Me": "\u01c0", "No": "\u00a4", "Pc": "\u01c0"}
_JOINER = re.compile("(?<=\\w)\u200d")  # after letters of Indic scripts, where between symbols it joins emoji


def tokenize(text: str) -> list[str]:
    """Split a clean text into lower-case words, punctuation, masks, emoticons and emoji.

    Tokens are cut as NLTK's ``TweetTokenizer`` [1]_ cuts them, after :func:`~.text_cleaning.mask_text`: a number with
    its separator, a word with its apostrophes and hyphens, an emoticon, a joined emoji and a row of points are one token
    each. A word with a letter stretched to three is followed by ``<elongated>``, an emoji by its Unicode name.

    References
    ----------
    .. [1] Bird, Klein and Loper (2009), Natural language processing with Python, O'Reilly.

    Examples
    --------
    >>> tokenize("Sooooo cool 😂!")
    ['sooo', '<elongated>', 'cool', '😂', ':face_with_tears_of_joy:', '!']
    """
    return list(_tokens(text) if len(text) <= CACHED_CHARACTERS else _tokens.__wrapped__(text))


def mark_negations(tokens: Iterable[str]) -> list[str]:
    """Put ``not_`` before each word between a negation and the next punctuation mark [1]_.

    References
    ----------
    .. [1] Pang, Lee and Vaithyanathan (2002), Thumbs up? Sentiment classification using machine learning techniques,
       EMNLP.

    Examples
    --------
    >>> mark_negations(["i", "don't", "like", "it", ",", "sorry"])
    ['i', "don't", 'not_like', 'not_it', ',', 'sorry']
    """
    marked, negated = [], False
    for token in tokens:
        if _CLAUSE_END.fullmatch(token):
            negated = False
        marked.append(f"not_{token}" if negated and _WORD.fullmatch(token) else token)
        negated = negated or is_negation(token)
    return marked


def is_negation(token: str) -> bool:
    """Whether a token negates what follows: "not", "never", "nobody", or a word ending in "n't"."""
    return _NEGATION.fullmatch(token) is not None


def is_word(token: str) -> bool:
    """Whether a token begins with a letter or a digit, and is no emoticon such as ``D:``."""
    return _WORD.fullmatch(token) is not None


def is_emoji(token: str) -> bool:
    """Whether a token is an emoji, a joined sequence of them or a flag."""
    return token > _FIRST_SYMBOL and unicodedata.category(token[0]) == "So"


def emoji_name(emoji: str) -> str:
    """Return the Unicode name of an emoji as a token; parts of a joined one are listed, skin tones left out.

    Examples
    --------
    >>> emoji_name("👩\u200d👧"), emoji_name("👍🏽"), emoji_name("🇫🇷")
    (':woman_girl:', ':thumbs_up_sign:', ':flag_fr:')
    """
    parts = [part for part in emoji if part not in _SKIN_TONES and unicodedata.category(part) == "So"]
    if len(parts) == 2 and all(ord(part) in _FLAG_LETTERS for part in parts):
        return ":flag_" + "".join(chr(ord(part) - _FLAG_LETTERS.start + ord("a")) for part in parts) + ":"
    names = [unicodedata.name(part, f"u+{ord(part):x}").lower().replace(" ", "_") for part in parts]
    return f":{'_'.join(names)}:"


@lru_cache(maxsize=CACHED_TEXTS)
def stem(word: str) -> str:
    """Return the English stem of a word in lower case by the Snowball rules, as NLTK has them [1]_.

    References
    ----------
    .. [1] Porter (2001), Snowball: a language for stemming algorithms, https://snowballstem.org.

    Examples
    --------
    >>> stem("happily"), stem("crying")
    ('happili', 'cri')
    """
    stemmed: str = _stemmer().stem(word)
    return stemmed


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from nltk.stem.snowball import SnowballStemmer

    return SnowballStemmer("english")


@lru_cache(maxsize=CACHED_TEXTS)
def _tokens(text: str) -> tuple[str, ...]:
    masked = mask_text(text)
    plain = masked.isascii() and not _STRETCHED.search(masked)
    tokens: list[str] = []
    for token in _cut(masked):
        if len(token) > LONGEST_EMOTICON or _WORD.fullmatch(token):
            token = token.lower()
        tokens.append(token.replace(" ", ""))  # ". . ." is one token
        if plain:
            continue
        if _STRETCHED.search(token):
            tokens.append(ELONGATED)
        elif is_emoji(token):
            tokens.append(emoji_name(token))
    return tuple(tokens)


def _cut(text: str) -> list[str]:
    if text.isascii():
        return _TOKEN.findall(text)
    # As many characters as before, so that what is found in the one is cut out of the other.
    shape = _JOINER.sub(_STAND_INS["Mn"], text.translate(_stand_ins()))
    return [text[slice(*match.span())] for match in _TOKEN.finditer(shape)]


@lru_cache(maxsize=1)
def _stand_ins() -> dict[int, str]:
    class StandIns(dict[int, str]):
        def __missing__(self, code: int) -> str:
            letter = chr(code)
            kind = "Mn" if is_emoji(letter) and (letter.isupper() or letter.islower()) else unicodedata.category(letter)
            self[code] = letter if code < 128 else _STAND_INS.get(kind, letter)  # a letter in a circle is a letter
            return self[code]

    return StandIns({0x200C: _STAND_INS["Mn"]})  # the non-joiner within Persian words
