"""Windows of long recordings: one row a window, so that a long recording becomes many samples that share its label."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import SampleError, TableError
from .files import read_bytes
from .recordings import Recording, gap_rows, read_recording


def make_windows(duration_s: float, window_s: float, step_s: float) -> npt.NDArray[np.float64]:
    """Return when windows begin, the first at 0 and each wholly inside the duration.

    Parameters
    ----------
    duration_s, window_s, step_s : float
        Seconds.

    Returns
    -------
    ndarray of shape (n_windows,), float64

    Raises
    ------
    ValueError
        A window or step that is not above 0.

    Examples
    --------
    >>> make_windows(5.0, 2.0, 1.0).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    if not (0 < window_s < np.inf and 0 < step_s < np.inf):
        raise ValueError(f"window_s and step_s must be above 0, got {window_s} and {step_s}")
    room = (duration_s - window_s) / step_s
    n_windows = int(np.floor(room + 1e-9)) + 1 if room > -1e-9 else 0
    return np.asarray(np.arange(n_windows) * step_s, dtype=np.float64)


def window_table(
    samples: pd.DataFrame,
    *,
    window_s: float,
    step_s: float,
    sampling_rate_hz: float | None = None,
    column: str = "eeg",
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Cut the recordings of a sample table into windows.

    Parameters
    ----------
    samples : pandas.DataFrame
        Checked, one row a recording.
    window_s, step_s : float
        Length of a window, and from the beginning of one to that of the next; a step below the window overlaps them.
    sampling_rate_hz : float, optional
        Declared rate; needed where the files do not say theirs.
    column : str, default="eeg"
        Where the paths of the recordings stand.

    Returns
    -------
    table : pandas.DataFrame
        A row a window, named ``<sample>@<start>``, with the recording's own columns, ``recording`` (the name of its
        row), ``start_s`` and ``end_s``. Within a recording, windows begin anew after each gap of its time stamps, and
        none lies across one.
    notes : tuple of str
        Recordings that cannot be read, have gaps, or are shorter than a window.

    Raises
    ------
    TableError
        No such column, or no window at all.

    Notes
    -----
    Windows of one recording resemble each other, and overlapping ones share samples: split them by subject, by recording
    (protocol ``loro``), or in stretches of time with those that overlap a test window dropped from training (``blocked``),
    never at random.
    """
    if column not in samples:
        raise TableError(f"column {column!r} is missing; it names the recordings")
    positions: list[int] = []
    starts: list[float] = []
    notes = []
    for position, (name, path) in enumerate(samples[column].items()):
        if not isinstance(path, str):
            continue
        try:
            recording = read_recording(read_bytes(path), sampling_rate_hz=sampling_rate_hz)
        except SampleError as error:
            notes.append(f"{name}: {error}")
            continue
        found = window_starts(recording, window_s, step_s)
        if len(recording.gaps):
            notes.append(f"{name}: {len(recording.gaps)} gaps in time; windows across them are left out")
        if not len(found):
            notes.append(f"{name}: shorter than a window of {window_s:g} s")
        positions += [position] * len(found)
        starts += found.tolist()
    if not positions:
        raise TableError(f"no recording holds a window of {window_s:g} s: {'; '.join(notes[:5])}")
    table = samples.iloc[positions]
    table = table.assign(recording=table.index, start_s=starts, end_s=np.array(starts) + window_s)
    names = [f"{name}@{start:.3f}" for name, start in zip(table["recording"], starts, strict=True)]
    return table.set_axis(pd.Index(names, name="sample", dtype=object)), tuple(notes)


def window_starts(recording: Recording, window_s: float, step_s: float) -> npt.NDArray[np.float64]:
    """Return when the windows of a recording begin, in seconds of its time stamps, to the millisecond.

    Parameters
    ----------
    recording : Recording
        Whole.
    window_s, step_s : float

    Returns
    -------
    ndarray of shape (n_windows,), float64
    """
    rate, times, n = recording.sampling_rate_hz, recording.times_s, len(recording.samples)
    if times is None:
        return np.round(make_windows(n / rate, window_s, step_s), 3)
    edges = [0, *gap_rows(times, rate), n]
    size = round(window_s * rate)
    found = []
    for first, last in pairwise(edges):
        for start in times[first] + make_windows(times[last - 1] - times[first] + 1.5 / rate, window_s, step_s):
            begin = int(np.searchsorted(times, round(start, 3) - 0.5 / rate))
            if first <= begin and begin + size <= last:
                found.append(round(float(start), 3))
    return np.array(found)
