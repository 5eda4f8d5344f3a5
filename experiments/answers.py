"""What a fitted strategy answers in one fold, under every condition, and how those answers are counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..classifiers.calibration import FLOOR
from ..features.errors import StudyError
from ..fusion.contextual import ContextFusion
from ..fusion.dialogue import Turns, turns_of
from ..fusion.late import LateFusion
from ..fusion.shapley import shapley_values, subsets_of
from .compare import Array, ExpertAnswers, RowKey
from .conditions import DROP_RATES, MAX_PARTS, Conditions, drop_masks
from .statistics import Tally, tally
from .strategies import CONTEXTS, EARLY_KINDS, FUSIONS, LATE_RULES
from .study import Study

# ("present", modalities), ("shuffled", modality, number), ("degraded", name), ("dropped", rate) or ("blocks", blocks).
Condition = tuple[Any, ...]
NESTED = "nested"  # the classifier of what each fold chooses by its own training rows
SELECTED: RowKey = ("selected", (), NESTED)
SELECTED_EARLY: RowKey = ("selected_early", (), NESTED)
SELECTED_LATE: RowKey = ("selected_late", (), NESTED)
BEST_SINGLE: RowKey = ("best_single", (), NESTED)
CHOSEN_FROM = {
    BEST_SINGLE: ("unimodal",),
    SELECTED_EARLY: (*EARLY_KINDS,),
    SELECTED_LATE: (*LATE_RULES,),
    SELECTED: (*FUSIONS, *CONTEXTS),
}


def turns_for(study: Study, samples: pd.DataFrame) -> Turns | None:
    """Return where each sample stands in its dialogue, where a study names a context; None where it does not.

    Raises
    ------
    StudyError
        A context is named, and the samples have no dialogues or turns.
    TableError
        Turns that are no numbers, or that stand in their dialogue twice.
    """
    named = [name for name in CONTEXTS if name in study.strategies]
    if not named:
        return None
    missing = [column for column in ("dialogue", "turn") if column not in samples]
    if missing:
        raise StudyError(f"strategy {named[0]!r} needs the columns {missing} in the samples; add them or leave it out")
    return turns_of(samples)


@dataclass
class FoldOutcome:
    """What every strategy answers in one fold.

    Attributes
    ----------
    probabilities : dict of RowKey to ndarray of shape (n_test, n_classes)
        Columns are the classes of the whole corpus.
    nested : dict of RowKey to float
        The study's first metric on the training rows, out of fold; negative where less is better.
    chosen : dict of RowKey to RowKey
        What ``selected`` and its like are in this fold.
    fit_seconds, predict_seconds : dict of RowKey to float
    counts : dict of (RowKey, condition) to pair of Tally
        Of all test rows together, and by group.
    shares : dict of str to ndarray of shape (n_test,)
        Shapley share of each modality in the log probability of the class that ``selected`` answers.
    thresholds : dict of float to (float or None)
        By wanted precision, the confidence from which on ``selected`` answers.
    trials : list of dict
        One for each trial and strategy, where there was a choice.
    features : dict of str to dict of str to float
        As of :class:`~emofuse.experiments.compare.FamilyAnswers`.
    warnings : list of str
    """

    probabilities: dict[RowKey, Array] = field(default_factory=dict)
    nested: dict[RowKey, float] = field(default_factory=dict)
    chosen: dict[RowKey, RowKey] = field(default_factory=dict)
    fit_seconds: dict[RowKey, float] = field(default_factory=dict)
    predict_seconds: dict[RowKey, float] = field(default_factory=dict)
    counts: dict[tuple[RowKey, Condition], tuple[Tally, Tally]] = field(default_factory=dict)
    shares: dict[str, Array] = field(default_factory=dict)
    thresholds: dict[float, float | None] = field(default_factory=dict)
    trials: list[dict[str, Any]] = field(default_factory=list)
    features: dict[str, dict[str, float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Contestant:
    """A fitted strategy with the answers of the experts it is made of, and where the test rows stand in their dialogues."""

    fusion: LateFusion
    experts: dict[str, ExpertAnswers]
    turns: Turns | None = None

    def ask(self, conditions: Conditions, condition: Condition | None = None) -> Array:
        """Return its probabilities of the test rows, shape (n_test, n_classes of training), under a condition."""
        scores = np.stack([_scores(expert, conditions, condition) for expert in self.experts.values()])
        if isinstance(self.fusion, ContextFusion):
            return self.fusion.combine(scores, self.turns)
        return self.fusion.combine(scores)


@dataclass(frozen=True)
class Scale:
    """What probabilities are counted by: the true classes, the groups, and the classes of the whole corpus."""

    codes: Array
    groups: Array
    n_groups: int
    classes: Array
    trained: Array

    def widened(self, answers: Array) -> Array:
        """Put columns of the training classes where the corpus has them; a class that training lacked gets 0."""
        placed = np.zeros((len(answers), len(self.classes)))
        placed[:, np.searchsorted(self.classes, self.trained)] = answers
        return placed

    def counted(self, answers: Array) -> tuple[Tally, Tally]:
        """Count answers of the test rows, together and by group."""
        wide = self.widened(answers)
        together = tally(self.codes, wide, np.zeros(len(wide), dtype=int))
        return together, tally(self.codes, wide, self.groups, n_groups=self.n_groups)


def ask_all(
    key: RowKey, contestant: Contestant, scale: Scale, conditions: Conditions, outcome: FoldOutcome, seed: int
) -> None:
    """Count a strategy's answers with worse inputs, with each set of modalities and as more and more is lost."""
    experts = list(contestant.experts.values())
    for name in conditions.degraded:
        outcome.counts[key, ("degraded", name)] = scale.counted(contestant.ask(conditions, ("degraded", name)))
    modalities = list(conditions.modalities)
    if len(modalities) == 1:
        blocks = [expert.block for expert in experts if expert.block is not None]
        if key[0] == "late_product" and len(blocks) <= MAX_PARTS:
            for subset in subsets_of(blocks)[1:]:
                outcome.counts[key, ("blocks", subset)] = scale.counted(contestant.ask(conditions, ("blocks", subset)))
        return
    answers = {subset: contestant.ask(conditions, ("present", subset)) for subset in conditions.subsets}
    answers[tuple(modalities)] = contestant.ask(conditions)
    answers[()] = np.tile(contestant.fusion.experts_.prior, (len(scale.codes), 1))
    count_losses(key, answers, scale, modalities, outcome, seed)


def count_losses(
    key: RowKey,
    answers: dict[tuple[str, ...], Array],
    scale: Scale,
    modalities: list[str],
    outcome: FoldOutcome,
    seed: int,
) -> None:
    """Count what a strategy answers with each set of modalities, and as more and more of them are lost.

    Parameters
    ----------
    key : RowKey
    answers : dict of tuple of str to ndarray of shape (n_test, n_classes of training)
        By the modalities that are there; with up to ``MAX_PARTS`` of them, all sets, the empty one too.
    scale : Scale
    modalities : list of str
    outcome : FoldOutcome
        Where the counts are put.
    seed : int
    """
    for subset, given in answers.items():
        if subset:
            outcome.counts[key, ("present", subset)] = scale.counted(given)
    if len(modalities) > MAX_PARTS:
        return
    stacked = np.stack([answers[subset] for subset in subsets_of(modalities)])
    number_of = {subset: number for number, subset in enumerate(subsets_of(modalities))}
    for rate in DROP_RATES:
        there = drop_masks(len(scale.codes), len(modalities), rate, seed)
        patterns, which = np.unique(there, axis=0, return_inverse=True)
        numbers = np.array(
            [
                number_of[tuple(name for name, kept in zip(modalities, pattern, strict=True) if kept)]
                for pattern in patterns
            ]
        )
        given = stacked[numbers[which.ravel()], np.arange(len(there))]
        outcome.counts[key, ("dropped", rate)] = scale.counted(given)


def ask_shuffled(
    key: RowKey, contestant: Contestant, scale: Scale, conditions: Conditions, outcome: FoldOutcome
) -> None:
    """Count a strategy's answers where one modality is shuffled between the test rows."""
    for modality, number in {known for expert in contestant.experts.values() for known in expert.shuffled}:
        shuffled = ("shuffled", modality, number)
        outcome.counts[key, shuffled] = scale.counted(contestant.ask(conditions, shuffled))


def add_shares(selected: Contestant, conditions: Conditions, outcome: FoldOutcome) -> None:
    """Add each modality's Shapley share of the log probability of the class that is answered to each row."""
    modalities = list(conditions.modalities)
    if not 1 < len(modalities) <= MAX_PARTS:
        return
    full = selected.ask(conditions)
    rows, answered = np.arange(len(full)), full.argmax(axis=1)
    prior = selected.fusion.experts_.prior
    value: dict[tuple[str, ...], Array] = {(): np.log(np.maximum(prior[answered], FLOOR))}
    for subset in [*conditions.subsets, tuple(modalities)]:
        given = full if len(subset) == len(modalities) else selected.ask(conditions, ("present", subset))
        value[subset] = np.log(np.maximum(given[rows, answered], FLOOR))
    outcome.shares = shapley_values(value, modalities)


def _scores(expert: ExpertAnswers, conditions: Conditions, condition: Condition | None) -> Array:
    """Return an expert's log probabilities of the test rows under a condition."""
    if condition is None:
        return expert.test
    kind = condition[0]
    if kind in ("present", "blocks"):
        if expert.block is None:
            return expert.present.get(condition[1], expert.test)
        there = conditions.blocks_of(condition[1]) if kind == "present" else condition[1]
        return expert.test if expert.block in there else np.full_like(expert.test, np.nan)
    if kind == "shuffled":
        return expert.shuffled.get(condition[1:], expert.test)
    return expert.degraded.get(condition[1], expert.test)
