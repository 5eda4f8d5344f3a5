"""Drift: how far the features of a new batch have moved from those that a model was trained on.

A model is only known to be as good as its validation says on data like its own. Labels are not needed to see that a batch is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import TableError

Array = npt.NDArray[Any]
N_BINS = 10
MAX_COLUMNS = 500  # a score that is a mean needs no more; a wide block is looked at in so many, evenly spread
MAX_ROWS = 20_000  # deciles of more rows are the same ones
SMALL, LARGE = (
    0.1,
    0.25,
)  # below is no drift to speak of, above a large one (Siddiqi 2006, Credit Risk Scorecards, Wiley)
FEWEST_ROWS = 20
SURE = 0.001  # probability that a column which has not moved is said to have


@dataclass(frozen=True)
class Reference:
    """How the values of a block's columns were spread in training.

    Attributes
    ----------
    columns : ndarray of shape (n_looked_at,)
        Positions of the columns that are looked at.
    edges : ndarray of shape (n_looked_at, 9), float32
        Deciles between the lowest and the highest value.
    shares : ndarray of shape (n_looked_at, 11), float32
        Of training rows in each bin; the last one holds missing values.
    n_rows : int
    """

    columns: Array
    edges: Array
    shares: Array
    n_rows: int

    @classmethod
    def of(cls, rows: Array) -> Reference:
        """Return that of the rows of a block, shape (n_samples, n_features); rows with no value at all are absent ones."""
        rows = _present(rows)
        if not len(rows):
            raise TableError("no row of the block is there, so nothing can drift from it")
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MAX_ROWS)).astype(int))]
        n_columns = rows.shape[1]
        columns = np.unique(np.linspace(0, n_columns - 1, min(n_columns, MAX_COLUMNS)).astype(int))
        rows = rows[:, columns]
        filled = np.where(np.isnan(rows).all(axis=0), 0.0, rows)
        edges = np.nanquantile(filled, np.arange(1, N_BINS) / N_BINS, axis=0).T.astype(np.float32)
        return cls(columns, edges, _shares(rows, edges).astype(np.float32), len(rows))


@dataclass(frozen=True)
class Drift:
    """How far a block has moved.

    Attributes
    ----------
    n_rows : int
        Rows of the batch in which the block is there.
    score : float
        Mean population stability index of the columns, less what chance alone would give; 0 is none.
    share : float
        Share of columns that moved further than chance would move one in a thousand.
    columns : ndarray of shape (n_looked_at,)
    by_column : ndarray of shape (n_looked_at,)
        The index of each column that was looked at, less chance.
    """

    n_rows: int
    score: float
    share: float
    columns: Array
    by_column: Array

    @property
    def size(self) -> str:
        """The score in a word: none, moderate or large."""
        return "none" if self.score < SMALL else "moderate" if self.score < LARGE else "large"


def drift(reference: Reference, rows: Array) -> Drift:
    """Return how far rows have moved from a reference.

    Parameters
    ----------
    reference : Reference
    rows : ndarray of shape (n_samples, n_features)

    Returns
    -------
    Drift

    Raises
    ------
    TableError
        Fewer than 20 rows: deciles of so few say nothing.

    Notes
    -----
    The population stability index of a column is the sum over its bins of (a - e) ln(a / e), for shares e in training and a in
    the batch: the symmetric Kullback-Leibler divergence (Jeffreys). Without drift it is (1/n + 1/m) times a chi-squared
    variable with one degree of freedom less than there are bins (Yurdakul and Naranjo 2020, Statistical properties of the
    population stability index, Journal of Risk Model Validation 14(4)); that mean is taken off, and the quantile of it is
    what a column must exceed to count as moved.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> train = random.normal(size=(500, 4))
    >>> drift(Reference.of(train), random.normal(size=(200, 4))).size
    'none'
    >>> drift(Reference.of(train), random.normal(loc=1.0, size=(200, 4))).size
    'large'
    """
    from scipy.stats import chi2

    rows = _present(rows)
    if len(rows) < FEWEST_ROWS:
        raise TableError(f"drift needs {FEWEST_ROWS} samples in which the block is there, got {len(rows)}; give more")
    expected = reference.shares
    actual = _shares(rows[:, reference.columns], reference.edges)
    used = (expected > 0).sum(axis=1) - 1
    e = np.maximum(expected, 0.5 / reference.n_rows)
    # A batch of thirty leaves bins empty by chance, and the logarithm would make much of it: a row a bin is mixed in as in
    # training, and what that takes from the index is given back.
    mixed = N_BINS / (len(rows) + N_BINS)
    a = (1 - mixed) * actual + mixed * e
    terms = np.where((expected > 0) | (actual > 0), (a - e) * np.log(a / e), 0.0)
    index = terms.sum(axis=1) / (1 - mixed) ** 2
    noise = 1 / reference.n_rows + 1 / len(rows)
    moved = index > noise * chi2.isf(SURE, np.maximum(used, 1))
    net = index - noise * used
    return Drift(len(rows), max(0.0, float(net.mean())), float(moved.mean()), reference.columns, net)


def text_rows(texts: Sequence[Any]) -> Array:
    """Return the counts that texts are compared by, shape (n_texts, n_counts): how they are written, and what a lexicon says.

    Of many texts 20,000, evenly spread, are counted; a missing one is left out.
    """
    from .text_cleaning import clean_text
    from .text_counting import count_text

    there = [text for text in texts if isinstance(text, str) and text.strip()]
    if not there:
        return np.empty((0, 1))
    places = np.unique(np.linspace(0, len(there) - 1, min(len(there), MAX_ROWS)).astype(int))
    rows = [count_text(clean_text(there[place])) for place in places]
    return np.array(rows, dtype=np.float64)


def _present(rows: Array) -> Array:
    rows = np.asarray(rows, dtype=np.float64)
    return rows[~np.isnan(rows).all(axis=1)]


def _shares(rows: Array, edges: Array) -> Array:
    """Return the share of rows in each bin of each column, missing values in a bin of their own."""
    counts = np.zeros((len(edges), N_BINS + 1))
    for place, own in enumerate(edges):
        values = rows[:, place]
        bins = np.searchsorted(own.astype(np.float64), values, side="left")
        counts[place] = np.bincount(np.where(np.isnan(values), N_BINS, bins), minlength=N_BINS + 1)
    return counts / len(rows)
