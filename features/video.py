"""Pictures out of a video, one at a time: upright, at a working size, each with the second at which it is shown.

A film of an hour does not fit into memory, so nothing here ever holds more than two of its pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .containers import MAX_DECODE_S, MAX_PIXELS
from .errors import SampleError
from .media import MAX_DURATION_S
from .pictures import MIN_SIDE_PX, Pixels, as_picture
from .video_decoding import ROUNDING_S, Decoding

MAX_ENLARGEMENT = 4.0
MIN_RATE_HZ, MAX_RATE_HZ = 0.01, 1000.0  # from pictures taken at intervals to high-speed film


@dataclass(frozen=True)
class Frame:
    """A picture of a video.

    Attributes
    ----------
    time_s : float
        When it is shown: seconds from the beginning of the recording (of sound and pictures alike).
    pixels : ndarray of shape (height, width, 3) or (height, width), uint8
        Red, green, blue, or grey; upright, with square pixels, C-contiguous.
    scale : float
        Pixels here for one pixel of the video as it is shown.
    """

    time_s: float
    pixels: Pixels
    scale: float


def frames(
    data: bytes,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    every_s: float | None = None,
    size_px: int | None = None,
    grey: bool = False,
    max_pixels: int = MAX_PIXELS,
    max_duration_s: float = MAX_DURATION_S,
    max_seconds: float = MAX_DECODE_S,
    warnings: list[str] | None = None,
) -> Iterator[Frame]:
    """Decode the pictures of a video one by one.

    A picture that repeats the one before it, or comes with the same time, is no new observation and is left out.

    Parameters
    ----------
    data : bytes
        The whole file.
    start_s, end_s : float, optional
        Bounds of the clip in seconds: pictures that appear from ``start_s`` on and before ``end_s``.
    every_s : float, optional
        From the first picture on, one picture for each such step, the first that appears in it; all without it.
    size_px : int, optional
        Pixels of the longer side, reached by scaling down, or up (at most 4 times); as stored without it.
    grey : bool, default=False
        Decode to brightness alone (ITU-R BT.601 luma), which costs less.
    max_pixels, max_duration_s, max_seconds : optional
        The largest picture, the longest clip, and the longest time for decoding beyond three times the duration.
    warnings : list of str, optional
        Gets what was wrong with the file, once it was read to its end.

    Yields
    ------
    Frame

    Raises
    ------
    SampleError
        ``not_media``, ``no_video``, ``no_frames``, ``bad_clip``, ``too_large``, ``too_small``, ``too_long`` or
        ``too_slow``.
    """
    decoded = Decoding(data, start_s, end_s, max_pixels, max_duration_s, max_seconds).pictures(warnings)
    return _prepared(decoded, every_s, size_px, grey)


def frames_in_memory(
    pictures: Any,
    when: Any,
    *,
    every_s: float | None = None,
    size_px: int | None = None,
    grey: bool = False,
) -> Iterator[Frame]:
    """Treat pictures in memory as :func:`frames` treats those of a file.

    Parameters
    ----------
    pictures : sequence of ndarray of shape (height, width, 3) or (height, width)
        RGB or grey, as :func:`.pictures.as_picture` takes them; taken one by one.
    when : float, or sequence of float
        Pictures a second, or the second at which each is shown.
    every_s, size_px, grey
        As for :func:`frames`.

    Raises
    ------
    SampleError
        ``bad_array``, ``bad_rate``, ``no_frames``, ``too_small`` or ``too_large``.
    """
    import av

    if not isinstance(pictures, (np.ndarray, Sequence)) or isinstance(pictures, (str, bytes)) or np.ndim(when) > 1:
        raise SampleError("bad_array", f"a sequence of pictures and their rate are needed, got {pictures!r:.60}")
    if not len(pictures):
        raise SampleError("no_frames", "the video has 0 pictures; drop it")
    try:
        seconds = np.asarray(when, dtype=np.float64)
    except (TypeError, ValueError):
        raise SampleError("bad_rate", f"pictures a second or seconds are needed, got {when!r:.60}") from None
    if seconds.ndim == 0 and MIN_RATE_HZ <= seconds <= MAX_RATE_HZ:
        seconds = np.arange(len(pictures)) / seconds
    if seconds.shape != (len(pictures),) or not np.isfinite(seconds).all():
        raise SampleError(
            "bad_rate",
            f"{MIN_RATE_HZ} to {MAX_RATE_HZ} pictures a second, or a second for each of {len(pictures)}, are needed,"
            f" got {when!r:.60}",
        )

    def decoded() -> Iterator[tuple[float, Any, float]]:
        for picture, time_s in zip(pictures, seconds.tolist(), strict=True):
            yield time_s, av.VideoFrame.from_ndarray(as_picture(picture).pixels, format="rgb24"), 1.0

    return _prepared(decoded(), every_s, size_px, grey)


def _prepared(
    decoded: Iterable[tuple[float, Any, float]], every_s: float | None, size_px: int | None, grey: bool
) -> Iterator[Frame]:
    """Leave out what repeats or is not asked for, and bring the rest to its working size."""
    from av.video.reformatter import VideoReformatter

    scaler = VideoReformatter()
    before: Any = None
    begin_s = shown_s = next_s = -np.inf
    for time_s, picture, aspect in decoded:
        if before is None:
            begin_s = time_s
        elif time_s <= shown_s or _repeats(picture, before):
            continue
        before, shown_s = picture, time_s
        if time_s < next_s - ROUNDING_S:
            continue
        if every_s is not None:
            next_s = begin_s + every_s * (np.floor((time_s - begin_s + ROUNDING_S) / every_s) + 1)
        yield _frame(time_s, picture, aspect, size_px, grey, scaler)


def _frame(time_s: float, picture: Any, aspect: float, size_px: int | None, grey: bool, scaler: Any) -> Frame:
    from av.video.reformatter import Interpolation

    width, height = picture.width * aspect, picture.height
    scale = 1.0 if size_px is None else min(size_px / max(width, height), MAX_ENLARGEMENT)
    across, down = round(width * scale), round(height * scale)
    if min(across, down) < MIN_SIDE_PX:
        raise SampleError(
            "too_small", f"{MIN_SIDE_PX} x {MIN_SIDE_PX} pixels are needed, got {across} x {down}; drop it"
        )
    # One thread and exact rounding: the same pixels on every machine.
    scaled = scaler.reformat(
        picture,
        width=across,
        height=down,
        format="gray" if grey else "rgb24",
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        threads=1,
    )
    turned = np.rot90(scaled.to_ndarray(), k=round(picture.rotation / 90) % 4)
    # dlib misreads grey rows that are filled up to a multiple of 16 bytes, so they must be contiguous.
    return Frame(time_s, np.ascontiguousarray(turned), scale)


def _repeats(picture: Any, before: Any) -> bool:
    if (picture.width, picture.height, picture.format.name) != (before.width, before.height, before.format.name):
        return False
    deep = 2 if max(component.bits for component in picture.format.components) > 8 else 1
    pixel_bytes = -(-picture.format.padded_bits_per_pixel // 8) if len(picture.planes) == 1 else deep
    return all(
        np.array_equal(_rows(one, pixel_bytes), _rows(other, pixel_bytes))
        for one, other in zip(picture.planes, before.planes, strict=True)
    )


def _rows(plane: Any, pixel_bytes: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of a plane without what fills its rows up, which is arbitrary."""
    row_bytes = abs(plane.line_size) or plane.buffer_size  # a palette is one row that is not counted
    values = np.frombuffer(plane, dtype=np.uint8)[: plane.height * row_bytes]
    return values.reshape(plane.height, row_bytes)[:, : plane.width * pixel_bytes]
