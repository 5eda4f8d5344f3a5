"""Recordings come in as they were written, and a file that contradicts itself or its description does not come in."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from emofuse.features import recordings
from emofuse.features.errors import SampleError
from emofuse.features.fif_tags import FIF_START
from emofuse.features.recordings import as_recording, clip, read_recording
from hypothesis import given, settings
from hypothesis import strategies as st

mne = pytest.importorskip("mne")

RATE = 64
FULL = {2: 2**15, 3: 2**23}
STEP = {2: 0.1, 3: 1.0}


def edf(signals, *, records=4, width=2, labels=None, counts=None, notes=None, **header):
    """Return the bytes of an EDF file (of a BDF file with a width of 3), records of one second.

    ``signals`` are digital values of shape (n_samples, n_channels), of ``STEP`` microvolts each; ``counts`` are samples a
    record where they differ by channel, ``notes`` the annotations of each record.
    """
    signals = np.asarray(signals)
    labels = labels or [f"C{number}" for number in range(signals.shape[1])]
    counts = counts or [len(signals) // records] * len(labels)
    full = FULL[width]
    fields = [
        (16, labels),
        (80, ["electrode"] * len(labels)),
        (8, header.pop("units", ["uV"] * len(labels))),
        (8, [f"{-full * STEP[width]:.7g}"] * len(labels)),
        (8, [f"{(full - 1) * STEP[width]:.7g}"] * len(labels)),
        (8, [-full] * len(labels)),
        (8, [full - 1] * len(labels)),
        (80, [""] * len(labels)),
        (8, counts),
        (32, [""] * len(labels)),
    ]
    if notes:
        words = max(len(note) for note in notes) // width + 1
        extra = ["BDF Annotations" if width == 3 else "EDF Annotations", "", "", -1, 1, -full, full - 1, "", words, ""]
        fields = [(size, [*values, more]) for (size, values), more in zip(fields, extra, strict=True)]
    n = len(fields[0][1])
    start = b"\xffBIOSEMI" if width == 3 else b"0       "
    top = [
        (80, header.pop("patient", "X X X X")),
        (80, "Startdate 01-JAN-2020 X X X"),
        (16, "01.01.2000.00.00"),
        (8, 256 * (n + 1)),
        (44, header.pop("kind", "")),
        (8, header.pop("n_records", records)),
        (8, header.pop("record_s", 1)),
        (4, n),
    ]
    assert not header
    parts = [start, *(_padded(value, size) for size, value in top)]
    parts += [_padded(value, size) for size, values in fields for value in values]
    for record in range(records):
        for channel, count in enumerate(counts if labels else []):
            values = signals[record * count : (record + 1) * count, channel]
            parts.append(b"".join(int(value).to_bytes(width, "little", signed=True) for value in values))
        if notes:
            parts.append(notes[record].ljust(words * width, b"\0"))
    return b"".join(parts)


def _padded(value, size):
    data = value if isinstance(value, bytes) else str(value).encode("ascii")
    return data[:size].ljust(size)


def digital(n=4 * RATE, channels=2, level=1000, seed=0):
    return np.random.default_rng(seed).integers(-level, level, size=(n, channels))


PLAIN = edf(digital())


def csv(table):
    return table.to_csv(index=False).encode()


def table_of(n=200, rate=RATE, names=("Fz", "Cz"), **columns):
    values = np.random.default_rng(0).normal(scale=10, size=(n, len(names))).round(3)
    table = pd.DataFrame(values, columns=list(names))
    table.insert(0, "time", np.arange(n) / rate)
    return table.assign(**columns)


def refusal(data, **parameters):
    with pytest.raises(SampleError) as caught:
        read_recording(data, **parameters)
    return caught.value.code, str(caught.value)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    """Each test parses anew."""
    recordings._kept.clear()


@pytest.mark.parametrize("width", [2, 3], ids=["edf", "bdf"])
def test_samples_come_back_in_microvolts(width):
    values = digital(level=FULL[width] - 1)
    read = read_recording(edf(values, width=width))
    assert (read.channels, read.sampling_rate_hz, read.warnings) == (("C0", "C1"), RATE, ())
    np.testing.assert_allclose(read.samples, values * STEP[width], rtol=1e-9)
    assert read.gaps == ()


@pytest.mark.parametrize("width", [2, 3], ids=["edf", "bdf"])
def test_samples_are_those_that_mne_reads(width, tmp_path):
    path = tmp_path / ("file.bdf" if width == 3 else "file.edf")
    path.write_bytes(edf(digital(level=FULL[width] - 1), width=width))
    reader = mne.io.read_raw_bdf if width == 3 else mne.io.read_raw_edf
    theirs = reader(path, preload=True, verbose="CRITICAL").get_data() * 1e6
    np.testing.assert_allclose(read_recording(path.read_bytes()).samples, theirs.T, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("width", [2, 3], ids=["edf", "bdf"])
@given(first=st.integers(0, 4 * RATE - 1), count=st.integers(1, 4 * RATE))
@settings(max_examples=25)
def test_clip_of_a_recording_too_long_to_be_kept_is_the_clip_of_the_whole(width, first, count):
    data = edf(digital(), width=width)
    whole, last = read_recording(data), min(first + count, 4 * RATE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recordings, "MAX_KEPT_VALUES", 0)
        part = read_recording(data, start_s=first / RATE, end_s=last / RATE)
    np.testing.assert_array_equal(part.samples, whole.samples[first:last])
    np.testing.assert_array_equal(clip(whole, first / RATE, last / RATE).samples, part.samples)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("uV", 1), ("uv", 1), ("µV".encode("latin-1"), 1), ("µV".encode(), 1), ("mV", 1e3), ("V", 1e6), ("nV", 1e-3)],
)
def test_declared_unit_is_brought_to_microvolts(unit, factor):
    read = read_recording(edf(digital(), units=[unit] * 2))
    np.testing.assert_allclose(read.samples, factor * digital() / 10, rtol=1e-6)
    assert read.warnings == ()


def test_unknown_unit_is_doubtful():
    assert read_recording(edf(digital(), units=["degC", "uV"])).warnings == ("unit: 'degC' is taken for microvolts",)


def test_eeg_31_junk_is_refused():
    code, message = refusal(b"0       " + bytes(range(256)) * 4)
    assert code == "bad_edf"
    assert "the number of signals must be a number" in message


def test_eeg_32_header_only_is_refused():
    data = edf(digital())
    assert refusal(data[: 256 * 3])[0] == "no_samples"
    assert refusal(data[: 256 * 3 + 2 * RATE])[0] == "no_samples"
    assert refusal(edf(digital(), n_records=0))[0] == "no_samples"


def test_eeg_33_truncated_file_gives_what_is_there_and_says_so():
    data, values = edf(digital()), digital()
    read = read_recording(data[: -3 * RATE])
    np.testing.assert_allclose(read.samples, values[: 3 * RATE] / 10, atol=1e-9)
    assert read.warnings == ("truncated: 3 of 4 records are there",)


@given(st.integers(0, 767))
@settings(max_examples=30)
def test_eeg_33_header_that_is_cut_off_is_refused(length):
    with pytest.raises(SampleError):
        read_recording(PLAIN[:length], sampling_rate_hz=RATE)


def test_eeg_34_unknown_number_of_records_is_counted():
    read, known = (read_recording(edf(digital(), n_records=number)) for number in (-1, 4))
    np.testing.assert_array_equal(read.samples, known.samples)
    assert read.warnings == ()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xffBIOSEMI" + b"junk" * 300, "bad_edf"),
        (FIF_START + b"junk" * 300, "bad_fif"),
        (b"MATLAB 5.0 MAT-file, junk" * 30, "unknown_format"),
        (b"Brain Vision Data Exchange Header File", "unknown_format"),
        (b"\x89HDF\r\n\x1a\n" + b"junk" * 300, "unknown_format"),
    ],
    ids=["bdf", "fif", "set", "vhdr", "mat-7.3"],
)
def test_eeg_35_junk_of_other_formats_is_refused(data, code):
    assert refusal(data, sampling_rate_hz=RATE)[0] == code


def test_eeg_36_annotations_alone_are_refused():
    data = edf(np.empty((0, 0), dtype=int), notes=[b"+0\x14\x14\0"] * 4, kind="EDF+C")
    assert refusal(data) == (
        "no_samples",
        "the file holds annotations and no signal; give the file with the recording",
    )


@pytest.mark.parametrize("patient", ["Łucja Ñandú".encode(), "Jérôme".encode("latin-1")], ids=["utf-8", "latin-1"])
def test_eeg_37_header_beyond_ascii_is_read(patient):
    read = read_recording(edf(digital(), patient=patient, labels=["Fp1µ".encode(), b"Cz"]))
    assert read.channels == ("Fp1µ", "Cz")


def test_eeg_38_mixed_rates_are_refused():
    code, message = refusal(edf(digital(), counts=[RATE, RATE // 2]))
    assert code == "mixed_rates"
    assert message == "signals differ in their rate ('C1' has 32 samples a record, 'C0' 64); export those of one rate"


@pytest.mark.parametrize("trigger", ["Status", "TRIGGER"])
def test_triggers_and_annotations_are_no_channels(trigger):
    notes = [b"+%d\x14\x14\0" % second for second in range(4)]
    read = read_recording(edf(digital(channels=3), width=3, labels=["Fz", trigger, "Cz"], notes=notes, kind="BDF+C"))
    assert read.channels == ("Fz", "Cz")
    np.testing.assert_allclose(read.samples, digital(channels=3)[:, [0, 2]] * STEP[3], rtol=1e-9)
    assert read.times_s is None


@pytest.mark.parametrize("kept", [0, 2**22], ids=["too-long-to-keep", "kept"])
def test_gap_of_a_discontinuous_edf_is_found_and_clips_go_by_time(monkeypatch, kept):
    monkeypatch.setattr(recordings, "MAX_KEPT_VALUES", kept)
    notes = [b"+%d\x14\x14\0" % second for second in (100, 101, 130, 131)]
    data = edf(digital(), notes=notes, kind="EDF+D")
    read = read_recording(data)
    ((left, right),) = read.gaps
    assert (left, right) == pytest.approx((2 - 1 / RATE, 30))
    late = read_recording(data, start_s=30.0, end_s=31.0)
    np.testing.assert_array_equal(late.samples, read.samples[2 * RATE : 3 * RATE])
    np.testing.assert_array_equal(late.times_s, read.times_s[2 * RATE : 3 * RATE])


def test_onset_beyond_numbers_is_taken_to_follow_evenly():
    notes = [b"+%d\x14\x14\0" % onset for onset in (0, 10**400, 2, 3)]
    assert read_recording(edf(digital(), notes=notes, kind="EDF+D")).gaps == ()


def test_records_that_go_back_in_time_are_refused():
    notes = [b"+%d\x14\x14\0" % second for second in (0, 5, 3, 4)]
    assert refusal(edf(digital(), notes=notes, kind="EDF+D"))[0] == "bad_edf"


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (244, b"0       ", "records of 0 s"),
        (244, b"nan     ", "the duration of a record must be a number, the header says 'nan'"),
        (252, b"0   ", "1 to 1024 signals are needed, the header says 0"),
        (252, b"9999", "1 to 1024 signals are needed"),
        (236, b"many    ", "the number of records must be a number"),
        (256 + 2 * 216, b"-64     ", "counts of samples a record must be positive"),
        (256 + 2 * 112, b"-3276.8 ", "has no scale"),
        (256 + 2 * 112, b"1e305   ", "has no scale"),
        (256 + 2 * 128, b"-99999  ", "has no scale"),
        (244, b"1e-320  ", "say no rate"),
    ],
    ids=[
        "no-duration",
        "nan",
        "no-signals",
        "many-signals",
        "records",
        "negative",
        "physical",
        "overflow",
        "digital",
        "rate",
    ],
)
def test_header_that_cannot_be_is_refused(at, value, message):
    data = bytearray(edf(digital()))
    data[at : at + len(value)] = value
    code, told = refusal(bytes(data))
    assert code == "bad_edf"
    assert message in told


@given(st.integers(0, 767), st.binary(min_size=1, max_size=8))
@settings(max_examples=150)
def test_no_damage_of_a_header_gets_out_as_another_error(at, junk):
    data = bytearray(PLAIN)
    data[at : at + len(junk)] = junk
    try:
        read = read_recording(bytes(data), sampling_rate_hz=RATE)
    except SampleError:
        return
    assert read.samples.shape[1] == len(read.channels)


@pytest.mark.parametrize("declared", [128, 60, 68])
def test_eeg_11_declared_rate_that_the_header_contradicts_is_refused(declared):
    assert refusal(edf(digital()), sampling_rate_hz=declared) == (
        "wrong_rate",
        f"{declared} Hz declared, the header says 64 Hz; correct one",
    )


def test_eeg_21_repeated_labels_are_refused():
    assert refusal(edf(digital(), labels=["Cz", "Cz"]))[0] == "bad_channels"


def test_fif_is_read_by_mne(tmp_path):
    values = np.random.default_rng(0).normal(scale=1e-5, size=(2, 200))
    raw = mne.io.RawArray(values, mne.create_info(["Fz", "Cz"], RATE, "eeg"), verbose="CRITICAL")
    raw.save(tmp_path / "file_raw.fif", verbose="CRITICAL")
    data = (tmp_path / "file_raw.fif").read_bytes()
    read = read_recording(data, sampling_rate_hz=RATE)
    assert (read.channels, read.sampling_rate_hz) == (("Fz", "Cz"), RATE)
    np.testing.assert_allclose(read.samples, values.T * 1e6, rtol=1e-5)
    assert refusal(data, sampling_rate_hz=100)[0] == "wrong_rate"


@pytest.mark.parametrize(
    ("name", "data"),
    [("EDF", PLAIN), ("BDF", edf(digital(), width=3)), ("FIF", FIF_START + bytes(4) + b"\xff" * 4)],
    ids=["edf", "bdf", "fif"],
)
def test_without_mne_the_extra_is_named(monkeypatch, name, data):
    monkeypatch.setitem(sys.modules, "mne", None)
    assert refusal(data) == (
        "needs_mne",
        f"{name} files are read by mne; install emofuse[eeg-formats], or export CSV",
    )


def test_what_mne_would_warn_of_is_silent(capfd):
    notes = [b"+%d\x14\x14\xff\xfe\x14\0" % second for second in range(4)]
    data = bytearray(edf(digital(), patient="X X X X code=a=b height=tall", notes=notes, kind="EDF+C"))
    data[168:184] = b"99.99.99.99.9.99"
    for channel, text in enumerate([b"HP:odd", b"HP:other LP:0Hz"]):
        at = 256 + 3 * 136 + 80 * channel
        data[at : at + len(text)] = text
    level = mne.utils.logger.level
    read = read_recording(bytes(data) + bytes(700))
    np.testing.assert_allclose(read.samples, digital() / 10, atol=1e-9)
    assert read.warnings == ()
    assert capfd.readouterr() == ("", "")
    assert mne.utils.logger.level == level


def test_records_beyond_those_declared_are_left():
    read = read_recording(edf(digital(), n_records=3))
    np.testing.assert_allclose(read.samples, digital()[: 3 * RATE] / 10, atol=1e-9)


def test_eeg_31_what_mne_refuses_is_a_bad_file():
    data = bytearray(edf(digital()))
    data[184:192] = b"512     "
    code, message = refusal(bytes(data))
    assert code == "bad_edf"
    assert message.startswith("mne finds no EEG in this EDF file (AssertionError")


def test_ends_of_the_converter_are_known():
    values = digital()
    values[10, 0], values[20, 1] = FULL[2] - 1, -FULL[2]
    read = read_recording(edf(values, units=["uV", "mV"]))
    low, high = read.limits_uv.T
    assert np.argwhere((read.samples <= low) | (read.samples >= high)).tolist() == [[10, 0], [20, 1]]


def test_threads_read_different_files():
    files = [edf(digital(seed=seed), width=2 + seed % 2) for seed in range(8)]
    alone = [read_recording(data).samples for data in files]
    recordings._kept.clear()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda data: read_recording(data).samples, files * 3))
    for read, expected in zip(together, alone * 3, strict=True):
        np.testing.assert_array_equal(read, expected)


def test_rate_of_a_table_is_declared_or_in_its_time_column():
    table = table_of()
    assert read_recording(csv(table)).sampling_rate_hz == pytest.approx(RATE, rel=1e-6)
    assert read_recording(csv(table.drop(columns="time")), sampling_rate_hz=RATE).channels == ("Fz", "Cz")
    assert refusal(csv(table.drop(columns="time")))[0] == "no_rate"
    assert refusal(csv(table), sampling_rate_hz=100)[0] == "wrong_rate"
    assert refusal(csv(table.iloc[::-1]), sampling_rate_hz=RATE)[0] == "wrong_rate"


@pytest.mark.parametrize("rate", [0, -256, np.nan, np.inf, "256", None])
def test_eeg_12_rate_that_is_none_is_refused(rate):
    with pytest.raises(SampleError, match="sampling rate must be a number of Hz above 0"):
        as_recording(np.zeros((4, 1)), rate, ["Cz"])


def test_gap_is_found_from_time_stamps_and_the_rate_outside_it():
    table = table_of()
    table.loc[100:, "time"] += 5.0
    read = read_recording(csv(table), sampling_rate_hz=RATE)
    ((left, right),) = read.gaps
    assert right - left == pytest.approx(5 + 1 / RATE, abs=1e-6)
    after = read_recording(csv(table), sampling_rate_hz=RATE, start_s=right, end_s=right + 1)
    np.testing.assert_array_equal(after.samples, read.samples[100 : 100 + RATE])


def test_packets_with_one_time_stamp_are_no_gaps():
    table = table_of()
    table["time"] = np.floor(np.arange(200) / 3) * 3 / RATE
    read = read_recording(csv(table), sampling_rate_hz=RATE)
    assert read.gaps == ()
    assert read_recording(csv(table)).sampling_rate_hz == pytest.approx(RATE, rel=0.02)


def test_time_stamps_with_holes_are_refused():
    table = table_of()
    table.loc[7, "time"] = np.nan
    assert refusal(csv(table), sampling_rate_hz=RATE)[0] == "wrong_rate"


@given(st.integers(0, 190), st.integers(1, 200))
@settings(max_examples=40)
def test_clip_with_jittered_stamps_has_the_declared_number_of_rows(first, count):
    count = min(count, 200 - first)
    table = table_of()
    table["time"] = (1.5e9 + table["time"] + np.random.default_rng(0).uniform(0, 0.002, 200)).round(3)
    table["time"] = table["time"].cummax()
    read = read_recording(csv(table), sampling_rate_hz=RATE)
    start = float(read.times_s[first])
    part = clip(read, start, start + count / RATE)
    np.testing.assert_array_equal(part.samples, read.samples[first : first + count])


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(-1.0, 2.0), (2.0, 1.0), (0.0, np.inf), (60.0, 63.0), (3.0, 4.0), (None, 4.0), (np.nan, 2.0)],
)
@pytest.mark.parametrize("kind", ["edf", "csv", "csv-times"])
def test_eeg_40_clip_outside_the_recording_is_refused(start_s, end_s, kind):
    if kind == "edf":
        data = edf(digital(n=3 * RATE), records=3)
    else:
        data = csv(table_of(3 * RATE) if kind == "csv-times" else table_of(3 * RATE).drop(columns="time"))
    assert refusal(data, sampling_rate_hz=RATE, start_s=start_s, end_s=end_s)[0] == "bad_clip"


BAD_ARRAYS = {
    "15-transposed": (np.zeros((2, 500)), "2 channels are named, the array has 500 columns; transpose it"),
    "16-one-dimension": (np.zeros(500), r"needed, got shape \(500,\)"),
    "17-three-dimensions": (np.zeros((2, 2, 2)), r"needed, got shape \(2, 2, 2\)"),
    "17-ragged": ([[1.0, 2.0], [1.0]], "rows differ in length"),
    "complex": (np.zeros((4, 2), complex), "of complex128"),
    "text": (np.array([["a", "b"]]), "of <U1"),
}


@pytest.mark.parametrize(("samples", "message"), BAD_ARRAYS.values(), ids=[f"eeg-{name}" for name in BAD_ARRAYS])
def test_array_of_another_shape_is_refused(samples, message):
    with pytest.raises(SampleError, match=message) as caught:
        as_recording(samples, RATE, ["Fz", "Cz"])
    assert caught.value.code == "bad_array"


def test_eeg_21_repeated_names_of_an_array_are_refused():
    with pytest.raises(SampleError, match="same name"):
        as_recording(np.zeros((4, 2)), RATE, ["Cz", "Cz"])


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float16, np.float32, bool])
def test_eeg_25_26_narrow_numbers_become_float64(dtype):
    made = as_recording(np.ones((4, 1), dtype), RATE, ["Cz"])
    assert made.samples.dtype == np.float64
    assert made.samples.sum() == 4


@pytest.mark.parametrize("kind", ["edf", "csv"])
def test_sixty_windows_parse_their_file_once(monkeypatch, kind):
    parsed = []
    parser, data = ("_read_edf", PLAIN) if kind == "edf" else ("_read_csv", csv(table_of()))
    original = getattr(recordings, parser)
    monkeypatch.setattr(recordings, parser, lambda *a: parsed.append(1) or original(*a))
    for start in range(60):
        read_recording(bytes(bytearray(data)), sampling_rate_hz=RATE, start_s=start / RATE, end_s=1 + start / RATE)
    assert len(parsed) == 1
    read_recording(data, sampling_rate_hz=RATE * 1.01)
    assert len(parsed) == 2


def test_few_parsed_files_are_kept_and_no_large_ones(monkeypatch):
    for seed in range(recordings.KEPT_RECORDINGS + 3):
        read_recording(csv(table_of(Fz=float(seed))) if seed % 2 else edf(digital(seed=seed)))
    assert len(recordings._kept) == recordings.KEPT_RECORDINGS
    recordings._kept.clear()
    monkeypatch.setattr(recordings, "MAX_KEPT_VALUES", 10)
    read_recording(csv(table_of()))
    assert not recordings._kept


@pytest.mark.parametrize("data", [PLAIN, csv(table_of())], ids=["edf", "csv"])
def test_kept_samples_cannot_be_changed(data):
    read = read_recording(data)
    with pytest.raises(ValueError, match="read-only"):
        read.samples[0, 0] = 5.0


@pytest.mark.parametrize("kind", ["edf", "csv"])
def test_recording_beyond_memory_is_refused(monkeypatch, kind):
    monkeypatch.setattr(recordings, "MAX_VALUES", 100)
    data = edf(digital()) if kind == "edf" else csv(table_of())
    assert refusal(data)[0] == "too_large"
    if kind == "edf":
        monkeypatch.setattr(recordings, "MAX_KEPT_VALUES", 100)
        assert read_recording(data, start_s=1, end_s=1.5).samples.shape == (32, 2)
