"""GoEmotions: 58,000 comments of Reddit under 27 emotions and neutral, of which a comment may have several."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.label_spaces import SPACES
from ...features.samples import check_samples
from .base import Corpus, CorpusInfo
from .base_text import find_each, read_lines, read_rows, repetitions, unique_names

INFO = CorpusInfo(
    name="goemotions",
    title="GoEmotions",
    licence="CC BY 4.0",
    source="https://github.com/google-research/google-research/tree/master/goemotions/data (Demszky et al. 2020, ACL)",
    layout="train.tsv, dev.tsv, test.tsv (any of them; text, numbers of its emotions, comment id) with emotions.txt; authors "
    "are known where full_dataset/goemotions_1.csv, goemotions_2.csv and goemotions_3.csv are there too",
    groups="text",
    modalities=("text",),
)
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
NOBODY = ("", "[deleted]", "[removed]")  # what stands in place of the name of an author who left


def read(root: Path) -> Corpus:
    """Read every split that is there; a comment with several emotions has no one label and is left out, and counted."""
    paths = find_each(root, r"(train|dev|test)\.tsv")
    if not paths:
        raise INFO.not_found(root, "train.tsv, dev.tsv or test.tsv")
    emotions = _emotions(root)
    found, n_all = [], 0
    for path in paths:
        split = SPLITS[path.stem]
        for number, cells in read_rows(path, delimiter="\t"):
            place = f"{path.name}: line {number}"
            if len(cells) != 3 or not re.fullmatch(r"\d+(,\d+)*", cells[1].strip()):
                raise TableError(
                    f"{place}: text, numbers of emotions and comment id, parted by tabs, are needed, got {cells!r:.80}; "
                    "fetch the file again"
                )
            numbers = [int(part) for part in cells[1].split(",")]
            if max(numbers) >= len(emotions):
                raise TableError(f"{place}: emotions from 0 to {len(emotions) - 1} are needed, got {max(numbers)}")
            n_all += 1
            if len(numbers) == 1:
                found.append((cells[2].strip(), cells[0], emotions[numbers[0]], split))
    if not found:
        raise TableError(f"{paths[0].name}: no comment with exactly one emotion")
    comments, texts, labels, splits = zip(*found, strict=True)
    names = [f"{split}-{comment}" for split, comment in zip(splits, comments, strict=True)]
    samples = pd.DataFrame(
        {"text": texts, "label": labels, "split": splits}, index=pd.Index(unique_names(names), dtype=object)
    )
    notes = [f"{n_all - len(found)} of {n_all} comments have several emotions and are left out"]
    authors = _authors(root)
    if authors:
        known = [authors.get(comment, "") for comment in comments]
        samples["group"] = [
            author if author not in NOBODY else f"author of {name}"
            for author, name in zip(known, samples.index, strict=True)
        ]
        n_unknown = sum(author in NOBODY for author in known)
        notes.append(f"the authors of {n_unknown} comments are not known: each of those is a group of its own")
    checked = check_samples(samples)
    return Corpus(INFO, checked, notes=(*notes, *repetitions(checked)))


def _emotions(root: Path) -> list[str]:
    """Return the names of the emotions by their number, which must be those that are known."""
    paths = find_each(root, r"emotions\.txt")
    if not paths:
        raise INFO.not_found(root, "emotions.txt")
    names = [line.strip() for line in read_lines(paths[0]) if line.strip()]
    unknown = sorted(set(names) ^ set(SPACES["goemotions"]))
    if unknown or len(names) != len(set(names)):
        raise TableError(
            f"emotions.txt: the 28 names of the publication are needed, once each; these differ: {unknown}"
        )
    return names


def _authors(root: Path) -> dict[str, str]:
    """Return the author of each comment in the full data set; nothing where it is not there."""
    authors: dict[str, str] = {}
    for path in find_each(root, r"goemotions_[123]\.csv"):
        rows = read_rows(path)
        _, columns = next(rows, (0, []))
        if not {"id", "author"} <= set(columns):
            raise TableError(f"{path.name}: columns ['id', 'author'] are needed; it has {columns[:12]}")
        comment, author = columns.index("id"), columns.index("author")
        authors |= {cells[comment]: cells[author].strip() for _, cells in rows if len(cells) == len(columns)}
    return authors
