"""SIGTERM as an exception: what is half-written is cleaned up on the way out, as after Ctrl-C, and not left where it lies.

A scheduler of a cluster, a container's host and ``timeout`` all stop a process that way.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATED = 128 + signal.SIGTERM  # the exit status by which a shell tells of it


class Terminated(SystemExit):
    """The process was asked to end; its exit status says so."""


@contextmanager
def stopping_on_sigterm() -> Iterator[None]:
    """Have SIGTERM raise :class:`Terminated` in the main thread, once, within the block; in other threads do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(_: int, __: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # impatience must not interrupt what cleans up
    raise Terminated(TERMINATED)
