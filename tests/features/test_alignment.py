"""Similarities and aligned faces: exact for exact data, the best otherwise, and bounded for nonsense."""

import numpy as np
import pytest
from emofuse.features.alignment import (
    ANCHORS,
    EYE_DISTANCE,
    EYE_HEIGHT,
    MEAN_FACE,
    align,
    eye_distance,
    similarity,
    template,
    transform,
)
from emofuse.features.errors import SampleError
from emofuse.features.faces import MIRROR, find_faces, landmarks
from emofuse.features.pictures import grey
from hypothesis import given
from hypothesis import strategies as st
from skimage import data
from skimage.transform import SimilarityTransform
from skimage.transform import warp as skimage_warp

PORTRAIT = np.ascontiguousarray(data.astronaut()[:256, 96:352])
shifts = st.floats(-500, 500)
turns = st.floats(-np.pi, np.pi)
scales = st.floats(0.05, 20)


def matrix_of(scale, turn, x, y):
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[cosine, -sine, x], [sine, cosine, y]])


@pytest.fixture(scope="module")
def points():
    return landmarks(PORTRAIT, find_faces(PORTRAIT)[0].box)


@given(scales, turns, shifts, shifts)
def test_a_similarity_is_found_again(scale, turn, x, y):
    matrix = matrix_of(scale, turn, x, y)
    np.testing.assert_allclose(similarity(MEAN_FACE, transform(matrix, MEAN_FACE)), matrix, atol=1e-7)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_no_other_similarity_is_closer(seed, other):
    random = np.random.default_rng([seed, other])
    p, q, weights = random.normal(size=(6, 2)), random.normal(size=(6, 2)), random.uniform(0.1, 2, 6)
    best = similarity(p, q, weights)
    near = best + matrix_of(random.normal() * 0.1, random.uniform(-np.pi, np.pi), *random.normal(size=2) * 0.1)

    def error(matrix):
        return weights @ np.square(transform(matrix, p) - q).sum(axis=1)

    assert error(best) <= error(near)


def test_unweighted_is_umeyamas():
    random = np.random.default_rng(0)
    p = random.normal(size=(9, 2))
    q = transform(matrix_of(2.0, 0.4, 3, 4), p) + random.normal(scale=0.1, size=(9, 2))
    np.testing.assert_allclose(similarity(p, q), SimilarityTransform.from_estimate(p, q).params[:2], atol=1e-9)


def test_points_of_weight_zero_do_not_count():
    p, q = MEAN_FACE[:5], transform(matrix_of(3.0, 1.0, 5, 6), MEAN_FACE[:5])
    q[4] += 100
    np.testing.assert_allclose(similarity(p, q, [1, 1, 1, 1, 0]), matrix_of(3.0, 1.0, 5, 6), atol=1e-9)


def test_mirror_image_is_not_mirrored_back():
    matrix = similarity(MEAN_FACE, MEAN_FACE * (-1, 1))
    assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize("points", [np.zeros((3, 2)), np.full((3, 2), 1e6), np.full((3, 2), np.nan)])
def test_points_in_one_place_are_refused(points):
    with pytest.raises(SampleError) as caught:
        similarity(points, MEAN_FACE[:3])
    assert caught.value.code == "degenerate_face"


def test_mean_face_is_symmetrical_and_measured_from_the_eyes():
    np.testing.assert_allclose(MEAN_FACE[MIRROR] * (-1, 1), MEAN_FACE, atol=1e-9)
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(68))
    assert eye_distance(MEAN_FACE) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(MEAN_FACE[36:48].mean(axis=0), 0, atol=1e-3)


@pytest.mark.parametrize("size", [32, 48, 96])
def test_eyes_lie_on_the_template(size, points):
    placed = transform(similarity(points[ANCHORS], template(size)[ANCHORS]), points)
    for eye, side in ((slice(36, 42), -0.5), (slice(42, 48), 0.5)):
        there = ((0.5 + side * EYE_DISTANCE) * size - 0.5, EYE_HEIGHT * size - 0.5)
        np.testing.assert_allclose(template(size)[eye].mean(axis=0), there, atol=0.01 * size)
        np.testing.assert_allclose(placed[eye].mean(axis=0), there, atol=0.025 * size)


@pytest.mark.parametrize("scale", [0.45, 1.0, 1.9])
def test_pixels_are_those_of_an_exact_interpolation(scale):
    """Without reduction (scale of the picture below 2) the crop is the bilinear sample at each pixel's own place."""
    picture = grey(PORTRAIT)
    onto = matrix_of(1 / scale, 0.3, -20.0, -35.0)
    back = np.linalg.inv(np.vstack([onto, [0, 0, 1]]))
    landmarks_there = transform(back[:2], template(48))
    expected = skimage_warp(picture, SimilarityTransform(back), output_shape=(48, 48), order=1, mode="edge") * 255
    aligned = align(picture, landmarks_there, 48)
    assert (aligned.dtype, aligned.shape) == (np.uint8, (48, 48))
    assert np.abs(aligned - expected).max() <= 1.5


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_a_larger_picture_of_a_face_gives_the_same_crop(factor, points):
    large = PORTRAIT.repeat(factor, axis=0).repeat(factor, axis=1)
    aligned, again = align(PORTRAIT, points), align(large, (points + 0.5) * factor - 0.5)
    assert np.abs(aligned.astype(int) - again).mean() < 3


def test_turning_the_picture_changes_little(points):
    turned = np.ascontiguousarray(np.rot90(PORTRAIT))
    turned_points = np.column_stack([points[:, 1], PORTRAIT.shape[1] - 1 - points[:, 0]])
    assert np.abs(align(PORTRAIT, points).astype(int) - align(turned, turned_points)).mean() < 1.5


def test_colour_and_grey_give_the_same_crop(points):
    np.testing.assert_array_equal(align(PORTRAIT, points), align(grey(PORTRAIT), points))


def test_border_is_continued_beyond_a_cut_face(points):  # Face 9, 33
    cut = PORTRAIT[:, : int(points[30, 0])]
    aligned = align(cut, points)
    # Right of the cut each row goes on as it ended, instead of falling to black.
    assert np.abs(np.diff(aligned[:, 30:].astype(int), axis=1)).max() <= 5
    assert aligned[:, 30:].std() > 10
    np.testing.assert_array_equal(aligned[:, :20], align(PORTRAIT, points)[:, :20])


def test_a_target_of_ones_own_is_met(points):
    target = template(64) + np.array([3, 0])
    np.testing.assert_array_equal(align(PORTRAIT, points, 64, target)[:, 3:], align(PORTRAIT, points, 64)[:, :-3])


@pytest.mark.parametrize(
    "points",
    [np.full((68, 2), 20.0), np.full((68, 2), np.nan), MEAN_FACE * 1e6, MEAN_FACE * 1e-9],
    ids=["face-32", "nan", "too-large", "too-small"],
)
def test_landmarks_that_are_no_face_are_refused(points):
    with pytest.raises(SampleError) as caught:
        align(PORTRAIT, points)
    assert caught.value.code == "degenerate_face"
