"""From the answers of all folds to rows, comparisons, contributions and one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from emofuse.experiments.protocols import Fold
from emofuse.experiments.results import Evaluated, assemble, contributions, shown_p
from emofuse.experiments.statistics import metrics_of, tally
from emofuse.fusion.rules import product_rule
from hypothesis import given
from hypothesis import strategies as st

CLASSES = np.array(["happy", "neutral", "sad"])
EARLY, FACE, VOICE, MAJORITY = (
    ("early", ("face", "voice"), "linear"),
    ("unimodal", ("face",), "linear"),
    ("unimodal", ("voice",), "linear"),
    ("majority", (), "none"),
)


def answers(codes, accuracy, *, seed=0):
    """Probabilities of .8 for the right class in a share of the rows, and for the next class in the others."""
    random = np.random.default_rng(seed)
    told = np.where(random.random(len(codes)) < accuracy, codes, (codes + 1) % 3)
    return np.where(np.eye(3)[told] > 0, 0.8, 0.1)


@pytest.fixture(scope="module")
def evaluate(make_corpus):
    """A function that assembles the results of made-up answers; strategies by key with their share of right ones."""
    corpus = make_corpus(n_groups=8, n_per_group=15, tables=())
    codes = np.searchsorted(CLASSES, corpus.samples["label"])

    def run(study, accuracies, *, leaky=False, info=None, n_folds=4, scores=None):
        fold_of = np.repeat(np.arange(8), 15) % n_folds if n_folds > 1 else np.repeat(np.arange(8), 15) // 6
        folds = [
            Fold(str(number + 1), np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number))
            for number in range(n_folds)
        ]
        tested = np.concatenate([fold.test for fold in folds])
        evaluated = Evaluated(
            CLASSES,
            folds,
            {key: answers(codes[tested], share, seed=seed) for seed, (key, share) in enumerate(accuracies.items())},
            dict.fromkeys(accuracies, 1.2345),
            dict.fromkeys(accuracies, 0.06),
            scores or {},
            [],
        )
        made = corpus if info is None else type(corpus)(info, corpus.samples, corpus.tables, corpus.notes)
        return assemble(study, made, evaluated, n_failed=2, leaky=leaky)

    return run


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0, 0.5))
def test_contributions_add_up_to_the_gain_over_chance(seed, n_blocks, absent):
    random = np.random.default_rng(seed)
    codes = random.integers(3, size=40)
    scores = {}
    for number in range(n_blocks):
        logits = random.normal(size=(40, 3))
        logits[np.arange(40), codes] += random.uniform(0, 2)
        logits[random.random(40) < absent] = np.nan
        scores[f"block{number}"] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    together = product_rule(np.stack(list(scores.values())), np.full(3, 1 / 3))
    reached = metrics_of(tally(codes, together, np.zeros(40, int)))["uar"][0]
    shares = contributions(scores, codes)
    assert list(shares) == list(scores)
    assert sum(shares.values()) == pytest.approx(reached - 1 / len(np.unique(codes)), abs=1e-5)


def test_twins_share_alike_and_one_that_knows_nothing_gets_nothing():
    codes = np.resize([0, 1, 2], 30)
    knows, knows_nothing = np.log(answers(codes, 1.0)), np.log(np.full((30, 3), 1 / 3))
    shares = contributions({"a": knows, "b": knows, "c": knows_nothing}, codes)
    assert shares == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 0.0}, abs=1e-6)
    assert contributions({}, codes) == {}


@pytest.mark.parametrize(
    ("early", "voice", "beginning"),
    [
        (0.95, 0.6, "Fusion helps: early (linear) UAR 0."),
        (0.7, 0.68, "No evidence that fusion helps: early (linear) UAR 0."),
        (0.4, 0.9, "Fusion hurts: early (linear) UAR 0."),
    ],
)
def test_the_verdict_says_whether_fusion_helps_and_how_sure_that_is(evaluate, make_study, early, voice, beginning):
    results, _ = evaluate(make_study(), {EARLY: early, VOICE: voice, FACE: 0.4, MAJORITY: 1 / 3})
    assert results["verdict"].startswith(beginning)
    (found,) = results["comparisons"]
    assert (found["a"], found["b"], found["b_blocks"]) == ("early", "unimodal", ["voice"])
    assert f"difference {found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]" in results["verdict"]
    assert f"p {shown_p(found['p_holm'])} after Holm." in results["verdict"]


def test_a_metric_in_which_less_is_better_turns_the_verdict(evaluate, make_study):
    study = make_study(metrics=["log_loss", "uar"])
    results, _ = evaluate(study, {EARLY: 0.95, VOICE: 0.5, FACE: 0.3})
    assert results["comparisons"][0]["difference"] < 0
    assert results["comparisons"][0]["b_blocks"] == ["voice"]
    assert results["verdict"].startswith("Fusion helps: early (linear) log loss")
    assert evaluate(study, {EARLY: 0.5, VOICE: 0.95})[0]["verdict"].startswith("Fusion hurts")


@pytest.mark.parametrize(
    ("accuracies", "beginning"),
    [
        ({VOICE: 0.8, MAJORITY: 1 / 3}, "Nothing to compare (one modality only): voice (linear) reaches UAR 0."),
        ({EARLY: 0.8}, "Nothing to compare (no single modality was run): early (linear) reaches UAR 0."),
        ({MAJORITY: 1 / 3}, "Nothing to compare (one modality only): majority (none) reaches UAR 0."),
    ],
)
def test_without_two_sides_there_is_nothing_to_compare(evaluate, make_study, accuracies, beginning):
    results, _ = evaluate(make_study(), accuracies)
    assert results["comparisons"] == []
    assert results["verdict"].startswith(beginning)


def test_each_fusion_meets_the_best_single_and_the_best_late_the_best_early(evaluate, make_study):
    mean, stacking = (("late_mean", *EARLY[1:]), ("stacking", *EARLY[1:]))
    results, _ = evaluate(make_study(), {FACE: 0.6, VOICE: 0.5, EARLY: 0.7, mean: 0.65, stacking: 0.8})
    pairs = [(item["a"], item["b"]) for item in results["comparisons"]]
    assert pairs == [("early", "unimodal"), ("late_mean", "unimodal"), ("stacking", "unimodal"), ("stacking", "early")]
    assert all(item["p"] <= item["p_holm"] <= 1 for item in results["comparisons"])
    assert {item["test"] for item in results["comparisons"]} == {"nadeau_bengio"}


def test_one_fold_is_compared_by_the_group_bootstrap(evaluate, make_study):
    results, _ = evaluate(make_study(), {EARLY: 0.95, VOICE: 0.4}, n_folds=1)
    assert results["comparisons"][0]["test"] == "group_bootstrap"


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ({"leaky": True}, "(leaky: training and test samples are not independent)"),
        ({"adaptive": True}, "(adaptive: unlabelled statistics of the test speakers were used)"),
        ({"synthetic": True}, "(synthetic data)"),
        ({"leaky": True, "adaptive": True, "synthetic": True}, "(synthetic data; adaptive: "),
    ],
)
@pytest.mark.parametrize("accuracies", [{EARLY: 0.9, VOICE: 0.5}, {VOICE: 0.5}], ids=["fusion", "single"])
def test_what_qualifies_the_numbers_is_stamped(evaluate, make_study, make_corpus, stamp, words, accuracies):
    study = make_study(speaker_normalisation=stamp.get("adaptive", False))
    info = make_corpus(synthetic=stamp.get("synthetic", False)).info
    results, _ = evaluate(study, accuracies, leaky=stamp.get("leaky", False), info=info)
    assert words in results["verdict"]
    found = {name: results["protocol"][name] for name in ("adaptive", "leaky")}
    found["synthetic"] = results["corpus"]["synthetic"]
    assert found == {"adaptive": False, "leaky": False, "synthetic": False} | stamp


def test_rows_hold_every_metric_with_its_folds_and_interval(evaluate, make_study):
    results, _ = evaluate(make_study(), {MAJORITY: 1 / 3, VOICE: 0.6})
    assert [row["strategy"] for row in results["rows"]] == ["majority", "unimodal"]
    row = results["rows"][1]
    assert (row["blocks"], row["classifier"], row["fit_seconds"]) == (["voice"], "linear", 1.234)
    assert row["predict_ms_per_sample"] == pytest.approx(1000 * 0.06 / 120)
    for metric in ("uar", "accuracy", "macro_f1", "weighted_f1", "log_loss", "brier", "ece"):
        found = row["metrics"][metric]
        assert found["mean"] == pytest.approx(np.mean(found["folds"]), abs=1e-5)
        assert found["low"] <= found["mean"] <= found["high"]
        assert len(found["folds"]) == 4
    assert results["corpus"]["n_failed"] == 2
    assert json.loads(json.dumps(results)) == results


def test_predictions_have_a_line_for_each_strategy_and_tested_sample(evaluate, make_study):
    _, predictions = evaluate(make_study(), {EARLY: 0.9, VOICE: 0.6})
    assert len(predictions) == 2 * 120
    assert predictions.groupby("strategy")["sample"].nunique().to_dict() == {"early": 120, "unimodal": 120}
    assert predictions[list(CLASSES)].dtypes.unique() == [np.float32]
    np.testing.assert_allclose(predictions[list(CLASSES)].sum(axis=1), 1, rtol=1e-6)
    right = predictions[list(CLASSES)].idxmax(axis=1) == predictions["label"]
    assert right[predictions["strategy"] == "early"].mean() > right[predictions["strategy"] == "unimodal"].mean()


def test_contributions_are_those_of_the_best_fusions_family(evaluate, make_study):
    codes = np.resize([0, 1, 2], 120)
    scores = {
        "linear": {"face": np.log(answers(codes, 1.0))},
        "kernel": {"face": np.log(np.full((120, 3), 1 / 3))},
    }
    kernel = (EARLY[0], EARLY[1], "kernel")
    study = make_study(classifiers=["linear", "kernel"])
    accuracies = {kernel: 0.5, EARLY: 0.9, VOICE: 0.5}
    best_linear, _ = evaluate(study, accuracies, scores=scores)
    best_kernel, _ = evaluate(study, accuracies | {kernel: 0.99}, scores=scores)
    assert best_kernel["contributions"]["face"] <= 0.01 < best_linear["contributions"]["face"]


@pytest.mark.parametrize(("value", "text"), [(0.00099, "< .001"), (0.001, "= 0.001"), (1.0, "= 1.000")])
def test_p_values_are_never_shown_as_zero(value, text):
    assert shown_p(value) == text
