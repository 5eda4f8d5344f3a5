"""Audit a corpus before anyone believes a number from it: leaks, duplicates, dead and telltale columns."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from ..features.base import sha256_of
from ..features.errors import ProtocolError, SampleError
from ..features.extractors import make_extractor
from ..features.files import read_bytes
from .blocks import source_table
from .corpora import Corpus
from .protocols import check_leaks, find_leaks, make_folds, regroup, text_key
from .run import prepare_corpus
from .study import Study

Severity = Literal["refused", "warning", "note"]
TELLTALE_UAR = 0.9  # one column that alone names the class of unseen groups this well has seen the label
MANY_CLASSES = 50
LISTED = 8


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    severity : {"refused", "warning", "note"}
    kind : str
        Short stable name, such as ``label_leak``.
    where : str
        The table and columns, or the samples.
    message : str
    used : bool
        Whether the study uses what was found; a refused finding that it uses fails the audit.
    """

    severity: Severity
    kind: str
    where: str
    message: str
    used: bool


def audit(study: Study, corpus: Corpus, *, root: str | os.PathLike[str] | None = None) -> list[Finding]:
    """Look a corpus and a study over; the gravest findings come first.

    Parameters
    ----------
    study : Study
    corpus : Corpus
        All columns of all its tables are looked at, used by the study or not.
    root : path, optional
        Folder that the study's own feature tables are below.

    Returns
    -------
    list of Finding
    """
    corpus = prepare_corpus(study, corpus)
    samples = corpus.samples
    hashes = _hashes(study, samples)
    findings = [
        *_classes_and_groups(samples),
        *_duplicates(samples, hashes),
        *_repeated_texts(study, samples),
    ]
    findings += _split(study, samples, hashes)
    for name, table in _tables(study, corpus, root).items():
        findings += _columns(name, table.reindex(samples.index), samples, _used_columns(study, name, table))
    order = {"refused": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: (order[finding.severity], not finding.used))


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


def _classes_and_groups(samples: pd.DataFrame) -> list[Finding]:
    findings = []
    counts = samples["label"].value_counts()
    alone = sorted(counts.index[counts == 1])
    if alone:
        findings.append(Finding("warning", "rare_class", _listed(alone), "classes with a single sample", True))
    if len(counts) > MANY_CLASSES:
        message = f"{len(counts)} classes: is the label column right?"
        findings.append(Finding("warning", "many_classes", "label", message, True))
    findings.append(
        Finding(
            "note",
            "classes",
            "label",
            ", ".join(f"{name} {count} ({count / len(samples):.0%})" for name, count in counts.items()),
            True,
        )
    )
    if "group" in samples:
        by_group = samples.groupby("group")["label"].nunique()
        single = sorted(by_group.index[by_group == 1])
        if single:
            findings.append(
                Finding(
                    "warning",
                    "single_class_group",
                    _listed(single),
                    f"{len(single)} groups hold one class only",
                    True,
                )
            )
        in_groups = samples.groupby("label")["group"].nunique()
        lonely = sorted(in_groups.index[in_groups == 1])
        if lonely:
            findings.append(
                Finding("warning", "class_in_one_group", _listed(lonely), "classes that only one group has", True)
            )
    return findings


def _duplicates(samples: pd.DataFrame, hashes: dict[str, pd.Series]) -> list[Finding]:
    findings = []
    for column, series in hashes.items():
        known = series.dropna()
        for names in known.groupby(known).groups.values():
            if len(names) < 2 or "start_s" in samples:
                continue
            groups = sorted(set(samples.loc[names, "group"])) if "group" in samples else []
            labels = sorted(set(samples.loc[names, "label"]))
            across = len(groups) > 1
            message = f"the same {column} bytes {len(names)} times"
            message += f", in groups {_listed(groups)}" if across else ""
            message += f", under the labels {_listed(labels)}" if len(labels) > 1 else ""
            findings.append(
                Finding("refused" if across else "warning", "duplicate_file", _listed(names), message, True)
            )
    return findings


def _repeated_texts(study: Study, samples: pd.DataFrame) -> list[Finding]:
    if "text" not in samples:
        return []
    used = any(spec.reads_text for spec in study.blocks.values())
    texts = samples["text"].map(text_key, na_action="ignore").dropna()
    repeated = texts[texts.duplicated(keep=False)]
    if repeated.empty:
        return []
    labels = samples.loc[repeated.index, "label"].groupby(repeated).nunique()
    contradicting = int((labels > 1).sum())
    message = (
        f"{repeated.nunique()} texts stand in {len(repeated)} samples, {contradicting} of them under several labels"
    )
    return [Finding("warning" if used else "note", "repeated_text", "text", message, used)]


def _split(study: Study, samples: pd.DataFrame, hashes: dict[str, pd.Series]) -> list[Finding]:
    try:
        samples = regroup(samples, study.protocol)
        folds = make_folds(samples, study.protocol, seed=study.seed)
        use_text = any(spec.reads_text for spec in study.blocks.values())
        leaks = find_leaks(samples, folds, hashes=hashes, use_text=use_text)
    except ProtocolError as error:
        return [Finding("refused", "protocol", study.protocol.name, str(error), True)]
    if not leaks:
        message = f"{len(folds)} folds; no group, file or used text stands on both sides"
        return [Finding("note", "split", study.protocol.name, message, True)]
    try:
        check_leaks(leaks, study.protocol)
        severity: Severity = "warning"
    except ProtocolError:
        severity = "refused"
    return [Finding(severity, "split_leak", study.protocol.name, leak, True) for leak in leaks]


def _used_columns(study: Study, table: str, values: pd.DataFrame) -> set[str]:
    used: set[str] = set()
    for spec in study.blocks.values():
        if spec.table == table:
            used |= set(values.columns if spec.columns is None else spec.columns)
    return used


def _columns(name: str, table: pd.DataFrame, samples: pd.DataFrame, used: set[str]) -> list[Finding]:
    findings: list[Finding] = []

    def add(severity: Severity, kind: str, columns: list[Any], message: str) -> None:
        findings.append(
            Finding(
                severity,
                kind,
                f"{name}: {_listed(columns, all_of_them=True)}" if columns else name,
                message,
                bool(set(columns) & used),
            )
        )

    numbers = table.apply(pd.to_numeric, errors="coerce")
    text = [c for c in table if (numbers[c].isna() & table[c].notna()).any()]
    if text:
        add("refused", "not_numeric", text, "columns hold something else than numbers")
    numeric = numbers.drop(columns=text).astype("float64")
    beyond = numeric.abs() > np.finfo(np.float32).max
    infinite = list(numeric.columns[beyond.any()])
    if infinite:
        add("refused", "infinite", infinite, "columns hold infinite values, or values beyond float32")
        numeric = numeric.mask(beyond)
    empty = [c for c in numeric if numeric[c].isna().all()]
    constant = [c for c in numeric if c not in empty and numeric[c].nunique() == 1]
    for kind, columns, message in (
        ("empty", empty, "no value at all"),
        ("constant", constant, "one value only"),
    ):
        if columns:
            add("warning", kind, columns, message)
    alive = numeric.drop(columns=[*empty, *constant])
    holes = alive.isna().mean()
    if (holes > 0).any():
        worst = sorted(holes[holes > 0].index, key=lambda c: -holes[c])
        add("note", "missing_values", worst, f"up to {holes.max():.1%} of the values are missing")
    families = _same_columns(alive)
    for columns in families:
        telltale = _telltale(alive[columns[0]], samples)
        if telltale >= TELLTALE_UAR:
            message = f"alone it names the class of unseen groups with a UAR of {telltale:.3f}: it has seen the label"
            add("refused", "label_leak", columns, message)
        if len(columns) > 1:
            message = f"{len(columns)} columns are the same up to scale: one of them is enough"
            add("warning", "repeated_column", columns, message)
    add(
        "note",
        "columns",
        list(table.columns[:0]),
        f"{table.shape[1]} columns, {len(families)} distinct, {len(used)} used",
    )
    return findings


def _same_columns(table: pd.DataFrame) -> list[list[str]]:
    """Return columns in families that are equal but for an offset and a factor, each family in table order."""
    families: dict[Any, list[str]] = {}
    for column in table:
        values = table[column].to_numpy()
        centred = values - np.nanmean(values)
        scaled = centred / np.nanstd(values)
        first = scaled[np.flatnonzero(np.abs(np.nan_to_num(scaled)) > 1e-3)[0]]
        key = np.round(np.nan_to_num(scaled * np.sign(first), nan=1e9), 4) + 0.0
        families.setdefault(key.tobytes(), []).append(str(column))
    return list(families.values())


def _telltale(column: pd.Series, samples: pd.DataFrame) -> float:
    """Return the UAR of a small tree on one column, on groups (or rows) that it was not fitted on."""
    labels = samples["label"].to_numpy(dtype=str)
    tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, class_weight="balanced", random_state=0)
    values = column.fillna(column.median()).to_numpy()[:, None]
    groups = samples["group"].to_numpy(dtype=str) if "group" in samples else None
    smallest = int(pd.Series(labels).value_counts().min())
    if groups is not None and len(np.unique(groups)) > 1:
        splitter: Any = GroupKFold(min(5, len(np.unique(groups))))
    elif smallest > 1:
        splitter = StratifiedKFold(min(5, smallest))
    else:
        splitter = KFold(min(5, len(labels)), shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fold may lack a class; its recall counts as it comes
        answers = cross_val_predict(tree, values, labels, groups=groups, cv=splitter)
        return float(balanced_accuracy_score(labels, answers))


def _listed(names: Any, *, all_of_them: bool = False) -> str:
    names = [str(name) for name in names]
    if all_of_them or len(names) <= LISTED:
        return ", ".join(names)
    return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"
