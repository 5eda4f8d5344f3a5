"""How well a block names the speaker: natural in a voice, and what a split that shares speakers would be paid for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from .audit_findings import Audited, Finding

FEWEST_GROUPS = 3
FEWEST_ROWS = 6  # of a group, two in each fold
N_FOLDS = 3


def speaker_findings(
    audited: Audited, seen: Mapping[str, npt.NDArray[np.float64]], rows: npt.NDArray[np.intp]
) -> list[Finding]:
    """Return for each modality how often a small linear probe names the group of rows that it was not fitted on.

    Parameters
    ----------
    audited : Audited
    seen : mapping of str to ndarray of shape (n_rows, n_components)
        Components of each modality for the samples at ``rows``; NaN where absent.
    rows : ndarray of shape (n_rows,)
    """
    if "group" not in audited.samples:
        return []
    groups = audited.samples["group"].to_numpy(dtype=str)[rows]
    findings = []
    for name, values in seen.items():
        probed = speaker_accuracy(values, groups)
        if probed is not None:
            accuracy, chance = probed
            message = f"a linear probe names the {audited.group_name} of a row with accuracy {accuracy:.2f} (chance {chance:.2f})"
            if accuracy > 2 * chance and accuracy - chance > 0.1:
                message += f": a split that has a {audited.group_name} on both sides would be paid for it"
            findings.append(Finding("note", "speaker_probe", name, message, True))
    return findings


def speaker_accuracy(values: npt.NDArray[np.float64], groups: npt.NDArray[np.str_]) -> tuple[float, float] | None:
    """Return the accuracy of naming the group by three folds inside each group, and the largest group's share.

    None where fewer than three groups have six rows.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    held = ~np.isnan(values).any(axis=1)
    counts = pd.Series(groups[held]).value_counts()
    held &= np.isin(groups, counts.index[counts >= FEWEST_ROWS].to_numpy(dtype=str))
    if len(np.unique(groups[held])) < FEWEST_GROUPS:
        return None
    probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a component may be constant within a fold
        accuracy = cross_val_score(probe, values[held], groups[held], cv=folds).mean()
    return float(accuracy), float(pd.Series(groups[held]).value_counts(normalize=True).max())
