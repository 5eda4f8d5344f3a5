"""Readers of tweets: what odd rows, letters and files give, and what is refused with the line it stands in."""

from __future__ import annotations

import importlib.util
import tracemalloc
from pathlib import Path

import pytest
from emofuse.experiments.corpora import read_corpus
from emofuse.experiments.run import prepare_corpus
from emofuse.experiments.study import load_study
from emofuse.features.errors import CorpusError, TableError
from emofuse.features.text_cleaning import clean_text

spec = importlib.util.spec_from_file_location(
    "miniatures_text", Path(__file__).parents[1] / "contracts" / "miniatures_text.py"
)
mini = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mini)

TRAIN = "training.1600000.processed.noemoticon.csv"
TEST = "testdata.manual.2009.06.14.csv"


def test_tweets_without_authors_have_no_groups(tmp_path):
    samples = read_corpus("tweet_emotions", mini.tweet_emotions(tmp_path, authors=False)).samples
    assert "group" not in samples
    assert samples.loc["1956968477", "text"] == "null"


def test_tweets_with_authors_are_taken_where_both_tables_are_there(tmp_path):
    mini.tweet_emotions(tmp_path, authors=False)
    samples = read_corpus("tweet_emotions", mini.tweet_emotions(tmp_path)).samples
    assert samples["group"].tolist() == [
        "xoshayzers",
        "wannamama",
        "xxxPEACHESxxx",
        "wannamama",
        "mcsleazy",
        "nic0lepaula",
    ]
    assert samples["text"].iloc[3] == 'he said "no", &amp; he wants me 2!'


def test_an_author_without_a_name_is_nobody_else(tmp_path):
    (tmp_path / "text_emotion.csv").write_text("tweet_id,sentiment,author,content\n1,fun,,a\n2,hate,,b\n3,fun,x,c\n")
    samples = read_corpus("tweet_emotions", tmp_path).samples
    assert samples["group"].tolist() == ["author of 1", "author of 2", "x"]


def test_a_tweet_that_stands_twice_has_two_names(tmp_path):
    (tmp_path / "tweet_emotions.csv").write_text("tweet_id,sentiment,content\n7,fun,a\n7,hate,a\n7,fun,b\n")
    corpus = read_corpus("tweet_emotions", tmp_path)
    assert corpus.samples.index.tolist() == ["7", "7.2", "7.3"]
    assert corpus.notes == ("1 texts stand more than once, 1 of them under different labels; all are kept",)


def test_letters_of_any_coding_are_read_and_put_right_where_texts_are_cleaned(tmp_path):
    rows = "tweet_id,sentiment,content\n1,fun,{}\n2,love,b\n"
    for data in (
        rows.format("it’s café 😩").encode(),
        rows.format("it’s café").encode("cp1252"),
        rows.format("it’s café").encode().decode("latin-1").encode(),  # UTF-8 taken for Latin-1, once
        rows.format("it’s café").encode("utf-16"),
    ):
        (tmp_path / "tweet_emotions.csv").write_bytes(data)
        text = clean_text(read_corpus("tweet_emotions", tmp_path).samples.loc["1", "text"])
        assert text.removesuffix(" 😩") == "it's café"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("tweet_id,content\n1,a\n", r"columns \['sentiment'\] are missing; it has \['tweet_id', 'content'\]"),
        ("tweet_id,sentiment,content\n", "a header and no rows"),
        ("tweet_id,sentiment,content\n1,fun,a\n2,fun,b, c\n", "line 3: 3 cells are needed, got 4; put text"),
        ("tweet_id,sentiment,content\n1,fun,a\n2,rage,b\n", "line 3: one of the labels .* got 'rage'"),
        ('tweet_id,sentiment,content\n1,fun,"a\n' + "x" * 140_000, "line 3 cannot be read .*field limit"),
    ],
    ids=["columns", "header-only", "commas", "label", "open-quote"],
)
def test_a_table_of_tweets_that_is_not_as_published_is_refused(tmp_path, table, message):
    (tmp_path / "tweet_emotions.csv").write_text(table)
    with pytest.raises(TableError, match=message):
        read_corpus("tweet_emotions", tmp_path)


def test_sentiment140_reads_latin_1_quotes_and_users(tmp_path):
    samples = read_corpus("sentiment140", mini.sentiment140(tmp_path)).samples
    assert samples.loc["train-1467810370"].to_dict() == {
        "text": "café 1",
        "label": "negative",
        "split": "train",
        "group": "scotthamilton",
    }
    assert samples.loc["test-4", ["text", "label"]].tolist() == ['I "loooove" it 4, really', "neutral"]


def test_sentiment140_tweets_of_one_number_are_two_samples(tmp_path):
    row = '"{}","12","date","NO_QUERY","ann","so so"\n'
    (tmp_path / TRAIN).write_text(row.format(0) + row.format(4))
    corpus = read_corpus("sentiment140", tmp_path)
    assert corpus.samples["label"].to_dict() == {"train-12": "negative", "train-12.2": "positive"}
    assert "1 of them under different labels" in corpus.notes[0]


def test_sentiment140_in_two_columns_has_no_users_and_its_names_of_columns_may_stand_anywhere(tmp_path):
    (tmp_path / TEST).write_text(
        '4,"I love, love it"\r\npolarity,tweet\r\n0,hate it\r\n2,see http://x.io\r\n', newline=""
    )
    corpus = read_corpus("sentiment140", tmp_path)
    assert corpus.samples["label"].to_dict() == {
        "test-000001": "positive",
        "test-000003": "negative",
        "test-000004": "neutral",
    }
    assert "group" not in corpus.samples
    assert corpus.notes == ("1 row of column names among the tweets is left out",)


def test_sentiment140_tweets_without_a_user_are_groups_of_their_own_beside_those_with_one(tmp_path):
    mini.sentiment140(tmp_path, parts=("train",))
    (tmp_path / TEST).write_text("4,love it\n0,hate it\n")
    samples = read_corpus("sentiment140", tmp_path).samples
    assert samples.loc[["test-000001", "test-000002"], "group"].tolist() == [
        "user of test-000001",
        "user of test-000002",
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3,5,date,NO_QUERY,ann,so", r"line 2: polarity 0, 2 or 4, .* got 6 cells that begin with '3'"),
        ("4,5,date,NO_QUERY,ann,so, so", "line 2: .* got 7 cells that begin with '4'"),
        ("so", "line 2: .* got 1 cells that begin with 'so'"),
    ],
    ids=["polarity", "cells", "one-cell"],
)
def test_sentiment140_rows_that_are_no_tweet_are_refused(tmp_path, row, message):
    (tmp_path / TEST).write_text(f"0,1,date,NO_QUERY,ann,oh\n{row}\n")
    with pytest.raises(TableError, match=message):
        read_corpus("sentiment140", tmp_path)


def test_sentiment140_keeps_little_more_than_the_texts(tmp_path):
    text = "x" * 100
    rows = (f'"0","{number}","Mon Apr 06 22:19:45 PDT 2009","NO_QUERY","ann","{text}"\n' for number in range(20_000))
    (tmp_path / TRAIN).write_text("".join([*rows, f'"4","{20_000}","date","NO_QUERY","bob","{text}"\n']))
    tracemalloc.start()
    try:
        samples = read_corpus("sentiment140", tmp_path).samples
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(samples) == 20_001
    assert peak < 550 * len(samples)  # bytes; a text takes 149 of them, a name about 60


def test_sentiment140_columns_are_checked_whole_and_not_row_by_row(tmp_path, monkeypatch):
    monkeypatch.setattr("emofuse.features.samples.is_missing", lambda _: pytest.fail("a value was looked at"))
    monkeypatch.setattr("emofuse.features.samples.as_name", lambda _: pytest.fail("a value was looked at"))
    assert len(read_corpus("sentiment140", mini.sentiment140(tmp_path)).samples) == 9


def test_sentiment140_archive_that_is_damaged_is_refused(tmp_path):
    archive = mini.sentiment140(tmp_path, archive=True)
    data = bytearray(archive.read_bytes())
    place = data.index(b"NO_QUERY")
    data[place : place + 8] = b"NO_QUERI"
    archive.write_bytes(bytes(data))
    with pytest.raises(CorpusError, match=r"'trainingandtestdata\.zip' cannot be read .*fetch it again"):
        read_corpus("sentiment140", archive)


def test_sentiment140_study_parts_negative_from_positive(tmp_path):
    study = load_study("sentiment140")
    samples = prepare_corpus(study, read_corpus("sentiment140", mini.sentiment140(tmp_path))).samples
    assert samples.groupby("split")["label"].unique().map(sorted).to_dict() == {
        "test": ["negative", "positive"],
        "train": ["negative", "positive"],
    }


def test_tweeteval_lines_end_with_line_feeds_only(tmp_path):
    samples = read_corpus("tweeteval", mini.tweeteval(tmp_path)).samples
    assert samples.loc["validation-0003", ["text", "label", "split"]].tolist() == [
        "@user val optimism \u2028 😂 ",
        "optimism",
        "validation",
    ]


def test_tweeteval_split_without_labels_is_left_out_with_a_note(tmp_path):
    (mini.tweeteval(tmp_path) / "test_labels.txt").unlink()
    corpus = read_corpus("tweeteval", tmp_path)
    assert set(corpus.samples["split"]) == {"train", "validation"}
    assert corpus.notes == ("test_labels.txt is not there: the split 'test' is left out",)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("0\n1\n2\n", r"val_labels\.txt: as many lines as val_text\.txt has are needed, got 3 for 4"),
        ("0\n1\n2\n4\n", r"val_labels\.txt: line 4: one of 0, 1, 2, 3 is needed, got '4'"),
        ("0\n1\n2\n\n", r"line 4: one of 0, 1, 2, 3 is needed, got ''"),
    ],
    ids=["too-few", "out-of-range", "empty"],
)
def test_tweeteval_labels_that_do_not_fit_are_refused(tmp_path, labels, message):
    (mini.tweeteval(tmp_path) / "val_labels.txt").write_text(labels)
    with pytest.raises(TableError, match=message):
        read_corpus("tweeteval", tmp_path)


def test_tweeteval_of_another_task_is_not_found(tmp_path):
    mini.tweeteval(tmp_path, folder="datasets/emotion")
    with pytest.raises(CorpusError, match=r"mapping\.txt with the labels anger, joy, optimism, sadness not found"):
        read_corpus("tweeteval", tmp_path / "datasets" / "emoji")


def test_tweeteval_mapping_without_texts_is_not_enough(tmp_path):
    mini.tweeteval(tmp_path, splits=())
    with pytest.raises(CorpusError, match=r"train_text\.txt, val_text\.txt or test_text\.txt with its labels"):
        read_corpus("tweeteval", tmp_path)


@pytest.mark.parametrize("name", ["emotions_nlp", "sentiment140"])
def test_an_archive_beside_what_was_in_it_is_read_once(name, tmp_path):
    make = getattr(mini, name)
    make(tmp_path, archive=True)
    expected = read_corpus(name, tmp_path).samples
    assert read_corpus(name, make(tmp_path)).samples.equals(expected)
