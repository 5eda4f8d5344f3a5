"""Text is kept as it was said, whatever it was written with, and its vocabulary comes from the training texts only."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.recipes import expert_pipeline
from emofuse.features.errors import EmofuseWarning, TableError
from emofuse.features.term_weights import MOST, WEIGHT
from emofuse.features.text import TextVectorizer, as_texts
from emofuse.features.text_tokens import tokenize
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

TEXTS = ["I am so happy today!", "Why is it so dark?", "happy, happy me :)", "leave me alone..."]


def fitted(texts=TEXTS, **parameters):
    return TextVectorizer(**parameters).fit(texts)


def weights(vectorizer, text):
    return vectorizer.transform([text]).toarray()[0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("so  happy", " so\thappy\n"),
        ("so happy", "so\u202e hap\0py"),
        ("GREAT", "great"),
        ("ÇA VA", "ça va"),
        ("It\x92s", "It’s"),
        ("It’s", "It's"),
        ("fine &amp; <b>grand</b>", "fine & grand"),
        ("@ann", "@ben"),
        ("see https://example.org/a?b=1", "see www.example.com"),
        ("mail ann@example.org", "mail ben.k@mail.example.com"),
        ("call +1 555 123 4567", "call (020) 7946 0018"),
        ("sooooo", "soooooooooo"),
        ("[laughter]", "[Laughter]"),
    ],
    ids=[
        "15-nfc-nfd",
        "white-space",
        "09-13-marks",
        "16-case",
        "16-accents",
        "windows-quotes",
        "quotes",
        "21-markup",
        "22-mention",
        "22-url",
        "22-email",
        "22-phone",
        "elongation",
        "34-marker",
    ],
)
def test_two_ways_to_write_one_text_get_the_same_row(first, second):
    vectorizer = fitted([*TEXTS, first, "great", "so happy", "ça va"])
    assert weights(vectorizer, first).any()
    np.testing.assert_array_equal(weights(vectorizer, first), weights(vectorizer, second))


HOSTILE = {
    "10-surrogate": "\ud800",
    "12-joined-emoji": "👩‍👩‍👧",
    "14-scripts": "مرحبا 你好",
    "16-case-fold": "İstanbul ß ẞ",
    "17-word": "a" * 1_000_000,
    "17-word-of-many-letters": "abcdefghij" * 100_000,
    "18-words": "x " * 500_000,
    "19-marks": "!" * 1_000_000,
    "20-signs": "@" * 2000 + ":" * 2000,
    "30-different-words": " ".join(f"{number:x}" for number in range(150_000)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.filterwarnings("ignore:. texts were cut:emofuse.features.errors.EmofuseWarning")
def test_hostile_text_gets_a_finite_row_of_unit_parts(text):
    vectorizer = fitted([*TEXTS, text])
    row = weights(vectorizer, text)
    assert row.dtype == np.float32
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(np.sqrt(2), rel=1e-5)
    assert len(row) < 200_000


def test_18_cut_texts_are_counted_in_one_warning():
    with pytest.warns(EmofuseWarning, match="2 texts were cut to 20000 characters") as caught:
        TextVectorizer().fit(["so " * 10_000, "happy " * 5_000, *TEXTS])
    assert len(caught) == 1


EMPTY = {"01-empty": "", "02-white-space": " \n", "03-none": None, "04-nan": float("nan"), "04-na": pd.NA}


@pytest.mark.parametrize("text", EMPTY.values(), ids=EMPTY)
def test_empty_or_absent_text_gets_a_zero_row(text):
    matrix = fitted().transform(["so happy", text])
    assert matrix[0].nnz > 0
    assert matrix[1].nnz == 0


def test_absent_text_is_none_and_an_empty_one_is_not():
    values = ["a", None, float("nan"), np.nan, pd.NA, pd.NaT, "", " "]
    assert as_texts(values) == ["a", None, None, None, None, None, "", ""]


@pytest.mark.parametrize(
    "texts",
    [
        pd.Series(["a", None], dtype="str"),
        pd.Series(["a", pd.NA], dtype="string"),
        pd.DataFrame({"utterance": ["a", None]}),
        pd.DataFrame({("text", "utterance"): pd.Series(["a", pd.NA], dtype="str")}),
        np.array(["a", None], dtype=object),
        np.array([["a"], [None]], dtype=object),
        iter(["a", None]),
        [np.str_("a"), np.nan],
    ],
    ids=["40-str", "40-string", "frame", "40-block", "array", "column", "iterator", "numpy-str"],
)
def test_texts_come_in_any_container(texts):
    assert as_texts(texts) == ["a", None]


@pytest.mark.parametrize(
    "content",
    ["wörld".encode(), "wörld".encode("utf-8-sig"), "wörld".encode("utf-16")],
    ids=["06-utf-8", "08-utf-8-mark", "08-utf-16-mark"],
)
def test_bytes_are_decoded(content):
    assert as_texts([content]) == ["wörld"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([5], "a text must be a string, got int 5"),
        ([["a"]], "a text must be a string, got list"),
        ([b"caf\xe9"], "byte 3 of a text is not UTF-8; decode it first"),
        ("hello", r"a list of texts is needed, got a single string; pass \[text\]"),
        (b"hello", "a list of texts is needed, got a single string"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "one column of texts is needed, got 2"),
    ],
    ids=["05-int", "05-list", "07-invalid-bytes", "23-single-string", "23-single-bytes", "two-columns"],
)
def test_what_is_no_list_of_texts_is_refused(texts, message):
    with pytest.raises(TableError, match=message):
        TextVectorizer().fit(texts)
    with pytest.raises(TableError, match=message):
        fitted().transform(texts)


@pytest.mark.parametrize("texts", [["", " ", None], [], [float("nan")] * 3], ids=["24-all-empty", "none", "04-all-nan"])
def test_fold_without_any_text_is_refused(texts):
    with pytest.raises(TableError, match="every training text is empty; drop the text block or check the column"):
        TextVectorizer().fit(texts)


def test_25_fold_of_stop_words_is_fitted():
    assert weights(fitted(["the", "a the", "of"]), "the").any()


def test_26_texts_of_unknown_terms_get_zero_rows_and_a_warning():
    with pytest.warns(EmofuseWarning, match="no term of the training texts stands in any of these 2 texts"):
        assert not fitted().transform(["ζζζ ξξξ", ""]).nnz


def test_26_one_text_of_unknown_terms_among_others_gets_a_zero_row():
    assert fitted().transform(["ζζζ ξξξ", "happy"]).getnnz(axis=1).tolist()[0] == 0


@pytest.mark.parametrize("texts", [TEXTS, ["", *TEXTS, None, " ", "so dark"], ["so happy"]], ids=["all", "gaps", "one"])
@pytest.mark.parametrize(
    "parameters", [{}, {"negation": True}, {"char_ngrams": None}, {"counts": True}, {"stemming": True}], ids=str
)
def test_fitting_and_transforming_at_once_is_the_same(texts, parameters):
    at_once = TextVectorizer(**parameters).fit_transform(texts)
    vectorizer = fitted(texts, **parameters)
    np.testing.assert_array_equal(at_once.toarray(), vectorizer.transform(texts).toarray())
    np.testing.assert_array_equal(at_once.indices, vectorizer.transform(texts).indices)
    assert at_once.dtype == np.float32
    assert at_once.shape == (len(texts), len(vectorizer.get_feature_names_out()))


def test_negation_counts_words_after_it_apart():
    names = fitted(["I am not happy, friend"], negation=True, char_ngrams=None).get_feature_names_out()
    assert {"word=not_happy", "word=friend"} <= set(names)
    assert "word=happy" not in names


def test_27_one_document_is_fitted():
    assert weights(fitted(["only this"]), "only this").any()


def test_28_term_that_stands_in_too_few_texts_is_refused_in_plain_words():
    texts = [f"{letter}{letter.upper()}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    with pytest.raises(TableError, match="no term stands in enough training texts; give more texts or lower min_df"):
        fitted(texts, min_df_words=5, min_df_chars=5)
    with pytest.raises(TableError, match="no term stands in enough training texts"):
        fitted(texts, min_df_words=100, min_df_chars=100)


def test_part_without_a_frequent_term_is_left_out():
    texts = [f"{letter}xoh" for letter in "abcdefghijklmnopqrstuvwxyz"]
    names = fitted(texts, min_df_words=2, min_df_chars=3).get_feature_names_out()
    assert names.tolist() == ["char=h ", "char=oh", "char=oh ", "char=xo", "char=xoh", "char=xoh "]


def test_29_vocabulary_is_limited_in_each_part():
    with pytest.warns(EmofuseWarning, match=r"vocabulary was cut to the 5 most frequent terms") as caught:
        names = fitted(max_features=5).get_feature_names_out()
    assert [str(warning.message).split()[1] for warning in caught] == ["word", "char"]
    assert [sum(name.startswith(kind) for name in names) for kind in ("word=", "char=")] == [5, 5]


@pytest.mark.parametrize(
    "parameters",
    [
        {"word_ngrams": (2, 1)},
        {"char_ngrams": (0, 3)},
        {"word_ngrams": None, "char_ngrams": None},
        {"max_features": 0},
        {"min_df_words": -1},
    ],
    ids=str,
)
def test_impossible_parameter_is_refused_instead_of_dropping_a_part(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters)).removesuffix("_words")):
        fitted([f"{text} {number}" for number in range(10) for text in TEXTS], **parameters)


@pytest.mark.parametrize(("left_out", "kept"), [("word_ngrams", "char="), ("char_ngrams", "word=")])
def test_part_can_be_left_out(left_out, kept):
    names = fitted(**{left_out: None}).get_feature_names_out()
    assert all(name.startswith(kept) for name in names)


def test_lists_from_a_study_file_are_ngram_ranges_too():
    assert (
        fitted(word_ngrams=[1, 2]).get_feature_names_out().tolist()
        == fitted(word_ngrams=(1, 2)).get_feature_names_out().tolist()
    )


def test_vocabulary_comes_from_the_training_texts_only():
    vectorizer = fitted(TEXTS[:2])
    before = vectorizer.get_feature_names_out().tolist()
    alone = weights(vectorizer, "so happy").copy()
    vectorizer.transform(["alone alone unheard", "so happy"])
    assert vectorizer.get_feature_names_out().tolist() == before
    assert not any("alone" in name for name in before)
    np.testing.assert_array_equal(weights(vectorizer, "so happy"), alone)


def test_row_does_not_depend_on_its_neighbours():
    vectorizer = fitted()
    together = vectorizer.transform(TEXTS).toarray()
    for text, row in zip(TEXTS, together, strict=True):
        np.testing.assert_array_equal(weights(vectorizer, text), row)


def test_feature_names_are_unique_and_as_many_as_columns():
    vectorizer = fitted()
    names = vectorizer.get_feature_names_out()
    assert len(set(names)) == len(names) == vectorizer.transform(TEXTS).shape[1]
    assert {"word=happy", "word=so happy", "word=:)", "char=ha"} <= set(names)


def test_rare_terms_count_in_small_folds_and_not_in_large_ones():
    assert "word=dark" in fitted(TEXTS).get_feature_names_out()
    assert "word=dark" not in fitted([TEXTS[1], *[TEXTS[0]] * 20]).get_feature_names_out()


def test_fitting_again_and_cloning_forget_the_old_vocabulary():
    vectorizer = fitted()
    vectorizer.fit(["entirely new"])
    assert "word=happy" not in vectorizer.get_feature_names_out()
    assert not hasattr(clone(vectorizer), "parts_")
    assert clone(vectorizer).get_params() == TextVectorizer().get_params()


def test_38_text_that_looks_like_a_path_is_never_opened(tmp_path, monkeypatch):
    path = tmp_path / "secret.txt"
    path.write_text("treasure", encoding="utf-8")
    tokenize("nothing is loaded later")
    monkeypatch.setattr("builtins.open", lambda *a, **k: pytest.fail("a file was opened"))
    monkeypatch.setattr("io.open", lambda *a, **k: pytest.fail("a file was opened"))
    monkeypatch.setattr(Path, "open", lambda *a, **k: pytest.fail("a file was opened"))
    names = fitted([str(path), f"file://{path}"]).get_feature_names_out()
    monkeypatch.undo()
    assert any("secret" in name for name in names)
    assert not any("treasure" in name for name in names)


def test_33_nothing_is_downloaded(tmp_path):
    program = """
import socket
import sys

def refuse(*arguments, **options):
    raise OSError("the network was asked for")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from emofuse.features.text import TextVectorizer
row = TextVectorizer().fit(["so happy :)", "why so sad?"]).transform(["so happy"])
print(row.nnz > 0)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"NLTK_DATA": str(tmp_path), "HOME": str(tmp_path), "PATH": ""},
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "True"), ran.stderr
    assert not any(tmp_path.iterdir())


def test_33_no_socket_is_made_while_fitting(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", refuse)
    assert weights(fitted(), "so happy").any()


def test_counts_stand_beside_the_terms():
    vectorizer = fitted(counts=True)
    names = vectorizer.get_feature_names_out().tolist()
    assert names[: len(fitted().get_feature_names_out())] == fitted().get_feature_names_out().tolist()
    row = dict(zip(names, weights(vectorizer, "happy! so very sad :("), strict=True))
    assert row["count=n_exclamation_marks"] > 0 == row["count=n_question_marks"]
    assert row["count=sum_negative_valence<0"] > 0 == row["count=sum_negative_valence"]
    assert not weights(vectorizer, "").any()


def counts_of(matrix, vectorizer):
    names = vectorizer.get_feature_names_out()
    return matrix.toarray()[:, [name.startswith("count=") for name in names]]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_scaled_counts_are_finite_bounded_and_never_negative(texts):
    vectorizer = fitted([*texts, "so"], counts=True)
    found = counts_of(vectorizer.transform([*texts, "NO!!! 999 sooo bad"]), vectorizer)
    assert found.dtype == np.float32
    assert np.isfinite(found).all() and 0 <= found.min() <= found.max() <= MOST + 1e-6


def test_counts_of_the_training_texts_have_one_size():
    texts = [f"{'so ' * (1 + number % 3)}{'!' * (number % 2)}" for number in range(60)]
    vectorizer = fitted(texts, counts=True)
    columns = counts_of(vectorizer.transform(texts), vectorizer)
    size = np.sqrt(np.square(columns).mean(axis=0))
    np.testing.assert_allclose(size[columns.any(axis=0)], WEIGHT, rtol=1e-5)
    assert 5 < columns.any(axis=0).sum() < columns.shape[1]


def test_stemming_counts_the_forms_of_a_word_as_one():
    texts = ["I am crying", "she cries", "not smiling, he smiled"]
    names = fitted(texts, char_ngrams=None, stemming=True, negation=True).get_feature_names_out()
    assert {"word=cri", "word=not_smile", "word=smile", "word=i am"} <= set(names)
    assert not {"word=crying", "word=cries", "word=smiled"} & set(names)


def test_recipe_hands_stemming_on():
    pipeline = expert_pipeline("linear", "text", stemming=True)
    assert pipeline[0].stemming


def test_counts_alone_are_no_vocabulary():
    texts = [f"{letter}{letter.upper()}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    with pytest.raises(TableError, match="no term stands in enough training texts"):
        fitted(texts, min_df_words=100, min_df_chars=100, counts=True)
