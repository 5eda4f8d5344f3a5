"""What the sample table alone tells: classes, groups, files and texts that repeat, and whether the split holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from .audit_findings import LISTED, Audited, Finding, Severity, listed
from .protocols import text_key

MANY_CLASSES = 50


def classes_and_groups(samples: pd.DataFrame) -> list[Finding]:
    """Return how many samples each class has, and which classes and groups nothing can be said of."""
    findings = []
    counts = samples["label"].value_counts()
    alone = sorted(counts.index[counts == 1])
    if alone:
        findings.append(Finding("warning", "rare_class", listed(alone), "classes with a single sample", True))
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
                    listed(single),
                    f"{len(single)} groups hold one class only",
                    True,
                )
            )
        in_groups = samples.groupby("label")["group"].nunique()
        lonely = sorted(in_groups.index[in_groups == 1])
        if lonely:
            findings.append(
                Finding("warning", "class_in_one_group", listed(lonely), "classes that only one group has", True)
            )
    return findings


def duplicate_files(samples: pd.DataFrame, hashes: Mapping[str, pd.Series]) -> list[Finding]:
    """Return files whose bytes stand in several samples; windows of one file are told elsewhere.

    Parameters
    ----------
    samples : pandas.DataFrame
    hashes : mapping of str to Series
        SHA-256 of the bytes of each sample's file, by column.
    """
    findings: list[Finding] = []
    if "start_s" in samples:
        return findings
    for column, series in hashes.items():
        known = series.dropna()
        copies = [names for names in known.groupby(known).groups.values() if len(names) > 1]
        across = [names for names in copies if "group" in samples and samples.loc[names, "group"].nunique() > 1]
        within = [names for names in copies if not any(names is other for other in across)]
        judged: list[tuple[Severity, list[Any]]] = [("refused", across), ("warning", within)]
        for severity, found in judged:
            findings += [_duplicate(severity, column, names, samples) for names in found[:LISTED]]
            if len(found) > LISTED:
                labels = sum(samples.loc[names, "label"].nunique() > 1 for names in found)
                message = (
                    f"the same {column} bytes several times, {len(found) - LISTED} more files; {labels} of all "
                    f"{len(found)} stand under several labels"
                )
                where = listed(name for names in found[LISTED:] for name in names)
                findings.append(Finding(severity, "duplicate_file", where, message, True))
    return findings


def _duplicate(severity: Severity, column: str, names: Any, samples: pd.DataFrame) -> Finding:
    groups = sorted(set(samples.loc[names, "group"])) if severity == "refused" else []
    labels = sorted(set(samples.loc[names, "label"]))
    message = f"the same {column} bytes {len(names)} times"
    message += f", in groups {listed(groups)}" if groups else ""
    message += f", under the labels {listed(labels)}" if len(labels) > 1 else ""
    return Finding(severity, "duplicate_file", listed(names), message, True)


def repeated_texts(audited: Audited) -> list[Finding]:
    """Return how many texts stand in several samples, which teach a classifier of words nothing but themselves."""
    samples = audited.samples
    if "text" not in samples:
        return []
    used = audited.reads_text
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


def split_findings(audited: Audited, leaks: list[str]) -> list[Finding]:
    """Return what stands on both sides of a fold by the check that every run makes, or that nothing does."""
    spec = audited.study.protocol
    if leaks:
        return [Finding(audited.leak, "split_leak", spec.name, leak, True) for leak in leaks]
    message = f"{len(audited.folds)} folds; no group, file or used text stands on both sides"
    return [Finding("note", "split", spec.name, message, True)]
