"""One wide block against XGBClassifier with default binning: ComParE's 6373 columns, of RAVDESS or generated."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...classifiers.recipes import expert_pipeline
from ...fusion.blocks import select_block
from ..blocks import build_blocks
from ..run import split_corpus
from . import Options, Row
from .fusion_matrix import N_JOBS, N_QUICK, N_ROWS, Array, matrix_study, uar
from .generated import generated_corpus, generated_study

WIDE: dict[str, dict[str, Any]] = {"wide": {"extractor": "opensmile", "parameters": {"feature_set": "ComParE_2016"}}}
N_COLUMNS, QUICK_COLUMNS = 6373, 100
AT_LEAST = 5.0
FAMILIES = ("boosted", "kernel")


def benchmark(options: Options) -> list[Row]:
    """Fit and answer five folds both ways; error rates beside seconds."""
    if options.root is None:
        columns, n_rows = (QUICK_COLUMNS, N_QUICK) if options.quick else (N_COLUMNS, N_ROWS)
        study, corpus = generated_study(1), generated_corpus(n_rows, n_blocks=1, n_features=columns)
    else:
        study, corpus = matrix_study(["boosted"], WIDE, options)
    table = build_blocks(study, corpus, root=options.root, n_jobs=N_JOBS)
    X = select_block(table.X, table.X.columns[0][0]).to_numpy()  # XGBoost takes no names with brackets
    there = ~np.isnan(X).all(axis=1)
    y = corpus.samples["label"].to_numpy(dtype=str)
    [(_, _, folds)] = split_corpus(study, corpus)
    rows = [(fold.train[there[fold.train]], fold.test[there[fold.test]]) for fold in folds]
    plain_s, plain = _fitted(_xgboost, X, y, rows)
    found = []
    for family in FAMILIES:
        seconds, own = _fitted(partial(expert_pipeline, family, "dense"), X, y, rows)
        found += [
            Row(f"{X.shape[1]} columns, {family}", seconds, plain_s, at_least=AT_LEAST),
            Row(f"{X.shape[1]} columns, {family}, 1 - UAR", 1 - own, 1 - plain, at_least=1.0, unit=""),
        ]
    return found


def _xgboost() -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier()


def _fitted(make: Callable[[], Any], X: Any, y: Array, folds: list[tuple[Array, Array]]) -> tuple[float, float]:
    """Return seconds of all folds, and UAR over their test rows."""
    codes = np.unique(y, return_inverse=True)[1]
    start, answers, tested = time.perf_counter(), [], []
    for train, test in folds:
        answers.append(make().fit(X[train], codes[train]).predict(X[test]))
        tested.append(test)
    seconds = time.perf_counter() - start
    return seconds, uar(codes[np.concatenate(tested)], np.concatenate(answers))
