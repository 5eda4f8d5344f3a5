"""Where faces are in a picture, and where their 68 landmarks are: dlib's detector and shape predictor, kept in bounds.

Every distance here is in pixels of the picture that was passed, x to the right and y down. A box is bounded by the
edges of pixels, so that the whole of a picture is (0, 0, width, height); a landmark (0, 0) is the *centre* of the first
pixel.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import SampleError
from .pictures import Pixels, grey
from .pieces import sha256_of

N_LANDMARKS = 68
PREDICTOR_FILE = "shape_predictor_68_face_landmarks.dat"
PREDICTOR_SHA256 = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f"
WORKING_SIZE_PX = 640  # the detector's smallest face has 80 pixels, an eighth of it
MAX_ENLARGEMENT = 4.0
MAX_UPSAMPLE = 3
# The predictor answers in whole pixels: at this size of face they are finer than its own error, also for 48 x 48 crops.
PREDICTION_SIDE_PX = 256
MARGIN = 0.25  # of the face's side: landmarks lie inside of it for all but extreme poses
VIEWS = ("front", "turned left", "turned right", "tilted left", "tilted right")

# Where pictures are one face from edge to edge: FER2013's are 1.28 times as wide as the detector's box in them
# (median of 254 faces that it finds in 400).
MARGIN_OF_CROPS = 0.14
Points = npt.NDArray[np.float64]


class Box(NamedTuple):
    """The edges of a face, in pixels of the picture."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return (self.right - self.left) * (self.bottom - self.top)


class Face(NamedTuple):
    """A face that was found.

    Attributes
    ----------
    box : Box
    score : float
        The detector's confidence, 0 at its own threshold; 1 and more for clear faces.
    view : str
        Which of the detector's five filters fitted best, one of ``VIEWS``.
    """

    box: Box
    score: float
    view: str


def find_faces(picture: Pixels, *, working_size: int = WORKING_SIZE_PX, upsample: int = 0) -> list[Face]:
    """Find faces with dlib's detector: a pyramid of histograms of oriented gradients, five linear filters [1]_ [2]_.

    Parameters
    ----------
    picture : ndarray of shape (height, width, 3) or (height, width), uint8
    working_size : int, default=640
        Pixels of the longer side when detecting: larger pictures are scaled down, smaller ones up (at most 4 times).
        Faces from about an eighth of the longer side on are found; time grows with its square (12 ms at 640).
    upsample : int, default=0
        How many times to double the working size, for faces smaller than that.

    Returns
    -------
    list of Face
        The largest first; among equal ones the topmost, then the leftmost.

    Raises
    ------
    ValueError
        ``working_size`` or ``upsample`` is out of range.

    References
    ----------
    .. [1] Dalal & Triggs (2005), Histograms of oriented gradients for human detection, CVPR.
    .. [2] King (2009), Dlib-ml: a machine learning toolkit, JMLR 10.
    """
    check_detection(working_size, upsample)
    image = grey(picture)
    doubled = 2**upsample
    scale = min(doubled * working_size / max(image.shape), doubled * MAX_ENLARGEMENT)
    scaled = _resized(image, scale)
    # The two sides are rounded each by itself, so each has a scale of its own.
    down, across = scaled.shape[0] / image.shape[0], scaled.shape[1] / image.shape[1]
    with _detector() as detector:
        rectangles, scores, views = detector.run(scaled, 0, 0.0)
    faces = []
    for rectangle, score, view in zip(rectangles, scores, views, strict=True):
        left, right = rectangle.left() / across, (rectangle.right() + 1) / across
        top, bottom = rectangle.top() / down, (rectangle.bottom() + 1) / down
        faces.append(Face(Box(left, top, right, bottom), float(score), VIEWS[view]))
    return sorted(faces, key=lambda face: (-face.box.area, face.box.top, face.box.left))


def landmarks(picture: Pixels, box: Box, *, predictor_path: str | None = None, mirrored: bool = False) -> Points:
    """Place the 68 landmarks of iBUG 300-W [2]_ with an ensemble of regression trees [1]_.

    The face is scaled to one size first, so the points are finer than a pixel for small faces and the features of a
    face do not depend on how large it was taken.

    Parameters
    ----------
    picture : ndarray of shape (height, width, 3) or (height, width), uint8
    box : Box
        The face; :func:`whole_box` for a picture that is one.
    predictor_path : str, optional
        A 68-point predictor of one's own; the one of the package ``face_recognition_models`` without it.
    mirrored : bool, default=False
        Average the points with those of the mirror image, so that a mirrored face has mirrored points.

    Returns
    -------
    ndarray of shape (68, 2), float64
        x and y of each landmark; they may lie outside the picture.

    Raises
    ------
    SampleError
        ``degenerate_face``: the box is empty, or far outside the picture.
    ValueError
        The predictor is missing, damaged, or has other than 68 points.

    Notes
    -----
    The predictor was trained on 300-W, whose licence excludes commercial use.

    References
    ----------
    .. [1] Kazemi & Sullivan (2014), One millisecond face alignment with an ensemble of regression trees, CVPR.
    .. [2] Sagonas et al. (2013), 300 faces in-the-wild challenge, ICCV Workshops.
    """
    height, width = picture.shape[:2]
    margin = MARGIN * max(box.right - box.left, box.bottom - box.top)
    left, right = max(0, int(box.left - margin)), min(width, int(np.ceil(box.right + margin)))
    top, bottom = max(0, int(box.top - margin)), min(height, int(np.ceil(box.bottom + margin)))
    if not (left < right and top < bottom and box.left < box.right and box.top < box.bottom):
        raise SampleError(
            "degenerate_face", f"a box that overlaps the picture is needed, got {tuple(box)}; drop the face"
        )
    crop = grey(picture[top:bottom, left:right])
    scaled = _resized(crop, PREDICTION_SIDE_PX / max(box.right - box.left, box.bottom - box.top))
    scale = np.array([scaled.shape[1] / crop.shape[1], scaled.shape[0] / crop.shape[0]])
    corners = np.array([[box.left - left, box.top - top], [box.right - left, box.bottom - top]]) * scale
    predictor = shape_predictor(predictor_path)
    points = _predict(predictor, scaled, corners)
    if mirrored:
        across = scaled.shape[1]
        mirror = scaled[:, ::-1].copy()  # of one column, ascontiguousarray would keep a stride that dlib refuses
        flipped = np.array([[across - corners[1, 0], corners[0, 1]], [across - corners[0, 0], corners[1, 1]]])
        other = _predict(predictor, mirror, flipped)[MIRROR]
        points = (points + np.column_stack([across - 1 - other[:, 0], other[:, 1]])) / 2
    return (points + 0.5) / scale - 0.5 + (left, top)


def cut_out(picture: Pixels, box: Box, margin: float) -> Pixels:
    """Return a face with a margin of so many of its widths on each side, as far as the picture goes.

    Parameters
    ----------
    picture : ndarray of shape (height, width) or (height, width, 3), uint8
    box : Box
    margin : float

    Returns
    -------
    ndarray of shape (cut_height, cut_width) or (cut_height, cut_width, 3), uint8
    """
    more = margin * (box.right - box.left)
    left, top = max(0, round(box.left - more)), max(0, round(box.top - more))
    return np.ascontiguousarray(picture[top : round(box.bottom + more), left : round(box.right + more)])


def whole_box(picture: Pixels) -> Box:
    """Return the box of a picture that is one face, cut out already."""
    return Box(0.0, 0.0, float(picture.shape[1]), float(picture.shape[0]))


def shape_predictor(path: str | None = None) -> Any:
    """Return dlib's 68-point predictor, loaded once per process.

    One instance serves all threads: dlib promises that a predictor needs no synchronisation, and it weighs 100 MB.

    Parameters
    ----------
    path : str, optional
        A predictor of one's own; without it that of ``face_recognition_models``, checked by its SHA-256.

    Raises
    ------
    ValueError
        No such file, not a predictor, not the expected SHA-256, or other than 68 points.
    """
    found = predictor_file(path)
    with _LOADING:
        return _loaded(str(found), found.stat().st_mtime_ns)


def predictor_file(path: str | None = None) -> Path:
    """Return the path of the predictor; raise ValueError where there is no such file.

    The package ``face_recognition_models`` is found, but not imported: it imports what setuptools removed.
    """
    if path is not None:
        if not isinstance(path, str) or not Path(path).is_file():
            raise ValueError(f"predictor_path must be the path of a 68-point predictor file of dlib, got {path!r}")
        return Path(path).absolute()
    found = _shipped_file()
    if found is not None:
        return found
    raise ValueError(f"{PREDICTOR_FILE} is missing; install face_recognition_models or pass predictor_path")


def predictor_sha256(path: str | None = None) -> str:
    """Return the SHA-256 of the predictor's file, read once per process for as long as it does not change."""
    found = predictor_file(path)
    return _sha256_of_file(str(found), found.stat().st_mtime_ns)


def check_detection(working_size: int, upsample: int) -> None:
    """Raise ValueError where the parameters of :func:`find_faces` are out of range."""
    if not isinstance(working_size, int) or not 80 <= working_size <= 4096:
        raise ValueError(f"working_size must be a whole number from 80 to 4096, got {working_size!r}")
    if not isinstance(upsample, int) or not 0 <= upsample <= MAX_UPSAMPLE:
        raise ValueError(f"upsample must be a whole number from 0 to {MAX_UPSAMPLE}, got {upsample!r}")


# Which landmark each one becomes when left and right are swapped.
MIRROR = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *range(27, 31),
        *range(35, 30, -1),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
        *(64, 63, 62, 61, 60, 67, 66, 65),
    ]
)

_LOADING = threading.Lock()
_IDLE_DETECTORS: list[Any] = []


@cache
def _shipped_file() -> Path | None:
    spec = find_spec("face_recognition_models")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (found := Path(folder) / "models" / PREDICTOR_FILE).is_file():
            return found
    return None


@contextmanager
def _detector() -> Iterator[Any]:
    """Lend a detector that nobody else uses meanwhile: it keeps its pyramid while it scans.

    They outlive the threads that use them, as one takes longer to build than to search ten pictures.
    """
    import dlib

    try:
        lent = _IDLE_DETECTORS.pop()
    except IndexError:
        lent = dlib.get_frontal_face_detector()
    try:
        yield lent
    finally:
        _IDLE_DETECTORS.append(lent)


@lru_cache(maxsize=2)
def _loaded(path: str, modified_ns: int) -> Any:
    import dlib

    if _shipped_file() == Path(path) and _sha256_of_file(path, modified_ns) != PREDICTOR_SHA256:
        raise ValueError(f"{PREDICTOR_FILE} is damaged (its SHA-256 differs); install face_recognition_models again")
    try:
        predictor = dlib.shape_predictor(path)
        parts = predictor(np.zeros((16, 16), np.uint8), dlib.rectangle(0, 0, 15, 15)).num_parts
    except (RuntimeError, MemoryError, ValueError) as error:
        raise ValueError(f"{Path(path).name!r} is no shape predictor of dlib ({error}); pass another file") from None
    if parts != N_LANDMARKS:
        raise ValueError(f"a predictor of {N_LANDMARKS} points is needed, {Path(path).name!r} has {parts}")
    return predictor


@lru_cache(maxsize=4)
def _sha256_of_file(path: str, modified_ns: int) -> str:  # noqa: ARG001 (a changed file is another key)
    return sha256_of(Path(path).read_bytes())


def _resized(image: Pixels, scale: float) -> Pixels:
    from PIL import Image

    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    if size == (image.shape[1], image.shape[0]):
        return np.ascontiguousarray(image)
    scaled = Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.ascontiguousarray(scaled)


def _predict(predictor: Any, image: Pixels, corners: Points) -> Points:
    import dlib

    (left, top), (right, bottom) = np.rint(corners).astype(int).tolist()
    shape = predictor(image, dlib.rectangle(left, top, right - 1, bottom - 1))
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)
