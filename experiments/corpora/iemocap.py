"""IEMOCAP: ten actors in pairs, improvised and scripted, each turn with an emotion and three dimensions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ...features.errors import CorpusError
from ...features.samples import check_samples
from .base import Corpus, CorpusInfo, find_files, find_recordings
from .base_text import read_lines

INFO = CorpusInfo(
    name="iemocap",
    title="Interactive Emotional Dyadic Motion Capture Database",
    licence="by agreement with the University of Southern California: research, not commercial, not to be passed on",
    source="https://sail.usc.edu/iemocap (Busso et al. 2008, Language Resources and Evaluation 42(4))",
    layout="IEMOCAP_full_release/Session1..Session5 (any of them) with dialog/EmoEvaluation/Ses*.txt, and optionally "
    "dialog/transcriptions/Ses*.txt and sentences/wav/<dialogue>/<turn>.wav",
    groups="speaker",
    modalities=("audio", "text"),
)
EMOTIONS = {
    "ang": "angry",
    "hap": "happy",
    "sad": "sad",
    "neu": "neutral",
    "fru": "frustrated",
    "exc": "excited",
    "fea": "fearful",
    "sur": "surprised",
    "dis": "disgusted",
    "oth": "other",
}
UNDECIDED = "xxx"  # no emotion was named by most of the people who judged the turn
DIALOGUE = r"Ses\d\d[FM]_(?:impro|script)\w+"
# "[6.2901 - 8.2357]<tab>Ses01F_impro01_F000<tab>neu<tab>[2.5000, 2.5000, 2.5000]": valence, activation, dominance.
NUMBER = r"\d+(?:\.\d*)?"
JUDGED = re.compile(
    rf"\[({NUMBER}) - ({NUMBER})\]\s+(({DIALOGUE})_([FM])\w{{3}})\s+(\w{{3}})\s+\[({NUMBER}), ({NUMBER}), ({NUMBER})\]\s*"
)
SPOKEN = re.compile(
    rf"({DIALOGUE}_[FM]\w{{3}}) \[[\d.]+-[\d.]+\]:(.*)"
)  # "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me."
COLUMNS = ["start", "dialogue", "gender", "emotion", "valence", "activation", "dominance"]


def read(root: Path) -> Corpus:
    """Read the turns of every session that is there.

    The group is the speaker: who speaks stands in the last part of a turn's name, the first only says who wore the markers.
    ``session`` holds both speakers of a recording together, as the official protocol does. ``turn`` counts all turns of a
    dialogue by when they begin, also those without a label; ``part`` says whether the dialogue was improvised or scripted.
    """
    # Beside these files stand folders with the answers of each person who judged.
    files = [path for path in find_files(root, rf"{DIALOGUE}\.txt") if path.parent.name == "EmoEvaluation"]
    if not files:
        raise INFO.not_found(root, "dialog/EmoEvaluation/Ses*.txt of any session")
    judged = {turn: values for path in files for turn, values in _judged(path)}
    if not judged:
        raise CorpusError(f"iemocap: no turn is judged in {len(files)} files such as {files[0].name}; fetch them again")
    table = pd.DataFrame.from_dict(judged, orient="index", columns=COLUMNS)
    table = table.sort_values(["dialogue", "start"], kind="stable")
    undecided = table["emotion"].eq(UNDECIDED)
    unknown = sorted(set(table["emotion"]) - {*EMOTIONS, UNDECIDED})
    if unknown:
        raise CorpusError(f"iemocap: emotions {unknown} are not known; they are {[*EMOTIONS, UNDECIDED]}")
    samples = pd.DataFrame(
        {
            "label": table["emotion"].map(EMOTIONS),
            "group": table["dialogue"].str[:5] + table["gender"],
            "session": table["dialogue"].str[:5],
            "gender": table["gender"].map({"F": "female", "M": "male"}),
            "part": ["scripted" if "_script" in dialogue else "improvised" for dialogue in table["dialogue"]],
            "dialogue": table["dialogue"],
            "turn": table.groupby("dialogue").cumcount(),
            **{name: table[name].astype(float) for name in ("valence", "activation", "dominance")},
        }
    )
    notes = []
    if undecided.any():
        notes.append(f"{undecided.sum()} of {len(table)} turns have no agreed emotion ({UNDECIDED}) and are left out")
    sounds, hollow = _sounds(root)
    notes += hollow
    for column, found in (("text", _texts(root)), ("audio", sounds)):
        values = pd.Series([found.get(turn) for turn in samples.index], index=samples.index, dtype=object)
        missing = values[~undecided].isna()
        if missing.all():
            notes.append(f"no {'transcriptions' if column == 'text' else 'sentences/wav'} below the root: no {column}")
            continue
        samples[column] = values
        if missing.any():
            notes.append(f"{missing.sum()} turns have no {column}, such as {missing.idxmax()}")
    return Corpus(INFO, check_samples(samples[~undecided]), {}, tuple(notes))


def _judged(path: Path) -> Iterator[tuple[str, list[str | float]]]:
    """Yield each turn of a dialogue's file with when it begins (s), its dialogue, who speaks, emotion and dimensions."""
    for line in read_lines(path):
        found = JUDGED.fullmatch(line)
        if found is not None:
            start, _, turn, dialogue, gender, emotion, *dimensions = found.groups()
            yield turn, [float(start), dialogue, gender, emotion, *map(float, dimensions)]


def _texts(root: Path) -> dict[str, str]:
    paths = [path for path in find_files(root, rf"{DIALOGUE}\.txt") if path.parent.name == "transcriptions"]
    found = (SPOKEN.fullmatch(line) for path in paths for line in read_lines(path))
    return {spoken.group(1): spoken.group(2).strip() for spoken in found if spoken is not None}


def _sounds(root: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    paths, notes = find_recordings(root, rf"{DIALOGUE}_[FM]\w{{3}}\.(wav|flac|WAV|FLAC)")
    return {path.stem: str(path) for path in paths}, notes
