"""The faces of a stream: followed under stable numbers, their blinks counted, each answered a few times a second."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..features.errors import EmofuseError
from ..features.face_clip import CLOSED_SHARE, MAX_BLINK_S
from ..features.face_geometry import eye_opening
from ..features.face_tracking import FORGET_S, FaceFollower, FollowedFace, leading_face
from ..features.faces import MARGIN_OF_CROPS, Box, cut_out
from ..features.film_pictures import LEAST_SEARCHED_PX
from ..features.pictures import Pixels
from ..features.video import Frame
from ..features.video_decoding import ROUNDING_S

ANSWER_S = 0.5  # between two answers for one face
MAX_ANSWERED = 4  # faces, the largest
MAX_ANSWERS = 120  # of one face: two windows of the longest kind
MEMORY_S = 60.0  # of blinks and openings
RATE_AFTER_S = 10.0  # a blink in fewer seconds would be a rate of more than six a minute
MARGIN = 0.5  # of the face's side, on each of its sides: the detector needs what surrounds a face


@dataclass(frozen=True)
class StreamFace:
    """A face of a stream, as it was when last seen.

    Attributes
    ----------
    number : int
        The same for as long as the face is there, or away for less than a second.
    leading : bool
        Whether it is the one that the answer to the whole clip is about.
    box : tuple of float
        Left, top, right, bottom, in pixels of the picture that was pushed.
    score : float
        The detector's confidence when it last looked.
    landmarks : tuple of (float, float) or None
        The 68 of iBUG 300-W, in the same pixels.
    label : str or None
    probabilities : dict of str to float
        Mean of the answers to its pictures in the window; empty where the model reads neither pictures nor video.
    blinks : int
        Since it was first seen.
    blinks_per_minute : float or None
        Over the last minute; None before the face has been seen for 10 s.
    eye_opening : float or None
        Mean aspect ratio of the two eyes, height over width; about .3 when open.
    blink_times_s : tuple of float
        When those blinks began that ended since the moment before.
    """

    number: int
    leading: bool
    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...] | None
    label: str | None
    probabilities: Mapping[str, float]
    blinks: int
    blinks_per_minute: float | None
    eye_opening: float | None = None
    blink_times_s: tuple[float, ...] = ()


class BlinkCounter:
    """Blinks of one face by its eye aspect ratio [1]_, against the median of the last minute.

    What :func:`.face_clip.blinks_per_minute` does for a clip that is over, for one that goes on: the eyes must be seen
    open before and after, and closed for at most half a second.

    References
    ----------
    .. [1] Soukupova & Cech (2016), Real-time eye blink detection using facial landmarks, CVWW.

    Examples
    --------
    >>> counter = BlinkCounter()
    >>> for number, opening in enumerate([0.3, 0.3, 0.1, 0.3]):
    ...     counter.add(number / 10, opening)
    >>> counter.count
    1
    """

    def __init__(self) -> None:
        self.count = 0
        self.last_minute: deque[tuple[float, float]] = deque()  # when each began, and when it ended
        self._openings: deque[tuple[float, float]] = deque()
        self._open_before = False
        self._closed_s: float | None = None

    def add(self, time_s: float, opening: float) -> None:
        """Take the opening of the eyes in a picture in; NaN where the face is not seen."""
        while self._openings and self._openings[0][0] < time_s - MEMORY_S:
            self._openings.popleft()
        while self.last_minute and self.last_minute[0][0] < time_s - MEMORY_S:
            self.last_minute.popleft()
        if math.isnan(opening):
            self._open_before, self._closed_s = False, None
            return
        self._openings.append((time_s, opening))
        usual = float(np.median([value for _, value in self._openings]))
        if opening < CLOSED_SHARE * usual:
            if self._open_before and self._closed_s is None:
                self._closed_s = time_s
            self._open_before = False
            return
        if self._closed_s is not None and time_s - self._closed_s <= MAX_BLINK_S:
            self.count += 1
            self.last_minute.append((self._closed_s, time_s))
        self._open_before, self._closed_s = True, None

    def per_minute(self) -> float | None:
        """Return blinks a minute of the time in which the face was seen, over the last minute."""
        times = [time_s for time_s, _ in self._openings]
        if len(times) < 2:
            return None
        seen_s = len(times) * float(np.median(np.diff(times)))
        return 60.0 * len(self.last_minute) / seen_s if seen_s >= RATE_AFTER_S else None


class StreamFaces:
    """The faces of the pictures that came, as far back as a window.

    Parameters
    ----------
    model : Model
    working_size : int
        Pixels of the longer side of the pictures that come.
    """

    def __init__(self, model: Any, working_size: int) -> None:
        self.model = model
        self.margin = crop_margin(model)
        self.reads_pictures = "image" in model.modalities
        self.leading: int | None = None
        self._follower = FaceFollower(working_size)
        self._people: dict[int, _Person] = {}
        self._reported_s = -math.inf
        self._window_s = FORGET_S

    def step(self, frame: Frame) -> list[FollowedFace]:
        """Follow the faces into the next picture, which is grey, and return them; answer those whose turn it is."""
        found = self._follower.step(frame.time_s, frame.pixels)
        self.leading = leading_face(found, self.leading)
        seen = {face.number for face in found}
        for number, person in self._people.items():
            if number not in seen:
                person.blinks.add(frame.time_s, math.nan)
        for place, face in enumerate(found):
            person = self._people.setdefault(face.number, _Person())
            person.see(frame, face)
            due = frame.time_s >= person.answered_s + ANSWER_S - ROUNDING_S
            if self.reads_pictures and due and place < MAX_ANSWERED:
                person.answered_s = frame.time_s
                person.crop = np.repeat(crop_of(frame.pixels, face.box, self.margin)[..., None], 3, axis=2)
                self._answer(frame.time_s, person)
        return found

    def crop(self, start_s: float) -> Pixels | None:
        """Return the latest picture of the leading face, RGB; None where it was not seen from a second on."""
        person = self._people.get(-1 if self.leading is None else self.leading)
        return person.crop if person is not None and person.answered_s >= start_s - ROUNDING_S else None

    def moment(
        self, start_s: float, end_s: float, of_clip: Mapping[int, Mapping[str, float]]
    ) -> tuple[StreamFace, ...]:
        """Return the faces seen since the moment before, the largest first, and forget what no window will need.

        Parameters
        ----------
        start_s, end_s : float
            The window.
        of_clip : dict of int to dict of str to float
            What the model says of faces from their movement; used where it reads no pictures.
        """
        since_s = max(self._reported_s, start_s)
        self._reported_s = end_s
        self._window_s = end_s - start_s
        faces = []
        for number, person in list(self._people.items()):
            if person.seen_s < start_s - FORGET_S:
                del self._people[number]
            elif person.seen_s > since_s:
                probabilities = person.mean_answer(start_s) or dict(of_clip.get(number, {}))
                faces.append(person.as_face(number, number == self.leading, probabilities, since_s))
        return tuple(sorted(faces, key=lambda face: -Box(*face.box).area))

    def now(self) -> tuple[StreamFace, ...]:
        """Return the faces in the picture that came last, the largest first; of answers those of a window back."""
        found = []
        for followed in self._follower.faces:
            person = self._people.get(followed.number)
            if person is not None:
                answer = person.mean_answer(person.seen_s - self._window_s)
                leads = followed.number == self.leading
                found.append(person.as_face(followed.number, leads, answer, person.seen_s))
        return tuple(found)

    def seen_since(self, start_s: float) -> bool:
        """Whether any face was seen from a second on."""
        return any(person.seen_s >= start_s - ROUNDING_S for person in self._people.values())

    def _answer(self, time_s: float, person: _Person) -> None:
        try:
            said = self.model.predict(image=person.crop, explain=False).modalities["image"]
        except EmofuseError:  # the clip's answer, which reads the same pictures, says why
            return
        if said.present and said.probabilities:
            person.answers.append((time_s, said.probabilities))


class _Person:
    """What is known of one face."""

    def __init__(self) -> None:
        self.blinks = BlinkCounter()
        self.answers: deque[tuple[float, Mapping[str, float]]] = deque(maxlen=MAX_ANSWERS)
        self.answered_s = self.seen_s = -math.inf
        self.crop: Pixels | None = None
        self.opening: float | None = None
        self.face: FollowedFace | None = None
        self.scale = 1.0

    def see(self, frame: Frame, face: FollowedFace) -> None:
        self.seen_s, self.face, self.scale = frame.time_s, face, frame.scale
        opening = eye_opening(face.points)
        self.opening = None if math.isnan(opening) else opening  # of landmarks that make no face
        self.blinks.add(frame.time_s, opening)

    def mean_answer(self, start_s: float) -> dict[str, float]:
        answers = [said for time_s, said in self.answers if time_s >= start_s - ROUNDING_S]
        return {name: float(np.mean([said[name] for said in answers])) for name in (answers[0] if answers else ())}

    def as_face(self, number: int, leads: bool, probabilities: dict[str, float], since_s: float) -> StreamFace:
        assert self.face is not None
        points = np.round((self.face.points + 0.5) / self.scale - 0.5, 1).tolist()
        left, top, right, bottom = (round(edge / self.scale, 1) for edge in self.face.box)
        return StreamFace(
            number=number,
            leading=leads,
            box=(left, top, right, bottom),
            score=self.face.score,
            landmarks=tuple((x, y) for x, y in points),
            label=max(probabilities, key=lambda name: probabilities[name]) if probabilities else None,
            probabilities=probabilities,
            blinks=self.blinks.count,
            blinks_per_minute=self.blinks.per_minute(),
            eye_opening=self.opening,
            blink_times_s=tuple(begun_s for begun_s, ended_s in self.blinks.last_minute if ended_s > since_s),
        )


def crop_margin(model: Any) -> float:
    """Return the margin with which the model's extractors of pictures expect a face.

    ``face_crop`` describes a face from edge to edge, as the corpora of faces hold them; others find the face themselves.
    """
    about = [model.manifest.get("blocks", {})[block] for block in model.modalities.get("image", ())]
    return MARGIN_OF_CROPS if about and all(block["extractor"] == "face_crop" for block in about) else MARGIN


def crop_of(picture: Pixels, box: Box, margin: float) -> Pixels:
    """Cut out a face for the model, grey or RGB as the picture is.

    With the margin of crops it is scaled so far down that the model takes it for one face, and does not search it again.
    """
    from PIL import Image

    crop = cut_out(picture, box, margin)
    if margin != MARGIN_OF_CROPS:
        return crop
    scale = (LEAST_SEARCHED_PX - 1) / max(crop.shape[:2])
    if scale >= 1:
        return crop
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    return np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC))
