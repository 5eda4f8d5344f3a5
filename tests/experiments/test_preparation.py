"""From a corpus to the samples of a study, and what is written of the labels that it made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from emofuse.experiments.preparation import chosen_samples
from emofuse.experiments.report_data import label_lines, predicted
from emofuse.experiments.run import run_study
from emofuse.experiments.train import train_study
from emofuse.features.errors import StudyError

FEW = ["unimodal", "best_single"]


@pytest.fixture(scope="module")
def ravdess_like(make_corpus):
    """A corpus with labels of RAVDESS, a column to filter by, and families that two speakers each are of."""
    corpus = make_corpus(n_groups=10, n_per_group=10, classes=("angry", "calm", "sad"))
    families = corpus.samples["group"].map(lambda name: f"family{int(name[1]) // 2}")
    channels = ["speech", "song"] * 50
    return replace(corpus, samples=corpus.samples.assign(family=families, channel=channels))


def test_a_named_map_is_written_out(ravdess_like, make_study):
    study = make_study(label_map="ravdess_to_ekman7", strategies=FEW)
    found = run_study(study, ravdess_like).results
    assert found["labels"]["column"] == "label"
    assert found["labels"]["map"] == "ravdess_to_ekman7@1"
    assert found["labels"]["mapping"]["angry"] == "anger" and "calm" not in found["labels"]["mapping"]
    assert found["corpus"]["classes"] == ["anger", "sadness"]
    lines = dict(label_lines(found))
    assert lines["label column"] == "label"
    assert lines["label map"].startswith("ravdess_to_ekman7@1: angry → anger, ")
    assert predicted(found) == "2 classes"
    assert label_lines({"corpus": {"classes": []}}) == []  # a run of an older version


def test_a_study_without_a_map_says_so(ravdess_like, make_study):
    found = run_study(make_study(strategies=FEW), ravdess_like).results
    assert found["labels"] == {"column": "label", "map": None, "mapping": {}}
    assert label_lines(found) == [("label column", "label")]


def test_choosing_twice_is_choosing_once(ravdess_like, make_study):
    study = make_study(where={"channel": ["song"]}, group="family")
    once = chosen_samples(study, ravdess_like)
    assert set(once.samples["channel"]) == {"song"} and set(once.samples["group"]) == {f"family{n}" for n in range(5)}
    assert chosen_samples(study, once).samples.equals(once.samples)


def test_what_is_held_out_is_called_as_the_study_groups_it(ravdess_like, make_study):
    study = make_study(group="family", where={"channel": ["song"]}, strategies=FEW)
    trained = train_study(study, ravdess_like, hold_out=["family3"])
    # What is kept of those who are held out is who speaks, whatever the study groups by.
    assert trained.training["n_groups"] == 4 and len(trained.training["held_out"]) == 2
    assert trained.training["n_samples"] == 40
    with pytest.raises(StudyError, match=r"the groups \['s0'\] are to be held out"):
        train_study(study, ravdess_like, hold_out=["s0"])
