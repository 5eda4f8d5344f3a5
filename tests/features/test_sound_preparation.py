"""Every extractor of sound measures the same prepared sound: level, leading silence and rate of a recording don't matter."""

import inspect
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from emofuse.features.acoustic import OpenSmileDescriptors, OpenSmileFunctionals
from emofuse.features.errors import SampleError
from emofuse.features.librosa_statistics import LibrosaStatistics
from emofuse.features.media import as_audio, resample
from emofuse.features.short_term import ShortTermStatistics
from emofuse.features.sound_preparation import SoundExtractor
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 16_000
MAKERS = {
    "opensmile": lambda **parameters: OpenSmileFunctionals(**parameters),
    "opensmile_lld": lambda **parameters: OpenSmileDescriptors("eGeMAPSv02", ("mean", "sd"), **parameters),
    "librosa": lambda **parameters: LibrosaStatistics(("mean", "sd"), **parameters),
    "short_term": lambda **parameters: ShortTermStatistics(statistics=("mean", "sd"), **parameters),
}


def voice_like(seed=0, duration_s=0.6, rate=RATE):
    """A tone of moving pitch that fades in and out, with overtones below 4 kHz and a little noise of the same band."""
    random = np.random.default_rng(seed)
    tilt = random.uniform(0.3, 2.0)
    time_s = np.arange(round(duration_s * rate)) / rate
    pitch = random.uniform(90, 300) + random.uniform(5, 50) * np.sin(2 * np.pi * random.uniform(1, 3) * time_s)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = sum(np.sin(order * phase) / order**tilt for order in range(1, 12))
    sound += 0.02 * sum(np.sin(2 * np.pi * hz * time_s + turn) for hz, turn in random.uniform(100, 4000, (50, 2)))
    fade = np.clip(np.minimum(time_s, duration_s - time_s) / 0.1, 0, 1)
    return 0.05 * sound * fade


def row_of(name, samples, rate=RATE, **parameters):
    return MAKERS[name](**parameters).extract_one((samples, rate))


def differences(name, row, other):
    """How far two rows are apart, in the spread that each column has over different voices."""
    return np.abs(row - other) / (spread_of_voices(name) + 1e-6 * np.abs(row) + 1e-9)


@cache
def spread_of_voices(name):
    return np.std([row_of(name, voice_like(seed)) for seed in range(6)], axis=0)


@pytest.mark.parametrize("name", MAKERS)
@given(decibels=st.floats(-50, 20))
@settings(max_examples=6)
def test_level_of_the_recording_changes_nothing(name, decibels):
    sound = voice_like().astype(np.float32)
    louder = (sound * 10 ** (decibels / 20)).astype(np.float32)
    assert np.median(differences(name, row_of(name, louder), row_of(name, sound))) < 1e-3


@pytest.mark.parametrize("name", MAKERS)
@given(silence_s=st.floats(0.1, 2.0))
@settings(max_examples=6)
def test_leading_silence_changes_little(name, silence_s):
    sound = voice_like()
    later = np.concatenate([np.zeros(round(silence_s * RATE)), sound, np.zeros(round(silence_s * RATE))])
    # The first frame kept may begin up to 25 ms before the sound.
    assert np.median(differences(name, row_of(name, later), row_of(name, sound))) < 0.5


@pytest.mark.parametrize("name", MAKERS)
@given(frames=st.integers(1, 40))
@settings(max_examples=6)
def test_silence_of_whole_frames_changes_nothing(name, frames):
    sound = voice_like()
    later = np.concatenate([np.zeros(frames * 400), sound])
    np.testing.assert_array_equal(row_of(name, later), row_of(name, sound))


@pytest.mark.parametrize("name", MAKERS)
@given(seed=st.integers(0, 50))
@settings(max_examples=4)
def test_fine_sampling_of_the_same_band_changes_little(name, seed):
    finely = as_audio(voice_like(seed, rate=48_000), 48_000)
    coarsely = voice_like(seed)
    row = row_of(name, finely.samples, 48_000)
    np.testing.assert_array_equal(row, row_of(name, resample(finely, RATE).samples))
    assert np.median(differences(name, row, row_of(name, coarsely))) < 0.5


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("step", ["trim_db", "rms", "sampling_rate_hz"])
def test_each_step_can_be_turned_off(name, step):
    sound = np.concatenate([np.zeros(RATE), voice_like(rate=44_100, duration_s=0.3)])
    row = row_of(name, sound, 44_100)
    assert (row_of(name, sound, 44_100, **{step: None}) != row).any()


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("own_rate", [False, True])
@pytest.mark.parametrize("kind", ["noise", "silence", "click"])
def test_audio_04_shortest_sound_gives_finite_features_and_a_shorter_one_an_error(name, rate, own_rate, kind):
    parameters = {"sampling_rate_hz": None} if own_rate else {}
    sound = np.random.default_rng(0).normal(scale=0.1, size=round(0.06 * rate))
    if kind != "noise":
        sound[:] = 0
    if kind == "click":
        sound[len(sound) // 2] = 1.0
    assert np.isfinite(row_of(name, sound, rate, **parameters)).all()
    with pytest.raises(SampleError, match=r"0\.06 s needed") as caught:
        row_of(name, sound[: -rate // 1000], rate, **parameters)
    assert caught.value.code == "too_short"


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    ("step", "value"), [("sampling_rate_hz", 0), ("sampling_rate_hz", 16000.5), ("trim_db", -1.0), ("rms", 0.0)]
)
def test_impossible_preparation_is_refused(name, step, value):
    extractor = MAKERS[name](**{step: value})
    with pytest.raises(ValueError, match=step):
        extractor.get_feature_names_out()
    with pytest.raises(ValueError, match=step):
        extractor.extract_one((voice_like(), RATE))


@pytest.mark.parametrize("name", MAKERS)
def test_every_extractor_of_sound_has_the_same_defaults(name):
    extractor = MAKERS[name]()
    assert isinstance(extractor, SoundExtractor)
    defaults = inspect.signature(type(extractor)).parameters
    assert [defaults[step].default for step in ("sampling_rate_hz", "trim_db", "rms")] == [16_000, 35.0, 0.05]


@pytest.mark.parametrize("name", MAKERS)
def test_every_feature_is_explained(name):
    extractor = MAKERS[name]()
    notes = [extractor.explain(feature) for feature in extractor.get_feature_names_out()]
    assert all(note.measures and note.unit and note.source for note in notes)
    assert len({note.measures for note in notes}) == len(notes)


def test_prediction_from_opensmile_imports_neither_librosa_nor_numba_nor_ffmpeg():
    program = """
import sys, numpy as np
from emofuse.features.extractors import make_extractor
for name in ("opensmile", "opensmile_correlations", "opensmile_lld", "short_term"):
    make_extractor(name, {}).extract_one((np.sin(np.arange(8000) / 5), 16000))
print([module for module in ("librosa", "numba", "av", "numexpr") if module in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
