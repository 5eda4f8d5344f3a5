"""Many texts as numbers: each token of a corpus gets one, and what stands together is counted by arrays instead of text by text.

Folds, and a validation before the final fit, bring the same texts again; what their tokens are is found once.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

Integers = npt.NDArray[np.int64]
MANY_TEXTS = 2_000  # fewer are not worth remembering
MOST_TOKENS = 2**25  # that are remembered: with their texts less than half a gigabyte
LARGEST_KEY = 2**62


class Numbered(NamedTuple):
    """Texts as numbers.

    Attributes
    ----------
    numbers : ndarray of shape (n_tokens,), int32
        Of the tokens of all texts, one after the other.
    sizes : ndarray of shape (n_texts,), int64
        Number of tokens of each text.
    tokens : list of str
        By number.
    """

    numbers: npt.NDArray[np.int32]
    sizes: Integers
    tokens: list[str]


class TermCounts(NamedTuple):
    """How often terms stand in texts.

    Attributes
    ----------
    terms : list of str
        Sorted, and none twice.
    table : CSR matrix of shape (n_texts, n_terms), float32
        Columns of each row in order.
    """

    terms: list[str]
    table: sparse.csr_matrix


class _Level(NamedTuple):
    """The runs of so many tokens that stand in enough texts, in the order of their codes, and where they stand."""

    codes: Integers
    ends: Integers  # of each run's entries
    rows: npt.NDArray[np.int32]
    counts: npt.NDArray[np.float32]


def number_texts(texts: Sequence[str], words: Callable[[str], Sequence[str]], how: Any) -> Numbered:
    """Return clean texts as numbers; those of 2,000 texts or more are remembered.

    Parameters
    ----------
    texts : sequence of str
    words : callable
        Lists the tokens of a text.
    how : hashable
        What tells ``words`` from other ways to list tokens; texts are remembered in the last way alone.
    """
    global _remembered
    if len(texts) < MANY_TEXTS:
        return _Memory(how).numbered(texts, words)
    with _lock:
        if _remembered.how != how or len(_remembered.numbers) > MOST_TOKENS:
            _remembered = _Memory(how)
        return _remembered.numbered(texts, words)


def count_terms(texts: Numbered, shortest: int, longest: int, *, min_df: int, max_terms: int) -> TermCounts | None:
    """Count the runs of ``shortest`` to ``longest`` tokens that stand in ``min_df`` texts or more.

    Parameters
    ----------
    texts : Numbered
    shortest, longest : int
    min_df : int
    max_terms : int
        Of more terms those are kept that stand most often.

    Returns
    -------
    TermCounts or None
        None where no run stands in enough texts.

    Notes
    -----
    A run stands in no more texts than any run within it, so that of longer ones only those are looked at whose parts were kept.
    """
    n_texts = len(texts.sizes)
    rows = np.repeat(np.arange(n_texts, dtype=np.int64), texts.sizes)
    first = _level(texts.numbers.astype(np.int64), rows, n_texts, min_df)
    singles = [texts.tokens[number] for number in first.codes]
    place = np.full(len(texts.tokens), -1, dtype=np.int64)  # of each token among those that are kept
    place[first.codes] = np.arange(len(singles))
    last = place[texts.numbers]
    runs, names, levels = last, singles, [(singles, first)]
    for size in range(2, longest + 1):
        starts = np.flatnonzero(
            (runs[: 1 - size] >= 0) & (last[size - 1 :] >= 0) & (rows[: 1 - size] == rows[size - 1 :])
        )
        codes = runs[starts] * len(singles) + last[starts + size - 1]
        level = _level(codes, rows[starts], n_texts, min_df)
        names = [f"{names[code // len(singles)]} {singles[code % len(singles)]}" for code in level.codes.tolist()]
        levels.append((names, level))
        if size < longest:
            runs = np.full(len(rows), -1, dtype=np.int64)
            if len(level.codes):
                places = np.searchsorted(level.codes, codes).clip(max=len(level.codes) - 1)
                runs[starts] = np.where(level.codes[places] == codes, places, -1)
    return _sorted(levels[shortest - 1 :], n_texts, max_terms)


def find_terms(texts: Numbered, terms: Sequence[str]) -> tuple[Integers, Integers]:
    """Return where terms of one or two tokens stand: rows, and positions among the terms, once for each time.

    Parameters
    ----------
    texts : Numbered
    terms : sequence of str
    """
    number_of = {token: number for number, token in enumerate(texts.tokens)}
    split = [term.split(" ") for term in terms]
    is_known = [all(token in number_of for token in tokens) for tokens in split]
    rows = np.repeat(np.arange(len(texts.sizes)), texts.sizes)
    found = []
    for size in (1, 2):
        own = np.array(
            [place for place, tokens in enumerate(split) if len(tokens) == size and is_known[place]], dtype=int
        )
        if not len(own):
            continue
        numbers = np.array([[number_of[token] for token in split[place]] for place in own], dtype=np.int64)
        codes, standing = texts.numbers.astype(np.int64), rows
        if size == 2:
            is_run = rows[:-1] == rows[1:]
            codes, standing = (codes[:-1] * len(number_of) + codes[1:])[is_run], rows[:-1][is_run]
        wanted = numbers @ np.array([len(number_of), 1])[-size:]
        order = np.argsort(wanted)
        places = np.searchsorted(wanted[order], codes).clip(max=len(own) - 1)
        is_there = wanted[order][places] == codes
        found.append((standing[is_there], own[order][places[is_there]]))
    if not found:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate([part for part, _ in found]), np.concatenate([part for _, part in found])


def _level(codes: Integers, rows: Integers, n_texts: int, min_df: int) -> _Level:
    """Count each code in each row; keep codes that stand in enough rows."""
    if len(codes) and int(codes.max()) >= LARGEST_KEY // n_texts:
        known, codes = np.unique(codes, return_inverse=True)
    else:
        known = None
    # Sorted by code and then by row, as one number: many times as fast as by two.
    keys = np.sort(codes * n_texts + rows)
    is_first = np.diff(keys, prepend=-1) != 0
    places = np.flatnonzero(is_first)
    counts = np.diff(places, append=len(keys)).astype(np.float32)
    found, standing = np.divmod(keys[places], n_texts)
    del keys, is_first, places
    begins = np.flatnonzero(np.diff(found, prepend=-1) != 0)
    n_rows = np.diff(begins, append=len(found))
    kept = n_rows >= min_df
    entries = np.repeat(kept, n_rows)
    own = found[begins[kept]]
    return _Level(
        own if known is None else known[own],
        np.cumsum(n_rows[kept]),
        standing[entries].astype(np.int32),
        counts[entries],
    )


def _sorted(levels: Sequence[tuple[list[str], _Level]], n_texts: int, max_terms: int) -> TermCounts | None:
    """Put the runs of all lengths side by side in the order of their names, the most frequent ones alone."""
    names = [name for own, _ in levels for name in own]
    if not names:
        return None
    offsets = np.cumsum([0, *(len(level.rows) for _, level in levels)])
    ends = np.concatenate([level.ends + offset for (_, level), offset in zip(levels, offsets, strict=False)])
    shape = (n_texts, len(names))
    counts, rows = (np.concatenate([getattr(level, part) for _, level in levels]) for part in ("counts", "rows"))
    table = sparse.csc_matrix((counts, rows, np.concatenate([[0], ends])), shape=shape)
    order = np.array(sorted(range(len(names)), key=names.__getitem__))
    if len(order) > max_terms:
        # In single precision and by the same sort as scikit-learn, so that of equals the same ones are kept.
        totals = np.add.reduceat(table.data.astype(np.float64), table.indptr[:-1]).astype(np.float32)[order]
        order = order[np.sort((-totals).argsort()[:max_terms])]
    return TermCounts([names[place] for place in order.tolist()], table[:, order].tocsr())


class _Memory:
    """The texts that were met, each with the numbers of its tokens."""

    def __init__(self, how: Any) -> None:
        self.how = how
        self.numbers = array("i")
        self._ends = array("q", [0])
        self._places: dict[str, int] = {}
        self._number_of: defaultdict[str, int] = defaultdict()
        self._number_of.default_factory = self._number_of.__len__

    def numbered(self, texts: Sequence[str], words: Callable[[str], Sequence[str]]) -> Numbered:
        """Return texts as numbers; those that are new are remembered."""
        places, number_of = self._places, self._number_of.__getitem__
        del self.numbers[self._ends[-1] :]  # what an interruption left of a text
        for text in texts:
            if text not in places:
                self.numbers.extend(map(number_of, words(text)))
                self._ends.append(len(self.numbers))
                places[text] = len(self._ends) - 2
        own = np.fromiter(map(places.__getitem__, texts), dtype=np.int64, count=len(texts))
        ends = np.array(self._ends, dtype=np.int64)
        starts, sizes = ends[own], ends[own + 1] - ends[own]
        before = np.cumsum(sizes) - sizes
        which = np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))
        return Numbered(np.array(self.numbers, dtype=np.int32)[which], sizes, list(self._number_of))


_lock = Lock()
_remembered = _Memory(None)
