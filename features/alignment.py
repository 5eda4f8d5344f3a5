"""Every face in one place and at one size: what is compared between faces is then the expression, not the camera."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .errors import SampleError
from .faces import Points
from .pictures import Pixels, grey

# Where the eyes stand in an aligned face, in shares of its side; about as in FER2013's crops, from brows to chin.
EYE_DISTANCE = 0.38
EYE_HEIGHT = 0.37
# Nose, eyes and mouth corners: recognised surely, and moved little by speech, jaw and brows.
ANCHORS = np.array([*range(27, 48), 48, 54])
# Shape of the mean face, in distances between the eyes' centres from the point between them: robust Procrustes mean
# (Gower 1975, Psychometrika 40) of the landmarks that the predictor places on 3000 faces of FER2013, made symmetrical.
MEAN_FACE = np.array(
    [
        (-1.11, 0.022),
        (-1.097, 0.309),
        (-1.061, 0.594),
        (-1, 0.872),
        (-0.895, 1.134),
        (-0.732, 1.359),
        (-0.521, 1.531),
        (-0.277, 1.65),
        (0, 1.677),
        (0.277, 1.65),
        (0.521, 1.531),
        (0.732, 1.359),
        (0.895, 1.134),
        (1, 0.872),
        (1.061, 0.594),
        (1.097, 0.309),
        (1.11, 0.022),
        (-0.91, -0.228),
        (-0.765, -0.337),
        (-0.574, -0.367),
        (-0.379, -0.34),
        (-0.193, -0.263),
        (0.193, -0.263),
        (0.379, -0.34),
        (0.574, -0.367),
        (0.765, -0.337),
        (0.91, -0.228),
        (0, -0.021),
        (0, 0.173),
        (0, 0.367),
        (0, 0.564),
        (-0.221, 0.689),
        (-0.114, 0.73),
        (0, 0.764),
        (0.114, 0.73),
        (0.221, 0.689),
        (-0.696, -0.001),
        (-0.573, -0.071),
        (-0.421, -0.069),
        (-0.293, 0.028),
        (-0.433, 0.058),
        (-0.583, 0.055),
        (0.293, 0.028),
        (0.421, -0.069),
        (0.573, -0.071),
        (0.696, -0.001),
        (0.583, 0.055),
        (0.433, 0.058),
        (-0.412, 1.06),
        (-0.265, 0.985),
        (-0.112, 0.948),
        (0, 0.976),
        (0.112, 0.948),
        (0.265, 0.985),
        (0.412, 1.06),
        (0.271, 1.195),
        (0.121, 1.254),
        (0, 1.267),
        (-0.121, 1.254),
        (-0.271, 1.195),
        (-0.347, 1.065),
        (-0.113, 1.042),
        (0, 1.053),
        (0.113, 1.042),
        (0.347, 1.065),
        (0.115, 1.109),
        (0, 1.122),
        (-0.115, 1.109),
    ]
)
MAX_SOURCE_SIDES = 16  # landmarks that spread the crop over more than so many sides of the picture are no face

Matrix = npt.NDArray[np.float64]


def template(size: int) -> Points:
    """Return where the mean face has its landmarks in an aligned face of ``size`` pixels; shape (68, 2)."""
    return (MEAN_FACE * EYE_DISTANCE + (0.5, EYE_HEIGHT)) * size - 0.5


def similarity(points: npt.ArrayLike, target: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Matrix:
    """Return the scaling, rotation and shift that bring points closest to a target, by weighted least squares [1]_.

    Parameters
    ----------
    points, target : array of shape (n, 2)
    weights : array of shape (n,), optional
        Not negative; all 1 without it.

    Returns
    -------
    ndarray of shape (2, 3), float64
        ``matrix[:, :2] @ point + matrix[:, 2]`` is the point in the target; there is no mirroring.

    Raises
    ------
    SampleError
        ``degenerate_face``: all points coincide, or are not finite.

    References
    ----------
    .. [1] Umeyama (1991), Least-squares estimation of transformation parameters between two point patterns, IEEE TPAMI 13(4).

    Examples
    --------
    >>> similarity([[0, 0], [1, 0]], [[5, 5], [5, 7]]).round(9).tolist()
    [[0.0, -2.0, 5.0], [2.0, 0.0, 5.0]]
    """
    # As complex numbers a similarity is q = a p + b, so the least-squares solution is a single quotient.
    p, q = (_complex(values) for values in (points, target))
    w = np.ones(len(p)) if weights is None else np.asarray(weights, dtype=np.float64)
    w = w / w.sum()
    p_mean, q_mean = w @ p, w @ q
    p, q = p - p_mean, q - q_mean
    spread = float(w @ np.abs(p) ** 2)
    a = (w @ (p.conj() * q)) / spread if spread > 1e-12 * (1 + abs(p_mean) ** 2) else 0.0
    if a == 0 or not np.isfinite(a):
        raise SampleError("degenerate_face", "landmarks that differ are needed, got all in one place; drop the face")
    b = q_mean - a * p_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def transform(matrix: Matrix, points: Points) -> Points:
    """Apply a (2, 3) matrix of :func:`similarity` to points of shape (n, 2)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def align(picture: Pixels, points: Points, size: int = 48, target: Points | None = None) -> Pixels:
    """Cut a face out so that its landmarks lie where those of the mean face do.

    Parameters
    ----------
    picture : ndarray of shape (height, width, 3) or (height, width), uint8
    points : ndarray of shape (68, 2)
        Landmarks in the picture; they may lie outside it, and the picture's border is then continued.
    size : int, default=48
        Pixels of the crop's side.
    target : ndarray of shape (68, 2), optional
        Where the landmarks shall lie; :func:`template` without it.

    Returns
    -------
    ndarray of shape (size, size), uint8
        Grey.

    Raises
    ------
    SampleError
        ``degenerate_face``: the eyes coincide, or the landmarks are not those of a face.
    """
    from PIL import Image

    eye_distance(points)
    goal = template(size) if target is None else target
    back = similarity(goal[ANCHORS], points[ANCHORS])
    scale = float(np.hypot(back[0, 0], back[1, 0]))
    if not size * scale < MAX_SOURCE_SIDES * max(picture.shape[:2]):
        raise SampleError("degenerate_face", f"the landmarks make a face of {size * scale:.0f} pixels; drop the face")
    # Reducing by whole numbers first averages all pixels; bilinear sampling alone would skip most of a large face.
    steps = max(1, int(scale))
    corners = transform(back, np.array([[-1.0, -1.0], [size, -1.0], [-1.0, size], [size, size]]))
    left, top = (np.floor(corners.min(axis=0)).astype(int) - 2 * steps).tolist()
    right, bottom = (np.ceil(corners.max(axis=0)).astype(int) + 2 * steps + 1).tolist()
    rows = np.clip(np.arange(top, bottom), 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(left, right), 0, picture.shape[1] - 1)
    source = Image.fromarray(grey(picture[rows[:, None], columns])).reduce(steps)
    # Pillow takes edges of pixels for whole numbers, so centres move by a half on both sides.
    shift = back[:, 2] - back[:, :2].sum(axis=1) * 0.5 + 0.5 - (left, top)
    numbers = np.column_stack([back[:, :2], shift]) / steps
    warped = source.transform((size, size), Image.Transform.AFFINE, numbers.ravel().tolist(), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(warped)


def eye_distance(points: Points) -> float:
    """Return the distance between the centres of the eyes; SampleError ``degenerate_face`` where there is none."""
    left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    distance = float(np.hypot(*(right - left)))
    if not 1e-6 < distance < np.inf:
        raise SampleError("degenerate_face", f"eyes apart from each other are needed, got {distance:g}; drop the face")
    return distance


def _complex(values: npt.ArrayLike) -> npt.NDArray[np.complex128]:
    points = np.asarray(values, dtype=np.float64)
    return points[:, 0] + 1j * points[:, 1]
