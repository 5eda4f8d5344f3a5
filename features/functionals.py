"""Functionals: what a series of frames (pitch, mouth opening, band power) did over a clip, in a few numbers each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from .base import FeatureNote

Array = npt.NDArray[np.float64]

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
# Each statistic with what it says of a series, and its unit where that of the series is u.
STATISTICS = {
    "mean": ("mean", "u"),
    "sd": ("standard deviation", "u"),
    "min": ("minimum", "u"),
    "max": ("maximum", "u"),
    **{name: (f"{share:.0%} quantile", "u") for name, share in QUANTILES.items()},
    "range": ("range from the 5 % to the 95 % quantile", "u"),
    "iqr": ("range from the 25 % to the 75 % quantile", "u"),
    "skewness": ("skewness (third standardised moment)", "1"),
    "kurtosis": ("excess kurtosis (fourth standardised moment, less 3)", "1"),
    "slope": ("slope of the least-squares line over time", "u/s"),
    "velocity": ("mean absolute change per second, from frame to frame", "u/s"),
}
SOURCE = "Schuller et al. (2007), The relevance of feature type for automatic emotion classification, Interspeech"


def functionals(series: npt.ArrayLike, times_s: npt.ArrayLike, statistics: Sequence[str]) -> npt.NDArray[np.float32]:
    """Summarise each series of a clip.

    Parameters
    ----------
    series : array of shape (n_frames, n_series)
        NaN where a frame has no value (no voice, no face); such frames are left out of each series by itself.
    times_s : array of shape (n_frames,)
        When each frame was, in seconds, rising; frames need not be evenly spaced.
    statistics : sequence of str
        Any of ``STATISTICS``.

    Returns
    -------
    ndarray of shape (n_series * n_statistics,), float32
        All statistics of the first series, then of the second; NaN for a series without any value, and 0 for the
        spread, slope and velocity of a single one.

    Examples
    --------
    >>> functionals([[0.0], [1.0], [2.0]], [0.0, 0.5, 1.0], ["mean", "slope"]).tolist()
    [1.0, 2.0]
    """
    check_statistics(statistics)
    values = np.asarray(series, dtype=np.float64)
    times = np.asarray(times_s, dtype=np.float64)
    seen = ~np.isnan(values)
    if seen.all() and len(values):
        columns = _summaries(values, times, statistics)
    else:
        columns = np.full((len(statistics), values.shape[1]), np.nan)
        for column in np.flatnonzero(seen.any(axis=0)):
            rows = seen[:, column]
            columns[:, [column]] = _summaries(values[rows][:, [column]], times[rows], statistics)
    return columns.T.astype(np.float32).ravel()


def functional_names(series: Iterable[str], statistics: Sequence[str]) -> list[str]:
    """Return ``<series>_<statistic>`` in the order of :func:`functionals`."""
    return [f"{name}_{statistic}" for name in series for statistic in statistics]


def describe_functional(feature: str, describe_series: Callable[[str], FeatureNote]) -> FeatureNote:
    """Return the note of ``<series>_<statistic>`` from that of the series."""
    name, statistic = feature.rsplit("_", 1)
    words, unit = STATISTICS[statistic]
    note = describe_series(name)
    return FeatureNote(f"{words} over the clip of: {note.measures}", _unit(unit, note.unit), f"{note.source}; {SOURCE}")


def check_statistics(statistics: Sequence[str]) -> None:
    """Raise ValueError where a statistic is unknown, repeats, or none is named."""
    unknown = [name for name in statistics if name not in STATISTICS]
    if unknown or isinstance(statistics, str) or not 0 < len(set(statistics)) == len(statistics):
        raise ValueError(f"statistics must be different names out of {list(STATISTICS)}, got {statistics!r}")


def _summaries(values: Array, times: Array, statistics: Sequence[str]) -> Array:
    """Return shape (n_statistics, n_series) for values without NaN, at least one frame."""
    mean, centred = values.mean(axis=0), values - values.mean(axis=0)
    spread = np.sqrt(np.square(centred).mean(axis=0))
    wanted = sorted({*QUANTILES.values()})
    quantile = dict(zip(wanted, np.quantile(values, wanted, axis=0), strict=True))
    when = times - times.mean()
    length = times[-1] - times[0]
    safe = np.where(spread > 1e-12 * (1 + np.abs(mean)), spread, np.inf)
    calculate: dict[str, Callable[[], Array]] = {
        "mean": lambda: mean,
        "sd": lambda: spread,
        "min": lambda: values.min(axis=0),
        "max": lambda: values.max(axis=0),
        **{name: (lambda share=share: quantile[share]) for name, share in QUANTILES.items()},  # type: ignore[misc]
        "range": lambda: quantile[0.95] - quantile[0.05],
        "iqr": lambda: quantile[0.75] - quantile[0.25],
        "skewness": lambda: ((centred / safe) ** 3).mean(axis=0),
        "kurtosis": lambda: np.where(np.isfinite(safe), ((centred / safe) ** 4).mean(axis=0) - 3, 0.0),
        "slope": lambda: when @ centred / max(float(when @ when), np.finfo(np.float64).tiny),
        "velocity": lambda: np.abs(np.diff(values, axis=0)).sum(axis=0) / (length if length > 0 else np.inf),
    }
    return np.array([calculate[name]() for name in statistics])


def _unit(unit: str, of_series: str) -> str:
    if unit == "u/s":
        return "1/s" if of_series == "1" else f"{of_series}/s"
    return of_series if unit == "u" else unit
