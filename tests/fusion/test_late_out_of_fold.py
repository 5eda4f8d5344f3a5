"""What late fusion answers its own training rows: by rules that saw neither the row nor its group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers import calibration
from emofuse.classifiers.calibration import apply_temperature, fit_temperature, inner_folds, log_clipped
from emofuse.classifiers.recipes import meta_classifier
from emofuse.fusion.combination import FIXED_RULES, WEIGHED_RULES
from emofuse.fusion.experts import FittedExperts, fit_experts
from emofuse.fusion.late import LEARNERS, RULES, LateFusion
from emofuse.fusion.rules import product_rule

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]
every_rule = pytest.mark.parametrize("rule", RULES)
LEARNED = [*LEARNERS, "stacking"]


def fusing(expert: Any, *blocks: str, **parameters: Any) -> LateFusion:
    return LateFusion(dict.fromkeys(blocks or ("audio", "face"), expert), n_inner=3, **parameters)


def experts_of(corpus: Corpus, expert: Any) -> FittedExperts:
    X, y, groups = corpus
    blocks = X.columns.get_level_values(0).unique()
    return fit_experts({name: (name, expert) for name in blocks}, X, y, groups, n_inner=3)


def answered(rule: str, scores: np.ndarray, codes: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the answers to some rows by a rule fitted on others."""
    prior = np.full(3, 1 / 3)
    if rule in FIXED_RULES:
        return FIXED_RULES[rule](scores[:, test], prior)
    if rule == "stacking":
        columns = np.hstack(list(scores))
        return meta_classifier("linear").fit(columns[train], codes[train]).predict_proba(columns[test])
    learn, apply = LEARNERS[rule], WEIGHED_RULES[rule]
    return apply(scores[:, test], prior, learn(scores[:, train], codes[train]))


@every_rule
def test_they_are_those_of_a_cross_fit_done_by_hand(make_blocks: Callable[..., Corpus], expert: Any, rule: Any) -> None:
    X, y, groups = make_blocks(strengths={"audio": 1.2, "face": 0.6})
    fused = fusing(expert, rule=rule).fit(X, y, groups)
    experts = experts_of((X, y, groups), expert)
    scores, by_hand = experts.training_scores(), np.full((len(X), 3), np.nan)

    for train, test in inner_folds(experts.codes, groups, n_splits=3, seed=0):
        assert not set(groups[train]) & set(groups[test])
        by_hand[test] = answered(rule, scores, experts.codes, train, test)
    temperature = fit_temperature(by_hand, experts.codes)

    assert fused.temperature_ == pytest.approx(temperature)
    np.testing.assert_allclose(fused.out_of_fold_, apply_temperature(by_hand, temperature), rtol=1e-6)


@pytest.mark.parametrize("rule", LEARNED)
def test_the_labels_of_a_speaker_do_not_touch_the_answers_to_that_speaker(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    experts = experts_of(make_blocks(n_speakers=3, strengths={"audio": 1.2, "face": 0.6}), expert)
    own = experts.groups == "speaker1"
    wrong = experts.codes.copy()
    wrong[own] = np.roll(experts.codes[own], 4)  # as many of each class, so that the folds stay

    fitted, misled = (
        fusing(expert, rule=rule).fit_rule(replace(experts, codes=codes)) for codes in (experts.codes, wrong)
    )
    plain, other = (
        apply_temperature(model.out_of_fold_, 1 / model.temperature_) for model in (fitted, misled)
    )  # all labels make the temperature, which is one number

    np.testing.assert_allclose(other[own], plain[own], rtol=1e-6)
    assert np.abs(other[~own] - plain[~own]).max() > 0.01


@pytest.mark.parametrize("rule", LEARNED)
def test_a_rule_that_learned_the_row_would_answer_otherwise(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    X, y, groups = make_blocks(n_speakers=3, n_clips=4, strengths={"audio": 0.4, "face": 0.4, "text": 0.4})
    fused = fusing(expert, "audio", "face", "text", rule=rule).fit(X, y, groups)
    codes = fused.experts_.codes

    in_sample = fused.combine(fused.experts_.training_scores())
    losses = [-log_clipped(answers[np.arange(len(codes)), codes]).mean() for answers in (in_sample, fused.out_of_fold_)]

    assert losses[1] > losses[0]


@every_rule
def test_their_temperature_makes_them_hold(make_blocks: Callable[..., Corpus], expert: Any, rule: Any) -> None:
    X, y, groups = make_blocks(n_clips=8, strengths={"audio": 1.5, "face": 1.0, "text": 0.5})
    fused = fusing(expert, "audio", "face", "text", rule=rule).fit(X, y, groups)

    codes = fused.experts_.codes
    losses = {
        change: -np.log(apply_temperature(fused.out_of_fold_, change)[np.arange(len(codes)), codes]).mean()
        for change in (0.8, 1.0, 1 / fused.temperature_, 1.25)
    }

    assert abs(fused.temperature_ - 1) > 0.01
    assert min(losses, key=losses.__getitem__) == 1.0


@pytest.mark.parametrize("rule", WEIGHED_RULES)
def test_learned_rules_answer_new_rows_with_that_temperature(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    X, y, groups = make_blocks(strengths={"audio": 1.0, "face": 1.0})
    new, *_ = make_blocks(seed=1)
    fused = fusing(expert, rule=rule).fit(X, y, groups)

    scores = fused.experts_.scores(new)
    plain = WEIGHED_RULES[rule](scores, fused.experts_.prior, fused.weights_)

    assert abs(fused.temperature_ - 1) > 0.01
    np.testing.assert_allclose(fused.predict_proba(new), apply_temperature(plain, fused.temperature_))


@every_rule
def test_rows_with_one_modality_or_none(make_blocks: Callable[..., Corpus], expert: Any, rule: Any) -> None:
    X, y, groups = make_blocks()
    X.loc[X.index[::5], "face"] = np.nan
    X.iloc[3] = np.nan
    fused = fusing(expert, rule=rule).fit(X, y, groups)

    np.testing.assert_allclose(fused.out_of_fold_[::5], np.exp(fused.experts_.out_of_fold["audio"][::5]), rtol=1e-6)
    assert np.flatnonzero(np.isnan(fused.out_of_fold_).any(axis=1)).tolist() == [3]
    np.testing.assert_allclose(np.delete(fused.out_of_fold_, 3, axis=0).sum(axis=1), 1)


@every_rule
def test_nothing_is_said_of_rows_that_no_expert_could_be_judged_on(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    X, y, groups = make_blocks()
    keep = (y != "joy") | (groups == "speaker3")  # without that speaker no model knows what joy is
    fused = fusing(expert, rule=rule).fit(X[keep], y[keep], groups[keep])

    unjudged = np.isnan(fused.out_of_fold_)

    np.testing.assert_array_equal(unjudged.all(axis=1), y[keep] == "joy")
    np.testing.assert_array_equal(unjudged.any(axis=1), y[keep] == "joy")


@every_rule
def test_of_very_many_rows_the_first_fold_alone_is_judged(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y, groups = make_blocks(n_speakers=6)
    monkeypatch.setattr(calibration, "MANY_ROWS", 50)

    fused = fusing(expert, rule=rule).fit(X, y, groups)

    _, first = inner_folds(y, groups, n_splits=3, seed=0)[0]
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(fused.out_of_fold_).any(axis=1)), np.sort(first))


def test_stacking_answers_rows_that_lack_a_modality_by_the_product(
    make_blocks: Callable[..., Corpus], expert: Any
) -> None:
    X, y, groups = make_blocks(strengths={"audio": 1.2, "face": 1.0, "text": 0.8})
    X.loc[X.index[::3], "text"] = np.nan
    fused = fusing(expert, "audio", "face", "text", rule="stacking").fit(X, y, groups)

    product = product_rule(fused.experts_.training_scores(), fused.experts_.prior)

    np.testing.assert_allclose(fused.out_of_fold_[::3], product[::3])
    assert np.abs(fused.out_of_fold_[1::3] - product[1::3]).max() > 0.01


@pytest.mark.parametrize("rule", LEARNED)
def test_without_groups_each_row_is_kept_apart(make_blocks: Callable[..., Corpus], expert: Any, rule: Any) -> None:
    X, y, _ = make_blocks()
    fused = fusing(expert, rule=rule).fit(X, y)

    assert not np.isnan(fused.out_of_fold_).any()
    assert (fused.classes_[fused.out_of_fold_.argmax(axis=1)] == y).mean() > 0.6
