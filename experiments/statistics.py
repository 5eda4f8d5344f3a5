"""Metrics with intervals, and tests of a difference that respect folds and groups.

Every metric is a function of counts that add up over groups (confusion matrix, summed log loss, calibration bins), so the
same code gives the value of a fold, of all folds, and of thousands of bootstrap samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[Any]
N_BOOTSTRAP = 2000
ECE_BINS = 15
LOG_FLOOR = 1e-7
BOUNDED = ("uar", "accuracy", "macro_f1", "weighted_f1", "ece")


@dataclass(frozen=True)
class Tally:
    """Counts that add up over groups; the first axis is the group.

    Attributes
    ----------
    confusion : ndarray of shape (n_groups, n_classes, n_classes)
        True class by predicted class.
    losses : ndarray of shape (n_groups,)
        Summed log loss.
    bins : ndarray of shape (n_groups, ECE_BINS, 2)
        Summed confidence and number of right answers of each confidence bin.
    """

    confusion: Array
    losses: Array
    bins: Array

    def weighted(self, weights: Array) -> Tally:
        """Add groups with weights of shape (n_draws, n_groups)."""
        return Tally(
            np.tensordot(weights, self.confusion, axes=1),
            weights @ self.losses,
            np.tensordot(weights, self.bins, axes=1),
        )


def tally(codes: Array, probabilities: Array, groups: Array) -> Tally:
    """Count one prediction table by group.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Column of the true class.
    probabilities : ndarray of shape (n_samples, n_classes)
    groups : ndarray of shape (n_samples,)
        Group codes 0..n_groups-1.
    """
    n_groups, n_classes = int(groups.max()) + 1, probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((n_groups, n_classes, n_classes))
    np.add.at(confusion, (groups, codes, predicted), 1)
    own = np.maximum(probabilities[np.arange(len(codes)), codes], LOG_FLOOR)
    losses = np.bincount(groups, weights=-np.log(own), minlength=n_groups)
    confidence = probabilities.max(axis=1)
    bin_ = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    bins = np.zeros((n_groups, ECE_BINS, 2))
    np.add.at(bins, (groups, bin_), np.column_stack([confidence, predicted == codes]))
    return Tally(confusion, losses, bins)


def metrics_of(counts: Tally) -> dict[str, Array]:
    """Return every metric along the first axis of a tally.

    UAR averages the recall of the classes that are there (balanced accuracy); F1 of a class that is neither there nor
    predicted is left out of the macro average; ECE is the expected calibration error over 15 equal bins (Naeini et al. 2015).
    """
    confusion = counts.confusion
    diagonal = np.diagonal(confusion, axis1=1, axis2=2)
    support, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    total = support.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.where(support > 0, diagonal / support, np.nan)
        f1 = np.where(support + predicted > 0, 2 * diagonal / (support + predicted), np.nan)
        ece = np.abs(counts.bins[..., 0] - counts.bins[..., 1]).sum(axis=1) / total
    return {
        "uar": np.nanmean(recall, axis=1),
        "accuracy": diagonal.sum(axis=1) / total,
        "macro_f1": np.nanmean(f1, axis=1),
        "weighted_f1": np.nansum(f1 * support, axis=1) / total,
        "log_loss": counts.losses / total,
        "ece": ece,
    }


def bootstrap_weights(n_groups: int, *, seed: int, n_draws: int = N_BOOTSTRAP) -> Array:
    """Return how often each group is drawn, with replacement, in each bootstrap sample."""
    random = np.random.default_rng(seed)
    return random.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_draws).astype(np.float64)


@dataclass(frozen=True)
class Scores:
    """One metric of one strategy.

    Attributes
    ----------
    folds : ndarray of shape (n_folds,)
    draws : ndarray of shape (n_draws,)
        The metric over all folds' predictions in each bootstrap sample of groups, less its value on all groups.
    """

    folds: Array
    draws: Array

    @property
    def mean(self) -> float:
        """Mean over folds."""
        return float(self.folds.mean())

    def interval(self, *, bounded: bool) -> tuple[float, float]:
        """Return the 95 % bootstrap interval around the mean over folds."""
        low, high = self.mean + np.quantile(self.draws, [0.025, 0.975])
        return (max(0.0, float(low)), min(1.0, float(high))) if bounded else (float(low), float(high))


def score(codes: Array, probabilities: Array, groups: Array, folds: Array, *, seed: int) -> dict[str, Scores]:
    """Return every metric of one strategy, by fold and by bootstrap over groups.

    Parameters
    ----------
    codes, groups, folds : ndarray of shape (n_samples,)
        True class, group (0..n_groups-1) and fold (0..n_folds-1) of each tested row.
    probabilities : ndarray of shape (n_samples, n_classes)
    seed : int
        The same seed draws the same groups, so that two strategies can be compared pair by pair.
    """
    by_fold = metrics_of(tally(codes, probabilities, folds))
    counts = tally(codes, probabilities, groups)
    weights = bootstrap_weights(len(counts.losses), seed=seed)
    drawn = metrics_of(counts.weighted(weights))
    whole = metrics_of(counts.weighted(np.ones((1, len(counts.losses)))))
    return {name: Scores(by_fold[name], drawn[name] - whole[name][0]) for name in by_fold}


def compare(a: Scores, b: Scores, *, test_to_train: float) -> tuple[float, float, float, float, str]:
    """Return difference, low, high, p and the name of the test for ``a`` against ``b``.

    With two folds or more the test is Nadeau and Bengio's corrected resampled t [1]_, which accounts for training sets
    that overlap; with one it is the share of bootstrap samples of groups beyond zero.

    Parameters
    ----------
    a, b : Scores
        Of the same folds and the same draws.
    test_to_train : float
        Test rows for each training row of a fold.

    References
    ----------
    .. [1] Nadeau and Bengio (2003), Inference for the generalization error, Machine Learning 52.
    """
    differences = a.folds - b.folds
    mean = float(differences.mean())
    draws = a.draws - b.draws
    low, high = (mean + np.quantile(draws, [0.025, 0.975])).tolist()
    if len(differences) > 1:
        return mean, low, high, nadeau_bengio(differences, test_to_train), "nadeau_bengio"
    beyond = min(float((mean + draws <= 0).mean()), float((mean + draws >= 0).mean()))
    return mean, low, high, min(1.0, max(2 * beyond, 2 / len(draws))), "group_bootstrap"


def nadeau_bengio(differences: Array, test_to_train: float) -> float:
    """Return the two-sided p of fold differences, shape (n_folds,), by the corrected resampled t test."""
    count = len(differences)
    mean, variance = float(differences.mean()), float(differences.var(ddof=1))
    if variance <= 1e-24:
        return 1.0 if abs(mean) < 1e-12 else 0.0
    t = mean / np.sqrt((1 / count + test_to_train) * variance)
    return float(2 * stats.t.sf(abs(t), df=count - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for the size of their family (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    running = 0.0
    for rank, position in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[position]))
        corrected[position] = running
    return corrected.tolist()
