"""An hour of mixed predictions: does memory stay flat?

``OMP_NUM_THREADS=1 python -m emofuse.experiments.benchmarks.soak [--minutes 60] [--json FILE]``

One model of sound, faces, words and EEG is asked again and again, as one process of a service would be: for each modality,
for several at once, for inputs of other lengths each time, and for bad ones. After a warm-up of a sixth of the time, the
slope of the process's memory says how many megabytes an hour it grows.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ...features.errors import EmofuseError, EmofuseWarning
from ...inference.predictor import Model, load
from .inference import EXTRACTORS, RATE_HZ, clip, write_model
from .text import made_up_utterances

EVERY_S = 1.0
WARM_UP = 1 / 6  # of the time: libraries load their models, and the allocator finds its size
FLAT_MB_AN_HOUR = 16.0
NOISE_MB = 4.0  # of a run so short that an hour's slope cannot be told from it
N_TEXTS = 300  # few enough that the cache of words, whose bound is its own, is filled in the warm-up
SOUND_KINDS = ("WAV", "FLAC", "OGG", "MP3")
PICTURE_KINDS = ("JPEG", "PNG", "WEBP")


def soak(model: Model, seconds: float) -> dict[str, Any]:
    """Ask a model for some seconds; return what was asked, how memory went, and whether it stayed flat."""
    asks = Asks(np.random.default_rng(0))
    n_asked: Counter[str] = Counter()
    n_refused: Counter[str] = Counter()
    times_s, memory_mb = [], []
    begin = time.monotonic()
    following = 0.0
    while (now := time.monotonic() - begin) < seconds:
        if now >= following:
            times_s.append(now)
            memory_mb.append(resident_mb())
            following += EVERY_S
        name, given = asks.draw()
        n_asked[name] += 1
        try:
            answer = model.predict(**given)
            n_refused[name] += not any(said.present for said in answer.modalities.values())
        except EmofuseError:
            n_refused[name] += 1
    slope = slope_an_hour(times_s, memory_mb, seconds * WARM_UP)
    grown = slope * seconds * (1 - WARM_UP) / 3600
    return {
        "seconds": round(seconds, 1),
        "asked": dict(sorted(n_asked.items())),
        "refused": dict(sorted((name, count) for name, count in n_refused.items() if count)),
        "first_mb": round(memory_mb[0], 1),
        "warm_mb": round(float(np.interp(seconds * WARM_UP, times_s, memory_mb)), 1),
        "last_mb": round(memory_mb[-1], 1),
        "peak_mb": round(max(memory_mb), 1),
        "slope_mb_an_hour": round(slope, 2),
        "grown_mb": round(grown, 2),
        "flat": bool(slope <= FLAT_MB_AN_HOUR or grown <= NOISE_MB),
        "memory_mb": [[round(at, 1), round(value, 2)] for at, value in zip(times_s, memory_mb, strict=True)],
    }


def slope_an_hour(times_s: list[float], memory_mb: list[float], warm_s: float) -> float:
    """Return the median of the slopes between all pairs of samples after the warm-up, in MB an hour (Sen, 1968, JASA 63)."""
    from scipy.stats import theilslopes

    chosen = [(at, value) for at, value in zip(times_s, memory_mb, strict=True) if at >= warm_s]
    if len(chosen) < 2:
        return float("nan")
    step = -(-len(chosen) // 1000)  # a million pairs at most
    at, value = np.array(chosen[::step]).T
    return float(theilslopes(value, at).slope * 3600)


def resident_mb() -> float:
    """Return the memory that this process has in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Asks:
    """What is asked: each kind in turn by chance, each time another length, loudness or sentence."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.whole = clip()
        sentences = made_up_utterances(N_TEXTS)
        self.texts = [" ".join(random.choice(sentences, size=int(random.integers(1, 20)))) for _ in range(N_TEXTS)]
        self.kinds: dict[str, Callable[[], dict[str, Any]]] = {
            "sound": lambda: {"audio": self._sound()},
            "film's sound": lambda: {"audio": self._film()},
            "picture": lambda: {"image": self._picture()},
            "text": lambda: {"text": self._text()},
            "eeg": lambda: {"eeg": self._eeg()},
            "all": lambda: {"audio": self._sound(), "image": self._picture(), "text": self._text(), "eeg": self._eeg()},
            "bad": self._bad,
        }

    def draw(self) -> tuple[str, dict[str, Any]]:
        """Return a kind and what the model is given of it."""
        name = str(self.random.choice(list(self.kinds)))
        return name, self.kinds[name]()

    def _samples(self) -> Any:
        samples, _ = self.whole["audio"]
        return samples[: int(self.random.integers(RATE_HZ // 2, len(samples)))] * self.random.uniform(0.1, 1.0)

    def _sound(self) -> bytes:
        import soundfile as sf

        held = io.BytesIO()
        sf.write(held, self._samples(), RATE_HZ, format=str(self.random.choice(SOUND_KINDS)))
        return held.getvalue()

    def _film(self) -> bytes:
        import av

        held = io.BytesIO()
        with av.open(held, "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=RATE_HZ)
            stream.layout = "mono"
            frame = av.AudioFrame.from_ndarray(self._samples().astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate = RATE_HZ
            container.mux([*stream.encode(frame), *stream.encode()])
        return held.getvalue()

    def _picture(self) -> bytes:
        from PIL import Image

        held = io.BytesIO()
        size = int(self.random.integers(120, 640))
        image = Image.fromarray(self.whole["image"]).resize((size, size * 3 // 4))
        image.save(held, str(self.random.choice(PICTURE_KINDS)))
        return held.getvalue()

    def _text(self) -> str:
        return str(self.random.choice(self.texts))

    def _eeg(self) -> bytes:
        table = self.whole["eeg"].sample(frac=self.random.uniform(1.0, 3.0), replace=True, random_state=0)
        held: bytes = (table * self.random.uniform(0.5, 2.0)).round(3).to_csv(index=False).encode()
        return held

    def _bad(self) -> dict[str, Any]:
        bad: tuple[Callable[[], dict[str, Any]], ...] = (
            lambda: {"audio": self._sound()[: int(self.random.integers(1, 2000))]},
            lambda: {"audio": self._film()[: int(self.random.integers(1, 4000))]},
            lambda: {"image": self._picture()[: int(self.random.integers(1, 2000))]},
            lambda: {"eeg": self._eeg()[::-1]},
            lambda: {
                "audio": self.random.bytes(5000),
                "image": self.random.bytes(5000),
                "eeg": self.random.bytes(5000),
            },
            lambda: {"text": "\0" * 5000},
            lambda: {"audio": self._sound(), "start_s": 9.0},
            lambda: {"audio": "no such file.wav"},
            lambda: {"image": np.zeros((3, 3))},
            dict,
        )
        return bad[int(self.random.integers(len(bad)))]()


def main() -> None:
    """Soak a model, print how memory went, and keep it as JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path, help="keep the figures there")
    given = parser.parse_args()
    warnings.simplefilter("ignore", EmofuseWarning)
    with TemporaryDirectory() as folder:
        found = soak(load(write_model(Path(folder) / "soak.emofuse", EXTRACTORS, text=True)), 60 * given.minutes)
    for name, count in found["asked"].items():
        print(f"{name:14} {count:9,} asked  {found['refused'].get(name, 0):9,} with nothing to use")
    print(
        f"memory: {found['first_mb']:.0f} MB at first, {found['warm_mb']:.0f} MB warm, {found['last_mb']:.0f} MB in the end, "
        f"{found['peak_mb']:.0f} MB at most"
    )
    print(
        f"slope after the warm-up: {found['slope_mb_an_hour']:+.1f} MB an hour ({found['grown_mb']:+.1f} MB here): "
        f"{'flat' if found['flat'] else 'GROWING'}"
    )
    if given.json is not None:
        machine = {"python": platform.python_version(), "system": platform.platform(), "cpu_count": os.cpu_count()}
        given.json.write_text(json.dumps(found | {"machine": machine}, indent=1) + "\n", encoding="utf-8")
    raise SystemExit(0 if found["flat"] else 1)


if __name__ == "__main__":
    main()
