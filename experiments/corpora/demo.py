"""The synthetic demo corpus: made on the spot where it is not there yet."""

from __future__ import annotations

from pathlib import Path

from ...features.samples import read_samples
from ...features.tables import read_feature_table
from ..demo import FACE_FILE, SAMPLES_FILE, make_demo_corpus
from .base import Corpus, CorpusInfo

INFO = CorpusInfo(
    name="demo",
    title="Synthetic demo corpus (made by a program; no person, no emotion)",
    licence="MIT",
    source="made by emofuse itself with a fixed seed",
    layout=f"{SAMPLES_FILE}, {FACE_FILE}, audio/*.wav, eeg/*.csv",
    groups="speaker",
    modalities=("audio", "text", "face", "eeg"),
    synthetic=True,
)


def read(root: Path) -> Corpus:
    """Read the corpus, making it first where the root has none."""
    if not (root / SAMPLES_FILE).is_file():
        make_demo_corpus(root)
    samples = read_samples(root / SAMPLES_FILE)
    face = read_feature_table(root / FACE_FILE, key="id")
    return Corpus(INFO, samples, {"face": face})
