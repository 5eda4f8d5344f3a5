"""What answers once training is over: frozen numbers with an ``apply``, and nothing of the libraries that fitted them.

Every estimator of this room leaves its arithmetic to the part it was fitted to, so that a model file, which holds parts
alone, answers to the last bit as the estimator did, without importing scikit-learn or pandas. Fields are arrays, numbers,
strings, tuples of these, or other parts: a writer needs to know no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Array = npt.NDArray[Any]
STANDARD_CLIP = 6.0
NORMAL_CLIP = 2.5
END = np.float32(1e-7)  # how near to the first or last quantile a value is at it
BATCH = 2_048


class Part(Protocol):
    """Anything that turns rows into rows."""

    def apply(self, rows: Any) -> Any:
        """Return what becomes of rows of shape (n_samples, n_columns): as many rows, other columns."""
        ...


@dataclass(frozen=True)
class Chain:
    """Parts one after the other; none passes rows on as they are."""

    parts: tuple[Any, ...]

    def apply(self, rows: Any) -> Any:
        """Return what the last part makes of them."""
        for part in self.parts:
            rows = part.apply(rows)
        return rows


@dataclass(frozen=True)
class Standardised:
    """Columns less their mean, divided by their standard deviation, clipped; a missing value becomes 0.

    Attributes
    ----------
    mean, rest, scale : ndarray of shape (n_columns,), float32
        ``rest`` is what single precision loses of the mean.
    """

    mean: Array
    rest: Array
    scale: Array

    def apply(self, rows: Array) -> Array:
        """Return float32 without NaN."""
        scaled = rows - self.mean
        scaled -= self.rest
        scaled /= self.scale
        np.clip(scaled, -STANDARD_CLIP, STANDARD_CLIP, out=scaled)
        scaled[np.isnan(scaled)] = 0
        return np.asarray(scaled, dtype=np.float32)


@dataclass(frozen=True)
class NormalQuantiles:
    """Columns mapped to a normal distribution through quantiles of training, clipped; a missing value becomes 0.

    Between quantiles that are equal the middle of their ranks counts, but at the first and the last the end: a column that is
    mostly zero says by the lowest value that nothing is there.

    Attributes
    ----------
    quantiles : ndarray of shape (n_quantiles, n_columns)
    ranks : ndarray of shape (n_quantiles,)
        From 0 to 1.
    varies : ndarray of shape (n_columns,), bool
        Which columns were not constant; the others become 0.
    """

    quantiles: Array
    ranks: Array
    varies: Array

    def apply(self, rows: Array) -> Array:
        """Return float32 without NaN."""
        shares = np.full(rows.shape, 0.5)
        for column in np.flatnonzero(self.varies):
            own, knots = rows[:, column], self.quantiles[:, column]
            from_below = np.interp(own, knots, self.ranks)
            from_above = np.interp(-own, -knots[::-1], -self.ranks[::-1])
            inside = ((from_below - from_above) / 2).astype(np.float32)
            at_the_last = np.where(own + END > knots[-1], np.float32(1), inside)
            shares[:, column] = np.where(own - END < knots[0], np.float32(0), at_the_last)
        scaled = np.clip(ndtri(shares), -NORMAL_CLIP, NORMAL_CLIP)
        scaled[np.isnan(scaled)] = 0
        return scaled.astype(np.float32)


@dataclass(frozen=True)
class KeptColumns:
    """Some of the columns.

    Attributes
    ----------
    positions : ndarray of shape (n_kept,), int
    """

    positions: Array

    def apply(self, rows: Any) -> Any:
        """Return the columns kept, of an array or a sparse matrix."""
        return rows[:, self.positions]


@dataclass(frozen=True)
class Directions:
    """Scores on directions, all divided by one scale; a missing value counts as the mean of its column.

    Attributes
    ----------
    mean : ndarray of shape (n_columns,), float32
    components : ndarray of shape (n_components, n_columns), float32
    scale : float
    """

    mean: Array
    components: Array
    scale: float

    def apply(self, rows: Array) -> Array:
        """Return scores of shape (n_samples, n_components), float32."""
        scores = [self.centred(part) @ self.components.T for part in batches(rows)]
        return np.asarray(np.concatenate(scores) / np.float32(self.scale))

    def centred(self, rows: Array) -> Array:
        """Return the rows less the mean, 0 where a value is missing."""
        return np.nan_to_num(rows - self.mean, nan=0.0, posinf=None, neginf=None)


@dataclass(frozen=True)
class DiscriminantScores:
    """Scores on the directions that part the classes.

    Attributes
    ----------
    mean : ndarray of shape (n_columns,)
    directions : ndarray of shape (n_columns, n_directions)
    """

    mean: Array
    directions: Array

    def apply(self, rows: Array) -> Array:
        """Return float32."""
        return np.asarray((rows - self.mean) @ self.directions, dtype=np.float32)


@dataclass(frozen=True)
class LatentScores:
    """Scores of sparse rows on directions.

    Attributes
    ----------
    components : ndarray of shape (n_components, n_terms)
    """

    components: Array

    def apply(self, rows: Any) -> Array:
        """Return float32."""
        return np.asarray(rows @ self.components.T, dtype=np.float32)


@dataclass(frozen=True)
class LogOfShares:
    """Natural logarithm of shares raised by a floor."""

    floor: float

    def apply(self, rows: Array) -> Array:
        """Return float32."""
        return np.asarray(np.log(np.maximum(rows, 0) + np.float32(self.floor)))


@dataclass(frozen=True)
class KernelColumns:
    """Columns, with the scores of a kernel machine beside them; for the machine a missing value counts as 0.

    Attributes
    ----------
    centres : ndarray of shape (n_centres, n_columns)
    weights : ndarray of shape (n_centres, n_classes)
    gamma : float
    """

    centres: Array
    weights: Array
    gamma: float

    def apply(self, rows: Array) -> Array:
        """Return shape (n_samples, n_columns + n_classes), float32."""
        return np.hstack([rows, self.scores(np.nan_to_num(rows, nan=0.0), self.weights)])

    def scores(self, rows: Array, weights: Array) -> Array:
        """Return the scores alone, float32."""
        return np.concatenate([self.kernel(part) @ weights for part in batches(rows)]).astype(np.float32)

    def kernel(self, rows: Array) -> Array:
        """Return the kernel between rows and centres, shape (n_samples, n_centres)."""
        # Double precision: the small eigenvalues of such a kernel carry weight, and single precision would blur them.
        return gaussian_kernel(rows.astype(np.float64), self.centres, self.gamma)


def gaussian_kernel(X: Array, Z: Array, gamma: float) -> Array:
    """Return ``exp(-gamma * ||x - z||^2 / n_features)`` of all pairs of rows, with no second matrix of that size.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    Z : ndarray of shape (m, n_features)
    gamma : float

    Returns
    -------
    ndarray of shape (n, m)
    """
    kernel = np.asarray(X @ Z.T)
    own, others = np.square(X).sum(axis=1), np.square(Z).sum(axis=1)
    for first in range(0, len(X), BATCH):
        part = kernel[first : first + BATCH]
        part *= -2
        part += own[first : first + BATCH, None]
        part += others
        np.maximum(part, 0, out=part)
        part *= -gamma / X.shape[1]
        np.exp(part, out=part)
    return kernel


def batches(X: Array, size: int = BATCH) -> list[Array]:
    """Cut rows into parts small enough that what is made of them stays small."""
    return [X[first : first + size] for first in range(0, len(X), size)] or [X]


def fitted_part(estimator: Any) -> Any:
    """Return the part that a fitted estimator of this house, or a pipeline of them, leaves its arithmetic to.

    Raises
    ------
    TypeError
        An estimator that has none.
    """
    steps = getattr(estimator, "steps", None)
    if steps is not None:
        return Chain(tuple(fitted_part(step) for _, step in steps))
    if not hasattr(estimator, "fitted_part"):
        raise TypeError(f"{type(estimator).__name__} cannot be put into a model file; use the recipes' own classes")
    return estimator.fitted_part()
