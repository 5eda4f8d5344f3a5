"""Spectra are those of the textbook, for one channel and for many windows of many at once."""

import numpy as np
import pytest
from emofuse.features import spectra
from emofuse.features.spectra import band_powers, power_density
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

RATE = 128.0


def noise(shape=(3, 4, 512), seed=0):
    return np.random.default_rng(seed).normal(scale=10, size=shape)


@pytest.mark.parametrize("length", [512, 511, 129])
@pytest.mark.parametrize("segment_s", [1.0, 0.99, 0.5])
def test_welch_is_that_of_scipy(length, segment_s):
    samples = noise()[..., :length] + 100
    frequencies, density = power_density(samples, RATE, segment_s=segment_s)
    theirs, expected = welch(samples, RATE, nperseg=round(segment_s * RATE))
    np.testing.assert_allclose(frequencies, theirs)
    np.testing.assert_allclose(density, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["welch", "multitaper"])
def test_power_of_noise_is_its_variance(method):
    frequencies, density = power_density(noise((20_000,)), RATE, method=method)
    total = band_powers(density, frequencies, {"all": (0.0, RATE)})
    assert total == pytest.approx(100, rel=0.05)


def test_multitapers_vary_less_and_resolve_less():
    spread = {}
    for method in ("welch", "multitaper"):
        density = power_density(noise((200, 256)), RATE, method=method)[1]
        spread[method] = density[:, 5:-5].std(axis=0).mean()
    assert spread["multitaper"] < 0.85 * spread["welch"]
    tone = np.sin(2 * np.pi * 20 * np.arange(512) / RATE)
    frequencies, narrow = power_density(tone, RATE)
    wide = power_density(tone, RATE, method="multitaper")[1]
    one, three = ({"near": (20 - half, 20 + half + 0.5)} for half in (1.0, 2.0))
    assert band_powers(narrow, frequencies, one)[0] > 0.49 > band_powers(wide, frequencies, one)[0]
    assert band_powers(wide, frequencies, three)[0] > 0.45


@pytest.mark.parametrize("method", ["welch", "multitaper"])
def test_many_windows_are_measured_as_each_by_itself(method):
    samples = noise()
    together = power_density(samples, RATE, method=method)[1]
    for window in range(3):
        for channel in range(4):
            alone = power_density(samples[window, channel], RATE, method=method)[1]
            np.testing.assert_allclose(together[window, channel], alone, rtol=1e-12)


def test_long_recordings_go_in_blocks_with_the_same_result(monkeypatch):
    whole = power_density(noise((2, 5000)), RATE)[1]
    monkeypatch.setattr(spectra, "BLOCK_VALUES", 1000)
    np.testing.assert_allclose(power_density(noise((2, 5000)), RATE)[1], whole, rtol=1e-12)


@given(st.floats(4, 40), st.floats(0, 2 * np.pi), st.floats(0.1, 100))
@settings(max_examples=40)
def test_stationary_tone_has_its_power_whenever_the_window_begins(hz, phase, level):
    times = np.arange(1024) / RATE
    frequencies, density = power_density(level * np.sin(2 * np.pi * hz * times + phase), RATE)
    near = band_powers(density, frequencies, {"near": (hz - 2.5, hz + 2.5)})
    assert near[0] == pytest.approx(level**2 / 2, rel=0.05)


def test_bands_share_the_power_and_their_edges_belong_to_the_upper_one():
    frequencies, density = np.arange(10.0), np.ones(10)
    bands = {"low": (0.0, 4.0), "high": (4.0, 9.0)}
    assert band_powers(density, frequencies, bands).tolist() == [4.0, 5.0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "fft"}, "method must be"),
        ({"segment_s": 9.0}, "do not fit into 512"),
        ({"segment_s": 0.0}, "segments of 0"),
    ],
)
def test_impossible_spectrum_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        power_density(noise(), RATE, **parameters)
