"""The rules of late fusion: how the answers of several experts become one.

Each takes log probabilities of shape (n_experts, n_samples, n_classes), NaN where an expert's modality is absent, and the
class prior, which answers where all are absent; each returns probabilities of shape (n_samples, n_classes).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

Array = npt.NDArray[Any]
VOTE_TIE_BREAK = 1e-3


def mean_rule(scores: Array, prior: Array) -> Array:
    """Average the probabilities of the experts that are present."""
    present = present_experts(scores)
    total = np.where(present[..., None], np.exp(scores), 0).sum(axis=0)
    return _or_prior(total / np.maximum(present.sum(axis=0), 1)[:, None], present, prior)


def product_rule(scores: Array, prior: Array) -> Array:
    """Multiply the probabilities of the experts that are present (Kittler et al. 1998) and normalise."""
    return weighted_rule(scores, prior, np.ones(len(scores)))


def weighted_rule(scores: Array, prior: Array, weights: Array) -> Array:
    """Add the log probabilities, each expert by its weight (a logarithmic opinion pool), and normalise."""
    present = present_experts(scores)
    return _or_prior(softmax(_pooled(scores, weights), axis=1), present, prior)


def vote_rule(scores: Array, prior: Array) -> Array:
    """Return the share of votes for each class; a tie goes to the class with the higher mean probability."""
    present = present_experts(scores)
    votes = np.zeros(scores.shape[1:])
    for expert, here in zip(scores, present, strict=True):
        votes[np.flatnonzero(here), expert[here].argmax(axis=1)] += 1
    shares = votes / np.maximum(present.sum(axis=0), 1)[:, None]
    broken = (1 - VOTE_TIE_BREAK) * shares + VOTE_TIE_BREAK * mean_rule(scores, prior)
    return _or_prior(broken, present, prior)


def learn_weights(scores: Array, codes: Array, *, penalty: float = 1.0) -> Array:
    """Learn one weight an expert for :func:`weighted_rule` by log loss on out-of-fold scores.

    Parameters
    ----------
    scores : ndarray of shape (n_experts, n_samples, n_classes)
        Out-of-fold log probabilities.
    codes : ndarray of shape (n_samples,)
    penalty : float, default=1
        Weight of the squared distance from 1, in samples: few rows keep the plain product.

    Returns
    -------
    ndarray of shape (n_experts,)
        Not negative.
    """
    start = np.ones(len(scores))
    rows = np.flatnonzero(np.any(present_experts(scores), axis=0))
    if not len(rows):
        return start
    scores, codes = scores[:, rows], codes[rows]

    def loss(weights: Array) -> float:
        fit = -log_softmax(_pooled(scores, weights), axis=1)[np.arange(len(codes)), codes].sum()
        return float((fit + penalty * np.square(weights - 1).sum()) / len(codes))

    found = minimize(loss, start, method="L-BFGS-B", bounds=[(0.0, 5.0)] * len(start))
    return np.asarray(found.x)


def present_experts(scores: Array) -> Array:
    """Return which expert answered which row, shape (n_experts, n_samples)."""
    return np.asarray(~np.any(np.isnan(scores), axis=2))


def _pooled(scores: Array, weights: Array) -> Array:
    return np.asarray((np.nan_to_num(scores, nan=0.0) * weights[:, None, None]).sum(axis=0))


def _or_prior(answers: Array, present: Array, prior: Array) -> Array:
    return np.asarray(np.where(np.any(present, axis=0, keepdims=True).T, answers, prior))
