"""The counts of a text themselves: how it is written, whom it speaks of, and what a sentiment lexicon says of it.

Apart from their extractor, so that a prediction from words can count without what extracting a corpus takes.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .text_cleaning import mask_text
from .text_tokens import CACHED_CHARACTERS, CACHED_TEXTS, ELONGATED, is_emoji, is_negation, is_word, tokenize
from .vader import vader_lexicon, vader_scores

LIWC = "Pennebaker, Boyd, Jordan and Blackburn (2015), The development and psychometric properties of LIWC2015"
VADER = "Hutto and Gilbert (2014), VADER, ICWSM"
STYLE = "Kiritchenko, Zhu and Mohammad (2014), Sentiment analysis of short informal texts, JAIR 50"
STRETCHED = "Brody and Diakopoulos (2011), Cooooooooooooooollllllllllllll!!!!!!!!!!!!!!, EMNLP"
LEXICAL = "Templin (1957), Certain language skills in children, University of Minnesota Press"
MASKS = "Go, Bhayani and Huang (2009), Twitter sentiment classification using distant supervision, Stanford"

_FIRST_PERSON = re.compile(r"(?:i|we)(?:'(?:m|re|ve|ll|d))?|me|my|mine|myself|us|our|ours|ourselves")
_SECOND_PERSON = re.compile(r"you(?:'(?:re|ve|ll|d))?|your|yours|yourself|yourselves|ya")
_THIRD_PERSON = re.compile(
    r"(?:he|she|it|they)(?:'(?:s|re|ve|ll|d))?|him|his|himself|her|hers|herself|them|their|theirs|themselves|its|itself"
)
NO_MARKERS = frozenset((ELONGATED, "<url>", "<email>", "<phone>", "<user>"))
_INTERJECTION = re.compile(
    r"o+h+|a+h+|o{2,}|aw+|wo+w+|he+y+|u+gh+|e+w+|whoa+|ya+y+|y(?:eah|ep|up)|no+pe|ou?ch|oops|(?:ha|he|hi){2,}h?|huh|ge{2,}z|"
    r"je{2,}z|gosh|yikes|phew|hooray|damn|my god|gee|please|thanks|sorry"
)
_FILLER = re.compile(r"u+m+|u+h+m*|e+r+m*|hm+|m{2,}|uh-huh")
_EMOTICON = re.compile(
    r"[<>}]?[:;=8x][-o*']?[)\](\[dp/:}{@|\\]|[)\](\[dp/:}{@|\\][-o*']?[:;=8][<>]?|<3|</3", re.IGNORECASE
)
_CAPITALS = re.compile(r"\b[^\W\d_]{2,}\b")

# Name: what it measures, unit, source. The order is that of the row.
FEATURES: dict[str, tuple[str, str, str]] = {
    "n_characters": ("Number of characters of the cleaned text.", "characters", LIWC),
    "n_words": ("Number of words and numbers.", "words", LIWC),
    "mean_word_length": ("Mean length of the words.", "characters", LIWC),
    "type_token_ratio": ("Different words divided by all words.", "1", LEXICAL),
    "upper_case_share": ("Share of upper-case letters among all letters that have a case.", "1", STYLE),
    "n_upper_case_words": ("Number of words of two letters or more written in capitals.", "words", STYLE),
    "n_exclamation_marks": ("Number of exclamation marks; runs are counted to three.", "marks", VADER),
    "n_question_marks": ("Number of question marks; runs are counted to three.", "marks", VADER),
    "n_mixed_marks": ("Number of places where an exclamation mark and a question mark meet.", "places", STYLE),
    "n_ellipses": ("Number of ellipses, of two or more points or the single character.", "ellipses", STYLE),
    "n_commas": ("Number of commas.", "marks", LIWC),
    "n_dashes": ("Number of dashes, hyphens between spaces and double hyphens.", "marks", LIWC),
    "n_quotes": ("Number of double quotation marks.", "marks", LIWC),
    "n_elongations": ("Number of words with a letter repeated three times or more.", "words", STRETCHED),
    "n_emoji": (
        "Number of emoji; a joined sequence is one.",
        "emoji",
        "Kralj Novak et al. (2015), Sentiment of emojis, PLOS ONE 10",
    ),
    "n_emoticons": ("Number of emoticons written with punctuation.", "emoticons", STYLE),
    "n_urls": ("Number of web addresses.", "addresses", MASKS),
    "n_mentions": ("Number of mentions of an account, with @.", "mentions", MASKS),
    "n_hashtags": ("Number of hashtags.", "hashtags", STYLE),
    "n_digits": ("Number of digits.", "digits", LIWC),
    "n_first_person": ("Number of pronouns of the first person.", "words", LIWC),
    "n_second_person": ("Number of pronouns of the second person.", "words", LIWC),
    "n_third_person": ("Number of pronouns of the third person.", "words", LIWC),
    "n_negations": ("Number of words that negate.", "words", STYLE),
    "n_interjections": (
        "Number of interjections such as oh, wow, ugh, and formulas such as please, sorry, thanks.",
        "words",
        LIWC,
    ),
    "n_fillers": ("Number of fillers such as um, uh, hmm.", "words", LIWC),
    "n_markers": ("Number of transcriber's markers such as [laughter].", "markers", LIWC),
    "n_positive_words": ("Number of tokens of positive valence in VADER's lexicon.", "words", VADER),
    "n_negative_words": ("Number of tokens of negative valence in VADER's lexicon.", "words", VADER),
    "sum_positive_valence": ("Sum of the positive valences of VADER's lexicon.", "1", VADER),
    "sum_negative_valence": ("Sum of the negative valences of VADER's lexicon.", "1", VADER),
    "max_valence": ("Highest valence of a token in VADER's lexicon, 0 where none has one.", "1", VADER),
    "min_valence": ("Lowest valence of a token in VADER's lexicon, 0 where none has one.", "1", VADER),
    "vader_positive": ("VADER's share of positive sentiment.", "1", VADER),
    "vader_negative": ("VADER's share of negative sentiment.", "1", VADER),
    "vader_neutral": ("VADER's share of neutral text.", "1", VADER),
    "vader_compound": ("VADER's compound score, -1 to 1, with boosters, negation and emphasis.", "1", VADER),
}


def count_text(text: str) -> npt.NDArray[np.float32]:
    """Return the counts of a clean text, in the order of ``FEATURES``.

    Returns
    -------
    ndarray of shape (n_features,), float32, read-only
    """
    return _counted(text) if len(text) <= CACHED_CHARACTERS else _counted.__wrapped__(text)


@lru_cache(maxsize=CACHED_TEXTS)
def _counted(text: str) -> npt.NDArray[np.float32]:
    tokens = tokenize(text)
    counts = {**_style(text, tokens), **_words(tokens), **_lexicon(text, tokens)}
    row = np.array([counts[name] for name in FEATURES], dtype=np.float32)
    row.setflags(write=False)  # it is kept and given out again
    return row


def _style(text: str, tokens: list[str]) -> dict[str, float]:
    cased = [letter.isupper() for letter in text if letter.isupper() or letter.islower()]
    masked = mask_text(text)
    return {
        "n_characters": len(text),
        "upper_case_share": sum(cased) / len(cased) if cased else 0.0,
        "n_upper_case_words": sum(word.isupper() for word in _CAPITALS.findall(masked)),
        "n_exclamation_marks": tokens.count("!"),
        "n_question_marks": tokens.count("?"),
        "n_mixed_marks": masked.count("!?") + masked.count("?!"),
        "n_ellipses": sum(token == "…" or (len(token) > 1 and set(token) == {"."}) for token in tokens),
        "n_commas": tokens.count(","),
        "n_dashes": tokens.count("-") + tokens.count("–") + tokens.count("—"),
        "n_quotes": tokens.count('"'),
        "n_elongations": tokens.count(ELONGATED),
        "n_emoji": sum(is_emoji(token) for token in tokens),
        "n_emoticons": _count(_EMOTICON, tokens),
        "n_urls": tokens.count("<url>"),
        "n_mentions": tokens.count("<user>"),
        "n_hashtags": masked.count("# "),
        "n_digits": sum(letter.isdigit() for letter in text),
    }


def _words(tokens: list[str]) -> dict[str, float]:
    words = [token for token in tokens if is_word(token)]
    return {
        "n_words": len(words),
        "mean_word_length": sum(map(len, words)) / len(words) if words else 0.0,
        "type_token_ratio": len(set(words)) / len(words) if words else 0.0,
        "n_first_person": _count(_FIRST_PERSON, words),
        "n_second_person": _count(_SECOND_PERSON, words),
        "n_third_person": _count(_THIRD_PERSON, words),
        "n_negations": sum(map(is_negation, words)),
        "n_interjections": _count(_INTERJECTION, words),
        "n_fillers": _count(_FILLER, words),
        "n_markers": sum(token[0] == "<" and token[-1] == ">" and token not in NO_MARKERS for token in tokens),
    }


def _count(pattern: re.Pattern[str], tokens: list[str]) -> int:
    return sum(pattern.fullmatch(token) is not None for token in tokens)


def _lexicon(text: str, tokens: list[str]) -> dict[str, float]:
    lexicon = vader_lexicon()
    valences = [lexicon[token] for token in tokens if token in lexicon]
    scores = vader_scores(text)
    return {
        "n_positive_words": sum(valence > 0 for valence in valences),
        "n_negative_words": sum(valence < 0 for valence in valences),
        "sum_positive_valence": sum(valence for valence in valences if valence > 0),
        "sum_negative_valence": sum(valence for valence in valences if valence < 0),
        "max_valence": max(valences, default=0.0),
        "min_valence": min(valences, default=0.0),
        "vader_positive": scores["pos"],
        "vader_negative": scores["neg"],
        "vader_neutral": scores["neu"],
        "vader_compound": scores["compound"],
    }
