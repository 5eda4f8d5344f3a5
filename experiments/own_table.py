"""A user's own sample table, looked over before hours of extraction: misnamed columns, two spellings of a speaker, lost files.

What the table says wrongly without being unreadable is refused here, in words of the table; that a clip is broken is found
when it is measured, and stops nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

import pandas as pd

from ..features.column_names import OTHER_NAMES, likely_column, written_otherwise
from ..features.errors import TableError
from ..features.files import is_url
from ..features.samples import media_columns
from .degradation_spec import source_column_of
from .study import DEFAULT_BLOCKS, Study

COLUMNS = ("text", "label", "group", "split", "start_s", "end_s", "recording", "dialogue", "turn", "parent")
NAMED_COLUMNS = ("group", "recording", "dialogue")
SPLITS = ("train", "validation", "test")
CLIP_NAMES = {name for column in ("audio", "video", "image") for name in OTHER_NAMES[column]}
LOOKED_AT = 100  # values of a column, to see what it holds
SHOWN = 3  # of what is wrong alike in many rows
MANY_LABELS = 20
# 1-2 read as a day, 123456789012 as a rounded number, and a text that begins with = or - as a formula.
DAY = r"\d{1,2}[-. ]{1,2}(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
MANGLED = re.compile(rf"{DAY}|\d(?:[.,]\d+)?E\+\d\d")
FORMULA_ERRORS = ("#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!")
FILMS = "mp4|m4v|mov|avi|mkv|webm|mpe?g|flv"
CLIPS = {
    column: re.compile(rf".+\.(?:{endings})", re.IGNORECASE)
    for column, endings in {
        "audio": f"wav|mp3|flac|ogg|opus|m4a|aac|{FILMS}",
        "video": FILMS,
        "image": "jpe?g|png|bmp|webp",
    }.items()
}
TEXT_FILE = re.compile(r"\S+\.(?:txt|srt|vtt)", re.IGNORECASE)


def check_own_table(samples: pd.DataFrame, name: str, study: Study | None, *, comparing: bool = True) -> None:
    """Refuse a sample table that would be read otherwise than its author thinks.

    Parameters
    ----------
    samples : pandas.DataFrame
        As :func:`~emofuse.features.samples.read_samples` gives it.
    name : str
        Of the file, for messages.
    study : Study or None
        What it is read for; the default study of such a table.
    comparing : bool, default=True
        Whether strategies are to be compared, which needs groups or splits where no study names a protocol.

    Raises
    ------
    TableError
        Naming columns or samples, what was found, and what to write in its place.
    """
    problems = [*_column_problems(samples, study), *_cell_problems(samples)]
    if not problems and study is None and comparing:
        problems = [*_label_problems(samples["label"]), *_split_problems(samples)]
    if problems:
        raise TableError([f"{name}: {problems[0]}", *problems[1:]])


def check_files(samples: pd.DataFrame, name: str, study: Study, root: str | os.PathLike[str]) -> None:
    """Refuse a table that names files which are not there, in the columns that a study reads.

    Parameters
    ----------
    samples : pandas.DataFrame
        With whole paths.
    name : str
        Of the table's file, for messages.
    study : Study
    root : path
        Folder that the table's paths start from.

    Raises
    ------
    TableError
        How many files of each column are missing, which samples name the first of them, and what to do.
    """
    if not Path(root).is_dir():
        raise TableError(f"{name}: its paths start from {str(root)!r}, which is no folder; correct --root")
    read = {source_column_of(block.extractor, block.parameters) for block in study.blocks.values()}
    problems, advice = [], ""
    for column in media_columns():
        if column not in read or column not in samples:
            continue
        paths = samples[column].dropna()
        lost = paths[[not _is_there(path) for path in paths]]
        if len(lost):
            written = [os.path.relpath(path, os.path.realpath(root)) for path in lost[:SHOWN]]
            shown = ", ".join(f"{path!r} of sample {name!r}" for path, name in zip(written, lost.index, strict=False))
            more = " …" if len(lost) > SHOWN else ""
            problems.append(
                f"column {column!r}: {len(lost)} of {len(paths)} files not found in {str(root)!r}: {shown}{more}"
            )
            advice = advice or _path_advice(lost.iloc[0], written[0], root)
    if problems:
        raise TableError([f"{name}: {problems[0]}", *problems[1:], advice])


def _column_problems(samples: pd.DataFrame, study: Study | None) -> list[str]:
    used = set() if study is None else {*(study.tasks or (study.column,)), *study.where, str(study.group)}
    columns = [column for column in samples.columns if column not in used]
    known = (*COLUMNS, *media_columns())
    wrong = written_otherwise(known, columns)
    if "ID" in samples and samples.index.str.fullmatch(r"row\d{6}").all():
        wrong["ID"] = "id"
    problems = [f"column {column!r} is not read; write it {right!r}" for column, right in wrong.items()]
    if problems or study is not None:
        return problems
    nothing = not any(column in samples for column in DEFAULT_BLOCKS)
    for column in columns:
        if column in known or not (nothing or column.casefold() in CLIP_NAMES):
            continue
        values = samples[column].dropna().astype(str).iloc[:LOOKED_AT]
        fitting = {name: values.str.fullmatch(pattern) for name, pattern in CLIPS.items()}
        if len(values) and pd.DataFrame(fitting).any(axis=1).all():
            meant = [repr(name) for name, found in fitting.items() if found.any()]
            problems.append(f"column {column!r} holds clips and is not read; call it {' or '.join(meant)}")
    text = likely_column("text", [column for column in columns if column not in known]) if nothing else None
    if text is not None and not problems:
        problems.append(f"no column holds a clip or a text; call {text!r} 'text' if it holds what is said")
    return problems


def _cell_problems(samples: pd.DataFrame) -> list[str]:
    problems = []
    for column in ("group", "recording"):
        if column in samples:
            spellings: dict[str, set[str]] = {}
            for value in samples[column].dropna().unique():
                spellings.setdefault(" ".join(str(value).split()).casefold(), set()).add(str(value))
            problems += [
                f"column {column!r} has {_listed(sorted(found))}, which differ only in spaces or capitals; write one of them"
                for found in spellings.values()
                if len(found) > 1
            ]
    if "split" in samples:
        right = {value: str(value).strip().casefold() for value in samples["split"].dropna().unique()}
        wrong = {value: plain for value, plain in right.items() if plain in SPLITS and plain != value}
        if wrong:
            problems.append(
                f"column 'split' has {_listed(wrong)}; write {_listed(wrong.values())}, in small letters and without spaces"
            )
    names = {"id": samples.index.to_series(), **{name: samples[name] for name in NAMED_COLUMNS if name in samples}}
    for column, values in names.items():
        changed = sorted({value for value in values.dropna() if MANGLED.fullmatch(str(value))})
        if changed:
            problems.append(
                f"column {column!r} has {_listed(changed)}, which a spreadsheet made of other names; give the column the "
                "type text there, write the names again and save"
            )
    for column in ("label", "text"):
        if column in samples:
            broken = samples.index[samples[column].isin(FORMULA_ERRORS)]
            if len(broken):
                problems.append(
                    f"{column} of sample {_listed(broken)} is a spreadsheet's error, {samples.at[broken[0], column]!r}; give "
                    "the column the type text there and write it again"
                )
    texts = samples["text"].dropna().iloc[:LOOKED_AT] if "text" in samples else pd.Series(dtype=object)
    if len(texts) and texts.str.fullmatch(TEXT_FILE).all():
        problems.append(
            f"column 'text' holds paths such as {texts.iloc[0]!r}, where the text itself is needed; write it there, or leave "
            'the column out and put transcript = "sidecar" into a study'
        )
    return problems


def _label_problems(labels: pd.Series) -> list[str]:
    """Return what says that labels are no classes: scores, or a name of each sample."""
    count = labels.nunique()
    if count <= max(MANY_LABELS, len(labels) / 2):
        return []
    if pd.to_numeric(labels, errors="coerce").notna().all():
        return [
            f"column 'label' has {count} numbers in {len(labels)} samples, such as {labels.iloc[0]!r}; for scores write a "
            'study with task = "regression", for classes put numbers into bins'
        ]
    return [
        f"column 'label' has {count} classes in {len(labels)} samples, such as {labels.iloc[0]!r}; is it the right one?"
    ]


def _split_problems(samples: pd.DataFrame) -> list[str]:
    """Return what keeps a default protocol from testing on people whom nothing was trained on."""
    groups = set(samples["group"]) if "group" in samples else set()
    splits = set(samples["split"].dropna()) if "split" in samples else set()
    if len(groups) > 2 or splits >= {"train", "test"}:
        return []
    got, advice = [], "add clips of more speakers, or name another protocol in a study"
    likely = likely_column("group", [column for column in samples.columns if column not in COLUMNS])
    if groups:
        got.append(f"the column 'group' has {_listed(sorted(groups))} only")
    elif likely is None:
        got.append("there is no column 'group'")
        advice = "say in it who speaks, or name another protocol in a study"
    else:
        got.append(f"there is a column {likely!r}")
        advice = f"rename {likely!r} to 'group' if it says who speaks"
    if splits:
        got.append(f"the column 'split' has {_listed(sorted(splits))}")
    return [
        "it needs a column 'group' with three speakers or more, or 'split' with train and test; "
        f"{', and '.join(got)}; {advice}"
    ]


def _is_there(path: str) -> bool:
    if is_url(path):
        return True  # found when it is read, by whoever reads it
    try:
        Path(path).stat()
    except PermissionError:
        return True  # told with the clips that cannot be read
    except (OSError, ValueError):
        return any(parent.suffix.lower() == ".zip" for parent in Path(path).parents)
    return True


def _path_advice(path: str, written: str, root: str | os.PathLike[str]) -> str:
    """Return what to do about a file that is not there."""
    if "://" in written or re.match(r"\w+:/\w", written):
        return "nothing is downloaded: fetch the files and name them by their paths, or by URLs of a store (s3://)"
    if PureWindowsPath(written).drive:
        return "paths of another machine: write them as seen from the folder of the table, such as clips/a.wav"
    if "\\" in written:
        return "write / in place of \\"
    near = _elsewhere(Path(path), Path(root))
    if near is not None:
        return f"there is {near!r}: correct the paths, or say with --root where they start from"
    return "correct the paths, say with --root where they start from, or leave the cells of clips that are lost empty"


def _elsewhere(path: Path, root: Path) -> str | None:
    """Return a file of the same name, but for capitals, beside a path or in a folder of the root; seen from the root."""
    base = Path(os.path.realpath(root))
    folders = [path.parent, base, *sorted(entry for entry in base.iterdir() if entry.is_dir())]
    for folder in dict.fromkeys(folders):
        try:
            same = [entry for entry in folder.iterdir() if entry.name.casefold() == path.name.casefold()]
        except OSError:
            continue
        if same:
            return os.path.relpath(same[0], base)
    return None


def _listed(values: Iterable[object]) -> str:
    names = [repr(str(value)) for value in values]
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
