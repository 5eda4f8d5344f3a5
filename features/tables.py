"""Ready-made feature tables (OpenFace, WESAD, any CSV) as blocks: columns by name, checked, float32."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .errors import SampleError, TableError
from .samples import as_name, parse_csv, read_csv


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


def decode_table(data: bytes) -> pd.DataFrame:
    """Return the table that one sample's CSV holds; raise SampleError ``not_a_table`` where it holds none."""
    try:
        return parse_csv(data, "table")
    except TableError as error:
        raise SampleError("not_a_table", str(error)) from None


def number_columns(table: Any, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of one sample's table as finite numbers, for an extractor that reads rows of named columns.

    Parameters
    ----------
    table : pandas.DataFrame
    columns : sequence of str
        What is needed; other columns are left out.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, n_columns), float64

    Raises
    ------
    SampleError
        ``not_a_table`` for anything else, ``bad_columns`` where one is missing or two have the same name,
        ``not_finite`` for a cell that is empty, text or infinite.

    Examples
    --------
    >>> number_columns(pd.DataFrame({"key": ["a"], "down_s": [1]}), ["down_s"])["down_s"].tolist()
    [1.0]
    """
    if not isinstance(table, pd.DataFrame):
        raise SampleError("not_a_table", f"a path or a DataFrame is needed, got {type(table).__name__}")
    if not set(columns) <= set(table.columns) or not table.columns.is_unique:
        raise SampleError(
            "bad_columns", f"columns {list(columns)}, each once, are needed, got {list(table.columns)[:8]}"
        )
    numbers = table[list(columns)].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    bad = ~np.isfinite(numbers).all()
    if bad.any():
        column = bad.idxmax()
        raise SampleError("not_finite", f"column {column!r} holds a cell that is no finite number; repair or drop it")
    return numbers


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
    chosen = table if columns is None else table[wanted]
    if (chosen.dtypes == np.float32).all():  # as a block was written: nothing to turn into numbers
        check_finite(chosen, name=name)
        return chosen.copy() if chosen.index.equals(index) else chosen.reindex(index)
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
    if set(values.dtypes) == {np.dtype(np.float32)}:
        beyond = np.isinf(values.to_numpy()).any(axis=0)
    else:
        beyond = (np.abs(values.to_numpy(dtype=np.float64, na_value=np.nan)) > limit).any(axis=0)
    if beyond.any():
        bad = [str(column) for column in values.columns[beyond]]
        raise TableError(
            f"{name}: columns {bad[:8]} hold infinite values or values beyond float32 ({limit:.3g}); repair or drop them"
        )
