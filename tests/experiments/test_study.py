"""Studies: what a TOML file may say, and how it answers what it may not."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest
from emofuse.experiments.corpora import NAMES
from emofuse.experiments.study import (
    METRICS,
    load_study,
    parse_study,
    shipped_studies,
    study_for_samples,
    to_toml,
)
from emofuse.features.errors import StudyError
from hypothesis import given
from hypothesis import strategies as st

LEAST = {
    "name": "least",
    "corpus": "demo",
    "blocks": {"text": {"extractor": "text"}},
    "protocol": {"name": "loso"},
}


def changed(path, value):
    """LEAST with one value, at a dotted path, put in."""
    *parents, last = path.split(".")
    values = {key: dict(item) if isinstance(item, dict) else item for key, item in LEAST.items()}
    inner = values
    for parent in parents:
        inner[parent] = dict(inner.get(parent, {}))
        inner = inner[parent]
    inner[last] = value
    return values


@pytest.mark.parametrize("name", NAMES)
def test_each_corpus_has_a_study_of_its_name(name):
    study = load_study(name)
    assert study.name == study.corpus == name
    assert study.description
    assert {"majority", "unimodal"} <= set(study.strategies)
    if len(study.blocks) > 1:
        assert {"best_single", "early", "late_product", "selected"} <= set(study.strategies)


def test_shipped_studies_are_those_of_the_corpora():
    assert set(NAMES) <= set(shipped_studies())
    assert {load_study(name).corpus for name in shipped_studies()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_resolved_study_loads_back_equal(name, tmp_path):
    study = load_study(name)
    path = tmp_path / "study.toml"
    path.write_text(to_toml(study), encoding="utf-8")
    assert load_study(path) == study


@given(
    st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])),
    st.dictionaries(
        st.text(alphabet=st.characters(exclude_categories=["Cs"])),
        st.text(alphabet=st.characters(exclude_categories=["Cs"])),
        min_size=1,
        max_size=4,
    ),
)
def test_any_text_survives_toml(name, label_map):
    study = parse_study(LEAST | {"name": name, "description": name, "label_map": label_map}, source="given")
    assert parse_study(tomllib.loads(to_toml(study)), source="read back") == study


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("clasifiers", ["linear"], "clasifiers: Extra inputs are not permitted"),
        ("blocks.text.extractr", "text", "blocks.text.extractr: Extra inputs"),
        ("protocol.folds", 5, "protocol.folds: Extra inputs"),
        ("protocol.name", "luna6", "protocol.name: Input should be 'luna5', 'emobox6'"),
        ("protocol.n_folds", 1, "protocol.n_folds: Input should be greater than or equal to 2"),
        ("blocks", {}, "blocks: Dictionary should have at least 1 item"),
        ("classifiers", ["svm"], "classifiers.0: Input should be 'boosted', 'linear', 'kernel' or 'given'"),
        ("classifiers", [], "classifiers: Tuple should have at least 1 item"),
        ("strategies", ["middle"], r"strategies: \['middle'\] are not known; choose from \['majority'"),
        ("metrics", ["auc"], "metrics.0: Input should be 'uar'"),
        ("seed", -1, "seed: Input should be greater than or equal to 0"),
        ("n_inner", 1, "n_inner: Input should be greater than or equal to 2"),
        ("name", "", "name: String should have at least 1 character"),
        ("blocks.early", {"extractor": "text"}, "block 'early' needs a plain name"),
        ("blocks.a b", {"extractor": "text"}, "block 'a b' needs a plain name"),
        ("blocks.text.weight", 0, "blocks.text.weight: Input should be greater than 0"),
        ("blocks.text.weight", float("inf"), "blocks.text.weight: Input should be a finite number"),
        ("blocks.text.parameters", {"size": 3}, r"'text' takes only the parameter 'context', got \['size'\]"),
        ("blocks.text.parameters", {"context": "next"}, "context must be 'previous', 'same_speaker' or a number of turns"),
        ("blocks.face", {"extractor": "table"}, "needs table = NAME"),
        ("blocks.face", {"extractor": "openpose"}, r"'openpose' is not known; choose from \['eeg', "),
        ("blocks.eeg", {"extractor": "eeg_band_power", "parameters": {"rate": 1}}, "'rate'"),
        (
            "blocks.eeg",
            {"extractor": "eeg_band_power", "parameters": {"sampling_rate_hz": 64}},
            "below half the rate of 64",
        ),
        (
            "blocks.audio",
            {"extractor": "opensmile", "parameters": {"feature_set": "eGeMAPSv99"}},
            "extractor 'opensmile': .*eGeMAPSv02",
        ),
        ("blocks.text.recipes", {"linear": {"depth": 3}}, r"NaiveBayesLogistic has the parameters .*got \['depth'\]"),
        ("blocks.text.recipes", {"svm": {"C": 3}}, "blocks.text.recipes.svm"),
        ("blocks.text.recipes", {"linear": {"C": -1}}, "blocks.text.recipes.linear: The 'C' parameter"),
        ("blocks.text.recipes", {"boosted": {"max_depth": -4}}, "blocks.text.recipes.boosted: value -4 for Parameter max_depth"),
        ("modality_dropout", 1.0, "modality_dropout: Input should be less than 1"),
        ("modality_dropout", -0.1, "modality_dropout: Input should be greater than or equal to 0"),
        ("meta", {"kernel": {}}, "meta.kernel.*: Input should be 'linear' or 'boosted'"),
        ("meta", {"linear": {"depth": 3}}, r"meta.linear: LinearClassifier has the parameters .*got \['C', 'depth'\]"),
        ("meta", {"linear": {"C": -1}}, "meta.linear: The 'C' parameter"),
        ("meta", {"boosted": {"max_depth": -4}}, "meta.boosted: value -4 for Parameter max_depth"),
        ("references", {"people": 3}, "references.people: Input should be a valid string"),
        ("references", ["both"], "references: Input should be a valid dictionary"),
        ("degradations", [{"kind": "smoke", "levels": [1]}], "degradation 'smoke' is not known; choose from"),
        ("degradations", [{"kind": "dropped_words", "levels": []}], "degradations.0.levels: Tuple should have at least 1"),
        ("degradations", [{"kind": "dropped_words", "levels": [3]}], "'dropped_words': a level from 0 to 1 .*got 3"),
        ("degradations", [{"kind": "dropped_words", "levels": [0.5, 0.5]}], r"levels repeat in \[0.5, 0.5\]"),
        ("degradations", [{"kind": "dropped_words", "levels": [0.5], "level": 1}], "degradations.0.level: Extra inputs"),
        ("degradations", [{"kind": "blur", "levels": [1]}], "degradation 'blur': no block reads"),
        ("degradations", [{"kind": "dropped_words", "levels": [1], "blocks": ["face"]}], "block 'face' is not known"),
        ("precisions", [1.0], r"precisions: a precision lies between 0 and 1, got \[1.0\]"),
        ("precisions", [0.8, 0], r"precisions: a precision lies between 0 and 1, got \[0.8, 0.0\]"),
        ("calibration", "platt", "calibration: Input should be 'temperature', 'sigmoid', 'isotonic' or 'none'"),
        ("budget", -1, "budget: Input should be greater than or equal to 0"),
        ("budget", 2.5, "budget: Input should be a valid integer"),
        ("budget", 2000, "budget: Input should be less than or equal to 1000"),
        ("blocks.text.modality", 3, "blocks.text.modality: Input should be a valid string"),
        ("strategies", ["reference"], r"strategies: \['reference'\] are not known"),
        ("strategies", [], "strategies: Tuple should have at least 1 item"),
        ("near_copies", ["face"], r"near_copies names \['face'\]; choose from 'image' and the blocks \['text'\]"),
        (
            "blocks.face",
            {"extractor": "table", "table": "face", "probabilities": True, "pixels": True},
            "probabilities or pixels, not both",
        ),
        (
            "blocks.face",
            {"extractor": "table", "table": "face", "pixels": True, "recipes": {"kernel": {"n_components": 0}}},
            "blocks.face.recipes.kernel: n_components must be 1 or more, got 0",
        ),
        ("early", {"kernel": {"gamma": "wide"}}, "early.kernel: "),
        ("early", {"given": {}}, "'given' cannot take concatenated blocks"),
        ("classifiers", ["given"], "classifier 'given' cannot take a block of kind 'text'"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_by_name(path, value, message):
    with pytest.raises(StudyError, match=f"^study 'mine': .*{message}"):
        parse_study(changed(path, value), source="mine")


@pytest.mark.parametrize(
    "changes",
    [
        {"modality_dropout": 0.3},
        {"meta": {"linear": {"C": 0.5}, "boosted": {"n_rounds": 20, "max_depth": 2}}},
        {"references": {"heard and seen": "both", "raters": "votes"}},
        {"degradations": [{"kind": "dropped_words", "levels": [0.25, 0.5]}, {"kind": "dropped_words", "levels": [1]}]},
        {"degradations": [{"kind": "dropped_words", "levels": [0.25], "blocks": ["text"]}], "also": [{"name": "loro"}]},
        {"precisions": [0.5, 0.99]},
        {"precisions": []},
        {"calibration": "isotonic"},
        {"budget": 20},
        {"blocks": {"text": {"extractor": "text", "modality": "words"}}},
        {"strategies": ["selected", "late_median", "hybrid_gated", "permuted_labels"]},
        {"protocol": {"name": "group_kfold", "n_folds": 3, "repeats": 4}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_a_study_says_survives_toml(changes):
    study = parse_study(LEAST | changes, source="given")
    assert study != parse_study(LEAST, source="least")
    assert parse_study(tomllib.loads(to_toml(study)), source="read back") == study


@pytest.mark.parametrize(
    ("block", "source"),
    [
        ({"extractor": "text"}, "text"),
        ({"extractor": "text", "modality": "words"}, "words"),
        ({"extractor": "opensmile"}, "audio"),
        ({"extractor": "face_crop"}, "image"),
        ({"extractor": "table", "table": "t"}, None),
        ({"extractor": "table", "table": "t", "modality": "body"}, "body"),
    ],
)
def test_a_block_goes_missing_with_its_source_or_its_declared_modality(block, source):
    assert parse_study(LEAST | {"blocks": {"one": block}}, source="given").blocks["one"].source == source


def test_a_text_block_is_one_whatever_its_modality_is_called():
    blocks = {"words": {"extractor": "text", "modality": "voice"}, "face": {"extractor": "table", "table": "t"}}
    study = parse_study(LEAST | {"blocks": blocks}, source="given")
    assert [study.blocks[name].reads_text for name in blocks] == [True, False]


def test_all_mistakes_are_named_at_once():
    with pytest.raises(StudyError, match=r"sed: .*; strategy: "):
        parse_study(LEAST | {"sed": 1, "strategy": "early"}, source="mine")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = ", "is no TOML: "),
        (b"name = 'caf\xe9'", "cannot be read: 'utf-8' codec"),
        (b"name = 'least'\n", "corpus: Field required; blocks: Field required; protocol: Field required"),
    ],
    ids=["syntax", "encoding", "empty"],
)
def test_a_file_that_is_no_study_is_refused(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=message):
        load_study(path)


def test_a_missing_study_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"gone\.toml' cannot be read"):
        load_study(tmp_path / "gone.toml")
    with pytest.raises(StudyError, match=r"no shipped study 'nobody'; choose from crema_d, .*or name a \.toml file"):
        load_study("nobody")


def test_a_changed_study_is_checked_again():
    study = load_study("demo")
    assert study.changed(seed=7).seed == 7
    with pytest.raises(StudyError, match="study 'demo': seed"):
        study.changed(seed="seven")


def test_speaker_normalisation_takes_the_place_of_scaling():
    study = load_study("ravdess")
    assert study.recipe("face", "kernel") == {"scaling": "quantile", "gamma": 0.15, "ridge": 0.3}
    normalised = study.changed(speaker_normalisation=True)
    assert normalised.recipe("face", "kernel") == {"scaling": "standard", "gamma": 0.15, "ridge": 0.3}
    assert normalised.recipe("audio", "kernel") == study.recipe("audio", "kernel")
    assert study.recipe("face", "boosted") == {}


def table(**columns):
    return pd.DataFrame({"label": ["a", "b", "a", "b"], **columns}, index=list("wxyz"))


@pytest.mark.parametrize(
    ("samples", "blocks", "protocol"),
    [
        (table(audio=["a.wav"] * 4, text=["hi"] * 4, group=list("mnop")), {"audio", "text"}, ("group_kfold", 4)),
        (table(audio=["a.wav"] * 4, text=[None] * 4, group=list("mmno")), {"audio"}, ("group_kfold", 3)),
        (table(text=["hi"] * 4, split=["train", "train", "dev", "test"]), {"text"}, ("official", 5)),
        (table(text=["hi"] * 4, group=list("mmnn"), split=["train", "test"] * 2), {"text"}, ("official", 5)),
    ],
    ids=["both", "audio-only", "splits", "two-groups-and-splits"],
)
def test_own_samples_get_their_modalities_and_a_protocol_that_cannot_leak(samples, blocks, protocol):
    study = study_for_samples(samples, name="mine")
    assert set(study.blocks) == blocks
    assert (study.protocol.name, study.protocol.n_folds) == protocol
    assert (study.name, study.metrics, study.protocol.leaky) == ("mine", METRICS, False)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (table(group=list("mnop")), "has none of .*; write a study"),
        (table(text=["hi"] * 4), "needs a column 'group' with three speakers or more, or 'split'"),
        (table(text=["hi"] * 4, group=list("mmnn")), "needs a column 'group' with three speakers or more"),
    ],
)
def test_own_samples_that_cannot_be_compared_are_refused(samples, message):
    with pytest.raises(StudyError, match=message):
        study_for_samples(samples, name="mine")


def test_a_model_may_be_trained_by_other_recipes(make_study):
    changes = {"blocks": {"face": {"recipes": {"linear": {"C": 5.0}}}}, "n_inner": 3}
    study = make_study("face", "text", train=changes)
    trained = study.for_training()
    assert trained.recipe("face", "linear")["C"] == 5.0 and trained.n_inner == 3 and trained.train == {}
    assert trained.blocks["text"] == study.blocks["text"] and study.n_inner != 3
    assert make_study("face").for_training() == make_study("face")


@pytest.mark.parametrize("changes", [{"nonsense": 1}, {"blocks": {"face": {"recipes": {"linear": {"D": 1}}}}}])
def test_recipes_for_training_are_checked_when_the_study_is_read(make_study, changes):
    with pytest.raises(StudyError, match="train"):
        make_study("face", train=changes)
