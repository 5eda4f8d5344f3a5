"""Layouts of the feature store side by side: ``python -m emofuse.experiments.benchmarks.store [--rows 10000000] [--layouts ..]``.

Each layout is filled, row by row of 88 float32 values under random keys of 32 bytes as the store has them; then, at its
full size, batches of a thousand rows are written one transaction each, and a new process opens it and looks ten thousand
random keys up. One file at a time is on the disk (4.6 GB for ten million rows), and deleted afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from rich.console import Console

from ...features.store import FeatureStore, Maker, StoredRow

N_ROWS = 1_000_000
N_VALUES = 88  # eGeMAPS
FILL, BATCH, N_BATCHES = 100_000, 1_000, 50
N_KEYS = 10_000
MOST_LOOK_UP_S = 1.0  # at ten million rows
MAKER = Maker("OpenSmileFunctionals", "0" * 64)
OURS = "the store"


class Layout(Protocol):
    """What is compared: rows by key, written and looked up."""

    def write(self, rows: dict[str, bytes]) -> None:
        """Keep rows for good: all of them, or none."""

    def look_up(self, keys: list[str]) -> int:
        """Read rows, and return how many there were."""


class Figures(NamedTuple):
    """What was measured of a layout."""

    bytes_a_row: float
    rows_a_second: float
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


def measure(name: str, n_rows: int, folder: Path) -> Figures:
    """Fill a layout in an empty folder and measure it.

    Parameters
    ----------
    name : str
        One of ``LAYOUTS``.
    n_rows : int
        Rows that are there before batches are timed.
    folder : path
    """
    layout = LAYOUTS[name](folder)
    for first in range(0, n_rows, FILL):
        layout.write(_rows(first, min(FILL, n_rows - first)))
    batches = [_rows(n_rows + number * BATCH, BATCH) for number in range(N_BATCHES)]
    start = time.perf_counter()
    for batch in batches:
        layout.write(batch)
    seconds = time.perf_counter() - start
    total = n_rows + N_BATCHES * BATCH
    size = sum(path.stat().st_size for path in folder.iterdir())
    asked = [sys.executable, "-m", __spec__.name if __spec__ else __name__, "--look-up", name, str(folder), str(total)]
    answer = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    return Figures(size / total, N_BATCHES * BATCH / seconds, *answer)


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


def main() -> None:
    """Measure the layouts and print them beside each other, ratios to the store's own figures."""
    parser = argparse.ArgumentParser(description="Compare layouts of the feature store.")
    parser.add_argument("--rows", type=int, default=N_ROWS, help="rows before anything is timed")
    parser.add_argument("--layouts", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--folder", type=Path, help="where the files are made; the system's folder for them by default")
    parser.add_argument("--look-up", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.look_up:
        name, folder, n_rows = given.look_up
        print(json.dumps(looked_up(name, Path(folder), int(n_rows))))
        return
    console = Console(width=160, highlight=False)
    headings = ("bytes a row", "rows/s", "opening ms", "look-up s", "memory MB")
    console.print(f"{f'{given.rows} rows of {N_VALUES}':<24}" + "".join(f"{heading:>21}" for heading in headings))
    ours: Figures | None = None
    for name in given.layouts:
        with tempfile.TemporaryDirectory(dir=given.folder) as place:
            found = measure(name, given.rows, Path(place))
        ours = found if name == OURS else ours
        console.print(f"{name:<24}" + "".join(_cell(*pair) for pair in zip(found, ours or found, strict=True)))
    console.print(f"aimed at: look-up of {N_KEYS} keys at 10 million rows in under {MOST_LOOK_UP_S:g} s")


def _peak_mb() -> float:
    """Return the most memory that this process has used; what ``resource`` says begins with the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return float(status.read_text().split("VmHWM:")[1].split()[0]) / 1024


def _cell(value: float, ours: float) -> str:
    return f"{value:>11.5g} ({value / max(ours, 1e-9):>5.2f} x)"


def _rows(first: int, n_rows: int) -> dict[str, bytes]:
    values: Any = np.random.default_rng(first).normal(size=(n_rows, N_VALUES)).astype("<f4")
    return {_key(first + number): values[number].tobytes() for number in range(n_rows)}


def _key(number: int) -> str:
    return hashlib.sha256(number.to_bytes(8, "big")).hexdigest()


if __name__ == "__main__":
    main()
