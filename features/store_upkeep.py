"""Looking after a store: what is in it, whether it is whole, what may go, and rows as a table of their own.

A store is read in parts, a short while each: writers are never kept waiting for the whole of a large one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .store_layout import FILE_NAME, DamagedStoreError, KeyInFile, connected, is_whole, key_of, makers_of, now
from .store_parts import SECONDS_A_DAY, UNKNOWN, existing, opened, parts
from .store_salvage import DAMAGED, salvage
from .store_shards import broken, unfinished, waiting
from .terminal import Bars


@dataclass(frozen=True)
class MadeBy:
    """What one extractor has in a store; times in seconds since 1970, UTC."""

    extractor: str
    fingerprint: str
    features: int
    rows: int
    megabytes: float
    oldest: int
    newest: int


@dataclass(frozen=True)
class StoreInfo:
    """What a store holds, the extractors by their megabytes."""

    path: str
    schema: int
    rows: int
    megabytes: float
    free_megabytes: float
    shards_waiting: int
    shards_broken: int
    extractors: tuple[MadeBy, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)


@dataclass(frozen=True)
class Verified:
    """What was found wrong, and done about it."""

    rows: int
    broken_rows: tuple[str, ...]
    damage: str
    broken_shards: tuple[str, ...]
    unfinished_shards: tuple[str, ...]
    repaired: bool

    @property
    def is_whole(self) -> bool:
        """Whether every row is what was written and SQLite finds no fault in the file."""
        return not self.broken_rows and not self.damage

    def summary(self) -> str:
        """Return in a few words what was found."""
        if self.damage:
            kept = f"; {self.rows} rows were kept, the damaged file stands beside as {DAMAGED}" if self.repaired else ""
            return f"{self.damage}{kept}"
        if self.broken_rows:
            return f"{len(self.broken_rows)} of {self.rows} rows are broken" + (" and removed" if self.repaired else "")
        return f"{self.rows} rows, all of them as they were written"

    def lines(self) -> list[str]:
        """Return the summary, and all that is broken, for a person."""
        return [
            self.summary(),
            *(f"broken row {key}" for key in self.broken_rows),
            *(f"broken shard {shard}" for shard in self.broken_shards),
            *(f"unfinished shard {shard}" for shard in self.unfinished_shards),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self) | {"is_whole": self.is_whole}


def info(path: Path | None = None) -> StoreInfo:
    """Return what a store holds.

    Raises
    ------
    StoreError
        There is no store, or it is damaged.
    """
    folder = opened(path)
    with connected(folder) as database:
        makers = makers_of(database)
        counted = database.execute(
            "SELECT maker, count(*), total(length(data)), coalesce(max(length(data)), 0), min(written), max(written) "
            "FROM rows GROUP BY 1"
        ).fetchall()
        page, free, schema = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "freelist_count", "user_version")
        )
    made_by = []
    for number, rows, n_bytes, widest, oldest, newest in counted:
        maker = makers.get(number, UNKNOWN)
        made_by.append(MadeBy(maker.name, maker.fingerprint, widest // 4, rows, n_bytes / 1e6, oldest, newest))
    return StoreInfo(
        path=str(folder),
        schema=schema,
        rows=sum(made.rows for made in made_by),
        megabytes=(folder / FILE_NAME).stat().st_size / 1e6,
        free_megabytes=page * free / 1e6,
        shards_waiting=len(waiting(folder)),
        shards_broken=len(broken(folder)),
        extractors=tuple(sorted(made_by, key=lambda made: -made.megabytes)),
    )


def verify(path: Path | None = None, *, repair: bool = False, bars: Bars | None = None) -> Verified:
    """Check every row's checksum, and the file.

    Parameters
    ----------
    path : path, optional
        The user's own store by default.
    repair : bool, default=False
        Remove broken rows, and what workers left unfinished for a day; where the file itself is damaged, make a new one
        of what can be read, and keep the damaged one beside it.
    bars : Bars, optional
        Where progress is shown.

    Raises
    ------
    StoreError
        There is no store, or it cannot be read for another reason than damage.
    """
    folder, bars = existing(path), bars or Bars()
    rows, wrong, damage = 0, list[KeyInFile](), ""
    try:
        opened(folder)
        rows, wrong = _broken_rows(folder, bars)
        damage = _fault(folder)
    except DamagedStoreError as error:
        damage = str(error).rpartition("; ")[0]
    if repair and damage:
        rows = salvage(folder, bars)
    elif repair and wrong:
        with connected(folder, writing=True) as database:
            removed = database.executemany("DELETE FROM rows WHERE key = ?", [(key,) for key in wrong]).rowcount
        if removed < len(wrong):  # their keys are broken too: the index does not lead to them
            rows = salvage(folder, bars)
    left = unfinished(folder)
    for shard in left if repair else ():
        with suppress(FileNotFoundError):  # its writer has just finished it
            if shard.stat().st_mtime < now() - SECONDS_A_DAY:
                shard.unlink()
    return Verified(
        rows=rows,
        broken_rows=tuple(key_of(key) for key in wrong),
        damage=damage,
        broken_shards=tuple(str(shard) for shard in broken(folder)),
        unfinished_shards=tuple(str(shard) for shard in left),
        repaired=repair,
    )


def _broken_rows(folder: Path, bars: Bars) -> tuple[int, list[KeyInFile]]:
    """Return the number of rows, and the keys of those that are not what was written."""
    with connected(folder) as database:
        total = int(database.execute("SELECT count(*) FROM rows").fetchone()[0])
    n_rows, wrong = 0, list[KeyInFile]()
    with bars.steps("checking rows", total) as notify:
        for part in parts(folder):
            with connected(folder) as database:
                n_here = 0
                for key, data, warnings, crc in database.execute(
                    f"SELECT key, data, warnings, crc FROM rows WHERE {part.where}", part.bounds
                ):
                    n_here += 1
                    if not is_whole(key, data, warnings, crc):
                        wrong.append(key)
            n_rows += n_here
            notify(n_here)
    return n_rows, wrong


def _fault(folder: Path) -> str:
    """Return the first fault that SQLite finds in its own trees, or in what the index says of the rows, or nothing."""
    with connected(folder) as database:
        found = str(database.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return "" if found == "ok" else f"store {str(folder)!r} is damaged: {' '.join(found.split())}"
