"""Short-term features have the values that theory gives for tones, noise and clicks."""

import numpy as np
import pytest
from emofuse.features import short_term
from emofuse.features.errors import SampleError
from emofuse.features.short_term import SERIES, ShortTermStatistics, short_term_series

RATE = 16_000


def tone(hz, duration_s=1.0):
    return 0.1 * np.sin(2 * np.pi * hz * np.arange(round(duration_s * RATE)) / RATE)


def noise(duration_s=1.0):
    return np.random.default_rng(0).normal(scale=0.1, size=round(duration_s * RATE))


def mean_of(name, samples):
    series = short_term_series(np.asarray(samples, dtype=np.float32), RATE, window_s=0.05, step_s=0.025)
    return series[:, list(SERIES).index(name)].mean()


def row_of(samples, **parameters):
    extractor = ShortTermStatistics(**parameters)
    return dict(zip(extractor.get_feature_names_out(), extractor.extract_one((samples, RATE)), strict=True))


def test_there_are_ten_statistics_of_21_features_and_their_deltas():
    names = ShortTermStatistics().get_feature_names_out()
    assert len(set(names)) == len(names) == 21 * 2 * 10


@pytest.mark.parametrize("hz", [200.0, 1000.0, 3000.0])
def test_tone_has_its_theoretical_values(hz):
    sound = tone(hz)
    assert mean_of("zcr", sound) == pytest.approx(2 * hz / RATE, abs=1.5 / 800)
    assert mean_of("energy", sound) == pytest.approx(0.1**2 / 2, rel=1e-3)
    assert mean_of("spectral_centroid", sound) == pytest.approx(hz, rel=0.02)
    assert mean_of("spectral_rolloff", sound) == pytest.approx(hz, abs=40)
    assert mean_of("energy_entropy", sound) == pytest.approx(np.log2(10), abs=0.05)


def test_white_noise_has_its_theoretical_values():
    sound = noise()
    assert mean_of("zcr", sound) == pytest.approx(0.5, abs=0.02)
    assert mean_of("spectral_centroid", sound) == pytest.approx(RATE / 4, rel=0.03)
    assert mean_of("spectral_spread", sound) == pytest.approx(RATE / 2 / np.sqrt(12), rel=0.03)
    assert mean_of("spectral_entropy", sound) == pytest.approx(np.log2(10), abs=0.1)
    assert mean_of("spectral_rolloff", sound) == pytest.approx(0.9 * RATE / 2, rel=0.03)


def test_sudden_sound_has_low_energy_entropy_and_a_tone_low_spectral_entropy():
    click = np.zeros(800)
    click[400] = 1.0
    assert mean_of("energy_entropy", click) == pytest.approx(0.0, abs=1e-6)
    assert mean_of("spectral_entropy", tone(1000.0)) < 0.5 < mean_of("spectral_entropy", noise())


def test_flux_is_0_for_a_steady_tone_and_rises_where_the_sound_changes():
    steady, changing = tone(400.0), np.concatenate([tone(400.0, 0.5), tone(2000.0, 0.5)])
    assert mean_of("spectral_flux", steady) < 1e-6 < 1e-3 < mean_of("spectral_flux", changing)


def test_mfcc_of_another_level_differs_in_the_first_coefficient_only():
    soft, loud = (
        short_term_series((gain * noise()).astype(np.float32), RATE, window_s=0.05, step_s=0.025) for gain in (1, 4)
    )
    first = list(SERIES).index("mfcc0")
    assert (loud[:, first] - soft[:, first]).mean() == pytest.approx(np.sqrt(26) * np.log(16), rel=1e-3)
    np.testing.assert_allclose(loud[:, first + 1 :], soft[:, first + 1 :], atol=1e-3)


def test_mel_bands_are_triangles_that_overlap_by_half():
    bands = short_term._mel_bands(401, RATE)
    assert bands.shape == (26, 401)
    assert (bands.max(axis=1) > 0.5).all()
    inside = slice(bands[0].argmax() + 1, bands[-1].argmax())
    np.testing.assert_allclose(bands.sum(axis=0)[inside], 1.0, atol=1e-9)


def test_long_sound_is_measured_in_parts_as_in_one(monkeypatch):
    sound = noise(2.0).astype(np.float32)
    whole = short_term_series(sound, RATE, window_s=0.05, step_s=0.025)
    monkeypatch.setattr(short_term, "FRAMES_AT_ONCE", 7)
    np.testing.assert_allclose(
        short_term_series(sound, RATE, window_s=0.05, step_s=0.025), whole, rtol=1e-9, atol=1e-12
    )


def test_delta_is_the_change_from_the_frame_before():
    rising = np.linspace(0.01, 0.1, RATE) * tone(500.0) * 10
    row = row_of(rising, statistics=("mean", "min"), trim_db=None)
    assert row["delta_energy_mean"] > 0
    assert row["delta_energy_min"] == pytest.approx(0.0, abs=1e-4)
    steady = row_of(tone(400.0), statistics=("mean",))
    assert all(abs(value) < 1e-3 for name, value in steady.items() if name.startswith("delta_z"))


def test_audio_09_silence_and_a_single_frame_give_finite_values():
    assert np.isfinite(list(row_of(np.zeros(RATE)).values())).all()
    assert np.isfinite(list(row_of(noise(0.06)).values())).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window_s": 0.1}, "window_s must be from 0.005 to 0.06, got 0.1"),
        ({"window_s": 0.0}, "window_s must be"),
        ({"window_s": float("nan")}, "window_s must be"),
        ({"step_s": 0.06}, "step_s must be from 0.001 to window_s, got 0.06"),
        ({"step_s": 0.0}, "step_s must be"),
        ({"statistics": ("mean", "mode")}, "statistics must be different names"),
        ({"statistics": ()}, "statistics must be different names"),
    ],
    ids=str,
)
def test_impossible_parameter_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        ShortTermStatistics(**parameters).get_feature_names_out()
    with pytest.raises(ValueError, match=message):
        ShortTermStatistics(**parameters).extract_one((noise(), RATE))


def test_lowest_rate_is_measured_too():
    extractor = ShortTermStatistics(sampling_rate_hz=1000)
    assert np.isfinite(extractor.extract_one((noise(), RATE))).all()


def test_other_sources_are_refused():
    with pytest.raises(SampleError, match="a path or"):
        ShortTermStatistics().extract_one(noise())
