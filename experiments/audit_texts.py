"""Texts that are one text but for a mark or a word: what the check of a split, which wants equal texts, does not see."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import numpy.typing as npt

from .audit_findings import Audited, Finding, Severity, pairs_across
from .protocols import text_key

SHINGLE = 3  # words; Broder (1997), On the resemblance and containment of documents, SEQUENCES
# "Yeah", "I don't know what to do": short utterances are alike by nature. Pairs of MELD and of 18,000 posts read one by
# one: from eight words on, texts that differ in one word are one line said or posted twice.
FEWEST_WORDS = 8
FEWEST_WORDS_EQUAL = 5  # of texts that differ in punctuation only
CHANGED = 0.1  # share of the words that may differ in longer texts
COMMON = 50  # a shingle that stands in more texts than this is a phrase and proposes no pair

_WORD = re.compile(r"\w+")
_WITHIN = re.compile(r"(?<=\w)['`](?=\w)")  # "don't" is one word
Pairs = npt.NDArray[np.intp]
Words = tuple[str, ...]


def near_texts(texts: list[str | None]) -> Pairs:
    """Return the pairs of texts that differ by punctuation, or by one word in ten; equal texts are no such pair.

    Parameters
    ----------
    texts : list of str or None
        Those that count as equal for a split (see :func:`~emofuse.experiments.protocols.text_key`) propose one pair only.

    Returns
    -------
    ndarray of shape (n_pairs, 2)
        Positions, the smaller one first.

    Examples
    --------
    >>> line = "we were on a break and you know it"
    >>> near_texts([line, "We were on a break, and you know it!", line.replace("break", "boat"), "yeah", "yeah!"]).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    keys = [None if text is None else text_key(text) for text in texts]
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key is not None:
            first.setdefault(key, row)
    words = {row: tuple(_WORD.findall(_WITHIN.sub("", key))) for key, row in first.items()}
    by_words: dict[Words, list[int]] = {}
    for row, found in words.items():
        if len(found) >= FEWEST_WORDS_EQUAL:
            by_words.setdefault(found, []).append(row)
    pairs = {(a, b) for rows in by_words.values() for place, b in enumerate(rows) for a in rows[:place]}
    pairs |= _alike({row: found for row, found in words.items() if len(found) >= FEWEST_WORDS})
    return np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2)


def text_findings(audited: Audited) -> list[Finding]:
    """Return what is to be said of texts that stand, hardly changed, on both sides of a fold."""
    samples = audited.samples
    if not audited.reads_text or "text" not in samples:
        return []
    texts = [text if isinstance(text, str) else None for text in samples["text"]]
    pairs = near_texts(texts)
    across = pairs_across(pairs, audited.folds)
    if across is None:
        return []
    one, other = (texts[row] or "" for row in (across.test_row, across.train_row))
    message = (
        f"{across.told(samples.index, 'have nearly the text of a training sample')}: {_short(one)} and {_short(other)}; "
        "give texts that are one a common group, or keep one of each"
    )
    severity: Severity = "note" if audited.synthetic else audited.leak
    return [Finding(severity, "near_duplicate_text", "text", message, True)]


def _alike(words: dict[int, Words]) -> set[tuple[int, int]]:
    """Return pairs in which few enough words differ: a changed word takes SHINGLE shingles from a text."""
    from scipy.sparse import csr_array

    shingles = {row: _shingles(found) for row, found in words.items()}
    counts = Counter(shingle for found in shingles.values() for shingle in found)
    columns = {shingle: number for number, (shingle, n) in enumerate(counts.items()) if 1 < n <= COMMON}
    rows = list(shingles)
    entries = [(place, columns[item]) for place, row in enumerate(rows) for item in shingles[row] if item in columns]
    if not entries:
        return set()
    places, numbers = np.array(entries).T
    table = csr_array((np.ones(len(places), dtype=np.int32), (places, numbers)), shape=(len(rows), len(counts)))
    shared = (table @ table.T).tocoo()
    found = set()
    for a, b in zip(*(axis[shared.row < shared.col] for axis in (shared.row, shared.col)), strict=True):
        one, other = rows[a], rows[b]
        larger = max(len(shingles[one]), len(shingles[other]))
        changed = (larger - len(shingles[one] & shingles[other])) / SHINGLE
        if changed <= max(1.0, CHANGED * min(len(words[one]), len(words[other]))):
            found.add((min(one, other), max(one, other)))
    return found


def _shingles(words: Words) -> frozenset[Words]:
    """Return all runs of three words, the edges padded so that each word stands in three."""
    padded = ("",) * (SHINGLE - 1) + words + ("",) * (SHINGLE - 1)
    return frozenset(padded[start : start + SHINGLE] for start in range(len(padded) - SHINGLE + 1))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
