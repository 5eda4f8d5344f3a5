"""What skin conductance, breathing, skin temperature and movement of one recording are, in a few numbers each."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .filters import Array, filtered, refined_peaks
from .functionals import functionals

TONIC_HZ = 0.05  # Boucsein (2012), Electrodermal activity: what changes more slowly is the level
SMOOTH_HZ = 1.0  # a response takes 1 to 3 s to rise; what is faster is noise
SCR_MIN_MICROSIEMENS = 0.05  # Braithwaite et al. (2013)
SCR_RISE_S = 5.0
ONSET_SHARE = 0.05  # of its height: before it, a drifting level is no part of the rise
BREATHING_HZ = (0.1, 0.5)  # 6 to 30 breaths a minute
TURNING_HZ = 2.0  # the harmonics that make breathing in shorter than breathing out
BREATH_SHARE = 0.3  # Khodadad et al. (2018): a swing smaller than this share of the usual one is no breath

EDA_FEATURES = (
    "scl_mean",
    "scl_sd",
    "scl_slope",
    "scr_per_minute",
    "scr_amplitude",
    "scr_rise_time",
    "phasic_area",
)
RESPIRATION_FEATURES = ("rate", "rate_sd", "amplitude", "inhale_exhale_ratio")
TEMPERATURE_FEATURES = ("mean", "sd", "slope", "range")
ACCELERATION_FEATURES = ("magnitude_mean", "magnitude_sd", "activity")


def eda_features(conductance: Array, sampling_rate_hz: float) -> dict[str, float]:
    """Split skin conductance into level and responses, and describe both.

    Parameters
    ----------
    conductance : ndarray of shape (n_samples,)
        Finite, in microsiemens.
    sampling_rate_hz : float
        Above 2 Hz.

    Returns
    -------
    dict of str to float
        By the names of ``EDA_FEATURES``: of the level (below 0.05 Hz) mean, standard deviation and slope a second;
        responses a minute, and their mean height from onset to peak (0 where there are none) and mean time from onset
        to peak (NaN where there are none); area under the positive phasic part a second of recording.

    References
    ----------
    Boucsein (2012), Electrodermal activity, 2nd ed., Springer. Braithwaite et al. (2013), A guide for analysing
    electrodermal activity and skin conductance responses for psychological experiments, University of Birmingham.
    """
    smooth = filtered(conductance, sampling_rate_hz, (None, SMOOTH_HZ))
    level = filtered(conductance, sampling_rate_hz, (None, TONIC_HZ))
    phasic = smooth - level
    heights, rises = _responses(smooth, phasic, sampling_rate_hz)
    duration_s = len(conductance) / sampling_rate_hz
    mean, sd, slope = _statistics(level, sampling_rate_hz, ["mean", "sd", "slope"])
    return {
        "scl_mean": mean,
        "scl_sd": sd,
        "scl_slope": slope,
        "scr_per_minute": 60 * len(heights) / duration_s,
        "scr_amplitude": float(heights.mean()) if len(heights) else 0.0,
        "scr_rise_time": float(rises.mean()) if len(rises) else np.nan,
        "phasic_area": float(np.maximum(phasic, 0).mean()),
    }


def respiration_features(signal: Array, sampling_rate_hz: float) -> dict[str, float]:
    """Describe breathing by the breaths between 0.1 and 0.5 Hz.

    Parameters
    ----------
    signal : ndarray of shape (n_samples,)
        Finite; rises while breathing in, as a chest belt does.
    sampling_rate_hz : float
        Above 2 Hz.

    Returns
    -------
    dict of str to float
        By the names of ``RESPIRATION_FEATURES``: breaths a minute; their standard deviation from breath to breath; mean
        swing from trough to peak in the signal's unit; time breathing in over time breathing out. NaN: all where there
        is no whole breath, ``rate_sd`` where there is only one.

    References
    ----------
    Khodadad et al. (2018), Optimized breath detection algorithm in electrical impedance tomography, Physiological
    Measurement 39(9): extremes between zero crossings, small swings left out.
    """
    wave = filtered(signal, sampling_rate_hz, BREATHING_HZ)
    smooth = filtered(signal, sampling_rate_hz, (None, min(TURNING_HZ, 0.45 * sampling_rate_hz)))
    places = _breath_extremes(wave)
    # The narrow band rounds a breath off: when it turned, and how far it went, the smoothed signal says.
    reach = max(1, round(0.5 * sampling_rate_hz))
    values = dict.fromkeys(RESPIRATION_FEATURES, np.nan)
    troughs = _placed(-smooth, places[0::2], reach)
    peaks = _placed(smooth, places[1::2], reach)
    if len(troughs) < 2:
        return values
    starts, tops, ends = troughs[:-1], peaks[: len(troughs) - 1], troughs[1:]
    rates = 60 * sampling_rate_hz / (ends - starts)
    at = np.arange(len(smooth))
    swings = np.interp(tops, at, smooth) - np.interp(starts, at, smooth)
    values["rate"] = float(60 * sampling_rate_hz / (ends - starts).mean())
    values["rate_sd"] = float(rates.std(ddof=1)) if len(rates) > 1 else np.nan
    values["amplitude"] = float(swings.mean())
    values["inhale_exhale_ratio"] = float((tops - starts).mean() / (ends - tops).mean())
    return values


def temperature_features(degrees: Array, sampling_rate_hz: float) -> dict[str, float]:
    """Return mean, standard deviation, slope a second and 5 to 95 % range of skin temperature in degrees Celsius."""
    return dict(zip(TEMPERATURE_FEATURES, _statistics(degrees, sampling_rate_hz, TEMPERATURE_FEATURES), strict=True))


def acceleration_features(axes: Array, sampling_rate_hz: float) -> dict[str, float]:
    """Return mean and standard deviation of the length of the acceleration, and its mean absolute change a second.

    Parameters
    ----------
    axes : ndarray of shape (n_axes, n_samples)

    References
    ----------
    Bouten et al. (1997), A triaxial accelerometer and portable data processing unit for the assessment of daily
    physical activity, IEEE TBME 44(3).

    Examples
    --------
    >>> acceleration_features(np.array([[3.0, 3.0], [4.0, 4.0]]), 1.0)
    {'magnitude_mean': 5.0, 'magnitude_sd': 0.0, 'activity': 0.0}
    """
    magnitude = np.sqrt(np.square(axes).sum(axis=0))
    values = _statistics(magnitude, sampling_rate_hz, ["mean", "sd", "velocity"])
    return dict(zip(ACCELERATION_FEATURES, values, strict=True))


def _statistics(values: Array, rate: float, statistics: list[str] | tuple[str, ...]) -> list[float]:
    return [float(value) for value in functionals(values[:, None], np.arange(len(values)) / rate, statistics)]


def _responses(smooth: Array, phasic: Array, rate: float) -> tuple[Array, Array]:
    """Return the heights and rise times of the responses: found in the phasic part, measured in the conductance."""
    from scipy.signal import find_peaks

    found, _ = find_peaks(phasic, prominence=SCR_MIN_MICROSIEMENS / 2)
    heights, rises = [], []
    before = 0
    for peak in map(int, found):
        first = max(before, peak - round(SCR_RISE_S * rate))
        peak = first + int(smooth[first : peak + max(1, round(rate / 2))].argmax())
        rise = smooth[first : peak + 1] - smooth[first : peak + 1].min()
        height = float(rise[-1])
        if height >= SCR_MIN_MICROSIEMENS:
            heights.append(height)
            rises.append((len(rise) - 1 - np.flatnonzero(rise <= ONSET_SHARE * height)[-1]) / rate)
        before = peak
    return np.array(heights), np.array(rises)


def _breath_extremes(wave: Array) -> Array:
    """Return places of a trough, a peak, a trough … between zero crossings; small swings are left out."""
    crossings = (np.flatnonzero(np.diff(wave > 0)) + 1).tolist()
    # What stands before the first and after the last crossing may go on outside the recording.
    places: list[int] = [first + int(np.abs(wave[first:last]).argmax()) for first, last in pairwise(crossings)]
    if len(places) > 1:
        usual = float(np.median(np.abs(np.diff(wave[places]))))
        kept: list[int] = []
        for place in places:
            if kept and (wave[place] > 0) == (wave[kept[-1]] > 0):
                kept[-1] = place if abs(wave[place]) > abs(wave[kept[-1]]) else kept[-1]
            elif not kept or abs(wave[place] - wave[kept[-1]]) >= BREATH_SHARE * usual:
                kept.append(place)
        places = kept
    if places and wave[places[0]] > 0:
        places = places[1:]
    return np.array(places, dtype=np.float64)


def _placed(wave: Array, places: Array, reach: int) -> Array:
    """Return each place moved to the top of the wave near it."""
    moved = []
    for place in places.astype(int):
        first = max(0, place - reach)
        moved.append(first + int(wave[first : place + reach + 1].argmax()))
    return refined_peaks(wave, np.array(moved, dtype=np.intp))
