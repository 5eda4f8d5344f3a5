"""``emofuse predict`` and ``inspect``: what each way of asking prints and writes, and one line for whatever is wrong."""

from __future__ import annotations

import io
import json
import re

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def place(models, making, tmp_path_factory):
    """A folder with clips, tables and models."""
    root = tmp_path_factory.mktemp("place")
    (root / "clips" / "more").mkdir(parents=True)
    for name, code in (("clips/b.wav", 1), ("clips/a.wav", 0), ("clips/more/c.wav", 2)):
        (root / name).write_bytes(making.wav(making.tone(code)))
    (root / "clips" / "d.txt").write_text(making.SENTENCES[1], encoding="utf-8")
    (root / "clips" / "notes.zip").write_bytes(b"")
    (root / "clips" / "broken.wav").write_bytes(b"no sound")
    (root / "t.csv").write_text(
        "id,audio,text\nx,clips/a.wav,\ny,,What a lovely day\nz,clips/gone.wav,\nw,,\n", encoding="utf-8"
    )
    (root / "other.csv").write_text("id,label\nx,y\n")
    (root / "broken.emofuse").write_bytes(b"no model")
    (root / "empty").mkdir()
    table = models.tables().X.iloc[:3]
    flat = table.set_axis([f"{block}/{name}" for block, name in table.columns], axis=1)
    flat.to_csv(root / "numbers.csv", index_label="id")
    return root


@pytest.fixture
def here(place, monkeypatch):
    """The folder as the working directory."""
    monkeypatch.chdir(place)
    return place


@pytest.fixture(scope="module")
def sound(models):
    return models.sound().path


def labels(text):
    """Clip and label of each row of a printed table."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()[2:]]
    return {row[0]: row[1] for row in rows}


def test_one_clip_by_options(here, command, sound, making):
    answer = command("predict", sound, "--audio", "clips/a.wav", "--text", making.SENTENCES[0])
    assert answer.status == 0 and answer.out.startswith("angry  1.000\n")
    assert "What each modality says by itself" in answer.out and "Features that moved it most" in answer.out
    assert "audio     angry" in answer.out and "word=" in answer.out and "ms: decode" in answer.out


def test_the_json_of_one_clip_is_what_is_promised(here, command, sound, making):
    answer = command("predict", sound, "--audio", "clips/c.wav", "--text", making.SENTENCES[2], "--json")
    assert answer.status == 0 and answer.err == ""
    found = json.loads(answer.out)
    assert set(found) >= {"label", "probabilities", "modalities", "top_features", "timing_ms", "warnings"}
    assert list(found["probabilities"]) == ["angry", "happy", "sad"]
    assert set(found["modalities"]["text"]) >= {"present", "label", "probabilities", "weight"}
    assert (found["label"], found["modalities"]["audio"]["present"]) == ("sad", False)
    assert found["modalities"]["audio"]["reason"].startswith("missing: ")
    assert set(found["top_features"][0]) == {"block", "feature", "contribution"}
    assert set(found["timing_ms"]) == {"decode", "extract", "classify", "total"}
    assert found["warnings"] == [] and found["adaptive"] is False


def test_files_and_folders(here, command, sound):
    answer = command("predict", sound, "clips", "clips/more/c.wav")
    assert answer.status == 0
    found = labels(answer.out)
    assert found == {
        "a.wav": "angry", "b.wav": "happy", "broken.wav": "-", "d.txt": "happy", "more/c.wav": "sad", "c.wav": "sad",
    }  # fmt: skip
    notes = answer.err.splitlines()
    assert all(line.startswith("note: broken.wav: ") for line in notes) and len(notes) == 2


def test_lines_of_text(here, command, sound, making, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(("", *making.SENTENCES))))
    answer = command("predict", sound, "-", "--json")
    found = json.loads(answer.out)
    assert [(item["clip"], item["label"]) for item in found] == [
        ("line 2", "angry"), ("line 3", "happy"), ("line 4", "sad"),
    ]  # fmt: skip
    assert all(item["top_features"] == [] for item in found)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_a_table_in_and_a_file_out(here, command, sound, suffix, tmp_path):
    out = tmp_path / f"a.{suffix}"
    answer = command("predict", sound, "--csv", "t.csv", "--out", out)
    assert (answer.status, answer.out) == (0, f"{out}\n"), answer.err
    if suffix == "json":
        found = json.loads(out.read_text(encoding="utf-8"))
        assert [item["clip"] for item in found] == ["x", "y", "z", "w"]
        assert "got nothing" in found[3]["warnings"][0]
        return
    table = (pd.read_csv if suffix == "csv" else pd.read_parquet)(out)
    assert table["clip"].tolist() == ["x", "y", "z", "w"]
    assert table["label"].fillna("").tolist() == ["angry", "happy", "", ""]
    assert "gone.wav" in table["warnings"][2] and "got nothing" in table["warnings"][3]


def test_a_table_of_numbers(here, command, models):
    answer = command("predict", models.tables().path, "--csv", "numbers.csv")
    assert answer.status == 0, answer.err
    assert list(labels(answer.out).values()) == ["angry", "happy", "sad"]


def test_a_person_is_enrolled(here, command, models, sound):
    answer = command("predict", sound, "--audio", "clips/a.wav", "--enrol", "clips")
    assert answer.status == 2 and "not trained on speaker-normalised features" in answer.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["broken.emofuse", "--text", "so"], "'broken.emofuse' is no whole model file"),
        (["gone.emofuse", "--text", "so"], "no model 'gone.emofuse'; 'emofuse train' makes one"),
        (["clips", "--text", "so"], "'clips' is no regular file"),
        (["{model}"], "give one clip by options such as --audio, or files, or --csv TABLE; got nothing"),
        (["{model}", "--start-s", "1"], "got nothing"),
        (["{model}", "clips", "--text", "so"], "got several of them"),
        (["{model}", "--csv", "t.csv", "--text", "so"], "got several of them"),
        (["{model}", "--text", " "], "nothing of the clip can be used; text: empty_text"),
        (["{model}", "--audio", "gone.wav"], "nothing of the clip can be used; audio: missing: no file 'gone.wav'"),
        (["{model}", "--audio", "clips/broken.wav"], "nothing of the clip can be used; audio: "),
        (["{model}", "--eeg", "a.edf"], r"the model reads audio, text; got \['eeg'\]"),
        (["{model}", "nosuch.wav"], "no file or folder 'nosuch.wav'; check its name"),
        (["{model}", "clips/notes.zip"], "'notes.zip' is no clip by its name"),
        (["{model}", "empty"], "folder 'empty' has no clip that the model reads"),
        (["{model}", "--csv", "other.csv"], "the model reads audio, text"),
        (["{model}", "--csv", "gone.csv"], "gone.csv"),
        (["{model}", "--text", "so", "--out", "a.xlsx"], "written to .csv, .parquet or .json, got 'a.xlsx'"),
        (["{model}", "--text", "so", "--out", "t.csv/a.csv"], "cannot be written"),
        (["{model}", "--text", "so", "--start-s", "-1"], "Invalid value for '--start-s'"),
        (["{model}", "--text", "so", "--budget-ms", "much"], "Invalid value for '--budget-ms'"),
        (["{model}", "--text", "so", "--bogus"], "No such option"),
        ([], "Missing argument 'MODEL'|Missing argument 'model'"),
    ],
)
def test_wrong_usage_is_one_line_on_stderr(here, command, sound, arguments, message):
    answer = command("predict", *(str(sound) if item == "{model}" else item for item in arguments))
    assert (answer.status, answer.out) == (2, "")
    assert re.fullmatch(rf"emofuse: .*({message}).*\n", answer.err), answer.err


def test_a_model_is_inspected_in_three_forms(command, sound):
    plain = command("inspect", sound)
    assert plain.status == 0 and "classes  angry, happy, sad" in plain.out and "opensmile" in plain.out
    found = json.loads(command("inspect", sound, "--json").out)
    assert found["blocks"]["acoustic"]["n_features"] == 88 and found["licences"] == ["Made here: MIT"]
    card = command("inspect", sound, "--card")
    assert card.status == 0 and card.out.startswith("# small: 3 classes") and "## Licences" in card.out


def test_what_cannot_be_inspected_is_one_line(here, command):
    answer = command("inspect", "broken.emofuse")
    assert (answer.status, answer.out) == (2, "") and answer.err.count("\n") == 1
    assert answer.err.startswith("emofuse: 'broken.emofuse' is no whole model file")
