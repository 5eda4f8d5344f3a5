"""Near copies: test samples that training holds almost pixel for pixel, and what a run's numbers are without them.

The bytes of such samples differ (another compression, another crop), so that the check of a split does not see them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.batch import attempt_each
from ..features.errors import StudyError
from ..features.files import read_bytes
from ..features.pictures import decode_picture, grey
from ..fusion.blocks import select_block
from .corpora import Corpus
from .protocols import Fold
from .results import Evaluated, other_protocol
from .study import Study

CORRELATION = 0.98  # pairs of FER2013 above it show one photograph, by eye
SIDE_PX = 48
BATCH = 512


def without_near_copies(
    study: Study, corpus: Corpus, evaluated: Evaluated, X: pd.DataFrame, *, leaky: bool, n_jobs: int = 1
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a run's numbers over the test samples that are no near copies of training samples.

    Parameters
    ----------
    study : Study
        Its ``near_copies`` names what samples are compared by: ``image``, the pictures as they are, or blocks.
    corpus : Corpus
    evaluated : Evaluated
        The answers of all folds.
    X : pandas.DataFrame
        The block table.
    leaky : bool
        Whether the numbers are stamped so; what is left may still hold copies that the comparison does not see.
    n_jobs : int, default=1

    Returns
    -------
    numbers : list of dict
        As of other protocols in ``results.json``, with ``n_near_copies``; one for each name that the corpus has.
    notes : list of str
        How many near copies there are.

    Raises
    ------
    StudyError
        Every test sample is a near copy.
    """
    found, notes = [], []
    for name in study.near_copies:
        if name in X.columns.get_level_values(0):
            rows = select_block(X, name).to_numpy(dtype=np.float32)
        elif name in corpus.samples:
            rows = picture_rows(corpus.samples[name], n_jobs=n_jobs)
        else:
            continue
        copies = find_near_copies(rows, evaluated.folds)
        if copies.all():
            raise StudyError(f"every test sample is a near copy of a training sample by {name!r}; split otherwise")
        share = f"{copies.sum()} of {len(copies)} test samples ({copies.mean():.1%})"
        notes.append(f"near copies: {share} correlate over {CORRELATION} with a training sample by {name!r}")
        numbers = other_protocol(study, study.protocol, corpus, without_rows(evaluated, copies), leaky=leaky)
        numbers["protocol"] |= {
            "name": f"{study.protocol.name} without near copies ({name})",
            "n_near_copies": int(copies.sum()),
        }
        found.append(numbers)
    return found, notes


def find_near_copies(rows: npt.NDArray[np.float32], folds: list[Fold]) -> npt.NDArray[np.bool_]:
    """Return which test rows correlate over .98 with a training row of their fold.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_values)
        Values of one nature, such as the pixels of a picture. A row with a missing value is no copy of anything.
    folds : list of Fold

    Returns
    -------
    ndarray of shape (n_tested,), bool
        In the order of the folds' test rows.

    Examples
    --------
    >>> rows = np.array([[0, 1, 2], [5, 3, 4], [1, 3, 5]], dtype=np.float32)
    >>> find_near_copies(rows, [Fold("1", np.array([0]), np.array([1, 2]))]).tolist()
    [False, True]
    """
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    rows = np.nan_to_num(rows / np.where(length > 0, length, np.inf), nan=0.0)
    found = []
    for fold in folds:
        train = rows[fold.train]
        for first in range(0, len(fold.test), BATCH):
            part = rows[fold.test[first : first + BATCH]]
            found.append((part @ train.T).max(axis=1) > CORRELATION)
    return np.concatenate(found)


def picture_rows(sources: pd.Series, *, n_jobs: int = 1) -> npt.NDArray[np.float32]:
    """Return the grey values of pictures at 48 x 48 pixels, a row each; NaN where there is none, or none that can be read.

    Parameters
    ----------
    sources : pandas.Series of str
        Paths; missing where there is no picture.
    n_jobs : int, default=1

    Returns
    -------
    ndarray of shape (n_sources, 2304), float32
    """
    rows = np.full((len(sources), SIDE_PX**2), np.nan, dtype=np.float32)
    paths = {number: path for number, path in enumerate(sources) if isinstance(path, str)}
    for number, outcome in attempt_each(lambda number: _grey_values(paths[number]), list(paths), n_jobs):
        if isinstance(outcome, np.ndarray):
            rows[number] = outcome
    return rows


def without_rows(evaluated: Evaluated, rows: npt.NDArray[np.bool_]) -> Evaluated:
    """Return the answers of all folds less some of the test rows; a fold that has none left is dropped."""
    kept = ~rows
    ends = np.cumsum([len(fold.test) for fold in evaluated.folds])[:-1]
    folds = [
        replace(fold, test=fold.test[part]) for fold, part in zip(evaluated.folds, np.split(kept, ends), strict=True)
    ]
    return replace(
        evaluated,
        folds=[fold for fold in folds if len(fold.test)],
        outcomes=[outcome for outcome, fold in zip(evaluated.outcomes, folds, strict=True) if len(fold.test)],
        probabilities={key: answers[kept] for key, answers in evaluated.probabilities.items()},
    )


def _grey_values(path: str) -> npt.NDArray[np.uint8]:
    from PIL import Image

    picture = Image.fromarray(grey(decode_picture(read_bytes(path)).pixels))
    return np.asarray(picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)).ravel()
