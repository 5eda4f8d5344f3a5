"""What a run says of a way of making models, in the few figures that travel with a model; no name of a person among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..features.errors import StudyError
from .answers import BEST_SINGLE, SELECTED
from .run import Run
from .statistics import LOWER_IS_BETTER, Array, metrics_of, tally
from .verdict import DIGITS

# Columns that say to which people a model may be fairer; their values name no one.
PEOPLE = ("gender", "sex", "ethnicity", "race")
MANY_GROUPS = 200  # of more groups each has few samples, and a list of them tells nothing


def validation_of(run: Run, metric: str, strategy: str | None) -> dict[str, Any]:
    """Return how good the models are that a study chooses, by a run that chose one in every fold.

    Parameters
    ----------
    run : Run
        Of a study with ``selected``, or with ``best_single`` where there is nothing to fuse.
    metric : str
        The study's first one.
    strategy : str or None
        What was asked for; None where the choice was the study's.

    Returns
    -------
    dict
        What was measured (``of``, ``chosen``), under which protocol, the metrics with their intervals, the recall of each
        class and its share of the answers, and the first metric within each group and each kind of people. Groups are
        numbered, the best one first.

    Raises
    ------
    StudyError
        A fusion was asked for, and the corpus has a single block.
    """
    rows = {row["strategy"]: row for row in run.results["rows"]}
    row = next((rows[key[0]] for key in (SELECTED, BEST_SINGLE) if key[0] in rows), None)
    if row is None:
        blocks = ", ".join(dict.fromkeys(run.table.X.columns.get_level_values(0)))
        raise StudyError(f"strategy {strategy!r} fuses, and the corpus has of the study's blocks {blocks} alone")
    answers = run.predictions[run.predictions["strategy"] == row["strategy"]]
    classes = run.results["corpus"]["classes"]
    codes = np.searchsorted(classes, answers["label"].to_numpy(dtype=str))
    probabilities = answers[classes].to_numpy(dtype=np.float64)
    groups = _by(answers["group"], codes, probabilities, metric) if answers["group"].notna().all() else []
    # In the order of their figures, which is that of nobody's name.
    sign = 1 if metric in LOWER_IS_BETTER else -1
    ranked = sorted(groups, key=lambda item: (sign * item[2], item[1]))
    columns = [name for name in PEOPLE if name in run.samples]
    people = run.samples.loc[answers["sample"].to_numpy(), columns].astype(object).fillna("unknown")
    return {
        "of": "the strategy chosen anew on the training rows of each fold"
        if strategy is None
        else f"the given strategy {strategy}, what it leaves open chosen on the training rows of each fold",
        "nested": strategy is None,
        "chosen": dict(Counter(row["chosen"].values()).most_common()),
        "protocol": run.results["protocol"],
        "metric": metric,
        "metrics": {name: {key: item[key] for key in ("mean", "low", "high")} for name, item in row["metrics"].items()},
        "recall": recalls(classes, codes, probabilities),
        "answers": shares_answered(classes, probabilities),
        "n_groups": len(groups),
        "by_group": [{"group": place, "n": n, metric: value} for place, (_, n, value) in enumerate(ranked, start=1)]
        if len(ranked) <= MANY_GROUPS
        else [],
        "by_column": {
            column: {
                name: {"n": n, metric: value} for name, n, value in _by(people[column], codes, probabilities, metric)
            }
            for column in columns
        },
    }


def shares_answered(classes: Sequence[str], probabilities: Array) -> dict[str, float]:
    """Return the share of each class among the answers: what a model says of people it has not seen."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=len(classes))
    return dict(zip(map(str, classes), np.round(counts / max(len(probabilities), 1), DIGITS).tolist(), strict=True))


def recalls(classes: Sequence[str], codes: Array, probabilities: Array) -> dict[str, float | None]:
    """Return the share of each class that is known; None where no sample has it."""
    confusion = tally(codes, probabilities, np.zeros(len(codes), dtype=int)).confusion[0]
    support = confusion.sum(axis=1)
    return {
        str(label): round(float(confusion[number, number] / support[number]), DIGITS) if support[number] else None
        for number, label in enumerate(classes)
    }


def _by(names: pd.Series, codes: Array, probabilities: Array, metric: str) -> list[tuple[str, int, float]]:
    """Return the number of samples and the metric within each value of a column."""
    known, own = np.unique(names.to_numpy(dtype=str), return_inverse=True)
    values = metrics_of(tally(codes, probabilities, own))[metric]
    return list(zip(known.tolist(), np.bincount(own).tolist(), np.round(values, DIGITS).tolist(), strict=True))
