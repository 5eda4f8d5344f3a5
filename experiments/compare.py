"""One fold, one family of classifiers: fit the experts once, then every strategy that can be made of them."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from ..classifiers.calibration import FLOOR
from ..classifiers.recipes import (
    FRONT_PARAMETERS,
    expert_pipeline,
    final_classifier,
    front_pipeline,
    meta_classifier,
)
from ..features.errors import EmofuseError, EmofuseWarning
from ..fusion.early import EarlyFusion
from ..fusion.experts import FittedExperts, fit_experts
from ..fusion.hybrid import EARLY, HybridFusion
from ..fusion.late import LateFusion
from .protocols import Fold
from .study import LATE_RULES, Family, Study

Array = npt.NDArray[Any]
# Strategy, blocks and classifier: what one row of the results is.
RowKey = tuple[str, tuple[str, ...], str]


@dataclass
class FoldResult:
    """What one fold and one family of classifiers give.

    Attributes
    ----------
    probabilities : dict of RowKey to ndarray of shape (n_test, n_classes)
        Columns are the classes of the whole corpus.
    fit_seconds, predict_seconds : dict of RowKey to float
    scores : dict of str to ndarray of shape (n_test, n_classes)
        Calibrated log probabilities of the experts of single blocks.
    warnings : list of str
    """

    probabilities: dict[RowKey, Array] = field(default_factory=dict)
    fit_seconds: dict[RowKey, float] = field(default_factory=dict)
    predict_seconds: dict[RowKey, float] = field(default_factory=dict)
    scores: dict[str, Array] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def make_strategy(study: Study, strategy: str, family: Family, blocks: list[str]) -> Any:
    """Return the unfitted estimator of a strategy, as the study describes it.

    Parameters
    ----------
    study : Study
    strategy : str
        Any but ``majority``; ``unimodal`` takes one block.
    family : str
    blocks : list of str
    """
    experts = {name: expert_pipeline(family, study.blocks[name].kind, **study.recipe(name, family)) for name in blocks}
    shared: dict[str, Any] = {"n_inner": study.n_inner, "random_state": study.seed}
    if strategy == "early":
        return _early(study, family, blocks, shared)
    if strategy == "hybrid":
        return HybridFusion(experts, _early(study, family, blocks, shared), rule="product", **shared)
    if strategy == "unimodal":
        return LateFusion(experts, rule="mean", **shared)
    return LateFusion(experts, rule=LATE_RULES[strategy], meta=meta_classifier(family), **shared)  # type: ignore[arg-type]


def evaluate_fold(
    study: Study, family: Family, fold: Fold, X: pd.DataFrame, y: Array, groups: Array | None, classes: Array
) -> FoldResult:
    """Fit on the training rows of a fold, answer its test rows with every strategy of the study.

    The experts are fitted once and shared by the strategies; the answers equal those of the strategies' own estimators (for
    early fusion but for the floor of 1e-7 that the probabilities of experts have).
    """
    blocks = list(dict.fromkeys(X.columns.get_level_values(0)))
    train, test = X.iloc[fold.train], X.iloc[fold.test]
    own_groups = None if groups is None else groups[fold.train]
    result = FoldResult()
    with threadpool_limits(limits=1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", EmofuseWarning)
        try:
            _evaluate(study, family, blocks, train, test, y[fold.train], own_groups, classes, result)
        except EmofuseError as error:
            error.add_note(f"fold {fold.name!r}")
            raise
    result.warnings = sorted({f"fold {fold.name!r}: {item.message}" for item in caught})
    return result


def _evaluate(
    study: Study,
    family: Family,
    blocks: list[str],
    train: pd.DataFrame,
    test: pd.DataFrame,
    y: Array,
    groups: Array | None,
    classes: Array,
    result: FoldResult,
) -> None:
    wanted = set(study.strategies)
    fusing = len(blocks) > 1
    late = make_strategy(study, "late_product", family, blocks)
    estimators = dict(late._estimators())
    with_early = fusing and family != "given" and bool({"early", "hybrid"} & wanted)
    if with_early:
        estimators |= make_strategy(study, "hybrid", family, blocks)._estimators()
    experts, scores = {}, {}
    fitting, answering = {}, {}
    for name, estimator in estimators.items():
        start = time.perf_counter()
        experts[name] = fit_experts({name: estimator}, train, y, groups, n_inner=study.n_inner, seed=study.seed)
        fitting[name] = time.perf_counter() - start
        start = time.perf_counter()
        scores[name] = experts[name].scores(test)[0]
        answering[name] = time.perf_counter() - start
    everything = _merged(experts)

    def record(key: RowKey, fusion: LateFusion, names: list[str]) -> None:
        start = time.perf_counter()
        fusion.fit_rule(everything.only(names))
        result.fit_seconds[key] = sum(fitting[name] for name in names) + time.perf_counter() - start
        start = time.perf_counter()
        answers = fusion.combine(np.stack([scores[name] for name in names]))
        result.predict_seconds[key] = sum(answering[name] for name in names) + time.perf_counter() - start
        result.probabilities[key] = _on_corpus_classes(answers, everything.classes, classes)

    every = tuple(blocks)
    if "majority" in wanted:
        key = ("majority", (), "none")
        result.probabilities[key] = np.tile(
            _on_corpus_classes(everything.prior[None], everything.classes, classes), (len(test), 1)
        )
        result.fit_seconds[key] = result.predict_seconds[key] = 0.0
    if "unimodal" in wanted:
        for name in blocks:
            record(("unimodal", (name,), family), make_strategy(study, "unimodal", family, [name]), [name])
    if fusing:
        if "early" in wanted and with_early:
            record(("early", every, family), LateFusion({}, rule="mean"), [EARLY])
        for strategy in LATE_RULES:
            if strategy in wanted:
                record((strategy, every, family), make_strategy(study, strategy, family, blocks), blocks)
        if "hybrid" in wanted and with_early:
            record(("hybrid", every, family), make_strategy(study, "hybrid", family, blocks), [*blocks, EARLY])
    result.scores = {
        name: _on_corpus_classes(scores[name], everything.classes, classes, fill=np.log(FLOOR)) for name in blocks
    }


def _early(study: Study, family: Family, blocks: list[str], shared: dict[str, Any]) -> EarlyFusion:
    fronts = {}
    for name in blocks:
        recipe = study.recipe(name, family)
        front = {key: value for key, value in recipe.items() if key in FRONT_PARAMETERS}
        fronts[name] = front_pipeline(family, study.blocks[name].kind, **front)
    return EarlyFusion(
        fronts,
        final_classifier(family, **study.early.get(family, {})),
        weights={name: study.blocks[name].weight for name in blocks},
        **shared,
    )


def _merged(parts: dict[str, FittedExperts]) -> FittedExperts:
    return replace(
        next(iter(parts.values())),
        experts={name: part.experts[name] for name, part in parts.items()},
        out_of_fold={name: part.out_of_fold[name] for name, part in parts.items()},
    )


def _on_corpus_classes(values: Array, given: Array, wanted: Array, *, fill: float = 0.0) -> Array:
    """Put columns of the training classes where the corpus has them; a class the training rows lack gets ``fill``."""
    placed = np.full((len(values), len(wanted)), fill)
    placed[:, np.searchsorted(wanted, given)] = values
    return placed
