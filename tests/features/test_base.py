"""No sample kills a batch: counts add up, order is kept, every failure has a code, nothing is measured twice."""

import hashlib
import tempfile
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.features import base, pieces
from emofuse.features.acoustic import OpenSmileFunctionals
from emofuse.features.base import Extractor
from emofuse.features.errors import SampleError, TableError
from emofuse.features.files import read_bytes
from emofuse.features.store import FeatureStore
from hypothesis import given, settings
from hypothesis import strategies as st


class ByteStatistics(Extractor):
    """Mean and number of a file's bytes; some contents behave as bad files do."""

    source_column = "audio"

    def __init__(self, scale=1.0, weights=None):
        self.scale = scale
        self.weights = weights

    def get_feature_names_out(self, input_features=None):
        return np.array(["mean", "count"], dtype=object)

    def _decode(self, data, start_s, end_s):
        if data.startswith(b"refused"):
            raise SampleError("refused", "bytes of another kind are needed; drop it")
        if data.startswith(b"huge"):
            raise MemoryError
        if data.startswith(b"crash"):
            raise ZeroDivisionError("division by zero")
        return np.frombuffer(data, dtype=np.uint8)[None if start_s is None else int(start_s) :]

    def _accept(self, source):
        return np.asarray(source)

    def _measure(self, signal):
        if bytes(signal[:8]) == b"infinite":
            return np.array([np.inf, 1]), ()
        if bytes(signal[:7]) == b"allnans":
            return np.array([np.nan, np.nan]), ()
        if bytes(signal[:4]) == b"half":
            return np.array([np.nan, 1]), ("half of it is missing",)
        return np.array([self.scale * signal.mean(), len(signal)]), ()


BAD = {"refused": "refused", "huge": "too_large", "crash": "unexpected", "infinite": "not_finite_features"}


@pytest.fixture
def measured(monkeypatch):
    """The contents measured so far, in the order they were."""
    contents = []
    measure = ByteStatistics._measure

    def record(self, signal):
        contents.append(bytes(signal))
        return measure(self, signal)

    monkeypatch.setattr(ByteStatistics, "_measure", record)
    return contents


def table_of(folder, contents):
    """A sample table with a file for each content; None is an absent sample."""
    paths = []
    for number, content in enumerate(contents):
        path = Path(folder) / f"{number}.bin"
        if content is not None:
            path.write_bytes(content)
        paths.append(None if content is None else str(path))
    index = pd.Index([f"s{number}" for number in range(len(contents))], dtype=object)
    return pd.DataFrame({"audio": pd.Series(paths, index=index, dtype=object)})


def counts(extraction):
    return (extraction.n_extracted, extraction.n_from_store, extraction.n_absent, extraction.n_failed)


@given(
    st.lists(st.one_of(st.none(), st.sampled_from(sorted(BAD)).map(str.encode), st.binary(max_size=3)), max_size=12),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
)
@settings(max_examples=40)
def test_counts_add_up_and_every_row_is_its_own(contents, n_jobs, with_store):
    with tempfile.TemporaryDirectory() as folder:
        samples = table_of(folder, contents)
        finished = []
        store = FeatureStore(Path(folder) / "store") if with_store else None
        extraction = ByteStatistics().extract(samples, n_jobs=n_jobs, store=store, progress=finished.append)
    assert sum(counts(extraction)) == len(samples) == sum(finished)
    assert extraction.features.index.equals(samples.index)
    failed = dict(zip(extraction.failures["sample"], extraction.failures["code"], strict=True))
    for name, content in zip(samples.index, contents, strict=True):
        row = extraction.features.loc[name].to_numpy()
        if content is None:
            assert np.isnan(row).all() and name not in failed
        elif content == b"":
            assert np.isnan(row).all() and failed[name] == "empty_file"
        elif content.decode("latin-1") in BAD:
            assert np.isnan(row).all() and failed[name] == BAD[content.decode()]
        else:
            values = np.frombuffer(content, dtype=np.uint8)
            np.testing.assert_array_equal(row, np.array([values.mean(), len(values)], dtype=np.float32))


def test_failures_are_listed_in_the_order_of_the_table_with_source_and_message(tmp_path):
    samples = table_of(tmp_path, [b"crash", b"fine", b"refused"])
    failures = ByteStatistics().extract(samples, n_jobs=2).failures
    assert failures.values.tolist() == [
        ["s0", "audio", "unexpected", "ZeroDivisionError: division by zero; drop it and report it"],
        ["s2", "audio", "refused", "bytes of another kind are needed; drop it"],
    ]


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"huge", "too_large", "more memory than there is"),
        (b"crash", "unexpected", "ZeroDivisionError"),
        (b"infinite", "not_finite_features", "not finite"),
        (b"allnans", "not_finite_features", "not finite"),
        (b"", "empty_file", "0 bytes"),
    ],
)
def test_batch_goes_on_after_a_sample_that_fails(tmp_path, content, code, message):
    extraction = ByteStatistics().extract(table_of(tmp_path, [b"ab", content, b"cd"]))
    assert extraction.failures["code"].tolist() == [code]
    assert message in extraction.failures.at[0, "message"]
    assert extraction.features["count"].fillna(-1).tolist() == [2, -1, 2]
    assert counts(extraction) == (2, 0, 0, 1)


def test_partly_missing_features_are_kept_with_their_warning(tmp_path):
    extraction = ByteStatistics().extract(table_of(tmp_path, [b"half", b"ab"]))
    assert extraction.features["mean"].isna().tolist() == [True, False]
    assert extraction.warnings.values.tolist() == [["s0", "audio", "half of it is missing"]]


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_raising_names_the_first_bad_sample_of_the_table(tmp_path, n_jobs):
    samples = table_of(tmp_path, [b"fine", b"refused", b"crash", b""])
    with pytest.raises(SampleError, match=r"audio sample 's1': bytes of another kind are needed; drop it") as caught:
        ByteStatistics().extract(samples, n_jobs=n_jobs, on_error="raise")
    assert caught.value.code == "refused"


def test_raising_changes_nothing_where_all_is_well(tmp_path):
    samples = table_of(tmp_path, [b"ab", None])
    assert counts(ByteStatistics().extract(samples, on_error="raise")) == (1, 0, 1, 0)


def test_unknown_error_policy_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"on_error must be 'absent' or 'raise', got 'ignore'"):
        ByteStatistics().extract(table_of(tmp_path, [b"ab"]), on_error="ignore")


def test_table_without_the_source_column_is_refused():
    with pytest.raises(TableError, match=r"column 'audio' is missing; ByteStatistics reads it"):
        ByteStatistics().extract(pd.DataFrame({"text": ["a"]}))


def test_repeated_sample_names_are_refused(tmp_path):
    samples = table_of(tmp_path, [b"ab", b"cd"]).set_axis(["s", "s"])
    with pytest.raises(TableError, match="sample names repeat"):
        ByteStatistics().extract(samples)


def test_table_without_rows_gives_named_columns(tmp_path):
    extraction = ByteStatistics().extract(table_of(tmp_path, []))
    assert extraction.features.shape == (0, 2)
    assert counts(extraction) == (0, 0, 0, 0)


@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA], ids=["None", "nan", "NA"])
def test_absent_source_is_an_absent_row_without_a_failure(nothing):
    samples = pd.DataFrame({"audio": pd.Series([nothing], dtype=object, index=["a"])})
    extraction = ByteStatistics().extract(samples)
    assert counts(extraction) == (0, 0, 1, 0)
    assert extraction.features.isna().all(axis=None)
    assert extraction.failures.empty


def test_hashes_are_those_of_the_bytes(tmp_path):
    extraction = ByteStatistics().extract(table_of(tmp_path, [b"ab", None, b"refused"]))
    assert extraction.hashes["s0"] == hashlib.sha256(b"ab").hexdigest()
    assert pd.isna(extraction.hashes["s1"])
    assert extraction.hashes["s2"] == hashlib.sha256(b"refused").hexdigest()


def test_equal_bytes_are_measured_once(tmp_path, measured):
    extraction = ByteStatistics().extract(table_of(tmp_path, [b"ab", b"cd", b"ab", b"ab"]), n_jobs=2)
    assert sorted(measured) == [b"ab", b"cd"]
    assert extraction.features["mean"].tolist() == [97.5, 99.5, 97.5, 97.5]
    assert counts(extraction) == (4, 0, 0, 0)


def test_every_copy_of_a_bad_file_has_its_failure(tmp_path):
    extraction = ByteStatistics().extract(table_of(tmp_path, [b"refused", b"ab", b"refused"]))
    assert extraction.failures["sample"].tolist() == ["s0", "s2"]
    assert counts(extraction) == (1, 0, 0, 2)


def test_clips_of_one_file_are_measured_apart(tmp_path, measured):
    samples = table_of(tmp_path, [b"abcd", b"abcd", b"abcd"])
    samples["start_s"] = [np.nan, 1.0, 2.0]
    extraction = ByteStatistics().extract(samples)
    assert extraction.features["count"].tolist() == [4, 3, 2]
    assert measured == [b"abcd", b"bcd", b"cd"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_file_that_changes_between_hash_and_decode_is_refused(tmp_path, monkeypatch, n_jobs):
    samples = table_of(tmp_path, [b"ab", b"cd"])

    def edit_first_after_reading(path):
        content = read_bytes(path)
        if path == samples.at["s0", "audio"]:
            Path(path).write_bytes(content + b"!")
        return content

    monkeypatch.setattr(base, "read_bytes", edit_first_after_reading)
    extraction = ByteStatistics().extract(samples, n_jobs=n_jobs)
    assert extraction.failures[["sample", "code"]].values.tolist() == [["s0", "changed"]]
    assert extraction.features["count"].fillna(-1).tolist() == [-1, 2]


def test_rows_are_bit_equal_for_any_number_of_threads(tmp_path):
    paths = []
    for number in range(9):
        path = tmp_path / f"{number}.wav"
        noise = np.random.default_rng(number).normal(scale=0.1, size=4000 if number else 10)
        sf.write(path, noise, 16_000)
        paths.append(str(path))
    samples = pd.DataFrame({"audio": paths}, index=[f"s{number}" for number in range(9)])
    alone, *others = (OpenSmileFunctionals().extract(samples, n_jobs=n_jobs) for n_jobs in (1, 2, 4))
    assert alone.failures["sample"].tolist() == ["s0"]
    for other in others:
        pd.testing.assert_frame_equal(other.features, alone.features, check_exact=True)
        pd.testing.assert_frame_equal(other.failures, alone.failures)
        pd.testing.assert_frame_equal(other.warnings, alone.warnings)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_second_extraction_measures_nothing(tmp_path, measured, n_jobs):
    samples = table_of(tmp_path, [b"ab", b"half", None, b"ab"])
    store = FeatureStore(tmp_path / "store")
    first = ByteStatistics().extract(samples, n_jobs=n_jobs, store=store)
    measured.clear()
    second = ByteStatistics().extract(samples, n_jobs=n_jobs, store=store)
    assert measured == []
    assert counts(second) == (0, 3, 1, 0)
    pd.testing.assert_frame_equal(second.features, first.features, check_exact=True)
    pd.testing.assert_frame_equal(second.warnings, first.warnings)


def test_only_what_is_new_or_measured_otherwise_is_measured(tmp_path, measured):
    store = FeatureStore(tmp_path / "store")
    samples = table_of(tmp_path, [b"ab", b"cd"])
    ByteStatistics().extract(samples.iloc[:1], store=store)
    measured.clear()
    assert counts(ByteStatistics().extract(samples, store=store)) == (1, 1, 0, 0)
    assert measured == [b"cd"]
    doubled = ByteStatistics(scale=2.0).extract(samples, store=store)
    assert counts(doubled) == (2, 0, 0, 0)
    assert doubled.features["mean"].tolist() == [195.0, 199.0]


def test_failure_is_not_kept_in_the_store(tmp_path):
    store = FeatureStore(tmp_path / "store")
    samples = table_of(tmp_path, [b"refused", b"ab"])
    for from_store in (0, 1):
        assert counts(ByteStatistics().extract(samples, store=store)) == (1 - from_store, from_store, 0, 1)
    assert len(store) == 1


def test_rows_are_stored_while_the_batch_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "FLUSH_EVERY", 2)
    store = FeatureStore(tmp_path / "store")
    stored = []
    samples = table_of(tmp_path, [bytes([65 + number]) for number in range(5)])
    ByteStatistics().extract(samples, store=store, progress=lambda _: stored.append(len(store)))
    assert 2 in stored and 4 in stored
    assert len(store) == 5


def test_interrupted_batch_keeps_what_it_measured(tmp_path, monkeypatch):
    samples = table_of(tmp_path, [b"ab", b"cd", b"ef"])
    measure = ByteStatistics._measure

    def interrupt_at_third(self, signal):
        if bytes(signal) == b"ef":
            raise KeyboardInterrupt
        return measure(self, signal)

    monkeypatch.setattr(ByteStatistics, "_measure", interrupt_at_third)
    store = FeatureStore(tmp_path / "store")
    with pytest.raises(KeyboardInterrupt):
        ByteStatistics().extract(samples, store=store)
    monkeypatch.undo()
    assert counts(ByteStatistics().extract(samples, store=store)) == (1, 2, 0, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"scale": 1.0}, {"scale": 2.0}),
        ({"weights": {"a": 1, "b": 2}}, {"weights": {"b": 2, "a": 1}}),
        ({"weights": {"a": 1}}, {"weights": {"a": 2}}),
        ({"weights": MappingProxyType({"a": 1})}, {"weights": MappingProxyType({"a": 2})}),
        ({"weights": ("a", "b")}, {"weights": ("b", "a")}),
    ],
)
def test_fingerprint_tells_parameters_and_their_order_apart(one, other):
    assert ByteStatistics(**one).fingerprint() != ByteStatistics(**other).fingerprint()


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"scale": 2.0}, {"scale": np.float32(2.0)}),
        ({"scale": 2}, {"scale": np.int64(2)}),
        ({"weights": {"a": 1}}, {"weights": MappingProxyType({"a": 1})}),
        ({"weights": [1, 2]}, {"weights": np.array([1, 2])}),
    ],
)
def test_fingerprint_does_not_depend_on_how_a_value_is_held(one, same):
    assert ByteStatistics(**one).fingerprint() == ByteStatistics(**same).fingerprint()


def test_fingerprint_tells_classes_schemas_and_libraries_apart():
    class Renamed(ByteStatistics):
        pass

    class Revised(ByteStatistics):
        schema = 2

    class Leaning(ByteStatistics):
        libraries = ("scipy",)

    Revised.__name__ = Leaning.__name__ = "ByteStatistics"
    made = [kind().fingerprint() for kind in (ByteStatistics, Renamed, Revised, Leaning)]
    assert len(set(made)) == 4


def test_array_in_memory_takes_no_detour_over_a_file():
    np.testing.assert_array_equal(ByteStatistics().extract_one([1, 3]), np.array([2, 2], dtype=np.float32))


@pytest.mark.parametrize("as_path", [str, str.encode, Path], ids=["str", "bytes", "Path"])
def test_path_of_any_kind_is_read(tmp_path, as_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"ab")
    source = as_path(str(path))
    np.testing.assert_array_equal(ByteStatistics().extract_one(source), np.array([97.5, 2], dtype=np.float32))
