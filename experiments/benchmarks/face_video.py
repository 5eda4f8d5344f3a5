"""Faces through a video against the loop that detects in every picture: how fast, and how far the landmarks lie apart."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from ...features.alignment import eye_distance
from ...features.face_tracking import FaceTrack, track_faces
from ...features.faces import WORKING_SIZE_PX, shape_predictor
from ...features.files import read_bytes
from ...features.video import frames
from . import Options, Row, side_by_side

N_PICTURES, N_QUICK = 90, 6
RATE_HZ, SOUND_HZ = 30, 16_000
WIDTH, HEIGHT = 640, 480
AT_LEAST, MOST_APART = 3.0, 3.0  # times as fast; percent of the distance of the eyes
REAL_CLIPS = ("mp4", "mpg", "avi", "mov")
N_CLIPS = 8

Landmarks = npt.NDArray[np.float64]


def benchmark(options: Options) -> list[Row]:
    """Compare on a made clip, and on a few videos of the folder that is given, where it has some."""
    clips = {f"made clip, {WIDTH} x {HEIGHT}": moving_face(N_QUICK if options.quick else N_PICTURES)}
    if options.root is not None:
        paths = sorted(path for ending in REAL_CLIPS for path in options.root.rglob(f"*.{ending}"))
        clips |= {path.name: read_bytes(path) for path in paths[:: max(1, len(paths) // N_CLIPS)][:N_CLIPS]}
    return [row for name, data in clips.items() for row in _compared(name, data)]


def moving_face(n_pictures: int = N_PICTURES, *, sound: npt.NDArray[np.int16] | None = None) -> bytes:
    """Return a video of a real face that moves, turns in the picture's plane and comes nearer, MPEG-4 at 30 Hz.

    Parameters
    ----------
    n_pictures : int, default=90
    sound : ndarray of shape (n_samples,), int16, optional
        At 16 kHz.
    """
    import av
    from PIL import Image
    from skimage import data

    portrait = Image.fromarray(data.astronaut())
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=RATE_HZ, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        stream.bit_rate = 4_000_000
        voice = None if sound is None else container.add_stream("aac", rate=SOUND_HZ, layout="mono")
        for number in range(n_pictures):
            seconds = number / RATE_HZ
            scale, angle = 1 + 0.25 * np.sin(1.3 * seconds), 0.15 * np.sin(2 * seconds)
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / scale
            middle = (WIDTH / 2 + 120 * np.sin(1.7 * seconds), HEIGHT / 2 + 40 * np.sin(2.3 * seconds))
            shift = np.array([224.0, 120.0]) - turn @ middle
            picture = portrait.transform(
                (WIDTH, HEIGHT),
                Image.Transform.AFFINE,
                np.column_stack([turn, shift]).ravel().tolist(),
                Image.Resampling.BICUBIC,
                fillcolor=(90, 90, 90),
            )
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
        if voice is not None and sound is not None:
            spoken = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            spoken.sample_rate = SOUND_HZ
            container.mux([*voice.encode(spoken), *voice.encode(None)])
    return file.getvalue()


def _compared(name: str, data: bytes) -> list[Row]:
    ours, plain = side_by_side(lambda: _tracked(data), lambda: _detected_in_every_picture(data))
    followed, detected = _tracked(data).landmarks, _detected_in_every_picture(data)
    both = ~np.isnan(followed[:, 0, 0]) & ~np.isnan(detected[:, 0, 0])
    apart = np.array(
        [
            np.linalg.norm(one - other, axis=1).mean() / eye_distance(other)
            for one, other in zip(followed[both], detected[both], strict=True)
        ]
    )
    label = f"{name}: {len(followed)} pictures"
    far = Row(f"{label}, landmarks apart", 100 * float(apart.mean()), at_most=MOST_APART, unit="%")
    return [Row(label, ours, plain, AT_LEAST), far]


def _tracked(data: bytes) -> FaceTrack:
    return track_faces(frames(data, size_px=WORKING_SIZE_PX, grey=True))


def _detected_in_every_picture(data: bytes) -> Landmarks:
    """The loop of dlib's own examples, on pictures of the same size; coordinates as those of the video."""
    import av
    import dlib

    detector, predictor = dlib.get_frontal_face_detector(), shape_predictor()
    rows: list[Any] = []
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(video=0):
            scale = WORKING_SIZE_PX / max(frame.width, frame.height)
            size = {"width": round(frame.width * scale), "height": round(frame.height * scale)}
            picture = np.ascontiguousarray(frame.reformat(**size, format="gray").to_ndarray())
            found = detector(picture, 0)
            if not found:
                rows.append(np.full((68, 2), np.nan))
                continue
            largest = max(found, key=lambda box: box.area())
            points = [(point.x, point.y) for point in predictor(picture, largest).parts()]
            rows.append((np.array(points, dtype=np.float64) + 0.5) / scale - 0.5)
    return np.array(rows)
