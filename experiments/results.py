"""From the answers of all folds to results.json and the tables beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .answers import CHOSEN_FROM, SELECTED, FoldOutcome
from .compare import Array, RowKey
from .conditions import Conditions
from .corpora import Corpus
from .missing import contributions, missing_modalities, summary
from .paired import power_note
from .protocols import Fold, ProtocolSpec
from .selective import abstain
from .statistics import BOUNDED, LOWER_IS_BETTER, MANY_GROUPS, Scores, score
from .strategies import NAMED, REFERENCE, STRATEGIES, is_fusion
from .study import Study
from .value_metrics import score_values
from .verdict import DIGITS, METRIC_LABELS, baseline, best_of, comparisons, red_flags, row_label, shown_p, verdict

SCHEMA = 1
MANY_COUNTED = (
    1_000  # above, groups are counted in bunches: a count by group is kept of every answer under every condition
)
NOT_FUSION = tuple(name for name in (*STRATEGIES, REFERENCE) if not is_fusion(name))
__all__ = ["LOWER_IS_BETTER", "METRIC_LABELS", "NOT_FUSION", "SCHEMA", "Evaluated", "assemble", "shown_p"]


@dataclass(frozen=True)
class Evaluated:
    """The answers of all folds; rows in the order of the folds' test rows.

    Attributes
    ----------
    classes : ndarray of str
    folds : list of Fold
    outcomes : list of FoldOutcome
        One a fold.
    probabilities : dict of RowKey to ndarray of shape (n_tested, n_classes)
    """

    classes: Array
    folds: list[Fold]
    outcomes: list[FoldOutcome]
    probabilities: dict[RowKey, Array]

    @property
    def warnings(self) -> list[str]:
        """What the folds warned of."""
        return sorted({line for outcome in self.outcomes for line in outcome.warnings})

    @property
    def chosen(self) -> dict[RowKey, dict[str, RowKey]]:
        """What each fold chose, by fold name."""
        named = list(zip((fold.name for fold in self.folds), self.outcomes, strict=False))
        return {
            key: {name: outcome.chosen[key] for name, outcome in named if key in outcome.chosen} for key in CHOSEN_FROM
        }


def assemble(
    study: Study, corpus: Corpus, evaluated: Evaluated, conditions: Conditions, *, n_failed: int, leaky: bool
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the contents of ``results.json`` and of ``predictions.parquet``; ``corpus`` is grouped by the protocol."""
    tested, fold_codes = tested_rows(evaluated)
    samples = corpus.samples.iloc[tested]
    labels = samples["label"].to_numpy(dtype=str)
    codes = np.searchsorted(evaluated.classes, labels)
    scored = score_rows(study, evaluated, corpus)
    metric = study.metrics[0]
    ratio = float(np.mean([len(fold.test) / len(fold.train) for fold in evaluated.folds]))
    found = comparisons(scored, metric, ratio)
    flags = red_flags(scored, metric)
    shares, details = contributions(evaluated.outcomes, conditions, evaluated.classes, seed=study.seed)
    asked = [key for key in scored if is_fusion(key[0])]
    results = {
        "schema": SCHEMA,
        "study": study.name,
        "corpus": about_corpus(corpus, evaluated.classes.tolist(), n_failed),
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
        "missing": missing_modalities(evaluated.outcomes, asked, conditions, metric=metric, seed=study.seed),
        "contribution_details": details,
        "abstention": _abstention(evaluated, codes),
    }
    results |= {name: value for name, value in optional.items() if value}
    return results, _predictions(evaluated, list(scored), samples, fold_codes, labels)


def other_protocol(
    study: Study, spec: ProtocolSpec, corpus: Corpus, evaluated: Evaluated, *, leaky: bool
) -> dict[str, Any]:
    """Return what another protocol gives on the same features: its description and its rows."""
    return {
        "protocol": protocol_of(study, spec, corpus, evaluated, leaky),
        "rows": [result_row(key, scores, evaluated) for key, scores in score_rows(study, evaluated, corpus).items()],
    }


def degraded_rows(
    evaluated: Evaluated, described: dict[str, dict[str, Any]], *, metric: str, seed: int
) -> list[dict[str, Any]]:
    """Return ``degraded`` of ``results.json``: every fusion on test rows that were measured from worse inputs.

    Parameters
    ----------
    evaluated : Evaluated
    described : dict of str to dict
        By the name of a condition, what it is: kind, blocks, level, unit and label.
    metric : str
    seed : int
    """
    keys = [key for key in evaluated.probabilities if is_fusion(key[0])]
    return [
        about
        | {
            "rows": [
                {"strategy": key[0], "classifier": key[2]}
                | summary(evaluated.outcomes, key, ("degraded", name), metric=metric, seed=seed)
                for key in keys
            ]
        }
        for name, about in described.items()
    ]


def contribution_table(evaluated: Evaluated, samples: pd.DataFrame) -> pd.DataFrame:
    """Return the Shapley share of each modality in the answer to each tested sample; empty where there is one modality."""
    parts = []
    for fold, outcome in zip(evaluated.folds, evaluated.outcomes, strict=True):
        if outcome.shares:
            rows = samples.index[fold.test].to_numpy(dtype=object)
            shares = {name: values.astype(np.float32) for name, values in outcome.shares.items()}
            parts.append(pd.DataFrame({"sample": rows, "fold": fold.name, **shares}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["sample", "fold"])


def bootstrap_groups(samples: pd.DataFrame) -> tuple[Array, int]:
    """Return a code of the group of each sample and the number of groups; of very many, several share a code."""
    names = samples["group"].to_numpy(dtype=str) if "group" in samples else samples.index.to_numpy(dtype=str)
    codes = np.unique(names, return_inverse=True)[1] % MANY_COUNTED
    return codes, int(codes.max()) + 1


def tested_rows(evaluated: Evaluated) -> tuple[Array, Array]:
    """Return the positions of all test rows in the order of the answers, and the number of the fold of each."""
    sizes = [len(fold.test) for fold in evaluated.folds]
    return np.concatenate([fold.test for fold in evaluated.folds]), np.repeat(np.arange(len(sizes)), sizes)


def score_rows(
    study: Study, evaluated: Evaluated, corpus: Corpus, *, everyone: Array | None = None
) -> dict[RowKey, dict[str, Scores]]:
    """Return every metric of every strategy, in the order of tables.

    Parameters
    ----------
    study : Study
    evaluated : Evaluated
        Of classes: ``probabilities`` of shape (n_tested, n_classes); of numbers: of shape (n_tested,).
    corpus : Corpus
        Grouped as the protocol wants it.
    everyone : ndarray of str, optional
        Sorted names of the groups that a bootstrap draws from, where others have groups that these answers lack.
    """
    tested, fold_codes = tested_rows(evaluated)
    samples = corpus.samples.iloc[tested]
    names = samples["group"].to_numpy(dtype=str) if "group" in samples else samples.index.to_numpy(dtype=str)
    own, groups = np.unique(names, return_inverse=True)
    within = (
        None if everyone is None or len(everyone) > MANY_GROUPS else (len(everyone), np.searchsorted(everyone, own))
    )
    order = (*NAMED, REFERENCE)
    keys = sorted(evaluated.probabilities, key=lambda key: (order.index(key[0]), key[2], key[1]))
    given = evaluated.probabilities
    shared: dict[str, Any] = {"seed": study.seed, "within": within}
    if study.task == "regression":
        truth = samples["label"].to_numpy(dtype=np.float64)
        return {key: score_values(truth, given[key], groups, fold_codes, **shared) for key in keys}
    codes = np.searchsorted(evaluated.classes, samples["label"].to_numpy(dtype=str))
    once = np.unique(samples.index.to_numpy(dtype=str), return_index=True)[1]
    return {key: score(codes, given[key], groups, fold_codes, once=once, **shared) for key in keys}


def about_corpus(corpus: Corpus, classes: list[str], n_failed: int) -> dict[str, Any]:
    """Return ``corpus`` of ``results.json``."""
    return {
        "name": corpus.info.name,
        "n_samples": len(corpus.samples),
        "n_groups": int(corpus.samples["group"].nunique()) if "group" in corpus.samples else 0,
        "classes": classes,
        "n_failed": n_failed,
        "synthetic": corpus.info.synthetic,
        "licence": corpus.info.licence,
    }


def about_labels(study: Study) -> dict[str, Any]:
    """Return ``labels`` of ``results.json``: the column, and the map from its values to the classes, by name if it has one."""
    called = study.label_map if isinstance(study.label_map, str) else None if study.label_map is None else "own"
    column = study.label if isinstance(study.label, str) else list(study.label)
    return {"column": column, "map": called, "mapping": dict(study.labels or {})}


def protocol_of(study: Study, spec: ProtocolSpec, corpus: Corpus, evaluated: Evaluated, leaky: bool) -> dict[str, Any]:
    """Return ``protocol`` of ``results.json``."""
    return {
        "name": spec.name,
        "groups": spec.groups or study.group or corpus.info.groups,
        "adaptive": study.speaker_normalisation,
        "leaky": leaky,
        "n_folds": len(evaluated.folds),
        "repeats": spec.repeats,
        "n_tested": len(np.unique(np.concatenate([fold.test for fold in evaluated.folds]))),
    }


def metric_cells(scores: dict[str, Scores]) -> dict[str, dict[str, Any]]:
    """Return ``metrics`` of a row of ``results.json``: mean over folds, 95 % interval, and the folds."""
    metrics = {}
    for name, values in scores.items():
        low, high = values.interval(bounded=name in BOUNDED)
        metrics[name] = {
            "mean": round(values.mean, DIGITS),
            "low": round(low, DIGITS),
            "high": round(high, DIGITS),
            "folds": np.round(values.folds, DIGITS).tolist(),
        }
    return metrics


def result_row(key: RowKey, scores: dict[str, Scores], evaluated: Evaluated) -> dict[str, Any]:
    """Return a row of ``results.json``."""
    n_answers = len(evaluated.probabilities[key])
    fit = sum(outcome.fit_seconds.get(key, 0.0) for outcome in evaluated.outcomes)
    predict = sum(outcome.predict_seconds.get(key, 0.0) for outcome in evaluated.outcomes)
    row = {
        "strategy": key[0],
        "blocks": list(key[1]),
        "classifier": key[2],
        "metrics": metric_cells(scores),
        "fit_seconds": round(fit, 3),
        "predict_ms_per_sample": round(1000 * predict / n_answers, 4),
    }
    if evaluated.chosen.get(key):
        row["chosen"] = {name: row_label(choice) for name, choice in evaluated.chosen[key].items()}
    nested = [outcome.nested[key] for outcome in evaluated.outcomes if key in outcome.nested]
    if nested:
        # Losses are kept negative where strategies are chosen by them.
        row["nested"] = [None if np.isinf(value) else round(abs(value), DIGITS) for value in nested]
    return row


def power_of(
    scored: dict[RowKey, dict[str, Scores]], metric: str, ratio: float, study: Study, corpus: Corpus
) -> dict[str, Any] | None:
    """Return what gain of fusion over the best single modality these folds could have shown."""
    single = baseline(scored, metric)
    fusions = [key for key in scored if is_fusion(key[0])]
    if single is None or not fusions:
        return None
    best = SELECTED if SELECTED in scored else best_of(scored, fusions, metric)
    return power_note(
        scored[best][metric],
        scored[single][metric],
        metric=metric,
        test_to_train=ratio,
        group=(study.protocol.groups or study.group or corpus.info.groups) if "group" in corpus.samples else "sample",
        repeats=study.protocol.repeats,
    )


def _abstention(evaluated: Evaluated, codes: Array) -> list[dict[str, Any]]:
    """Return how often the chosen fusion answers, and how rightly, where each fold's threshold holds answers back."""
    if SELECTED not in evaluated.probabilities:
        return []
    rows = []
    ends = np.cumsum([len(fold.test) for fold in evaluated.folds])[:-1]
    answers, truth = np.split(evaluated.probabilities[SELECTED], ends), np.split(codes, ends)
    for precision in evaluated.outcomes[0].thresholds:
        thresholds = [outcome.thresholds[precision] for outcome in evaluated.outcomes]
        folds = [
            abstain(given, own, threshold) for given, own, threshold in zip(answers, truth, thresholds, strict=True)
        ]
        answered = np.array([fold.coverage * len(own) for fold, own in zip(folds, truth, strict=True)])
        right = sum(count * (fold.precision or 0.0) for count, fold in zip(answered, folds, strict=True))
        known = [threshold for threshold in thresholds if threshold is not None]
        rows.append(
            {
                "strategy": SELECTED[0],
                "classifier": SELECTED[2],
                "precision_wanted": precision,
                "threshold": round(float(np.mean(known)), DIGITS) if known else None,
                "coverage": round(float(answered.sum() / len(codes)), DIGITS),
                "precision": round(float(right / answered.sum()), DIGITS) if answered.sum() else None,
            }
        )
    return rows


def _predictions(
    evaluated: Evaluated, keys: list[RowKey], samples: pd.DataFrame, fold_codes: Array, labels: Array
) -> pd.DataFrame:
    # What repeats in every strategy's rows is written once and pointed to: of a million samples the names alone take gigabytes.
    repeated: dict[str, Any] = {
        "fold": pd.Categorical(np.array([fold.name for fold in evaluated.folds])[fold_codes]),
        "group": pd.Categorical(samples["group"]) if "group" in samples else np.full(len(samples), None),
        "label": pd.Categorical(labels.tolist(), evaluated.classes.tolist()),
    }
    order = np.tile(np.arange(len(samples)), len(keys))
    columns: dict[str, Any] = {"sample": samples.index.to_numpy()[order]}
    columns |= {name: values[order] for name, values in repeated.items()}
    for place, name in enumerate(("strategy", "blocks", "classifier")):
        of_keys = ["+".join(key[1]) if name == "blocks" else str(key[place]) for key in keys]
        columns[name] = pd.Categorical(of_keys)[np.repeat(np.arange(len(keys)), len(samples))]
    for column, label in enumerate(evaluated.classes):
        columns[str(label)] = np.concatenate(
            [evaluated.probabilities[key][:, column].astype(np.float32) for key in keys]
        )
    return pd.DataFrame(columns)
