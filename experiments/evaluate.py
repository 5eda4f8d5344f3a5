"""A finished model on samples of a corpus: the same figures as a run's, stamped where it was trained on what it is shown."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ..features.errors import EmofuseError, StudyError
from ..features.samples import media_columns
from ..features.store import FeatureStore
from ..fusion.blocks import join_blocks, select_block
from ..fusion.dialogue import Turns
from .answer_table import write_answers
from .answers import FoldOutcome, Scale, count_losses, turns_for
from .blocks import BlockTable, ProgressMaker, build_blocks
from .compare import Array, RowKey
from .conditions import MAX_PARTS, Conditions, masked, modalities_of
from .corpora import NAMES, Corpus
from .digests import group_digests, source_digests
from .near_copies import without_rows
from .preparation import chosen_samples, with_transcripts
from .protocols import Fold
from .results import Evaluated, assemble, bootstrap_groups, other_protocol
from .run import Run
from .run_folder import write_run
from .statistics import tally, top_k_accuracy
from .strategies import is_fusion
from .study import Study, parse_study
from .verdict import DIGITS, row_label

TOP_K = (2, 3)  # in how many guesses the true class may come
HELD_OUT = "held_out"  # the split of the groups that the model's training left out


class TrainedModel(Protocol):
    """What is asked of a model: :class:`emofuse.inference.predictor.Model` has it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities' columns."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the bundle says of itself: ``study``, ``blocks``, ``training`` and more."""

    def predict_blocks(self, X: pd.DataFrame, turns: Turns | None = None) -> Array:
        """Return probabilities of shape (n_samples, n_classes) for a block table, whose rows may be turns of dialogues."""


def evaluate_model(
    model: TrainedModel,
    corpus: Corpus,
    *,
    split: str | None = None,
    root: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
) -> Run:
    """Let a model answer samples of a corpus, which need not be the one it was trained on, and count the answers.

    Parameters
    ----------
    model : TrainedModel
    corpus : Corpus
        Its labels are classes of the model, or what the label map of the model's study makes classes of.
    split : str, optional
        A value of the corpus's column ``split``, or ``held_out``: the groups that training left out. All samples by default.
    root : path, optional
        Folder that the study's own feature tables are below.
    n_jobs : int, default=1
    store : FeatureStore, optional
    progress : callable, optional
        See :func:`~emofuse.experiments.blocks.build_blocks`.

    Returns
    -------
    Run
        With a row for the model and one for each of its modalities alone, in the format of any run;
        ``results["evaluation"]`` holds the confusions, the figures by class, top-k accuracy, and how many samples training had
        seen. Where that are some of them, the figures without them stand under ``other_protocols``.

    Raises
    ------
    StudyError
        No such split, labels that the model does not know, or none of the model's modalities.

    Notes
    -----
    What training has seen is known by its digests: groups, sources, texts (see :mod:`~emofuse.experiments.digests`). Groups
    are not compared between two different published corpora, where a speaker "1" of one is not that of the other.
    """
    manifest = model.manifest
    study = study_of(model)
    training = manifest["training"]
    classes = np.array(model.classes, dtype=str)
    if corpus.info.name == training["corpus"]:
        corpus = chosen_samples(study, corpus)
    corpus, notes = _labelled(study, chosen_split(corpus, split, training["held_out"]), classes, training["corpus"])
    corpus, table = measured(model, corpus, root=root, n_jobs=n_jobs, store=store, progress=progress)
    evaluated, conditions = _answered(model, study, corpus.samples, table.X, int(training["n_samples"]))
    seen = seen_in_training(model, corpus, table)
    leaky = bool(seen.to_numpy().any())
    n_failed = table.failures["sample"].nunique()
    results, predictions = assemble(study, corpus, evaluated, conditions, n_failed=n_failed, leaky=leaky)
    results["protocol"] |= _protocol(study, corpus, split)
    rows = seen.any(axis=1).to_numpy()
    if leaky and not rows.all():
        unseen = other_protocol(study, study.protocol, corpus, without_rows(evaluated, rows), leaky=False)
        unseen["protocol"] |= _protocol(study, corpus, split) | {
            "name": f"{_protocol(study, corpus, split)['name']}, unseen in training"
        }
        results["other_protocols"] = [unseen]
    key = _key(study)
    codes = np.searchsorted(classes, corpus.samples["label"].to_numpy(dtype=str))
    results["evaluation"] = {
        "model": row_label(key),
        "trained_on": training["corpus"],
        "split": split,
        "n_seen": int(rows.sum()),
        "seen_by": {name: int(count) for name, count in seen.sum().items() if count},
        **_by_class(classes, codes, evaluated.probabilities[key]),
    }
    told = [
        f"leaky: {count} of {len(rows)} samples share their {name} with the model's training"
        for name, count in results["evaluation"]["seen_by"].items()
    ]
    return Run(results, predictions, table, corpus.samples, (*corpus.notes, *table.notes, *notes, *told))


def write_evaluation(run: Run, model: TrainedModel, out: str | os.PathLike[str]) -> Path:
    """Write an evaluation as the folder of a run, with ``answers.csv``: a row a clip; return the folder."""
    folder = write_run(run, study_of(model), out)
    write_answers(run, folder, run.table.X)
    return folder


def measured(
    model: TrainedModel,
    corpus: Corpus,
    *,
    root: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
) -> tuple[Corpus, BlockTable]:
    """Return a corpus with the texts that it lacked, and every block of a model measured of it.

    The parameters are those of :func:`evaluate_model`; a block that the corpus does not have is absent in all rows.
    """
    study = study_of(model)
    corpus = with_transcripts(study, corpus, n_jobs=n_jobs)
    table = build_blocks(
        study,
        _without_empty(corpus),
        root=None if root is None else Path(root),
        n_jobs=n_jobs,
        store=store,
        progress=progress,
    )
    return corpus, replace(table, X=_completed(table.X, study, model.manifest["blocks"]))


def study_of(model: TrainedModel) -> Study:
    """Return the study that a model was trained by."""
    return parse_study(dict(model.manifest["study"]), source="of the model")


def chosen_split(corpus: Corpus, split: str | None, held_out: Sequence[str] = ()) -> Corpus:
    """Return the corpus with the samples of a split alone; ``held_out`` are the digests of groups that training left out."""
    if split is None:
        return corpus
    samples = corpus.samples
    if "split" in samples and split in set(samples["split"]):
        rows = samples["split"] == split
    elif split == HELD_OUT:
        if not held_out:
            raise StudyError("the model's training held no group out; train it with --hold-out, or name another split")
        rows = group_digests(samples).isin(list(held_out))
        if not rows.any():
            raise StudyError("none of the groups that the model's training held out is in this corpus")
    else:
        there = sorted(samples["split"].dropna().unique()) if "split" in samples else []
        raise StudyError(
            f"no split {split!r} in the corpus; it has {there}, and {HELD_OUT!r} is what training left out"
        )
    return replace(corpus, samples=samples[rows])


def _labelled(study: Study, corpus: Corpus, classes: Array, trained_on: str) -> tuple[Corpus, list[str]]:
    """Return the corpus with labels that are classes of the model, and notes on the samples that have none.

    What the training left out of its own corpus is left out here; of another corpus nothing is, unasked.
    """
    samples = corpus.samples
    if study.column not in samples:
        raise StudyError(f"label column {study.column!r} is not in the corpus; it has {list(samples.columns)}")
    known = {name: name for name in classes.tolist()}
    known |= {name: label for name, label in (study.labels or {}).items() if label in known}
    own = samples[study.column].dropna().astype(str)
    unknown = sorted(set(own) - set(known))
    if unknown and corpus.info.name != trained_on:
        raise StudyError(
            f"the model does not know the labels {unknown}; it knows {sorted(known)}: give a sample table (--samples) in "
            "which those samples are left out or called otherwise"
        )
    labels = own.map(known).reindex(samples.index)
    kept = labels.notna()
    if not kept.any():
        raise StudyError(f"no sample has a label that the model knows; it knows {sorted(known)}")
    dropped = f"; the labels {unknown} were none of training's" if unknown else ""
    notes = [] if kept.all() else [f"{int((~kept).sum())} of {len(kept)} samples are left out{dropped or ': no label'}"]
    return replace(corpus, samples=samples.assign(label=labels)[kept]), notes


def _without_empty(corpus: Corpus) -> Corpus:
    """Return the corpus without sources and tables that no sample has: a modality that is absent is no mistake here."""
    samples = corpus.samples
    empty = [name for name in (*media_columns(), "text") if name in samples and samples[name].isna().all()]
    tables = {name: table for name, table in corpus.tables.items() if table.index.isin(samples.index).any()}
    return replace(corpus, samples=samples.drop(columns=empty), tables=tables)


def _completed(X: pd.DataFrame, study: Study, described: Mapping[str, Any]) -> pd.DataFrame:
    """Return the block table with every block of the model, absent in all rows where the corpus does not have it."""
    there = set(X.columns.get_level_values(0))
    blocks: dict[str, pd.DataFrame | pd.Series] = {}
    for name, spec in study.blocks.items():
        if spec.kind == "text":
            blocks[name] = (
                select_block(X, name).iloc[:, 0] if name in there else pd.Series(None, index=X.index, dtype=object)
            )
        elif name in there:
            blocks[name] = select_block(X, name)
        else:
            blocks[name] = pd.DataFrame(np.nan, index=X.index, columns=described[name]["features"], dtype=np.float32)
    return join_blocks(blocks)


def _answered(
    model: TrainedModel, study: Study, samples: pd.DataFrame, X: pd.DataFrame, n_training: int
) -> tuple[Evaluated, Conditions]:
    """Ask the model about all rows as they are, and with each set of its modalities."""
    classes = np.array(model.classes, dtype=str)
    codes = np.searchsorted(classes, samples["label"].to_numpy(dtype=str))
    key = _key(study)
    groups, n_groups = bootstrap_groups(samples)
    scale = Scale(codes, groups, n_groups, classes, classes)
    conditions = Conditions(modalities_of(study, list(study.blocks)), {})
    outcome = FoldOutcome()
    modalities = list(conditions.modalities)
    everything = tuple(modalities)
    sets = [everything]
    if len(modalities) > 1:
        sets += [*conditions.subsets, *([()] if len(modalities) <= MAX_PARTS else [])]
    answers, seconds = {}, {}
    turns = turns_for(study, samples) if {"dialogue", "turn"} <= set(samples) else None
    for subset in sets:
        start = time.perf_counter()
        own = X if subset == everything else masked(X, conditions.blocks_of(subset))
        answers[subset] = _asked(model, own, turns)
        seconds[subset] = time.perf_counter() - start
    outcome.probabilities[key], outcome.predict_seconds[key] = answers[everything], seconds[everything]
    if len(modalities) > 1:
        if is_fusion(key[0]):
            count_losses(key, answers, scale, modalities, outcome, study.seed)
        for name, blocks in conditions.modalities.items():
            single: RowKey = ("unimodal", blocks, key[2])
            outcome.probabilities[single], outcome.predict_seconds[single] = answers[name,], seconds[name,]
    # Of the training rows, which are none of these samples, only their number is asked for.
    fold = Fold("model", np.zeros(n_training, dtype=np.intp), np.arange(len(samples)))
    return Evaluated(classes, [fold], [outcome], dict(outcome.probabilities)), conditions


def _asked(model: TrainedModel, X: pd.DataFrame, turns: Turns | None) -> Array:
    given = model.predict_blocks(X) if turns is None else model.predict_blocks(X, turns)
    answers = np.asarray(given, dtype=np.float64)
    if answers.shape != (len(X), len(model.classes)):
        raise EmofuseError(f"the model answered {answers.shape}, not one row for each of {len(X)} samples")
    return answers


def _key(study: Study) -> RowKey:
    return study.strategies[0], tuple(study.blocks), study.classifiers[0]


def seen_in_training(model: TrainedModel, corpus: Corpus, table: BlockTable) -> pd.DataFrame:
    """Return for each sample by what a model's training had it: its group, its sources; a column each."""
    study, training = study_of(model), model.manifest["training"]
    samples = corpus.samples
    found = source_digests(study, samples, table).isin(set(training["source_digests"]))
    strangers = {corpus.info.name, training["corpus"]} <= set(NAMES) and corpus.info.name != training["corpus"]
    if not strangers:
        found["group"] = group_digests(samples).isin(set(training["group_digests"]))
    return found


def _protocol(study: Study, corpus: Corpus, split: str | None) -> dict[str, Any]:
    name = {None: "all samples", HELD_OUT: "held-out groups"}.get(split, f"split {split}")
    own = study.group if corpus.info.name == study.corpus else None
    return {"name": name, "groups": own or corpus.info.groups, "repeats": 1}


def _by_class(classes: Array, codes: Array, probabilities: Array) -> dict[str, Any]:
    """Return the confusions (true class by answered class), and how well each class is told."""
    counts = tally(codes, probabilities, np.zeros(len(codes), dtype=int))
    confusion = counts.confusion[0].astype(int)
    diagonal, support, answered = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)

    def share(part: int, whole: int) -> float | None:
        return round(float(part / whole), DIGITS) if whole else None

    return {
        "top_k": {str(k): round(top_k_accuracy(codes, probabilities, k), DIGITS) for k in TOP_K if k < len(classes)},
        "confusion": confusion.tolist(),
        "per_class": [
            {
                "class": str(label),
                "n": int(support[row]),
                "recall": share(diagonal[row], support[row]),
                "precision": share(diagonal[row], answered[row]),
                "f1": share(2 * diagonal[row], support[row] + answered[row]),
            }
            for row, label in enumerate(classes)
        ],
    }
