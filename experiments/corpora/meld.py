"""MELD: utterances of the series Friends with seven emotions, speaker and dialogue."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ...features.samples import check_samples, read_csv
from .base import Corpus, CorpusInfo, find_files, require_columns

INFO = CorpusInfo(
    name="meld",
    title="Multimodal EmotionLines Dataset (text)",
    licence="GPL-3.0; the series itself is under copyright: research only",
    source="https://github.com/declare-lab/MELD (Poria et al. 2019, ACL)",
    layout="train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv (any of them)",
    groups="speaker",
    modalities=("text",),
)
COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")


def read(root: Path) -> Corpus:
    """Read every official split that is there; ``label`` is the emotion, ``sentiment`` stands beside it."""
    parts = []
    for path in find_files(root, r"(train|dev|test)_sent_emo\.csv"):
        split = str(path.name).split("_", 1)[0]
        table = read_csv(path, names=("Speaker",), texts=("Utterance",))
        require_columns(table, COLUMNS, path.name)
        names = split + "_" + table["Dialogue_ID"].astype(str) + "_" + table["Utterance_ID"].astype(str)
        parts.append(
            pd.DataFrame(
                {
                    "text": table["Utterance"].fillna("").to_numpy(),
                    "label": table["Emotion"].to_numpy(),
                    "sentiment": table["Sentiment"].to_numpy(),
                    "group": [re.sub(r"\s+", " ", str(name)).strip() for name in table["Speaker"]],
                    "split": split,
                    "dialogue": (split + "_" + table["Dialogue_ID"].astype(str)).to_numpy(),
                    "turn": table["Utterance_ID"].to_numpy(),
                },
                index=pd.Index(names, dtype=object),
            )
        )
    if not parts:
        raise INFO.not_found(root, "train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv")
    return Corpus(INFO, check_samples(pd.concat(parts)))
