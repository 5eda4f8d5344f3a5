"""Pace and pitch of a sound: each moves by what was asked, the other stays, and nothing else is done to it."""

import numpy as np
import pytest
from emofuse.features.media import Audio
from emofuse.features.vocoder import shift_pitch, stretch
from hypothesis import given, settings
from hypothesis import strategies as st


def voice(f0_hz=150.0, rate_hz=16_000, duration_s=1.0, harmonics=12):
    """A tone with harmonics that fall off, of steady pitch."""
    times = np.arange(round(duration_s * rate_hz)) / rate_hz
    wave = sum(np.sin(2 * np.pi * number * f0_hz * times) / number for number in range(1, harmonics + 1))
    return Audio((0.1 * wave).astype(np.float32), rate_hz, ("short: kept",))


def f0_hz(audio):
    """The strongest frequency of the middle of a sound."""
    middle = audio.samples[len(audio.samples) // 4 : 3 * len(audio.samples) // 4]
    size = 16 * len(middle)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), size))
    return spectrum.argmax() * audio.sampling_rate_hz / size


@settings(max_examples=15)
@given(rate=st.floats(0.5, 2.0), f0=st.floats(90, 300), rate_hz=st.sampled_from([8000, 16_000, 44_100]))
def test_stretching_changes_the_length_and_keeps_the_pitch(rate, f0, rate_hz):
    clean = voice(f0, rate_hz)
    changed = stretch(clean, rate)
    assert len(changed.samples) == round(len(clean.samples) / rate)
    assert f0_hz(changed) == pytest.approx(f0, rel=0.01)
    assert changed.samples.std() == pytest.approx(clean.samples.std(), rel=0.05)
    assert (changed.samples.dtype, changed.sampling_rate_hz, changed.warnings) == (np.float32, rate_hz, clean.warnings)


@settings(max_examples=15)
@given(semitones=st.floats(-6, 6), f0=st.floats(90, 300), rate_hz=st.sampled_from([16_000, 44_100]))
def test_moving_the_pitch_multiplies_it_and_keeps_the_length(semitones, f0, rate_hz):
    clean = voice(f0, rate_hz)
    changed = shift_pitch(clean, semitones)
    assert len(changed.samples) == len(clean.samples)
    assert f0_hz(changed) / f0 == pytest.approx(2 ** (semitones / 12), rel=0.01)
    assert changed.samples.std() == pytest.approx(clean.samples.std(), rel=0.05)
    assert (changed.samples.dtype, changed.sampling_rate_hz, changed.warnings) == (np.float32, rate_hz, clean.warnings)


@pytest.mark.parametrize("change", [lambda sound: stretch(sound, 1.0), lambda sound: shift_pitch(sound, 0.0)])
def test_changed_by_nothing_a_sound_stays_as_it_is(change):
    random = np.random.default_rng(0)
    clean = Audio(random.normal(scale=0.1, size=9001).astype(np.float32), 16_000)
    np.testing.assert_allclose(change(clean).samples, clean.samples, atol=1e-6)


def test_events_stand_where_the_pace_puts_them():
    samples = np.zeros(16_000, dtype=np.float32)
    tone = np.sin(2 * np.pi * 200 * np.arange(1600) / 16_000)
    samples[4000:5600] = samples[12_000:13_600] = tone
    loud = np.convolve(np.abs(stretch(Audio(samples, 16_000), 0.5).samples), np.ones(800) / 800, mode="same")
    halves = loud[:16_000], loud[16_000:]
    assert [int(part.argmax()) + start for part, start in zip(halves, (0, 16_000), strict=True)] == pytest.approx(
        [9600, 25_600], abs=1500
    )


@pytest.mark.parametrize("samples", [np.zeros(5000), np.full(5000, 0.2), np.ones(1), np.ones(40)])
def test_sounds_without_anything_to_follow_are_finite(samples):
    clean = Audio(samples.astype(np.float32), 16_000)
    for changed in (stretch(clean, 0.8), stretch(clean, 1.7), shift_pitch(clean, 2.0)):
        assert np.isfinite(changed.samples).all()
        assert len(changed.samples)
