"""RESULTS.md: what every shipped study measured, from the results that are kept beside the studies.

``python -m emofuse.experiments.results_page [RUN ...]`` keeps the results of runs (of shipped studies), and writes the page anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..features.errors import EmofuseError, StudyError
from .report_data import full_name, load_run, metric_label, row_kind, sorted_rows, stamps
from .report_tables import Column, Row, Table
from .study import load_study, shipped_studies

FOLDER = Path(__file__).parent / "studies" / "measured"
PAGE = Path(__file__).parent / "RESULTS.md"
KEPT = ("schema", "study", "corpus", "protocol", "labels", "rows", "contributions", "verdict", "red_flags", "power", "tasks",
        "other_protocols", "augmentation", "notes")  # fmt: skip
N_ROWS = 12  # of a study's table; the rest is in its file
MAX_NOTES = 6
HEAD = """# What the shipped studies measured

Every number comes from `emofuse run` on the corpus as its publisher ships it, under the protocol that stands beside it;
brackets hold 95 % intervals from a bootstrap over groups. **adaptive**: unlabelled clips of the test speaker were used.
**leaky**: training and test samples are not independent, which is the split's own doing. Choices were made on training
and validation samples only; where the publisher has a final test set it was not looked at. The results in full are in
`experiments/studies/measured/`; this page is made from them by `make results`.
"""

NOT_MEASURED = """## Not measured

The corpora of these studies are not at hand: they are tried on miniatures in the publishers' layouts by the tests, and no number
of theirs stands here.
"""


def keep(run_folder: str | Path) -> Path:
    """Keep the results of a run of a shipped study beside it, without what only its own report shows; return the file.

    Raises
    ------
    StudyError
        No run folder, or one of a study that is not shipped.
    """
    run = load_run(run_folder)
    results = run.results
    name = results["study"]
    if name not in shipped_studies():
        raise StudyError(f"{str(run_folder)!r} is a run of {name!r}, which is no shipped study")
    study = load_study(name)
    options, variant = "", name
    if results["protocol"]["name"] != study.protocol.name:
        options += f" --protocol {results['protocol']['name']}"
        variant += f"-{results['protocol']['name']}"
    if results["protocol"]["adaptive"] and not study.speaker_normalisation:
        options += " --speaker-normalisation"
        variant += "-adaptive"
    kept = {key: _plain(results[key]) for key in KEPT if key in results}
    kept["metric"] = run.metric
    kept["command"] = f"emofuse run {name} --root {name.upper()}{options}"
    kept["environment"] = {
        key: run.environment.get(key) for key in ("python", "cpu", "cpu_count", "git_commit", "versions")
    }
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{variant}.json"
    path.write_text(json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    return path


def page() -> str:
    """Return the page, from the files that are kept and the studies that are shipped."""
    measured = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    known = {item["study"] for item in measured}
    without = [name for name in shipped_studies() if name not in known and name != "demo"]
    parts = [HEAD, _overview(measured).markdown()]
    if without:
        parts.append(NOT_MEASURED)
        parts += [f"- `{name}`: {load_study(name).description}" for name in without]
        parts.append("")
    parts += [_study(item) for item in measured]
    return "\n".join(parts).rstrip() + "\n"


def main(arguments: Sequence[str]) -> int:
    """Keep the results of run folders, if any, and write the page."""
    try:
        for folder in arguments:
            print(keep(folder))
        PAGE.write_text(page(), encoding="utf-8")
    except EmofuseError as error:
        print(f"emofuse: {error}", file=sys.stderr)
        return 2
    print(PAGE)
    return 0


def _plain(value: Any) -> Any:
    """Return results without the values of each fold, which take most of the room."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in ("folds", "per_class")}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _title(item: dict[str, Any]) -> str:
    marks = stamps(item)
    return f"{item['study']}, {item['protocol']['name']}" + (f" ({', '.join(marks)})" if marks else "")


def _best(item: dict[str, Any], kind: str, chosen: str) -> dict[str, Any] | None:
    rows = [row for row in sorted_rows(item, item["metric"]) if row_kind(row) == kind]
    return next((row for row in rows if row["strategy"] == chosen), rows[0] if rows else None)


def _value(row: dict[str, Any] | None, metric: str) -> tuple[float, float, float] | None:
    if row is None:
        return None
    found = row["metrics"][metric]
    return found["mean"], found["low"], found["high"]


def _overview(measured: Sequence[dict[str, Any]]) -> Table:
    columns = (
        Column("study"),
        Column("samples", "integer"),
        Column("groups", "integer"),
        Column("stamps"),
        Column("metric"),
        Column("best single modality"),
        Column("", "interval"),
        Column("fusion that training rows choose", "interval"),
    )
    rows = []
    for item in measured:
        single = _best(item, "single", "")
        fusion = _best(item, "fusion", "selected")
        rows.append(
            Row(
                (
                    f"{item['study']}, {item['protocol']['name']}",
                    item["corpus"]["n_samples"],
                    item["corpus"]["n_groups"],
                    ", ".join(stamps(item)),
                    metric_label(item["metric"]),
                    None if single is None else full_name(single),
                    _value(single, item["metric"]),
                    _value(fusion, item["metric"]),
                )
            )
        )
    return Table("overview", "What each study found.", columns, tuple(rows))


def _study(item: dict[str, Any]) -> str:
    study = load_study(item["study"])
    lines = [f"## {_title(item)}", "", study.description, "", f"`{item['command']}`", "", f"> {item['verdict']}", ""]
    for task in item.get("tasks") or [item]:
        if task is not item:
            lines += [f"### {task['name']}", ""]
        lines += [_rows(task, item["metric"]).markdown()]
    for other in item.get("other_protocols") or []:
        marks = [name for name in ("adaptive", "leaky") if other["protocol"][name]]
        lines += [f"### Under {other['protocol']['name']}" + (f" ({', '.join(marks)})" if marks else ""), ""]
        lines += [_rows({**item, **other}, item["metric"], 5).markdown()]
    lines += [f"Licence of the corpus: {item['corpus']['licence']}.", ""]
    notes = [note for note in item.get("notes") or [] if not note.startswith("leaky:")]
    lines += [f"- {note}" for note in notes[:MAX_NOTES]]
    lines += [f"- and {len(notes) - MAX_NOTES} notes more"] if len(notes) > MAX_NOTES else []
    return "\n".join([*lines, ""])


def _rows(item: dict[str, Any], metric: str, limit: int = N_ROWS) -> Table:
    shown = list(item["rows"][0]["metrics"])
    others = [name for name in shown if name != metric][:4]
    columns = (
        Column("strategy"),
        Column(metric_label(metric), "interval"),
        *(Column(metric_label(name), "level") for name in others),
    )
    ordered = sorted_rows(item, metric)
    chosen = [row for row in ordered if row_kind(row) != "control"][:limit]
    singles = [row for row in ordered if row_kind(row) == "single" and row not in chosen]
    controls = [row for row in ordered if row_kind(row) == "control"]
    table = []
    for group, rows in (("", chosen), ("other single modalities", singles), ("controls", controls)):
        for row in rows:
            values = [_value(row, name) for name in (metric, *others)]
            table.append(Row((full_name(row), *values), group))
    return Table("rows", "", columns, tuple(table))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
