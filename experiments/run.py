"""Run a study: features, folds, strategies, statistics, and the files that a run leaves."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..classifiers.regression_recipes import binned
from ..features.errors import StudyError
from ..features.store import FeatureStore
from ..features.tables import as_block
from ..fusion.preparation import Children
from .answers import FoldOutcome, turns_for
from .augmented import make_children
from .blocks import BlockTable, ProgressMaker, build_blocks
from .combine import combine_fold
from .compare import Array, FamilyAnswers, RowKey
from .conditions import Conditions, modalities_of
from .corpora import Corpus
from .fitting import fit_folds
from .learning_curve import curve_points, training_parts, without_controls
from .near_copies import without_near_copies
from .pooling import PART_OF, check_clips, pooled_rows
from .preparation import prepare_corpus, with_transcripts
from .protocols import DROPPED_LABELS, Fold, ProtocolSpec, check_leaks, find_leaks, make_folds, regroup
from .regression import assemble_values, evaluate_values
from .results import Evaluated, assemble, bootstrap_groups, contribution_table, degraded_rows, other_protocol
from .spreading import spread
from .strategies import REFERENCE
from .study import Study
from .task_kinds import TaskKind

__all__ = [
    "Compared",
    "Run",
    "Split",
    "compare_strategies",
    "evaluate_folds",
    "prepare_corpus",
    "run_study",
    "split_corpus",
    "with_transcripts",
]


@dataclass(frozen=True)
class Run:
    """What a study gave.

    Attributes
    ----------
    results : dict
        As in ``results.json``.
    predictions : pandas.DataFrame
    table : BlockTable
    samples : pandas.DataFrame
        The sample table as the study prepared it: its labels, its groups before any protocol regroups them.
    notes : tuple of str
        What a reader of the results must know: parts left out, absent modalities, warnings of the folds.
    contributions : pandas.DataFrame
        The Shapley share of each modality in the answer of the chosen fusion to each tested sample.
    trials : list of dict
        Of the nested tuning: fold, classifier, strategy, trial, parameters and what they are worth out of fold.
    """

    results: dict[str, Any]
    predictions: pd.DataFrame
    table: BlockTable
    samples: pd.DataFrame
    notes: tuple[str, ...]
    contributions: pd.DataFrame = field(default_factory=pd.DataFrame)
    trials: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Compared:
    """A run, with the answers that it is made of and the corpus as its own protocol groups it."""

    run: Run
    evaluated: Evaluated
    corpus: Corpus


Split = tuple[ProtocolSpec, Corpus, list[Fold]]


def run_study(
    study: Study,
    corpus: Corpus,
    *,
    root: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    missing: bool = True,
    progress: ProgressMaker | None = None,
    on_task: Callable[[int, int], None] | None = None,
) -> Run:
    """Compare the strategies of a study on a corpus.

    Parameters
    ----------
    study : Study
    corpus : Corpus
    root : path, optional
        Folder that the study's own feature tables are below.
    n_jobs : int, default=1
        Threads of the extraction and processes of the folds; results do not depend on it.
    store : FeatureStore, optional
    missing : bool, default=True
        Whether the fusions are also asked with modalities missing, and what each modality brings; it takes half the time.
    progress : callable, optional
        See :func:`~emofuse.experiments.blocks.build_blocks`.
    on_task : callable, optional
        Called with the number of finished fold fits, and of all of them.

    Returns
    -------
    Run
    """
    if study.tasks:
        from .tasks import run_tasks

        return run_tasks(
            study,
            corpus,
            root=root,
            n_jobs=n_jobs,
            store=store,
            missing=missing,
            progress=progress,
            on_task=on_task,
        )
    corpus = prepare_corpus(study, corpus, n_jobs=n_jobs)
    turns_for(study, corpus.samples)  # what is wrong with them is found before hours of extraction
    check_clips(study, corpus.samples)
    splits = split_corpus(study, corpus)
    table = build_blocks(
        study,
        corpus,
        root=None if root is None else Path(root),
        n_jobs=n_jobs,
        store=store,
        progress=progress,
    )
    options: dict[str, Any] = {"n_jobs": n_jobs, "store": store, "missing": missing, "progress": progress}
    return compare_strategies(study, corpus, splits, table, on_task=on_task, **options).run


def split_corpus(study: Study, corpus: Corpus) -> list[Split]:
    """Return each protocol of a study, its own first, with the corpus grouped as it wants it, and its folds."""
    found = []
    for spec, regrouped in _regrouped(study, corpus):
        samples = regrouped.samples
        if (
            study.task == "regression" and not study.tasks
        ):  # folds are as alike in what is predicted as groups let them be
            samples = samples.assign(label=binned(samples["label"]).astype(str))
        found.append((spec, regrouped, make_folds(samples, spec, seed=study.seed)))
    return found


def compare_strategies(
    study: Study,
    corpus: Corpus,
    splits: Sequence[Split],
    table: BlockTable,
    *,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    missing: bool = True,
    progress: ProgressMaker | None = None,
    on_task: Callable[[int, int], None] | None = None,
) -> Compared:
    """Compare the strategies of a study on features that were measured; options as of :func:`run_study`.

    Parameters
    ----------
    study : Study
        Of one task.
    corpus : Corpus
        As :func:`prepare_corpus` gives it.
    splits : sequence of Split
        As :func:`split_corpus` gives them.
    table : BlockTable
        Of the corpus' samples.
    """
    check_clips(study, corpus.samples)
    evaluate, put_together = KINDS[study.task]
    leaks = [_find_leaks(study, regrouped.samples, folds, table) for _, regrouped, folds in splits]
    leaky = [check_leaks(found, spec) for found, (spec, _, _) in zip(leaks, splits, strict=True)]
    every_fold = [fold for _, _, folds in splits for fold in folds]
    worse = _degraded(study, corpus, table, every_fold, n_jobs, store, progress)
    trained = corpus.samples.index[np.unique(np.concatenate([fold.train for fold in every_fold]))]
    augmentation = make_children(study, corpus, table.X, trained=trained, n_jobs=n_jobs, store=store, progress=progress)
    joined = {} if augmentation.children is None else {"children": augmentation.children}
    blocks = list(dict.fromkeys(table.X.columns.get_level_values(0)))
    conditions = Conditions(
        modalities_of(study, blocks) if missing else {"all": tuple(blocks)},
        {name: X for name, (_, X) in worse.items()},
    )
    references = _references(study, *splits[0][1:])
    parts, too_few = training_parts(study, splits[0][1].samples, splits[0][2])
    every_fold += [fold for part in parts.values() for fold in part]
    n_done, n_tasks = 0, len(study.classifiers) * len(every_fold)

    def answer(asked: Study, samples: pd.DataFrame, folds: list[Fold], own: Conditions) -> Evaluated:
        nonlocal n_done
        tell = None if on_task is None else partial(_tell, on_task, n_done, n_tasks)
        n_done += len(study.classifiers) * len(folds)
        return evaluate(asked, samples, table.X, folds, own, n_jobs, tell, **joined)

    plain = Conditions(conditions.modalities, {})
    evaluated = [
        answer(study, regrouped.samples, folds, plain if number else conditions)
        for number, (_, regrouped, folds) in enumerate(splits)
    ]
    curve = {
        share: answer(without_controls(study), splits[0][1].samples, folds, plain) for share, folds in parts.items()
    }
    evaluated[0].probabilities.update(references)
    n_failed = table.failures["sample"].nunique()
    results, predictions = put_together(
        study, splits[0][1], evaluated[0], conditions, n_failed=n_failed, leaky=leaky[0]
    )
    if study.augmentations:
        results["augmentation"] = augmentation.described()
    if worse:
        results["degraded"] = degraded_rows(
            evaluated[0], {name: about for name, (about, _) in worse.items()}, metric=study.metrics[0], seed=study.seed
        )
    if curve:
        results["learning_curve"] = curve_points(study, splits[0][1], evaluated[0], curve)
    if study.pool is not None:
        results["pooled"] = pooled_rows(study, splits[0][1], evaluated[0])
        predictions[PART_OF] = predictions["sample"].map(splits[0][1].samples[study.pool]).astype(str)
    others = [
        other_protocol(study, spec, regrouped, found, leaky=stamp)
        for (spec, regrouped, _), found, stamp in list(zip(splits, evaluated, leaky, strict=True))[1:]
    ]
    without, copies = without_near_copies(study, splits[0][1], evaluated[0], table.X, leaky=leaky[0], n_jobs=n_jobs)
    if others or without:
        results["other_protocols"] = [*without, *others]
    notes = (
        *corpus.notes,
        *table.notes,
        *_absences(table.X),
        *(f"leaky: {line}" for line in leaks[0]),
        *copies,
        *augmentation.notes,
        *too_few,
        *(note for about, _ in worse.values() for note in about["notes"]),
        *dict.fromkeys(line for found in evaluated for line in found.warnings),
    )
    run = Run(
        results,
        predictions,
        table,
        corpus.samples,
        notes,
        contribution_table(evaluated[0], splits[0][1].samples),
        [trial for outcome in evaluated[0].outcomes for trial in outcome.trials],
    )
    return Compared(run, evaluated[0], splits[0][1])


def _references(study: Study, corpus: Corpus, folds: list[Fold]) -> dict[RowKey, Array]:
    """Return answers from outside, such as people's votes, to the tested samples: shares of a table; equal where absent."""
    tested = np.concatenate([fold.test for fold in folds])
    classes = np.unique(corpus.samples["label"].to_numpy(dtype=str))
    found: dict[RowKey, Array] = {}
    for name, table in study.references.items():
        if table not in corpus.tables:
            raise StudyError(f"references.{name}: the corpus has no table {table!r}; it has {sorted(corpus.tables)}")
        missing = [label for label in classes.tolist() if label not in corpus.tables[table]]
        if missing:
            raise StudyError(f"references.{name}: table {table!r} lacks the classes {missing}")
        given = as_block(corpus.tables[table], corpus.samples.index, classes.tolist(), name=f"references.{name}")
        votes = given.to_numpy(dtype=np.float64)[tested]
        if (votes < 0).any():
            raise StudyError(f"references.{name}: table {table!r} holds negative values; votes or shares are needed")
        totals = votes.sum(axis=1, keepdims=True)
        there = ~np.isnan(totals) & (totals > 0)
        found[REFERENCE, (name,), "given"] = np.where(there, votes / np.where(there, totals, 1), 1 / len(classes))
    return found


def _degraded(
    study: Study,
    corpus: Corpus,
    table: BlockTable,
    folds: list[Fold],
    n_jobs: int,
    store: FeatureStore | None,
    progress: ProgressMaker | None,
) -> dict[str, tuple[dict[str, Any], pd.DataFrame]]:
    """Return for each degradation of the study what it is, and the block table it leads to."""
    from .degraded import degraded_blocks

    if not study.degradations:
        return {}
    tested = corpus.samples.index[np.unique(np.concatenate([fold.test for fold in folds]))]
    worse = {}
    for item in degraded_blocks(
        study, corpus, table.X, study.degradations, tested=tested, n_jobs=n_jobs, store=store, progress=progress
    ):
        about = {"kind": item.kind, "block": "+".join(item.blocks), "level": item.level, "unit": item.unit}
        worse[item.label] = (about | {"label": item.label, "notes": list(item.notes)}, item.X)
    return worse


def _regrouped(study: Study, corpus: Corpus) -> list[tuple[ProtocolSpec, Corpus]]:
    """Return each protocol of a study, its own first, with the corpus grouped as the protocol wants it."""
    dropping = [spec.name for spec in study.also if spec.name in DROPPED_LABELS]
    if dropping:
        raise StudyError(f"protocols {dropping} drop labels and cannot stand under also; run each with --protocol")
    return [(spec, replace(corpus, samples=regroup(corpus.samples, spec))) for spec in (study.protocol, *study.also)]


def _find_leaks(study: Study, samples: pd.DataFrame, folds: list[Fold], table: BlockTable) -> list[str]:
    blocks = dict.fromkeys(table.X.columns.get_level_values(0))
    use_text = any(study.blocks[name].reads_text for name in blocks)
    return find_leaks(samples, folds, hashes=table.hashes, use_text=use_text)


def _tell(on_task: Callable[[int, int], None], done: int, total: int, finished: int, _: int) -> None:
    on_task(done + finished, total)


def evaluate_folds(
    study: Study,
    samples: pd.DataFrame,
    X: pd.DataFrame,
    folds: list[Fold],
    conditions: Conditions,
    n_jobs: int,
    on_task: Callable[[int, int], None] | None,
    children: Children | None = None,
) -> Evaluated:
    """Fit every family on every fold, which takes the time; then put every strategy together, fold by fold."""
    y = samples["label"].to_numpy(dtype=str)
    groups = samples["group"].to_numpy(dtype=str) if "group" in samples else None
    classes, codes = np.unique(y, return_inverse=True)
    group_codes, n_groups = bootstrap_groups(samples)
    turns = turns_for(study, samples)
    fitted = fit_folds(study, folds, X, y, groups, conditions, children=children, n_jobs=n_jobs, on_task=on_task)
    count = len(study.classifiers)
    tasks = [
        (fold, fitted[count * number : count * (number + 1)], codes[fold.test], group_codes[fold.test])
        for number, fold in enumerate(folds)
    ]
    outcomes = list(spread(_combine, tasks, (study, n_groups, classes, conditions, turns), n_jobs=n_jobs))
    return Evaluated(
        classes,
        folds,
        outcomes,
        # A fold's own answers go as they are put together: of a million rows both would not fit.
        {
            key: np.concatenate([outcome.probabilities.pop(key) for outcome in outcomes])
            for key in list(outcomes[0].probabilities)
        },
    )


def _combine(
    study: Study,
    n_groups: int,
    classes: Array,
    conditions: Conditions,
    turns: Any,
    fold: Fold,
    families: list[FamilyAnswers],
    codes: Array,
    groups: Array,
) -> FoldOutcome:
    return combine_fold(study, fold, families, codes, groups, n_groups, classes, conditions, turns)


def _absences(X: pd.DataFrame) -> list[str]:
    notes = []
    for block in dict.fromkeys(X.columns.get_level_values(0)):
        absent = int(X[block].isna().all(axis=1).sum())
        if absent:
            notes.append(f"{block} is absent in {absent} of {len(X)} samples")
    return notes


# By kind of task: what answers the folds, and what makes results of the answers.
KINDS: dict[TaskKind, tuple[Callable[..., Evaluated], Callable[..., tuple[dict[str, Any], pd.DataFrame]]]] = {
    "classification": (evaluate_folds, assemble),
    "regression": (evaluate_values, assemble_values),
}
