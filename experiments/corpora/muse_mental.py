"""Mental states from a Muse headband: raw EEG of three people, cut into windows that never cross a gap."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ...features.samples import check_samples, read_csv
from ...features.windows import window_table
from .base import Corpus, CorpusInfo, find_files, require_columns

INFO = CorpusInfo(
    name="muse_mental",
    title="Mental state by EEG of a Muse headband (relaxed, neutral, concentrating)",
    licence="published for research",
    source="https://www.kaggle.com/datasets/birdy654/eeg-brainwave-dataset-mental-state (Bird et al. 2018, A study on "
    "mental state classification using EEG-based brain-machine interface, IEEE IS)",
    layout="subject{a,b,c}-{relaxed,neutral,concentrating}-{1,2}.csv: timestamps, TP9, AF7, AF8, TP10, Right AUX",
    groups="subject",
    modalities=("eeg",),
)
FILE = re.compile(r"(subject[a-z]|name)-(relaxed|neutral|concentrating)-(\d+)\.csv")
RATE_HZ = 256.0
WINDOW_S, STEP_S = 2.0, 1.0


def read(root: Path) -> Corpus:
    """Read the recordings as windows of 2 s, half overlapping; a recording that is there twice counts once.

    Copies are known by their time stamps: one that is published under a second name differs in seven values.
    """
    rows: dict[str, dict[str, str]] = {}
    notes, known = [], dict[tuple[float, int], str]()
    # Files named after a subject come first: of two copies, "name" is the one to drop.
    for path in sorted(find_files(root, FILE.pattern), key=lambda path: (path.name.startswith("name"), path.name)):
        subject, label, _ = path.stem.split("-")
        table = read_csv(path)
        require_columns(table, ("timestamps",), path.name)
        stamp = (float(table["timestamps"].iloc[0]), len(table))
        if stamp in known:
            notes.append(f"{path.stem} was recorded when {known[stamp]} was: left out as its copy")
            continue
        known[stamp] = path.stem
        rows[path.stem] = {"eeg": str(path), "label": label, "group": subject}
    if not rows:
        raise INFO.not_found(root, "recordings subject?-STATE-?.csv")
    table, cut = window_table(
        pd.DataFrame.from_dict(rows, orient="index"), window_s=WINDOW_S, step_s=STEP_S, sampling_rate_hz=RATE_HZ
    )
    return Corpus(INFO, check_samples(table), {}, (*notes, *cut))
