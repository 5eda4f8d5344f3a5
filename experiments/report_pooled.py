"""The section of a report on clips: what strategies answer when the answers to a clip's parts are put together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .pooling import PART_OF, pool_answers
from .report_answers import confusion_figure
from .report_data import (
    Answers,
    LoadedRun,
    answers_of,
    full_name,
    main_rows,
    metric_label,
    row_key,
    sorted_rows,
    stamps,
)
from .report_tables import Column, Figure, Row, Section, Table

SHOWN = "mean"  # the rule of the confusion matrices, whichever does best here


def pooled(run: LoadedRun) -> Section | None:
    """Return the metric of parts and of clips by each rule, and both confusion matrices; None where nothing was pooled."""
    found = run.results.get("pooled") or []
    if not found:
        return None
    metric, marks = metric_label(run.metric), tuple(stamps(run.results))
    by, n_clips = found[0]["by"], found[0]["n_clips"]
    cells = {item["rule"]: {row_key(row): row["metrics"][run.metric] for row in item["rows"]} for item in found}
    rows = []
    for row in sorted_rows(run.results, run.metric):
        own = [of_rule.get(row_key(row)) for of_rule in cells.values()]
        if all(cell is not None for cell in own):
            given = [row["metrics"][run.metric], *own]
            rows.append(Row((full_name(row), *((cell["mean"], cell["low"], cell["high"]) for cell in given))))
    columns = (Column("strategy"), Column("parts", "interval"), *(Column(rule, "interval") for rule in cells))
    n_parts = run.results["protocol"]["n_tested"]
    caption = (
        f"{metric} of the {n_parts} parts and of the {n_clips} {by}s: mean probability, most frequent answer (vote), median "
        "probability, mean weighted by confidence."
    )
    table = Table("pooled", caption, columns, tuple(rows), marks)
    text = (
        f"Samples are parts of a {by}. The answers to its parts are put together to one answer a {by}; what is trained and how "
        "it is tested stays the same."
    )
    return Section("pooled", f"One answer a {by}", (*_confusions(run, by), table), (text,))


def _confusions(run: LoadedRun, by: str) -> list[Figure]:
    """Return the confusion matrices of the first fusion and the first single modality: of parts, and of clips."""
    figures = []
    for place, row in enumerate(main_rows(run)[:2]):
        parts = answers_of(run, row)
        clips = None if parts is None else _clip_answers(run, row, parts)
        if parts is None or clips is None:
            continue
        for kind, answers in (("parts", parts), (f"{by}s", clips)):
            name = f"pooled-{'parts' if kind == 'parts' else 'clips'}-{place + 1}"
            figures.append(confusion_figure(run, name, row, answers, of=f", {len(answers.codes)} {kind}"))
    return figures


def _clip_answers(run: LoadedRun, row: dict[str, Any], parts: Answers) -> Answers | None:
    """Return the answers to clips; those of one clip that two folds test are kept apart."""
    predictions = run.predictions.iloc[run.places[row["strategy"], "+".join(row["blocks"]), row["classifier"]]]
    if PART_OF not in predictions or len(predictions) != len(parts.codes):
        return None
    keys = predictions["fold"].astype(str) + "\n" + predictions[PART_OF].astype(str)
    clips, _ = pd.factorize(keys)
    first = np.unique(clips, return_index=True)[1]
    shares = pool_answers(parts.probabilities, clips, SHOWN)
    return replace(parts, codes=parts.codes[first], predicted=shares.argmax(axis=1), probabilities=shares, groups=None)
