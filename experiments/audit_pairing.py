"""Whether the modalities of a row were recorded together, or only put together because their labels are equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from .audit_findings import Audited, Finding

SHUFFLES = 999
P = 0.05
# Measured on true pairs: sound and face of RAVDESS, and votes on voice and face of CREMA-D, have p < .02 from 100 rows on.
# Two scripted sentences and a face, or single signals of WESAD, can look unrelated in a thousand rows: hence RICH.
FEWEST_ROWS = 100
SURE_ROWS = 400
RICH = 5  # components; a modality of fewer cannot prove that it belongs to another row
SPEAKER_ROWS = 500  # rows beyond the number of speakers' classes: with fewer, traits of the speaker hide the rest

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pairing:
    """How surely two modalities of a row are related beyond the label, and beyond label and speaker (p values)."""

    n_rows: int
    p_label: float
    p_speaker: float | None

    @property
    def p(self) -> float:
        """Of both tests together, by Bonferroni's inequality."""
        return self.p_label if self.p_speaker is None else min(1.0, 2 * min(self.p_label, self.p_speaker))


def pairing(one: Rows, other: Rows, labels: npt.NDArray[np.object_], groups: npt.NDArray[np.object_] | None) -> Pairing:
    """Test whether rows of two modalities belong together, given the label.

    Parameters
    ----------
    one, other : ndarray of shape (n_samples, n_components)
        NaN in rows where the modality is absent.
    labels : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,), optional

    Returns
    -------
    Pairing

    Notes
    -----
    The statistic is the sum of squared correlations between all components, after the mean of each class is taken from
    both: the RV coefficient of Robert and Escoufier (1976), Applied Statistics 25(3), of whitened components, which is the
    Hilbert-Schmidt independence criterion with linear kernels (Gretton et al. 2005). Rows of one modality are shuffled
    within each class, 999 times. A second test takes the means of, and shuffles within, each class of each group: what
    is left is no trait of the speaker.
    """
    held = ~(np.isnan(one).any(axis=1) | np.isnan(other).any(axis=1))
    one, other = one[held], other[held]
    _, classes = np.unique(labels[held].astype(str), return_inverse=True)
    random = np.random.default_rng(0)
    p_label = _dependence(one, other, classes, random)
    if groups is None:
        return Pairing(int(held.sum()), p_label, None)
    speakers = np.unique(groups[held].astype(str), return_inverse=True)[1]
    cells = np.unique(classes * (speakers.max() + 1) + speakers, return_inverse=True)[1]
    company = np.bincount(cells)[cells] > 1
    cells = np.unique(cells[company], return_inverse=True)[1]
    if company.sum() - len(np.unique(cells)) < SPEAKER_ROWS:
        return Pairing(int(held.sum()), p_label, None)
    return Pairing(int(held.sum()), p_label, _dependence(one[company], other[company], cells, random))


def pairing_findings(
    audited: Audited, seen: Mapping[str, Rows], sources: Mapping[str, str], rows: npt.NDArray[np.intp]
) -> list[Finding]:
    """Return what is to be said of each pair of modalities.

    Parameters
    ----------
    audited : Audited
    seen : mapping of str to ndarray of shape (n_rows, n_components)
        Components of each modality for the samples at ``rows``.
    sources : mapping of str to str
        The table or the files of each modality; columns of one table are one row by whoever wrote it, and not judged.
    rows : ndarray of shape (n_rows,)
    """
    samples = audited.samples.iloc[rows]
    labels = samples["label"].to_numpy(dtype=object)
    groups = samples["group"].to_numpy(dtype=object) if "group" in samples else None
    findings = []
    for one, other in combinations(seen, 2):
        if sources[one] == sources[other]:
            continue
        both = ~(np.isnan(seen[one]).any(axis=1) | np.isnan(seen[other]).any(axis=1))
        if both.sum() < FEWEST_ROWS:
            message = f"{int(both.sum())} samples have both, too few to tell whether they were recorded together"
            findings.append(Finding("note", "pairing", f"{one}, {other}", message, True))
        else:
            rich = min(seen[one].shape[1], seen[other].shape[1]) >= RICH
            found = pairing(seen[one], seen[other], labels, groups)
            findings.append(
                _made_apart(one, other, found) if audited.synthetic else _judged(one, other, found, rich=rich)
            )
    return findings


def _judged(one: str, other: str, found: Pairing, *, rich: bool) -> Finding:
    where = f"{one}, {other}"
    if found.p > P and not rich:
        message = f"too little is in one of them to tell whether they were recorded together (p = {found.p:.2f})"
        return Finding("note", "pairing", where, message, True)
    if found.p > P:
        message = (
            f"unpaired: {one} and {other} of a row are no more alike than those of two random rows of the same label "
            f"(p = {found.p:.2f}, {found.n_rows} rows): were they recorded together? Join modalities by the "
            "recording, never by the label; fusion of others can show nothing but how they were joined"
        )
        return Finding("refused" if found.n_rows >= SURE_ROWS else "warning", "unpaired", where, message, True)
    if found.p_speaker is not None and found.p_speaker > P and rich:
        message = (
            f"{one} and {other} of a row are alike by the speaker (p = {found.p_label:.3f}), and no more alike than those "
            f"of two random rows of one speaker and label (p = {found.p_speaker:.2f}): are the rows of a speaker in order?"
        )
        return Finding("warning", "unpaired", where, message, True)
    speaker = "" if found.p_speaker is None else f", {shown_p(found.p_speaker)} beyond label and speaker"
    message = f"recorded together, by what they share beyond the label ({shown_p(found.p_label)}{speaker})"
    return Finding("note", "pairing", where, message, True)


def _made_apart(one: str, other: str, found: Pairing) -> Finding:
    apart = "nothing but the label" if found.p > P else "something beyond the label"
    message = f"synthetic: made by a program, {one} and {other} share {apart} (p = {found.p:.3f})"
    return Finding("note", "pairing", f"{one}, {other}", message, True)


def shown_p(p: float) -> str:
    """Return a p value as it is printed; the least that shuffling can give is 1 in 1,000."""
    return "p = .001 or less" if p <= 1 / (1 + SHUFFLES) else f"p = {p:.3f}"


def _dependence(one: Rows, other: Rows, cells: npt.NDArray[np.intp], random: np.random.Generator) -> float:
    """Return the p value of the dependence of two sets of rows within cells, by shuffling within cells."""
    left, right = _whitened(_centred(one, cells)), _whitened(_centred(other, cells))
    order = np.argsort(cells, kind="stable")
    left, right, ordered = left[order], right[order], cells[order]
    observed = _strength(left, right)
    as_strong = 0
    for _ in range(SHUFFLES):
        shuffled = np.lexsort((random.random(len(ordered)), ordered))
        as_strong += _strength(left, right[shuffled]) >= observed - 1e-12
    return (1 + as_strong) / (1 + SHUFFLES)


def _strength(left: Rows, right: Rows) -> float:
    return float(np.square(left.T @ right).sum())


def _centred(rows: Rows, cells: npt.NDArray[np.intp]) -> Rows:
    counts = np.bincount(cells)
    sums = np.zeros((len(counts), rows.shape[1]))
    np.add.at(sums, cells, rows)
    return np.asarray(rows - (sums / np.maximum(counts, 1)[:, None])[cells])


def _whitened(rows: Rows) -> Rows:
    """Return an orthonormal basis of the columns, those that are nothing but rounding left out."""
    vectors, values, _ = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(vectors[:, values > 1e-6 * max(float(values[0]), 1e-12)])
