"""Steady answers: the formula of the smoothing, and a label that changes only when another has earned it."""

import math

import pytest
from emofuse.features.errors import SampleError
from emofuse.inference.smoothing import LEADS_FOR, Smoothing
from hypothesis import given
from hypothesis import strategies as st

SHARES = st.floats(0, 1)
STEPS = st.lists(st.tuples(st.floats(0.01, 10), SHARES), min_size=1, max_size=20)


def pair(share):
    return {"happy": share, "sad": 1 - share}


def test_the_share_of_a_change_depends_on_the_time_that_passed():
    smoothing = Smoothing(2.0)
    smoothing.add(0.0, pair(1.0))
    smoothing.add(2.0, pair(0.0))
    assert smoothing.probabilities["happy"] == pytest.approx(math.exp(-1))


@given(STEPS)
def test_two_half_steps_do_what_a_whole_one_does(steps):
    whole, halves = Smoothing(1.5), Smoothing(1.5)
    whole.add(0.0, pair(0.5))
    halves.add(0.0, pair(0.5))
    now_s = 0.0
    for step_s, share in steps:
        halves.add(now_s + step_s / 2, pair(share))
        now_s += step_s
        halves.add(now_s, pair(share))
        whole.add(now_s, pair(share))
    assert whole.probabilities["happy"] == pytest.approx(halves.probabilities["happy"], abs=1e-9)


@given(STEPS)
def test_smoothed_probabilities_stay_within_those_of_the_answers_and_sum_to_one(steps):
    smoothing = Smoothing(1.0)
    for number, (_, share) in enumerate(steps):
        smoothing.add(float(number), pair(share))
    shares = [share for _, share in steps]
    assert min(shares) - 1e-9 <= smoothing.probabilities["happy"] <= max(shares) + 1e-9
    assert sum(smoothing.probabilities.values()) == pytest.approx(1.0)


def test_nothing_is_smoothed_with_a_time_constant_of_zero():
    smoothing = Smoothing(0.0, 0.0)
    assert [smoothing.add(float(now), pair(share)) for now, share in enumerate((0.9, 0.4, 0.6))] == [
        "happy",
        "sad",
        "happy",
    ]
    assert smoothing.probabilities == pair(0.6)


def test_a_narrow_lead_counts_only_after_some_answers_in_a_row():
    smoothing = Smoothing(0.0, 0.2)
    smoothing.add(0.0, pair(0.6))
    said = [smoothing.add(1.0 + number, pair(0.45)) for number in range(LEADS_FOR)]
    assert said == ["happy"] * (LEADS_FOR - 1) + ["sad"]


def test_a_lead_that_is_lost_in_between_starts_anew():
    smoothing = Smoothing(0.0, 0.2)
    said = [
        smoothing.add(float(number), pair(share)) for number, share in enumerate((0.6, 0.45, 0.45, 0.55, 0.45, 0.45))
    ]
    assert set(said) == {"happy"}


def test_a_wide_lead_counts_at_once():
    smoothing = Smoothing(0.0, 0.2)
    smoothing.add(0.0, pair(0.6))
    assert smoothing.add(1.0, pair(0.3)) == "sad"


@pytest.mark.parametrize("smoothing_s", [-1, math.nan, math.inf])
def test_a_time_constant_that_is_none_is_refused(smoothing_s):
    with pytest.raises(SampleError, match="smoothing_s must be"):
        Smoothing(smoothing_s)


@pytest.mark.parametrize("margin", [-0.1, 1.1, math.nan])
def test_a_margin_that_no_probability_has_is_refused(margin):
    with pytest.raises(SampleError, match="from 0 to 1"):
        Smoothing(1.0, margin)
