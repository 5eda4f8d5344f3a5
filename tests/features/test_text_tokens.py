"""Tokens keep what carries emotion, and are found once for all who count them."""

import pytest
from emofuse.features import text_tokens
from emofuse.features.text_cleaning import clean_text, mask_text
from emofuse.features.text_tokens import emoji_name, is_emoji, is_negation, is_word, mark_negations, stem, tokenize
from hypothesis import given, settings
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


@pytest.fixture(scope="module")
def reference():
    from nltk.tokenize import TweetTokenizer

    return TweetTokenizer(preserve_case=True, match_phone_numbers=False).tokenize


SPOKEN = {
    "speech": "Well, I don't know... 'cause y'know--uh, F-hah. It's Ross' C.H.E.E.S.E. sandwich!!!",
    "numbers": "8pm, 7:30 or 10/12; 1,000.50 -5 +3- 3-4 (2) 1. $5 50% a1b2 1st",
    "emoticons": "fine :-) :D D: =P 8) ;o) :'( >:( :/ (: </3 <3 8-] |-: :| xD",
    "tags-and-arrows": "<user> <3> < > -> <-- --> <= a<b>c <br/>",
    "addresses": "okay.well and.or/else so.then@ ann@home x.y a.bc https:a https:/ab example.org/(a)/b,",
    "handles": "a@b @ @me_2 #1st ##a-b' #'a #_ foo#bar2",
    "marks": 'what?! . . . .. .. … “so” "so" —no– `x` a_b __a__ snake-case- -dash a--b',
    "accents": "café naïve Straße İstanbul ÇA",
    "hindi": "मैं बहुत खुश हूँ।",
    "persian": "من می‌خواهم",
    "malayalam": "അവന്‍ വന്നു",
    "chinese": "我很高兴!",
    "fractions": "½ m² 2½ Ⓐbc a‿b",
    "emoji": "so👍🏽good 👩‍👩‍👧!😀😀 🇫🇷🇩🇪 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 1⃣ ☺",
}


@pytest.mark.parametrize("text", SPOKEN.values(), ids=SPOKEN)
def test_text_is_cut_as_by_nltk(reference, text):
    assert text_tokens._cut(text) == reference(text)


PIECES = [
    *"abZoxdDpPO8 .,'-_@#:/)([]{}|\\;=<>*%!?+éा你²‿Ⓐ…—😀🇫",
    " ",
    "23",
    "com",
    "http",
    "https:",
    "🏽",
    "\u200c",
    "I'm",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(max_examples=400)
def test_any_mixture_is_cut_as_by_nltk(reference, text):
    masked = mask_text(clean_text(text))
    assert text_tokens._cut(masked) == reference(masked)


def test_what_looks_like_an_entity_is_kept_where_nltk_drops_it(reference):
    assert text_tokens._cut("R&B; so") == ["R", "&", "B", ";", "so"]
    assert reference("R&B; so") == ["R", "so"]


UNITS = [
    ".a",
    "a.",
    "a-",
    "a1-",
    "<a",
    "-",
    "#",
    "#a-'",
    "a@",
    "a.bc/",
    "http:/!?",
    "(a",
    "a\u200d",
    "🇫",
    "👍🏽",
    "'-",
    "1,",
    "..! ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_20_long_hostile_text_is_cut_without_losing_a_character(unit):
    text = (unit * 20_000)[:20_000]
    assert "".join(text_tokens._cut(text)).replace(" ", "") == text.replace(" ", "")
    assert tokenize(text)


@pytest.mark.parametrize(
    "word", ["happily", "crying", "friends", "generously", "don't", "i'm", "2024", "naïve", "mañana"]
)
def test_stems_are_those_of_snowball(word):
    from nltk.stem.snowball import EnglishStemmer

    assert stem(word) == EnglishStemmer().stem(word)
