"""Clips that are turns of dialogues, answered together: each hears the others, where the model was trained to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features.errors import PredictionError
from ..fusion.context import ContextModel
from ..fusion.dialogue import Turns
from ..fusion.fused import BlockRows, FusedModel
from .speakers import normalised

if TYPE_CHECKING:
    from .predictor import Model


def answer_turns(model: Model, clips: Sequence[Mapping[str, Any]], turns: Turns) -> Any:
    """Return probabilities of clips that hear each other, shape (n_clips, n_classes).

    Parameters
    ----------
    model : Model
    clips : sequence of mapping
        Each of what ``predict`` takes; one that cannot be used is a turn of which nothing is known.
    turns : Turns
        Where each of them stands in its dialogue.
    """
    found = [_measured(model, clip) for clip in clips]
    if model.bundle.speakers:
        found = [normalised(row, model.bundle.speakers, None) for row in found]
    return answer_rows(model.bundle.model, _stacked(model.manifest["blocks"], found), turns)


def answer_rows(model: FusedModel, rows: Mapping[str, BlockRows], turns: Turns | None) -> Any:
    """Return probabilities of rows, which hear each other where the model was trained to and ``turns`` are given."""
    readied = model.ready(rows)
    if isinstance(model, ContextModel):
        return model.answer(readied, turns)
    return model.answer(readied)


def _measured(model: Model, clip: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return model.measure([clip])[0]
    except PredictionError:  # nothing is given that the model reads, of which the clip's own answer tells
        return {}


def _stacked(blocks: Mapping[str, Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> dict[str, BlockRows]:
    """Return several samples as the rows of every block of the model, absent where there is nothing."""
    rows = {}
    for block, about in blocks.items():
        here = [row[block] for row in found if block in row]
        if about["extractor"] == "text":
            values: Any = here
        else:
            values = np.stack(here) if here else np.empty((0, len(about["features"])), dtype=np.float32)
        rows[block] = BlockRows(values, np.array([block in row for row in found]))
    return rows
