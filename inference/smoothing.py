"""Answers that follow each other, made steady: probabilities are smoothed, and a label is kept until another one earns it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..features.errors import SampleError

MARGIN = 0.1
LEADS_FOR = 3  # answers in a row after which a narrow lead counts as well


class Smoothing:
    """Exponential smoothing by a time constant, and a label with hysteresis.

    The smoothed probabilities move towards those of an answer by a share that depends on the time since the answer before,
    so that answers need not come at equal steps [1]_::

        smoothed = smoothed + (1 - exp(-step_s / smoothing_s)) * (answer - smoothed)

    The label changes only to a class whose smoothed probability is higher than its own by the margin, as a Schmitt
    trigger does [2]_, or which has been the highest for ``LEADS_FOR`` answers in a row.

    Parameters
    ----------
    smoothing_s : float
        Time constant; 63 % of a lasting change are reached after it. 0 smooths nothing.
    margin : float
        Difference of probabilities, 0 to 1; with 0 the label is always that of the highest.

    Attributes
    ----------
    probabilities : dict of str to float
        Smoothed; empty before the first answer.
    label : str or None

    Raises
    ------
    SampleError
        ``bad_smoothing``: a parameter is out of range.

    References
    ----------
    .. [1] Zumbach & Müller (2001), Operators on inhomogeneous time series, Int. J. Theoretical and Applied Finance 4(1).
    .. [2] Schmitt (1938), A thermionic trigger, J. Scientific Instruments 15(1).

    Examples
    --------
    >>> smoothing = Smoothing(smoothing_s=1.0, margin=0.2)
    >>> smoothing.add(0.0, {"happy": 0.6, "sad": 0.4})
    'happy'
    >>> smoothing.add(1.0, {"happy": 0.4, "sad": 0.6})
    'happy'
    >>> round(smoothing.probabilities["sad"], 3)
    0.526
    >>> smoothing.add(2.0, {"happy": 0.1, "sad": 0.9})
    'sad'
    """

    def __init__(self, smoothing_s: float, margin: float = MARGIN) -> None:
        if not 0 <= smoothing_s < math.inf:
            raise SampleError(
                "bad_smoothing", f"smoothing_s must be a number of seconds from 0 on, got {smoothing_s!r}"
            )
        if not 0 <= margin <= 1:
            raise SampleError("bad_smoothing", f"the margin of the hysteresis must be from 0 to 1, got {margin!r}")
        self.smoothing_s, self.margin = smoothing_s, margin
        self.probabilities: dict[str, float] = {}
        self.label: str | None = None
        self._time_s = 0.0
        self._leader, self._led = "", 0

    def add(self, time_s: float, probabilities: Mapping[str, float]) -> str:
        """Take the answer of a second in, not before the one before; return the label."""
        share = 1.0
        if self.probabilities and self.smoothing_s > 0:
            share = -math.expm1(-max(time_s - self._time_s, 0.0) / self.smoothing_s)
        self._time_s = time_s
        self.probabilities = {
            name: (before := self.probabilities.get(name, value)) + share * (value - before)
            for name, value in probabilities.items()
        }
        leader = max(self.probabilities, key=lambda name: self.probabilities[name])
        self._led = self._led + 1 if leader == self._leader else 1
        self._leader = leader
        kept = -math.inf if self.label is None else self.probabilities.get(self.label, -math.inf)
        lead = self.probabilities[leader] - kept
        if lead > 0 and (lead >= self.margin or self._led >= LEADS_FOR):
            self.label = leader
        return self.label or leader
