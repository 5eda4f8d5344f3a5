"""The section of a report on whether more data would help: the metric against how much there was to train on."""

from __future__ import annotations

from typing import Any

from .report_charts import Line, line_chart
from .report_data import LoadedRun, full_name, main_rows, metric_label, row_key, sorted_rows, stamps
from .report_tables import Column, Figure, Row, Section, Table, minus, number, signed
from .results import LOWER_IS_BETTER


def curve(run: LoadedRun) -> Section | None:
    """Return the learning curves of a run; None where its study named no shares of the training groups."""
    points = run.results.get("learning_curve") or []
    if len(points) < 2:
        return None
    metric, marks = metric_label(run.metric), tuple(stamps(run.results))
    known = {row_key(row) for row in points[-1]["rows"]}
    shown = [row for row in main_rows(run) if row_key(row) in known]
    others = [row for row in sorted_rows(run.results, run.metric) if row_key(row) in known and row not in shown]
    if not shown:
        return None
    lines = []
    for series, row in enumerate(shown):
        cells = [(point["n_train"], cell) for point in points if (cell := _cell(point, row, run.metric)) is not None]
        lines.append(
            Line(
                full_name(row),
                tuple((float(count), cell["mean"]) for count, cell in cells),
                series,
                tuple((cell["low"], cell["high"]) for _, cell in cells),
            )
        )
    chart = line_chart(
        lines,
        label=f"{metric} against the number of training samples; the table below holds the same numbers",
        x_axis="training samples of a fold (mean)",
        y_axis=metric,
        x_ticks=[(float(point["n_train"]), str(point["n_train"])) for point in points],
        stamps=marks,
    )
    group = run.results["protocol"]["groups"]
    caption = f"{metric} by how many of the training {group}s there were, with 95 % intervals; the test rows are always the same."
    parts: list[Figure | Table] = [
        Figure("learning-curve", caption, chart, marks),
        _table(
            "learning-curve", f"{metric} by share of the training {group}s.", run, points, shown, marks, folded=False
        ),
    ]
    if others:
        caption = f"{metric} of the other strategies by share of the training {group}s."
        parts.append(_table("learning-curves", caption, run, points, others, marks, folded=True))
    return Section("curve", "Would more data help?", tuple(parts), (_sentence(run, points, shown[0]),))


def _table(
    name: str,
    caption: str,
    run: LoadedRun,
    points: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    marks: tuple[str, ...],
    *,
    folded: bool,
) -> Table:
    columns = (
        Column("strategy"),
        *(Column(f"{100 * point['share']:g} % ({point['n_train']} samples)", "interval") for point in points),
    )
    body = []
    for row in rows:
        cells = [_cell(point, row, run.metric) for point in points]
        body.append(Row((full_name(row), *(cell and (cell["mean"], cell["low"], cell["high"]) for cell in cells))))
    return Table(name, caption, columns, tuple(body), marks, folded=folded)


def _sentence(run: LoadedRun, points: list[dict[str, Any]], row: dict[str, Any]) -> str:
    """Return what the last step of the main strategy's curve says: a curve that still rises asks for more data."""
    last, whole = (_cell(point, row, run.metric) for point in points[-2:])
    if last is None or whole is None:
        return "Every strategy was trained on parts of the training data too."
    gain = whole["mean"] - last["mean"]
    name, metric = full_name(row), metric_label(run.metric)
    said = (
        f"With {100 * points[-2]['share']:g} % of the training {run.results['protocol']['groups']}s {name} has {metric} "
        f"{minus(number(last['mean']))}, with all of them {minus(number(whole['mean']))} ({signed(gain)})."
    )
    better = gain < 0 if run.metric in LOWER_IS_BETTER else gain > 0
    if better and (whole["mean"] > last["high"] or whole["mean"] < last["low"]):
        return f"{said} It still improves: more data would help."
    return f"{said} That lies within the interval of the smaller part: no gain from more data can be told here."


def _cell(point: dict[str, Any], row: dict[str, Any], metric: str) -> dict[str, Any] | None:
    found = next((own for own in point["rows"] if row_key(own) == row_key(row)), None)
    return None if found is None else found["metrics"].get(metric)
