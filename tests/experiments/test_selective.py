"""Coverage against risk, reliability, and thresholds that keep what they promise on new speakers."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.experiments.selective import abstain, abstention_threshold, coverage_risk, reliability
from emofuse.experiments.statistics import metrics_of, tally
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit


def speakers(random, n_groups, per_group, *, spread=0.0):
    """Probabilities of two classes that hold on average, and by ``spread`` not for each speaker; classes; speakers."""
    groups = np.repeat(np.arange(n_groups), per_group)
    confidence = 0.5 + 0.5 * random.beta(2, 1.5, size=len(groups))
    right = random.random(len(groups)) < expit(logit(confidence) + spread * random.normal(size=n_groups)[groups])
    return np.column_stack([confidence, 1 - confidence]), (~right).astype(int), groups


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_the_area_is_the_mean_risk_of_the_surest_rows(seed, count):
    random = np.random.default_rng(seed)
    probabilities, codes = random.dirichlet(np.ones(3), size=count), random.integers(3, size=count)
    order = np.argsort(-probabilities.max(axis=1))
    risks = (probabilities.argmax(axis=1) != codes)[order].cumsum() / np.arange(1, count + 1)
    curve = coverage_risk(probabilities, codes)
    assert curve.area == pytest.approx(risks.mean())
    assert curve.risk == pytest.approx(risks)
    assert curve.coverage[-1] == 1.0
    assert (np.diff(curve.threshold) < 0).all()


def test_rows_of_one_confidence_are_answered_together_in_whatever_order():
    probabilities = np.array([[0.8, 0.2], [0.2, 0.8], [0.8, 0.2], [0.6, 0.4]])
    one, other = (coverage_risk(probabilities[rows], np.array([0, 0, 0, 0])) for rows in ([0, 1, 2, 3], [1, 3, 2, 0]))
    assert one.coverage.tolist() == other.coverage.tolist() == [0.75, 1.0]
    assert one.risk.tolist() == other.risk.tolist() == [pytest.approx(1 / 3), 0.25]


@given(st.integers(0, 2**32 - 1), st.integers(1, 80), st.booleans())
def test_reliability_bins_hold_every_row_once(seed, count, equal_mass):
    random = np.random.default_rng(seed)
    probabilities, codes = random.dirichlet(np.ones(4), size=count), random.integers(4, size=count)
    found = reliability(probabilities, codes, equal_mass=equal_mass)
    assert found.count.sum() == count
    assert (found.count > 0).all()
    assert (np.diff(found.confidence) > 0).all()
    assert found.confidence @ found.count == pytest.approx(probabilities.max(axis=1).sum())
    assert found.accuracy @ found.count == pytest.approx((probabilities.argmax(axis=1) == codes).sum())


def test_equally_wide_bins_are_those_of_the_calibration_error():
    probabilities, codes, _ = speakers(np.random.default_rng(0), 10, 30)
    found = reliability(probabilities, codes)
    gap = np.abs(found.confidence - found.accuracy) @ found.count / len(codes)
    assert gap == pytest.approx(metrics_of(tally(codes, probabilities, np.zeros(300, int)))["ece"][0])
    assert len(set(reliability(probabilities, codes, n_bins=10, equal_mass=True).count.tolist())) == 1


def test_the_threshold_is_where_the_lower_bound_reaches_what_is_wanted():
    confidence = np.linspace(0.99, 0.51, 200)
    probabilities, codes = np.column_stack([confidence, 1 - confidence]), (np.arange(200) >= 100).astype(int)
    threshold = abstention_threshold(probabilities, codes, 0.9)
    bound = [stats.binomtest(100, count).proportion_ci(0.9).low for count in (105, 106)]  # two-sided 90 %
    assert bound[0] > 0.9 > bound[1]
    assert threshold == confidence[104]
    assert abstain(probabilities, codes, threshold).precision == pytest.approx(100 / 105)


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(10), 4)])
def test_nothing_is_promised_of_rows_that_cannot_bear_it(groups):
    probabilities, codes = np.tile([0.9, 0.1], (40, 1)), np.resize([0, 1], 40)
    assert abstention_threshold(probabilities, codes, 0.9, groups=groups) is None
    assert abstain(probabilities, codes, None).coverage == 0.0
    assert abstain(probabilities, codes, None).precision is None


def test_one_speaker_promises_nothing_of_others_and_unanswered_rows_have_no_say():
    probabilities, codes = np.tile([0.9, 0.1], (200, 1)), np.zeros(200, int)
    holes = np.vstack([probabilities, np.full((50, 2), np.nan)])
    assert abstention_threshold(probabilities, codes, 0.9, groups=codes) is None
    assert abstention_threshold(probabilities, codes, 0.9) == 0.9
    assert abstention_threshold(holes, np.append(codes, np.ones(50, int)), 0.9) == 0.9
    assert abstention_threshold(holes[200:], codes[:50], 0.9) is None


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_new_speakers_seldom_get_less_than_the_precision_promised(spread):
    random = np.random.default_rng(0)
    short = {"promised": 0, "reached on the training rows": 0}
    for _ in range(100):
        probabilities, codes, groups = speakers(random, 30, 40, spread=spread)
        new = speakers(random, 300, 20, spread=spread)[:2]
        promised = abstention_threshold(probabilities, codes, 0.85, groups=groups)
        curve = coverage_risk(probabilities, codes)
        reached = curve.threshold[np.flatnonzero(curve.risk <= 0.15)[-1]]
        for name, threshold in (("promised", promised), ("reached on the training rows", reached)):
            precision = abstain(*new, threshold).precision
            short[name] += precision is not None and precision < 0.85
    assert short["promised"] <= 10
    assert short["reached on the training rows"] > 30
