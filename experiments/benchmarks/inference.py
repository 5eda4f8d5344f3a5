"""A prediction against the bare library calls in it, from a warm model on one thread; memory; a cold process.

``OMP_NUM_THREADS=1 python -m emofuse.experiments.benchmarks.inference [--json FILE]``. Models are trained on random numbers: what
is measured is the work, not the answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from ...classifiers.recipes import expert_pipeline
from ...features.extractors import make_extractor
from ...fusion.blocks import join_blocks
from ...fusion.late import LateFusion
from ...inference.bundle import save_bundle
from ...inference.predictor import Model, load
from .text import made_up_utterances

RATE_HZ, CLIP_S, EEG_RATE_HZ, EEG_S = 16_000, 3, 256, 2
N_ROWS, N_CLASSES, N_CALLS = 420, 7, 120
SENTENCE = "I can not believe that you really did this to me, but it is wonderful!"
EXTRACTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "audio": ("opensmile", {}),
    "face": ("face_image", {}),
    "eeg": ("eeg_band_power", {"sampling_rate_hz": float(EEG_RATE_HZ)}),
}
LIMITS = {"ratio": 1.15, "text p50 ms": 3.0, "text p95 ms": 6.0, "all MB": 350, "text MB": 180, "cold s": 1.5}


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


def measure(folder: Path) -> dict[str, Any]:
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
    for _ in range(N_CALLS):
        for name, call in calls.items():
            taken[name].append(_timed(call))
    medians = {name: 1e3 * float(np.median(times)) for name, times in taken.items()}
    words = load(text)
    words.warm()
    sentences = [f"{SENTENCE} {number}" for number in range(400)]  # tokens of a sentence that was seen are remembered
    of_text = [1e3 * _timed(lambda said=said: words.predict(text=said)) for said in sentences]  # type: ignore[misc]
    return {
        "calls": medians,
        "ratio": medians["emofuse"] / sum(medians[name] for name in bare),
        "text_ms": {f"p{share}": float(np.percentile(of_text, share)) for share in (50, 95)},
        "memory_mb": {"all": _memory(everything, "clip()"), "text": _memory(text, "{'text': SENTENCE}")},
        "cold_s": min(_cold(text) for _ in range(5)),
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


def main() -> None:
    """Print the table, and write it as JSON where ``--json FILE`` asks for it."""
    with TemporaryDirectory() as folder:
        found = measure(Path(folder))
    print(f"{'call':28}{'median ms':>12}")
    for name, taken in found["calls"].items():
        print(f"{name:28}{taken:12.2f}")
    reached = {
        "ratio": found["ratio"],
        "text p50 ms": found["text_ms"]["p50"],
        "text p95 ms": found["text_ms"]["p95"],
        "all MB": found["memory_mb"]["all"],
        "text MB": found["memory_mb"]["text"],
        "cold s": found["cold_s"],
    }
    print(f"\n{'':28}{'measured':>12}{'limit':>12}")
    for name, limit in LIMITS.items():
        print(f"{name:28}{reached[name]:12.2f}{limit:12.2f}")
    if "--json" in sys.argv:
        Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
