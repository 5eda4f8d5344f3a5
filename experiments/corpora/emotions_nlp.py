"""Emotions dataset for NLP: 20,000 tweets in which people say how they feel, under six emotions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.label_spaces import SPACES
from ...features.samples import check_samples
from .base import Corpus, CorpusInfo
from .base_text import find_each, known_label, read_lines, read_rows, repetitions

INFO = CorpusInfo(
    name="emotions_nlp",
    title="Emotions dataset for NLP",
    licence="CC BY-SA 4.0 as published there; its authors gave it for education and research only",
    source="https://www.kaggle.com/datasets/praveengovi/emotions-dataset-for-nlp (Saravia et al. 2018, EMNLP)",
    layout="train.txt, val.txt, test.txt (any of them), a line a text: text;emotion; or training.csv, validation.csv, test.csv "
    "(columns text, label)",
    groups="text",
    modalities=("text",),
)
SPLITS = {"train": "train", "val": "validation", "test": "test", "training": "train", "validation": "validation"}
NUMBERED = ("sadness", "joy", "love", "anger", "fear", "surprise")  # by their number in the tables


def read(root: Path) -> Corpus:
    """Read every split that is there; a text is what stands before the last semicolon of its line."""
    paths = find_each(root, r"(train|val|test)\.txt") or find_each(root, r"(training|validation|test)\.csv")
    rows = []
    for path in paths:
        split = SPLITS[path.stem]
        for number, text, label in _lines(path) if path.suffix == ".txt" else _rows(path):
            label = known_label(label, SPACES["emotions_nlp"], f"{path.name}: line {number}")
            rows.append((f"{split}-{number:05d}", text, label, split))
    if not rows:
        raise INFO.not_found(root, "train.txt, val.txt or test.txt")
    samples = check_samples(pd.DataFrame(rows, columns=["sample", "text", "label", "split"]).set_index("sample"))
    return Corpus(INFO, samples, notes=repetitions(samples))


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        text, separator, label = line.rpartition(";")
        if not separator:
            raise TableError(f"{path.name}: line {number}: text;emotion is needed, got {line!r:.60}; correct the line")
        yield number, text, label


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the rows of a table of texts and numbers, as a copy in three tables has them."""
    rows = read_rows(path)
    _, columns = next(rows, (0, []))
    if columns != ["text", "label"]:
        return  # another table of that name
    for number, cells in rows:
        code = cells[-1].strip()
        if len(cells) != 2 or code not in "012345" or not code:
            raise TableError(
                f"{path.name}: line {number}: a text and a label from 0 to 5 are needed, got {cells!r:.60}"
            )
        yield number, cells[0], NUMBERED[int(code)]
