"""Acoustic features by openSMILE, on sound prepared the same way whatever recorded it."""

from __future__ import annotations

import warnings as warnings_module
from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import FeatureNote, FloatArray
from .functionals import check_statistics, describe_functional, functional_names, functionals
from .media import Audio
from .per_thread import per_thread
from .sound_preparation import MIN_DURATION_S, SoundExtractor

MIN_DURATION_OF_SET_S = {"IS10": 0.07, "IS11": 0.07, "IS12": 0.07}  # the frames that their deltas need (measured)
INT16_FULL_SCALE = 32767 / 32768  # openSMILE casts to int16 without clipping, so +1.0 would wrap to -1.0
FRAME_STEP_S = 0.01  # of every set that opensmile ships
DESCRIPTOR_STATISTICS = ("mean", "sd", "q05", "q25", "median", "q75", "q95", "slope", "velocity")
# Descriptors of the voice alone: openSMILE writes 0 where a frame has no pitch.
PITCHES = ("F0semitoneFrom27.5Hz", "F0final", "F0")
VOICED = (*PITCHES, "jitterLocal", "jitterDDP", "shimmerLocal", "logHNR")
# Those that opensmile ships, the two most used first.
FEATURE_SETS = (
    "eGeMAPSv02",
    "ComParE_2016",
    "GeMAPS",
    "GeMAPSv01b",
    "eGeMAPS",
    "eGeMAPSv01b",
    "emobase",
    "IS09",
    "IS10",
    "IS11",
    "IS12",
    "IS13",
)


class OpenSmileFunctionals(SoundExtractor):
    """Functionals of an openSMILE feature set over a whole clip.

    Sound is averaged to mono, resampled, trimmed of its quiet ends and brought to one loudness, so that recordings
    of different corpora can be compared; each step can be turned off.

    Parameters
    ----------
    feature_set : str, default="eGeMAPSv02"
        Any set that opensmile ships: ``eGeMAPSv02`` (88 features, [1]_), ``ComParE_2016`` (6373, [2]_), ``GeMAPSv01b``,
        ``eGeMAPSv01b``, ``emobase``, ``IS09``, ``IS10``, ``IS11``, ``IS12``, ``IS13``, ``GeMAPS``, ``eGeMAPS``.
    sampling_rate_hz : int or None, default=16000
        Rate of analysis; None keeps the recording's own.
    trim_db : float or None, default=35
        Quiet ends are cut where they stay this far below the loudest 25 ms frame.
    rms : float or None, default=0.05
        Root mean square that the sound is scaled to (full scale 1); None keeps the recorded level.

    Notes
    -----
    :meth:`extract_one` also takes a tuple ``(samples, sampling_rate_hz)``. At least 0.06 s of sound are needed, for
    ``IS10`` to ``IS12`` 0.07 s.

    References
    ----------
    .. [1] Eyben et al. (2016), The Geneva Minimalistic Acoustic Parameter Set (GeMAPS), IEEE TAC 7(2).
    .. [2] Weninger et al. (2013), On the acoustics of emotion in audio, Frontiers in Psychology 4:292.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    >>> OpenSmileFunctionals().extract_one((tone, 16000)).shape
    (88,)
    """

    libraries: ClassVar[tuple[str, ...]] = ("opensmile", "soxr", "soundfile")
    variants: ClassVar[tuple[dict[str, Any], ...]] = tuple({"feature_set": name} for name in FEATURE_SETS)

    def __init__(
        self,
        feature_set: str = "eGeMAPSv02",
        sampling_rate_hz: int | None = 16_000,
        trim_db: float | None = 35.0,
        rms: float | None = 0.05,
    ) -> None:
        self.feature_set = feature_set
        self.sampling_rate_hz = sampling_rate_hz
        self.trim_db = trim_db
        self.rms = rms

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return openSMILE's own feature names."""
        self._check_parameters()
        return np.array(_names(self.feature_set, "Functionals"), dtype=object)

    def _measure(self, signal: Audio) -> tuple[FloatArray, tuple[str, ...]]:
        audio = self._prepare(signal, MIN_DURATION_OF_SET_S.get(self.feature_set, MIN_DURATION_S))
        return _analyse(audio, self.feature_set, "Functionals").reshape(-1), audio.warnings

    def _describe(self, feature: str) -> FeatureNote:
        from .acoustic_notes import describe_opensmile

        return describe_opensmile(feature, self.feature_set)


class OpenSmileDescriptors(SoundExtractor):
    """Statistics of the low-level descriptors (10 ms frames) of an openSMILE feature set over a clip.

    Fewer and plainer columns than openSMILE's own functionals, from the same frames. Descriptors of the voice alone
    (F0, jitter, shimmer, harmonics-to-noise ratio, all of GeMAPS's ``_sma3nz``) are summarised over voiced frames; deltas
    are regression slopes over five frames [2]_.

    Parameters
    ----------
    feature_set : str, default="ComParE_2016"
        As of :class:`OpenSmileFunctionals`; ``ComParE_2016`` has 65 descriptors, ``eGeMAPSv02`` 25.
    statistics : tuple of str
        Out of ``emofuse.features.functionals.STATISTICS``, in the order of the columns.
    deltas : bool, default=True
        Whether the deltas of the descriptors are summarised too.
    sampling_rate_hz, trim_db, rms
        As of :class:`OpenSmileFunctionals`.

    Notes
    -----
    The last column, ``voiced_share``, is the share of frames with a pitch; where it is 0 the statistics of the voice
    are 0 too, with a warning.

    References
    ----------
    .. [1] Eyben, Woellmer and Schuller (2010), openSMILE, the Munich versatile and fast open-source audio feature
       extractor, ACM Multimedia.
    .. [2] Young et al. (2006), The HTK Book, section 5.9.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    >>> extractor = OpenSmileDescriptors("eGeMAPSv02", statistics=("mean", "sd"))
    >>> extractor.extract_one((tone, 16000)).shape
    (101,)
    """

    libraries: ClassVar[tuple[str, ...]] = ("av", "opensmile", "soxr", "soundfile")
    variants: ClassVar[tuple[dict[str, Any], ...]] = tuple({"feature_set": name} for name in FEATURE_SETS)

    def __init__(
        self,
        feature_set: str = "ComParE_2016",
        statistics: tuple[str, ...] = DESCRIPTOR_STATISTICS,
        deltas: bool = True,
        sampling_rate_hz: int | None = 16_000,
        trim_db: float | None = 35.0,
        rms: float | None = 0.05,
    ) -> None:
        self.feature_set = feature_set
        self.statistics = statistics
        self.deltas = deltas
        self.sampling_rate_hz = sampling_rate_hz
        self.trim_db = trim_db
        self.rms = rms

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``<descriptor>_<statistic>`` in openSMILE's order, ``delta_`` of the same, then ``voiced_share``."""
        self._check_parameters()
        check_statistics(self.statistics)
        series = descriptor_names(self.feature_set, deltas=self.deltas)
        return np.array([*functional_names(series, self.statistics), "voiced_share"], dtype=object)

    def _measure(self, signal: Audio) -> tuple[FloatArray, tuple[str, ...]]:
        audio = self._prepare(signal, MIN_DURATION_OF_SET_S.get(self.feature_set, MIN_DURATION_S))
        series = descriptor_frames(audio, self.feature_set, deltas=False)
        pitch, of_voice = _voice_columns(self.feature_set)
        voiced = series[:, pitch] > 0
        series[:, of_voice] = np.where(voiced[:, None] & (series[:, of_voice] != 0), series[:, of_voice], np.nan)
        if self.deltas:
            series = np.hstack([series, _deltas(series)])
        values = functionals(series, FRAME_STEP_S * np.arange(len(series)), self.statistics)
        warnings = audio.warnings if voiced.any() else (*audio.warnings, "no voice: no frame has a pitch")
        return np.append(np.nan_to_num(values, nan=0.0), np.float32(voiced.mean())), warnings

    def _describe(self, feature: str) -> FeatureNote:
        from .acoustic_notes import OPENSMILE

        if feature == "voiced_share":
            return FeatureNote("share of the 10 ms frames that have a pitch", "1", OPENSMILE)
        return describe_functional(feature, describe_series)


def descriptors(audio: Audio, feature_set: str = "eGeMAPSv02") -> dict[str, FloatArray]:
    """Return the low-level descriptors of a sound as it is, by name: arrays of shape (n_frames,), ``FRAME_STEP_S`` apart."""
    names = _names(feature_set, "LowLevelDescriptors")
    return dict(zip(names, _analyse(audio, feature_set, "LowLevelDescriptors")[0], strict=True))


def descriptor_names(feature_set: str, *, deltas: bool) -> tuple[str, ...]:
    """Return the names of a set's low-level descriptors, then, with ``deltas``, ``delta_`` of the same."""
    names = _names(feature_set, "LowLevelDescriptors")
    return (*names, *(f"delta_{name}" for name in names)) if deltas else names


def descriptor_frames(audio: Audio, feature_set: str, *, deltas: bool) -> npt.NDArray[np.float64]:
    """Return the low-level descriptors of a sound, shape (n_frames, n_names), ``FRAME_STEP_S`` apart, 0 where unvoiced."""
    frames = _analyse(audio, feature_set, "LowLevelDescriptors")[0].T.astype(np.float64)
    return np.hstack([frames, _deltas(frames)]) if deltas else frames


def describe_series(name: str) -> FeatureNote:
    """Return the note of a low-level descriptor, or of ``delta_`` of one."""
    from .acoustic_notes import describe_descriptor

    if not name.startswith("delta_"):
        return describe_descriptor(name)
    note = describe_descriptor(name.removeprefix("delta_"))
    return FeatureNote(
        f"change a frame (delta over 5 frames) of the {note.measures}", f"{note.unit}/frame", note.source
    )


def _analyse(audio: Audio, feature_set: str, level: str) -> FloatArray:
    """Return openSMILE's answer, of shape (1, n_features, n_frames)."""
    samples = np.clip(audio.samples, -INT16_FULL_SCALE, INT16_FULL_SCALE).astype(np.float32, copy=False)
    return np.asarray(_smile(feature_set, level)(samples, audio.sampling_rate_hz), dtype=np.float32)


def _deltas(series: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the regression slope a frame over five frames; the first and the last frame count on beyond the ends."""
    padded = np.pad(series, ((2, 2), (0, 0)), mode="edge")
    slopes: npt.NDArray[np.float64] = (padded[3:-1] - padded[1:-3] + 2 * (padded[4:] - padded[:-4])) / 10
    return slopes


@per_thread
def _smile(feature_set: str, level: str = "Functionals") -> Any:
    """Return this thread's own openSMILE: one instance must not be shared between threads."""
    import opensmile

    try:
        chosen = opensmile.FeatureSet[feature_set]
    except KeyError:
        offered = ", ".join(item.name for item in opensmile.FeatureSet)
        raise ValueError(f"feature_set {feature_set!r} is not shipped by opensmile; choose from {offered}") from None
    with warnings_module.catch_warnings():
        warnings_module.filterwarnings("ignore", message="Feature set .* is deprecated")
        return opensmile.Smile(chosen, opensmile.FeatureLevel[level])


@cache
def _names(feature_set: str, level: str) -> tuple[str, ...]:
    return tuple(_smile(feature_set, level).feature_names)


@cache
def _voice_columns(feature_set: str) -> tuple[int, npt.NDArray[np.intp]]:
    """Return the column of the pitch among a set's descriptors, and the columns that only voiced frames have."""
    names = _names(feature_set, "LowLevelDescriptors")
    stems = [name.rsplit("_sma", 1)[0] for name in names]
    pitch = next(number for number, stem in enumerate(stems) if stem in PITCHES)
    of_voice = [number for number, stem in enumerate(stems) if stem in VOICED or names[number].endswith("_sma3nz")]
    return pitch, np.array(of_voice)
