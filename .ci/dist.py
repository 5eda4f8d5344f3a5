"""Build the sdist, and the wheel from it, so that the same commit gives the same bytes: what ``make dist`` runs.

A copy of the checkout is built, not the checkout: what older builds left in ``build/`` and ``*.egg-info`` would else be packed
again. setuptools takes the times in a wheel from ``SOURCE_DATE_EPOCH``, but those in an sdist from the clock and its owners
from the machine, so the sdist is packed anew. https://reproducible-builds.org/docs/archives/
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def git(*words: str) -> str:
    """Return what git says about the checkout."""
    return subprocess.run(["git", "-C", ROOT, *words], check=True, capture_output=True, text=True).stdout


def copy_checkout(folder: Path) -> None:
    """Copy every file that git would keep."""
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def repack(path: Path, epoch: int) -> None:
    """Write a ``.tar.gz`` again with one time for everything, no owners, plain modes and its members by name."""
    packed = io.BytesIO()
    with (
        tarfile.open(path) as before,
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=epoch) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for member in sorted(before.getmembers(), key=lambda member: member.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode, member.pax_headers = 0o755 if member.isdir() or member.mode & 0o100 else 0o644, {}
            after.addfile(member, before.extractfile(member) if member.isfile() else None)
    path.write_bytes(packed.getvalue())


def build(out: Path) -> list[Path]:
    """Build into a folder, and return the sdist and the wheel.

    Without isolation: an isolated build would fetch whatever setuptools is newest today, and the bytes would depend on the day.
    """
    epoch = git("log", "-1", "--format=%ct").strip()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    run = partial(subprocess.run, check=True, env=environment, stdout=subprocess.DEVNULL, umask=0o022)
    frontend = [sys.executable, "-m", "build", "--quiet", "--no-isolation", "--outdir", out]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        copy_checkout(source)
        run([*frontend, "--sdist", source])
        [sdist] = out.glob("*.tar.gz")
        repack(sdist, int(epoch))
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        unpacked = Path(folder, sdist.name.removesuffix(".tar.gz"))
        run([*frontend, "--wheel", unpacked])
    [wheel] = out.glob("*.whl")
    return [sdist, wheel]


if __name__ == "__main__":
    print(*build(Path(sys.argv[1])), sep="\n")
