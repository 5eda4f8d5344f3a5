"""Fusion of numbers: early, late and hybrid, as of classes, for regressors.

What is learned about the experts of late fusion, its weights and its meta-regressors, is learned on out-of-fold answers with
group-disjoint inner folds, always. A modality may be absent in any row, in training and in prediction.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from copy import copy
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..classifiers.calibration import inner_folds
from ..classifiers.regression_recipes import meta_regressor
from ..features.errors import EmofuseWarning, StudyError
from .blocks import check_blocks
from .experts import ALL_BLOCKS, Array
from .late import MAX_SUBSET_EXPERTS
from .value_experts import FittedValues, fit_value_experts, several_groups
from .value_rules import LEAST_ROWS, VALUE_RULES, learn_value_weights, mean_of_values, weighted_values

ValueRule = Literal["mean", "median", "weighted", "stacking"]
EARLY = "early"


class LateRegression(RegressorMixin, BaseEstimator):
    """Combine regressors, one a block, by a rule.

    Parameters
    ----------
    blocks : dict of str to regressor
        One unfitted regressor (or pipeline) for each block of the table.
    rule : {"mean", "median", "weighted", "stacking"}, default="mean"
        ``weighted`` learns one weight an expert; ``stacking`` learns a meta-regressor over the answers (Breiman 1996), one
        for each subset of the modalities; with more than five experts only one, of all together.
    meta : regressor, optional
        Meta-regressor of stacking; ridge regression by default.
    n_inner : int, default=5
        Inner folds.
    random_state : int, default=0

    Attributes
    ----------
    experts_ : FittedValues
    weights_ : ndarray of shape (n_experts,)
        Of the rule ``weighted``.
    metas_ : dict
        Of rule ``stacking``: the meta-regressor of each subset of experts.
    out_of_fold_ : ndarray of shape (n_samples,)
        The answers to the training rows by a rule that saw neither the row nor its group: what strategies are chosen by.

    Notes
    -----
    Whatever the rule, a single expert that is present gives its own answer; where all are absent the training mean answers.
    Stacking takes the mean of the experts where no meta-regressor could be learned (fewer than 20 training rows with these
    modalities).
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self,
        blocks: Mapping[str, Any],
        rule: ValueRule = "mean",
        meta: Any = None,
        n_inner: int = 5,
        random_state: int = 0,
    ) -> None:
        self.blocks = blocks
        self.rule = rule
        self.meta = meta
        self.n_inner = n_inner
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: Any, groups: Any = None) -> LateRegression:
        """Fit the experts and the rule; ``groups`` are kept apart by the inner folds."""
        experts = fit_value_experts(self._estimators(), X, y, groups, n_inner=self.n_inner, seed=self.random_state)
        return self.fit_rule(experts)

    def fit_rule(self, experts: FittedValues) -> LateRegression:
        """Fit the rule alone, on experts that :func:`fit_value_experts` fitted."""
        if self.rule not in (*VALUE_RULES, "weighted", "stacking"):
            raise StudyError(f"late fusion of numbers knows mean, median, weighted and stacking, got {self.rule!r}")
        self.experts_ = experts
        self.names_ = tuple(experts.out_of_fold)
        values = self._heard(np.stack(list(experts.out_of_fold.values())))
        self._learn(values, experts.targets)
        self.out_of_fold_ = self._held_out(values)
        return self

    def predict(self, X: pd.DataFrame) -> Array:
        """Return numbers of shape (n_samples,)."""
        check_is_fitted(self)
        check_blocks(X)
        return self.combine(np.stack([expert.values(X) for expert in self.experts_.experts.values()]))

    def combine(self, values: Array) -> Array:
        """Apply the fitted rule to answers of shape (n_experts, n_samples), NaN where an expert is absent."""
        values = self._heard(values)
        present = ~np.isnan(values)
        answers = np.full(values.shape[1], self.experts_.mean)
        alone, several = present.sum(axis=0) == 1, present.sum(axis=0) > 1
        answers[alone] = np.nansum(values[:, alone], axis=0)
        if several.any():
            answers[several] = self._combined(values[:, several])
        return answers

    def _estimators(self) -> dict[str, tuple[str | None, Any]]:
        return {block: (block, estimator) for block, estimator in self.blocks.items()}

    def _heard(self, values: Array) -> Array:
        """Return the answers that count."""
        return values

    def _learn(self, values: Array, targets: Array) -> None:
        if self.rule == "weighted":
            self.weights_ = learn_value_weights(values, targets)
        elif self.rule == "stacking":
            self.metas_ = self._fit_metas(values, targets)

    def _combined(self, values: Array) -> Array:
        """Apply the rule to rows in which two experts answer or more."""
        if self.rule == "weighted":
            return weighted_values(values, self.weights_)
        if self.rule != "stacking":
            return VALUE_RULES[self.rule](values)
        answers, present = mean_of_values(values), ~np.isnan(values)
        for pattern in np.unique(present.T, axis=0):
            meta = self.metas_.get(tuple(np.flatnonzero(pattern).tolist()))
            if meta is not None:
                rows = np.asarray(np.all(present.T == pattern, axis=1))
                answers[rows] = meta.predict(values[pattern][:, rows].T)
        return answers

    def _held_out(self, values: Array) -> Array:
        """Answer each training row by a rule that saw neither it nor its group; NaN where no expert was judged."""
        answers = np.full(values.shape[1], np.nan)
        some = np.flatnonzero(~np.isnan(values).all(axis=0))
        targets, groups = self.experts_.targets[some], self.experts_.groups
        groups = None if groups is None else groups[some]
        if self.rule in VALUE_RULES or not several_groups(targets, groups):
            answers[some] = self.combine(values[:, some])
            return answers
        other = copy(self)
        for train, test in inner_folds(targets, groups, n_splits=self.n_inner, seed=self.random_state):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", EmofuseWarning)  # the fit on all rows has said it
                other._learn(values[:, some[train]], targets[train])
            answers[some[test]] = other.combine(values[:, some[test]])
        return answers

    def _fit_metas(self, values: Array, targets: Array) -> dict[tuple[int, ...], Any]:
        """Fit one meta-regressor for each subset of experts, on the rows in which all of the subset are present."""
        count = len(values)
        present, metas = ~np.isnan(values), {}
        sizes = range(2, count + 1) if count <= MAX_SUBSET_EXPERTS else [count]
        for subset in (subset for size in sizes for subset in combinations(range(count), size)):
            rows = np.asarray(np.all(present[list(subset)], axis=0))
            if rows.sum() >= LEAST_ROWS:
                meta = clone(meta_regressor() if self.meta is None else self.meta)
                metas[subset] = meta.fit(values[list(subset)][:, rows].T, targets[rows])
        if count > 1 and not metas:
            message = f"stacking needs {LEAST_ROWS} training rows that two experts or more were judged on"
            warnings.warn(f"{message}; the mean of the experts answers", EmofuseWarning, stacklevel=5)
        return metas


class HybridRegression(LateRegression):
    """Combine one regressor a block and an early fusion by a rule of late fusion.

    A row that has one of the blocks only is answered by the expert of that block.

    Parameters
    ----------
    blocks : dict of str to regressor
    early : EarlyRegression
        The expert of all blocks.
    rule, meta, n_inner, random_state
        As for :class:`LateRegression`.
    """

    def __init__(
        self,
        blocks: Mapping[str, Any],
        early: Any,
        rule: ValueRule = "mean",
        meta: Any = None,
        n_inner: int = 5,
        random_state: int = 0,
    ) -> None:
        super().__init__(blocks, rule=rule, meta=meta, n_inner=n_inner, random_state=random_state)
        self.early = early

    def _estimators(self) -> dict[str, tuple[str | None, Any]]:
        if EARLY in self.blocks:
            raise StudyError(f"a block of hybrid fusion cannot be called {EARLY!r}; rename it")
        return super()._estimators() | {EARLY: (ALL_BLOCKS, clone(self.early))}

    def _heard(self, values: Array) -> Array:
        place = self.names_.index(EARLY)
        few = np.sum(~np.isnan(np.delete(values, place, axis=0)), axis=0) < 2
        heard = values.copy()
        heard[place, few] = np.nan
        return heard
