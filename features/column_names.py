"""What a user may have called the columns of a sample table: found for messages, never put in place of the right name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

OTHER_NAMES = {
    "audio": ("sound", "wav", "wave", "speech", "path", "file", "filename", "file_name", "filepath", "clip"),
    "video": ("film", "movie", "mp4", "path", "file", "filename", "file_name", "filepath", "clip"),
    "image": ("picture", "photo", "face", "jpg", "png", "path", "file", "filename", "file_name", "filepath"),
    "text": ("transcript", "transcription", "utterance", "sentence", "tweet", "content", "words"),
    "label": ("emotion", "emotions", "class", "target", "category", "sentiment", "annotation", "y"),
    "group": ("speaker", "subject", "actor", "participant", "person", "speaker_id", "subject_id", "user"),
    "split": ("set", "partition", "fold", "subset"),
}


def likely_column(wanted: str, columns: Iterable[object]) -> str | None:
    """Return the column that is probably meant by a name that no column has; None where none is like it.

    Parameters
    ----------
    wanted : str
        A name that emofuse reads.
    columns : iterable of str
        The names in a table.

    Examples
    --------
    >>> likely_column("label", ["id", "Emotion", "text"])
    'Emotion'
    >>> likely_column("group", ["id", "gruop"])
    'gruop'
    """
    plain = {_plain(column): str(column) for column in columns}
    for name in (wanted, *OTHER_NAMES.get(wanted, ())):
        if name in plain:
            return plain[name]
    close = difflib.get_close_matches(wanted, list(plain), n=1, cutoff=0.75)
    return plain[close[0]] if close else None


def written_otherwise(known: Collection[str], columns: Iterable[object]) -> dict[str, str]:
    """Return each column that is a known name but for capitals, spaces or a hyphen, with the name as it is read.

    Examples
    --------
    >>> written_otherwise(("text", "start_s"), ["Text", "start s", "id"])
    {'Text': 'text', 'start s': 'start_s'}
    """
    names = [str(column) for column in columns]
    return {name: _plain(name) for name in names if name not in known and _plain(name) in set(known) - set(names)}


def _plain(column: object) -> str:
    return str(column).strip().casefold().replace(" ", "_").replace("-", "_")
