"""The sections of a report that the numbers of results.json make: strategies, gains, missing modalities, contributions.

Each function returns a section, or None where the run has nothing for it.
"""

from __future__ import annotations

from typing import Any

from .report_charts import Dot, DotRow, dot_chart
from .report_data import (
    KINDS,
    LoadedRun,
    full_name,
    metric_label,
    metric_labels,
    protocol_columns,
    protocol_rows,
    row_key,
    row_kind,
    row_name,
    sorted_rows,
    stamps,
)
from .report_tables import Column, Figure, Row, Section, Table, interval, minus, number, p_value, signed, stamped
from .results import LOWER_IS_BETTER
from .strategies import SINGLES

BOOTSTRAP = "95 % intervals from a bootstrap over {groups}s in brackets"
TESTS = {
    "nadeau_bengio": "corrected resampled t test over folds (Nadeau and Bengio)",
    "group_bootstrap": "bootstrap over groups",
}


def strategies(run: LoadedRun) -> Section:
    """Return every strategy with its numbers: fusions, single modalities and controls, best first."""
    rows = [(kind, row) for kind in KINDS for row in sorted_rows(run.results, run.metric) if row_kind(row) == kind]
    metric, marks = metric_label(run.metric), tuple(stamps(run.results))
    singles = [row for kind, row in rows if kind == "single"]
    chance = [row for _, row in rows if row["strategy"] == "majority"]
    references = [(row["metrics"][run.metric]["mean"], row_name(row)) for row in chance[:1]]
    references += [(row["metrics"][run.metric]["mean"], "best single") for row in singles[:1]]
    drawn, before = [], ""
    for kind, row in rows:
        found = row["metrics"][run.metric]
        drawn.append(
            DotRow(
                full_name(row),
                (_dot(found, _series(row), hollow=kind == "control"),),
                (minus(number(found["mean"])), interval(found["low"], found["high"])),
                KINDS[kind] if kind != before else "",
            )
        )
        before = kind
    n_folds = run.results["protocol"]["n_folds"]
    caption = f"{metric}, mean over {n_folds} fold{'s' if n_folds != 1 else ''}; {_brackets(run)}."
    figure = Figure(
        "strategies",
        f"{caption} {_remarks(run)}".strip(),
        dot_chart(
            drawn,
            label=f"{metric} of each strategy with its 95 % interval; the table below holds the same numbers",
            axis=metric,
            columns=(metric, "95 %"),
            references=references,
            stamps=marks,
        ),
        marks,
    )
    parts = (figure, strategy_table(run), _choices(run))
    return Section("strategies", "Strategies", tuple(part for part in parts if part))


def strategy_table(run: LoadedRun) -> Table:
    """Return the table of all strategies, with the corrected p of each fusion against the best single modality."""
    labels = metric_labels([run])
    others = [name for name in labels if name != run.metric]
    p_values = _p_against_single(run)
    columns = [Column("strategy"), Column("classifier"), Column(labels[run.metric], "interval")]
    columns += [Column("p", "p")] * bool(p_values) + [Column(labels[name], "level") for name in others]
    columns += [Column("fit, s", "amount"), Column("ms a sample", "amount")]
    rows = []
    for kind in KINDS:
        for row in sorted_rows(run.results, run.metric):
            if row_kind(row) == kind:
                cells: list[Any] = [row_name(row), row["classifier"], _triple(row["metrics"][run.metric])]
                cells += [p_values.get(row_key(row))] * bool(p_values)
                cells += [_triple(row["metrics"][name]) for name in others]
                rows.append(Row((*cells, row.get("fit_seconds"), row.get("predict_ms_per_sample")), KINDS[kind]))
    p_note = " p: against the best single modality, corrected by Holm." if p_values else ""
    caption = f"All strategies, best first by {labels[run.metric]}; {_brackets(run)}.{p_note}"
    return Table("strategies", caption, tuple(columns), tuple(rows), tuple(stamps(run.results)))


def gains(run: LoadedRun) -> Section | None:
    """Return how much each fusion gains, as a forest plot and a table with every test, and what gain could be seen."""
    found = sorted_comparisons(run)
    if not found:
        return None
    metric, marks = metric_label(found[0]["metric"]), tuple(stamps(run.results))
    lower = found[0]["metric"] in LOWER_IS_BETTER
    drawn, before = [], ""
    for item in found:
        heading = {
            "primary": "Primary: fixed before the run",
            "exploratory": "Exploratory: each fusion against the best single modality",
        }
        family = heading.get(item.get("family", ""), "")
        primary = item.get("family") == "primary"
        label = comparison_name(item) if primary or item["b"] not in SINGLES else full_name(side_of(item, "a"))
        texts = (
            signed(item["difference"]),
            f"[{signed(item['low'])}, {signed(item['high'])}]",
            p_value(item["p_holm"]),
        )
        dot = Dot(item["difference"], item["low"], item["high"], 1 if primary else 0)
        drawn.append(DotRow(label, (dot,), texts, family if family != before else ""))
        before = family
    single = next((side_of(item, "b") for item in found if item["b"] in SINGLES), None)
    against = ""
    if single is not None:
        nested = single["strategy"] == "best_single"
        against = (
            f" against {'the modality that each fold chose' if nested else f'the best modality, {full_name(single)}'}"
        )
    figure = Figure(
        "gains",
        f"Difference in {metric}{against}, with 95 % intervals from a "
        f"bootstrap over {run.results['protocol']['groups']}s. p: corrected by Holm{' within each family' if before else ''}.",
        dot_chart(
            drawn,
            label=f"Difference in {metric} of each comparison with its 95 % interval; the table below holds the same numbers",
            axis=f"difference in {metric}",
            columns=("difference", "95 %", "p (Holm)"),
            references=((0.0, "no difference"),),
            directions=("← better", "worse →") if lower else ("← worse", "better →"),
            stamps=marks,
        ),
        marks,
    )
    power = run.results.get("power") or {}
    return Section(
        "gains", "Is the gain real?", (figure, comparison_table(run)), (power["text"],) if power.get("text") else ()
    )


def comparison_table(run: LoadedRun, *, primary_only: bool = False) -> Table:
    """Return the comparisons with their effect sizes and the p values of every test that was done."""
    found = sorted_comparisons(run)
    if primary_only:
        found = [item for item in found if item.get("family") == "primary"] or found
    titles: dict[str, Column] = {
        "effect_size": Column("d", "number"),
        "p": Column("p", "p"),
        "p_mcnemar": Column("p (McNemar)", "p"),
        "p_group_bootstrap": Column("p (group bootstrap)", "p"),
        "p_holm": Column("p (Holm)", "p"),
    }
    shown = {name: column for name, column in titles.items() if any(item.get(name) is not None for item in found)}
    tests = list(dict.fromkeys(TESTS.get(item["test"], item["test"].replace("_", " ")) for item in found))
    columns = (Column("comparison"), Column("difference", "gain"), *shown.values())
    rows = [
        Row(
            (
                comparison_name(item),
                (item["difference"], item["low"], item["high"]),
                *(item.get(name) for name in shown),
            ),
            str(item.get("family", "")),
        )
        for item in found
    ]
    sentences = [
        f"Differences in {metric_label(found[0]['metric']) if found else ''}; {_brackets(run)}.",
        "d: mean difference over its standard deviation, both over groups (Cohen's d for pairs)."
        * ("effect_size" in shown),
        f"p: {' or '.join(tests)}; corrected by Holm{' within each family' if rows and rows[0].group else ''}.",
    ]
    caption = " ".join(filter(None, sentences))
    return Table("comparisons", caption, columns, tuple(rows), tuple(stamps(run.results)))


def sorted_comparisons(run: LoadedRun) -> list[dict[str, Any]]:
    """Return the comparisons: those fixed beforehand, then the others, the largest gain first."""
    found = run.results.get("comparisons") or []
    sign = 1 if found and found[0]["metric"] in LOWER_IS_BETTER else -1
    return sorted(found, key=lambda item: (item.get("family") != "primary", sign * item["difference"]))


def side_of(item: dict[str, Any], side: str) -> dict[str, Any]:
    """Return one side of a comparison, ``a`` or ``b``, as the part of a row that names it."""
    return {"strategy": item[side], "blocks": item[f"{side}_blocks"], "classifier": item[f"{side}_classifier"]}


def comparison_name(item: dict[str, Any]) -> str:
    """Return what a comparison is called."""
    return f"{full_name(side_of(item, 'a'))} vs {full_name(side_of(item, 'b'))}"


def protocols(run: LoadedRun) -> Section | None:
    """Return the same features and classifiers under other splits."""
    rows = protocol_rows(run.results, run.metric)
    if not rows:
        return None
    columns = protocol_columns(run.results)
    marks = ("synthetic data",) if run.results["corpus"].get("synthetic") else ()
    heads = [stamped(column["name"], tuple(column["stamps"])) for column in columns]
    held = "; ".join(
        f"{column['name']}: {'nothing' if column['name'] == 'random' else column['groups'] + 's'}" for column in columns
    )
    table = Table(
        "protocols",
        f"{metric_label(run.metric)} of the same features and classifiers under different splits; {_brackets(run)}. "
        f"Held together are: {held}.",
        (Column("strategy"), Column("classifier"), *(Column(head, "interval") for head in heads)),
        tuple(
            Row((row["name"], row["classifier"], *(item and _triple(item) for item in row["metrics"]))) for row in rows
        ),
        marks,
    )
    text = "What a stamped split gains over the others is no skill but what test samples share with training."
    return Section("protocols", "How much the split decides", (table,), (text,))


def _choices(run: LoadedRun) -> Table | None:
    rows = []
    for row in run.results["rows"]:
        folds: dict[str, list[str]] = {}
        for fold, name in (row.get("chosen") or {}).items():
            folds.setdefault(str(name).replace("_", " "), []).append(str(fold))
        n_folds = sum(map(len, folds.values()))
        ordered = sorted(folds.items(), key=lambda item: (-len(item[1]), item[0]))
        rows += [Row((name, f"{len(found)} of {n_folds}", ", ".join(found)), row_name(row)) for name, found in ordered]
    if not rows:
        return None
    caption = "What nested selection chose in each fold, from out-of-fold scores of the fold's own training rows"
    columns = (Column("chosen"), Column("folds"), Column("which folds"))
    return Table("chosen", f"{caption}.", columns, tuple(rows), tuple(stamps(run.results)))


def _p_against_single(run: LoadedRun) -> dict[tuple[str, str, str], float]:
    """Return the corrected p of each row against the best single modality; a primary comparison goes before others."""
    items = [item for item in reversed(sorted_comparisons(run)) if item["b"] in SINGLES]
    return {row_key(side_of(item, "a")): item["p_holm"] for item in items}


def _triple(found: dict[str, float]) -> tuple[float, float, float]:
    return found["mean"], found["low"], found["high"]


def _dot(found: dict[str, float], series: int, *, hollow: bool = False) -> Dot:
    return Dot(found["mean"], found.get("low"), found.get("high"), series, hollow)


def _remarks(run: LoadedRun) -> str:
    lower = "Lower is better." if run.metric in LOWER_IS_BETTER else ""
    chosen = any(row["classifier"] == "nested" for row in run.results["rows"])
    square = "Squares: chosen in each fold by nested selection; every other best is one of hindsight." if chosen else ""
    return f"{lower} {square}".strip()


def _series(row: dict[str, Any]) -> int:
    """Return the colour and shape of a row: what was chosen by nested selection stands out from what hindsight would choose."""
    if row["classifier"] == "nested":
        return 1
    return 0 if row_kind(row) == "fusion" else 5


def _brackets(run: LoadedRun) -> str:
    return BOOTSTRAP.format(groups=run.results["protocol"]["groups"])
