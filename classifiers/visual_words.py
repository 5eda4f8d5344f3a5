"""A picture as a bag of visual words: what its small patches look like, roughly where, whichever way it is mirrored."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .base import check_finite_columns
from .parts import Array, batches
from .projection import Projection, some_rows
from .word_pools import BATCH, MIRROR, PATCH_PX, STRIDE_PX, TINY, WordPools, patches_of, unit_rows

N_DIRECTIONS = 100  # of the whitened patches
LEARNING_PICTURES, LEARNING_PATCHES = 2500, 20  # pictures, and patches of each, that words are learned from
PROJECTED_PICTURES = 8000  # that the directions of their responses are learned from


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
        patches = unit_rows((patches - self.mean_) @ self.whitening_)
        found = KMeans(min(self.n_words, len(patches)), n_init=1, max_iter=20, random_state=self.random_state).fit(
            patches
        )
        self.words_ = unit_rows(found.cluster_centers_.astype(np.float32))
        rows = some_rows(len(X), PROJECTED_PICTURES, self.random_state)
        pools = WordPools(self.whitening_, self.mean_, self.words_, None)
        self.projection_ = Projection(self.n_components, self.random_state).fit(pools.responses(X[rows]))
        self._n_features_out = len(self.projection_.components_)
        return self

    def transform(self, X: Any) -> Array:
        """Return shape (n_samples, n_components), float32."""
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        return self.fitted_part().apply(X)

    def fitted_part(self) -> WordPools:
        """Return what counts the words and projects."""
        check_is_fitted(self)
        return WordPools(self.whitening_, self.mean_, self.words_, self.projection_.fitted_part())

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
            patches = patches_of(part)
            n_patches = patches.shape[1]
            chosen = np.argsort(random.random((len(part), n_patches)), axis=1)[:, :LEARNING_PATCHES]
            found.append(np.take_along_axis(patches, chosen[:, :, None], axis=1).reshape(-1, patches.shape[2]))
        both = np.concatenate(found)
        return np.concatenate([both, both[:, MIRROR]])
