"""Columns that cannot help or must not be used: dead, repeated, written over with the label, or naming the speaker."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from .audit_findings import Finding, Severity, listed

TELLTALE_UAR = 0.9  # one column that alone names the class of unseen groups this well has seen the label
FEWEST_ROWS = 20  # in which a count of rows, or a name of a speaker, is told from chance
FEWEST_GROUPS = 3


def column_findings(name: str, table: pd.DataFrame, samples: pd.DataFrame, used: set[str]) -> list[Finding]:
    """Return what is to be said of each column of a table, used by the study or not.

    Parameters
    ----------
    name : str
        Of the table.
    table : pandas.DataFrame
        A row a sample.
    samples : pandas.DataFrame
    used : set of str
        Columns that the study uses.
    """
    findings: list[Finding] = []

    def add(severity: Severity, kind: str, columns: list[Any], message: str) -> None:
        findings.append(
            Finding(
                severity,
                kind,
                f"{name}: {listed(columns, all_of_them=True)}" if columns else name,
                message,
                bool(set(columns) & used),
            )
        )

    numbers = table.apply(pd.to_numeric, errors="coerce")
    text = [c for c in table if (numbers[c].isna() & table[c].notna()).any()]
    if text:
        add("refused", "not_numeric", text, "columns hold something else than numbers")
    numeric = numbers.drop(columns=text).astype("float64")
    beyond = numeric.abs() > np.finfo(np.float32).max
    infinite = list(numeric.columns[beyond.any()])
    if infinite:
        add("refused", "infinite", infinite, "columns hold infinite values, or values beyond float32")
        numeric = numeric.mask(beyond)
    empty = [c for c in numeric if numeric[c].isna().all()]
    constant = [c for c in numeric if c not in empty and numeric[c].nunique() == 1]
    for kind, columns, message in (
        ("empty", empty, "no value at all"),
        ("constant", constant, "one value only"),
    ):
        if columns:
            add("warning", kind, columns, message)
    alive = numeric.drop(columns=[*empty, *constant])
    holes = alive.isna().mean()
    if (holes > 0).any():
        worst = sorted(holes[holes > 0].index, key=lambda c: -holes[c])
        add("note", "missing_values", worst, f"up to {holes.max():.1%} of the values are missing")
    families = _same_columns(alive)
    for columns in families:
        telltale = _telltale(alive[columns[0]], samples)
        if telltale >= TELLTALE_UAR:
            message = f"alone it names the class of unseen groups with a UAR of {telltale:.3f}: it has seen the label"
            add("refused", "label_leak", columns, message)
        if len(columns) > 1:
            message = f"{len(columns)} columns are the same up to scale: one of them is enough"
            add("warning", "repeated_column", columns, message)
    counts = [c for c in alive if counts_rows(alive[c])]
    if counts:
        add(
            "warning",
            "row_number",
            counts,
            "no value repeats and all rise (or fall) from row to row: a count, no feature",
        )
    if "group" in samples:
        naming = [c for c in alive if c not in counts and names_group(alive[c], samples["group"])]
        if naming:
            message = "one value a group, and no two groups share one: it names the speaker; drop it"
            add("warning", "speaker_name", naming, message)
    add(
        "note",
        "columns",
        list(table.columns[:0]),
        f"{table.shape[1]} columns, {len(families)} distinct, {len(used)} used",
    )
    return findings


def counts_rows(column: pd.Series) -> bool:
    """Whether a column rises, or falls, from each row to the next, as a number of rows or a time of recording does.

    Examples
    --------
    >>> counts_rows(pd.Series(range(40))), counts_rows(pd.Series(range(40)) % 7)
    (True, False)
    """
    values = column.dropna().to_numpy()
    if len(values) < FEWEST_ROWS:
        return False
    steps = np.diff(values)
    return bool((steps > 0).all() or (steps < 0).all())


def names_group(column: pd.Series, groups: pd.Series) -> bool:
    """Whether a column has one value in each group, and another one in every group."""
    known = column.notna()
    values, held = column[known], groups[known]
    n_groups = held.nunique()
    if n_groups < FEWEST_GROUPS or len(values) < max(FEWEST_ROWS, 2 * n_groups):
        return False
    return bool(values.nunique() == n_groups and (values.groupby(held.to_numpy()).nunique() == 1).all())


def _same_columns(table: pd.DataFrame) -> list[list[str]]:
    """Return columns in families that are equal but for an offset and a factor, each family in table order."""
    families: dict[Any, list[str]] = {}
    for column in table:
        values = table[column].to_numpy()
        centred = values - np.nanmean(values)
        scaled = centred / np.nanstd(values)
        first = scaled[np.flatnonzero(np.abs(np.nan_to_num(scaled)) > 1e-3)[0]]
        key = np.round(np.nan_to_num(scaled * np.sign(first), nan=1e9), 4) + 0.0
        families.setdefault(key.tobytes(), []).append(str(column))
    return list(families.values())


def _telltale(column: pd.Series, samples: pd.DataFrame) -> float:
    """Return the UAR of a small tree on one column, on groups (or rows) that it was not fitted on."""
    labels = samples["label"].to_numpy(dtype=str)
    tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, class_weight="balanced", random_state=0)
    values = column.fillna(column.median()).to_numpy()[:, None]
    groups = samples["group"].to_numpy(dtype=str) if "group" in samples else None
    smallest = int(pd.Series(labels).value_counts().min())
    if groups is not None and len(np.unique(groups)) > 1:
        splitter: Any = GroupKFold(min(5, len(np.unique(groups))))
    elif smallest > 1:
        splitter = StratifiedKFold(min(5, smallest))
    else:
        splitter = KFold(min(5, len(labels)), shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fold may lack a class; its recall counts as it comes
        answers = cross_val_predict(tree, values, labels, groups=groups, cv=splitter)
        return float(balanced_accuracy_score(labels, answers))
