"""The section of a report on what each modality brings: its share of the gain, its loss when permuted, and its features."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .report_charts import Dot, DotRow, dot_chart
from .report_data import LoadedRun, metric_label, stamps
from .report_tables import Column, Figure, Row, Section, Table, minus, number


def contributions(run: LoadedRun) -> Section | None:
    """Return what each modality brings: Shapley shares, loss when permuted, and shares of feature groups."""
    shares = run.results.get("contributions") or {}
    details = run.results.get("contribution_details") or {}
    if len(shares) < 2 and not details.get("features"):
        return None
    metric, marks = metric_label(details.get("metric", "uar")), tuple(stamps(run.results))
    parts: list[Figure | Table] = []
    if len(shares) > 1:
        parts += _share_parts(shares, details, metric, marks)
    if details.get("by_class"):
        parts += _class_parts(details["by_class"], list(shares), marks)
    parts += _sample_parts(run, marks)
    if details.get("permutation"):
        parts += _permutation_parts(details, metric, marks)
    if details.get("features"):
        parts += _feature_parts(details["features"], marks)
    return Section("contributions", "What each modality brings", tuple(parts))


def _share_parts(
    shares: dict[str, float], details: dict[str, Any], metric: str, marks: tuple[str, ...]
) -> list[Figure | Table]:
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    total = sum(shares.values())
    who = str(details.get("strategy", "the product of all experts")).replace("_", " ")
    span = f" ({minus(number(details['base']))} to {minus(number(details['full']))})" if "base" in details else ""
    caption = f"Exact Shapley shares of what {who} gains in {metric} over chance{span}."
    part = [value / total if total > 0 else None for _, value in ordered]
    drawn = [
        DotRow(
            name,
            (Dot(value),),
            (minus(number(value)), "" if share is None else f"{100 * share:.0f} %".replace("-", "−")),
        )
        for (name, value), share in zip(ordered, part, strict=True)
    ]
    label = f"Shapley share of each modality in {metric}; the table below holds the same numbers"
    chart = dot_chart(
        drawn, label=label, axis=f"share of the gain in {metric}", columns=("share", "of all"), bars=True, stamps=marks
    )
    columns = (Column("modality"), Column(f"share of {metric}", "number"), Column("of all", "percent"))
    rows = tuple(Row((name, value, share)) for (name, value), share in zip(ordered, part, strict=True))
    return [Figure("shapley", caption, chart, marks), Table("shapley", caption, columns, rows, marks, folded=True)]


def _class_parts(
    by_class: dict[str, dict[str, float]], order: list[str], marks: tuple[str, ...]
) -> list[Figure | Table]:
    found = {name for shares in by_class.values() for name in shares}
    blocks = [name for name in order if name in found] + sorted(found - set(order))
    drawn = [
        DotRow(name, tuple(Dot(shares[block], series=n) for n, block in enumerate(blocks) if block in shares))
        for name, shares in by_class.items()
    ]
    caption = "Shapley shares of the recall of each class."
    label = "Shapley share of each modality in the recall of each class; the table below holds the same numbers"
    chart = dot_chart(
        drawn, label=label, axis="share of the gain in recall", names=blocks, references=((0.0, ""),), stamps=marks
    )
    columns = (Column("class"), *(Column(block, "number") for block in blocks))
    rows = tuple(Row((name, *(shares.get(block) for block in blocks))) for name, shares in by_class.items())
    return [
        Figure("shapley-classes", caption, chart, marks),
        Table("shapley-classes", caption, columns, rows, marks, folded=True),
    ]


def _sample_parts(run: LoadedRun, marks: tuple[str, ...]) -> list[Figure | Table]:
    """Return the spread of the shares over single answers, right and wrong ones apart."""
    blocks = [name for name in run.shares.columns if name not in ("sample", "fold")]
    row = next((row for row in run.results["rows"] if row["strategy"] == "selected"), None)
    place = None if row is None else run.places.get((row["strategy"], "+".join(row["blocks"]), row["classifier"]))
    if len(blocks) < 2 or place is None:
        return []
    classes = run.results["corpus"]["classes"]
    answers = run.predictions.iloc[place]
    answers = answers[["sample", "fold"]].assign(
        _right=answers[classes].to_numpy().argmax(axis=1) == pd.Index(classes).get_indexer(answers["label"])
    )
    joined = run.shares.merge(answers, on=["sample", "fold"])
    kinds = {"right answers": joined[joined["_right"]], "wrong answers": joined[~joined["_right"]]}
    kinds = {name: found for name, found in kinds.items() if len(found)}
    drawn, rows = [], []
    for block in blocks:
        quartiles = {name: found[block].quantile([0.5, 0.25, 0.75]).tolist() for name, found in kinds.items()}
        dots = [Dot(values[0], values[1], values[2], series) for series, values in enumerate(quartiles.values())]
        drawn.append(DotRow(block, tuple(dots)))
        rows += [Row((block, name, len(kinds[name]), *values)) for name, values in quartiles.items()]
    if not rows:
        return []
    caption = "Shapley shares of the log probability of single answers: medians, and lines from quartile to quartile."
    label = "Spread of the share of each modality over single answers; the table below holds the same numbers"
    axis = "share of the log probability of the answer"
    chart = dot_chart(drawn, label=label, axis=axis, names=list(kinds), references=((0.0, ""),), stamps=marks)
    heads = [Column(name, "number") for name in ("median", "lower quartile", "upper quartile")]
    columns = (Column("modality"), Column("answers"), Column("number", "integer"), *heads)
    return [
        Figure("shapley-answers", caption, chart, marks),
        Table("shapley-answers", caption, columns, tuple(rows), marks, folded=True),
    ]


def _permutation_parts(details: dict[str, Any], metric: str, marks: tuple[str, ...]) -> list[Figure | Table]:
    ordered = sorted(details["permutation"].items(), key=lambda item: -item[1]["mean"])
    caption = f"Loss of {metric} where a modality is permuted between test samples, with 95 % intervals."
    drawn = [
        DotRow(name, (Dot(item["mean"], item.get("low"), item.get("high")),), (minus(number(item["mean"])),))
        for name, item in ordered
    ]
    label = f"Loss of {metric} when each modality is permuted; the table below holds the same numbers"
    chart = dot_chart(
        drawn, label=label, axis=f"loss of {metric}", columns=("loss",), references=((0.0, ""),), stamps=marks
    )
    columns = (Column("modality"), Column(f"loss of {metric}", "gain"))
    rows = tuple(Row((name, (item["mean"], item.get("low"), item.get("high")))) for name, item in ordered)
    return [
        Figure("permutation", caption, chart, marks),
        Table("permutation", caption, columns, rows, marks, folded=True),
    ]


def _feature_parts(features: list[dict[str, Any]], marks: tuple[str, ...]) -> list[Figure | Table]:
    blocks = dict.fromkeys(item["block"] for item in features)
    ordered = [
        item
        for block in blocks
        for item in sorted((item for item in features if item["block"] == block), key=_features_first)
    ]
    caption = (
        "Share of each group of features in the mean absolute TreeSHAP value of its modality's boosted expert, in which the "
        "shares add up to 100 %."
    )
    drawn, before = [], None
    for item in ordered:
        heading = item["block"] if item["block"] != before else ""
        drawn.append(DotRow(str(item["group"]), (Dot(item["share"]),), (f"{100 * item['share']:.0f} %",), heading))
        before = item["block"]
    label = "Share of each group of features in its modality; the table below holds the same numbers"
    chart = dot_chart(drawn, label=label, axis="share within the modality", columns=("share",), bars=True, stamps=marks)
    rows = tuple(Row((item["group"], item["share"]), item["block"]) for item in ordered)
    columns = (Column("features"), Column("share", "percent"))
    return [Figure("features", caption, chart, marks), Table("features", caption, columns, rows, marks, folded=True)]


def _features_first(item: dict[str, Any]) -> tuple[bool, float]:
    """Sort groups of features by their share, with what a run sums up as the rest behind them."""
    return item["group"] == "other", -item["share"]
