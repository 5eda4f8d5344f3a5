"""What is measured of EEG: pure functions on arrays with windows and channels in front, so that many go at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from .spectra import Array, in_band

TINY = np.finfo(np.float64).tiny
# Log ratios by the bands above and below the line. theta/beta: Lubar (1991), Biofeedback and Self-Regulation 16(3);
# alpha/beta and theta/alpha: Raufi and Longo (2022), Frontiers in Neuroinformatics 16; engagement: Pope et al. (1995),
# Biological Psychology 40; slow/fast: Finnigan et al. (2016), Clinical Neurophysiology 127(2).
RATIOS = {
    "theta_beta": (("theta",), ("beta",)),
    "alpha_beta": (("alpha",), ("beta",)),
    "theta_alpha": (("theta",), ("alpha",)),
    "engagement": (("beta",), ("alpha", "theta")),
    "slow_fast": (("delta", "theta"), ("alpha", "beta")),
}
EDGE_SHARE = 0.95
PEAK_SHARE = 0.25  # of the frequencies, those that stand highest above the 1/f line are taken for peaks
EIGENVALUE_FLOOR = 1e-6  # of the mean eigenvalue: channels that repeat others keep a finite logarithm


def log_power(powers: Array) -> Array:
    """Return log10 of powers; a power of zero counts as the smallest number there is."""
    return np.asarray(np.log10(np.maximum(powers, TINY)))


def relative_power(powers: Array) -> Array:
    """Return each band's share in the power of all bands.

    Parameters
    ----------
    powers : ndarray of shape (..., n_bands)

    Returns
    -------
    ndarray of shape (..., n_bands)
        Sums to 1; NaN where there is no power at all.

    Examples
    --------
    >>> relative_power(np.array([3.0, 1.0])).tolist()
    [0.75, 0.25]
    """
    total = powers.sum(axis=-1, keepdims=True)
    return np.divide(powers, total, out=np.full_like(powers, np.nan), where=total > 0)


def differential_entropy(powers: Array) -> Array:
    """Return the differential entropy of each band, taken as Gaussian: half the log of 2 pi e times its variance.

    It says the same as log power, on the scale (nats) that the EEG emotion literature reports.

    References
    ----------
    Shi, Jiao and Lu (2013), Differential entropy feature for EEG-based vigilance estimation, EMBC.

    Examples
    --------
    >>> np.round(differential_entropy(np.array([1.0])), 4).tolist()
    [1.4189]
    """
    return np.asarray(0.5 * np.log(2 * np.pi * np.e * np.maximum(powers, TINY)))


def usable_ratios(bands: Mapping[str, object]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return those of ``RATIOS`` whose bands are all among some."""
    return {name: parts for name, parts in RATIOS.items() if {*parts[0], *parts[1]} <= set(bands)}


def band_ratios(powers: Array, bands: Mapping[str, object]) -> Array:
    """Return log10 of each usable ratio, shape (..., n_ratios)."""
    order = list(bands)
    columns = [np.empty((*powers.shape[:-1], 0))]
    for above, below in usable_ratios(bands).values():
        top, bottom = (powers[..., [order.index(name) for name in side]].sum(axis=-1) for side in (above, below))
        columns.append((log_power(top) - log_power(bottom))[..., None])
    return np.concatenate(columns, axis=-1)


def asymmetry(left: Array, right: Array) -> Array:
    """Return log10 power of right channels less that of the left ones that face them.

    References
    ----------
    Davidson (1992), Anterior cerebral asymmetry and the nature of emotion, Brain and Cognition 20(1).
    """
    return log_power(right) - log_power(left)


def hjorth(samples: Array, sampling_rate_hz: float) -> Array:
    """Return Hjorth's activity, mobility and complexity.

    Parameters
    ----------
    samples : ndarray of shape (..., n_samples)
    sampling_rate_hz : float

    Returns
    -------
    ndarray of shape (..., 3)
        Variance (squared microvolts), mean frequency (as standard deviation of the slope over that of the signal, per
        second), and how much it differs from a sine, whose complexity is 1. NaN beyond activity for a flat signal.

    References
    ----------
    Hjorth (1970), EEG analysis based on time domain properties, Electroencephalography and Clinical Neurophysiology 29.
    """
    slope = np.diff(samples, axis=-1) * sampling_rate_hz
    activity, first, second = (
        part.var(axis=-1) for part in (samples, slope, np.diff(slope, axis=-1) * sampling_rate_hz)
    )
    mobility = np.sqrt(_ratio(first, activity))
    return np.stack(
        [activity, mobility, np.sqrt(_ratio(second, first)) / np.where(mobility > 0, mobility, np.nan)], axis=-1
    )


def spectral_edge(density: Array, frequencies_hz: Array, range_hz: tuple[float, float]) -> Array:
    """Return the frequency below which 95 % of the power of a range lies, between frequencies by a straight line.

    References
    ----------
    Rampil (1998), A primer for EEG signal processing in anesthesia, Anesthesiology 89(4).
    """
    inside = in_band(frequencies_hz, range_hz)
    chosen, width = density[..., inside], frequencies_hz[1] - frequencies_hz[0]
    grown = np.cumsum(chosen, axis=-1)
    wanted = EDGE_SHARE * grown[..., -1:]
    at = np.minimum((grown < wanted).sum(axis=-1, keepdims=True), chosen.shape[-1] - 1)
    reached, own = (np.take_along_axis(values, at, axis=-1) for values in (grown, chosen))
    edge = frequencies_hz[inside][at] + width * (0.5 - _ratio(reached - wanted, own))
    return np.asarray(edge[..., 0])


def spectral_entropy(density: Array, frequencies_hz: Array, range_hz: tuple[float, float]) -> Array:
    """Return how evenly power is spread over a range: 0 for one frequency, 1 for white noise.

    References
    ----------
    Inouye et al. (1991), Quantification of EEG irregularity by use of the entropy of the power spectrum,
    Electroencephalography and Clinical Neurophysiology 79(3).
    """
    share = relative_power(density[..., in_band(frequencies_hz, range_hz)])
    bits = -share * np.log(np.maximum(share, TINY))
    return np.asarray(bits.sum(axis=-1) / np.log(max(2, share.shape[-1])))


def aperiodic(density: Array, frequencies_hz: Array, range_hz: tuple[float, float]) -> Array:
    """Fit power = offset - exponent * log10 frequency, on log10 power, without its peaks.

    A line by least squares through all frequencies, then through those three quarters that stand least above it.

    Parameters
    ----------
    density : ndarray of shape (..., n_frequencies)
    frequencies_hz : ndarray of shape (n_frequencies,)
    range_hz : (float, float)

    Returns
    -------
    ndarray of shape (..., 2)
        Exponent (1) and offset (log10 of squared microvolts per Hz, at 1 Hz).

    References
    ----------
    Donoghue et al. (2020), Parameterizing neural power spectra into periodic and aperiodic components, Nature
    Neuroscience 23, whose robust fit this is in its simplest form.

    Examples
    --------
    >>> frequencies = np.arange(0.0, 50.0)
    >>> density = 100 / np.maximum(frequencies, 1) ** 1.5
    >>> np.round(aperiodic(density, frequencies, (2.0, 45.0)), 6).tolist()
    [1.5, 2.0]
    """
    inside = in_band(frequencies_hz, range_hz) & (frequencies_hz > 0)
    x, y = np.log10(frequencies_hz[inside]), log_power(density[..., inside])
    slope, offset = _line(x, y, np.ones_like(y))
    above = y - slope[..., None] * x - offset[..., None]
    keep = above <= np.quantile(above, 1 - PEAK_SHARE, axis=-1, keepdims=True)
    slope, offset = _line(x, y, keep.astype(np.float64))
    return np.stack([-slope, offset], axis=-1)


def line_length(samples: Array, sampling_rate_hz: float) -> Array:
    """Return the mean absolute change per second, in microvolts per second.

    References
    ----------
    Esteller et al. (2001), Line length: an efficient feature for seizure onset detection, EMBC.
    """
    return np.asarray(np.abs(np.diff(samples, axis=-1)).mean(axis=-1) * sampling_rate_hz)


def zero_crossings(samples: Array, sampling_rate_hz: float) -> Array:
    """Return how often a second the sign changes.

    References
    ----------
    Kedem (1986), Spectral analysis and discrimination by zero-crossings, Proceedings of the IEEE 74(11).
    """
    return np.asarray((np.diff(samples >= 0, axis=-1)).mean(axis=-1) * sampling_rate_hz)


def log_covariance(samples: Array) -> Array:
    """Return the matrix logarithm of the covariance between channels: its upper triangle, row by row.

    On this scale covariances, which live on a curved surface, may be averaged and compared as plain vectors.

    Parameters
    ----------
    samples : ndarray of shape (..., n_channels, n_samples)

    Returns
    -------
    ndarray of shape (..., n_channels * (n_channels + 1) / 2)
        Of the covariance in squared microvolts; eigenvalues below a millionth of their mean are raised to it.

    References
    ----------
    Barachant et al. (2013), Classification of covariance matrices using a Riemannian-based kernel for BCI
    applications, Neurocomputing 112.
    """
    centred = samples - samples.mean(axis=-1, keepdims=True)
    covariance = centred @ np.swapaxes(centred, -1, -2) / samples.shape[-1]
    values, vectors = np.linalg.eigh(covariance)
    floor = np.maximum(EIGENVALUE_FLOOR * values.mean(axis=-1, keepdims=True), TINY)
    logarithm = (vectors * np.log(np.maximum(values, floor))[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    rows, columns = np.triu_indices(samples.shape[-2])
    return np.asarray(logarithm[..., rows, columns])


def correlation(samples: Array) -> Array:
    """Return the correlation of each pair of channels: the upper triangle without its diagonal, row by row.

    Parameters
    ----------
    samples : ndarray of shape (..., n_channels, n_samples)

    Returns
    -------
    ndarray of shape (..., n_channels * (n_channels - 1) / 2)
    """
    centred = samples - samples.mean(axis=-1, keepdims=True)
    unit = _ratio(centred, np.linalg.norm(centred, axis=-1, keepdims=True))
    rows, columns = np.triu_indices(samples.shape[-2], k=1)
    return np.asarray((unit @ np.swapaxes(unit, -1, -2))[..., rows, columns])


def _line(x: Array, y: Array, weights: Array) -> tuple[Array, Array]:
    """Return slope and intercept of the weighted least-squares line along the last axis."""
    total = weights.sum(axis=-1)
    middle_x, middle_y = (weights * x).sum(axis=-1) / total, (weights * y).sum(axis=-1) / total
    from_x = x - middle_x[..., None]
    slope = (weights * from_x * (y - middle_y[..., None])).sum(axis=-1) / (weights * from_x**2).sum(axis=-1)
    return slope, middle_y - slope * middle_x


def _ratio(top: Array, bottom: Array) -> npt.NDArray[np.float64]:
    top, bottom = np.broadcast_arrays(top, bottom)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
