"""What a bundle is told of its blocks and of the licences that it inherits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments import bundles
from emofuse.experiments.bundles import licences, save_trained
from emofuse.experiments.evaluate import evaluate_model
from emofuse.experiments.study import Study
from emofuse.experiments.train import train_study
from emofuse.inference.bundle import load_bundle
from emofuse.inference.predictor import Model


@pytest.fixture(scope="module")
def trained(make_corpus, make_study):
    return train_study(make_study(strategies=["late_product"]), make_corpus())


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "m.emofuse"
    save_trained(trained, path)
    return load_bundle(path)


def test_a_bundle_says_what_was_trained(trained, written):
    said = written.manifest
    assert said["blocks"]["face"] == {
        "extractor": "table",
        "parameters": {},
        "kind": "dense",
        "source": "face",
        "features": ["face_0", "face_1", "face_2", "face_3"],
    }
    assert Study.model_validate(said["study"]) == trained.study
    for name in ("strategy", "validation", "training", "corpus"):
        assert said[name] == getattr(trained, name)
    assert said["licences"] == ["Miniature: MIT"] and written.speakers == {}


def test_a_bundle_is_evaluated_as_the_model_that_went_into_it(trained, written, make_corpus):
    corpus = make_corpus(seed=1)
    found = evaluate_model(Model(written), corpus).predictions
    answers = found[found["strategy"] == "late_product"].set_index("sample")
    expected = trained.fusion.predict_proba(pd.concat(corpus.tables, axis=1).loc[answers.index].astype(np.float32))
    np.testing.assert_array_equal(answers[list(written.manifest["classes"])], expected.astype(np.float32))


def test_statistics_of_speakers_travel(make_corpus, make_study, tmp_path):
    study = make_study(strategies=["late_product"], speaker_normalisation=True)
    found = train_study(study, make_corpus())
    save_trained(found, tmp_path / "m.emofuse")
    given = load_bundle(tmp_path / "m.emofuse").speakers
    assert set(given) == {"face", "voice"}
    for name, pair in given.items():
        np.testing.assert_array_equal(pair, found.speakers[name])


@pytest.mark.parametrize(
    ("extractor", "source", "told"),
    [
        ("opensmile", "audio", "openSMILE"),
        ("face_image", "image", "iBUG 300-W"),
        ("face_video", "video", "iBUG 300-W"),
        ("text", "text", None),
        ("text_counts", "text", None),
    ],
)
def test_blocks_name_their_source_and_licence(trained, extractor, source, told):
    study = trained.study.changed(blocks={"face": {"extractor": extractor}})
    other = replace(trained, study=study)
    assert bundles._described("face", other)["source"] == source
    found = licences(other)
    assert found[-1] == "Miniature: MIT"
    assert len(found) == (2 if told else 1) and (told or "Miniature") in found[0]
