"""Microphone and camera, by what FFmpeg offers on the system that this runs on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from ..features.errors import SampleError
from ..features.media import as_audio
from .sources import Pace, Shot, Sound, rgb_of

KINDS = {"microphone": "audio", "camera": "video"}
# FFmpeg's input devices (ffmpeg-devices documentation) and what each calls the one that the user has chosen.
INPUTS: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "linux": {"microphone": (("pulse", "default"), ("alsa", "default")), "camera": (("v4l2", "/dev/video0"),)},
    "darwin": {
        "microphone": (("avfoundation", "none:default"),),
        "camera": (("avfoundation", "default:none"),),
    },
    "win32": {"microphone": (("dshow", "audio={}"),), "camera": (("dshow", "video={}"),)},
}
IDLE_S = 0.005  # avfoundation says "try again" instead of waiting for the next picture


class Device:
    """The microphone or the camera, for as long as it goes on.

    Parameters
    ----------
    name : {"microphone", "camera"}
    every_s : float
        One picture is taken for each such step.

    Raises
    ------
    SampleError
        ``no_device``: there is none, it is in use, or may not be used.
    """

    def __init__(self, name: str, *, every_s: float) -> None:
        self.name, self.every_s = name, every_s
        self.warnings: list[str] = []
        self.container = _opened(name)

    def __iter__(self) -> Iterator[Sound | Shot]:
        """Yield what the device hears or sees, from second 0 on.

        Raises
        ------
        SampleError
            ``no_device``: it was unplugged, or taken by another programme.
        """
        kind, pace = KINDS[self.name], Pace(self.every_s)
        begin_s: float | None = None
        with self.container as container:
            stream = container.streams.best(kind)
            if stream is None:
                raise SampleError(
                    "no_device", f"the {self.name} gives no {kind}; choose another in the system's settings"
                )
            for frame in self._frames(container, stream):
                begin_s = frame.time if begin_s is None else begin_s
                time_s = None if frame.time is None or begin_s is None else frame.time - begin_s
                if kind == "audio":
                    values = frame.to_ndarray()
                    values = values.T if frame.format.is_planar else values.reshape(frame.samples, -1)
                    yield Sound(time_s, as_audio(values, frame.sample_rate).samples, frame.sample_rate)
                elif time_s is not None and not frame.is_corrupt and pace.due(time_s):
                    yield Shot(time_s, rgb_of(frame))

    def _frames(self, container: Any, stream: Any) -> Iterator[Any]:
        import av

        packets = container.demux(stream)
        while True:
            try:
                decoded = next(packets).decode()
            except StopIteration:
                return
            except av.BlockingIOError:
                time.sleep(IDLE_S)
                packets = container.demux(stream)
                continue
            except av.FFmpegError as error:
                raise SampleError(
                    "no_device", f"the {self.name} stopped ({error.strerror}); plug it in again and start anew"
                ) from None
            yield from decoded


def _opened(name: str) -> Any:
    import av

    reasons = []
    for format_name, file in INPUTS.get(sys.platform, {}).get(name, ()):
        try:
            return av.open(file.format(_first_device(format_name, KINDS[name])), format=format_name)
        except (av.FFmpegError, OSError, ValueError) as error:
            reasons.append(f"{format_name}: {getattr(error, 'strerror', None) or error}")
    why = "; ".join(reasons) or f"nothing known of {sys.platform}"
    raise SampleError(
        "no_device", f"no {name} can be opened ({why}); connect one and allow its use, or stream a file instead"
    )


def _first_device(format_name: str, kind: str) -> str:
    """Return the name of the first device of a kind, for DirectShow, which knows no default."""
    import av

    if format_name != "dshow":
        return ""
    found = [device.name for device in av.enumerate_input_devices(format_name) if kind in device.media_types]
    if not found:
        raise ValueError("no such device")
    return str(found[0])
