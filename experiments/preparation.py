"""From a corpus to the samples that a study speaks of: filtered, grouped, labelled, and with the texts that they lack."""

from __future__ import annotations

from dataclasses import replace

from ..features.errors import StudyError, TableError
from ..features.samples import as_name, check_samples
from ..features.transcripts import transcribe
from .corpora import Corpus
from .protocols import DROPPED_LABELS
from .study import Study
from .targets import joined_labels, target_values
from .windowing import windowed


def prepare_corpus(study: Study, corpus: Corpus, *, require_label: bool = True, n_jobs: int = 1) -> Corpus:
    """Return the corpus with the study's label column and map, less the samples they (or the protocol) drop.

    Texts that are absent come from where the study's ``transcript`` says; where it has ``window_s``, clips are cut.

    Without ``require_label``, a corpus that has no labels is returned as it is: features need none.

    Raises
    ------
    StudyError, TableError
        The label column does not exist, or fewer than two classes remain.
    """
    corpus = with_transcripts(study, _labelled(study, corpus, require_label), n_jobs=n_jobs)
    return windowed(study, corpus, n_jobs=n_jobs)


def with_transcripts(study: Study, corpus: Corpus, *, n_jobs: int = 1) -> Corpus:
    """Return the corpus with the texts that it lacks, from where the study's ``transcript`` says."""
    if study.transcript is None or not any(spec.reads_text for spec in study.blocks.values()):
        return corpus
    found = transcribe(corpus.samples, study.transcript, n_jobs=n_jobs)
    return replace(corpus, samples=corpus.samples.assign(text=found.texts), failures=found.failures)


def _labelled(study: Study, corpus: Corpus, require_label: bool) -> Corpus:
    corpus = chosen_samples(study, corpus)
    samples = corpus.samples
    absent = [column for column in study.tasks or (study.column,) if column not in samples]
    if absent and not require_label:
        return corpus
    if absent:
        raise StudyError(
            f"label column {', '.join(map(repr, absent))} is not in the corpus; it has {list(samples.columns)}"
        )
    if study.tasks:
        labels = joined_labels(study, samples)
        return replace(corpus, samples=samples.assign(label=labels)[labels.notna()])
    labels = samples[study.column]
    if study.task == "regression":
        values = target_values(labels, study.column)
        if not require_label and values.isna().all():
            return corpus
        return replace(corpus, samples=samples.assign(label=values)[values.notna()])
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
    if study.label_map is None and study.column != "label" and not labels.notna().all():
        raise TableError(f"label column {study.column!r} is missing for {int(labels.isna().sum())} samples")
    if not kept.any():
        raise StudyError(f"no sample is left: the label map or protocol {study.protocol.name!r} drops every one")
    return replace(corpus, samples=check_samples(samples.assign(label=labels)[kept]))


def chosen_samples(study: Study, corpus: Corpus) -> Corpus:
    """Return the corpus with the samples that a study speaks of, grouped as it says."""
    corpus = filtered(study, corpus)
    samples = corpus.samples
    if study.group is not None:
        if study.group not in samples:
            raise StudyError(f"column {study.group!r} to group by is not in the corpus; it has {list(samples.columns)}")
        # Who speaks is still to be known, where turns are held together by their dialogue.
        who = {"speaker": samples["group"]} if "group" in samples and "speaker" not in samples else {}
        samples = check_samples(samples.assign(**who, group=samples[study.group]), require_label=False)
    return corpus if samples is corpus.samples else replace(corpus, samples=samples)


def filtered(study: Study, corpus: Corpus) -> Corpus:
    """Return the corpus with the samples that have the values a study's ``where`` names.

    What only the others had, such as the videos of speech in a study of song, is then not there at all. A user's own table
    need not have the columns by which a shipped study parts its corpus.
    """
    samples = corpus.samples
    for column, values in study.where.items():
        if column not in samples:
            if corpus.info.name != study.corpus:
                continue
            raise StudyError(f"column {column!r} of where is not in the corpus; it has {list(samples.columns)}")
        found = samples[column].map(as_name, na_action="ignore")
        samples = samples[found.isin(values)]
        if samples.empty:
            raise StudyError(
                f"no sample has a {column} out of {list(values)}; it is one of {sorted(found.dropna().unique())[:20]}"
            )
    if samples is corpus.samples:
        return corpus
    samples = samples.dropna(axis="columns", how="all")
    tables = {name: table for name, table in corpus.tables.items() if table.index.isin(samples.index).any()}
    return replace(corpus, samples=samples, tables=tables)
