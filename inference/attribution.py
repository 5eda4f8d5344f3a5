"""Which features of one sample moved the answer of their block's own model, and by how much.

All in units of the label's score, less that of the other classes weighted by the answer, which to first order is the log
probability of the label. For trees the contributions are TreeSHAP's, for linear models the exact share of a feature, for kernel
machines gradient times input: how steeply the score rises with a feature, times how far the feature is from its training mean
(Baehrens et al. 2010; Shrikumar et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ..classifiers import heads, parts, word_pools
from ..features.term_weights import TextWeights
from ..fusion.fused import EarlyModel, LateModel
from .answer import TopFeature

Array = Any
# What each column contributed, and what names the terms where the block is a text.
Moved = tuple[Array, TextWeights | None]
N_TOP = 10
LEAST_SCALE = 1e-4  # of the scale of the mixture that varied most
SCALING = (parts.Standardised, parts.NormalQuantiles, parts.LogOfShares)
MIXING = (parts.Directions, parts.DiscriminantScores, parts.LatentScores, word_pools.WordPools)


def top_features(
    model: EarlyModel | LateModel, found: dict[str, Any], features: dict[str, tuple[str, ...]], label: int
) -> tuple[TopFeature, ...]:
    """Return the features that moved the answers of their blocks' models most, the largest first.

    Parameters
    ----------
    model : EarlyModel or LateModel
    found : dict of str to ndarray or str
        What each present block holds.
    features : dict of str to tuple of str
        Names of the features of each block.
    label : int
        Position of the label among the classes.

    Returns
    -------
    tuple of TopFeature
        Ten at most; none of a block whose model mixes pixels, of which no single one says anything.
    """
    moved = _late(model, found, label) if isinstance(model, LateModel) else _early(model, found, label)
    ranked: list[TopFeature] = []
    for block, (values, terms) in moved.items():
        name_of = features[block].__getitem__ if terms is None else terms.name
        strongest = np.argsort(-np.abs(values))[:N_TOP]
        ranked += [TopFeature(block, str(name_of(place)), float(values[place])) for place in strongest if values[place]]
    ranked.sort(key=lambda item: -abs(item.contribution))
    return tuple(ranked[:N_TOP])


def _late(model: LateModel, found: dict[str, Any], label: int) -> dict[str, Moved]:
    """Explain each expert by itself."""
    moved = {}
    for expert in model.experts:
        if expert.block in found:
            *front, head = _flat(expert.known.part)
            states = _states(front, found[expert.block])
            gradient = _head_gradient(head, expert.known.codes, states[-1], label)
            if gradient is not None:
                moved[expert.block] = _pulled(front, states, *gradient)
    return {block: item for block, item in moved.items() if item is not None}


def _early(model: EarlyModel, found: dict[str, Any], label: int) -> dict[str, Moved]:
    """Explain the classifier of exactly the blocks that are there, or of all."""
    layout = model.layout
    here = {name: np.array([name in found]) for name in layout.names}
    fronts = dict(zip(layout.names, map(_flat, model.fronts), strict=True))
    states = {name: _states(fronts[name], found[name]) for name in layout.names if name in found}
    columns = {
        name: _dense(states[name][-1])[None] if name in states else np.zeros((1, width), dtype=np.float32)
        for name, width in zip(layout.names, layout.widths, strict=True)
    }
    own = tuple(name for name in layout.names if name in found)
    if own in model.subsets:
        known, names = model.reduced[model.subsets.index(own)], own
        rows = layout.side_by_side(columns, own, np.array([True]))
        told = dict.fromkeys(names, 0)
    else:
        known, names = model.classifier, layout.names
        rows = layout.joined(columns, np.stack([here[name] for name in names]))
        told = {name: int(name in layout.partial and not layout.takes_nan) for name in names}
    gradient = _head_gradient(known.part, known.codes, rows, label)
    if gradient is None:
        return {}
    slopes, is_product = gradient
    moved, first = {}, 0
    for name in names:
        width = columns[name].shape[1]
        own_slopes = slopes[first : first + width]
        first += width + told[name]
        if name in states:
            scaled = own_slopes if is_product else own_slopes * layout.factor(name, names)
            moved[name] = _pulled(fronts[name], states[name], scaled, is_product)
    return {block: item for block, item in moved.items() if item is not None}


def _flat(part: Any) -> list[Any]:
    return [inner for one in part.parts for inner in _flat(one)] if isinstance(part, parts.Chain) else [part]


def _states(chain: Sequence[Any], given: Any) -> list[Any]:
    """Return what the first part is given, and what comes out of each."""
    states: list[Any] = [[given] if isinstance(given, str) else given[None]]
    for part in chain:
        states.append(part.apply(states[-1]))
    return states


def _pulled(chain: Sequence[Any], states: Sequence[Any], slopes: Array, is_product: bool) -> Moved | None:
    """Follow slopes by a chain's last columns back to columns that mean something, and multiply them with their values.

    ``is_product`` says that they are contributions already. None where the columns are mixtures all the way.
    """
    for place in range(len(chain) - 1, -1, -1):
        part, before, after = chain[place], states[place], states[place + 1]
        if isinstance(part, TextWeights):
            return (slopes if is_product else _dense(after) * slopes), part
        if isinstance(part, parts.KeptColumns):
            wide = np.zeros(before.shape[1])
            wide[part.positions] = slopes
            slopes = wide
        elif isinstance(part, SCALING):
            if is_product:
                continue
            if not any(isinstance(earlier, MIXING) for earlier in chain[:place]):
                slopes, is_product = _dense(after) * slopes, True
            elif isinstance(part, parts.Standardised):
                # A mixture that hardly varied in training is rounding; its slope would drown all others.
                told = (np.abs(_dense(after)) < parts.STANDARD_CLIP) & (part.scale > LEAST_SCALE * part.scale.max())
                slopes = np.where(told, slopes / part.scale, 0.0)
            else:
                return None
        elif isinstance(part, parts.KernelColumns):
            slopes = slopes[: before.shape[1]]
        elif is_product:
            return None  # contributions of mixtures say nothing of a single column
        elif isinstance(part, parts.Directions):
            slopes = slopes @ part.components / part.scale
            if place == 0:
                return part.centred(before)[0] * slopes, None
        elif isinstance(part, parts.LatentScores):
            slopes = slopes @ part.components
        elif isinstance(part, parts.DiscriminantScores):
            slopes = part.directions @ slopes
        else:
            return None
    return (slopes, None) if is_product else None


def _head_gradient(head: Any, codes: Array, rows: Any, label: int) -> tuple[Array, bool] | None:
    """Return the slopes of the label's log probability, or (True) the contributions of the columns themselves; None without."""
    if label not in codes.tolist() or isinstance(head, heads.ConstantHead):
        return None
    own = codes.tolist().index(label)
    answers = head.apply(rows)[0]
    if isinstance(head, (heads.LinearHead, heads.OneVersusRestHead)):
        # Of the scores, not of one-versus-rest probabilities: where the label's own is near 1 its slope would vanish.
        coef = np.vstack([np.zeros_like(head.coef), head.coef]) if len(head.coef) == 1 else head.coef
        told = rows.indices if sparse.issparse(rows) else slice(None)  # of 50,000 terms a sentence has a few hundred
        slopes = np.zeros(coef.shape[1])
        slopes[told] = coef[own, told] - answers @ coef[:, told]
        return slopes, False
    if isinstance(head, heads.KernelHead):
        one = np.asarray(rows, dtype=head.rows.dtype)
        weights = -answers
        weights[own] += 1
        pull = parts.gaussian_kernel(one, head.rows, head.gamma)[0] * (head.dual_coef @ weights)
        steepness = -2 * heads.SHARPNESS * head.gamma / one.shape[1]
        return steepness * (pull.sum() * one[0] - pull @ head.rows), False
    if isinstance(head, heads.TreesHead):
        import xgboost

        dense = rows.toarray() if sparse.issparse(rows) else np.ascontiguousarray(rows, dtype=np.float32)
        data = xgboost.DMatrix(dense, nthread=1)
        added = head.booster.predict(data, pred_contribs=True, strict_shape=True)[0, :, :-1]
        return added[own] - answers @ added, True
    return None


def _dense(rows: Any) -> Array:
    return rows.toarray()[0] if sparse.issparse(rows) else np.asarray(rows)[0]
