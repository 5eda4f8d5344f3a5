"""A rule of late fusion once it is fitted: what makes one answer of the experts' answers, with nothing else around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..classifiers.calibration import align, apply_temperature
from . import rules
from .rules import Array, present_experts

# Rules that learn nothing but the temperature of their answers.
FIXED_RULES: dict[str, Callable[[Array, Array], Array]] = {
    "mean": rules.mean_rule,
    "product": rules.product_rule,
    "median": rules.median_rule,
    "vote": rules.vote_rule,
}
# Rules that learn a few weights, and how they use them.
WEIGHED_RULES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "weighted": rules.weighted_rule,
    "class_weighted": rules.weighted_rule,
    "gated": rules.gated_rule,
}


@dataclass(frozen=True)
class Meta:
    """The meta-classifier of one subset of the experts.

    Attributes
    ----------
    experts : tuple of int
    codes : ndarray of int
        The classes it knows.
    part : Part
        Turns the log probabilities of its experts, side by side, into probabilities.
    """

    experts: tuple[int, ...]
    codes: Array
    part: Any


@dataclass(frozen=True)
class Combination:
    """A fitted rule.

    Attributes
    ----------
    rule : str
        One of ``FIXED_RULES``, ``WEIGHED_RULES``, or ``stacking``.
    prior : ndarray of shape (n_classes,)
        The answer where every expert is absent.
    temperature : float
        Exponent of the rule's answers.
    weights : ndarray or None
    metas : tuple of Meta
    early : int or None
        Which of the experts is early fusion: it has nothing to add where one other expert answers, or none.
    """

    rule: str
    prior: Array
    temperature: float = 1.0
    weights: Array | None = None
    metas: tuple[Meta, ...] = ()
    early: int | None = None

    def heard(self, scores: Array) -> Array:
        """Return the scores that count, those of early fusion absent where it has nothing to add."""
        if self.early is None:
            return scores
        few = np.delete(present_experts(scores), self.early, axis=0).sum(axis=0) < 2
        scores = scores.copy()
        scores[self.early, few] = np.nan
        return scores

    def combine(self, scores: Array) -> Array:
        """Return one answer a row.

        Parameters
        ----------
        scores : ndarray of shape (n_experts, n_samples, n_classes)
            Log probabilities, NaN where an expert is absent.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        scores = self.heard(scores)
        answers = rules.product_rule(scores, self.prior)
        several = present_experts(scores).sum(axis=0) > 1
        if several.any():
            together = scores[:, several]
            if self.rule == "stacking":
                answers[several] = self._stacked(together)
            else:
                answers[several] = apply_temperature(self.plain(together), self.temperature)
        return answers

    def plain(self, scores: Array) -> Array:
        """Return what the rule makes of the scores before its temperature."""
        if self.rule in WEIGHED_RULES:
            assert self.weights is not None
            return WEIGHED_RULES[self.rule](scores, self.prior, self.weights)
        return FIXED_RULES[self.rule](scores, self.prior)

    def _stacked(self, scores: Array) -> Array:
        """Answer each row by the meta-classifier of the modalities it has; the product where none was fitted."""
        answers = rules.product_rule(scores, self.prior)
        present = present_experts(scores)
        metas = {meta.experts: meta for meta in self.metas}
        for pattern in np.unique(present.T, axis=0):
            subset = tuple(np.flatnonzero(pattern).tolist())
            meta = metas.get(subset)
            if meta is not None:
                rows = np.asarray(np.all(present.T == pattern, axis=1))
                columns = meta_features(scores, subset, rows).astype(np.float32)
                given = apply_temperature(meta.part.apply(columns), self.temperature)
                codes = np.arange(len(self.prior))
                unlearned = np.where(np.isin(codes, meta.codes), 0.0, answers[rows])
                learned = align(given, meta.codes, codes)
                answers[rows] = unlearned + (1 - unlearned.sum(axis=1, keepdims=True)) * learned
        return answers


def meta_features(scores: Array, subset: tuple[int, ...], rows: Array) -> Array:
    """Return what a meta-classifier sees: the log probabilities of its experts side by side."""
    return np.concatenate([scores[number][rows] for number in subset], axis=1)
