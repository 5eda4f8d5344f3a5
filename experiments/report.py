"""The report of one run or several: one self-contained HTML page, Markdown, and LaTeX tables."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..features.errors import StudyError
from ..features.files import staged
from . import (
    report_answers,
    report_contributions,
    report_curve,
    report_missing,
    report_pooled,
    report_sections,
    report_tasks,
    report_values,
)
from .report_data import (
    LoadedRun,
    label_lines,
    load_run,
    metric_label,
    predicted,
    protocol_columns,
    protocol_rows,
    row_kind,
    row_name,
    sorted_rows,
    stamps,
    task_runs,
)
from .report_runs import side_by_side
from .report_tables import Figure, Section, Table, latex, number

__all__ = [
    "FILES",
    "LoadedRun",
    "load_run",
    "number",
    "protocol_columns",
    "protocol_rows",
    "row_kind",
    "row_name",
    "sorted_rows",
    "stamps",
    "write_reports",
]
FILES = {"report.html": "report.html.j2", "report.md": "report.md.j2", "report.tex": "report.tex.j2"}
SECTIONS = (
    report_tasks.tasks,
    report_sections.strategies,
    report_sections.gains,
    report_values.values,
    report_pooled.pooled,
    report_answers.errors,
    report_values.value_groups,
    report_answers.groups,
    report_answers.confidence,
    report_missing.missing,
    report_missing.degraded,
    report_contributions.contributions,
    report_curve.curve,
    report_sections.protocols,
)


def write_reports(folders: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]) -> list[Path]:
    """Write ``report.html``, ``report.md`` and ``report.tex`` of some runs into a folder; return their paths."""
    loaded = [load_run(folder) for folder in folders]
    shown = [part for run in loaded for part in (run, *task_runs(run))]
    runs = [_view(run, str(place + 1) if len(shown) > 1 else "") for place, run in enumerate(shown)]
    return write_pages(out, runs=runs, together=side_by_side(loaded) if len(loaded) > 1 else None)


def write_pages(
    out: str | os.PathLike[str],
    *,
    runs: Sequence[dict[str, Any]] = (),
    together: Section | None = None,
    name: str = "report",
) -> list[Path]:
    """Write runs, as the templates are shown them, and a section on what they have in common; return the paths."""
    templates = page_templates()
    out = Path(out)
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for file, template in FILES.items():
            text = templates.get_template(template).render(runs=runs, together=together)
            target = out / file.replace("report", name)
            with staged(target) as place:
                place.write_text(text, encoding="utf-8")
            written.append(target)
    except OSError as error:
        raise StudyError(
            f"the report cannot be written to {str(out)!r}: {error.strerror}; choose another --out"
        ) from None
    return written


def page_templates() -> Any:
    """Return the templates of pages, with what they may call."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    templates = Environment(
        loader=PackageLoader("emofuse.experiments", "templates"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"latex": latex, "data_uri": data_uri}
    templates.globals |= {"file_name": file_name}
    templates.tests |= {"table": lambda part: isinstance(part, Table), "figure": lambda part: isinstance(part, Figure)}
    return templates


def data_uri(text: str, media: str) -> str:
    """Return a link that holds a file itself: it saves from a page on disk, without a network and without a script."""
    return f"data:{media};charset=utf-8;base64,{base64.b64encode(text.encode()).decode('ascii')}"


def file_name(*parts: str) -> str:
    """Return the name of a file, without its ending, that any system takes.

    >>> file_name("50% & <b>", "strategies")
    '50-b-strategies'
    """
    return "-".join(filter(None, (re.sub(r"[^\w.]+", "-", str(part)).strip("-.") for part in parts)))[:120]


def _table_of(sections: Sequence[Section], name: str) -> Table | None:
    """Return the first table of a section; None where the run does not have the section."""
    parts = (part for section in sections if section.name == name for part in section.parts)
    return next((part for part in parts if isinstance(part, Table)), None)


def _view(run: LoadedRun, place: str) -> dict[str, Any]:
    """Return what the templates show of a run; ``place`` tells the anchors of several runs apart."""
    sections: list[Section] = [section for make in SECTIONS if (section := make(run)) is not None]
    return {
        "prefix": f"run{place}-" if place else "",
        "results": run.results,
        "task": run.results.get("name", ""),
        "predicted": predicted(run.results),
        "labels": label_lines(run.results),
        # The flags stand in a box of their own; twice, they would bury the verdict.
        "verdict": run.results["verdict"].split(" Red flag")[0]
        if run.results.get("red_flags")
        else run.results["verdict"],
        "metric": metric_label(run.metric),
        "stamps": stamps(run.results),
        "sections": sections,
        "strategies": report_sections.strategy_table(run),
        "comparisons": report_sections.comparison_table(run, primary_only=True)
        if run.results.get("comparisons")
        else None,
        **{name: _table_of(sections, name) for name in ("tasks", "pooled", "curve", "protocols")},
        "environment": run.environment,
        "study_toml": run.study_toml,
        "n_failures": run.n_failures,
    }
