"""What fuzzing found in studies and in the readers of corpora: each bad input made anew, small."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.corpora import read_corpus
from emofuse.experiments.study import load_study
from emofuse.features.errors import CorpusError, StudyError, TableError


@pytest.mark.parametrize(
    "text",
    ["x = " + "[" * 5000, "x = " + "9" * 5000, "x = " + "{a=" * 5000, 'x = "\0"', "x = 1e400\nx = 2"],
    ids=["lists", "digits", "tables", "null", "twice"],
)
def test_toml_that_tires_its_reader_is_a_study_error(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(StudyError):
        load_study(path)


def test_a_study_whose_name_no_file_can_have():
    with pytest.raises(StudyError, match="cannot be read"):
        load_study("a\0b.toml")


@pytest.mark.parametrize("harm", ["version", "name", "nameless"])
def test_an_archive_of_a_corpus_that_cannot_be_listed_is_one_error(tmp_path, harm):
    path = tmp_path / "corpus.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_sent_emo.csv", "")
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    if harm == "version":
        data[entry + 6] = 84
    elif harm == "name":
        data[entry + 9] |= 8  # names are said to be UTF-8
        data[entry + 46] = 0x98
    else:
        data[entry + 28] = 0
        data[entry + 30] = len("train_sent_emo.csv")  # what was the name is an extra field
    path.write_bytes(data)
    with pytest.raises(CorpusError):
        read_corpus("meld", tmp_path)


def meld(root: Path, **changes):
    columns = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "StartTime", "EndTime")
    rows = [
        ("Hi", "Joey", "joy", "positive", 0, 0, "0:01", "0:02"),
        ("Oh", "Ann", "fear", "negative", 0, 1, "0:02", "0:03"),
    ]
    table = pd.DataFrame(rows, columns=columns).assign(**changes)
    table.to_csv(root / "train_sent_emo.csv", index=False)
    (root / "train_splits").mkdir()
    (root / "train_splits" / "dia0_utt0.mp4").write_bytes(b"0" * 5000)


def test_meld_with_an_utterance_in_two_rows(tmp_path):
    meld(tmp_path, Utterance_ID=0)
    with pytest.raises(TableError, match="train_0_0 stands in two rows"):
        read_corpus("meld", tmp_path)


def test_wesad_with_a_row_of_nobody(tmp_path):
    pd.DataFrame({"subject": [2, np.nan], "label": [0, 1], "a": [1.0, 2.0]}).to_csv(tmp_path / "feats.csv", index=False)
    with pytest.raises(TableError, match="subject of row 2 is missing"):
        read_corpus("wesad", tmp_path)


@pytest.mark.parametrize("column", ["Dialogue_ID", "Utterance_ID"])
def test_meld_with_an_utterance_without_a_number(tmp_path, column):
    meld(tmp_path, **{column: ["0", None]})
    with pytest.raises(TableError, match="a row has no Dialogue_ID or no Utterance_ID"):
        read_corpus("meld", tmp_path)


def crema_d(root: Path, **changes):
    votes = {"": [100001, 200001], **dict.fromkeys("ADFHNS", 1), "fileName": "1001_IEO_NEU_XX", "numResponses": 6}
    pd.DataFrame(votes | changes, index=[0, 1]).to_csv(root / "tabulatedVotes.csv", index=False)


@pytest.mark.parametrize(
    "changes", [{"A": ["x", 1]}, {"A": [np.nan, 1]}, {"A": [-1, 1]}, {"A": ["9" * 400, 1]}, {"fileName": [np.nan, "a"]}]
)
def test_crema_d_with_votes_that_are_no_counts(tmp_path, changes):
    crema_d(tmp_path, **changes)
    with pytest.raises(TableError, match="no counts"):
        read_corpus("crema_d", tmp_path)


def test_eeg_brainwave_with_a_cell_that_is_no_number(tmp_path):
    table = {"# mean_0_a": ["1.5", "-0.41#"], "mean_0_b": [2.0, 1.5], "label": ["POSITIVE", "NEGATIVE"]}
    pd.DataFrame(table).to_csv(tmp_path / "emotions.csv", index=False)
    with pytest.raises(TableError, match=r"'mean_0_a'.* something else than numbers"):
        read_corpus("eeg_brainwave", tmp_path)


def test_crema_d_with_an_actor_in_two_rows(tmp_path):
    crema_d(tmp_path)
    actors = pd.DataFrame({"ActorID": [1001, 1001], "Sex": ["Male", "Female"]})
    actors.to_csv(tmp_path / "VideoDemographics.csv", index=False)
    with pytest.raises(TableError, match="an ActorID stands in two rows"):
        read_corpus("crema_d", tmp_path)
