"""What the names of samples and files tell: augmented copies and their originals, and labels written in names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.samples import media_columns
from .audit_findings import Audited, Finding, keys_across, listed

# What augmentation scripts append; a number may follow: "a17_noise", "a17-pitch_2", "a17 (1)".
CHANGES = (
    "aug augment augmented augmentation noise noisy flip flipped hflip mirror mirrored pitch pitched stretch stretched "
    "speed shift shifted rotate rotated rot crop cropped blur blurred bright dark reverb echo gain smote over dup duplicate "
    "copy copied spec mixup"
)
SUFFIX = re.compile(
    rf"(?P<base>.+?)(?:[ _.-]+(?:{'|'.join(CHANGES.split())})(?:[ _.-]*[+-]?\d+(?:\.\d+)?)?| ?\(\d+\))", re.IGNORECASE
)
TELLTALE_UAR = 0.9
FEWEST = 3  # values of a part of names that classes are told by must each recur
_PART = re.compile(r"\d+|[^\W\d_]+")


def original_of(names: Iterable[str]) -> dict[str, str]:
    """Return for each name that is another of the names plus the suffix of a changed copy, that other one.

    Examples
    --------
    >>> original_of(["a17", "a17_noise", "a17_pitch_2", "a17_noise_flip", "a17 (1)", "b_copy", "a17_2"])
    {'a17_noise': 'a17', 'a17_pitch_2': 'a17', 'a17_noise_flip': 'a17_noise', 'a17 (1)': 'a17'}
    """
    known = dict.fromkeys(names)
    found = {}
    for name in known:
        match = SUFFIX.fullmatch(name)
        while match and match["base"] not in known:
            match = SUFFIX.fullmatch(match["base"])
        if match:
            found[name] = match["base"]
    return found


def families(samples: pd.DataFrame) -> tuple[pd.Series, npt.NDArray[np.bool_], str] | None:
    """Return what each sample was made from, whether it was made from another, and by what that is known.

    The column ``parent`` counts first: it names the sample, or whatever else, that a sample was made from. Without it,
    names of samples do, then names of files. None where no sample is a copy.
    """
    columns = {"the column parent": samples["parent"].dropna().astype(str)} if "parent" in samples else {}
    names = {"their names": samples.index.to_series()}
    for column in media_columns():
        if column in samples:
            stems = samples[column].dropna().map(lambda path: PurePath(path).stem)
            names[f"the names of their {column} files"] = stems[~stems.duplicated(keep=False)]
    for known_by, known in names.items():
        originals = original_of(known)
        made_from = known.map(originals).dropna()
        places = pd.Series(known.index, index=known)
        columns.setdefault(known_by, made_from.map(places))
    for known_by, parents in columns.items():
        if len(parents):
            table = {str(name): str(parent) for name, parent in parents.items()}
            roots = pd.Series([_root(str(name), table) for name in samples.index], index=samples.index, dtype=object)
            return roots, samples.index.isin(parents.index), known_by
    return None


def augmented(audited: Audited) -> list[Finding]:
    """Return what is to be said of changed copies of samples: whether they are parted from their originals."""
    samples = audited.samples
    found = families(samples)
    if found is None:
        return []
    roots, made, known_by = found
    copies = samples.index[made]
    what = f"{len(copies)} of {len(samples)} samples were made from others, by {known_by}"
    across = keys_across(roots, audited.folds)
    if across:
        told = across.told(samples.index, "have their original, or another copy of it, in training")
        message = f"{what}; {told}: give a copy its original's group, or augment inside the training side only"
        return [Finding(audited.leak, "augmented_copies", listed(copies), message, True)]
    message = f"{what}; all are on their originals' side of every fold, yet tested on: drop them from the test"
    return [Finding("warning", "augmented_copies", listed(copies), message, True)]


def telling_names(audited: Audited) -> list[Finding]:
    """Return a note where a part of the samples' or files' names tells the label: harmless until it becomes a feature."""
    samples = audited.samples
    for kind, names in _names(samples).items():
        for place, part in _parts(names).items():
            uar = told_by(part, samples)
            if uar >= TELLTALE_UAR:
                example = names.iloc[0]
                message = (
                    f"part {place + 1} of names such as {example!r} tells the label of unseen groups (UAR {uar:.3f}): "
                    "harmless, as names are no features; make none of them"
                )
                return [Finding("note", "telling_names", kind, message, False)]
    return []


def told_by(part: pd.Series, samples: pd.DataFrame) -> float:
    """Return the UAR of naming, for each value, the commonest label that other groups (or other rows) have with it."""
    labels = samples["label"].to_numpy(dtype=str)
    groups = samples["group"].to_numpy(dtype=str) if "group" in samples else np.arange(len(labels)) % 5
    folds = pd.factorize(groups)[0] % 5
    if len(np.unique(folds)) < 2:
        return 0.0
    right = np.zeros(len(labels), dtype=bool)
    for fold in np.unique(folds):
        train = pd.DataFrame({"part": part.to_numpy()[folds != fold], "label": labels[folds != fold]})
        table = pd.crosstab(train["part"], train["label"])
        named = table.idxmax(axis=1)[table.sum(axis=1) >= FEWEST]
        test = folds == fold
        right[test] = part[test].map(named).to_numpy(dtype=object) == labels[test]
    return float(pd.Series(right).groupby(labels).mean().mean())


def _names(samples: pd.DataFrame) -> dict[str, pd.Series]:
    names = {"names of samples": samples.index.to_series()}
    for column in media_columns():
        if column in samples and samples[column].notna().all():
            names[f"{column} files"] = samples[column].map(lambda path: "/".join(PurePath(path).parts[-2:]))
    return names


def _parts(names: pd.Series) -> dict[int, pd.Series]:
    """Return the words and numbers that names are made of, by place, where neither one value nor a value a row."""
    split = names.map(_PART.findall)
    found = {}
    for place in range(int(split.map(len).min())):
        part = split.map(lambda pieces, place=place: pieces[place])
        if 1 < part.nunique() <= len(part) / FEWEST:
            found[place] = part
    return found


def _root(name: str, parents: dict[str, str]) -> str:
    """Return the first ancestor; a ring of parents ends where it began."""
    seen = {name}
    while name in parents and parents[name] not in seen:
        name = parents[name]
        seen.add(name)
    return min(seen) if name in parents else name
