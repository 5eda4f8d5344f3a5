"""Readers of text corpora: what odd rows, letters and files give, and what is refused with the line it stands in."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import pytest
from emofuse.experiments.corpora import read_corpus
from emofuse.experiments.corpora.base_text import read_lines, read_rows, repetitions, unique_names
from emofuse.experiments.protocols import check_leaks, find_leaks, make_folds
from emofuse.experiments.run import prepare_corpus, run_study
from emofuse.experiments.study import load_study
from emofuse.features.errors import CorpusError, ProtocolError, SampleError, TableError
from emofuse.features.label_spaces import SPACES
from emofuse.features.text_cleaning import clean_text

spec = importlib.util.spec_from_file_location(
    "miniatures_text", Path(__file__).parents[1] / "contracts" / "miniatures_text.py"
)
mini = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mini)

TRAIN = "training.1600000.processed.noemoticon.csv"
TEST = "testdata.manual.2009.06.14.csv"


@pytest.mark.parametrize("case", mini.CASES.values(), ids=mini.CASES)
def test_labels_are_those_of_the_label_set(case, tmp_path):
    name, make, *_ = case
    labels = read_corpus(name, make(tmp_path, None)).samples["label"]
    assert set(labels) <= set(SPACES[name])


def test_a_text_may_hold_semicolons_and_the_label_stands_behind_the_last(tmp_path):
    samples = read_corpus("emotions_nlp", mini.emotions_nlp(tmp_path)).samples
    assert samples.loc["train-00001", ["text", "label"]].tolist() == ["train i feel calm; or so i thought", "joy"]
    assert samples["split"].unique().tolist() == ["test", "train", "validation"]


def test_empty_lines_are_no_samples_and_names_are_those_of_lines(tmp_path):
    (tmp_path / "train.txt").write_text("i feel sad;sadness\n\n\r\ni feel glad;joy\r\n;love", newline="")
    samples = read_corpus("emotions_nlp", tmp_path).samples
    assert samples["label"].to_dict() == {"train-00001": "sadness", "train-00004": "joy", "train-00005": "love"}
    assert samples["text"].tolist() == ["i feel sad", "i feel glad", ""]


def test_null_and_odd_separators_are_words_of_a_text(tmp_path):
    odd = "null;joy\nNA;sadness\none\u2028two\x85three\x0cfour;anger\n"
    (tmp_path / "val.txt").write_text(odd, encoding="utf-8")
    samples = read_corpus("emotions_nlp", tmp_path).samples
    assert samples["text"].tolist() == ["null", "NA", "one\u2028two\x85three\x0cfour"]


def test_texts_under_two_labels_are_kept_and_counted(tmp_path):
    (tmp_path / "train.txt").write_text("so;joy\nso;love\nwell;joy\nwell;joy\nonce;anger\n")
    corpus = read_corpus("emotions_nlp", tmp_path)
    assert len(corpus.samples) == 5
    assert corpus.notes == ("2 texts stand more than once, 1 of them under different labels; all are kept",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("i feel fine", r"train\.txt: line 2: text;emotion is needed, got 'i feel fine'"),
        ("i feel fine;", r"line 2: one of the labels anger, .* is needed, got ''"),
        ("i feel fine;happy", r"line 2: one of the labels anger, .* is needed, got 'happy'"),
    ],
    ids=["no-semicolon", "no-label", "other-label"],
)
def test_a_line_without_text_and_emotion_is_refused(tmp_path, line, message):
    (tmp_path / "train.txt").write_text(f"i feel sad;sadness\n{line}\n")
    with pytest.raises(TableError, match=message):
        read_corpus("emotions_nlp", tmp_path)


def test_labels_of_tables_are_told_by_their_number(tmp_path):
    samples = read_corpus("emotions_nlp", mini.emotions_nlp_tables(tmp_path)).samples
    assert samples.loc["train-00002"].tolist() == ["training i feel, well, calm", "joy", "train"]
    assert samples["split"].value_counts().to_dict() == {"train": 3, "validation": 3, "test": 3}


@pytest.mark.parametrize("row", ["so,6", "so,", "so, so,1", "so,joy"])
def test_rows_of_tables_without_a_label_from_0_to_5_are_refused(tmp_path, row):
    (tmp_path / "training.csv").write_text(f"text,label\nwell,1\n{row}\n")
    with pytest.raises(TableError, match=r"training\.csv: line 3: a text and a label from 0 to 5 are needed"):
        read_corpus("emotions_nlp", tmp_path)


def test_another_table_of_the_name_is_not_found(tmp_path):
    (tmp_path / "test.csv").write_text("id,label\n1,2\n")
    with pytest.raises(CorpusError, match=r"train\.txt, val\.txt or test\.txt not found"):
        read_corpus("emotions_nlp", tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "train.txt").touch()
    with pytest.raises(SampleError, match=r"'train\.txt' has 0 bytes"):
        read_corpus("emotions_nlp", tmp_path)


@pytest.mark.parametrize("layout", ["bars", "no names", "commas"])
def test_isear_databank_names_people_and_answers(tmp_path, layout):
    samples = read_corpus("isear", mini.isear(tmp_path, layout=layout)).samples
    assert samples["group"].unique().tolist() == ["11001", "22014", "11002", "33001"]
    assert samples.loc["0110013", "label"] == "anger"
    assert clean_text(samples.loc["0110013", "text"]) == "When 11001 felt anger for the 3th time, or so."


def test_isear_in_two_columns_has_no_people(tmp_path):
    samples = read_corpus("isear", mini.isear(tmp_path, layout="two columns")).samples
    assert "group" not in samples
    assert samples["label"].tolist() == list(SPACES["isear"]) * 4
    assert samples["text"].iloc[0] == "When 11001 felt joy for\n the 1th time, or so."


def test_isear_situations_may_hold_bars_and_go_on_in_the_next_line(tmp_path):
    path = mini.isear(tmp_path) / "isear.csv"
    path.write_text(path.read_text().replace("When 11001 felt joy", "When | 11001\nfelt joy"))
    text = read_corpus("isear", tmp_path).samples.loc["0110011", "text"]
    assert clean_text(text) == "When | 11001 felt joy for the 1th time, or so."


def test_isear_letters_of_another_code_page_are_put_right(tmp_path):
    path = mini.isear(tmp_path) / "isear.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("When 22014", "When Wikstr÷m"), encoding="utf-8")
    samples = read_corpus("isear", tmp_path).samples
    assert clean_text(samples.loc["0220141", "text"]).startswith("When Wikström felt joy")


def test_isear_code_pages_that_cannot_be_told_leave_letters_as_they_are(tmp_path):
    path = mini.isear(tmp_path) / "isear.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("When 22014", "When 好"), encoding="utf-8")
    samples = read_corpus("isear", tmp_path).samples
    assert samples.loc["0220141", "text"] == "When 好 felt joy for the 1th time, or so."


def test_isear_silent_answers_are_counted(tmp_path):
    (tmp_path / "isear.csv").write_text('joy,"[ No response.]",\nfear,"NO RESPONSE.",\nanger,"No response of his.",\n')
    corpus = read_corpus("isear", tmp_path)
    assert corpus.notes == ("2 situations say 'no response'; they are kept",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.rsplit("|", 2)[0], r"the last row ends after 41 of 43 cells"),
        (lambda text: "\n".join([*text.split("\n")[:3], "|".join("1" * 20)]), "line 4: 43 cells are needed, got 20"),
        (lambda text: text.replace("|3|1|", "|8|1|"), "line 4: one of the labels joy, .* is needed, got '8'"),
    ],
    ids=["cut", "short", "number"],
)
def test_isear_rows_that_are_none_are_refused(tmp_path, change, message):
    path = mini.isear(tmp_path) / "isear.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(TableError, match=message):
        read_corpus("isear", tmp_path)


def test_isear_two_columns_with_another_emotion_are_refused(tmp_path):
    (tmp_path / "isear.csv").write_text('joy,"a",\nhappy,"b",\n')
    with pytest.raises(TableError, match=r"isear\.csv: line 2: one of the labels joy, .* got 'happy'"):
        read_corpus("isear", tmp_path)


def test_isear_looks_past_another_table_called_data(tmp_path):
    (tmp_path / "DATA.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(CorpusError, match="with columns as published not found below"):
        read_corpus("isear", tmp_path)
    assert len(read_corpus("isear", mini.isear(tmp_path)).samples) == 28


def test_goemotions_keeps_comments_with_one_emotion_and_counts_the_others(tmp_path):
    corpus = read_corpus("goemotions", mini.goemotions(tmp_path))
    assert corpus.samples["label"].to_dict()["validation-dev3"] == "annoyance"
    assert corpus.notes[0] == "3 of 12 comments have several emotions and are left out"
    assert corpus.samples.loc["train-train4", "text"] == '"Wow" 😩'


def test_goemotions_authors_are_groups_where_the_full_data_set_is_there(tmp_path):
    corpus = read_corpus("goemotions", mini.goemotions(tmp_path, authors=True))
    groups = corpus.samples["group"].to_dict()
    assert groups["train-train1"] == "author0"
    assert groups["train-train4"] == "author of train-train4"
    assert "the authors of 3 comments are not known" in corpus.notes[1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("text\t28\tabc", r"dev\.tsv: line 2: emotions from 0 to 27 are needed, got 28"),
        ("text\tjoy\tabc", "line 2: text, numbers of emotions and comment id, parted by tabs, are needed"),
        ("text,3,abc", "line 2: text, numbers of emotions"),
        ("text\t\tabc", "line 2: text, numbers of emotions"),
    ],
    ids=["out-of-range", "name", "commas", "none"],
)
def test_goemotions_rows_that_are_none_are_refused(tmp_path, row, message):
    mini.goemotions(tmp_path, splits=())
    (tmp_path / "dev.tsv").write_text(f"so\t3\tabd\n{row}\n")
    with pytest.raises(TableError, match=message):
        read_corpus("goemotions", tmp_path)


def test_goemotions_without_the_names_of_emotions_is_refused(tmp_path):
    (mini.goemotions(tmp_path) / "emotions.txt").unlink()
    with pytest.raises(CorpusError, match=r"emotions\.txt not found"):
        read_corpus("goemotions", tmp_path)


def test_goemotions_with_other_names_of_emotions_is_refused(tmp_path):
    path = mini.goemotions(tmp_path) / "emotions.txt"
    path.write_text(path.read_text().replace("grief", "gloom"))
    with pytest.raises(TableError, match=r"these differ: \['gloom', 'grief'\]"):
        read_corpus("goemotions", tmp_path)


def test_goemotions_without_a_comment_of_one_emotion_is_refused(tmp_path):
    mini.goemotions(tmp_path, splits=())
    (tmp_path / "train.tsv").write_text("so\t3,4\tabd\n")
    with pytest.raises(TableError, match="no comment with exactly one emotion"):
        read_corpus("goemotions", tmp_path)


def test_goemotions_full_data_set_without_authors_is_refused(tmp_path):
    mini.goemotions(tmp_path, authors=True)
    (tmp_path / "full_dataset" / "goemotions_2.csv").write_text("text,id\na,b\n")
    with pytest.raises(TableError, match=r"goemotions_2\.csv: columns \['id', 'author'\] are needed"):
        read_corpus("goemotions", tmp_path)


def test_essays_have_five_traits_and_their_author(tmp_path):
    samples = read_corpus("essays", mini.essays(tmp_path)).samples
    row = samples.loc["1997_504850"]
    assert row[["extraversion", "neuroticism", "agreeableness", "conscientiousness", "openness"]].tolist() == [
        *("no", "yes", "no", "yes", "yes")
    ]
    assert (row["label"], row["group"]) == ("yes", "1997_504850")
    assert clean_text(row["text"]) == 'Well, right now I\'m "0".'


def test_two_essays_of_an_author_are_held_together(tmp_path):
    path = mini.essays(tmp_path) / "essays.csv"
    path.write_bytes(path.read_bytes().replace(b"504851", b"504850"))
    samples = read_corpus("essays", tmp_path).samples
    assert samples.index[:2].tolist() == ["1997_504850", "1997_504850.2"]
    assert samples["group"].nunique() == 3


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("#AUTHID,TEXT,cEXT\n", r"columns \['cOPN', 'cCON', 'cAGR', 'cNEU'\] are missing"),
        ("#AUTHID,TEXT,cEXT,cNEU,cAGR,cCON,cOPN\n", "a header and no rows"),
        ("#AUTHID,TEXT,cEXT,cNEU,cAGR,cCON,cOPN\na,b,y,n,y,n,x\n", r"line 2: 7 cells with y or n .*'x'"),
        ("#AUTHID,TEXT,cEXT,cNEU,cAGR,cCON,cOPN\na,b,y,n,y,n\n", r"line 2: 7 cells with y or n"),
        ("#AUTHID,TEXT,cEXT,cNEU,cAGR,cCON,cOPN\na,b,c,y,n,y,n,y\n", r"line 2: 7 cells with y or n"),
    ],
    ids=["columns", "header-only", "answer", "short", "long"],
)
def test_essays_that_are_not_as_published_are_refused(tmp_path, table, message):
    (tmp_path / "essays.csv").write_text(table)
    with pytest.raises(TableError, match=message):
        read_corpus("essays", tmp_path)


def test_names_that_repeat_are_numbered():
    assert unique_names(["a", "b", "a", "a"]) == ["a", "b", "a.2", "a.3"]
    assert unique_names(["a", "b"]) == ["a", "b"]


def test_only_line_feeds_end_a_line(tmp_path):
    (tmp_path / "x.txt").write_bytes("a\x0b\x1d\u2029b\r\n\nc".encode())
    assert read_lines(tmp_path / "x.txt") == ["a\x0b\x1d\u2029b", "", "c"]


def test_rows_know_the_line_they_end_on(tmp_path):
    (tmp_path / "x.csv").write_text('a,"b\nc"\n\n,\nd,e\n')
    assert list(read_rows(tmp_path / "x.csv")) == [(2, ["a", "b\nc"]), (5, ["d", "e"])]


def test_texts_that_stand_once_are_no_news(tmp_path):
    assert repetitions(read_corpus("emotions_nlp", mini.emotions_nlp(tmp_path)).samples) == ()


def test_a_member_of_an_archive_is_read_line_by_line(tmp_path, monkeypatch):
    archive = mini.sentiment140(tmp_path, archive=True)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("the whole member was read"))
    assert len(read_corpus("sentiment140", archive).samples) == 9


@pytest.mark.parametrize("name", ["emotions_nlp", "goemotions", "isear", "sentiment140", "tweet_emotions"])
def test_studies_own_up_to_texts_on_both_sides(name, tmp_path):
    study = load_study(name)
    make = getattr(mini, name)
    samples = prepare_corpus(study, read_corpus(name, make(tmp_path))).samples
    spec = study.protocol.model_copy(update={"n_folds": 2})
    samples["text"] = "the same words"
    folds = make_folds(samples, spec)
    leaks = find_leaks(samples, folds, hashes={}, use_text=True)
    assert any("share text with training" in leak for leak in leaks)
    assert check_leaks(leaks, spec)


@pytest.mark.parametrize("name", ["tweeteval", "essays"])
def test_studies_that_own_up_to_nothing_refuse_texts_on_both_sides(name, tmp_path):
    study = load_study(name)
    samples = prepare_corpus(study, read_corpus(name, getattr(mini, name)(tmp_path))).samples
    samples["text"] = "the same words"
    spec = study.protocol.model_copy(update={"n_folds": 2})
    with pytest.raises(ProtocolError, match="share text with training"):
        check_leaks(find_leaks(samples, make_folds(samples, spec), hashes={}, use_text=True), spec)


def test_a_shipped_text_study_runs(tmp_path):
    lines = [
        f"{word} {number};{label}"
        for number in range(12)
        for word, label in (("so glad", "joy"), ("so low", "sadness"))
    ]
    for split in ("train", "val"):
        (tmp_path / f"{split}.txt").write_text("\n".join(f"{split} {line}" for line in lines))
    study = load_study("emotions_nlp").changed(classifiers=("linear",), strategies=("unimodal",), n_inner=2)
    run = run_study(study, read_corpus("emotions_nlp", tmp_path))
    (row,) = [row for row in run.results["rows"] if row["strategy"] == "unimodal"]
    assert row["metrics"]["accuracy"]["mean"] == 1.0
    assert run.results["protocol"]["leaky"] is True
