"""Clip statistics: equal to numpy's and scipy's own, blind to frames without a value, in the unit they say."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.features.base import FeatureNote
from emofuse.features.functionals import (
    QUANTILES,
    STATISTICS,
    check_statistics,
    describe_functional,
    functional_names,
    functionals,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

EVERY = tuple(STATISTICS)
finite = st.floats(-1e3, 1e3, width=32)


def as_dict(series, times, names=("a",)):
    return dict(zip(functional_names(names, EVERY), functionals(series, times, EVERY), strict=True))


def test_values_are_those_of_numpy_and_scipy():
    random = np.random.default_rng(0)
    series, times = random.gamma(2.0, size=(40, 1)), np.sort(random.uniform(0, 3, 40))
    found = as_dict(series, times)
    column = series[:, 0]
    expected = {
        "mean": column.mean(),
        "sd": column.std(),
        "min": column.min(),
        "max": column.max(),
        **{name: np.quantile(column, share) for name, share in QUANTILES.items()},
        "range": np.quantile(column, 0.95) - np.quantile(column, 0.05),
        "iqr": np.quantile(column, 0.75) - np.quantile(column, 0.25),
        "skewness": stats.skew(column),
        "kurtosis": stats.kurtosis(column),
        "slope": stats.linregress(times, column).slope,
        "velocity": np.abs(np.diff(column)).sum() / (times[-1] - times[0]),
    }
    for name, value in expected.items():
        assert found[f"a_{name}"] == pytest.approx(value, rel=1e-4), name


def test_frames_without_a_value_are_left_out_of_each_series_by_itself():
    times = np.arange(6.0)
    gaps = np.array([[0.0, 1.0], [np.nan, 2.0], [2.0, 3.0], [3.0, np.nan], [np.nan, 5.0], [5.0, 6.0]])
    both = functionals(gaps, times, EVERY)
    for column in (0, 1):
        seen = ~np.isnan(gaps[:, column])
        alone = functionals(gaps[seen][:, [column]], times[seen], EVERY)
        np.testing.assert_array_equal(both.reshape(2, -1)[column], alone)


def test_series_without_any_value_is_nan_and_one_value_has_no_spread():
    found = as_dict([[np.nan, 4.0], [np.nan, np.nan]], [0.0, 1.0], names=("none", "one"))
    assert all(np.isnan(found[f"none_{name}"]) for name in EVERY)
    assert [found[f"one_{name}"] for name in ("mean", "sd", "range", "slope", "velocity")] == [4.0, 0, 0, 0, 0]
    assert np.isnan(functionals(np.empty((0, 1)), [], EVERY)).all()


@given(arrays(np.float64, st.tuples(st.integers(2, 30), st.just(1)), elements=finite), st.floats(-5, 5))
def test_shift_in_time_changes_nothing(series, shift):
    times = np.arange(len(series)) * 0.04
    np.testing.assert_allclose(
        functionals(series, times + shift, EVERY), functionals(series, times, EVERY), rtol=1e-3, atol=1e-3
    )


@given(arrays(np.float64, st.tuples(st.integers(2, 30), st.just(2)), elements=finite), st.floats(0.1, 10))
def test_gain_scales_what_has_the_unit_of_the_series(series, gain):
    times = np.arange(len(series)) * 0.5
    names = tuple(name for name, (_, unit) in STATISTICS.items() if unit.startswith("u"))
    np.testing.assert_allclose(
        functionals(series * gain, times, names), functionals(series, times, names) * gain, rtol=1e-3, atol=1e-2
    )


@given(arrays(np.float64, st.tuples(st.integers(1, 20), st.just(3)), elements=finite))
def test_values_are_finite_and_as_many_as_names(series):
    found = functionals(series, np.arange(len(series)), EVERY)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    assert len(functional_names("abc", EVERY)) == len(found)


@pytest.mark.parametrize("bad", [(), ("mean", "mean"), ("average",), "mean"])
def test_unusable_statistics_are_refused(bad):
    with pytest.raises(ValueError, match="statistics must be different names"):
        check_statistics(bad)


def test_note_says_what_the_series_is_and_its_unit_over_time():
    note = describe_functional("mouth_open_slope", lambda name: FeatureNote(f"the {name}", "mm", "Somebody (1999)"))
    assert note.measures.endswith("the mouth_open") and note.unit == "mm/s" and "Somebody (1999)" in note.source
    assert describe_functional("x_velocity", lambda _: FeatureNote("x", "1", "s")).unit == "1/s"
    assert describe_functional("x_skewness", lambda _: FeatureNote("x", "Hz", "s")).unit == "1"
