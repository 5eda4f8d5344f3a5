"""What the library takes: seconds and memory, beside the plain loop that a user would write and beside what is aimed at.

``python -m emofuse.experiments.benchmarks [NAME ...] [--root RAVDESS] [--out FOLDER] [--quick]`` measures; each benchmark is a
file here with ``benchmark(options)``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

NAMES = (
    "sound",
    "face",
    "face_video",
    "text",
    "eeg",
    "costs",
    "fusion_matrix",
    "wide",
    "growth",
    "inference",
    "cold_start",
    "store",
    "streams",
    "load",
    "large_text",
)


class Options(NamedTuple):
    """What a benchmark may use.

    Attributes
    ----------
    folder : path
        An empty one, to write into.
    root : path or None
        RAVDESS with its OpenFace table, where there is one: some benchmarks have generated data in its place.
    quick : bool
        Whether sizes are so small that figures say nothing, and only that everything runs is seen.
    """

    folder: Path
    root: Path | None = None
    quick: bool = False


class Row(NamedTuple):
    """One figure, of which less is better; beside it that of the plain way, where there is one, and what is aimed at.

    Attributes
    ----------
    name : str
    ours : float
    plain : float or None
    at_least : float or None
        What the ratio of plain to ours is to be.
    at_most : float or None
        What ours is to be.
    unit : str
    """

    name: str
    ours: float
    plain: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float | None:
        """How many times as good as the plain way."""
        return None if self.plain is None else self.plain / max(self.ours, 1e-12)

    @property
    def target(self) -> str:
        """What is aimed at, in words; empty where nothing is."""
        words = [] if self.at_least is None else [f">= {self.at_least:g} x"]
        return ", ".join(words + ([] if self.at_most is None else [f"<= {self.at_most:g} {self.unit}".rstrip()]))

    @property
    def met(self) -> bool | None:
        """Whether it is reached; None where nothing is aimed at."""
        if self.at_least is None and self.at_most is None:
            return None
        fast = self.at_least is None or (self.ratio is not None and self.ratio >= self.at_least)
        return fast and (self.at_most is None or self.ours <= self.at_most)

    def as_json(self) -> dict[str, Any]:
        """Return the figures as they are kept."""
        own = {"name": self.name, "unit": self.unit, "ours": self.ours, "plain": self.plain, "ratio": self.ratio}
        return own | {"target": self.target, "met": self.met}


def side_by_side(ours: Callable[[], object], plain: Callable[[], object], *, repeats: int = 3) -> tuple[float, float]:
    """Time two functions in turns, so that a busy machine slows both; return the fastest seconds of each."""
    times: dict[Callable[[], object], list[float]] = {ours: [], plain: []}
    for _ in range(repeats):
        for function, taken in times.items():
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return min(times[ours]), min(times[plain])
