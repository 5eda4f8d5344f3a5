"""Across corpora: every pair is there, nothing of a tested corpus is trained on, and normalisation says what it is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from emofuse.experiments import cross as module
from emofuse.experiments.corpora import CorpusInfo
from emofuse.experiments.cross import cross_corpora, main_row, named_corpora, named_values
from emofuse.experiments.cross_report import print_cross, section, write_cross
from emofuse.features.errors import CorpusError, StudyError

CLASSES = ("anger", "joy", "sadness")


def named(corpus, name, **changes):
    info = CorpusInfo(name, name.title(), "MIT", "made here", "none", "speaker", ("face", "voice"))
    return replace(corpus, info=info, **changes)


@pytest.fixture(scope="module")
def corpora(make_corpus):
    """Two corpora whose tables tell the label in the same columns; the second is louder."""
    one = named(make_corpus(classes=CLASSES, signal=3.0, seed=1), "one")
    two = make_corpus(classes=CLASSES, signal=3.0, seed=2)
    return [one, named(two, "two", tables={name: 4 * table + [40, 0, -40, 0] for name, table in two.tables.items()})]


@pytest.fixture(scope="module")
def study(make_study):
    return make_study(strategies=["unimodal", "late_product", "selected"])


@pytest.fixture(scope="module")
def done(corpora, study):
    return {name: cross_corpora(corpora, study=study, normalisation=name) for name in ("none", "corpus", "speaker")}


def value(cross, train, test):
    pair = next(pair for pair in cross.results["pairs"] if (pair["train"], pair["test"]) == (train, test))
    return main_row(pair)["metrics"]["uar"]["mean"]


def test_every_pair_is_there_once(done):
    pairs = [(pair["train"], pair["test"]) for pair in done["none"].results["pairs"]]
    assert sorted(pairs) == [("one", "one"), ("one", "two"), ("two", "one"), ("two", "two")]


def test_another_level_undoes_a_model_and_normalisation_mends_it(done):
    assert value(done["none"], "one", "one") > 0.8
    assert value(done["none"], "one", "two") < 0.6
    assert value(done["corpus"], "one", "two") > 0.8
    assert value(done["speaker"], "two", "one") > 0.8


@pytest.mark.parametrize("name", ["none", "corpus", "speaker"])
def test_use_of_statistics_of_the_tested_is_stamped(done, name):
    results = done[name].results
    assert results["adaptive"] is (name != "none")
    assert {pair["protocol"]["adaptive"] for pair in results["pairs"]} == {name != "none"}
    assert ("adaptive" in section(results).parts[0].stamps) is (name != "none")


def test_models_of_one_corpus_are_trained_on_it_alone(corpora, study, monkeypatch):
    seen = []
    fit = module.evaluate_folds

    def spy(study, samples, X, folds, *others):
        seen.extend((set(samples["corpus"].iloc[fold.train]), set(samples["corpus"].iloc[fold.test])) for fold in folds)
        return fit(study, samples, X, folds, *others)

    monkeypatch.setattr(module, "evaluate_folds", spy)
    cross_corpora(corpora, study=study)
    assert all(len(train) == 1 for train, _ in seen)
    assert {(*train, *test) for train, test in seen} == {
        ("one", "two"),
        ("two", "one"),
        ("one", "one"),
        ("two", "two"),
    }


def test_speakers_of_one_name_in_two_corpora_are_two_people(done):
    assert [item["n_groups"] for item in done["none"].results["corpora"]] == [4, 4]
    within = next(pair for pair in done["none"].results["pairs"] if pair["train"] == pair["test"] == "one")
    assert within["protocol"]["n_groups"] == 4 and within["protocol"]["leaky"] is False


def test_drift_is_large_where_a_corpus_is_louder(done):
    found = {(item["train"], item["test"], item["block"]): item["size"] for item in done["none"].results["drift"]}
    assert found["one", "two", "face"] == found["two", "one", "voice"] == "large"


def test_labels_are_brought_to_one_space_by_named_maps(make_corpus, study):
    ravdess = named(make_corpus(classes=("angry", "calm", "happy"), signal=3.0), "ravdess")
    own = named(make_corpus(classes=("anger", "joy", "sadness"), signal=3.0, seed=3), "mine")
    results = cross_corpora([ravdess, own], study=study).results
    assert results["classes"] == ["anger", "joy"]
    assert results["labels"]["maps"] == {"ravdess": "ravdess_to_ekman7@1", "mine": None}
    assert results["corpora"][0]["dropped"] == ["calm"]
    assert results["corpora"][0]["classes"] == {"anger": 16, "joy": 16}
    chosen = cross_corpora([ravdess, own], study=study, maps={"ravdess": "ravdess_to_shared4"}, space="shared4").results
    assert chosen["labels"]["maps"]["ravdess"] == "ravdess_to_shared4@1"


def test_a_corpus_of_two_speakers_has_no_value_within_itself(make_corpus, study, corpora):
    few = named(make_corpus(n_groups=2, classes=CLASSES, signal=3.0), "few")
    cross = cross_corpora([corpora[0], few], study=study)
    assert ("few", "few") not in {(pair["train"], pair["test"]) for pair in cross.results["pairs"]}
    assert any("few has 2 speakers" in note for note in cross.notes)


def test_a_sample_that_stands_in_both_is_stamped(make_corpus, make_study):
    text = make_corpus(classes=CLASSES, tables=(), text=[f"word{number % 7} so" for number in range(48)])
    other = make_corpus(classes=CLASSES, tables=(), text=[f"word{number % 7} so" for number in range(48)])
    study = make_study(blocks={"text": {"extractor": "text"}}, strategies=["unimodal"])
    cross = cross_corpora([named(text, "one"), named(other, "two")], study=study)
    pair = next(pair for pair in cross.results["pairs"] if pair["train"] != pair["test"])
    assert pair["protocol"]["leaky"] and any("share text with training" in note for note in cross.notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "nothing"}, "label set 'nothing' is not known"),
        ({"normalisation": "room"}, "normalisation 'room' is not known; choose from none, corpus, speaker"),
        ({"maps": {"three": "meld_to_ekman7"}}, r"maps are given for \['three'\]"),
        ({"maps": {"one": "meld_to_moon"}}, "label map 'meld_to_moon' is not known"),
        ({"space": "polarity3"}, "one: no map leads from its labels .* --map one=NAME"),
    ],
)
def test_what_cannot_be_compared_is_refused(corpora, study, changes, message):
    with pytest.raises(StudyError, match=message):
        cross_corpora(corpora, study=study, **changes)


def test_one_corpus_and_no_class_in_common_are_refused(corpora, make_corpus, study):
    with pytest.raises(StudyError, match="two corpora or more"):
        cross_corpora(corpora[:1], study=study)
    other = named(make_corpus(classes=("disgust", "fear", "surprise")), "other")
    with pytest.raises(StudyError, match=r"two classes in common are needed, got \[\]"):
        cross_corpora([corpora[0], other], study=study)


def test_what_is_written_holds_every_number(done, tmp_path):
    folder = write_cross(done["none"], tmp_path / "out")
    written = json.loads((folder / "cross.json").read_text())
    assert written["pairs"] == done["none"].results["pairs"]
    page = (folder / "cross.html").read_text()
    assert "Across corpora: one, two" in page and "http://" not in page.replace("http://www.w3.org", "")
    assert "within one, by speaker" in (folder / "cross.md").read_text()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match="cannot be written"):
        write_cross(done["none"], tmp_path / "file")


def test_the_terminal_shows_the_matrix(done, capsys):
    print_cross(done["corpus"].results)
    out = capsys.readouterr().out
    assert "ADAPTIVE" in out and "Across corpora UAR is" in out
    assert "drift" in out


def test_options_name_a_corpus_each(tmp_path):
    assert named_values(["a=x=y"], ["a"], "--root") == {"a": "x=y"}
    for bad in ("a", "a=", "=x", "b=x"):
        with pytest.raises(StudyError, match="CORPUS=VALUE is needed"):
            named_values([bad], ["a"], "--root")
    with pytest.raises(CorpusError, match="--root ravdess=FOLDER"):
        named_corpora(["ravdess"], [])
    with pytest.raises(CorpusError, match="'nobody' is not known"):
        named_corpora(["nobody"], [])
    with pytest.raises(StudyError, match="named once"):
        named_corpora(["meld", "meld"], [])


def test_sample_tables_stand_beside_corpora(tmp_path, command):
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        lines = ["text,label,group"]
        for number in range(36):
            label = ("anger", "joy", "sadness")[number % 3]
            lines.append(f"{('hate', 'love', 'cry')[number % 3]} w{random.integers(1_000_000)},{label},s{number // 9}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    answer = command("cross", one, two, "--out", tmp_path / "out", "--jobs", 1, "--json")
    assert answer.status == 0, answer.err
    pairs = json.loads(answer.out)["pairs"]
    assert {pair["train"] for pair in pairs} == {"one", "two"}
