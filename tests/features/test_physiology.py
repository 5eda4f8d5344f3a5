"""Signals made here with known beats, responses and breaths are measured as what they are; doubtful ones say so."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from emofuse.features.errors import SampleError
from emofuse.features.extractors import make_extractor
from emofuse.features.filters import filtered
from emofuse.features.heart import band_powers, find_beats, heart_features, normal_intervals
from emofuse.features.physiology import FEATURES, PhysiologyFeatures
from emofuse.features.physiology_measures import (
    acceleration_features,
    eda_features,
    respiration_features,
    temperature_features,
)
from hypothesis import given, settings
from hypothesis import strategies as st

ECG_WAVES = [(0.12, -0.17, 0.025), (-0.1, -0.03, 0.01), (1.0, 0.0, 0.011), (-0.2, 0.03, 0.01), (0.3, 0.25, 0.05)]
PULSE_WAVES = [(1.0, 0.0, 0.09), (0.35, 0.32, 0.1)]  # systolic peak, and the wave after the dicrotic notch
RATES = {"ecg": 250.0, "ppg": 64.0}
SIGNALS = {"BVP": "ppg", "EDA": "eda", "TEMP": "temperature", "Resp": "respiration", "ACC_x": "acceleration"}


@cache
def beats_of(duration_s=150.0, mean_s=0.85, lf_s=0.02, hf_s=0.03, jitter_s=0.01, seed=0):
    """Beats whose intervals swing at 0.1 and at 0.25 Hz."""
    random = np.random.default_rng(seed)
    beats = [0.5]
    while beats[-1] < duration_s - 1.5:
        last = beats[-1]
        swing = lf_s * np.sin(2 * np.pi * 0.1 * last) + hf_s * np.sin(2 * np.pi * 0.25 * last)
        beats.append(last + mean_s + swing + jitter_s * random.normal())
    return np.array(beats)


def wave_of(kind, beats, rate=None, duration_s=150.0, noise=0.0, seed=0):
    """An electrocardiogram or a pulse wave with those beats, a breath under it, and white noise."""
    rate = rate or RATES[kind]
    times = np.arange(round(duration_s * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * 0.2 * times) + noise * np.random.default_rng(seed).normal(size=len(times))
    for beat in beats:
        for height, delay, width in ECG_WAVES if kind == "ecg" else PULSE_WAVES:
            near = slice(max(0, round((beat - 1) * rate)), round((beat + 1) * rate))
            wave[near] += height * np.exp(-0.5 * ((times[near] - beat - delay) / width) ** 2)
    return wave


def heart_of(kind, wave, rate=None):
    rate = rate or RATES[kind]
    return heart_features(*normal_intervals(find_beats(wave, rate, kind)), len(wave) / rate)


def conductance(onsets_s, heights, rate=16.0, duration_s=120.0, noise=0.0, seed=0):
    """A drifting level with responses that rise in about 1.6 s and fall with a time constant of 4 s."""
    times = np.arange(round(duration_s * rate)) / rate
    shape = lambda since: np.exp(-since / 4) - np.exp(-since / 0.75)  # noqa: E731
    top = shape(np.arange(0, 10, 0.001)).max()
    wave = 3 + 0.002 * times + noise * np.random.default_rng(seed).normal(size=len(times))
    for onset, height in zip(onsets_s, heights, strict=True):
        wave += height / top * shape(np.maximum(times - onset, 0))
    return wave


def breathing(per_minute, ratio=1.0, rate=25.0, duration_s=90.0, noise=0.0, swing=2.0, seed=0):
    """Breaths of half cosines: in for ratio / (1 + ratio) of the time, then out."""
    times = np.arange(round(duration_s * rate)) / rate
    part, turn = (times * per_minute / 60) % 1, ratio / (1 + ratio)
    level = np.where(part < turn, 1 - np.cos(np.pi * part / turn), 1 + np.cos(np.pi * (part - turn) / (1 - turn))) / 2
    return 5 + 0.003 * times + swing * level + noise * np.random.default_rng(seed).normal(size=len(times))


def wristband(duration_s=130.0, rate=64.0):
    """Two minutes of every kind of signal."""
    times = np.arange(round(duration_s * rate)) / rate
    return pd.DataFrame(
        {
            "BVP": wave_of("ppg", beats_of(duration_s), rate, duration_s),
            "EDA": conductance([10, 40, 80], [0.5, 0.3, 0.4], rate, duration_s),
            "TEMP": 33 + 0.001 * times,
            "Resp": breathing(15, rate=rate, duration_s=duration_s),
            "ACC_x": np.sin(times),
        }
    )


def measured(table, **parameters):
    """The row by name, and the warnings."""
    extractor = PhysiologyFeatures(**{"signals": SIGNALS, **parameters})
    row, warnings = extractor._measure(extractor._accept(table))
    return dict(zip(extractor.get_feature_names_out(), row.tolist(), strict=True)), warnings


def refusal(table, **parameters):
    with pytest.raises(SampleError) as caught:
        PhysiologyFeatures(**{"signals": SIGNALS, **parameters}).extract_one(table)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "rate", "noise", "tolerance"),
    [
        ("ecg", 700.0, 0.0, 0.005),
        ("ecg", 250.0, 0.1, 0.02),
        ("ecg", 64.0, 0.0, 0.02),
        ("ppg", 64.0, 0.0, 0.02),
        ("ppg", 64.0, 0.05, 0.03),
        ("ppg", 25.0, 0.02, 0.05),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_known_beats_give_their_heart_rate_and_variability(kind, rate, noise, tolerance, seed):
    beats = beats_of(seed=seed)
    truth = heart_features(np.diff(beats), beats[1:], 150.0)
    found = heart_of(kind, wave_of(kind, beats, rate, noise=noise, seed=seed), rate)
    assert found["hr_mean"] == pytest.approx(truth["hr_mean"], rel=0.001)
    for name in ("hr_sd", "hr_min", "hr_max", "rmssd", "sdnn"):
        assert found[name] == pytest.approx(truth[name], rel=tolerance), name
    for name in ("lf", "hf", "lf_hf"):
        assert found[name] == pytest.approx(truth[name], rel=3 * tolerance), name
    assert found["pnn50"] == pytest.approx(truth["pnn50"], abs=0.05)


@pytest.mark.parametrize("kind", ["ecg", "ppg"])
def test_beats_are_found_in_noise(kind):
    beats = beats_of()
    found = find_beats(wave_of(kind, beats, noise=0.2), RATES[kind], kind)
    assert len(found) == len(beats)
    assert np.abs(found - beats - np.median(found - beats)).max() < 0.1


@pytest.mark.parametrize("mean_s", [0.4, 0.6, 1.0, 1.5])
@pytest.mark.parametrize("kind", ["ecg", "ppg"])
def test_beats_are_found_from_40_to_150_a_minute(kind, mean_s):
    beats = beats_of(60.0, mean_s=mean_s, lf_s=0.01, hf_s=0.01)
    found = heart_of(kind, wave_of(kind, beats, duration_s=60.0))
    assert found["hr_mean"] == pytest.approx(60 / np.diff(beats).mean(), rel=0.005)


def test_inverted_leads_and_small_beats_are_found():
    beats = beats_of(60.0)
    assert len(find_beats(-wave_of("ecg", beats, duration_s=60.0), 250.0, "ecg")) == len(beats)
    fading = wave_of("ecg", beats, duration_s=60.0) * np.linspace(1.0, 0.3, 15_000)
    assert len(find_beats(fading, 250.0, "ecg")) == len(beats)


def test_known_variability():
    intervals = np.array([0.80, 0.86, 0.80, 0.86, 0.80])
    found = heart_features(intervals, intervals.cumsum(), 5.0)
    assert found["rmssd"] == pytest.approx(60.0)
    assert found["sdnn"] == pytest.approx(1000 * np.std(intervals, ddof=1))
    assert found["pnn50"] == 1.0
    assert found["hr_max"] == pytest.approx(75.0) and found["hr_min"] == pytest.approx(60 / 0.86)
    assert all(np.isnan(found[name]) for name in ("lf", "hf", "lf_hf"))


def test_power_of_a_swing_is_half_its_square():
    times = np.arange(0, 300, 0.8)
    intervals = 0.8 + 0.03 * np.sin(2 * np.pi * 0.1 * times) + 0.02 * np.sin(2 * np.pi * 0.27 * times)
    low, high = band_powers(intervals, times)
    assert low == pytest.approx(30**2 / 2, rel=0.05)
    assert high == pytest.approx(20**2 / 2, rel=0.05)


@pytest.mark.parametrize(
    ("duration_s", "missing"), [(59.0, {"lf", "hf", "lf_hf"}), (100.0, {"lf", "lf_hf"}), (120.0, set())]
)
def test_frequencies_are_missing_where_the_clip_is_too_short_for_them(duration_s, missing):
    found = heart_of("ppg", wave_of("ppg", beats_of(duration_s), duration_s=duration_s))
    assert {name for name, value in found.items() if np.isnan(value)} == missing


def test_missed_and_extra_beats_are_rejected():
    beats = beats_of()
    truth = heart_features(np.diff(beats), beats[1:], 150.0)
    wrong = np.sort(np.append(np.delete(beats, [20, 60, 61, 120]), [beats[40] + 0.3, beats[90] + 0.5]))
    intervals, ends = normal_intervals(wrong)
    found = heart_features(intervals, ends, 150.0)
    assert np.isnan(intervals).sum() == 17  # seven wrong ones and their neighbours
    for name, tolerance in {"hr_mean": 0.002, "rmssd": 0.06, "sdnn": 0.06, "hf": 0.3, "lf": 0.55}.items():
        assert found[name] == pytest.approx(truth[name], rel=tolerance), name
    raw = heart_features(np.diff(wrong), wrong[1:], 150.0)
    assert raw["rmssd"] > 3 * truth["rmssd"]


@pytest.mark.parametrize("at_s", [0, 70])
@pytest.mark.parametrize("size", [3, 50])
@pytest.mark.parametrize("kind", ["ecg", "ppg"])
def test_jolt_of_three_seconds_changes_little(kind, size, at_s):
    beats, rate = beats_of(), RATES[kind]
    truth = heart_features(np.diff(beats), beats[1:], 150.0)
    wave = wave_of(kind, beats, noise=0.02)
    jolt = slice(round(at_s * rate), round((at_s + 3) * rate))
    wave[jolt] += size * np.random.default_rng(1).normal(size=wave[jolt].shape)
    found = heart_of(kind, wave)
    for name, tolerance in {
        "hr_mean": 0.005,
        "hr_max": 0.05,
        "rmssd": 0.05,
        "sdnn": 0.05,
        "hf": 0.2,
        "lf": 0.5,
    }.items():
        assert found[name] == pytest.approx(truth[name], rel=tolerance), name


def test_too_few_beats_are_no_heart_rate():
    assert all(np.isnan(value) for value in heart_features(np.array([0.8, 0.8]), np.array([1.0, 1.8]), 5.0).values())
    assert len(find_beats(np.random.default_rng(0).normal(size=320) * 0 + np.arange(320) % 2, 64.0, "ppg")) < 3


@settings(max_examples=10)
@given(gain=st.floats(1e-3, 1e3), offset=st.floats(-1e3, 1e3), kind=st.sampled_from(["ecg", "ppg"]))
def test_heart_does_not_depend_on_gain_and_offset(gain, offset, kind):
    wave = wave_of(kind, beats_of(40.0), duration_s=40.0, noise=0.02)
    plain, changed = heart_of(kind, wave), heart_of(kind, offset + gain * wave)
    np.testing.assert_allclose([*changed.values()], [*plain.values()], rtol=1e-3)


@settings(max_examples=10)
@given(shift_s=st.floats(0.0, 0.3))
def test_heart_does_not_depend_on_when_it_was_recorded(shift_s):
    beats = beats_of(40.0)
    plain, shifted = (heart_of("ppg", wave_of("ppg", beats + by, duration_s=40.0)) for by in (0.0, shift_s))
    for name in ("hr_mean", "rmssd", "sdnn"):
        assert shifted[name] == pytest.approx(plain[name], rel=0.02)


@pytest.mark.parametrize("rate", [4.0, 16.0, 64.0])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_known_responses_are_counted_and_measured(rate, noise):
    onsets, heights = [10, 25, 40, 50, 63, 80, 95], [0.2, 0.8, 0.3, 0.5, 1.0, 0.15, 0.6]
    found = eda_features(conductance(onsets, heights, rate, noise=noise), rate)
    assert found["scr_per_minute"] == pytest.approx(3.5)
    assert found["scr_amplitude"] == pytest.approx(np.mean(heights), rel=0.1)
    assert found["scr_rise_time"] == pytest.approx(1.55, abs=0.35)
    assert found["scl_mean"] == pytest.approx(3.3, abs=0.1)
    assert found["phasic_area"] > 0.02


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_level_without_responses(noise):
    found = eda_features(conductance([], [], noise=noise), 16.0)
    assert (found["scr_per_minute"], found["scr_amplitude"]) == (0, 0)
    assert np.isnan(found["scr_rise_time"])
    assert found["scl_slope"] == pytest.approx(0.002, rel=0.05)
    assert found["scl_mean"] == pytest.approx(3.12, abs=0.01)
    assert found["phasic_area"] < 0.01


def test_slow_waves_of_the_level_are_no_responses():
    times = np.arange(16 * 240) / 16
    assert eda_features(5 + np.sin(2 * np.pi * times / 120), 16.0)["scr_per_minute"] == 0


@settings(max_examples=10)
@given(offset=st.floats(0.0, 20.0))
def test_responses_do_not_depend_on_the_level(offset):
    wave = conductance([10, 40, 80], [0.5, 0.3, 0.4])
    plain, raised = eda_features(wave, 16.0), eda_features(wave + offset, 16.0)
    assert raised["scl_mean"] == pytest.approx(plain["scl_mean"] + offset, rel=1e-5)
    for name in set(plain) - {"scl_mean"}:
        assert raised[name] == pytest.approx(plain[name], rel=1e-3, abs=1e-6), name


@pytest.mark.parametrize("per_minute", [8.0, 12.0, 18.0, 26.0])
@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_known_breathing(per_minute, noise, ratio):
    found = respiration_features(breathing(per_minute, ratio, noise=noise), 25.0)
    assert found["rate"] == pytest.approx(per_minute, rel=0.02)
    assert found["rate_sd"] < (0.3 if noise == 0 else 1.5)
    assert found["amplitude"] == pytest.approx(2.0, rel=0.03 if noise == 0 else 0.12)
    assert found["inhale_exhale_ratio"] == pytest.approx(ratio, rel=0.25 if noise == 0 else 0.35)


def test_breathing_that_varies_varies():
    steady = respiration_features(breathing(15.0), 25.0)["rate_sd"]
    times = np.arange(25 * 120) / 25
    unsteady = respiration_features(np.sin(2 * np.pi * 0.25 * times + 2 * np.sin(2 * np.pi * times / 40)), 25.0)
    assert unsteady["rate"] == pytest.approx(15.0, rel=0.05)
    assert unsteady["rate_sd"] > 10 * steady


@settings(max_examples=10)
@given(gain=st.floats(1e-2, 1e2), offset=st.floats(-1e2, 1e2))
def test_breathing_scales_with_its_signal(gain, offset):
    wave = breathing(14.0, 0.6, noise=0.05)
    plain, changed = respiration_features(wave, 25.0), respiration_features(offset + gain * wave, 25.0)
    assert changed["amplitude"] == pytest.approx(gain * plain["amplitude"], rel=1e-3)
    for name in ("rate", "rate_sd", "inhale_exhale_ratio"):
        assert changed[name] == pytest.approx(plain[name], rel=1e-3)


def test_no_whole_breath_has_no_rate():
    assert np.isnan(respiration_features(np.arange(500.0), 25.0)["rate"])


def test_known_temperature_and_movement():
    times = np.arange(64) / 4
    warming = temperature_features(33 + 0.01 * times, 4.0)
    assert warming["slope"] == pytest.approx(0.01, rel=1e-4)
    assert warming["mean"] == pytest.approx(33 + 0.01 * times.mean())
    assert warming["range"] == pytest.approx(0.9 * 0.01 * times[-1], rel=1e-3)
    moving = acceleration_features(np.array([[0.0, 3.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 0.0]]), 10.0)
    assert moving["magnitude_mean"] == pytest.approx(5 / 3) and moving["activity"] == pytest.approx(50.0)


@settings(max_examples=20)
@given(angle=st.floats(0.0, 6.3))
def test_movement_does_not_depend_on_how_the_band_is_turned(angle):
    axes = np.random.default_rng(0).normal(size=(3, 200))
    turned = axes.copy()
    turned[0], turned[1] = (
        np.cos(angle) * axes[0] - np.sin(angle) * axes[1],
        np.sin(angle) * axes[0] + np.cos(angle) * axes[1],
    )
    plain, changed = acceleration_features(axes, 32.0), acceleration_features(turned, 32.0)
    np.testing.assert_allclose([*changed.values()], [*plain.values()], rtol=1e-5)


def test_filter_has_no_delay():
    times = np.arange(640) / 64
    wave = np.sin(2 * np.pi * times)
    np.testing.assert_allclose(filtered(wave + 5, 64.0, (0.2, 5.0))[128:-128], wave[128:-128], atol=0.02)


def test_whole_wristband_is_measured_without_a_doubt():
    row, warnings = measured(wristband())
    assert warnings == ()
    assert np.isfinite([*row.values()]).all()
    assert row["BVP_hr_mean"] == pytest.approx(60 / np.diff(beats_of(130.0)).mean(), rel=0.005)
    assert row["EDA_scr_per_minute"] == pytest.approx(60 * 3 / 130)
    assert row["Resp_rate"] == pytest.approx(15, rel=0.01)
    assert row["TEMP_slope"] == pytest.approx(0.001, rel=1e-3)


def test_columns_of_other_rates_fill_their_first_rows(tmp_path):
    together = wristband()
    apart = together.copy()
    apart["EDA"] = together["EDA"].iloc[::16].reset_index(drop=True)
    apart["TEMP"] = together["TEMP"].iloc[::16].reset_index(drop=True)
    rates = {"BVP": 64.0, "EDA": 4.0, "TEMP": 4.0, "Resp": 64.0, "ACC_x": 64.0}
    row, warnings = measured(apart, sampling_rate_hz=rates)
    assert warnings == ()
    assert row["EDA_scr_per_minute"] == measured(together)[0]["EDA_scr_per_minute"]
    assert row["TEMP_mean"] == pytest.approx(measured(together)[0]["TEMP_mean"], rel=1e-4)
    path = tmp_path / "e4.csv"
    apart.to_csv(path, index=False)
    clip = PhysiologyFeatures(SIGNALS, rates).extract_one(path, start_s=10.0, end_s=110.0)
    cut = together.iloc[640:7040].reset_index(drop=True)
    cut["EDA"], cut["TEMP"] = (cut[name].iloc[::16].reset_index(drop=True) for name in ("EDA", "TEMP"))
    np.testing.assert_allclose(clip, PhysiologyFeatures(SIGNALS, rates).extract_one(cut), rtol=1e-5)


def test_wrong_rate_of_one_column_shows_in_its_length():
    table = wristband()
    table["EDA"] = table["EDA"].iloc[::16].reset_index(drop=True)
    rates = dict.fromkeys(SIGNALS, 64.0) | {"EDA": 8.0}
    assert (
        "length: 'EDA' lasts 65.0 s, 'BVP' 130.0 s; are their rates right?"
        in measured(table, sampling_rate_hz=rates)[1]
    )


def test_axes_are_one_acceleration():
    table = pd.DataFrame(
        {f"ACC_{axis}": np.full(128, value) for axis, value in zip("xyz", (2.0, 3.0, 6.0), strict=True)}
    )
    parameters = {"signals": dict.fromkeys(table, "acceleration")}
    row, warnings = measured(table, **parameters)
    assert row == {"ACC_magnitude_mean": 7.0, "ACC_magnitude_sd": 0.0, "ACC_activity": 0.0}
    assert warnings == ("flat: 'ACC_x', 'ACC_y', 'ACC_z' never changes",)
    two = {f"{place}_{axis}": "acceleration" for place in ("wrist", "chest") for axis in "xyz"}
    assert len(PhysiologyFeatures(two).get_feature_names_out()) == 6


@pytest.mark.parametrize(
    ("change", "column", "warning"),
    [
        pytest.param({"BVP": 7.0}, "BVP", "flat: 'BVP' never changes; was the sensor in contact?", id="eeg-3-ppg"),
        pytest.param({"EDA": 0.0}, "EDA", "flat: 'EDA' never changes; was the sensor in contact?", id="eeg-3-eda"),
        pytest.param({"EDA": None}, "EDA", "missing column: column 'EDA' is not there", id="eeg-18"),
    ],
)
def test_signal_that_cannot_be_measured_gives_nan_columns_by_name(change, column, warning):
    table = wristband()
    table = table.drop(columns=column) if change[column] is None else table.assign(**change)
    row, warnings = measured(table)
    assert warnings == (warning,)
    assert {name.split("_")[0] for name, value in row.items() if np.isnan(value)} == {column}


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        pytest.param({"TEMP": 33.0}, "flat: 'TEMP' never changes", id="eeg-3"),
        pytest.param(
            {"TEMP": lambda t: t["TEMP"] + 273.15}, "range: 'TEMP' goes from 306.1 to 306.3, 15 to 45", id="eeg-23"
        ),
        pytest.param({"EDA": lambda t: t["EDA"] - 5}, "range: 'EDA' goes from -2 to", id="eeg-23-eda"),
        pytest.param({"BVP": lambda t: t["BVP"].clip(upper=0.9)}, "saturated: 'BVP' stands at its lowest", id="eeg-24"),
    ],
)
def test_doubtful_signal_is_measured_with_a_warning(change, warning):
    row, warnings = measured(wristband().assign(**change))
    assert len(warnings) == 1 and warnings[0].startswith(warning)
    assert np.isfinite([*row.values()]).all()


def test_eeg_29_artefacts_are_a_warning():
    random = np.random.default_rng(0)
    table = wristband().assign(BVP=random.normal(size=130 * 64))
    assert measured(table)[1] == (
        "no beats: 'BVP': 4 of 192 intervals between beats are normal, three in a row needed",
    )
    table = wristband()
    for start in range(0, 8320, 1280):
        table.loc[start : start + 200, "BVP"] += 5 * random.normal(size=201)
    assert measured(table)[1][0].startswith("artefacts: 'BVP' has 31%")


def test_short_clip_has_what_it_can_have():
    row, warnings = measured(wristband(15.0))
    assert [warning.split(":")[0] for warning in warnings] == ["short for variability", "short", "too short"]
    assert "hf, lf and lf_hf are missing" in warnings[0]
    missing = {name for name, value in row.items() if np.isnan(value)}
    assert missing == {"BVP_lf", "BVP_hf", "BVP_lf_hf", *(f"Resp_{name}" for name in FEATURES["respiration"])}


def test_gap_in_time_is_a_warning():
    table = wristband().assign(time=np.arange(130 * 64) / 64)
    table.loc[4000:, "time"] += 3
    assert measured(table)[1][0] == "gap: time jumps from 62.484 to 65.500 s"


@pytest.mark.parametrize(
    ("table", "code"),
    [
        pytest.param(wristband().assign(BVP=1.0)[["BVP"]], "flat", id="eeg-1"),
        pytest.param(wristband().replace({"TEMP": {33.0: np.nan}}), "not_finite", id="eeg-4"),
        pytest.param(wristband().assign(EDA=np.nan), "not_finite", id="eeg-5"),
        pytest.param(wristband().assign(TEMP=np.inf), "not_finite", id="eeg-6"),
        pytest.param(wristband().iloc[:0], "too_short", id="eeg-7"),
        pytest.param(wristband().iloc[:1], "too_short", id="eeg-8"),
        pytest.param(wristband().iloc[:10], "too_short", id="eeg-9"),
        pytest.param(wristband().assign(time=np.arange(130 * 64) / 32), "wrong_rate", id="eeg-11"),
        pytest.param(wristband().iloc[:500].T, "bad_channels", id="eeg-15"),
        pytest.param(wristband()["BVP"], "bad_array", id="eeg-16"),
        pytest.param(pd.concat([wristband(), wristband()], axis=1), "bad_channels", id="eeg-21"),
        pytest.param(wristband().assign(TEMP=1e39), "not_finite", id="eeg-26"),
        pytest.param(wristband().assign(TEMP="warm"), "not_finite", id="text"),
        pytest.param(pd.DataFrame({"BVP": np.arange(1000.0)}), "no_beats", id="no-beats"),
        pytest.param(wristband()[["ACC_x"]].iloc[:10], "too_short", id="one-short-column"),
        pytest.param(pd.DataFrame({"Resp": np.arange(64.0 * 30)}), "no_breath", id="no-breath"),
    ],
)
def test_unusable_recording_is_refused(table, code):
    assert refusal(table).code == code


def test_one_axis_of_three_is_no_acceleration():
    parameters = {"signals": {f"ACC_{axis}": "acceleration" for axis in "xyz"}}
    error = refusal(wristband()[["ACC_x"]], **parameters)
    assert (error.code, "column 'ACC_y', 'ACC_z' is not there" in str(error)) == ("missing_column", True)


def test_refusal_says_what_each_signal_lacked():
    message = str(refusal(wristband().iloc[:10]))
    assert "'BVP': 5 s of ppg needed, got 0.156 s" in message and "'Resp': 20 s of respiration" in message
    assert message.endswith("drop it")


def test_eeg_19_20_25_other_columns_order_and_integers_change_nothing():
    table = wristband().mul(1000).round()
    other = table.iloc[:, ::-1].assign(note="x").astype(dict.fromkeys(table, int))
    np.testing.assert_array_equal(
        PhysiologyFeatures(SIGNALS).extract_one(other), PhysiologyFeatures(SIGNALS).extract_one(table)
    )


def test_eeg_40_clip_outside_the_recording_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    wristband().to_csv(path, index=False)
    with pytest.raises(SampleError, match=r"clip 120 to 140 s lies outside the 130\.000 s"):
        PhysiologyFeatures(SIGNALS).extract_one(path, start_s=120.0, end_s=140.0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"signals": {}}, "signals must map columns to kinds"),
        ({"signals": ["BVP"]}, "signals must map columns to kinds"),
        ({"signals": {"BVP": "pulse"}}, "column 'BVP' must be one of"),
        ({"signals": {"ECG": "ecg"}, "sampling_rate_hz": 32.0}, r"'ECG' \(ecg\) must be 50 or more"),
        ({"sampling_rate_hz": 0.0}, "must be 20 or more"),
        ({"sampling_rate_hz": -64.0}, "must be 20 or more"),
        ({"sampling_rate_hz": float("nan")}, "must be 20 or more"),
        ({"sampling_rate_hz": "fast"}, "extractor 'physiology': "),
        ({"sampling_rate_hz": {"BVP": 64.0}}, "names no rate for column 'EDA'"),
        ({"signals": {"ACC_x": "acceleration", "ACC": "temperature"}}, "'ACC' would name the features of two signals"),
        (
            {"signals": {"a_x": "acceleration", "a_y": "acceleration"}, "sampling_rate_hz": {"a_x": 32.0, "a_y": 64.0}},
            "axes of 'a' differ",
        ),
    ],
    ids=str,
)
def test_eeg_12_wrong_parameters_are_refused(parameters, message):
    from emofuse.features.errors import StudyError

    with pytest.raises(StudyError, match=message):
        make_extractor("physiology", parameters)


def test_every_feature_says_where_it_comes_from():
    extractor = PhysiologyFeatures({"ECG": "ecg", **SIGNALS})
    notes = {name: extractor.explain(name) for name in extractor.get_feature_names_out()}
    assert notes["ECG_rmssd"].unit == "ms" and "Pan & Tompkins (1985)" in notes["ECG_rmssd"].source
    assert "Elgendi et al. (2013)" in notes["BVP_hr_mean"].source
    assert notes["EDA_scr_amplitude"].measures.endswith("(EDA)")
    assert "Task Force" in notes["BVP_lf_hf"].source
