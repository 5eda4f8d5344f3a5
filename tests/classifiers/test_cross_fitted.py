from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers import cross_fitted
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.calibration import inner_folds
from emofuse.classifiers.cross_fitted import KernelScores
from sklearn.kernel_ridge import KernelRidge
from sklearn.pipeline import make_pipeline

CODES = np.arange(90) % 3
LABELS = np.array(["anger", "joy", "sad"])[CODES]


def rows_of(codes: np.ndarray, *, signal: float = 1.5, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(len(codes), 6)).astype(np.float32)
    rows[np.arange(len(codes)), codes] += signal
    return rows


def test_new_rows_get_the_scores_of_kernel_ridge_where_every_row_is_a_centre() -> None:
    X, new = rows_of(CODES), rows_of(CODES, seed=1)
    reference = KernelRidge(kernel="rbf", gamma=0.6 / 6, alpha=0.5)
    reference.fit(X.astype(float), np.where(CODES[:, None] == np.arange(3), 1.0, -1.0))

    answers = KernelScores(gamma=0.6, ridge=0.5).fit(X, LABELS).transform(new)

    np.testing.assert_array_equal(answers[:, :6], new)
    np.testing.assert_allclose(answers[:, 6:], reference.predict(new.astype(float)), atol=1e-4)


def test_training_rows_get_the_scores_of_machines_that_did_not_see_their_labels() -> None:
    X = rows_of(CODES)
    scores = KernelScores(n_inner=3).fit_transform(X, LABELS)[:, 6:]

    for train, test in inner_folds(CODES, None, n_splits=3, seed=0):
        machine = KernelRidge(kernel="rbf", gamma=0.6 / 6, alpha=0.5)
        machine.fit(X[train].astype(float), np.where(CODES[train, None] == np.arange(3), 1.0, -1.0))
        held_out = np.corrcoef(machine.predict(X[test].astype(float)).ravel(), scores[test].ravel())[0, 1]
        assert held_out > 0.98


def test_a_label_never_reaches_the_score_of_its_own_row(monkeypatch: pytest.MonkeyPatch) -> None:
    folds = inner_folds(CODES, None, n_splits=5, seed=0)
    monkeypatch.setattr(cross_fitted, "inner_folds", lambda *_, **__: folds)
    held_out = folds[2][1]
    swapped = CODES.copy()
    swapped[held_out] = (swapped[held_out] + 1) % 3
    X = rows_of(CODES)

    before, after = (KernelScores().fit_transform(X, codes)[:, 6:] for codes in (CODES, swapped))

    np.testing.assert_allclose(after[held_out], before[held_out], atol=1e-3)
    assert np.abs(np.delete(after - before, held_out, axis=0)).max() > 0.1


def test_scores_of_noise_are_at_chance_in_training_as_on_new_rows() -> None:
    codes = np.random.default_rng(0).integers(0, 2, 400)
    scores = KernelScores().fit_transform(rows_of(codes, signal=0.0), codes)[:, 6:]

    assert abs((scores.argmax(axis=1) == codes).mean() - 0.5) < 0.1


def test_a_pipeline_trains_on_out_of_fold_scores_and_beats_its_columns() -> None:
    codes = np.arange(300) % 3
    plain = BoostedTrees(n_rounds=20)
    with_scores = make_pipeline(KernelScores(), BoostedTrees(n_rounds=20))
    X, new = rows_of(codes), rows_of(codes, seed=1)

    accuracies = [(model.fit(X, codes).predict(new) == codes).mean() for model in (plain, with_scores)]

    assert accuracies[1] >= accuracies[0]


def test_few_centres_are_enough_for_few_directions() -> None:
    codes = np.arange(600) % 3
    X, new = rows_of(codes, signal=2.5), rows_of(codes, signal=2.5, seed=1)

    scores = KernelScores(n_centres=60).fit(X, codes).transform(new)[:, 6:]

    assert (scores.argmax(axis=1) == codes).mean() > 0.9


def test_centres_that_coincide_can_be_solved() -> None:
    X = np.repeat(rows_of(np.arange(3)), 30, axis=0)

    assert np.isfinite(KernelScores().fit_transform(X, np.repeat(np.arange(3), 30))).all()


def test_missing_values_stay_in_the_columns_and_count_as_zero_in_the_scores() -> None:
    X = rows_of(CODES)
    X[4, 2] = np.nan
    answers = KernelScores().fit(X, LABELS).transform(X)

    assert np.isnan(answers[4, 2]) and np.isfinite(answers[:, 6:]).all()


def test_columns_are_named_after_classes() -> None:
    table = pd.DataFrame(rows_of(CODES), columns=list("abcdef"))

    assert KernelScores().fit(table, LABELS).get_feature_names_out().tolist()[-3:] == [
        "score_anger",
        "score_joy",
        "score_sad",
    ]


@pytest.mark.parametrize("parameters", [{"gamma": 0.0}, {"ridge": -1.0}, {"n_centres": 0}])
def test_parameters_must_be_positive(parameters: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        KernelScores(**parameters).fit(rows_of(CODES), LABELS)  # type: ignore[arg-type]
