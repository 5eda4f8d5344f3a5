"""EEG brainwave, "feeling emotions": a table of features of windows of two people's EEG, and which windows are neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ...features.errors import TableError
from ...features.samples import check_samples, read_csv
from .base import Corpus, CorpusInfo, find_files, require_columns

INFO = CorpusInfo(
    name="eeg_brainwave",
    title="EEG brainwave dataset: feeling emotions (features by window of a Muse headband)",
    licence="published for research",
    source="https://www.kaggle.com/datasets/birdy654/eeg-brainwave-dataset-feeling-emotions (Bird et al. 2019, Mental "
    "emotional sentiment classification with an EEG-based brain-machine interface, DISP)",
    layout="emotions.csv: mean_0_a .. fft_749_a of one window, mean_0_b .. fft_749_b of the next, label NEGATIVE, NEUTRAL or "
    "POSITIVE; the recordings themselves are not published (those of mental states are: corpus muse_mental)",
    groups="window",
    modalities=("eeg",),
)
LABELS = {"NEGATIVE": "negative", "NEUTRAL": "neutral", "POSITIVE": "positive"}
TABLE = "windows"


def read(root: Path) -> Corpus:
    """Read the table: ``windows`` holds all of its columns, and ``recording`` tells windows apart that were never neighbours.

    The publisher's program (https://github.com/jordan-bird/eeg-feature-generation) cuts a recording into windows of 1 s, one
    every half second, writes each window's features beside those of the window before it, and shuffles the rows. So there
    are no subjects in the table and no recordings. But the second half of a row is, digit by digit, the first half of the
    row that followed it: rows linked in this way are of one recording. One that was cut somewhere, or of which a row is
    missing, comes apart; two are never joined but by windows that are alike in every digit.
    """
    tables = find_files(root, r"emotions\.csv")
    if not tables:
        raise INFO.not_found(root, "emotions.csv")
    table = read_csv(tables[0]).rename(columns=lambda name: name.removeprefix("# "))
    require_columns(table, ("label",), tables[0].name)
    strangers = sorted(set(table["label"].dropna()) - set(LABELS))
    if strangers:
        raise TableError(f"{tables[0].name}: labels are {list(LABELS)}, got {strangers[:5]}")
    features = table.drop(columns="label")
    texts = [str(name) for name in features if features[name].dtype.kind not in "fiub"]
    if texts:
        raise TableError(f"{tables[0].name}: columns {texts[:3]} hold something else than numbers; fetch it again")
    names = pd.Index([f"window{number:05d}" for number in range(1, len(table) + 1)], dtype=object)
    samples = pd.DataFrame({"label": table["label"].map(LABELS).to_numpy()}, index=names)
    first, second = _halves(features, tables[0].name)
    recordings = _linked(features[first], features[second])
    n_recordings = len(np.unique(recordings))
    note = "no two rows are neighbours, so that none is known to be of the same recording as another"
    if n_recordings < len(samples):
        samples["recording"] = [f"recording{number + 1:03d}" for number in recordings]
        note = (
            f"neighbouring windows share half of their columns: by these, {len(samples)} windows are of {n_recordings} "
            "recordings, whose subjects are not known"
        )
    return Corpus(INFO, check_samples(samples), {TABLE: features.set_index(names)}, (note,))


def _halves(features: pd.DataFrame, name: str) -> tuple[list[str], list[str]]:
    """Return the columns of the earlier and of the later window, in the same order.

    Some measures have one name in the publisher's program; the second of two ends in ``a2`` or ``b2``.
    """
    columns = list(map(str, features.columns))
    first = [column for column in columns if column.rpartition("_")[2] in ("a", "a2")]
    second = ["_b".join(column.rsplit("_a", 1)) for column in first]
    missing = [column for column in second if column not in columns]
    if not first or missing:
        raise TableError(
            f"{name}: columns of one window (mean_0_a ..) and of the next (mean_0_b ..) needed, {missing[:3] or 'both'} missing"
        )
    return first, second


def _linked(first: pd.DataFrame, second: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Return the number of each row's recording, by the order in which recordings appear: ndarray of shape (n_rows,)."""
    n_rows = len(first)
    # Each window gets a number; a row links the one to the other, and rows that share a window are of one recording.
    windows = np.concatenate([first.to_numpy(dtype=np.float64), second.to_numpy(dtype=np.float64)])
    codes = pd.factorize(np.array([row.tobytes() for row in windows], dtype=object))[0]
    n_windows = codes.max() + 1
    links = coo_array((np.ones(n_rows), (codes[:n_rows], codes[n_rows:])), shape=(n_windows, n_windows))
    recordings = connected_components(links, directed=False)[1][codes[:n_rows]]
    return np.asarray(pd.factorize(recordings)[0])
