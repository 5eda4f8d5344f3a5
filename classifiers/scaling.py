"""Transformers fitted inside the fold: scaling that survives absent values, and selection from wide blocks."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .base import checked_rows
from .parts import Array, KeptColumns, LatentScores, NormalQuantiles, Standardised


class Scaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Bring columns to a common scale; a missing value becomes 0, the training mean or median.

    Parameters
    ----------
    method : {"standard", "quantile"}, default="standard"
        ``standard`` subtracts the mean, divides by the standard deviation and clips at +-6; ``quantile`` maps each
        column to a normal distribution through 100 training quantiles and clips at +-2.5.

    Notes
    -----
    A constant or all-missing column becomes 0.
    """

    def __init__(self, method: Literal["standard", "quantile"] = "standard") -> None:
        self.method = method

    def fit(self, X: Any, y: Any = None) -> Scaler:
        """Learn the statistics of each column."""
        from sklearn.preprocessing import QuantileTransformer

        X = checked_rows(self, X, ensure_all_finite="allow-nan")
        if self.method == "quantile":
            count = min(100, len(X))
            self.quantiles_ = QuantileTransformer(n_quantiles=count, output_distribution="normal", subsample=None)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="All-NaN slice encountered", category=RuntimeWarning)
                self.quantiles_.fit(X)
            self.varies_ = np.nan_to_num(np.ptp(self.quantiles_.quantiles_, axis=0)) > 0
        elif self.method == "standard":
            absent = np.isnan(X)
            counts = np.maximum(len(X) - absent.sum(axis=0), 1)
            self.mean_ = np.where(absent, 0, X).sum(axis=0, dtype=np.float64) / counts
            deviations = X - self.mean_
            deviations[absent] = 0
            spread = np.sqrt(np.einsum("ij,ij->j", deviations, deviations) / counts)
            self.scale_ = np.where(spread > 1e-9 * (1 + np.abs(self.mean_)), spread, np.inf)
        else:
            raise ValueError(f"method must be 'standard' or 'quantile', got {self.method!r}")
        return self

    def transform(self, X: Any) -> Array:
        """Return the scaled columns, float32, without NaN."""
        check_is_fitted(self)
        return self.fitted_part().apply(checked_rows(self, X, ensure_all_finite="allow-nan", reset=False))

    def fitted_part(self) -> Standardised | NormalQuantiles:
        """Return what scales."""
        check_is_fitted(self)
        if self.method == "quantile":
            return NormalQuantiles(self.quantiles_.quantiles_, self.quantiles_.references_, self.varies_)
        # What is lost of the mean in single precision is subtracted by itself: no copy in double precision is needed.
        near = self.mean_.astype(np.float32)
        return Standardised(near, (self.mean_ - near).astype(np.float32), self.scale_.astype(np.float32))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class KeepBest(SelectorMixin, TransformerMixin, BaseEstimator):
    """Keep the columns that differ most between the classes of the training rows.

    Parameters
    ----------
    n_columns : int, default=200
        Columns kept; a block that is not wider passes unchanged.

    Notes
    -----
    Dense columns are ranked by the F statistic of a one-way analysis of variance, sparse ones by chi-squared.
    """

    def __init__(self, n_columns: int = 200) -> None:
        self.n_columns = n_columns

    def fit(self, X: Any, y: Any) -> KeepBest:
        """Rank the columns."""
        from sklearn.feature_selection import chi2

        X = checked_rows(self, X, accept_sparse="csr", ensure_all_finite="allow-nan")
        self.support_ = np.ones(X.shape[1], dtype=bool)
        if X.shape[1] > self.n_columns and len(np.unique(y)) > 1:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # constant columns have no F statistic; they rank last
                scores = chi2(X, y)[0] if sparse.issparse(X) else _f_statistics(_filled(X), y)
            order = np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")
            self.support_[order[self.n_columns :]] = False
        return self

    def transform(self, X: Any) -> Any:
        """Return the columns that were kept, float32."""
        check_is_fitted(self)
        X = checked_rows(self, X, accept_sparse="csr", ensure_all_finite="allow-nan", reset=False)
        return self.fitted_part().apply(X)

    def fitted_part(self) -> KeptColumns:
        """Return what keeps the columns."""
        check_is_fitted(self)
        return KeptColumns(np.flatnonzero(self.support_))

    def _get_support_mask(self) -> Array:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class LatentSemantics(TransformerMixin, BaseEstimator):
    """Project TF-IDF rows on their strongest directions (latent semantic analysis, Deerwester et al. 1990).

    Parameters
    ----------
    n_components : int, default=100
        Directions kept; fewer where there are fewer terms.
    """

    def __init__(self, n_components: int = 100) -> None:
        self.n_components = n_components

    def fit(self, X: Any, y: Any = None) -> LatentSemantics:
        """Find the directions."""
        from sklearn.utils.extmath import randomized_svd

        X = validate_data(self, X, accept_sparse="csr", dtype=np.float32)
        count = max(1, min(self.n_components, X.shape[1] - 1, X.shape[0] - 1))
        self.components_ = randomized_svd(X, n_components=count, n_iter=5, random_state=0)[2]
        return self

    def transform(self, X: Any) -> Array:
        """Return the projections, float32."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float32, reset=False)
        return self.fitted_part().apply(X)

    def fitted_part(self) -> LatentScores:
        """Return what projects."""
        check_is_fitted(self)
        return LatentScores(self.components_)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Return ``direction_<number>``."""
        check_is_fitted(self)
        return np.array([f"direction_{number}" for number in range(len(self.components_))], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _f_statistics(X: Array, y: Any) -> Array:
    from sklearn.feature_selection import f_classif

    scores = np.asarray(f_classif(X, y)[0])
    return np.where(np.ptp(X, axis=0) > 0, scores, np.nan)  # rounding can make a constant column look informative


def _filled(X: Array) -> Array:
    seen = ~np.isnan(X)
    means = np.where(seen, X, 0).sum(axis=0, dtype=np.float64) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, X, means).astype(np.float64)
