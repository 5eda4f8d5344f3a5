"""VADER's rules give the scores that NLTK's implementation gives, with the lexicon of their authors."""

import pytest
from emofuse.features.vader import vader_lexicon, vader_scores
from hypothesis import example, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def reference():
    from nltk.sentiment.vader import SentimentIntensityAnalyzer, VaderConstants

    class Analyzer(SentimentIntensityAnalyzer):
        """NLTK's, which would look for the lexicon among its own downloads."""

        def __init__(self):
            self.lexicon = vader_lexicon()
            self.constants = VaderConstants()

    return Analyzer().polarity_scores


def test_lexicon_is_that_of_its_authors():
    lexicon = vader_lexicon()
    assert len(lexicon) > 7000
    assert (lexicon["good"], lexicon[":("], lexicon["horrible"]) == (1.9, -1.9, -2.5)
    assert -4 <= min(lexicon.values()) < 0 < max(lexicon.values()) <= 4
    with pytest.raises(TypeError):
        lexicon["good"] = 0.0
    assert vader_scores("VADER is smart, handsome, and funny.")["compound"] == pytest.approx(0.8316)  # its authors' own


WORDS = """
so this never least at very kind sort of not don't bad ass good GOOD Good but But the shit bomb yeah right SO VERY kinda NOT
AIN'T aint hardly HARDLY just enough kiss death cut mustard hand to mouth terrible a x table :) :( !! ??? happy! (sad) 'good'
good,, ,good ?good? good-bye uh-uh most almost hurt, LOVE hate. great!!! cannot without nor İ 5 $ 😀 don’t naïve
"""


@given(st.lists(st.sampled_from(WORDS.split()), max_size=10).map(" ".join))
@settings(max_examples=300)
@example("never so bad")
@example("a bad ass of a bomb, and this is kind of the shit")
@example("at least good, not at very least good")
@example("good but bad but good BUT bad")
def test_scores_are_those_of_nltk(reference, text):
    assert vader_scores(text) == reference(text)


@given(st.text(max_size=60))
def test_any_text_is_scored_as_by_nltk(reference, text):
    assert vader_scores(text) == reference(text)


def test_the_lists_of_words_are_those_of_nltk(reference):
    constants = reference.__self__.constants
    for word in [*constants.BOOSTER_DICT, *constants.NEGATE, *constants.SPECIAL_CASE_IDIOMS]:
        for text in (f"{word} good", f"it is {word} bad", f"it was {word} x good", f"{word} good".upper() + " yes"):
            assert vader_scores(text) == reference(text)
    for marks in constants.PUNC_LIST:
        assert vader_scores(f"good{marks} and {marks}bad") == reference(f"good{marks} and {marks}bad")


@pytest.mark.parametrize("text", ["", " ", "a", "! ?"])
def test_text_without_a_word_has_zeros(text):
    assert vader_scores(text) == {"neg": 0.0, "neu": 0.0, "pos": 0.0, "compound": 0.0}


def test_long_text_of_different_words_is_scored(reference):
    text = " ".join(f"w{number:x}" for number in range(4000)) + " good"
    assert vader_scores(text) == reference(text)
