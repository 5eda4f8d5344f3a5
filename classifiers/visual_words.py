"""A picture as a bag of visual words: what its small patches look like, roughly where, whichever way it is mirrored."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ..features.gradients import orientation_maps, pool_cells
from .base import Array, check_finite_columns
from .projection import Projection, batches, some_rows

N_ORIENTATIONS, CELLS, CELL_PX, STRIDE_PX = 8, 4, 4, 2
PATCH_PX = CELLS * CELL_PX
N_DIRECTIONS = 100  # of the whitened patches
POOLS = 5  # a side
SHARPNESS = 6.0  # of a word's response exp(6 (cosine - 1))
LEARNING_PICTURES, LEARNING_PATCHES = 2500, 20  # pictures, and patches of each, that words are learned from
PROJECTED_PICTURES = 8000  # that the directions of their responses are learned from
BATCH = 32
TINY = 1e-6


class VisualWords(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Responses of learned words to the dense RootSIFT patches of square grey pictures, pooled and projected.

    Patches of 16 x 16 pixels, two pixels apart, are described by RootSIFT [1]_ and whitened; words are the centres of a
    spherical k-means [2]_ over patches and their mirror images. The responses of a word are summed over 5 x 5 overlapping
    regions of the picture and of its mirror image [3]_; their square roots are projected on the strongest directions.

    Parameters
    ----------
    n_words : int, default=256
    n_components : int, default=220
        Columns that come out; their mean variance is 1.
    random_state : int, default=0

    Notes
    -----
    Columns are the pixels of a picture of at least 24 x 24, row by row. A mirrored picture gives the same answer. Brightness
    and contrast of a picture do not count.

    References
    ----------
    .. [1] Arandjelovic and Zisserman (2012), Three things everyone should know to improve object retrieval, CVPR.
    .. [2] Coates and Ng (2012), Learning feature representations with k-means, in Neural networks: tricks of the trade.
    .. [3] Ionescu, Popescu and Grozea (2013), Local learning to improve bag of visual words model for facial expression
       recognition, ICML workshop on challenges in representation learning.
    """

    def __init__(self, n_words: int = 256, n_components: int = 220, random_state: int = 0) -> None:
        self.n_words = n_words
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> VisualWords:
        """Learn the words, and the directions of their responses.

        Raises
        ------
        ValueError
            The columns are not those of a square picture of 24 x 24 pixels or more.
        """
        from sklearn.cluster import KMeans

        X = self._checked(X, reset=True)
        patches = self._learning_patches(X)
        self.mean_ = patches.mean(axis=0)
        values, directions = np.linalg.eigh(np.cov(patches.T).astype(np.float64))
        count = min(N_DIRECTIONS, max(1, int((values > TINY * values[-1]).sum())))
        strongest = slice(-1, -1 - count, -1)
        self.whitening_ = (directions[:, strongest] / np.sqrt(np.maximum(values[strongest], TINY**2))).astype(
            np.float32
        )
        patches = _unit((patches - self.mean_) @ self.whitening_)
        found = KMeans(min(self.n_words, len(patches)), n_init=1, max_iter=20, random_state=self.random_state).fit(
            patches
        )
        self.words_ = _unit(found.cluster_centers_.astype(np.float32))
        rows = some_rows(len(X), PROJECTED_PICTURES, self.random_state)
        self.projection_ = Projection(self.n_components, self.random_state).fit(self._responses(X[rows]))
        self._n_features_out = len(self.projection_.components_)
        return self

    def transform(self, X: Any) -> Array:
        """Return shape (n_samples, n_components), float32."""
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        return np.concatenate([self.projection_.transform(self._responses(part)) for part in batches(X)])

    def _checked(self, X: Any, *, reset: bool) -> Array:
        check_finite_columns(X)
        X = np.asarray(validate_data(self, X, dtype=np.float32, reset=reset))
        side = isqrt(X.shape[1])
        if side * side != X.shape[1] or side < PATCH_PX + 4 * STRIDE_PX:
            raise ValueError(
                f"columns of a square picture of 24 x 24 pixels or more are needed, got {X.shape[1]} columns"
            )
        return X

    def _learning_patches(self, X: Array) -> Array:
        """Return random patches of random pictures, each with its mirror image."""
        random = np.random.default_rng(self.random_state)
        rows = some_rows(len(X), LEARNING_PICTURES, self.random_state)
        found = []
        for part in batches(X[rows], BATCH):
            patches = _patches(part)
            n_patches = patches.shape[1]
            chosen = np.argsort(random.random((len(part), n_patches)), axis=1)[:, :LEARNING_PATCHES]
            found.append(np.take_along_axis(patches, chosen[:, :, None], axis=1).reshape(-1, patches.shape[2]))
        both = np.concatenate(found)
        return np.concatenate([both, both[:, _MIRROR]])

    def _responses(self, X: Array) -> Array:
        """Return the normalised square roots of the pooled responses, shape (n_samples, 25 * n_words)."""
        found = []
        for part in batches(X, BATCH):
            patches = _patches(part)
            grid = isqrt(patches.shape[1])
            pools = _pools(grid)
            own = self._pooled(patches, self.whitening_, pools)
            # A patch's mirror image has its values in another order, and stands at the other side.
            turned = pools.reshape(-1, grid, grid)[:, :, ::-1].reshape(pools.shape)
            mirrored = self._pooled(patches, self.whitening_[_MIRROR], turned)
            length = np.sqrt((own + mirrored).sum(axis=(1, 2), keepdims=True))
            symmetric = (np.sqrt(own) + np.sqrt(mirrored)) / np.maximum(length, TINY)
            found.append(symmetric.reshape(len(part), -1))
        return np.concatenate(found)

    def _pooled(self, patches: Array, whitening: Array, pools: Array) -> Array:
        white = _unit(patches.reshape(-1, patches.shape[2]) @ whitening - self.mean_ @ self.whitening_)
        responses = white @ self.words_.T
        responses -= 1
        responses *= np.float32(SHARPNESS)
        np.exp(responses, out=responses)
        return np.asarray(pools @ responses.reshape(*patches.shape[:2], -1))


def _patches(pictures: Array) -> Array:
    """Return RootSIFT of all patches, shape (n_pictures, n_patches, 128)."""
    side = isqrt(pictures.shape[1])
    maps = orientation_maps(pictures.reshape(-1, side, side), N_ORIENTATIONS)
    n_places = (side - PATCH_PX) // STRIDE_PX + 1
    step = CELL_PX // STRIDE_PX  # cells of neighbouring patches coincide
    first = (side - PATCH_PX - (n_places - 1) * STRIDE_PX) / 2
    starts = first + np.arange(n_places + (CELLS - 1) * step) * STRIDE_PX
    cells = np.ascontiguousarray(np.moveaxis(pool_cells(maps, starts, CELL_PX), 1, -1))
    patches = np.empty((len(pictures), n_places, n_places, CELLS, CELLS, N_ORIENTATIONS), dtype=np.float32)
    for row in range(CELLS):
        for column in range(CELLS):
            rows, columns = (slice(place * step, place * step + n_places) for place in (row, column))
            patches[:, :, :, row, column] = cells[:, rows, columns]
    flat = patches.reshape(len(pictures), n_places**2, -1)
    flat /= np.maximum(flat.sum(axis=2, keepdims=True), TINY)
    return np.sqrt(flat, out=flat)


def _pools(side: int) -> Array:
    """Return the share of each place of a grid in 5 x 5 overlapping regions, shape (25, side * side)."""
    centres = np.linspace(0, side - 1, POOLS)
    distances = np.abs(np.arange(side) - centres[:, None]) / max(centres[1], TINY)
    shares = np.maximum(1 - distances, 0)
    return np.kron(shares, shares).astype(np.float32)


def _mirror() -> Array:
    """Return where each value of a patch stands in that of its mirror image."""
    shape = (CELLS, CELLS, N_ORIENTATIONS)
    row, column, orientation = np.unravel_index(np.arange(np.prod(shape)), shape)
    turned = (N_ORIENTATIONS // 2 - orientation) % N_ORIENTATIONS
    return np.ravel_multi_index((row, CELLS - 1 - column, turned), shape)


def _unit(rows: Array) -> Array:
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows /= np.maximum(length, TINY)[:, None]
    return rows


_MIRROR = _mirror()
