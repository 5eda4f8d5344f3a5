"""A block on two axes, and what it knows: the class, or the speaker.

Everything comes from one matrix of products between samples, so a block of 6,000 columns costs no more than one of 20,
and blocks are put together by adding theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import eigh
from scipy.sparse.linalg import ArpackError, eigsh

from ..features.errors import TableError
from .explore_data import Codes, Explored, codes_of, groups_of, present, units_of
from .explore_effects import Array, class_basis, omega_squared

MOST_DRAWN = 1200
CUT_SD = 5.0  # a single outlier would be an axis of its own
FEWEST = 5
ALL = "all blocks"


@dataclass(frozen=True)
class Neighbours:
    """How often the nearest sample has the same name, and how often one drawn by lot would."""

    share: float
    chance: float


@dataclass(frozen=True)
class Projection:
    """A block on its first two principal axes.

    Attributes
    ----------
    name : str
    samples : pandas.DataFrame
        The rows that are drawn.
    points : ndarray of shape (n_drawn, 2)
    shares : tuple of float
        Of the variance, on each axis.
    named : tuple of (str, float)
        For each axis the feature that goes with it most, and their correlation; empty for texts and all blocks together.
    by_class, by_class_within, by_group : float or None
        Share of the variance of all columns between classes, between classes within speakers, and between speakers.
    group_neighbours, class_neighbours : Neighbours or None
        Whether the nearest sample (of another recording) is of the same speaker; whether the nearest one of another
        speaker is of the same class.
    """

    name: str
    samples: pd.DataFrame
    points: Array
    shares: tuple[float, float]
    named: tuple[tuple[str, float], ...]
    by_class: float
    by_class_within: float | None
    by_group: float | None
    group_neighbours: Neighbours | None
    class_neighbours: Neighbours


def project(explored: Explored) -> list[Projection]:
    """Return the projection of each block and, where there are several, of all together; of at most 1,200 rows."""
    samples = explored.measured
    if len(samples) > MOST_DRAWN:
        some = np.random.default_rng(explored.study.seed + 1).choice(len(samples), MOST_DRAWN, replace=False)
        rows = np.sort(some)
    else:
        rows = np.arange(len(samples))
    drawn = samples.iloc[rows]
    found, products, there = [], [], np.zeros(len(rows), dtype=bool)
    for name, block in explored.blocks.items():
        part = block.iloc[rows]
        held = present(part)
        if held.sum() < FEWEST:
            continue
        scaled = None if explored.is_text(name) else scale(part[held].to_numpy(dtype=np.float64))
        product = text_products(part[held]["utterance"]) if scaled is None else scaled @ scaled.T
        if product is None or not np.trace(product) > 0:
            continue
        found.append(_projection(name, drawn[held], product, scaled, part.columns))
        whole = np.zeros((len(rows), len(rows)))
        whole[np.ix_(held, held)] = product / np.trace(product)
        products.append(whole)
        there |= held
    if len(products) > 1:
        found.append(_projection(ALL, drawn[there], sum(products)[np.ix_(there, there)], None, None))  # type: ignore[index]
    return found


def scale(values: Array) -> Array:
    """Return columns with mean 0 and standard deviation 1, cut at 5 of them; 0 where a value is missing or never changes.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
    """
    missing = np.isnan(values)
    counts = np.maximum((~missing).sum(axis=0), 1)
    scaled = np.where(missing, 0.0, values)
    scaled = np.where(missing, 0.0, scaled - scaled.sum(axis=0) / counts)
    spread = np.sqrt(np.square(scaled).sum(axis=0) / counts)
    size = np.abs(np.where(missing, 0.0, values)).max(axis=0, initial=0.0)
    scaled = np.clip(scaled / np.where(spread > 1e-6 * size, spread, np.inf), -CUT_SD, CUT_SD)
    return np.asarray(scaled - scaled.mean(axis=0))


def text_products(texts: pd.Series) -> Array | None:
    """Return the products of the TF-IDF weights of words between texts, centred; None where no word is in two texts."""
    from ..features.text import TextVectorizer

    try:
        weights = TextVectorizer(word_ngrams=(1, 1), char_ngrams=None).fit_transform(texts)
    except TableError:
        return None
    product = np.asarray((weights @ weights.T).todense(), dtype=np.float64)
    means = product.mean(axis=0)
    return np.asarray(product - means - means[:, None] + means.mean())


def axes(product: Array) -> tuple[Array, tuple[float, float]]:
    """Return the coordinates of samples on the first two principal axes, and the share of the variance on each.

    Parameters
    ----------
    product : ndarray of shape (n_samples, n_samples)
        Scalar products of centred rows.

    Returns
    -------
    points : ndarray of shape (n_samples, 2)
        The sample farthest out on each axis is on its positive side.
    shares : (float, float)

    Notes
    -----
    The eigenvectors of the product matrix are the component scores (Gower 1966, Biometrika 53): the same at every
    call.
    """
    lengths, vectors = _largest(product)
    lengths = np.where(lengths > 1e-9 * np.trace(product), lengths, 0.0)  # a single column has no second axis
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), [0, 1]])
    first, second = np.minimum(lengths / np.trace(product), 1.0).tolist()
    return vectors * np.sqrt(lengths), (first, second)


def shares_of(product: Array, classes: Codes, groups: Codes | None) -> tuple[float, float | None, float | None]:
    """Return the share of the variance of all columns between classes, between them within groups, and between groups.

    Each is ω² (see :func:`~.explore_effects.omega_squared`) with sums of squares over all columns, so that eight classes
    and a hundred speakers can be compared.
    """
    count, total = len(product), float(np.trace(product))
    by_class = _explained(product, class_basis(classes), total, count - 1)
    if groups is None:
        return by_class, None, None
    n_groups = len(np.unique(groups))
    between = _between(product, groups)
    by_group = float(omega_squared(between, total, n_groups - 1, count - n_groups))
    inner = class_basis(classes, groups)
    within = _explained(product, inner, total - between, count - n_groups) if inner.shape[1] else None
    return by_class, within, by_group


def nearest(product: Array, names: Codes, apart: Codes) -> Neighbours:
    """Return how often the nearest sample outside a sample's own part (``apart``) has its name, and what chance gives."""
    squared = np.diag(product)
    distance = squared[:, None] + squared - 2 * product
    candidates = apart[:, None] != apart
    distance[~candidates] = np.inf
    alike = (names[:, None] == names) & candidates
    reached = candidates.any(axis=1)
    hits = alike[np.arange(len(names)), distance.argmin(axis=1)]
    chance = alike[reached].sum(axis=1) / candidates[reached].sum(axis=1)
    return Neighbours(float(hits[reached].mean()), float(chance.mean()))


def _projection(
    name: str, samples: pd.DataFrame, product: Array, scaled: Array | None, features: pd.Index | None
) -> Projection:
    classes, groups, units = codes_of(samples["label"])[1], groups_of(samples), units_of(samples)
    points, shares = axes(product)
    named: tuple[tuple[str, float], ...] = ()
    if scaled is not None and features is not None:
        named = tuple(_goes_with(scaled, points[:, axis], features) for axis in (0, 1))
    return Projection(
        name,
        samples,
        points,
        shares,
        named,
        *shares_of(product, classes, groups),
        None if groups is None else nearest(product, groups, units),
        nearest(product, classes, units if groups is None else groups),
    )


def _largest(product: Array) -> tuple[Array, Array]:
    """Return the two largest eigenvalues, the largest first, and their vectors."""
    count = len(product)
    try:
        start = np.random.default_rng(0).normal(size=count)  # a fixed start: the same digits at every call
        lengths, vectors = eigsh(product, k=2, which="LA", v0=start)
    except ArpackError:
        lengths, vectors = eigh(product, subset_by_index=(count - 2, count - 1))
    order = np.argsort(-lengths)
    return np.maximum(lengths[order], 0.0), vectors[:, order]


def _goes_with(scaled: Array, axis: Array, features: pd.Index) -> tuple[str, float]:
    length = np.sqrt(np.square(scaled).sum(axis=0)) * np.sqrt(np.square(axis).sum())
    correlations = (scaled.T @ axis) / np.where(length > 0, length, np.inf)
    best = int(np.abs(correlations).argmax())
    return str(features[best]), float(correlations[best])


def _explained(product: Array, basis: Array, total: float, n_total: int) -> float:
    rank = basis.shape[1]
    return float(omega_squared(float(np.trace(basis.T @ product @ basis)), total, rank, n_total - rank))


def _between(product: Array, groups: Codes) -> float:
    """Return the sum of squares between groups: the mean product within each, times its size."""
    total = 0.0
    for group in np.unique(groups):
        rows: npt.NDArray[np.intp] = np.flatnonzero(groups == group)
        total += float(product[np.ix_(rows, rows)].sum()) / len(rows)
    return total
