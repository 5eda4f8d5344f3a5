"""Experts: one calibrated model a block, with the out-of-fold scores that everything learned about them comes from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.dummy import DummyClassifier

from ..classifiers.calibration import align, log_clipped, out_of_fold
from ..classifiers.calibrators import Calibrator, Method, Unchanged, fit_calibrator
from ..classifiers.heads import ConstantHead
from ..classifiers.parts import fitted_part
from ..features.errors import EmofuseWarning, ProtocolError, StudyError, TableError
from .blocks import check_blocks, present_rows, select_block
from .fused import BlockExpert, Known
from .preparation import Balance, Children, Preparation, check_balance, check_children

Array = npt.NDArray[Any]
ALL_BLOCKS = None  # an expert over the whole table, such as early concatenation


@dataclass(frozen=True)
class Expert:
    """A fitted model of one block (or, with ``block`` None, of the whole table)."""

    block: str | None
    features: tuple[Any, ...]
    estimator: Any
    calibrator: Calibrator

    def log_probabilities(self, X: pd.DataFrame, classes: Array) -> Array:
        """Return calibrated log probabilities (n_samples, n_classes); NaN rows where the block is absent."""
        table = X if self.block is None else select_block(X, self.block, self.features)
        present = present_rows(table)
        logs = np.full((len(X), len(classes)), np.nan)
        if present.any():
            answers = align(self.estimator.predict_proba(table[present]), self.estimator.classes_, classes)
            logs[present] = log_clipped(self.calibrator.apply(answers))
        return logs

    def as_part(self, classes: Array) -> BlockExpert:
        """Return the expert of a block as frozen numbers."""
        assert self.block is not None
        return BlockExpert(self.block, known(self.estimator, classes), self.calibrator)


@dataclass(frozen=True)
class FittedExperts:
    """Experts of one training set.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of shape (n_samples,)
        Class codes of the training rows.
    groups : ndarray of shape (n_samples,) or None
        Groups of the training rows.
    prior : ndarray of shape (n_classes,)
        Class shares of the training rows: the answer where every modality is absent.
    experts : dict of str to Expert
    out_of_fold : dict of str to ndarray of shape (n_samples, n_classes)
        Calibrated log probabilities of each training row by a model that saw neither it nor its group; NaN where the block
        is absent and in rows of a class that the model never saw. An expert whose rows are all of one group, or of one
        class, cannot be judged: its scores are the class shares.
    """

    classes: Array
    codes: Array
    groups: Array | None
    prior: Array
    experts: dict[str, Expert]
    out_of_fold: dict[str, Array]

    def only(self, names: list[str]) -> FittedExperts:
        """Return the same fit with some of its experts."""
        return replace(
            self,
            experts={name: self.experts[name] for name in names if name in self.experts},
            out_of_fold={name: self.out_of_fold[name] for name in names},
        )

    def training_scores(self) -> Array:
        """Return the out-of-fold log probabilities, shape (n_experts, n_samples, n_classes)."""
        return np.stack(list(self.out_of_fold.values()))

    def scores(self, X: pd.DataFrame) -> Array:
        """Return the experts' log probabilities of new rows, shape (n_experts, n_samples, n_classes)."""
        check_blocks(X)
        return np.stack([expert.log_probabilities(X, self.classes) for expert in self.experts.values()])


def fit_experts(
    estimators: Mapping[str, tuple[str | None, Any]],
    X: pd.DataFrame,
    y: Any,
    groups: Any = None,
    *,
    n_inner: int = 5,
    seed: int = 0,
    calibration: Method = "temperature",
    balance: Balance = "weights",
    children: Children | None = None,
) -> FittedExperts:
    """Fit experts, their out-of-fold scores and their calibrators.

    Parameters
    ----------
    estimators : mapping of str to (block or None, classifier)
        Each classifier sees the rows in which its block is present, and only its block (all of them for None).
    X : DataFrame
        A block table.
    y : array-like of shape (n_samples,)
    groups : array-like of shape (n_samples,), optional
        Speakers or subjects; no group stands on both sides of an inner fold.
    n_inner : int, default=5
    seed : int, default=0
    calibration : {"temperature", "sigmoid", "isotonic", "none"}, default="temperature"
    balance : {"weights", "none", "over", "under"}, default="weights"
        How unequal classes are dealt with in every fit: left to the classifiers, which weigh them or not; weighed by none;
        rows of rarer classes drawn again; or rows of commoner ones left out. An early fusion has a balance of its own.
    children : Children, optional
        Varied copies of training rows, each of which joins every fit that its parent is in. An expert of one block is
        given those alone in which its block is varied. They are not judged: out-of-fold scores are of the given rows.

    Returns
    -------
    FittedExperts

    Raises
    ------
    StudyError
        No block.
    TableError
        A block is absent in every training row.
    ProtocolError
        A single group: nothing can be held out.
    """
    if not estimators:
        raise StudyError("late fusion needs one block at least, got none")
    labels, known_groups = check_training(X, y, groups)
    check_balance(balance)
    check_children(children, X)
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) > 1 and not can_hold_out(labels, known_groups):
        raise ProtocolError(
            "experts are judged out of fold, which takes two groups in the training rows, got one; add speakers"
        )
    experts, scores = {}, {}
    for name, (block, estimator) in estimators.items():
        table, here = training_rows(X, block)
        present = np.flatnonzero(here)
        rows, own = table if here.all() else table.iloc[present], labels[present]
        own_groups = None if known_groups is None else known_groups[present]
        preparation = Preparation(balance, seed, children, block)
        calibrator: Calibrator = Unchanged()
        if can_hold_out(own, own_groups):
            fit = partial(fit_safely, estimator, preparation=preparation)
            answers = out_of_fold(fit, rows, own, own_groups, classes=classes, n_splits=n_inner, seed=seed)
            calibrator = fit_calibrator(calibration, answers, codes[present])
        else:
            answers = np.tile(_shares(codes[present], len(classes)), (len(present), 1))
        scores[name] = np.full((len(X), len(classes)), np.nan)
        scores[name][present] = log_clipped(calibrator.apply(answers))
        several = len(np.unique(own)) > 1
        fitted = preparation.fit(clone(estimator), rows, own) if several else fit_safely(estimator, rows, own)
        experts[name] = Expert(block, () if block is None else tuple(table.columns), fitted, calibrator)
    return FittedExperts(classes, codes, known_groups, _shares(codes, len(classes)), experts, scores)


def check_training(X: pd.DataFrame, y: Any, groups: Any) -> tuple[Array, Array | None]:
    """Check a block table with its labels and groups, and return these two as arrays as long as the table."""
    check_blocks(X)
    labels = np.asarray(y)
    known_groups = None if groups is None else np.asarray(groups)
    for name, values in (("y", labels), ("groups", known_groups)):
        if values is None:
            continue
        if values.shape != (len(X),):
            raise TableError(f"{name} must have one value for each of the {len(X)} rows, got shape {values.shape}")
        if pd.isna(values).any():
            raise TableError(f"{name} is missing in row {int(np.flatnonzero(pd.isna(values))[0])}")
        if len({isinstance(value, str) for value in values.tolist()}) > 1:
            raise TableError(f"{name} mixes text and numbers; write all of them as text")
    if labels.dtype == object and not isinstance(labels[0], str):
        labels = np.asarray(labels.tolist())  # pandas' nullable integers and booleans
    return labels, known_groups


def training_rows(X: pd.DataFrame, block: str | None) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """Return a block (the whole table for None), and which rows have it; refuse one that no row has."""
    table = X if block is None else select_block(X, block)
    present = present_rows(table)
    if not present.any():
        raise TableError(f"block {block or 'all'!r} is absent in every training row; drop it from the study")
    return table, present


def _shares(codes: Array, n_classes: int) -> Array:
    return np.bincount(codes, minlength=n_classes) / len(codes)


def can_hold_out(labels: Array, groups: Array | None) -> bool:
    """Return whether out-of-fold scores can be made: two classes and two groups (or rows) at least."""
    return len(np.unique(labels)) > 1 and len(labels if groups is None else np.unique(groups)) > 1


def known(estimator: Any, classes: Array) -> Known:
    """Return a fitted classifier as a part, with the positions of its classes among all."""
    codes = np.searchsorted(classes, estimator.classes_)
    if isinstance(estimator, DummyClassifier):
        return Known(ConstantHead(np.asarray(estimator.class_prior_)), codes)
    return Known(fitted_part(estimator), codes)


def fit_safely(estimator: Any, X: Any, y: Array, *, preparation: Preparation | None = None) -> Any:
    """Fit a clone on rows that may hold one class only, or lack a block that other rows of the training set have.

    ``preparation`` says what is done to the rows before; nothing by default.
    """
    if len(np.unique(y)) == 1:
        message = (
            f"the training rows of an expert hold the single class {np.unique(y).tolist()[0]!r}; its answer is constant"
        )
        warnings.warn(message, EmofuseWarning, stacklevel=2)
        return DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), y)
    restricted = getattr(estimator, "restricted_to", None)
    made = clone(estimator) if restricted is None else restricted(X)
    return made.fit(X, y) if preparation is None else preparation.fit(made, X, y)
