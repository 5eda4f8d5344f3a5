"""What the readers of text corpora share: rows of tables that other people wrote, names for texts, and what repeats."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from ...features.errors import CorpusError, TableError
from ...features.files import ARCHIVE_ERRORS, open_file, read_bytes
from ...features.text_cleaning import decode_text
from .base import find_files

Row = tuple[int, list[str]]  # the line it ends on, from 1, and its cells


def find_each(root: Path, pattern: str) -> list[Path]:
    """Do what :func:`~.base.find_files` does, with one file of each name: an archive often lies beside what was in it."""
    found = {path.name: path for path in reversed(find_files(root, pattern))}
    return [found[name] for name in sorted(found)]


def read_text(path: Path) -> str:
    """Read a text file: UTF-8 or UTF-16 where it is one, or else Latin-1.

    Tables of tweets were written by programs of their time. Read as Latin-1 none is refused, and what Windows meant by
    the control characters is put right where texts are cleaned; see :func:`~emofuse.features.text_cleaning.clean_text`.
    """
    data = read_bytes(path)
    try:
        return decode_text(data)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file; only line feeds end one, as a tweet may hold any other separator of lines."""
    lines = read_text(path).split("\n")
    return [line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def read_rows(path: Path, *, delimiter: str = ",", quoted: bool = True) -> Iterator[Row]:
    """Yield the rows of a table that are not empty; ``quoted`` tells whether quotes enclose cells.

    Raises
    ------
    TableError
        A quote is opened and never closed.
    """
    return split_rows(io.StringIO(read_text(path), newline=""), path.name, delimiter=delimiter, quoted=quoted)


def split_rows(lines: Iterable[str], name: str, *, delimiter: str = ",", quoted: bool = True) -> Iterator[Row]:
    """Do what :func:`read_rows` does for the lines of a table called ``name``, one at a time."""
    rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            raise TableError(f"{name}: line {rows.line_num} cannot be read ({error}); fetch the file again") from None
        if cells is None:
            return
        if any(cells):
            yield rows.line_num, cells


@contextmanager
def open_lines(path: Path, encoding: str) -> Iterator[Iterable[str]]:
    """Open a file, or a member of a zip archive, of any length to be read line by line.

    Raises
    ------
    CorpusError
        The archive is damaged.
    """
    archive = next((parent for parent in path.parents if parent.suffix.lower() == ".zip" and parent.is_file()), None)
    if archive is None:
        with open_file(path) as file:
            yield io.TextIOWrapper(file, encoding, newline="")
        return
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(path.relative_to(archive).as_posix()) as member:
            yield io.TextIOWrapper(member, encoding, newline="")
    except (*ARCHIVE_ERRORS, OSError) as error:
        raise CorpusError(f"archive {archive.name!r} cannot be read ({error}); fetch it again") from None


def known_label(label: str, labels: Sequence[str], place: str) -> str:
    """Return a label without the spaces around it; refuse one that the corpus does not have, and say where it stands."""
    found = label.strip().lower()
    if found not in labels:
        raise TableError(
            f"{place}: one of the labels {', '.join(labels)} is needed, got {label!r:.60}; correct the row"
        )
    return found


def unique_names(names: Sequence[str]) -> list[str]:
    """Return names of which none repeats: the second ``a`` is ``a.2``.

    Examples
    --------
    >>> unique_names(["a", "b", "a"])
    ['a', 'b', 'a.2']
    """
    again = {name for name, count in Counter(names).items() if count > 1}
    if not again:
        return list(names)
    seen: Counter[str] = Counter()
    told = []
    for name in names:
        if name in again:
            seen[name] += 1
            name = name if seen[name] == 1 else f"{name}.{seen[name]}"
        told.append(name)
    return told


def repetitions(samples: pd.DataFrame) -> tuple[str, ...]:
    """Return a note of how many texts stand more than once, and how many of them under several labels; none if none does."""
    rows = samples[samples["text"].duplicated(keep=False)]
    n_labels = rows.groupby("text", sort=False)["label"].nunique()
    if not len(n_labels):
        return ()
    differing = int((n_labels > 1).sum())
    return (f"{len(n_labels)} texts stand more than once, {differing} of them under different labels; all are kept",)
