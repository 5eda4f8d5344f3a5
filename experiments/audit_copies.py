"""Copies: samples whose features are equal to the last digit, and classes that were balanced by copying samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .audit_findings import Audited, Finding, keys_across, listed
from .protocols import text_key

CHANCE = 0.01  # expected number of pairs of rows that are equal by chance, above which equal rows say nothing
HARDLY = 0.01  # equal pairs where none of two values was seen to repeat
FEWEST_COPIES = 5
COPIED_SHARE = 0.3  # of a class, where the commonest class has next to none
NEXT_TO_NONE = 0.02

Keys = npt.NDArray[np.object_]


def row_keys(table: pd.DataFrame) -> Keys:
    """Return a key for each row of a feature table that equal rows share; None where equality would say nothing.

    It says nothing of an absent row, of one that holds a single value throughout, and of a table so coarse, such as
    shares of ten votes, that rows are equal by chance.

    Parameters
    ----------
    table : pandas.DataFrame of shape (n_samples, n_columns)

    Returns
    -------
    ndarray of shape (n_samples,), object

    Notes
    -----
    Over the distinct rows, two values of a column are equal with a probability that is counted (Simpson 1949, Measurement
    of diversity, Nature 163); the root of the product over columns, as columns are dependent, times the number of pairs of
    rows is what is expected by chance.
    """
    values = table.to_numpy(dtype=np.float32) + np.float32(0.0)  # -0 and 0 have different bytes
    keys: Keys = np.full(len(values), None, dtype=object)
    if values.shape[1] < 2 or not len(values):
        return keys
    missing = np.isnan(values)
    telling = np.where(missing, np.inf, values).min(axis=1) < np.where(missing, -np.inf, values).max(axis=1)
    bytes_of = np.array([row.tobytes() for row in values], dtype=object)
    rows = values[telling & ~pd.Series(bytes_of).duplicated().to_numpy()]
    if len(rows) < 2:
        return keys
    logs = 0.0
    for column in rows.T:
        counts = np.unique(column, return_counts=True)[1]
        equal = float((counts * (counts - 1.0)).sum()) + HARDLY
        logs += np.log10(equal / (len(rows) * (len(rows) - 1.0)))
    if logs / 2 + 2 * np.log10(len(rows)) - np.log10(2) > np.log10(CHANCE):
        return keys
    keys[telling] = bytes_of[telling]
    return keys


def equal_rows(audited: Audited, name: str, keys: Keys, *, used: bool) -> list[Finding]:
    """Return what is to be said of rows of a table that are equal in every column."""
    repeated = pd.Series(keys, dtype=object).dropna()
    repeated = repeated[repeated.duplicated(keep=False)]
    if repeated.empty:
        return []
    names = audited.samples.index
    many = f"{len(repeated)} samples have {repeated.nunique()} {_rows(repeated.nunique())}, equal in every column"
    across = keys_across(keys, audited.folds)
    if across:
        told = across.told(names, "have the very row of a training sample")
        message = f"{many}; {told}: keep one of each, and split before anything is copied"
        return [Finding(audited.leak, "equal_rows", name, message, used)]
    if "group" in audited.samples:
        groups = audited.samples["group"].iloc[repeated.index].groupby(repeated.to_numpy()).nunique()
        if (groups > 1).any():
            message = f"{many}, {int((groups > 1).sum())} of them in several groups: was the table joined wrongly?"
            return [Finding("warning", "equal_rows", name, message, used)]
    where = f"{name}: {listed(names[repeated.index])}"
    return [Finding("warning", "equal_rows", where, f"{many}, each within a group: keep one of each", used)]


def _rows(number: int) -> str:
    return "row between them" if number == 1 else "rows between them"


def whole_copies(audited: Audited, hashes: Mapping[str, pd.Series], tables: Mapping[str, Keys]) -> Keys:
    """Return a key that samples share whose files, words and table rows are all equal; None where none could tell."""
    samples = audited.samples
    parts: list[Any] = [series.reindex(samples.index).to_numpy(dtype=object) for series in hashes.values()]
    parts += list(tables.values())
    if audited.reads_text and "text" in samples:
        parts.append(samples["text"].map(text_key, na_action="ignore").to_numpy(dtype=object))
    bounds = samples.reindex(columns=["start_s", "end_s"]).astype("float64").fillna(-1.0).to_numpy()
    keys: Keys = np.full(len(samples), None, dtype=object)
    for row, found in enumerate(zip(*parts, strict=True)):
        if not all(pd.isna(part) for part in found):
            known = tuple(None if pd.isna(part) else part for part in found)
            keys[row] = (known, *bounds[row], samples["label"].iloc[row])
    return keys


def oversampled(audited: Audited, keys: Keys) -> list[Finding]:
    """Return whether the rarer classes were filled up with copies, which tests a model on what it was trained on."""
    samples = audited.samples
    known = pd.Series(keys, dtype=object)
    copy = (known.duplicated() & known.notna()).to_numpy()
    labels = samples["label"].to_numpy(dtype=str)
    counts = pd.Series(labels).value_counts()
    distinct = pd.Series(labels[~copy]).value_counts().reindex(counts.index)
    share = 1 - distinct / counts
    commonest = str(distinct.idxmax())
    equal = counts.nunique() == 1 and distinct.nunique() > 1
    rare_ones = share.drop(commonest).max() >= COPIED_SHARE and share[commonest] <= NEXT_TO_NONE
    if copy.sum() < FEWEST_COPIES or not (equal or rare_ones):
        return []
    copied = [
        f"{name} {counts[name] - distinct[name]} of {counts[name]}"
        for name in share[share > 0].sort_values(ascending=False).index
    ]
    balance = (
        f"all classes have {counts.iloc[0]} samples, and only by copies" if equal else "the rarer classes hold copies"
    )
    what = f"{balance} ({', '.join(copied)})"
    across = keys_across(keys, audited.folds)
    if across is None:
        message = (
            f"oversampled before the split: {what}; copies stay on one side here, yet each counts again in every number: "
            "drop them, and let the classifier weigh the classes"
        )
        return [Finding("warning", "oversampling", "label", message, True)]
    told = across.told(samples.index, "are copies of training samples")
    message = f"oversampled before the split: {what}; {told}: drop the copies, split, and let the classifier weigh the classes"
    return [Finding(audited.leak, "oversampling", "label", message, True)]
