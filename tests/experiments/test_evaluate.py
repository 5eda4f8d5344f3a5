"""A finished model on samples: the figures of a run, and the stamps where training has seen what it is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.corpora import CorpusInfo, read_corpus
from emofuse.experiments.evaluate import evaluate_model, write_evaluation
from emofuse.experiments.report import write_reports
from emofuse.experiments.run import run_study
from emofuse.experiments.study import load_study
from emofuse.experiments.train import train_study
from emofuse.features.errors import EmofuseError, StudyError
from emofuse.features.store import FeatureStore

CLASSES = ["happy", "neutral", "sad"]


def as_model(trained):
    """What a loaded bundle is to an evaluation: classes, a manifest as JSON gives it back, and answers to block tables."""
    manifest = {
        "study": trained.study.model_dump(mode="json"),
        "blocks": {name: {"features": features} for name, features in trained.features.items()},
        "training": trained.training,
    }
    return SimpleNamespace(
        classes=tuple(trained.fusion.classes_.tolist()),
        manifest=json.loads(json.dumps(manifest)),
        predict_blocks=trained.fusion.predict_proba,
    )


def changed(corpus, **columns):
    """The corpus with other columns; a column of None is dropped."""
    samples = corpus.samples.assign(**{name: values for name, values in columns.items() if values is not None})
    return replace(corpus, samples=samples.drop(columns=[name for name, values in columns.items() if values is None]))


@pytest.fixture(scope="module")
def corpus(make_corpus):
    corpus = make_corpus(n_groups=6, signal=1.5)
    return changed(corpus, split=np.where(corpus.samples["group"].isin(["s4", "s5"]), "test", "train"))


@pytest.fixture(scope="module")
def study(make_study):
    return make_study(strategies=["late_product", "selected"], protocol={"name": "official"})


@pytest.fixture(scope="module")
def model(study, corpus):
    return as_model(train_study(study, corpus))


@pytest.fixture(scope="module")
def evaluated(model, corpus):
    return evaluate_model(model, corpus, split="test")


def test_the_test_split_has_the_figures_of_a_run_that_tested_on_it(study, corpus, evaluated):
    (expected,) = (row for row in run_study(study, corpus).results["rows"] if row["strategy"] == "late_product")
    (row,) = (row for row in evaluated.results["rows"] if row["strategy"] == "late_product")
    assert row["metrics"] == expected["metrics"]
    assert (row["blocks"], row["classifier"]) == (["face", "voice"], "linear")
    protocol = evaluated.results["protocol"]
    assert (protocol["name"], protocol["leaky"], protocol["adaptive"]) == ("split test", False, False)
    assert (protocol["n_tested"], protocol["groups"]) == (24, "speaker")
    assert "other_protocols" not in evaluated.results


def test_each_modality_answers_alone(model, corpus, evaluated):
    rows = {tuple(row["blocks"]): row for row in evaluated.results["rows"] if row["strategy"] == "unimodal"}
    assert set(rows) == {("face",), ("voice",)}
    answers = evaluated.predictions[evaluated.predictions["blocks"] == "face"].set_index("sample")
    table = pd.concat(corpus.tables, axis=1).astype(np.float32).loc[answers.index]
    table["voice"] = np.nan
    np.testing.assert_allclose(answers[CLASSES], model.predict_blocks(table), atol=1e-6)
    assert [item["present"] for item in evaluated.results["missing"]["rows"][0]["subsets"]] == [
        ["face"],
        ["voice"],
        ["face", "voice"],
    ]
    assert "Fusion" in evaluated.results["verdict"] or "fusion" in evaluated.results["verdict"]


def test_confusions_and_figures_by_class_are_those_of_the_answers(evaluated):
    said = evaluated.results["evaluation"]
    own = evaluated.predictions[evaluated.predictions["strategy"] == "late_product"]
    given = own[CLASSES].idxmax(axis=1)
    table = pd.crosstab(own["label"], given).reindex(index=CLASSES, columns=CLASSES, fill_value=0)
    assert said["confusion"] == table.to_numpy().tolist()
    for item in said["per_class"]:
        right = table.loc[item["class"], item["class"]]
        assert item["n"] == 8 and item["recall"] == pytest.approx(right / 8)
        assert item["precision"] == pytest.approx(right / table[item["class"]].sum(), abs=1e-6)
    assert (said["model"], said["split"], said["n_seen"]) == ("late product (linear)", "test", 0)


def test_samples_that_training_had_are_stamped_and_counted_apart(model, corpus, evaluated):
    found = evaluate_model(model, corpus)
    said = found.results
    assert said["protocol"]["leaky"] and said["evaluation"]["n_seen"] == 48
    assert said["evaluation"]["seen_by"] == {"group": 48}
    assert "leaky" in said["verdict"]
    assert "leaky: 48 of 72 samples share their group with the model's training" in found.notes
    (rest,) = said["other_protocols"]
    assert rest["protocol"]["name"] == "all samples, unseen in training" and not rest["protocol"]["leaky"]
    assert rest["protocol"]["n_tested"] == 24
    means = [[row["metrics"]["uar"]["mean"] for row in rows] for rows in (rest["rows"], evaluated.results["rows"])]
    assert means[0] == means[1]


def test_where_all_was_seen_there_is_nothing_apart(model, corpus):
    said = evaluate_model(model, corpus, split="train").results
    assert said["protocol"]["leaky"] and "other_protocols" not in said


def test_rows_without_groups_are_known_by_their_numbers(study, corpus):
    bare = changed(corpus, group=None)
    face = corpus.tables["face"].copy()
    face.loc["clip060"] = face.loc["clip000"]
    repeated = replace(bare, tables={**corpus.tables, "face": face})
    said = evaluate_model(as_model(train_study(study, repeated)), repeated, split="test").results
    assert said["evaluation"]["seen_by"] == {"face": 1} and said["protocol"]["leaky"]


def test_held_out_groups_are_a_split(make_study, corpus):
    model = as_model(train_study(make_study(strategies=["late_mean"]), corpus, hold_out=["s2", "s3"]))
    found = evaluate_model(model, corpus, split="held_out")
    assert set(found.samples["group"]) == {"s2", "s3"}
    assert (found.results["protocol"]["name"], found.results["protocol"]["leaky"]) == ("held-out groups", False)
    others = replace(corpus, samples=corpus.samples[~corpus.samples["group"].isin(["s2", "s3"])])
    with pytest.raises(StudyError, match="held out is in this corpus"):
        evaluate_model(model, others, split="held_out")


@pytest.mark.parametrize(
    ("split", "message"),
    [("dev", r"no split 'dev' in the corpus; it has \['test', 'train'\]"), ("held_out", "held no group out")],
)
def test_a_split_that_is_not_there_is_named(model, corpus, split, message):
    with pytest.raises(StudyError, match=message):
        evaluate_model(model, corpus, split=split)


def test_another_corpus_with_the_same_classes_is_answered(model, make_corpus):
    other = make_corpus(n_groups=3, seed=1, signal=1.5, classes=("happy", "neutral", "sad"))
    other = changed(other, group=["x" + name for name in other.samples["group"]])
    said = evaluate_model(model, replace(other, info=replace(other.info, name="other"))).results
    assert said["corpus"]["name"] == "other" and not said["protocol"]["leaky"]
    assert said["evaluation"]["trained_on"] == "mini"
    assert said["rows"][0]["metrics"]["uar"]["mean"] > 0.4


def test_speakers_of_two_published_corpora_are_not_the_same_for_their_number(model, corpus):
    trained_on = dict(model.manifest["training"]) | {"corpus": "ravdess"}
    known = SimpleNamespace(
        classes=model.classes,
        manifest=dict(model.manifest) | {"training": trained_on},
        predict_blocks=model.predict_blocks,
    )
    named = {
        name: evaluate_model(known, replace(corpus, info=replace(corpus.info, name=name)), split="train").results
        for name in ("crema_d", "ravdess", "my table")
    }
    assert {name: said["protocol"]["leaky"] for name, said in named.items()} == {
        "crema_d": False,
        "ravdess": True,
        "my table": True,
    }


def test_labels_that_the_model_does_not_know_are_named(model, corpus):
    labels = corpus.samples["label"].replace("sad", "calm")
    other = replace(changed(corpus, label=labels), info=replace(corpus.info, name="other"))
    with pytest.raises(
        StudyError, match=r"does not know the labels \['calm'\]; it knows \['happy', 'neutral', 'sad'\]"
    ):
        evaluate_model(model, other)


def test_the_label_map_of_the_study_applies(make_study, corpus):
    study = make_study(strategies=["late_mean"], label_map={"happy": "good", "sad": "bad"})
    model = as_model(train_study(study, corpus, hold_out=["s4", "s5"]))
    found = evaluate_model(model, corpus, split="held_out")
    assert set(found.samples["label"]) == {"good", "bad"}
    assert "8 of 24 samples are left out; the labels ['neutral'] were none of training's" in found.notes
    other = replace(corpus, info=replace(corpus.info, name="other"), samples=found.samples)
    assert evaluate_model(model, other).results["rows"][0]["metrics"] == found.results["rows"][0]["metrics"]


def test_samples_without_a_label_are_left_out_and_counted(model, corpus):
    labels = corpus.samples["label"].where(corpus.samples.index != "clip070")
    found = evaluate_model(model, changed(corpus, label=labels), split="test")
    assert len(found.samples) == 23 and "1 of 24 samples are left out: no label" in found.notes


@pytest.mark.parametrize(
    ("label", "message"), [(None, "label column 'label' is not in the corpus"), (pd.NA, "no sample has a label")]
)
def test_without_labels_there_is_nothing_to_count(model, corpus, label, message):
    with pytest.raises(StudyError, match=message):
        evaluate_model(model, changed(corpus, label=label))


def test_a_modality_that_the_corpus_does_not_have_is_absent(model, corpus):
    without = replace(corpus, tables={"voice": corpus.tables["voice"]})
    found = evaluate_model(model, without, split="test")
    rows = {tuple(row["blocks"]): row for row in found.results["rows"]}
    assert rows["face", "voice"]["metrics"] == rows["voice",]["metrics"]
    assert rows["face",]["metrics"]["uar"]["mean"] == pytest.approx(1 / 3, abs=0.01)
    assert any("block 'face' is left out" in note for note in found.notes)


def test_one_class_alone_can_be_counted(model, corpus):
    happy = replace(corpus, samples=corpus.samples[corpus.samples["label"] == "happy"])
    said = evaluate_model(model, happy, split="test").results
    assert [item["n"] for item in said["evaluation"]["per_class"]] == [8, 0, 0]
    assert said["evaluation"]["per_class"][1]["recall"] is None
    assert said["corpus"]["classes"] == CLASSES


def test_a_model_that_answers_too_little_is_refused(model, corpus):
    short = SimpleNamespace(
        classes=model.classes, manifest=model.manifest, predict_blocks=lambda X: model.predict_blocks(X)[:-1]
    )
    with pytest.raises(EmofuseError, match=r"answered \(23, 3\), not one row for each of 24"):
        evaluate_model(short, corpus, split="test")


def test_one_block_is_evaluated_too(make_corpus, make_study):
    corpus = make_corpus(tables=("face",))
    found = evaluate_model(as_model(train_study(make_study("face"), corpus)), corpus)
    assert [(row["strategy"], row["blocks"]) for row in found.results["rows"]] == [("unimodal", ["face"])]


def test_an_evaluation_is_the_folder_of_a_run(model, corpus, tmp_path):
    found = evaluate_model(model, corpus)
    folder = write_evaluation(found, model, tmp_path / "out")
    written = {path.name for path in folder.iterdir()}
    assert {"results.json", "predictions.parquet", "report.html", "study.toml", "failures.csv"} <= written
    again = write_reports([folder], tmp_path / "again")
    page = again[0].read_text(encoding="utf-8")
    assert "late product" in page and "leaky" in page and "unseen in training" in page
    assert json.loads((folder / "results.json").read_text(encoding="utf-8"))["evaluation"]["n_seen"] == 48


def test_a_corpus_of_files_is_known_by_its_files(tiny_demo, shared_store):
    study = load_study("demo").changed(
        classifiers=["linear"],
        n_inner=2,
        protocol={"name": "loso"},
        blocks={name: load_study("demo").blocks[name].model_dump() for name in ("audio", "text")},
        degradations=[],
    )
    corpus = read_corpus("demo", tiny_demo)
    groups = sorted(set(corpus.samples["group"]))
    store = FeatureStore(shared_store)
    model = as_model(train_study(study, corpus, strategy="late_product", store=store, hold_out=groups[:1]))
    trained_on = corpus.samples["group"] != groups[0]
    first, other = corpus.samples.index[~trained_on][0], corpus.samples[trained_on]["text"].dropna().iloc[0]
    echo = corpus.samples.assign(text=corpus.samples["text"].where(corpus.samples.index != first, f" {other.upper()}"))
    held = evaluate_model(model, replace(corpus, samples=echo), split="held_out", store=store).results["evaluation"]
    assert held["seen_by"] == {"text": 1}
    own = CorpusInfo("own", "own table", "own", "own", "table", "speaker", ("audio", "text"))
    renamed = corpus.samples.assign(group=[f"new {name}" for name in corpus.samples["group"]])
    found = evaluate_model(model, replace(corpus, info=own, samples=renamed), store=store)
    assert found.table.counts["audio"]["extracted"] == 0
    seen = found.results["evaluation"]["seen_by"]
    assert seen["audio"] == int(corpus.samples.loc[trained_on, "audio"].notna().sum()) and "group" not in seen
