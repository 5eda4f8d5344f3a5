"""Early fusion where a modality is absent: classifiers of their own for subsets of the blocks, and modality dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.linear import LinearClassifier
from emofuse.classifiers.scaling import Scaler
from emofuse.features.errors import StudyError
from emofuse.fusion.blocks import join_blocks
from emofuse.fusion.early import EarlyFusion
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.preprocessing import FunctionTransformer

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]
THREE = {"audio": 1.5, "face": 1.0, "text": 1.0}
SUBSETS = [["audio"], ["face"], ["text", "audio"]]
classifiers = pytest.mark.parametrize(
    "classifier", [LinearClassifier(), BoostedTrees(n_rounds=10)], ids=["linear", "boosted"]
)


class Sees(ClassifierMixin, BaseEstimator):
    """Keeps the columns that it is fitted on; takes NaN."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Sees:
        self.columns_, self.labels_, self.classes_ = X, y, np.unique(y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def early(*blocks: str, **parameters: Any) -> EarlyFusion:
    options = {"classifier": LinearClassifier(), "calibration": "none", "n_inner": 3} | parameters
    return EarlyFusion({name: Scaler() for name in blocks or THREE}, **options)


def lacking(X: pd.DataFrame, *names: str) -> pd.DataFrame:
    X = X.copy()
    X.loc[:, list(names)] = np.nan
    return X


@classifiers
@pytest.mark.parametrize("subset", SUBSETS, ids="-".join)
@pytest.mark.parametrize(
    "more", [{}, {"weights": {"audio": 3.0, "text": 0.5}}, {"block_scaling": False}], ids=["", "weights", "raw"]
)
def test_a_row_with_exactly_these_blocks_is_answered_as_if_there_were_no_others(
    make_blocks: Callable[..., Corpus], classifier: Any, subset: list[str], more: dict[str, Any]
) -> None:
    X, y, groups = make_blocks(strengths=THREE)
    new = make_blocks(strengths=THREE, seed=1)[0]
    names = [name for name in THREE if name in subset]

    fused = early(classifier=classifier, subsets=SUBSETS, **more).fit(X, y, groups)
    alone = early(*names, classifier=classifier, **more).fit(X, y, groups)

    np.testing.assert_array_equal(
        fused.predict_proba(lacking(new, *(set(THREE) - set(subset)))), alone.predict_proba(new)
    )


def test_other_rows_are_answered_by_the_classifier_of_all_blocks(make_blocks: Callable[..., Corpus]) -> None:
    X, y, groups = make_blocks(strengths=THREE)
    plain, fused = early().fit(X, y, groups), early(subsets=SUBSETS).fit(X, y, groups)
    mixed = X.copy()
    mixed.loc[X.index[::2], ["face", "text"]] = np.nan  # audio is left, which is a subset
    mixed.loc[X.index[1::4], "audio"] = np.nan  # face and text are left, which is none

    same = (fused.predict_proba(mixed) == plain.predict_proba(mixed)).all(axis=1)

    assert same[1::2].all()
    assert not same[::2].any()
    np.testing.assert_array_equal(fused.predict_proba(X), plain.predict_proba(X))


@classifiers
def test_a_subset_learns_from_every_row_that_has_its_blocks(
    make_blocks: Callable[..., Corpus], classifier: Any
) -> None:
    X, y, groups = make_blocks(strengths=THREE)
    X.loc[X.index[::3], "face"] = np.nan
    X.loc[X.index[1::5], "audio"] = np.nan

    fused = early(classifier=classifier, subsets=[["face"]]).fit(X, y, groups)
    alone = early("face", classifier=classifier).fit(X, y, groups)

    only_face = lacking(X, "audio", "text")
    np.testing.assert_array_equal(fused.predict_proba(only_face), alone.predict_proba(only_face))


def test_a_lost_modality_costs_what_it_brought_and_no_more(make_blocks: Callable[..., Corpus]) -> None:
    strengths = {"audio": 6.0, "face": 1.8}  # trees that see both look at the voice only
    X, y, groups = make_blocks(n_clips=10, strengths=strengths)
    new, truth, _ = make_blocks(n_clips=30, strengths=strengths, seed=1)
    trees = BoostedTrees(n_rounds=40)

    plain, reduced, dropped = (
        early("audio", "face", classifier=trees, **more).fit(X, y, groups)
        for more in ({}, {"subsets": [["audio"], ["face"]]}, {"dropout": 0.3})
    )
    mute = lacking(new, "audio")
    scores = [model.score(mute, truth) for model in (plain, reduced, dropped)]

    assert scores[1] > scores[0] + 0.1
    assert scores[2] > scores[0] + 0.1
    assert dropped.score(new, truth) > plain.score(new, truth) - 0.03


@given(rate=st.sampled_from([0.1, 0.5, 0.95]), seed=st.integers(0, 99), share_absent=st.sampled_from([0.0, 0.3]))
@settings(max_examples=9)
def test_dropout_shows_each_row_a_second_time_with_at_least_one_block(
    rate: float, seed: int, share_absent: float
) -> None:
    random = np.random.default_rng(seed)
    tables = {name: pd.DataFrame(random.normal(size=(80, 2))).rename(columns=str) for name in THREE}
    X = join_blocks(tables)
    absent = random.uniform(size=(80, 3)) < share_absent
    X = X.mask(np.repeat(absent, 2, axis=1))
    there = ~absent[~absent.all(axis=1)]
    fronts = dict.fromkeys(THREE, FunctionTransformer())

    seen = EarlyFusion(fronts, Sees(), block_scaling=False, dropout=rate, calibration="none", random_state=seed).fit(
        X, np.arange(80) % 2
    )

    columns = seen.classifier_.columns_
    assert columns.shape == (2 * len(there), 6)
    first, second = columns[: len(there)], columns[len(there) :]
    np.testing.assert_array_equal(first, X[~absent.all(axis=1)].to_numpy())
    kept = ~np.isnan(second[:, ::2])
    np.testing.assert_array_equal(kept, ~np.isnan(second[:, 1::2]))  # a block goes as a whole
    assert kept.any(axis=1).all()
    assert not (kept & ~there).any()
    np.testing.assert_array_equal(second[np.repeat(kept, 2, axis=1)], first[np.repeat(kept, 2, axis=1)])
    np.testing.assert_array_equal(seen.classifier_.labels_, np.tile((np.arange(80) % 2)[~absent.all(axis=1)], 2))
    at_most = there.sum() / len(there) - 1  # blocks that can go from a row, since one stays
    gone = (there & ~kept).sum() / len(there)
    assert 0.4 * min(rate * 3 * (1 - share_absent), at_most) < gone < at_most + 1e-9


def test_dropout_is_repeatable_and_follows_its_seed(make_blocks: Callable[..., Corpus]) -> None:
    X, y, groups = make_blocks(strengths=THREE)
    fusion = early(dropout=0.4)

    first, again, other = (
        clone(fusion).set_params(random_state=seed).fit(X, y, groups).predict_proba(X) for seed in (1, 1, 2)
    )

    assert first.tobytes() == again.tobytes()
    assert np.abs(first - other).max() > 1e-3


@classifiers
def test_where_nothing_drops_out_dropout_only_counts_rows_twice(
    make_blocks: Callable[..., Corpus], classifier: Any
) -> None:
    X, y, groups = make_blocks()
    seen = early("audio", "face", classifier=Sees(), dropout=1e-12).fit(X, y, groups).classifier_.columns_

    np.testing.assert_array_equal(seen[: len(X)], seen[len(X) :])
    assert early("audio", "face", classifier=classifier, dropout=1e-12).fit(X, y, groups).score(X, y) > 0.8


def test_dropout_tells_a_classifier_that_takes_no_nan_which_blocks_are_there(
    make_blocks: Callable[..., Corpus],
) -> None:
    X, y, groups = make_blocks()

    assert early("audio", "face", dropout=0.3).fit(X, y, groups).layout_.partial == ("audio", "face")
    assert early("audio", "face").fit(X, y, groups).layout_.partial == ()


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_a_dropout_outside_its_range_is_refused(make_blocks: Callable[..., Corpus], dropout: float) -> None:
    with pytest.raises(StudyError, match="dropout must be 0 or more and less than 1, got"):
        early("audio", "face", dropout=dropout).fit(*make_blocks())


def test_subsets_of_unknown_blocks_are_refused(make_blocks: Callable[..., Corpus]) -> None:
    with pytest.raises(StudyError, match=r"subsets name the blocks \['eeg'\]; early fusion has \['audio', 'face'\]"):
        early("audio", "face", subsets=[["audio", "eeg"]]).fit(*make_blocks())


def test_subsets_that_need_no_classifier_of_their_own_get_none(make_blocks: Callable[..., Corpus]) -> None:
    X, y, groups = make_blocks()
    X.loc[y != "joy", "face"] = np.nan  # the rows with a face hold one class

    fused = early("audio", "face", subsets=[[], ["audio"], ["face"], ["face", "audio"]]).fit(X, y, groups)

    assert list(fused.reduced_) == [("audio",)]
    np.testing.assert_allclose(fused.predict_proba(lacking(X, "audio")).sum(axis=1), 1)


def test_a_copy_for_part_of_the_rows_has_their_blocks_and_no_subsets(make_blocks: Callable[..., Corpus]) -> None:
    X, _, groups = make_blocks(strengths=THREE)
    X.loc[groups != "speaker2", "text"] = np.nan
    fusion = early(subsets=SUBSETS, dropout=0.2, weights={"text": 2.0})

    part = fusion.restricted_to(X[groups != "speaker2"])

    assert list(part.blocks) == ["audio", "face"]
    assert (tuple(part.subsets), part.dropout, part.weights) == ((), 0.2, {"text": 2.0})
    assert list(fusion.restricted_to(X).blocks) == list(THREE)
    assert fusion.subsets == SUBSETS
    assert not hasattr(part, "classes_")


@classifiers
def test_with_a_calibration_the_decisions_of_subsets_stay(make_blocks: Callable[..., Corpus], classifier: Any) -> None:
    X, y, groups = make_blocks(strengths=THREE)
    X.loc[X.index[::4], "face"] = np.nan
    X.loc[groups == "speaker1", "text"] = np.nan
    plain, calibrated = (
        early(classifier=classifier, subsets=SUBSETS, dropout=0.2, calibration=method).fit(X, y, groups)
        for method in ("none", "temperature")
    )

    np.testing.assert_array_equal(plain.predict(X), calibrated.predict(X))
    np.testing.assert_allclose(calibrated.predict_proba(X), calibrated.calibrator_.apply(plain.predict_proba(X)))
    assert calibrated.calibrator_.exponent != 1
