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
from .results import METRIC_LABELS


def print_results(results: dict[str, Any], metric: str) -> None:
    """Print the table of a run, the splits beside its own, and the verdict."""
    corpus, protocol = results["corpus"], results["protocol"]
    marks = stamps(results)
    groups = f"{corpus['n_groups']} {protocol['groups']}s, " if corpus["n_groups"] else ""
    title = f"{results['study']}: {corpus['n_samples']} samples, {groups}{protocol['name']}"
    table = new_table(title + (f"  [{', '.join(marks).upper()}]" if marks else ""))
    table.add_column("strategy")
    table.add_column("classifier")
    table.add_column(f"{METRIC_LABELS[metric]} (95 % interval)", justify="right")
    others = [name for name in METRIC_LABELS if name != metric]
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
    if "other_protocols" in results:
        console.print(_protocol_table(results, metric))
    console.print(results["verdict"], style="bold", highlight=False, markup=False)


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
    new_console().print(table)


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
