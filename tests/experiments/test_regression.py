"""A study that predicts numbers: what a run of it holds, that its controls know nothing, and what it refuses."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.report import load_run
from emofuse.experiments.report_values import value_groups, values
from emofuse.experiments.run import prepare_corpus, run_study
from emofuse.experiments.run_folder import write_run
from emofuse.experiments.statistics import Scores
from emofuse.experiments.study import parse_study, to_toml
from emofuse.experiments.task_kinds import DEFAULT_VALUE_METRICS, VALUE_FUSIONS, VALUE_STRATEGIES
from emofuse.experiments.train import train_study
from emofuse.experiments.value_metrics import NOTHING, value_of
from emofuse.experiments.verdict import red_flags
from emofuse.features.errors import ProtocolError, StudyError, TableError
from emofuse.features.samples import check_samples

TABLES = ("voice", "face")


@pytest.fixture(scope="module")
def scored_corpus(make_corpus):
    """A corpus with a score that each of two tables tells a half of; the voice is absent in some clips."""

    def make(**columns):
        corpus = make_corpus(n_groups=6, n_per_group=16, tables=TABLES)
        random = np.random.default_rng(1)
        halves = random.normal(size=(96, 2))
        tables = {}
        for number, name in enumerate(TABLES):
            table = corpus.tables[name].copy()
            table[f"{name}_0"] = halves[:, number] + 0.4 * random.normal(size=96)
            tables[name] = table
        tables["voice"].iloc[::13] = np.nan
        samples = corpus.samples.assign(score=halves.sum(axis=1), **columns)
        return replace(corpus, samples=samples, tables=tables)

    return make


@pytest.fixture(scope="module")
def value_study(make_study):
    """A function that makes a small study of the score."""

    def make(**changes):
        values = {"task": "regression", "label": "score", "protocol": {"name": "group_kfold", "n_folds": 3}}
        return make_study(*TABLES, **values | changes)

    return make


@pytest.fixture(scope="module")
def done(scored_corpus, value_study):
    return run_study(value_study(), scored_corpus())


def rows_of(run):
    return {(row["strategy"], "+".join(row["blocks"])): row["metrics"] for row in run.results["rows"]}


def test_results_have_the_usual_form(done):
    results = done.results
    assert results["task"] == "regression"
    assert results["labels"] == {"column": "score", "map": None, "mapping": {}}
    assert results["corpus"]["classes"] == []
    assert set(results["corpus"]["target"]) == {"mean", "sd", "min", "max"}
    assert {row["strategy"] for row in results["rows"]} == set(VALUE_STRATEGIES)
    for row in results["rows"]:
        assert set(row["metrics"]) == set(DEFAULT_VALUE_METRICS)
        for cell in row["metrics"].values():
            assert set(cell) == {"mean", "low", "high", "folds"} and len(cell["folds"]) == 3
            assert cell["low"] <= cell["mean"] <= cell["high"]
    assert {item["a"] for item in results["comparisons"] if item["family"] == "exploratory"} == set(VALUE_FUSIONS)
    assert all(item["p_mcnemar"] is None and 0 <= item["p_holm"] <= 1 for item in results["comparisons"])
    assert "CCC" in results["verdict"]
    assert set(results["missing"]["rows"][0]) == {"strategy", "classifier", "subsets"}
    json.dumps(results, allow_nan=False)


def test_predictions_give_the_metrics_again(done):
    found = done.predictions[done.predictions["strategy"] == "selected"]
    folds = [value_of(own["label"].to_numpy(), own["prediction"].to_numpy(), "ccc") for _, own in found.groupby("fold")]
    assert rows_of(done)["selected", ""]["ccc"]["folds"] == pytest.approx(folds, abs=1e-6)
    assert len(found) == 96 and found["sample"].is_unique


def test_fusion_beats_its_halves_and_shares_add_up(done):
    rows = rows_of(done)
    full = rows["selected", ""]["ccc"]["mean"]
    assert full > 0.75 > max(rows["unimodal", name]["ccc"]["mean"] for name in TABLES)
    assert sum(done.results["contributions"].values()) == pytest.approx(full, abs=1e-5)  # the mean alone agrees by 0
    assert all(share > 0.2 for share in done.results["contributions"].values())


def test_controls_know_nothing(done):
    rows = rows_of(done)
    assert rows["majority", ""]["ccc"]["mean"] == rows["majority", ""]["pearson"]["mean"] == 0
    assert rows["majority", ""]["mae"]["mean"] > rows["selected", ""]["mae"]["mean"]
    (permuted,) = (metrics for (strategy, _), metrics in rows.items() if strategy == "permuted_labels")
    assert permuted["ccc"]["mean"] < 0.35
    for name in TABLES:
        assert rows["shuffled_modality", name]["ccc"]["mean"] < rows["late_mean", "+".join(TABLES)]["ccc"]["mean"]
    assert done.results["red_flags"] == []


def test_a_clip_without_a_voice_is_answered_by_the_face(done, scored_corpus):
    corpus = scored_corpus()
    silent = corpus.tables["voice"].index[corpus.tables["voice"].isna().all(axis=1)]
    table = done.predictions.set_index("sample")
    face = table[(table["strategy"] == "unimodal") & (table["blocks"] == "face")].loc[silent, "prediction"]
    for strategy in ("late_mean", "late_weighted", "stacking", "hybrid"):
        own = table[table["strategy"] == strategy].loc[silent, "prediction"]
        np.testing.assert_array_equal(own, face)


def test_answers_do_not_depend_on_processes(scored_corpus, value_study):
    study = value_study(strategies=["unimodal", "late_weighted", "selected"])
    one, two = (run_study(study, scored_corpus(), n_jobs=n_jobs).predictions for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_the_page_shows_answers_against_the_truth(done, value_study, tmp_path):
    folder = write_run(done, value_study(), tmp_path / "run")
    run = load_run(folder)
    section = values(run)
    assert [part.name for part in section.parts] == ["values-1", "values-2", "values"]
    assert section.parts[0].svg.count("<circle") == 96
    error, spread, truth, slope = section.parts[2].rows[0].cells[1:]
    assert abs(error) < 0.3 and 0 < spread < truth and 0.5 < slope < 1.5
    assert [row.cells[1] for row in value_groups(run).parts[1].rows] == [16] * 6
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "score from −" in page and "0 classes" not in page
    assert "Where it goes wrong" not in page and "Answers against the truth" in page
    assert "<dt>label column</dt><dd>score</dd>" in page
    assert "CCC" in (folder / "report.md").read_text(encoding="utf-8")
    assert "Pearson r" in (folder / "report.tex").read_text(encoding="utf-8")


def test_other_metrics_and_protocols_stand_beside(scored_corpus, value_study):
    study = value_study(
        metrics=["mae", "acc2", "acc7"],
        strategies=["majority", "unimodal", "late_mean", "selected"],
        also=[{"name": "random", "n_folds": 3, "leaky": True}],
    )
    found = run_study(study, scored_corpus()).results
    assert set(found["rows"][0]["metrics"]) == {"ccc", "mae", "pearson", "rmse", "acc2", "acc7"}
    (other,) = found["other_protocols"]
    assert other["protocol"]["leaky"] and len(other["rows"]) == len(found["rows"])
    assert "MAE" in found["verdict"]


def test_a_single_block_is_no_fusion(make_study, scored_corpus):
    study = make_study("face", task="regression", label="score")
    found = run_study(study, scored_corpus()).results
    assert {row["strategy"] for row in found["rows"]} == {"majority", "permuted_labels", "unimodal", "best_single"}
    assert found["verdict"].startswith("Nothing to compare (one modality only): face (linear) reaches CCC")


def test_a_group_on_both_sides_is_refused(scored_corpus, value_study):
    sides = np.where(np.arange(96) % 2, "train", "test")
    with pytest.raises(ProtocolError, match="'official' would leak"):
        run_study(value_study(protocol={"name": "official"}), scored_corpus(split=sides))


def test_a_classifier_of_permuted_targets_that_knows_the_truth_is_flagged():
    def scores(value):
        return {"ccc": Scores(np.full(4, value), np.linspace(-0.05, 0.05, 9), np.full(30, value), NOTHING)}

    scored = {
        ("majority", (), "none"): scores(0.0),
        ("permuted_labels", ("voice",), "linear"): scores(0.9),
        ("late_mean", ("voice",), "linear"): scores(0.95),
    }
    assert any(
        "trained on permuted targets, linear still reaches CCC 0.900" in flag for flag in red_flags(scored, "ccc")
    )
    scored["permuted_labels", ("voice",), "linear"] = scores(0.3)
    assert red_flags(scored, "ccc") == []


def test_the_column_must_hold_numbers_that_differ(scored_corpus, value_study):
    corpus = scored_corpus(mood=["good", "bad"] * 48, level=1.0, half=[1.0, None] * 48, wild=[np.inf, 1.0] * 48)
    with pytest.raises(TableError, match=r"'mood' must hold finite numbers .* 'clip000' \('good'\)"):
        prepare_corpus(value_study(label="mood"), corpus)
    with pytest.raises(TableError, match="'wild' must hold finite numbers"):
        prepare_corpus(value_study(label="wild"), corpus)
    with pytest.raises(StudyError, match="'level' holds 1 values; a regression needs two"):
        prepare_corpus(value_study(label="level"), corpus)
    with pytest.raises(StudyError, match="label column 'gone' is not in the corpus"):
        prepare_corpus(value_study(label="gone"), corpus)
    some = corpus.samples.assign(half=[1.0, None, 2.0, None] * 24)
    assert len(prepare_corpus(value_study(label="half"), replace(corpus, samples=some)).samples) == 48
    as_text = check_samples(corpus.samples.assign(label=corpus.samples["score"]))
    kept = prepare_corpus(value_study(label="label"), replace(corpus, samples=as_text)).samples["label"]
    np.testing.assert_array_equal(kept, corpus.samples["score"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ["uar"]}, r"task 'regression' has the metrics \['ccc', .*got \['uar'\]"),
        ({"task": "classification", "metrics": ["ccc"]}, r"task 'classification' has the metrics \['uar'"),
        ({"strategies": ["late_vote", "oracle"]}, r"strategies \['late_vote', 'oracle'\] are of classes"),
        ({"classifiers": ["given"]}, "'given' passes class probabilities on"),
        ({"label_map": {"a": "b"}}, "a regression takes no label_map"),
        ({"label_map": "ravdess_to_ekman7"}, "a regression takes no label_map"),
        ({"budget": 3, "modality_dropout": 0.5}, "a regression takes no budget, modality_dropout"),
        ({"meta": {"boosted": {}}}, "meta.boosted: stacking of numbers has the meta-regressor 'linear'"),
        ({"early": {"linear": {"C": 1}}}, "early.linear: RidgeRegressor has the parameters"),
    ],
)
def test_what_has_no_meaning_for_numbers_is_refused(value_study, changes, message):
    with pytest.raises(StudyError, match=message):
        value_study(**changes)


def test_the_study_loads_back_and_is_not_trained(value_study, scored_corpus, tmp_path):
    study = value_study()
    assert parse_study(tomllib.loads(to_toml(study)), source="again") == study
    with pytest.raises(StudyError, match=r"is a regression, which is compared .* and not yet trained"):
        train_study(study, scored_corpus())
