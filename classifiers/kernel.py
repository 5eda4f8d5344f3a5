"""Kernel ridge regression on class targets: a closed form, milliseconds to fit on a thousand rows."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import softmax

from ..features.errors import StudyError
from .base import Array, LabelSafeClassifier, balanced_weights

MAX_ROWS = 20_000
SHARPNESS = 5.0  # softmax of scores in -1..1; the temperature fitted out of fold corrects it


class KernelRidgeClassifier(LabelSafeClassifier):
    """One-versus-rest least squares on +-1 targets with a Gaussian kernel, class-balanced.

    ``K(x, z) = exp(-gamma * ||x - z||^2 / n_features)``; the weights solve
    ``(K + ridge * diag(1 / w)) a = Y`` with class-balanced ``w`` of mean 1 (Rifkin and Klautau 2004 [1]_).

    Parameters
    ----------
    gamma : float, default=0.3
    ridge : float, default=0.3

    Notes
    -----
    Probabilities are a softmax of the scores. Fitting takes memory for the square of the number of rows; more than
    20,000 are refused.

    References
    ----------
    .. [1] Rifkin and Klautau (2004), In defense of one-vs-all classification, JMLR 5.
    """

    def __init__(self, gamma: float = 0.3, ridge: float = 0.3) -> None:
        self.gamma = gamma
        self.ridge = ridge

    def _fit(self, X: Array, codes: Array, weights: Array) -> None:
        if not (self.gamma > 0 and self.ridge > 0):
            raise StudyError(f"gamma and ridge must be positive, got {self.gamma!r} and {self.ridge!r}")
        if len(X) > MAX_ROWS:
            raise StudyError(
                f"the kernel classifier holds a square of the training rows and takes {MAX_ROWS} at most, got {len(X)}; "
                "choose 'linear' or 'boosted'"
            )
        self.rows_ = X.astype(np.float64)  # float32 products would make an answer depend on its batch
        self.squares_ = np.square(self.rows_).sum(axis=1)
        kernel = self._kernel(self.rows_)
        kernel[np.diag_indices(len(X))] += self.ridge / balanced_weights(codes, weights)
        targets = np.where(codes[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        self.dual_coef_ = cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), targets)

    def _probabilities(self, X: Array) -> Array:
        scores = self._kernel(X.astype(np.float64)) @ self.dual_coef_
        return np.asarray(softmax(SHARPNESS * scores, axis=1))

    def _kernel(self, X: Array) -> Array:
        distances = np.square(X).sum(axis=1)[:, None] + self.squares_ - 2 * (X @ self.rows_.T)
        return np.asarray(np.exp(-self.gamma / X.shape[1] * np.maximum(distances, 0)))
