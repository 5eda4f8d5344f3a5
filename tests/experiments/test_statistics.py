"""Metrics against scikit-learn, and intervals over groups."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from emofuse.experiments import statistics
from emofuse.experiments.statistics import (
    ECE_BINS,
    MANY_GROUPS,
    N_BOOTSTRAP,
    Scores,
    bootstrap_weights,
    metrics_of,
    score,
    tally,
    widening,
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
            "brier": ((probabilities - np.eye(n_classes)[codes]) ** 2).sum(axis=1).mean(),
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
    assert found["brier"][0] == pytest.approx(1.0)
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


@pytest.mark.parametrize("n_groups", [30, 6])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(n_groups):
    hits, n_experiments, per_group = 0, 100, 12
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
    scores = Scores(np.array([0.5]), np.array([-1.0, 1.0]).repeat(500), groups=np.array([0.5]), right=np.array([True]))
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


def test_what_is_known_of_a_strategy_by_group_and_by_sample():
    codes, probabilities = answers(0, 60, 3)
    groups = np.arange(60) % 6
    found = score(codes, probabilities, groups, np.zeros(60, int), seed=0)
    right = probabilities.argmax(axis=1) == codes
    assert found["uar"].right is found["brier"].right
    assert found["uar"].right.tolist() == right.tolist()
    assert found["accuracy"].groups.tolist() == pytest.approx([right[groups == number].mean() for number in range(6)])
    own = metrics_of(tally(codes[groups == 2], probabilities[groups == 2], np.zeros(10, int)))
    assert found["uar"].groups[2] == pytest.approx(own["uar"][0])


def test_a_sample_that_is_tested_again_counts_once_and_tells_nothing_new_of_its_group():
    codes, probabilities = answers(0, 60, 3)
    groups, folds = np.arange(60) % 6, np.arange(60) % 6 % 3
    plain = score(codes, probabilities, groups, folds, seed=0)["uar"]
    twice = [np.concatenate([values, values]) for values in (codes, probabilities, groups)]
    repeated = score(*twice, np.concatenate([folds, folds + 3]), seed=0, once=np.arange(60))["uar"]
    assert repeated.right.tolist() == plain.right.tolist()
    assert repeated.folds.tolist() == [*plain.folds, *plain.folds]
    assert repeated.interval(bounded=True) == pytest.approx(plain.interval(bounded=True))
    np.testing.assert_allclose(repeated.groups, plain.groups)


def test_the_widening_takes_the_t_distribution_and_the_small_sample_into_account():
    # t quantiles at .975 from a printed table: 4 degrees of freedom 2.776, 23 degrees 2.069
    assert widening(5) == pytest.approx(2.776 / 1.960 * np.sqrt(5 / 4), rel=1e-3)
    assert widening(24) == pytest.approx(2.069 / 1.960 * np.sqrt(24 / 23), rel=1e-3)
    assert widening(1) == 1
    assert widening(5000) == pytest.approx(1, abs=1e-3)


def test_the_rows_of_a_single_group_are_drawn():
    codes, probabilities = answers(0, 200, 3)
    folds = np.zeros(200, int)
    alone = score(codes, probabilities, folds, folds, seed=0)["accuracy"]
    rows = score(codes, probabilities, np.arange(200), folds, seed=0)["accuracy"]
    assert len(alone.groups) == 1
    assert alone.interval(bounded=True) == pytest.approx(rows.interval(bounded=True))
    assert np.ptp(alone.draws) > 0


def test_very_many_groups_are_drawn_in_bunches_with_the_same_spread(monkeypatch):
    codes, probabilities = answers(0, 4000, 3)
    each = score(codes, probabilities, np.arange(4000), np.zeros(4000, int), seed=0)["uar"]
    monkeypatch.setattr(statistics, "MANY_GROUPS", 200)
    bunched = score(codes, probabilities, np.arange(4000), np.zeros(4000, int), seed=0)["uar"]
    assert MANY_GROUPS > 4000
    assert len(bunched.groups) == 4000
    assert bunched.draws.std() == pytest.approx(each.draws.std(), rel=0.15)


def test_draws_are_shared_and_cannot_be_changed():
    weights = bootstrap_weights(5, seed=3)
    assert bootstrap_weights(5, seed=3) is weights
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 9
