"""The guarded door to containers (MP4, MOV, MPEG, WebM, AVI …): sound and pictures out of bytes held in memory.

A container may name other files, addresses or playlists, claim any size and any length, and stop anywhere. Nothing
but the bytes given is ever read, probing and decoding are bounded, and what is wrong gets the code of a SampleError.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from .errors import SampleError
from .media import MAX_CHANNELS, MAX_DURATION_S, MAX_VALUES, Audio, as_audio, check_bounds, clip_text

# FFmpeg's demuxers of single files; playlists (hls, dash, concat), image sequences, scripts and devices are none of them.
DEMUXERS = ("mov", "matroska", "webm", "avi", "mpeg", "mpegvideo", "mpegts", "flv", "asf", "ogg", "aac", "amr", "caf")
TIMED_DEMUXERS = ("mov", "matroska", "flv", "asf")  # their headers say how long the recording was
PROBE_BYTES = 5_000_000
PROBE_US = 5_000_000
MAX_STREAMS = 64
MAX_PIXELS = 7680 * 4320  # 8K UHD, ITU-R BT.2020
MAX_DECODE_S = 120.0
SEEK_FROM_S = 10.0  # an earlier clip is reached by decoding from the beginning, sample by sample
PREROLL_S = 1.0  # Opus needs 80 ms before its output is right (RFC 7845, 4.6), AAC and MP3 some frames
MAX_JITTER_S = 0.05  # timestamps are rounded to their time base: below this they confirm the count of samples
TRUNCATED_BY_S = 0.5
POINTERS_A_FRAME = (
    8  # planes that a frame of FFmpeg (AVFrame.data) has place for; from as many on PyAV reads beyond them
)

Stream = Any
Container = Any


@contextmanager
def open_container(source: bytes | BinaryIO) -> Iterator[Container]:
    """Open a container held in memory or in an open file; it is closed at the end of the block.

    FFmpeg gets the content, never a name, and may open nothing else: no protocol, playlist or device is in reach.

    Parameters
    ----------
    source : bytes or binary file
        The whole file, or an open one, which is read from its beginning and stays open.

    Yields
    ------
    av.container.InputContainer
        Its streams are got with :func:`stream_of`, which bounds their decoders too.

    Raises
    ------
    SampleError
        ``not_media``: no container of a kind that is read (``DEMUXERS``).
    """
    import av

    options = {
        "format_whitelist": ",".join(DEMUXERS),
        "protocol_whitelist": "",
        "probesize": str(PROBE_BYTES),
        "analyzeduration": str(PROBE_US),
        "max_streams": str(MAX_STREAMS),
        "max_pixels": str(MAX_PIXELS),
    }
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    file.seek(0)
    try:
        container = av.open(file, mode="r", options=options, metadata_errors="replace", io_open=_refuse_other_files)
    except (av.FFmpegError, ValueError, OverflowError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SampleError(
            "not_media", f"the content is no video or sound that can be decoded ({reason[:120]}); convert it again"
        ) from None
    try:
        yield container
    finally:
        container.close()


def stream_of(container: Container, kind: Literal["audio", "video"]) -> Stream:
    """Return the stream of a kind that a player would choose, its decoder bounded to one thread and ``MAX_PIXELS``.

    Raises
    ------
    SampleError
        ``no_sound`` or ``no_video``: there is none, or none whose coding is known.
    """
    stream = container.streams.best(kind)
    if stream is None or stream.codec_context is None:
        code, wanted = ("no_sound", "sound") if kind == "audio" else ("no_video", "pictures")
        held = ", ".join(other.type for other in container.streams) or "none"
        raise SampleError(code, f"a stream of {wanted} that can be decoded is needed, the streams are: {held}; drop it")
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def start_of(container: Container) -> float:
    """Return the second on the container's own clock at which its earliest stream begins: second 0 of a clip."""
    return (container.start_time or 0) / 1_000_000


class Reading:
    """How far a container was read, and what of it could not be.

    Attributes
    ----------
    reached_s : float
        Where the last packet that was read ends, in seconds from the beginning of the recording.
    n_damaged : int
        Parts that could not be decoded.
    stopped_early : bool
        Whether the file broke off.
    """

    def __init__(self, deadline: float = np.inf) -> None:
        self.deadline = deadline
        self.reached_s = 0.0
        self.n_damaged = 0
        self.stopped_early = False

    def frames(self, container: Container, stream: Stream) -> Iterator[Any]:
        """Yield the decoded frames of a stream as far as the file goes; what cannot be decoded is counted and left out.

        Raises
        ------
        SampleError
            ``too_slow``: the monotonic clock has passed the deadline.
        """
        import av

        packets = container.demux()
        while True:
            if time.monotonic() > self.deadline:
                raise SampleError("too_slow", "the file takes too long to decode; cut it into clips or convert it")
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, ValueError, OverflowError):
                self.stopped_early = True
                return
            if packet.pts is not None:
                end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base) - start_of(container)
                self.reached_s = max(self.reached_s, end_s)
            if packet.stream.index != stream.index:
                continue
            try:
                decoded = packet.decode()
            except av.EOFError:
                return
            except (av.FFmpegError, ValueError):
                self.n_damaged += 1
                continue
            yield from decoded


def frame_values(frame: Any) -> npt.NDArray[Any]:
    """Return a decoded frame of sound as (n_samples, n_channels), of the type that it is coded in.

    Raises
    ------
    SampleError
        ``mixed_format``: FFmpeg itself cannot bring its channels together.
    """
    import av

    if frame.format.is_planar and frame.layout.nb_channels >= POINTERS_A_FRAME:
        try:
            (frame,) = av.AudioResampler(format=frame.format.packed).resample(frame)
        except (av.FFmpegError, ValueError) as error:
            raise SampleError(
                "mixed_format",
                f"{frame.layout.nb_channels} channels cannot be read ({error!s:.60}); mix the sound down",
            ) from None
    values = frame.to_ndarray()
    planar: npt.NDArray[Any] = values.T if frame.format.is_planar else values.reshape(frame.samples, -1)
    return planar


def decode_container_audio(
    data: bytes,
    start_s: float | None = None,
    end_s: float | None = None,
    *,
    max_duration_s: float = MAX_DURATION_S,
    max_seconds: float = MAX_DECODE_S,
) -> Audio:
    """Decode the sound of a container to mono float32 at its own rate.

    Parameters
    ----------
    data : bytes
        The whole file.
    start_s, end_s : float, optional
        Bounds of the clip, in seconds from the beginning of the recording (pictures and sound alike).
    max_duration_s : float, default=3600
        Longest sound decoded.
    max_seconds : float, default=120
        Longest time spent on decoding.

    Returns
    -------
    Audio
        With a warning where the file ends early (``truncated``) or parts of it cannot be decoded (``damaged``).

    Raises
    ------
    SampleError
        ``not_media``, ``no_sound``, ``bad_rate``, ``too_many_channels``, ``mixed_format``, ``too_long``, ``too_slow``,
        ``bad_clip``, ``no_samples`` or ``not_finite``.
    """
    check_bounds(start_s, end_s)
    deadline = time.monotonic() + max_seconds
    with open_container(data) as container:
        sound = _Sound(container, start_s, end_s, max_duration_s, deadline)
        sought = start_s is not None and start_s >= SEEK_FROM_S and sound.seek()
        sound.decode()
    if sought and sound.began_late:
        with open_container(data) as container:
            sound = _Sound(container, start_s, end_s, max_duration_s, deadline)
            sound.decode()
    return sound.audio()


class _Sound:
    """The samples of one clip, collected frame by frame.

    Samples are counted from the first decoded frame on, whose timestamp says where it stands; a later timestamp
    moves the count only where it differs by more than ``MAX_JITTER_S`` (a gap in the recording).
    """

    def __init__(
        self,
        container: Container,
        start_s: float | None,
        end_s: float | None,
        max_duration_s: float,
        deadline: float,
    ) -> None:
        self.container = container
        self.start_s, self.end_s = start_s, end_s
        self.max_duration_s = max_duration_s
        self.reading = Reading(deadline)
        self.stream = stream_of(container, "audio")
        self.origin_s = start_of(container)
        is_timed = any(name in container.format.name.split(",") for name in TIMED_DEMUXERS)
        self.named_s = container.duration / 1_000_000 if is_timed and container.duration else None
        self.rate = 0
        self.pieces: list[npt.NDArray[Any]] = []
        self.kept = 0
        self.position: int | None = None
        self.began_late = False
        if self.named_s is not None:
            self._check_duration(min(self.named_s, np.inf if end_s is None else end_s) - (start_s or 0.0))

    def seek(self) -> bool:
        """Go to shortly before the clip; return whether the container can."""
        import av

        assert self.start_s is not None
        try:
            self.container.seek(int((self.origin_s + self.start_s - PREROLL_S) * 1_000_000))
        except (av.FFmpegError, ValueError, OverflowError):
            return False
        return True

    def decode(self) -> None:
        """Collect the samples of the clip, as far as the file goes."""
        for frame in self.reading.frames(self.container, self.stream):
            if self._take(frame):
                self.reading.reached_s = np.inf
                return

    def _take(self, frame: Any) -> bool:
        """Keep what the clip has of a frame; return whether the clip is complete."""
        if not self.rate:
            self._check_format(frame.sample_rate, frame.layout.nb_channels)
        values = frame_values(frame)
        if frame.sample_rate != self.rate or (self.pieces and values.shape[1] != self.pieces[0].shape[1]):
            raise SampleError("mixed_format", "the rate or the channels of the sound change midway; convert it again")
        first = -(2**62) if self.start_s is None else round(self.start_s * self.rate)
        last = 2**62 if self.end_s is None else round(self.end_s * self.rate)
        stamped = self.position or 0
        if frame.time is not None:
            stamped = round((frame.time - self.origin_s) * self.rate)
        if self.position is None:
            self.began_late = stamped > max(first, 0)
        if self.position is None or abs(stamped - self.position) > MAX_JITTER_S * self.rate:
            self.position = stamped
        piece = values[max(first - self.position, 0) : max(last - self.position, 0)]
        self.position += len(values)
        if len(piece):
            self.pieces.append(piece)
            self.kept += len(piece)
            self._check_duration(self.kept / self.rate)
            if self.kept * piece.shape[1] > MAX_VALUES:
                raise SampleError("too_long", f"at most {MAX_VALUES} values are decoded; cut it into clips")
        return self.position >= last

    def _check_format(self, rate: int, channels: int) -> None:
        if channels > MAX_CHANNELS:
            raise SampleError(
                "too_many_channels", f"at most {MAX_CHANNELS} channels are read, got {channels}; mix it down"
            )
        self.rate = rate

    def _check_duration(self, duration_s: float) -> None:
        if duration_s > self.max_duration_s:
            raise SampleError(
                "too_long", f"at most {self.max_duration_s:g} s are decoded, got {duration_s:.0f} s; cut it into clips"
            )

    def audio(self) -> Audio:
        """Return the clip, with what was wrong with the file."""
        if not self.pieces and self.position is None:
            raise SampleError("no_samples", "the sound has 0 samples that can be decoded; drop it or convert it again")
        if not self.pieces:
            raise SampleError("bad_clip", f"clip {clip_text(self.start_s, self.end_s)} lies outside the sound")
        audio = as_audio(np.concatenate(self.pieces), self.rate)
        warnings = list(audio.warnings)
        ends_early = self.named_s is not None and self.reading.reached_s < self.named_s - TRUNCATED_BY_S
        if ends_early or self.reading.stopped_early:
            warnings.append(f"truncated: {audio.duration_s:.3f} s decoded, the header names more")
        if self.reading.n_damaged:
            warnings.append(f"damaged: {self.reading.n_damaged} parts of the sound cannot be decoded and are left out")
        return Audio(audio.samples, audio.sampling_rate_hz, tuple(warnings))


def _refuse_other_files(url: str, *_: Any) -> Any:
    raise PermissionError(f"a container may not open other files: {url!r:.60}")
