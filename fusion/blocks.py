"""The block table: all features of all modalities in one DataFrame with two-level columns (block, feature)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.errors import TableError
from ..features.tables import check_finite

LEVELS = ["block", "feature"]


def join_blocks(blocks: Mapping[str, pd.DataFrame | pd.Series]) -> pd.DataFrame:
    """Put blocks side by side.

    Parameters
    ----------
    blocks : mapping of str to DataFrame (n_samples, n_features) or Series of str
        All with the same index. Numbers become float32; a Series of texts becomes the feature ``utterance``.

    Returns
    -------
    pandas.DataFrame
        Two-level columns ``(block, feature)``.

    Raises
    ------
    TableError
        No block, or an index that differs or repeats.

    Examples
    --------
    >>> X = join_blocks({"audio": pd.DataFrame({"F0": [1.0, 2.0]}), "text": pd.Series(["oh", None])})
    >>> X.columns.tolist()
    [('audio', 'F0'), ('text', 'utterance')]
    """
    if not blocks:
        raise TableError("at least one block is needed")
    parts = {}
    index = next(iter(blocks.values())).index
    for name, block in blocks.items():
        if isinstance(block, pd.Series):
            block = block.astype(object).to_frame("utterance")
        else:
            check_finite(block, name=f"block {name!r}")
            block = block.astype(np.float32)
        if not block.index.equals(index):
            raise TableError(f"block {name!r} has other rows than the first block; align them to the samples")
        parts[name] = block
    joined = pd.concat(parts, axis=1, names=LEVELS)
    check_blocks(joined)
    return joined


def check_blocks(X: Any) -> None:
    """Refuse what is no block table: single-level columns, repeated rows or columns."""
    if not isinstance(X, pd.DataFrame) or X.columns.nlevels != 2:
        raise TableError(
            "a block table is needed: a DataFrame with two-level columns (block, feature); see join_blocks"
        )
    if not len(X):
        raise TableError("the block table has no rows")
    if not X.index.is_unique:
        repeated = X.index[X.index.duplicated()].unique()
        raise TableError(f"sample {repeated[0]!r} stands in several rows of the block table; names must be unique")
    if not X.columns.is_unique:
        raise TableError(f"column {X.columns[X.columns.duplicated()][0]} stands in the block table twice")


def select_block(X: pd.DataFrame, block: str, features: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one block, its columns in the order of ``features`` whatever their order in the table.

    Raises
    ------
    TableError
        The block, or a feature of it, is missing, or there are features that training did not have.
    """
    if block not in X.columns.get_level_values(0):
        raise TableError(f"block {block!r} is missing; the table has {sorted(set(X.columns.get_level_values(0)))}")
    table = pd.DataFrame(X[block])
    if features is None or list(table.columns) == list(features):
        return table
    missing = [name for name in features if name not in table]
    extra = [name for name in table.columns if name not in set(features)]
    if missing or extra:
        raise TableError(
            f"block {block!r} differs from training: missing {missing[:5]} ({len(missing)}), new {extra[:5]} ({len(extra)})"
        )
    return table[list(features)]


def present_rows(block: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return for each row whether anything of a block (or of a block table) is there; all-NaN is absent."""
    return np.asarray(block.notna().any(axis=1).to_numpy(), dtype=bool)
