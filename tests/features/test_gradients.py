import numpy as np
import pytest
from emofuse.features.gradients import orientation_maps, pool_cells, sample_between
from hypothesis import given
from hypothesis import strategies as st

NOISE = np.random.default_rng(0).uniform(0, 255, (3, 12, 12)).astype(np.float32)


@pytest.mark.parametrize(
    ("turn", "expected"),
    [(0, {0: 1.0}), (90, {2: 1.0}), (225, {5: 1.0}), (30, {0: 1 / 3, 1: 2 / 3}), (350, {0: 7 / 9, 7: 2 / 9})],
)
def test_a_ramp_falls_into_the_two_directions_around_its_own(turn, expected):
    y, x = np.mgrid[:9, :9]
    ramp = np.cos(np.deg2rad(turn)) * x + np.sin(np.deg2rad(turn)) * y
    found = orientation_maps(ramp[None], 8)[0, :, 4, 4]
    np.testing.assert_allclose(found, [2 * expected.get(number, 0.0) for number in range(8)], atol=1e-5)


@pytest.mark.parametrize("n_orientations", [8, 12])
def test_directions_add_up_to_the_length_of_the_gradient(n_orientations):
    maps = orientation_maps(NOISE, n_orientations)
    padded = np.pad(NOISE, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across, down = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2], padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    np.testing.assert_allclose(maps.sum(axis=1), np.hypot(across, down), rtol=1e-5)
    assert (maps.dtype, maps.min()) == (np.float32, 0)


@pytest.mark.parametrize("n_orientations", [8, 12])
def test_a_mirrored_picture_has_mirrored_directions(n_orientations):
    turned = (n_orientations // 2 - np.arange(n_orientations)) % n_orientations
    mirrored = orientation_maps(NOISE[:, :, ::-1], n_orientations)
    np.testing.assert_allclose(mirrored, orientation_maps(NOISE, n_orientations)[:, turned, :, ::-1], atol=1e-3)


def test_a_pixel_is_shared_between_the_two_nearest_cells_by_its_distance():
    maps = np.zeros((1, 8, 8), dtype=np.float32)
    maps[0, 3, 2] = 1.0
    expected = np.outer([5 / 8, 3 / 8], [7 / 8, 1 / 8])  # middles of cells at 1.5 and 5.5
    np.testing.assert_allclose(pool_cells(maps, [0, 4], 4)[0], expected)


def test_cells_that_cover_a_map_keep_its_sum_inside():
    maps = np.zeros((2, 16, 16), dtype=np.float32)
    maps[:, 4:12, 4:12] = NOISE[:2, :8, :8]
    np.testing.assert_allclose(pool_cells(maps, [0, 4, 8, 12], 4).sum(axis=(1, 2)), maps.sum(axis=(1, 2)), rtol=1e-5)


@given(st.floats(-3, 15), st.floats(-3, 15))
def test_a_plane_is_itself_between_pixels_and_its_border_beyond(x, y):
    rows, columns = np.mgrid[:10, :12]
    plane = (2 * columns + 5 * rows)[None].astype(np.float32)
    expected = 2 * np.clip(x, 0, 11) + 5 * np.clip(y, 0, 9)
    np.testing.assert_allclose(sample_between(plane, [x], [y])[0, 0], expected, atol=1e-4)


def test_a_map_of_one_pixel_has_one_value_everywhere():
    assert sample_between(np.full((1, 1, 1), 7.0, dtype=np.float32), [0.0, 3.5], [-1.0, 0.2]).tolist() == [[7.0, 7.0]]
