"""Layouts of the feature store side by side: ``python -m emofuse.experiments.benchmarks store``.

Each layout is filled, row by row of 88 float32 values under random keys of 32 bytes as the store has them; then, at its
full size, batches of a thousand rows are written one transaction each, and a new process opens it and looks ten thousand
random keys up. One file at a time is on the disk (4.6 GB for ten million rows), and deleted afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...features.store import FeatureStore, Maker, StoredRow
from . import Options, Row

N_ROWS, N_QUICK = 1_000_000, 2_000
N_VALUES = 88  # eGeMAPS
FILL, BATCH, N_BATCHES, QUICK_BATCHES = 100_000, 1_000, 50, 2
N_KEYS = 10_000
MOST_LOOK_UP_S = 1.0  # aimed at with ten million rows
MAKER = Maker("OpenSmileFunctionals", "0" * 64)
OURS, BEFORE = "the store", "ordered, text keys"
SHOWN = {
    "bytes_a_row": ("size of a row", "B"),
    "writing_us": ("writing a row", "us"),
    "opened_ms": ("opening", "ms"),
    "looked_up_s": (f"look-up of {N_KEYS} keys", "s"),
    "memory_mb": ("memory of a look-up", "MB"),
}


class Layout(Protocol):
    """What is compared: rows by key, written and looked up."""

    def write(self, rows: dict[str, bytes]) -> None:
        """Keep rows for good: all of them, or none."""

    def look_up(self, keys: list[str]) -> int:
        """Read rows, and return how many there were."""


class Figures(NamedTuple):
    """What was measured of a layout."""

    bytes_a_row: float
    writing_us: float  # a row
    opened_ms: float
    looked_up_s: float
    memory_mb: float


class Store:
    """The store as it is."""

    def __init__(self, folder: Path) -> None:
        self.store = FeatureStore(folder)

    def write(self, rows: dict[str, bytes]) -> None:
        """Write in one transaction."""
        made = {key: StoredRow(np.frombuffer(data, dtype="<f4")) for key, data in rows.items()}
        self.store.put_many(made, maker=MAKER)

    def look_up(self, keys: list[str]) -> int:
        """Read, checksums included."""
        return len(self.store.get_many(keys, n_values=N_VALUES))


class OrderedByKey:
    """SQLite, the rows themselves ordered by key: what the store was before, with keys of text or of bytes."""

    def __init__(self, folder: Path, *, text: bool, page_bytes: int = 4096) -> None:
        self.path, self.text = folder / "rows.sqlite", text
        if not self.path.exists():
            database = sqlite3.connect(self.path)
            database.execute(f"PRAGMA page_size={page_bytes}")
            kind = "TEXT" if text else "BLOB"
            database.execute(f"CREATE TABLE rows (key {kind} PRIMARY KEY, data BLOB, crc INTEGER) WITHOUT ROWID")
            database.commit()
            database.close()

    def write(self, rows: dict[str, bytes]) -> None:
        """Write in one transaction."""
        database = sqlite3.connect(self.path)
        with database:
            found = [(self._key(key), data, 1_234_567_890) for key, data in rows.items()]
            database.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", found)
        database.close()

    def look_up(self, keys: list[str]) -> int:
        """Read by 500 keys a query."""
        database, n_rows = sqlite3.connect(self.path), 0
        for first in range(0, len(keys), 500):
            part = [self._key(key) for key in keys[first : first + 500]]
            marks = ",".join("?" * len(part))
            n_rows += len(database.execute(f"SELECT key, data, crc FROM rows WHERE key IN ({marks})", part).fetchall())
        database.close()
        return n_rows

    def _key(self, key: str) -> str | bytes:
        return key if self.text else bytes.fromhex(key)


class ParquetFiles:
    """A Parquet file a batch; the index is the columns of keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, rows: dict[str, bytes]) -> None:
        """Write one file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        keys = sorted(rows)
        binary = (pa.array([bytes.fromhex(key) for key in keys], pa.binary(32)), pa.array([rows[key] for key in keys]))
        number = len(list(self.folder.iterdir()))
        path = self.folder / f"{number:08d}.parquet"
        pq.write_table(pa.table(binary, names=["key", "data"]), path, row_group_size=1000)
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    def look_up(self, keys: list[str]) -> int:
        """Read the keys of every file, then the groups of rows that have a wanted one."""
        import pyarrow.parquet as pq

        wanted, n_rows = {bytes.fromhex(key) for key in keys}, 0
        for path in self.folder.iterdir():
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    here = file.read_row_group(group, columns=["key"])["key"].to_pylist()
                    if not wanted.isdisjoint(here):
                        file.read_row_group(group, columns=["data"])
                        n_rows += len(wanted.intersection(here))
        return n_rows


LAYOUTS: dict[str, Callable[[Path], Layout]] = {
    OURS: Store,
    "ordered, text keys": lambda folder: OrderedByKey(folder, text=True),
    "ordered, byte keys": lambda folder: OrderedByKey(folder, text=False),
    "ordered, 16 kB pages": lambda folder: OrderedByKey(folder, text=False, page_bytes=16_384),
    "Parquet files": ParquetFiles,
}


def benchmark(options: Options) -> list[Row]:
    """Measure the store beside each other layout; the one it had before is the plain way."""
    n_rows = N_QUICK if options.quick else N_ROWS
    found = {}
    for number, name in enumerate(LAYOUTS):
        folder = options.folder / str(number)
        folder.mkdir()
        found[name] = measure(name, n_rows, folder, QUICK_BATCHES if options.quick else N_BATCHES)
        shutil.rmtree(folder)
    rows = []
    for name, own in found.items():
        for field, (title, unit) in SHOWN.items():
            most = MOST_LOOK_UP_S if name == OURS and field == "looked_up_s" else None
            figures = getattr(own, field), getattr(found[BEFORE], field)
            rows.append(Row(f"{n_rows} rows, {name}: {title}", *figures, at_most=most, unit=unit))
    return rows


def measure(name: str, n_rows: int, folder: Path, n_batches: int = N_BATCHES) -> Figures:
    """Fill a layout in an empty folder and measure it.

    Parameters
    ----------
    name : str
        One of ``LAYOUTS``.
    n_rows : int
        Rows that are there before batches are timed.
    folder : path
    n_batches : int, default=50
    """
    layout = LAYOUTS[name](folder)
    for first in range(0, n_rows, FILL):
        layout.write(_rows(first, min(FILL, n_rows - first)))
    batches = [_rows(n_rows + number * BATCH, BATCH) for number in range(n_batches)]
    start = time.perf_counter()
    for batch in batches:
        layout.write(batch)
    seconds = time.perf_counter() - start
    total = n_rows + n_batches * BATCH
    size = sum(path.stat().st_size for path in folder.iterdir())
    asked = [sys.executable, "-m", __name__, name, str(folder), str(total)]
    answer = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    return Figures(size / total, 1e6 * seconds / (n_batches * BATCH), *answer)


def looked_up(name: str, folder: Path, n_rows: int) -> tuple[float, float, float]:
    """Open a layout and look keys up; return milliseconds, seconds and the megabytes that were taken for it."""
    chosen = np.random.default_rng(1).choice(n_rows, size=min(N_KEYS, n_rows), replace=False)
    keys = [_key(int(number)) for number in chosen]
    before = _peak_mb()
    start = time.perf_counter()
    layout = LAYOUTS[name](folder)
    opened = time.perf_counter()
    found = layout.look_up(keys)
    end = time.perf_counter()
    if found != len(keys):
        raise RuntimeError(f"{name}: {found} of {len(keys)} rows were found")
    return 1000 * (opened - start), end - opened, _peak_mb() - before


def _peak_mb() -> float:
    """Return the most memory that this process has used; what ``resource`` says begins with the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return float(status.read_text().split("VmHWM:")[1].split()[0]) / 1024


def _rows(first: int, n_rows: int) -> dict[str, bytes]:
    values: Any = np.random.default_rng(first).normal(size=(n_rows, N_VALUES)).astype("<f4")
    return {_key(first + number): values[number].tobytes() for number in range(n_rows)}


def _key(number: int) -> str:
    return hashlib.sha256(number.to_bytes(8, "big")).hexdigest()


if __name__ == "__main__":
    print(json.dumps(looked_up(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
