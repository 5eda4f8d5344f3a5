"""Metrics with intervals that respect folds and groups.

Every metric is a function of counts that add up over groups (confusion matrix, summed log loss, calibration bins), so the
same code gives the value of a fold, of all folds, and of thousands of bootstrap samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[Any]
N_BOOTSTRAP = 2000
ECE_BINS = 15
LOG_FLOOR = 1e-7
MANY_GROUPS = 10_000  # above, groups are drawn in bunches: the draws would take gigabytes and tell nothing more
LOWER_IS_BETTER = ("log_loss", "brier", "ece", "mae", "rmse")
BOUNDED = ("uar", "accuracy", "macro_f1", "weighted_f1", "ece", "acc2", "acc7")

# The number of all groups that are drawn from, and the positions of one's own among them.
Within = tuple[int, Array] | None


@dataclass(frozen=True)
class Tally:
    """Counts that add up over groups; the first axis is the group.

    Attributes
    ----------
    confusion : ndarray of shape (n_groups, n_classes, n_classes)
        True class by predicted class.
    losses : ndarray of shape (n_groups,)
        Summed log loss.
    squares : ndarray of shape (n_groups,)
        Summed Brier score: squared differences of the probabilities to 1 for the true class and 0 for the others.
    bins : ndarray of shape (n_groups, ECE_BINS, 2)
        Summed confidence and number of right answers of each confidence bin.
    """

    confusion: Array
    losses: Array
    squares: Array
    bins: Array

    def weighted(self, weights: Array) -> Tally:
        """Add groups with weights of shape (n_draws, n_groups)."""
        return Tally(
            np.tensordot(weights, self.confusion, axes=1),
            weights @ self.losses,
            weights @ self.squares,
            np.tensordot(weights, self.bins, axes=1),
        )


def tally(codes: Array, probabilities: Array, groups: Array, *, n_groups: int | None = None) -> Tally:
    """Count one prediction table by group.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Column of the true class.
    probabilities : ndarray of shape (n_samples, n_classes)
    groups : ndarray of shape (n_samples,)
        Group codes 0..n_groups-1.
    n_groups : int, optional
        Where some groups may have no row; the highest code and one by default.
    """
    n_groups = int(groups.max()) + 1 if n_groups is None else n_groups
    n_classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    cell = (groups * n_classes + codes) * n_classes + predicted
    confusion = np.bincount(cell, minlength=n_groups * n_classes**2).reshape(n_groups, n_classes, n_classes)
    own = probabilities[np.arange(len(codes)), codes]
    losses = np.bincount(groups, weights=-np.log(np.maximum(own, LOG_FLOOR)), minlength=n_groups)
    # The squared distance to the one-hot truth, without making one: |p - e|^2 = |p|^2 - 2 p_own + 1.
    distance = np.einsum("ij,ij->i", probabilities, probabilities) - 2 * own + 1
    squares = np.bincount(groups, weights=distance, minlength=n_groups)
    confidence = probabilities.max(axis=1)
    bin_ = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    cell = groups * ECE_BINS + bin_
    sums = [np.bincount(cell, weights=each, minlength=n_groups * ECE_BINS) for each in (confidence, predicted == codes)]
    bins = np.stack(sums, axis=1).reshape(n_groups, ECE_BINS, 2)
    return Tally(confusion.astype(np.float64), losses, squares, bins)


def metrics_of(counts: Tally) -> dict[str, Array]:
    """Return every metric along the first axis of a tally.

    UAR averages the recall of the classes that are there (balanced accuracy); F1 of a class that is neither there nor
    predicted is left out of the macro average; ECE is the expected calibration error over 15 equal bins (Naeini et al. 2015); the
    Brier score sums over the classes and lies between 0 and 2 (Brier 1950, Monthly Weather Review 78).
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
        "brier": counts.squares / total,
        "ece": ece,
    }


def top_k_accuracy(codes: Array, probabilities: Array, k: int) -> float:
    """Return how often the true class is among the ``k`` most probable ones; with 1, that is accuracy.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Column of the true class.
    probabilities : ndarray of shape (n_samples, n_classes)
        Of equal ones the first stands before the others, as in every answer.
    k : int

    Examples
    --------
    >>> top_k_accuracy(np.array([0, 2]), np.array([[0.3, 0.5, 0.2], [0.6, 0.3, 0.1]]), 2)
    0.5
    """
    own = probabilities[np.arange(len(codes)), codes][:, None]
    earlier = np.arange(probabilities.shape[1]) < codes[:, None]
    before = (probabilities > own) | ((probabilities == own) & earlier)
    return float((before.sum(axis=1) < k).mean())


@lru_cache(maxsize=1)
def bootstrap_weights(n_groups: int, *, seed: int, n_draws: int = N_BOOTSTRAP) -> Array:
    """Return how often each group is drawn, with replacement, in each bootstrap sample; the strategies share the array."""
    random = np.random.default_rng(seed)
    weights = random.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_draws).astype(np.float64)
    weights.flags.writeable = False
    return weights


def drawn_weights(n_groups: int, *, seed: int, within: Within = None) -> tuple[Array, float]:
    """Return how often each group is drawn in each bootstrap sample, and by what deviations are widened.

    With ``within``, the number of all groups and the positions of these among them, it is all groups that are drawn from.
    """
    if within is None:
        return bootstrap_weights(n_groups, seed=seed), widening(n_groups)
    everyone, positions = within
    return bootstrap_weights(everyone, seed=seed)[:, positions], widening(everyone)


def widening(n_groups: int) -> float:
    """Return the factor that makes percentile intervals of few groups as wide as they must be.

    A bootstrap of n groups has a variance too small by (n - 1) / n, and its normal tails are those of Student's t with n - 1
    degrees of freedom [1]_. With 24 groups the factor is 1.08, with 5 it is 1.58; of one group there
    is nothing to widen: 1.

    References
    ----------
    .. [1] Hesterberg (2015), What teachers should know about the bootstrap, The American Statistician 69.

    Examples
    --------
    >>> round(widening(24), 3), round(widening(5), 3)
    (1.078, 1.584)
    """
    if n_groups < 2:
        return 1.0
    expected = stats.t.ppf(0.975, n_groups - 1) / stats.norm.ppf(0.975)
    return float(expected * np.sqrt(n_groups / (n_groups - 1)))


@dataclass(frozen=True)
class Scores:
    """One metric of one strategy.

    Attributes
    ----------
    folds : ndarray of shape (n_folds,)
    draws : ndarray of shape (n_draws,)
        The metric over all folds' predictions in each bootstrap sample of groups, less its value on all groups, widened for
        few groups.
    groups : ndarray of shape (n_groups,), float32
        The metric within each group.
    right : ndarray of shape (n_samples,), bool
        Whether the answer to each sample was right, each sample once; the metrics of a strategy share the array.
    """

    folds: Array
    draws: Array
    groups: Array
    right: Array

    @property
    def mean(self) -> float:
        """Mean over folds."""
        return float(self.folds.mean())

    def interval(self, *, bounded: bool) -> tuple[float, float]:
        """Return the 95 % bootstrap interval around the mean over folds."""
        low, high = self.mean + np.quantile(self.draws, [0.025, 0.975])
        return (max(0.0, float(low)), min(1.0, float(high))) if bounded else (float(low), float(high))


def deviations(counts: Tally, *, seed: int, within: Within = None) -> dict[str, Array]:
    """Return every metric in each bootstrap sample of groups, less its value on all groups, widened for few groups."""
    n_groups = len(counts.losses)
    weights, factor = drawn_weights(n_groups, seed=seed, within=within)
    drawn = metrics_of(counts.weighted(weights))
    whole = metrics_of(counts.weighted(np.ones((1, n_groups))))
    return {name: factor * (drawn[name] - whole[name][0]) for name in drawn}


def drawn_groups(groups: Array, *, seed: int, within: Within = None) -> Array:
    """Return what a bootstrap draws in place of groups: the rows of a single group, bunches of very many groups."""
    if within is not None and within[0] > 1:
        return groups
    if groups.max() == 0:
        groups = np.arange(len(groups))
    if groups.max() >= MANY_GROUPS:
        bunch = np.random.default_rng(seed).permutation(np.arange(groups.max() + 1) % MANY_GROUPS)
        return np.asarray(bunch[groups])
    return groups


def score(
    codes: Array,
    probabilities: Array,
    groups: Array,
    folds: Array,
    *,
    seed: int,
    once: Array | None = None,
    within: Within = None,
) -> dict[str, Scores]:
    """Return every metric of one strategy, by fold and by bootstrap over groups.

    Parameters
    ----------
    codes, groups, folds : ndarray of shape (n_tested,)
        True class, group (0..n_groups-1) and fold (0..n_folds-1) of each tested row.
    probabilities : ndarray of shape (n_tested, n_classes)
    seed : int
        The same seed draws the same groups, so that two strategies can be compared pair by pair.
    once : ndarray of shape (n_samples,), optional
        Rows that hold each sample once, where folds are repeated and a sample is tested several times; all by default.
    within : (int, ndarray), optional
        As in :func:`drawn_weights`: where other answers, to be drawn together with these, have groups that these lack.

    Notes
    -----
    The draws of groups take along every row of a group, of all repeats. A single group cannot be drawn: its rows are, and
    the interval then speaks of further rows of this group alone.
    """
    by_fold = metrics_of(tally(codes, probabilities, folds))
    counts = tally(codes, probabilities, groups)
    by_group = metrics_of(counts)
    drawn = drawn_groups(groups, seed=seed, within=within)
    own = within if drawn is groups else None
    draws = deviations(counts if drawn is groups else tally(codes, probabilities, drawn), seed=seed, within=own)
    right = probabilities.argmax(axis=1) == codes
    right = right if once is None else right[once]
    return {name: Scores(by_fold[name], draws[name], by_group[name].astype(np.float32), right) for name in by_fold}
