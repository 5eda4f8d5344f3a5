"""Tests of a difference against hand calculation, and what they do with strategies that never differ."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.experiments.paired import (
    compare,
    effect_size,
    group_bootstrap,
    holm,
    mcnemar,
    nadeau_bengio,
    power_note,
)
from emofuse.experiments.statistics import Scores, score
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats


def test_nadeau_bengio_by_hand():
    # differences 1, 2, 3: mean 2, variance 1; t = 2 / sqrt((1/3 + 1/2) * 1) = 2.19089; 2 degrees of freedom:
    # p = 1 - t / sqrt(t^2 + 2) = 1 - 2.19089 / 2.60768
    p = nadeau_bengio(np.array([1.0, 2.0, 3.0]), 0.5)
    assert p == pytest.approx(1 - 2.1908902300 / 2.6076809621)


def test_the_corrected_test_is_less_sure_than_the_naive_one():
    from scipy.stats import ttest_1samp

    differences = np.array([0.02, 0.01, 0.015, 0.005, 0.03])
    assert nadeau_bengio(differences, 0.25) > ttest_1samp(differences, 0).pvalue


@pytest.mark.parametrize(("value", "p"), [(0.0, 1.0), (0.1, 0.0)])
def test_differences_that_never_vary(value, p):
    assert nadeau_bengio(np.full(5, value), 0.25) == p


def test_holm_on_a_known_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_raises_every_p_keeps_their_order_and_multiplies_the_smallest(p_values):
    corrected = np.array(holm(p_values))
    assert (np.array(p_values) <= corrected).all()
    assert (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(p_values, kind="stable")]) >= 0).all()
    assert corrected.min() == pytest.approx(min(1.0, len(p_values) * min(p_values)))


def answers(seed, count, confidence):
    """True classes and probabilities that lean towards them."""
    random = np.random.default_rng(seed)
    codes = np.resize([0, 1, 2], count)
    logits = random.normal(size=(count, 3)) * 2
    logits[np.arange(count), codes] += confidence
    exponential = np.exp(logits)
    return codes, exponential / exponential.sum(axis=1, keepdims=True)


def two_strategies(n_folds, metric="uar"):
    codes, good = answers(0, 80, 2.5)
    _, bad = answers(1, 80, 0.0)
    groups, folds = np.arange(80) % 8, np.arange(80) % 8 % n_folds
    return (score(codes, given_, groups, folds, seed=0)[metric] for given_ in (good, bad))


@pytest.mark.parametrize(("n_folds", "test"), [(4, "nadeau_bengio"), (1, "group_bootstrap")])
def test_one_fold_is_compared_by_bootstrap_and_more_by_nadeau_bengio(n_folds, test):
    good, bad = two_strategies(n_folds)
    found = compare(good, bad, test_to_train=1 / 3)
    assert found.test == test
    assert 0 < found.low < found.difference < found.high
    assert found.effect_size > 1
    assert found.p < 0.05
    assert found.p_mcnemar < 0.05
    assert found.p_group_bootstrap < 0.05
    assert found.p == (nadeau_bengio(good.folds - bad.folds, 1 / 3) if n_folds > 1 else found.p_group_bootstrap)


@pytest.mark.parametrize("n_folds", [1, 4])
def test_comparing_the_other_way_round_turns_the_sign_and_nothing_else(n_folds):
    good, bad = two_strategies(n_folds)
    forth, back = (compare(*pair, test_to_train=1 / 3) for pair in ((good, bad), (bad, good)))
    assert forth.difference == pytest.approx(-back.difference)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert forth.effect_size == pytest.approx(-back.effect_size)
    assert forth.test == back.test
    for p in ("p", "p_mcnemar", "p_group_bootstrap"):
        assert getattr(forth, p) == pytest.approx(getattr(back, p))


@pytest.mark.parametrize("n_folds", [1, 4])
def test_a_strategy_does_not_differ_from_itself(n_folds):
    good, _ = two_strategies(n_folds)
    found = compare(good, good, test_to_train=1 / 3)
    assert (found.difference, found.low, found.high, found.effect_size) == (0.0, 0.0, 0.0, 0.0)
    assert (found.p, found.p_mcnemar, found.p_group_bootstrap) == (1.0, 1.0, 1.0)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 20))
def test_mcnemar_is_the_binomial_test_of_the_samples_that_only_one_strategy_answers(only_a, only_b, both):
    a = np.repeat([True, False, True], [only_a, only_b, both])
    b = np.repeat([False, True, True], [only_a, only_b, both])
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert mcnemar(a, b) == pytest.approx(expected)


def test_mcnemar_on_a_known_example():
    # 1 against 8 disagreements: 2 * (1 + 9) / 2 ** 9
    a, b = np.repeat([True, False, True], [1, 8, 50]), np.repeat([False, True, True], [1, 8, 50])
    assert mcnemar(a, b) == pytest.approx(20 / 512)


@pytest.mark.parametrize(
    ("draws", "p"),
    [([-1.0, 1.0] * 500, 1.0), ([-0.1, 0.1] * 500, 2 / 1001), ([-1.0] * 9 + [0.0] * 990, 20 / 1000)],
)
def test_the_bootstrap_p_is_twice_the_share_beyond_zero_and_never_0(draws, p):
    assert group_bootstrap(0.5, np.array(draws)) == pytest.approx(p)


@pytest.mark.parametrize(
    ("differences", "size"),
    [
        ([0.1, 0.2, 0.3], 2.0),
        ([-0.1, -0.2, -0.3, np.nan], -2.0),
        ([0.0, 0.0], 0.0),
        ([0.2, 0.2, 0.2], None),
        ([0.2], None),
        ([np.nan, np.nan], 0.0),
    ],
)
def test_the_effect_size_is_the_mean_over_groups_by_their_spread(differences, size):
    assert effect_size(np.array(differences)) == (None if size is None else pytest.approx(size))


def scores(folds, draws=(-0.1, 0.1), n_groups=24):
    return Scores(np.array(folds), np.array(draws), np.zeros(n_groups), np.zeros(3, bool))


def test_the_power_is_what_the_noncentral_t_says():
    random = np.random.default_rng(0)
    note = power_note(scores([0.01, 0.05, 0.03, 0.02, 0.04]), scores([0.0] * 5), metric="uar", test_to_train=0.25)
    # Under the variance that was seen, a true gain of this size is found four times in five by a t test of five folds.
    error = np.std([0.01, 0.05, 0.03, 0.02, 0.04], ddof=1) * np.sqrt(1 / 5 + 0.25)
    t = (random.normal(note["detectable"], error, 40_000)) / (error * np.sqrt(random.chisquare(4, 40_000) / 4))
    assert (np.abs(t) > stats.t.isf(0.025, 4)).mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("folds", "changes", "text"),
    [
        (
            [0.01, 0.05, 0.03, 0.02, 0.04],
            {"group": "speaker"},
            "With 24 speakers in 5 folds a gain under 4.0 points would be missed more often than one time in five.",
        ),
        (
            [0.01, 0.05, 0.03, 0.02, 0.04] * 2,
            {"repeats": 2},
            "With 24 groups in 5 folds, drawn 2 times, a gain under 2.8 points would be missed more often than one time in five.",
        ),
        (
            [0.03],
            {"group": "subject", "metric": "log_loss"},
            "With 24 subjects in one test set a gain under 0.280 (log loss) would be missed more often than one time in five.",
        ),
    ],
    ids=["folds", "repeats", "one"],
)
def test_the_power_is_said_in_one_sentence(folds, changes, text):
    values = {"metric": "uar", "test_to_train": 0.25} | changes
    note = power_note(scores(folds), scores([0.0] * len(folds), draws=(0.0, 0.0)), **values)
    assert note["text"] == text
    assert (note["metric"], note["n_groups"], note["n_folds"]) == (values["metric"], 24, len(folds))


def test_strategies_that_never_differ_tell_nothing_of_the_power():
    same = scores([0.5, 0.6])
    assert power_note(same, same, metric="uar", test_to_train=1.0) is None
