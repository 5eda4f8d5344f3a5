from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.linear import LinearClassifier
from emofuse.classifiers.scaling import Scaler
from emofuse.features.errors import StudyError
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
    estimators = {EARLY: (None, clone(hybrid.early).set_params(calibrate=False))}
    joined = fit_experts(estimators, X, y, groups, n_inner=3)

    assert list(fitted.experts_.experts) == ["audio", "face", EARLY]
    np.testing.assert_array_equal(fitted.experts_.scores(X), [*late.experts_.scores(X), *joined.scores(X)])
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1)
    assert fitted.score(X, y) > 0.8


def test_early_fusion_is_calibrated_once(make_blocks: Callable[..., Corpus], hybrid: HybridFusion) -> None:
    fitted = hybrid.fit(*make_blocks())

    assert fitted.experts_.experts[EARLY].estimator.temperature_ == 1.0
    assert fitted.experts_.experts[EARLY].temperature != 1.0
    assert hybrid.early.calibrate


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


def test_a_modality_of_one_speaker_is_learned_around(make_blocks: Callable[..., Corpus], hybrid: HybridFusion) -> None:
    X, y, groups = make_blocks()
    X.loc[groups != "speaker2", "face"] = np.nan

    assert hybrid.set_params(rule="stacking").fit(X, y, groups).score(X, y) > 0.7


def test_early_fusion_of_many_features_is_scored_out_of_fold(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks(strengths={"audio": 0.0, "face": 0.0})
    noise = np.random.default_rng(0).normal(size=(len(X), 300))
    wide = pd.DataFrame(noise, index=X.index, columns=pd.MultiIndex.from_product([["noise"], range(300)]))
    X = pd.concat([X, wide], axis=1)
    early = EarlyFusion({"noise": Scaler()}, LinearClassifier(C=1e5))

    fitted = HybridFusion({"audio": expert}, early, rule="weighted").fit(X, y, groups)

    assert (early.fit(X, y, groups).predict(X) == y).mean() == 1.0  # in-sample it would look perfect
    assert fitted.experts_.experts[EARLY].temperature < 0.2


def test_a_block_cannot_take_the_name_of_the_early_expert(expert: Any, early: EarlyFusion) -> None:
    with pytest.raises(StudyError, match="cannot be called 'early'; rename it"):
        HybridFusion({EARLY: expert}, early)._estimators()
