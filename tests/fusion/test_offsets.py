"""Offsets make the answers better by the metric they are for, on rows they were not learned on."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.fusion.offsets import METRICS, N_HALVES, _ascended, _confusion, learn_offsets
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

PRIOR = np.array([0.75, 0.15, 0.1])
KNOWN = {
    "weighted_f1": lambda true, given: f1_score(true, given, average="weighted", zero_division=0),
    "macro_f1": lambda true, given: f1_score(true, given, average="macro", zero_division=0),
    "uar": balanced_accuracy_score,
    "accuracy": accuracy_score,
}


def rows(count, seed, *, balanced=True):
    """Log probabilities of rows of unequal classes, by a model that believes them equal (or knows better)."""
    random = np.random.default_rng(seed)
    codes = random.choice(3, size=count, p=PRIOR)
    logs = random.normal(size=(count, 3))
    logs[np.arange(count), codes] += 1.0
    logs = logs if balanced else logs + np.log(PRIOR)
    return logs - np.log(np.exp(logs).sum(axis=1, keepdims=True)), codes


@pytest.mark.parametrize("metric", METRICS)
def test_the_metrics_are_those_of_scikit_learn(metric):
    logs, codes = rows(200, 0)
    assert METRICS[metric](_confusion(logs, codes)) == pytest.approx(KNOWN[metric](codes, logs.argmax(axis=1)))


def test_a_class_that_is_only_answered_does_not_count_in_macro_f1():
    logs = np.log([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    codes = np.array([0, 1, 0])
    assert METRICS["macro_f1"](_confusion(logs, codes)) == pytest.approx((2 / 3 + 1) / 2)


@pytest.mark.parametrize(("metric", "balanced"), [("weighted_f1", True), ("accuracy", True), ("uar", False)])
def test_what_is_learned_helps_on_other_rows(metric, balanced):
    logs, codes = rows(2000, 0, balanced=balanced)
    offsets = learn_offsets(logs, codes, metric)
    others, truth = rows(2000, 1, balanced=balanced)
    before, after = (KNOWN[metric](truth, given.argmax(axis=1)) for given in (others, others + offsets))
    assert after > before + 0.02
    assert (offsets[0] > offsets[1:]).all() == balanced


def test_what_is_best_already_is_hardly_moved():
    logs, codes = rows(4000, 2, balanced=False)
    offsets = learn_offsets(logs, codes, "accuracy")
    assert np.ptp(offsets) < 0.3


def test_offsets_do_not_change_with_a_constant_or_a_second_call():
    logs, codes = rows(300, 3)
    first = learn_offsets(logs, codes, "macro_f1", seed=4)
    np.testing.assert_array_equal(learn_offsets(logs, codes, "macro_f1", seed=4), first)
    np.testing.assert_allclose(learn_offsets(logs + 5.0, codes, "macro_f1", seed=4), first)
    assert not np.array_equal(learn_offsets(logs, codes, "macro_f1", seed=5), first)


def test_groups_are_drawn_whole():
    logs, codes = rows(60, 5)
    # Half of two groups is one of them: what is learned is a mean of what each comes to, and of nothing between.
    ends = [_ascended(logs[part], codes[part], METRICS["uar"]) for part in (slice(0, 30), slice(30, 60))]
    found = learn_offsets(logs, codes, "uar", np.repeat(["a", "b"], 30))
    shares = [
        np.allclose(found, share * ends[0] + (1 - share) * ends[1]) for share in np.arange(N_HALVES + 1) / N_HALVES
    ]
    assert sum(shares) == 1
    np.testing.assert_array_equal(learn_offsets(logs, codes, "uar", np.repeat("a", 60)), np.zeros(3))


def test_of_no_rows_nothing_is_learned():
    np.testing.assert_array_equal(learn_offsets(np.zeros((0, 3)), np.zeros(0, dtype=int), "uar"), np.zeros(3))
