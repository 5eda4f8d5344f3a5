"""Late fusion in a dialogue: what the other turns were taken for is one more expert of each turn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ..classifiers.calibration import inner_folds, log_clipped, out_of_fold
from ..classifiers.calibrators import Method, Unchanged
from ..classifiers.parts import fitted_part
from ..classifiers.recipes import meta_classifier
from ..features.errors import EmofuseWarning, StudyError
from . import rules
from .combination import Combination
from .context import ContextModel, ContextRule, around_of, is_heard, with_offsets
from .dialogue import Turns
from .experts import Array, FittedExperts, can_hold_out, fit_experts, fit_safely
from .late import LateFusion
from .offsets import METRICS, learn_offsets
from .preparation import Balance, Children, check_balance, unweighted


class ContextFusion(LateFusion):
    """Combine calibrated experts, one a block (or a single one), with what the turns around a sample say of it.

    Each turn is first answered by itself. What the turns around it were taken for then goes through a meta-classifier, which
    never sees the turn itself, and joins the experts with a weight of its own; in the end come decision offsets. Everything
    that is learned is learned out of fold, as in :class:`~emofuse.fusion.late.LateFusion`.

    Parameters
    ----------
    blocks : dict of str to classifier
    later : bool, default=False
        Whether turns that follow are heard too, which no one can who answers as people speak.
    metric : {"weighted_f1", "macro_f1", "uar", "accuracy"}, optional
        What the decision offsets are for; there are none by default.
    meta : classifier, optional
        Of what the turns around say; it must take NaN. Boosted trees by default.
    calibration, n_inner, random_state, balance
        As of :class:`~emofuse.fusion.late.LateFusion`.

    Attributes
    ----------
    classes_, experts_, out_of_fold_
        As of :class:`~emofuse.fusion.late.LateFusion`.
    meta_ : classifier or None
        None where no training row has another around it.
    weights_ : ndarray of shape (n_experts + 1,)
        Of the experts, and last of the turns around.
    offsets_ : ndarray of shape (n_classes,)

    Notes
    -----
    Rows hear those that they are given with, and no others: the training rows in training, the rows of one call in
    prediction. Where a dialogue stands in several groups, a training row may be heard as an expert took it for that had been
    trained on its neighbour; to hold dialogues together (``group = "dialogue"``) is stricter.
    """

    def __init__(
        self,
        blocks: Mapping[str, Any],
        later: bool = False,
        metric: str | None = None,
        meta: Any = None,
        calibration: Method = "temperature",
        n_inner: int = 5,
        random_state: int = 0,
        balance: Balance = "weights",
    ) -> None:
        self.blocks = blocks
        self.later = later
        self.metric = metric
        self.meta = meta
        self.calibration = calibration
        self.n_inner = n_inner
        self.random_state = random_state
        self.balance = balance

    def fit(
        self,
        X: pd.DataFrame,
        y: Any,
        groups: Any = None,
        children: Children | None = None,
        turns: Turns | None = None,
    ) -> ContextFusion:
        """Fit the experts and the rule; parameters as of :meth:`~emofuse.fusion.late.LateFusion.fit`, and the rows' turns."""
        experts = fit_experts(
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
        return self.fit_rule(experts, turns)

    def fit_rule(self, experts: FittedExperts, turns: Turns | None = None) -> ContextFusion:
        """Fit the rule alone, on experts that :func:`~emofuse.fusion.experts.fit_experts` fitted.

        Raises
        ------
        StudyError
            No turns, turns of another number of rows, or a metric that offsets cannot be learned for.
        """
        # Single precision, in which a comparison keeps them: trees part rows by the last digits that they are given.
        scores = experts.training_scores().astype(np.float32).astype(np.float64)
        self._check(turns, scores.shape[1])
        assert turns is not None
        check_balance(self.balance)
        self.experts_, self.classes_ = experts, experts.classes
        codes, groups = experts.codes, experts.groups
        around = around_of(scores, turns, later=self.later)
        voices = np.concatenate([scores, self._fit_meta(around, codes, groups)[None]])
        spoken = np.any(rules.present_experts(voices), axis=0)
        self.weights_ = rules.learn_weights(voices, codes)
        self.offsets_ = np.zeros(len(self.classes_))
        self.out_of_fold_ = np.full(scores.shape[1:], np.nan)
        own_groups = None if groups is None else groups[spoken]
        if not can_hold_out(codes[spoken], own_groups):
            return self
        folds = inner_folds(codes[spoken], own_groups, n_splits=self.n_inner, seed=self.random_state)
        answers = self._weighed(voices[:, spoken], codes[spoken], folds)
        self.offsets_ = self._offsets(answers, codes[spoken], own_groups)
        self.out_of_fold_[spoken] = self._decided(answers, codes[spoken], own_groups, folds)
        return self

    def predict_proba(self, X: pd.DataFrame, turns: Turns | None = None) -> Array:
        """Return class probabilities of shape (n_samples, n_classes); without ``turns`` each row is a dialogue of its own."""
        check_is_fitted(self, "experts_")
        return self.combine(self.experts_.scores(X), turns)

    def combine(self, scores: Array, turns: Turns | None = None) -> Array:
        """Apply the fitted rule to log probabilities of shape (n_experts, n_samples, n_classes)."""
        return self.context_rule().combine(scores, turns)

    def context_rule(self) -> ContextRule:
        """Return the fitted rule by itself."""
        check_is_fitted(self, "experts_")
        return ContextRule(
            self.experts_.prior,
            self.later,
            None if self.meta_ is None else fitted_part(self.meta_),
            np.zeros(0, dtype=int) if self.meta_ is None else self.meta_.classes_,
            self.weights_,
            self.offsets_,
        )

    def fused_model(self) -> ContextModel:
        """Return the fitted numbers alone, which answer plain arrays."""
        rule = self.context_rule()
        return ContextModel(
            tuple(expert.as_part(self.classes_) for expert in self.experts_.experts.values()),
            None,
            np.zeros(0, dtype=int),
            Unchanged(),
            Combination("product", rule.prior),
            rule,
        )

    def _check(self, turns: Turns | None, n_rows: int) -> None:
        if turns is None:
            raise StudyError("context needs the dialogue and the turn of each row; give turns")
        if len(turns) != n_rows:
            raise StudyError(f"turns must be given of each of the {n_rows} rows, got {len(turns)}")
        if self.metric is not None and self.metric not in METRICS:
            raise StudyError(f"offsets are learned for one of {list(METRICS)}, got {self.metric!r}")

    def _fit_meta(self, around: Array, codes: Array, groups: Array | None) -> Array:
        """Fit the meta-classifier of the turns around; return what it says of training rows out of fold, NaN elsewhere."""
        said = np.full((len(codes), len(self.classes_)), np.nan)
        rows = np.flatnonzero(is_heard(around))
        own_groups = None if groups is None else groups[rows]
        self.meta_ = None
        if not can_hold_out(codes[rows], own_groups):
            message = "no training row has another turn around it that could teach anything; context adds nothing"
            warnings.warn(message, EmofuseWarning, stacklevel=4)
            return said
        made = clone(meta_classifier("boosted") if self.meta is None else self.meta)
        made = unweighted(made) if self.balance == "none" else made
        answers = out_of_fold(
            lambda X, y: fit_safely(made, X, y),
            around[rows],
            codes[rows],
            own_groups,
            classes=np.arange(len(self.classes_)),
            n_splits=self.n_inner,
            seed=self.random_state,
        )
        said[rows] = log_clipped(answers)
        self.meta_ = clone(made).fit(around[rows], codes[rows])
        return said

    def _weighed(self, voices: Array, codes: Array, folds: list[tuple[Array, Array]]) -> Array:
        """Answer each training row with weights that were learned without it and its group."""
        answers = np.full(voices.shape[1:], np.nan)
        for train, test in folds:
            weights = rules.learn_weights(voices[:, train], codes[train])
            answers[test] = rules.weighted_rule(voices[:, test], self.experts_.prior, weights)
        return answers

    def _offsets(self, answers: Array, codes: Array, groups: Array | None) -> Array:
        if self.metric is None:
            return np.zeros(answers.shape[1])
        return learn_offsets(log_clipped(answers), codes, self.metric, groups, seed=self.random_state)

    def _decided(self, answers: Array, codes: Array, groups: Array | None, folds: list[tuple[Array, Array]]) -> Array:
        """Return the answers with offsets that were learned without the row and its group."""
        decided = answers.copy()
        for train, test in folds:
            own_groups = None if groups is None else groups[train]
            decided[test] = with_offsets(answers[test], self._offsets(answers[train], codes[train], own_groups))
        return decided
