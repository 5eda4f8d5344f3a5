"""CREMA-D: 91 actors, what they said in sound and video, and the votes of people who heard, saw, or heard and saw it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ...features.errors import TableError
from ...features.samples import as_name, check_samples, read_csv
from .base import Corpus, CorpusInfo, find_files, find_recordings, require_columns

INFO = CorpusInfo(
    name="crema_d",
    title="Crowd-sourced Emotional Multimodal Actors Dataset",
    licence="Open Database License (ODbL)",
    source="https://github.com/CheyneyComputerScience/CREMA-D (Cao et al. 2014, IEEE TAC 5(4))",
    layout="tabulatedVotes.csv (votes), AudioWAV/1001_DFA_ANG_XX.wav or AudioMP3/*.mp3 (sound), VideoFlash/*.flv or *.mp4 "
    "(video): any of them, as folders or in a zip archive; optionally VideoDemographics.csv",
    groups="speaker",
    modalities=("voice", "face", "audio", "video"),
)
EMOTIONS = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
CODES = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
CONDITIONS = {"1": "voice", "2": "face", "3": "both"}
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified"}
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
NAME = rf"\d{{4}}_({'|'.join(SENTENCES)})_({'|'.join(CODES)})_(XX?|LO|MD|HI)"


def read(root: Path) -> Corpus:
    """Read the clips, the votes, or both, joined by the name of the clip.

    Votes are the tables ``voice``, ``face`` and ``both``, one column a class, shares that sum to 1. Sound comes from its
    own file or else from the video. Whether a clip has either is told by the column ``clip`` (yes or no).
    """
    clips, notes = _read_clips(root)
    votes = _read_votes(root)
    if votes is None and clips.empty:
        raise INFO.not_found(root, "tabulatedVotes.csv, and sound or video of clips,", notes)
    voted = [] if votes is None else [str(name) for name in votes["fileName"].unique()]
    names = pd.Series(sorted({*clips.index, *voted}), dtype=object)
    parts = names.str.split("_")
    samples = pd.DataFrame(
        {
            "text": parts.str[1].map(SENTENCES),
            "label": parts.str[2].map(CODES),
            "group": parts.str[0],
            "intensity": parts.str[3].map(INTENSITIES),
            "statement": parts.str[1],
        }
    ).set_index(pd.Index(names))
    samples["clip"] = np.where(samples.index.isin(clips.index), "yes", "no")
    demographics = find_files(root, r"VideoDemographics\.csv")
    if demographics:
        actors = read_csv(demographics[0])
        require_columns(actors, ("ActorID", "Sex"), demographics[0].name)
        sex = actors["Sex"].astype(str).str.lower().set_axis(actors["ActorID"].map(as_name))
        if not sex.index.is_unique:
            raise TableError(f"{demographics[0].name}: an ActorID stands in two rows; fetch the table again")
        samples["gender"] = samples["group"].map(sex)
    checked = check_samples(samples.join(clips))
    if votes is None:
        return Corpus(
            INFO, checked, {}, (*notes, "no tabulatedVotes.csv below the root: the votes (voice, face) are left out")
        )
    condition = votes.iloc[:, 0].astype(str).str[0].map(CONDITIONS)
    tables = {name: _shares(votes[condition == name], checked.index) for name in CONDITIONS.values()}
    return Corpus(INFO, checked, tables, notes)


def _read_clips(root: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the paths by clip, with the columns ``audio`` and ``video`` as far as there are any."""
    files, notes = find_recordings(root, rf"{NAME}\.(?i:wav|flac|mp3|flv|mp4)")
    found: dict[str, dict[str, str]] = {"video": {}, "mp3": {}, "wav": {}}
    for path in files:
        # One file of the publication, 1040_ITH_SAD_X.wav, lacks a letter of its clip's name.
        name = f"{path.stem}X" if path.stem.endswith("_X") else path.stem
        kind = {".flv": "video", ".mp4": "video", ".mp3": "mp3"}.get(path.suffix.lower(), "wav")
        found[kind][name] = str(path)
    sound = found["video"] | found["mp3"] | found["wav"]
    clips = pd.DataFrame({"audio": pd.Series(sound, dtype=object), "video": pd.Series(found["video"], dtype=object)})
    return clips.dropna(axis="columns", how="all"), notes


def _read_votes(root: Path) -> pd.DataFrame | None:
    paths = find_files(root, r"tabulatedVotes\.csv")
    if not paths:
        return None
    votes = read_csv(paths[0])
    require_columns(votes, (*EMOTIONS, "fileName"), paths[0].name)
    counts = votes[list(EMOTIONS)].apply(pd.to_numeric, errors="coerce")
    if not ((counts >= 0) & (counts < np.inf)).all(axis=None) or votes["fileName"].isna().any():
        raise TableError(f"{paths[0].name}: a row has no clip, or votes that are no counts; fetch the table again")
    return votes.assign(**counts)


def _shares(votes: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    counts = votes.groupby("fileName")[list(EMOTIONS)].sum().rename(columns=EMOTIONS)
    totals = counts.sum(axis=1).replace(0, np.nan)
    return counts.div(totals, axis=0).reindex(index)
