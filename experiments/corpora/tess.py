"""TESS: two actresses, 26 and 64 years old, say 200 words in seven emotions."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ...features.samples import check_samples
from .base import Corpus, CorpusInfo, find_recordings

INFO = CorpusInfo(
    name="tess",
    title="Toronto Emotional Speech Set",
    licence="CC BY-NC-ND 4.0: research, not commercial, not to be passed on changed",
    source="https://doi.org/10.5683/SP2/E8H2MF (Pichora-Fuller and Dupuis 2020, Borealis)",
    layout="OAF_back_angry.wav, YAF_back_ps.wav, … in one folder or in folders OAF_angry, YAF_pleasant_surprised, …, or in "
    "zip archives",
    groups="speaker",
    modalities=("audio", "text"),
)
EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "pleasant_surprise",
    "sad": "sad",
}
# One file of the publication, OA_bite_neutral.wav, lacks a letter: it is not a third speaker's.
SPEAKERS = {"OAF": "OAF", "OA": "OAF", "YAF": "YAF"}
NAME = rf"({'|'.join(SPEAKERS)})_([A-Za-z]+)_({'|'.join(EMOTIONS)})"


def read(root: Path) -> Corpus:
    """Read the sound files; a file that stands in two folders, as in a common copy of the set, counts once."""
    files, notes = find_recordings(root, rf"{NAME}\.(?i:wav|flac)")
    rows = {}
    for path in files:
        found = re.fullmatch(NAME, path.stem)
        assert found is not None
        speaker, word, emotion = found.groups()
        rows[f"{SPEAKERS[speaker]}_{word}_{emotion}"] = {
            "audio": str(path),
            "text": f"Say the word {word}",
            "label": EMOTIONS[emotion],
            "group": SPEAKERS[speaker],
            "gender": "female",
            "word": word.lower(),
        }
    if not rows:
        raise INFO.not_found(root, "sound files such as OAF_back_angry.wav", notes)
    return Corpus(INFO, check_samples(pd.DataFrame.from_dict(rows, orient="index").sort_index()), notes=notes)
