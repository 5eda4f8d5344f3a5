"""Early fusion once its parts are fitted: how blocks stand side by side, and which classifier answers which row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from .rules import Array

# Takes the blocks that a classifier knows (None for the one of all blocks) and its columns; returns probabilities.
Ask = Callable[[tuple[str, ...] | None, Array], Array]


@dataclass(frozen=True)
class Concatenation:
    """How blocks stand side by side.

    Attributes
    ----------
    names : tuple of str
    widths : tuple of int
        Columns of each block.
    weights : tuple of float
        Share of the variance of each block, relative to the others'.
    scaled : bool
        Whether the weights are used.
    partial : tuple of str
        The blocks that training rows lacked.
    takes_nan : bool
        Whether the classifier is shown NaN where a block is absent; others are shown 0, and a column that says so.
    """

    names: tuple[str, ...]
    widths: tuple[int, ...]
    weights: tuple[float, ...]
    scaled: bool
    partial: tuple[str, ...]
    takes_nan: bool

    def answers(
        self,
        columns: Mapping[str, Array],
        here: Mapping[str, Array],
        subsets: Collection[tuple[str, ...]],
        prior: Array,
        ask: Ask,
    ) -> Array:
        """Answer each row by the classifier of exactly the blocks it has, else by that of all; by the prior where it has none.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (n_samples, width), float32
        here : mapping of str to ndarray of shape (n_samples,), bool
        subsets : collection of tuple of str
            The blocks of the classifiers of some blocks.
        prior : ndarray of shape (n_classes,)
        ask : callable

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        present = np.stack([here[name] for name in self.names])
        answers = np.tile(prior, (present.shape[1], 1))
        remaining = present.any(axis=0)
        for subset in subsets:
            rows = np.all([here[name] == (name in subset) for name in self.names], axis=0)
            if rows.any():
                answers[rows] = ask(subset, self.side_by_side(columns, subset, rows))
                remaining &= ~rows
        if remaining.any():
            answers[remaining] = ask(None, self.joined(columns, present)[remaining])
        return answers

    def side_by_side(self, columns: Mapping[str, Array], names: Collection[str], rows: Array) -> Array:
        """Put some blocks, of rows that have them, side by side."""
        return np.hstack([self.factor(name, names) * columns[name][rows] for name in names])

    def joined(self, columns: Mapping[str, Array], present: Array) -> Array:
        """Put all blocks side by side; what is absent is NaN to trees, and for others 0 beside a column that says so."""
        parts: list[Array] = []
        for name, there in zip(self.names, present, strict=True):
            filled = np.float32(np.nan if self.takes_nan else 0.0)
            parts.append(np.where(there[:, None], self.factor(name, self.names) * columns[name], filled))
            if name in self.partial and not self.takes_nan:
                parts.append(np.where(there, 1.0, -1.0).astype(np.float32)[:, None])
        return np.hstack(parts)

    def factor(self, name: str, names: Collection[str]) -> np.float32:
        """Return what a block is multiplied by among others, so that each has its share of the variance."""
        if not self.scaled:
            return np.float32(1)
        widths = dict(zip(self.names, self.widths, strict=True))
        shares = dict(zip(self.names, self.weights, strict=True))
        total = sum(widths[other] for other in names)
        return np.float32(np.sqrt(shares[name] / sum(shares[other] for other in names) * total / widths[name]))
