"""What a random split would have claimed: the same features and classifiers, once held apart by group and once not."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..features.errors import ProtocolError
from ..features.store import FeatureStore
from .blocks import ProgressMaker
from .corpora import Corpus
from .protocols import make_folds, regroup
from .results import LOWER_IS_BETTER, METRIC_LABELS
from .run import prepare_corpus, run_study
from .study import Study

FEWEST_FOLDS, MOST_FOLDS = 2, 10
LEAST_GAP = 0.0005  # what three digits show


def measure_optimism(
    study: Study,
    corpus: Corpus,
    *,
    root: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
    on_task: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Run a study under its own protocol and under a random split of the same samples, side by side.

    The random split has as many folds as leave about as much for training as the study's protocol does, so that the gap is
    not that of more data. One classifier, single modalities and their product are enough to see it.

    Parameters
    ----------
    study : Study
    corpus : Corpus
    root, n_jobs, store, progress, on_task
        As in :func:`~emofuse.experiments.run.run_study`.

    Returns
    -------
    dict
        ``metric`` and its ``label``; ``honest`` and ``random``, the protocols as ``results.json`` describes them;
        ``rows``, each with its ``strategy``, ``blocks``, ``classifier``, ``honest``, ``random`` and ``gap``; and
        ``sentence``.
    """
    reduced = study.changed(
        also=[{"name": "random", "n_folds": _as_many_folds(study, corpus), "leaky": True}],
        strategies=["unimodal", "late_product"] if len(study.blocks) > 1 else ["unimodal"],
        classifiers=study.classifiers[:1],
        near_copies=(),
    )
    run = partial(run_study, root=root, n_jobs=n_jobs, store=store, progress=progress, on_task=on_task)
    try:
        results = run(reduced, corpus).results
    except ProtocolError:  # the study's own split leaks too; what it adds to that is still worth knowing
        results = run(reduced.changed(protocol=study.protocol.model_dump() | {"leaky": True}), corpus).results
    other = next(item for item in results["other_protocols"] if item["protocol"]["name"] == "random")
    metric = study.metrics[0]
    randomly = {_key(row): row["metrics"][metric]["mean"] for row in other["rows"]}
    rows = [
        {
            "strategy": row["strategy"],
            "blocks": row["blocks"],
            "classifier": row["classifier"],
            "honest": row["metrics"][metric]["mean"],
            "random": randomly[_key(row)],
            "gap": round(randomly[_key(row)] - row["metrics"][metric]["mean"], 6),
        }
        for row in results["rows"]
        if _key(row) in randomly
    ]
    return {
        "metric": metric,
        "label": METRIC_LABELS[metric],
        "honest": results["protocol"],
        "random": other["protocol"],
        "rows": rows,
        "sentence": _sentence(metric, results["protocol"], rows),
    }


def _as_many_folds(study: Study, corpus: Corpus) -> int:
    """Return how many random folds train on about as many samples as the folds of the study's protocol."""
    samples = regroup(prepare_corpus(study, corpus).samples, study.protocol)
    folds = make_folds(samples, study.protocol, seed=study.seed)
    tested = float(np.mean([len(fold.test) / (len(fold.test) + len(fold.train)) for fold in folds]))
    rarest = int(samples["label"].value_counts().min())
    return max(FEWEST_FOLDS, min(MOST_FOLDS, round(1 / tested), rarest))


def _key(row: dict[str, Any]) -> tuple[str, tuple[str, ...], str]:
    return row["strategy"], tuple(row["blocks"]), row["classifier"]


def _sentence(metric: str, protocol: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    sign = -1 if metric in LOWER_IS_BETTER else 1
    best = max(rows, key=lambda row: sign * row["honest"])
    name = " and ".join(best["blocks"]) if best["strategy"] == "unimodal" else best["strategy"]
    own = f"{protocol['name']}, itself leaky" if protocol["leaky"] else protocol["name"]
    numbers = f"{best['random']:.3f} instead of {best['honest']:.3f} ({own})"
    if sign * best["gap"] < LEAST_GAP:
        return f"A random split would claim no more: {METRIC_LABELS[metric]} {numbers} for {name}."
    gap = f"{abs(best['gap']):.3f} of it is no skill"
    return f"A random split would claim {METRIC_LABELS[metric]} {numbers} for {name}: {gap}."
