"""WESAD: a public table of window statistics of wrist signals, with the defects it is known for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ...features.errors import EmofuseError, TableError
from ...features.samples import as_name, check_samples, read_csv
from .base import Corpus, CorpusInfo, find_files

INFO = CorpusInfo(
    name="wesad",
    title="Wearable Stress and Affect Detection (window features of the wrist device)",
    licence="research, not commercial",
    source="https://archive.ics.uci.edu/dataset/465 (Schmidt et al. 2018, ICMI)",
    layout="one CSV with the columns subject, label (0 amusement, 1 baseline, 2 stress) and the features, such as "
    "may14_feats4.csv",
    groups="subject",
    modalities=("eda", "acc", "bvp", "temp", "resp"),
)
LABELS = {0: "amusement", 1: "baseline", 2: "stress"}
TABLE = "wrist"


def read(root: Path) -> Corpus:
    """Read the table; all of its columns are given, the study names those that are valid."""
    unreadable: EmofuseError | None = None
    for path in find_files(root, r".*\.csv"):
        try:
            table = read_csv(path)
        except EmofuseError as error:  # the publisher's folders hold other CSV files, some of them empty
            unreadable = unreadable or error
            continue
        if not {"subject", "label"} <= set(table.columns):
            continue
        nameless = table.index[table["subject"].isna()]
        if len(nameless):
            raise TableError(f"{path.name}: the subject of row {nameless[0] + 1} is missing; fetch the table again")
        features = table.drop(columns=["subject", "label", *[c for c in table if str(c).startswith("Unnamed")]])
        samples = pd.DataFrame({"label": table["label"].map(LABELS), "group": table["subject"]})
        window = samples.groupby("group").cumcount()
        samples.index = pd.Index(
            [f"S{as_name(subject)}-{number:03d}" for subject, number in zip(samples["group"], window, strict=True)],
            dtype=object,
        )
        features.index = samples.index
        return Corpus(INFO, check_samples(samples), {TABLE: features})
    if unreadable is not None:
        raise unreadable
    raise INFO.not_found(root, "a CSV with the columns subject and label")
