"""Answers while a recording, a microphone or a camera goes on, however long it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..features.errors import SampleError
from ..features.sound_preparation import MIN_DURATION_S
from .live_stream import HOP_S, PICTURES_HZ, SMOOTHING_S, WINDOW_S, LiveStream
from .moment import Moment
from .smoothing import MARGIN
from .sources import Recording, Shot, Sound
from .stream_faces import StreamFace

__all__ = ["LiveStream", "Moment", "StreamFace", "stream"]

DEVICES = ("microphone", "camera")
PICTURE_SOURCES = {"video", "image"}

Event = Sound | Shot | tuple[Any, Any]


def stream(
    model: Any,
    source: str | os.PathLike[str] | bytes | Iterable[tuple[Any, Any]],
    *,
    window_s: float = WINDOW_S,
    hop_s: float = HOP_S,
    text: str | None = None,
    faces: bool = True,
    smoothing_s: float = SMOOTHING_S,
    hysteresis: float = MARGIN,
    start_s: float | None = None,
    end_s: float | None = None,
) -> Iterator[Moment]:
    """Answer a recording of any length, or a device, window by window.

    Parameters
    ----------
    model : Model
    source : path, bytes, "microphone", "camera", or iterable
        A sound or video file, read once in passing; a device; or pairs as they come: ``(samples, sampling_rate_hz)`` of
        sound and ``(time_s, picture)`` of pictures (uint8, RGB).
    window_s, hop_s : float
        What is answered at a time, .06 to 30 s, and the step to the next answer.
    text : str, optional
        What is said, where it is known; every window is answered with it.
    faces : bool, default=True
        Follow the faces, count their blinks and answer each.
    smoothing_s, hysteresis : float
        As for :class:`.smoothing.Smoothing`.
    start_s, end_s : float, optional
        Part of a recording; of a device only the end. Pairs have no bounds.

    Yields
    ------
    Moment
        The last one of a file says what was wrong with it.

    Raises
    ------
    SampleError
        A parameter is out of range, or the source cannot be used; a file is judged before the first moment.
    """
    live = LiveStream(
        model,
        window_s=window_s,
        hop_s=hop_s,
        text=text,
        faces=faces,
        smoothing_s=smoothing_s,
        hysteresis=hysteresis,
    )
    return _answered(live, *_opened(model, source, faces, start_s, end_s))


def _opened(
    model: Any, source: Any, faces: bool, start_s: float | None, end_s: float | None
) -> tuple[Iterable[Event], list[str] | None]:
    """Return what there is to read, and for a file the list that gets what was wrong with it."""
    reads = set(model.modalities)
    wanted = {"audio": "audio" in reads, "video": faces or bool(reads & PICTURE_SOURCES)}
    if not reads & {"audio", *PICTURE_SOURCES}:
        raise SampleError("unused", f"a model of sound or pictures is needed, this one reads {', '.join(reads)}")
    is_device = isinstance(source, str) and source in DEVICES
    if isinstance(source, (str, os.PathLike, bytes)) and not is_device:
        kinds = tuple(kind for kind, is_wanted in wanted.items() if is_wanted)
        recording = Recording(source, kinds, every_s=1 / PICTURES_HZ, start_s=start_s, end_s=end_s)
        return recording, recording.warnings
    if start_s is not None or (end_s is not None and not is_device):
        raise SampleError("bad_clip", "start_s and end_s are for recordings; leave them out for what is live")
    if is_device:
        from .devices import Device

        return _until(Device(source, every_s=1 / PICTURES_HZ), np.inf if end_s is None else end_s), None
    if not isinstance(source, Iterable):
        raise SampleError("bad_source", f"a path, bytes, a device or pairs are needed, got {type(source).__name__}")
    return source, None


def _until(events: Iterable[Event], end_s: float) -> Iterator[Event]:
    for event in events:
        if isinstance(event, (Sound, Shot)) and event.time_s is not None and event.time_s >= end_s:
            return
        yield event


def _answered(live: LiveStream, events: Iterable[Event], warnings: list[str] | None) -> Iterator[Moment]:
    """Push what comes, and yield the moments; of a file the last one waits, to say what was wrong with it.

    What cannot be used is left out with a warning, and where the source fails what it gave before is answered.
    """
    waiting: list[Moment] = []
    failure: SampleError | None = None
    refused: SampleError | None = None
    remaining, n_moments = iter(events), 0
    while True:
        try:
            event = next(remaining)
        except StopIteration:
            break
        except SampleError as error:
            failure = error
            break
        try:
            waiting += _pushed(live, event)
        except SampleError as error:
            refused = refused or error
            live.note(f"left out: {error}")
        keep = 0 if warnings is None else 1
        while len(waiting) > keep:
            n_moments += 1
            yield waiting.pop(0)
    if failure is not None:
        live.note(f"ended: {failure}")
    waiting += live.close()
    if waiting and warnings:
        waiting[-1] = replace(waiting[-1], warnings=(*waiting[-1].warnings, *warnings))
    yield from waiting
    if not n_moments and not waiting:
        raise failure or refused or SampleError("too_short", f"{MIN_DURATION_S} s of sound or a picture are needed")


def _pushed(live: LiveStream, event: Event) -> list[Moment]:
    if isinstance(event, Sound):
        return live.push_sound(event.samples, event.sampling_rate_hz, event.time_s)
    if not isinstance(event, tuple) or len(event) != 2:
        raise SampleError("bad_array", f"(samples, rate) or (time_s, picture) is needed, got {type(event).__name__}")
    first: Any
    second: Any
    first, second = event
    if np.ndim(first):
        return live.push_sound(first, second)
    return live.push_frame(first, second)
