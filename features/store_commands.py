"""What `emofuse store` shows, checks, removes and writes: each verb a thin call."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from .errors import StoreError
from .terminal import new_console, new_table, print_notes, showing_progress, showing_status

if TYPE_CHECKING:
    from .store_upkeep import StoreInfo

app = typer.Typer(help="Look after the feature store: what is in it, is it whole, what may go.", no_args_is_help=True)

StoreOption = Annotated[Path | None, typer.Option("--store", help="Feature store; your cache folder by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ExtractorArgument = Annotated[
    str, typer.Argument(help="As `emofuse store info` names it; NAME:FINGERPRINT where it has several of a name.")
]
ExtractorOption = Annotated[str | None, typer.Option(help="Rows of this one: NAME or NAME:FINGERPRINT.")]
MOST_LISTED = 20


@app.command()
def info(store: StoreOption = None, as_json: AsJson = False) -> None:
    """Rows, size, and what each extractor has in the store."""
    from .store_upkeep import info as read_info

    with showing_status("counting rows"):
        found = read_info(store)
    if as_json:
        print(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))
    else:
        _print_info(found)


@app.command()
def verify(
    store: StoreOption = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove broken rows; of a damaged file, keep what can be read.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every row and the file."""
    from .store_upkeep import verify as check

    with showing_progress() as bars:
        found = check(store, repair=repair, bars=bars)
    if as_json:
        print(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))
    else:
        _print_lines(found.lines())
    if not found.is_whole and not repair:
        raise StoreError(f"{found.summary()}; `emofuse store verify --repair` keeps what is whole")


@app.command()
def prune(
    store: StoreOption = None,
    extractor: ExtractorOption = None,
    older_than: Annotated[float | None, typer.Option(min=0, help="Rows written more than so many days ago.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove rows that are not needed any more, and give back their room."""
    from dataclasses import asdict

    from .store_prune import prune as remove

    with showing_progress() as bars:
        gone = remove(store, extractor=extractor, older_than_days=older_than, dry_run=dry_run, bars=bars)
    if as_json:
        print(json.dumps(asdict(gone) | {"dry_run": dry_run}, indent=1))
        return
    freed = "would go" if dry_run else f"are gone, the file is {gone.freed_megabytes:.1f} MB smaller"
    print(f"{gone.rows} rows ({gone.megabytes:.1f} MB) {freed}")
    print_notes([gone.note] if gone.note else [])


@app.command()
def export(
    extractor: ExtractorArgument,
    out: Annotated[Path | None, typer.Option(help="Parquet file; EXTRACTOR.parquet by default.")] = None,
    store: StoreOption = None,
) -> None:
    """Write the rows of one extractor to a Parquet table."""
    from .store_export import export as write

    out = out or Path(f"{extractor.replace(':', '-')}.parquet")
    with showing_progress() as bars:
        n_rows = write(extractor, out, store, bars=bars)
    print(f"{out}: {n_rows} rows")


def _print_info(found: StoreInfo) -> None:
    size = f"{found.megabytes:.1f} MB" + (f", {found.free_megabytes:.1f} free" if found.free_megabytes >= 0.1 else "")
    table = new_table(f"{found.path}: {found.rows} rows, {size}")
    for heading in ("extractor", "fingerprint"):
        table.add_column(heading)
    for heading in ("features", "rows", "MB", "oldest", "newest"):
        table.add_column(heading, justify="right")
    for made in found.extractors:
        size = f"{made.megabytes:.1f}"
        days = (_day(made.oldest), _day(made.newest))
        table.add_row(Text(made.extractor), made.fingerprint[:8], str(made.features), str(made.rows), size, *days)
    new_console().print(table)
    notes = []
    if found.shards_waiting:
        notes.append(f"{found.shards_waiting} shards wait to be taken in")
    if found.shards_broken:
        notes.append(f"{found.shards_broken} shards could not be read; `emofuse store verify` names them")
    print_notes(notes)


def _day(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):  # a clock far from any year that there is
        return str(seconds)


def _print_lines(lines: list[str]) -> None:
    for line in lines[:MOST_LISTED]:
        print(line)
    if len(lines) > MOST_LISTED:
        print(f"and {len(lines) - MOST_LISTED} more, all of them with --json")
