"""Generated corpora of any size: numbers of which no modality tells everything, so that fusing them is worth something."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..corpora import Corpus, CorpusInfo
from ..study import Study, parse_study

N_FEATURES = 120
ROWS_A_SPEAKER, LEAST_SPEAKERS = 50, 20
ABSENT_SHARE = 0.02
STRENGTH, OWN_VOICE = 0.35, 0.3  # of a class, and of a speaker, in standard deviations of the noise
INFO = CorpusInfo(
    name="generated",
    title="Generated numbers (made by a program; no person, no emotion)",
    licence="MIT",
    source="made by emofuse itself with a fixed seed",
    layout="none",
    groups="speaker",
    modalities=(),
    synthetic=True,
)


def generated_corpus(
    n_rows: int, *, n_classes: int = 8, n_blocks: int = 2, n_features: int = N_FEATURES, seed: int = 0
) -> Corpus:
    """Return a corpus whose blocks are ready tables ``block1``, ``block2``, ...

    Half of a block's columns lean with the class, half of those by their square. Each block takes two classes in turn for one,
    another two than the block before it, so that blocks tell together what none tells by itself. Speakers have an
    offset of their own in each column, and a modality is absent in two rows of a hundred.

    Parameters
    ----------
    n_rows : int
    n_classes : int, default=8
    n_blocks : int, default=2
    n_features : int, default=120
        Of all blocks together.
    seed : int, default=0
    """
    random = np.random.default_rng(seed)
    speakers = np.arange(n_rows) % max(LEAST_SPEAKERS, n_rows // ROWS_A_SPEAKER)
    codes = random.integers(n_classes, size=n_rows)
    names = pd.Index([f"{number:08d}" for number in range(n_rows)], dtype=object, name="sample")
    width = n_features // n_blocks
    tables = {
        f"block{number + 1}": pd.DataFrame(
            _block(random, _told(codes, number, n_classes), speakers, width),
            index=names,
            columns=[f"feature{column + 1}" for column in range(width)],
        )
        for number in range(n_blocks)
    }
    samples = pd.DataFrame(
        {
            "label": np.array([f"class{code + 1:02d}" for code in range(n_classes)], dtype=object)[codes],
            "group": np.array([f"speaker{number + 1}" for number in range(speakers.max() + 1)], dtype=object)[speakers],
        },
        index=names,
    )
    return Corpus(INFO, samples, tables)


def _told(codes: npt.NDArray[np.intp], number: int, n_classes: int) -> npt.NDArray[np.intp]:
    """Return what a block can tell of the class: of two classes all, of more which pair of neighbours it is of."""
    return codes if n_classes < 3 else (codes + number) % n_classes // 2


def _block(
    random: np.random.Generator, seen: npt.NDArray[np.intp], speakers: npt.NDArray[np.intp], width: int
) -> npt.NDArray[np.float32]:
    """Return columns of one block, shape (n_rows, width); ``seen`` is what the block can tell of the class."""
    told = max(1, width // 2)
    centres = random.normal(size=(seen.max() + 1, told)).astype(np.float32)
    offsets = random.normal(size=(speakers.max() + 1, width)).astype(np.float32)
    values = random.standard_normal((len(seen), width), dtype=np.float32)
    values += np.float32(OWN_VOICE) * offsets[speakers]
    values[:, :told] += np.float32(STRENGTH) * centres[seen]
    values[:, : told // 2] **= 2
    values[random.random(len(seen)) < ABSENT_SHARE] = np.nan
    return values


def generated_study(n_blocks: int = 2, **others: Any) -> Study:
    """Return the study of a generated corpus: trees, the whole matrix of fusions, five folds by speaker; or as ``others`` say."""
    values: dict[str, Any] = {
        "name": "generated",
        "corpus": "generated",
        "classifiers": ["boosted"],
        "protocol": {"name": "group_kfold"},
        "blocks": {
            f"block{number + 1}": {"extractor": "table", "table": f"block{number + 1}"} for number in range(n_blocks)
        },
    }
    return parse_study(values | others, source="benchmark")
