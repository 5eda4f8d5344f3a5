"""The face through a video: measured in each picture, then in a few numbers for the whole clip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Extractor, FeatureNote, FloatArray
from .errors import SampleError
from .face_clip import PARTS, FaceClip, clip_feature_names, describe_clip_feature
from .face_texture import CELL_PX
from .face_tracking import FaceTrack, follow_faces, leading_face, track_faces
from .faces import WORKING_SIZE_PX, check_detection, predictor_file
from .files import read_bytes
from .video import MAX_RATE_HZ, MIN_RATE_HZ, Frame, frames, frames_in_memory

Signal = tuple[Iterator[Frame], list[str]]


class FaceVideo(Extractor):
    """Geometry, texture and movement of the face in a video, summarised over the clip.

    The largest face is followed from picture to picture; what is measured in each is then described by statistics.

    Parameters
    ----------
    parts : tuple of str, default=("geometry",)
        What is measured in each picture, each feature named ``<part>_<what>_<statistic>``:

        - ``geometry``: openings, heights, distances, angles and head pose (mean, standard deviation, quantiles, range,
          slope, velocity), and the landmarks (mean, standard deviation, velocity);
        - ``hog``, ``lbp``: texture of the aligned face (mean, standard deviation).

        Always there are ``presence_share``, ``faces_mean``, ``faces_max``, ``blink_rate`` and the head's movement
        ``head_*``.
    rate_hz : float or None, default=15
        Pictures that are measured a second; None measures every one. A blink lasts .1 to .4 s [1]_: at 15 Hz each is
        seen in a picture at least, below 10 Hz short ones are missed.
    working_size : int, default=640
        Pixels of the longer side to which pictures are scaled; faces below an eighth of it are missed.
    face_size : int, default=48
        Pixels of the aligned face's side, a multiple of 8 from 32 to 192.

    Notes
    -----
    :meth:`extract_one` also takes a tuple ``(pictures, when)``: a sequence of arrays (RGB, never OpenCV's BGR) with their
    number a second, or the second of each. Pictures without a face are left out of the statistics. The predictor of
    the landmarks was trained on iBUG 300-W, whose licence excludes commercial use.

    References
    ----------
    .. [1] Soukupova & Cech (2016), Real-time eye blink detection using facial landmarks, CVWW.

    Examples
    --------
    >>> FaceVideo().get_feature_names_out()[:5].tolist()
    ['presence_share', 'faces_mean', 'faces_max', 'blink_rate', 'head_x_sd']
    """

    source_column: ClassVar[str] = "video"
    libraries: ClassVar[tuple[str, ...]] = ("av", "dlib-bin", "face_recognition_models", "pillow")

    def __init__(
        self,
        parts: tuple[str, ...] = ("geometry",),
        rate_hz: float | None = 15.0,
        working_size: int = WORKING_SIZE_PX,
        face_size: int = 48,
    ) -> None:
        self.parts = parts
        self.rate_hz = rate_hz
        self.working_size = working_size
        self.face_size = face_size

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the clip's features, the head's movement, and ``<part>_<what>_<statistic>`` for each part in turn."""
        self._check_parameters()
        return np.array(clip_feature_names(self.parts, self.face_size), dtype=object)

    def track(
        self,
        source: str | os.PathLike[str] | bytes,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        faces: str = "largest",
    ) -> FaceTrack:
        """Follow the faces of a video and return where they are in each picture that is measured.

        Parameters
        ----------
        source : path, or bytes of the whole file
        start_s, end_s : float, optional
            Bounds of the clip in seconds.
        faces : {"largest", "all"}, default="largest"

        Returns
        -------
        FaceTrack
            Its ``to_frame()`` is a table with one row for each picture.

        Raises
        ------
        SampleError
            The video cannot be used; one without any face can.
        """
        data = source if isinstance(source, bytes) else read_bytes(source)
        stream, _ = self._decode(data, start_s, end_s)
        return track_faces(stream, faces=faces, working_size=self.working_size)

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> Signal:
        warnings: list[str] = []
        options = self._options()
        return frames(data, start_s=start_s, end_s=end_s, warnings=warnings, **options), warnings

    def _accept(self, source: Any) -> Signal:
        if not (isinstance(source, tuple) and len(source) == 2):
            raise SampleError("bad_array", f"a path or (pictures, when) is needed, got {source!r:.60}")
        return frames_in_memory(*source, **self._options()), []

    def _describe(self, feature: str) -> FeatureNote:
        return describe_clip_feature(feature)

    def _measure(self, signal: Signal) -> tuple[FloatArray, tuple[str, ...]]:
        stream, warnings = signal
        clip = FaceClip(self.parts, self.face_size)
        leading: int | None = None
        for frame, followed in follow_faces(stream, working_size=self.working_size):
            leading = leading_face(followed, leading)
            face = next((face for face in followed if face.number == leading), None)
            clip.add(frame, len(followed), face)
        return clip.features(), (*warnings, *clip.warnings())

    def _options(self) -> dict[str, Any]:
        self._check_parameters()
        step_s = None if self.rate_hz is None else 1 / self.rate_hz
        return {"every_s": step_s, "size_px": self.working_size, "grey": True}

    def _check_parameters(self) -> None:
        parts = self.parts
        if isinstance(parts, str) or not parts or len(set(parts)) < len(parts) or not set(parts) <= set(PARTS):
            raise ValueError(f"parts must be different names out of {PARTS}, got {parts!r}")
        rate = self.rate_hz
        if rate is not None and not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
            raise ValueError(f"rate_hz must be a number from {MIN_RATE_HZ} to {MAX_RATE_HZ} or None, got {rate!r}")
        check_detection(self.working_size, 0)
        size = self.face_size
        if not isinstance(size, int) or not 32 <= size <= 192 or size % CELL_PX:
            raise ValueError(f"face_size must be a multiple of {CELL_PX} from 32 to 192, got {size!r}")
        predictor_file()
