"""How long things are: sounds, videos and recordings by their headers, texts in words, dialogues in turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.batch import attempt_each
from ..features.errors import SampleError
from ..features.extractors import make_extractor
from ..features.lengths import recording_seconds, sound_seconds, video_seconds
from .explore_data import Explored
from .study import Study

MOST_HEADERS, MOST_RECORDINGS = 2000, 200  # read of a column; a header takes 1 ms, a CSV recording is parsed whole
QUANTILES = {"shortest": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "longest": 1.0}
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lengths:
    """The lengths of one kind of thing.

    Attributes
    ----------
    name, title, unit : str
    values : pandas.Series
        By sample or, without ``labels``, by thing.
    labels : pandas.Series or None
        The class of each; None where classes do not apply.
    of : int
        How many there are, of which the values may be a random part.
    n_unread : int
        How many of that part could not be read.
    """

    name: str
    title: str
    unit: str
    values: pd.Series
    labels: pd.Series | None
    of: int
    n_unread: int = 0

    def summary(self) -> dict[str, Any]:
        """Return quantiles, over all and by class."""
        found: dict[str, Any] = {"unit": self.unit, "n": len(self.values), "of": self.of, "n_unread": self.n_unread}
        found["all"] = quantiles(self.values)
        if self.labels is not None:
            found["by_class"] = {str(name): quantiles(part) for name, part in self.values.groupby(self.labels)}
        return found


def all_lengths(explored: Explored, *, n_jobs: int = 1) -> list[Lengths]:
    """Return the lengths of everything that has one."""
    samples = explored.samples
    found = []
    for column, title in (("audio", "Sound"), ("video", "Video"), ("eeg", "EEG"), ("physiology", "Physiology")):
        if column in samples and samples[column].notna().any():
            found.append(_media(explored, column, title, n_jobs))
    if "text" in samples and samples["text"].notna().any():
        texts = samples["text"].dropna()
        words = pd.Series([float(len(text.split())) for text in texts], index=texts.index)
        found.append(Lengths("text", "Text", "words", words, samples["label"][words.index], len(words)))
    for column, title, unit in (("recording", "Recordings", "samples"), ("dialogue", "Dialogues", "turns")):
        if column in samples and samples[column].notna().any():
            sizes = samples[column].value_counts().astype(np.float64)
            found.append(Lengths(column, title, unit, sizes, None, len(sizes)))
    return [lengths for lengths in found if len(lengths.values) or lengths.n_unread]


def quantiles(values: pd.Series) -> dict[str, float]:
    """Return seven quantiles and the mean; empty for no values."""
    if values.empty:
        return {}
    held = values.to_numpy(dtype=np.float64)
    return {name: float(np.quantile(held, share)) for name, share in QUANTILES.items()} | {"mean": float(held.mean())}


def declared_rate(study: Study, column: str) -> float | None:
    """Return the sampling rate that a study declares for the recordings of a column."""
    for spec in study.blocks.values():
        if spec.extractor not in ("table", "text") and "sampling_rate_hz" in spec.parameters:
            given = spec.parameters["sampling_rate_hz"]
            if make_extractor(spec.extractor, spec.parameters).source_column == column and given is not None:
                return float(max(given.values())) if isinstance(given, dict) else float(given)
    return None


def _media(explored: Explored, column: str, title: str, n_jobs: int) -> Lengths:
    """Return the lengths of files, or of the clips that are cut from them: a clip with both bounds needs no file."""
    samples = explored.samples[explored.samples[column].notna()]
    bounds = samples.reindex(columns=["start_s", "end_s"]).astype(np.float64)
    seconds = bounds["end_s"] - bounds["start_s"].fillna(0.0)
    unknown = samples.index[seconds.isna()]
    measure: Callable[[str], float]
    if column in ("audio", "video"):
        most, measure = MOST_HEADERS, sound_seconds if column == "audio" else video_seconds
    else:
        most = MOST_RECORDINGS
        measure = partial(recording_seconds, sampling_rate_hz=declared_rate(explored.study, column))
    if len(unknown) > most:
        random = np.random.default_rng(explored.study.seed)
        unknown = unknown[np.sort(random.choice(len(unknown), most, replace=False))]
    n_unread = 0
    for name, outcome in attempt_each(lambda name: measure(str(samples.at[name, column])), list(unknown), n_jobs):
        if isinstance(outcome, SampleError):
            n_unread += 1
        else:
            seconds[name] = max(0.0, outcome - float(bounds["start_s"].fillna(0.0)[name]))
    known = seconds.dropna()
    return Lengths(column, title, "seconds", known, samples["label"][known.index], len(samples), n_unread)
