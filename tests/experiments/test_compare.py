"""One fold: what is computed once and shared equals what each strategy's own estimator answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.calibration import FLOOR
from emofuse.experiments.compare import evaluate_fold, make_strategy
from emofuse.experiments.protocols import Fold
from emofuse.experiments.study import LATE_RULES, STRATEGIES
from emofuse.features.errors import EmofuseError
from emofuse.fusion.blocks import join_blocks

BLOCKS = ["face", "voice", "text"]
FUSIONS = ("early", *LATE_RULES, "hybrid")
WORDS = {"happy": "great, love it", "neutral": "as usual", "sad": "so alone"}


@pytest.fixture(scope="module")
def data(make_corpus):
    """A block table of four groups in which some rows lack a block, or all, with labels, groups and one fold."""
    corpus = make_corpus(n_groups=4, n_per_group=18)
    random = np.random.default_rng(1)
    labels, groups = (corpus.samples[name].to_numpy(dtype=str) for name in ("label", "group"))
    texts = [WORDS[label] if random.random() < 0.7 else "well, you know" for label in labels]
    X = join_blocks(dict(corpus.tables) | {"text": pd.Series(texts, index=corpus.samples.index)})
    for row in random.choice(len(X), 24, replace=False):
        X.iloc[row, X.columns.get_level_values(0) == BLOCKS[row % 3]] = np.nan
    X.iloc[[5, 60]] = np.nan
    fold = Fold("s3", np.flatnonzero(groups != "s3"), np.flatnonzero(groups == "s3"))
    return X, labels, groups, fold


@pytest.fixture(scope="module")
def make(make_study):
    """A function that makes a study of two tables and a text."""

    def study(family="linear", recipe=None, **changes):
        blocks = {
            name: {"extractor": "table", "table": name, "weight": 0.5 + number, "recipes": {family: recipe or {}}}
            for number, name in enumerate(BLOCKS[:2])
        }
        blocks["text"] = {"extractor": "text", "recipes": {family: recipe or {}}}
        return make_study(blocks=blocks, classifiers=[family], early={family: recipe or {}}, **changes)

    return study


@pytest.fixture(scope="module", params=["linear", "kernel", "boosted"])
def evaluated(request, data, make):
    """A study, a family of classifiers, and what one fold gives with it."""
    study = make(request.param, {"n_rounds": 10} if request.param == "boosted" else None)
    X, labels, groups, fold = data
    return study, request.param, evaluate_fold(study, request.param, fold, X, labels, groups, np.unique(labels))


@pytest.mark.parametrize("strategy", [*FUSIONS, *(f"unimodal {name}" for name in BLOCKS)])
def test_answers_equal_those_of_the_strategys_own_estimator(evaluated, data, strategy):
    study, family, result = evaluated
    X, labels, groups, fold = data
    blocks = strategy.split()[1:] or BLOCKS
    alone = make_strategy(study, strategy.split()[0], family, blocks)
    alone.fit(X.iloc[fold.train], labels[fold.train], groups=groups[fold.train])
    shared = result.probabilities[strategy.split()[0], tuple(blocks), family]
    tolerance = FLOOR if strategy == "early" else 1e-9
    np.testing.assert_allclose(alone.predict_proba(X.iloc[fold.test]), shared, rtol=0, atol=tolerance)
    assert alone.classes_.tolist() == sorted(WORDS)


def test_early_fusion_weighs_the_blocks_as_the_study_says(make):
    assert make_strategy(make(), "early", "linear", BLOCKS).weights == {"face": 0.5, "voice": 1.5, "text": 1.0}


def test_majority_answers_the_class_shares_of_the_training_rows(evaluated, data):
    _, labels, _, fold = data
    shares = pd.Series(labels[fold.train]).value_counts(normalize=True).sort_index()
    answers = evaluated[2].probabilities["majority", (), "none"]
    np.testing.assert_allclose(answers, np.tile(shares, (len(fold.test), 1)))


def test_every_strategy_of_the_study_has_its_row(evaluated):
    study, family, result = evaluated
    assert {key[0] for key in result.probabilities} == set(study.strategies) == set(STRATEGIES)
    assert {key[1] for key in result.probabilities if key[0] == "unimodal"} == {(name,) for name in BLOCKS}
    assert {key[2] for key in result.probabilities} == {family, "none"}
    for answers in result.probabilities.values():
        np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-6)


def test_every_row_has_its_times(evaluated):
    result = evaluated[2]
    assert result.fit_seconds.keys() == result.predict_seconds.keys() == result.probabilities.keys()
    assert all(seconds >= 0 for seconds in (*result.fit_seconds.values(), *result.predict_seconds.values()))


def test_scores_are_log_probabilities_with_gaps_where_a_block_is_absent(evaluated, data):
    X, _, _, fold = data
    for name, logs in evaluated[2].scores.items():
        absent = X[name].isna().all(axis=1).to_numpy()[fold.test]
        assert np.array_equal(np.isnan(logs).all(axis=1), absent)
        np.testing.assert_allclose(np.exp(logs[~absent]).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("strategies", [["unimodal"], ["late_mean"], ["early"], ["hybrid"], ["majority"]])
def test_only_what_the_study_asks_for_is_answered(data, make, strategies):
    X, labels, groups, fold = data
    result = evaluate_fold(make(strategies=strategies), "linear", fold, X, labels, groups, np.unique(labels))
    assert {key[0] for key in result.probabilities} == set(strategies)


def test_one_block_is_not_fused(data, make):
    X, labels, groups, fold = data
    result = evaluate_fold(make(), "linear", fold, X[["face"]], labels, groups, np.unique(labels))
    assert {key[0] for key in result.probabilities} == {"majority", "unimodal"}


def test_a_class_absent_in_training_gets_probability_0(data, make):
    X, labels, groups, fold = data
    train = fold.train[labels[fold.train] != "neutral"]
    result = evaluate_fold(make(), "linear", Fold("1", train, fold.test), X, labels, groups, np.unique(labels))
    for answers in result.probabilities.values():
        assert answers.shape == (len(fold.test), 3)
        assert (answers[:, 1] == 0).all()
        np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-6)
    for logs in result.scores.values():
        assert (np.exp(logs[~np.isnan(logs[:, 0]), 1]) < 1e-6).all()


def test_a_single_class_in_training_is_answered_with_a_warning(data, make):
    X, labels, groups, fold = data
    train = fold.train[labels[fold.train] == "sad"]
    result = evaluate_fold(make(), "linear", Fold("one", train, fold.test), X, labels, groups, np.unique(labels))
    assert all((answers[:, 2] == 1).all() for answers in result.probabilities.values())
    assert any(line.startswith("fold 'one': ") and "single class 'sad'" in line for line in result.warnings)


def test_ready_probabilities_are_fused_without_an_early_expert(make_corpus, make_study):
    corpus = make_corpus(tables=())
    random = np.random.default_rng(0)
    shares = {
        name: pd.DataFrame(random.dirichlet(np.ones(3), 48), index=corpus.samples.index, columns=sorted(WORDS))
        for name in ("face", "voice")
    }
    spec = {"extractor": "table", "probabilities": True}
    study = make_study(blocks={name: spec | {"table": name} for name in shares}, classifiers=["given"])
    labels, groups = (corpus.samples[name].to_numpy(dtype=str) for name in ("label", "group"))
    fold = Fold("1", np.arange(24), np.arange(24, 48))
    result = evaluate_fold(study, "given", fold, join_blocks(shares), labels, groups, np.unique(labels))
    assert {key[0] for key in result.probabilities} == {"majority", "unimodal", *LATE_RULES}


def test_an_error_names_its_fold(data, make):
    X, labels, groups, fold = data
    missing = X.copy()
    missing.loc[missing.index[fold.train], "voice"] = np.nan
    with pytest.raises(EmofuseError, match="block 'voice' is absent in every training row") as caught:
        evaluate_fold(make(), "linear", fold, missing, labels, groups, np.unique(labels))
    assert caught.value.__notes__ == ["fold 's3'"]
