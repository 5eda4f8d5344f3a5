"""The parts that end in probabilities: what is left of a classifier once it is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax

from ..features.errors import TableError
from .parts import Array, batches, gaussian_kernel

SHARPNESS = 5.0  # of kernel scores, which lie in -1..1; the temperature fitted out of fold corrects it
SHARE_FLOOR = 0.02


@dataclass(frozen=True)
class ConstantHead:
    """The same answer to every row.

    Attributes
    ----------
    shares : ndarray of shape (n_classes,)
    """

    shares: Array

    def apply(self, rows: Any) -> Array:
        """Return probabilities of shape (n_samples, n_classes)."""
        return np.tile(self.shares, (rows.shape[0], 1))


@dataclass(frozen=True)
class LinearHead:
    """Multinomial logistic regression.

    Attributes
    ----------
    coef : ndarray of shape (n_classes, n_columns), or (1, n_columns) for two classes
    intercept : ndarray of shape (n_classes,) or (1,)
    """

    coef: Array
    intercept: Array

    def apply(self, rows: Array) -> Array:
        """Return probabilities of shape (n_samples, n_classes)."""
        scores = rows.astype(np.float64) @ self.coef.T + self.intercept
        if scores.shape[1] == 1:
            positive = expit(scores[:, 0])
            return np.column_stack([1 - positive, positive])
        return np.asarray(softmax(scores, axis=1))


@dataclass(frozen=True)
class OneVersusRestHead:
    """One logistic regression a class, the answers brought to sum 1; rows may be sparse.

    Attributes
    ----------
    coef : ndarray of shape (n_classes, n_columns)
    intercept : ndarray of shape (n_classes,)
    """

    coef: Array
    intercept: Array

    def apply(self, rows: Any) -> Array:
        """Return probabilities of shape (n_samples, n_classes)."""
        scores = expit(np.asarray(rows @ self.coef.T) + self.intercept)
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class KernelHead:
    """Kernel ridge scores through a softmax.

    Attributes
    ----------
    rows : ndarray of shape (n_training, n_columns)
    dual_coef : ndarray of shape (n_training, n_classes)
    gamma : float
    """

    rows: Array
    dual_coef: Array
    gamma: float

    def apply(self, rows: Array) -> Array:
        """Return probabilities of shape (n_samples, n_classes), computed in the precision of the model's own rows."""
        own = rows.astype(self.rows.dtype, copy=False)
        scores = [gaussian_kernel(part, self.rows, self.gamma) @ self.dual_coef for part in batches(own)]
        return np.asarray(softmax(SHARPNESS * np.concatenate(scores).astype(np.float64), axis=1))


@dataclass(frozen=True)
class TreesHead:
    """Boosted trees on dense float32, NaN being a missing value.

    Attributes
    ----------
    booster : xgboost.Booster
        Holds how many threads it may start.
    """

    booster: Any

    def apply(self, rows: Any) -> Array:
        """Return probabilities of shape (n_samples, n_classes)."""
        # A booster would read absent entries of a sparse matrix as missing; it was trained on zeros.
        dense = rows.toarray() if sparse.issparse(rows) else rows
        found = self.booster.inplace_predict(np.ascontiguousarray(dense, dtype=np.float32))
        return np.asarray(found, dtype=np.float64).reshape(len(dense), -1)


@dataclass(frozen=True)
class SharesHead:
    """Shares that are probabilities already, raised by a floor.

    Attributes
    ----------
    columns : ndarray of shape (n_classes,), int
        Where each class stands.
    """

    columns: Array

    def apply(self, rows: Array) -> Array:
        """Return probabilities of shape (n_samples, n_classes); raise TableError where a share is negative."""
        if (rows < 0).any():
            raise TableError(f"a probability cannot be negative, got {rows.min():g}; check the block")
        shares = rows[:, self.columns].astype(np.float64)
        shares += SHARE_FLOOR / len(self.columns)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))
