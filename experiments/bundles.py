"""From what was trained to the file that is handed on: what it must know of its blocks, and what its user must be told."""

from __future__ import annotations

import os
from typing import Any

from ..features.extractors import make_extractor
from ..inference.bundle import save_bundle
from .study import BlockSpec
from .train import Trained

# By the library that an extractor measures with: what its users may do with it.
LICENCES = {
    "opensmile": "openSMILE: audEERING research licence, research and private use only",
    "face_recognition_models": "dlib's 68-point predictor: trained on iBUG 300-W, no commercial use",
}


def save_trained(trained: Trained, path: str | os.PathLike[str]) -> None:
    """Write a trained model as a bundle; raise BundleError where the file cannot be written."""
    save_bundle(
        path,
        trained.fusion,
        study=trained.study.model_dump(mode="json"),
        corpus=trained.corpus,
        blocks={name: _described(name, trained) for name in trained.blocks},
        strategy=trained.strategy,
        validation=trained.validation,
        training=trained.training,
        licences=licences(trained),
        speakers=trained.speakers,
        references=trained.references,
    )


def licences(trained: Trained) -> list[str]:
    """Return what restricts the use of a model: the licences of what its features are measured with, and of its corpus."""
    used = {library for spec in trained.study.blocks.values() for library in _libraries(spec)}
    own = f"{trained.corpus['title']}: {trained.corpus['licence']}"
    return [*(text for library, text in LICENCES.items() if library in used), own]


def _libraries(spec: BlockSpec) -> tuple[str, ...]:
    if spec.extractor in ("table", "text"):
        return ()
    return make_extractor(spec.extractor, spec.parameters).libraries


def _described(name: str, trained: Trained) -> dict[str, Any]:
    """Return what a model must know of a block to measure it, or to be given it."""
    spec = trained.study.blocks[name]
    if spec.extractor == "table":
        source = name
    elif spec.extractor == "text":
        source = "text"
    else:
        source = make_extractor(spec.extractor, spec.parameters).source_column
    return {
        "extractor": spec.extractor,
        "parameters": spec.model_dump(mode="json")["parameters"],
        "kind": spec.kind,
        "source": source,
        "features": list(trained.features[name]),
    }
