"""Single pictures out of a video, for what measures single pictures: a model of faces answers films by them too."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .errors import SampleError

LEAST_SEARCHED_PX = 96  # a smaller picture is a face from edge to edge
N_PICTURES = 5  # of a video, evenly spread
PICTURE_EVERY_S = 0.5
SEARCHED_PX = 640


def mean_row(extractor: Any, signals: list[Any]) -> Any:
    """Return the features of a signal; of several the mean over those that can be used, with all their warnings."""
    from .store import StoredRow

    if len(signals) == 1:
        return extractor.measure(signals[0])
    rows, warnings, failed = [], [], None
    for signal in signals:
        try:
            row = extractor.measure(signal)
        except SampleError as error:
            failed = error
            continue
        rows.append(row.values)
        warnings += [message for message in row.warnings if message not in warnings]
    if not rows:
        assert failed is not None
        raise failed
    with np.errstate(invalid="ignore"):
        return StoredRow(np.asarray(np.mean(rows, axis=0, dtype=np.float64), dtype=np.float32), tuple(warnings))


def pictures_of(video: Any, start_s: float | None, end_s: float | None) -> list[Any]:
    """Return a few pictures of a video, evenly spread."""
    from .video import frames, frames_in_memory

    if isinstance(video, tuple) and len(video) == 2:
        shown = list(frames_in_memory(*video, size_px=SEARCHED_PX))
    elif isinstance(video, (bytes, str, os.PathLike)):
        shown = list(
            frames(_contents(video), start_s=start_s, end_s=end_s, every_s=PICTURE_EVERY_S, size_px=SEARCHED_PX)
        )
    else:
        raise SampleError("not_video", f"a video or (pictures, times_s) is needed, got {type(video).__name__}")
    if not shown:
        raise SampleError("no_frames", "the video shows no picture in these bounds; check it")
    places = np.unique(np.linspace(0, len(shown) - 1, min(N_PICTURES, len(shown))).round().astype(int))
    return [shown[place].pixels for place in places]


def face_of(source: Any, warnings: list[str]) -> Any:
    """Return the face that a picture shows, cut out as the faces of a corpus of faces are; a small picture as it is."""
    from .faces import MARGIN_OF_CROPS, cut_out, find_faces
    from .pictures import as_picture, decode_picture

    if isinstance(source, (bytes, str, os.PathLike)):
        picture = decode_picture(_contents(source)).pixels
    else:
        picture = as_picture(source).pixels
    if min(picture.shape[:2]) < LEAST_SEARCHED_PX:
        return picture
    faces = find_faces(picture)
    if not faces:
        warnings.append("no face found: the whole picture was taken for one")
        return picture
    if len(faces) > 1:
        warnings.append(f"several faces: {len(faces)}, the largest was taken")
    return cut_out(picture, max(faces, key=lambda face: face.box.area).box, MARGIN_OF_CROPS)


def _contents(source: bytes | str | os.PathLike[str]) -> bytes:
    from .files import read_bytes

    return source if isinstance(source, bytes) else read_bytes(source)
