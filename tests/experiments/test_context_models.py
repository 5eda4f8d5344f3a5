"""Contexts from a study to a model at work: named, compared, trained, written, read and asked about tables of turns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from emofuse.experiments.bundles import save_trained
from emofuse.experiments.digests import digest
from emofuse.experiments.evaluate import evaluate_model
from emofuse.experiments.run import run_study
from emofuse.experiments.strategies import CONTEXTS
from emofuse.experiments.train import train_study
from emofuse.features.errors import StudyError
from emofuse.fusion.context import ContextModel
from emofuse.fusion.contextual import ContextFusion
from emofuse.inference.predictor import load

N_DIALOGUES, N_TURNS = 20, 6
STRATEGIES = ["majority", "unimodal", "best_single", *CONTEXTS, "selected"]
WORDS = {"happy": "great love nice", "neutral": "fine table said", "sad": "gone lost cry"}


@pytest.fixture(scope="module")
def corpus(make_corpus):
    """Texts in dialogues of one mood, some turns of which tell of it; two speakers, an official split."""
    random = np.random.default_rng(0)
    moods = np.repeat(random.choice(list(WORDS), size=N_DIALOGUES), N_TURNS)
    texts = [
        " ".join([random.choice(WORDS[mood].split() if random.random() < 0.6 else ["well", "so", "you"]), str(number)])
        for number, mood in enumerate(moods)
    ]
    made = make_corpus(
        n_groups=2,
        n_per_group=N_DIALOGUES * N_TURNS // 2,
        tables=(),
        text=texts,
        dialogue=np.repeat([f"d{number:02d}" for number in range(N_DIALOGUES)], N_TURNS),
        turn=np.tile(np.arange(N_TURNS), N_DIALOGUES),
        split=np.repeat(["train", "test"], [14 * N_TURNS, 6 * N_TURNS]),
    )
    return replace(made, samples=made.samples.assign(label=moods, group=np.tile(["ann", "ben"], len(moods) // 2)))


@pytest.fixture(scope="module")
def study(make_study):
    return make_study(
        blocks={"text": {"extractor": "text"}},
        strategies=STRATEGIES,
        group="dialogue",
        metrics=["weighted_f1", "accuracy"],
        meta={"boosted": {"n_rounds": 10}},
        protocol={"name": "official", "leaky": True},
    )


@pytest.fixture(scope="module")
def done(corpus, study):
    return run_study(study, corpus)


@pytest.fixture(scope="module")
def trained(corpus, study):
    return train_study(study, corpus, strategy="context")


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "talk.emofuse"
    save_trained(trained, path)
    return load(path)


def answers_of(run, strategy):
    found = run.predictions[run.predictions["strategy"] == strategy].set_index("sample")
    return found[run.results["corpus"]["classes"]].to_numpy()


def test_a_run_holds_contexts_against_the_single_modality(done):
    rows = {row["strategy"]: row for row in done.results["rows"]}
    assert list(rows) == [name for name in rows if name in STRATEGIES] and set(rows) == set(STRATEGIES)
    assert done.results["protocol"]["groups"] == "dialogue"
    assert done.results["protocol"]["leaky"]
    exploratory = {item["a"] for item in done.results["comparisons"] if item["family"] == "exploratory"}
    assert exploratory == set(CONTEXTS)
    assert "context" in done.results["verdict"] and "ontext" in done.results["verdict"].split(":")[0]
    for name in ("unimodal", *CONTEXTS):
        assert len(rows[name]["nested"]) == 1


def test_who_speaks_is_known_where_dialogues_are_held_together(done, corpus):
    assert done.samples["group"].tolist() == corpus.samples["dialogue"].tolist()
    assert done.samples["speaker"].tolist() == corpus.samples["group"].tolist()


def test_a_context_is_refused_where_there_are_no_dialogues(corpus, study):
    without = replace(corpus, samples=corpus.samples.drop(columns="turn"))
    with pytest.raises(StudyError, match=r"strategy 'context' needs the columns \['turn'\]"):
        run_study(study, without)


def test_a_model_is_the_context_that_was_named(trained):
    assert isinstance(trained.fusion, ContextFusion) and not trained.fusion.later
    assert (trained.strategy, trained.family, trained.blocks) == ("context", "linear", ("text",))
    assert trained.validation["chosen"] == {"context (linear)": 1}
    assert trained.study.strategies == ("context",)
    # Those who were heard in training are known again by their names, whatever was held together.
    assert set(trained.training["group_digests"]) == {digest("ann"), digest("ben")}


def test_without_a_name_a_model_needs_no_dialogue(corpus, study):
    assert train_study(study, corpus).strategy == "unimodal"


def test_an_evaluation_gives_what_the_run_gave(model, corpus, done):
    run = evaluate_model(model, corpus, split="test")
    assert isinstance(model.bundle.model, ContextModel) and model.hears_turns
    np.testing.assert_allclose(answers_of(run, "context"), answers_of(done, "context"), atol=1e-6)
    assert run.results["evaluation"]["seen_by"]["group"] == 6 * N_TURNS
    alone = evaluate_model(model, replace(corpus, samples=corpus.samples.drop(columns="turn")), split="test")
    assert not np.allclose(answers_of(alone, "context"), answers_of(done, "context"))


def test_a_table_of_turns_is_answered_in_its_dialogues(model, corpus, done):
    samples = corpus.samples[corpus.samples["split"] == "test"]
    found = model.predict_table(samples)
    columns = [f"p_{label}" for label in model.classes]
    np.testing.assert_allclose(found[columns].to_numpy(), answers_of(done, "context"), atol=1e-6)
    assert found["label"].tolist() == [model.classes[code] for code in found[columns].to_numpy().argmax(axis=1)]
    mixed = model.predict_table(samples.sample(frac=1.0, random_state=0)).loc[samples.index]
    np.testing.assert_allclose(mixed[columns].to_numpy(), found[columns].to_numpy())


def test_a_clip_alone_is_the_first_turn_of_its_dialogue(model, corpus):
    samples = corpus.samples[corpus.samples["split"] == "test"]
    found = model.predict_table(samples)
    answer = model.predict(text=samples["text"].iloc[0])
    assert answer.probabilities == pytest.approx({label: found[f"p_{label}"].iloc[0] for label in model.classes})
    alone = model.predict_table(samples.drop(columns=["dialogue"]))
    assert not np.allclose(alone.filter(like="p_"), found.filter(like="p_"))


def test_a_turn_without_words_has_no_answer_and_is_not_heard(model, corpus):
    samples = corpus.samples[corpus.samples["split"] == "test"].copy()
    samples.loc[samples.index[1], "text"] = None
    samples.loc[samples.index[2], "text"] = "   "
    found = model.predict_table(samples)
    assert found["label"].isna().tolist() == [number in (1, 2) for number in range(len(samples))]
    assert "got nothing" in found["warnings"].iloc[1]


def test_a_model_of_dialogues_can_be_made_again_from_its_file(model):
    made = model.bundle.estimator()
    assert isinstance(made, ContextFusion) and made.metric == "weighted_f1"


@pytest.mark.parametrize("name", ["context:kernel", "context_later"])
def test_a_context_is_named_with_its_classifier_or_without(corpus, study, name):
    assert train_study(study, corpus, strategy=name).strategy == name.partition(":")[0]
