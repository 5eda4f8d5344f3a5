"""EEG recordings from outside: CSV by itself, EDF, BDF and FIF through mne, each checked against what was declared."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .edf_header import is_edf, plain_part, read_header
from .errors import SampleError, TableError
from .fif_tags import is_fif, sequential
from .media import check_bounds, clip_text
from .samples import parse_csv

TIME_COLUMNS = ("timestamps", "timestamp", "time", "time_s")
RATE_TOLERANCE = 0.05
GAP_S = 0.1  # headsets send packets of up to 47 ms (12 samples at 256 Hz): time within one does not advance evenly
MAX_CHANNELS = 1024
MAX_VALUES = 2**27  # 1 GiB in float64: an hour of 64 channels at 512 Hz
KEPT_RECORDINGS, MAX_KEPT_VALUES = 4, 2**22  # parsed recordings that stay in memory, at most 32 MiB each
OTHER_FORMATS = {b"MATLAB 5": "MATLAB or EEGLAB", b"Brain Vi": "BrainVision", b"\x89HDF\r\n\x1a\n": "HDF5 or MATLAB"}

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """A multichannel recording of even rate; :func:`as_recording` makes one of an array.

    Attributes
    ----------
    channels : tuple of str
        Names as the source has them, all different.
    samples : ndarray of shape (n_samples, n_channels), float64
        Microvolts; not to be changed.
    sampling_rate_hz : float
    times_s : ndarray of shape (n_samples,), float64, or None
        When each sample was taken, in seconds from the first one of the file; None where rows follow each other evenly.
    limits_uv : ndarray of shape (n_channels, 2), float64, or None
        Lowest and highest value that the converter can write, where the file says so.
    warnings : tuple of str
        What lowers the quality of the recording (truncation, unknown unit).
    """

    channels: tuple[str, ...]
    samples: FloatArray
    sampling_rate_hz: float
    times_s: FloatArray | None = None
    limits_uv: FloatArray | None = None
    warnings: tuple[str, ...] = field(default=())

    @property
    def gaps(self) -> tuple[tuple[float, float], ...]:
        """Where time jumps: seconds at which each gap begins and ends."""
        if self.times_s is None:
            return ()
        after = gap_rows(self.times_s, self.sampling_rate_hz)
        return tuple((float(self.times_s[row - 1]), float(self.times_s[row])) for row in after)


def read_recording(
    data: bytes, *, sampling_rate_hz: float | None = None, start_s: float | None = None, end_s: float | None = None
) -> Recording:
    """Read the bytes of a recording, or a clip of it.

    Parameters
    ----------
    data : bytes
        The whole file, whose format is found from its content: CSV with one column a channel in microvolts and, if
        there is one, a time column in seconds (``timestamps``, ``timestamp``, ``time`` or ``time_s``); with the extra
        ``eeg-formats`` also EDF, EDF+, BDF and FIF.
    sampling_rate_hz : float, optional
        Declared rate. A CSV needs it or a time column; whatever the file says itself must agree within 5 %.
    start_s, end_s : float, optional
        Bounds of the clip, in seconds from the first sample.

    Returns
    -------
    Recording
        A clip with both bounds has ``round((end_s - start_s) * sampling_rate_hz)`` samples at the declared rate.

    Raises
    ------
    SampleError
        ``not_a_table``, ``bad_edf``, ``bad_fif``, ``unknown_format``, ``needs_mne``, ``bad_channels``, ``mixed_rates``,
        ``no_samples``, ``wrong_rate``, ``no_rate``, ``bad_clip`` (outside the recording) or ``too_large``.

    Examples
    --------
    >>> read_recording(b"time,Cz\\n0,1\\n0.01,2\\n0.02,4\\n", sampling_rate_hz=100, start_s=0.01).samples.ravel().tolist()
    [2.0, 4.0]
    """
    check_bounds(start_s, end_s)
    if is_edf(data) and len(data) // 2 > MAX_KEPT_VALUES:  # two bytes a sample, or three
        with _lock:
            return _read_edf(data, sampling_rate_hz, start_s, end_s)
    return clip(_whole(data, sampling_rate_hz), start_s, end_s)


def as_recording(samples: Any, sampling_rate_hz: Any, channels: Sequence[str]) -> Recording:
    """Check an array of samples and name its channels.

    Parameters
    ----------
    samples : array of shape (n_samples, n_channels)
        Microvolts, of any type of number.
    sampling_rate_hz : float
    channels : sequence of str

    Returns
    -------
    Recording

    Raises
    ------
    SampleError
        ``bad_array`` (shape, transposed, no numbers), ``bad_channels`` (names repeat) or ``wrong_rate``.
    """
    names = [str(name) for name in channels]
    try:
        values = np.asarray(samples)
    except ValueError:
        raise SampleError("bad_array", "rows differ in length; give an array (n_samples, n_channels)") from None
    if values.ndim != 2 or values.dtype.kind not in "fiub":
        raise SampleError(
            "bad_array",
            f"numbers of shape (n_samples, n_channels) are needed, got shape {values.shape} of {values.dtype}",
        )
    if values.shape[1] != len(names):
        hint = "; transpose it" if values.shape[0] == len(names) else ""
        raise SampleError(
            "bad_array", f"{len(names)} channels are named, the array has {values.shape[1]} columns{hint}"
        )
    if len(set(names)) < len(names):
        raise SampleError("bad_channels", "two channels have the same name; rename one")
    return Recording(tuple(names), values.astype(np.float64), _check_rate(sampling_rate_hz))


def recording_of(table: pd.DataFrame, sampling_rate_hz: float | None = None) -> Recording:
    """Turn a table with one column a channel into a recording; its time column, if any, is checked and taken out.

    Text in a column becomes NaN, which is refused where the channel is used. Errors are those of
    :func:`read_recording`.
    """
    if not table.columns.is_unique:
        raise SampleError("bad_channels", "two channels have the same name; rename one")
    times, column = _times(table)
    rate = _declared(sampling_rate_hz, times, column)
    names = [name for name in table.columns if name != column]
    if len(names) > MAX_CHANNELS or len(names) * len(table) > MAX_VALUES:
        raise SampleError("too_large", f"{len(table)} samples of {len(names)} channels; cut it into files")
    numbers = [pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan) for name in names]
    samples = np.stack(numbers, axis=1) if numbers else np.empty((len(table), 0))
    return Recording(tuple(str(name) for name in names), samples, rate, times)


def clip(recording: Recording, start_s: float | None, end_s: float | None) -> Recording:
    """Return the part of a recording between two times; raise SampleError ``bad_clip`` where it lies outside."""
    check_bounds(start_s, end_s)
    if start_s is None and end_s is None:
        return recording
    rate, times = recording.sampling_rate_hz, recording.times_s
    first, last = _rows(len(recording.samples), rate, times, start_s, end_s)
    return replace(
        recording, samples=recording.samples[first:last], times_s=None if times is None else times[first:last]
    )


def gap_rows(times_s: FloatArray, sampling_rate_hz: float) -> npt.NDArray[np.intp]:
    """Return the rows before which time jumps by more than 0.1 s and two samples."""
    return 1 + np.flatnonzero(np.diff(times_s) > max(GAP_S, 2.5 / sampling_rate_hz))


def _rows(n: int, rate: float, times: FloatArray | None, start_s: float | None, end_s: float | None) -> tuple[int, int]:
    """Return the first row and the one after the last; a clip may end half a sample after the recording does."""
    start = 0.0 if start_s is None else start_s
    first = round(start * rate) if times is None else int(np.searchsorted(times, start - 0.5 / rate))
    ends = n / rate if times is None else float(times[-1]) + 1 / rate if n else 0.0
    if end_s is None:
        last = n
    elif times is not None and start_s is None:
        last = int(np.searchsorted(times, end_s - 0.5 / rate)) + (end_s > ends + 0.5 / rate)
    else:
        last = first + round((end_s - start) * rate)
    if first >= n or last > n:
        raise SampleError(
            "bad_clip", f"clip {clip_text(start_s, end_s)} lies outside the {ends:.3f} s of the recording"
        )
    return first, last


_kept: OrderedDict[tuple[bytes, float | None], Recording] = OrderedDict()
_lock = Lock()


def _whole(data: bytes, declared: float | None) -> Recording:
    """Parse a file, or return it from the few parsed last: sixty windows of a file parse it once."""
    key = (data, declared)  # a bytes object hashes itself once, and equals itself without being compared
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
        read = _read_edf if is_edf(data) else _read_fif if is_fif(data) else _read_csv
        recording = read(data, declared)
        recording.samples.flags.writeable = False
        if recording.samples.size <= MAX_KEPT_VALUES:
            _kept[key] = recording
            if len(_kept) > KEPT_RECORDINGS:
                _kept.popitem(last=False)
        return recording


def _read_csv(data: bytes, declared: float | None) -> Recording:
    for start, name in OTHER_FORMATS.items():
        if data.startswith(start):
            raise SampleError("unknown_format", f"a {name} file; export it as EDF, BDF, FIF or CSV")
    try:
        table = parse_csv(data, "recording")
    except TableError as error:
        raise SampleError("not_a_table", str(error)) from None
    return recording_of(table, declared)


def _read_edf(
    data: bytes, declared: float | None, start_s: float | None = None, end_s: float | None = None
) -> Recording:
    """Read the records in which a clip lies: a window of a long recording costs what a window costs."""
    header = read_header(data)
    rate, n = _agreed(declared, header.sampling_rate_hz), header.n_samples
    times = None
    if header.onsets_s is not None:
        times = (header.onsets_s[:, None] + np.arange(n) / header.sampling_rate_hz).reshape(-1)
    first, last = _rows(header.n_records * n, rate, times, start_s, end_s)
    if (last - first) * len(header.labels) > MAX_VALUES:
        raise SampleError("too_large", f"{last - first} samples of {len(header.labels)} channels; cut it into windows")
    start, stop = first // n, -(-last // n)
    part = plain_part(data, header, start, stop)
    *_, samples = _read_by_mne("bdf" if data[:1] == b"\xff" else "edf", part, exclude=header.left_out)
    samples = samples[first - start * n : last - start * n]
    samples *= header.microvolts
    times = None if times is None else times[first:last]
    return Recording(header.labels, samples, rate, times, header.limits_uv, header.warnings)


def _read_fif(data: bytes, declared: float | None) -> Recording:
    names, found, samples = _read_by_mne("fif", sequential(data, MAX_VALUES), on_split_missing="ignore")
    return Recording(tuple(names), samples, _agreed(declared, found))


def _read_by_mne(kind: str, data: bytes, **options: Any) -> tuple[list[str], float, FloatArray]:
    """Return names, rate and microvolts of the EEG channels; for one thread at a time, as mne's verbosity is one for all."""
    try:
        import mne
    except ImportError:
        raise SampleError(
            "needs_mne", f"{kind.upper()} files are read by mne; install emofuse[eeg-formats], or export CSV"
        ) from None
    read = {"edf": mne.io.read_raw_edf, "bdf": mne.io.read_raw_bdf, "fif": mne.io.read_raw_fif}[kind]
    try:
        raw = read(io.BytesIO(data), preload=True, verbose="CRITICAL", **options).pick("eeg", verbose="CRITICAL")
        samples = np.ascontiguousarray(raw.get_data(units="uV", verbose="CRITICAL").T)
    except Exception as error:  # mne lets errors of every kind out for a damaged file
        raise SampleError(
            "bad_fif" if kind == "fif" else "bad_edf",
            f"mne finds no EEG in this {kind.upper()} file ({repr(error)[:120]}); fetch or export it again",
        ) from None
    return list(raw.ch_names), float(raw.info["sfreq"]), samples


def _times(table: pd.DataFrame) -> tuple[FloatArray | None, str | None]:
    """Return the seconds of the time column from its first, where it holds numbers, and its name."""
    column = next((name for name in TIME_COLUMNS if name in table), None)
    if column is None:
        return None, None
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if not len(values) or not np.isfinite(values).any():
        return None, column
    if not np.isfinite(values).all():
        raise SampleError("wrong_rate", f"{column!r} has rows without a time; fill them in or drop the column")
    return values - values[0], column


def _declared(declared: float | None, times: FloatArray | None, column: str | None) -> float:
    """Return the rate, checked against the time stamps outside gaps."""
    if declared is not None:
        _check_rate(declared)
    if times is None or len(times) < 3:
        if declared is None:
            raise SampleError("no_rate", "nothing in the file says its rate; declare sampling_rate_hz")
        return declared
    steps = np.diff(times)
    even = steps[steps <= max(GAP_S, 2.5 * float(np.median(steps)))]
    found = 1.0 / max(float(even.mean()), 1e-9)
    if steps.min() < 0 or (declared is not None and abs(found / declared - 1) > RATE_TOLERANCE):
        said = "goes backwards" if steps.min() < 0 else f"says {found:.4g} Hz"
        raise SampleError("wrong_rate", f"{declared or found:g} Hz declared, {column!r} {said}; correct one")
    return found if declared is None else declared


def _agreed(declared: float | None, found: float) -> float:
    """Return the declared rate, if any, where the header does not contradict it."""
    if declared is not None and abs(found / _check_rate(declared) - 1) > RATE_TOLERANCE:
        raise SampleError("wrong_rate", f"{declared:g} Hz declared, the header says {found:.4g} Hz; correct one")
    return found if declared is None else declared


def _check_rate(rate: Any) -> float:
    if not isinstance(rate, (int, float, np.integer, np.floating)) or not 0 < rate < np.inf:
        raise SampleError("wrong_rate", f"the sampling rate must be a number of Hz above 0, got {rate!r}")
    return float(rate)
