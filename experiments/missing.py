"""What is left when a modality is absent, shuffled or worse; and so, what each modality brings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..fusion.contribution import shares_of
from ..fusion.shapley import shapley_values, subsets_of
from .answers import SELECTED, Condition, FoldOutcome
from .compare import RowKey
from .conditions import DROP_RATES, MAX_PARTS, Conditions
from .statistics import BOUNDED, Array, Tally, deviations, metrics_of

DIGITS = 6
LISTED_GROUPS = 15  # of features a block; the rest is summed up as "other"


def missing_modalities(
    outcomes: list[FoldOutcome], keys: Iterable[RowKey], conditions: Conditions, *, metric: str, seed: int
) -> dict[str, Any] | None:
    """Return ``missing`` of ``results.json``: every strategy with every set of modalities, and as more and more is lost."""
    modalities = list(conditions.modalities)
    if len(modalities) < 2:
        return None
    subsets = [*conditions.subsets, tuple(modalities)]
    rows = []
    for key in keys:
        row: dict[str, Any] = {"strategy": key[0], "classifier": key[2]}
        row["subsets"] = [
            {"present": list(subset)} | summary(outcomes, key, ("present", subset), metric=metric, seed=seed)
            for subset in subsets
        ]
        if len(modalities) <= MAX_PARTS:
            means = [mean_over_folds(outcomes, key, ("dropped", rate), metric=metric) for rate in DROP_RATES]
            row["drop_rates"] = [{"rate": rate, "mean": mean} for rate, mean in zip(DROP_RATES, means, strict=True)]
        rows.append(row)
    return {"modalities": modalities, "metric": metric, "rows": rows}


def contributions(
    outcomes: list[FoldOutcome], conditions: Conditions, classes: Array, *, seed: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Return ``contributions`` and ``contribution_details`` of ``results.json``.

    The shares are exact Shapley values of the UAR over all folds' answers that the chosen fusion gains over chance, which is one
    over the number of classes; they add up to that gain. Those of a class are shares in its recall, and their mean over the
    classes is the share in the UAR. Where all blocks are of one source, they are those of the blocks, in late fusion by the
    product of the first family.
    """
    modalities, kind, key = list(conditions.modalities), "present", SELECTED
    known = outcomes[0].counts
    if len(modalities) < 2:
        blocks = [block for own in conditions.modalities.values() for block in own]
        modalities, kind = blocks, "blocks"
        key = next((key for key, _ in known if key[0] == "late_product"), SELECTED)
    if not modalities or len(modalities) > MAX_PARTS or (key, (kind, tuple(modalities))) not in known:
        return {}, {}
    recalls: dict[tuple[str, ...], Array] = {(): np.full(len(classes), 1 / len(classes))}
    for subset in subsets_of(modalities)[1:]:
        confusion = _added(outcomes, key, (kind, subset)).confusion.sum(axis=0)
        support = confusion.sum(axis=1)
        recalls[subset] = np.where(support > 0, np.diagonal(confusion) / np.maximum(support, 1), np.nan)
    there = ~np.isnan(recalls[tuple(modalities)])
    recalls = {subset: values[there] for subset, values in recalls.items()}
    by_class = shapley_values(recalls, modalities)
    details: dict[str, Any] = {
        "strategy": key[0],
        "classifier": key[2],
        "metric": "uar",
        "base": round(float(recalls[()].mean()), DIGITS),
        "full": round(float(recalls[tuple(modalities)].mean()), DIGITS),
        "by_class": {
            str(label): {name: round(float(by_class[name][position]), DIGITS) for name in modalities}
            for position, label in enumerate(classes[there])
        },
        "permutation": _permutation(outcomes, conditions, seed=seed),
        "features": _features(outcomes),
    }
    return {name: round(float(shares.mean()), DIGITS) for name, shares in by_class.items()}, details


def summary(
    outcomes: list[FoldOutcome], key: RowKey, condition: Condition, *, metric: str, seed: int
) -> dict[str, float]:
    """Return mean over folds and 95 % bootstrap interval over groups of a strategy under a condition."""
    mean = mean_over_folds(outcomes, key, condition, metric=metric)
    low, high = mean + np.quantile(_draws(_added(outcomes, key, condition), metric, seed), [0.025, 0.975])
    if metric in BOUNDED:
        low, high = max(0.0, float(low)), min(1.0, float(high))
    return {"mean": mean, "low": round(float(low), DIGITS), "high": round(float(high), DIGITS)}


def mean_over_folds(outcomes: list[FoldOutcome], key: RowKey, condition: Condition, *, metric: str) -> float:
    """Return the mean over folds of a metric of a strategy under a condition."""
    values = [float(metrics_of(outcome.counts[key, condition][0])[metric][0]) for outcome in outcomes]
    return round(float(np.mean(values)), DIGITS)


def _permutation(outcomes: list[FoldOutcome], conditions: Conditions, *, seed: int) -> dict[str, dict[str, float]]:
    """Return how much UAR the chosen fusion loses when one modality is shuffled between test rows."""
    full = ("present", tuple(conditions.modalities))
    found = {}
    # A fold of very many rows is shuffled less often than one of a row less.
    shared = set.intersection(*(set(outcome.counts) for outcome in outcomes))
    for modality in conditions.modalities:
        shuffled = sorted(
            condition for key, condition in shared if key == SELECTED and condition[:2] == ("shuffled", modality)
        )
        if not shuffled:
            continue
        clean = mean_over_folds(outcomes, SELECTED, full, metric="uar")
        drops = [clean - mean_over_folds(outcomes, SELECTED, condition, metric="uar") for condition in shuffled]
        draws = _draws(_added(outcomes, SELECTED, full), "uar", seed) - _draws(
            _added(outcomes, SELECTED, shuffled[0]), "uar", seed
        )
        low, high = np.mean(drops) + np.quantile(draws, [0.025, 0.975])
        found[modality] = {
            name: round(float(value), DIGITS)
            for name, value in (("mean", np.mean(drops)), ("low", low), ("high", high))
        }
    return found


def _features(outcomes: list[FoldOutcome]) -> list[dict[str, Any]]:
    """Return the share of each group of features in what a block's trees say, all folds together."""
    amounts: dict[str, dict[str, float]] = {}
    for outcome in outcomes:
        for block, groups in outcome.features.items():
            own = amounts.setdefault(block, {})
            for group, amount in groups.items():
                own[group] = own.get(group, 0.0) + amount
    rows = []
    for block, own in amounts.items():
        shares = list(shares_of(own).items())
        rest = sum(share for _, share in shares[LISTED_GROUPS:])
        rows += [
            {"block": block, "group": group, "share": round(share, DIGITS)} for group, share in shares[:LISTED_GROUPS]
        ]
        if rest:
            rows.append({"block": block, "group": "other", "share": round(rest, DIGITS)})
    return rows


def _added(outcomes: list[FoldOutcome], key: RowKey, condition: Condition) -> Tally:
    parts = [outcome.counts[key, condition][1] for outcome in outcomes]
    return Tally(
        np.sum([part.confusion for part in parts], axis=0),
        np.sum([part.losses for part in parts], axis=0),
        np.sum([part.squares for part in parts], axis=0),
        np.sum([part.bins for part in parts], axis=0),
    )


def _draws(by_group: Tally, metric: str, seed: int) -> Array:
    """Return deviations of a metric under a bootstrap over the groups that were tested."""
    tested = by_group.confusion.sum(axis=(1, 2)) > 0
    counts = Tally(by_group.confusion[tested], by_group.losses[tested], by_group.squares[tested], by_group.bins[tested])
    if tested.sum() < 2:
        return np.zeros(2)
    return deviations(counts, seed=seed)[metric]
