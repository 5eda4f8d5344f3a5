"""The conditions of later questions: which modalities there are, what is absent, shuffled or lost, and how often."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.conditions import (
    DROP_RATES,
    MAX_PARTS,
    Conditions,
    drop_masks,
    masked,
    modalities_of,
    permuted,
    row_order,
)
from emofuse.fusion.blocks import join_blocks
from hypothesis import given
from hypothesis import strategies as st

FACES = {"extractor": "face_crop", "columns": ["hog_*"]}


@pytest.fixture(scope="module")
def table():
    """Six rows of two numeric blocks and a text."""
    rows = list("abcdef")
    values = {name: pd.DataFrame(np.arange(12.0).reshape(6, 2) + shift, rows) for name, shift in (("x", 0), ("y", 50))}
    return join_blocks(values | {"text": pd.Series(list("uvwxyz"), rows)})


def with_modalities(count):
    return Conditions({f"m{number}": (f"m{number}",) for number in range(count)}, {})


@pytest.mark.parametrize("count", range(1, MAX_PARTS + 1))
def test_up_to_five_modalities_are_there_in_every_combination(count):
    subsets = with_modalities(count).subsets
    assert len(subsets) == len(set(subsets)) == max(0, 2**count - 2)
    assert all(0 < len(subset) < count for subset in subsets)


def test_of_more_each_is_alone_and_each_is_left_out():
    subsets = with_modalities(7).subsets
    assert [len(subset) for subset in subsets] == [1] * 7 + [6] * 7
    assert len(set(subsets)) == 14


def test_blocks_of_one_source_are_one_modality(make_study):
    blocks = {
        "hog": FACES,
        "lbp": FACES | {"columns": ["lbp_*"]},
        "audio": {"extractor": "opensmile"},
        "words": {"extractor": "text"},
        "counts": {"extractor": "text_counts"},
        "table": {"extractor": "table", "table": "face"},
    }
    study = make_study(blocks=blocks)
    assert modalities_of(study, list(blocks)) == {
        "image": ("hog", "lbp"),
        "audio": ("audio",),
        "text": ("words", "counts"),
        "table": ("table",),
    }
    # A modality of one block is called as the block is, whatever its source; an absent block takes no part.
    assert modalities_of(study, ["words", "lbp"]) == {"words": ("words",), "lbp": ("lbp",)}


def test_a_declared_modality_goes_before_the_source(make_study):
    table = {"extractor": "table", "table": "face"}
    blocks = {
        "chest": table | {"modality": "body"},
        "wrist": table | {"modality": "body"},
        "hog": FACES | {"modality": "mouth"},
        "lbp": FACES | {"columns": ["lbp_*"], "modality": "eyes"},
    }
    assert modalities_of(make_study(blocks=blocks), list(blocks)) == {
        "body": ("chest", "wrist"),
        "hog": ("hog",),
        "lbp": ("lbp",),
    }


def test_what_is_absent_is_absent_with_all_its_blocks():
    conditions = Conditions({"face": ("hog", "lbp"), "audio": ("audio",)}, {})
    assert conditions.blocks_of(("face", "audio")) == ("hog", "lbp", "audio")
    assert conditions.block_subsets == [("hog", "lbp"), ("audio",)]


def test_masked_blocks_are_absent_and_others_untouched(table):
    found = masked(table, ("x", "text"))
    assert found["y"].isna().all(axis=None)
    pd.testing.assert_frame_equal(found[["x", "text"]], table[["x", "text"]])
    assert found.columns.equals(table.columns)


def test_permuted_blocks_move_together_and_others_stay(table):
    order = np.array([5, 0, 1, 2, 3, 4])
    found = permuted(table, ("y", "text"), order)
    assert found.index.equals(table.index) and found.columns.equals(table.columns)
    np.testing.assert_array_equal(found["y"], table["y"].to_numpy()[order])
    assert "".join(found["text", "utterance"]) == "zuvwxy"
    pd.testing.assert_frame_equal(found[["x"]], table[["x"]])
    assert (found.dtypes == table.dtypes).all()


def test_orders_are_drawn_by_seed_and_number():
    orders = {name: row_order(50, *name).tolist() for name in ((0, 0), (0, 1), (1, 0))}
    assert all(sorted(order) == list(range(50)) for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) == 3
    assert orders[0, 1] == row_order(50, 0, 1).tolist()


@given(st.sampled_from(DROP_RATES), st.integers(0, 1000))
def test_each_modality_of_each_row_is_lost_at_the_rate_on_its_own(rate, seed):
    there = drop_masks(3000, 3, rate, seed)
    assert there.shape == (3000, 3)
    np.testing.assert_allclose(there.mean(axis=0), 1 - rate, atol=0.05)
    if rate:
        assert abs(np.corrcoef(there[:, 0], there[:, 1])[0, 1]) < 0.1
    np.testing.assert_array_equal(there, drop_masks(3000, 3, rate, seed))
