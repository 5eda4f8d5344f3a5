"""Late fusion: one expert a block, their answers combined by a rule or by a learned meta-classifier."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..classifiers.calibration import apply_temperature, fit_temperature, inner_folds, out_of_fold
from ..classifiers.calibrators import Method
from ..classifiers.parts import fitted_part
from ..classifiers.recipes import meta_classifier
from ..features.errors import EmofuseWarning, StudyError
from . import rules
from .combination import FIXED_RULES, WEIGHED_RULES, Combination, Meta, meta_features
from .experts import ALL_BLOCKS, Array, FittedExperts, can_hold_out, fit_experts, fit_safely
from .fused import LateModel
from .preparation import Balance, Children, check_balance, unweighted
from .rules import present_experts

Rule = Literal["mean", "product", "median", "vote", "weighted", "class_weighted", "gated", "stacking"]
# How the rules that learn a few weights learn them from out-of-fold scores.
LEARNERS: dict[str, Callable[[Array, Array], Array]] = {
    "weighted": rules.learn_weights,
    "class_weighted": partial(rules.learn_weights, by_class=True),
    "gated": rules.learn_gate,
}
RULES = (*FIXED_RULES, *LEARNERS, "stacking")
MAX_SUBSET_EXPERTS = 5  # 2^5 - 6 = 26 meta-classifiers at most
LEAST_META_ROWS = 20


class LateFusion(ClassifierMixin, BaseEstimator):
    """Combine calibrated experts, one a block, by a rule.

    The experts' calibration, the learned weights and the meta-classifier of stacking are fitted on out-of-fold scores with
    group-disjoint inner folds, always: there is no way to fit them on scores of rows that an expert was trained on.

    Parameters
    ----------
    blocks : dict of str to classifier
        One unfitted classifier (or pipeline) for each block of the table.
    rule : {"mean", "product", "median", "vote", "weighted", "class_weighted", "gated", "stacking"}, default="product"
        ``product`` multiplies probabilities, ``weighted`` learns an exponent for each expert, ``class_weighted`` one for each
        expert and class, ``gated`` one that depends on how sure the expert is of the row; ``stacking`` learns a
        meta-classifier over log probabilities (Wolpert 1992), one for each subset of the modalities; with more than five
        experts only one, of all together.
    meta : classifier, optional
        Meta-classifier of stacking; class-balanced logistic regression by default.
    calibration : {"temperature", "sigmoid", "isotonic", "none"}, default="temperature"
        What makes the experts' probabilities hold before they are combined; the answers of a rule get a temperature.
    n_inner : int, default=5
        Inner folds.
    random_state : int, default=0
    balance : {"weights", "none", "over", "under"}, default="weights"
        How unequal classes are dealt with in every fit of an expert; see :func:`~.experts.fit_experts`. With "none" the
        meta-classifier does not weigh them either.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    experts_ : FittedExperts
    weights_ : ndarray of shape (n_experts,), (n_experts, n_classes) or (2, n_experts)
        Of the rules ``weighted``, ``class_weighted`` and ``gated``.
    out_of_fold_ : ndarray of shape (n_samples, n_classes)
        The answers to the training rows by a rule that saw neither the row nor its group, NaN where no expert could be
        judged: what strategies are chosen by, and thresholds of confidence set on.
    metas_ : dict
        Of rule ``stacking``: the meta-classifier of each subset of experts.

    Notes
    -----
    A modality may be absent in any row, in training and in prediction. Whatever the rule, a single expert that is present
    gives its own calibrated answer; where all are absent the class prior answers. Stacking takes the product of the experts
    where no meta-classifier could be learned (fewer than 20 training rows with these modalities), and for the probability
    of a class that stands in one group only, which no expert could be judged on.
    """

    # Groups are asked for by default where scikit-learn routes metadata (cross_validate and the like).
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self,
        blocks: Mapping[str, Any],
        rule: Rule = "product",
        meta: Any = None,
        calibration: Method = "temperature",
        n_inner: int = 5,
        random_state: int = 0,
        balance: Balance = "weights",
    ) -> None:
        self.blocks = blocks
        self.rule = rule
        self.meta = meta
        self.calibration = calibration
        self.n_inner = n_inner
        self.random_state = random_state
        self.balance = balance

    def fit(self, X: pd.DataFrame, y: Any, groups: Any = None, children: Children | None = None) -> LateFusion:
        """Fit the experts and the rule.

        Parameters
        ----------
        X : DataFrame
            A block table.
        y : array-like of shape (n_samples,)
        groups : array-like of shape (n_samples,), optional
            Speakers or subjects, kept apart by the inner folds; without it each row is its own group.
        children : Children, optional
            Varied copies of rows, which train the experts wherever their parents do.
        """
        return self.fit_rule(
            fit_experts(
                self._estimators(),
                X,
                y,
                groups,
                n_inner=self.n_inner,
                seed=self.random_state,
                calibration=self.calibration,
                balance=self.balance,
                children=children,
            )
        )

    def fit_rule(self, experts: FittedExperts) -> LateFusion:
        """Fit the rule alone, on experts that :func:`~emofuse.fusion.experts.fit_experts` fitted."""
        if self.rule not in RULES:
            raise StudyError(f"late fusion knows the rules {list(RULES)}, got {self.rule!r}")
        check_balance(self.balance)
        self.experts_ = experts
        self.classes_ = experts.classes
        scores = self._rule().heard(experts.training_scores())
        several = _several(scores)
        if self.rule in LEARNERS:
            self.weights_ = LEARNERS[self.rule](scores[:, several], experts.codes[several])
        elif self.rule == "stacking":
            self.metas_ = self._fit_metas(scores, experts.codes)
        held_out = self._held_out(scores, several)
        self.temperature_ = fit_temperature(held_out[several], experts.codes[several])
        self.out_of_fold_ = rules.product_rule(scores, np.full(len(experts.classes), np.nan))
        judged = several & ~np.isnan(held_out).any(axis=1)
        self.out_of_fold_[judged] = apply_temperature(held_out[judged], self.temperature_)
        return self

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return self.combine(self.experts_.scores(X))

    def predict(self, X: pd.DataFrame) -> Array:
        """Return the most probable class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def combine(self, scores: Array) -> Array:
        """Apply the fitted rule to log probabilities of shape (n_experts, n_samples, n_classes)."""
        return self.combination().combine(scores)

    def fused_model(self) -> LateModel:
        """Return the fitted numbers alone, which answer plain arrays."""
        check_is_fitted(self)
        experts = self.experts_.experts.values()
        early = next((expert for expert in experts if expert.block is ALL_BLOCKS), None)
        combination = self.combination()
        metas = (replace(meta, part=fitted_part(meta.part.classifier)) for meta in combination.metas)
        return LateModel(
            tuple(expert.as_part(self.classes_) for expert in experts if expert is not early),
            None if early is None else early.estimator.fused_model(),
            np.searchsorted(self.classes_, [] if early is None else early.estimator.classes_),
            None if early is None else early.calibrator,
            replace(combination, metas=tuple(metas)),
        )

    def combination(self) -> Combination:
        """Return the fitted rule by itself."""
        metas = (Meta(subset, meta.classes_, _Asked(meta)) for subset, meta in getattr(self, "metas_", {}).items())
        return replace(
            self._rule(), temperature=self.temperature_, weights=getattr(self, "weights_", None), metas=tuple(metas)
        )

    def _estimators(self) -> dict[str, tuple[str | None, Any]]:
        return {block: (block, estimator) for block, estimator in self.blocks.items()}

    def _rule(self) -> Combination:
        """Return the rule before anything of it is fitted."""
        return Combination(self.rule, self.experts_.prior)

    def _held_out(self, scores: Array, several: Array) -> Array:
        """Answer each training row by a rule that saw neither it nor its group; NaN where there is no such rule."""
        answers = np.full(scores.shape[1:], np.nan)
        if self.rule in FIXED_RULES:
            answers[several] = self._rule().plain(scores[:, several])
            return answers
        everyone = tuple(range(len(scores)))
        if self.rule == "stacking":
            rows = np.asarray(np.all(present_experts(scores), axis=0)) & (everyone in self.metas_)
        else:
            rows = several
        codes, groups = self.experts_.codes[rows], self.experts_.groups
        groups = None if groups is None else groups[rows]
        if not rows.any() or not can_hold_out(codes, groups):
            return answers
        own = scores[:, rows]
        if self.rule == "stacking":
            answers[rows] = out_of_fold(
                lambda X, y: fit_safely(self._new_meta(), X, y),
                meta_features(own, everyone, np.arange(own.shape[1])),
                codes,
                groups,
                classes=np.arange(len(self.classes_)),
                n_splits=self.n_inner,
                seed=self.random_state,
            )
            return answers
        learn, apply = LEARNERS[self.rule], WEIGHED_RULES[self.rule]
        found = np.full((len(codes), scores.shape[2]), np.nan)
        for train, test in inner_folds(codes, groups, n_splits=self.n_inner, seed=self.random_state):
            found[test] = apply(own[:, test], self.experts_.prior, learn(own[:, train], codes[train]))
        answers[rows] = found
        return answers

    def _fit_metas(self, scores: Array, codes: Array) -> dict[tuple[int, ...], Any]:
        """Fit one meta-classifier for each subset of experts, on the rows in which all of the subset are present."""
        present = present_experts(scores)
        numbers = range(len(scores))
        sizes = range(2, len(scores) + 1) if len(scores) <= MAX_SUBSET_EXPERTS else [len(scores)]
        metas = {}
        for subset in (subset for size in sizes for subset in combinations(numbers, size)):
            rows = np.asarray(np.all(present[list(subset)], axis=0))
            if rows.sum() >= LEAST_META_ROWS and len(np.unique(codes[rows])) > 1:
                metas[subset] = self._new_meta().fit(meta_features(scores, subset, rows), codes[rows])
        if len(scores) > 1 and len(np.unique(codes)) > 1 and not metas:
            message = f"stacking needs {LEAST_META_ROWS} training rows that two experts or more were judged on"
            warnings.warn(f"{message}; the product of the experts answers", EmofuseWarning, stacklevel=4)
        return metas

    def _new_meta(self) -> Any:
        made = clone(meta_classifier("linear") if self.meta is None else self.meta)
        return unweighted(made) if self.balance == "none" else made


@dataclass(frozen=True)
class _Asked:
    """A classifier of any library as a part."""

    classifier: Any

    def apply(self, rows: Array) -> Array:
        return np.asarray(self.classifier.predict_proba(rows))


def _several(scores: Array) -> Array:
    return np.asarray(present_experts(scores).sum(axis=0) > 1)
