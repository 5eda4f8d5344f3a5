"""Killed writers again and again, many writers at once, files cut short or overwritten, a folder that is read only."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest
from emofuse.features.errors import StoreError
from emofuse.features.store import FILE_NAME, FeatureStore, Maker, StoredRow
from emofuse.features.store_layout import checksum
from emofuse.features.store_parts import parts
from emofuse.features.store_salvage import DAMAGED
from emofuse.features.store_upkeep import info, verify

MAKER = Maker("Loudness", "ab" * 32, ("mean",))
WIDE = Maker("Wide", "cd" * 32)
NOBODY = 65_534


def key_of(number):
    return f"{number * 2_654_435_761 % 2**64:064x}"


def rows_of(numbers, width=20):
    return {key_of(number): StoredRow(np.full(width, number, dtype=np.float32)) for number in numbers}


def start(program, *arguments):
    """Run a program in a process of its own, after what all programs here begin with."""
    beginning = """
        import os, sys
        import numpy as np
        from emofuse.features.errors import StoreError
        from emofuse.features.store import FeatureStore, StoredRow
        def rows_of(numbers):
            return {f"{n * 2_654_435_761 % 2**64:064x}": StoredRow(np.full(20, n, dtype=np.float32)) for n in numbers}
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(beginning) + textwrap.dedent(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def damaged_copy(store, folder, spoil):
    """Put a spoilt copy of a store's file into another folder."""
    folder.mkdir()
    data = bytearray((store / FILE_NAME).read_bytes())
    (folder / FILE_NAME).write_bytes(spoil(data))
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Some hundred pages: rows within a page, and rows that need several."""
    store = FeatureStore(tmp_path_factory.mktemp("whole"))
    store.put_many(rows_of(range(3000)), maker=MAKER)
    store.put_many(rows_of(range(3000, 3050), width=3000), maker=WIDE)
    return store.path


def test_writer_killed_many_times_loses_no_row_that_it_said_was_written(tmp_path):
    program = """
        store, number = FeatureStore(sys.argv[1]), int(sys.argv[2])
        while True:
            store.put_many(rows_of(range(number, number + 500)))
            number += 500
            print(number, flush=True)
    """
    acknowledged, chance = [], random.Random(0)
    for turn in range(8):
        first = 100_000 * turn
        writer = start(program, tmp_path, first)
        last = first
        for _ in range(chance.randint(1, 4)):
            line = writer.stdout.readline()
            assert line, writer.stderr.read()
            last = int(line)
        writer.send_signal(signal.SIGKILL)  # it is in its next transaction
        rest, _ = writer.communicate()
        last = int(rest.split()[-1]) if rest.endswith("\n") else last
        acknowledged += range(first, last)
    found = verify(tmp_path)
    assert found.is_whole
    assert set(FeatureStore(tmp_path).get_many(map(key_of, acknowledged), n_values=20)) == set(
        map(key_of, acknowledged)
    )
    assert found.rows % 500 == 0  # of no batch was only a part written
    assert found.rows >= len(acknowledged)


def test_many_writers_at_once_lose_nothing(tmp_path):
    program = """
        print("ready", flush=True)
        sys.stdin.readline()
        number = int(sys.argv[2])
        store = FeatureStore(sys.argv[1])
        for first in range(1000 * number, 1000 * number + 200, 10):
            store.put_many(rows_of(range(first, first + 10)))
    """
    writers = [start(program, tmp_path, number) for number in range(6)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
    assert len(FeatureStore(tmp_path)) == 6 * 200
    assert verify(tmp_path).is_whole


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_file_is_one_line_and_what_can_be_read_is_kept(whole, tmp_path, share):
    folder = damaged_copy(whole, tmp_path / "cut", lambda data: data[: int(len(data) * share) // 4096 * 4096])
    with pytest.raises(StoreError, match=r"it is damaged \(.*\); `emofuse store verify --repair` keeps what") as caught:
        FeatureStore(folder)
    assert len(str(caught.value).splitlines()) == 1
    assert not verify(folder).is_whole
    repaired = verify(folder, repair=True)
    assert repaired.damage and "rows were kept, the damaged file stands beside" in repaired.summary()
    assert verify(folder).is_whole
    rows = FeatureStore(folder).get_many(map(key_of, range(3000)), n_values=20)
    assert len(rows) > 0.5 * share * 3000
    for number in range(3000):
        if key_of(number) in rows:
            assert rows[key_of(number)].values.tolist() == [number] * 20
    assert (folder / DAMAGED).exists()
    assert {made.extractor for made in info(folder).extractors} <= {"Loudness", "Wide"}


def test_overwritten_pages_cost_only_the_rows_in_them(whole, tmp_path):
    def spoil(data):
        for page in range(10, 200, 20):
            data[4096 * page : 4096 * (page + 1)] = bytes([page]) * 4096
        return data

    folder = damaged_copy(whole, tmp_path / "spoilt", spoil)
    assert not verify(folder).is_whole
    repaired = verify(folder, repair=True)
    assert 3050 * 0.8 < repaired.rows < 3050
    assert verify(folder).is_whole


def test_whole_file_is_salvaged_whole(whole, tmp_path):
    """Only the tree is lost: the page that names the tables' first pages."""

    def spoil(data):
        data[100:4096] = bytes(3996)
        return data

    folder = damaged_copy(whole, tmp_path / "rootless", spoil)
    repaired = verify(folder, repair=True)
    assert repaired.rows == 3050
    store = FeatureStore(folder)
    wide = store.get_many(map(key_of, range(3000, 3050)), n_values=3000)
    assert {key: row.values.tobytes() for key, row in wide.items()} == {
        key: row.values.tobytes() for key, row in rows_of(range(3000, 3050), width=3000).items()
    }
    assert {(made.extractor, made.rows) for made in info(folder).extractors} == {("Loudness", 3000), ("Wide", 50)}


def test_store_of_the_first_schema_is_salvaged(tmp_path):
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute(
        "CREATE TABLE rows (key TEXT PRIMARY KEY, data BLOB NOT NULL, crc INTEGER NOT NULL, warnings TEXT NOT NULL) "
        "WITHOUT ROWID"
    )
    for number in range(1000):
        data = np.full(900 if number < 20 else 20, number, dtype="<f4").tobytes()
        database.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", (key_of(number), data, checksum(data, "[]"), "[]"))
    database.execute("PRAGMA user_version=1")
    database.commit()
    database.close()
    data = bytearray((tmp_path / FILE_NAME).read_bytes())
    data[100:4096] = bytes(3996)
    (tmp_path / FILE_NAME).write_bytes(data)
    assert verify(tmp_path, repair=True).rows >= 990  # the spoilt page was the tree's root
    rows = FeatureStore(tmp_path).get_many(map(key_of, range(20, 1000)), n_values=20)
    assert all(rows[key].values[0] == number for number in range(20, 1000) if (key := key_of(number)) in rows)


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_never_ends_in_anything_but_a_store(whole, tmp_path, seed):
    def spoil(data):
        chance = random.Random(seed)
        for _ in range(chance.choice([1, 30, 3000])):
            data[chance.randrange(16, len(data))] = chance.randrange(256)
        return data[: chance.randrange(200, len(data))] if seed % 2 else data

    folder = damaged_copy(whole, tmp_path / "random", spoil)
    verify(folder, repair=True)
    assert verify(folder).is_whole
    assert info(folder).rows == len(FeatureStore(folder))
    found = FeatureStore(folder).get_many(map(key_of, range(3000)), n_values=20)
    for number in range(3000):
        assert key_of(number) not in found or found[key_of(number)].values.tolist() == [number] * 20


def test_rows_out_of_order_are_damage_and_no_endless_loop(whole, monkeypatch):
    monkeypatch.setattr("emofuse.features.store_parts._precedes", lambda one, _: one is None)
    with pytest.raises(StoreError, match="rows out of order"):
        list(parts(whole, 100))


def test_broken_row_that_its_index_does_not_lead_to_is_removed(whole, tmp_path):
    def spoil(data):
        # A key stands in the index and in its row; only there do warnings follow.
        key = bytes.fromhex(key_of(17))
        for place in [at for at in range(len(data)) if data.startswith(key, at)]:
            if data[place + 32 : place + 48].find(b"[]") >= 0:
                data[place] ^= 0xFF
                data[place + 60] ^= 0xFF
        return data

    folder = damaged_copy(whole, tmp_path / "lost", spoil)
    assert len(verify(folder).broken_rows) == 1
    verify(folder, repair=True)
    assert verify(folder).is_whole
    assert len(FeatureStore(folder)) == 3049


def test_index_that_leads_to_another_row_gives_no_wrong_numbers(tmp_path, sql):
    FeatureStore(tmp_path / "whole").put_many(rows_of(range(10)), maker=MAKER)
    places = dict(sql(tmp_path / "whole", "SELECT key, rowid FROM rows"))
    first, second = (bytes.fromhex(key_of(number)) for number in (3, 4))

    def swap_entries(data):
        for key, other in ((first, second), (second, first)):
            assert data.count(key + bytes([places[key]])) == 1  # an entry: the key, and the number of its row
            data = data.replace(key + bytes([places[key]]), key + bytes([places[other]]))
        return data

    folder = damaged_copy(tmp_path / "whole", tmp_path / "swapped", swap_entries)
    found = FeatureStore(folder).get_many(list(rows_of(range(10))), n_values=20)
    assert {key: row.values[0] for key, row in found.items()} == {key_of(number): number for number in range(10)}
    assert FeatureStore(folder).get_many([key_of(3)], n_values=20) == {}
    assert not verify(folder).is_whole
    verify(folder, repair=True)
    assert verify(folder).is_whole
    assert FeatureStore(folder).get_many([key_of(3)], n_values=20)[key_of(3)].values[0] == 3


def test_row_whose_key_became_that_of_another_is_not_taken_for_it(tmp_path):
    FeatureStore(tmp_path / "whole").put_many(rows_of(range(10)), maker=MAKER)
    first, second = (bytes.fromhex(key_of(number)) for number in (3, 4))
    folder = damaged_copy(tmp_path / "whole", tmp_path / "other", lambda data: data.replace(first, second))
    found = FeatureStore(folder).get_many(list(rows_of(range(10))), n_values=20)
    assert all(key == key_of(int(row.values[0])) for key, row in found.items())
    assert key_of(3) not in found
    assert not verify(folder).is_whole
    verify(folder, repair=True)
    again = FeatureStore(folder).get_many(list(rows_of(range(10))), n_values=20)
    assert {key: row.values[0] for key, row in again.items()} == {key_of(n): n for n in range(10) if n != 3}


def test_journal_of_the_damaged_file_is_not_played_back_into_the_new_one(whole, tmp_path):
    folder = damaged_copy(whole, tmp_path / "cut", lambda data: data[: len(data) // 2])
    journal = folder / f"{FILE_NAME}-journal"
    journal.write_bytes(b"\0" * 600)
    verify(folder, repair=True)
    assert not journal.exists()
    assert verify(folder).is_whole


def test_what_is_no_store_is_not_salvaged(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"a diary, not a store" * 500)
    with pytest.raises(StoreError, match="cannot be used"):
        verify(tmp_path, repair=True)
    assert (tmp_path / FILE_NAME).read_bytes().startswith(b"a diary")


def test_read_only_store_is_read_and_says_that_it_cannot_be_written():
    program = """
        if os.geteuid() == 0:  # permissions do not bind root
            os.setuid(int(sys.argv[2]))
        store = FeatureStore(sys.argv[1])
        print(len(store.get_many(rows_of(range(10)), n_values=20)), len(store))
        try:
            store.put_many(rows_of([11]))
        except StoreError as error:
            print(error)
    """
    with tempfile.TemporaryDirectory() as place:  # one whose parents anybody may enter
        folder = Path(place)
        FeatureStore(folder).put_many(rows_of(range(10)), maker=MAKER)
        (folder / FILE_NAME).chmod(0o444)
        folder.chmod(0o555)
        try:
            output, errors = start(program, folder, NOBODY).communicate()
        finally:
            folder.chmod(0o755)
        lines = output.splitlines()
        assert lines[0] == "10 10", errors
        assert "readonly" in lines[1] and "choose --store" in lines[1]
        assert os.listdir(folder) == [FILE_NAME]  # noqa: PTH208 (no order to lose in one name)
