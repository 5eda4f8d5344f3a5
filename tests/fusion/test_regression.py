"""Fusion of numbers: what is learned is learned out of fold, and a modality may be absent anywhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.regression_recipes import expert_regressor, final_regressor, front_of_values
from emofuse.features.errors import EmofuseWarning, ProtocolError, StudyError, TableError
from emofuse.fusion.blocks import join_blocks, select_block
from emofuse.fusion.early_regression import EarlyRegression
from emofuse.fusion.regression import HybridRegression, LateRegression
from emofuse.fusion.value_experts import fit_value_experts
from emofuse.fusion.value_rules import learn_value_weights, weighted_values
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin, clone

RULES = ("mean", "median", "weighted", "stacking")
every_rule = pytest.mark.parametrize("rule", RULES)


class Rememberer(RegressorMixin, BaseEstimator):
    """Answers 1 to a row whose group it was trained on, else 0; the group is the first column."""

    def fit(self, X, y):
        self.known_ = set(np.asarray(X)[:, 0].tolist())
        return self

    def predict(self, X):
        return np.array([float(group in self.known_) for group in np.asarray(X)[:, 0].tolist()])


def make_corpus(*, n_groups=8, n_clips=8, absent=True, seed=0):
    """A block table of two modalities that tell different halves of the target, each absent in some rows."""
    random = np.random.default_rng(seed)
    count = n_groups * n_clips
    halves = random.normal(size=(count, 2))
    blocks = {}
    for number, name in enumerate(("voice", "face")):
        values = random.normal(size=(count, 3))
        values[:, 0] = halves[:, number] + 0.2 * values[:, 0]
        if absent:
            values[number * 3 :: 9] = np.nan
        blocks[name] = pd.DataFrame(values, columns=[f"{name}{column}" for column in range(3)])
    return join_blocks(blocks), halves.sum(axis=1), np.repeat(np.arange(n_groups), n_clips)


def make_experts(family="linear"):
    return {name: expert_regressor(family) for name in ("voice", "face")}


def make_early(family="linear", **options):
    return EarlyRegression(
        {name: front_of_values(family) for name in ("voice", "face")}, final_regressor(family), **options
    )


def only(X, block):
    """The table with every other block absent."""
    return X.where(np.broadcast_to(X.columns.get_level_values(0) == block, X.shape))


@every_rule
def test_fusion_knows_more_than_either_modality(rule):
    X, y, groups = make_corpus()
    train = groups < 6
    fitted = LateRegression(make_experts(), rule=rule).fit(X[train], y[train], groups[train])
    answers = fitted.predict(X[~train])
    single = fitted.predict(only(X[~train], "voice"))
    assert np.corrcoef(answers, y[~train])[0, 1] > 0.8 > np.corrcoef(single, y[~train])[0, 1]


@every_rule
@pytest.mark.parametrize("block", ["voice", "face"])
def test_a_row_of_one_modality_gets_exactly_the_answer_of_its_own_model(rule, block):
    X, y, groups = make_corpus()
    fitted = LateRegression(make_experts(), rule=rule).fit(X, y, groups)
    own = select_block(X, block)
    present = own.notna().any(axis=1).to_numpy()
    alone = clone(expert_regressor("linear")).fit(own[present], y[present])
    np.testing.assert_array_equal(fitted.predict(only(X, block))[present], alone.predict(own[present]))


@every_rule
def test_a_row_of_nothing_gets_the_training_mean(rule):
    X, y, groups = make_corpus()
    nothing = X.iloc[:3].where(np.zeros((3, X.shape[1]), dtype=bool))
    for fusion in (
        LateRegression(make_experts(), rule=rule),
        make_early(),
        HybridRegression(make_experts(), make_early(), rule=rule),
    ):
        np.testing.assert_allclose(fusion.fit(X, y, groups).predict(nothing), y.mean())


@every_rule
def test_no_answer_out_of_fold_is_by_a_model_that_saw_the_group(rule):
    _, y, groups = make_corpus()
    X = join_blocks({name: pd.DataFrame({"group": groups, "other": 1.0}) for name in ("voice", "face")})
    fitted = LateRegression({name: Rememberer() for name in ("voice", "face")}, rule=rule).fit(X, y, groups)
    for scores in fitted.experts_.out_of_fold.values():
        assert scores.tolist() == [0.0] * len(y)
    assert fitted.experts_.experts["voice"].values(X).tolist() == [1.0] * len(y)
    assert not np.isnan(fitted.out_of_fold_).any()


def test_the_meta_regressor_is_judged_on_groups_it_was_not_fitted_on():
    X, y, groups = make_corpus(absent=False)
    fits = []

    class Meta(Rememberer):
        def fit(self, X, y):
            fits.append(len(y))
            return super().fit(X, y)

    fitted = LateRegression(make_experts(), rule="stacking", meta=Meta(), n_inner=4).fit(X, y, groups)
    assert fits == [64, *[48] * 4]
    assert fitted.out_of_fold_.tolist() == [0.0] * 64  # it has never met the answer that it is asked about


def test_weights_are_those_of_least_squares():
    random = np.random.default_rng(0)
    truth = random.normal(size=400)
    noise = random.normal(size=(2, 400))
    weights = learn_value_weights(np.stack([truth + 0.5 * noise[0], truth + noise[1]]), truth)
    np.testing.assert_allclose(weights, [0.8, 0.2], atol=0.05)  # inverse variances: 1 / .25 and 1
    np.testing.assert_allclose(learn_value_weights(np.stack([truth, truth]), truth), 0.5, atol=1e-6)
    assert 0 <= learn_value_weights(np.stack([truth, -truth]), truth)[1] < 0.01
    few = np.full((2, 400), np.nan)
    few[:, :19] = truth[:19]
    assert learn_value_weights(few, truth).tolist() == [0.5, 0.5]


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=3), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_a_weighted_answer_lies_between_the_answers(values, weights):
    column = np.array(values)[:, None]
    (answer,) = weighted_values(column, np.array(weights))
    assert column.min() - 1e-9 <= answer <= column.max() + 1e-9


def test_absent_experts_weigh_nothing():
    values = np.array([[1.0, np.nan, 1.0], [3.0, 3.0, np.nan]])
    assert weighted_values(values, np.array([0.75, 0.25])).tolist() == [1.5, 3.0, 1.0]
    assert weighted_values(values, np.array([1.0, 0.0])).tolist() == [
        1.0,
        3.0,
        1.0,
    ]  # a weight of 0 answers where it is alone


@pytest.mark.parametrize("family", ["linear", "boosted", "kernel"])
def test_early_fusion_answers_rows_of_some_blocks_by_a_model_of_those(family):
    X, y, _ = make_corpus()
    fitted = make_early(family, subsets=[("voice",)]).fit(X, y)
    own = select_block(X, "voice")
    present = own.notna().any(axis=1).to_numpy()
    columns = fitted.fronts_["voice"].transform(own[present])
    alone = clone(final_regressor(family)).fit(columns, y[present])
    np.testing.assert_allclose(fitted.predict(only(X, "voice"))[present], alone.predict(columns), rtol=1e-5, atol=1e-6)
    assert np.corrcoef(fitted.predict(X), y)[0, 1] > 0.7


def test_blocks_of_equal_weight_get_equal_variance_however_wide():
    random = np.random.default_rng(0)
    wide = pd.DataFrame(random.normal(size=(50, 30)))
    X = join_blocks({"wide": wide, "narrow": wide.iloc[:, :2] * 1e3})
    fronts = {name: front_of_values("linear") for name in ("wide", "narrow")}
    fitted = EarlyRegression(fronts, final_regressor("linear")).fit(X, random.normal(size=50))
    joined = fitted.layout_.joined(*[dict(fitted._readied(X)[0]), np.ones((2, 50), dtype=bool)])
    np.testing.assert_allclose(joined[:, :30].var(axis=0).sum(), joined[:, 30:].var(axis=0).sum(), rtol=1e-3)


@every_rule
def test_hybrid_leaves_a_row_of_one_block_to_its_expert(rule):
    X, y, groups = make_corpus()
    fitted = HybridRegression(make_experts(), make_early(subsets=[("voice",)]), rule=rule).fit(X, y, groups)
    voice = only(X, "voice")
    present = voice.notna().any(axis=1).to_numpy()
    np.testing.assert_array_equal(
        fitted.predict(voice)[present], fitted.experts_.experts["voice"].values(voice)[present]
    )
    assert np.corrcoef(fitted.predict(X), y)[0, 1] > 0.8


def test_too_few_rows_for_a_meta_regressor_are_said_and_averaged():
    X, y, groups = make_corpus(n_groups=4, n_clips=4, absent=False)
    with pytest.warns(EmofuseWarning, match="stacking needs 20 training rows"):
        fitted = LateRegression(make_experts(), rule="stacking").fit(X, y, groups)
    np.testing.assert_allclose(fitted.predict(X), LateRegression(make_experts()).fit(X, y, groups).predict(X))


def test_a_block_that_an_inner_fold_lacks_altogether_is_no_obstacle():
    X, y, groups = make_corpus(absent=False)
    X.loc[groups != 3, "face"] = np.nan
    fitted = HybridRegression(make_experts(), make_early(), n_inner=8).fit(X, y, groups)
    assert not np.isnan(fitted.predict(X)).any()
    face = fitted.experts_.out_of_fold["face"]
    np.testing.assert_allclose(face[groups == 3], y[groups == 3].mean())  # one group: nothing to judge it on


def test_what_cannot_be_fitted_is_refused():
    X, y, groups = make_corpus()
    with pytest.raises(ProtocolError, match="two groups in the training rows"):
        LateRegression(make_experts()).fit(X, y, np.zeros(len(y)))
    with pytest.raises(TableError, match="no finite number"):
        LateRegression(make_experts()).fit(X, np.where(groups == 0, np.nan, y), groups)
    with pytest.raises(StudyError, match="knows mean, median, weighted and stacking, got 'vote'"):
        LateRegression(make_experts(), rule="vote").fit(X, y, groups)
    with pytest.raises(StudyError, match="one block at least"):
        fit_value_experts({}, X, y)
    with pytest.raises(StudyError, match="needs blocks and positive weights"):
        make_early(weights={"voice": 0.0}).fit(X, y)
    with pytest.raises(StudyError, match=r"subsets name the blocks \['text'\]"):
        make_early(subsets=[("text",)]).fit(X, y)
    with pytest.raises(StudyError, match="cannot be called 'early'"):
        HybridRegression({"early": expert_regressor("linear")}, make_early()).fit(X, y, groups)
