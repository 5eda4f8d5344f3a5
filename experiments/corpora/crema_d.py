"""CREMA-D: what people heard, saw, and heard and saw, as shares of their votes for each emotion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ...features.samples import as_name, check_samples, read_csv
from .base import Corpus, CorpusInfo, find_files, require_columns

INFO = CorpusInfo(
    name="crema_d",
    title="Crowd-sourced Emotional Multimodal Actors Dataset (votes)",
    licence="Open Database License (ODbL)",
    source="https://github.com/CheyneyComputerScience/CREMA-D (Cao et al. 2014, IEEE TAC 5(4))",
    layout="tabulatedVotes.csv, optionally VideoDemographics.csv",
    groups="speaker",
    modalities=("voice", "face"),
)
EMOTIONS = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
CODES = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
CONDITIONS = {"1": "voice", "2": "face", "3": "both"}


def read(root: Path) -> Corpus:
    """Read the votes: tables ``voice``, ``face`` and ``both``, one column a class, shares that sum to 1."""
    paths = find_files(root, r"tabulatedVotes\.csv")
    if not paths:
        raise INFO.not_found(root, "tabulatedVotes.csv")
    votes = read_csv(paths[0])
    require_columns(votes, (*EMOTIONS, "fileName"), paths[0].name)
    parts = votes["fileName"].astype(str).str.split("_")
    votes["label"] = parts.str[2].map(CODES)
    votes["group"] = parts.str[0]
    condition = votes.iloc[:, 0].astype(str).str[0].map(CONDITIONS)
    samples = votes.drop_duplicates("fileName").set_index("fileName")[["label", "group"]].sort_index()
    demographics = find_files(root, r"VideoDemographics\.csv")
    if demographics:
        actors = read_csv(demographics[0])
        require_columns(actors, ("ActorID", "Sex"), demographics[0].name)
        sex = actors["Sex"].str.lower().set_axis(actors["ActorID"].map(as_name))
        samples["gender"] = samples["group"].map(sex)
    checked = check_samples(samples)
    tables = {name: _shares(votes[condition == name], checked.index) for name in CONDITIONS.values()}
    return Corpus(INFO, checked, tables)


def _shares(votes: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    counts = votes.groupby("fileName")[list(EMOTIONS)].sum().rename(columns=EMOTIONS)
    totals = counts.sum(axis=1).replace(0, np.nan)
    return counts.div(totals, axis=0).reindex(index)
