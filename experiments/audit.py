"""Audit a corpus before anyone believes a number from it: leaks, duplicates, dead and telltale columns."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..classifiers.regression_recipes import binned
from ..features.errors import ProtocolError, SampleError
from ..features.extractors import make_extractor
from ..features.files import read_bytes
from ..features.pieces import sha256_of
from .audit_columns import column_findings
from .audit_copies import equal_rows, oversampled, row_keys, whole_copies
from .audit_findings import Audited, Finding
from .audit_fitted import fitted_before_split
from .audit_names import augmented, telling_names
from .audit_pairing import pairing_findings
from .audit_pictures import picture_findings
from .audit_probabilities import probability_findings
from .audit_samples import classes_and_groups, duplicate_files, repeated_texts, split_findings
from .audit_sounds import Heard, listen, sound_findings
from .audit_speakers import speaker_findings
from .audit_texts import text_findings
from .audit_views import some_rows, views
from .audit_windows import window_findings
from .blocks import source_table
from .corpora import Corpus
from .protocols import Fold, find_leaks, make_folds, regroup
from .run import prepare_corpus
from .study import Study

__all__ = ["Finding", "audit"]


def audit(
    study: Study, corpus: Corpus, *, root: str | os.PathLike[str] | None = None, n_jobs: int = 1
) -> list[Finding]:
    """Look a corpus and a study over; the gravest findings come first.

    Parameters
    ----------
    study : Study
    corpus : Corpus
        All columns of all its tables are looked at, used by the study or not.
    root : path, optional
        Folder that the study's own feature tables are below.
    n_jobs : int, default=1
        Threads that read sounds and pictures.

    Returns
    -------
    list of Finding
    """
    raw_tables = _tables(study, corpus, root)
    corpus = prepare_corpus(study, corpus)
    if study.task == "regression":  # what is looked for by class is looked for by fifths of the values
        fifths = binned(corpus.samples["label"]).astype(str)
        corpus = replace(corpus, samples=corpus.samples.assign(label=fifths))
    samples = corpus.samples
    hashes = _hashes(study, samples)
    audited, leaks, broken = _split(study, corpus, hashes)
    tables = {name: table.reindex(samples.index) for name, table in raw_tables.items()}
    used = {name: _used_columns(study, name, table) for name, table in tables.items()}
    keys = {name: row_keys(_numbers(table, used[name])) for name, table in tables.items()}
    heard = listen(samples, n_jobs=n_jobs) if "audio" in hashes else {}
    findings = oversampled(audited, whole_copies(audited, hashes, {name: keys[name] for name in keys if used[name]}))
    windows = window_findings(audited)
    findings += [*windows, *augmented(audited), *classes_and_groups(samples), *duplicate_files(samples, hashes)]
    findings += broken or split_findings(audited, leaks)
    if heard:
        findings += sound_findings(audited, heard, hashes["audio"])
    findings += [*repeated_texts(audited), *text_findings(audited)]
    findings += picture_findings(audited, hashes, n_jobs=n_jobs)
    for name, table in tables.items():
        findings += probability_findings(audited, name, table, used=bool(used[name]))
        findings += equal_rows(audited, name, keys[name], used=bool(used[name]))
        findings += fitted_before_split(audited, name, raw_tables[name], used[name])
        findings += column_findings(name, table, samples, used[name])
    findings += [*_seen(audited, heard, tables, n_jobs), *telling_names(audited)]
    order = {"refused": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: (order[finding.severity], not finding.used))


def _split(study: Study, corpus: Corpus, hashes: dict[str, pd.Series]) -> tuple[Audited, list[str], list[Finding]]:
    """Return the samples with their folds, what leaks, and why the protocol cannot split them if it cannot."""
    samples = corpus.samples
    owned_up = study.protocol.leaky or study.protocol.name == "random"
    try:
        regrouped = regroup(samples, study.protocol)
        folds: list[Fold] = make_folds(regrouped, study.protocol, seed=study.seed)
    except ProtocolError as error:
        finding = Finding("refused", "protocol", study.protocol.name, str(error), True)
        return (
            Audited(study, samples, [], owned_up, corpus.info.synthetic, study.group or corpus.info.groups),
            [],
            [finding],
        )
    audited = Audited(study, samples, folds, owned_up, corpus.info.synthetic, study.group or corpus.info.groups)
    return audited, find_leaks(regrouped, folds, hashes=hashes, use_text=audited.reads_text), []


def _seen(audited: Audited, heard: dict[int, Heard], tables: dict[str, pd.DataFrame], n_jobs: int) -> list[Finding]:
    """Return what a quick look at each modality of the study tells: which belong together, and which name the speaker."""
    rows = some_rows(audited.samples, seed=audited.study.seed)
    some = replace(audited, samples=audited.samples.iloc[rows], folds=[])
    places = {int(row): place for place, row in enumerate(rows)}
    sounds = {places[row]: item for row, item in heard.items() if row in places}
    taken = {
        name: tables[spec.table].iloc[rows][list(spec.columns) if spec.columns else list(tables[spec.table])]
        for name, spec in audited.study.blocks.items()
        if spec.table in tables
    }
    seen = views(some, sounds, taken, n_jobs=n_jobs)
    sources = {name: audited.study.blocks[name].table or name if name in taken else name for name in seen}
    return [*pairing_findings(audited, seen, sources, rows), *speaker_findings(audited, seen, rows)]


def _tables(study: Study, corpus: Corpus, root: str | os.PathLike[str] | None) -> dict[str, pd.DataFrame]:
    tables = dict(corpus.tables)
    for spec in study.blocks.values():
        if spec.table is not None and spec.table not in tables:
            table = source_table(spec, corpus, None if root is None else Path(root))
            if table is not None:
                tables[spec.table] = table
    return tables


def _hashes(study: Study, samples: pd.DataFrame) -> dict[str, pd.Series]:
    """Return SHA-256 of the bytes behind each media column that a block reads; unreadable files are left to extraction."""
    columns = {
        make_extractor(spec.extractor, spec.parameters).source_column
        for spec in study.blocks.values()
        if spec.extractor != "table" and not spec.reads_text
    }
    found = {}
    for column in sorted(columns & set(samples.columns)):
        digests: list[str | None] = []
        for path in samples[column]:
            try:
                digests.append(None if path is None else sha256_of(read_bytes(path)))
            except SampleError:
                digests.append(None)
        found[column] = pd.Series(digests, index=samples.index, dtype=object)
    return found


def _used_columns(study: Study, table: str, values: pd.DataFrame) -> set[str]:
    used: set[str] = set()
    for spec in study.blocks.values():
        if spec.table == table:
            used |= set(values.columns if spec.columns is None else spec.columns)
    return used


def _numbers(table: pd.DataFrame, used: set[str]) -> pd.DataFrame:
    """Return the columns that the study uses, all of them if it uses none, as far as they are numbers."""
    chosen = table[[column for column in table if column in used]] if used else table
    numbers = chosen.apply(pd.to_numeric, errors="coerce").astype("float64")
    found: pd.DataFrame = numbers.mask(numbers.abs() > np.finfo(np.float32).max)
    return found
