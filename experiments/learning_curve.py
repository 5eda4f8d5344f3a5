"""Whether more data would help: every strategy trained on part of the training groups, and tested on the same rows as ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .compare import Array
from .corpora import Corpus
from .protocols import Fold
from .results import Evaluated, result_row, score_rows
from .strategies import CONTROLS, REFERENCE
from .study import Study

FEWEST_GROUPS = 2  # experts are judged on a group that is held out of training


def training_parts(
    study: Study, samples: pd.DataFrame, folds: Sequence[Fold]
) -> tuple[dict[float, list[Fold]], list[str]]:
    """Return the folds with part of their training rows, for each share of a study's learning curve.

    Parameters
    ----------
    study : Study
    samples : pandas.DataFrame
        Grouped as the protocol wants it; without groups, every sample is one of its own.
    folds : sequence of Fold

    Returns
    -------
    parts : dict of float to list of Fold
        Test rows are those of ``folds``. Whole groups are taken, in an order that is drawn once a fold, so that a smaller part
        lies inside every larger one.
    notes : list of str
        On shares that are left out as they would be all groups, or those of the share before.

    Notes
    -----
    Where groups differ in their commonest class, as recordings of one label do, each part takes its share of every class.
    """
    labels = (
        samples["label"].to_numpy(dtype=str) if study.task == "classification" else np.zeros(len(samples), dtype=str)
    )
    groups = samples["group"].to_numpy(dtype=str) if "group" in samples else samples.index.to_numpy(dtype=str)
    ranks = [
        _ranks(groups[fold.train], labels[fold.train], np.random.default_rng([study.seed, number]))
        for number, fold in enumerate(folds)
    ]
    parts: dict[float, list[Fold]] = {}
    notes = []
    known = [[int(rank.max()) + 1 for rank in ranks]]
    for share in study.learning_curve:
        kept = [max(FEWEST_GROUPS, round(share * count)) for count in known[0]]
        if kept in known:
            notes.append(f"learning curve: {100 * share:g} % of so few training groups is no part of its own; left out")
            continue
        known.append(kept)
        parts[share] = [
            replace(fold, train=fold.train[rank < count]) for fold, rank, count in zip(folds, ranks, kept, strict=True)
        ]
    return parts, notes


def without_controls(study: Study) -> Study:
    """Return the study whose strategies a learning curve has: controls tell nothing of how much data there was."""
    kept = tuple(name for name in study.strategies if name not in CONTROLS)
    return study.model_copy(update={"strategies": kept})


def curve_points(
    study: Study, corpus: Corpus, whole: Evaluated, parts: Mapping[float, Evaluated]
) -> list[dict[str, Any]]:
    """Return ``learning_curve`` of ``results.json``: a point for each share, the last one the run itself.

    Parameters
    ----------
    study : Study
    corpus : Corpus
        Grouped as the protocol wants it.
    whole : Evaluated
        With all training rows.
    parts : mapping of float to Evaluated
        By share, with part of them.
    """
    unasked = [name for name in ("acc2", "acc7") if name not in study.metrics]  # of a scale that few regressions have
    points = []
    for share, evaluated in [*sorted(parts.items()), (1.0, whole)]:
        rows = [
            result_row(key, scores, evaluated)
            for key, scores in score_rows(study, evaluated, corpus).items()
            if key[0] not in (*CONTROLS, REFERENCE)
        ]
        for row in rows:
            row["metrics"] = {name: cell for name, cell in row["metrics"].items() if name not in unasked}
        shown = ("strategy", "blocks", "classifier", "metrics")
        points.append(
            {
                "share": share,
                "n_train": round(float(np.mean([len(fold.train) for fold in evaluated.folds]))),
                "rows": [{name: row[name] for name in shown} for row in rows],
            }
        )
    return points


def _ranks(groups: Array, labels: Array, random: np.random.Generator) -> Array:
    """Return for each training row the place of its group in an order of which every beginning is alike in classes."""
    names, codes = np.unique(groups, return_inverse=True)
    classes, of = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), dtype=int)
    np.add.at(counts, (codes, of), 1)
    commonest = counts.argmax(axis=1)
    drawn = random.permutation(len(names))
    place = np.empty(len(names))
    for label in range(len(classes)):
        members = drawn[commonest[drawn] == label]
        place[members] = (np.arange(len(members)) + 0.5) / max(len(members), 1)
    order = drawn[np.argsort(place[drawn], kind="stable")]
    ranks = np.empty(len(names), dtype=int)
    ranks[order] = np.arange(len(names))
    return np.asarray(ranks[codes])
