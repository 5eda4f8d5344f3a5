"""What mne does not say of an EDF or BDF file, or does without a word, is found in its header first.

mne brings signals of other rates to one rate, takes an unknown unit for volts, and joins what was recorded with breaks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import SampleError

MAX_SIGNALS = 1024
MAX_LEVEL = 1e30  # of a physical limit: what is larger could overflow on its way to microvolts
# Where the header holds a field of each signal, in bytes a signal, and its width: Kemp et al. (1992), A simple format for
# exchange of digitized polygraphic recordings, Electroencephalography and Clinical Neurophysiology 82(5).
LABEL, UNIT, FILTER, N_SAMPLES = (0, 16), (96, 8), (136, 80), (216, 8)
SCALE = ((104, 8), (112, 8), (120, 8), (128, 8))  # physical minimum and maximum, digital minimum and maximum
MICROVOLTS = {"uv": 1.0, "µv": 1.0, "μv": 1.0, "microv": 1.0, "nv": 1e-3, "mv": 1e3, "v": 1e6}
ANNOTATIONS = ("edf annotations", "bdf annotations")
TRIGGERS = ("status", "trigger")
# An annotation begins with its onset in seconds; in each record the first one is the onset of the record (EDF+).
ONSET = re.compile(rb"([+-]\d{1,12}(?:\.\d*)?)(?:\x15[^\x14]*)?\x14")


@dataclass(frozen=True)
class EDFHeader:
    """A header that has been checked.

    Attributes
    ----------
    labels : tuple of str
        Channels, as the file names them.
    left_out : tuple of str
        Signals that are none (annotations, triggers), by their names in :func:`plain_part`.
    sampling_rate_hz : float
        Of all channels.
    n_records, n_samples, record_bytes : int
        Whole records that are there, samples of a channel in each, and its size.
    onsets_s : ndarray of shape (n_records,), or None
        When each record began, counted from the first; None where they follow each other.
    microvolts : ndarray of shape (n_channels,)
        Worth of each channel's unit.
    limits_uv : ndarray of shape (n_channels, 2)
        Ends of the converter, half a step inside, so that rounding does not matter.
    warnings : tuple of str
    """

    labels: tuple[str, ...]
    left_out: tuple[str, ...]
    sampling_rate_hz: float
    n_records: int
    n_samples: int
    record_bytes: int
    onsets_s: npt.NDArray[np.float64] | None
    microvolts: npt.NDArray[np.float64]
    limits_uv: npt.NDArray[np.float64]
    warnings: tuple[str, ...]


def is_edf(data: bytes) -> bool:
    """Whether bytes begin as EDF or BDF do."""
    return data[:8] in (b"0       ", b"\xffBIOSEMI")


def read_header(data: bytes) -> EDFHeader:
    """Read and check the header.

    Raises
    ------
    SampleError
        ``bad_edf`` (junk, cut off inside the header, impossible numbers, records that overlap), ``no_samples`` (header or
        annotations only), ``mixed_rates`` or ``bad_channels`` (names repeat).
    """
    n_signals = int(_number(data[252:256], "the number of signals"))
    if not 0 < n_signals <= MAX_SIGNALS:
        raise SampleError("bad_edf", f"1 to {MAX_SIGNALS} signals are needed, the header says {n_signals}")
    needed = 256 * (n_signals + 1)
    if len(data) < needed:
        raise SampleError("bad_edf", f"the header needs {needed} bytes, got {len(data)}; fetch the file again")
    labels = [_text(field) for field in _fields(data, n_signals, LABEL)]
    counts = [int(_number(field, "the samples a record")) for field in _fields(data, n_signals, N_SAMPLES)]
    if min(counts) < 0 or sum(counts) < 1:
        raise SampleError("bad_edf", f"counts of samples a record must be positive, got {counts[:8]}")
    chosen = [k for k, label in enumerate(labels) if label.lower() not in (*ANNOTATIONS, *TRIGGERS)]
    if not chosen:
        raise SampleError("no_samples", "the file holds annotations and no signal; give the file with the recording")
    rates = sorted((counts[k], labels[k]) for k in chosen)
    (n_samples, slow), (most, fast) = rates[0], rates[-1]
    if n_samples < most:
        raise SampleError(
            "mixed_rates",
            f"signals differ in their rate ({slow!r} has {n_samples} samples a record, {fast!r} {most}); export those of "
            "one rate",
        )
    if len({labels[k] for k in chosen}) < len(chosen):
        raise SampleError("bad_channels", "two channels have the same name; rename one")
    record_s = _number(data[244:252], "the duration of a record")
    if record_s <= 0 or not 0 < n_samples / record_s < np.inf:
        raise SampleError("bad_edf", f"records of {record_s:g} s with {n_samples} samples say no rate")
    sample_bytes = 3 if data[:1] == b"\xff" else 2
    n_records, warnings = _records(data, (len(data) - needed) // (sample_bytes * sum(counts)))
    units = [_text(field) for field in _fields(data, n_signals, UNIT)]
    unknown = sorted({units[k] for k in chosen if units[k].lower() not in MICROVOLTS})
    if unknown:
        warnings.append(f"unit: {unknown[0]!r} is taken for microvolts")
    microvolts = np.array([MICROVOLTS.get(units[k].lower(), 1.0) for k in chosen])
    scales = list(zip(*(_fields(data, n_signals, field) for field in SCALE), strict=True))
    onsets_s = None
    notes = [k for k, label in enumerate(labels) if label.lower() in ANNOTATIONS]
    if notes and data[192:197] in (b"EDF+D", b"BDF+D"):
        first, step = needed + sample_bytes * sum(counts[: notes[0]]), sample_bytes * sum(counts)
        found = [data[at : at + sample_bytes * counts[notes[0]]] for at in range(first, first + n_records * step, step)]
        onsets_s = _onsets(found, record_s)
    return EDFHeader(
        labels=tuple(labels[k] for k in chosen),
        left_out=tuple(str(k) for k in range(n_signals) if k not in chosen),
        sampling_rate_hz=n_samples / record_s,
        n_records=n_records,
        n_samples=n_samples,
        record_bytes=sample_bytes * sum(counts),
        onsets_s=onsets_s,
        microvolts=microvolts,
        limits_uv=np.array([_limits(scales[k], labels[k]) for k in chosen]) * microvolts[:, None],
        warnings=tuple(warnings),
    )


def plain_part(data: bytes, header: EDFHeader, first: int, last: int) -> bytes:
    """Return records ``first`` to ``last`` as a file of their own, in which mne has nothing to guess.

    Signals have their place for a name and microvolts for a unit. What is not needed here, and what mne refuses or warns of
    where it is odd, is blank: the person, the filters and, under another name, the annotations.
    """
    n = len(header.labels) + len(header.left_out)
    plain = bytearray(data[: 256 * (n + 1)])
    plain[8:168] = b"X".ljust(160)
    names = b"".join(b"%-16d" % k for k in range(n))
    for (at, width), values in ((LABEL, names), (UNIT, b"uV      " * n), (FILTER, b" " * 80 * n)):
        plain[256 + n * at : 256 + n * (at + width)] = values
    start, stop = (256 * (n + 1) + number * header.record_bytes for number in (first, last))
    return bytes(plain) + data[start:stop]


def _onsets(notes: list[bytes], record_s: float) -> npt.NDArray[np.float64]:
    """Return when records began, from their first annotations; one without is taken to follow evenly."""
    matches = [ONSET.match(note) for note in notes]
    onsets = [k * record_s if match is None else float(match.group(1)) for k, match in enumerate(matches)]
    if (np.diff(onsets) < 0.95 * record_s).any():
        raise SampleError("bad_edf", "its records overlap or go back in time; export it again")
    return np.array(onsets) - onsets[0]


def _records(data: bytes, there: int) -> tuple[int, list[str]]:
    """Return the number of whole records; -1 in the header means that the recorder did not know it."""
    declared = int(_number(data[236:244], "the number of records"))
    if there < 1 or declared == 0:
        raise SampleError("no_samples", "the file ends before its first whole record; fetch it again")
    if declared > there:
        return there, [f"truncated: {there} of {declared} records are there"]
    return there if declared < 0 else declared, []


def _limits(scale: tuple[bytes, ...], label: str) -> tuple[float, float]:
    low, high, bottom, top = (_number(field, f"the scale of {label!r}") for field in scale)
    step = abs(high - low) / (top - bottom) if top > bottom else 0.0
    if step == 0 or max(abs(low), abs(high)) > MAX_LEVEL:
        raise SampleError(
            "bad_edf", f"signal {label!r} has no scale ({low:g} to {high:g} for {bottom:g} to {top:g}); export it again"
        )
    return min(low, high) + step / 2, max(low, high) - step / 2


def _fields(data: bytes, n_signals: int, field: tuple[int, int]) -> list[bytes]:
    """Return a field of each signal."""
    at, width = field
    start = 256 + n_signals * at
    return [data[start + width * k : start + width * (k + 1)] for k in range(n_signals)]


def _number(field: bytes, what: str) -> float:
    text = _text(field)
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise SampleError("bad_edf", f"{what} must be a number, the header says {text!r}; fetch it again")
    return value


def _text(field: bytes) -> str:
    """Decode a header field: ASCII by the standard, but names and units in Latin-1 and UTF-8 are about."""
    try:
        text = field.decode("utf-8")
    except UnicodeDecodeError:
        text = field.decode("latin-1")
    return text.replace("\0", " ").strip()
