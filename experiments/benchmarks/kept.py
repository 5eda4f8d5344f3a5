"""Figures that are kept: with the machine they were measured on, as JSON, and two of them beside each other."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rich.table import Table

from ...features.errors import StudyError
from ...features.terminal import new_table
from ..run_folder import environment
from .generated import generated_study

SCHEMA = 1


def machine() -> dict[str, Any]:
    """Return what was measured on: processor, cores, memory, system, versions, commit, and how busy it was before."""
    found = environment(generated_study())
    del found["seed"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else None
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return found | {"usable_cores": cores, "memory_gb": memory and round(memory, 1), "load_before": list(load)}


def read_figures(path: Path) -> dict[str, Any]:
    """Read a file of figures.

    Raises
    ------
    StudyError
        It cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: no figures can be read ({error}); give a file that --out has written") from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or "benchmarks" not in found:
        raise StudyError(f"{path}: figures of schema {SCHEMA} are needed; give a file that --out has written")
    return found


def figures_table(found: dict[str, Any]) -> Table:
    """Return one line a figure: ours, the plain way, their ratio, what is aimed at, and whether it is met."""
    table = new_table("Less is better; ratio: plain / ours")
    for heading in ("benchmark", "figure", "ours", "plain", "ratio", "target", "met"):
        table.add_column(heading, justify="right" if heading in ("ours", "plain", "ratio") else "left")
    for name, own in found["benchmarks"].items():
        for row in own["rows"]:
            met = {True: "yes", False: "no", None: ""}[row["met"]]
            cells = (_amount(row["ours"], row["unit"]), _amount(row["plain"], row["unit"]), _times(row["ratio"]))
            table.add_row(
                name, row["name"], *cells, row["target"], met, style=None if row["met"] is not False else "red"
            )
        told = own["error"] or f"{own['seconds']:.0f} s, {own['peak_mb']:.0f} MB"
        table.add_row(name, f"(all of it: {told})", "", "", "", "", "no" if own["error"] else "")
    return table


def compared_table(now: dict[str, Any], then: dict[str, Any]) -> Table:
    """Return one line a figure that both have: then, now, their ratio, and the ratio to the plain way in each.

    A busy machine slows both ways: where the ratios to the plain way agree, the library has not changed.
    """
    same = now["machine"]["cpu"] == then["machine"]["cpu"]
    table = new_table(f"now against then{'' if same else ': ANOTHER PROCESSOR, look at ratios to the plain way alone'}")
    for heading in ("benchmark", "figure", "then", "now", "then / now", "ratio then", "ratio now"):
        table.add_column(heading, justify="left" if heading in ("benchmark", "figure") else "right")
    for name, own in now["benchmarks"].items():
        before = {row["name"]: row for row in then["benchmarks"].get(name, {"rows": []})["rows"]}
        for row in own["rows"]:
            old = before.get(row["name"])
            if old is None or old["unit"] != row["unit"]:
                continue
            change = old["ours"] / row["ours"] if row["ours"] else None
            amounts = [_amount(each["ours"], each["unit"]) for each in (old, row)]
            table.add_row(name, row["name"], *amounts, *map(_times, (change, old["ratio"], row["ratio"])))
    return table


def _amount(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.4g} {unit}".rstrip()


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} x"
