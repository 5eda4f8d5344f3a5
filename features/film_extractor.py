"""Extractors of pictures put to videos, so that what was made for photographs can be asked about films."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Extractor, FeatureNote, FloatArray
from .face_crop import FaceCrop
from .film_pictures import LEAST_SEARCHED_PX, N_PICTURES, PICTURE_EVERY_S, SEARCHED_PX, face_of, mean_row, pictures_of


class FilmPictures(Extractor):
    """An extractor of pictures, put to a few pictures of each video: its features are their means.

    Parameters
    ----------
    extractor : Extractor
        One that reads pictures.

    Notes
    -----
    One picture every half a second is taken, five at most, evenly spread. Where the extractor takes a face from edge to edge
    (``FaceCrop``), the largest face is found and cut out first.
    """

    source_column: ClassVar[str] = "video"
    libraries: ClassVar[tuple[str, ...]] = ("av", "dlib-bin", "face_recognition_models")

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the extractor's features."""
        return self.extractor.get_feature_names_out()

    def fingerprint(self) -> str:
        """Return a SHA-256 over the extractor's own and how pictures are chosen."""
        chosen = f"{LEAST_SEARCHED_PX}|{N_PICTURES}|{PICTURE_EVERY_S}|{SEARCHED_PX}|{self.schema}"
        return hashlib.sha256(f"{type(self).__name__}|{chosen}|{self.extractor.fingerprint()}".encode()).hexdigest()

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> tuple[list[Any], list[str]]:
        return self._prepared(pictures_of(data, start_s, end_s))

    def _accept(self, source: Any) -> tuple[list[Any], list[str]]:
        return self._prepared(pictures_of(source, None, None))

    def _measure(self, signal: tuple[list[Any], list[str]]) -> tuple[FloatArray, tuple[str, ...]]:
        signals, warnings = signal
        found = mean_row(self.extractor, signals)
        return found.values, (*warnings, *(message for message in found.warnings if message not in warnings))

    def _describe(self, feature: str) -> FeatureNote:
        return self.extractor.explain(feature)

    def _prepared(self, pictures: list[Any]) -> tuple[list[Any], list[str]]:
        warnings: list[str] = []
        if isinstance(self.extractor, FaceCrop):
            pictures = [face_of(picture, warnings) for picture in pictures]
        return [self.extractor.signal_of(picture) for picture in pictures], warnings
