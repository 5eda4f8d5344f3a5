from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.calibrators import Temperature, Unchanged
from emofuse.classifiers.linear import LinearClassifier
from emofuse.classifiers.scaling import Scaler
from emofuse.features.errors import EmofuseWarning, StudyError
from emofuse.fusion.combination import WEIGHED_RULES
from emofuse.fusion.early import EarlyFusion
from emofuse.fusion.experts import fit_experts
from emofuse.fusion.hybrid import EARLY, HybridFusion
from emofuse.fusion.late import RULES, LateFusion
from sklearn.base import clone

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]
every_rule = pytest.mark.parametrize("rule", RULES)


@pytest.fixture
def early() -> EarlyFusion:
    return EarlyFusion({"audio": Scaler(), "face": Scaler()}, LinearClassifier())


@pytest.fixture
def hybrid(expert: Any, early: EarlyFusion) -> HybridFusion:
    return HybridFusion({"audio": expert, "face": expert}, early, n_inner=3)


@every_rule
def test_early_fusion_joins_the_experts_as_one_more(
    make_blocks: Callable[..., Corpus], hybrid: HybridFusion, rule: Any
) -> None:
    X, y, groups = make_blocks()
    fitted = clone(hybrid).set_params(rule=rule).fit(X, y, groups)
    late = LateFusion(hybrid.blocks, rule=rule, n_inner=3).fit(X, y, groups)
    estimators = {EARLY: (None, clone(hybrid.early).set_params(calibration="none"))}
    joined = fit_experts(estimators, X, y, groups, n_inner=3)

    assert list(fitted.experts_.experts) == ["audio", "face", EARLY]
    np.testing.assert_array_equal(fitted.experts_.scores(X), [*late.experts_.scores(X), *joined.scores(X)])
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1)
    assert fitted.score(X, y) > 0.8


def test_early_fusion_is_calibrated_once(make_blocks: Callable[..., Corpus], hybrid: HybridFusion) -> None:
    fitted = hybrid.fit(*make_blocks())

    assert fitted.experts_.experts[EARLY].estimator.calibrator_ == Unchanged()
    assert fitted.experts_.experts[EARLY].calibrator != Temperature(1.0)
    assert hybrid.early.calibration == "temperature"


@every_rule
def test_modalities_may_be_absent_in_rows_speakers_and_everywhere_in_prediction(
    make_blocks: Callable[..., Corpus], hybrid: HybridFusion, rule: Any
) -> None:
    X, y, groups = make_blocks()
    X.loc[X.index[::7], "face"] = np.nan
    X.loc[groups == "speaker2", "audio"] = np.nan
    X.iloc[4] = np.nan
    new, truth, _ = make_blocks(seed=1)
    new.loc[:, "face"] = np.nan

    fitted = hybrid.set_params(rule=rule).fit(X, y, groups)

    np.testing.assert_allclose(fitted.predict_proba(X)[4], fitted.experts_.prior)
    assert fitted.score(new, truth) > 0.6


@every_rule
def test_a_row_with_one_modality_is_answered_by_its_expert_alone(
    make_blocks: Callable[..., Corpus], hybrid: HybridFusion, rule: Any
) -> None:
    X, y, groups = make_blocks()
    X.loc[X.index[::5], "face"] = np.nan
    fitted = hybrid.set_params(rule=rule).fit(X, y, groups)
    voice = X.copy()
    voice.loc[:, "face"] = np.nan

    expert = np.exp(fitted.experts_.scores(X)[0])
    np.testing.assert_allclose(fitted.predict_proba(voice), expert, rtol=1e-6)
    np.testing.assert_allclose(fitted.predict_proba(X)[::5], expert[::5], rtol=1e-6)
    assert np.abs(fitted.predict_proba(X)[1] - expert[1]).max() > 0.01


@every_rule
def test_training_rows_with_one_modality_are_answered_so_too_and_teach_the_rule_nothing(
    make_blocks: Callable[..., Corpus], hybrid: HybridFusion, rule: Any
) -> None:
    X, y, groups = make_blocks(n_clips=6, strengths={"audio": 1.0, "face": 0.7})
    X.loc[X.index[::3], "face"] = np.nan
    lone = np.arange(len(X)) % 3 == 0
    fitted = hybrid.set_params(rule=rule).fit(X, y, groups)
    own = fitted.experts_.out_of_fold["audio"]
    relabelled = np.where(lone, (fitted.experts_.codes + 1) % 3, fitted.experts_.codes)
    misled = clone(hybrid).fit_rule(replace(fitted.experts_, codes=relabelled))

    np.testing.assert_allclose(fitted.out_of_fold_[lone], np.exp(own[lone]), rtol=1e-6)
    if rule in WEIGHED_RULES:
        np.testing.assert_array_equal(misled.weights_, fitted.weights_)
    if rule != "stacking":  # its classifier of voice and early fusion learns from all rows, and answers none
        np.testing.assert_array_equal(misled.combine(fitted.experts_.scores(X)), fitted.predict_proba(X))


def test_a_row_with_none_of_the_blocks_gets_the_prior_whatever_else_it_has(
    make_blocks: Callable[..., Corpus], hybrid: HybridFusion
) -> None:
    X, y, groups = make_blocks(strengths={"audio": 1.6, "face": 0.8, "eeg": 1.0})
    X.loc[X.index[:4], ["audio", "face"]] = np.nan

    fitted = hybrid.fit(X, np.where(y == "fear", "joy", y), groups)

    np.testing.assert_allclose(fitted.predict_proba(X)[:4], np.tile([1 / 3, 2 / 3], (4, 1)))


@pytest.mark.parametrize("rule", ["weighted", "gated", "stacking"])
def test_a_rule_may_be_learned_over_the_early_expert_too(
    make_blocks: Callable[..., Corpus], hybrid: HybridFusion, rule: Any
) -> None:
    X, y, groups = make_blocks()

    fitted = hybrid.set_params(rule=rule).fit(X, y, groups)

    if rule == "stacking":
        assert set(fitted.metas_) == {(0, 1), (0, 2), (1, 2), (0, 1, 2)}
    else:
        assert fitted.weights_.shape == ((3,) if rule == "weighted" else (2, 3))
    assert not np.isnan(fitted.out_of_fold_).any()
    assert fitted.score(X, y) > 0.8


def test_a_modality_of_one_speaker_is_learned_around(make_blocks: Callable[..., Corpus], hybrid: HybridFusion) -> None:
    X, y, groups = make_blocks()
    X.loc[groups != "speaker2", "face"] = np.nan

    with pytest.warns(EmofuseWarning, match="the product of the experts answers"):  # 12 rows have both
        fitted = hybrid.set_params(rule="stacking").fit(X, y, groups)

    assert fitted.score(X, y) > 0.7


def test_early_fusion_of_many_features_is_scored_out_of_fold(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks(strengths={"audio": 0.0, "face": 0.0})
    noise = np.random.default_rng(0).normal(size=(len(X), 300))
    wide = pd.DataFrame(noise, index=X.index, columns=pd.MultiIndex.from_product([["noise"], range(300)]))
    X = pd.concat([X, wide], axis=1)
    early = EarlyFusion({"noise": Scaler()}, LinearClassifier(C=1e5))

    fitted = HybridFusion({"audio": expert}, early, rule="weighted").fit(X, y, groups)

    assert (early.fit(X, y, groups).predict(X) == y).mean() == 1.0  # in-sample it would look perfect
    assert fitted.experts_.experts[EARLY].calibrator.exponent < 0.2


def test_a_block_cannot_take_the_name_of_the_early_expert(expert: Any, early: EarlyFusion) -> None:
    with pytest.raises(StudyError, match="cannot be called 'early'; rename it"):
        HybridFusion({EARLY: expert}, early)._estimators()
