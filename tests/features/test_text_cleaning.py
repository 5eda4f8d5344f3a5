"""A text is repaired and masked, and what carries emotion stays."""

import unicodedata

import pytest
from emofuse.features.text_cleaning import MAX_CHARACTERS, MAX_ROUNDS, clean_text, is_too_long, mask_text, printable
from hypothesis import given, settings
from hypothesis import strategies as st

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "\0\t\n\x0b\x0c\x1b\x1c\x85\x92\xa0\u0301\u0327\u200d\u2028\u202e\u2067\ufeff\ud800\udc00e ﬁİß"
        ),
    )
)


@given(HOSTILE)
@settings(max_examples=400)
def test_cleaning_twice_changes_nothing_and_leaves_no_control_character(text):
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in cleaned)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert len(cleaned) <= MAX_CHARACTERS


@given(
    st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po"], max_codepoint=0x7E, exclude_characters="&"), max_size=30)
)
def test_cleaning_keeps_plain_text_as_it_is(text):
    assert clean_text(text) == unicodedata.normalize("NFC", text)


@given(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x17F).filter(lambda letter: letter not in "ĲĳŉǄ")))
def test_letters_of_european_languages_are_kept(text):
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
    "windows-quotes": ("It\x92s \x93fine\x94\x81", 'It\'s "fine"'),
    "form-feed-between-words": ("one\x0ctwo\x1cthree", "one two three"),
    "escape-sequence": ("\x1b[31mred", "red"),
    "mojibake": ("Itâ€™s a cafÃ©", "It's a café"),
    "ellipsis-of-windows": ("well\x85", "well…"),
    "full-width": ("ｎｏ！", "no!"),
    "13-byte-order-inside": ("a\ufeffb\u061cc", "abc"),
    "21-entities": ("fish &amp; chips &lt;3 &#33;", "fish & chips <3 !"),
    "21-nested-entities": ("&amp;amp;amp;lt;3", "<3"),
    "21-markup": ('<p class="x">so <b>very</b><br/>nice</p>', "so very nice"),
    "21-markup-in-entities": ("&lt;b&gt;nice&lt;/b&gt;", "nice"),
    "21-script": ("a<script>alert('x')</script>b<!-- c -->d", "a b d"),
    "21-heart-and-arrows": ("I <3 you <-- a < b and c > d", "I <3 you <-- a < b and c > d"),
    "21-comparison": ("a<b and c>d", "a<b and c>d"),
    "21-mask-is-no-element": ("<user> <url>", "<user> <url>"),
}


@pytest.mark.parametrize(("text", "cleaned"), CLEANED.values(), ids=CLEANED)
def test_text_is_brought_to_one_form(text, cleaned):
    assert clean_text(text) == cleaned


def test_18_long_text_is_cut():
    assert clean_text("word " * 200_000) == ("word " * 200_000)[: MAX_CHARACTERS - 1]


def test_18_text_of_the_greatest_length_is_kept():
    assert clean_text("a" * MAX_CHARACTERS) == "a" * MAX_CHARACTERS
    assert not is_too_long("a" * MAX_CHARACTERS)
    assert is_too_long("a" * (MAX_CHARACTERS + 1))


NESTED = {
    "amp": "&" + "amp;" * 5000,
    "number": "&#38;" * 4000,
    "tags": "<b" * 9000 + ">" * 2000,
    "comments": "<!--" * 5000,
}


@pytest.mark.parametrize("text", NESTED.values(), ids=NESTED)
def test_21_nested_markup_is_done_with_in_few_rounds(text, monkeypatch):
    import ftfy

    calls = []
    fix_text = ftfy.fix_text
    monkeypatch.setattr(ftfy, "fix_text", lambda *arguments: calls.append(1) or fix_text(*arguments))
    cleaned = clean_text(text)
    assert len(calls) <= MAX_ROUNDS
    assert len(cleaned) <= len(text)


MASKED = {
    "22-url": ("see https://example.org/a?b=1.", "see <url> ."),
    "22-url-without-scheme": ("www.example.org, example.com/x!", "<url> , <url> !"),
    "22-file": ("file:///etc/passwd", "<url>"),
    "22-email": ("write to ann.b+c@mail.example.org!", "write to <email> !"),
    "22-phone-international": ("call +44 20 7946 0018 now", "call <phone> now"),
    "22-phone-brackets": ("(555) 123-4567", "<phone>"),
    "22-phone-local": ("555-1234 or 555-123-4567 or 5551234567", "<phone> or <phone> or <phone>"),
    "22-mention": ("@ann_b hi,@ben", "<user> hi, <user>"),
    "hashtag": ("so #happy #SoVeryHappy", "so # happy # So Very Happy"),
    "no-hashtag": ("we're #1", "we're #1"),
    "no-phone": ("2024-01-05 at 10:30, 1000000 or 3.14", "2024-01-05 at 10:30, 1000000 or 3.14"),
    "no-url": ("well.then e.g. U.S.A.", "well.then e.g. U.S.A."),
    "34-marker": ("[laughter] well [off camera]", "<laughter> well <off_camera>"),
    "34-no-marker": ("[1] [a, b; c]", "[1] [a, b; c]"),
    "elongation": ("soooooo goooood!!!!!!", "sooo goood!!!"),
    "35-digits-are-kept": ("1000000", "1000000"),
    "emoji-form": ("❤\ufe0f", "❤"),
}


@pytest.mark.parametrize(("text", "masked"), MASKED.values(), ids=MASKED)
def test_text_is_masked(text, masked):
    assert mask_text(text) == masked


@given(HOSTILE)
def test_masking_a_clean_text_leaves_no_repetition_and_no_stray_space(text):
    masked = mask_text(clean_text(text))
    assert masked == " ".join(masked.split())
    assert all(len(set(masked[at : at + 4])) > 1 or masked[at].isdigit() for at in range(len(masked) - 3))


@given(HOSTILE)
def test_39_no_terminal_obeys_what_is_printed(text):
    shown = printable(text)
    assert shown.isprintable()
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_39_plain_text_is_printed_as_it_is():
    assert printable("Über 'so' 😀\x1b[2J\n\u202e") == "Über 'so' 😀\\x1b[2J\\n\\u202e"
