"""The soak's own arithmetic: memory that grows is told from memory that has grown."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.experiments.benchmarks.soak import Asks, resident_mb, slope_an_hour


def test_the_slope_is_that_after_the_warm_up_whatever_a_moment_says():
    times_s = list(np.arange(3600.0))
    memory_mb = [300 + min(at, 1800) / 6 + 5 * at / 3600 + 40 * (at % 100 == 0) for at in times_s]
    assert slope_an_hour(times_s, memory_mb, 1800) == pytest.approx(5, abs=0.01)
    assert slope_an_hour(times_s, memory_mb, 0) > 50
    assert np.isnan(slope_an_hour(times_s[:1], memory_mb[:1], 0))


def test_every_kind_is_asked_for():
    asks = Asks(np.random.default_rng(0))
    drawn = [asks.draw() for _ in range(60)]
    assert {name for name, _ in drawn} == set(asks.kinds)
    assert all(isinstance(given, dict) for _, given in drawn)
    assert {key for _, given in drawn for key in given} >= {"audio", "image", "text", "eeg"}
    assert resident_mb() > 1
