"""What is left without a modality, and what each of them brings: checked against answers made by hand and by whole estimators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.answers import SELECTED, FoldOutcome
from emofuse.experiments.conditions import DROP_RATES, Conditions, drop_masks, masked
from emofuse.experiments.estimators import make_strategy
from emofuse.experiments.missing import LISTED_GROUPS, contributions, mean_over_folds, missing_modalities, summary
from emofuse.experiments.protocols import Fold
from emofuse.experiments.statistics import score, tally
from emofuse.features.errors import StudyError
from emofuse.fusion.blocks import join_blocks
from emofuse.fusion.shapley import subsets_of
from hypothesis import given
from hypothesis import strategies as st

CLASSES = np.array(["happy", "neutral", "sad"])
BOTH = ("face", "voice")
LATE, EARLY = ("late_product", BOTH, "linear"), ("early", BOTH, "linear")


@pytest.fixture(scope="module")
def folds(make_corpus, make_study, answer_fold):
    """Two folds of a corpus that lacks some faces, with noise in a third modality."""
    corpus = make_corpus(n_groups=6, n_per_group=30, signal=1.6, tables=("face", "voice", "noise"))
    corpus.tables["noise"].loc[:] = np.random.default_rng(5).normal(size=(180, 4))
    corpus.tables["face"].iloc[::11] = np.nan
    labels, groups = (corpus.samples[name].to_numpy(dtype=str) for name in ("label", "group"))
    study = make_study(
        "face",
        "voice",
        "noise",
        classifiers=["boosted"],
        strategies=["unimodal", "late_product", "late_weighted", "early", "selected"],
        early={"boosted": {"n_rounds": 10}},
        blocks={
            name: {"extractor": "table", "table": name, "recipes": {"boosted": {"n_rounds": 10}}}
            for name in corpus.tables
        },
    )
    second = np.isin(groups, ["s1", "s3", "s5"])
    found = []
    for number, test in enumerate((~second, second)):
        fold = Fold(str(number), np.flatnonzero(~test), np.flatnonzero(test))
        found.append(answer_fold(study, join_blocks(dict(corpus.tables)), labels, groups, fold))
    return found


def report(folds, **changes):
    keys = [key for key in folds[0].outcome.probabilities if key[0] not in ("unimodal",)]
    outcomes = [found.outcome for found in folds]
    return missing_modalities(outcomes, keys, folds[0].conditions, **{"metric": "uar", "seed": 0} | changes)


def test_every_strategy_is_asked_with_every_set_of_modalities(folds):
    found = report(folds)
    assert found["modalities"] == ["face", "voice", "noise"]
    assert [row["strategy"] for row in found["rows"]] == ["early", "late_product", "late_weighted", "selected"]
    for row in found["rows"]:
        assert [tuple(item["present"]) for item in row["subsets"]] == subsets_of(found["modalities"])[1:]
        assert all(item["low"] <= item["mean"] <= item["high"] for item in row["subsets"])
        assert [item["rate"] for item in row["drop_rates"]] == list(DROP_RATES)


@pytest.mark.parametrize("metric", ["uar", "log_loss"])
def test_with_all_modalities_and_at_rate_0_it_is_the_rows_own_number(folds, metric):
    classes_of = {name: number for number, name in enumerate(CLASSES)}
    for row in report(folds, metric=metric)["rows"]:
        key = next(key for key in folds[0].outcome.probabilities if key[0] == row["strategy"])
        answers = np.concatenate([found.outcome.probabilities[key] for found in folds])
        rows = np.concatenate([found.fold.test for found in folds])
        codes = np.array([classes_of[label] for label in folds[0].labels[rows]])
        own = score(
            codes,
            answers,
            np.unique(folds[0].groups[rows], return_inverse=True)[1],
            np.repeat([0, 1], [len(found.fold.test) for found in folds]),
            seed=0,
        )[metric]
        full = row["subsets"][-1]
        low, high = own.interval(bounded=metric == "uar")
        assert [full[name] for name in ("mean", "low", "high")] == pytest.approx([own.mean, low, high], abs=2e-6)
        assert row["drop_rates"][0]["mean"] == full["mean"]


@pytest.mark.parametrize("strategy", ["early", "late_product", "late_weighted"])
def test_sets_and_losses_are_what_the_strategy_answers_to_such_tables(folds, strategy):
    row = next(row for row in report(folds)["rows"] if row["strategy"] == strategy)
    blocks = folds[0].conditions.modalities
    subset = ("face", "noise")
    alone, lost = [], []
    for found in folds:
        X, labels, groups = found.train
        made = make_strategy(found.study, strategy, "boosted", list(blocks), subsets=found.conditions.block_subsets)
        made.fit(X, labels, groups=groups)
        there = drop_masks(len(found.test), 3, 0.4, found.study.seed)
        dropped = found.test.where(np.repeat(there, 4, axis=1))
        for recalls, table in ((alone, masked(found.test, subset)), (lost, dropped)):
            right = made.predict_proba(table).argmax(axis=1) == found.codes
            recalls.append(np.mean([right[found.codes == code].mean() for code in range(3)]))
    (told,) = (item for item in row["subsets"] if tuple(item["present"]) == subset)
    assert told["mean"] == pytest.approx(np.mean(alone), abs=0.02)
    assert row["drop_rates"][4]["mean"] == pytest.approx(np.mean(lost), abs=0.02)


def test_one_modality_alone_is_the_single_modalitys_own_row(folds):
    found = report(folds)
    for name in ("voice", "noise"):
        single = [item.outcome.probabilities["unimodal", (name,), "boosted"] for item in folds]
        own = np.mean(
            [
                np.mean([(answers.argmax(axis=1) == code)[item.codes == code].mean() for code in range(3)])
                for answers, item in zip(single, folds, strict=True)
            ]
        )
        for row in found["rows"]:
            if row["strategy"].startswith("late"):
                told = next(item["mean"] for item in row["subsets"] if item["present"] == [name])
                assert told == pytest.approx(own, abs=1e-6)


def test_losing_more_costs_more(folds):
    for row in report(folds)["rows"]:
        means = [item["mean"] for item in row["drop_rates"]]
        assert means[9] < means[5] < means[0]
        assert means[9] == pytest.approx(1 / 3, abs=0.15)


def test_one_modality_can_not_be_missed(folds):
    outcomes = [found.outcome for found in folds]
    assert missing_modalities(outcomes, [LATE], Conditions({"body": BOTH}, {}), metric="uar", seed=0) is None


def test_contributions_share_what_is_gained_over_chance(folds):
    outcomes, conditions = [found.outcome for found in folds], folds[0].conditions
    shares, details = contributions(outcomes, conditions, CLASSES, seed=0)
    assert set(shares) == {"face", "voice", "noise"}
    assert sum(shares.values()) == pytest.approx(details["full"] - details["base"], abs=1e-5)
    assert (details["strategy"], details["classifier"], details["metric"]) == ("selected", "nested", "uar")
    assert details["base"] == pytest.approx(1 / 3, abs=1e-5)
    answers = np.concatenate([outcome.probabilities[SELECTED] for outcome in outcomes])
    codes = np.concatenate([found.codes for found in folds])
    recalls = [(answers.argmax(axis=1) == code)[codes == code].mean() for code in range(3)]
    assert details["full"] == pytest.approx(np.mean(recalls), abs=1e-5)
    for name, share in shares.items():
        assert np.mean([own[name] for own in details["by_class"].values()]) == pytest.approx(share, abs=1e-5)
    for number, label in enumerate(CLASSES):
        assert sum(details["by_class"][label].values()) == pytest.approx(recalls[number] - 1 / 3, abs=1e-5)


def test_noise_brings_nothing_and_shuffling_it_costs_nothing(folds):
    shares, details = contributions([found.outcome for found in folds], folds[0].conditions, CLASSES, seed=0)
    assert abs(shares["noise"]) < 0.05 < min(shares["face"], shares["voice"])
    told = details["permutation"]
    assert set(told) == {"face", "voice", "noise"}
    assert abs(told["noise"]["mean"]) < 0.06 and told["noise"]["low"] < 0 < told["noise"]["high"]
    assert told["voice"]["mean"] > 0.1 and told["face"]["mean"] > 0.1
    assert all(item["low"] <= item["mean"] <= item["high"] for item in told.values())


def test_folds_of_one_row_more_or_less_may_be_shuffled_more_or_less_often(folds):
    """Of 2000 test rows one permutation is drawn, of 1999 several: what all folds have is compared."""
    outcomes = [folds[0].outcome, replace(folds[1].outcome, counts=dict(folds[1].outcome.counts))]
    for key, condition in folds[1].outcome.counts:
        if condition[0] == "shuffled" and condition[2] > 0:
            del outcomes[1].counts[key, condition]
    for order in (outcomes, outcomes[::-1]):
        _, details = contributions(order, folds[0].conditions, CLASSES, seed=0)
        assert set(details["permutation"]) == {"face", "voice", "noise"}


def test_what_the_trees_use_are_shares_within_a_block(folds):
    details = contributions([found.outcome for found in folds], folds[0].conditions, CLASSES, seed=0)[1]
    features = pd.DataFrame(details["features"])
    assert set(features["block"]) == {"face", "voice", "noise"}
    assert (features["share"] >= 0).all()
    np.testing.assert_allclose(features.groupby("block")["share"].sum(), 1, atol=1e-5)
    face = features[features["block"] == "face"].set_index("group")["share"]
    assert face["face_3"] < face.drop("face_3").min()  # the one column that tells nothing
    assert face.is_monotonic_decreasing


def test_of_many_groups_the_rest_is_summed_up(folds):
    amounts = {f"group{number:02d}": float(number + 1) for number in range(LISTED_GROUPS + 5)}
    outcomes = [replace(found.outcome, features={"face": amounts}) for found in folds]
    rows = contributions(outcomes, folds[0].conditions, CLASSES, seed=0)[1]["features"]
    assert len(rows) == LISTED_GROUPS + 1
    assert rows[0]["group"] == f"group{LISTED_GROUPS + 4:02d}"
    assert rows[-1] == {"block": "face", "group": "other", "share": pytest.approx(15 / sum(amounts.values()), abs=1e-5)}
    assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-5)


def made_up(probabilities, codes, *, kind="present", key=SELECTED, groups=None):
    """One fold that answers each set of modalities as it is told to."""
    groups = np.zeros(len(codes), dtype=int) if groups is None else groups
    counts = {}
    for subset, answers in probabilities.items():
        together = tally(codes, answers, np.zeros(len(codes), dtype=int))
        counts[key, (kind, subset)] = (together, tally(codes, answers, groups))
    return FoldOutcome(counts=counts)


def random_answers(random, names, codes):
    return {subset: random.dirichlet(np.ones(3), len(codes)) for subset in subsets_of(names)[1:]}


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_shares_add_up_whatever_is_answered(seed, n_modalities):
    random = np.random.default_rng(seed)
    names = [f"m{number}" for number in range(n_modalities)]
    codes = random.integers(3, size=40)
    conditions = Conditions({name: (name,) for name in names}, {})
    shares, details = contributions([made_up(random_answers(random, names, codes), codes)], conditions, CLASSES, seed=0)
    assert sum(shares.values()) == pytest.approx(details["full"] - 1 / 3, abs=1e-5)


def test_twins_share_alike_and_one_that_knows_nothing_gets_nothing():
    codes = np.resize([0, 1, 2], 30)
    knows, guesses = np.eye(3)[codes], np.eye(3)[np.zeros(30, dtype=int)]
    names = ["a", "b", "c"]
    answers = {subset: knows if {"a", "b"} & set(subset) else guesses for subset in subsets_of(names)[1:]}
    conditions = Conditions({name: (name,) for name in names}, {})
    shares, _ = contributions([made_up(answers, codes)], conditions, CLASSES, seed=0)
    assert shares == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 0.0}, abs=1e-6)


def test_a_class_that_was_never_tested_has_no_share():
    codes = np.resize([0, 2], 30)
    answers = random_answers(np.random.default_rng(0), BOTH, codes)
    conditions = Conditions({name: (name,) for name in BOTH}, {})
    shares, details = contributions([made_up(answers, codes)], conditions, CLASSES, seed=0)
    assert set(details["by_class"]) == {"happy", "sad"}
    assert sum(shares.values()) == pytest.approx(details["full"] - 1 / 3, abs=1e-5)


def test_blocks_of_a_single_modality_share_what_their_product_gains():
    codes = np.resize([0, 1, 2], 30)
    answers = random_answers(np.random.default_rng(0), BOTH, codes)
    outcome = made_up(answers, codes, kind="blocks", key=LATE)
    shares, details = contributions([outcome], Conditions({"body": BOTH}, {}), CLASSES, seed=0)
    assert set(shares) == set(BOTH)
    assert (details["strategy"], details["classifier"], details["permutation"]) == ("late_product", "linear", {})


@pytest.mark.parametrize(
    ("n_modalities", "key"), [(6, SELECTED), (1, SELECTED), (2, EARLY)], ids=["too many", "one block", "none chosen"]
)
def test_where_nothing_can_be_shared_nothing_is_said(n_modalities, key):
    codes = np.resize([0, 1, 2], 30)
    names = [f"m{number}" for number in range(n_modalities)]
    outcome = made_up(random_answers(np.random.default_rng(0), names[:2], codes), codes, key=key)
    conditions = Conditions({name: (name,) for name in names}, {})
    assert contributions([outcome], conditions, CLASSES, seed=0) == ({}, {})


def test_intervals_are_of_groups_and_a_single_group_has_none():
    random = np.random.default_rng(2)
    codes = random.integers(3, size=60)
    answers = {BOTH: random.dirichlet(np.ones(3), 60)}
    wide = made_up(answers, codes, groups=np.arange(60) // 10)
    found = summary([wide], SELECTED, ("present", BOTH), metric="uar", seed=0)
    assert 0 <= found["low"] < found["mean"] < found["high"] <= 1
    assert found["mean"] == mean_over_folds([wide], SELECTED, ("present", BOTH), metric="uar")
    alone = summary([made_up(answers, codes)], SELECTED, ("present", BOTH), metric="uar", seed=0)
    assert alone["low"] == alone["mean"] == alone["high"]
    loss = summary([wide], SELECTED, ("present", BOTH), metric="log_loss", seed=0)
    assert loss["high"] > 1  # a loss is not cut off where a share is


def test_too_many_parts_are_no_subsets():
    with pytest.raises(StudyError):
        subsets_of([f"m{number}" for number in range(40)])
