"""A wide block on its strongest directions, with one scale for all of them: distances between rows are nearly kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .base import checked_rows
from .parts import Array, Directions, DiscriminantScores

MAX_ROWS = 10_000
WITHIN_FLOOR = 1e-6


class Projection(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Principal components, not whitened, divided as a whole so that their mean variance is 1.

    Parameters
    ----------
    n_components : int, default=100
        Directions kept; fewer where there are fewer columns or rows.
    random_state : int, default=0
        Of the choice of rows, and of the randomised decomposition that wide blocks get (Halko et al. 2011 [1]_).
    half_precision : bool, default=False
        Whether the directions are rounded to half precision, so that a file of them is half as long.

    Notes
    -----
    The directions are found on 10,000 random rows at most. A missing value counts as the mean of its column.

    References
    ----------
    .. [1] Halko, Martinsson and Tropp (2011), Finding structure with randomness, SIAM Review 53(2).

    Examples
    --------
    >>> line = np.arange(6.0)[:, None] * [3.0, 4.0]
    >>> Projection(n_components=1).fit_transform(line).var(ddof=1).round(6)
    np.float32(1.0)
    """

    def __init__(self, n_components: int = 100, random_state: int = 0, half_precision: bool = False) -> None:
        self.n_components = n_components
        self.random_state = random_state
        self.half_precision = half_precision

    def fit(self, X: Any, y: Any = None) -> Projection:
        """Find the directions."""
        from sklearn.decomposition import PCA

        X = self._checked(X, reset=True)
        if not self.n_components >= 1:
            raise ValueError(f"n_components must be 1 or more, got {self.n_components!r}")
        rows = X[some_rows(len(X), MAX_ROWS, self.random_state)]
        seen = ~np.isnan(rows)
        self.mean_ = np.where(seen, rows, 0).sum(axis=0, dtype=np.float64) / np.maximum(seen.sum(axis=0), 1)
        self.mean_ = self.mean_.astype(np.float32)
        centred = Directions(self.mean_, rows[:0], 1.0).centred(rows)
        count = min(self.n_components, *centred.shape)
        if np.abs(centred).max() > 1e-6 * (1 + np.abs(self.mean_).max()):
            pca = PCA(count, random_state=self.random_state).fit(centred)
            kept = pca.components_.astype(np.float16) if self.half_precision else pca.components_
            self.components_ = kept.astype(np.float32)
            self.scale_ = float(np.sqrt(pca.explained_variance_.mean()))
        else:  # nothing varies
            self.components_, self.scale_ = np.eye(count, centred.shape[1], dtype=np.float32), np.inf
        self._n_features_out = count
        return self

    def transform(self, X: Any) -> Array:
        """Return the scores of shape (n_samples, n_components), float32."""
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        return self.fitted_part().apply(X)

    def fitted_part(self) -> Directions:
        """Return what projects."""
        check_is_fitted(self)
        return Directions(self.mean_, self.components_, self.scale_)

    def _checked(self, X: Any, *, reset: bool) -> Array:
        return np.asarray(checked_rows(self, X, ensure_all_finite="allow-nan", reset=reset))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class Discriminants(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The directions that part the classes best: linear discriminants with shrunk covariance (Ledoit and Wolf 2004 [1]_).

    As many as there are classes less one, divided as a whole so that their mean variance is 1; constant rows where the
    training rows hold one class, or no more rows than classes.

    Notes
    -----
    Columns need a common scale, as :class:`Projection` leaves them: the covariance shrinks towards equal variances. If each
    column were brought to variance 1 first, the last principal components of few rows, which are rounding, would decide.

    References
    ----------
    .. [1] Ledoit and Wolf (2004), Honey, I shrunk the sample covariance matrix, Journal of Portfolio Management 30(4).

    Examples
    --------
    >>> rows = np.array([[0.0, 1.0], [0.2, 5.0], [0.1, 3.0], [3.0, 1.1], [3.2, 5.0], [3.1, 3.0]])
    >>> Discriminants().fit_transform(rows, list("aaabbb")).shape
    (6, 1)
    """

    def fit(self, X: Any, y: Any) -> Discriminants:
        """Find the directions."""
        X, y = checked_rows(self, X, y=y)
        classes, codes = np.unique(y, return_inverse=True)
        self._n_features_out = max(1, min(len(classes) - 1, X.shape[1]))
        self.mean_, self.directions_ = X.mean(axis=0, dtype=np.float64), np.zeros((X.shape[1], self._n_features_out))
        varies = np.ptp(X, axis=0) > 0
        if len(X) > len(classes) > 1 and varies.any():
            centred = X[:, varies] - self.mean_[varies]
            directions = _discriminants(centred / centred.std(), codes)[:, : self._n_features_out]
            spread = np.sqrt(np.square(centred @ directions).mean())
            self.directions_[varies, : directions.shape[1]] = directions / max(float(spread), 1e-12)
        return self

    def transform(self, X: Any) -> Array:
        """Return the scores of shape (n_samples, n_classes - 1), float32."""
        check_is_fitted(self)
        return self.fitted_part().apply(checked_rows(self, X, reset=False))

    def fitted_part(self) -> DiscriminantScores:
        """Return what projects."""
        check_is_fitted(self)
        return DiscriminantScores(self.mean_, self.directions_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _discriminants(rows: Array, codes: Array) -> Array:
    """Return directions as columns, the one that parts the classes best first; rows have mean 0 and variance 1 as a whole."""
    from sklearn.covariance import ledoit_wolf

    counts = np.bincount(codes)
    means = np.stack([rows[codes == code].mean(axis=0) for code in range(len(counts))])
    within = ledoit_wolf(rows - means[codes], assume_centered=True)[0]
    between = (means.T * counts) @ means / len(rows)
    # Where nothing varies within the classes their covariance is zero; a trace of all variance lets it be inverted.
    return np.asarray(eigh(between, within + WITHIN_FLOOR * np.eye(len(within)))[1][:, ::-1])


def some_rows(n_rows: int, most: int, seed: int) -> Array:
    """Return the positions of all rows, or of so many random ones, in their order."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, most, replace=False))
