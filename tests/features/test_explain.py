"""Every feature can be looked up by its name; a name that is nearly right gets the right one."""

from __future__ import annotations

import json

import pytest
from emofuse.features.errors import StudyError
from emofuse.features.explain import explain_features
from emofuse.features.extractors import EXTRACTORS, make_extractor


@pytest.mark.parametrize("name", EXTRACTORS)
def test_features_of_every_extractor_are_found(name):
    names = make_extractor(name, {}).get_feature_names_out()
    for feature in (names[0], names[-1]):
        found = [item for item in explain_features(feature) if item.extractor == name]
        assert [item.feature for item in found] == [feature]
        assert found[0].note.measures and found[0].note.unit and found[0].note.source


def test_feature_of_a_set_that_is_not_the_default_is_found():
    found = explain_features("audspec_lengthL1norm_sma_range")
    assert found[0].extractor == "opensmile" and "auditory" in found[0].note.measures


def test_block_in_front_of_a_name_is_left_out():
    assert explain_features("eeg/AF7_alpha_log") == explain_features("AF7_alpha_log")


def test_pattern_lists_what_fits():
    found = explain_features("AF7_*_log")
    assert len(found) > 3 and all(item.feature.startswith("AF7_") for item in found)


def test_term_of_a_text_is_explained_without_a_fit():
    assert "TF-IDF" in explain_features("word=so/so")[0].note.measures
    assert explain_features("char= ha")[0].extractor == "text"


def test_unknown_name_gets_similar_ones():
    with pytest.raises(
        StudyError, match=r"no extractor has a feature 'AF7_alfa_log'; similar ones are .*AF7_alpha_log"
    ):
        explain_features("AF7_alfa_log")
    with pytest.raises(StudyError, match="a pattern such as"):
        explain_features("zzzzzzzzzzzzzzzz")


def test_command_explains_one_and_lists_many(command):
    one = command("explain", "AF7_alpha_log")
    assert one.status == 0 and "measures" in one.out and "source" in one.out
    many = command("explain", "AF7_*")
    assert many.status == 0 and many.out.count("AF7_") > 5
    found = json.loads(command("explain", "AF7_alpha_log", "--json").out)
    assert found[0]["note"]["unit"]
    wrong = command("explain", "AF7_alfa_log")
    assert wrong.status == 2 and wrong.err.count("\n") == 1
