"""Zero-phase filters and finely placed peaks, for slow signals of the body."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def filtered(signal: Array, sampling_rate_hz: float, band_hz: tuple[float | None, float]) -> Array:
    """Filter without delay: a second-order Butterworth filter, forwards and backwards.

    Parameters
    ----------
    signal : ndarray of shape (n_samples,)
    sampling_rate_hz : float
    band_hz : (low, high)
        Both for a band-pass, ``(None, high)`` for a low-pass; the upper one below half the rate.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        The ends are extended by reflection for one period of the lowest frequency, as far as the signal goes.

    References
    ----------
    Gustafsson (1996), Determining the initial states in forward-backward filtering, IEEE TSP 44(4).
    """
    from scipy.signal import butter, sosfiltfilt

    low, high = band_hz
    cutoff, kind, slowest = (high, "lowpass", high) if low is None else (band_hz, "bandpass", low)
    sections = butter(2, cutoff, kind, fs=sampling_rate_hz, output="sos")
    pad = min(len(signal) - 1, round(sampling_rate_hz / slowest))
    smoothed: Array = sosfiltfilt(sections, signal, padlen=pad)
    return smoothed


def refined_peaks(wave: Array, peaks: npt.NDArray[np.intp]) -> Array:
    """Return the places of peaks between samples: the top of the parabola through each and its two neighbours.

    Examples
    --------
    >>> times = np.arange(5.0)
    >>> refined_peaks(1 - (times - 2.25) ** 2, np.array([2])).tolist()
    [2.25]
    """
    places = peaks.astype(np.float64)
    inner = (peaks > 0) & (peaks < len(wave) - 1)
    before, top, after = (wave[peaks[inner] + step] for step in (-1, 0, 1))
    bend = before - 2 * top + after
    offset = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    places[inner] += np.clip(offset, -0.5, 0.5)
    return places
