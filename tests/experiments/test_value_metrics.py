"""Metrics of numbers against values worked out by hand and by SciPy, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.experiments.task_kinds import VALUE_METRICS
from emofuse.experiments.value_metrics import moments, score_values, value_metrics_of, value_of
from scipy import stats


def of_all(truth, answers, **options):
    sums = moments(np.array(truth), np.array(answers), np.zeros(len(truth), dtype=int), **options)
    return {name: float(values[0]) for name, values in value_metrics_of(sums).items()}


def test_known_answers():
    found = of_all([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 4.0, 4.0])
    # Means 2.5 and 3, variances 1.25 and 1, covariance 1: Lin's coefficient is 2 / (1.25 + 1 + 0.25).
    assert found["ccc"] == pytest.approx(0.8)
    assert found["pearson"] == pytest.approx(1 / np.sqrt(1.25))
    assert (found["mae"], found["rmse"]) == (pytest.approx(0.5), pytest.approx(np.sqrt(0.5)))


def test_a_shift_or_a_scale_costs_concordance_and_no_correlation():
    truth = np.random.default_rng(0).normal(size=50)
    assert of_all(truth, truth)["ccc"] == pytest.approx(1)
    for answers in (truth + 1, 0.3 * truth):
        found = of_all(truth, answers)
        assert found["pearson"] == pytest.approx(1)
        assert found["ccc"] < 0.8
    assert of_all(truth, -truth)["ccc"] < -0.9


def test_correlation_is_that_of_scipy_far_from_zero_too():
    random = np.random.default_rng(1)
    truth = 1e6 + random.normal(size=80)
    answers = truth + random.normal(size=80)
    found = of_all(truth, answers, centre=float(truth.mean()))
    assert found["pearson"] == pytest.approx(stats.pearsonr(truth, answers)[0], abs=1e-6)
    assert value_of(truth, answers, "pearson") == pytest.approx(found["pearson"])


@pytest.mark.parametrize(("truth", "answers"), [([1.0, 2.0], [1.5, 1.5]), ([0.1] * 7, [0.1] * 7), ([1.0], [2.0])])
def test_what_does_not_vary_agrees_with_nothing(truth, answers):
    found = of_all(truth, answers)
    assert (found["ccc"], found["pearson"]) == (0.0, 0.0)


def test_accuracies_of_the_seven_step_scale():
    found = of_all([-2.6, -0.4, 0.0, 0.6, 3.0], [-4.0, 0.2, 1.0, 0.4, 2.2])
    assert found["acc2"] == 3 / 4  # the third sample is neither; the second has the wrong sign
    assert found["acc7"] == 2 / 5  # -3 and -3, 0 and 0, 0 and 1, 1 and 0, 3 and 2


def test_sums_of_groups_add_up():
    random = np.random.default_rng(2)
    truth, answers = random.normal(size=(2, 60))
    by_group = moments(truth, answers, np.arange(60) % 5, n_groups=6)
    assert by_group[5].sum() == 0
    whole = value_metrics_of(by_group.sum(axis=0, keepdims=True))
    assert {name: float(values[0]) for name, values in whole.items()} == pytest.approx(of_all(truth, answers))


def test_intervals_hold_the_value_and_narrow_with_groups():
    random = np.random.default_rng(3)
    widths = []
    for n_groups in (8, 80):
        truth = random.normal(size=10 * n_groups)
        answers = truth + random.normal(size=len(truth))
        groups, folds = np.repeat(np.arange(n_groups), 10), np.repeat([0, 1], 5 * n_groups)
        found = score_values(truth, answers, groups, folds, seed=0)
        assert set(found) == set(VALUE_METRICS)
        low, high = found["ccc"].interval(bounded=False)
        assert low < found["ccc"].mean < high
        widths.append(high - low)
        assert found["mae"].groups.shape == (n_groups,)
    assert widths[1] < 0.6 * widths[0]


def test_groups_of_others_are_drawn_along():
    random = np.random.default_rng(4)
    truth, answers = random.normal(size=(2, 40))
    groups, folds = np.repeat(np.arange(4), 10), np.zeros(40, dtype=int)
    alone = score_values(truth, answers, groups, folds, seed=0)["mae"]
    same = score_values(truth, answers, groups, folds, seed=0, within=(4, np.arange(4)))["mae"]
    among = score_values(truth, answers, groups, folds, seed=0, within=(8, np.arange(4)))["mae"]
    np.testing.assert_array_equal(alone.draws, same.draws)
    assert among.draws.std() > 0 and not np.array_equal(among.draws, alone.draws)
