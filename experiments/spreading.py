"""Work spread over the cluster that is in use, or over processes of this machine; its outcomes come in the order of its tasks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from joblib import Parallel, delayed

from ..features.cluster import Lost, cluster_in_use
from ..features.errors import ClusterError, EmofuseError, StudyError

R = TypeVar("R")


def spread(
    work: Callable[..., R], tasks: Sequence[tuple[Any, ...]], shared: tuple[Any, ...], *, n_jobs: int = 1
) -> Iterator[R]:
    """Yield ``work(*shared, *task)`` of each task, in order.

    Parameters
    ----------
    work : callable
        Of a module, so that another process finds it.
    tasks : sequence of tuple
    shared : tuple
        What all tasks need; a worker is sent it once.
    n_jobs : int, default=1
        Processes, where no cluster is in use.

    Raises
    ------
    EmofuseError
        What a task raised of it.
    ClusterError
        A task killed every worker that it was given to, or a process of this machine was killed.
    """
    cluster = cluster_in_use()
    if cluster is not None:
        for outcome in cluster.each(_guarded, tasks, (work, *shared)):
            if isinstance(outcome, Lost):
                raise ClusterError(
                    "a fit killed every worker that it was given to (out of memory?); start workers with more memory"
                )
            yield _or_raise(outcome)
        return
    with Parallel(n_jobs=max(1, min(n_jobs, len(tasks))), return_as="generator", batch_size=1) as parallel:
        outcomes = parallel(delayed(_guarded)(work, *shared, *task) for task in tasks)
        try:
            for outcome in outcomes:
                yield _or_raise(outcome)
        except BrokenProcessPool:
            raise ClusterError(
                "a process was killed in the middle of a fit (out of memory?); give fewer --jobs, what was extracted is kept"
            ) from None
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # joblib warns of the tasks that it is told to leave
                outcomes.close()


def _guarded(work: Callable[..., Any], *arguments: Any) -> Any:
    """Return an expected error instead of raising it: a worker's traceback is nothing for the user."""
    try:
        return work(*arguments)
    except EmofuseError as error:
        where = "; ".join(getattr(error, "__notes__", []))
        return StudyError(f"{error} ({where})" if where else str(error))


def _or_raise(outcome: Any) -> Any:
    if isinstance(outcome, EmofuseError):
        raise outcome
    return outcome
