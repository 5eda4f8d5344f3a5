"""The rules of late fusion of numbers: how the answers of several experts become one.

Each takes answers of shape (n_experts, n_samples), NaN where an expert's modality is absent, at least one an expert in every
row; each returns shape (n_samples,).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .rules import Array

PENALTY = 1.0  # rows' worth of pull towards equal weights
LEAST_ROWS = 20


def mean_of_values(values: Array) -> Array:
    """Average the answers that are there."""
    return np.asarray(np.nanmean(values, axis=0))


def median_of_values(values: Array) -> Array:
    """Take the median of the answers that are there."""
    return np.asarray(np.nanmedian(values, axis=0))


def weighted_values(values: Array, weights: Array) -> Array:
    """Average the answers that are there by weights of shape (n_experts,); all alike where those weigh nothing."""
    there = ~np.isnan(values)
    total = (there * weights[:, None]).sum(axis=0)
    found = mean_of_values(values)
    some = total > 0
    found[some] = (np.nan_to_num(values) * weights[:, None]).sum(axis=0)[some] / total[some]
    return found


def learn_value_weights(values: Array, targets: Array) -> Array:
    """Learn the weights of :func:`weighted_values` by squared error on out-of-fold answers (Breiman 1996 [1]_).

    Parameters
    ----------
    values : ndarray of shape (n_experts, n_samples)
        Out of fold; rows that lack an expert are left out.
    targets : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_experts,)
        Not negative, of sum 1; equal where fewer than 20 rows have every expert.

    References
    ----------
    .. [1] Breiman (1996), Stacked regressions, Machine Learning 24(1): weights that are not negative.
    """
    from scipy.optimize import nnls

    count = len(values)
    equal = np.full(count, 1 / count)
    rows = ~np.isnan(values).any(axis=0)
    if rows.sum() < LEAST_ROWS:
        return equal
    own = targets[rows]
    spread = float(own.std())
    if spread == 0:
        return equal
    columns = (values[:, rows].T - own.mean()) / spread
    # A row of the sum of all weights, which counts for far more than the others, keeps it at 1.
    heavy = 1e3 * np.sqrt(len(own))
    pull = np.sqrt(PENALTY)
    left = np.vstack([columns, pull * np.eye(count), np.full(count, heavy)])
    right = np.concatenate([(own - own.mean()) / spread, pull * equal, [heavy]])
    weights = np.asarray(nnls(left, right)[0])
    return weights / weights.sum()


VALUE_RULES: dict[str, Callable[[Array], Array]] = {"mean": mean_of_values, "median": median_of_values}
