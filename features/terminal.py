"""What a person at a terminal sees: tables whole, notes and progress on stderr, silent where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .base import Progress

errors = Console(stderr=True)
MAX_NOTES = 20


def new_console() -> Console:
    """Return a console that keeps tables whole where the output is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=1000)


def new_table(title: str) -> Table:
    """Return an empty table without lines, its title at the left, on one line however narrow the table is."""
    return Table(title=Text(title, no_wrap=True, overflow="ignore"), box=None, title_justify="left")


def print_notes(notes: list[str], rest: str = "see results.json") -> None:
    """Print notes on stderr, the first of many; ``rest`` says where the others stand."""
    from .text_cleaning import printable

    for note in notes[:MAX_NOTES]:
        errors.print(f"note: {printable(note)}", style="dim", highlight=False, markup=False, soft_wrap=True)
    if len(notes) > MAX_NOTES:
        errors.print(f"note: {len(notes) - MAX_NOTES} more, {rest}", style="dim")


@contextmanager
def showing_status(text: str) -> Iterator[None]:
    """Say what takes its time, while it does."""
    if not errors.is_terminal:
        yield
        return
    with errors.status(f"{text} …"):
        yield


class Bars:
    """Progress on stderr: one bar a block, one for the folds; silent where stderr is no terminal."""

    def __init__(self, bars: Any = None) -> None:
        self.bars = bars
        self.folds: Any = None

    def block(self, name: str, total: int) -> AbstractContextManager[Progress]:
        """Show how far the extraction of a block is."""
        return self.steps(f"extracting {name}", total)

    @contextmanager
    def steps(self, doing: str, total: int) -> Iterator[Progress]:
        """Show how far something of so many steps is."""
        if self.bars is None:
            yield lambda _: None
            return
        task = self.bars.add_task(doing, total=total)
        yield lambda amount: self.bars.advance(task, amount)

    def tasks(self, finished: int, total: int) -> None:
        """Show how many folds are done."""
        if self.bars is not None:
            if self.folds is None:
                self.folds = self.bars.add_task("comparing", total=total)
            self.bars.update(self.folds, completed=finished)


@contextmanager
def showing_progress() -> Iterator[Bars]:
    """Show bars, while the work goes on."""
    if not errors.is_terminal:
        yield Bars()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bars:
        yield Bars(bars)
