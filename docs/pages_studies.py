"""Pages of the shipped studies, from their TOML files and the results that are kept: made anew at every build."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from emofuse.experiments import study as studies
from emofuse.experiments.corpora import corpus_info
from emofuse.experiments.report_charts import Dot, DotRow, dot_chart
from emofuse.experiments.report_data import full_name, metric_label, row_kind, sorted_rows, stamps
from emofuse.experiments.report_tables import Column, Row, Table, interval, minus, number
from emofuse.experiments.results_page import FOLDER
from emofuse.experiments.strategies import CONTEXTS, EARLY_KINDS, HYBRID_RULES, LATE_RULES

NOT_KEPT = "No result of it is kept. The tests try its reader on a miniature in the publisher's layout."
SHOWN = {"": 14, "single": 12, "control": 8}  # rows of a chart and its table, by kind
HEADINGS = {"": "Fusion", "single": "One modality", "control": "Controls"}
FIXED = tuple(name for name, (rule, _) in LATE_RULES.items() if rule in ("mean", "product", "median", "vote"))
KINDS: dict[str, tuple[str, ...]] = {
    "early": tuple(EARLY_KINDS),
    "late, nothing learned": FIXED,
    "late, weighted": ("late_weighted", "late_class_weighted"),
    "stacking": ("stacking", "stacking_boosted", "stacking_gated"),
    "hybrid": tuple(HYBRID_RULES),
    "context": tuple(CONTEXTS),
}


@cache
def _study(name: str) -> studies.Study:
    return studies.load_study(name)


def kept() -> list[dict[str, Any]]:
    """Return the results that are kept beside the studies, in the order of their names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def pages() -> dict[str, str]:
    """Return the pages by their paths in the sources: one a study, and an overview."""
    measured = kept()
    names = studies.shipped_studies()
    found = {"studies/index.md": _index(names, measured)}
    for name in names:
        own = [item for item in measured if item["study"] == name]
        found[f"studies/{name}.md"] = _page(name, own)
    return found


def kinds_table() -> str:
    """Return the best of each kind of fusion in every study that was measured, by the study's own metric."""
    columns = [Column("study"), Column("metric"), Column("one modality", "level")]
    columns += [Column(kind, "level") for kind in KINDS] + [Column("selected", "level")]
    rows = []
    for item in kept():
        best = {kind: _best(item, strategies) for kind, strategies in KINDS.items()}
        if any(best.values()):
            name = f"[{item['study']}]({_link(item['study'])})" + "".join(f", {mark}" for mark in stamps(item))
            cells = (_best(item, ("unimodal",)), *best.values(), _best(item, ("selected",)))
            rows.append(Row((name, metric_label(item["metric"]), *cells)))
    return Table("kinds", "", tuple(columns), tuple(rows)).markdown()


def _link(study: str) -> str:
    return f"studies/{study}.md"


def _best(item: dict[str, Any], strategies: tuple[str, ...]) -> tuple[float, float, float] | None:
    rows = [row for row in sorted_rows(item, item["metric"]) if row["strategy"] in strategies]
    return _value(rows[0], item["metric"]) if rows else None


def _value(row: dict[str, Any], metric: str) -> tuple[float, float, float]:
    found = row["metrics"][metric]
    return found["mean"], found["low"], found["high"]


def _index(names: list[str], measured: list[dict[str, Any]]) -> str:
    found = {item["study"]: item for item in reversed(measured)}
    columns = (
        Column("study"),
        Column("metric"),
        Column("best modality", "interval"),
        Column("selected fusion", "interval"),
    )
    rows = []
    for name in names:
        if name in found:
            item = found[name]
            marks = "".join(f", {mark}" for mark in stamps(item))
            values = (_best(item, ("unimodal",)), _best(item, ("selected",)))
            rows.append(Row((f"[{name}]({name}.md){marks}", metric_label(item["metric"]), *values)))
    lines = [
        "# Studies",
        "",
        "A study is named on the command line: `emofuse run NAME --root FOLDER`. Brackets hold 95 % intervals",
        "",
    ]
    lines[2] += " from a bootstrap over groups; *selected* is the fusion that training rows choose."
    lines += ["## Measured", "", Table("measured", "", columns, tuple(rows)).markdown()]
    lines += ["## All of them", "", "| study | what it asks |", "| --- | --- |"]
    lines += [f"| [{name}]({name}.md) | {_study(name).description} |" for name in names]
    lines += ["", "```{toctree}", ":hidden:", "", *names, "```", ""]
    return "\n".join(lines)


def _page(name: str, measured: list[dict[str, Any]]) -> str:
    study = _study(name)
    info = corpus_info(study.corpus)
    command = f"emofuse run {name} --root {study.corpus.upper()}" if name != "demo" else "emofuse demo"
    lines = [f"# {name}", "", study.description, "", f"```\n{command}\n```", ""]
    lines += ["| | |", "| --- | --- |"]
    lines += [f"| {key} | {value} |" for key, value in _facts(study, info)]
    lines += ["", "## Blocks", "", "| block | measured by | from | of it |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{block}` | {_measured_by(spec)} | {_code(spec.source)} | {_part(spec)} |"
        for block, spec in study.blocks.items()
    ]
    lines += ["", "## What it measured", ""]
    if not measured:
        lines += [NOT_KEPT if name != "demo" else "The demo's figures come with every `make demo`.", ""]
    for item in measured:
        lines += _results(item, several=len(measured) > 1)
    toml = (Path(studies.__file__).parent / "studies" / f"{name}.toml").read_text(encoding="utf-8")
    lines += [
        "## The study",
        "",
        f"`experiments/studies/{name}.toml`, with the reasons for its choices:",
        "",
        "```toml",
        toml.strip(),
        "```",
        "",
    ]
    return "\n".join(lines)


def _facts(study: studies.Study, info: Any) -> list[tuple[str, str]]:
    """Return what a reader asks first, as pairs of words."""
    protocol = study.protocol
    held = protocol.groups or study.group or info.groups
    default = studies.Study.model_fields["strategies"].default
    found = [
        ("corpus", f"{info.title}; {info.licence}"),
        ("protocol", f"`{protocol.name}`, {held} held together{', leaky' if protocol.leaky else ''}"),
        ("also under", ", ".join(f"`{other.name}`" for other in study.also)),
        (
            "predicts",
            ", ".join(study.tasks) or (f"`{study.label}`" + (" as a number" if study.task == "regression" else "")),
        ),
        (
            "labels by",
            f"`{study.label_map}`" if isinstance(study.label_map, str) else "a map of its own" * bool(study.label_map),
        ),
        ("only", "; ".join(f"{key} = {', '.join(values)}" for key, values in study.where.items())),
        ("classifiers", ", ".join(study.classifiers)),
        ("strategies", "all" if study.strategies == default else ", ".join(f"`{name}`" for name in study.strategies)),
        ("decides", metric_label(study.metrics[0])),
    ]
    return [(key, value.replace("|", "\\|")) for key, value in found if value]


def _measured_by(spec: Any) -> str:
    shown = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in spec.parameters.items())
    return f"`{spec.extractor}`" + (f" ({shown})".replace("|", "\\|") if shown else "")


def _part(spec: Any) -> str:
    columns = spec.columns or ()
    shown = ", ".join(f"`{column}`" for column in columns[:4]) + (
        f" and {len(columns) - 4} more" if len(columns) > 4 else ""
    )
    table = f"table `{spec.table}`" if spec.table else ""
    return "; ".join(part for part in (table, shown) if part) or "all"


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _results(item: dict[str, Any], *, several: bool) -> list[str]:
    marks = "".join(f", {mark}" for mark in stamps(item))
    lines = [f"### {item['protocol']['name']}{marks}", ""] if several or marks else []
    corpus, protocol = item["corpus"], item["protocol"]
    groups = f" of {corpus['n_groups']} groups" if corpus["n_groups"] else ""
    folds = f"{protocol['n_folds']} fold{'s' * (protocol['n_folds'] > 1)}"
    lines += [f"`{item['command']}`: {corpus['n_samples']} samples{groups}, {folds}.", ""]
    lines += [f"> {item['verdict']}", ""]
    for task in item.get("tasks") or [item]:
        lines += [f"#### {task['name']}", ""] if task is not item else []
        lines += _numbers({**task, "metric": item["metric"]})
    for other in item.get("other_protocols") or []:
        stamped = [name for name in ("adaptive", "leaky") if other["protocol"][name]]
        lines += [f"### Under {other['protocol']['name']}{''.join(f', {mark}' for mark in stamped)}", ""]
        lines += _numbers({**item, **other})
    return lines


def _numbers(item: dict[str, Any]) -> list[str]:
    """Return a chart and a table of the best rows of each kind."""
    metric = item["metric"]
    ordered = sorted_rows(item, metric)
    chosen = [
        (kind, row)
        for kind, limit in SHOWN.items()
        for row in [row for row in ordered if row_kind(row) == (kind or "fusion")][:limit]
    ]
    drawn, before = [], None
    for kind, row in chosen:
        mean, low, high = _value(row, metric)
        series = 1 if row["classifier"] == "nested" else 0 if not kind else 5
        dot = Dot(mean, low, high, series, hollow=kind == "control")
        texts = (minus(number(mean)), interval(low, high))
        drawn.append(DotRow(full_name(row), (dot,), texts, HEADINGS[kind] if kind != before else ""))
        before = kind
    label = metric_label(metric)
    chart = dot_chart(
        drawn,
        label=f"{label} of each strategy with its 95 % interval; the table below holds the same numbers",
        axis=label,
        columns=(label, "95 %"),
        stamps=stamps(item),
    )
    others = [name for name in item["rows"][0]["metrics"] if name != metric][:4]
    columns = (Column("strategy"), Column(label, "interval"), *(Column(metric_label(name), "level") for name in others))
    rows = [
        Row((full_name(row), *(_value(row, name) for name in (metric, *others))), HEADINGS[kind])
        for kind, row in chosen
    ]
    dropped = len(ordered) - len(chosen)
    lines = [
        "```{raw} html",
        f'<div class="chart">{chart}</div>',
        "```",
        "",
        Table("rows", "", columns, tuple(rows)).markdown(),
    ]
    return [*lines, f"and {dropped} rows more in the file that is kept.", ""] if dropped else lines
