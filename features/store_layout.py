"""What a store file and a shard are: one SQLite schema, how keys and rows stand in it, and who may read it.

A table of rows in the order of writing, and an index over keys of 32 bytes: measured at ten million rows (see
``experiments/benchmarks/store.py``) it takes new rows faster than a table ordered by key, because what is appended
touches few pages. Stores of schema 1 were ordered by a key of text; they are read and written as they are, with the
columns added that they lack, so none of their rows is ever copied. Columns are named in every statement: those that a
later version adds do no harm, and its ``min_reader`` says whether this one may read it.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .errors import StoreError

FILE_NAME = "features.sqlite"
MAGIC = b"SQLite format 3\0"
SCHEMA = 2
MIN_READER = 2  # the oldest schema whose readers understand what this version writes
BUSY_TIMEOUT_S = 120.0
CACHE_KB = 65_536  # the pages that a batch of a thousand keys touches; SQLite's own 2 MB are too few
HEX_LENGTH = 64
NO_WARNINGS = json.dumps(())
UNKNOWN_MAKER = 0

KeyInFile = bytes | str

# Short columns stand before the values, so that counting and sorting out rows need not read these.
COLUMNS = "key, maker, written, crc, warnings, data"
ROWS = (
    "CREATE TABLE rows (key BLOB NOT NULL PRIMARY KEY, maker INTEGER NOT NULL, written INTEGER NOT NULL, "
    "crc INTEGER NOT NULL, warnings TEXT NOT NULL, data BLOB NOT NULL)"
)
MAKERS = (
    "CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT NOT NULL, "
    "features TEXT NOT NULL, UNIQUE (name, fingerprint))"
)
META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"


class DamagedStoreError(StoreError):
    """The file of a store is damaged; what can be read of it can be salvaged."""


class LaterSchemaError(StoreError):
    """A file was written by a version that does not let this one read it."""


@dataclass(frozen=True)
class StoredRow:
    """The features of one source, and what lowers their quality."""

    values: npt.NDArray[np.float32]
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Maker:
    """What made a row.

    Attributes
    ----------
    name : str
        The extractor's class.
    fingerprint : str
        SHA-256 over its class, parameters and library versions, in hexadecimal.
    features : tuple of str
        The names of its features, in order; empty where they are not known.
    """

    name: str
    fingerprint: str
    features: tuple[str, ...] = ()


class Contents(NamedTuple):
    """Makers by their number, and rows whose values stand in the order of ``COLUMNS``."""

    makers: dict[int, Maker]
    rows: list[tuple[Any, ...]]


@contextmanager
def connected(folder: Path, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
    """Open the store of a folder, commit or roll back, and close.

    A connection never outlives a call, so threads and forks are safe.

    Parameters
    ----------
    folder : path
    writing : bool, default=False
        Whether to wait for the right to write, and hold it.

    Raises
    ------
    StoreError
        The file cannot be read or written, or is damaged.
    """
    try:
        database = sqlite3.connect(folder / FILE_NAME, timeout=BUSY_TIMEOUT_S)
        database.text_factory = _decoded
        try:
            with database:
                database.execute(f"PRAGMA cache_size=-{CACHE_KB}")
                if writing:
                    database.execute("BEGIN IMMEDIATE")
                yield database
        finally:
            database.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _unusable(folder, error) from None


def prepare(database: sqlite3.Connection, name: str) -> None:
    """Make the tables of a new store, or add what one of schema 1 lacks; the caller holds the right to write.

    Nothing is copied, however large the store is: SQLite adds a column by changing one line of the schema.
    """
    found = checked_schema(database, name)
    if found == SCHEMA or found > SCHEMA:
        return
    if found == 0:
        database.execute(ROWS)
    else:
        # When a row of schema 1 was written is not known; it is at least as old as this moment.
        for column, value in (("maker", UNKNOWN_MAKER), ("written", now())):
            database.execute(f"ALTER TABLE rows ADD COLUMN {column} INTEGER NOT NULL DEFAULT {value}")
    database.execute(MAKERS)
    database.execute(META)
    database.execute("INSERT INTO meta (name, value) VALUES ('min_reader', ?)", (MIN_READER,))
    database.execute(f"PRAGMA user_version={SCHEMA}")


def checked_schema(database: sqlite3.Connection, name: str) -> int:
    """Return the schema of a file (0 where it is empty); raise StoreError where this version may not read it."""
    found = int(database.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA:
        try:
            least = database.execute("SELECT value FROM meta WHERE name = 'min_reader'").fetchone()
        except sqlite3.OperationalError:  # no such table
            least = None
        if least is None or least[0] > SCHEMA:
            raise LaterSchemaError(f"{name} has schema {found}, this version reads {SCHEMA}; choose another --store")
    return found


def has_text_keys(database: sqlite3.Connection) -> bool:
    """Return whether the rows are ordered by a key of text, as in schema 1; such a table has no rowid."""
    found = database.execute("SELECT type FROM pragma_table_info('rows') WHERE name = 'key'").fetchone()
    return found is not None and found[0] == "TEXT"


def key_in_file(key: str, *, text: bool) -> KeyInFile:
    """Return a key as it stands in the file: the bytes of a hexadecimal SHA-256, anything else as it is.

    Examples
    --------
    >>> key_in_file("0f" * 32, text=False) == bytes([15]) * 32
    True
    >>> key_in_file("other", text=False)
    'other'
    """
    if text or not isinstance(key, str) or len(key) != HEX_LENGTH:
        return key
    try:
        short = bytes.fromhex(key)
    except ValueError:
        return key
    return short if short.hex() == key else key


def key_of(stored: KeyInFile) -> str:
    """Return the key that :func:`key_in_file` was given."""
    return stored.hex() if isinstance(stored, bytes) else stored


def insert_rows(database: sqlite3.Connection, rows: Mapping[str, StoredRow], maker: Maker | None) -> None:
    """Write rows, each in place of one of the same key."""
    made_by, written, text = maker_number(database, maker), now(), has_text_keys(database)
    encoded = []
    for key, row in rows.items():
        if not isinstance(key, str):
            raise sqlite3.InterfaceError(f"a key is {key!r:.40}")
        data = np.asarray(row.values, dtype="<f4").tobytes()
        warnings = json.dumps(row.warnings) if row.warnings else NO_WARNINGS
        encoded.append((key_in_file(key, text=text), made_by, written, checksum(data, warnings, key), warnings, data))
    insert_encoded(database, encoded)


def insert_encoded(database: sqlite3.Connection, encoded: list[tuple[Any, ...]]) -> None:
    """Write rows whose values stand in the order of ``COLUMNS``."""
    # Neighbours in the index one after the other: a page of it is looked up once.
    encoded.sort(key=lambda row: key_of(row[0]) if isinstance(row[0], (bytes, str)) else "")
    database.executemany(f"INSERT OR REPLACE INTO rows ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", encoded)


def contents_of(database: sqlite3.Connection) -> Contents:
    """Return all that a shard holds."""
    makers = {
        number: Maker(name, fingerprint, tuple(json.loads(features)))
        for number, name, fingerprint, features in database.execute(
            "SELECT id, name, fingerprint, features FROM makers"
        )
    }
    return Contents(makers, database.execute(f"SELECT {COLUMNS} FROM rows").fetchall())


def makers_of(database: sqlite3.Connection) -> dict[int, Maker]:
    """Return what made the rows, by the number that stands in them."""
    found = database.execute("SELECT id, name, fingerprint, features FROM makers")
    return {number: Maker(str(name), str(printed), feature_names(text)) for number, name, printed, text in found}


def feature_names(text: Any) -> tuple[str, ...]:
    """Return the names of features as a table of makers keeps them; none where they cannot be read."""
    try:
        return tuple(str(name) for name in json.loads(text))
    except (ValueError, TypeError):
        return ()


def insert_contents(database: sqlite3.Connection, contents: Contents) -> int:
    """Write all that a shard holds into a store; return the number of rows."""
    numbers = {number: maker_number(database, maker) for number, maker in contents.makers.items()}
    text = has_text_keys(database)
    insert_encoded(
        database,
        [
            (key_in_file(key_of(key), text=text), numbers.get(maker, UNKNOWN_MAKER), *rest)
            for key, maker, *rest in contents.rows
        ],
    )
    return len(contents.rows)


def maker_number(database: sqlite3.Connection, maker: Maker | None) -> int:
    """Return the number under which the rows of a maker are kept; it is noted where it is new."""
    if maker is None:
        return UNKNOWN_MAKER
    named = (maker.name, maker.fingerprint)
    found = database.execute("SELECT id FROM makers WHERE name = ? AND fingerprint = ?", named).fetchone()
    if found is None:
        added = database.execute(
            "INSERT INTO makers (name, fingerprint, features) VALUES (?, ?, ?)", (*named, json.dumps(maker.features))
        )
        return int(added.lastrowid or UNKNOWN_MAKER)
    if not isinstance(found[0], int):
        raise sqlite3.DatabaseError("a maker has no number")
    return found[0]


def checksum(data: bytes, warnings: str, key: str = "") -> int:
    """Return the CRC-32 of a row's values, warnings and key; the key keeps a row from being taken for another."""
    return zlib.crc32(key.encode(), zlib.crc32(warnings.encode(), zlib.crc32(data)))


def is_whole(key: Any, data: Any, warnings: Any, crc: Any) -> bool:
    """Return whether key, values and warnings are what was written; a damaged file may hold anything in their place."""
    if not (isinstance(key, (bytes, str)) and isinstance(data, bytes) and isinstance(warnings, str)):
        return False
    if crc == checksum(data, warnings, key_of(key)):
        return True
    return bool(crc == checksum(data, warnings))  # of earlier versions


def begins_like_a_store(folder: Path) -> bool:
    """Return whether the file is one of SQLite's, whatever may have become of the rest of it."""
    try:
        with (folder / FILE_NAME).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def now() -> int:
    """Return the seconds since 1970, UTC."""
    return int(time.time())


def _decoded(text: bytes) -> str:
    """Return text that damage may have made invalid: its row shall fail its checksum, not the whole query."""
    return text.decode(errors="replace")


def _unusable(folder: Path, error: sqlite3.Error | UnicodeDecodeError) -> StoreError:
    # The lower eight bits are the kind of failure, those above say more.
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # Python cannot read SQLite's message where it quotes what stands in place of a table's name.
    is_damaged = kind == sqlite3.SQLITE_CORRUPT or isinstance(error, UnicodeDecodeError)
    if is_damaged or (kind == sqlite3.SQLITE_NOTADB and begins_like_a_store(folder)):
        reason = "its tables cannot be read" if isinstance(error, UnicodeDecodeError) else " ".join(str(error).split())
        return DamagedStoreError(
            f"store {str(folder)!r} cannot be used, it is damaged ({reason}); "
            "`emofuse store verify --repair` keeps what can be read"
        )
    return StoreError(f"store {str(folder)!r} cannot be used ({error}); free or unlock the disk, or choose --store")
