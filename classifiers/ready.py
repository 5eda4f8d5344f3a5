"""A block that already holds class probabilities (people's votes, another system's answers)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..features.errors import TableError
from .base import Array, LabelSafeClassifier

FLOOR = 0.02


class ReadyProbabilities(LabelSafeClassifier):
    """Pass a block of class probabilities through; its columns are named after the classes.

    Raises
    ------
    TableError
        Where a class of the training labels has no column, or a value is negative.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ReadyProbabilities:
        """Remember which column belongs to which class."""
        if not isinstance(X, pd.DataFrame):
            raise TableError("ready probabilities need a table whose columns are named after the classes")
        names = list(X.columns)
        missing = sorted(set(np.unique(y).tolist()) - set(names))
        if missing:
            raise TableError(f"no column for the classes {missing} in {names[:12]}")
        super().fit(X, y, sample_weight)
        self.columns_ = [names.index(label) for label in self.classes_]
        return self

    def _fit(self, X: Array, codes: Array, weights: Array) -> None:
        _refuse_negative(X)

    def _probabilities(self, X: Array) -> Array:
        _refuse_negative(X)
        shares = X[:, self.columns_].astype(np.float64)
        shares += FLOOR / len(self.columns_)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))


class LogShares(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Natural logarithm of shares, each raised by a floor so that a share of zero stays finite.

    Parameters
    ----------
    floor : float, default=0.02
    """

    def __init__(self, floor: float = FLOOR) -> None:
        self.floor = floor

    def fit(self, X: Any, y: Any = None) -> LogShares:
        """Check the columns."""
        validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan")
        return self

    def transform(self, X: Any) -> Array:
        """Return log(share + floor), float32."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return np.asarray(np.log(np.maximum(X, 0) + np.float32(self.floor)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _refuse_negative(X: Array) -> None:
    if (X < 0).any():
        raise TableError(f"a probability cannot be negative, got {X.min():g}; check the block")
