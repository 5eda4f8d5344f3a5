"""A long recording answered window by window: seconds of one core and memory against its length.

The model was trained on random numbers: sound by eGeMAPS, faces followed through the video, and each face by itself.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from ...inference.predictor import load
from ...inference.timeline import Timeline
from . import Options, Row
from .face_video import RATE_HZ, SOUND_HZ, moving_face
from .inference import write_model

EXTRACTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "sound": ("opensmile", {}),
    "clip": ("face_video", {}),
    "face": ("face_image", {}),
}
N_PICTURES, N_QUICK = 900, 60
MOST_MB = 500.0


def benchmark(options: Options) -> list[Row]:
    """Stream half a minute of a face that moves, with a tone like a voice."""
    recording = options.folder / "recording.mp4"
    n_pictures = N_QUICK if options.quick else N_PICTURES
    times = np.arange(n_pictures * SOUND_HZ // RATE_HZ) / SOUND_HZ
    voice = sum(np.sin(2 * np.pi * 150 * k * times + k) / k for k in range(1, 20)) * (1 + np.sin(2 * np.pi * 3 * times))
    recording.write_bytes(moving_face(n_pictures, sound=(3000 * voice).clip(-32768, 32767).astype(np.int16)))
    found = measure(recording, options.folder)
    length = found["recording_s"]
    return [
        Row(f"stream of {length:.0f} s, beside its length", found["wall_s"], length, at_least=1.0),
        Row(f"stream of {length:.0f} s, of all cores", found["cpu_s"], length),
        Row("stream, memory", found["peak_mb"], at_most=MOST_MB, unit="MB"),
    ]


def measure(recording: Path, folder: Path) -> dict[str, float]:
    """Stream a recording once, with a model that is written into a folder.

    Returns
    -------
    dict
        ``recording_s``, ``wall_s``, ``cpu_s``, ``moments``, ``faces`` and ``peak_mb``.
    """
    model = load(write_model(folder / "stream.emofuse", EXTRACTORS))
    model.warm()
    timeline = Timeline()
    wall, cpu = time.perf_counter(), time.process_time()
    for moment in model.stream(recording):
        timeline.append(moment)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    moments = list(timeline)
    return {
        "recording_s": moments[-1].end_s,
        "wall_s": wall,
        "cpu_s": cpu,
        "moments": len(moments),
        "faces": len({face.number for moment in moments for face in moment.faces}),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
