"""How long recordings are, by their headers: nothing is decoded."""

from __future__ import annotations

from typing import Any

from .errors import SampleError
from .files import open_file, read_bytes

MAYBE_MEMBER = ("missing", "not_a_file")  # what a path through an archive is to the file system


def sound_seconds(path: str) -> float:
    """Return the length of a sound file by its header; raise SampleError where there is none to be read."""
    import soundfile as sf

    try:
        # libsndfile reads the file itself: a header that leads it astray gets an error of its own.
        with open_file(path) as file, sf.SoundFile(file.fileno(), closefd=False) as sound:
            return float(sound.frames / sound.samplerate)
    except SampleError as error:
        if error.code not in MAYBE_MEMBER:
            raise
        data = read_bytes(path)
    except (sf.LibsndfileError, RuntimeError):
        return video_seconds(path)
    return _seconds_in_memory(data)


def video_seconds(path: str) -> float:
    """Return the length of a video, or of sound in a container, by its header; SampleError where none says it."""
    from .containers import open_container

    try:
        with open_file(path) as file, open_container(file) as container:
            return _said(container)
    except SampleError as error:
        if error.code not in MAYBE_MEMBER:
            raise
    with open_container(read_bytes(path)) as container:
        return _said(container)


def recording_seconds(path: str, *, sampling_rate_hz: float | None) -> float:
    """Return the length of an EEG or physiology recording; raise SampleError where it is none."""
    from .recordings import read_recording

    recording = read_recording(read_bytes(path), sampling_rate_hz=sampling_rate_hz)
    return float(len(recording.samples) / recording.sampling_rate_hz)


def _seconds_in_memory(data: bytes) -> float:
    import soundfile as sf

    from .containers import open_container
    from .media import InMemory

    try:
        with sf.SoundFile(InMemory(data)) as sound:
            return float(sound.frames / sound.samplerate)
    except (sf.LibsndfileError, RuntimeError):
        with open_container(data) as container:
            return _said(container)


def _said(container: Any) -> float:
    if not container.duration or container.duration < 0:
        raise SampleError("no_duration", "no header says how long it is; measure it by decoding it")
    return float(container.duration / 1_000_000)
