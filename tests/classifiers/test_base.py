"""How rows are checked: a table as one array, with the complaints that scikit-learn makes of it column by column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.base import checked_rows
from emofuse.features.errors import TableError
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

NAMES = ["F0", "jitter", "HNR"]
DTYPES = ["float64", "float32", "int64", "uint8", "bool", "Int64", "Float32"]


def table_of(values: Any = None, **options: Any) -> pd.DataFrame:
    return pd.DataFrame(np.arange(12.0).reshape(4, 3) if values is None else values, columns=NAMES, **options)


@given(
    dtypes=st.lists(st.sampled_from(DTYPES), min_size=3, max_size=3),
    missing=st.booleans(),
)
def test_a_table_becomes_the_array_that_scikit_learn_makes_of_it(dtypes: list[str], missing: bool) -> None:
    table = table_of().astype(dict(zip(NAMES, dtypes, strict=True)))
    if missing:
        holed = [name for name, dtype in zip(NAMES, dtypes, strict=True) if dtype[0] in "fIF"]
        table.loc[1, holed] = np.nan
    ours, theirs = BaseEstimator(), BaseEstimator()

    rows = checked_rows(ours, table, ensure_all_finite="allow-nan")

    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, validate_data(theirs, table, dtype=np.float32, ensure_all_finite="allow-nan"))
    assert ours.feature_names_in_.tolist() == theirs.feature_names_in_.tolist() == NAMES
    assert ours.n_features_in_ == theirs.n_features_in_ == 3


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda table: table[NAMES[::-1]], "same order"),
        (lambda table: table[NAMES[:2]], "Feature names seen at fit time, yet now missing"),
        (lambda table: table.assign(age=1.0), "Feature names unseen at fit time"),
        (lambda table: table.iloc[:0], "0 sample"),
        (lambda table: table.assign(F0=np.nan), "contains NaN"),
        (lambda table: table.assign(F0="high"), "could not convert string"),
        (lambda table: table.to_numpy()[:, :2], "X has 2 features, but .* is expecting 3"),
        (lambda table: table.to_numpy()[0], "Expected 2D array"),
    ],
    ids=["order", "missing", "new", "empty", "absent value", "text", "narrow array", "one row"],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_rows_that_differ_from_training_are_refused(spoil: Any, message: str) -> None:
    estimator = BaseEstimator()
    checked_rows(estimator, table_of())

    with pytest.raises(ValueError, match=message):
        checked_rows(estimator, spoil(table_of()), reset=False)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_infinite_values_are_named_by_column(value: float) -> None:
    with pytest.raises(TableError, match=r"columns \['jitter'\]"):
        checked_rows(BaseEstimator(), table_of().assign(jitter=[1.0, value, 2.0, 3.0], whispered=True))


def test_labels_come_back_beside_the_rows() -> None:
    for X in (table_of(), table_of().to_numpy()):
        rows, y = checked_rows(BaseEstimator(), X, y=pd.Series(["joy", "sad"] * 2))
        assert rows.shape == (4, 3)
        assert y.tolist() == ["joy", "sad", "joy", "sad"]
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            checked_rows(BaseEstimator(), X, y=["joy"] * 3)


def test_sparse_rows_stay_sparse_where_they_may() -> None:
    rows = checked_rows(BaseEstimator(), sparse.csc_matrix(np.eye(3)), accept_sparse="csr")

    assert sparse.issparse(rows) and rows.format == "csr"
    assert rows.dtype == np.float32
