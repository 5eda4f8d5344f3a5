"""What a clip says that no picture does: how often the eyes blink, how the head moves, how long the face is there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .alignment import align
from .base import FeatureNote, FloatArray
from .errors import SampleError
from .face import SMALL_FACE_PX
from .face_geometry import EYE_BLINK, GEOMETRY_NAMES, HEAD_POSE, describe_geometry, geometry
from .face_texture import describe_hog, describe_lbp, hog_names, hog_of, lbp_names, lbp_of
from .face_tracking import FollowedFace
from .faces import Points
from .functionals import describe_functional, functional_names, functionals
from .pictures import Pixels
from .video import Frame

Array = npt.NDArray[np.float64]

TEXTURES = {"hog": hog_of, "lbp": lbp_of}
PARTS = ("geometry", *TEXTURES)
N_MEASURES = sum(not name.startswith("landmark_") for name in GEOMETRY_NAMES)
MEASURE_STATISTICS = ("mean", "sd", "q05", "median", "q95", "range", "slope", "velocity")
LANDMARK_STATISTICS = ("mean", "sd", "velocity")
TEXTURE_STATISTICS = ("mean", "sd")
SELDOM_SHARE = 0.1
SEVERAL_SHARE = 0.01  # below it a second face is the detector's mistake
FEW_PICTURES = 5

# dlib's landmarks bring the eye aspect ratio of a closed eye to .4 to .65 of its own when open, whoever it is.
CLOSED_SHARE = 0.75
MAX_BLINK_S = 0.5  # a blink lasts .1 to .4 s (Soukupova & Cech 2016); closed for longer, or looking down, is none

DETECTOR = "King (2009), Dlib-ml: a machine learning toolkit, JMLR 10"
CLIP_FEATURES = {
    "presence_share": FeatureNote("share of the pictures in which there is a face", "1", DETECTOR),
    "faces_mean": FeatureNote("mean number of faces in a picture", "1", DETECTOR),
    "faces_max": FeatureNote("largest number of faces in a picture", "1", DETECTOR),
    "blink_rate": FeatureNote(
        f"blinks a minute: times that both eyes' mean aspect ratio falls below {CLOSED_SHARE} of the clip's median for at"
        f" most {MAX_BLINK_S} s",
        "1/min",
        EYE_BLINK,
    ),
}
HEAD_SERIES = {
    "head_x": FeatureNote(
        "horizontal place of the point between the eyes, in the clip's median eye distance", "1", HEAD_POSE
    ),
    "head_y": FeatureNote(
        "vertical place of the point between the eyes, in the clip's median eye distance", "1", HEAD_POSE
    ),
    "head_size": FeatureNote(
        "distance between the eyes over the clip's median: leaning forward makes it larger", "1", HEAD_POSE
    ),
}
# Where the head is in the picture is the camera's doing; how it moves is the person's.
HEAD_STATISTICS = ("sd", "range", "slope", "velocity")


class FaceClip:
    """What was measured in the pictures of a clip so far.

    Parameters
    ----------
    parts : tuple of str
        Out of ``PARTS``.
    face_size : int
        Pixels of the aligned face's side.
    """

    def __init__(self, parts: tuple[str, ...], face_size: int) -> None:
        self.parts, self.face_size = parts, face_size
        self.times_s: list[float] = []
        self.n_faces: list[int] = []
        self.openings: list[float] = []
        self.seen_s: list[float] = []
        self.shapes: list[FloatArray] = []
        self.heads: list[Array] = []
        self.sides_px: list[float] = []
        self.textures = {part: RunningMoments() for part in parts if part != "geometry"}

    def add(self, frame: Frame, n_faces: int, face: FollowedFace | None) -> None:
        """Measure the face of one more picture, if it has one."""
        self.times_s.append(frame.time_s)
        self.n_faces.append(n_faces)
        self.openings.append(np.nan)
        if face is None:
            return
        try:
            shape = geometry(face.points)
            described = self._described(frame.pixels, face.points)
        except SampleError:  # landmarks that make no face count as none
            return
        for part, moments in self.textures.items():
            moments.add(described[part])
        self.openings[-1] = float(shape[:2].mean())
        self.seen_s.append(frame.time_s)
        self.shapes.append(shape)
        self.heads.append(head_of(face.points) / frame.scale)
        self.sides_px.append((face.box.right - face.box.left) / frame.scale)

    def features(self) -> FloatArray:
        """Return the clip's features in the order of :func:`clip_feature_names`; SampleError ``no_face`` without a face."""
        n_pictures, n_seen = len(self.times_s), len(self.seen_s)
        if not n_seen:
            raise SampleError(
                "no_face", f"no face found in {n_pictures} pictures; drop it, or raise working_size for small faces"
            )
        blinks = blinks_per_minute(self.openings, self.times_s)
        values = [np.array([n_seen / n_pictures, np.mean(self.n_faces), max(self.n_faces), blinks], dtype=np.float32)]
        values.append(functionals(head_series(np.array(self.heads)), self.seen_s, HEAD_STATISTICS))
        for part in self.parts:
            if part == "geometry":
                shapes = np.array(self.shapes)
                values.append(functionals(shapes[:, :N_MEASURES], self.seen_s, MEASURE_STATISTICS))
                values.append(functionals(shapes[:, N_MEASURES:], self.seen_s, LANDMARK_STATISTICS))
            else:
                values.append(self.textures[part].mean_and_sd().astype(np.float32))
        return np.concatenate(values)

    def warnings(self) -> tuple[str, ...]:
        """Return what makes the clip's features less sure."""
        warnings = []
        n_pictures, n_seen = len(self.times_s), len(self.seen_s)
        share = np.mean(np.array(self.n_faces) > 1)
        if share >= SEVERAL_SHARE:
            warnings.append(
                f"several faces: up to {max(self.n_faces)} in a picture, more than one in {share:.0%}; the largest is measured"
            )
        if n_seen < SELDOM_SHARE * n_pictures:
            warnings.append(f"face seldom seen: in {n_seen / n_pictures:.1%} of {n_pictures} pictures")
        if n_seen < FEW_PICTURES:
            warnings.append(f"few pictures: {n_seen} with a face, {FEW_PICTURES} or more are needed for its movement")
        side_px = float(np.median(self.sides_px))
        if side_px < SMALL_FACE_PX:
            warnings.append(f"small face: {side_px:.0f} pixels wide, {SMALL_FACE_PX} or more are usual")
        return tuple(warnings)

    def _described(self, pixels: Pixels, points: Points) -> dict[str, FloatArray]:
        if not self.textures:
            return {}
        aligned = align(pixels, points, self.face_size)
        return {part: TEXTURES[part](aligned) for part in self.textures}


def clip_feature_names(parts: tuple[str, ...], face_size: int) -> list[str]:
    """Return the names of a clip's features: those of every clip, the head's movement, then each part's."""
    names = [*CLIP_FEATURES, *functional_names(HEAD_SERIES, HEAD_STATISTICS)]
    for part in parts:
        if part == "geometry":
            series = [f"geometry_{name}" for name in GEOMETRY_NAMES]
            names += functional_names(series[:N_MEASURES], MEASURE_STATISTICS)
            names += functional_names(series[N_MEASURES:], LANDMARK_STATISTICS)
        else:
            texture = hog_names(face_size) if part == "hog" else lbp_names()
            names += functional_names([f"{part}_{name}" for name in texture], TEXTURE_STATISTICS)
    return names


def describe_clip_feature(feature: str) -> FeatureNote:
    """Return what one of :func:`clip_feature_names` measures."""
    if feature in CLIP_FEATURES:
        return CLIP_FEATURES[feature]
    return describe_functional(feature, _describe_series)


def head_of(points: Points) -> Array:
    """Return the point between the eyes and their distance, shape (3,), in pixels."""
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    return np.array([*((right + left) / 2), np.hypot(*(left - right))])


def head_series(heads: Array) -> Array:
    """Return place and size of the head in units of its own median size.

    Parameters
    ----------
    heads : ndarray of shape (n_pictures, 3)
        Rows of :func:`head_of`.

    Returns
    -------
    ndarray of shape (n_pictures, 3), float64
        In the order of ``HEAD_SERIES``.
    """
    series: Array = heads / np.median(heads[:, 2])
    return series


def blinks_per_minute(openings: npt.ArrayLike, times_s: npt.ArrayLike) -> float:
    """Count blinks by the eye aspect ratio [1]_, against the clip's own median.

    Parameters
    ----------
    openings : array of shape (n_pictures,)
        Mean aspect ratio of the two eyes; NaN in pictures without a face.
    times_s : array of shape (n_pictures,)
        Rising.

    Returns
    -------
    float
        Blinks a minute of the time with a face; NaN where no picture has one.

    Notes
    -----
    The eyes must be seen open before and after. Pictures .1 s apart miss the shortest blinks.

    References
    ----------
    .. [1] Soukupova & Cech (2016), Real-time eye blink detection using facial landmarks, CVWW.

    Examples
    --------
    >>> round(blinks_per_minute([0.3, 0.3, 0.15, 0.3, 0.3, 0.3], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]))
    100
    """
    opening, times = np.asarray(openings, dtype=np.float64), np.asarray(times_s, dtype=np.float64)
    seen = ~np.isnan(opening)
    if not seen.any():
        return float("nan")
    if len(times) == 1:
        return 0.0
    step_s = float(np.median(np.diff(times)))
    closed = opening < CLOSED_SHARE * np.median(opening[seen])
    is_open = seen & ~closed
    count = 0
    for begin in np.flatnonzero(closed[1:] & is_open[:-1]) + 1:
        other = np.flatnonzero(~closed[begin:])
        end = begin + int(other[0]) if len(other) else len(times) - 1
        count += bool(is_open[end] and times[end] - times[begin] <= MAX_BLINK_S)
    seen_s = float(seen.mean()) * (times[-1] - times[0] + step_s)
    return 60.0 * count / seen_s


class RunningMoments:
    """Mean and standard deviation of rows that are too many to be kept [1]_.

    References
    ----------
    .. [1] Welford (1962), Note on a method for calculating corrected sums of squares and products, Technometrics 4(3).

    Examples
    --------
    >>> moments = RunningMoments()
    >>> for value in (1.0, 3.0):
    ...     moments.add(np.array([value]))
    >>> moments.mean_and_sd().tolist()
    [2.0, 1.0]
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Array = np.zeros(1)
        self.squares: Array = np.zeros(1)

    def add(self, row: npt.NDArray[np.floating]) -> None:
        """Take one more row in."""
        self.count += 1
        away = row - self.mean
        self.mean = self.mean + away / self.count
        self.squares = self.squares + away * (row - self.mean)

    def mean_and_sd(self) -> Array:
        """Return both for each value in turn, shape (2 * n_values,)."""
        deviation = np.sqrt(self.squares / max(self.count, 1))
        return np.column_stack([self.mean, deviation]).ravel()


def _describe_series(series: str) -> FeatureNote:
    if series in HEAD_SERIES:
        return HEAD_SERIES[series]
    part, name = series.split("_", 1)
    return {"geometry": describe_geometry, "hog": describe_hog, "lbp": describe_lbp}[part](name)
