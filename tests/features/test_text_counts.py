"""Counts of a text are what a reader would count, and the text itself is the source."""

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emofuse.features import base, vader
from emofuse.features.errors import EmofuseError, SampleError
from emofuse.features.text_counting import FEATURES
from emofuse.features.text_counts import TextCounts, foreign_share
from emofuse.features.vader import vader_lexicon
from hypothesis import given
from hypothesis import strategies as st


def counts(text):
    return dict(zip(FEATURES, TextCounts().extract_one(text).tolist(), strict=True))


COUNTED = {
    "characters": ("so  happy", {"n_characters": 8, "n_words": 2, "mean_word_length": 3.5}),
    "types": ("no no yes no", {"type_token_ratio": 0.5}),
    "capitals": ("I am SO Glad", {"n_upper_case_words": 1, "upper_case_share": 4 / 9}),
    "marks": ("what?! no!!!!! well?", {"n_exclamation_marks": 4, "n_question_marks": 2, "n_mixed_marks": 1}),
    "ellipses": ("well... so.. then… end. U.S.", {"n_ellipses": 3}),
    "punctuation": ('one, two - "three" — four', {"n_commas": 1, "n_dashes": 2, "n_quotes": 2}),
    "elongations": ("sooo coool book", {"n_elongations": 2}),
    "11-emoji": ("great 😀😂 © 5", {"n_emoji": 2, "n_emoticons": 0}),
    "12-joined-emoji": ("👩‍👩‍👧 🏳️‍🌈 👍🏽", {"n_emoji": 3}),
    "emoticons": ("fine :-) no :( I <3 it: (yes)", {"n_emoticons": 3}),
    "22-masks": ("@ann see https://example.org #Wow #1", {"n_urls": 1, "n_mentions": 1, "n_hashtags": 1}),
    "35-numbers": ("2024", {"n_digits": 4, "n_words": 1, "vader_compound": 0}),
    "pronouns": (
        "I'm sure you and your friends told us it's hers",
        {"n_first_person": 2, "n_second_person": 2, "n_third_person": 2},
    ),
    "negations": ("don't say never, no, nothing, note", {"n_negations": 4}),
    "sounds": ("oh wow, ugh! um, well, hmm... ahh", {"n_interjections": 4, "n_fillers": 2}),
    "34-markers": ("[laughter] well <url>", {"n_markers": 1}),
    "lexicon": (
        "happy and sad :)",
        {
            "n_positive_words": 2,
            "n_negative_words": 1,
            "sum_positive_valence": 2.7 + 2.0,
            "sum_negative_valence": -2.1,
            "max_valence": 2.7,
            "min_valence": -2.1,
        },
    ),
    "no-valence": ("the table", {"max_valence": 0, "min_valence": 0, "vader_neutral": 1, "vader_compound": 0}),
    "16-case-fold": ("İstanbul Straße", {"n_words": 2}),
    "21-markup": ("<b>so</b> &lt;3", {"n_words": 1, "n_emoticons": 1}),
}


@pytest.mark.parametrize(("text", "expected"), COUNTED.values(), ids=COUNTED)
def test_counts(text, expected):
    found = counts(text)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other"),
    [("good", "not good"), ("good", "very good"), ("good", "good!!"), ("it was good", "it was good, but sad")],
    ids=["negation", "booster", "emphasis", "but"],
)
def test_what_stands_around_a_word_changes_its_sentiment(one, other):
    assert counts(one)["vader_compound"] != counts(other)["vader_compound"]
    assert np.sign(counts(one)["vader_compound"] - counts(other)["vader_compound"]) == (
        -1 if other in ("very good", "good!!") else 1
    )


@given(st.text(max_size=80))
def test_any_text_has_finite_counts_that_fit_each_other(text):
    found = counts(text)
    assert np.isfinite(list(found.values())).all()
    assert all(found[name] >= 0 for name in FEATURES if name.startswith(("n_", "mean_", "type_", "upper_")))
    assert 0 <= found["upper_case_share"] <= 1 and 0 <= found["type_token_ratio"] <= 1
    assert -1 <= found["vader_compound"] <= 1
    shares = found["vader_positive"] + found["vader_negative"] + found["vader_neutral"]
    assert shares == pytest.approx(1, abs=0.01) or shares == 0
    assert found["min_valence"] <= found["max_valence"]


WARNED = {
    "01-empty": ("", "empty: the text is empty"),
    "02-white-space": (" \n\t ", "empty: the text is empty"),
    "marks-only": ("?!...", "empty: the text has no words"),
    "18-long": ("word " * 200_000, "cut: 1000000 characters, the first 20000 are counted"),
    "17-word": ("a" * 1_000_000, "cut: 1000000 characters"),
    "19-marks": ("!" * 1_000_000, "cut: 1000000 characters"),
    "36-language": ("привет, как дела?", "language: 100% of the letters are not Latin"),
}


@pytest.mark.parametrize(("text", "message"), WARNED.values(), ids=WARNED)
def test_doubtful_text_is_warned_of(text, message):
    extraction = TextCounts().extract(pd.DataFrame({"text": [text]}, index=["a"], dtype=object))
    assert extraction.n_extracted == 1
    assert any(found.startswith(message) for found in extraction.warnings["message"])


@pytest.mark.parametrize("text", ["So happy!", "ça va où? ẞ", "14 mixed слово here", "👩‍👩‍👧 ok", "x" * 20_000])
def test_good_text_is_not_warned_of(text):
    assert TextCounts().extract(pd.DataFrame({"text": [text]}, index=["a"], dtype=object)).warnings.empty


@pytest.mark.parametrize("text", ["", " ", "\u202e"], ids=["01-empty", "02-white-space", "13-direction-only"])
def test_empty_text_gets_a_zero_row(text):
    assert not any(counts(text).values())


def test_absent_text_is_an_absent_row():
    samples = pd.DataFrame({"text": [None, float("nan"), pd.NA, "so"]}, index=list("abcd"), dtype=object)  # Text 3, 4
    extraction = TextCounts().extract(samples)
    assert extraction.n_absent == 3
    assert extraction.features.isna().all(axis=1).tolist() == [True, True, True, False]


@pytest.mark.parametrize("dtype", ["str", "string", object])
def test_40_any_string_type_of_pandas_is_read(dtype):
    samples = pd.DataFrame({"text": pd.Series(["so happy", None], index=["a", "b"], dtype=dtype)})
    assert TextCounts().extract(samples).features["n_words"].tolist()[:1] == [2]


@pytest.mark.parametrize(
    "content",
    [b"w\xc3\xb6rld", "wörld".encode("utf-8-sig"), "wörld".encode("utf-16")],
    ids=["06-utf-8", "08-utf-8-mark", "08-utf-16-mark"],
)
def test_bytes_are_decoded(content):
    np.testing.assert_array_equal(TextCounts().extract_one(content), TextCounts().extract_one("wörld"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "the text itself is needed, got int"),
        (["a"], "the text itself is needed, got list"),
        (None, "the text itself is needed, got NoneType"),
        (b"caf\xe9", "byte 3 of the text is not UTF-8"),
        (Path("a.txt"), "the text itself is needed, got .*Path; pass a string"),
    ],
    ids=["05-int", "05-list", "03-none", "07-invalid-bytes", "38-path"],
)
def test_what_is_no_text_is_refused(source, message):
    with pytest.raises(SampleError, match=message) as caught:
        TextCounts().extract_one(source)
    assert caught.value.code == "not_text"


def test_contents_of_a_file_are_a_text_too():
    counter = TextCounts()
    np.testing.assert_array_equal(
        counter.measure(counter.signal_of("wörld".encode("utf-16"))).values, counter.extract_one("wörld")
    )
    with pytest.raises(SampleError, match="byte 3 of the text is not UTF-8"):
        counter.signal_of(b"caf\xe9")


def test_10_lone_surrogate_is_a_text():
    assert counts("so \ud800")["n_words"] == 1
    samples = pd.DataFrame({"text": ["so \ud800"]}, index=["a"], dtype=object)
    assert TextCounts().extract(samples).n_failed == 0


def test_38_text_that_looks_like_a_path_is_never_opened(tmp_path, monkeypatch):
    path = tmp_path / "happy.txt"
    path.write_text("terrible terrible", encoding="utf-8")
    counts("everything is loaded")
    with monkeypatch.context() as patch:
        for name in ("builtins.open", "io.open", "os.open"):
            patch.setattr(name, lambda *a, **k: pytest.fail("a file was opened"))
        row = counts(str(path))
    monkeypatch.setattr(base, "read_bytes", lambda *a, **k: pytest.fail("a file was opened"))
    by_batch = TextCounts().extract(pd.DataFrame({"text": [str(path)]}, index=["a"], dtype=object))
    assert row["n_negative_words"] == by_batch.features.at["a", "n_negative_words"] == 0
    assert row["n_positive_words"] == 0 and row["n_words"] > 1


@pytest.mark.parametrize("where", ["nowhere", "without its list"])
def test_32_absent_lexicon_is_an_error_before_anything_is_measured(where, tmp_path, monkeypatch):
    found = None
    if where != "nowhere":
        found = importlib.util.spec_from_file_location(
            "vaderSentiment", None, submodule_search_locations=[str(tmp_path)]
        )
    monkeypatch.setattr(vader, "find_spec", lambda name: found)
    vader_lexicon.cache_clear()
    try:
        with pytest.raises(EmofuseError, match="VADER's lexicon is not installed; install the package vaderSentiment"):
            TextCounts().extract(pd.DataFrame({"text": ["so"]}, index=["a"], dtype=object))
    finally:
        vader_lexicon.cache_clear()


def test_33_nothing_is_downloaded_and_no_client_for_the_web_is_imported(tmp_path):
    program = """
import socket
import sys

def refuse(*arguments, **options):
    raise OSError("the network was asked for")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from emofuse.features.text_counts import TextCounts
row = TextCounts().extract_one("so happy :)")
print(row.any(), "requests" in sys.modules, "vaderSentiment" in sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"NLTK_DATA": str(tmp_path), "HOME": str(tmp_path), "PATH": ""},
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "True False False"), ran.stderr
    assert not any(tmp_path.iterdir())


def test_33_no_socket_is_made(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", refuse)
    assert counts("a text that was never met")["n_words"] == 6


def test_every_count_is_explained():
    note = TextCounts().explain("vader_compound")
    assert note.unit == "1" and "Hutto" in note.source
    with pytest.raises(ValueError, match="TextCounts has no feature 'n_smiles'"):
        TextCounts().explain("n_smiles")


def test_36_share_of_foreign_letters():
    assert foreign_share("") == foreign_share("123 !") == 0
    assert foreign_share("Größe ạ") == 0
    assert foreign_share("ab你好") == 0.5
