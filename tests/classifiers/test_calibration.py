from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers import calibration
from emofuse.classifiers.calibration import (
    align,
    apply_temperature,
    fit_temperature,
    inner_folds,
    log_clipped,
    out_of_fold,
    take,
)
from emofuse.features.errors import ProtocolError
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

rows_of_groups = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["ann", "bob", "cleo", "dan", "eve", "fay"])), min_size=2, max_size=40
).filter(lambda rows: len({group for _, group in rows}) > 1)


class Recorder:
    """Remembers the rows it was fitted on, and refuses to answer a row of a group that it has seen."""

    def __init__(self, log: list[list[str]]) -> None:
        self.log = log

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Recorder:
        self.classes_ = np.unique(y)
        self.groups_ = set(X["group"])
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        assert not self.groups_ & set(X["group"])
        self.log.append(list(X.index))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class Shares:
    """Answers the class shares of its training rows."""

    def fit(self, X: Any, y: np.ndarray) -> Shares:
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.tile(self.shares_, (len(X), 1))


@pytest.mark.parametrize(("n_rows", "n_scored"), [(12, 12), (16, 4)], ids=["few", "many"])
def test_of_many_rows_only_one_fold_is_scored(monkeypatch: pytest.MonkeyPatch, n_rows: int, n_scored: int) -> None:
    monkeypatch.setattr(calibration, "MANY_ROWS", 12)
    y = np.arange(n_rows) % 2
    groups = np.arange(n_rows).astype(str)
    log: list[list[str]] = []
    table = pd.DataFrame({"group": groups})

    answers = out_of_fold(lambda X, own: Recorder(log).fit(X, own), table, y, groups, classes=np.arange(2), n_splits=4)

    scored = np.flatnonzero(~np.isnan(answers).any(axis=1))
    assert len(scored) == n_scored
    assert sorted(row for rows in log for row in rows) == scored.tolist()
    assert fit_temperature(answers, y) == pytest.approx(1.0, abs=0.01)


@given(rows=rows_of_groups, n_splits=st.integers(2, 6), seed=st.integers(0, 3))
def test_inner_folds_part_the_rows_and_never_a_group(rows: list[tuple[int, str]], n_splits: int, seed: int) -> None:
    y, groups = (np.array(values) for values in zip(*rows, strict=True))

    folds = inner_folds(y, groups, n_splits=n_splits, seed=seed)

    assert 2 <= len(folds) <= min(n_splits, len(set(groups)))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(y)))
        assert not set(groups[train]) & set(groups[test])


@given(y=st.lists(st.integers(0, 3), min_size=2, max_size=30), n_splits=st.integers(2, 6))
def test_without_groups_each_row_is_held_out_once(y: list[int], n_splits: int) -> None:
    folds = inner_folds(np.array(y), None, n_splits=n_splits, seed=0)

    assert len(folds) == min(n_splits, len(y))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))


def test_fewer_groups_than_folds_give_one_fold_a_group() -> None:
    groups = np.repeat(["ann", "bob", "cleo"], 10)

    folds = inner_folds(np.arange(30) % 2, groups, n_splits=5, seed=0)

    assert sorted(set(groups[test]).pop() for _, test in folds) == ["ann", "bob", "cleo"]


def test_each_fold_keeps_the_shares_of_the_classes() -> None:
    y, groups = np.arange(80) % 2, np.repeat(np.arange(8), 10)

    for _, test in inner_folds(y, groups, n_splits=4, seed=1):
        assert y[test].mean() == 0.5


@pytest.mark.parametrize(("n_rows", "groups"), [(6, np.zeros(6)), (1, None)], ids=["one speaker", "one row"])
def test_what_cannot_be_held_out_is_refused(n_rows: int, groups: np.ndarray | None) -> None:
    with pytest.raises(ProtocolError, match="two groups in the training rows, got one; add speakers"):
        inner_folds(np.arange(n_rows) % 2, groups, n_splits=5, seed=0)


def test_folds_depend_on_the_seed_alone() -> None:
    y, groups = np.arange(60) % 3, np.repeat(np.arange(12), 5)

    first, again, other = (
        [test.tolist() for _, test in inner_folds(y, groups, n_splits=3, seed=seed)] for seed in (0, 0, 1)
    )

    assert first == again
    assert first != other


def test_labels_of_an_object_column_can_be_split() -> None:
    y = np.array([True, False] * 10, dtype=object)

    assert len(inner_folds(y, None, n_splits=2, seed=0)) == 2


@given(rows=rows_of_groups, n_splits=st.integers(2, 5))
def test_out_of_fold_never_shows_a_row_or_its_group_to_its_own_model(
    rows: list[tuple[int, str]], n_splits: int
) -> None:
    y, groups = (np.array(values) for values in zip(*rows, strict=True))
    X = pd.DataFrame({"group": groups}, index=[f"clip{number}" for number in range(len(rows))])
    log: list[list[str]] = []

    answers = out_of_fold(lambda X, y: Recorder(log).fit(X, y), X, y, groups, classes=np.unique(y), n_splits=n_splits)

    answered = [name for names in log for name in names]
    assert len(answered) == len(set(answered))
    assert set(X.index[~np.isnan(answers).any(axis=1)]) == set(answered)


def test_out_of_fold_answers_are_those_of_the_other_groups() -> None:
    y, groups = np.array([0, 0, 1, 0, 1, 1, 1, 1]), np.repeat(["ann", "bob"], 4)

    answers = out_of_fold(lambda X, y: Shares().fit(X, y), np.zeros((8, 1)), y, groups, classes=np.array([0, 1]))

    assert np.isnan(answers[[0, 1]]).all()  # bob never says 0
    np.testing.assert_allclose(answers[4:], np.tile([0.75, 0.25], (4, 1)))


def test_rows_of_a_class_that_no_other_group_has_stay_unanswered() -> None:
    y = np.array(["a", "b"] * 4 + ["a", "rare"])
    groups = np.repeat(["ann", "bob", "cleo", "dan", "eve"], 2)

    answers = out_of_fold(
        lambda X, y: Shares().fit(X, y), np.zeros((10, 1)), y, groups, classes=np.array(["a", "b", "rare"])
    )

    assert np.isnan(answers[9]).all()
    np.testing.assert_allclose(answers[8], [0.45, 0.45, 0.1])  # the share of "rare" is taken from the others' 1
    assert not np.isnan(answers[:9]).any()
    np.testing.assert_allclose(answers[:9].sum(axis=1), 1)


def test_align_puts_columns_under_their_classes_and_zero_under_the_others() -> None:
    aligned = align(np.array([[0.2, 0.8]]), np.array(["joy", "anger"]), np.array(["anger", "fear", "joy"]))

    assert aligned.tolist() == [[0.8, 0.0, 0.2]]


@pytest.mark.parametrize("container", [np.asarray, lambda values: pd.DataFrame(values, index=list("zyx"))])
def test_take_goes_by_position(container: Any) -> None:
    taken = take(container([[1, 2], [3, 4], [5, 6]]), np.array([2, 0]))

    assert np.asarray(taken).tolist() == [[5, 6], [1, 2]]


@pytest.mark.parametrize("sharpened", [0.4, 1.0, 3.0], ids=["too timid", "honest", "overconfident"])
def test_temperature_recovers_a_known_distortion(sharpened: float) -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(6000, 4)) * 2
    honest = softmax(scores, axis=1)
    codes = np.array([random.choice(4, p=row) for row in honest])

    exponent = fit_temperature(softmax(sharpened * scores, axis=1), codes)

    assert exponent == pytest.approx(1 / sharpened, rel=0.06)
    np.testing.assert_allclose(apply_temperature(softmax(sharpened * scores, axis=1), exponent), honest, atol=0.04)


def test_temperature_leaves_unanswered_rows_out() -> None:
    random = np.random.default_rng(0)
    answers, codes = random.dirichlet(np.ones(3), size=50), random.integers(0, 3, size=50)
    holes = np.vstack([answers, np.full((5, 3), np.nan)])

    assert fit_temperature(holes, np.append(codes, [0] * 5)) == fit_temperature(answers, codes)
    assert fit_temperature(holes[50:], np.zeros(5, dtype=int)) == 1.0


def test_a_few_rows_without_an_error_do_not_make_a_model_sure_of_itself() -> None:
    answers = np.tile([0.7, 0.2, 0.1], (10, 1))

    assert 1 < fit_temperature(answers, np.zeros(10, dtype=int)) < 6


@given(
    shares=st.lists(st.integers(0, 1000), min_size=2, max_size=8, unique=True),
    exponent=st.floats(0.02, 54.0),
)
def test_temperature_keeps_the_order_of_the_classes_and_a_sum_of_one(shares: list[int], exponent: float) -> None:
    answers = np.array([shares]) / sum(shares)

    changed = apply_temperature(answers, exponent)

    assert changed.argmax() == answers.argmax()
    assert changed.sum() == pytest.approx(1)
    assert (np.diff(changed[0][np.argsort(shares)]) >= 0).all()


def test_exponent_one_changes_nothing() -> None:
    answers = np.random.default_rng(0).dirichlet(np.ones(5), size=20)

    np.testing.assert_allclose(apply_temperature(answers, 1.0), answers, rtol=1e-5, atol=1e-6)


def test_logarithms_have_a_floor() -> None:
    np.testing.assert_allclose(log_clipped(np.array([0.0, 1e-9, 0.5, 1.0])), np.log([1e-7, 1e-7, 0.5, 1.0]))
