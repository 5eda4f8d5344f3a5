"""The core of a stream: a window slides over the sound and the pictures that came last, and nothing else is kept."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..features.containers import MAX_JITTER_S
from ..features.errors import EmofuseError, SampleError
from ..features.faces import WORKING_SIZE_PX
from ..features.media import as_audio
from ..features.sound_preparation import MIN_DURATION_S
from ..features.video import frames_in_memory
from ..features.video_decoding import ROUNDING_S
from .answer import Answer, ModalityAnswer
from .followed_clip import ClipFeatures, Followed
from .moment import Moment
from .smoothing import MARGIN, Smoothing
from .sources import Pace
from .stream_faces import MAX_ANSWERED, StreamFaces

WINDOW_S = 3.0
HOP_S = 1.0
SMOOTHING_S = 2.0
PICTURES_HZ = 15.0  # those that FaceVideo measures: a blink of .1 s is seen in one at least
MAX_WINDOW_S = 30.0  # 450 grey pictures of 640 x 480 are 140 MB
PATIENCE_S = 1.0  # how long an answer waits for pictures that lag behind the sound, or never come
MAX_TIME_S = 1e9
MAX_NOTES = 10

Samples = npt.NDArray[np.float32]


def _checked_time(time_s: Any) -> float:
    if isinstance(time_s, (int, float, np.integer, np.floating)) and 0 <= time_s <= MAX_TIME_S:
        return float(time_s)
    raise SampleError(
        "bad_time", f"a second from 0 on is needed, counted from the start of the stream, got {time_s!r:.40}"
    )


class LiveStream:
    """A stream that is pushed to, piece by piece; each push returns the moments that became due.

    Sound and pictures share one clock. They are pushed in the order of time, each at most ``PATIENCE_S`` ahead of the
    other; a picture that is older than the one before is left out.

    Parameters
    ----------
    model, window_s, hop_s, text, faces, smoothing_s, hysteresis
        As for :func:`stream`.

    Raises
    ------
    SampleError
        ``bad_window``, ``bad_smoothing`` or ``unused`` (the model reads neither sound nor pictures).
    """

    def __init__(
        self,
        model: Any,
        *,
        window_s: float = WINDOW_S,
        hop_s: float = HOP_S,
        text: str | None = None,
        faces: bool = True,
        smoothing_s: float = SMOOTHING_S,
        hysteresis: float = MARGIN,
    ) -> None:
        if not MIN_DURATION_S <= window_s <= MAX_WINDOW_S:
            raise SampleError(
                "bad_window", f"a window of {MIN_DURATION_S} to {MAX_WINDOW_S:g} s is needed, got {window_s!r}"
            )
        if not MIN_DURATION_S <= hop_s < math.inf:
            raise SampleError("bad_window", f"a hop of {MIN_DURATION_S} s or more is needed, got {hop_s!r}")
        self.model, self.window_s, self.hop_s, self.text = model, window_s, hop_s, text
        self.smoothing = Smoothing(smoothing_s, hysteresis)
        self.faces = StreamFaces(model, WORKING_SIZE_PX) if faces else None
        self._clip = ClipFeatures(model, PICTURES_HZ)
        self._pace = Pace(1 / PICTURES_HZ)
        self._pieces: deque[tuple[float, Samples]] = deque()
        self._pictures: deque[Followed] = deque()
        self._rate = 0
        self._sound_s: float | None = None  # where the sound ends so far
        self._picture_s: float | None = None
        self._origin_s: float | None = None
        self._n_hops = 0
        self._ended_s = -math.inf
        self._notes: list[str] = []

    def push_sound(self, samples: Any, sampling_rate_hz: int, time_s: float | None = None) -> list[Moment]:
        """Take sound in; it follows the sound before unless a second is given.

        Parameters
        ----------
        samples : array of shape (n_samples,) or (n_samples, n_channels)
            As :func:`.media.as_audio` takes them.
        sampling_rate_hz : int
        time_s : float, optional
            When the first sample is heard.

        Raises
        ------
        SampleError
            What ``as_audio`` refuses, or ``bad_time``; the stream can go on.
        """
        audio = as_audio(samples, sampling_rate_hz)
        if self._rate not in (0, audio.sampling_rate_hz):
            self.note(
                f"the sound changes from {self._rate} to {audio.sampling_rate_hz} Hz; what came before is left out"
            )
            self._pieces.clear()
        expected_s = self._sound_s if self._sound_s is not None else self._picture_s or 0.0
        begin_s = expected_s if time_s is None else _checked_time(time_s)
        if self._sound_s is not None and abs(begin_s - expected_s) <= MAX_JITTER_S:
            begin_s = expected_s
        elif self._sound_s is not None and begin_s > expected_s:
            self.note(f"gap: {begin_s - expected_s:.2f} s of sound are missing at {expected_s:.2f} s")
        elif self._sound_s is not None:
            self.note(f"sound that is older than the sound before is left out at {expected_s:.2f} s")
            return []
        self._rate = audio.sampling_rate_hz
        self._pieces.append((begin_s, audio.samples))
        self._sound_s = begin_s + audio.duration_s
        self._origin_s = begin_s if self._origin_s is None else self._origin_s
        return self._due()

    def push_frame(self, time_s: float, picture: Any) -> list[Moment]:
        """Take a picture in.

        Parameters
        ----------
        time_s : float
            When it is shown; more than ``PICTURES_HZ`` a second are left out.
        picture : ndarray of shape (height, width, 3) or (height, width), uint8
            RGB or grey.

        Raises
        ------
        SampleError
            What :func:`.pictures.as_picture` refuses, or ``bad_time``; the stream can go on.
        """
        time_s = _checked_time(time_s)
        if self._picture_s is not None and time_s <= self._picture_s:
            return []
        if self._pace.due(time_s):
            frame = next(frames_in_memory([picture], [time_s], size_px=WORKING_SIZE_PX, grey=True))
            self._pictures.append((frame, [] if self.faces is None else self.faces.step(frame)))
        self._picture_s = time_s
        self._origin_s = time_s if self._origin_s is None else self._origin_s
        return self._due()

    def note(self, text: str) -> None:
        """Say something of the stream itself with the next moment."""
        if text not in self._notes and len(self._notes) < MAX_NOTES:
            self._notes.append(text)

    def close(self) -> list[Moment]:
        """End the stream: return the moments that waited, and one for a rest of half a hop or more."""
        ends = [end_s for end_s in (self._sound_s, self._picture_s) if end_s is not None]
        if not ends or self._origin_s is None:
            return []
        moments = self._due(max(ends))
        rest_s = max(ends) - (self._origin_s if self._ended_s == -math.inf else self._ended_s)
        if self._ended_s == -math.inf and not self._pictures and rest_s < MIN_DURATION_S - ROUNDING_S:
            return []
        if self._ended_s == -math.inf or rest_s >= self.hop_s / 2 - ROUNDING_S:
            moments.append(self._moment(max(ends)))
        return moments

    def _due(self, reached_s: float | None = None) -> list[Moment]:
        """Answer every window that is complete."""
        assert self._origin_s is not None
        ends = [end_s for end_s in (self._sound_s, self._picture_s) if end_s is not None]
        reached_s = max(min(ends), max(ends) - PATIENCE_S) if reached_s is None else reached_s
        moments: list[Moment] = []
        while (end_s := self._origin_s + self.window_s + self._n_hops * self.hop_s) <= reached_s + ROUNDING_S:
            self._forget(end_s - self.window_s)
            begins = [self._pieces[0][0]] if self._pieces else []
            begins += [self._pictures[0][0].time_s] if self._pictures else []
            earliest_s = min(begins, default=reached_s)
            if earliest_s >= end_s:  # nothing for a while: go on where there is something again
                self._n_hops += max(1, math.ceil((earliest_s - end_s) / self.hop_s))
                continue
            self._n_hops += 1
            moments.append(self._moment(end_s))
        self._forget(end_s - self.window_s)
        return moments

    def _forget(self, start_s: float) -> None:
        while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) / self._rate <= start_s:
            self._pieces.popleft()
        while self._pictures and self._pictures[0][0].time_s < start_s - ROUNDING_S:
            self._pictures.popleft()

    def _moment(self, end_s: float) -> Moment:
        assert self._origin_s is not None
        start_s = max(end_s - self.window_s, self._origin_s)
        self._forget(start_s)
        self._ended_s = end_s
        shown = [item for item in self._pictures if item[0].time_s < end_s + ROUNDING_S]
        given, notes = self._given(start_s, end_s, shown)
        answer, warnings = self._answer(given)
        said = {} if answer is None else answer.modalities
        seen = () if self.faces is None else self.faces.moment(start_s, end_s, self._of_faces(shown, said.get("video")))
        warnings = (*warnings, *notes)
        warnings, self._notes = (*warnings, *self._notes), []
        if answer is None or not any(one.present for one in said.values()):
            return Moment(start_s, end_s, None, {}, None, {}, said, seen, warnings)
        label = self.smoothing.add(end_s, answer.probabilities)
        smoothed = dict(self.smoothing.probabilities)
        return Moment(start_s, end_s, answer.label, answer.probabilities, label, smoothed, said, seen, warnings)

    def _given(self, start_s: float, end_s: float, shown: list[Followed]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return what the model is given, and warnings: the window's sound, the movement of the face, a picture of it."""
        given: dict[str, Any] = {}
        notes: tuple[str, ...] = ()
        reads = self.model.modalities
        sound = [self._cut(begin_s, samples, start_s, end_s) for begin_s, samples in self._pieces]
        if sum(map(len, sound)) >= MIN_DURATION_S * max(self._rate, 1) and "audio" in reads:
            given["audio"] = (np.concatenate(sound), self._rate)
        # Where no face was followed, the extractors would find none either.
        if shown and "video" in reads and (self.faces is None or any(faces for _, faces in shown)):
            if self.faces is not None and self._clip.usable:
                try:
                    given["features"], notes = self._clip.measure(shown)
                except SampleError as error:
                    notes = (f"video: {error}",)
            else:
                given["video"] = ([frame.pixels for frame, _ in shown], [frame.time_s - start_s for frame, _ in shown])
        if shown and "image" in reads:
            whole = np.repeat(shown[-1][0].pixels[..., None], 3, axis=2)
            picture = whole if self.faces is None else self.faces.crop(start_s)
            given |= {} if picture is None else {"image": picture}
        if given and self.text is not None and "text" in reads:
            given["text"] = self.text
        return given, notes

    def _of_faces(self, shown: list[Followed], leading: ModalityAnswer | None) -> dict[int, Mapping[str, float]]:
        """Return what the model says of each face from its movement."""
        if self.faces is None or self.faces.reads_pictures or leading is None:
            return {}
        found: dict[int, Mapping[str, float]] = {}
        if self.faces.leading is not None and leading.probabilities:
            found[self.faces.leading] = leading.probabilities
        others = dict.fromkeys(face.number for _, faces in shown for face in faces if face.number not in found)
        for number in list(others)[: MAX_ANSWERED - 1] if self._clip.usable else ():
            try:
                features, _ = self._clip.measure(shown, number)
                answer = self.model.predict(features=features, explain=False)
            except EmofuseError:  # a face that cannot be measured has no answer
                continue
            found[number] = answer.modalities["video"].probabilities or {}
        return found

    def _cut(self, begin_s: float, samples: Samples, start_s: float, end_s: float) -> Samples:
        first, last = (round((bound_s - begin_s) * self._rate) for bound_s in (start_s, end_s))
        return samples[max(first, 0) : max(last, 0)]

    def _answer(self, given: dict[str, Any]) -> tuple[Answer | None, tuple[str, ...]]:
        if not given:
            return None, ("nothing to answer from: neither sound nor a face that the model reads",)
        try:
            answer = self.model.predict(**given)
        except EmofuseError as error:  # one window that cannot be answered does not end the stream
            return None, (f"not answered: {error}",)
        return answer, tuple(answer.warnings)
