"""What the skin of an aligned face shows: edges and their directions (HOG), and small patterns of light (LBP)."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from .base import FeatureNote, FloatArray
from .faces import Points
from .gradients import orientation_maps, pool_cells, sample_between
from .pictures import Pixels

CELL_PX = 8
N_DIRECTIONS = 12
BLOCK_CELLS = 2
CLIP = 0.2  # Lowe's clipping, which Dalal & Triggs kept: no single edge rules a block
# A gradient of one grey level all over a block: below it there is nothing but noise.
LEAST_GRADIENT = 1.0
LANDMARK_CELL_PX = 6
LANDMARK_DIRECTIONS = 8
LANDMARK_NUMBERS = range(17, 68)  # all but the jaw, whose surroundings are hair, collar and wall
LBP_CELLS = 4
LBP_NEIGHBOURS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))

HOG = "Dalal & Triggs (2005), Histograms of oriented gradients for human detection, CVPR"
ROOT_SIFT = "Arandjelovic & Zisserman (2012), Three things everyone should know to improve object retrieval, CVPR"
UNIFORM_LBP = (
    "Ojala, Pietikainen & Maenpaa (2002), Multiresolution gray-scale and rotation invariant texture classification with"
    " local binary patterns, IEEE TPAMI 24(7); on a grid: Ahonen, Hadid & Pietikainen (2006), IEEE TPAMI 28(12)"
)


def hog_of(aligned: Pixels) -> FloatArray:
    """Describe a face by histograms of the directions of its gradients [1]_.

    Cells of 8 x 8 pixels, 12 directions over the whole circle (so that dark-to-bright differs from bright-to-dark),
    votes shared among neighbouring cells and directions, blocks of 2 x 2 cells normalised, clipped at .2, normalised.

    Parameters
    ----------
    aligned : ndarray of shape (size, size), uint8
        ``size`` a multiple of 8, at least 16.

    Returns
    -------
    ndarray of shape ((size / 8 - 1) ** 2 * 48,), float32
        In the order of :func:`hog_names`; 0 in a block where nothing is to be seen.

    References
    ----------
    .. [1] Dalal & Triggs (2005), Histograms of oriented gradients for human detection, CVPR.
    """
    n_cells = aligned.shape[0] // CELL_PX
    cells = pool_cells(orientation_maps(aligned[None], N_DIRECTIONS)[0], np.arange(n_cells) * CELL_PX, CELL_PX)
    windows = np.lib.stride_tricks.sliding_window_view(cells, (BLOCK_CELLS, BLOCK_CELLS), axis=(1, 2))
    blocks = windows.transpose(1, 2, 3, 4, 0).reshape((n_cells - 1) ** 2, -1)
    least = np.float32(LEAST_GRADIENT * CELL_PX**2)
    clipped = np.minimum(blocks / np.sqrt(np.square(blocks).sum(axis=1, keepdims=True) + least**2), np.float32(CLIP))
    length = np.sqrt(np.square(clipped).sum(axis=1, keepdims=True))
    # Lengthening what the first step left short would raise noise to the height of edges.
    return np.asarray(clipped / np.maximum(length, np.float32(CLIP)), dtype=np.float32).ravel()


def hog_at_landmarks(aligned: Pixels, points: Points) -> FloatArray:
    """Describe the surroundings of each landmark but those of the jaw by gradient directions, as square roots [1]_.

    Parameters
    ----------
    aligned : ndarray of shape (size, size), uint8
    points : ndarray of shape (68, 2)
        Landmarks in the aligned face; those outside see its border.

    Returns
    -------
    ndarray of shape (1632,), float32
        2 x 2 cells of 6 pixels and 8 directions a landmark, in the order of :func:`landmark_hog_names`.

    References
    ----------
    .. [1] Arandjelovic & Zisserman (2012), Three things everyone should know to improve object retrieval, CVPR.
    """
    maps = orientation_maps(aligned[None], LANDMARK_DIRECTIONS)[0]
    # Weights fall linearly to the next cell's middle, so a landmark that moves a little changes its cells a little.
    offsets = np.arange(1 - LANDMARK_CELL_PX, LANDMARK_CELL_PX)
    weights = (1 - np.abs(offsets) / LANDMARK_CELL_PX).astype(np.float32)
    margin = 2 * LANDMARK_CELL_PX
    padded = np.pad(maps, ((0, 0), (margin, margin), (margin, margin)))
    smooth = _smoothed(_smoothed(padded, weights).transpose(0, 2, 1), weights).transpose(0, 2, 1)
    half = LANDMARK_CELL_PX / 2
    places = points[list(LANDMARK_NUMBERS)] + margin
    cells = [sample_between(smooth, places[:, 0] + x, places[:, 1] + y) for y in (-half, half) for x in (-half, half)]
    values = np.stack(cells).transpose(2, 0, 1).reshape(len(LANDMARK_NUMBERS), -1)
    least = np.float32(LEAST_GRADIENT * LANDMARK_CELL_PX**2)
    return np.sqrt(values / (values.sum(axis=1, keepdims=True) + least)).astype(np.float32).ravel()


def lbp_of(aligned: Pixels) -> FloatArray:
    """Count local binary patterns of the eight neighbours [1]_ in each cell of a 4 x 4 grid.

    The neighbours are pixels, not points of a circle between them: no rise or fall of the light that keeps the order of
    grey levels can change a pattern.

    Parameters
    ----------
    aligned : ndarray of shape (size, size), uint8

    Returns
    -------
    ndarray of shape (944,), float32
        Shares of the cell's pixels: 58 uniform patterns, and all others together; order of :func:`lbp_names`.

    References
    ----------
    .. [1] Ojala, Pietikainen & Maenpaa (2002), Multiresolution gray-scale and rotation invariant texture classification
       with local binary patterns, IEEE TPAMI 24(7).
    """
    size = aligned.shape[0]
    middle = aligned[1:-1, 1:-1]
    codes = np.zeros(middle.shape, dtype=np.uint8)
    for bit, (down, right) in enumerate(LBP_NEIGHBOURS):
        codes |= (aligned[1 + down : size - 1 + down, 1 + right : size - 1 + right] >= middle).view(np.uint8) << bit
    place = np.arange(size - 2) * LBP_CELLS // (size - 2)
    cells = place[:, None] * LBP_CELLS + place
    n_bins = len(_uniform_patterns()) + 1
    counts = np.bincount((cells * n_bins + _bin_of_code()[codes]).ravel(), minlength=LBP_CELLS**2 * n_bins)
    shares = counts.reshape(LBP_CELLS**2, n_bins) / np.bincount(cells.ravel())[:, None]
    return shares.astype(np.float32).ravel()


def hog_names(size: int) -> list[str]:
    """Return the names of :func:`hog_of`: block, cell in the block, direction in degrees."""
    turns = [360 * number // N_DIRECTIONS for number in range(N_DIRECTIONS)]
    blocks = range(size // CELL_PX - 1)
    return [
        f"block_{row}_{column}_cell_{y}_{x}_{turn:03d}deg"
        for row in blocks
        for column in blocks
        for y in range(BLOCK_CELLS)
        for x in range(BLOCK_CELLS)
        for turn in turns
    ]


def landmark_hog_names() -> list[str]:
    """Return the names of :func:`hog_at_landmarks`: landmark, cell, direction in degrees."""
    turns = [360 * number // LANDMARK_DIRECTIONS for number in range(LANDMARK_DIRECTIONS)]
    places = [(y, x) for y in ("upper", "lower") for x in ("left", "right")]
    return [f"{number}_{y}_{x}_{turn:03d}deg" for number in LANDMARK_NUMBERS for y, x in places for turn in turns]


def lbp_names() -> list[str]:
    """Return the names of :func:`lbp_of`: cell, and which of the eight neighbours are as bright as the middle."""
    patterns = [f"{code:08b}" for code in _uniform_patterns()] + ["other"]
    cells = range(LBP_CELLS)
    return [f"cell_{row}_{column}_{pattern}" for row in cells for column in cells for pattern in patterns]


def describe_hog(feature: str) -> FeatureNote:
    """Return what one of :func:`hog_names` measures."""
    _, block_row, block_column, _, y, x, turn = feature.split("_")
    row, column = int(block_row) + int(y), int(block_column) + int(x)
    sentence = (
        f"share of gradients towards {int(turn[:-3])} degrees (0 brighter to the right, 90 brighter downwards) in the"
        f" {CELL_PX}-pixel cell in row {row}, column {column} of the aligned face, within block {block_row}, {block_column}"
    )
    return FeatureNote(sentence, "1", HOG)


def describe_landmark_hog(feature: str) -> FeatureNote:
    """Return what one of :func:`landmark_hog_names` measures."""
    number, y, x, turn = feature.split("_")
    sentence = (
        f"root of the share of gradients towards {int(turn[:-3])} degrees (0 brighter to the right, 90 brighter"
        f" downwards) in the {y} {x} cell around landmark {number}"
    )
    return FeatureNote(sentence, "1", ROOT_SIFT)


def describe_lbp(feature: str) -> FeatureNote:
    """Return what one of :func:`lbp_names` measures."""
    _, row, column, pattern = feature.split("_")
    what = "a pattern with more than two changes around the circle" if pattern == "other" else f"pattern {pattern}"
    sentence = f"share of the pixels in row {row}, column {column} of a {LBP_CELLS} x {LBP_CELLS} grid that have {what}"
    return FeatureNote(sentence, "1", UNIFORM_LBP)


def _smoothed(maps: FloatArray, weights: FloatArray) -> FloatArray:
    """Convolve the last axis, which has zeros wide enough at both ends."""
    reach = len(weights) // 2
    total = np.zeros_like(maps)
    width = maps.shape[-1] - 2 * reach
    for number, weight in enumerate(weights):
        total[..., reach : reach + width] += weight * maps[..., number : number + width]
    return total


@cache
def _uniform_patterns() -> tuple[int, ...]:
    """The codes of eight bits with at most two changes around the circle."""
    return tuple(code for code in range(256) if (code ^ ((code >> 1) | (code & 1) << 7)).bit_count() <= 2)


@cache
def _bin_of_code() -> npt.NDArray[np.intp]:
    patterns = _uniform_patterns()
    return np.array([patterns.index(code) if code in patterns else len(patterns) for code in range(256)])
