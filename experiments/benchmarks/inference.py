"""A prediction against the bare library calls in it, from a warm model on one thread; memory; a cold process.

Models are trained on random numbers: what is measured is the work, not the answer. Everything runs on one thread.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...classifiers.recipes import expert_pipeline
from ...features.extractors import make_extractor
from ...fusion.blocks import join_blocks
from ...fusion.late import LateFusion
from ...inference.bundle import save_bundle
from ...inference.predictor import Model, load
from . import Options, Row
from .text import made_up_utterances

RATE_HZ, CLIP_S, EEG_RATE_HZ, EEG_S = 16_000, 3, 256, 2
N_ROWS, N_CLASSES, N_CALLS, N_QUICK = 420, 7, 120, 1
SENTENCE = "I can not believe that you really did this to me, but it is wonderful!"
EXTRACTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "audio": ("opensmile", {}),
    "face": ("face_image", {}),
    "eeg": ("eeg_band_power", {"sampling_rate_hz": float(EEG_RATE_HZ)}),
}
MOST_RATIO, MOST_P50_MS, MOST_P95_MS = 1.15, 3.0, 6.0
MOST_MB = {"all": 350.0, "text": 180.0}
MOST_COLD_S = 1.5


def write_model(path: Path, extractors: Mapping[str, tuple[str, dict[str, Any]]], *, text: bool = False) -> Path:
    """Train a model on random numbers (numbers boosted, text linear), and write it.

    Parameters
    ----------
    path : Path
    extractors : mapping of str to (str, dict)
        Name and parameters of the extractor of each block.
    text : bool, default=False
        Whether there is a block of text too.
    """
    random = np.random.default_rng(0)
    labels = np.array([f"class{number}" for number in np.arange(N_ROWS) % N_CLASSES])
    blocks: dict[str, Any] = {"text": pd.Series(made_up_utterances(N_ROWS))} if text else {}
    about: dict[str, dict[str, Any]] = {}
    if text:
        about["text"] = {
            "extractor": "text",
            "parameters": {},
            "kind": "text",
            "source": "text",
            "features": ["utterance"],
        }
    for name, (extractor, parameters) in extractors.items():
        made = make_extractor(extractor, parameters)
        names = made.get_feature_names_out().tolist()
        blocks[name] = pd.DataFrame(random.normal(size=(N_ROWS, len(names))), columns=names)
        about[name] = {
            "extractor": extractor,
            "parameters": parameters,
            "kind": "dense",
            "source": made.source_column,
            "features": names,
        }
    experts = {name: expert_pipeline("linear" if name == "text" else "boosted", about[name]["kind"]) for name in blocks}
    save_bundle(
        path,
        LateFusion(experts, n_inner=2).fit(join_blocks(blocks), labels),
        study={"name": path.stem},
        corpus={"name": "random numbers"},
        blocks=about,
        strategy="late_product",
        validation={},
        training={},
        licences=[],
    )
    return path


def clip() -> dict[str, Any]:
    """Return three seconds of sound like a voice, a photograph of a face, a sentence and two seconds of EEG."""
    from skimage.data import astronaut
    from skimage.transform import resize

    random = np.random.default_rng(1)
    times = np.arange(CLIP_S * RATE_HZ) / RATE_HZ
    voice = sum(np.sin(2 * np.pi * 150 * k * times + k) / k for k in range(1, 20)) * (1 + np.sin(2 * np.pi * 3 * times))
    picture = (255 * resize(astronaut()[:384, :], (480, 640))).astype(np.uint8)
    eeg = pd.DataFrame(random.normal(scale=10, size=(EEG_S * EEG_RATE_HZ, 4)), columns=["TP9", "AF7", "AF8", "TP10"])
    sound = (0.05 * voice + 0.002 * random.normal(size=len(times))).astype(np.float32)
    return {"audio": (sound, RATE_HZ), "image": picture, "text": SENTENCE, "eeg": eeg}


def bare_calls(model: Model, given: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """Return what each library does of a prediction, called as its documentation shows, on the same clip.

    openSMILE's functionals, dlib's detector and landmarks on the same size of picture, skimage's HOG of a face, scipy's
    spectrum of each EEG channel, scikit-learn's TF-IDF of the sentence, and XGBoost on one row for each booster.
    """
    import dlib
    import opensmile
    from scipy.signal import welch
    from skimage.feature import hog
    from sklearn.feature_extraction.text import TfidfVectorizer

    from ...features.faces import predictor_file
    from ...features.pictures import grey

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals, num_workers=1
    )
    sound, rate = given["audio"]
    detector, predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(predictor_file()))
    picture = grey(given["image"])
    box = detector(picture)[0]
    face = np.ascontiguousarray(picture[60:108, 240:288])
    words = TfidfVectorizer(ngram_range=(1, 2)).fit(made_up_utterances(N_ROWS))
    boosters = [
        (expert.known.part.parts[-1].booster, len(expert.known.part.parts[0].positions))
        for expert in model.bundle.model.experts  # type: ignore[union-attr]
        if expert.block != "text"
    ]
    rows = [(booster, np.zeros((1, width), dtype=np.float32)) for booster, width in boosters]
    return {
        "openSMILE": lambda: smile.process_signal(sound, rate),
        "dlib": lambda: (detector(picture), predictor(picture, box)),
        "skimage": lambda: hog(face, pixels_per_cell=(8, 8)),
        "scipy": lambda: welch(given["eeg"].to_numpy(), EEG_RATE_HZ, nperseg=EEG_RATE_HZ, axis=0),
        "scikit-learn": lambda: words.transform([SENTENCE]),
        "booster": lambda: [booster.inplace_predict(row) for booster, row in rows],
    }


def benchmark(options: Options) -> list[Row]:
    """Compare a prediction from everything with the bare calls in it, and measure texts, memory and a cold process."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        found = measure(options.folder, n_calls=N_QUICK if options.quick else N_CALLS)
    calls = found["calls"]
    bare = sum(taken for name, taken in calls.items() if not name.startswith("emofuse"))
    return [
        Row("prediction, all modalities", calls["emofuse"], bare, at_least=1 / MOST_RATIO, unit="ms"),
        Row("prediction, explained", calls["emofuse, explained"], bare, unit="ms"),
        Row("prediction, text, p50", found["text_ms"]["p50"], at_most=MOST_P50_MS, unit="ms"),
        Row("prediction, text, p95", found["text_ms"]["p95"], at_most=MOST_P95_MS, unit="ms"),
        *(Row(f"memory, {name}", found["memory_mb"][name], at_most=most, unit="MB") for name, most in MOST_MB.items()),
        Row("cold process, text", found["cold_s"], at_most=MOST_COLD_S),
    ]


def measure(folder: Path, *, n_calls: int = N_CALLS) -> dict[str, Any]:
    """Measure everything once; the calls take turns, so that a busy machine slows all of them.

    Returns
    -------
    dict
        ``calls`` (median milliseconds by name), ``ratio`` of a prediction to the sum of the bare calls, ``text_ms`` (p50, p95),
        ``memory_mb`` and ``cold_s``.
    """
    everything = write_model(folder / "all.emofuse", EXTRACTORS, text=True)
    text = write_model(folder / "text.emofuse", {}, text=True)
    model, given = load(everything), clip()
    model.warm()
    calls: dict[str, Callable[[], object]] = bare_calls(model, given)
    bare = list(calls)
    calls["emofuse"] = lambda: model.predict(**given, explain=False)
    calls["emofuse, explained"] = lambda: model.predict(**given)
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(n_calls):
        for name, call in calls.items():
            taken[name].append(_timed(call))
    medians = {name: 1e3 * float(np.median(times)) for name, times in taken.items()}
    words = load(text)
    words.warm()
    sentences = [
        f"{SENTENCE} {number}" for number in range(4 * n_calls)
    ]  # tokens of a sentence that was seen are remembered
    of_text = [1e3 * _timed(lambda said=said: words.predict(text=said)) for said in sentences]  # type: ignore[misc]
    return {
        "calls": medians,
        "ratio": medians["emofuse"] / sum(medians[name] for name in bare),
        "text_ms": {f"p{share}": float(np.percentile(of_text, share)) for share in (50, 95)},
        "memory_mb": {"all": _memory(everything, "clip()"), "text": _memory(text, "{'text': SENTENCE}")},
        "cold_s": min(_cold(text) for _ in range(min(5, n_calls))),
    }


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _memory(path: Path, given: str) -> float:
    """Return the resident megabytes of a process that has answered 50 times; the clip is made in a process of its own."""
    made = path.with_suffix(".clip.npz")
    if given == "clip()":
        own = clip()
        np.savez(made, audio=own["audio"][0], image=own["image"], eeg=own["eeg"].to_numpy())
    code = f"""
import numpy as np
from emofuse.inference.predictor import load
model = load({str(path)!r})
given = {{"text": {SENTENCE!r}}}
if {given == "clip()"}:
    import pandas as pd
    stored = np.load({str(made)!r})
    given |= {{"audio": (stored["audio"], {RATE_HZ}), "image": stored["image"]}}
    given["eeg"] = pd.DataFrame(stored["eeg"], columns=["TP9", "AF7", "AF8", "TP10"])
for _ in range(50):
    model.predict(**given)
for line in open("/proc/self/status"):
    if line.startswith("VmRSS"):
        print(line.split()[1])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout) / 1024


def _cold(path: Path) -> float:
    """Return the seconds of ``emofuse predict --text`` from start to end of its process."""
    command = [sys.executable, "-c", "from emofuse.cli import main; main()", "predict", str(path), "--text", SENTENCE]
    return _timed(lambda: subprocess.run(command, check=True, capture_output=True))
