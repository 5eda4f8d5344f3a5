"""What looking after a store needs in every verb: an existing store, who made its rows, and its rows part by part.

A large store is gone through in parts, a short while each, so that writers are never kept waiting for the whole of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .errors import StoreError
from .store import FeatureStore, default_store_path
from .store_layout import FILE_NAME, UNKNOWN_MAKER, DamagedStoreError, Maker, connected, has_text_keys, makers_of
from .store_shards import INCOMING

ROWS_A_PART = 20_000
SECONDS_A_DAY = 86_400
# Rows whose maker was not said, such as all of a store of schema 1.
UNKNOWN = Maker("unknown", "")


class Part(NamedTuple):
    """A condition that selects some thousands of rows, and the values of its marks."""

    where: str
    bounds: tuple[Any, ...]


def existing(path: Path | None) -> Path:
    """Return the folder of a store, the user's own by default; raise StoreError where there is none."""
    folder = default_store_path() if path is None else path
    if not (folder / FILE_NAME).exists() and not (folder / INCOMING).exists():
        raise StoreError(f"there is no store in {str(folder)!r}; choose --store")
    return folder


def opened(path: Path | None) -> Path:
    """Return the folder of a store that this version can read, its shards taken in; raise StoreError where it cannot."""
    return FeatureStore(existing(path)).path


def chosen_makers(folder: Path, extractor: str) -> dict[int, Maker]:
    """Return the makers of a name.

    Parameters
    ----------
    folder : path
    extractor : str
        A name, or the name, a colon and the first characters of the fingerprint.

    Raises
    ------
    StoreError
        There is none.
    """
    name, _, fingerprint = extractor.partition(":")
    with connected(folder) as database:
        makers = {UNKNOWN_MAKER: UNKNOWN} | makers_of(database)
    found = {
        number: maker
        for number, maker in makers.items()
        if maker.name == name and maker.fingerprint.startswith(fingerprint)
    }
    if not found:
        known = ", ".join(sorted({maker.name for maker in makers.values()}))
        raise StoreError(f"store {str(folder)!r} has nothing from extractor {extractor!r}; it has {known}")
    return found


def parts(folder: Path, size: int = ROWS_A_PART) -> Iterator[Part]:
    """Yield conditions that, one after the other, select every row that was there at the beginning."""
    with connected(folder) as database:
        order = "key" if has_text_keys(database) else "rowid"
    after, previous = Part("1", ()), None
    while True:
        with connected(folder) as database:
            (last,) = database.execute(
                f"SELECT max(here) FROM (SELECT {order} AS here FROM rows WHERE {after.where} ORDER BY {order} LIMIT {size})",
                after.bounds,
            ).fetchone()
        if last is None:
            return
        if not _precedes(previous, last):  # it would never end
            raise DamagedStoreError(
                f"store {str(folder)!r} cannot be used, it is damaged (rows out of order); "
                "`emofuse store verify --repair` keeps what can be read"
            )
        previous = last
        yield Part(f"{after.where} AND {order} <= ?", (*after.bounds, last))
        after = Part(f"{order} > ?", (last,))


def _precedes(one: Any, other: Any) -> bool:
    """Return whether SQLite orders one value before another; text stands before bytes."""
    return one is None or (isinstance(one, bytes), one) < (isinstance(other, bytes), other)
