"""Work spread over the processes of a Dask cluster: workers that die, join late or come back lose nothing.

A cluster is a scheduler that runs somewhere (``tcp://host:8786``, started with ``dask scheduler`` and ``dask worker``) or
processes of this machine (``local:4``). While one is in use, extraction and the fitting of folds go there; whatever is
called inside ``with on_cluster(...)`` needs not know. Outcomes come in the order of the tasks, and are those of a local run.
"""

from __future__ import annotations

import logging
import platform
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from .batch import attempt
from .errors import ClusterError, SampleError

T = TypeVar("T")
R = TypeVar("R")

LOCAL = re.compile(r"local:([1-9]\d{0,3})")
PATIENCE_S = 30.0  # how long a scheduler is looked for, and workers waited for where there are none
LOOK_S = 3.0  # how often it is seen to that there are workers, while an outcome is waited for
# Tasks under way for each worker: one that it works on, one that waits there, and a few to come.
WAITING_A_WORKER = 6
MOST_LOSSES = 5  # of the scheduler, one after the other, while one task is waited for
# Of different versions of these, features or models would differ a little and silently.
SAME_VERSIONS = (
    "emofuse",
    "av",
    "dlib-bin",
    "librosa",
    "numpy",
    "opensmile",
    "pandas",
    "scikit-learn",
    "scipy",
    "soxr",
)

_in_use: ContextVar[Cluster | None] = ContextVar("cluster", default=None)


class Lost:
    """Outcome of a task that killed every worker it was given to."""


LOST = Lost()
WORKER_LOST = SampleError(
    "worker_lost", "every worker that measured it died (out of memory, or a crash in a library); cut it or drop it"
)


class Cluster:
    """The workers of one scheduler; made by :func:`on_cluster`.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    revive : callable, optional
        Starts anew what workers are missing, where that is up to us.

    Raises
    ------
    ClusterError
        No worker joins, one runs several threads, or its versions differ from those here.
    """

    def __init__(self, client: Any, revive: Callable[[], None] = lambda: None) -> None:
        self.client = client
        self.revive = revive
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError:
            raise ClusterError(
                f"no worker has joined the scheduler within {PATIENCE_S:.0f} s; start some: dask worker ADDRESS --nthreads 1"
            ) from None
        self._check_workers()

    def each(
        self, work: Callable[..., R], tasks: Iterable[tuple[Any, ...]], shared: tuple[Any, ...] = ()
    ) -> Iterator[R | Lost]:
        """Yield ``work(*shared, *task)`` of each task, in order; ``shared`` is sent to a worker once.

        A task whose worker died is done again by another; one that killed every worker it was given to is ``LOST``.

        Raises
        ------
        ClusterError
            The scheduler was lost.
        """
        held = self._share(work, shared)
        coming = iter(tasks)
        waiting: deque[tuple[tuple[Any, ...], Any]] = deque()
        window = losses = 0
        try:
            while True:
                if len(waiting) <= window // 2:  # how many workers there are is asked now and then, not for each task
                    window = WAITING_A_WORKER * max(1, self.n_workers())
                    for task in islice(coming, window - len(waiting)):
                        waiting.append((task, self._submit(held, task)))
                if not waiting:
                    return
                try:
                    outcome = self._outcome(waiting[0][1])
                except _BegunAnewError:
                    losses += 1
                    if losses > MOST_LOSSES:
                        raise self._gone() from None
                    held = self._share(work, shared)
                    waiting = deque((task, self._submit(held, task)) for task, _ in waiting)
                    continue
                losses = 0
                waiting.popleft()
                yield outcome
        finally:
            if self.client.status == "running":
                self.client.cancel([future for _, future in waiting], force=True)

    def attempt_each(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        size: int,
        then: Callable[[list[tuple[T, R]]], None] | None = None,
    ) -> Iterator[tuple[T, R | SampleError]]:
        """Yield each item with its result or its SampleError, as :func:`~.batch.attempt_each` does.

        Parameters
        ----------
        function : callable
            Sent to the workers.
        items : sequence
        size : int
            Items that travel together.
        then : callable, optional
            Called by the worker with what succeeded of the items that travelled together, before they are told of; again
            where it died before it told.
        """
        batches = [items[first : first + size] for first in range(0, len(items), size)]
        suspects: list[T] = []
        # What is sent with each task is there still when all workers have died, as one bad sample can make them.
        tasks = ((function, then, batch) for batch in batches)
        for batch, outcome in zip(batches, self.each(_attempt_batch, tasks), strict=True):
            if isinstance(outcome, Lost):
                suspects += batch
            else:
                yield from zip(batch, outcome, strict=True)
        for item in suspects:  # one of them is the culprit, and shows when each has the workers to itself
            [alone] = self.each(_attempt_batch, [(function, then, [item])])
            yield item, WORKER_LOST if isinstance(alone, Lost) else alone[0]

    def n_workers(self) -> int:
        """Return how many workers there are now; none where the scheduler does not answer."""
        try:
            return len(self.client.scheduler_info(n_workers=-1)["workers"])
        except (OSError, TimeoutError):
            return 0

    def see(self, path: str, expected: bytes) -> bool:
        """Return whether every worker reads the same bytes in a file, as on a shared file system."""
        return all(found == expected for found in self.client.run(_bytes_of, path).values())

    def _share(self, work: Callable[..., Any], shared: tuple[Any, ...]) -> Any:
        """Give the scheduler what all tasks need, as a task of its own: where every worker that has it dies, it is done again."""
        return self.client.submit(_unchanged, (work, shared), pure=False) if shared else (work, shared)

    def _await_scheduler(self) -> None:
        """Wait until the client has found a scheduler that was restarted, which it looks for by itself."""
        deadline = time.monotonic() + PATIENCE_S
        while self.client.status != "running":
            if self.client.status in ("closing", "closed") or time.monotonic() > deadline:
                raise self._gone()
            time.sleep(0.1)

    def _gone(self) -> ClusterError:
        lost = "all workers were lost" if self.client.status == "running" else "the scheduler was lost"
        return ClusterError(f"{lost}; what was extracted is kept, run again once they are back")

    def _submit(self, held: Any, task: tuple[Any, ...]) -> Any:
        return self.client.submit(_work_on, held, task, pure=False)

    def _outcome(self, future: Any) -> Any:
        from distributed import CancelledError
        from distributed.client import FutureCancelledError
        from distributed.comm.core import CommClosedError
        from distributed.scheduler import KilledWorker

        deadline = None
        while True:
            try:
                return future.result(timeout=LOOK_S)
            except KilledWorker:
                return LOST
            except TimeoutError:
                if future.done():  # it is what the work raised
                    raise
            except (CancelledError, FutureCancelledError, CommClosedError):
                self._await_scheduler()
                raise _BegunAnewError from None
            # Whoever started a worker gives up on one that dies time and again as it starts, as a bad sample makes it.
            self.revive()
            if self.n_workers():
                deadline = None
            elif deadline is None:
                deadline = time.monotonic() + PATIENCE_S
            elif time.monotonic() > deadline:
                raise self._gone()

    def _check_workers(self) -> None:
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        for address, about in workers.items():
            if about["nthreads"] != 1:
                raise ClusterError(
                    f"worker {address} runs {about['nthreads']} threads; start more workers with one each: "
                    "dask worker ADDRESS --nthreads 1 --nworkers N"
                )
        own = _versions()
        try:
            found = self.client.run(_versions)
        except ModuleNotFoundError as error:
            raise ClusterError(f"a worker has no {error.name!r}; install emofuse there as it is here") from None
        for address, versions in found.items():
            differing = [name for name in own if versions.get(name) != own[name]]
            if differing:
                name = differing[0]
                raise ClusterError(
                    f"worker {address} has {name} {versions.get(name)}, here it is {own[name]}; install the same versions there"
                )


class _BegunAnewError(Exception):
    """The scheduler was restarted, and knows of no task."""


@contextmanager
def on_cluster(scheduler: str | None) -> Iterator[Cluster | None]:
    """Use a cluster for whatever is extracted and fitted inside; None stays on this machine's threads and processes.

    Parameters
    ----------
    scheduler : str or None
        ``tcp://host:port`` (or ``tls://``), or ``local:N`` for N processes of this machine.

    Raises
    ------
    ClusterError
        There is no such scheduler, or its workers cannot be used.
    """
    if scheduler is None:
        yield None
        return
    local = LOCAL.fullmatch(scheduler)
    if local is None and not scheduler.startswith(("tcp://", "tls://")):
        raise ClusterError(f"--scheduler must be tcp://HOST:PORT, tls://HOST:PORT or local:N, got {scheduler!r}")
    try:
        import dask
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise ClusterError("a cluster needs the extra 'distributed': pip install 'emofuse[distributed]'") from None
    with ExitStack() as stack:
        for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of it is said in one line by us
        # Big tables are sent on purpose, once; workers that die are reported by what follows from it.
        settings = {
            "distributed.admin.large-graph-warning-threshold": "1GB",
            "distributed.deploy.lost-worker-timeout": "1s",
        }
        stack.enter_context(dask.config.set(settings))
        address: Any = scheduler
        revive: Callable[[], None] = lambda: None  # noqa: E731
        if local is not None:
            address = stack.enter_context(
                LocalCluster(  # type: ignore[no-untyped-call]
                    n_workers=int(local[1]),
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs="CRITICAL",
                )
            )
            revive = partial(address.scale, int(local[1]))
        try:
            client = stack.enter_context(
                Client(address, timeout=PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise ClusterError(
                f"no scheduler answers at {scheduler} ({type(error).__name__}); start one: dask scheduler --port 8786"
            ) from None
        client.register_plugin(_without_profiling(), name="emofuse")
        token = _in_use.set(Cluster(client, revive))
        try:
            yield _in_use.get()
        finally:
            _in_use.reset(token)


def cluster_in_use() -> Cluster | None:
    """Return the cluster of the innermost :func:`on_cluster`, if there is one."""
    return _in_use.get()


def _without_profiling() -> Any:
    """Return a plugin that keeps workers, those that join later too, from sampling their stacks for the dashboard.

    They do so every 10 ms, which takes a tenth of their core from our work.
    """
    from distributed import WorkerPlugin

    class WithoutProfiling(WorkerPlugin):
        def setup(self, worker: Any) -> None:
            for name in [name for name in worker.periodic_callbacks if name.startswith("profile")]:
                worker.periodic_callbacks.pop(name).stop()

    return WithoutProfiling()


def _unchanged(held: T) -> T:
    return held


def _work_on(held: tuple[Callable[..., R], tuple[Any, ...]], task: tuple[Any, ...]) -> R:
    work, shared = held
    return work(*shared, *task)


def _attempt_batch(
    function: Callable[[T], R], then: Callable[[list[tuple[T, R]]], None] | None, batch: Sequence[T]
) -> list[R | SampleError]:
    outcomes = [attempt(function, item) for item in batch]
    if then is not None:
        done = [
            (item, found) for item, found in zip(batch, outcomes, strict=True) if not isinstance(found, SampleError)
        ]
        if done:
            then(done)
    return outcomes


def _versions() -> dict[str, str]:
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in SAME_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _bytes_of(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None
