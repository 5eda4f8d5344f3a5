"""One answer a clip from the answers to its parts: frames of a video, windows of a recording, sentences of a turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ..classifiers.calibration import FLOOR
from ..features.errors import StudyError
from ..fusion.rules import mean_rule, median_rule, present_experts, vote_rule
from .compare import Array
from .corpora import Corpus
from .protocols import Fold
from .results import Evaluated, metric_cells, score_rows, tested_rows
from .strategies import CONTROLS
from .study import Study

PART_OF = "part_of"  # column of the predictions that names the clip


def confidence_rule(scores: Array, prior: Array) -> Array:
    """Average the probabilities of the parts, each weighted by the highest of them: a sure part speaks louder.

    Parameters
    ----------
    scores : ndarray of shape (n_parts, n_clips, n_classes)
        Log probabilities; NaN where a clip has no such part.
    prior : ndarray of shape (n_classes,)
        Of a clip without any part.
    """
    present = present_experts(scores)
    shares = np.where(present[..., None], np.exp(scores), 0.0)
    weighted = (shares * shares.max(axis=2, keepdims=True)).sum(axis=0)
    totals = weighted.sum(axis=1, keepdims=True)
    return np.where(totals > 0, weighted / np.where(totals > 0, totals, 1), prior)


# The parts of a clip are put together as the experts of a late fusion are.
RULES: dict[str, Callable[[Array, Array], Array]] = {
    "mean": mean_rule,
    "vote": vote_rule,
    "median": median_rule,
    "confidence": confidence_rule,
}


@dataclass(frozen=True)
class Clips:
    """What the tested rows are parts of.

    Attributes
    ----------
    codes : ndarray of shape (n_tested,)
        Number of the clip of each tested row.
    samples : pandas.DataFrame
        A row a clip, with its label and its group; a clip that several folds test has a row for each.
    folds : ndarray of shape (n_clips,)
        Number of the fold.
    """

    codes: Array
    samples: pd.DataFrame
    folds: Array


def pool_answers(probabilities: Array, clips: Array, rule: str) -> Array:
    """Return one answer a clip.

    Parameters
    ----------
    probabilities : ndarray of shape (n_parts, n_classes)
    clips : ndarray of shape (n_parts,)
        Number of the clip of each part, from 0 on, none left out.
    rule : str
        One of ``RULES``: the mean probability, the share of the parts that vote for a class (the most frequent answer; a tie
        goes to the higher mean), the median probability, or the mean weighted by each part's confidence.

    Returns
    -------
    ndarray of shape (n_clips, n_classes)
        Rows add up to 1.

    Examples
    --------
    >>> parts = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    >>> pool_answers(parts, np.array([0, 0, 0]), "mean").round(3).tolist()
    [[0.567, 0.433]]
    >>> pool_answers(parts, np.array([0, 0, 0]), "vote").argmax(axis=1).tolist()
    [1]
    """
    sizes = np.bincount(clips)
    order = np.argsort(clips, kind="stable")
    place = np.empty(len(clips), dtype=int)
    place[order] = np.arange(len(clips)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    n_classes = probabilities.shape[1]
    scores = np.full((int(sizes.max()), len(sizes), n_classes), np.nan)
    scores[place, clips] = np.log(np.maximum(probabilities, FLOOR))
    return RULES[rule](scores, np.full(n_classes, 1 / n_classes))


def check_clips(study: Study, samples: pd.DataFrame) -> None:
    """Raise StudyError where the column that a study pools by does not name one clip, of one label and group, for each sample."""
    if study.pool is None:
        return
    if study.pool not in samples:
        raise StudyError(f"pool = {study.pool!r} is no column of the samples; they have {list(samples.columns)}")
    names = samples[study.pool]
    if names.isna().any():
        raise StudyError(f"pool = {study.pool!r}: {int(names.isna().sum())} of {len(names)} samples name no clip")
    for column in ("label", "group"):
        if column in samples:
            several = samples.groupby(study.pool)[column].nunique()
            if (several > 1).any():
                raise StudyError(
                    f"pool = {study.pool!r}: {several.idxmax()!r} has parts of {several.max()} {column}s; the parts of a clip "
                    "share it"
                )


def clips_of(study: Study, corpus: Corpus, evaluated: Evaluated) -> Clips:
    """Return the clips that the tested rows are parts of; those of one clip that two folds test are kept apart."""
    tested, folds = tested_rows(evaluated)
    samples = corpus.samples.iloc[tested]
    names = samples[study.pool].astype(str).to_numpy()
    keys = pd.MultiIndex.from_arrays([folds, names])
    codes, known = pd.factorize(keys)
    first = np.unique(codes, return_index=True)[1]
    kept = samples.iloc[first].set_axis(pd.Index([name for _, name in known], name=study.pool))
    return Clips(np.asarray(codes), kept, folds[first])


def pooled_rows(study: Study, corpus: Corpus, evaluated: Evaluated) -> list[dict[str, Any]]:
    """Return ``pooled`` of ``results.json``: for each rule, every strategy's metrics over clips instead of parts.

    Parameters
    ----------
    study : Study
        Its ``pool`` names the column.
    corpus : Corpus
        Grouped as the protocol wants it.
    evaluated : Evaluated
        Of the parts.
    """
    clips = clips_of(study, corpus, evaluated)
    folds = [
        Fold(fold.name, np.empty(0, dtype=np.intp), np.flatnonzero(clips.folds == number))
        for number, fold in enumerate(evaluated.folds)
    ]
    of_clips = replace(corpus, samples=clips.samples)
    given = {key: answers for key, answers in evaluated.probabilities.items() if key[0] not in CONTROLS}
    found = []
    for rule in RULES:
        answers = {key: pool_answers(parts, clips.codes, rule) for key, parts in given.items()}
        scored = score_rows(study, Evaluated(evaluated.classes, folds, [], answers), of_clips)
        rows = [
            {"strategy": key[0], "blocks": list(key[1]), "classifier": key[2], "metrics": metric_cells(scores)}
            for key, scores in scored.items()
        ]
        found.append({"by": study.pool, "rule": rule, "n_clips": len(clips.samples), "rows": rows})
    return found
