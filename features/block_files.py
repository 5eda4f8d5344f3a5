"""Block tables on the disk, as ``emofuse extract --out`` writes them: read a part at a time, for what memory cannot hold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import TableError

Array = npt.NDArray[Any]
ROWS_A_PART = 65_536


def block_batches(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    labels: pd.Series,
    *,
    blocks: Sequence[str] | None = None,
    n_rows: int = ROWS_A_PART,
) -> Iterator[tuple[npt.NDArray[np.float32], Array]]:
    """Yield the labelled rows of block tables, a part at a time.

    Parameters
    ----------
    path : path or sequence of path
        Parquet files with columns ``block/feature`` and the names of the samples as index; several have the same columns.
    labels : pandas.Series
        By the names of the samples; rows of other samples are passed over, as those of speakers that are held out.
    blocks : sequence of str, optional
        Which blocks, side by side; all of them by default.
    n_rows : int, default=65536
        Rows that are read at a time.

    Yields
    ------
    X : ndarray of shape (at most n_rows, n_features), float32
        NaN where a block is absent.
    y : ndarray
        Their labels.

    Raises
    ------
    TableError
        A file is no such table, or has no such block; a sample has two labels.
    """
    if not labels.index.is_unique:
        raise TableError(f"sample {labels.index[labels.index.duplicated()][0]!r} has two labels; drop one")
    from pyarrow.lib import ArrowException
    from pyarrow.parquet import ParquetFile

    for one in [path] if isinstance(path, str | os.PathLike) else path:
        try:
            with ParquetFile(one) as file:
                columns = _columns(file.schema_arrow, Path(one).name, blocks)
                for part in file.iter_batches(
                    n_rows, columns=[*columns, _index_name(file.schema_arrow, Path(one).name)]
                ):
                    names = pd.Index(part.columns[-1].to_pylist())
                    known = names.isin(labels.index)
                    values = np.stack(
                        [column.to_numpy(zero_copy_only=False).astype(np.float32) for column in part.columns[:-1]],
                        axis=1,
                    )
                    yield values[known], labels.loc[names[known]].to_numpy()
        except (ArrowException, OSError) as error:
            raise TableError(
                f"{Path(one).name}: no Parquet table that can be read ({error}); extract it anew"
            ) from None


def _columns(schema: Any, name: str, blocks: Sequence[str] | None) -> list[str]:
    columns = [column for column in schema.names if "/" in column]
    there = list(dict.fromkeys(column.partition("/")[0] for column in columns))
    missing = [block for block in blocks or () if block not in there]
    if not columns:
        raise TableError(f"{name}: no column is named block/feature; it has {schema.names[:8]}")
    if missing:
        raise TableError(f"{name}: no block {missing[0]!r}; it has {there}")
    return [column for column in columns if blocks is None or column.partition("/")[0] in blocks]


def _index_name(schema: Any, name: str) -> str:
    """Return the column that pandas wrote the names of the samples into."""
    described = (schema.pandas_metadata or {}).get("index_columns", [])
    if len(described) != 1 or not isinstance(described[0], str):
        raise TableError(f"{name}: its rows have no names; write it with `emofuse extract --out`")
    return described[0]
