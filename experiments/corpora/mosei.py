"""CMU-MOSEI: sentences of video monologues with a score of sentiment, and six emotions where the judges' answers are there."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd

from ...features.errors import CorpusError, TableError
from ...features.files import read_bytes
from ...features.label_spaces import SPACES
from ...features.samples import check_samples, read_csv
from .base import Corpus, CorpusInfo, find_files, find_recordings, require_columns
from .base_text import read_lines

INFO = CorpusInfo(
    name="mosei",
    title="CMU Multimodal Opinion Sentiment and Emotion Intensity",
    licence="research only; the videos are under the rights of their authors",
    source="https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK (Zadeh et al. 2018, ACL); label.csv and its clips from "
    "https://github.com/thuiar/MMSA (Yu et al. 2021, AAAI)",
    layout="label.csv (video_id, clip_id, text, label, mode) and optionally Raw/<video>/<clip>.mp4; or, out of CMU_MOSEI.zip, "
    "Transcript/Segmented/Combined/<video>.txt and Labels/*.csv, optionally Audio/Full/WAV_16000, Videos/Full/Combined or "
    "Videos/Segmented/Combined, and cmu_mosei_std_folds.py of the publisher's toolkit for the official split",
    groups="video",
    modalities=("text", "audio", "video"),
)
# The order of the publisher's own table of labels; beside it how the judges' answers are headed.
EMOTIONS = {
    "happy": "Answer.happiness",
    "sad": "Answer.sadness",
    "anger": "Answer.anger",
    "surprise": "Answer.surprise",
    "disgust": "Answer.disgust",
    "fear": "Answer.fear",
}
SENTIMENT = "Answer.sentiment"
FOLDS = {"standard_train_fold": "train", "standard_valid_fold": "valid", "standard_test_fold": "test"}


def read(root: Path) -> Corpus:
    """Read ``label.csv``, or else the transcripts with the answers of those who judged them.

    Columns of every sample: ``sentiment_score`` (-3 to 3), ``sentiment3`` by its sign, ``sentiment`` (positive or negative,
    as published since 2019; missing at 0), and ``sentiment7``, the nearest step of the scale, by which accuracies over seven
    classes are published (Tsai et al. 2019, ACL). ``label`` is the strongest emotion where emotions were judged, else
    ``sentiment3``. The group is the video: nobody published who speaks in it, and some people made several.
    """
    tables = find_files(root, r"label\.csv")
    transcripts = [
        path for path in find_files(root, r".+\.txt") if path.parts[-4:-1] == ("Transcript", "Segmented", "Combined")
    ]
    if tables:
        samples, notes = _labelled(tables[0])
    elif transcripts:
        samples, notes = _judged(root, transcripts)
    elif find_files(root, r"CMU_MOSEI_.*\.csd"):
        raise CorpusError(
            f"mosei: the computational sequences (*.csd) below {str(root)!r} are not read; get label.csv, or the folders "
            "Transcript and Labels out of CMU_MOSEI.zip"
        )
    else:
        raise INFO.not_found(root, "label.csv, or Transcript/Segmented/Combined/*.txt")
    samples, told = _with_media(samples, root)
    score = samples["sentiment_score"]
    polarity = np.sign(score).map({-1.0: "negative", 0.0: "neutral", 1.0: "positive"})
    samples = samples.assign(
        sentiment3=polarity,
        sentiment=polarity.where(polarity != "neutral", None),
        sentiment7=[SPACES["polarity7"][int(np.round(value)) + 3] for value in score],
    )
    if "label" not in samples:
        samples["label"] = polarity
    return Corpus(INFO, check_samples(samples), {}, (*notes, *told))


def _labelled(path: Path) -> tuple[pd.DataFrame, list[str]]:
    table = read_csv(path, names=("video_id", "clip_id"), texts=("text",))
    require_columns(table, ("video_id", "clip_id", "text", "label", "mode"), path.name)
    score = pd.to_numeric(table["label"], errors="coerce")
    bad = ~score.between(-3, 3)
    if bad.any():
        found = table.loc[bad, "label"].iloc[0]
        raise TableError(
            f"{path.name}: label must be a score of sentiment from -3 to 3, got {found!r} (row {bad.idxmax()}; {bad.sum()} in "
            "all); fetch it again"
        )
    samples = pd.DataFrame(
        {
            "text": table["text"].fillna(""),
            "sentiment_score": score,
            "group": table["video_id"],
            "split": table["mode"],
        }
    )
    return samples.set_axis(table["video_id"] + "_" + table["clip_id"]), []


def _judged(root: Path, transcripts: list[Path]) -> tuple[pd.DataFrame, list[str]]:
    """Join the transcripts with the mean answer of those who judged each segment."""
    segments, n_odd_lines = _segments(transcripts)
    answers, n_odd_answers = _answers(root)
    samples = segments[segments.index.isin(answers.index)].join(answers)
    if samples.empty:
        raise CorpusError(
            f"mosei: none of {len(segments)} transcribed segments below {str(root)!r} is judged in Labels/*.csv"
        )
    strengths = samples[list(EMOTIONS)]
    strongest = strengths.max(axis=1)
    ties = strengths.eq(strongest, axis=0).sum(axis=1).gt(1) & strongest.gt(0)
    samples["label"] = strengths.idxmax(axis=1).where(strongest > 0, "neutral")
    counts = {
        "lines of the transcripts are no segments and are left out": n_odd_lines,
        "answers are incomplete or off their scale and are left out": n_odd_answers,
        "transcribed segments were not judged and are left out": len(segments) - len(samples),
        "judged segments have no transcript and are left out": len(answers) - len(samples),
        f"segments have several strongest emotions: the first of {', '.join(EMOTIONS)} is taken": int(ties.sum()),
    }
    folds = find_files(root, r"cmu_mosei_std_folds\.py")
    if folds:
        samples["split"] = samples["group"].map(_folds(folds[0]))
        counts["segments are of videos that are in no official split"] = int(samples["split"].isna().sum())
    notes = [f"{count} {what}" for what, count in counts.items() if count]
    if not folds:
        notes.append("no cmu_mosei_std_folds.py below the root: the samples have no official split")
    return samples.rename(columns={name: f"{name}_score" for name in EMOTIONS}), notes


def _segments(transcripts: list[Path]) -> tuple[pd.DataFrame, int]:
    """Return a row a transcribed segment, out of lines ``video___segment___start___end___words``, and how many are none."""
    rows = {}
    n_odd = 0
    for path in transcripts:
        for line in filter(str.strip, read_lines(path)):
            # A name may itself end with underscores, so that the line cannot be parted before it is taken off.
            parts = line.removeprefix(f"{path.stem}___").split("___", 3)
            try:
                start_s, end_s = map(float, parts[1:3])
            except ValueError:
                n_odd += 1
                continue
            if len(parts) == 4 and 0 <= start_s < end_s < np.inf:
                rows[f"{path.stem}_{parts[0]}"] = (parts[3].strip(), path.stem, start_s, end_s)
            else:
                n_odd += 1
    return pd.DataFrame.from_dict(rows, orient="index", columns=["text", "group", "start_s", "end_s"]), n_odd


def _answers(root: Path) -> tuple[pd.DataFrame, int]:
    """Return the mean answers for each segment, and how many were unusable; what stands in two tables counts once."""
    columns = ["Input.VIDEO_ID", "Input.CLIP", SENTIMENT, *EMOTIONS.values()]
    parts = []
    for path in find_files(root, r".+\.csv"):
        if path.parent.name == "Labels":
            table = read_csv(path, names=("Input.VIDEO_ID", "Input.CLIP"))
            require_columns(table, columns, path.name)
            parts.append(table[[*columns, *(["AssignmentId"] if "AssignmentId" in table else [])]])
    if not parts:
        raise INFO.not_found(root, "Labels/*.csv beside the transcripts")
    answers = pd.concat(parts, ignore_index=True)
    if "AssignmentId" in answers:
        answers = answers[~answers["AssignmentId"].duplicated() | answers["AssignmentId"].isna()]
    # Some of the tables name a video with a folder before it.
    names = answers["Input.VIDEO_ID"].str.rpartition("/")[2] + "_" + answers["Input.CLIP"]
    values = answers[[SENTIMENT, *EMOTIONS.values()]].apply(pd.to_numeric, errors="coerce")
    usable = values[SENTIMENT].between(-3, 3) & values[list(EMOTIONS.values())].isin(range(4)).all(axis=1)
    means = values[usable].groupby(names[usable]).mean()
    headed = {SENTIMENT: "sentiment_score"} | {head: name for name, head in EMOTIONS.items()}
    return means.rename(columns=headed), int((~usable).sum())


def _folds(path: Path) -> dict[str, str]:
    """Return the official split of each video out of the lists of a Python file, which is read and never run."""
    found: dict[str, str] = {}
    try:
        for node in ast.parse(read_bytes(path)).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in FOLDS:
                found |= dict.fromkeys(map(str, ast.literal_eval(node.value)), FOLDS[node.targets[0].id])
    except (SyntaxError, ValueError) as error:
        raise CorpusError(f"{path.name}: lists of video names needed ({error}); fetch it again") from None
    return found


def _with_media(samples: pd.DataFrame, root: Path) -> tuple[pd.DataFrame, list[str]]:
    """Add ``video`` and ``audio`` where there are any: whole recordings with the bounds of the segment, or clips cut already.

    The publisher's own clips begin at the nearest key frame before the words, so whole recordings go before them.
    """
    whole, clips, sounds = {}, {}, {}
    paths, hollow = find_recordings(root, r"[^.].*\.(mp4|wav)")
    for path in paths:
        folders = path.parts[-4:-1]
        if folders[-2:] == ("Full", "Combined"):
            whole[path.stem] = str(path)
        elif folders[-2:] == ("Full", "WAV_16000"):
            sounds[path.stem] = str(path)
        elif folders[-2:] == ("Segmented", "Combined"):
            clips[path.stem] = str(path)
        elif path.suffix == ".mp4":
            clips[f"{path.parent.name}_{path.stem}"] = str(path)
    timed = "start_s" in samples
    rows: list[tuple[str | None, str | None, bool]] = []
    for name, video in samples["group"].items():
        sound, pictures, clip = sounds.get(video), whole.get(video), clips.get(str(name))
        if timed and pictures is not None:
            rows.append((pictures, sound or pictures, True))
        elif clip is not None:
            rows.append((clip, clip, False))
        else:
            rows.append((None, sound if timed else None, True))
    media = pd.DataFrame(rows, index=samples.index, columns=["video", "audio", "bounded"], dtype=object)
    notes = list(hollow)
    for column in ("video", "audio"):
        present = media[column].notna()
        if present.any():
            samples = samples.assign(**{column: media[column].where(present, None)})
            if not present.all():
                missing = media.index[~present]
                notes.append(f"{len(missing)} of {len(samples)} segments have no {column}, such as {missing[0]}")
    if timed:
        bounded = media["bounded"].astype(bool) & media["audio"].notna()
        if bounded.any():
            samples[["start_s", "end_s"]] = samples[["start_s", "end_s"]].where(bounded)
        else:
            samples = samples.drop(columns=["start_s", "end_s"])
    return samples, notes
