"""Emotion in text: 40,000 tweets of May 2009 under 13 labels that one annotator each gave them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.label_spaces import SPACES
from ...features.samples import check_samples
from .base import Corpus, CorpusInfo, find_files
from .base_text import known_label, read_rows, repetitions, unique_names

INFO = CorpusInfo(
    name="tweet_emotions",
    title="Sentiment analysis: emotion in text (CrowdFlower)",
    licence="no licence is stated by its publisher, tweets are under the rights of their authors: research only",
    source="https://data.world/crowdflower/sentiment-analysis-in-text (CrowdFlower 2016), without authors "
    "https://www.kaggle.com/datasets/pashupatigupta/emotion-detection-from-text",
    layout="text_emotion.csv (columns tweet_id, sentiment, author, content) or tweet_emotions.csv (without author)",
    groups="author",
    modalities=("text",),
)
COLUMNS = ("tweet_id", "sentiment", "content")


def read(root: Path) -> Corpus:
    """Read the table; ``group`` is the author where the table names authors."""
    paths = find_files(root, r"text_emotion\.csv") or find_files(root, r"tweet_emotions\.csv")
    if not paths:
        raise INFO.not_found(root, "text_emotion.csv or tweet_emotions.csv")
    path = paths[0]
    rows = read_rows(path)
    _, header = next(rows, (0, []))
    columns = [column.strip() for column in header]
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        raise TableError(f"{path.name}: columns {missing} are missing; it has {columns[:12]}")
    found = []
    for number, cells in rows:
        place = f"{path.name}: line {number}"
        if len(cells) != len(columns):
            raise TableError(
                f"{place}: {len(columns)} cells are needed, got {len(cells)}; put text with commas in quotes"
            )
        row = dict(zip(columns, cells, strict=True))
        label = known_label(row["sentiment"], SPACES["tweet_emotions"], place)
        found.append((row["tweet_id"].strip(), row["content"], label, row.get("author", "").strip()))
    if not found:
        raise TableError(f"{path.name}: the table has a header and no rows")
    names, texts, labels, authors = zip(*found, strict=True)
    samples = pd.DataFrame({"text": texts, "label": labels}, index=pd.Index(unique_names(names), dtype=object))
    if "author" in columns:
        samples["group"] = [author or f"author of {name}" for author, name in zip(authors, samples.index, strict=True)]
    checked = check_samples(samples)
    return Corpus(INFO, checked, notes=repetitions(checked))
