from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.linear import LinearClassifier
from emofuse.classifiers.scaling import Scaler
from emofuse.fusion.blocks import join_blocks
from sklearn.pipeline import make_pipeline

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]
EMOTIONS = np.array(["anger", "fear", "joy"])


@pytest.fixture
def make_blocks() -> Callable[..., Corpus]:
    """Return a maker of small corpora: a block table, its labels and its speakers."""

    def make(
        *,
        n_speakers: int = 5,
        n_clips: int = 4,
        strengths: dict[str, float] | None = None,
        emotions: np.ndarray = EMOTIONS,
        seed: int = 0,
    ) -> Corpus:
        random = np.random.default_rng(seed)
        codes = np.tile(np.repeat(np.arange(len(emotions)), n_clips), n_speakers)
        groups = np.repeat([f"speaker{number}" for number in range(n_speakers)], len(emotions) * n_clips)
        index = [f"{group}-{number}" for number, group in enumerate(groups)]
        blocks = {}
        for name, strength in (strengths or {"audio": 1.6, "face": 0.8}).items():
            values = random.normal(size=(len(codes), 4))
            values[:, :3] += strength * np.eye(3)[codes % 3]
            blocks[name] = pd.DataFrame(values, index=index, columns=[f"{name}{number}" for number in range(4)])
        return join_blocks(blocks), emotions[codes], groups

    return make


@pytest.fixture
def expert() -> Any:
    """Return an unfitted classifier of one block."""
    return make_pipeline(Scaler(), LinearClassifier())
