"""Decision offsets: what is added to the log probability of each class so that the answers are best by an F1 or a recall.

The most probable class is the best answer where accuracy counts. Where classes are unequal and F1 counts it is not: the
thresholds that are best are learned from answers to rows that no model was fitted on (Lipton et al. 2014, Optimal
thresholding of classifiers to maximize F1 measure, ECML PKDD).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .rules import Array

STEPS = (0.4, 0.2, 0.1)  # of the offsets, in nats
N_HALVES = 16
LEAST_GAIN = 1e-6
MOST_ROUNDS = 50


def learn_offsets(logs: Array, codes: Array, metric: str, groups: Array | None = None, *, seed: int = 0) -> Array:
    """Return what to add to log probabilities, class by class.

    Coordinate ascent from 0 on half of the groups at a time, and the mean of what the halves came to: one optimum follows
    single rows, the mean of many does not.

    Parameters
    ----------
    logs : ndarray of shape (n_samples, n_classes)
        Log probabilities, out of fold.
    codes : ndarray of shape (n_samples,)
    metric : {"weighted_f1", "macro_f1", "uar", "accuracy"}
    groups : ndarray of shape (n_samples,), optional
        Held together by the halves; without it each row is a group.
    seed : int, default=0

    Returns
    -------
    ndarray of shape (n_classes,)
        Zeros where there are fewer than two groups.

    Examples
    --------
    >>> logs = np.log([[0.6, 0.4], [0.55, 0.45], [0.9, 0.1], [0.8, 0.2]] * 10)
    >>> offsets = learn_offsets(logs, np.array([1, 1, 0, 0] * 10), "macro_f1")
    >>> (logs + offsets).argmax(axis=1)[:4].tolist()
    [1, 1, 0, 0]
    """
    own = np.arange(len(codes)) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_groups = int(own.max(initial=-1)) + 1
    if n_groups < 2:
        return np.zeros(logs.shape[1])
    random = np.random.default_rng(seed)
    found = []
    for _ in range(N_HALVES):
        half = np.zeros(n_groups, dtype=bool)
        half[random.permutation(n_groups)[: (n_groups + 1) // 2]] = True
        rows = half[own]
        found.append(_ascended(logs[rows], codes[rows], METRICS[metric]))
    return np.asarray(np.mean(found, axis=0))


def _ascended(logs: Array, codes: Array, score: Callable[[Array], float]) -> Array:
    """Return the offsets that coordinate ascent from 0 comes to, with smaller and smaller steps."""
    n_classes = logs.shape[1]
    offsets = np.zeros(n_classes)
    best = score(_confusion(logs, codes))
    for step in STEPS:
        for _ in range(MOST_ROUNDS):
            before = best
            for code in range(n_classes):
                for change in (-step, step):
                    offsets[code] += change
                    value = score(_confusion(logs + offsets, codes))
                    if value > best + LEAST_GAIN:
                        best = value
                    else:
                        offsets[code] -= change
            if best == before:
                break
    return offsets


def _confusion(logs: Array, codes: Array) -> Array:
    n_classes = logs.shape[1]
    cells = codes * n_classes + logs.argmax(axis=1)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def _f1(confusion: Array) -> tuple[Array, Array]:
    """Return the F1 of each class (0 where it is neither there nor answered) and the rows it has."""
    support = confusion.sum(axis=1)
    either = support + confusion.sum(axis=0)
    return 2 * np.diagonal(confusion) / np.maximum(either, 1), support


def _weighted_f1(confusion: Array) -> float:
    f1, support = _f1(confusion)
    return float((f1 * support).sum() / support.sum())


def _macro_f1(confusion: Array) -> float:
    f1, support = _f1(confusion)
    return float(f1[support > 0].mean())


def _uar(confusion: Array) -> float:
    support = confusion.sum(axis=1)
    return float((np.diagonal(confusion)[support > 0] / support[support > 0]).mean())


def _accuracy(confusion: Array) -> float:
    return float(np.trace(confusion) / confusion.sum())


METRICS: dict[str, Callable[[Array], float]] = {
    "weighted_f1": _weighted_f1,
    "macro_f1": _macro_f1,
    "uar": _uar,
    "accuracy": _accuracy,
}
