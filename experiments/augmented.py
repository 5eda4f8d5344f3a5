"""Children of a study's samples: varied copies, measured through the same store, that training rows are joined by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ..features.degraded import Augmented
from ..features.errors import TableError
from ..features.store import FeatureStore
from ..fusion.blocks import join_blocks, present_rows, select_block
from ..fusion.preparation import Children
from .augmentation_spec import AugmentationSpec
from .blocks import ProgressMaker, normalise_children
from .changed import Bench, ChangedBlock
from .corpora import Corpus
from .degradation_spec import affected_blocks, source_column_of
from .study import Study


@dataclass(frozen=True)
class Augmentation:
    """The children of a study.

    Attributes
    ----------
    children : Children or None
        None where there is not one.
    kinds : dict of str to int
        How many there are of each kind.
    notes : tuple of str
        How many there are, and how many could not be made.
    """

    children: Children | None = None
    kinds: dict[str, int] | None = None
    notes: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """Return ``augmentation`` of ``results.json``."""
        kinds = self.kinds or {}
        return {"n_children": sum(kinds.values()), "kinds": kinds}


def make_children(
    study: Study,
    corpus: Corpus,
    X: pd.DataFrame,
    *,
    trained: pd.Index | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
) -> Augmentation:
    """Make the children that a study's ``augmentations`` ask for.

    Parameters
    ----------
    study : Study
    corpus : Corpus
        As it was given to :func:`~.blocks.build_blocks`.
    X : pandas.DataFrame
        The clean block table.
    trained : pandas.Index, optional
        Names of the samples that some fold trains on: no other one has children. All by default.
    n_jobs, store, progress
        As of :func:`~.blocks.build_blocks`.

    Returns
    -------
    Augmentation
        A sample whose source is absent, or of which nothing can be measured once it is varied, has no child of that kind.

    Raises
    ------
    StudyError
        An augmentation does not suit the study's blocks.
    TableError
        The table has other rows than the corpus.

    Notes
    -----
    With ``speaker_normalisation``, children are standardised by the mean and spread of their speaker's clean clips.
    """
    if not study.augmentations:
        return Augmentation()
    if not X.index.equals(corpus.samples.index):
        raise TableError("the clean block table has other rows than the corpus; build both from the same study")
    columns = {name: source_column_of(spec.extractor, spec.parameters) for name, spec in study.blocks.items()}
    wanted = np.ones(len(X), dtype=bool) if trained is None else np.asarray(X.index.isin(trained))
    bench = Bench(study, corpus.samples, X, wanted, n_jobs, store, progress)
    made: list[Children] = []
    kinds: Counter[str] = Counter()
    notes = []
    for spec in study.augmentations:
        for column, affected in affected_blocks(spec, columns).items():
            blocks = tuple(name for name in affected if name in bench.blocks)
            for number in range(1, spec.copies + 1) if blocks else ():
                children, failed = _children(bench, spec, column, blocks, number)
                made.append(children)
                kinds[spec.kind] += len(children)
                if failed:
                    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(failed.items()))
                    notes.append(f"{' + '.join(blocks)}: {spec.kind} {number} could not be made of {reasons}")
    counts = ", ".join(f"{kind} {count}" for kind, count in kinds.items() if count)
    if counts:
        notes.insert(0, f"training rows are joined by varied copies of themselves ({counts}); no fold is tested on one")
    joined = _joined(made)
    return Augmentation(joined, {kind: count for kind, count in kinds.items() if count}, tuple(notes))


def _children(
    bench: Bench, spec: AugmentationSpec, column: str, blocks: tuple[str, ...], number: int
) -> tuple[Children, Counter[str]]:
    """Return one child of each wanted sample, and why some have none."""
    vary = partial(Augmented, kind=spec.kind, between=spec.levels, number=number, seed=bench.study.seed)
    changed = bench.changed(blocks, lambda extractor: vary(extractor), f"{' + '.join(blocks)}: {spec.kind} {number}")
    had = np.any([block.there for block in changed.values()], axis=0)
    whole = np.all([present_rows(block.features) | ~block.there for block in changed.values()], axis=0)
    codes: dict[str, str] = {}
    for block in changed.values():
        codes |= block.codes
    failed = Counter(codes.get(name, "nothing is left") for name in bench.X.index[had & ~whole])
    rows = np.flatnonzero(had & whole)
    parents = bench.X.index[rows]
    names = pd.Index([f"{parent} {spec.kind} {column} {number}" for parent in parents], dtype=object)
    parts: dict[str, pd.DataFrame | pd.Series] = {}
    for name in bench.blocks:
        whole_part = _as_clean(bench, name, changed[name]) if name in changed else select_block(bench.X, name)
        part = whole_part.iloc[rows].set_axis(names)
        parts[name] = part["utterance"] if bench.study.blocks[name].kind == "text" else part
    there = np.stack([changed[name].there[rows] for name in blocks], axis=1)
    varied = tuple(tuple(name for name, own in zip(blocks, row, strict=True) if own) for row in there)
    X = join_blocks(parts) if len(rows) else bench.X.iloc[:0]
    return Children(X, parents.to_numpy(), varied), failed


def _as_clean(bench: Bench, name: str, changed: ChangedBlock) -> pd.DataFrame:
    """Return a varied block on the scale of the clean one."""
    if not bench.study.speaker_normalisation or bench.study.blocks[name].kind != "dense":
        return changed.features
    return normalise_children(changed.features, bench.clean(name), bench.samples)


def _joined(made: Sequence[Children]) -> Children | None:
    made = [children for children in made if len(children)]
    if not made:
        return None
    return Children(
        pd.concat([children.X for children in made]),
        np.concatenate([children.parents for children in made]),
        tuple(varied for children in made for varied in children.varied),
    )
