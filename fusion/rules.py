"""The rules of late fusion: how the answers of several experts become one.

Each takes log probabilities of shape (n_experts, n_samples, n_classes), NaN where an expert's modality is absent, and the
class prior, which answers where all are absent; each returns probabilities of shape (n_samples, n_classes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
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


def median_rule(scores: Array, prior: Array) -> Array:
    """Take the median probability of each class over the experts that are present, and normalise."""
    present = present_experts(scores)
    answers = np.tile(prior, (scores.shape[1], 1))
    anyone = present.any(axis=0)
    if anyone.any():
        medians = np.nanmedian(np.exp(scores[:, anyone]), axis=0)
        answers[anyone] = medians / medians.sum(axis=1, keepdims=True)
    return answers


def weighted_rule(scores: Array, prior: Array, weights: Array) -> Array:
    """Add the log probabilities, each expert by its weight (a logarithmic opinion pool), and normalise.

    ``weights`` has shape (n_experts,), or (n_experts, n_classes) where an expert weighs more for some classes than for others.
    """
    present = present_experts(scores)
    return _or_prior(softmax(_pooled(scores, weights), axis=1), present, prior)


def gated_rule(scores: Array, prior: Array, gate: Array) -> Array:
    """Add the log probabilities, each expert by a weight that depends on how sure it is of this row, and normalise.

    Parameters
    ----------
    gate : ndarray of shape (2, n_experts)
        ``a`` and ``b`` of the weight ``exp(a + b * confidence)``, confidence being an expert's highest probability.
    """
    present = present_experts(scores)
    pooled = (np.nan_to_num(scores, nan=0.0) * _gate_weights(scores, gate)[..., None]).sum(axis=0)
    return _or_prior(softmax(pooled, axis=1), present, prior)


def vote_rule(scores: Array, prior: Array) -> Array:
    """Return the share of votes for each class; a tie goes to the class with the higher mean probability."""
    present = present_experts(scores)
    votes = np.zeros(scores.shape[1:])
    for expert, here in zip(scores, present, strict=True):
        votes[np.flatnonzero(here), expert[here].argmax(axis=1)] += 1
    shares = votes / np.maximum(present.sum(axis=0), 1)[:, None]
    broken = (1 - VOTE_TIE_BREAK) * shares + VOTE_TIE_BREAK * mean_rule(scores, prior)
    return _or_prior(broken, present, prior)


def learn_weights(scores: Array, codes: Array, *, by_class: bool = False, penalty: float = 1.0) -> Array:
    """Learn the weights of :func:`weighted_rule` by log loss on out-of-fold scores.

    Parameters
    ----------
    scores : ndarray of shape (n_experts, n_samples, n_classes)
        Out-of-fold log probabilities.
    codes : ndarray of shape (n_samples,)
    by_class : bool, default=False
        One weight for each expert and class, not one an expert.
    penalty : float, default=1
        Weight of the squared distance from 1, in samples: few rows keep the plain product.

    Returns
    -------
    ndarray of shape (n_experts,) or (n_experts, n_classes)
        Not negative.
    """
    start = np.ones((len(scores), scores.shape[2]) if by_class else len(scores))

    def loss(weights: Array, logs: Array, own: Array) -> tuple[float, Array]:
        fit, residuals = _log_loss(_pooled(logs, weights), own)
        return fit, np.einsum("enc,nc->ec" if by_class else "enc,nc->e", logs, residuals)

    return _minimised(loss, start, 1.0, scores, codes, penalty, bounds=(0.0, 5.0))


def learn_gate(scores: Array, codes: Array, *, penalty: float = 1.0) -> Array:
    """Learn the gate of :func:`gated_rule` by log loss on out-of-fold scores; parameters as for :func:`learn_weights`.

    Returns
    -------
    ndarray of shape (2, n_experts)
        Zeros, which is the plain product, where there is nothing to learn from.
    """

    def loss(gate: Array, logs: Array, own: Array) -> tuple[float, Array]:
        weights = _gate_weights(logs, gate)
        fit, residuals = _log_loss((logs * weights[..., None]).sum(axis=0), own)
        pull = np.einsum("enc,nc->en", logs, residuals) * weights
        return fit, np.stack([pull.sum(axis=1), (pull * _confidence(logs)).sum(axis=1)])

    return _minimised(loss, np.zeros((2, len(scores))), 0.0, scores, codes, penalty, bounds=(-3.0, 3.0))


def present_experts(scores: Array) -> Array:
    """Return which expert answered which row, shape (n_experts, n_samples)."""
    return np.asarray(~np.any(np.isnan(scores), axis=2))


def _minimised(
    loss: Callable[[Array, Array, Array], tuple[float, Array]],
    start: Array,
    centre: float,
    scores: Array,
    codes: Array,
    penalty: float,
    *,
    bounds: tuple[float, float],
) -> Array:
    """Minimise a loss and a squared distance from ``centre`` over the rows that any expert answered."""
    from scipy.optimize import minimize

    rows = np.flatnonzero(np.any(present_experts(scores), axis=0))
    if not len(rows):
        return start
    logs, own = np.nan_to_num(scores[:, rows], nan=0.0), codes[rows]

    def penalised(flat: Array) -> tuple[float, Array]:
        fit, gradient = loss(flat.reshape(start.shape), logs, own)
        distance = flat - centre
        total = fit + penalty * np.square(distance).sum()
        return float(total / len(own)), (gradient.ravel() + 2 * penalty * distance) / len(own)

    found = minimize(penalised, start.ravel(), jac=True, method="L-BFGS-B", bounds=[bounds] * start.size)
    return np.asarray(found.x).reshape(start.shape)


def _log_loss(pooled: Array, codes: Array) -> tuple[float, Array]:
    """Return the summed log loss of pooled scores, and its derivative by them."""
    logs = log_softmax(pooled, axis=1)
    rows = np.arange(len(codes))
    residuals = np.exp(logs)
    residuals[rows, codes] -= 1
    return float(-logs[rows, codes].sum()), residuals


def _gate_weights(scores: Array, gate: Array) -> Array:
    return np.asarray(np.exp(gate[0][:, None] + gate[1][:, None] * _confidence(scores)))


def _confidence(scores: Array) -> Array:
    """Return each expert's highest probability, shape (n_experts, n_samples); 0 where it is absent."""
    return np.nan_to_num(np.exp(scores.max(axis=2)), nan=0.0)


def _pooled(scores: Array, weights: Array) -> Array:
    expanded = weights[:, None, None] if weights.ndim == 1 else weights[:, None, :]
    return np.asarray((np.nan_to_num(scores, nan=0.0) * expanded).sum(axis=0))


def _or_prior(answers: Array, present: Array, prior: Array) -> Array:
    return np.asarray(np.where(np.any(present, axis=0, keepdims=True).T, answers, prior))
