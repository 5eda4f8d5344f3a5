"""The made-up corpus is a table that the reader of the real one takes."""

import numpy as np
from emofuse.experiments.benchmarks.large_text import TEST_NAME, TRAIN_NAME, tweets, word_types, write_corpus
from emofuse.experiments.corpora import read_corpus


def test_made_up_corpus_is_read_like_the_published_one(tmp_path):
    write_corpus(tmp_path, n_rows=1000)
    samples = read_corpus("sentiment140", tmp_path).samples
    train = samples[samples["split"] == "train"]
    assert train["label"].tolist() == ["negative"] * 500 + ["positive"] * 500
    assert 900 < train["group"].nunique() <= 1000
    assert 10 < train["text"].str.split().str.len().mean() < 15
    assert set(samples.loc[samples["split"] == "test", "label"]) == {"negative", "positive"}
    assert (train["text"].str.contains("&amp;|\xef\xbf\xbd")).any()


def test_published_test_table_is_taken_as_it_is(tmp_path):
    (tmp_path / "mine.csv").write_bytes(b'4,"caf\xe9 :)"\n0,no\n')
    write_corpus(tmp_path / "made", n_rows=20, test=tmp_path / "mine.csv")
    assert (tmp_path / "made" / TEST_NAME).read_bytes() == b'4,"caf\xe9 :)"\n0,no\n'
    assert len((tmp_path / "made" / TRAIN_NAME).read_text("latin-1").splitlines()) == 20


def test_same_seed_same_tweets():
    words = word_types(5000)
    assert len(set(words)) == 5000
    first, again = (list(tweets(np.random.default_rng(3), words, 50, positive=True)) for _ in range(2))
    assert first == again
