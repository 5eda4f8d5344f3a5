"""SAVEE: four men speak English sentences in seven emotions, with painted faces in the video."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ...features.samples import check_samples
from .base import Corpus, CorpusInfo, find_recordings

INFO = CorpusInfo(
    name="savee",
    title="Surrey Audio-Visual Expressed Emotion Database",
    licence="research, after registration with the University of Surrey",
    source="http://kahlan.eps.surrey.ac.uk/savee/ (Haq and Jackson 2009, AVSP)",
    layout="AudioData/DC/a01.wav and AudioVisualClip/DC/a1.avi for the speakers DC, JE, JK and KL (either of the two), or "
    "DC_a01.wav in one folder, or the archives of these",
    groups="speaker",
    modalities=("audio", "video"),
)
SPEAKERS = ("DC", "JE", "JK", "KL")
EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
NAME = rf"(?:({'|'.join(SPEAKERS)})_)?({'|'.join(EMOTIONS)})(\d{{1,2}})"


def read(root: Path) -> Corpus:
    """Read the sound files and the videos; sound comes from its own file or else from the video.

    The speaker is told by the folder or by the beginning of the name. A clip is named ``DC_a01``.
    """
    files, notes = find_recordings(root, rf"{NAME}\.(?i:wav|flac|avi|mp4)")
    clips: dict[str, dict[str, str]] = {}
    for path in files:
        found = re.fullmatch(NAME, path.stem)
        assert found is not None
        speaker, emotion, number = found.groups()
        speaker = speaker or path.parent.name
        if speaker in SPEAKERS:
            part = "video" if path.suffix.lower() in (".avi", ".mp4") else "audio"
            clip = clips.setdefault(f"{speaker}_{emotion}{int(number):02d}", {})
            clip |= {part: str(path), "label": EMOTIONS[emotion], "group": speaker}
    if not clips:
        raise INFO.not_found(root, "sound files such as DC/a01.wav or DC_a01.wav, or videos such as DC/a1.avi", notes)
    rows = {
        name: {
            "audio": clip.get("audio", clip.get("video")),
            "video": clip.get("video"),
            "label": clip["label"],
            "group": clip["group"],
            "gender": "male",
        }
        for name, clip in sorted(clips.items())
    }
    samples = pd.DataFrame.from_dict(rows, orient="index").dropna(axis="columns", how="all")
    return Corpus(INFO, check_samples(samples), notes=notes)
