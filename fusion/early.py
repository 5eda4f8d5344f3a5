"""Early fusion: the features of all blocks side by side, each block brought to the weight it is meant to have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ..classifiers.calibration import align, apply_temperature, fit_temperature, out_of_fold
from ..features.errors import StudyError
from .blocks import check_blocks, present_rows, select_block
from .experts import Array, check_training, fit_safely, training_rows


class EarlyFusion(ClassifierMixin, BaseEstimator):
    """Concatenate blocks, then classify.

    After its own transformer, each block is multiplied by the square root of ``weight * n_columns / own columns``, weights
    summing to 1, so that a block of 6000 columns does not drown one of 35.

    Parameters
    ----------
    blocks : dict of str to transformer
        One unfitted transformer (or pipeline) for each block; dense or sparse numbers come out of it.
    classifier : classifier
        Takes the concatenated columns.
    weights : dict of str to float, optional
        Share of the total variance that each block gets; equal shares by default.
    calibrate : bool, default=True
        Whether probabilities get a temperature fitted on group-disjoint out-of-fold scores (``n_inner`` more fits).
    n_inner : int, default=5
    random_state : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    fronts_ : dict of str to transformer
    classifier_ : classifier

    Notes
    -----
    Where a block is absent, its columns are NaN for a classifier that takes NaN (trees), and 0, the training mean, for
    others, with a column that says whether the block is there (only where training rows lacked it).
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self,
        blocks: Mapping[str, Any],
        classifier: Any,
        weights: Mapping[str, float] | None = None,
        calibrate: bool = True,
        n_inner: int = 5,
        random_state: int = 0,
    ) -> None:
        self.blocks = blocks
        self.classifier = classifier
        self.weights = weights
        self.calibrate = calibrate
        self.n_inner = n_inner
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: Any, groups: Any = None) -> EarlyFusion:
        """Fit the blocks' transformers and the classifier.

        Parameters
        ----------
        X : DataFrame
            A block table.
        y : array-like of shape (n_samples,)
        groups : array-like of shape (n_samples,), optional
            Speakers or subjects, kept apart by the inner folds of the calibration.

        Raises
        ------
        StudyError
            No block, or a weight that is not positive.
        TableError
            A block is absent in every training row.
        ProtocolError
            A single group, where probabilities are to be calibrated.
        """
        if not self.blocks or not all(weight > 0 for weight in (self.weights or {}).values()):
            raise StudyError(
                f"early fusion needs blocks and positive weights, got {list(self.blocks)} and {self.weights}"
            )
        labels, known_groups = check_training(X, y, groups)
        self.features_, self.fronts_, self.widths_ = {}, {}, {}
        present_of = {}
        for name, front in self.blocks.items():
            table, present = training_rows(X, name)
            present_of[name] = present
            self.features_[name] = tuple(table.columns)
            self.fronts_[name] = clone(front).fit(table[present], labels[present])
            self.widths_[name] = self.fronts_[name].transform(table[present].iloc[:1]).shape[1]
        somewhere = np.any(list(present_of.values()), axis=0)
        self.partial_ = {name for name, present in present_of.items() if not present[somewhere].all()}
        classes, codes = np.unique(labels, return_inverse=True)
        self.prior_ = np.bincount(codes) / len(codes)
        columns, anything = self._concatenate(X)
        self.classifier_ = fit_safely(self.classifier, columns[anything], labels[anything])
        self.classes_ = classes
        self.temperature_ = 1.0
        if self.calibrate and len(classes) > 1:
            plain = clone(self).set_params(calibrate=False)
            answers = out_of_fold(
                partial(fit_safely, plain),
                X if anything.all() else X[anything],
                labels[anything],
                None if known_groups is None else known_groups[anything],
                classes=classes,
                n_splits=self.n_inner,
                seed=self.random_state,
            )
            self.temperature_ = fit_temperature(answers, codes[anything])
        return self

    def restricted_to(self, X: pd.DataFrame) -> EarlyFusion:
        """Return an unfitted copy without the blocks that are absent in all rows of a table."""
        blocks = {name: front for name, front in self.blocks.items() if present_rows(select_block(X, name)).any()}
        return clone(self).set_params(blocks=blocks)

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        check_blocks(X)
        columns, anything = self._concatenate(X)
        answers = np.tile(self.prior_, (len(X), 1))
        if anything.any():
            given = self.classifier_.predict_proba(columns[anything])
            answers[anything] = align(given, self.classifier_.classes_, self.classes_)
            if self.temperature_ != 1.0:
                answers[anything] = apply_temperature(answers[anything], self.temperature_)
        return answers

    def predict(self, X: pd.DataFrame) -> Array:
        """Return the most probable class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def _concatenate(self, X: pd.DataFrame) -> tuple[Array, Array]:
        """Return the scaled columns, and for each row whether any block is there."""
        takes_nan = get_tags(self.classifier).input_tags.allow_nan
        total = sum(self.widths_.values())
        shares = {name: 1.0 if self.weights is None else float(self.weights.get(name, 1.0)) for name in self.fronts_}
        columns: list[Array] = []
        anything = np.zeros(len(X), dtype=bool)
        for name, front in self.fronts_.items():
            table = select_block(X, name, self.features_[name])
            present = present_rows(table)
            anything |= present
            filled = np.full((len(X), self.widths_[name]), np.nan if takes_nan else 0.0, dtype=np.float32)
            if present.any():
                given = front.transform(table[present])
                given = given.toarray() if sparse.issparse(given) else np.asarray(given)
                share = shares[name] / sum(shares.values())
                filled[present] = given * np.float32(np.sqrt(share * total / self.widths_[name]))
            columns.append(filled)
            if name in self.partial_ and not takes_nan:
                columns.append(np.where(present, 1.0, -1.0).astype(np.float32)[:, None])
        return np.hstack(columns), anything
