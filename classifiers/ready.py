"""A block that already holds class probabilities (people's votes, another system's answers)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..features.errors import TableError
from .base import LabelSafeClassifier
from .heads import SHARE_FLOOR, SharesHead
from .parts import Array, LogOfShares


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
        SharesHead(np.arange(X.shape[1])).apply(X)  # refuses what is no share

    def _head(self) -> SharesHead:
        return SharesHead(np.array(self.columns_))


class LogShares(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Natural logarithm of shares, each raised by a floor so that a share of zero stays finite.

    Parameters
    ----------
    floor : float, default=0.02
    """

    def __init__(self, floor: float = SHARE_FLOOR) -> None:
        self.floor = floor

    def fit(self, X: Any, y: Any = None) -> LogShares:
        """Check the columns."""
        validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan")
        return self

    def transform(self, X: Any) -> Array:
        """Return log(share + floor), float32."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return self.fitted_part().apply(X)

    def fitted_part(self) -> LogOfShares:
        """Return what takes the logarithm."""
        return LogOfShares(self.floor)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
