"""Which pictures of a container there are, when each is shown, and when decoding them must stop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from .containers import SEEK_FROM_S, TIMED_DEMUXERS, TRUNCATED_BY_S, Reading, open_container, start_of, stream_of
from .errors import SampleError
from .media import check_bounds, clip_text

PREROLL_S = 1.0  # pictures before the clip that let a decoder which was sought settle
ROUNDING_S = 0.001  # containers keep times in units of a millisecond at worst (Matroska)
MAX_ASPECT = 4.0  # pixels wider or narrower than this are a damaged header, not anamorphic film
SLOWER_THAN_PLAYED = 3.0  # decoding may take this many times the duration, and the limit more


class Decoding:
    """What of a file is decoded, how much of it there was, and how long that took."""

    def __init__(
        self,
        data: bytes,
        start_s: float | None,
        end_s: float | None,
        max_pixels: int,
        max_duration_s: float,
        max_seconds: float,
    ) -> None:
        check_bounds(start_s, end_s)
        self.data = data
        self.is_whole = start_s is None  # then a damaged file's times before 0 do not matter either
        self.first_s = 0.0 if start_s is None else start_s
        self.last_s = np.inf if end_s is None else end_s
        self.bounds = clip_text(start_s, end_s)
        self.max_pixels, self.max_duration_s, self.max_seconds = max_pixels, max_duration_s, max_seconds
        self.spent_s = self.reached_s = 0.0
        self.named_s: float | None = None
        self.reading = Reading()

    def pictures(self, warnings: list[str] | None) -> Iterator[tuple[float, Any, float]]:
        """Yield time, picture and width of a pixel in its heights; append what was wrong in the end."""
        seeks = self.first_s >= SEEK_FROM_S
        n_seen, n_kept = 0, 0
        for time_s, picture, aspect in self._timed(self._from_where_the_clip_begins() if seeks else self._decode(None)):
            n_seen += 1
            self.reached_s = max(self.reached_s, time_s)
            if time_s >= self.last_s - ROUNDING_S:
                self.reading.stopped_early, self.named_s = False, None
                break
            if self.is_whole or time_s >= self.first_s - ROUNDING_S:
                if time_s - self.first_s > self.max_duration_s:
                    raise self._too_long(time_s - self.first_s)
                n_kept += 1
                yield time_s, picture, aspect
        if not n_seen:
            raise SampleError("no_frames", "the video has 0 pictures that can be decoded; drop it or convert it again")
        if not n_kept:
            raise SampleError("bad_clip", f"no picture appears in the clip {self.bounds}; correct its bounds")
        if warnings is not None:
            warnings += self._notes()

    def _from_where_the_clip_begins(self) -> Iterator[tuple[float, Any, float]]:
        """Seek to shortly before the clip; decode from the beginning where that led behind the clip's start."""
        decoding = self._decode(self.first_s - PREROLL_S)
        first = next(decoding, None)
        if first is None or first[0] > self.first_s:
            decoding.close()
            self.reading = Reading()
            yield from self._decode(None)
            return
        yield first
        yield from decoding

    def _decode(self, from_s: float | None) -> Any:
        import av

        with open_container(self.data) as container:
            stream = stream_of(container, "video")
            self._check(container, stream)
            origin_s = start_of(container)
            if from_s is not None:
                try:
                    container.seek(int((origin_s + from_s) * 1_000_000))
                except (av.FFmpegError, ValueError, OverflowError):
                    return
            aspect = float(stream.sample_aspect_ratio or 1)
            aspect = aspect if 1 / MAX_ASPECT <= aspect <= MAX_ASPECT else 1.0
            step_s = 1 / float(stream.average_rate or 25)
            shown_s = -step_s
            for frame in self.reading.frames(container, stream):
                if frame.is_corrupt:
                    self.reading.n_damaged += 1
                    continue
                if frame.width * frame.height > self.max_pixels:
                    raise self._too_large(frame.width, frame.height)
                shown_s = shown_s + step_s if frame.time is None else frame.time - origin_s
                yield shown_s, frame, aspect

    def _timed(self, decoding: Iterator[tuple[float, Any, float]]) -> Iterator[tuple[float, Any, float]]:
        """Pass pictures on; raise where decoding them, not what is done with them, takes too long."""
        while True:
            begin = time.monotonic()
            found = next(decoding, None)
            self.spent_s += time.monotonic() - begin
            if self.spent_s > self.max_seconds + SLOWER_THAN_PLAYED * self.reached_s:
                raise SampleError("too_slow", "the pictures take too long to decode; cut or convert the video")
            if found is None:
                return
            yield found

    def _check(self, container: Any, stream: Any) -> None:
        from av.stream import Disposition

        if stream.disposition & Disposition.attached_pic:
            raise SampleError("no_video", "a stream of pictures is needed, got sound with a cover picture; drop it")
        if stream.width * stream.height > self.max_pixels:
            raise self._too_large(stream.width, stream.height)
        if not any(name in container.format.name.split(",") for name in TIMED_DEMUXERS):
            return
        if stream.duration:
            ticks = stream.duration + (stream.start_time or 0)
            self.named_s = float(ticks * stream.time_base) - start_of(container)
        elif container.duration:
            self.named_s = container.duration / 1_000_000
        if self.named_s is not None:
            length_s = min(self.named_s, self.last_s) - self.first_s
            if length_s > self.max_duration_s:
                raise self._too_long(length_s)

    def _too_large(self, width: int, height: int) -> SampleError:
        return SampleError(
            "too_large", f"at most {self.max_pixels} pixels are decoded, got {width} x {height}; scale it down"
        )

    def _too_long(self, length_s: float) -> SampleError:
        return SampleError(
            "too_long", f"at most {self.max_duration_s:g} s are decoded, got {length_s:.0f} s; cut it into clips"
        )

    def _notes(self) -> list[str]:
        notes = []
        if self.reading.stopped_early or (
            self.named_s is not None and self.reading.reached_s < self.named_s - TRUNCATED_BY_S
        ):
            notes.append(f"truncated: {self.reached_s:.3f} s decoded, the header names more")
        if self.reading.n_damaged:
            notes.append(f"damaged: {self.reading.n_damaged} parts of the video cannot be decoded and are left out")
        return notes
