"""How far a batch of new clips lies from what a model was trained on; no labels are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features.drift import FEWEST_ROWS, Drift, drift, text_rows
from ..features.errors import PredictionError
from ..features.text_counting import FEATURES

if TYPE_CHECKING:
    import pandas as pd

    from .predictor import Model

N_COLUMNS = 5  # that moved most, of each block


def drift_of_rows(model: Model, rows: Sequence[Mapping[str, Any]]) -> dict[str, Drift]:
    """Return the drift of every block of a model that is there in 20 of some clips or more.

    Parameters
    ----------
    model : Model
    rows : sequence of mapping of str to ndarray or str
        The blocks of each clip, as :meth:`~emofuse.inference.predictor.Model.measure` returns them.

    Raises
    ------
    PredictionError
        The model does not know how its training was spread, or no block is there in 20 clips.
    """
    return _drifts(
        model,
        {block: [row[block] for row in rows if block in row] for block in model.bundle.references},
    )


def drift_of_blocks(model: Model, X: pd.DataFrame) -> dict[str, Drift]:
    """Return the drift of every block of a block table; see :func:`drift_of_rows`."""
    from ..fusion.blocks import present_rows, select_block

    found = {}
    for block in model.bundle.references:
        table = select_block(X, block)
        there = table[present_rows(table)]
        text = model.manifest["blocks"][block]["extractor"] == "text"
        found[block] = there.iloc[:, 0].tolist() if text else list(there.to_numpy(dtype=np.float64))
    return _drifts(model, found)


def as_records(model: Model, found: Mapping[str, Drift]) -> list[dict[str, Any]]:
    """Return drifts as plain values: block, rows, score, share of columns that moved, a word, and what moved most."""
    records = []
    for block, own in found.items():
        about = model.manifest["blocks"][block]
        names = list(FEATURES) if about["extractor"] == "text" else about["features"]
        order = np.argsort(-own.by_column)[:N_COLUMNS]
        records.append(
            {"block": block, "n_rows": own.n_rows, "size": own.size}
            | {"score": round(own.score, 4), "share": round(own.share, 4)}
            | {"most": {names[own.columns[place]]: round(float(own.by_column[place]), 4) for place in order}}
        )
    return records


def _drifts(model: Model, blocks: Mapping[str, Sequence[Any]]) -> dict[str, Drift]:
    if not model.bundle.references:
        raise PredictionError("this model does not know how its training data were spread; train it again")
    found = {}
    for block, given in blocks.items():
        text = model.manifest["blocks"][block]["extractor"] == "text"
        rows = text_rows(given) if text else np.array(given, dtype=np.float64)
        if len(rows) >= FEWEST_ROWS:
            found[block] = drift(model.bundle.references[block], rows)
    if not found:
        most = max((len(given) for given in blocks.values()), default=0)
        raise PredictionError(
            f"drift needs {FEWEST_ROWS} clips with something that the model reads, got {most}; give more"
        )
    return found
