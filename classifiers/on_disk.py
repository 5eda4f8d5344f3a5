"""Boosted trees on tables larger than memory: XGBoost reads them from the disk, a part at a time, and finds the same trees.

XGBoost's external memory keeps the columns in bins of a byte each, in files of a temporary folder, and one part of them in memory
(Chen and Guestrin 2016, XGBoost, section 4.3). Nothing else is approximated: the booster is the one of the whole table in memory,
each round of which sees all rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..features.errors import TableError
from .base import balanced_weights
from .boosted import BoostedTrees

Array = npt.NDArray[Any]
# Called once for each time the rows are needed; gives them a part at a time, always the same and in the same order.
Batches = Callable[[], Iterator[tuple[Array, Array]]]


def fit_on_disk(trees: BoostedTrees, batches: Batches, *, folder: str | None = None) -> BoostedTrees:
    """Fit boosted trees to rows that come a part at a time.

    Parameters
    ----------
    trees : BoostedTrees
        Its parameters count; it is fitted, and returned.
    batches : callable
        Returns an iterator of parts ``(X, y)``: float32 of shape (n_rows, n_features), NaN where a value is missing, and labels
        of shape (n_rows,). It is called several times, and must give the same each time.
        :func:`~emofuse.features.block_files.block_batches` reads them from what ``emofuse extract --out`` wrote.
    folder : str, optional
        Where a temporary folder of about a byte a value is made; the system's own by default.

    Returns
    -------
    BoostedTrees
        As after ``fit`` on all rows together, up to the 50,000 above which ``fit`` shares rows out among the rounds.

    Raises
    ------
    TableError
        There are no rows, a part has another number of columns than the first or infinite values, or all labels are one.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    >>> y = np.where(X[:, 0] > 0, "high", "low")
    >>> trees = fit_on_disk(BoostedTrees(n_rounds=5), lambda: ((X[i : i + 20], y[i : i + 20]) for i in (0, 20, 40)))
    >>> bool((trees.predict(X) == BoostedTrees(n_rounds=5).fit(X, y).predict(X)).all())
    True
    """
    import xgboost

    labels, n_features = _labels(batches)
    trees.classes_, codes = np.unique(labels, return_inverse=True)
    trees.n_features_in_ = n_features
    if len(trees.classes_) == 1:
        raise TableError(f"all rows have the label {trees.classes_.tolist()[0]!r}; trees need two classes")
    weights = np.ones(len(codes))
    weights = balanced_weights(codes, weights) if trees.balanced else weights

    class Parts(xgboost.DataIter):
        def reset(self) -> None:
            self.coming, self.first = batches(), 0

        def next(self, input_data: Callable[..., Any]) -> bool:
            for X, _ in self.coming:
                rows = slice(self.first, self.first + len(X))
                self.first += len(X)
                if len(X):
                    input_data(data=np.asarray(X, dtype=np.float32), label=codes[rows], weight=weights[rows])
                    return True
            return False

    with tempfile.TemporaryDirectory(dir=folder, prefix="emofuse-trees-") as cache:
        parts = Parts(cache_prefix=f"{cache}/part", on_host=False)
        data = xgboost.ExtMemQuantileDMatrix(parts, max_bin=trees.max_bin, nthread=trees.n_jobs)
        trees.booster_ = xgboost.train(trees.training_parameters(), data, num_boost_round=trees.n_rounds)
        del data, parts  # their files are closed before the folder goes
    return trees


def _labels(batches: Batches) -> tuple[Array, int]:
    """Return all labels and the number of columns, once every part was looked at."""
    labels: list[Array] = []
    n_features = None
    for number, (X, y) in enumerate(batches()):
        n_features = X.shape[1] if n_features is None else n_features
        if X.shape[1] != n_features or len(X) != len(y):
            raise TableError(
                f"part {number} has {X.shape[1]} columns and {len(X)} rows for {len(y)} labels; part 0 has {n_features} columns"
            )
        if np.isinf(X).any():
            raise TableError(
                f"part {number} holds infinite values; extract the features anew, or leave the columns out"
            )
        labels.append(np.asarray(y))
    if n_features is None or not sum(map(len, labels)):
        raise TableError("there are no rows to fit; check the path, and that the labels name them")
    return np.concatenate(labels), n_features
