from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.parts import NORMAL_CLIP, STANDARD_CLIP
from emofuse.classifiers.scaling import KeepBest, LatentSemantics, Scaler
from emofuse.features.errors import TableError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

METHODS = {"standard": STANDARD_CLIP, "quantile": NORMAL_CLIP}
every_method = pytest.mark.parametrize("method", METHODS)


@every_method
def test_columns_get_a_common_scale(method: str) -> None:
    X = np.random.default_rng(0).normal(size=(500, 3)) * [1e-4, 1.0, 1e4] + [5.0, 0.0, -1e5]

    scaled = Scaler(method).fit_transform(X)

    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=0.05)


@every_method
def test_missing_values_become_zero_and_do_not_move_the_others(method: str) -> None:
    X = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    holed = np.vstack([X, np.full((100, 2), np.nan, dtype=np.float32)])

    scaled = Scaler(method).fit_transform(holed)

    np.testing.assert_array_equal(scaled[300:], 0)
    np.testing.assert_allclose(scaled[:300], Scaler(method).fit_transform(X), atol=1e-5)


@every_method
@pytest.mark.parametrize("value", [0.0, 0.1, 3.3e7, np.nan], ids=["zero", "not representable", "large", "missing"])
def test_a_column_that_never_varies_becomes_zero(method: str, value: float) -> None:
    X = np.column_stack([np.full(50, value), np.arange(50)])
    scaler = Scaler(method).fit(X)

    np.testing.assert_array_equal(scaler.transform(X)[:, 0], 0)
    np.testing.assert_array_equal(scaler.transform(X + 7)[:, 0], 0)


@every_method
def test_outliers_are_clipped(method: str) -> None:
    X = np.random.default_rng(0).normal(size=(200, 1))

    scaled = Scaler(method).fit(X).transform([[1e6], [-1e6]])

    np.testing.assert_allclose(scaled, [[METHODS[method]], [-METHODS[method]]])


@every_method
@given(
    X=arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 4)),
        elements=st.one_of(st.floats(-1e6, 1e6, width=32), st.just(np.nan)),
    )
)
def test_whatever_the_block_scaled_values_are_finite_and_in_range(method: str, X: np.ndarray) -> None:
    scaled = Scaler(method).fit_transform(X)

    assert scaled.shape == X.shape
    assert np.abs(scaled).max() <= METHODS[method]


def test_quantiles_keep_the_order_and_bring_a_skewed_column_to_a_normal_one() -> None:
    X = np.exp(np.random.default_rng(0).normal(size=(400, 1)) * 2)

    scaled = Scaler("quantile").fit_transform(X)

    assert (np.diff(scaled[np.argsort(X[:, 0]), 0]) >= 0).all()
    assert abs(np.median(scaled)) < 0.02
    assert np.mean(np.abs(scaled) < 1) == pytest.approx(0.68, abs=0.02)


@every_method
def test_infinite_values_are_refused_by_column(method: str) -> None:
    table = pd.DataFrame({"F0": [1.0, 2.0], "jitter": [np.inf, 1.0]})
    fitted = Scaler(method).fit(table[["F0"]])

    with pytest.raises(TableError, match="jitter"):
        Scaler(method).fit(table)
    with pytest.raises(TableError, match="F0"):
        fitted.transform(pd.DataFrame({"F0": [-np.inf]}))


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="'standard' or 'quantile', got 'robust'"):
        Scaler("robust").fit(np.zeros((2, 1)))  # type: ignore[arg-type]


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_selection_keeps_the_informative_columns_in_their_order(container: object) -> None:
    codes = np.arange(90) % 3
    X = np.random.default_rng(0).uniform(size=(90, 40))
    X[:, 31] += codes
    X[:, 7] += codes == 1

    selected = KeepBest(n_columns=2).fit(container(X), np.array(["a", "b", "c"])[codes])  # type: ignore[operator]

    assert selected.get_support(indices=True).tolist() == [7, 31]


def test_a_column_that_parts_the_classes_without_an_error_is_kept() -> None:
    codes = np.arange(40) % 2
    X = np.random.default_rng(0).normal(size=(40, 30))
    X[:, 12] = codes

    assert KeepBest(n_columns=1).fit(X, codes).get_support(indices=True).tolist() == [12]


@pytest.mark.parametrize("value", [0.0, -218.79165649414062, np.nan], ids=["zero", "rounded", "missing"])
def test_columns_that_never_vary_go_first(value: float) -> None:
    codes = np.arange(60) % 3  # rounding gives the column of -218.79 an infinite F statistic
    X = np.full((60, 10), value)
    X[:, [3, 8]] = np.random.default_rng(0).normal(size=(60, 2))

    assert KeepBest(n_columns=2).fit(X, codes).get_support(indices=True).tolist() == [3, 8]


def test_missing_values_stay_missing_and_do_not_decide() -> None:
    codes = np.arange(60) % 2
    X = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    X[:, 2] += 3 * codes
    X[::3] = np.nan

    kept = KeepBest(n_columns=1).fit(X, codes)

    assert kept.get_support(indices=True).tolist() == [2]
    np.testing.assert_array_equal(kept.transform(X)[:, 0], X[:, 2])


@pytest.mark.parametrize("codes", [np.arange(10) % 2, np.zeros(10)], ids=["narrow block", "single class"])
def test_where_there_is_nothing_to_select_all_columns_stay(codes: np.ndarray) -> None:
    n_columns = 3 if len(set(codes)) == 1 else 5
    X = np.random.default_rng(0).normal(size=(10, 5))

    assert KeepBest(n_columns=n_columns).fit_transform(X, codes).shape == (10, 5)


def test_selected_columns_keep_their_names() -> None:
    table = pd.DataFrame({"noise": [1.0, 1.1, 1.0, 1.1], "valence": [0.0, 0.1, 5.0, 5.1]})

    assert KeepBest(n_columns=1).fit(table, [0, 0, 1, 1]).get_feature_names_out().tolist() == ["valence"]


@pytest.mark.parametrize(
    ("shape", "n_directions"), [((30, 200), 5), ((30, 3), 2), ((30, 1), 1), ((2, 50), 1), ((1, 4), 1)]
)
def test_latent_semantics_takes_vocabularies_of_any_size(shape: tuple[int, int], n_directions: int) -> None:
    X = sparse.csr_matrix(np.random.default_rng(0).uniform(size=shape).astype(np.float32))

    first, again = (LatentSemantics(n_components=5).fit(X) for _ in range(2))

    assert first.get_feature_names_out().tolist() == [f"direction_{number}" for number in range(n_directions)]
    assert first.transform(X).shape == (shape[0], n_directions)
    assert first.transform(X).dtype == np.float32
    np.testing.assert_array_equal(first.transform(X), again.transform(X))


def test_latent_semantics_of_texts_without_terms_is_zero() -> None:
    X = sparse.csr_matrix((6, 4), dtype=np.float32)

    np.testing.assert_array_equal(LatentSemantics().fit(X).transform(X), 0)


def test_latent_semantics_keeps_distances_where_directions_suffice() -> None:
    random = np.random.default_rng(0)
    X = sparse.csr_matrix((random.uniform(size=(20, 3)) @ random.uniform(size=(3, 12))).astype(np.float32))

    projected = LatentSemantics(n_components=3).fit(X).transform(X)

    np.testing.assert_allclose(projected @ projected.T, (X @ X.T).toarray(), rtol=1e-3)


def scaled_in_double_precision(train: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return standardised columns, clipped, 0 where a value is missing or the column of training rows never varies."""
    wide = train.astype(np.float64)
    seen = ~np.isnan(wide)
    counts = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, wide, 0).sum(axis=0) / counts
    spread = np.sqrt(np.square(np.where(seen, wide - mean, 0)).sum(axis=0) / counts)
    spread = np.where(spread > 1e-9 * (1 + np.abs(mean)), spread, np.inf)
    return np.nan_to_num(np.clip((X.astype(np.float64) - mean) / spread, -STANDARD_CLIP, STANDARD_CLIP), nan=0.0)


@given(
    seed=st.integers(0, 2**16),
    mean=st.sampled_from([0.0, 0.1, -3.0, 1e4, -1e6, 1e8]),
    spread=st.sampled_from([0.0, 1e-6, 1e-2, 1.0, 1e3]),
    share_missing=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_single_precision_loses_nothing(seed: int, mean: float, spread: float, share_missing: float) -> None:
    random = np.random.default_rng(seed)
    X = (mean + spread * random.normal(size=(60, 3))).astype(np.float32)
    X[random.uniform(size=X.shape) < share_missing] = np.nan
    X[:, 2] = np.float32(mean)

    for container in (np.asarray, pd.DataFrame):
        scaler = Scaler().fit(container(X[:40]))
        np.testing.assert_allclose(
            np.asarray(scaler.transform(container(X))), scaled_in_double_precision(X[:40], X), atol=2e-5
        )


@every_method
def test_scaling_leaves_its_input_as_it_was(method: str) -> None:
    X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    X[3] = np.nan
    table, before = pd.DataFrame(X), X.copy()

    Scaler(method).fit(X).transform(X)
    Scaler(method).fit(table).transform(table)

    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(table.to_numpy(), before)


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, sparse.csr_matrix, sparse.csc_array])
def test_selected_columns_are_float32_whatever_holds_them(container: object) -> None:
    codes = np.arange(30) % 2
    X = np.random.default_rng(0).integers(0, 3, size=(30, 6)).astype(np.float64)
    X[:, [1, 4]] += 5 * codes[:, None]

    kept = KeepBest(n_columns=2).fit_transform(container(X), codes)  # type: ignore[operator]

    assert kept.dtype == np.float32
    assert sparse.issparse(kept) == sparse.issparse(container(X))  # type: ignore[operator]
    np.testing.assert_array_equal(kept.toarray() if sparse.issparse(kept) else kept, X[:, [1, 4]])


def test_selection_knows_columns_by_name_and_number() -> None:
    table = pd.DataFrame({"noise": [1.0, 1.1, 1.0, 1.1], "valence": [0.0, 0.1, 5.0, 5.1]})
    fitted = KeepBest(n_columns=1).fit(table, [0, 0, 1, 1])

    with pytest.raises(ValueError, match="feature names"):
        fitted.transform(table[["valence", "noise"]])
    with pytest.raises(ValueError, match="expecting 2 features"):
        KeepBest(n_columns=1).fit(table.to_numpy(), [0, 0, 1, 1]).transform(table.to_numpy()[:, :1])
    with pytest.raises(TableError, match="valence"):
        fitted.transform(table.replace(5.0, np.inf))


def test_quantiles_are_those_of_scikit_learn_also_where_most_values_are_zero() -> None:
    random = np.random.default_rng(0)
    X, new = (np.maximum(random.normal(size=(200, 5)) - [0, 0.5, 1, 2, 9], 0).astype(np.float32) for _ in range(2))
    scaler = Scaler("quantile").fit(X)

    expected = np.clip(scaler.quantiles_.transform(new), -NORMAL_CLIP, NORMAL_CLIP) * scaler.varies_

    np.testing.assert_array_equal(scaler.transform(new), expected.astype(np.float32))
    assert scaler.transform(X)[X[:, 1] == 0, 1].max() == -NORMAL_CLIP
