"""Answering only when sure: what confidence is worth, and from which confidence on a wanted precision can be promised.

Confidence is the largest probability of a row throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .statistics import ECE_BINS, Array

CERTAINTY = 0.95


@dataclass(frozen=True)
class RiskCurve:
    """The share of wrong answers among those given, as less sure rows are answered too.

    Attributes
    ----------
    coverage, risk, threshold : ndarray of shape (n_distinct_confidences,)
        Share of the rows that are answered, share of wrong answers among them, and the least confidence answered. Rows of
        one confidence are answered together.
    area : float
        AURC: the mean of the risk over all coverages; less is better.
    """

    coverage: Array
    risk: Array
    threshold: Array
    area: float


@dataclass(frozen=True)
class Reliability:
    """Confidence against the share of right answers, by bins of confidence; empty bins are left out.

    Attributes
    ----------
    confidence, accuracy : ndarray of shape (n_bins,)
        Means over the rows of a bin.
    count : ndarray of shape (n_bins,), int
    """

    confidence: Array
    accuracy: Array
    count: Array


@dataclass(frozen=True)
class Abstention:
    """What a threshold gave on rows that had no say in it.

    Attributes
    ----------
    coverage : float
        Share of the rows that are answered.
    precision : float or None
        Share of right answers among them; None where none is answered.
    """

    coverage: float
    precision: float | None


def coverage_risk(probabilities: Array, codes: Array) -> RiskCurve:
    """Return the risk at each coverage, by falling confidence [1]_.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    codes : ndarray of shape (n_samples,)
        Column of the true class.

    References
    ----------
    .. [1] Geifman and El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS.

    Examples
    --------
    >>> curve = coverage_risk(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.4, 0.6]]), np.array([0, 1, 1, 1]))
    >>> curve.coverage.tolist(), curve.risk.tolist(), curve.threshold.tolist()
    ([0.25, 0.5, 1.0], [0.0, 0.0, 0.25], [0.9, 0.8, 0.6])
    >>> curve.area
    0.125
    """
    confidence, right = _confidence(probabilities, codes)
    distinct, position = np.unique(-confidence, return_inverse=True)
    answered = np.bincount(position).cumsum()
    wrong = np.bincount(position, weights=~right).cumsum()
    risk = wrong / answered
    coverage = answered / len(codes)
    return RiskCurve(coverage, risk, -distinct, float((risk * np.diff(coverage, prepend=0.0)).sum()))


def reliability(probabilities: Array, codes: Array, *, n_bins: int = ECE_BINS, equal_mass: bool = False) -> Reliability:
    """Return the points of a reliability diagram [1]_.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    codes : ndarray of shape (n_samples,)
        Column of the true class.
    n_bins : int, default=15
        The default makes the bins of the metric ``ece``.
    equal_mass : bool, default=False
        Whether bins hold equally many rows, but that those of one confidence stay together, instead of being equally wide.

    References
    ----------
    .. [1] Niculescu-Mizil and Caruana (2005), Predicting good probabilities with supervised learning, ICML; equal mass:
       Nixon et al. (2019), Measuring calibration in deep learning, CVPR workshops.
    """
    confidence, right = _confidence(probabilities, codes)
    if equal_mass:
        edges = np.unique(np.quantile(confidence, np.arange(1, n_bins) / n_bins))
        bin_ = np.searchsorted(edges, confidence, side="right")
    else:
        bin_ = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    count = np.bincount(bin_)
    filled = count > 0
    sums = (np.bincount(bin_, weights=values)[filled] for values in (confidence, right))
    means = [values / count[filled] for values in sums]
    return Reliability(means[0], means[1], count[filled])


def abstention_threshold(
    probabilities: Array, codes: Array, precision: float, *, groups: Array | None = None
) -> float | None:
    """Return the confidence from which on the wanted share of right answers can be promised of new groups.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Of training rows, out of fold. NaN rows are left out.
    codes : ndarray of shape (n_samples,)
        Column of the true class.
    precision : float
        Wanted share of right answers, between 0 and 1.
    groups : ndarray of shape (n_samples,), optional
        Speaker or subject of each row; None takes the rows as independent.

    Returns
    -------
    float or None
        To be answered is a row of at least this confidence; None where nothing can be promised of any.

    Notes
    -----
    A threshold where the share merely reaches the wanted one on the training rows misses it on new rows half of the time.
    What must reach it here is the lower end of the one-sided 95 % Clopper-Pearson interval, for as many independent rows as
    those of the groups are worth [1]_; the smallest such threshold is searched by halving, as [2]_ do, which looks at few.

    References
    ----------
    .. [1] Korn and Graubard (1998), Confidence intervals for proportions with small expected number of positive counts
       estimated from survey data, Survey Methodology 24.
    .. [2] Geifman and El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS.
    """
    known = ~np.isnan(probabilities).any(axis=1)
    confidence, right = _confidence(probabilities[known], codes[known])
    own = None if groups is None else np.unique(groups[known], return_inverse=True)[1]
    candidates = np.unique(confidence)[::-1]
    found, low, high = None, 0, len(candidates) - 1
    while low <= high:
        middle = (low + high) // 2
        answered = confidence >= candidates[middle]
        if _least_share(right[answered], None if own is None else own[answered]) >= precision:
            found, low = float(candidates[middle]), middle + 1
        else:
            high = middle - 1
    return found


def abstain(probabilities: Array, codes: Array, threshold: float | None) -> Abstention:
    """Return coverage and precision of the rows of at least a confidence; None answers none.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    codes : ndarray of shape (n_samples,)
        Column of the true class.
    threshold : float or None
        Of :func:`abstention_threshold`, learned on other rows.
    """
    confidence, right = _confidence(probabilities, codes)
    answered = confidence >= (np.inf if threshold is None else threshold)
    return Abstention(float(answered.mean()), float(right[answered].mean()) if answered.any() else None)


def _confidence(probabilities: Array, codes: Array) -> tuple[Array, Array]:
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == codes


def _least_share(right: Array, groups: Array | None) -> float:
    """Return the lower end of the one-sided interval of a share, with the groups' effective number of rows."""
    count, share = float(len(right)), float(right.mean())
    if groups is not None:
        sizes = np.bincount(groups)
        n_groups = int((sizes > 0).sum())
        if n_groups < 2:
            return 0.0
        excess = np.bincount(groups, weights=right) - share * sizes
        variance = n_groups / (n_groups - 1) * (excess**2).sum() / count**2
        if variance > 0:
            tails = stats.t.isf(1 - CERTAINTY, [count - 1, n_groups - 1])
            count = min(count, share * (1 - share) / variance * (tails[0] / tails[1]) ** 2)
    hits = share * count
    return float(stats.beta.ppf(1 - CERTAINTY, hits, count - hits + 1)) if hits > 0 else 0.0
