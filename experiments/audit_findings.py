"""What every check of the audit is given and gives back: the samples with their folds, findings, and who stands across."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from .protocols import Fold
from .study import Study

Severity = Literal["refused", "warning", "note"]
LISTED = 8


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    severity : {"refused", "warning", "note"}
    kind : str
        Short stable name, such as ``label_leak``.
    where : str
        The table and columns, or the samples.
    message : str
    used : bool
        Whether the study uses what was found; a refused finding that it uses fails the audit.
    """

    severity: Severity
    kind: str
    where: str
    message: str
    used: bool


@dataclass(frozen=True)
class Audited:
    """What is looked at.

    Attributes
    ----------
    study : Study
    samples : pandas.DataFrame
        The sample table with the study's labels, grouped as the corpus is.
    folds : list of Fold
        Of the study's protocol; none where it cannot split these samples.
    owned_up : bool
        Whether the study says itself that its split leaks, so that a leak is told and not held against it.
    synthetic : bool
        Whether a program made the corpus, modality by modality and from a few words: what would be a fault of recorded
        samples is how it works.
    group_name : str
        What a group is: "speaker" or "subject".
    """

    study: Study
    samples: pd.DataFrame
    folds: list[Fold]
    owned_up: bool
    synthetic: bool = False
    group_name: str = "speaker"

    @property
    def leak(self) -> Severity:
        """How grave it is that something stands on both sides of a fold."""
        return "warning" if self.owned_up else "refused"

    @property
    def reads_text(self) -> bool:
        """Whether a block of the study is made of the words."""
        return any(spec.reads_text for spec in self.study.blocks.values())


@dataclass(frozen=True)
class Across:
    """The worst fold that has something on both sides: how many test rows, and one of them with its training row."""

    fold: str
    n_shared: int
    n_test: int
    test_row: int
    train_row: int

    def told(self, names: pd.Index, what: str) -> str:
        """Return a line such as "fold '1': 3 of 20 test samples share … (such as 'a' with 'b')"."""
        example = f"such as {names[self.test_row]!r} with {names[self.train_row]!r}"
        return f"fold {self.fold!r}: {self.n_shared} of {self.n_test} test samples {what} ({example})"


def pairs_across(pairs: npt.NDArray[np.intp], folds: Iterable[Fold]) -> Across | None:
    """Return where pairs of rows stand on both sides of a fold; None where every pair is on one side of every fold.

    Parameters
    ----------
    pairs : ndarray of shape (n_pairs, 2)
        Positions of rows.
    folds : iterable of Fold

    Examples
    --------
    >>> fold = Fold("1", train=np.array([0, 1]), test=np.array([2, 3]))
    >>> pairs_across(np.array([[0, 1], [3, 0]]), [fold])
    Across(fold='1', n_shared=1, n_test=2, test_row=3, train_row=0)
    """
    worst: Across | None = None
    for fold in folds if len(pairs) else []:
        both = np.concatenate([pairs, pairs[:, ::-1]])
        split = both[np.isin(both[:, 0], fold.test) & np.isin(both[:, 1], fold.train)]
        shared = len(np.unique(split[:, 0]))
        if shared > (worst.n_shared if worst else 0):
            worst = Across(fold.name, shared, len(fold.test), int(split[0, 0]), int(split[0, 1]))
    return worst


def keys_across(keys: Any, folds: Iterable[Fold]) -> Across | None:
    """Return where rows that have the same key stand on both sides of a fold; a missing key is like no other.

    Parameters
    ----------
    keys : array-like of shape (n_samples,)
    folds : iterable of Fold

    Examples
    --------
    >>> keys_across(["a", None, "a", None], [Fold("1", train=np.array([0, 1]), test=np.array([2, 3]))])
    Across(fold='1', n_shared=1, n_test=2, test_row=2, train_row=0)
    """
    codes = pd.factorize(np.asarray(keys, dtype=object))[0]
    worst: Across | None = None
    for fold in folds:
        test = fold.test[codes[fold.test] >= 0]
        shared = test[np.isin(codes[test], codes[fold.train])]
        if len(shared) > (worst.n_shared if worst else 0):
            other = fold.train[codes[fold.train] == codes[shared[0]]][0]
            worst = Across(fold.name, len(shared), len(fold.test), int(shared[0]), int(other))
    return worst


def listed(names: Iterable[Any], *, all_of_them: bool = False) -> str:
    """Return names in one line, the first eight of many unless all are wanted."""
    shown = [str(name) for name in names]
    if all_of_them or len(shown) <= LISTED:
        return ", ".join(shown)
    return f"{', '.join(shown[:LISTED])} and {len(shown) - LISTED} more"
