"""The section of a report on a study of several tasks: what fusion brings to each, and to their mean."""

from __future__ import annotations

from typing import Any

from .report_charts import Dot, DotRow, dot_chart
from .report_data import LoadedRun, main_rows, metric_label, row_key, row_name, single_rows, stamps, task_runs
from .report_sections import side_of, sorted_comparisons
from .report_tables import Column, Figure, Row, Section, Table, minus, number


def tasks(run: LoadedRun) -> Section | None:
    """Return the fusion and the single modality of each task beside each other; None where there is one task."""
    found = [(str(own.results["name"]), own) for own in task_runs(run)]
    if not found:
        return None
    metric, marks = metric_label(run.metric), tuple(stamps(run.results))
    drawn, rows = [], []
    for name, own in [*found, ("mean", run)]:
        fusion = next((row for row in main_rows(own)[:1] if row not in single_rows(own)), None)
        single = next(iter(single_rows(own)), None)
        item = next(
            (
                item
                for item in sorted_comparisons(own)
                if fusion is not None and row_key(side_of(item, "a")) == row_key(fusion)
            ),
            None,
        )
        cells = [None if row is None else row["metrics"][run.metric] for row in (fusion, single)]
        dots = tuple(
            Dot(cell["mean"], cell["low"], cell["high"], series)
            for series, cell in enumerate(cells)
            if cell is not None
        )
        drawn.append(DotRow(name, dots, tuple("" if cell is None else minus(number(cell["mean"])) for cell in cells)))
        rows.append(
            Row(
                (
                    name,
                    own.results["corpus"]["n_samples"],
                    _called(fusion),
                    cells[0] and _triple(cells[0]),
                    _called(single),
                    cells[1] and _triple(cells[1]),
                    item and (item["difference"], item["low"], item["high"]),
                    item and item["p_holm"],
                )
            )
        )
    caption = (
        f"{metric} of each task: its fusion (the selected one, or the best where none was selected) and its best single "
        "modality, with 95 % intervals."
    )
    chart = dot_chart(
        drawn,
        label=f"{metric} of fusion and best single modality in each task; the table below holds the same numbers",
        axis=metric,
        columns=("fusion", "single"),
        names=("fusion", "best single modality"),
        stamps=marks,
    )
    columns = (
        Column("task"),
        Column("samples", "integer"),
        Column("fusion"),
        Column("value", "interval"),
        Column("one modality"),
        Column("value", "interval"),
        Column("difference", "gain"),
        Column("p (Holm)", "p"),
    )
    table = Table("tasks", f"{metric} of each task; p corrected by Holm within the task.", columns, tuple(rows), marks)
    text = "Features are measured once, and every task has the same folds; what follows is the mean over tasks."
    return Section("tasks", "Task by task", (Figure("tasks", caption, chart, marks), table), (text,))


def _called(row: dict[str, Any] | None) -> str | None:
    if row is None:
        return None
    return row_name(row) if row["classifier"] in ("none", "nested") else f"{row_name(row)} ({row['classifier']})"


def _triple(cell: dict[str, float]) -> tuple[float, float, float]:
    return cell["mean"], cell["low"], cell["high"]
