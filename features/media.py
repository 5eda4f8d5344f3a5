"""Sound from outside: decoded, checked and brought to mono float32 here, and only here."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import SampleError

MAX_DURATION_S = 3600.0
MAX_CHANNELS = 64
MAX_VALUES = 2**29  # 2 GiB once decoded: an hour of stereo at 48 kHz, whatever the file says after compression
MIN_RATE_HZ, MAX_RATE_HZ = 1000, 768_000
NARROW_BAND_HZ = 16_000
CLIPPING_LEVEL = 0.999
CLIPPING_SHARE = 0.01
STREAMING_SIZES = (0x7FFFFFFF, 0x7FFFF000)

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Audio:
    """Decoded sound.

    Attributes
    ----------
    samples : ndarray of shape (n_samples,), float32
        Mono, finite; full scale is +-1, float files may exceed it.
    sampling_rate_hz : int
    warnings : tuple of str
        What lowers the quality of the sound (clipping, silence, truncation).
    """

    samples: FloatArray
    sampling_rate_hz: int
    warnings: tuple[str, ...] = field(default=())

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sampling_rate_hz


def decode_audio(
    data: bytes,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    max_duration_s: float = MAX_DURATION_S,
) -> Audio:
    """Decode the sound of a file held in memory to mono float32 at its own rate.

    WAV, FLAC, OGG, MP3 and AIFF are read with libsndfile, the sound of MP4, MOV, M4A, AAC, MPEG, WebM, AVI … with
    FFmpeg. The format is found from the content, never from the name. Channels are averaged.

    Parameters
    ----------
    data : bytes
        The whole file.
    start_s, end_s : float, optional
        Bounds of the clip, in seconds.
    max_duration_s : float, default=3600
        Longest sound decoded, judged by the header before anything is decoded.

    Returns
    -------
    Audio

    Raises
    ------
    SampleError
        ``not_audio``, ``no_sound``, ``bad_rate``, ``too_many_channels``, ``mixed_format``, ``too_long``, ``too_slow``,
        ``bad_clip``, ``no_samples`` or ``not_finite``.
    """
    import soundfile as sf

    check_bounds(start_s, end_s)
    try:
        with sf.SoundFile(InMemory(data)) as file:
            rate, channels, frames = file.samplerate, file.channels, file.frames
            _check_rate(rate)
            _check_channels(channels)
            first, count = _clip_frames(rate, frames, start_s, end_s, max_duration_s)
            if count * channels > MAX_VALUES:
                raise SampleError(
                    "too_long", f"at most {MAX_VALUES} values are decoded, got {count} x {channels}; cut it into clips"
                )
            if first:
                file.seek(first)
            values = file.read(count, dtype="float32", always_2d=True)
    except (sf.LibsndfileError, RuntimeError, ValueError) as error:
        reason = error.error_string if isinstance(error, sf.LibsndfileError) else str(error)
        return _decode_from_container(data, start_s, end_s, max_duration_s, reason)
    audio = as_audio(values, rate)
    if len(values) < count or _is_truncated(data):
        note = f"truncated: {len(values)} frames decoded, the header names more"
        audio = Audio(audio.samples, rate, (*audio.warnings, note))
    return audio


def as_audio(samples: Any, sampling_rate_hz: Any) -> Audio:
    """Bring an array of sound samples to mono float32.

    Parameters
    ----------
    samples : array of shape (n_samples,) or (n_samples, n_channels)
        Floats with full scale +-1, or integers, scaled by their type's range (unsigned 8-bit is centred).
    sampling_rate_hz : int

    Returns
    -------
    Audio

    Raises
    ------
    SampleError
        ``bad_array`` (type or shape), ``bad_rate``, ``too_many_channels``, ``no_samples`` or ``not_finite``.
    """
    rate = _check_rate(sampling_rate_hz)
    try:
        values = np.asarray(samples)
    except ValueError:
        raise SampleError(
            "bad_array", "a numeric array (n,) or (n, channels) is needed, got rows of several lengths"
        ) from None
    if values.ndim not in (1, 2) or values.dtype.kind not in "fiu":
        raise SampleError(
            "bad_array", f"a numeric array (n,) or (n, channels) is needed, got {values.dtype} {values.shape}"
        )
    if values.size == 0:
        raise SampleError("no_samples", "the sound has 0 samples; drop it")
    if values.ndim == 2 and values.shape[0] < values.shape[1]:
        raise SampleError("bad_array", f"shape {values.shape} is (channels, n); pass its transpose (n, channels)")
    _check_channels(1 if values.ndim == 1 else values.shape[1])
    if values.dtype.kind == "u":
        middle = (np.iinfo(values.dtype).max + 1) / 2
        values = (values.astype(np.float64) - middle) / middle
    elif values.dtype.kind == "i":
        values = values / -float(np.iinfo(values.dtype).min)
    with np.errstate(over="ignore", invalid="ignore"):
        values = values.astype(np.float32)
        mono = values.reshape(-1) if values.size == len(values) else values.mean(axis=1, dtype=np.float32)
        lowest, highest = float(mono.min()), float(mono.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):  # a NaN is the lowest and the highest of all
        bad = int((~np.isfinite(mono)).sum())
        raise SampleError("not_finite", f"{bad} of {len(mono)} samples are NaN or infinite; repair or drop it")
    warnings = []
    if max(-float(values.min()), float(values.max())) >= CLIPPING_LEVEL:
        clipped = float((np.abs(values) >= CLIPPING_LEVEL).mean())
        if clipped > CLIPPING_SHARE:
            warnings.append(f"clipping: {clipped:.1%} of the samples are at full scale or beyond")
    if highest - lowest < 1e-4:
        warnings.append("silence: the sound never changes")
    if rate < NARROW_BAND_HZ:
        warnings.append(f"narrow band: sampled at {rate} Hz, 16000 Hz or more is usual")
    return Audio(np.ascontiguousarray(mono), rate, tuple(warnings))


def resample(audio: Audio, sampling_rate_hz: int) -> Audio:
    """Resample with soxr's high-quality band-limited filter; the same object where nothing changes."""
    if audio.sampling_rate_hz == sampling_rate_hz:
        return audio
    import soxr

    samples = soxr.resample(audio.samples, audio.sampling_rate_hz, sampling_rate_hz, quality="HQ")
    return Audio(np.asarray(samples, dtype=np.float32), sampling_rate_hz, audio.warnings)


def trim_silence(audio: Audio, below_loudest_db: float, *, frame_s: float = 0.025) -> Audio:
    """Cut the quiet ends: keep from the first to the last frame within a range of the loudest frame."""
    frame = max(1, round(frame_s * audio.sampling_rate_hz))
    count = len(audio.samples) // frame
    if count < 3:
        return audio
    power = np.square(audio.samples[: count * frame].reshape(count, frame), dtype=np.float64).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-below_loudest_db / 10))
    first, last = loud[0] * frame, (loud[-1] + 1) * frame
    return Audio(audio.samples[first:last], audio.sampling_rate_hz, audio.warnings)


def check_bounds(start_s: float | None, end_s: float | None) -> None:
    """Refuse a clip whose bounds are not finite, begin before 0 or end before they begin."""
    start = 0.0 if start_s is None else start_s
    if not 0 <= start < np.inf or not (end_s is None or start < end_s < np.inf):
        raise SampleError(
            "bad_clip", f"a clip from 0 s on that ends after its start is needed, got {start_s} to {end_s}"
        )


def clip_text(start_s: float | None, end_s: float | None) -> str:
    """Return what an error calls a clip: "1 to 2 s", "from 1 s on", "up to 2 s"."""
    if end_s is None:
        return f"from {start_s or 0:g} s on"
    return f"up to {end_s:g} s" if start_s is None else f"{start_s:g} to {end_s:g} s"


class InMemory(io.BytesIO):
    """Bytes read by libsndfile: a seek that a damaged header sends astray stays put, as errors cannot leave a callback."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move as asked, or stay where that leads out of the bytes."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def _check_rate(rate: Any) -> int:
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.integer, np.floating)):
        raise SampleError("bad_rate", f"the sampling rate must be a whole number of Hz, got {rate!r}")
    if not np.isfinite(rate) or rate != int(rate):
        raise SampleError("bad_rate", f"the sampling rate must be a whole number of Hz, got {rate!r}")
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise SampleError("bad_rate", f"a sampling rate of {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz is needed, got {rate}")
    return int(rate)


def _check_channels(channels: int) -> None:
    if channels > MAX_CHANNELS:
        raise SampleError("too_many_channels", f"at most {MAX_CHANNELS} channels are read, got {channels}; mix it down")


def _clip_frames(
    rate: int, frames: int, start_s: float | None, end_s: float | None, max_duration_s: float
) -> tuple[int, int]:
    if not frames:
        return 0, 0
    first = 0 if start_s is None else round(start_s * rate)
    last = frames if end_s is None else min(round(end_s * rate), frames)
    if first >= last:
        raise SampleError(
            "bad_clip", f"clip {clip_text(start_s, end_s)} lies outside the {frames / rate:.3f} s of sound"
        )
    if (last - first) / rate > max_duration_s:
        raise SampleError(
            "too_long",
            f"at most {max_duration_s:g} s are decoded, got {(last - first) / rate:.0f} s; cut it into clips",
        )
    return first, last - first


def _decode_from_container(
    data: bytes, start_s: float | None, end_s: float | None, max_duration_s: float, reason: str
) -> Audio:
    """Decode what libsndfile refused for a reason, which is told where FFmpeg refuses it too."""
    from .containers import decode_container_audio

    try:
        return decode_container_audio(data, start_s, end_s, max_duration_s=max_duration_s)
    except SampleError as error:
        if error.code != "not_media":
            raise
    raise SampleError(
        "not_audio", f"the content is no sound that can be decoded ({reason[:120]}); fetch or convert it again"
    )


def _is_truncated(data: bytes) -> bool:
    """Whether a WAV or AIFF file's sound chunk names more bytes than follow (streaming placeholders are no lie)."""
    layouts = {b"RIFFWAVE": ("<I", b"data"), b"FORMAIFF": (">I", b"SSND"), b"FORMAIFC": (">I", b"SSND")}
    size_format, sound = layouts.get(data[:4] + data[8:12], ("", b""))
    if not sound:
        return False
    position = 12
    while position + 8 <= len(data):
        name, size = data[position : position + 4], struct.unpack_from(size_format, data, position + 4)[0]
        if name == sound:
            return size not in STREAMING_SIZES and size < 2**31 and position + 8 + size > len(data)
        position += 8 + size + (size & 1)
    return False
