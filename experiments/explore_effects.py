"""How far each feature differs between the classes, and whether it does so within a speaker or only between speakers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
N_SHUFFLES = 20
FEWEST_PARTS, MOST_PARTS = 5, 100  # speakers that an interval is made of
COLUMNS_AT_ONCE = 512
TINY = 1e-10  # of a sum of squares, relative to the whole: what rounding leaves of nothing


@dataclass(frozen=True)
class Effects:
    """The effect sizes of the features of a block; NaN where a feature never changes.

    Attributes
    ----------
    raw : ndarray of shape (n_features,)
        Share of the variance that is between classes.
    within : ndarray of shape (n_features,) or None
        The same within speakers; None where there are no groups, or where no group has two classes.
    group : ndarray of shape (n_features,) or None
        Share of the variance that is between speakers.
    floor : float
        What the best of all features reaches where the labels are shuffled; features below it tell nothing.
    """

    raw: Array
    within: Array | None
    group: Array | None
    floor: float

    @property
    def ranked_by(self) -> Array:
        """The effects that features are ranked by."""
        return self.raw if self.within is None else self.within


def omega_squared(between: Array | float, total: Array | float, n_between: int, n_within: int) -> Array:
    """Return the share of variance that is between groups, without the bias of eta squared [1]_ [2]_.

    Parameters
    ----------
    between, total : array of shape (n_features,)
        Sums of squares.
    n_between, n_within : int
        Degrees of freedom between and within.

    Returns
    -------
    ndarray of shape (n_features,), float64
        Around 0, at times below, where nothing differs; NaN where nothing varies.

    Notes
    -----
    ω² = (SS_between − df_between · MS_within) / (SS_total + MS_within). By convention .01 is small, .06 medium, .14 large.

    References
    ----------
    .. [1] Hays (1963), Statistics for psychologists.
    .. [2] Olejnik and Algina (2003), Generalized eta and omega squared statistics, Psychological Methods 8(4).

    Examples
    --------
    >>> omega_squared(np.array([30.0, 2.0]), np.array([60.0, 60.0]), 3, 30).round(2).tolist()
    [0.44, -0.06]
    """
    between, total = np.asarray(between, dtype=np.float64), np.asarray(total, dtype=np.float64)
    if n_within < 1 or n_between < 1:
        return np.full(total.shape, np.nan)
    mean_within = np.maximum(total - between, 0.0) / n_within
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (between - n_between * mean_within) / (total + mean_within)
    return np.where(total > 0, share, np.nan)


def measure_effects(values: Array, classes: Codes, groups: Codes | None, units: Codes, *, seed: int = 0) -> Effects:
    """Return the effect sizes of all features.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        NaN where a feature is missing.
    classes : ndarray of shape (n_samples,)
        Numbers of the classes.
    groups : ndarray of shape (n_samples,) or None
        Numbers of the speakers.
    units : ndarray of shape (n_samples,)
        Numbers of the recordings: labels are shuffled between them, not between windows of one.
    seed : int
        Of the shuffles.

    Returns
    -------
    Effects

    Notes
    -----
    Within speakers, feature and class indicators are centred in each speaker first (the partial effect; Frisch and Waugh
    1933, Econometrica 1(4)). The floor is the largest effect over all features and 20 shuffles (the maximum statistic of
    Westfall and Young 1993, Resampling-based multiple testing): it grows with the number of features by itself.
    """
    n_features = values.shape[1]
    adjusted = groups is not None and class_basis(classes, groups).shape[1] > 0
    shuffled = list(
        _shuffles(classes, groups if adjusted else None, _exchangeable(classes, groups, units, adjusted), seed)
    )
    raw = np.full(n_features, np.nan)
    within, group = raw.copy(), raw.copy()
    floor = 0.0
    for rows, columns in _complete_parts(values):
        held = groups[rows] if groups is not None else None
        inner = held if adjusted else None
        bases = [class_basis(codes[rows], inner) for codes in (classes, *shuffled)]
        for start in range(0, len(columns), COLUMNS_AT_ONCE):
            some = columns[start : start + COLUMNS_AT_ONCE]
            part = values[np.ix_(rows, some)].astype(np.float64)
            means = part.mean(axis=0)
            part -= means
            part[:, squares(part) <= TINY * len(rows) * np.square(means)] = 0.0
            raw[some] = _one_way(part, classes[rows])
            if held is not None:
                group[some] = _one_way(part, held)
            centred = part if inner is None else part - group_means(part, inner)[inner]
            n_groups = 1 if inner is None else len(np.unique(inner))
            found = [_by_basis(centred, basis, n_groups) for basis in bases]
            if inner is not None:
                within[some] = found[0]
            floor = max([floor, *(float(np.nanmax(other, initial=0.0)) for other in found[1:])])
    return Effects(raw, within if adjusted else None, group if groups is not None else None, floor)


def intervals(
    values: Array, classes: Codes, groups: Codes | None, units: Codes, *, adjusted: bool, seed: int = 0
) -> tuple[Array, Array]:
    """Return the ends of 95 % intervals of the effects of a few features: the jackknife over speakers [1]_.

    Parameters
    ----------
    values, classes, groups, units
        As in :func:`measure_effects`.
    adjusted : bool
        Whether the effects are those within speakers.
    seed : int
        Of the parts, where there are more than a hundred speakers (or recordings, where there are no speakers).

    Returns
    -------
    low, high : ndarray of shape (n_features,)
        Within 0 and 1, where shares of a variance lie; NaN where there are fewer than five speakers.

    Notes
    -----
    Each speaker is left out in turn; the standard error is sqrt((n − 1)/n · Σ(ω²₍ᵢ₎ − mean)²), with Student's t of n − 1
    degrees. A bootstrap would draw speakers twice and so raise ω² itself.

    References
    ----------
    .. [1] Efron and Stein (1981), The jackknife estimate of variance, Annals of Statistics 9(3).
    """
    parts = units if groups is None else groups
    names = np.unique(parts)
    if len(names) > MOST_PARTS:
        lots = np.random.default_rng(seed).permutation(len(names)) % MOST_PARTS
        parts = lots[np.searchsorted(names, parts)]
        names = np.unique(parts)
    if len(names) < FEWEST_PARTS:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    inner = groups if adjusted else None
    left_out = np.stack([_effects_of(values[parts != name], classes[parts != name],
                                     None if inner is None else inner[parts != name]) for name in names])  # fmt: skip
    spread = np.sqrt((len(names) - 1) / len(names) * np.square(left_out - left_out.mean(axis=0)).sum(axis=0))
    reach = float(stats.t.ppf(0.975, len(names) - 1)) * spread
    middle = _effects_of(values, classes, inner)
    return np.maximum(middle - reach, np.minimum(middle, 0.0)), np.minimum(middle + reach, 1.0)


def class_basis(classes: Codes, groups: Codes | None = None) -> Array:
    """Return an orthonormal basis of what class indicators span once each group's mean (or the whole mean) is taken out.

    Returns
    -------
    ndarray of shape (n_samples, rank)
        Of rank 0 where every group has one class only.
    """
    indicators = (classes[:, None] == np.unique(classes)).astype(np.float64)
    if groups is None:
        indicators -= indicators.mean(axis=0)
    else:
        groups = np.unique(groups, return_inverse=True)[1]
        indicators -= group_means(indicators, groups)[groups]
    vectors, lengths, _ = np.linalg.svd(indicators, full_matrices=False)
    return np.asarray(vectors[:, lengths > 1e-8 * np.sqrt(len(classes))])


def _effects_of(values: Array, classes: Codes, groups: Codes | None) -> Array:
    held = filled(values)
    inner = None if groups is None else np.unique(groups, return_inverse=True)[1]
    held = held - (held.mean(axis=0) if inner is None else group_means(held, inner)[inner])
    return _by_basis(held, class_basis(classes, inner), 1 if inner is None else int(inner.max()) + 1)


def _by_basis(centred: Array, basis: Array, n_groups: int) -> Array:
    rank = basis.shape[1]
    return omega_squared(squares(basis.T @ centred), squares(centred), rank, len(centred) - n_groups - rank)


def _one_way(centred: Array, codes: Codes) -> Array:
    inner = np.unique(codes, return_inverse=True)[1]
    counts = np.bincount(inner)
    between = (np.square(group_means(centred, inner)) * counts[:, None]).sum(axis=0)
    return omega_squared(between, squares(centred), len(counts) - 1, len(centred) - len(counts))


def filled(values: Array) -> Array:
    """Return values with the mean of their column where they are missing."""
    missing = np.isnan(values)
    means = np.where(missing, 0.0, values).sum(axis=0) / np.maximum((~missing).sum(axis=0), 1)
    return np.where(missing, means, values)


def group_means(values: Array, groups: Codes) -> Array:
    """Return the mean of each group, a row each, numbered from 0; a number that does not occur has zeros."""
    counts = np.bincount(groups)
    members = sparse.csr_matrix(
        (np.ones(len(groups)), (groups, np.arange(len(groups)))), shape=(len(counts), len(groups))
    )
    return np.asarray(members @ values) / np.maximum(counts, 1)[:, None]


def squares(values: Array) -> Array:
    """Return the sum of squares of each column."""
    return np.asarray(np.einsum("ij,ij->j", values, values))


def _complete_parts(values: Array) -> Iterator[tuple[Codes, Codes]]:
    """Yield rows and columns of parts without a gap: the columns that are missing in the same rows together."""
    missing = np.isnan(values)
    patterns: dict[bytes, list[int]] = {}
    for column in range(values.shape[1]):
        patterns.setdefault(np.packbits(missing[:, column]).tobytes(), []).append(column)
    for columns in patterns.values():
        rows = np.flatnonzero(~missing[:, columns[0]])
        if len(rows) > 2:
            yield rows, np.array(columns, dtype=np.intp)


def _exchangeable(classes: Codes, groups: Codes | None, units: Codes, adjusted: bool) -> Codes:
    """Return the units whose labels are shuffled: whole speakers, whole recordings, or rows where these mix classes."""
    if groups is not None and not adjusted:
        return groups
    pairs = np.unique(np.stack([units, classes]), axis=1).shape[1]
    return units if pairs == len(np.unique(units)) else np.arange(len(classes), dtype=np.intp)


def _shuffles(classes: Codes, groups: Codes | None, units: Codes, seed: int) -> Iterator[Codes]:
    """Yield the labels shuffled between units, within groups where there are some."""
    random = np.random.default_rng(seed)
    _, first, unit_of = np.unique(units, return_index=True, return_inverse=True)
    labels = classes[first]
    where = np.zeros(len(first), dtype=np.intp) if groups is None else groups[first]
    place = np.argsort(where, kind="stable")
    for _ in range(N_SHUFFLES):
        drawn = np.empty_like(labels)
        drawn[place] = labels[np.lexsort((random.random(len(first)), where))]
        yield drawn[unit_of]
