"""What text arrives as, and the one form it is counted in: repaired first, then masked."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from .errors import EmofuseWarning

MAX_CHARACTERS = 20_000
MAX_ROUNDS = 8
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# Printable ASCII that starts no entity and no tag: nothing in it can need a repair.
_PLAIN = re.compile(r"[ -%'-;=?-~]*")
_SPACES = re.compile(r"\s+")
_SEPARATORS = re.compile(r"[\x0b\x0c\x1c-\x1f\u2028\u2029]")
_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")  # direction and byte-order marks
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x7f-\x84\x86-\x9f]")
_NESTED_AMPERSAND = re.compile(r"&(?:amp;|#0{0,5}38;|#x0{0,5}26;)+", re.IGNORECASE)
_INLINE = "a|abbr|b|big|cite|code|del|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var"
_BLOCK = (
    "article|aside|blockquote|body|br|button|center|dd|div|dl|dt|footer|form|h[1-6]|head|header|hr|html|iframe|img|input|"
    "label|li|link|main|meta|nav|ol|option|p|pre|section|select|svg|table|tbody|td|textarea|th|thead|title|tr|ul|video"
)
_SILENT = re.compile(r"<(script|style)\b[^<>]{0,500}>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL)
_ATTRIBUTES = r"(?:\s+[\w:-]+\s*=[^<>]{0,500})?\s?/?"  # without a '=', "a <b and c> d" is a comparison
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}>", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"<!doctype[^<>]{{0,500}}>|</?(?:{_BLOCK}){_ATTRIBUTES}>", re.IGNORECASE)

# What any of the masks below needs: without it a text is as it was.
_MASKABLE = re.compile(r"[@#\[\ufe0e\ufe0f]|\d\d|://|\.\w|([^\d\s])\1{3}", re.IGNORECASE)
_MARKER = re.compile(r"\[([^\W\d_][\w '-]{0,30})\]")
_URL = re.compile(
    r"(?:\b(?:https?|ftp|file)://|\bwww\.)[^\s<>]*[^\s<>.,;:!?'\")\]]|"
    r"(?<![\w@.-])(?:[a-z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|info|io|ly|co|uk|de|fr|eu|tv)\b(?!@)"
    r"(?:/[^\s<>]*[^\s<>.,;:!?'\")\]])?",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_MENTION = re.compile(r"(?<![\w@])@\w{1,50}")
# International; area code in brackets; 555-1234; 555 123 4567; ten or eleven digits in a row. Dates are none of these.
_PHONE = re.compile(
    r"(?<![\w.,/+-])(?:"
    r"\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,5}|\(\d{2,5}\)[ .-]?\d{2,5}(?:[ .-]?\d{2,5}){1,3}|"
    r"(?:1[ .-])?(?:\d{3}[ .-])?\d{3}[.-]\d{4}|\d{3} \d{3} \d{4}|\d{10,11}"
    r")(?![\w/-])"
)
_HASHTAG = re.compile(r"(?<![\w&])#([^\W\d_]\w*)")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_RUN = re.compile(r"([^\d\s])\1{3,}", re.IGNORECASE)


def decode_text(data: bytes) -> str:
    """Decode UTF-8, or UTF-16 with its byte-order mark; raise UnicodeDecodeError for anything else."""
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def clean_text(text: str) -> str:
    """Bring a text to one canonical form without losing what carries emotion (case, punctuation, emoji).

    Unicode NFC; mojibake, Windows-1252 controls, typographic quotes, ligatures and full-width letters brought to plain
    ones, and HTML entities decoded (ftfy [1]_); HTML elements removed; control characters, terminal escapes, direction
    overrides and byte-order marks removed; lone surrogates replaced by U+FFFD; white space folded; cut after 20,000
    characters.

    References
    ----------
    .. [1] Speer (2019), ftfy, Zenodo, doi:10.5281/zenodo.2591652.

    Examples
    --------
    >>> clean_text("It\\x92s  <b>fine</b>\\u202e &amp; grand!")
    "It's fine & grand!"
    """
    text = text[:MAX_CHARACTERS]
    if _PLAIN.fullmatch(text):
        return " ".join(text.split())
    for _ in range(MAX_ROUNDS):
        repaired = _repair(text)
        if repaired == text:
            break
        text = repaired
    return text


def clean_texts(texts: Iterable[str | None]) -> list[str | None]:
    """Return :func:`clean_text` of each text, None where one is absent.

    Warns
    -----
    EmofuseWarning
        Texts were cut to 20,000 characters.
    """
    texts = list(texts)
    n_cut = sum(text is not None and is_too_long(text) for text in texts)
    if n_cut:
        warnings.warn(f"{n_cut} texts were cut to {MAX_CHARACTERS} characters", EmofuseWarning, stacklevel=3)
    return [None if text is None else clean_text(text) for text in texts]


def is_too_long(text: str) -> bool:
    """Whether :func:`clean_text` cuts a text."""
    return len(text) > MAX_CHARACTERS


def mask_text(text: str) -> str:
    """Put tokens for what names a person or a place in the net, and shorten what is repeated.

    Addresses become ``<url>`` and ``<email>``, phone numbers ``<phone>``, mentions ``<user>``, transcribers' markers
    such as ``[laughter]`` ``<laughter>``; hashtags are parted from their ``#`` and at capital letters; a character
    other than a digit stands at most three times in a row; variation selectors are dropped.

    Parameters
    ----------
    text : str
        As :func:`clean_text` returns it.

    Examples
    --------
    >>> mask_text("@ann soooooo #VeryHappy [laughs] see https://example.org/x or call +1 555 123 4567")
    '<user> sooo # Very Happy <laughs> see <url> or call <phone>'
    """
    if not _MASKABLE.search(text):
        return text
    text = text.replace("\ufe0f", "").replace("\ufe0e", "")
    text = _MARKER.sub(lambda match: f" <{match[1].strip().lower().replace(' ', '_')}> ", text)
    text = _EMAIL.sub(" <email> ", _URL.sub(" <url> ", text))
    text = _PHONE.sub(" <phone> ", _MENTION.sub(" <user> ", text))
    text = _HASHTAG.sub(lambda match: f" # {_CAMEL.sub(' ', match[1])}", text)
    return _SPACES.sub(" ", _RUN.sub(r"\1\1\1", text)).strip()


def printable(text: str) -> str:
    """Write control characters, direction overrides and lone surrogates as escapes, so that no terminal obeys them.

    Examples
    --------
    >>> printable("so\\x1b[31m red")
    'so\\\\x1b[31m red'
    """
    shown = (letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return "".join(shown)


def no_formula(cell: Any) -> Any:
    """Return a cell of a CSV file as something that no spreadsheet takes for a formula."""
    return f"'{cell}" if str(cell).startswith(FORMULA_STARTS) else cell


def _repair(text: str) -> str:
    import ftfy

    text = _NESTED_AMPERSAND.sub("&", _MARKS.sub("", _SEPARATORS.sub(" ", text)))
    if "<" in text:
        text = _BLOCK_TAG.sub(" ", _INLINE_TAG.sub("", _SILENT.sub(" ", text)))
    text = _CONTROLS.sub("", ftfy.fix_text(text, _settings()))
    return _SPACES.sub(" ", text)[:MAX_CHARACTERS].strip()


@lru_cache(maxsize=1)
def _settings() -> Any:
    import ftfy

    return ftfy.TextFixerConfig(unescape_html=True, normalization="NFC", explain=False)
