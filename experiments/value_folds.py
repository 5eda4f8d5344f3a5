"""One fold of a regression: every strategy put together from the experts, and the choice between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..features.errors import StudyError
from ..fusion.regression import EARLY, LateRegression
from ..fusion.value_experts import FittedValues
from .answers import CHOSEN_FROM
from .compare import Array, RowKey
from .conditions import Conditions
from .statistics import LOWER_IS_BETTER
from .strategies import FUSIONS
from .study import Study
from .task_kinds import VALUE_EARLY, VALUE_RULES
from .value_compare import Subset, ValueAnswers, ValueFamily, make_value_strategy
from .value_metrics import value_of


@dataclass
class ValueOutcome:
    """What every strategy answers in one fold; as :class:`~.answers.FoldOutcome` of classes.

    Attributes
    ----------
    probabilities : dict of RowKey to ndarray of shape (n_test,)
        The answers, which are numbers here.
    present : dict of (RowKey, modalities) to ndarray of shape (n_test,)
        Those of every fusion where only some modalities are there; the training mean where none is.
    shares, trials
        Empty: shares in single answers and tuning are of classes.
    """

    probabilities: dict[RowKey, Array] = field(default_factory=dict)
    nested: dict[RowKey, float] = field(default_factory=dict)
    chosen: dict[RowKey, RowKey] = field(default_factory=dict)
    fit_seconds: dict[RowKey, float] = field(default_factory=dict)
    predict_seconds: dict[RowKey, float] = field(default_factory=dict)
    present: dict[tuple[RowKey, Subset], Array] = field(default_factory=dict)
    shares: dict[str, Array] = field(default_factory=dict)
    trials: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def combine_values(study: Study, families: Sequence[ValueFamily], n_test: int, conditions: Conditions) -> ValueOutcome:
    """Return what every strategy of a study answers to the test rows of a fold.

    Parameters
    ----------
    study : Study
    families : sequence of ValueFamily
        Of this fold, one for each classifier of the study.
    n_test : int
    conditions : Conditions

    Raises
    ------
    StudyError
        The study's regressors can make none of its strategies.
    """
    outcome = ValueOutcome()
    made: dict[RowKey, tuple[LateRegression, dict[str, ValueAnswers]]] = {}
    for family in families:
        outcome.warnings += family.warnings
        for key, rule, experts in _contestants(study, family, conditions.modalities):
            made[key] = rule, experts
            outcome.probabilities[key] = _ask(rule, experts)
            outcome.nested[key] = _nested(study, rule)
            outcome.fit_seconds[key] = sum(expert.fit_seconds for expert in experts.values())
            outcome.predict_seconds[key] = sum(expert.predict_seconds for expert in experts.values())
    _choose(study, made, outcome)
    _add_controls(study, families, n_test, conditions, outcome)
    if not outcome.probabilities:
        raise StudyError(
            f"study {study.name!r}: with the blocks that the corpus has, the regressors {list(study.classifiers)} can make "
            f"none of the strategies {list(study.strategies)}"
        )
    for key in [key for key in made if key[0] in FUSIONS]:
        rule, experts = made[key]
        outcome.present[key, ()] = np.full(n_test, rule.experts_.mean)
        for subset in conditions.subsets:
            outcome.present[key, subset] = _ask(rule, experts, conditions, subset)
        outcome.present[key, tuple(conditions.modalities)] = outcome.probabilities[key]
    for own, best in outcome.chosen.items():
        outcome.present |= {(own, subset): given for (key, subset), given in outcome.present.items() if key == best}
    return outcome


def _contestants(
    study: Study, family: ValueFamily, modalities: dict[str, tuple[str, ...]]
) -> Iterator[tuple[RowKey, LateRegression, dict[str, ValueAnswers]]]:
    """Yield every strategy of a family, its rule fitted, with the experts it is made of."""
    blocks = [name for name, expert in family.experts.items() if expert.block is not None]
    every = tuple(blocks)
    wanted: list[tuple[str, tuple[str, ...], list[str]]] = []
    if {"unimodal", "best_single"} & set(study.strategies) or len(blocks) == 1:
        wanted += [("unimodal", (name,), [name]) for name in blocks]
        # A modality that is measured in several ways is a single modality still: the mean of its experts.
        measured = [own for own in modalities.values() if 1 < len(own) < len(blocks)]
        wanted += [("unimodal", own, list(own)) for own in measured]
    if len(blocks) > 1:
        wanted += [(kind, every, [kind]) for kind in VALUE_EARLY if kind in study.strategies and kind in family.experts]
        wanted += [
            (name, every, [*blocks, EARLY] if name.startswith("hybrid") else blocks)
            for name in VALUE_RULES
            if name in study.strategies
        ]
    for strategy, shown, names in wanted:
        experts = {name: family.experts[name] for name in names}
        # Early fusion is a single expert, whatever the rule.
        rule = (
            LateRegression({})
            if strategy in VALUE_EARLY
            else make_value_strategy(study, strategy, family.family, shown)
        )
        assert isinstance(rule, LateRegression)
        yield (strategy, shown, family.family), rule.fit_rule(_with_answers(family.fitted, experts)), experts


def _with_answers(fitted: FittedValues, experts: dict[str, ValueAnswers]) -> FittedValues:
    return replace(fitted, out_of_fold={name: expert.out_of_fold for name, expert in experts.items()})


def _ask(
    rule: LateRegression,
    experts: dict[str, ValueAnswers],
    conditions: Conditions | None = None,
    subset: Subset = (),
) -> Array:
    """Return a strategy's answers to the test rows; with conditions, where only a set of modalities is there."""
    found = []
    for expert in experts.values():
        if conditions is None:
            found.append(expert.test)
        elif expert.block is None:
            found.append(expert.present[subset])
        else:
            there = expert.block in conditions.blocks_of(subset)
            found.append(expert.test if there else np.full_like(expert.test, np.nan))
    return rule.combine(np.stack(found))


def _nested(study: Study, rule: LateRegression) -> float:
    """Return the study's first metric on out-of-fold answers, negative where less is better; -inf where there are none."""
    known = ~np.isnan(rule.out_of_fold_)
    if not known.any():
        return -np.inf
    metric = study.metrics[0]
    value = value_of(rule.experts_.targets[known], rule.out_of_fold_[known], metric)
    return -value if metric in LOWER_IS_BETTER else value


def _choose(study: Study, made: dict[RowKey, Any], outcome: ValueOutcome) -> None:
    """Choose the fusion and the single modality by what they are worth out of fold; the first of equals."""
    for own, kinds in CHOSEN_FROM.items():
        candidates = [key for key in made if key[0] in kinds]
        if own[0] not in study.strategies or not candidates:
            continue
        best = max(candidates, key=lambda key: outcome.nested[key])
        outcome.chosen[own] = best
        outcome.probabilities[own] = outcome.probabilities[best]
        fitted = {id(expert): expert for key in candidates for expert in made[key][1].values()}
        outcome.fit_seconds[own] = sum(expert.fit_seconds for expert in fitted.values())
        outcome.predict_seconds[own] = outcome.predict_seconds[best]
    if "unimodal" not in study.strategies and len({key[1] for key in made}) > 1:
        for key in [key for key in outcome.probabilities if key[0] == "unimodal"]:
            del outcome.probabilities[key]


def _add_controls(
    study: Study, families: Sequence[ValueFamily], n_test: int, conditions: Conditions, outcome: ValueOutcome
) -> None:
    """Answer for those who know nothing, and who were shown the wrong thing."""
    if "majority" in study.strategies:
        key: RowKey = ("majority", (), "none")
        outcome.probabilities[key] = np.full(n_test, families[0].fitted.mean)
        outcome.fit_seconds[key] = outcome.predict_seconds[key] = 0.0
    for family in families:
        for (control, modality), (fitted, changed) in family.controls.items():
            experts = {name: expert for name, expert in family.experts.items() if expert.block is not None} | changed
            rule = LateRegression({}).fit_rule(_with_answers(fitted, experts))
            key = (control, conditions.modalities.get(modality, tuple(experts)), family.family)
            outcome.probabilities[key] = _ask(rule, experts)
            outcome.fit_seconds[key] = outcome.predict_seconds[key] = 0.0
