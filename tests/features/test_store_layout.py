"""Stores of earlier and later versions, and what stands in the file."""

import json
import sqlite3

import numpy as np
import pytest
from emofuse.features.errors import StoreError
from emofuse.features.store import FILE_NAME, FeatureStore, Maker, StoredRow
from emofuse.features.store_export import export
from emofuse.features.store_layout import SCHEMA, checksum, has_text_keys, key_in_file, key_of
from emofuse.features.store_parts import parts
from emofuse.features.store_prune import prune
from emofuse.features.store_upkeep import info, verify

KEYS = [f"{number:064x}" for number in range(50)]
MAKER = Maker("Loudness", "ab" * 32, ("mean", "deviation"))


def row(*values, warnings=()):
    return StoredRow(np.array(values, dtype=np.float32), warnings)


@pytest.fixture
def first_schema(tmp_path):
    """A store as the first version wrote it."""
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute(
        "CREATE TABLE rows (key TEXT PRIMARY KEY, data BLOB NOT NULL, crc INTEGER NOT NULL, warnings TEXT NOT NULL) "
        "WITHOUT ROWID"
    )
    for number, key in enumerate(KEYS):
        data, warnings = np.array([number, -number], dtype="<f4").tobytes(), json.dumps(["clipping"] * (number % 2))
        database.execute("INSERT INTO rows VALUES (?, ?, ?, ?)", (key, data, checksum(data, warnings), warnings))
    database.execute("PRAGMA user_version=1")
    database.commit()
    database.close()
    return tmp_path


@pytest.mark.parametrize("key", ["ab" * 32, "AB" * 32, "a b " * 16, "short", "", "x" * 64, "é" * 64])
def test_every_key_comes_back(key):
    assert key_of(key_in_file(key, text=False)) == key
    assert key_in_file(key, text=True) == key


def test_hexadecimal_key_takes_half_the_room():
    assert key_in_file("ab" * 32, text=False) == bytes([0xAB]) * 32


def test_store_of_the_first_schema_is_read_and_written_on(first_schema, sql):
    store = FeatureStore(first_schema)
    assert sql(first_schema, "PRAGMA user_version") == [(SCHEMA,)]
    found = store.get_many(KEYS, n_values=2)
    assert {key: (*item.values.tolist(), item.warnings) for key, item in found.items()} == {
        key: (number, -number, ("clipping",) * (number % 2)) for number, key in enumerate(KEYS)
    }
    store.put_many({KEYS[0]: row(7, 7), "f" * 64: row(8, 8)}, maker=MAKER)
    again = FeatureStore(first_schema).get_many([KEYS[0], "f" * 64], n_values=2)
    assert {key: item.values.tolist() for key, item in again.items()} == {KEYS[0]: [7, 7], "f" * 64: [8, 8]}
    assert len(store) == len(KEYS) + 1


def test_no_row_of_the_first_schema_is_copied(first_schema, sql):
    pages = sql(first_schema, "PRAGMA page_count")[0][0]
    FeatureStore(first_schema)
    # The tables that were added: two pages each, and one for an index.
    assert sql(first_schema, "PRAGMA page_count")[0][0] - pages <= 5
    assert sql(first_schema, "SELECT typeof(key) FROM rows LIMIT 1") == [("text",)]


def test_store_of_the_first_schema_is_looked_after(first_schema, tmp_path, sql):
    FeatureStore(first_schema).put_many({"f" * 64: row(8, 8)}, maker=MAKER)
    assert {made.extractor: made.rows for made in info(first_schema).extractors} == {"unknown": 50, "Loudness": 1}
    sql(first_schema, "UPDATE rows SET crc = 0 WHERE key = ?", KEYS[3])
    assert verify(first_schema).broken_rows == (KEYS[3],)
    assert export("unknown", tmp_path / "rows.parquet", first_schema) == 49
    assert prune(first_schema, older_than_days=1).rows == 0
    assert prune(first_schema, extractor="unknown").rows == 50
    assert len(FeatureStore(first_schema)) == 1


def test_migration_that_fails_changes_nothing(first_schema, sql):
    sql(first_schema, "CREATE TABLE meta (name TEXT)")
    with pytest.raises(StoreError, match="cannot be used"):
        FeatureStore(first_schema)
    assert sql(first_schema, "PRAGMA user_version") == [(1,)]
    assert [name for _, name, *_ in sql(first_schema, "PRAGMA table_info(rows)")] == ["key", "data", "crc", "warnings"]


@pytest.mark.parametrize("schema", [SCHEMA + 1, 700])
def test_later_schema_that_does_not_let_this_version_read_is_one_line(tmp_path, schema, sql):
    FeatureStore(tmp_path)
    sql(tmp_path, f"PRAGMA user_version = {schema}")
    sql(tmp_path, "UPDATE meta SET value = ? WHERE name = 'min_reader'", schema)
    with pytest.raises(StoreError, match=f"has schema {schema}, this version reads {SCHEMA}; choose another --store"):
        FeatureStore(tmp_path)


def test_later_schema_that_does_not_say_who_may_read_it_is_refused(tmp_path, sql):
    FeatureStore(tmp_path)
    sql(tmp_path, "PRAGMA user_version = 9")
    sql(tmp_path, "DROP TABLE meta")
    with pytest.raises(StoreError, match="has schema 9"):
        FeatureStore(tmp_path)


def test_later_schema_that_lets_this_version_read_is_used_and_left_as_it_is(tmp_path, sql):
    FeatureStore(tmp_path).put_many({KEYS[0]: row(1, 2)}, maker=MAKER)
    sql(tmp_path, "PRAGMA user_version = 9")
    sql(tmp_path, "ALTER TABLE rows ADD COLUMN quality REAL")
    sql(tmp_path, "ALTER TABLE makers ADD COLUMN licence TEXT")
    sql(tmp_path, "CREATE TABLE sources (sha256 BLOB)")
    store = FeatureStore(tmp_path)
    store.put_many({KEYS[1]: row(3, 4)}, maker=Maker("Pitch", "cd" * 32))
    assert set(store.get_many(KEYS, n_values=2)) == set(KEYS[:2])
    assert sql(tmp_path, "PRAGMA user_version") == [(9,)]
    assert {made.extractor for made in info(tmp_path).extractors} == {"Loudness", "Pitch"}
    assert verify(tmp_path).is_whole


def test_maker_is_noted_once(tmp_path, sql):
    store = FeatureStore(tmp_path)
    for number, key in enumerate(KEYS):
        store.put_many({key: row(number)}, maker=MAKER)
    assert sql(tmp_path, "SELECT name, fingerprint, features FROM makers") == [
        ("Loudness", "ab" * 32, '["mean", "deviation"]')
    ]


def test_parts_select_each_row_once_in_both_layouts(first_schema, tmp_path_factory):
    new = tmp_path_factory.mktemp("new")
    FeatureStore(new).put_many({key: row(1, 2) for key in (*KEYS, "", "other")})
    FeatureStore(first_schema)
    for folder, is_text, n_rows in ((first_schema, True, 50), (new, False, 52)):
        database = sqlite3.connect(folder / FILE_NAME)
        assert has_text_keys(database) == is_text
        found = [
            key
            for part in parts(folder, 7)
            for (key,) in database.execute(f"SELECT key FROM rows WHERE {part.where}", part.bounds)
        ]
        database.close()
        assert len(found) == len(set(found)) == n_rows
