"""Kernel ridge regression on class targets: a closed form, milliseconds for a thousand rows, a minute for thirty thousand."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ..features.errors import StudyError
from .base import LabelSafeClassifier, balanced_weights
from .block_cholesky import solve_in_blocks
from .heads import KernelHead
from .parts import Array, gaussian_kernel

GRID = 1 / 32  # far below the kernel's width, and half precision holds its multiples up to 64
MAX_ROWS = 40_000  # half of their kernel takes 3.2 GB
MANY_ROWS = 5_000  # above, single precision: half the memory and time, and errors far below those of so many rows


class KernelRidgeClassifier(LabelSafeClassifier):
    """One-versus-rest least squares on +-1 targets with a Gaussian kernel, class-balanced.

    ``K(x, z) = exp(-gamma * ||x - z||^2 / n_features)``; the weights solve
    ``(K + ridge * diag(1 / w)) a = Y`` with class-balanced ``w`` of mean 1 (Rifkin and Klautau 2004 [1]_).

    Parameters
    ----------
    gamma : float, default=0.3
    ridge : float, default=0.3
    balanced : bool, default=True
        Whether each class weighs the same.
    half_precision : bool, default=False
        Whether the rows are rounded to multiples of 1/32 before the fit, and the weights to single precision, so that a file of
        the model is a quarter as long. Columns need a scale of about 1, as ``Scaler`` and ``Projection`` leave them.

    Notes
    -----
    Probabilities are a softmax of the scores. Fitting takes memory for the square of the number of rows, above 5,000 of
    them for half of it in single precision; more than 40,000 are refused. A fitted model holds every training row.

    References
    ----------
    .. [1] Rifkin and Klautau (2004), In defense of one-vs-all classification, JMLR 5.
    """

    def __init__(
        self, gamma: float = 0.3, ridge: float = 0.3, balanced: bool = True, half_precision: bool = False
    ) -> None:
        self.gamma = gamma
        self.ridge = ridge
        self.balanced = balanced
        self.half_precision = half_precision

    def _fit(self, X: Array, codes: Array, weights: Array) -> None:
        if not (self.gamma > 0 and self.ridge > 0):
            raise StudyError(f"gamma and ridge must be positive, got {self.gamma!r} and {self.ridge!r}")
        if len(X) > MAX_ROWS:
            raise StudyError(
                f"the kernel classifier holds a square of the training rows and takes {MAX_ROWS} at most, got {len(X)}; "
                "choose 'linear' or 'boosted'"
            )
        # Of few rows, float32 products would make an answer depend on its batch.
        kept = np.round(X / GRID) * GRID if self.half_precision else X
        self.rows_ = kept.astype(np.float64 if len(X) <= MANY_ROWS else np.float32)
        targets = np.where(codes[:, None] == np.arange(len(self.classes_)), 1.0, -1.0).astype(self.rows_.dtype)
        own = balanced_weights(codes, weights) if self.balanced else weights
        ridge = self.ridge / own
        if len(X) > MANY_ROWS:

            def block(rows: slice, columns: slice) -> Array:
                part = gaussian_kernel(self.rows_[rows], self.rows_[columns], self.gamma)
                if rows == columns:
                    part[np.diag_indices(len(part))] += ridge[rows]
                return part

            self.dual_coef_ = solve_in_blocks(block, targets)
            return
        kernel = gaussian_kernel(self.rows_, self.rows_, self.gamma)
        kernel[np.diag_indices(len(X))] += ridge
        self.dual_coef_ = cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), targets)
        if self.half_precision:
            self.dual_coef_ = self.dual_coef_.astype(np.float32).astype(np.float64)

    def _head(self) -> KernelHead:
        return KernelHead(self.rows_, self.dual_coef_, self.gamma)
