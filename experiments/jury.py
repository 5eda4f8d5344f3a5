"""Several models, each trained on a corpus of its own, asked about one corpus: each alone, in pairs, and all together.

Nothing is fitted on the corpus that is asked about, unless a split of it is named for the rules that learn.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..classifiers.recipes import meta_classifier
from ..features.errors import StudyError
from ..features.label_spaces import MAPS, SPACES, label_map
from ..features.store import FeatureStore
from ..fusion.blocks import present_rows, select_block
from ..fusion.combination import Combination
from ..fusion.experts import FittedExperts
from ..fusion.late import LateFusion
from .answer_table import write_answers
from .answers import FoldOutcome
from .blocks import BlockTable, ProgressMaker
from .compare import Array, RowKey
from .conditions import Conditions
from .corpora import Corpus
from .evaluate import TrainedModel, chosen_split, measured, seen_in_training, study_of
from .protocols import Fold
from .results import Evaluated, assemble
from .run import Run
from .run_folder import write_run
from .strategies import LATE_RULES
from .study import Study, parse_study

FLOOR = 1e-3  # of a class that a model does not know: it speaks against it, and does not forbid it
FIXED = ("late_mean", "late_product", "late_median", "late_vote")  # what can be done without a row to learn from
SPACE = "ekman7"


@dataclass(frozen=True)
class _Juror:
    """One model and how its classes are written in the common label set."""

    name: str
    model: TrainedModel
    labels: Mapping[str, str]


def evaluate_jury(
    models: Mapping[str, TrainedModel],
    corpus: Corpus,
    *,
    space: str = SPACE,
    split: str | None = None,
    learn_from: str | None = None,
    root: str | os.PathLike[str] | None = None,
    n_jobs: int = 1,
    store: FeatureStore | None = None,
    progress: ProgressMaker | None = None,
) -> Run:
    """Ask models that were trained apart about one corpus, and put their answers together by the rules of late fusion.

    Parameters
    ----------
    models : mapping of str to TrainedModel
        Two or more, by name.
    corpus : Corpus
    space : str, default="ekman7"
        The label set of the answers: the labels of models and corpus are brought to it by the named maps from the corpus that
        each was trained on, or are in it already.
    split : str, optional
        Of the corpus; all samples by default.
    learn_from : str, optional
        Another split, whose labels the rules that learn (``late_weighted``, ``stacking`` …) are fitted on; without it only the
        fixed rules answer.
    root, n_jobs, store, progress
        As of :func:`~emofuse.experiments.evaluate.evaluate_model`.

    Returns
    -------
    Run
        A row for each model, and for each rule and set of two models or more. A clip without a modality is answered by the
        models that can; one that no model can answer gets equal probabilities.

    Raises
    ------
    StudyError
        One model only, labels without a map to the space, or no such split.

    Notes
    -----
    A class that a model was not trained on gets a thousandth from it. The probabilities of several of its classes that become
    one are added; those of a class that has no place in the space are left out, and the rest is scaled to 1.
    """
    if len(models) < 2:
        raise StudyError(f"a jury takes two models or more, got {list(models)}")
    jurors = [_Juror(name, model, _labels_of(name, model, space)) for name, model in models.items()]
    asked, dropped = _in_space(chosen_split(corpus, split), space)
    classes = np.array([label for label in sorted(SPACES[space]) if label in set(asked.samples["label"])])
    options: dict[str, Any] = {"root": root, "n_jobs": n_jobs, "store": store, "progress": progress}
    start = time.perf_counter()
    found = {juror.name: _ask(juror, asked, classes, options) for juror in jurors}
    seconds = time.perf_counter() - start
    learned = None
    if learn_from is not None:
        if learn_from == split or split is None:
            raise StudyError(
                "rules are to learn from one split and be asked about another: name both, --split and --learn-from"
            )
        school, _ = _in_space(chosen_split(corpus, learn_from), space)
        learned = school, {juror.name: _ask(juror, school, classes, options)[0] for juror in jurors}
    evaluated = _answered(asked, classes, {name: logs for name, (logs, _, _) in found.items()}, learned, seconds)
    seen = [seen for _, _, seen in found.values()]
    leaky = bool(np.any(seen))
    study = _study(models, corpus.info.name)
    tables = [table for _, table, _ in found.values()]
    n_failed = len({name for table in tables for name in table.failures["sample"]})
    results, predictions = assemble(
        study, asked, evaluated, Conditions({"all": tuple(models)}, {}), n_failed=n_failed, leaky=leaky
    )
    results["protocol"] |= {
        "name": f"trained elsewhere{f', split {split}' if split else ''}",
        "groups": corpus.info.groups,
        "repeats": 1,
    }
    results["jury"] = {
        "space": space,
        "learned_from": learn_from,
        "models": {
            juror.name: {"corpus": juror.model.manifest["training"]["corpus"], "mapping": dict(juror.labels)}
            for juror in jurors
        },
    }
    notes = [
        *corpus.notes,
        *dropped,
        *(f"{name}: {note}" for name, (_, table, _) in found.items() for note in table.notes),
        *(
            f"leaky: {int(rows.sum())} of {len(rows)} samples stood in the training of {name}"
            for name, (_, _, rows) in found.items()
            if rows.any()
        ),
    ]
    together = replace(tables[0], failures=pd.concat([table.failures for table in tables]).drop_duplicates())
    return Run(results, predictions, together, asked.samples, tuple(notes))


def write_jury(run: Run, models: Mapping[str, TrainedModel], out: str | os.PathLike[str]) -> Path:
    """Write what a jury answered as the folder of a run, with ``answers.csv``: a row a clip; return the folder."""
    folder = write_run(run, _study(models, run.results["corpus"]["name"]), out)
    write_answers(run, folder)
    return folder


def _labels_of(name: str, model: TrainedModel, space: str) -> dict[str, str]:
    """Return the class of the space that each class of a model is, where it has one."""
    if space not in SPACES:
        raise StudyError(f"label set {space!r} is not known; choose from {', '.join(SPACES)}")
    if set(model.classes) <= set(SPACES[space]):
        return {label: label for label in model.classes}
    trained_on = str(model.manifest["training"]["corpus"])
    if not any(own.source == trained_on and own.target == space for own in MAPS.values()):
        raise StudyError(
            f"model {name!r}: no map leads from the labels of {trained_on} ({', '.join(model.classes)}) to {space!r}; choose "
            "another --labels, or train it with label_map in its study"
        )
    own = label_map(f"{trained_on}_to_{space}").labels
    return {label: own[label] for label in model.classes if label in own}


def _in_space(corpus: Corpus, space: str) -> tuple[Corpus, list[str]]:
    labels = corpus.samples["label"]
    if not set(labels.dropna()) <= set(SPACES[space]):
        name = corpus.info.name
        if not any(own.source == name and own.target == space for own in MAPS.values()):
            raise StudyError(
                f"no map leads from the labels of {name} ({', '.join(sorted(set(labels.dropna())))}) to {space!r}; choose "
                "another --labels"
            )
        labels = labels.map(label_map(f"{name}_to_{space}").labels)
    kept = labels.notna()
    if labels[kept].nunique() < 2:
        raise StudyError(f"fewer than two classes of {space!r} are in {corpus.info.name}")
    out = int((~kept).sum())
    notes = [f"{out} of {len(labels)} samples have no label in {space!r} and are left out"] if out else []
    return replace(corpus, samples=corpus.samples.assign(label=labels)[kept]), notes


def _ask(juror: _Juror, corpus: Corpus, classes: Array, options: dict[str, Any]) -> tuple[Array, BlockTable, Array]:
    """Return a model's log probabilities of the classes, NaN where none of its blocks is there; its table; what it has seen."""
    corpus, table = measured(juror.model, corpus, **options)
    answers = np.asarray(juror.model.predict_blocks(table.X), dtype=np.float64)
    shares = np.full((len(answers), len(classes)), FLOOR)
    for column, label in enumerate(juror.model.classes):
        place = np.flatnonzero(classes == juror.labels.get(label))
        if len(place):
            shares[:, place[0]] += answers[:, column]
    shares /= shares.sum(axis=1, keepdims=True)
    blocks = dict.fromkeys(table.X.columns.get_level_values(0))
    there = np.any([present_rows(select_block(table.X, block)) for block in blocks], axis=0)
    if not there.any():
        raise StudyError(
            f"model {juror.name!r} can answer none of the samples: none has what it reads ({', '.join(blocks)})"
        )
    seen = seen_in_training(juror.model, corpus, table).any(axis=1).to_numpy()
    return np.where(there[:, None], np.log(shares), np.nan), table, seen


def _answered(
    corpus: Corpus,
    classes: Array,
    logs: dict[str, Array],
    learned: tuple[Corpus, dict[str, Array]] | None,
    seconds: float,
) -> Evaluated:
    outcome = FoldOutcome()
    names = list(logs)
    rules = [name for name in LATE_RULES if name in FIXED or learned is not None]
    for size in range(1, len(names) + 1):
        for subset in combinations(names, size):
            scores = np.stack([logs[name] for name in subset])
            experts = _experts(subset, classes, learned)
            for rule in rules if size > 1 else ["unimodal"]:
                kind, meta = LATE_RULES.get(rule, ("product", None))
                key: RowKey = (rule, subset, "given")
                if learned is None:
                    outcome.probabilities[key] = Combination(kind, experts.prior).plain(scores)
                else:
                    fusion = LateFusion({}, rule=kind, meta=None if meta is None else meta_classifier(meta))
                    outcome.probabilities[key] = fusion.fit_rule(experts).combine(scores)
                outcome.predict_seconds[key] = seconds * size / len(names)
    prior: RowKey = ("majority", (), "none")
    outcome.probabilities[prior] = np.tile(_experts((), classes, learned).prior, (len(corpus.samples), 1))
    n_training = 1 if learned is None else len(learned[0].samples)
    fold = Fold("elsewhere", np.zeros(n_training, dtype=np.intp), np.arange(len(corpus.samples)))
    return Evaluated(classes, [fold], [outcome], dict(outcome.probabilities))


def _experts(names: Sequence[str], classes: Array, learned: tuple[Corpus, dict[str, Array]] | None) -> FittedExperts:
    """Return the models as experts whose answers to the split that is learned from are out of fold: they never saw it."""
    if learned is None:
        equal = np.full(len(classes), 1 / len(classes))
        return FittedExperts(classes, np.empty(0, dtype=int), None, equal, {}, {})
    samples = learned[0].samples
    kept = samples["label"].isin(classes).to_numpy()
    codes = np.searchsorted(classes, samples["label"].to_numpy(dtype=str)[kept])
    groups = samples["group"].to_numpy(dtype=str)[kept] if "group" in samples else None
    prior = np.bincount(codes, minlength=len(classes)) / len(codes)
    return FittedExperts(classes, codes, groups, prior, {}, {name: learned[1][name][kept] for name in names})


def _study(models: Mapping[str, TrainedModel], corpus: str) -> Study:
    """Return a study that describes the jury: the models stand where blocks do."""
    first = study_of(next(iter(models.values())))
    values = {
        "name": "jury",
        "description": f"Models trained apart: {', '.join(models)}.",
        "corpus": corpus,
        "blocks": {name: {"extractor": "table", "table": name, "probabilities": True} for name in models},
        "classifiers": ["given"],
        "strategies": ["majority", "unimodal", *LATE_RULES],
        "protocol": {"name": "official", "leaky": True},
        "metrics": list(first.metrics),
        "precisions": [],
    }
    return parse_study(values, source="jury")


def model_names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each model file that can stand for a block; raise StudyError where two have one name."""
    names = ["".join(letter if letter.isalnum() else "_" for letter in path.stem) for path in paths]
    names = [name if name.isidentifier() else f"model_{name}" for name in names]
    if len(set(names)) < len(names):
        raise StudyError(f"two of the models have one name: {', '.join(names)}; rename a file")
    return names
