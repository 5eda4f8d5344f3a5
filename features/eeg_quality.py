"""Before EEG is measured: trend and mains taken out, and what makes a channel doubtful put into words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .filters import filtered
from .montage import electrode
from .spectra import Array

NOTCH_QUALITY = 30.0  # a notch at 50 Hz is then 1.7 Hz wide
# Scalp EEG has a root mean square of about 10 to 100 microvolts (Niedermeyer and da Silva 2005, Electroencephalography).
PLAUSIBLE_UV = (0.1, 5000.0)
FLAT_SHARE = 1e-9  # of the level: less than this is rounding, not signal
SATURATED_RUN, SATURATED_SHARE = 5, 0.01
# Blinks reach 100 to 400 microvolts at the forehead within 0.1 to 0.4 s: Croft and Barry (2000), Neurophysiologie
# Clinique 30(1).
FOREHEAD = re.compile(r"FP|AF")
BLINK_UV, BLINK_SMOOTH_S = 120.0, 0.06
MAINS_HZ, MAINS_DB = (50.0, 60.0), 10.0


def detrended(samples: Array) -> Array:
    """Return each channel less its straight line of least squares, along the last axis."""
    n = samples.shape[-1]
    x = np.arange(n) - (n - 1) / 2
    centred = samples - samples.mean(axis=-1, keepdims=True)
    slope = (centred @ x) / max(n * (n**2 - 1) / 12, 1.0)
    return np.asarray(centred - slope[..., None] * x)


def without_mains(samples: Array, sampling_rate_hz: float, mains_hz: float) -> Array:
    """Take out the mains and its harmonics below half the rate, forwards and backwards, along the last axis."""
    from scipy.signal import iirnotch, sosfiltfilt, tf2sos

    for harmonic in np.arange(mains_hz, 0.49 * sampling_rate_hz, mains_hz):
        sections = tf2sos(*iirnotch(harmonic, NOTCH_QUALITY, fs=sampling_rate_hz))
        pad = min(samples.shape[-1] - 1, round(sampling_rate_hz))
        samples = sosfiltfilt(sections, samples, axis=-1, padlen=pad)
    return samples


def band_passed(samples: Array, sampling_rate_hz: float, band_hz: tuple[float, float]) -> Array:
    """Filter each channel of shape (n_channels, n_samples) to a band, without delay (Butterworth)."""
    return np.array([filtered(channel, sampling_rate_hz, band_hz) for channel in samples])


def is_flat(wave: Array, level: Array) -> npt.NDArray[np.bool_]:
    """Return which channels, once detrended, hold nothing but the rounding of their level (largest absolute value)."""
    return np.asarray(np.ptp(wave, axis=-1) < FLAT_SHARE * np.maximum(1.0, level))


def saturation(raw: Array, limits_uv: Array | None = None) -> Array:
    """Return the share of samples at which the converter was at its end.

    Parameters
    ----------
    raw : ndarray of shape (n_channels, n_samples)
        As recorded: neither filtered nor clipped.
    limits_uv : ndarray of shape (n_channels, 2), optional
        The ends, where they are known. Otherwise a highest or lowest value is one where it makes up half a per cent of
        the samples and comes five times in a row.

    Returns
    -------
    ndarray of shape (n_channels,)
    """
    ends = np.stack([raw.min(axis=-1), raw.max(axis=-1)], axis=-1) if limits_uv is None else limits_uv
    at_end = np.stack([raw <= ends[:, :1], raw >= ends[:, 1:]])
    shares: Array = np.count_nonzero(at_end, axis=-1) / raw.shape[-1]
    if limits_uv is None:
        for side, channel in zip(*np.nonzero(shares > SATURATED_SHARE / 2), strict=True):
            if _longest_run(at_end[side, channel]) < SATURATED_RUN:
                shares[side, channel] = 0.0
        shares[shares <= SATURATED_SHARE / 2] = 0.0
    return np.asarray(shares.sum(axis=0))


def doubts(
    channels: Sequence[str],
    raw: Array,
    wave: Array,
    sampling_rate_hz: float,
    spectrum: tuple[Array, Array],
    limits_uv: Array | None = None,
) -> list[str]:
    """Return a warning for each thing that makes channels doubtful.

    Parameters
    ----------
    channels : sequence of str
    raw, wave : ndarray of shape (n_channels, n_samples)
        As recorded in microvolts, and as it is measured.
    sampling_rate_hz : float
    spectrum : (ndarray of shape (n_frequencies,), ndarray of shape (n_channels, n_frequencies))
        Frequencies and power densities of ``wave``.
    limits_uv : ndarray of shape (n_channels, 2), optional
        See :func:`saturation`.

    Returns
    -------
    list of str
        ``saturated``, ``unit`` (volts taken for microvolts), ``blink`` and ``mains``, each with its channels.
    """
    found = []
    stuck = saturation(raw, limits_uv)
    if (stuck > SATURATED_SHARE).any():
        which = [f"{name} {share:.0%}" for name, share in zip(channels, stuck, strict=True) if share > SATURATED_SHARE]
        found.append(f"saturated: {', '.join(which)} of the samples at the limit")
    level = float(np.exp(np.log(np.maximum(wave.std(axis=-1), 1e-30)).mean()))
    if not PLAUSIBLE_UV[0] <= level <= PLAUSIBLE_UV[1]:
        found.append(f"unit: a standard deviation of {level:.2g} is not that of EEG in microvolts")
    smooth = _smoothed(wave, max(1, round(BLINK_SMOOTH_S * sampling_rate_hz)))
    blinks = [
        f"{name} {peak:.0f}"
        for name, peak in zip(channels, np.abs(smooth).max(axis=-1), strict=True)
        if FOREHEAD.match(electrode(name)) and BLINK_UV < peak < PLAUSIBLE_UV[1]
    ]
    if blinks:
        found.append(f"blink: deflections of {', '.join(blinks)} microvolts at the forehead")
    return [*found, *_hum(channels, *spectrum)]


def _hum(channels: Sequence[str], frequencies: Array, density: Array) -> list[str]:
    found = []
    for mains in MAINS_HZ:
        distance = np.abs(frequencies - mains)
        line, around = distance <= 1.0, (distance >= 2.0) & (distance <= 6.0)
        if not (line.any() and around.any() and mains + 6.0 < frequencies[-1]):
            continue
        level = np.maximum(density[:, around].mean(axis=-1), 1e-12)
        above = 10 * np.log10(np.maximum(density[:, line].max(axis=-1) / level, 1e-12))
        humming = [
            f"{name} {decibels:.0f} dB" for name, decibels in zip(channels, above, strict=True) if decibels > MAINS_DB
        ]
        if humming:
            found.append(f"mains: {', '.join(humming)} above the noise around {mains:g} Hz")
    return found


def _smoothed(wave: Array, width: int) -> Array:
    """Return running means over ``width`` samples, along the last axis."""
    grown = np.cumsum(wave, axis=-1)
    return np.asarray((grown[..., width:] - grown[..., :-width]) / width) if grown.shape[-1] > width else wave


def _longest_run(values: npt.NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], values, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))
