"""The same voice gives the same features however loud, long-winded or finely sampled its recording is."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import opensmile
import pandas as pd
import pytest
import soundfile as sf
from emofuse.features import acoustic
from emofuse.features.acoustic import OpenSmileDescriptors, OpenSmileFunctionals
from emofuse.features.errors import SampleError

RATE = 16_000
WIDTHS = {
    "ComParE_2016": 6373,
    "GeMAPS": 62,
    "GeMAPSv01b": 62,
    "eGeMAPS": 88,
    "eGeMAPSv01b": 88,
    "eGeMAPSv02": 88,
    "emobase": 988,
    "IS09": 384,
    "IS10": 1582,
    "IS11": 4368,
    "IS12": 6125,
    "IS13": 6373,
}
F0 = "F0semitoneFrom27.5Hz_sma3nz_amean"


def tone(duration_s=0.5, rate=RATE, hz=200.0, level=0.3):
    return level * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate)


def voice_like():
    """A tone of moving pitch with overtones and a little noise."""
    time_s = np.arange(RATE) / RATE
    phase = 2 * np.pi * np.cumsum(160 + 40 * np.sin(6 * time_s)) / RATE
    sound = sum(np.sin(order * phase) / order for order in range(1, 8))
    return 0.1 * (sound + 0.02 * np.random.default_rng(0).normal(size=RATE))


def feature(extractor, samples, name=F0, rate=RATE):
    return dict(zip(extractor.get_feature_names_out(), extractor.extract_one((samples, rate)), strict=True))[name]


def test_every_set_that_opensmile_ships_is_offered_and_documented():
    assert {item.name for item in opensmile.FeatureSet} == set(WIDTHS)
    assert set(WIDTHS) <= set(re.findall(r"``(\w+)``", OpenSmileFunctionals.__doc__))


@pytest.mark.parametrize(("feature_set", "width"), WIDTHS.items())
def test_every_set_has_its_documented_width_and_unique_names(feature_set, width):
    names = OpenSmileFunctionals(feature_set).get_feature_names_out()
    assert len(set(names)) == len(names) == width


@pytest.mark.parametrize("feature_set", ["eGeMAPSv02", "IS09", "IS10", "emobase"])
def test_row_is_finite_and_as_long_as_the_names(feature_set):
    extractor = OpenSmileFunctionals(feature_set)
    row = extractor.extract_one((tone(), RATE))
    assert (row.dtype, row.shape) == (np.float32, extractor.get_feature_names_out().shape)
    assert np.isfinite(row).all()


@pytest.mark.parametrize("parameters", [{}, {"rms": None}, {"trim_db": None}, {"sampling_rate_hz": None}], ids=str)
@pytest.mark.parametrize("hz", [110.0, 200.0, 330.0])
def test_pitch_of_a_full_scale_tone_is_found(parameters, hz):
    semitones = feature(OpenSmileFunctionals(**parameters), tone(hz=hz, level=1.0))
    assert 27.5 * 2 ** (semitones / 12) == pytest.approx(hz, rel=0.02)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_pitch_does_not_depend_on_the_sampling_rate(rate):
    semitones = feature(OpenSmileFunctionals(), tone(rate=rate), rate=rate)
    assert 27.5 * 2 ** (semitones / 12) == pytest.approx(200.0, rel=0.02)


@pytest.mark.parametrize("gain", [1e-3, 0.1, 8.0])
def test_level_of_the_recording_changes_nothing_unless_it_is_kept(gain):
    sound = voice_like()
    extractor = OpenSmileFunctionals()
    np.testing.assert_allclose(
        extractor.extract_one((gain * sound, RATE)), extractor.extract_one((sound, RATE)), rtol=1e-3, atol=1e-3
    )
    name = "loudness_sma3_amean"
    level_kept = OpenSmileFunctionals(rms=None)
    assert feature(level_kept, gain * sound, name) != pytest.approx(feature(level_kept, sound, name), rel=0.1)


def test_quiet_ends_change_nothing_unless_they_are_kept():
    sound = voice_like()
    padded = np.concatenate([np.zeros(RATE), sound, np.zeros(RATE)])
    extractor = OpenSmileFunctionals()
    np.testing.assert_array_equal(extractor.extract_one((padded, RATE)), extractor.extract_one((sound, RATE)))
    name = "loudness_sma3_amean"
    ends_kept = OpenSmileFunctionals(trim_db=None)
    assert feature(ends_kept, padded, name) != pytest.approx(feature(ends_kept, sound, name), rel=0.1)


def test_sound_is_not_trimmed_below_what_opensmile_needs():
    click = np.zeros(RATE // 4)
    click[2000:2100] = 0.5
    assert np.isfinite(OpenSmileFunctionals().extract_one((click, RATE))).all()


@pytest.mark.parametrize("samples", [np.zeros(8000), np.full(8000, 1e-40)], ids=["silence", "below-float32"])
def test_silence_is_not_amplified_into_noise(samples):
    row = OpenSmileFunctionals().extract_one((samples, RATE))
    np.testing.assert_array_equal(row, OpenSmileFunctionals(rms=None).extract_one((np.zeros(8000), RATE)))


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
@pytest.mark.parametrize(("feature_set", "needed_s"), [("eGeMAPSv02", 0.06), ("IS09", 0.06), ("IS10", 0.07)])
@pytest.mark.parametrize("own_rate", [False, True], ids=["resampled", "own-rate"])
def test_shortest_sound_gives_finite_features_and_a_shorter_one_an_error(rate, feature_set, needed_s, own_rate):
    extractor = OpenSmileFunctionals(feature_set, sampling_rate_hz=None if own_rate else RATE)
    sound = np.random.default_rng(0).normal(scale=0.1, size=rate)
    enough = int(np.ceil(round(needed_s * rate, 6)))
    assert np.isfinite(extractor.extract_one((sound[:enough], rate))).all()
    with pytest.raises(SampleError, match=rf"{needed_s} s needed, got 0\.0[56]\d s") as caught:
        extractor.extract_one((sound[: enough - rate // 1000], rate))
    assert caught.value.code == "too_short"


@pytest.mark.parametrize(
    "source",
    [tone(), (tone(),), (tone(), RATE, "x"), None, 3, [tone(), RATE]],
    ids=lambda source: type(source).__name__,
)
def test_source_of_another_kind_is_refused(source):
    with pytest.raises(SampleError, match=r"a path or \(samples, sampling_rate_hz\) is needed") as caught:
        OpenSmileFunctionals().extract_one(source)
    assert caught.value.code == "bad_array"


BAD_PARAMETERS = [
    ({"feature_set": "eGeMAPSv99"}, "feature_set 'eGeMAPSv99' is not shipped by opensmile; choose from .*eGeMAPSv02"),
    ({"sampling_rate_hz": 0}, "sampling_rate_hz must be a whole number from 1000 to 768000 or None, got 0"),
    ({"sampling_rate_hz": 16000.5}, "sampling_rate_hz must be a whole number"),
    ({"sampling_rate_hz": float("nan")}, "sampling_rate_hz must be a whole number"),
    ({"trim_db": -5}, "trim_db must be a positive number or None, got -5"),
    ({"rms": 0}, "rms must be a positive number or None, got 0"),
    ({"rms": float("inf")}, "rms must be a positive number or None, got inf"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS, ids=str)
def test_impossible_parameter_is_refused_before_any_sample(tmp_path, parameters, message):
    extractor = OpenSmileFunctionals(**parameters)
    with pytest.raises(ValueError, match=message):
        extractor.extract_one((tone(), RATE))
    with pytest.raises(ValueError, match=message):
        extractor.extract(pd.DataFrame({"audio": [str(tmp_path / "none.wav")]}))


def test_each_thread_has_its_own_opensmile():
    together = Barrier(3)

    def both(_):
        together.wait()
        return acoustic._smile("eGeMAPSv02"), acoustic._smile("eGeMAPSv02")

    with ThreadPoolExecutor(3) as pool:
        pairs = list(pool.map(both, range(3)))
    assert all(first is second for first, second in pairs)
    assert len({id(first) for first, _ in pairs}) == 3


def test_clip_of_a_file_equals_the_same_cut_in_memory(tmp_path):
    path = tmp_path / "voice.wav"
    sound = voice_like().astype(np.float32)
    sf.write(path, sound, RATE, subtype="FLOAT")
    extractor = OpenSmileFunctionals()
    np.testing.assert_array_equal(
        extractor.extract_one(path, start_s=0.25, end_s=0.75), extractor.extract_one((sound[4000:12_000], RATE))
    )


def test_batch_reads_its_clip_bounds_from_the_table(tmp_path):
    path = tmp_path / "voice.wav"
    sf.write(path, voice_like(), RATE)
    samples = pd.DataFrame({"audio": [str(path)] * 3, "start_s": [0.0, np.nan, 5.0], "end_s": [0.5, np.nan, 6.0]})
    extraction = OpenSmileFunctionals().extract(samples)
    assert extraction.failures[["sample", "code"]].values.tolist() == [[2, "bad_clip"]]
    whole = OpenSmileFunctionals().extract_one(path)
    np.testing.assert_array_equal(extraction.features.loc[1], whole)
    assert (extraction.features.loc[0] != whole).any()


def statistics_of(extractor, samples, rate=RATE):
    return dict(zip(extractor.get_feature_names_out(), extractor.extract_one((samples, rate)), strict=True))


@pytest.mark.parametrize("feature_set", WIDTHS)
def test_descriptors_of_every_set_are_summarised(feature_set):
    extractor = OpenSmileDescriptors(feature_set, statistics=("mean", "sd"))
    names = extractor.get_feature_names_out()
    row = extractor.extract_one((voice_like(), RATE))
    descriptors = opensmile.Smile(feature_set, "lld").feature_names
    assert row.shape == names.shape == (len(set(names)),) == (4 * len(descriptors) + 1,)
    assert np.isfinite(row).all()
    assert names[0] == f"{descriptors[0]}_mean"
    assert dict(zip(names, row, strict=True))["voiced_share"] > 0.7


def test_statistics_are_those_of_opensmiles_own_frames():
    sound = voice_like().astype(np.float32)
    extractor = OpenSmileDescriptors("ComParE_2016", ("mean",), deltas=False, trim_db=None, rms=None)
    frames = opensmile.Smile("ComParE_2016", "lld").process_signal(sound, RATE)
    found = statistics_of(extractor, sound)
    assert len(found) == 66
    for name in ("pcm_RMSenergy_sma", "mfcc_sma[3]", "pcm_fftMag_spectralCentroid_sma"):
        assert found[f"{name}_mean"] == pytest.approx(frames[name].mean(), rel=1e-5)
    pitch = frames["F0final_sma"]
    assert found["F0final_sma_mean"] == pytest.approx(pitch[pitch > 0].mean(), rel=1e-5)
    assert found["voiced_share"] == pytest.approx((pitch > 0).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("feature_set", "name", "of_hz"),
    [
        ("ComParE_2016", "F0final_sma", float),
        ("emobase", "F0_sma", float),
        ("eGeMAPSv02", "F0semitoneFrom27.5Hz_sma3nz", lambda semitones: 27.5 * 2 ** (semitones / 12)),
    ],
)
def test_pauses_do_not_lower_the_mean_pitch(feature_set, name, of_hz):
    pause = 0.001 * np.random.default_rng(0).normal(size=RATE // 2)
    sound = np.concatenate([tone(hz=220.0), pause, tone(hz=220.0), pause, tone(hz=220.0)])
    found = statistics_of(OpenSmileDescriptors(feature_set, ("mean", "median")), sound)
    assert of_hz(found[f"{name}_median"]) == pytest.approx(220.0, rel=0.02)
    assert of_hz(found[f"{name}_mean"]) == pytest.approx(220.0, rel=0.1)
    assert 0.4 < found["voiced_share"] < 0.8


def test_sound_without_voice_has_statistics_of_0_and_a_warning():
    extractor = OpenSmileDescriptors("eGeMAPSv02", ("mean", "sd"))
    row, warnings = extractor._measure(extractor._accept((np.zeros(RATE // 2), RATE)))
    found = dict(zip(extractor.get_feature_names_out(), row, strict=True))
    assert any(warning.startswith("no voice") for warning in warnings)
    assert found["voiced_share"] == found["F0semitoneFrom27.5Hz_sma3nz_mean"] == found["jitterLocal_sma3nz_sd"] == 0
    assert not any(
        warning.startswith("no voice") for warning in extractor._measure(extractor._accept((tone(), RATE)))[1]
    )


def test_deltas_are_the_slope_of_the_descriptor():
    slopes = acoustic._deltas(np.arange(20.0)[:, None] * [1.0, -3.0])
    np.testing.assert_allclose(slopes[2:-2], np.tile([1.0, -3.0], (16, 1)))
    np.testing.assert_array_equal(acoustic._deltas(np.ones((1, 2))), [[0.0, 0.0]])
    extractor = OpenSmileDescriptors("eGeMAPSv02", ("mean",))
    louder = np.linspace(0.05, 1, RATE) * voice_like()
    found = statistics_of(extractor, louder)
    assert found["delta_Loudness_sma3_mean"] > 0 > statistics_of(extractor, louder[::-1])["delta_Loudness_sma3_mean"]
    assert extractor.explain("delta_Loudness_sma3_mean").measures == (
        "mean over the clip of: change a frame (delta over 5 frames) of the perceived loudness, the sum of an auditory spectrum"
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"feature_set": "eGeMAPSv99"}, "feature_set 'eGeMAPSv99' is not shipped by opensmile"),
        ({"statistics": ("mean", "mode")}, "statistics must be different names"),
        ({"statistics": "mean"}, "statistics must be different names"),
    ],
    ids=str,
)
def test_impossible_descriptor_statistic_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        OpenSmileDescriptors(**parameters).get_feature_names_out()
    with pytest.raises(ValueError, match=message):
        OpenSmileDescriptors(**parameters).extract_one((tone(), RATE))


@pytest.mark.parametrize("feature_set", WIDTHS)
def test_shortest_sound_has_descriptors(feature_set):
    needed_s = acoustic.MIN_DURATION_OF_SET_S.get(feature_set, 0.06)
    sound = np.random.default_rng(0).normal(scale=0.1, size=round(needed_s * RATE))
    assert np.isfinite(OpenSmileDescriptors(feature_set).extract_one((sound, RATE))).all()
