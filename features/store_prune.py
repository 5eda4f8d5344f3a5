"""What may go from a store goes, and the file becomes smaller."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import StoreError
from .store_layout import BUSY_TIMEOUT_S, FILE_NAME, connected, now
from .store_parts import SECONDS_A_DAY, chosen_makers, opened, parts
from .terminal import Bars


@dataclass(frozen=True)
class Pruned:
    """What went, or would go; ``note`` says why the file did not become smaller where it did not."""

    rows: int
    megabytes: float
    freed_megabytes: float = 0.0
    note: str = ""


def prune(
    path: Path | None = None,
    *,
    extractor: str | None = None,
    older_than_days: float | None = None,
    dry_run: bool = False,
    bars: Bars | None = None,
) -> Pruned:
    """Remove the rows of an extractor, or those older than some days, or of those only the former's.

    A row that carries a time to come (somebody's clock was wrong) is not old.

    Parameters
    ----------
    path : path, optional
        The user's own store by default.
    extractor : str, optional
        Its name, or the name, a colon and the first characters of the fingerprint.
    older_than_days : float, optional
    dry_run : bool, default=False
        Only count what would go.
    bars : Bars, optional
        Where progress is shown.

    Raises
    ------
    StoreError
        There is no store, it has nothing from this extractor, or nothing was said of what may go.
    """
    if extractor is None and older_than_days is None:
        raise StoreError("nothing was said of what may go; give --extractor or --older-than")
    folder = opened(path)
    conditions, values = ["1"], list[Any]()
    if extractor is not None:
        numbers = chosen_makers(folder, extractor)
        conditions.append(f"maker IN ({','.join('?' * len(numbers))})")
        values += numbers
    if older_than_days is not None:
        conditions.append("written < ?")
        values.append(now() - older_than_days * SECONDS_A_DAY)
    condition = " AND ".join(conditions)
    with connected(folder) as database:
        rows, n_bytes, total = database.execute(
            f"SELECT count(*) FILTER (WHERE {condition}), total(length(data)) FILTER (WHERE {condition}), count(*) FROM rows",
            values + values,
        ).fetchone()
    if dry_run or not rows:
        return Pruned(rows, n_bytes / 1e6)
    gone = 0
    with (bars or Bars()).steps("going through rows", total) as notify:
        for part in parts(folder):
            with connected(folder, writing=True) as database:
                (here,) = database.execute(f"SELECT count(*) FROM rows WHERE {part.where}", part.bounds).fetchone()
                where = f"{part.where} AND {condition}"
                gone += database.execute(f"DELETE FROM rows WHERE {where}", (*part.bounds, *values)).rowcount
            notify(here)
    before = (folder / FILE_NAME).stat().st_size
    note = compact(folder)
    return Pruned(gone, n_bytes / 1e6, (before - (folder / FILE_NAME).stat().st_size) / 1e6, note)


def compact(folder: Path) -> str:
    """Give back the room of removed rows to the disk; return why not, or nothing.

    SQLite writes what is left anew, and then over the file under a journal: killed or out of room in between, the store is
    what it was before, and new rows use the room instead.
    """
    with connected(folder) as database:
        page, pages, free = (
            int(database.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_size", "page_count", "freelist_count")
        )
    needed = page * (pages - free)
    for place in (Path(tempfile.gettempdir()), folder):
        room = shutil.disk_usage(place).free
        if room < needed:
            return (
                f"the file keeps its size, new rows use what was freed: to make it smaller, {needed / 1e6:.0f} MB are "
                f"needed in {str(place)!r}, where {room / 1e6:.0f} are free"
            )
    database = sqlite3.connect(folder / FILE_NAME, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        database.execute("VACUUM")
    except sqlite3.Error as error:
        return f"the file keeps its size, new rows use what was freed ({error})"
    finally:
        database.close()
    return ""
