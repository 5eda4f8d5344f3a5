"""Ready-made feature tables (OpenFace, WESAD, any CSV) as blocks: columns by name, checked, float32."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from .errors import TableError
from .samples import as_name, read_csv


def read_feature_table(path: str | os.PathLike[str], *, key: str) -> pd.DataFrame:
    """Read a CSV of features with one row a sample.

    Parameters
    ----------
    path : path
    key : str
        Column that names the sample.

    Returns
    -------
    pandas.DataFrame
        Indexed by the key, every other column as in the file.

    Raises
    ------
    TableError
        No such column, or a key that repeats.
    """
    table = read_csv(path, names=(key,))
    if key not in table:
        raise TableError(f"{Path(path).name}: no column {key!r}; it has {list(table.columns)[:8]}")
    table.index = pd.Index(table.pop(key).map(as_name), name="sample", dtype=object)
    repeated = table.index[table.index.duplicated()].unique()
    if len(repeated):
        raise TableError(f"{Path(path).name}: {key} {', '.join(map(repr, repeated[:5]))} repeats; keep one row of each")
    return table


def as_block(
    table: pd.DataFrame, index: pd.Index, columns: list[str] | None = None, *, name: str = "table"
) -> pd.DataFrame:
    """Align a feature table to samples: chosen columns, in order, float32; a sample without a row is absent.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by sample.
    index : pandas.Index
        The samples, in the order wanted.
    columns : list of str, optional
        Columns to take; all of them by default.
    name : str
        What to call the table in an error.

    Returns
    -------
    pandas.DataFrame of shape (n_samples, n_columns), float32

    Raises
    ------
    TableError
        Missing columns, text where numbers are needed, infinities, or values beyond float32, each with its column.
    """
    wanted = list(table.columns) if columns is None else list(columns)
    missing = [column for column in wanted if column not in table]
    if missing:
        raise TableError(f"{name}: columns {missing} are missing; it has {list(table.columns)[:12]}")
    chosen = table[wanted]
    problems = []
    for column in wanted:
        values = pd.to_numeric(chosen[column], errors="coerce")
        bad = values.isna() & chosen[column].notna()
        if bad.any():
            row = bad.idxmax()
            problems.append(
                f"{name}: column {column!r} holds {chosen.at[row, column]!r} at {row!r}; numbers with a decimal "
                "point are needed"
            )
    if problems:
        raise TableError(problems)
    numbers = chosen.astype("float64")
    check_finite(numbers, name=name)
    return numbers.reindex(index).astype(np.float32)


def check_finite(values: pd.DataFrame, *, name: str) -> None:
    """Refuse infinities and values beyond float32, naming each column; NaN is an absent value and passes."""
    limit = float(np.finfo(np.float32).max)
    beyond = (np.abs(values.to_numpy(dtype=np.float64, na_value=np.nan)) > limit).any(axis=0)
    if beyond.any():
        bad = [str(column) for column in values.columns[beyond]]
        raise TableError(
            f"{name}: columns {bad[:8]} hold infinite values or values beyond float32 ({limit:.3g}); repair or drop them"
        )
