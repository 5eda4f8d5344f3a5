"""Noise curves: the block table of a study as it would be, had one of its inputs been worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..features.degradation import DEGRADATIONS, describe_level
from ..features.degraded import Degraded
from ..features.errors import TableError
from ..features.store import FeatureStore
from ..fusion.blocks import join_blocks, present_rows, select_block
from .blocks import ProgressMaker, normalise_speakers
from .changed import Bench
from .corpora import Corpus
from .degradation_spec import DegradationSpec, affected_blocks, source_column_of
from .study import Study


@dataclass(frozen=True)
class Condition:
    """A block table of which one input was made worse by one level.

    Attributes
    ----------
    kind : str
        A name out of ``emofuse.features.degradation.DEGRADATIONS``.
    blocks : tuple of str
        The blocks that differ from the clean table.
    level : float
    unit : str
        Of the level.
    label : str
        All of this in words, such as "audio: noise, 10 dB".
    X : pandas.DataFrame
        Rows and columns of the clean table; a row that is absent there is absent here.
    notes : tuple of str
        How many rows are absent here that are present there, and why.
    """

    kind: str
    blocks: tuple[str, ...]
    level: float
    unit: str
    label: str
    X: pd.DataFrame
    notes: tuple[str, ...]


def degraded_blocks(
    study: Study,
    corpus: Corpus,
    X: pd.DataFrame,
    specs: Sequence[DegradationSpec],
    *,
    tested: pd.Index | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
) -> Iterator[Condition]:
    """Yield the block table of each degradation, column of inputs and level, one at a time, the worst level last.

    Only blocks that differ are extracted, through the same store. Models trained on clean rows are to predict the test
    rows of these tables; nothing is to be trained on them.

    Parameters
    ----------
    study : Study
    corpus : Corpus
        As it was given to :func:`~.blocks.build_blocks`.
    X : pandas.DataFrame
        The clean block table. Of a block that it lacks, because the corpus has no such input, there is no condition.
    specs : sequence of DegradationSpec
    tested : pandas.Index, optional
        Names of the samples that some fold tests: the degraded blocks of all others are left absent, which saves their
        extraction. All by default. With ``speaker_normalisation`` it should hold every clip of a test speaker.
    n_jobs, store, progress
        As of :func:`~.blocks.build_blocks`.

    Raises
    ------
    StudyError
        A degradation does not suit the study's blocks.
    TableError
        The table has other rows than the corpus.

    Notes
    -----
    With ``speaker_normalisation``, a speaker's degraded clips are standardised by the mean and spread of that speaker's
    own degraded clips, as they would be in use: whom a bad microphone records, it records always. What is mixed in of the
    corpus (one sample's worth) is that of its clean clips, as in training. Those are looked up in the store.
    """
    if not X.index.equals(corpus.samples.index):
        raise TableError("the clean block table has other rows than the corpus; build both from the same study")
    columns = {name: source_column_of(spec.extractor, spec.parameters) for name, spec in study.blocks.items()}
    wanted = np.ones(len(X), dtype=bool) if tested is None else np.asarray(X.index.isin(tested))
    bench = Bench(study, corpus.samples, X, wanted, n_jobs, store, progress)
    for spec in specs:
        for affected in affected_blocks(spec, columns).values():
            blocks = tuple(name for name in affected if name in X.columns.get_level_values(0))
            for level in sorted(spec.levels, reverse=DEGRADATIONS[spec.kind].worse == "lower") if blocks else ():
                yield _condition(bench, spec.kind, level, blocks)


def _condition(bench: Bench, kind: str, level: float, blocks: tuple[str, ...]) -> Condition:
    label = f"{' + '.join(blocks)}: {describe_level(kind, level)}"
    changed = bench.changed(blocks, lambda extractor: Degraded(extractor, kind, level), label)
    parts: dict[str, pd.DataFrame | pd.Series] = {}
    notes = []
    for name in bench.blocks:
        part = select_block(bench.X, name)
        if name in changed:
            worse = changed[name]
            part = worse.features
            if bench.study.speaker_normalisation and bench.study.blocks[name].kind == "dense":
                part = normalise_speakers(part, bench.samples, bench.clean(name))
            left = bench.X.index[present_rows(part)]
            notes += _losses(f"{label}: {name}", bench.X.index[worse.there], left, worse.codes)
        parts[name] = part["utterance"] if bench.study.blocks[name].kind == "text" else part
    return Condition(kind, blocks, level, DEGRADATIONS[kind].unit, label, join_blocks(parts), tuple(notes))


def _losses(what: str, present: pd.Index, left: pd.Index, codes: dict[str, str]) -> list[str]:
    """Return how many of the samples that were present are no longer, and why."""
    gone = present.difference(left)
    if not len(gone):
        return []
    reasons = Counter(codes.get(sample, "nothing is left") for sample in gone)
    counts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    return [f"{what} is absent in {len(gone)} of {len(present)} samples ({counts})"]
