"""What is in a store, whether it is whole, what may go, and rows as a table."""

import json

import numpy as np
import pandas as pd
import pytest
from emofuse.features import store_layout
from emofuse.features.errors import StoreError
from emofuse.features.store import FILE_NAME, FeatureStore, Maker, StoredRow, write_shard
from emofuse.features.store_commands import app
from emofuse.features.store_export import export
from emofuse.features.store_prune import compact, prune
from emofuse.features.store_upkeep import info, verify
from typer.testing import CliRunner

DAY_S = 86_400
NOW_S = 1_800_000_000
LOUDNESS = Maker("Loudness", "ab" * 32, ("mean", "deviation"))
PITCH, LATER_PITCH = Maker("Pitch", "cd" * 32), Maker("Pitch", "ce" * 32)


def rows_of(numbers, width=2):
    return {f"{number:064x}": StoredRow(np.full(width, number, dtype=np.float32)) for number in numbers}


@pytest.fixture
def clock(monkeypatch):
    """The time, as a list of one number of seconds."""
    seconds = [NOW_S]
    monkeypatch.setattr(store_layout, "now", lambda: seconds[0])
    monkeypatch.setattr("emofuse.features.store_prune.now", lambda: seconds[0])
    return seconds


@pytest.fixture
def filled(tmp_path, clock):
    """Loudness of ten days ago and of today, pitch of today by two versions."""
    store = FeatureStore(tmp_path / "store")
    clock[0] = NOW_S - 10 * DAY_S
    store.put_many(rows_of(range(30)), maker=LOUDNESS)
    clock[0] = NOW_S
    store.put_many(rows_of(range(30, 50)), maker=LOUDNESS)
    store.put_many(rows_of(range(50, 60), width=100), maker=PITCH)
    store.put_many(rows_of(range(60, 65), width=100), maker=LATER_PITCH)
    return store.path


def called(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_info_says_what_each_extractor_has(filled):
    found = info(filled)
    assert (found.path, found.rows, found.shards_waiting, found.shards_broken) == (str(filled), 65, 0, 0)
    assert found.megabytes == (filled / FILE_NAME).stat().st_size / 1e6
    assert [(made.extractor, made.fingerprint, made.features, made.rows) for made in found.extractors] == [
        ("Pitch", "cd" * 32, 100, 10),
        ("Pitch", "ce" * 32, 100, 5),
        ("Loudness", "ab" * 32, 2, 50),
    ]
    assert found.extractors[-1].megabytes == pytest.approx(50 * 8 / 1e6)
    assert (found.extractors[-1].oldest, found.extractors[-1].newest) == (NOW_S - 10 * DAY_S, NOW_S)


def test_info_is_printed_as_a_table_or_as_json(filled):
    table = called("info", "--store", filled).stdout
    assert "65 rows" in table
    assert "abababab" in table and "2027-01-05" in table and "2027-01-15" in table
    assert json.loads(called("info", "--store", filled, "--json").stdout) == json.loads(
        json.dumps(info(filled).to_dict())
    )


@pytest.mark.parametrize(
    "verb",
    [
        lambda path: info(path),
        lambda path: verify(path, repair=True),
        lambda path: prune(path, extractor="Pitch"),
        lambda path: export("Pitch", path / "x.parquet", path),
    ],
)
def test_where_there_is_no_store_none_is_made(tmp_path, verb):
    with pytest.raises(StoreError, match=r"there is no store in '.*nowhere'; choose --store"):
        verb(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_store_of_shards_alone_is_one(tmp_path):
    write_shard(tmp_path, rows_of([1]), maker=PITCH)
    assert info(tmp_path).rows == 1


def test_whole_store_is_whole(filled):
    found = verify(filled)
    assert (found.rows, found.broken_rows, found.damage, found.is_whole) == (65, (), "", True)
    answer = called("verify", "--store", filled)
    assert (answer.exit_code, answer.stdout) == (0, "65 rows, all of them as they were written\n")


def test_broken_rows_are_listed_and_with_repair_removed(filled, sql):
    keys = list(rows_of([3, 57]))
    sql(filled, "UPDATE rows SET crc = crc + 1 WHERE key = ?", bytes.fromhex(keys[0]))
    sql(filled, "UPDATE rows SET data = zeroblob(3) WHERE key = ?", bytes.fromhex(keys[1]))
    assert verify(filled).broken_rows == tuple(keys)
    answer = called("verify", "--store", filled)
    assert isinstance(answer.exception, StoreError)
    assert "2 of 65 rows are broken; `emofuse store verify --repair`" in str(answer.exception)
    assert len(FeatureStore(filled)) == 65
    repaired = json.loads(called("verify", "--store", filled, "--repair", "--json").stdout)
    assert repaired["broken_rows"] == keys
    assert len(FeatureStore(filled)) == 63
    assert verify(filled).is_whole


@pytest.mark.parametrize(
    ("choice", "n_gone"),
    [
        ({"extractor": "Loudness"}, 50),
        ({"extractor": "Pitch"}, 15),
        ({"extractor": "Pitch:ce"}, 5),
        ({"older_than_days": 9.9}, 30),
        ({"older_than_days": 10.1}, 0),
        ({"extractor": "Pitch", "older_than_days": 5}, 0),
        ({"extractor": "Loudness", "older_than_days": 5}, 30),
    ],
)
def test_what_was_chosen_goes_and_nothing_else(filled, choice, n_gone):
    planned = prune(filled, **choice, dry_run=True)
    assert (planned.rows, len(FeatureStore(filled))) == (n_gone, 65)
    gone = prune(filled, **choice)
    assert (gone.rows, gone.megabytes) == (n_gone, planned.megabytes)
    assert len(FeatureStore(filled)) == 65 - n_gone
    assert verify(filled).is_whole


def test_file_becomes_smaller(filled):
    before = (filled / FILE_NAME).stat().st_size
    FeatureStore(filled).put_many(rows_of(range(100, 1100), width=100), maker=LATER_PITCH)
    grown = (filled / FILE_NAME).stat().st_size
    gone = prune(filled, extractor="Pitch:ce")
    after = (filled / FILE_NAME).stat().st_size
    assert after <= before < grown
    assert gone.freed_megabytes == (grown - after) / 1e6
    assert gone.note == ""


def test_row_written_in_the_future_is_not_old(filled, clock):
    for written in (NOW_S + 400 * DAY_S, 2**62):
        clock[0] = written
        FeatureStore(filled).put_many(rows_of([written % 1000 + 500]), maker=LOUDNESS)
    clock[0] = NOW_S
    assert prune(filled, older_than_days=0.5).rows == 30
    assert info(filled).extractors[-1].newest == 2**62
    assert str(2**62) in called("info", "--store", filled).stdout
    clock[0] = 0
    assert prune(filled, older_than_days=0).rows == 0
    assert verify(filled).is_whole


def test_prune_says_what_would_go_and_what_went(filled):
    assert called("prune", "--store", filled, "--older-than", 5, "--dry-run").stdout == "30 rows (0.0 MB) would go\n"
    assert called("prune", "--store", filled, "--extractor", "Pitch").stdout.startswith("15 rows (0.0 MB) are gone")
    answer = json.loads(called("prune", "--store", filled, "--extractor", "Loudness", "--json").stdout)
    assert (answer["rows"], answer["dry_run"]) == (50, False)


def test_prune_wants_to_be_told_what(filled):
    with pytest.raises(StoreError, match="give --extractor or --older-than"):
        prune(filled)
    with pytest.raises(StoreError, match=r"has nothing from extractor 'Volume'; it has Loudness, Pitch, unknown"):
        prune(filled, extractor="Volume")


def test_disk_without_room_to_compact_keeps_the_file(filled, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    before = (filled / FILE_NAME).stat().st_size
    gone = prune(filled, extractor="Pitch")
    assert (gone.rows, gone.freed_megabytes) == (15, 0)
    assert "the file keeps its size, new rows use what was freed" in gone.note
    assert (filled / FILE_NAME).stat().st_size == before
    assert info(filled).free_megabytes > 0


def test_disk_that_fills_up_while_the_file_is_compacted_loses_nothing(filled, limited, sql):
    FeatureStore(filled).put_many(rows_of(range(100, 1100), width=100), maker=PITCH)
    sql(filled, "DELETE FROM rows WHERE rowid % 2")
    n_rows = len(FeatureStore(filled))
    note = limited(100_000, "from pathlib import Path\nprint(store_prune.compact(Path(sys.argv[1])))", filled)
    assert "the file keeps its size, new rows use what was freed (" in note
    assert len(FeatureStore(filled)) == n_rows
    assert verify(filled).is_whole
    assert compact(filled) == ""


@pytest.fixture
def limited():
    """A function that runs a program in a process which may write no more than some bytes to a file."""
    import subprocess
    import sys

    beginning = """
import resource, signal, sys
from emofuse.features import store_prune
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
"""

    def run(n_bytes, program, path):
        done = subprocess.run(
            [sys.executable, "-c", beginning + program, str(path), str(n_bytes)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_rows_of_one_extractor_become_a_table(filled, tmp_path):
    out = tmp_path / "loudness.parquet"
    assert export("Loudness", out, filled) == 50
    found = pd.read_parquet(out)
    assert list(found.columns) == ["key", "mean", "deviation"]
    assert list(found.dtypes[1:]) == [np.float32] * 2
    assert dict(zip(found["key"], found["mean"], strict=True)) == {
        key: row.values[0] for key, row in rows_of(range(50)).items()
    }
    assert {path.name for path in tmp_path.iterdir()} == {"store", out.name}


def test_features_without_names_are_numbered_and_rows_that_are_broken_left_out(filled, tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    sql(filled, "UPDATE rows SET crc = 0 WHERE key = ?", bytes.fromhex(f"{60:064x}"))
    answer = called("export", "Pitch:ce", "--store", filled)
    assert answer.stdout == "Pitch-ce.parquet: 4 rows\n"
    found = pd.read_parquet("Pitch-ce.parquet")
    assert list(found.columns) == ["key", *(f"feature_{number}" for number in range(100))]
    assert sorted(found["feature_99"]) == [61, 62, 63, 64]


def test_more_rows_than_one_part_are_one_table(filled, tmp_path, monkeypatch):
    monkeypatch.setattr("emofuse.features.store_export.PART_BYTES", 7 * 8)
    assert export("Loudness", tmp_path / "x.parquet", filled) == 50
    assert len(pd.read_parquet(tmp_path / "x.parquet")) == 50


def test_export_that_cannot_be_one_table_is_one_clear_error(filled, tmp_path):
    with pytest.raises(
        StoreError, match=r"has several extractors 'Pitch'; choose one of Pitch:cdcdcdcd, Pitch:cececece"
    ):
        export("Pitch", tmp_path / "x.parquet", filled)
    FeatureStore(filled).put_many(rows_of([1], width=3) | rows_of([2], width=4))
    with pytest.raises(StoreError, match=r"the rows of 'unknown' have \[3, 4\] values"):
        export("unknown", tmp_path / "x.parquet", filled)
    with pytest.raises(StoreError, match="cannot be written"):
        export("Loudness", tmp_path / "nowhere" / "x.parquet", filled)
    assert {path.name for path in tmp_path.iterdir()} == {"store"}
