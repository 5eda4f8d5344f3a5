"""What there is how often: classes, groups, columns, missing modalities, repeated texts, unusable samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..features.samples import media_columns
from .explore_data import Explored, present

MOST_VALUES = 12  # of a column that classes are counted by
MOST_COLUMNS = 8
MOST_REPEATED = 8
MOST_LISTED = 1000  # groups whose classes are told one by one, the largest first
Counts = dict[str, Any]


def count_classes(explored: Explored) -> Counts:
    """Return how many samples each class has, how uneven that is, and classes by split in the whole corpus.

    Notes
    -----
    Evenness is Pielou's (1966, Journal of Theoretical Biology 13): the entropy of the shares over that of equal ones.
    """
    classes = explored.classes
    counts = explored.samples["label"].value_counts().reindex(classes, fill_value=0)
    shares = counts[counts > 0] / counts.sum()
    found: Counts = {
        "n_samples": len(explored.samples),
        "classes": {name: int(count) for name, count in counts.items()},
        "commonest": str(counts.idxmax()),
        "rarest": str(counts.idxmin()),
        "largest_over_smallest": None if not counts.min() else float(counts.max() / counts.min()),
        "evenness": float(-(shares * np.log(shares)).sum() / np.log(len(classes))),
        "accuracy_of_commonest": float(counts.max() / counts.sum()),
        "uar_of_commonest": 1 / len(classes),
    }
    everything = explored.everything
    if "split" in everything and everything["split"].notna().any():
        found["splits"] = crossed(everything["label"], everything["split"].fillna("none"), classes)
    return found


def count_groups(explored: Explored) -> Counts | None:
    """Return how many samples of each class each group has, and how far group tells class; None without groups."""
    samples = explored.samples
    if "group" not in samples or samples["group"].nunique() < 2:
        return None
    table = pd.crosstab(samples["group"], samples["label"]).reindex(columns=explored.classes, fill_value=0)
    sizes = table.sum(axis=1)
    table = table.loc[sizes.sort_values(ascending=False, kind="stable").index] if sizes.nunique() > 1 else table
    sizes = table.sum(axis=1)
    return {
        "name": explored.info.groups if explored.study.group is None else explored.study.group,
        "n_groups": len(table),
        "smallest": int(sizes.min()),
        "median": float(sizes.median()),
        "largest": int(sizes.max()),
        "without_a_class": int((table == 0).any(axis=1).sum()),
        "association": association(samples["group"], samples["label"]),
        "counts": {str(name): row.astype(int).tolist() for name, row in table.head(MOST_LISTED).iterrows()},
    }


def count_columns(explored: Explored) -> list[Counts]:
    """Return the classes by each further column that has few values, such as gender or intensity."""
    samples = explored.samples
    known = {*media_columns(), "text", "label", "group", "split", "dialogue", "turn", "start_s", "end_s", "recording"}
    found = []
    for column in samples:
        values = samples[column]
        if column in known or not 2 <= values.nunique() <= min(MOST_VALUES, len(values) - 1):
            continue
        names = values.astype(object).where(values.notna(), "missing").map(str)
        table = crossed(samples["label"], names, explored.classes)
        found.append({"column": str(column), "association": association(names, samples["label"]), **table})
    return found[:MOST_COLUMNS]


def count_missing(explored: Explored) -> Counts:
    """Return how many samples of each class lack each source, and how many features could not be measured of."""
    samples, measured = explored.samples, explored.measured
    sources = [column for column in (*media_columns(), "text") if column in samples]
    absent = {column: crossed_sum(samples[column].isna(), samples["label"], explored.classes) for column in sources}
    without = {
        name: crossed_sum(pd.Series(~present(block), index=measured.index), measured["label"], explored.classes)
        for name, block in explored.blocks.items()
    }
    failures = explored.failures
    codes = [
        {"source": str(source), "code": str(code), "n": int(rows["sample"].nunique()), "such_as": str(rows["sample"].iloc[0]),
         "message": str(rows["message"].iloc[0])}
        for (source, code), rows in failures.groupby(["source", "code"], sort=False)
    ]  # fmt: skip
    kinds = explored.warnings.assign(doubt=explored.warnings["message"].astype(str).str.split(":").str[0])
    doubts = [
        {"doubt": str(kind), "n": int(rows["sample"].nunique()), "message": str(rows["message"].iloc[0])}
        for kind, rows in kinds.groupby("doubt", sort=False)
    ]
    return {
        "n_measured": len(measured),
        "absent": absent,
        "not_measured": without,
        "failures": sorted(codes, key=lambda item: -item["n"]),
        "n_failed": int(failures["sample"].nunique()),
        "doubts": sorted(doubts, key=lambda item: -int(item["n"])),
    }


def count_repeats(explored: Explored) -> Counts | None:
    """Return which texts stand more than once, and which of them under several labels; None without texts."""
    samples = explored.samples
    if "text" not in samples or samples["text"].notna().sum() == 0:
        return None
    texts = samples["text"].dropna()
    keys = texts.str.casefold().str.split().str.join(" ")
    keys = keys[keys != ""]
    table = pd.DataFrame({"key": keys, "text": texts[keys.index], "label": samples["label"][keys.index]})
    sizes = table.groupby("key").agg(n=("text", "size"), text=("text", "first"), n_labels=("label", "nunique"))
    repeated = sizes[sizes["n"] > 1].sort_values("n", ascending=False, kind="stable")
    shown: list[Counts] = []
    for key, text, count in zip(repeated.index, repeated["text"], repeated["n"], strict=True):
        if len(shown) == MOST_REPEATED:
            break
        labels = table["label"][table["key"] == key].value_counts()
        by_label = {str(label): int(n) for label, n in labels.items()}
        shown.append({"text": str(text)[:120], "n": int(count), "labels": by_label})
    return {
        "n_texts": len(texts),
        "n_empty": int(len(texts) - len(keys)),
        "n_distinct": len(sizes),
        "n_samples_repeated": int(repeated["n"].sum()),
        "n_repeated": len(repeated),
        "n_with_several_labels": int((repeated["n_labels"] > 1).sum()),
        "most_repeated": shown,
    }


def crossed(rows: pd.Series, columns: pd.Series, names: list[str]) -> Counts:
    """Return the counts of each value of a column in each class."""
    table = pd.crosstab(rows, columns).reindex(names, fill_value=0)
    return {
        "values": [str(value) for value in table.columns],
        "counts": dict(zip(names, table.to_numpy(dtype=int).tolist(), strict=True)),
    }


def crossed_sum(flags: pd.Series, labels: pd.Series, names: list[str]) -> dict[str, int]:
    """Return how often something is so in each class."""
    found = flags.astype(int).groupby(labels.to_numpy()).sum().reindex(names, fill_value=0)
    return {name: int(found[name]) for name in names}


def association(a: pd.Series, b: pd.Series) -> float:
    """Return Cramér's V of two columns with the correction of its bias [1]_: 0 where neither tells the other, at most 1.

    References
    ----------
    .. [1] Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T, Journal of the Korean Statistical Society 42(3).

    Examples
    --------
    >>> association(pd.Series(list("aabb")), pd.Series(list("xyxy")))
    0.0
    """
    table = pd.crosstab(a, b).to_numpy(dtype=np.float64)
    count, (n_rows, n_columns) = table.sum(), table.shape
    if min(n_rows, n_columns) < 2 or count < 2:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / count
    phi = float((np.square(table - expected) / expected).sum() / count)
    phi = max(0.0, phi - (n_rows - 1) * (n_columns - 1) / (count - 1))
    rows = n_rows - (n_rows - 1) ** 2 / (count - 1)
    columns = n_columns - (n_columns - 1) ** 2 / (count - 1)
    least = min(rows, columns) - 1
    return float(min(1.0, np.sqrt(phi / least))) if least > 0 else 0.0
