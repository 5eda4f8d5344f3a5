"""A turn's context is what was said before it, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from emofuse.features.dialogue import check_context, context_texts
from emofuse.features.errors import TableError
from hypothesis import given
from hypothesis import strategies as st


def dialogue(*speakers, **columns):
    """A dialogue in which turn n of speaker s says "sn"."""
    texts = [f"{speaker}{turn}" for turn, speaker in enumerate(speakers)]
    columns = {"dialogue": "d", "turn": range(len(speakers))} | columns
    return pd.DataFrame({"text": texts, "group": list(speakers), **columns}, index=texts, dtype=object)


CONTEXTS = {
    "previous": ("previous", [None, "a0", "b1", "a2", "c3"]),
    "same-speaker": ("same_speaker", [None, None, "a0", None, "b1"]),
    "one-turn": (1, [None, "a0", "b1", "a2", "c3"]),
    "two-turns": (2, [None, "a0", "a0 b1", "b1 a2", "a2 c3"]),
    "more-than-there-are": (9, [None, "a0", "a0 b1", "a0 b1 a2", "a0 b1 a2 c3"]),
}


@pytest.mark.parametrize(("context", "expected"), CONTEXTS.values(), ids=CONTEXTS)
def test_context(context, expected):
    assert context_texts(dialogue(*"abacb"), context).tolist() == expected


@pytest.mark.parametrize("context", ["previous", "same_speaker", 3])
@given(order=st.permutations(range(8)))
def test_order_of_the_rows_does_not_matter(context, order):
    samples = pd.concat([dialogue(*"abab"), dialogue(*"ccda", dialogue="e")]).reset_index(drop=True)
    expected = context_texts(samples, context)
    pd.testing.assert_series_equal(context_texts(samples.iloc[list(order)], context), expected.iloc[list(order)])


@pytest.mark.parametrize("context", ["previous", "same_speaker", 2, 20])
@given(cut=st.integers(1, 6))
def test_later_turns_change_nothing(context, cut):
    samples = dialogue(*"abbabca")
    whole = context_texts(samples, context)
    assert context_texts(samples.iloc[:cut], context).tolist() == whole.tolist()[:cut]


def test_dialogues_are_kept_apart():
    samples = pd.concat([dialogue(*"ab"), dialogue(*"cd", dialogue="e")])
    assert context_texts(samples, "previous").tolist() == [None, "a0", None, "c0"]


def test_turns_are_numbers_whatever_they_are_written_as():
    samples = dialogue(*"abc", turn=["10", "9", "100.5"])
    assert context_texts(samples, "previous").tolist() == ["b1", None, "a0"]


def test_gap_in_the_numbers_is_passed_over():
    assert context_texts(dialogue(*"abc", turn=[0, 4, 7]), "previous").tolist() == [None, "a0", "b1"]


def test_earlier_turn_without_text_is_no_context():
    samples = dialogue(*"abc")
    samples.loc[["b1"], "text"] = None
    assert context_texts(samples, "previous").tolist() == [None, "a0", None]
    assert context_texts(samples, 2).tolist() == [None, "a0", "a0"]


def test_sample_outside_a_dialogue_has_no_context_and_needs_no_turn():
    samples = dialogue(*"abc", dialogue=["d", None, "d"], turn=[0, None, 1])
    assert context_texts(samples, "previous").tolist() == [None, None, "a0"]


def test_group_is_needed_only_where_the_speaker_matters():
    samples = dialogue(*"ab").drop(columns="group")
    assert context_texts(samples, "previous").tolist() == [None, "a0"]
    with pytest.raises(TableError, match=r"needs the columns \['group'\]; add them or drop the context"):
        context_texts(samples, "same_speaker")


@pytest.mark.parametrize("column", ["dialogue", "turn", "text"])
def test_missing_column_is_named(column):
    with pytest.raises(TableError, match=rf"the context of a turn needs the columns \['{column}'\]"):
        context_texts(dialogue(*"ab").drop(columns=column), "previous")


@pytest.mark.parametrize("turn", [None, np.nan, "third", np.inf])
def test_turn_without_a_number_is_named(turn):
    with pytest.raises(TableError, match=r"sample 'b1': turn .* of dialogue 'd' is no number"):
        context_texts(dialogue(*"abc", turn=[0, turn, 2]), "previous")


def test_repeated_turn_is_named():
    with pytest.raises(TableError, match=r"turn 1 of dialogue 'd' stands in samples \['b1', 'c2'\]; number them"):
        context_texts(dialogue(*"abc", turn=[0, 1, "1"]), "previous")


@pytest.mark.parametrize("context", ["next", 0, 21, True, 1.5, None, ["previous"]])
def test_unknown_context_is_refused(context):
    with pytest.raises(
        ValueError, match="context must be 'previous', 'same_speaker' or a number of turns from 1 to 20"
    ):
        check_context(context)


def test_table_is_left_as_it_was():
    samples = dialogue(*"aba", turn=["0", "1", "2"])
    before = samples.copy()
    context_texts(samples, 2)
    pd.testing.assert_frame_equal(samples, before)
