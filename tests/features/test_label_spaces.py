"""Label spaces and maps: every map leads from labels of one space to labels of another, and a name says which."""

from __future__ import annotations

import re

import pytest
from emofuse.experiments.corpora import NAMES
from emofuse.features.errors import StudyError
from emofuse.features.label_spaces import MAPS, SPACES, label_map

each_map = pytest.mark.parametrize("known", MAPS.values(), ids=MAPS)


@pytest.mark.parametrize("labels", SPACES.values(), ids=SPACES)
def test_a_space_names_each_label_once_and_plainly(labels):
    assert len(set(labels)) == len(labels) > 1
    assert all(re.fullmatch(r"[a-z_]+", label) for label in labels)


@each_map
def test_the_labels_of_a_map_lie_in_its_spaces(known):
    assert set(known.labels) <= set(SPACES[known.source])
    assert set(known.labels.values()) <= set(SPACES[known.target])
    assert len(set(known.labels.values())) > 1


@each_map
def test_the_name_of_a_map_says_where_it_leads_and_its_version(known):
    assert MAPS[known.name] is known
    found = re.fullmatch(rf"{known.source}_to_{known.target}(_\w+)?@([1-9]\d*)", known.name)
    assert found is not None
    assert label_map(known.name) is known
    assert known.reason


@each_map
def test_what_a_map_drops_is_the_rest_of_its_source(known):
    assert {*known.labels, *known.dropped} == set(SPACES[known.source])
    assert not set(known.labels) & set(known.dropped)


def test_a_name_without_its_version_means_the_latest(monkeypatch):
    first = label_map("ravdess_to_ekman7")
    assert first.name == "ravdess_to_ekman7@1"
    later = type(first)("ravdess_to_ekman7@12", "ravdess", "ekman7", {"calm": "neutral", "sad": "sadness"}, "later")
    middle = type(first)("ravdess_to_ekman7@2", "ravdess", "ekman7", {"calm": "neutral", "sad": "sadness"}, "between")
    monkeypatch.setitem(MAPS, later.name, later)
    monkeypatch.setitem(MAPS, middle.name, middle)
    assert label_map("ravdess_to_ekman7") is later
    assert label_map("ravdess_to_ekman7@1") is first


def test_an_unknown_name_is_refused_with_those_of_the_same_labels():
    with pytest.raises(StudyError, match=r"'meld_to_nothing' is not known.*meld_to_ekman7@1") as caught:
        label_map("meld_to_nothing")
    assert "fer2013" not in str(caught.value)


def test_an_unknown_version_is_refused():
    with pytest.raises(StudyError, match=r"ravdess_to_ekman7@99"):
        label_map("ravdess_to_ekman7@99")


def test_a_name_of_no_label_set_is_refused_with_every_map():
    with pytest.raises(StudyError) as caught:
        label_map("nonsense")
    assert all(name in str(caught.value) for name in MAPS)


@pytest.mark.parametrize(
    "name", ["emotions_nlp", "essays", "goemotions", "isear", "sentiment140", "tweet_emotions", "tweeteval"]
)
def test_a_text_corpus_has_a_label_set_of_its_name(name):
    assert name in NAMES
    assert name in SPACES


def test_thirteen_labels_of_tweets_become_six_of_seven():
    known = label_map("tweet_emotions_to_ekman7")
    assert len(SPACES["tweet_emotions"]) == 13
    assert known.dropped == ()
    assert set(SPACES["ekman7"]) - set(known.labels.values()) == {"disgust"}


def test_goemotions_leaves_out_what_its_authors_call_ambiguous():
    assert set(label_map("goemotions_to_ekman7").dropped) == set()
    assert set(label_map("goemotions_to_polarity3").dropped) == {"confusion", "curiosity", "realization", "surprise"}
