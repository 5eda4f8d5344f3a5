"""Which strategies can be told apart over several corpora: average ranks, Friedman's test, Nemenyi's critical difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..features.errors import StudyError
from .statistics import Array

ALPHA = 0.05


@dataclass(frozen=True)
class RankComparison:
    """What a critical-difference diagram shows.

    Attributes
    ----------
    strategies : tuple of str
        Best first; those that every run has.
    average_ranks : tuple of float
        Of each strategy over the runs; 1 is best.
    critical_difference : float
        Average ranks nearer than this cannot be told apart (5 %, all pairs at once).
    p : float
        That all strategies are equally good (Friedman's test, F of Iman and Davenport).
    groups : tuple of tuple of str
        Largest sets of neighbours that cannot be told apart: the bars of the diagram; all of them where ``p`` is .05 or more.
    left_out : tuple of str
        Strategies that some run lacks.
    text : str
        One sentence: what can be told.
    """

    strategies: tuple[str, ...]
    average_ranks: tuple[float, ...]
    critical_difference: float
    p: float
    groups: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...]
    text: str


def compare_ranks(means: Mapping[str, Mapping[str, float]], *, lower_is_better: bool = False) -> RankComparison:
    """Compare strategies over runs on different corpora by their ranks [1]_.

    Parameters
    ----------
    means : mapping of str to mapping of str to float
        By run, the mean metric of each strategy. Runs on one corpus are no independent evidence: give one of each corpus.
    lower_is_better : bool, default=False

    Raises
    ------
    StudyError
        Fewer than two strategies stand in every run.

    Notes
    -----
    Equal values share their ranks. Friedman's statistic is taken through the F of Iman and Davenport (1980), as the
    chi-square is too careful; the critical difference is Nemenyi's.

    References
    ----------
    .. [1] Demsar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7.

    Examples
    --------
    >>> runs = {name: {"early": 0.50 + gain, "late": 0.55, "single": 0.45} for name, gain in (("a", 0), ("b", 0.1))}
    >>> compare_ranks(runs).text
    'Over 2 runs no strategies can be told apart: even ranks 2.0 apart, the most there can be, are nearer than the critical 2.3.'
    """
    every = list(dict.fromkeys(name for values in means.values() for name in values))
    common = [name for name in every if all(name in values for values in means.values())]
    if len(common) < 2:
        raise StudyError(
            f"ranks need two strategies that every run has, got {common}; compare runs of the same strategies"
        )
    sign = 1 if lower_is_better else -1
    table = sign * np.array([[values[name] for name in common] for values in means.values()])
    ranks = stats.rankdata(table, axis=1)
    average = ranks.mean(axis=0)
    order = np.argsort(average, kind="stable")
    names, average = [common[position] for position in order], average[order]
    n_runs, count = ranks.shape
    critical = critical_difference(count, n_runs)
    p = iman_davenport(ranks)
    groups = _groups(names, average, critical) if p < ALPHA else (tuple(names),)
    apart = len(groups) != 1 or len(groups[0]) < count
    told = f"Over {n_runs} run{'s' if n_runs > 1 else ''}"
    if critical >= count - 1:
        text = (
            f"{told} no strategies can be told apart: even ranks {count - 1:.1f} apart, the most there can be, are nearer than "
            f"the critical {critical:.1f}."
        )
    elif not apart:
        text = f"{told} no strategies can be told apart (Friedman p {p:.2g}, critical difference {critical:.1f})."
    else:
        text = f"{told} strategies more than {critical:.1f} ranks apart differ (Friedman p {p:.2g})."
    left_out = tuple(name for name in every if name not in common)
    return RankComparison(tuple(names), tuple(average.tolist()), critical, p, groups, left_out, text)


def critical_difference(n_strategies: int, n_runs: int) -> float:
    """Return Nemenyi's least difference of average ranks that tells two of several strategies apart at 5 %.

    Examples
    --------
    >>> round(critical_difference(4, 14), 2)  # Demsar (2006), section 3.2.2: 1.25
    1.25
    """
    quantile = stats.studentized_range.isf(ALPHA, n_strategies, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_strategies * (n_strategies + 1) / (6 * n_runs)))


def iman_davenport(ranks: Array) -> float:
    """Return the p that all strategies are equally good, of ranks of shape (n_runs, n_strategies); 1 for a single run."""
    n_runs, count = ranks.shape
    between = n_runs * ((ranks.mean(axis=0) - (count + 1) / 2) ** 2).sum()
    within = ((ranks - (count + 1) / 2) ** 2).sum() / (n_runs * (count - 1))
    if n_runs < 2 or within == 0:
        return 1.0
    chi_square = between / within
    rest = n_runs * (count - 1) - chi_square
    if rest <= 1e-9:
        return 0.0
    statistic = (n_runs - 1) * chi_square / rest
    return float(stats.f.sf(statistic, count - 1, (count - 1) * (n_runs - 1)))


def _groups(names: list[str], average: Array, critical: float) -> tuple[tuple[str, ...], ...]:
    """Return the largest stretches of the ranking that are narrower than the critical difference, two names at least."""
    found: list[tuple[int, int]] = []
    for first in range(len(names)):
        last = int(np.flatnonzero(average - average[first] < critical)[-1])
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return tuple(tuple(names[first : last + 1]) for first, last in found)
