"""Augmented copies and their originals, by a column or by names; labels in names; texts that are one but for a word."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.experiments.audit import audit
from emofuse.experiments.audit_names import families, original_of
from emofuse.experiments.audit_texts import near_texts
from emofuse.experiments.corpora import Corpus
from hypothesis import given
from hypothesis import strategies as st

LOSO = {"name": "loso"}
LINE = "i never said that we should leave before the rain stops"


def only(findings, kind):
    return [finding for finding in findings if finding.kind == kind]


@pytest.fixture
def renamed(make_corpus):
    """A function that makes a corpus with some samples under other names, and further columns."""

    def make(names, **columns):
        corpus = make_corpus(tables=("face",), **columns)
        index = [names.get(name, name) for name in corpus.samples.index]
        samples = corpus.samples.set_axis(index).rename_axis("sample")
        return Corpus(corpus.info, samples, {"face": corpus.tables["face"].set_axis(index)})

    return make


@pytest.mark.parametrize(
    "suffix", ["_noise", "-pitch_2", "_aug3", "_flip", " (1)", "_copy", "_stretch_0.9", "_noise_aug1"]
)
def test_a_name_with_the_suffix_of_a_change_is_a_copy_of_the_name_without_it(suffix):
    assert original_of(["a17", f"a17{suffix}"]) == {f"a17{suffix}": "a17"}


@given(st.sets(st.from_regex(r"[a-z]{1,3}[0-9]{1,3}(_[0-9])?", fullmatch=True), max_size=20))
def test_plain_names_are_no_copies(names):
    assert original_of(names) == {}


@pytest.mark.parametrize(("copy", "severity"), [("clip003", "warning"), ("clip047", "refused")])
def test_a_copy_belongs_to_the_side_of_its_original(renamed, make_study, copy, severity):
    (found,) = only(audit(make_study("face", protocol=LOSO), renamed({copy: "clip000_noise"})), "augmented_copies")
    assert (found.severity, found.where) == (severity, "clip000_noise")
    assert "1 of 48 samples were made from others, by their names" in found.message


def test_the_column_parent_counts_before_names(renamed, make_study):
    parents = np.full(48, None, dtype=object)
    parents[[0, 47]] = "take9"
    corpus = renamed({"clip003": "clip000_noise"}, parent=parents)
    (found,) = only(audit(make_study("face", protocol=LOSO), corpus), "augmented_copies")
    assert (found.severity, found.where) == ("refused", "clip000, clip047")
    assert "by the column parent" in found.message


def test_copies_are_known_by_their_files_too(make_corpus):
    paths = [f"wav/{number:02d}.wav" for number in range(48)]
    paths[5] = "augmented/07_pitch_1.wav"
    roots, made, known_by = families(make_corpus(audio=paths).samples)
    assert roots["clip005"] == roots["clip007"] == "clip007"
    assert (np.flatnonzero(made).tolist(), known_by) == ([5], "the names of their audio files")
    assert families(make_corpus().samples) is None


def test_a_ring_of_parents_is_one_family(make_corpus):
    parents = np.full(48, None, dtype=object)
    parents[:3] = ["clip001", "clip002", "clip000"]
    roots = families(make_corpus(parent=parents).samples)[0]
    assert roots.iloc[:3].nunique() == 1
    assert roots.iloc[3:].nunique() == 45


def test_names_that_tell_the_label_are_a_note(make_corpus, make_study):
    corpus = make_corpus(tables=("face",))
    index = [f"03-{label}-{number:02d}" for number, label in enumerate(corpus.samples["label"])]
    named = Corpus(corpus.info, corpus.samples.set_axis(index), {"face": corpus.tables["face"].set_axis(index)})
    (found,) = only(audit(make_study("face"), named), "telling_names")
    assert (found.severity, found.used) == ("note", False)
    assert "part 2 of names such as '03-happy-00' tells the label of unseen groups (UAR 1.000)" in found.message
    assert only(audit(make_study("face"), corpus), "telling_names") == []


@pytest.mark.parametrize(
    ("other", "near"),
    [
        ("I never said that we should leave before the rain stops!!", True),
        (LINE.replace("rain", "snow"), True),
        (LINE.replace("rain stops", "sun sets"), False),
        (f"{LINE} again", True),
        ("yeah", False),
        (LINE.upper(), False),
    ],
)
def test_texts_are_near_that_differ_by_a_mark_or_a_word(other, near):
    assert near_texts([LINE, "yeah", other, "Yeah!", None, ""]).tolist() == ([[0, 2]] if near else [])


def test_near_texts_on_both_sides_are_refused_where_words_are_used(make_corpus, make_study):
    texts = [f"{chr(97 + number % 26) * (1 + number // 26)} alone" for number in range(48)]
    texts[0], texts[47] = LINE, LINE.replace("rain", "snow")
    corpus = make_corpus(tables=("face",), text=texts)
    uses = make_study(blocks={"text": {"extractor": "text"}}, protocol=LOSO)
    (found,) = only(audit(uses, corpus), "near_duplicate_text")
    assert found.severity == "refused"
    assert "1 of 12 test samples have nearly the text of a training sample" in found.message
    assert "snow" in found.message
    assert only(audit(make_study("face"), corpus), "near_duplicate_text") == []
