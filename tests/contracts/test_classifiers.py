"""What every classifier and every transformer of a block promises: scikit-learn's contract and our own."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.cross_fitted import KernelScores
from emofuse.classifiers.kernel import KernelRidgeClassifier
from emofuse.classifiers.linear import LinearClassifier, NaiveBayesLogistic
from emofuse.classifiers.projection import Discriminants, Projection
from emofuse.classifiers.ready import LogShares
from emofuse.classifiers.scaling import KeepBest, Scaler
from emofuse.features.errors import EmofuseWarning, TableError
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

ZERO_WEIGHTS = "a weight of zero is refused with the row's number: the row should be dropped"
OUT_OF_FOLD = "in training the scores are out of fold, which is what the transformer is for"
EXPECTED_FAILURES = {
    "LabelSafeClassifier": {
        "check_all_zero_sample_weights_error": ZERO_WEIGHTS,
        "check_classifiers_one_label_sample_weights": ZERO_WEIGHTS,
        "check_sample_weight_equivalence_on_dense_data": ZERO_WEIGHTS,
        "check_sample_weight_equivalence_on_sparse_data": ZERO_WEIGHTS,
    },
    "KernelScores": {
        "check_transformer_data_not_an_array": OUT_OF_FOLD,
        "check_transformer_general": OUT_OF_FOLD,
    },
    "Scaler": {
        "check_estimator_sparse_array": "the check sets with_mean on whatever is called Scaler; ours takes dense blocks",
        "check_estimator_sparse_matrix": "the check sets with_mean on whatever is called Scaler; ours takes dense blocks",
    },
}
CLASSIFIERS = [BoostedTrees(n_rounds=3), LinearClassifier(), NaiveBayesLogistic(), KernelRidgeClassifier()]
TRANSFORMERS = [
    *(Scaler(), Scaler("quantile"), KeepBest(n_columns=3)),
    *(LogShares(), Projection(2), Discriminants(), KernelScores()),
]
LABELS = {
    "strings": np.array(["sad", "anger", "joy"]),
    "whole numbers": np.array([2, 0, 1]),
    "gapped numbers": np.array([40, -7, 3]),
    "booleans": np.array([True, False]),
    "two strings": np.array(["yes", "no"]),
}


def expected_failures(estimator: Any) -> dict[str, str]:
    names = [kind.__name__ for kind in type(estimator).__mro__]
    return {check: why for name in names for check, why in EXPECTED_FAILURES.get(name, {}).items()}


def every_classifier(test: Any) -> Any:
    return pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda classifier: type(classifier).__name__)(test)


def rows_of(codes: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return non-negative rows (all classifiers take them) in which feature k is high for class k."""
    noise = np.random.default_rng(seed).uniform(0, 0.8, size=(len(codes), 5))
    noise[np.arange(len(codes)), codes] += 1.0
    return noise.astype(np.float32)


@pytest.mark.filterwarnings("ignore::emofuse.features.errors.EmofuseWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([*CLASSIFIERS, *TRANSFORMERS], expected_failed_checks=expected_failures)
def test_scikit_learn_contract(estimator: Any, check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@every_classifier
@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind_come_back_with_columns_in_the_order_of_classes(classifier: Any, kind: str) -> None:
    codes = np.arange(60) % len(LABELS[kind])
    labels = LABELS[kind][codes]
    X = rows_of(codes)

    fitted = clone(classifier).fit(X, labels)
    answers = fitted.predict_proba(X)

    assert fitted.classes_.tolist() == sorted(LABELS[kind].tolist())
    assert answers.shape == (60, len(LABELS[kind]))
    assert answers.min() >= 0
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-6)
    assert (fitted.predict(X) == labels).mean() > 0.9
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[answers.argmax(axis=1)])


@every_classifier
def test_a_class_without_training_rows_has_no_column(classifier: Any) -> None:
    codes = np.arange(40) % 2
    fitted = clone(classifier).fit(rows_of(codes), LABELS["strings"][codes * 2])

    assert fitted.classes_.tolist() == ["joy", "sad"]
    assert fitted.predict_proba(rows_of(np.full(3, 4))).shape == (3, 2)


@every_classifier
@pytest.mark.parametrize("label", ["fear", 7, True])
def test_a_single_class_gives_a_constant_answer_and_says_so(classifier: Any, label: Any) -> None:
    X = rows_of(np.arange(5))

    with pytest.warns(EmofuseWarning, match=f"single class {label!r}; the answer is constant"):
        fitted = clone(classifier).fit(X, np.array([label] * 5))

    np.testing.assert_array_equal(fitted.predict_proba(X), np.ones((5, 1)))
    assert fitted.predict(X).tolist() == [label] * 5


@every_classifier
def test_fitting_twice_gives_the_same_bits(classifier: Any) -> None:
    codes = np.arange(60) % 3
    first, second = (clone(classifier).fit(rows_of(codes), codes).predict_proba(rows_of(codes, seed=1)) for _ in "ab")

    assert first.tobytes() == second.tobytes()


@every_classifier
def test_a_table_is_known_by_its_column_names(classifier: Any) -> None:
    codes = np.arange(30) % 3
    table = pd.DataFrame(rows_of(codes), columns=["F0", "jitter", "shimmer", "HNR", "loudness"])

    fitted = clone(classifier).fit(table, codes)

    assert fitted.feature_names_in_.tolist() == list(table.columns)
    np.testing.assert_array_equal(
        fitted.predict_proba(table), clone(classifier).fit(table.to_numpy(), codes).predict_proba(table.to_numpy())
    )
    with pytest.raises(ValueError, match="same order"):
        fitted.predict_proba(table[table.columns[::-1]])


@every_classifier
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_infinite_values_are_refused_with_the_name_of_the_column(classifier: Any, value: float) -> None:
    codes = np.arange(30) % 3
    table = pd.DataFrame(rows_of(codes), columns=["F0", "jitter", "shimmer", "HNR", "loudness"], dtype=np.float64)
    spoilt = table.assign(HNR=value, whispered=True)
    fitted = clone(classifier).fit(table, codes)

    with pytest.raises(TableError, match=r"columns \['HNR'\]"):
        clone(classifier).fit(spoilt, codes)
    with pytest.raises(TableError, match=r"columns \['HNR'\]"):
        fitted.predict(spoilt.drop(columns="whispered"))


@every_classifier
def test_infinite_values_of_an_array_are_refused(classifier: Any) -> None:
    codes = np.arange(30) % 3
    X = rows_of(codes)
    X[3, 1] = np.inf

    with pytest.raises(ValueError, match="infinity"):
        clone(classifier).fit(X, codes)


@every_classifier
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_rows_give_the_answers_of_dense_ones(classifier: Any, container: Any) -> None:
    codes = np.arange(60) % 3
    X = rows_of(codes) * (rows_of(codes, seed=1) > 0.3)

    dense = clone(classifier).fit(X, codes).predict_proba(X)
    thin = clone(classifier).fit(container(X), codes).predict_proba(container(X))

    np.testing.assert_allclose(thin, dense, atol=1e-6)


@every_classifier
@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf])
def test_unusable_sample_weights_are_refused_with_their_row(classifier: Any, weight: float) -> None:
    codes = np.arange(12) % 3
    weights = np.ones(12)
    weights[[5, 8]] = weight

    with pytest.raises(TableError, match=f"positive and finite, got {weight} in row 5"):
        clone(classifier).fit(rows_of(codes), codes, sample_weight=weights)


@every_classifier
def test_sample_weights_need_one_value_a_row(classifier: Any) -> None:
    codes = np.arange(12) % 3

    with pytest.raises(ValueError, match=r"shape \(12,\), got \(11,\)"):
        clone(classifier).fit(rows_of(codes), codes, sample_weight=np.ones(11))


@every_classifier
def test_only_the_ratio_of_sample_weights_counts(classifier: Any) -> None:
    codes = np.arange(60) % 3
    X, weights = rows_of(codes), np.random.default_rng(0).uniform(0.2, 3, size=60)

    plain, light, heavy, constant = (
        clone(classifier).fit(X, codes, sample_weight=values).predict_proba(X)
        for values in (None, weights, weights * 16, 4.0)
    )

    np.testing.assert_allclose(heavy, light, atol=1e-5)
    np.testing.assert_allclose(constant, plain, atol=1e-5)
    assert np.abs(light - plain).max() > 1e-3


@every_classifier
def test_a_clone_has_the_parameters_and_nothing_fitted(classifier: Any) -> None:
    codes = np.arange(12) % 3
    fitted = clone(classifier).fit(rows_of(codes), codes)
    copy = clone(fitted)

    assert copy.get_params() == classifier.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(rows_of(codes))


@every_classifier
def test_a_row_gets_the_same_answer_alone_in_a_batch_in_threads_and_after_pickling(classifier: Any) -> None:
    codes = np.arange(60) % 3
    X = rows_of(codes, seed=1)
    fitted = clone(classifier).fit(rows_of(codes), codes)
    answers = fitted.predict_proba(X)

    alone = np.vstack([fitted.predict_proba(row[None]) for row in X])
    np.testing.assert_allclose(alone, answers, rtol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), answers)
    with ThreadPoolExecutor(4) as pool:
        for given in pool.map(fitted.predict_proba, [X] * 16):
            np.testing.assert_array_equal(given, answers)


@every_classifier
@pytest.mark.parametrize("n_columns", [3, 40], ids=["narrow", "wider than rows"])
def test_columns_that_say_nothing_give_finite_answers(classifier: Any, n_columns: int) -> None:
    fitted = clone(classifier).fit(np.zeros((12, n_columns)), np.arange(12) % 3)

    np.testing.assert_allclose(fitted.predict_proba(np.zeros((2, n_columns))), 1 / 3, atol=1e-2)
