"""From the answers of all folds to results.json: rows, comparisons, contributions and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pandas as pd

from ..fusion.rules import product_rule
from .compare import Array, RowKey
from .corpora import Corpus
from .protocols import Fold, ProtocolSpec
from .statistics import BOUNDED, Scores, compare, holm, metrics_of, score, tally
from .study import STRATEGIES, Study

SCHEMA = 1
DIGITS = 6
METRIC_LABELS = {
    "uar": "UAR",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "log_loss": "log loss",
    "ece": "ECE",
}
LOWER_IS_BETTER = ("log_loss", "ece")
NOT_FUSION = ("majority", "unimodal")


@dataclass(frozen=True)
class Evaluated:
    """The answers of all folds; rows in the order of the folds' test rows.

    Attributes
    ----------
    classes : ndarray of str
    folds : list of Fold
    probabilities : dict of RowKey to ndarray of shape (n_tested, n_classes)
    fit_seconds, predict_seconds : dict of RowKey to float
        Over all folds.
    scores : dict of str to dict of str to ndarray
        By classifier family and block, calibrated log probabilities of the experts of single blocks.
    warnings : list of str
    """

    classes: Array
    folds: list[Fold]
    probabilities: dict[RowKey, Array]
    fit_seconds: dict[RowKey, float]
    predict_seconds: dict[RowKey, float]
    scores: dict[str, dict[str, Array]]
    warnings: list[str]


def assemble(
    study: Study, corpus: Corpus, evaluated: Evaluated, *, n_failed: int, leaky: bool
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the contents of ``results.json`` and of ``predictions.parquet``; ``corpus`` is grouped by the protocol."""
    tested, fold_codes = _tested(evaluated)
    samples = corpus.samples.iloc[tested]
    labels = samples["label"].to_numpy(dtype=str)
    codes = np.searchsorted(evaluated.classes, labels)
    scored = _scored(evaluated, samples, codes, fold_codes, seed=study.seed)
    keys = list(scored)
    metric = study.metrics[0]
    ratio = float(np.mean([len(fold.test) / len(fold.train) for fold in evaluated.folds]))
    comparisons = _comparisons(scored, metric, ratio)
    best = _best(scored, [key for key in keys if key[0] not in NOT_FUSION] or keys, metric)
    family = best[2] if best[2] in evaluated.scores else study.classifiers[0]
    results = {
        "schema": SCHEMA,
        "study": study.name,
        "corpus": {
            "name": corpus.info.name,
            "n_samples": len(corpus.samples),
            "n_groups": int(corpus.samples["group"].nunique()) if "group" in corpus.samples else 0,
            "classes": evaluated.classes.tolist(),
            "n_failed": n_failed,
            "synthetic": corpus.info.synthetic,
            "licence": corpus.info.licence,
        },
        "protocol": _protocol(study, study.protocol, corpus, evaluated, leaky),
        "rows": [_row(key, scored[key], evaluated, len(tested)) for key in keys],
        "comparisons": comparisons,
        "contributions": contributions(evaluated.scores.get(family, {}), codes),
        "verdict": verdict(scored, comparisons, metric, study, corpus, leaky),
    }
    return results, _predictions(evaluated, keys, samples, fold_codes, labels)


def other_protocol(
    study: Study, spec: ProtocolSpec, corpus: Corpus, evaluated: Evaluated, *, leaky: bool
) -> dict[str, Any]:
    """Return what another protocol gives on the same features: its description and its rows."""
    tested, fold_codes = _tested(evaluated)
    samples = corpus.samples.iloc[tested]
    codes = np.searchsorted(evaluated.classes, samples["label"].to_numpy(dtype=str))
    scored = _scored(evaluated, samples, codes, fold_codes, seed=study.seed)
    return {
        "protocol": _protocol(study, spec, corpus, evaluated, leaky),
        "rows": [_row(key, scores, evaluated, len(tested)) for key, scores in scored.items()],
    }


def contributions(scores: dict[str, Array], codes: Array) -> dict[str, float]:
    """Return each modality's exact Shapley share of the UAR that the product of all experts gains over chance.

    Parameters
    ----------
    scores : dict of str to ndarray of shape (n_samples, n_classes)
        Log probabilities of the experts, NaN where absent.
    codes : ndarray of shape (n_samples,)

    Notes
    -----
    The value of a subset of modalities is the UAR of their product over the same test rows; that of none is one over the
    number of classes. The shares add up to the gain of all modalities (Shapley 1953).
    """
    blocks = list(scores)
    if not blocks:
        return {}
    n_classes = scores[blocks[0]].shape[1]
    prior = np.full(n_classes, 1 / n_classes)
    one_group = np.zeros(len(codes), dtype=int)
    value: dict[tuple[str, ...], float] = {(): 1 / len(np.unique(codes))}
    for size in range(1, len(blocks) + 1):
        for subset in combinations(blocks, size):
            answers = product_rule(np.stack([scores[block] for block in subset]), prior)
            value[subset] = float(metrics_of(tally(codes, answers, one_group))["uar"][0])
    shares = {}
    for block in blocks:
        others = [other for other in blocks if other != block]
        total = 0.0
        for size in range(len(blocks)):
            weight = factorial(size) * factorial(len(blocks) - size - 1) / factorial(len(blocks))
            for subset in combinations(others, size):
                joined = tuple(name for name in blocks if name in subset or name == block)
                total += weight * (value[joined] - value[subset])
        shares[block] = round(total, DIGITS)
    return shares


def verdict(
    scored: dict[RowKey, dict[str, Scores]],
    comparisons: Sequence[dict[str, Any]],
    metric: str,
    study: Study,
    corpus: Corpus,
    leaky: bool,
) -> str:
    """Return one sentence: whether fusion helped, by how much, and how sure that is."""
    stamps = [
        text
        for text, holds in (
            ("synthetic data", corpus.info.synthetic),
            ("adaptive: unlabelled statistics of the test speakers were used", study.speaker_normalisation),
            ("leaky: training and test samples are not independent", leaky),
        )
        if holds
    ]
    stamp = f" ({'; '.join(stamps)})" if stamps else ""
    fusions = [key for key in scored if key[0] not in NOT_FUSION]
    if not any(key[0] == "unimodal" for key in scored) or not fusions:
        reason = "one modality only" if not fusions else "no single modality was run"
        best = _best(scored, [key for key in scored if key[0] != "majority"] or list(scored), metric)
        reached = f"{_name(best)} reaches {METRIC_LABELS[metric]} {scored[best][metric].mean:.3f}"
        return f"Nothing to compare ({reason}): {reached}{stamp}."
    best = _best(scored, fusions, metric)
    single = _best(scored, [key for key in scored if key[0] == "unimodal"], metric)
    found = next(item for item in comparisons if _is(item, "a", best) and _is(item, "b", single))
    gain = -found["difference"] if metric in LOWER_IS_BETTER else found["difference"]
    numbers = (
        f"{_name(best)} {METRIC_LABELS[metric]} {scored[best][metric].mean:.3f} against {_name(single)} "
        f"{scored[single][metric].mean:.3f}, difference {found['difference']:+.3f} "
        f"[{found['low']:+.3f}, {found['high']:+.3f}], p {shown_p(found['p_holm'])} after Holm"
    )
    clear = found["p_holm"] < 0.05 and (found["low"] > 0 or found["high"] < 0)
    if not clear:
        return f"No evidence that fusion helps: {numbers}{stamp}."
    return f"Fusion {'helps' if gain > 0 else 'hurts'}: {numbers}{stamp}."


def shown_p(value: float) -> str:
    """Return a p value with its relation sign, as the field's journals print it."""
    return "< .001" if value < 0.001 else f"= {value:.3f}"


def _tested(evaluated: Evaluated) -> tuple[Array, Array]:
    """Return the positions of all test rows in the order of the answers, and the number of the fold of each."""
    sizes = [len(fold.test) for fold in evaluated.folds]
    return np.concatenate([fold.test for fold in evaluated.folds]), np.repeat(np.arange(len(sizes)), sizes)


def _scored(
    evaluated: Evaluated, samples: pd.DataFrame, codes: Array, fold_codes: Array, *, seed: int
) -> dict[RowKey, dict[str, Scores]]:
    names = samples["group"].to_numpy(dtype=str) if "group" in samples else samples.index.to_numpy(dtype=str)
    groups = np.unique(names, return_inverse=True)[1]
    keys = sorted(evaluated.probabilities, key=lambda key: (STRATEGIES.index(key[0]), key[2], key[1]))
    return {key: score(codes, evaluated.probabilities[key], groups, fold_codes, seed=seed) for key in keys}


def _protocol(study: Study, spec: ProtocolSpec, corpus: Corpus, evaluated: Evaluated, leaky: bool) -> dict[str, Any]:
    return {
        "name": spec.name,
        "groups": spec.groups or corpus.info.groups,
        "adaptive": study.speaker_normalisation,
        "leaky": leaky,
        "n_folds": len(evaluated.folds),
        "n_tested": sum(len(fold.test) for fold in evaluated.folds),
    }


def _row(key: RowKey, scores: dict[str, Scores], evaluated: Evaluated, n_tested: int) -> dict[str, Any]:
    metrics = {}
    for name, values in scores.items():
        low, high = values.interval(bounded=name in BOUNDED)
        metrics[name] = {
            "mean": round(values.mean, DIGITS),
            "low": round(low, DIGITS),
            "high": round(high, DIGITS),
            "folds": np.round(values.folds, DIGITS).tolist(),
        }
    return {
        "strategy": key[0],
        "blocks": list(key[1]),
        "classifier": key[2],
        "metrics": metrics,
        "fit_seconds": round(evaluated.fit_seconds[key], 3),
        "predict_ms_per_sample": round(1000 * evaluated.predict_seconds[key] / n_tested, 4),
    }


def _comparisons(scored: dict[RowKey, dict[str, Scores]], metric: str, ratio: float) -> list[dict[str, Any]]:
    """Compare each fusion with the best single modality, and the best late with the best early fusion."""
    fusions = [key for key in scored if key[0] not in NOT_FUSION]
    singles = [key for key in scored if key[0] == "unimodal"]
    if not fusions or not singles:
        return []
    single = _best(scored, singles, metric)
    pairs = [(key, single) for key in fusions]
    early = [key for key in fusions if key[0] == "early"]
    late = [key for key in fusions if key[0] != "early"]
    if early and late:
        pairs.append((_best(scored, late, metric), _best(scored, early, metric)))
    found = [compare(scored[a][metric], scored[b][metric], test_to_train=ratio) for a, b in pairs]
    corrected = holm([p for _, _, _, p, _ in found])
    return [
        {
            "a": a[0],
            "b": b[0],
            "metric": metric,
            "difference": round(difference, DIGITS),
            "low": round(low, DIGITS),
            "high": round(high, DIGITS),
            "test": test,
            "p": _digits(p),
            "p_holm": _digits(p_holm),
            "a_blocks": list(a[1]),
            "a_classifier": a[2],
            "b_blocks": list(b[1]),
            "b_classifier": b[2],
        }
        for (a, b), (difference, low, high, p, test), p_holm in zip(pairs, found, corrected, strict=True)
    ]


def _predictions(
    evaluated: Evaluated, keys: list[RowKey], samples: pd.DataFrame, fold_codes: Array, labels: Array
) -> pd.DataFrame:
    names = np.array([fold.name for fold in evaluated.folds], dtype=object)
    parts = []
    for key in keys:
        part = pd.DataFrame(
            {
                "sample": samples.index.to_numpy(dtype=object),
                "fold": names[fold_codes],
                "group": samples["group"].to_numpy(dtype=object) if "group" in samples else None,
                "label": labels,
                "strategy": key[0],
                "blocks": "+".join(key[1]),
                "classifier": key[2],
            }
        )
        for column, label in enumerate(evaluated.classes):
            part[str(label)] = evaluated.probabilities[key][:, column].astype(np.float32)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _best(scored: dict[RowKey, dict[str, Scores]], keys: Sequence[RowKey], metric: str) -> RowKey:
    sign = -1 if metric in LOWER_IS_BETTER else 1
    return max(keys, key=lambda key: sign * scored[key][metric].mean)


def _is(comparison: dict[str, Any], side: str, key: RowKey) -> bool:
    found = (comparison[side], tuple(comparison[f"{side}_blocks"]), comparison[f"{side}_classifier"])
    return found == key


def _name(key: RowKey) -> str:
    what = key[1][0] if key[0] == "unimodal" else key[0]
    return f"{what} ({key[2]})"


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
