"""What a report reads of a run folder, and how it names and sorts what it found.

Runs of older versions lack newer keys and newer strategies: everything here takes what is there and leaves out the rest.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.errors import StudyError
from .results import LOWER_IS_BETTER, METRIC_LABELS, SCHEMA
from .strategies import CONTROLS, REFERENCE, SINGLES

Array = npt.NDArray[Any]
KINDS = {"fusion": "Fusion", "single": "One modality", "control": "Controls"}


@dataclass(frozen=True)
class LoadedRun:
    """A run folder in memory.

    Attributes
    ----------
    folder : Path
    results : dict
        As in ``results.json``.
    predictions : pandas.DataFrame
        As in ``predictions.parquet``; where its rows of each strategy stand is in ``places``.
    study_toml, metric : str
        The resolved study, and its first metric, which decides.
    n_failures : int
    environment : dict
        As in ``environment.json``; empty where there is none.
    shares : pandas.DataFrame
        As in ``contributions.parquet``; empty where there is none.
    places : dict of (strategy, blocks, classifier) to ndarray of int
    """

    folder: Path
    results: dict[str, Any]
    predictions: pd.DataFrame
    study_toml: str
    metric: str
    n_failures: int
    environment: dict[str, Any] = field(default_factory=dict)
    shares: pd.DataFrame = field(default_factory=pd.DataFrame)
    places: dict[tuple[str, ...], Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Answers:
    """What one strategy answered.

    Attributes
    ----------
    codes, predicted : ndarray of shape (n_tested,)
        Numbers of the true and of the answered class.
    probabilities : ndarray of shape (n_tested, n_classes)
    groups : ndarray of shape (n_tested,) or None
        Names of the groups.
    """

    codes: Array
    predicted: Array
    probabilities: Array
    groups: Array | None


@dataclass(frozen=True)
class ValueAnswers:
    """What one strategy of a regression answered.

    Attributes
    ----------
    truth, answers : ndarray of shape (n_tested,)
    groups : ndarray of shape (n_tested,) or None
        Names of the groups.
    """

    truth: Array
    answers: Array
    groups: Array | None


def load_run(folder: str | os.PathLike[str]) -> LoadedRun:
    """Read a run folder; raise StudyError where it is none."""
    path = Path(folder)
    try:
        results = json.loads((path / "results.json").read_text(encoding="utf-8"))
        predictions = pd.read_parquet(path / "predictions.parquet")
        study = (path / "study.toml").read_text(encoding="utf-8")
        metric = str(tomllib.loads(study)["metrics"][0])
        failures = pd.read_csv(path / "failures.csv")
        file = path / "environment.json"
        environment = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        file = path / "contributions.parquet"
        # Shares in the answers of several tasks are shown with each of them.
        shares = pd.read_parquet(file) if file.exists() and "tasks" not in results else pd.DataFrame()
        places = predictions.groupby(["strategy", "blocks", "classifier"], observed=True).indices
    except (OSError, ValueError, KeyError) as error:
        raise StudyError(f"{str(path)!r} is no run folder ({error}); `emofuse run STUDY --out DIR` makes one") from None
    schema = results.get("schema") if isinstance(results, dict) else None
    if schema != SCHEMA:
        raise StudyError(f"{str(path)!r}: results.json has schema {schema!r}, this version reads {SCHEMA}")
    return LoadedRun(path, results, predictions, study, metric, len(failures), environment, shares, places)  # type: ignore[arg-type]


def task_runs(run: LoadedRun) -> list[LoadedRun]:
    """Return each task of a run as a run of its own, its name in ``results["name"]``; none where there is one task."""
    found = run.results.get("tasks") or []
    file = run.folder / "contributions.parquet"
    shares = pd.read_parquet(file) if found and file.exists() else pd.DataFrame(columns=["task"])
    runs: list[LoadedRun] = []
    for results in found:
        predictions = run.predictions[run.predictions["task"] == results["name"]].drop(columns="task")
        # The tasks' own classes alone: a column of another task's classes is empty here.
        predictions = predictions.dropna(axis=1, how="all").reset_index(drop=True)
        own = shares[shares["task"] == results["name"]].drop(columns="task").dropna(axis=1, how="all")
        places = predictions.groupby(["strategy", "blocks", "classifier"], observed=True).indices
        runs.append(replace(run, results=results, predictions=predictions, shares=own, places=places))
    return runs


def predicted(results: dict[str, Any]) -> str:
    """Return in words what a run predicts."""
    if results.get("tasks"):
        return f"{len(results['tasks'])} tasks"
    target = results["corpus"].get("target")
    if target is None:
        return f"{len(results['corpus']['classes'])} classes"
    return f"{results['labels']['column']} from {target['min']:.3g} to {target['max']:.3g}".replace("-", "−")


def label_lines(results: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a reader must know of the labels: the column, and the map that made classes of it, a line each."""
    found = results.get("labels")
    if not found:
        return []
    column = found["column"] if isinstance(found["column"], str) else ", ".join(found["column"])
    lines = [("label column", column)]
    if found["map"] is not None:
        pairs = ", ".join(f"{label} → {target}" for label, target in found["mapping"].items())
        lines.append(("label map", f"{'the study’s own' if found['map'] == 'own' else found['map']}: {pairs}"))
    target = results["corpus"].get("target")
    if target is not None:
        lines.append(("target", f"mean {target['mean']:.3g}, standard deviation {target['sd']:.3g}"))
    return lines


def stamps(results: dict[str, Any]) -> list[str]:
    """Return the words that must stand beside every number of a run."""
    found = ["synthetic data"] if results["corpus"].get("synthetic") else []
    return found + [name for name in ("adaptive", "leaky") if results["protocol"][name]]


def row_kind(row: dict[str, Any]) -> str:
    """Return whether a row is a ``fusion``, a ``single`` modality, or a ``control``."""
    if row["strategy"] in SINGLES:
        return "single"
    return "control" if row["strategy"] in (*CONTROLS, REFERENCE) else "fusion"


def row_name(row: dict[str, Any]) -> str:
    """Return what a row is called in tables: its strategy, or its block where there is one only."""
    if row["strategy"] == "unimodal":
        return f"{' and '.join(row['blocks'])} alone" if row["blocks"] else "one modality"
    if row["strategy"] == "shuffled_modality" and row["blocks"]:
        return f"shuffled {' and '.join(row['blocks'])}"
    if row["strategy"] == REFERENCE and row["blocks"]:
        return f"reference ({' and '.join(row['blocks'])})"
    name = str(row["strategy"]).replace("_", " ")
    # Answers that are taken as they are may be put together in every set.
    return f"{name} of {' + '.join(row['blocks'])}" if row.get("classifier") == "given" and row["blocks"] else name


def full_name(row: dict[str, Any]) -> str:
    """Return a row's name with its classifier, where that tells anything."""
    plain = row["classifier"] in ("none", "nested") or row["strategy"] == REFERENCE
    return row_name(row) if plain else f"{row_name(row)} · {row['classifier']}"


def row_key(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return what tells a row from others; one that nested selection made may name any blocks."""
    nested = row["classifier"] == "nested"
    return row["strategy"], "" if nested else "+".join(row["blocks"]), row["classifier"]


def sorted_rows(results: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    """Return the rows, best first by a metric."""
    sign = 1 if metric in LOWER_IS_BETTER else -1
    return sorted(results["rows"], key=lambda row: sign * row["metrics"][metric]["mean"])


def main_rows(run: LoadedRun) -> list[dict[str, Any]]:
    """Return the rows that figures of answers show: the selected (or best) fusion, the best single, early, late, people."""
    rows = sorted_rows(run.results, run.metric)
    fusions = [row for row in rows if row_kind(row) == "fusion"]
    wanted = [
        [row for row in fusions if row["strategy"] == "selected"] or fusions,
        single_rows(run),
        _chosen_or(fusions, "selected_early", "early"),
        _chosen_or(fusions, "selected_late", "late"),
        [row for row in rows if row["strategy"] == REFERENCE],
    ]
    found: list[dict[str, Any]] = []
    for candidates in wanted:
        found += [row for row in candidates[:1] if row not in found]
    return found


def single_rows(run: LoadedRun) -> list[dict[str, Any]]:
    """Return the rows of single modalities, first the one that fusions were compared with, then best first."""
    rows = [row for row in sorted_rows(run.results, run.metric) if row_kind(row) == "single"]
    held_against = [(item["b"], item["b_blocks"], item["b_classifier"]) for item in run.results.get("comparisons", [])]
    return sorted(rows, key=lambda row: (row["strategy"], row["blocks"], row["classifier"]) not in held_against)


def _chosen_or(rows: list[dict[str, Any]], chosen: str, kind: str) -> list[dict[str, Any]]:
    """Return the row that nested selection made, or else those of a kind of strategy."""
    return [row for row in rows if row["strategy"] == chosen] or [
        row for row in rows if row["strategy"].startswith(kind)
    ]


def answers_of(run: LoadedRun, row: dict[str, Any]) -> Answers | None:
    """Return what a row's strategy answered, or None where the run's table of predictions lacks it."""
    place = run.places.get((row["strategy"], "+".join(row["blocks"]), row["classifier"]))
    classes = run.results["corpus"]["classes"]
    if place is None or not classes or not set(classes) <= set(run.predictions.columns):
        return None
    found = run.predictions.iloc[place]
    probabilities = found[classes].to_numpy(dtype=float)
    codes = pd.Index(classes).get_indexer(found["label"])
    known = (codes >= 0) & ~np.isnan(probabilities).any(axis=1)
    groups = found["group"].to_numpy(dtype=object)[known] if "group" in found and found["group"].notna().all() else None
    probabilities = probabilities[known]
    if not len(probabilities):
        return None
    return Answers(codes[known], probabilities.argmax(axis=1), probabilities, groups)


def values_of(run: LoadedRun, row: dict[str, Any]) -> ValueAnswers | None:
    """Return what a row's strategy answered in a regression, or None where the run is none or lacks it."""
    place = run.places.get((row["strategy"], "+".join(row["blocks"]), row["classifier"]))
    if place is None or "target" not in run.results["corpus"]:
        return None
    found = run.predictions.iloc[place]
    groups = found["group"].to_numpy(dtype=object) if "group" in found and found["group"].notna().all() else None
    return ValueAnswers(found["label"].to_numpy(dtype=float), found["prediction"].to_numpy(dtype=float), groups)


def metric_labels(runs: Sequence[LoadedRun]) -> dict[str, str]:
    """Return the printed names of the metrics that every row of some runs has."""
    everywhere = set.intersection(*(set(row["metrics"]) for run in runs for row in run.results["rows"]))
    known = [name for name in METRIC_LABELS if name in everywhere]
    return {name: METRIC_LABELS.get(name, name.replace("_", " ")) for name in (*known, *sorted(everywhere - {*known}))}


def metric_label(metric: str) -> str:
    """Return the printed name of a metric."""
    return METRIC_LABELS.get(metric, metric.replace("_", " "))


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
