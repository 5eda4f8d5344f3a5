"""The whole fusion matrix against the plain scikit-learn way, on features that are stored; UAR beside seconds.

``python -m emofuse.experiments.benchmarks.fusion_matrix --root RAVDESS [--store PATH]``. What is compared: each modality
alone, early concatenation, a soft vote and stacking, five folds by speaker. The plain way is what a tutorial does: default
XGBClassifiers in a Pipeline, VotingClassifier, StackingClassifier, cross_val_predict. Ours is `emofuse run`: every number
calibrated and out of fold.
A second table fits one wide block (ComParE) against XGBClassifier with default binning.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...classifiers.recipes import expert_pipeline
from ...features.store import FeatureStore
from ...features.terminal import new_console, new_table
from ...fusion.blocks import select_block
from ..blocks import build_blocks
from ..corpora import read_corpus
from ..run import compare_strategies, split_corpus
from ..study import Study, parse_study

Array = npt.NDArray[Any]
STRATEGIES = ("unimodal", "early", "late_mean", "stacking")  # a soft vote is the mean of probabilities
WIDE = "ComParE_2016"


def matrix_study(families: list[str]) -> Study:
    """Return the study of eGeMAPS and action units, with the shipped recipes of a family."""
    return parse_study(
        {
            "name": "fusion_matrix",
            "corpus": "ravdess",
            "where": {"channel": ["speech"]},
            "classifiers": families,
            "strategies": list(STRATEGIES),
            "protocol": {"name": "luna5"},
            "blocks": {
                "audio": {"extractor": "opensmile", "parameters": {"feature_set": "eGeMAPSv02"}},
                "face": {"extractor": "table", "table": "openface", "modality": "face"},
                "wide": {"extractor": "opensmile", "parameters": {"feature_set": WIDE}},
            },
        },
        source="benchmark",
    )


def plain_matrix(blocks: dict[str, Array], y: Array, folds: list[tuple[Array, Array]]) -> dict[str, float]:
    """Return the UAR of each row of the matrix, the plain way; ``blocks`` are arrays of shape (n_samples, n_features)."""
    from sklearn.ensemble import StackingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from xgboost import XGBClassifier

    edges = np.cumsum([0, *(values.shape[1] for values in blocks.values())])
    together = np.hstack(list(blocks.values()))

    def one(first: int, last: int) -> Any:
        take = FunctionTransformer(_columns, kw_args={"first": first, "last": last})
        return make_pipeline(take, StandardScaler(), XGBClassifier())

    experts = [(name, one(*edges[place : place + 2])) for place, name in enumerate(blocks)]
    rows = dict(experts) | {
        "early": one(0, int(edges[-1])),
        "vote": VotingClassifier(experts, voting="soft"),
        "stacking": StackingClassifier(experts, final_estimator=LogisticRegression(max_iter=1000)),
    }
    codes = np.unique(y, return_inverse=True)[1]
    found = {}
    for name, estimator in rows.items():
        answers = cross_val_predict(estimator, together, codes, cv=folds, method="predict_proba")
        found[name] = _uar(codes, answers.argmax(axis=1))
    return found


def _columns(X: Array, first: int, last: int) -> Array:
    return X[:, first:last]


def _uar(codes: Array, answers: Array) -> float:
    return float(np.mean([(answers[codes == code] == code).mean() for code in np.unique(codes)]))


def measure(root: Path, store: Path | None = None, *, n_jobs: int = 2, repeats: int = 1) -> dict[str, Any]:
    """Return seconds and UAR of the matrix both ways, and of a wide block.

    Parameters
    ----------
    root : Path
        RAVDESS, with its OpenFace table.
    store : Path, optional
        Features are extracted into it first, which is not timed.
    n_jobs : int, default=2
        Processes of ours; the plain way uses every core inside XGBoost.
    repeats : int, default=1
        Turns; the fastest counts.
    """
    from ..preparation import prepare_corpus

    study = matrix_study(["boosted"])
    corpus = prepare_corpus(study, read_corpus("ravdess", root))
    table = build_blocks(study, corpus, root=root, n_jobs=n_jobs, store=FeatureStore(store))
    y = corpus.samples["label"].to_numpy(dtype=str)
    [(spec, regrouped, folds)] = split_corpus(study, corpus)
    pairs = [(fold.train, fold.test) for fold in folds]
    arrays = {name: select_block(table.X, name).to_numpy() for name in ("audio", "face")}
    narrow = table.X[["audio", "face"]]
    seconds: dict[str, list[float]] = {}
    uars: dict[str, dict[str, float]] = {}

    def timed(name: str, function: Callable[[], dict[str, float]]) -> None:
        start = time.perf_counter()
        uars[name] = function()
        seconds.setdefault(name, []).append(time.perf_counter() - start)

    def ours(families: list[str]) -> dict[str, float]:
        own = matrix_study(families)
        own = own.model_copy(update={"blocks": {name: own.blocks[name] for name in ("audio", "face")}})
        done = compare_strategies(
            own, corpus, [(spec, regrouped, folds)], _with(table, narrow), n_jobs=n_jobs, missing=False
        )
        return {
            f"{row['strategy']} {'+'.join(row['blocks'])}": row["metrics"]["uar"]["mean"]
            for row in done.run.results["rows"]
            if row["strategy"] in STRATEGIES
        }

    for _ in range(repeats):
        timed("plain scikit-learn", lambda: plain_matrix(arrays, y, pairs))
        timed("ours, boosted", lambda: ours(["boosted"]))
        timed("ours, kernel", lambda: ours(["kernel"]))
        timed("plain, wide block", lambda: _wide_plain(select_block(table.X, "wide"), y, pairs))
        timed("ours, wide block", lambda: _wide_ours(select_block(table.X, "wide"), y, pairs, "boosted"))
        timed("ours, wide block, kernel", lambda: _wide_ours(select_block(table.X, "wide"), y, pairs, "kernel"))
    return {
        name: {"seconds": round(min(taken), 2), "uar": {row: round(value, 3) for row, value in uars[name].items()}}
        for name, taken in seconds.items()
    }


def _with(table: Any, X: pd.DataFrame) -> Any:
    from dataclasses import replace

    return replace(table, X=X)


def _wide_plain(X: pd.DataFrame, y: Array, folds: list[tuple[Array, Array]]) -> dict[str, float]:
    from xgboost import XGBClassifier

    return _wide(lambda: XGBClassifier(), X, y, folds)


def _wide_ours(X: pd.DataFrame, y: Array, folds: list[tuple[Array, Array]], family: Any) -> dict[str, float]:
    return _wide(lambda: expert_pipeline(family, "dense"), X, y, folds)


def _wide(make: Callable[[], Any], X: pd.DataFrame, y: Array, folds: list[tuple[Array, Array]]) -> dict[str, float]:
    classes, codes = np.unique(y, return_inverse=True)
    answers = np.empty(len(y), dtype=int)
    for train, test in folds:
        answers[test] = make().fit(X.iloc[train], codes[train]).predict(X.iloc[test])
    return {f"{len(classes)} classes, {X.shape[1]} columns": _uar(codes, answers)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args()
    found = measure(given.root, given.store, repeats=given.repeats)
    table = new_table("Fusion matrix: seconds and UAR")
    for heading in ("way", "seconds", "times as fast", "UAR"):
        table.add_column(heading)
    for name, one in found.items():
        plain = found["plain, wide block" if "wide" in name else "plain scikit-learn"]["seconds"]
        uars = ", ".join(f"{row} {value:.3f}" for row, value in one["uar"].items())
        table.add_row(name, f"{one['seconds']:.1f}", f"{plain / one['seconds']:.1f}", uars)
    new_console().print(table)


if __name__ == "__main__":
    main()
