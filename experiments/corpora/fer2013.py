"""FER2013: 35,887 faces from the web, 48 pixels wide, as pictures or as the table of the competition."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ...features.errors import CorpusError, TableError
from ...features.files import read_bytes
from ...features.samples import check_samples
from .base import Corpus, CorpusInfo, find_files, require_columns

INFO = CorpusInfo(
    name="fer2013",
    title="Facial Expression Recognition 2013",
    licence="pictures found on the web, under the rights of their owners: research only",
    source="https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge "
    "(Goodfellow et al. 2013, ICONIP)",
    layout="train/<emotion>/Training_*.jpg, validation/<emotion>/PublicTest_*.jpg, test/<emotion>/PrivateTest_*.jpg (any of "
    "them, as folders or in a zip archive), or fer2013.csv or icml_face_data.csv (columns emotion, pixels, Usage)",
    groups="picture",
    modalities=("image",),
)
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # by their number in the table
SPLITS = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
COLUMNS = ("emotion", "pixels", "Usage")
SIDE_PX = 48
CACHE_VERSION = 1  # raised with every change of what is written to the cache


def read(root: Path) -> Corpus:
    """Read every split that is there; the split is told by a picture's name, the emotion by its folder.

    The table is turned into an archive of pictures once, in the user's cache folder.
    """
    pictures = _pictures(root)
    tables = [] if pictures else find_files(root, r"(fer2013|icml_face_data)\.csv")
    if tables:
        pictures = _pictures(_archive_of(tables[0]))
    if not pictures:
        raise INFO.not_found(
            root, "Training_*.jpg, PublicTest_*.jpg or PrivateTest_*.jpg in folders of emotions, or fer2013.csv"
        )
    # Two pictures of the published archive have the name of another one, in the folder of another emotion.
    rows = [
        (f"{path.parent.name}/{path.stem}", str(path), path.parent.name, SPLITS[path.name.split("_")[0]])
        for path in pictures
    ]
    samples = pd.DataFrame(rows, columns=["sample", "image", "label", "split"]).set_index("sample")
    return Corpus(INFO, check_samples(samples))


def _pictures(root: Path) -> list[Path]:
    found = find_files(root, rf"({'|'.join(SPLITS)})_\d+\.(jpg|jpeg|png|pgm|JPG|PNG)")
    return [path for path in found if path.parent.name in EMOTIONS]


def _archive_of(table: Path) -> Path:
    """Return the archive of a table's pictures, made where the cache has none; a killed writer leaves nothing behind."""
    from platformdirs import user_cache_path

    data = read_bytes(table)
    folder = user_cache_path("emofuse") / "fer2013"
    archive = folder / f"{hashlib.sha256(data).hexdigest()[:32]}-{CACHE_VERSION}.zip"
    if archive.exists():
        return archive
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".making-", dir=folder))
        try:
            with zipfile.ZipFile(staging / archive.name, "w") as pictures:
                for name, pixels in _named_pictures(data, table.name):
                    # A binary grey map (PGM of Netpbm): a header and the values.
                    pictures.writestr(zipfile.ZipInfo(name), b"P5 %d %d 255\n" % (SIDE_PX, SIDE_PX) + pixels)
            (staging / archive.name).replace(archive)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise CorpusError(
            f"fer2013: the pictures of {table.name} cannot be written to {str(folder)!r} ({error.strerror}); make room, or "
            "set XDG_CACHE_HOME to another folder"
        ) from None
    return archive


def _named_pictures(data: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the values of each row's picture, row by row: the whole table as text would take gigabytes.

    Raises
    ------
    TableError
        After the last row, naming those that are no pictures.
    """
    problems = []
    try:
        lines = csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline=""), skipinitialspace=True)
        columns = [column.strip() for column in next(lines, [])]
        require_columns(pd.DataFrame(columns=columns), COLUMNS, name)
        places = [columns.index(column) for column in COLUMNS]
        for number, line in enumerate(filter(None, lines)):
            emotion, text, usage = (line[place].strip() if place < len(line) else "" for place in places)
            pixels = _grey_values(text)
            if not (re.fullmatch("[0-6]", emotion) and usage in SPLITS):
                problems.append(
                    f"emotion 0 to 6 and Usage {list(SPLITS)} needed, got {emotion!r} and {usage!r} (row {number})"
                )
            elif pixels is None:
                problems.append(f"{SIDE_PX**2} whole numbers from 0 to 255 needed, got {text[:40]!r} (row {number})")
            else:
                yield f"{SPLITS[usage]}/{EMOTIONS[int(emotion)]}/{usage}_{number:05d}.pgm", pixels
    except (UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{name}: not a comma-separated table in UTF-8 ({error}); fetch it again") from None
    if problems:
        raise TableError([f"{name}: {problem}" for problem in problems[:20]])


def _grey_values(text: str) -> bytes | None:
    """Return the values of a picture written as numbers; None where it is none."""
    try:
        values = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        return None
    fits = len(values) == SIDE_PX**2 and values.min() >= 0 and values.max() <= 255
    return values.astype(np.uint8).tobytes() if fits else None
