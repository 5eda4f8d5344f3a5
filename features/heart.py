"""Heart beats in an electrocardiogram or a pulse wave, and what their intervals say: heart rate and its variability."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .filters import Array, filtered, refined_peaks

RR_LIMITS_S = (0.3, 2.0)  # 200 to 30 beats a minute
RR_TOLERANCE = 0.2  # Malik et al. (1989), Heart rate variability in relation to prognosis, Eur Heart J 10(12)
AROUND = 31  # a jolt of 3 s makes up to ten wrong intervals in a row that agree with each other
MIN_RR = 3  # two successive differences
LF_HZ, HF_HZ = (0.04, 0.15), (0.15, 0.40)  # Task Force (1996)
# Ten periods of the lowest frequency of HF, and what Task Force (1996) asks for LF.
HF_DURATION_S, LF_DURATION_S = 60.0, 120.0
TACHOGRAM_RATE_HZ = 4.0
SEGMENT_S = 256.0

HEART_FEATURES = ("hr_mean", "hr_sd", "hr_min", "hr_max", "rmssd", "sdnn", "pnn50", "lf", "hf", "lf_hf")
QRS_BAND_HZ = (5.0, 15.0)  # Pan & Tompkins (1985)
QRS_WINDOW_S, QRS_REFRACTORY_S, QRS_LATE = 0.150, 0.200, 1.66
MAX_GROWTH = 2.0  # times the energy of a beat so far, at most, count for the next: a jolt must not hide later beats
PULSE_BAND_HZ = (0.5, 8.0)  # Elgendi et al. (2013), as are the windows and the offset
PULSE_PEAK_S, PULSE_BEAT_S, PULSE_OFFSET = 0.111, 0.667, 0.02
# Peaks are placed in a smoother wave: with 10 % noise at 64 Hz, RMSSD came out 1.04 of the true one in place of 1.27.
PULSE_PLACING_HZ = (0.5, 4.0)
PULSE_REACH_S = 0.08


def heart_features(intervals_s: Array, times_s: Array, duration_s: float) -> dict[str, float]:
    """Return heart rate and heart rate variability of normal intervals between beats.

    Parameters
    ----------
    intervals_s : ndarray of shape (n_intervals,)
        Time between successive beats, NaN where it was rejected (see :func:`normal_intervals`).
    times_s : ndarray of shape (n_intervals,)
        When each interval ended.
    duration_s : float
        Length of the recording.

    Returns
    -------
    dict of str to float
        By the names of ``HEART_FEATURES``: beats per minute; ``rmssd`` and ``sdnn`` in ms; ``pnn50`` as a share;
        ``lf`` and ``hf`` in ms squared. NaN: all where fewer than three intervals are normal or no two differences
        of neighbours are; ``hf`` below 60 s, ``lf`` and ``lf_hf`` below 120 s, ``lf_hf`` where ``hf`` is 0.

    References
    ----------
    Task Force of the ESC and NASPE (1996), Heart rate variability: standards of measurement, Circulation 93(5).

    Examples
    --------
    >>> intervals = np.array([0.80, 0.84, 0.80, 0.84])
    >>> round(heart_features(intervals, intervals.cumsum(), 3.3)["rmssd"], 6)
    40.0
    """
    values = dict.fromkeys(HEART_FEATURES, np.nan)
    normal = intervals_s[~np.isnan(intervals_s)]
    differences = 1000 * np.diff(intervals_s)
    differences = differences[~np.isnan(differences)]
    if len(normal) < MIN_RR or len(differences) < MIN_RR - 1:
        return values
    rates = 60 / normal
    values["hr_mean"], values["hr_sd"] = float(rates.mean()), float(rates.std(ddof=1))
    values["hr_min"], values["hr_max"] = float(rates.min()), float(rates.max())
    values["rmssd"] = float(np.sqrt(np.mean(np.square(differences))))
    values["sdnn"] = float(1000 * normal.std(ddof=1))
    values["pnn50"] = float(np.mean(np.abs(differences) > 50))
    if duration_s >= HF_DURATION_S:
        low, high = band_powers(intervals_s, times_s)
        values["hf"] = high
        if duration_s >= LF_DURATION_S:
            values["lf"] = low
            values["lf_hf"] = low / high if high > 0 else np.nan
    return values


def band_powers(intervals_s: Array, times_s: Array) -> tuple[float, float]:
    """Return the power of the intervals in the low and the high frequency band, in ms squared.

    Rejected intervals are filled in linearly, the tachogram is interpolated by a cubic spline at 4 Hz, and its spectrum
    estimated by Welch's method in segments of 256 s (or the whole, where it is shorter), linear trend removed (Task
    Force 1996).
    """
    from scipy.interpolate import CubicSpline
    from scipy.signal import welch

    normal = ~np.isnan(intervals_s)
    tachogram = 1000 * np.interp(times_s, times_s[normal], intervals_s[normal])
    grid = np.arange(times_s[0], times_s[-1], 1 / TACHOGRAM_RATE_HZ)
    even = CubicSpline(times_s, tachogram)(grid)
    segment = min(len(even), round(SEGMENT_S * TACHOGRAM_RATE_HZ))
    frequency, density = welch(even, TACHOGRAM_RATE_HZ, nperseg=segment, detrend="linear")
    powers = [density[(frequency >= low) & (frequency < high)].sum() * frequency[1] for low, high in (LF_HZ, HF_HZ)]
    return float(powers[0]), float(powers[1])


def normal_intervals(beats_s: Array) -> tuple[Array, Array]:
    """Return the intervals between beats with NaN for those that are no normal beat, and when each ended.

    An interval is rejected outside 0.3 to 2 s, and where it differs by more than 20 % from the median of the 31
    around it: the 20 % rule [1]_, with the median in place of the interval before, which may itself be the wrong one.
    Its neighbours are rejected with it: they end or begin with the same beat, which may be no beat.

    References
    ----------
    .. [1] Malik et al. (1989), Heart rate variability in relation to prognosis after myocardial infarction, European
       Heart Journal 10(12); Kamath & Fallen (1995), Correction of the heart rate variability signal for ectopics.

    Examples
    --------
    >>> normal_intervals(np.array([0.0, 0.8, 1.6, 3.2, 4.0, 4.8, 5.6]))[0].round(3).tolist()
    [0.8, nan, nan, nan, 0.8, 0.8]
    """
    intervals = np.diff(beats_s)
    kept = intervals.copy()
    for position in range(len(intervals)):
        first = min(max(0, position - AROUND // 2), max(0, len(intervals) - AROUND))
        usual = np.median(intervals[first : first + AROUND])
        low, high = RR_LIMITS_S
        if not low <= intervals[position] <= high or abs(intervals[position] / usual - 1) > RR_TOLERANCE:
            kept[position] = np.nan
    gone = np.isnan(kept)
    kept[1:][gone[:-1]] = np.nan
    kept[:-1][gone[1:]] = np.nan
    return kept, beats_s[1:]


def find_beats(signal: Array, sampling_rate_hz: float, kind: Literal["ecg", "ppg"]) -> Array:
    """Return when the heart beat, in seconds, finer than the rate by a parabola through each peak.

    Parameters
    ----------
    signal : ndarray of shape (n_samples,)
        Finite; an electrocardiogram with upright or inverted R waves, or a pulse wave that rises with blood volume.
    sampling_rate_hz : float
        At least 50 Hz for ``ecg``, 20 Hz for ``ppg``; 250 Hz or more are advised for variability (Task Force 1996).
    kind : {"ecg", "ppg"}

    Returns
    -------
    ndarray of shape (n_beats,)

    References
    ----------
    Pan & Tompkins (1985), A real-time QRS detection algorithm, IEEE TBME 32(3), simplified: zero-phase filter,
    adaptive threshold on the integrated signal, search back. Elgendi et al. (2013), Systolic peak detection in
    acceleration photoplethysmograms measured from emergency responders, PLoS ONE 8(10).
    """
    if kind == "ecg":
        wave = filtered(signal, sampling_rate_hz, QRS_BAND_HZ)
        found = _qrs_complexes(wave, sampling_rate_hz)
        # Whichever way the electrodes lie, the R wave is what stands out furthest.
        wave = wave if wave.max() >= -wave.min() else -wave
        reach_s = QRS_WINDOW_S / 2
    else:
        found = _systolic_peaks(filtered(signal, sampling_rate_hz, PULSE_BAND_HZ), sampling_rate_hz)
        wave = filtered(signal, sampling_rate_hz, PULSE_PLACING_HZ)
        reach_s = PULSE_REACH_S
    reach = max(1, round(reach_s * sampling_rate_hz))
    placed = {_highest(wave, middle - reach, middle + reach + 1) for middle in found}
    return refined_peaks(wave, np.array(sorted(placed), dtype=np.intp)) / sampling_rate_hz


def _qrs_complexes(wave: Array, rate: float) -> list[int]:
    from scipy.signal import find_peaks

    slope = np.square(np.gradient(wave))
    energy = _moving_mean(slope, QRS_WINDOW_S * rate)
    peaks, _ = find_peaks(energy, distance=max(1, round(QRS_REFRACTORY_S * rate)))
    if not len(peaks):
        return []
    # In the whole recording rather than at its start, where a moved electrode would hide every beat after it.
    width = max(1, round(RR_LIMITS_S[1] * rate))
    of_beats = float(np.median([energy[first : first + width].max() for first in range(0, len(energy), width)]))
    of_noise = float(np.median(energy)) / 2
    beats: list[int] = []
    passed: list[int] = []
    for peak in map(int, peaks):
        threshold = of_noise + 0.25 * (of_beats - of_noise)
        usual = float(np.mean(np.diff(beats[-9:]))) if len(beats) > 2 else np.inf
        if beats and peak - beats[-1] > QRS_LATE * usual:
            missed = [other for other in passed if energy[other] > threshold / 2]
            if missed:
                best = max(missed, key=lambda other: energy[other])
                beats.append(best)
                of_beats = 0.25 * energy[best] + 0.75 * of_beats
                passed = []
        if energy[peak] > threshold:
            beats.append(peak)
            of_beats = 0.125 * min(energy[peak], MAX_GROWTH * of_beats) + 0.875 * of_beats
            passed = []
        else:
            passed.append(peak)
            of_noise = 0.125 * energy[peak] + 0.875 * of_noise
    return beats


def _systolic_peaks(wave: Array, rate: float) -> list[int]:
    power = np.square(np.maximum(wave, 0))
    shown = _moving_mean(power, PULSE_PEAK_S * rate) > (
        _moving_mean(power, PULSE_BEAT_S * rate) + PULSE_OFFSET * power.mean()
    )
    edges = np.flatnonzero(np.diff(np.concatenate([[0], shown, [0]])))
    beats: list[int] = []
    for first, last in edges.reshape(-1, 2):
        # A block that the clip cuts is no whole peak.
        if last - first < PULSE_PEAK_S * rate or first == 0 or last == len(wave):
            continue
        peak = _highest(wave, first, last)
        if not beats or peak - beats[-1] >= RR_LIMITS_S[0] * rate:
            beats.append(peak)
        elif wave[peak] > wave[beats[-1]]:
            beats[-1] = peak
    return beats


def _moving_mean(values: Array, width: float) -> Array:
    from scipy.ndimage import uniform_filter1d

    smoothed: Array = uniform_filter1d(values, max(1, round(width)), mode="nearest")
    return smoothed


def _highest(wave: Array, first: int, last: int) -> int:
    first = max(0, int(first))
    return first + int(wave[first : int(last)].argmax())
