"""Sample tables in, tables of answers out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..features.errors import PredictionError
from ..fusion.dialogue import turns_of
from .dialogue import answer_turns
from .extraction import CONTEXT

if TYPE_CHECKING:
    from .predictor import Model


def answer_table(model: Model, samples: pd.DataFrame) -> pd.DataFrame:
    """Answer every row of a sample table; see :meth:`~emofuse.inference.predictor.Model.predict_table`."""
    clips = list(clips_of(model, samples))
    rows = [_row(model, clip) for clip in clips]
    if model.hears_turns and {"dialogue", "turn"} <= set(samples.columns):
        _hear(model, samples, clips, rows)
    own = [f"{name}_label" for name in model.modalities]
    columns = ["label", *(f"p_{label}" for label in model.classes), *own, "warnings"]
    return pd.DataFrame(rows, index=samples.index, columns=columns)


def _hear(model: Model, samples: pd.DataFrame, clips: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    """Put the answers that clips get in their dialogues in place of those that each gets alone."""
    answers = answer_turns(model, clips, turns_of(samples))
    for row, probabilities in zip(rows, answers, strict=True):
        if row["label"] is not None:
            row["label"] = model.classes[int(probabilities.argmax())]
            row |= {f"p_{label}": float(value) for label, value in zip(model.classes, probabilities, strict=True)}


def clips_of(model: Model, samples: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield each row of a sample table as what ``predict`` takes."""
    blocks: dict[str, Any] = model.manifest["blocks"]
    ready = {block for block, about in blocks.items() if about["extractor"] == "table"}
    known = {*model.modalities, "video", "start_s", "end_s", CONTEXT} - ready
    plain = [name for name in samples.columns if name in known]
    numbers = {
        name: tuple(name.split("/", 1))
        for name in samples.columns
        if isinstance(name, str) and "/" in name and name.split("/", 1)[0] in blocks
    }
    for values in samples.to_dict("records"):
        clip = {name: values[name] for name in plain if not pd.isna(values[name])}
        features: dict[str, dict[str, Any]] = {}
        for column, (block, feature) in numbers.items():
            if not pd.isna(values[column]):
                features.setdefault(block, {})[feature] = values[column]
        yield clip | ({"features": features} if features else {})


def _row(model: Model, clip: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = model.predict(**clip, explain=False)
    except PredictionError as error:
        return {"label": None, "warnings": str(error)}
    absent = [
        f"{name}: {said.reason}" for name, said in answer.modalities.items() if said.reason not in (None, "not given")
    ]
    warnings = {"warnings": "; ".join([*answer.warnings, *absent])}
    if not any(said.present for said in answer.modalities.values()):
        return {"label": None} | warnings
    return (
        {"label": answer.label}
        | {f"p_{label}": probability for label, probability in answer.probabilities.items()}
        | {f"{name}_label": said.label for name, said in answer.modalities.items()}
        | warnings
    )
