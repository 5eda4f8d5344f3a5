"""A window's movement of the face, from faces that a stream has followed already: no picture is searched twice.

What :class:`~emofuse.features.face_video.FaceVideo` would measure in the window's pictures, at a small part of its cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..features.errors import SampleError
from ..features.face_clip import FaceClip
from ..features.face_tracking import FollowedFace, leading_face
from ..features.faces import WORKING_SIZE_PX
from ..features.video import Frame
from .sources import Pace

Followed = tuple[Frame, list[FollowedFace]]


class ClipFeatures:
    """The blocks that a model reads from video, measured in pictures whose faces are known.

    Parameters
    ----------
    model : Model
    pictures_hz : float
        How many pictures a second there are.

    Attributes
    ----------
    usable : bool
        Whether all blocks of the model's videos can be made so; if not, they are made of the pictures.
    """

    def __init__(self, model: Any, pictures_hz: float) -> None:
        known = model.manifest.get("blocks", {})
        self._blocks = {block: known.get(block, {}) for block in model.modalities.get("video", ())}
        self._extractors: dict[str, Any] = {}
        self.usable = bool(self._blocks) and all(
            about.get("extractor") == "face_video" for about in self._blocks.values()
        )
        if self.usable:
            from ..features.extractors import make_extractor

            self._extractors = {
                block: make_extractor("face_video", about["parameters"]) for block, about in self._blocks.items()
            }
            self.usable = all(
                made.working_size == WORKING_SIZE_PX and made.rate_hz is not None and made.rate_hz <= pictures_hz
                for made in self._extractors.values()
            )

    def measure(
        self, clip: Sequence[Followed], number: int | None = None
    ) -> tuple[dict[str, dict[str, float]], tuple[str, ...]]:
        """Measure one face of a clip.

        Parameters
        ----------
        clip : sequence of (Frame, list of FollowedFace)
        number : int, optional
            Which face; the leading one of each picture without it, as FaceVideo chooses it.

        Returns
        -------
        features : dict of str to dict of str to float
            As ``predict(features=...)`` takes them.
        warnings : tuple of str

        Raises
        ------
        SampleError
            ``no_face``: it is in none of the pictures.
        """
        features: dict[str, dict[str, float]] = {}
        warnings: list[str] = []
        measured: list[tuple[Any, dict[str, float]]] = []
        for block, extractor in self._extractors.items():
            same = next((values for made, values in measured if made.get_params() == extractor.get_params()), None)
            if same is None:
                same, notes = _measured(extractor, clip, number)
                measured.append((extractor, same))
                warnings += [note for note in notes if note not in warnings]
            features[block] = {name: same[name] for name in self._blocks[block]["features"] if name in same}
        return features, tuple(warnings)


def _measured(extractor: Any, clip: Sequence[Followed], number: int | None) -> tuple[dict[str, float], tuple[str, ...]]:
    found, pace, leading = FaceClip(extractor.parts, extractor.face_size), Pace(1 / extractor.rate_hz), number
    for frame, faces in clip:
        if pace.due(frame.time_s):
            leading = leading_face(faces, leading) if number is None else number
            found.add(frame, len(faces), next((face for face in faces if face.number == leading), None))
    if not found.times_s:
        raise SampleError("no_frames", "the window has no picture")
    values = found.features()
    return dict(zip(extractor.get_feature_names_out(), values.tolist(), strict=True)), found.warnings()
