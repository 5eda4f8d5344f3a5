"""The rows of one extractor as a Parquet table, for any other program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .errors import StoreError
from .files import staged
from .store_layout import Maker, connected, is_whole, key_of
from .store_parts import chosen_makers, opened, parts
from .terminal import Bars

if TYPE_CHECKING:
    import pyarrow as pa

VALUE_BYTES = 4
PART_BYTES = 64 * 1024 * 1024


def export(extractor: str, out: Path, path: Path | None = None, *, bars: Bars | None = None) -> int:
    """Write the rows of an extractor to a Parquet file: the column ``key``, then one a feature, float32.

    Rows that fail their checksum are left out. The file appears once it is whole.

    Parameters
    ----------
    extractor : str
        Its name; where the store holds several of this name, the name, a colon and the first characters of the fingerprint.
    out : path
    path : path, optional
        The user's own store by default.
    bars : Bars, optional
        Where progress is shown.

    Returns
    -------
    int
        The number of rows.

    Raises
    ------
    StoreError
        There is no store, not one such extractor, or the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = opened(path)
    found = chosen_makers(folder, extractor)
    if len(found) > 1:
        those = ", ".join(f"{maker.name}:{maker.fingerprint[:8]}" for maker in found.values())
        raise StoreError(f"store {str(folder)!r} has several extractors {extractor!r}; choose one of {those}")
    ((number, maker),) = found.items()
    with connected(folder) as database:
        widths = [
            n_bytes // VALUE_BYTES
            for (n_bytes,) in database.execute("SELECT DISTINCT length(data) FROM rows WHERE maker = ?", (number,))
        ]
        (total,) = database.execute("SELECT count(*) FROM rows WHERE maker = ?", (number,)).fetchone()
    if len(widths) != 1:
        raise StoreError(
            f"store {str(folder)!r}: the rows of {extractor!r} have {sorted(widths)} values; one table has one"
        )
    names = _feature_names(maker, widths[0])
    schema = pa.schema([("key", pa.string()), *((name, pa.float32()) for name in names)])
    n_rows = 0
    try:
        with (
            staged(out) as place,
            pq.ParquetWriter(place, schema) as writer,
            (bars or Bars()).steps("writing rows", total) as notify,
        ):
            for part in parts(folder, max(1, PART_BYTES // (VALUE_BYTES * max(1, len(names))))):
                with connected(folder) as database:
                    rows = database.execute(
                        f"SELECT key, data, crc, warnings FROM rows WHERE {part.where} AND maker = ?",
                        (*part.bounds, number),
                    ).fetchall()
                whole = [(key_of(key), data) for key, data, crc, warnings in rows if is_whole(key, data, warnings, crc)]
                if whole:
                    writer.write_table(_table(whole, schema))
                n_rows += len(whole)
                notify(len(rows))
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(
            f"{str(out)!r} cannot be written ({reason}); free or unlock the disk, or choose --out"
        ) from None
    return n_rows


def _feature_names(maker: Maker, width: int) -> list[str]:
    is_known = len(maker.features) == width and len(set(maker.features) | {"key"}) == width + 1
    return list(maker.features) if is_known else [f"feature_{number}" for number in range(width)]


def _table(rows: list[tuple[str, bytes]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    values = np.frombuffer(b"".join(data for _, data in rows), dtype="<f4").reshape(len(rows), -1)
    columns = [pa.array(np.ascontiguousarray(column)) for column in values.T]
    return pa.table([pa.array([key for key, _ in rows]), *columns], schema=schema)
