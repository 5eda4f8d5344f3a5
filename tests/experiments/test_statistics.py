"""Metrics against scikit-learn, intervals against what they promise, tests of a difference against hand calculation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from emofuse.experiments.statistics import (
    ECE_BINS,
    N_BOOTSTRAP,
    Scores,
    bootstrap_weights,
    compare,
    holm,
    metrics_of,
    nadeau_bengio,
    score,
    tally,
)
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics


def answers(seed, count, n_classes, *, confidence=1.0):
    """True classes and probabilities that lean towards them."""
    random = np.random.default_rng(seed)
    codes = random.integers(n_classes, size=count)
    logits = random.normal(size=(count, n_classes)) * 2
    logits[np.arange(count), codes] += confidence
    exponential = np.exp(logits)
    return codes, exponential / exponential.sum(axis=1, keepdims=True)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(2, 7))
def test_metrics_equal_those_of_scikit_learn(seed, count, n_classes):
    codes, probabilities = answers(seed, count, n_classes)
    predicted = probabilities.argmax(axis=1)
    found = {name: values[0] for name, values in metrics_of(tally(codes, probabilities, np.zeros(count, int))).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "uar": metrics.balanced_accuracy_score(codes, predicted),
            "accuracy": metrics.accuracy_score(codes, predicted),
            "macro_f1": metrics.f1_score(codes, predicted, average="macro"),
            "weighted_f1": metrics.f1_score(codes, predicted, average="weighted"),
            "log_loss": metrics.log_loss(codes, np.maximum(probabilities, 1e-7), labels=range(n_classes)),
        }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_calibration_error_is_the_gap_of_each_bin_by_its_share(seed, count):
    codes, probabilities = answers(seed, count, 3)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == codes
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [
        abs(confidence[bins == number].mean() - right[bins == number].mean()) * (bins == number).mean()
        for number in set(bins.tolist())
    ]
    found = metrics_of(tally(codes, probabilities, np.zeros(count, int)))["ece"][0]
    assert found == pytest.approx(sum(gaps))


def test_certain_answers_stay_finite_and_in_the_last_bin():
    found = metrics_of(tally(np.array([0, 0]), np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2, int)))
    assert found["log_loss"][0] == pytest.approx(-np.log(1e-7) / 2)
    assert found["ece"][0] == pytest.approx(0.5)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_counts_of_groups_add_up_to_those_of_all(seed, n_groups):
    codes, probabilities = answers(seed, 40, 3)
    groups = np.resize(np.arange(n_groups), 40)
    whole = metrics_of(tally(codes, probabilities, groups).weighted(np.ones((1, n_groups))))
    once = metrics_of(tally(codes, probabilities, np.zeros(40, int)))
    for name in once:
        assert whole[name][0] == pytest.approx(once[name][0])


def test_bootstrap_draws_as_many_groups_as_there_are():
    weights = bootstrap_weights(7, seed=0)
    assert weights.shape == (N_BOOTSTRAP, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, bootstrap_weights(7, seed=0))
    assert not np.array_equal(weights, bootstrap_weights(7, seed=1))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    hits, n_experiments, n_groups, per_group = 0, 100, 30, 12
    random = np.random.default_rng(0)
    for experiment in range(n_experiments):
        skill = np.repeat(np.clip(random.normal(0.7, 0.1, n_groups), 0, 1), per_group)
        right = random.random(n_groups * per_group) < skill
        codes = np.resize([0, 1], n_groups * per_group)
        probabilities = np.eye(2)[np.where(right, codes, 1 - codes)]
        groups = np.repeat(np.arange(n_groups), per_group)
        found = score(codes, probabilities, groups, np.zeros(len(codes), int), seed=experiment)["accuracy"]
        low, high = found.interval(bounded=True)
        hits += low <= 0.7 <= high
    assert 0.88 <= hits / n_experiments <= 0.99


@pytest.mark.parametrize(("bounded", "expected"), [(True, (0.0, 1.0)), (False, (-0.5, 1.5))])
def test_a_share_stays_between_0_and_1(bounded, expected):
    scores = Scores(folds=np.array([0.5]), draws=np.array([-1.0, 1.0]).repeat(500))
    assert scores.interval(bounded=bounded) == pytest.approx(expected)


def test_the_mean_is_over_folds_and_the_interval_around_it():
    codes, probabilities = answers(0, 60, 3)
    folds = np.repeat([0, 1], [10, 50])
    found = score(codes, probabilities, np.arange(60) % 6, folds, seed=0)["accuracy"]
    right = probabilities.argmax(axis=1) == codes
    assert found.folds.tolist() == pytest.approx([right[:10].mean(), right[10:].mean()])
    assert found.mean == pytest.approx(found.folds.mean())
    low, high = found.interval(bounded=True)
    assert low < found.mean < high


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


def two_strategies(n_folds):
    codes, good = answers(0, 80, 3, confidence=2.5)
    _, bad = answers(1, 80, 3, confidence=0.0)
    groups, folds = np.arange(80) % 8, np.arange(80) % 8 % n_folds
    return (score(codes, given_, groups, folds, seed=0)["uar"] for given_ in (good, bad))


@pytest.mark.parametrize(("n_folds", "test"), [(4, "nadeau_bengio"), (1, "group_bootstrap")])
def test_one_fold_is_compared_by_bootstrap_and_more_by_nadeau_bengio(n_folds, test):
    good, bad = two_strategies(n_folds)
    difference, low, high, p, name = compare(good, bad, test_to_train=1 / 3)
    assert name == test
    assert 0 < low < difference < high
    assert p < 0.05


@pytest.mark.parametrize("n_folds", [1, 4])
def test_comparing_the_other_way_round_turns_the_sign_and_nothing_else(n_folds):
    good, bad = two_strategies(n_folds)
    forth, back = (compare(*pair, test_to_train=1 / 3) for pair in ((good, bad), (bad, good)))
    assert forth[0] == pytest.approx(-back[0])
    assert (forth[1], forth[2]) == pytest.approx((-back[2], -back[1]))
    assert forth[3] == pytest.approx(back[3])
    assert forth[4] == back[4]


@pytest.mark.parametrize("n_folds", [1, 4])
def test_a_strategy_does_not_differ_from_itself(n_folds):
    good, _ = two_strategies(n_folds)
    assert compare(good, good, test_to_train=1 / 3)[:4] == (0.0, 0.0, 0.0, 1.0)
