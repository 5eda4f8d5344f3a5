"""One instance a thread of what must not be shared between threads: an openSMILE, a face detector."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def per_thread(make: Callable[P, T]) -> Callable[P, T]:
    """Decorate a maker so that each thread makes one instance for each set of arguments, and keeps it."""
    of_thread = threading.local()

    @wraps(make)
    def instance(*args: P.args, **kwargs: P.kwargs) -> T:
        made: dict[str, T] = of_thread.__dict__
        key = repr((args, sorted(kwargs.items())))
        if key not in made:
            made[key] = make(*args, **kwargs)
        return made[key]

    return instance
