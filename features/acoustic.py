"""Acoustic functionals by openSMILE, on sound prepared the same way whatever recorded it."""

from __future__ import annotations

import warnings as warnings_module
from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Extractor, FloatArray
from .errors import SampleError
from .media import MAX_RATE_HZ, MIN_RATE_HZ, Audio, as_audio, decode_audio, resample, trim_silence
from .per_thread import per_thread

# openSMILE's longest frame, and the frames that deltas need: below them every functional is NaN (measured).
MIN_DURATION_S = 0.06
MIN_DURATION_OF_SET_S = {"IS10": 0.07, "IS11": 0.07, "IS12": 0.07}
SHORT_DURATION_S = 0.25
INT16_FULL_SCALE = 32767 / 32768  # openSMILE casts to int16 without clipping, so +1.0 would wrap to -1.0


class OpenSmileFunctionals(Extractor):
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

    source_column: ClassVar[str] = "audio"
    libraries: ClassVar[tuple[str, ...]] = ("opensmile", "soxr", "soundfile")

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
        return np.array(_feature_names(self.feature_set), dtype=object)

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> Audio:
        return decode_audio(data, start_s=start_s, end_s=end_s)

    def _accept(self, source: Any) -> Audio:
        if not (isinstance(source, tuple) and len(source) == 2):
            raise SampleError("bad_array", f"a path or (samples, sampling_rate_hz) is needed, got {source!r:.60}")
        return as_audio(*source)

    def _measure(self, signal: Audio) -> tuple[FloatArray, tuple[str, ...]]:
        self._check_parameters()
        audio = signal if self.sampling_rate_hz is None else resample(signal, self.sampling_rate_hz)
        needed = MIN_DURATION_OF_SET_S.get(self.feature_set, MIN_DURATION_S)
        if audio.duration_s < needed:
            raise SampleError(
                "too_short",
                f"{needed} s needed, got {audio.duration_s:.3f} s; drop it or pass on_error='absent'",
            )
        warnings = list(audio.warnings)
        if audio.duration_s < SHORT_DURATION_S:
            warnings.append(f"short: {audio.duration_s:.3f} s of sound")
        audio = self._prepare(audio, needed)
        values = _smile(self.feature_set)(audio.samples, audio.sampling_rate_hz)
        return np.asarray(values, dtype=np.float32).reshape(-1), tuple(warnings)

    def _check_parameters(self) -> None:
        rate = self.sampling_rate_hz
        if rate is not None and (not MIN_RATE_HZ <= rate <= MAX_RATE_HZ or rate != int(rate)):
            raise ValueError(
                f"sampling_rate_hz must be a whole number from {MIN_RATE_HZ} to {MAX_RATE_HZ} or None, got {rate!r}"
            )
        for name, value in (("trim_db", self.trim_db), ("rms", self.rms)):
            if value is not None and not 0 < value < np.inf:
                raise ValueError(f"{name} must be a positive number or None, got {value!r}")

    def _prepare(self, audio: Audio, needed_s: float) -> Audio:
        if self.trim_db is not None:
            trimmed = trim_silence(audio, self.trim_db)
            audio = trimmed if trimmed.duration_s >= needed_s else audio
        samples = audio.samples
        if self.rms is not None:
            level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
            if level > np.finfo(np.float32).tiny:
                samples = samples * np.float32(self.rms / level)
        samples = np.clip(samples, -INT16_FULL_SCALE, INT16_FULL_SCALE).astype(np.float32)
        return Audio(samples, audio.sampling_rate_hz, audio.warnings)


@per_thread
def _smile(feature_set: str) -> Any:
    """Return this thread's own openSMILE: one instance must not be shared between threads."""
    import opensmile

    try:
        chosen = opensmile.FeatureSet[feature_set]
    except KeyError:
        offered = ", ".join(item.name for item in opensmile.FeatureSet)
        raise ValueError(f"feature_set {feature_set!r} is not shipped by opensmile; choose from {offered}") from None
    with warnings_module.catch_warnings():
        warnings_module.filterwarnings("ignore", message="Feature set .* is deprecated")
        return opensmile.Smile(chosen, opensmile.FeatureLevel.Functionals)


@cache
def _feature_names(feature_set: str) -> tuple[str, ...]:
    return tuple(_smile(feature_set).feature_names)
