"""A long recording answered window by window: seconds of one core and memory against its length; run by hand.

``OMP_NUM_THREADS=1 taskset -c 0 python -m emofuse.experiments.benchmarks.streams LONG.mp4 [FIGURE.png]``. The model was
trained on random numbers: sound by eGeMAPS, faces followed through the video, and each face by itself.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...inference.predictor import load
from ...inference.timeline import Timeline
from .inference import write_model

EXTRACTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "sound": ("opensmile", {}),
    "clip": ("face_video", {}),
    "face": ("face_image", {}),
}
LIMIT_MB = 500


def measure(recording: Path, figure: Path | None = None) -> dict[str, float]:
    """Stream a recording once.

    Returns
    -------
    dict
        ``recording_s``, ``wall_s``, ``cpu_s``, ``moments``, ``faces`` and ``peak_mb`` (before anything is drawn).
    """
    with TemporaryDirectory() as folder:
        model = load(write_model(Path(folder) / "stream.emofuse", EXTRACTORS))
        model.warm()
    timeline = Timeline()
    wall, cpu = time.perf_counter(), time.process_time()
    for moment in model.stream(recording):
        timeline.append(moment)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if figure is not None:
        timeline.draw(figure)
    moments = list(timeline)
    return {
        "recording_s": moments[-1].end_s,
        "wall_s": wall,
        "cpu_s": cpu,
        "moments": len(moments),
        "faces": len({face.number for moment in moments for face in moment.faces}),
        "peak_mb": peak_mb,
    }


def main() -> None:
    """Print what was measured."""
    recording, *figure = map(Path, sys.argv[1:])
    found = measure(recording, figure[0] if figure else None)
    for name, value in found.items():
        print(f"{name:14}{value:12.1f}")
    print(f"{'of real time':14}{found['wall_s'] / found['recording_s']:12.2f}   limit 1.00")
    print(f"{'of memory':14}{found['peak_mb'] / LIMIT_MB:12.2f}   limit 1.00")


if __name__ == "__main__":
    main()
