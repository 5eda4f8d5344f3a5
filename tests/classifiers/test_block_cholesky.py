from __future__ import annotations

import numpy as np
import pytest
from emofuse.classifiers.block_cholesky import solve_in_blocks


def system(n: int, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(n)
    half = random.normal(size=(n, n))
    return (half @ half.T + n * np.eye(n)).astype(dtype), random.normal(size=(n, 3)).astype(dtype)


@pytest.mark.parametrize("size", [1, 4, 7, 30, 100])
def test_the_system_is_solved_whatever_the_blocks(size: int) -> None:
    matrix, right = system(30)

    found = solve_in_blocks(lambda rows, columns: matrix[rows, columns].copy(), right, size=size)

    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-9)


def test_precision_is_that_of_the_blocks() -> None:
    matrix, right = system(20, np.float32)

    found = solve_in_blocks(lambda rows, columns: matrix[rows, columns].copy(), right, size=6)

    assert found.dtype == np.float32
    np.testing.assert_allclose(matrix @ found, right, atol=1e-4)


def test_each_part_of_the_lower_half_is_made_once_and_what_is_passed_stays() -> None:
    matrix, right = system(10)
    before, asked = right.copy(), []

    def block(rows: slice, columns: slice) -> np.ndarray:
        asked.append((rows.start, columns.start))
        return matrix[rows, columns].copy()

    solve_in_blocks(block, right, size=4)

    assert sorted(asked) == [(0, 0), (4, 0), (4, 4), (8, 0), (8, 4), (8, 8)]
    np.testing.assert_array_equal(right, before)


def test_what_is_not_positive_definite_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        solve_in_blocks(lambda rows, columns: -np.eye(6)[rows, columns], np.ones((6, 1)), size=4)
