"""Context once it is fitted: the turns around a sample speak too, as one more expert; nothing here needs scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..classifiers.calibration import align, log_clipped
from . import rules
from .dialogue import Turns, alone, heard_around
from .fused import LateModel, Readied
from .rules import Array, present_experts


@dataclass(frozen=True)
class ContextRule:
    """How experts and the turns around a sample are put together.

    Attributes
    ----------
    prior : ndarray of shape (n_classes,)
        The answer where there is nothing to go by.
    later : bool
        Whether turns that follow are heard.
    part : Part or None
        Turns what :func:`~.dialogue.heard_around` returns into probabilities; None where training had no turn around another.
    codes : ndarray of int
        The classes it knows; of any other it gives the prior.
    weights : ndarray of shape (n_experts + 1,)
        Exponents of the experts' answers, and of what the turns around say.
    offsets : ndarray of shape (n_classes,)
        Added to the log probabilities in the end; see :func:`~.offsets.learn_offsets`.
    """

    prior: Array
    later: bool
    part: Any
    codes: Array
    weights: Array
    offsets: Array

    def combine(self, scores: Array, turns: Turns | None = None) -> Array:
        """Return one answer a row, of shape (n_samples, n_classes).

        Parameters
        ----------
        scores : ndarray of shape (n_experts, n_samples, n_classes)
            Log probabilities, NaN where an expert is absent.
        turns : Turns, optional
            Of the same rows, which hear each other and no one else; without it each row is a dialogue of its own.
        """
        turns = alone(scores.shape[1]) if turns is None else turns
        voices = np.concatenate([scores, self.neighbours(scores, turns)[None]])
        return self.decided(rules.weighted_rule(voices, self.prior, self.weights), voices)

    def neighbours(self, scores: Array, turns: Turns) -> Array:
        """Return what the turns around each row say of it, log probabilities; NaN where there are none."""
        logs = np.full(scores.shape[1:], np.nan)
        around = around_of(scores, turns, later=self.later)
        heard = is_heard(around)
        if self.part is not None and heard.any():
            classes = np.arange(len(self.prior))
            unlearned = np.where(np.isin(classes, self.codes), 0.0, self.prior)
            known = align(self.part.apply(around[heard]), self.codes, classes)
            logs[heard] = log_clipped(unlearned + (1 - unlearned.sum()) * known)
        return logs

    def decided(self, answers: Array, voices: Array) -> Array:
        """Return answers with the offsets; where nobody spoke the prior stays as it is."""
        spoken = np.any(present_experts(voices), axis=0)
        answers = answers.copy()
        answers[spoken] = with_offsets(answers[spoken], self.offsets)
        return answers


@dataclass(frozen=True)
class ContextModel(LateModel):
    """Experts of blocks that hear the turns around each row.

    Attributes
    ----------
    context : ContextRule
    """

    context: ContextRule

    def answer(self, readied: Readied, turns: Turns | None = None) -> Array:
        """Return probabilities of shape (n_samples, n_classes); without ``turns`` each row is a dialogue of its own."""
        return self.context.combine(np.stack([readied.scores[expert.block] for expert in self.experts]), turns)


def around_of(scores: Array, turns: Turns, *, later: bool) -> Array:
    """Return what is heard around each row of experts' log probabilities, where each turn is the product of its experts."""
    nothing = np.full(scores.shape[2], np.nan)
    return heard_around(rules.product_rule(scores, nothing), turns, later=later)


def is_heard(around: Array) -> Array:
    """Return in which rows anyone is heard at all."""
    return np.asarray(~np.isnan(around).all(axis=1))


def with_offsets(answers: Array, offsets: Array) -> Array:
    """Return probabilities after offsets are added to their logarithms, each row of sum 1."""
    logs = log_clipped(answers) + offsets
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
