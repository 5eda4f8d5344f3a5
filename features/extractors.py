"""The names by which a study calls the extractors: a new modality adds its line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import StudyError

if TYPE_CHECKING:
    from .base import Extractor

EXTRACTORS = {
    "face_crop": ("face_crop", "FaceCrop"),
    "face_image": ("face", "FaceImage"),
    "face_video": ("face_video", "FaceVideo"),
    "librosa": ("librosa_statistics", "LibrosaStatistics"),
    "opensmile": ("acoustic", "OpenSmileFunctionals"),
    "opensmile_correlations": ("acoustic_correlations", "OpenSmileCorrelations"),
    "opensmile_lld": ("acoustic", "OpenSmileDescriptors"),
    "short_term": ("short_term", "ShortTermStatistics"),
    "eeg": ("eeg", "EEGFeatures"),
    "eeg_band_power": ("eeg", "EEGBandPower"),
    "openface": ("openface", "OpenFaceTable"),
    "physiology": ("physiology", "PhysiologyFeatures"),
    "text_counts": ("text_counts", "TextCounts"),
}


def make_extractor(name: str, parameters: dict[str, Any]) -> Extractor:
    """Return the extractor of a name with its parameters; raise StudyError naming what there is instead."""
    if name not in EXTRACTORS:
        raise StudyError(f"extractor {name!r} is not known; choose from {sorted(EXTRACTORS)} or 'table', 'text'")
    made = _class_of(name)
    try:
        extractor: Extractor = made(**parameters)
        extractor.get_feature_names_out()
    except (TypeError, ValueError, AttributeError) as error:
        known = sorted(made().get_params(deep=False))
        raise StudyError(f"extractor {name!r}: {error}; its parameters are {known}") from None
    return extractor


def source_columns() -> tuple[str, ...]:
    """Return the columns of a sample table that the extractors read, each once."""
    return tuple(sorted({_class_of(name).source_column for name in EXTRACTORS}))


def _class_of(name: str) -> type[Extractor]:
    module, class_name = EXTRACTORS[name]
    found: type[Extractor] = getattr(import_module(f".{module}", __package__), class_name)
    return found
