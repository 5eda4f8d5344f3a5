"""One fold: every strategy put together from the experts, judged out of fold, chosen between, and asked under all conditions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..features.errors import EmofuseWarning, StudyError
from ..fusion.contextual import ContextFusion
from ..fusion.dialogue import Turns
from ..fusion.experts import FittedExperts
from ..fusion.hybrid import EARLY
from ..fusion.late import LateFusion
from ..fusion.rules import present_experts, product_rule
from .answers import (
    BEST_SINGLE,
    CHOSEN_FROM,
    SELECTED,
    Contestant,
    FoldOutcome,
    Scale,
    add_shares,
    ask_all,
    ask_shuffled,
)
from .compare import Array, ExpertAnswers, FamilyAnswers, RowKey
from .conditions import Conditions
from .estimators import make_strategy
from .protocols import Fold
from .selective import abstention_threshold
from .statistics import LOWER_IS_BETTER, metrics_of, tally
from .strategies import CONTEXTS, EARLY_KINDS, FUSIONS, HYBRID_RULES, LATE_RULES
from .study import Study
from .tuning import drawn_study


def combine_fold(
    study: Study,
    fold: Fold,
    families: Sequence[FamilyAnswers],
    codes: Array,
    groups: Array,
    n_groups: int,
    classes: Array,
    conditions: Conditions,
    turns: Turns | None = None,
) -> FoldOutcome:
    """Return what every strategy of the study answers to the test rows of a fold.

    Parameters
    ----------
    study : Study
    fold : Fold
    families : sequence of FamilyAnswers
        Of this fold, one for each classifier of the study.
    codes, groups : ndarray of shape (n_test,)
        True class, as a position in ``classes``, and group of each test row.
    n_groups : int
        Of the whole corpus.
    classes : ndarray
        Of the whole corpus.
    conditions : Conditions
    turns : Turns, optional
        Of all samples. Test rows hear test rows of the same fold alone, and training rows hear training rows.

    Raises
    ------
    StudyError
        The study's classifiers can make none of its strategies, or it names a context and there are no turns.
    """
    outcome = FoldOutcome()
    scale = Scale(codes, groups, n_groups, classes, families[0].fitted.classes)
    contestants: dict[RowKey, Contestant] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", EmofuseWarning)
        for family in families:
            for key, contestant, _ in _contestants(study, fold, family, conditions.modalities, outcome, turns):
                contestants[key] = contestant
                outcome.probabilities[key] = scale.widened(contestant.ask(conditions))
            outcome.features |= family.features
            outcome.warnings += family.warnings
        _choose(study, contestants, outcome)
        _add_controls(study, families, scale, conditions, outcome)
    if not outcome.probabilities:
        raise _nothing(study)
    for key in [key for key in contestants if key[0] in (*FUSIONS, *CONTEXTS)]:
        ask_all(key, contestants[key], scale, conditions, outcome, study.seed)
    for own, best in outcome.chosen.items():  # what was chosen has answered already
        outcome.counts |= {(own, condition): both for (key, condition), both in outcome.counts.items() if key == best}
    if SELECTED in contestants:
        ask_shuffled(SELECTED, contestants[SELECTED], scale, conditions, outcome)
        add_shares(contestants[SELECTED], conditions, outcome)
        judged = contestants[SELECTED].fusion
        rows = ~np.isnan(judged.out_of_fold_).any(axis=1)
        own_groups = judged.experts_.groups
        for precision in study.precisions:
            outcome.thresholds[precision] = abstention_threshold(
                judged.out_of_fold_[rows],
                judged.experts_.codes[rows],
                precision,
                groups=None if own_groups is None else own_groups[rows],
            )
    outcome.warnings += sorted({f"fold {fold.name!r}: {item.message}" for item in caught})
    return outcome


def choose_strategy(
    study: Study,
    fold: Fold,
    families: Sequence[FamilyAnswers],
    modalities: dict[str, tuple[str, ...]],
    turns: Turns | None = None,
) -> tuple[RowKey, dict[str, Any], float]:
    """Return the strategy that ``selected`` is by the training rows of a fold; the single modality where nothing fuses.

    Parameters
    ----------
    study : Study
    fold : Fold
    families : sequence of FamilyAnswers
        Of this fold, one for each classifier of the study.
    modalities : dict of str to tuple of str
        The blocks of each modality.
    turns : Turns, optional
        Of all samples.

    Returns
    -------
    key : RowKey
    parameters : dict
        Of its best trial; empty where that is the study's own recipe.
    nested : float
        What it is worth out of fold by the study's first metric.

    Raises
    ------
    StudyError
        The study's classifiers can make none of its strategies.
    """
    outcome = FoldOutcome()
    drawn = {}
    for family in families:
        for key, _, parameters in _contestants(study, fold, family, modalities, outcome, turns):
            drawn[key] = parameters
    for own in (SELECTED, BEST_SINGLE):
        best = _best_of_kinds(outcome.nested, CHOSEN_FROM[own])
        if best is not None:
            return best, drawn[best], abs(outcome.nested[best])
    raise _nothing(study)


def _nothing(study: Study) -> StudyError:
    return StudyError(
        f"study {study.name!r}: with the blocks that the corpus has, the classifiers {list(study.classifiers)} can make none "
        f"of the strategies {list(study.strategies)}"
    )


def _contestants(
    study: Study,
    fold: Fold,
    family: FamilyAnswers,
    modalities: dict[str, tuple[str, ...]],
    outcome: FoldOutcome,
    turns: Turns | None,
) -> Iterator[tuple[RowKey, Contestant, dict[str, Any]]]:
    """Yield every strategy of a family, each with the trial that is best out of fold and that trial's parameters."""
    blocks = [name for name, expert in family.trials[0].items() if expert.block is not None]
    earlies = [name for name in family.trials[0] if name in EARLY_KINDS]
    wanted: list[tuple[str, tuple[str, ...], list[str]]] = []
    if {"unimodal", "best_single"} & set(study.strategies) or len(blocks) == 1:
        wanted += [("unimodal", (name,), [name]) for name in blocks]
        # A modality that is measured in several ways is a single modality still: the product of its experts.
        measured = [own for own in modalities.values() if 1 < len(own) < len(blocks)]
        wanted += [("unimodal", own, list(own)) for own in measured if set(own) <= set(blocks)]
    if len(blocks) > 1:
        every = tuple(blocks)
        wanted += [(kind, every, [kind]) for kind in earlies if kind in study.strategies]
        wanted += [(strategy, every, blocks) for strategy in LATE_RULES if strategy in study.strategies]
        if EARLY in earlies:
            wanted += [(name, every, [*blocks, EARLY]) for name in HYBRID_RULES if name in study.strategies]
    wanted += [(name, tuple(blocks), blocks) for name in CONTEXTS if name in study.strategies and blocks]
    heard = None if turns is None else turns.take(fold.test)
    for strategy, shown, names in wanted:
        key: RowKey = (strategy, shown, family.family)
        best: tuple[float, Contestant, dict[str, Any]] | None = None
        for number, (trial, parameters) in enumerate(zip(family.trials, family.parameters, strict=True)):
            rule = (
                LateFusion({}, rule="mean")
                if strategy in EARLY_KINDS
                else _rule(study, strategy, family, shown, parameters)
            )
            experts = {name: trial[name] for name in names}
            fitted = _fitted(family.fitted, experts)
            if isinstance(rule, ContextFusion):
                known = None if turns is None else turns.take(fold.train)
                contestant = Contestant(rule.fit_rule(fitted, known), experts, heard)
            else:
                contestant = Contestant(rule.fit_rule(fitted), experts)
            nested = _nested(study, contestant.fusion)
            if len(family.trials) > 1:
                outcome.trials.append(
                    {"fold": fold.name, "classifier": family.family, "strategy": strategy, "blocks": "+".join(shown)}
                    | {"trial": number, "nested": None if np.isinf(nested) else abs(nested)}
                    | {"parameters": parameters}
                )
            if best is None or nested > best[0]:
                best = nested, contestant, parameters
        assert best is not None
        outcome.nested[key], contestant, parameters = best
        outcome.fit_seconds[key] = sum(trial[name].fit_seconds for trial in family.trials for name in names)
        outcome.predict_seconds[key] = sum(expert.predict_seconds for expert in contestant.experts.values())
        yield key, contestant, parameters


def _rule(
    study: Study, strategy: str, family: FamilyAnswers, blocks: Sequence[str], parameters: dict[str, Any]
) -> LateFusion:
    made = make_strategy(drawn_study(study, family.family, parameters), strategy, family.family, blocks)
    assert isinstance(made, LateFusion)
    return made


def _fitted(fitted: FittedExperts, experts: dict[str, ExpertAnswers]) -> FittedExperts:
    scores = {name: expert.out_of_fold.astype(np.float64) for name, expert in experts.items()}
    return replace(fitted, out_of_fold=scores)


def _nested(study: Study, fusion: LateFusion) -> float:
    """Return the study's first metric on out-of-fold answers, negative where less is better; -inf where there are none."""
    metric = study.metrics[0]
    known = ~np.isnan(fusion.out_of_fold_).any(axis=1)
    if not known.any():
        return -np.inf
    counts = tally(fusion.experts_.codes[known], fusion.out_of_fold_[known], np.zeros(int(known.sum()), dtype=int))
    value = float(metrics_of(counts)[metric][0])
    return -value if metric in LOWER_IS_BETTER else value


def _choose(study: Study, contestants: dict[RowKey, Contestant], outcome: FoldOutcome) -> None:
    """Choose the fusion and the single modality by what they are worth out of fold; the first of equals."""
    for own, kinds in CHOSEN_FROM.items():
        candidates = [key for key in contestants if key[0] in kinds]
        best = _best_of_kinds(outcome.nested, kinds)
        if own[0] not in study.strategies or best is None:
            continue
        outcome.chosen[own], contestants[own] = best, contestants[best]
        outcome.probabilities[own] = outcome.probabilities[best]
        # What it takes to choose is to fit all that is chosen from, each expert once.
        fitted = {id(expert): expert for key in candidates for expert in contestants[key].experts.values()}
        outcome.fit_seconds[own] = sum(expert.fit_seconds for expert in fitted.values())
        outcome.predict_seconds[own] = outcome.predict_seconds[best]
    if "unimodal" not in study.strategies and len({key[1] for key in contestants if key not in CHOSEN_FROM}) > 1:
        for key in [key for key in outcome.probabilities if key[0] == "unimodal"]:
            del outcome.probabilities[key]


def _best_of_kinds(nested: dict[RowKey, float], kinds: Sequence[str]) -> RowKey | None:
    """Return the strategy of some kinds that is worth most out of fold, the first of equals; None where there is none."""
    return max((key for key in nested if key[0] in kinds), key=lambda key: nested[key], default=None)


def _add_controls(
    study: Study,
    families: Sequence[FamilyAnswers],
    scale: Scale,
    conditions: Conditions,
    outcome: FoldOutcome,
) -> None:
    """Answer for those who know nothing, who know too much, and who were shown the wrong thing."""
    first = families[0]
    if "majority" in study.strategies:
        key: RowKey = ("majority", (), "none")
        outcome.probabilities[key] = np.tile(scale.widened(first.fitted.prior[None]), (len(scale.codes), 1))
        outcome.fit_seconds[key] = outcome.predict_seconds[key] = 0.0
    if "oracle" in study.strategies:
        for family in families:
            experts = [expert for expert in family.trials[0].values() if expert.block is not None]
            if len(experts) > 1:
                key = ("oracle", tuple(expert.block or "" for expert in experts), family.family)
                outcome.probabilities[key] = _oracle(
                    scale, np.stack([expert.test for expert in experts]), first.fitted.prior
                )
                outcome.fit_seconds[key] = sum(expert.fit_seconds for expert in experts)
                outcome.predict_seconds[key] = sum(expert.predict_seconds for expert in experts)
    taught = next((family for family in families if family.controls), first)
    for (control, modality), (codes, experts_of) in taught.controls.items():
        experts_of = {
            name: expert for name, expert in taught.trials[0].items() if expert.block is not None
        } | experts_of
        fitted = _fitted(replace(taught.fitted, codes=codes), experts_of)
        made = _rule(study, "late_product", taught, list(experts_of), {})
        blocks = conditions.modalities.get(modality, tuple(experts_of))
        key = (control, blocks, taught.family)
        outcome.probabilities[key] = scale.widened(Contestant(made.fit_rule(fitted), experts_of).ask(conditions))
        outcome.fit_seconds[key] = outcome.predict_seconds[key] = 0.0


def _oracle(scale: Scale, scores: Array, prior: Array) -> Array:
    """Answer each row by the expert that gives the true class most: what choosing between experts could reach at best."""
    answers = scale.widened(product_rule(scores, prior))
    rows = np.arange(len(scale.codes))
    found = np.full(len(rows), -1.0)
    for expert, present in zip(scores, present_experts(scores), strict=True):
        given = scale.widened(np.where(present[:, None], np.exp(expert), 0.0))
        better = present & (given[rows, scale.codes] > found)
        answers[better], found[better] = given[better], given[rows, scale.codes][better]
    return answers
