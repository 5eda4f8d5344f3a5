"""The costly half of a run: every family of classifiers fitted on every fold, in as many processes as are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import pandas as pd

from ..fusion.preparation import Children
from .compare import Array, FamilyAnswers, fit_part, gathered, parts_of
from .conditions import Conditions
from .protocols import Fold
from .spreading import spread
from .study import Study


def fit_folds(
    study: Study,
    folds: Sequence[Fold],
    X: pd.DataFrame,
    y: Array,
    groups: Array | None,
    conditions: Conditions,
    *,
    children: Children | None = None,
    n_jobs: int = 1,
    on_task: Callable[[int, int], None] | None = None,
) -> list[FamilyAnswers]:
    """Return what each family answers in each fold: the families of the first fold, then those of the next.

    Parameters
    ----------
    study : Study
    folds : sequence of Fold
    X : pandas.DataFrame
        The block table of all samples.
    y, groups : ndarray of shape (n_samples,)
    conditions : Conditions
    children : Children, optional
        Varied copies of samples, which train where their parents do.
    n_jobs : int, default=1
        Processes, where no cluster is in use; the answers do not depend on it.
    on_task : callable, optional
        Called with the number of finished fits, and of all of them.
    """
    # Controls need a classifier that learns: votes that are taken as they are know of no labels in training.
    control = next((family for family in study.classifiers if family != "given"), None)
    parts = {
        (number, family): parts_of(study, family, fold, X, conditions, with_controls=family == control)
        for number, fold in enumerate(folds)
        for family in study.classifiers
    }
    tasks = [(family, folds[number], part) for (number, family), own in parts.items() for part in own]
    answers = spread(fit_part, tasks, (study, X, y, groups, conditions, children), n_jobs=n_jobs)
    fitted: list[FamilyAnswers] = []
    for (number, family), own in parts.items():
        fitted.append(gathered(study, family, folds[number], X, own, list(islice(answers, len(own)))))
        if on_task is not None:
            on_task(len(fitted), len(parts))
    return fitted
