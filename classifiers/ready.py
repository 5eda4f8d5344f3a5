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
        At fit, where a class of the training labels has no column, or values are negative.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ReadyProbabilities:
        """Remember which column belongs to which class."""
        if not isinstance(X, pd.DataFrame):
            raise TableError("ready probabilities need a table whose columns are named after the classes")
        missing = sorted(set(np.unique(y)) - set(X.columns))
        if missing:
            raise TableError(f"no column for the classes {missing} in {list(X.columns)[:12]}")
        super().fit(X, y, sample_weight)
        return self

    def _fit(self, X: Array, codes: Array, weights: Array) -> None:
        names = list(self.feature_names_in_)
        self.columns_ = [names.index(name) for name in self.classes_]

    def _probabilities(self, X: Array) -> Array:
        if (X < 0).any():
            raise TableError("a probability is negative; check the block")
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
