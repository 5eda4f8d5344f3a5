from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.features.errors import TableError
from emofuse.fusion.blocks import check_blocks, join_blocks, present_rows, select_block

AUDIO = pd.DataFrame({"F0": [100.0, np.nan], "jitter": [0.1, np.nan]}, index=["a", "b"])
FACE = pd.DataFrame({"AU01": [1, 2]}, index=["a", "b"])
TEXT = pd.Series(["oh no", None], index=["a", "b"])


def test_blocks_stand_side_by_side_as_float32_and_texts_as_they_are() -> None:
    X = join_blocks({"audio": AUDIO, "face": FACE, "text": TEXT})

    assert X.columns.tolist() == [("audio", "F0"), ("audio", "jitter"), ("face", "AU01"), ("text", "utterance")]
    assert X.index.tolist() == ["a", "b"]
    assert set(X[["audio", "face"]].dtypes) == {np.dtype(np.float32)}
    assert X["text"]["utterance"].iloc[0] == "oh no"
    assert pd.isna(X["text"]["utterance"].iloc[1])


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({}, "at least one block"),
        ({"audio": AUDIO, "face": FACE.iloc[::-1]}, "block 'face' has other rows than the first"),
        ({"audio": AUDIO, "face": FACE.iloc[:1]}, "block 'face' has other rows than the first"),
        ({"audio": AUDIO.iloc[:0]}, "no rows"),
        ({"audio": AUDIO.set_axis(["a", "a"])}, "sample 'a' stands in several rows"),
        ({"audio": AUDIO.set_axis(["F0", "F0"], axis=1)}, r"column \('audio', 'F0'\) stands in the block table twice"),
        ({"audio": AUDIO.fillna(np.inf)}, r"block 'audio': columns \['F0', 'jitter'\] hold infinite values"),
        ({"audio": AUDIO.fillna(-1e39)}, r"block 'audio': columns \['F0', 'jitter'\] hold infinite values"),
    ],
)
def test_what_cannot_be_joined_is_refused(blocks: dict[str, pd.DataFrame], message: str) -> None:
    with pytest.raises(TableError, match=message):
        join_blocks(blocks)


@pytest.mark.parametrize("X", [AUDIO, AUDIO.to_numpy(), None, {"audio": AUDIO}])
def test_what_is_no_block_table_is_refused(X: Any) -> None:
    with pytest.raises(TableError, match=r"two-level columns \(block, feature\); see join_blocks"):
        check_blocks(X)


def test_a_block_has_the_features_of_training_in_their_order() -> None:
    X = join_blocks({"audio": AUDIO, "face": FACE})
    shuffled = X[[("face", "AU01"), ("audio", "jitter"), ("audio", "F0")]]

    assert select_block(shuffled, "audio", ["F0", "jitter"]).equals(X["audio"])
    assert select_block(shuffled, "audio").columns.tolist() == ["jitter", "F0"]


def test_blocks_whose_columns_are_interleaved_are_found() -> None:
    X = join_blocks({"audio": AUDIO, "face": FACE})[[("audio", "F0"), ("face", "AU01"), ("audio", "jitter")]]

    assert select_block(X, "audio", ["F0", "jitter"]).equals(AUDIO.astype(np.float32))


def test_features_that_differ_from_training_are_named() -> None:
    X = join_blocks({"audio": AUDIO})

    with pytest.raises(TableError, match=r"'audio' differs from training: missing \['HNR'\] \(1\), new \['F0'\] \(1\)"):
        select_block(X, "audio", ["jitter", "HNR"])


def test_a_missing_block_is_answered_with_those_there() -> None:
    with pytest.raises(TableError, match=r"block 'eeg' is missing; the table has \['audio', 'face'\]"):
        select_block(join_blocks({"face": FACE, "audio": AUDIO}), "eeg")


def test_a_row_is_absent_where_all_of_its_block_is_missing() -> None:
    X = join_blocks({"audio": AUDIO.assign(loudness=np.nan), "face": FACE, "text": TEXT})

    assert present_rows(X["audio"]).tolist() == [True, False]
    assert present_rows(X["text"]).tolist() == [True, False]
    assert present_rows(X).tolist() == [True, True]
