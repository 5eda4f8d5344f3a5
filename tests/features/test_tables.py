"""Ready-made tables become blocks by column name, in float32, or are refused with the column named."""

import numpy as np
import pandas as pd
import pytest
from emofuse.features.errors import SampleError, TableError
from emofuse.features.tables import as_block, check_finite, decode_table, number_columns, read_feature_table
from hypothesis import given, settings
from hypothesis import strategies as st

FLOAT32_MAX = float(np.finfo(np.float32).max)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "units.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def features(**columns):
    return pd.DataFrame(columns or {"au01": [0.5, 1.5], "au02": [2.0, 3.0]}, index=["a", "b"])


def test_table_is_indexed_by_its_key_as_written(write):
    found = read_feature_table(write("au01,clip\n0.5,001\n1.5,002\n"), key="clip")
    assert found.index.tolist() == ["001", "002"]
    assert found.columns.tolist() == ["au01"]


def test_table_without_its_key_is_refused(write):
    with pytest.raises(TableError, match=r"units\.csv: no column 'clip'; it has \['au01', 'name'\]"):
        read_feature_table(write("au01,name\n0.5,a\n"), key="clip")


def test_04_repeated_key_is_refused(write):
    with pytest.raises(TableError, match=r"units\.csv: clip 'a' repeats; keep one row of each"):
        read_feature_table(write("clip,au01\na,1\nb,2\na,3\n"), key="clip")


def test_37_table_with_decimal_commas_is_refused(write):
    with pytest.raises(TableError, match="with a decimal point"):
        read_feature_table(write("clip,au01\na,0,5\n"), key="clip")


def test_block_has_the_samples_in_their_order_and_the_columns_chosen_by_name():
    block = as_block(features(), pd.Index(["b", "new", "a"]), ["au02", "au01"])
    assert block.index.tolist() == ["b", "new", "a"]
    assert block.columns.tolist() == ["au02", "au01"]
    assert set(block.dtypes) == {np.dtype(np.float32)}
    np.testing.assert_array_equal(block.to_numpy(), [[3.0, 1.5], [np.nan, np.nan], [2.0, 0.5]])


def test_30_order_of_the_columns_in_the_table_changes_nothing():
    table = features()
    index = pd.Index(["a", "b"])
    chosen = ["au01", "au02"]
    pd.testing.assert_frame_equal(as_block(table[["au02", "au01"]], index, chosen), as_block(table, index, chosen))


def test_31_additional_columns_are_left_out_and_missing_ones_refused():
    table = features(au01=[1, 2], noise=["x", "y"])
    assert as_block(table, table.index, ["au01"]).columns.tolist() == ["au01"]
    with pytest.raises(TableError, match=r"face: columns \['au03', 'au04'\] are missing; it has \['au01', 'noise'\]"):
        as_block(table, table.index, ["au03", "au01", "au04"], name="face")


def test_all_columns_are_the_default():
    table = features()
    assert as_block(table, table.index).columns.tolist() == ["au01", "au02"]


@pytest.mark.parametrize(
    "value", [np.inf, -np.inf, 2 * FLOAT32_MAX, -1e300], ids=["27-inf", "27-minus-inf", "28-beyond", "28-far-beyond"]
)
def test_value_that_float32_cannot_hold_is_refused_with_its_column(value):
    table = features(au01=[0.0, 1.0], au02=[0.0, value])
    with pytest.raises(TableError, match=r"face: columns \['au02'\] hold infinite values or values beyond float32"):
        as_block(table, table.index, name="face")


def test_29_double_precision_is_rounded_to_single():
    block = as_block(features(au01=[0.1, FLOAT32_MAX]), pd.Index(["a", "b"]))
    assert block["au01"].tolist() == [float(np.float32(0.1)), FLOAT32_MAX]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([np.nan, np.nan], [np.nan, np.nan]),
        ([None, 1], [np.nan, 1.0]),
        ([True, False], [1.0, 0.0]),
        (["1", "2.5"], [1.0, 2.5]),
        (pd.array([1, pd.NA], dtype="Int64"), [1.0, np.nan]),
    ],
    ids=["25-all-missing", "missing", "20-bool", "numbers-as-text", "nullable"],
)
def test_numbers_of_any_kind_become_float32(values, expected):
    block = as_block(features(au01=values), pd.Index(["a", "b"]))
    np.testing.assert_array_equal(block["au01"].to_numpy(), np.array(expected, dtype=np.float32))


def test_text_where_numbers_are_needed_is_refused_column_by_column():
    table = features(au01=["0,5", "1"], au02=[1, 2], au03=["x", "y"])
    with pytest.raises(TableError) as caught:
        as_block(table, table.index, name="face")
    assert caught.value.problems == [
        "face: column 'au01' holds '0,5' at 'a'; numbers with a decimal point are needed",
        "face: column 'au03' holds 'x' at 'a'; numbers with a decimal point are needed",
    ]


def test_missing_values_pass_the_check_for_finite_ones():
    check_finite(features(au01=[np.nan, FLOAT32_MAX]), name="face")
    with pytest.raises(TableError, match="au01"):
        check_finite(features(au01=[np.nan, np.inf]), name="face")


@given(
    st.dictionaries(st.text(max_size=3), st.floats(width=32, allow_infinity=False), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60)
def test_every_sample_gets_its_own_value_in_any_order(values, random):
    table = pd.DataFrame({"x": list(values.values())}, index=pd.Index(list(values), dtype=object))
    names = [*values, "not in the table"]
    random.shuffle(names)
    block = as_block(table, pd.Index(names, dtype=object))
    expected = [values.get(name, np.nan) for name in names]
    np.testing.assert_array_equal(block["x"].to_numpy(), np.array(expected, dtype=np.float32))


def test_table_of_one_sample_gives_its_columns_as_numbers():
    found = number_columns(decode_table(b"key, up_s,down_s\na,1,0.5\nb,2,1.5\n"), ["down_s", "up_s"])
    assert found.to_numpy().tolist() == [[0.5, 1.0], [1.5, 2.0]]
    assert set(found.dtypes) == {np.dtype(np.float64)}


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (None, "not_a_table"),
        (np.zeros((2, 2)), "not_a_table"),
        (pd.DataFrame({"down_s": [1.0]}), "bad_columns"),
        (pd.DataFrame([[1.0, 2.0, 3.0]], columns=["down_s", "up_s", "up_s"]), "bad_columns"),
        (pd.DataFrame({"down_s": [1.0, np.nan], "up_s": [1.0, 2.0]}), "not_finite"),
        (pd.DataFrame({"down_s": [1.0, 2.0], "up_s": [1.0, np.inf]}), "not_finite"),
        (pd.DataFrame({"down_s": ["soon"], "up_s": [1.0]}), "not_finite"),
    ],
)
def test_table_of_one_sample_that_cannot_be_used_is_a_sample_error(table, code):
    with pytest.raises(SampleError) as caught:
        number_columns(table, ["down_s", "up_s"])
    assert caught.value.code == code


@pytest.mark.parametrize("data", [b"\xff\x00", b"a;b\n1;2\n", b"a,b\n", b"a,a\n1,2\n"])
def test_bytes_that_hold_no_table_are_a_sample_error(data):
    with pytest.raises(SampleError) as caught:
        decode_table(data)
    assert caught.value.code == "not_a_table"
