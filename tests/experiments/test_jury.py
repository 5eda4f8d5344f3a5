"""Models trained apart, asked about one corpus: each alone, in pairs and together, in one label set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.answer_table import answer_table
from emofuse.experiments.corpora import CorpusInfo
from emofuse.experiments.jury import FLOOR, evaluate_jury, model_names, write_jury
from emofuse.experiments.train import train_study
from emofuse.features.errors import StudyError

RULES = {"late_mean", "late_product", "late_median", "late_vote"}


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


def named(corpus, name, **changes):
    info = CorpusInfo(name, name.title(), "MIT", "made here", "none", "speaker", ("face", "voice", "words"))
    return replace(corpus, info=info, **changes)


@pytest.fixture(scope="module")
def models(make_corpus, make_study):
    """A model of faces that says what RAVDESS says, one of voices in the common labels, and one of words that lacks a class."""
    made = {}
    for number, (name, classes) in enumerate(
        {"face": ("angry", "happy", "sad"), "voice": ("anger", "joy", "sadness"), "words": ("anger", "joy")}.items()
    ):
        corpus = make_corpus(
            n_groups=4, classes=("a", "b", "c"), tables=("face", "voice", "words"), signal=3.0, seed=number
        )
        labels = dict(zip("abc", classes, strict=False))
        samples = corpus.samples.assign(label=corpus.samples["label"].map(labels)).dropna(subset="label")
        tables = {name: corpus.tables[name].reindex(samples.index)}
        own = named(corpus, "ravdess" if name == "face" else name, samples=samples, tables=tables)
        made[name] = as_model(train_study(make_study(name, strategies=["unimodal"]), own))
    return made


@pytest.fixture(scope="module")
def corpus(make_corpus):
    """A corpus of all three tables, with a clip that has no face and one that has nothing."""
    found = make_corpus(n_groups=6, classes=("a", "b", "c"), tables=("face", "voice", "words"), signal=3.0, seed=9)
    labels = found.samples["label"].map({"a": "anger", "b": "joy", "c": "sadness"})
    split = np.where(found.samples["group"].isin(["s4", "s5"]), "test", "train")
    tables = {name: table.copy() for name, table in found.tables.items()}
    tables["face"].iloc[[-1, -2]] = np.nan
    tables["voice"].iloc[-1] = tables["words"].iloc[-1] = np.nan
    return named(found, "mine", samples=found.samples.assign(label=labels, split=split), tables=tables)


@pytest.fixture(scope="module")
def done(models, corpus):
    return evaluate_jury(models, corpus, split="test")


def rows_of(run, strategy):
    return {tuple(row["blocks"]): row for row in run.results["rows"] if row["strategy"] == strategy}


def test_every_model_and_every_set_of_them_has_its_row(done):
    assert set(rows_of(done, "unimodal")) == {("face",), ("voice",), ("words",)}
    sets = {("face", "voice"), ("face", "words"), ("voice", "words"), ("face", "voice", "words")}
    assert all(set(rows_of(done, rule)) == sets for rule in RULES)
    assert not {row["strategy"] for row in done.results["rows"]} & {"stacking", "late_weighted"}


def test_all_together_know_more_than_one_that_lacks_a_class(done):
    accuracy = {
        blocks: row["metrics"]["accuracy"]["mean"]
        for strategy in ("unimodal", "late_product")
        for blocks, row in rows_of(done, strategy).items()
    }
    assert accuracy["words",] < 0.75 < accuracy["face", "voice", "words"]


def test_labels_are_those_of_the_common_set(done):
    assert done.results["corpus"]["classes"] == ["anger", "joy", "sadness"]
    assert done.results["jury"]["models"]["face"] == {
        "corpus": "ravdess",
        "mapping": {"angry": "anger", "happy": "joy", "sad": "sadness"},
    }


def test_a_class_that_a_model_does_not_know_is_spoken_against_and_not_forbidden(done):
    answers = done.predictions.query("strategy == 'unimodal' and blocks == 'words'").set_index("sample")
    known = answers["sadness"].drop(answers.index[-1])
    np.testing.assert_allclose(known, FLOOR / (1 + 3 * FLOOR), rtol=1e-4)


def test_a_clip_without_a_modality_is_answered_by_the_others_and_one_without_any_by_nobody(done):
    clips = done.samples.index
    answers = {
        blocks: rows.set_index("sample")[["anger", "joy", "sadness"]]
        for blocks, rows in done.predictions.query("strategy == 'late_product'").groupby("blocks")
    }
    np.testing.assert_allclose(
        answers["face+voice+words"].loc[clips[-2]], answers["voice+words"].loc[clips[-2]], rtol=1e-5
    )
    np.testing.assert_allclose(answers["face+voice+words"].loc[clips[-1]], 1 / 3, rtol=1e-5)


def test_rules_that_learn_are_fitted_on_another_split(models, corpus):
    learned = evaluate_jury(models, corpus, split="test", learn_from="train")
    assert set(rows_of(learned, "stacking")) == set(rows_of(learned, "late_mean"))
    assert learned.results["jury"]["learned_from"] == "train"
    assert rows_of(learned, "stacking")["face", "voice", "words"]["metrics"]["accuracy"]["mean"] > 0.75


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "nothing"}, "label set 'nothing' is not known"),
        ({"space": "polarity3"}, "model 'voice': no map leads from the labels of voice"),
        ({"split": "moon"}, "no split 'moon' in the corpus"),
        ({"learn_from": "test"}, "name both, --split and --learn-from"),
        ({"split": None, "learn_from": "train"}, "name both, --split and --learn-from"),
    ],
)
def test_what_cannot_be_asked_is_refused(models, corpus, changes, message):
    with pytest.raises(StudyError, match=message):
        evaluate_jury(models, corpus, **{"split": "test", **changes})


def test_one_model_is_no_jury_and_one_that_cannot_answer_is_named(models, corpus):
    with pytest.raises(StudyError, match="two models or more"):
        evaluate_jury({"face": models["face"]}, corpus)
    with pytest.raises(StudyError, match=r"'face' can answer none|none of its blocks"):
        evaluate_jury(models, replace(corpus, tables={"voice": corpus.tables["voice"]}))


def test_samples_that_a_model_was_trained_on_are_stamped(models, make_corpus):
    same = make_corpus(n_groups=4, classes=("a", "b", "c"), tables=("face", "voice", "words"), signal=3.0, seed=1)
    labels = same.samples["label"].map({"a": "anger", "b": "joy", "c": "sadness"})
    run = evaluate_jury(models, named(same, "voice", samples=same.samples.assign(label=labels)))
    assert run.results["protocol"]["leaky"]
    assert any("stood in the training of voice" in note for note in run.notes)


def test_what_is_written_has_a_row_a_clip(done, models, tmp_path):
    folder = write_jury(done, models, tmp_path / "out")
    table = pd.read_csv(folder / "answers.csv", index_col="sample")
    assert list(table.index) == list(done.samples.index)
    assert {"true_label", "unimodal[face]_label", "late_vote[face+voice+words]_probability"} <= set(table.columns)
    assert answer_table(done)["true_label"].tolist() == table["true_label"].tolist()
    assert (folder / "report.html").is_file()


def test_models_are_called_by_their_files():
    assert model_names([Path("a/my face.emofuse"), Path("3.emofuse")]) == ["my_face", "model_3"]
    with pytest.raises(StudyError, match="two of the models have one name"):
        model_names([Path("a/x.emofuse"), Path("b/x.emofuse")])
