"""EEG features are found where they are, and a recording that contradicts its description is refused."""

import numpy as np
import pandas as pd
import pytest
from emofuse.features.eeg import BANDS_HZ, EEGBandPower, EEGFeatures
from emofuse.features.eeg_notes import MEASURES
from emofuse.features.errors import SampleError
from emofuse.features.recordings import as_recording
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 256
CHANNELS = ("TP9", "AF7", "AF8", "TP10")


def recording(duration_s=4.0, rate=RATE, **channels):
    """Four channels of noise, some replaced."""
    noise = np.random.default_rng(0).normal(scale=5.0, size=(round(duration_s * rate), len(CHANNELS)))
    return pd.DataFrame(noise, columns=CHANNELS).assign(**channels)


def wave(hz, duration_s=4.0, level=40.0, rate=RATE):
    return level * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate)


def features_of(table, kind=EEGBandPower, **parameters):
    extractor = kind(**parameters)
    return pd.Series(extractor.extract_one(table), index=extractor.get_feature_names_out())


def warnings_of(table, **parameters):
    return EEGFeatures(**parameters)._measure(EEGFeatures(**parameters)._accept(table))[1]


def refusal(source, **parameters):
    with pytest.raises(SampleError) as caught:
        EEGBandPower(**parameters).extract_one(source)
    return caught.value.code, str(caught.value)


def extract_file(folder, content, **parameters):
    path = folder / "muse.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return EEGBandPower(**parameters).extract(pd.DataFrame({"eeg": [str(path)]}, index=["s1"]))


@pytest.mark.parametrize(("hz", "band"), [(2, "delta"), (6, "theta"), (10, "alpha"), (20, "beta"), (40, "gamma")])
def test_bump_is_found_in_its_band_and_channel(hz, band):
    quiet = features_of(recording())
    found = features_of(recording(AF7=recording()["AF7"] + wave(hz)))
    relative = found.filter(like="AF7").filter(like="relative")
    assert relative.idxmax() == f"AF7_{band}_relative"
    assert relative.max() > 0.8
    assert found[f"AF7_{band}_log"] > quiet[f"AF7_{band}_log"] + 1
    others = [name for name in found.index if "AF7" not in name]
    pd.testing.assert_series_equal(found[others], quiet[others])


def test_log_power_is_that_of_the_band_and_shares_go_by_power_not_by_density():
    spread = 12.0
    noise = np.random.default_rng(1).normal(scale=spread, size=RATE * 240)
    found = features_of(pd.DataFrame({"TP9": noise}), channels=["TP9"])
    widths = np.array([high - low for low, high in BANDS_HZ.values()])
    np.testing.assert_allclose(found.filter(like="log"), np.log10(2 * spread**2 / RATE * widths), atol=0.1)
    np.testing.assert_allclose(found.filter(like="relative"), widths / widths.sum(), atol=0.02)


@given(st.floats(0.1, 100), st.floats(-1000, 1000), st.floats(-50, 50))
@settings(max_examples=25)
def test_relative_powers_add_up_to_one_whatever_gain_offset_and_drift(gain, offset, drift):
    table = recording()
    plain = features_of(table)
    found = features_of(gain * table + offset + drift * np.linspace(0, 1, len(table))[:, None])
    for channel in CHANNELS:
        assert found.filter(like=channel).filter(like="relative").sum() == pytest.approx(1, abs=1e-5)
    relative = [name for name in plain.index if name.endswith("relative")]
    np.testing.assert_allclose(found[relative], plain[relative], atol=1e-3)
    log = [name for name in plain.index if name.endswith("log")]
    np.testing.assert_allclose(found[log], plain[log] + 2 * np.log10(gain), atol=1e-2)


@pytest.mark.parametrize(
    "values",
    [np.zeros(4 * RATE), np.full(4 * RATE, 850.0), np.full(4 * RATE, 1e8), np.arange(4.0 * RATE)],
    ids=["flat", "constant-offset", "large-offset", "straight-line"],
)
def test_03_flat_channel_is_missing_with_a_warning(tmp_path, values):
    extraction = extract_file(tmp_path, recording(AF8=values).to_csv(index=False))
    row = extraction.features.loc["s1"]
    assert row.filter(like="AF8").isna().all()
    assert row.drop(row.filter(like="AF8").index).notna().all()
    assert extraction.warnings.values.tolist() == [["s1", "eeg", "flat: channel AF8"]]


@pytest.mark.parametrize("value", [0.0, 850.0], ids=["01-flat", "02-constant-offset"])
def test_recording_flat_in_all_channels_is_refused(value):
    code, message = refusal(recording(**dict.fromkeys(CHANNELS, value)))
    assert code == "flat"
    assert "no signal was recorded" in message


def test_18_missing_channel_is_missing_by_name_with_a_warning(tmp_path):
    table = recording()
    extraction = extract_file(tmp_path, table.drop(columns="TP9").to_csv(index=False))
    row = extraction.features.loc["s1"]
    assert row.filter(like="TP9_").isna().all()
    whole = features_of(table)
    rest = [name for name in whole.index if not name.startswith("TP9_")]
    np.testing.assert_allclose(row[rest].astype(float), whole[rest], rtol=1e-5)
    assert extraction.warnings["message"].tolist() == ["missing: channel TP9"]


def test_19_20_additional_and_reordered_channels_change_nothing():
    table = recording()
    shuffled = table.assign(EXG=1.0)[["EXG", "TP10", "AF8", "AF7", "TP9"]]
    pd.testing.assert_series_equal(features_of(shuffled), features_of(table))


NO_NUMBERS = {
    "04-one-nan": (np.nan, 1),
    "05-all-nan": (np.nan, 4 * RATE),
    "06-infinities": (np.inf, 2),
    "06-minus-infinity": (-np.inf, 1),
    "26-beyond-float32": (1e300, 1),
}


@pytest.mark.parametrize(("value", "count"), NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_value_that_is_no_number_is_refused_with_channel_and_count(value, count):
    table = recording()
    table.loc[: count - 1, "AF7"] = value
    assert refusal(table) == ("not_finite", f"channel AF7: {count} values are no finite numbers; repair or drop it")


def test_26_half_precision_that_overflowed_is_refused():
    with np.errstate(over="ignore"):
        table = (recording() + 70_000).astype(np.float16)
    assert refusal(table)[0] == "not_finite"


def test_text_in_a_channel_is_refused(tmp_path):
    table = recording().astype(object)
    table.loc[3, "TP10"] = "0,5"
    failures = extract_file(tmp_path, table.to_csv(index=False)).failures
    assert failures[["code", "message"]].values.tolist() == [
        ["not_finite", "channel TP10: 1 values are no finite numbers; repair or drop it"]
    ]


@pytest.mark.parametrize(
    ("n_rows", "parameters", "needed"),
    [
        (0, {}, "2 s"),
        (1, {}, "2 s"),
        (10, {}, "2 s"),
        (2 * RATE - 1, {}, "2 s"),
        (3 * RATE, {"window_s": 4.0}, "4 s"),
        (RATE - 1, {"bands_hz": {"alpha": (8, 13)}}, "1 s"),
    ],
    ids=["07-none", "08-one", "09-ten", "10-below-two-cycles", "10-below-one-window", "10-high-bands-only"],
)
def test_short_recording_is_refused(n_rows, parameters, needed):
    code, message = refusal(recording().iloc[:n_rows], **parameters)
    assert code == "too_short"
    assert message.startswith(f"{needed} (two cycles of the lowest band, and one window) needed, got ")


def test_recording_of_exactly_two_cycles_is_taken():
    assert features_of(recording(2.0)).notna().all()


@pytest.mark.parametrize("column", ["timestamps", "timestamp", "time", "time_s"])
@pytest.mark.parametrize("true_rate", [128, 240, 512])
def test_11_declared_rate_that_the_time_column_contradicts_is_refused(column, true_rate):
    table = recording()
    code, message = refusal(table.assign(**{column: np.arange(len(table)) / true_rate}))
    assert code == "wrong_rate"
    assert message == f"256 Hz declared, {column!r} says {true_rate} Hz; correct one"


@pytest.mark.parametrize("times", [np.zeros(4 * RATE), np.arange(4.0 * RATE)[::-1]], ids=["standing", "backwards"])
def test_time_that_does_not_advance_is_refused(times):
    assert refusal(recording(time=times))[0] == "wrong_rate"


def test_time_column_that_agrees_within_five_per_cent_changes_nothing():
    table = recording()
    jittered = np.arange(len(table)) / 250 + np.random.default_rng(0).normal(scale=1e-4, size=len(table))
    pd.testing.assert_series_equal(features_of(table.assign(timestamps=1.6e9 + jittered)), features_of(table))


def test_time_column_without_numbers_says_nothing_about_the_rate():
    table = recording()
    pd.testing.assert_series_equal(features_of(table.assign(time="2024-01-01T00:00")), features_of(table))


BAD_PARAMETERS = {
    "12-rate-zero": ({"sampling_rate_hz": 0}, "half the rate of 0 Hz"),
    "12-negative-rate": ({"sampling_rate_hz": -256}, "half the rate of -256 Hz"),
    "12-rate-nan": ({"sampling_rate_hz": float("nan")}, "half the rate of nan Hz"),
    "13-band-above-nyquist": (
        {"bands_hz": {"high": (60, 140)}},
        r"band 'high' \(60 to 140 Hz\) must rise and stay below",
    ),
    "13-default-band-above-nyquist": ({"sampling_rate_hz": 64}, r"band 'gamma' \(30\.0 to 45\.0 Hz\)"),
    "14-reversed-band": ({"bands_hz": {"alpha": (13, 8)}}, r"band 'alpha' \(13 to 8 Hz\) must rise"),
    "14-overlapping-bands": ({"bands_hz": {"high": (12, 30), "low": (4, 13)}}, "bands 'low' and 'high' overlap"),
    "10-window-too-short-for-a-band": ({"window_s": 0.1}, r"band 'delta' .* needs a window_s longer than 0\.1 s"),
    "window-of-nothing": ({"window_s": 0}, "needs a window_s longer than 0 s"),
    "no-bands": ({"bands_hz": {}}, "bands_hz is empty"),
    "no-channels": ({"channels": ()}, "channels must be a list of different names"),
    "21-repeated-channels": ({"channels": ("TP9", "TP9")}, "channels must be a list of different names"),
    "channels-as-one-string": ({"channels": "TP9"}, "channels must be a list of different names, got 'TP9'"),
}


@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS.values(), ids=BAD_PARAMETERS)
def test_impossible_parameter_is_refused_before_any_sample(parameters, message):
    extractor = EEGBandPower(**parameters)
    with pytest.raises(ValueError, match=message):
        extractor.get_feature_names_out()
    with pytest.raises(ValueError, match=message):
        extractor.extract(pd.DataFrame({"eeg": ["none.csv"]}))


def test_bands_of_ones_own_name_the_features_in_their_order():
    bands = {"sigma": (12.0, 15.0), "slow": (0.0, 2.0)}
    found = features_of(recording(), bands_hz=bands, channels=["AF8"])
    assert found.index.tolist() == ["AF8_sigma_log", "AF8_slow_log", "AF8_sigma_relative", "AF8_slow_relative"]
    assert found.notna().all()


def test_default_names_run_through_channels_kinds_and_bands():
    names = EEGBandPower().get_feature_names_out()
    expected = [f"{c}_{b}_{kind}" for c in CHANNELS for kind in ("log", "relative") for b in BANDS_HZ]
    assert names.tolist() == expected


@pytest.mark.parametrize(
    "source",
    [recording().to_numpy().T, recording()["TP9"].to_numpy(), np.zeros((4, 4, 4)), recording()["TP9"], None, [[1.0]]],
    ids=["15-transposed", "16-one-dimension", "17-three-dimensions", "series", "none", "list"],
)
def test_what_is_no_table_is_refused(source):
    code, message = refusal(source)
    assert code == "bad_array"
    assert message.startswith("a path, DataFrame or Recording is needed, got ")


def test_21_repeated_channels_are_refused_in_memory_and_in_a_file(tmp_path):
    table = pd.concat([recording(), recording()[["TP9"]]], axis=1)
    assert refusal(table) == ("bad_channels", "two channels have the same name; rename one")
    failures = extract_file(tmp_path, table.to_csv(index=False)).failures
    assert failures["code"].tolist() == ["not_a_table"]
    assert "column names ['TP9'] repeat" in failures.at[0, "message"]


def test_table_with_none_of_the_channels_is_refused():
    code, message = refusal(pd.DataFrame({"C3": wave(10), "C4": wave(10)}))
    assert code == "bad_channels"
    assert message == "none of the channels ['TP9', 'AF7', 'AF8', 'TP10'] in ['C3', 'C4']"


NO_TABLES = {
    "31-binary": bytes(range(256)) * 20,
    "32-header-only": b"TP9,AF7,AF8,TP10\n",
    "semicolons": b"TP9;AF7\n1,5;2,5\n",
    "decimal-commas": b"TP9,AF7\n1,5,2,5\n",
    "ragged": b"TP9,AF7\n1,2\n1,2,3\n",
}


@pytest.mark.parametrize("content", NO_TABLES.values(), ids=NO_TABLES)
def test_file_that_is_no_table_is_refused(tmp_path, content):
    failures = extract_file(tmp_path, content).failures
    assert failures[["sample", "source", "code"]].values.tolist() == [["s1", "eeg", "not_a_table"]]


@pytest.mark.parametrize("dtype", [np.int16, np.float32], ids=["25-int16", "float32"])
def test_numbers_of_any_type_are_taken(dtype):
    table = (recording() * 10).round()
    np.testing.assert_allclose(features_of(table.astype(dtype)), features_of(table), rtol=1e-5)


def test_clip_of_a_file_equals_the_same_rows_in_memory(tmp_path):
    table = recording(8.0)
    path = tmp_path / "muse.csv"
    table.to_csv(path, index=False)
    extractor = EEGBandPower()
    np.testing.assert_allclose(
        extractor.extract_one(path, start_s=2.0, end_s=5.0), extractor.extract_one(table.iloc[512:1280]), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("start_s", "end_s", "code"),
    [
        (-1.0, 2.0, "bad_clip"),
        (3.0, 1.0, "bad_clip"),
        (0.0, float("inf"), "bad_clip"),
        (60.0, 63.0, "bad_clip"),
        (2.0, 5.0, "bad_clip"),
    ],
)
def test_40_clip_outside_the_recording_is_refused(tmp_path, start_s, end_s, code):
    path = tmp_path / "muse.csv"
    recording().to_csv(path, index=False)
    with pytest.raises(SampleError) as caught:
        EEGBandPower().extract_one(path, start_s=start_s, end_s=end_s)
    assert caught.value.code == code


def test_every_measure_has_its_columns_channel_by_channel_then_pair_by_pair():
    names = EEGFeatures(measures=tuple(MEASURES)).get_feature_names_out().tolist()
    assert len(names) == len(set(names)) == 4 * (4 * 5 + 5 + 3 + 1 + 1 + 1 + 1 + 2) + 2 * 5 + 10 + 6
    assert names[0] == "TP9_delta_log"
    assert "AF7_engagement_ratio" in names
    assert names.index("TP10_zero_crossings") < names.index("TP9-TP10_delta_asymmetry")
    assert names[-1] == "AF8-TP10_correlation"
    assert len(EEGFeatures().get_feature_names_out()) == 106


@pytest.mark.parametrize("name", MEASURES)
def test_each_measure_is_the_same_alone_as_among_all(name):
    together = features_of(recording(), kind=EEGFeatures, measures=tuple(MEASURES))
    alone = features_of(recording(), kind=EEGFeatures, measures=(name,))
    assert len(alone)
    pd.testing.assert_series_equal(together[alone.index], alone)


def test_every_feature_says_what_it_measures():
    extractor = EEGFeatures(measures=tuple(MEASURES), channels=("F3", "F4", "Cz"))
    told = {name: extractor.explain(name) for name in extractor.get_feature_names_out()}
    assert len({note.measures for note in told.values()}) == len(told)
    assert all(note.measures and note.unit and any(digit in note.source for digit in "12") for note in told.values())
    assert "8 to 13 Hz" in told["F3-F4_alpha_asymmetry"].measures
    assert told["Cz_mobility"].unit == "1/s"


def test_band_power_is_a_subset_of_all_features():
    few, all_ = features_of(recording()), features_of(recording(), kind=EEGFeatures)
    pd.testing.assert_series_equal(all_[few.index], few)


@given(st.permutations(CHANNELS))
@settings(max_examples=10)
def test_eeg_20_order_of_columns_changes_nothing(order):
    table = recording()
    pd.testing.assert_series_equal(
        features_of(table[list(order)], kind=EEGFeatures), features_of(table, kind=EEGFeatures)
    )


@given(st.floats(0.2, 100))
@settings(max_examples=15)
def test_gain_moves_log_power_by_twice_its_logarithm(gain):
    plain, louder = (features_of(part, kind=EEGFeatures) for part in (recording(), gain * recording()))
    for name, note in MEASURES.items():
        own = [column for column in plain.index if any(column.endswith(end) for end, *_ in note.values)]
        if name == "log_power":
            np.testing.assert_allclose(louder[own], plain[own] + 2 * np.log10(gain), atol=1e-4)
        if name in ("relative_power", "band_ratios", "asymmetry", "correlation", "zero_crossings"):
            np.testing.assert_allclose(louder[own], plain[own], atol=1e-3)


@pytest.mark.parametrize("kind", ["welch", "multitaper"])
def test_stationary_tone_has_the_same_features_in_every_window(kind):
    table = recording(8.0, **{name: wave(10, 8.0) + recording(8.0)[name] * 1e-6 for name in CHANNELS})
    first, later = (
        features_of(table.iloc[start : start + 512].reset_index(drop=True), kind=EEGFeatures, method=kind)
        for start in (0, 1024 + 37)
    )
    stable = [name for name in first.index if "alpha_log" in name or "line_length" in name or "activity" in name]
    np.testing.assert_allclose(later[stable], first[stable], rtol=0.02)


def test_eeg_04_missing_channel_leaves_its_pairs_out_by_name():
    table = recording()
    found = features_of(table.drop(columns="AF8"), kind=EEGFeatures)
    gone = found[found.isna()].index
    assert {name for name in found.index if "AF8" in name} == set(gone)
    assert features_of(table.assign(AF8=3.0), kind=EEGFeatures).isna().sum() == len(gone)


def test_eeg_22_aliases_and_references_are_found(tmp_path):
    named = recording().rename(columns={"TP9": "EEG t3-REF", "AF7": "EEG T4-REF", "AF8": "fz", "TP10": "Cz"})
    found = features_of(named, channels=("T7", "T8", "Fz", "CZ"))
    plain = features_of(recording())
    np.testing.assert_array_equal(found.to_numpy(), plain.to_numpy())
    assert warnings_of(named, channels=("T7", "T8", "Fz", "CZ")) == ()


def test_eeg_30_channels_of_several_references_are_doubtful():
    named = recording().rename(columns={"TP9": "C3-A2", "AF7": "C4-A1", "AF8": "Fz", "TP10": "Cz"})
    (warning,) = warnings_of(named, channels=("C3", "C4", "Fz", "Cz"))
    assert warning == "reference: channels are against A1 and A2; their powers do not compare"


def test_eeg_23_24_27_29_doubts_reach_the_user():
    assert [text.split(":")[0] for text in warnings_of(recording() * 1e-6)] == ["unit"]
    assert [text.split(":")[0] for text in warnings_of(recording(AF7=np.clip(wave(3), -20, 20)))] == ["saturated"]
    assert [text.split(":")[0] for text in warnings_of(recording(TP9=recording()["TP9"] + wave(50)))] == ["mains"]
    assert warnings_of(recording(TP9=recording()["TP9"] + wave(50)), notch_hz=50) == ()
    assert [text.split(":")[0] for text in warnings_of(recording(AF8=wave(1, level=200)))] == ["blink"]


def test_eeg_10_window_below_a_cycle_of_the_lowest_band_is_doubtful():
    (warning,) = warnings_of(recording(8.0), bands_hz={"slow": (0.5, 4.0)})
    assert warning == "short: window_s 1 s holds less than a cycle of 0.5 Hz"


def test_time_gap_inside_a_clip_is_refused_and_around_it_not(tmp_path):
    table = recording(12.0)
    clock = np.arange(len(table)) / RATE
    clock[5 * RATE :] += 700
    path = tmp_path / "muse.csv"
    table.assign(timestamps=clock).to_csv(path, index=False)
    extractor = EEGFeatures()
    with pytest.raises(SampleError, match=r"time jumps from 4\.996 to 705\.000 s") as caught:
        extractor.extract_one(path)
    assert caught.value.code == "gap"
    before, after = extractor.extract_one(path, start_s=0, end_s=5), extractor.extract_one(path, start_s=705, end_s=708)
    np.testing.assert_allclose(before, extractor.extract_one(table.iloc[: 5 * RATE]), rtol=1e-5)
    np.testing.assert_allclose(after, extractor.extract_one(table.iloc[5 * RATE : 8 * RATE]), rtol=1e-5)


def test_recording_in_memory_is_taken_at_its_declared_rate():
    table = recording()
    made = as_recording(table.to_numpy(), RATE, CHANNELS)
    np.testing.assert_array_equal(EEGFeatures().extract_one(made), EEGFeatures().extract_one(table))
    assert refusal(as_recording(table.to_numpy(), 128, CHANNELS))[0] == "wrong_rate"


def test_clipping_and_band_pass_keep_what_is_not_brain_out():
    table = recording(8.0)
    blinking = table.assign(AF7=table["AF7"] + 5000 * (np.arange(len(table)) % 700 < 20))
    calm, raw, clipped = (
        features_of(part, kind=EEGFeatures, clip_uv=clip)
        for part, clip in ((table, None), (blinking, None), (blinking, 30.0))
    )
    assert abs(clipped["AF7_delta_log"] - calm["AF7_delta_log"]) < abs(raw["AF7_delta_log"] - calm["AF7_delta_log"]) / 3
    hum = table.assign(TP9=table["TP9"] + wave(100, 8.0))
    filtered, plain = (features_of(hum, kind=EEGFeatures, band_pass_hz=band) for band in ((1.0, 45.0), None))
    assert filtered["TP9_line_length"] < plain["TP9_line_length"] / 4


MORE_BAD_PARAMETERS = {
    "measure-unknown": ({"measures": ("power",)}, "measures must be different names out of"),
    "measures-as-one-string": ({"measures": "hjorth"}, "measures must be different names"),
    "no-measures": ({"measures": ()}, "measures must be different names"),
    "no-pair-for-asymmetry": ({"measures": ("asymmetry",), "channels": ("Cz",)}, "need more channels or bands"),
    "method": ({"method": "fft"}, "method must be 'welch' or 'multitaper'"),
    "notch-above-nyquist": ({"notch_hz": 128.0}, "notch_hz must be above 0 and below 128 Hz"),
    "band-pass-reversed": ({"band_pass_hz": (45.0, 1.0)}, "band_pass_hz must rise between 0 and 128 Hz"),
    "band-pass-from-zero": ({"band_pass_hz": (0.0, 45.0)}, "band_pass_hz must rise"),
    "clip-at-nothing": ({"clip_uv": 0.0}, "clip_uv must be above 0"),
}


@pytest.mark.parametrize(("parameters", "message"), MORE_BAD_PARAMETERS.values(), ids=MORE_BAD_PARAMETERS)
def test_impossible_choice_is_refused_before_any_sample(parameters, message):
    with pytest.raises(ValueError, match=message):
        EEGFeatures(**parameters).get_feature_names_out()
