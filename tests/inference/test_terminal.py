"""What a person sees of answers and models, and the files that answers are written to."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pandas as pd
import pytest
from emofuse.features.errors import PredictionError
from emofuse.features.terminal import MAX_NOTES
from emofuse.inference.answer import Answer, ModalityAnswer, TopFeature
from emofuse.inference.bundle import load_bundle
from emofuse.inference.terminal import inspection, print_answer, print_answers, print_inspection, write_answers

SHARES = {"sad": 0.125, "a|b": 0.625, "[bold]x": 0.25}
ANSWER = Answer(
    "a|b",
    SHARES,
    {
        "audio": ModalityAnswer(True, "sad", {"sad": 0.5, "a|b": 0.3, "[bold]x": 0.2}, 0.25, -0.125),
        "text": ModalityAnswer(True, "a|b", SHARES, 0.75, 0.375),
        "eeg": ModalityAnswer(False, reason="too_short: 2 s needed, got 1 s"),
        "image": ModalityAnswer(False, reason="not given"),
    },
    (TopFeature("words", "word=[red]", 0.5), TopFeature("acoustic", "F0", -0.25)),
    {"decode": 1.0, "extract": 2.25, "classify": 0.5, "total": 4.0},
    ("clipped: 2 % of the samples",),
)
NOTHING = Answer("sad", SHARES, {"audio": ModalityAnswer(False, reason="missing: no file 'x'")}, warnings=("none",))


def lines(text):
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def test_an_answer_is_printed_in_full(capsys):
    print_answer(ANSWER)
    printed = capsys.readouterr()
    found = lines(printed.out)
    assert found[0] == ["a|b", "0.625"]
    assert [line[:2] for line in found[1:4]] == [["a|b", "0.625"], ["[bold]x", "0.250"], ["sad", "0.125"]]
    assert [len(line[2]) for line in found[1:4]] == [15, 6, 3]  # bars, 24 characters for a probability of 1
    assert ["audio", "sad", "0.500", "0.25", "-0.12"] in found and ["text", "a|b", "0.625", "0.75", "+0.38"] in found
    assert ["eeg", "absent, see below"] in found and ["image", "absent"] in found
    assert ["words", "word=[red]", "+0.500"] in found and ["acoustic", "F0", "-0.250"] in found
    assert found[-1] == ["ms: decode 1.0, extract 2.2, classify 0.5, total 4.0"]
    assert printed.err.splitlines() == [
        "note: clipped: 2 % of the samples",
        "note: eeg is absent (too_short: 2 s needed, got 1 s)",
    ]


def test_an_adaptive_answer_says_so(capsys):
    print_answer(replace(ANSWER, adaptive=True, top_features=(), timing_ms=None))
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "a|b  0.625  [ADAPTIVE]"
    assert "Features" not in out and "ms:" not in out


def test_many_answers_are_a_row_each(capsys):
    print_answers([("one [b]", ANSWER), ("two", replace(ANSWER, warnings=()))])
    printed = capsys.readouterr()
    found = lines(printed.out)
    assert found[0] == ["2 clips"]
    assert found[1] == ["clip", "label", "probability", "audio", "text", "eeg", "image"]
    assert found[2] == ["one [b]", "a|b", "0.625", "sad", "a|b", "absent", "absent"]
    assert printed.err.splitlines()[0] == "note: one [b]: clipped: 2 % of the samples"
    print_answers([("gone", NOTHING)])
    printed = capsys.readouterr()
    assert lines(printed.out)[1:] == [["clip", "label", "probability"], ["gone", "-"]]
    assert printed.err.splitlines() == ["note: gone: none", "note: gone: audio is absent (missing: no file 'x')"]


def test_of_many_notes_the_first_are_printed(capsys):
    print_answers([(f"clip {number}", NOTHING) for number in range(30)])
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == MAX_NOTES + 1 and notes[-1].startswith(f"note: {60 - MAX_NOTES} more")
    assert "results.json" not in notes[-1]


def test_no_answer_is_no_error(capsys):
    print_answers([])
    assert capsys.readouterr().out.startswith("0 clips")


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".parquet"])
def test_answers_are_written_as_a_table(tmp_path, suffix):
    path = tmp_path / "new" / f"a{suffix}"
    write_answers([("one", ANSWER), ("two", NOTHING)], path)
    found = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path)
    assert found.columns.tolist() == [
        "clip", "label", "p_sad", "p_a|b", "p_[bold]x",
        "audio_label", "text_label", "eeg_label", "image_label", "warnings",
    ]  # fmt: skip
    assert found["clip"].tolist() == ["one", "two"]
    assert found.loc[0, ["label", "p_a|b", "audio_label"]].tolist() == ["a|b", 0.625, "sad"]
    assert found.loc[0, "warnings"] == "clipped: 2 % of the samples; eeg is absent (too_short: 2 s needed, got 1 s)"
    assert pd.isna(found.loc[1, "label"]) and pd.isna(found.loc[1, "p_sad"])
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_cells_are_no_formulas(tmp_path):
    write_answers([("=cmd|' /C calc'!A0", replace(ANSWER, warnings=("@x",)))], tmp_path / "a.csv")
    row = pd.read_csv(tmp_path / "a.csv").iloc[0]
    assert not row["clip"].startswith(("=", "@")) and not row["warnings"].startswith(("=", "@"))


def test_answers_are_written_as_json(tmp_path):
    write_answers([("ä", ANSWER)], tmp_path / "a.json")
    (found,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert found == {"clip": "ä"} | json.loads(json.dumps(ANSWER.as_dict()))


def test_answers_that_cannot_be_written_leave_nothing(tmp_path):
    with pytest.raises(PredictionError, match=r"written to .csv, .parquet or .json, got 'a.xlsx'"):
        write_answers([("one", ANSWER)], tmp_path / "a.xlsx")
    (tmp_path / "file").write_text("")
    for suffix in ("csv", "parquet", "json"):
        with pytest.raises(PredictionError, match=r"cannot be written: .*choose another --out"):
            write_answers([("one", ANSWER)], tmp_path / "file" / f"a.{suffix}")
        (tmp_path / f"folder.{suffix}").mkdir()
        with pytest.raises(PredictionError, match="cannot be written"):
            write_answers([("one", ANSWER)], tmp_path / f"folder.{suffix}")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder.csv", "folder.json", "folder.parquet"]


def test_a_model_is_inspected(models, capsys):
    bundle = load_bundle(models.sound().path)
    print_inspection(bundle)
    printed = capsys.readouterr().out
    found = lines(printed)
    assert found[0][0] == "sound.emofuse" and found[0][1].endswith("MB")
    assert ["classes", "angry, happy, sad"] in found and ["fusion", "late product of acoustic and words"] in found
    assert ["trained on", "Made here: 48 samples, 4 speakers"] in found
    assert ["validated by", "nothing: not validated"] in found
    assert ["What it needs (any of it may be missing)"] in found
    assert ["acoustic", "audio", "opensmile", "88"] in found and ["words", "text", "text", "words"] in found
    assert ["licence", "Made here: MIT"] in found
    assert "How good it is" not in printed


def test_figures_are_stamped(models, capsys):
    bundle = load_bundle(models.text().path)
    bundle.manifest["validation"] = {
        "protocol": {"name": "official", "leaky": True, "adaptive": True},
        "of": "all",
        "metrics": {"uar": {"mean": 0.5, "low": 0.25, "high": 0.75}, "own": {"mean": 1.0, "low": None, "high": None}},
    }
    print_inspection(bundle)
    found = lines(capsys.readouterr().out)
    assert ["How good it is [ADAPTIVE, LEAKY]"] in found and ["UAR", "0.500", "0.250 to 0.750"] in found
    assert ["own", "1.000"] in found
    assert ["Guessing among the 3 classes has an unweighted average recall (UAR) of 0.333."] in found
    assert ["What it needs"] in found and ["fusion", "none, words alone"] in found


def test_an_inspection_is_json_without_digests(models):
    bundle = load_bundle(models.tables().path)
    bundle.manifest["training"].update(group_digests=["x"], source_digests=["x"], held_out=["s1", "s2"])
    found = json.loads(json.dumps(inspection(bundle), allow_nan=False))
    assert found["blocks"]["face"] == {
        "extractor": "table", "parameters": {}, "kind": "dense", "source": "face", "n_features": 4,
    }  # fmt: skip
    assert found["training"] == {"n_samples": 48, "n_groups": 4, "n_held_out_groups": 2}
    assert (found["schema"], found["classes"], found["bytes"]) == (1, ["angry", "happy", "sad"], bundle.n_bytes)
    assert "model" not in found and "members" not in found
