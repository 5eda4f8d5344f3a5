"""The face in a picture: found, its landmarks placed, brought to one size, measured under names one can choose from."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .alignment import ANCHORS, align, similarity, template, transform
from .base import Extractor, FeatureNote, FloatArray
from .errors import SampleError
from .face_geometry import GEOMETRY_NAMES, describe_geometry, geometry
from .face_texture import (
    CELL_PX,
    describe_hog,
    describe_landmark_hog,
    describe_lbp,
    hog_at_landmarks,
    hog_names,
    hog_of,
    landmark_hog_names,
    lbp_names,
    lbp_of,
)
from .faces import (
    WORKING_SIZE_PX,
    Box,
    check_detection,
    find_faces,
    landmarks,
    predictor_file,
    predictor_sha256,
    shape_predictor,
    whole_box,
)
from .pictures import Picture, Pixels, as_picture, decode_picture, grey

PARTS = ("geometry", "hog", "landmark_hog", "lbp")
CHOICES = ("largest", "single")
SMALL_FACE_PX = 40  # FER2013's faces, which people can just read, have 48
BLANK_GREY_LEVELS = 8
MAX_PROPORTION = 2.0  # of the longer to the shorter side of a picture that is one face


class FaceImage(Extractor):
    """Geometry and texture of the face in a picture.

    Parameters
    ----------
    parts : tuple of str, default=("geometry", "hog")
        What is measured, each feature named ``<part>_<what>`` so that ``geometry_*`` chooses a part:

        - ``geometry``: openings, heights, distances, angles, head pose and the landmarks themselves (174 features);
        - ``hog``: histograms of oriented gradients of the aligned face (1200 at 48 pixels);
        - ``landmark_hog``: the same around each landmark but the jaw's (1632);
        - ``lbp``: uniform local binary patterns on a grid (944).
    detect : bool, default=True
        False where each picture is one face, cut out already, as FER2013's are.
    faces : {"largest", "single"}, default="largest"
        With several faces, measure the largest with a warning, or refuse the picture.
    working_size : int, default=640
        Pixels of the longer side in which faces are searched: those below an eighth of it are missed.
    face_size : int, default=48
        Pixels of the aligned face's side, a multiple of 8 from 32 to 192.
    predictor_path : str or None, default=None
        A 68-point shape predictor of one's own, for dlib.

    Notes
    -----
    :meth:`extract_one` also takes an array: grey, RGB or RGBA, uint8, uint16, bool, or floats from 0 to 1; frames of OpenCV,
    whose order is BGR, must be turned first. The predictor shipped with ``face_recognition_models`` was trained on
    iBUG 300-W [3]_, whose licence excludes commercial use. Without a face that is found at once, the picture is searched
    again at twice the size. Aligned faces are grey: colour of light and skin plays no part.

    References
    ----------
    .. [1] Dalal & Triggs (2005), Histograms of oriented gradients for human detection, CVPR.
    .. [2] Kazemi & Sullivan (2014), One millisecond face alignment with an ensemble of regression trees, CVPR.
    .. [3] Sagonas et al. (2013), 300 faces in-the-wild challenge, ICCV Workshops.

    Examples
    --------
    >>> FaceImage(parts=("geometry",)).get_feature_names_out()[:2].tolist()
    ['geometry_eye_aspect_ratio_right', 'geometry_eye_aspect_ratio_left']
    """

    source_column: ClassVar[str] = "image"
    libraries: ClassVar[tuple[str, ...]] = ("dlib-bin", "face_recognition_models", "pillow")
    variants: ClassVar[tuple[dict[str, Any], ...]] = ({"parts": PARTS},)

    def __init__(
        self,
        parts: tuple[str, ...] = ("geometry", "hog"),
        detect: bool = True,
        faces: str = "largest",
        working_size: int = WORKING_SIZE_PX,
        face_size: int = 48,
        predictor_path: str | None = None,
    ) -> None:
        self.parts = parts
        self.detect = detect
        self.faces = faces
        self.working_size = working_size
        self.face_size = face_size
        self.predictor_path = predictor_path

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``<part>_<what>`` for each part in turn."""
        self._check_parameters()
        names = {
            "geometry": GEOMETRY_NAMES,
            "hog": hog_names(self.face_size),
            "landmark_hog": landmark_hog_names(),
            "lbp": lbp_names(),
        }
        return np.array([f"{part}_{name}" for part in self.parts for name in names[part]], dtype=object)

    def fingerprint(self) -> str:
        """Return a SHA-256 over class, parameters, library versions and schema, and the predictor's own content.

        Raises
        ------
        ValueError
            A predictor of one's own is missing or none.
        """
        made = super().fingerprint()
        if self.predictor_path is None:
            return made
        shape_predictor(self.predictor_path)
        return hashlib.sha256(f"{made}|{predictor_sha256(self.predictor_path)}".encode()).hexdigest()

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> Picture:
        return decode_picture(data)

    def _accept(self, source: Any) -> Picture:
        return as_picture(source)

    def _describe(self, feature: str) -> FeatureNote:
        describe = {
            "geometry": describe_geometry,
            "hog": describe_hog,
            "landmark_hog": describe_landmark_hog,
            "lbp": describe_lbp,
        }
        part = next(part for part in PARTS if feature.startswith(f"{part}_"))
        return describe[part](feature.removeprefix(f"{part}_"))

    def _measure(self, signal: Picture) -> tuple[FloatArray, tuple[str, ...]]:
        self._check_parameters()
        image = grey(signal.pixels)
        box, warnings = self._find(image)
        points = landmarks(image, box, predictor_path=self.predictor_path)
        values = []
        aligned = align(image, points, self.face_size)
        for part in self.parts:
            if part == "geometry":
                values.append(geometry(points))
            elif part == "hog":
                values.append(hog_of(aligned))
            elif part == "landmark_hog":
                placing = similarity(points[ANCHORS], template(self.face_size)[ANCHORS])
                values.append(hog_at_landmarks(aligned, transform(placing, points)))
            else:
                values.append(lbp_of(aligned))
        return np.concatenate(values), (*signal.warnings, *warnings)

    def _find(self, image: Pixels) -> tuple[Box, list[str]]:
        if int(image.max()) - int(image.min()) < BLANK_GREY_LEVELS:
            raise SampleError("no_face", "a face is needed, got a picture of one grey; drop it")
        if not self.detect:
            if max(image.shape) > MAX_PROPORTION * min(image.shape):
                got = f"{image.shape[1]} x {image.shape[0]} pixels"
                raise SampleError("no_face", f"a picture that is one face is needed, got {got}; cut it out or drop it")
            return whole_box(image), []
        found = find_faces(image, working_size=self.working_size)
        found = found or find_faces(image, working_size=self.working_size, upsample=1)
        if not found:
            raise SampleError(
                "no_face",
                f"no face found in {image.shape[1]} x {image.shape[0]} pixels; drop it, raise working_size for small faces,"
                " or pass detect=False where the picture is one face",
            )
        warnings = []
        if len(found) > 1:
            if self.faces == "single":
                raise SampleError(
                    "several_faces", f"one face is needed, got {len(found)}; cut it out or drop the picture"
                )
            warnings.append(f"several faces: {len(found)}, the largest is measured")
        face = found[0]
        if face.view != "front":
            warnings.append(f"turned face: it looks {face.view}; its measures are less sure")
        side = min(face.box.right - face.box.left, face.box.bottom - face.box.top)
        if side < SMALL_FACE_PX:
            warnings.append(f"small face: {side:.0f} pixels wide, {SMALL_FACE_PX} or more are usual")
        return face.box, warnings

    def _check_parameters(self) -> None:
        parts = self.parts
        if isinstance(parts, str) or not parts or len(set(parts)) < len(parts) or not set(parts) <= set(PARTS):
            raise ValueError(f"parts must be different names out of {PARTS}, got {parts!r}")
        if self.faces not in CHOICES:
            raise ValueError(f"faces must be one of {CHOICES}, got {self.faces!r}")
        if not isinstance(self.detect, bool):
            raise ValueError(f"detect must be True or False, got {self.detect!r}")
        check_detection(self.working_size, 0)
        size = self.face_size
        if not isinstance(size, int) or not 32 <= size <= 192 or size % CELL_PX:
            raise ValueError(f"face_size must be a multiple of {CELL_PX} from 32 to 192, got {size!r}")
        predictor_file(self.predictor_path)
