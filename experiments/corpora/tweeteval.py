"""TweetEval, emotion: tweets of SemEval-2018 under the four emotions that were most often said of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.label_spaces import SPACES
from ...features.samples import check_samples
from .base import Corpus, CorpusInfo, find_files
from .base_text import read_lines, repetitions

INFO = CorpusInfo(
    name="tweeteval",
    title="TweetEval, emotion recognition",
    licence="terms of SemEval-2018 task 1 and of Twitter: research only",
    source="https://github.com/cardiffnlp/tweeteval, folder datasets/emotion (Barbieri et al. 2020, EMNLP Findings; "
    "Mohammad et al. 2018, SemEval)",
    layout="mapping.txt and, for the splits train, val and test (any of them), <split>_text.txt with <split>_labels.txt",
    groups="text",
    modalities=("text",),
)
SPLITS = {"train": "train", "val": "validation", "test": "test"}


def read(root: Path) -> Corpus:
    """Read every split that is there, from the folder of the repository whose mapping is that of the four emotions."""
    mappings = [path for path in find_files(root, r"mapping\.txt") if _labels(path)]
    if not mappings:
        raise INFO.not_found(root, "mapping.txt with the labels " + ", ".join(SPACES["tweeteval"]))
    folder, labels = mappings[0].parent, _labels(mappings[0])
    there = {
        path.name: path for path in find_files(root, r"(train|val|test)_(text|labels)\.txt") if path.parent == folder
    }
    rows, notes = [], []
    for name, split in SPLITS.items():
        if f"{name}_text.txt" not in there:
            continue
        if f"{name}_labels.txt" not in there:
            notes.append(f"{name}_labels.txt is not there: the split {split!r} is left out")
            continue
        texts, numbers = (read_lines(there[f"{name}_{part}.txt"]) for part in ("text", "labels"))
        if len(texts) != len(numbers):
            raise TableError(
                f"{name}_labels.txt: as many lines as {name}_text.txt has are needed, got {len(numbers)} for "
                f"{len(texts)}; fetch both again"
            )
        for line, (text, number) in enumerate(zip(texts, numbers, strict=True), start=1):
            if number.strip() not in labels:
                raise TableError(
                    f"{name}_labels.txt: line {line}: one of {', '.join(labels)} is needed, got {number!r:.60}"
                )
            rows.append((f"{split}-{line:04d}", text, labels[number.strip()], split))
    if not rows:
        raise INFO.not_found(root, "train_text.txt, val_text.txt or test_text.txt with its labels beside mapping.txt")
    samples = check_samples(pd.DataFrame(rows, columns=["sample", "text", "label", "split"]).set_index("sample"))
    return Corpus(INFO, samples, notes=(*notes, *repetitions(samples)))


def _labels(mapping: Path) -> dict[str, str]:
    """Return the label of each number in a mapping; nothing where it is the mapping of another task."""
    parts = [line.split("\t") for line in read_lines(mapping) if line.strip()]
    labels = {number.strip(): label.strip().lower() for number, label, *_ in (part for part in parts if len(part) > 1)}
    return labels if set(labels.values()) == set(SPACES["tweeteval"]) else {}
