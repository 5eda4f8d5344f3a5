"""Regressors and their recipes: scikit-learn's contract, closed forms against known answers, and blocks that ask for classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers import regressors
from emofuse.classifiers.regression_recipes import (
    InBins,
    binned,
    expert_regressor,
    final_regressor,
    front_of_values,
    meta_regressor,
)
from emofuse.classifiers.regressors import BoostedRegressor, KernelRidgeRegressor, RidgeRegressor, check_targets
from emofuse.classifiers.scaling import KeepBest
from emofuse.features.errors import StudyError, TableError
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

REGRESSORS = [BoostedRegressor(n_rounds=60), RidgeRegressor(), KernelRidgeRegressor()]
every_regressor = pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda regressor: type(regressor).__name__)


def rows_and_targets(count=60, *, seed=0):
    """Rows whose first column tells the target, and the second half of it."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(count, 4)).astype(np.float32)
    return X, X[:, 0] + 0.5 * X[:, 1] + 0.1 * random.normal(size=count)


@parametrize_with_checks([BoostedRegressor(n_rounds=40), RidgeRegressor(), KernelRidgeRegressor()])
def test_scikit_learn_contract(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@every_regressor
def test_new_rows_are_answered(regressor):
    X, y = rows_and_targets(200)
    fitted = clone(regressor).fit(X[:150], y[:150])
    assert np.corrcoef(fitted.predict(X[150:]), y[150:])[0, 1] > 0.8


@every_regressor
def test_equal_targets_give_a_constant_answer(regressor):
    X, _ = rows_and_targets(10)
    fitted = clone(regressor).fit(X, np.full(10, 0.1))
    np.testing.assert_allclose(fitted.predict(X[:3]), 0.1)


@every_regressor
def test_answers_follow_the_scale_of_the_targets(regressor):
    X, y = rows_and_targets()
    plain, other = (clone(regressor).fit(X, targets).predict(X) for targets in (y, 1e6 * y - 3e6))
    np.testing.assert_allclose(other, 1e6 * plain - 3e6, rtol=1e-4, atol=20)


@every_regressor
def test_an_infinite_feature_is_named(regressor):
    X, y = rows_and_targets()
    table = pd.DataFrame(X, columns=["pitch", "energy", "rate", "pause"])
    table.loc[3, "energy"] = np.inf
    with pytest.raises(TableError, match="energy"):
        clone(regressor).fit(table, y)


def test_ridge_is_the_closed_form():
    X, y = rows_and_targets()
    fitted = RidgeRegressor(ridge=0.7).fit(X, y)
    own = np.c_[X.astype(float) - X.mean(axis=0, dtype=float)]
    weights = np.linalg.solve(own.T @ own + 0.7 * 4 * np.eye(4), own.T @ (y - y.mean()))
    np.testing.assert_allclose(fitted.predict(X), y.mean() + own @ weights, rtol=1e-5, atol=1e-6)


def test_sparse_rows_are_penalised_as_they_are():
    X, y = rows_and_targets()
    thin = sparse.csr_matrix(np.where(X > 0, X, 0))
    dense = RidgeRegressor(ridge=1 / 4).fit(thin.toarray(), y).predict(thin.toarray())
    np.testing.assert_allclose(RidgeRegressor(ridge=1.0).fit(thin, y).predict(thin), dense, atol=1e-3)


def test_a_kernel_without_penalty_repeats_its_targets():
    X, y = rows_and_targets(30)
    np.testing.assert_allclose(KernelRidgeRegressor(gamma=2.0, ridge=1e-9).fit(X, y).predict(X), y, atol=1e-5)


def test_many_rows_are_solved_in_blocks_to_the_same_answers(monkeypatch):
    X, y = rows_and_targets()
    whole = KernelRidgeRegressor().fit(X, y).predict(X)
    monkeypatch.setattr(regressors, "MANY_ROWS", 10)
    np.testing.assert_allclose(KernelRidgeRegressor().fit(X, y).predict(X), whole, atol=1e-4)
    monkeypatch.setattr(regressors, "MAX_ROWS", 20)
    with pytest.raises(StudyError, match="takes 20 at most, got 60; choose 'linear' or 'boosted'"):
        KernelRidgeRegressor().fit(X, y)


@pytest.mark.parametrize("regressor", [RidgeRegressor(ridge=0), KernelRidgeRegressor(gamma=-1.0)])
def test_a_penalty_or_width_that_is_not_positive_is_refused(regressor):
    with pytest.raises(StudyError, match="must be positive"):
        regressor.fit(*rows_and_targets())


def test_targets_must_be_finite_numbers():
    assert check_targets([1, 2.5]).tolist() == [1.0, 2.5]
    with pytest.raises(TableError, match="nan in row 1"):
        check_targets([1.0, np.nan])
    with pytest.raises(TableError, match="needs numbers"):
        check_targets(["sad", "happy"])


def test_columns_are_chosen_by_the_fifth_a_target_lies_in():
    X, y = rows_and_targets(100)
    kept = InBins(KeepBest(n_columns=1)).fit(X, y)
    np.testing.assert_array_equal(kept.transform(X)[:, 0], X[:, 0])
    assert sorted(set(binned(y).tolist())) == [0, 1, 2, 3, 4]
    assert set(binned([0.0] * 8 + [1.0] * 2).tolist()) == {3, 4}  # equal targets stay together


@pytest.mark.parametrize("family", ["boosted", "linear", "kernel"])
@pytest.mark.parametrize("kind", ["dense", "text", "probabilities"])
def test_every_family_takes_every_kind_of_block(family, kind):
    y = np.tile([0.0, 1.0, 2.0], 20)
    random = np.random.default_rng(0)
    blocks = {
        "dense": pd.DataFrame(random.normal(size=(60, 3)) + y[:, None], columns=list("abc"), dtype="float32"),
        "text": pd.DataFrame({"utterance": [["sad and low", "well enough", "so happy today"][int(own)] for own in y]}),
        "probabilities": pd.DataFrame({"a": y / 2, "b": 1 - y / 2}, dtype="float32"),
    }
    answers = expert_regressor(family, kind).fit(blocks[kind], y).predict(blocks[kind])
    assert answers.shape == (60,)
    assert np.corrcoef(answers, y)[0, 1] > 0.8
    assert front_of_values(family, kind).fit(blocks[kind], y).transform(blocks[kind]).shape[0] == 60


def test_what_no_regression_has_is_refused():
    with pytest.raises(StudyError, match="'given' passes class probabilities on; a regression has"):
        expert_regressor("given", "probabilities")
    with pytest.raises(StudyError, match="'forest' is not known"):
        final_regressor("forest")
    with pytest.raises(StudyError, match=r"RidgeRegressor has the parameters \['ridge'\], got \['C'\]"):
        final_regressor("linear", C=3)
    with pytest.raises(StudyError, match="does not take"):
        expert_regressor("linear", "text", scaling="quantile")
    with pytest.raises(StudyError, match="meta-regressor 'linear', got 'boosted'"):
        meta_regressor("boosted")
