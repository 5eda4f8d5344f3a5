"""The table of answers: a row a clip, empty where there was nothing to answer from."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.answer_table import answer_table
from emofuse.experiments.evaluate import evaluate_model, write_evaluation
from emofuse.experiments.train import train_study


@pytest.fixture(scope="module")
def evaluated(make_corpus, make_study):
    """A model of two modalities and its evaluation; the first clip has no face."""
    corpus = make_corpus(n_groups=6, signal=1.5)
    trained = train_study(make_study(strategies=["late_mean"]), corpus)
    manifest = {
        "study": trained.study.model_dump(mode="json"),
        "blocks": {name: {"features": features} for name, features in trained.features.items()},
        "training": trained.training,
    }
    model = SimpleNamespace(
        classes=tuple(trained.fusion.classes_.tolist()),
        manifest=json.loads(json.dumps(manifest)),
        predict_blocks=trained.fusion.predict_proba,
    )
    tables = corpus.tables | {"face": corpus.tables["face"].drop(index="clip000")}
    samples = corpus.samples.rename(index={"clip001": "=clip001"})
    tables = {name: table.rename(index={"clip001": "=clip001"}) for name, table in tables.items()}
    return model, evaluate_model(model, replace(corpus, samples=samples, tables=tables))


def test_a_row_a_clip_with_label_and_probability_of_each_modality_and_all(evaluated, tmp_path):
    model, run = evaluated
    folder = write_evaluation(run, model, tmp_path / "run")
    table = pd.read_csv(folder / "answers.csv", index_col="sample")
    names = ["late_mean[face+voice]:linear", "unimodal[face]:linear", "unimodal[voice]:linear"]
    assert set(table) == {"true_label", *(f"{name}_{what}" for name in names for what in ("label", "probability"))}
    assert len(table) == 72 and "'=clip001" in table.index
    shown = table["late_mean[face+voice]:linear_label"]
    (row,) = (row for row in run.results["rows"] if row["strategy"] == "late_mean")
    assert (shown == table["true_label"]).mean() == pytest.approx(row["metrics"]["accuracy"]["mean"])


def test_a_modality_that_a_clip_lacks_has_no_answer(evaluated):
    _, run = evaluated
    table = answer_table(run, run.table.X)
    assert table["unimodal[face]:linear_label"].isna().tolist() == [True, *[False] * 71]
    assert np.isnan(table["unimodal[face]:linear_probability"].iloc[0])
    assert table.drop(columns=[name for name in table if "face]" in name]).notna().all().all()
    assert table["late_mean[face+voice]:linear_label"].notna().all()


def test_evaluation_says_how_often_the_true_class_is_among_the_first(evaluated):
    _, run = evaluated
    evaluation = run.results["evaluation"]
    right = np.diagonal(evaluation["confusion"]).sum() / 72
    assert list(evaluation["top_k"]) == ["2"]
    assert right <= evaluation["top_k"]["2"] <= 1
