"""One wide block against XGBClassifier with default binning: ComParE's 6373 columns, of RAVDESS or generated; one fold.

The plain way takes some minutes a fold.
"""

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
# Trees take the best 200 columns; with more they are slower and better.
RECIPES: tuple[tuple[str, dict[str, int]], ...] = (("boosted", {}), ("boosted", {"n_columns": 2000}), ("kernel", {}))


def benchmark(options: Options) -> list[Row]:
    """Fit and answer the first of five folds both ways; error rates beside seconds."""
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
    fold = folds[0].train[there[folds[0].train]], folds[0].test[there[folds[0].test]]
    plain_s, plain = _fitted(_xgboost, X, y, fold)
    found = []
    for family, recipe in RECIPES:
        seconds, own = _fitted(partial(expert_pipeline, family, "dense", **recipe), X, y, fold)
        name = f"{X.shape[1]} columns, {family}" + (f", best {recipe['n_columns']}" if recipe else "")
        found += [
            Row(name, seconds, plain_s, at_least=AT_LEAST),
            Row(f"{name}, 1 - UAR", 1 - own, 1 - plain, at_least=1.0, unit=""),
        ]
    return found


def _xgboost() -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier()


def _fitted(make: Callable[[], Any], X: Any, y: Array, fold: tuple[Array, Array]) -> tuple[float, float]:
    """Return seconds, and UAR over the test rows."""
    train, test = fold
    codes = np.unique(y, return_inverse=True)[1]
    start = time.perf_counter()
    answers = make().fit(X[train], codes[train]).predict(X[test])
    return time.perf_counter() - start, uar(codes[test], answers)
