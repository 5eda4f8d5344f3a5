"""A clock that is set back in the middle of it: durations do not come from the time of day, and nothing is kept by it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from emofuse.features.store import FeatureStore
from emofuse.features.store_upkeep import info, verify

DAY_S = 86_400.0


def test_a_clock_that_jumps_back_loses_nothing(place, tmp_path, monkeypatch, command):
    monkeypatch.chdir(place)
    now = [time.time()]

    def jumping():
        now[0] -= DAY_S
        return now[0]

    monkeypatch.setattr(time, "time", jumping)
    monkeypatch.setattr(time, "time_ns", lambda: int(jumping() * 1e9))
    arguments = ("run", "study.toml", "--root", "corpus", "--store", tmp_path / "store", "--jobs", "1")
    for out in ("first", "second"):
        assert command(*arguments, "--out", tmp_path / out).status == 0
    found = [json.loads((tmp_path / out / "results.json").read_text(encoding="utf-8")) for out in ("first", "second")]
    rows = [row for results in found for row in results["rows"]]
    assert rows and all(row["fit_seconds"] >= 0 and row["predict_ms_per_sample"] >= 0 for row in rows)
    assert [row["metrics"] for row in found[0]["rows"]] == [row["metrics"] for row in found[1]["rows"]]
    assert info(tmp_path / "store").rows == len(FeatureStore(tmp_path / "store")) > 0
    assert verify(tmp_path / "store").is_whole
    answer = command("predict", "m.emofuse", "--eeg", next(Path("corpus/eeg").iterdir()), "--json")
    timing = json.loads(answer.out)["timing_ms"]
    assert min(timing.values()) >= 0
