"""What a fold answers that hears the turns around a sample: out of fold, of its own side only, of one modality or several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from emofuse.experiments.answers import SELECTED, turns_for
from emofuse.experiments.combine import choose_strategy
from emofuse.experiments.estimators import make_strategy
from emofuse.experiments.protocols import Fold
from emofuse.features.errors import StudyError, TableError
from emofuse.fusion.blocks import join_blocks

N_DIALOGUES, N_TURNS, N_TEST = 24, 8, 64
STRATEGIES = ("majority", "unimodal", "best_single", "context", "context_later", "selected")


@pytest.fixture(scope="module")
def talk(make_corpus):
    """A corpus of dialogues in which a mood lasts; each is a group, and two people speak in turn."""
    corpus = make_corpus(
        n_groups=N_DIALOGUES,
        n_per_group=N_TURNS,
        signal=0.0,
        dialogue=np.repeat([f"d{number:02d}" for number in range(N_DIALOGUES)], N_TURNS),
        turn=np.tile(np.arange(N_TURNS), N_DIALOGUES),
    )
    codes = np.repeat(np.random.default_rng(3).integers(0, 3, size=N_DIALOGUES), N_TURNS)
    tables = {name: table.copy() for name, table in corpus.tables.items()}
    for table in tables.values():
        for code in range(3):
            table.loc[codes == code, table.columns[code]] += 0.8
    samples = corpus.samples.assign(
        label=np.array(["happy", "neutral", "sad"])[codes], speaker=np.tile(["ann", "ben"], len(codes) // 2)
    )
    return replace(corpus, samples=samples, tables=tables)


@pytest.fixture(scope="module")
def study_of(make_study):
    """A function that makes a study with contexts."""

    def make(*tables, strategies=STRATEGIES, **changes):
        study = make_study(*tables, metrics=["macro_f1"], meta={"boosted": {"n_rounds": 20}}, **changes)
        return study.model_copy(update={"strategies": strategies})

    return make


@pytest.fixture(scope="module")
def answered(answer_fold):
    """A function that gives the fold that tests the last dialogues: its families, and what they answer together."""

    def answer(study, corpus, *, turns=None):
        X = join_blocks({name: corpus.tables[name] for name in study.blocks})
        labels, groups = (corpus.samples[name].to_numpy(dtype=str) for name in ("label", "group"))
        fold = Fold("1", np.arange(len(X))[:-N_TEST], np.arange(len(X))[-N_TEST:])
        turns = turns_for(study, corpus.samples) if turns is None else turns
        found = answer_fold(study, X, labels, groups, fold, turns=turns)
        return fold, found.families, found.outcome, found.conditions

    return answer


@pytest.fixture(scope="module")
def one(talk, study_of, answered):
    return answered(study_of("face"), talk)


def accuracy(answers, corpus):
    codes = np.unique(corpus.samples["label"], return_inverse=True)[1][-N_TEST:]
    return float((answers.argmax(axis=1) == codes).mean())


def test_a_single_modality_has_its_contexts_and_they_know_more(one, talk):
    _, _, outcome, _ = one
    given = {key[0]: value for key, value in outcome.probabilities.items()}
    assert set(given) == set(STRATEGIES)
    assert {key[1:] for key in outcome.probabilities if key[0].startswith("context")} == {(("face",), "linear")}
    alone = accuracy(given["unimodal"], talk)
    assert alone < accuracy(given["context"], talk) <= accuracy(given["context_later"], talk)
    for name in ("context", "context_later"):
        np.testing.assert_allclose(given[name].sum(axis=1), 1)
        assert outcome.nested[name, ("face",), "linear"] > outcome.nested["unimodal", ("face",), "linear"]


def test_selected_is_the_best_context_and_best_single_is_none(one):
    _, _, outcome, _ = one
    contexts = {key: value for key, value in outcome.nested.items() if key[0].startswith("context")}
    assert outcome.nested[outcome.chosen[SELECTED]] == max(contexts.values())
    assert {key[0]: choice[0] for key, choice in outcome.chosen.items()}["best_single"] == "unimodal"
    assert set(outcome.thresholds) == {0.8, 0.9}


def test_the_fold_answers_as_the_estimator_by_itself(one, talk, study_of):
    fold, _, outcome, _ = one
    X = join_blocks({"face": talk.tables["face"]})
    labels, groups = (talk.samples[name].to_numpy(dtype=str) for name in ("label", "group"))
    turns = turns_for(study_of("face"), talk.samples)
    for name in ("context", "context_later"):
        made = make_strategy(study_of("face"), name, "linear", ["face"])
        made.fit(X.iloc[fold.train], labels[fold.train], groups[fold.train], turns=turns.take(fold.train))
        given = made.predict_proba(X.iloc[fold.test], turns.take(fold.test))
        np.testing.assert_allclose(outcome.probabilities[name, ("face",), "linear"], given, atol=1e-9)


def test_test_rows_hear_test_rows_alone(one, talk, study_of, answered):
    """Of a dialogue that stands on both sides, neither side hears the other."""
    _, _, outcome, _ = one
    key = ("context_later", ("face",), "linear")
    given = {}
    for name in ("d00", "of their own"):  # the last test rows, put into a dialogue of training or into none
        samples = talk.samples.copy()
        last = samples.index[-N_TURNS // 2 :]
        samples.loc[last, "dialogue"], samples.loc[last, "turn"] = name, np.arange(100, 100 + len(last))
        given[name] = answered(study_of("face"), replace(talk, samples=samples))[2].probabilities[key]
    np.testing.assert_array_equal(given["d00"], given["of their own"])
    assert not np.array_equal(given["d00"][-N_TURNS:], outcome.probabilities[key][-N_TURNS:])


def test_several_modalities_are_heard_together_and_asked_under_all_conditions(talk, study_of, answered):
    _, _, outcome, _ = answered(study_of("face", "voice"), talk)
    key = ("context", ("face", "voice"), "linear")
    assert accuracy(outcome.probabilities[key], talk) > max(
        accuracy(given, talk) for name, given in outcome.probabilities.items() if name[0] == "unimodal"
    )
    present = {condition[1] for name, condition in outcome.counts if name == key and condition[0] == "present"}
    assert present == {("face",), ("voice",), ("face", "voice")}
    lost = {rate: outcome.counts[key, ("dropped", rate)][0] for rate in (0.0, 0.9)}
    assert lost[0.9].losses[0] > lost[0.0].losses[0]
    assert lost[0.0].confusion.sum() == N_TEST


def test_of_a_named_context_the_best_classifier_is_chosen(talk, study_of, answered):
    study = study_of("face", strategies=("context", "selected"), classifiers=["linear", "kernel"])
    fold, families, outcome, conditions = answered(study, talk)
    key, parameters, nested = choose_strategy(
        study, fold, families, conditions.modalities, turns_for(study, talk.samples)
    )
    assert key == outcome.chosen[SELECTED] and key[0] == "context" and parameters == {}
    assert nested == max(value for name, value in outcome.nested.items() if name[0] == "context")


@pytest.mark.parametrize("missing", [["dialogue"], ["turn"], ["dialogue", "turn"]])
def test_a_context_without_dialogues_is_refused(talk, study_of, missing):
    samples = talk.samples.drop(columns=missing)
    with pytest.raises(
        StudyError, match=r"strategy 'context' needs the columns \[.*\] in the samples; add them or"
    ) as e:
        turns_for(study_of("face"), samples)
    assert str(missing) in str(e.value)
    assert turns_for(study_of("face", strategies=("unimodal",)), samples) is None


def test_turns_that_cannot_be_ordered_are_refused(talk, study_of, answered):
    with pytest.raises(TableError, match="stands in samples"):
        turns_for(study_of("face"), talk.samples.assign(turn=0))
    with pytest.raises(StudyError, match="give turns"):
        fold, families, _, conditions = answered(study_of("face"), talk)
        choose_strategy(study_of("face"), fold, families, conditions.modalities)
