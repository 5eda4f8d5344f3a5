"""Make the synthetic demo corpus: voices, words, faces and EEG in which each modality tells a part of the emotion.

Nothing in it was recorded: it exists so that every command can be tried, and every claim of the report checked, on a
machine without a corpus. All numbers follow from one seed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.signal import lfilter

from ..features.errors import CorpusError
from ..features.media import FloatArray

SEED = 20_240_229
SAMPLES_FILE, FACE_FILE = "samples.csv", "face.csv"
N_SPEAKERS, CLIPS_A_CELL = 12, 6
RATE_HZ, EEG_RATE_HZ, EEG_S = 16_000, 128, 4
EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad")
ABSENT_SHARE = 0.05

# F0 factor, F0 range (octaves), loudness swing (dB), syllables a second, jitter: directions as reviewed in
# Juslin and Laukka (2003), Psychological Bulletin 129(5); sizes are ours, small enough that none suffices.
VOICE = {
    "angry": (1.18, 0.42, 9.0, 5.0, 0.022),
    "disgust": (0.92, 0.30, 6.0, 3.9, 0.020),
    "fear": (1.25, 0.24, 5.0, 5.4, 0.026),
    "happy": (1.20, 0.46, 7.0, 4.8, 0.012),
    "neutral": (1.00, 0.22, 4.0, 4.5, 0.010),
    "sad": (0.90, 0.16, 3.0, 3.6, 0.016),
}
FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
# Action units after Ekman and Friesen's prototypes, as listed in Du et al. (2014), PNAS 111(15).
UNITS = (
    "AU01",
    "AU02",
    "AU04",
    "AU05",
    "AU06",
    "AU07",
    "AU09",
    "AU10",
    "AU12",
    "AU15",
    "AU17",
    "AU20",
    "AU23",
    "AU25",
)
FACE = {
    "angry": {"AU04": 1.0, "AU07": 0.8, "AU23": 0.7},
    "disgust": {"AU09": 1.0, "AU10": 0.9, "AU17": 0.5},
    "fear": {"AU01": 0.9, "AU04": 0.5, "AU20": 0.8, "AU25": 0.5},
    "happy": {"AU06": 0.9, "AU12": 1.1, "AU25": 0.6},
    "neutral": {},
    "sad": {"AU01": 0.6, "AU04": 0.8, "AU15": 0.9},
}
CHANNELS = ("TP9", "AF7", "AF8", "TP10")
BANDS = ((1, 4), (4, 8), (8, 13), (13, 30), (30, 45))
EEG_GAIN = {
    "angry": (0.0, 0.0, -0.25, 0.30, 0.30),
    "disgust": (0.1, 0.15, -0.10, 0.15, 0.0),
    "fear": (0.0, 0.10, -0.35, 0.20, 0.35),
    "happy": (-0.1, 0.05, 0.10, 0.20, 0.10),
    "neutral": (0.0, 0.0, 0.25, -0.10, -0.10),
    "sad": (0.25, 0.25, 0.05, -0.20, -0.15),
}
WORDS = {
    "angry": ("furious", "unfair", "damn", "sick of", "outrageous"),
    "disgust": ("gross", "rotten", "filthy", "sickening", "nasty"),
    "fear": ("scared", "danger", "careful", "terrified", "help"),
    "happy": ("great", "love", "wonderful", "laughing", "yay"),
    "neutral": ("usual", "schedule", "report", "fine", "regular"),
    "sad": ("miss", "alone", "sorry", "lost", "crying"),
}
OPENERS = ("well", "listen", "you know", "honestly", "look", "so", "I mean", "right")
SUBJECTS = (
    "the neighbour",
    "my brother",
    "this meeting",
    "the dinner",
    "our teacher",
    "that letter",
    "the dog",
    "the bus",
)
VERBS = ("came", "was there", "happened", "stopped", "started", "left", "waited", "called")
TIMES = (
    "today",
    "again",
    "this morning",
    "after lunch",
    "at noon",
    "on Monday",
    "last night",
    "by the river",
)


def make_demo_corpus(folder: str | os.PathLike[str], *, seed: int = SEED) -> None:
    """Write the corpus into a folder, whole or not at all.

    Parameters
    ----------
    folder : path
        Gets ``samples.csv``, ``face.csv``, ``audio/`` (16 kHz WAV) and ``eeg/`` (CSV, microvolts, 128 Hz).
    seed : int

    Raises
    ------
    CorpusError
        The folder cannot be written.
    """
    target = Path(folder)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".demo-", dir=target.parent))
        try:
            _write(staging, seed)
            target.mkdir(exist_ok=True)
            for part in (
                "audio",
                "eeg",
                FACE_FILE,
                SAMPLES_FILE,
            ):  # the sample table last: it says the rest is there
                if (target / part).is_dir():
                    shutil.rmtree(target / part)
                (staging / part).replace(target / part)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise CorpusError(
            f"the demo corpus cannot be written to {str(target)!r}: {error.strerror}; choose another folder"
        ) from None


def _write(folder: Path, seed: int) -> None:
    import soundfile as sf

    random = np.random.default_rng(seed)
    for part in ("audio", "eeg"):
        (folder / part).mkdir()
    samples, faces, used = [], [], set[str]()
    for speaker in range(N_SPEAKERS):
        voice_hz = random.uniform(95, 140) if speaker % 2 else random.uniform(170, 230)
        tract = random.normal(1.0 if speaker % 2 == 0 else 0.9, 0.03)
        face_rest = random.gamma(1.2, 0.25, len(UNITS))
        brain = random.normal(0, 0.12, (len(CHANNELS), len(BANDS)))
        for emotion in EMOTIONS:
            for take in range(CLIPS_A_CELL):
                name = f"s{speaker + 1:02d}-{emotion}-{take + 1}"
                absent = random.random(4) < ABSENT_SHARE
                absent[random.integers(4)] = False
                sf.write(
                    folder / "audio" / f"{name}.wav",
                    _voice(random, emotion, voice_hz, tract),
                    RATE_HZ,
                    "PCM_16",
                )
                signals = np.round(_eeg(random, emotion, brain), 2)
                table = pd.DataFrame(signals.T, columns=list(CHANNELS))
                table.insert(0, "timestamps", np.round(np.arange(len(table)) / EEG_RATE_HZ, 6))
                table.to_csv(folder / "eeg" / f"{name}.csv", index=False)
                samples.append(
                    {
                        "id": name,
                        "audio": None if absent[0] else f"audio/{name}.wav",
                        "text": None if absent[1] else _utterance(random, emotion, used),
                        "eeg": None if absent[2] else f"eeg/{name}.csv",
                        "label": emotion,
                        "group": f"s{speaker + 1:02d}",
                    }
                )
                if not absent[3]:
                    faces.append({"id": name, **_face(random, emotion, face_rest)})
    pd.DataFrame(faces).round(4).to_csv(folder / FACE_FILE, index=False)
    pd.DataFrame(samples).to_csv(folder / SAMPLES_FILE, index=False)


def _voice(random: np.random.Generator, emotion: str, voice_hz: float, tract: float) -> FloatArray:
    """Return a source-filter voice: glottal pulses along an F0 contour, through the formants of a few vowels."""
    factor, octaves, swing_db, rate, jitter = VOICE[emotion]
    rate *= np.exp(random.normal(0, 0.14))
    count = 4 + int(random.integers(3))
    syllable = int(RATE_HZ / rate)
    length = count * syllable
    time = np.arange(length) / length
    contour = (
        octaves
        * random.lognormal(0, 0.3)
        * (np.sin(np.pi * (time * random.uniform(1, 2) + random.random())) - 0.4 * time)
    )
    f0 = voice_hz * factor * np.exp(random.normal(0, 0.10)) * 2.0**contour
    wander = np.repeat(random.normal(0, jitter * 2, length // 80 + 1), 80)[:length]
    phase = np.cumsum(f0 * (1 + wander) / RATE_HZ) % 1.0
    source = np.diff(np.maximum(0.0, np.sin(np.pi * np.minimum(phase / 0.6, 1.0))) ** 2, prepend=0.0)
    source = source + random.normal(0, 0.004 * (1 + 20 * jitter), length)
    sound = np.zeros(length)
    for number in range(count):
        part = slice(number * syllable, (number + 1) * syllable)
        envelope = np.hanning(syllable) * 10 ** (random.normal(0, swing_db / 2) / 20)
        vowel = FORMANTS_HZ[random.integers(len(FORMANTS_HZ))]
        sound[part] = envelope * _resonate(source[part], vowel, tract)
    silence = np.zeros(RATE_HZ // 20)
    sound = np.concatenate([silence, sound / np.abs(sound).max(), silence])
    sound = sound * 0.5 * 10 ** (random.normal(0, 3) / 20) + random.normal(0, 0.002, len(sound))
    return np.clip(sound, -1, 1).astype(np.float32)


def _resonate(source: npt.NDArray[np.float64], vowel: tuple[int, ...], tract: float) -> npt.NDArray[np.float64]:
    """Filter by two-pole resonators in cascade (Klatt 1980)."""
    for number, formant in enumerate(vowel):
        radius = np.exp(-np.pi * (60 + 40 * number) / RATE_HZ)
        first, second = -2 * radius * np.cos(2 * np.pi * formant * tract / RATE_HZ), radius**2
        source = lfilter([1 + first + second], [1, first, second], source)
    return source


def _utterance(random: np.random.Generator, emotion: str, used: set[str]) -> str:
    """Return a sentence that nobody in the corpus says twice: one word of feeling, sometimes of another feeling."""
    while True:
        told = emotion if random.random() < 0.55 else EMOTIONS[random.integers(len(EMOTIONS))]
        pick = [str(part[random.integers(len(part))]) for part in (OPENERS, SUBJECTS, VERBS, TIMES, WORDS[told])]
        end = "!" if random.random() < (0.6 if emotion in ("angry", "happy", "fear") else 0.15) else "."
        text = f"{pick[0]}, {pick[1]} {pick[2]} {pick[3]}, {pick[4]}{end}"
        key = text.rstrip(".!")
        if key not in used:
            used.add(key)
            return text


def _face(random: np.random.Generator, emotion: str, rest: npt.NDArray[np.float64]) -> dict[str, float]:
    strength = max(0.0, random.normal(0.75, 0.45))
    values = rest + random.normal(0, 0.42, len(UNITS))
    values += strength * np.array([FACE[emotion].get(unit, 0.0) for unit in UNITS])
    return {f"{unit}_r": float(value) for unit, value in zip(UNITS, np.clip(values, 0, 5), strict=True)}


def _eeg(random: np.random.Generator, emotion: str, brain: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return 1/f noise of shape (n_channels, n_samples) in microvolts, with band gains of the emotion and the person."""
    length = EEG_RATE_HZ * EEG_S
    frequency = np.fft.rfftfreq(length, 1 / EEG_RATE_HZ)
    shape = 1 / np.maximum(frequency, 1.0)
    state = random.normal(0, 0.22, len(BANDS))
    signals = []
    for channel in range(len(CHANNELS)):
        gain = np.ones_like(frequency)
        for band, (low, high) in enumerate(BANDS):
            inside = (frequency >= low) & (frequency < high)
            gain[inside] = np.exp(1.1 * EEG_GAIN[emotion][band] + brain[channel, band] + state[band])
        spectrum = shape * gain * (random.normal(size=len(frequency)) + 1j * random.normal(size=len(frequency)))
        signals.append(np.fft.irfft(spectrum, length))
    stacked = np.array(signals)
    return stacked * (12.0 / stacked.std())
