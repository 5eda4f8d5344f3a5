"""The study of cut-out faces, on faces made of one: what it promises whatever the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.compare import make_strategy
from emofuse.experiments.study import load_study
from emofuse.features.face_crop import FaceCrop
from emofuse.fusion.blocks import join_blocks
from PIL import Image
from skimage import data

LABELS = np.array(["happy", "neutral", "sad"])[np.arange(24) % 3]


def faces(seed):
    """Return the astronaut's face cut out in 24 ways, its mouth drawn up or down or left as it is."""
    random = np.random.default_rng(seed)
    found = []
    for label in LABELS:
        left, top = random.integers(160, 178), random.integers(56, 70)
        picture = np.asarray(Image.fromarray(data.astronaut()).convert("L").crop((left, top, left + 108, top + 108)))
        mouth = picture[70:95].astype(float)
        bend = {"happy": 3, "neutral": 0, "sad": -3}[label] * np.square(np.linspace(-1, 1, 108))
        rows = np.clip(np.arange(25)[:, None] + bend, 0, 24).astype(int)
        bent = picture.copy()
        bent[70:95] = np.take_along_axis(mouth, rows, axis=0)
        found.append(np.asarray(Image.fromarray(bent).resize((48, 48), Image.Resampling.LANCZOS)))
    return found


@pytest.fixture(scope="module")
def study():
    return load_study("fer2013")


def blocks_of(study, pictures):
    """The block table of pictures, as the study cuts it out of one extraction."""
    rows = pd.DataFrame(
        [FaceCrop().extract_one(picture) for picture in pictures], columns=FaceCrop().get_feature_names_out()
    )
    return join_blocks(
        {name: rows.filter(regex=f"^{spec.columns[0].removesuffix('*')}") for name, spec in study.blocks.items()}
    )


@pytest.fixture(scope="module")
def tables(study):
    train, new = faces(0), faces(1)[:6]
    mirrored = [np.ascontiguousarray(picture[:, ::-1]) for picture in new]
    return tuple(blocks_of(study, pictures) for pictures in (train, new, mirrored))


@pytest.mark.parametrize("family", ["kernel", "boosted"])
@pytest.mark.parametrize("strategy", ["early", "late_product"])
def test_a_mirrored_face_gets_the_same_probabilities(study, tables, strategy, family):
    train, new, mirrored = tables
    small = study.changed(n_inner=2)
    fusion = make_strategy(small, strategy, family, list(study.blocks)).fit(train, LABELS)

    np.testing.assert_allclose(fusion.predict_proba(mirrored), fusion.predict_proba(new), atol=2e-3)


def test_all_blocks_are_of_one_extraction(study):
    assert {spec.extractor for spec in study.blocks.values()} == {"face_crop"}
    assert all(spec.parameters == {} for spec in study.blocks.values())
    assert set(study.near_copies) == {"image", "words"}
    assert (study.protocol.name, study.protocol.train, study.protocol.test) == ("official", ("train",), "validation")
