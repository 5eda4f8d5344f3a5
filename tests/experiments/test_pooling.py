"""One answer a clip: the rules, who is pooled with whom, and how it is scored and shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.pooling import RULES, pool_answers
from emofuse.experiments.report import load_run
from emofuse.experiments.report_pooled import pooled
from emofuse.experiments.run import run_study
from emofuse.experiments.run_folder import write_run
from emofuse.experiments.statistics import top_k_accuracy
from emofuse.experiments.terminal import print_results
from emofuse.features.errors import StudyError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

PARTS = np.array([[0.80, 0.15, 0.05], [0.30, 0.40, 0.30], [0.25, 0.45, 0.30], [0.1, 0.1, 0.8]])
CLIPS = np.array([0, 0, 0, 1])


@pytest.fixture(scope="module")
def corpus(make_corpus):
    """Six speakers with three clips each, a class a clip, of four parts each."""
    corpus = make_corpus(n_groups=6, n_per_group=12, signal=1.0)
    number = np.arange(72)
    return type(corpus)(
        corpus.info,
        corpus.samples.assign(recording=corpus.samples["group"] + "-" + corpus.samples["label"], number=number),
        corpus.tables,
    )


@pytest.fixture(scope="module")
def done(corpus, make_study):
    study = make_study(strategies=["majority", "unimodal", "late_mean", "permuted_labels"], pool="recording")
    return study, run_study(study, corpus)


def test_the_mean_adds_probabilities():
    np.testing.assert_allclose(pool_answers(PARTS, CLIPS, "mean"), [[0.45, 1 / 3, 0.65 / 3], [0.1, 0.1, 0.8]])


def test_the_vote_is_the_most_frequent_answer_and_ties_go_to_the_higher_mean():
    assert pool_answers(PARTS, CLIPS, "vote").argmax(axis=1).tolist() == [1, 2]
    tied = pool_answers(PARTS[:2], np.array([0, 0]), "vote")
    assert tied.argmax() == 0 and tied[0, 0] == pytest.approx(0.5, abs=1e-3)


def test_the_median_is_scaled_to_one():
    np.testing.assert_allclose(pool_answers(PARTS, CLIPS, "median")[0], np.array([0.3, 0.4, 0.3]) / 1.0)


def test_a_sure_part_weighs_more():
    weights = PARTS[:3].max(axis=1)
    expected = weights @ PARTS[:3] / weights.sum()
    np.testing.assert_allclose(pool_answers(PARTS, CLIPS, "confidence")[0], expected)
    assert pool_answers(PARTS, CLIPS, "confidence")[0, 0] > pool_answers(PARTS, CLIPS, "mean")[0, 0]


@pytest.mark.parametrize("rule", RULES)
@given(raw=arrays(float, (9, 3), elements=st.floats(0.01, 1)), clips=st.permutations([0, 0, 0, 0, 1, 1, 1, 2, 2]))
def test_rules_give_probabilities_and_do_not_mind_the_order(rule, raw, clips):
    parts, clips = raw / raw.sum(axis=1, keepdims=True), np.array(clips)
    answers = pool_answers(parts, clips, rule)
    assert answers.shape == (3, 3) and (answers >= 0).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1)
    order = np.argsort(raw[:, 0])
    np.testing.assert_allclose(pool_answers(parts[order], clips[order], rule), answers)
    single = pool_answers(parts, np.arange(9), rule)
    np.testing.assert_array_equal(single.argmax(axis=1), parts.argmax(axis=1))


def test_certain_parts_that_disagree_have_a_median(make_study):
    answers = pool_answers(np.eye(3), np.zeros(3, dtype=int), "median")
    np.testing.assert_allclose(answers, np.full((1, 3), 1 / 3))


def test_results_hold_every_rule_and_count_clips(done, corpus):
    _, run = done
    found = run.results["pooled"]
    assert [(item["by"], item["rule"], item["n_clips"]) for item in found] == [
        ("recording", rule, 18) for rule in RULES
    ]
    assert {row["strategy"] for row in found[0]["rows"]} == {"unimodal", "late_mean"}
    predictions = run.predictions
    own = predictions[predictions["strategy"] == "late_mean"]
    assert own["part_of"].tolist() == corpus.samples.loc[own["sample"], "recording"].tolist()
    classes = run.results["corpus"]["classes"]
    clips = own.groupby(["fold", "part_of"])
    right = clips[classes].mean().idxmax(axis=1) == clips["label"].first()
    by_fold = right.groupby("fold").mean()
    (row,) = (row for row in found[0]["rows"] if row["strategy"] == "late_mean")
    assert row["metrics"]["accuracy"]["mean"] == pytest.approx(by_fold.mean(), abs=1e-6)
    assert row["metrics"]["accuracy"]["low"] <= row["metrics"]["accuracy"]["mean"] <= row["metrics"]["accuracy"]["high"]


def test_parts_together_know_more_than_each(done):
    _, run = done
    parts = {row["strategy"]: row["metrics"]["uar"]["mean"] for row in run.results["rows"] if len(row["blocks"]) > 1}
    clips = {row["strategy"]: row["metrics"]["uar"]["mean"] for row in run.results["pooled"][0]["rows"]}
    assert clips["late_mean"] > parts["late_mean"] + 0.1


def test_a_clip_that_two_folds_test_is_pooled_in_each(corpus, make_study):
    study = make_study(
        strategies=["late_mean"],
        pool="recording",
        protocol={"name": "group_kfold", "n_folds": 2, "repeats": 2},
    )
    results = run_study(study, corpus).results
    assert {item["n_clips"] for item in results["pooled"]} == {36}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("take", "pool = 'take' is no column of the samples"),
        ("half", "pool = 'half': 36 of 72 samples name no clip"),
        ("group", "pool = 'group': 's0' has parts of 3 labels; the parts of a clip share it"),
        ("label", "pool = 'label': 'happy' has parts of 6 groups"),
    ],
)
def test_what_names_no_clip_is_refused(corpus, make_study, column, message):
    half = np.where(np.arange(72) % 2 == 0, "a", None)
    samples = corpus.samples.assign(half=half)
    with pytest.raises(StudyError, match=message):
        run_study(make_study(strategies=["late_mean"], pool=column), type(corpus)(corpus.info, samples, corpus.tables))


def test_a_regression_pools_nothing(make_study):
    with pytest.raises(StudyError, match="a regression takes no pool"):
        make_study(task="regression", pool="recording")


def test_the_report_has_both_confusions_and_a_column_a_rule(done, tmp_path):
    study, run = done
    folder = write_run(run, study, tmp_path / "run")
    section = pooled(load_run(folder))
    names = [part.name for part in section.parts]
    assert names == ["pooled-parts-1", "pooled-clips-1", "pooled-parts-2", "pooled-clips-2", "pooled"]
    assert ", 72 parts: rows are the true class" in section.parts[0].caption
    assert ", 18 recordings: rows are the true class" in section.parts[1].caption
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "| strategy | parts | mean | vote | median | confidence |" in text
    assert "One answer a recording" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_command_line_says_it_in_a_sentence(done, capsys):
    print_results(done[1].results | {"learning_curve": []}, "uar")
    printed = " ".join(capsys.readouterr().out.split())
    assert "One answer a recording (18 of them): late mean (linear), UAR ." in printed
    assert " by mean, ." in printed and " by confidence." in printed


def test_a_run_without_clips_has_no_section(make_corpus, make_study, tmp_path):
    study = make_study(strategies=["late_mean"])
    assert pooled(load_run(write_run(run_study(study, make_corpus()), study, tmp_path / "run"))) is None


def test_top_k_accuracy_counts_the_true_class_among_the_first():
    codes = np.array([2, 1, 2, 2])
    assert [top_k_accuracy(codes, PARTS, k) for k in (1, 2, 3)] == [0.5, 0.75, 1.0]
    equal = np.full((3, 3), 1 / 3)
    assert [top_k_accuracy(np.arange(3), equal, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_the_first_of_k_is_what_accuracy_counts(done):
    _, run = done
    classes = run.results["corpus"]["classes"]
    own = run.predictions[run.predictions["strategy"] == "late_mean"]
    codes = pd.Index(classes).get_indexer(own["label"])
    shares = own[classes].to_numpy()
    assert top_k_accuracy(codes, shares, 1) == (shares.argmax(axis=1) == codes).mean()
