"""Pictures that are one photograph: hardly a pixel differs, on both sides of a fold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .audit_findings import Audited, Finding, listed
from .near_copies import CORRELATION, find_near_copies, picture_rows

MOST_PICTURES = 5000  # unless the study names near_copies: the cost grows with the square


def picture_findings(audited: Audited, hashes: Mapping[str, pd.Series], *, n_jobs: int = 1) -> list[Finding]:
    """Return how many test pictures of the folds are near copies of training pictures.

    Parameters
    ----------
    audited : Audited
    hashes : mapping of str to Series
        SHA-256 of the bytes of each sample's file, by column; pictures are looked at where ``image`` is one.
    n_jobs : int, default=1
        Threads that read them.
    """
    samples, study = audited.samples, audited.study
    if "image" not in hashes or not audited.folds:
        return []
    if "image" not in study.near_copies and len(samples) > MOST_PICTURES:
        message = (
            f"{len(samples)} pictures are not compared for near copies; near_copies = ['image'] in the study does it"
        )
        return [Finding("note", "near_duplicate_picture", "image", message, True)]
    copies = find_near_copies(picture_rows(samples["image"], n_jobs=n_jobs), audited.folds)
    tested = np.concatenate([fold.test for fold in audited.folds])
    if not copies.any():
        return []
    found = np.unique(tested[copies])  # a repeat of the folds tests everything again
    message = (
        f"{len(found)} of {len(np.unique(tested))} test pictures are near copies of training pictures (correlation over "
        f"{CORRELATION}): keep one of each, or give them a common group"
    )
    if "image" in study.near_copies:
        message += "; the run also reports its numbers without them"
    return [Finding(audited.leak, "near_duplicate_picture", listed(samples.index[found]), message, True)]
