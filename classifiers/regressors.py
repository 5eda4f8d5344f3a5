"""Regressors: numbers in place of classes, by the families that classifiers are of."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..features.errors import StudyError, TableError
from .base import BlockEstimator
from .block_cholesky import solve_in_blocks
from .kernel import MANY_ROWS, MAX_ROWS
from .parts import Array, batches, gaussian_kernel


class BlockRegressor(RegressorMixin, BlockEstimator):
    """Base of the regressors: dense float32 in, numbers out.

    A subclass fits targets of mean 0 and standard deviation 1 in ``_fit(X, targets)`` and answers on that scale in
    ``_answer(X)``; where all training targets are equal, the answer is constant.
    """

    @abstractmethod
    def _fit(self, X: Any, targets: Array) -> None:
        """Fit standardised targets."""

    @abstractmethod
    def _answer(self, X: Any) -> Array:
        """Return standardised answers."""

    def fit(self, X: Any, y: Any) -> Any:
        """Fit to training rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Finite numbers.

        Raises
        ------
        TableError
            Infinite values (naming the column).
        """
        X, y = self._checked(X, y=y, y_numeric=True)
        targets = np.asarray(y, dtype=np.float64)
        self.mean_ = float(targets.mean())
        # What rounding leaves of equal numbers is no spread.
        spread = float(targets.std())
        self.scale_ = spread if spread > 1e-12 * (1 + abs(self.mean_)) else 0.0
        if self.scale_:
            self._fit(X, (targets - self.mean_) / self.scale_)
        return self

    def predict(self, X: Any) -> Array:
        """Return numbers of shape (n_samples,), float64."""
        check_is_fitted(self, "mean_")
        X = self._checked(X, reset=False)
        if not self.scale_:
            return np.full(X.shape[0], self.mean_)
        return self.mean_ + self.scale_ * np.asarray(self._answer(X), dtype=np.float64).reshape(-1)


class BoostedRegressor(BlockRegressor):
    """XGBoost's histogram trees for squared error on dense float32; NaN is a missing value.

    Parameters
    ----------
    n_rounds : int, default=150
    max_depth : int, default=3
    learning_rate : float, default=0.05
    subsample : float, default=0.8
        Share of the rows that each round sees.
    colsample_bynode : float, default=0.3
        Share of the columns that each split sees.
    max_bin : int, default=64
        Histogram bins a column.
    n_jobs : int, default=1
    random_state : int, default=0

    References
    ----------
    Chen and Guestrin (2016), XGBoost: a scalable tree boosting system, KDD.
    """

    _accepts_nan = True

    def __init__(
        self,
        n_rounds: int = 150,
        max_depth: int = 3,
        learning_rate: float = 0.05,
        subsample: float = 0.8,
        colsample_bynode: float = 0.3,
        max_bin: int = 64,
        n_jobs: int = 1,
        random_state: int = 0,
    ) -> None:
        self.n_rounds = n_rounds
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample_bynode = colsample_bynode
        self.max_bin = max_bin
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _fit(self, X: Array, targets: Array) -> None:
        import xgboost

        parameters = {
            "objective": "reg:squarederror",
            "base_score": 0.0,
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample_bynode,
            "max_bin": self.max_bin,
            "tree_method": "hist",
            "nthread": self.n_jobs,
            "seed": self.random_state,
            "verbosity": 0,
        }
        data = xgboost.QuantileDMatrix(X, label=targets, max_bin=self.max_bin, nthread=self.n_jobs)
        self.booster_ = xgboost.train(parameters, data, num_boost_round=self.n_rounds)

    def _answer(self, X: Array) -> Array:
        return np.asarray(self.booster_.inplace_predict(np.ascontiguousarray(X, dtype=np.float32)))


class RidgeRegressor(BlockRegressor):
    """Linear regression with a squared penalty (Hoerl and Kennard 1970 [1]_), in closed form where rows are dense.

    Parameters
    ----------
    ridge : float, default=1
        Penalty of a block brought to unit total variance: scikit-learn's alpha is ``ridge * n_features`` for dense rows, and
        ``ridge`` for sparse ones, which have unit length.

    References
    ----------
    .. [1] Hoerl and Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems, Technometrics 12(1).
    """

    _accepts_sparse = True

    def __init__(self, ridge: float = 1.0) -> None:
        self.ridge = ridge

    def _fit(self, X: Any, targets: Array) -> None:
        from sklearn.linear_model import Ridge

        _check_positive(ridge=self.ridge)
        thin = sparse.issparse(X)
        model = Ridge(self.ridge * (1 if thin else X.shape[1]), solver="sparse_cg" if thin else "cholesky")
        model.fit(X.astype(np.float64), targets)
        self.coef_, self.intercept_ = model.coef_, float(model.intercept_)

    def _answer(self, X: Any) -> Array:
        return np.asarray(X @ self.coef_) + self.intercept_


class KernelRidgeRegressor(BlockRegressor):
    """Ridge regression with a Gaussian kernel (Saunders et al. 1998 [1]_).

    ``K(x, z) = exp(-gamma * ||x - z||^2 / n_features)``; the weights solve ``(K + ridge) a = y``.

    Parameters
    ----------
    gamma : float, default=0.3
    ridge : float, default=1

    Notes
    -----
    As of :class:`~emofuse.classifiers.kernel.KernelRidgeClassifier`: memory for the square of the number of rows, above
    5,000 of them for half of it in single precision; more than 40,000 are refused.

    References
    ----------
    .. [1] Saunders, Gammerman and Vovk (1998), Ridge regression learning algorithm in dual variables, ICML.
    """

    def __init__(self, gamma: float = 0.3, ridge: float = 1.0) -> None:
        self.gamma = gamma
        self.ridge = ridge

    def _fit(self, X: Array, targets: Array) -> None:
        _check_positive(gamma=self.gamma, ridge=self.ridge)
        if len(X) > MAX_ROWS:
            raise StudyError(
                f"the kernel regressor holds a square of the training rows and takes {MAX_ROWS} at most, got {len(X)}; "
                "choose 'linear' or 'boosted'"
            )
        self.rows_ = X.astype(np.float64 if len(X) <= MANY_ROWS else np.float32)
        wanted = targets[:, None].astype(self.rows_.dtype)
        if len(X) <= MANY_ROWS:
            kernel = self._kernel(self.rows_, self.rows_)
            kernel[np.diag_indices(len(X))] += self.ridge
            self.dual_coef_ = cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), wanted)
            return

        def block(rows: slice, columns: slice) -> Array:
            part = self._kernel(self.rows_[rows], self.rows_[columns])
            if rows == columns:
                part[np.diag_indices(len(part))] += self.ridge
            return part

        self.dual_coef_ = solve_in_blocks(block, wanted)

    def _answer(self, X: Array) -> Array:
        own = X.astype(self.rows_.dtype, copy=False)
        return np.concatenate([self._kernel(part, self.rows_) @ self.dual_coef_ for part in batches(own)])

    def _kernel(self, X: Array, Z: Array) -> Array:
        return gaussian_kernel(X, Z, self.gamma)


def _check_positive(**values: float) -> None:
    wrong = {name: value for name, value in values.items() if not value > 0}
    if wrong:
        raise StudyError(f"{' and '.join(wrong)} must be positive, got {list(wrong.values())}")


def check_targets(y: Any) -> Array:
    """Return targets as float64; raise TableError where one is no finite number, naming its row."""
    try:
        targets = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        raise TableError("a regression needs numbers as targets; choose a label column of numbers") from None
    bad = np.flatnonzero(~np.isfinite(targets))
    if len(bad):
        raise TableError(f"target {targets[bad[0]]} in row {bad[0]} is no finite number; drop the row")
    return targets
