"""What a comparison across corpora prints and writes: one matrix, rows the corpora of training, columns those of the test."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..features.errors import StudyError
from ..features.files import staged
from ..features.terminal import new_console, new_table
from .cross import Cross, main_row
from .report import number, write_pages
from .report_data import row_name
from .report_plots import matrix_chart
from .report_tables import Column, Figure, Row, Section, Table
from .results import METRIC_LABELS
from .run_folder import environment, write_failures
from .study import to_toml


def write_cross(cross: Cross, folder: str | os.PathLike[str]) -> Path:
    """Write ``cross.json``, ``cross.html``, ``cross.md`` and ``cross.tex`` with what it takes to repeat them.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    target = Path(folder)
    files = {
        "study.toml": to_toml(cross.study),
        "environment.json": json.dumps(environment(cross.study), indent=1) + "\n",
        "cross.json": json.dumps({**cross.results, "notes": list(cross.notes)}, indent=1, ensure_ascii=False) + "\n",
    }
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with staged(target / name) as place:
                place.write_text(text, encoding="utf-8")
        write_failures(cross.table.failures, target / "failures.csv")
    except OSError as error:
        raise StudyError(
            f"the results cannot be written to {str(target)!r}: {error.strerror}; choose another --out"
        ) from None
    write_pages(target, together=section(cross.results), name="cross")
    return target


def section(results: dict[str, Any]) -> Section:
    """Return what was found as a section of a report."""
    metric = results["metric"]
    label = METRIC_LABELS[metric]
    names = [corpus["name"] for corpus in results["corpora"]]
    found = {(pair["train"], pair["test"]): main_row(pair)["metrics"][metric]["mean"] for pair in results["pairs"]}
    shares = [[found.get((train, test), np.nan) for test in names] for train in names]
    marks = _marks(results)
    chart = matrix_chart(
        names,
        shares,
        label=f"{label} of models trained on one corpus and tested on another; the table below holds the numbers",
        title=f"{label}, %",
        stamps=marks,
        beside="trained on",
        below="tested on",
        joined="to",
    )
    caption = (
        f"{label} of what the training rows choose, trained on the corpus of the row and tested on that of the column; on the "
        "diagonal by folds of speakers."
    )
    texts = (
        results["verdict"],
        f"Classes: {', '.join(results['classes'])}. {_NORMALISATION[results['normalisation']]}",
    )
    return Section(
        "together", f"Across corpora: {', '.join(names)}",
        (Figure("matrix", caption, chart, marks), _pairs(results, marks), _corpora(results), *_drift(results)), texts,
    )  # fmt: skip


_NORMALISATION = {
    "none": "Nothing of a tested corpus was used in training.",
    "corpus": "Every corpus was standardised by its own unlabelled statistics before anything was trained: adaptive.",
    "speaker": "Every speaker was standardised by their own unlabelled statistics before anything was trained: adaptive.",
}


def print_cross(results: dict[str, Any]) -> None:
    """Print the matrix of what the training rows choose, and the verdict."""
    metric = results["metric"]
    marks = _marks(results)
    table = new_table(
        f"{METRIC_LABELS[metric]} (95 % interval): rows are trained on, columns tested on"
        + (f"  [{', '.join(marks).upper()}]" if marks else "")
    )
    names = [corpus["name"] for corpus in results["corpora"]]
    table.add_column("trained on")
    for name in names:
        table.add_column(name, justify="right")
    pairs = {(pair["train"], pair["test"]): pair for pair in results["pairs"]}
    for train in names:
        cells = []
        for test in names:
            if (train, test) not in pairs:
                cells.append("")
                continue
            item = main_row(pairs[train, test])["metrics"][metric]
            leaky = " [LEAKY]" if pairs[train, test]["protocol"]["leaky"] and not marks else ""
            cells.append(f"{number(item['mean'])} ({number(item['low'])} to {number(item['high'])}){leaky}")
        table.add_row(train, *cells)
    console = new_console()
    console.print(table)
    console.print(results["verdict"], style="bold", highlight=False, markup=False)
    large = [item for item in results["drift"] if item["size"] == "large"]
    for item in large:
        console.print(
            f"drift: {item['block']} of {item['test']} lies far from that of {item['train']} (score {item['score']:.2f}, "
            f"{100 * item['share']:.0f} % of its columns)",
            style="dim",
            highlight=False,
            markup=False,
        )


def _marks(results: dict[str, Any]) -> tuple[str, ...]:
    protocols = [pair["protocol"] for pair in results["pairs"]]
    found = ["adaptive"] if results["adaptive"] else []
    found += ["leaky in part"] if any(item["leaky"] for item in protocols) else []
    found += ["synthetic data in part"] if any(item["synthetic"] for item in results["corpora"]) else []
    return tuple(found)


def _pairs(results: dict[str, Any], marks: tuple[str, ...]) -> Table:
    metric = results["metric"]
    others = [name for name in METRIC_LABELS if name != metric and name in results["pairs"][0]["rows"][0]["metrics"]]
    columns = [Column("strategy"), Column("classifier"), Column(METRIC_LABELS[metric], "interval")]
    columns += [Column(METRIC_LABELS[name], "level") for name in others]
    rows = []
    for pair in results["pairs"]:
        stamps = [name for name in ("adaptive", "leaky") if pair["protocol"][name]]
        group = pair["protocol"]["name"] + (f" ({', '.join(stamps)})" if stamps else "")
        for row in pair["rows"]:
            values = [
                (item["mean"], item["low"], item["high"])
                for item in (row["metrics"][name] for name in (metric, *others))
            ]
            rows.append(Row((row_name(row), row["classifier"], *values), group))
    caption = "every strategy in every pair; 95 % intervals from a bootstrap over speakers of the tested corpus."
    return Table("pairs", caption, tuple(columns), tuple(rows), marks)


def _corpora(results: dict[str, Any]) -> Table:
    columns = (
        Column("corpus"),
        Column("samples", "integer"),
        Column("speakers", "integer"),
        Column("label map"),
        *(Column(label, "integer") for label in results["classes"]),
        Column("licence"),
    )
    rows = tuple(
        Row(
            (
                item["name"],
                item["n_samples"],
                item["n_groups"],
                item["map"] or "its own labels",
                *(item["classes"].get(label, 0) for label in results["classes"]),
                item["licence"],
            )
        )
        for item in results["corpora"]
    )
    return Table("corpora", "what was compared, and by which label map.", columns, rows)


def _drift(results: dict[str, Any]) -> list[Table]:
    if not results["drift"]:
        return []
    columns = (
        Column("block"),
        Column("drift score", "amount"),
        Column("columns that moved", "percent"),
        Column("drift"),
    )
    rows = tuple(
        Row((item["block"], item["score"], item["share"], item["size"]), f"{item['train']} to {item['test']}")
        for item in results["drift"]
    )
    caption = (
        "How far the features of the tested corpus lie from those of training, before any normalisation by corpus: mean "
        "population stability index less what chance gives; below .1 is none, from .25 on large."
    )
    return [Table("drift", caption, columns, rows)]
