"""Windows of one recording on both sides of a fold: neighbours in time are alike, whatever they express."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.samples import media_columns
from .audit_findings import Audited, Finding, keys_across
from .protocols import Fold

REMEDY = (
    "hold a recording together (protocol 'loro', or a group a recording), or cut it in time and drop what touches "
    "(protocol 'blocked')"
)


def recordings(samples: pd.DataFrame) -> pd.Series | None:
    """Return the recording that each sample is a window of; None where the table does not say.

    The column ``recording`` says it, or else one file with bounds in several samples.
    """
    if "recording" in samples and samples["recording"].notna().any():
        found = samples["recording"]
    elif "start_s" in samples or "end_s" in samples:
        paths = [column for column in media_columns() if column in samples and samples[column].notna().any()]
        if not paths:
            return None
        found = samples[paths[0]]
    else:
        return None
    return found if found.dropna().duplicated().any() else None


def window_findings(audited: Audited) -> list[Finding]:
    """Return what is to be said of windows of one recording that stand on both sides of a fold."""
    samples = audited.samples
    found = recordings(samples)
    if found is None:
        return []
    across = keys_across(found, [fold for fold in audited.folds if not fold.purged])
    pairs, longest = overlaps(samples, found, audited.folds)
    told = (
        f"; {pairs} of those windows overlap a training window in time, by up to {longest:.3g} s: they hold the very same "
        "signal"
        if pairs
        else ""
    )
    if across:
        message = across.told(samples.index, "are windows of recordings that training holds too")
        return [Finding(audited.leak, "windows_of_one_recording", "recording", f"{message}{told}: {REMEDY}", True)]
    if pairs:
        message = f"{pairs} test windows overlap a training window in time, by up to {longest:.3g} s: raise purge_s"
        return [Finding(audited.leak, "windows_of_one_recording", "recording", message, True)]
    return []


def overlaps(samples: pd.DataFrame, recording: pd.Series, folds: list[Fold]) -> tuple[int, float]:
    """Return how many test windows overlap a training window of their recording in the worst fold, and the longest overlap.

    Parameters
    ----------
    samples : pandas.DataFrame
        With ``start_s`` and ``end_s``; without both, nothing can be said and nothing is found.
    recording : pandas.Series
    folds : list of Fold

    Returns
    -------
    n_windows : int
    longest_s : float
    """
    if not {"start_s", "end_s"} <= set(samples.columns):
        return 0, 0.0
    start = samples["start_s"].fillna(0.0).to_numpy()
    end = samples["end_s"].fillna(np.inf).to_numpy()
    codes = pd.factorize(recording)[0]
    most, longest = 0, 0.0
    for fold in folds:
        count = 0
        for code in np.intersect1d(codes[fold.test], codes[fold.train]):
            if code < 0:
                continue
            test, train = (side[codes[side] == code] for side in (fold.test, fold.train))
            shared = _longest_overlap(start[test], end[test], start[train], end[train])
            count += int((shared > 1e-9).sum())
            longest = max(longest, float(shared.max()))
        most = max(most, count)
    return most, longest


def _longest_overlap(
    start: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
    other_start: npt.NDArray[np.float64],
    other_end: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return for each window its longest overlap (s) with any of the others; an open end is as long as it takes."""
    shared = np.minimum(end[:, None], other_end[None]) - np.maximum(start[:, None], other_start[None])
    return np.asarray(np.nan_to_num(shared, posinf=0.0).max(axis=1))
