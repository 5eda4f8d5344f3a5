"""Early fusion of numbers: the features of all blocks side by side, then one regressor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ..classifiers.regressors import check_targets
from ..features.errors import StudyError
from .blocks import check_blocks, present_rows, select_block
from .concatenation import Concatenation
from .experts import Array, check_training, training_rows


class EarlyRegression(RegressorMixin, BaseEstimator):
    """Concatenate blocks as :class:`~emofuse.fusion.early.EarlyFusion` does, then regress.

    Parameters
    ----------
    blocks : dict of str to transformer
        One unfitted transformer (or pipeline) for each block; dense or sparse numbers come out of it.
    regressor : regressor
        Takes the concatenated columns.
    weights : dict of str to float, optional
        Share of the total variance that each block gets; equal shares by default.
    block_scaling : bool, default=True
        Without it the columns stand side by side as their transformers leave them.
    subsets : sequence of sequences of str, default=()
        Sets of blocks that get a regressor of their own, which answers the rows that have exactly these blocks.

    Attributes
    ----------
    fronts_ : dict of str to transformer
    regressor_ : regressor
    reduced_ : dict of tuple of str to regressor
        Those of the subsets.
    layout_ : Concatenation
    """

    def __init__(
        self,
        blocks: Mapping[str, Any],
        regressor: Any,
        weights: Mapping[str, float] | None = None,
        block_scaling: bool = True,
        subsets: Sequence[Sequence[str]] = (),
    ) -> None:
        self.blocks = blocks
        self.regressor = regressor
        self.weights = weights
        self.block_scaling = block_scaling
        self.subsets = subsets

    def fit(self, X: pd.DataFrame, y: Any, groups: Any = None) -> EarlyRegression:
        """Fit the blocks' transformers and the regressor; ``groups`` are not asked for, as nothing is held out.

        Raises
        ------
        StudyError
            No block, a weight that is not positive, or a subset of unknown blocks.
        TableError
            A block is absent in every training row, or a target is no finite number.
        """
        if not self.blocks or not all(weight > 0 for weight in (self.weights or {}).values()):
            raise StudyError(
                f"early fusion needs blocks and positive weights, got {list(self.blocks)} and {self.weights}"
            )
        unknown = sorted({name for subset in self.subsets for name in subset} - set(self.blocks))
        if unknown:
            raise StudyError(f"subsets name the blocks {unknown}; early fusion has {list(self.blocks)}")
        targets = check_targets(y)
        check_training(X, targets, groups)
        self.features_, self.fronts_, self.widths_ = {}, {}, {}
        present = {}
        for name, front in self.blocks.items():
            table, rows = training_rows(X, name)
            present[name] = rows
            self.features_[name] = tuple(table.columns)
            self.fronts_[name] = clone(front).fit(table[rows], targets[rows])
            self.widths_[name] = self.fronts_[name].transform(table[rows].iloc[:1]).shape[1]
        there = np.stack(list(present.values()))
        anything = there.any(axis=0)
        self.mean_ = float(targets.mean())
        self.layout_ = Concatenation(
            tuple(self.blocks),
            tuple(self.widths_.values()),
            tuple(float((self.weights or {}).get(name, 1.0)) for name in self.blocks),
            self.block_scaling,
            tuple(name for name, rows in present.items() if not rows[anything].all()),
            bool(get_tags(self.regressor).input_tags.allow_nan),
        )
        columns = self._readied(X)[0]
        joined = self.layout_.joined(columns, there)
        self.regressor_ = clone(self.regressor).fit(joined[anything], targets[anything])
        self.reduced_ = {}
        for subset in self.subsets:
            names = tuple(name for name in self.blocks if name in subset)
            rows = np.all([present[name] for name in names], axis=0)
            if 0 < len(names) < len(self.blocks) and rows.sum() > 1:
                side_by_side = self.layout_.side_by_side(columns, names, rows)
                self.reduced_[names] = clone(self.regressor).fit(side_by_side, targets[rows])
        return self

    def restricted_to(self, X: pd.DataFrame) -> EarlyRegression:
        """Return an unfitted copy for part of the training rows, as early fusion of classes does."""
        blocks = {name: front for name, front in self.blocks.items() if present_rows(select_block(X, name)).any()}
        return clone(self).set_params(blocks=blocks, subsets=())

    def predict(self, X: pd.DataFrame) -> Array:
        """Return numbers of shape (n_samples,); the training mean where every block is absent."""
        check_is_fitted(self)
        check_blocks(X)
        columns, here = self._readied(X)
        return self.layout_.answers(columns, here, list(self.reduced_), np.array([self.mean_]), self._ask)[:, 0]

    def _ask(self, subset: tuple[str, ...] | None, columns: Array) -> Array:
        regressor = self.regressor_ if subset is None else self.reduced_[subset]
        return np.asarray(regressor.predict(columns))[:, None]

    def _readied(self, X: pd.DataFrame) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return what each block's transformer makes of it (0 where absent), and in which rows it is there."""
        columns, here = {}, {}
        for name, front in self.fronts_.items():
            table = select_block(X, name, self.features_[name])
            here[name] = present = present_rows(table)
            columns[name] = np.zeros((len(X), self.widths_[name]), dtype=np.float32)
            if present.any():
                given = front.transform(table if present.all() else table[present])
                columns[name][present] = given.toarray() if sparse.issparse(given) else np.asarray(given)
        return columns, here
