"""RAVDESS: 24 actors speak and sing; sound, video and what OpenFace measured in the video, one row a take."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.samples import check_samples
from ...features.tables import read_feature_table
from .base import Corpus, CorpusInfo, find_files, find_recordings

INFO = CorpusInfo(
    name="ravdess",
    title="Ryerson Audio-Visual Database of Emotional Speech and Song",
    licence="CC BY-NC-SA 4.0: research, not commercial",
    source="https://zenodo.org/records/1188976 (Livingstone and Russo 2018, PLOS ONE 13(5)); tracked faces: "
    "https://zenodo.org/records/3255102",
    layout="Actor_01..Actor_24/MM-CC-EE-II-SS-RR-AA with sound (03-*.wav or .flac), video (01-*.mp4 with and 02-*.mp4 without "
    "sound) or both, speech (CC 01), song (CC 02) or both, as folders or in the published archives "
    "(Audio_Speech_Actors_01-24.zip, Audio_Song_Actors_01-24.zip, Video_Speech_Actor_01.zip, …); optionally "
    "openface_au_means.csv (columns clip, AUxx_r, AUxx_c) and FacialTracking_Actors_01-24.zip",
    groups="speaker",
    modalities=("audio", "video", "face"),
)
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
CHANNELS = {"01": "speech", "02": "song"}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
FACE_TABLE = "openface"


def read(root: Path) -> Corpus:
    """Read whatever parts are there: sound, video, tracked faces (files by picture, or the table of their means).

    A take is named as its sound file is (``03-…``), whether or not there is one, so that a name does not depend on what
    else was downloaded. Sound comes from its own file or else from the video.
    """
    files, notes = find_recordings(
        root, r"03-0[12](-\d\d){5}\.(?i:wav|flac)|0[12]-0[12](-\d\d){5}\.(?i:mp4)|0[12]-0[12](-\d\d){5}\.csv"
    )
    takes: dict[str, dict[str, str]] = {}
    for path in files:
        modality, take = path.stem[:2], path.stem[3:]
        part = "openface" if path.suffix == ".csv" else {"01": "with sound", "02": "silent", "03": "audio"}[modality]
        takes.setdefault(take, {})[part] = str(path)
    rows = {}
    for take, parts in sorted(takes.items()):
        channel, emotion, intensity, statement, repetition, actor = take.split("-")
        if emotion in EMOTIONS and statement in STATEMENTS:
            rows[f"03-{take}"] = {
                "audio": parts.get("audio", parts.get("with sound")),
                "video": parts.get("with sound", parts.get("silent")),
                "openface": parts.get("openface"),
                "text": STATEMENTS[statement],
                "label": EMOTIONS[emotion],
                "group": actor,
                "gender": "male" if int(actor) % 2 else "female",
                "intensity": "strong" if intensity == "02" else "normal",
                "statement": statement,
                "repetition": repetition,
                "channel": CHANNELS[channel],
            }
    if not rows:
        raise INFO.not_found(root, "sound files 03-CC-EE-II-SS-RR-AA or videos 01-CC-EE-II-SS-RR-AA", notes)
    samples = check_samples(pd.DataFrame.from_dict(rows, orient="index").dropna(axis="columns", how="all"))
    tables = {}
    face = _read_face(root, samples.index)
    if face is None:
        notes = (*notes, "no openface_au_means.csv below the root: a face block made of it is left out")
    else:
        tables[FACE_TABLE] = face
    return Corpus(INFO, samples, tables, notes)


def _read_face(root: Path, index: pd.Index) -> pd.DataFrame | None:
    """Return the action units by sample: the table names the take ``01-…`` (video), the sound file ``03-…``."""
    for path in find_files(root, r".*openface.*\.csv"):
        table = read_feature_table(path, key="clip")
        units = table[[column for column in table.columns if column.startswith("AU")]]
        if units.empty:
            raise TableError(f"{path.name}: no action-unit columns (AU01_r, AU01_c, …)")
        units.index = pd.Index(["03" + clip[2:] for clip in units.index], name="sample", dtype=object)
        if not units.index.is_unique:
            raise TableError(f"{path.name}: a take stands in several rows; keep one row of each")
        return units.reindex(index)
    return None
