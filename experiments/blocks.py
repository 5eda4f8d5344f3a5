"""From a corpus and a study to the block table: extraction through the store, tables joined, texts as they are."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.base import FAILURE_COLUMNS, WARNING_COLUMNS, Extraction, Progress
from ..features.dialogue import context_texts
from ..features.errors import StudyError, TableError
from ..features.extractors import make_extractor
from ..features.film_extractor import FilmPictures
from ..features.speaker_statistics import Statistics, normalised_rows
from ..features.store import FeatureStore
from ..features.tables import as_block, read_feature_table
from ..fusion.blocks import join_blocks, present_rows, select_block
from .corpora import Corpus
from .study import BlockSpec, Study

Array = npt.NDArray[np.float64]
# Called with the name of a block and its number of rows; gives the callable that is told of finished rows.
ProgressMaker = Callable[[str, int], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class BlockTable:
    """The features of a study.

    Attributes
    ----------
    X : pandas.DataFrame
        The block table.
    counts : dict of str to dict
        For each extracted block, how many rows were ``extracted``, ``from_store``, ``absent`` and ``failed``.
    failures, warnings : pandas.DataFrame
    hashes : dict of str to Series
        SHA-256 of each sample's source bytes, by source column.
    notes : tuple of str
        Blocks that were left out, and why.
    speakers : dict of str to pair of ndarray of shape (n_features,)
        Mean and variance of each block before each speaker was standardised, which speakers are shrunk towards; empty where
        none was.
    """

    X: pd.DataFrame
    counts: dict[str, dict[str, int]]
    failures: pd.DataFrame
    warnings: pd.DataFrame
    hashes: dict[str, pd.Series] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    speakers: dict[str, tuple[Array, Array]] = field(default_factory=dict)


def build_blocks(
    study: Study,
    corpus: Corpus,
    *,
    root: Path | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
) -> BlockTable:
    """Extract, join and check every block of a study.

    A block whose source the corpus does not have is left out with a note; at least one must remain.
    """
    blocks: dict[str, pd.DataFrame | pd.Series] = {}
    extractions: dict[str, Extraction] = {}
    measured: dict[str, Extraction] = {}  # by fingerprint: blocks of one extractor share its extraction
    hashes: dict[str, pd.Series] = {}
    notes = []
    for name, spec in study.blocks.items():
        if spec.extractor in ("table", "text"):
            block = _ready_block(name, spec, corpus, root)
            if block is None:
                notes.append(f"block {name!r} is left out: the corpus has no {spec.table or 'text'}")
            else:
                blocks[name] = block
            continue
        extractor = make_extractor(spec.extractor, spec.parameters)
        if extractor.source_column == "image" and "image" not in corpus.samples and "video" in corpus.samples:
            extractor = FilmPictures(extractor)
            told = "the corpus has no image: single pictures of its videos are measured"
            notes += [told] if told not in notes else []
        if extractor.source_column not in corpus.samples:
            notes.append(f"block {name!r} is left out: the corpus has no {extractor.source_column}")
            continue
        fingerprint = extractor.fingerprint()
        if fingerprint in measured:
            extraction = measured[fingerprint]
        else:
            with nullcontext(None) if progress is None else progress(name, len(corpus.samples)) as notify:
                extraction = extractor.extract(corpus.samples, n_jobs=n_jobs, store=store, progress=notify)
            measured[fingerprint] = extractions[name] = extraction
            if not spec.reads_text:  # two people may say the same words; they cannot share a recording
                hashes[extractor.source_column] = extraction.hashes
        blocks[name] = _chosen(extraction.features, spec, name)
    if not blocks:
        raise StudyError(f"study {study.name!r}: none of its blocks is in the corpus ({'; '.join(notes)})")
    _check_shared_files(corpus.samples, hashes)
    speakers = {}
    if study.speaker_normalisation:
        for name, block in blocks.items():
            if isinstance(block, pd.DataFrame) and study.blocks[name].kind == "dense":
                blocks[name] = normalise_speakers(block, corpus.samples)
                overall = Statistics.of(block.to_numpy(dtype=np.float64))
                speakers[name] = (overall.mean, overall.variance)
    X = join_blocks(blocks)
    for name in blocks:
        if not present_rows(select_block(X, name)).any():
            raise TableError(f"block {name!r} is absent in every sample{_first_failure(extractions.get(name))}")
    return BlockTable(
        X,
        {name: extraction_counts(extraction) for name, extraction in extractions.items()},
        _stack([corpus.failures, *(extraction.failures for extraction in extractions.values())], FAILURE_COLUMNS),
        _stack([extraction.warnings for extraction in extractions.values()], WARNING_COLUMNS),
        hashes,
        tuple(notes),
        speakers,
    )


def normalise_speakers(block: pd.DataFrame, samples: pd.DataFrame, corpus: pd.DataFrame | None = None) -> pd.DataFrame:
    """Standardise a block by the unlabelled mean and standard deviation of each speaker (adaptive).

    The statistics are shrunk towards those of the corpus by one sample's worth, so that a speaker with a single clip
    is not sent to zero.

    Parameters
    ----------
    block : pandas.DataFrame of shape (n_samples, n_features)
    samples : pandas.DataFrame
        The sample table, with ``group``.
    corpus : pandas.DataFrame of shape (n_rows, n_features), optional
        Rows whose statistics are those of the corpus, where it is not the block itself: of a block measured from worse
        inputs, the clean one that models were trained on.

    Returns
    -------
    pandas.DataFrame of shape (n_samples, n_features), float32

    Raises
    ------
    StudyError
        The samples have no groups.
    """
    if "group" not in samples:
        raise StudyError("speaker_normalisation needs a column 'group' (speaker or subject) in the sample table")
    return _standardised(block, samples["group"], block, block if corpus is None else corpus)


def normalise_children(block: pd.DataFrame, clean: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Standardise a block of varied samples as :func:`normalise_speakers` standardises the clean one.

    Parameters
    ----------
    block, clean : pandas.DataFrame of shape (n_samples, n_features)
        The varied block, and the one whose speakers' statistics count; neither is standardised yet.
    samples : pandas.DataFrame
        The sample table, with ``group``.

    Returns
    -------
    pandas.DataFrame of shape (n_samples, n_features), float32
        A row that was not varied is that of the standardised clean block.
    """
    return _standardised(block, samples["group"], clean, clean)


def _standardised(block: pd.DataFrame, groups: pd.Series, own: pd.DataFrame, corpus: pd.DataFrame) -> pd.DataFrame:
    """Standardise the rows of each group by what ``own`` has of the group, shrunk towards the corpus."""
    values, known = block.to_numpy(dtype=np.float64), own.to_numpy(dtype=np.float64)
    overall = Statistics.of(corpus.to_numpy(dtype=np.float64))
    normalised = np.full_like(values, np.nan, dtype=np.float32)
    names = groups.to_numpy()
    for name in np.unique(names):
        rows = names == name
        normalised[rows] = normalised_rows(values[rows], Statistics.of(known[rows]), overall.mean, overall.variance)
    return pd.DataFrame(normalised, index=block.index, columns=block.columns)


def extraction_counts(extraction: Extraction) -> dict[str, int]:
    """Return the four counts of an extraction; they add up to the number of samples."""
    return {
        "extracted": extraction.n_extracted,
        "from_store": extraction.n_from_store,
        "absent": extraction.n_absent,
        "failed": extraction.n_failed,
    }


def source_table(spec: BlockSpec, corpus: Corpus, root: Path | None) -> pd.DataFrame | None:
    """Return the table that a block names: one of the corpus, or a CSV below the root; None where it is neither.

    Raises
    ------
    TableError
        The CSV cannot be read, or no row of it is a sample.
    """
    assert spec.table is not None
    if spec.table in corpus.tables:
        return corpus.tables[spec.table]
    if not spec.table.endswith(".csv"):
        return None
    path = (root or Path()) / spec.table
    table = read_feature_table(path, key=spec.key)
    if not table.index.isin(corpus.samples.index).any():
        raise TableError(f"{path.name}: no value of {spec.key!r} names a sample, such as {corpus.samples.index[0]!r}")
    return table


def _chosen(features: pd.DataFrame, spec: BlockSpec, name: str) -> pd.DataFrame:
    """Return the features that match the block's patterns, in the extractor's order."""
    if spec.columns is None:
        return features
    found = {pattern: fnmatch.filter(features.columns, pattern) for pattern in spec.columns}
    unmatched = [pattern for pattern, names in found.items() if not names]
    if unmatched:
        raise StudyError(
            f"block {name!r}: no feature of {spec.extractor!r} matches {unmatched}; they are named like "
            f"{features.columns[0]!r} and {features.columns[-1]!r}"
        )
    wanted = {feature for names in found.values() for feature in names}
    return features[[feature for feature in features.columns if feature in wanted]]


def _ready_block(name: str, spec: BlockSpec, corpus: Corpus, root: Path | None) -> pd.DataFrame | pd.Series | None:
    if spec.extractor == "text":
        if "context" in spec.parameters and "text" in corpus.samples:
            return context_texts(corpus.samples, spec.parameters["context"])
        return corpus.samples.get("text", None)
    table = source_table(spec, corpus, root)
    if table is None:
        return None
    columns = None if spec.columns is None else list(spec.columns)
    return as_block(table, corpus.samples.index, columns, name=f"block {name!r}")


def _check_shared_files(samples: pd.DataFrame, hashes: dict[str, pd.Series]) -> None:
    """Refuse one recording under two groups: whichever is right, a group-disjoint split cannot be trusted."""
    if "group" not in samples:
        return
    problems = []
    for column, series in hashes.items():
        keys = series
        for bound in ("start_s", "end_s"):
            if bound in samples:
                keys = keys + "|" + samples[bound].astype(str)
        for _, names in keys.dropna().groupby(keys).groups.items():
            groups = sorted(set(samples.loc[names, "group"]))
            if len(groups) > 1:
                problems.append(
                    f"the same {column} bytes stand in groups {groups} (samples {list(names)[:4]}); correct one"
                )
    if problems:
        raise TableError(problems[:20])


def _first_failure(extraction: Extraction | None) -> str:
    if extraction is None or extraction.failures.empty:
        return "; drop the block"
    first = extraction.failures.iloc[0]
    return f"; {len(extraction.failures)} failed, the first one {first['sample']!r}: {first['message']}"


def _stack(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    filled = [table for table in tables if not table.empty]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns, dtype=object)
