"""Text is kept as it was said, whatever it was written with, and its vocabulary comes from the training texts only."""

import socket
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emofuse.features.errors import TableError
from emofuse.features.text import MAX_CHARACTERS, TextVectorizer, as_texts, clean_text, tokenize
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

TEXTS = ["I am so happy today!", "Why is it so dark?", "happy, happy me :)", "leave me alone..."]
HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "\0\t\n\x0b\x0c\x1b\x1c\x85\x92\xa0\u0301\u0327\u200d\u2028\u202e\u2067\ufeff\ud800\udc00e ﬁİß"
        ),
    )
)


def fitted(texts=TEXTS, **parameters):
    return TextVectorizer(**parameters).fit(texts)


def weights(vectorizer, text):
    return vectorizer.transform([text]).toarray()[0]


@given(HOSTILE)
@settings(max_examples=400)
def test_cleaning_twice_changes_nothing_and_leaves_no_control_character(text):
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in cleaned)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert len(cleaned) <= MAX_CHARACTERS


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po"], max_codepoint=0x24F), max_size=30))
def test_cleaning_keeps_plain_text_as_it_is(text):
    assert clean_text(text) == unicodedata.normalize("NFC", text)


CLEANED = {
    "02-white-space": (" \t\r\n\u2003 ", ""),
    "08-byte-order-mark": ("\ufeffhello", "hello"),
    "09-null-characters": ("he\0llo\0", "hello"),
    "10-lone-surrogate": ("a\ud800b", "a\ufffdb"),
    "10-split-pair": ("a\ud83d\ude00", "a😀"),
    "11-emoji": ("great 😀👍🏽", "great 😀👍🏽"),
    "12-joined-emoji": ("👩‍👩‍👧 🏳️‍🌈", "👩‍👩‍👧 🏳️‍🌈"),
    "13-direction-override": ("ab\u202ecd\u2066e\u200f", "abcde"),
    "14-mixed-script": ("hello привет 你好 مرحبا", "hello привет 你好 مرحبا"),
    "15-decomposed": ("cafe\u0301", "café"),
    "15-decomposed-around-a-null": ("cafe\0\u0301", "café"),
    "16-case-is-kept": ("İSTANBUL Straße", "İSTANBUL Straße"),
    "34-untranscribed": ("[laughter] well", "[laughter] well"),
    "35-numbers": ("2024", "2024"),
    "windows-quotes": ("It\x92s \x93fine\x94\x81", "It’s “fine”"),
    "form-feed-between-words": ("one\x0ctwo\x1cthree", "one two three"),
    "escape-sequence": ("\x1b[31mred", "[31mred"),
}


@pytest.mark.parametrize(("text", "cleaned"), CLEANED.values(), ids=CLEANED)
def test_text_is_brought_to_one_form(text, cleaned):
    assert clean_text(text) == cleaned


def test_18_long_text_is_cut():
    assert clean_text("word " * 200_000) == ("word " * 200_000)[: MAX_CHARACTERS - 1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("so  happy", " so\thappy\n"),
        ("so happy", "so\u202e hap\0py"),
        ("GREAT", "great"),
        ("ÇA VA", "ça va"),
        ("It\x92s", "It’s"),
    ],
    ids=["15-nfc-nfd", "white-space", "09-13-marks", "16-case", "16-accents", "windows-quotes"],
)
def test_two_ways_to_write_one_text_get_the_same_row(first, second):
    vectorizer = fitted([*TEXTS, first, "great", "so happy", "ça va"])
    assert weights(vectorizer, first).any()
    np.testing.assert_array_equal(weights(vectorizer, first), weights(vectorizer, second))


@pytest.mark.parametrize(
    "text",
    [
        "İstanbul ß ẞ",
        "👩‍👩‍👧",
        "\ud800",
        "مرحبا 你好",
        "a" * 50_000,
        "!" * 1_000_000,
        "@" * 2000 + ":" * 2000,
        "x " * 500_000,
    ],
    ids=[
        "16-case-fold",
        "12-joined-emoji",
        "10-surrogate",
        "14-scripts",
        "17-word",
        "19-marks",
        "20-signs",
        "18-words",
    ],
)
def test_hostile_text_gets_a_finite_row_of_unit_parts(text):
    vectorizer = fitted([*TEXTS, text])
    row = weights(vectorizer, text)
    assert row.dtype == np.float32
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(np.sqrt(2), rel=1e-5)


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("great 😀", "😀"),
        ("👩‍👩‍👧!", "👩‍👩‍👧"),
        ("fine :-)", ":-)"),
        ("what?!", "?"),
        ("well...", "..."),
        ("don't", "don't"),
    ],
    ids=["11-emoji", "12-joined-emoji", "emoticon", "question", "ellipsis", "apostrophe"],
)
def test_tokens_keep_what_carries_emotion(text, token):
    assert token in tokenize(text)


def test_repeated_letters_are_shortened_and_case_is_folded():
    assert tokenize("Sooooooo COOL") == ["sooo", "cool"]


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


def test_26_text_of_unknown_terms_gets_a_zero_row():
    assert not weights(fitted(), "ζζζ ξξξ").any()


def test_27_one_document_is_fitted():
    assert weights(fitted(["only this"]), "only this").any()


def test_28_term_that_stands_in_too_few_texts_is_refused_in_plain_words():
    texts = [f"{letter * 3}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    with pytest.raises(TableError, match="no term stands in enough training texts; give more texts or lower min_df"):
        fitted(texts, min_df_words=5, min_df_chars=5)
    with pytest.raises(TableError, match="no term stands in enough training texts"):
        fitted(texts, min_df_words=100, min_df_chars=100)


def test_part_without_a_frequent_term_is_left_out():
    texts = [f"{letter * 3}oh" for letter in "abcdefghijklmnopqrstuvwxyz"]
    names = fitted(texts, min_df_words=2, min_df_chars=3).get_feature_names_out()
    assert names.tolist() == ["char=h ", "char=oh", "char=oh "]


def test_29_vocabulary_is_limited_in_each_part():
    names = fitted(max_features=5).get_feature_names_out()
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
