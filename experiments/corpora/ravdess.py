"""RAVDESS speech: sound of 24 actors, joined with OpenFace action units of the video of the same take."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.samples import check_samples
from ...features.tables import read_feature_table
from .base import Corpus, CorpusInfo, find_files

INFO = CorpusInfo(
    name="ravdess",
    title="Ryerson Audio-Visual Database of Emotional Speech and Song (speech part)",
    licence="CC BY-NC-SA 4.0: research, not commercial",
    source="https://zenodo.org/records/1188976 (Livingstone and Russo 2018, PLOS ONE 13(5))",
    layout="Actor_01..Actor_24/03-01-EE-II-SS-RR-AA.wav or .flac, as folders or in the published zip archive; "
    "optionally openface_au_means.csv (columns clip, AUxx_r, AUxx_c)",
    groups="speaker",
    modalities=("audio", "face"),
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
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
FACE_TABLE = "openface"


def read(root: Path) -> Corpus:
    """Read the sound files of the speech part and, where it is there, the OpenFace table."""
    files = {path.stem: path for path in find_files(root, r"03-01(-\d\d){5}\.(wav|flac|WAV|FLAC)")}
    rows = {}
    for stem, path in sorted(files.items()):
        emotion, intensity, statement, repetition, actor = stem.split("-")[2:]
        if emotion in EMOTIONS and statement in STATEMENTS:
            rows[stem] = {
                "audio": str(path),
                "text": STATEMENTS[statement],
                "label": EMOTIONS[emotion],
                "group": actor,
                "gender": "male" if int(actor) % 2 else "female",
                "intensity": "strong" if intensity == "02" else "normal",
                "statement": statement,
                "repetition": repetition,
            }
    if not rows:
        raise INFO.not_found(root, "sound files 03-01-EE-II-SS-RR-AA")
    samples = check_samples(pd.DataFrame.from_dict(rows, orient="index"))
    tables, notes = {}, []
    face = _read_face(root, samples.index)
    if face is None:
        notes.append("no openface_au_means.csv below the root: the face block is left out")
    else:
        tables[FACE_TABLE] = face
    return Corpus(INFO, samples, tables, tuple(notes))


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
