"""Of very many rows trees see parts in turn, and one fold of groups is held out: as good, and no slower by the row."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.classifiers import boosted, calibration
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.calibration import inner_folds, out_of_fold

CLASSES = np.array(["angry", "happy", "sad"])


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    codes = random.choice(3, 6000, p=[0.5, 0.3, 0.2])
    return (random.normal(size=(6000, 6)) + np.eye(3, 6)[codes]).astype(np.float32), CLASSES[codes]


def test_rounds_are_shared_out_among_parts_of_the_rows(rows, monkeypatch):
    X, y = rows
    whole = BoostedTrees(n_rounds=50).fit(X[:4000], y[:4000])
    monkeypatch.setattr(boosted, "MANY_ROWS", 1000)
    first, again = (BoostedTrees(n_rounds=50).fit(X[:4000], y[:4000]) for _ in range(2))
    assert first.booster_.num_boosted_rounds() == whole.booster_.num_boosted_rounds() == 50
    np.testing.assert_array_equal(first.predict_proba(X[4000:]), again.predict_proba(X[4000:]))
    recalls = [(found.predict(X[4000:]) == y[4000:]).mean() for found in (whole, first)]
    assert abs(recalls[0] - recalls[1]) < 0.02 < recalls[1] - 0.5


def test_parts_hold_every_row_once_and_no_more_than_there_are_rounds():
    parts = boosted._parts(4 * boosted.MANY_ROWS + 1, 150, 0)
    assert len(parts) == 5 and max(map(len, parts)) <= boosted.MANY_ROWS
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(4 * boosted.MANY_ROWS + 1))
    assert len(boosted._parts(10 * boosted.MANY_ROWS, 3, 0)) == 3
    assert boosted._parts(boosted.MANY_ROWS, 150, 0) == [slice(None)]


@pytest.mark.parametrize("grouped", [True, False])
def test_of_very_many_rows_whole_groups_are_held_out_once(rows, grouped, monkeypatch):
    monkeypatch.setattr(calibration, "VERY_MANY_ROWS", 5000)
    monkeypatch.setattr(calibration, "MANY_ROWS", 500)
    X, y = rows
    groups = np.arange(6000) // 10 if grouped else None
    [(train, test)] = inner_folds(y, groups, n_splits=5, seed=0)
    assert 500 <= len(test) <= 520 and len(train) + len(test) == 6000
    if groups is not None:
        assert not set(groups[train]) & set(groups[test])
    found = out_of_fold(lambda X, y: BoostedTrees(n_rounds=5).fit(X, y), X, y, groups, classes=CLASSES)
    assert np.flatnonzero(~np.isnan(found).any(axis=1)).tolist() == test.tolist()


def test_few_groups_are_held_out_as_ever(rows, monkeypatch):
    y, groups = rows[1], np.arange(6000) // 600
    expected = inner_folds(y, groups, n_splits=5, seed=0)
    monkeypatch.setattr(calibration, "VERY_MANY_ROWS", 5000)
    found = inner_folds(y, groups, n_splits=5, seed=0)
    assert [test.tolist() for _, test in found] == [test.tolist() for _, test in expected]
