"""What a person asks for on the command line, as clips: options, files, folders, lines of text, or a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..features.errors import PredictionError
from .answer import Answer
from .extraction import CONTEXT
from .predictor import Model

AUDIO = frozenset((".aac", ".aif", ".aiff", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma"))
VIDEO = frozenset((".3gp", ".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv"))
IMAGE = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
EEG = frozenset((".bdf", ".edf", ".fif"))
TABLES = ("eeg", "physiology", "openface")  # what a CSV may be, the first that the model reads
STDIN = "-"


@dataclass(frozen=True)
class Request:
    """What is to be answered.

    Attributes
    ----------
    clips : tuple of (str, dict)
        A name, and what :meth:`~emofuse.inference.predictor.Model.predict` takes.
    single : bool
        Whether one clip was asked for, by options, and is shown in full.
    """

    clips: tuple[tuple[str, dict[str, Any]], ...]
    single: bool


def read_request(
    model: Model,
    options: Mapping[str, Any],
    paths: Sequence[str] = (),
    *,
    csv: Path | None = None,
    root: Path | None = None,
) -> Request:
    """Return the clips that are asked for.

    Parameters
    ----------
    model : Model
    options : mapping of str to object
        Of one clip: ``audio``, ``text`` …, None where not given.
    paths : sequence of str
        Files, folders of files, or ``-`` for lines of text on standard input.
    csv, root : path, optional
        A sample table, and where its paths begin.

    Raises
    ------
    PredictionError
        Nothing was asked for, or in two ways at once; a file that the model cannot be asked about.
    TableError
        The sample table has bad rows.
    """
    given = {name: value for name, value in options.items() if value is not None}
    bounds = {name: given.pop(name) for name in ("start_s", "end_s") if name in given}
    if sum(map(bool, (given, paths, csv))) != 1:
        asked = "nothing" if not (given or paths or csv) else "several of them"
        raise PredictionError(f"give one clip by options such as --audio, or files, or --csv TABLE; got {asked}")
    if given:
        return Request((("clip", given | bounds),), True)
    if csv is not None:
        return Request(tuple(_table_clips(model, csv, root)), False)
    return Request(tuple((name, clip | bounds) for name, clip in _file_clips(model, paths)), False)


def answer_request(
    model: Model,
    request: Request,
    *,
    speaker: Any = None,
    budget_ms: float | None = None,
    showing: Callable[[str, int], AbstractContextManager[Callable[[int], None]]],
) -> list[tuple[str, Answer]]:
    """Answer every clip of a request; a single one that cannot be used raises, others say so in their warnings.

    Raises
    ------
    PredictionError
        The single clip cannot be used, or the model cannot be asked about it.
    """
    answered = []
    with showing("predicting", len(request.clips)) as advance:
        for name, clip in request.clips:
            try:
                answer = model.predict(**clip, speaker=speaker, budget_ms=budget_ms, explain=request.single)
            except PredictionError as error:
                if request.single:
                    raise
                answer = model.unanswered(str(error))
            if request.single and not any(said.present for said in answer.modalities.values()):
                reasons = [
                    f"{key}: {said.reason}" for key, said in answer.modalities.items() if said.reason != "not given"
                ]
                raise PredictionError(f"nothing of the clip can be used; {'; '.join(reasons)}")
            answered.append((name, answer))
            advance(1)
    return answered


def recording_of(live: str | None, audio: Path | None, video: Path | None) -> str | Path:
    """Return the one recording or device that is to be answered along.

    Raises
    ------
    PredictionError
        None is given, or several.
    """
    given = [source for source in (live, audio, video) if source is not None]
    if len(given) != 1:
        got = " and ".join(map(str, given)) or "none"
        raise PredictionError(f"a timeline needs one recording: --video (with its sound), --audio or --live; got {got}")
    return given[0]


def clip_of(model: Model, path: Path) -> dict[str, Any]:
    """Return what a file is to a model, by the end of its name.

    Raises
    ------
    PredictionError
        The end of its name is not known, or the model does not read its kind.
    """
    suffix = path.suffix.lower()
    reads = set(model.modalities)
    if suffix in AUDIO:
        source = "audio"
    elif suffix in VIDEO:
        source = "video"
    elif suffix in IMAGE:
        source = "image"
    elif suffix in EEG:
        source = "eeg"
    elif suffix == ".txt":
        source = "text"
    elif suffix == ".csv":
        source = next((name for name in TABLES if name in reads), "eeg")
    else:
        known = sorted(AUDIO | VIDEO | IMAGE | EEG | {".txt", ".csv"})
        raise PredictionError(f"{path.name!r} is no clip by its name; it should end in one of {', '.join(known)}")
    if source not in reads and not (source == "video" and reads & {"audio", "image"}):
        raise PredictionError(f"{path.name!r} is {source}; the model reads {', '.join(model.modalities)}")
    return {source: path.read_bytes() if source == "text" else path}


def _file_clips(model: Model, paths: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in paths:
        path = Path(item)
        if item == STDIN:
            if "text" not in model.modalities:
                raise PredictionError(f"lines of text are given; the model reads {', '.join(model.modalities)}")
            lines = [(f"line {number}", line.strip()) for number, line in enumerate(sys.stdin, start=1)]
            if not any(line for _, line in lines):
                raise PredictionError("no line of text on standard input; pipe some into it")
            yield from ((name, {"text": line}) for name, line in lines if line)
        elif path.is_dir():
            found = list(_in_folder(model, path))
            if not found:
                raise PredictionError(f"folder {str(path)!r} has no clip that the model reads; give files")
            yield from found
        elif path.is_file():
            yield path.name, clip_of(model, path)
        else:
            raise PredictionError(f"no file or folder {str(path)!r}; check its name")


def _in_folder(model: Model, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the clips below a folder in the order of their names; files of other kinds are passed over."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            try:
                clip = clip_of(model, path)
            except PredictionError:
                continue
            yield path.relative_to(folder).as_posix(), clip


def _table_clips(model: Model, path: Path, root: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    from ..features.samples import read_samples

    table = read_samples(path, root=root, require_label=False)
    known = {*model.modalities, "video", "start_s", "end_s", CONTEXT}
    if not any(name in known or "/" in str(name) for name in table.columns):
        raise PredictionError(
            f"{path.name!r} has the columns {list(table.columns)}; the model reads {', '.join(model.modalities)}"
        )
    yield from zip(table.index, model.clips_of(table), strict=True)
