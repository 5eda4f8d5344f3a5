"""The names by which a study calls the extractors: a new modality adds its line here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .base import Extractor
from .errors import StudyError

EXTRACTORS = {
    "opensmile": ("acoustic", "OpenSmileFunctionals"),
    "eeg_band_power": ("eeg", "EEGBandPower"),
}


def make_extractor(name: str, parameters: dict[str, Any]) -> Extractor:
    """Return the extractor of a name with its parameters; raise StudyError naming what there is instead."""
    if name not in EXTRACTORS:
        raise StudyError(f"extractor {name!r} is not known; choose from {sorted(EXTRACTORS)} or 'table', 'text'")
    module, class_name = EXTRACTORS[name]
    made = getattr(import_module(f".{module}", __package__), class_name)
    try:
        extractor: Extractor = made(**parameters)
        extractor.get_feature_names_out()
    except (TypeError, ValueError, AttributeError) as error:
        known = sorted(made().get_params(deep=False))
        raise StudyError(f"extractor {name!r}: {error}; its parameters are {known}") from None
    return extractor
