"""Protocols: how samples are split, and the proof that a split does not leak."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

from ..features.errors import ProtocolError
from ..features.text_cleaning import clean_text

Name = Literal["luna5", "emobox6", "actors_21_24", "loso", "loro", "blocked", "group_kfold", "official", "random"]
Rows = npt.NDArray[np.intp]

# Folds by actor number of RAVDESS. luna5: Luna-Jimenez et al. (2022), Applied Sciences 12(1);
# emobox6: Ma et al. (2024), EmoBox, Interspeech; actors_21_24: the split of the two-stream system, seven classes.
ACTOR_FOLDS: dict[str, tuple[tuple[int, ...], ...]] = {
    "luna5": (
        (2, 5, 14, 15, 16),
        (3, 6, 7, 13, 18),
        (10, 11, 12, 19, 20),
        (8, 17, 21, 23, 24),
        (1, 4, 9, 22),
    ),
    "emobox6": (
        (1, 11, 20, 21),
        (4, 10, 12, 14),
        (8, 9, 19, 23),
        (3, 5, 7, 24),
        (2, 15, 16, 18),
        (6, 13, 17, 22),
    ),
    "actors_21_24": ((21, 22, 23, 24),),
}
DRAWN = ("group_kfold", "random")  # the protocols whose folds are drawn by lot
DROPPED_LABELS: dict[str, tuple[str, ...]] = {"actors_21_24": ("neutral",)}


class ProtocolSpec(BaseModel):
    """The ``[protocol]`` table of a study."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="how samples are split")
    n_folds: int = Field(5, ge=2, description="folds of group_kfold, random and blocked")
    repeats: int = Field(1, ge=1, description="how often the folds of group_kfold and random are drawn anew")
    train: tuple[str, ...] = Field(("train",), description="splits that official trains on")
    test: str = Field("test", description="split that official tests on")
    purge_s: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="blocked: training windows this near to a test window are dropped"
    )
    leaky: bool = Field(False, description="run although the split leaks, and stamp every number as leaky")

    @property
    def groups(self) -> str | None:
        """What is held together in place of speaker or subject, if anything."""
        return {"loro": "recording", "blocked": "block"}.get(self.name)

    @model_validator(mode="after")
    def _check_repeats(self) -> ProtocolSpec:
        if self.repeats > 1 and self.name not in DRAWN:
            raise ValueError(f"{self.name!r} has one split only; repeats = {self.repeats} needs {' or '.join(DRAWN)}")
        return self


@dataclass(frozen=True)
class Fold:
    """One split: positions of training and test rows; ``purged`` where both sides are clips of the same files by design.

    The second fold of the third of several repeats is called ``3.2``.
    """

    name: str
    train: Rows
    test: Rows
    purged: bool = False


def regroup(samples: pd.DataFrame, spec: ProtocolSpec) -> pd.DataFrame:
    """Return the samples with, as their group, what the protocol holds together.

    ``loro`` leaves one recording out: the group is the column ``recording``, and a subject may be on both sides.
    ``blocked`` cuts every recording into ``n_folds`` stretches of time, each a group; both sides share recordings.

    Raises
    ------
    ProtocolError
        The table lacks ``recording``, or ``start_s`` and ``end_s``.
    """
    needed = {"loro": ["recording"], "blocked": ["recording", "start_s", "end_s"]}.get(spec.name, [])
    missing = [column for column in needed if column not in samples or samples[column].isna().any()]
    if missing:
        raise ProtocolError(f"protocol {spec.name!r} needs the columns {missing} for every sample; add them")
    if spec.name == "loro":
        return samples.assign(group=samples["recording"])
    if spec.name == "blocked":
        middle = (samples["start_s"] + samples["end_s"]) / 2
        begin, end = (samples.groupby("recording")[column] for column in ("start_s", "end_s"))
        share = (middle - begin.transform("min")) / (end.transform("max") - begin.transform("min"))
        block = np.minimum((share * spec.n_folds).astype(int), spec.n_folds - 1)
        return samples.assign(group=samples["recording"] + "/" + (block + 1).astype(str))
    return samples


def make_folds(samples: pd.DataFrame, spec: ProtocolSpec, *, seed: int = 0) -> list[Fold]:
    """Split a sample table as a protocol says.

    Parameters
    ----------
    samples : pandas.DataFrame
        Checked, and as :func:`regroup` gives it; ``group`` is needed by every protocol but ``official`` and ``random``,
        ``split`` by ``official``.
    spec : ProtocolSpec
    seed : int
        Of ``group_kfold`` and ``random``; each repeat takes the next one.

    Returns
    -------
    list of Fold

    Raises
    ------
    ProtocolError
        The table lacks what the protocol needs: a split, groups, or enough of them to train on two in each fold.
    """
    if spec.repeats > 1:
        return [
            replace(fold, name=f"{number + 1}.{fold.name}")
            for number in range(spec.repeats)
            for fold in make_folds(samples, spec.model_copy(update={"repeats": 1}), seed=seed + number)
        ]
    if spec.name in ("official", "random"):
        folds = _official(samples, spec) if spec.name == "official" else _random(samples, spec, seed)
    else:
        if "group" not in samples:
            raise ProtocolError(f"protocol {spec.name!r} needs a column 'group' (speaker or subject); add it")
        groups = samples["group"].to_numpy()
        n_groups = len(np.unique(groups))
        if n_groups < 2:
            raise ProtocolError(f"protocol {spec.name!r} needs two groups, got {n_groups}; nothing could be held out")
        if spec.name == "blocked":
            folds = _blocked(samples, spec)
        elif spec.name in ("loso", "loro"):
            folds = [
                Fold(str(group), np.flatnonzero(groups != group), np.flatnonzero(groups == group))
                for group in np.unique(groups)
            ]
        elif spec.name == "group_kfold":
            folds = _group_kfold(samples, groups, n_groups, spec, seed)
        else:
            folds = _actors(spec.name, groups)
    _check_training_groups(samples, folds, spec)
    return folds


def find_leaks(
    samples: pd.DataFrame, folds: list[Fold], *, hashes: Mapping[str, pd.Series], use_text: bool
) -> list[str]:
    """Return one line for each kind of thing that stands on both sides of a fold; none means that nothing leaks.

    Parameters
    ----------
    samples : pandas.DataFrame
    folds : list of Fold
    hashes : mapping of str to Series
        SHA-256 of the source bytes of each sample, by modality.
    use_text : bool
        Whether texts are used, so that a repeated one leaks.
    """
    keys: dict[str, pd.Series] = {}
    if "group" in samples:
        keys["group"] = samples["group"]
    if not any(fold.purged for fold in folds):
        keys |= {f"the bytes of an {name} file": series for name, series in hashes.items()}
    if use_text and "text" in samples:
        keys["text"] = samples["text"].map(text_key, na_action="ignore")
    leaks = []
    for kind, series in keys.items():
        values = series.reindex(samples.index).to_numpy(dtype=object)
        known = ~pd.isna(values)
        for fold in folds:
            train = set(values[fold.train][known[fold.train]])
            shared = [row for row in fold.test if known[row] and values[row] in train]
            if shared:
                example = samples.index[shared[0]]
                other = next(
                    samples.index[row] for row in fold.train if known[row] and values[row] == values[shared[0]]
                )
                leaks.append(
                    f"fold {fold.name!r}: {len(shared)} of {len(fold.test)} test samples share {kind} with training "
                    f"(such as {example!r} with {other!r})"
                )
                break
    return leaks


def check_leaks(leaks: list[str], spec: ProtocolSpec) -> bool:
    """Return whether numbers under this split must be stamped leaky; refuse a leak the study does not own up to."""
    if leaks and not (spec.leaky or spec.name == "random"):
        raise ProtocolError(
            f"protocol {spec.name!r} would leak: {'; '.join(leaks)}. Split otherwise, leave out what repeats, or own up to it "
            "with leaky = true under [protocol] (--leaky): every number is then stamped leaky"
        )
    return bool(leaks) or spec.leaky or spec.name == "random"


def _check_training_groups(samples: pd.DataFrame, folds: list[Fold], spec: ProtocolSpec) -> None:
    """Refuse a fold in which no group could be held out of training: calibration and stacking would have nothing."""
    for fold in folds if "group" in samples else []:
        groups = samples["group"].iloc[fold.train].unique()
        if len(groups) < 2:
            raise ProtocolError(
                f"protocol {spec.name!r}: fold {fold.name!r} trains on {len(groups)} group ({', '.join(groups)}); "
                "two are needed, as experts are judged on a group held out of training; add speakers"
            )


def text_key(text: str) -> str | None:
    """Return what two texts share that count as the same one; None for an empty text."""
    return clean_text(text).casefold() or None


def _official(samples: pd.DataFrame, spec: ProtocolSpec) -> list[Fold]:
    if "split" not in samples:
        raise ProtocolError("protocol 'official' needs a column 'split'; add it or choose group_kfold")
    split = samples["split"].to_numpy()
    there = sorted({str(name) for name in split if name is not None})
    missing = [name for name in (*spec.train, spec.test) if name not in there]
    if missing:
        raise ProtocolError(f"protocol 'official' needs the splits {missing}, the samples have {there}")
    return [Fold(spec.test, np.flatnonzero(np.isin(split, spec.train)), np.flatnonzero(split == spec.test))]


def _blocked(samples: pd.DataFrame, spec: ProtocolSpec) -> list[Fold]:
    """Test one stretch of every recording at a time; drop training windows that overlap or touch a test window."""
    block = samples["group"].str.rsplit("/", n=1).str[1].astype(int).to_numpy()
    recording = samples["recording"].to_numpy()
    start, end = samples["start_s"].to_numpy(), samples["end_s"].to_numpy()
    folds = []
    for number in range(1, spec.n_folds + 1):
        test = block == number
        purged = np.zeros(len(samples), dtype=bool)
        for name in np.unique(recording[test]):
            held = test & (recording == name)
            inside = recording == name
            near_start = start[:, None] < end[held][None] + spec.purge_s
            near_end = end[:, None] > start[held][None] - spec.purge_s
            purged |= inside & (near_start & near_end).any(axis=1)
        if test.any():
            folds.append(Fold(str(number), np.flatnonzero(~test & ~purged), np.flatnonzero(test), purged=True))
    return folds


def _random(samples: pd.DataFrame, spec: ProtocolSpec, seed: int) -> list[Fold]:
    smallest = samples["label"].value_counts()
    if smallest.iloc[-1] < spec.n_folds:
        raise ProtocolError(
            f"protocol 'random' needs {spec.n_folds} samples of each class, {smallest.index[-1]!r} has {smallest.iloc[-1]}"
        )
    splitter = StratifiedKFold(spec.n_folds, shuffle=True, random_state=seed)
    return _numbered(splitter.split(samples, samples["label"]))


def _group_kfold(
    samples: pd.DataFrame, groups: npt.NDArray[Any], n_groups: int, spec: ProtocolSpec, seed: int
) -> list[Fold]:
    if n_groups < spec.n_folds:
        raise ProtocolError(
            f"protocol 'group_kfold' needs {spec.n_folds} groups for {spec.n_folds} folds, got {n_groups}; lower n_folds"
        )
    smallest = samples["label"].value_counts().min()
    kind: Any = StratifiedGroupKFold if smallest >= spec.n_folds else GroupKFold
    return _numbered(kind(spec.n_folds, shuffle=True, random_state=seed).split(samples, samples["label"], groups))


def _actors(name: str, groups: npt.NDArray[Any]) -> list[Fold]:
    numbers = []
    for group in groups:
        found = re.fullmatch(r"(?:Actor_)?(\d{1,2})", str(group))
        if found is None or not 1 <= int(found.group(1)) <= 24:
            raise ProtocolError(
                f"protocol {name!r} splits the actors 1 to 24 of RAVDESS; group {group!r} is none of them"
            )
        numbers.append(int(found.group(1)))
    actors = np.array(numbers)
    folds = []
    for number, held_out in enumerate(ACTOR_FOLDS[name], start=1):
        inside = np.isin(actors, held_out)
        if inside.any() and not inside.all():
            folds.append(Fold(str(number), np.flatnonzero(~inside), np.flatnonzero(inside)))
    if not folds:
        raise ProtocolError(f"protocol {name!r} finds none of its test actors in the samples")
    return folds


def _numbered(splits: Any) -> list[Fold]:
    return [Fold(str(number), train, test) for number, (train, test) in enumerate(splits, start=1)]
