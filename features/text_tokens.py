"""Tokens of a text: words, punctuation, emoticons and emoji, counted once for all who need them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from .errors import EmofuseError
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


def tokenize(text: str) -> list[str]:
    """Split a clean text into lower-case words, punctuation, masks, emoticons and emoji.

    NLTK's ``TweetTokenizer``, which needs no data, after :func:`~.text_cleaning.mask_text`. A word with a letter
    stretched to three is followed by ``<elongated>``, an emoji by its Unicode name.

    Raises
    ------
    EmofuseError
        NLTK asks for data that is not there; nothing is ever downloaded.

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
def _tokens(text: str) -> tuple[str, ...]:
    masked = mask_text(text)
    try:
        found = _tweet_tokenizer().tokenize(masked)
    except LookupError as error:
        wanted = next((line.strip() for line in str(error).splitlines() if line.strip(" *")), "a resource")
        raise EmofuseError(
            f"NLTK lacks data ({wanted:.80}); nothing is downloaded: copy the resource into a folder of NLTK_DATA"
        ) from None
    plain = masked.isascii() and not _STRETCHED.search(masked)
    tokens: list[str] = []
    for token in found:
        if len(token) > LONGEST_EMOTICON or _WORD.fullmatch(token):
            token = token.lower()
        tokens.append(token.replace(" ", ""))  # NLTK takes ". . ." for one token
        if plain:
            continue
        if _STRETCHED.search(token):
            tokens.append(ELONGATED)
        elif is_emoji(token):
            tokens.append(emoji_name(token))
    return tuple(tokens)


@lru_cache(maxsize=1)
def _tweet_tokenizer() -> Any:
    from nltk.tokenize import TweetTokenizer

    # Its own folding of case looks for an emoticon in every word, which takes longer than all the rest.
    return TweetTokenizer(preserve_case=True, match_phone_numbers=False)
