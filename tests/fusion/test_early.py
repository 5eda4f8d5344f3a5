from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.calibrators import Isotonic, Sigmoid, Temperature, Unchanged
from emofuse.classifiers.linear import LinearClassifier
from emofuse.classifiers.recipes import front_pipeline
from emofuse.classifiers.scaling import Scaler
from emofuse.features.errors import ProtocolError, StudyError, TableError
from emofuse.features.text import TextVectorizer
from emofuse.fusion.blocks import join_blocks
from emofuse.fusion.early import EarlyFusion
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.preprocessing import FunctionTransformer

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]
FEW_TREES = BoostedTrees(n_rounds=10)


class Sees(ClassifierMixin, BaseEstimator):
    """Keeps the columns that it is given."""

    def __init__(self, takes_nan: bool = False) -> None:
        self.takes_nan = takes_nan

    def fit(self, X: np.ndarray, y: np.ndarray) -> Sees:
        self.columns_, self.classes_ = X, np.unique(y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        self.asked_ = X
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.takes_nan
        return tags


def wide_and_narrow() -> tuple[pd.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    X = join_blocks(
        {
            "audio": pd.DataFrame(random.normal(size=(40, 90)) * 7 + 3).rename(columns="F{}".format),
            "face": pd.DataFrame(random.normal(size=(40, 10))).rename(columns="AU{}".format),
        }
    )
    return X, np.arange(40) % 2


def scalers(*names: str) -> dict[str, Scaler]:
    return {name: Scaler() for name in names}


@pytest.mark.parametrize(("weights", "share"), [(None, 0.5), ({"audio": 3.0, "face": 1.0}, 0.75), ({"face": 4.0}, 0.2)])
def test_each_block_gets_its_share_of_the_variance(weights: dict[str, float] | None, share: float) -> None:
    X, y = wide_and_narrow()

    fitted = EarlyFusion(scalers("audio", "face"), Sees(), weights=weights, calibration="none").fit(X, y)

    variances = fitted.classifier_.columns_.var(axis=0)
    assert variances[:90].sum() / variances.sum() == pytest.approx(share, rel=1e-3)
    assert variances.sum() == pytest.approx(100, rel=1e-3)


def test_without_block_scaling_columns_stand_side_by_side_as_they_are() -> None:
    X, y = wide_and_narrow()
    fronts = {"audio": FunctionTransformer(), "face": FunctionTransformer()}

    fitted = EarlyFusion(fronts, Sees(), weights={"face": 9.0}, block_scaling=False, calibration="none").fit(X, y)

    np.testing.assert_array_equal(fitted.classifier_.columns_, X.to_numpy())


@pytest.mark.parametrize("weights", [{"audio": 0.0}, {"audio": -1.0, "face": 2.0}])
def test_weights_must_be_positive(weights: dict[str, float]) -> None:
    X, y = wide_and_narrow()

    with pytest.raises(StudyError, match="positive weights"):
        EarlyFusion(scalers("audio", "face"), Sees(), weights=weights).fit(X, y)


def test_no_block_is_refused() -> None:
    with pytest.raises(StudyError, match="early fusion needs blocks"):
        EarlyFusion({}, Sees()).fit(*wide_and_narrow())


@pytest.mark.parametrize("takes_nan", [True, False], ids=["trees", "linear"])
def test_an_absent_block_is_missing_for_trees_and_average_and_marked_for_others(takes_nan: bool) -> None:
    X, y = wide_and_narrow()
    X.iloc[:10, 90:] = np.nan

    fitted = EarlyFusion(scalers("audio", "face"), Sees(takes_nan), calibration="none").fit(X, y)
    columns = fitted.classifier_.columns_

    if takes_nan:
        assert columns.shape == (40, 100)
        assert np.isnan(columns[:10, 90:]).all()
    else:
        assert columns.shape == (40, 101)
        assert (columns[:10, 90:100] == 0).all()
        assert columns[:, 100].tolist() == [-1] * 10 + [1] * 30
    assert np.isfinite(columns[10:]).all()


def test_a_block_that_training_never_lacked_may_be_absent_in_prediction() -> None:
    X, y = wide_and_narrow()
    fitted = EarlyFusion(scalers("audio", "face"), Sees(), calibration="none").fit(X, y)
    X.loc[:, "face"] = np.nan

    fitted.predict_proba(X)

    assert fitted.classifier_.asked_.shape == (40, 100)
    assert (fitted.classifier_.asked_[:, 90:] == 0).all()


@pytest.mark.parametrize("classifier", [LinearClassifier(), FEW_TREES], ids=["linear", "boosted"])
def test_a_row_with_nothing_gets_the_prior(make_blocks: Callable[..., Corpus], classifier: Any) -> None:
    X, y, groups = make_blocks()
    y = np.where(y == "fear", "joy", y)
    X.iloc[[3, 17]] = np.nan

    fitted = EarlyFusion(scalers("audio", "face"), classifier).fit(X, y, groups)

    np.testing.assert_allclose(fitted.predict_proba(X)[[3, 17]], np.tile([1 / 3, 2 / 3], (2, 1)))
    np.testing.assert_allclose(fitted.predict_proba(X.iloc[[3]]), [[1 / 3, 2 / 3]])
    assert (fitted.predict_proba(X)[0] != [1 / 3, 2 / 3]).all()


@pytest.mark.parametrize(
    "classifier", [LinearClassifier(C=1e4), BoostedTrees(n_rounds=100, subsample=1)], ids=["linear", "boosted"]
)
def test_calibration_makes_a_model_as_sure_as_it_may_be_and_changes_no_decision(
    make_blocks: Callable[..., Corpus], classifier: Any
) -> None:
    strengths = {"audio": 0.7, "face": 0.4}
    X, y, groups = make_blocks(strengths=strengths)
    new, truth, _ = make_blocks(strengths=strengths, n_clips=30, seed=1)
    plain, calibrated = (
        EarlyFusion(scalers("audio", "face"), classifier, calibration=calibration).fit(X, y, groups)
        for calibration in ("none", "temperature")
    )
    codes = np.searchsorted(plain.classes_, truth)

    losses = [-np.log(model.predict_proba(new)[np.arange(len(new)), codes]).mean() for model in (plain, calibrated)]

    assert plain.calibrator_ == Unchanged()
    assert calibrated.calibrator_.exponent < 0.8
    assert losses[1] < losses[0] - 0.1
    np.testing.assert_array_equal(plain.predict(new), calibrated.predict(new))


@pytest.mark.parametrize(
    ("method", "kind"),
    [("temperature", Temperature), ("sigmoid", Sigmoid), ("isotonic", Isotonic), ("none", Unchanged)],
)
def test_answers_are_calibrated_as_asked(make_blocks: Callable[..., Corpus], method: Any, kind: type) -> None:
    X, y, groups = make_blocks(n_clips=8)
    fusion = EarlyFusion(scalers("audio", "face"), LinearClassifier(), n_inner=3)
    plain = clone(fusion).set_params(calibration="none").fit(X, y, groups).predict_proba(X)

    fitted = fusion.set_params(calibration=method).fit(X, y, groups)

    assert type(fitted.calibrator_) is kind
    np.testing.assert_allclose(fitted.predict_proba(X), fitted.calibrator_.apply(plain))
    assert np.allclose(fitted.predict_proba(X), plain) == (method == "none")


def test_calibration_asks_no_model_about_a_speaker_that_it_was_fitted_on() -> None:
    asked: list[int] = []

    class NotesWhomItIsAskedAbout(Sees):
        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            assert not set(X[:, 0]) & set(self.columns_[:, 0])
            asked.extend(X[:, 0].astype(int).tolist())
            return super().predict_proba(X)

    speakers, y = np.repeat(np.arange(6), 8), np.arange(48) % 2
    X = join_blocks({"audio": pd.DataFrame({"speaker": speakers, "F0": y})})

    EarlyFusion({"audio": FunctionTransformer()}, NotesWhomItIsAskedAbout()).fit(X, y, speakers)

    assert sorted(asked) == speakers.tolist()


def test_a_single_speaker_can_be_fitted_only_without_calibration(make_blocks: Callable[..., Corpus]) -> None:
    X, y, _ = make_blocks()
    one = np.full(len(y), "ann")

    with pytest.raises(ProtocolError, match="got one; add speakers"):
        EarlyFusion(scalers("audio", "face"), LinearClassifier()).fit(X, y, one)
    assert EarlyFusion(scalers("audio"), LinearClassifier(), calibration="none").fit(X, y, one).score(X, y) > 0.6


def test_a_block_of_one_speaker_is_left_out_of_folds_that_lack_it(make_blocks: Callable[..., Corpus]) -> None:
    X, y, groups = make_blocks()
    X.loc[groups != "speaker2", "face"] = np.nan

    fitted = EarlyFusion(scalers("audio", "face"), LinearClassifier(), n_inner=5).fit(X, y, groups)

    assert fitted.score(X, y) > 0.6
    assert list(fitted.restricted_to(X[groups != "speaker2"]).blocks) == ["audio"]


def test_a_block_absent_in_every_training_row_is_refused(make_blocks: Callable[..., Corpus]) -> None:
    X, y, groups = make_blocks()
    X.loc[:, "face"] = np.nan

    with pytest.raises(TableError, match="block 'face' is absent in every training row; drop it"):
        EarlyFusion(scalers("audio", "face"), LinearClassifier()).fit(X, y, groups)


@pytest.mark.parametrize(
    ("front", "least"), [(TextVectorizer(), 0.6), (front_pipeline("linear", "text"), 0.95)], ids=["sparse", "dense"]
)
def test_texts_are_concatenated_with_numbers(make_blocks: Callable[..., Corpus], front: Any, least: float) -> None:
    X, y, groups = make_blocks(strengths={"audio": 0.0})
    words = {"anger": "stop that now", "fear": "who is there", "joy": "what a day"}
    X = join_blocks({"audio": X["audio"], "text": pd.Series([words[label] for label in y], index=X.index)})
    X.loc[X.index[::9], ("text", "utterance")] = None

    fusion = EarlyFusion({"audio": Scaler(), "text": front}, LinearClassifier()).fit(X, y, groups)

    said = X[("text", "utterance")].notna().to_numpy()
    assert fusion.score(X[said], y[said]) > least
    assert fusion.predict_proba(X.iloc[:1]).sum() == pytest.approx(1)


def test_the_fusion_given_stays_unfitted(make_blocks: Callable[..., Corpus]) -> None:
    X, y, groups = make_blocks()
    fusion = EarlyFusion(scalers("audio", "face"), LinearClassifier())

    copy = clone(fusion).fit(X, y, groups)

    assert copy.fronts_["audio"] is not copy.blocks["audio"]
    assert not hasattr(copy.blocks["audio"], "mean_")
    assert not hasattr(copy.classifier, "coef_")


def test_a_training_row_with_nothing_in_it_changes_nothing() -> None:
    X, y = wide_and_narrow()
    fusion = EarlyFusion(scalers("audio", "face"), LinearClassifier(), calibration="none")
    plain = clone(fusion).fit(X, y).predict_proba(X)
    with_empty = pd.concat([X, pd.DataFrame(np.nan, index=["empty"], columns=X.columns, dtype=np.float32)])
    fitted = clone(fusion).fit(with_empty, np.append(y, 1))
    np.testing.assert_allclose(fitted.predict_proba(X), plain, rtol=0, atol=1e-9)
    assert fitted.layout_.partial == ()
