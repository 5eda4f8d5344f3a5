"""Whether one strategy beats another: tests on folds, groups and samples, the size of the effect, and what could be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from .statistics import BOUNDED, Array, Scores

SAME = 1e-12
ALPHA, POWER = 0.05, 0.8  # Cohen (1988), Statistical power analysis for the behavioral sciences


@dataclass(frozen=True)
class Comparison:
    """What the answers of two strategies to the same samples say about their difference.

    Attributes
    ----------
    difference, low, high : float
        The metric of the first less that of the second, mean over folds, with its 95 % bootstrap interval over groups.
    test : str
        Where ``p`` comes from: ``nadeau_bengio``, or ``group_bootstrap`` where there is one fold.
    p : float
        Two-sided, before any correction for the number of comparisons.
    effect_size : float or None
        Mean of the differences within groups over their standard deviation (Cohen's d_z), see :func:`effect_size`.
    p_mcnemar, p_group_bootstrap : float
        Of other tests, for a reader who wants them: :func:`mcnemar` and :func:`group_bootstrap`.
    """

    difference: float
    low: float
    high: float
    test: str
    p: float
    effect_size: float | None
    p_mcnemar: float
    p_group_bootstrap: float


def compare(a: Scores, b: Scores, *, test_to_train: float) -> Comparison:
    """Compare two strategies in one metric.

    Parameters
    ----------
    a, b : Scores
        Of the same metric, folds, draws and samples.
    test_to_train : float
        Test rows for each training row of a fold; the same however often the folds are repeated.
    """
    differences = a.folds - b.folds
    mean, draws = float(differences.mean()), a.draws - b.draws
    low, high = (mean + np.quantile(draws, [0.025, 0.975])).tolist()
    by_groups = group_bootstrap(mean, draws)
    several = len(differences) > 1
    return Comparison(
        difference=mean,
        low=low,
        high=high,
        test="nadeau_bengio" if several else "group_bootstrap",
        p=nadeau_bengio(differences, test_to_train) if several else by_groups,
        effect_size=effect_size(a.groups - b.groups),
        p_mcnemar=mcnemar(a.right, b.right),
        p_group_bootstrap=by_groups,
    )


def nadeau_bengio(differences: Array, test_to_train: float) -> float:
    """Return the two-sided p of fold differences by the corrected resampled t test [1]_.

    Training sets overlap, so that fold differences are no independent draws; the variance of their mean is taken as
    (1 / n_folds + test rows / training rows) times theirs. Under repeated cross-validation [2]_ all folds of all repeats
    enter and the second term stays: repeating makes the mean steadier, it makes no new speakers.

    Parameters
    ----------
    differences : ndarray of shape (n_folds,)
    test_to_train : float

    Notes
    -----
    The correction was made for training sets drawn again and again, and keeps its promise there: of strategies that are
    equally good, five in a hundred are told apart (5 folds repeated 10 times). Folds of one single cross-validation overlap
    less in what they test than the correction assumes, and the test is careful: it tells one to three in a hundred apart.

    References
    ----------
    .. [1] Nadeau and Bengio (2003), Inference for the generalization error, Machine Learning 52.
    .. [2] Bouckaert and Frank (2004), Evaluating the replicability of significance tests, PAKDD.
    """
    count = len(differences)
    mean, variance = float(differences.mean()), float(differences.var(ddof=1))
    if variance <= SAME**2:
        return 1.0 if abs(mean) < SAME else 0.0
    t = mean / np.sqrt((1 / count + test_to_train) * variance)
    return float(2 * stats.t.sf(abs(t), df=count - 1))


def mcnemar(a_right: Array, b_right: Array) -> float:
    """Return the two-sided exact p of the samples that one strategy answers rightly and the other wrongly [1]_.

    It takes the samples as independent and the trained models as given: where a speaker has several samples, or training
    is part of the question, it finds differences that are none.

    Parameters
    ----------
    a_right, b_right : ndarray of shape (n_samples,), bool
        Each sample once.

    References
    ----------
    .. [1] McNemar (1947), Psychometrika 12; Dietterich (1998), Approximate statistical tests, Neural Computation 10.

    Examples
    --------
    >>> mcnemar(np.array([True] * 6), np.array([False] * 6))  # 2 / 2 ** 6
    0.03125
    """
    only_a, only_b = int((a_right & ~b_right).sum()), int((b_right & ~a_right).sum())
    return min(1.0, 2 * float(stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)))


def group_bootstrap(difference: float, draws: Array) -> float:
    """Return the two-sided share of bootstrap samples of groups beyond zero, never 0 [1]_.

    Parameters
    ----------
    difference : float
    draws : ndarray of shape (n_draws,)
        Deviations of the bootstrapped differences from the difference.

    References
    ----------
    .. [1] Davison and Hinkley (1997), Bootstrap methods and their application, section 4.2: (count + 1) / (draws + 1).
    """
    drawn = difference + draws
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(draws) + 1))


def effect_size(differences: Array) -> float | None:
    """Return the mean of the differences within groups over their standard deviation: Cohen's d_z [1]_.

    The metric is the one that is compared, taken within each group: the accuracy of each speaker's samples, or the mean
    recall over the classes that this speaker has. It tells how alike the gain is over speakers, not how large it is.

    Parameters
    ----------
    differences : ndarray of shape (n_groups,)

    Returns
    -------
    float or None
        0 where no group differs; None where one group is all there is, or all differ by exactly as much.

    References
    ----------
    .. [1] Lakens (2013), Calculating and reporting effect sizes, Frontiers in Psychology 4.
    """
    known = np.asarray(differences[~np.isnan(differences)], dtype=np.float64)
    if not known.any():
        return 0.0
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return float(known.mean()) / spread if spread > SAME else None


def power_note(
    a: Scores, b: Scores, *, metric: str, test_to_train: float, group: str = "group", repeats: int = 1
) -> dict[str, Any] | None:
    """Return the smallest true gain that would be found four times in five, and a sentence that says so.

    Parameters
    ----------
    a, b : Scores
        Of the two strategies whose difference is the question.
    metric : str
    test_to_train : float
    group : str, default="group"
        What is held together, such as a speaker.
    repeats : int, default=1
        How often the folds were drawn.

    Returns
    -------
    dict or None
        As ``power`` in ``results.json``; None where the two never differ, so that nothing tells how much they would vary.

    Notes
    -----
    With several folds it is the gain that the corrected resampled t test at 5 %, two-sided, rejects with probability 0.8
    (noncentral t; variance as observed). With one fold the interval over groups takes the place of the test.
    """
    differences = a.folds - b.folds
    count = len(differences)
    if count > 1:
        error = float(np.sqrt((1 / count + test_to_train) * differences.var(ddof=1)))
        detectable = error * _noncentrality(count - 1)
    else:
        # The draws are widened for few groups, so that quantiles of the normal distribution suit them.
        detectable = float((a.draws - b.draws).std() * (stats.norm.isf(ALPHA / 2) + stats.norm.ppf(POWER)))
    if detectable <= SAME:
        return None
    n_groups = len(a.groups)
    folds = "one test set" if count == 1 else f"{count // repeats} folds"
    if repeats > 1:
        folds += f", drawn {repeats} times,"
    gain = f"{100 * detectable:.1f} points" if metric in BOUNDED else f"{detectable:.3f} ({metric.replace('_', ' ')})"
    return {
        "metric": metric,
        "n_groups": n_groups,
        "n_folds": count,
        "detectable": detectable,
        "text": (
            f"With {n_groups} {group}{'s' if n_groups != 1 else ''} in {folds} a gain under {gain} would be missed more often "
            "than one time in five."
        ),
    }


def _noncentrality(degrees: int) -> float:
    """Return by how many standard errors a mean must differ from 0 to be found with the wanted power."""
    critical = stats.t.isf(ALPHA / 2, degrees)
    return float(brentq(lambda shift: stats.nct.sf(critical, degrees, shift) - POWER, 0.1, 2 * critical + 5))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for the size of their family (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    running = 0.0
    for rank, position in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[position]))
        corrected[position] = running
    return corrected.tolist()
