"""Clips cut into windows where a study says so: each window becomes a sample with the label of its clip."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from ..features.batch import attempt_each
from ..features.errors import SampleError, StudyError
from ..features.lengths import sound_seconds, video_seconds
from ..features.windows import make_windows, window_table
from .corpora import Corpus
from .study import Study

MEASURED = {"video": video_seconds, "audio": sound_seconds}  # by whose headers the length of a clip is known
RECORDINGS = ("eeg", "physiology")


def windowed(study: Study, corpus: Corpus, *, n_jobs: int = 1) -> Corpus:
    """Return the corpus with a row a window in place of a row a clip, where a study has ``window_s``.

    Parameters
    ----------
    study : Study
    corpus : Corpus
        Its clips keep their bounds: windows of a row with ``start_s`` and ``end_s`` lie inside them.
    n_jobs : int, default=1

    Returns
    -------
    Corpus
        Windows are called ``<sample>@<start>`` and have, beside the columns of their clip, ``recording`` (its name),
        ``start_s`` and ``end_s``. A clip that is shorter than a window is one.

    Raises
    ------
    StudyError
        The samples are windows already, or no block reads a medium that has a length.

    Notes
    -----
    A clip is as long as its video, or else its sound, says. Every modality of a window is measured between the same two
    seconds; a text is that of the whole clip.
    """
    if study.window_s is None:
        return corpus
    samples = corpus.samples
    if "recording" in samples:
        raise StudyError("window_s: the samples are parts of recordings already; leave it out")
    step_s = study.window_s if study.step_s is None else study.step_s
    read = {spec.source for spec in study.blocks.values()}
    if "image" in read and "image" not in samples:  # then it is pictures of the videos that are measured
        read.add("video")
    column = next((name for name in (*MEASURED, *RECORDINGS) if name in read and name in samples), None)
    if column is None:
        raise StudyError(f"window_s: none of the blocks reads {', '.join((*MEASURED, *RECORDINGS))}; leave it out")
    if column in RECORDINGS:
        rate = next(
            (
                spec.parameters["sampling_rate_hz"]
                for spec in study.blocks.values()
                if "sampling_rate_hz" in spec.parameters
            ),
            None,
        )
        table, notes = window_table(
            samples, window_s=study.window_s, step_s=step_s, sampling_rate_hz=rate, column=column
        )
    else:
        table, notes = _cut(samples, column, study.window_s, step_s, n_jobs)
    return replace(corpus, samples=table, notes=(*corpus.notes, *notes))


def _cut(
    samples: pd.DataFrame, column: str, window_s: float, step_s: float, n_jobs: int
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a row a window of clips with sound or pictures, and notes on clips of unknown length, which stay whole."""
    bounds = samples.reindex(columns=["start_s", "end_s"]).astype(np.float64)
    ends = bounds["end_s"].copy()
    unknown = [name for name in samples.index[ends.isna()] if isinstance(samples.at[name, column], str)]
    notes = []
    measure = partial(_seconds, samples[column], column)
    for name, found in attempt_each(measure, unknown, n_jobs):
        if isinstance(found, SampleError):
            notes.append(f"{name}: not cut into windows, its length is unknown ({found})")
        else:
            ends[name] = found
    positions: list[int] = []
    starts: list[float] = []
    stops: list[float] = []
    for position, (first, given, end) in enumerate(zip(bounds["start_s"], bounds["end_s"], ends, strict=True)):
        begin = 0.0 if np.isnan(first) else float(first)
        cut = [] if np.isnan(end) else (begin + make_windows(end - begin, window_s, step_s)).round(3).tolist()
        positions += [position] * max(len(cut), 1)
        starts += cut or [float(first)]
        stops += [round(start + window_s, 3) for start in cut] or [float(given)]
    table = samples.iloc[positions]
    table = table.assign(recording=table.index, start_s=starts, end_s=stops)
    names = [f"{name}@{0.0 if np.isnan(start) else start:.3f}" for name, start in zip(table.index, starts, strict=True)]
    return table.set_axis(pd.Index(names, name="sample", dtype=object)), tuple(sorted(notes))


def _seconds(paths: pd.Series, column: str, name: str) -> float:
    return MEASURED[column](str(paths[name]))
