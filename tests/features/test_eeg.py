"""Band powers are found where they are, and a recording that contradicts its description is refused."""

import numpy as np
import pandas as pd
import pytest
from emofuse.features.eeg import BANDS_HZ, EEGBandPower
from emofuse.features.errors import SampleError
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


def features_of(table, **parameters):
    extractor = EEGBandPower(**parameters)
    return pd.Series(extractor.extract_one(table), index=extractor.get_feature_names_out())


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


def test_log_power_is_the_density_in_squared_microvolts_per_hertz():
    spread = 12.0
    noise = np.random.default_rng(1).normal(scale=spread, size=RATE * 120)
    found = features_of(pd.DataFrame({"TP9": noise}), channels=["TP9"])
    expected = np.log10(2 * spread**2 / RATE)
    np.testing.assert_allclose(found.filter(like="log"), expected, atol=0.1)


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
    assert extraction.warnings.values.tolist() == [["s1", "eeg", "channel AF8 is flat"]]


@pytest.mark.parametrize("value", [0.0, 850.0], ids=["01-flat", "02-constant-offset"])
def test_recording_flat_in_all_channels_is_refused(value):
    code, message = refusal(recording(**dict.fromkeys(CHANNELS, value)))
    assert code == "not_finite_features"
    assert "degenerate" in message


def test_18_missing_channel_is_missing_by_name_with_a_warning(tmp_path):
    table = recording()
    extraction = extract_file(tmp_path, table.drop(columns="TP9").to_csv(index=False))
    row = extraction.features.loc["s1"]
    assert row.filter(like="TP9_").isna().all()
    whole = features_of(table)
    rest = [name for name in whole.index if not name.startswith("TP9_")]
    np.testing.assert_allclose(row[rest].astype(float), whole[rest], rtol=1e-5)
    assert extraction.warnings["message"].tolist() == ["channel TP9 is missing"]


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
    assert message.startswith("a path or a DataFrame is needed, got ")


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
    [(-1.0, 2.0, "bad_clip"), (3.0, 1.0, "bad_clip"), (0.0, float("inf"), "bad_clip"), (60.0, 63.0, "too_short")],
)
def test_40_clip_outside_the_recording_is_refused(tmp_path, start_s, end_s, code):
    path = tmp_path / "muse.csv"
    recording().to_csv(path, index=False)
    with pytest.raises(SampleError) as caught:
        EEGBandPower().extract_one(path, start_s=start_s, end_s=end_s)
    assert caught.value.code == code
