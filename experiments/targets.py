"""What is predicted where it is no plain label: numbers, or the labels of several tasks side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..classifiers.regression_recipes import binned
from ..features.errors import StudyError, TableError
from .study import Study

MOST_SHOWN = 5
ABSENT = "-"  # the part of a joined label that a sample lacks


def target_values(labels: pd.Series, column: str) -> pd.Series:
    """Return a column of targets as float64, NaN where it is missing.

    Raises
    ------
    TableError
        A value is no finite number.
    StudyError
        Fewer than two values differ.
    """
    values = pd.to_numeric(labels, errors="coerce").astype("float64")
    bad = labels[labels.notna() & ~np.isfinite(values)]
    if len(bad):
        shown = ", ".join(f"{name!r} ({value!r})" for name, value in bad.head(MOST_SHOWN).items())
        raise TableError(f"label column {column!r} must hold finite numbers for a regression; it does not in {shown}")
    if values.nunique() < 2:
        raise StudyError(f"label column {column!r} holds {values.nunique()} values; a regression needs two at least")
    return values


def joined_labels(study: Study, samples: pd.DataFrame) -> pd.Series:
    """Return the labels of all tasks of a study as one, such as ``yes|no|yes``; missing where a sample has none of them.

    Numbers stand there by the fifth of their column that they lie in.
    """
    if isinstance(study.label_map, dict):
        found = {label for column in study.tasks for label in samples[column].dropna()}
        unused = sorted(set(study.label_map) - found)
        if unused:
            raise StudyError(f"label_map names {unused}, the labels are {sorted(found)}")
    parts = pd.DataFrame(index=samples.index)
    for column in study.tasks:
        labels = samples[column]
        if study.task == "regression":
            values = target_values(labels, column)
            there = values.notna()
            labels = pd.Series(None, index=samples.index, dtype=object)
            labels[there] = binned(values[there]).astype(str)
        elif study.labels is not None:
            labels = labels.map(study.labels)
        parts[column] = labels.map(str, na_action="ignore")
    joined = parts.fillna(ABSENT).agg("|".join, axis=1).astype(object)
    return joined.where(parts.notna().any(axis=1), None)
