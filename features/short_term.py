"""Statistics of the classic short-term features of audio analysis, in numpy alone: small, and the same everywhere."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .acoustic_notes import MFCC
from .base import FeatureNote, FloatArray
from .functionals import check_statistics, describe_functional, functional_names, functionals
from .media import Audio
from .sound_preparation import MIN_DURATION_S, SoundExtractor

TEXTBOOK = "Giannakopoulos and Pikrakis (2014), Introduction to Audio Analysis, Academic Press, chapter 4"
N_BLOCKS = 10  # parts of a frame, and of a spectrum, over which the entropies are taken (TEXTBOOK, 4.3 and 4.4)
ROLLOFF_SHARE = 0.9  # TEXTBOOK, 4.4.5
N_MEL_BANDS, N_MFCC = 26, 13
MEL_TOP_HZ = 8000.0
FRAMES_AT_ONCE = 4096  # an hour of sound is 144,000 frames: their spectra together would take a gigabyte
TEN_STATISTICS = ("mean", "sd", "min", "max", "q25", "median", "q75", "skewness", "kurtosis", "slope")
TINY = np.finfo(np.float64).tiny

Array = npt.NDArray[np.float64]

SERIES = {
    "zcr": FeatureNote("rate of zero crossings, of all samples", "1", TEXTBOOK),
    "energy": FeatureNote("energy: mean square of the samples", "1", TEXTBOOK),
    "energy_entropy": FeatureNote(
        "entropy of the energies of ten parts of the frame (low: sudden change)", "bit", TEXTBOOK
    ),
    "spectral_centroid": FeatureNote("centre of gravity of the spectrum", "Hz", TEXTBOOK),
    "spectral_spread": FeatureNote("standard deviation of the spectrum about its centroid", "Hz", TEXTBOOK),
    "spectral_entropy": FeatureNote(
        "entropy of the energies of ten parts of the spectrum (low: tonal)", "bit", TEXTBOOK
    ),
    "spectral_flux": FeatureNote(
        "squared difference of the spectrum to that of the frame before, both of sum 1", "1", TEXTBOOK
    ),
    "spectral_rolloff": FeatureNote("frequency below which 90 % of the spectral energy lies", "Hz", TEXTBOOK),
    **{
        f"mfcc{number}": FeatureNote(f"mel-frequency cepstral coefficient {number}, counted from 0", "1", MFCC)
        for number in range(N_MFCC)
    },
}


class ShortTermStatistics(SoundExtractor):
    """Statistics over a clip of 21 short-term features and of their change from frame to frame.

    Zero-crossing rate, energy and its entropy; centroid, spread, entropy, flux and roll-off of the spectrum; 13
    mel-frequency cepstral coefficients; the difference of each to the frame before (``delta_``).

    Parameters
    ----------
    window_s : float, default=0.05
        Length of a frame, at most 0.06.
    step_s : float, default=0.025
        From one frame to the next.
    statistics : tuple of str
        Out of ``emofuse.features.functionals.STATISTICS``, in the order of the columns.
    sampling_rate_hz : int or None, default=16000
        Rate of analysis; None keeps the recording's own.
    trim_db : float or None, default=35
        Quiet ends are cut where they stay this far below the loudest 25 ms frame.
    rms : float or None, default=0.05
        Root mean square that the sound is scaled to (full scale 1); None keeps the recorded level.

    References
    ----------
    .. [1] Giannakopoulos and Pikrakis (2014), Introduction to Audio Analysis, Academic Press, chapter 4.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    >>> extractor = ShortTermStatistics(statistics=("mean",))
    >>> row = dict(zip(extractor.get_feature_names_out(), extractor.extract_one((tone, 16000))))
    >>> len(row), round(float(row["spectral_centroid_mean"])), round(float(row["zcr_mean"]), 3)
    (42, 1000, 0.125)
    """

    libraries: ClassVar[tuple[str, ...]] = ("av", "numpy", "scipy", "soxr", "soundfile")

    def __init__(
        self,
        window_s: float = 0.05,
        step_s: float = 0.025,
        statistics: tuple[str, ...] = TEN_STATISTICS,
        sampling_rate_hz: int | None = 16_000,
        trim_db: float | None = 35.0,
        rms: float | None = 0.05,
    ) -> None:
        self.window_s = window_s
        self.step_s = step_s
        self.statistics = statistics
        self.sampling_rate_hz = sampling_rate_hz
        self.trim_db = trim_db
        self.rms = rms

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``<series>_<statistic>``, then ``delta_<series>_<statistic>``."""
        self._check_parameters()
        series = [*SERIES, *(f"delta_{name}" for name in SERIES)]
        return np.array(functional_names(series, self.statistics), dtype=object)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_statistics(self.statistics)
        if not 0.005 <= self.window_s <= MIN_DURATION_S:
            raise ValueError(f"window_s must be from 0.005 to {MIN_DURATION_S}, got {self.window_s!r}")
        if not 0.001 <= self.step_s <= self.window_s:
            raise ValueError(f"step_s must be from 0.001 to window_s, got {self.step_s!r}")

    def _measure(self, signal: Audio) -> tuple[FloatArray, tuple[str, ...]]:
        audio = self._prepare(signal)
        series = short_term_series(audio.samples, audio.sampling_rate_hz, window_s=self.window_s, step_s=self.step_s)
        series = np.hstack([series, np.diff(series, axis=0, prepend=series[:1])])
        times_s = self.step_s * np.arange(len(series))
        return functionals(series, times_s, self.statistics), audio.warnings

    def _describe(self, feature: str) -> FeatureNote:
        return describe_functional(feature, _describe_series)


def short_term_series(samples: FloatArray, sampling_rate_hz: int, *, window_s: float, step_s: float) -> Array:
    """Measure each frame of a sound.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,), float32
        At least one window long.
    sampling_rate_hz : int
    window_s, step_s : float
        Length of a frame and distance of frames, in seconds.

    Returns
    -------
    ndarray of shape (n_frames, 21)
        In the order of ``SERIES``.
    """
    window, step = round(window_s * sampling_rate_hz), max(1, round(step_s * sampling_rate_hz))
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::step]
    parts = []
    before: Array | None = None
    for first in range(0, len(frames), FRAMES_AT_ONCE):
        part = frames[first : first + FRAMES_AT_ONCE].astype(np.float64)
        spectra = np.abs(np.fft.rfft(part * np.hanning(window), axis=1))
        shares = spectra / np.maximum(spectra.sum(axis=1, keepdims=True), TINY)
        earlier = np.vstack([shares[:1] if before is None else before, shares[:-1]])
        before = shares[-1:]
        parts.append(
            np.column_stack(
                [
                    _zero_crossing_rate(part),
                    np.square(part).mean(axis=1),
                    _block_entropy(part),
                    *_centroid_and_spread(shares, sampling_rate_hz),
                    _block_entropy(spectra),
                    np.square(shares - earlier).sum(axis=1),
                    _rolloff_hz(spectra, sampling_rate_hz),
                    _mfcc(spectra, sampling_rate_hz),
                ]
            )
        )
    return np.vstack(parts)


def _zero_crossing_rate(frames: Array) -> Array:
    positive = frames >= 0
    return np.asarray((positive[:, 1:] != positive[:, :-1]).sum(axis=1) / frames.shape[1])


def _block_entropy(values: Array) -> Array:
    """Entropy of the energies of ``N_BLOCKS`` equal parts of each row, in bits."""
    length = values.shape[1] // N_BLOCKS
    energies = np.square(values[:, : length * N_BLOCKS].reshape(len(values), N_BLOCKS, length)).sum(axis=2)
    shares = energies / np.maximum(energies.sum(axis=1, keepdims=True), TINY)
    return np.asarray(-(shares * np.log2(np.maximum(shares, TINY))).sum(axis=1))


def _centroid_and_spread(shares: Array, rate: int) -> tuple[Array, Array]:
    hz = np.linspace(0, rate / 2, shares.shape[1])
    centroid = shares @ hz
    variance = (shares * np.square(hz - centroid[:, None])).sum(axis=1)
    return centroid, np.sqrt(variance)


def _rolloff_hz(spectra: Array, rate: int) -> Array:
    energy = np.cumsum(np.square(spectra), axis=1)
    bins = (energy >= ROLLOFF_SHARE * energy[:, -1:]).argmax(axis=1)
    return np.asarray(bins * (rate / 2) / (spectra.shape[1] - 1))


def _mfcc(spectra: Array, rate: int) -> Array:
    from scipy.fft import dct

    power = np.square(spectra) @ _mel_bands(spectra.shape[1], rate).T
    return np.asarray(dct(np.log(power + 1e-10), type=2, norm="ortho", axis=1)[:, :N_MFCC])


@cache
def _mel_bands(n_bins: int, rate: int) -> Array:
    """Return triangles of shape (n_bands, n_bins), evenly spaced in mel (Davis and Mermelstein 1980)."""
    top_mel = _mel(min(MEL_TOP_HZ, rate / 2))
    corners_hz = 700 * (10 ** (np.linspace(0, top_mel, N_MEL_BANDS + 2) / 2595) - 1)
    hz = np.linspace(0, rate / 2, n_bins)
    low, middle, high = corners_hz[:-2, None], corners_hz[1:-1, None], corners_hz[2:, None]
    return np.asarray(np.clip(np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)), 0, None))


def _mel(hz: float) -> float:
    """Mel scale of O'Shaughnessy (1987), Speech Communication: Human and Machine."""
    return float(2595 * np.log10(1 + hz / 700))


def _describe_series(name: str) -> FeatureNote:
    note = SERIES[name.removeprefix("delta_")]
    if not name.startswith("delta_"):
        return note
    return FeatureNote(f"change from the frame before of the {note.measures}", note.unit, note.source)
