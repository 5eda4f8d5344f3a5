"""The sections of a report that need the answers themselves: confusions, classes, groups, and how far to trust confidence.

Each function returns a section, or None where the run's table of predictions has nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .report_charts import Line, line_chart
from .report_data import (
    Answers,
    LoadedRun,
    ValueAnswers,
    answers_of,
    full_name,
    main_rows,
    metric_label,
    row_name,
    stamps,
)
from .report_plots import matrix_chart, reliability_chart, strip_chart
from .report_tables import Column, Figure, Row, Section, Table, number
from .results import LOWER_IS_BETTER
from .selective import coverage_risk
from .statistics import ECE_BINS, metrics_of, tally, top_k_accuracy
from .strategies import REFERENCE

Array = npt.NDArray[Any]
A = TypeVar("A", bound=Answers | ValueAnswers)
N_COVERAGES = 60
TOP_K = (2, 3)  # in how many guesses the true class may come


def errors(run: LoadedRun) -> Section | None:
    """Return which classes are taken for which: confusion matrices, and precision, recall, F1 and support of each class."""
    classes, marks = run.results["corpus"]["classes"], tuple(stamps(run.results))
    figures, rows, guesses = [], [], []
    shown = [row for row in main_rows(run) if row["strategy"] == REFERENCE or row in main_rows(run)[:2]]
    for place, row in enumerate(shown):
        found = answers_of(run, row)
        if found is None:
            continue
        figures.append(confusion_figure(run, f"confusion-{place + 1}", row, found))
        rows += _class_rows(_counts(found, len(classes)), classes, full_name(row))
        in_k = [top_k_accuracy(found.codes, found.probabilities, k) for k in (1, *TOP_K) if k < len(classes)]
        guesses.append(Row((full_name(row), *in_k)))
    if not figures:
        return None
    columns = (
        Column("class"),
        *(Column(name, "number") for name in ("precision", "recall", "F1")),
        Column("support", "integer"),
    )
    caption = (
        "Precision, recall and F1 of each class over all tested samples; support is how often the class was tested."
    )
    tables = [Table("classes", caption, columns, tuple(rows), marks)]
    if len(classes) > TOP_K[0]:
        columns = (
            Column("strategy"),
            Column("accuracy", "number"),
            *(Column(f"top {k}", "number") for k in TOP_K if k < len(classes)),
        )
        caption = "How often the true class is the most probable one, and how often it is among the two or three most probable."
        tables.append(Table("top-k", caption, columns, tuple(guesses), marks))
    return Section("errors", "Where it goes wrong", (*figures, *tables))


def confusion_figure(run: LoadedRun, name: str, row: dict[str, Any], found: Answers, *, of: str = "") -> Figure:
    """Return the confusion matrix of a row; ``of`` says of what, where it is not of all tested samples."""
    classes, marks = run.results["corpus"]["classes"], tuple(stamps(run.results))
    counts = _counts(found, len(classes))
    called = f"{row_name(row)} ({row['classifier']}){of}"
    chart = matrix_chart(
        classes,
        (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).tolist(),
        label=f"Confusion matrix of {called}, in % of the true class",
        title=f"{full_name(row)}{of}",
        stamps=marks,
    )
    return Figure(name, f"{called}: rows are the true class, columns the answer, in % of the row.", chart, marks)


def groups(run: LoadedRun) -> Section | None:
    """Return the metric of every group for the main strategies, the worst tenth marked."""
    return group_section(run, answers_of, _by_group)


def group_section(
    run: LoadedRun, read: Callable[[LoadedRun, Any], A | None], by_group: Callable[[A, Array, Array, str], Array]
) -> Section | None:
    """Return the section on groups.

    Parameters
    ----------
    run : LoadedRun
    read : callable
        Takes the run and a row of its table, and returns the answers, or None.
    by_group : callable
        Takes answers, the group of each, the names of the groups and a metric, and returns the metric of each group, shape
        (n_groups,); NaN where it has none.
    """
    found = [(full_name(row), read(run, row)) for row in main_rows(run)]
    answered = [(name, item, item.groups) for name, item in found if item is not None and item.groups is not None]
    if not answered:
        return None
    names, sizes = np.unique(answered[0][2].astype(str), return_counts=True)
    if len(names) < 3:
        return None
    values = [(name, by_group(item, of, names, run.metric)) for name, item, of in answered]
    what, marks = run.results["protocol"]["groups"], tuple(stamps(run.results))
    first = values[0][1] if run.metric in LOWER_IS_BETTER else -values[0][1]
    order = np.argsort(-np.nan_to_num(first, nan=-np.inf), kind="stable")
    n_worst = ceil(len(names) / 10)
    worst = order[:n_worst].tolist()
    metric = metric_label(run.metric)
    named = ", ".join(str(names[group]) for group in worst)
    plural = (
        f"The worst tenth in {values[0][0]}: {named}" if len(worst) > 1 else f"The worst in {values[0][0]}: {named}"
    )
    chart = strip_chart(
        [str(name) for name in names],
        values,
        worst,
        label=f"{metric} of each {what} for the main strategies; the table below holds the same numbers",
        axis=f"{metric} of each {what}",
        stamps=marks,
    )
    caption = f"{metric} of each {what}, a mark each; the thick line is the mean over {what}s. {plural}."
    rows = [
        Row((str(names[group]), int(sizes[group]), *(float(found[group]) for _, found in values))) for group in order
    ]
    columns = (Column(what), Column("samples", "integer"), *(Column(name, "number") for name, _ in values))
    table = Table("groups", f"{metric} of each {what}, the worst first.", columns, tuple(rows), marks, folded=True)
    return Section("groups", f"From {what} to {what}", (Figure("groups", caption, chart, marks), table))


def confidence(run: LoadedRun) -> Section | None:
    """Return whether confidence can be trusted: reliability, risk against coverage, and thresholds for abstaining."""
    marks = tuple(stamps(run.results))
    found = [(full_name(row), answers_of(run, row)) for row in main_rows(run)]
    answered = [(name, item) for name, item in found if item is not None]
    parts: list[Figure | Table] = []
    if answered:
        caption = (
            f"Reliability: how often answers of some confidence are right, in {ECE_BINS} equal bins; the area of a mark follows "
            "the number of answers. On the dashed line confidence is deserved, below it it is too high. "
            "ECE is that of all these answers together."
        )
        label = "Share of right answers against confidence, and how often each confidence is given"
        bins = [(f"{name}, ECE {number(_ece(item))}", *_bins(item)) for name, item in answered[:2]]
        parts.append(Figure("reliability", caption, reliability_chart(bins, label=label, stamps=marks), marks))
        parts.append(_coverage_figure(answered, marks))
    if run.results.get("abstention"):
        parts.append(_abstention_table(run, marks))
    return Section("confidence", "When to trust an answer", tuple(parts)) if parts else None


def _coverage_figure(answered: list[tuple[str, Answers]], marks: tuple[str, ...]) -> Figure:
    lines = []
    for series, (name, item) in enumerate(answered):
        coverage, risk = risk_by_coverage(item)
        points = tuple(zip(coverage.tolist(), risk.tolist(), strict=True))
        lines.append(Line(f"{name}", points, series, marked=False))
    caption = (
        "Coverage and risk: the share of wrong answers where only the most confident part of the samples is answered. The lower "
        "a line, the better confidence tells right answers from wrong ones."
    )
    chart = line_chart(
        lines,
        label="Share of wrong answers against the share of samples that is answered",
        x_axis="share of samples answered",
        y_axis="share of wrong answers",
        x_ticks=[(0.0, "0"), (0.2, ".2"), (0.4, ".4"), (0.6, ".6"), (0.8, ".8"), (1.0, "1")],
        y_range=(0.0, max(1e-3, 1.05 * max(y for line in lines for x, y in line.points if x >= 0.05))),
        stamps=marks,
        size=(300.0, 270.0),
    )
    return Figure("coverage", caption, chart, marks)


def risk_by_coverage(found: Answers) -> tuple[Array, Array]:
    """Return coverages, ascending to 1, and the risk at each, as many as a line can show."""
    curve = coverage_risk(found.probabilities, found.codes)
    last = len(curve.coverage) - 1
    wanted = np.unique(np.searchsorted(curve.coverage, np.linspace(0.02, 1.0, N_COVERAGES)).clip(max=last))
    return curve.coverage[wanted], curve.risk[wanted]


def _abstention_table(run: LoadedRun, marks: tuple[str, ...]) -> Table:
    rows = [
        Row(
            (
                full_name({"blocks": [], **item}),
                item["precision_wanted"],
                item.get("threshold"),
                item.get("coverage"),
                item.get("precision"),
            )
        )
        for item in run.results["abstention"]
    ]
    columns = (
        Column("strategy"),
        Column("precision wanted", "percent"),
        Column("threshold", "number"),
        Column("samples answered", "percent"),
        Column("precision reached", "percent"),
    )
    caption = "Abstaining below a confidence that the out-of-fold scores of training samples set, and what it gave in the test."
    return Table("abstention", caption, columns, tuple(rows), marks)


def _counts(found: Answers, n_classes: int) -> Array:
    counts = np.zeros((n_classes, n_classes), dtype=int)
    np.add.at(counts, (found.codes, found.predicted), 1)
    return counts


def _class_rows(counts: Array, classes: list[str], name: str) -> list[Row]:
    rows = []
    for label, right, support, answered in zip(
        classes, np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0), strict=True
    ):
        precision = right / answered if answered else None
        recall = right / support if support else None
        f1 = 2 * right / (support + answered) if support + answered else None
        rows.append(Row((label, precision, recall, f1, int(support)), name))
    return rows


def _by_group(found: Answers, of: Array, names: Array, metric: str) -> Array:
    values = np.full(len(names), np.nan)
    known, codes = np.unique(of.astype(str), return_inverse=True)
    values[np.searchsorted(names, known)] = metrics_of(tally(found.codes, found.probabilities, codes))[metric]
    return values


def _ece(found: Answers) -> float:
    one_group = np.zeros(len(found.codes), dtype=int)
    return float(metrics_of(tally(found.codes, found.probabilities, one_group))["ece"][0])


def _bins(found: Answers) -> tuple[Array, Array, Array]:
    confidence = found.probabilities.max(axis=1)
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    counts = np.bincount(bins, minlength=ECE_BINS)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(bins, weights=confidence, minlength=ECE_BINS) / counts
        right = np.bincount(bins, weights=found.predicted == found.codes, minlength=ECE_BINS) / counts
    return mean, right, counts
