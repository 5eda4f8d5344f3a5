"""A bounded desk for the service: so many requests at work, so many waiting, and not one more."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from .limits import Limits

T = TypeVar("T")

RETRY_AFTER_S = 2


class OverloadedError(Exception):
    """The service cannot answer now, and may a little later; its text is one line."""


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


class Patience:
    """How long a task may go on; a task of many steps calls :meth:`check` between them.

    Parameters
    ----------
    seconds : float
        From now on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._over = False

    @property
    def left_s(self) -> float:
        """Seconds that are left; 0 once it is over."""
        return 0.0 if self._over else max(0.0, self._deadline - time.monotonic())

    def end(self) -> None:
        """Let the next check raise."""
        self._over = True

    def check(self) -> None:
        """Raise OverloadedError where the time is over."""
        if not self.left_s:
            raise self.error()

    def error(self) -> OverloadedError:
        """Return what there is to say once the time is over."""
        return OverloadedError(
            f"the answer takes longer than {self.seconds:g} s; send a shorter clip, or try again later"
        )


class Desk:
    """Threads that predict, and the places before them.

    A thread cannot be stopped from outside: a request that is given up keeps its place until its thread is done, so
    that there is never more work than there are places.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits) -> None:
        self.seconds = limits.seconds
        self.places = limits.at_work + limits.queued
        self.held = 0
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(limits.at_work, thread_name_prefix="emofuse")

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Hold one place.

        Raises
        ------
        OverloadedError
            All are taken.
        """
        with self._lock:
            if self.held >= self.places:
                raise OverloadedError("too many requests at once; try again in a moment")
            self.held += 1
        place = Place(self._executor)
        try:
            yield place
        finally:
            if place.future is None:
                self._release()
            else:
                place.future.add_done_callback(lambda _: self._release())

    def close(self) -> None:
        """Let running tasks end, and drop those that wait."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _release(self) -> None:
        with self._lock:
            self.held -= 1


class Place:
    """One request's place: its task runs in a thread of the desk."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.future: Future[Any] | None = None
        self._executor = executor

    async def run(
        self, task: Callable[[Patience], T], seconds: float, client_leaves: Callable[[], Awaitable[Any]] | None = None
    ) -> T:
        """Run a task, and wait for what it returns.

        Parameters
        ----------
        task : callable
            Gets its Patience; raises what it likes.
        seconds : float
            Longest time, waiting included.
        client_leaves : callable, optional
            Returns an awaitable that ends when nobody waits for the answer any more.

        Raises
        ------
        OverloadedError
            The time is over.
        ClientGoneError
        """
        patience = Patience(seconds)
        self.future = self._executor.submit(_begin, task, patience)
        answer = asyncio.wrap_future(self.future)
        waited: set[asyncio.Future[Any]] = {answer}
        leaving = None if client_leaves is None else asyncio.ensure_future(client_leaves())
        try:
            await asyncio.wait(
                waited | ({leaving} if leaving else set()), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if answer.done():
                return answer.result()
            if leaving is not None and leaving.done():
                raise ClientGoneError
            raise patience.error()
        finally:
            patience.end()
            answer.cancel()
            if leaving is not None:
                leaving.cancel()
                await asyncio.wait({leaving})


def _begin(task: Callable[[Patience], T], patience: Patience) -> T:
    patience.check()
    return task(patience)
