"""A model's parts tried once before it is called loaded: parts that do not fit each other are found before a user's clip is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..features.errors import BundleError
from ..fusion.fused import FusedModel
from .extraction import as_rows

TOLERANCE = 1e-3  # of the sum of probabilities


def check_answers(model: FusedModel, blocks: Mapping[str, Mapping[str, Any]], n_classes: int) -> None:
    """Refuse a model that cannot answer a row of zeros and one word, and a row with nothing.

    Parameters
    ----------
    model : EarlyModel or LateModel
    blocks : dict of str to dict
        Their entries in the manifest.
    n_classes : int

    Raises
    ------
    BundleError
        Its parts do not fit each other, its blocks or its classes, or its probabilities are none.
    """
    everything: dict[str, Any] = {
        name: "a" if about["extractor"] == "text" else np.zeros(len(about["features"]), dtype=np.float32)
        for name, about in blocks.items()
    }
    for found in (everything, {}):
        try:
            with np.errstate(all="ignore"):
                answer = model.answer(model.ready(as_rows(blocks, found)))
        except Exception as error:  # parts of a crafted file may fail in any way
            raise BundleError(
                f"the parts of the model do not fit each other ({type(error).__name__}); fetch it or train it again"
            ) from None
        if np.shape(answer) != (1, n_classes) or not (np.abs(np.sum(answer) - 1) < TOLERANCE and np.all(answer >= 0)):
            raise BundleError("the model's answers are no probabilities; fetch it or train it again")
