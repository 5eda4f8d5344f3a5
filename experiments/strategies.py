"""The strategies that a study compares: their names, what kind each is, and the estimator behind each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..classifiers.recipes import (
    FRONT_PARAMETERS,
    Meta,
    Reduction,
    expert_pipeline,
    final_classifier,
    front_pipeline,
    meta_classifier,
)
from ..fusion.early import EarlyFusion
from ..fusion.hybrid import HybridFusion
from ..fusion.late import LateFusion, Rule

if TYPE_CHECKING:
    from .study import Family, Study

# How the blocks of an early fusion are readied: whether they are scaled, and what reduces them inside the fold.
EARLY_KINDS: dict[str, tuple[bool, Reduction | None]] = {
    "early": (True, None),
    "early_raw": (False, None),
    "early_pca": (True, "pca"),
    "early_lda": (True, "lda"),
    "early_select": (True, "select"),
}
# The rule of a late fusion, and its meta-classifier where it has one.
LATE_RULES: dict[str, tuple[Rule, Meta | None]] = {
    "late_mean": ("mean", None),
    "late_product": ("product", None),
    "late_median": ("median", None),
    "late_vote": ("vote", None),
    "late_weighted": ("weighted", None),
    "late_class_weighted": ("class_weighted", None),
    "stacking": ("stacking", "linear"),
    "stacking_boosted": ("stacking", "boosted"),
    "stacking_gated": ("gated", None),
}
HYBRID_RULES: dict[str, Rule] = {
    "hybrid": "product",
    "hybrid_weighted": "weighted",
    "hybrid_gated": "gated",
    "hybrid_stacking": "stacking",
}
FUSIONS = (*EARLY_KINDS, *LATE_RULES, *HYBRID_RULES)
SINGLES = ("unimodal", "best_single")
CONTROLS = ("majority", "oracle", "shuffled_modality", "permuted_labels")
CHOSEN = ("selected_early", "selected_late", "selected")
# In the order of tables. `selected` is the fusion that each fold chooses by its training rows, `best_single` the modality.
STRATEGIES = ("majority", "permuted_labels", *SINGLES, *FUSIONS, *CHOSEN, "shuffled_modality", "oracle")
REFERENCE = "reference"  # answers from outside, such as those of people; a study names them, they are no strategy


def is_fusion(strategy: str) -> bool:
    """Return whether a strategy puts several modalities to use and is no control."""
    return strategy in (*FUSIONS, *CHOSEN)


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
