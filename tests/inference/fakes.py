"""A model that answers at once, so that what is built around a model is tested without training one.

Its answers depend on nothing but how loud the sound is, how bright the picture, how long the text: loud is angry, bright
is happy, and what is neither is neutral. The same input has the same answer, always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from emofuse.features.errors import EmofuseError, SampleError
from emofuse.features.files import read_bytes
from emofuse.features.media import as_audio, decode_audio
from emofuse.features.pictures import as_picture, decode_picture
from emofuse.features.video import frames, frames_in_memory
from emofuse.inference.answer import Answer, ModalityAnswer, TopFeature

CLASSES = ("angry", "happy", "neutral")
MODALITIES = {"audio": ("acoustic",), "video": ("face_video",), "image": ("face",), "text": ("utterance",)}
SOURCES = ("audio", "video", "image", "text", "eeg", "physiology", "openface")
LOUD = 0.1  # root mean square at which angry is certain
NOT_GIVEN = "not given"


class FakeModel:
    """Answers by loudness and brightness, in the shape of the answers of a trained model.

    Parameters
    ----------
    modalities : dict of str to tuple of str, optional
        Source to blocks; sound, video, pictures and text without it.
    fails_on : str, optional
        A source whose presence makes ``predict`` raise, for tests of what happens then.

    Attributes
    ----------
    calls : list of dict
        What ``predict`` was given, in order: the names of the sources, and sizes instead of arrays.
    numbers : list of dict
        The features that it was given.
    """

    def __init__(self, modalities: Mapping[str, tuple[str, ...]] = MODALITIES, *, fails_on: str | None = None) -> None:
        self.classes = CLASSES
        self.modalities = dict(modalities)
        self.manifest: dict[str, Any] = {
            "schema": 1,
            "classes": list(CLASSES),
            "strategy": "late_mean",
            "blocks": {
                block: {"extractor": "face", "parameters": {}, "kind": source, "source": source, "features": ["level"]}
                for source, blocks in self.modalities.items()
                for block in blocks
            },
        }
        self.fails_on = fails_on
        self.calls: list[dict[str, Any]] = []
        self.numbers: list[dict[str, Mapping[str, float]]] = []
        self.warmed = 0

    def predict(
        self,
        *,
        audio: Any = None,
        video: Any = None,
        image: Any = None,
        text: Any = None,
        eeg: Any = None,
        physiology: Any = None,
        openface: Any = None,
        features: Mapping[str, Mapping[str, float]] | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        speaker: Any = None,
        budget_ms: float | None = None,
        explain: bool = True,
    ) -> Answer:
        """Answer one clip."""
        values = (audio, video, image, text, eeg, physiology, openface)
        given = {name: value for name, value in zip(SOURCES, values, strict=True) if value is not None}
        if not given and not features:
            raise EmofuseError("nothing to predict from: pass audio=, video=, image=, text= or another source")
        self.calls.append({name: _size(value) for name, value in given.items()})
        self.numbers.append(dict(features or {}))
        if self.fails_on in given:
            raise EmofuseError(f"{self.fails_on} cannot be answered; this model refuses it")
        numbers = {name: dict(features or {}).get(blocks[0]) for name, blocks in self.modalities.items()}
        said = {name: self._modality(name, given.get(name, numbers[name]), start_s, end_s) for name in numbers}
        present = [np.array(list((one.probabilities or {}).values())) for one in said.values() if one.present]
        fused = np.mean(present, axis=0) if present else np.full(len(CLASSES), 1 / len(CLASSES))
        said = {
            name: ModalityAnswer(True, one.label, one.probabilities, 1 / len(present), 0.1) if one.present else one
            for name, one in said.items()
        }
        missing = tuple(f"{name}: {one.reason}" for name, one in said.items() if one.reason not in (None, NOT_GIVEN))
        top = tuple(TopFeature(self.modalities[name][0], "level", 0.1) for name, one in said.items() if one.present)
        return Answer(
            label=CLASSES[int(fused.argmax())],
            probabilities=dict(zip(CLASSES, fused.tolist(), strict=True)),
            modalities=said,
            top_features=top if explain else (),
            timing_ms={"decode": 0.0, "extract": 0.0, "classify": 0.0, "total": 0.0},
            warnings=missing,
            adaptive=speaker is not None,
        )

    def predict_many(self, items: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Answer several clips."""
        return [self.predict(**item) for item in items]

    def predict_table(self, samples: pd.DataFrame) -> pd.DataFrame:
        """Answer the rows of a sample table."""
        rows = []
        for _, row in samples.iterrows():
            given = {name: row[name] for name in (*SOURCES, "start_s", "end_s") if name in row and pd.notna(row[name])}
            answer = self.predict(**given)
            said = {f"{name}_label": one.label for name, one in answer.modalities.items()}
            rows.append({"label": answer.label, **answer.probabilities, **said, "warnings": "; ".join(answer.warnings)})
        return pd.DataFrame(rows, index=samples.index)

    def warm(self) -> None:
        """Count that it was called."""
        self.warmed += 1

    def enrol(self, clips: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Return what ``predict(speaker=...)`` takes."""
        return {"clips": len(clips)}

    def _modality(self, name: str, source: Any, start_s: float | None, end_s: float | None) -> ModalityAnswer:
        if source is None:
            return ModalityAnswer(False, probabilities={}, reason=NOT_GIVEN)
        try:
            probabilities = _probabilities(name, source, start_s, end_s)
        except SampleError as error:
            return ModalityAnswer(False, probabilities={}, reason=f"{error.code}: {error}")
        label = max(probabilities, key=lambda one: probabilities[one])
        return ModalityAnswer(True, label, probabilities)


def _probabilities(name: str, source: Any, start_s: float | None, end_s: float | None) -> dict[str, float]:
    """Sound: loud is angry. Pictures: bright is happy. Text: long is happy. Of numbers the first says how happy."""
    angry = happy = 0.0
    if isinstance(source, Mapping):
        happy = float(np.clip(next(iter(source.values())), 0, 1))
    elif name == "audio":
        given = isinstance(source, tuple)
        audio = as_audio(*source) if given else decode_audio(_bytes(source), start_s=start_s, end_s=end_s)
        angry = min(1.0, float(np.sqrt(np.mean(np.square(audio.samples)))) / LOUD)
    elif name == "image":
        picture = as_picture(source) if isinstance(source, np.ndarray) else decode_picture(_bytes(source))
        happy = float(picture.pixels.mean()) / 255
    elif name == "video":
        given = isinstance(source, tuple)
        clip = frames_in_memory(*source) if given else frames(_bytes(source), start_s=start_s, end_s=end_s)
        happy = float(np.mean([frame.pixels.mean() for frame in clip])) / 255
    else:
        happy = min(1.0, len(str(source)) / 100)
    certain = {"angry": angry, "happy": happy * (1 - angry), "neutral": (1 - angry) * (1 - happy)}
    return {name: 0.85 * value + 0.05 for name, value in certain.items()}


def _bytes(source: Any) -> bytes:
    return source if isinstance(source, bytes) else read_bytes(Path(source))


def _size(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape
    if isinstance(value, tuple):
        return tuple(len(part) if hasattr(part, "__len__") else part for part in value)
    return len(value) if isinstance(value, (bytes, str)) else str(value)
