"""The model card: what a model is for, what it was trained on, how good it is for whom, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..features.text_cleaning import printable
from .bundle import Bundle

LIMITS = (
    "It tells how an expression would be named by people like those who labelled the corpus, not what a person feels.",
    "In the European Union, inferring emotions at work and in education is prohibited, but for medical or safety reasons, and "
    "elsewhere systems that recognise emotions are of high risk and must tell people of their use (Regulation (EU) 2024/1689, "
    "Articles 5(1)(f), 6(2) with Annex III, and 50(3)).",
    "It is no basis for decisions about a person: hiring, grading, insurance, medicine, law enforcement.",
    "Acted or posed corpora show stronger expressions than life does; languages, cultures, ages, microphones and light that the "
    "corpus lacks were not tested. Expect less than the figures above.",
)
# Parts that hold a description of each training sample, not only statistics over many.
KEEPS_ROWS = ("KernelHead", "KernelColumns")
# What a reader who has not seen a results file would call them.
METRICS = {
    "uar": "UAR",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "log_loss": "log loss (less is better)",
    "brier": "Brier score (less is better)",
    "ece": "calibration error (less is better)",
}


def model_card(bundle: Bundle) -> str:
    """Return the model card of a bundle in Markdown (after Mitchell et al. 2019 [1]_).

    References
    ----------
    .. [1] Mitchell et al. (2019), Model cards for model reporting, FAT*.
    """
    manifest = bundle.manifest
    return "\n".join(
        line
        for part in (
            _about(bundle),
            _use(),
            _needs(manifest),
            _training(manifest),
            _figures(manifest),
            _privacy(manifest),
            _licences(manifest),
        )
        for line in part
    )


def fusion_of(manifest: Mapping[str, Any]) -> str:
    """Return how a model fuses what it reads."""
    blocks = list(manifest["blocks"])
    return (
        f"none, {blocks[0]} alone"
        if len(blocks) == 1
        else f"{manifest['strategy'].replace('_', ' ')} of {_joined(blocks)}"
    )


def by_chance(manifest: Mapping[str, Any]) -> str:
    """Return what the figures are to be measured against."""
    count = len(manifest["classes"])
    return f"Guessing among the {count} classes has an unweighted average recall (UAR) of {_number(1 / count)}."


def _about(bundle: Bundle) -> Iterator[str]:
    manifest = bundle.manifest
    validation = manifest["validation"]
    yield f"# {manifest['name']}: {len(manifest['classes'])} classes from {_joined(_sources(manifest))}"
    yield ""
    yield f"- Classes: {', '.join(map(_line, manifest['classes']))}"
    yield f"- Fusion: {fusion_of(manifest)}"
    chosen = manifest["training"].get("chosen")
    if chosen:
        how = "chosen on training rows among the study's fusions" if validation.get("nested") else "given by name"
        yield f"- Chosen: {chosen} ({how})"
    yield f"- Size: {bundle.n_bytes / 1e6:.1f} MB"
    made_by = manifest["versions"]
    yield f"- Made by emofuse {made_by.get('emofuse')}, Python {made_by.get('python')}"
    yield ""


def _use() -> Iterator[str]:
    yield "## Intended use"
    yield ""
    yield "Research on affective computing, and prototypes whose users know of it and agree to it."
    yield ""
    for limit in LIMITS:
        yield f"- {limit}"
    yield ""


def _needs(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "## What it reads"
    yield ""
    yield "| block | from | measured by | features |"
    yield "| --- | --- | --- | --- |"
    for name, block in manifest["blocks"].items():
        by = "ready numbers" if block["extractor"] == "table" else block["extractor"]
        given = ", ".join(f"{key} = {value}" for key, value in block["parameters"].items())
        count = "words" if block["kind"] == "text" else str(len(block["features"]))
        measured = f"{by} ({given})" if given else by
        yield f"| {_cell(name)} | {_cell(block['source'])} | {_cell(measured)} | {count} |"
    if len(manifest["blocks"]) > 1:
        yield ""
        yield "Any of them may be missing; the others answer."
    yield ""


def _training(manifest: Mapping[str, Any]) -> Iterator[str]:
    corpus, training = manifest["corpus"], manifest["training"]
    yield "## Trained on"
    yield ""
    people = f" of {training['n_groups']} {corpus.get('groups') or 'group'}s" if training.get("n_groups") else ""
    made_up = " (synthetic)" if corpus.get("synthetic") else ""
    yield f"{corpus.get('title') or corpus.get('name')}{made_up}: {training.get('n_samples', 'unknown')} samples{people}."
    if training.get("splits"):
        yield f"Splits: {', '.join(training['splits'])}."
    if training.get("held_out"):
        yield f"{len(training['held_out'])} {corpus.get('groups') or 'group'}s were left out, to evaluate it on."
    counts = training.get("classes") or {}
    if counts:
        yield ""
        yield "| class | samples |"
        yield "| --- | ---: |"
        yield from (f"| {_cell(label)} | {count} |" for label, count in counts.items())
    yield ""


def _figures(manifest: Mapping[str, Any]) -> Iterator[str]:
    validation = manifest["validation"]
    yield "## How good it is"
    yield ""
    if not validation.get("metrics"):
        yield "Not validated."
        yield ""
        return
    protocol = validation.get("protocol", {})
    stamps = [stamp.upper() for stamp in ("adaptive", "leaky") if protocol.get(stamp)]
    apart = f", {protocol['groups']}s kept apart" if protocol.get("groups") else ""
    stamped = f" **{', '.join(stamps)}**" if stamps else ""
    yield f"Protocol {protocol.get('name')}{apart}: {validation.get('of')}.{stamped}"
    yield ""
    yield "| metric | mean | 95 % interval |"
    yield "| --- | ---: | :---: |"
    for name, item in validation["metrics"].items():
        known = item.get("low") is not None and item.get("high") is not None
        figures = (
            f"{_number(item['mean'])} | {_number(item['low'])} to {_number(item['high'])}"
            if known
            else f"{_number(item['mean'])} |"
        )
        yield f"| {METRICS.get(name, name)} | {figures} |"
    yield ""
    yield by_chance(manifest)
    recall = validation.get("recall") or {}
    if recall:
        yield ""
        yield "| class | recall |"
        yield "| --- | ---: |"
        yield from (f"| {_cell(label)} | {_number(value)} |" for label, value in recall.items())
    metric = validation.get("metric", "")
    called = METRICS.get(metric, metric)
    groups = [item[metric] for item in validation.get("by_group") or [] if item.get(metric) is not None]
    if groups:
        yield ""
        middle = sorted(groups)[len(groups) // 2]
        yield (
            f"From group to group (a speaker or subject each, {len(groups)} of them) {called} goes from "
            f"{_number(min(groups))} to {_number(max(groups))}, the median is {_number(middle)}."
        )
    for column, values in (validation.get("by_column") or {}).items():
        yield ""
        yield f"| {_cell(column)} | samples | {called} |"
        yield "| --- | ---: | ---: |"
        yield from (f"| {_cell(name)} | {item['n']} | {_number(item.get(metric))} |" for name, item in values.items())
    yield ""


def _privacy(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "## What the file holds of people"
    yield ""
    kept = sorted({name for name in _part_names(manifest["model"]) if name in KEEPS_ROWS})
    if kept:
        yield (
            "It answers by comparing with its training samples, and holds a row of numbers for each of them (no sound, picture "
            "or name). Who has the corpus could tell that a recording is among them; treat the file as the corpus is treated."
        )
    else:
        yield "Statistics over many training samples; no sound, picture or name."
    if any(block["kind"] == "text" for block in manifest["blocks"].values()):
        yield "Words and stretches of characters that stand in several training texts are part of it."
    yield "Digests of the names of groups and of source files tell `emofuse evaluate` whether it was trained on what it is shown."
    yield ""


def _licences(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield "## Licences"
    yield ""
    yield from (f"- {_line(line)}" for line in manifest["licences"] or ["None was stated."])
    yield ""


def _part_names(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "__part__":
                yield value
            yield from _part_names(value)
    elif isinstance(tree, list):
        for item in tree:
            yield from _part_names(item)


def _sources(manifest: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(block["source"] for block in manifest["blocks"].values()))


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _cell(value: Any) -> str:
    return _line(value).replace("|", "\\|")


def _line(value: Any) -> str:
    """Return a name on one line, for a name may hold anything."""
    return printable(" ".join(str(value).split()))


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.3f}"
