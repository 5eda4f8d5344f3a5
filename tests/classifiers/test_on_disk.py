"""Trees from the disk are the trees from memory; parts that do not fit together are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.on_disk import fit_on_disk
from emofuse.features.block_files import block_batches
from emofuse.features.errors import TableError

N, D = 3000, 12
LABELS = np.array(["angry", "happy", "sad"])


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    codes = random.choice(3, N, p=[0.6, 0.3, 0.1])
    X = (random.normal(size=(N, D)) + np.eye(3, D)[codes]).astype(np.float32)
    X[random.random(X.shape) < 0.05] = np.nan
    return X, LABELS[codes]


@pytest.fixture(scope="module")
def table(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "features.parquet"
    names = [f"{'audio' if number < 8 else 'face'}/{number}" for number in range(D)]
    pd.DataFrame(rows[0], columns=names, index=[f"clip{number}" for number in range(N)]).to_parquet(path)
    return path


def parts(X, y, n):
    return lambda: zip(np.array_split(X, n), np.array_split(y, n), strict=True)


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("n_parts", [1, 4])
def test_trees_from_the_disk_are_those_from_memory(rows, n_parts, balanced, tmp_path):
    X, y = rows
    trees = BoostedTrees(n_rounds=12, balanced=balanced)
    found = fit_on_disk(trees, parts(X[:2000], y[:2000], n_parts), folder=str(tmp_path))
    expected = BoostedTrees(n_rounds=12, balanced=balanced).fit(X[:2000], y[:2000])
    assert found is trees
    np.testing.assert_array_equal(found.predict_proba(X[2000:]), expected.predict_proba(X[2000:]))
    assert found.classes_.tolist() == LABELS.tolist()
    assert (found.predict(X[2000:]) == y[2000:]).mean() > 0.6
    assert list(tmp_path.iterdir()) == []


def test_a_block_table_is_read_a_part_at_a_time(rows, table):
    X, y = rows
    labels = pd.Series(y, index=[f"clip{number}" for number in range(N)])
    held_in = labels.iloc[:2000].sample(frac=1, random_state=0)
    found = list(block_batches(table, held_in, blocks=["face"], n_rows=700))
    assert [len(part) for part, _ in found] == [700, 700, 600, 0, 0]
    np.testing.assert_array_equal(np.concatenate([part for part, _ in found]), X[:2000, 8:])
    assert np.concatenate([own for _, own in found]).tolist() == y[:2000].tolist()
    trees = fit_on_disk(BoostedTrees(n_rounds=5), lambda: block_batches(table, held_in, n_rows=700))
    expected = BoostedTrees(n_rounds=5).fit(X[:2000], y[:2000])
    np.testing.assert_array_equal(trees.predict_proba(X[2000:]), expected.predict_proba(X[2000:]))
    assert sum(len(part) for part, _ in block_batches([table, table], labels)) == 2 * N


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "no rows to fit"),
        ([(np.ones((2, 3)), ["a", "a"])], "all rows have the label 'a'"),
        ([(np.ones((2, 3)), ["a", "b"]), (np.ones((2, 4)), ["a", "b"])], "part 1 has 4 columns"),
        ([(np.ones((2, 3)), ["a"])], "part 0 has 3 columns and 2 rows for 1 labels"),
        ([(np.full((2, 3), np.inf), ["a", "b"])], "part 0 holds infinite values"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(given, message):
    with pytest.raises(TableError, match=message):
        fit_on_disk(BoostedTrees(), lambda: iter(given))


def test_files_that_hold_no_block_table_are_refused(table, tmp_path):
    labels = pd.Series(["a"], index=["clip0"])
    with pytest.raises(TableError, match=r"features.parquet: no block 'eeg'; it has \['audio', 'face'\]"):
        next(block_batches(table, labels, blocks=["eeg"]))
    with pytest.raises(TableError, match="sample 'clip0' has two labels"):
        next(block_batches(table, pd.concat([labels, labels])))
    (tmp_path / "other.parquet").write_bytes(b"no table")
    with pytest.raises(TableError, match=r"other.parquet: no Parquet table"):
        next(block_batches(tmp_path / "other.parquet", labels))
    pd.DataFrame({"a/b": [1.0]}).to_parquet(tmp_path / "unnamed.parquet")
    with pytest.raises(TableError, match="its rows have no names"):
        next(block_batches(tmp_path / "unnamed.parquet", labels))
    pd.DataFrame({"plain": [1.0]}, index=["clip0"]).to_parquet(tmp_path / "plain.parquet")
    with pytest.raises(TableError, match="no column is named block/feature"):
        next(block_batches(tmp_path / "plain.parquet", labels))
