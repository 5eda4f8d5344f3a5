"""The store survives what happens to stores: kill -9, two writers, a full disk, junk and flipped bytes."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.features import pieces
from emofuse.features.acoustic import OpenSmileFunctionals
from emofuse.features.errors import StoreError
from emofuse.features.store import FILE_NAME, FeatureStore, StoredRow, default_store_path
from hypothesis import given, settings
from hypothesis import strategies as st

N_CLIPS = 60


def row(*values, warnings=()):
    return StoredRow(np.array(values, dtype=np.float32), warnings)


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "store")


@pytest.fixture(scope="module")
def samples_csv(tmp_path_factory):
    """A table of short clips, each its own noise, that any process can read."""
    folder = tmp_path_factory.mktemp("clips")
    paths = []
    for number in range(N_CLIPS):
        paths.append(str(folder / f"{number:02d}.wav"))
        sf.write(paths[-1], np.random.default_rng(number).normal(scale=0.1, size=1600), 16_000)
    table = folder / "samples.csv"
    pd.DataFrame({"audio": paths}, index=[f"s{number:02d}" for number in range(N_CLIPS)]).to_csv(table)
    return table


@pytest.fixture(scope="module")
def uninterrupted(samples_csv):
    return extract(samples_csv).features


def extract(samples_csv, store=None, n_jobs=1):
    return OpenSmileFunctionals().extract(pd.read_csv(samples_csv, index_col=0), store=store, n_jobs=n_jobs)


def start(program, *arguments):
    """Run a program in a process of its own, after what all programs here begin with."""
    beginning = """
        import sys
        import numpy as np
        import pandas as pd
        from emofuse.features import pieces
        from emofuse.features.acoustic import OpenSmileFunctionals
        from emofuse.features.store import FeatureStore, StoredRow
        from emofuse.features.store_layout import connected, insert_rows
        pieces.FLUSH_EVERY = 1
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(beginning) + textwrap.dedent(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_rows_come_back_bit_equal_with_their_warnings(store):
    rows = {"a": row(np.pi, np.nan, -0.0, 1e-40, warnings=("clipping: 2 %", "kürz")), "b": row(1, 2, 3, 4)}
    store.put_many(rows)
    found = FeatureStore(store.path).get_many({"a", "b", "c"}, n_values=4)
    assert set(found) == {"a", "b"}
    assert len(store) == 2
    for key in found:
        assert found[key].values.tobytes() == rows[key].values.tobytes()
        assert found[key].warnings == rows[key].warnings


@given(st.dictionaries(st.text(max_size=5), st.lists(st.floats(width=32), min_size=3, max_size=3), max_size=6))
@settings(max_examples=10)
def test_any_rows_come_back_bit_equal(tmp_path_factory, values):
    rows = {key.encode("unicode_escape").decode(): row(*numbers) for key, numbers in values.items()}
    store = FeatureStore(tmp_path_factory.mktemp("store"))
    store.put_many(rows)
    found = store.get_many(rows, n_values=3)
    assert {key: item.values.tobytes() for key, item in found.items()} == {
        key: item.values.tobytes() for key, item in rows.items()
    }


def test_more_keys_than_one_query_takes_are_found(store):
    rows = {f"key{number}": row(number) for number in range(1203)}
    store.put_many(rows)
    found = store.get_many(rows, n_values=1)
    assert {key: int(item.values[0]) for key, item in found.items()} == {f"key{n}": n for n in range(1203)}


def test_row_written_again_is_replaced(store):
    store.put_many({"a": row(1)})
    store.put_many({"a": row(2)})
    assert len(store) == 1
    assert store.get_many({"a"}, n_values=1)["a"].values.tolist() == [2]


def test_rows_are_written_all_or_none(store):
    with pytest.raises(StoreError):
        store.put_many({"good": row(1), 3.5j: row(2)})
    assert len(store) == 0


def test_row_of_another_width_is_an_error_that_says_what_to_do(store):
    store.put_many({"a": row(1, 2)})
    with pytest.raises(StoreError, match=r"has 2 values, the extractor gives 3; .* choose another --store"):
        store.get_many({"a"}, n_values=3)


@pytest.mark.parametrize(
    ("column", "value"),
    [("data", b"\x00\x00\x80\x41"), ("data", b""), ("warnings", "[]"), ("warnings", "no json"), ("crc", 0)],
)
def test_corrupted_row_counts_as_not_there(store, column, value, sql):
    store.put_many({"a": row(1, warnings=("silence",)), "b": row(2)})
    sql(store.path, f"UPDATE rows SET {column} = ? WHERE key = 'a'", value)
    assert set(store.get_many({"a", "b"}, n_values=1)) == {"b"}


def test_corrupted_row_is_extracted_again_and_replaced(store, samples_csv, uninterrupted, sql):
    extract(samples_csv, store)
    key, data = sql(store.path, "SELECT key, data FROM rows ORDER BY key")[7]
    flipped = bytes([data[0] ^ 0xFF, *data[1:]])
    sql(store.path, "UPDATE rows SET data = ? WHERE key = ?", flipped, key)
    again = extract(samples_csv, store)
    assert (again.n_extracted, again.n_from_store) == (1, N_CLIPS - 1)
    pd.testing.assert_frame_equal(again.features, uninterrupted, check_exact=True)
    assert sql(store.path, "SELECT data FROM rows WHERE key = ?", key) == [(data,)]


def test_second_run_in_another_process_extracts_nothing(store, samples_csv):
    extract(samples_csv, store)
    program = """
        table = pd.read_csv(sys.argv[1], index_col=0)
        OpenSmileFunctionals._measure = None
        found = OpenSmileFunctionals().extract(table, store=FeatureStore(sys.argv[2]))
        print(found.n_extracted, found.n_from_store, found.n_failed)
    """
    output, errors = start(program, samples_csv, store.path).communicate()
    assert output.split() == ["0", str(N_CLIPS), "0"], errors


def test_two_processes_write_into_one_new_store_at_once(tmp_path, samples_csv, uninterrupted):
    program = """
        table = pd.read_csv(sys.argv[1], index_col=0)
        print("ready", flush=True)
        sys.stdin.readline()
        found = OpenSmileFunctionals().extract(table, store=FeatureStore(sys.argv[2]))
        found.features.to_pickle(sys.argv[3])
        print(found.n_extracted + found.n_from_store, found.n_failed)
    """
    path = tmp_path / "store"
    writers = [start(program, samples_csv, path, tmp_path / f"{number}.pickle") for number in range(2)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    outcomes = [writer.communicate() for writer in writers]
    for number, (writer, (output, errors)) in enumerate(zip(writers, outcomes, strict=True)):
        assert writer.returncode == 0, errors
        assert output.split() == [str(N_CLIPS), "0"]
        features = pd.read_pickle(tmp_path / f"{number}.pickle")
        pd.testing.assert_frame_equal(features, uninterrupted, check_exact=True)
    assert len(FeatureStore(path)) == N_CLIPS


def test_store_is_opened_and_read_while_another_one_writes(store):
    store.put_many({"a": row(1)})
    writer = sqlite3.connect(store.path / FILE_NAME, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert set(store.get_many({"a"}, n_values=1)) == {"a"}
    finally:
        writer.close()


def test_run_resumed_after_kill_9_equals_one_never_interrupted(tmp_path, samples_csv, uninterrupted, sql):
    program = """
        done = 0

        def report(count):
            global done
            done += count
            print(count, flush=True)
            if done >= 40:
                sys.stdin.read()

        table = pd.read_csv(sys.argv[1], index_col=0)
        OpenSmileFunctionals().extract(table, store=FeatureStore(sys.argv[2]), progress=report)
    """
    writer = start(program, samples_csv, tmp_path / "store")
    finished = 0
    while finished < 15:
        line = writer.stdout.readline()
        assert line, writer.stderr.read()
        finished += int(line)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert writer.returncode == -signal.SIGKILL

    store = FeatureStore(tmp_path / "store")
    n_stored = len(store)
    assert 0 < n_stored < N_CLIPS
    resumed = extract(samples_csv, store)
    assert (resumed.n_extracted, resumed.n_from_store) == (N_CLIPS - n_stored, n_stored)
    pd.testing.assert_frame_equal(resumed.features, uninterrupted, check_exact=True)
    assert sql(store.path, "PRAGMA integrity_check") == [("ok",)]


def test_writer_killed_inside_a_transaction_leaves_none_of_it(store):
    store.put_many({"before": row(1)})
    program = """
        store = FeatureStore(sys.argv[1])
        with connected(store.path, writing=True) as database:
            database.execute("PRAGMA cache_size=-100")  # pages go to the file before the transaction ends
            insert_rows(database, {str(n): StoredRow(np.ones(1000, dtype=np.float32)) for n in range(2000)}, None)
            print("inside", flush=True)
            sys.stdin.read()
    """
    writer = start(program, store.path)
    assert writer.stdout.readline() == "inside\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert len(store) == 1
    store.put_many({"after": row(2)})
    assert set(store.get_many({"before", "after", "5"}, n_values=1)) == {"before", "after"}


def test_full_disk_is_one_clear_error_and_loses_no_earlier_row(store):
    store.put_many({"before": row(1)})
    program = """
        import resource
        import signal
        from emofuse.features.errors import StoreError

        store = FeatureStore(sys.argv[1])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        try:
            store.put_many({str(n): StoredRow(np.ones(1000, dtype=np.float32)) for n in range(500)})
        except StoreError as error:
            print(error)
    """
    output, errors = start(program, store.path).communicate()
    assert "cannot be used" in output and "free or unlock the disk, or choose --store" in output, errors
    assert len(output.splitlines()) == 1
    assert len(store) == 1
    assert store.get_many({"before"}, n_values=1)["before"].values.tolist() == [1]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_store_that_fails_in_the_middle_of_a_batch_stops_it_with_its_error(
    store, samples_csv, monkeypatch, n_jobs, sql
):
    monkeypatch.setattr(pieces, "FLUSH_EVERY", 5)
    sql(store.path, "CREATE TRIGGER full BEFORE INSERT ON rows BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    with pytest.raises(StoreError, match="disk is full"):
        extract(samples_csv, store, n_jobs=n_jobs)


@pytest.mark.parametrize("below", ["file", "file/store"])
def test_place_that_cannot_be_made_is_refused(tmp_path, below):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"cannot be made: .*; choose --store"):
        FeatureStore(tmp_path / below)


@pytest.mark.parametrize("junk", [b"this is no database at all" * 100, b"SQLite format 3\0" + bytes(5000)])
def test_junk_in_place_of_the_store_is_refused_and_left_alone(tmp_path, junk):
    (tmp_path / FILE_NAME).write_bytes(junk)
    with pytest.raises(StoreError, match="cannot be used"):
        FeatureStore(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == junk


def test_directory_in_place_of_the_store_is_refused(tmp_path):
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StoreError, match="cannot be used"):
        FeatureStore(tmp_path)


def test_database_of_another_kind_is_refused(tmp_path):
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute("CREATE TABLE rows (name TEXT)")
    database.close()
    with pytest.raises(StoreError, match="cannot be used"):
        FeatureStore(tmp_path)


def test_store_of_the_user_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert default_store_path() == tmp_path / "emofuse" / "store"
    assert FeatureStore().path == default_store_path()
    assert (tmp_path / "emofuse" / "store" / FILE_NAME).is_file()


def test_closed_store_leaves_no_connection_behind(store):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        store.put_many({"a": row(1)})
        assert len(store) == 1
    assert {path.name for path in store.path.iterdir()} == {FILE_NAME}
