"""Many samples at once: threads, few samples in flight, and no sample that kills the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from .errors import SampleError

T = TypeVar("T")
R = TypeVar("R")


def attempt_each(function: Callable[[T], R], items: list[T], n_jobs: int) -> Iterator[tuple[T, R | SampleError]]:
    """Yield each item with its result or its SampleError as they finish, few at a time in flight."""
    if n_jobs <= 1:
        for item in items:
            yield item, attempt(function, item)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(n_jobs) as pool:
        running: dict[Future[R | SampleError], T] = {}
        try:
            while True:
                for item in islice(waiting, 2 * n_jobs - len(running)):
                    running[pool.submit(attempt, function, item)] = item
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
        finally:
            for future in running:
                future.cancel()


def attempt(function: Callable[[T], R], item: T) -> R | SampleError:
    """Return what a function makes of an item, or the SampleError that says why it cannot."""
    try:
        return function(item)
    except SampleError as error:
        return error
    except MemoryError:
        return SampleError("too_large", "it needs more memory than there is; cut it into clips")
    except Exception as error:  # no sample may kill a batch, whatever a library makes of it
        return SampleError("unexpected", f"{type(error).__name__}: {error}; drop it and report it")
