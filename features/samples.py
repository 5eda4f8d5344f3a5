"""The sample table: one row a sample, checked once at the door so that nothing behind it needs to guess."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .column_names import likely_column
from .errors import TableError
from .files import is_url, read_bytes
from .text_cleaning import decode_text

MEDIA_COLUMNS = ("audio", "video", "image", "eeg", "physiology", "openface")
ID_COLUMNS = ("id", "sample", "sample_id", "Unnamed: 0")
NAME_COLUMNS = (*ID_COLUMNS, *MEDIA_COLUMNS, "label", "group", "split", "dialogue")
# What a cell without a value says, in tables by pandas, R, MATLAB and Excel.
MISSING = ("", "NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None")
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # how .xlsx and .xls begin


def check_samples(
    samples: pd.DataFrame, *, require_label: bool = True, root: str | os.PathLike[str] | None = None
) -> pd.DataFrame:
    """Return a canonical copy of a sample table, or raise one error that lists every bad row.

    Parameters
    ----------
    samples : pandas.DataFrame
        Unique index; any of the columns ``audio``, ``video``, ``image``, ``eeg``, ``physiology``, ``openface``
        and whatever else a registered extractor reads (paths), ``text`` (the text itself), ``label``, ``group``
        (speaker or subject), ``split``, ``start_s``, ``end_s`` (seconds), ``dialogue``, ``turn``. A missing value
        in a modality column means that the modality is absent.
    require_label : bool, default=True
        Whether ``label`` must be there, complete, and hold at least two classes.
    root : path, optional
        Folder that relative media paths start from; a path that leaves it is refused. A URL (``s3://...``) stays as it is.

    Returns
    -------
    pandas.DataFrame
        Same rows in the same order; index, labels and groups as strings, media paths absolute where
        ``root`` is given, ``start_s`` and ``end_s`` float64.

    Raises
    ------
    TableError
        Naming each bad row, what was found in it, and what is needed.

    Examples
    --------
    >>> table = pd.DataFrame({"text": ["oh no", "great"], "label": ["sad", "happy"]}, index=["a", "b"])
    >>> check_samples(table).index.tolist()
    ['a', 'b']
    """
    if not isinstance(samples, pd.DataFrame):
        raise TableError(f"a pandas DataFrame is needed, got {type(samples).__name__}")
    if samples.empty:
        raise TableError("the sample table is empty; at least one row and one column are needed")
    if not samples.columns.is_unique:
        raise TableError(f"column names repeat: {sorted(samples.columns[samples.columns.duplicated()])}")
    table = samples.copy()
    for column in table.select_dtypes("category"):
        table[column] = table[column].astype(object)
    problems: list[str] = []
    table.index = _check_index(samples.index, problems)
    for column in media_columns():
        if column in table:
            table[column] = _check_paths(table[column], root, problems)
    if "text" in table:
        table["text"] = _check_texts(table["text"], problems)
    for column in ("group", "split", "dialogue"):
        if column in table:
            table[column] = _check_names(table[column], problems, required=column == "group")
    _check_bounds(table, problems)
    if "label" in table:
        table["label"] = _check_labels(table["label"], problems, required=require_label)
    elif require_label:
        likely = likely_column("label", table.columns)
        problems.append(
            f"column 'label' is missing, the columns are {list(map(str, table.columns))[:12]}; rename "
            f'{"the one that is meant" if likely is None else repr(likely)}, or name it in a study (label = "NAME")'
        )
    if problems:
        raise TableError(problems)
    return table


def read_samples(
    path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None, require_label: bool = True
) -> pd.DataFrame:
    """Read a user's own sample table from CSV.

    Parameters
    ----------
    path : path
        UTF-8 (or UTF-16 with a byte-order mark) CSV, comma-separated, with the sample-table columns. The
        identifier is the column ``id``, ``sample`` or ``sample_id``, or the unnamed first one; where there is
        none, rows are named by their number. Names, labels and texts are kept as they are written ("007"), and a
        text may be any word, "None" and "null" too.
    root : path, optional
        Folder that relative media paths start from; the CSV's own folder by default.
    require_label : bool, default=True
        As in :func:`check_samples`; features can be extracted without labels.

    Returns
    -------
    pandas.DataFrame
        Checked by :func:`check_samples`.

    Raises
    ------
    TableError
        Where the file or a row of it is unusable.
    """
    media = media_columns()
    table = read_csv(path, names=(*NAME_COLUMNS, *media), texts=("text",))
    known = {*media, "text", "label"}
    ready = any("/" in str(column) for column in table.columns)  # features of a block, as a model is given them
    if not known & set(table.columns) and not ready:
        raise TableError(f"{Path(path).name}: none of the columns {sorted(known)} found, got {list(table.columns)[:8]}")
    table = table.dropna(how="all")  # lines of nothing but commas, as spreadsheets leave them below a table
    if table.empty:
        raise TableError(f"{Path(path).name}: the table has a header and no rows")
    names = [column for column in ID_COLUMNS if column in table]
    if names:
        table = table.set_index(names[0])
    else:
        table.index = pd.Index([f"row{number:06d}" for number in range(1, len(table) + 1)])
    return check_samples(table, require_label=require_label, root=Path(path).parent if root is None else root)


def media_columns() -> tuple[str, ...]:
    """Return the columns that hold paths: ``MEDIA_COLUMNS`` and those of every other registered extractor."""
    from .extractors import source_columns  # extractors import this module

    return tuple(dict.fromkeys(column for column in (*MEDIA_COLUMNS, *source_columns()) if column != "text"))


def read_csv(path: str | os.PathLike[str], *, names: Collection[str] = (), texts: Collection[str] = ()) -> pd.DataFrame:
    """Read a CSV table as its text says, refusing what would be read wrongly in silence.

    Parameters
    ----------
    path : path
    names, texts : collection of str
        Columns that are strings even where all look like numbers; in ``texts``, words such as "None" and "NA" are
        words, not missing values.

    Returns
    -------
    pandas.DataFrame
        Columns with their names stripped of spaces.

    Raises
    ------
    TableError
        Not UTF-8, separated by something other than commas, ragged, with repeated column names, or without rows.
    """
    return parse_csv(read_bytes(path), Path(path).name, names=names, texts=texts)


def parse_csv(data: bytes, name: str, *, names: Collection[str] = (), texts: Collection[str] = ()) -> pd.DataFrame:
    """Do what :func:`read_csv` does for the bytes of a table called ``name``."""
    if data.startswith(WORKBOOKS):
        raise TableError(f"{name}: this is an Excel workbook; save it as CSV UTF-8, separated by commas")
    try:
        text = decode_text(data)
    except UnicodeDecodeError as error:
        raise TableError(
            f"{name}: in line {data.count(10, 0, error.start) + 1}, byte {error.start} is not UTF-8; save the table as UTF-8"
        ) from None
    if not text.strip():
        raise TableError(f"{name}: the table is empty")
    try:
        lines = csv.reader(io.StringIO(text.lstrip(), newline=None), skipinitialspace=True)
        columns = [column.strip() or f"Unnamed: {number}" for number, column in enumerate(next(lines))]
        first_row = next((line for line in lines if line), [])
    except csv.Error as error:
        raise TableError(f"{name}: not a comma-separated table ({error})") from None
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        raise TableError(f"{name}: columns seem to be separated by ';' or tab; save it separated by commas")
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        raise TableError(f"{name}: column names {repeated} repeat; rename all but one, in the first line")
    if len(first_row) > len(columns):
        raise TableError(
            f"{name}: the header names {len(columns)} columns, the first row has {len(first_row)}; write numbers "
            "with a decimal point and put text with commas in quotes"
        )
    try:
        table = pd.read_csv(
            io.StringIO(text),
            skipinitialspace=True,
            header=0,
            names=columns,
            dtype={column: str for column in columns if column in names or column in texts},
            keep_default_na=False,
            na_values={column: [""] if column in texts else list(MISSING) for column in columns},
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        what = (
            str(error).strip()
            if found is None
            else f"line {found[2]} has {found[3]} cells, the header names {found[1]}"
        )
        raise TableError(
            f"{name}: not a comma-separated table ({what}); write numbers with a decimal point and put text with commas in "
            "quotes"
        ) from None
    if table.empty:
        raise TableError(f"{name}: the table has a header and no rows")
    for column in [name for name, dtype in table.dtypes.items() if dtype.kind == "O"]:
        if "integer" in pd.api.types.infer_dtype(table[column]):  # of more than 64 bits: no array holds them
            table[column] = [_as_float(value) if isinstance(value, int) else value for value in table[column]]
    return table


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:  # of more than 308 digits
        return math.inf if value > 0 else -math.inf


def as_name(value: Any) -> str:
    """Write an identifier, group or label as text: 3, 3.0 and numpy's 3 are all ``"3"``."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, NaN or pandas NA (a list or array never is)."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _check_index(index: pd.Index, problems: list[str]) -> pd.Index:
    if isinstance(index, pd.MultiIndex):
        problems.append("the index has several levels; one unique name a sample is needed")
        return index
    missing = np.flatnonzero(index.isna())
    problems += [f"row {position}: the sample has no name" for position in missing]
    strings = None if len(missing) else _strings(index)
    values = [as_name(value) for value in index] if strings is None else strings
    names = pd.Index(values, dtype=object, name="sample")
    repeated = names[names.duplicated()]
    counts = repeated.value_counts(sort=False) + 1
    problems += [
        f"sample {name!r}: the name stands in {counts[name]} rows; each needs its own" for name in repeated.unique()
    ]
    return names


def _strings(values: pd.Series | pd.Index) -> npt.NDArray[np.object_] | None:
    """Return values with None where one is missing, or None where one is not a string and each must be looked at.

    Looking at each value of a million rows takes long, and nearly all tables hold strings where strings are needed.
    """
    found = np.array(values, dtype=object)
    missing = pd.isna(found)
    if not set(map(type, found[~missing])) <= {str}:
        return None
    found[missing] = None
    return found


def _check_paths(column: pd.Series, root: str | os.PathLike[str] | None, problems: list[str]) -> pd.Series:
    base = None if root is None else Path(os.path.realpath(root))
    values: list[str | None] = []
    for name, value in column.items():
        if is_missing(value) or value == "":
            values.append(None)
            continue
        if isinstance(value, bytes):
            value = os.fsdecode(value)
        if not isinstance(value, (str, os.PathLike)):
            problems.append(f"sample {name!r}: {column.name} must be a path, got {value!r}")
            values.append(None)
            continue
        if "\0" in str(value):
            problems.append(f"sample {name!r}: {column.name} {str(value)!r} holds a null character")
            values.append(None)
            continue
        if is_url(value):
            if not str(value).startswith("file://"):  # what it names is found when it is read
                values.append(str(value))
                continue
            value = str(value).removeprefix("file://")
        path = Path(value)
        if base is not None:
            path = base / path
            if not Path(os.path.realpath(path)).is_relative_to(base):
                problems.append(
                    f"sample {name!r}: {column.name} {str(value)!r} lies outside {str(root)!r}; give the folder that holds "
                    "all files with --root"
                )
        values.append(str(path))
    return pd.Series(values, index=column.index, dtype=object)


def _check_texts(column: pd.Series, problems: list[str]) -> pd.Series:
    strings = _strings(column)
    if strings is not None:
        return pd.Series(strings, index=column.index, dtype=object)
    values: list[str | None] = []
    for name, value in column.items():
        if is_missing(value):
            values.append(None)
            continue
        if isinstance(value, bytes):
            try:
                value = decode_text(value)
            except UnicodeDecodeError as error:
                problems.append(f"sample {name!r}: byte {error.start} of its text is not UTF-8")
                value = ""
        elif not isinstance(value, str):
            problems.append(f"sample {name!r}: text must be a string, got {type(value).__name__} {value!r}")
            value = ""
        values.append(value)
    return pd.Series(values, index=column.index, dtype=object)


def _check_names(column: pd.Series, problems: list[str], *, required: bool) -> pd.Series:
    values = _as_names(column)
    if required:
        problems += [f"sample {name!r}: its {column.name} is missing" for name in column.index[values.isna()]]
    return values


def _as_names(column: pd.Series) -> pd.Series:
    """Return a column as text, None where a value is missing."""
    strings = _strings(column)
    values = [None if is_missing(value) else as_name(value) for value in column] if strings is None else strings
    return pd.Series(values, index=column.index, dtype=object, name=column.name)


def _check_bounds(table: pd.DataFrame, problems: list[str]) -> None:
    for column in ("start_s", "end_s"):
        if column in table:
            numbers = pd.to_numeric(table[column], errors="coerce").astype("float64")
            bad = (numbers.isna() & ~table[column].isna()) | (numbers < 0) | np.isinf(numbers)
            problems += [
                f"sample {name!r}: {column} must be seconds from 0 with a decimal point, got {value!r}"
                for name, value in table.loc[bad, column].items()
            ]
            table[column] = numbers
    if {"start_s", "end_s"} <= set(table.columns):
        reversed_ = table["end_s"] <= table["start_s"].fillna(0.0)
        problems += [f"sample {name!r}: end_s must be later than start_s" for name in table.index[reversed_]]


def _check_labels(column: pd.Series, problems: list[str], *, required: bool) -> pd.Series:
    values = _as_names(column)
    missing = values.isna()
    if required:
        problems += [f"sample {name!r}: its label is missing" for name in column.index[missing]]
    if _strings(column) is None:
        present = column[~missing]
        is_text = present.map(lambda value: isinstance(value, str))
        if is_text.any() and not is_text.all():
            examples = [repr(present[is_text].iloc[0]), repr(present[~is_text].iloc[0])]
            problems.append(f"labels mix text and numbers ({', '.join(examples)}); write them all as text")
    names = values[~missing]
    spellings: dict[str, set[str]] = {}
    for name in names.unique():
        spellings.setdefault(name.strip().casefold(), set()).add(name)
    for found in spellings.values():
        if len(found) > 1 or any(name != name.strip() or not name for name in found):
            counts = names[names.isin(found)].value_counts()
            usual = counts.index[0]  # where one spelling is the commonest, and a clean one, the others are to be mended
            right = [usual] if (counts == counts.iloc[0]).sum() == 1 and usual == usual.strip() else []
            bad = names.index[names.isin(found) & ~names.isin(right)]
            problems.append(
                f"labels {sorted(found)} differ only in spaces or case, or begin or end with a space "
                f"(samples {', '.join(map(repr, bad[:5]))}{' …' if len(bad) > 5 else ''})"
            )
    if required and names.nunique() < 2 and not problems:
        problems.append(f"at least two classes are needed, got {sorted(names.unique())}")
    return values
