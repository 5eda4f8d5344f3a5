"""What the verbs of inference print and write: an answer in full, many as a table, and what a model is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from ..features.errors import PredictionError
from ..features.files import staged
from ..features.terminal import new_console, new_table, print_notes
from ..features.text_cleaning import no_formula
from .answer import Answer
from .bundle import Bundle
from .card import METRICS, by_chance, fusion_of

if TYPE_CHECKING:
    from .moment import Moment
    from .predictor import Model

BAR = 24  # characters of a probability of 1
NOT_GIVEN = "not given"
Answered = Sequence[tuple[str, Answer]]


def print_answer(answer: Answer) -> None:
    """Print one answer: the probabilities, what each modality says, and which features moved it."""
    console = new_console()
    mark = "  [ADAPTIVE]" if answer.adaptive else ""
    console.print(Text(f"{answer.label}  {answer.probabilities[answer.label]:.3f}{mark}", style="bold"))
    table = new_table("")
    for _ in range(3):
        table.add_column()
    table.show_header = False
    for label, probability in sorted(answer.probabilities.items(), key=lambda item: -item[1]):
        table.add_row(Text(label), f"{probability:.3f}", Text("█" * round(BAR * probability), style="cyan"))
    console.print(table)
    said = new_table("What each modality says by itself")
    for heading in ("modality", "label", "probability", "weight", "contribution"):
        said.add_column(heading, justify="left" if heading in ("modality", "label") else "right")
    for name, own in answer.modalities.items():
        if own.present and own.label is not None and own.probabilities is not None:
            figures = (f"{own.probabilities[own.label]:.3f}", f"{own.weight:.2f}", f"{own.contribution:+.2f}")
            said.add_row(Text(name), Text(own.label), *figures)
        else:
            said.add_row(Text(name), "absent" if own.reason == NOT_GIVEN else "absent, see below", style="dim")
    console.print(said)
    if answer.top_features:
        moved = new_table(f"Features that moved it most (for {answer.label}: +, against: -)")
        for heading in ("block", "feature", "contribution"):
            moved.add_column(heading, justify="right" if heading == "contribution" else "left")
        for item in answer.top_features:
            moved.add_row(Text(item.block), Text(item.feature), f"{item.contribution:+.3f}")
        console.print(moved)
    if answer.timing_ms:
        parts = ", ".join(f"{name} {took:.1f}" for name, took in answer.timing_ms.items())
        console.print(Text(f"ms: {parts}", style="dim"))
    print_notes(_remarks(answer))


def print_drift(records: Sequence[dict[str, Any]]) -> None:
    """Print how far each block has moved, and which of its features moved most."""
    table = new_table("Drift: how far these clips lie from the training data (below .10 none, from .25 on large)")
    for heading in ("block", "clips", "score", "features that moved", "drift", "moved most"):
        table.add_column(heading, justify="right" if heading in ("clips", "score", "features that moved") else "left")
    for item in records:
        style = {"large": "bold yellow", "none": "dim"}.get(item["size"])
        cells = (item["block"], str(item["n_rows"]), f"{item['score']:.2f}", f"{item['share']:.0%}", item["size"])
        table.add_row(*map(Text, cells), Text(", ".join(list(item["most"])[:3])), style=style)
    new_console().print(table)


def print_answers(answered: Answered) -> None:
    """Print many answers, a row each."""
    table = new_table(f"{len(answered)} clips")
    sources = list(answered[0][1].modalities) if answered else []
    for heading in ("clip", "label", "probability", *(sources if len(sources) > 1 else [])):
        table.add_column(Text(heading), justify="right" if heading == "probability" else "left")
    notes = []
    for name, answer in answered:
        present = any(said.present for said in answer.modalities.values())
        probability = f"{answer.probabilities[answer.label]:.3f}" if present else ""
        cells = [Text(answer.label if present else "-"), Text(probability)]
        if len(sources) > 1:
            cells += [Text(said.label or "absent") for said in answer.modalities.values()]
        table.add_row(Text(name), *cells)
        notes += [f"{name}: {text}" for text in _remarks(answer)]
    new_console().print(table)
    print_notes(notes, "--out and --json have them all")


def answer_format(path: Path) -> str:
    """Return the suffix of a file that answers can be written to.

    Raises
    ------
    PredictionError
        Another suffix.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet", ".json"):
        raise PredictionError(f"answers are written to .csv, .parquet or .json, got {path.name!r}")
    return suffix


def write_answers(answered: Answered, path: Path) -> None:
    """Write answers to a CSV, Parquet or JSON file, whole or not at all.

    Raises
    ------
    PredictionError
        Another suffix, or the file cannot be written.
    """
    suffix = answer_format(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged(path) as place:
            if suffix == ".json":
                found = [{"clip": name} | answer.as_dict() for name, answer in answered]
                place.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            else:
                import pandas as pd

                table = pd.DataFrame([_row(name, answer) for name, answer in answered])
                table.to_csv(place, index=False) if suffix == ".csv" else table.to_parquet(place, index=False)
    except OSError as error:
        raise PredictionError(
            f"{str(path)!r} cannot be written: {error.strerror or error}; choose another --out"
        ) from None


def inspection(bundle: Bundle) -> dict[str, Any]:
    """Return what a model is, without its numbers and digests."""
    manifest = bundle.manifest
    blocks = {
        name: {key: value for key, value in block.items() if key != "features"} | {"n_features": len(block["features"])}
        for name, block in manifest["blocks"].items()
    }
    hidden = ("group_digests", "source_digests", "held_out")
    training = {key: value for key, value in manifest["training"].items() if key not in hidden}
    kept = ("schema", "name", "strategy", "classes", "validation", "corpus", "licences", "versions")
    return (
        {"file": bundle.name, "bytes": bundle.n_bytes}
        | {name: manifest[name] for name in kept}
        | {
            "blocks": blocks,
            "training": training | {"n_held_out_groups": len(manifest["training"].get("held_out") or [])},
            "labels": {
                "column": manifest["study"].get("label", "label"),
                "map": manifest["study"].get("label_map"),
            },
        }
    )


def print_inspection(bundle: Bundle) -> None:
    """Print what a model needs, what it was trained and validated on, its licences and its size."""
    found = inspection(bundle)
    console = new_console()
    console.print(Text(f"{found['file']}  {found['bytes'] / 1e6:.1f} MB", style="bold"))
    training, validation, corpus = found["training"], found["validation"], found["corpus"]
    people = f", {training['n_groups']} {corpus.get('groups') or 'group'}s" if training.get("n_groups") else ""
    lines = {
        "classes": ", ".join(map(str, found["classes"])),
        "fusion": fusion_of(bundle.manifest),
        "trained on": f"{corpus.get('title') or corpus.get('name')}: {training.get('n_samples', 'unknown')} samples{people}",
        "validated by": f"{validation.get('protocol', {}).get('name', 'nothing')}: {validation.get('of', 'not validated')}",
        "made by": ", ".join(f"{name} {number}" for name, number in found["versions"].items()),
    }
    mapped = found["labels"]["map"]
    if mapped:
        named = isinstance(mapped, str)
        lines["label map"] = mapped if named else ", ".join(f"{label} → {target}" for label, target in mapped.items())
    for name, line in lines.items():
        console.print(Text(f"{name:>12}  "), Text(line), sep="", soft_wrap=True)
    table = new_table("What it needs" + (" (any of it may be missing)" if len(found["blocks"]) > 1 else ""))
    for heading in ("block", "from", "measured by", "features"):
        table.add_column(heading, justify="right" if heading == "features" else "left")
    for name, block in found["blocks"].items():
        by = "ready numbers" if block["extractor"] == "table" else block["extractor"]
        count = "words" if block["kind"] == "text" else str(block["n_features"])
        table.add_row(Text(name), Text(block["source"]), Text(by), count)
    console.print(table)
    metrics = validation.get("metrics") or {}
    stamps = [name.upper() for name in ("adaptive", "leaky") if validation.get("protocol", {}).get(name)]
    figures = new_table("How good it is" + (f" [{', '.join(stamps)}]" if stamps else ""))
    for heading in ("metric", "mean", "95 % interval"):
        figures.add_column(heading, justify="left" if heading == "metric" else "right")
    for name, item in metrics.items():
        known = item.get("low") is not None and item.get("high") is not None
        interval = f"{item['low']:.3f} to {item['high']:.3f}" if known else ""
        figures.add_row(METRICS.get(name, name), f"{item['mean']:.3f}", interval)
    if metrics:
        console.print(figures)
        console.print(Text(by_chance(bundle.manifest), style="dim"), soft_wrap=True)
    for line in found["licences"]:
        console.print(Text(f"     licence  {line}"), soft_wrap=True)


def _remarks(answer: Answer) -> list[str]:
    absent = [
        f"{name} is absent ({said.reason})"
        for name, said in answer.modalities.items()
        if said.reason not in (None, NOT_GIVEN)
    ]
    return [*answer.warnings, *absent]


def _row(name: str, answer: Answer) -> dict[str, Any]:
    present = any(said.present for said in answer.modalities.values())
    return (
        {"clip": no_formula(name), "label": no_formula(answer.label) if present else None}
        | {f"p_{label}": probability if present else None for label, probability in answer.probabilities.items()}
        | {f"{source}_label": said.label and no_formula(said.label) for source, said in answer.modalities.items()}
        | {"warnings": no_formula("; ".join(_remarks(answer)))}
    )


def follow_recording(
    model: Model, source: str | Path, timelines: Sequence[Path], *, as_json: bool = False, **options: Any
) -> None:
    """Answer a recording or a device window by window, and print each answer; what was answered is written whatever ends it.

    Parameters
    ----------
    model : Model
    source : path, "microphone" or "camera"
    timelines : sequence of path
        Tables and figures to write.
    as_json : bool, default=False
        A line of JSON for each moment.
    **options
        Of :func:`~emofuse.inference.stream.stream`.

    Raises
    ------
    TimelineError
        A file's suffix is neither that of a table nor of a figure; said before anything is read.
    """
    from .timeline import PICTURES, TABLES, Timeline, TimelineError

    for path in timelines:
        if path.suffix.lower() not in (*TABLES, *PICTURES):
            raise TimelineError(f"a timeline ends in {', '.join((*TABLES, *PICTURES))}, got {path.name!r}")
    timeline = Timeline()
    try:
        for moment in model.stream(source, **options):
            timeline.append(moment)
            print(json.dumps(moment.as_dict()) if as_json else _line(moment), flush=True)
    except KeyboardInterrupt:  # how a microphone is stopped
        print_notes(["stopped; what was answered is kept"])
    finally:
        if len(timeline):
            for path in timelines:
                timeline.draw(path) if path.suffix.lower() in PICTURES else timeline.write(path)
    most = timeline.most_frequent()
    if most and not as_json:
        shares = sorted(timeline.shares().items(), key=lambda item: -item[1])
        print(f"most frequent: {most}  ({', '.join(f'{name} {share:.0%}' for name, share in shares if share)})")


def _line(moment: Moment) -> str:
    label = moment.smoothed_label
    said = "-" if label is None else f"{label} {moment.smoothed[label]:.2f}"
    faces = ", ".join(f"face {face.number}: {face.label or '-'}, {face.blinks} blinks" for face in moment.faces)
    return f"{moment.start_s:7.1f} - {moment.end_s:7.1f} s  {said:<20} {faces}".rstrip()
