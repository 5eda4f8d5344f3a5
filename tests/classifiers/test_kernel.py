from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from emofuse.classifiers import kernel, parts
from emofuse.classifiers.block_cholesky import solve_in_blocks
from emofuse.classifiers.heads import SHARPNESS
from emofuse.classifiers.kernel import KernelRidgeClassifier
from emofuse.features.errors import StudyError
from scipy.special import softmax
from sklearn.kernel_ridge import KernelRidge


@pytest.mark.parametrize("counts", [[20, 20, 20], [30, 20, 5], [25, 8]], ids=["balanced", "three classes", "two"])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_closed_form_is_kernel_ridge_with_balanced_weights(counts: list[int], offset: float) -> None:
    codes = np.repeat(np.arange(len(counts)), counts)
    X, new = (np.random.default_rng(seed).normal(size=(len(codes), 7)).astype(np.float32) + offset for seed in (0, 1))
    weights = (len(codes) / len(counts) / np.array(counts))[codes]
    reference = KernelRidge(kernel="rbf", gamma=0.4 / 7, alpha=0.2)
    reference.fit(X.astype(float), np.where(codes[:, None] == np.arange(len(counts)), 1.0, -1.0), sample_weight=weights)

    answers = KernelRidgeClassifier(gamma=0.4, ridge=0.2).fit(X, codes).predict_proba(new)

    expected = softmax(SHARPNESS * reference.predict(new.astype(float)), axis=1)
    np.testing.assert_allclose(answers, expected, atol=1e-6)


def test_repeated_rows_can_be_fitted() -> None:
    codes = np.arange(20) % 2

    assert (KernelRidgeClassifier().fit(codes[:, None], codes).predict([[0], [1]]) == [0, 1]).all()


@pytest.mark.parametrize("balanced", [True, False])
def test_many_rows_are_fitted_in_single_precision_with_the_same_answers(
    monkeypatch: pytest.MonkeyPatch, balanced: bool
) -> None:
    codes = np.arange(300) % 7 % 3
    X, new = (np.random.default_rng(seed).normal(size=(300, 9)).astype(np.float32) for seed in (0, 1))
    X[:, 0] += codes
    double = KernelRidgeClassifier(balanced=balanced).fit(X, codes)
    monkeypatch.setattr(kernel, "MANY_ROWS", 100)
    monkeypatch.setattr(parts, "BATCH", 64)
    monkeypatch.setattr(kernel, "solve_in_blocks", partial(solve_in_blocks, size=70))

    single = KernelRidgeClassifier(balanced=balanced).fit(X, codes)

    assert single.rows_.dtype == single.dual_coef_.dtype == np.float32
    np.testing.assert_allclose(single.predict_proba(new), double.predict_proba(new), atol=1e-4)


def test_classes_weigh_by_their_number_where_they_are_not_balanced() -> None:
    codes = np.r_[np.zeros(45, dtype=int), np.ones(5, dtype=int)]
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    reference = KernelRidge(kernel="rbf", gamma=0.3 / 3, alpha=0.3).fit(
        X, np.where(codes[:, None] == [0, 1], 1.0, -1.0)
    )

    answers = KernelRidgeClassifier(balanced=False).fit(X, codes).predict_proba(X)

    np.testing.assert_allclose(answers, softmax(SHARPNESS * reference.predict(X), axis=1), atol=1e-5)


def test_too_many_rows_are_refused_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "MAX_ROWS", 10)

    with pytest.raises(StudyError, match="takes 10 at most, got 11; choose 'linear' or 'boosted'"):
        KernelRidgeClassifier().fit(np.zeros((11, 1)), np.arange(11) % 2)


@pytest.mark.parametrize("parameters", [{"gamma": 0.0}, {"ridge": 0.0}, {"ridge": -1.0}, {"gamma": np.nan}])
def test_parameters_must_be_positive(parameters: dict[str, float]) -> None:
    with pytest.raises(StudyError, match="gamma and ridge must be positive"):
        KernelRidgeClassifier(**parameters).fit(np.zeros((4, 1)), [0, 1, 0, 1])


def test_in_half_precision_rows_are_short_and_answers_hardly_change() -> None:
    codes = np.arange(90) % 3
    X, new = (np.random.default_rng(seed).normal(size=(90, 6)).astype(np.float32) for seed in (0, 1))
    X[:, 0] += codes
    whole, half = (KernelRidgeClassifier(half_precision=half).fit(X, codes) for half in (False, True))

    assert (half.rows_ == half.rows_.astype(np.float16)).all()
    assert (half.dual_coef_ == half.dual_coef_.astype(np.float32)).all()
    assert not (whole.rows_ == whole.rows_.astype(np.float16)).all()
    np.testing.assert_allclose(half.predict_proba(new), whole.predict_proba(new), atol=0.02)
