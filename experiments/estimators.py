"""The estimator behind each strategy, as a study describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..classifiers.recipes import FRONT_PARAMETERS, expert_pipeline, final_classifier, front_pipeline, meta_classifier
from ..fusion.early import EarlyFusion
from ..fusion.hybrid import HybridFusion
from ..fusion.late import LateFusion
from .strategies import EARLY_KINDS, HYBRID_RULES, LATE_RULES
from .study import Family, Study


def make_strategy(
    study: Study, strategy: str, family: Family, blocks: Sequence[str], *, subsets: Sequence[Sequence[str]] = ()
) -> EarlyFusion | LateFusion:
    """Return the unfitted estimator of a strategy, as the study describes it.

    Parameters
    ----------
    study : Study
    strategy : str
        ``unimodal``, which takes the blocks of one modality, or one of ``FUSIONS``.
    family : str
    blocks : sequence of str
    subsets : sequence of sequences of str, default=()
        Sets of blocks that early fusion must be able to do with alone.
    """
    shared: dict[str, Any] = {
        "n_inner": study.n_inner,
        "random_state": study.seed,
        "calibration": study.calibration,
    }
    if strategy in EARLY_KINDS:
        return _early(study, strategy, family, blocks, subsets, shared)
    experts = {name: expert_pipeline(family, study.blocks[name].kind, **study.recipe(name, family)) for name in blocks}
    if strategy in HYBRID_RULES:
        early = _early(study, "early", family, blocks, subsets, shared)
        meta = meta_classifier("linear", **study.meta.get("linear", {}))
        return HybridFusion(experts, early, rule=HYBRID_RULES[strategy], meta=meta, **shared)
    if strategy == "unimodal":
        return LateFusion(experts, rule="product", **shared)
    rule, meta_family = LATE_RULES[strategy]
    learner = None if meta_family is None else meta_classifier(meta_family, **study.meta.get(meta_family, {}))
    return LateFusion(experts, rule=rule, meta=learner, **shared)


def _early(
    study: Study,
    strategy: str,
    family: Family,
    blocks: Sequence[str],
    subsets: Sequence[Sequence[str]],
    shared: dict[str, Any],
) -> EarlyFusion:
    block_scaling, reduction = EARLY_KINDS[strategy]
    fronts = {}
    for name in blocks:
        recipe = study.recipe(name, family)
        front = {key: value for key, value in recipe.items() if key in FRONT_PARAMETERS}
        fronts[name] = front_pipeline(family, study.blocks[name].kind, reduction=reduction, **front)
    return EarlyFusion(
        fronts,
        final_classifier(family, **study.early.get(family, {})),
        weights={name: study.blocks[name].weight for name in blocks},
        block_scaling=block_scaling,
        subsets=subsets,
        dropout=study.modality_dropout,
        **shared,
    )
