"""Run a study: features, folds, strategies, statistics, and the files that a run leaves."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ..features.errors import StudyError, TableError
from ..features.samples import as_name, check_samples
from ..features.store import FeatureStore
from ..features.tables import as_block
from ..features.transcripts import transcribe
from .blocks import BlockTable, ProgressMaker, build_blocks
from .combine import combine_fold
from .compare import Array, RowKey
from .conditions import Conditions, modalities_of
from .corpora import Corpus
from .fitting import fit_folds, guarded, or_raise
from .near_copies import without_near_copies
from .protocols import DROPPED_LABELS, Fold, ProtocolSpec, check_leaks, find_leaks, make_folds, regroup
from .results import Evaluated, assemble, bootstrap_groups, contribution_table, degraded_rows, other_protocol
from .strategies import REFERENCE
from .study import Study


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


def prepare_corpus(study: Study, corpus: Corpus, *, require_label: bool = True, n_jobs: int = 1) -> Corpus:
    """Return the corpus with the study's label column and map, less the samples they (or the protocol) drop.

    Texts that are absent come from where the study's ``transcript`` says.

    Without ``require_label``, a corpus that has no labels is returned as it is: features need none.

    Raises
    ------
    StudyError, TableError
        The label column does not exist, or fewer than two classes remain.
    """
    return with_transcripts(study, _labelled(study, corpus, require_label), n_jobs=n_jobs)


def with_transcripts(study: Study, corpus: Corpus, *, n_jobs: int = 1) -> Corpus:
    """Return the corpus with the texts that it lacks, from where the study's ``transcript`` says."""
    if study.transcript is None or not any(spec.reads_text for spec in study.blocks.values()):
        return corpus
    found = transcribe(corpus.samples, study.transcript, n_jobs=n_jobs)
    return replace(corpus, samples=corpus.samples.assign(text=found.texts), failures=found.failures)


def _labelled(study: Study, corpus: Corpus, require_label: bool) -> Corpus:
    corpus = _chosen(study, corpus)
    samples = corpus.samples
    if study.label not in samples and not require_label:
        return corpus
    if study.label not in samples:
        raise StudyError(f"label column {study.label!r} is not in the corpus; it has {list(samples.columns)}")
    labels = samples[study.label]
    mapping = study.labels
    if mapping is not None:
        # A map that is named speaks of all labels of its corpus, of which a part need not have every one.
        unused = sorted(set(mapping) - set(labels)) if isinstance(study.label_map, dict) else []
        if unused or not set(mapping) & set(labels):
            raise StudyError(
                f"label_map names {unused or list(mapping)}, the labels are {sorted(set(labels.dropna()))}"
            )
        labels = labels.map(mapping)
    if labels.isna().all() and not require_label:
        return corpus
    kept = labels.notna() & ~labels.isin(DROPPED_LABELS.get(study.protocol.name, ()))
    if study.label_map is None and study.label != "label" and not labels.notna().all():
        raise TableError(f"label column {study.label!r} is missing for {int(labels.isna().sum())} samples")
    if not kept.any():
        raise StudyError(f"no sample is left: the label map or protocol {study.protocol.name!r} drops every one")
    return replace(corpus, samples=check_samples(samples.assign(label=labels)[kept]))


def _chosen(study: Study, corpus: Corpus) -> Corpus:
    """Return the corpus with the samples that a study speaks of, grouped as it says."""
    samples = corpus.samples
    missing = [column for column in (*study.where, *([study.group] if study.group else ())) if column not in samples]
    if missing:
        raise StudyError(f"the columns {missing} are not in the corpus; it has {list(samples.columns)}")
    for column, values in study.where.items():
        found = samples[column].map(as_name, na_action="ignore")
        samples = samples[found.isin(values)]
        if samples.empty:
            raise StudyError(
                f"no sample has a {column} out of {list(values)}; it is one of {sorted(found.unique())[:20]}"
            )
    if study.group is not None:
        samples = check_samples(samples.assign(group=samples[study.group]))
    return corpus if samples is corpus.samples else replace(corpus, samples=samples)


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
    corpus = prepare_corpus(study, corpus, n_jobs=n_jobs)
    splits = [
        (spec, regrouped, make_folds(regrouped.samples, spec, seed=study.seed))
        for spec, regrouped in _regrouped(study, corpus)
    ]
    table = build_blocks(
        study,
        corpus,
        root=None if root is None else Path(root),
        n_jobs=n_jobs,
        store=store,
        progress=progress,
    )
    leaks = [_find_leaks(study, regrouped.samples, folds, table) for _, regrouped, folds in splits]
    leaky = [check_leaks(found, spec) for found, (spec, _, _) in zip(leaks, splits, strict=True)]
    worse = _degraded(study, corpus, table, [fold for _, _, folds in splits for fold in folds], n_jobs, store, progress)
    blocks = list(dict.fromkeys(table.X.columns.get_level_values(0)))
    conditions = Conditions(
        modalities_of(study, blocks) if missing else {"all": tuple(blocks)},
        {name: X for name, (_, X) in worse.items()},
    )
    references = _references(study, *splits[0][1:])
    n_tasks = len(study.classifiers) * sum(len(folds) for _, _, folds in splits)
    evaluated: list[Evaluated] = []
    for _, regrouped, folds in splits:
        done = len(study.classifiers) * sum(len(item.folds) for item in evaluated)
        tell = None if on_task is None else partial(_tell, on_task, done, n_tasks)
        own = conditions if not evaluated else Conditions(conditions.modalities, {})
        evaluated.append(_evaluate(study, regrouped.samples, table.X, folds, own, n_jobs, tell))
    evaluated[0].probabilities.update(references)
    n_failed = table.failures["sample"].nunique()
    results, predictions = assemble(study, splits[0][1], evaluated[0], conditions, n_failed=n_failed, leaky=leaky[0])
    if worse:
        results["degraded"] = degraded_rows(
            evaluated[0], {name: about for name, (about, _) in worse.items()}, metric=study.metrics[0], seed=study.seed
        )
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
        *(note for about, _ in worse.values() for note in about["notes"]),
        *dict.fromkeys(line for found in evaluated for line in found.warnings),
    )
    return Run(
        results,
        predictions,
        table,
        corpus.samples,
        notes,
        contribution_table(evaluated[0], splits[0][1].samples),
        [trial for outcome in evaluated[0].outcomes for trial in outcome.trials],
    )


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


def _evaluate(
    study: Study,
    samples: pd.DataFrame,
    X: pd.DataFrame,
    folds: list[Fold],
    conditions: Conditions,
    n_jobs: int,
    on_task: Callable[[int, int], None] | None,
) -> Evaluated:
    """Fit every family on every fold, which takes the time; then put every strategy together, fold by fold."""
    y = samples["label"].to_numpy(dtype=str)
    groups = samples["group"].to_numpy(dtype=str) if "group" in samples else None
    classes, codes = np.unique(y, return_inverse=True)
    group_codes, n_groups = bootstrap_groups(samples)
    fitted = fit_folds(study, folds, X, y, groups, conditions, n_jobs=n_jobs, on_task=on_task)
    count = len(study.classifiers)
    combining = (
        delayed(guarded)(
            combine_fold,
            study,
            fold,
            fitted[count * number : count * (number + 1)],
            codes[fold.test],
            group_codes[fold.test],
            n_groups,
            classes,
            conditions,
        )
        for number, fold in enumerate(folds)
    )
    outcomes = [or_raise(outcome) for outcome in Parallel(n_jobs=min(n_jobs, len(folds)), batch_size=1)(combining)]
    return Evaluated(
        classes,
        folds,
        outcomes,
        {
            key: np.concatenate([outcome.probabilities[key] for outcome in outcomes])
            for key in outcomes[0].probabilities
        },
    )


def _absences(X: pd.DataFrame) -> list[str]:
    notes = []
    for block in dict.fromkeys(X.columns.get_level_values(0)):
        absent = int(X[block].isna().all(axis=1).sum())
        if absent:
            notes.append(f"{block} is absent in {absent} of {len(X)} samples")
    return notes
