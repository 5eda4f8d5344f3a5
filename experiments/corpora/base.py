"""What every reader gives back, and the ways they find files."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ...features.base import FAILURE_COLUMNS
from ...features.errors import CorpusError, SampleError, TableError
from ...features.files import ARCHIVE_ERRORS, read_bytes

# What Git LFS leaves in place of a file that was not fetched: three lines of text, the first of which begins so.
STUB_START = b"version https://git-lfs"
STUB_BYTES = 1024


class NotFoundError(CorpusError):
    """Nothing of a corpus is below the root."""


@dataclass(frozen=True)
class CorpusInfo:
    """What a user must know of a corpus before reading it.

    Attributes
    ----------
    name, title : str
    licence : str
        What it may be used for.
    source : str
        Where it is to be had, with its reference.
    layout : str
        Files expected below the root.
    groups : str
        What a group is: "speaker" or "subject".
    modalities : tuple of str
    synthetic : bool
        Whether the data were made by a program; said in every output.
    """

    name: str
    title: str
    licence: str
    source: str
    layout: str
    groups: str
    modalities: tuple[str, ...]
    synthetic: bool = False

    def not_found(self, root: Path, what: str, notes: Sequence[str] = ()) -> CorpusError:
        """Return the error of a missing part: what was looked for, where to get it, under which licence.

        ``notes`` say what was there instead, such as empty files.
        """
        return NotFoundError(
            f"{self.name}: {what} not found below {str(root)!r}{''.join(f' ({note})' for note in notes)}; expected layout: "
            f"{self.layout}; get it from {self.source} ({self.licence})"
        )


@dataclass(frozen=True)
class Corpus:
    """A corpus in memory.

    Attributes
    ----------
    info : CorpusInfo
    samples : pandas.DataFrame
        Checked sample table.
    tables : dict of str to DataFrame
        Ready feature tables, indexed by sample (a sample without a row is absent in that modality).
    notes : tuple of str
        Parts that were not there.
    failures : pandas.DataFrame
        Samples whose words could not be had, a row each: sample, source, code, message.
    """

    info: CorpusInfo
    samples: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failures: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FAILURE_COLUMNS, dtype=object))


def find_files(root: Path, pattern: str) -> list[Path]:
    """Return files below a folder, and members of zip archives in it, whose name matches a regular expression.

    A member is written as a path through its archive: ``archive.zip/folder/file.wav``. The order is that of the names.
    """
    matcher = re.compile(pattern)
    found = [path for path in _all_files(root) if matcher.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.name, str(path)))


def find_recordings(root: Path, pattern: str) -> tuple[list[Path], tuple[str, ...]]:
    """Return what :func:`find_files` finds, less the files that hold nothing, and a line on each kind of those."""
    found = find_files(root, pattern)
    hollow: dict[str, list[Path]] = {}
    for path in sorted(found):  # archive by archive: each is opened once
        kind = _hollow(path)
        if kind is not None:
            hollow.setdefault(kind, []).append(path)
    left_out = {path for paths in hollow.values() for path in paths}
    notes = [
        f"{len(paths)} {'file is' if len(paths) == 1 else 'files are'} left out ({kind}): "
        f"{', '.join(path.name for path in paths[:3])}{' …' if len(paths) > 3 else ''}"
        for kind, paths in hollow.items()
    ]
    return [path for path in found if path not in left_out], tuple(notes)


def require_columns(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Refuse a table of a corpus that lacks columns, naming them and what is there."""
    missing = [column for column in columns if column not in table]
    if missing:
        raise TableError(f"{name}: columns {missing} are missing; it has {list(table.columns)[:12]}")


def _hollow(path: Path) -> str | None:
    """Return why a file holds no recording, or None; a large one is not read to see that."""
    try:
        data = read_bytes(path, max_bytes=STUB_BYTES)
    except SampleError as error:
        return "0 bytes, to be fetched again" if error.code == "empty_file" else None
    return "stubs of Git LFS, to be had with 'git lfs pull'" if data.startswith(STUB_START) else None


def _all_files(root: Path) -> Iterator[Path]:
    paths = [root] if root.is_file() else sorted(root.rglob("*"))
    for path in paths:
        if path.suffix.lower() == ".zip" and path.is_file():
            yield from _members(path)
        elif not path.name.startswith(".") and not path.is_dir():
            yield path


def _members(archive: Path) -> Iterator[Path]:
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if name and not name.endswith("/")]
    except (*ARCHIVE_ERRORS, OSError, ValueError) as error:
        raise CorpusError(f"archive {str(archive)!r} cannot be read ({error}); fetch it again") from None
    for name in names:
        parts = Path(name).parts
        if not name.startswith(("/", "__MACOSX")) and ".." not in parts:
            yield archive / name
