"""MELD: utterances of the series Friends with seven emotions, speaker and dialogue, and their clips where they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.samples import check_samples, read_csv
from .base import Corpus, CorpusInfo, find_files, find_recordings, require_columns

INFO = CorpusInfo(
    name="meld",
    title="Multimodal EmotionLines Dataset",
    licence="GPL-3.0; the series itself is under copyright: research only",
    source="https://github.com/declare-lab/MELD (Poria et al. 2019, ACL)",
    layout="train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv (any of them); optionally the clips dia*_utt*.mp4 in "
    "train_splits, dev_splits_complete and output_repeated_splits_test, as folders or in zip archives",
    groups="speaker",
    modalities=("text", "audio", "video"),
)
COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
TIMES = ["Season", "Episode", "StartTime", "EndTime"]
CLIP = re.compile(r"(final_videos_test)?dia(\d+)_utt(\d+)\.mp4")
CLIP_FOLDERS = (("train", "train"), ("dev", "dev"), ("test", "test"), ("output_repeated_splits_test", "test"))
LISTED = 5


def read(root: Path) -> Corpus:
    """Read every official split that is there; ``label`` is the emotion, ``sentiment`` stands beside it.

    Where there are clips, ``video`` and ``audio`` are the same file, cut already. An utterance without one is absent there,
    and so is one whose clip is also another person's: where two people speak within one line of the subtitles, both turns
    were cut at its times.
    """
    parts = []
    for path in find_files(root, r"(train|dev|test)_sent_emo\.csv"):
        split = str(path.name).split("_", 1)[0]
        table = read_csv(path, names=("Speaker",), texts=("Utterance",))
        require_columns(table, COLUMNS, path.name)
        names = split + "_" + table["Dialogue_ID"].astype(str) + "_" + table["Utterance_ID"].astype(str)
        columns = {
            "text": table["Utterance"].fillna("").to_numpy(),
            "label": table["Emotion"].to_numpy(),
            "sentiment": table["Sentiment"].to_numpy(),
            "group": [re.sub(r"\s+", " ", str(name)).strip() for name in table["Speaker"]],
            "split": split,
            "dialogue": (split + "_" + table["Dialogue_ID"].astype(str)).to_numpy(),
            "turn": table["Utterance_ID"].to_numpy(),
        }
        times = {name: table[name].to_numpy() for name in TIMES} if set(TIMES) <= set(table.columns) else {}
        parts.append(pd.DataFrame(columns | times, index=pd.Index(names, dtype=object)))
    packed = _packed(root)
    if not parts:
        raise INFO.not_found(root, "train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv", packed)
    samples = pd.concat(parts)
    if samples.index.hasnans:
        raise TableError(f"{INFO.name}: a row has no Dialogue_ID or no Utterance_ID; fetch its table again")
    repeated = samples.index[samples.index.duplicated()]
    if len(repeated):
        raise TableError(f"{INFO.name}: the utterance {repeated[0]} stands in two rows of its table; fetch it again")
    clips, notes = _clips(root)
    paths = [clips.get(name) for name in samples.index]
    if any(path is not None for path in paths):
        shared = _of_two_people(samples)
        notes += _clip_notes(samples, paths, shared)
        media = pd.Series(paths, index=samples.index, dtype=object).where(~shared, None)
        samples = samples.assign(video=media, audio=media)
    else:
        notes += packed
    return Corpus(INFO, check_samples(samples.drop(columns=TIMES, errors="ignore")), {}, tuple(notes))


def _clips(root: Path) -> tuple[dict[str, str], list[str]]:
    """Return the path of each clip by the name of its sample, and what is to be said of empty files.

    The test folder also holds clips whose name begins with ``final_videos_test``; its publishers say to ignore those that
    the tables do not name, so one is taken only where its plain name is missing.
    """
    found: dict[str, str] = {}
    paths, notes = find_recordings(root, CLIP.pattern)
    for path in sorted(paths, key=lambda path: path.name.startswith("final_videos_test")):
        matched = CLIP.fullmatch(path.name)
        folders = reversed(path.relative_to(root).parts[:-1])
        split = next((split for folder in folders for start, split in CLIP_FOLDERS if folder.startswith(start)), None)
        if matched is not None and split is not None:
            found.setdefault(f"{split}_{matched.group(2)}_{matched.group(3)}", str(path))
    return found, list(notes)


def _of_two_people(samples: pd.DataFrame) -> pd.Series:
    """Return which utterances have the times of another person's."""
    if not set(TIMES) <= set(samples.columns):
        return pd.Series(False, index=samples.index)
    timed = samples.dropna(subset=TIMES)
    return timed.groupby(TIMES)["group"].transform("nunique").gt(1).reindex(samples.index, fill_value=False)


def _clip_notes(samples: pd.DataFrame, paths: list[str | None], shared: pd.Series) -> list[str]:
    there = pd.Series([path is not None for path in paths], index=samples.index)
    notes = []
    for split, found in there.groupby(samples["split"], sort=False):
        missing = list(found.index[~found])
        if len(missing) == len(found):
            notes.append(f"{split}: none of its {len(found)} utterances has a clip")
        elif missing:
            notes.append(f"{split}: {len(missing)} of {len(found)} utterances have no clip ({_listed(missing)})")
    double = list(samples.index[shared & there])
    if double:
        notes.append(f"{len(double)} clips are also another person's turn and left out ({_listed(double)})")
    return notes


def _packed(root: Path) -> list[str]:
    """Return what to do with the archives that clips are published in, where one is there; they cannot be read in place."""
    archives = find_files(root, r"(MELD\.Raw|train|dev|test)\.tar(\.gz)?")
    if not archives:
        return []
    names = ", ".join(dict.fromkeys(path.name for path in archives))
    return [f"{names} cannot be read in place: unpack each with tar -xf, and the archives in it too"]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + (" …" if len(names) > LISTED else "")
