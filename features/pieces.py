"""Pieces of sources on their way to rows: read and hashed, measured, and kept, here or by the workers of a cluster."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .cluster import cluster_in_use
from .errors import SampleError
from .store import FeatureStore, Maker, StoredRow, write_shard

if TYPE_CHECKING:
    from .base import Extractor

FLUSH_EVERY = 64
ABSORB_EVERY = 4096  # rows that workers leave in shards of a few, before the store takes them in


@dataclass(frozen=True)
class Piece:
    """One source between two bounds, of which a row is to be measured: its address in the store, and where it lies."""

    key: str
    source: str
    sha256: str
    start_s: float | None
    end_s: float | None


class Keeper:
    """Keeps new rows in the store, many at a time; where workers share its folder, they leave them there themselves.

    Parameters
    ----------
    store : FeatureStore or None
    maker : Maker

    Attributes
    ----------
    on_worker : callable or None
        What a worker does with the rows it measured: leave a shard in the store, which is safe whatever becomes of us.
    """

    def __init__(self, store: FeatureStore | None, maker: Maker) -> None:
        self.store, self.maker = store, maker
        self.on_worker: Callable[[list[tuple[Piece, StoredRow]]], None] | None = None
        self._kept: dict[str, StoredRow] = {}
        self._n_left = 0
        if store is not None and _is_shared(store):
            self.on_worker = partial(_leave_shard, str(store.path.absolute()), maker)

    def keep(self, key: str, row: StoredRow) -> None:
        """Keep a row, now or soon."""
        if self.on_worker is None:
            self._kept[key] = row
        else:
            self._n_left += 1
        if len(self._kept) >= FLUSH_EVERY or self._n_left >= ABSORB_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write what is kept, or take in what workers left."""
        if self.store is not None and self.on_worker is not None:
            self.store.absorb()
        elif self.store is not None and self._kept:
            self.store.put_many(self._kept, maker=self.maker)
        self._kept, self._n_left = {}, 0


def _is_shared(store: FeatureStore) -> bool:
    """Return whether the workers of the cluster that is in use see the folder of the store, and it can be written to."""
    cluster = cluster_in_use()
    if cluster is None:
        return False
    try:
        with tempfile.NamedTemporaryFile(dir=store.path, prefix=".seen-") as file:
            file.write(token := os.urandom(16))
            file.flush()
            return cluster.see(str(Path(file.name).absolute()), token)
    except OSError:  # a full or read-only disk: rows come here, and to write the first of them says what is wrong
        return False


def _leave_shard(path: str, maker: Maker, done: list[tuple[Piece, StoredRow]]) -> None:
    write_shard(path, {piece.key: row for piece, row in done}, maker=maker)


class SourceHash:
    """Callable that returns the SHA-256 of a source; it can be sent to another process."""

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor

    def __call__(self, source: str) -> str:
        return sha256_of(self.extractor._read(source))


class PieceMeasurer:
    """Callable that returns the row of a piece; pieces of one file follow each other, and it is read once for all of them."""

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor
        # Threads may replace it; each uses the one that it saw.
        self._last: tuple[str | None, bytes, str] = (None, b"", "")

    def __call__(self, piece: Piece) -> StoredRow:
        last = self._last
        if last[0] != piece.source:
            data = self.extractor._read(piece.source)
            last = self._last = (piece.source, data, sha256_of(data))
        if last[2] != piece.sha256:
            raise SampleError("changed", "the file changed while it was being read; run again")
        return self.extractor._row(last[1], piece.start_s, piece.end_s)


def sha256_of(data: bytes) -> str:
    """Return the SHA-256 of a source's bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
