"""Rows out of a damaged store: what SQLite can no longer reach through its tree still stands in the pages.

Every page of the file is read by itself, as the file format lays it out [1]_; whatever record in it looks like a row of
ours and fits its checksum is one. Rows are addressed by content, so that one found in a page which had been given free is
as good as any other.

References
----------
.. [1] SQLite: Database File Format, sections 1.3 (header), 1.6 (B-tree pages, overflow pages) and 2.1 (record format).
   https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from .errors import StoreError
from .store_layout import (
    FILE_NAME,
    UNKNOWN_MAKER,
    Maker,
    connected,
    feature_names,
    insert_encoded,
    is_whole,
    key_in_file,
    key_of,
    now,
    prepare,
)
from .terminal import Bars

FILE_HEADER = 100
# Kinds of pages that hold records: the leaves of a table, and the leaves and inner pages of one without rowid.
TABLE_LEAF, INDEX_LEAF, INDEX_INNER = 0x0D, 0x0A, 0x02
INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
LARGEST_RECORD = 64 * 1024 * 1024
ROWS_A_WRITE = 5_000
BYTES_A_STEP = 1_000_000
DEFAULT_PAGE = 4096
DAMAGED = FILE_NAME + ".broken"
SALVAGED = "salvaged"


class PageSizes(NamedTuple):
    """Bytes of a page, and how many of them SQLite uses."""

    whole: int
    usable: int


class Record(NamedTuple):
    """One record of any table: its rowid where it has one, and its values."""

    rowid: int | None
    values: list[Any]


def salvage(folder: Path, bars: Bars) -> int:
    """Make a new store out of what can be read of a damaged one, which is kept as ``features.sqlite.broken``.

    No other process may be writing meanwhile.

    Returns
    -------
    int
        The number of rows that were kept.

    Raises
    ------
    StoreError
        The disk is full.
    """
    damaged, new = folder / FILE_NAME, folder / SALVAGED
    try:
        new.mkdir(exist_ok=True)
        (new / FILE_NAME).unlink(missing_ok=True)
        n_rows = _copy(damaged, new, bars)
        # A journal beside the damaged file must not be played back into the new one.
        for suffix in ("-journal", ""):
            if (folder / f"{FILE_NAME}{suffix}").exists():
                (folder / f"{FILE_NAME}{suffix}").replace(folder / f"{DAMAGED}{suffix}")
        (new / FILE_NAME).replace(damaged)
        new.rmdir()
    except OSError as error:
        raise StoreError(
            f"store {str(folder)!r} cannot be salvaged ({error.strerror}); free or unlock the disk"
        ) from None
    return n_rows


def records(path: Path) -> Iterator[tuple[int, list[Record]]]:
    """Yield for each page of an SQLite file its size in bytes and the whole records in it; a damaged one gives none."""
    with path.open("rb") as file, path.open("rb") as overflow:
        header = file.read(FILE_HEADER)
        file.seek(0)
        sizes = _page_sizes(header)
        start = FILE_HEADER
        while page := file.read(sizes.whole):
            found: list[Record] = []
            for place in _cells(page, start):
                with suppress(IndexError, ValueError, struct.error):  # cut short or overwritten
                    found.append(_record(page, page[start], place, sizes, overflow))
            yield len(page), found
            start = 0


def _page_sizes(header: bytes) -> PageSizes:
    whole = int.from_bytes(header[16:18], "big")
    whole = 65_536 if whole == 1 else whole
    if whole < 512 or whole & (whole - 1):  # no power of two: the header itself is damaged
        return PageSizes(DEFAULT_PAGE, DEFAULT_PAGE)
    return PageSizes(whole, whole - header[20])


def _copy(damaged: Path, new: Path, bars: Bars) -> int:
    rows: list[tuple[Any, ...]] = []
    makers: dict[int, Maker] = {}
    with connected(new, writing=True) as database:
        prepare(database, f"store {str(new)!r}")
    with bars.steps("salvaging MB", damaged.stat().st_size // BYTES_A_STEP) as notify:
        n_bytes = 0
        for size, found in records(damaged):
            for record in found:
                if made := _maker(record):
                    makers[record.rowid or UNKNOWN_MAKER] = made
                elif row := _row(record.values):
                    rows.append(row)
            if len(rows) >= ROWS_A_WRITE:
                _write(new, rows)
                rows = []
            notify((n_bytes + size) // BYTES_A_STEP - n_bytes // BYTES_A_STEP)
            n_bytes += size
    _write(new, rows)
    with connected(new, writing=True) as database:
        database.executemany(
            "INSERT OR IGNORE INTO makers (id, name, fingerprint, features) VALUES (?, ?, ?, ?)",
            [(number, made.name, made.fingerprint, json.dumps(made.features)) for number, made in makers.items()],
        )
        return int(database.execute("SELECT count(*) FROM rows").fetchone()[0])


def _write(folder: Path, rows: list[tuple[Any, ...]]) -> None:
    with connected(folder, writing=True) as database:
        insert_encoded(database, rows)


def _row(values: list[Any]) -> tuple[Any, ...] | None:
    """Return a row's values in the order of ``COLUMNS`` if a record is one, of this schema or of the first."""
    if len(values) >= 6 and isinstance(values[1], int):
        key, maker, written, crc, warnings, data = values[:6]
    elif len(values) >= 4:
        key, data, crc, warnings, *rest = values
        maker, written = rest[:2] if len(rest) >= 2 else (UNKNOWN_MAKER, now())
    else:
        return None
    if not (isinstance(maker, int) and isinstance(written, int) and is_whole(key, data, warnings, crc)):
        return None
    return key_in_file(key_of(key), text=False), maker, written, crc, warnings, data


def _maker(record: Record) -> Maker | None:
    if record.rowid is None or len(record.values) != 4 or record.values[0] is not None:
        return None
    name, fingerprint, features = record.values[1:]
    if not all(isinstance(value, str) for value in (name, fingerprint, features)):
        return None
    return Maker(name, fingerprint, feature_names(features))


def _cells(page: bytes, start: int) -> list[int]:
    """Return where the records of a page begin; none where it holds no records."""
    kind = page[start] if len(page) > start + 12 else 0
    if kind not in (TABLE_LEAF, INDEX_LEAF, INDEX_INNER):
        return []
    first = start + (12 if kind == INDEX_INNER else 8)
    n_cells = min(int.from_bytes(page[start + 3 : start + 5], "big"), (len(page) - first) // 2)
    return list(struct.unpack(f">{n_cells}H", page[first : first + 2 * n_cells]))


def _record(page: bytes, kind: int, place: int, sizes: PageSizes, file: BinaryIO) -> Record:
    rowid = None
    if kind == INDEX_INNER:
        place += 4  # the page below
    length, place = _varint(page, place)
    if kind == TABLE_LEAF:
        rowid, place = _varint(page, place)
    if length > LARGEST_RECORD:
        raise ValueError("no record is that long")
    here = _length_here(length, sizes.usable, kind)
    payload = bytearray(page[place : place + here])
    if here < length:
        (following,) = struct.unpack(">I", page[place + here : place + here + 4])
        while len(payload) < length and following:
            file.seek((following - 1) * sizes.whole)
            part = file.read(sizes.whole)
            (following,) = struct.unpack(">I", part[:4])
            payload += part[4 : min(sizes.usable, 4 + length - len(payload))]
    if len(payload) != length:
        raise ValueError("cut short")
    return Record(rowid, _values(bytes(payload)))


def _length_here(length: int, usable: int, kind: int) -> int:
    """Return how much of a record stands in its own page, the rest being in overflow pages [1]_."""
    most = usable - 35 if kind == TABLE_LEAF else (usable - 12) * 64 // 255 - 23
    if length <= most:
        return length
    least = (usable - 12) * 32 // 255 - 23
    rest = least + (length - least) % (usable - 4)
    return rest if rest <= most else least


def _values(payload: bytes) -> list[Any]:
    end, place = _varint(payload, 0)
    at, values = end, []
    while place < end:
        kind, place = _varint(payload, place)
        value, n_bytes = _value(payload, at, kind)
        values.append(value)
        at += n_bytes
    if at != len(payload):
        raise ValueError("lengths do not add up")
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in INTEGER_BYTES:
        return int.from_bytes(payload[at : at + INTEGER_BYTES[kind]], "big", signed=True), INTEGER_BYTES[kind]
    if kind in (8, 9):
        return kind - 8, 0
    if kind == 7:
        return struct.unpack(">d", payload[at : at + 8])[0], 8
    n_bytes = max(0, (kind - 12) // 2)
    if kind < 12:
        return None, 0
    part = payload[at : at + n_bytes]
    return (part.decode() if kind % 2 else part), n_bytes


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where the next thing begins."""
    value = 0
    for number in range(8):
        byte = data[place + number]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + number + 1
    return value << 8 | data[place + 8], place + 9
