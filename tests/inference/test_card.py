"""The model card: every section says what the manifest says, and odd names break no table."""

from __future__ import annotations

import copy
import re
from dataclasses import replace

import pytest
from emofuse.inference.bundle import load_bundle
from emofuse.inference.card import LIMITS, model_card

HEADINGS = (
    "## Intended use",
    "## What it reads",
    "## Trained on",
    "## How good it is",
    "## What the file holds of people",
    "## Licences",
)
VALIDATION = {
    "protocol": {"name": "group_kfold", "groups": "speaker", "adaptive": True, "leaky": False},
    "of": "the strategy chosen anew in each fold",
    "nested": True,
    "metric": "uar",
    "metrics": {"uar": {"mean": 0.51234, "low": 0.4, "high": 0.6}, "ece": {"mean": 0.05, "low": None, "high": None}},
    "recall": {"angry": 0.25, "a|b": 1.0, "sad": None},
    "by_group": [{"uar": 0.3}, {"uar": 0.9}, {"uar": 0.5}, {"uar": None}],
    "by_column": {"gender": {"f|m": {"n": 7, "uar": 0.61}, "x\ny": {"n": 3}}},
}
TRAINING = {
    "n_samples": 48,
    "n_groups": 4,
    "splits": ["train", "dev"],
    "held_out": ["s5", "s6"],
    "classes": {"angry": 16, "a|b": 16, "sad\n| x": 16},
    "chosen": "late mean",
}


@pytest.fixture
def bundle(models):
    """A bundle whose manifest may be changed."""
    found = load_bundle(models.tables().path)
    return replace(found, manifest=copy.deepcopy(found.manifest))


def section(card, heading):
    return card.split(f"{heading}\n", 1)[1].split("\n## ", 1)[0]


def tables_of(text):
    """Every table, as lists of cells; a cell may hold an escaped bar."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]


def test_every_section_is_there_once_and_in_order(bundle):
    card = model_card(bundle)
    assert card.startswith("# small: 3 classes from face and voice\n")
    places = [card.index(f"{heading}\n") for heading in HEADINGS]
    assert places == sorted(places)
    assert all(card.count(f"{heading}\n") == 1 for heading in HEADINGS)
    assert "None" not in card and "{" not in card


def test_what_it_is_and_what_it_must_not_be_used_for(bundle):
    card = model_card(bundle)
    assert "- Classes: angry, happy, sad\n- Fusion: late product of face and voice\n" in card
    assert all(limit in section(card, "## Intended use") for limit in LIMITS)
    assert "work and in education" in card and "2024/1689" in card
    assert f"- Size: {bundle.n_bytes / 1e6:.1f} MB" in card


def test_what_it_reads(bundle, models):
    assert section(model_card(bundle), "## What it reads").count("ready numbers") == 2
    words = section(model_card(load_bundle(models.sound().path)), "## What it reads")
    assert "| acoustic | audio | opensmile | 88 |\n| words | text | text | words |" in words
    assert "Any of them may be missing" in words
    alone = load_bundle(models.text().path)
    assert "missing" not in section(model_card(alone), "## What it reads")
    assert "- Fusion: none, words alone" in model_card(alone)


def test_what_it_was_trained_on(bundle):
    bundle.manifest["training"] = TRAINING
    bundle.manifest["corpus"]["synthetic"] = True
    text = section(model_card(bundle), "## Trained on")
    assert "Made here (synthetic): 48 samples of 4 speakers." in text
    assert "Splits: train, dev." in text and "2 speakers were left out" in text
    assert "- Chosen: late mean (given by name)" in model_card(bundle)


def test_how_good_it_is(bundle):
    assert "Not validated." in section(model_card(bundle), "## How good it is")
    bundle.manifest["validation"] = VALIDATION
    text = section(model_card(bundle), "## How good it is")
    assert "Protocol group_kfold, speakers kept apart: the strategy chosen anew in each fold. **ADAPTIVE**" in text
    assert "| UAR | 0.512 | 0.400 to 0.600 |" in text and "| calibration error (less is better) | 0.050 |" in text
    assert "Guessing among the 3 classes has an unweighted average recall (UAR) of 0.333." in text
    assert "3 of them) UAR goes from 0.300 to 0.900, the median is 0.500." in text
    bundle.manifest["training"] = TRAINING
    assert "(chosen on training rows among the study's fusions)" in model_card(bundle)
    bundle.manifest["validation"] = VALIDATION | {"protocol": {"name": "official", "leaky": True}}
    assert "**LEAKY**" in model_card(bundle)


def test_tables_stay_tables_whatever_the_classes_are_called(bundle):
    bundle.manifest.update(validation=VALIDATION, training=TRAINING, classes=["a|b", "sad\n| x", "\x1b[31mred"])
    card = model_card(bundle)
    for heading, widths in (("## Trained on", {2}), ("## How good it is", {2, 3}), ("## What it reads", {4})):
        assert {len(cells) for cells in tables_of(section(card, heading))} == widths
    assert "| a\\|b | 16 |" in card and "| sad \\| x | 16 |" in card and "| f\\|m | 7 | 0.610 |" in card
    assert all(line.isprintable() for line in card.splitlines())


@pytest.mark.parametrize(("family", "keeps"), [("linear", False), ("boosted", False), ("kernel", True)])
def test_it_says_whether_rows_of_people_are_in_the_file(models, family, keeps):
    text = section(model_card(load_bundle(models.tables("late", family).path)), "## What the file holds of people")
    assert ("holds a row of numbers for each of them" in text) is keeps
    assert ("Statistics over many training samples" in text) is not keeps


def test_words_of_people_are_told(models, bundle):
    assert "Words and stretches" in model_card(load_bundle(models.text().path))
    assert "Words and stretches" not in model_card(bundle)


def test_licences(bundle):
    assert section(model_card(bundle), "## Licences").strip() == "- Made here: MIT"
    bundle.manifest["licences"] = ["a\nb", "c"]
    assert section(model_card(bundle), "## Licences").strip() == "- a b\n- c"
    bundle.manifest["licences"] = []
    assert section(model_card(bundle), "## Licences").strip() == "- None was stated."
