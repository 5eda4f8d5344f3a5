"""A fitted fusion as frozen numbers: block features in, the answers of experts and of their fusion out.

What :class:`~emofuse.fusion.late.LateFusion`, :class:`~emofuse.fusion.early.EarlyFusion` and
:class:`~emofuse.fusion.hybrid.HybridFusion` answer for a block table, these answer for plain arrays, to the last bit, without
scikit-learn or pandas. Rows are readied once; which of their blocks count is asked afterwards, as often as one likes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from ..classifiers.calibration import align, log_clipped
from .combination import Combination
from .concatenation import Concatenation
from .rules import Array


@dataclass(frozen=True)
class BlockRows:
    """The rows of one block.

    Attributes
    ----------
    values : ndarray of shape (n_present, n_features), float32, or sequence of str
        Of the rows in which the block is present.
    present : ndarray of shape (n_samples,), bool
    """

    values: Any
    present: Array


@dataclass(frozen=True)
class Known:
    """A classifier, and which of the model's classes it knows.

    Attributes
    ----------
    part : Part
    codes : ndarray of int
    """

    part: Any
    codes: Array

    def answers(self, rows: Any, n_classes: int) -> Array:
        """Return probabilities of shape (n_samples, n_classes), 0 for the classes it does not know."""
        return align(self.part.apply(rows), self.codes, np.arange(n_classes))


@dataclass(frozen=True)
class Readied:
    """What does not depend on which blocks count.

    Attributes
    ----------
    scores : dict of str to ndarray of shape (n_samples, n_classes)
        Log probabilities of the expert of each block, NaN where it is absent.
    columns : dict of str to ndarray of shape (n_samples, width)
        What early fusion sees of each block.
    present : dict of str to ndarray of shape (n_samples,), bool
    """

    scores: dict[str, Array]
    columns: dict[str, Array]
    present: dict[str, Array]

    def with_blocks(self, masks: Sequence[frozenset[str]]) -> Readied:
        """Return a single sample once for each set of blocks, all others absent."""
        keep = {name: np.array([name in mask for mask in masks]) for name in self.present}
        scores = {
            name: np.where(keep[name][:, None], np.repeat(logs, len(masks), axis=0), np.nan)
            for name, logs in self.scores.items()
        }
        columns = {name: np.repeat(values, len(masks), axis=0) for name, values in self.columns.items()}
        return Readied(scores, columns, {name: keep[name] & there for name, there in self.present.items()})


@dataclass(frozen=True)
class BlockExpert:
    """The expert of one block.

    Attributes
    ----------
    block : str
    known : Known
    calibrator : Calibrator
    """

    block: str
    known: Known
    calibrator: Any

    def log_probabilities(self, rows: BlockRows, n_classes: int) -> Array:
        """Return shape (n_samples, n_classes), NaN where the block is absent."""
        logs = np.full((len(rows.present), n_classes), np.nan)
        if rows.present.any():
            logs[rows.present] = log_clipped(self.calibrator.apply(self.known.answers(rows.values, n_classes)))
        return logs


@dataclass(frozen=True)
class EarlyModel:
    """Early fusion.

    Attributes
    ----------
    layout : Concatenation
    fronts : tuple of Part
        One a block, in the order of the layout.
    classifier : Known
    subsets : tuple of tuple of str
    reduced : tuple of Known
        The classifiers of the subsets.
    prior : ndarray of shape (n_classes,)
    calibrator : Calibrator
    """

    layout: Concatenation
    fronts: tuple[Any, ...]
    classifier: Known
    subsets: tuple[tuple[str, ...], ...]
    reduced: tuple[Known, ...]
    prior: Array
    calibrator: Any

    def ready(self, rows: Mapping[str, BlockRows]) -> Readied:
        """Return what each block's front makes of it."""
        columns = {}
        for name, width, front in zip(self.layout.names, self.layout.widths, self.fronts, strict=True):
            own = rows[name]
            columns[name] = np.zeros((len(own.present), width), dtype=np.float32)
            if own.present.any():
                given = front.apply(own.values)
                columns[name][own.present] = given.toarray() if sparse.issparse(given) else np.asarray(given)
        return Readied({}, columns, {name: rows[name].present for name in self.layout.names})

    def answer(self, readied: Readied) -> Array:
        """Return probabilities of shape (n_samples, n_classes)."""
        return self.layout.answers(readied.columns, readied.present, self.subsets, self.prior, self._ask)

    def _ask(self, subset: tuple[str, ...] | None, columns: Array) -> Array:
        known = self.classifier if subset is None else self.reduced[self.subsets.index(subset)]
        return np.asarray(self.calibrator.apply(known.answers(columns, len(self.prior))))


@dataclass(frozen=True)
class LateModel:
    """Late or hybrid fusion.

    Attributes
    ----------
    experts : tuple of BlockExpert
    early : EarlyModel or None
        The expert of all blocks, which stands behind those of single blocks.
    early_codes : ndarray of int
        The classes it knows; empty where there is none.
    early_calibrator : Calibrator or None
    combination : Combination
    """

    experts: tuple[BlockExpert, ...]
    early: EarlyModel | None
    early_codes: Array
    early_calibrator: Any
    combination: Combination

    def ready(self, rows: Mapping[str, BlockRows]) -> Readied:
        """Return the scores of the experts, and what early fusion sees."""
        n_classes = len(self.combination.prior)
        scores = {expert.block: expert.log_probabilities(rows[expert.block], n_classes) for expert in self.experts}
        present = {expert.block: rows[expert.block].present for expert in self.experts}
        columns = {} if self.early is None else self.early.ready(rows).columns
        return Readied(scores, columns, present)

    def answer(self, readied: Readied) -> Array:
        """Return probabilities of shape (n_samples, n_classes)."""
        scores = [readied.scores[expert.block] for expert in self.experts]
        if self.early is not None:
            anything = np.any(list(readied.present.values()), axis=0)
            logs = np.full(scores[0].shape, np.nan)
            if anything.any():
                rows = replace(
                    readied,
                    columns={name: values[anything] for name, values in readied.columns.items()},
                    present={name: there[anything] for name, there in readied.present.items()},
                )
                answers = align(self.early.answer(rows), self.early_codes, np.arange(len(self.combination.prior)))
                logs[anything] = log_clipped(self.early_calibrator.apply(answers))
            scores.append(logs)
        return self.combination.combine(np.stack(scores))


FusedModel = EarlyModel | LateModel
