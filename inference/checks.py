"""What a file claims to be in its header, held against the service's limits before anything is decoded."""

from __future__ import annotations

import io
from collections.abc import Mapping

from ..features.containers import TIMED_DEMUXERS, open_container
from ..features.errors import EmofuseError, SampleError
from ..features.pictures import FORMATS
from .limits import Limits


class TooLargeError(EmofuseError):
    """A picture or a clip is larger than the service accepts."""


def check_files(files: Mapping[str, bytes], limits: Limits, start_s: float | None, end_s: float | None) -> float | None:
    """Refuse pictures of too many pixels and clips that are too long.

    Parameters
    ----------
    files : dict of str to bytes
        By their source.
    limits : Limits
    start_s, end_s : float or None
        Bounds of the clip that is asked for.

    Returns
    -------
    float or None
        Where the clip must end at the latest: a sound or a video whose header says nothing of its length is not
        decoded beyond the limit.

    Raises
    ------
    TooLargeError
    """
    if "image" in files:
        _check_picture(files["image"], limits)
    recordings = [files[name] for name in ("audio", "video") if name in files]
    unknown = False
    for data in recordings:
        length_s = _length_s(data, limits)
        unknown = unknown or length_s is None
        if length_s is not None or end_s is not None:
            ends = min(float("inf") if bound is None else bound for bound in (length_s, end_s))
            if ends - (start_s or 0.0) > limits.duration_s:
                raise TooLargeError(
                    f"at most {limits.duration_s:g} s are read, got {ends - (start_s or 0.0):.0f} s; cut it into clips"
                )
    return (start_s or 0.0) + limits.duration_s if unknown and end_s is None else end_s


def _check_picture(data: bytes, limits: Limits) -> None:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooLargeError(f"at most {limits.pixels} pixels are read; scale the picture down") from None
    except Exception:  # what is wrong with it is said, with its code, by the door that decodes it
        return
    _check_pixels(width, height, limits)


def _check_pixels(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.pixels:
        raise TooLargeError(f"at most {limits.pixels} pixels are read, got {width} x {height}; scale the picture down")


def _length_s(data: bytes, limits: Limits) -> float | None:
    """Return the length that a recording's header names; None where it names none, or cannot be read."""
    import soundfile as sf

    from ..features.media import InMemory

    try:
        with sf.SoundFile(InMemory(data)) as file:
            return file.frames / file.samplerate if file.samplerate > 0 else None
    except Exception:  # of another kind, or damaged: the doors that decode it tell the two apart
        pass
    try:
        with open_container(data) as container:
            for stream in container.streams.video:
                _check_pixels(stream.width, stream.height, limits)
            is_timed = any(name in container.format.name.split(",") for name in TIMED_DEMUXERS)
            return container.duration / 1_000_000 if is_timed and container.duration else None
    except SampleError:
        return None
