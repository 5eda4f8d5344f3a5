"""What is done to training rows, and to them alone, before anything is fitted on them: children join them, classes are evened.

Everything here happens inside one fit. The rows that are held out of it, whether to test a model or to calibrate it, are
never seen here, and neither are children of theirs: a child stands where its parent does, and nowhere without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import config_context
from sklearn.base import clone

from ..classifiers.cross_fitted import KernelScores
from ..features.errors import StudyError, TableError
from .blocks import check_blocks, select_block

Array = npt.NDArray[Any]
Balance = Literal["weights", "none", "over", "under"]
BALANCES: tuple[Balance, ...] = Balance.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Children:
    """Varied copies of training rows.

    Attributes
    ----------
    X : pandas.DataFrame of shape (n_children, n_features)
        A block table with the columns of the training rows, under names of its own.
    parents : ndarray of shape (n_children,)
        Name, in the table of the training rows, of the row that each was made from. A child has its parent's label.
    varied : tuple of tuple of str
        The blocks of each child that differ from its parent's; the others are its parent's own.
    """

    X: pd.DataFrame
    parents: Array
    varied: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if len(self.X):
            check_blocks(self.X)
        if not len(self.X) == len(self.parents) == len(self.varied):
            raise TableError(
                f"children need a parent and varied blocks each, got {len(self.X)} rows, {len(self.parents)} parents and "
                f"{len(self.varied)} entries of varied blocks"
            )

    def __len__(self) -> int:
        return len(self.X)

    def of(self, names: pd.Index, block: str | None = None) -> Children:
        """Return the children of some rows, by their names; with ``block``, only those in which it is varied."""
        kept = np.isin(self.parents, names.to_numpy())
        if block is not None:
            kept &= np.array([block in varied for varied in self.varied], dtype=bool)
        if kept.all():
            return self
        rows = np.flatnonzero(kept)
        return Children(self.X.iloc[rows], self.parents[rows], tuple(self.varied[row] for row in rows))


@dataclass(frozen=True)
class Preparation:
    """How the rows of a fit are made ready.

    Attributes
    ----------
    balance : {"weights", "none", "over", "under"}
    seed : int
        Of the rows that are drawn.
    children : Children or None
        Of any rows; those whose parent is not in the fit have no part in it.
    block : str or None
        The block that is fitted, of which the rows are; None for all of them, a block table.
    """

    balance: Balance = "weights"
    seed: int = 0
    children: Children | None = None
    block: str | None = None

    def fit(self, estimator: Any, X: Any, y: Array) -> Any:
        """Fit a classifier, which is changed, on the prepared rows, and return it.

        One that prepares its own rows (early fusion) is given the children alone.
        """
        if hasattr(estimator, "restricted_to"):
            return estimator.fit(X, y, **({} if self.children is None else {"children": self.children}))
        rows, labels, origins = self.rows(X, y)
        return fit_on_copies(unweighted(estimator) if self.balance == "none" else estimator, rows, labels, origins)

    def rows(self, X: Any, y: Array) -> tuple[Any, Array, Array | None]:
        """Return the rows to fit on, their labels, and from which of the given rows each one comes.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
        y : ndarray of shape (n_samples,)

        Returns
        -------
        rows : DataFrame or array
            The very rows that were given where there is nothing to do; else under names that do not repeat.
        labels : ndarray
        origins : ndarray of int, or None
            None where each row stands for itself.
        """
        check_balance(self.balance)
        origins: Array | None = None
        if self.children is not None:
            own = self.children.of(X.index, self.block)
            if len(own):
                positions = X.index.get_indexer(pd.Index(own.parents))
                added = own.X if self.block is None else select_block(own.X, self.block, list(X.columns))
                origins = np.concatenate([np.arange(len(X)), positions])
                X, y = pd.concat([X, added[X.columns]]), np.concatenate([y, y[positions]])
        if self.balance in ("over", "under"):
            chosen = balanced_rows(np.unique(y, return_inverse=True)[1], self.balance, seed=self.seed)
            if not np.array_equal(chosen, np.arange(len(y))):
                origins = chosen if origins is None else origins[chosen]
                X, y = _taken(X, chosen), y[chosen]
        return X, y, origins


def check_balance(balance: str) -> None:
    """Raise StudyError where classes cannot be balanced in that way."""
    if balance not in BALANCES:
        raise StudyError(f"balance must be one of {list(BALANCES)}, got {balance!r}")


def balanced_rows(codes: Array, method: Literal["over", "under"], *, seed: int = 0) -> npt.NDArray[np.intp]:
    """Return positions of rows of which every class has as many: as the commonest (over) or the rarest class (under).

    Parameters
    ----------
    codes : ndarray of shape (n_samples,), int
    method : {"over", "under"}
        Rows of the rarer classes are drawn again, with replacement, each row standing once at least; or rows of the
        commoner classes are left out, drawn without replacement.
    seed : int, default=0

    Returns
    -------
    ndarray of int
        Sorted: ``0, 1, ...`` where the classes are balanced already.

    Examples
    --------
    >>> balanced_rows(np.array([0, 0, 0, 1]), "over").tolist()
    [0, 1, 2, 3, 3, 3]
    >>> len(balanced_rows(np.array([0, 0, 0, 1]), "under"))
    2
    """
    random = np.random.default_rng(seed)
    counts = np.bincount(codes)
    wanted = counts.max() if method == "over" else counts[counts > 0].min()
    chosen = []
    for code in np.flatnonzero(counts):
        rows = np.flatnonzero(codes == code)
        if method == "over":
            chosen += [rows, random.choice(rows, wanted - len(rows))]
        else:
            chosen.append(random.choice(rows, wanted, replace=False))
    return np.sort(np.concatenate(chosen))


def unweighted(estimator: Any) -> Any:
    """Return a clone in which no classifier weighs its classes, as far as it has a say in it (``balanced``)."""
    made = clone(estimator)
    names = [name for name in made.get_params() if name.rpartition("__")[2] == "balanced"]
    return made.set_params(**dict.fromkeys(names, False))


def fit_on_copies(estimator: Any, X: Any, y: Array, origins: Array | None) -> Any:
    """Fit a classifier on rows of which several come from one; whatever it cross-fits inside keeps these together."""
    if origins is None:
        return estimator.fit(X, y)
    inside = [name for name, part in estimator.get_params().items() if isinstance(part, KernelScores)]
    if not inside:
        return estimator.fit(X, y)
    with config_context(enable_metadata_routing=False):  # the names of steps say where it goes
        return estimator.fit(X, y, **{f"{name}__groups": origins for name in inside})


def check_children(children: Children | None, X: pd.DataFrame) -> None:
    """Refuse children that do not suit the training rows: other columns, or the name of a training row."""
    if children is None or not len(children):
        return
    shared = children.X.index.intersection(X.index)
    if len(shared):
        raise TableError(f"child {shared[0]!r} has the name of a training row; give children names of their own")
    missing = [column for column in X.columns if column not in children.X]
    if missing:
        raise TableError(f"the children lack the columns {missing[:5]} of the training rows ({len(missing)})")


def _taken(X: Any, rows: Array) -> Any:
    """Return rows by position; a row that stands again gets a name of its own."""
    if not isinstance(X, pd.DataFrame):
        return X[rows]
    taken = X.iloc[rows]
    again = taken.index.duplicated()
    if again.any():
        taken = taken.set_axis(pd.Index(np.arange(len(taken))))
    return taken
