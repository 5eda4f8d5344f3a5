from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.kernel import KernelRidgeClassifier
from emofuse.classifiers.visual_words import VisualWords
from emofuse.features.errors import TableError
from scipy.ndimage import gaussian_filter
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

SIDE = 28
CODES = np.arange(40) % 2


def pictures(codes: np.ndarray = CODES, *, seed: int = 0) -> np.ndarray:
    """Return noise with level stripes (class 0) or upright ones (class 1), a row each."""
    random = np.random.default_rng(seed)
    stripes = np.sin(np.arange(SIDE) * 0.9)[:, None] * np.ones(SIDE)
    noise = gaussian_filter(random.normal(size=(len(codes), SIDE, SIDE)), (0, 1, 1)) * 2
    found = noise + np.stack([stripes.T if code else stripes for code in codes])
    return (found.reshape(len(codes), -1) * 40 + 128).astype(np.float32)


def mirrored(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows.reshape(-1, SIDE, SIDE)[:, :, ::-1]).reshape(len(rows), -1)


@pytest.fixture(scope="module")
def fitted() -> VisualWords:
    return VisualWords(n_words=16, n_components=10).fit(pictures())


def test_words_tell_textures_apart(fitted: VisualWords) -> None:
    classifier = KernelRidgeClassifier().fit(fitted.transform(pictures()), CODES)

    assert (classifier.predict(fitted.transform(pictures(seed=1))) == CODES).all()


def test_a_mirrored_picture_gets_the_same_answer(fitted: VisualWords) -> None:
    new = pictures(seed=1)

    np.testing.assert_allclose(fitted.transform(mirrored(new)), fitted.transform(new), atol=1e-4)
    pipeline = make_pipeline(VisualWords(n_words=8, n_components=6), KernelRidgeClassifier()).fit(pictures(), CODES)
    np.testing.assert_allclose(pipeline.predict_proba(mirrored(new)), pipeline.predict_proba(new), atol=1e-4)


def test_brightness_and_contrast_do_not_count(fitted: VisualWords) -> None:
    new = pictures(seed=1)

    np.testing.assert_allclose(fitted.transform(new * 0.4 + 30), fitted.transform(new), atol=1e-3)


def test_a_picture_is_described_alone_as_in_a_batch(fitted: VisualWords) -> None:
    new = pictures(seed=1)

    np.testing.assert_allclose(
        np.vstack([fitted.transform(row[None]) for row in new]), fitted.transform(new), atol=1e-4
    )


def test_columns_are_named_and_of_mean_variance_one(fitted: VisualWords) -> None:
    answers = fitted.transform(pictures())

    assert (answers.dtype, answers.shape) == (np.float32, (40, 10))
    assert answers.var(axis=0).mean() == pytest.approx(1, rel=0.05)
    assert fitted.get_feature_names_out().tolist() == [f"visualwords{number}" for number in range(10)]


def test_fitting_twice_gives_the_same_bits_and_pickling_changes_none(fitted: VisualWords) -> None:
    again = clone(fitted).fit(pictures())

    assert again.transform(pictures(seed=1)).tobytes() == fitted.transform(pictures(seed=1)).tobytes()
    restored = pickle.loads(pickle.dumps(fitted))
    assert restored.transform(pictures(seed=1)).tobytes() == fitted.transform(pictures(seed=1)).tobytes()


def test_a_picture_of_one_colour_is_described_too(fitted: VisualWords) -> None:
    assert np.isfinite(fitted.transform(np.full((1, SIDE**2), 9.0))).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_pictures_of_one_colour_only_teach_nothing_and_break_nothing() -> None:
    blank = np.full((6, SIDE**2), 9.0)

    assert np.isfinite(VisualWords(n_words=4, n_components=2).fit(blank).transform(pictures())).all()


def test_words_and_directions_are_no_more_than_there_are_patches_and_pictures() -> None:
    few = VisualWords(n_words=5000, n_components=100).fit(pictures()[:3])

    assert few.transform(pictures()).shape == (40, 3)


@pytest.mark.parametrize("n_columns", [SIDE**2 - 1, 23 * 23], ids=["not square", "too small"])
def test_what_is_no_square_picture_is_refused(n_columns: int) -> None:
    with pytest.raises(ValueError, match=f"24 x 24 pixels or more are needed, got {n_columns} columns"):
        VisualWords().fit(np.zeros((4, n_columns)))


@pytest.mark.parametrize(("value", "error"), [(np.inf, TableError), (np.nan, ValueError)])
def test_missing_and_infinite_pixels_are_refused(fitted: VisualWords, value: float, error: Any) -> None:
    spoilt = pd.DataFrame(pictures(), columns=[f"pixel_{number}" for number in range(SIDE**2)])
    spoilt.iloc[2, 3] = value

    with pytest.raises(error, match=r"pixel_3|NaN"):
        clone(fitted).fit(spoilt)


def test_transforming_needs_fitting() -> None:
    with pytest.raises(NotFittedError):
        VisualWords().transform(pictures())
