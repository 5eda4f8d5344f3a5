"""Transforms that were fitted before the split: columns whose moments over all samples are too round to be measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from .audit_findings import Audited, Finding, listed

FEWEST_COLUMNS = 3
MOST = 0.8  # share of a table's measured columns that a transform must have touched
ROUND = (
    1e-4  # what a table written with four digits keeps of a mean of 0; columns scaled by training alone miss it by far
)
FEWEST_ROWS = 30
LEVELS = 12  # a column of fewer distinct values is a code, a vote or a flag
AT_EDGE = 0.01  # a share or a rate stands at 0 or 1 in many rows, a scaled measurement once
UNCORRELATED = 1e-4

Table = npt.NDArray[np.float64]


def fitted_before_split(audited: Audited, name: str, table: pd.DataFrame, used: set[str]) -> list[Finding]:
    """Return what is to be said of a table whose columns were scaled, or rotated, by all samples at once.

    Parameters
    ----------
    audited : Audited
    name : str
        Of the table.
    table : pandas.DataFrame
        As it was read, whether or not each row is a sample of the study: it was made before labels were chosen.
    used : set of str
        Columns that the study uses.
    """
    numbers = table.apply(pd.to_numeric, errors="coerce").astype("float64")
    numbers = numbers.mask(numbers.abs() > np.finfo(np.float32).max)
    numbers = numbers.loc[:, (numbers.nunique() > LEVELS) & np.isfinite(numbers.to_numpy()).any(axis=0)]
    if len(numbers) < FEWEST_ROWS or numbers.shape[1] < FEWEST_COLUMNS:
        return []
    rows = numbers.to_numpy()
    where = f"{name}: {listed(numbers.columns)}"
    held = bool(set(numbers.columns) & used)
    remedy = "give the values as they were measured; scaling belongs inside the folds, where the study does it"
    if _many(standardised(rows)):
        groups = _groups(audited, numbers.index)
        if groups is not None and _by_group(rows, groups):
            message = (
                "every column has mean 0 and standard deviation 1 within each group: standardised by speaker beforehand, "
                "with the test speakers' own statistics; such numbers are adaptive, say so (or give the values as measured "
                "and set speaker_normalisation)"
            )
            return [Finding("warning", "fitted_before_split", where, message, held)]
        message = (
            f"mean 0 and standard deviation 1 over all samples, test included: standardised before the split; {remedy}"
        )
        return [Finding(audited.leak, "fitted_before_split", where, message, held)]
    if _many(squeezed(rows)) and _beyond_training(audited, numbers.loc[:, squeezed(rows)]):
        message = (
            "every column runs from exactly 0 (or -1) to exactly 1 over all samples, test included: scaled before the "
            f"split; {remedy}"
        )
        return [Finding(audited.leak, "fitted_before_split", where, message, held)]
    if uncorrelated(rows):
        message = (
            "no column correlates with any other over all samples, test included: principal components fitted before the "
            f"split; {remedy}"
        )
        return [Finding(audited.leak, "fitted_before_split", where, message, held)]
    return []


def standardised(rows: Table) -> npt.NDArray[np.bool_]:
    """Return which columns have mean 0 and standard deviation 1 (over n or n - 1) to the digits that a table keeps."""
    count = (~np.isnan(rows)).sum(axis=0)
    mean, spread = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    unbiased = spread * np.sqrt(count / np.maximum(count - 1, 1))
    return np.asarray((np.abs(mean) < ROUND) & (np.minimum(np.abs(spread - 1), np.abs(unbiased - 1)) < ROUND))


def squeezed(rows: Table) -> npt.NDArray[np.bool_]:
    """Return which columns run from exactly 0 (or -1) to exactly 1, and touch each end in next to no row."""
    low, high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    at_edge = np.maximum((rows == low).mean(axis=0), (rows == high).mean(axis=0))
    round_range = np.isclose(high, 1, rtol=0, atol=1e-9) & (
        np.isclose(low, 0, rtol=0, atol=1e-9) | np.isclose(low, -1, rtol=0, atol=1e-9)
    )
    return np.asarray(round_range & (at_edge <= max(AT_EDGE, 1.5 / len(rows))))


def uncorrelated(rows: Table) -> bool:
    """Whether no two columns correlate at all, as only scores of principal components over these very rows do."""
    if np.isnan(rows).any() or len(rows) <= rows.shape[1]:
        return False
    spread = rows.std(axis=0)
    if not (spread > 0).all():
        return False
    scaled = (rows - rows.mean(axis=0)) / spread
    correlation = scaled.T @ scaled / len(rows)
    np.fill_diagonal(correlation, 0.0)
    return bool(np.abs(correlation).max() < min(UNCORRELATED, 0.01 / np.sqrt(len(rows))))


def _beyond_training(audited: Audited, squeezed_columns: pd.DataFrame) -> bool:
    """Whether an end of the range stands in no training row of some fold: scaled by training, it would not be the end."""
    low, high = squeezed_columns.min(), squeezed_columns.max()
    for fold in audited.folds:
        train = squeezed_columns.reindex(audited.samples.index[fold.train])
        if ((train.min() > low) | (train.max() < high)).any():
            return True
    return False


def _many(columns: npt.NDArray[np.bool_]) -> bool:
    return bool(columns.sum() >= FEWEST_COLUMNS and columns.mean() >= MOST)


def _by_group(rows: Table, groups: npt.NDArray[np.object_]) -> bool:
    return all(_many(standardised(rows[groups == group])) for group in np.unique(groups))


def _groups(audited: Audited, index: pd.Index) -> npt.NDArray[np.object_] | None:
    if "group" not in audited.samples or not index.isin(audited.samples.index).all():
        return None
    groups = audited.samples["group"].reindex(index).to_numpy(dtype=object)
    smallest = pd.Series(groups).value_counts().min()
    return groups if smallest >= 3 and len(np.unique(groups)) > 1 else None
