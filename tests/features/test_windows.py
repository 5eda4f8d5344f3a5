"""Windows tile what was recorded, and never reach across what was not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emofuse.features.eeg import EEGBandPower
from emofuse.features.errors import TableError
from emofuse.features.recordings import as_recording, read_recording
from emofuse.features.samples import check_samples
from emofuse.features.windows import make_windows, window_starts, window_table
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 64


def write(path, n=640, gaps=(), times=True):
    table = pd.DataFrame({"Cz": np.random.default_rng(n).normal(scale=10, size=n).round(2)})
    if times:
        clock = np.arange(n) / RATE
        for row, seconds in gaps:
            clock[row:] += seconds
        table.insert(0, "timestamps", (1.5e9 + clock).round(3))
    table.to_csv(path, index=False)
    return str(path)


@given(st.floats(0, 100), st.floats(0.1, 10), st.floats(0.1, 10))
def test_windows_lie_inside_and_no_further_one_would(duration_s, window_s, step_s):
    starts = make_windows(duration_s, window_s, step_s)
    ends = starts + window_s
    assert (ends <= duration_s + 1e-6).all()
    assert (len(starts) - 1) * step_s + step_s + window_s > duration_s - 1e-6 or not len(starts)
    assert len(starts) or window_s > duration_s - 1e-6
    np.testing.assert_allclose(np.diff(starts), step_s)


@pytest.mark.parametrize(("window_s", "step_s"), [(0, 1), (1, 0), (-1, 1), (np.nan, 1), (1, np.inf)])
def test_windows_of_nothing_are_refused(window_s, step_s):
    with pytest.raises(ValueError, match="must be above 0"):
        make_windows(10.0, window_s, step_s)


@pytest.mark.parametrize("times", [True, False], ids=["time-stamps", "declared-rate"])
def test_table_has_a_row_a_window_with_the_columns_of_its_recording(tmp_path, times):
    samples = pd.DataFrame(
        {"eeg": [write(tmp_path / "one.csv", times=times), None], "label": ["calm", "tense"], "group": ["s1", "s2"]},
        index=["one", "two"],
    )
    table, notes = window_table(samples, window_s=2.0, step_s=1.0, sampling_rate_hz=RATE)
    assert notes == ()
    assert table.index.tolist() == [f"one@{start}.000" for start in range(9)]
    assert set(table["recording"]) == {"one"}
    assert set(table["label"]) == {"calm"}
    np.testing.assert_allclose(table["end_s"] - table["start_s"], 2.0)
    pd.testing.assert_frame_equal(
        check_samples(table.drop(columns="label"), require_label=False), table.drop(columns="label"), check_dtype=False
    )


@given(st.lists(st.tuples(st.integers(1, 639), st.floats(0.2, 50)), max_size=4), st.floats(0.3, 3), st.floats(0.2, 2))
@settings(max_examples=60)
def test_no_window_reaches_across_a_gap(gaps, window_s, step_s):
    clock = np.arange(640) / RATE
    for row, seconds in gaps:
        clock[row:] += seconds
    data = pd.DataFrame({"time": clock.round(3), "Cz": 1.0}).to_csv(index=False).encode()
    recording = read_recording(data, sampling_rate_hz=RATE)
    assert len(recording.gaps) == len({row for row, _ in gaps})
    for start in window_starts(recording, window_s, step_s):
        clip = read_recording(data, sampling_rate_hz=RATE, start_s=start, end_s=start + window_s)
        assert len(clip.samples) == round(window_s * RATE)
        assert clip.gaps == ()


def test_windows_begin_anew_after_a_gap(tmp_path):
    samples = pd.DataFrame({"eeg": [write(tmp_path / "one.csv", gaps=[(200, 7.25)])]}, index=["one"])
    table, notes = window_table(samples, window_s=1.0, step_s=1.0, sampling_rate_hz=RATE)
    assert table["start_s"].tolist() == pytest.approx([0, 1, 2, *(10.375 + np.arange(6))])
    assert notes == ("one: 1 gaps in time; windows across them are left out",)


def test_rate_without_time_stamps_is_that_of_the_recording():
    assert window_starts(as_recording(np.zeros((250, 1)), 100, ["Cz"]), 1.0, 0.5).tolist() == [0.0, 0.5, 1.0, 1.5]


def test_what_cannot_be_cut_is_told(tmp_path):
    (tmp_path / "junk.csv").write_bytes(b"\xff\xfe\x00")
    samples = pd.DataFrame(
        {"eeg": [write(tmp_path / "one.csv"), write(tmp_path / "short.csv", n=60), str(tmp_path / "junk.csv")]},
        index=["one", "short", "junk"],
    )
    table, notes = window_table(samples, window_s=2.0, step_s=2.0, sampling_rate_hz=RATE)
    assert set(table["recording"]) == {"one"}
    assert notes[0] == "short: shorter than a window of 2 s"
    assert notes[1].startswith("junk: ")


def test_table_without_windows_is_refused(tmp_path):
    samples = pd.DataFrame({"eeg": [write(tmp_path / "short.csv", n=60)]}, index=["short"])
    with pytest.raises(TableError, match="no recording holds a window of 2 s: short: shorter"):
        window_table(samples, window_s=2.0, step_s=1.0, sampling_rate_hz=RATE)
    with pytest.raises(TableError, match="column 'eeg' is missing"):
        window_table(samples.rename(columns={"eeg": "path"}), window_s=2.0, step_s=1.0)


def test_file_is_read_twice_however_many_windows_it_has(tmp_path, monkeypatch):
    samples = pd.DataFrame({"eeg": [write(tmp_path / "one.csv", n=1280)]}, index=["one"])
    table, _ = window_table(samples, window_s=2.0, step_s=0.5, sampling_rate_hz=RATE)
    extractor = EEGBandPower(sampling_rate_hz=RATE, channels=("Cz",), bands_hz={"alpha": (8.0, 13.0)})
    alone = [extractor.extract_one(row.eeg, start_s=row.start_s, end_s=row.end_s) for row in table.itertuples()]
    read = []
    monkeypatch.setattr(EEGBandPower, "_read", lambda self, source: read.append(source) or Path(source).read_bytes())
    extraction = extractor.extract(table)
    assert (extraction.n_extracted, len(read)) == (37, 2)
    np.testing.assert_array_equal(extraction.features, np.stack(alone))
