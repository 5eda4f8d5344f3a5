"""What a stream reads: a recording of any length, decoded in passing from its file, sound and pictures side by side."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from ..features.containers import (
    SEEK_FROM_S,
    TIMED_DEMUXERS,
    TRUNCATED_BY_S,
    Reading,
    frame_values,
    open_container,
    start_of,
    stream_of,
)
from ..features.errors import SampleError
from ..features.files import open_file
from ..features.media import as_audio, check_bounds, clip_text
from ..features.pictures import Pixels
from ..features.video_decoding import MAX_ASPECT, PREROLL_S, ROUNDING_S

BLOCK_S = 0.1  # sound is read in pieces this long
NOTHING_THERE = ("no_sound", "no_video", "not_media")  # sound without pictures, and the other way round, are whole

Source = str | os.PathLike[str] | bytes


class Sound(NamedTuple):
    """A piece of sound: when it begins (None: right after the piece before), mono samples, and their rate in Hz."""

    time_s: float | None
    samples: npt.NDArray[np.float32]
    sampling_rate_hz: int


class Shot(NamedTuple):
    """A picture, uint8 of shape (height, width, 3), and the second at which it is shown."""

    time_s: float
    pixels: Pixels


class Pace:
    """Lets through one picture for each step of time, the first that appears in it.

    Examples
    --------
    >>> pace = Pace(0.5)
    >>> [pace.due(time_s) for time_s in (0.0, 0.2, 0.6, 0.9, 1.0)]
    [True, False, True, False, True]
    """

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.begin_s: float | None = None
        self.next_s = -np.inf

    def due(self, time_s: float) -> bool:
        """Whether a picture of this second is taken."""
        if time_s < self.next_s - ROUNDING_S:
            return False
        self.begin_s = time_s if self.begin_s is None else self.begin_s
        self.next_s = self.begin_s + self.every_s * (np.floor((time_s - self.begin_s + ROUNDING_S) / self.every_s) + 1)
        return True


class Recording:
    """A sound or video file of any length, read once and never held.

    Parameters
    ----------
    source : path, or bytes of the whole file
    kinds : tuple of {"audio", "video"}
        What is decoded; the other is skipped.
    every_s : float
        One picture is decoded to pixels for each such step.
    start_s, end_s : float, optional
        Bounds in seconds of the recording.

    Attributes
    ----------
    warnings : list of str
        What was wrong with the file, as far as it was read.

    Raises
    ------
    SampleError
        ``missing``, ``not_a_file``, ``no_permission``, ``empty_file``, ``bad_clip``.
    """

    def __init__(
        self,
        source: Source,
        kinds: tuple[str, ...] = ("audio", "video"),
        *,
        every_s: float,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> None:
        check_bounds(start_s, end_s)
        self.source, self.kinds, self.every_s = source, kinds, every_s
        self.start_s, self.end_s = start_s or 0.0, np.inf if end_s is None else end_s
        self.bounds = clip_text(start_s, end_s)
        self.warnings: list[str] = []
        self._open().close()

    def __iter__(self) -> Iterator[Sound | Shot]:
        """Yield sound and pictures in the order of time.

        Raises
        ------
        SampleError
            ``not_media``, ``no_sound``, ``no_video``: nothing of the kinds asked for can be decoded.
        """
        with self._open() as sound_file, self._open() as picture_file:
            pieces = self._pieces(sound_file) if "audio" in self.kinds else iter(())
            shots = self._shots(picture_file) if "video" in self.kinds else iter(())
            found: list[Iterator[Sound | Shot]] = []
            reasons: list[SampleError] = []
            for decoded in (pieces, shots):
                try:
                    first = next(decoded, None)
                except SampleError as error:
                    reasons.append(error)
                    continue
                if first is not None:
                    found.append(_again(first, decoded))
            if not found and reasons:
                raise reasons[0]
            self.warnings += [str(error) for error in reasons if error.code not in NOTHING_THERE]
            if not found:
                raise SampleError(
                    "no_samples", f"nothing could be decoded {self.bounds}; check the bounds and the file"
                )
            yield from merge(*found, key=lambda event: event.time_s or 0.0)

    def _open(self) -> BinaryIO:
        """Open the file; nothing but a regular one, so that nothing can hang."""
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        return open_file(self.source)

    def _pieces(self, file: BinaryIO) -> Iterator[Sound]:
        """Yield the sound: by libsndfile where it can, else by FFmpeg, as :func:`.media.decode_audio` does."""
        import soundfile as sf

        try:
            is_ogg = file.read(4) == b"OggS"  # with pictures beside its sound, maybe, which libsndfile does not mind
            file.seek(0)
            opened = None if is_ogg else sf.SoundFile(file)
        except (sf.LibsndfileError, RuntimeError, ValueError, OSError):
            opened = None
        if opened is None:
            yield from self._container_pieces(file)
            return
        with opened:
            yield from self._plain_pieces(opened)

    def _plain_pieces(self, sound: Any) -> Iterator[Sound]:
        import soundfile as sf

        rate = int(sound.samplerate)
        position = round(self.start_s * rate)
        last = sound.frames if self.end_s == np.inf else min(sound.frames, round(self.end_s * rate))
        try:
            sound.seek(min(position, sound.frames))
            while position < last:
                values = sound.read(min(round(BLOCK_S * rate), last - position), dtype="float32", always_2d=True)
                if not len(values):
                    self.warnings.append(f"truncated: {position / rate:.3f} s decoded, the header names more")
                    return
                yield Sound(position / rate, values.mean(axis=1, dtype=np.float32), rate)
                position += len(values)
        except (sf.LibsndfileError, RuntimeError, OSError) as error:
            self.warnings.append(f"damaged: the sound breaks off at {position / rate:.3f} s ({str(error)[:80]})")

    def _container_pieces(self, file: BinaryIO) -> Iterator[Sound]:
        with open_container(file) as container:
            stream = stream_of(container, "audio")
            reading, origin_s = Reading(), start_of(container)
            self._seek(container, origin_s)
            for frame in self._frames(reading, container, stream, "sound"):
                time_s = None if frame.time is None else frame.time - origin_s
                if time_s is not None and time_s >= self.end_s:
                    return
                values = frame_values(frame)
                if time_s is not None and not (time_s >= self.start_s and np.isinf(self.end_s)):
                    first = max(round((self.start_s - time_s) * frame.sample_rate), 0)
                    values = values[first : round(min(self.end_s - time_s, 3600.0) * frame.sample_rate)]
                    time_s = max(time_s, self.start_s)
                if len(values) < values.shape[1]:
                    continue
                try:
                    audio = as_audio(values, frame.sample_rate)
                except SampleError as error:
                    if error.code != "not_finite":
                        raise
                    reading.n_damaged += 1
                    continue
                yield Sound(time_s, audio.samples, audio.sampling_rate_hz)
            self._note(container, reading, "sound")

    def _shots(self, file: BinaryIO) -> Iterator[Shot]:
        from av.stream import Disposition

        with open_container(file) as container:
            stream = stream_of(container, "video")
            if stream.disposition & Disposition.attached_pic:
                raise SampleError("no_video", "a stream of pictures is needed, got sound with a cover picture; drop it")
            reading, pace, origin_s = Reading(), Pace(self.every_s), start_of(container)
            self._seek(container, origin_s)
            aspect = float(stream.sample_aspect_ratio or 1)
            aspect = aspect if 1 / MAX_ASPECT <= aspect <= MAX_ASPECT else 1.0
            step_s = 1 / float(stream.average_rate or 25)
            shown_s = -step_s
            for frame in self._frames(reading, container, stream, "video"):
                shown_s = shown_s + step_s if frame.time is None else frame.time - origin_s
                if shown_s >= self.end_s - ROUNDING_S:
                    return
                if frame.is_corrupt:
                    reading.n_damaged += 1
                elif shown_s >= self.start_s - ROUNDING_S and pace.due(shown_s):
                    yield Shot(shown_s, rgb_of(frame, aspect))
            self._note(container, reading, "video")

    def _frames(self, reading: Reading, container: Any, stream: Any, what: str) -> Iterator[Any]:
        """Pass decoded frames on; a disk that fails midway ends them with a warning."""
        try:
            yield from reading.frames(container, stream)
        except OSError as error:
            self.warnings.append(f"broken off: the {what} can be read no further ({error.strerror or error})")

    def _seek(self, container: Any, origin_s: float) -> None:
        """Go to shortly before the start; a container that cannot is decoded from its beginning."""
        import av

        if self.start_s >= SEEK_FROM_S:
            try:
                container.seek(int((origin_s + self.start_s - PREROLL_S) * 1_000_000))
            except (av.FFmpegError, ValueError, OverflowError):
                with suppress(av.FFmpegError):  # one that cannot be sought at all is still where it began
                    container.seek(0)

    def _note(self, container: Any, reading: Reading, what: str) -> None:
        is_timed = any(name in container.format.name.split(",") for name in TIMED_DEMUXERS)
        named_s = container.duration / 1_000_000 if is_timed and container.duration else 0.0
        if reading.stopped_early or reading.reached_s < named_s - TRUNCATED_BY_S:
            note = f"truncated: {reading.reached_s:.3f} s decoded, the header names more"
            self.warnings += [note] if note not in self.warnings else []
        if reading.n_damaged:
            self.warnings.append(f"damaged: {reading.n_damaged} parts of the {what} cannot be decoded and are left out")


def rgb_of(frame: Any, aspect: float = 1.0) -> Pixels:
    """Return a decoded picture as it is shown: RGB, upright, with square pixels."""
    scaled = frame.reformat(width=max(1, round(frame.width * aspect)), format="rgb24", threads=1)
    return np.ascontiguousarray(np.rot90(scaled.to_ndarray(), k=round(frame.rotation / 90) % 4))


def _again(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest
