"""What is done to every sound before it is measured, so that recordings of different corpora can be compared."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .base import Extractor
from .errors import SampleError
from .media import MAX_RATE_HZ, MIN_RATE_HZ, Audio, as_audio, decode_audio, resample, trim_silence

MIN_DURATION_S = 0.06  # openSMILE's longest frame: below it every functional is NaN (measured)
SHORT_DURATION_S = 0.25


class SoundExtractor(Extractor):
    """An extractor of sound: averaged to mono, resampled, trimmed of its quiet ends, brought to one loudness.

    A subclass stores the three parameters below, each of which None turns off, and measures what
    :meth:`_prepare` returns.

    Parameters
    ----------
    sampling_rate_hz : int or None
        Rate of analysis; None keeps the recording's own.
    trim_db : float or None
        Quiet ends are cut where they stay this far below the loudest 25 ms frame.
    rms : float or None
        Root mean square that the sound is scaled to (full scale 1); None keeps the recorded level.
    """

    source_column: ClassVar[str] = "audio"
    sampling_rate_hz: int | None
    trim_db: float | None
    rms: float | None

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> Audio:
        return decode_audio(data, start_s=start_s, end_s=end_s)

    def _accept(self, source: Any) -> Audio:
        if not (isinstance(source, tuple) and len(source) == 2):
            raise SampleError("bad_array", f"a path or (samples, sampling_rate_hz) is needed, got {source!r:.60}")
        return as_audio(*source)

    def _check_parameters(self) -> None:
        rate = self.sampling_rate_hz
        if rate is not None and (not MIN_RATE_HZ <= rate <= MAX_RATE_HZ or rate != int(rate)):
            raise ValueError(
                f"sampling_rate_hz must be a whole number from {MIN_RATE_HZ} to {MAX_RATE_HZ} or None, got {rate!r}"
            )
        for name, value in (("trim_db", self.trim_db), ("rms", self.rms)):
            if value is not None and not 0 < value < np.inf:
                raise ValueError(f"{name} must be a positive number or None, got {value!r}")

    def _prepare(self, signal: Audio, needed_s: float = MIN_DURATION_S) -> Audio:
        """Return the sound that is measured, with its warnings; raise SampleError where it is too short."""
        self._check_parameters()
        audio = signal if self.sampling_rate_hz is None else resample(signal, self.sampling_rate_hz)
        if audio.duration_s < needed_s:
            raise SampleError(
                "too_short",
                f"{needed_s} s needed, got {audio.duration_s:.3f} s; drop it or pass on_error='absent'",
            )
        warnings = list(audio.warnings)
        if audio.duration_s < SHORT_DURATION_S:
            warnings.append(f"short: {audio.duration_s:.3f} s of sound")
        if self.trim_db is not None:
            trimmed = trim_silence(audio, self.trim_db)
            audio = trimmed if trimmed.duration_s >= needed_s else audio
        samples = audio.samples
        if self.rms is not None:
            level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
            if level > np.finfo(np.float32).tiny:
                samples = samples * np.float32(self.rms / level)
        return Audio(samples, audio.sampling_rate_hz, tuple(warnings))
