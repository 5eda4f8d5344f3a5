"""Visual words at work: the patches of a picture, the responses of learned words to them, pooled and projected."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np

from ..features.gradients import orientation_maps, pool_cells
from .parts import Array, batches

N_ORIENTATIONS, CELLS, CELL_PX, STRIDE_PX = 8, 4, 4, 2
PATCH_PX = CELLS * CELL_PX
POOLS = 5  # a side
SHARPNESS = 6.0  # of a word's response exp(6 (cosine - 1))
BATCH = 32
TINY = 1e-6


@dataclass(frozen=True)
class WordPools:
    """What :class:`~emofuse.classifiers.visual_words.VisualWords` learned.

    Attributes
    ----------
    whitening : ndarray of shape (128, n_directions), float32
    mean : ndarray of shape (128,), float32
    words : ndarray of shape (n_words, n_directions), float32
    projection : Directions or None
        Of the responses; None while they are learned.
    """

    whitening: Array
    mean: Array
    words: Array
    projection: Any

    def apply(self, rows: Array) -> Array:
        """Return shape (n_samples, n_components), float32."""
        return np.concatenate([self.projection.apply(self.responses(part)) for part in batches(rows)])

    def responses(self, rows: Array) -> Array:
        """Return the normalised square roots of the pooled responses, shape (n_samples, 25 * n_words)."""
        found = []
        for part in batches(rows, BATCH):
            patches = patches_of(part)
            grid = isqrt(patches.shape[1])
            pools = _pools(grid)
            own = self._pooled(patches, self.whitening, pools)
            # A patch's mirror image has its values in another order, and stands at the other side.
            turned = pools.reshape(-1, grid, grid)[:, :, ::-1].reshape(pools.shape)
            mirrored = self._pooled(patches, self.whitening[MIRROR], turned)
            length = np.sqrt((own + mirrored).sum(axis=(1, 2), keepdims=True))
            symmetric = (np.sqrt(own) + np.sqrt(mirrored)) / np.maximum(length, TINY)
            found.append(symmetric.reshape(len(part), -1))
        return np.concatenate(found)

    def _pooled(self, patches: Array, whitening: Array, pools: Array) -> Array:
        white = unit_rows(patches.reshape(-1, patches.shape[2]) @ whitening - self.mean @ self.whitening)
        responses = white @ self.words.T
        responses -= 1
        responses *= np.float32(SHARPNESS)
        np.exp(responses, out=responses)
        return np.asarray(pools @ responses.reshape(*patches.shape[:2], -1))


def patches_of(pictures: Array) -> Array:
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


def unit_rows(rows: Array) -> Array:
    """Bring each row to length 1, in place."""
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    rows /= np.maximum(length, TINY)[:, None]
    return rows


MIRROR = _mirror()
