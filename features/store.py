"""The content-addressed feature store: what was measured once, from these bytes, this way, is not measured again.

One SQLite file: a killed writer leaves whole rows or none, several processes may write at once, and a full or
read-only disk is one clear error. Every row carries a checksum. Write-ahead mode is not used: SQLite does not wait for
the lock that switching to it needs, so processes that made one store at the same moment failed.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import StoreError

FILE_NAME = "features.sqlite"
SCHEMA = 1
BUSY_TIMEOUT_S = 120.0
KEYS_A_QUERY = 500


@dataclass(frozen=True)
class StoredRow:
    """The features of one source, and what lowers their quality."""

    values: npt.NDArray[np.float32]
    warnings: tuple[str, ...] = field(default=())


def default_store_path() -> Path:
    """Return the folder of the user's own store."""
    from platformdirs import user_cache_path

    return user_cache_path("emofuse") / "store"


class FeatureStore:
    """Rows of features by content address.

    Parameters
    ----------
    path : path, optional
        Folder of the store; made where it does not exist. The user's cache folder by default.

    Raises
    ------
    StoreError
        The folder cannot be made or written, or holds something else than a store.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = FeatureStore(folder)
    ...     store.put_many({"key": StoredRow(np.ones(2, dtype=np.float32))})
    ...     store.get_many({"key"}, n_values=2)["key"].values.tolist()
    [1.0, 1.0]
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = default_store_path() if path is None else Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"store {str(self.path)!r} cannot be made: {error.strerror}; choose --store") from None
        with self._connect() as database:
            database.execute("BEGIN IMMEDIATE")
            found = database.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, SCHEMA):
                raise StoreError(
                    f"store {str(self.path)!r} has schema {found}, this version reads {SCHEMA}; choose another --store"
                )
            if found != SCHEMA:
                database.execute(
                    "CREATE TABLE rows (key TEXT PRIMARY KEY, data BLOB NOT NULL, crc INTEGER NOT NULL, "
                    "warnings TEXT NOT NULL) WITHOUT ROWID"
                )
                database.execute(f"PRAGMA user_version={SCHEMA}")

    def get_many(self, keys: Iterable[str], *, n_values: int) -> dict[str, StoredRow]:
        """Return the rows that are there; one that fails its checksum counts as not there.

        Raises
        ------
        StoreError
            A row has another number of values than the extractor gives: it was made by another extractor.
        """
        wanted = sorted(keys)
        rows: dict[str, StoredRow] = {}
        with self._connect() as database:
            for first in range(0, len(wanted), KEYS_A_QUERY):
                part = wanted[first : first + KEYS_A_QUERY]
                marks = ",".join("?" * len(part))
                found = database.execute(f"SELECT key, data, crc, warnings FROM rows WHERE key IN ({marks})", part)
                # One array for all of a query: tens of thousands of small ones would leave holes in memory when they go.
                together = np.empty((len(part), n_values), dtype="<f4")
                for number, (key, data, crc, warnings) in enumerate(found):
                    if _checksum(data, warnings) != crc:
                        continue
                    values = np.frombuffer(data, dtype="<f4")
                    if len(values) != n_values:
                        raise StoreError(
                            f"store {str(self.path)!r}: row {key[:12]} has {len(values)} values, the extractor gives "
                            f"{n_values}; it was made by another extractor, choose another --store"
                        )
                    together[number] = values
                    rows[key] = StoredRow(together[number], tuple(json.loads(warnings)))
        return rows

    def put_many(self, rows: Mapping[str, StoredRow]) -> None:
        """Write rows in one transaction: all of them, or none."""
        encoded = []
        for key, row in rows.items():
            data = np.asarray(row.values, dtype="<f4").tobytes()
            warnings = json.dumps(row.warnings)
            encoded.append((key, data, _checksum(data, warnings), warnings))
        with self._connect() as database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", encoded)

    def __len__(self) -> int:
        with self._connect() as database:
            return int(database.execute("SELECT count(*) FROM rows").fetchone()[0])

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """Open, commit or roll back, and close; a connection never outlives a call, so threads and forks are safe."""
        try:
            database = sqlite3.connect(self.path / FILE_NAME, timeout=BUSY_TIMEOUT_S)
            try:
                with database:
                    yield database
            finally:
                database.close()
        except sqlite3.Error as error:
            raise StoreError(
                f"store {str(self.path)!r} cannot be used ({error}); free or unlock the disk, or choose --store"
            ) from None


def _checksum(data: bytes, warnings: str) -> int:
    return zlib.crc32(warnings.encode(), zlib.crc32(data))
