"""On real data: a fused model that is given one modality is not worse than the model of that modality."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.corpora import Corpus, CorpusInfo
from emofuse.experiments.run import run_study
from emofuse.experiments.study import parse_study
from sklearn.datasets import load_digits

# Real pictures that scikit-learn brings along: the left half of a digit is one modality, the right half another. The rows
# of the file come from one writer after the other, so that stretches of it are held together.
NOISE = 0.015  # about two standard errors of an accuracy over so many digits


@pytest.fixture(scope="module")
def halves():
    digits = load_digits()
    rows = np.arange(0, 1797, 2)
    index = [f"digit{row}" for row in rows]
    samples = pd.DataFrame(
        {"label": [f"class{label}" for label in digits.target[rows]], "group": [f"w{row // 60}" for row in rows]}, index
    )
    pictures = digits.images[rows]
    tables = {
        name: pd.DataFrame(half.reshape(len(rows), -1), index, [f"{name}{number}" for number in range(32)])
        for name, half in (("left", pictures[:, :, :4]), ("right", pictures[:, :, 4:]))
    }
    info = CorpusInfo("digits", "Handwritten digits", "CC BY 4.0", "UCI", "array", "writer", ("left", "right"))
    return Corpus(info, samples, tables)


@pytest.fixture(scope="module")
def results(halves):
    recipes = {"boosted": {"n_rounds": 25, "balanced": False}}
    study = parse_study(
        {
            "name": "halves",
            "corpus": "digits",
            "protocol": {"name": "group_kfold", "n_folds": 3},
            "classifiers": ["kernel", "boosted"],
            "strategies": [
                "unimodal",
                "early",
                "late_product",
                "late_weighted",
                "stacking",
                "stacking_gated",
                "hybrid",
            ],
            "blocks": {name: {"extractor": "table", "table": name, "recipes": recipes} for name in ("left", "right")},
            "early": recipes,
            "metrics": ["accuracy", "uar"],
        },
        source="halves",
    )
    return run_study(study, halves).results


@pytest.mark.parametrize("modality", ["left", "right"])
def test_with_one_modality_a_fusion_is_as_good_as_the_model_of_that_modality(results, modality):
    alone = {
        row["classifier"]: row["metrics"]["accuracy"]["mean"]
        for row in results["rows"]
        if row["strategy"] == "unimodal" and row["blocks"] == [modality]
    }
    for row in results["missing"]["rows"]:
        given = next(item["mean"] for item in row["subsets"] if item["present"] == [modality])
        assert given >= alone[row["classifier"]] - NOISE, row["strategy"]


def test_both_halves_are_better_than_one_and_no_worse_with_either_gone(results):
    for row in results["missing"]["rows"]:
        mean = {tuple(item["present"]): item["mean"] for item in row["subsets"]}
        assert mean["left", "right"] > max(mean["left",], mean["right",]) + 0.03
        assert min(mean["left",], mean["right",]) > 0.6
