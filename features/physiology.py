"""Pulse, heart, skin and breath of a person from a wristband or a chest belt with declared rates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from .base import Extractor, FeatureNote, FloatArray
from .errors import SampleError
from .filters import Array
from .heart import HEART_FEATURES, HF_DURATION_S, LF_DURATION_S, find_beats, heart_features, normal_intervals
from .physiology_measures import (
    ACCELERATION_FEATURES,
    EDA_FEATURES,
    RESPIRATION_FEATURES,
    TEMPERATURE_FEATURES,
    acceleration_features,
    eda_features,
    respiration_features,
    temperature_features,
)
from .physiology_notes import note_of
from .recordings import RATE_TOLERANCE, Recording, clip, read_recording, recording_of

# The signals of an Empatica E4 and of wristbands like it, under the names that WESAD gives them.
WRISTBAND = {
    "BVP": "ppg",
    "EDA": "eda",
    "TEMP": "temperature",
    "ACC_x": "acceleration",
    "ACC_y": "acceleration",
    "ACC_z": "acceleration",
}
FEATURES = {
    "ecg": HEART_FEATURES,
    "ppg": HEART_FEATURES,
    "eda": EDA_FEATURES,
    "respiration": RESPIRATION_FEATURES,
    "temperature": TEMPERATURE_FEATURES,
    "acceleration": ACCELERATION_FEATURES,
}
# Twice the highest frequency that each method looks at, and a little more.
MIN_RATE_HZ = {"ecg": 50.0, "ppg": 20.0, "eda": 2.5, "respiration": 2.5, "temperature": 0.01, "acceleration": 0.01}
# A few beats; a response (Boucsein 2012); two cycles of the slowest breathing; two values at 1 Hz.
MIN_DURATION_S = {"ecg": 5.0, "ppg": 5.0, "eda": 5.0, "respiration": 20.0, "temperature": 1.0, "acceleration": 1.0}
SHORT_EDA_S = 20.0  # one period of the boundary between level and responses
PLAUSIBLE = {"eda": (0.0, 100.0, "microsiemens"), "temperature": (15.0, 45.0, "degrees Celsius")}
STUCK_SHARE = 0.05
REJECTED_SHARE = 0.2
AXIS = re.compile(r"[ _.-]?[xyzXYZ]$")


class PhysiologyFeatures(Extractor):
    """Heart rate and its variability, skin conductance, skin temperature, breathing and movement of one recording.

    Parameters
    ----------
    signals : mapping of str to str, optional
        What each column is: ``ppg`` (pulse wave, also called BVP), ``ecg``, ``eda`` (skin conductance in
        microsiemens), ``temperature`` (degrees Celsius), ``respiration`` (rises while breathing in) or
        ``acceleration`` (one axis; the axes ``ACC_x``, ``ACC_y`` and ``ACC_z`` are measured together as ``ACC``).
        The signals of a wristband by default.
    sampling_rate_hz : float or mapping of str to float, default=64
        Declared rate of all columns, or of each. Where rates differ, a slower column fills its first rows and leaves
        the rest empty. Where there is a time column in seconds, it must agree with the highest rate within 5 %.

    Notes
    -----
    The source is CSV, one column a signal; :meth:`extract_one` also takes a DataFrame. A column that is missing, is
    flat where the signal never is, or is too short gives NaN and a warning. NaN also, with a warning: ``hf`` below
    60 s, ``lf`` and ``lf_hf`` below 120 s, everything of a heart with fewer than three normal intervals, a breathing
    rate without a whole breath (its ``rate_sd`` without two). NaN without one: ``scr_rise_time`` where there was no
    response.

    References
    ----------
    Those of :mod:`~emofuse.features.heart` and :mod:`~emofuse.features.physiology_measures`; of each feature, see
    :meth:`explain`.

    Examples
    --------
    >>> PhysiologyFeatures(signals={"TEMP": "temperature"}).get_feature_names_out().tolist()
    ['TEMP_mean', 'TEMP_sd', 'TEMP_slope', 'TEMP_range']
    """

    source_column: ClassVar[str] = "physiology"
    libraries: ClassVar[tuple[str, ...]] = ("scipy",)
    variants: ClassVar[tuple[dict[str, Any], ...]] = (
        {},
        {"signals": {"ECG": "ecg", "Resp": "respiration"}, "sampling_rate_hz": 700.0},
    )

    def __init__(
        self,
        signals: Mapping[str, str] | None = None,
        sampling_rate_hz: float | Mapping[str, float] = 64.0,
    ) -> None:
        self.signals = signals
        self.sampling_rate_hz = sampling_rate_hz

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``<column>_<what>``, as in ``BVP_rmssd`` and ``ACC_activity``."""
        names = [f"{group}_{what}" for group, (kind, _) in self._groups().items() for what in FEATURES[kind]]
        return np.array(names, dtype=object)

    def _signals(self) -> Mapping[str, str]:
        """Return the signals in use; raise ValueError where a parameter makes no sense."""
        signals = WRISTBAND if self.signals is None else self.signals
        if not isinstance(signals, Mapping) or not signals:
            raise ValueError(f"signals must map columns to kinds {sorted(FEATURES)}, got {self.signals!r}")
        for column, kind in signals.items():
            if kind not in FEATURES:
                raise ValueError(f"signals: column {column!r} must be one of {sorted(FEATURES)}, got {kind!r}")
            rate = self._rate(column)
            if not MIN_RATE_HZ[kind] <= rate < np.inf:
                raise ValueError(
                    f"sampling_rate_hz of {column!r} ({kind}) must be {MIN_RATE_HZ[kind]:g} or more, got {rate}"
                )
        return signals

    def _rate(self, column: str) -> float:
        rates = self.sampling_rate_hz
        if not isinstance(rates, Mapping):
            return rates
        if column not in rates:
            raise ValueError(f"sampling_rate_hz names no rate for column {column!r}")
        return rates[column]

    def _groups(self) -> dict[str, tuple[str, list[str]]]:
        """Return the kind and the columns of each thing measured: the axes of one accelerometer are one thing."""
        groups: dict[str, tuple[str, list[str]]] = {}
        for column, kind in self._signals().items():
            name = AXIS.sub("", column) or column if kind == "acceleration" else column
            if name in groups and not kind == groups[name][0] == "acceleration":
                raise ValueError(f"signals: {name!r} would name the features of two signals; rename one")
            groups.setdefault(name, (kind, []))[1].append(column)
        for name, (_, columns) in groups.items():
            if len({self._rate(column) for column in columns}) > 1:
                raise ValueError(f"sampling_rate_hz of the axes of {name!r} differ; they are measured together")
        return groups

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> dict[str, Recording]:
        columns = self._columns(read_recording(data, sampling_rate_hz=self._fastest()))
        return {column: clip(recording, start_s, end_s) for column, recording in columns.items()}

    def _accept(self, source: Any) -> dict[str, Recording]:
        if not isinstance(source, pd.DataFrame):
            raise SampleError("bad_array", f"a path or a DataFrame is needed, got {type(source).__name__}")
        return self._columns(recording_of(source, self._fastest()))

    def _fastest(self) -> float:
        return max(map(self._rate, self._signals()))

    def _columns(self, recording: Recording) -> dict[str, Recording]:
        """Return each column as a recording of its own rate, without the empty rows below a slower one."""
        signals, rate = self._signals(), recording.sampling_rate_hz
        found = {column: recording.channels.index(column) for column in signals if column in recording.channels}
        if not found:
            raise SampleError("bad_channels", f"none of the columns {list(signals)} in {list(recording.channels)[:8]}")
        columns = {}
        for column, position in found.items():
            values, times = recording.samples[:, [position]], recording.times_s
            if self._rate(column) < rate:
                filled = np.flatnonzero(~np.isnan(values))
                values, times = values[: filled[-1] + 1 if len(filled) else 0], None
            columns[column] = Recording((column,), values, self._rate(column), times, None, recording.warnings)
        return columns

    def _measure(self, signal: dict[str, Recording]) -> tuple[FloatArray, tuple[str, ...]]:
        row: list[float] = []
        for recording in signal.values():
            _check_finite(recording)
        warnings = list(dict.fromkeys(note for recording in signal.values() for note in recording.warnings))
        warnings += _unequal(list(signal.values()))
        refusals: list[SampleError] = []
        for kind, columns in self._groups().values():
            try:
                values, doubts = self._measure_group(kind, columns, signal)
                warnings += doubts
                row += [values[what] for what in FEATURES[kind]]
            except SampleError as refusal:
                refusals.append(refusal)
                warnings.append(f"{refusal.code.replace('_', ' ')}: {refusal}")
                row += [np.nan] * len(FEATURES[kind])
        if np.isnan(row).all():
            reasons = "; ".join(dict.fromkeys(map(str, refusals)))
            codes = sorted((refusal.code for refusal in refusals), key="missing_column".__eq__)
            raise SampleError(codes[0], f"no signal can be measured: {reasons}; drop it")
        return np.array(row, dtype=np.float32), tuple(warnings)

    def _measure_group(
        self, kind: str, columns: list[str], signal: dict[str, Recording]
    ) -> tuple[dict[str, float], list[str]]:
        missing = [column for column in columns if column not in signal]
        if missing:
            raise SampleError("missing_column", f"column {', '.join(map(repr, missing))} is not there")
        shown = ", ".join(map(repr, columns))
        rate = self._rate(columns[0])
        count = min(len(signal[column].samples) for column in columns)
        waves: Array = np.array([signal[column].samples[:count, 0] for column in columns])
        duration_s = count / rate
        if duration_s < MIN_DURATION_S[kind] or count < 2:
            raise SampleError(
                "too_short", f"{shown}: {MIN_DURATION_S[kind]:g} s of {kind} needed, got {duration_s:.3f} s"
            )
        doubts = [f"gap: time jumps from {gap[0]:.3f} to {gap[1]:.3f} s" for gap in signal[columns[0]].gaps]
        doubts += _doubts(kind, waves, shown)
        if kind == "acceleration":
            return acceleration_features(waves, rate), doubts
        if kind == "temperature":
            return temperature_features(waves[0], rate), doubts
        if kind == "eda":
            if duration_s < SHORT_EDA_S:
                doubts.append(
                    f"short: {shown} lasts {duration_s:.1f} s, level and responses need {SHORT_EDA_S:g} s to part"
                )
            return eda_features(waves[0], rate), doubts
        if kind == "respiration":
            values = respiration_features(waves[0], rate)
            if np.isnan(values["rate"]):
                raise SampleError("no_breath", f"{shown}: no whole breath of 0.1 to 0.5 Hz found")
            if np.isnan(values["rate_sd"]):
                doubts.append(f"one breath: {shown} has no variability of the breathing rate")
            return values, doubts
        return _heart(waves[0], rate, kind, shown, doubts)

    def _describe(self, feature: str) -> FeatureNote:
        groups = self._groups()
        group, what = next(
            (group, what) for group in groups for what in FEATURES[groups[group][0]] if f"{group}_{what}" == feature
        )
        return note_of(groups[group][0], what, group)


def _check_finite(recording: Recording) -> None:
    bad = ~(np.abs(recording.samples) <= np.finfo(np.float32).max)
    if bad.any():
        column = recording.channels[0]
        raise SampleError(
            "not_finite", f"column {column!r}: {bad.sum()} values are no finite numbers; repair or drop it"
        )


def _unequal(recordings: list[Recording]) -> list[str]:
    """Return a warning where the columns of one recording last differently, as under a wrong rate."""
    lengths = {recording.channels[0]: len(recording.samples) / recording.sampling_rate_hz for recording in recordings}
    short, long = min(lengths, key=lambda name: lengths[name]), max(lengths, key=lambda name: lengths[name])
    if lengths[long] - lengths[short] <= max(1.0, RATE_TOLERANCE * lengths[long]):
        return []
    return [f"length: {short!r} lasts {lengths[short]:.1f} s, {long!r} {lengths[long]:.1f} s; are their rates right?"]


def _heart(wave: Array, rate: float, kind: Any, shown: str, doubts: list[str]) -> tuple[dict[str, float], list[str]]:
    duration_s = len(wave) / rate
    intervals, ends = normal_intervals(find_beats(wave, rate, kind))
    values = heart_features(intervals, ends, duration_s)
    if np.isnan(values["hr_mean"]):
        found = f"{np.isfinite(intervals).sum()} of {len(intervals)}"
        raise SampleError("no_beats", f"{shown}: {found} intervals between beats are normal, three in a row needed")
    rejected = float(np.isnan(intervals).mean())
    if rejected > REJECTED_SHARE:
        doubts.append(f"artefacts: {shown} has {rejected:.0%} of its intervals rejected")
    if duration_s < LF_DURATION_S:
        gone = "lf and lf_hf" if duration_s >= HF_DURATION_S else "hf, lf and lf_hf"
        needed = f"{LF_DURATION_S:g} s for lf, {HF_DURATION_S:g} s for hf"
        doubts.append(f"short for variability: {shown} lasts {duration_s:.1f} s, {needed}; {gone} are missing")
    elif np.isnan(values["lf_hf"]):
        doubts.append(f"regular: {shown} has no variability of high frequency, lf_hf is missing")
    return values, doubts


def _doubts(kind: str, waves: Array, shown: str) -> list[str]:
    """Return what is doubtful about a signal; raise SampleError where it never moves though its kind always does."""
    doubts = []
    spread = np.ptp(waves, axis=1)
    if (spread < 1e-9 * np.maximum(1e-3, np.abs(waves).max(axis=1))).all():
        if kind not in ("temperature", "acceleration"):
            raise SampleError("flat", f"{shown} never changes; was the sensor in contact?")
        return [f"flat: {shown} never changes"]
    low, high, unit = PLAUSIBLE.get(kind, (-np.inf, np.inf, ""))
    if waves.min() < low or waves.max() > high:
        found = f"{waves.min():.4g} to {waves.max():.4g}"
        doubts.append(f"range: {shown} goes from {found}, {low:g} to {high:g} {unit} is usual; check its unit")
    if kind in ("ecg", "ppg", "respiration"):
        stuck = max(float((waves == edge).mean()) for edge in (waves.min(), waves.max()))
        if stuck > STUCK_SHARE and waves.shape[1] > 2 / STUCK_SHARE:
            doubts.append(f"saturated: {shown} stands at its lowest or highest value {stuck:.0%} of the time")
    return doubts
