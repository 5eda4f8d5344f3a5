"""Shards: what a worker without access to SQLite's locks leaves for the store to take in.

On the network file systems of clusters the locks of SQLite cannot be relied on. A worker there writes its rows into a
file of its own below ``incoming/``: made in memory, written under another name, flushed to the disk, and renamed; nobody
ever sees half of it. The file's name is the SHA-256 of its contents, so that one which was cut short on its way is known,
and rows written twice are one file. A shard is a small store: what reads one reads the other.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from .errors import StoreError
from .store_layout import Maker, StoredRow, checked_schema, insert_rows, key_of, prepare

INCOMING = "incoming"
SUFFIX = ".shard"
BROKEN = ".broken"
UNFINISHED = ".unfinished"


def write_shard(
    store_path: str | os.PathLike[str], rows: Mapping[str, StoredRow], *, maker: Maker | None = None
) -> Path:
    """Write rows into a file of their own, for the store to take in when it is next opened.

    Parameters
    ----------
    store_path : path
        Folder of the store; made where it does not exist. The store's main file is not touched.
    rows : mapping of str to StoredRow
        Rows by key.
    maker : Maker, optional
        What made them.

    Returns
    -------
    Path
        The shard: when this returns, it is whole and on the disk.

    Raises
    ------
    StoreError
        The folder cannot be made, or the file cannot be written.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     shard = write_shard(folder, {"key": StoredRow(np.ones(2, dtype=np.float32))})
    ...     read_shard(shard)["key"].values.tolist()
    [1.0, 1.0]
    """
    data = _as_bytes(rows, maker)
    folder = Path(store_path) / INCOMING
    target = folder / f"{hashlib.sha256(data).hexdigest()}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(target, data)
    except OSError as error:
        raise StoreError(
            f"store {str(store_path)!r}: no shard can be written ({error.strerror}); free or unlock the disk, or choose --store"
        ) from None
    return target


def read_shard(path: str | os.PathLike[str]) -> dict[str, StoredRow]:
    """Return the rows of a shard.

    Raises
    ------
    StoreError
        The file is cut short, or no shard, or of a later version.
    FileNotFoundError
        It is not there (any more): a store has taken it in.
    """
    with opened_shard(path) as database:
        return {
            key_of(key): StoredRow(np.frombuffer(data, dtype="<f4"), tuple(json.loads(warnings)))
            for key, data, warnings in database.execute("SELECT key, data, warnings FROM rows")
        }


@contextmanager
def opened_shard(path: str | os.PathLike[str]) -> Iterator[sqlite3.Connection]:
    """Open a shard in memory, once it is known to be whole; raises what :func:`read_shard` does."""
    path = Path(path)
    data = path.read_bytes()
    if f"{hashlib.sha256(data).hexdigest()}{SUFFIX}" != path.name:
        raise StoreError(f"shard {str(path)!r} is not what was written: cut short, changed or renamed; delete it")
    database = sqlite3.connect(":memory:")
    try:
        database.deserialize(data)
        if not checked_schema(database, f"shard {str(path)!r}"):
            raise StoreError(f"shard {str(path)!r} holds no rows at all; delete it")
        yield database
    except sqlite3.DatabaseError as error:
        raise StoreError(f"shard {str(path)!r} cannot be read ({error}); delete it") from None
    finally:
        database.close()


def waiting(store_path: Path) -> list[Path]:
    """Return the shards that a store has not taken in yet, in the order of their names."""
    return _below(store_path, SUFFIX)


def broken(store_path: Path) -> list[Path]:
    """Return the shards that were set aside."""
    return _below(store_path, BROKEN)


def unfinished(store_path: Path) -> list[Path]:
    """Return what workers were writing, or were killed while they wrote it."""
    return _below(store_path, UNFINISHED)


def set_aside(shard: Path) -> Path:
    """Rename a shard that cannot be read, so that it is not tried again; return its new path."""
    aside = shard.with_name(f"{shard.name}{BROKEN}")
    with suppress(FileNotFoundError):  # another process was faster
        shard.replace(aside)
    return aside


def _below(store_path: Path, suffix: str) -> list[Path]:
    try:
        with os.scandir(store_path / INCOMING) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.name.endswith(suffix))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _as_bytes(rows: Mapping[str, StoredRow], maker: Maker | None) -> bytes:
    database = sqlite3.connect(":memory:")
    try:
        with database:
            prepare(database, "a new shard")
            insert_rows(database, rows, maker)
        return database.serialize()
    except sqlite3.Error as error:
        raise StoreError(f"rows cannot be written into a shard ({error}); keys are text") from None
    finally:
        database.close()


def _write_whole(target: Path, data: bytes) -> None:
    number, name = tempfile.mkstemp(dir=target.parent, suffix=UNFINISHED)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # Readable by whoever may read the folder: the store is often opened by another user than the worker's.
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the system lets a folder be opened."""
    with suppress(PermissionError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
