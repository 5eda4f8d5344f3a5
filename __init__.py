"""emofuse: classical multimodal emotion recognition, with fusion strategies compared honestly.

The public names are loaded on first use, so that ``import emofuse`` stays cheap on a small machine.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "EmofuseError": "features.errors",
    "check_samples": "features.samples",
    "read_samples": "features.samples",
    "OpenSmileFunctionals": "features.acoustic",
    "OpenSmileDescriptors": "features.acoustic",
    "LibrosaStatistics": "features.librosa_statistics",
    "ShortTermStatistics": "features.short_term",
    "FaceImage": "features.face",
    "FaceVideo": "features.face_video",
    "FaceCrop": "features.face_crop",
    "OpenFaceTable": "features.openface",
    "EEGFeatures": "features.eeg",
    "EEGBandPower": "features.eeg",
    "PhysiologyFeatures": "features.physiology",
    "TextCounts": "features.text_counts",
    "TextVectorizer": "features.text",
    "window_table": "features.windows",
    "FeatureStore": "features.store",
    "BoostedTrees": "classifiers.boosted",
    "LinearClassifier": "classifiers.linear",
    "NaiveBayesLogistic": "classifiers.linear",
    "KernelRidgeClassifier": "classifiers.kernel",
    "expert_pipeline": "classifiers.recipes",
    "front_pipeline": "classifiers.recipes",
    "join_blocks": "fusion.blocks",
    "EarlyFusion": "fusion.early",
    "LateFusion": "fusion.late",
    "HybridFusion": "fusion.hybrid",
    "read_corpus": "experiments.corpora",
    "load_study": "experiments.study",
    "run_study": "experiments.run",
    "load": "inference.predictor",
    "Model": "inference.predictor",
    "load_bundle": "inference.bundle",
    "model_card": "inference.card",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'emofuse' has no attribute {name!r}")
    return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
