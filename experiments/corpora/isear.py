"""ISEAR: situations in which some 3,000 students on five continents felt each of seven emotions, in their words."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.label_spaces import SPACES
from ...features.samples import check_samples
from .base import Corpus, CorpusInfo, find_files
from .base_text import Row, known_label, read_text, repetitions, split_rows, unique_names

INFO = CorpusInfo(
    name="isear",
    title="International Survey on Emotion Antecedents and Reactions",
    licence="CC BY-NC-SA 3.0",
    source="https://www.unige.ch/cisa/research/materials-and-online-research/research-material (Scherer and Wallbott 1994, "
    "Journal of Personality and Social Psychology 66(2))",
    layout="isear.csv, ISEAR.csv or DATA.csv: the databank's table with ID, Field1 or EMOT, MYKEY and SIT, parted by | or "
    "commas (all 42 columns in their order where they are not named), or the two columns emotion and text without names",
    groups="subject",
    modalities=("text",),
)
EMOTIONS = SPACES["isear"]  # EMOT numbers them from 1
# The databank's columns, of which copies without names are told by their number.
COLUMNS = (
    *(
        "ID",
        "CITY",
        "COUN",
        "SUBJ",
        "SEX",
        "AGE",
        "RELI",
        "PRAC",
        "FOCC",
        "MOCC",
        "FIEL",
        "EMOT",
        "WHEN",
        "LONG",
        "INTS",
    ),
    *("ERGO", "TROPHO", "TEMPER", "EXPRES", "MOVE", "EXP1", "EXP2", "EXP10", "PARAL", "CON", "EXPC", "PLEA", "PLAN"),
    *("FAIR", "CAUS", "COPING", "MORL", "SELF", "RELA", "VERBAL", "NEUTRO", "Field1", "Field3", "Field2", "MYKEY"),
    *("SIT", "STATE", ""),
)
_NO_ANSWER = re.compile(r"\W*no response\W*", re.IGNORECASE)
Answer = tuple[str | None, str, str, str]  # person, name, emotion, situation


def read(root: Path) -> Corpus:
    """Read the table; ``group`` is the person who answered, where the table tells one from another."""
    for path in find_files(root, r"(?i:isear|data)\.csv"):
        answers = list(_answers(path))
        if not answers:
            continue
        people, names, labels, texts = zip(*answers, strict=True)
        samples = pd.DataFrame({"text": texts, "label": labels}, index=pd.Index(unique_names(names), dtype=object))
        if people[0] is not None:
            samples["group"] = people
        checked = check_samples(samples)
        n_silent = sum(_NO_ANSWER.fullmatch(text) is not None for text in texts)
        notes = (f"{n_silent} situations say 'no response'; they are kept",) if n_silent else ()
        return Corpus(INFO, checked, notes=(*notes, *repetitions(checked)))
    raise INFO.not_found(root, "isear.csv, ISEAR.csv or DATA.csv with columns as published")


def _answers(path: Path) -> Iterator[Answer]:
    """Yield the answers of a table; none where it is another table of that name."""
    text = _without_code_page(read_text(path))
    bars = text.split("\n", 1)[0].count("|") >= 2
    delimiter = "|" if bars else ","
    rows = list(split_rows(io.StringIO(text, newline=""), path.name, delimiter=delimiter, quoted=not bars))
    if not rows:
        return
    first = [cell.strip() for cell in rows[0][1]]
    if "SIT" in first and {"Field1", "EMOT"} & set(first):
        yield from _databank(rows[1:], first, delimiter, path.name)
    elif bars and len(first) >= len(COLUMNS):
        yield from _databank(rows, list(COLUMNS), delimiter, path.name)
    elif len(first) in (2, 3) and path.stem.lower() == "isear":
        for number, cells in rows:
            if len(cells) < 2:
                raise TableError(f"{path.name}: line {number}: emotion and text are needed, got {cells!r:.60}")
            yield (
                None,
                f"situation-{number:05d}",
                known_label(cells[0], EMOTIONS, f"{path.name}: line {number}"),
                cells[1],
            )


def _databank(rows: list[Row], columns: list[str], delimiter: str, name: str) -> Iterator[Answer]:
    place_of = {column: place for place, column in enumerate(columns)}
    situation = place_of["SIT"]
    begun: list[str] = []
    for number, cells in rows:
        if begun:  # a situation of several lines, which bars do not enclose as quotes would
            cells = [*begun[:-1], f"{begun[-1]} {cells[0]}", *cells[1:]]
        n_more = len(cells) - len(columns)  # a situation may hold the bar that parts the columns
        begun = cells if delimiter == "|" and situation < len(cells) < len(columns) else []
        if begun:
            continue
        if n_more < 0 or (n_more and delimiter == ","):
            raise TableError(
                f"{name}: line {number}: {len(columns)} cells are needed, got {len(cells)}; correct the row"
            )
        text = delimiter.join(cells[situation : situation + n_more + 1])
        place = f"{name}: line {number}"
        label = known_label(_emotion(cells, place_of), EMOTIONS, place)
        key = cells[place_of["MYKEY"]].strip() if "MYKEY" in place_of else f"situation-{number:05d}"
        yield (cells[place_of["ID"]].strip() if "ID" in place_of else None), key, label, text
    if begun:
        raise TableError(f"{name}: the last row ends after {len(begun)} of {len(columns)} cells; fetch the table again")


def _emotion(cells: list[str], place_of: dict[str, int]) -> str:
    """Return the emotion by its number, or by its name where the table has no number."""
    if "EMOT" not in place_of:
        return cells[place_of["Field1"]]
    number = cells[place_of["EMOT"]].strip()
    return EMOTIONS[int(number) - 1] if re.fullmatch("[1-7]", number) else number


def _without_code_page(text: str) -> str:
    """Undo a reading of Windows' letters as those of DOS, in which a space that does not break is an á between spaces."""
    if " á " not in text:
        return text
    try:
        return text.encode("cp437").decode("cp1252")
    except UnicodeError:
        return text.replace(" á ", " ")
