"""Ranks over corpora against the published worked example and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.experiments.ranks import compare_ranks, critical_difference, iman_davenport
from emofuse.features.errors import StudyError
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

# Table 6 of Demsar (2006): AUC of C4.5 and three ways to tune it on 14 data sets. The average ranks there are 3.143, 2.000,
# 2.893 and 1.964, and Friedman's chi-square is 9.28: without the correction for ties, which SciPy makes and so do we.
NAMES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
DEMSAR = [
    (0.763, 0.768, 0.771, 0.798),
    (0.599, 0.591, 0.590, 0.569),
    (0.954, 0.971, 0.968, 0.967),
    (0.628, 0.661, 0.654, 0.657),
    (0.882, 0.888, 0.886, 0.898),
    (0.936, 0.931, 0.916, 0.931),
    (0.661, 0.668, 0.609, 0.685),
    (0.583, 0.583, 0.563, 0.625),
    (0.775, 0.838, 0.866, 0.875),
    (1.000, 1.000, 1.000, 1.000),
    (0.940, 0.962, 0.965, 0.962),
    (0.619, 0.666, 0.614, 0.669),
    (0.972, 0.981, 0.9751, 0.975),
    (0.957, 0.978, 0.946, 0.970),
]
RUNS = {f"set {number}": dict(zip(NAMES, row, strict=True)) for number, row in enumerate(DEMSAR)}


def test_the_published_example():
    found = compare_ranks(RUNS)
    assert found.strategies == ("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5")
    assert found.average_ranks == pytest.approx((1.964, 2.000, 2.893, 3.143), abs=5e-4)
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert 12 * 14 / 20 * (sum(rank**2 for rank in found.average_ranks) - 25) == pytest.approx(9.28, abs=0.01)
    corrected = stats.friedmanchisquare(*np.array(DEMSAR).T).statistic
    assert found.p == pytest.approx(stats.f.sf(13 * corrected / (42 - corrected), 3, 39))
    assert found.text == "Over 14 runs no strategies can be told apart (Friedman p 0.012, critical difference 1.3)."


@pytest.mark.parametrize(
    ("n_strategies", "quantile"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (10, 3.164)]
)
def test_the_published_table_of_critical_values(n_strategies, quantile):
    expected = quantile * np.sqrt(n_strategies * (n_strategies + 1) / 60)
    assert critical_difference(n_strategies, 10) == pytest.approx(expected, abs=1e-3)


@given(st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=3, max_size=12))
def test_friedmans_statistic_is_that_of_scipy_with_ties(values):
    ranks = stats.rankdata(np.array(values), axis=1)
    if (np.ptp(ranks, axis=1) == 0).all():
        assert iman_davenport(ranks) == 1.0
        return
    chi_square = stats.friedmanchisquare(*np.array(values).T).statistic
    n_runs = len(values)
    rest = 3 * n_runs - chi_square
    expected = 0.0 if rest < 1e-9 else stats.f.sf((n_runs - 1) * chi_square / rest, 3, 3 * (n_runs - 1))
    assert iman_davenport(ranks) == pytest.approx(expected, abs=1e-9)


def test_groups_are_the_largest_stretches_nearer_than_the_critical_difference():
    random = np.random.default_rng(0)
    skills = dict(zip("abcde", (5, 4.8, 4.6, 2, 1), strict=True))
    runs = {f"run {run}": {name: skill + random.normal() * 0.15 for name, skill in skills.items()} for run in range(12)}
    found = compare_ranks(runs)
    assert found.p < 0.001
    ranks = dict(zip(found.strategies, found.average_ranks, strict=True))
    for group in found.groups:
        assert ranks[group[-1]] - ranks[group[0]] < found.critical_difference
    assert not any(set(one) < set(other) for one in found.groups for other in found.groups)
    together = {frozenset((a, b)) for group in found.groups for a in group for b in group if a != b}
    near = {
        frozenset((a, b))
        for a in ranks
        for b in ranks
        if a < b and abs(ranks[a] - ranks[b]) < found.critical_difference
    }
    assert together == near
    assert found.text.startswith("Over 12 runs strategies more than 1.8 ranks apart differ")


def test_where_less_is_better_the_ranking_turns():
    losses = {run: {name: -value for name, value in values.items()} for run, values in RUNS.items()}
    assert compare_ranks(losses, lower_is_better=True) == compare_ranks(RUNS)


@pytest.mark.parametrize("n_runs", [1, 2])
@pytest.mark.parametrize("n_strategies", [2, 5, 20])
def test_two_corpora_tell_nothing_apart_however_clear_they_look(n_runs, n_strategies):
    runs = {f"run {run}": {f"s{number:02d}": -float(number) for number in range(n_strategies)} for run in range(n_runs)}
    found = compare_ranks(runs)
    assert found.groups == (found.strategies,)
    assert found.strategies == tuple(sorted(runs["run 0"]))
    assert f"Over {n_runs} run{'s' if n_runs > 1 else ''} no strategies can be told apart: even ranks" in found.text


def test_only_what_every_run_has_is_ranked():
    found = compare_ranks(
        {"a": {"early": 0.5, "late": 0.6, "hybrid": 0.7}, "b": {"late": 0.7, "early": 0.6, "oracle": 1.0}}
    )
    assert found.strategies == ("late", "early")
    assert found.left_out == ("hybrid", "oracle")
    with pytest.raises(StudyError, match=r"two strategies that every run has, got \['late'\]; compare runs"):
        compare_ranks({"a": {"early": 0.5, "late": 0.6}, "b": {"late": 0.7}})


def test_equal_values_share_their_ranks():
    found = compare_ranks({name: {"a": 0.5, "b": 0.5, "c": 0.4} for name in "xyz"})
    assert found.average_ranks == (1.5, 1.5, 3.0)
