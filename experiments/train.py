"""Train what a study comes to: the strategy that it chooses, fitted on every row it may use, and how good that way is.

The figures that go with a model are those of its making, repeated under the study's protocol: in each fold the strategy is
chosen anew on training rows and asked about test rows. What is then fitted on all rows is not measured again, as nothing is
left to measure it on.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from ..features.drift import Reference, text_rows
from ..features.errors import EmofuseWarning, StudyError
from ..features.store import FeatureStore
from ..fusion.blocks import select_block
from ..fusion.early import EarlyFusion
from ..fusion.late import LateFusion
from .answers import BEST_SINGLE, CHOSEN_FROM, SELECTED, SELECTED_EARLY, SELECTED_LATE, turns_for
from .augmentation_spec import augmentations_within
from .augmented import make_children
from .blocks import Array, ProgressMaker
from .combine import choose_strategy
from .compare import RowKey, early_kinds
from .conditions import Conditions, modalities_of
from .corpora import Corpus
from .degradation_spec import source_column_of
from .digests import group_digests, listed, source_digests
from .estimators import make_strategy
from .fitting import fit_folds
from .preparation import chosen_samples
from .protocols import Fold, ProtocolSpec, regroup
from .run import Run, run_study
from .strategies import CHOSEN, CONTEXTS, CONTROLS, FUSIONS, HYBRID_RULES, LATE_RULES, SINGLES
from .study import Family, Study
from .tasks import check_trainable
from .tuning import drawn_study
from .validation import validation_of
from .verdict import DIGITS, row_label


@dataclass(frozen=True)
class Trained:
    """A fitted model, and what a user must know of it.

    Attributes
    ----------
    fusion : EarlyFusion or LateFusion
        Fitted; ``HybridFusion`` is a late fusion.
    strategy, family : str
        ``unimodal``, where it is a single modality.
    blocks : tuple of str
    study : Study
        The study in which there is nothing left to choose: training it once more makes the same model.
    corpus : dict
        Name, title, licence, source and what its groups are.
    features : dict of str to tuple of str
        The columns of each block, in order.
    validation : dict
        How good this way of making a model is on people it has not seen, and what was measured.
    training : dict
        What it was trained on: counts, and digests of groups and sources.
    speakers : dict of str to pair of ndarray of shape (n_features,)
        Mean and variance of each block that was standardised by speaker, before it was.
    references : dict of str to Reference
        How each block was spread over the rows it was trained on.
    notes : tuple of str
    """

    fusion: EarlyFusion | LateFusion
    strategy: str
    family: Family
    blocks: tuple[str, ...]
    study: Study
    corpus: dict[str, Any]
    features: dict[str, tuple[str, ...]]
    validation: dict[str, Any]
    training: dict[str, Any]
    speakers: dict[str, tuple[Array, Array]]
    references: dict[str, Reference]
    notes: tuple[str, ...]


def train_study(
    study: Study,
    corpus: Corpus,
    *,
    strategy: str | None = None,
    root: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    hold_out: Sequence[str] = (),
    run: Run | None = None,
    progress: ProgressMaker | None = None,
    on_task: Callable[[int, int], None] | None = None,
) -> Trained:
    """Validate a study's way of choosing a model, then choose one and fit it on every row that may be used.

    Parameters
    ----------
    study : Study
    corpus : Corpus
    strategy : str, optional
        A strategy, or ``NAME:FAMILY`` with its classifier. By default all fusions of the study stand for choice, and by their
        out-of-fold answers to the training rows the best is taken, as ``selected`` is in a run; what is left open by a name,
        such as the classifier, is chosen in the same way.
    root : path, optional
        Folder that the study's own feature tables are below.
    n_jobs : int, default=1
    store : FeatureStore, optional
    hold_out : sequence of str, default=()
        Groups that are left out of everything, so that the model can be evaluated on them.
    run : Run, optional
        One of this study on this corpus, whose choices in its folds then stand for the validation, which is not repeated.
    progress, on_task : callable, optional
        As of :func:`~emofuse.experiments.run.run_study`.

    Returns
    -------
    Trained

    Raises
    ------
    StudyError
        A strategy that does not exist, is a control or cannot be had, groups that the corpus does not have, several tasks, or
        a regression.
    """
    check_trainable(study)
    study = study.for_training()
    candidates = _candidates(study, strategy)
    kept, held_out = _without(chosen_samples(study, corpus), hold_out)
    if study.protocol.name == "official" and "split" in kept.samples:
        of_use = kept.samples["split"].isin([*study.protocol.train, study.protocol.test])
        kept = replace(kept, samples=kept.samples[of_use])
    n_fits = 0

    def tell(finished: int, total: int) -> None:
        nonlocal n_fits
        n_fits = total
        if on_task is not None:
            on_task(finished, total + len(candidates.classifiers) + 1)

    validated_by = strategy if run is None else None
    if run is None:
        run = run_study(
            candidates,
            kept,
            root=root,
            n_jobs=n_jobs,
            store=store,
            missing=not set(FUSIONS) & set(candidates.strategies),  # of fusions nothing but their answers counts here
            progress=progress,
            on_task=tell,
        )
    validation = validation_of(run, study.metrics[0], validated_by)
    with threadpool_limits(limits=1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", EmofuseWarning)
        rows = _training_rows(study.protocol, run.samples)
        samples = regroup(run.samples, study.protocol).iloc[rows]
        X = run.table.X.iloc[rows]
        y = samples["label"].to_numpy(dtype=str)
        groups = samples["group"].to_numpy(dtype=str) if "group" in samples else None
        turns = turns_for(candidates, samples)
        conditions = Conditions(modalities_of(study, list(dict.fromkeys(X.columns.get_level_values(0)))), {})
        augmentation = make_children(
            study,
            replace(kept, samples=run.samples),
            run.table.X,
            trained=X.index,
            n_jobs=n_jobs,
            store=store,
            progress=progress,
        )
        parameters: dict[str, Any] = {}
        worth: dict[str, float] = {}
        if study.protocol.name == "official" and not candidates.budget:
            key = _chosen(run)  # by the very rows that the model is fitted on
        else:
            everything = Fold("all", np.arange(len(X)), np.arange(0))
            later = None if on_task is None else partial(_tell_later, on_task, n_fits)
            families = fit_folds(
                candidates,
                [everything],
                X,
                y,
                groups,
                Conditions({}, {}),
                children=augmentation.children,
                n_jobs=n_jobs,
                on_task=later,
            )
            key, parameters, nested = choose_strategy(candidates, everything, families, conditions.modalities, turns)
            worth = {study.metrics[0]: round(nested, DIGITS)}
        blocks, family = key[1], next(own for own in candidates.classifiers if own == key[2])
        # One modality that several blocks measure is the product of their experts.
        name = "late_product" if key[0] == "unimodal" and len(blocks) > 1 else key[0]
        drawn = drawn_study(candidates, family, parameters)
        fusion = make_strategy(drawn, name, family, blocks, subsets=conditions.block_subsets)
        heard = {} if turns is None else {"turns": turns}
        fusion.fit(X, y, groups, children=augmentation.children, **heard)
    if on_task is not None:
        on_task(n_fits + len(candidates.classifiers) + 1, n_fits + len(candidates.classifiers) + 1)
    resolved = _resolved(drawn, name, family, blocks)
    training = _training(resolved, run, rows, corpus, held_out)
    training |= {"chosen": row_label(key), "nested": worth}
    return Trained(
        fusion,
        name,
        family,
        blocks,
        resolved,
        _about(corpus),
        {block: tuple(str(feature) for feature in X[block].columns) for block in blocks},
        validation,
        training,
        {block: pair for block, pair in run.table.speakers.items() if block in blocks},
        _references(resolved, X),
        tuple(dict.fromkeys([*run.notes, *(str(item.message) for item in caught)])),
    )


def _references(study: Study, X: pd.DataFrame) -> dict[str, Reference]:
    """Return how each block is spread, texts by their counts; a block without a row is left out."""
    found = {}
    for name, spec in study.blocks.items():
        table = select_block(X, name)
        rows = text_rows(table.iloc[:, 0].tolist()) if spec.kind == "text" else table.to_numpy(dtype=np.float64)
        if not np.isnan(rows).all():
            found[name] = Reference.of(rows)
    return found


def most_chosen(run: Run) -> str:
    """Return the fusion (or modality, where nothing is fused) that most folds of a run chose, as ``NAME:FAMILY``."""
    strategy, _, family = _chosen(run)
    return f"{strategy}:{family}"


def _chosen(run: Run) -> RowKey:
    """Return which row of its table most folds of a run chose."""
    rows = run.results["rows"]
    chosen = next(row["chosen"] for row in reversed(rows) if row["strategy"] in (SELECTED[0], BEST_SINGLE[0]))
    label = Counter(chosen.values()).most_common(1)[0][0]
    keys = [(row["strategy"], tuple(row["blocks"]), row["classifier"]) for row in rows]
    return next(key for key in keys if row_label(key) == label)


def _candidates(study: Study, strategy: str | None) -> Study:
    """Return the study with what a model is chosen from, and nothing that only a comparison needs."""
    name, _, family = (strategy or "selected").partition(":")
    fusions = tuple(known for known in FUSIONS if known in study.strategies)
    choices = {
        "selected": fusions,
        "selected_early": tuple(known for known in CHOSEN_FROM[SELECTED_EARLY] if known in fusions),
        "selected_late": tuple(known for known in CHOSEN_FROM[SELECTED_LATE] if known in fusions),
        "best_single": (),
        "unimodal": (),
    }
    if name in CONTROLS:
        raise StudyError(f"strategy {name!r} is a control, which shows what knowing nothing is worth; it is no model")
    if name not in (*FUSIONS, *CONTEXTS, *SINGLES, *CHOSEN):
        known = (*CHOSEN, *SINGLES, *FUSIONS, *CONTEXTS)
        raise StudyError(f"strategy {name!r} is not known; choose from {', '.join(known)}")
    changes: dict[str, Any] = {
        "also": (),
        "degradations": (),
        "near_copies": (),
        "references": {},
        "precisions": (),
    }
    if family:
        changes["classifiers"] = (family,)
    # A modality alone is what is left to choose where there is but one.
    alone = ("best_single",) if name in ("selected", *SINGLES) else ()
    named = choices.get(name, (name,))
    candidates = study.changed(**changes, strategies=(*named, *(("selected",) if named else ()), *alone))
    if not alone and name not in CONTEXTS:
        _check_fusions(candidates, named, name)
    return candidates


def _check_fusions(study: Study, named: Sequence[str], wanted: str) -> None:
    """Refuse, before hours of extraction, a fusion that no classifier of the study can make, or that has nothing to fuse."""
    if len(study.blocks) < 2:
        raise StudyError(f"strategy {wanted!r} fuses, and study {study.name!r} has one block; choose best_single")
    earlies = {kind for family in study.classifiers for kind in early_kinds(study, family, len(study.blocks))}
    possible = {*LATE_RULES, *earlies, *(HYBRID_RULES if earlies else ())}
    if not possible & set(named):
        raise StudyError(f"strategy {wanted!r} cannot be had with {' or '.join(study.classifiers)}; name another")


def _without(corpus: Corpus, hold_out: Sequence[str]) -> tuple[Corpus, list[str]]:
    """Return a corpus less the samples of some groups, and the digests of these."""
    if not hold_out:
        return corpus, []
    if "group" not in corpus.samples:
        raise StudyError("groups are to be held out, but the samples have no column 'group' (speaker or subject)")
    groups = corpus.samples["group"]
    unknown = sorted(set(hold_out) - set(groups))
    if unknown:
        names = sorted(set(groups))
        shown = ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
        raise StudyError(
            f"the groups {unknown} are to be held out, but the corpus has none of that name; it has {shown}"
        )
    out = groups.isin(list(hold_out))
    if out.all():
        raise StudyError("every group is held out; nothing is left to train on")
    return replace(corpus, samples=corpus.samples[~out]), listed(group_digests(corpus.samples[out]))


def _training_rows(spec: ProtocolSpec, samples: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the positions of the rows that a model is fitted on: all, but of an official split those it trains on."""
    if spec.name != "official":
        return np.arange(len(samples))
    return np.flatnonzero(samples["split"].isin(spec.train))


def _tell_later(on_task: Callable[[int, int], None], done: int, finished: int, total: int) -> None:
    on_task(done + finished, done + total + 1)


def _resolved(study: Study, strategy: str, family: Family, blocks: Sequence[str]) -> Study:
    """Return the study of the model alone, with nothing left to choose."""
    columns = {name: source_column_of(study.blocks[name].extractor, study.blocks[name].parameters) for name in blocks}
    return study.changed(
        strategies=(strategy,),
        classifiers=(family,),
        blocks={name: study.blocks[name].model_dump() for name in blocks},
        augmentations=augmentations_within(study.augmentations, columns),
        budget=0,
    )


def _about(corpus: Corpus) -> dict[str, Any]:
    info = corpus.info
    return {
        "name": info.name,
        "title": info.title,
        "licence": info.licence,
        "source": info.source,
        "groups": info.groups,
        "synthetic": info.synthetic,
    }


def _training(
    study: Study, run: Run, rows: np.ndarray[Any, np.dtype[np.intp]], corpus: Corpus, held_out: list[str]
) -> dict[str, Any]:
    samples = run.samples.iloc[rows]
    counts = samples["label"].value_counts()
    table = replace(run.table, X=run.table.X.iloc[rows][list(study.blocks)])
    return {
        "n_samples": len(samples),
        "n_groups": int(samples["group"].nunique()) if "group" in samples else 0,
        "classes": {str(label): int(counts[label]) for label in sorted(counts.index)},
        "splits": list(study.protocol.train) if study.protocol.name == "official" else [],
        "corpus": corpus.info.name,
        "held_out": held_out,
        "group_digests": listed(group_digests(samples)),
        "source_digests": listed(source_digests(study, samples, table)),
    }
