"""Late fusion in a dialogue: the turns around speak as one more expert, and nothing of it is learned in-sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.linear import LinearClassifier
from emofuse.features.errors import EmofuseWarning, StudyError
from emofuse.fusion.blocks import join_blocks
from emofuse.fusion.context import ContextModel, with_offsets
from emofuse.fusion.contextual import ContextFusion
from emofuse.fusion.dialogue import Turns, alone
from emofuse.fusion.fused import BlockRows
from emofuse.fusion.late import LateFusion
from sklearn.base import BaseEstimator, ClassifierMixin, clone

N_TURNS = 8
NAMES = np.array(["calm", "glad", "sad"])


class RecordingTrees(BoostedTrees):
    """Trees that note how many rows they were fitted on, and which they are asked about."""

    fits: list[set[bytes]] = []  # noqa: RUF012

    def _fit(self, X, codes, weights):
        RecordingTrees.fits.append({row.tobytes() for row in X})
        super()._fit(X, codes, weights)


def talk(n_dialogues=30, *, seed=0, signal=0.9, blocks=("words",)):
    """Dialogues in which a mood lasts, so that the turns around a turn tell of it; block table, labels, dialogues, turns."""
    random = np.random.default_rng(seed)
    count = n_dialogues * N_TURNS
    codes = np.repeat(random.integers(0, 3, size=n_dialogues), N_TURNS)
    index = [f"t{number}" for number in range(count)]
    found = {}
    for name in blocks:
        values = random.normal(size=(count, 3))
        values[np.arange(count), codes] += signal
        found[name] = pd.DataFrame(values, index=index, columns=[f"{name}{column}" for column in range(3)])
    dialogue = np.repeat(np.arange(n_dialogues), N_TURNS)
    turns = Turns(dialogue, np.tile(np.arange(N_TURNS, dtype=float), n_dialogues), np.tile([0, 1], count // 2))
    return join_blocks(found), NAMES[codes], np.array([f"d{number:02d}" for number in dialogue]), turns


def fusion(*blocks, **options):
    made = {name: LinearClassifier() for name in blocks or ("words",)}
    return ContextFusion(made, **({"meta": BoostedTrees(n_rounds=20), "n_inner": 3} | options))


@pytest.fixture(scope="module")
def learned():
    X, y, groups, turns = talk()
    return fusion().fit(X, y, groups, turns=turns)


@pytest.fixture(scope="module")
def learned_later():
    X, y, groups, turns = talk()
    return fusion(later=True, metric="macro_f1").fit(X, y, groups, turns=turns)


def right(given, y):
    return float((NAMES[given.argmax(axis=1)] == y).mean())


def test_who_hears_the_turns_around_knows_more(learned, learned_later):
    X, y, _, turns = talk(60, seed=1)
    by_itself = right(learned.predict_proba(X), y)
    assert right(learned.predict_proba(X, turns), y) > by_itself + 0.04
    assert right(learned_later.predict_proba(X, turns), y) > right(learned.predict_proba(X, turns), y) + 0.03
    np.testing.assert_array_equal(learned.predict(X), NAMES[learned.predict_proba(X).argmax(axis=1)])


def test_without_a_dialogue_the_experts_answer_alone(learned):
    X, _, _, turns = talk(4, seed=1)
    given = learned.predict_proba(X)
    plain = np.exp(learned.weights_[0] * learned.experts_.scores(X)[0])
    np.testing.assert_allclose(given, plain / plain.sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(learned.predict_proba(X, alone(len(X))), given)
    np.testing.assert_array_equal(learned.predict_proba(X, turns)[::N_TURNS], given[::N_TURNS])  # the first turns


@pytest.mark.parametrize("cut", [1, 3, N_TURNS - 1])
def test_who_does_not_hear_later_turns_answers_as_people_speak(learned, learned_later, cut):
    X, _, _, turns = talk(1, seed=2)
    first = np.arange(cut)
    whole, so_far = learned.predict_proba(X, turns), learned.predict_proba(X.iloc[:cut], turns.take(first))
    np.testing.assert_array_equal(so_far, whole[:cut])
    assert not np.allclose(
        learned_later.predict_proba(X.iloc[:cut], turns.take(first)), learned_later.predict_proba(X, turns)[:cut]
    )


def test_out_of_fold_answers_are_as_good_as_those_to_new_dialogues(learned):
    _, y, _, _ = talk()
    X, truth, _, turns = talk(60, seed=3)
    assert not np.isnan(learned.out_of_fold_).any()
    np.testing.assert_allclose(learned.out_of_fold_.sum(axis=1), 1)
    new = right(learned.predict_proba(X, turns), truth)
    assert right(learned.out_of_fold_, y) == pytest.approx(new, abs=0.08)


def test_labels_that_are_noise_teach_nothing():
    X, y, groups, turns = talk()
    wrong = np.random.default_rng(5).permutation(y)
    made = fusion(metric="macro_f1").fit(X, wrong, groups, turns=turns)
    assert right(made.out_of_fold_, wrong) == pytest.approx(1 / 3, abs=0.1)


def test_the_meta_classifier_is_judged_on_dialogues_it_has_not_heard():
    X, y, groups, turns = talk()
    RecordingTrees.fits = []
    made = fusion(meta=RecordingTrees(n_rounds=2)).fit(X, y, groups, turns=turns)
    *inner, whole = RecordingTrees.fits
    assert len(inner) == 3
    heard = len(whole)  # all turns but the first of each dialogue
    assert heard == 30 * (N_TURNS - 1)
    left_out = [whole - rows for rows in inner]
    assert set.union(*left_out) == whole and sum(map(len, left_out)) == heard
    assert all(len(rows) % (N_TURNS - 1) == 0 for rows in left_out)
    assert made.weights_.shape == (2,)


def test_weights_are_learned_and_noise_around_weighs_little():
    X, y, groups, turns = talk()
    order = np.random.default_rng(0).permutation(len(turns))
    mixed = Turns(turns.dialogue[order], turns.turn[order], turns.speaker[order])
    made = fusion().fit(X, y, groups, turns=mixed)
    assert made.weights_[-1] < 0.5 < fusion().fit(X, y, groups, turns=turns).weights_[-1]


def test_offsets_are_those_of_the_metric(learned, learned_later):
    np.testing.assert_array_equal(learned.offsets_, np.zeros(3))
    assert learned_later.offsets_.any()


def test_several_blocks_speak_and_may_be_absent():
    X, y, groups, turns = talk(blocks=("face", "words"))
    X.loc[X.index[::5], "face"] = np.nan
    X.loc[X.index[::10], "words"] = np.nan
    made = fusion("face", "words").fit(X, y, groups, turns=turns)
    assert made.weights_.shape == (3,)
    new, truth, _, there = talk(40, seed=4, blocks=("face", "words"))
    assert right(made.predict_proba(new, there), truth) > right(made.predict_proba(new), truth) + 0.02
    new.loc[:, "face"] = np.nan
    new.iloc[-1] = np.nan
    given = made.predict_proba(new, there)
    np.testing.assert_allclose(given.sum(axis=1), 1)
    assert not np.allclose(given[-1], made.experts_.prior)  # a turn of which nothing is known is known by the others
    np.testing.assert_allclose(made.predict_proba(new)[-1], made.experts_.prior)


def test_a_turn_of_which_nothing_is_known_is_not_moved_by_offsets(learned_later):
    X, *_ = talk(1, seed=4)
    X.iloc[2] = np.nan
    np.testing.assert_array_equal(learned_later.predict_proba(X)[2], learned_later.experts_.prior)


def test_dialogues_of_one_turn_leave_nothing_to_hear():
    X, y, groups, turns = talk()
    lone = Turns(np.arange(len(turns)), turns.turn, turns.speaker)
    with pytest.warns(EmofuseWarning, match="no training row has another turn around it"):
        made = fusion().fit(X, y, groups, turns=lone)
    assert made.meta_ is None
    new, _, _, there = talk(3, seed=1)
    np.testing.assert_array_equal(made.predict_proba(new, there), made.predict_proba(new))
    assert isinstance(made.fused_model(), ContextModel)


@pytest.mark.parametrize(
    ("turns", "options", "message"),
    [
        (None, {}, "context needs the dialogue and the turn of each row; give turns"),
        (alone(3), {}, "turns must be given of each of the 240 rows, got 3"),
        (alone(240), {"metric": "ece"}, r"offsets are learned for one of \['weighted_f1', .*\], got 'ece'"),
    ],
)
def test_what_cannot_be_learned_is_refused(turns, options, message):
    X, y, groups, _ = talk()
    with pytest.raises(StudyError, match=message):
        fusion(**options).fit(X, y, groups, turns=turns)


def test_a_class_that_no_turn_around_taught_gets_its_share(learned):
    rule = learned.context_rule()
    X, _, _, turns = talk(2, seed=1)
    scores = learned.experts_.scores(X)

    class TwoClasses:
        def apply(self, rows: Any) -> Any:
            return np.tile([0.25, 0.75], (len(rows), 1))

    known = type(rule)(rule.prior, False, TwoClasses(), np.array([0, 2]), rule.weights, rule.offsets)
    said = np.exp(known.neighbours(scores, turns)[1])
    np.testing.assert_allclose(said[1], rule.prior[1])
    np.testing.assert_allclose(said[[0, 2]], (1 - rule.prior[1]) * np.array([0.25, 0.75]))


def test_the_frozen_model_answers_to_the_last_bit(learned_later):
    X, _, _, turns = talk(5, seed=6)
    X.iloc[3] = np.nan
    model = learned_later.fused_model()
    present = ~X["words"].isna().all(axis=1).to_numpy()
    rows = {"words": BlockRows(X["words"].to_numpy(dtype=np.float32)[present], present)}
    np.testing.assert_array_equal(model.answer(model.ready(rows), turns), learned_later.predict_proba(X, turns))
    np.testing.assert_array_equal(model.answer(model.ready(rows)), learned_later.predict_proba(X))


def test_it_is_an_estimator_that_can_be_cloned_and_fitted_again(learned):
    X, y, groups, turns = talk()
    again = clone(fusion()).fit(X, y, groups, turns=turns)
    np.testing.assert_array_equal(again.out_of_fold_, learned.out_of_fold_)
    assert isinstance(again, LateFusion) and again.get_params(deep=False).keys() >= {"later", "metric", "meta"}
    assert issubclass(ContextFusion, (ClassifierMixin, BaseEstimator))
    free = fusion(balance="none").fit(X, y, None, turns=turns)
    assert not free.meta_.balanced and learned.meta_.balanced


def test_offsets_leave_probabilities_that_add_up():
    given = np.random.default_rng(0).dirichlet(np.ones(3), size=20)
    np.testing.assert_allclose(with_offsets(given, np.zeros(3)), given, atol=1e-6)
    moved = with_offsets(given, np.array([1.0, 0.0, -1.0]))
    np.testing.assert_allclose(moved.sum(axis=1), 1)
    np.testing.assert_allclose(np.log(moved[:, 0] / moved[:, 1]) - np.log(given[:, 0] / given[:, 1]), 1.0)
