"""Histograms of oriented gradients in their parts: orientation maps, soft cells, samples between pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def orientation_maps(pictures: npt.ArrayLike, n_orientations: int) -> FloatArray:
    """Split the gradient of each pixel between the two nearest of some evenly spaced directions.

    Parameters
    ----------
    pictures : array of shape (n_pictures, height, width)
    n_orientations : int
        Directions over the whole turn (a gradient is told from its opposite), the first one to the right.

    Returns
    -------
    ndarray of shape (n_pictures, n_orientations, height, width), float32
        The parts of each gradient's length; central differences, borders repeated.

    References
    ----------
    Dalal and Triggs (2005), Histograms of oriented gradients for human detection, CVPR; the interpolation between
    directions is that of Lowe (2004), Distinctive image features from scale-invariant keypoints, IJCV 60(2).

    Examples
    --------
    >>> ramp = np.arange(4.0)[None, None].repeat(3, axis=1)
    >>> orientation_maps(ramp, 4)[0, :, 1, 1].tolist()
    [2.0, 0.0, 0.0, 0.0]
    """
    padded = np.pad(np.asarray(pictures, dtype=np.float32), ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    length = np.hypot(across, down)
    direction = np.arctan2(down, across) * np.float32(n_orientations / (2 * np.pi))
    lower = np.floor(direction)
    share = direction - lower
    first = lower.astype(np.int64) % n_orientations
    maps = np.zeros((first.shape[0], n_orientations, *first.shape[1:]), dtype=np.float32)
    np.put_along_axis(maps, first[:, None], (length * (1 - share))[:, None], axis=1)
    np.put_along_axis(maps, (first[:, None] + 1) % n_orientations, (length * share)[:, None], axis=1)
    return maps


def pool_cells(maps: FloatArray, starts: npt.ArrayLike, cell: int) -> FloatArray:
    """Sum maps over square cells, each pixel shared linearly between the two nearest cells.

    Parameters
    ----------
    maps : ndarray of shape (..., size, size)
    starts : array of shape (n_cells,)
        First pixel of each cell, the same for rows and columns.
    cell : int
        Width of a cell in pixels.

    Returns
    -------
    ndarray of shape (..., n_cells, n_cells)
    """
    centres = np.asarray(starts, dtype=np.float64) + (cell - 1) / 2
    distances = np.abs(np.arange(maps.shape[-1]) - centres[:, None])
    weights = np.maximum(1 - distances / cell, 0).astype(np.float32)
    return np.asarray(weights @ maps @ weights.T)


def sample_between(maps: FloatArray, x: npt.ArrayLike, y: npt.ArrayLike) -> FloatArray:
    """Return values at points between pixels, linearly interpolated; beyond the border, those of the border.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, height, width)
    x, y : array of shape (n_points,)
        In pixels; the first pixel's middle is 0.

    Returns
    -------
    ndarray of shape (n_maps, n_points), float32
    """
    n_maps, height, width = maps.shape
    x = np.clip(np.asarray(x, dtype=np.float64), 0, width - 1)
    y = np.clip(np.asarray(y, dtype=np.float64), 0, height - 1)
    left = np.minimum(x.astype(np.int64), max(width - 2, 0))
    top = np.minimum(y.astype(np.int64), max(height - 2, 0))
    right, bottom = (x - left).astype(np.float32), (y - top).astype(np.float32)
    flat = maps.reshape(n_maps, -1)
    first = top * width + left
    step = 1 if width > 1 else 0
    row = width if height > 1 else 0
    upper = flat[:, first] * (1 - right) + flat[:, first + step] * right
    lower = flat[:, first + row] * (1 - right) + flat[:, first + row + step] * right
    return np.asarray(upper * (1 - bottom) + lower * bottom)
