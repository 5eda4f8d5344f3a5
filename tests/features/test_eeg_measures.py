"""Each measure gives the value that its definition gives for a signal where that is known."""

import numpy as np
import pytest
from emofuse.features import eeg_measures as measure
from emofuse.features.spectra import power_density
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import logm
from scipy.stats import norm

RATE = 256.0
BANDS = {"delta": (1, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 45)}
TIMES = np.arange(2048) / RATE


def tone(hz, level=1.0, phase=0.3):
    return level * np.sin(2 * np.pi * hz * TIMES + phase)


def noise(shape=(4, 2048), seed=0):
    return np.random.default_rng(seed).normal(scale=10, size=shape)


@given(st.floats(1e-3, 1e3))
def test_eeg_39_gain_moves_log_power_and_leaves_shares_and_ratios(gain):
    powers = np.random.default_rng(0).uniform(1, 10, size=(3, 5))
    louder = gain**2 * powers
    np.testing.assert_allclose(measure.log_power(louder), measure.log_power(powers) + 2 * np.log10(gain), atol=1e-9)
    np.testing.assert_allclose(measure.relative_power(louder), measure.relative_power(powers))
    np.testing.assert_allclose(measure.band_ratios(louder, BANDS), measure.band_ratios(powers, BANDS), atol=1e-9)
    np.testing.assert_allclose(
        measure.asymmetry(louder, louder[::-1]), measure.asymmetry(powers, powers[::-1]), atol=1e-9
    )


def test_eeg_39_no_power_has_no_share_and_a_finite_logarithm():
    nothing = np.zeros((1, 5))
    assert np.isnan(measure.relative_power(nothing)).all()
    assert np.isfinite(measure.log_power(nothing)).all()


def test_differential_entropy_is_that_of_a_gaussian():
    spread = np.array([0.5, 3.0, 40.0])
    np.testing.assert_allclose(measure.differential_entropy(spread**2), norm(scale=spread).entropy())


def test_ratios_are_those_whose_bands_are_named():
    assert list(measure.usable_ratios(BANDS)) == list(measure.RATIOS)
    assert list(measure.usable_ratios({"theta": 0, "beta": 0})) == ["theta_beta"]
    powers = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    found = dict(zip(measure.RATIOS, 10 ** measure.band_ratios(powers, BANDS), strict=True))
    assert found == pytest.approx(
        {"theta_beta": 0.25, "alpha_beta": 0.5, "theta_alpha": 0.5, "engagement": 8 / 6, "slow_fast": 3 / 12}
    )
    assert measure.band_ratios(powers[:1], {"low": 0}).shape == (0,)


def test_asymmetry_is_positive_where_the_right_is_stronger():
    assert measure.asymmetry(np.array([1.0]), np.array([10.0])).tolist() == [1.0]


@pytest.mark.parametrize("hz", [4.0, 10.0, 25.0])
def test_hjorth_of_a_tone_is_its_variance_its_angular_frequency_and_one(hz):
    activity, mobility, complexity = measure.hjorth(tone(hz, level=3.0), RATE)
    assert activity == pytest.approx(4.5, rel=1e-3)
    assert mobility == pytest.approx(2 * RATE * np.sin(np.pi * hz / RATE), rel=1e-2)
    assert complexity == pytest.approx(1, rel=1e-2)


def test_hjorth_of_white_noise_is_more_complex_than_a_tone():
    found = measure.hjorth(noise((20_000,)), RATE)
    np.testing.assert_allclose(found, [100, np.sqrt(2) * RATE, np.sqrt(3 / 2) * np.sqrt(2) / np.sqrt(2)], rtol=0.05)


def test_hjorth_of_nothing_has_activity_alone():
    assert measure.hjorth(np.ones(100), RATE)[0] == 0
    assert np.isnan(measure.hjorth(np.ones(100), RATE)[1:]).all()


@given(st.floats(0.01, 100))
@settings(max_examples=20)
def test_gain_leaves_what_measures_shape(gain):
    samples = noise()
    frequencies, density = power_density(samples, RATE)
    for found, again in (
        (measure.hjorth(samples, RATE)[..., 1:], measure.hjorth(gain * samples, RATE)[..., 1:]),
        (measure.zero_crossings(samples, RATE), measure.zero_crossings(gain * samples, RATE)),
        (measure.correlation(samples), measure.correlation(gain * samples)),
        *(
            (one(density, frequencies, (1, 45)), one(gain**2 * density, frequencies, (1, 45)))
            for one in (measure.spectral_edge, measure.spectral_entropy)
        ),
        (
            measure.aperiodic(density, frequencies, (2, 45))[..., 0],
            measure.aperiodic(gain**2 * density, frequencies, (2, 45))[..., 0],
        ),
    ):
        np.testing.assert_allclose(again, found, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(measure.line_length(gain * samples, RATE), gain * measure.line_length(samples, RATE))


@pytest.mark.parametrize("hz", [3.0, 12.0, 33.0])
def test_zero_crossings_and_line_length_of_a_tone(hz):
    assert measure.zero_crossings(tone(hz), RATE) == pytest.approx(2 * hz, rel=0.03)
    assert measure.line_length(tone(hz, level=5.0), RATE) == pytest.approx(4 * 5 * hz, rel=0.03)


def test_spectral_edge_of_even_noise_lies_at_95_per_cent_of_the_range():
    frequencies = np.arange(0.0, 65.0)
    edge = measure.spectral_edge(np.ones(65), frequencies, (1.0, 41.0))
    assert edge == pytest.approx(0.5 + 0.95 * 40)


def test_spectral_edge_moves_with_the_power():
    frequencies = np.arange(0.0, 65.0)
    edges = [measure.spectral_edge(np.exp(-frequencies / width), frequencies, (1.0, 45.0)) for width in (2, 4, 8)]
    assert edges == sorted(edges)
    alone = np.where(frequencies == 10, 5.0, 0.0)
    assert measure.spectral_edge(alone, frequencies, (1.0, 45.0)) == pytest.approx(10.45)


def test_spectral_entropy_runs_from_one_frequency_to_all():
    frequencies = np.arange(0.0, 65.0)
    alone = np.where(frequencies == 10, 5.0, 0.0)
    assert measure.spectral_entropy(alone, frequencies, (1.0, 45.0)) == pytest.approx(0)
    assert measure.spectral_entropy(np.ones(65), frequencies, (1.0, 45.0)) == pytest.approx(1)


@given(st.floats(0, 3), st.floats(-2, 3), st.floats(2, 100))
@settings(max_examples=50)
def test_aperiodic_line_is_found_below_a_peak(exponent, offset, height):
    frequencies = np.arange(0.0, 65.0)
    density = 10**offset / np.maximum(frequencies, 1) ** exponent
    peaked = density * (1 + height * np.exp(-((frequencies - 10) ** 2) / 4))
    assert measure.aperiodic(density, frequencies, (2, 45)) == pytest.approx([exponent, offset], abs=1e-6)
    x, y = np.log10(frequencies[2:45]), np.log10(peaked[2:45])
    plain = -np.polyfit(x, y, 1)[0]
    found = measure.aperiodic(peaked, frequencies, (2, 45))[0]
    assert abs(found - exponent) < max(abs(plain - exponent), 0.02)


def test_log_covariance_is_the_matrix_logarithm():
    samples = noise((3, 4, 500))
    found = measure.log_covariance(samples)
    rows, columns = np.triu_indices(4)
    for window in range(3):
        expected = logm(np.cov(samples[window], bias=True))
        np.testing.assert_allclose(found[window], expected[rows, columns], atol=1e-9)


def test_log_covariance_of_channels_that_repeat_is_finite():
    one = noise((1, 500))
    assert np.isfinite(measure.log_covariance(np.concatenate([one, one, -one]))).all()
    assert np.isfinite(measure.log_covariance(np.zeros((2, 500)))).all()


@given(st.permutations(range(4)))
def test_order_of_channels_orders_the_pairs_and_changes_no_value(order):
    samples = noise() + noise(seed=1)[:1]
    for one, k in ((measure.correlation, 1), (measure.log_covariance, 0)):
        matrix, again = np.zeros((4, 4)), np.zeros((4, 4))
        upper = np.triu_indices(4, k=k)
        matrix[upper], again[upper] = one(samples), one(samples[list(order)])
        matrix, again = (np.triu(part) + np.triu(part, 1).T for part in (matrix, again))
        np.testing.assert_allclose(again, matrix[np.ix_(order, order)], atol=1e-9)


def test_correlation_is_that_of_numpy():
    samples = noise() + noise(seed=1)[:1]
    np.testing.assert_allclose(measure.correlation(samples), np.corrcoef(samples)[np.triu_indices(4, k=1)])
