"""The one guarded door to files: a regular file, a member of an archive, an object of a store, and nothing that could hang."""

from __future__ import annotations

import lzma
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from .errors import SampleError

MAX_FILE_BYTES = 2 * 1024**3
# What zipfile, and what unpacks for it, raises for a damaged archive, beside OSError and ValueError.
ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
# Two letters at least: C:// is a drive. Pages of the web are no store of samples: nothing is downloaded from them.
URL = re.compile(r"(?!https?:|ftps?:)[a-z][a-z0-9+-]+(?:::[^:]+)*://", re.IGNORECASE)


def read_bytes(path: str | os.PathLike[str] | bytes, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Read a regular file, a member of a zip archive written as ``archive.zip/folder/file``, or an object by its URL.

    Raises
    ------
    SampleError
        ``missing``, ``not_a_file`` (folder, pipe, device, loop of links), ``no_permission``, ``empty_file``,
        ``too_large`` or ``not_reachable``; nothing but a regular file is ever opened, so nothing can hang.
    """
    if is_url(path):
        return _read_url(os.fsdecode(path), max_bytes)
    path = Path(os.fsdecode(path))
    with _said_plainly(path):
        archive = _enclosing_archive(path)
        if archive is None:
            data = _read_file(path, max_bytes)
        else:
            data = _read_member(archive, path.relative_to(archive).as_posix(), max_bytes)
    if not data:
        raise SampleError("empty_file", f"{_shown(path)} has 0 bytes; fetch it again or drop the sample")
    return data


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yield a place beside a file to write it to: it becomes the file at the end of the block, or nothing of it remains.

    Whatever ends the block early, be it a full disk, Ctrl-C or SIGTERM, leaves the file as it was.
    """
    place = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        yield place
        place.replace(target)
    finally:
        with suppress(OSError):
            place.unlink()


def is_url(path: object) -> bool:
    """Return whether a cell names an object by a URL, such as ``s3://bucket/clip.wav``, rather than by a path."""
    return isinstance(path, str | bytes) and URL.match(os.fsdecode(path)) is not None


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file of any length, with the errors of :func:`read_bytes`."""
    path = Path(path)
    with _said_plainly(path):
        status = _regular(path)
        if not status.st_size:
            raise SampleError("empty_file", f"{_shown(path)} has 0 bytes; fetch it again or drop the sample")
        return path.open("rb")


def _read_url(url: str, max_bytes: int) -> bytes:
    """Read what a URL names through fsspec; a file of this machine through the same door as any other."""
    try:
        import fsspec
    except ModuleNotFoundError:
        raise SampleError(
            "not_reachable", f"{url!r} is read by the extra 'distributed': pip install 'emofuse[distributed]'"
        ) from None
    try:
        files, path = fsspec.core.url_to_fs(url)
        if "file" in ([files.protocol] if isinstance(files.protocol, str) else files.protocol):
            return read_bytes(path, max_bytes=max_bytes)
        about = files.info(path)
        if about["type"] != "file":
            raise SampleError("not_a_file", f"an object is needed, {url!r} is a {about['type']}")
        if (about.get("size") or 0) > max_bytes:
            raise SampleError("too_large", f"at most {max_bytes} bytes are read, {url!r} has {about['size']}")
        with files.open(path, "rb") as file:
            data: bytes = file.read(max_bytes + 1)
    except SampleError:
        raise
    except FileNotFoundError:
        raise SampleError("missing", f"no object {url!r}; correct the URL") from None
    except PermissionError:
        raise SampleError("no_permission", f"{url!r} may not be read; check who you are there") from None
    except ImportError as error:  # fsspec names the package that reads this kind of URL
        raise SampleError("not_reachable", f"{url!r} cannot be read: {error}") from None
    except Exception as error:  # every kind of store has errors of its own
        raise SampleError("not_reachable", f"{url!r} cannot be read: {type(error).__name__}: {error}") from None
    if not data:
        raise SampleError("empty_file", f"{url!r} has 0 bytes; fetch it again or drop the sample")
    if len(data) > max_bytes:
        raise SampleError("too_large", f"at most {max_bytes} bytes are read, {url!r} has more")
    return data


@contextmanager
def _said_plainly(path: Path) -> Iterator[None]:
    """Turn what the system says of a file into one line with a code."""
    try:
        yield
    except FileNotFoundError:
        raise SampleError("missing", f"no file {_shown(path)}; check the path and --root") from None
    except PermissionError:
        raise SampleError("no_permission", f"{_shown(path)} may not be read; check its permissions") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SampleError("not_a_file", f"{_shown(path)} cannot be opened: {reason}; correct the path") from None


def _shown(path: Path) -> str:
    return repr(path.name or str(path))


def _enclosing_archive(path: Path) -> Path | None:
    for parent in path.parents:
        if parent.suffix.lower() == ".zip" and parent.is_file():
            return parent
    return None


def _read_file(path: Path, max_bytes: int) -> bytes:
    status = _regular(path)
    if status.st_size > max_bytes:
        raise SampleError("too_large", f"at most {max_bytes} bytes are read, the file has {status.st_size}")
    return path.read_bytes()


def _regular(path: Path) -> os.stat_result:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise SampleError("not_a_file", f"a regular file is needed, {_shown(path)} is none")
    return status


def _read_member(archive: Path, member: str, max_bytes: int) -> bytes:
    try:
        status = archive.stat()
        opened = _opened_archive(str(archive), (status.st_mtime_ns, status.st_size))
        size = opened.getinfo(member).file_size
        if size > max_bytes:
            raise SampleError("too_large", f"at most {max_bytes} bytes are read, {member!r} has {size}")
        with opened.open(member) as file:
            data = file.read(max_bytes + 1)
    except KeyError:
        raise SampleError("missing", f"archive {archive.name!r} has no member {member!r}") from None
    except ARCHIVE_ERRORS as error:
        raise SampleError("bad_archive", f"archive {archive.name!r} cannot be read: {error}") from None
    if len(data) != size:
        raise SampleError("bad_archive", f"{member!r} in {archive.name!r} is not as long as its header says")
    return data


@lru_cache(maxsize=4)
def _opened_archive(path: str, version: tuple[int, int]) -> zipfile.ZipFile:  # noqa: ARG001 (part of the key)
    """Return an archive that stays open: the directory of one with 30,000 pictures takes longer to read than a picture.

    Several threads may read from one; a file that changed is opened again, as its time and size are its version.
    """
    return zipfile.ZipFile(path)
