"""Metrics of numbers with intervals that respect folds and groups.

As of classes: every metric is a function of sums that add up over groups, so that the same code gives the value of a fold, of
all folds, and of thousands of bootstrap samples.
"""

from __future__ import annotations

import numpy as np

from .statistics import Array, Scores, Within, drawn_groups, drawn_weights
from .task_kinds import VALUE_METRICS

SCALE_END = 3.0  # of the sentiment scale of CMU-MOSEI, which seven-class accuracy is of
NOTHING = np.zeros(0, dtype=bool)  # an answer that is a number is not right or wrong


def moments(truth: Array, answers: Array, groups: Array, *, n_groups: int | None = None, centre: float = 0.0) -> Array:
    """Sum up one table of answers by group.

    Parameters
    ----------
    truth, answers : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,)
        Group codes 0..n_groups-1.
    n_groups : int, optional
        Where some groups may have no row; the highest code and one by default.
    centre : float, default=0
        Subtracted from both for the sums of products, which are then small where the numbers are large.

    Returns
    -------
    ndarray of shape (n_groups, 11)
        Rows; sums of truth, answers, their squares and their product; of absolute errors; rows whose true sign is known,
        those of them answered rightly; and rows whose nearest whole number from -3 to 3 is answered rightly.
    """
    n_groups = int(groups.max()) + 1 if n_groups is None else n_groups
    own, given = truth - centre, answers - centre
    signed = truth != 0
    sevens = [np.round(np.clip(values, -SCALE_END, SCALE_END)) for values in (truth, answers)]
    columns = (
        np.ones(len(truth)),
        own,
        given,
        own**2,
        given**2,
        own * given,
        np.abs(answers - truth),
        (answers - truth) ** 2,
        signed,
        signed & ((truth > 0) == (answers > 0)),
        sevens[0] == sevens[1],
    )
    return np.stack([np.bincount(groups, weights=column, minlength=n_groups) for column in columns], axis=1)


def value_metrics_of(sums: Array) -> dict[str, Array]:
    """Return every metric along the first axis of some sums.

    ``ccc`` is the concordance correlation coefficient (Lin 1989 [1]_), ``2 cov / (var + var + squared difference of means)``;
    ``pearson`` the correlation. Both are 0 where nothing varies, as such answers tell nothing. ``acc2`` is the share of signs
    answered rightly, samples of exactly 0 left out (Tsai et al. 2019 [2]_), ``acc7`` that of whole numbers from -3 to 3.

    References
    ----------
    .. [1] Lin (1989), A concordance correlation coefficient to evaluate reproducibility, Biometrics 45(1).
    .. [2] Tsai et al. (2019), Multimodal transformer for unaligned multimodal language sequences, ACL.

    Examples
    --------
    >>> truth, answers = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0])
    >>> found = value_metrics_of(moments(truth, answers, np.zeros(3, dtype=int)))
    >>> round(float(found["ccc"][0]), 4)  # 2 * 5/3 / (2/3 + 14/3 + 1)
    0.5263
    """
    count, own, given, own2, given2, both, distance, squares, signed, right2, right7 = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = own / count, given / count
        variances = [np.maximum(total / count - mean**2, 0) for total, mean in zip((own2, given2), means, strict=True)]
        covariance = both / count - means[0] * means[1]
        spread = variances[0] + variances[1] + (means[0] - means[1]) ** 2
        # What rounding leaves of numbers that do not vary is no variance.
        tiny = 1e-12 * (own2 + given2) / count
        varies = (variances[0] > tiny) & (variances[1] > tiny)
        found = {
            "ccc": np.where(varies, 2 * covariance / spread, 0.0),
            "mae": distance / count,
            "pearson": np.where(varies, covariance / np.sqrt(variances[0] * variances[1]), 0.0),
            "rmse": np.sqrt(squares / count),
            "acc2": right2 / signed,
            "acc7": right7 / count,
        }
    return {name: found[name] for name in VALUE_METRICS}


def value_deviations(sums: Array, *, seed: int, within: Within = None) -> dict[str, Array]:
    """Return every metric in each bootstrap sample of groups, less its value on all groups, widened for few groups.

    A draw in which a metric has no value, as that of signs where all are 0, counts as one that deviates by nothing.
    """
    weights, factor = drawn_weights(len(sums), seed=seed, within=within)
    drawn = value_metrics_of(weights @ sums)
    whole = value_metrics_of(sums.sum(axis=0, keepdims=True))
    return {name: np.nan_to_num(factor * (drawn[name] - whole[name][0])) for name in drawn}


def score_values(
    truth: Array, answers: Array, groups: Array, folds: Array, *, seed: int, within: Within = None
) -> dict[str, Scores]:
    """Return every metric of one strategy, by fold and by bootstrap over groups, as :func:`~.statistics.score` does.

    Parameters
    ----------
    truth, answers : ndarray of shape (n_tested,)
    groups, folds : ndarray of shape (n_tested,)
        Group (0..n_groups-1) and fold (0..n_folds-1) of each tested row.
    seed : int
        The same seed draws the same groups, so that two strategies can be compared pair by pair.
    within : (int, ndarray), optional
        As in :func:`~.statistics.drawn_weights`.
    """
    centre = float(truth.mean())
    by_fold = value_metrics_of(moments(truth, answers, folds, centre=centre))
    by_group = value_metrics_of(moments(truth, answers, groups, centre=centre))
    drawn = drawn_groups(groups, seed=seed, within=within)
    sums = moments(truth, answers, drawn, centre=centre)
    draws = value_deviations(sums, seed=seed, within=within if drawn is groups else None)
    return {
        name: Scores(np.nan_to_num(by_fold[name]), draws[name], by_group[name].astype(np.float32), NOTHING)
        for name in by_fold
    }


def value_of(truth: Array, answers: Array, metric: str) -> float:
    """Return one metric of all rows together."""
    sums = moments(truth, answers, np.zeros(len(truth), dtype=int), centre=float(truth.mean()))
    return float(np.nan_to_num(value_metrics_of(sums)[metric][0]))
