"""Several tasks in one study: features measured once, each task under the same protocol and folds, and their mean on top."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..features.errors import ProtocolError, StudyError
from ..features.store import FeatureStore
from ..fusion.blocks import present_rows, select_block
from .blocks import BlockTable, ProgressMaker, build_blocks
from .compare import RowKey
from .corpora import Corpus
from .protocols import Fold
from .results import SCHEMA, about_corpus, about_labels, metric_cells, power_of, score_rows
from .run import Compared, Run, Split, compare_strategies, prepare_corpus, split_corpus
from .statistics import Array, Scores
from .study import Study
from .value_metrics import NOTHING
from .verdict import DIGITS, comparisons, verdict

Scored = dict[RowKey, dict[str, Scores]]


def one_task(study: Study, corpus: Corpus, task: str | None) -> tuple[Study, Corpus]:
    """Return the study of one task, and the corpus with the samples that have its label; both as they are for None.

    Raises
    ------
    StudyError
        The study has no task of that name.
    """
    known = study.tasks or (study.column,)
    if task is None:
        return study, corpus
    if task not in known:
        raise StudyError(f"study {study.name!r} has no task {task!r}; choose from {', '.join(known)}")
    if task not in corpus.samples:
        raise StudyError(f"label column {task!r} is not in the corpus; it has {list(corpus.samples.columns)}")
    samples = corpus.samples[corpus.samples[task].notna()]
    changes: dict[str, Any] = {"label": task}
    if isinstance(study.label_map, dict):
        there = set(samples[task])
        changes["label_map"] = {label: target for label, target in study.label_map.items() if label in there}
    return study.changed(**changes), replace(corpus, samples=samples)


def check_trainable(study: Study) -> None:
    """Raise StudyError where a study is none that one model of classes answers."""
    if study.task == "regression":
        raise StudyError(f"study {study.name!r} is a regression, which is compared (emofuse run) and not yet trained")
    if study.tasks:
        raise StudyError(f"study {study.name!r} has the tasks {', '.join(study.tasks)}; name one with --task")


def run_tasks(
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
    """Compare the strategies of a study on each of its tasks; parameters as of :func:`~.run.run_study`.

    Returns
    -------
    Run
        ``results["tasks"]`` holds the results of each task with its name, in the usual form; the rows, comparisons and
        verdict on top are of the mean over tasks. Predictions, contributions and trials have a column ``task``.

    Notes
    -----
    Folds are drawn once, as alike in the joint labels of all tasks as groups let them be. A sample without the label of a
    task takes no part in that task.
    """
    given = corpus.samples
    corpus = prepare_corpus(study, corpus, n_jobs=n_jobs)
    splits = split_corpus(study, replace(corpus, samples=_common_labels(study, corpus.samples)))
    if "label" in given:  # which may be one of the tasks; joint labels have done their work
        corpus = replace(corpus, samples=corpus.samples.assign(label=given["label"].reindex(corpus.samples.index)))
    table = build_blocks(
        study, corpus, root=None if root is None else Path(root), n_jobs=n_jobs, store=store, progress=progress
    )
    done: dict[str, Compared] = {}
    for number, task in enumerate(study.tasks):
        own, own_corpus = one_task(study.changed(transcript=None, window_s=None, step_s=None), corpus, task)
        own_corpus = prepare_corpus(own, own_corpus)
        tell = None if on_task is None else partial(_tell, on_task, number, len(study.tasks))
        try:
            done[task] = compare_strategies(
                own,
                own_corpus,
                [_of_task(split, own_corpus, task) for split in splits],
                _rows_of(table, own_corpus.samples.index),
                n_jobs=n_jobs,
                store=store,
                missing=missing,
                progress=progress,
                on_task=tell,
            )
        except (StudyError, ProtocolError) as error:
            raise type(error)(f"task {task!r}: {error}") from None
    runs = {task: compared.run for task, compared in done.items()}
    notes = [f"{task}: {note}" for task, run in runs.items() for note in run.notes if note not in corpus.notes]
    return Run(
        _together(study, corpus, table, done),
        _stacked(runs, [run.predictions for run in runs.values()]),
        table,
        corpus.samples,
        (*corpus.notes, *notes),
        _stacked(runs, [run.contributions for run in runs.values()]),
        [{"task": task, **trial} for task, run in runs.items() for trial in run.trials],
    )


def _common_labels(study: Study, samples: pd.DataFrame) -> pd.DataFrame:
    """Return the samples with their joined labels, rare ones as the commonest: folds are stratified by what is left."""
    counts = samples["label"].value_counts()
    rare = counts.index[counts < max(spec.n_folds for spec in (study.protocol, *study.also))]
    labels = samples["label"].where(~samples["label"].isin(rare), counts.index[0])
    return samples.assign(label=labels)


def _of_task(split: Split, corpus: Corpus, task: str) -> Split:
    """Return a split of the samples of all tasks as one of the samples of a task."""
    spec, everyone, folds = split
    place = corpus.samples.index.get_indexer(everyone.samples.index)
    samples = everyone.samples.loc[corpus.samples.index].assign(label=corpus.samples["label"])
    kept = []
    for fold in folds:
        train, test = place[fold.train], place[fold.test]
        own = Fold(fold.name, train[train >= 0], test[test >= 0], fold.purged)
        if not len(own.train) or not len(own.test):
            raise ProtocolError(
                f"task {task!r}: fold {fold.name!r} has {len(own.train)} samples with this label in training and "
                f"{len(own.test)} in the test; run the task alone (--task) or under another protocol"
            )
        kept.append(own)
    return spec, replace(everyone, samples=samples), kept


def _rows_of(table: BlockTable, index: pd.Index) -> BlockTable:
    """Return the features of some samples; a block that all of them lack is left out with a note."""
    X = table.X.loc[index]
    blocks = dict.fromkeys(X.columns.get_level_values(0))
    empty = [name for name in blocks if not present_rows(select_block(X, name)).any()]
    if len(empty) == len(blocks):
        raise StudyError("none of its samples has any of the study's blocks")
    return replace(
        table,
        X=X.drop(columns=empty, level=0) if empty else X,
        failures=table.failures[table.failures["sample"].isin(index)],
        warnings=table.warnings[table.warnings["sample"].isin(index)],
        notes=(*table.notes, *(f"block {name!r} is absent in every sample" for name in empty)),
    )


def _together(study: Study, corpus: Corpus, table: BlockTable, done: dict[str, Compared]) -> dict[str, Any]:
    """Return the results of all tasks, with their mean on top."""
    results = {task: compared.run.results for task, compared in done.items()}
    scored = _mean_scores(study, done)
    metric = study.metrics[0]
    first = next(iter(results.values()))
    leaky = any(found["protocol"]["leaky"] for found in results.values())
    ratio = float(np.mean([len(fold.test) / len(fold.train) for own in done.values() for fold in own.evaluated.folds]))
    found = comparisons(scored, metric, ratio)
    flags = [f"{task}: {flag}" for task, own in results.items() for flag in own["red_flags"]]
    sentence = verdict(scored, found, {}, [], metric, study, corpus, leaky)
    tested = {str(name) for compared in done.values() for name in compared.run.predictions["sample"].unique()}
    power = power_of(scored, metric, ratio, study, corpus)
    return {
        "schema": SCHEMA,
        "study": study.name,
        **({"task": study.task} if study.task != "classification" else {}),
        "corpus": about_corpus(corpus, [], table.failures["sample"].nunique()),
        "labels": about_labels(study),
        "protocol": first["protocol"] | {"leaky": leaky, "n_tested": len(tested)},
        "rows": _mean_rows(scored, list(results.values())),
        "comparisons": found,
        **_mean_contributions(list(results.values())),
        "verdict": f"Mean over {len(results)} tasks. {sentence}",
        "red_flags": flags,
        **({"power": power} if power else {}),
        "tasks": [{"name": task, **own} for task, own in results.items()],
    }


def _mean_scores(study: Study, done: dict[str, Compared]) -> Scored:
    """Return the mean over tasks of every metric of the strategies that all tasks have, drawn together over all groups."""
    everyone = np.unique(np.concatenate([_group_names(compared) for compared in done.values()]))
    shown = set.intersection(
        *({name for row in own.run.results["rows"] for name in row["metrics"]} for own in done.values())
    )
    scored = [
        (score_rows(study, own.evaluated, own.corpus, everyone=everyone), np.searchsorted(everyone, _group_names(own)))
        for own in done.values()
    ]
    keys = [key for key in scored[0][0] if all(key in found for found, _ in scored)]
    return {
        key: {
            name: Scores(
                np.mean([found[key][name].folds for found, _ in scored], axis=0),
                np.mean([found[key][name].draws for found, _ in scored], axis=0),
                _mean_known([_placed(found[key][name].groups, places, len(everyone)) for found, places in scored]),
                NOTHING,
            )
            for name in scored[0][0][key]
            if name in shown
        }
        for key in keys
    }


def _group_names(compared: Compared) -> Array:
    """Return the sorted names of the groups that were tested."""
    samples = compared.corpus.samples.iloc[np.concatenate([fold.test for fold in compared.evaluated.folds])]
    names = samples.index.to_numpy(dtype=str) if "group" not in samples else samples["group"].to_numpy(dtype=str)
    return np.unique(names)


def _placed(values: Array, places: Array, count: int) -> Array:
    placed = np.full(count, np.nan, dtype=np.float32)
    placed[places] = values
    return placed


def _mean_known(values: Sequence[Array]) -> Array:
    stacked = np.stack(values)
    known = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, stacked, 0).sum(axis=0) / known.sum(axis=0))


def _mean_rows(scored: Scored, results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows on top: metrics are means over tasks, seconds are sums."""
    rows = []
    for key, scores in scored.items():
        own = [
            row
            for found in results
            for row in found["rows"]
            if (row["strategy"], tuple(row["blocks"]), row["classifier"]) == key
        ]
        rows.append(
            {
                "strategy": key[0],
                "blocks": list(key[1]),
                "classifier": key[2],
                "metrics": metric_cells(scores),
                "fit_seconds": round(sum(row["fit_seconds"] for row in own), 3),
                "predict_ms_per_sample": round(sum(row["predict_ms_per_sample"] for row in own), 4),
            }
        )
    return rows


def _mean_contributions(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean share of each modality; none where a task has other modalities."""
    shares = [own["contributions"] for own in results]
    details = [own["contribution_details"] for own in results if "contribution_details" in own]
    if len({tuple(own) for own in shares}) != 1 or len(details) < len(results):
        return {"contributions": {}}

    def mean(values: Sequence[float]) -> float:
        return round(float(np.mean(values)), DIGITS)

    first = {name: details[0][name] for name in ("strategy", "classifier", "metric")}
    ends = {end: mean([own[end] for own in details]) for end in ("base", "full")}
    return {
        "contributions": {name: mean([own[name] for own in shares]) for name in shares[0]},
        "contribution_details": first | ends | {"by_class": {}, "permutation": {}, "features": []},
    }


def _stacked(runs: dict[str, Run], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables of the tasks below each other, with the task in front."""
    parts = [table.assign(task=task) for task, table in zip(runs, tables, strict=True) if len(table)]
    if not parts:
        return pd.DataFrame(columns=["task", *tables[0].columns])
    joined = pd.concat(parts, ignore_index=True)
    return joined[["task", *joined.columns.drop("task")]]


def _tell(on_task: Callable[[int, int], None], number: int, count: int, finished: int, total: int) -> None:
    # Tasks have as many fits each, so that all of them are known from the first on.
    on_task(number * total + finished, count * total)
