"""A corpus before any model: what is in it, what its features tell, and a page that shows both."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..features.errors import StudyError
from ..features.store import FeatureStore
from .blocks import ProgressMaker
from .corpora import Corpus
from .explore_blocks import BlockView, view_block
from .explore_cards import Card, draw_cards
from .explore_counts import count_classes, count_columns, count_groups, count_missing, count_repeats
from .explore_data import Explored, open_corpus
from .explore_features import feature_section, projection_section
from .explore_lengths import all_lengths
from .explore_projection import ALL, Projection, project
from .explore_sections import (
    class_section,
    column_section,
    group_section,
    imbalance,
    length_section,
    missing_section,
    text_section,
)
from .explore_words import telling_words
from .opening import study_and_corpus
from .report import page_templates
from .report_drawing import clipped
from .report_tables import Section, minus, number
from .study import Study, study_for_samples, to_toml
from .targets import target_values

SCHEMA = 1
PAGE, NUMBERS = "explore.html", "explore.json"
MUCH = 0.05  # share of a block's variance between groups from which it is worth a sentence


@dataclass(frozen=True)
class Exploration:
    """What an exploration found.

    Attributes
    ----------
    explored : Explored
    numbers : dict
        As in ``explore.json``.
    sections : tuple of Section
    cards : tuple of Card
    glance : tuple of str
        The findings that a reader should not miss, a sentence each.
    """

    explored: Explored
    numbers: dict[str, Any]
    sections: tuple[Section, ...]
    cards: tuple[Card, ...]
    glance: tuple[str, ...]


def study_to_explore(study: str | None, root: Path | None, samples: Path | None) -> tuple[Study, Corpus, Path]:
    """Return what :func:`~.opening.study_and_corpus` does; a table of one's own may be seen without groups or splits."""
    chosen, corpus, start = study_and_corpus(study, root, samples, comparing=False)
    if study is None and samples is not None:
        with suppress(StudyError):
            chosen = study_for_samples(corpus.samples, name=samples.stem)
    return chosen, corpus, start


def explore(
    study: Study,
    corpus: Corpus,
    *,
    root: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
) -> Exploration:
    """Look at the rows that a study trains on: counts, lengths, features by class, projections, clips.

    Parameters
    ----------
    study : Study
    corpus : Corpus
    root : path, optional
        Folder that the study's own feature tables are below.
    n_jobs : int, default=1
        Threads of extraction and of reading headers; results do not depend on it.
    store : FeatureStore, optional
    progress : callable, optional
        See :func:`~emofuse.experiments.blocks.build_blocks`.

    Returns
    -------
    Exploration

    Raises
    ------
    StudyError, TableError, ProtocolError
        The study has several tasks; the corpus has no labels, fewer than two classes, or none of the rows that the study
        trains on.
    """
    study, corpus = by_quarters(study, corpus)
    explored = open_corpus(
        study, corpus, root=None if root is None else Path(root), n_jobs=n_jobs, store=store, progress=progress
    )
    classes, groups, columns = count_classes(explored), count_groups(explored), count_columns(explored)
    missing, repeats, lengths = count_missing(explored), count_repeats(explored), all_lengths(explored, n_jobs=n_jobs)
    words = _words(explored) if repeats is not None and repeats["n_distinct"] > len(explored.classes) else None
    views = [view for name in explored.blocks if (view := view_block(explored, name)) is not None]
    projections = project(explored)
    sections = (
        class_section(explored, classes),
        group_section(explored, groups),
        column_section(explored, columns),
        length_section(explored, lengths),
        missing_section(explored, missing),
        text_section(explored, repeats, words),
        *(feature_section(explored, view) for view in views),
        projection_section(explored, projections),
    )
    cards = draw_cards(explored)
    numbers = {
        "schema": SCHEMA,
        "study": explored.study.name,
        "corpus": {
            "name": explored.info.name,
            "licence": explored.info.licence,
            "synthetic": explored.info.synthetic,
            "groups": explored.info.groups,
        },
        "rows": {"all": len(explored.everything), "explored": len(explored.samples), "measured": len(explored.measured),
                 "held_back": explored.held_back},
        "classes": classes,
        "groups": groups,
        "columns": columns,
        "lengths": {item.name: item.summary() for item in lengths},
        "missing": missing,
        "texts": repeats,
        "words": None if words is None else {name: [asdict(word) for word in found] for name, found in words.items()},
        "features": {view.name: _view_numbers(view, explored) for view in views},
        "projections": {item.name: _projection_numbers(item) for item in projections},
        "cards": [{"sample": card.sample, "label": card.label, "troubles": card.troubles} for card in cards],
        "notes": list(explored.notes),
    }  # fmt: skip
    return Exploration(
        explored,
        _plain(numbers),
        tuple(section for section in sections if section is not None),
        tuple(cards),
        tuple(_glance(explored, numbers, views, projections)),
    )


def write_exploration(found: Exploration, folder: str | os.PathLike[str]) -> Path:
    """Write ``explore.html`` and ``explore.json`` into a folder, both or none; return the path of the page.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    target = Path(folder)
    page, numbers = _page(found), json.dumps(found.numbers, indent=1, ensure_ascii=False) + "\n"
    try:
        target.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".explore-", dir=target))
        try:
            for name, text in ((NUMBERS, numbers), (PAGE, page)):
                (staging / name).write_text(text, encoding="utf-8", errors="replace")
            for name in (NUMBERS, PAGE):
                (staging / name).replace(target / name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise StudyError(
            f"the page cannot be written to {str(target)!r}: {error.strerror}; choose another --out"
        ) from None
    return target / PAGE


def by_quarters(study: Study, corpus: Corpus) -> tuple[Study, Corpus]:
    """Return a study of numbers as one of four classes, the quarters of its values; one of classes as it is."""
    if study.tasks:
        raise StudyError(f"study {study.name!r} has the tasks {', '.join(study.tasks)}; name one with --task")
    if study.task == "classification":
        return study, corpus
    column = study.column
    if column not in corpus.samples:
        raise StudyError(f"label column {column!r} is not in the corpus; it has {list(corpus.samples.columns)}")
    values = target_values(corpus.samples[column], column)
    edges = np.unique(np.quantile(values.dropna(), [0.25, 0.5, 0.75])) if values.notna().any() else np.zeros(0)
    ends = ["lowest", *(f"{edge:.3g}" for edge in edges), "highest"]
    names = [f"{place + 1}: {low} to {high}" for place, (low, high) in enumerate(pairwise(ends))]
    quarters = pd.Series([None if np.isnan(value) else names[int(np.searchsorted(edges, value))] for value in values],
                         index=values.index, dtype=object)  # fmt: skip
    kept = corpus.samples.assign(label=quarters)[quarters.notna()]
    noted = replace(
        corpus, samples=kept, notes=(*corpus.notes, f"the classes are the quarters of the values of {column!r}")
    )
    return study.model_copy(update={"task": "classification", "label": "label"}), noted


def _words(explored: Explored) -> Any:
    """Return the telling words of the measured rows."""
    samples = explored.measured[explored.measured["text"].notna()]
    return telling_words(samples["text"].tolist(), samples["label"].tolist())


def _glance(
    explored: Explored, numbers: dict[str, Any], views: list[BlockView], projections: list[Projection]
) -> list[str]:
    group = explored.info.groups
    found = [imbalance(numbers["classes"])]
    for view in views:
        if not view.ranked:
            continue
        best = view.ranked[0]
        where = f" within {group}s" if view.adjusted else ""
        words = "" if best.measures.startswith("column of") else f" ({clipped(best.measures.rstrip('.'), 140)})"
        tells = f"{best.name}{words} tells classes apart best, ω² {number(best.effect)}{where}"
        found.append(
            f"{view.name}: {tells}."
            if best.effect > view.floor
            else f"{view.name}: no feature by itself tells more than one does where labels are shuffled (best ω² "
            f"{minus(number(best.effect))}, shuffled {number(view.floor)})."
        )
    known = [
        f"{item.name} ({100 * item.by_group:.0f} % against {100 * max(item.by_class, 0):.0f} % of its variance)"
        for item in projections
        if item.by_group is not None and item.by_group > max(item.by_class, MUCH) and item.name != ALL
    ]
    if known:
        found.append(f"More {group} than class is in {', '.join(known)}.")
    if numbers["missing"]["n_failed"]:
        found.append(
            f"{numbers['missing']['n_failed']} of {numbers['missing']['n_measured']} samples have a source that cannot be used."
        )
    texts = numbers["texts"]
    if texts is not None and texts["n_with_several_labels"]:
        one = texts["n_with_several_labels"] == 1
        found.append(f"{texts['n_with_several_labels']} text{' stands' if one else 's stand'} under several labels.")
    return found


def _page(found: Exploration) -> str:
    explored = found.explored
    held = f"Only the {len(explored.samples)} rows that the study trains on are looked at; {explored.held_back} "
    template = page_templates().get_template("explore.html.j2")
    return str(
        template.render(
            page={
                "study": explored.study,
                "info": explored.info,
                "classes": explored.classes,
                "n_samples": len(explored.samples),
                "n_everything": len(explored.everything),
                "n_measured": len(explored.measured),
                "n_groups": 0 if found.numbers["groups"] is None else found.numbers["groups"]["n_groups"],
                "stamps": explored.stamps,
                "held_back": f"{held}is held back: what one looks at, one chooses by." if explored.held_back else "",
                "glance": found.glance,
                "sections": found.sections,
                "cards": found.cards,
                "notes": explored.notes,
                "study_toml": to_toml(explored.study),
            }
        )
    )


def _view_numbers(view: BlockView, explored: Explored) -> dict[str, Any]:
    return {
        "n_features": view.values.shape[1],
        "n_samples": len(view.values),
        "n_constant": view.n_constant,
        "n_telling": view.n_telling,
        "largest_of_shuffled_labels": view.floor,
        "ranked_by": "omega_squared_within" if view.adjusted else "omega_squared",
        "ranked": [
            {
                "feature": item.name,
                "measures": item.measures,
                "unit": item.unit,
                "omega_squared": item.raw,
                "omega_squared_within": item.within,
                "omega_squared_of_group": item.group,
                "low": item.low,
                "high": item.high,
                "class_means_sd": dict(zip(explored.classes, item.means, strict=True)),
            }
            for item in view.ranked
        ],
    }


def _projection_numbers(item: Projection) -> dict[str, Any]:
    found = asdict(replace(item, samples=pd.DataFrame(), points=np.zeros((0, 2))))
    del found["samples"], found["points"]
    return {"n_samples": len(item.samples), **found}


def _plain(value: Any) -> Any:
    """Return numbers that JSON can hold: NaN as null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
