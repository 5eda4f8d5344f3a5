"""What is trained: the strategy that its rows choose, on the rows it may use, with figures that were honestly come by."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.combine import choose_strategy
from emofuse.experiments.corpora import read_corpus
from emofuse.experiments.digests import digest
from emofuse.experiments.protocols import Fold
from emofuse.experiments.run import run_study
from emofuse.experiments.study import Study, load_study
from emofuse.experiments.train import train_study
from emofuse.features.errors import StudyError
from emofuse.features.store import FeatureStore
from emofuse.fusion.early import EarlyFusion
from emofuse.fusion.hybrid import HybridFusion
from emofuse.fusion.late import LateFusion

FEW = ["early", "late_product", "late_weighted", "hybrid"]


@pytest.fixture(scope="module")
def corpus(make_corpus):
    return make_corpus(n_groups=6, gender=np.repeat(["female", "male"], 36))


@pytest.fixture(scope="module")
def study(make_study):
    return make_study(strategies=FEW, classifiers=["linear", "kernel"])


@pytest.fixture(scope="module")
def trained(corpus, study):
    return train_study(study, corpus)


def official(corpus, study):
    """The corpus with its last two groups as the test split, and the study that tests on them."""
    split = np.where(corpus.samples["group"].isin(["s4", "s5"]), "test", "train")
    return (
        type(corpus)(corpus.info, corpus.samples.assign(split=split), corpus.tables),
        study.changed(protocol={"name": "official"}, strategies=[*FEW, "selected"]),
    )


def test_what_is_trained_on_the_training_split_answers_the_test_split_as_the_run_did(corpus, study):
    split, tested = official(corpus, study)
    run = run_study(tested, split)
    found = train_study(tested, split)
    answers = run.predictions[run.predictions["strategy"] == "selected"]
    X = run.table.X.loc[answers["sample"]]
    np.testing.assert_allclose(found.fusion.predict_proba(X), answers[found.fusion.classes_], atol=1e-6)
    (row,) = (row for row in run.results["rows"] if row["strategy"] == "selected")
    assert row["chosen"] == {"test": found.training["chosen"]}
    assert found.validation["metrics"]["uar"]["mean"] == row["metrics"]["uar"]["mean"]
    assert found.training["splits"] == ["train"] and found.training["n_samples"] == 48


def test_a_third_split_is_not_looked_at(corpus, study):
    split, tested = official(corpus, study)
    third = split.samples.assign(split=split.samples["split"].where(split.samples["group"] != "s0", "later"))
    found = train_study(tested, type(corpus)(corpus.info, third, corpus.tables), strategy="late_product:linear")
    assert (found.training["n_samples"], found.training["n_groups"]) == (36, 3)
    assert digest("s0") not in found.training["group_digests"]


def test_the_model_is_the_chosen_strategy_with_its_columns(trained, study):
    kinds = {"early": EarlyFusion, "hybrid": HybridFusion, "late_product": LateFusion, "late_weighted": LateFusion}
    assert type(trained.fusion) is kinds[trained.strategy]
    assert trained.family in study.classifiers and trained.blocks == ("face", "voice")
    assert trained.features == {name: tuple(f"{name}_{number}" for number in range(4)) for name in trained.blocks}
    assert trained.fusion.classes_.tolist() == ["happy", "neutral", "sad"]
    assert list(trained.training["nested"]) == ["uar"]


def test_nothing_is_left_to_choose_in_the_study_of_the_model(trained, corpus):
    resolved = Study.model_validate(json.loads(json.dumps(trained.study.model_dump(mode="json"))))
    assert resolved == trained.study
    assert (resolved.strategies, resolved.classifiers) == ((trained.strategy,), (trained.family,))
    again = train_study(resolved, corpus)
    table = pd.concat(corpus.tables, axis=1).astype(np.float32)
    np.testing.assert_array_equal(again.fusion.predict_proba(table), trained.fusion.predict_proba(table))
    assert again.training == trained.training


def test_the_figures_are_those_of_choosing_anew_in_each_fold(trained, corpus, study):
    run = run_study(study.changed(strategies=[*FEW, "selected"]), corpus)
    (row,) = (row for row in run.results["rows"] if row["strategy"] == "selected")
    said = trained.validation
    assert said["nested"] and "chosen anew" in said["of"]
    assert said["metrics"] == {
        name: {key: item[key] for key in ("mean", "low", "high")} for name, item in row["metrics"].items()
    }
    assert said["protocol"] == run.results["protocol"]
    assert sum(said["chosen"].values()) == 2
    own = run.predictions[run.predictions["strategy"] == "selected"]
    right = own[list(said["recall"])].to_numpy().argmax(axis=1) == own["label"].map(
        {"happy": 0, "neutral": 1, "sad": 2}
    )
    assert said["recall"] == pytest.approx(right.groupby(own["label"]).mean().to_dict(), abs=1e-6)


def test_groups_are_numbered_by_their_figures_and_kinds_of_people_are_told_apart(trained):
    said = trained.validation
    values = [item["uar"] for item in said["by_group"]]
    assert [item["group"] for item in said["by_group"]] == [1, 2, 3, 4, 5, 6] and said["n_groups"] == 6
    assert values == sorted(values, reverse=True) and all(item["n"] == 12 for item in said["by_group"])
    assert {name: item["n"] for name, item in said["by_column"]["gender"].items()} == {"female": 36, "male": 36}


def test_no_name_of_a_group_or_sample_travels_with_the_model(trained, corpus):
    text = json.dumps([trained.validation, trained.training, trained.corpus])
    assert not any(f'"{name}"' in text for name in (*corpus.samples["group"], *corpus.samples.index))
    assert trained.training["group_digests"] == sorted(digest(f"s{number}") for number in range(6))
    assert trained.training["classes"] == {"happy": 24, "neutral": 24, "sad": 24}


def test_held_out_groups_are_neither_trained_on_nor_validated_on(corpus, study):
    found = train_study(study, corpus, strategy="late_product:linear", hold_out=["s1", "s5"])
    rest = corpus.samples[~corpus.samples["group"].isin(["s1", "s5"])]
    alone = train_study(study, type(corpus)(corpus.info, rest, corpus.tables), strategy="late_product:linear")
    assert found.training | {"held_out": []} == alone.training
    assert found.validation == alone.validation and found.validation["protocol"]["n_tested"] == 48
    assert found.training["held_out"] == sorted([digest("s1"), digest("s5")])
    table = pd.concat(corpus.tables, axis=1).astype(np.float32)
    np.testing.assert_array_equal(found.fusion.predict_proba(table), alone.fusion.predict_proba(table))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["s1", "s9"], r"\['s9'\] are to be held out.*it has s0, s1, s2"),
        ([f"s{n}" for n in range(6)], "nothing is left"),
    ],
)
def test_groups_that_cannot_be_held_out_are_named(corpus, study, groups, message):
    with pytest.raises(StudyError, match=message):
        train_study(study, corpus, hold_out=groups)


def test_without_groups_none_can_be_held_out(corpus, study):
    bare = type(corpus)(corpus.info, corpus.samples.drop(columns="group"), corpus.tables)
    with pytest.raises(StudyError, match="no column 'group'"):
        train_study(study, bare, hold_out=["s1"])


@pytest.mark.parametrize("name", ["early", "late_weighted:kernel", "hybrid:linear", "stacking:kernel"])
def test_a_strategy_may_be_named(corpus, study, name):
    found = train_study(study, corpus, strategy=name)
    strategy, _, family = name.partition(":")
    assert found.strategy == strategy and found.family in ([family] if family else study.classifiers)
    assert not found.validation["nested"] and found.validation["of"].startswith(f"the given strategy {name}")
    assert {label.split(" (")[0] for label in found.validation["chosen"]} == {strategy.replace("_", " ")}


@pytest.mark.parametrize("name", ["selected_early", "selected_late"])
def test_the_choice_may_be_kept_to_a_kind(corpus, study, name):
    found = train_study(study, corpus, strategy=name)
    assert found.strategy.startswith(name.removeprefix("selected_"))


def test_a_single_modality_may_be_wanted(corpus, study):
    found = train_study(study, corpus, strategy="best_single")
    assert found.strategy == "unimodal" and len(found.blocks) == 1
    assert found.training["chosen"] == f"{found.blocks[0]} ({found.family})"
    assert list(found.study.blocks) == list(found.blocks)


def test_one_block_is_a_model_too(make_corpus, make_study):
    found = train_study(make_study("face"), make_corpus(tables=("face",)))
    assert (found.strategy, found.blocks) == ("unimodal", ("face",))
    assert found.validation["chosen"] == {"face (linear)": 2}


def test_one_modality_of_several_blocks_is_the_product_of_its_experts(make_corpus, make_study):
    names = ("face", "voice", "words")
    study = make_study(*names, strategies=["best_single"])
    blocks = {name: spec.model_dump() | {"modality": "seen"} for name, spec in study.blocks.items() if name != "words"}
    study = study.changed(blocks=blocks | {"words": study.blocks["words"]})
    corpus = make_corpus(tables=names, signal=1.5)
    corpus.tables["words"].iloc[:] = 0.0
    corpus.tables["words"].iloc[:, 0] = np.arange(48)
    found = train_study(study, corpus)
    assert (found.strategy, found.blocks) == ("late_product", ("face", "voice"))
    table = pd.concat(corpus.tables, axis=1).astype(np.float32)
    again = train_study(found.study, corpus)
    np.testing.assert_array_equal(again.fusion.predict_proba(table), found.fusion.predict_proba(table))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("magic", "'magic' is not known; choose from .*stacking"),
        ("oracle", "'oracle' is a control"),
        ("hybrid:forest", "'linear', 'kernel'|forest"),
        ("early_raw:boosted", "'early_raw' cannot be had with boosted"),
    ],
)
def test_strategies_that_cannot_be_trained_are_refused(corpus, study, name, message):
    with pytest.raises(StudyError, match=message):
        train_study(study, corpus, strategy=name)


def test_fusion_of_one_block_is_refused(make_corpus, make_study):
    with pytest.raises(StudyError, match="'hybrid' fuses, and study 'mini' has one block; choose best_single"):
        train_study(make_study("face"), make_corpus(tables=("face",)), strategy="hybrid")


def test_fusion_where_the_corpus_has_one_block_is_refused(make_corpus, study):
    corpus = make_corpus()
    face = type(corpus)(corpus.info, corpus.samples, {"face": corpus.tables["face"]})
    with pytest.raises(StudyError, match="'hybrid:linear' fuses, and the corpus has of the study's blocks face alone"):
        train_study(study, face, strategy="hybrid:linear")


def test_of_nothing_nothing_is_chosen(study):
    with pytest.raises(StudyError, match="can make none of the strategies"):
        choose_strategy(study, Fold("all", np.arange(4), np.arange(0)), [], {})


def test_what_no_classifier_can_make_is_no_run(corpus, make_study):
    with pytest.raises(StudyError, match=r"\['boosted'\] can make none of the strategies \['early_raw'\]"):
        run_study(make_study(strategies=["early_raw"], classifiers=["boosted"]), corpus)


def test_parameters_that_tuning_found_are_in_the_study_of_the_model(corpus, study):
    found = train_study(study.changed(budget=3, strategies=["late_product"], classifiers=["linear"]), corpus)
    table = pd.concat(corpus.tables, axis=1).astype(np.float32)
    again = train_study(found.study, corpus)
    assert found.study.budget == 0
    np.testing.assert_array_equal(again.fusion.predict_proba(table), found.fusion.predict_proba(table))


def test_progress_runs_to_its_end(corpus, study):
    told = []
    train_study(study, corpus, strategy="late_product", on_task=lambda *both: told.append(both))
    assert [done for done, _ in told] == [1, 2, 3, 4, 5, 6, 7] and {total for _, total in told} == {7}


def test_without_groups_rows_of_numbers_are_known_again(make_corpus, make_study):
    corpus = make_corpus()
    split = np.repeat(["train", "test"], 24)
    samples = corpus.samples.drop(columns="group").assign(split=split)
    study = make_study(protocol={"name": "official"})
    found = train_study(study, type(corpus)(corpus.info, samples, corpus.tables), strategy="late_mean:linear")
    assert found.training["group_digests"] == [] and found.training["n_groups"] == 0
    assert len(found.training["source_digests"]) == 48
    assert found.validation["by_group"] == [] and found.validation["n_groups"] == 0


def test_files_are_known_by_their_bytes_and_speakers_by_what_they_are_shrunk_towards(tiny_demo, shared_store):
    study = load_study("demo").changed(
        classifiers=["linear"], n_inner=2, protocol={"name": "group_kfold", "n_folds": 2}, speaker_normalisation=True
    )
    corpus = read_corpus("demo", tiny_demo)
    found = train_study(study, corpus, strategy="late_product", root=tiny_demo, store=FeatureStore(shared_store))
    assert found.validation["protocol"]["adaptive"] and found.study.speaker_normalisation
    clip = Path(corpus.samples["audio"].dropna().iloc[0])
    assert digest(clip.read_bytes()) in found.training["source_digests"]
    assert found.features["text"] == ("utterance",)
    assert set(found.speakers) == {"audio", "face", "eeg"}
    mean, variance = found.speakers["face"]
    np.testing.assert_allclose(mean, corpus.tables["face"].mean(), rtol=1e-5)
    np.testing.assert_allclose(variance, corpus.tables["face"].var(ddof=0), rtol=1e-4)


def test_without_normalisation_there_are_no_speakers(trained):
    assert trained.speakers == {}
