"""What a stream says of one window: a small frozen type that becomes JSON as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .answer import ModalityAnswer
from .stream_faces import StreamFace


@dataclass(frozen=True)
class Moment:
    """The answer to one window of a stream.

    Attributes
    ----------
    start_s, end_s : float
        The window, in seconds of the stream.
    label : str or None
        Of the window by itself; None where there was nothing to answer from.
    probabilities : dict of str to float
        Empty where there is no label.
    smoothed_label : str or None
        Smoothed over time, with hysteresis (:class:`.smoothing.Smoothing`); None where there is no label.
    smoothed : dict of str to float
        Smoothed probabilities.
    modalities : dict of str to ModalityAnswer
    faces : tuple of StreamFace
        Those seen since the moment before, the largest first.
    warnings : tuple of str
        Of the answer, and of what was wrong with the stream.
    """

    start_s: float
    end_s: float
    label: str | None
    probabilities: Mapping[str, float]
    smoothed_label: str | None
    smoothed: Mapping[str, float]
    modalities: Mapping[str, ModalityAnswer]
    faces: tuple[StreamFace, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the moment as JSON holds it."""
        found = asdict(self)
        for said in found["modalities"].values():
            said["probabilities"] = said["probabilities"] or {}
        return found
