"""One fold: what is computed once and shared equals what each strategy's own estimator answers, under every condition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.calibration import FLOOR
from emofuse.experiments import compare
from emofuse.experiments.compare import early_kinds
from emofuse.experiments.conditions import N_PERMUTATIONS, Conditions, masked, permuted, row_order
from emofuse.experiments.estimators import make_strategy
from emofuse.experiments.protocols import Fold
from emofuse.experiments.strategies import EARLY_KINDS, FUSIONS, HYBRID_RULES, LATE_RULES, STRATEGIES
from emofuse.features.errors import EmofuseError
from emofuse.fusion.blocks import join_blocks

BLOCKS = ["face", "voice", "text"]
WORDS = {"happy": "great, love it", "neutral": "as usual", "sad": "so alone"}
ALONE = {name: (name,) for name in BLOCKS}
SUBSETS = [*ALONE.values(), ("face", "voice"), ("face", "text"), ("voice", "text")]


@pytest.fixture(scope="module")
def data(make_corpus):
    """A block table of four groups in which some rows lack a block, or all, with labels, groups and one fold."""
    corpus = make_corpus(n_groups=4, n_per_group=18)
    random = np.random.default_rng(1)
    labels, groups = (corpus.samples[name].to_numpy(dtype=str) for name in ("label", "group"))
    texts = [WORDS[label] if random.random() < 0.7 else "well, you know" for label in labels]
    X = join_blocks(dict(corpus.tables) | {"text": pd.Series(texts, index=corpus.samples.index)})
    for row in random.choice(len(X), 24, replace=False):
        X.iloc[row, X.columns.get_level_values(0) == BLOCKS[row % 3]] = np.nan
    X.iloc[[5, 60]] = np.nan
    fold = Fold("s3", np.flatnonzero(groups != "s3"), np.flatnonzero(groups == "s3"))
    return X, labels, groups, fold


@pytest.fixture(scope="module")
def make(make_study, few_rounds):
    """A function that makes a study of two tables and a text."""

    def study(family="linear", recipe=None, **changes):
        blocks = {
            name: {"extractor": "table", "table": name, "weight": 0.5 + number, "recipes": {family: recipe or {}}}
            for number, name in enumerate(BLOCKS[:2])
        }
        blocks["text"] = {"extractor": "text", "recipes": {family: recipe or {}}}
        values = {"blocks": blocks, "classifiers": [family], "early": {family: recipe or {}}}
        return make_study(**(values | few_rounds | changes))

    return study


@pytest.fixture(scope="module", params=["linear", "kernel", "boosted"])
def answered(request, data, make, answer_fold):
    """What one fold gives by every strategy of a family of classifiers."""
    return answer_fold(make(request.param, {"n_rounds": 8} if request.param == "boosted" else None), *data)


@pytest.fixture(scope="module")
def linear(data, make, answer_fold):
    """What one fold gives by linear classifiers."""
    return answer_fold(make(strategies=[*EARLY_KINDS, *LATE_RULES, *HYBRID_RULES]), *data)


def own_estimator(answered, strategy, blocks, study=None):
    """The strategy's own estimator, fitted on the training rows, ready to do without any block."""
    X, labels, groups = answered.train
    alone = make_strategy(
        study or answered.study,
        strategy,
        answered.families[0].family,
        blocks,
        subsets=answered.conditions.block_subsets if len(blocks) > 1 else (),
    )
    return alone.fit(X, labels, groups=groups)


@pytest.mark.parametrize("strategy", [*FUSIONS, *(f"unimodal {name}" for name in BLOCKS)])
def test_answers_equal_those_of_the_strategys_own_estimator(answered, strategy):
    family = answered.families[0].family
    if family == "boosted" and strategy == "early_raw":
        assert ("early_raw", tuple(BLOCKS), family) not in answered.outcome.probabilities
        return
    blocks = strategy.split()[1:] or BLOCKS
    alone = own_estimator(answered, strategy.split()[0], blocks)
    shared = answered.outcome.probabilities[strategy.split()[0], tuple(blocks), family]
    # Out-of-fold scores are shared as float32; a calibrator of its own adds a floor to early fusion's answers.
    tolerance = FLOOR if strategy in EARLY_KINDS else 1e-5
    np.testing.assert_allclose(alone.predict_proba(answered.test), shared, rtol=0, atol=tolerance)
    assert alone.classes_.tolist() == sorted(WORDS)


@pytest.mark.parametrize(
    "strategy", ["early", "late_product", "stacking", "stacking_gated", "hybrid", "hybrid_stacking"]
)
def test_answers_without_a_modality_equal_those_to_rows_that_lack_it(linear, strategy):
    alone = own_estimator(linear, strategy, BLOCKS)
    codes, rows = linear.codes, np.arange(len(linear.codes))
    for subset in SUBSETS:
        given = alone.predict_proba(masked(linear.test, subset))
        counted = linear.outcome.counts[(strategy, tuple(BLOCKS), "linear"), ("present", subset)][0]
        assert counted.losses[0] == pytest.approx(-np.log(np.maximum(given[rows, codes], 1e-7)).sum(), rel=1e-4), subset
        predicted = np.bincount(3 * codes + given.argmax(axis=1), minlength=9).reshape(3, 3)
        assert np.abs(counted.confusion[0] - predicted).sum() <= 2, subset  # one near tie at most


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", "none"])
def test_experts_are_calibrated_as_the_study_says(data, make, answer_fold, calibration):
    strategies = ["unimodal", "early", "late_product", "hybrid"]
    found = answer_fold(make(calibration=calibration, strategies=strategies), *data)
    for strategy in strategies[1:]:
        alone = own_estimator(found, strategy, BLOCKS)
        shared = found.outcome.probabilities[strategy, tuple(BLOCKS), "linear"]
        np.testing.assert_allclose(alone.predict_proba(found.test), shared, rtol=0, atol=2 * FLOOR)


def test_modality_dropout_reaches_early_fusion_alone(data, make, answer_fold):
    strategies = ["early", "late_product"]
    plain, dropping = (
        answer_fold(make(strategies=strategies, modality_dropout=share), *data).outcome.probabilities
        for share in (0.0, 0.5)
    )
    early, late = ((name, tuple(BLOCKS), "linear") for name in strategies)
    np.testing.assert_array_equal(plain[late], dropping[late])
    assert np.abs(plain[early] - dropping[early]).max() > 0.01


def test_shuffled_rows_are_answered_as_a_table_whose_rows_are_shuffled(data, make, answer_fold):
    found = answer_fold(make(strategies=["early"]), *data)
    alone = own_estimator(found, "early", BLOCKS)
    experts = found.families[0].trials[0]
    order = row_order(len(found.test), 0, 1)
    given = np.exp(experts["early"].shuffled["voice", 1])
    expected = alone.predict_proba(permuted(found.test, ("voice",), order))
    there = ~np.isnan(given).any(axis=1)
    np.testing.assert_allclose(given[there], expected[there], atol=2 * FLOOR)
    np.testing.assert_array_equal(experts["voice"].shuffled["voice", 1], experts["voice"].test[order])
    assert set(experts["face"].shuffled) == {("face", number) for number in range(N_PERMUTATIONS)}


def test_one_permutation_of_very_many_rows_will_do(data, make, fit_family, monkeypatch):
    monkeypatch.setattr(compare, "MANY_ROWS", 10)
    X, labels, groups, fold = data
    found = fit_family(make(strategies=["late_mean"]), "linear", fold, X, labels, groups, Conditions(ALONE, {}))
    assert set(found.trials[0]["face"].shuffled) == {("face", 0)}


def test_scores_are_log_probabilities_with_gaps_where_a_block_is_absent(answered):
    for name in BLOCKS:
        expert = answered.families[0].trials[0][name]
        for logs, X in ((expert.test, answered.test), (expert.out_of_fold, answered.train[0])):
            absent = X[name].isna().all(axis=1).to_numpy()
            assert np.array_equal(np.isnan(logs).all(axis=1), absent)
            np.testing.assert_allclose(np.exp(logs[~absent]).sum(axis=1), 1, rtol=1e-5)


def test_every_strategy_of_the_study_has_its_row(answered):
    found, family = answered.outcome.probabilities, answered.families[0].family
    missing = {"early_raw"} if family == "boosted" else set()
    assert {key[0] for key in found} == set(answered.study.strategies) - missing == set(STRATEGIES) - missing
    assert {key[1] for key in found if key[0] == "unimodal"} == set(ALONE.values())
    assert {key[2] for key in found} == {family, "none", "nested"}
    for answers in found.values():
        np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-6)


def test_every_row_has_its_times(answered):
    outcome = answered.outcome
    assert outcome.fit_seconds.keys() == outcome.predict_seconds.keys() >= outcome.probabilities.keys()
    assert all(seconds >= 0 for seconds in (*outcome.fit_seconds.values(), *outcome.predict_seconds.values()))
    family = answered.families[0].family
    singles = [outcome.fit_seconds["unimodal", own, family] for own in ALONE.values()]
    assert outcome.fit_seconds["late_mean", tuple(BLOCKS), family] == pytest.approx(sum(singles))


@pytest.mark.parametrize(
    "strategies", [["unimodal"], ["late_mean"], ["early"], ["hybrid"], ["majority"], ["best_single"], ["oracle"]]
)
def test_only_what_the_study_asks_for_is_answered(data, make, answer_fold, strategies):
    found = answer_fold(make(strategies=strategies), *data)
    assert {key[0] for key in found.outcome.probabilities} == set(strategies)


@pytest.mark.parametrize(
    ("strategies", "family", "n_blocks", "expected"),
    [
        (STRATEGIES, "linear", 2, list(EARLY_KINDS)),
        (STRATEGIES, "boosted", 2, [kind for kind in EARLY_KINDS if kind != "early_raw"]),
        (STRATEGIES, "linear", 1, []),
        (STRATEGIES, "given", 2, []),
        (["hybrid_gated"], "linear", 2, ["early"]),
        (["early_lda", "late_mean"], "kernel", 2, ["early_lda"]),
        (list(LATE_RULES), "linear", 3, []),
    ],
)
def test_early_fusions_are_fitted_only_where_they_are_asked_for(make_study, strategies, family, n_blocks, expected):
    assert early_kinds(make_study(strategies=strategies), family, n_blocks) == expected


def test_a_class_absent_in_training_gets_probability_0(data, make, answer_fold):
    X, labels, groups, fold = data
    train = fold.train[labels[fold.train] != "neutral"]
    found = answer_fold(make(), X, labels, groups, Fold("1", train, fold.test))
    for key, answers in found.outcome.probabilities.items():
        assert answers.shape == (len(fold.test), 3)
        assert (answers[:, 1] == 0).all(), key
        np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-6)
    assert found.families[0].fitted.classes.tolist() == ["happy", "sad"]


def test_a_single_class_in_training_is_answered_with_a_warning(data, make, answer_fold):
    X, labels, groups, fold = data
    train = fold.train[labels[fold.train] == "sad"]
    found = answer_fold(make(), X, labels, groups, Fold("one", train, fold.test))
    assert all((answers[:, 2] == 1).all() for answers in found.outcome.probabilities.values())
    assert any(line.startswith("fold 'one': ") and "single class 'sad'" in line for line in found.outcome.warnings)


def test_an_error_names_its_fold(data, make, answer_fold):
    X, labels, groups, fold = data
    missing = X.copy()
    missing.loc[missing.index[fold.train], "voice"] = np.nan
    with pytest.raises(EmofuseError, match="block 'voice' is absent in every training row") as caught:
        answer_fold(make(), missing, labels, groups, fold)
    assert caught.value.__notes__ == ["fold 's3', classifier 'linear'"]


def test_worse_inputs_are_answered_by_models_of_clean_rows(data, make, answer_fold):
    X, *_, fold = data
    noisy = X.copy()
    noisy[("voice", "voice_0")] += np.float32(3.0)
    strategies = ["unimodal", "early", "late_product"]
    found = answer_fold(make(strategies=strategies), *data, degraded={"noise": noisy, "silence": X})
    experts = found.families[0].trials[0]
    # Who does not look at the voice is not asked again, nor anybody where nothing changed.
    assert {name: set(expert.degraded) for name, expert in experts.items()} == {
        "face": set(), "voice": {"noise"}, "text": set(), "early": {"noise"}
    }  # fmt: skip
    for strategy in strategies[1:]:
        given = own_estimator(found, strategy, BLOCKS).predict_proba(noisy.iloc[fold.test])
        counted = found.outcome.counts[(strategy, tuple(BLOCKS), "linear"), ("degraded", "noise")][0]
        own = given[np.arange(len(fold.test)), found.codes]
        assert counted.losses[0] == pytest.approx(-np.log(np.maximum(own, 1e-7)).sum(), rel=1e-4)
        same = found.outcome.counts[(strategy, tuple(BLOCKS), "linear"), ("degraded", "silence")][0]
        full = found.outcome.counts[(strategy, tuple(BLOCKS), "linear"), ("present", tuple(BLOCKS))][0]
        np.testing.assert_array_equal(same.confusion, full.confusion)
        assert same.losses[0] != counted.losses[0]


def test_trees_tell_which_features_they_use_and_others_do_not(answered):
    family = answered.families[0]
    if family.family != "boosted":
        assert family.features == {}
        return
    assert set(family.features) == set(BLOCKS)
    assert all(amount >= 0 for groups in family.features.values() for amount in groups.values())
    assert set(family.features["face"]) == {f"face_{number}" for number in range(4)}
    told = family.features["face"]
    assert told["face_3"] < max(told.values())  # the one column without information
