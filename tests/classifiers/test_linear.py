from __future__ import annotations

import numpy as np
import pytest
from emofuse.classifiers.linear import LinearClassifier, NaiveBayesLogistic
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight


def rows(n_rows: int, n_columns: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    codes = np.append(np.arange(n_rows - 8) % n_classes, [0] * 8)
    return random.normal(size=(n_rows, n_columns)) + random.normal(size=(n_classes, n_columns))[codes] * 0.3, codes


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_columns", [5, 39, 40, 41, 200], ids=lambda n_columns: f"{n_columns} columns")
@pytest.mark.parametrize("balanced", [True, False])
def test_narrow_and_wide_blocks_get_the_solution_of_logistic_regression(
    n_classes: int, n_columns: int, balanced: bool
) -> None:
    X, codes = rows(40, n_columns, n_classes)
    weights = compute_sample_weight("balanced", codes) if balanced else None
    reference = LogisticRegression(C=2 / n_columns, tol=1e-9, max_iter=5000).fit(X, codes, sample_weight=weights)

    fitted = LinearClassifier(C=2, balanced=balanced).fit(X, codes)

    np.testing.assert_allclose(fitted.predict_proba(X), reference.predict_proba(X), atol=2e-3)
    assert fitted.coef_.shape == reference.coef_.shape


def test_columns_that_repeat_others_change_nothing() -> None:
    X, codes = rows(40, 30, 3)

    once, twice = (LinearClassifier().fit(table, codes).predict_proba(table) for table in (X, np.hstack([X, X])))

    np.testing.assert_allclose(twice, once, atol=2e-3)


def test_log_count_ratios_are_those_of_wang_and_manning() -> None:
    weights = np.array([[0.6, 0.8, 0.0], [1.0, 0.0, 0.0], [0.0, 0.7, 0.7], [0.0, 0.0, 1.0]])
    is_sad = np.array([True, True, False, False])
    # Texts with each term, 0.5 added: sad (2.5, 1.5, 0.5), other (0.5, 1.5, 2.5); both sum to 4.5.
    ratio = np.array([np.log(5), 0, -np.log(5)])

    fitted = NaiveBayesLogistic(C=2.0, beta=0.5, alpha=0.5).fit(sparse.csr_matrix(weights), is_sad)

    for row, scale in zip(fitted.coef_[::-1], [0.5 * ratio + 0.5, -0.5 * ratio + 0.5], strict=True):
        reference = LogisticRegression(C=2.0, solver="liblinear", random_state=0)
        reference.fit(weights * scale, is_sad if scale[0] > 0.5 else ~is_sad)
        np.testing.assert_allclose(row, reference.coef_[0] * scale, rtol=1e-3)


def test_beta_zero_leaves_plain_logistic_regression_and_beta_one_the_ratios_alone() -> None:
    X = np.array(
        [[1.0, 1.0, 0.0], [1.0, 0.4, 0.0], [0.0, 1.0, 1.0], [0.0, 0.1, 1.0]]
    )  # the ratio of the middle term is 0
    plain = LogisticRegression(solver="liblinear", random_state=0).fit(X, [0, 0, 1, 1])

    np.testing.assert_allclose(NaiveBayesLogistic(beta=0).fit(X, [0, 0, 1, 1]).coef_[1], plain.coef_[0], rtol=1e-3)
    np.testing.assert_allclose(NaiveBayesLogistic(beta=1).fit(X, [0, 0, 1, 1]).coef_[:, 1], 0, atol=1e-12)


def test_a_text_without_known_terms_gets_an_answer() -> None:
    fitted = NaiveBayesLogistic().fit(np.eye(4), [0, 0, 1, 1])

    np.testing.assert_allclose(fitted.predict_proba(np.zeros((1, 4))), [[0.5, 0.5]], atol=0.05)


def test_the_dual_gets_the_same_solution() -> None:
    random = np.random.default_rng(0)
    X = sparse.random(300, 40, density=0.2, random_state=0, format="csr", dtype=np.float32)
    codes = np.asarray(X.sum(axis=1) + random.normal(size=(300, 1))).ravel() > 4

    primal, dual = (NaiveBayesLogistic(dual=way).fit(X, codes) for way in (False, True))

    np.testing.assert_allclose(dual.predict_proba(X), primal.predict_proba(X), atol=2e-3)
    assert (primal.coef_ != dual.coef_).any()


def test_the_rows_may_hold_an_entry_in_two_parts_and_stay_as_they_were() -> None:
    X = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 3.0]])
    parts = sparse.csr_matrix(([1.5, 0.5, 1.0, 1.0, 1.0, 3.0], [0, 0, 1, 1, 0, 1], [0, 2, 3, 5, 6]), shape=(4, 2))

    fitted = NaiveBayesLogistic().fit(parts, [0, 1, 0, 1])

    np.testing.assert_array_equal(fitted.coef_, NaiveBayesLogistic().fit(X, [0, 1, 0, 1]).coef_)
    assert parts.nnz == 6
