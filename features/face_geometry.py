"""What the shape of a face says in numbers that a reader can name: openings, heights, distances, angles, head pose.

*Left* and *right* are the person's own: the right eye (landmarks 36 to 41) is on the left of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .alignment import ANCHORS, MEAN_FACE, similarity, transform
from .base import FeatureNote
from .errors import SampleError
from .faces import N_LANDMARKS, Points

EYE_BLINK = "Soukupova & Cech (2016), Real-time eye blink detection using facial landmarks, CVWW"
DISTANCES = "Ghimire & Lee (2013), Geometric feature-based facial expression recognition, Sensors 13(6)"
FACS = "Ekman & Friesen (1978), Facial Action Coding System"
HEAD_POSE = "Murphy-Chutorian & Trivedi (2009), Head pose estimation in computer vision: a survey, IEEE TPAMI 31(4)"
LANDMARKS = "Sagonas et al. (2013), 300 faces in-the-wild challenge, ICCV Workshops"
PROCRUSTES = "Gower (1975), Generalized Procrustes analysis, Psychometrika 40(1)"

REGIONS = {
    "jaw": range(17),
    "right eyebrow": range(17, 22),
    "left eyebrow": range(22, 27),
    "bridge of the nose": range(27, 31),
    "base of the nose": range(31, 36),
    "right eye": range(36, 42),
    "left eye": range(42, 48),
    "outer edge of the lips": range(48, 60),
    "inner edge of the lips": range(60, 68),
}

# Landmarks as complex numbers x + iy (y down), with the eyes' centres at -1/2 (the right one) and +1/2.
Shape = npt.NDArray[np.complex128]
Measure = Callable[[Shape], float]


class _Measured(NamedTuple):
    calculate: Measure
    measures: str
    unit: str
    source: str


def geometry(points: Points) -> npt.NDArray[np.float32]:
    """Measure the shape of a face.

    Distances are in distances between the eyes' centres. Nothing but ``head_roll`` changes when the face is moved,
    scaled or turned in the picture's plane.

    Parameters
    ----------
    points : ndarray of shape (68, 2)
        Landmarks in pixels, by iBUG 300-W's numbers.

    Returns
    -------
    ndarray of shape (len(GEOMETRY_NAMES),), float32
        In the order of ``GEOMETRY_NAMES``; :func:`describe_geometry` says what each one is.

    Raises
    ------
    SampleError
        ``degenerate_face``: the eyes coincide, or a landmark is not finite.

    Examples
    --------
    >>> shape = dict(zip(GEOMETRY_NAMES, geometry(MEAN_FACE * 100 + 50)))
    >>> print(f"{shape['mouth_width']:.3f} {shape['head_roll']:.1f}")
    0.824 0.0
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape != (N_LANDMARKS, 2) or not np.isfinite(points).all():
        raise SampleError("degenerate_face", f"{N_LANDMARKS} finite landmarks are needed, got {points.shape}")
    shape = points[:, 0] + 1j * points[:, 1]
    right, left = shape[36:42].mean(), shape[42:48].mean()
    axis = left - right
    if abs(axis) < 1e-6:
        raise SampleError(
            "degenerate_face", "eyes apart from each other are needed, got both in one place; drop the face"
        )
    upright = (shape - (right + left) / 2) / axis
    measured = [measure.calculate(upright) for measure in _MEASURES.values()]
    roll = float(np.degrees(np.angle(axis)))
    placed = transform(similarity(points[ANCHORS], MEAN_FACE[ANCHORS]), points)
    return np.array([*measured, roll, *placed.ravel()], dtype=np.float32)


def eye_opening(points: Points) -> float:
    """Return the mean aspect ratio of the two eyes, height over width: about 0.3 when open; NaN where one has no width.

    Parameters
    ----------
    points : ndarray of shape (68, 2)
        Landmarks in pixels, by iBUG 300-W's numbers.
    """
    shape = points[:, 0] + 1j * points[:, 1]
    if shape[36] == shape[39] or shape[42] == shape[45]:
        return float("nan")
    sides = (_MEASURES[f"eye_aspect_ratio_{side}"] for side in ("right", "left"))
    return float(np.mean([measure.calculate(shape) for measure in sides]))


def describe_geometry(feature: str) -> FeatureNote:
    """Return what one of ``GEOMETRY_NAMES`` measures."""
    if feature in _MEASURES:
        return FeatureNote(*_MEASURES[feature][1:])
    if feature == "head_roll":
        sentence = "turn of the line through the eyes from the horizontal, clockwise as seen in the picture"
        return FeatureNote(sentence, "deg", HEAD_POSE)
    _, number, axis = feature.split("_")
    region = next(name for name, numbers in REGIONS.items() if int(number) in numbers)
    direction = "horizontal (to the picture's right)" if axis == "x" else "vertical (downwards)"
    sentence = (
        f"{direction} position of landmark {number} ({region}) from the point between the eyes,"
        " after eyes, nose and mouth corners are laid on those of the mean face, in its eye distances"
    )
    return FeatureNote(sentence, "1", f"{PROCRUSTES}; {LANDMARKS}")


def _gap(a: int, b: int) -> Measure:
    return lambda shape: abs(shape[a] - shape[b])


def _opening(corners: tuple[int, int], upper: tuple[int, ...], lower: tuple[int, ...]) -> Measure:
    """Mean height over width: the eye aspect ratio for two pairs of lids."""

    def ratio(shape: Shape) -> float:
        width = abs(shape[corners[0]] - shape[corners[1]])
        heights = np.abs(shape[list(upper)] - shape[list(lower)])
        return float(heights.mean() / width) if width > 0 else 0.0

    return ratio


def _above(upper: int | slice, lower: int | slice) -> Measure:
    """How far the one lies above the other, along the face's own vertical."""
    return lambda shape: float(np.mean(shape[lower].imag) - np.mean(shape[upper].imag))


def _angle(at: int, a: int, b: int) -> Measure:
    def degrees(shape: Shape) -> float:
        return float(np.degrees(abs(np.angle((shape[a] - shape[at]) * np.conj(shape[b] - shape[at])))))

    return degrees


def _rise(outer: int, inner: int) -> Measure:
    """Angle by which the inner end lies above the outer one."""

    def degrees(shape: Shape) -> float:
        way = shape[inner] - shape[outer]
        return float(np.degrees(np.arctan2(-way.imag, abs(way.real))))

    return degrees


def _corner_lift(corner: int) -> Measure:
    return lambda shape: float((shape[62].imag + shape[66].imag) / 2 - shape[corner].imag)


def _difference(left: Measure, right: Measure) -> Measure:
    return lambda shape: left(shape) - right(shape)


def _yaw(shape: Shape) -> float:
    """Where the tip of the nose stands between the two edges of the face: 0 in the middle, +-1 at an edge."""
    right, left = shape[30].real - shape[:3].real.mean(), shape[14:17].real.mean() - shape[30].real
    return float((right - left) / max(abs(right) + abs(left), 1e-9))


def _pitch(shape: Shape) -> float:
    """Share of the way from the eyes' line down to the mouth corners at which the tip of the nose stands."""
    mouth = (shape[48].imag + shape[54].imag) / 2
    return float(shape[30].imag / mouth) if abs(mouth) > 1e-9 else 0.0


def _sides(name: str, make: Callable[[str], Measure], sentence: str, unit: str, source: str) -> dict[str, _Measured]:
    return {f"{name}_{side}": _Measured(make(side), sentence.format(side), unit, source) for side in ("right", "left")}


def _pick(right: Measure, left: Measure) -> Callable[[str], Measure]:
    return lambda side: right if side == "right" else left


_EYES = (_opening((36, 39), (37, 38), (41, 40)), _opening((45, 42), (44, 43), (46, 47)))
_BROWS = (_above(slice(17, 22), slice(36, 42)), _above(slice(22, 27), slice(42, 48)))
_CORNERS = (_corner_lift(48), _corner_lift(54))
_OWN_EYE = "distance of the {0} mouth corner from the outer corner of the {0} eye (shorter in a smile, AU 6 and 12)"

_MEASURES: dict[str, _Measured] = {
    **_sides("eye_aspect_ratio", _pick(*_EYES), "opening of the {} eye: mean height over width", "1", EYE_BLINK),
    **_sides("eye_width", _pick(_gap(36, 39), _gap(45, 42)), "width of the {} eye", "1", DISTANCES),
    **_sides(
        "brow_height", _pick(*_BROWS), "mean height of the {0} eyebrow above the centre of the {0} eye", "1", FACS
    ),
    **_sides(
        "brow_inner_height",
        _pick(_above(21, 39), _above(22, 42)),
        "height of the inner end of the {} eyebrow above the inner eye corner (AU 1 raises, AU 4 lowers it)",
        "1",
        FACS,
    ),
    **_sides(
        "brow_outer_height",
        _pick(_above(17, 36), _above(26, 45)),
        "height of the outer end of the {} eyebrow above the outer eye corner (AU 2 raises it)",
        "1",
        FACS,
    ),
    **_sides(
        "brow_slope",
        _pick(_rise(17, 21), _rise(26, 22)),
        "angle by which the inner end of the {} eyebrow lies above its outer end",
        "deg",
        DISTANCES,
    ),
    "brow_gap": _Measured(
        _gap(21, 22), "distance between the inner ends of the eyebrows (AU 4 shortens it)", "1", FACS
    ),
    "mouth_width": _Measured(_gap(48, 54), "distance between the mouth corners", "1", DISTANCES),
    "mouth_height": _Measured(
        _gap(51, 57), "distance from the top of the upper to the bottom of the lower lip", "1", DISTANCES
    ),
    "mouth_aspect_ratio": _Measured(
        _opening((60, 64), (61, 62, 63), (67, 66, 65)),
        "opening of the mouth between the lips: mean height over width, as the eye's aspect ratio",
        "1",
        EYE_BLINK,
    ),
    "lip_gap": _Measured(_gap(62, 66), "distance between the lips at the middle (AU 25)", "1", FACS),
    "upper_lip_thickness": _Measured(
        _gap(51, 62), "thickness of the upper lip at the middle (AU 23 and 24 thin it)", "1", FACS
    ),
    "lower_lip_thickness": _Measured(
        _gap(66, 57), "thickness of the lower lip at the middle (AU 23 and 24 thin it)", "1", FACS
    ),
    **_sides(
        "mouth_corner_lift",
        _pick(*_CORNERS),
        "height of the {} mouth corner above the middle of the mouth (AU 12 raises, AU 15 lowers it)",
        "1",
        FACS,
    ),
    **_sides(
        "mouth_corner_angle",
        _pick(_angle(48, 51, 57), _angle(54, 51, 57)),
        "angle at the {} mouth corner between the middles of the upper and the lower lip",
        "deg",
        DISTANCES,
    ),
    **_sides("mouth_corner_to_eye", _pick(_gap(48, 36), _gap(54, 45)), _OWN_EYE, "1", FACS),
    "nose_lip": _Measured(_gap(33, 51), "distance from the nose to the upper lip (AU 10 shortens it)", "1", FACS),
    "nose_length": _Measured(
        _gap(27, 33), "distance from the root to the base of the nose (AU 9 shortens it)", "1", FACS
    ),
    "nose_width": _Measured(_gap(31, 35), "width of the base of the nose", "1", DISTANCES),
    "jaw_drop": _Measured(
        _gap(33, 8), "distance from the base of the nose to the chin (AU 26 and 27 lengthen it)", "1", FACS
    ),
    "lip_chin": _Measured(_gap(57, 8), "distance from the lower lip to the chin (AU 17 shortens it)", "1", FACS),
    "face_width": _Measured(_gap(1, 15), "width of the face below the temples", "1", DISTANCES),
    "face_height": _Measured(_gap(27, 8), "distance from the root of the nose to the chin", "1", DISTANCES),
    "eye_asymmetry": _Measured(
        _difference(_EYES[1], _EYES[0]), "opening of the left eye less that of the right one", "1", EYE_BLINK
    ),
    "brow_asymmetry": _Measured(
        _difference(_BROWS[1], _BROWS[0]), "height of the left eyebrow less that of the right one", "1", FACS
    ),
    "mouth_asymmetry": _Measured(
        _difference(_CORNERS[1], _CORNERS[0]), "height of the left mouth corner less that of the right one", "1", FACS
    ),
    "head_yaw": _Measured(
        _yaw,
        "proxy of the head's turn: place of the nose's tip between the edges of the face, positive to the picture's right",
        "1",
        HEAD_POSE,
    ),
    "head_pitch": _Measured(
        _pitch,
        "proxy of the head's nod: share of the way from the eyes down to the mouth at which the nose's tip stands",
        "1",
        HEAD_POSE,
    ),
}

GEOMETRY_NAMES: tuple[str, ...] = (
    *_MEASURES,
    "head_roll",
    *(f"landmark_{number:02d}_{axis}" for number in range(N_LANDMARKS) for axis in "xy"),
)
