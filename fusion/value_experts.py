"""Experts of numbers: one regressor a block, with the out-of-fold answers that everything learned about them comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from ..classifiers.calibration import MANY_ROWS, inner_folds, take
from ..classifiers.regressors import check_targets
from ..features.errors import ProtocolError, StudyError
from .blocks import present_rows, select_block
from .experts import Array, check_training, training_rows


@dataclass(frozen=True)
class ValueExpert:
    """A fitted regressor of one block (or, with ``block`` None, of the whole table)."""

    block: str | None
    features: tuple[Any, ...]
    estimator: Any

    def values(self, X: pd.DataFrame) -> Array:
        """Return its answers of shape (n_samples,), NaN where the block is absent."""
        table = X if self.block is None else select_block(X, self.block, self.features)
        present = present_rows(table)
        answers = np.full(len(X), np.nan)
        if present.any():
            answers[present] = self.estimator.predict(table if present.all() else table[present])
        return answers


@dataclass(frozen=True)
class FittedValues:
    """Experts of one training set.

    Attributes
    ----------
    targets : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,) or None
    experts : dict of str to ValueExpert
    out_of_fold : dict of str to ndarray of shape (n_samples,)
        The answer to each training row by a model that saw neither it nor its group; NaN where the block is absent. An
        expert whose rows are all of one group cannot be judged: its answers are their mean.
    """

    targets: Array
    groups: Array | None
    experts: dict[str, ValueExpert]
    out_of_fold: dict[str, Array]

    @property
    def mean(self) -> float:
        """The training mean, which answers where every modality is absent."""
        return float(self.targets.mean())


def fit_value_experts(
    estimators: Mapping[str, tuple[str | None, Any]],
    X: pd.DataFrame,
    y: Any,
    groups: Any = None,
    *,
    n_inner: int = 5,
    seed: int = 0,
) -> FittedValues:
    """Fit regressors and their out-of-fold answers.

    Parameters
    ----------
    estimators : mapping of str to (block or None, regressor)
        Each regressor sees the rows in which its block is present, and only its block (all of them for None).
    X : DataFrame
        A block table.
    y : array-like of shape (n_samples,)
        Numbers.
    groups : array-like of shape (n_samples,), optional
        Speakers or subjects; no group stands on both sides of an inner fold.
    n_inner : int, default=5
    seed : int, default=0

    Raises
    ------
    StudyError
        No block.
    TableError
        A block is absent in every training row, or a target is no finite number.
    ProtocolError
        A single group: nothing can be held out.
    """
    if not estimators:
        raise StudyError("late fusion needs one block at least, got none")
    targets = check_targets(y)
    known_groups = check_training(X, targets, groups)[1]
    if not several_groups(targets, known_groups):
        raise ProtocolError("experts are judged out of fold, which takes two groups in the training rows, got one")
    experts, answers = {}, {}
    for name, (block, estimator) in estimators.items():
        table, here = training_rows(X, block)
        present = np.flatnonzero(here)
        rows, own = table if here.all() else table.iloc[present], targets[present]
        own_groups = None if known_groups is None else known_groups[present]
        answers[name] = np.full(len(X), np.nan)
        if several_groups(own, own_groups):
            fit = partial(_fit_clone, estimator)
            answers[name][present] = values_out_of_fold(fit, rows, own, own_groups, n_splits=n_inner, seed=seed)
        else:
            answers[name][present] = own.mean()
        features = () if block is None else tuple(table.columns)
        experts[name] = ValueExpert(block, features, clone(estimator).fit(rows, own))
    return FittedValues(targets, known_groups, experts, answers)


def values_out_of_fold(
    fit: Callable[[Any, Array], Any], X: Any, y: Array, groups: Array | None, *, n_splits: int, seed: int
) -> Array:
    """Return the answer to every training row by a model that saw neither the row nor its group, shape (n_samples,).

    Of more than 20,000 rows only the first fold is answered; all others are NaN.
    """
    answers = np.full(len(y), np.nan)
    folds = inner_folds(y, groups, n_splits=n_splits, seed=seed)
    for train, test in folds[:1] if len(y) > MANY_ROWS else folds:
        answers[test] = fit(take(X, train), y[train]).predict(take(X, test))
    return answers


def _fit_clone(estimator: Any, X: Any, y: Array) -> Any:
    """Fit a clone on rows that may lack a block which other rows of the training set have."""
    restricted = getattr(estimator, "restricted_to", None)
    return (clone(estimator) if restricted is None else restricted(X)).fit(X, y)


def several_groups(targets: Array, groups: Array | None) -> bool:
    """Return whether out-of-fold answers can be made: two groups (or rows) at least."""
    return len(targets if groups is None else np.unique(groups)) > 1
