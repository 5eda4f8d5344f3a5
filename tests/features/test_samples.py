"""A sample table is read as it is written, kept row for row, or refused with every bad row named."""

import os

import numpy as np
import pandas as pd
import pytest
from emofuse.features.errors import SampleError, TableError
from emofuse.features.extractors import source_columns
from emofuse.features.samples import (
    MEDIA_COLUMNS,
    as_name,
    check_samples,
    is_missing,
    media_columns,
    read_csv,
    read_samples,
)
from hypothesis import given, settings
from hypothesis import strategies as st


def table(**columns):
    columns = {"text": ["oh no", "great", "well"], "label": ["sad", "happy", "sad"], **columns}
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})


def problems_of(samples, **options):
    with pytest.raises(TableError) as caught:
        check_samples(samples, **options)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return caught.value.problems


@pytest.fixture
def write(tmp_path):
    def write(content, name="samples.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return path

    return write


BAD_TABLES = {
    "01-empty": (pd.DataFrame(), ["the sample table is empty; at least one row and one column are needed"]),
    "01-no-rows": (table().iloc[:0], ["the sample table is empty; at least one row and one column are needed"]),
    "01-no-table": ([{"text": "a"}], ["a pandas DataFrame is needed, got list"]),
    "02-no-label-column": (
        table(label=None),
        [
            "column 'label' is missing, the columns are ['text']; rename the one that is meant, or name it in a study "
            '(label = "NAME")'
        ],
    ),
    "03-missing-label": (
        table(label=["sad", None, np.nan]),
        ["sample '1': its label is missing", "sample '2': its label is missing"],
    ),
    "04-repeated-name": (
        table().set_axis(["a", "b", "a"]),
        ["sample 'a': the name stands in 2 rows; each needs its own"],
    ),
    "04-repeated-name-and-missing-label": (
        table(label=["sad", None, "happy"]).set_axis(["a", "a", "b"]),
        ["sample 'a': the name stands in 2 rows; each needs its own", "sample 'a': its label is missing"],
    ),
    "13-single-class": (table(label=["sad"] * 3), ["at least two classes are needed, got ['sad']"]),
    "17-labels-of-two-types": (
        table(label=["sad", 1, "happy"]),
        ["labels mix text and numbers ('sad', 1); write them all as text"],
    ),
    "18-labels-that-differ-in-case": (
        table(label=["Sad", "happy", "sad"]),
        ["labels ['Sad', 'sad'] differ only in spaces or case, or begin or end with a space (samples '0', '2')"],
    ),
    "18-label-with-a-space": (
        table(label=["sad ", "happy", "sad "]),
        ["labels ['sad '] differ only in spaces or case, or begin or end with a space (samples '0', '2')"],
    ),
    "07-missing-group": (table(group=["a", None, "b"]), ["sample '1': its group is missing"]),
    "34-several-levels": (
        table().set_axis(pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])),
        ["the index has several levels; one unique name a sample is needed"],
    ),
    "34-nameless-sample": (table().set_axis(["a", None, "b"]), ["row 1: the sample has no name"]),
    "repeated-column": (
        pd.concat([table(), table()[["text"]]], axis=1),
        ["column names repeat: ['text']"],
    ),
    "path-of-another-type": (table(audio=["a.wav", 3, None]), ["sample '1': audio must be a path, got 3"]),
    "path-with-a-null-character": (
        table(audio=["a\0.wav", None, None]),
        ["sample '0': audio 'a\\x00.wav' holds a null character"],
    ),
    "text-of-another-type": (
        table(text=["a", 3, b"\xff\xfea"]),
        ["sample '1': text must be a string, got int 3", "sample '2': byte 2 of its text is not UTF-8"],
    ),
    "clip-bounds": (
        table(start_s=["0,5", -1.0, 2.0], end_s=[1.0, np.inf, 2.0]),
        [
            "sample '0': start_s must be seconds from 0 with a decimal point, got '0,5'",
            "sample '1': start_s must be seconds from 0 with a decimal point, got -1.0",
            "sample '1': end_s must be seconds from 0 with a decimal point, got inf",
            "sample '2': end_s must be later than start_s",
        ],
    ),
}


@pytest.mark.parametrize(("samples", "problems"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_table_is_refused_with_every_problem(samples, problems):
    assert problems_of(samples) == problems


def test_every_bad_row_of_every_kind_is_listed_at_once(tmp_path):
    samples = pd.DataFrame(
        {
            "audio": ["a.wav", "../b.wav", 3, None],
            "group": ["g", None, "g", "h"],
            "start_s": [0.0, 1.0, -2.0, "x"],
            "label": ["sad", "happy", None, " sad"],
        },
        index=["a", "a", "c", "d"],
    )
    problems = problems_of(samples, root=tmp_path)
    assert len(problems) == 8
    for found in ("name stands in 2 rows", "lies outside", "must be a path", "group is missing", "label is missing"):
        assert sum(found in problem for problem in problems) == 1, found
    assert sum("start_s must be seconds" in problem for problem in problems) == 2
    assert sum("differ only in spaces" in problem for problem in problems) == 1


def test_long_list_of_misspelt_labels_is_cut_short():
    samples = pd.DataFrame({"text": ["a"] * 20, "label": ["sad", "Sad"] * 10})
    assert problems_of(samples)[0].endswith("(samples '0', '1', '2', '3', '4' …)")


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=4)


@given(
    st.lists(
        st.tuples(NAMES, st.sampled_from(["sad", "happy"]), st.none() | NAMES), min_size=2, unique_by=lambda r: r[0]
    )
)
@settings(max_examples=60)
def test_rows_keep_their_order_number_and_content(rows):
    names, labels, texts = zip(*rows, strict=True)
    samples = pd.DataFrame({"text": pd.Series(texts, dtype=object), "label": labels}).set_axis(list(names))
    before = samples.copy()
    if len(set(labels)) < 2:
        assert problems_of(samples)
        return
    checked = check_samples(samples)
    assert checked.index.tolist() == list(names)
    assert checked["label"].tolist() == list(labels)
    assert checked["text"].tolist() == list(texts)
    pd.testing.assert_frame_equal(samples, before)
    pd.testing.assert_frame_equal(check_samples(checked), checked)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 2, 4], ["0", "2", "4"]),
        ([0.0, 1.0, 2.0], ["0", "1", "2"]),
        ([True, False, True], ["true", "false", "true"]),
        (["2", "1", "2"], ["2", "1", "2"]),
        (pd.Categorical(["sad", "happy", "sad"]), ["sad", "happy", "sad"]),
    ],
    ids=["19-with-gaps", "whole-floats", "20-bool", "text", "categories"],
)
def test_labels_become_text(labels, expected):
    assert check_samples(table(label=labels))["label"].tolist() == expected


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT], ids=repr)
def test_missing_label_of_any_kind_is_found_where_it_is_required(missing):
    samples = table(label=pd.Series(["sad", missing, "happy"], dtype=object))
    assert problems_of(samples) == ["sample '1': its label is missing"]
    assert check_samples(samples, require_label=False)["label"].tolist() == ["sad", None, "happy"]


def test_missing_label_in_a_categorical_column_is_found():
    samples = table(label=pd.Categorical(["sad", None, "happy"]), group=pd.Categorical(["a", "b", None]))
    assert problems_of(samples) == ["sample '2': its group is missing", "sample '1': its label is missing"]


def test_table_without_labels_is_taken_where_none_are_needed():
    assert "label" not in check_samples(table(label=None), require_label=False)
    assert check_samples(table(label=["sad"] * 3), require_label=False)["label"].tolist() == ["sad"] * 3


def test_names_and_groups_become_text():
    checked = check_samples(table(group=[1, 2.0, "x"], split=["train", None, "test"]).set_axis([3, 4.0, 5]))
    assert checked.index.tolist() == ["3", "4", "5"]
    assert checked.index.name == "sample"
    assert checked["group"].tolist() == ["1", "2", "x"]
    assert checked["split"].tolist() == ["train", None, "test"]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, ""], ids=repr)
def test_missing_path_is_an_absent_modality(missing):
    samples = table(audio=pd.Series(["a.wav", missing, "b.wav"], dtype=object))
    assert check_samples(samples)["audio"].tolist() == ["a.wav", None, "b.wav"]


def test_paths_start_from_the_root(tmp_path):
    samples = table(audio=["a/../b.wav", tmp_path / "c.wav", b"caf\xe9.wav"])
    found = check_samples(samples, root=tmp_path)["audio"].tolist()
    root = os.path.realpath(tmp_path)
    assert found[0] == os.path.join(root, "a/../b.wav")  # noqa: PTH118
    assert found[1] == str(tmp_path / "c.wav")
    assert os.fsencode(found[2]).endswith(b"caf\xe9.wav")


@pytest.mark.parametrize("escape", ["../other.wav", "a/../../other.wav", "/etc/passwd", "link/other.wav"])
def test_36_path_that_leaves_the_root_is_refused(tmp_path, escape):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    problems = problems_of(table(audio=["fine.wav", escape, None]), root=root)
    message = (
        f"sample '1': audio {escape!r} lies outside {str(root)!r}; give the folder that holds all files with --root"
    )
    assert problems == [message]


@pytest.fixture
def keystrokes_are_read(monkeypatch):
    """As if an extractor were registered that reads a column of its own, and one that reads text."""
    monkeypatch.setattr("emofuse.features.extractors.source_columns", lambda: ("audio", "keystrokes", "text"))


def test_column_that_a_registered_extractor_reads_holds_paths(keystrokes_are_read, tmp_path, write):
    assert media_columns() == (*MEDIA_COLUMNS, "keystrokes")
    problems = problems_of(table(keystrokes=["fine.csv", "../other.csv", None]), root=tmp_path)
    assert len(problems) == 1
    assert problems[0].startswith(f"sample '1': keystrokes '../other.csv' lies outside {str(tmp_path)!r}; give ")
    found = read_samples(write("keystrokes,label\n007,sad\n,happy\n"))["keystrokes"]
    assert found.tolist() == [os.path.join(os.path.realpath(tmp_path), "007"), None]  # noqa: PTH118


def test_column_that_no_extractor_reads_stays_as_it_is():
    assert "keystrokes" not in media_columns()
    assert check_samples(table(keystrokes=["../a.csv", 3, None]))["keystrokes"].tolist() == ["../a.csv", 3, None]


def test_every_column_that_an_extractor_reads_is_known():
    assert {*source_columns()} - {"text"} <= {*media_columns()}


def test_texts_in_bytes_are_decoded():
    samples = table(text=["a", "wörld".encode(), "wörld".encode("utf-16")])
    assert check_samples(samples)["text"].tolist() == ["a", "wörld", "wörld"]


@pytest.mark.parametrize(
    ("value", "name"),
    [(3, "3"), (3.0, "3"), (np.int8(3), "3"), (np.float32(3), "3"), (2.5, "2.5"), ("3.0", "3.0"), (np.True_, "true")],
)
def test_name_is_written_the_same_whatever_type_holds_it(value, name):
    assert as_name(value) == name


def test_list_is_never_a_missing_cell():
    assert not is_missing([np.nan])
    assert is_missing(pd.NaT)


CSV = "id,audio,text,label,group\n001,a.wav,Hällo,sad,01\n002,,None,happy,02\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-with-mark"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_samples_are_read_in_any_unicode_encoding(write, tmp_path, encoding, newline):
    if encoding == "utf-16-le-with-mark":
        content = b"\xff\xfe" + CSV.replace("\n", newline).encode("utf-16-le")
    else:
        content = CSV.replace("\n", newline).encode(encoding)
    samples = read_samples(write(content))
    assert samples.index.tolist() == ["001", "002"]
    assert samples["audio"].tolist() == [os.path.join(os.path.realpath(tmp_path), "a.wav"), None]  # noqa: PTH118
    assert samples["text"].tolist() == ["Hällo", "None"]
    assert samples["group"].tolist() == ["01", "02"]


@pytest.mark.parametrize("identifier", ["id", "sample", "sample_id", " id ", ""])
def test_identifier_column_names_the_samples(write, identifier):
    samples = read_samples(write(f"{identifier},text,label\n007,a,sad\nx,b,happy\n"))
    assert samples.index.tolist() == ["007", "x"]
    assert samples.columns.tolist() == ["text", "label"]


def test_rows_without_identifier_are_named_by_their_number(write):
    assert read_samples(write("text,label\na,sad\nb,happy\n")).index.tolist() == ["row000001", "row000002"]


def test_texts_are_never_numbers_or_missing_values(write):
    samples = read_samples(write("text,label\n2024,1\nnull,2\nNA,1\n,2\n1e5,1\n"))
    assert samples["text"].tolist() == ["2024", "null", "NA", None, "1e5"]
    assert samples["label"].tolist() == ["1", "2", "1", "2", "1"]


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "null", "#N/A"])
def test_missing_label_in_a_file_is_refused(write, cell):
    with pytest.raises(TableError, match=r"sample 'b': its label is missing"):
        read_samples(write(f"id,text,label\na,x,sad\nb,y,{cell}\nc,z,happy\n"))


def test_clip_bounds_are_read_as_seconds(write):
    samples = read_samples(write("text,label,start_s,end_s\na,sad,0.5,1\nb,happy,,\n"))
    assert samples["start_s"].dtype == np.float64
    assert samples["start_s"].fillna(-1).tolist() == [0.5, -1]
    with pytest.raises(TableError, match=r"start_s must be seconds from 0 with a decimal point, got '0,5'"):
        read_samples(write('text,label,start_s\na,sad,"0,5"\nb,happy,"1,5"\n'))


def test_root_of_relative_paths_is_the_folder_of_the_table_or_the_one_given(write, tmp_path):
    path = write("audio,label\na.wav,sad\nb.wav,happy\n")
    assert read_samples(path)["audio"].iloc[0] == os.path.join(os.path.realpath(tmp_path), "a.wav")  # noqa: PTH118
    other = tmp_path / "other"
    other.mkdir()
    assert read_samples(path, root=other)["audio"].iloc[1] == os.path.join(os.path.realpath(other), "b.wav")  # noqa: PTH118


def test_table_without_any_known_column_is_refused(write):
    with pytest.raises(TableError, match=r"samples\.csv: none of the columns .* found, got \['a', 'b'\]"):
        read_samples(write("a,b\n1,2\n"))


UNREADABLE = {
    "37-latin-1": ("id,näme\n1,2\n".encode("latin-1"), "byte 4 is not UTF-8; save the table as UTF-8"),
    "37-half-a-utf-16-character": ("id,x\n1,2\n".encode("utf-16")[:-1], "is not UTF-8"),
    "37-semicolons": (b"id;score\na;0,5\nb;0,7\n", "separated by ';' or tab; save it separated by commas"),
    "37-tabs": (b"id\tscore\na\t1\n", "separated by ';' or tab"),
    "37-semicolons-and-carriage-returns": (b"id;score\ra;0,5\r", "separated by ';' or tab"),
    "37-decimal-commas": (
        b"id,score\na,0,5\nb,0,7\n",
        "the header names 2 columns, the first row has 3; write numbers with a decimal point",
    ),
    "37-decimal-comma-further-down": (b"id,score\na,5\nb,0,7\n", "line 3 has 3 cells, the header names 2"),
    "01-blank": (b" \n\n", "the table is empty"),
    "01-byte-order-mark-only": (b"\xef\xbb\xbf", "the table is empty"),
    "01-header-only": (b"id,score\n", "the table has a header and no rows"),
    "open-quote": (b'id,score\na,"5\nb,7\n', "not a comma-separated table"),
    "huge-header": (b"x" * 200_000 + b",y\n1,2\n", "not a comma-separated table"),
    "31-repeated-columns": (b"id,a,a\n1,2,3\n", "column names ['a'] repeat; rename all but one"),
    "31-columns-repeated-but-for-spaces": (b"id,a ,a\n1,2,3\n", "column names ['a'] repeat"),
}


@pytest.mark.parametrize(("content", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_table_that_would_be_read_wrongly_is_refused(write, content, message):
    with pytest.raises(TableError, match=r"^samples\.csv: ") as caught:
        read_csv(write(content))
    assert message in str(caught.value)


def test_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(SampleError, match=r"no file 'none\.csv'"):
        read_csv(tmp_path / "none.csv")


def test_columns_keep_their_types_and_lose_their_spaces(write):
    found = read_csv(write('id , score,"long\nname",\n 001, 0.5, NaN,x\n 002, 1, "a, b",\n'), names=("id",))
    assert found.columns.tolist() == ["id", "score", "long\nname", "Unnamed: 3"]
    assert found["id"].tolist() == ["001", "002"]
    assert found["score"].tolist() == [0.5, 1.0]
    assert found["long\nname"].isna().tolist() == [True, False]


@given(
    st.lists(
        st.tuples(
            st.integers(-(10**9), 10**9),
            st.floats(-1e9, 1e9),
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=60)
def test_what_pandas_writes_is_read_back(tmp_path_factory, rows):
    written = pd.DataFrame(rows, columns=["number", "value", "words"])
    path = tmp_path_factory.mktemp("written") / "table.csv"
    written.to_csv(path, index=False)
    found = read_csv(path, texts=("words",))
    assert found["number"].tolist() == written["number"].tolist()
    assert found["value"].tolist() == pytest.approx(written["value"].tolist())
    assert found["words"].tolist() == written["words"].tolist()
