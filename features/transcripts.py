"""The words of a recording: read from a file beside it, or asked of a speech-to-text function that a study names."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from .base import FAILURE_COLUMNS
from .batch import attempt_each
from .errors import SampleError, StudyError, TableError
from .files import read_bytes
from .media import check_bounds
from .text_cleaning import decode_text

# Takes a media path and the bounds of a clip in seconds; gives the words, or None where there are none to be had.
Transcriber = Callable[[str, float | None, float | None], str | None]

SUFFIXES = (".txt", ".srt", ".vtt", ".align")
SIDECAR = "sidecar"
MAX_TRANSCRIPT_BYTES = 20 * 1024**2
GRID_UNITS_A_SECOND = 25_000  # Cooke et al. (2006), An audio-visual corpus for speech perception, JASA 120
GRID_PAUSES = ("sil", "sp")
_CUE = re.compile(r"((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})\s*-->\s*((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})(?:\s.*)?")
_TAG = re.compile(r"<[^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}")


class Transcription(NamedTuple):
    """Texts of a sample table, None where there are none, and one row for each sample that could not be transcribed."""

    texts: pd.Series
    failures: pd.DataFrame


class Words(NamedTuple):
    """Words and the time of their middle in seconds, None where the file has no times."""

    middle_s: float | None
    text: str


def transcribe(samples: pd.DataFrame, spec: str, *, column: str | None = None, n_jobs: int = 1) -> Transcription:
    """Fill in the texts that a sample table lacks; a text that is there is kept.

    Parameters
    ----------
    samples : pandas.DataFrame
        A checked sample table with ``audio`` or ``video``.
    spec : str
        What :func:`make_transcriber` takes.
    column : str, optional
        The column of media paths; by default ``audio`` where a sample has it, and ``video`` where not.
    n_jobs : int, default=1
        Threads.

    Returns
    -------
    Transcription
        ``failures`` has the columns of an extraction's failures: sample, source, code, message.

    Raises
    ------
    StudyError
        There is no such transcriber, or it lacks a package or a model.
    TableError
        No column of media.
    """
    columns = ["audio", "video"] if column is None else [column]
    columns = [name for name in columns if name in samples]
    if not columns:
        raise TableError(f"column {column or 'audio'!r} is missing; a transcript needs the recording that it is of")
    transcriber = make_transcriber(spec)
    texts = dict(zip(samples.index, samples.get("text", pd.Series(None, samples.index, dtype=object)), strict=True))
    texts = {name: text if isinstance(text, str) else None for name, text in texts.items()}
    sources = {
        name: source
        for name in samples.index
        if texts[name] is None
        for source in [next((key for key in columns if isinstance(samples.at[name, key], str)), None)]
        if source is not None
    }

    def words_of(name: str) -> str | StudyError | None:
        start, end = (_bound(samples, name, bound) for bound in ("start_s", "end_s"))
        try:
            return transcriber(str(samples.at[name, sources[name]]), start, end)
        except StudyError as error:  # no package or no model: it is no sample's fault, so it ends the batch
            return error

    failed = {}
    for name, found in attempt_each(words_of, list(sources), n_jobs):
        if isinstance(found, StudyError):
            raise found
        if isinstance(found, SampleError):
            failed[name] = (name, sources[name], found.code, str(found))
        else:
            texts[name] = found
    failures = [failed[name] for name in samples.index if name in failed]
    return Transcription(
        pd.Series(texts, dtype=object, name="text").reindex(samples.index),
        pd.DataFrame(failures, columns=FAILURE_COLUMNS, dtype=object),
    )


def make_transcriber(spec: str) -> Transcriber:
    """Return the transcriber of a name.

    Parameters
    ----------
    spec : str
        ``"sidecar"`` for transcripts beside the recordings (:func:`read_sidecar`), or ``"package.module:name"`` for a
        callable that takes a path and gives the text. Where it has parameters ``start_s`` and ``end_s`` it is given
        the bounds of clips. The module is imported, so it runs: name none that you would not run.

    Raises
    ------
    StudyError
        No module, no such name in it, or nothing that can be called.
    """
    if spec == SIDECAR:
        return read_sidecar
    module, colon, name = spec.partition(":")
    if not (colon and module and name):
        raise StudyError(f"transcript must be 'sidecar' or 'package.module:function', got {spec!r}")
    try:
        function = import_module(module)
        for part in name.split("."):
            function = getattr(function, part)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise StudyError(
            f"transcript {spec!r} cannot be imported: {error}; check the name and the Python path"
        ) from None
    if not callable(function):
        raise StudyError(f"transcript {spec!r} is no function; name one that takes a path and gives a text")
    return partial(_ask, function, spec, takes_bounds=_takes_bounds(function))


def read_sidecar(media: str, start_s: float | None = None, end_s: float | None = None) -> str | None:
    """Read the transcript beside a recording: the same name with ``.txt``, ``.srt``, ``.vtt`` or ``.align``.

    For a clip, files with times come first. None where there is no such file; raises what :func:`read_transcript`
    raises.
    """
    path = Path(media)
    is_clip = bool(start_s) or end_s is not None
    for suffix in sorted(SUFFIXES, key=lambda suffix: is_clip and suffix == ".txt"):
        try:
            return read_transcript(path.with_suffix(suffix), start_s=start_s, end_s=end_s)
        except SampleError as error:
            if error.code != "missing":
                raise
    return None


def read_transcript(path: str | os.PathLike[str], *, start_s: float | None = None, end_s: float | None = None) -> str:
    """Read the words of one transcript.

    Parameters
    ----------
    path : path
        ``.txt``: the text; ``.srt`` and ``.vtt``: subtitles; ``.align``: GRID's lines ``start end word`` in units of
        1/25000 s, pauses left out.
    start_s, end_s : float, optional
        Bounds of a clip in seconds: a word or cue whose middle lies inside belongs to it, so that neighbouring clips
        share none.

    Returns
    -------
    str
        Words parted by single spaces; empty where nothing is said.

    Raises
    ------
    SampleError
        ``missing`` and what else :func:`~.files.read_bytes` raises; ``not_text``, ``bad_transcript`` (naming the line),
        ``bad_clip``, or ``no_times`` where a clip is asked of a file without times.
    """
    path = Path(path)
    readers = {".txt": _plain, ".srt": _cues, ".vtt": _cues, ".align": _alignment}
    if path.suffix.lower() not in readers:
        raise SampleError("bad_transcript", f"a transcript ends in {', '.join(SUFFIXES)}, got {path.name!r}")
    check_bounds(start_s, end_s)
    data = _read(path)
    try:
        text = decode_text(data)
    except UnicodeDecodeError as error:
        raise SampleError("not_text", f"byte {error.start} of {path.name!r} is not UTF-8; save it as UTF-8") from None
    start, end = start_s or 0.0, float("inf") if end_s is None else end_s
    said = []
    for words in readers[path.suffix.lower()](text, path.name):
        if words.middle_s is None and (start > 0 or end_s is not None):
            raise SampleError(
                "no_times", f"{path.name!r} has no times and the sample is a clip; give .srt, .vtt or .align"
            )
        if words.middle_s is None or start <= words.middle_s < end:
            said.append(words.text)
    return " ".join(" ".join(said).split())


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path, max_bytes=MAX_TRANSCRIPT_BYTES)
    except SampleError as error:
        if error.code == "empty_file":
            return b""
        raise


def _plain(text: str, _: str) -> Iterable[Words]:
    yield Words(None, text)


def _cues(text: str, name: str) -> Iterable[Words]:
    """Read SubRip and WebVTT: a line with two times, then lines of text up to an empty one."""
    blocks = re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n").strip())
    n_cues = 0
    for block in blocks:
        lines = block.split("\n")
        times = next((match for line in lines[:2] if (match := _CUE.fullmatch(line.strip()))), None)
        if times is None:
            if "-->" in block:
                bad = next(line for line in lines if "-->" in line)
                raise SampleError(
                    "bad_transcript", f"{name!r}: {bad.strip()!r:.60} are no times; write 00:01:02,500 --> 00:01:04"
                )
            continue
        n_cues += 1
        first = next(number for number, line in enumerate(lines) if "-->" in line) + 1
        start, end = _seconds(times[1]), _seconds(times[2])
        yield Words((start + end) / 2, _TAG.sub("", " ".join(lines[first:])))
    if not n_cues and text.strip() and not text.startswith("WEBVTT"):
        raise SampleError("bad_transcript", f"{name!r} has no cue such as 00:01:02,500 --> 00:01:04,000; is it a .txt?")


def _alignment(text: str, name: str) -> Iterable[Words]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        parts = line.split()
        if len(parts) != 3 or not (parts[0].isdecimal() and parts[1].isdecimal()) or int(parts[1]) < int(parts[0]):
            raise SampleError("bad_transcript", f"{name!r} line {number}: 'start end word' is needed, got {line!r:.60}")
        if parts[2] not in GRID_PAUSES:
            yield Words((int(parts[0]) + int(parts[1])) / 2 / GRID_UNITS_A_SECOND, parts[2])


def _seconds(time: str) -> float:
    total = 0.0
    for part in time.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total


def _ask(
    function: Callable[..., object],
    spec: str,
    path: str,
    start_s: float | None,
    end_s: float | None,
    *,
    takes_bounds: bool,
) -> str | None:
    if takes_bounds:
        found = function(path, start_s=start_s, end_s=end_s)
    elif start_s or end_s is not None:
        raise SampleError(
            "no_times", f"{spec!r} takes no start_s and end_s, and the sample is a clip; cut the recording"
        )
    else:
        found = function(path)
    if found is not None and not isinstance(found, str):
        raise SampleError("not_text", f"{spec!r} must give a text or None, got {type(found).__name__}")
    return found


def _takes_bounds(function: Callable[..., object]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in callables have no signature
        return False
    return {"start_s", "end_s"} <= set(parameters)


def _bound(samples: pd.DataFrame, name: str, column: str) -> float | None:
    value: Any = samples.at[name, column] if column in samples else None
    return None if value is None or pd.isna(value) else float(value)
