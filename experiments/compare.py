"""One fold, one family of classifiers: the experts that every strategy is made of, asked under every condition.

What is costly is done here, once; how the answers are put together is :mod:`~emofuse.experiments.combine`.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field, replace
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


def fit_family(
    study: Study,
    family: Family,
    fold: Fold,
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    conditions: Conditions,
    *,
    with_controls: bool = False,
    children: Children | None = None,
) -> FamilyAnswers:
    """Fit the experts of a family on the training rows of a fold; let them answer its test rows under all conditions.

    Parameters
    ----------
    study : Study
    family : str
    fold : Fold
    X : DataFrame
        The block table of all samples.
    y, groups : ndarray of shape (n_samples,)
    conditions : Conditions
    with_controls : bool, default=False
        Whether the controls that need experts of their own are fitted too.
    children : Children, optional
        Varied copies of samples; those of the fold's training rows join them, wherever these train an expert that is no
        control.
    """
    with threadpool_limits(limits=1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", EmofuseWarning)
        try:
            found = _fit_family(study, family, fold, X, y, groups, conditions, with_controls, children)
        except EmofuseError as error:
            error.add_note(f"fold {fold.name!r}, classifier {family!r}")
            raise
    found.warnings = sorted({f"fold {fold.name!r}: {item.message}" for item in caught})
    return found


def early_kinds(study: Study, family: Family, n_blocks: int) -> list[str]:
    """Return which early fusions are fitted: those of the study, and the one inside its hybrids.

    Trees do not see how a column is scaled, so that raw concatenation is the early fusion they have already.
    """
    if n_blocks < 2 or family == "given":
        return []
    wanted = set(study.strategies) | ({"early"} if set(HYBRID_RULES) & set(study.strategies) else set())
    return [kind for kind in EARLY_KINDS if kind in wanted and not (family == "boosted" and kind == "early_raw")]


def _fit_family(
    study: Study,
    family: Family,
    fold: Fold,
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    conditions: Conditions,
    with_controls: bool,
    children: Children | None,
) -> FamilyAnswers:
    blocks = list(dict.fromkeys(X.columns.get_level_values(0)))
    train, test, labels = X.iloc[fold.train], X.iloc[fold.test], y[fold.train]
    own_groups = None if groups is None else groups[fold.train]
    own_children = None if children is None else children.of(train.index)
    degraded = {name: table.iloc[fold.test] for name, table in conditions.degraded.items()}
    trials: list[dict[str, ExpertAnswers]] = []
    drawn: list[dict[str, Any]] = []
    features: dict[str, dict[str, float]] = {}
    for number, (trial, parameters) in enumerate(trial_studies(study, family, fold.name, blocks)):
        estimators = dict(make_strategy(trial, "late_product", family, blocks)._estimators())
        for kind in early_kinds(study, family, len(blocks)):
            early = make_strategy(trial, kind, family, blocks, subsets=conditions.block_subsets)
            estimators[kind] = (ALL_BLOCKS, early.set_params(calibration="none"))
        answers = {}
        for name, estimator in estimators.items():
            start = time.perf_counter()
            fitted = _fit_expert(study, name, estimator, train, labels, own_groups, own_children)
            fit_seconds = time.perf_counter() - start
            answers[name] = _asked(fitted, name, test, degraded, conditions, study.seed)
            answers[name].fit_seconds = fit_seconds
            if number == 0 and family == "boosted" and estimator[0] is not None:
                _add_features(features, fitted.experts[name], test)
        trials.append(answers)
        drawn.append(parameters)
    # Classes, codes and groups are those of the training rows, whichever expert they are taken from.
    found = FamilyAnswers(family, replace(fitted, experts={}, out_of_fold={}), trials, drawn, features=features)
    if with_controls:
        late = make_strategy(study, "late_product", family, blocks)
        found.controls = _controls(study, late._estimators(), train, test, labels, own_groups, conditions)
    return found


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


def _controls(
    study: Study,
    estimators: dict[str, tuple[str | None, Any]],
    train: pd.DataFrame,
    test: pd.DataFrame,
    labels: Array,
    groups: Array | None,
    conditions: Conditions,
) -> dict[tuple[str, str], tuple[Array, dict[str, ExpertAnswers]]]:
    """Fit the experts of the controls: a modality shuffled between the rows of either side, labels permuted in training."""
    random = np.random.default_rng(study.seed)
    found: dict[tuple[str, str], tuple[Array, dict[str, ExpertAnswers]]] = {}

    def fit(names: tuple[str, ...], train: pd.DataFrame, test: pd.DataFrame, labels: Array) -> Any:
        answers = {}
        for name in names:
            fitted = _fit_expert(study, name, estimators[name], train, labels, groups)
            scores = fitted.experts[name].log_probabilities(test, fitted.classes)
            answers[name] = ExpertAnswers(name, fitted.out_of_fold[name].astype(np.float32), scores)
        return fitted.codes, answers

    if "shuffled_modality" in study.strategies and len(conditions.modalities) > 1:
        for modality, blocks in conditions.modalities.items():
            mixed = [permuted(side, blocks, random.permutation(len(side))) for side in (train, test)]
            found["shuffled_modality", modality] = fit(blocks, mixed[0], mixed[1], labels)
    if "permuted_labels" in study.strategies:
        found["permuted_labels", ""] = fit(tuple(estimators), train, test, random.permutation(labels))
    return found
