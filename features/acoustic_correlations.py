"""How the descriptors of a sound move together: what their means and spreads over a clip do not say."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .acoustic import FEATURE_SETS, MIN_DURATION_OF_SET_S, describe_series, descriptor_frames, descriptor_names
from .base import FeatureNote, FloatArray
from .media import Audio
from .sound_preparation import MIN_DURATION_S, SoundExtractor

LOG_EUCLIDEAN = (
    "Arsigny et al. (2006), Log-Euclidean metrics for fast and simple calculus on diffusion tensors, MRM 56(2)"
)
CONSTANT = 1e-9  # a spread this small beside the mean is rounding
WITH = "~"  # between the names of two descriptors

Array = npt.NDArray[np.float64]


class OpenSmileCorrelations(SoundExtractor):
    """Correlations between the low-level descriptors (10 ms frames) of an openSMILE feature set over a clip.

    Correlation matrices lie on a curved cone, on which straight distances mean little; their matrix logarithms lie in a flat
    space [1]_. Each clip is the upper triangle of ``logm((1 - shrinkage) * R + shrinkage * I)``, elements off the diagonal
    times the square root of 2, so that the distance of two rows is that of the two matrices. Region covariances [2]_ describe
    pictures in this way.

    Parameters
    ----------
    feature_set : str, default="eGeMAPSv02"
        As of :class:`~.acoustic.OpenSmileFunctionals`; ``eGeMAPSv02`` has 25 descriptors, ``ComParE_2016`` 65.
    deltas : bool, default=True
        Whether the changes of the descriptors (regression slopes over five frames) count among them.
    shrinkage : float, default=0.1
        Share of the identity: a clip has few frames more than descriptors, or fewer.
    sampling_rate_hz, trim_db, rms
        As of :class:`~.acoustic.OpenSmileFunctionals`.

    Notes
    -----
    Descriptors are taken as openSMILE has them, 0 where it has no pitch: that the voice comes and goes is part of how they move.
    One that stays the same over the clip correlates with nothing. Where a sound of less than a second is cut matters more than it
    does to means: a few frames of silence more at its ends change a row by two thirds of what another such sound would.

    References
    ----------
    .. [1] Arsigny et al. (2006), Log-Euclidean metrics for fast and simple calculus on diffusion tensors, Magnetic Resonance
       in Medicine 56(2).
    .. [2] Tuzel, Porikli and Meer (2006), Region covariance: a fast descriptor for detection and classification, ECCV.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    >>> OpenSmileCorrelations("eGeMAPSv02", deltas=False).extract_one((tone, 16000)).shape
    (325,)
    """

    libraries: ClassVar[tuple[str, ...]] = ("av", "numpy", "opensmile", "soxr", "soundfile")
    variants: ClassVar[tuple[dict[str, Any], ...]] = tuple({"feature_set": name} for name in FEATURE_SETS)

    def __init__(
        self,
        feature_set: str = "eGeMAPSv02",
        deltas: bool = True,
        shrinkage: float = 0.1,
        sampling_rate_hz: int | None = 16_000,
        trim_db: float | None = 35.0,
        rms: float | None = 0.05,
    ) -> None:
        self.feature_set = feature_set
        self.deltas = deltas
        self.shrinkage = shrinkage
        self.sampling_rate_hz = sampling_rate_hz
        self.trim_db = trim_db
        self.rms = rms

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``<descriptor>~<descriptor>`` row by row of the upper triangle, each row from its diagonal on."""
        self._check_parameters()
        return np.array(_pairs(self.feature_set, self.deltas), dtype=object)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not 0 < self.shrinkage < 1:
            raise ValueError(f"shrinkage must lie between 0 and 1, got {self.shrinkage!r}")

    def _measure(self, signal: Audio) -> tuple[FloatArray, tuple[str, ...]]:
        audio = self._prepare(signal, MIN_DURATION_OF_SET_S.get(self.feature_set, MIN_DURATION_S))
        frames = descriptor_frames(audio, self.feature_set, deltas=self.deltas)
        return log_correlations(frames, self.shrinkage), audio.warnings

    def _describe(self, feature: str) -> FeatureNote:
        one, other = (_noted(name) for name in feature.split(WITH))
        if one == other:
            measures = f"how little the others say (logarithm of the correlations, diagonal) of the: {one.measures}"
        else:
            measures = f"how much ({one.measures}) and ({other.measures}) move together (logarithm of the correlations)"
        sources = dict.fromkeys((one.source, other.source, LOG_EUCLIDEAN))
        return FeatureNote(measures, "1", "; ".join(sources))


def log_correlations(frames: Array, shrinkage: float) -> FloatArray:
    """Return the matrix logarithm of the shrunk correlations between columns, as a flat row.

    Parameters
    ----------
    frames : ndarray of shape (n_frames, n_series)
    shrinkage : float
        Share of the identity, above 0 and below 1.

    Returns
    -------
    ndarray of shape (n_series * (n_series + 1) / 2,), float32
        The upper triangle, row by row; elements off the diagonal times the square root of 2.

    Examples
    --------
    >>> log_correlations(np.array([[1.0, 3.0], [2.0, 3.0], [3.0, 3.0]]), 0.1).tolist()
    [0.0, 0.0, 0.0]
    """
    centred = frames - frames.mean(axis=0)
    spread = np.sqrt(np.square(centred).mean(axis=0))
    standard = centred / np.where(spread > CONSTANT * (1 + np.abs(frames.mean(axis=0))), spread, np.inf)
    correlations = (1 - shrinkage) * (standard.T @ standard) / len(frames)
    np.fill_diagonal(correlations, 1.0)
    values, directions = np.linalg.eigh(correlations)
    # No eigenvalue is below the shrinkage but by rounding.
    logarithm = (directions * np.log(np.maximum(values, shrinkage))) @ directions.T
    rows, columns = np.triu_indices(len(logarithm))
    flat = logarithm[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0))
    return np.asarray(flat, dtype=np.float32)


@cache
def _pairs(feature_set: str, deltas: bool) -> tuple[str, ...]:
    names = descriptor_names(feature_set, deltas=deltas)
    return tuple(f"{one}{WITH}{other}" for place, one in enumerate(names) for other in names[place:])


@cache
def _noted(series: str) -> FeatureNote:
    return describe_series(series)
