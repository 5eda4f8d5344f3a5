"""What is heard around a turn is what was said around it, in its dialogue, and nothing of the turn itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.features.errors import TableError
from emofuse.fusion.dialogue import Turns, alone, heard_around, turns_of

N_CLASSES = 2


def table(*speakers, **columns):
    """A dialogue with one turn of each speaker named."""
    index = [f"{who}{number}" for number, who in enumerate(speakers)]
    given = {"dialogue": "d", "turn": range(len(speakers)), "group": list(speakers)} | columns
    return pd.DataFrame(given, index=index)


def shares(count, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(N_CLASSES), size=count)


def parts(around):
    """The turn before, the speaker's own before, the mean before, and whether the turn before is the speaker's."""
    return np.split(around, [2, 4, 6], axis=1)


def test_the_turn_before_the_own_before_and_the_mean():
    given = shares(5)
    before, own, mean, same = parts(heard_around(given, turns_of(table(*"abaab"))))
    nothing = np.full(N_CLASSES, np.nan)
    np.testing.assert_allclose(before, [nothing, *given[:4]], rtol=1e-6)
    np.testing.assert_allclose(own, [nothing, nothing, given[0], given[2], given[1]], rtol=1e-6)
    np.testing.assert_allclose(mean, [nothing, *(given[:end].mean(axis=0) for end in range(1, 5))], rtol=1e-6)
    np.testing.assert_array_equal(same.ravel(), [np.nan, 0, 0, 1, 0])


def test_what_follows_is_what_came_before_the_other_way_round():
    given, samples = shares(6), table(*"abacca")
    both = heard_around(given, turns_of(samples), later=True)
    mirrored = heard_around(given, turns_of(samples.assign(turn=range(6, 0, -1))))
    np.testing.assert_array_equal(both[:, :7], heard_around(given, turns_of(samples)))
    np.testing.assert_array_equal(both[:, 7:], mirrored)


@pytest.mark.parametrize("later", [False, True])
def test_a_turn_does_not_hear_itself(later):
    given, turns = shares(6), turns_of(table(*"abbaba"))
    whole = heard_around(given, turns, later=later)
    for row in range(6):
        changed = given.copy()
        changed[row] = [0.99, 0.01]
        other = heard_around(changed, turns, later=later)
        np.testing.assert_array_equal(other[row], whole[row])
        heard = later or row < 5  # nobody hears the last turn who does not hear later ones
        assert np.array_equal(other, whole, equal_nan=True) != heard


@pytest.mark.parametrize("cut", range(1, 7))
def test_later_turns_change_nothing(cut):
    given, turns = shares(7), turns_of(table(*"abbabca"))
    whole = heard_around(given, turns)
    np.testing.assert_array_equal(heard_around(given[:cut], turns.take(np.arange(cut))), whole[:cut])


def test_dialogues_are_kept_apart_and_the_order_of_rows_does_not_matter():
    given, samples = shares(9), pd.concat([table(*"abab"), table(*"babab", dialogue="e").add_prefix("e", axis=0)])
    whole = heard_around(given, turns_of(samples), later=True)
    first = heard_around(given[:4], turns_of(samples[:4]), later=True)
    np.testing.assert_array_equal(whole[:4], first)
    order = np.random.default_rng(1).permutation(9)
    np.testing.assert_array_equal(heard_around(given[order], turns_of(samples.iloc[order]), later=True), whole[order])


def test_a_turn_of_which_nothing_is_known_says_nothing():
    given = shares(3)
    given[1] = np.nan
    before, _, mean, same = parts(heard_around(given, turns_of(table(*"abc"))))
    assert np.isnan(before[2]).all()
    np.testing.assert_allclose(mean[2], given[0], rtol=1e-6)
    assert same[2] == 0


def test_outside_a_dialogue_nobody_is_heard():
    samples = table(*"abc", dialogue=["d", None, "d"], turn=[0, None, 1])
    assert np.isnan(heard_around(shares(3), alone(3), later=True)).all()
    around = heard_around(shares(3), turns_of(samples))
    assert np.isnan(around[:2]).all()
    np.testing.assert_allclose(around[2, :2], shares(3)[0], rtol=1e-6)


def test_who_speaks_is_the_speaker_where_there_is_such_a_column():
    samples = table(*"aba")
    assert turns_of(samples).speaker.tolist() == [0, 1, 0]
    assert turns_of(samples.assign(group="d", speaker=["x", "x", "y"])).speaker.tolist() == [0, 0, 1]
    unknown = turns_of(samples.drop(columns="group"))
    assert unknown.speaker.tolist() == [-1, -1, -1]
    _, own, _, same = parts(heard_around(shares(3), unknown))
    assert np.isnan(own).all() and same[1:].ravel().tolist() == [0, 0]


def test_some_of_the_samples_hear_each_other_alone():
    turns = turns_of(table(*"abc")).take(np.array([0, 2]))
    assert isinstance(turns, Turns) and len(turns) == 2
    np.testing.assert_allclose(heard_around(shares(2), turns)[1, :2], shares(2)[0], rtol=1e-6)


@pytest.mark.parametrize("column", ["dialogue", "turn"])
def test_missing_columns_are_named(column):
    with pytest.raises(TableError, match=rf"the turns of a dialogue need the columns \['{column}'\]; add them"):
        turns_of(table(*"ab").drop(columns=column))


@pytest.mark.parametrize("turn", [None, "third", float("nan"), float("inf")])
def test_a_turn_without_a_number_is_named(turn):
    with pytest.raises(TableError, match=r"sample 'b1': turn .* of dialogue 'd' is no number"):
        turns_of(table(*"abc", turn=[0, turn, 2]))


def test_a_turn_that_stands_twice_is_named():
    with pytest.raises(TableError, match="turn 1 of dialogue 'd' stands in samples 'b1' and 'c2'; number them"):
        turns_of(table(*"abc", turn=[0, 1, "1"]))
