"""Tokens keep what carries emotion, and are found once for all who count them."""

import pytest
from emofuse.features import text_tokens
from emofuse.features.errors import EmofuseError
from emofuse.features.text_cleaning import clean_text
from emofuse.features.text_tokens import emoji_name, is_emoji, is_negation, is_word, mark_negations, tokenize
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("great 😀", "😀"),
        ("great😀!", ":grinning_face:"),
        ("👩‍👩‍👧!", "👩‍👩‍👧"),
        ("👩‍👩‍👧!", ":woman_woman_girl:"),
        ("🏳️‍🌈", ":waving_white_flag_rainbow:"),
        ("🇫🇷", ":flag_fr:"),
        ("well . . . ", "..."),
        ("well . .", ".."),
        ("GREAT :D", ":D"),
        ("D: [Off Camera]", "<off_camera>"),
        ("[laughter] oh", "<laughter>"),
        ("at http://example.org", "<url>"),
        ("I <3 it", "<3"),
        ("fine :-)", ":-)"),
        ("what?!", "?"),
        ("well...", "..."),
        ("don't", "don't"),
    ],
    ids=[
        "11-emoji",
        "11-emoji-name",
        "12-joined-emoji",
        "12-joined-name",
        "12-flag-of-colours",
        "flag",
        "spaced-ellipsis",
        "spaced-points",
        "emoticon-with-a-letter",
        "34-marker-in-capitals",
        "34-marker",
        "22-url",
        "heart",
        "emoticon",
        "question",
        "ellipsis",
        "apostrophe",
    ],
)
def test_tokens_keep_what_carries_emotion(text, token):
    assert token in tokenize(text)


def test_repeated_letters_are_shortened_and_marked_and_case_is_folded():
    assert tokenize("Sooooooo COOL") == ["sooo", "<elongated>", "cool"]
    assert tokenize("Ooo! AAaaaah") == ["ooo", "<elongated>", "!", "aaah", "<elongated>"]


NEGATED = {
    "to-the-comma": ("i do not like it, really", "i do not not_like not_it , really"),
    "contraction": ("don't worry. be happy", "don't not_worry . be happy"),
    "twice": ("never say never again", "never not_say not_never not_again"),
    "ellipsis": ("no way... sure", "no not_way ... sure"),
    "emoji-and-marks": ("not 😀 <url> good", "not 😀 :grinning_face: <url> not_good"),
    "none": ("all is good", "all is good"),
}


@pytest.mark.parametrize(("text", "marked"), NEGATED.values(), ids=NEGATED)
def test_words_after_a_negation_are_marked(text, marked):
    assert mark_negations(tokenize(text)) == marked.split()


@given(st.lists(st.sampled_from(["not", "no", "good", "so", ",", "!", "😀", "don't"]), max_size=8))
def test_marking_negations_changes_no_other_token(tokens):
    marked = mark_negations(tokens)
    assert [token.removeprefix("not_") for token in marked] == tokens
    assert not any(token in (",", "!", "😀") and "not_" in mark for token, mark in zip(tokens, marked, strict=True))


@given(st.text(max_size=60))
def test_any_text_has_tokens_without_spaces(text):
    tokens = tokenize(clean_text(text))
    assert all(token and not any(letter.isspace() for letter in token) for token in tokens)


def test_kinds_of_tokens():
    assert is_word("don't") and is_word("2024") and not is_word("...") and not is_word("<url>") and not is_word("😀")
    assert is_emoji("😀") and is_emoji("🇫🇷") and not is_emoji("©") and not is_emoji("a") and not is_emoji("你")
    assert is_negation("isn't") and is_negation("nobody") and not is_negation("note")


def test_skin_tone_is_no_part_of_the_name():
    assert emoji_name("👍🏽") == emoji_name("👍") == ":thumbs_up_sign:"


def test_long_text_is_not_kept_in_memory():
    text_tokens._tokens.cache_clear()
    tokenize("so " * 1000)
    assert text_tokens._tokens.cache_info().currsize == 0
    tokenize("so happy")
    assert text_tokens._tokens.cache_info().currsize == 1


def test_changing_the_answer_does_not_change_the_next_one():
    tokenize("so happy").clear()
    assert tokenize("so happy") == ["so", "happy"]


def test_31_missing_data_of_nltk_is_an_error_that_says_what_to_do(monkeypatch):
    class Lacking:
        def tokenize(self, text):
            raise LookupError("\n****\n  Resource punkt_tab not found.\n  Please use the NLTK Downloader\n****")

    monkeypatch.setattr(text_tokens, "_tweet_tokenizer", Lacking)
    with pytest.raises(EmofuseError, match=r"Resource punkt_tab not found.*nothing is downloaded: copy .* NLTK_DATA"):
        tokenize("words that no cache holds yet")
