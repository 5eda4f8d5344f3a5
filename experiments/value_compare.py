"""One fold, one family of regressors: the experts that every strategy is made of, as :mod:`~.compare` has them of classifiers."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from ..classifiers.recipes import FRONT_PARAMETERS, Reduction
from ..classifiers.regression_recipes import expert_regressor, final_regressor, front_of_values, meta_regressor
from ..features.errors import EmofuseError, EmofuseWarning
from ..fusion.early_regression import EarlyRegression
from ..fusion.experts import ALL_BLOCKS
from ..fusion.regression import HybridRegression, LateRegression
from ..fusion.value_experts import FittedValues, fit_value_experts
from .compare import Array
from .conditions import Conditions, masked, permuted
from .protocols import Fold
from .strategies import EARLY_KINDS
from .study import Family, Study
from .task_kinds import VALUE_EARLY, VALUE_RULES

Subset = tuple[str, ...]


@dataclass
class ValueAnswers:
    """The answers of one expert, shape (n_rows,), NaN where it has nothing to go by.

    Attributes
    ----------
    block : str or None
        None for early fusion, an expert of all blocks.
    out_of_fold, test : ndarray
        Of the training rows, by models that saw neither the row nor its group; and of the test rows.
    present : dict of tuple of str to ndarray
        Of the test rows when only some modalities are there (early fusion alone; the others answer or do not).
    """

    block: str | None
    out_of_fold: Array
    test: Array
    present: dict[Subset, Array] = field(default_factory=dict)
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0


@dataclass
class ValueFamily:
    """What one family of regressors answers in one fold; as :class:`~.compare.FamilyAnswers` of classifiers."""

    family: Family
    fitted: FittedValues
    experts: dict[str, ValueAnswers]
    controls: dict[tuple[str, str], tuple[FittedValues, dict[str, ValueAnswers]]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def make_value_strategy(
    study: Study, strategy: str, family: Family, blocks: Sequence[str], *, subsets: Sequence[Sequence[str]] = ()
) -> EarlyRegression | LateRegression:
    """Return the unfitted estimator of a strategy of a regression, as the study describes it.

    Parameters
    ----------
    study : Study
    strategy : str
        ``unimodal``, which takes the blocks of one modality, or one of ``VALUE_FUSIONS``.
    family : str
    blocks : sequence of str
    subsets : sequence of sequences of str, default=()
        Sets of blocks that early fusion must be able to do with alone.
    """
    if strategy in VALUE_EARLY:
        block_scaling, reduction = EARLY_KINDS[strategy]
        return EarlyRegression(
            {name: _front(study, name, family, reduction) for name in blocks},
            final_regressor(family, **study.early.get(family, {})),
            weights={name: study.blocks[name].weight for name in blocks},
            block_scaling=block_scaling,
            subsets=subsets,
        )
    experts = {name: expert_regressor(family, study.blocks[name].kind, **study.recipe(name, family)) for name in blocks}
    shared: dict[str, Any] = {"n_inner": study.n_inner, "random_state": study.seed}
    shared["meta"] = meta_regressor("linear", **study.meta.get("linear", {}))
    rule: Any = VALUE_RULES.get(strategy, "mean")
    if strategy.startswith("hybrid"):
        early = make_value_strategy(study, "early", family, blocks, subsets=subsets)
        return HybridRegression(experts, early, rule=rule, **shared)
    return LateRegression(experts, rule=rule, **shared)


def fit_value_family(
    study: Study,
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    conditions: Conditions,
    family: Family,
    fold: Fold,
    with_controls: bool = False,
) -> ValueFamily:
    """Fit the experts of a family on the training rows of a fold; let them answer its test rows.

    Parameters
    ----------
    study : Study
    X : DataFrame
        The block table of all samples.
    y, groups : ndarray of shape (n_samples,)
    conditions : Conditions
    family : str
    fold : Fold
    with_controls : bool, default=False
        Whether the controls that need experts of their own are fitted too.
    """
    with threadpool_limits(limits=1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", EmofuseWarning)
        try:
            found = _fit_family(study, family, fold, X, y, groups, conditions, with_controls)
        except EmofuseError as error:
            error.add_note(f"fold {fold.name!r}, regressor {family!r}")
            raise
    found.warnings = sorted({f"fold {fold.name!r}: {item.message}" for item in caught})
    return found


def _front(study: Study, name: str, family: Family, reduction: Reduction | None) -> Any:
    recipe = {key: value for key, value in study.recipe(name, family).items() if key in FRONT_PARAMETERS}
    return front_of_values(family, study.blocks[name].kind, reduction=reduction, **recipe)


def _early_kinds(study: Study, family: Family, n_blocks: int) -> list[str]:
    """Return which early fusions are fitted; to trees, raw concatenation is the early fusion they have already."""
    hybrid = any(name.startswith("hybrid") for name in study.strategies)
    wanted = {*study.strategies, *(("early",) if hybrid else ())} if n_blocks > 1 else set()
    return [kind for kind in VALUE_EARLY if kind in wanted and not (family == "boosted" and kind == "early_raw")]


def _fit_family(
    study: Study,
    family: Family,
    fold: Fold,
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    conditions: Conditions,
    with_controls: bool,
) -> ValueFamily:
    blocks = list(dict.fromkeys(X.columns.get_level_values(0)))
    train, test, targets = X.iloc[fold.train], X.iloc[fold.test], y[fold.train]
    own_groups = None if groups is None else groups[fold.train]
    estimators = dict(make_value_strategy(study, "late_mean", family, blocks)._estimators())
    single = dict(estimators)
    for kind in _early_kinds(study, family, len(blocks)):
        early = make_value_strategy(study, kind, family, blocks, subsets=conditions.block_subsets)
        estimators[kind] = (ALL_BLOCKS, early)
    experts = {}
    for name, estimator in estimators.items():
        start = time.perf_counter()
        fitted = _fit_expert(study, name, estimator, train, targets, own_groups)
        middle = time.perf_counter()
        expert = fitted.experts[name]
        answers = ValueAnswers(expert.block, fitted.out_of_fold[name], expert.values(test))
        answers.fit_seconds, answers.predict_seconds = middle - start, time.perf_counter() - middle
        if expert.block is None:
            for subset in conditions.subsets:
                answers.present[subset] = expert.values(masked(test, conditions.blocks_of(subset)))
        experts[name] = answers
    found = ValueFamily(family, replace(fitted, experts={}, out_of_fold={}), experts)
    if with_controls:
        _fit_controls(study, found, single, train, test, targets, own_groups, conditions)
    return found


def _fit_expert(
    study: Study,
    name: str,
    estimator: tuple[str | None, Any],
    train: pd.DataFrame,
    targets: Array,
    groups: Array | None,
) -> FittedValues:
    return fit_value_experts({name: estimator}, train, targets, groups, n_inner=study.n_inner, seed=study.seed)


def _fit_controls(
    study: Study,
    found: ValueFamily,
    estimators: dict[str, tuple[str | None, Any]],
    train: pd.DataFrame,
    test: pd.DataFrame,
    targets: Array,
    groups: Array | None,
    conditions: Conditions,
) -> None:
    """Fit the experts of the controls: a modality shuffled between the rows of either side, targets permuted in training."""
    random = np.random.default_rng(study.seed)

    def fit(names: Sequence[str], train: pd.DataFrame, test: pd.DataFrame, own: Array) -> Any:
        answers = {}
        for name in names:
            fitted = _fit_expert(study, name, estimators[name], train, own, groups)
            answers[name] = ValueAnswers(name, fitted.out_of_fold[name], fitted.experts[name].values(test))
        return replace(fitted, experts={}, out_of_fold={}), answers

    if "shuffled_modality" in study.strategies and len(conditions.modalities) > 1:
        for modality, blocks in conditions.modalities.items():
            mixed = [permuted(side, blocks, random.permutation(len(side))) for side in (train, test)]
            found.controls["shuffled_modality", modality] = fit(blocks, mixed[0], mixed[1], targets)
    if "permuted_labels" in study.strategies:
        found.controls["permuted_labels", ""] = fit(list(estimators), train, test, random.permutation(targets))
