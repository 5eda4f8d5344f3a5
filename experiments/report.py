"""The report of one run or several: one self-contained HTML page, Markdown, and a LaTeX table."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..features.errors import StudyError
from .results import LOWER_IS_BETTER, METRIC_LABELS, NOT_FUSION, SCHEMA, shown_p

FILES = {"report.html": "report.html.j2", "report.md": "report.md.j2", "report.tex": "report.tex.j2"}
LATEX_SPECIAL = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)
BAR_HEIGHT, BAR_GAP, LABEL_WIDTH, PLOT_WIDTH, VALUE_WIDTH = 18, 8, 250, 420, 60


@dataclass(frozen=True)
class LoadedRun:
    """A run folder in memory."""

    folder: Path
    results: dict[str, Any]
    predictions: pd.DataFrame
    study_toml: str
    metric: str
    n_failures: int


def load_run(folder: str | os.PathLike[str]) -> LoadedRun:
    """Read a run folder; raise StudyError where it is none."""
    path = Path(folder)
    try:
        results = json.loads((path / "results.json").read_text(encoding="utf-8"))
        predictions = pd.read_parquet(path / "predictions.parquet")
        study = (path / "study.toml").read_text(encoding="utf-8")
        metric = str(tomllib.loads(study)["metrics"][0])
        failures = pd.read_csv(path / "failures.csv")
    except (OSError, ValueError, KeyError) as error:
        raise StudyError(f"{str(path)!r} is no run folder ({error}); `emofuse run STUDY --out DIR` makes one") from None
    schema = results.get("schema") if isinstance(results, dict) else None
    if schema != SCHEMA:
        raise StudyError(f"{str(path)!r}: results.json has schema {schema!r}, this version reads {SCHEMA}")
    return LoadedRun(path, results, predictions, study, metric, len(failures))


def write_reports(folders: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]) -> list[Path]:
    """Write ``report.html``, ``report.md`` and ``report.tex`` of some runs into a folder; return their paths."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    runs = [_view(load_run(folder)) for folder in folders]
    templates = Environment(
        loader=PackageLoader("emofuse.experiments", "templates"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "number": number,
        "p": lambda value: shown_p(value).removeprefix("= "),
        "percent": lambda value: f"{100 * value:.0f}",
        "latex": lambda text: text.translate(LATEX_SPECIAL),
    }
    out = Path(out)
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, template in FILES.items():
            text = templates.get_template(template).render(runs=runs, metric_labels=METRIC_LABELS)
            staged = out / f".{name}.{os.getpid()}"
            staged.write_text(text, encoding="utf-8")
            staged.replace(out / name)
            written.append(out / name)
    except OSError as error:
        raise StudyError(
            f"the report cannot be written to {str(out)!r}: {error.strerror}; choose another --out"
        ) from None
    return written


def stamps(results: dict[str, Any]) -> list[str]:
    """Return the words that must stand beside every number of a run."""
    found = ["synthetic data"] if results["corpus"].get("synthetic") else []
    return found + [name for name in ("adaptive", "leaky") if results["protocol"][name]]


def row_name(row: dict[str, Any]) -> str:
    """Return what a row is called in tables: its strategy, or its block where there is one only."""
    if row["strategy"] == "unimodal":
        return f"{row['blocks'][0]} alone"
    return str(row["strategy"]).replace("_", " ")


def sorted_rows(results: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    """Return the rows, best first by a metric."""
    sign = 1 if metric in LOWER_IS_BETTER else -1
    return sorted(results["rows"], key=lambda row: sign * row["metrics"][metric]["mean"])


def protocol_columns(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the run's own protocol and the others that were run on the same features, each with its name and stamps."""
    runs = [{"protocol": results["protocol"], "rows": results["rows"]}, *results.get("other_protocols", [])]
    stamped = [stamps({"corpus": {}, "protocol": run["protocol"]}) for run in runs]
    return [
        {"name": run["protocol"]["name"], "groups": run["protocol"]["groups"], "stamps": marks, "rows": run["rows"]}
        for run, marks in zip(runs, stamped, strict=True)
    ]


def protocol_rows(results: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    """Return for each strategy its metric under every protocol of the run, best first; none where there is but one."""
    columns = protocol_columns(results)
    if len(columns) == 1:
        return []
    found: list[dict[tuple[Any, ...], Any]] = [
        {(row["strategy"], *row["blocks"], row["classifier"]): row["metrics"][metric] for row in column["rows"]}
        for column in columns
    ]
    return [
        {
            "name": row_name(row),
            "classifier": row["classifier"],
            "metrics": [part.get((row["strategy"], *row["blocks"], row["classifier"])) for part in found],
        }
        for row in sorted_rows(results, metric)
    ]


def number(value: float) -> str:
    """Write a metric with three digits and no leading zero, as the field's tables do."""
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _view(run: LoadedRun) -> dict[str, Any]:
    rows = sorted_rows(run.results, run.metric)
    fusions = [row for row in rows if row["strategy"] not in NOT_FUSION]
    singles = [row for row in rows if row["strategy"] == "unimodal"]
    shown = [row for row in (fusions[:1] + singles[:1]) if row]
    return {
        "results": run.results,
        "metric": run.metric,
        "stamps": stamps(run.results),
        "rows": [{**row, "name": row_name(row)} for row in rows],
        "protocols": protocol_columns(run.results),
        "protocol_rows": protocol_rows(run.results, run.metric),
        "chart": _chart(rows, run),
        "confusions": [_confusion(run, row) for row in shown],
        "study_toml": run.study_toml,
        "n_failures": run.n_failures,
        "contributions": sorted(run.results["contributions"].items(), key=lambda item: -item[1]),
    }


def _chart(rows: list[dict[str, Any]], run: LoadedRun) -> dict[str, Any]:
    """Lay out the bars with their intervals; the template only draws."""
    metrics = [row["metrics"][run.metric] for row in rows]
    top = max(1.0 if run.metric not in LOWER_IS_BETTER else 0.0, *(item["high"] for item in metrics))
    bars = []
    for position, (row, item) in enumerate(zip(rows, metrics, strict=True)):
        strategy = row["strategy"]
        bars.append(
            {
                "y": position * (BAR_HEIGHT + BAR_GAP),
                "label": f"{row_name(row)} · {row['classifier']}" if row["classifier"] != "none" else row_name(row),
                "kind": "fusion" if strategy not in NOT_FUSION else strategy,
                "width": PLOT_WIDTH * item["mean"] / top,
                "low": PLOT_WIDTH * item["low"] / top,
                "high": PLOT_WIDTH * item["high"] / top,
                "value": number(item["mean"]),
            }
        )
    ticks = [{"x": PLOT_WIDTH * share, "label": number(share * top)} for share in np.linspace(0, 1, 6)]
    return {
        "bars": bars,
        "ticks": ticks,
        "bar_height": BAR_HEIGHT,
        "label_width": LABEL_WIDTH,
        "plot_width": PLOT_WIDTH,
        "height": len(bars) * (BAR_HEIGHT + BAR_GAP),
        "width": LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH,
    }


def _confusion(run: LoadedRun, row: dict[str, Any]) -> dict[str, Any]:
    classes = run.results["corpus"]["classes"]
    found = run.predictions
    found = found[
        (found["strategy"] == row["strategy"])
        & (found["classifier"] == row["classifier"])
        & (found["blocks"] == "+".join(row["blocks"]))
    ]
    predicted = np.array(classes, dtype=object)[found[classes].to_numpy().argmax(axis=1)]
    counts = pd.crosstab(found["label"].to_numpy(), predicted).reindex(index=classes, columns=classes, fill_value=0)
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0).to_numpy()
    return {"name": f"{row_name(row)} ({row['classifier']})", "classes": classes, "shares": shares.tolist()}
