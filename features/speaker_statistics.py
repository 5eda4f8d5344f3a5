"""Speaker normalisation: a block measured against the unlabelled mean and spread of the speaker's own clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
PRIOR = 1.0  # samples' worth of the corpus mean and spread mixed into each speaker's own
SMALLEST_SPREAD = 1e-12


@dataclass(frozen=True)
class Statistics:
    """Column by column, over the values that are there.

    Attributes
    ----------
    count, mean, variance : ndarray of shape (n_features,)
        Mean and variance are 0 where a column has no value.
    """

    count: Array
    mean: Array
    variance: Array

    @classmethod
    def of(cls, values: Array) -> Statistics:
        """Return those of rows of shape (n_samples, n_features), in double precision."""
        seen = ~np.isnan(values)
        counts = seen.sum(axis=0)
        mean = np.where(seen, values, 0).sum(axis=0) / np.maximum(counts, 1)
        variance = np.square(np.where(seen, values - mean, 0)).sum(axis=0) / np.maximum(counts, 1)
        return cls(counts, mean, variance)


def normalised_rows(
    rows: Array, own: Statistics | None, corpus_mean: Array, corpus_variance: Array
) -> npt.NDArray[np.float32]:
    """Standardise rows by a speaker's statistics, shrunk towards those of the corpus by one sample's worth.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
    own : Statistics or None
        None for a speaker of whom nothing is known: the corpus alone counts.
    corpus_mean, corpus_variance : ndarray of shape (n_features,)

    Returns
    -------
    ndarray of shape (n_samples, n_features), float32
    """
    centre, variance = corpus_mean, corpus_variance
    if own is not None:
        share = own.count / (own.count + PRIOR)
        centre = share * own.mean + (1 - share) * corpus_mean
        variance = share * own.variance + (1 - share) * corpus_variance
    scale = np.sqrt(variance)
    made = (rows.astype(np.float64) - centre) / np.where(scale > SMALLEST_SPREAD, scale, 1.0)
    return np.asarray(made, dtype=np.float32)
