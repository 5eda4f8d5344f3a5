"""The costly half of a run: every family of classifiers fitted on every fold, in as many processes as are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from joblib import Parallel, delayed

from ..features.errors import EmofuseError, StudyError
from ..fusion.preparation import Children
from .compare import Array, FamilyAnswers, fit_family
from .conditions import Conditions
from .protocols import Fold
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
        Processes; the answers do not depend on it.
    on_task : callable, optional
        Called with the number of finished fits, and of all of them.
    """
    tasks = [(fold, family) for fold in folds for family in study.classifiers]
    # Controls need a classifier that learns: votes that are taken as they are know of no labels in training.
    control = next((family for family in study.classifiers if family != "given"), None)
    fitting = (
        delayed(guarded)(
            fit_family,
            study,
            family,
            fold,
            X,
            y,
            groups,
            conditions,
            with_controls=family == control,
            children=children,
        )
        for fold, family in tasks
    )
    fitted: list[FamilyAnswers] = []
    with Parallel(n_jobs=min(n_jobs, len(tasks)), return_as="generator", batch_size=1) as parallel:
        for outcome in parallel(fitting):
            fitted.append(or_raise(outcome))
            if on_task is not None:
                on_task(len(fitted), len(tasks))
    return fitted


def guarded(work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return an expected error instead of raising it: a worker's traceback is nothing for the user."""
    try:
        return work(*arguments, **options)
    except EmofuseError as error:
        where = "; ".join(getattr(error, "__notes__", []))
        return StudyError(f"{error} ({where})" if where else str(error))


def or_raise(outcome: Any) -> Any:
    """Raise what :func:`guarded` returned in place of an answer."""
    if isinstance(outcome, EmofuseError):
        raise outcome
    return outcome
