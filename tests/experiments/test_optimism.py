"""What a random split would have claimed, beside the study's own: where speakers differ, there is a gap."""

from __future__ import annotations

import json

import numpy as np
import pytest
from emofuse.experiments.corpora import Corpus
from emofuse.experiments.optimism import measure_optimism


@pytest.fixture
def speakers_differ(make_corpus):
    """A corpus in which each speaker has one mood mostly, and a face that is the speaker's own."""
    corpus = make_corpus(n_groups=6, n_per_group=16, tables=("face", "voice"), signal=0.3)
    random = np.random.default_rng(0)
    own = random.normal(size=(6, 4)) * 4
    groups = corpus.samples["group"].str[1:].astype(int).to_numpy()
    labels = corpus.samples["label"].to_numpy().copy()
    moods = np.array(["happy", "neutral", "sad"])[groups % 3]
    labels[np.arange(len(labels)) % 4 > 0] = moods[np.arange(len(labels)) % 4 > 0]
    tables = {name: table + own[groups] for name, table in corpus.tables.items()}
    return Corpus(corpus.info, corpus.samples.assign(label=labels), tables)


def test_the_gap_is_what_the_random_split_claims_more(speakers_differ, make_study):
    study = make_study(classifiers=["linear", "boosted"], protocol={"name": "group_kfold", "n_folds": 3})
    found = measure_optimism(study, speakers_differ)
    assert (found["metric"], found["label"]) == ("uar", "UAR")
    assert (found["honest"]["name"], found["honest"]["leaky"]) == ("group_kfold", False)
    assert (found["random"]["name"], found["random"]["leaky"]) == ("random", True)
    assert found["random"]["n_folds"] == 3
    assert [(row["strategy"], row["blocks"], row["classifier"]) for row in found["rows"]] == [
        ("unimodal", ["face"], "linear"),
        ("unimodal", ["voice"], "linear"),
        ("late_product", ["face", "voice"], "linear"),
    ]
    for row in found["rows"]:
        assert row["gap"] == pytest.approx(row["random"] - row["honest"], abs=1e-5)
    assert found["rows"][2]["gap"] > 0.1
    assert "it is no skill" in found["sentence"]


def test_where_speakers_are_alike_a_random_split_claims_no_more_than_chance_allows(make_corpus, make_study):
    found = measure_optimism(make_study("face"), make_corpus(n_per_group=24, tables=("face",), signal=3.0))
    (row,) = found["rows"]
    assert abs(row["gap"]) < 0.1
    assert row["strategy"] == "unimodal"


def test_a_split_that_leaks_itself_is_run_and_said_to_leak(make_corpus, make_study):
    corpus = make_corpus(tables=("face",), split=np.resize(["train", "test"], 48))
    found = measure_optimism(make_study("face", protocol={"name": "official"}), corpus)
    assert found["honest"]["leaky"]
    assert "(official, itself leaky)" in found["sentence"]


def test_the_command_prints_both_numbers_and_the_gap(tmp_path, command):
    random = np.random.default_rng(0)
    lines = ["id,label,group,text"]
    words = {"sad": ["rain", "tears", "alone"], "happy": ["sun", "joy", "friends"]}
    for number in range(48):
        label = ("sad", "happy")[number % 2]
        text = f"{' '.join(random.choice(words[label], 2))} {' '.join(random.choice(list('abcdefghij'), 5))}"
        lines.append(f"u{number},{label},s{number // 12},{text}")
    (tmp_path / "samples.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "study.toml").write_text(
        'name = "own"\ncorpus = "samples"\nclassifiers = ["linear"]\n[protocol]\nname = "group_kfold"\nn_folds = 2\n'
        '[blocks.text]\nextractor = "text"\n',
        encoding="utf-8",
    )
    call = ("audit", tmp_path / "study.toml", "--samples", tmp_path / "samples.csv", "--optimism", "--jobs", 1)
    store = ("--store", tmp_path / "store")
    printed = command(*call, *store).out
    assert "random [LEAKY]" in printed
    assert "A random split would claim" in printed
    found = json.loads(command(*call, *store, "--json").out)["optimism"]
    assert {"metric", "label", "honest", "random", "rows", "sentence"} == set(found)
