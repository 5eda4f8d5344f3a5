"""Drift against a model's own training: known by the model file, measured on clips and on tables, refused where it cannot be."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from emofuse.features.drift import Reference, text_rows
from emofuse.features.errors import BundleError, PredictionError
from emofuse.inference.bundle import load_bundle
from emofuse.inference.drifting import as_records, drift_of_blocks


@pytest.fixture(scope="module")
def knowing(making, models):
    """A model of ready numbers that knows how its training was spread."""
    made = models.tables()
    references = {name: Reference.of(made.X[name].to_numpy(dtype=float)) for name in ("face", "voice")}
    return models.save("knowing", made.X, made.fusion, making.READY, references=references)


@pytest.fixture(scope="module")
def reading(making, models):
    """A model of words that knows how its training texts were written."""
    made = models.text()
    texts = made.X["words"].iloc[:, 0].tolist()
    return models.save(
        "reading", made.X, made.fusion, making.TEXT, references={"words": Reference.of(text_rows(texts))}
    )


def clips(table):
    return [
        {"features": {name: {key: float(value) for key, value in row[name].items()} for name in ("face", "voice")}}
        for _, row in table.iterrows()
    ]


def test_the_references_come_back_as_they_were_written(knowing):
    loaded = load_bundle(knowing.path).references
    for name in ("face", "voice"):
        own = Reference.of(knowing.X[name].to_numpy(dtype=float))
        assert loaded[name].n_rows == own.n_rows
        for part in ("columns", "edges", "shares"):
            np.testing.assert_array_equal(getattr(loaded[name], part), getattr(own, part))


def test_training_clips_have_not_drifted_and_moved_ones_have(knowing):
    model = knowing.model
    assert {name: found.size for name, found in model.drift(clips(knowing.X)).items()} == {
        "face": "none",
        "voice": "none",
    }
    moved = knowing.X.copy()
    moved["voice"] += 4
    found = model.drift(clips(moved))
    assert (found["face"].size, found["voice"].size) == ("none", "large")


def test_a_block_table_drifts_as_its_clips_do(knowing):
    moved = knowing.X + 1
    by_clips, by_table = knowing.model.drift(clips(moved)), drift_of_blocks(knowing.model, moved)
    assert {name: own.score for name, own in by_clips.items()} == pytest.approx(
        {name: own.score for name, own in by_table.items()}
    )


def test_texts_are_compared_by_how_they_are_written(reading):
    model = reading.model
    own = [{"text": text} for text in reading.X["words"].iloc[:, 0]]
    assert model.drift(own)["words"].size == "none"
    shouted = [{"text": f"WHAT?!? NO WAY {number}!!!"} for number in range(30)]
    found = model.drift(shouted)["words"]
    assert found.size == "large"
    record = as_records(model, {"words": found})[0]
    assert record["block"] == "words" and len(record["most"]) == 5
    assert set(record["most"]) & {"upper_case_share", "n_question_marks", "n_exclamation_marks"}


def test_too_few_clips_are_refused(knowing):
    with pytest.raises(PredictionError, match=r"needs 20 clips .* got 1\d"):
        knowing.model.drift(clips(knowing.X.iloc[:19]))


def test_a_model_that_does_not_know_its_training_says_so(models):
    made = models.tables()
    with pytest.raises(PredictionError, match="train it again"):
        made.model.drift(clips(made.X))


@pytest.mark.parametrize(
    "harm",
    [
        lambda spread: spread["face"].pop("edges"),
        lambda spread: spread["face"].update(n_rows=0),
        lambda spread: spread["face"].update(n_rows="many"),
        lambda spread: spread["face"].update(edges=spread["face"]["shares"]),
        lambda spread: spread["face"].update(columns=spread["face"]["edges"]),
        lambda spread: spread["face"].update(shares=[1.0]),
        lambda spread: spread.update(face=3),
        lambda spread: spread.update(nose=spread.pop("face")),
    ],
)
def test_a_reference_that_is_none_is_refused(knowing, making, tmp_path, harm):
    bad = tmp_path / "bad.emofuse"
    bad.write_bytes(making.rewritten(knowing.path, lambda _, manifest: harm(manifest["references"])))
    with pytest.raises(BundleError, match=r"reference|must be|no block"):
        load_bundle(bad)


def test_the_command_shows_what_moved(knowing, command, tmp_path):
    table = pd.DataFrame(
        {f"{block}/{name}": knowing.X[block][name] + (9 if block == "face" else 0) for block, name in knowing.X.columns}
    )
    table.to_csv(tmp_path / "clips.csv", index=False)
    answer = command("drift", knowing.path, "--csv", tmp_path / "clips.csv", "--json")
    assert answer.status == 0, answer.err
    assert {item["block"]: item["size"] for item in json.loads(answer.out)} == {"face": "large", "voice": "none"}
    assert "large" in command("drift", knowing.path, "--csv", tmp_path / "clips.csv").out
    few = command("drift", knowing.path, tmp_path / "nothing.wav")
    assert few.status == 2 and few.err.count("\n") == 1
