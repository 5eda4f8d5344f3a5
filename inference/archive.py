"""The file a model is kept in: a zip that is checked before anything in it is read, and sealed as a whole.

Every member has its SHA-256 in the manifest. The archive's comment holds the SHA-256 of all bytes before it, so that not one
byte of the file, be it a name or a date, can change without being noticed. A seal tells damage, not who made the file: it is
no signature.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ..features.errors import BundleError
from ..features.files import ARCHIVE_ERRORS, staged

MAX_FILE_BYTES = 1024**3
MAX_UNPACKED_BYTES = 2 * 1024**3
MAX_RATIO = 200  # of what is unpacked to the file; deflate reaches 1032 on zeros alone
HARMLESS_BYTES = 16 * 1024**2  # however well it packs
MAX_MEMBERS = 10_000
SEAL_BYTES = 64
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip knows: equal models make equal files


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """Write members into a sealed zip, whole or not at all.

    Raises
    ------
    BundleError
        The file cannot be written.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members.items():
            archive.writestr(_entry(name), data, compresslevel=9)
        archive.comment = b"0" * SEAL_BYTES
    data = packed.getvalue()[:-SEAL_BYTES]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged(path) as place:
            place.write_bytes(data + hashlib.sha256(data).hexdigest().encode())
    except OSError as error:
        raise BundleError(f"{str(path)!r} cannot be written: {error.strerror}; choose another --out") from None


def read_archive(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Return the members of a zip after checks of their number, names and sizes.

    Raises
    ------
    BundleError
        No such file, no zip, a truncated or encrypted one, a name that leads out of it or stands there twice, or more bytes
        than a model has.
    """
    return read_members(read_file(Path(path)), Path(path).name)


def read_file(path: Path) -> bytes:
    """Return the bytes of a model file, which must be a regular file of bearable size."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path.name!r} is no regular file; give the .emofuse file itself")
        if status.st_size > MAX_FILE_BYTES:
            raise BundleError(f"{path.name!r} has {status.st_size} bytes, a model has at most {MAX_FILE_BYTES}")
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"no model {str(path)!r}; 'emofuse train' makes one") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BundleError(f"{path.name!r} cannot be read: {reason}") from None


def read_members(data: bytes, name: str) -> dict[str, bytes]:
    """Return the members of a zip in memory; see :func:`read_archive`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_members(infos, len(data), name)
            return {info.filename: _member(archive, info, name) for info in infos}
    except (*ARCHIVE_ERRORS, OSError, ValueError) as error:
        raise BundleError(
            f"{name!r} is no whole model file ({str(error) or type(error).__name__}); fetch it or train it again"
        ) from None


def check_seal(data: bytes, name: str) -> None:
    """Refuse a file any byte of which is not as it was written."""
    if hashlib.sha256(data[:-SEAL_BYTES]).hexdigest().encode() != data[-SEAL_BYTES:]:
        raise BundleError(
            f"{name!r} was changed after it was written (its seal does not fit); fetch it or train it again"
        )


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry


def _check_members(infos: list[zipfile.ZipInfo], packed_bytes: int, name: str) -> None:
    if len(infos) > MAX_MEMBERS:
        raise BundleError(f"{name!r} has {len(infos)} members, a model has at most {MAX_MEMBERS}")
    names = [info.filename for info in infos]
    for member in names:
        path = PurePosixPath(member)
        if path.is_absolute() or ".." in path.parts or "\\" in member or ":" in member or str(path) != member:
            raise BundleError(f"{name!r} holds the member {member!r:.80}, which leads out of it; do not use this file")
    if len(set(names)) < len(names):
        raise BundleError(f"{name!r} holds two members of one name; do not use this file")
    if any(info.flag_bits & 0x1 for info in infos):
        raise BundleError(f"{name!r} is encrypted; a model is not")
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
        raise BundleError(f"{name!r} is packed in a way that no model is; do not use this file")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(HARMLESS_BYTES, MAX_RATIO * packed_bytes):
        raise BundleError(
            f"{name!r} unpacks from {packed_bytes} to {unpacked} bytes, more than a model does; do not use this file"
        )


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    with archive.open(info) as file:
        data = file.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise BundleError(
            f"member {info.filename!r:.80} of {name!r} is not as long as the archive says; fetch it again"
        )
    return data
