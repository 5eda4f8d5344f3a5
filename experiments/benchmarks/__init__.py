"""Speed against the plain loop a user would write; run by hand (``python -m emofuse.experiments.benchmarks.extraction``)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """One comparison: seconds of ours and of the plain loop, the fastest of several turns each, and what is aimed at."""

    name: str
    ours_s: float
    plain_s: float
    target: str


def side_by_side(ours: Callable[[], object], plain: Callable[[], object], *, repeats: int = 3) -> tuple[float, float]:
    """Time two functions in turns, so that a busy machine slows both; return the fastest seconds of each."""
    times: dict[Callable[[], object], list[float]] = {ours: [], plain: []}
    for _ in range(repeats):
        for function, taken in times.items():
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return min(times[ours]), min(times[plain])
