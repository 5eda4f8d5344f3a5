"""A regression: folds answered with numbers, and results.json in the form that classes have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..fusion.shapley import shapley_values, subsets_of
from .answers import SELECTED
from .compare import Array, RowKey
from .conditions import MAX_PARTS, Conditions
from .corpora import Corpus
from .protocols import Fold
from .results import (
    SCHEMA,
    Evaluated,
    about_corpus,
    about_labels,
    power_of,
    protocol_of,
    result_row,
    score_rows,
    tested_rows,
)
from .spreading import spread
from .statistics import BOUNDED, drawn_groups
from .strategies import is_fusion
from .study import Study
from .value_compare import ValueFamily, fit_value_family
from .value_folds import combine_values
from .value_metrics import moments, value_deviations, value_metrics_of
from .verdict import DIGITS, comparisons, red_flags, verdict


def evaluate_values(
    study: Study,
    samples: pd.DataFrame,
    X: pd.DataFrame,
    folds: list[Fold],
    conditions: Conditions,
    n_jobs: int,
    on_task: Callable[[int, int], None] | None,
) -> Evaluated:
    """Fit every family on every fold, then put every strategy together, fold by fold; ``label`` holds numbers."""
    y = samples["label"].to_numpy(dtype=np.float64)
    groups = samples["group"].to_numpy(dtype=str) if "group" in samples else None
    tasks = [(family, fold, family == study.classifiers[0]) for fold in folds for family in study.classifiers]
    fitted: list[ValueFamily] = []
    for answered in spread(fit_value_family, tasks, (study, X, y, groups, conditions), n_jobs=n_jobs):
        fitted.append(answered)
        if on_task is not None:
            on_task(len(fitted), len(tasks))
    count = len(study.classifiers)
    outcomes: list[Any] = [
        combine_values(study, fitted[count * number : count * (number + 1)], len(fold.test), conditions)
        for number, fold in enumerate(folds)
    ]
    keys: list[RowKey] = list(outcomes[0].probabilities)
    answers = {key: np.concatenate([outcome.probabilities[key] for outcome in outcomes]) for key in keys}
    return Evaluated(np.array([], dtype=str), folds, outcomes, answers)


def assemble_values(
    study: Study, corpus: Corpus, evaluated: Evaluated, conditions: Conditions, *, n_failed: int, leaky: bool
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the contents of ``results.json`` and of ``predictions.parquet``; ``corpus`` is grouped by the protocol."""
    tested, fold_codes = tested_rows(evaluated)
    samples = corpus.samples.iloc[tested]
    truth = samples["label"].to_numpy(dtype=np.float64)
    scored = score_rows(study, evaluated, corpus)
    metric = study.metrics[0]
    # A scale from -3 to 3 is asked for by name; elsewhere its accuracies mean nothing.
    unasked = {name for name in ("acc2", "acc7") if name not in study.metrics}
    scored = {key: {name: s for name, s in scores.items() if name not in unasked} for key, scores in scored.items()}
    ratio = float(np.mean([len(fold.test) / len(fold.train) for fold in evaluated.folds]))
    found = comparisons(scored, metric, ratio)
    flags = red_flags(scored, metric)
    missing = _missing(study, evaluated, samples, truth, fold_codes, conditions)
    shares, details = _contributions(evaluated, truth, fold_codes, conditions)
    results = {
        "schema": SCHEMA,
        "study": study.name,
        "task": "regression",
        "corpus": about_corpus(corpus, [], n_failed) | {"target": _described(corpus.samples["label"])},
        "labels": about_labels(study),
        "protocol": protocol_of(study, study.protocol, corpus, evaluated, leaky),
        "rows": [result_row(key, scored[key], evaluated) for key in scored],
        "comparisons": found,
        "contributions": shares,
        "verdict": verdict(scored, found, evaluated.chosen, flags, metric, study, corpus, leaky),
        "red_flags": flags,
    }
    optional = {
        "power": power_of(scored, metric, ratio, study, corpus),
        "missing": missing,
        "contribution_details": details,
    }
    results |= {name: value for name, value in optional.items() if value}
    return results, _predictions(evaluated, list(scored), samples, fold_codes, truth)


def _described(values: pd.Series) -> dict[str, float]:
    numbers = values.to_numpy(dtype=np.float64)
    found = {"mean": numbers.mean(), "sd": numbers.std(), "min": numbers.min(), "max": numbers.max()}
    return {name: round(float(value), DIGITS) for name, value in found.items()}


def _missing(
    study: Study, evaluated: Evaluated, samples: pd.DataFrame, truth: Array, fold_codes: Array, conditions: Conditions
) -> dict[str, Any] | None:
    """Return ``missing`` of ``results.json``: every fusion with every set of modalities."""
    modalities = list(conditions.modalities)
    if len(modalities) < 2:
        return None
    metric = study.metrics[0]
    names = samples["group"] if "group" in samples else samples.index.to_series()
    groups = drawn_groups(np.unique(names.to_numpy(dtype=str), return_inverse=True)[1], seed=study.seed)
    centre, rows = float(truth.mean()), []
    for key in [key for key in evaluated.probabilities if is_fusion(key[0])]:
        subsets = []
        for subset in [*conditions.subsets, tuple(modalities)]:
            answers = _present(evaluated, key, subset)
            mean = _mean_over_folds(truth, answers, fold_codes, metric)
            draws = value_deviations(moments(truth, answers, groups, centre=centre), seed=study.seed)[metric]
            low, high = (mean + np.quantile(draws, [0.025, 0.975])).tolist()
            if metric in BOUNDED:
                low, high = max(0.0, low), min(1.0, high)
            cell = {"mean": mean, "low": low, "high": high}
            subsets.append({"present": list(subset)} | {name: round(value, DIGITS) for name, value in cell.items()})
        rows.append({"strategy": key[0], "classifier": key[2], "subsets": subsets})
    return {"modalities": modalities, "metric": metric, "rows": rows}


def _contributions(
    evaluated: Evaluated, truth: Array, fold_codes: Array, conditions: Conditions
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return the exact Shapley shares of the modalities in the CCC that the chosen fusion gains over the training mean."""
    modalities = list(conditions.modalities)
    if not 1 < len(modalities) <= MAX_PARTS or SELECTED not in evaluated.probabilities:
        return {}, {}
    worth = {
        subset: _mean_over_folds(truth, _present(evaluated, SELECTED, subset), fold_codes, "ccc")
        for subset in subsets_of(modalities)
    }
    shares = shapley_values(worth, modalities)
    details = {
        "strategy": SELECTED[0],
        "classifier": SELECTED[2],
        "metric": "ccc",
        "base": round(worth[()], DIGITS),
        "full": round(worth[tuple(modalities)], DIGITS),
        "by_class": {},
        "permutation": {},
        "features": [],
    }
    return {name: round(float(share), DIGITS) for name, share in shares.items()}, details


def _present(evaluated: Evaluated, key: RowKey, subset: tuple[str, ...]) -> Array:
    outcomes: list[Any] = evaluated.outcomes
    return np.concatenate([outcome.present[key, subset] for outcome in outcomes])


def _mean_over_folds(truth: Array, answers: Array, fold_codes: Array, metric: str) -> float:
    sums = moments(truth, answers, fold_codes, centre=float(truth.mean()))
    return float(np.nan_to_num(value_metrics_of(sums)[metric]).mean())


def _predictions(
    evaluated: Evaluated, keys: list[RowKey], samples: pd.DataFrame, fold_codes: Array, truth: Array
) -> pd.DataFrame:
    names = np.array([fold.name for fold in evaluated.folds], dtype=object)
    parts = [
        pd.DataFrame(
            {
                "sample": samples.index.to_numpy(dtype=object),
                "fold": names[fold_codes],
                "group": samples["group"].to_numpy(dtype=object) if "group" in samples else None,
                "label": truth,
                "strategy": key[0],
                "blocks": "+".join(key[1]),
                "classifier": key[2],
                "prediction": evaluated.probabilities[key],
            }
        )
        for key in keys
    ]
    return pd.concat(parts, ignore_index=True)
