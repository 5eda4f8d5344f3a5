"""The most telling features of each block: which they are, what they measure, and where each class stands on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..features.extractors import make_extractor
from ..features.openface import ACTION_UNITS
from .explore_data import Explored, codes_of, groups_of, present, units_of
from .explore_effects import Array, Codes, filled, group_means, intervals, measure_effects, squares
from .study import BlockSpec

N_RANKED = 20
ALIKE = 0.9  # correlation above which a feature tells what a better one has told
MOST_COMPARED = 400


@dataclass(frozen=True)
class Ranked:
    """A telling feature.

    Attributes
    ----------
    name, measures, unit : str
    raw : float
        Share of its variance between classes.
    within, group : float or None
        The share within speakers; the share of all variance that is between speakers.
    low, high : float
        Ends of the 95 % interval of what it is ranked by; NaN where there are too few speakers.
    means : tuple of float
        Mean of each class in standard deviations, within speakers where there are some.
    """

    name: str
    measures: str
    unit: str
    raw: float
    within: float | None
    group: float | None
    low: float
    high: float
    means: tuple[float, ...]

    @property
    def effect(self) -> float:
        """What it is ranked by."""
        return self.raw if self.within is None else self.within


@dataclass(frozen=True)
class BlockView:
    """The features of a block at a glance.

    Attributes
    ----------
    name : str
    values : pandas.DataFrame of shape (n_present, n_features)
        Rows in which the block is there.
    labels : ndarray of shape (n_present,)
    n_constant, n_telling : int
        Features that never change; those that tell more than shuffled labels do.
    floor : float
        See :class:`~.explore_effects.Effects`.
    adjusted : bool
        Whether effects are those within speakers.
    ranked : tuple of Ranked
        Best first; what correlates over .9 with a better one is left out.
    english : bool
        Whether the features are counts of English words, standing for the texts.
    """

    name: str
    values: pd.DataFrame
    labels: Any
    n_constant: int
    n_telling: int
    floor: float
    adjusted: bool
    ranked: tuple[Ranked, ...]
    english: bool = False


def view_block(explored: Explored, name: str) -> BlockView | None:
    """Rank the features of a block; None where fewer than two classes have it.

    A block of texts is seen by its counts of punctuation, pronouns and a sentiment lexicon.
    """
    block = explored.blocks[name]
    there = present(block)
    samples = explored.measured[there]
    if samples["label"].nunique() < 2:
        return None
    is_text = explored.is_text(name)
    table = _text_counts(block[there]) if is_text else block[there]
    values = table.to_numpy(dtype=np.float32)
    classes, groups = codes_of(samples["label"])[1], groups_of(samples)
    units, seed = units_of(samples), explored.study.seed
    effects = measure_effects(values, classes, groups, units, seed=seed)
    chosen = leading(values, effects.ranked_by, groups, N_RANKED)
    few = values[:, chosen].astype(np.float64)
    adjusted = effects.within is not None
    low, high = intervals(few, classes, groups, units, adjusted=adjusted, seed=seed)
    means = class_means(
        few, [explored.classes.index(label) for label in samples["label"]], groups, len(explored.classes)
    )
    ranked = [
        Ranked(
            str(table.columns[column]),
            *in_words(explored.study.blocks[name], str(table.columns[column])),
            float(effects.raw[column]),
            None if effects.within is None else float(effects.within[column]),
            None if effects.group is None else float(effects.group[column]),
            float(low[place]),
            float(high[place]),
            tuple(means[:, place].tolist()),
        )
        for place, column in enumerate(chosen)
    ]
    return BlockView(
        name,
        table,
        samples["label"].to_numpy(dtype=str),
        int(np.isnan(effects.ranked_by).sum()),
        int((np.nan_to_num(effects.ranked_by, nan=-1.0) > effects.floor).sum()),
        effects.floor,
        adjusted,
        tuple(ranked),
        is_text,
    )


def class_means(values: Array, classes: list[int], groups: Codes | None, n_classes: int) -> Array:
    """Return the mean of each class in standard deviations, within speakers where there are some.

    Returns
    -------
    ndarray of shape (n_classes, n_features)
        Of values less the mean of their speaker, over the standard deviation that is left; NaN for a class without rows.
    """
    held = _centred(filled(values), groups)
    spread = held.std(axis=0)
    held /= np.where(spread > 0, spread, 1.0)
    means = np.full((n_classes, values.shape[1]), np.nan)
    codes = np.asarray(classes)
    for code in np.unique(codes):
        means[code] = held[codes == code].mean(axis=0)
    return means


def leading(values: Array, effects: Array, groups: Codes | None, wanted: int) -> list[int]:
    """Return the features with the largest effects, without those that correlate over .9 with a larger one.

    Correlations are those within speakers, where there are some.
    """
    order = np.argsort(-np.nan_to_num(effects, nan=-np.inf), kind="stable")[:MOST_COMPARED]
    order = order[np.isfinite(effects[order])]
    held = _centred(filled(values[:, order].astype(np.float64)), groups)
    length = np.sqrt(squares(held))
    held /= np.where(length > 0, length, 1.0)
    chosen: list[int] = []
    for place in range(len(order)):
        if len(chosen) == wanted:
            break
        if not chosen or np.abs(held[:, chosen].T @ held[:, place]).max() <= ALIKE:
            chosen.append(place)
    return [int(order[place]) for place in chosen]


def in_words(spec: BlockSpec, feature: str) -> tuple[str, str]:
    """Return what a feature of a block measures and its unit; of the columns of tables only action units are known."""
    if spec.extractor != "table":
        counting = spec.extractor == "text"
        extractor = make_extractor(*(("text_counts", {}) if counting else (spec.extractor, spec.parameters)))
        note = extractor.explain(feature)
        return note.measures, "" if note.unit == "1" else note.unit
    if spec.probabilities:
        return f"share of {feature} among the answers of table {spec.table!r}", ""
    unit = ACTION_UNITS.get(feature.split("_")[0])
    if unit is not None and feature.endswith("_r"):
        return f"intensity of {feature[:4]}, {unit}", "level (0 to 5)"
    if unit is not None and feature.endswith("_c"):
        return f"share of time with {feature[:4]}, {unit}", ""
    return f"column of the table {spec.table!r}", ""


def _text_counts(block: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of texts, a row each; they are quick, and need no store."""
    from ..features.text_cleaning import clean_text
    from ..features.text_counting import FEATURES, count_text

    rows = [count_text(clean_text(str(text))) for text in block["utterance"]]
    return pd.DataFrame(np.stack(rows), index=block.index, columns=list(FEATURES))


def _centred(values: Array, groups: Codes | None) -> Array:
    if groups is None:
        return np.asarray(values - values.mean(axis=0))
    inner = np.unique(groups, return_inverse=True)[1]
    return np.asarray(values - group_means(values, inner)[inner])
