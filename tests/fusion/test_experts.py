from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.calibrators import METHODS, Method, Temperature, Unchanged, fit_calibrator
from emofuse.features.errors import EmofuseWarning, ProtocolError, StudyError, TableError
from emofuse.fusion.experts import fit_experts
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]


class KnowsWhomItSaw(ClassifierMixin, BaseEstimator):
    """Is sure of its answer to rows of the groups it was fitted on, and undecided on all others.

    A row's index is ``<group>-<number>``.
    """

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> KnowsWhomItSaw:
        self.classes_ = np.unique(y)
        self.groups_ = {name.split("-")[0] for name in X.index}
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        undecided = np.full(len(self.classes_), 1 / len(self.classes_))
        sure = np.eye(len(self.classes_))[0]
        return np.array([sure if name.split("-")[0] in self.groups_ else undecided for name in X.index])


def test_an_expert_is_its_classifier_with_a_temperature(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks()
    experts = fit_experts({"voice": ("audio", expert)}, X, y, groups)

    plain = clone(expert).fit(X["audio"], y).predict_proba(X["audio"])
    logs = experts.scores(X)[0]

    tempered = plain ** experts.experts["voice"].calibrator.exponent
    np.testing.assert_allclose(np.exp(logs), tempered / tempered.sum(axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(experts.prior, 1 / 3)
    assert experts.classes.tolist() == ["anger", "fear", "joy"]


@pytest.mark.parametrize("method", METHODS)
def test_calibrators_are_fitted_on_out_of_fold_answers(
    make_blocks: Callable[..., Corpus], expert: Any, method: Method
) -> None:
    X, y, groups = make_blocks(n_clips=8)
    plain, fitted = (
        fit_experts({"voice": ("audio", expert)}, X, y, groups, calibration=name) for name in ("none", method)
    )

    held_out, answers = np.exp(plain.out_of_fold["voice"]), np.exp(plain.scores(X)[0])
    calibrator = fit_calibrator(method, held_out, plain.codes)

    np.testing.assert_allclose(np.exp(fitted.out_of_fold["voice"]), calibrator.apply(held_out), atol=1e-6)
    np.testing.assert_allclose(np.exp(fitted.scores(X)[0]), calibrator.apply(answers), atol=1e-6)
    if method != "none":
        assert np.abs(fitted.scores(X) - plain.scores(X)).max() > 0.05


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_with_few_rows_of_a_class_curves_give_way_to_a_temperature(
    make_blocks: Callable[..., Corpus], expert: Any, method: Method
) -> None:
    X, y, groups = make_blocks(n_speakers=3, n_clips=3)

    fitted = fit_experts({"voice": ("audio", expert)}, X, y, groups, calibration=method)

    assert isinstance(fitted.experts["voice"].calibrator, Temperature)


@given(n_speakers=st.integers(2, 7), n_inner=st.integers(2, 6), seed=st.integers(0, 9))
def test_out_of_fold_scores_come_from_models_that_never_met_the_speaker(
    n_speakers: int, n_inner: int, seed: int
) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat([f"speaker{number}" for number in range(n_speakers)], 6))
    y = np.random.default_rng(seed).permutation(np.arange(6 * n_speakers) % 2)
    X = pd.DataFrame(
        1.0,
        index=[f"{group}-{number}" for number, group in enumerate(groups)],
        columns=pd.MultiIndex.from_tuples([("audio", "F0")]),
    )

    experts = fit_experts({"audio": ("audio", KnowsWhomItSaw())}, X, y, groups, n_inner=n_inner, seed=seed)

    np.testing.assert_allclose(experts.out_of_fold["audio"], np.log(0.5))
    assert np.exp(experts.scores(X)).max() > 0.6  # the fitted expert itself has met them all


def test_some_of_the_experts_are_the_same_experts(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks()
    both = fit_experts({"audio": ("audio", expert), "face": ("face", expert)}, X, y, groups)
    face = fit_experts({"face": ("face", expert)}, X, y, groups)

    np.testing.assert_array_equal(both.only(["face"]).training_scores(), face.training_scores())
    np.testing.assert_array_equal(both.only(["face"]).scores(X), face.scores(X))
    np.testing.assert_array_equal(both.only(["face", "audio"]).scores(X), both.scores(X)[::-1])


def test_absent_rows_have_no_score(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks()
    X.loc[X.index[::4], "audio"] = np.nan

    experts = fit_experts({"audio": ("audio", expert)}, X, y, groups)

    absent = np.arange(len(X)) % 4 == 0
    for scores in (experts.training_scores()[0], experts.scores(X)[0]):
        np.testing.assert_array_equal(np.isnan(scores).all(axis=1), absent)
        np.testing.assert_array_equal(np.isnan(scores).any(axis=1), absent)


@pytest.mark.parametrize("kind", ["one speaker", "one class"])
def test_an_expert_that_cannot_be_judged_is_taken_to_know_the_class_shares_alone(
    make_blocks: Callable[..., Corpus], expert: Any, kind: str
) -> None:
    X, y, groups = make_blocks()
    has_face = groups == "speaker0" if kind == "one speaker" else y == "fear"
    X.loc[~has_face, "face"] = np.nan
    estimators = {"audio": ("audio", expert), "face": ("face", expert)}

    if kind == "one class":
        with pytest.warns(EmofuseWarning, match="single class 'fear'; its answer is constant"):
            experts = fit_experts(estimators, X, y, groups)
    else:
        experts = fit_experts(estimators, X, y, groups)

    shares = [(y[has_face] == label).mean() for label in ("anger", "fear", "joy")]
    scores = experts.out_of_fold["face"][has_face]
    np.testing.assert_allclose(np.exp(scores), np.tile(shares, (has_face.sum(), 1)), atol=1e-6)
    assert experts.experts["face"].calibrator == Unchanged()


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        (["a"] * 59, None, r"y must have one value for each of the 60 rows, got shape \(59,\)"),
        ([["a"]] * 60, None, r"y must have one value for each of the 60 rows, got shape \(60, 1\)"),
        (["a", "b"] * 30, ["s"] * 3, r"groups must have one value for each of the 60 rows, got shape \(3,\)"),
        (["a"] * 7 + [None] + ["b"] * 52, None, "y is missing in row 7"),
        ([1.0] * 7 + [np.nan] + [2.0] * 52, None, "y is missing in row 7"),
        (["a", "b"] * 30, ["s"] * 59 + [None], "groups is missing in row 59"),
        (pd.Series(["a", 1] * 30, dtype=object), None, "y mixes text and numbers"),
        (["a", "b"] * 30, pd.Series(["s", 1] * 30, dtype=object), "groups mixes text and numbers"),
    ],
)
def test_labels_and_groups_that_do_not_fit_are_refused(
    make_blocks: Callable[..., Corpus], expert: Any, y: Any, groups: Any, message: str
) -> None:
    X, *_ = make_blocks()

    with pytest.raises(TableError, match=message):
        fit_experts({"audio": ("audio", expert)}, X, y, groups)


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "category", "str", object])
def test_labels_may_be_a_column_of_any_type(make_blocks: Callable[..., Corpus], expert: Any, dtype: Any) -> None:
    X, *_ = make_blocks()
    values: dict[Any, list[Any]] = {"Int64": [3, 5], "boolean": [False, True], object: [3, 5]}
    y = pd.Series(values.get(dtype, ["joy", "sad"]) * 30, dtype=dtype)

    assert fit_experts({"audio": ("audio", expert)}, X, y).classes.tolist() == values.get(dtype, ["joy", "sad"])


def test_no_expert_and_a_single_speaker_are_refused(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, _ = make_blocks()

    with pytest.raises(StudyError, match="one block at least, got none"):
        fit_experts({}, X, y)
    with pytest.raises(ProtocolError, match="two groups in the training rows, got one; add speakers"):
        fit_experts({"audio": ("audio", expert)}, X, y, np.full(len(y), "ann"))
