"""Several runs side by side: what each found, and how the strategies that all of them tried rank over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .ranks import RankComparison, compare_ranks
from .report_data import (
    LoadedRun,
    full_name,
    metric_label,
    metric_labels,
    row_key,
    row_kind,
    row_name,
    single_rows,
    sorted_rows,
    stamps,
)
from .report_plots import rank_chart
from .report_sections import side_of, sorted_comparisons
from .report_tables import Column, Figure, Row, Section, Table, p_value, stamped
from .results import LOWER_IS_BETTER


def side_by_side(runs: Sequence[LoadedRun]) -> Section:
    """Return what some runs found, a row each, and how their common strategies rank."""
    parts: list[Figure | Table] = [_overview(runs)]
    common = common_strategies(runs, runs[0].metric)
    texts = []
    if len(common) > 1:
        compared = _ranks(runs, common)
        if compared is not None:
            texts.append(compared.text)
            parts.append(_rank_figure(runs, compared))
        parts.append(_common(runs, common, compared))
    return Section("together", f"{len(runs)} runs side by side", tuple(parts), tuple(texts))


def common_strategies(runs: Sequence[LoadedRun], metric: str) -> dict[str, list[float]]:
    """Return for each fusion strategy (and the best single) that every run tried its metric in each; best first.

    A run that lacks the metric makes it empty: ranks over part of the runs would compare unlike with unlike.
    """
    if metric not in metric_labels(runs):
        return {}
    by_run = [
        {
            full_name(row): row["metrics"][metric]["mean"]
            for row in run.results["rows"]
            if row_kind(row) == "fusion" or row["strategy"] == "best_single"
        }
        for run in runs
    ]
    names = [name for name in by_run[0] if all(name in found for found in by_run)]
    sign = 1 if metric in LOWER_IS_BETTER else -1
    return {
        name: [found[name] for found in by_run]
        for name in sorted(names, key=lambda name: sign * sum(found[name] for found in by_run))
    }


def _overview(runs: Sequence[LoadedRun]) -> Table:
    rows = []
    for name, run in zip(_names(runs), runs, strict=True):
        ordered = sorted_rows(run.results, run.metric)
        fusions = [row for row in ordered if row_kind(row) == "fusion"]
        fusion = next((row for row in fusions if row["strategy"] == "selected"), fusions[0] if fusions else None)
        single = next(iter(single_rows(run)), None)
        found = next((item for item in sorted_comparisons(run) if _compares(item, fusion, single)), None)
        rows.append(
            Row(
                (
                    name,
                    ", ".join(stamps(run.results)),
                    run.results["protocol"]["name"],
                    metric_label(run.metric),
                    *_cells(fusion, run.metric),
                    *_cells(single, run.metric),
                    found and (found["difference"], found["low"], found["high"]),
                    found and found["p_holm"],
                    run.results["verdict"].split(":")[0],
                )
            )
        )
    columns = (
        Column("study"),
        Column("stamps"),
        Column("protocol"),
        Column("metric"),
        Column("fusion"),
        Column("value", "interval"),
        Column("one modality"),
        Column("value", "interval"),
        Column("difference", "gain"),
        Column("p (Holm)", "p"),
        Column("verdict"),
    )
    caption = (
        "Each run's fusion (the selected one, or the best where a run selected none) and best single modality; 95 % intervals in "
        "brackets, p of their difference corrected within the run."
    )
    return Table("runs", caption, columns, tuple(rows))


def _ranks(runs: Sequence[LoadedRun], common: dict[str, list[float]]) -> RankComparison | None:
    """Compare ranks over the first run of each corpus (runs on one corpus are no independent evidence), if there are two."""
    corpora: dict[str, dict[str, float]] = {}
    for place, run in enumerate(runs):
        corpora.setdefault(run.results["corpus"]["name"], {name: values[place] for name, values in common.items()})
    return compare_ranks(corpora, lower_is_better=runs[0].metric in LOWER_IS_BETTER) if len(corpora) > 1 else None


def _rank_figure(runs: Sequence[LoadedRun], compared: RankComparison) -> Figure:
    n_corpora = len({run.results["corpus"]["name"] for run in runs})
    marks = tuple(dict.fromkeys(f"{name} in part" for run in runs for name in stamps(run.results)))
    caption = (
        f"Average ranks by {metric_label(runs[0].metric)} over {n_corpora} corpora (the first run of each), 1 is best; "
        f"a bar joins what cannot be told apart. Friedman's test (Iman and Davenport's F): p {p_value(compared.p)}."
    )
    label = "Critical-difference diagram of the strategies that every run tried; the table below holds the ranks"
    return Figure("ranks", caption, rank_chart(compared, label=label, stamps=marks), marks)


def _common(runs: Sequence[LoadedRun], common: dict[str, list[float]], compared: RankComparison | None) -> Table:
    heads = [stamped(name, tuple(stamps(run.results))) for name, run in zip(_names(runs), runs, strict=True)]
    columns = [Column("strategy"), *(Column(head, "number") for head in heads)]
    rows = [Row((name, *values)) for name, values in common.items()]
    if compared is not None:
        ranks = dict(zip(compared.strategies, compared.average_ranks, strict=True))
        columns.append(Column("average rank", "amount"))
        rows = [Row((*row.cells, ranks[row.cells[0]])) for row in rows]
    caption = f"{metric_label(runs[0].metric)} of the strategies that every run tried, the best on average first."
    return Table("common", caption, tuple(columns), tuple(rows))


def _cells(row: dict[str, Any] | None, metric: str) -> tuple[Any, Any]:
    if row is None:
        return None, None
    found = row["metrics"][metric]
    name = row_name(row) if row["classifier"] == "none" else f"{row_name(row)} ({row['classifier']})"
    return name, (found["mean"], found["low"], found["high"])


def _compares(item: dict[str, Any], a: dict[str, Any] | None, b: dict[str, Any] | None) -> bool:
    return all(row is not None and row_key(side_of(item, side)) == row_key(row) for side, row in (("a", a), ("b", b)))


def _names(runs: Sequence[LoadedRun]) -> list[str]:
    """Return what each run is called: its study, and its folder where another run is of the same study."""
    studies = [str(run.results["study"]) for run in runs]
    return [
        study if studies.count(study) == 1 else f"{study}, {run.folder.name}"
        for study, run in zip(studies, runs, strict=True)
    ]
