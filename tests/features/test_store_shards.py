"""Shards: written whole or not at all, taken in once, set aside where they are cut short."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from emofuse.features import store_shards
from emofuse.features.errors import EmofuseWarning, StoreError
from emofuse.features.store import FILE_NAME, FeatureStore, Maker, StoredRow, read_shard, write_shard
from emofuse.features.store_layout import SCHEMA
from emofuse.features.store_shards import INCOMING, broken, waiting
from emofuse.features.store_upkeep import info, verify

MAKER = Maker("Loudness", "ab" * 32, ("mean",))


def rows_of(numbers):
    return {f"{number:064x}": StoredRow(np.array([number], dtype=np.float32)) for number in numbers}


def start(program, *arguments):
    """Run a program in a process of its own, after what all programs here begin with."""
    beginning = """
        import os, signal, sys
        import numpy as np
        from pathlib import Path
        from emofuse.features import store as module
        from emofuse.features.errors import StoreError
        from emofuse.features.store import FeatureStore, StoredRow, write_shard
        def die(*_, **__):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(beginning) + textwrap.dedent(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_shard_comes_back_bit_equal_and_leaves_the_store_alone(tmp_path):
    rows = {
        "a": StoredRow(np.array([np.pi, np.nan, -0.0], dtype=np.float32), ("clipping: 2 %", "kürz")),
        "0f" * 32: StoredRow(np.array([1], dtype=np.float32)),
    }
    shard = write_shard(tmp_path / "store", rows, maker=MAKER)
    assert {path.name for path in (tmp_path / "store").iterdir()} == {INCOMING}
    assert list(shard.parent.iterdir()) == [shard]
    found = read_shard(shard)
    assert {key: (item.values.tobytes(), item.warnings) for key, item in found.items()} == {
        key: (item.values.tobytes(), item.warnings) for key, item in rows.items()
    }


def test_shards_are_taken_in_when_a_store_is_opened(tmp_path):
    for first in range(0, 30, 10):
        write_shard(tmp_path, rows_of(range(first, first + 10)), maker=MAKER)
    store = FeatureStore(tmp_path)
    assert waiting(tmp_path) == []
    found = store.get_many(rows_of(range(30)), n_values=1)
    assert {int(item.values[0]) for item in found.values()} == set(range(30))
    (made,) = info(tmp_path).extractors
    assert (made.extractor, made.fingerprint, made.rows) == (MAKER.name, MAKER.fingerprint, 30)


def test_open_store_takes_shards_in_on_demand(tmp_path):
    store = FeatureStore(tmp_path)
    assert store.absorb() == 0
    write_shard(tmp_path, rows_of(range(10)))
    write_shard(tmp_path, rows_of(range(5, 15)))
    assert store.absorb() == 20
    assert len(store) == 15
    assert store.absorb() == 0


def test_more_shards_than_one_transaction_takes(tmp_path, monkeypatch):
    monkeypatch.setattr("emofuse.features.store.SHARDS_A_TRANSACTION", 4)
    store = FeatureStore(tmp_path)
    for number in range(11):
        write_shard(tmp_path, rows_of([number]))
    assert store.absorb() == 11
    assert len(store) == 11


def test_same_rows_written_twice_by_a_task_that_was_repeated_are_one_shard(tmp_path, monkeypatch):
    monkeypatch.setattr("emofuse.features.store_layout.now", lambda: 1_000_000)
    assert write_shard(tmp_path, rows_of(range(3))) == write_shard(tmp_path, rows_of(range(3)))
    assert len(FeatureStore(tmp_path)) == 3


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data[:100], lambda _: b"", lambda data: data[:-1] + b"?"]
)
def test_truncated_shard_is_set_aside_with_a_warning_that_names_it(tmp_path, spoil):
    whole, cut = write_shard(tmp_path, rows_of([1, 2])), write_shard(tmp_path, rows_of([3]))
    cut.write_bytes(spoil(cut.read_bytes()))
    with pytest.warns(EmofuseWarning, match=rf"set aside as '.*{cut.name}\.broken'.*cut short") as warned:
        store = FeatureStore(tmp_path)
    assert len(warned) == 1
    assert len(store) == 2
    assert not whole.exists()
    assert [path.name for path in broken(tmp_path)] == [f"{cut.name}.broken"]
    assert verify(tmp_path).broken_shards == (str(broken(tmp_path)[0]),)
    assert len(FeatureStore(tmp_path)) == 2  # and no second warning


def test_foreign_files_in_the_folder_do_no_harm(tmp_path):
    write_shard(tmp_path, rows_of([1]))
    (tmp_path / INCOMING / "foreign.shard").write_bytes(b"hello")
    (tmp_path / INCOMING / "folder.shard").mkdir()
    (tmp_path / INCOMING / "notes.txt").write_text("hello")
    with pytest.warns(EmofuseWarning, match=r"folder\.shard.*foreign\.shard"):
        store = FeatureStore(tmp_path)
    assert len(store) == 1
    assert {path.name for path in (tmp_path / INCOMING).iterdir()} == {
        "foreign.shard.broken",
        "folder.shard.broken",
        "notes.txt",
    }


def test_shard_of_a_later_version_waits_for_one_that_reads_it(tmp_path, monkeypatch):
    with monkeypatch.context() as later:
        later.setattr("emofuse.features.store_layout.SCHEMA", SCHEMA + 1)
        later.setattr("emofuse.features.store_layout.MIN_READER", SCHEMA + 1)
        shard = write_shard(tmp_path, rows_of([1]))
    with pytest.warns(EmofuseWarning, match=f"has schema {SCHEMA + 1}, this version reads {SCHEMA}"):
        assert len(FeatureStore(tmp_path)) == 0
    assert shard.exists()


@pytest.mark.parametrize("where", ["module.Path.unlink = die", "module.insert_contents = die"])
def test_killed_while_taking_in_loses_nothing(tmp_path, where):
    write_shard(tmp_path, rows_of([1]), maker=MAKER)
    write_shard(tmp_path, rows_of([2]), maker=MAKER)
    taker = start(f"{where}\nFeatureStore(sys.argv[1])", tmp_path)
    taker.communicate()
    assert taker.returncode == -signal.SIGKILL
    assert len(waiting(tmp_path)) == 2
    store = FeatureStore(tmp_path)
    assert set(store.get_many(rows_of([1, 2]), n_values=1)) == set(rows_of([1, 2]))
    assert len(store) == 2
    assert waiting(tmp_path) == []
    assert verify(tmp_path).is_whole


def test_two_processes_take_the_same_shards_in_at_once(tmp_path):
    for number in range(40):
        write_shard(tmp_path, rows_of(range(10 * number, 10 * number + 10)), maker=MAKER)
    program = """
        module.SHARDS_A_TRANSACTION = 3
        print("ready", flush=True)
        sys.stdin.readline()
        print(len(FeatureStore(sys.argv[1])))
    """
    takers = [start(program, tmp_path) for _ in range(2)]
    for taker in takers:
        assert taker.stdout.readline() == "ready\n"
    for taker in takers:
        taker.stdin.write("go\n")
        taker.stdin.flush()
    for taker in takers:
        _, errors = taker.communicate()
        assert (taker.returncode, errors) == (0, "")
    assert len(FeatureStore(tmp_path)) == 400
    assert waiting(tmp_path) == broken(tmp_path) == []


def test_full_disk_leaves_no_half_a_shard(tmp_path):
    program = """
        import resource
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            write_shard(sys.argv[1], {str(n): StoredRow(np.ones(1000, dtype=np.float32)) for n in range(50)})
        except StoreError as error:
            print(error)
    """
    output, errors = start(program, tmp_path).communicate()
    assert "no shard can be written" in output and len(output.splitlines()) == 1, errors
    assert list((tmp_path / INCOMING).iterdir()) == []


def test_writer_killed_before_its_shard_is_whole_leaves_what_verify_removes_a_day_later(tmp_path):
    program = """
        from emofuse.features import store_shards
        store_shards.os.fsync = die
        write_shard(sys.argv[1], {"a": StoredRow(np.ones(3, dtype=np.float32))})
    """
    FeatureStore(tmp_path)
    writer = start(program, tmp_path)
    writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    (left,) = (tmp_path / INCOMING).iterdir()
    assert len(FeatureStore(tmp_path)) == 0
    assert verify(tmp_path, repair=True).unfinished_shards == (str(left),)
    assert left.exists()
    os.utime(left, (0, 0))
    verify(tmp_path, repair=True)
    assert not left.exists()


def test_store_that_cannot_be_written_is_read_while_shards_wait(tmp_path):
    FeatureStore(tmp_path).put_many(rows_of([1]))
    write_shard(tmp_path, rows_of([2]))

    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute("CREATE TRIGGER full BEFORE INSERT ON rows BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    database.close()
    with pytest.warns(EmofuseWarning, match="shards wait to be taken in: .*disk is full"):
        store = FeatureStore(tmp_path)
    assert set(store.get_many(rows_of([1]), n_values=1)) == set(rows_of([1]))
    assert len(waiting(tmp_path)) == 1
    assert broken(tmp_path) == []


def test_place_where_no_shard_can_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"no shard can be written \(.*\); free or unlock the disk, or choose --store"):
        write_shard(tmp_path / "file", rows_of([1]))


def test_rows_that_are_none_are_one_clear_error(tmp_path):
    with pytest.raises(StoreError, match="keys are text"):
        write_shard(tmp_path, {3.5j: StoredRow(np.ones(1, dtype=np.float32))})


def test_store_without_shards_is_not_searched_twice(tmp_path, monkeypatch):
    FeatureStore(tmp_path)
    monkeypatch.setattr(FeatureStore, "absorb", None)  # would fail if it were called
    assert store_shards.waiting(tmp_path) == []
    assert len(FeatureStore(tmp_path)) == 0
    assert {path.name for path in tmp_path.iterdir()} == {FILE_NAME}
