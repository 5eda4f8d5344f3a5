"""One fold, one family of classifiers: the experts that every strategy is made of, asked under every condition.

What is costly is done here, once; how the answers are put together is :mod:`~emofuse.experiments.combine`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from ..features.errors import EmofuseError, EmofuseWarning, StudyError
from ..fusion.blocks import present_rows, select_block
from ..fusion.contribution import group_contributions
from ..fusion.experts import ALL_BLOCKS, Expert, FittedExperts, fit_experts
from ..fusion.preparation import Children
from .conditions import N_PERMUTATIONS, Conditions, masked, permuted, row_order
from .estimators import make_strategy
from .protocols import Fold
from .strategies import EARLY_KINDS, HYBRID_RULES
from .study import Family, Study
from .tuning import trial_studies

Array = npt.NDArray[Any]
# Strategy, blocks and classifier: what one row of the results is.
RowKey = tuple[str, tuple[str, ...], str]
MANY_ROWS = 2_000  # of so many test rows one permutation is as good as two


@dataclass
class ExpertAnswers:
    """The calibrated log probabilities of one expert, shape (n_rows, n_classes), NaN where it has nothing to go by.

    Attributes
    ----------
    block : str or None
        None for early fusion, an expert of all blocks.
    out_of_fold : ndarray
        Of the training rows, by models that saw neither the row nor its group.
    test : ndarray
    present, shuffled : dict to ndarray
        Of the test rows when only some modalities are there (early fusion alone; the others answer or do not), and when one
        modality is shuffled between them.
    degraded : dict of str to ndarray
        Of the test rows measured from worse inputs, where that concerns the expert.
    """

    block: str | None
    out_of_fold: Array
    test: Array
    present: dict[tuple[str, ...], Array] = field(default_factory=dict)
    shuffled: dict[tuple[str, int], Array] = field(default_factory=dict)
    degraded: dict[str, Array] = field(default_factory=dict)
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0


@dataclass
class FamilyAnswers:
    """What one family of classifiers answers in one fold.

    Attributes
    ----------
    family : str
    fitted : FittedExperts
        Classes, codes, groups and prior of the training rows; the experts themselves are gone.
    trials : list of dict of str to ExpertAnswers
        By name, for each trial of the tuning; the first is the recipe's own.
    parameters : list of dict
        Of each trial.
    controls : dict
        By control and modality, its experts and the training codes they were fitted on.
    features : dict of str to dict of str to float
        By block, mean absolute contribution of each group of features (TreeSHAP), times the rows it is a mean of.
    warnings : list of str
    """

    family: Family
    fitted: FittedExperts
    trials: list[dict[str, ExpertAnswers]]
    parameters: list[dict[str, Any]]
    controls: dict[tuple[str, str], tuple[Array, dict[str, ExpertAnswers]]] = field(default_factory=dict)
    features: dict[str, dict[str, float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """One fit of a family in a fold, which needs no other: an expert of a trial, or all experts of a control.

    Attributes
    ----------
    trial : int
    name : str
        Of an expert, or of a control.
    modality : str
        What a control shuffles.
    is_control : bool
    """

    trial: int
    name: str
    modality: str = ""
    is_control: bool = False


@dataclass
class PartAnswers:
    """What the experts of a part answer, the codes they were fitted on, and what fitting them said."""

    fitted: FittedExperts
    answers: dict[str, ExpertAnswers]
    features: dict[str, dict[str, float]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def parts_of(
    study: Study, family: Family, fold: Fold, X: pd.DataFrame, conditions: Conditions, *, with_controls: bool = False
) -> list[Part]:
    """Return what is to be fitted of a family in a fold, each part a task of its own.

    Parameters
    ----------
    study : Study
    family : str
    fold : Fold
    X : DataFrame
        The block table.
    conditions : Conditions
    with_controls : bool, default=False
        Whether the controls that need experts of their own are fitted too.
    """
    blocks = list(dict.fromkeys(X.columns.get_level_values(0)))
    parts = [
        Part(number, name)
        for number, _ in enumerate(trial_studies(study, family, fold.name, blocks))
        for name in (*blocks, *early_kinds(study, family, len(blocks)))
    ]
    if with_controls and "shuffled_modality" in study.strategies and len(conditions.modalities) > 1:
        parts += [Part(0, "shuffled_modality", modality, is_control=True) for modality in conditions.modalities]
    if with_controls and "permuted_labels" in study.strategies:
        parts.append(Part(0, "permuted_labels", is_control=True))
    return parts


def fit_part(
    study: Study,
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    conditions: Conditions,
    children: Children | None,
    family: Family,
    fold: Fold,
    part: Part,
) -> PartAnswers:
    """Fit one part on the training rows of a fold; let it answer the test rows under all conditions.

    Parameters
    ----------
    study : Study
    X : DataFrame
        The block table of all samples.
    y, groups : ndarray of shape (n_samples,)
    conditions : Conditions
    children : Children or None
        Varied copies of samples; those of the fold's training rows join them, wherever these train an expert that is no
        control.
    family : str
    fold : Fold
    part : Part
    """
    with threadpool_limits(limits=1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", EmofuseWarning)
        try:
            if part.is_control:
                found = _fit_control(study, X, y, groups, conditions, family, fold, part)
            else:
                found = _fit_trial_expert(study, X, y, groups, conditions, children, family, fold, part)
        except EmofuseError as error:
            error.add_note(f"fold {fold.name!r}, classifier {family!r}")
            raise
    found.warnings = [f"fold {fold.name!r}: {item.message}" for item in caught]
    return found


def gathered(
    study: Study, family: Family, fold: Fold, X: pd.DataFrame, parts: Sequence[Part], answers: Sequence[PartAnswers]
) -> FamilyAnswers:
    """Put the parts of a family in a fold together, as :func:`parts_of` lists them."""
    blocks = list(dict.fromkeys(X.columns.get_level_values(0)))
    drawn = [parameters for _, parameters in trial_studies(study, family, fold.name, blocks)]
    found = FamilyAnswers(family, answers[0].fitted, [{} for _ in drawn], drawn)
    for part, own in zip(parts, answers, strict=True):
        if part.is_control:
            found.controls[part.name, part.modality] = (own.fitted.codes, own.answers)
        else:
            found.trials[part.trial] |= own.answers
            found.features |= own.features
    found.warnings = sorted({line for own in answers for line in own.warnings})
    return found


def early_kinds(study: Study, family: Family, n_blocks: int) -> list[str]:
    """Return which early fusions are fitted: those of the study, and the one inside its hybrids.

    Trees do not see how a column is scaled, so that raw concatenation is the early fusion they have already.
    """
    if n_blocks < 2 or family == "given":
        return []
    wanted = set(study.strategies) | ({"early"} if set(HYBRID_RULES) & set(study.strategies) else set())
    return [kind for kind in EARLY_KINDS if kind in wanted and not (family == "boosted" and kind == "early_raw")]


def _fit_trial_expert(
    study: Study,
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    conditions: Conditions,
    children: Children | None,
    family: Family,
    fold: Fold,
    part: Part,
) -> PartAnswers:
    blocks = list(dict.fromkeys(X.columns.get_level_values(0)))
    if part.name not in EARLY_KINDS:  # an expert of one block needs no copy of the others
        X = X[[part.name]]
    train, test = X.iloc[fold.train], X.iloc[fold.test]
    degraded = {name: table.iloc[fold.test] for name, table in conditions.degraded.items()}
    trial, _ = next(islice(trial_studies(study, family, fold.name, blocks), part.trial, None))
    estimator: tuple[str | None, Any]
    if part.name in EARLY_KINDS:
        early = make_strategy(trial, part.name, family, blocks, subsets=conditions.block_subsets)
        estimator = (ALL_BLOCKS, early.set_params(calibration="none"))
    else:
        estimator = _late_estimators(trial, family, blocks)[part.name]
    start = time.perf_counter()
    fitted = _fit_expert(
        study,
        part.name,
        estimator,
        train,
        y[fold.train],
        None if groups is None else groups[fold.train],
        None if children is None else children.of(train.index),
    )
    fit_seconds = time.perf_counter() - start
    answers = _asked(fitted, part.name, test, degraded, conditions, study.seed)
    answers.fit_seconds = fit_seconds
    features: dict[str, dict[str, float]] = {}
    if part.trial == 0 and family == "boosted" and estimator[0] is not None:
        _add_features(features, fitted.experts[part.name], test)
    return PartAnswers(replace(fitted, experts={}, out_of_fold={}), {part.name: answers}, features)


def _late_estimators(study: Study, family: Family, blocks: list[str]) -> dict[str, tuple[str | None, Any]]:
    return dict(make_strategy(study, "late_product", family, blocks)._estimators())


def _fit_expert(
    study: Study,
    name: str,
    estimator: tuple[str | None, Any],
    train: pd.DataFrame,
    labels: Array,
    groups: Array | None,
    children: Children | None = None,
) -> FittedExperts:
    return fit_experts(
        {name: estimator},
        train,
        labels,
        groups,
        n_inner=study.n_inner,
        seed=study.seed,
        calibration=study.calibration,
        balance=study.balance,
        children=children,
    )


def _asked(
    fitted: FittedExperts,
    name: str,
    test: pd.DataFrame,
    degraded: dict[str, pd.DataFrame],
    conditions: Conditions,
    seed: int,
) -> ExpertAnswers:
    """Let one expert answer the test rows as they are, and under each condition that concerns it."""
    expert, classes = fitted.experts[name], fitted.classes
    start = time.perf_counter()
    test_scores = expert.log_probabilities(test, classes)
    seconds = time.perf_counter() - start
    answers = ExpertAnswers(expert.block, fitted.out_of_fold[name].astype(np.float32), test_scores)
    answers.predict_seconds = seconds
    several = len(conditions.modalities) > 1
    n_permutations = N_PERMUTATIONS if len(test) < MANY_ROWS else 1
    for modality, blocks in conditions.modalities.items() if several else ():
        for number in range(n_permutations):
            order = row_order(len(test), seed, number)
            if expert.block is None:
                shuffled = expert.log_probabilities(permuted(test, blocks, order), classes)
                answers.shuffled[modality, number] = shuffled.astype(np.float32)
            elif expert.block in blocks:
                answers.shuffled[modality, number] = test_scores[order]
    if expert.block is None:
        for subset in conditions.subsets:
            there = masked(test, conditions.blocks_of(subset))
            answers.present[subset] = expert.log_probabilities(there, classes).astype(np.float32)
    for condition, table in degraded.items():
        own = table if expert.block is None else select_block(table, expert.block)
        if not own.equals(test if expert.block is None else select_block(test, expert.block)):
            answers.degraded[condition] = expert.log_probabilities(table, classes).astype(np.float32)
    return answers


def _add_features(found: dict[str, dict[str, float]], expert: Expert, test: pd.DataFrame) -> None:
    """Add what each group of features of a block's trees contributes; nothing where columns are mixed before the trees."""
    assert expert.block is not None
    table = select_block(test, expert.block, expert.features)
    present = present_rows(table)
    try:
        amounts = group_contributions(expert.estimator, table[present]) if present.any() else {}
    except StudyError:  # the front mixes columns, or the training rows held one class: there are no features to name
        amounts = {}
    if amounts:
        found[expert.block] = {group: amount * int(present.sum()) for group, amount in amounts.items()}


def _fit_control(
    study: Study,
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    conditions: Conditions,
    family: Family,
    fold: Fold,
    part: Part,
) -> PartAnswers:
    """Fit the experts of a control: a modality shuffled between the rows of either side, or labels permuted in training."""
    blocks = list(dict.fromkeys(X.columns.get_level_values(0)))
    estimators = _late_estimators(study, family, blocks)
    train, test, labels = X.iloc[fold.train], X.iloc[fold.test], y[fold.train]
    own_groups = None if groups is None else groups[fold.train]
    random = np.random.default_rng([study.seed, *part.modality.encode()])
    names = tuple(estimators)
    if part.name == "permuted_labels":
        labels = random.permutation(labels)
    else:
        names = conditions.modalities[part.modality]
        train, test = (permuted(side, names, random.permutation(len(side))) for side in (train, test))
    answers = {}
    for name in names:
        fitted = _fit_expert(study, name, estimators[name], train, labels, own_groups)
        scores = fitted.experts[name].log_probabilities(test, fitted.classes)
        answers[name] = ExpertAnswers(name, fitted.out_of_fold[name].astype(np.float32), scores)
    return PartAnswers(replace(fitted, experts={}, out_of_fold={}), answers)
