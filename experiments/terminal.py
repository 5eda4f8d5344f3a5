"""What the verbs of experiments print: results, splits, failures, and what was trained or evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from ..features.terminal import new_console, new_table, print_notes
from .audit_findings import Finding
from .blocks import BlockTable
from .report import number, protocol_columns, protocol_rows, row_kind, row_name, sorted_rows, stamps
from .report_data import row_key
from .results import METRIC_LABELS


def print_results(results: dict[str, Any], metric: str) -> None:
    """Print the table of a run, the splits beside its own, and the verdict."""
    corpus, protocol = results["corpus"], results["protocol"]
    marks = stamps(results)
    groups = f"{corpus['n_groups']} {protocol['groups']}s, " if corpus["n_groups"] else ""
    tasks = results.get("tasks", [])
    mean = f", mean over {len(tasks)} tasks" if tasks else ""
    title = f"{results['study']}: {corpus['n_samples']} samples, {groups}{protocol['name']}{mean}"
    table = new_table(title + (f"  [{', '.join(marks).upper()}]" if marks else ""))
    table.add_column("strategy")
    table.add_column("classifier")
    table.add_column(f"{METRIC_LABELS[metric]} (95 % interval)", justify="right")
    others = [name for name in METRIC_LABELS if name != metric and name in results["rows"][0]["metrics"]]
    for name in others:
        table.add_column(METRIC_LABELS[name], justify="right")
    for row in sorted_rows(results, metric):
        main_ = row["metrics"][metric]
        cells = [number(row["metrics"][name]["mean"]) for name in others]
        interval = f"{number(main_['mean'])} ({number(main_['low'])} to {number(main_['high'])})"
        style = {"single": "cyan", "control": "dim"}.get(row_kind(row))
        style = "bold" if row["strategy"] == "selected" else style
        table.add_row(row_name(row), row["classifier"], interval, *cells, style=style)
    console = new_console()
    console.print(table)
    if tasks:
        console.print(_task_table(tasks, metric))
    if "other_protocols" in results:
        console.print(_protocol_table(results, metric))
    for line in _more_lines(results, metric):
        console.print(line, highlight=False)
    console.print(results["verdict"], style="bold", highlight=False, markup=False)


def _more_lines(results: dict[str, Any], metric: str) -> Iterator[str]:
    """Yield what the best strategy answers to clips in place of their parts, and with less to train on."""
    best = next((row for row in sorted_rows(results, metric) if row_kind(row) != "control"), None)
    if best is None:
        return
    name = f"{row_name(best)} ({best['classifier']}), {METRIC_LABELS[metric]}"
    if pooled := results.get("pooled"):
        found = [(item["rule"], _same(item["rows"], best)) for item in pooled]
        told = ", ".join(f"{number(row['metrics'][metric]['mean'])} by {rule}" for rule, row in found if row)
        of = f"{number(best['metrics'][metric]['mean'])} of parts"
        yield f"One answer a {pooled[0]['by']} ({pooled[0]['n_clips']} of them): {name} {of}, {told}."
    if points := results.get("learning_curve"):
        found = [(f"{100 * point['share']:g} %", _same(point["rows"], best)) for point in points]
        told = ", ".join(f"{number(row['metrics'][metric]['mean'])} with {share}" for share, row in found if row)
        yield f"By share of the training groups: {name} {told}."


def _same(rows: Sequence[dict[str, Any]], wanted: dict[str, Any]) -> dict[str, Any] | None:
    return next((row for row in rows if row_key(row) == row_key(wanted)), None)


def _task_table(tasks: Sequence[dict[str, Any]], metric: str) -> Table:
    """Return what each task found: its best fusion and single modality, or the chosen ones where there are any."""
    table = new_table("Task by task")
    for heading in ("task", "samples", f"fusion, {METRIC_LABELS[metric]}", "one modality", "verdict"):
        table.add_column(heading, justify="right" if heading == "samples" else "left")
    for task in tasks:
        rows = sorted_rows(task, metric)
        found = []
        for kind, chosen in (("fusion", "selected"), ("single", "best_single")):
            own = [row for row in rows if row_kind(row) == kind]
            row = next((row for row in own if row["strategy"] == chosen), own[0] if own else None)
            found.append("" if row is None else f"{number(row['metrics'][metric]['mean'])} {row_name(row)}")
        cells = (task["name"], str(task["corpus"]["n_samples"]), *found, task["verdict"].split(":")[0])
        table.add_row(*map(Text, cells))
    return table


def _protocol_table(results: dict[str, Any], metric: str) -> Table:
    table = new_table(f"{METRIC_LABELS[metric]} under other splits: what a stamped one gains is no skill")
    table.add_column("strategy")
    table.add_column("classifier")
    for column in protocol_columns(results):
        marks = "".join(f" [{mark.upper()}]" for mark in column["stamps"])
        table.add_column(Text(column["name"] + marks), justify="right")
    for row in protocol_rows(results, metric):
        cells = ["" if item is None else number(item["mean"]) for item in row["metrics"]]
        table.add_row(row["name"], row["classifier"], *cells)
    return table


def failure_notes(failures: Any) -> list[str]:
    """Return a line for each sample that could not be used."""
    return [
        f"{item.source} sample {item.sample!r} is absent ({item.code}): {item.message}"
        for item in failures.itertuples()
    ]


def warning_notes(warnings: Any) -> list[str]:
    """Return a line for each kind of doubt about quality."""
    kinds = warnings["message"].str.split(":").str[0].value_counts() if len(warnings) else {}
    return [f"{count} samples: {kind}" for kind, count in kinds.items()]


def lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a clip's facts say, a line each."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from lines({f"{name} {key}": item for key, item in value.items()})
        elif isinstance(value, list):
            if value:
                yield name, ", ".join(map(str, value))
        elif value is not None:
            yield name.removesuffix("_hz").removesuffix("_s").replace("_", " "), f"{value}{_unit(name)}"


def _unit(name: str) -> str:
    return " Hz" if name.endswith("_hz") else " s" if name.endswith("_s") else " dB" if name.endswith("_db") else ""


def print_training(said: dict[str, Any]) -> None:
    """Print which model was chosen, and what its way of being chosen is worth on people it has not seen."""
    validation = said["validation"]
    protocol = validation["protocol"]
    marks = [name for name in ("adaptive", "leaky") if protocol[name]]
    table = new_table(f"Validated by {protocol['name']}, {protocol['n_folds']} folds: {validation['of']}")
    for heading in ("metric", "mean", "95 % interval"):
        table.add_column(Text(heading + (f" [{', '.join(marks).upper()}]" if marks and heading == "mean" else "")))
    for name, item in validation["metrics"].items():
        interval = f"{number(item['low'])} to {number(item['high'])}"
        style = "bold" if name == validation["metric"] else None
        table.add_row(METRIC_LABELS[name], number(item["mean"]), interval, style=style)
    for label, recall in validation["recall"].items():
        table.add_row(Text(f"recall of {label}"), "" if recall is None else number(recall), "", style="dim")
    console = new_console()
    console.print(table)
    held = f", {said['n_held_out_groups']} groups held out" if said["n_held_out_groups"] else ""
    groups = f" of {said['n_groups']} {protocol['groups']}s" if said["n_groups"] else ""
    what = f"{said['strategy'].replace('_', ' ')} ({said['classifier']}) of {', '.join(said['blocks'])}"
    console.print(Text(f"Trained: {what}, on {said['n_samples']} samples{groups}{held}", style="bold"))


def print_classes(evaluation: dict[str, Any]) -> None:
    """Print how well each class is told, and what it was taken for."""
    table = new_table("By class: rows are the true ones, the columns on the right what was answered")
    classes = [item["class"] for item in evaluation["per_class"]]
    for heading in ("class", "n", "recall", "precision", "F1", *classes):
        table.add_column(Text(heading), justify="left" if heading == "class" else "right")
    for item, counts in zip(evaluation["per_class"], evaluation["confusion"], strict=True):
        figures = ["" if item[name] is None else number(item[name]) for name in ("recall", "precision", "f1")]
        table.add_row(Text(item["class"]), str(item["n"]), *figures, *map(str, counts))
    console = new_console()
    console.print(table)
    if evaluation["top_k"]:
        guesses = ", ".join(f"{k} in {number(share)}" for k, share in evaluation["top_k"].items())
        console.print(f"The true class is among the first {guesses} of the samples.", highlight=False)


def print_findings(findings: Sequence[Finding], title: str) -> None:
    """Print what an audit found, a row each."""
    table = new_table(title)
    for heading in ("", "what", "where", "finding", "used"):
        table.add_column(heading, overflow="fold")
    colours = {"refused": "bold red", "warning": "yellow", "note": "dim"}
    for found in findings:
        cells = (found.severity, found.kind, found.where, found.message, "yes" if found.used else "no")
        table.add_row(*map(Text, cells), style=colours[found.severity])
    new_console().print(table)


def print_optimism(measured: dict[str, Any]) -> None:
    """Print what a random split would have claimed beside the study's own."""
    table = new_table(f"{measured['label']} by the study's split and by a random one")
    for heading in ("strategy", "classifier", measured["honest"]["name"], "random [LEAKY]", "gap"):
        table.add_column(Text(heading), justify="left" if heading in ("strategy", "classifier") else "right")
    for row in measured["rows"]:
        numbers = (f"{row['honest']:.3f}", f"{row['random']:.3f}", f"{row['gap']:+.3f}")
        table.add_row(row_name(row), row["classifier"], *numbers)
    console = new_console()
    console.print(table)
    console.print(measured["sentence"], style="bold", highlight=False, markup=False)


def print_extraction(built: BlockTable, title: str) -> None:
    """Print how many rows of each block were extracted, and notes about the others."""
    table = new_table(title)
    for heading in ("block", "features", "extracted", "from store", "absent", "failed"):
        table.add_column(heading, justify="left" if heading == "block" else "right")
    for block in dict.fromkeys(built.X.columns.get_level_values(0)):
        counts = built.counts.get(block)
        cells = ["-"] * 4 if counts is None else [str(count) for count in counts.values()]
        table.add_row(block, str(built.X[block].shape[1]), *cells)
    new_console().print(table)
    print_notes([*built.notes, *failure_notes(built.failures), *warning_notes(built.warnings)])
