"""Drift: none between two halves of one thing, large where a block has moved, and no nonsense on small or odd batches."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.features.drift import MAX_COLUMNS, Reference, drift
from emofuse.features.errors import TableError


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n_rows", [20, 40, 200, 1000])
def test_rows_of_the_same_kind_have_not_drifted(random, n_rows):
    found = drift(Reference.of(random.normal(size=(600, 80))), random.normal(size=(n_rows, 80)))
    assert found.size == "none" and found.score < 0.05
    assert found.share < 0.03
    assert found.n_rows == n_rows


@pytest.mark.parametrize(("shift", "size"), [(0.0, "none"), (0.45, "moderate"), (1.0, "large")])
def test_the_further_the_rows_move_the_larger_it_is(random, shift, size):
    found = drift(Reference.of(random.normal(size=(800, 40))), random.normal(loc=shift, size=(300, 40)))
    assert found.size == size


def test_the_columns_that_moved_are_told_from_the_others(random):
    batch = random.normal(size=(300, 10))
    batch[:, [2, 7]] *= 3
    found = drift(Reference.of(random.normal(size=(800, 10))), batch)
    assert set(np.argsort(found.by_column)[-2:]) == {2, 7}
    assert found.share == pytest.approx(0.2)


def test_the_index_is_the_sum_over_bins(random):
    """Two bins of a column that is 0 or 1, by hand: a = .75 and .25, e = .5 and .5."""
    reference = Reference.of(np.repeat([0.0, 1.0], 5000)[:, None])
    rows = np.repeat([0.0, 0.0, 0.0, 1.0], 5000)[:, None]
    found = drift(reference, rows)
    assert found.by_column[0] == pytest.approx(0.25 * np.log(0.75 / 0.5) - 0.25 * np.log(0.25 / 0.5), rel=0.01)


def test_missing_values_are_a_bin_of_their_own(random):
    train, batch = random.normal(size=(500, 3)), random.normal(size=(500, 3))
    batch[::2, 1] = np.nan
    found = drift(Reference.of(train), batch)
    assert found.by_column[1] > 1 > 0.1 > found.by_column[0]


def test_a_column_without_a_value_and_a_constant_one_do_no_harm(random):
    train = random.normal(size=(100, 3))
    train[:, 0], train[:, 1] = np.nan, 5.0
    found = drift(Reference.of(train), train)
    assert np.isfinite(found.by_column).all() and found.size == "none"


def test_absent_rows_do_not_count(random):
    rows = random.normal(size=(120, 4))
    rows[::2] = np.nan
    assert drift(Reference.of(rows), rows).n_rows == 60


def test_a_wide_block_is_looked_at_in_part(random):
    reference = Reference.of(random.normal(size=(50, 3 * MAX_COLUMNS)))
    assert len(reference.columns) == MAX_COLUMNS
    assert reference.columns[0] == 0 and reference.columns[-1] == 3 * MAX_COLUMNS - 1


def test_too_few_rows_are_refused(random):
    reference = Reference.of(random.normal(size=(50, 2)))
    with pytest.raises(TableError, match=r"needs 20 samples .* got 19"):
        drift(reference, random.normal(size=(19, 2)))
    with pytest.raises(TableError, match="no row of the block"):
        Reference.of(np.full((5, 2), np.nan))
