from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from emofuse.classifiers.boosted import BoostedTrees

CODES = np.arange(120) % 2


def threads_of(booster: Any) -> int:
    return int(json.loads(booster.save_config())["learner"]["generic_param"]["nthread"])


def test_a_missing_value_is_a_value_to_learn_from() -> None:
    X = np.where(CODES == 1, np.nan, np.random.default_rng(0).normal(size=120))[:, None]

    fitted = BoostedTrees(n_rounds=20).fit(X, CODES)

    assert fitted.predict([[np.nan], [0.0]]).tolist() == [1, 0]


@pytest.mark.parametrize(("balanced", "share"), [(True, 0.5), (False, 0.1)])
def test_balanced_trees_take_every_class_for_as_likely(balanced: bool, share: float) -> None:
    rare = np.arange(400) % 10 == 0

    fitted = BoostedTrees(n_rounds=60, subsample=1.0, balanced=balanced).fit(np.zeros((400, 1)), rare)

    np.testing.assert_allclose(fitted.predict_proba([[0.0]]), [[1 - share, share]], atol=0.02)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_number_of_threads_is_the_one_asked_for_also_after_pickling(n_jobs: int) -> None:
    fitted = BoostedTrees(n_rounds=2, n_jobs=n_jobs).fit(CODES[:, None], CODES)

    assert threads_of(fitted.booster_) == n_jobs
    assert threads_of(pickle.loads(pickle.dumps(fitted)).booster_) == n_jobs


def test_the_seed_decides_which_rows_and_columns_a_tree_sees() -> None:
    X = np.random.default_rng(0).normal(size=(120, 6))

    first, again, other = (
        BoostedTrees(n_rounds=5, random_state=seed).fit(X, CODES).predict_proba(X) for seed in (0, 0, 1)
    )

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
