from __future__ import annotations

import numpy as np
import pytest
from emofuse.classifiers import projection
from emofuse.classifiers.projection import Projection, batches, some_rows
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA


def rows_of(n_rows: int, n_columns: int, *, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(n_rows, n_columns)) * np.linspace(5, 0.1, n_columns) + 3).astype(np.float32)


def test_scores_are_principal_components_with_one_scale() -> None:
    X, new = rows_of(80, 12), rows_of(20, 12, seed=1)
    reference = PCA(4).fit(X)
    expected = reference.transform(new) / np.sqrt(reference.explained_variance_.mean())

    scores = Projection(4).fit(X).transform(new)

    assert scores.dtype == np.float32
    np.testing.assert_allclose(np.abs(scores), np.abs(expected), atol=1e-4)


def test_all_directions_keep_the_ratios_of_distances() -> None:
    X = rows_of(30, 6)
    ratios = pdist(Projection(6).fit_transform(X)) / pdist(X)

    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-4)


def test_scale_of_the_columns_does_not_count() -> None:
    X = rows_of(50, 8)

    np.testing.assert_allclose(Projection(3).fit_transform(X * 1000), Projection(3).fit_transform(X), atol=1e-3)


def test_directions_are_found_on_a_part_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    X = rows_of(60, 5)
    monkeypatch.setattr(projection, "MAX_ROWS", 20)

    part = Projection(2, random_state=3).fit(X)

    np.testing.assert_allclose(part.mean_, X[some_rows(60, 20, 3)].mean(axis=0), rtol=1e-5)
    assert part.transform(X).shape == (60, 2)


@pytest.mark.parametrize(("shape", "expected"), [((40, 3), 3), ((5, 30), 5)])
def test_there_are_no_more_directions_than_columns_or_rows(shape: tuple[int, int], expected: int) -> None:
    fitted = Projection(100).fit(rows_of(*shape))

    assert fitted.transform(rows_of(*shape)).shape == (shape[0], expected)
    assert fitted.get_feature_names_out().tolist() == [f"projection{number}" for number in range(expected)]


def test_missing_values_count_as_the_mean_of_their_column() -> None:
    X = rows_of(40, 4)
    X[::5, 1] = np.nan
    filled = np.where(np.isnan(X), np.nanmean(X, axis=0), X)

    np.testing.assert_allclose(Projection(2).fit_transform(X), Projection(2).fit_transform(filled), atol=1e-5)


def test_columns_that_never_change_become_zero() -> None:
    assert not Projection(2).fit_transform(np.full((10, 3), 7.0)).any()


def test_no_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="n_components must be 1 or more, got 0"):
        Projection(0).fit(rows_of(5, 2))


def test_batches_are_all_rows_in_order() -> None:
    rows = np.arange(10)[:, None]

    assert [len(part) for part in batches(rows, 4)] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(batches(rows, 4)), rows)


def test_some_rows_are_distinct_ordered_and_repeatable() -> None:
    chosen = some_rows(100, 30, 0)

    assert len(np.unique(chosen)) == 30 and (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, some_rows(100, 30, 0))
    np.testing.assert_array_equal(some_rows(5, 30, 0), np.arange(5))
