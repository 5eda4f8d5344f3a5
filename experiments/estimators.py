"""The estimator behind each strategy, as a study describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..classifiers.recipes import FRONT_PARAMETERS, expert_pipeline, final_classifier, front_pipeline, meta_classifier
from ..fusion.contextual import ContextFusion
from ..fusion.early import EarlyFusion
from ..fusion.hybrid import HybridFusion
from ..fusion.late import LateFusion
from ..fusion.offsets import METRICS
from .strategies import CONTEXTS, EARLY_KINDS, HYBRID_RULES, LATE_RULES
from .study import Family, Study

# What the turns around a sample say is little and smooth; of 60 to 150 rounds on MELD's training dialogues the fewest did best.
CONTEXT_META = {"n_rounds": 60, "colsample_bynode": 0.3, "learning_rate": 0.07}


def make_strategy(
    study: Study, strategy: str, family: Family, blocks: Sequence[str], *, subsets: Sequence[Sequence[str]] = ()
) -> EarlyFusion | LateFusion:
    """Return the unfitted estimator of a strategy, as the study describes it.

    Parameters
    ----------
    study : Study
    strategy : str
        ``unimodal``, which takes the blocks of one modality, one of ``FUSIONS`` or one of ``CONTEXTS``.
    family : str
    blocks : sequence of str
    subsets : sequence of sequences of str, default=()
        Sets of blocks that early fusion must be able to do with alone.
    """
    shared: dict[str, Any] = {
        "n_inner": study.n_inner,
        "random_state": study.seed,
        "calibration": study.calibration,
        "balance": study.balance,
    }
    if strategy in EARLY_KINDS:
        return _early(study, strategy, family, blocks, subsets, shared)
    experts = {name: expert_pipeline(family, study.blocks[name].kind, **study.recipe(name, family)) for name in blocks}
    if strategy in HYBRID_RULES:
        early = _early(study, "early", family, blocks, subsets, shared)
        meta = meta_classifier("linear", **study.meta.get("linear", {}))
        return HybridFusion(experts, early, rule=HYBRID_RULES[strategy], meta=meta, **shared)
    if strategy in CONTEXTS:
        metric = study.metrics[0] if study.metrics[0] in METRICS else None
        meta = meta_classifier("boosted", **(CONTEXT_META | study.meta.get("boosted", {})))
        return ContextFusion(experts, later=CONTEXTS[strategy], metric=metric, meta=meta, **shared)
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
