"""Across corpora: train on each, test on each, so that what holds in one recording room is not taken for what holds at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..features.drift import Reference, drift
from ..features.errors import CorpusError, StudyError, TableError
from ..features.label_spaces import MAPS, SPACES, LabelMap, label_map
from ..features.samples import check_samples
from ..features.store import FeatureStore
from ..features.terminal import showing_status
from ..fusion.blocks import select_block
from .blocks import BlockTable, ProgressMaker, build_blocks, normalise_speakers
from .conditions import Conditions
from .corpora import Corpus, CorpusInfo, corpus_info, read_corpus
from .near_copies import without_rows
from .opening import own_corpus
from .own_table import check_own_table
from .preparation import filtered
from .protocols import Fold, find_leaks, make_folds
from .results import METRIC_LABELS, Evaluated, other_protocol
from .run import evaluate_folds
from .study import Study, load_study, parse_study, shipped_studies, study_for_samples
from .verdict import DIGITS

NORMALISATIONS = ("none", "corpus", "speaker")
SPACE = "ekman7"
N_FOLDS = 5  # of what a corpus is worth within itself
FEWEST_SPEAKERS = 3
STRATEGIES = ("majority", "unimodal", "best_single", "early", "late_product", "stacking", "selected")
SCHEMA = 1


@dataclass(frozen=True)
class Cross:
    """What a comparison across corpora gave.

    Attributes
    ----------
    results : dict
        As in ``cross.json``.
    study : Study
    table : BlockTable
        Of all corpora together.
    notes : tuple of str
    """

    results: dict[str, Any]
    study: Study
    table: BlockTable
    notes: tuple[str, ...]


def cross_corpora(
    corpora: Sequence[Corpus],
    *,
    space: str = SPACE,
    maps: dict[str, str] | None = None,
    study: Study | None = None,
    normalisation: str = "none",
    seed: int = 0,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
    on_task: Callable[[int, int], None] | None = None,
) -> Cross:
    """Train on each corpus, and test on each: on the others whole, on itself by folds of speakers.

    Parameters
    ----------
    corpora : sequence of Corpus
        Two or more, each under its own name.
    space : str, default="ekman7"
        The label set that all of them are brought to; classes that one of them lacks are left out of all.
    maps : dict of str to str, optional
        Corpus to the name of its label map; by default the one from its own label set to the space.
    study : Study, optional
        Blocks, recipes, classifiers and strategies; by default every modality that all corpora have, by its default block.
    normalisation : {"none", "corpus", "speaker"}
        By whose unlabelled statistics each block of numbers is standardised before anything is trained. All but ``none`` is
        adaptive: statistics of the tested corpus, or speaker, are used.
    seed : int, default=0
    n_jobs, store, progress, on_task
        As of :func:`~emofuse.experiments.run.run_study`.

    Returns
    -------
    Cross

    Raises
    ------
    StudyError
        Fewer than two corpora, labels without a map to the space, fewer than two classes or no modality in common.
    """
    if normalisation not in NORMALISATIONS:
        raise StudyError(f"normalisation {normalisation!r} is not known; choose from {', '.join(NORMALISATIONS)}")
    if len(corpora) < 2 or len({corpus.info.name for corpus in corpora}) < len(corpora):
        raise StudyError(f"two corpora or more are needed, each once; got {[corpus.info.name for corpus in corpora]}")
    mapped, used = _in_one_space(corpora, space, maps or {})
    together = _together(mapped)
    study = (study or _default_study(together)).changed(
        name="cross",
        corpus="samples",
        label="label",
        label_map=None,
        where={},
        group=None,
        also=(),
        near_copies=(),
        augmentations=(),
        degradations=(),
        references={},
        precisions=(),
        seed=seed,
        budget=0,
        transcript=None,
        protocol={"name": "group_kfold", "n_folds": N_FOLDS},
        speaker_normalisation=normalisation == "speaker",
        **({"strategies": list(STRATEGIES)} if study is None else {}),
    )
    table = build_blocks(study, together, n_jobs=n_jobs, store=store, progress=progress)
    plain = table.X
    if normalisation == "corpus":
        table = replace(table, X=_by_corpus(table.X, together.samples, study))
    bench = _Bench(study, together, table, normalisation != "none", n_jobs, on_task, len(corpora))
    pairs = [pair for corpus in corpora for pair in bench.trained_on(corpus.info.name)]
    metric = study.metrics[0]
    classes = sorted(together.samples["label"].unique())
    results = {
        "schema": SCHEMA,
        "study": study.name,
        "corpora": [_about(corpus, used[corpus.info.name]) for corpus in mapped],
        "classes": classes,
        "labels": {"space": space, "maps": {name: None if own is None else own.name for name, own in used.items()}},
        "normalisation": normalisation,
        "adaptive": normalisation != "none",
        "metric": metric,
        "pairs": pairs,
        "drift": _drifts(plain, together.samples, study),
        "verdict": _verdict(pairs, metric),
    }
    dropped = [
        f"{corpus.info.name}: {len(corpus.samples) - len(after.samples)} of {len(corpus.samples)} samples have a label that "
        "not all corpora share, and are left out"
        for corpus, after in zip(corpora, mapped, strict=True)
        if len(after.samples) < len(corpus.samples)
    ]
    notes = (
        *(f"{corpus.info.name}: {note}" for corpus in corpora for note in corpus.notes),
        *dropped,
        *table.notes,
        *bench.notes,
    )
    return Cross(results, study, table, tuple(dict.fromkeys(notes)))


@dataclass
class _Bench:
    """What every pair of corpora is judged with."""

    study: Study
    corpus: Corpus
    table: BlockTable
    adaptive: bool
    n_jobs: int
    on_task: Callable[[int, int], None] | None
    n_corpora: int
    done: int = 0

    def __post_init__(self) -> None:
        self.notes: list[str] = []

    def trained_on(self, name: str) -> list[dict[str, Any]]:
        """Return what models of one corpus are worth within it, by folds of its speakers, and on every other corpus."""
        samples = self.corpus.samples
        own = (samples["corpus"] == name).to_numpy()
        away = Fold(name, np.flatnonzero(own), np.flatnonzero(~own))
        answered = self._evaluated([away])
        found = [self._within(name, own)]
        tested = samples["corpus"].to_numpy()[away.test]
        for other in dict.fromkeys(tested):
            fold = Fold(other, away.train, away.test[tested == other])
            found.append(self._pair(name, str(other), without_rows(answered, tested != other), [fold]))
        return [pair for pair in found if pair is not None]

    def _within(self, name: str, own: Any) -> dict[str, Any] | None:
        samples = self.corpus.samples
        rows = np.flatnonzero(own)
        part = samples.iloc[rows]
        n_groups = part["group"].nunique()
        spec = self.study.protocol
        if n_groups < FEWEST_SPEAKERS:
            self.notes.append(f"{name} has {n_groups} speakers: what it is worth within itself cannot be measured")
            return None
        spec = spec.model_copy(update={"n_folds": min(spec.n_folds, n_groups)})
        folds = [
            Fold(fold.name, rows[fold.train], rows[fold.test]) for fold in make_folds(part, spec, seed=self.study.seed)
        ]
        return self._pair(name, name, self._evaluated(folds), folds)

    def _evaluated(self, folds: list[Fold]) -> Evaluated:
        total = 2 * self.n_corpora
        blocks = list(dict.fromkeys(self.table.X.columns.get_level_values(0)))
        conditions = Conditions({"all": tuple(blocks)}, {})
        found = evaluate_folds(self.study, self.corpus.samples, self.table.X, folds, conditions, self.n_jobs, None)
        self.done += 1
        if self.on_task is not None:
            self.on_task(self.done, total)
        return found

    def _pair(self, train: str, test: str, evaluated: Evaluated, folds: list[Fold]) -> dict[str, Any]:
        samples = self.corpus.samples
        use_text = any(spec.reads_text for spec in self.study.blocks.values())
        leaks = find_leaks(samples, folds, hashes=self.table.hashes, use_text=use_text)
        self.notes += [f"leaky: {train} to {test}: {line}" for line in leaks]
        found = other_protocol(self.study, self.study.protocol, self.corpus, evaluated, leaky=bool(leaks))
        tested = samples.iloc[np.concatenate([fold.test for fold in folds])]
        found["protocol"] |= {
            "name": f"within {train}, by speaker" if train == test else f"{train} to {test}",
            "adaptive": self.adaptive,
            "n_groups": int(tested["group"].nunique()),
        }
        return {"train": train, "test": test, **found}


def _in_one_space(
    corpora: Sequence[Corpus], space: str, maps: dict[str, str]
) -> tuple[list[Corpus], dict[str, LabelMap | None]]:
    """Return the corpora with labels of one space, and the map of each; those without are in the space already."""
    if space not in SPACES:
        raise StudyError(f"label set {space!r} is not known; choose from {', '.join(SPACES)}")
    unknown = sorted(set(maps) - {corpus.info.name for corpus in corpora})
    if unknown:
        raise StudyError(f"maps are given for {unknown}, the corpora are {[corpus.info.name for corpus in corpora]}")
    used = {corpus.info.name: _map_of(corpus, space, maps.get(corpus.info.name)) for corpus in corpora}
    mapped = []
    for corpus in corpora:
        own = used[corpus.info.name]
        labels = corpus.samples["label"]
        mapped.append(labels if own is None else labels.map(own.labels))
    shared = sorted(set.intersection(*(set(labels.dropna()) for labels in mapped)))
    if len(shared) < 2:
        found = {corpus.info.name: sorted(set(labels.dropna())) for corpus, labels in zip(corpora, mapped, strict=True)}
        raise StudyError(f"two classes in common are needed, got {shared}: {found}")
    kept = [
        replace(corpus, samples=corpus.samples.assign(label=labels)[labels.isin(shared)])
        for corpus, labels in zip(corpora, mapped, strict=True)
    ]
    return kept, used


def _map_of(corpus: Corpus, space: str, name: str | None) -> LabelMap | None:
    if name is not None:
        return label_map(name)
    labels = set(corpus.samples["label"].dropna())
    if any(own.source == corpus.info.name and own.target == space for own in MAPS.values()):
        return label_map(f"{corpus.info.name}_to_{space}")
    if labels <= set(SPACES[space]):
        return None
    raise StudyError(
        f"{corpus.info.name}: no map leads from its labels {sorted(labels)[:12]} to {space!r} ({', '.join(SPACES[space])}); "
        f"name one with --map {corpus.info.name}=NAME, or another --labels"
    )


def _together(corpora: Sequence[Corpus]) -> Corpus:
    """Return one corpus of all, with names, groups and tables of which none is shared."""
    parts, tables = [], dict[str, list[pd.DataFrame]]()
    for corpus in corpora:
        name = corpus.info.name
        samples = corpus.samples.copy()
        index = pd.Index([f"{name}/{sample}" for sample in samples.index], name="sample", dtype=object)
        groups = samples["group"] if "group" in samples else pd.Series(samples.index, index=samples.index)
        samples["group"] = [f"{name}/{group}" for group in groups]
        parts.append(samples.set_axis(index).assign(corpus=name))
        for own, table in corpus.tables.items():
            kept = table.reindex(corpus.samples.index)
            tables.setdefault(own, []).append(kept.set_axis(index))
    shared = set.intersection(*(set(part.columns[part.notna().any()]) for part in parts))
    samples = pd.concat([part[[column for column in parts[0].columns if column in shared]] for part in parts])
    infos = [corpus.info for corpus in corpora]
    info = CorpusInfo(
        name=" + ".join(own.name for own in infos),
        title=" + ".join(own.title for own in infos),
        licence="; ".join(f"{own.name}: {own.licence}" for own in infos),
        source="; ".join(own.source for own in infos),
        layout="several corpora",
        groups="speaker",
        modalities=tuple(dict.fromkeys(name for own in infos for name in own.modalities)),
        synthetic=any(own.synthetic for own in infos),
    )
    both = {name: pd.concat(found) for name, found in tables.items() if len(found) == len(corpora)}
    return Corpus(info, check_samples(samples), both)


def _default_study(corpus: Corpus) -> Study:
    study = study_for_samples(corpus.samples, name="cross", comparing=False)
    return parse_study(study.model_dump() | {"protocol": {"name": "group_kfold"}}, source="cross")


def _by_corpus(X: pd.DataFrame, samples: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return the block table with every block of numbers standardised within each corpus."""
    corpora = samples.assign(group=samples["corpus"])
    normalised = X.copy()
    for block in dict.fromkeys(X.columns.get_level_values(0)):
        if study.blocks[block].kind == "dense":
            normalised[block] = normalise_speakers(select_block(X, block), corpora).to_numpy()
    return normalised


def _about(corpus: Corpus, used: LabelMap | None) -> dict[str, Any]:
    samples = corpus.samples
    counts = samples["label"].value_counts()
    return {
        "name": corpus.info.name,
        "licence": corpus.info.licence,
        "synthetic": corpus.info.synthetic,
        "n_samples": len(samples),
        "n_groups": int(samples["group"].nunique()) if "group" in samples else 0,
        "map": None if used is None else used.name,
        "dropped": [] if used is None else list(used.dropped),
        "classes": {label: int(counts[label]) for label in sorted(counts.index)},
    }


def _drifts(X: pd.DataFrame, samples: pd.DataFrame, study: Study) -> list[dict[str, Any]]:
    """Return how far each block of each corpus lies from that of each other, before any normalisation by corpus."""
    names = list(dict.fromkeys(samples["corpus"]))
    found = []
    for block in dict.fromkeys(X.columns.get_level_values(0)):
        if study.blocks[block].kind == "text":
            continue
        rows = {name: select_block(X[samples["corpus"] == name], block).to_numpy(dtype=np.float64) for name in names}
        for train in names:
            reference = Reference.of(rows[train])
            for test in names:
                if test == train:
                    continue
                try:
                    moved = drift(reference, rows[test])
                except TableError:  # too few rows to say
                    continue
                found.append(
                    {"train": train, "test": test, "block": block, "size": moved.size}
                    | {"score": round(moved.score, DIGITS), "share": round(moved.share, DIGITS)}
                )
    return found


def main_row(pair: dict[str, Any]) -> dict[str, Any]:
    """Return the row that stands for a pair: what training rows chose, fusion where there is one."""
    rows = {row["strategy"]: row for row in pair["rows"]}
    found: dict[str, Any] = rows.get("selected") or rows.get("best_single") or pair["rows"][-1]
    return found


def _verdict(pairs: list[dict[str, Any]], metric: str) -> str:
    values = {(pair["train"], pair["test"]): main_row(pair)["metrics"][metric]["mean"] for pair in pairs}
    away = [(train, test) for train, test in values if train != test]
    worst, best = (pick(away, key=lambda pair: values[pair]) for pick in (min, max))
    within = [value for (train, test), value in values.items() if train == test]
    label = METRIC_LABELS[metric]
    said = f"Across corpora {label} is {np.mean([values[pair] for pair in away]):.3f} on average"
    said += f", from {values[worst]:.3f} ({worst[0]} to {worst[1]}) to {values[best]:.3f} ({best[0]} to {best[1]})"
    if within:
        said += f"; within one corpus, on speakers it has not seen, it is {np.mean(within):.3f}"
    return said + "."


def named_corpora(names: Sequence[str], roots: Sequence[str]) -> list[Corpus]:
    """Read corpora by their names, and sample tables by their paths, each from the root that ``CORPUS=FOLDER`` gives it.

    Raises
    ------
    StudyError
        A root of another form, or of a corpus that is not asked for.
    CorpusError, TableError
        A corpus that has no root, or whose files are not as they should be.
    """
    called = {(Path(name).stem if name.endswith(".csv") else name): name for name in names}
    if len(called) < len(names):
        raise StudyError(f"each corpus is to be named once, got {list(names)}")
    folders = named_values(roots, list(called), "--root")
    found = []
    for name, given in called.items():
        with showing_status(f"reading {name}"):
            if given.endswith(".csv"):
                folder = folders.get(name)
                found.append(own_corpus(Path(given), None if folder is None else Path(folder), require_label=True))
                check_own_table(found[-1].samples, given, None, comparing=False)
            elif name in folders:
                read = read_corpus(name, Path(folders[name]))
                found.append(filtered(load_study(name), read) if name in shipped_studies() else read)
            else:
                corpus_info(name)
                raise CorpusError(f"corpus {name!r}: give its folder or archive with --root {name}=FOLDER")
    return found


def named_values(given: Sequence[str], names: Sequence[str], option: str) -> dict[str, str]:
    """Return what options such as ``--root ravdess=FOLDER`` give each corpus; raise StudyError for one of another form."""
    found = {}
    for item in given:
        name, sign, value = item.partition("=")
        if not (sign and value) or name not in names:
            raise StudyError(f"{option} {item!r}: CORPUS=VALUE is needed, with CORPUS out of {', '.join(names)}")
        found[name] = value
    return found
