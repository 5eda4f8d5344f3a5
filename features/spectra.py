"""Power spectral densities of many windows and channels at once, by Welch's method and by multitapers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

N_TAPERS, TIME_BANDWIDTH = (
    3,
    2.0,
)  # the first 2 NW - 1 tapers leak little: Thomson (1982), Proceedings of the IEEE 70(9)
BLOCK_VALUES = 2**21  # values in one Fourier transform: memory stays the same for long recordings


def power_density(
    samples: Array, sampling_rate_hz: float, *, segment_s: float = 1.0, method: str = "welch"
) -> tuple[Array, Array]:
    """Estimate the one-sided power spectral density in half-overlapping segments.

    Parameters
    ----------
    samples : ndarray of shape (..., n_samples)
        Microvolts; windows and channels in front, time last.
    sampling_rate_hz : float
    segment_s : float, default=1
        Length of a segment, and so the inverse of the distance between frequencies; at most that of the samples.
    method : {"welch", "multitaper"}, default="welch"
        One Hann window a segment [1]_, or three Slepian tapers of time-bandwidth 2 [2]_, whose estimates are averaged:
        they vary less from segment to segment, at half the resolution.

    Returns
    -------
    frequencies_hz : ndarray of shape (n_frequencies,)
    density : ndarray of shape (..., n_frequencies)
        Microvolts squared per Hz. With ``"welch"`` the same as :func:`scipy.signal.welch`.

    References
    ----------
    .. [1] Welch (1967), The use of fast Fourier transform for the estimation of power spectra, IEEE TAE 15(2).
    .. [2] Thomson (1982), Spectrum estimation and harmonic analysis, Proceedings of the IEEE 70(9).

    Examples
    --------
    >>> tone = np.sqrt(2) * np.sin(2 * np.pi * 10 * np.arange(512) / 256)
    >>> frequencies, density = power_density(tone, 256.0)
    >>> float(frequencies[density.argmax()]), round(float(density.sum()), 6)
    (10.0, 1.0)
    """
    if method not in ("welch", "multitaper"):
        raise ValueError(f"method must be 'welch' or 'multitaper', got {method!r}")
    length = round(segment_s * sampling_rate_hz)
    if not 1 < length <= samples.shape[-1]:
        raise ValueError(f"segments of {length} samples do not fit into {samples.shape[-1]}; change segment_s")
    tapers = _tapers(length, method)
    frames = np.lib.stride_tricks.sliding_window_view(samples, length, axis=-1)[..., :: length - length // 2, :]
    n_frames = frames.shape[-2]
    at_once = max(1, BLOCK_VALUES // max(1, frames[..., 0, :].size * len(tapers)))
    total = np.zeros((*samples.shape[:-1], length // 2 + 1))
    for begin in range(0, n_frames, at_once):
        block = frames[..., begin : begin + at_once, :]
        block = block - block.mean(axis=-1, keepdims=True)
        for taper in tapers:
            spectrum = np.fft.rfft(block * taper, axis=-1)
            total += (np.square(spectrum.real) + np.square(spectrum.imag)).sum(axis=-2)
    density = total / (n_frames * sampling_rate_hz * np.square(tapers).sum())
    density[..., 1 : (length + 1) // 2] *= 2
    return np.asarray(np.fft.rfftfreq(length, 1 / sampling_rate_hz), dtype=np.float64), density


def in_band(frequencies_hz: Array, band_hz: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Return which frequencies lie in a band, its lower bound included, its upper one not."""
    low, high = band_hz
    return np.asarray((frequencies_hz >= low) & (frequencies_hz < high))


def band_powers(density: Array, frequencies_hz: Array, bands_hz: Mapping[str, Sequence[float]]) -> Array:
    """Return the power in each band: density times bandwidth, summed over its frequencies.

    Parameters
    ----------
    density : ndarray of shape (..., n_frequencies)
        Microvolts squared per Hz.
    frequencies_hz : ndarray of shape (n_frequencies,)
        Evenly spaced.
    bands_hz : mapping of str to (float, float)

    Returns
    -------
    ndarray of shape (..., n_bands)
        Microvolts squared.
    """
    inside = np.stack([in_band(frequencies_hz, band) for band in bands_hz.values()], axis=1)
    powers: Array = density @ inside.astype(np.float64) * (frequencies_hz[1] - frequencies_hz[0])
    return powers


@lru_cache(maxsize=16)
def _tapers(length: int, method: str) -> Array:
    from scipy.signal import windows

    if method == "welch":
        tapers: Array = windows.hann(length, sym=False)[None]
    else:
        tapers = windows.dpss(length, TIME_BANDWIDTH, N_TAPERS)
    return tapers
