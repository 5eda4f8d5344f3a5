"""The audit: what must not be believed, what is dead or repeated, and what is only worth knowing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.audit import audit
from emofuse.experiments.audit_samples import MANY_CLASSES
from emofuse.experiments.corpora import Corpus
from hypothesis import given, settings
from hypothesis import strategies as st


def kinds(findings):
    return {finding.kind for finding in findings}


def only(findings, kind):
    """The findings of one kind."""
    return [finding for finding in findings if finding.kind == kind]


@pytest.fixture(scope="module")
def with_columns(make_corpus):
    """A function that makes a corpus whose face table has further columns, given as functions of table and samples."""

    def make(columns, **options):
        corpus = make_corpus(n_per_group=15, **options)
        table = corpus.tables["face"].assign(
            **{name: make_column(corpus.tables["face"], corpus.samples) for name, make_column in columns.items()}
        )
        return Corpus(corpus.info, corpus.samples, {"face": table, "voice": corpus.tables["voice"]})

    return make


def codes(samples):
    return pd.Categorical(samples["label"]).codes.astype(float)


def test_a_clean_corpus_gets_notes_only(make_corpus, make_study):
    findings = audit(make_study(), make_corpus())
    assert {finding.severity for finding in findings} == {"note"}
    assert kinds(findings) == {"classes", "split", "columns", "pairing", "speaker_probe"}
    (split,) = only(findings, "split")
    assert split.message == "2 folds; no group, file or used text stands on both sides"
    assert [(finding.where, finding.message) for finding in only(findings, "columns")] == [
        ("face", "4 columns, 4 distinct, 4 used"),
        ("voice", "4 columns, 4 distinct, 4 used"),
    ]


def test_a_column_that_has_seen_the_label_is_refused(with_columns, make_study):
    leak = {"mean": lambda table, samples: codes(samples) * 0.1 + 5 + np.linspace(0, 0.01, len(table))}
    (found,) = only(audit(make_study(), with_columns(leak)), "label_leak")
    assert (found.severity, found.where, found.used) == ("refused", "face: mean", True)
    assert "UAR of 1.000: it has seen the label" in found.message


def test_a_leak_that_the_study_does_not_use_is_told_and_not_held_against_it(with_columns, make_study):
    leak = {"mean": lambda table, samples: codes(samples)}
    block = {"extractor": "table", "table": "face", "columns": ["face_0", "face_1"]}
    (found,) = only(audit(make_study(blocks={"face": block}), with_columns(leak)), "label_leak")
    assert (found.severity, found.used) == ("refused", False)


def test_copies_up_to_offset_and_scale_are_named_together(with_columns, make_study):
    columns = {
        "copy": lambda table, samples: table["face_1"],
        "scaled": lambda table, samples: table["face_1"] * 1000 - 3,
        "turned": lambda table, samples: -0.001 * table["face_1"],
        "own": lambda table, samples: table["face_1"] ** 2,
    }
    (found,) = only(audit(make_study(), with_columns(columns)), "repeated_column")
    assert found.where == "face: face_1, copy, scaled, turned"
    assert found.message.startswith("4 columns are the same up to scale")


@settings(max_examples=15)
@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3), st.booleans(), st.integers(0, 2**16))
def test_any_affine_copy_is_found(make_corpus, make_study, factor, offset, turned, seed):
    corpus = make_corpus(tables=("face",), seed=seed)
    table = corpus.tables["face"]
    table["copy"] = table["face_0"] * (-factor if turned else factor) + offset
    findings = audit(make_study("face"), corpus)
    assert [finding.where for finding in only(findings, "repeated_column")] == ["face: face_0, copy"]


@pytest.mark.parametrize(
    ("kind", "severity", "column"),
    [
        ("constant", "warning", lambda table, samples: 7.0),
        ("empty", "warning", lambda table, samples: np.nan),
        ("infinite", "refused", lambda table, samples: table["face_0"].where(table.index != "clip003", np.inf)),
        ("infinite", "refused", lambda table, samples: table["face_0"].where(table.index != "clip003", 1e300)),
        ("not_numeric", "refused", lambda table, samples: table["face_0"].astype(object).where(table.index != "clip003", "high")),
        ("missing_values", "note", lambda table, samples: table["face_0"].where(table.index != "clip003")),
    ],
)  # fmt: skip
def test_columns_that_cannot_help_are_named(with_columns, make_study, kind, severity, column):
    (found,) = only(audit(make_study(), with_columns({"bad": column})), kind)
    assert (found.severity, found.where, found.used) == (severity, "face: bad", True)


@pytest.fixture
def with_files(make_corpus, make_study, tmp_path):
    """A function that gives two samples the same sound file, and the study that uses it."""

    def make(one, other):
        paths = []
        for number in range(48):
            path = tmp_path / f"{number:02d}.wav"
            path.write_bytes(b"sound %d" % number)
            paths.append(str(path))
        (tmp_path / f"{other:02d}.wav").write_bytes((tmp_path / f"{one:02d}.wav").read_bytes())
        blocks = {"audio": {"extractor": "opensmile"}}
        return make_study(blocks=blocks), make_corpus(tables=(), audio=paths)

    return make


def test_a_file_twice_in_one_group_is_a_warning(with_files):
    study, corpus = with_files(0, 3)
    (found,) = only(audit(study, corpus), "duplicate_file")
    assert (found.severity, found.where) == ("warning", "clip000, clip003")
    assert found.message == "the same audio bytes 2 times"


def test_a_file_in_two_groups_is_refused(with_files):
    study, corpus = with_files(0, 47)
    (found,) = only(audit(study, corpus), "duplicate_file")
    assert found.severity == "refused"
    assert found.message == "the same audio bytes 2 times, in groups s0, s3, under the labels happy, sad"


def test_clips_of_one_recording_are_no_duplicates(with_files):
    study, corpus = with_files(0, 3)
    clips = Corpus(corpus.info, corpus.samples.assign(start_s=0.0), {})
    assert only(audit(study, clips), "duplicate_file") == []


def test_a_file_that_cannot_be_read_is_left_to_the_extraction(with_files):
    study, corpus = with_files(0, 3)
    samples = corpus.samples.copy()
    samples.iloc[:4, samples.columns.get_loc("audio")] = [None, "gone.wav", "gone.wav", "gone.wav"]
    assert only(audit(study, Corpus(corpus.info, samples, {})), "duplicate_file") == []


def test_repeated_texts_warn_where_texts_are_used(make_corpus, make_study):
    texts = [f"line {number}" for number in range(48)]
    texts[:5] = ["Oh no!", "oh  no!", "OH NO!", "", ""]
    corpus = make_corpus(text=texts)
    uses = make_study(blocks={"text": {"extractor": "text"}})
    (found,) = only(audit(uses, corpus), "repeated_text")
    assert (found.severity, found.used) == ("warning", True)
    assert found.message == "1 texts stand in 3 samples, 1 of them under several labels"
    counted = make_study(blocks={"counts": {"extractor": "text_counts"}})
    assert only(audit(counted, corpus), "repeated_text") == [found]
    (unused,) = only(audit(make_study(), corpus), "repeated_text")
    assert (unused.severity, unused.used) == ("note", False)


def test_text_that_looks_like_a_path_is_not_opened(make_corpus, make_study, tmp_path, monkeypatch):  # Text 38
    path = tmp_path / "a.txt"
    path.write_text("no utterance", encoding="utf-8")
    corpus = make_corpus(text=[str(path)] * 48)
    study = make_study(blocks={"counts": {"extractor": "text_counts"}, "text": {"extractor": "text"}})
    monkeypatch.setattr("emofuse.experiments.audit.read_bytes", lambda path: pytest.fail("a file was opened"))
    assert only(audit(study, corpus), "duplicate_file") == []


@pytest.mark.parametrize(
    ("protocol", "severity"),
    [({"name": "official"}, "refused"), ({"name": "official", "leaky": True}, "warning")],
)
def test_a_split_that_leaks_is_refused_unless_owned_up_to(make_corpus, make_study, protocol, severity):
    corpus = make_corpus(split=np.resize(["train", "test"], 48))
    (found,) = only(audit(make_study(protocol=protocol), corpus), "split_leak")
    assert (found.severity, found.used) == (severity, True)
    assert "24 of 24 test samples share group with training" in found.message


def test_a_protocol_that_cannot_split_is_refused(make_corpus, make_study):
    (found,) = only(audit(make_study(protocol={"name": "luna5"}), make_corpus()), "protocol")
    assert found.severity == "refused"
    assert "actors 1 to 24" in found.message


def test_classes_and_groups_that_cannot_be_judged_are_named(make_corpus, make_study):
    corpus = make_corpus()
    samples = corpus.samples.copy()
    samples.iloc[0, samples.columns.get_loc("label")] = "bored"
    samples.iloc[36:, samples.columns.get_loc("label")] = "calm"
    findings = audit(make_study(), Corpus(corpus.info, samples, corpus.tables))
    assert only(findings, "rare_class")[0].where == "bored"
    assert only(findings, "class_in_one_group")[0].where == "bored, calm"
    assert only(findings, "single_class_group")[0].where == "s3"
    assert [finding.severity for finding in findings] == sorted(
        (finding.severity for finding in findings), key=["refused", "warning", "note"].index
    )


def test_many_classes_raise_the_question_of_the_label_column(make_corpus, make_study):
    corpus = make_corpus(n_per_group=15, tables=("face",))
    samples = corpus.samples.assign(label=[f"class {number}" for number in range(60)])
    found = only(audit(make_study("face"), Corpus(corpus.info, samples, corpus.tables)), "many_classes")
    assert MANY_CLASSES < 60
    assert found[0].message == "60 classes: is the label column right?"


@pytest.mark.parametrize("labels", [["a", "b"] * 24, ["a"] * 47 + ["b"]], ids=["even", "one-alone"])
def test_columns_are_judged_without_groups_too(make_corpus, make_study, labels):
    corpus = make_corpus(tables=("face",), split=np.repeat(["train", "test"], 24))
    samples = corpus.samples.drop(columns="group").assign(label=labels)
    corpus.tables["face"]["leak"] = (samples["label"] == "b").astype(float)
    study = make_study("face", protocol={"name": "official"})
    findings = audit(study, Corpus(corpus.info, samples, corpus.tables))
    assert [finding.where for finding in only(findings, "label_leak")] == (["face: leak"] if labels[1] == "b" else [])
    assert "columns" in kinds(findings)


def test_a_studys_own_table_is_looked_at_too(make_corpus, make_study, tmp_path):
    corpus = make_corpus(tables=())
    table = pd.DataFrame({"id": corpus.samples.index, "leak": codes(corpus.samples), "flat": 1})
    table.to_csv(tmp_path / "mine.csv", index=False)
    study = make_study(blocks={"mine": {"extractor": "table", "table": "mine.csv"}})
    findings = audit(study, corpus, root=tmp_path)
    assert only(findings, "label_leak")[0].where == "mine.csv: leak"
    assert only(findings, "constant")[0].used


def test_a_table_of_another_corpus_is_no_obstacle(make_corpus, make_study):
    assert kinds(audit(make_study("face", "voice"), make_corpus(tables=("face",)))) == {
        "classes",
        "split",
        "columns",
        "speaker_probe",
    }
