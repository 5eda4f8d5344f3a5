"""Nested tuning: the same number of trials for every strategy, each drawn at random and judged out of fold.

Trial 0 is the study's own recipe. Every other trial draws the parameters of all blocks, of early fusion and of the
meta-classifiers anew (random search, Bergstra and Bengio 2012, JMLR 13), so that a strategy that is made of several experts
gets no more trials than one that has a single one. What a trial is worth is decided on training rows only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .study import Family, Study

Draw = Callable[[np.random.Generator], Any]


def trial_studies(
    study: Study, family: Family, fold_name: str, blocks: list[str]
) -> Iterator[tuple[Study, dict[str, Any]]]:
    """Yield the study of each trial and the parameters drawn for it: the recipe alone with a budget of 0 or 1.

    Parameters
    ----------
    study : Study
    family : str
    fold_name : str
        Other folds draw other trials.
    blocks : list of str
    """
    yield study, {}
    for number in range(1, study.budget):
        random = np.random.default_rng([study.seed, number, *fold_name.encode()])
        drawn: dict[str, Any] = {"early": _draw(SPACES.get(family, {}), random)}
        drawn["blocks"] = {name: _draw(_space(family, study.blocks[name].kind), random) for name in blocks}
        drawn["weights"] = dict(zip(blocks, _rounded(random.dirichlet(np.full(len(blocks), 2.0)) + 0.01), strict=True))
        drawn["meta"] = {meta: _draw(SPACES[meta], random) for meta in ("linear", "boosted")}
        yield drawn_study(study, family, drawn), drawn


def drawn_study(study: Study, family: Family, drawn: dict[str, Any]) -> Study:
    """Return the study of a trial; nothing drawn is the study itself."""
    if not drawn:
        return study
    specs = dict(study.blocks)
    for name, parameters in drawn["blocks"].items():
        recipes = dict(specs[name].recipes)
        recipes[family] = recipes.get(family, {}) | parameters
        specs[name] = specs[name].model_copy(update={"recipes": recipes, "weight": drawn["weights"][name]})
    early = study.early | {family: study.early.get(family, {}) | drawn["early"]}
    meta = {name: study.meta.get(name, {}) | parameters for name, parameters in drawn["meta"].items()}
    return study.model_copy(update={"blocks": specs, "early": early, "meta": meta})


def _space(family: Family, kind: str) -> dict[str, Draw]:
    if family in ("linear", "kernel") and kind == "text":
        return WORDS
    return SPACES.get(family, {})


def _draw(space: dict[str, Draw], random: np.random.Generator) -> dict[str, Any]:
    return {name: draw(random) for name, draw in space.items()}


def _log_uniform(low: float, high: float) -> Draw:
    return lambda random: float(f"{np.exp(random.uniform(np.log(low), np.log(high))):.4g}")


def _one_of(*values: Any) -> Draw:
    return lambda random: values[int(random.integers(len(values)))]


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]


# About an order of magnitude on either side of what the recipes have.
SPACES: dict[str, dict[str, Draw]] = {
    "kernel": {"gamma": _log_uniform(0.05, 2.0), "ridge": _log_uniform(0.02, 2.0)},
    "linear": {"C": _log_uniform(0.05, 50.0)},
    "boosted": {
        "n_rounds": _one_of(80, 150, 250),
        "max_depth": _one_of(2, 3, 4, 6),
        "learning_rate": _log_uniform(0.03, 0.25),
        "subsample": _one_of(0.6, 0.8, 1.0),
        "colsample_bynode": _one_of(0.1, 0.3, 0.6, 1.0),
    },
}
WORDS: dict[str, Draw] = {"C": _log_uniform(0.1, 10.0), "beta": _one_of(0.0, 0.25, 0.5, 0.75, 1.0)}
