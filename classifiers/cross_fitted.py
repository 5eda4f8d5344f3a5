"""Scores of a kernel machine as columns for another classifier, never those of rows that the machine was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import dsyrk
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .base import check_finite_columns
from .calibration import inner_folds
from .parts import BATCH, Array, KernelColumns, batches
from .projection import some_rows

JITTER = 1e-9  # times the number of rows: keeps the system solvable where centres coincide


class KernelScores(TransformerMixin, BaseEstimator):
    """Append the class scores of a kernel ridge machine on some of the rows (Nystroem's subset of regressors [1]_ [2]_).

    What :meth:`fit_transform` appends is out of fold: the score of a training row by a machine that did not see its label.
    What :meth:`transform` appends is by the machine of all training rows. A pipeline calls the first in training and the
    second afterwards, so that the classifier behind it learns how far new scores can be trusted.

    Parameters
    ----------
    n_centres : int, default=3000
        Rows, chosen at random, that the kernel compares with.
    gamma : float, default=0.6
        As in :class:`~emofuse.classifiers.kernel.KernelRidgeClassifier`.
    ridge : float, default=0.5
    n_inner : int, default=5
        Folds; rows are taken as independent of each other, but where groups are given.
    random_state : int, default=0

    Notes
    -----
    A missing value counts as 0. The sums over folds are subtracted from that over all rows, so that the folds cost no more
    than one fit.

    References
    ----------
    .. [1] Williams and Seeger (2001), Using the Nystroem method to speed up kernel machines, NIPS 13.
    .. [2] Wolpert (1992), Stacked generalization, Neural Networks 5(2).
    """

    def __init__(
        self,
        n_centres: int = 3000,
        gamma: float = 0.6,
        ridge: float = 0.5,
        n_inner: int = 5,
        random_state: int = 0,
    ) -> None:
        self.n_centres = n_centres
        self.gamma = gamma
        self.ridge = ridge
        self.n_inner = n_inner
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> KernelScores:
        """Fit the machine of all rows."""
        self._fit(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None, groups: Any = None, **fit_params: Any) -> Array:
        """Fit, and return the rows with their out-of-fold scores, shape (n_samples, n_features + n_classes), float32.

        Rows of one of the ``groups``, such as copies of one row, are scored by a machine that saw none of them.
        """
        rows, codes, products, sums = self._fit(X, y)
        scores, machine = np.zeros((len(rows), len(self.classes_)), dtype=np.float32), self.fitted_part()
        if len(rows) > 1:
            for train, test in inner_folds(codes, groups, n_splits=self.n_inner, seed=self.random_state):
                left, left_sums = self._products(rows[test], codes[test])
                np.subtract(products, left, out=left)
                scores[test] = machine.scores(rows[test], self._solve(left, sums - left_sums, len(train)))
        return np.hstack([self._checked(X, reset=False), scores])

    def transform(self, X: Any) -> Array:
        """Return the rows with the scores of the machine of all training rows."""
        check_is_fitted(self)
        return self.fitted_part().apply(self._checked(X, reset=False))

    def fitted_part(self) -> KernelColumns:
        """Return what appends the scores."""
        check_is_fitted(self)
        return KernelColumns(self.centres_, self.weights_, self.gamma)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return the names of the columns, then ``score_<class>``."""
        check_is_fitted(self)
        if input_features is None:
            input_features = getattr(self, "feature_names_in_", [f"x{number}" for number in range(self.n_features_in_)])
        return np.array([*input_features, *(f"score_{label}" for label in self.classes_)], dtype=object)

    def _fit(self, X: Any, y: Any) -> tuple[Array, Array, Array, Array]:
        if not (self.gamma > 0 and self.ridge > 0 and self.n_centres >= 1):
            raise ValueError(
                f"gamma, ridge and n_centres must be positive, got {self.gamma!r}, {self.ridge!r} and {self.n_centres!r}"
            )
        X, y = self._checked(X, reset=True, y=y)
        check_classification_targets(y)
        rows = np.nan_to_num(X, nan=0.0)
        self.classes_, codes = np.unique(y, return_inverse=True)
        chosen = some_rows(len(rows), self.n_centres, self.random_state)
        self.centres_ = rows[chosen].astype(np.float64)
        products, sums = self._products(rows, codes)
        self.weights_ = self._solve(products.copy(order="F"), sums, len(rows))
        return rows, codes, products, sums

    def _products(self, rows: Array, codes: Array) -> tuple[Array, Array]:
        """Return the kernel's products with itself (the lower half) and with the targets, summed over rows."""
        products = np.zeros((len(self.centres_), len(self.centres_)), order="F")
        sums = np.zeros((len(self.centres_), len(self.classes_)))
        machine = KernelColumns(self.centres_, sums, self.gamma)
        for part, own in zip(batches(rows, BATCH), batches(codes, BATCH), strict=True):
            kernel = machine.kernel(part)
            # One half of a symmetric product costs half, and is added where it stands.
            products = dsyrk(1.0, kernel.T, 1.0, products, lower=True, overwrite_c=True)
            sums += kernel.T @ np.where(own[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        return products, sums

    def _solve(self, products: Array, sums: Array, n_rows: int) -> Array:
        """Return the weights of the centres; ``products`` is overwritten, as it may take a gigabyte."""
        machine = KernelColumns(self.centres_, sums, self.gamma)
        for first in range(0, len(products), BATCH):
            part = slice(first, first + BATCH)
            products[part] += self.ridge * machine.kernel(self.centres_[part])
        products[np.diag_indices(len(products))] += JITTER * n_rows
        return np.asarray(cho_solve(cho_factor(products, lower=True, overwrite_a=True), sums))

    def _checked(self, X: Any, *, reset: bool, **options: Any) -> Any:
        check_finite_columns(X)
        return validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=reset, **options)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
