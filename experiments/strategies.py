"""The strategies that a study compares: their names, and what kind each is."""

from __future__ import annotations

from ..classifiers.recipes import Meta, Reduction
from ..fusion.late import Rule

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
# Experts that hear the turns around a sample, of one modality or several, and whether also those that follow. They take a corpus
# of dialogues, and answer better only where the dialogue is there too: a study has them where it names them.
CONTEXTS: dict[str, bool] = {"context": False, "context_later": True}
SINGLES = ("unimodal", "best_single")
CONTROLS = ("majority", "oracle", "shuffled_modality", "permuted_labels")
CHOSEN = ("selected_early", "selected_late", "selected")
# In the order of tables. `selected` is what each fold chooses by its training rows of all that combines, `best_single` the
# modality.
NAMED = ("majority", "permuted_labels", *SINGLES, *FUSIONS, *CONTEXTS, *CHOSEN, "shuffled_modality", "oracle")
STRATEGIES = tuple(name for name in NAMED if name not in CONTEXTS)  # of a study that names none
REFERENCE = "reference"  # answers from outside, such as those of people; a study names them, they are no strategy


def is_fusion(strategy: str) -> bool:
    """Return whether a strategy puts several modalities to use and is no control."""
    return strategy in (*FUSIONS, *CHOSEN)
