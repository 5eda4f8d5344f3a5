"""Exact shares of parts in what all of them are worth together, by what every subset of them is worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..features.errors import StudyError

Array = npt.NDArray[Any]

MAX_PARTS = 12  # 4096 subsets


def subsets_of(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return all subsets: the empty one first, then by size, each in the order of the parts.

    Raises :class:`StudyError` where a part stands there twice, or there are more than ``MAX_PARTS``.

    Examples
    --------
    >>> subsets_of(["audio", "face"])
    [(), ('audio',), ('face',), ('audio', 'face')]
    """
    if len(set(parts)) < len(parts) or len(parts) > MAX_PARTS:
        raise StudyError(f"subsets take up to {MAX_PARTS} modalities, each named once, got {len(parts)}: {list(parts)}")
    return [subset for size in range(len(parts) + 1) for subset in combinations(parts, size)]


def shapley_values(value: Mapping[Any, npt.ArrayLike], parts: Sequence[str]) -> dict[str, Array]:
    """Return each part's exact Shapley share of what all parts together are worth [1]_.

    Parameters
    ----------
    value : mapping of tuple or frozenset of str to array-like of any one shape
        What each of the 2^M subsets is worth, the empty one too: a metric, the recalls of shape (n_classes,), or a log
        probability a sample of shape (n_samples,). The order of names in a key does not matter.
    parts : sequence of str

    Returns
    -------
    dict of str to ndarray, float64
        In the shape of the values. The shares add up to ``value[all] - value[none]``; NaN where a value is NaN.

    Raises
    ------
    StudyError
        A subset is missing, values differ in shape, or as for :func:`subsets_of`.

    Notes
    -----
    A share is the gain by adding the part, averaged over all orders in which the parts can be added. It is linear in the
    value: the mean of the shares in the recalls is the share in the UAR.

    References
    ----------
    .. [1] Shapley (1953), A value for n-person games, Contributions to the Theory of Games II.

    Examples
    --------
    >>> worth = {(): 0.25, ("audio",): 0.5, ("face",): 0.5, ("audio", "face"): 0.625}
    >>> {name: float(share) for name, share in shapley_values(worth, ["audio", "face"]).items()}
    {'audio': 0.1875, 'face': 0.1875}
    """
    known = {frozenset(key): np.asarray(found, dtype=np.float64) for key, found in value.items()}
    subsets = subsets_of(parts)
    missing = [subset for subset in subsets if frozenset(subset) not in known]
    if missing:
        raise StudyError(
            f"Shapley shares need the value of every subset; {len(missing)} are missing, such as {missing[0]}"
        )
    shapes = {known[frozenset(subset)].shape for subset in subsets}
    if len(shapes) > 1:
        raise StudyError(f"the values of all subsets must have one shape, got {sorted(shapes)}")
    total = np.zeros((len(parts), *shapes.pop()))
    for subset in subsets:  # one at a time: a value a sample for 4096 subsets would take gigabytes side by side
        total += np.multiply.outer(_weights(subset, parts), known[frozenset(subset)])
    return dict(zip(parts, total, strict=True))


def _weights(subset: Collection[str], parts: Sequence[str]) -> Array:
    """Return the weight of a subset's value in the share of each part: positive where the part is in it."""
    size, count = len(subset), len(parts)
    inside = factorial(size - 1) * factorial(count - size) / factorial(count) if size else 0.0
    outside = factorial(size) * factorial(count - size - 1) / factorial(count) if size < count else 0.0
    return np.array([inside if part in subset else -outside for part in parts])
