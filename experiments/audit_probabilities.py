"""Tables of class probabilities from elsewhere: whether their columns are in order, and whether they saw the label."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from .audit_findings import Audited, Finding

FEWEST_ROWS = 30
GAIN = 0.2  # in UAR over the classes that change places; true confusions of people and models stay far below
SURE = 4.0  # standard errors
GAP = 0.1  # in accuracy, between rows of training and of the test
ERRORS_LEFT = 0.5  # of the test's share of errors; what a fitted model leaves of them on its own rows is less

Part = tuple[str, npt.NDArray[np.str_], npt.NDArray[np.float64]]


def probability_findings(audited: Audited, name: str, table: pd.DataFrame, *, used: bool) -> list[Finding]:
    """Return what is to be said of a table whose columns are the classes of the study; nothing of any other table.

    Parameters
    ----------
    audited : Audited
    name : str
        Of the table.
    table : pandas.DataFrame of shape (n_samples, n_columns)
        A row a sample.
    used : bool
    """
    classes = np.unique(audited.samples["label"].to_numpy(dtype=str))
    columns = {str(column).strip().casefold(): column for column in table}
    if len(columns) != table.shape[1] or not {label.casefold() for label in classes} <= set(columns):
        return []
    numbers = table[[columns[label.casefold()] for label in classes]].apply(pd.to_numeric, errors="coerce")
    found = _order(audited, name, classes, numbers.to_numpy(dtype=np.float64), used=used)
    return found or _own_rows(audited, name, classes, numbers.to_numpy(dtype=np.float64), used=used)


def better_order(
    classes: npt.NDArray[np.str_], labels: npt.NDArray[np.str_], values: npt.NDArray[np.float64]
) -> dict[str, str] | None:
    """Return by column the class that it truly holds, where another order than the named one agrees far better.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Names of the columns of ``values``.
    labels : ndarray of shape (n_samples,)
    values : ndarray of shape (n_samples, n_classes)

    Returns
    -------
    dict of str to str, or None
        Only columns that hold another class than their name says.

    Notes
    -----
    The order maximises the sum of the classes' recalls (Kuhn 1955, The Hungarian method for the assignment problem).
    """
    codes = np.searchsorted(classes, labels)
    named = values.argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)))
    np.add.at(confusion, (codes, named), 1)
    counts = confusion.sum(axis=1)
    rates = confusion / np.maximum(counts, 1)[:, None]
    held = linear_sum_assignment(-rates)[1]  # the column that holds each class
    moved = np.flatnonzero((held != np.arange(len(classes))) & (counts > 0))
    rows = counts[moved].sum()
    if rows < FEWEST_ROWS:
        return None
    gain = rates[moved, held[moved]].mean() - rates[moved, moved].mean()
    hits = confusion[moved, held[moved]].sum() - confusion[moved, moved].sum()
    either = confusion[moved, held[moved]].sum() + confusion[moved, moved].sum()
    if gain < GAIN or hits < SURE * np.sqrt(either):
        return None
    return {str(classes[held[label]]): str(classes[label]) for label in moved}


def _order(
    audited: Audited, name: str, classes: npt.NDArray[np.str_], values: npt.NDArray[np.float64], *, used: bool
) -> list[Finding]:
    for part, labels, rows in _parts(audited, values):
        order = better_order(classes, labels, rows)
        if order is not None:
            named = (classes[rows.argmax(axis=1)] == labels).mean()
            changed = np.array([order.get(str(label), str(label)) for label in classes])
            truly = (changed[rows.argmax(axis=1)] == labels).mean()
            swaps = ", ".join(f"{column!r} holds {label!r}" for column, label in order.items())
            message = (
                f"the classes are in another order than the columns' names say{part}: {swaps}; accuracy {named:.3f} as "
                f"named, {truly:.3f} in that order: take the order of the classes from the model that made the table"
            )
            return [Finding("refused", "class_order", name, message, used)]
    return []


def _own_rows(
    audited: Audited, name: str, classes: npt.NDArray[np.str_], values: npt.NDArray[np.float64], *, used: bool
) -> list[Finding]:
    parts = {part: (labels, rows) for part, labels, rows in _parts(audited, values, sides=True)}
    if len(parts) != 2:
        return []
    (train, test) = parts
    (right, n_train, sure), (rest, n_test, unsure) = (_answers(classes, *parts[part]) for part in (train, test))
    error = np.sqrt(right * (1 - right) / n_train + rest * (1 - rest) / n_test)
    if right - rest < GAP or right - rest < SURE * error or (1 - right) > ERRORS_LEFT * (1 - rest):
        return []
    message = (
        f"accuracy {right:.1%} on the rows that training takes and {rest:.1%} on those of the test (mean confidence "
        f"{sure:.2f} and {unsure:.2f}): the scores of training rows come from a model fitted on those rows, and a stacker "
        "would learn to trust it; give out-of-fold scores for training rows"
    )
    return [Finding("refused", "in_sample_scores", name, message, used)]


def _answers(
    classes: npt.NDArray[np.str_], labels: npt.NDArray[np.str_], rows: npt.NDArray[np.float64]
) -> tuple[float, int, float]:
    right = classes[rows.argmax(axis=1)] == labels
    return float(right.mean()), len(right), float(rows.max(axis=1).mean())


def _parts(audited: Audited, values: npt.NDArray[np.float64], *, sides: bool = False) -> Iterator[Part]:
    """Yield the rows that may differ in how they were scored: all, each split, or training and test of ``official``."""
    samples = audited.samples
    labels = samples["label"].to_numpy(dtype=str)
    known = ~np.isnan(values).any(axis=1)
    chosen: list[tuple[str, npt.NDArray[np.bool_]]] = []
    if "split" in samples:
        split = samples["split"].to_numpy(dtype=object)
        protocol = audited.study.protocol
        if sides and set(protocol.train) | {protocol.test} <= set(split):
            chosen = [("train", np.isin(split, protocol.train)), ("test", split == protocol.test)]
        elif not sides:
            chosen = [(f" in the rows of split {name!r}", split == name) for name in dict.fromkeys(split) if name]
    if not sides:
        chosen.insert(0, ("", np.ones(len(labels), dtype=bool)))
    for name, rows in chosen:
        if (rows & known).sum() >= FEWEST_ROWS:
            yield name, labels[rows & known], values[rows & known]
