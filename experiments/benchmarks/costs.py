"""What an hour of recordings costs: core seconds of each kind of extraction on one core, and bytes in the store.

The figures of the cost model in the guide to scaling; CPU time is counted, so that a busy machine does little harm.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...features.base import Extractor
from ...features.eeg import MUSE
from ...features.extractors import make_extractor
from ...features.store import FeatureStore
from . import Options, Row
from .face_video import N_PICTURES, N_QUICK, RATE_HZ, moving_face
from .sound import corpus_files, write_voices
from .text import made_up_utterances

TURNS, QUICK_TURNS = 3, 1
SOUNDS: dict[str, tuple[str, dict[str, Any]]] = {
    "sound, eGeMAPS": ("opensmile", {}),
    "sound, ComParE": ("opensmile", {"feature_set": "ComParE_2016"}),
}
FACES_HZ = (5.0, 15.0)
EEG_RATE_HZ, EEG_S = 256.0, 120
N_TEXTS = 1000


def benchmark(options: Options) -> list[Row]:
    """Return core seconds for an hour of each kind (of EEG, windows of 2 s each second; of text, 1000 utterances)."""
    turns = QUICK_TURNS if options.quick else TURNS
    own = options.root is not None
    files = (
        corpus_files(options) if own else write_voices(options.folder / "voices", 16_000, 2 if options.quick else 30)
    )
    seconds = sum(_sound_s(path) for path in files)
    sounds = pd.DataFrame({"audio": [str(path) for path in files]}, index=[path.stem for path in files])
    rows = []
    for name, (extractor, parameters) in SOUNDS.items():
        rows += _rows(name, make_extractor(extractor, parameters), sounds, seconds / 3600, turns, options.folder)
    clip = options.folder / "face.mp4"
    n_pictures = N_QUICK if options.quick else N_PICTURES
    clip.write_bytes(moving_face(n_pictures))
    films = pd.DataFrame({"video": [str(clip)]}, index=["face"])
    for rate in FACES_HZ:
        extractor = make_extractor("face_video", {"rate_hz": rate})
        hours = n_pictures / RATE_HZ / 3600
        rows += _rows(f"face at {rate:g} pictures/s, 640 x 480", extractor, films, hours, turns, options.folder)
    rows += _rows("EEG, band powers", make_extractor("eeg_band_power", {}), *_windows(options), turns, options.folder)
    count = N_TEXTS // 10 if options.quick else N_TEXTS
    texts = pd.DataFrame({"text": made_up_utterances(count)}, index=[str(number) for number in range(count)])
    counts = make_extractor("text_counts", {})
    # Once: words that were seen are remembered.
    return rows + _rows("text, counts of 1000 utterances", counts, texts, count / 1000, 1, options.folder)


def _rows(name: str, extractor: Extractor, samples: pd.DataFrame, amount: float, turns: int, folder: Path) -> list[Row]:
    """Return core seconds for one unit of an amount, the median of turns, and what a row takes in a store."""
    extractor.extract(samples.iloc[:1])
    taken = []
    for _ in range(turns):
        start = time.process_time()
        found = extractor.extract(samples)
        taken.append(time.process_time() - start)
        if found.n_failed:
            raise RuntimeError(f"{name}: {found.n_failed} samples failed: {found.failures['message'].iloc[0]}")
    row = Row(f"{name}: of one core", float(np.median(taken)) / amount)
    if len(samples) == 1:  # an empty store is larger than its row
        return [row]
    place = folder / f"store_{len(list(folder.iterdir()))}"
    extractor.extract(samples, store=FeatureStore(place))
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return [row, Row(f"{name}: store, a sample", size / len(samples) / 1000, unit="kB")]


def _sound_s(path: Path) -> float:
    import soundfile

    return float(soundfile.info(path).duration)


def _windows(options: Options) -> tuple[pd.DataFrame, float]:
    """Return a table of windows of made-up EEG, one a second, and their hours."""
    from ...features.windows import window_table

    seconds = 8 if options.quick else EEG_S
    values = np.random.default_rng(0).normal(scale=20, size=(int(EEG_RATE_HZ * seconds), len(MUSE))).round(3)
    path = options.folder / "eeg.csv"
    pd.DataFrame(values, columns=list(MUSE)).to_csv(path, index=False)
    recordings = pd.DataFrame({"eeg": {"recording": str(path)}})
    table, _ = window_table(recordings, window_s=2.0, step_s=1.0, sampling_rate_hz=EEG_RATE_HZ)
    return table, len(table) / 3600
