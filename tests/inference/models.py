"""Small trained models, each fitted once on features made here and written to a file of its own."""

from __future__ import annotations

import hashlib
import io
import json
import wave
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from emofuse.classifiers.recipes import expert_pipeline, final_classifier, front_pipeline
from emofuse.experiments.blocks import normalise_speakers
from emofuse.features.extractors import make_extractor
from emofuse.features.speaker_statistics import Statistics
from emofuse.fusion.blocks import join_blocks
from emofuse.fusion.early import EarlyFusion
from emofuse.fusion.hybrid import HybridFusion
from emofuse.fusion.late import LateFusion
from emofuse.inference.bundle import save_bundle
from emofuse.inference.predictor import Model, load
from skimage import data

CLASSES = ("angry", "happy", "sad")
PITCHES_HZ = (120.0, 200.0, 330.0)
RATE_HZ = 16_000
SENTENCES = ("I hate this, go away!", "What a lovely day, I love it!", "I miss her so much, I cried ...")
ENDINGS = ("", " Really.", " So it is.", " You know?")
N_ROWS = 48
SMALL: dict[str, dict[str, Any]] = {"boosted": {"n_rounds": 4, "max_depth": 2}, "linear": {}, "kernel": {}}


@dataclass(frozen=True)
class Made:
    """A model on disk, and what it was made of."""

    path: Path
    X: pd.DataFrame
    fusion: Any

    @cached_property
    def model(self) -> Model:
        """The model, read back."""
        return load(self.path)


class Models:
    """Makes each model when it is asked for, once.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables = cache(self._tables)
        self.text = cache(self._text)
        self.sound = cache(self._sound)
        self.picture = cache(self._picture)
        self.speakers = cache(self._speakers)

    def save(self, name: str, X: pd.DataFrame, fusion: Any, blocks: dict[str, dict[str, Any]], **about: Any) -> Made:
        """Write a fitted fusion to a file of this name."""
        path = self.folder / f"{name}.emofuse"
        save_bundle(path, fusion, blocks=described(X, blocks), **(ABOUT | about))
        return Made(path, X, fusion)

    def _tables(self, kind: str = "late", family: str = "linear", **options: Any) -> Made:
        """Two blocks of ready numbers, ``face`` and ``voice``, four columns each."""
        X, y, groups = table_rows()
        fusion = fuse(kind, family, {"face": "dense", "voice": "dense"}, **options).fit(X, y, groups)
        return self.save("-".join([kind, family, *map(str, options.values())]), X, fusion, READY)

    def _text(self, *, counts: bool = False, family: str = "linear", kind: str = "late") -> Made:
        """One block of words."""
        texts = pd.Series([f"{SENTENCES[row % 3]}{ENDINGS[row // 3 % 4]}" for row in range(24)], dtype=object)
        X = join_blocks({"words": texts})
        fusion = fuse(kind, family, {"words": "text"}, front={"counts": counts}).fit(X, *labels(24))
        return self.save(f"text-{counts}-{family}-{kind}", X, fusion, TEXT)

    def _sound(self) -> Made:
        """Sound whose pitch tells the class, by openSMILE, and words."""
        extractor = make_extractor("opensmile", {})
        rows = [extractor.extract_one((tone(row % 3, seed=row), RATE_HZ)) for row in range(12)]
        audio = pd.DataFrame(np.stack(rows), columns=extractor.get_feature_names_out())
        words = pd.Series([f"{SENTENCES[row % 3]}{ENDINGS[row % 4]}" for row in range(12)], dtype=object)
        X = join_blocks({"acoustic": audio, "words": words})
        fusion = fuse("late", "linear", {"acoustic": "dense", "words": "text"}).fit(X, *labels(12))
        return self.save("sound", X, fusion, {"acoustic": ("opensmile", {}, "dense", "audio")} | TEXT)

    def _picture(self) -> Made:
        """Grey pixels and gradients of a face, both by one extractor."""
        extractor = make_extractor("face_crop", {})
        names = [str(name) for name in extractor.get_feature_names_out()]
        rows = [extractor.extract_one(face(row % 3, seed=row)) for row in range(12)]
        table = pd.DataFrame(np.stack(rows), columns=names)
        parts = {part: table.filter(regex=f"^{prefix}_") for part, prefix in (("hog", "hog"), ("grey", "pixel"))}
        X = join_blocks(parts)
        fusion = fuse("late", "linear", {"hog": "dense", "grey": "dense"}, front={"n_components": 3})
        blocks = {name: ("face_crop", {}, "dense", "image") for name in parts}
        return self.save("picture", X, fusion.fit(X, *labels(12)), blocks)

    def _speakers(self) -> Made:
        """Two blocks of ready numbers, measured against each speaker's own mean and spread."""
        X, y, groups = table_rows()
        samples = pd.DataFrame({"group": groups}, index=X.index)
        plain = {name: X[name] for name in ("face", "voice")}
        made = join_blocks({name: normalise_speakers(block, samples) for name, block in plain.items()})
        overall = {name: Statistics.of(block.to_numpy(dtype=float)) for name, block in plain.items()}
        fusion = fuse("late", "linear", {"face": "dense", "voice": "dense"}).fit(made, y, groups)
        known = {name: (item.mean, item.variance) for name, item in overall.items()}
        return self.save("speakers", made, fusion, READY, speakers=known)


ABOUT: dict[str, Any] = {
    "study": {"name": "small"},
    "corpus": {"name": "small", "title": "Made here", "groups": "speaker", "licence": "MIT"},
    "strategy": "late_product",
    "validation": {},
    "training": {"n_samples": N_ROWS, "n_groups": 4},
    "licences": ["Made here: MIT"],
}
# Of each block: extractor, its parameters, kind, source.
READY = {name: ("table", {}, "dense", name) for name in ("face", "voice")}
TEXT = {"words": ("text", {}, "text", "text")}


def described(X: pd.DataFrame, blocks: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the blocks as a manifest has them."""
    fields = ("extractor", "parameters", "kind", "source")
    return {name: dict(zip(fields, about, strict=True)) | {"features": list(X[name])} for name, about in blocks.items()}


def labels(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes in turn, and four groups that have all of them."""
    return np.resize(CLASSES, count), np.resize(np.repeat(["s0", "s1", "s2", "s3"], 3), count)


def table_rows(seed: int = 0, count: int = N_ROWS) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return two blocks of four columns that tell the label, some absent; the labels; and the groups."""
    random = np.random.default_rng(seed)
    y, groups = labels(count)
    blocks = {}
    for place, name in enumerate(("face", "voice")):
        values = random.normal(size=(count, 4)) + 2 * np.eye(4)[(np.arange(count) + place) % 3]
        values[7 + place :: 11] = np.nan
        blocks[name] = pd.DataFrame(values, columns=[f"{name}_{column}" for column in range(4)])
    return join_blocks(blocks), y, groups


def fuse(kind: str, family: str, blocks: dict[str, str], *, front: dict[str, Any] | None = None, **options: Any) -> Any:
    """Return an unfitted fusion of one family, small enough to be fitted at once."""
    given = front or {}
    experts = {name: expert_pipeline(family, of_kind, **(SMALL[family] | given)) for name, of_kind in blocks.items()}
    fronts = {name: front_pipeline(family, of_kind, **given) for name, of_kind in blocks.items()}
    early = EarlyFusion(fronts, final_classifier(family, **SMALL[family]), n_inner=2)
    if kind == "early":
        return early.set_params(**options)
    fusion = LateFusion(experts, n_inner=2) if kind == "late" else HybridFusion(experts, early, n_inner=2)
    return fusion.set_params(**options)


def tone(code: int, *, seed: int = 0, seconds: float = 0.6) -> np.ndarray:
    """Return a sawtooth whose pitch tells the class, float32 from -1 to 1."""
    random = np.random.default_rng(seed)
    times = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    phase = times * PITCHES_HZ[code] * random.uniform(0.97, 1.03)
    return (0.3 * (2 * (phase % 1) - 1) + 0.005 * random.normal(size=len(times))).astype(np.float32)


def wav(samples: np.ndarray) -> bytes:
    """Return sound as the contents of a WAV file."""
    packed = io.BytesIO()
    with wave.open(packed, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return packed.getvalue()


def face(code: int, *, seed: int = 0) -> np.ndarray:
    """Return a face cut out, (64, 64, 3) uint8; the class tells how bright which half is."""
    random = np.random.default_rng(seed)
    picture = data.astronaut()[60:188, 160:288][::2, ::2].astype(float)
    picture[:32] *= (1.0, 0.6, 0.8)[code]
    return np.clip(picture + random.normal(scale=4, size=picture.shape), 0, 255).astype(np.uint8)


def rewritten(path: Path, change: Callable[[dict[str, bytes], dict[str, Any]], Any], *, sealed: bool = True) -> bytes:
    """Return a model file with its members and manifest changed, and all hashes, and the seal, made right again.

    Parameters
    ----------
    path : path
        Of a whole one.
    change : callable
        Takes the members beside the manifest, and the manifest; changes them.
    sealed : bool, default=True
        Whether the seal is made right, too.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(members, manifest)
    if isinstance(manifest.get("members"), dict):
        manifest["members"] = {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in members.items()
        }
    return packed({"manifest.json": json.dumps(manifest).encode(), **members}, sealed=sealed)


def packed(members: dict[str, bytes], *, sealed: bool = True) -> bytes:
    """Return members as a zip with a seal."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.comment = b"0" * 64
    return resealed(file.getvalue()) if sealed else file.getvalue()


def resealed(archive: bytes) -> bytes:
    """Return a file of the right shape with the seal made right."""
    return archive[:-64] + hashlib.sha256(archive[:-64]).hexdigest().encode()
