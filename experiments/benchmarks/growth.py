"""How a study grows: with rows, with classes, with modalities; seconds, memory, and the exponent of the growth.

A study is run as a user runs it, on generated numbers, in a process of its own. What is compared: each modality, early, late and
stacked fusion, hybrids, and the choice between them, with modalities missing too; five folds by speaker. The exponent is that of
the last step: 1 is linear, and half a tenth more is the noise of a machine.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from . import Options, Row
from .generated import generated_corpus, generated_study
from .measuring import Spent, run_python

ROWS, CLASSES, BLOCKS = (1_000, 10_000, 100_000, 1_000_000), (2, 4, 8, 16, 32), (1, 2, 4, 8)
QUICK_ROWS, QUICK_CLASSES, QUICK_BLOCKS = (80, 120), (2, 3), (1, 2)
USUAL_ROWS, QUICK_USUAL_ROWS = 4_000, 80
# Rounds of boosting: those of the recipes with rows; fewer where classes or modalities are what is asked about.
ROUNDS, FEW_ROUNDS, QUICK_ROUNDS = 150, 30, 1
MOST_S, MOST_MB, MOST_EXPONENT = 1800.0, 8000.0, 1.05  # of a million rows, on two cores
STRATEGIES = (
    "majority",
    "unimodal",
    "best_single",
    "early",
    "late_mean",
    "late_product",
    "late_weighted",
    "stacking",
    "hybrid",
    "selected",
)


def benchmark(options: Options) -> list[Row]:
    """Run the three kinds of growth; of the largest number of rows it is known what it may take."""
    quick = options.quick
    rounds = QUICK_ROUNDS if quick else ROUNDS
    few = QUICK_ROUNDS if quick else FEW_ROUNDS
    n_rows = QUICK_USUAL_ROWS if quick else USUAL_ROWS
    by_rows = [(f"{rows} rows", {"rows": rows, "rounds": rounds}) for rows in (QUICK_ROWS if quick else ROWS)]
    by_classes = [
        (f"{classes} classes, {n_rows} rows", {"rows": n_rows, "classes": classes, "rounds": few})
        for classes in (QUICK_CLASSES if quick else CLASSES)
    ]
    by_blocks = [
        (f"{blocks} modalities, {n_rows} rows", {"rows": n_rows, "blocks": blocks, "rounds": few})
        for blocks in (QUICK_BLOCKS if quick else BLOCKS)
    ]
    return [*_grown("rows", by_rows), *_grown("classes", by_classes), *_grown("blocks", by_blocks)]


def measured_study(sizes: dict[str, int]) -> Spent:
    """Run a study of such sizes (``rows``, ``classes``, ``blocks``, ``rounds``) in a process of its own, on two cores."""
    return run_python(["-m", __name__, json.dumps({"jobs": min(2, os.cpu_count() or 1)} | sizes)])


def exponent(sizes: Iterable[float], amounts: Iterable[float]) -> float:
    """Return by which power an amount grows with a size, from the last two points.

    Examples
    --------
    >>> exponent([10, 100, 1000], [5, 8, 80])
    1.0
    """
    (low, high), (before, after) = list(sizes)[-2:], list(amounts)[-2:]
    return float(round(np.log(after / before) / np.log(high / low), 3))


def run_sizes(sizes: dict[str, int]) -> dict[str, Any]:
    """Run a study of such sizes here; return its seconds, less those of making the numbers, and the UAR of each row."""
    from ..run import run_study

    blocks = sizes.get("blocks", 2)
    corpus = generated_corpus(sizes["rows"], n_classes=sizes.get("classes", 8), n_blocks=blocks)
    recipe = {"n_rounds": sizes["rounds"]}
    study = generated_study(blocks, strategies=list(STRATEGIES), early={"boosted": recipe}, meta={"boosted": recipe})
    specs = {name: spec.model_dump() | {"recipes": {"boosted": recipe}} for name, spec in study.blocks.items()}
    start = time.perf_counter()
    done = run_study(study.changed(blocks=specs), corpus, n_jobs=sizes.get("jobs", 1))
    rows = {
        f"{row['strategy']} {'+'.join(row['blocks'])}": row["metrics"]["uar"]["mean"] for row in done.results["rows"]
    }
    return {"seconds": time.perf_counter() - start, "uar": rows}


def _grown(kind: str, points: list[tuple[str, dict[str, int]]]) -> list[Row]:
    found, seconds = [], []
    for name, sizes in points:
        spent = measured_study(sizes)
        told = json.loads(spent.output.splitlines()[-1])
        largest = sizes["rows"] == max(ROWS)
        seconds.append(spent.core_seconds)
        found += [
            Row(name, told["seconds"], at_most=MOST_S if largest else None),
            Row(f"{name}, of all cores", spent.core_seconds),
            Row(f"{name}, memory", spent.peak_mb, at_most=MOST_MB if largest else None, unit="MB"),
            Row(f"{name}, 1 - UAR of the best row", 1 - max(told["uar"].values()), unit=""),
        ]
    most = MOST_EXPONENT if kind == "rows" and points[-1][1]["rows"] == max(ROWS) else None
    counts = [sizes[kind] for _, sizes in points]
    return [*found, Row(f"growth with {kind}, exponent", exponent(counts, seconds), at_most=most, unit="")]


if __name__ == "__main__":
    print(json.dumps(run_sizes(json.loads(sys.argv[1]))))
