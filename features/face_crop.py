"""Pictures that are a face already (FER2013 and its like): aligned, then described so that a mirror image is the same."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from .alignment import ANCHORS, similarity, template, transform
from .base import Extractor, FeatureNote, FloatArray
from .errors import SampleError
from .faces import MIRROR, Points, landmarks, whole_box
from .gradients import orientation_maps, pool_cells, sample_between
from .pictures import Picture, Pixels, as_picture, decode_picture, grey

SIDE_PX = 48  # of an aligned face: that of FER2013's pictures
FINE = 4  # an aligned face is sampled from a picture this many times finer
HOG_CELL_PX, HOG_CELLS, HOG_ORIENTATIONS, HOG_CLIP = 8, 6, 12, 0.2
PATCH_CELL_PX, PATCH_CELLS, PATCH_ORIENTATIONS = 3, 4, 8
# Every second landmark or so of brows, nose, eyes and lips: patches are wider than the gaps, and those of all 51 landmarks
# off the jaw tell no more (.6715 accuracy on FER2013's validation faces with either).
PATCH_LANDMARKS = (
    *(17, 19, 21, 22, 24, 26),
    *(27, 29, 31, 33, 35),
    *(36, 38, 39, 41, 42, 43, 45, 46),
    *(48, 50, 51, 52, 54, 56, 57, 58, 62, 66),
)
TINY = 1e-6
ROOT_OF_2 = np.float32(np.sqrt(2))

LANDMARKS_SOURCE = (
    "Kazemi and Sullivan (2014), One millisecond face alignment with an ensemble of regression trees, CVPR"
)
HOG_SOURCE = "Dalal and Triggs (2005), Histograms of oriented gradients for human detection, CVPR"
PATCH_SOURCE = "Arandjelovic and Zisserman (2012), Three things everyone should know to improve object retrieval, CVPR"

Index = npt.NDArray[np.intp]


class FaceCrop(Extractor):
    """An aligned face and three descriptions of it, from a picture that is a face from edge to edge.

    The 68 landmarks are placed on the whole picture, as the average of the picture's and its mirror image's; a similarity
    brings nose, eyes and corners of the mouth to where they stand in the mean face, 48 pixels wide.

    - ``pixel_<row>_<column>``: the aligned face.
    - ``hog_...``: histograms of oriented gradients [1]_, 6 x 6 cells of 8 pixels, 12 directions over the whole turn.
    - ``patch_...``: RootSIFT [2]_ of the 12 pixels around 29 landmarks of brows, nose, eyes and lips.
    - ``landmark_...``: coordinates of the landmarks in the aligned face.

    Of all but the pixels only the part is kept that a mirror image shares, ``(x + mirror of x) / sqrt(2)``: whether a
    smile is crooked to the left or to the right tells no emotion, and the features are halved.

    Notes
    -----
    :meth:`extract_one` also takes an array ``(height, width)`` or ``(height, width, 3)``. A picture is scaled to 48 pixels
    first: a larger one gives no finer features. Where a picture holds no face the landmarks are meaningless; only a
    picture of one colour is refused. dlib's landmark model excludes commercial use.

    References
    ----------
    .. [1] Dalal and Triggs (2005), Histograms of oriented gradients for human detection, CVPR.
    .. [2] Arandjelovic and Zisserman (2012), Three things everyone should know to improve object retrieval, CVPR.

    Examples
    --------
    >>> FaceCrop().get_feature_names_out()[[0, 2304, 2904, 4760]].tolist()
    ['pixel_0_0', 'hog_0_0_0_0', 'patch_17_0_0_0', 'landmark_x_0']
    """

    source_column: ClassVar[str] = "image"
    libraries: ClassVar[tuple[str, ...]] = ("dlib-bin", "pillow", "face_recognition_models")

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``pixel_*``, ``hog_*``, ``patch_*`` and ``landmark_*``, each with its place."""
        return np.array(_names(), dtype=object)

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> Picture:
        return decode_picture(data)

    def _accept(self, source: Any) -> Picture:
        return as_picture(source)

    def _measure(self, signal: Picture) -> tuple[FloatArray, tuple[str, ...]]:
        face, points = align_face(grey(signal.pixels))
        maps = orientation_maps(face[None], HOG_ORIENTATIONS)[0]
        hog = _blocks(pool_cells(maps, np.arange(HOG_CELLS) * HOG_CELL_PX, HOG_CELL_PX))
        patches = _patches(face, points)
        values = (face.ravel(), _hog_mirror().symmetric(hog), _patch_mirror().symmetric(patches), _shape(points))
        return np.concatenate(values).astype(np.float32), signal.warnings

    def _describe(self, feature: str) -> FeatureNote:
        kind, *place = feature.split("_")
        if kind == "pixel":
            return FeatureNote(
                f"grey value of the aligned face, row {place[0]}, column {place[1]} of {SIDE_PX}", "1", LANDMARKS_SOURCE
            )
        if kind == "hog":
            row, column, cell, orientation = (int(number) for number in place)
            turn = 360 * orientation // HOG_ORIENTATIONS
            return FeatureNote(
                f"share of gradients towards {turn} degrees (clockwise from the right) in cell {cell} of the 2 x 2 block "
                f"at row {row}, column {column}, and of its mirror image",
                "1",
                HOG_SOURCE,
            )
        if kind == "patch":
            number, row, column, orientation = (int(part) for part in place)
            turn = 360 * orientation // PATCH_ORIENTATIONS
            return FeatureNote(
                f"square root of the share of gradients towards {turn} degrees in cell ({row}, {column}) of 4 x 4 around "
                f"landmark {number}, and of its mirror image",
                "1",
                PATCH_SOURCE,
            )
        direction = "width" if place[0] == "x" else "height"
        return FeatureNote(
            f"{direction} of landmark {place[1]} and its mirror image in the aligned face", "pixels", LANDMARKS_SOURCE
        )


def align_face(image: Pixels) -> tuple[FloatArray, Points]:
    """Bring a face that fills its picture to the place of the mean face.

    Parameters
    ----------
    image : ndarray of shape (height, width), uint8

    Returns
    -------
    face : ndarray of shape (48, 48), float32
        Grey values, 0 to 255; not rounded, so that a mirrored picture gives the mirrored face.
    points : ndarray of shape (68, 2), float64
        Landmarks in the aligned face.

    Raises
    ------
    SampleError
        ``no_face``, the picture has one colour; ``degenerate_face``, its landmarks fall on one point.
    """
    if image.min() == image.max():
        raise SampleError("no_face", f"every pixel has the value {image.flat[0]}; drop the picture")
    points = landmarks(image, whole_box(image), mirrored=True)
    goal = template(SIDE_PX)
    fine = _finer(image)
    grid = np.stack(np.meshgrid(np.arange(SIDE_PX), np.arange(SIDE_PX)), axis=-1).reshape(-1, 2)
    places = transform(similarity(goal[ANCHORS], points[ANCHORS]), grid.astype(np.float64))
    scale = np.array(fine.shape[::-1]) / image.shape[::-1]
    places = (places + 0.5) * scale - 0.5
    face = sample_between(fine[None], places[:, 0], places[:, 1]).reshape(SIDE_PX, SIDE_PX)
    return face, transform(similarity(points[ANCHORS], goal[ANCHORS]), points)


class _Mirror(NamedTuple):
    """Where each value of a description stands in that of the mirror image, and which one of each pair is kept."""

    other: Index
    kept: Index

    @classmethod
    def of(cls, other: Index) -> _Mirror:
        return cls(other, np.flatnonzero(np.arange(len(other)) <= other))

    def symmetric(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the part of a description that the mirror image shares, one value for each pair."""
        flat = values.ravel()
        alone = self.other[self.kept] == self.kept
        pairs = (flat[self.kept] + flat[self.other[self.kept]]) / ROOT_OF_2
        return np.where(alone, flat[self.kept], pairs)


def _finer(image: Pixels) -> FloatArray:
    from PIL import Image

    picture = Image.fromarray(image)
    scale = SIDE_PX / max(image.shape)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    picture = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(picture.resize((size[0] * FINE, size[1] * FINE), Image.Resampling.BICUBIC), dtype=np.float32)


def _blocks(cells: FloatArray) -> FloatArray:
    """Normalise cells of shape (n_orientations, rows, columns) over 2 x 2 blocks: (rows - 1, columns - 1, 4, n_orientations)."""
    parts = [cells[:, :-1, :-1], cells[:, :-1, 1:], cells[:, 1:, :-1], cells[:, 1:, 1:]]
    blocks = np.stack(parts, axis=-1).transpose(1, 2, 3, 0)
    clipped = np.minimum(blocks / _length(blocks, (2, 3)), HOG_CLIP)
    return np.asarray(clipped / _length(clipped, (2, 3)))


def _patches(face: FloatArray, points: Points) -> FloatArray:
    """Return RootSIFT at the landmarks, shape (n_landmarks, 4, 4, n_orientations)."""
    maps = orientation_maps(face[None], PATCH_ORIENTATIONS)[0]
    # Sums over a soft cell around every pixel, so that a cell may stand between pixels.
    around = pool_cells(maps, np.arange(SIDE_PX) - (PATCH_CELL_PX - 1) // 2, PATCH_CELL_PX)
    offsets = (np.arange(PATCH_CELLS) - (PATCH_CELLS - 1) / 2) * PATCH_CELL_PX
    centres = points[list(PATCH_LANDMARKS)]
    x = centres[:, 0, None, None] + offsets[None, None, :] + np.zeros((1, PATCH_CELLS, 1))
    y = centres[:, 1, None, None] + offsets[None, :, None] + np.zeros((1, 1, PATCH_CELLS))
    cells = sample_between(around, x.ravel(), y.ravel()).reshape(PATCH_ORIENTATIONS, *x.shape)
    cells = cells.transpose(1, 2, 3, 0)
    return np.asarray(np.sqrt(cells / np.maximum(cells.sum(axis=(1, 2, 3), keepdims=True), TINY)))


def _length(values: FloatArray, axis: tuple[int, ...]) -> FloatArray:
    return np.maximum(np.sqrt(np.square(values).sum(axis=axis, keepdims=True)), np.float32(TINY))


def _shape(points: Points) -> Points:
    """Return what the landmarks' coordinates share with their mirror image: widths of pairs, and heights."""
    x, y = points[:, 0] - (SIDE_PX - 1) / 2, points[:, 1]
    left, middle = _sides()
    return np.concatenate([(x[MIRROR[left]] - x[left]) / ROOT_OF_2, (y[left] + y[MIRROR[left]]) / ROOT_OF_2, y[middle]])


@cache
def _sides() -> tuple[Index, Index]:
    """Return the landmarks of the side that has the lower number of each pair, and those in the middle."""
    numbers = np.arange(len(MIRROR))
    return np.flatnonzero(numbers < MIRROR), np.flatnonzero(numbers == MIRROR)


@cache
def _hog_mirror() -> _Mirror:
    shape = (HOG_CELLS - 1, HOG_CELLS - 1, 4, HOG_ORIENTATIONS)
    row, column, cell, orientation = np.unravel_index(np.arange(np.prod(shape)), shape)
    return _Mirror.of(
        np.ravel_multi_index(
            (row, HOG_CELLS - 2 - column, cell ^ 1, (HOG_ORIENTATIONS // 2 - orientation) % HOG_ORIENTATIONS), shape
        )
    )


@cache
def _patch_mirror() -> _Mirror:
    shape = (len(PATCH_LANDMARKS), PATCH_CELLS, PATCH_CELLS, PATCH_ORIENTATIONS)
    number, row, column, orientation = np.unravel_index(np.arange(np.prod(shape)), shape)
    other = np.searchsorted(PATCH_LANDMARKS, MIRROR[list(PATCH_LANDMARKS)])[number]
    turned = (PATCH_ORIENTATIONS // 2 - orientation) % PATCH_ORIENTATIONS
    return _Mirror.of(np.ravel_multi_index((other, row, PATCH_CELLS - 1 - column, turned), shape))


@cache
def _names() -> tuple[str, ...]:
    pixels = [f"pixel_{row}_{column}" for row in range(SIDE_PX) for column in range(SIDE_PX)]
    shape = (HOG_CELLS - 1, HOG_CELLS - 1, 4, HOG_ORIENTATIONS)
    hog = ["hog_{}_{}_{}_{}".format(*np.unravel_index(place, shape)) for place in _hog_mirror().kept]
    shape = (len(PATCH_LANDMARKS), PATCH_CELLS, PATCH_CELLS, PATCH_ORIENTATIONS)
    patches = []
    for place in _patch_mirror().kept:
        number, *cell = np.unravel_index(place, shape)
        patches.append("patch_{}_{}_{}_{}".format(PATCH_LANDMARKS[number], *cell))
    left, middle = _sides()
    shape_names = [f"landmark_x_{number}" for number in left]
    shape_names += [f"landmark_y_{number}" for number in (*left, *middle)]
    return (*pixels, *hog, *patches, *shape_names)
