"""What is wrong with a channel is said, and what is right is not."""

import numpy as np
import pytest
from emofuse.features.eeg_quality import band_passed, detrended, doubts, is_flat, saturation, without_mains
from emofuse.features.spectra import power_density
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import detrend

RATE = 256.0
TIMES = np.arange(1024) / RATE


def noise(seed=0, n=1024):
    return np.random.default_rng(seed).normal(scale=10, size=(2, n))


def tone(hz, level):
    return level * np.sin(2 * np.pi * hz * TIMES)


def told(wave, names=("AF7", "Oz"), raw=None, limits=None):
    raw = wave if raw is None else raw
    return doubts(names, raw, wave, RATE, power_density(wave, RATE), limits)


def kinds(*arguments, **parameters):
    return [warning.split(":")[0] for warning in told(*arguments, **parameters)]


def test_clean_noise_is_not_doubted():
    assert told(noise()) == []


@given(st.floats(-1e4, 1e4), st.floats(-100, 100))
def test_eeg_28_offset_and_drift_go_and_nothing_else(offset, drift):
    np.testing.assert_allclose(detrended(noise() + offset + drift * TIMES), detrended(noise()), atol=1e-6)


def test_detrending_is_that_of_scipy():
    np.testing.assert_allclose(detrended(noise() + 5 * TIMES), detrend(noise() + 5 * TIMES), atol=1e-9)


def test_eeg_01_02_flat_channels_are_found_at_any_level():
    wave = np.stack([np.zeros(100), np.full(100, 1e8), 1e-3 * (np.arange(100.0) % 7)])
    assert is_flat(detrended(wave), np.abs(wave).max(axis=-1)).tolist() == [True, True, False]


def test_eeg_24_saturation_is_a_run_at_the_extreme():
    wave = noise()
    assert saturation(wave).tolist() == [0, 0]
    wave[0] = np.clip(wave[0] + tone(2, 100), -50, 60)
    assert saturation(wave)[0] == pytest.approx(np.mean((wave[0] == 60) | (wave[0] == -50)))
    assert kinds(detrended(wave), raw=wave) == ["saturated"]
    assert "AF7" in told(detrended(wave), raw=wave)[0]
    assert "Oz" not in told(detrended(wave), raw=wave)[0]


def test_eeg_24_declared_end_of_the_converter_counts_without_a_run():
    wave = noise()
    wave[1, ::20] = 500.0
    assert saturation(wave)[1] == 0
    assert saturation(wave, np.array([[-500.0, 500.0]] * 2))[1] == pytest.approx(52 / 1024)


def test_coarse_steps_at_the_extreme_are_no_saturation():
    wave = np.round(noise() / 20) * 20
    assert saturation(wave).tolist() == [0, 0]


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3])
def test_eeg_23_other_units_are_noticed(factor):
    assert "unit" in kinds(noise() * factor)


@pytest.mark.parametrize("hz", [50, 60])
def test_eeg_27_mains_hum_is_noticed_and_taken_out(hz):
    wave = noise() + tone(hz, 30)
    (warning,) = told(wave)
    assert warning.startswith("mains: AF7 ")
    assert warning.endswith(f"dB above the noise around {hz} Hz")
    assert told(without_mains(wave, RATE, hz)) == []


def test_notch_takes_the_harmonics_and_leaves_the_rest():
    inner = slice(256, 768)
    rest = tone(10, 20) + noise()[0] * 0
    wave = rest + tone(50, 30) + tone(100, 30)
    np.testing.assert_allclose(without_mains(wave, RATE, 50)[inner], rest[inner], atol=0.5)


def test_mains_are_not_looked_for_beyond_half_the_rate():
    wave = noise(n=512)
    assert doubts(["Cz", "Oz"], wave, wave, 100.0, power_density(wave, 100.0)) == []


def test_eeg_29_blink_is_noticed_at_the_forehead_only():
    blink = 250 * np.exp(-((TIMES - 2) ** 2) / (2 * 0.07**2))
    wave = noise() + blink
    (warning,) = told(wave)
    assert warning.startswith("blink: deflections of AF7 2")
    assert "Oz" not in warning
    assert told(wave, names=("Cz", "Oz")) == []
    assert told(noise() + tone(40, 200)) == []


def test_band_pass_keeps_its_band():
    inner = slice(256, 768)
    wave = np.stack([tone(10, 20) + tone(80, 20), tone(10, 20) + 300])
    np.testing.assert_allclose(
        band_passed(wave, RATE, (2.0, 30.0))[:, inner], np.stack([tone(10, 20)] * 2)[:, inner], atol=1
    )
