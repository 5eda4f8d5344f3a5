"""The sections of a report on what is left without a modality, or with a worse one.

Each function returns a section, or None where the run has nothing for it. All fusions stand in the tables; figures show the main
ones, as more lines than a few are none.
"""

from __future__ import annotations

from typing import Any

from .report_charts import Dot, DotRow, Line, dot_chart, line_chart
from .report_data import LoadedRun, full_name, metric_label, row_kind, sorted_rows, stamps
from .report_tables import Column, Figure, Row, Section, Table

MOST_LINES = 4
FIRST = ("selected", "selected_late", "selected_early")


def missing(run: LoadedRun) -> Section | None:
    """Return what strategies still know where modalities are absent: of every subset, and dropped at random."""
    found = run.results.get("missing") or {}
    rows = _main_first(run, found.get("rows") or [])
    if not rows:
        return None
    metric, marks = metric_label(found["metric"]), tuple(stamps(run.results))
    parts: list[Figure | Table] = []
    if with_subsets := [row for row in rows if row.get("subsets")]:
        parts += [_subset_figure(with_subsets[:MOST_LINES], metric, marks), _subset_table(with_subsets, metric, marks)]
    if with_rates := [row for row in rows if row.get("drop_rates")]:
        parts += [_rate_figure(with_rates[:MOST_LINES], metric, marks), _rate_table(with_rates, metric, marks)]
    text = "The strategies are trained as always; at the test, modalities are taken away."
    return Section("missing", "When modalities are missing", tuple(parts), (text,))


def degraded(run: LoadedRun) -> Section | None:
    """Return what strategies still know of inputs that were made worse before their features were measured."""
    found = [item | {"rows": _main_first(run, item["rows"])} for item in run.results.get("degraded") or []]
    if not found:
        return None
    marks = tuple(stamps(run.results))
    kinds = {(item["block"], item["kind"]): [other for other in found if _same(item, other)] for item in found}
    heights = _heights(run, found)
    figures = [_degraded_figure(run, items, heights, marks) for items in kinds.values()]
    rows = [
        Row(
            (item["label"], full_name(_as_row(row)), (row["mean"], row["low"], row["high"])), f"{block}: {_words(kind)}"
        )
        for (block, kind), items in kinds.items()
        for item in items
        for row in item["rows"]
    ]
    caption = f"{metric_label(run.metric)} of every fusion on inputs made worse, 95 % intervals in brackets."
    columns = (Column("input"), Column("strategy"), Column(metric_label(run.metric), "interval"))
    table = Table("degraded", caption, columns, tuple(rows), marks, folded=True)
    text = "The strategies are trained on the recordings as they are; the raw test inputs are made worse."
    return Section("degraded", "When inputs are worse", (*figures, table), (text,))


def _subset_figure(rows: list[dict[str, Any]], metric: str, marks: tuple[str, ...]) -> Figure:
    drawn = []
    for subset in _subsets(rows):
        cells = [_of_subset(row, subset) for row in rows]
        dots = tuple(
            Dot(cell["mean"], cell["low"], cell["high"], number)
            for number, cell in enumerate(cells)
            if cell is not None
        )
        drawn.append(DotRow(" + ".join(subset), dots))
    return Figure(
        "missing-subsets",
        f"{metric} where only the modalities at the left are present, with 95 % intervals.",
        dot_chart(
            drawn,
            label=f"{metric} for each subset of modalities; the table below holds the same numbers",
            axis=metric,
            names=[full_name(_as_row(row)) for row in rows],
            stamps=marks,
        ),
        marks,
    )


def _subset_table(rows: list[dict[str, Any]], metric: str, marks: tuple[str, ...]) -> Table:
    subsets = _subsets(rows)
    body = []
    for row in rows:
        cells = [_of_subset(row, subset) for subset in subsets]
        body.append(
            Row((full_name(_as_row(row)), *(cell and (cell["mean"], cell["low"], cell["high"]) for cell in cells)))
        )
    columns = (Column("strategy"), *(Column(" + ".join(subset), "interval") for subset in subsets))
    caption = f"{metric} of every fusion by the modalities that are present, 95 % intervals in brackets."
    return Table("missing-subsets", caption, columns, tuple(body), marks, folded=True)


def _rate_figure(rows: list[dict[str, Any]], metric: str, marks: tuple[str, ...]) -> Figure:
    lines = [
        Line(full_name(_as_row(row)), tuple((point["rate"], point["mean"]) for point in row["drop_rates"]), number)
        for number, row in enumerate(rows)
    ]
    rates = sorted({x for line in lines for x, _ in line.points})
    return Figure(
        "missing-rates",
        f"{metric} where each modality of each test sample is dropped with the given probability.",
        line_chart(
            lines,
            label=f"{metric} against the probability that a modality is dropped",
            x_axis="probability that a modality is dropped",
            y_axis=metric,
            x_ticks=[(rate, f"{rate:.1f}".removeprefix("0") if rate else "0") for rate in rates],
            stamps=marks,
        ),
        marks,
    )


def _rate_table(rows: list[dict[str, Any]], metric: str, marks: tuple[str, ...]) -> Table:
    rates = sorted({point["rate"] for row in rows for point in row["drop_rates"]})
    body = []
    for row in rows:
        means = {point["rate"]: point["mean"] for point in row["drop_rates"]}
        body.append(Row((full_name(_as_row(row)), *(means.get(rate) for rate in rates))))
    columns = (Column("strategy"), *(Column(f"{100 * rate:.0f} %", "number") for rate in rates))
    caption = f"{metric} of every fusion by the probability that a modality is dropped."
    return Table("missing-rates", caption, columns, tuple(body), marks, folded=True)


def _degraded_figure(
    run: LoadedRun, items: list[dict[str, Any]], heights: tuple[float, float], marks: tuple[str, ...]
) -> Figure:
    kind, block, metric = _words(items[0]["kind"]), items[0]["block"], metric_label(run.metric)
    names = list(dict.fromkeys(full_name(_as_row(row)) for item in items for row in item["rows"][:MOST_LINES]))
    as_recorded = {full_name(row): row["metrics"][run.metric] for row in run.results["rows"]}
    lines = []
    for series, name in enumerate(names[:MOST_LINES]):
        found = [(0, as_recorded[name])] if name in as_recorded else []
        found += [
            (place + 1, row)
            for place, item in enumerate(items)
            for row in item["rows"]
            if full_name(_as_row(row)) == name
        ]
        points = tuple((float(place), row["mean"]) for place, row in found)
        lines.append(Line(name, points, series, tuple((row["low"], row["high"]) for _, row in found)))
    levels = [f"{item['level']:g} {item.get('unit', '')}".strip() for item in items]
    return Figure(
        f"degraded-{block}-{items[0]['kind']}",
        f"{metric} with {kind} in {block} ({items[0]['label']} to {items[-1]['label']}), with 95 % intervals.",
        line_chart(
            lines,
            label=f"{metric} against the level of {kind} in {block}; the table below holds the same numbers",
            x_axis=f"{kind} in {block}",
            y_axis=metric,
            x_ticks=[(0.0, "as is"), *((place + 1.0, level) for place, level in enumerate(levels))],
            y_range=heights,
            stamps=marks,
            size=(265.0, 210.0),
        ),
        marks,
    )


def _main_first(run: LoadedRun, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort rows: what nested selection chose, then one of each strategy and then the others, best first by the run's table."""
    ordered = [row for row in sorted_rows(run.results, run.metric) if row_kind(row) == "fusion"]
    ranks = {(row["strategy"], row["classifier"]): rank for rank, row in reversed(list(enumerate(ordered)))}
    found = sorted(rows, key=lambda row: ranks.get((row["strategy"], row["classifier"]), len(ranks)))
    seen: set[str] = set()
    first: list[bool] = []
    for row in found:
        first.append(row["strategy"] not in seen)
        seen.add(row["strategy"])
    places = {strategy: place for place, strategy in enumerate(FIRST)}
    order = sorted(
        range(len(found)), key=lambda place: (places.get(found[place]["strategy"], len(FIRST)), not first[place])
    )
    return [found[place] for place in order]


def _subsets(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    found = dict.fromkeys(tuple(item["present"]) for row in rows for item in row["subsets"])
    return sorted(found, key=lambda subset: (len(subset), list(found).index(subset)))


def _of_subset(row: dict[str, Any], subset: tuple[str, ...]) -> dict[str, Any] | None:
    return next((item for item in row["subsets"] if tuple(item["present"]) == subset), None)


def _heights(run: LoadedRun, found: list[dict[str, Any]]) -> tuple[float, float]:
    """Return one range for the figures of all degradations, so that they can be compared by eye."""
    cells = [row for item in found for row in item["rows"][:MOST_LINES]]
    shown = {full_name(_as_row(row)) for row in cells}
    cells += [row["metrics"][run.metric] for row in run.results["rows"] if full_name(row) in shown]
    low, high = min(cell["low"] for cell in cells), max(cell["high"] for cell in cells)
    return low - 0.03 * (high - low), high + 0.03 * (high - low)


def _same(item: dict[str, Any], other: dict[str, Any]) -> bool:
    return (item["block"], item["kind"]) == (other["block"], other["kind"])


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _as_row(row: dict[str, Any]) -> dict[str, Any]:
    return {"blocks": [], **row}
