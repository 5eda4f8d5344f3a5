"""Gradient-boosted trees that take any labels, lack no class and start no more threads than they are told."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import LabelSafeClassifier, balanced_weights
from .heads import TreesHead
from .parts import Array

MANY_ROWS = 50_000


class BoostedTrees(LabelSafeClassifier):
    """XGBoost's histogram trees on dense float32; NaN is a missing value.

    Parameters
    ----------
    n_rounds : int, default=150
    max_depth : int, default=3
    learning_rate : float, default=0.1
    subsample : float, default=0.8
        Share of the rows that each round sees.
    colsample_bynode : float, default=0.3
        Share of the columns that each split sees.
    max_bin : int, default=64
        Histogram bins a column; wide blocks fit several times faster than with 256.
    balanced : bool, default=True
        Whether each class weighs the same.
    n_jobs : int, default=1
    random_state : int, default=0

    Attributes
    ----------
    booster_ : xgboost.Booster
        Holds ``n_jobs`` as its ``nthread``; a booster read back from a model file has to be told again.

    Notes
    -----
    Of more than 50,000 rows, each few rounds see a part: the rows are shuffled and dealt into parts of at most so many, and the
    rounds shared out among the parts. It is stochastic gradient boosting with a small share of the rows, without reading
    the others in vain: time and memory of a round do not grow with the rows.

    References
    ----------
    Chen and Guestrin (2016), XGBoost: a scalable tree boosting system, KDD. Friedman (2002), Stochastic gradient boosting,
    Computational Statistics and Data Analysis 38.
    """

    _accepts_nan = True

    def __init__(
        self,
        n_rounds: int = 150,
        max_depth: int = 3,
        learning_rate: float = 0.1,
        subsample: float = 0.8,
        colsample_bynode: float = 0.3,
        max_bin: int = 64,
        balanced: bool = True,
        n_jobs: int = 1,
        random_state: int = 0,
    ) -> None:
        self.n_rounds = n_rounds
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample_bynode = colsample_bynode
        self.max_bin = max_bin
        self.balanced = balanced
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _fit(self, X: Array, codes: Array, weights: Array) -> None:
        import xgboost

        weights = balanced_weights(codes, weights) if self.balanced else weights
        parts = _parts(len(codes), self.n_rounds, self.random_state)
        ends = np.linspace(0, self.n_rounds, len(parts) + 1).round().astype(int)
        first: Any = None
        booster: Any = None
        for number, rows in enumerate(parts):
            data = xgboost.QuantileDMatrix(
                X[rows], label=codes[rows], weight=weights[rows], max_bin=self.max_bin, ref=first, nthread=self.n_jobs
            )
            first = data if first is None else first  # its bins are those of every part
            booster = xgboost.train(
                self.training_parameters() | {"seed": self.random_state + number},
                data,
                num_boost_round=int(ends[number + 1] - ends[number]),
                xgb_model=booster,
            )
        self.booster_ = booster

    def training_parameters(self) -> dict[str, Any]:
        """Return what XGBoost is told, once ``classes_`` is known."""
        return {
            "objective": "multi:softprob",
            "num_class": len(self.classes_),
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample_bynode,
            "max_bin": self.max_bin,
            "tree_method": "hist",
            "nthread": self.n_jobs,
            "seed": self.random_state,
            "verbosity": 0,
        }

    def _head(self) -> TreesHead:
        return TreesHead(self.booster_)


def _parts(n_rows: int, n_rounds: int, seed: int) -> list[Any]:
    """Return which rows each part of the rounds sees: all of them, or shuffled parts of at most 50,000."""
    n_parts = min(n_rounds, -(-n_rows // MANY_ROWS))
    if n_parts <= 1:
        return [slice(None)]  # no copy
    return [np.sort(rows) for rows in np.array_split(np.random.default_rng(seed).permutation(n_rows), n_parts)]
