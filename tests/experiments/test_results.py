"""From the answers of all folds to the rows, the tables and the numbers of results.json."""

from __future__ import annotations

import json

import numpy as np
import pytest
from emofuse.experiments import results as results_module
from emofuse.experiments.answers import BEST_SINGLE, SELECTED, FoldOutcome
from emofuse.experiments.conditions import Conditions
from emofuse.experiments.protocols import Fold
from emofuse.experiments.results import (
    NOT_FUSION,
    Evaluated,
    assemble,
    bootstrap_groups,
    contribution_table,
    degraded_rows,
)
from emofuse.experiments.selective import abstain
from emofuse.experiments.statistics import tally
from emofuse.experiments.strategies import REFERENCE, STRATEGIES, is_fusion

CLASSES = np.array(["happy", "neutral", "sad"])
BOTH = ("face", "voice")
EARLY, FACE, VOICE, MAJORITY = (
    ("early", BOTH, "linear"),
    ("unimodal", ("face",), "linear"),
    ("unimodal", ("voice",), "linear"),
    ("majority", (), "none"),
)
CONDITIONS = Conditions({"all": BOTH}, {})  # one modality: nothing was asked without it


def answers(codes, accuracy, *, seed=0):
    """A probability over .5 of the right class in a share of the rows, and of the next class in the others."""
    random = np.random.default_rng(seed)
    told = np.where(random.random(len(codes)) < accuracy, codes, (codes + 1) % 3)
    sure = random.uniform(0.5, 0.98, len(codes))[:, None]
    return np.where(np.eye(3)[told] > 0, sure, (1 - sure) / 2)


@pytest.fixture(scope="module")
def evaluate(make_corpus):
    """A function that assembles the results of made-up answers; strategies by key with their share of right ones."""
    corpus = make_corpus(n_groups=8, n_per_group=15, tables=())
    codes = np.searchsorted(CLASSES, corpus.samples["label"])

    def run(study, accuracies, *, n_folds=4, chosen=None, nested=None, thresholds=None, repeats=1):
        folds = []
        for repeat in range(repeats):
            fold_of = np.repeat((np.arange(8) + 3 * repeat * (np.arange(8) > 3)) % n_folds, 15)
            for number in range(n_folds):
                name = f"{repeat + 1}.{number + 1}" if repeats > 1 else str(number + 1)
                folds.append(Fold(name, np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number)))
        tested = np.concatenate([fold.test for fold in folds])
        outcomes = [
            FoldOutcome(
                chosen={key: choices[number] for key, choices in (chosen or {}).items()},
                nested={key: values[number] for key, values in (nested or {}).items()},
                fit_seconds=dict.fromkeys(accuracies, 0.5),
                predict_seconds=dict.fromkeys(accuracies, 0.06),
                thresholds={precision: values[number] for precision, values in (thresholds or {}).items()},
                warnings=["fold 1: a warning"],
            )
            for number in range(len(folds))
        ]
        probabilities = {
            key: answers(codes[tested], share, seed=seed) for seed, (key, share) in enumerate(accuracies.items())
        }
        evaluated = Evaluated(CLASSES, folds, outcomes, probabilities)
        results, predictions = assemble(study, corpus, evaluated, CONDITIONS, n_failed=2, leaky=False)
        return results, predictions, evaluated

    return run


def test_rows_hold_every_metric_with_its_folds_and_interval(evaluate, make_study):
    results, *_ = evaluate(make_study(), {MAJORITY: 1 / 3, VOICE: 0.6})
    assert [row["strategy"] for row in results["rows"]] == ["majority", "unimodal"]
    row = results["rows"][1]
    assert (row["blocks"], row["classifier"], row["fit_seconds"]) == (["voice"], "linear", 2.0)
    assert row["predict_ms_per_sample"] == pytest.approx(1000 * 0.24 / 120)
    for metric in ("uar", "accuracy", "macro_f1", "weighted_f1", "log_loss", "brier", "ece"):
        found = row["metrics"][metric]
        assert found["mean"] == pytest.approx(np.mean(found["folds"]), abs=1e-5)
        assert found["low"] <= found["mean"] <= found["high"]
        assert len(found["folds"]) == 4
    assert results["corpus"]["n_failed"] == 2
    assert json.loads(json.dumps(results)) == results


def test_rows_stand_in_the_order_of_the_strategies(evaluate, make_study):
    reference = (REFERENCE, ("people",), "given")
    mean, kernel = ("late_mean", BOTH, "linear"), ("late_mean", BOTH, "kernel")
    results, *_ = evaluate(make_study(), dict.fromkeys((reference, mean, kernel, EARLY, VOICE, FACE, MAJORITY), 0.5))
    found = [(row["strategy"], row["classifier"], row["blocks"]) for row in results["rows"]]
    assert found == [
        ("majority", "none", []),
        ("unimodal", "linear", ["face"]),
        ("unimodal", "linear", ["voice"]),
        ("early", "linear", list(BOTH)),
        ("late_mean", "kernel", list(BOTH)),
        ("late_mean", "linear", list(BOTH)),
        ("reference", "given", ["people"]),
    ]


def test_what_each_fold_chose_is_told_by_its_name(evaluate, make_study):
    mean = ("late_mean", BOTH, "kernel")
    chosen = {SELECTED: [mean, EARLY, mean, mean], BEST_SINGLE: [FACE] * 4}
    results, *_ = evaluate(
        make_study(), {FACE: 0.5, EARLY: 0.6, mean: 0.6, SELECTED: 0.6, BEST_SINGLE: 0.5}, chosen=chosen
    )
    rows = {row["strategy"]: row for row in results["rows"]}
    assert rows["selected"]["chosen"] == {
        "1": "late mean (kernel)", "2": "early (linear)", "3": "late mean (kernel)", "4": "late mean (kernel)"
    }  # fmt: skip
    assert set(rows["best_single"]["chosen"].values()) == {"face (linear)"}
    assert "chosen" not in rows["early"]
    assert "the fusion chosen on training rows (late mean (kernel) in 3 of 4 folds)" in results["verdict"]


def test_what_a_row_was_worth_on_training_rows_is_told_fold_by_fold(evaluate, make_study):
    nested = {VOICE: [0.5, 0.625, -np.inf, 0.75]}
    results, *_ = evaluate(make_study(), {VOICE: 0.6, FACE: 0.5}, nested=nested)
    rows = {tuple(row["blocks"]): row for row in results["rows"]}
    assert rows["voice",]["nested"] == [0.5, 0.625, None, 0.75]
    assert "nested" not in rows["face",]
    losses, *_ = evaluate(
        make_study(metrics=["log_loss", "uar"]), {VOICE: 0.6}, nested={VOICE: [-0.5, -0.6, -0.7, -0.8]}
    )
    assert losses["rows"][0]["nested"] == [0.5, 0.6, 0.7, 0.8]


def test_predictions_have_a_line_for_each_strategy_and_tested_sample(evaluate, make_study):
    _, predictions, _ = evaluate(make_study(), {EARLY: 0.9, VOICE: 0.6, SELECTED: 0.9}, chosen={SELECTED: [EARLY] * 4})
    assert len(predictions) == 3 * 120
    assert predictions.groupby("strategy")["sample"].nunique().to_dict() == {
        "early": 120,
        "selected": 120,
        "unimodal": 120,
    }
    assert predictions[list(CLASSES)].dtypes.unique() == [np.float32]
    np.testing.assert_allclose(predictions[list(CLASSES)].sum(axis=1), 1, rtol=1e-6)
    right = predictions[list(CLASSES)].idxmax(axis=1) == predictions["label"]
    assert right[predictions["strategy"] == "early"].mean() > right[predictions["strategy"] == "unimodal"].mean()
    assert predictions.loc[predictions["strategy"] == "selected", "blocks"].unique().tolist() == [""]


def test_repeats_test_each_sample_several_times_and_count_it_once(evaluate, make_study):
    results, predictions, _ = evaluate(make_study(), {EARLY: 0.9, VOICE: 0.6}, repeats=3)
    assert results["protocol"]["n_folds"] == 12
    assert results["protocol"]["n_tested"] == 120
    own = predictions[predictions["strategy"] == "early"]
    assert len(own) == 3 * 120
    assert set(own["fold"]) == {f"{repeat}.{number}" for repeat in (1, 2, 3) for number in (1, 2, 3, 4)}
    assert own.groupby("sample").size().unique().tolist() == [3]
    assert not own.duplicated(["sample", "fold"]).any()
    assert len(results["rows"][0]["metrics"]["uar"]["folds"]) == 12


def test_answers_are_held_back_by_the_threshold_of_their_fold(evaluate, make_study):
    thresholds = {0.8: [0.6, 0.7, None, 0.9], 0.95: [None] * 4}
    results, _, evaluated = evaluate(
        make_study(), {SELECTED: 0.8, VOICE: 0.5}, chosen={SELECTED: [EARLY] * 4}, thresholds=thresholds
    )
    low, none = results["abstention"]
    ends = np.cumsum([len(fold.test) for fold in evaluated.folds])[:-1]
    n_answered = n_right = 0
    for given, fold, threshold in zip(
        np.split(evaluated.probabilities[SELECTED], ends), evaluated.folds, thresholds[0.8], strict=True
    ):
        codes = np.resize([0, 1, 2], 120)[fold.test]
        answered = given.max(axis=1) >= (np.inf if threshold is None else threshold)
        n_answered += answered.sum()
        n_right += (given.argmax(axis=1) == codes)[answered].sum()
        assert abstain(given, codes, threshold).coverage == pytest.approx(answered.mean())
    assert 0 < n_right < n_answered < 120
    assert low == {
        "strategy": "selected",
        "classifier": "nested",
        "precision_wanted": 0.8,
        "threshold": pytest.approx(np.mean([0.6, 0.7, 0.9]), abs=1e-6),
        "coverage": pytest.approx(n_answered / 120, abs=1e-6),
        "precision": pytest.approx(n_right / n_answered, abs=1e-6),
    }
    assert (none["threshold"], none["coverage"], none["precision"]) == (None, 0.0, None)
    assert "abstention" not in evaluate(make_study(), {EARLY: 0.8, VOICE: 0.5})[0]


def test_power_is_of_the_primary_comparison(evaluate, make_study):
    few, *_ = evaluate(make_study(), {EARLY: 0.8, VOICE: 0.5})
    assert few["power"]["metric"] == "uar"
    assert (few["power"]["n_groups"], few["power"]["n_folds"]) == (8, 4)
    assert 0 < few["power"]["detectable"] < 1 and "speakers" in few["power"]["text"]
    assert "power" not in evaluate(make_study(), {VOICE: 0.5, FACE: 0.4})[0]


def test_degraded_rows_tell_every_fusion_under_every_condition(evaluate, make_study):
    _, _, evaluated = evaluate(make_study(), {EARLY: 0.8, VOICE: 0.5, MAJORITY: 0.3})
    codes = np.resize([0, 1, 2], 120)
    groups = np.repeat(np.arange(8), 15)
    right = []
    for fold, outcome in zip(evaluated.folds, evaluated.outcomes, strict=True):
        given, own = answers(codes[fold.test], 0.5, seed=9), codes[fold.test]
        right.append((given.argmax(axis=1) == own).mean())
        outcome.counts[EARLY, ("degraded", "hiss")] = (
            tally(own, given, np.zeros(len(own), dtype=int)),
            tally(own, given, groups[fold.test], n_groups=8),
        )
    about = {"kind": "noise", "block": "voice", "level": 10.0, "unit": "dB", "label": "hiss"}
    (found,) = degraded_rows(evaluated, {"hiss": about}, metric="accuracy", seed=0)
    assert {name: found[name] for name in about} == about
    (row,) = found["rows"]
    assert (row["strategy"], row["classifier"]) == ("early", "linear")
    assert row["low"] < row["mean"] < row["high"] and row["mean"] == pytest.approx(np.mean(right), abs=1e-6)


def test_contribution_table_names_sample_and_fold(evaluate, make_study, make_corpus):
    samples = make_corpus(n_groups=8, n_per_group=15, tables=()).samples
    _, _, evaluated = evaluate(make_study(), {EARLY: 0.8, VOICE: 0.5})
    assert contribution_table(evaluated, samples).empty
    for number, (fold, outcome) in enumerate(zip(evaluated.folds, evaluated.outcomes, strict=True)):
        outcome.shares.update(
            {name: np.full(len(fold.test), number + half) for name, half in (("face", 0.0), ("voice", 0.5))}
        )
    table = contribution_table(evaluated, samples)
    assert table.columns.tolist() == ["sample", "fold", "face", "voice"]
    assert sorted(table["sample"]) == sorted(samples.index)
    assert (table["face"] == table["fold"].astype(int) - 1).all() and (table["voice"] - table["face"] == 0.5).all()
    assert table["face"].dtype == np.float32


def test_warnings_of_the_folds_are_told_once(evaluate, make_study):
    assert evaluate(make_study(), {VOICE: 0.5})[2].warnings == ["fold 1: a warning"]


def test_what_is_no_fusion_is_drawn_apart():
    assert set(NOT_FUSION) == {name for name in (*STRATEGIES, REFERENCE) if not is_fusion(name)}
    assert REFERENCE in NOT_FUSION and "selected" not in NOT_FUSION


def test_of_very_many_groups_several_share_a_code(make_corpus, monkeypatch):
    samples = make_corpus(tables=()).samples
    codes, count = bootstrap_groups(samples)
    assert (codes.tolist(), count) == (np.repeat(np.arange(4), 12).tolist(), 4)
    alone, count = bootstrap_groups(samples.drop(columns="group"))
    assert (len(set(alone)), count) == (48, 48)
    monkeypatch.setattr(results_module, "MANY_COUNTED", 10)
    bunched, count = bootstrap_groups(samples.drop(columns="group"))
    assert (set(bunched), count) == (set(range(10)), 10)
