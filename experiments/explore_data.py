"""What an exploration looks at: the rows it may see, and the features of them, whatever of it can be had."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.base import FAILURE_COLUMNS, WARNING_COLUMNS
from ..features.errors import ProtocolError, StudyError, TableError
from ..features.extractors import make_extractor
from ..features.samples import media_columns
from ..features.store import FeatureStore
from ..fusion.blocks import present_rows, select_block
from .blocks import BlockTable, ProgressMaker, build_blocks
from .corpora import Corpus, CorpusInfo
from .preparation import prepare_corpus
from .protocols import ACTOR_FOLDS, make_folds, regroup
from .study import Study

MOST_MEASURED = 10_000
Rows = npt.NDArray[np.intp]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Explored:
    """A corpus as an exploration sees it.

    Attributes
    ----------
    study : Study
    info : CorpusInfo
    everything : pandas.DataFrame
        The whole sample table, of which only classes and splits are counted.
    samples : pandas.DataFrame
        The rows that may be looked at.
    held_back : str
        Which rows may not and why; empty where all may.
    measured : pandas.DataFrame
        The rows that features were measured of: all of ``samples``, or a random part of many.
    blocks : dict of str to DataFrame
        The features of ``measured``, by block; texts as the column ``utterance``.
    failures, warnings : pandas.DataFrame
        As an extraction gives them.
    notes : tuple of str
    """

    study: Study
    info: CorpusInfo
    everything: pd.DataFrame
    samples: pd.DataFrame
    held_back: str
    measured: pd.DataFrame
    blocks: dict[str, pd.DataFrame]
    failures: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FAILURE_COLUMNS, dtype=object))
    warnings: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=WARNING_COLUMNS, dtype=object))
    notes: tuple[str, ...] = ()

    @cached_property
    def classes(self) -> list[str]:
        """The classes in order."""
        return sorted(self.everything["label"].unique())

    @property
    def stamps(self) -> tuple[str, ...]:
        """Words that go with every figure."""
        found = ["synthetic data"] if self.info.synthetic else []
        return tuple(found + (["training rows only"] if self.held_back else []))

    def is_text(self, block: str) -> bool:
        """Whether a block holds the texts themselves."""
        return self.study.blocks[block].kind == "text"


def open_corpus(
    study: Study,
    corpus: Corpus,
    *,
    root: Path | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
) -> Explored:
    """Choose the rows that may be looked at and measure them.

    A block that cannot be had (its file is missing, none of its sources can be read) is left out with a note.

    Raises
    ------
    StudyError, TableError, ProtocolError
        The corpus has no labels, fewer than two classes, or none of the rows that the study trains on.
    """
    corpus = prepare_corpus(study, corpus, n_jobs=n_jobs)
    rows, held_back = training_rows(study, corpus.samples)
    samples = corpus.samples.iloc[rows]
    if samples["label"].nunique() < 2:
        raise StudyError(
            f"two classes are needed, the {len(samples)} rows that study {study.name!r} trains on are all "
            f"{samples['label'].iloc[0]!r}"
        )
    notes = list(corpus.notes)
    measured = samples
    if len(samples) > MOST_MEASURED:
        some = np.random.default_rng(study.seed).choice(len(samples), MOST_MEASURED, replace=False)
        measured = samples.iloc[np.sort(some)]
        notes.append(f"features were measured of {MOST_MEASURED} rows drawn at random out of {len(samples)}")
    # Speakers are taken out where an effect is adjusted for them; the values that are shown stay as measured.
    plain = study.model_copy(update={"speaker_normalisation": False})
    part = replace(corpus, samples=measured)
    built, left_out = _measured(plain, part, root, n_jobs, store, progress)
    blocks: dict[str, pd.DataFrame] = {}
    for table in built:
        for name in dict.fromkeys(table.X.columns.get_level_values(0)):
            blocks[str(name)] = select_block(table.X, str(name))
    notes += [note for table in built for note in table.notes] + left_out + _without_repeats(blocks)
    return Explored(
        study,
        corpus.info,
        corpus.samples,
        samples,
        held_back,
        measured,
        {name: blocks[name] for name in study.blocks if name in blocks},
        _stacked([table.failures for table in built], FAILURE_COLUMNS),
        _stacked([table.warnings for table in built], WARNING_COLUMNS),
        tuple(dict.fromkeys(notes)),
    )


def training_rows(study: Study, samples: pd.DataFrame) -> tuple[Rows, str]:
    """Return the positions of the rows that may be looked at, and what is held back.

    What one looks at, one chooses by: where a protocol sets rows aside for one test, an exploration leaves them alone.
    Under a cross-validation every row is trained on at some time, and all may be seen.
    """
    spec = study.protocol
    if spec.name == "official":
        if "split" not in samples:
            raise ProtocolError("protocol 'official' needs a column 'split'; add it or choose group_kfold")
        inside = samples["split"].isin(spec.train).to_numpy(dtype=bool)
        if not inside.any():
            there = sorted({str(name) for name in samples["split"].dropna()})
            raise ProtocolError(
                f"the study trains on the splits {list(spec.train)}, the samples have {there}; add the part that may be looked at"
            )
        others = sorted({str(name) for name in samples["split"][~inside].dropna()})
        return np.flatnonzero(inside), f"the split {' and '.join(others)}" if others else ""
    if len(ACTOR_FOLDS.get(spec.name, ())) == 1:
        fold = make_folds(regroup(samples, spec), spec, seed=study.seed)[0]
        held = sorted(set(samples["group"].iloc[fold.test]))
        return fold.train, f"{'speakers' if len(held) > 1 else 'speaker'} {', '.join(held)}"
    return np.arange(len(samples)), ""


def codes_of(values: pd.Series) -> tuple[list[str], Codes]:
    """Return the names that stand in a column, in order, and the number of each row's."""
    names, codes = np.unique(values.to_numpy(dtype=str), return_inverse=True)
    return [str(name) for name in names], codes.astype(np.intp)


def units_of(samples: pd.DataFrame) -> Codes:
    """Return a number for each row that rows of one recording share: windows of it are not independent of each other."""
    if "recording" in samples and samples["recording"].notna().all():
        return codes_of(samples["recording"])[1]
    if {"start_s", "end_s"} & set(samples):
        for column in media_columns():
            if column in samples and samples[column].notna().all():
                return codes_of(samples[column])[1]
    return np.arange(len(samples), dtype=np.intp)


def groups_of(samples: pd.DataFrame) -> Codes | None:
    """Return the number of each row's group; None where there are fewer than two."""
    if "group" not in samples or samples["group"].nunique() < 2:
        return None
    return codes_of(samples["group"])[1]


def present(block: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return in which rows a block is there."""
    found: npt.NDArray[np.bool_] = np.asarray(present_rows(block), dtype=bool)
    return found


def _measured(
    study: Study,
    corpus: Corpus,
    root: Path | None,
    n_jobs: int,
    store: FeatureStore | None,
    progress: ProgressMaker | None,
) -> tuple[list[BlockTable], list[str]]:
    """Measure all blocks at once or, where one of them spoils it, each by itself; return why some are left out."""
    try:
        return [build_blocks(study, corpus, root=root, n_jobs=n_jobs, store=store, progress=progress)], []
    except (StudyError, TableError) as error:
        if len(study.blocks) == 1:
            return _failed(study, corpus, n_jobs), [f"block {next(iter(study.blocks))!r} is left out: {error}"]
    tables, notes = [], []
    for name, spec in study.blocks.items():
        alone = study.model_copy(update={"blocks": {name: spec}})
        try:
            tables.append(build_blocks(alone, corpus, root=root, n_jobs=n_jobs, store=store, progress=progress))
        except (StudyError, TableError) as error:
            tables += _failed(alone, corpus, n_jobs)
            notes.append(f"block {name!r} is left out: {error}")
    return tables, notes


def _failed(study: Study, corpus: Corpus, n_jobs: int) -> list[BlockTable]:
    """Return why no sample of the only block of a study could be used, where it is extracted."""
    (spec,) = study.blocks.values()
    if spec.extractor in ("table", "text"):
        return []
    extractor = make_extractor(spec.extractor, spec.parameters)
    if extractor.source_column not in corpus.samples:
        return []
    extraction = extractor.extract(corpus.samples, n_jobs=n_jobs)
    empty = pd.DataFrame(columns=pd.MultiIndex.from_tuples([], names=["block", "feature"]))
    return [BlockTable(empty, {}, extraction.failures, extraction.warnings)]


def _without_repeats(blocks: dict[str, pd.DataFrame]) -> list[str]:
    """Take out blocks that hold the features of an earlier one, for another recipe; return a note of each."""
    notes = []
    names = list(blocks)
    for place, name in enumerate(names):
        same = [other for other in names[:place] if other in blocks and blocks[name].equals(blocks[other])]
        if same:
            del blocks[name]
            notes.append(f"block {name!r} holds the features of {same[0]!r}: shown once")
    return notes


def _stacked(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    filled = [table for table in tables if not table.empty]
    stacked = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns, dtype=object)
    return stacked.drop_duplicates(ignore_index=True)
