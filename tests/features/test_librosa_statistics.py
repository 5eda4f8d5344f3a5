"""One spectrogram gives the values librosa's own functions give one by one, for short and silent sound too."""

import numpy as np
import pytest
from emofuse.features import librosa_statistics
from emofuse.features.errors import SampleError
from emofuse.features.librosa_statistics import SERIES, LibrosaStatistics

RATE = 16_000


def noise(duration_s=1.0, rate=RATE, seed=0):
    return np.random.default_rng(seed).normal(scale=0.05, size=round(duration_s * rate)).astype(np.float32)


def tone(hz, duration_s=1.0):
    return (0.05 * np.sin(2 * np.pi * hz * np.arange(round(duration_s * RATE)) / RATE)).astype(np.float32)


def means_of(samples, rate=RATE, **parameters):
    extractor = LibrosaStatistics(("mean",), **parameters)
    names = [name.removesuffix("_mean") for name in extractor.get_feature_names_out()]
    return dict(zip(names, extractor.extract_one((samples, rate)), strict=True))


def test_names_are_those_of_the_series():
    names = LibrosaStatistics(("mean", "slope")).get_feature_names_out()
    assert len(set(names)) == len(names) == 2 * sum(count or 1 for count, *_ in SERIES.values()) == 2 * 110


def test_shared_spectrogram_gives_the_values_of_the_single_functions():
    import librosa

    sound = noise()
    found = means_of(sound, trim_db=None, rms=None)
    frames = {"n_fft": 512, "hop_length": 160}
    mfcc = librosa.feature.mfcc(y=sound, sr=RATE, n_mfcc=20, n_mels=40, fmax=8000, **frames)
    for number in range(20):
        assert found[f"mfcc{number}"] == pytest.approx(mfcc[number].mean(), rel=1e-3, abs=1e-3)
    chroma = librosa.feature.chroma_stft(y=sound, sr=RATE, tuning=0.0, **frames)
    for number in range(12):
        assert found[f"chroma{number}"] == pytest.approx(chroma[number].mean(), rel=1e-3)
    contrast = librosa.feature.spectral_contrast(y=sound, sr=RATE, n_bands=4, **frames)
    for number in range(5):
        assert found[f"contrast{number}"] == pytest.approx(contrast[number].mean(), rel=1e-3)
    for name, function in {
        "centroid": librosa.feature.spectral_centroid,
        "bandwidth": librosa.feature.spectral_bandwidth,
        "rolloff": librosa.feature.spectral_rolloff,
    }.items():
        assert found[name] == pytest.approx(function(y=sound, sr=RATE, **frames).mean(), rel=1e-3)
    assert found["flatness"] == pytest.approx(librosa.feature.spectral_flatness(y=sound, **frames).mean(), rel=1e-3)
    zcr = librosa.feature.zero_crossing_rate(sound, frame_length=512, hop_length=160)
    assert found["zcr"] == pytest.approx(zcr.mean(), rel=1e-3)


def test_tone_has_its_theoretical_values():
    found = means_of(tone(880.0), trim_db=None, rms=None)
    assert found["centroid"] == pytest.approx(880, rel=0.05)
    assert found["zcr"] == pytest.approx(2 * 880 / RATE, rel=0.03)
    assert found["rms"] == pytest.approx(0.05 / np.sqrt(2) * 0.7, rel=0.2)
    assert max(range(12), key=lambda number: found[f"chroma{number}"]) == 9  # A
    assert found["flatness"] < 0.01 < 0.3 < means_of(noise())["flatness"]


def test_flux_is_higher_where_the_sound_changes():
    changing = np.concatenate([tone(300.0, 0.1), tone(3000.0, 0.1)] * 5)
    assert means_of(changing)["flux"] > 5 * means_of(tone(300.0))["flux"]


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 96_000])
@pytest.mark.parametrize("duration_s", [0.06, 0.1])
def test_very_short_sound_at_its_own_rate_gives_finite_values_and_no_warning_of_librosa(rate, duration_s):
    sound = noise(duration_s, rate)
    for samples in (sound, 0 * sound):
        assert np.isfinite(LibrosaStatistics(sampling_rate_hz=None).extract_one((samples, rate))).all()


def test_audio_18_rate_below_the_bands_is_refused():
    with pytest.raises(ValueError, match="sampling_rate_hz must be 8000 or more, got 4000"):
        LibrosaStatistics(sampling_rate_hz=4000).get_feature_names_out()
    with pytest.raises(SampleError, match="8000 Hz or more are needed, got 4000") as caught:
        LibrosaStatistics(sampling_rate_hz=None).extract_one((noise(rate=4000), 4000))
    assert caught.value.code == "bad_rate"
    assert np.isfinite(LibrosaStatistics().extract_one((noise(rate=4000), 4000))).all()


def test_audio_37_sound_too_long_for_its_memory_is_refused(monkeypatch):
    monkeypatch.setattr(librosa_statistics, "MAX_DURATION_S", 0.5)
    with pytest.raises(SampleError, match=r"at most 0\.5 s are measured, got 1 s") as caught:
        LibrosaStatistics().extract_one((noise(), RATE))
    assert caught.value.code == "too_long"


def test_impossible_statistic_is_refused():
    with pytest.raises(ValueError, match="statistics must be different names"):
        LibrosaStatistics(("mean", "mode")).get_feature_names_out()
