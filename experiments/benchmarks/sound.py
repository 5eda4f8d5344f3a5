"""Speed of the acoustic extractors against the plain loops over opensmile that a user would write."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...features.acoustic import OpenSmileFunctionals
from ...features.base import Extractor
from ...features.per_thread import per_thread
from . import Options, Row, side_by_side

N_FILES, N_QUICK = 40, 1
N_THREADS = 2
DURATIONS_S = (3.0, 5.0)  # shortest and longest clip
PAUSE_S = 0.8  # before and after the voice, as in the studio recordings of RAVDESS
RATES_HZ = (16_000, 48_000)
SAME_LEVEL: dict[str, Any] = {"sampling_rate_hz": None, "trim_db": None, "rms": None}


def benchmark(options: Options) -> list[Row]:
    """Time extraction from files, ours and plain loops in turns, on two threads.

    Forty files of the corpus are read, or as many synthetic voices of 16 and of 48 kHz.
    """
    if options.root is not None:
        return _rows(corpus_files(options), "corpus", 0)
    count = N_QUICK if options.quick else N_FILES
    rows = []
    for rate in RATES_HZ[:1] if options.quick else RATES_HZ:
        rows += _rows(write_voices(options.folder / str(rate), rate, count), f"{rate // 1000} kHz", rate)
    return rows


def corpus_files(options: Options) -> list[Path]:
    """Return a few sound files of the corpus, from all over it."""
    assert options.root is not None
    found = sorted(path for ending in ("wav", "flac") for path in options.root.rglob(f"*.{ending}"))
    count = N_QUICK if options.quick else N_FILES
    return found[:: max(1, len(found) // count)][:count]


def _rows(files: list[Path], name: str, rate: int) -> list[Row]:
    fast = 2.5 if rate == max(RATES_HZ) else None  # what the recipe's 16 kHz save of 48
    rows = []
    for feature_set in ("eGeMAPSv02", "ComParE_2016"):
        own = OpenSmileFunctionals(feature_set, **SAME_LEVEL)
        recipe = OpenSmileFunctionals(feature_set)
        ideal = _ideal_loop(files, feature_set)
        of_opensmile = _process_files(files, feature_set)
        rows += [
            _row(f"{feature_set}, {name}, own rate / two-thread loop", own, files, ideal, 0.95),
            _row(f"{feature_set}, {name}, own rate / process_files", own, files, of_opensmile, 1.0),
            _row(f"{feature_set}, {name}, recipe / process_files", recipe, files, of_opensmile, fast),
        ]
    return rows


def _row(
    name: str, extractor: Extractor, files: list[Path], plain: Callable[[], object], at_least: float | None
) -> Row:
    samples = pd.DataFrame({"audio": [str(path) for path in files]}, index=[str(path) for path in files])
    return Row(name, *side_by_side(lambda: extractor.extract(samples, n_jobs=N_THREADS), plain), at_least)


def _ideal_loop(files: list[Path], feature_set: str) -> Callable[[], object]:
    """Return the best that the library allows: decode, analyse, one openSMILE a thread, nothing else."""
    import opensmile
    import soundfile

    smile = per_thread(lambda name: opensmile.Smile(opensmile.FeatureSet[name]))

    def one(path: Path) -> Any:
        return smile(feature_set)(*soundfile.read(path, dtype="float32"))

    def loop() -> None:
        with ThreadPoolExecutor(N_THREADS) as pool:
            list(pool.map(one, files))

    return loop


def _process_files(files: list[Path], feature_set: str) -> Callable[[], object]:
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet[feature_set], num_workers=N_THREADS)
    return lambda: smile.process_files([os.fspath(path) for path in files])


def write_voices(folder: Path, rate: int, count: int) -> list[Path]:
    """Write voice-like tones with pauses at both ends."""
    import soundfile

    folder.mkdir()
    random = np.random.default_rng(0)
    files = []
    for number in range(count):
        time_s = np.arange(round(random.uniform(*DURATIONS_S) * rate)) / rate
        phase = 2 * np.pi * np.cumsum(random.uniform(100, 250) + 30 * np.sin(5 * time_s)) / rate
        voice = 0.1 * np.sum([np.sin(order * phase) / order for order in range(1, 12)], axis=0)
        voice[(time_s < PAUSE_S) | (time_s > time_s[-1] - PAUSE_S)] = 0
        files.append(folder / f"{number}.wav")
        soundfile.write(files[-1], voice + 1e-4 * random.normal(size=len(time_s)), rate)
    return files
