"""What each fold chooses, and what those answer who know nothing, who know too much, or who were shown the wrong thing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.answers import BEST_SINGLE, CHOSEN_FROM, SELECTED, SELECTED_EARLY, SELECTED_LATE
from emofuse.experiments.combine import _nested, combine_fold
from emofuse.experiments.conditions import DROP_RATES, Conditions
from emofuse.experiments.estimators import make_strategy
from emofuse.experiments.protocols import Fold
from emofuse.experiments.selective import abstention_threshold
from emofuse.experiments.statistics import metrics_of
from emofuse.experiments.strategies import EARLY_KINDS, FUSIONS, LATE_RULES
from emofuse.fusion.blocks import join_blocks

NAMES = ("happy", "neutral", "sad")
BLOCKS = ("face", "voice")
MAJORITY = ("majority", (), "none")


def parts_of(corpus, n_test):
    """The block table of a corpus, its labels and groups, and one fold that tests the last rows."""
    labels, groups = (corpus.samples[name].to_numpy(dtype=str) for name in ("label", "group"))
    rows = np.arange(len(labels))
    return join_blocks(dict(corpus.tables)), labels, groups, Fold("1", rows[:-n_test], rows[-n_test:])


@pytest.fixture(scope="module")
def data(make_corpus):
    return parts_of(make_corpus(n_groups=5, n_per_group=15, signal=1.2), 30)


@pytest.fixture(scope="module")
def whole(data, make_study, few_rounds, answer_fold):
    """All strategies of two families in one fold."""
    return answer_fold(make_study(classifiers=["linear", "kernel"], **few_rounds), *data)


def recombined(found, codes=None, **changes):
    """The same experts put together once more, as if other test rows were true or the study were another."""
    groups = np.unique(found.groups, return_inverse=True)[1]
    return combine_fold(
        found.study.model_copy(update=changes),
        found.fold,
        found.families,
        found.codes if codes is None else codes,
        groups[found.fold.test],
        len(np.unique(groups)),
        np.unique(found.labels),
        found.conditions,
    )


def accuracy(answers, codes):
    return float((answers.argmax(axis=1) == codes).mean())


def test_what_is_chosen_is_the_best_out_of_fold_of_its_kind(whole):
    outcome = whole.outcome
    assert set(outcome.chosen) == set(CHOSEN_FROM)
    for own, kinds in CHOSEN_FROM.items():
        contestants = {key: value for key, value in outcome.nested.items() if key[0] in kinds}
        assert outcome.nested[outcome.chosen[own]] == max(contestants.values())
        np.testing.assert_array_equal(outcome.probabilities[own], outcome.probabilities[outcome.chosen[own]])
    assert outcome.chosen[SELECTED_EARLY][0] in EARLY_KINDS
    assert outcome.chosen[SELECTED_LATE][0] in LATE_RULES
    assert outcome.chosen[BEST_SINGLE][0] == "unimodal"


def test_what_a_strategy_is_worth_is_its_score_on_out_of_fold_answers(whole):
    X, labels, groups = whole.train
    made = make_strategy(whole.study, "late_weighted", "linear", BLOCKS).fit(X, labels, groups=groups)
    right = made.out_of_fold_.argmax(axis=1) == made.experts_.codes
    recalls = [right[labels == name].mean() for name in NAMES]
    assert whole.outcome.nested["late_weighted", BLOCKS, "linear"] == pytest.approx(np.mean(recalls), abs=0.02)


def test_the_choice_looks_at_no_test_label(whole):
    other = recombined(whole, np.random.default_rng(3).permutation(whole.codes))
    assert other.chosen == whole.outcome.chosen
    assert other.nested == whole.outcome.nested
    assert other.thresholds == whole.outcome.thresholds
    for key in (SELECTED, BEST_SINGLE):
        np.testing.assert_array_equal(other.probabilities[key], whole.outcome.probabilities[key])
    assert other.counts[SELECTED, ("present", BLOCKS)][0].losses != pytest.approx(
        whole.outcome.counts[SELECTED, ("present", BLOCKS)][0].losses
    )


def test_the_choice_looks_at_no_test_row(data, whole, make_study, few_rounds, answer_fold):
    X, labels, groups, fold = data
    noise = X.copy()
    noise.iloc[fold.test] = np.random.default_rng(0).normal(size=(len(fold.test), X.shape[1])).astype(np.float32)
    other = answer_fold(make_study(classifiers=["linear", "kernel"], **few_rounds), noise, labels, groups, fold)
    assert other.outcome.chosen == whole.outcome.chosen
    assert other.outcome.nested == whole.outcome.nested


def test_of_equals_the_first_is_chosen(whole):
    twice = [*whole.families, replace(whole.families[0], family="kernel")]
    found = combine_fold(
        whole.study.model_copy(update={"classifiers": ("linear", "kernel")}),
        whole.fold,
        [twice[0], twice[2]],
        whole.codes,
        np.zeros(len(whole.codes), dtype=int),
        1,
        np.unique(whole.labels),
        whole.conditions,
    )
    assert {key[2] for key in found.chosen.values()} == {"linear"}
    for own, choice in found.chosen.items():
        equals = [
            key for key in found.nested if found.nested[key] == found.nested[choice] and key[0] in CHOSEN_FROM[own]
        ]
        assert choice == equals[0]


@pytest.mark.parametrize("metric", ["log_loss", "brier", "ece"])
def test_of_a_metric_in_which_less_is_better_the_lowest_is_chosen(whole, metric):
    found = recombined(whole, metrics=(metric, "uar"))
    for own, kinds in CHOSEN_FROM.items():
        contestants = [abs(value) for key, value in found.nested.items() if key[0] in kinds]
        assert abs(found.nested[found.chosen[own]]) == min(contestants) < max(contestants)


def test_a_strategy_that_could_not_be_judged_is_worth_less_than_any(whole):
    X, labels, groups = whole.train
    made = make_strategy(whole.study, "late_mean", "linear", BLOCKS).fit(X, labels, groups=groups)
    judged = _nested(whole.study, made)
    made.out_of_fold_ = np.full_like(made.out_of_fold_, np.nan)
    assert _nested(whole.study, made) == -np.inf < judged


@pytest.mark.parametrize(
    ("strategies", "chosen"),
    [
        (["selected", "late_mean", "early"], {SELECTED: {"late_mean", "early"}}),
        (["selected", "late_vote"], {SELECTED: {"late_vote"}}),
        (["selected_early", "selected_late", "late_mean"], {SELECTED_LATE: {"late_mean"}}),
        (["selected", "unimodal"], {}),
        (["best_single"], {BEST_SINGLE: {"unimodal"}}),
        (["early_pca", "selected_early", "selected"], {SELECTED: {"early_pca"}, SELECTED_EARLY: {"early_pca"}}),
    ],
)
def test_a_study_of_few_strategies_chooses_among_those(data, make_study, answer_fold, strategies, chosen):
    found = answer_fold(make_study(strategies=strategies), *data).outcome
    assert found.chosen.keys() == chosen.keys()
    assert all(found.chosen[key][0] in names for key, names in chosen.items())
    assert {key[0] for key in found.probabilities} == (set(strategies) - {name for name, *_ in CHOSEN_FROM}) | {
        key[0] for key in chosen
    }


def test_one_block_is_not_fused(data, make_study, answer_fold):
    X, *rest = data
    found = answer_fold(make_study("face"), X[["face"]], *rest).outcome
    assert {key[0] for key in found.probabilities} == {"majority", "unimodal", "best_single", "permuted_labels"}
    assert found.chosen == {BEST_SINGLE: ("unimodal", ("face",), "linear")}
    assert (found.shares, found.thresholds, found.counts) == ({}, {}, {})


def test_ready_probabilities_are_fused_without_an_early_expert(make_corpus, make_study, few_rounds, answer_fold):
    corpus = make_corpus(tables=())
    random = np.random.default_rng(0)
    shares = {
        name: pd.DataFrame(random.dirichlet(np.ones(3), 48), index=corpus.samples.index, columns=NAMES)
        for name in BLOCKS
    }
    spec = {"extractor": "table", "probabilities": True}
    study = make_study(blocks={name: spec | {"table": name} for name in shares}, classifiers=["given"], **few_rounds)
    _, labels, groups, fold = parts_of(replace(corpus, tables=shares), 24)
    found = answer_fold(study, join_blocks(shares), labels, groups, fold)
    expected = {"majority", "unimodal", "best_single", "oracle", "selected", "selected_late", *LATE_RULES}
    assert {key[0] for key in found.outcome.probabilities} == expected  # answers that are given can be taught nothing
    learning = study.model_copy(update={"classifiers": ("given", "linear")})
    both = answer_fold(learning, join_blocks(shares), labels, groups, fold).outcome.probabilities
    assert {key[2] for key in both if key[0] in ("shuffled_modality", "permuted_labels")} == {"linear"}
    assert {key[2] for key in both if key[0] == "oracle"} == {"given", "linear"}


def test_majority_answers_the_class_shares_of_the_training_rows(data, make_study, answer_fold):
    X, labels, groups, fold = data
    kept = fold.train[~((labels[fold.train] == "sad") & (np.arange(len(fold.train)) % 2 == 0))]
    found = answer_fold(make_study(strategies=["majority"]), X, labels, groups, Fold("1", kept, fold.test))
    shares = pd.Series(labels[kept]).value_counts(normalize=True).sort_index()
    np.testing.assert_allclose(found.outcome.probabilities[MAJORITY], np.tile(shares, (len(fold.test), 1)))
    assert shares.nunique() > 1


def test_the_oracle_is_right_wherever_an_expert_is_and_as_sure_as_the_surest(whole):
    codes, rows = whole.codes, np.arange(len(whole.codes))
    for family in ("linear", "kernel"):
        singles = [whole.outcome.probabilities["unimodal", (name,), family] for name in BLOCKS]
        oracle = whole.outcome.probabilities["oracle", BLOCKS, family]
        right = np.stack([answers.argmax(axis=1) == codes for answers in singles])
        np.testing.assert_array_equal(oracle.argmax(axis=1)[right.any(axis=0)], codes[right.any(axis=0)])
        assert right.any(axis=0).mean() > right.mean(axis=1).max()
        own = np.stack([answers[rows, codes] for answers in singles])
        np.testing.assert_allclose(oracle[rows, codes], own.max(axis=0), atol=1e-6)


def test_the_oracle_answers_rows_that_lack_experts_by_those_there_are(data, make_study, answer_fold):
    X, labels, groups, fold = data
    lacking = X.copy()
    lacking.loc[lacking.index[fold.test[:5]], "voice"] = np.nan
    lacking.loc[lacking.index[fold.test[2:4]], "face"] = np.nan
    found = answer_fold(
        make_study(strategies=["oracle", "unimodal", "majority"]), lacking, labels, groups, fold
    ).outcome
    oracle = found.probabilities["oracle", BLOCKS, "linear"]
    face = found.probabilities["unimodal", ("face",), "linear"]
    np.testing.assert_allclose(oracle[[0, 1, 4]], face[[0, 1, 4]], atol=1e-6)
    np.testing.assert_allclose(oracle[2:4], found.probabilities[MAJORITY][2:4])


@pytest.fixture(scope="module")
def plain(make_corpus, make_study, answer_fold):
    """Many rows, of which the voice knows everything and the face nothing; with the controls."""
    corpus = make_corpus(n_groups=10, n_per_group=60, signal=4.0)
    corpus.tables["face"].loc[:] = np.random.default_rng(8).normal(size=(600, 4))
    study = make_study(strategies=["unimodal", "late_product", "majority", "shuffled_modality", "permuted_labels"])
    return answer_fold(study, *parts_of(corpus, 300))


def test_a_shuffled_modality_leaves_what_the_others_give(plain):
    found, codes = plain.outcome.probabilities, plain.codes
    shuffled = {key[1]: accuracy(answers, codes) for key, answers in found.items() if key[0] == "shuffled_modality"}
    voice = accuracy(found["unimodal", ("voice",), "linear"], codes)
    assert set(shuffled) == {("face",), ("voice",)}
    assert shuffled["face",] == pytest.approx(voice, abs=0.03) and voice > 0.95
    assert shuffled["voice",] == pytest.approx(1 / 3, abs=0.1)


def test_labels_permuted_in_training_teach_nothing(plain):
    found = plain.outcome.probabilities["permuted_labels", BLOCKS, "linear"]
    assert accuracy(found, plain.codes) == pytest.approx(1 / 3, abs=0.12)
    assert found.max(axis=1).mean() < 0.5  # nor does it pretend to know
    learned = plain.outcome.probabilities["late_product", BLOCKS, "linear"]
    assert accuracy(learned, plain.codes) > 0.95


@pytest.mark.parametrize("seed", [0, 4])
def test_the_control_of_permuted_labels_is_a_late_fusion_that_was_taught_them(data, make_study, answer_fold, seed):
    study = make_study(strategies=["permuted_labels"], seed=seed)
    found = answer_fold(study, *data)
    X, labels, groups = found.train
    wrong = np.random.default_rng(seed).permutation(labels)
    made = make_strategy(study, "late_product", "linear", BLOCKS).fit(X, wrong, groups=groups)
    given = found.outcome.probabilities["permuted_labels", BLOCKS, "linear"]
    np.testing.assert_allclose(given, made.predict_proba(found.test), atol=1e-5)
    assert accuracy(wrong[:, None] == np.array(NAMES), np.searchsorted(NAMES, labels)) < 0.6


def test_controls_belong_to_the_first_family_that_learns(whole):
    rows = {key for key in whole.outcome.probabilities if key[0] in ("shuffled_modality", "permuted_labels")}
    assert rows == {
        ("shuffled_modality", ("face",), "linear"),
        ("shuffled_modality", ("voice",), "linear"),
        ("permuted_labels", BLOCKS, "linear"),
    }


def test_blocks_of_one_modality_are_shuffled_and_absent_together(make_corpus, make_study, answer_fold):
    corpus = make_corpus(tables=("chest", "wrist", "face"))
    table = {"extractor": "table", "modality": "body"}
    blocks = {name: table | {"table": name} for name in ("chest", "wrist")}
    blocks["face"] = {"extractor": "table", "table": "face"}
    study = make_study(blocks=blocks, strategies=["unimodal", "late_product", "shuffled_modality", "selected"])
    found = answer_fold(study, *parts_of(corpus, 24)).outcome
    shuffled = {key[1] for key in found.probabilities if key[0] == "shuffled_modality"}
    assert shuffled == {("chest", "wrist"), ("face",)}
    present = {condition[1] for key, condition in found.counts if key == SELECTED and condition[0] == "present"}
    assert present == {("body",), ("face",), ("body", "face")}
    assert set(found.shares) == {"body", "face"}
    # The modality that is measured twice is a single modality, too: the product of its experts.
    assert {key[1] for key in found.probabilities if key[0] == "unimodal"} == {
        ("chest",), ("wrist",), ("face",), ("chest", "wrist")
    }  # fmt: skip
    body = found.probabilities["unimodal", ("chest", "wrist"), "linear"]
    own = body.argmax(axis=1)
    counted = found.counts[("late_product", ("chest", "wrist", "face"), "linear"), ("present", ("body",))][0]
    assert np.trace(counted.confusion[0]) == (own == np.searchsorted(NAMES, corpus.samples["label"][-24:])).sum()


def test_shares_add_up_to_what_the_answer_gains_over_the_prior(whole):
    selected = whole.outcome.probabilities[SELECTED]
    answered = selected.argmax(axis=1)
    prior = whole.outcome.probabilities[MAJORITY][0]
    gain = np.log(selected.max(axis=1)) - np.log(prior[answered])
    np.testing.assert_allclose(sum(whole.outcome.shares.values()), gain, atol=1e-5)
    assert set(whole.outcome.shares) == set(BLOCKS)


def test_thresholds_are_set_on_out_of_fold_answers_of_training_rows(whole):
    choice = whole.outcome.chosen[SELECTED]
    X, labels, groups = whole.train
    subsets = {"subsets": whole.conditions.block_subsets}
    made = make_strategy(whole.study, choice[0], choice[2], BLOCKS, **subsets).fit(X, labels, groups=groups)
    assert set(whole.outcome.thresholds) == set(whole.study.precisions)
    if choice[0] in LATE_RULES:
        for precision, threshold in whole.outcome.thresholds.items():
            expected = abstention_threshold(made.out_of_fold_, made.experts_.codes, precision, groups=groups)
            assert threshold == (None if expected is None else pytest.approx(expected, abs=1e-4))
    low = recombined(whole, precisions=(0.05, 0.4)).thresholds
    assert low[0.05] <= low[0.4]


def test_lost_at_rate_0_is_nothing_lost_and_at_higher_rates_more(whole):
    for strategy in FUSIONS:
        key = (strategy, BLOCKS, "linear")
        counts = {rate: whole.outcome.counts[key, ("dropped", rate)][0] for rate in DROP_RATES}
        full = whole.outcome.counts[key, ("present", BLOCKS)][0]
        np.testing.assert_array_equal(counts[0.0].confusion, full.confusion)
        assert counts[0.0].losses == pytest.approx(full.losses)
        assert counts[0.9].losses[0] > counts[0.0].losses[0]
        assert (counts[0.5].confusion.sum(), counts[0.9].confusion.sum()) == (30, 30)


def test_every_row_counted_under_a_condition_is_counted_in_its_group(whole):
    for key, condition in whole.outcome.counts:
        together, by_group = whole.outcome.counts[key, condition]
        assert by_group.confusion.shape[0] == 5
        np.testing.assert_allclose(by_group.confusion.sum(axis=0), together.confusion[0])
        assert (by_group.confusion[:3] == 0).all()  # the test rows are those of the last two groups
    full = metrics_of(whole.outcome.counts[SELECTED, ("present", BLOCKS)][0])["accuracy"][0]
    assert full == pytest.approx(accuracy(whole.outcome.probabilities[SELECTED], whole.codes))


def test_of_more_than_five_modalities_each_is_alone_and_each_left_out(make_corpus, make_study, answer_fold):
    tables = [f"m{number}" for number in range(6)]
    study = make_study(*tables, strategies=["early", "late_product", "selected"])
    found = answer_fold(study, *parts_of(make_corpus(tables=tables), 24)).outcome
    conditions = {condition for key, condition in found.counts if key == SELECTED}
    present = [condition[1] for condition in conditions if condition[0] == "present"]
    assert sorted(map(len, present)) == [1] * 6 + [5] * 6 + [6]
    assert not any(condition[0] == "dropped" for condition in conditions)
    assert found.shares == {}


def test_blocks_of_a_single_modality_are_asked_by_themselves(data, make_study, answer_fold):
    table = {"extractor": "table", "modality": "body"}
    study = make_study(
        blocks={name: table | {"table": name} for name in BLOCKS}, strategies=["unimodal", "late_product", "selected"]
    )
    found = answer_fold(study, *data)
    assert found.conditions == Conditions({"body": BLOCKS}, {})
    conditions = {condition for key, condition in found.outcome.counts}
    assert conditions == {("blocks", ("face",)), ("blocks", ("voice",)), ("blocks", BLOCKS)}
    face = found.outcome.probabilities["unimodal", ("face",), "linear"]
    counted = found.outcome.counts[("late_product", BLOCKS, "linear"), ("blocks", ("face",))][0]
    assert np.trace(counted.confusion[0]) == (face.argmax(axis=1) == found.codes).sum()
    assert found.outcome.shares == {}


def test_a_late_fusion_of_one_modality_alone_is_that_modalitys_own_answer(whole):
    singles = {name: whole.outcome.probabilities["unimodal", (name,), "linear"] for name in BLOCKS}
    for strategy in (*LATE_RULES, "hybrid", "hybrid_stacking"):
        for name, answers in singles.items():
            counted = whole.outcome.counts[(strategy, BLOCKS, "linear"), ("present", (name,))][0]
            assert metrics_of(counted)["accuracy"][0] == accuracy(answers, whole.codes), strategy
            own = answers[np.arange(len(answers)), whole.codes]
            assert counted.losses[0] == pytest.approx(-np.log(np.maximum(own, 1e-7)).sum(), rel=1e-6), strategy
