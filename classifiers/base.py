"""What every classifier shares: any labels, one class only, absent classes, and bad numbers named by column."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_array, check_X_y
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..features.errors import EmofuseWarning, TableError
from ..features.tables import check_finite
from .heads import ConstantHead
from .parts import Array, Part


class BlockEstimator(BaseEstimator):
    """Base of what is fitted to a block: rows are dense float32, unless a subclass says that it takes others."""

    _accepts_nan = False
    _accepts_sparse = False

    def _checked(self, X: Any, **options: Any) -> Any:
        if sparse.issparse(X) and not self._accepts_sparse:
            X = X.toarray()  # a booster would read absent entries of a sparse matrix as missing
        return checked_rows(
            self,
            X,
            accept_sparse="csr" if self._accepts_sparse else False,
            ensure_all_finite="allow-nan" if self._accepts_nan else True,
            **options,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._accepts_nan
        tags.input_tags.sparse = True
        return tags


class LabelSafeClassifier(ClassifierMixin, BlockEstimator):
    """Base of the classifiers: dense float32 in, labels of any kind out.

    A subclass fits codes 0..k-1 in ``_fit(X, codes, weights)`` and says in ``_head()`` what answers from then on; where the
    training rows hold a single class, the answer is constant and a warning says so.
    """

    @abstractmethod
    def _fit(self, X: Any, codes: Array, weights: Array) -> None:
        """Fit class codes; weights are positive with mean 1."""

    @abstractmethod
    def _head(self) -> Part:
        """Return the fitted numbers as the part that turns rows into probabilities."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit to training rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels: strings, whole numbers or booleans.
        sample_weight : array-like of shape (n_samples,), optional
            Positive and finite.

        Raises
        ------
        TableError
            Infinite values (naming the column) or unusable weights.
        """
        X, y = self._checked(X, y=y)
        check_classification_targets(y)
        weights = _check_weights(sample_weight, len(y))
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            message = f"the training rows hold the single class {self.classes_.tolist()[0]!r}; the answer is constant"
            warnings.warn(message, EmofuseWarning, stacklevel=2)
        else:
            self._fit(X, codes, weights / weights.mean())
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return class probabilities of shape (n_samples, n_classes), columns as in ``classes_``."""
        check_is_fitted(self, "classes_")
        return np.asarray(self.fitted_part().apply(self._checked(X, reset=False)))

    def fitted_part(self) -> Part:
        """Return the part that turns rows of float32 into probabilities."""
        check_is_fitted(self, "classes_")
        return ConstantHead(np.ones(1)) if len(self.classes_) == 1 else self._head()

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]


def checked_rows(estimator: Any, X: Any, *, reset: bool = True, **options: Any) -> Any:
    """Return X as float32 (with ``y``, where that is among the options) after scikit-learn's checks of an estimator's input.

    A table is checked by the names of its columns and then as one array: scikit-learn asks each column for its type many
    times, which takes longer than scaling a block of 6000 columns. ``options`` are those of
    ``check_array``.

    Raises
    ------
    TableError
        Infinite values, naming the columns.
    ValueError
        As scikit-learn's ``validate_data``.
    """
    options = {"dtype": np.float32, **options}
    if not isinstance(X, pd.DataFrame):
        return validate_data(estimator, X, reset=reset, **options)
    check_finite_columns(X)
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    rows = X.to_numpy(dtype=np.float32, na_value=np.nan)
    check = check_X_y if "y" in options else check_array
    return check(rows, estimator=estimator, **options)


def balanced_weights(codes: Array, weights: Array) -> Array:
    """Scale weights so that each class has the same total, keeping the mean at 1."""
    totals = np.bincount(codes, weights=weights)
    balanced: Array = weights / totals[codes]
    return balanced / balanced.mean()


def check_finite_columns(X: Any) -> None:
    """Refuse infinities in a table, naming the columns; arrays are left to scikit-learn's own check."""
    if isinstance(X, pd.DataFrame):
        numeric = all(pd.api.types.is_numeric_dtype(dtype) for dtype in set(X.dtypes))
        check_finite(X if numeric else X.select_dtypes("number"), name="features")


def _check_weights(sample_weight: Any, n_samples: int) -> Array:
    if sample_weight is None:
        return np.ones(n_samples)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(n_samples, float(weights))
    if weights.shape != (n_samples,):
        raise ValueError(f"sample_weight must have shape ({n_samples},), got {weights.shape}")
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
    if len(bad):
        raise TableError(
            f"sample weights must be positive and finite, got {weights[bad[0]]} in row {bad[0]}; drop the row"
        )
    return weights
