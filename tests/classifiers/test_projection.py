from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers import projection
from emofuse.classifiers.parts import batches
from emofuse.classifiers.projection import Discriminants, Projection, some_rows
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis


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


def classes_apart(n_rows: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of three classes, which differ in two of six columns, and their labels."""
    codes = np.arange(n_rows) % 3
    X = np.random.default_rng(seed).normal(size=(n_rows, 6))
    X[:, 2:4] += 2 * np.array([[0, 0], [1, 0], [0, 1]])[codes]
    return X.astype(np.float32), np.array(["anger", "fear", "joy"])[codes]


def test_discriminants_span_those_of_the_textbook_where_rows_are_many() -> None:
    X, y = classes_apart(3000)
    textbook = LinearDiscriminantAnalysis(solver="svd").fit(X, y).transform(X)

    scores = Discriminants().fit_transform(X, y)

    assert scores.dtype == np.float32
    assert scores.shape == (3000, 2)
    for column, expected in zip(scores.T, textbook.T, strict=True):
        assert abs(np.corrcoef(column, expected)[0, 1]) > 0.999


def test_discriminants_leave_out_what_tells_nothing_and_have_one_scale() -> None:
    X, y = classes_apart(300)
    new, truth = classes_apart(300, seed=1)
    fitted = Discriminants().fit(X, y)

    scores = fitted.transform(new)
    means = np.stack([scores[truth == label].mean(axis=0) for label in np.unique(truth)])
    answers = np.unique(truth)[np.square(scores[:, None] - means).sum(axis=2).argmin(axis=1)]

    assert (answers == truth).mean() > 0.7
    assert np.square(fitted.transform(X)).mean() == pytest.approx(1, rel=1e-3)
    for column, most in (
        (0, 0.3),
        (2, np.inf),
    ):  # a standard deviation of a column that tells nothing, and of one that does
        moved = np.abs(fitted.transform(new + np.eye(6, dtype=np.float32)[column]) - scores).max()
        assert (moved < most) and (moved > 0.5 or column == 0)


def test_the_strongest_direction_comes_first() -> None:
    X, y = classes_apart(600)
    X[:, 2] += 6 * (y == "fear")

    scores = Discriminants().fit_transform(X, y)

    apart = [np.var([column[y == label].mean() for label in np.unique(y)]) / column.var() for column in scores.T]
    assert apart[0] > apart[1]


@given(shift=st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6), factor=st.sampled_from([1e-6, 0.3, 7.0, 1e8]))
def test_the_zero_of_columns_and_their_common_scale_do_not_count(shift: list[float], factor: float) -> None:
    X, y = classes_apart(40)
    moved = ((X.astype(np.float64) + shift) * factor).astype(np.float32)

    scores, expected = Discriminants().fit_transform(moved, y), Discriminants().fit_transform(X, y)

    signs = np.sign((scores * expected).sum(axis=0))
    np.testing.assert_allclose(scores * signs, expected, atol=5e-3)


@pytest.mark.parametrize("n_rows", [20, 40, 110])
def test_components_that_are_rounding_do_not_decide(n_rows: int) -> None:
    random, codes = np.random.default_rng(0), np.arange(400) % 3
    X = random.normal(size=(400, 150)).astype(np.float32)
    X[:, :30] += 2 * random.normal(size=(3, 30))[codes]
    components = Projection(100).fit(X[:n_rows])  # of 20 rows the last has no variance at all

    fitted = Discriminants().fit(components.transform(X[:n_rows]), codes[:n_rows])
    train, scores = (fitted.transform(components.transform(rows)) for rows in (X[:n_rows], X[n_rows:]))
    means = np.stack([train[codes[:n_rows] == code].mean(axis=0) for code in range(3)])

    assert np.abs(scores).max() < 10
    assert (np.square(scores[:, None] - means).sum(axis=2).argmin(axis=1) == codes[n_rows:]).mean() > 0.8


@given(seed=st.integers(0, 2**16), n_rows=st.integers(1, 14), n_columns=st.integers(1, 5), n_classes=st.integers(1, 5))
def test_discriminants_of_whatever_rows_are_finite(seed: int, n_rows: int, n_columns: int, n_classes: int) -> None:
    random = np.random.default_rng(seed)
    y = random.integers(n_classes, size=n_rows)
    kinds = {
        "normal": random.normal(size=(n_rows, n_columns)),
        "whole": random.integers(2, size=(n_rows, n_columns)),
        "the class itself": np.eye(n_classes)[y],
        "one column many times": np.repeat(random.normal(size=(n_rows, 1)), n_columns, axis=1),
        "large": random.normal(size=(n_rows, n_columns)) * 1e8 + 1e12,
        "small": random.normal(size=(n_rows, n_columns)) * 1e-12,
        "constant": np.full((n_rows, n_columns), 0.1),
    }
    for kind, X in kinds.items():
        scores = Discriminants().fit_transform(X.astype(np.float32), y)

        assert scores.shape == (n_rows, max(1, min(len(np.unique(y)) - 1, X.shape[1]))), kind
        assert np.abs(scores).max() <= np.sqrt(scores.size) * 1.001, kind  # their mean square is 1


@pytest.mark.parametrize("y", [["a"] * 6, list("abcdef")], ids=["single class", "no more rows than classes"])
def test_where_classes_cannot_be_parted_rows_are_constant(y: list[str]) -> None:
    scores = Discriminants().fit_transform(rows_of(6, 8), y)

    assert scores.shape == (6, max(1, len(set(y)) - 1))
    assert not scores.any()


def test_constant_columns_and_a_class_of_one_row_do_not_stop_discriminants() -> None:
    X, y = classes_apart(40)
    X[:, [0, 4]] = -218.79
    y[:] = np.where(y == "joy", "fear", y)
    y[7] = "joy"

    fitted = Discriminants().fit(X, y)

    assert not fitted.directions_[[0, 4]].any()
    assert np.isfinite(fitted.transform(X)).all()
    assert fitted.get_feature_names_out().tolist() == ["discriminants0", "discriminants1"]


def test_absent_values_labels_and_rows_that_do_not_fit_are_refused() -> None:
    X, y = classes_apart(30)
    holed = X.copy()
    holed[3, 1] = np.nan
    fitted = Discriminants().fit(pd.DataFrame(X).rename(columns="F{}".format), y)

    with pytest.raises(ValueError, match="contains NaN"):
        Discriminants().fit(holed, y)
    with pytest.raises(ValueError, match="contains NaN"):
        Discriminants().fit(X, y).transform(holed)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        Discriminants().fit(X, y[1:])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(pd.DataFrame(X).rename(columns="mfcc{}".format))


def test_directions_in_half_precision_hardly_change_the_scores() -> None:
    X = rows_of(80, 12)
    whole, half = Projection(4).fit(X), Projection(4, half_precision=True).fit(X)

    assert half.components_.dtype == np.float32
    assert (half.components_ == half.components_.astype(np.float16)).all()
    assert not (whole.components_ == whole.components_.astype(np.float16)).all()
    np.testing.assert_allclose(half.transform(X), whole.transform(X), atol=5e-3)
