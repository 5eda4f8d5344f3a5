"""A symmetric positive definite system too large to be held whole: half of it, in blocks, each made when it is needed."""

from __future__ import annotations

from collections.abc import Callable

from scipy.linalg import cholesky, solve_triangular

from .parts import Array

BLOCK_ROWS = 4096


def solve_in_blocks(block: Callable[[slice, slice], Array], right: Array, *, size: int = BLOCK_ROWS) -> Array:
    """Solve ``A x = right`` by a blocked Cholesky factorisation (Golub and Van Loan 2013, section 4.2).

    Parameters
    ----------
    block : callable
        Takes two slices, of rows and of columns, and returns that part of A as an array of its own; called for the lower
        half only, each part once.
    right : ndarray of shape (n, n_targets)
    size : int, default=4096
        Rows of a block. The factor takes the memory of half of A and of one row of blocks.

    Returns
    -------
    ndarray of shape (n, n_targets)

    Raises
    ------
    numpy.linalg.LinAlgError
        A is not positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.array([[4.0, 2.0, 0.0], [2.0, 5.0, 1.0], [0.0, 1.0, 3.0]])
    >>> x = solve_in_blocks(lambda rows, columns: A[rows, columns].copy(), A @ [[1.0], [2.0], [3.0]], size=2)
    >>> x.ravel().round(9).tolist()
    [1.0, 2.0, 3.0]
    """
    parts = [slice(first, min(first + size, len(right))) for first in range(0, len(right), size)]
    factor: list[list[Array]] = []
    for number, rows in enumerate(parts):
        line: list[Array] = []
        for column in range(number + 1):
            own = block(rows, parts[column])
            above = factor[column] if column < number else line
            for left, other in zip(line, above, strict=False):
                own -= left @ other.T
            if column < number:
                own = solve_triangular(above[column], own.T, lower=True, overwrite_b=True, check_finite=False).T
            else:
                own = cholesky(own, lower=True, overwrite_a=True, check_finite=False)
            line.append(own)
        factor.append(line)
    found = right.copy()
    for number, rows in enumerate(parts):
        for column in range(number):
            found[rows] -= factor[number][column] @ found[parts[column]]
        found[rows] = solve_triangular(factor[number][number], found[rows], lower=True, check_finite=False)
    for number, rows in reversed(list(enumerate(parts))):
        for below in range(number + 1, len(parts)):
            found[rows] -= factor[below][number].T @ found[parts[below]]
        found[rows] = solve_triangular(factor[number][number], found[rows], lower=True, trans="T", check_finite=False)
    return found
