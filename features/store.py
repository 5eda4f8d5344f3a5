"""The content-addressed feature store: what was measured once, from these bytes, this way, is not measured again.

One SQLite file: a killed writer leaves whole rows or none, several processes may write at once, and a full or
read-only disk is one clear error. Every row carries a checksum. Write-ahead mode is not used: SQLite does not wait for
the lock that switching to it needs, so processes that made one store at the same moment failed; nor does it work on the
network file systems of clusters, whose workers leave their rows in shards instead.
"""

from __future__ import annotations

import json
import os
import warnings as warnings_
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from .errors import EmofuseWarning, StoreError
from .store_layout import (
    FILE_NAME,
    NO_WARNINGS,
    SCHEMA,
    LaterSchemaError,
    Maker,
    StoredRow,
    checked_schema,
    connected,
    contents_of,
    has_text_keys,
    insert_contents,
    insert_rows,
    is_whole,
    key_in_file,
    prepare,
)
from .store_shards import opened_shard, read_shard, set_aside, waiting, write_shard

__all__ = ["FILE_NAME", "FeatureStore", "Maker", "StoredRow", "default_store_path", "read_shard", "write_shard"]

KEYS_A_QUERY = 500
VALUE_BYTES = 4
SHARDS_A_TRANSACTION = 100


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
        name = f"store {str(self.path)!r}"
        with connected(self.path) as database:
            is_current = checked_schema(database, name) >= SCHEMA
            self._text_keys = has_text_keys(database)
        if not is_current:  # a store that is read only can be read where nothing has to be made
            with connected(self.path, writing=True) as database:
                prepare(database, name)
        if waiting(self.path):
            try:
                self.absorb()
            except StoreError as error:  # a full or read-only disk: what the store has can be read all the same
                warnings_.warn(f"shards wait to be taken in: {error}", EmofuseWarning, stacklevel=2)

    def get_many(self, keys: Iterable[str], *, n_values: int) -> dict[str, StoredRow]:
        """Return the rows that are there; one that fails its checksum counts as not there.

        Raises
        ------
        StoreError
            A row has another number of values than the extractor gives: it was made by another extractor.
        """
        rows: dict[str, StoredRow] = {}
        with connected(self.path) as database:
            wanted = {key_in_file(key, text=self._text_keys): key for key in sorted(keys)}
            in_file = list(wanted)
            for first in range(0, len(in_file), KEYS_A_QUERY):
                part = in_file[first : first + KEYS_A_QUERY]
                marks = ",".join("?" * len(part))
                where = f"key IN ({marks})"
                if not self._text_keys:  # the key as it stands in the row: a damaged index may lead to another row
                    where = f"rowid IN (SELECT rowid FROM rows WHERE {where})"
                found = database.execute(f"SELECT key, data, crc, warnings FROM rows WHERE {where}", part)
                values, whole = bytearray(), []
                for stored, data, crc, warnings in found:
                    if stored not in wanted or not is_whole(stored, data, warnings, crc):
                        continue
                    if len(data) != VALUE_BYTES * n_values:
                        raise StoreError(
                            f"store {str(self.path)!r}: row {wanted[stored][:12]} has {len(data) // VALUE_BYTES} values, the "
                            f"extractor gives {n_values}; it was made by another extractor, choose another --store"
                        )
                    values += data
                    whole.append((wanted[stored], warnings))
                # One array for all of a query: tens of thousands of small ones would leave holes in memory when they go.
                together = np.frombuffer(values, dtype="<f4").reshape(len(whole), n_values)
                for (key, warnings), row in zip(whole, together, strict=True):
                    rows[key] = StoredRow(row, () if warnings == NO_WARNINGS else tuple(json.loads(warnings)))
        return rows

    def put_many(self, rows: Mapping[str, StoredRow], *, maker: Maker | None = None) -> None:
        """Write rows in one transaction: all of them, or none.

        Parameters
        ----------
        rows : mapping of str to StoredRow
            Rows by key.
        maker : Maker, optional
            What made them; rows are counted, pruned and exported by it.
        """
        with connected(self.path, writing=True) as database:
            insert_rows(database, rows, maker)

    def absorb(self) -> int:
        """Move whole shards into the store, and return the number of their rows.

        A shard is deleted once its rows are on the disk. Killed in between, the next call writes the same rows again.
        One that cannot be read is renamed to ``.broken``, and a warning names it.

        Raises
        ------
        StoreError
            The store cannot be written.
        """
        shards, n_rows = waiting(self.path), 0
        notes: list[str] = []
        for first in range(0, len(shards), SHARDS_A_TRANSACTION):
            taken = []
            with connected(self.path, writing=True) as database:
                for shard in shards[first : first + SHARDS_A_TRANSACTION]:
                    try:
                        with opened_shard(shard) as source:
                            contents = contents_of(source)
                    except FileNotFoundError:  # another process has taken it in
                        continue
                    except LaterSchemaError as error:
                        notes.append(str(error))
                        continue
                    except (StoreError, OSError) as error:
                        notes.append(_set_aside(shard, error))
                        continue
                    n_rows += insert_contents(database, contents)
                    taken.append(shard)
            for shard in taken:
                shard.unlink(missing_ok=True)
        if notes:
            warnings_.warn("; ".join(notes), EmofuseWarning, stacklevel=2)
        return n_rows

    def __len__(self) -> int:
        with connected(self.path) as database:
            return int(database.execute("SELECT count(*) FROM rows").fetchone()[0])


def _set_aside(shard: Path, error: Exception) -> str:
    try:
        return f"shard set aside as {str(set_aside(shard))!r}: {error}"
    except OSError as why:
        return f"shard {str(shard)!r} cannot be read ({error}) nor set aside ({why.strerror})"
