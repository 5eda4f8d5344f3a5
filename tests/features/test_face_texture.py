"""Texture: gradients where they are, in the direction they have, and patterns that no change of light touches."""

import numpy as np
import pytest
from emofuse.features.alignment import ANCHORS, align, similarity, template, transform
from emofuse.features.face_texture import (
    describe_hog,
    describe_landmark_hog,
    describe_lbp,
    hog_at_landmarks,
    hog_names,
    hog_of,
    landmark_hog_names,
    lbp_names,
    lbp_of,
)
from emofuse.features.faces import MIRROR, find_faces, landmarks
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage import data
from skimage.feature import hog as skimage_hog
from skimage.feature import local_binary_pattern

faces = arrays(np.uint8, (48, 48), elements=st.integers(0, 255))
BLANK = np.full((48, 48), 128, dtype=np.uint8)


@pytest.fixture(scope="module")
def portrait():
    picture = np.ascontiguousarray(data.astronaut()[:256, 96:352])
    points = landmarks(picture, find_faces(picture)[0].box)
    placed = transform(similarity(points[ANCHORS], template(48)[ANCHORS]), points)
    return align(picture, points), placed


def by_name(names, values):
    return dict(zip(names, values.tolist(), strict=True))


def mirrored_turn(turn):
    return (180 - turn) % 360


@pytest.mark.parametrize("size", [32, 48, 64])
def test_names_are_unique_and_as_many_as_values(size):
    face = np.zeros((size, size), dtype=np.uint8)
    for names, values in (
        (hog_names(size), hog_of(face)),
        (landmark_hog_names(), hog_at_landmarks(face, template(size))),
        (lbp_names(), lbp_of(face)),
    ):
        assert len(names) == len(set(names)) == len(values)
        assert values.dtype == np.float32


def test_blank_face_has_no_gradients():
    assert not hog_of(BLANK).any()
    assert not hog_at_landmarks(BLANK, template(48)).any()


@pytest.mark.parametrize("turn", range(0, 360, 30))
def test_ramp_has_its_direction_in_every_block(turn):
    y, x = np.mgrid[:48, :48] - 24
    ramp = np.rint(127 + 3 * (x * np.cos(np.radians(turn)) + y * np.sin(np.radians(turn)))).astype(np.uint8)
    found = by_name(hog_names(48), hog_of(ramp))
    inner = {name: value for name, value in found.items() if name.startswith("block_2_2")}
    strongest = sorted(inner, key=inner.get)[-4:]
    assert {name.rsplit("_", 1)[1] for name in strongest} == {f"{turn:03d}deg"}


def test_bright_to_dark_is_not_dark_to_bright():
    step = np.zeros((48, 48), dtype=np.uint8)
    step[:, 24:] = 200
    found, inverse = (by_name(hog_names(48), hog_of(face)) for face in (step, 255 - step))
    assert found["block_2_2_cell_0_0_000deg"] > 0.1 and found["block_2_2_cell_0_0_180deg"] == 0
    assert inverse["block_2_2_cell_0_0_180deg"] == pytest.approx(found["block_2_2_cell_0_0_000deg"])


def test_gradient_is_in_the_cell_where_it_is():
    dot = np.zeros((48, 48), dtype=np.uint8)
    dot[4, 44] = 255  # in the middle of the cell at the upper right
    found = by_name(hog_names(48), hog_of(dot))
    # Votes are shared with the next cells, so the blocks that begin at these see the dot too.
    assert {name[:9] for name, value in found.items() if value} == {"block_0_3", "block_0_4", "block_1_3", "block_1_4"}
    corner = {name: value for name, value in found.items() if name.startswith("block_0_4")}
    assert max(corner, key=corner.get).startswith("block_0_4_cell_0_1")


def test_unsigned_cells_agree_with_scikit_images(portrait):
    """Another implementation, unsigned and with hard votes: nearly the same directions in the same cells."""
    face, _ = portrait
    theirs = skimage_hog(face, orientations=6, pixels_per_cell=(8, 8), cells_per_block=(2, 2), block_norm="L2-Hys")
    ours = np.reshape(hog_of(face), (5, 5, 2, 2, 12))
    unsigned = ours[..., :6] + ours[..., 6:]
    # Ours are centred on 0, 30 ... degrees, theirs lie between.
    unsigned = unsigned + np.roll(unsigned, -1, axis=-1)
    theirs = theirs.reshape(unsigned.shape)
    agreement = [np.corrcoef(np.roll(theirs, turn, axis=-1).ravel(), unsigned.ravel())[0, 1] for turn in range(6)]
    assert np.argmax(agreement) == 0 and agreement[0] > 0.75


@given(faces, st.sampled_from([1, 3, 10]), st.integers(0, 30))
def test_hog_is_finite_normed_and_blind_to_added_light(face, divisor, light):
    face = face // divisor // 2
    values = hog_of(face)
    blocks = np.linalg.norm(values.reshape(25, 48), axis=1)
    assert np.isfinite(values).all() and (values >= 0).all() and (blocks <= 1 + 1e-5).all()
    np.testing.assert_array_equal(hog_of(face + np.uint8(light)), values)


def test_contrast_hardly_changes_a_clear_face(portrait):
    face, placed = portrait
    fainter = (face * 0.5 + 60).astype(np.uint8)
    assert np.abs(hog_of(fainter) - hog_of(face)).mean() < 0.01
    assert np.abs(hog_at_landmarks(fainter, placed) - hog_at_landmarks(face, placed)).mean() < 0.02


def test_mirror_image_has_mirrored_hog(portrait):
    face, _ = portrait
    here, there = (by_name(hog_names(48), hog_of(one)) for one in (face, face[:, ::-1]))
    for name, value in here.items():
        _, row, column, _, y, x, turn = name.split("_")
        other = f"block_{row}_{4 - int(column)}_cell_{y}_{1 - int(x)}_{mirrored_turn(int(turn[:3])):03d}deg"
        assert there[other] == pytest.approx(value, abs=1e-5)


def test_mirror_image_has_mirrored_landmark_hog(portrait):
    face, placed = portrait
    flipped = np.column_stack([47 - placed[:, 0], placed[:, 1]])[MIRROR]
    here = by_name(landmark_hog_names(), hog_at_landmarks(face, placed))
    there = by_name(landmark_hog_names(), hog_at_landmarks(np.ascontiguousarray(face[:, ::-1]), flipped))
    for name, value in here.items():
        number, y, x, turn = name.split("_")
        x = {"left": "right", "right": "left"}[x]
        other = f"{MIRROR[int(number)]}_{y}_{x}_{mirrored_turn(int(turn[:3])):03d}deg"
        assert there[other] == pytest.approx(value, abs=1e-4)


def test_landmark_hog_looks_around_its_landmark():
    dot = np.zeros((48, 48), dtype=np.uint8)
    dot[30, 20] = 255
    points = np.full((68, 2), 40.0)
    points[:, 1] = 5
    points[51] = (24, 34)  # the dot lies to its upper left
    found = by_name(landmark_hog_names(), hog_at_landmarks(dot, points))
    assert {name.split("_")[0] for name, value in found.items() if value} == {"51"}
    assert max(found, key=found.get).startswith("51_upper_left")


def test_landmarks_outside_the_face_are_finite():  # Face 33
    face = np.random.default_rng(0).integers(0, 255, (48, 48)).astype(np.uint8)
    values = hog_at_landmarks(face, template(48) + 500)
    assert np.isfinite(values).all() and not values.any()


@given(faces, st.integers(0, 2**32 - 1))
def test_lbp_is_blind_to_monotone_changes_of_light(face, seed):
    face = face // 2
    rising = np.cumsum(np.random.default_rng(seed).integers(1, 3, size=128)) - 1
    np.testing.assert_array_equal(lbp_of(rising[face].astype(np.uint8)), lbp_of(face))


@given(faces)
def test_lbp_are_shares_of_each_cell(face):
    np.testing.assert_allclose(lbp_of(face).reshape(16, 59).sum(axis=1), 1, atol=1e-5)


def test_lbp_counts_the_patterns_of_scikit_image():
    """Their circle of radius 1 samples between pixels at the corners; on pictures of large flat pixels both agree."""
    face = np.random.default_rng(1).integers(0, 255, (16, 16)).astype(np.uint8).repeat(3, axis=0).repeat(3, axis=1)
    codes = local_binary_pattern(face, 8, 1, "nri_uniform")[1:-1, 1:-1]
    theirs = np.bincount(codes.astype(int).ravel(), minlength=59) / codes.size
    cells = lbp_of(face).reshape(16, 59)
    sizes = np.bincount(np.arange(46) * 4 // 46)
    ours = (np.outer(sizes, sizes).ravel()[:, None] * cells).sum(axis=0) / codes.size
    assert np.abs(np.sort(ours) - np.sort(theirs)).max() < 0.12
    assert ours[-1] < 0.5


def test_lbp_names_its_patterns():
    found = by_name(lbp_names(), lbp_of(BLANK))
    assert {name for name, value in found.items() if value} == {
        f"cell_{y}_{x}_11111111" for y in range(4) for x in range(4)
    }
    peak = np.zeros((48, 48), dtype=np.uint8)
    peak[24, 24] = 9
    assert by_name(lbp_names(), lbp_of(peak))["cell_2_2_00000000"] > 0


@pytest.mark.parametrize(
    ("describe", "names"),
    [(describe_hog, hog_names(48)), (describe_landmark_hog, landmark_hog_names()), (describe_lbp, lbp_names())],
    ids=["hog", "landmark_hog", "lbp"],
)
def test_every_feature_is_described(describe, names):
    notes = [describe(name) for name in names]
    assert {note.unit for note in notes} == {"1"}
    assert all("CVPR" in note.source or "IEEE" in note.source for note in notes)
    assert len({note.measures for note in notes}) == len(names)
