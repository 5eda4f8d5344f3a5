"""A person's own statistics, from a few unlabelled clips: what a speaker-normalised model measures new clips against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..features.speaker_statistics import Statistics, normalised_rows


@dataclass(frozen=True)
class Speaker:
    """What is known of how a person speaks and looks: no clip, only means and variances.

    Attributes
    ----------
    statistics : dict of str to Statistics
        Of each dense block that the clips had.
    n_clips : int
        How many clips could be used.
    """

    statistics: Mapping[str, Statistics]
    n_clips: int


def enrolled(rows: list[dict[str, Any]], known: Mapping[str, Any]) -> Speaker:
    """Return the statistics of a person's clips, over the blocks that a model normalises."""
    found = {}
    for block in known:
        own = [row[block] for row in rows if block in row]
        if own:
            found[block] = Statistics.of(np.stack(own).astype(np.float64))
    return Speaker(found, sum(any(block in row for block in known) for row in rows))


def normalised(found: dict[str, Any], corpus: Mapping[str, tuple[Any, Any]], speaker: Speaker | None) -> dict[str, Any]:
    """Return one clip's rows as the model expects them; of a person who is not known, against the training corpus."""
    made = dict(found)
    for block, (mean, variance) in corpus.items():
        if block in found:
            own = None if speaker is None else speaker.statistics.get(block)
            made[block] = normalised_rows(found[block][None], own, mean, variance)[0]
    return made
