"""Out-of-fold probabilities with group-disjoint folds, and the temperature that makes them honest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from ..features.errors import ProtocolError
from .parts import Array

FLOOR = 1e-7
MANY_ROWS = 20_000  # above, one fold of rows is plenty to judge a model by, and one more fit is long enough
VERY_MANY_ROWS = 50_000  # above, a fifth of the rows is more than is needed, and folds that are even take long to find


def inner_folds(y: Array, groups: Array | None, *, n_splits: int, seed: int) -> list[tuple[Array, Array]]:
    """Split training rows so that no group stands on both sides of any fold.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,) or None
        None treats each row as a group of its own.
    n_splits : int
        Wanted; fewer where there are fewer groups (or rows).
    seed : int

    Returns
    -------
    list of (train, test) index arrays
        Of more than 50,000 rows of many groups a single one, in which groups drawn by lot have 20,000 rows.

    Raises
    ------
    ProtocolError
        A single group: nothing can be held out.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    if len(y) > VERY_MANY_ROWS:
        names = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
        sizes = np.bincount(names)
        if sizes.max() * 20 * n_splits <= len(y):
            return [_drawn_fold(names, sizes, seed)]
    n_groups = len(y) if groups is None else len(np.unique(groups))
    if n_groups < 2:
        raise ProtocolError("out-of-fold scores need two groups in the training rows, got one; add speakers")
    n_splits = min(n_splits, n_groups)
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    smallest = counts.min()
    splitter: Any
    if groups is None:
        kind = StratifiedKFold if smallest >= n_splits else KFold
        splitter = kind(n_splits, shuffle=True, random_state=seed)
    elif smallest >= n_splits:
        splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    else:
        splitter = GroupKFold(n_splits, shuffle=True, random_state=seed)
    folds = splitter.split(np.zeros(len(y)), codes, groups)
    return [(train, test) for train, test in folds if len(test) and len(train)]


def _drawn_fold(names: Array, sizes: Array, seed: int) -> tuple[Array, Array]:
    """Hold out whole groups, drawn by lot, until they have 20,000 rows: as many make every class as frequent as it is."""
    order = np.random.default_rng(seed).permutation(len(sizes))
    held_out = np.zeros(len(sizes), dtype=bool)
    held_out[order[: np.searchsorted(np.cumsum(sizes[order]), MANY_ROWS) + 1]] = True
    return np.flatnonzero(~held_out[names]), np.flatnonzero(held_out[names])


def out_of_fold(
    fit: Callable[[Any, Array], Any],
    X: Any,
    y: Array,
    groups: Array | None,
    *,
    classes: Array,
    n_splits: int = 5,
    seed: int = 0,
) -> Array:
    """Return probabilities of every training row by a model that saw neither the row nor its group.

    Parameters
    ----------
    fit : callable
        Takes rows and labels, returns a fitted classifier; called once a fold.
    X : DataFrame or array of shape (n_samples, ...)
    y, groups : ndarray of shape (n_samples,)
    classes : ndarray
        Columns of the result.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        NaN in rows of a class that the fold's model never saw: they tell nothing about a model that knows the class. In
        the fold's other rows such a class gets its share of the training rows. Of more than 20,000 rows only the first
        fold is scored; all others are NaN.
    """
    probabilities = np.full((len(y), len(classes)), np.nan)
    shares = (y[:, None] == classes).mean(axis=0)
    folds = inner_folds(y, groups, n_splits=n_splits, seed=seed)
    for train, test in folds[:1] if len(y) > MANY_ROWS else folds:
        model = fit(take(X, train), y[train])
        told = test[np.isin(y[test], y[train])]
        if len(told):
            unseen = np.where(np.isin(classes, y[train]), 0.0, shares)
            answers = align(model.predict_proba(take(X, told)), model.classes_, classes)
            probabilities[told] = unseen + (1 - unseen.sum()) * answers
    return probabilities


def align(probabilities: Array, given: Array, wanted: Array) -> Array:
    """Put the columns of ``given`` classes where ``wanted`` has them; the others are 0."""
    aligned = np.zeros((len(probabilities), len(wanted)))
    positions = {label: position for position, label in enumerate(wanted)}
    for column, label in enumerate(given):
        aligned[:, positions[label]] = probabilities[:, column]
    return aligned


def take(X: Any, rows: Array) -> Any:
    """Return rows by position, of a table or an array."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def log_clipped(probabilities: Array) -> Array:
    """Return the natural logarithm of probabilities no smaller than 1e-7."""
    return np.asarray(np.log(np.maximum(probabilities, FLOOR)))


def fit_temperature(probabilities: Array, codes: Array, *, penalty: float = 1.0) -> float:
    """Return the exponent of the probabilities that minimises log loss (Guo et al. 2017, 1 / T there).

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Out of fold; fitted in-sample it would only confirm an overconfident model. NaN rows are left out.
    codes : ndarray of shape (n_samples,)
        Column of the true class.
    penalty : float, default=1
        Weight of the squared logarithm of the exponent, in samples: few rows, or rows without an error, stay near 1.

    Returns
    -------
    float
        Exactly 1 where there is no row to learn from.
    """
    from scipy.optimize import minimize_scalar

    known = np.flatnonzero(~np.isnan(probabilities).any(axis=1))
    if not len(known):
        return 1.0
    logs, own = log_clipped(probabilities[known]), codes[known]

    def loss(log_exponent: float) -> float:
        fit = -log_softmax(np.exp(log_exponent) * logs, axis=1)[np.arange(len(own)), own].sum()
        return float((fit + penalty * log_exponent**2) / len(own))

    return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))


def apply_temperature(probabilities: Array, exponent: float) -> Array:
    """Raise probabilities to an exponent and bring each row back to sum 1."""
    return np.asarray(softmax(exponent * log_clipped(probabilities), axis=1))
