"""Faces from picture to picture at a fraction of the detector's cost: landmarks lead, the detector looks now and then.

The 68 landmarks are placed in every picture, in the box to which those of the picture before point. The detector looks
at the surroundings of a followed face every ``CHECK_S``, and at the whole picture every ``SEARCH_S``, when a face was
lost, and when what a box shows or where it lies changes at once (a cut).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from .faces import N_LANDMARKS, WORKING_SIZE_PX, Box, Face, Points, find_faces, landmarks
from .pictures import Pixels, grey
from .video import Frame
from .video_decoding import ROUNDING_S

CHECK_S = 0.2
SEARCH_S = 1.0
FORGET_S = 1.0  # a face found again within this time, in the same place, is the same one
# Centre of the detector's box under the landmarks' mean, and its side, both in the landmarks' root mean square distance
# from their mean, jaw left out: means over 600 pictures of eight people who talk, whose deviation in side is 7 %.
BOX_BELOW, BOX_SIDE = 0.04, 3.3
WITHOUT_JAW = slice(17, None)
CHECK_MARGIN = 0.35  # of the box's side, on each of its sides
CHECK_FACE_PX = 100  # the detector's window has 80, and a face of 100 is found on its first levels
WEAK_SCORE = 0.5  # the detector's mistakes score below .3, clear faces above 1: between, a second look decides
SAME_OVERLAP = 0.3  # intersection over union
CLOSE_OVERLAP = 0.5
LOOK_POINTS = 16
SAME_LOOK = 0.5  # correlation of what a box shows in two pictures; 0.9 and more while a face moves and talks
TAKEN_OVER_BY = 1.5  # the face that is followed changes only to one of so many times its area
SCHEMA = ("time_s", "face", "present", "faces", "score", "left", "top", "right", "bottom")

FloatArray = npt.NDArray[np.float64]


class FollowedFace(NamedTuple):
    """A face in one picture.

    Attributes
    ----------
    number : int
        The same from picture to picture, counted from 0 in the order of appearance.
    box : Box
    score : float
        Of the detector, when it last looked.
    points : ndarray of shape (68, 2), float64
        Landmarks.
    """

    number: int
    box: Box
    score: float
    points: Points


@dataclass(frozen=True)
class FaceTrack:
    """The faces of a clip, a row for each picture; with all faces followed, one for each face in a picture.

    Attributes
    ----------
    times_s : ndarray of shape (n,), float64
    n_faces : ndarray of shape (n,), int64
        How many faces there are in the picture.
    numbers : ndarray of shape (n,), int64
        Which face the row is about; -1 in a picture without any.
    scores : ndarray of shape (n,), float64
        The detector's confidence when it last looked; NaN without a face.
    boxes : ndarray of shape (n, 4), float64
        Left, top, right, bottom, in pixels of the video as it is shown; NaN without a face.
    landmarks : ndarray of shape (n, 68, 2), float64
        In the same pixels; NaN without a face.
    """

    times_s: FloatArray
    n_faces: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]
    scores: FloatArray
    boxes: FloatArray
    landmarks: FloatArray

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Whether each row has a face."""
        return self.numbers >= 0

    def to_frame(self) -> pd.DataFrame:
        """Return a table: time, which face, presence, number of faces, score, box, and x and y of each landmark."""
        names = [f"{axis}_{number:02d}" for number in range(N_LANDMARKS) for axis in "xy"]
        columns = (self.times_s, self.numbers, self.present, self.n_faces, self.scores, *self.boxes.T)
        described = pd.DataFrame(dict(zip(SCHEMA, columns, strict=True)))
        placed = pd.DataFrame(self.landmarks.reshape(len(self.times_s), 2 * N_LANDMARKS), columns=names)
        return pd.concat([described, placed], axis=1)


def track_faces(
    frames: Iterable[Frame],
    *,
    faces: str = "largest",
    working_size: int = WORKING_SIZE_PX,
) -> FaceTrack:
    """Follow faces through the pictures of a clip.

    Parameters
    ----------
    frames : iterable of Frame
        In the order of time; they are taken one by one, and none is kept.
    faces : {"largest", "all"}, default="largest"
        One face a picture, the largest, which is left only for one much larger; or every one.
    working_size : int, default=640
        Pixels of the longer side in which faces are searched, as in :func:`.faces.find_faces`.

    Returns
    -------
    FaceTrack

    Raises
    ------
    ValueError
        ``faces`` is neither, or ``working_size`` is out of range.
    """
    if faces not in ("largest", "all"):
        raise ValueError(f"faces must be 'largest' or 'all', got {faces!r}")
    rows: list[tuple[float, int, FollowedFace | None, float]] = []
    leading = None
    for frame, followed in follow_faces(frames, working_size=working_size):
        leading = leading_face(followed, leading)
        chosen = followed if faces == "all" else [face for face in followed if face.number == leading]
        rows += [(frame.time_s, len(followed), face, frame.scale) for face in chosen or (None,)]
    return _as_track(rows)


def follow_faces(
    frames: Iterable[Frame], *, working_size: int = WORKING_SIZE_PX
) -> Iterator[tuple[Frame, list[FollowedFace]]]:
    """Yield each picture with the faces in it, the largest first, in pixels of that picture."""
    follower = FaceFollower(working_size)
    for frame in frames:
        yield frame, follower.step(frame.time_s, frame.pixels)


def leading_face(faces: list[FollowedFace], before: int | None) -> int | None:
    """Return the number of the face to measure: the one before while it is there and none is much larger."""
    if not faces:
        return before
    kept = next((face for face in faces if face.number == before), faces[0])
    return kept.number if faces[0].box.area < TAKEN_OVER_BY * kept.box.area else faces[0].number


def box_of(points: Points) -> Box:
    """Return the box in which the detector would see the face that has these landmarks."""
    inner = points[WITHOUT_JAW]
    middle = inner.mean(axis=0)
    radius = float(np.sqrt(np.square(inner - middle).sum(axis=1).mean()))
    half = BOX_SIDE * radius / 2
    # A box is bounded by the edges of pixels, half a pixel from their centres.
    x, y = float(middle[0]) + 0.5, float(middle[1]) + 0.5 + BOX_BELOW * radius
    return Box(x - half, y - half, x + half, y + half)


def overlap(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union.

    Examples
    --------
    >>> round(overlap(Box(0, 0, 2, 2), Box(1, 0, 3, 2)), 3)
    0.333
    """
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (one.area + other.area - shared) if shared else 0.0


class FaceFollower:
    """Faces followed through pictures that come one at a time.

    Parameters
    ----------
    working_size : int, default=640
        Pixels of the longer side in which faces are searched.
    """

    def __init__(self, working_size: int = WORKING_SIZE_PX) -> None:
        self.working_size = working_size
        self.faces: list[FollowedFace] = []
        self.looks: dict[int, FloatArray] = {}
        self.lost: dict[int, tuple[float, Box]] = {}
        self.n_seen = 0
        self.shape: tuple[int, ...] = ()
        self.checked_s = self.searched_s = -np.inf

    def step(self, time_s: float, picture: Pixels) -> list[FollowedFace]:
        """Follow the faces into the next picture, grey or RGB; return those in it, the largest first."""
        image = grey(picture)
        if image.shape != self.shape:
            self.shape, self.faces, self.searched_s = image.shape, [], -np.inf
        moved = [self._moved(face, image) for face in self.faces]
        kept = [face for face in moved if face is not None]
        # Without a face to follow, whole pictures are searched as often as a followed one is checked.
        search_s = SEARCH_S if self.faces else CHECK_S
        due = len(kept) < len(moved) or time_s - self.searched_s >= search_s - ROUNDING_S
        if not due and time_s - self.checked_s >= CHECK_S - ROUNDING_S:
            self.checked_s = time_s
            checked = [_checked(face, image) for face in kept]
            due = None in checked
            kept = kept if due else [face for face in checked if face is not None]
        if due:
            self.checked_s = self.searched_s = time_s
            kept = self._searched(kept, image, time_s)
        self.lost |= {face.number: (time_s, face.box) for face in self.faces}
        self.lost = {number: seen for number, seen in self.lost.items() if time_s - seen[0] <= FORGET_S}
        self.looks = {face.number: _look(image, face.box) for face in kept}
        self.faces = sorted(kept, key=lambda face: (-face.box.area, face.box.top, face.box.left))
        return self.faces

    def _moved(self, face: FollowedFace, image: Pixels) -> FollowedFace | None:
        """Return the face in the next picture; None where it jumps, changes at once or leaves the picture."""
        moved = _placed(face.number, face.box, face.score, image)
        if overlap(moved.box, face.box) < SAME_OVERLAP or not _is_inside(moved.box, image):
            return None
        return moved if _correlation(_look(image, moved.box), self.looks[face.number]) >= SAME_LOOK else None

    def _searched(self, followed: list[FollowedFace], image: Pixels, time_s: float) -> list[FollowedFace]:
        """Return the faces of a whole picture, with the numbers of those that were followed or lately lost."""
        found = find_faces(image, working_size=self.working_size)
        faces: list[FollowedFace] = []
        for face in followed:
            nearest = max(found, key=lambda other: overlap(other.box, face.box), default=None)
            confirmed = None if nearest is None else _confirmed(face, nearest, image)
            if confirmed is None:
                confirmed = _checked(face, image)
            else:
                found = [other for other in found if other is not nearest]
            if confirmed is not None and _is_new(confirmed.box, faces):
                faces.append(confirmed)
        for other in found:
            if not _is_new(other.box, faces):
                continue
            new = _placed(-1, other.box, other.score, image)
            if other.score >= WEAK_SCORE or _checked(new, image) is not None:
                faces.append(new._replace(number=self._number_of(other.box, faces, time_s)))
        return faces

    def _number_of(self, box: Box, faces: list[FollowedFace], time_s: float) -> int:
        taken = {face.number for face in faces}
        known = self.lost | {face.number: (time_s, face.box) for face in self.faces}
        near = {number: overlap(box, seen) for number, (_, seen) in known.items() if number not in taken}
        nearest = max(near, key=lambda number: near[number], default=None)
        if nearest is not None and near[nearest] >= SAME_OVERLAP:
            return nearest
        self.n_seen += 1
        return self.n_seen - 1


def _placed(number: int, box: Box, score: float, image: Pixels) -> FollowedFace:
    points = landmarks(image, box)
    return FollowedFace(number, box_of(points), score, points)


def _checked(face: FollowedFace, image: Pixels) -> FollowedFace | None:
    """Return the face as the detector sees it in its surroundings; None where it sees none."""
    margin = CHECK_MARGIN * (face.box.right - face.box.left)
    left, top = (max(0, int(edge - margin)) for edge in face.box[:2])
    right, bottom = (int(edge + margin) + 1 for edge in face.box[2:])
    crop = image[top:bottom, left:right]
    size = round(max(crop.shape) * CHECK_FACE_PX / (face.box.right - face.box.left))
    found = [
        Face(Box(box.left + left, box.top + top, box.right + left, box.bottom + top), score, view)
        for box, score, view in find_faces(crop, working_size=max(size, CHECK_FACE_PX))
    ]
    nearest = max(found, key=lambda other: overlap(other.box, face.box), default=None)
    return None if nearest is None else _confirmed(face, nearest, image)


def _confirmed(face: FollowedFace, found: Face, image: Pixels) -> FollowedFace | None:
    """Return a face that the detector found about where it was followed to; where it was not quite, from there."""
    shared = overlap(found.box, face.box)
    if shared < SAME_OVERLAP:
        return None
    if shared < CLOSE_OVERLAP:
        return _placed(face.number, found.box, found.score, image)
    return face._replace(score=found.score)


def _is_new(box: Box, faces: list[FollowedFace]) -> bool:
    return all(overlap(box, face.box) < SAME_OVERLAP for face in faces)


def _is_inside(box: Box, image: Pixels) -> bool:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return 0 <= x < image.shape[1] and 0 <= y < image.shape[0] and box.right - box.left >= 1


def _look(image: Pixels, box: Box) -> FloatArray:
    """Return a few brightnesses spread over a box."""
    x = np.linspace(box.left, box.right, LOOK_POINTS).astype(int).clip(0, image.shape[1] - 1)
    y = np.linspace(box.top, box.bottom, LOOK_POINTS).astype(int).clip(0, image.shape[0] - 1)
    return image[y[:, None], x].astype(np.float64).ravel()


def _correlation(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size > 0 else 0.0


def _as_track(rows: list[tuple[float, int, FollowedFace | None, float]]) -> FaceTrack:
    boxes, points = np.full((len(rows), 4), np.nan), np.full((len(rows), N_LANDMARKS, 2), np.nan)
    for row, (_, _, face, scale) in enumerate(rows):
        if face is not None:
            boxes[row] = np.array(face.box) / scale
            points[row] = (face.points + 0.5) / scale - 0.5
    return FaceTrack(
        times_s=np.array([row[0] for row in rows], dtype=np.float64),
        n_faces=np.array([row[1] for row in rows], dtype=np.int64),
        numbers=np.array([-1 if row[2] is None else row[2].number for row in rows], dtype=np.int64),
        scores=np.array([np.nan if row[2] is None else row[2].score for row in rows], dtype=np.float64),
        boxes=boxes,
        landmarks=points,
    )
